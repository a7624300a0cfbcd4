"""From money to orders per campaign and channel: impressions, click rate, conversion rate, order value; 80 % intervals.

Four stages on logs, each a shrunk log-linear model (`response_shrunk`) around what theory gives (`response_rows`).
Click and conversion rates take a correction by boosted trees, a network or both (`response_learners`) where the workspace's own
cross-validation prefers one of them.
Interval widths are conformal (CV+ with normalised scores, Barber et al. 2021), by channel. What customers would have
bought anyway is not taken off here: these are reported (attributed) numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from campaignwright.market.words import CHANNELS
from campaignwright.market.workspace import Workspace
from campaignwright.models import store
from campaignwright.models.budget_curves import ChannelCurves
from campaignwright.models.forecast_shop import Shop
from campaignwright.models.response_features import IDS, Block, Features
from campaignwright.models.response_learners import LEARNERS, Learner, candidates
from campaignwright.models.response_rows import STAGES, Rows, offsets, prior_of
from campaignwright.models.response_shrunk import SCALES, Posterior, fit_counts, fit_gaussian
from campaignwright.models.strategy_space import Batch, K, history
from campaignwright.models.strategy_threads import one_thread

Z80 = 1.2815515655446004  # half-width of an 80 % interval in standard deviations of a normal
CORRECTED_FROM = 200  # rows a stage needs before a correction is tried
GAIN = 0.99  # a correction is used where its error is below this part of the shrunk model's


@dataclass
class Stage:
    """One fitted stage. `width` float[8]: conformal factor on the sd; `correction`: added to the log mean."""

    posterior: Posterior
    width: np.ndarray
    counts: np.ndarray  # int[8]: rows behind each channel
    correction: Learner | None = None

    def predict(self, blocks: list[Block], plain: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Log mean and sd (conformal factor included), float[n, 8] each, of `Features.blocks`.

        `plain` float[n, 8, 14]: what a correction is predicted from; not needed where there is none."""
        found = [self.posterior.predict(values, columns) for columns, values in blocks]
        mean, variance = (np.column_stack(part) for part in zip(*found, strict=True))
        if self.correction:
            mean = mean + self.correction.predict(plain.reshape(-1, plain.shape[-1])).reshape(mean.shape)
        return mean, np.sqrt(variance) * self.width


def _fit_posterior(
    rows: Rows, name: str, use: np.ndarray, features: Features, scales: tuple[float, ...] = SCALES
) -> Posterior:
    """One stage's posterior on the rows in `use` (indices)."""
    mean, sd = prior_of(name, features)
    fixed = features.levels()
    if name in ("reach", "aov"):
        y, noise = rows.observed(name, use)
        return fit_gaussian(rows.design[use], y, noise, mean, sd, fixed, scales)
    _, top, base = rows.stage(name)
    return fit_counts(rows.design[use], top[use], base[use], rows.offset[name][use], mean, sd, fixed, scales)


def refit(
    model: ResponseModel, batch: Batch, results: pd.DataFrame, curves: ChannelCurves, shop: Shop
) -> ResponseModel:
    """`model` with its posteriors fitted again on other results; levels, widths and corrections stay."""
    rows = Rows.of(batch, results, model.features, curves, shop)
    stages = {}
    for name, stage in model.stages.items():
        use = np.flatnonzero(rows.stage(name)[0])
        posterior = _fit_posterior(rows, name, use, model.features, (stage.posterior.scale,))
        stages[name] = Stage(posterior, stage.width, stage.counts, stage.correction)
    return ResponseModel(model.features, stages, {}, len(results))


def _correct(name: str, plain: np.ndarray, gap: np.ndarray, noise: np.ndarray, seed: int) -> Learner:
    """A learner of what the shrunk model leaves: `plain` [m, 14], `gap` and its counting variance `noise` [m]."""
    return LEARNERS[name].fit(plain, gap, ids=IDS, loss="gaussian", weight=1.0 / (0.05 + noise), seed=seed)


def folds(group: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Fold of every row; a campaign's rows stay together."""
    campaigns = np.unique(group)
    order = np.random.default_rng(seed).permutation(len(campaigns))
    place = np.empty(len(campaigns), int)
    place[order] = np.arange(len(campaigns)) % folds
    return place[np.searchsorted(campaigns, group)]


def _validate(
    rows: Rows, name: str, use: np.ndarray, features: Features, scale: float, seed: int
) -> tuple[dict[str, float], np.ndarray, str]:
    """Out-of-fold errors of the candidates, normalised scores [m] of the one to use, and its name."""
    fold = folds(rows.group[use], min(5, len(np.unique(rows.group[use]))), seed)
    y, noise = rows.observed(name, use)
    found = {key: np.zeros(len(use)) for key in ("channel_mean", "shrunk")}
    if name in ("ctr", "cvr") and len(use) >= CORRECTED_FROM:
        found |= {key: np.zeros(len(use)) for key in candidates(len(use))}
    sd = np.zeros(len(use))
    for k in np.unique(fold):
        train, test = use[fold != k], fold == k
        posterior = _fit_posterior(rows, name, train, features, (scale,))
        linear, variance = posterior.predict(rows.design[use[test]])
        sd[test] = np.sqrt(variance + noise[test])
        found["shrunk"][test] = linear
        found["channel_mean"][test] = _fit_posterior(rows, name, train, features, (1e-3,)).predict(rows.design[use[test]])[0]
        gap = y[~test] - rows.design[train] @ posterior.mean
        for key in found.keys() & LEARNERS.keys():
            found[key][test] = linear + _correct(key, rows.plain[train], gap, noise[~test], seed).predict(rows.plain[use[test]])
    weight = 1.0 / (0.05 + noise)
    error = {key: float(np.sqrt(np.average((y - value) ** 2, weights=weight))) for key, value in found.items()}
    best = min((key for key in found if key in LEARNERS), key=error.__getitem__, default="shrunk")
    chosen = best if error[best] < GAIN * error["shrunk"] else "shrunk"
    return error, np.abs(y - found[chosen]) / sd, chosen


def conformal_width(scores: np.ndarray, channel: np.ndarray) -> np.ndarray:
    """Factor on the sd that makes ±1.28 sd an 80 % interval, float[8]: pooled quantile, mixed with the channel's."""
    if len(scores) < 8:
        return np.ones(K)

    def level(values: np.ndarray) -> float:
        rank = min(np.ceil((len(values) + 1) * 0.8) / len(values), 1.0)
        return float(np.quantile(values, rank, method="inverted_cdf")) / Z80

    pooled, width = level(scores), np.zeros(K)
    for c in range(K):
        own = scores[channel == c]
        weight = len(own) / (len(own) + 25.0) if len(own) >= 8 else 0.0
        width[c] = weight * (level(own) if weight else 0.0) + (1 - weight) * pooled
    return np.clip(width, 0.5, 2.5)


@dataclass
class ResponseModel:
    """Fitted stages. `predict` gives logs; multiply the stages for clicks, orders and revenue."""

    features: Features
    stages: dict[str, Stage]
    metrics: dict[str, Any]
    rows: int

    NAME = "response"
    TABLES: tuple[str, ...] = ()  # without results the channel priors stand
    READS = ChannelCurves.READS
    SPLIT = "folds of whole campaigns"
    VERSION = 6

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> ResponseModel:
        """From `campaigns` and `campaign_results`; with no results, the priors."""
        batch, _, results = history(workspace)
        return fit_response(batch, results, store.get(workspace, ChannelCurves, seed=seed), Shop(workspace, seed), seed)

    def predict(self, batch: Batch, curves: ChannelCurves, shop: Shop, spend: np.ndarray) -> dict[str, tuple]:
        """Stage -> (log mean, log sd), float[n, 8] each; reach, ctr, cvr, aov (see module). `spend` float[n, 8]."""
        covariates, expected = shop.covariates(batch), offsets(batch, curves, shop, spend)
        blocks = self.features.blocks(batch, covariates)
        corrected = any(stage.correction for stage in self.stages.values())
        plain = self.features.plain(batch, covariates) if corrected else None
        out = {}
        for name, stage in self.stages.items():
            mean, sd = stage.predict(blocks, plain)
            if name == "reach":
                sd = np.sqrt(sd**2 + curves.log_sd(spend, batch.days, shop.units(batch)) ** 2)
            out[name] = (mean + expected[name], sd)
        return out

    def unseen(self) -> list[str]:
        """Channels whose click rate is the prior's."""
        return [channel for c, channel in enumerate(CHANNELS) if not self.stages["ctr"].counts[c]]

    def save(self, folder: Path) -> None:
        arrays: dict[str, np.ndarray] = {}
        for name, stage in self.stages.items():
            arrays |= stage.posterior.arrays(name) | {f"{name}_width": stage.width, f"{name}_counts": stage.counts}
            if stage.correction:
                stage.correction.save(folder, f"{name}-{stage.correction.NAME}")
        np.savez(folder / "response.npz", **arrays)
        (folder / "response.json").write_text(
            json.dumps(
                {
                    "audiences": self.features.audiences,
                    "categories": self.features.categories,
                    "last": self.features.last,
                }
            )
        )

    @classmethod
    def load(cls, folder: Path) -> ResponseModel:
        levels = json.loads((folder / "response.json").read_text())
        with np.load(folder / "response.npz", allow_pickle=False) as saved:
            arrays = dict(saved)
        stages = {}
        for name in STAGES:
            kept = [one for key, one in LEARNERS.items() if (folder / f"{name}-{key}.safetensors").exists()]
            stages[name] = Stage(
                Posterior.of(arrays, name),
                arrays[f"{name}_width"],
                arrays[f"{name}_counts"],
                kept[0].load(folder, f"{name}-{kept[0].NAME}") if kept else None,
            )
        return cls(Features(tuple(levels["audiences"]), tuple(levels["categories"]), levels["last"]), stages, {}, 0)


@one_thread()
def fit_response(batch: Batch, results: pd.DataFrame, curves: ChannelCurves, shop: Shop, seed: int) -> ResponseModel:
    """Fit all stages on past results (see `history`)."""
    features = Features.of(batch)
    rows = Rows.of(batch, results, features, curves, shop)
    stages, metrics = {}, {}
    for name in STAGES:
        use = np.flatnonzero(rows.stage(name)[0])
        posterior = _fit_posterior(rows, name, use, features)
        counts = np.bincount(rows.channel[use], minlength=K)
        stage = Stage(posterior, np.ones(K), counts)
        if len(np.unique(rows.group[use])) >= 8:
            error, scores, chosen = _validate(rows, name, use, features, posterior.scale, seed)
            stage.width = conformal_width(scores, rows.channel[use])
            if chosen in LEARNERS:
                y, noise = rows.observed(name, use)
                stage.correction = _correct(chosen, rows.plain[use], y - rows.design[use] @ posterior.mean, noise, seed)
            metrics[name] = {
                "rows": len(use),
                "log_error": {k: round(v, 4) for k, v in error.items()},
                "used": chosen,
                "coverage": float(np.mean(scores / stage.width[rows.channel[use]] <= Z80)),
                "spread": posterior.spread,
            }
        else:
            metrics[name] = {"rows": len(use), "used": "shrunk" if len(use) else "prior"}
        stages[name] = stage
    return ResponseModel(features, stages, metrics, int(len(results)))
