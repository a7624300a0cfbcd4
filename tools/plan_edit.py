"""Editing a plan by fields: the tools recompute what depends on them; no language model takes part.

Copy that still fits is kept and refilled with the new facts. Values may be canonical or in the marketer's own words.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from pydantic import ValidationError

from campaignwright.market.words import AUDIENCES, Brief, Strategy
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, Tool, ToolError, call, invalid, refused
from campaignwright.tools.forecast_context import amount_of
from campaignwright.tools.plan_build import PARTS, Plan, build_plan, plan_result

BRIEF_FIELDS = ("objective", "products", "audience", "budget", "start", "days", "channels", "max_discount", "min_roas",
                "tone", "language")
STRATEGY_FIELDS = ("discount", "offer", "send_hour", "weekly_frequency", "angle")
BOTH = ("audience", "budget", "start", "days")
STALE = ("forecast", "check_stock", "design_test", "optimize_price")  # results that an edit makes untrue
PRICED = ("percent_off", "amount_off", "bundle")


def _read(ctx: Context, name: str, value: Any, brief: Brief, strategy: Strategy) -> Any:
    """The canonical value of one change. Raises ToolError(retry) naming the field."""
    if name == "budget":
        return amount_of(ctx, str(value), current=strategy.budget)
    if name == "days":
        return value if isinstance(value, int) else normalise.duration(str(value), current=strategy.days)
    if name in ("discount", "max_discount"):
        current = strategy.discount if name == "discount" else brief.max_discount
        return normalise.fraction(str(value), current=current, argument=name)
    if name == "min_roas":
        return normalise.ratio(str(value), current=brief.min_roas)
    if name == "audience":
        return normalise.audience(value, [*AUDIENCES, *(ctx.workspace.settings.get("segments") or {})])
    if name == "channels":
        return normalise.channels(value) if value else []
    if name == "offer":
        return normalise.offer(value, currency=ctx.workspace.currency)[0]
    return value


def _read_all(ctx: Context, changes: dict[str, Any], brief: Brief, strategy: Strategy) -> dict[str, Any]:
    """The canonical values; a range of dates gives the days too, products give the names that the plan prints."""
    values = {name: _read(ctx, name, value, brief, strategy) for name, value in changes.items()
              if name not in ("start", "products")}
    if "start" in changes:
        said = changes["start"]
        order = normalise.day_first(ctx.workspace.currency, str(said))
        values["start"], days = (said, None) if isinstance(said, dt.date) else normalise.start_and_days(
            str(said), ctx.today, current=strategy.start, day_first=order)
        if days and values.setdefault("days", days) != days > 1:
            raise refused("two_lengths", "days", first=days, second=values["days"])
    if "products" in changes:
        match = normalise.products(changes["products"], ctx.workspace).require()
        values |= {"products": match.ids, "product_names": match.names}
    return values


def _fixed(ctx: Context, key: str, strategy: Strategy, fixed: dict[str, Any]) -> dict[str, str]:
    """Amounts set for channels: those of earlier edits on the strategy's channels, and the new ones over them."""
    earlier = ctx.results.get("allocate_budget", {}).get("data", {})
    rows = earlier.get("channels", []) if earlier.get("strategy_id") == key else []
    kept = {row["channel"]: row["spend"] for row in rows if row["fixed"] and row["channel"] in strategy.shares}
    return {channel: str(amount) for channel, amount in (kept | fixed).items()}


def _new_strategy(strategy: Strategy, values: dict[str, Any], brief: Brief) -> Strategy:
    """The strategy with the changes taken over and what follows from them made consistent."""
    update = {name: values[name] for name in (*BOTH, *STRATEGY_FIELDS) if name in values}
    if "products" in values:
        update["products"] = values["products"]
    if values.get("channels"):
        kept = {channel: strategy.shares.get(channel, 0.0) for channel in values["channels"]}
        filled = {channel: share or 1 / len(kept) for channel, share in kept.items()}
        update["shares"] = {channel: share / sum(filled.values()) for channel, share in filled.items()}
    discount, offer = update.get("discount", strategy.discount), update.get("offer", strategy.offer)
    if "discount" in values and "offer" not in values:
        offer = (offer if offer in PRICED else "percent_off") if discount else ("none" if offer in PRICED else offer)
    if offer not in PRICED:
        discount = 0.0
    if brief.max_discount is not None and discount > brief.max_discount:
        if "discount" in values:
            raise refused("above_maximum", "discount", discount=f"{discount:.0%}", maximum=f"{brief.max_discount:.0%}")
        discount = brief.max_discount
    if offer in PRICED and not discount:
        raise refused("offer_needs_discount", "discount", offer=offer)
    return Strategy.model_validate({**strategy.model_dump(), **update, "discount": discount, "offer": offer})


def edit_plan(ctx: Context, *, strategy_id: str | None = None, fixed: dict[str, Any] | None = None,
              registry: dict[str, Tool] | None = None, **changes: Any) -> Plan:
    """The plan with fields changed; it becomes the session's plan, its strategy a new one ("s1.1").

    `changes`: fields of the brief or the strategy. `fixed`: channel -> amount that its spend shall be, in later
    edits too. Raises ToolError(retry) for an unknown field or a value that cannot be read or contradicts the brief; then nothing changes.
    """
    unknown = set(changes) - {*BRIEF_FIELDS, *STRATEGY_FIELDS}
    if unknown:
        known = ", ".join(dict.fromkeys([*BRIEF_FIELDS, *STRATEGY_FIELDS, "fixed"]))
        raise ToolError(f"{sorted(unknown)[0]}: expected one of {known}.", retry=True, argument=sorted(unknown)[0])
    last = ctx.results.get("finish_plan", {}).get("data", {}).get("strategy_id")
    key, strategy = ctx.strategy(strategy_id or last)
    old = ctx.brief or Brief(audience=strategy.audience, products=strategy.products, currency=ctx.workspace.currency,
                             budget=strategy.budget, start=strategy.start, days=strategy.days, language=ctx.language)
    try:
        values = _read_all(ctx, changes, old, strategy)
        stated = {name: values[name] for name in (*BRIEF_FIELDS, "product_names") if name in values}
        assumed = [name for name in old.assumed if name not in stated]
        brief = Brief.model_validate({**old.model_dump(), **stated, "assumed": assumed})
        changed = _new_strategy(strategy, values, brief)
        set_amounts = _fixed(ctx, key, changed, fixed or {})
    except ValidationError as error:
        raise invalid(error) from error
    root = key.split(".")[0]
    number = 1 + sum(name.startswith(f"{root}.") for name in ctx.strategies)
    before, results, new_key = ctx.brief, dict(ctx.results), f"{root}.{number}"
    ctx.results = {name: result for name, result in results.items() if name not in STALE}
    ctx.brief = brief
    ctx.strategies[new_key] = changed
    try:
        if set_amounts or "budget" in values or "channels" in values:
            ctx.results.pop("allocate_budget", None)
        if set_amounts:
            arguments = {"strategy_id": new_key, "fixed": set_amounts}
            call(registry or PARTS, ctx, "allocate_budget", arguments)
        plan = build_plan(ctx, new_key, registry=registry)
    except ToolError:
        ctx.brief, ctx.results = before, results
        del ctx.strategies[new_key]
        raise
    ctx.results["finish_plan"] = plan_result(plan).model_dump(mode="json")
    return plan
