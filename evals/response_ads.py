"""Clicks of Facebook ads (KAG) given their impressions: the response model's shrunk rates beside a Poisson regression.

Ours is the estimator behind the stages of the forecast (`response_shrunk.fit_counts`), on campaign, age, gender and interest;
what an ad spent is left out, for it follows from its clicks. Poisson deviance a row, each ad predicted out of fold.
"""

from __future__ import annotations

from pathlib import Path

import lightgbm as lgb
import numpy as np
import pandas as pd
from scipy.special import xlogy
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import KFold

from campaignwright.evals.bench import Row, Score, bootstrap, paired
from campaignwright.models.response_shrunk import fit_counts

COLUMNS = ["xyz_campaign_id", "age", "gender", "interest"]


def deviance(y: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Poisson deviance of each row, float[n]."""
    return 2 * (xlogy(y, np.where(y > 0, y, 1) / mean) - y + mean)


def shrunk(design: np.ndarray, y: np.ndarray, shown: np.ndarray, new: np.ndarray) -> np.ndarray:
    """Expected clicks an impression of rows `new`: level around 1 in 1,000 (a factor 100 either way), effects shrunk by evidence."""
    level = np.zeros(design.shape[1])
    level[0] = 1
    fitted = fit_counts(design, y, shown, np.zeros(len(y)), -7 * level, 1 + 1.3 * level, level > 0)
    return np.exp(new @ fitted.mean + fitted.spread**2 / 2)


def glm(design: np.ndarray, y: np.ndarray, shown: np.ndarray, new: np.ndarray) -> np.ndarray:
    """scikit-learn's Poisson regression of the rate, weighted by impressions (the same as an offset); light ridge."""
    model = PoissonRegressor(alpha=1e-4, max_iter=2000).fit(design, y / shown * 1e4, sample_weight=shown / shown.mean())
    return model.predict(new) / 1e4


def trees(rows: np.ndarray, y: np.ndarray, shown: np.ndarray, new: np.ndarray, seed: int) -> np.ndarray:
    """LightGBM's Poisson objective from the constant rate on."""
    base = y.sum() / shown.sum()
    options = {"objective": "poisson", "learning_rate": 0.05, "num_leaves": 8, "verbosity": -1, "num_threads": 1, "seed": seed}
    booster = lgb.train(options, lgb.Dataset(rows, y, init_score=np.log(shown * base)), 300)
    return base * np.exp(booster.predict(new, raw_score=True))


def _predict(ads: pd.DataFrame, split: list[tuple[np.ndarray, np.ndarray]], seed: int) -> dict[str, np.ndarray]:
    """Expected clicks of every ad out of fold, by name; NaN for ads in no test part."""
    shown, y = ads["Impressions"].to_numpy(float), ads["Clicks"].to_numpy(float)
    design = np.column_stack([np.ones(len(ads)), *[pd.get_dummies(ads[name]).to_numpy(float) for name in COLUMNS]])
    codes = np.column_stack([ads[name].astype("category").cat.codes for name in COLUMNS]).astype(float)
    found = {name: np.full(len(y), np.nan) for name in ("ours", "constant", "Poisson regression", "LightGBM, Poisson")}
    for a, b in split:
        found["ours"][b] = shown[b] * shrunk(design[a], y[a], shown[a], design[b])
        found["constant"][b] = shown[b] * y[a].sum() / shown[a].sum()
        found["Poisson regression"][b] = shown[b] * glm(design[a], y[a], shown[a], design[b])
        found["LightGBM, Poisson"][b] = shown[b] * trees(codes[a], y[a], shown[a], codes[b], seed)
    return found


def _row(label: str, y: np.ndarray, found: dict[str, np.ndarray], goal: float | None, seed: int) -> Row:
    """`found`: expected clicks of the rows of `y`."""
    scores = {name: deviance(y, mean) for name, mean in found.items()}
    rivals = [Score(name, *bootstrap(value)) for name, value in scores.items() if name != "ours"]
    best = min(rivals, key=lambda one: one.value).name
    luck = deviance(np.random.default_rng(seed).poisson(found["ours"], (200, len(y))), found["ours"]).mean()
    note = "A deviance below that floor: these clicks vary less than Poisson counts do." if scores["ours"].mean() < luck else ""
    return Row("response", "facebook_ads_kag", label, "lower", Score("shrunk rates", *bootstrap(scores["ours"])), rivals,
               paired(f"ours - {best}", scores["ours"], scores[best]), f"{luck:.2f} if ours were true", goal, len(y), note)  # fmt: skip


def run(folder: Path, limit: int | None, seed: int) -> tuple[list[Row], list[str]]:
    """Rows for five folds and for the last fifth of the ads by their id, and a note on drift."""
    ads = pd.read_csv(folder / "facebook_ads_kag" / "KAG_conversion_data.csv")
    ads = (ads if limit is None or limit >= len(ads) else ads.sample(limit, random_state=seed)).sort_values("ad_id").reset_index(drop=True)
    y = ads["Clicks"].to_numpy(float)
    found = _predict(ads, list(KFold(5, shuffle=True, random_state=seed).split(ads)), seed)
    last = np.arange(int(0.8 * len(ads)), len(ads))
    later = {name: mean[last] for name, mean in _predict(ads, [(np.arange(last[0]), last)], seed).items()}
    rows = [_row("Poisson deviance a row", y, found, 1.21, seed),
            _row("Poisson deviance a row, last fifth of the ads", y[last], later, None, seed)]  # fmt: skip
    drift = "; ".join(f"{name} {mean.sum() / y[last].sum() - 1:+.1%}" for name, mean in later.items())
    return rows, [f"ads, last fifth by id (there is no date): drift of the clicks predicted: {drift}."]
