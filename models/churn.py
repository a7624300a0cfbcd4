"""Probability that a buyer does not buy again within the horizon: a logistic regression judged on a later period.

Trained on what was known two horizons before the end, scored on the last horizon (AUC beside the plain recency rule), then
fitted again on the last horizon for use. The features are the sufficient statistics of BG/NBD (Fader, Hardie and Lee 2005):
recency, frequency, tenure, the customer's own rhythm, and value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import brier_score_loss, roc_auc_score

from campaignwright.models.audience_table import snapshot

MINIMUM = 100  # buyers with a known outcome, below which no churn probability is given


@dataclass
class Churn:
    """Fitted coefficients. `typical_gap` (days) stands in for the rhythm of one-time buyers."""

    horizon_days: int
    typical_gap: float
    mean: list[float]
    scale: list[float]
    coef: list[float]
    intercept: float

    def predict(self, frame: pd.DataFrame) -> np.ndarray:
        """Probability (0-1) of no purchase within `horizon_days`, one per row of a `snapshot` frame."""
        z = (features(frame, self.typical_gap) - np.array(self.mean)) / np.array(self.scale) @ np.array(self.coef)
        return 1 / (1 + np.exp(-(z + self.intercept)))


def features(frame: pd.DataFrame, typical_gap: float) -> np.ndarray:
    """Shape (customers, 6), finite."""
    recency = frame["recency_days"].to_numpy(dtype=float)
    gap = frame["own_gap_days"].fillna(typical_gap).clip(lower=1).to_numpy(dtype=float)
    return np.column_stack([
        np.log1p(recency), np.log(frame["frequency"].to_numpy(dtype=float)), np.log1p(frame["tenure_days"].to_numpy(dtype=float)),
        np.log1p(recency / gap), np.log1p(frame["value"].clip(lower=0).to_numpy(dtype=float)),
        (frame["frequency"] == 1).to_numpy(dtype=float),
    ])


def _labelled(bought: pd.DataFrame, cut: pd.Timestamp, horizon: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Snapshot at `cut` of those who bought in the year before, and 1 where nothing was bought in the horizon after it."""
    frame = snapshot(bought, cut)
    later = bought[(bought["day"] > cut) & (bought["day"] <= cut + pd.Timedelta(days=horizon))]["customer_id"].unique()
    return frame, (~frame.index.isin(later)).astype(int)


def _fit(frame: pd.DataFrame, gone: np.ndarray, horizon: int, typical_gap: float) -> Churn:
    x = features(frame, typical_gap)
    mean, scale = x.mean(axis=0), np.maximum(x.std(axis=0), 1e-6)
    model = LogisticRegression(C=1.0, max_iter=500).fit((x - mean) / scale, gone)
    return Churn(horizon, typical_gap, mean.tolist(), scale.tolist(), model.coef_[0].tolist(), float(model.intercept_[0]))


def fit_churn(bought: pd.DataFrame, horizon: int, typical_gap: float) -> tuple[Churn | None, dict[str, float]]:
    """(model, metrics) from a `purchases` frame; (None, {}) when there are too few buyers or only one outcome."""
    end = bought["day"].max()
    test_frame, test_gone = _labelled(bought, end - pd.Timedelta(days=horizon), horizon)
    train_frame, train_gone = _labelled(bought, end - pd.Timedelta(days=2 * horizon), horizon)
    for gone in (test_gone, train_gone):
        if len(gone) < MINIMUM or gone.min(initial=1) == gone.max(initial=0):
            return None, {}
    early = _fit(train_frame, train_gone, horizon, typical_gap)
    probability = early.predict(test_frame)
    metrics = {
        "churn_auc": float(roc_auc_score(test_gone, probability)),
        "churn_auc_recency_rule": float(roc_auc_score(test_gone, test_frame["recency_days"])),
        "churn_brier": float(brier_score_loss(test_gone, probability)),
        "churn_brier_constant": float(brier_score_loss(test_gone, np.full(len(test_gone), train_gone.mean()))),
        "churn_test_customers": float(len(test_gone)),
        "churn_mean_predicted": float(probability.mean()),
        "churn_mean_actual": float(test_gone.mean()),
    }
    return _fit(test_frame, test_gone, horizon, typical_gap), metrics
