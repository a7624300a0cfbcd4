"""Markets whose policies have a known value: customers, arms, a logging policy, and a policy to be judged from its log.

An outcome is a visit or an order (0/1) whose chance depends on the customer and the arm, not linearly. The reward models are
logistic, one an arm; in half of the worlds they miss two traits that the logging policy saw (its propensities are logged all the
same). The policy judged is either learnt from an earlier log (most of the weight on its best arm) or any softmax policy. Its value
is the mean over 20,000 customers who are in no log.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
from sklearn.linear_model import LogisticRegression

from campaignwright.models.off_policy import Log
from campaignwright.models.uplift_learner import cross_fit

ARMS, ROWS = (2, 10), (2_000, 10_000)
LOGGING = {"by chance": 0.0, "leaning": 1.0, "one-sided": 3.0}  # how strongly the logging policy prefers some arms
SEEN = {"all traits seen": 5, "two traits missed": 3}  # by the reward models
TRAITS, FRESH = 5, 20_000


@dataclass(frozen=True)
class World:
    """`setting` in words; the log; the policy to judge (rows, arms); `truth` its value, `incumbent` that of the logging policy."""

    setting: str
    log: Log
    policy: np.ndarray
    truth: float
    incumbent: float


def _softmax(score: np.ndarray) -> np.ndarray:
    raised = np.exp(score - score.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def _draw(rng: np.random.Generator, chances: np.ndarray) -> np.ndarray:
    return (rng.random((len(chances), 1)) > chances.cumsum(axis=1)[:, :-1]).sum(axis=1)


def draw(rng: np.random.Generator, arms: int, rows: int, logging: str, seen: str) -> World:
    """One world. Base rate about a tenth; arms differ by some tens of per cent, for some customers the other way round."""
    slope, twist = rng.normal(0, 0.25, (TRAITS, arms)), rng.normal(0, 0.25, (TRAITS, arms))
    shared, level = rng.normal(0, 0.3, TRAITS), rng.normal(0, 0.2, arms) - 2.3
    lean, other = rng.normal(0, 0.5, (TRAITS, arms)), rng.normal(0, 0.5, (TRAITS, arms))

    def chance(x: np.ndarray) -> np.ndarray:
        score = level + (x @ shared)[:, None] + x @ slope + np.sin(2 * x) @ twist
        return 1 / (1 + np.exp(-score))

    def logged(x: np.ndarray) -> np.ndarray:
        return 0.98 * _softmax(LOGGING[logging] * (x @ lean)) + 0.02 / arms

    if rng.random() < 0.5:
        x = rng.normal(size=(2_000, TRAITS))
        arm = rng.integers(0, arms, len(x))
        y = rng.random(len(x)) < chance(x)[np.arange(len(x)), arm]
        models = [LogisticRegression().fit(x[arm == k], y[arm == k]) for k in range(arms)]

        def judged(x: np.ndarray) -> np.ndarray:
            best = np.column_stack([model.predict_proba(x)[:, 1] for model in models]).argmax(axis=1)
            return 0.9 * np.eye(arms)[best] + 0.1 / arms
    else:
        def judged(x: np.ndarray) -> np.ndarray:
            return _softmax(2 * (x @ other))

    x = rng.normal(size=(rows, TRAITS))
    given = logged(x)
    arm = _draw(rng, given)
    y = (rng.random(rows) < chance(x)[np.arange(rows), arm]).astype(float)
    predicted = cross_fit(x[:, :SEEN[seen]], y, arm, arms, rng.integers(0, 2, rows))
    fresh = rng.normal(size=(FRESH, TRAITS))
    truth, incumbent = (float((policy(fresh) * chance(fresh)).sum(axis=1).mean()) for policy in (judged, logged))
    log = Log(y, arm, given[np.arange(rows), arm], predicted)
    return World(f"{arms} arms, {rows:,} rows, {logging}, {seen}", log, judged(x), truth, incumbent)


def worlds(each: int, seed: int) -> Iterator[World]:
    """`each` worlds of every setting: 24 settings."""
    for place, (arms, rows, logging, seen) in enumerate(product(ARMS, ROWS, LOGGING, SEEN)):
        for number in range(each):
            yield draw(np.random.default_rng([seed, place, number]), arms, rows, logging, seen)
