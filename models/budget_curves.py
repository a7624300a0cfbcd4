"""Channel response curves: money a day -> impressions (messages on owned channels), through adstock and saturation.

Money and impressions are counted per `unit`, the size of the market they meet (`Shop.units`): a day's possible
messages on owned channels, the products' weight on paid ones. Fitted per channel by penalised least squares on the log
of past results; the penalty is the literature's range (`response_priors`): a channel with little history stays near
it, one with none is the prior, with its width.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from campaignwright.market.words import CHANNELS
from campaignwright.market.workspace import Workspace
from campaignwright.models import response_priors as prior
from campaignwright.models.budget_shapes import adstock, hill
from campaignwright.models.budget_weeks import weekly_returns
from campaignwright.models.forecast_shop import Shop
from campaignwright.models.strategy_space import Batch, K, history

RAMP = 10  # days after which adstock (theta <= 0.6) is at its steady state to within 1 %
DAILY_MONEY = 1000.0  # USD a day and channel: the scale of an auction that the shop never took part in


def volume(
    money: np.ndarray, days: np.ndarray, top: np.ndarray, half: np.ndarray, slope: np.ndarray, theta: np.ndarray
) -> np.ndarray:
    """Impressions of `money` spread evenly over `days`; the arguments broadcast. `top`: impressions a day at most."""
    days = np.maximum(days, 1)
    daily = money / days
    ramp = sum(np.where(t <= days, hill(daily * (1 - theta**t), half, slope), 0.0) for t in range(1, RAMP + 1))
    return top * (ramp + np.maximum(days - RAMP, 0) * hill(daily, half, slope))


@dataclass
class ChannelCurves:
    """Curves of the eight channels. `params` float[8, 4]: log top, log half, log slope, theta; `cov` float[8, 4, 4].
    Top is in impressions a day and unit, half in money a day and unit.

    `spread` float[8]: sd of one campaign's log impressions around its curve; `counts` int[8]: campaigns behind each;
    `reference` float[8]: median money a day and unit seen (the prior's when nothing was).
    `weekly`: channel -> [middle, low, high] of the revenue for a unit spent as weekly revenue tells it (`budget_weeks`), or nothing.
    """

    params: np.ndarray
    cov: np.ndarray
    spread: np.ndarray
    counts: np.ndarray
    reference: np.ndarray
    metrics: dict[str, Any]
    rows: int
    weekly: dict[str, list[float]] = field(default_factory=dict)

    NAME = "curves"
    TABLES: tuple[str, ...] = ()  # without results the priors stand
    READS = ("campaign_results", "campaigns", "customers", "exposures", "order_lines", "orders", "prices", "products",
             "stock")
    SPLIT = "none: all campaigns"
    VERSION = 3

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> ChannelCurves:
        """Curves from `campaign_results`; with none, the priors. `seed`: of the weekly returns' draws."""
        batch, ids, results = history(workspace)
        curves = fit_curves(batch, results, daily_results(workspace, ids), Shop(workspace, seed))
        curves.weekly = weekly_returns(workspace, seed=seed)
        return curves

    def save(self, folder: Path) -> None:
        np.savez(
            folder / "curves.npz",
            params=self.params,
            cov=self.cov,
            spread=self.spread,
            counts=self.counts,
            reference=self.reference,
        )
        (folder / "curves.json").write_text(json.dumps({"channels": list(CHANNELS), "weekly": self.weekly}))

    @classmethod
    def load(cls, folder: Path) -> ChannelCurves:
        with np.load(folder / "curves.npz", allow_pickle=False) as saved:
            arrays = {name: saved[name] for name in ("params", "cov", "spread", "counts", "reference")}
        weekly = json.loads((folder / "curves.json").read_text())["weekly"]
        return cls(**arrays, metrics={}, rows=0, weekly=weekly)

    def impressions(self, money: np.ndarray, days: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Expected (median) impressions, of `money` over `days` float[n]; `money`, `unit` and result float[n, 8]."""
        top, half, slope = np.exp(self.params[:, :3].T)
        return unit * volume(money / unit, np.asarray(days, float)[:, None], top, half, slope, self.params[:, 3])

    def log_sd(self, money: np.ndarray, days: np.ndarray, unit: np.ndarray) -> np.ndarray:
        """Sd of log impressions from the curve's own uncertainty (not a campaign's), delta method; float[n, 8]."""
        base = np.log(np.maximum(self.impressions(money, days, unit), 1e-9))
        gradient = np.zeros((*money.shape, 4))
        for j in range(4):
            moved = ChannelCurves(self.params.copy(), self.cov, self.spread, self.counts, self.reference, {}, 0)
            moved.params[:, j] += 1e-3
            gradient[..., j] = (np.log(np.maximum(moved.impressions(money, days, unit), 1e-9)) - base) / 1e-3
        return np.sqrt(np.maximum(np.einsum("nki,kij,nkj->nk", gradient, self.cov, gradient), 0.0))

    def concave(self) -> np.ndarray:
        """bool[8]: the curve has no inflection (Hill slope <= 1)."""
        return np.exp(self.params[:, 2]) <= 1.0 + 1e-9

    def describe(self, channel: str) -> dict[str, float]:
        """Parameters of one channel in plain units."""
        c = CHANNELS.index(channel)
        return {
            "adstock": float(self.params[c, 3]),
            "half_saturation": float(np.exp(self.params[c, 1])),
            "slope": float(np.exp(self.params[c, 2])),
            "top_impressions_a_day": float(np.exp(self.params[c, 0])),
            "campaigns": int(self.counts[c]),
        }


def daily_results(workspace: Workspace, ids: list[str]) -> pd.DataFrame:
    """Campaign x channel x known day: `row` (into `ids`), `channel` (index), day, spend, impressions."""
    frame = workspace.query(
        """SELECT campaign_id, channel, day, sum(spend) AS spend, sum(impressions) AS impressions FROM campaign_results
           WHERE day IS NOT NULL AND spend > 0 GROUP BY ALL ORDER BY campaign_id, channel, day"""
    )
    frame = frame[frame["channel"].isin(CHANNELS) & frame["campaign_id"].isin(ids)].copy()
    frame["row"] = frame["campaign_id"].map({campaign_id: i for i, campaign_id in enumerate(ids)})
    frame["channel"] = frame["channel"].map({channel: i for i, channel in enumerate(CHANNELS)})
    return frame


def _series(
    daily: pd.DataFrame, results: pd.DataFrame, days: np.ndarray, unit: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Spend and impressions per unit of one channel's campaigns, float[m, T] each; NaN after a campaign's end."""
    spends, shown = [], []
    by_row = dict(tuple(daily.groupby("row"))) if len(daily) else {}
    for record in results.itertuples():
        if record.spend is None or not record.spend > 0 or not record.impressions > 0:
            continue
        group = by_row.get(record.row)
        if group is not None and len(group) >= 3:
            spends.append(group["spend"].to_numpy(float)[:90] / unit[record.row])
            shown.append(np.maximum(group["impressions"].to_numpy(float)[:90], 0.5) / unit[record.row])
        else:
            length = int(np.clip(days[record.row], 1, 90))
            spends.append(np.full(length, record.spend / length / unit[record.row]))
            shown.append(np.full(length, record.impressions / length / unit[record.row]))
    if not spends:
        return np.zeros((0, 1)), np.zeros((0, 1))
    longest = max(map(len, spends))
    pad = [
        np.array([np.pad(v, (0, longest - len(v)), constant_values=np.nan) for v in rows]) for rows in (spends, shown)
    ]
    return pad[0], pad[1]


def _prior_params(c: int, reference: float, scale: float, messages: bool) -> tuple[np.ndarray, np.ndarray]:
    """Prior mean, sd of (log impressions per money at `reference`, log half, log slope, theta) of channel `c`."""
    channel = prior.PRIORS[CHANNELS[c]]
    price = channel.cpm * scale / 1000.0  # of an impression
    half = 0.5 * price if messages else (20.0 if prior.OWNED[c] else 3.0) * reference  # auctions saturate with money
    efficiency = hill(np.array(reference), half, 1.0) / reference if messages else 1.0 / price
    mean = np.array([np.log(efficiency), np.log(half), np.log(prior.SLOPE), channel.theta])
    return mean, np.array([prior.RATE_SD, prior.HALF_SD, prior.SLOPE_SD, prior.THETA_SD])


def _to_top(free: np.ndarray, reference: float) -> np.ndarray:
    """(log efficiency at reference, log half, log slope, theta) -> (log top, log half, log slope, theta)."""
    share = hill(np.array(reference), np.exp(free[1]), np.exp(free[2]))
    return np.array([free[0] + np.log(reference) - np.log(share), free[1], free[2], free[3]])


def _fit_one(
    spend: np.ndarray, shown: np.ndarray, mean: np.ndarray, sd: np.ndarray, reference: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """MAP estimate of one channel: (free parameters, covariance, sd between campaigns)."""
    logged = np.log(np.maximum(shown, 1e-12))
    known = np.isfinite(shown)
    money = np.nan_to_num(spend)
    days = known.sum(axis=1)
    between, within = 0.5, 0.5

    def errors(free: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        top, half, slope, theta = _to_top(free, reference)
        level = adstock(money, theta)
        gap = np.where(known, logged - top - np.log(np.maximum(hill(level, np.exp(half), np.exp(slope)), 1e-12)), 0.0)
        centre = gap.sum(axis=1) / days
        return centre, np.where(known, gap - centre[:, None], 0.0)

    def residuals(free: np.ndarray) -> np.ndarray:
        centre, rest = errors(free)
        return np.concatenate([centre / between, rest[known] / (within * 2.0), (free - mean) / sd])

    lower, upper = [-np.inf, -np.inf, np.log(0.4), 0.0], [np.inf, np.inf, np.log(3.0), 0.6]
    free = mean
    for _ in range(2):
        solved = least_squares(residuals, free, bounds=(lower, upper), loss="soft_l1", max_nfev=60)
        free = solved.x
        centre, rest = errors(free)
        between = float(np.sqrt((np.sum(centre**2) + 0.25 * 4) / (len(centre) + 4)))
        within = float(np.sqrt(max(np.mean(rest[known] ** 2), 0.01)))
    return free, np.linalg.inv(solved.jac.T @ solved.jac + 1e-9 * np.eye(4)), between


def fit_curves(batch: Batch, results: pd.DataFrame, daily: pd.DataFrame, shop: Shop) -> ChannelCurves:
    """Curves of all channels from past campaigns (`history`, `daily_results`)."""
    scale, unit = prior.money_scale(shop.workspace.currency), shop.units(batch)
    params, cov = np.zeros((K, 4)), np.zeros((K, 4, 4))
    spread, counts, reference = np.full(K, 0.5), np.zeros(K, int), np.zeros(K)
    money_a_day = float(np.median(batch.budget / batch.days)) if len(batch) else 0.0
    for c in range(K):
        spend, shown = _series(daily[daily["channel"] == c], results[results["channel"] == c], batch.days, unit[:, c])
        messages = bool(prior.OWNED[c]) and shop.knows_reach()
        counts[c] = len(spend)
        seen = float(np.nanmedian(np.nanmean(spend, axis=1))) if len(spend) else 0.0
        start = (
            prior.PRIORS[CHANNELS[c]].cpm * scale / 1000 if messages else max(0.3 * money_a_day, DAILY_MONEY * scale)
        )
        reference[c] = seen or start
        mean, sd = _prior_params(c, reference[c], scale, messages)
        if len(spend):
            free, cov_free, spread[c] = _fit_one(spend, shown, mean, sd, reference[c])
        else:
            free, cov_free = mean, np.diag(sd**2)
        params[c] = _to_top(free, reference[c])
        jacobian = np.array(
            [(_to_top(free + 1e-4 * np.eye(4)[j], reference[c]) - params[c]) / 1e-4 for j in range(4)]
        ).T
        cov[c] = jacobian @ cov_free @ jacobian.T
    fitted = {CHANNELS[c]: int(counts[c]) for c in range(K) if counts[c]}
    noise = {name: round(float(spread[CHANNELS.index(name)]), 3) for name in fitted}
    metrics = {"campaigns": fitted, "log_sd": noise}
    return ChannelCurves(params, cov, spread, counts, reference, metrics, int(counts.sum()))
