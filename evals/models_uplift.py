"""Area `uplift` of the suite `models`: Hillstrom's randomised e-mail test (64,000 customers, three arms), outcome visit.

Ten random halvings, each half learnt from and tested on the other: 20 splits. Qini as scikit-uplift's `qini_auc_score`; the value of
a policy by SNIPS at chances of a third. Splits share customers, so intervals use the corrected variance of Nadeau and Bengio (2003):
(1/splits + test/train) times the variance over splits. Then the women's mailing is made observational, by keeping customers so that
likely visitors mostly got the mail (Gentzel et al. 2021), and the adjusted effect is compared with the randomised one. Who is
likely is learnt from the men's arm, which is not part of the comparison, once by a logistic regression and once by LightGBM.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.preprocessing import StandardScaler

from campaignwright.evals.bench import Area, Row, Score, paired
from campaignwright.models import off_policy
from campaignwright.models.uplift import design
from campaignwright.models.uplift_learner import fit_logistic, predict, qini_auc, uplift_at
from campaignwright.models.uplift_study import adjusted_difference, chances

HALVINGS, DRAWS = 10, 60
ARMS = ("No E-Mail", "Mens E-Mail", "Womens E-Mail")
WOMEN = "women's mail vs none"
CONTRASTS = {"men's mail vs none": (1, 0), WOMEN: (2, 0), "men's vs women's mail": (1, 2)}
OURS, RECIPE, TREES = "T-learner logistic, ours", "T-learner logistic, plain recipe", "T-LightGBM"
RESPONSE, CHANCE, SINGLE = "response model", "random", "best single arm"
TRAITS = ["recency", "history", "history_segment", "mens", "womens", "zip_code", "newbie", "channel"]


def load(folder: Path, limit: int | None, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """(traits as in the file, arm (rows,) 0 none, 1 men's, 2 women's, visit 0/1); `limit` thousands of customers."""
    frame = pd.read_csv(folder / "hillstrom" / "hillstrom.csv.gz")
    if limit is not None and limit * 1000 < len(frame):
        frame = frame.iloc[np.sort(rng.choice(len(frame), limit * 1000, replace=False))].reset_index(drop=True)
    return frame[TRAITS], frame["segment"].map(ARMS.index).to_numpy(), frame["visit"].to_numpy(float)


def features(traits: pd.DataFrame) -> np.ndarray:
    """What the product's model sees of these customers, standardised."""
    texts = [json.dumps(one) for one in traits.to_dict("records")]
    rows = pd.DataFrame({"customer_id": range(len(texts)), "traits": texts, "exposed_on": pd.NaT})
    return StandardScaler().fit_transform(design(rows, pd.DataFrame()))


def _recipe(traits: pd.DataFrame, train: np.ndarray, test: np.ndarray, arm: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(test, arms): a logistic regression an arm on one-hot and scaled columns, scikit-learn's defaults."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    x = pd.get_dummies(traits).to_numpy(float)
    models = [make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)) for _ in ARMS]
    return np.column_stack([model.fit(x[train & (arm == k)], y[train & (arm == k)]).predict_proba(x[test])[:, 1]
                            for k, model in enumerate(models)])


def _trees(traits: pd.DataFrame, train: np.ndarray, test: np.ndarray, arm: np.ndarray, y: np.ndarray, seed: int) -> np.ndarray:
    """(test, arms): LightGBM an arm, words as categories; small trees, as 10,000 customers an arm call for. Not tuned here."""
    from lightgbm import LGBMClassifier

    x = traits.assign(**{name: traits[name].astype("category") for name in ("history_segment", "zip_code", "channel")})
    answer = []
    for k in range(len(ARMS)):
        model = LGBMClassifier(n_estimators=100, learning_rate=0.05, num_leaves=8, min_child_samples=100, n_jobs=1, verbose=-1,
                               random_state=seed)  # fmt: skip
        answer.append(model.fit(x[train & (arm == k)], y[train & (arm == k)]).predict_proba(x[test])[:, 1])
    return np.column_stack(answer)


def _snips(y: np.ndarray, arm: np.ndarray, chosen: np.ndarray) -> float:
    """Value of giving `chosen` (rows,) where each arm had the chance of a third."""
    log = off_policy.Log(y, arm, np.full(len(y), 1 / 3), np.zeros((len(y), 3)))
    return float(off_policy.snips(log, np.eye(3)[chosen]).mean())


def _split(traits: pd.DataFrame, x: np.ndarray, arm: np.ndarray, y: np.ndarray, train: np.ndarray,
           seed: int) -> dict[str, dict[str, float]]:
    """measure -> name -> figure, on the half that was not learnt from."""
    test, rng = ~train, np.random.default_rng(seed)
    ours = np.column_stack([predict(x[test], fit_logistic(x[train & (arm == k)], y[train & (arm == k)])) for k in range(3)])
    predicted = {OURS: ours, RECIPE: _recipe(traits, train, test, arm, y), TREES: _trees(traits, train, test, arm, y, seed)}
    yt, at, found = y[test], arm[test], {}
    for contrast, (one, zero) in CONTRASTS.items():
        pair = (at == one) | (at == zero)
        lifts = {name: table[pair, one] - table[pair, zero] for name, table in predicted.items()}
        lifts |= {RESPONSE: ours[pair, one], CHANCE: rng.random(pair.sum())}
        treated = (at[pair] == one).astype(int)
        found[f"Qini, {contrast}"] = {name: qini_auc(yt[pair], lift, treated) for name, lift in lifts.items()}
        for share, label in ((0.3, "uplift of the 30 % ranked first"), (-0.2, "uplift of the 20 % ranked last")):
            found[f"{label}, {contrast}"] = {name: uplift_at(yt[pair], lift, treated, share) for name, lift in lifts.items()}
    best = int(np.argmax([y[train & (arm == k)].mean() for k in range(3)]))
    policies = {name: table.argmax(axis=1) for name, table in predicted.items()}
    policies |= {SINGLE: np.full(len(yt), best), "nobody mailed": np.zeros(len(yt), int), CHANCE: rng.integers(0, 3, len(yt))}
    found["value of personalising (visit rate, SNIPS)"] = {name: _snips(yt, at, chosen) for name, chosen in policies.items()}
    return found


def resampled(name: str, values: np.ndarray, ratio: float = 1.0) -> Score:
    """Mean over splits (splits,) and its 95 % interval (Nadeau and Bengio 2003). ratio: test size over training size."""
    values = np.asarray(values, float)
    wide = stats.t.ppf(0.975, len(values) - 1) * np.sqrt((1 / len(values) + ratio) * values.var(ddof=1))
    return Score(name, float(values.mean()), float(values.mean() - wide), float(values.mean() + wide))


def _row(measure: str, splits: list[dict[str, float]], rivals: list[str], better: str, **more: Any) -> Row:
    columns = {name: np.array([one[name] for one in splits]) for name in splits[0]}
    scores = {name: resampled(name, values) for name, values in columns.items()}
    pick = max if better == "higher" else min
    best = pick(rivals, key=lambda name: scores[name].value)
    others = [scores[name] for name in scores if name in rivals or name == CHANCE]
    return Row("uplift", "Hillstrom", measure, better, scores[OURS], others, cases=len(splits),
               difference=resampled(f"ours - {best}", columns[OURS] - columns[best]), **more)  # fmt: skip


def observational(x: np.ndarray, arm: np.ndarray, y: np.ndarray, aim: str, draws: int, seed: int) -> tuple[Row, float]:
    """Absolute error of the women's mailing's effect once it was aimed at likely visitors; and the plain difference's bias."""
    from lightgbm import LGBMClassifier

    men, pair = arm == 1, arm != 1
    if aim == "a linear score":
        likely = predict(x[pair], fit_logistic(x[men], y[men]))
    else:
        model = LGBMClassifier(n_estimators=100, learning_rate=0.05, num_leaves=8, min_child_samples=100, n_jobs=1, verbose=-1)
        likely = model.fit(x[men], y[men]).predict_proba(x[pair])[:, 1]
    x, treated, y = x[pair], (arm[pair] == 2).astype(int), y[pair]
    truth = y[treated == 1].mean() - y[treated == 0].mean()
    share = 0.15 + 0.7 * np.argsort(np.argsort(likely)) / len(likely)
    errors: dict[str, list[float]] = {}
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])
        keep = (rng.random(len(y)) < share) == (treated == 1)
        x_, t, y_, fold = x[keep], treated[keep], y[keep], rng.integers(0, 2, keep.sum())
        chance = chances(x_, t, 2, fold)
        given = np.where(t == 1, chance[:, 1], chance[:, 0])
        outcome = [predict(x_, fit_logistic(x_[t == k], y_[t == k])) for k in (0, 1)]
        weighed = [np.average(y_[t == k], weights=1 / given[t == k]) for k in (0, 1)]
        half = rng.random(len(y)) < 0.5
        for name, effect in {
            "doubly robust, ours": adjusted_difference(y_, t, chance[:, 1], x_, fold)[1],
            "plain difference": y_[t == 1].mean() - y_[t == 0].mean(), "propensity weights": weighed[1] - weighed[0],
            "regression alone": float((outcome[1] - outcome[0]).mean()),
            "floor": y[half & (treated == 1)].mean() - y[half & (treated == 0)].mean(),
        }.items():  # fmt: skip
            errors.setdefault(name, []).append(effect - truth)
    off = {name: np.abs(values) for name, values in errors.items()}
    floor, ours = off.pop("floor"), off.pop("doubly robust, ours")
    best = min(off, key=lambda name: off[name].mean())
    zero = np.zeros(len(ours))
    row = Row("uplift", f"Hillstrom, aimed by {aim}", "error of the effect on visits", "lower", paired("doubly robust, ours", ours, zero),
              [paired(name, values, zero) for name, values in off.items()], paired(f"ours - {best}", ours, off[best]),
              f"a randomised half of the customers: {floor.mean():.4f}", cases=draws,
              note=f"True effect {truth:.4f}; every draw keeps half of the same customers.")  # fmt: skip
    return row, float(np.mean(errors["plain difference"]))


def run(folder: Path, *, limit: int | None = None, seed: int = 0, progress: Callable[[float, str], None] | None = None) -> Area:
    """The area's rows. `limit`: thousands of customers, and halvings, for a quick look."""
    say = progress or (lambda share, text: None)
    traits, arm, y = load(folder, limit, np.random.default_rng([seed, 1]))
    x, halvings = features(traits), min(HALVINGS, limit or HALVINGS)
    splits = []
    for number in range(halvings):
        half = np.random.default_rng([seed, 2, number]).random(len(y)) < 0.5
        splits += [_split(traits, x, arm, y, train, seed + number) for train in (half, ~half)]
        say(0.8 * (number + 1) / halvings, f"halving {number + 1} of {halvings}")

    def of(measure: str) -> list[dict[str, float]]:
        return [one[measure] for one in splits]

    learners = [RECIPE, TREES, RESPONSE]
    goals = {WOMEN: 0.0595}
    rows = [_row(f"Qini, {name}", of(f"Qini, {name}"), learners, "higher", floor="random ranking: 0", goal=goals.get(name))
            for name in CONTRASTS]  # fmt: skip
    everyone = {name: y[arm == one].mean() - y[arm == zero].mean() for name, (one, zero) in CONTRASTS.items()}
    rows += [_row(measure := f"uplift of the 30 % ranked first, {name}", of(measure), learners, "higher",
                  floor=f"all customers: {everyone[name]:.4f}") for name in CONTRASTS]  # fmt: skip
    measure = "value of personalising (visit rate, SNIPS)"
    rows.append(_row(measure, of(measure), [SINGLE, TREES, "nobody mailed"], "higher", floor="random arm",
                    note="Where this is no win the tool says that personalising does not pay, and names the best single arm."))  # fmt: skip
    measure = f"uplift of the 20 % ranked last, {WOMEN}"
    rows.append(_row(measure, of(measure), [*learners, CHANCE], "lower", floor=f"all customers: {everyone[WOMEN]:.4f}",
                     note="Whom to leave alone: the lower, the less is lost by not mailing them."))  # fmt: skip
    say(0.85, "made observational")
    draws = DRAWS if limit is None else max(limit, 2)
    aimed = {aim: observational(x, arm, y, aim, draws, seed) for aim in ("a linear score", "trees")}

    def gap(measure: str, rival: str) -> str:
        return resampled("", np.array([one[OURS] - one[rival] for one in of(measure)])).text()

    last = {name: resampled(name, [one[OURS] for one in of(f"uplift of the 20 % ranked last, {name}")]).text() for name in CONTRASTS}
    notes = [
        f"{OURS} is the T-learner logistic of the goal; the plain recipe is the same method written without our code, so the two "
        "tie by construction and the rivals to beat are the others.",
        *(f"Qini, {name}: ours - {TREES} {gap(f'Qini, {name}', TREES)}, ours - {RESPONSE} {gap(f'Qini, {name}', RESPONSE)}."
          for name in CONTRASTS),
        "Whom to leave alone, effect on the fifth ranked last: " + "; ".join(f"{name} {text}" for name, text in last.items()) + ".",
        *(f"Aimed by {aim}: without adjusting, the comparison is off by {bias:+.4f} on average." for aim, (_, bias) in aimed.items()),
        "Adjusted answers stay doubly robust where regression alone comes nearer: its interval does not rest on one model being right.",
    ]
    return Area([*rows, *(row for row, _ in aimed.values())], notes)
