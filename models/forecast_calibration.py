"""How far the forecast of whole campaigns was from what happened: interval widths, channel bias, and its honest score.

Campaigns are held out by folds for the widths and the bias, and by time (the last quarter) for the reported score.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from campaignwright.market.workspace import Workspace
from campaignwright.models import forecast_draws as draws_of
from campaignwright.models import store
from campaignwright.models.budget_curves import ChannelCurves, daily_results, fit_curves
from campaignwright.models.forecast_shop import Shop
from campaignwright.models.response import ResponseModel, fit_response, folds, refit
from campaignwright.models.response_priors import OWNED
from campaignwright.models.strategy_space import Batch, K, history
from campaignwright.models.strategy_threads import one_thread

ENOUGH = 30  # campaigns that calibration needs
SHARED = 0.3  # part of a stage's variance that channels of one campaign share, before campaigns tell
MEASURED = ("impressions", "clicks", "ctr", "cvr", "orders", "revenue")


@dataclass
class ForecastCalibration:
    """`width`: conformal factor per metric; `bias` float[8]: log factor on a channel's revenue; `headroom` float[8]."""

    width: dict[str, float]
    bias: np.ndarray
    headroom: np.ndarray
    metrics: dict[str, Any]
    rows: int

    NAME = "forecast"
    TABLES: tuple[str, ...] = ()  # uncalibrated below 30 campaigns
    READS = ChannelCurves.READS
    SPLIT = "by time: fitted on the first three quarters of the campaigns, scored on the last"
    VERSION = 5

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> ForecastCalibration:
        """From past campaigns; fewer than 30 leave the stages' own widths."""
        batch, ids, results = history(workspace)
        shop = Shop(workspace, seed)
        curves = store.get(workspace, ChannelCurves, seed=seed)
        response = store.get(workspace, ResponseModel, seed=seed)
        fitted = calibrate(batch, results, curves, response, shop, seed)
        complete = _complete(results)
        if len(complete) >= 2 * ENOUGH:
            fitted.metrics |= held_out(batch, results, daily_results(workspace, ids), shop, seed)
        return fitted

    def save(self, folder: Path) -> None:
        (folder / "calibration.json").write_text(
            json.dumps({"width": self.width, "bias": self.bias.tolist(), "headroom": self.headroom.tolist()})
        )

    @classmethod
    def load(cls, folder: Path) -> ForecastCalibration:
        saved = json.loads((folder / "calibration.json").read_text())
        return cls(saved["width"], np.array(saved["bias"]), np.array(saved["headroom"]), {}, 0)


def _complete(results: pd.DataFrame) -> np.ndarray:
    """Campaigns (indices) all of whose channel rows have impressions, clicks, conversions, revenue and spend."""
    columns = ["impressions", "clicks", "conversions", "revenue", "spend"]
    good = results.assign(ok=results[columns].notna().all(axis=1) & (results["spend"] > 0)).groupby("row")["ok"].all()
    return good.index[good].to_numpy(int)


def actuals(results: pd.DataFrame, rows: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Totals of whole campaigns per metric of MEASURED, float[m], and spend per channel, float[m, 8]."""
    part = results[results["row"].isin(rows)]
    sums = part.groupby("row")[["impressions", "clicks", "conversions", "revenue"]].sum().reindex(rows)
    spend = np.zeros((len(rows), K))
    place = {row: i for i, row in enumerate(rows)}
    spend[part["row"].map(place).to_numpy(int), part["channel"].to_numpy(int)] = part["spend"].to_numpy(float)
    got = {
        "impressions": sums["impressions"],
        "clicks": sums["clicks"],
        "orders": sums["conversions"],
        "revenue": sums["revenue"],
        "ctr": sums["clicks"] / sums["impressions"].clip(lower=1e-9),
        "cvr": sums["conversions"] / sums["clicks"].clip(lower=1e-9),
    }
    return {name: value.to_numpy(float) for name, value in got.items()}, spend


def predict(
    batch: Batch,
    spend: np.ndarray,
    curves: ChannelCurves,
    response: ResponseModel,
    shop: Shop,
    calibration: ForecastCalibration | None,
    z: np.ndarray,
) -> draws_of.Totals:
    """Totals of `batch` with `spend` float[n, 8]; without a calibration, the stages' own widths."""
    stages = response.predict(batch, curves, shop, spend)
    width, headroom = ({}, np.full(K, 10.0)) if calibration is None else (calibration.width, calibration.headroom)
    if calibration is not None:
        mean, sd = stages["aov"]
        stages["aov"] = (mean + calibration.bias, sd)
    return draws_of.simulate(batch, stages, shop, draws_of.paid_share(batch), spend, z, headroom, width)


@one_thread()
def calibrate(
    batch: Batch, results: pd.DataFrame, curves: ChannelCurves, response: ResponseModel, shop: Shop, seed: int
) -> ForecastCalibration:
    """Conformal widths (Vovk's jackknife-style folds) and shrunk channel bias from out-of-fold predictions."""
    plain = ForecastCalibration({}, np.zeros(K), _headroom(batch, results, shop), {}, len(results))
    rows = _complete(results)
    if len(rows) < ENOUGH:
        plain.metrics = {"calibrated": False, "campaigns": int(len(rows))}
        return plain
    got, spend = actuals(results, rows)
    z = draws_of.common(draws_of.normals(seed), SHARED, seed)
    fold = folds(rows, 5, seed)
    gaps = {name: np.zeros(len(rows)) for name in MEASURED}
    scores = {name: np.zeros(len(rows)) for name in MEASURED}
    by_channel: list[tuple[int, float]] = []
    for k in np.unique(fold):
        test = fold == k
        part = refit(response, batch, results[~results["row"].isin(rows[test])], curves, shop)
        totals = predict(batch.take(rows[test]), spend[test], curves, part, shop, None, z)
        for name in MEASURED:
            bounds = totals.bounds(name)
            gaps[name][test] = np.log(np.maximum(got[name][test], 1e-9) / np.maximum(bounds[:, 0], 1e-9))
            half = np.log(np.maximum(bounds[:, 1:], 1e-9) / np.maximum(bounds[:, :1], 1e-9))
            side = np.where(gaps[name][test] > 0, half[:, 1], -half[:, 0])
            scores[name][test] = np.abs(gaps[name][test]) / np.maximum(side, 1e-3)
        by_channel += _channel_gaps(results, rows[test], totals.channels["revenue"])
    rank = min(np.ceil((len(rows) + 1) * 0.8) / len(rows), 1.0)
    for name in MEASURED:
        plain.width[name] = float(np.clip(np.quantile(scores[name], rank, method="inverted_cdf"), 0.4, 3.0))
    channel = np.array([c for c, _ in by_channel])
    gap = np.array([g for _, g in by_channel])
    for c in range(K):
        own = gap[channel == c]
        plain.bias[c] = float(np.median(own) * len(own) / (len(own) + 30.0)) if len(own) else 0.0
    plain.metrics = {
        "calibrated": True,
        "campaigns": int(len(rows)),
        "width": {k: round(v, 3) for k, v in plain.width.items()},
        "log_error": {name: round(float(np.sqrt(np.mean(g**2))), 4) for name, g in gaps.items()},
    }
    return plain


def _channel_gaps(results: pd.DataFrame, rows: np.ndarray, predicted: np.ndarray) -> list[tuple[int, float]]:
    """(channel, log actual / predicted revenue) of every channel row with sales."""
    place = {row: i for i, row in enumerate(rows)}
    part = results[results["row"].isin(rows) & (results["revenue"] > 0)]
    return [
        (int(c), float(np.log(revenue / max(predicted[place[row], c], 1e-9))))
        for row, c, revenue in zip(part["row"], part["channel"], part["revenue"], strict=True)
    ]


def _headroom(batch: Batch, results: pd.DataFrame, shop: Shop) -> np.ndarray:
    """How far past sends went over today's reach x frequency x weeks, float[8], at least 1 (95 % quantile)."""
    cap, room = shop.cap(batch), np.ones(K)
    for c in np.flatnonzero(OWNED):
        part = results[(results["channel"] == c) & (results["impressions"] > 0)]
        limit = cap[part["row"].to_numpy(int), c]
        usable = np.isfinite(limit) & (limit > 0)
        if usable.sum() >= 5:
            room[c] = max(1.0, float(np.quantile(part["impressions"].to_numpy(float)[usable] / limit[usable], 0.95)))
    return np.minimum(room, 10.0)


def held_out(batch: Batch, results: pd.DataFrame, daily: pd.DataFrame, shop: Shop, seed: int) -> dict[str, Any]:
    """Coverage of the 80 % intervals and log error on the last quarter of campaigns, all fitted on the first three.

    Baseline: every channel's mean revenue, clicks, orders and impressions a unit of money.
    """
    rows = _complete(results)
    rows = rows[np.argsort(batch.start[rows], kind="stable")]
    test = rows[int(0.75 * len(rows)) :]
    past = np.setdiff1d(np.arange(len(batch)), test)
    place = {row: i for i, row in enumerate(past)}
    kept = results[results["row"].isin(past)]
    kept, early = kept.assign(row=kept["row"].map(place)), batch.take(past)
    days = daily[daily["row"].isin(past)]
    curves = fit_curves(early, kept, days.assign(row=days["row"].map(place)), shop)
    response = fit_response(early, kept, curves, shop, seed)
    calibration = calibrate(early, kept, curves, response, shop, seed)
    got, spend = actuals(results, test)
    z = draws_of.common(draws_of.normals(seed), SHARED, seed)
    totals = predict(batch.take(test), spend, curves, response, shop, calibration, z)
    rate = {
        name: kept.groupby("channel")[column].sum() / kept.groupby("channel")["spend"].sum()
        for name, column in (
            ("impressions", "impressions"),
            ("clicks", "clicks"),
            ("orders", "conversions"),
            ("revenue", "revenue"),
        )
    }
    report: dict[str, Any] = {"held_out_campaigns": int(len(test)), "held_out": {}}
    for name in MEASURED:
        value = totals.bounds(name)
        row = {
            "coverage": round(float(np.mean((got[name] >= value[:, 1]) & (got[name] <= value[:, 2]))), 3),
            "log_error": _log_error(got[name], value[:, 0]),
        }
        if name in rate:
            row["channel_mean_log_error"] = _log_error(
                got[name], spend @ rate[name].reindex(range(K)).fillna(0.0).to_numpy()
            )
        report["held_out"][name] = row
    return report


def _log_error(actual: np.ndarray, predicted: np.ndarray) -> float:
    """Root mean square of log(actual / predicted)."""
    gap = (
        np.log(np.maximum(actual, 0.5) / np.maximum(predicted, 0.5))
        if actual.max() > 1
        else np.log(np.maximum(actual, 1e-6) / np.maximum(predicted, 1e-6))
    )
    return round(float(np.sqrt(np.mean(gap**2))), 4)
