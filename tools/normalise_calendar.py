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


def event_names() -> list[str]:
    """Names of feasts and sales days, lower case, in every language."""
    return [form for event in _data()["events"] for form in event["forms"]]


def _anchor(anchor: dict, year: int, today: dt.date) -> dt.date | None:
    """The anchor's day in `year`; None when a table does not reach that year."""
    if "today" in anchor:
        return _today_anchor(anchor["today"], today)
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


def _today_anchor(name: str, today: dt.date) -> dt.date | None:
    """A day counted from today. A month's start is today's on the 1st, the next month's from the 11th, else unclear: None."""
    start = month_day(today, 0 if today.day == 1 else 1, 1)
    return {
        "today": today,
        "next_monday": weekday_of_week(today, 1, 0),
        "this_saturday": weekday_of_week(today, 0, 5),
        "this_sunday": weekday_of_week(today, 0, 6),
        "next_saturday": weekday_of_week(today, 1, 5),
        "next_month_first": month_day(today, 1, 1),
        "month_end": month_day(today, 0, -1),
        "next_month_end": month_day(today, 1, -1),
        "month_after_next_first": month_day(today, 2, 1),
        "month_after_next_end": month_day(today, 2, -1),
        "coming_month_start": start if today.day == 1 or today.day > 10 else None,
    }[name]


def resolve(rule: dict, today: dt.date) -> tuple[dt.date, int] | None:
    """(start, days) of a stretch's rule, the first that is not over, from today when it has begun; None when the tables do
    not reach it."""
    for year in range(today.year - 1, today.year + 3):
        anchor = rule["anchor"]
        day = _anchor(anchor, year, today)
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
    return _anchor(rule["end"].get("anchor", rule["end"]), start.year, today)


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


_DURING = re.compile(  # "|" stands for the name of a day
    r"(?:during|over|throughout|across) (?:the )?\|(?: (?:period|holidays?|sales?))?|(?:the )?\| (?:period|holidays?)|"
    r"\|(?:期间|那阵子?|那几天)"
)
_AROUND = re.compile(r"around (?:the )?\||在?\|前后")


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
                and not re.fullmatch(r"next week|next month|month|(?:the )?month after next", shorter)
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
        if stretch := _period(candidate, _DURING):
            return resolve(stretch, today)
    if len(text) >= 9 and not has_cjk(text) and not re.search(r"\d|\b(?:after|before)\b", text) and not event_pattern().search(text):
        hits = process.extract(text, table.keys(), scorer=fuzz.ratio, score_cutoff=88, limit=6)
        if hits and len({table[form] for form, score, _ in hits if score >= hits[0][1] - 4}) == 1:
            return resolve(_data()["ranges"][table[hits[0][0]]]["rule"], today)
    return whole_month(text, today)


def _period(text: str, around: re.Pattern) -> dict | None:
    """The rule of the stretch that the name of a day with these words around it stands for ("during Easter", "中秋期间"): the
    event's period where it has one (a public holiday's days, a sale's), else the seven days up to and with the day."""
    found = event_pattern().search(text)
    if not found or not around.fullmatch(text[: found.start()] + "|" + text[found.end() :]):
        return None
    event = _event(found.group())
    week = {"anchor": event["anchor"], "offset": event.get("offset", 0) - 6, "days": 7}
    return _rule(event.get("period")) or week


def _rule(name: str | None) -> dict | None:
    return next((one["rule"] for one in _data()["ranges"] if one["id"] == name), None)


def event_period(said: object, today: dt.date) -> tuple[dt.date, int] | None:
    """(start, days) of the sales period that an event's bare name ("双十二": 10 to 12 December) or a loose one ("双十二前后",
    "around Easter") stands for where no length is said; else None."""
    text = clean(said)
    rule = _rule(_data()["periods"].get(text)) or _period(text, _AROUND)
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
    forms = sorted(((clean(form), event) for event in _data()["events"] for form in event["forms"]), key=lambda one: -len(one[0]))
    return re.compile(
        "|".join(
            event.get("behind", "" if has_cjk(form) else r"(?<![a-z\d])")
            + re.escape(form)
            + event.get("ahead", "" if has_cjk(form) else r"(?![a-z\d])")
            for form, event in forms
        )
    )


def _event(name: str) -> dict:
    """The event of a name that `event_pattern` found."""
    return next(event for event in _data()["events"] if name in map(clean, event["forms"]))


def event_day(name: str, today: dt.date) -> dt.date | None:
    """The next such day on or after today, for a name that `event_pattern` found; None when it is unclear or too far."""
    event = _event(name)
    for year in range(today.year, today.year + 3):
        day = _anchor(event["anchor"], year, today)
        if day and add_days(day, event.get("offset", 0)) >= today:
            return add_days(day, event.get("offset", 0))
    return None
