"""Media response of the simulated market: adstock, saturation, fatigue, send hour, season, and each channel's truth.

Small pure functions over arrays. Ranges are those of Robyn's demo, Meridian and the funnel figures cited below.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from campaignwright.market.sim_catalogue import Category

EPOCH = dt.date(2025, 1, 1)  # drift and trend are zero here, so that the truth does not depend on any history's end
TAIL_DAYS = 7


@dataclass(frozen=True)
class ChannelTruth:
    """One channel's hidden parameters.

    theta: carry-over a day (0-0.4, Robyn). slope, kappa: Hill's (slope 1-1.5, within Robyn's 0.5-3; kappa in units of
    the daily amount that buys the full reach). beta: effect on log traffic of a saturated paid channel. cost: USD, a
    click at half saturation (paid, for a 100 USD product) or a message (owned). ctr: clicks an impression. intent:
    factor on the odds of an order. incremental: share of reported orders that would not have come anyway. drift:
    change of cost, log a year. hour, peak: best send hour; messages a week with the greatest total response (0 =
    paid).
    """

    owned: bool
    theta: float
    slope: float
    kappa: float
    beta: float
    cost: float
    ctr: float
    intent: float
    incremental: float
    drift: float
    hour: float
    peak: float


# owned, theta range, beta, cost USD, ctr, intent, incremental, drift, hour, peak. Search CTR 6.7 % and CPC up to 5 USD:
# WordStream 2025; social CTR 1.5 %, CPC 0.83: second-hand; e-mail click 1.3-2 %: Klaviyo. See docs/sources.md, "Simulator".
_PRIORS: dict[str, tuple] = {
    "email": (True, (0.1, 0.4), 0.0, 0.018, 0.024, 2.2, 0.65, 0.00, 9, 2.5),
    "sms": (True, (0.05, 0.2), 0.0, 0.050, 0.050, 1.8, 0.70, 0.02, 12, 1.5),
    "push": (True, (0.0, 0.15), 0.0, 0.012, 0.020, 1.2, 0.60, 0.00, 19, 3.0),
    "wechat": (True, (0.1, 0.3), 0.0, 0.045, 0.040, 1.5, 0.70, 0.00, 20, 2.0),
    "search": (False, (0.0, 0.3), 0.42, 1.90, 0.067, 1.60, 0.70, 0.05, 14, 0.0),
    "social": (False, (0.0, 0.3), 0.45, 0.90, 0.015, 0.80, 0.85, 0.04, 20, 0.0),
    "display": (False, (0.1, 0.3), 0.22, 0.60, 0.006, 0.36, 0.80, 0.02, 13, 0.0),
    "xiaohongshu": (False, (0.1, 0.3), 0.18, 0.80, 0.022, 0.75, 0.85, 0.06, 21, 0.0),
}

# How much of the paid pool a targeting keeps: strangers included, so `new` keeps most.
PAID_POOL = {
    "all": 1.0,
    "new": 0.8,
    "loyal": 0.4,
    "lapsed": 0.5,
    "high_value": 0.42,
    "deal_seekers": 0.6,
    "regular": 0.6,
}


def draw_channels(rng: np.random.Generator) -> dict[str, ChannelTruth]:
    """Every channel's truth, spread about the priors above (log sd 0.12 on scale parameters)."""
    channels = {}
    for name, (owned, theta, beta, cost, ctr, intent, incremental, drift, hour, peak) in _PRIORS.items():
        wobble = np.exp(rng.normal(0, 0.12, 4))
        channels[name] = ChannelTruth(
            owned,
            float(rng.uniform(*theta)),
            float(rng.uniform(1.0, 1.5)),
            float(rng.uniform(0.35, 0.7)),
            float(beta * wobble[0]),
            float(cost * wobble[1]),
            float(ctr * wobble[2]),
            float(intent * wobble[3]),
            float(np.clip(incremental + rng.normal(0, 0.05), 0.3, 0.95)),
            float(drift),
            float(hour + rng.integers(-1, 2)),
            float(peak),
        )
    return channels


def adstock(spend: np.ndarray, theta: float) -> np.ndarray:
    """Geometric adstock A_t = x_t + theta A_{t-1} along the last axis; same shape and unit as `spend`."""
    return lfilter([1.0], [1.0, -theta], np.asarray(spend, dtype=float), axis=-1)


def hill(amount: np.ndarray, kappa: float | np.ndarray, slope: float) -> np.ndarray:
    """Hill saturation A^s / (kappa^s + A^s), 0-1; 0 where the amount or kappa is 0."""
    amount, kappa = np.broadcast_arrays(np.asarray(amount, float), np.asarray(kappa, float))
    with np.errstate(over="ignore"):  # next to no money: infinitely much is left, which gives 0
        left = np.divide(kappa, amount, out=np.full(amount.shape, np.inf), where=amount > 0) ** slope
    return np.where(kappa > 0, 1 / (1 + left), 0.0)


def fatigue(frequency: float, peak: float) -> float:
    """Factor on a message's response at `frequency` a week: exp(-f/peak), so f x fatigue is greatest at `peak`."""
    return float(np.exp(-frequency / peak))


def hour_effect(hour: float, best: float) -> float:
    """Factor 0.82-1.12 on the click rate by hour of sending, a cosine around the best hour."""
    return float(0.97 + 0.15 * np.cos(2 * np.pi * (hour - best) / 24))


def years_since_epoch(day: dt.date) -> float:
    """Years from 2025-01-01, held within +-5 so that drift stays bounded."""
    return float(np.clip((day - EPOCH).days / 365.25, -5, 5))


def season(category: Category, days: list[dt.date]) -> np.ndarray:
    """Factor on traffic by day, shape (days,): yearly wave, weekday, November sales, the weeks before Christmas."""
    amplitude, peak, bump = category.season
    doy = np.array([day.timetuple().tm_yday for day in days], dtype=float)
    weekday = np.array([0.98, 0.96, 0.96, 0.98, 1.0, 1.04, 1.08])[[day.weekday() for day in days]]
    sales = np.exp(-0.5 * ((doy - 331) / 3.5) ** 2) * 1.4
    gifts = np.exp(-0.5 * ((doy - 346) / 7.0) ** 2)
    singles = np.exp(-0.5 * ((doy - 315) / 1.5) ** 2) * 0.5  # 11.11
    return (
        (1 + amplitude * np.cos(2 * np.pi * (doy - peak) / 365.25)) * weekday * np.exp(bump * (sales + gifts + singles))
    )


def trend(day: dt.date) -> float:
    """Factor on traffic: the shop grows 6 % a year (log)."""
    return float(np.exp(0.06 * years_since_epoch(day)))
