"""Quoted values together with the words beside them in the message that turn them round: "no discounts" in "no discounts over
20%" is a limit of 20 %, "January" in "before January" a deadline."""

from __future__ import annotations

import re

_OVER = re.compile(
    r"\s*(?:over|above|beyond|exceeding|(?:of )?(?:more|deeper|higher|bigger|greater|larger) than)\s+"
    r"\d+(?:\.\d+)?\s?(?:%|percent|per cent|pct)",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"\b(?:before|until|till)\s+(?:the\s+)?$", re.IGNORECASE)
_STARTS = re.compile(r"\b(?:start\w*|launch\w*|begin\w*|live|kick\w*|open\w*)\b[^,.;!?]*$", re.IGNORECASE)
_ZH_BEFORE = re.compile(r"(?:之前|以前|前)(?=\s*(?:$|[,，.。;；!！?？、]|把|要|得|必须|清|卖|结束|完))")


def limit(quote: str, request: str) -> str:
    """The quote and the limit behind it, where there is one: "no discounts" -> "no discounts over 20%"."""
    at = request.lower().find(quote.lower())
    more = _OVER.match(request, at + len(quote)) if at >= 0 else None
    return request[at : more.end()] if more else quote


def deadline(quote: str, request: str) -> str:
    """The quote and the word that makes it a deadline: "January" -> "before January", "圣诞" -> "圣诞前". A day before which
    something shall *start* stays as it is."""
    at = request.lower().find(quote.lower())
    if at < 0:
        return quote
    ahead, end = _BEFORE.search(request[:at]), at + len(quote)
    if ahead and not _STARTS.search(request[: ahead.start()]):
        return request[ahead.start() : end]
    behind = _ZH_BEFORE.match(request, end)
    return request[at : behind.end()] if behind else quote
