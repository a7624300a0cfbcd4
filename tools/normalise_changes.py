"""What turns a value into a change of the one that stands, in the marketer's own words: "2k more", "减少两成", "halve it".

Knows no unit: `direction` says which way an amount goes, `factor` what the standing value is multiplied by.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from campaignwright.tools.normalise_text import Number, numbers, problem

_HALF = re.compile(  # "half a lakh" is an amount
    r"\bhalf(?! (?:an? )?(?:hundred|thousand|grand|million|billion|mn|bn|lakh|lac|crore|k|m|dozen|point)s?\b| ?price)|"
    r"\bhalv(?:e|ing)|一半|减半|对半|砍半|腰斩"
)
TWICE = re.compile(r"\bdoubl(?:e|ed|es|ing)\b(?! digits?)|\btwice\b|翻倍|翻一?番|加倍|两倍|[加多增涨高翻]一倍")
_TRIPLE = re.compile(r"\btripl\w*|三倍")
_TIMES = re.compile(r" ?(?:times|x)(?:$| (?:the|as|what|it|its|our|that)\b)|倍(?!数)")
_OTHERS = re.compile(r"\baverage|\bgoal|\btarget|\bindustry|\bcompetit|\blast (?:year|month|time)|去年|上次|同行|行业|目标|同期")
_COUNTED = r"(?=by\b|another\b|\d|(?:an?|one|two|three|four|five|six|eight|ten|twenty)\b)"
_MEASURE = r"(?:more|less|fewer|higher|lower|longer|shorter|deeper|shallower|bigger|smaller)"
_WORDS = r"(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|fifty|hundred)\b"
_AMOUNT = r"[\d一二两三四五六七八九十]"
_LESS = re.compile(
    r"\bless\b|\bfewer\b|(?<!can't )(?<!cannot )\blose (?=an?\b|one\b|two\b|three\b|\d)|"
    r"\blower\b|\bcut\b|\bshave|\btrim|\breduc\w*|\bdrop\b(?=.*\bby\b)|\bdecreas\w*|\bknock\b|"
    r"\btake\b(?=.*\b(?:off|away|out)\b)|\bsmaller\b|\bshorte[rn]\w*|\bminus\b|\boff\b|\bcheaper\b|"
    rf"\bdown {_COUNTED}|(?<=%) down\b|减|砍|抠|少(?=花|投|给|用|掉|跑|做|{_AMOUNT})|降|压|(?<!折)扣|缩|下调|调低|(?<!最)短(?={_AMOUNT})"
)
_MORE = re.compile(
    r"^\+ ?(?=[$€£¥]?\d)|\bmore\b|\bextra\b|\bup (?:the|my|our|its) \w+ by\b|"
    r"\badditional\b|\badd\w*|\banother\b|\bincreas\w*|\bhigher\b|\bon top\b|"
    r"\b(?:^plus|plus (?=[$€£¥]?\d))|"
    rf"\braise\b|\bup {_COUNTED}|(?<=%) up\b|\bbump\b|\bbigger\b|\blonger\b|\bextend\w*|\bhalf (?:as \w+ )?again\b|"
    rf"加(?!元|币|拿大)|[再多](?=[加花投给跑做批拨出来]?多?{_AMOUNT})|多(?=加|花|投|给|跑|做)|涨|提高|[抬拉拔]高|(?:上|高|再|^)提(?=\s?{_AMOUNT})|追(?!求)|添|增|延长|上调|上浮|调高|(?<!最)长(?={_AMOUNT})"
)
_HEDGE = re.compile(  # "no more than 8k" is 8k
    rf"\bmore or less\b|\bmore like\b|\bno(?:t|thing)?(?: any| much)? {_MEASURE}\b(?: than)?|\b{_MEASURE} than\b|"
    rf"\b(?:or|and) {_MEASURE}\b|\b{_MEASURE} (?:if (?:at all )?(?:possible|needed|you can|we can)|would be)\b|"
    rf"\ban? {_MEASURE}(?= .*\b(?!by\b)(?:\d|{_WORDS}))(?!.*\bby\b)|\b{_MEASURE} [\w -]*\bof(?= [$€£¥]?(?:\d|{_WORDS}))|"
    r"\boff[ -]?(?:season|peak)\b|\bcut-off\b|\b(?:an?|the|as|hard) cut off\b|"
    rf"(?:不能|不可以?|不要|不用|不会|不想|不许|不得|不|别|勿)再[^,;\d一二两三四五六七八九十]*(?=$|[,;])|"
    r"再[说看议定谈]|最多|至多|顶多|不多于|至少|最少|不少于|多少|差不多|加起来"
)
_NOT_ONE = re.compile(rf"\bnot (?:an?|one|a single) \w+ {_MEASURE}\b")
_CLAUSE = re.compile(r"(?<!\d)[,;:]|[,;:](?!\d)")
TO = re.compile(r"\bto\b(?! (?:the|my) budget)|到|原来的(?!基础)|(?<![一二两三四五六七八九\d])成|(?<!因)为(?!了)")
ABSOLUTE = re.compile(TO.pattern + r"|\bat\b(?! (?:least|most|the))|\binstead\b|改(?!一下)")
_CHENG = re.compile(r"([一二两三四五六七八九]|\d)成(半|[一二三四五六七八九五])?")
_PERCENT = re.compile(r" ?(?:%|percent|per cent|pct|个点)")
PARTS = (  # the shares that are words
    (r"\btwo[ -]thirds\b|三分之二", 2 / 3),
    (r"\bthree[ -]quarters\b|四分之三", 0.75),
    (r"\b(?:a|one)[ -]third\b|\bthird off\b|三分之一", 1 / 3),
    (r"\b(?:a|one)[ -]quarter\b(?! of an? )|\bquarter off\b|四分之一", 0.25),
    (r"\b(?:a|one)[ -]fifth\b|\bfifth off\b|五分之一", 0.2),
    (r"\b(?:a|one)[ -]tenth\b|\btenth off\b|十分之一", 0.1),
    (_HALF.pattern, 0.5),
)


def standing(current: float | None, expected: str, said: object, argument: str) -> float:
    """The value that a change starts from. Raises ToolError(retry) when nothing is set."""
    if current is None:
        raise problem(argument, f"{expected} (nothing is set yet that could be changed)", said)
    return current


def direction(text: str) -> int:
    """1 when a cleaned text asks for more, -1 for less, 0 when it says neither ("no more than" says neither)."""
    text = unhedged(text)
    return -1 if _LESS.search(text) else 1 if _MORE.search(text) else 0


def unhedged(text: str) -> str:
    """A cleaned text without what bounds a value and changes none: "no more than", "less if possible", "不能再加了"."""
    return _HEDGE.sub(" ", text)


def without_limit(text: str) -> str:
    """A cleaned text without "not a penny more", whose "a day" or "one" is no second amount."""
    return _NOT_ONE.sub(" ", text)


def aside(
    text: str,
    value: float,
    current: float | None,
    amounts: Callable[[str], Sequence] = numbers,
    toward: Callable[[str], int] = direction,
) -> bool:
    """Whether a value is stated beside the word of change: "raise it: 5"; after a comma only where the value lies on that side
    of the standing one ("lower it a bit, 3" at 4, but not "加一点，5000" at 20000)."""
    clauses = _CLAUSE.split(text)
    if any(toward(clause) for clause in clauses if amounts(clause)):
        return False
    return current is None or re.search(r":(?!\d)|(?<!\d):", text) is not None or (value - current) * toward(text) > 0


def scaled(current: float | None, scale: float, expected: str, said: object, argument: str) -> float:
    """The standing value times a factor. Raises ToolError(retry) below 0 ("200% less") and when nothing is set."""
    if scale < 0:
        raise problem(argument, "a change that leaves 0 or more", said)
    return standing(current, expected, said, argument) * scale


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
    sign = 0 if TO.search(text) else direction(text)
    shares = {n.value / 100 for n in percents(text)}
    if shares:
        return 1 + sign * shares.pop() if sign and len(shares) == 1 else None
    share = _share(text)
    if share is not None:
        return 1 + sign * share if sign else share
    return 2.0 if TWICE.search(text) else 3.0 if _TRIPLE.search(text) else _times(text)


def _times(text: str) -> float | None:
    """What a text multiplies by: "one and a half times what it was" 1.5, "乘以2" 2, "增加2倍" 3, "cut by a factor of 2" 0.5;
    None when it names no multiple, or one of something else ("3 times the industry average")."""
    found = numbers(text)
    if len(found) != 1 or found[0].value <= 0 or _OTHERS.search(text):
        return None
    value, behind, ahead = found[0].value, text[found[0].end :], text[: found[0].start]
    if not (_TIMES.match(behind) or re.search(r"乘以?\s?$|\bfactor of $", ahead)):
        return None
    sign = 0 if TO.search(text) else direction(text)
    if sign < 0:
        return 1 / value
    return value + 1 if sign and behind.startswith("倍") else value


def _share(text: str) -> float | None:
    """The one share a text names without a percent sign, when it names no other number."""
    for pattern, value in ((_CHENG.pattern, cheng(text)), *PARTS):
        match = re.search(pattern, text)
        if match:
            rest = numbers(text[: match.start()] + " " + text[match.end() :])
            return value if all(n.text in ("一", "half", "两") for n in rest) else None
    return None
