"""The tool `optimize_price`: how demand reacts to the price of a product (or category) and which discount, if any, pays."""

from __future__ import annotations

from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import Field

from campaignwright.market import export_numbers
from campaignwright.models import price_curve, store
from campaignwright.models.demand import DemandModel
from campaignwright.models.price_curve import Goods
from campaignwright.models.price_learning import PriceLearner
from campaignwright.models.price_tag import price_tag
from campaignwright.models.pricing import PriceModel
from campaignwright.models.response_priors import MARGIN
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, Figure, Said, ToolResult, tool
from campaignwright.tools.customer_texts import fitted, optional, period, product_set, records, say

DEEPEST = 0.5  # searched when nobody said how deep
TEST_STEPS = (-0.2, -0.15, -0.1, -0.05, 0.05, 0.1, 0.15, 0.2)  # of today's price: what a test may try


@tool
def optimize_price(
    ctx: Context,
    product: Annotated[Said, Field(description="a product or category, as said")],
    min_margin: Annotated[Said | None, Field(description="lowest margin to keep")] = None,
    max_discount: Annotated[Said | None, Field(description="deepest discount allowed")] = None,
) -> ToolResult:
    """Elasticity of a product, its profit curve over discounts, the best price and discount, and the lift a cut must bring."""
    model = fitted(ctx, PriceModel, "still_price")
    ids, name = product_set(ctx, product)
    ids = [one for one in ids if one in model.table.index]
    floor = normalise.fraction(min_margin, argument="min_margin") if min_margin is not None else 0.0
    limit = _limit(ctx, max_discount)
    goods, days, assumed, spread = _goods(ctx, model, ids)
    known = np.isfinite(goods.cost)
    costed = goods if known.any() else Goods(goods.price, goods.price * (1 - MARGIN), goods.units, goods.mean, goods.sd)
    deepest = limit
    if floor > 0 or known.any():
        priced = np.isfinite(costed.cost)
        deepest = min([limit, *(price_curve.deepest_for_margin(p, c, floor)
                                for p, c in zip(costed.price[priced], costed.cost[priced], strict=True))])
    deepest = np.floor(deepest * 100 + 1e-9) / 100
    discount, chance = price_curve.best(costed, deepest)
    curve = price_curve.curve(goods, max(limit, 0.01))
    figures = _figures(ctx, model, goods, costed, curve, ids, discount, deepest or limit, spread)
    notes = _notes(ctx, model, goods, name, ids, discount, chance)
    if deepest < limit and floor > 0:
        notes.append(say(ctx, "floor", discount=export_numbers.percent(deepest, ctx.language)))
    if assumed and goods.units.sum() > 0:
        notes.append(say(ctx, "days_assumed", days=days))
    tag, trial = _tags(ctx, model, costed, ids, discount, floor, limit)
    if tag is not None:
        notes.append(say(ctx, "price_tag", price=_cash(ctx, tag), product=name))
    if trial is not None:
        notes.append(say(ctx, "test_price", price=_cash(ctx, trial), product=name))
    data = {"product_id": ids[0] if len(ids) == 1 else None, "product_ids": ids[:50], "days": days, "deepest": deepest,
            "curve": records(curve.round(4)), "chance_to_beat_today": round(chance, 3), "cost_known": bool(known.any()),
            "own_slope": _own(model, ids), "price_tag": tag, "test_price": trial,
            "best_margin": "(p - c) / p = 1 / |elasticity|"}
    return ToolResult(summary={"product": name, "cut": discount > 0}, figures=figures, data=data, notes=notes)


def _cash(ctx: Context, amount: float) -> str:
    return export_numbers.money(amount, ctx.workspace.currency, ctx.language, price=True)


def _hardly_moved(rows: pd.DataFrame) -> bool:
    """Do the products' own prices say little about how demand reacts?"""
    return bool(rows["b"].isna().all() or float(rows["se"].min()) > 1.0)


def _tags(ctx: Context, model: PriceModel, goods: Goods, ids: list[str], discount: float, floor: float,
          limit: float) -> tuple[float | None, float | None]:
    """Of one product: the advised price with a shop's ending, where a cut is advised; and the next price to try where its price has
    hardly moved so far (Thompson sampling: other data, another price; the same data, the same). None where there is none."""
    if len(ids) != 1 or len(goods.price) != 1 or not np.isfinite(goods.cost[0]):
        return None, None
    price, cost, currency = float(goods.price[0]), float(goods.cost[0]), ctx.workspace.currency
    least = max(cost / (1 - min(floor, 0.99)), price * (1 - limit))
    tag = price_tag(price * (1 - discount), currency, least=least) if discount > 0 else None
    tag = tag if tag is not None and tag < price else None  # cheap things have no ending between the floor and today's price
    tries = sorted({price_tag(price * (1 + step), currency, least=least) for step in TEST_STEPS} - {round(price, 2)})
    tries = [one for one in tries if one > cost and abs(one / price - 1) <= 0.25]
    if not tries or not _hardly_moved(model.table.loc[ids]):
        return tag, None
    belief = PriceLearner(price, cost, np.array(tries), (float(goods.mean[0]), float(goods.sd[0])))
    seed = int(ctx.workspace.data_hash()[:8], 16) + sum(map(ord, ids[0]))
    return tag, belief.draw(np.random.default_rng([ctx.seed, seed]))


def _limit(ctx: Context, said: str | None) -> float:
    if said is not None:
        return normalise.fraction(said, argument="max_discount", upper=0.9)
    return ctx.brief.max_discount if ctx.brief and ctx.brief.max_discount is not None else DEEPEST


def _goods(ctx: Context, model: PriceModel, ids: list[str]) -> tuple[Goods, int, bool, float]:
    """Prices, costs, elasticities and the units of the brief's days, of the products that have a price; the days and whether they
    are assumed; the half-width of demand's 80 % interval, relative to demand."""
    start, days, assumed = period(ctx)
    rows = model.table.loc[ids]
    rows = rows[rows["price"] > 0]
    demand = optional(ctx, DemandModel)
    units, halves = [], []
    for one, row in rows.iterrows():
        if demand is not None and one in demand.products:
            mean, low, high = demand.demand(one, start, days)
        else:
            mean = float(row["units_per_day"] * days) if pd.notna(row["units_per_day"]) else 0.0
            low, high = 0.5 * mean, 1.5 * mean
        units.append(mean)
        halves.append((high - low) / 2)
    columns = (rows[name].to_numpy(dtype=float) for name in ("price", "cost"))
    goods = Goods(*columns, np.array(units), rows["mean"].to_numpy(float), rows["sd"].to_numpy(float))
    return goods, days, assumed, float(np.linalg.norm(halves) / max(sum(units), 1e-9))


def _own(model: PriceModel, ids: list[str]) -> dict[str, Any] | None:
    if len(ids) != 1:
        return None
    row = model.table.loc[ids[0]]
    return {key: None if pd.isna(row[key]) else float(row[key]) for key in ("b", "se", "price_sd")} | {
        "rows": int(row["rows"]), "source": row["source"]}


def _figures(ctx: Context, model: PriceModel, goods: Goods, costed: Goods, curve: pd.DataFrame, ids: list[str],
             discount: float, reference: float, spread: float) -> list[Figure]:
    source = {"model": store.version(model), "rows": int(model.table.loc[ids, "rows"].sum())}
    weight = goods.units * goods.price
    weight = weight / weight.sum() if weight.sum() > 0 else np.full(len(goods.price), 1 / max(len(goods.price), 1))
    price, mean, sd = (float(np.dot(weight, value)) for value in (goods.price, goods.mean, goods.sd))
    figures = [ctx.figure("price", round(price * (1 - discount), 2), "money", **source),
               ctx.figure("discount", round(discount, 4), "fraction", **source),
               ctx.figure("elasticity", round(mean, 3), "ratio", low=round(mean - 1.2816 * sd, 3),
                          high=round(min(mean + 1.2816 * sd, -0.05), 3), **source)]
    margin = 1 - float(np.nansum(weight * costed.cost) / np.nansum(weight * np.where(np.isfinite(costed.cost), costed.price, np.nan)))
    cut = discount if discount > 0 else min(reference, 0.1) or 0.1
    lift = price_curve.breakeven_lift(margin, cut)
    if np.isfinite(lift):
        figures.append(ctx.figure("breakeven_lift", round(lift, 4), "fraction", **source))
    if np.isfinite(goods.cost).any():
        row = curve.iloc[int(np.abs(curve["discount"] - discount).argmin())]
        if goods.units.sum() > 0:
            profit, level = row["profit"], abs(row["profit"]) * spread  # demand's own error beside the elasticity's
            low, high = (np.hypot(profit - row["profit_low"], level), np.hypot(row["profit_high"] - profit, level))
            figures.append(ctx.figure("profit", round(profit, 2), "money", low=round(profit - low, 2),
                                      high=round(profit + high, 2), **source))
        figures.append(ctx.figure("margin", round(1 - (1 - margin) / (1 - discount), 4), "fraction", **source))
    rival = model.table.loc[ids, "competitor_price"].dropna()
    if len(rival):
        figures.append(ctx.figure("competitor_price", round(float(rival.mean()), 2), "money", **source))
    return figures


def _notes(ctx: Context, model: PriceModel, goods: Goods, name: str, ids: list[str], discount: float, chance: float) -> list[str]:
    notes, rows = [], model.table.loc[ids]
    known = int(np.isfinite(goods.cost).sum())
    if not known:
        notes.append(say(ctx, "no_cost", product=name, margin=export_numbers.percent(MARGIN, ctx.language)))
    elif known < len(goods.cost):
        notes.append(say(ctx, "some_cost", known=known, all=len(goods.cost)))
    if (rows["source"] == "none").all() and (model.table["source"] == "none").all():
        notes.append(say(ctx, "no_prices"))
    elif _hardly_moved(rows):
        notes.append(say(ctx, "weak", product=name))
    elif (rows["source"] == "order_lines").any():
        notes.append(say(ctx, "lines_source"))
    if goods.units.sum() <= 0:
        notes.append(say(ctx, "no_volume", product=name))
    if discount > 0 and chance < 0.8:
        notes.append(say(ctx, "unsure_cut"))
    if discount == 0:
        notes.append(say(ctx, "raise"))
    return notes
