"""The tool `allocate_budget`: the exact split of a budget over channels, to the cent."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
from pydantic import Field

from campaignwright.market.words import CHANNELS, Channel, Strategy
from campaignwright.models import store
from campaignwright.models.budget import BudgetProblem
from campaignwright.models.forecast import Forecaster
from campaignwright.models.forecast_split import best_split, shares_of
from campaignwright.tools.base import Context, Figure, Said, ToolError, ToolResult, tool
from campaignwright.tools.forecast_context import amount_of, cash, forecaster_of, named, notes_of, say
from campaignwright.tools.forecast_sketch import strategy_of


@tool
def allocate_budget(
    ctx: Context,
    budget: Annotated[Said | None, Field(description="money to split, as said; the brief's when left out")] = None,
    fixed: Annotated[
        dict[Channel, Said] | None, Field(description="amounts that are set: channel -> money, as said")
    ] = None,
    strategy_id: Annotated[str | None, Field(description="s1, s2, ...; the best when left out")] = None,
) -> ToolResult:
    """Split the budget over the channels for the greatest return; amounts sum exactly.

    Channels the marketer named all get a sensible share; `marginal_return` is what one more unit of money earns.
    """
    key, strategy, notes, _ = strategy_of(ctx, strategy_id, budget)
    amount = amount_of(ctx, budget, current=strategy.budget) if budget else strategy.budget
    set_amounts = {channel: amount_of(ctx, said, argument="fixed") for channel, said in (fixed or {}).items()}
    forecaster = forecaster_of(ctx)
    objective = ctx.brief.objective if ctx.brief else "profit"
    listed = {*strategy.shares, *(ctx.brief.channels if ctx.brief else []), *set_amounts}
    channels = [c for c in CHANNELS if c in listed]
    try:
        split = best_split(forecaster, strategy, objective, channels, round(amount, 2), set_amounts)
    except BudgetProblem as error:
        raise ToolError(str(error), retry=True, argument="fixed" if set_amounts else "budget") from error
    order = sorted((c for c in split.spend if split.spend[c] > 0), key=lambda c: (-split.spend[c], c))
    gains, gain = _marginal(forecaster, strategy, split.spend, amount, set_amounts)
    figures = _figures(ctx, forecaster, amount, split.spend, order, gain, split.unspent)
    curves = forecaster.curves
    rows = [
        {
            "channel": c,
            "spend": split.spend[c],
            "share": split.spend[c] / amount if amount else 0.0,
            "marginal_return": gains[c],
            "fixed": c in set_amounts,
            "curve": curves.describe(c),
            "weekly_return": curves.weekly.get(c),  # [middle, low, high] by the shop's weekly revenue
        }
        for c in order
    ]
    after = strategy.model_copy(
        update={"budget": round(sum(split.spend.values()), 2), "shares": shares_of(split.spend)}
    )
    data: dict[str, Any] = {"strategy_id": key, "budget": amount, "channels": rows, "unspent": split.unspent,
                            "method": split.method, "objective": objective}  # fmt: skip
    full = [c for c in split.bound if c not in set_amounts]
    losing = [c for c in order if curves.weekly.get(c, [1.0, 1.0, 1.0])[2] < 1]
    notes += _warnings(ctx, split.unspent, full or order, gain if order else 1.0, losing)
    notes += notes_of(ctx, forecaster.predict(after))
    return ToolResult(summary={"channels": order}, figures=figures, data=data, notes=notes)


def _warnings(ctx: Context, unspent: float, full: list[str], gain: float, losing: list[str]) -> list[str]:
    """What is left and which channels are full; a last unit of money that brings less than itself; channels that lose money."""
    notes = [say(ctx, "unspent", amount=cash(ctx, unspent), channels=named(ctx, full))] if unspent >= 0.01 else []
    notes += [say(ctx, "little_gain", gain=f"{gain:.2f}")] if gain < 0.995 else []
    return notes + ([say(ctx, "weekly_loss", channels=named(ctx, losing))] if losing else [])


def _marginal(
    forecaster: Forecaster, strategy: Strategy, spend: dict[str, float], budget: float, fixed: dict[str, float]
) -> tuple[dict[str, float], float]:
    """Revenue that one more unit of money brings: per channel, and on the best channel that is not fixed."""
    worth, _ = forecaster.worth(strategy.model_copy(update={"budget": budget}), "revenue")
    money = np.array([spend.get(channel, 0.0) for channel in CHANNELS])
    step = max(budget * 1e-3, 0.01)
    pair = worth(np.vstack([money, money + step]))
    gain = (pair[1] - pair[0]) / step
    gains = {channel: float(gain[CHANNELS.index(channel)]) for channel in spend}
    free = [value for channel, value in gains.items() if channel not in fixed] or list(gains.values())
    return gains, max(free, default=0.0)


def _figures(
    ctx: Context,
    forecaster: Forecaster,
    amount: float,
    spend: dict[str, float],
    order: list[str],
    gain: float,
    unspent: float,
) -> list[Figure]:
    source = {"model": store.version(forecaster.curves), "rows": forecaster.curves.rows}
    figures = [ctx.figure("budget", round(amount, 2), "money", **source)]
    figures += [ctx.figure(f"spend_{channel}", spend[channel], "money", **source) for channel in order]
    figures.append(ctx.figure("marginal_return", round(gain, 3), "ratio", **source))
    figures.append(ctx.figure("budget_unspent", unspent, "money", **source))
    return figures
