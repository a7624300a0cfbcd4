"""What a practitioner would forecast weekly demand with instead of `models/demand.py`: simple rules, AutoETS, boosted quantiles.

Every rival returns {"point": (series, weeks), q: (series, weeks) for q in QUANTILES}, units of 0 or more.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

QUANTILES = (0.1, 0.5, 0.8, 0.9)
SEASON = 4  # weeks: a month. One year of data shows no yearly season
Forecast = dict[str | float, np.ndarray]


def last_week(history: np.ndarray, weeks: int) -> np.ndarray:
    return np.repeat(history[:, -1:], weeks, axis=1)


def last_month(history: np.ndarray, weeks: int) -> np.ndarray:
    return history[:, -SEASON:][:, np.arange(weeks) % SEASON]


def moving_average(history: np.ndarray, weeks: int) -> np.ndarray:
    return np.repeat(history[:, -8:].mean(axis=1, keepdims=True), weeks, axis=1)


def with_errors(rule: Callable[[np.ndarray, int], np.ndarray], history: np.ndarray, weeks: int) -> Forecast:
    """`rule` with the quantiles of the errors that it made within the history (from week 8 on), each series and horizon its own."""
    point = rule(history, weeks)
    errors = [history[:, end:end + weeks] - rule(history[:, :end], weeks) for end in range(8, history.shape[1] - weeks + 1)]
    edges = np.quantile(np.stack(errors), QUANTILES, axis=0)
    return {"point": point, **{q: np.maximum(point + edge, 0) for q, edge in zip(QUANTILES, edges, strict=True)}}


def auto_ets(history: np.ndarray, weeks: int) -> Forecast:
    """AutoETS of statsforecast (AICc over error, trend and season of SEASON weeks), its normal intervals. ImportError without it."""
    from statsforecast import StatsForecast
    from statsforecast.models import AutoETS

    count, past = history.shape
    frame = pd.DataFrame({"unique_id": np.repeat(np.arange(count), past), "ds": np.tile(np.arange(past), count), "y": history.ravel()})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = StatsForecast([AutoETS(season_length=SEASON)], freq=1, n_jobs=1).forecast(df=frame, h=weeks, level=[60, 80])
    found = found.sort_values(["unique_id", "ds"])
    columns = {"point": "AutoETS", 0.1: "AutoETS-lo-80", 0.5: "AutoETS", 0.8: "AutoETS-hi-60", 0.9: "AutoETS-hi-80"}
    return {name: np.maximum(found[column].to_numpy().reshape(count, weeks), 0) for name, column in columns.items()}


def _features(history: np.ndarray) -> np.ndarray:
    """(series, 13): the last four weeks, means of 4, 8, 16 and all weeks, spread, empty weeks, levels, the shop's own pace."""
    recent = history[:, -12:]
    levels = [pd.DataFrame(history.T).ewm(alpha=alpha, adjust=True).mean().to_numpy()[-1] for alpha in (0.1, 0.2)]
    pace = np.full(len(history), 3 * history[:, -4:].sum() / max(recent.sum(), 1.0))
    means = [history[:, -4:].mean(axis=1), history[:, -8:].mean(axis=1), history[:, -16:].mean(axis=1), history.mean(axis=1)]
    return np.stack([*history[:, -4:].T, *means, recent.std(axis=1), (recent == 0).mean(axis=1), *levels, pace], axis=1)


def boosted(history: np.ndarray, weeks: int) -> Forecast:
    """LightGBM with quantile loss, one model a quantile for all series; every past week from the 12th on is an origin."""
    from lightgbm import LGBMRegressor

    rows, targets, weights = [], [], []
    for end in range(12, history.shape[1]):
        found, scale = _features(history[:, :end]), np.abs(np.diff(history[:, :end], axis=1)).mean(axis=1)
        for ahead in range(min(weeks, history.shape[1] - end)):
            rows.append(np.column_stack([found, np.full(len(found), ahead)]))
            targets.append(history[:, end + ahead])
            weights.append(1 / np.maximum(scale, 0.1))
    now, answer = _features(history), {}
    for q in QUANTILES:
        model = LGBMRegressor(objective="quantile", alpha=q, n_estimators=150, learning_rate=0.05, num_leaves=8, min_child_samples=100,
                              colsample_bytree=0.7, subsample=0.7, subsample_freq=1, n_jobs=1, random_state=0, verbose=-1)  # fmt: skip
        model.fit(np.vstack(rows), np.concatenate(targets), sample_weight=np.concatenate(weights))
        columns = [model.predict(np.column_stack([now, np.full(len(now), ahead)])) for ahead in range(weeks)]
        answer[q] = np.maximum(np.stack(columns, axis=1), 0)
    return {"point": answer[0.5], **answer}


RIVALS: dict[str, Callable[[np.ndarray, int], Forecast]] = {
    "naive": lambda history, weeks: with_errors(last_week, history, weeks),
    "seasonal naive (4 weeks)": lambda history, weeks: with_errors(last_month, history, weeks),
    "moving average (8 weeks)": lambda history, weeks: with_errors(moving_average, history, weeks),
    "AutoETS": auto_ets,
    "LightGBM quantiles": boosted,
}
