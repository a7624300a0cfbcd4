"""Printed words of the closed vocabularies and sections, English and Chinese, from `data/export_labels.json`."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources


@cache
def labels() -> dict[str, dict[str, dict[str, str]]]:
    """language -> group (channel, objective, figure, text ...) -> canonical word -> printed word."""
    return json.loads(resources.files("campaignwright.market").joinpath("data/export_labels.json").read_text("utf-8"))


def label(group: str, word: str, language: str) -> str:
    """The printed word; a word that the table does not hold (a workspace's own segment, say) is printed as it is."""
    return labels()[language][group].get(word, word.replace("_", " ") if group == "figure" else word)


def figure_label(name: str, tool: str, language: str) -> str:
    """The printed name of a tool's figure: "forecast.discount" is not what "discount" is to the price tool."""
    if name.startswith("spend_"):
        return f"{label('figure', 'spend', language)}, {label('channel', name.removeprefix('spend_'), language)}"
    own = labels()[language]["figure"].get(f"{tool}.{name}")
    return own or label("figure", name, language)
