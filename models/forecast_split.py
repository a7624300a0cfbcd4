"""The exact budget split of one strategy by the forecast's own curves and rates: search and allocation share it."""

from __future__ import annotations

import numpy as np

from campaignwright.market.words import CHANNELS, OWNED_CHANNELS, Strategy
from campaignwright.models.budget import Allocation, Worth, sensible_minimum, split
from campaignwright.models.forecast import Forecaster


def best_split(
    forecaster: Forecaster,
    strategy: Strategy,
    objective: str,
    channels: list[str],
    budget: float,
    fixed: dict[str, float] | None = None,
) -> Allocation:
    """The exact split for the strategy's audience, products, offer and days. Every channel keeps a sensible share.

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
    top = {channel: float(full[CHANNELS.index(channel)]) for channel in free if full[CHANNELS.index(channel)] < budget}
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
