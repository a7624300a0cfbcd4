"""The spend at which a plan that is expected to lose money is expected to earn the most: same audience, offer and days."""

from __future__ import annotations

import numpy as np

from campaignwright.market.words import Strategy
from campaignwright.models.budget import BudgetProblem
from campaignwright.models.forecast import Forecaster
from campaignwright.models.forecast_split import best_split, shares_of
from campaignwright.models.store import MissingTable
from campaignwright.tools.base import Figure, MissingData
from campaignwright.tools.forecast_context import forecaster_of
from campaignwright.tools.plan_parts import Builder

TRIES = np.geomspace(0.01, 0.9, 10)  # shares of the plan's spend that are tried
WORTH = 0.05  # least profit that is worth saying, as a share of the spend


def better_spend(builder: Builder) -> tuple[Figure, Figure] | None:
    """(spend, profit in money with its 80 % interval) of the most profitable smaller spend; None when none earns, or when
    the marketer has fixed what a channel gets."""
    strategy = builder.strategy
    split = builder.earlier("allocate_budget", strategy_id=builder.strategy_id)
    if split and any(row.get("fixed") for row in split.data["channels"]):
        return None
    try:
        forecaster = forecaster_of(builder.ctx)
        tried = _scaled(forecaster, strategy, [round(float(share) * strategy.budget, 2) for share in TRIES])
        forecasts = forecaster.predict_many(tried)
    except (MissingData, MissingTable, BudgetProblem):
        return None
    pairs = zip(forecasts, tried, strict=True)
    earned = [(*forecast.figures["profit"], one.budget) for forecast, one in pairs if "profit" in forecast.figures]
    value, low, high, spend = max(earned, default=(0.0, 0.0, 0.0, 0.0))
    if value <= WORTH * spend:
        return None
    how = {"model": forecaster.model, "rows": forecaster.rows}
    return (builder.own("better_spend", spend, "money", **how),
            builder.own("better_profit", round(value, 2), "money", low=round(low, 2), high=round(high, 2), **how))


def _scaled(forecaster: Forecaster, strategy: Strategy, budgets: list[float]) -> list[Strategy]:
    """The strategy with each budget, split anew for profit; what the split leaves unspent is no part of it."""
    found = []
    for budget in budgets:
        spend = best_split(forecaster, strategy, "profit", list(strategy.shares), budget).spend
        if total := round(sum(spend.values()), 2):
            found.append(strategy.model_copy(update={"budget": total, "shares": shares_of(spend)}))
    return found
