"""The parts of a plan, each from its tool's result: the builder that calls tools and the sections made of figures.

A section holds names, flags and figure ids, never a number of its own. A part whose tool cannot answer carries a plain
sentence instead (`unavailable`) and names the missing table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from campaignwright.market.export_labels import label
from campaignwright.market.words import OWNED_CHANNELS, Brief, Strategy
from campaignwright.models.demand import DemandModel
from campaignwright.models.store import MissingTable
from campaignwright.tools.base import Context, Figure, MissingData, Tool, ToolError, ToolResult, call
from campaignwright.tools.copy_facts import RECENT_DAYS, CopyFacts, display_name, share_off
from campaignwright.tools.customer_texts import optional
from campaignwright.tools.write_copy import sentence

REORDER = ("reorder_units", "reorder_date", "lead_days")
PAST = {"revenue": "money", "spend": "money", "roas": "ratio", "discount": "fraction"}  # shown of a past campaign
EACH_ORDER = """
SELECT sum(quantity) FILTER (product_id = ?) / nullif(count(DISTINCT order_id), 0)
FROM order_lines JOIN orders USING (order_id)
WHERE coalesce(status, 'paid') = 'paid' AND quantity > 0
  AND ordered_at > (SELECT max(ordered_at) FROM orders) - INTERVAL (?) DAY AND (? OR list_contains(?, product_id))"""
FORECAST = ("impressions", "clicks", "ctr", "cvr", "orders", "revenue", "profit", "roas")


@dataclass
class Builder:
    """Collects figures, notes and missing tables while the parts are made. `registry`: the tools by name."""

    ctx: Context
    registry: dict[str, Tool]
    strategy_id: str
    strategy: Strategy
    brief: Brief
    call: str  # "c9": the number under which the plan's own figures go
    data: str  # the workspace's data hash
    figures: dict[str, Figure] = field(default_factory=dict)
    notes: list[dict[str, str]] = field(default_factory=list)
    unsupported: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # of the lead products, as they are stored and as they are printed
    said: set[str] = field(default_factory=set)

    @property
    def language(self) -> str:
        """Of all that the marketer reads; copy is in the brief's language."""
        return "zh" if self.ctx.language == "zh" else "en"

    def keep(self, figures: list[Figure]) -> dict[str, Figure]:
        """Take figures into the plan; returns them by name."""
        self.figures |= {figure.id: figure for figure in figures}
        return {figure.name: figure for figure in figures}

    def note(self, part: str, text: str) -> None:
        """Add a plain sentence once; the same sentence about another lead product is not repeated."""
        bare = text
        for name in self.names:
            bare = bare.replace(name, "")
        if bare not in self.said:
            self.said.add(bare)
            self.notes.append({"part": part, "text": text})

    def unavailable(self, part: str, error: Exception) -> dict[str, str]:
        """The section of a part that could not be made, noted in the plan's language."""
        name = label("part", part, self.language)
        if isinstance(error, MissingData | MissingTable):
            still = sentence("still", self.language)
            text = sentence("missing_table", self.language, part=name, table=error.table, still=still)
            if error.table not in self.unsupported:
                self.unsupported.append(error.table)
        else:
            text = sentence("failed", self.language, part=name, why=error.shown(self.language))
        self.note(part, text)
        return {"unavailable": text}

    def ask(self, part: str, tool: str, reuse: ToolResult | None = None, **arguments: Any) -> ToolResult | dict:
        """The tool's result, figures and notes taken over; or the `unavailable` section."""
        try:
            result = reuse or call(self.registry, self.ctx, tool, arguments)[0]
        except (MissingData, MissingTable, ToolError) as error:
            return self.unavailable(part, error)
        self.keep(result.figures)
        for text in result.notes:
            self.note(part, text)
        return result

    def earlier(self, tool: str, **same: Any) -> ToolResult | None:
        """The tool's latest result of this brief when its data say it was made for `same`, else None."""
        stored = self.ctx.results.get(tool)
        if not stored or any(stored.get("data", {}).get(key) != value for key, value in same.items()):
            return None
        return ToolResult.model_validate(stored)

    def own(self, name: str, value: float, unit: str, *, model: str, low: float | None = None,
            high: float | None = None, rows: int = 0) -> Figure:
        """A figure that the plan derives itself; `model` says how."""
        source = {"tool": "finish_plan", "call": self.call, "model": model, "data": self.data, "rows": rows}
        figure = Figure(id=f"{self.call}.{name}", name=name, value=value, unit=unit, low=low, high=high, source=source)
        self.keep([figure])
        return figure


def name_of(kind: str, row: dict[str, Any]) -> str:
    """Name of a figure that exists once a product."""
    return f"{kind}_{row['product_id']}"


def ref(figure: Figure | None) -> dict[str, str] | None:
    """How a section points at a figure."""
    return {"figure": figure.id} if figure else None


def audience_part(builder: Builder) -> dict[str, Any]:
    """Who is addressed, with the figures of its profile."""
    result = builder.ask("audience", "profile_audience", audience=builder.strategy.audience)
    section: dict[str, Any] = {"name": builder.strategy.audience, "figures": []}
    if isinstance(result, dict):
        return section | result
    size, shares = result.data.get("size", 0), result.data.get("reach", {})
    reach = [builder.own(f"reach_{channel}", float(round(size * share)), "count", model="opt-ins")
             for channel, share in shares.items() if channel in builder.strategy.shares]  # fmt: skip
    return section | {"figures": [figure.id for figure in [*result.figures[:1], *reach, *result.figures[1:]]]}


def evidence_part(builder: Builder) -> dict[str, Any]:
    """Similar past campaigns by id, with what they brought."""
    words = [*builder.brief.product_names, builder.brief.objective, builder.strategy.offer, builder.strategy.angle]
    query = " ".join(word.replace("_", " ") for word in words)
    result = builder.ask("evidence", "search_campaigns", query=query, k="3")
    if isinstance(result, dict):
        return {"campaigns": [], "figures": []} | result
    campaigns = []
    for number, hit in enumerate(result.data.get("campaigns", []), 1):
        row: dict[str, Any] = {"campaign_id": str(hit["id"]), "name": str(hit["name"])}
        for key, unit in PAST.items():
            if hit.get(key) is not None and math.isfinite(hit[key]):
                row[key] = ref(builder.own(f"past_{key}_{number}", float(hit[key]), unit, model="campaign_results"))
        campaigns.append(row)
    return {"campaigns": campaigns, "figures": [figure.id for figure in result.figures]}


def price_part(builder: Builder, leads: pd.DataFrame, facts: CopyFacts) -> dict[str, Any]:
    """The offer, shelf and plan price of the lead products, the price model's advice on each, and the curve of the first
    that has one: {"product": name, "rows": as the tool gave them}, to be drawn only, or None."""
    strategy, products, curve = builder.strategy, [], None
    own = {slot: builder.own({"price": "plan_price", "was": "shelf_price"}.get(slot, slot), value, unit,
                             model="shop prices and the offer") for slot, (value, unit) in facts.values.items()}
    for row in leads.to_dict("records"):
        name = display_name(str(row["name"]))
        entry: dict[str, Any] = {"product_id": row["product_id"], "name": name, "advice": []}
        if row["price"] == row["price"] and row["price"] is not None:
            price = builder.own(name_of("price", row), round(float(row["price"]), 2), "money", model="shop prices")
            entry["price"] = ref(price)
            cut = _plan_price(price.value, strategy, facts)
            if cut is not None:
                entry["plan_price"] = ref(builder.own(name_of("plan_price", row), cut, "money",
                                                      model="shop price less the plan's discount"))
        reuse = builder.earlier("optimize_price", product_id=row["product_id"])
        result = builder.ask("price", "optimize_price", reuse, product=str(row["product_id"]))
        if isinstance(result, ToolResult):
            entry |= {"advice": [figure.id for figure in result.figures], "cut": bool(result.summary.get("cut"))}
            if curve is None and result.data.get("curve"):
                curve = {"product": name, "rows": result.data["curve"]}
        else:
            entry |= result
        products.append(entry)
    return {"offer": facts.offer, "angle": strategy.angle, "products": products,
            "facts": {slot: ref(figure) for slot, figure in own.items()}, "curve": curve,
            "bundle": _bundle(products, facts) if strategy.offer == "bundle" else []}


def _plan_price(price: float, strategy: Strategy, facts: CopyFacts) -> float | None:
    """One product's price in the plan; None when it stays, or when the product has no price of its own (a bundle)."""
    if facts.offer == "percent_off" and strategy.discount:
        return round(price - share_off(price, strategy.discount), 2)
    amount = facts.values.get("amount_off", (0.0, ""))[0]
    return round(price - amount, 2) if facts.offer == "amount_off" and 0 < amount < price else None


def _bundle(products: list[dict[str, Any]], facts: CopyFacts) -> list[str]:
    """Names of the two products of the set, as priced in the copy's facts; one product alone is sold in pairs."""
    names = {product["product_id"]: product["name"] for product in products}
    pair = [names[key] for key in facts.products if key in names]
    return (pair * 2)[:2]


def budget_part(builder: Builder, allocation: ToolResult | dict) -> dict[str, Any]:
    """Spend per channel, by day too; what the last unit earns; what is left."""
    strategy = builder.strategy
    section: dict[str, Any] = allocation if isinstance(allocation, dict) else {}
    found = {} if isinstance(allocation, dict) else {figure.name: figure for figure in allocation.figures}
    total = found.get("budget") or builder.own("budget", strategy.budget, "money", model="brief")
    builder.own("spend", round(strategy.budget, 2), "money", model="strategy")
    rows = []
    for channel in sorted(strategy.shares, key=lambda name: (-strategy.shares[name], name)):
        spend = found.get(f"spend_{channel}") or builder.own(
            f"spend_{channel}", round(strategy.budget * strategy.shares[channel], 2), "money", model="strategy")
        cents = int(round(spend.value * 100)) // strategy.days  # rounded down: the days never exceed the budget
        daily = builder.own(f"daily_{channel}", cents / 100, "money", model="spend over the days")
        rows.append({"channel": channel, "spend": ref(spend), "daily": ref(daily)})
    return section | {"total": ref(total), "channels": rows, "marginal_return": ref(found.get("marginal_return")),
                      "unspent": ref(found.get("budget_unspent"))}


def promotion_uplift(builder: Builder, product: dict[str, Any]) -> float:
    """Extra demand that the plan's discount makes by the product's elasticity, relative, 0-3; 0 where not known."""
    found = {builder.figures[key].name: builder.figures[key].value for key in product["advice"]}
    discount = builder.strategy.discount
    if not discount or "elasticity" not in found:
        return 0.0
    return round(min(max((1 - discount) ** float(found["elasticity"]) - 1, 0.0), 3.0), 3)


def campaign_uplift(builder: Builder, product_id: str, orders: float) -> float:
    """Units of a product that the campaign's orders take, over what it sells in these days anyway, relative, 0-10.

    An order takes what an order of the plan's products took of it lately: its part of their sales x units an order. 0
    where sales or demand are not known. Channels report some orders that would have come anyway: an upper estimate.
    """
    strategy, model = builder.strategy, optional(builder.ctx, DemandModel)
    if model is None or product_id not in model.products:
        return 0.0
    each = builder.ctx.workspace.scalar(
        EACH_ORDER, [product_id, RECENT_DAYS, not strategy.products, strategy.products])
    usual = model.mean(product_id, strategy.start, strategy.days)
    return round(min(orders * float(each or 0.0) / max(usual, 1e-9), 10.0), 3)


def stock_part(builder: Builder, price: dict[str, Any], forecast: dict[str, Any]) -> list[dict[str, Any]]:
    """Demand against stock of the lead products. Demand grows by the campaign's orders or by what the discount does to
    all buyers, whichever is more: the two overlap."""
    rows = []
    orders = next((figure.value for key in forecast["figures"] if (figure := builder.figures[key]).name == "orders"), 0.0)
    for row in price["products"]:
        uplift = max(promotion_uplift(builder, row), campaign_uplift(builder, str(row["product_id"]), float(orders)))
        result = builder.ask("stock", "check_stock", product=str(row["product_id"]), days=str(builder.strategy.days),
                             **({"uplift": f"{uplift * 100:.4g}%"} if uplift else {}))
        entry: dict[str, Any] = {"product_id": row["product_id"], "name": row["name"]}
        if isinstance(result, dict):
            return [entry | {"figures": []} | result]  # the same table is missing for all
        late = any(one["late"] for one in result.data.get("products", ()))
        unshown = REORDER if builder.brief.objective == "clearance" else ()  # nobody orders more of what must go
        figures = [figure.id for figure in result.figures if figure.name not in unshown]
        entry |= {"risk": result.summary.get("risk"), "late": late, "figures": figures}
        rows.append(entry)
    many = len(builder.strategy.products)
    if rows and orders and many > len(rows):
        builder.note("stock", sentence("stock_spread", builder.language, orders=f"{orders:,.0f}", products=many, shown=len(rows)))
    return rows


def forecast_part(builder: Builder) -> dict[str, Any]:
    """The forecast's figures in the contract's order."""
    result = builder.ask("forecast", "forecast", strategy_id=builder.strategy_id)
    if isinstance(result, dict):
        return {"figures": []} | result
    found = {figure.name: figure for figure in result.figures}
    return {"figures": [found[name].id for name in FORECAST if name in found]}


def experiment_part(builder: Builder) -> dict[str, Any]:
    """How the effect will be measured, or why it cannot be."""
    owned = [channel for channel in builder.strategy.shares if channel in OWNED_CHANNELS]
    reuse = builder.earlier("design_test", audience=builder.strategy.audience, channels=owned)
    result = builder.ask("experiment", "design_test", reuse, strategy_id=builder.strategy_id)
    if isinstance(result, dict):
        return {"possible": False, "figures": [], "arms": []} | result
    possible = bool(result.summary.get("possible"))
    holdout = next((figure for figure in result.figures if figure.name == "holdout"), None)
    arms = []
    if possible and holdout is not None:
        treated = builder.own("treated", 1 - holdout.value, "fraction", model="1 - holdout")
        arms = [{"name": "campaign", "share": ref(treated)}, {"name": "control", "share": ref(holdout)}]
    return {"possible": possible, "figures": [figure.id for figure in result.figures], "arms": arms}
