"""Test design and read-out: how many customers a test needs, what it can detect, and what a finished campaign did.

Design: two proportions, normal approximation with Cohen's h (Cohen 1988; statsmodels' NormalIndPower), two-sided 5 %, 80 %
power. Read-out: Newcombe's interval for a difference of proportions (1998, method 10), Katz's log interval for their ratio,
and a bootstrap for money a head. A campaign without a control has no measured effect here, whatever came before or after it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_effectsize

from campaignwright.market.workspace import Workspace
from campaignwright.models.audience import AudienceModel

ALPHA, POWER = 0.05, 0.8
HOLDOUTS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
LONGEST_DAYS = 56
HILLSTROM_BASE, HILLSTROM_DAYS = 0.0057, 14  # orders of customers not mailed, two weeks (Hillstrom 2008): used without own data
DEFAULT_EFFECT = 0.2  # relative lift worth detecting where nobody said: a third of what Hillstrom's weaker mailing did
Z80 = 1.2816
NOBODY = 10**15  # more customers than there are


@dataclass(frozen=True)
class Design:
    """A holdout test. holdout: share kept out (0-1); sample_size: customers in both arms together that the wanted effect
    needs at this split; mde: smallest detectable relative lift; base_rate: of the holdout in `days`."""

    possible: bool
    holdout: float
    sample_size: int
    mde: float
    days: int
    customers: int
    base_rate: float
    min_effect: float


def detectable(base_rate: float, customers: int, holdout: float) -> float:
    """Smallest relative lift that `customers`, split with this holdout, show with 80 % power. inf when there is none below 1."""
    control = customers * holdout
    if control < 2 or customers - control < 2 or not 0 < base_rate < 1:
        return float("inf")
    h = NormalIndPower().solve_power(nobs1=customers - control, ratio=control / (customers - control), alpha=ALPHA, power=POWER)
    angle = h / 2 + np.arcsin(np.sqrt(base_rate))
    return float(np.sin(angle) ** 2 / base_rate - 1) if angle < np.pi / 2 else float("inf")


def needed(base_rate: float, min_effect: float, holdout: float) -> int:
    """Customers in both arms together for a relative lift of `min_effect` at this holdout share."""
    better = min(base_rate * (1 + min_effect), 1 - 1e-9)
    h = proportion_effectsize(better, base_rate)
    treated = NormalIndPower().solve_power(effect_size=h, ratio=holdout / (1 - holdout), alpha=ALPHA, power=POWER)
    size = float(np.squeeze(treated)) / (1 - holdout)
    return int(np.ceil(size)) if size < NOBODY else NOBODY  # nan: nothing so rare can be told apart


def rate_in(daily: float, days: int) -> float:
    """Chance of at least one order in `days` days at a daily hazard."""
    return float(1 - np.exp(-daily * days))


def design(customers: int, base_rate: float, days: int, min_effect: float) -> Design:
    """The smallest holdout that detects `min_effect` within `days`; if none does, the shortest longer run (at most 56 days) at
    half and half; if that fails too, `possible` is False and `mde` says what half and half could detect in that time.

    base_rate: share of the customers ordering in `days` days without the campaign, 0-1. min_effect: relative, > 0.
    """
    if min_effect <= 0:
        raise ValueError("min_effect must be above 0")
    daily = -np.log1p(-min(max(base_rate, 0.0), 0.999)) / max(days, 1)
    for holdout in HOLDOUTS:
        if detectable(base_rate, customers, holdout) <= min_effect:
            return _design(True, holdout, customers, base_rate, days, min_effect)
    longest = max(LONGEST_DAYS, days)
    for longer in [*range(days + 7, longest, 7), longest]:
        if detectable(rate_in(daily, longer), customers, 0.5) <= min_effect:
            return _design(True, 0.5, customers, rate_in(daily, longer), longer, min_effect)
    return _design(False, 0.5, customers, rate_in(daily, longest), longest, min_effect)


def _design(possible: bool, holdout: float, customers: int, rate: float, days: int, min_effect: float) -> Design:
    size = needed(rate, min_effect, holdout) if rate > 0 else 0
    return Design(possible, holdout, size, detectable(rate, customers, holdout), days, customers, rate, min_effect)


def base_rate(workspace: Workspace, audience: AudienceModel, name: str, days: int) -> tuple[float, str, int]:
    """(share ordering in `days` days without the campaign, "orders" | "exposures" | "published", customers behind it).

    From the audience's own churn probabilities, else from control customers of past mailings (their window taken as 14 days),
    else Hillstrom's.
    """
    rate = audience.order_rate(name, days)
    if rate:
        return rate, "orders", audience.size(name)
    control = workspace.query("SELECT count(*) AS n, sum(CAST(conversion AS INT)) AS y FROM exposures WHERE arm = 'control'").iloc[0]
    if control["n"] >= 500 and control["y"] > 0:
        return rate_in(-np.log1p(-control["y"] / control["n"]) / HILLSTROM_DAYS, days), "exposures", int(control["n"])
    return rate_in(-np.log1p(-HILLSTROM_BASE) / HILLSTROM_DAYS, days), "published", 0


def difference(treated: tuple[int, int], control: tuple[int, int], alpha: float = 0.2) -> dict[str, float]:
    """Rates, absolute and relative difference with intervals (80 % by default) from (successes, n) of both arms."""
    (x1, n1), (x0, n0) = treated, control
    p1, p0 = x1 / n1, x0 / n0
    low, high = confint_proportions_2indep(x1, n1, x0, n0, method="newcomb", compare="diff", alpha=alpha)
    z = Z80 if alpha == 0.2 else 1.96
    relative = (p1 + 0.5 / n1) / (p0 + 0.5 / n0)
    error = np.sqrt(1 / (x1 + 0.5) - 1 / (n1 + 0.5) + 1 / (x0 + 0.5) - 1 / (n0 + 0.5))
    return {"treated": p1, "control": p0, "difference": p1 - p0, "difference_low": float(low), "difference_high": float(high),
            "relative": float(p1 / p0 - 1) if x0 else float(relative - 1),
            "relative_low": float(relative * np.exp(-z * error) - 1), "relative_high": float(relative * np.exp(z * error) - 1)}


def money_a_head(treated: np.ndarray, control: np.ndarray, seed: int = 0, draws: int = 1000) -> tuple[float, float, float]:
    """Difference of mean spend with an 80 % bootstrap interval. Zeros are resampled by their count, so it is quick."""
    rng = np.random.default_rng(seed)

    def means(values: np.ndarray) -> np.ndarray:
        buyers = values[values > 0]
        counts = rng.binomial(len(values), len(buyers) / len(values), draws) if len(buyers) else np.zeros(draws, dtype=int)
        return np.array([rng.choice(buyers, count).sum() if count else 0.0 for count in counts]) / len(values)

    draw = means(np.asarray(treated, dtype=float)) - means(np.asarray(control, dtype=float))
    low, high = np.quantile(draw, [0.1, 0.9])
    return float(np.mean(treated) - np.mean(control)), float(low), float(high)


def read_exposures(rows: pd.DataFrame, seed: int = 0) -> dict[str, dict]:
    """Treated arm (and `all` of them together) -> conversion, visit (see `difference`), money a head, sizes; empty without both
    a treated arm and a control."""
    control = rows[rows["arm"] == "control"]
    arms = {str(arm): part for arm, part in rows[rows["arm"] != "control"].groupby("arm", sort=True)}
    if control.empty or not arms:
        return {}
    if len(arms) > 1:
        arms["all"] = rows[rows["arm"] != "control"]
    answer = {}
    for name, part in arms.items():
        one = {"treated_n": len(part), "control_n": len(control)}
        for outcome in ("conversion", "visit"):
            if rows[outcome].notna().any():
                pair = [(int(group[outcome].fillna(False).sum()), len(group)) for group in (part, control)]
                one[outcome] = difference(*pair)
        if rows["spend"].notna().any():
            one["spend_a_head"] = money_a_head(part["spend"].fillna(0), control["spend"].fillna(0), seed)
        answer[name] = one
    answer.setdefault("all", next(iter(answer.values())))
    return answer


def verdict(low: float, high: float) -> str:
    """good when the whole interval is above 0, bad when it is below, else inconclusive."""
    return "good" if low > 0 else "bad" if high < 0 else "inconclusive"
