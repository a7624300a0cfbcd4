"""What a practitioner would use for 'buys again within the horizon': rules, BG/NBD, boosting on recency, frequency and value.

Each takes a `snapshot` frame of models/audience_table.py and gives a chance (0-1) a row.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import gammaln
from sklearn.linear_model import LogisticRegression

from campaignwright.models.audience_table import snapshot

DAY = pd.Timedelta(days=1)


def labelled(bought: pd.DataFrame, cut: pd.Timestamp, horizon: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Snapshot at `cut`, and 1 where something was bought in the `horizon` days after it."""
    frame = snapshot(bought, cut)
    later = bought[(bought["day"] > cut) & (bought["day"] <= cut + horizon * DAY)]["customer_id"].unique()
    return frame, frame.index.isin(later).astype(int)


def _counts(frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Repeat purchases x, week of the last t_x, weeks observed T: all three counted from the first purchase."""
    x, total = frame["frequency"].to_numpy(float) - 1, frame["tenure_days"].to_numpy(float) / 7
    return x, total - frame["recency_days"].to_numpy(float) / 7, total


def bg_nbd_fit(frame: pd.DataFrame) -> np.ndarray:
    """(r, alpha, a, b) of the BG/NBD model by maximum likelihood: Fader, Hardie & Lee 2005, Marketing Science 24(2), eq. 6."""
    x, last, total = _counts(frame)

    def loss(logs: np.ndarray) -> float:
        r, alpha, a, b = np.exp(np.clip(logs, -10, 10))
        front = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
        gone = np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + last)
        return -float((front + np.logaddexp(-(r + x) * np.log(alpha + total), np.where(x > 0, gone, -np.inf))).mean())

    return np.exp(np.clip(minimize(loss, np.zeros(4), method="Nelder-Mead", options={"maxiter": 4000}).x, -10, 10))


def bg_nbd(frame: pd.DataFrame, fitted: np.ndarray, days: float) -> np.ndarray:
    """P(at least one purchase in the next `days`): P(alive) of the same authors' 2008 note, times that of a living customer, whose
    rate is Gamma(r + x, alpha + T)."""
    r, alpha, a, b = fitted
    x, last, total = _counts(frame)
    odds_gone = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + total) / (alpha + last)) ** (r + x), 0.0)
    return (1 - ((alpha + total) / (alpha + total + days / 7)) ** (r + x)) / (1 + odds_gone)


def rule(train: np.ndarray, label: np.ndarray, test: np.ndarray) -> np.ndarray:
    """A rule on few columns as a chance: logistic regression, for its level and nothing else where there is one column."""
    mean, scale = train.mean(axis=0), np.maximum(train.std(axis=0), 1e-6)
    return LogisticRegression(max_iter=500).fit((train - mean) / scale, label).predict_proba((test - mean) / scale)[:, 1]


def boosting_columns(bought: pd.DataFrame, cut: pd.Timestamp) -> np.ndarray:
    """(customers, 17): the snapshot's numbers, and purchases and money of the last 14 to 180 days."""
    frame = snapshot(bought, cut)
    names = ["recency_days", "frequency", "tenure_days", "orders", "value", "own_gap_days"]
    columns = [frame[names].to_numpy(float), (frame["value"] / frame["orders"]).to_numpy(float)[:, None]]
    for days in (14, 30, 60, 90, 180):
        late = bought[(bought["day"] > cut - days * DAY) & (bought["day"] <= cut)].groupby("customer_id")
        columns.append(late.agg(n=("day", "size"), money=("money", "sum")).reindex(frame.index).fillna(0.0).to_numpy(float))
    return np.hstack(columns)


def boosting(bought: pd.DataFrame, cuts: list[pd.Timestamp], now: pd.Timestamp, horizon: int, seed: int = 0) -> np.ndarray:
    """LightGBM on those columns, learnt at every one of `cuts`; trees by early stopping on a fifth of the customers."""
    import lightgbm

    x = np.vstack([boosting_columns(bought, cut) for cut in cuts])
    parts = [labelled(bought, cut, horizon) for cut in cuts]
    y, who = np.concatenate([label for _, label in parts]), np.concatenate([frame.index.to_numpy(str) for frame, _ in parts])
    customers = np.unique(who)
    held = np.isin(who, np.random.default_rng(seed).permutation(customers)[: len(customers) // 5])
    model = lightgbm.LGBMClassifier(n_estimators=1000, learning_rate=0.03, num_leaves=8, min_child_samples=40, subsample=0.8,
                                    subsample_freq=1, colsample_bytree=0.7, random_state=seed, n_jobs=1, verbose=-1)  # fmt: skip
    model.fit(x[~held], y[~held], eval_X=(x[held],), eval_y=(y[held],), callbacks=[lightgbm.early_stopping(30, verbose=False)])
    return model.predict_proba(boosting_columns(bought, now))[:, 1]
