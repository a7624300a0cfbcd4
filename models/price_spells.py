"""Elasticity free of one confounder: managers who set a new price because demand is moving.

Such managers make price and demand rise together, so a plain regression is biased towards zero (Villas-Boas and Winer 1999).
While a price stands still, though, the demand shock that led to it fades and the price's own effect does not: within a spell
of constant price, the later demand less its predictable part of the earlier depends on the price alone. This is the
quasi-differenced moment of dynamic panels (Chamberlain 1992; Wooldridge 1997) with category-by-period effects,

    E[ (r_{t+k} - phi_k r_t) log p ] = 0,   r_t = units_t exp(-e log p_t) / (mean_i effect_ct) - 1,

phi_k the autocorrelation of the shock, from lags 1-4 only, since counting noise sits in lag 0. One e for all products.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.optimize import brentq

LAGS = (1, 2, 3)
MIN_PAIRS = 400
RHO_NOISE = 1.6  # the persistence is estimated too: a bootstrap over series of a simulated shop gave 1.7 times the plain error


@dataclass
class Spells:
    """Series by period, (series, periods), NaN outside a series' life. log_price centred per series; usable: no promotion."""

    units: np.ndarray
    log_price: np.ndarray
    usable: np.ndarray
    category: np.ndarray


def spells(panel: pd.DataFrame) -> Spells | None:
    """The dated price rows on their regular grid; None when dates are missing or there are too few series."""
    dated = panel[panel["date"].notna() & (panel["source"] == "prices")]
    if dated["group"].nunique() < 8 or dated.duplicated(["group", "date"]).any():
        return None
    wide = {name: dated.pivot(index="group", columns="date", values=name) for name in ("units", "price", "promotion")}
    log_price = np.log(wide["price"].to_numpy(dtype=float))
    units = wide["units"].to_numpy(dtype=float)
    category = dated.groupby("group")["category"].first().reindex(wide["units"].index).to_numpy(dtype=str)
    sold = np.nanmean(units, axis=1) > 0
    usable = np.isfinite(units) & np.isfinite(log_price) & (wide["promotion"].to_numpy(dtype=float) == 0)
    centre = np.nanmean(log_price, axis=1, keepdims=True)
    return Spells(units[sold], (log_price - centre)[sold], usable[sold], category[sold])


def shocks(data: Spells, e: float) -> np.ndarray:
    """r (series, periods) at elasticity e: relative demand left after price and category-by-period effects; NaN where unusable."""
    level = np.where(data.usable, data.units * np.exp(-e * data.log_price), np.nan)
    level = level / np.nanmean(level, axis=1, keepdims=True)
    for _ in range(2):
        for name in np.unique(data.category):
            inside = data.category == name
            rows = inside if inside.sum() >= 5 else np.ones(len(level), dtype=bool)
            with np.errstate(invalid="ignore", divide="ignore"):
                effect = np.nansum(level[rows], axis=0) / np.maximum(np.isfinite(level[rows]).sum(axis=0), 1)
            level[inside] = level[inside] / np.where(effect > 0, effect, np.nan)
        level = level / np.nanmean(level, axis=1, keepdims=True)
    return level - 1


def persistence(r: np.ndarray) -> float:
    """Autocorrelation per period of the shock, from lags 1 to 4, within [0, 0.97]."""
    gamma = [np.nanmean(r[:, lag:] * r[:, :-lag]) for lag in (1, 2, 3, 4)]
    early, late = gamma[0] + gamma[1] + gamma[2], gamma[1] + gamma[2] + gamma[3]
    return float(np.clip(late / early, 0.0, 0.97)) if early > 0 else 0.0


def moments(data: Spells, e: float) -> tuple[np.ndarray, int]:
    """(each series' part of the sample moment at e, pairs); their sum is 0 at the solution."""
    r = shocks(data, e)
    rho = persistence(r)
    total, pairs = np.zeros(len(r)), 0
    still = np.ones_like(data.log_price[:, 1:], dtype=bool)
    same = np.abs(np.diff(data.log_price, axis=1)) < 1e-9
    for lag in LAGS:
        still = same if lag == 1 else still[:, :-1] & same[:, lag - 1:]
        gap = (r[:, lag:] - rho**lag * r[:, :-lag]) * data.log_price[:, lag:] * (1 - rho**lag)
        use = still & np.isfinite(gap)
        total, pairs = total + np.where(use, gap, 0.0).sum(axis=1), pairs + int(use.sum())
    return total, pairs


def spell_elasticity(panel: pd.DataFrame) -> tuple[float, float, int] | None:
    """(pooled elasticity, standard error clustered by series, pairs), or None where prices hardly stand still or move."""
    data = spells(panel) if len(panel) else None
    if data is None or moments(data, -2.0)[1] < MIN_PAIRS:
        return None

    def total(e: float) -> float:
        return float(moments(data, e)[0].sum())

    low, high = -7.0, 0.5
    if total(low) * total(high) >= 0:
        return None
    point = float(brentq(total, low, high, xtol=5e-3))
    parts, pairs = moments(data, point)
    slope = (total(point + 0.2) - total(point - 0.2)) / 0.4
    return point, RHO_NOISE * float(np.sqrt((parts**2).sum()) / max(abs(slope), 1e-9)), pairs
