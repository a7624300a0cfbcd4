"""Single days said relative to today ("next Monday", "in two weeks", "下周一", "月底"): a table of patterns and rules.

Weeks run Monday to Sunday; "next Friday" is the Friday of next week, "Friday" the first one after today.
"""

from __future__ import annotations

import datetime as dt
import re

from campaignwright.tools.normalise_calendar import (
    MONTHS,
    add_days,
    month_day,
    next_month_day,
    weekday_after,
    weekday_of_week,
)
from campaignwright.tools.normalise_text import chinese_value, english_value

WEEKDAYS = {
    name: i
    for i, names in enumerate(
        (
            "monday mon",
            "tuesday tues tue",
            "wednesday weds wed",
            "thursday thurs thur thu",
            "friday fri",
            "saturday sat",
            "sunday sun",
        )
    )
    for name in names.split()
}
ZH_WEEKDAYS = {c: i for i, c in enumerate("一二三四五六日")} | {"天": 6, "末": 5} | {str(i + 1): i for i in range(7)}
MONTH = (
    r"(?P<mon>jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|"
    r"oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)\.?(?![a-z])"
)


def whole(token: str) -> int:
    return int(token) if token.isdigit() else int(chinese_value(token))


_AMOUNT = (
    r"(?P<n>\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fourteen|fifteen|twenty|thirty)"
)
_UNIT = r"(?P<u>day|week|fortnight|month)s?"
_WDAY = r"(?P<w>" + "|".join(sorted(WEEKDAYS, key=len, reverse=True)) + r")\b"
_ZN = r"(?P<n>\d+|[一二两三四五六七八九十]+|半)"
_UNIT_DAYS = {
    "day": 1,
    "week": 7,
    "fortnight": 14,
    "month": 30,
    "天": 1,
    "日": 1,
    "周": 7,
    "星期": 7,
    "礼拜": 7,
    "月": 30,
}

# (pattern, function(match, today) -> date); earlier wins where two overlap
RELATIVE = [
    (re.compile(pattern), rule)
    for pattern, rule in (
        (r"\bthe day after tomorrow\b|大后天|后天|两天后", lambda m, t: add_days(t, 3 if m.group() == "大后天" else 2)),
        (r"\btomorrow(?: morning)?\b|\btmrw\b|\btomorow\b|明天|明儿|明日", lambda m, t: add_days(t, 1)),
        (r"\byesterday\b|昨天", lambda m, t: add_days(t, -1)),
        (r"\bthis day next week\b|下(?:个)?(?:礼拜|周|星期)的?今天", lambda m, t: add_days(t, 7)),
        (
            rf"\bin {_AMOUNT} {_UNIT}(?:'s|')?(?: time)?\b|"
            rf"{_AMOUNT.replace('?P<n>', '?P<n2>')} {_UNIT.replace('?P<u>', '?P<u2>')} from (?:today|now)\b",
            lambda m, t: add_days(t, _count(m["n"] or m["n2"]) * _UNIT_DAYS[m["u"] or m["u2"]]),
        ),
        (
            rf"{_ZN}个?(?P<u>天|日|周|星期|礼拜|月)(?:之后|以后|后)",
            lambda m, t: add_days(t, int(_zh_count(m["n"]) * _UNIT_DAYS[m["u"]])),
        ),
        (
            rf"\ba week on {_WDAY}|{_WDAY.replace('?P<w>', '?P<w2>')} week\b",
            lambda m, t: add_days(weekday_after(t, WEEKDAYS[m["w"] or m["w2"]]), 7),
        ),
        (rf"(?:the )?{_WDAY} after next\b", lambda m, t: weekday_of_week(t, 2, WEEKDAYS[m["w"]])),
        (
            rf"\bnext {_WDAY}|{_WDAY.replace('?P<w>', '?P<w2>')} (?:of )?next week\b|next week(?:'s|"
            rf" on)? {_WDAY.replace('?P<w>', '?P<w3>')}",
            lambda m, t: weekday_of_week(t, 1, WEEKDAYS[m["w"] or m["w2"] or m["w3"]]),
        ),
        (
            rf"{_WDAY} (?:of )?this week\b|this week(?:'s| on)? {_WDAY.replace('?P<w>', '?P<w2>')}",
            lambda m, t: weekday_of_week(t, 0, WEEKDAYS[m["w"] or m["w2"]]),
        ),
        (
            r"下下个?(?:周|星期|礼拜)(?P<w>[一二三四五六日天末])?",
            lambda m, t: weekday_of_week(t, 2, ZH_WEEKDAYS[m["w"]] if m["w"] else 0),
        ),
        (r"下个?(?:周|星期|礼拜)(?P<w>[一二三四五六日天末])", lambda m, t: weekday_of_week(t, 1, ZH_WEEKDAYS[m["w"]])),
        (r"\bthe week after next\b", lambda m, t: weekday_of_week(t, 2, 0)),
        (r"\bnext weekend\b", lambda m, t: weekday_of_week(t, 1, 5)),
        (
            r"(?:\b(?:the )?(?:start|beginning) of |\bearly )?\bnext week\b|下个?(?:周|星期|礼拜)初?",
            lambda m, t: weekday_of_week(t, 1, 0),
        ),
        (r"\b(?:this|the) weekend\b|\bweekend\b", lambda m, t: max(t, weekday_of_week(t, 0, 5))),
        (r"(?P<this>这个?|本)?(?:周|星期|礼拜)(?P<w>[一二三四五六日天末])", lambda m, t: _zh_week(m, t)),
        (
            r"(?P<m>\d{1,2}|[一二三四五六七八九十]{1,2})月(?P<zpart>初|[上中下]旬|中|底)",
            lambda m, t: _part_of_month(m["zpart"], m["m"], t),
        ),
        (
            r"(?:the )?(?P<d>\d{1,2})(?:st|nd|rd|th)? of next month\b|下个?月(?P<d2>\d{1,2}|"
            r"[一二三四五六七八九十]{1,3})[号日]",
            lambda m, t: month_day(t, 1, whole(m["d"] or m["d2"])),
        ),
        (r"\b(?:mid|the middle of|middle of)[ -](?:of )?next month\b|下个?月中旬?", lambda m, t: month_day(t, 1, 15)),
        (r"\b(?:the )?end of next month\b|下个?月底", lambda m, t: month_day(t, 1, -1)),
        (r"(?:\b(?:the )?(?:start|beginning) of |\bearly )?\bnext month\b|下个?月初?", lambda m, t: month_day(t, 1, 1)),
        (
            r"\b(?:the )?(?:end of (?:(?:the|this) )?month|month[ -]?end)\b|(?:这个|本)?月底",
            lambda m, t: month_day(t, 0, -1),
        ),
        (r"\b(?:the )?end of (?:the|this) year\b|(?:今)?年底", lambda m, t: dt.date(t.year, 12, 31)),
        (
            r"\btoday\b|\bright now\b|\bnow\b|straight away|immediately|\basap\b|\btonight\b|今天|今日|今晚|"
            r"马上|现在|即刻|即日|立刻|立即",
            lambda m, t: t,
        ),
        (r"(?:这个|本)月(?P<d>\d{1,2}|[一二三四五六七八九十]{1,3})[号日]", lambda m, t: month_day(t, 0, whole(m["d"]))),
        (
            r"(?P<wd>" + "|".join(sorted(WEEKDAYS, key=len, reverse=True)) + r"),? the (?P<d>\d{1,2})(?:st|nd|rd|th)",
            lambda m, t: _next_number(int(m["d"]), t, WEEKDAYS[m["wd"]]),
        ),
        (
            r"\bthe (?P<d>\d{1,2})(?:st|nd|rd|th)\b|(?<!月)(?P<d2>(?<!\d)\d{1,2}|"
            r"(?<![一二三四五六七八九十])[一二三四五六七八九十]{1,3})号",
            lambda m, t: _next_number(whole(m["d"] or m["d2"]), t),
        ),
        (rf"\b(?:this |this coming |the coming |coming )?{_WDAY}", lambda m, t: weekday_after(t, WEEKDAYS[m["w"]])),
        (
            rf"\b(?P<part>mid|early|the start of|start of|the beginning of|the middle of|the end of|end of)[ -]{MONTH}",
            lambda m, t: _part_of_month(m["part"], m["mon"], t),
        ),
    )
]


def _count(token: str) -> int:
    return 1 if token in ("a", "an") else int(token) if token.isdigit() else int(english_value(token))


def _zh_count(token: str) -> float:
    return 0.5 if token == "半" else chinese_value(token)


def _zh_week(match: re.Match, today: dt.date) -> dt.date:
    day = weekday_of_week(today, 0, ZH_WEEKDAYS[match["w"]])
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
    number = (
        whole(month)
        if month[0].isdigit() or month[0] in "一二三四五六七八九十"
        else 1 + [name[:3] for name in MONTHS].index(month[:3])
    )
    if part.startswith("mid") or "middle" in part or part.startswith("中"):
        return next_month_day(today, number, 15)
    if part == "下旬":
        return next_month_day(today, number, 21)
    if "end" in part or part == "底":
        first = next_month_day(today.replace(day=1), number, 1)
        return month_day(first, 0, -1)
    return next_month_day(today, number, 1)
