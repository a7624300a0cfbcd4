"""The forecast's arithmetic on arrays: from stage predictions to totals with 80 % intervals, many strategies at once.

Lognormal draws per stage and channel with fixed random numbers: equal inputs give equal outputs and two strategies are
compared under the same luck. Nothing is fitted here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaignwright.market.words import OFFERS
from campaignwright.models.forecast_shop import Shop
from campaignwright.models.response import STAGES
from campaignwright.models.response_priors import OWNED
from campaignwright.models.strategy_space import PRICED_OFFERS, Batch, K

METRICS = ("impressions", "clicks", "ctr", "cvr", "orders", "revenue", "profit", "roas")
DRAWS = 400
MARGIN_RANGE = (0.23, 0.53)  # 80 % range of an unknown gross margin about 0.38 (best markup at elasticity -2.62)
RETURNED_RANGE = (0.04, 0.19)  # 80 % range of an unknown part of sales that is sent back, about ECDB's 0.115
OFFER_COST = {"free_shipping": 5.0, "gift": 5.0, "bundle": 1.0}  # USD an order, assumed
PRICED = np.array([offer in PRICED_OFFERS for offer in OFFERS])


@dataclass
class Totals:
    """Draws of totals, float[n, S] each, and medians per channel, float[n, 8] each."""

    draws: dict[str, np.ndarray]
    channels: dict[str, np.ndarray]

    def bounds(self, metric: str) -> np.ndarray:
        """float[n, 3]: median, 10 % and 90 % quantile of a metric of METRICS; NaN for a ratio that is undefined."""
        values = self.draws[metric]
        return np.quantile(values, [0.5, 0.1, 0.9], axis=1).T

    def lower(self, metric: str) -> np.ndarray:
        """float[n]: the 10 % quantile."""
        return np.quantile(self.draws[metric], 0.1, axis=1)


def normals(seed: int, draws: int = DRAWS) -> np.ndarray:
    """float32[S, 4 stages, 8 channels]; half antithetic, so that medians are steady."""
    half = np.random.default_rng([seed, 400]).standard_normal((draws // 2, len(STAGES), K)).astype(np.float32)
    return np.concatenate([half, -half])


def common(z: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Normals whose channels share `share` of their variance within a stage (one campaign, one creative, one week)."""
    one = normals(seed + 1, len(z))[:, :, :1]
    return np.sqrt(share) * one + np.sqrt(1 - share) * z


def paid_share(batch: Batch) -> np.ndarray:
    """Part of the full price that buyers pay, float[n]: 1 - discount where the offer lowers the price."""
    return 1 - np.where(PRICED[batch.offer], batch.discount, 0.0)


def simulate(
    batch: Batch,
    stages: dict[str, tuple],
    shop: Shop,
    paid: np.ndarray,
    spend: np.ndarray,
    z: np.ndarray,
    headroom: np.ndarray,
    width: dict[str, float],
) -> Totals:
    """Totals of n strategies. `stages` from `ResponseModel.predict`, `paid` from `paid_share`, `spend` float[n, 8].

    `headroom` float[8]: factor on the most messages an owned channel can send; `width`: conformal factor per metric.
    """
    active = (spend > 0) | (OWNED & (batch.shares > 0) & (batch.budget <= 0)[:, None])
    logs = {}
    for i, name in enumerate(STAGES):
        mean, sd = stages[name]
        logs[name] = (mean[:, None, :] + sd[:, None, :] * z[None, :, i, :]).astype(np.float32)
    cap = np.where(OWNED, shop.cap(batch) * headroom, np.inf)
    shown = np.minimum(np.exp(logs["reach"]), cap[:, None, :]) * active[:, None, :]
    clicks = shown * np.exp(np.minimum(logs["ctr"], np.log(0.9)))
    orders = clicks * np.exp(np.minimum(logs["cvr"], np.log(0.95)))
    revenue = orders * np.exp(logs["aov"])
    parts = {"impressions": shown, "clicks": clicks, "orders": orders, "revenue": revenue}
    channels = {name: np.median(value, axis=1) for name, value in parts.items()}
    sums = {name: value.sum(axis=2).astype(float) for name, value in parts.items()}
    sums |= {"ctr": _ratio(sums["clicks"], sums["impressions"]), "cvr": _ratio(sums["orders"], sums["clicks"])}
    draws = {name: _widen(value, width.get(name, 1.0)) for name, value in sums.items()}
    total = spend.sum(axis=1)
    draws["roas"] = _ratio(draws["revenue"], np.broadcast_to(total[:, None], draws["revenue"].shape))
    draws["profit"] = profit(batch, draws["revenue"], draws["orders"], shop, paid, total)
    return Totals(draws, channels)


def profit(
    batch: Batch, revenue: np.ndarray, orders: np.ndarray, shop: Shop, paid: np.ndarray, spend: np.ndarray
) -> np.ndarray:
    """Margin on what is kept, less the offer's cost and the spend; float[n, S].

    What is not known is drawn, so that the interval shows the ignorance: a gross margin about MARGIN_RANGE where no cost is
    known, and returns about RETURNED_RANGE where there are no orders.
    """
    economics = shop.table(batch)
    ratio = np.broadcast_to(economics[:, 2:3], revenue.shape)
    if not economics[:, 3].all():
        ratio = np.where(economics[:, 3:4] > 0, ratio, 1 - _guesses(MARGIN_RANGE, revenue.shape[1], 7))
    returned = _guesses(RETURNED_RANGE, revenue.shape[1], 8) if shop.returned is None else shop.returned
    margin = revenue * (1 - returned) * (1 - ratio / paid[:, None])
    cost = np.array([OFFER_COST.get(offer, 0.0) for offer in OFFERS])[batch.offer] * shop.scale
    return margin - cost[:, None] * orders - spend[:, None]


def _guesses(middle: tuple[float, float], draws: int, seed: int) -> np.ndarray:
    """Values spread evenly so that 80 % of them lie within `middle`, in a fixed random order; float[1, draws]."""
    low, high = middle
    points = np.linspace(0, 1, draws, endpoint=False) + 0.5 / draws
    return (low + (high - low) * (points[np.random.default_rng(seed).permutation(draws)] * 1.25 - 0.125))[None, :]


def _widen(values: np.ndarray, factor: float) -> np.ndarray:
    """Stretch positive draws about their median by `factor` on the log scale."""
    if factor == 1.0:
        return values
    centre = np.median(values, axis=1, keepdims=True)
    ratio = np.divide(values, centre, out=np.ones_like(values), where=(centre > 0) & (values > 0))
    return np.where(values > 0, centre * ratio**factor, values)


def _ratio(top: np.ndarray, base: np.ndarray) -> np.ndarray:
    return np.divide(top, base, out=np.full_like(top, np.nan), where=base > 0)
