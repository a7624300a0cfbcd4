"""Learning from plans that were run: Bayesian optimisation around the forecast.

A Gaussian process (Matérn 5/2; Rasmussen & Williams 2006, ch. 2) learns what the forecast misses, in logs of what a plan brings
before its cost. The next plan maximises the expected improvement (Jones et al. 1998), of the best plan or of the weakest of the
five that a marketer would choose among, over plans that the generator's decoder proposes around the best ones (weighted towards
them as in Tripp et al. 2020), single-field moves and small variations. All of them keep the brief by construction. What the
forecast and the generator learn is not done here.
The suite `models` alone uses it so far; the copilot searches with `strategy_search`.
"""

from __future__ import annotations

import warnings

import numpy as np
from scipy.stats import norm
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel

from campaignwright.models.forecast import SEARCH_DRAWS
from campaignwright.models.strategy_fields import OBJECTIVE_INDEX, condition_of, perturbed
from campaignwright.models.strategy_moves import diverse, features, neighbours
from campaignwright.models.strategy_search import Search
from campaignwright.models.strategy_space import Batch, concat

TUNE_AT = (0, 10, 25, 50, 100, 150)  # plans told when the kernel is fitted anew
FRESH = 5  # plans proposed from one set of candidates
ELITE, COPIES, SEARCHED, POOL = 6, 10, 400, 120
TRUST = 0.7  # part of the forecast's differences that is believed before runs say: the best of many forecasts flatter
ALTERNATIVE = 0.65  # distance (see `features`) from which a plan is another plan, not a variation
NAMED, APART = 5, 0.8  # plans that a marketer is to choose among, and how far `diverse` keeps them apart: just under ALTERNATIVE
FOR_CHOICE = (3, 1)  # with so many proposals left of FRESH, one is made that betters the choice instead of the best


class Surrogate:
    """Gaussian process with one length scale; the kernel is fitted at the sizes of TUNE_AT and kept in between."""

    def __init__(self, noisy: np.ndarray) -> None:
        """`noisy` float[m]: extra variance (in units of y's variance) of the first m points told."""
        self.extra, self.kernel = np.asarray(noisy, float), None

    def fit(self, x: np.ndarray, y: np.ndarray) -> Surrogate:
        """`x` float[n, p], `y` float[n]."""
        tune = self.kernel is None or len(y) - len(self.extra) in TUNE_AT
        start = self.kernel or ConstantKernel(1.0, (0.05, 50)) * Matern(1.0, (0.1, 10), nu=2.5) + WhiteKernel(0.05, (1e-5, 1.0))
        alpha = np.full(len(y), 1e-8)
        alpha[: len(self.extra)] += self.extra
        model = GaussianProcessRegressor(start, alpha=alpha, normalize_y=True, optimizer="fmin_l_bfgs_b" if tune else None)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            self.model = model.fit(x, y)
        self.kernel = model.kernel_
        return self

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(mean, sd without the noise of one run), float[n] each."""
        mean, sd = self.model.predict(x, return_std=True)
        noise = self.kernel.k2.noise_level * self.model._y_train_std**2
        return mean, np.sqrt(np.maximum(sd**2 - noise, 1e-12))


def expected_improvement(mean: np.ndarray, sd: np.ndarray, best: float) -> np.ndarray:
    """E max(f - best, 0) of f ~ N(mean, sd^2), float[n] (Jones et al. 1998, eq. 15)."""
    gap = mean - best
    return gap * norm.cdf(gap / sd) + sd * norm.pdf(gap / sd)


def _points(batch: Batch, expected: np.ndarray) -> np.ndarray:
    """Plans for the surrogate: their fields, and what they are forecast to bring."""
    return np.column_stack([features(batch), 0.5 * expected])


class Explorer:
    """Proposes the next plan for a brief and learns what it brought; deterministic for (data, brief, seed)."""

    def __init__(self, search: Search, pool: Batch, log: Batch, seen: np.ndarray, noise: float = 0.3) -> None:
        """`search` of the brief and the `pool` that its `run` gave; `log` plans of the past and `seen` float[n], their profit.

        `noise`: extra variance of the log's figures in units of their variance around the forecast."""
        self.search, self.rng, self.spend = search, search.rng, float(search.brief.budget)
        self.plans, self.value = log, np.asarray(seen, float)
        self.logged = len(log)
        self.expected, promise = self.forecast(log), self.forecast(pool)
        first = np.argsort(-promise, kind="stable")[:SEARCHED]
        self.pool, self.pool_expected = pool.take(first), promise[first]
        self.surrogate = Surrogate(np.full(len(log), noise))
        self.candidates: Batch | None = None
        self.learnt = -1

    def forecast(self, batch: Batch) -> np.ndarray:
        """Log of what plans are forecast to bring before their cost, float[n]."""
        profit = np.median(self.search.forecaster.totals(batch, draws=SEARCH_DRAWS).draws["profit"], axis=1)
        return self.log(profit)

    def log(self, profit: np.ndarray) -> np.ndarray:
        return np.log(np.maximum(profit + self.spend, 0.02 * self.spend))

    def ask(self) -> Batch:
        """The next plan to run (a batch of one)."""
        self._learn()
        if self.candidates is None or not self.left:
            self._refresh()
        mean, sd = self._believe(self.candidates, self.candidates_expected)
        gain = self._gain_in_choice(mean, sd) if self.left in FOR_CHOICE else expected_improvement(mean, sd, self.best)
        choice = int(np.where(self.used, -np.inf, gain).argmax())
        self.used[choice], self.left = True, self.left - 1
        return self.candidates.take(np.array([choice]))

    def _gain_in_choice(self, mean: np.ndarray, sd: np.ndarray) -> np.ndarray:
        """What each candidate is expected to add to the NAMED best plans run so far that are kept apart, float[n]: its improvement on
        the weakest of them, where it is unlike the others. Before there are so many: on the best, where it is unlike that."""
        own = np.arange(self.logged, len(self.plans))
        if len(own) < NAMED:
            others, weakest = self.plans.take(self.order[:1]), self.best
        else:
            mine = self.plans.take(own)
            believed = self._believe(mine, self.expected[own])[0]
            order = np.argsort(-believed, kind="stable")
            five = diverse(mine, order, NAMED, APART)
            five = five[np.argsort(-believed[five], kind="stable")]
            others, weakest = mine.take(five[:-1]), float(believed[five[-1]])
        points = features(concat([others, self.candidates]))
        away = np.linalg.norm(points[len(others) :, None] - points[None, : len(others)], axis=2).min(axis=1)
        gain = expected_improvement(mean, sd, weakest)
        return np.where(away > ALTERNATIVE, gain, gain - 2.0)

    def tell(self, plan: Batch, profit: float) -> None:
        """What a plan brought, after its cost."""
        self.plans, self.value = concat([self.plans, plan]), np.append(self.value, profit)
        self.expected = np.append(self.expected, self.forecast(plan))

    def estimate(self) -> np.ndarray:
        """What the plans that were told are believed to bring after their cost, float[n]."""
        self._learn()
        return np.exp(self._believe(self.plans, self.expected)[0][self.logged :]) - self.spend

    def _learn(self) -> None:
        if self.learnt == len(self.plans):
            return
        self.surrogate.fit(_points(self.plans, self.expected), self.log(self.value) - TRUST * self.expected)
        believed = self._believe(self.plans, self.expected)[0]
        self.order = np.argsort(-believed, kind="stable")
        own = believed[self.logged :]
        self.best = float(own.max() if len(own) else believed.max())
        self.learnt = len(self.plans)

    def _believe(self, batch: Batch, expected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean, sd = self.surrogate.predict(_points(batch, expected))
        return mean + TRUST * expected, sd

    def _refresh(self) -> None:
        """New candidates: the search's best, the decoder's around the elite, moves of the leader, small variations."""
        elite = self.plans.take(self.order[:ELITE])
        varied, _ = perturbed(elite, COPIES, self.rng)
        moves = neighbours(elite.take(np.zeros(1, int)), self.search.allowed, self.search.deepest)
        fresh = concat([*self._decoded(elite), self.search.repair(concat([varied, moves]))])
        expected = self.forecast(fresh)
        kept = np.argsort(-self._believe(self.pool, self.pool_expected)[0], kind="stable")[:POOL]
        self.candidates = concat([self.pool.take(kept), fresh])
        self.candidates_expected = np.concatenate([self.pool_expected[kept], expected])
        self.used, self.left = np.zeros(len(self.candidates), bool), FRESH

    def _decoded(self, elite: Batch) -> list[Batch]:
        """What the generator's decoder makes of latents around those of the elite."""
        generator = self.search.generator
        goal = np.full(len(elite), OBJECTIVE_INDEX[self.search.brief.objective])
        z = np.repeat(generator.encode(elite, condition_of(elite, goal, generator.levels)), COPIES, axis=0)
        return [self.search.decoded(z + 0.5 * self.rng.standard_normal(z.shape), np.zeros(len(z), int), sample=False)]
