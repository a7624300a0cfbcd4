"""What discounts earn: profit and revenue over a grid of depths, the best one, and the lift a cut must bring to pay.

Units at discount d are q (1 - d) ** e. The elasticity e is uncertain: every curve is its mean over a truncated normal
posterior with an 80 % band, and a deeper cut is advised only on that mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

STEEPEST, FLATTEST = -8.0, -0.05
POINTS = 41  # quantiles of the elasticity


@dataclass(frozen=True)
class Goods:
    """Aligned arrays over the products of one decision: price and cost (NaN unknown) money a unit, units sold in the period at
    full price, elasticity mean and sd."""

    price: np.ndarray
    cost: np.ndarray
    units: np.ndarray
    mean: np.ndarray
    sd: np.ndarray


def draws(mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
    """Elasticities (products, POINTS): equally likely quantiles of the truncated normal, the same rank for all products."""
    rank = (np.arange(POINTS) + 0.5) / POINTS
    low, high = (STEEPEST - mean) / sd, (FLATTEST - mean) / sd
    return stats.truncnorm.ppf(rank[None, :], low[:, None], high[:, None], loc=mean[:, None], scale=sd[:, None])


def curve(goods: Goods, deepest: float, step: float = 0.01) -> pd.DataFrame:
    """Rows for discount 0, step ... deepest: units, revenue, profit (NaN without any cost), each the posterior mean, and
    <name>_low / <name>_high, the 80 % interval. Products without a cost are left out of profit only."""
    depth = np.round(np.arange(0, deepest + step / 2, step), 4)
    elasticity = draws(goods.mean, goods.sd)
    multiplier = (1 - depth[:, None, None]) ** elasticity[None]
    units = goods.units[None, :, None] * multiplier
    paid = goods.price[None, :, None] * (1 - depth[:, None, None])
    known = np.isfinite(goods.cost)
    frame = pd.DataFrame({"discount": depth})
    values = {"units": units.sum(axis=1), "revenue": (units * paid).sum(axis=1)}
    if known.any():
        values["profit"] = (units * (paid - goods.cost[None, :, None]))[:, known].sum(axis=1)
    for name, value in values.items():
        low, high = np.quantile(value, [0.1, 0.9], axis=1)
        frame[name], frame[f"{name}_low"], frame[f"{name}_high"] = value.mean(axis=1), low, high
    if not known.any():
        frame["profit"] = frame["profit_low"] = frame["profit_high"] = np.nan
    return frame


def best(goods: Goods, deepest: float) -> tuple[float, float]:
    """(discount with the highest expected profit, probability that it beats the full price), every cost known."""
    frame = curve(goods, deepest)
    depth = float(frame["discount"].iloc[int(frame["profit"].to_numpy().argmax())])
    if depth == 0:
        return 0.0, 0.5
    known = np.isfinite(goods.cost)
    elasticity = draws(goods.mean, goods.sd)[known]
    margin, cut = goods.price[known] - goods.cost[known], goods.price[known] * (1 - depth) - goods.cost[known]
    before = (goods.units[known] * margin).sum()
    after = (goods.units[known][:, None] * (1 - depth) ** elasticity * cut[:, None]).sum(axis=0)
    return depth, float((after > before).mean())


def deepest_for_margin(price: float, cost: float, min_margin: float) -> float:
    """Largest discount (0-1) that leaves a margin of `min_margin` of the price paid; 0 when there is no room."""
    return float(np.clip(1 - cost / (price * (1 - min_margin)), 0.0, 0.95)) if min_margin < 1 else 0.0


def breakeven_lift(margin: float, discount: float) -> float:
    """Relative extra units that make the profit of a cut equal to today's: m / (m - d) - 1; inf when d eats the margin."""
    return margin / (margin - discount) - 1 if discount < margin else float("inf")
