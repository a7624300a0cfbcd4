"""Past results as rows for the rate models: what theory expects of each stage, and what was observed around it.

Impressions around the channel's curve and the audience's size, orders a click around the demand multiplier of the
discount (from PriceModel: campaign data are confounded), order value around the products' own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from campaignwright.models import response_priors as prior
from campaignwright.models.budget_curves import ChannelCurves
from campaignwright.models.forecast_shop import Shop, demand_multiplier
from campaignwright.models.response_features import Features
from campaignwright.models.response_priors import OWNED
from campaignwright.models.strategy_space import Batch, K

STAGES = ("reach", "ctr", "cvr", "aov")


def offsets(batch: Batch, curves: ChannelCurves, shop: Shop, spend: np.ndarray) -> dict[str, np.ndarray]:
    """What theory says of each stage's log, float[n, 8]; `spend` float[n, 8].

    Owned channels without a stated cost (an export that has none, a budget of nothing) reach all they may write to.
    """
    economics, cap = shop.table(batch), shop.cap(batch)
    shown = np.minimum(curves.impressions(spend, batch.days, shop.units(batch)), cap)
    shown = np.where(OWNED[None, :] & (spend <= 0) & np.isfinite(cap), cap, shown)
    lift = np.log(demand_multiplier(economics, batch.discount))
    level = np.array([shop.order_level(str(name)) for name in batch.audience])
    value = np.log(economics[:, 0] * level) + np.log1p(-batch.discount)
    return {
        "reach": np.log(np.maximum(shown, 1e-9)),
        "ctr": np.zeros_like(shown),
        "cvr": np.broadcast_to(lift[:, None], shown.shape),
        "aov": np.broadcast_to(value[:, None], shown.shape),
    }


def prior_of(stage: str, features: Features) -> tuple[np.ndarray, np.ndarray]:
    """Prior mean and sd of a stage's coefficients, float[p] each; effects have sd 1 (scaled by the fit)."""
    mean, sd = np.zeros(len(features.names)), np.ones(len(features.names))
    if stage in ("ctr", "cvr"):
        mean[:K], sd[:K] = np.log(prior.column(stage)), prior.RATE_SD
    else:
        sd[:K] = 0.3 if stage == "reach" else 0.5
    sd[K + features.shared :] *= 0.5
    for name, centre, width in (("season", 0.7, 0.3), ("weight", 0.0, 0.3), ("price", 0.0, 0.5)):
        at = features.names.index(name)
        mean[at], sd[at] = (centre if stage == "reach" else 0.0), width
    sd[features.names.index("discount")] = {"cvr": 0.7, "aov": 1.0}.get(stage, 0.4)
    return mean, sd


@dataclass
class Rows:
    """Results as arrays, one row per campaign and channel: `design` [m, p], `plain` [m, 14], `offset` per stage [m], counts [m]."""

    design: np.ndarray
    plain: np.ndarray
    offset: dict[str, np.ndarray]
    impressions: np.ndarray
    clicks: np.ndarray
    conversions: np.ndarray
    revenue: np.ndarray
    channel: np.ndarray
    group: np.ndarray  # campaign, for cross-validation

    @classmethod
    def of(cls, batch: Batch, results: pd.DataFrame, features: Features, curves: ChannelCurves, shop: Shop) -> Rows:
        row, channel = results["row"].to_numpy(int), results["channel"].to_numpy(int)
        spend = np.zeros((len(batch), K))
        spend[row, channel] = results["spend"].fillna(0.0)
        expected = offsets(batch, curves, shop, spend)
        numbers = {name: results[name].to_numpy(float) for name in ("impressions", "clicks", "conversions", "revenue")}
        covariates = shop.covariates(batch)
        return cls(
            features.matrix(batch, covariates)[row, channel],
            features.plain(batch, covariates)[row, channel],
            {s: expected[s][row, channel] for s in STAGES},
            **numbers,
            channel=channel,
            group=row,
        )

    def stage(self, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(usable mask [m], outcome count or total, exposure) of a stage."""
        top, base = {
            "reach": (self.impressions, np.exp(self.offset["reach"])),
            "ctr": (self.clicks, self.impressions),
            "cvr": (self.conversions, self.clicks),
            "aov": (self.revenue, self.conversions),
        }[name]
        usable = np.isfinite(top) & np.isfinite(base) & (base > (1e-6 if name == "reach" else 0))
        if name in ("reach", "aov"):
            usable &= top > 0
        return usable, top, base

    def observed(self, name: str, use: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log outcome less the stage's offset, and its counting variance, of the rows in `use`."""
        _, top, base = self.stage(name)
        if name == "reach":
            return np.log(top[use]) - self.offset["reach"][use], 1.0 / top[use]
        if name == "aov":
            return np.log(top[use] / base[use]) - self.offset["aov"][use], 0.5 / base[use]
        return np.log((top[use] + 0.5) / (base[use] + 0.5)) - self.offset[name][use], 1.0 / (top[use] + 0.5)
