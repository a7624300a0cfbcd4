"""Preference pairs from a shop's own headline tests: copies of one campaign, channel and language, with their clicks.

The better copy of a pair has the higher click-through rate; how sure that is becomes the pair's weight, 2 P - 1 with P
the posterior probability (Beta with a uniform prior, normal approximation) that its rate is the higher one.
"""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable
from typing import Any

import pandas as pd
from scipy.stats import norm

from campaignwright.market.workspace import Workspace
from campaignwright.tools.copy_format import FIELDS, SLOTS, copy_answer, copy_messages

SURE = 0.8  # least P of a pair that is used
LITERAL = re.compile(r"\d|折")  # a fact that no slot stands for: the copywriter may not learn to say it
QUERY = """
SELECT c.copy_id, c.campaign_id, c.channel, c.language, c.text, c.impressions, c.clicks, c.angle, c.tone,
       k.audience, k.offer, k.discount, k.category, list(p.name) FILTER (p.name IS NOT NULL) AS names
FROM copies c LEFT JOIN campaigns k USING (campaign_id) LEFT JOIN products p ON list_contains(k.products, p.product_id)
WHERE c.text <> '' AND c.impressions > 0 AND c.clicks BETWEEN 0 AND c.impressions
GROUP BY ALL ORDER BY c.copy_id
"""


def click_pairs(workspace: Workspace) -> list[dict[str, Any]]:
    """Pairs {"campaign", "messages", "chosen", "rejected", "weight"}; chosen and rejected are raw copy as JSON.

    Product names, brand and discount are slots again, as the copywriter writes them. Empty without copies that differ.
    """
    frame = workspace.query(QUERY)
    if frame.empty:
        return []
    frame["brand"] = workspace.settings.get("name") or ""
    pairs = []
    for _, group in frame.groupby(["campaign_id", "channel", "language"], dropna=True):
        rows = [row | {"raw": raw_copy(row)} for row in group.to_dict("records")
                if row["channel"] in FIELDS and row["language"] in ("en", "zh")]  # fmt: skip
        usable = [row for row in rows if not LITERAL.search(row["raw"])]
        for one, other in itertools.combinations(usable, 2):
            better, worse = sorted((one, other), key=lambda row: row["clicks"] / row["impressions"], reverse=True)
            sure = higher(better["clicks"], better["impressions"], worse["clicks"], worse["impressions"])
            if sure >= SURE and better["raw"] != worse["raw"]:
                pairs.append({"campaign": better["campaign_id"], "messages": copy_messages(_spec(one, other)),
                              "chosen": better["raw"], "rejected": worse["raw"], "weight": 2 * sure - 1})  # fmt: skip
    return pairs


def higher(clicks: float, impressions: float, clicks2: float, impressions2: float) -> float:
    """P(first rate > second rate), 0-1."""
    a, b = clicks + 1, impressions - clicks + 1
    c, d = clicks2 + 1, impressions2 - clicks2 + 1
    spread = math.sqrt(a * b / ((a + b) ** 2 * (a + b + 1)) + c * d / ((c + d) ** 2 * (c + d + 1)))
    return float(norm.cdf((a / (a + b) - c / (c + d)) / spread))


def raw_copy(row: dict[str, Any]) -> str:
    """The copy as the copywriter would have written it: a JSON object of the channel's fields, facts as slots.

    The lines of the text are the fields in order; the last field takes what is left, absent ones stay away. An e-mail of
    two lines is a subject and a body.
    """
    text = row["text"]
    for name in sorted(row["names"] if isinstance(row["names"], Iterable) else (), key=len, reverse=True):
        text = text.replace(name, "{product}")
    if row["brand"]:
        text = text.replace(row["brand"], "{brand}")
    if pd.notna(row["discount"]) and row["discount"] > 0:
        text = text.replace(f"{row['discount']:.0%}", "{discount}")
    names = list(FIELDS[row["channel"]].items())
    if row["channel"] == "email" and text.count("\n") == 1:
        names = [pair for pair in names if pair[0] != "preheader"]
    lines = [line.strip() for line in text.split("\n", len(names) - 1)]
    found = {name: [line] if many else line for (name, many), line in zip(names, lines, strict=False)}
    return copy_answer(row["channel"], found)


def _spec(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The request that both copies answer, whichever won: the slots of either; what is unknown or differs takes a default."""
    used = [name for name in SLOTS if f"{{{name}}}" in one["raw"] + other["raw"]]
    defaults = {"angle": "value", "tone": "friendly", "audience": "all", "offer": "none", "category": None}
    said = {key: one[key] if isinstance(one[key], str) and one[key] and one[key] == other[key] else default
            for key, default in defaults.items()}  # fmt: skip
    return {"channel": one["channel"], "language": one["language"], **said, "slots": used}


def unfinished(answer: str) -> str:
    """The answer without its end: what a pair compares is what stands there, not that fields are missing after it."""
    return json.dumps(json.loads(answer), ensure_ascii=False).removesuffix("}")
