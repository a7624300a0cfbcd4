"""The sentences of `set_brief`, `search_campaigns` and of refused calls, by language (`data/brief_texts.json`)."""

from __future__ import annotations

import functools
import json
from importlib import resources


@functools.cache
def _texts() -> dict[str, dict[str, str]]:
    return json.loads(resources.files("campaignwright.tools").joinpath("data/brief_texts.json").read_text("utf-8"))


def say(code: str, language: str, /, **slots: object) -> str:
    """The sentence of `code` with its slots filled. Raises KeyError for an unknown code or a missing slot."""
    return _texts()[language][code].format(**slots)


def unreadable(argument: str, said: object) -> str | None:
    """The Chinese sentence on a value that cannot be used: which field, what to write; None for a rare argument."""
    text = _texts()["zh"].get(f"unreadable_{argument}")
    return text.format(said=said) if text else None
