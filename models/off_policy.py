"""What another policy would have brought, from the log of the one that ran: five estimators and the gate before they are believed.

A log holds, for each customer, the arm that was given, the chance (propensity) with which it was given, and the outcome. A policy
gives each arm a probability. Every estimator returns its scores, one a row: their mean is the policy's value, their spread its
standard error. Reward models are the caller's. Not covered: lists of several arms at once, and logs without propensities.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Z95 = 1.96
MIN_EFFECTIVE = 1_000.0  # customers that a weighted log must be worth
MEAN_WEIGHT = 0.05  # how far from 1 the mean weight may be: further, the logged propensities are not what ran
CUTS = (1.0, 0.999, 0.99, 0.97, 0.95, 0.9, 0.75, 0.5, 0.0)  # quantiles of the weights that Switch-DR chooses from


@dataclass(frozen=True)
class Log:
    """outcome (rows,); arm (rows,) integers; propensity (rows,) of the arm given, in (0, 1]; predicted (rows, arms): expected
    outcome under each arm, from models that did not see the row. Raises ValueError where a propensity is not a chance."""

    outcome: np.ndarray
    arm: np.ndarray
    propensity: np.ndarray
    predicted: np.ndarray

    def __post_init__(self) -> None:
        if not ((self.propensity > 0) & (self.propensity <= 1)).all():
            raise ValueError("A logged propensity is not above 0 and at most 1.")

    def weight(self, policy: np.ndarray) -> np.ndarray:
        """(rows,): how much likelier `policy` (rows, arms) gives the arm that was given."""
        return policy[np.arange(len(self.arm)), self.arm] / self.propensity

    def residual(self) -> np.ndarray:
        """(rows,): outcome less what was expected of the arm given."""
        return self.outcome - self.predicted[np.arange(len(self.arm)), self.arm]


def ips(log: Log, policy: np.ndarray) -> np.ndarray:
    """Inverse propensity scores (Horvitz and Thompson 1952): unbiased, wide."""
    return log.weight(policy) * log.outcome


def snips(log: Log, policy: np.ndarray) -> np.ndarray:
    """Self-normalised (Swaminathan and Joachims 2015): the weighted mean, and around it the influence of each row."""
    weight = log.weight(policy)
    if not weight.any():
        return np.full(len(weight), np.nan)
    value = float(np.average(log.outcome, weights=weight))
    return value + weight * (log.outcome - value) / weight.mean()


def direct(log: Log, policy: np.ndarray) -> np.ndarray:
    """The reward models alone: narrow, and as wrong as they are."""
    return (policy * log.predicted).sum(axis=1)


def doubly_robust(log: Log, policy: np.ndarray) -> np.ndarray:
    """Reward models, corrected by weighted residuals (Dudik, Langford and Li 2011)."""
    return direct(log, policy) + log.weight(policy) * log.residual()


def switch(log: Log, policy: np.ndarray) -> np.ndarray:
    """Doubly robust where the weight is at most a threshold, the reward models alone above it (Wang, Agarwal and Dudik 2017).

    The threshold is the quantile of the weights with the smallest estimated squared error: the variance, and the square of what
    leaving the corrections out moves the estimate by.
    """
    base, weight = direct(log, policy), log.weight(policy)
    correction = weight * log.residual()
    best, found = np.inf, base
    for cut in CUTS:
        kept = weight <= np.quantile(weight, cut) if cut > 0 else np.zeros(len(weight), bool)
        scores = base + correction * kept
        error = scores.var() / len(scores) + (correction * ~kept).mean() ** 2
        if error < best:
            best, found = error, scores
    return found


ESTIMATORS = {"IPS": ips, "SNIPS": snips, "direct method": direct, "doubly robust": doubly_robust, "Switch-DR": switch}


def arm_scores(log: Log) -> np.ndarray:
    """(rows, arms): doubly robust score of giving every customer that arm; a policy's scores are their mixture."""
    scores = log.predicted.astype(float).copy()
    scores[np.arange(len(log.arm)), log.arm] += log.residual() / log.propensity
    return scores


def interval(scores: np.ndarray, z: float = Z95) -> tuple[float, float, float]:
    """(mean, low, high) of scores (rows,); 95 % unless `z` says otherwise."""
    error = float(np.std(scores) / np.sqrt(len(scores)))
    value = float(np.mean(scores))
    return value, value - z * error, value + z * error


def effective_size(weight: np.ndarray) -> float:
    """Rows of equal weight that would be worth as much (Kish 1965): 1 to rows; 0 where no row has weight."""
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares else 0.0


@dataclass(frozen=True)
class Gate:
    """Whether a log supports a policy over what ran. value, incumbent: mean outcome of both; gain: their difference (paired),
    with a 95 % interval; effective: customers the weighted log is worth; problems: `few`, `weights`, `gain`, empty when passed."""

    value: float
    incumbent: float
    gain: float
    gain_low: float
    gain_high: float
    effective: float
    mean_weight: float
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.problems


def gate(log: Log, policy: np.ndarray, estimator: Callable[[Log, np.ndarray], np.ndarray] = doubly_robust) -> Gate:
    """The gain of `policy` (rows, arms) over what ran, and whether it may be believed: effective size at least 1,000, mean weight
    within 0.05 of 1, lower end of the gain's interval above 0."""
    weight, scores = log.weight(policy), estimator(log, policy)
    gain, low, high = interval(scores - log.outcome)
    effective, mean = effective_size(weight), float(weight.mean())
    problems = (["few"] if effective < MIN_EFFECTIVE else []) + (["weights"] if abs(mean - 1) > MEAN_WEIGHT else [])
    if low <= 0:
        problems.append("gain")
    return Gate(float(scores.mean()), float(log.outcome.mean()), gain, low, high, effective, mean, problems)
