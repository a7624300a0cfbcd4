"""What one mailing tells: rates an arm, Qini, whether choosing by customer pays, whom to leave alone, what another choice
would have brought. Where chance did not decide who got it, propensities are estimated (cross-fitted) and the effect is adjusted.

Every prediction that is scored comes from the half of the customers that its model did not see.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge

from campaignwright.models import off_policy, uplift_learner

MIN_ARM = 200  # rows an arm needs
LAST = 0.2  # share of the customers, ranked last, of whom it is asked whether to leave them alone
NEAR, FAR = 0.02, 0.98  # estimated propensities are kept inside
Z80 = 1.2816


def usable(rows: pd.DataFrame) -> bool:
    """Whether a mailing has a control and a treated arm of 200 customers each."""
    counts = rows["arm"].value_counts()
    return counts.get("control", 0) >= MIN_ARM and counts.drop("control", errors="ignore").max() >= MIN_ARM


def outcome_of(rows: pd.DataFrame) -> str:
    """`visit` where visits were counted, else `conversion`: the one with more signal."""
    return "visit" if rows["visit"].any() else "conversion"


def study(rows: pd.DataFrame, features: pd.DataFrame, x: np.ndarray, fold: np.ndarray) -> dict[str, Any]:
    """Findings on one campaign (JSON-ready). rows: of the exposures query; `features` (rows, k) as they are, `x` standardised;
    fold (rows,): two halves."""
    counts = rows["arm"].value_counts()
    arms = ["control", *sorted(arm for arm, n in counts.items() if arm != "control" and n >= MIN_ARM)]
    keep = rows["arm"].isin(arms).to_numpy()
    rows, features, x, fold = rows[keep], features[keep], x[keep], fold[keep]
    outcome = outcome_of(rows)
    y, arm = rows[outcome].to_numpy(float), pd.Categorical(rows["arm"], categories=arms).codes.astype(int)
    randomised = bool(rows["randomised"].all())
    predicted = uplift_learner.cross_fit(x, y, arm, len(arms), fold)
    propensity, logged = _propensity(rows, x, arm, len(arms), fold, randomised)
    log = off_policy.Log(y, arm, propensity, predicted)
    scores = off_policy.arm_scores(log)
    single, chosen = scores.mean(axis=0), predicted.argmax(axis=1)
    best = int(single.argmax())
    personal = scores[np.arange(len(y)), chosen]
    gain, low, high = off_policy.interval(personal - scores[:, best])
    orders = rows["conversion"].to_numpy(float)
    plain = orders[arm == 0].mean()
    return {
        "arms": arms, "rows": len(rows), "outcome": outcome, "randomised": randomised, "logged": logged,
        "rates": {name: float(y[arm == k].mean()) for k, name in enumerate(arms)}, "qini": _qini(log, arms),
        "value_none": float(single[0]), "value_single": dict(zip(arms, single.tolist(), strict=True)), "best_single": arms[best],
        "value_personalised": float(personal.mean()), "gain": gain, "gain_low": low, "gain_high": high,
        "share_treated": float((chosen > 0).mean()), "personalising_pays": bool(low > 0),
        "leave_alone": _leave_alone(scores, predicted, features, 1 + int(single[1:].argmax()), arms),
        "off_policy": _one_for_all(log, scores, fold, arms) if logged else None,
        "mail_all": _mail_all(rows, x, arm, propensity, fold, arms) if logged and orders.any() else None,
        "adjusted": {} if randomised else adjusted(rows, arm > 0, x, fold),
        "conversion_lift": float(orders[arm > 0].mean() / plain - 1) if plain > 0 else None,
    }  # fmt: skip


def chances(x: np.ndarray, arm: np.ndarray, arms: int, fold: np.ndarray) -> np.ndarray:
    """Estimated propensity of every arm (rows, arms), each row by a logistic regression fitted on the other fold."""
    answer = np.zeros((len(arm), arms))
    for part in np.unique(fold):
        model = LogisticRegression(C=1.0, max_iter=300).fit(x[fold != part], arm[fold != part])
        answer[np.ix_(fold == part, model.classes_)] = model.predict_proba(x[fold == part])
    return np.clip(answer, NEAR, FAR)


def _propensity(rows: pd.DataFrame, x: np.ndarray, arm: np.ndarray, arms: int, fold: np.ndarray,
                randomised: bool) -> tuple[np.ndarray, bool]:
    """(propensity (rows,) of the arm given, whether it was logged): as logged where chance decided, else the arms' shares; where
    chance did not decide, estimated, whatever was logged."""
    if not randomised:
        return chances(x, arm, arms, fold)[np.arange(len(arm)), arm], False
    logged = rows["propensity"].to_numpy(float)
    if ((logged > 0) & (logged <= 1)).all():
        return logged, True
    return (np.bincount(arm, minlength=arms) / len(arm))[arm], False


def _qini(log: off_policy.Log, arms: list[str]) -> dict[str, float]:
    """Qini of each treated arm against the control."""
    found = {}
    for k in range(1, len(arms)):
        pair = (log.arm == 0) | (log.arm == k)
        lift = log.predicted[pair, k] - log.predicted[pair, 0]
        found[arms[k]] = uplift_learner.qini_auc(log.outcome[pair], lift, (log.arm[pair] == k).astype(int))
    return found


def _leave_alone(scores: np.ndarray, predicted: np.ndarray, features: pd.DataFrame, k: int, arms: list[str]) -> dict[str, Any]:
    """What arm k does to the fifth of the customers who are predicted to gain least, and in what they differ from the others.

    verdict: harmed | unmoved | moved, by the 95 % interval of the effect on them."""
    lift = predicted[:, k] - predicted[:, 0]
    last = np.zeros(len(lift), bool)
    last[np.argsort(lift, kind="stable")[: max(int(LAST * len(lift)), 1)]] = True
    effect, low, high = off_policy.interval((scores[:, k] - scores[:, 0])[last])
    rest = float((scores[:, k] - scores[:, 0])[~last].mean())
    spread = features.std().replace(0, np.nan)
    apart = ((features[last].mean() - features[~last].mean()) / spread).dropna()
    who = [{"feature": name, "theirs": float(features[last][name].mean()), "others": float(features[~last][name].mean())}
           for name in apart.abs().sort_values(ascending=False).index[:2]]
    verdict = "harmed" if high < 0 else "moved" if low > 0 else "unmoved"
    return {"arm": arms[k], "share": LAST, "customers": int(last.sum()), "effect": effect, "low": low, "high": high,
            "others": rest, "verdict": verdict, "who": who}


def _gate(log: off_policy.Log, policy: np.ndarray) -> dict[str, Any]:
    found = off_policy.gate(log, policy)
    return asdict(found) | {"passed": found.passed, "rows": len(log.arm)}


def _one_for_all(log: off_policy.Log, scores: np.ndarray, fold: np.ndarray, arms: list[str]) -> dict[str, Any]:
    """The gate for giving everyone the best single arm; which one is best is decided on the other half of the customers."""
    policy = np.zeros(scores.shape)
    for part in np.unique(fold):
        policy[fold == part, int(scores[fold != part].mean(axis=0).argmax())] = 1.0
    return _gate(log, policy) | {"arm": arms[int(policy.sum(axis=0).argmax())]}


def _mail_all(rows: pd.DataFrame, x: np.ndarray, arm: np.ndarray, propensity: np.ndarray, fold: np.ndarray,
              arms: list[str]) -> dict[str, Any]:
    """The gate, in orders, for mailing everyone, the versions in the shares in which they were sent."""
    y = rows["conversion"].to_numpy(float)
    shares = np.bincount(arm, minlength=len(arms)).astype(float)
    shares[0] = 0.0
    log = off_policy.Log(y, arm, propensity, uplift_learner.cross_fit(x, y, arm, len(arms), fold))
    return _gate(log, np.tile(shares / shares.sum(), (len(y), 1)))


def adjusted_difference(y: np.ndarray, treated: np.ndarray, propensity: np.ndarray, x: np.ndarray,
                        fold: np.ndarray) -> tuple[float, float, float]:
    """(mean outcome without treatment, effect, its standard error): doubly robust with cross-fitted outcome models, logistic for 0/1
    and ridge for money (Robins, Rotnitzky and Zhao 1994; Chernozhukov et al. 2018). treated 0/1, propensity P(treated), both (rows,)."""
    arm = treated.astype(int)
    if np.isin(y, (0, 1)).all():
        predicted = uplift_learner.cross_fit(x, y, arm, 2, fold)
    else:
        predicted = np.zeros((len(y), 2))
        for part in np.unique(fold):
            for k in (0, 1):
                train = (fold != part) & (arm == k)
                predicted[fold == part, k] = Ridge(alpha=10.0).fit(x[train], y[train]).predict(x[fold == part])
    scores = off_policy.arm_scores(off_policy.Log(y, arm, np.where(arm == 1, propensity, 1 - propensity), predicted))
    lift = scores[:, 1] - scores[:, 0]
    return float(scores[:, 0].mean()), float(lift.mean()), float(lift.std() / np.sqrt(len(y)))


def adjusted(rows: pd.DataFrame, treated: np.ndarray, x: np.ndarray, fold: np.ndarray) -> dict[str, Any]:
    """Visit (where counted), conversion and money a head, adjusted, in the form of `experiment.read_exposures` (80 % intervals)."""
    propensity = chances(x, treated.astype(int), 2, fold)[:, 1]
    answer: dict[str, Any] = {}
    for name in ("visit", "conversion") if rows["visit"].any() else ("conversion",):
        base, effect, error = adjusted_difference(rows[name].to_numpy(float), treated, propensity, x, fold)
        low, high, base = effect - Z80 * error, effect + Z80 * error, max(base, 1e-6)
        answer[name] = {"treated": base + effect, "control": base, "difference": effect, "difference_low": low, "difference_high": high,
                        "relative": effect / base, "relative_low": low / base, "relative_high": high / base}
    _, money, error = adjusted_difference(rows["spend"].to_numpy(float), treated, propensity, x, fold)
    return answer | {"spend_a_head": [money, money - Z80 * error, money + Z80 * error]}
