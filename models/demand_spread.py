"""How far a week's units stray from the forecast: a negative binomial with an uncertain level, calibrated on held-out weeks.

variance = phi * mean + (s * mean)^2: phi is the spread of counts around their level, s the relative error of the level itself.
Counts are skewed, so that the median of a slow seller is below its mean.
"""

from __future__ import annotations

import numpy as np
from scipy import stats

RELATIVE_ERRORS = np.linspace(0.05, 1.5, 30)


def _shape(mean: np.ndarray, phi: np.ndarray, level_sd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(r, p) of the negative binomial with this mean and variance phi * mean + (level_sd * mean)^2, at least a Poisson's."""
    mean = np.maximum(mean, 1e-9)
    chance = mean / np.maximum(phi * mean + (level_sd * mean) ** 2, mean * (1 + 1e-6))
    return mean * chance / (1 - chance), chance


def quantile(mean: np.ndarray, phi: np.ndarray, level_sd: np.ndarray, q: float) -> np.ndarray:
    """Quantile `q` (0-1) of the units, whole numbers; arrays or numbers of shapes that fit together."""
    return stats.nbinom.ppf(q, *_shape(np.asarray(mean, float), phi, level_sd))


def exceeds(units: np.ndarray, mean: np.ndarray, phi: np.ndarray, level_sd: np.ndarray) -> np.ndarray:
    """Probability (0-1) of more than `units`."""
    return stats.nbinom.sf(np.floor(units), *_shape(np.asarray(mean, float), phi, level_sd))


def dispersion(history: np.ndarray) -> np.ndarray:
    """phi (products,): variance over mean of the last 26 weeks, at least 1, drawn towards the shop's median like 8 weeks of it."""
    recent = history[:, -26:]
    mean = recent.mean(axis=1)
    own = np.where(mean > 0, recent.var(axis=1) / np.maximum(mean, 1e-9), np.nan)
    usual = np.nanmedian(own) if np.isfinite(own).any() else 3.0
    weeks = recent.shape[1]
    return np.maximum((weeks * np.nan_to_num(own, nan=usual) + 8 * usual) / (weeks + 8), 1.0)


def regularity(history: np.ndarray) -> np.ndarray:
    """Class (products,) by the share of weeks without a sale in the last 16: 0 none, 1 up to 20 %, 2 up to 50 %, 3 more."""
    return np.digitize((history[:, -16:] == 0).mean(axis=1), [0.01, 0.2, 0.5])


def inside80(total: np.ndarray, mean: np.ndarray, phi: np.ndarray, level_sd: np.ndarray | float) -> float:
    """Share of totals within their 80 % interval, ends included."""
    above = exceeds(total, mean, phi, level_sd)
    reach = exceeds(total - 1, mean, phi, level_sd)  # of this total or more
    return float(np.mean((above <= 0.9) & (reach > 0.1)))


def level_errors(total: np.ndarray, mean: np.ndarray, phi: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """Per class of `regularity` (4,), the smallest relative error of the level (0.05-1.5) whose 80 % intervals hold 80 % of
    the held-out totals; a class with fewer than 20 products takes that of all."""

    def smallest(use: np.ndarray) -> float:
        fits = (s for s in RELATIVE_ERRORS if inside80(total[use], mean[use], phi[use], s) >= 0.8)
        return float(next(fits, RELATIVE_ERRORS[-1]))

    overall = smallest(np.ones(len(total), dtype=bool))
    return np.array([smallest(kind == k) if (kind == k).sum() >= 20 else overall for k in range(4)])
