"""Area `off_policy` of the suite `models`: what a policy is worth, from another policy's log.

Synthetic: `off_policy_worlds`, whose policies have a known value; error relative to it, coverage of the 95 % interval, and what the
gate lets through. Open Bandit (small release, men and women, 10,000 impressions a log): the clicks of one policy estimated from the
log of the other, against those that it got itself, over bootstrap draws of both logs; the bootstrap error of the latter alone is the
floor. Chances of the Thompson policy changed from day to day and are logged only for what it showed, so its shares of items by
position over the week stand for it. The settings of the product's estimator were chosen on worlds of other seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from statsmodels.stats.proportion import proportion_confint

from campaignwright.evals.bench import Area, Row, Score, bootstrap, paired
from campaignwright.evals.off_policy_worlds import LOGGING, World, worlds
from campaignwright.models.off_policy import ESTIMATORS, MIN_EFFECTIVE, Log, doubly_robust, effective_size, gate, interval

EACH, DRAWS = 10, 200
OURS = "doubly robust"
CAMPAIGNS = ("men", "women")


def _judge(world: World) -> dict[str, dict[str, float]]:
    """name -> relative error, covered, passed, bound (the same without the gates on size and weights)."""
    found = {}
    for name, estimator in ESTIMATORS.items():
        value, low, high = interval(estimator(world.log, world.policy))
        verdict = gate(world.log, world.policy, estimator)
        found[name] = {"error": abs(value - world.truth) / world.truth, "covered": float(low <= world.truth <= high),
                       "passed": float(verdict.passed), "bound": float("gain" not in verdict.problems),
                       "above": float(verdict.gain > 0)}  # fmt: skip
    return found


def _over_worlds(name: str, values: np.ndarray) -> Score:
    if not np.isin(values, (0, 1)).all():
        return Score(name, *bootstrap(values))
    low, high = proportion_confint(values.sum(), len(values), method="wilson")
    return Score(name, float(values.mean()), float(low), float(high))


def _row(measure: str, better: str, values: dict[str, np.ndarray], floor: str, note: str = "", goal: float | None = None) -> Row:
    """values: name -> (worlds,); ours beside the others, intervals over worlds (Wilson for shares of worlds)."""
    ours, others = values[OURS], {name: one for name, one in values.items() if name != OURS}
    best = (max if better == "higher" else min)(others, key=lambda name: others[name].mean())
    return Row("off_policy", "synthetic truth", measure, better, _over_worlds(OURS, ours),
               [_over_worlds(name, one) for name, one in others.items()], paired(f"ours - {best}", ours, others[best]), floor,
               goal, len(ours), note)  # fmt: skip


def synthetic(each: int, seed: int, say: Callable[[float, str], None]) -> tuple[list[Row], list[str]]:
    """Rows on worlds of known value, and how error depends on the logging policy."""
    total, judged, made = 24 * each, [], []
    for number, world in enumerate(worlds(each, seed)):
        judged.append(_judge(world))
        made.append((world.setting, world.truth > world.incumbent, effective_size(world.log.weight(world.policy))))
        say(0.7 * (number + 1) / total, f"world {number + 1} of {total}")
    better, sizes = np.array([one[1] for one in made]), np.array([one[2] for one in made])

    def of(key: str, mask: np.ndarray | None = None) -> dict[str, np.ndarray]:
        keep = np.ones(len(judged), bool) if mask is None else mask
        return {name: np.array([one[name][key] for one in judged])[keep] for name in ESTIMATORS}

    enough = sizes >= MIN_EFFECTIVE
    rows = [_row("relative error of the value", "lower", of("error"), "exact: 0",
                 "Of a log worth less than 1,000 rows the product gives no value: see the next rows."),
            _row("95 % interval holds the value", "higher", of("covered"), "nominal: 0.95",
                 "The product uses the estimator whose interval holds: a gate rests on the lower end of it.")]  # fmt: skip
    if enough.any():
        rows += [_row("relative error, log worth 1,000 rows", "lower", of("error", enough), "exact: 0"),
                 _row("95 % interval holds the value, log worth 1,000 rows", "higher", of("covered", enough), "nominal: 0.95")]
    for mask, measure, best in ((~better, "a worse policy passes", "lower"), (better, "a better policy passes", "higher")):
        if mask.any():
            bare = f"{OURS}, its bound alone"
            note = f"Its value alone, without interval or gate, would pass {of('above', mask)[OURS].mean():.0%} of them."
            rows.append(_row(measure, best, of("passed", mask) | {bare: of("bound", mask)[OURS]}, f"{mask.sum()} worlds", note))
    notes = []
    for part in LOGGING:
        inside = np.array([part in one[0] for one in made])
        texts = [f"{name} {of('error', inside)[name].mean():.3f} ({of('covered', inside)[name].mean():.0%})" for name in ESTIMATORS]
        notes.append(f"logging {part}: relative error (coverage): " + ", ".join(texts) + ".")
    return rows, notes


def read(folder: Path, policy: str, campaign: str) -> pd.DataFrame:
    """item, position (0-2), click, chance, and the four user features of a log."""
    frame = pd.read_csv(folder / "open_bandit" / policy / campaign / f"{campaign}.csv.gz", index_col=0)
    users = [name for name in frame.columns if name.startswith("user_feature")]
    frame = frame.rename(columns={"item_id": "item", "propensity_score": "chance"})[["item", "position", "click", "chance", *users]]
    return frame[frame["chance"] > 0].assign(position=lambda one: one["position"] - 1).reset_index(drop=True)


def _policy(frame: pd.DataFrame, log: pd.DataFrame, items: int) -> np.ndarray:
    """(rows of frame, items): how often the policy of `log` showed each item in that position."""
    shares = pd.crosstab(log["position"], log["item"], normalize="index").reindex(columns=range(items), fill_value=0.0)
    return shares.to_numpy()[frame["position"]]


def clicks(frame: pd.DataFrame, items: int, fold: np.ndarray) -> np.ndarray:
    """Expected click on every item (rows, items): logistic in item, position and user features, fitted on the other half."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder

    answer = np.zeros((len(frame), items))
    users = frame.drop(columns=["item", "click", "chance"]).astype(str)
    shown = np.eye(items)[frame["item"]]
    for part in np.unique(fold):
        coder = OneHotEncoder(sparse_output=False, handle_unknown="ignore").fit(users[fold != part])
        x = np.hstack([shown, coder.transform(users)])
        model = LogisticRegression(max_iter=300).fit(x[fold != part], frame["click"][fold != part])
        rest = x[fold == part, items:] @ model.coef_[0, items:] + model.intercept_[0]
        answer[fold == part] = 1 / (1 + np.exp(-(rest[:, None] + model.coef_[0, :items])))
    return answer


def open_bandit(folder: Path, source: str, target: str, draws: int, seed: int) -> tuple[Row, list[str]]:
    """Relative error of the target policy's clicks from the source's log, both campaigns; bootstrap over rows of both logs."""
    errors = {name: np.zeros(draws) for name in [*ESTIMATORS, "floor"]}
    notes = []
    for place, campaign in enumerate(CAMPAIGNS):
        rng = np.random.default_rng([seed, place])
        log, own = read(folder, source, campaign), read(folder, target, campaign)
        items = int(max(log["item"].max(), own["item"].max())) + 1
        policy = _policy(log, own, items) if target == "bts" else np.full((len(log), items), 1 / items)
        predicted = clicks(log, items, rng.integers(0, 2, len(log)))
        y, arm, chance = log["click"].to_numpy(float), log["item"].to_numpy(), log["chance"].to_numpy()
        truth = own["click"].to_numpy(float)
        for draw in range(draws):
            pick, there = rng.integers(0, len(y), len(y)), rng.choice(truth, len(truth)).mean()
            drawn = Log(y[pick], arm[pick], chance[pick], predicted[pick])
            for name, estimator in ESTIMATORS.items():
                errors[name][draw] += abs(estimator(drawn, policy[pick]).mean() - there) / truth.mean() / len(CAMPAIGNS)
            errors["floor"][draw] += abs(there - truth.mean()) / truth.mean() / len(CAMPAIGNS)
        found = gate(Log(y, arm, chance, predicted), policy)
        value, low, high = interval(doubly_robust(Log(y, arm, chance, predicted), policy))
        notes.append(f"Open Bandit {source} to {target}, {campaign}: click rate {100 * truth.mean():.2f} %, {OURS} {100 * value:.2f} % "
                     f"({100 * low:.2f} to {100 * high:.2f}), log worth {found.effective:,.0f} rows, mean weight {found.mean_weight:.2f}; "
                     f"gate {'passed' if found.passed else 'not passed: ' + ', '.join(found.problems)}.")  # fmt: skip

    def score(name: str, values: np.ndarray) -> Score:
        return Score(name, float(values.mean()), *map(float, np.quantile(values, [0.025, 0.975])))

    others = [name for name in ESTIMATORS if name != OURS]
    best = min(others, key=lambda name: errors[name].mean())
    return Row("off_policy", f"Open Bandit, {source} to {target}", "relative error of the click rate", "lower", score(OURS, errors[OURS]),
               [score(name, errors[name]) for name in others], score(f"ours - {best}", errors[OURS] - errors[best]),
               f"bootstrap of the true rate: {errors['floor'].mean():.3f}", cases=20_000), notes  # fmt: skip


def run(folder: Path, *, limit: int | None = None, seed: int = 0, progress: Callable[[float, str], None] | None = None) -> Area:
    """The area's rows. `limit`: worlds a setting and tens of bootstrap draws."""
    say = progress or (lambda share, text: None)
    each, draws = (EACH, DRAWS) if limit is None else (min(limit, EACH), min(10 * limit, DRAWS))
    rows, notes = synthetic(each, seed, say)
    for source, target in (("random", "bts"), ("bts", "random")):
        say(0.7 if source == "random" else 0.85, f"Open Bandit, {source} to {target}")
        row, more = open_bandit(folder, source, target, draws, seed)
        rows.append(row)
        notes += more
    return Area(rows, notes)
