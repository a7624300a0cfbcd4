"""The tool `design_test`: how to measure the campaign's effect with a holdout, or why it cannot be measured."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from pydantic import Field

from campaignwright.market import export_numbers
from campaignwright.market.export_labels import label
from campaignwright.market.words import OWNED_CHANNELS
from campaignwright.models import experiment, store
from campaignwright.models.audience import AudienceModel
from campaignwright.models.uplift import UpliftModel
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, Figure, Said, ToolResult, tool
from campaignwright.tools.customer_texts import fitted, optional, say


@tool
def design_test(
    ctx: Context,
    strategy_id: Annotated[str | None, Field(description="id of a strategy")] = None,
    min_effect: Annotated[Said | None, Field(description="smallest relative lift worth detecting, 0.05 = 5 %")] = None,
) -> ToolResult:
    """Arms, holdout, sample size, duration and smallest detectable lift of a test, or a refusal when nothing can be detected."""
    audience = fitted(ctx, AudienceModel, "still_audience")
    if strategy_id is not None or ctx.strategies:
        strategy = ctx.strategy(strategy_id)[1]
        name, days, used = strategy.audience, strategy.days, [c for c, share in strategy.shares.items() if share > 0]
    else:
        name, days = (ctx.brief.audience, ctx.brief.days) if ctx.brief else ("all", 14)
        used = list(ctx.brief.channels) if ctx.brief and ctx.brief.channels else ["email"]
    owned = [channel for channel in used if channel in OWNED_CHANNELS]
    notes = []
    if not owned:
        return ToolResult(summary={"possible": False}, data={"audience": name, "channels": used}, notes=[say(ctx, "paid_only")])
    reached = int(round(audience.size(name) * max(audience.reachable(name, channel) for channel in owned)))
    effect = _effect(ctx, min_effect, notes)
    rate, origin, rows = experiment.base_rate(ctx.workspace, audience, name, days)
    design = experiment.design(reached, rate, days, effect)
    percent = _percent(ctx)
    notes.append(say(ctx, f"base_{origin}", rate=percent(design.base_rate), days=design.days))
    if reached < 4:
        channels = ", ".join(label("channel", channel, "zh" if ctx.language == "zh" else "en") for channel in owned)
        notes.append(say(ctx, "nobody_reachable", channels=channels))
    elif not design.possible:
        notes.append(say(ctx, "test_refused", days=design.days, n=f"{reached:,}", mde=percent(design.mde), wanted=percent(effect)))
    elif design.days > days:
        notes.append(say(ctx, "test_longer", short=days, days=design.days))
    if design.possible:
        notes.append(say(ctx, "holdout_forecast", share=percent(design.holdout)))
    if len(owned) < len(used):
        notes.append(say(ctx, "paid_too"))
    if reached and not audience.opt_in_known(name, "email") and "email" in owned:
        notes.append(say(ctx, "no_consent"))
    arms = [{"name": "campaign", "share": 1 - design.holdout}, {"name": "control", "share": design.holdout}]
    data = {"audience": name, "channels": owned, "base_rate": design.base_rate, "base_rate_from": origin, "alpha": experiment.ALPHA,
            "power": experiment.POWER, "arms": arms if design.possible else [], "seed": ctx.seed,
            "design": {key: None if value == float("inf") else value for key, value in asdict(design).items()}}
    return ToolResult(summary={"possible": design.possible}, figures=_figures(ctx, audience, design, rows), data=data, notes=notes)


def _percent(ctx: Context):
    return lambda value: export_numbers.percent(round(value, 4), ctx.language) if value < 10 else "> 1000 %"


def _effect(ctx: Context, said: str | None, notes: list[str]) -> float:
    """The relative lift to detect: as said, else half of what randomised mailings here showed, else a fifth."""
    if said is not None:
        return max(normalise.fraction(said, argument="min_effect", upper=10.0, lift=True), 0.001)
    uplift = optional(ctx, UpliftModel)
    own = [study for study in uplift.campaigns.values() if study["randomised"]] if uplift is not None else []
    lifts = [study["conversion_lift"] for study in own if study["conversion_lift"] is not None and study["conversion_lift"] > 0]
    effect = round(max(sum(lifts) / len(lifts) / 2, 0.05), 3) if lifts else experiment.DEFAULT_EFFECT
    notes.append(say(ctx, "effect_measured" if lifts else "effect_assumed", effect=export_numbers.percent(effect, ctx.language)))
    return effect


def _figures(ctx: Context, audience: AudienceModel, design: experiment.Design, rows: int) -> list[Figure]:
    source = {"model": store.version(audience), "rows": rows}
    figures = [ctx.figure("holdout", design.holdout, "fraction", **source)] if design.possible else []
    if design.sample_size:
        figures.append(ctx.figure("sample_size", float(design.sample_size), "count", **source))
    if design.mde != float("inf"):
        figures.append(ctx.figure("mde", round(design.mde, 4), "fraction", **source))
    return [*figures, ctx.figure("days", float(design.days), "days", **source),
            ctx.figure("audience_size", float(design.customers), "count", **source),
            ctx.figure("min_effect", design.min_effect, "fraction", **source)]
