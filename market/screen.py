"""Links, pictures and markup taken out of text that is to be shown or exported.

Names in a shop's data, arguments of a call and copy may hold one, and nothing the copilot says needs one. A chat page that
draws such text could load a picture from elsewhere, and so carry figures out.
"""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from typing import Any

LINK = re.compile(
    r"!\[[^\]\n]*\][(\[:][^)\]\n]*[)\]]?|\[[^\]\n]*\]\([^)\n]*[/:.][^)\n]*\)?|(?m:^ {0,3})\[[^\]\n]*\]:\s*\S*[/.]\S*"  # Markdown
    r"|\b[a-z][a-z0-9+.-]{1,20}:/{2}[^\s\"'<>]*|(?<![\w/])//[\w-]+\.[^\s\"'<>]*[/.][^\s\"'<>]*|\bwww\.[^\s\"'<>]*"
    r"|\b(?:javascript:|mailto:|data:\w+/)[^\s]*"
    r"|<[/!]\s*[a-z_-][^>\n]*>?|<[a-z][a-z0-9_:-]*(?:\s*/?>|\s+[a-z-]+\s*=[^>\n]*>?|/[^>\n]*>?)",
    re.IGNORECASE,
)
_UNSEEN = re.compile("[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")  # joiners stay: emoji need them
PLACE = "[…]"


def unseen_off(text: str) -> str:
    """`text` without characters that are not seen or turn the direction of writing."""
    return _UNSEEN.sub("", text)


def screened(text: str) -> str:
    """`text` without unseen characters, links, pictures and markup (they become […]); the rest as it is."""
    seen = unseen_off(text)
    plain = unicodedata.normalize("NFKC", seen)  # shows a link in full-width letters
    return LINK.sub(PLACE, plain if LINK.search(plain) and not LINK.search(seen) else seen)


def screened_all(value: Any) -> Any:
    """A string, a list or a dataclass with every string in it screened; anything else as it is."""
    if isinstance(value, str):
        return screened(value)
    if isinstance(value, list):
        return [screened_all(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.replace(value, **{one.name: screened_all(getattr(value, one.name)) for one in dataclasses.fields(value)})
    return value
