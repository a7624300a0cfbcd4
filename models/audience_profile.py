"""What each audience buys, when and where it is won: favourite categories or product words, order hour, channels."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

from campaignwright.market.workspace import Workspace

WORD = re.compile(r"[a-z]{3,}|[\u4e00-\u9fff]{2,}")
STOP = frozenset("the and for with set pack box of in from men women new small large size".split())

SPEND = """
SELECT o.customer_id, l.product_id, sum(l.quantity * l.unit_price) AS money
FROM orders o JOIN order_lines l USING (order_id)
WHERE o.customer_id IS NOT NULL AND coalesce(o.status, 'paid') = 'paid' AND l.quantity > 0 AND l.unit_price > 0
GROUP BY 1, 2"""

HOURS = """
SELECT customer_id, CAST(hour(ordered_at) AS INTEGER) AS hour, count(*) AS orders
FROM orders WHERE customer_id IS NOT NULL AND coalesce(status, 'paid') = 'paid' GROUP BY 1, 2"""

CHANNELS = """
SELECT segment, channel, sum(impressions) AS impressions, sum(clicks) AS clicks, sum(conversions) AS conversions,
       sum(spend) AS spend, sum(revenue) AS revenue
FROM campaign_results WHERE channel IS NOT NULL GROUP BY 1, 2"""


def favourites(inside: pd.Series, overall: pd.Series, k: int = 5) -> list[dict[str, Any]]:
    """The k labels that stand out: share of the audience's spend (0-1) and lift over the whole shop's share."""
    share = inside[inside > 0] / max(inside.sum(), 1e-9)
    lift = share / (overall.reindex(share.index) / max(overall.sum(), 1e-9))
    order = (share * lift).sort_values(ascending=False, kind="stable").index[:k]
    return [{"name": str(label), "share": round(float(share[label]), 4), "lift": round(float(lift[label]), 3)} for label in order]


def words_of(names: pd.Series) -> pd.DataFrame:
    """One row per product and word of its name: product_id, word. For shops whose export has no category."""
    rows = [(product, word) for product, name in names.items()
            for word in dict.fromkeys(WORD.findall(str(name).lower())) if word not in STOP]
    return pd.DataFrame(rows, columns=["product_id", "word"])


def best_hour(counts: pd.Series) -> tuple[int | None, float | None]:
    """(hour of the day with most orders, its share); (None, None) when the export holds dates without times."""
    total = counts.sum()
    if total < 10 or counts.get(0, 0) > 0.9 * total:
        return None, None
    smooth = pd.Series({hour: counts.get(hour, 0) + 0.5 * (counts.get(hour - 1, 0) + counts.get(hour + 1, 0)) for hour in range(24)})
    hour = int(smooth.idxmax())
    return hour, float(counts.get(hour, 0) / total)


def best_channels(results: pd.DataFrame, audience: str) -> list[dict[str, Any]]:
    """Channels of past campaigns to this audience (to anyone, where none was), by profit-free return: revenue per spend."""
    own = results[results["segment"] == audience]
    used = own if len(own) else results
    total = used.groupby("channel", sort=True)[["impressions", "clicks", "conversions", "spend", "revenue"]].sum().reset_index()
    total = total[(total["spend"] > 0) & (total["clicks"] >= 50)]
    total["roas"] = total["revenue"] / total["spend"]
    total["cvr"] = total["conversions"] / total["clicks"]
    total["of_audience"] = bool(len(own))
    return total.sort_values("roas", ascending=False).round(4).to_dict("records")


def profiles(workspace: Workspace, frame: pd.DataFrame, names: list[str]) -> dict[str, dict[str, Any]]:
    """Audience -> {categories, words, products, send_hour, send_hour_share, channel, channels}, JSON-ready."""
    spend, hours = workspace.query(SPEND), workspace.query(HOURS)
    catalogue = workspace.query("SELECT product_id, name, category FROM products ORDER BY 1").set_index("product_id")
    results = workspace.query(CHANNELS)
    ordered = workspace.query(
        "SELECT channel, count(*) AS orders FROM orders WHERE channel IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1")
    words = words_of(catalogue["name"]) if catalogue["category"].isna().all() else None
    overall = spend.groupby("product_id")["money"].sum()
    answer = {}
    for name in names:
        mask = frame[f"in_{name}"].to_numpy(dtype=bool)
        members = frame.index[mask]
        inside = overall if name == "all" else spend[spend["customer_id"].isin(members)].groupby("product_id")["money"].sum()
        hour, share = best_hour(hours[hours["customer_id"].isin(members)].groupby("hour")["orders"].sum())
        channels = best_channels(results, name)
        answer[name] = {
            "categories": [] if words is not None else _by_label(inside, overall, catalogue["category"]),
            "words": [] if words is None else _by_word(inside, overall, words),
            "products": _top_products(inside, catalogue["name"]),
            "send_hour": hour, "send_hour_share": share,
            "channel": channels[0]["channel"] if channels else (ordered["channel"].iloc[0] if len(ordered) else None),
            "channels": channels,
        }
    return answer


def _by_label(inside: pd.Series, overall: pd.Series, label: pd.Series) -> list[dict[str, Any]]:
    return favourites(inside.groupby(label.reindex(inside.index).to_numpy()).sum(),
                      overall.groupby(label.reindex(overall.index).to_numpy()).sum())


def _by_word(inside: pd.Series, overall: pd.Series, words: pd.DataFrame) -> list[dict[str, Any]]:
    def total(money: pd.Series) -> pd.Series:
        return words.assign(money=money.reindex(words["product_id"]).fillna(0.0).to_numpy()).groupby("word")["money"].sum()
    base = total(overall)
    usual = base.index[base > 0.005 * base.sum()]  # a rarer word says more about one product than about the audience
    return favourites(total(inside).reindex(usual), base.reindex(usual))


def _top_products(inside: pd.Series, names: pd.Series, k: int = 5) -> list[dict[str, Any]]:
    top = inside.sort_values(ascending=False, kind="stable").head(k)
    return [{"product_id": str(key), "name": str(names.get(key, key)), "share": round(float(money / max(inside.sum(), 1e-9)), 4)}
            for key, money in top.items()]
