"""What each channel's spend brought, from weekly revenue alone: adstock and saturation curves of all channels at once.

    revenue_t = level, trend, season and controls + sum over channels of top hill(adstock(spend; theta); half, slope) + noise

(Jin, Wang, Sun, Chan and Koehler 2017). The most probable parameters under the literature's ranges are found by least squares; draws
come from the normal around them in logs and logits, weighed again by their true posterior (importance sampling), so intervals
are wide where the series say little. Noise is taken as independent over weeks. These are observational series: managers who spend when
they expect demand bias every such curve upwards, and no interval here knows of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import least_squares
from scipy.special import expit

from campaignwright.models.budget_shapes import adstock, hill

# mean and sd of log half (in mean spend of the weeks with any), log slope, logit theta: ranges of docs/sources.md; log return on investment
PRIOR_MEAN = np.array([np.log(1.2), np.log(1.2), -1.0])
PRIOR_SD = np.array([0.8, 0.5, 0.8])
RETURN_MEAN, RETURN_SD = 0.2, 0.9
MIN_WEEKS, DRAWS, PROPOSALS = 52, 400, 4000


@dataclass(frozen=True)
class SeriesCurves:
    """`draws` (draws, channels, 4): top, money of revenue a week; half, money a week; slope; theta. `spend` (channels, weeks).
    `fit`: share of the weekly revenue's variance that the mean curve explains together with level, trend and season."""

    draws: np.ndarray
    spend: np.ndarray
    fit: float

    def returns(self) -> np.ndarray:
        """(draws, channels) revenue brought for a unit spent over the whole series."""
        return _response(self.draws, self.spend).sum(axis=2) / self.spend.sum(axis=1)

    def weekly(self, money: np.ndarray) -> np.ndarray:
        """(m, channels) expected revenue a week of `money` (m, channels) a week, kept up: the mean over the draws."""
        top, half, slope, _ = np.moveaxis(self.draws, 2, 0)
        return (top[:, None] * hill(money[None], half[:, None], slope[:, None])).mean(axis=0)


def _response(params: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """(draws, channels, weeks) revenue of `spend` (channels, weeks) for natural parameters (draws, channels, 4)."""
    level = adstock(np.broadcast_to(spend, (len(params), *spend.shape)), params[:, :, 3])
    return params[:, :, :1] * hill(level, params[:, :, 1:2], params[:, :, 2:3])


def _natural(free: np.ndarray, spend: np.ndarray) -> np.ndarray:
    """(draws, channels, 4) parameters from (draws, 4 channels): log return, then log half, log slope, logit theta."""
    free = free.reshape(len(free), len(spend), 4)
    usual = spend.sum(axis=1) / (spend > 0).sum(axis=1)
    half, slope, theta = usual * np.exp(free[:, :, 1]), np.exp(free[:, :, 2]), expit(free[:, :, 3])
    unit = _response(np.stack([np.ones_like(half), half, slope, theta], axis=2), spend).sum(axis=2)
    return np.stack([np.exp(free[:, :, 0]) * spend.sum(axis=1) / np.maximum(unit, 1e-9), half, slope, theta], axis=2)


def _background(weeks: int, controls: np.ndarray | None) -> np.ndarray:
    """(weeks, k) orthonormal: level, trend, two harmonics of the year where there are two, and the controls."""
    time = np.arange(weeks)
    columns = [np.ones(weeks), time / weeks]
    if weeks >= 104:
        columns += [wave(2 * np.pi * k * time / 52.18) for k in (1, 2) for wave in (np.sin, np.cos)]
    columns += [] if controls is None else [column - column.mean() for column in controls.T]
    basis, size, _ = np.linalg.svd(np.column_stack(columns), full_matrices=False)
    return basis[:, size > 1e-9 * size[0]]


def fit_series(revenue: np.ndarray, spend: np.ndarray, controls: np.ndarray | None = None, *, seed: int = 0) -> SeriesCurves:
    """Curves of weekly `revenue` (weeks,) and `spend` (weeks, channels), money each; `controls` (weeks, k): other causes.

    Raises ValueError for less than 52 weeks, values that are not finite, negative spend, or a channel without any."""
    revenue, spend = np.asarray(revenue, float), np.asarray(spend, float).T
    if len(revenue) < MIN_WEEKS or spend.shape[1] != len(revenue):
        raise ValueError(f"Curves need {MIN_WEEKS} weeks of revenue and spend; there are {len(revenue)} and {spend.shape[1]}.")
    if not (np.isfinite(revenue).all() and np.isfinite(spend).all() and (spend >= 0).all() and (spend.sum(axis=1) > 0).all()):
        raise ValueError("Weekly revenue and spend must be finite, and every channel must have some spend and none below 0.")
    basis = _background(len(revenue), controls)
    left = revenue - basis @ (basis.T @ revenue)
    channels = len(spend)
    mean = np.tile([RETURN_MEAN, *PRIOR_MEAN], channels)
    sd = np.tile([RETURN_SD, *PRIOR_SD], channels)

    def gaps(free: np.ndarray) -> np.ndarray:
        """(draws, weeks) residual revenue of (draws, 4 channels)."""
        media = _response(_natural(free, spend), spend).sum(axis=1)
        return left - (media - (media @ basis) @ basis.T)

    def errors(free: np.ndarray) -> np.ndarray:
        return np.concatenate([gaps(free[None])[0] / noise, (free - mean) / sd])

    def slopes(free: np.ndarray) -> np.ndarray:
        moved = gaps(np.vstack([free, free + 1e-4 * np.eye(len(free))]))
        return np.vstack([((moved[1:] - moved[0]) / 1e-4).T / noise, np.diag(1 / sd)])

    noise, best = max(float(left.std()), 1e-9), mean
    for _ in range(4):
        solved = least_squares(errors, best, jac=slopes, bounds=(mean - 4 * sd, mean + 4 * sd), max_nfev=60)
        best = solved.x
        noise = max(float(np.sqrt((gaps(best[None]) ** 2).sum() / max(len(left) - basis.shape[1] - channels, 1))), 1e-9)
    jacobian = slopes(best)
    free = _posterior(best, np.linalg.inv(jacobian.T @ jacobian), gaps, noise, mean, sd, np.random.default_rng([seed, 4]))
    varied = float(((revenue - revenue.mean()) ** 2).sum())
    explained = 1 - float((gaps(best[None]) ** 2).sum()) / varied if varied else 0.0
    return SeriesCurves(_natural(free, spend), spend, explained)


def _posterior(best, cov, gaps, noise, mean, sd, rng) -> np.ndarray:  # noqa: ANN001
    """(DRAWS, parameters) from a t with 7 degrees of freedom around the mode, picked by weight, weights tempered until a tenth of the
    draws count."""
    root = np.linalg.cholesky(cov)
    normal = rng.normal(size=(PROPOSALS, len(best)))
    scale = np.sqrt(7 / rng.chisquare(7, PROPOSALS))[:, None]
    free = best + scale * (normal @ root.T)
    distance = (normal**2 * scale**2).sum(axis=1)
    proposal = -0.5 * (7 + len(best)) * np.log1p(distance / 7)
    misfit = np.concatenate([(gaps(part) ** 2).sum(axis=1) for part in np.array_split(free, 20)])
    logs = -0.5 * misfit / noise**2 - 0.5 * (((free - mean) / sd) ** 2).sum(axis=1) - proposal
    for power in (1.0, 0.5, 0.25, 0.1, 0.0):
        weight = np.exp(power * (logs - logs.max()))
        weight /= weight.sum()
        if 1 / (weight**2).sum() >= 0.1 * DRAWS:
            break
    return free[rng.choice(PROPOSALS, DRAWS, p=weight)]
