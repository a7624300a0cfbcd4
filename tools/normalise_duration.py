"""Lengths of time in the marketer's own words, English and Chinese, as whole days."""

from __future__ import annotations

import re

from campaignwright.tools.normalise_calendar import event_pattern
from campaignwright.tools.normalise_changes import TO, aside, direction, factor, scaled, standing, unhedged, without_limit
from campaignwright.tools.normalise_text import clean, numbers, problem, tail

DAYS = {
    "day": 1,
    "d": 1,
    "hour": 1 / 24,
    "hr": 1 / 24,
    "h": 1 / 24,
    "week": 7,
    "wk": 7,
    "w": 7,
    "fortnight": 14,
    "month": 30,
    "quarter": 91,
    "year": 365,
    "weekend": 2,
    "天": 1,
    "日": 1,
    "号": 1,
    "小时": 1 / 24,
    "钟头": 1 / 24,
    "周末": 2,
    "长周末": 3,
    "周": 7,
    "星期": 7,
    "礼拜": 7,
    "工作日": 1,
    "月": 30,
    "季度": 91,
    "年": 365,
}
_FILL = (
    r"(?:full|whole|more|extra|additional|fewer|less|solid|straight|consecutive|calendar|working|business|"
    r"long|working-|of|the)"
)
_UNIT = re.compile(
    rf"(?P<lead>(?:(?:[ -]|^){_FILL})*)[ -]?(?P<unit>(?<![a-z])(?:days?|d|hours?|hrs?|h|weekends?|weeks?|wks?|w|"
    rf"fortnights?|months?|quarters?|years?)(?![a-z])|"
    r"(?:个|整)?(?P<zh>小时|钟头|长?周末|工作日|季度|星期|礼拜|周|月|天|日(?!期)|"
    r"年)(?P<half>半)?)(?: and a half(?! (?:off|price)))?"
)
_VAGUE = re.compile(
    r"\b(?:few|several|some|many)\s+(?:\w+ )?(?:days?|weeks?|months?)|[几数]个?(?:天|周|星期|礼拜|月)|若干|"
    r"两三[天周个]|三四[天周个]|三五[天周个]"
)
_HOURS = re.compile(r"(?<![a-z])(?:hours?|hrs?|h)(?![a-z])|小时|钟头")
_SHORTER = re.compile(r"(?<![a-z])(?:min(?:ute)?s?|seconds|secs?)(?![a-z])|分钟|秒")


def parts(text: str) -> list[tuple[float, int, int]]:
    """(days, start, end) of every stretch of time said in a cleaned text, left to right."""
    found: list[tuple[float, int, int]] = []
    amounts = numbers(text)
    for match in _UNIT.finditer(text):
        unit = (match["zh"] or re.sub(r"s$", "", match["unit"])) if match["unit"] else ""
        if match["zh"] == "月" and re.match(r"\s?(?:\d|[一二三四五六七八九十])", text[match.end() :]):
            continue  # 12月1日 is a date
        if match["lead"].strip() == "the" and match["unit"].endswith("s"):
            continue  # "double the days" names no length
        size = (
            3
            if "long" in match["lead"] and unit == "weekend"
            else 5
            if "working" in match["lead"] and unit == "week"
            else DAYS[unit]
        )
        here = match.start() + len(match["lead"]) if match["lead"] else match.start()
        number = next(
            (
                n
                for n in amounts
                if text[n.end : match.start()] in ("", " ", "-", "个", "个半") and n.start < match.start()
            ),
            None,
        )
        before = text[: match.start()].rstrip(" -")
        if number is not None:
            value, start = number.value + (0.5 if text[number.end : match.start()] == "个半" else 0.0), number.start
        elif before.endswith("个半"):
            continue
        elif match["lead"].strip():
            value, start = 1.0, match.start()
        elif re.search(r"(?:half an?|half the|半个?|半)$", before):
            value, start = 0.5, match.start()
        elif (
            re.search(
                r"(?:\b(?:an?|another|the|single|whole|full|entire|all|just|per|one|that|this|coming)|单|整|整个|一整|全)$", before
            )
            or (unit == "fortnight" and re.search(r"\bnext$", before))
            or here == 0
            or match["unit"].startswith("整")
        ):
            value, start = 1.0, match.start()
        elif match["zh"] and before.endswith("俩"):
            value, start = 2.0, match.start()
        else:
            continue
        value += 0.5 if match["half"] or match.group().endswith("and a half") else 0.0
        found.append((value * size, start, match.end()))
    return found


def total(text: str, said: object, argument: str) -> float | None:
    """Days of all stretches said: equal ones once, joined ones ("2 weeks and 3 days") summed; None when there is
    none."""
    found = parts(text)
    if not found:
        return None
    if re.search(r"(?:\d|[a-z]|[一二三四五六七八九十]) ?(?:-|to|or|到|至|或|~) ?$", text[: found[0][1]]) and numbers(
        text[: found[0][1]]
    ):
        raise problem(argument, "one length of time, not a range of lengths", said)
    values = {round(days, 3) for days, _, _ in found}
    if len(values) == 1:
        return found[0][0]
    gaps = [text[a[2] : b[1]].strip(" ,") for a, b in zip(found, found[1:], strict=False)]
    if all(gap in ("", "and", "plus", "又", "零", "加", "+") for gap in gaps):
        return sum(days for days, _, _ in found)
    raise problem(argument, "one length of time", said)


def duration(said: object, *, current: int | None = None, argument: str = "days") -> int:
    """Whole days: "a fortnight" (14), "two weeks", "10-day", "半个月" (15), "a long weekend" (3), "48 hours" (2), "14".

    A month is 30 days, half units round down. `current` lets "two more days", "少跑两天", "double" be read as changes of it.
    Raises ToolError(retry) for vague words ("a few days"), ranges, and anything outside 1-366 days.
    """
    expected = "a length of time such as 10 days, two weeks or 半个月"
    text = re.sub(r"(?<!\d)(\d{1,2}) ?w(?![a-z0-9])", r"\1 weeks", without_limit(tail(clean(said))))
    if _SHORTER.search(text):
        raise problem(argument, "whole days (24 hours each)", said)
    if _VAGUE.search(text):
        raise problem(argument, f"{expected}, as a number", said)
    days, scale = total(text, said, argument), factor(text)
    if days is None and scale is not None:
        days = scaled(current, scale, expected, said, argument)
    else:
        days = _bare(text, said, argument, expected) if days is None else days
        sign = 0 if TO.search(text) or aside(text, days, current, _amounts, _direction) else _direction(text)
        days = standing(current, expected, said, argument) + sign * days if sign else days
    if _HOURS.search(text):
        if abs(days - round(days)) > 1e-6:
            raise problem(argument, "whole days (24 hours each)", said)
        days = round(days)
    if not 1 <= int(days) <= 366:
        raise problem(argument, "1 to 366 days", said)
    return int(days)


def _direction(text: str) -> int:
    """As `direction`, and "再跑一周" is more, "drop two days" less."""
    rest = unhedged(text)
    return direction(text) or (-1 if re.search(r"\bdrop\b", rest) else 1 if "再" in rest else 0)


def _amounts(text: str) -> list:
    """What a clause names of lengths: with a unit, or bare."""
    return parts(text) or numbers(text)


def _bare(text: str, said: object, argument: str, expected: str) -> float:
    """A whole number without a unit, and not in the name of a day ("五一", "十一前"; 十一 at the end is eleven)."""
    found, named = numbers(text), event_pattern().search(text)
    if named and (named.group(), named.end()) != ("十一", len(text)):
        raise problem(argument, expected, said)
    if len(found) != 1 or re.search(r"[%$€£¥]|percent|元|块", text) or found[0].value != int(found[0].value):
        raise problem(argument, expected, said)
    return found[0].value
