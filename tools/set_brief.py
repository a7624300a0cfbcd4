"""The tool `set_brief`: where the marketer's words become the canonical Brief, merged into what was said before.

All values are read before anything changes (`brief_reading`). What contradicts itself or today is not taken over but reported
as a conflict (`conflicts` for the language model, `notes` for the marketer), and asked for again (`missing`). It forecasts
nothing.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from campaignwright.market.words import Brief, Channel, Language, Objective, Tone
from campaignwright.tools import normalise_sentence
from campaignwright.tools.base import AudienceSaid, Context, Said, ToolResult, tool
from campaignwright.tools.brief_reading import Reading, last_data

WORDING = {"tone", "language"}  # a change of these leaves the numbers as they are
WORDED = ("write_copy", "finish_plan")
INDEPENDENT = ("set_brief", "read_out", "profile_audience")
QUOTED = ("products", "budget", "start", "days", "max_discount", "min_roas")


@tool
def set_brief(
    ctx: Context,
    objective: Annotated[Objective | None, Field(description="what the campaign is for")] = None,
    products: Annotated[
        list[Said] | None, Field(description="products or categories as said; [] for the whole catalogue")
    ] = None,
    audience: Annotated[
        AudienceSaid | None,
        Field(description="all, new, loyal, lapsed, high_value, deal_seekers, or a segment as said"),
    ] = None,
    budget: Annotated[Said | None, Field(description="money to spend, as said")] = None,
    start: Annotated[Said | None, Field(description="first day, or the whole range of dates, as said")] = None,
    days: Annotated[Said | None, Field(description="how long it runs, as said")] = None,
    channels: Annotated[list[Channel] | None, Field(description="channels to use; [] for the copilot's choice")] = None,
    max_discount: Annotated[Said | None, Field(description="deepest discount allowed, as said")] = None,
    min_roas: Annotated[Said | None, Field(description="lowest return on ad spend, as said")] = None,
    tone: Annotated[Tone | None, Field(description="how the copy sounds")] = None,
    language: Annotated[Language | None, Field(description="language of the copy")] = None,
) -> ToolResult:
    """Note what the marketer wants, in the marketer's own words; only the fields that are new or change.

    Returns the brief, what is missing, assumed, and contradictory.
    """
    said = {
        "objective": objective,
        "products": products,
        "audience": audience,
        "budget": budget,
        "start": start,
        "days": days,
        "channels": channels,
        "max_discount": max_discount,
        "min_roas": min_roas,
        "tone": tone,
        "language": language,
    }
    said = {name: value for name, value in said.items() if value is not None and not _known(ctx, name, value)}
    for name, whole in (("max_discount", normalise_sentence.limit), ("start", normalise_sentence.day)):
        if isinstance(said.get(name), str):
            said[name] = whole(said[name], ctx.request)
    other = _other(ctx, said)
    reader = Reading(ctx, None if other else ctx.brief, said)
    brief = reader.run()
    if other:
        reader.notes.append(reader.say("anew"))
    changed = _changes(ctx.brief, brief)
    _forget(ctx, changed)
    ctx.brief = brief
    return _result(ctx, brief, reader, changed)


def _known(ctx: Context, name: str, value: Any) -> bool:
    """Whether a value only repeats an earlier message although a brief stands and does not wait for it: what that message
    said is in the brief, or could not be read then either."""
    quotes = [str(item).lower() for item in (value if isinstance(value, list) else [value])]
    if ctx.brief is None or name not in QUOTED or not quotes or name in last_data(ctx).get("missing", []):
        return False
    before = [message.lower() for message in ctx.earlier]
    return all(quote not in ctx.request.lower() and any(quote in message for message in before) for quote in quotes)


def _other(ctx: Context, said: dict[str, Any]) -> bool:
    """Whether another campaign is asked for: a plan of an earlier message stands, nothing is asked for, and this one says so and
    names its products."""
    stands = "finish_plan" in ctx.results and not last_data(ctx).get("missing")
    return stands and "products" in said and normalise_sentence.anew(ctx.request)


def _changes(old: Brief | None, new: Brief) -> set[str]:
    """Names of the fields whose values differ."""
    before, after = (old.model_dump() if old else {}), new.model_dump()
    return {name for name in after if name not in ("assumed",) and before.get(name) != after[name]}


def _forget(ctx: Context, changed: set[str]) -> None:
    """Drop strategies and results that rested on what changed."""
    if not changed:
        return
    if changed <= WORDING:
        for name in WORDED:
            ctx.results.pop(name, None)
        return
    ctx.strategies = {}
    ctx.results = {name: result for name, result in ctx.results.items() if name in INDEPENDENT}


def _result(ctx: Context, brief: Brief, reader: Reading, changed: set[str]) -> ToolResult:
    total, conflicts = ctx.workspace.count("products"), list(dict.fromkeys(reader.conflicts))
    names = (
        ctx.workspace.query(
            "SELECT product_id AS id, name FROM products WHERE list_contains($ids, product_id) ORDER BY 1",
            {"ids": brief.products},
        ).to_dict("records")
        if brief.products
        else []
    )
    summary = {
        "brief": {
            "objective": brief.objective,
            "audience": brief.audience,
            "channels": list(brief.channels),
            "tone": brief.tone,
            "language": brief.language,
        },
        "missing": list(dict.fromkeys(reader.missing)),
        "assumed": [name for name in brief.assumed if name not in reader.missing],
        "conflicts": conflicts,
    }
    data = {
        "brief": brief.model_dump(mode="json"),
        "products": names[:100],
        "counts": {"products": len(brief.products) or total, "catalogue": total},
        "changed": sorted(changed),
        "conflicts": conflicts,
        "missing": summary["missing"],
        "kept": reader.kept,
        "doubted": reader.doubted,
    }
    return ToolResult(summary=summary, data=data, notes=[*conflicts, *reader.notes])
