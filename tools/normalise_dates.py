"""Dates and ranges of dates in the marketer's own words, English and Chinese.

Weeks run Monday to Sunday; a date without a year is the next one on or after today; ranges include both ends. Day and
month of a date in digits are told apart by what is possible, else by the shop's habit (`day_first`); "1.12." is always day
first. A weekday that the date does not have is reported.

A named day said as a stretch ("during Easter", "中秋期间") is its public holiday's days where it has one, a big sale's own
days (double 11: 1 to 11 November; Black Friday: to Cyber Monday), else the seven days up to and with the day. A loose one
("双十一前后") is the day here, as 双十一 is: `event_period` has its stretch. "before" and "by" a day reach at most half a year
from today; "before March" is before its 1st.
"""

from __future__ import annotations

import datetime as dt
import re
import unicodedata

from campaignwright.market.words import MONTH_FIRST
from campaignwright.tools.normalise_calendar import (
    MONTHS,
    add_days,
    event_pattern,
    month_day,
    named_range,
    next_month_day,
    weekday_of_week,
)
from campaignwright.tools.normalise_duration import parts as durations
from campaignwright.tools.normalise_duration import total
from campaignwright.tools.normalise_mentions import Mention, absolute, mentions, ordinals
from campaignwright.tools.normalise_relative import MONTH, whole
from campaignwright.tools.normalise_text import chinese_value, clean, has_cjk, problem, tail

EXPECTED = "a date or a range of dates such as 1 December, next Monday, Dec 1-7 or 下周一"
_OPEN = re.compile(  # a stretch that is said to be begun: its first day
    r"^(?:start|begin|launch|kick)\w*\b|^from (?!now\b)(?!.*\b(?:to|through|thru|until|till)\b)|(?:开始|起|开跑|上线|启动)$"
)
HALF_YEAR = 183  # days that a stretch said by its end alone ("before Christmas", "by Christmas") may take
_SEP = (
    r",?\s?(?:and )?(?:(?:run|runs|running|ends?|ending|finish|finishing|stops?|lasts?) )?"
    r"(?:-|~|to|through|thru|until|till|and|up to and including|up to|到|至)\s?(?:the )?"
)

_DIGITS = re.compile(  # 1/12, 1.12., 1/12/26, 1-12-2026, and 1-12 alone
    r"(?<![\d/.])(?P<a>\d{1,2})(?P<mark>[/.])(?P<b>\d{1,2})(?P<end>(?P=mark)(?P<y>20\d\d|\d\d)?)?(?![\d/]|\.\d)"
    r"(?! ?(?:days?|weeks?|weekends?|months?|k|x)(?![a-z])| ?[%个周天万折])|"
    r"(?<![\d/.-])(?P<a2>\d{1,2})-(?P<b2>\d{1,2})-(?P<y2>20\d\d)(?!\d)|^(?P<a3>\d{1,2})-(?P<b3>\d{1,2})$"
)


def day_first(currency: str, words: str = "") -> bool:
    """Whether a shop of this currency writes 1/12 for 1 December; words in Chinese never do."""
    return currency not in MONTH_FIRST and not has_cjk(words)


def _in_digits(text: str, day_first: bool) -> list[tuple[re.Match, int, int, str | None, bool]]:
    """(match, day, month, year, whether the order was assumed) of every date in digits whose year is not in front."""
    found = []
    for match in _DIGITS.finditer(text):
        group = match.groupdict()
        a, b = (int(group["a"] or group["a2"] or group["a3"]), int(group["b"] or group["b2"] or group["b3"]))
        dotted = group["mark"] == "." and bool(group["end"]) and not has_cjk(text)
        found.append((match, a, b, group["y"] or group["y2"], dotted))
    evidence = [True for _, a, b, _, _ in found if a > 12 >= b] or [False for _, a, b, _, _ in found if b > 12 >= a]
    evidence = evidence or [True for *_, dotted in found if dotted]
    order, dates = (evidence or [day_first])[0], []
    for match, a, b, year, _ in found:
        day, month = (a, b) if a > 12 or (order and b <= 12) else (b, a)
        if 1 <= month <= 12 and 1 <= day <= 31:
            dates.append((match, day, month, year, not evidence and a != b))
    return dates


def _spelled(text: str, day_first: bool) -> str:
    """The text with its dates in digits written out: "from 1/12" -> "from 1 december", "12.1开跑" -> "12月1日开跑"."""
    for match, day, month, year, _ in reversed(_in_digits(text, day_first)):
        year = str(int(year) % 2000 + 2000) if year else ""
        words = f"{year and year + '年'}{month}月{day}日" if has_cjk(text) else f"{day} {MONTHS[month - 1]} {year}".strip()
        text = text[: match.start()] + words + text[match.end() :]
    return text


def assumed_order(said: object, day_first: bool) -> list[tuple[str, int, int]]:
    """(words, day, month) of the dates in digits that could be read in the other order too, as they are read."""
    text = unicodedata.normalize("NFKC", str(said))
    return [(match.group(), day, month) for match, day, month, _, assumed in _in_digits(text, day_first) if assumed]


def start_and_days(
    said: object, today: dt.date, *, current: dt.date | None = None, argument: str = "start", day_first: bool = False
) -> tuple[dt.date, int | None]:
    """(first day, days) of what is said; days is None for a single date, both ends counted for a range.

    "from 1 December", "starting on the 1st of December", "Dec 1-7", "over the Christmas week", "双十一", "下周一",
    "two weeks from 1 December". `current` lets "a week later", "push it back three days", "提前两天" be read;
    `day_first` is the order of a date in digits that fits both. Raises ToolError(retry) for what is no date, does
    not exist, or can be read in two ways.
    """
    if isinstance(said, dt.date):
        return said, None
    named = named_range(tail(clean(said)), today)
    if named:
        return (named[0], None) if _OPEN.search(clean(said)) else named
    text = _month_limit(ordinals(tail(clean(_spelled(unicodedata.normalize("NFKC", str(said)), day_first)))))
    moved = _moved(text, today, current, said, argument)
    if moved:
        return moved, None
    window = _window(text, today, said, argument) or _compact(text, today, said, argument)
    if window:
        return window
    found = mentions(text, today, said, argument)
    if not found:
        raise problem(argument, EXPECTED, said)
    if len(found) >= 2:
        return _pair(text, found, today, said, argument)
    only = found[0]
    day = only.on_or_after(today, said, argument)
    rest = text[: only.start] + " , " + text[only.end :]
    until = re.search(r"\b(until|till|up to|by)\s*(?:the )?$", text[: only.start])
    if until or re.search(
        r"(?:^|从?现在|今天)[到至]$", text[: only.start]
    ):
        if day < today:
            raise problem(argument, f"an end on or after the start, {today.isoformat()}", said)
        if until and until[1] == "by" and (day - today).days > HALF_YEAR:
            raise problem(argument, f"a day in the half year after {today.isoformat()}", said)
        return today, (day - today).days + 1
    days = total(rest, said, argument) if durations(rest) else None
    english = re.search(r"(?<!not )(?<!no earlier than )\b(before|ahead of|in time for|after)\s*(?:the )?$", text[: only.start])
    chinese = re.match(r"(?:到来)?[之以]?(?:前(?![后夕])|后)", text[only.end :])
    link = english[1] if english else "after" if chinese and "后" in chinese[0] else "before" if chinese else ""
    if link and days:  # "a week before Christmas", "圣诞前两周"
        return add_days(day, int(days) if link == "after" else -int(days)), None
    if link and link != "after":
        return _run_up(text[: only.start], day, today, said, argument)
    if link == "after":
        return _behind(text[only.start : only.end], day, today), None
    return day, int(days) if days else None


def _behind(name: str, day: dt.date, today: dt.date) -> dt.date:
    """The day after `day`, or after the holiday that begins on it ("国庆后")."""
    start, days = named_range(f"{name}期间", today) or (None, 1)
    return add_days(day, 2 if day.weekday() == 5 and re.search("weekend|周末", name) else days if start == day else 1)


def _month_limit(text: str) -> str:
    """ "before February" -> "before 1 february", "2月前" -> "2月1日前", "十月之后" -> "11月1日"; "before May 5" and "12月前三天" stay."""
    text = re.sub(r"(?<![\d年个])(1[0-2]|\d|十[一二]?|[一二三四五六七八九])月份?[之以]?后(?!半|期|旬|段)", _month_behind, text)
    text = re.sub(rf"\b(before|ahead of) (?={MONTH}(?!,? (?:the )?\d{{1,2}}(?!\d)))", r"\1 1 ", text)
    return re.sub(
        r"(\d{1,2}|[一二三四五六七八九十]{1,2})月份?(?=[之以]?前(?! ?[后夕半几第\d一二两三四五六七八九十]))", r"\1月1日", text
    )


def _month_behind(match: re.Match) -> str:
    return f"{int(chinese_value(match[1])) % 12 + 1}月1日"


def _run_up(before: str, day: dt.date, today: dt.date, said: object, argument: str) -> tuple[dt.date, int]:
    """From today up to the day before `day`; not for "just before", nor over more than half a year."""
    if re.search(r"\b(?:just|right|shortly|few \w+|some \w+|well)\s+(?:before|ahead)", before):
        raise problem(argument, f"{EXPECTED}, or how many days before", said)
    if not 1 <= (day - today).days <= HALF_YEAR:
        raise problem(argument, f"a day in the half year after {today.isoformat()}", said)
    return today, (day - today).days


def _window(text: str, today: dt.date, said: object, argument: str) -> tuple[dt.date, int] | None:
    """The first, second … last week of a month (of seven days from its 1st), the week of or commencing a date."""
    part = re.search(rf"\b(first|second|third|fourth|last) (week|fortnight|two weeks|seven days) (?:of|in) {MONTH}", text)
    zh = re.search(r"(\d{1,2}|[一二三四五六七八九十]{1,2})月的?(第[一二三四]|最后一)(?:个)?(?:周|星期|礼拜)", text)
    if part or zh:
        number = 1 + [name[:3] for name in MONTHS].index(part["mon"][:3]) if part else whole(zh[1])
        length = 14 if part and part[2] in ("fortnight", "two weeks") else 7
        first = next_month_day(today, number, 1)
        last = (part and part[1] == "last") or (zh and zh[2] == "最后一")
        if last:
            return add_days(month_day(first, 0, -1), 1 - length), length
        weeks = ("first", "second", "third", "fourth").index(part[1]) if part else "一二三四".index(zh[2][1])
        return add_days(first, weeks * length), length
    week = re.search(r"\b(?:week (?:of|commencing|beginning|starting)|w/c|wc)\b\s?", text) or re.search(
        r"(?:那|这|当)一?周$", text
    )
    if week and not re.search(
        r"\b\w+ weeks? (?:commencing|beginning|starting)", re.sub(r"\b(?:the|a|in|for) week", "week", text)
    ):
        found = mentions(text, today, said, argument)
        if len(found) == 1:
            day = found[0].on_or_after(today, said, argument)
            commencing = re.search(r"commencing|beginning|starting|w/?c", week.group())
            return (day if commencing else weekday_of_week(day, 0, 0)), 7
    return None


def _compact(text: str, today: dt.date, said: object, argument: str) -> tuple[dt.date, int] | None:
    """Ranges that say the month once: "Dec 1-7", "1 to 7 December", "from the 1st to the 7th of December",
    "12月1日到7日"."""
    found = absolute(text, today)
    if len(found) != 1:
        return None
    only = found[0]
    behind = re.match(
        rf"{_SEP}(\d{{1,2}}|[一二三四五六七八九十]{{1,3}})(?:st|nd|rd|th|日|号)?(?![\d/.%月])(?! ?(?:days?|"
        rf"weeks?|天|周))",
        text[only.end :],
    )
    ahead = re.search(rf"(?<![\d/.])(\d{{1,2}})(?:st|nd|rd|th|\.)?{_SEP}$", text[: only.start])
    if behind:
        year = re.match(r",? (20\d\d)", text[only.end + behind.end() :])
        first = Mention(
            only.start, only.end, only.month, only.day, only.year or (int(year[1]) if year else None), only.weekday
        )
        last = Mention(0, 0, only.month, whole(behind[1]), first.year)
    elif ahead:
        first, last = Mention(0, 0, only.month, int(ahead[1]), only.year), only
    else:
        return None
    return _span(first, last, today, said, argument)


def _span(first: Mention, last: Mention, today: dt.date, said: object, argument: str) -> tuple[dt.date, int]:
    start = first.on_or_after(today, said, argument)
    end = last.on_or_after(start, said, argument)
    if first.fixed is None and first.year is None and last.on_or_after(today, said, argument) < start:
        raise problem(argument, "a range that has not begun yet", said)
    if end < start:
        raise problem(argument, f"a range that ends after it starts ({start.isoformat()} to {end.isoformat()})", said)
    if (end - start).days >= 366:
        raise problem(argument, "a range of at most 366 days", said)
    return start, (end - start).days + 1


def _pair(text: str, found: list[Mention], today: dt.date, said: object, argument: str) -> tuple[dt.date, int]:
    first, last = found[0], found[1]
    between = text[first.end : last.start]
    joined = re.fullmatch(
        rf"(?:,? (?:up|right|all the way))?{_SEP}(?:and including )?(?:[(])?(?:on )?", between
    ) or re.fullmatch(r"\s?(?:开始|起)?[,，]?\s?(?:到|至|-|~|--)\s?", between) or _ENDING.fullmatch(between)
    if len(found) == 2 and joined:
        return _span(first, last, today, said, argument)
    days = {m.on_or_after(today, said, argument) for m in found}
    if len(days) == 1:
        return days.pop(), None
    raise problem(argument, f"{EXPECTED}, one of them (it names {len(found)} dates)", said)


_ENDING = re.compile(
    r",? ?(?:and |then |and then )?(?:it )?(?:ends?|ending|finish(?:es|ing)?|stops?|stopping|runs? (?:to|till|until))(?: it)? (?:on |by )?"
)
_LATER = re.compile(
    r"\blater\b|\bpush\b|\bback\b|\bdelay\w*|\bpostpone\w*|"
    r"\bput (?:it |this |that |the \w+ )?off\b|\bafter that\b|推迟|推后|延后|延迟|往后|后移|晚|顺延"
)
_EARLIER = re.compile(r"\bearlier\b|\bforward\b|\bfoward\b|\bsooner\b|\bbring\b|提前|往前|前移|早")


def _moved(text: str, today: dt.date, current: dt.date | None, said: object, argument: str) -> dt.date | None:
    """`current` moved by a length of time ("a week later"), or None when no move is said."""
    sign = -1 if _EARLIER.search(text) else 1 if _LATER.search(text) else 0
    target = re.compile(rf"(?:\bto |\buntil |到|至)(?:the )?(?:{event_pattern().pattern})")
    if not sign or absolute(text, today) or target.search(text):
        return None
    days = total(text, said, argument)
    if days is None:
        return None
    if current is None:
        raise problem(argument, f"{EXPECTED} (no start is set yet that could be moved)", said)
    return add_days(current, sign * int(days))
