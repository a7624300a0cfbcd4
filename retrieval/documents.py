"""Past campaigns as documents: one text a campaign, in words of both languages, with its results beside it.

Reads `campaigns`, `campaign_results` and `products`; knows nothing of vectors or ranking (see `memory`).
"""

from __future__ import annotations

import functools
import json
import re
import unicodedata
from collections.abc import Mapping
from importlib import resources

import pandas as pd
from rapidfuzz import fuzz, process

from campaignwright.market.workspace import Workspace

METRICS = ("impressions", "clicks", "conversions", "spend", "revenue")
STOP = frozenset(
    "a an and the of to for in on with our we us did do was were any that this past campaign campaigns show me "
    "find what how".split()
)
SEASONS = ("winter", "spring", "summer", "autumn")
COLUMNS = [
    "campaign_id",
    "name",
    "text",
    "category",
    "channels",
    "products",
    "season",
    "start",
    "days",
    "audience",
    "offer",
    "discount",
    "angle",
    "objective",
    "budget",
    "shares",
    *METRICS,
    "roas",
    "ctr",
    "cvr",
]


@functools.cache
def glossary() -> dict:
    """Words that stand for canonical values in documents (data/glossary.json)."""
    return json.loads(resources.files("campaignwright.retrieval").joinpath("data/glossary.json").read_text("utf-8"))


def season(month: int) -> str:
    """Meteorological season of the northern hemisphere for a month 1-12."""
    return SEASONS[month % 12 // 3]


def tokens(text: str) -> list[str]:
    """Search terms of a text: English words without plural endings and filler, Chinese bigrams."""
    text = re.sub(r"\be-mail", "email", unicodedata.normalize("NFKC", text).lower())
    found: list[str] = []
    for word in re.findall(r"[a-z0-9]+(?:_[a-z]+)*|[\u3400-\u9fff]+", text):
        if word[0] >= "\u3400":
            found += [word] if len(word) == 1 else [word[i : i + 2] for i in range(len(word) - 1)]
        elif word not in STOP:
            found.append(word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word)
    return found


def query_terms(text: str, vocabulary: Mapping[str, int]) -> list[str]:
    """Terms of a query that some document has; a word that none has is taken for the nearest one by spelling, if
    near."""
    found: list[str] = []
    for term in tokens(text):
        if term in vocabulary:
            found.append(term)
        elif len(term) > 3 and term.isascii():
            near = process.extractOne(term, vocabulary.keys(), scorer=fuzz.ratio, score_cutoff=78)
            found += [near[0]] if near else []
    return found


def documents(workspace: Workspace) -> pd.DataFrame:
    """One row a past campaign, oldest first, columns COLUMNS; zero rows when there are none.

    Campaigns known from results alone are included with what is known. Fractions 0-1, money in the workspace's
    currency;
    `roas`, `ctr`, `cvr` are NaN where their denominator is 0 or unknown.
    """
    frame = workspace.query(
        "SELECT i.campaign_id, c.* EXCLUDE (campaign_id) FROM (SELECT campaign_id FROM campaigns UNION "
        "SELECT campaign_id FROM campaign_results WHERE campaign_id IS NOT NULL) i LEFT JOIN campaigns c USING "
        "(campaign_id) "
        "ORDER BY c.start NULLS FIRST, i.campaign_id"
    )
    if frame.empty:
        return pd.DataFrame(columns=COLUMNS)
    sums = ", ".join(f"sum({name}) AS {name}" for name in METRICS)
    results = workspace.query(
        f"SELECT campaign_id, min(day) AS first_day, count(DISTINCT day) AS run_days, {sums}, "
        "list(DISTINCT channel) AS seen FROM campaign_results GROUP BY 1"
    )
    names = dict(workspace.query("SELECT product_id, name FROM products").itertuples(index=False, name=None))
    frame = frame.merge(results, on="campaign_id", how="left")
    rows = [_row(row, names) for row in frame.to_dict("records")]
    table = pd.DataFrame(rows, columns=COLUMNS)
    rank = table["roas"].rank(pct=True)
    grade = [
        "" if pd.isna(r) else " high ROAS" if r > 0.75 else " low ROAS" if r < 0.25 else " average ROAS" for r in rank
    ]
    table["text"] = [text + word for text, word in zip(table["text"], grade, strict=True)]
    return table


def _known(value: object) -> bool:
    return value is not None and not (isinstance(value, float) and value != value) and value is not pd.NaT


def _row(row: dict, names: dict[str, str]) -> dict:
    """A campaign's columns from its joined row."""
    shares = json.loads(row["shares"]) if isinstance(row.get("shares"), str) else {}
    seen = row.get("seen")
    channels = sorted(
        {
            *(name for name, share in shares.items() if share),
            *(c for c in (seen if seen is not None and _known(seen) else []) if c),
        }
    )
    listed = row.get("products")
    products = [str(p) for p in listed] if listed is not None and not isinstance(listed, float) else []
    start = row["start"] if _known(row.get("start")) else row.get("first_day")
    start = pd.Timestamp(start) if _known(start) else None
    known = {
        name: row[name] if _known(row.get(name)) else None
        for name in ("name", "category", "audience", "offer", "angle", "objective")
    }
    numbers = {
        name: float(row[name]) if _known(row.get(name)) else float("nan") for name in (*METRICS, "discount", "budget")
    }
    length = row["days"] if _known(row.get("days")) else row.get("run_days")
    record = {
        "campaign_id": row["campaign_id"],
        **known,
        **numbers,
        "name": known["name"] or row["campaign_id"],
        "channels": channels,
        "products": products,
        "season": season(start.month) if start is not None else None,
        "start": start,
        "days": int(length) if _known(length) else None,
        "shares": json.dumps(shares),
        "roas": _ratio(numbers["revenue"], numbers["spend"]),
        "ctr": _ratio(numbers["clicks"], numbers["impressions"]),
        "cvr": _ratio(numbers["conversions"], numbers["clicks"]),
    }
    return record | {"text": describe(record, [names[p] for p in products[:12] if p in names])}


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole and whole > 0 else float("nan")


def describe(record: dict, product_names: list[str]) -> str:
    """The text of a campaign: canonical values with their words in both languages."""
    words = glossary()
    parts = [str(record.get("name") or "")]
    for field in ("category", "audience", "offer", "objective", "angle", "season"):
        value = record.get(field)
        if value:
            parts.append(f"{value} {words[field].get(value, '')}")
    parts += [f"{channel} {words['channel'].get(channel, '')}" for channel in record["channels"]]
    start = record.get("start")
    if start is not None:
        parts.append(f"{start:%B %Y} {start.month}月")
        parts += [event["words"] for event in words["event"] if _during(start, record.get("days") or 1, event["days"])]
    discount = record.get("discount")
    if discount is not None and discount == discount:
        parts.append(
            f"{discount:.0%} off deep discount 大折扣"
            if discount >= 0.3
            else f"{discount:.0%} off"
            if discount > 0
            else words["offer"]["none"]
        )
    return ". ".join(part for part in [*parts, *product_names] if part.strip())


def _during(start: pd.Timestamp, days: int, span: list[int]) -> bool:
    """Whether a run of `days` from `start` touches the yearly stretch [month, day, month, day]."""
    end = start + pd.Timedelta(days=max(days, 1) - 1)
    for year in (start.year - 1, start.year, end.year):
        first = pd.Timestamp(year, span[0], span[1])
        last = pd.Timestamp(year + (span[2] < span[0]), span[2], span[3])
        if start <= last and end >= first:
            return True
    return False
