"""What a strategy would bring: impressions, CTR, CVR, orders, revenue, profit and ROAS with 80 % intervals.

Puts together audience reach, response curves, rates, elasticity and economics, calibrated on past campaigns. These are
reported (attributed) results: what customers would have bought anyway is not taken off; `read_out` and `design_test`
are for that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from pydantic import BaseModel

from campaignwright.market.words import CHANNELS, Brief, Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.models import forecast_draws as draws_of
from campaignwright.models import forecast_notes, store
from campaignwright.models.budget import Worth
from campaignwright.models.budget_curves import ChannelCurves
from campaignwright.models.forecast_calibration import MEASURED, SHARED, ForecastCalibration
from campaignwright.models.forecast_record import track_record
from campaignwright.models.forecast_shop import Shop
from campaignwright.models.response import ResponseModel
from campaignwright.models.strategy_space import Batch, K, batch_of, product_categories
from campaignwright.models.strategy_threads import one_thread

OBJECTIVE_METRIC = {
    "revenue": "revenue",
    "profit": "profit",
    "acquisition": "orders",
    "retention": "orders",
    "clearance": "orders",
    "awareness": "impressions",
}
LOSS = 20.0  # revenue that a unit of expected loss must at least bring to be worth it
SEARCH_DRAWS = 100


class Forecast(BaseModel):
    """`figures`: metric -> (value, low, high), the 80 % interval; a ratio without a base is absent.

    `channels`: rows with channel, spend, impressions, clicks, orders, revenue (medians). `notes`: codes with arguments
    (see `forecast_notes`) on what was assumed. `model`, `rows`: for provenance.
    """

    figures: dict[str, tuple[float, float, float]]
    channels: list[dict[str, Any]]
    notes: list[dict[str, Any]]
    model: str
    rows: int


class Forecaster:
    """Loads or fits its parts from the workspace. Deterministic for (data, approved forecasts, seed)."""

    def __init__(self, workspace: Workspace, seed: int = 0) -> None:
        self.workspace, self.seed = workspace, seed
        self.shop = Shop(workspace, seed)
        self.curves = store.get(workspace, ChannelCurves, seed=seed)
        self.response = store.get(workspace, ResponseModel, seed=seed)
        self.calibration = store.get(workspace, ForecastCalibration, seed=seed)
        self.categories = product_categories(workspace)
        self.rows = self.response.rows
        self._z = {n: draws_of.common(draws_of.normals(seed, n), SHARED, seed) for n in (SEARCH_DRAWS, draws_of.DRAWS)}
        self.width = self.calibration.width
        self.record = track_record(workspace, self._halves)
        self.width = {
            name: self.calibration.width.get(name, 1.0) * self.record.factor.get(name, 1.0) for name in draws_of.METRICS
        }

    @property
    def model(self) -> str:
        """Name and version for `Figure.source`, with the number of approved plans whose results set its widths."""
        known = store.version(self.calibration)
        return f"{known}, {self.record.count} approved plans" if self.record.count else known

    @one_thread()
    def totals(self, batch: Batch, *, draws: int = draws_of.DRAWS) -> draws_of.Totals:
        """Draws and medians per channel of many strategies; `draws` is SEARCH_DRAWS or DRAWS."""
        spend = batch.spend()
        stages = self.response.predict(batch, self.curves, self.shop, spend)
        mean, sd = stages["aov"]
        stages["aov"] = (mean + self.calibration.bias, sd)
        paid = draws_of.paid_share(batch)
        return draws_of.simulate(
            batch, stages, self.shop, paid, spend, self._z[draws], self.calibration.headroom, self.width
        )

    def _halves(self, strategies: list[Strategy]) -> dict[str, np.ndarray]:
        """Log half-widths of the 80 % intervals of MEASURED, float[n, 2] each: below and above the median."""
        totals = self.totals(batch_of(strategies, self.categories))
        bounds = {name: np.log(np.maximum(totals.bounds(name), 1e-9)) for name in MEASURED}
        return {name: np.stack([row[:, 0] - row[:, 1], row[:, 2] - row[:, 0]], axis=1) for name, row in bounds.items()}

    def predict_many(self, strategies: list[Strategy]) -> list[Forecast]:
        """Forecasts of several strategies under the same random numbers."""
        if not strategies:
            return []
        batch = batch_of(strategies, self.categories)
        totals = self.totals(batch)
        bounds = {metric: totals.bounds(metric) for metric in draws_of.METRICS}
        spend = batch.spend()
        return [self._forecast(i, batch, bounds, totals.channels, spend) for i in range(len(batch))]

    def predict(self, strategy: Strategy) -> Forecast:
        """Forecast of one strategy."""
        return self.predict_many([strategy])[0]

    def _forecast(
        self, i: int, batch: Batch, bounds: dict[str, np.ndarray], channels: dict[str, np.ndarray], spend: np.ndarray
    ) -> Forecast:
        figures = {
            metric: tuple(float(v) for v in values[i])
            for metric, values in bounds.items()
            if np.isfinite(values[i]).all()
        }
        rows = [
            {
                "channel": CHANNELS[c],
                "spend": round(float(spend[i, c]), 2),
                **{name: float(values[i, c]) for name, values in channels.items()},
            }
            for c in np.flatnonzero(spend[i] > 0)
        ]
        notes = forecast_notes.of(batch.take(np.array([i])), self)
        return Forecast(figures=figures, channels=rows, notes=notes, model=self.model, rows=self.rows)

    def score(self, batch: Batch, objective: str, *, draws: int = SEARCH_DRAWS) -> tuple[np.ndarray, np.ndarray]:
        """(lower 10 % bound of the objective's metric, median ROAS), float[n] each.

        Revenue counts the profit's lower bound too, one to one: more revenue may cost profit, at these bounds, up to as much as
        it brings. No revenue and no order is worth an expected loss while another strategy makes none.
        """
        totals = self.totals(batch, draws=draws)
        metric = OBJECTIVE_METRIC[objective]
        value = totals.lower(metric)
        if metric in ("revenue", "orders"):
            revenue = np.maximum(np.median(totals.draws["revenue"], axis=1), 1e-9)
            loss = LOSS * np.maximum(-np.median(totals.draws["profit"], axis=1), 0.0)
            value = value - loss * (np.median(totals.draws[metric], axis=1) / revenue)
        if metric == "revenue":
            value = value + totals.lower("profit")
        roas = np.nan_to_num(np.median(totals.draws["roas"], axis=1), nan=np.inf)
        return value, roas

    def worth(self, strategy: Strategy, objective: str) -> tuple[Worth, np.ndarray]:
        """What money on each channel is worth for the allocation, in the objective's unit, and the useful maximum.

        Returns (worth, most): margin, revenue, orders or impressions; `most` float[8] is the money beyond which
        an owned channel has nobody left to write to (inf on paid ones).
        """
        batch = batch_of([strategy], self.categories)
        stages = self.response.predict(batch, self.curves, self.shop, np.full((1, K), max(strategy.budget, 1.0) / K))
        bias = self.calibration.bias
        unit, cap = self.shop.units(batch), self.shop.cap(batch) * self.calibration.headroom
        rate = np.exp(stages["ctr"][0] + stages["cvr"][0])[0]
        value = np.exp(stages["aov"][0][0] + bias)
        if objective == "profit":
            paid = draws_of.paid_share(batch)[0]
            returned = np.mean(draws_of.RETURNED_RANGE) if self.shop.returned is None else self.shop.returned
            value = value * (1 - returned) * max(1 - self.shop.table(batch)[0, 2] / paid, 0.0)
        per = {"impressions": np.ones(K), "orders": rate}.get(OBJECTIVE_METRIC[objective], rate * value)
        days = np.array([strategy.days])
        correction = np.exp(stages["reach"][0][0]) / np.maximum(
            np.minimum(
                self.curves.impressions(np.full((1, K), max(strategy.budget, 1.0) / K), days, unit),
                self.shop.cap(batch),
            )[0],
            1e-9,
        )

        def worth(money: np.ndarray) -> np.ndarray:
            shown = self.curves.impressions(money, np.full(len(money), strategy.days), unit) * correction
            return np.minimum(shown, cap) * per

        return worth, cap[0] / correction

    def feasible(self, strategy: Strategy, brief: Brief, forecast: Forecast | None = None) -> list[str]:
        """Codes of the brief's limits that the strategy breaks: channels, max_discount, budget, audience, days, start,
        products, min_roas; empty when it keeps them all."""
        broken = []
        stated = set(brief.channels)
        if stated and {c for c, share in strategy.shares.items() if share > 0} != stated and strategy.budget > 0:
            broken.append("channels")
        if brief.max_discount is not None and strategy.discount > brief.max_discount + 1e-9:
            broken.append("max_discount")
        if brief.budget is not None and strategy.budget > brief.budget + 0.005:
            broken.append("budget")
        if strategy.audience != brief.audience:
            broken.append("audience")
        if strategy.days != brief.days:
            broken.append("days")
        if brief.start is not None and strategy.start != brief.start:
            broken.append("start")
        if brief.products and set(strategy.products) - set(brief.products):
            broken.append("products")
        if brief.min_roas is not None:
            forecast = forecast or self.predict(strategy)
            if forecast.figures.get("roas", (np.inf,))[0] < brief.min_roas:
                broken.append("min_roas")
        return broken
