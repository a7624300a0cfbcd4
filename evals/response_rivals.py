"""What a good practitioner would use instead of our click and conversion models, each as fit-and-predict on arrays.

Every rival is called with (x float[n, p], y float[n] of 0 and 1, new float[m, p], ids: columns that are ids, seed) and gives
probabilities float[m]. Settings are the common ones; histogram boosting's are those of the number to beat.
"""

from __future__ import annotations

from collections.abc import Callable

import lightgbm as lgb
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, TargetEncoder

Rival = Callable[[np.ndarray, np.ndarray, np.ndarray, tuple[int, ...], int], np.ndarray]


def constant(x: np.ndarray, y: np.ndarray, new: np.ndarray, ids: tuple[int, ...], seed: int) -> np.ndarray:
    """The mean of what was learnt from."""
    return np.full(len(new), y.mean())


def histogram(x: np.ndarray, y: np.ndarray, new: np.ndarray, ids: tuple[int, ...], seed: int) -> np.ndarray:
    """scikit-learn's histogram boosting, ids as numbers."""
    model = HistGradientBoostingClassifier(learning_rate=0.05, early_stopping=True, max_iter=500, random_state=seed)
    return model.fit(x, y).predict_proba(new)[:, 1]


def hashed(x: np.ndarray, y: np.ndarray, new: np.ndarray, ids: tuple[int, ...], seed: int) -> np.ndarray:
    """Logistic regression on every value of every column, hashed to 2^18 columns."""
    hasher = FeatureHasher(2**18, input_type="string", alternate_sign=False)

    def words(rows: np.ndarray) -> list[list[str]]:
        return [[f"{column}={value}" for column, value in enumerate(row)] for row in rows.tolist()]

    return LogisticRegression(C=0.1, max_iter=200).fit(hasher.transform(words(x)), y).predict_proba(hasher.transform(words(new)))[:, 1]


def logistic(x: np.ndarray, y: np.ndarray, new: np.ndarray, ids: tuple[int, ...], seed: int) -> np.ndarray:
    """Logistic regression on standardised logs of the columns (all at least 0)."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return model.fit(np.log1p(x), y).predict_proba(np.log1p(new))[:, 1]


def target_encoded(x: np.ndarray, y: np.ndarray, new: np.ndarray, ids: tuple[int, ...], seed: int) -> np.ndarray:
    """LightGBM, ids replaced by out-of-fold target means (scikit-learn's TargetEncoder)."""
    encoder = TargetEncoder(target_type="binary", cv=KFold(5, shuffle=True, random_state=seed))
    columns = list(ids)
    rows, fresh = x.copy(), new.copy()
    rows[:, columns] = encoder.fit_transform(x[:, columns], y)
    fresh[:, columns] = encoder.transform(new[:, columns])
    options = {"objective": "binary", "learning_rate": 0.05, "verbosity": -1, "num_threads": 1, "seed": seed}
    return lgb.train(options, lgb.Dataset(rows, y), 100).predict(fresh, num_threads=1)
