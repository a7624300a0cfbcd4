"""Log-linear rates that shrink: a Gaussian posterior over channel levels and campaign effects, counts included.

y_i = log rate_i ~ N(offset_i + x_i'β, τ² + noise_i), β ~ N(m, diag(sd²)). Channel levels shrink to published priors,
campaign effects to zero with a scale chosen by the evidence. With counts, noise_i = 1/μ_i and y_i is the working
response of a Poisson-lognormal model (penalised quasi-likelihood; Breslow & Clayton 1993). Nothing here knows what a
channel is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SCALES = (0.02, 0.05, 0.1, 0.2, 0.35)  # prior sd of a campaign effect on the log rate
SPREADS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0)  # τ: sd between campaigns that no feature explains


@dataclass
class Posterior:
    """β ~ N(`mean` [p], `cov` [p, p]); `spread` τ; `scale` the chosen sd of campaign effects."""

    mean: np.ndarray
    cov: np.ndarray
    spread: float
    scale: float

    def predict(self, design: np.ndarray, columns: np.ndarray | slice = slice(None)) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance (τ² included, counting noise not) of the log rate; `design` [n, q] -> [n], [n].

        `columns` [q]: which of the p columns `design` has; the others are zero in every row."""
        cov = self.cov[columns][:, columns]
        return design @ self.mean[columns], np.einsum("ij,ij->i", design @ cov, design) + self.spread**2

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """For npz."""
        return {
            f"{prefix}_mean": self.mean,
            f"{prefix}_cov": self.cov,
            f"{prefix}_tau": np.array([self.spread, self.scale]),
        }

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray], prefix: str) -> Posterior:
        """The inverse of `arrays`."""
        spread, scale = arrays[f"{prefix}_tau"]
        return cls(arrays[f"{prefix}_mean"], arrays[f"{prefix}_cov"], float(spread), float(scale))


def _solve(
    design: np.ndarray, y: np.ndarray, noise: np.ndarray, mean: np.ndarray, sd: np.ndarray, spread: float
) -> tuple[np.ndarray, np.ndarray, float]:
    """Posterior mean, covariance and log evidence for a given τ; `noise` [n] variances, `sd` [p] prior."""
    weight = 1.0 / (spread**2 + noise)
    gap = y - design @ mean
    precision = (design * weight[:, None]).T @ design + np.diag(1.0 / sd**2)
    factor = np.linalg.cholesky(precision)
    half = np.linalg.solve(factor, design.T @ (weight * gap))
    evidence = 0.5 * (np.log(weight).sum() - (weight * gap**2).sum() + half @ half)
    evidence -= np.log(np.diag(factor)).sum() + np.log(sd).sum()
    cov = np.linalg.inv(precision)
    return mean + cov @ (design.T @ (weight * gap)), cov, float(evidence)


def _choose(
    design: np.ndarray,
    y: np.ndarray,
    noise: np.ndarray,
    mean: np.ndarray,
    sd: np.ndarray,
    fixed: np.ndarray,
    scales: tuple[float, ...],
) -> Posterior:
    """The (scale, τ) of greatest evidence, with weak priors that keep τ near 0.3 when rows are few."""
    best: tuple[float, Posterior] | None = None
    for scale in scales:
        prior_sd = np.where(fixed, sd, sd * scale)
        for spread in SPREADS:
            centre, cov, evidence = _solve(design, y, noise, mean, prior_sd, spread)
            evidence -= 0.5 * (np.log(spread / 0.3) / 0.7) ** 2 + 0.5 * (np.log(scale / 0.1) / 1.5) ** 2
            if best is None or evidence > best[0]:
                best = (evidence, Posterior(centre, cov, spread, scale))
    return best[1]


def fit_gaussian(
    design: np.ndarray,
    y: np.ndarray,
    noise: np.ndarray,
    mean: np.ndarray,
    sd: np.ndarray,
    fixed: np.ndarray,
    scales: tuple[float, ...] = SCALES,
) -> Posterior:
    """Fit on logs. `design` [n, p], `y`, `noise` [n]; prior `mean`, `sd` [p]; `fixed` bool[p]: `sd` is not scaled.

    n may be 0: the prior comes back, with τ 0.45.
    """
    if not len(y):
        scale = 0.1
        return Posterior(mean.copy(), np.diag(np.where(fixed, sd, sd * scale) ** 2), 0.45, scale)
    return _choose(design, y, noise, mean, sd, fixed, scales)


def fit_counts(
    design: np.ndarray,
    counts: np.ndarray,
    exposure: np.ndarray,
    offset: np.ndarray,
    mean: np.ndarray,
    sd: np.ndarray,
    fixed: np.ndarray,
    scales: tuple[float, ...] = SCALES,
) -> Posterior:
    """Fit on counts: counts_i ~ Poisson(exposure_i · exp(offset_i + x_i'β + ε_i)), ε ~ N(0, τ²)."""
    if not len(counts):
        return fit_gaussian(design, counts, counts, mean, sd, fixed, scales)
    base = np.log(np.maximum(exposure, 1e-9)) + offset
    rate = np.log((counts + 0.5) / np.maximum(exposure + 0.5, 1e-9)) - offset
    posterior = fit_gaussian(design, rate, 1.0 / (counts + 0.5), mean, sd, fixed, scales)
    for _ in range(4):
        # log mean of each row: between its own count and the model, weighted by their precisions
        eta, spread2 = design @ posterior.mean, posterior.spread**2
        mu = np.exp(np.clip(base + eta, -20, 25))
        own = eta.copy()
        for _ in range(6):
            m = np.exp(np.clip(base + own, -20, 25))
            own = np.clip(own + (counts - m - (own - eta) / spread2) / (m + 1 / spread2), eta - 6, eta + 6)
        mu = np.exp(np.clip(base + own, -20, 25))
        working, noise = own + (counts - mu) / np.maximum(mu, 1e-6), 1.0 / np.maximum(mu, 1e-6)
        posterior = fit_gaussian(design, working, noise, mean, sd, fixed, scales)
    return posterior
