"""What turns a value into a change of the one that stands, in the marketer's own words: "2k more", "减少两成", "halve it".

Knows no unit: `direction` says which way an amount goes, `factor` what the standing value is multiplied by.
"""

from __future__ import annotations

import re

from campaignwright.tools.normalise_text import Number, numbers, problem

_HALF = re.compile(r"\bhalf(?! (?:an? )(?:million|thousand|grand|billion|point)|price)|\bhalve|一半|减半|对半|砍半|腰斩")
TWICE = re.compile(r"\bdoubl\w*|\btwice\b|翻倍|翻一?番|加倍|两倍|[加多增涨高翻]一倍")
_TRIPLE = re.compile(r"\btripl\w*|三倍")
_COUNTED = r"(?=by\b|another\b|\d|(?:an?|one|two|three|four|five|six|eight|ten|twenty)\b)"
_AMOUNT = r"[\d一二两三四五六七八九十]"
_LESS = re.compile(
    r"\bless\b|\bfewer\b|\blower\b|\bcut\b|\bshave|\btrim|\breduc\w*|\bdrop\b(?=.*\bby\b)|\bdecreas\w*|\bknock\b|"
    r"\btake\b(?=.*\b(?:off|away|out)\b)|\bsmaller\b|\bshorte[rn]\w*|\bminus\b|\boff\b|\bcheaper\b|"
    rf"\bdown {_COUNTED}|(?<=%) down\b|减|砍|少(?=花|投|给|用|掉|跑|做|{_AMOUNT})|降|压|(?<!折)扣|缩|下调|调低"
)
_MORE = re.compile(
    r"\bmore\b|\bextra\b|\badditional\b|\badd\w*|\banother\b|\bincreas\w*|\bhigher\b|\bon top\b|\bplus (?=[$€£¥]?\d)|"
    rf"\braise\b|\bup {_COUNTED}|(?<=%) up\b|\bbump\b|\bbigger\b|\blonger\b|\bextend\w*|\bhalf (?:as \w+ )?again\b|"
    rf"加(?!元|币|拿大)|多(?=加|花|投|给|跑|做|{_AMOUNT})|涨|提高|追|添|增|延长|上调|调高"
)
_HEDGE = re.compile(  # "no more than 8k" is 8k
    r"\bmore or less\b|\bno(?:t)? (?:more|less|higher|lower|fewer)\b(?: than)?|\b(?:less|more|higher|lower|fewer) than\b|"
    r"\b(?:or|and) (?:less|more|higher|lower)\b|最多|至多|顶多|不多于|至少|最少|不少于|多少|差不多|加起来"
)
_TO = re.compile(r"\bto\b(?! (?:the|my) budget)|到|原来的")
ABSOLUTE = re.compile(_TO.pattern + r"|\bat\b|\binstead\b|(?<![一二两三四五六七八九\d])成|为|改")
_CHENG = re.compile(r"([一二两三四五六七八九]|\d)成(半|[一二三四五六七八九五])?")
_PERCENT = re.compile(r" ?(?:%|percent|per cent|pct|个点)")
_PARTS = (
    (r"\btwo[ -]thirds\b|三分之二", 2 / 3),
    (r"\bthree[ -]quarters\b|四分之三", 0.75),
    (r"\b(?:a|one) third\b|三分之一", 1 / 3),
    (r"\b(?:a|one) quarter\b(?! of an? )|四分之一", 0.25),
    (r"\b(?:a|one) fifth\b|五分之一", 0.2),
    (r"\b(?:a|one) tenth\b|十分之一", 0.1),
    (_HALF.pattern, 0.5),
)


def standing(current: float | None, expected: str, said: object, argument: str) -> float:
    """The value that a change starts from. Raises ToolError(retry) when nothing is set."""
    if current is None:
        raise problem(argument, f"{expected} (nothing is set yet that could be changed)", said)
    return current


def direction(text: str) -> int:
    """1 when a cleaned text asks for more, -1 for less, 0 when it says neither ("no more than" says neither)."""
    text = _HEDGE.sub(" ", text)
    return -1 if _LESS.search(text) else 1 if _MORE.search(text) else 0


def percents(text: str) -> list[Number]:
    """The numbers that are percentages."""
    return [n for n in numbers(text) if _PERCENT.match(text[n.end :]) or text[: n.start].endswith("百分之")]


def cheng(text: str) -> float | None:
    """Tenths: 两成 (0.2), 三成五 (0.35), 一成半 (0.15)."""
    match = _CHENG.search(text)
    if match is None:
        return None
    rest = 5 if match[2] == "半" else numbers(match[2])[0].value if match[2] else 0
    return numbers(match[1])[0].value / 10 + rest / 100


def factor(text: str) -> float | None:
    """What the standing value is multiplied by: "20% more" 1.2, "减少两成" 0.8, "double" 2; None when the text says no such
    thing, or names a number beside the share."""
    sign = 0 if _TO.search(text) else direction(text)
    shares = {n.value / 100 for n in percents(text)}
    if shares:
        return 1 + sign * shares.pop() if sign and len(shares) == 1 else None
    share = _share(text)
    if share is not None:
        return 1 + sign * share if sign else share
    return 2.0 if TWICE.search(text) else 3.0 if _TRIPLE.search(text) else None


def _share(text: str) -> float | None:
    """The one share a text names without a percent sign, when it names no other number."""
    for pattern, value in ((_CHENG.pattern, cheng(text)), *_PARTS):
        match = re.search(pattern, text)
        if match:
            rest = numbers(text[: match.start()] + " " + text[match.end() :])
            return value if all(n.text in ("一", "half", "两") for n in rest) else None
    return None
