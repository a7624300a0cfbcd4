"""The tool `generate_strategies`: candidates searched under the forecast's lower bound, best first."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from campaignwright.market.words import Brief, Strategy
from campaignwright.models import store
from campaignwright.models.forecast import Forecast, Forecaster
from campaignwright.models.strategy_search import Found, best_strategies
from campaignwright.models.strategy_vae import StrategyGenerator
from campaignwright.retrieval.memory import CampaignMemory
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, Said, ToolResult, tool
from campaignwright.tools.forecast_context import (
    brief_of,
    cash,
    figures_of,
    forecaster_of,
    models_of,
    money_notes,
    notes_of,
    product_options,
    say,
)

MOST = 10
FIGURES = ("profit", "revenue", "roas", "orders")


@tool
def generate_strategies(
    ctx: Context,
    n: Annotated[Said | None, Field(description="how many candidates, as said; 3 unless told")] = None,
    diversity: Annotated[float | None, Field(description="how different they must be, 0-1", ge=0, le=1)] = None,
) -> ToolResult:
    """Make campaign strategies for the brief, best first, each with its forecast and the nearest past campaign.

    They become s1, s2, ...; each keeps the brief's limits.
    """
    brief, notes = brief_of(ctx)
    wanted = min(max(normalise.count(n), 1), MOST) if n else 3
    forecaster, generator = forecaster_of(ctx), models_of(ctx, StrategyGenerator)
    sets = product_options(ctx, brief)
    found = best_strategies(
        generator, forecaster, brief, sets, n=wanted, diversity=0.3 if diversity is None else diversity, seed=ctx.seed
    )
    made = forecaster.predict_many(found.strategies)
    ids = [f"s{i + 1}" for i in range(len(found.strategies))]
    ctx.strategies = dict(zip(ids, found.strategies, strict=True))
    best = found.strategies[0]
    source = {"model": f"{store.version(generator)}+{store.version(forecaster.calibration)}", "rows": forecaster.rows}
    figures = [
        ctx.figure("budget", round(best.budget, 2), "money", **source),
        ctx.figure("discount", best.discount, "fraction", **source),
        *figures_of(ctx, made[0], FIGURES),
    ]
    if not brief.products and best.products:
        notes.append(say(ctx, "cleared" if brief.objective == "clearance" else "featured", n=len(best.products)))
    if generator.metrics.get("prior_sample"):
        notes.append(say(ctx, "prior_sample", campaigns=generator.metrics["campaigns"]))
    notes += _roas_notes(ctx, forecaster, brief, found, made) + money_notes(ctx, made[0]) + notes_of(ctx, made[0])
    data = {
        "strategies": _rows(ctx, ids, found, made),
        "evaluated": found.evaluated,
        "kept_brief_before_repair": found.kept_brief,
        "brief": brief.model_dump(mode="json"),
    }
    return ToolResult(summary={"best": ids[0], "ids": ids}, figures=figures, data=data, notes=notes)


def _rows(ctx: Context, ids: list[str], found: Found, made: list[Forecast]) -> list[dict[str, Any]]:
    """One JSON-ready row per candidate."""
    memory = _memory(ctx)
    rows = []
    for key, strategy, one, feasible in zip(ids, found.strategies, made, found.feasible, strict=True):
        rows.append(
            {
                "id": key,
                "strategy": strategy.model_dump(mode="json"),
                "forecast": one.figures,
                "channels": one.channels,
                "reaches_min_roas": feasible,
                "nearest": _nearest(memory, strategy),
            }
        )
    return rows


def _memory(ctx: Context) -> CampaignMemory | None:
    """The campaign memory, None where no campaign was ever run."""
    return CampaignMemory.open(ctx.workspace) if ctx.workspace.count("campaigns") else None


def _nearest(memory: CampaignMemory | None, strategy: Strategy) -> dict[str, Any] | None:
    """The most similar past campaign with its results."""
    hits = memory.nearest(strategy, 1) if memory is not None and len(memory) else []
    return (
        {"campaign_id": hits[0].campaign_id, "score": float(hits[0].score), "results": hits[0].results}
        if hits
        else None
    )


def _roas_notes(ctx: Context, forecaster: Forecaster, brief: Brief, found: Found, made: list[Forecast]) -> list[str]:
    """When the ROAS asked for is out of reach: the closest, and the budget at which it would be in reach."""
    if brief.min_roas is None or found.feasible[0] or "roas" not in made[0].figures:
        return []
    notes = [say(ctx, "roas_missed", asked=f"{brief.min_roas:g}", best=f"{made[0].figures['roas'][0]:.2f}")]
    best = found.strategies[0]
    parts = [
        best.model_copy(update={"budget": round(best.budget * share, 2)})
        for share in (0.75, 0.5, 0.35, 0.25, 0.15, 0.1)
    ]
    for strategy, smaller in zip(parts, forecaster.predict_many(parts), strict=True):
        if smaller.figures["roas"][0] >= brief.min_roas:
            return [*notes, say(ctx, "roas_at", asked=f"{brief.min_roas:g}", budget=cash(ctx, strategy.budget))]
    return notes
