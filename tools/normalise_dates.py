"""Dates and ranges of dates in the marketer's own words, English and Chinese.

Rules: weeks run Monday to Sunday; "next Friday" is the Friday of next week, "Friday" the first one after today; a date
without a year is the next one on or after today; m/d is month first unless only day first is possible; ranges include
both ends. A weekday that the date does not have is reported.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from campaignwright.tools.normalise_calendar import (
    MONTHS, add_days, event_day, event_pattern, month_day, named_range, next_month_day, weekday_after, weekday_of_week,
)
from campaignwright.tools.normalise_duration import parts as durations
from campaignwright.tools.normalise_duration import total
from campaignwright.tools.normalise_numbers import tail
from campaignwright.tools.normalise_text import chinese_value, clean, english_value, problem

EXPECTED = "a date or a range of dates such as 1 December, next Monday, Dec 1-7 or 下周一"
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9, "tenth": 10,
             "eleventh": 11, "twelfth": 12, "thirteenth": 13, "fourteenth": 14, "fifteenth": 15, "sixteenth": 16, "seventeenth": 17,
             "eighteenth": 18, "nineteenth": 19, "twentieth": 20, "thirtieth": 30}
_WEEKDAYS = {name: i for i, names in enumerate(("monday mon", "tuesday tues tue", "wednesday weds wed", "thursday thurs thur thu",
                                                "friday fri", "saturday sat", "sunday sun")) for name in names.split()}
_ZH_WD = {c: i for i, c in enumerate("一二三四五六日")} | {"天": 6, "末": 5} | {str(i + 1): i for i in range(7)}
_MON = r"(?P<mon>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?(?![a-z])"
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?(?!\d|[/:%]|[.]\d)"
_YEAR = r"(?:,? (?P<y>20\d\d))?"
_WD = r"(?:(?P<wd>" + "|".join(sorted(_WEEKDAYS, key=len, reverse=True)) + r")\.?,? (?:the )?)?"
_ZNUM = r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})"
_ZWD = r"(?:\s?[(]?(?:星期|周|礼拜)(?P<zwd>[一二三四五六日天])[)]?)?"
_ABSOLUTE = [re.compile(pattern) for pattern in (
    r"(?P<y>20\d\d)[-/.年] ?(?P<m>\d{1,2})[-/.月] ?(?P<d>\d{1,2})[日号]?" + _ZWD,
    rf"(?P<next>明年|今年|后年)?(?P<m>{_ZNUM})月(?:份)?(?P<d>{_ZNUM})[日号]?" + _ZWD,
    rf"{_WD}{_DAY}(?: day)?(?: of)?[ -]?{_MON}{_YEAR}",
    rf"{_WD}{_MON} ?(?:the )?{_DAY}{_YEAR}",
    r"(?<![\d/])(?P<m>\d{1,2})/(?P<d>\d{1,2})(?:/(?P<y>20\d\d|\d\d))?(?![\d/])",
    r"(?<![\d.])(?P<m>\d{1,2})\.(?P<d>\d{1,2})(?![\d.])",
)]
_SEP = r"\s?(?:-|~|to|through|thru|until|till|and|up to and including|up to|到|至)\s?(?:the )?"


@dataclass(frozen=True)
class Mention:
    """A date found in a text: its span and what was said of it. `fixed` is set when the day is already known."""

    start: int
    end: int
    month: int | None = None
    day: int | None = None
    year: int | None = None
    weekday: int | None = None
    fixed: dt.date | None = None

    def on_or_after(self, floor: dt.date, said: object, argument: str) -> dt.date:
        """The day itself, or the next such day from `floor`. Raises ToolError(retry) when it does not exist."""
        try:
            day = self.fixed or (dt.date(self.year, self.month, self.day) if self.year else next_month_day(floor, self.month, self.day))
        except ValueError:
            raise problem(argument, "a day that exists", said) from None
        if self.weekday is not None and day.weekday() != self.weekday:
            raise problem(argument, f"a date and weekday that agree ({day.isoformat()} is a {day:%A})", said)
        return day


def _ordinals(text: str) -> str:
    """"the twenty-second of december" -> "the 22nd of december"; "first week" stays."""
    tens = {"twenty": 20, "thirty": 30}
    text = re.sub(r"\b(twenty|thirty)[ -](first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)\b",
                  lambda m: f"{tens[m[1]] + _ORDINALS[m[2]]}th", text)
    pattern = rf"\b({'|'.join(_ORDINALS)})\b(?! (?:week|half|quarter|seven|three|few|day))"
    return re.sub(pattern, lambda m: f"{_ORDINALS[m[1]]}th", text)


def _absolute(text: str, today: dt.date) -> list[Mention]:
    """Dates with a month said, left to right, none overlapping."""
    found: list[Mention] = []
    for pattern in _ABSOLUTE:
        for match in pattern.finditer(text):
            if any(match.start() < m.end and m.start < match.end() for m in found):
                continue
            group = match.groupdict()
            month = MONTHS.index(next(name for name in MONTHS if name.startswith(group["mon"][:3]))) + 1 if group.get("mon") else _whole(group["m"])
            day = _whole(group["d"])
            if month > 12 >= day and ("/" in match.group() or "." in match.group()):
                month, day = day, month
            if not (1 <= month <= 12 and 1 <= day <= 31):
                continue
            year = int(group["y"]) + (2000 if int(group["y"]) < 100 else 0) if group.get("y") else None
            year = today.year + {"今年": 0, "明年": 1, "后年": 2}[group["next"]] if group.get("next") else year
            weekday = _WEEKDAYS[group["wd"]] if group.get("wd") else _ZH_WD[group["zwd"]] if group.get("zwd") else None
            found.append(Mention(match.start(), match.end(), month, day, year, weekday))
    return sorted(found, key=lambda m: m.start)


def _whole(token: str) -> int:
    return int(token) if token.isdigit() else int(chinese_value(token))


_AMOUNT = r"(?P<n>\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fourteen|fifteen|twenty|thirty)"
_UNIT = r"(?P<u>day|week|fortnight|month)s?"
_WDAY = r"(?P<w>" + "|".join(sorted(_WEEKDAYS, key=len, reverse=True)) + r")\b"
_ZN = r"(?P<n>\d+|[一二两三四五六七八九十]+|半)"
_UNIT_DAYS = {"day": 1, "week": 7, "fortnight": 14, "month": 30, "天": 1, "日": 1, "周": 7, "星期": 7, "礼拜": 7, "月": 30}

# (pattern, function(match, today) -> date); earlier wins where two overlap
_RELATIVE = [(re.compile(pattern), rule) for pattern, rule in (
    (r"\bthe day after tomorrow\b|大后天|后天|两天后", lambda m, t: add_days(t, 3 if m.group() == "大后天" else 2)),
    (r"\btomorrow(?: morning)?\b|\btmrw\b|\btomorow\b|明天|明儿|明日", lambda m, t: add_days(t, 1)),
    (r"\byesterday\b|昨天", lambda m, t: add_days(t, -1)),
    (r"\bthis day next week\b|下(?:个)?(?:礼拜|周|星期)的?今天", lambda m, t: add_days(t, 7)),
    (rf"\bin {_AMOUNT} {_UNIT}(?:'s|')?(?: time)?\b|{_AMOUNT.replace('?P<n>', '?P<n2>')} {_UNIT.replace('?P<u>', '?P<u2>')} from (?:today|now)\b",
     lambda m, t: add_days(t, _count(m["n"] or m["n2"]) * _UNIT_DAYS[m["u"] or m["u2"]])),
    (rf"{_ZN}个?(?P<u>天|日|周|星期|礼拜|月)(?:之后|以后|后)", lambda m, t: add_days(t, int(_zh_count(m["n"]) * _UNIT_DAYS[m["u"]]))),
    (rf"\ba week on {_WDAY}|{_WDAY.replace('?P<w>', '?P<w2>')} week\b", lambda m, t: add_days(weekday_after(t, _WEEKDAYS[m["w"] or m["w2"]]), 7)),
    (rf"(?:the )?{_WDAY} after next\b", lambda m, t: weekday_of_week(t, 2, _WEEKDAYS[m["w"]])),
    (rf"\bnext {_WDAY}|{_WDAY.replace('?P<w>', '?P<w2>')} (?:of )?next week\b|next week(?:'s| on)? {_WDAY.replace('?P<w>', '?P<w3>')}",
     lambda m, t: weekday_of_week(t, 1, _WEEKDAYS[m["w"] or m["w2"] or m["w3"]])),
    (r"下下个?(?:周|星期|礼拜)(?P<w>[一二三四五六日天末])?", lambda m, t: weekday_of_week(t, 2, _ZH_WD[m["w"]] if m["w"] else 0)),
    (r"下个?(?:周|星期|礼拜)(?P<w>[一二三四五六日天末])", lambda m, t: weekday_of_week(t, 1, _ZH_WD[m["w"]])),
    (r"\bthe week after next\b", lambda m, t: weekday_of_week(t, 2, 0)),
    (r"\bnext weekend\b", lambda m, t: weekday_of_week(t, 1, 5)),
    (r"(?:\b(?:the )?(?:start|beginning) of |\bearly )?\bnext week\b|下个?(?:周|星期|礼拜)初?", lambda m, t: weekday_of_week(t, 1, 0)),
    (r"\b(?:this|the) weekend\b|\bweekend\b", lambda m, t: max(t, weekday_of_week(t, 0, 5))),
    (r"(?P<this>这个?|本)?(?:周|星期|礼拜)(?P<w>[一二三四五六日天末])", lambda m, t: _zh_week(m, t)),
    (r"(?:the )?(?P<d>\d{1,2})(?:st|nd|rd|th)? of next month\b|下个?月(?P<d2>\d{1,2}|[一二三四五六七八九十]{1,3})[号日]",
     lambda m, t: month_day(t, 1, _whole(m["d"] or m["d2"]))),
    (r"\b(?:mid|the middle of|middle of)[ -](?:of )?next month\b|下个?月中旬?", lambda m, t: month_day(t, 1, 15)),
    (r"\b(?:the )?end of next month\b|下个?月底", lambda m, t: month_day(t, 1, -1)),
    (r"(?:\b(?:the )?(?:start|beginning) of |\bearly )?\bnext month\b|下个?月初?", lambda m, t: month_day(t, 1, 1)),
    (r"\b(?:the )?(?:end of (?:the|this) month|month[ -]?end)\b|(?:这个|本)?月底", lambda m, t: month_day(t, 0, -1)),
    (r"\b(?:the )?end of (?:the|this) year\b|(?:今)?年底", lambda m, t: dt.date(t.year, 12, 31)),
    (r"\btoday\b|\bright now\b|\bnow\b|straight away|immediately|\basap\b|\btonight\b|今天|今日|今晚|马上|现在|即刻|即日|立刻|立即", lambda m, t: t),
    (r"(?:这个|本)月(?P<d>\d{1,2}|[一二三四五六七八九十]{1,3})[号日]", lambda m, t: month_day(t, 0, _whole(m["d"]))),
    (r"(?P<wd>" + "|".join(sorted(_WEEKDAYS, key=len, reverse=True)) + r"),? the (?P<d>\d{1,2})(?:st|nd|rd|th)", lambda m, t: _next_number(int(m["d"]), t, _WEEKDAYS[m["wd"]])),
    (r"\bthe (?P<d>\d{1,2})(?:st|nd|rd|th)\b|(?<!月)(?P<d2>(?<!\d)\d{1,2}|(?<![一二三四五六七八九十])[一二三四五六七八九十]{1,3})号", lambda m, t: _next_number(_whole(m["d"] or m["d2"]), t)),
    (rf"\b(?:this |this coming |the coming |coming )?{_WDAY}", lambda m, t: weekday_after(t, _WEEKDAYS[m["w"]])),
    (rf"\b(?P<part>mid|early|the start of|start of|the beginning of|the middle of|the end of|end of)[ -]{_MON}", lambda m, t: _part_of_month(m["part"], m["mon"], t)),
    (r"(?P<m>\d{1,2}|[一二三四五六七八九十]{1,2})月(?P<zpart>初|中旬?|底)", lambda m, t: _part_of_month(m["zpart"], m["m"], t)),
)]


def _count(token: str) -> int:
    return 1 if token in ("a", "an") else int(token) if token.isdigit() else int(english_value(token))


def _zh_count(token: str) -> float:
    return 0.5 if token == "半" else chinese_value(token)


def _zh_week(match: re.Match, today: dt.date) -> dt.date:
    day = weekday_of_week(today, 0, _ZH_WD[match["w"]])
    if match["w"] == "末":
        return max(today, day)
    return day if match["this"] or day > today else add_days(day, 7)


def _next_number(number: int, today: dt.date, weekday: int | None = None) -> dt.date:
    """The next day after today with that number in its month (today's month first)."""
    for months in range(0, 4):
        try:
            day = month_day(today, months, number)
        except ValueError:
            continue
        if day > today:
            if weekday is not None and day.weekday() != weekday:
                raise ValueError(f"the next {number} is {day.isoformat()}, a {day:%A}")
            return day
    raise ValueError(f"no month has a day {number}")


def _part_of_month(part: str, month: str, today: dt.date) -> dt.date:
    number = _whole(month) if month[0].isdigit() or month[0] in "一二三四五六七八九十" else 1 + [name[:3] for name in MONTHS].index(month[:3])
    if part.startswith("mid") or "middle" in part or part.startswith("中"):
        return next_month_day(today, number, 15)
    if "end" in part or part == "底":
        first = next_month_day(today.replace(day=1), number, 1)
        return month_day(first, 0, -1)
    return next_month_day(today, number, 1)


def mentions(text: str, today: dt.date, said: object, argument: str) -> list[Mention]:
    """Every date said in a cleaned text, left to right, none overlapping."""
    found = _absolute(text, today)

    def free(match: re.Match) -> bool:
        return not any(match.start() < m.end and m.start < match.end() for m in found)

    for match in event_pattern().finditer(text):
        day = event_day(match.group(), today) if free(match) else None
        if day:
            found.append(Mention(match.start(), match.end(), fixed=day))
    for pattern, rule in _RELATIVE:
        for match in pattern.finditer(text):
            if free(match):
                try:
                    found.append(Mention(match.start(), match.end(), fixed=rule(match, today)))
                except ValueError as error:
                    raise problem(argument, f"a day that exists ({error})", said) from None
    return sorted(found, key=lambda m: m.start)


def start_and_days(said: object, today: dt.date, *, current: dt.date | None = None, argument: str = "start") -> tuple[dt.date, int | None]:
    """(first day, days) of what is said; days is None for a single date, both ends counted for a range.

    "from 1 December", "starting on the 1st of December", "Dec 1-7", "over the Christmas week", "双十一", "下周一",
    "two weeks from 1 December". `current` lets "a week later", "push it back three days", "提前两天" be read.
    Raises ToolError(retry) for what is no date, does not exist, or can be read in two ways.
    """
    raw = tail(clean(said))
    if isinstance(said, dt.date):
        return said, None
    named = named_range(raw, today)
    if named:
        return named
    text = _ordinals(raw)
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
    rest = text[: only.start] + " , " + text[only.end:]
    if re.search(r"\b(?:until|till|up to|by)\s*(?:the )?$", text[: only.start]) or re.search(r"(?:^|从?现在|今天)[到至]$", text[: only.start]):
        return today, (day - today).days + 1
    offset = re.search(r"(?:^|\W)(?:(?:a|one|the) (day|week)|(\d+) (day|week)s?) (before|after)\s*(?:the )?$", text[: only.start])
    if offset:
        size = (int(offset[2]) if offset[2] else 1) * (7 if "week" in (offset[1] or offset[3]) else 1)
        return add_days(day, size if offset[4] == "after" else -size), None
    days = total(rest, said, argument) if durations(rest) else None
    return day, int(days) if days else None


def _window(text: str, today: dt.date, said: object, argument: str) -> tuple[dt.date, int] | None:
    """The first/last week of a month, the week of or commencing a date."""
    part = re.search(rf"\b(first|last) (week|fortnight|two weeks|seven days) (?:of|in) {_MON}", text)
    zh = re.search(r"(\d{1,2}|[一二三四五六七八九十]{1,2})月的?(第一|最后一)(?:个)?(?:周|星期|礼拜)", text)
    if part or zh:
        number = 1 + [name[:3] for name in MONTHS].index(part["mon"][:3]) if part else _whole(zh[1])
        length = 14 if part and part[2] in ("fortnight", "two weeks") else 7
        first = next_month_day(today, number, 1)
        last = (part and part[1] == "last") or (zh and zh[2] == "最后一")
        return (add_days(month_day(first, 0, -1), 1 - length) if last else first), length
    week = re.search(r"\b(?:week (?:of|commencing|beginning|starting)|w/c|wc)\b\s?", text) or re.search(r"(?:那|这|当)一?周$", text)
    if week and not re.search(r"\b\w+ weeks? (?:commencing|beginning|starting)", re.sub(r"\b(?:the|a|in|for) week", "week", text)):
        found = mentions(text, today, said, argument)
        if len(found) == 1:
            day = found[0].on_or_after(today, said, argument)
            commencing = re.search(r"commencing|beginning|starting|w/?c", week.group())
            return (day if commencing else weekday_of_week(day, 0, 0)), 7
    return None


def _compact(text: str, today: dt.date, said: object, argument: str) -> tuple[dt.date, int] | None:
    """Ranges that say the month once: "Dec 1-7", "1 to 7 December", "from the 1st to the 7th of December", "12月1日到7日"."""
    if re.fullmatch(r"\d{1,2}-\d{1,2}", text):
        text = text.replace("-", "/")
        only = _absolute(text, today)
        return (only[0].on_or_after(today, said, argument), None) if only else None
    found = _absolute(text, today)
    if len(found) != 1:
        return None
    only = found[0]
    behind = re.match(rf"{_SEP}(\d{{1,2}}|[一二三四五六七八九十]{{1,3}})(?:st|nd|rd|th|日|号)?(?![\d/.%月])(?! ?(?:days?|weeks?|天|周))", text[only.end:])
    ahead = re.search(rf"(?<![\d/.])(\d{{1,2}})(?:st|nd|rd|th)?{_SEP}$", text[: only.start])
    if behind:
        year = re.match(r",? (20\d\d)", text[only.end + behind.end():])
        first = Mention(only.start, only.end, only.month, only.day, only.year or (int(year[1]) if year else None), only.weekday)
        last = Mention(0, 0, only.month, _whole(behind[1]), first.year)
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
    between = text[first.end: last.start]
    joined = re.fullmatch(rf"(?:,? (?:up|right|all the way))?{_SEP}(?:and including )?(?:[(])?(?:on )?", between) or re.fullmatch(r"\s?(?:开始|起)?[,，]?\s?(?:到|至|-|~|--)\s?", between)
    if len(found) == 2 and joined:
        return _span(first, last, today, said, argument)
    days = {m.on_or_after(today, said, argument) for m in found}
    if len(days) == 1:
        return days.pop(), None
    raise problem(argument, f"{EXPECTED}, one of them (it names {len(found)} dates)", said)


_LATER = re.compile(r"\blater\b|\bpush\b|\bback\b|\bdelay\w*|\bpostpone\w*|\bafter that\b|推迟|延后|延迟|往后|后移|晚|顺延")
_EARLIER = re.compile(r"\bearlier\b|\bforward\b|\bfoward\b|\bsooner\b|\bbring\b|提前|往前|早")


def _moved(text: str, today: dt.date, current: dt.date | None, said: object, argument: str) -> dt.date | None:
    """`current` moved by a length of time ("a week later"), or None when no move is said."""
    sign = -1 if _EARLIER.search(text) else 1 if _LATER.search(text) else 0
    if not sign or _absolute(text, today) or event_pattern().search(text):
        return None
    days = total(text, said, argument)
    if days is None:
        return None
    if current is None:
        raise problem(argument, f"{EXPECTED} (no start is set yet that could be moved)", said)
    return add_days(current, sign * int(days))
