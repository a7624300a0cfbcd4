"""Prompts and fixed sentences as data (`prompts/`) with named slots `[[name]]`; unknown or missing names are errors."""

from __future__ import annotations

import functools
import json
import re
from importlib import resources

SLOT = re.compile(r"\[\[(\w+)\]\]")


@functools.cache
def _read(file: str) -> str:
    source = resources.files("campaignwright.agent").joinpath("prompts", file)
    if not source.is_file():
        raise KeyError(f"there is no prompt file {file!r}")
    return source.read_text(encoding="utf-8")


def slots(text: str) -> set[str]:
    """The slot names in `text`."""
    return set(SLOT.findall(text))


def fill(text: str, values: dict[str, object]) -> str:
    """`text` with its slots filled. Raises KeyError naming the slots without a value and the values without a slot."""
    wanted, given = slots(text), set(values)
    if wanted != given:
        missing, unknown = sorted(wanted - given), sorted(given - wanted)
        raise KeyError(f"prompt slots: missing {missing}, unknown {unknown}")
    return SLOT.sub(lambda found: str(values[found.group(1)]), text)


def prompt(name: str, language: str, /, **values: object) -> str:
    """The prompt `name` (system, copy) in `language`, filled. Raises KeyError for an unknown prompt or slot."""
    return fill(_read(f"{name}.{language}.md").strip(), values)


def sentence(name: str, language: str, /, **values: object) -> str:
    """The fixed sentence `name` in `language`, filled. Raises KeyError for an unknown sentence or slot."""
    return fill(json.loads(_read(f"sentences.{language}.json"))[name], values)
