"""The exact budget split of one strategy by the forecast's own curves and rates: search and allocation share it."""

from __future__ import annotations

import numpy as np

from campaignwright.market.words import CHANNELS, OWNED_CHANNELS, Strategy
from campaignwright.models.budget import Allocation, Worth, sensible_minimum, split
from campaignwright.models.forecast import Forecaster

REACH = ("awareness", "clearance")  # objectives for which revenue is not what the money is for


def best_split(
    forecaster: Forecaster,
    strategy: Strategy,
    objective: str,
    channels: list[str],
    budget: float,
    fixed: dict[str, float] | None = None,
) -> Allocation:
    """The exact split for the strategy's audience, products, offer and days. Every channel keeps a sensible share;
    money that is not expected to bring itself back stays unspent, unless reach or clearing stock is the aim.

    Raises BudgetProblem.
    """
    fixed = fixed or {}
    worth, most = forecaster.worth(strategy.model_copy(update={"budget": budget}), objective)
    spare = budget - sum(fixed.values())
    full = owned_limits(worth, most, budget)
    free = [channel for channel in channels if channel not in fixed]
    least = (
        {
            channel: min(amount, float(full[CHANNELS.index(channel)]))
            for channel, amount in sensible_minimum(worth, spare, free).items()
        }
        if spare > 0
        else {}
    )
    limit = full if objective in REACH else np.minimum(full, earning_limits(forecaster, strategy, budget))
    most_of = {channel: max(float(limit[CHANNELS.index(channel)]), least.get(channel, 0.0)) for channel in free}
    top = {channel: amount for channel, amount in most_of.items() if amount < budget}
    used = [CHANNELS.index(channel) for channel in {*free, *fixed} if channel in CHANNELS]
    return split(
        worth,
        budget,
        channels,
        fixed=fixed,
        minimum=least,
        maximum=top,
        concave=bool(forecaster.curves.concave()[used].all()),
    )


def earning_limits(forecaster: Forecaster, strategy: Strategy, budget: float) -> np.ndarray:
    """Money per channel beyond which the next unit is expected to bring less than itself in revenue, float[8]."""
    worth, _ = forecaster.worth(strategy.model_copy(update={"budget": budget}), "revenue")
    grid = budget * np.linspace(0, 1, 401)[:, None] ** 2 * np.ones((1, len(CHANNELS)))
    pays = np.diff(worth(grid), axis=0) >= np.diff(grid, axis=0)
    last = np.where(pays.any(axis=0), len(pays) - pays[::-1].argmax(axis=0), 0)  # end of the last step that pays
    return np.round(grid[last, np.arange(len(CHANNELS))], 2)


def owned_limits(worth: Worth, most: np.ndarray, budget: float) -> np.ndarray:
    """Money per channel beyond which an owned channel has nobody left to write to, float[8]; at least a cent."""
    grid = budget * np.linspace(0, 1, 401)[:, None] ** 2 * np.ones((1, len(CHANNELS)))
    value = worth(grid)
    limit = np.full(len(CHANNELS), budget)
    for c, channel in enumerate(CHANNELS):
        if channel in OWNED_CHANNELS and np.isfinite(most[c]):
            full = np.flatnonzero(value[:, c] >= value[-1, c] * (1 - 1e-9))
            limit[c] = max(round(float(grid[full[0], c]), 2), 0.01)
    return limit


def shares_of(spend: dict[str, float]) -> dict[str, float]:
    """Shares of what is spent, summing to 1; {} when nothing is."""
    total = sum(spend.values())
    return {channel: amount / total for channel, amount in spend.items() if amount > 0} if total > 0 else {}
