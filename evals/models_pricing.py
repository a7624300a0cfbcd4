"""Area `pricing` of the suite `models`: elasticities of real panels and of simulated shops, and a price that is still being learned.

Dominick's orange juice (Taddy's file): the textbook elasticities again. The bayesm panel (83 stores, 11 brands): least squares, fixed
effects and double machine learning side by side, and the same panel with demand made from known elasticities, so that errors can be
counted. Simulated shops: the shop's price model against its prior and plain slopes. Learning: profit as a share of a clairvoyant's.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from campaignwright.evals import price_panels, price_policies, price_shops
from campaignwright.evals.bench import Area, Row, Score, bootstrap, paired
from campaignwright.models.pricing import PRIOR_MEAN, PRIOR_SD, grouped_slopes, pooled_naive

PUBLISHED = {"dominicks": -3.38, "minute.maid": -3.32, "tropicana": -2.71, "all brands": -3.139}
WORLDS, SHOPS, MADE, MADE_STORES = 60, 10, 10, 15
SHARES = {"a tenth of visitors buys": 0.1, "2.4 % of visitors buy": 0.024}
DOUBLE, FIXED, LEAST, MODEL = "double machine learning", "fixed effects", "least squares", "shop price model"
Say = Callable[[float, str], None]


def dominicks(folder: Path) -> Row:
    """The largest distance of our regressions from the published elasticities."""
    import statsmodels.formula.api as smf

    data = pd.read_csv(folder / "dominicks_oj" / "oj.csv.gz").sort_values("brand", kind="stable", ignore_index=True)
    brands, starts = np.unique(data["brand"], return_index=True)
    x = np.column_stack([np.ones(len(data)), np.log(data["price"]), np.zeros((len(data), 6))])
    slopes, _ = grouped_slopes(np.log(data["sales"].to_numpy(float)), x, starts, poisson=False)
    pooled = pooled_naive(data.rename(columns={"brand": "product_id", "sales": "units"}))
    found = dict(zip(brands, slopes, strict=True)) | {"all brands": pooled[0]}
    off = max(abs(round(found[name], 2) - round(value, 2)) for name, value in PUBLISHED.items())
    slope = "C(brand)[{}]:np.log(price)"
    rival, held = (smf.ols(f"np.log(sales) ~ {terms} + C(brand):np.log(price)", data).fit().params for terms in ("brand", "brand * feat"))
    there = max(abs(round(rival[slope.format(name)], 2) - PUBLISHED[name]) for name in brands)
    featured = ", ".join(f"{held[slope.format(name)]:.2f}" for name in PUBLISHED if name in brands)
    said = ", ".join(f"{name} {found[name]:.3f}" for name in PUBLISHED)
    return Row("pricing", "Dominick's", "largest distance from the published elasticities (2 decimals)", "lower", Score("ours", off),
               [Score("statsmodels", there)], floor="exact: 0", goal=0.0, cases=len(data),
               note=f"{said} (s.e. {pooled[1]:.3f}); with the feature held fixed {featured}.")  # fmt: skip


def _mean(name: str, found: tuple[np.ndarray, np.ndarray]) -> Score:
    """Mean over brands, its standard error as if brands were independent given the stores' clusters."""
    value, wide = float(found[0].mean()), 1.96 * float(np.sqrt((found[1] ** 2).sum())) / len(found[0])
    return Score(name, value, value - wide, value + wide)


def juice(folder: Path, limit: int | None, seed: int) -> tuple[list[Row], list[str]]:
    """Real elasticities by four methods (there is no truth, so no verdict), and the prices of other brands."""
    panel = price_panels.juice(folder, limit and max(limit, price_panels.FOLDS), np.random.default_rng([seed, 1]))
    y = panel["y"].to_numpy()
    least = price_panels.least_squares(panel, y)
    crossed, crossed_error = price_panels.fixed_effects(panel, y, rivals=True)
    fixed = price_panels.fixed_effects(panel, y)
    double = price_panels.DoubleLearning(panel, seed).fit(y)
    with tempfile.TemporaryDirectory() as place:
        model = price_panels.ours(panel, y, Path(place) / "shop")
    scores = [_mean(LEAST, least), _mean(FIXED, fixed), _mean(MODEL, model)]
    own = Row("pricing", "bayesm juice", "mean own elasticity of 11 brands (no truth)", "lower", _mean(DOUBLE, double), scores,
              floor="intervals clustered by store", cases=len(panel), note="Estimates only: none is right by definition.")  # fmt: skip
    ranked = np.argsort(crossed[:, 1:].mean(axis=1))
    clear = (np.abs(crossed[:, 1:] / crossed_error[:, 1:]) > 1.96).mean()
    cross = _mean("fixed effects", (crossed[:, 1:].ravel(), crossed_error[:, 1:].ravel()))
    notes = [f"Own elasticities (standard error clustered by store), {name}: "
             + ", ".join(f"{b:.2f} ({se:.2f})" for b, se in zip(*found, strict=True)) + "."
             for name, found in ((LEAST, least), (FIXED, fixed), (DOUBLE, double))]  # fmt: skip
    notes.append(f"Cross-price elasticities of the juice brands: mean of the 110 pairs {cross.text()}; {clear:.0%} of the pairs are more "
                 f"than 1.96 standard errors from 0; by brand from {crossed[ranked[0], 1:].mean():.2f} to "
                 f"{crossed[ranked[-1], 1:].mean():.2f}.")  # fmt: skip
    return [own], notes


def made(folder: Path, limit: int | None, seed: int, say: Say) -> Row:
    """The juice panel with known elasticities: real prices, promotions, stores and weeks; demand is what a boosting model learnt from
    the real one plus the drawn elasticity times price plus the real residuals, their sign drawn anew for each store and week."""
    from lightgbm import LGBMRegressor

    rng = np.random.default_rng([seed, 2])
    panel = price_panels.juice(folder, min(max(limit or MADE_STORES, price_panels.FOLDS), MADE_STORES), rng)
    y, brand = panel["y"].to_numpy(), panel["brand"].to_numpy()
    x = price_panels.within(panel, panel["x"].to_numpy(), "store")
    double = price_panels.DoubleLearning(panel, seed)
    rest = price_panels.within(panel, y, "store") - price_panels.fixed_effects(panel, y)[0][brand] * x
    base = LGBMRegressor(**price_panels.TREES).fit(double.features, rest).predict(double.features)
    level, group = y - price_panels.within(panel, y, "store"), panel.groupby(["store", "week"]).ngroup().to_numpy()
    off: dict[str, list[float]] = {}
    count = min(MADE, limit or MADE)
    for draw in range(count):
        truth = np.clip(rng.normal(PRIOR_MEAN, PRIOR_SD, 11), -6.0, -0.3)
        demand = level + base + truth[brand] * x + (rest - base) * rng.choice([-1.0, 1.0], group.max() + 1)[group]
        with tempfile.TemporaryDirectory() as place:
            model = price_panels.ours(panel, demand, Path(place) / "shop")[0]
        found = {MODEL: model, DOUBLE: double.fit(demand)[0], FIXED: price_panels.fixed_effects(panel, demand)[0],
                 LEAST: price_panels.least_squares(panel, demand)[0], "prior alone": np.full(11, PRIOR_MEAN)}  # fmt: skip
        for name, guess in found.items():
            off.setdefault(name, []).append(float(np.abs(guess - truth).mean()))
        say((draw + 1) / count, f"made demand {draw + 1} of {count}")
    return _row("bayesm juice, demand made", "mean error of an elasticity", "lower", off, MODEL,
                note="Real prices and promotions. The demand's shape was learnt by boosting, which double machine learning uses too.")


def _row(data: str, measure: str, better: str, values: dict[str, list[float]], ours: str, **more: object) -> Row:
    """`values`: name -> a value per case, paired."""
    scores = {name: Score(name, *bootstrap(np.array(found))) for name, found in values.items()}
    own = scores.pop(ours)
    best = (max if better == "higher" else min)(scores.values(), key=lambda one: one.value).name
    return Row("pricing", data, measure, better, own, list(scores.values()), paired(f"ours - {best}", values[ours], values[best]),
               cases=len(values[ours]), **more)  # fmt: skip


def shops(limit: int | None, say: Say) -> list[Row]:
    """The shop price model against the simulator's truth, in both kinds of shops."""
    rows, count = [], min(SHOPS, limit or SHOPS)
    for shifted, label in ((True, "simulated shops, mean elasticity N(-2.62, 0.9)"), (False, "simulated shops, as drawn around the prior")):
        off, held = {}, []
        for seed in range(count):
            with tempfile.TemporaryDirectory() as place:
                found, share = price_shops.errors(seed, Path(place) / "shop", shifted=shifted)
            held.append(share)
            for name, value in found.items():
                off.setdefault(name, []).append(value)
            say((seed + 1 + count * (not shifted)) / (2 * count), f"shop {seed + 1} of {count}")
        rows.append(_row(label, "mean error of a product's elasticity", "lower", off, price_shops.OURS,
                         note=f"{np.mean(held):.0%} of the stated 80 % intervals hold the truth."))  # fmt: skip
    return rows


def _tenth(values: np.ndarray, rival: np.ndarray | None = None, draws: int = 2000) -> tuple[float, float, float]:
    """10th percentile over worlds (less `rival`'s) with the bootstrap interval; worlds are drawn together."""
    picks = np.random.default_rng(0).integers(0, len(values), (draws, len(values)))
    rival = np.zeros(len(values)) if rival is None else rival
    means = np.quantile(values[picks], 0.1, axis=1) - np.quantile(rival[picks], 0.1, axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(np.quantile(values, 0.1) - np.quantile(rival, 0.1)), float(low), float(high)


def learning(limit: int | None, seed: int, say: Say) -> list[Row]:
    """10th percentile and mean of profit as % of the clairvoyant's, after 30 and after 100 periods."""
    rows, count, names = [], min(WORLDS, limit or WORLDS), price_policies.POLICIES
    for number, (label, share) in enumerate(SHARES.items()):
        paths = {}
        for place, (name, policy) in enumerate(names.items()):
            paths[name] = 100 * np.array([price_policies.play(policy, (seed, world), share) for world in range(count)])
            say((number * len(names) + place + 1) / (len(names) * len(SHARES)), f"{name}, {label}")
        for periods, goal in ((30, 94.0), (100, 97.0)):
            values = {name: path[:, :periods].mean(axis=1) for name, path in paths.items()}
            scores = {name: Score(name, *_tenth(one)) for name, one in values.items()}
            own = scores.pop(price_policies.OURS)
            best = max(scores.values(), key=lambda one: one.value).name
            means = "; ".join(f"{name} {one.mean():.1f}" for name, one in values.items())
            gap = paired("", values[price_policies.OURS], values["controlled variance"])
            rows.append(Row("pricing", f"learning, {label}", f"10th percentile of % of the clairvoyant, {periods} periods", "higher", own,
                            list(scores.values()), Score(f"ours - {best}", *_tenth(values[price_policies.OURS], values[best])),
                            f"random prices {scores['random prices'].value:.1f}; clairvoyant 100", goal if share == 0.1 else None, count,
                            f"Means: {means}. Mean of ours less controlled variance: {gap.text()}."))  # fmt: skip
    return rows


def run(folder: Path, *, limit: int | None = None, seed: int = 0, progress: Callable[[float, str], None] | None = None) -> Area:
    """The area's rows. `limit`: stores, shops and worlds, for a quick look."""
    say = progress or (lambda share, text: None)

    def part(start: float, end: float) -> Say:
        return lambda share, text: say(start + (end - start) * share, text)

    rows = [dominicks(folder)]
    say(0.02, "juice panel")
    found, notes = juice(folder, limit, seed)
    rows += [*found, made(folder, limit, seed, part(0.2, 0.45))]
    rows += shops(limit, part(0.45, 0.75))
    rows += learning(limit, seed, part(0.75, 1.0))
    notes.append("A simulated visitor buys by logit demand with an elasticity N(-2.62, 0.9) today, 500 visitors a period. The goal is "
                 "read in shops where a tenth of the visitors buys: there the policies come near the figures that the goal was taken "
                 "from. With 12 orders a period (2.4 %) all learn less.")  # fmt: skip
    return Area(rows, notes)
