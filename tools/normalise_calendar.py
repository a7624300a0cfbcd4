"""Date arithmetic and named days and stretches (data/ranges.json): Black Friday week, 双十一, the rest of the month."""

from __future__ import annotations

import calendar
import datetime as dt
import functools
import json
import re
from importlib import resources

from rapidfuzz import fuzz, process

from campaignwright.tools.normalise_text import clean, has_cjk

MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
ZH_MONTHS = ("一", "二", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")


def add_days(day: dt.date, days: int) -> dt.date:
    """`day` + `days`."""
    return day + dt.timedelta(days=days)


def weekday_after(today: dt.date, weekday: int) -> dt.date:
    """First day after today that is `weekday` (0 = Monday)."""
    return add_days(today, (weekday - today.weekday() - 1) % 7 + 1)


def weekday_of_week(today: dt.date, weeks: int, weekday: int) -> dt.date:
    """Day `weekday` of the Monday-to-Sunday week `weeks` after today's."""
    return add_days(today, 7 * weeks + weekday - today.weekday())


def month_day(today: dt.date, months: int, day: int) -> dt.date:
    """Day `day` of the month `months` after today's (-1 = last day). ValueError when that month has no such day."""
    year, month = divmod(today.year * 12 + today.month - 1 + months, 12)
    return dt.date(year, month + 1, calendar.monthrange(year, month + 1)[1] if day == -1 else day)


def next_month_day(today: dt.date, month: int, day: int) -> dt.date:
    """The next such date on or after today. ValueError when no year has it."""
    for year in range(today.year, today.year + 9):
        try:
            candidate = dt.date(year, month, day)
        except ValueError:
            continue
        if candidate >= today:
            return candidate
    raise ValueError(f"{day}/{month}")


@functools.cache
def _data() -> dict:
    return json.loads(resources.files("campaignwright.tools").joinpath("data/ranges.json").read_text("utf-8"))


def _anchor(anchor: dict, year: int) -> dt.date | None:
    """The anchor's day in `year`; None when a table does not reach that year."""
    if "fixed" in anchor:
        return dt.date(year, *anchor["fixed"])
    if "table" in anchor:
        value = _data()["tables"][anchor["table"]].get(str(year))
        return dt.date.fromisoformat(value) if value else None
    rule = anchor["nth_weekday"]
    month, weekday, n = rule["month"], rule["weekday"], rule["n"]
    if n == -1:
        last = dt.date(year, month, calendar.monthrange(year, month)[1])
        day = add_days(last, -((last.weekday() - weekday) % 7))
    else:
        first = dt.date(year, month, 1)
        day = add_days(first, (weekday - first.weekday()) % 7 + 7 * (n - 1))
    return add_days(day, rule.get("plus", 0))


def _today_anchor(name: str, today: dt.date) -> dt.date:
    return {
        "today": today,
        "next_monday": weekday_of_week(today, 1, 0),
        "this_saturday": weekday_of_week(today, 0, 5),
        "next_month_first": month_day(today, 1, 1),
        "month_end": month_day(today, 0, -1),
        "next_month_end": month_day(today, 1, -1),
    }[name]


def resolve(rule: dict, today: dt.date) -> tuple[dt.date, int] | None:
    """(start, days) of a stretch's rule, the first that is not over, from today when it has begun; None when the tables do
    not reach it."""
    for year in range(today.year - 1, today.year + 3):
        anchor = rule["anchor"]
        day = _today_anchor(anchor["today"], today) if "today" in anchor else _anchor(anchor, year)
        if day is None:
            continue
        start = add_days(day, rule.get("offset", 0))
        if "snap" in rule:
            start = add_days(start, -((start.weekday() - rule["snap"]) % 7))
        last = _last(rule, start, today)
        if last is None or ("today" in anchor and start < today):
            return None
        if last >= today:
            first = max(start, today)
            return first, (last - first).days + 1
    return None


def _last(rule: dict, start: dt.date, today: dt.date) -> dt.date | None:
    if "days" in rule:
        return add_days(start, rule["days"] - 1)
    end = rule["end"]
    return _today_anchor(end["today"], today) if "today" in end else _anchor(end["anchor"], start.year)


_LEAD = re.compile(
    r"^(?:(?:over|during|on|in|for|throughout|across|from|just|starting|start|beginning|all of|the whole of|the|"
    r"this|whole|entire)\s+|在|就|从)"
)
_TRAIL = re.compile(r"(?: period| only| please|期间|的时候|做|搞|跑|开始)$")


def _strip(text: str) -> set[str]:
    """The text and all that is left of it without words in front and behind."""
    seen = {text}
    frontier = [text]
    while frontier:
        current = frontier.pop()
        for shorter in (_LEAD.sub("", current), _TRAIL.sub("", current)):
            if shorter and shorter not in seen:
                seen.add(shorter)
                frontier.append(shorter)
    return seen


@functools.cache
def _forms() -> dict[str, int]:
    table: dict[str, int] = {}
    for index, entry in enumerate(_data()["ranges"]):
        for form in entry["forms"]:
            table.setdefault(clean(form), index)
    for form, index in list(table.items()):
        for shorter in _strip(form):
            if (
                len(shorter) > 3
                and shorter not in ("next week", "next month")
                and not any(shorter == other for event in _data()["events"] for other in event["forms"])
            ):
                table.setdefault(shorter, index)
    return table


def named_range(text: str, today: dt.date) -> tuple[dt.date, int] | None:
    """(start, days) when the whole cleaned text names a stretch, small typos included."""
    table = _forms()
    for candidate in sorted(_strip(text), key=len, reverse=True):
        if candidate in table:
            return resolve(_data()["ranges"][table[candidate]]["rule"], today)
    if len(text) >= 9 and not has_cjk(text) and not re.search(r"\d", text) and not event_pattern().search(text):
        hits = process.extract(text, table.keys(), scorer=fuzz.ratio, score_cutoff=88, limit=6)
        if hits and len({table[form] for form, score, _ in hits if score >= hits[0][1] - 4}) == 1:
            return resolve(_data()["ranges"][table[hits[0][0]]]["rule"], today)
    return whole_month(text, today)


def event_period(said: object, today: dt.date) -> tuple[dt.date, int] | None:
    """(start, days) of the sales period that the bare name of an event stands for ("双十二": 10 to 12 December); else None."""
    period = _data()["periods"].get(clean(said))
    rule = next((one["rule"] for one in _data()["ranges"] if one["id"] == period), None)
    return resolve(rule, today) if rule else None


def whole_month(text: str, today: dt.date) -> tuple[dt.date, int] | None:
    """(first, days) of a month said alone: "all of March", "三月整月", "整个1月"; the running month is next year's."""
    for number in range(1, 13):
        name, zh = MONTHS[number - 1], ZH_MONTHS[number - 1]
        english = (
            rf"(?:(?:over|during|in|for|throughout) )?(?:all of |the whole of |the month of |"
            rf"the whole month of )?(?:{name}|{name[:3]})(?: \d{{4}})?"
        )
        if re.fullmatch(english, text) or re.fullmatch(
            rf"(?:在|整个)?(?:{zh}|{number})月(?:整月|份|整个月|全月)?", text
        ):
            said = re.search(r"\d{4}", text)
            first = dt.date(int(said.group()), number, 1) if said else next_month_day(today, number, 1)
            return first, calendar.monthrange(first.year, number)[1]
    return None


@functools.cache
def event_pattern() -> re.Pattern:
    """Finds the names of single days inside a cleaned text, longest first."""
    forms = sorted((clean(form) for event in _data()["events"] for form in event["forms"]), key=len, reverse=True)
    return re.compile(
        "|".join(re.escape(f) if has_cjk(f) else rf"(?<![a-z\d]){re.escape(f)}(?![a-z\d])" for f in forms)
    )


def event_day(name: str, today: dt.date) -> dt.date | None:
    """The next such day on or after today, for a name that `event_pattern` found."""
    for event in _data()["events"]:
        if name in map(clean, event["forms"]):
            for year in range(today.year, today.year + 3):
                day = _anchor(event["anchor"], year)
                if day and add_days(day, event.get("offset", 0)) >= today:
                    return add_days(day, event.get("offset", 0))
    return None
