"""Quoted values together with the words beside them in the message that turn them round: "no discounts" in "no discounts over
20%" is a limit of 20 %, "January" in "before January" a deadline, "this weekend" in "launch this weekend" a first day. And
whether a message asks for another campaign."""

from __future__ import annotations

import re

_OVER = re.compile(
    r"\s*(?:over|above|beyond|exceeding|(?:of )?(?:more|deeper|higher|bigger|greater|larger) than)\s+"
    r"\d+(?:\.\d+)?\s?(?:%|percent|per cent|pct)",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"\bbefore\s+(?:the\s+)?$", re.IGNORECASE)
_STARTS = r"start\w*|launch\w*|begin\w*|live|kick\w*|open\w*"
_FROM = re.compile(rf"\b(?:{_STARTS})\s+(?:(?:it|this|them|off|on|from|in|at|over|again|already)\s+)*$", re.IGNORECASE)
_ZH_FROM = re.compile(r"(?:就|再)?(?:开始|起|开跑|上线|启动|开卖|开售)")
_NO_DEADLINE = re.compile(  # a start before the day, nothing before it, or a day counted from it
    rf"\b(?:{_STARTS}|not|n[o']t|never|no|none|nothing|nobody|earlier|wait\w*|hold\w*|"
    r"closed|since|don'?t|won'?t|can'?t|cannot)\b[^,.;!?]*$|"
    r"\b(?:day|night|week|weekend|month|just|right|shortly|immediately|long)\s*$",
    re.IGNORECASE,
)
_ZH_BEFORE = re.compile(r"(?:之前|以前|前)(?=\s*(?:$|[,，.。;；!！?？、]|把|要|得|必须|清|卖|结束|完))")
_ZH_NO_DEADLINE = re.compile(r"(?:不|别|没|勿|等|开始|上线|开跑|启动)[^,，.。;；!！?？]*$")

_ANEW = re.compile(
    r"\b(?:plan|make|create|set up|prepare|build|do|start|need|want|have|now|next|also)\b[ ,:]*(?:me |us )?"
    r"(?:a|an|another|one more)(?: (?!(?:cheap|long|short|bigg|small|larg|deep|bett|simpl)er\b)[\w-]+){0,2} campaign\b|"
    r"(?:做|办|搞|策划|安排|规划|来|出)(?:一个|一场|一次|个|场|次)[^,，。;；]{0,12}?(?:活动|促销)",
    re.IGNORECASE,
)
_NOT_ANEW = re.compile(  # a change of the one that stands, or one that is to be like it
    r"\b(?:not|\w+n't|never|no need|add|adding|change|swap|replace|include|instead|rather|same|similar|as before|like (?:the )?last|"
    r"(?:to|in|into|for) (?:the|this|that|my|our) (?:\w+ )?(?:campaign|plan))\b|"
    r"[加改换删]|减(?!价)|不是|(?:不要|别)(?!打折)|同样|一样|照旧|进去|到(?:活动|方案)",
    re.IGNORECASE,
)


def anew(request: str) -> bool:
    """Whether a message asks for a campaign of its own rather than for a change of the one that stands; no word of a change may be
    in it."""
    return _ANEW.search(request) is not None and _NOT_ANEW.search(request) is None


def limit(quote: str, request: str) -> str:
    """The quote and the limit behind it, where there is one: "no discounts" -> "no discounts over 20%"."""
    at = request.lower().find(quote.lower())
    more = _OVER.match(request, at + len(quote)) if at >= 0 else None
    return request[at : more.end()] if more else quote


def day(quote: str, request: str) -> str:
    """The quote with the word that makes it a deadline or a first day: "January" -> "before January", "圣诞" -> "圣诞前", "this
    weekend" -> "starting this weekend". A day before which something shall *start*, or nothing shall happen, stays as it is, and
    so does one named more than once."""
    low = request.lower()
    at, end = low.find(quote.lower()), low.find(quote.lower()) + len(quote)
    if low.count(quote.lower()) != 1:
        return quote
    if _FROM.search(request[:at]) and not re.search(r"\d", quote):
        return f"starting {quote}"
    if begun := _ZH_FROM.match(request, end):
        return request[at : begun.end()]
    ahead = _BEFORE.search(request[:at])
    if ahead:
        return quote if _NO_DEADLINE.search(request[: ahead.start()]) else request[ahead.start() : end]
    behind = _ZH_BEFORE.match(request, end)
    return request[at : behind.end()] if behind and not _ZH_NO_DEADLINE.search(request[:at]) else quote
