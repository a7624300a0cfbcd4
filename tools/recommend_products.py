"""The tool `recommend_products`: what an audience is likeliest to buy next, or what goes with a product, and why."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from campaignwright.market import export_numbers
from campaignwright.models.audience import AudienceModel
from campaignwright.models.recommender import Recommender
from campaignwright.tools import normalise
from campaignwright.tools.base import AudienceSaid, Context, Said, ToolResult, tool
from campaignwright.tools.customer_texts import audience_name, fitted, product_set, say


@tool
def recommend_products(
    ctx: Context,
    audience: Annotated[AudienceSaid | None, Field(description="for whom: an audience")] = None,
    product: Annotated[Said | None, Field(description="or what goes with this product")] = None,
    k: Annotated[Said | None, Field(description="how many")] = None,
) -> ToolResult:
    """Products to offer to an audience, or beside a product, each with the reason."""
    model = fitted(ctx, Recommender, "still_recommend")
    count = normalise.count(k, argument="k", high=50) if k is not None else 5
    notes = []
    if product is not None and audience is None:
        ids, name = product_set(ctx, product)
        rows = model.for_products([one for one in ids if one in model.items], count)
        if not any(row["together"] for row in rows):
            notes.append(say(ctx, "rare_alike" if any(row["because"] for row in rows) else "rare_product", product=name))
        data: dict[str, Any] = {"product": name}
    else:
        name = audience_name(ctx, audience)
        members = fitted(ctx, AudienceModel, "still_audience").members(name)
        only = set(product_set(ctx, product)[0]) if product is not None else None
        rows = model.for_members(ctx.workspace, members, count, only=only)
        data = {"audience": name}
    for row in rows:
        row["reason"] = _reason(ctx, row)
    data |= {"recommendations": rows, "method": model.metrics.get("method")}
    if model.metrics.get("method", "popularity") == "popularity":
        notes.append(say(ctx, "popular_only"))
    else:
        hit, popular = (export_numbers.percent(model.metrics[key], ctx.language) for key in ("hit10", "hit10_popularity"))
        notes.append(say(ctx, "validated", hit=hit, popular=popular))
    return ToolResult(summary={"products": [row["name"] for row in rows]}, data=data, notes=notes)


def _reason(ctx: Context, row: dict[str, Any]) -> str:
    if not row["because"]:
        return say(ctx, "popular", n=row["buyers"])
    if not row["together"]:
        return say(ctx, "alike", name=row["because_name"])
    return say(ctx, "because", name=row["because_name"], n=row["together"])
