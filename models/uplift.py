"""Whom a mailing moves: a T-learner on customer-level exposures, and whether choosing by it pays.

Two logistic regressions, treated and control, on traits and on what was known of the customer at the mailing (recency,
frequency, value); their difference is the uplift (Kuenzel et al. 2019). Every prediction that is scored comes from the half of
the customers the model did not see. Policies are compared by doubly robust value (Dudik, Langford and Li 2011): where the
mailing was randomised the recorded propensity is used, else one is estimated and every answer is labelled observational.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import StandardScaler

from campaignwright.market.workspace import Workspace
from campaignwright.models import audience_table
from campaignwright.models.store import MissingTable

MIN_ARM = 200  # rows an arm needs
MAX_ROWS = 120_000
Z80, Z95 = 1.2816, 1.96

EXPOSURES = """
SELECT e.customer_id, e.campaign_id, e.arm, e.propensity, coalesce(e.randomised, false) AS randomised,
       coalesce(e.visit, false) AS visit, coalesce(e.conversion, false) AS conversion, coalesce(e.spend, 0) AS spend,
       e.exposed_on, CAST(c.traits AS VARCHAR) AS traits
FROM exposures e LEFT JOIN customers c USING (customer_id) WHERE e.arm IS NOT NULL
ORDER BY e.campaign_id, e.customer_id, e.arm"""


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


def design(rows: pd.DataFrame, bought: pd.DataFrame) -> pd.DataFrame:
    """Numeric features (rows, k): traits as numbers or one-hot (up to 12 levels), recency, frequency and value at the mailing."""
    traits = audience_table.parse_traits(rows["traits"].reset_index(drop=True))
    columns: dict[str, Any] = {}
    for name in sorted(traits.columns.astype(str)):
        number = pd.to_numeric(traits[name], errors="coerce") if not isinstance(traits[name].iloc[0], dict | list) else None
        if number is not None and number.notna().mean() > 0.5:
            columns[name] = number.fillna(number.median()).astype(float)
        elif number is not None and 2 <= traits[name].astype(str).nunique() <= 12:
            for level in sorted(traits[name].astype(str).unique())[1:]:
                columns[f"{name}={level}"] = (traits[name].astype(str) == level).astype(float)
    frame = pd.DataFrame(columns, index=range(len(rows)))
    if len(bought) and rows["exposed_on"].notna().any():
        frame = pd.concat([frame, _history(rows, bought)], axis=1)
    return frame if frame.shape[1] else pd.DataFrame({"constant": np.zeros(len(rows))})


def _history(rows: pd.DataFrame, bought: pd.DataFrame) -> pd.DataFrame:
    """log recency, log frequency, log value and bought-before as they stood the day before each mailing."""
    answer = np.zeros((len(rows), 4))
    for day, index in rows.reset_index(drop=True).groupby("exposed_on").indices.items():
        known = audience_table.snapshot(bought, pd.Timestamp(day) - pd.Timedelta(days=1)).reindex(rows["customer_id"].iloc[index])
        answer[index] = np.column_stack([np.log1p(known["recency_days"].fillna(730)), np.log1p(known["frequency"].fillna(0)),
                                         np.log1p(known["value"].clip(lower=0).fillna(0)), known["frequency"].notna()])
    return pd.DataFrame(answer, columns=["log_recency", "log_frequency", "log_value", "bought_before"])


def fit_logistic(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients and intercept; a constant where only one outcome occurs."""
    if y.min() == y.max():
        return np.zeros(x.shape[1]), float(np.log((y.mean() + 1e-4) / (1 - y.mean() + 1e-4)))
    model = LogisticRegression(C=1.0, max_iter=300).fit(x, y)
    return model.coef_[0], float(model.intercept_[0])


def predict(x: np.ndarray, fitted: tuple[np.ndarray, float]) -> np.ndarray:
    """Probability (rows,)."""
    return 1 / (1 + np.exp(-(x @ fitted[0] + fitted[1])))


def cross_fit(x: np.ndarray, y: np.ndarray, arm: np.ndarray, arms: int, fold: np.ndarray) -> np.ndarray:
    """Outcome under every arm (rows, arms), each row predicted by models fitted on the other folds."""
    answer = np.zeros((len(y), arms))
    for part in np.unique(fold):
        for k in range(arms):
            train = (fold != part) & (arm == k)
            answer[fold == part, k] = predict(x[fold == part], fit_logistic(x[train], y[train]))
    return answer


def policy_values(y: np.ndarray, arm: np.ndarray, propensity: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Doubly robust value per customer of treating none, of each arm for all, and of the arm predicted best for each.

    `arm` (rows,) 0 = control, `propensity` and `predicted` (rows, arms). Gain: personalised minus the best single choice, with
    its 80 and 95 % half-widths from the paired scores.
    """
    score = predicted.copy()
    rows = np.arange(len(y))
    score[rows, arm] += (y - predicted[rows, arm]) / propensity[rows, arm]
    personal = score[rows, predicted.argmax(axis=1)]
    single = score.mean(axis=0)
    difference = personal - score[:, int(single.argmax())]
    error = float(difference.std() / np.sqrt(len(y)))
    return {"single": single.tolist(), "best_single": int(single.argmax()), "personalised": float(personal.mean()),
            "gain": float(difference.mean()), "gain_se": error,
            "share_treated": float((predicted.argmax(axis=1) > 0).mean())}


def adjusted_difference(y: np.ndarray, treated: np.ndarray, propensity: np.ndarray, x: np.ndarray,
                        fold: np.ndarray) -> tuple[float, float, float]:
    """(mean outcome without treatment, effect, its standard error) by the doubly robust estimator with cross-fitted ridge
    outcome models. treated 0/1, propensity P(treated), both (rows,)."""
    m = np.zeros((len(y), 2))
    for part in np.unique(fold):
        for k in (0, 1):
            train = (fold != part) & (treated == k)
            m[fold == part, k] = Ridge(alpha=10.0).fit(x[train], y[train]).predict(x[fold == part])
    one = m[:, 1] + treated * (y - m[:, 1]) / propensity
    none = m[:, 0] + (1 - treated) * (y - m[:, 0]) / (1 - propensity)
    return float(none.mean()), float((one - none).mean()), float((one - none).std() / np.sqrt(len(y)))


def _adjusted(rows: pd.DataFrame, treated: np.ndarray, propensity: np.ndarray, x: np.ndarray, fold: np.ndarray) -> dict[str, Any]:
    """Conversion and money a head, adjusted, in the form of `experiment.read_exposures` (80 % intervals)."""
    base, effect, error = adjusted_difference(rows["conversion"].to_numpy(float), treated, propensity, x, fold)
    low, high, base = effect - Z80 * error, effect + Z80 * error, max(base, 1e-6)
    _, money, money_error = adjusted_difference(rows["spend"].to_numpy(float), treated, propensity, x, fold)
    return {"conversion": {"treated": base + effect, "control": base, "difference": effect, "difference_low": low,
                           "difference_high": high, "relative": effect / base, "relative_low": low / base, "relative_high": high / base},
            "spend_a_head": [money, money - Z80 * money_error, money + Z80 * money_error]}


class UpliftModel:
    """`campaigns`: campaign_id -> findings (arms, qini, policy values, randomised); `treated`, `control` pooled logistics over
    the standardised `features` for scoring customers."""

    NAME: ClassVar[str] = "uplift"
    TABLES: ClassVar[tuple[str, ...]] = ("exposures",)
    VERSION: ClassVar[int] = 3

    def __init__(self, campaigns: dict[str, dict], features: list[str], coefficients: dict[str, list], metrics: dict, rows: int) -> None:
        self.campaigns, self.features, self.coefficients, self.metrics, self.rows = campaigns, features, coefficients, metrics, rows

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> Self:
        """Raises MissingTable when no mailing has both a treated arm and a control of 200 customers."""
        everything = workspace.query(EXPOSURES)
        everything["exposed_on"] = pd.to_datetime(everything["exposed_on"])
        usable = [frame for _, frame in everything.groupby("campaign_id", sort=True, dropna=False) if cls._usable(frame)]
        if not usable:
            raise MissingTable(cls.NAME, "exposures", "No mailing here has a treated arm and a control arm of at least "
                               f"{MIN_ARM} customers each, so no uplift can be measured.")
        rows = pd.concat(usable, ignore_index=True)
        if len(rows) > MAX_ROWS:
            rows = rows.sample(MAX_ROWS, random_state=seed).sort_index().reset_index(drop=True)
        bought = audience_table.purchases(workspace)
        frame = design(rows, bought)
        scaler = StandardScaler().fit(frame)
        x = scaler.transform(frame)
        fold = np.random.default_rng(seed).integers(0, 2, len(rows))
        campaigns = {str(name): cls._study(rows.loc[index], x[index], fold[index])
                     for name, index in rows.groupby("campaign_id", sort=True, dropna=False).indices.items()
                     if cls._usable(rows.loc[index])}
        outcome = cls._outcome(rows)
        y, treated = rows[outcome].to_numpy(float), (rows["arm"] != "control").to_numpy()
        models = {name: fit_logistic(x[mask], y[mask]) for name, mask in (("treated", treated), ("control", ~treated))}
        coefficients = {name: [*coef.tolist(), constant] for name, (coef, constant) in models.items()}
        coefficients |= {"mean": scaler.mean_.tolist(), "scale": scaler.scale_.tolist()}
        halves = cross_fit(x, y, treated.astype(int), 2, fold)
        metrics = {"qini": qini_auc(y, halves[:, 1] - halves[:, 0], treated.astype(int)), "outcome": outcome,
                   "randomised_rows": int(rows["randomised"].sum()),
                   "campaigns": len(campaigns), "personalising_pays": sum(c["personalising_pays"] for c in campaigns.values())}
        return cls(campaigns, list(frame.columns), coefficients, metrics, len(rows))

    @staticmethod
    def _usable(frame: pd.DataFrame) -> bool:
        counts = frame["arm"].value_counts()
        return counts.get("control", 0) >= MIN_ARM and counts.drop("control", errors="ignore").max() >= MIN_ARM

    @staticmethod
    def _outcome(rows: pd.DataFrame) -> str:
        return "visit" if rows["visit"].any() else "conversion"

    @classmethod
    def _study(cls, rows: pd.DataFrame, x: np.ndarray, fold: np.ndarray) -> dict[str, Any]:
        """Everything about one campaign: rates per arm, Qini of each arm, the value of personalising and its interval."""
        counts = rows["arm"].value_counts()
        arms = ["control", *sorted(arm for arm, n in counts.items() if arm != "control" and n >= MIN_ARM)]
        keep = rows["arm"].isin(arms).to_numpy()
        rows, x, fold = rows[keep], x[keep], fold[keep]
        outcome = cls._outcome(rows)
        y, arm = rows[outcome].to_numpy(float), pd.Categorical(rows["arm"], categories=arms).codes.astype(int)
        randomised = bool(rows["randomised"].all())
        predicted = cross_fit(x, y, arm, len(arms), fold)
        if randomised:
            propensity = np.tile(np.bincount(arm, minlength=len(arms)) / len(arm), (len(y), 1))
        else:
            model = LogisticRegression(C=1.0, max_iter=300).fit(x, arm)
            propensity = np.clip(model.predict_proba(x), 0.02, 0.98)
        value = policy_values(y, arm, propensity, predicted)
        qini = {}
        for k in range(1, len(arms)):
            pair = (arm == 0) | (arm == k)
            qini[arms[k]] = qini_auc(y[pair], (predicted[:, k] - predicted[:, 0])[pair], (arm[pair] == k).astype(int))
        low = value["gain"] - Z95 * value["gain_se"]
        adjusted = {} if randomised else _adjusted(rows, (arm > 0).astype(float), 1 - propensity[:, 0], x, fold)
        orders = rows["conversion"].to_numpy(float)
        plain = orders[arm == 0].mean()
        return {
            "arms": arms, "rows": len(rows), "outcome": outcome, "randomised": randomised,
            "rates": {name: float(y[arm == k].mean()) for k, name in enumerate(arms)}, "qini": qini,
            "value_none": value["single"][0], "value_single": dict(zip(arms, value["single"], strict=True)),
            "best_single": arms[value["best_single"]], "value_personalised": value["personalised"], "gain": value["gain"],
            "gain_low": low, "gain_high": value["gain"] + Z95 * value["gain_se"],
            "adjusted": adjusted,
            "conversion_lift": float(orders[arm > 0].mean() / plain - 1) if plain > 0 else None,
            "share_treated": value["share_treated"], "personalising_pays": bool(low > 0)}

    def save(self, folder: Path) -> None:
        """`uplift.json`."""
        (folder / "uplift.json").write_text(json.dumps({
            "campaigns": self.campaigns, "features": self.features, "coefficients": self.coefficients,
            "metrics": self.metrics, "rows": self.rows}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        return cls(**json.loads((folder / "uplift.json").read_text()))
