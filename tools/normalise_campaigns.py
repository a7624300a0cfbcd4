"""Past campaigns as marketers name them: by id, name, words of it, month, or "the last one"."""

from __future__ import annotations

import datetime as dt
import re

import pandas as pd
from rapidfuzz import fuzz, process

from campaignwright.market.workspace import Workspace
from campaignwright.tools.base import MissingData
from campaignwright.tools.normalise_calendar import MONTHS, ZH_MONTHS
from campaignwright.tools.normalise_categories import category_alias, stem, words
from campaignwright.tools.normalise_names import strip_frame
from campaignwright.tools.normalise_text import clean, problem

_YEARS = {r"\blast[ -]year(?:'?s)?\b|去年": -1, r"\bthis year(?:'?s)?\b|今年": 0, r"(?<!大)前年": -2}


def campaign(said: object, workspace: Workspace, today: dt.date, *, argument: str = "campaign") -> str:
    """Id of a past campaign: its id, its name, words of it, "last campaign", "the June campaign", "last year's black friday",
    "上一场活动". Raises ToolError."""
    frame = workspace.query(
        "SELECT campaign_id, coalesce(name, campaign_id) AS name, start, category FROM campaigns ORDER BY "
        "start, campaign_id"
    )
    if frame.empty:
        raise MissingData("campaigns", "still_campaign")
    raw, text = str(said).strip(), clean(said)
    if raw in set(frame["campaign_id"]):
        return raw
    exact = frame[frame["name"].map(clean) == text]
    if len(exact):
        return exact["campaign_id"].iloc[-1]
    pool, narrowed = _narrow(text, frame, today)
    if len(pool) and re.search(r"\b(?:last(?! year)|latest|previous|most recent)\b|上一?[场次个]|最近", text):
        return pool["campaign_id"].iloc[-1]
    if narrowed and len(pool) == 1:
        return pool["campaign_id"].iloc[0]
    in_year = _year(text, today)[0]
    near_ones = _of_year(frame, in_year) if in_year else frame
    near = process.extract(
        text,
        dict(zip(near_ones["campaign_id"], near_ones["name"].map(clean), strict=True)),
        scorer=fuzz.ratio,
        limit=3,
        score_cutoff=0,
    )
    if near and near[0][1] >= 88 and (len(near) == 1 or near[0][1] - near[1][1] >= 3):
        return near[0][2]
    shown = (
        pool["name"].tail(4).tolist()
        if narrowed and len(pool)
        else [frame.set_index("campaign_id")["name"][n[2]] for n in near]
    )
    raise problem(
        argument,
        f"one past campaign by name ({'several fit' if len(pool) > 1 and narrowed else 'nearest'}: {'; '.join(shown)})",
        said,
    )


def _narrow(text: str, frame: pd.DataFrame, today: dt.date) -> tuple[pd.DataFrame, bool]:
    """(campaigns of the year and month and with the words said, whether the text says any of these)."""
    dated = frame[frame["start"].notna()]
    year, text = _year(text, today)
    if year:
        dated = frame = _of_year(dated, year)
    hits = _by_month(text, dated)
    rest = words(
        re.sub(
            r"\b(?:campaign|promo|promotion|push|sale|one|we|ran|last|latest|previous|most recent|mailing|"
            r"test)\b|上一?[场次个]|最近|活动|那场|那次|的|(?<!\d)\d{1,2}月份?",
            " ",
            text,
        )
    )
    rest -= {stem(m) for m in MONTHS} | {f"{name}月" for name in ZH_MONTHS}
    pool = frame if hits is None else hits
    if rest:
        wide = [
            words(clean(f"{name} {category or ''}"))
            for name, category in zip(pool["name"], pool["category"], strict=True)
        ]
        category = category_alias(" ".join(sorted(rest))) or category_alias(strip_frame(text))
        wanted = [rest] + ([words(category[0])] if category else [])
        pool = pool[[any(w <= tokens for w in wanted) for tokens in wide]]
    return pool, bool(rest or year) or hits is not None


def _year(text: str, today: dt.date) -> tuple[int | None, str]:
    """(the year a text names, None without one; the text without it): "last year's", 2025, 去年."""
    number = re.search(r"(?<!\d)(20\d\d)(?!\d)年?", text)
    if number:
        return int(number[1]), text.replace(number[0], " ")
    for words_, back in _YEARS.items():
        if re.search(words_, text):
            return today.year + back, re.sub(words_, " ", text)
    return None, text


def _of_year(frame: pd.DataFrame, year: int) -> pd.DataFrame:
    """Campaigns that started in the year or have it in their name."""
    return frame[(pd.to_datetime(frame["start"]).dt.year == year) | frame["name"].str.contains(str(year), regex=False)]


def _by_month(text: str, frame: pd.DataFrame) -> pd.DataFrame | None:
    """Campaigns that started in the month named, latest year first said; None when no month is named."""
    for number in range(12, 0, -1):
        if re.search(rf"\b{MONTHS[number - 1]}\b|(?<![十\d]){ZH_MONTHS[number - 1]}月|(?<!\d){number}月", text):
            starts = pd.to_datetime(frame["start"])
            hits = frame[starts.dt.month == number]
            years = pd.to_datetime(hits["start"]).dt.year
            return hits[years == years.max()] if len(hits) else hits
    return None
