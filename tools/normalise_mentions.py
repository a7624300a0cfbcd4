"""Single dates found in a cleaned text: with a month said ("1 December", 12月1日), named ("Black Friday"), or relative to today.

What is said of the week or month after next is looked for before the next one (normalise_relative), whose words it holds.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass

from campaignwright.tools.normalise_calendar import MONTHS, event_day, event_pattern, month_day, next_month_day, weekday_of_week
from campaignwright.tools.normalise_relative import MONTH, RELATIVE, WEEKDAYS, ZH_WEEKDAYS, whole
from campaignwright.tools.normalise_text import problem

_NTH = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth fifteenth "
    "sixteenth seventeenth eighteenth nineteenth twentieth"
).split()
_ORDINALS = {word: i for i, word in enumerate(_NTH, 1)} | {"thirtieth": 30}
_DAY = r"(?P<d>\d{1,2})(?:st|nd|rd|th)?(?!\d|[/:%]|[.]\d)"
_YEAR = r"(?:,? (?P<y>20\d\d))?"
_WD = r"(?:(?P<wd>" + "|".join(sorted(WEEKDAYS, key=len, reverse=True)) + r")\.?,? (?:the )?)?"
_ZNUM = r"(?:\d{1,2}|[一二三四五六七八九十]{1,3})"
_ZWD = r"(?:\s?[(]?(?:星期|周|礼拜)(?P<zwd>[一二三四五六日天])[)]?)?"
_ABSOLUTE = [
    re.compile(pattern)
    for pattern in (
        r"(?P<y>20\d\d)[-/.年] ?(?P<m>\d{1,2})[-/.月] ?(?P<d>\d{1,2})[日号]?" + _ZWD,
        rf"(?P<next>明年|今年|后年)?(?P<m>{_ZNUM})月(?:份)?(?P<d>{_ZNUM})[日号]?" + _ZWD,
        rf"{_WD}{_DAY}(?: day)?(?: of)?[ -]?{MONTH}{_YEAR}",
        rf"{_WD}{MONTH} ?(?:the )?{_DAY}{_YEAR}",
    )
]
_WEEKDAY = r"(?P<w>" + "|".join(sorted(WEEKDAYS, key=len, reverse=True)) + ")"
_AFTER_NEXT = [  # (pattern, function(match, today) -> date), as in RELATIVE
    (re.compile(pattern), rule)
    for pattern, rule in (
        (
            rf"下下个?月(?P<d>{_ZNUM})[号日]|(?:the )?\b(?P<d2>\d{{1,2}})(?:st|nd|rd|th)? of the month after next\b",
            lambda m, t: month_day(t, 2, whole(m["d"] or m["d2"])),
        ),
        (r"下下个?月中旬?|\b(?:mid|(?:the )?middle)[ -](?:of )?(?:the )?month after next\b", lambda m, t: month_day(t, 2, 15)),
        (r"下下个?月底|\b(?:the )?end of (?:the )?month after next\b", lambda m, t: month_day(t, 2, -1)),
        (
            r"下下个?月初?|\b(?:(?:the )?(?:start|beginning) of |early )?(?:the )?month after next\b",
            lambda m, t: month_day(t, 2, 1),
        ),
        (
            rf"(?:\b{_WEEKDAY},? (?:of |in )?)?\b(?:the )?week after next\b",
            lambda m, t: weekday_of_week(t, 2, WEEKDAYS[m["w"]] if m["w"] else 0),
        ),
    )
]


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
            day = self.fixed or (
                dt.date(self.year, self.month, self.day) if self.year else next_month_day(floor, self.month, self.day)
            )
        except ValueError:
            raise problem(argument, "a day that exists", said) from None
        if self.weekday is not None and day.weekday() != self.weekday:
            raise problem(argument, f"a date and weekday that agree ({day.isoformat()} is a {day:%A})", said)
        return day


def ordinals(text: str) -> str:
    """ "the twenty-second of december" -> "the 22nd of december"; "first week" stays."""
    tens = {"twenty": 20, "thirty": 30}
    text = re.sub(
        r"\b(twenty|thirty)[ -](first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)\b",
        lambda m: f"{tens[m[1]] + _ORDINALS[m[2]]}th",
        text,
    )
    pattern = rf"\b({'|'.join(_ORDINALS)})\b(?! (?:week|half|quarter|seven|three|few|day))"
    return re.sub(pattern, lambda m: f"{_ORDINALS[m[1]]}th", text)


def absolute(text: str, today: dt.date) -> list[Mention]:
    """Dates with a month said, left to right, none overlapping."""
    found: list[Mention] = []
    for pattern in _ABSOLUTE:
        for match in pattern.finditer(text):
            if any(match.start() < m.end and m.start < match.end() for m in found):
                continue
            group = match.groupdict()
            month = (
                MONTHS.index(next(name for name in MONTHS if name.startswith(group["mon"][:3]))) + 1
                if group.get("mon")
                else whole(group["m"])
            )
            day = whole(group["d"])
            if not (1 <= month <= 12 and 1 <= day <= 31):
                continue
            year = int(group["y"]) if group.get("y") else None
            year = today.year + {"今年": 0, "明年": 1, "后年": 2}[group["next"]] if group.get("next") else year
            weekday = (
                WEEKDAYS[group["wd"]] if group.get("wd") else ZH_WEEKDAYS[group["zwd"]] if group.get("zwd") else None
            )
            found.append(Mention(match.start(), match.end(), month, day, year, weekday))
    return sorted(found, key=lambda m: m.start)


def mentions(text: str, today: dt.date, said: object, argument: str) -> list[Mention]:
    """Every date said in a cleaned text, left to right, none overlapping."""
    found = absolute(text, today)

    def free(match: re.Match) -> bool:
        return not any(match.start() < m.end and m.start < match.end() for m in found)

    for match in event_pattern().finditer(text):
        day = event_day(match.group(), today) if free(match) else None
        if day:
            found.append(Mention(match.start(), match.end(), fixed=day))
    for pattern, rule in (*_AFTER_NEXT, *RELATIVE):
        for match in pattern.finditer(text):
            if free(match):
                try:
                    found.append(Mention(match.start(), match.end(), fixed=rule(match, today)))
                except ValueError as error:
                    raise problem(argument, f"a day that exists ({error})", said) from None
    return sorted(found, key=lambda m: m.start)
