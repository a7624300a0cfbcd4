"""Budgets with a known optimum and weekly series with known curves, for the area `budget` of the suite `models`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from campaignwright.market.words import CHANNELS
from campaignwright.models.budget_shapes import adstock, hill

KINDS = ("concave", "S-shaped", "S-shaped, fixed and min-max")


@dataclass(frozen=True)
class Instance:
    """Hill curves of n channels (arrays (n,)): top and half in money; bounds low and high per channel; last period's split."""

    top: np.ndarray
    half: np.ndarray
    slope: np.ndarray
    budget: float
    low: np.ndarray
    high: np.ndarray
    last: np.ndarray

    @property
    def concave(self) -> bool:
        return bool((self.slope <= 1).all())

    def value(self, money: np.ndarray) -> np.ndarray:
        """(...,) revenue of `money` (..., n)."""
        return (self.top * hill(money, self.half, self.slope)).sum(axis=-1)

    def worth(self, money: np.ndarray) -> np.ndarray:
        """(m, 8) as `models.budget.split` asks: the n channels are the first of CHANNELS."""
        n = len(self.top)
        answer = np.zeros(money.shape)
        answer[:, :n] = self.top * hill(money[:, :n], self.half, self.slope)
        return answer

    def marginal(self, money: np.ndarray) -> np.ndarray:
        """(n,) derivative of each channel's revenue at `money` (n,)."""
        share = hill(money, self.half, self.slope)
        return self.top * self.slope * share * (1 - share) / np.maximum(money, 1e-9)

    def fit(self, money: np.ndarray) -> np.ndarray:
        """`money` scaled into the bounds so that it sums to the budget (n,)."""
        money = np.clip(money, self.low, self.high)
        for _ in range(50):
            gap = self.budget - money.sum()
            room = (self.high - money) if gap > 0 else (money - self.low)
            if abs(gap) < 1e-6 or room.sum() <= 0:
                break
            money = np.clip(money + gap * room / room.sum(), self.low, self.high)
        return money


def draw_instance(kind: str, rng: np.random.Generator) -> Instance:
    """3 to 8 channels; slope and half-saturation of docs/sources.md (0.5-1 or 0.5-3; 0.3-1 of the spend a channel has seen)."""
    n, budget = int(rng.integers(3, len(CHANNELS) + 1)), float(np.round(rng.uniform(5e3, 2e5)))
    seen = budget * rng.dirichlet(np.full(n, 3.0)) * rng.uniform(1, 3, n)
    half = seen * rng.uniform(0.3, 1.0, n)
    slope = rng.uniform(0.5, 1.0 if kind == "concave" else 3.0, n)
    top = seen * rng.lognormal(0.2, 0.9, n) / hill(seen, half, slope)
    low, high = np.zeros(n), np.full(n, budget)
    if kind == KINDS[2]:
        low[1] = np.round(budget * rng.uniform(0.05, 0.15), 2)
        high[2] = np.round(budget * rng.uniform(0.1, 0.3), 2)
        low[0] = high[0] = np.round(budget * rng.uniform(0.05, 0.2), 2)
    return Instance(top, half, slope, budget, low, high, budget * rng.dirichlet(np.full(n, 3.0)))


def slsqp(one: Instance, start: np.ndarray) -> np.ndarray:
    """Sequential least-squares programming from `start` (n,), as media-mix packages run it."""
    scale = one.budget
    found = minimize(
        lambda share: -float(one.value(share * scale)) / one.top.sum(),
        start / scale,
        jac=lambda share: -one.marginal(share * scale) * scale / one.top.sum(),
        bounds=list(zip(one.low / scale, one.high / scale, strict=True)),
        constraints={"type": "eq", "fun": lambda share: share.sum() - 1, "jac": np.ones_like},
        method="SLSQP",
        options={"maxiter": 200, "ftol": 1e-10},
    )
    return one.fit(np.nan_to_num(found.x) * scale)


def series(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """(revenue (weeks,), spend (weeks, 5), controls (weeks, k), channels) of "Robyn" or "Meridian"'s simulated weeks."""
    if name == "Robyn":
        frame = pd.read_csv(folder / "mmm_robyn_simulated" / "dt_simulated_weekly.csv")
        columns = ["tv_S", "ooh_S", "print_S", "search_S", "facebook_S"]
        events = (frame["events"].fillna("na") != "na").astype(float)
        controls = np.column_stack([frame["competitor_sales_B"] / 1e6, frame["newsletter"] / 1e4, events])
        revenue = frame["revenue"].to_numpy(float)
    else:
        frame = pd.read_csv(folder / "mmm_meridian_simulated" / "national_all_channels.csv")
        columns = [f"Channel{number}_spend" for number in range(5)]
        organic = frame["Organic_channel0_impression"] / frame["Organic_channel0_impression"].mean()
        controls = np.column_stack([frame[["competitor_sales_control", "sentiment_score_control", "Promo"]], organic])
        revenue = (frame["conversions"] * frame["revenue_per_conversion"]).to_numpy(float)
    return revenue, frame[columns].to_numpy(float), controls, [column.removesuffix("_spend").removesuffix("_S") for column in columns]


@dataclass(frozen=True)
class KnownSeries:
    """Weekly revenue that known curves made of a real spend history: `params` (channels, 4) top, half, slope, theta."""

    revenue: np.ndarray
    spend: np.ndarray
    params: np.ndarray

    def returns(self) -> np.ndarray:
        """(channels,) true revenue for a unit spent."""
        return media(self.params, self.spend).sum(axis=0) / self.spend.sum(axis=0)

    def weekly(self, money: np.ndarray) -> np.ndarray:
        """(..., channels) true revenue a week of `money` (..., channels) a week, kept up."""
        return self.params[:, 0] * hill(money, self.params[:, 1], self.params[:, 2])


def media(params: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """(weeks, channels) revenue of each channel."""
    return (params[:, 0:1] * hill(adstock(spend.T, params[:, 3]), params[:, 1:2], params[:, 2:3])).T


def draw_series(spend: np.ndarray, rng: np.random.Generator) -> KnownSeries:
    """Curves from the literature's ranges (theta 0-0.5; slope 0.5-3; half 0.3-1 of the largest week; return LogNormal(0.2, 0.9)); media
    bring 30 % of the revenue, the rest is level, trend and season; noise of 5 %."""
    channels, weeks = spend.shape[1], len(spend)
    theta, slope = rng.uniform(0, 0.5, channels), rng.uniform(0.5, 3, channels)
    half = rng.uniform(0.3, 1.0, channels) * spend.max(axis=0)
    params = np.column_stack([np.ones(channels), half, slope, theta])
    params[:, 0] = rng.lognormal(0.2, 0.9, channels) * spend.sum(axis=0) / media(params, spend).sum(axis=0)
    brought = media(params, spend).sum(axis=1)
    time, level = np.arange(weeks), brought.mean() * 0.7 / 0.3
    base = level * (1 + 0.2 * (time / weeks - 0.5) + 0.15 * np.sin(2 * np.pi * (time / 52.18 + rng.random())))
    revenue = brought + base
    return KnownSeries(revenue + rng.normal(0, 0.05 * revenue.mean(), weeks), spend, params)
