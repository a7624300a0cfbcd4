"""The tool `check_stock`: will stock last through the campaign, and what to order when."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from campaignwright.market import export_numbers
from campaignwright.models import store
from campaignwright.models.demand import Z80, DemandModel
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, Figure, Said, ToolError, ToolResult, refused, tool
from campaignwright.tools.customer_texts import fitted, period, product_set, say

LEAD_DAYS = 14  # where the stock table does not say
HIGH_RISK = 0.1  # a stock-out chance from here on is called high

STOCK = """
SELECT product_id, arg_max(on_hand, date) AS on_hand, coalesce(arg_max(inbound, date), 0) AS inbound,
       arg_max(lead_days, date) AS lead_days, max(date) AS date
FROM stock WHERE product_id IN (SELECT unnest(?)) AND on_hand IS NOT NULL GROUP BY 1 ORDER BY 1"""


@tool
def check_stock(
    ctx: Context,
    product: Annotated[Said | None, Field(description="a product or category, as said; left out: those of the plan")] = None,
    days: Annotated[Said | None, Field(description="length, as said")] = None,
    uplift: Annotated[Said | None, Field(description="extra demand expected, 0.3 = 30 % more")] = None,
) -> ToolResult:
    """Demand of a product against its stock: how long it lasts, the stock-out risk, how much to reorder and when."""
    model = fitted(ctx, DemandModel, "still_demand")
    ids, name = product_set(ctx, product) if product else _of_brief(ctx)
    start, length, assumed = period(ctx, normalise.duration(days, current=0) if days is not None else None)
    extra = normalise.fraction(uplift, argument="uplift", upper=10.0, lift=True) if uplift is not None else 0.0
    sold = [one for one in ids if one in model.products]
    if not sold:
        raise ToolError(say(ctx, "no_sales", product=name), retry=False, argument="product")
    stock = ctx.workspace.query(STOCK, [sold]).set_index("product_id")
    rows = [_row(ctx, model, one, stock.loc[one] if one in stock.index else None, start, length, extra) for one in sold]
    figures = _figures(ctx, model, rows, length)
    found = {figure.name: figure.value for figure in figures}
    risk = "unknown" if "stockout_risk" not in found else "high" if found["stockout_risk"] >= HIGH_RISK else "low"
    notes = _notes(ctx, model, name, stock, rows)
    if assumed:
        notes.append(say(ctx, "days_assumed", days=length))
    rows.sort(key=lambda row: -(row["stockout_risk"] or 0.0))
    weekly = [round(value, 2) for value in model.recent[model.products.get_indexer(sold)].sum(axis=0)]
    data = {"product_ids": sold[:50], "start": start.isoformat(), "uplift": extra, "products": rows[:50], "recent_weeks": weekly,
            "method": model.metrics["method"]}
    return ToolResult(summary={"product": name, "risk": risk}, figures=figures, data=data, notes=notes)


def _of_brief(ctx: Context) -> tuple[list[str], str]:
    """(ids, display name) of the products that the brief names, else of those that lead the plan. Raises ToolError(retry) without."""
    named = (ctx.brief.products, ctx.brief.product_names) if ctx.brief else ([], [])
    if not named[0]:
        rows = ctx.results.get("finish_plan", {}).get("data", {}).get("plan", {}).get("price", {}).get("products", [])
        named = [row["product_id"] for row in rows], [row["name"] for row in rows]
    if not named[0]:
        raise refused("which_product", "product")
    return named[0], ("、" if ctx.language == "zh" else ", ").join(named[1])


def _row(ctx: Context, model: DemandModel, product_id: str, stock: pd.Series | None, start: dt.date, days: int,
         uplift: float) -> dict[str, Any]:
    """One product's demand and, where stock is known, its plan; what sells before the start is taken off the stock."""
    mean, low, high = model.demand(product_id, start, days, uplift)
    name = ctx.workspace.scalar("SELECT name FROM products WHERE product_id = ?", [product_id])
    row = {"product_id": product_id, "name": str(name or product_id), "demand": mean, "low": low, "high": high, "on_hand": None,
           "lead_days": None, "stock_days": None, "stockout_risk": None, "reorder_units": None, "reorder_date": None,
           "inbound": None, "late": False}
    if stock is None:
        return row
    before = model.mean(product_id, ctx.today, (start - ctx.today).days) if start > ctx.today else 0.0
    lead = LEAD_DAYS if pd.isna(stock["lead_days"]) else int(stock["lead_days"])
    left = max(float(stock["on_hand"]) - before, 0.0)
    plan = model.stock_plan(product_id, start, days, left, float(stock["inbound"]), lead, uplift)
    due = plan["reorder_date"] if plan["reorder_units"] else None
    plan["reorder_date"] = max(due, ctx.today).isoformat() if due else None
    return row | plan | {"on_hand": float(stock["on_hand"]), "inbound": float(stock["inbound"]), "lead_days": lead,
                         "late": due is not None and due < ctx.today}


def _figures(ctx: Context, model: DemandModel, rows: list[dict[str, Any]], days: int) -> list[Figure]:
    """Totals over the products; the risk is the worst product's, the date the earliest."""
    source = {"model": store.version(model), "rows": model.rows}
    mean = sum(row["demand"] for row in rows)
    spread = sum(((row["high"] - row["low"]) / (2 * Z80)) ** 2 for row in rows) ** 0.5 * Z80
    low, high = (rows[0]["low"], rows[0]["high"]) if len(rows) == 1 else (max(mean - spread, 0.0), mean + spread)
    figures = [ctx.figure("demand_units", round(mean, 1), "units", low=round(low, 1), high=round(high, 1), **source),
               ctx.figure("days", float(days), "days", **source)]
    stocked = [row for row in rows if row["on_hand"] is not None]
    if not stocked:
        return figures
    on_hand, pace = sum(row["on_hand"] for row in stocked), sum(row["demand"] for row in stocked) / days
    figures.insert(0, ctx.figure("stock_units", on_hand, "units", **source))
    if pace > 0:
        figures.append(ctx.figure("stock_days", round(on_hand / pace, 1), "days", **source))
    figures += [ctx.figure("stockout_risk", round(max(row["stockout_risk"] for row in stocked), 4), "fraction", **source),
                ctx.figure("reorder_units", float(sum(row["reorder_units"] for row in stocked)), "units", **source)]
    dates = [row["reorder_date"] for row in stocked if row["reorder_date"]]
    if dates:
        figures.append(ctx.figure("reorder_date", min(dates), "date", **source))
    figures.append(ctx.figure("lead_days", float(max(row["lead_days"] for row in stocked)), "days", **source))
    return figures


def _notes(ctx: Context, model: DemandModel, name: str, stock: pd.DataFrame, rows: list[dict[str, Any]]) -> list[str]:
    def printed(day: dt.date) -> str:
        return export_numbers.day(day, ctx.language, ctx.workspace.currency)

    notes = []
    if stock.empty:
        notes.append(say(ctx, "no_stock_product", product=name) if ctx.workspace.count("stock") else say(ctx, "no_stock"))
    else:
        if stock["lead_days"].isna().any():
            notes.append(say(ctx, "no_lead", days=LEAD_DAYS))
        last = pd.Timestamp(stock["date"].max()).date()
        if (ctx.today - last).days > 7:
            notes.append(say(ctx, "old_stock", date=printed(last)))
        notes.append(say(ctx, "censored"))
        risky = [row["name"] for row in sorted(rows, key=lambda r: -(r["stockout_risk"] or 0)) if (row["stockout_risk"] or 0) >= HIGH_RISK]
        notes += [say(ctx, "reorder_late", product=row["name"], days=row["lead_days"])
                  for row in rows if row["late"] and row["name"] in risky[:3]]
        coming = [row for row in rows if row["inbound"]]
        if coming:
            notes.append(say(ctx, "inbound", units=f"{sum(row['inbound'] for row in coming):,.0f}",
                             days=max(row["lead_days"] for row in coming)))
        if len(rows) > 1 and risky:
            notes.append(say(ctx, "at_risk", names="、".join(risky[:3]) if ctx.language == "zh" else ", ".join(risky[:3])))
    if (ctx.today - model.last_day).days > 28:
        notes.append(say(ctx, "old_sales", date=printed(model.last_day)))
    return notes
