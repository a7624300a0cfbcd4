"""The tool `profile_audience`: who an audience is, what it buys, when and where it is won."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from campaignwright.market import export_numbers
from campaignwright.models import store
from campaignwright.models.audience import AudienceModel
from campaignwright.tools.base import AudienceSaid, Context, Figure, ToolResult, tool
from campaignwright.tools.customer_texts import audience_name, fitted, say

FIGURES = (("audience_size", "size", "count"), ("recency_days", "recency_days", "days"), ("frequency", "frequency", "ratio"),
           ("value", "value", "money"), ("churn_risk", "churn_risk", "fraction"), ("aov", "aov", "money"),
           ("send_hour", "send_hour", "hour"))


@tool
def profile_audience(
    ctx: Context,
    audience: Annotated[AudienceSaid, Field(description="all, new, loyal, lapsed, high_value, deal_seekers or a segment")],
) -> ToolResult:
    """Size of an audience, how recently, often and for how much it buys, its churn risk, and what, when and where it buys."""
    model = fitted(ctx, AudienceModel, "still_audience")
    name = audience_name(ctx, audience)
    profile = model.profile(name)
    figures = [ctx.figure(title, round(float(profile[key]), 4), unit, model=store.version(model), rows=model.rows)
               for title, key, unit in FIGURES if profile[key] is not None]
    return ToolResult(summary={"audience": name}, figures=figures, data=profile, notes=_notes(ctx, model, profile, figures))


def _notes(ctx: Context, model: AudienceModel, profile: dict[str, Any], figures: list[Figure]) -> list[str]:
    notes = []
    if not profile["size"]:
        notes.append(say(ctx, "nobody"))
    if "as_of" not in model.days:
        return [*notes, say(ctx, "no_orders_traits" if profile["recency_days"] is not None else "no_orders")]
    if (ctx.today.isoformat() > model.days["as_of"]) and model.days["as_of"] < ctx.today.replace(day=1).isoformat():
        date = export_numbers.day(model.days["as_of"], ctx.language, ctx.workspace.currency)
        notes.append(say(ctx, "as_of", date=date))
    if profile["audience"] == "lapsed":
        notes.append(say(ctx, "rhythm", days=int(model.days["lapsed_after_days"])))
    if profile["audience"] == "deal_seekers" and not model.days.get("discounts_recorded", True):
        notes.append(say(ctx, "deals_inferred"))
    if profile["size"] > profile["buyers"]:
        notes.append(say(ctx, "never_bought", n=f"{profile['size'] - profile['buyers']:,}"))
    if profile["size"] and not profile["opt_in_known"]["email"]:
        notes.append(say(ctx, "no_consent"))
    if profile["words"]:
        notes.append(say(ctx, "no_category"))
    have = {figure.name for figure in figures}
    notes += [say(ctx, code) for code, name in (("no_hour", "send_hour"), ("no_churn", "churn_risk"))
              if name not in have and profile["buyers"]]
    return notes
