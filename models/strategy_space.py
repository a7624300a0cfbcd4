"""Many strategies at once as arrays, and the past campaigns of a workspace in the same form.

`Batch` is what the forecast, the generator and its search work on; pydantic Strategies are made only for the few that
are shown. Nothing is fitted here.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from campaignwright.market.words import ANGLES, CHANNELS, OFFERS, Strategy
from campaignwright.market.workspace import Workspace

K = len(CHANNELS)
PRICED_OFFERS = ("percent_off", "amount_off", "bundle")  # the offers whose depth is `discount`


@dataclass
class Batch:
    """n strategies. Fractions 0-1, money in the workspace's currency, `start` as datetime64[D].

    `products` holds one tuple of product ids per strategy, `category` one category ("" = several or the whole shop).
    """

    audience: np.ndarray  # str[n]
    category: np.ndarray  # str[n]
    products: np.ndarray  # object[n] of tuple[str, ...]
    shares: np.ndarray  # float[n, 8], rows sum to 1 (or 0 when there is no budget)
    discount: np.ndarray  # float[n]
    offer: np.ndarray  # int[n] into OFFERS
    days: np.ndarray  # float[n]
    hour: np.ndarray  # int[n]
    frequency: np.ndarray  # float[n]
    angle: np.ndarray  # int[n] into ANGLES
    budget: np.ndarray  # float[n]
    start: np.ndarray  # datetime64[D][n]

    def __len__(self) -> int:
        return len(self.budget)

    def take(self, index: np.ndarray) -> Batch:
        """The strategies at `index`."""
        return Batch(**{name: getattr(self, name)[index] for name in self.__dataclass_fields__})

    def with_(self, **changes: np.ndarray) -> Batch:
        """A copy with some arrays replaced."""
        return replace(self, **changes)

    def spend(self) -> np.ndarray:
        """Planned money per channel, float[n, 8]."""
        return self.shares * self.budget[:, None]

    def strategy(self, i: int) -> Strategy:
        """Row `i` as a Strategy."""
        shares = {channel: float(self.shares[i, c]) for c, channel in enumerate(CHANNELS) if self.shares[i, c] > 0}
        return Strategy(
            audience=str(self.audience[i]),
            products=list(self.products[i]),
            shares=shares,
            discount=round(float(self.discount[i]), 4),
            offer=OFFERS[int(self.offer[i])],
            days=int(self.days[i]),
            send_hour=int(self.hour[i]),
            weekly_frequency=float(self.frequency[i]),
            angle=ANGLES[int(self.angle[i])],
            budget=float(self.budget[i]),
            start=self.start[i].astype("datetime64[D]").item(),
        )


def concat(batches: list[Batch]) -> Batch:
    """One batch of several, in order."""
    return Batch(**{name: np.concatenate([getattr(b, name) for b in batches]) for name in Batch.__dataclass_fields__})


def objects(values: list) -> np.ndarray:
    """A 1-D object array of the tuples in `values` (numpy would make it 2-D)."""
    array = np.empty(len(values), object)
    array[:] = values
    return array


def batch_of(strategies: list[Strategy], categories: dict[str, str]) -> Batch:
    """Strategies as a Batch. `categories`: product id -> category."""
    shares = np.array([[s.shares.get(channel, 0.0) for channel in CHANNELS] for s in strategies]).reshape(-1, K)
    return Batch(
        audience=np.array([s.audience for s in strategies], dtype=object),
        category=np.array([one_category(s.products, categories) for s in strategies], dtype=object),
        products=objects([tuple(s.products) for s in strategies]),
        shares=shares,
        discount=np.array([s.discount for s in strategies]),
        offer=np.array([OFFERS.index(s.offer) for s in strategies]),
        days=np.array([float(s.days) for s in strategies]),
        hour=np.array([s.send_hour for s in strategies]),
        frequency=np.array([s.weekly_frequency for s in strategies]),
        angle=np.array([ANGLES.index(s.angle) for s in strategies]),
        budget=np.array([s.budget for s in strategies]),
        start=np.array([s.start for s in strategies], dtype="datetime64[D]"),
    )


def one_category(products: list[str] | tuple[str, ...], categories: dict[str, str]) -> str:
    """The category that holds at least 80 % of `products`, else ""."""
    if not len(products):
        return ""
    counts = pd.Series([categories.get(product) or "" for product in products]).value_counts()
    return str(counts.index[0]) if counts.iloc[0] >= 0.8 * len(products) else ""


def product_categories(workspace: Workspace) -> dict[str, str]:
    """product id -> category ("" when unknown)."""
    frame = workspace.query("SELECT product_id, coalesce(category, '') AS category FROM products")
    return dict(zip(frame["product_id"], frame["category"], strict=True))


def _shares(text: object, spend: dict[str, float]) -> np.ndarray:
    """Shares of a stored campaign: its JSON, else what was spent; float[8] summing to 1 or 0."""
    stored = json.loads(text) if isinstance(text, str) and text else (text if isinstance(text, dict) else {})
    values = np.array([float(stored.get(channel) or 0.0) for channel in CHANNELS])
    if values.sum() <= 0:
        values = np.array([max(spend.get(channel, 0.0), 0.0) for channel in CHANNELS])
    return values / values.sum() if values.sum() > 0 else values


def history(workspace: Workspace) -> tuple[Batch, list[str], pd.DataFrame]:
    """Past campaigns as (Batch, campaign ids, results).

    Results: one row per campaign and channel with `row` (index into the batch), `channel` (index into CHANNELS),
    impressions, clicks, conversions, spend, revenue (NaN where the export has none) and `active` days.
    """
    results = workspace.query(
        """SELECT campaign_id, channel, sum(impressions) AS impressions, sum(clicks) AS clicks,
                  sum(conversions) AS conversions, sum(spend) AS spend, sum(revenue) AS revenue,
                  count(DISTINCT day) AS active, min(day) AS first, max(day) AS last
           FROM campaign_results WHERE channel IS NOT NULL
           GROUP BY campaign_id, channel ORDER BY campaign_id, channel"""
    )
    campaigns = workspace.query("SELECT * FROM campaigns ORDER BY start, campaign_id").drop_duplicates("campaign_id")
    lone = results[~results["campaign_id"].isin(campaigns["campaign_id"])].drop_duplicates("campaign_id")
    if len(lone):
        extra = pd.DataFrame({"campaign_id": lone["campaign_id"], "start": lone["first"]})
        campaigns = pd.concat([campaigns, extra], ignore_index=True)
    results = results[results["channel"].isin(CHANNELS)].copy()
    ids = campaigns["campaign_id"].tolist()
    place = {campaign_id: i for i, campaign_id in enumerate(ids)}
    results["row"] = results["campaign_id"].map(place)
    results["channel"] = results["channel"].map({channel: i for i, channel in enumerate(CHANNELS)})
    return _past_batch(campaigns, results, product_categories(workspace)), ids, results.reset_index(drop=True)


def _past_batch(campaigns: pd.DataFrame, results: pd.DataFrame, categories: dict[str, str]) -> Batch:
    """The batch of stored campaigns; what an export did not say is filled with a neutral value."""
    spent = results.groupby("campaign_id")["spend"].sum()
    names = np.array(CHANNELS)
    per_channel = {
        key: dict(zip(names[group["channel"]], group["spend"].fillna(0.0), strict=True))
        for key, group in results.groupby("campaign_id")
    }
    span = results.groupby("campaign_id").agg(first=("first", "min"), last=("last", "max"))
    length = (pd.to_datetime(span["last"]) - pd.to_datetime(span["first"])).dt.days + 1
    ids = campaigns["campaign_id"]
    products = [tuple(p) if isinstance(p, list | tuple | np.ndarray) else () for p in campaigns["products"]]
    category = [
        c if isinstance(c, str) and c else one_category(p, categories)
        for c, p in zip(campaigns["category"], products, strict=True)
    ]
    start = pd.to_datetime(campaigns["start"]).fillna(pd.Timestamp(dt.date(2020, 1, 1)))
    budget = campaigns["budget"].astype(float).fillna(ids.map(spent)).fillna(0.0)
    return Batch(
        audience=campaigns["audience"].fillna("all").to_numpy(dtype=object),
        category=np.array(category, dtype=object),
        products=objects(products),
        shares=np.array(
            [_shares(text, per_channel.get(key, {})) for key, text in zip(ids, campaigns["shares"], strict=True)]
        ).reshape(-1, K),
        discount=campaigns["discount"].astype(float).fillna(0.0).clip(0, 0.9).to_numpy(),
        offer=np.array([OFFERS.index(o) if o in OFFERS else 0 for o in campaigns["offer"]], dtype=int),
        days=campaigns["days"].astype(float).fillna(ids.map(length)).fillna(14.0).clip(1, 366).to_numpy(dtype=float),
        hour=campaigns["send_hour"].astype(float).fillna(10).astype(int).to_numpy(),
        frequency=campaigns["weekly_frequency"].astype(float).fillna(1.0).to_numpy(),
        angle=np.array([ANGLES.index(a) if a in ANGLES else 0 for a in campaigns["angle"]], dtype=int),
        budget=budget.to_numpy(dtype=float),
        start=start.to_numpy().astype("datetime64[D]"),
    )
