"""What would earn more than the plan: a smaller spend where it loses money, a smaller discount where that pays better."""

from __future__ import annotations

import numpy as np

from campaignwright.market.words import Strategy
from campaignwright.models.budget import BudgetProblem
from campaignwright.models.forecast import Forecaster
from campaignwright.models.forecast_split import best_split, shares_of
from campaignwright.models.store import MissingTable
from campaignwright.models.strategy_search import NOTICED
from campaignwright.models.strategy_space import PRICED_OFFERS
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


def milder_offer(builder: Builder, profit: float) -> tuple[Figure, Figure, Figure] | None:
    """(discount, profit, revenue) of the plan with half its discount or without its offer, whichever earns more, where that is worth
    saying: a gain, above `profit` (money) by a tenth of it and by a twentieth of the spend. None otherwise, for an offer without
    a discount, and where stock is to be cleared."""
    strategy = builder.strategy
    if strategy.offer not in PRICED_OFFERS or strategy.discount <= 0 or builder.brief.objective == "clearance":
        return None
    half = strategy.model_copy(update={"discount": round(strategy.discount / 2, 2)})
    tried = [strategy.model_copy(update={"discount": 0.0, "offer": "none"}), *([half] if half.discount >= NOTICED else [])]
    try:
        forecaster = forecaster_of(builder.ctx)
        forecasts = forecaster.predict_many(tried)
    except (MissingData, MissingTable):
        return None
    best = max(range(len(tried)), key=lambda i: forecasts[i].figures["profit"][0])
    value, low, high = forecasts[best].figures["profit"]
    if value <= max(profit + max(WORTH * strategy.budget, 0.1 * abs(profit)), 0.0):
        return None
    how = {"model": forecaster.model, "rows": forecaster.rows}
    revenue = forecasts[best].figures["revenue"]
    return (builder.own("milder_discount", tried[best].discount, "fraction", **how),
            builder.own("milder_profit", round(value, 2), "money", low=round(low, 2), high=round(high, 2), **how),
            builder.own("milder_revenue", round(revenue[0], 2), "money", low=round(revenue[1], 2), high=round(revenue[2], 2), **how))


def _scaled(forecaster: Forecaster, strategy: Strategy, budgets: list[float]) -> list[Strategy]:
    """The strategy with each budget, split anew for profit; what the split leaves unspent is no part of it."""
    found = []
    for budget in budgets:
        spend = best_split(forecaster, strategy, "profit", list(strategy.shares), budget).spend
        if total := round(sum(spend.values()), 2):
            found.append(strategy.model_copy(update={"budget": total, "shares": shares_of(spend)}))
    return found
