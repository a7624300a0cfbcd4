"""Which sentences of a language model never reach the screen: with a link, the house's own secrets, or its instructions."""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from importlib import resources

from campaignwright.market.screen import LINK, unseen_off

_SECRET = re.compile(
    r"\bc[0-9a-f]{16}\b|\b[0-9a-f]{32,}\b"  # a customer's pseudonym, a key
    r"|(?<![\w/])/(?:home|root|tmp|var|usr|etc|srv|opt|mnt|Users|app|data)/[\w./-]+"
    r"|\b[A-Za-z]:\\\w|\b(?:market\.duckdb|\w+\.sqlite|workspace\.json)\b"  # a path
)
_CUT = re.compile(r"\[\[\w+\]\]|(?<=[.:;。：；])\s*")
QUOTED = 36  # bytes of the instructions that are no coincidence: 36 letters or 12 Chinese characters


@cache
def _instructions() -> tuple[str, tuple[str, ...]]:
    """The system prompts of both languages as one line, and their longer pieces."""
    folder = resources.files("campaignwright.agent").joinpath("prompts")
    texts = (folder.joinpath(f"system.{language}.md").read_text("utf-8") for language in ("en", "zh"))
    flat = " ".join(" ".join(unicodedata.normalize("NFKC", text).split()) for text in texts)
    return flat, tuple(piece for piece in _CUT.split(flat) if len(piece.encode()) >= QUOTED)


def reason_to_hide(text: str) -> str | None:
    """Why a sentence of the model is not shown: a link, or what is the house's own; None when it may be."""
    plain = " ".join(unicodedata.normalize("NFKC", unseen_off(text)).split())
    if LINK.search(plain):
        return "a link, a picture or markup"
    if _SECRET.search(plain):
        return "an identifier, a key or a path"
    flat, pieces = _instructions()
    quoted = len(plain.encode()) >= QUOTED and plain.lstrip("- ") in flat
    return "the instructions" if quoted or any(piece in plain for piece in pieces) else None
