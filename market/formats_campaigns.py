"""What campaign formats share: ids, one `campaigns` row from a campaign's results, offers read from subjects and
names.
"""

from __future__ import annotations

import hashlib
import json
import re

import pandas as pd

from campaignwright.market.formats_base import Sheet, Write
from campaignwright.market.workspace import Workspace

RESULT_KEY = ("campaign_id", "channel", "segment", "day")
NUMBERS = ("impressions", "clicks", "conversions", "spend", "revenue")


def campaign_ids(source: str, names: pd.Series) -> pd.Series:
    """Stable ids from source and name (or the platform's own id), so that the next export finds its campaigns again."""
    table = {
        name: f"{source}-{hashlib.blake2b(str(name).encode(), digest_size=5).hexdigest()}"
        for name in names.dropna().unique()
    }
    return names.map(table)


def offer_of(text: str | None) -> tuple[str | None, float | None]:
    """(offer, discount 0-1) that a subject or campaign name states in so many words; (None, None) when it states
    none.
    """
    text = text or ""
    percent = re.search(r"\b([1-9]\d?)\s?%\s*(?:off|discount|rabatt|de réduction)\b", text, re.I)
    if percent:
        return "percent_off", int(percent[1]) / 100
    folds = re.search(r"(?<![\d.])([1-9](?:\.[1-9])?|[1-9][1-9])折", text)
    if folds:
        return "percent_off", round(1 - float(folds[1]) / (100 if len(folds[1]) == 2 else 10), 4)
    if re.search(r"free (?:uk |us )?(?:shipping|delivery)|包邮", text, re.I):
        return "free_shipping", 0.0
    if re.search(r"free gift|gift with purchase|赠品", text, re.I):
        return "gift", 0.0
    return None, None


def language_of(text: str | None) -> str | None:
    """zh for text with Chinese characters, en for plain ASCII letters, else None: not known."""
    text = text or ""
    if re.search(r"[\u4e00-\u9fff]", text):
        return "zh"
    return "en" if re.search(r"[A-Za-z]", text) and not re.search(r"[^\W\d_a-zA-Z]", text) else None


def results_write(rows: pd.DataFrame) -> Write:
    """Results by campaign, channel, segment and day; a newer export restates the days it covers."""
    frame = rows.reindex(columns=[*RESULT_KEY, *NUMBERS])
    return Write("campaign_results", frame, "replace", RESULT_KEY)


def campaigns_write(rows: pd.DataFrame, source: str, workspace: Workspace, *, restates: bool = True) -> Write:
    """One campaign per id: budget = what was spent in all, shares of it per channel, start and days from the results.

    `rows`: campaign_id, name, channel, day (may be NULL), days (optional), spend (may be NULL), and optionally
    segment and other columns of `campaigns`. Results of earlier exports count too, unless these rows restate them
    (`restates`).
    """
    facts = rows[["campaign_id", "channel", "day", "spend"]].copy()
    facts["segment"] = rows["segment"] if "segment" in rows else None
    facts["last"] = (
        facts["day"] + pd.to_timedelta(rows["days"].fillna(1) - 1, unit="D") if "days" in rows else facts["day"]
    )
    stored = workspace.query(
        "SELECT r.campaign_id, r.channel, r.segment, r.day, r.spend FROM campaign_results r JOIN campaigns c "
        "USING (campaign_id) WHERE c.source = ?",
        [source],
    )
    stored = stored[stored["campaign_id"].isin(facts["campaign_id"].unique())].assign(last=lambda f: f["day"])
    if len(stored):
        old, new = (
            pd.MultiIndex.from_frame(
                frame[list(RESULT_KEY)].astype("object").where(lambda f: f.notna(), None).astype(str)
            )
            for frame in (stored, facts)
        )
        stored = stored[~old.isin(new)] if restates else stored
        facts = pd.concat(
            [stored.astype({"day": "datetime64[us]", "last": "datetime64[us]"}), facts], ignore_index=True
        )
    groups = facts.groupby("campaign_id", sort=False)
    table = (
        rows.drop_duplicates("campaign_id").drop(columns=["days", "spend"], errors="ignore").set_index("campaign_id")
    )
    table["start"] = groups["day"].min()
    table["days"] = (groups["last"].max() - table["start"]).dt.days + 1
    table["budget"] = groups["spend"].sum(min_count=1).round(2)
    spend = facts.groupby(["campaign_id", "channel"], sort=False)["spend"].sum(min_count=1)
    table["shares"] = [_shares(spend[key]) for key in table.index]
    table["source"] = source
    return Write("campaigns", table.reset_index(), "merge")


def _shares(spend: pd.Series) -> str:
    """JSON channel -> share of spend (equal shares when no spend is known)."""
    total = spend.sum()
    parts = spend / total if total > 0 else pd.Series(1 / len(spend), index=spend.index)
    return json.dumps({channel: round(float(part), 6) for channel, part in parts.fillna(0).items()})


def state_offers(rows: pd.DataFrame, text: str, sheet: Sheet) -> None:
    """Fill `offer` and `discount` of `rows` from the column `text`, and say that this was done."""
    read = [offer_of(value if isinstance(value, str) else None) for value in rows[text]]
    rows["offer"] = pd.Series([offer for offer, _ in read], index=rows.index, dtype="object")
    rows["discount"] = pd.Series([discount for _, discount in read], index=rows.index, dtype=float)
    stated = rows["offer"].notna()
    if stated.any():
        sheet.warnings.append(
            f"The offers of {rows.loc[stated, 'campaign_id'].nunique():,} campaigns were read from their names or "
            "subjects; the other campaigns' offers are not known."
        )
