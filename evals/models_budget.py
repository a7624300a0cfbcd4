"""Area `budget` of the suite `models`: the exact split on known curves, curves estimated from weekly series, and both together.

Known curves: 75 instances (25 concave, 25 S-shaped, 25 S-shaped with a fixed channel, a minimum and a maximum), % of the best known.
Series: the truth of Robyn's and Meridian's simulated weeks is not published, so known curves from the literature's ranges are played on
their spend histories; the real columns are fitted too, without a verdict. Regret: the split by estimated curves, paid out by the true
ones. The time is measured, not promised.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from campaignwright.evals import budget_worlds
from campaignwright.evals.bench import Area, Row, Score, bootstrap, paired
from campaignwright.evals.budget_worlds import Instance, KnownSeries
from campaignwright.market.words import CHANNELS
from campaignwright.models.budget import split
from campaignwright.models.budget_series import RETURN_MEAN, fit_series
from campaignwright.models.budget_shapes import adstock

INSTANCES, WORLDS, STARTS = 25, 20, 20
OURS, EQUAL, LAST, SLSQP = "bisection or dynamic programming", "equal split", "last period's split", "SLSQP from an equal split"
CURVES, LOGS, LINEAR = "weekly curves", "log-log regression", "linear regression on adstock 0.3"
Say = Callable[[float, str], None]


def _row(data: str, measure: str, better: str, values: dict[str, list[float]], ours: str, **more: object) -> Row:
    """`values`: name -> a value per case, paired."""
    scores = {name: Score(name, *bootstrap(np.array(found))) for name, found in values.items()}
    own = scores.pop(ours)
    best = (max if better == "higher" else min)(scores.values(), key=lambda one: one.value).name
    return Row("budget", data, measure, better, own, list(scores.values()), paired(f"ours - {best}", values[ours], values[best]),
               cases=len(values[ours]), **more)  # fmt: skip


def solve(one: Instance) -> np.ndarray:
    """The product's split (n,)."""
    names = list(CHANNELS[: len(one.top)])
    pinned = {name: float(low) for name, low, high in zip(names, one.low, one.high, strict=True) if low == high}
    minimum = {name: float(low) for name, low in zip(names, one.low, strict=True) if name not in pinned and low > 0}
    maximum = {name: float(high) for name, high in zip(names, one.high, strict=True) if name not in pinned and high < one.budget}
    found = split(one.worth, one.budget, names, fixed=pinned, minimum=minimum, maximum=maximum, concave=one.concave)
    return np.array([found.spend[name] for name in names])


def known(limit: int | None, seed: int, say: Say) -> tuple[list[Row], list[str]]:
    """% of the best known, median time, and how equal the marginal returns of free channels are."""
    values: dict[str, list[float]] = {}
    seconds, spread, worst = [], [], 100.0
    count = min(INSTANCES, limit or INSTANCES)
    for place, kind in enumerate(budget_worlds.KINDS):
        for number in range(count):
            rng = np.random.default_rng([seed, place, number])
            one = budget_worlds.draw_instance(kind, rng)
            even = one.fit(np.full(len(one.top), one.budget / len(one.top)))
            started = time.perf_counter()
            mine = solve(one)
            seconds.append(1000 * (time.perf_counter() - started))
            tried = {OURS: mine, EQUAL: even, LAST: one.fit(one.last), SLSQP: budget_worlds.slsqp(one, even)}
            starts = [one.fit(one.budget * rng.dirichlet(np.ones(len(one.top)))) for _ in range(STARTS)]
            others = [budget_worlds.slsqp(one, start) for start in [mine, *starts]]
            best = max(float(one.value(money)) for money in [*tried.values(), *others])
            for name, money in tried.items():
                values.setdefault(name, []).append(100 * float(one.value(money)) / best)
            free = (mine > one.low + 0.01 * one.budget) & (mine < one.high - 0.01 * one.budget)
            if free.sum() > 1:
                gain = one.marginal(mine)[free]
                spread.append(float(gain.max() / gain.min() - 1))
        say((place + 1) / len(budget_worlds.KINDS), kind)
    worst = ", ".join(f"{name} {min(found):.2f}" for name, found in values.items())
    rows = [
        _row("75 Hill instances", "% of the best known split", "higher", values, OURS, goal=99.95,
             floor="best known: 21 starts of SLSQP, and ours", note=f"Worst instance: {worst}."),
        Row("budget", "75 Hill instances", "median milliseconds a split", "lower", Score(OURS, float(np.median(seconds))), [], goal=50.0,
            floor="measured, other work running", cases=len(seconds), note=f"90th percentile {np.quantile(seconds, 0.9):.0f} ms."),
    ]  # fmt: skip
    note = (f"Marginal returns of the free channels differ by {np.median(spread):.3%} in the median instance, "
            f"{np.quantile(spread, 0.9):.2%} at the 90th percentile (largest over smallest, less 1); amounts are whole cents.")  # fmt: skip
    return rows, [note]


def _linear(one: KnownSeries, transform: Callable[[np.ndarray], np.ndarray], logs: bool) -> np.ndarray:
    """(channels,) coefficients, at least 0, of least squares with level, trend and season; what most in-house models are."""
    from scipy.optimize import lsq_linear

    weeks = np.arange(len(one.revenue))
    year = 2 * np.pi * weeks / 52.18
    columns = np.column_stack([transform(one.spend), np.ones(len(weeks)), weeks / len(weeks), np.sin(year), np.cos(year)])
    bound = np.concatenate([np.zeros(one.spend.shape[1]), np.full(4, -np.inf)])
    scale = np.abs(columns).max(axis=0)
    found = lsq_linear(columns / scale, np.log(one.revenue) if logs else one.revenue, bounds=(bound, np.inf)).x / scale
    return found[: one.spend.shape[1]]


def _divide(worth: Callable[[np.ndarray], np.ndarray], budget: float, channels: int) -> np.ndarray:
    """The best split (channels,) by `worth` (m, channels) -> (m, channels)."""
    def wide(money: np.ndarray) -> np.ndarray:
        answer = np.zeros(money.shape)
        answer[:, :channels] = worth(money[:, :channels])
        return answer

    found = split(wide, round(budget, 2), list(CHANNELS[:channels]))
    return np.array([found.spend[name] for name in CHANNELS[:channels]])


def _history(one: KnownSeries, seed: int) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """One series: (error of the returns by method, regret in % by method, share of each parameter's 80 % intervals that hold)."""
    fit, truth, mean = fit_series(one.revenue, one.spend, seed=seed), one.returns(), one.spend.mean(axis=0)
    drawn, held = fit.returns(), {}
    samples = {"return": (drawn, truth)} | {name: (fit.draws[:, :, j], one.params[:, j])
                                            for j, name in enumerate(("half", "slope", "adstock"), 1)}  # fmt: skip
    for name, (sample, true) in samples.items():
        low, high = np.quantile(sample, [0.1, 0.9], axis=0)
        held[name] = float(((low <= true) & (true <= high)).mean())
    logs = _linear(one, lambda money: np.log1p(money / mean), True)
    line = _linear(one, lambda money: adstock(money.T, 0.3).T, False)
    lifts = one.revenue.mean() * logs * np.log1p(one.spend / mean).sum(axis=0) / one.spend.sum(axis=0)
    guesses = {CURVES: np.median(drawn, axis=0), LOGS: lifts, LINEAR: line, "prior alone": np.full(len(truth), np.exp(RETURN_MEAN))}
    off = {name: float(np.abs(guess - truth).mean() / truth.mean()) for name, guess in guesses.items()}
    budget, n = float(mean.sum()), len(mean)
    best = one.weekly(_divide(one.weekly, budget, n)).sum()
    chosen = {CURVES: _divide(fit.weekly, budget, n), EQUAL: np.full(n, budget / n), LAST: mean,
              LOGS: _divide(lambda money: logs * np.log1p(money / mean), budget, n),
              LINEAR: _divide(lambda money: line * money, budget, n)}  # fmt: skip
    return off, {name: 100 * float(1 - one.weekly(money).sum() / best) for name, money in chosen.items()}, held


def estimated(folder: Path, name: str, limit: int | None, seed: int, say: Say) -> tuple[list[Row], list[str]]:
    """Returns, curves and the split they lead to, on one spend history."""
    revenue, spend, controls, channels = budget_worlds.series(folder, name)
    count, found = min(WORLDS, limit or WORLDS), []
    for number in range(count):
        found.append(_history(budget_worlds.draw_series(spend, np.random.default_rng([seed, 7, number])), seed))
        say((number + 1) / count, f"{name}, history {number + 1} of {count}")
    off, regret, held = ({key: [one[place][key] for one in found] for key in found[0][place]} for place in range(3))
    covers = "; ".join(f"{key} {np.mean(shares):.0%}" for key, shares in held.items())
    fit = fit_series(revenue, spend, controls, seed=seed)
    low, middle, high = np.quantile(fit.returns(), [0.1, 0.5, 0.9], axis=0)
    low_theta, high_theta = np.quantile(fit.draws[:, :, 3], [0.1, 0.9], axis=0)
    real = ", ".join(f"{channel} {middle[c]:.2f} ({low[c]:.2f} to {high[c]:.2f}), adstock {low_theta[c]:.2f} to {high_theta[c]:.2f}"
                     for c, channel in enumerate(channels))  # fmt: skip
    label = f"{name}'s spend, known curves"
    rows = [_row(label, "error of a channel's return (share of the mean return)", "lower", off, CURVES,
                 note=f"Stated 80 % intervals that hold the truth: {covers}."),
            _row(label, "regret of the split by estimated curves (% of the best revenue)", "lower", regret, CURVES,
                 floor="true curves: 0")]  # fmt: skip
    note = (f"{name}'s own revenue column (truth not published): return for a unit spent with 80 % interval: {real}; the fit explains "
            f"{fit.fit:.0%} of the weekly variance.")  # fmt: skip
    return rows, [note]


def run(folder: Path, *, limit: int | None = None, seed: int = 0, progress: Callable[[float, str], None] | None = None) -> Area:
    """The area's rows. `limit`: instances of each kind, and histories, for a quick look."""
    say = progress or (lambda share, text: None)
    rows, notes = known(limit, seed, lambda share, text: say(0.2 * share, text))
    for place, name in enumerate(("Robyn", "Meridian")):
        found, more = estimated(folder, name, limit, seed, lambda share, text, place=place: say(0.2 + 0.4 * (place + share), text))
        rows, notes = rows + found, notes + more
    return Area(rows, notes)
