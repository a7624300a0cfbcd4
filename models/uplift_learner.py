"""The T-learner and how a ranking by uplift is scored: pure functions over arrays.

Two logistic regressions, one an arm; the difference of their predictions is the uplift (Kuenzel et al. 2019).
"""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression


def fit_logistic(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients and intercept of standardised x (rows, k) on y 0/1; a constant where only one outcome occurs."""
    if y.min() == y.max():
        return np.zeros(x.shape[1]), float(np.log((y.mean() + 1e-4) / (1 - y.mean() + 1e-4)))
    model = LogisticRegression(C=1.0, max_iter=300).fit(x, y)
    return model.coef_[0], float(model.intercept_[0])


def predict(x: np.ndarray, fitted: tuple[np.ndarray, float]) -> np.ndarray:
    """Probability (rows,)."""
    return 1 / (1 + np.exp(-(x @ fitted[0] + fitted[1])))


def cross_fit(x: np.ndarray, y: np.ndarray, arm: np.ndarray, arms: int, fold: np.ndarray) -> np.ndarray:
    """Outcome under every arm (rows, arms), each row predicted by models fitted on the other folds. arm: 0 to arms - 1."""
    answer = np.zeros((len(y), arms))
    for part in np.unique(fold):
        for k in range(arms):
            train = (fold != part) & (arm == k)
            answer[fold == part, k] = predict(x[fold == part], fit_logistic(x[train], y[train]))
    return answer


def qini_auc(outcome: np.ndarray, uplift: np.ndarray, treated: np.ndarray) -> float:
    """Qini coefficient, area over random divided by that of the perfect ranking, as scikit-uplift's `qini_auc_score`.

    outcome, treated 0/1 and uplift (rows,). Radcliffe 2007. Ranking at random gives 0, the best possible 1.
    """
    def curve(score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        order = np.argsort(-score, kind="stable")
        y, t, s = outcome[order], treated[order], score[order]
        last = np.append(np.nonzero(np.diff(s))[0], len(s) - 1)
        n_t, n_all = np.cumsum(t)[last], last + 1
        y_t, n_c = np.cumsum(y * t)[last], n_all - n_t
        gain = y_t - np.cumsum(y * (1 - t))[last] * np.divide(n_t, n_c, out=np.zeros(len(last)), where=n_c > 0)
        return np.append(0, n_all), np.append(0, gain)

    def area(points: tuple[np.ndarray, np.ndarray]) -> float:
        return float(np.trapezoid(points[1], points[0]))

    x, y = curve(uplift)
    random = area((np.array([0, x[-1]]), np.array([0, y[-1]])))
    best = area(curve(outcome * treated - outcome * (1 - treated))) - random
    return (area((x, y)) - random) / best if best != 0 else 0.0


def uplift_at(outcome: np.ndarray, uplift: np.ndarray, treated: np.ndarray, share: float = 0.3) -> float:
    """Treated minus control outcome among the `share` of (rows,) ranked first, as scikit-uplift's `uplift_at_k`, both arms ranked
    together. A negative `share` takes those ranked last. NaN where one arm is missing there."""
    order = np.argsort(-uplift, kind="stable")
    size = int(abs(share) * len(order))
    pick = order[:size] if share > 0 else order[len(order) - size:]
    y, t = outcome[pick], treated[pick] == 1
    return float(y[t].mean() - y[~t].mean()) if 0 < t.sum() < len(t) else float("nan")
