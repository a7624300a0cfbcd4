"""Weekly demand of every product with intervals, and what stock it calls for.

Three forecasts compete on the shop's own last weeks: the naive one (the same weeks a year ago where there is a year, else the
last week), a moving average, and exponential smoothing (Brown 1959), the latter two with and without the category's season.
The one with the lowest MASE (Hyndman and Koehler 2006) on one stretch of eight weeks is used; its score is taken on the next.
Intervals: a negative binomial with an uncertain level (`demand_spread`), calibrated on held-out weeks.
Not covered: sales that a stock-out prevented are not seen, so demand is understated where shelves were empty.
"""

from __future__ import annotations

import datetime as dt
import json
import math
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from campaignwright.market.workspace import Workspace
from campaignwright.models.demand_spread import dispersion, exceeds, inside80, level_errors, quantile, regularity
from campaignwright.models.store import MissingTable

HOLDOUT = 8  # weeks
SERVICE = 0.95  # share of replenishment cycles to get through without a stock-out
Z80 = 1.2816

SALES = """
WITH lines AS (
  SELECT l.product_id, CAST(o.ordered_at AS DATE) AS day, sum(l.quantity) AS units FROM order_lines l JOIN orders o USING (order_id)
  WHERE l.quantity > 0 AND l.product_id IS NOT NULL AND coalesce(o.status, 'paid') = 'paid' GROUP BY 1, 2),
panel AS (
  SELECT product_id, date AS day, sum(units) AS units FROM prices WHERE units >= 0 AND date IS NOT NULL
    AND product_id NOT IN (SELECT product_id FROM lines) GROUP BY 1, 2),
both_ AS (SELECT * FROM lines UNION ALL SELECT * FROM panel),
until_ AS (SELECT max(day) AS last FROM both_)
SELECT product_id, CAST((last - day) // 7 AS INTEGER) AS weeks_ago, sum(units) AS units, max(last - day) AS days_ago
FROM both_, until_ GROUP BY 1, 2"""

LAST_DAY = """
SELECT greatest((SELECT max(CAST(ordered_at AS DATE)) FROM orders WHERE coalesce(status, 'paid') = 'paid'),
                (SELECT max(date) FROM prices WHERE units IS NOT NULL))"""


def smooth(history: np.ndarray, alpha: float) -> np.ndarray:
    """Level after the last week of (products, weeks) by exponential smoothing, started at the mean of the first eight weeks."""
    level = history[:, :8].mean(axis=1)
    for week in range(history.shape[1]):
        level = level + alpha * (history[:, week] - level)
    return level


def season_of(history: np.ndarray, category: np.ndarray) -> np.ndarray | None:
    """Weekly factors of each product's category, (products, 52) for the 52 weeks that follow the history; None under two years.

    Ratio of each week's sales to the year's mean, averaged over the whole years, smoothed over five weeks, halved towards 1.
    """
    years = history.shape[1] // 52
    if years < 2:
        return None
    past = history[:, -52 * years:].reshape(len(history), years, 52)
    factors = np.ones((len(history), 52))
    for name in np.unique(category):
        inside = category == name
        total = past[inside].sum(axis=0)
        ratio = (total / np.maximum(total.mean(axis=1, keepdims=True), 1e-9)).mean(axis=0)
        wrapped = np.concatenate([ratio[-2:], ratio, ratio[:2]])
        factors[inside] = 1 + 0.5 * (np.convolve(wrapped, np.ones(5) / 5, mode="valid") - 1)
    return np.clip(factors, 0.3, 3.0)


def candidates(history: np.ndarray, category: np.ndarray, weeks: int) -> dict[str, np.ndarray]:
    """Method -> forecast (products, weeks) from (products, past weeks)."""
    ahead = np.arange(weeks) % 52
    if history.shape[1] >= 52:
        found = {"naive": history[:, -52:][:, ahead]}
    else:
        found = {"naive": np.repeat(history[:, -1:], weeks, axis=1)}
    bases = {"average_8": lambda h: h[:, -8:].mean(axis=1), "average_26": lambda h: h[:, -26:].mean(axis=1),
             **{f"smooth_{alpha:g}": (lambda h, a=alpha: smooth(h, a)) for alpha in (0.1, 0.2, 0.4)}}
    season = season_of(history, category)
    back = None if season is None else season[:, np.arange(-history.shape[1], 0) % 52]
    for name, level in bases.items():
        found[name] = np.repeat(level(history)[:, None], weeks, axis=1)
        if season is not None:
            found[f"{name}_season"] = level(history / back)[:, None] * season[:, ahead]
    return found


def mase(actual: np.ndarray, forecast: np.ndarray, history: np.ndarray) -> float:
    """Mean absolute scaled error over all products: 1 is the one-week naive forecast on the history since the first sale."""
    alive = np.cumsum(history, axis=1)[:, :-1] > 0
    scale = (np.abs(np.diff(history, axis=1)) * alive).sum(axis=1) / np.maximum(alive.sum(axis=1), 1)
    use = (scale > 0) & (alive.sum(axis=1) >= 8)
    return float((np.abs(actual - forecast).mean(axis=1)[use] / scale[use]).mean()) if use.any() else float("nan")


def tame(history: np.ndarray) -> np.ndarray:
    """Cap a week at ten times the product's median selling week: one order by a reseller is not next week's demand."""
    middle = np.ma.median(np.ma.masked_equal(history, 0), axis=1).filled(1.0)
    return np.minimum(history, 10 * np.maximum(middle, 1.0)[:, None])


class DemandModel:
    """`weekly` (products, 53) units forecast for the 53 weeks after `last_day`; `recent` (products, <= 26) past weeks, for
    plots; `phi` (products,) dispersion, variance over mean of a week's units; `level_sd` (products,) relative error."""

    NAME: ClassVar[str] = "demand"
    TABLES: ClassVar[tuple[str, ...]] = ()  # order_lines with orders, or prices with units
    READS: ClassVar[tuple[str, ...]] = ("order_lines", "orders", "prices", "products")
    SPLIT: ClassVar[str] = "by time: the weeks before the last ones choose the method, the last ones score it"
    VERSION: ClassVar[int] = 2

    def __init__(self, products: pd.Index, weekly: np.ndarray, recent: np.ndarray, phi: np.ndarray,
                 level_sd: np.ndarray, last_day: dt.date, metrics: dict, rows: int) -> None:
        self.products, self.weekly, self.recent, self.phi, self.level_sd = products, weekly, recent, phi, level_sd
        self.last_day, self.metrics, self.rows = last_day, metrics, rows

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> Self:
        """Raises MissingTable when no sale is dated."""
        sales = workspace.query(SALES)
        if sales.empty:
            raise MissingTable(cls.NAME, "order_lines", "No dated sale yet: import orders with their lines, or prices with units.")
        last_day = pd.Timestamp(workspace.scalar(LAST_DAY)).date()
        weeks = int(np.clip((sales["days_ago"].max() + 1) // 7, 1, 157))  # whole weeks only
        sales = sales[sales["weeks_ago"] < weeks]
        products = pd.Index(sorted(sales["product_id"].unique()))
        history = np.zeros((len(products), weeks))
        history[products.get_indexer(sales["product_id"]), weeks - 1 - sales["weeks_ago"]] = sales["units"]
        catalogue = workspace.query("SELECT product_id, coalesce(category, '') AS category FROM products").set_index("product_id")
        category = catalogue["category"].reindex(products).fillna("").to_numpy(dtype=str)
        return cls.from_history(products, history, category, last_day, rows=len(sales))

    @classmethod
    def from_history(cls, products: pd.Index, history: np.ndarray, category: np.ndarray, last_day: dt.date, *, rows: int = 0) -> Self:
        """From units (products, past weeks), oldest first, the last week ending on `last_day`, and categories (products,)."""
        history = tame(history)
        method, metrics = cls._choose(history, category)
        weekly = np.maximum(candidates(history, category, 53)[method], 0.0)
        return cls(products, weekly, history[:, -26:], dispersion(history), np.array(metrics["level_errors"])[regularity(history)],
                   last_day, metrics, rows)

    @staticmethod
    def _choose(history: np.ndarray, category: np.ndarray) -> tuple[str, dict[str, Any]]:
        weeks = history.shape[1]
        alive = history[:, -3 * HOLDOUT:-HOLDOUT].sum(axis=1) >= 4
        if weeks <= 3 * HOLDOUT or not alive.any():
            return "average_26", {"method": "average_26", "level_errors": [0.4, 0.6, 1.0, 1.5], "weeks": weeks}
        category, history = category[alive], history[alive]
        train, middle, last = history[:, :-2 * HOLDOUT], history[:, -2 * HOLDOUT:-HOLDOUT], history[:, -HOLDOUT:]
        first = candidates(train, category, HOLDOUT)
        longer = history[:, :-HOLDOUT]
        second = candidates(longer, category, HOLDOUT)
        scores = {name: mase(middle, first[name], train) for name in first if name in second}
        method = min(scores, key=scores.get)
        level = level_errors(middle.sum(axis=1), np.maximum(first[method].sum(axis=1), 0.5), dispersion(train), regularity(train))
        total, phi, kind = np.maximum(second[method].sum(axis=1), 0.5), dispersion(longer), regularity(longer)
        return method, {
            "method": method, "mase": mase(last, second[method], longer), "mase_naive": mase(last, second["naive"], longer),
            "mase_selection": {name: round(value, 4) for name, value in scores.items()},
            "coverage80": inside80(last.sum(axis=1), total, phi, level[kind]),
            "level_errors": np.maximum(level, level_errors(last.sum(axis=1), total, phi, kind)).tolist(),
            "products_scored": len(history), "weeks": weeks}

    def _index(self, product_id: str) -> int:
        if product_id not in self.products:
            raise KeyError(product_id)
        return int(self.products.get_loc(product_id))

    def mean(self, product_id: str, start: dt.date, days: float) -> float:
        """Expected units in `days` days from `start` (a start beyond the forecast's year uses the same week of it)."""
        weekly = self.weekly[self._index(product_id)]
        offset = max((start - self.last_day).days - 1, 0)
        if offset + days > weekly.shape[0] * 7:
            offset = offset % 364
        day = offset + np.arange(int(np.ceil(days)))
        share = np.ones(len(day))
        share[-1:] = days - (len(day) - 1)
        return float((weekly[(day // 7) % 52] / 7 * share).sum())

    def demand(self, product_id: str, start: dt.date, days: float, uplift: float = 0.0) -> tuple[float, float, float]:
        """(mean, low, high) units with an 80 % interval; `uplift` is relative (0.3 = 30 % more)."""
        mean = self.mean(product_id, start, days) * (1 + uplift)
        phi, level_sd = float(self.phi[self._index(product_id)]), float(self.level_sd[self._index(product_id)])
        low, high = (float(quantile(mean, phi, level_sd, q)) for q in (0.1, 0.9))
        return mean, min(low, mean), max(high, mean)

    def stock_plan(self, product_id: str, start: dt.date, days: int, on_hand: float, inbound: float, lead_days: int,
                   uplift: float = 0.0) -> dict[str, Any]:
        """What `on_hand` units (+ `inbound`, there within `lead_days`) mean for a campaign of `days` days from `start`.

        stock_days: how long they last at the campaign's pace. stockout_risk: probability (0-1) that demand exceeds what is
        there; inbound counts when it comes within the campaign. reorder_units: order-up-to level for the campaign and the lead
        time after it, at 95 % service. reorder_date: when stock falls to the 95 % demand of one lead time; before `start`, by the days
        of the lead time that stock does not cover, where it has fallen so far by then.
        """
        phi, level_sd = float(self.phi[self._index(product_id)]), float(self.level_sd[self._index(product_id)])
        mean = self.mean(product_id, start, days) * (1 + uplift)
        available = on_hand + (inbound if lead_days <= days else 0.0)
        risk = float(exceeds(available, mean, phi, level_sd)) if mean > 0 else 0.0
        after = self.mean(product_id, start + dt.timedelta(days=days), lead_days) if lead_days > 0 else 0.0
        target = float(quantile(mean + after, phi, level_sd, SERVICE))
        pace = mean / days
        during_lead = float(quantile(pace * lead_days, phi, level_sd, SERVICE))
        wait = (on_hand + inbound - during_lead) / pace if pace > 0 else None
        return {
            "stock_days": on_hand / pace if pace > 0 else None, "stockout_risk": risk,
            "reorder_units": int(np.ceil(max(target - on_hand - inbound, 0.0))),
            "reorder_date": start + dt.timedelta(days=math.floor(min(wait, 3650))) if wait is not None else None,
        }

    def save(self, folder: Path) -> None:
        """`demand.npz` and `demand.json`."""
        np.savez_compressed(folder / "demand.npz", products=self.products.to_numpy(dtype=str),
                            weekly=self.weekly, recent=self.recent, phi=self.phi,
                            level_sd=self.level_sd)
        (folder / "demand.json").write_text(json.dumps({"last_day": self.last_day.isoformat(), "metrics": self.metrics, "rows": self.rows}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        facts = json.loads((folder / "demand.json").read_text())
        with np.load(folder / "demand.npz", allow_pickle=False) as file:
            return cls(pd.Index(file["products"].astype(object)), file["weekly"], file["recent"], file["phi"], file["level_sd"],
                       dt.date.fromisoformat(facts["last_day"]), facts["metrics"], facts["rows"])
