"""The tool `forecast`: what a strategy would bring, or would bring if one thing were different."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from campaignwright.market.words import AUDIENCES, CHANNELS, Channel, Strategy
from campaignwright.models.strategy_space import PRICED_OFFERS
from campaignwright.tools import normalise
from campaignwright.tools.base import AudienceSaid, Context, Said, ToolError, ToolResult, tool
from campaignwright.tools.forecast_context import amount_of, figures_of, forecaster_of, money_notes, notes_of
from campaignwright.tools.forecast_sketch import strategy_of, with_channels

FIGURES = ("impressions", "clicks", "ctr", "cvr", "orders", "revenue", "profit", "roas")


@tool
def forecast(
    ctx: Context,
    strategy_id: Annotated[str | None, Field(description="s1, s2, ...; the best when left out")] = None,
    discount: Annotated[Said | None, Field(description="another discount, as said")] = None,
    budget: Annotated[Said | None, Field(description="another budget, as said")] = None,
    channels: Annotated[list[Channel] | None, Field(description="other channels")] = None,
    audience: Annotated[AudienceSaid | None, Field(description="another audience")] = None,
    days: Annotated[Said | None, Field(description="another length, as said")] = None,
) -> ToolResult:
    """Forecast impressions, clicks, orders, revenue, profit and ROAS of a strategy, also with one thing changed.

    Every figure has an 80 % interval. The strategy itself is not changed.
    """
    overrides = {"discount": discount, "budget": budget, "channels": channels, "audience": audience, "days": days}
    overrides = {name: value for name, value in overrides.items() if value}
    key, base, notes, sketched = strategy_of(ctx, strategy_id, budget)
    forecaster = forecaster_of(ctx)
    changed = _overridden(ctx, base, overrides)
    made = forecaster.predict(changed)
    figures = figures_of(ctx, made, FIGURES)
    differs = changed != base and not sketched
    for name, value, unit in (("discount", changed.discount, "fraction"), ("budget", changed.budget, "money"),
                              ("days", float(changed.days), "days")):  # fmt: skip
        if name in overrides:
            figures.append(ctx.figure(name, value, unit, model=made.model, rows=made.rows))
    if differs:
        figures += figures_of(ctx, forecaster.predict(base), ("profit",), suffix="_before")
    data: dict[str, Any] = {
        "strategy_id": key,
        "strategy": changed.model_dump(mode="json"),
        "channels": made.channels,
        "changed": sorted(overrides),
        "notes": made.notes,
    }
    notes = [*notes, *money_notes(ctx, made), *notes_of(ctx, made)]
    return ToolResult(summary={"strategy_id": key}, figures=figures, data=data, notes=notes)


def _overridden(ctx: Context, base: Strategy, overrides: dict[str, Any]) -> Strategy:
    """The strategy with the overrides read and applied. Raises ToolError(retry) naming the argument."""
    changes: dict[str, Any] = {}
    if "discount" in overrides:
        depth = normalise.fraction(overrides["discount"], argument="discount", current=base.discount)
        if not 0 <= depth <= 0.9:
            raise ToolError(
                f"discount: expected 0-90 %; received {overrides['discount']!r}.", retry=True, argument="discount"
            )
        offer = base.offer if base.offer in PRICED_OFFERS else "percent_off"
        changes |= {"discount": round(depth, 4), "offer": offer if depth > 0 else "none"}
    if "budget" in overrides:
        changes["budget"] = amount_of(ctx, overrides["budget"], current=base.budget)
    if "audience" in overrides:
        names = [*AUDIENCES, *(ctx.workspace.settings.get("segments") or {})]
        changes["audience"] = normalise.audience(overrides["audience"], names)
    if "days" in overrides:
        changes["days"] = normalise.duration(overrides["days"], current=base.days)
    changed = Strategy.model_validate({**base.model_dump(), **changes})
    wanted = [channel for channel in CHANNELS if channel in overrides.get("channels", [])]
    return with_channels(ctx, changed, wanted) if wanted else changed
