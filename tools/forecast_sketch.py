"""A plain strategy for single questions asked before any was generated, and a strategy on other channels."""

from __future__ import annotations

from campaignwright.market.words import CHANNELS, Strategy
from campaignwright.models.budget import BudgetProblem
from campaignwright.models.forecast_split import best_split, shares_of
from campaignwright.tools.base import Context
from campaignwright.tools.forecast_context import amount_of, brief_of, forecaster_of, product_options

HOUR, FREQUENCY = 10, 2.0


def strategy_of(
    ctx: Context, strategy_id: str | None, budget: str | None = None
) -> tuple[str, Strategy, list[str], bool]:
    """(id, strategy, notes, sketched): the one asked for, or a plain one for the brief when none was generated yet.

    The sketch has no discount, two messages a week at the audience's hour or at 10 o'clock, and the exact budget split
    over the brief's channels, or over those with results of their own. Raises ToolError(retry).
    """
    if ctx.strategies or strategy_id:
        key, strategy = ctx.strategy(strategy_id)
        return key, strategy, [], False
    brief, notes = brief_of(ctx, amount_of(ctx, budget) if budget else None)
    forecaster = forecaster_of(ctx)
    known = forecaster.response.stages["ctr"].counts
    channels = (
        list(brief.channels)
        or [channel for c, channel in enumerate(CHANNELS) if known[c]]
        or ["email", "search", "social"]
    )
    strategy = Strategy(
        audience=brief.audience,
        products=list(product_options(ctx, brief)[0]),
        shares={c: 1 / len(channels) for c in channels},
        discount=0.0,
        offer="none",
        days=brief.days,
        send_hour=forecaster.shop.usual_hour(brief.audience) or HOUR,
        weekly_frequency=FREQUENCY,
        angle="value",
        budget=float(brief.budget or 0.0),
        start=brief.start or ctx.today,
    )
    strategy = with_channels(ctx, strategy, channels)
    ctx.strategies = {"s1": strategy}
    return "s1", strategy, notes, True


def with_channels(ctx: Context, strategy: Strategy, channels: list[str]) -> Strategy:
    """The strategy with its budget split exactly over `channels`."""
    objective = ctx.brief.objective if ctx.brief else "profit"
    if strategy.budget <= 0:
        return strategy.model_copy(update={"shares": {channel: 1 / len(channels) for channel in channels}})
    try:
        spend = best_split(forecaster_of(ctx), strategy, objective, channels, strategy.budget).spend
    except BudgetProblem:
        spend = dict.fromkeys(channels, 1.0)
    return strategy.model_copy(update={"shares": shares_of(spend)})
