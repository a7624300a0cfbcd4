"""The Plan: every part of a campaign in one JSON document, made by calling the tools, with a hash that names it.

Numbers stand in `figures`, `brief` and `strategy` only (`price.curve` is drawn, not read); every other section points at
figures by id ({"figure": "c5.revenue"}) or, inside sentences, as {fig:c5.revenue}. `market.exporters` prints it. No
language model plans here; only the copywriter, through `write_copy`, is one. Editing is in `plan_edit`.
"""

from __future__ import annotations

from typing import Any

from babel import Locale
from pydantic import BaseModel, ConfigDict

from campaignwright.market.ledger import plan_hash
from campaignwright.market.words import CHANNELS, Brief, Strategy
from campaignwright.tools.allocate_budget import allocate_budget
from campaignwright.tools.base import Context, Figure, Tool, ToolResult
from campaignwright.tools.check_stock import check_stock
from campaignwright.tools.copy_facts import LEADS, display_name, lead_products
from campaignwright.tools.design_test import design_test
from campaignwright.tools.forecast import forecast
from campaignwright.tools.optimize_price import optimize_price
from campaignwright.tools.plan_calendar import make_calendar
from campaignwright.tools.plan_copy import assets_part
from campaignwright.tools.plan_parts import (
    Builder,
    audience_part,
    budget_part,
    evidence_part,
    experiment_part,
    forecast_part,
    price_part,
    stock_part,
)
from campaignwright.tools.plan_risks import risks_and_verdict
from campaignwright.tools.profile_audience import profile_audience
from campaignwright.tools.search_campaigns import search_campaigns
from campaignwright.tools.write_copy import copy_job, job_facts, write_copy

PARTS: dict[str, Tool] = {
    one.name: one for one in (
        search_campaigns, profile_audience, optimize_price, allocate_budget, check_stock, design_test, forecast,
        write_copy)
}


NEEDED = ("orders", "campaign_results", "stock")  # tables whose absence every plan should own up to


class Plan(BaseModel):
    """A whole campaign plan; see the module's docstring for where numbers stand. `language`: of the conversation; the copy
    assets carry their own."""

    model_config = ConfigDict(extra="forbid")

    plan_hash: str = ""
    language: str
    created_for: dict[str, Any]
    brief: Brief
    strategy: Strategy
    strategy_id: str
    verdict: dict[str, Any]
    audience: dict[str, Any]
    price: dict[str, Any]
    budget: dict[str, Any]
    calendar: list[dict[str, Any]]
    forecast: dict[str, Any]
    experiment: dict[str, Any]
    stock: list[dict[str, Any]]
    assets: list[dict[str, Any]]
    evidence: dict[str, Any]
    figures: list[Figure]
    risks: list[dict[str, str]]
    notes: list[dict[str, str]]
    unsupported: list[str]
    made_with: dict[str, Any]

    def figure(self, name: str) -> Figure | None:
        """The forecast's, else the first figure of that name."""
        ids = set(self.forecast["figures"])
        named = [figure for figure in self.figures if figure.name == name]
        return next((figure for figure in named if figure.id in ids), named[0] if named else None)


def _created_for(ctx: Context) -> dict[str, Any]:
    """The shop: name, address, currency and the country most of its customers live in (ISO code, where it is known)."""
    country = ctx.workspace.scalar(
        "SELECT country FROM customers WHERE country <> '' GROUP BY country ORDER BY count(*) DESC, country LIMIT 1")
    territories = Locale("en").territories
    codes = {name.lower(): code for code, name in territories.items() if len(code) == 2 and code.isalpha()}
    code = country if country in territories else codes.get(str(country).lower(), "") if country else ""
    settings = ctx.workspace.settings
    return {"shop": str(settings.get("brand") or settings["name"]), "url": str(settings.get("url") or ""),
            "currency": ctx.workspace.currency, "country": code}


def _brief_of(ctx: Context, strategy: Strategy) -> Brief:
    """The brief, or one that says what the strategy itself says when no brief was set."""
    return ctx.brief or Brief(
        audience=strategy.audience, products=strategy.products, budget=strategy.budget, start=strategy.start,
        days=strategy.days, currency=ctx.workspace.currency, language=ctx.language,
        assumed=["objective", "tone", "language"])


def _earlier_split(builder: Builder) -> ToolResult | None:
    """The split made before for this strategy at its budget, as stated or as settled on; a what-if's is not taken."""
    result = builder.earlier("allocate_budget", strategy_id=builder.strategy_id)
    if result is None:
        return None
    stated = next((figure.value for figure in result.figures if figure.name == "budget"), None)
    spent = sum(figure.value for figure in result.figures if figure.name.startswith("spend_"))
    return result if round(builder.strategy.budget, 2) in (stated, round(spent, 2)) else None


def _settle_budget(builder: Builder) -> ToolResult | dict:
    """The budget split; the strategy takes over its shares, so that forecast, calendar and table speak of one split."""
    result = builder.ask("budget", "allocate_budget", _earlier_split(builder), strategy_id=builder.strategy_id)
    if isinstance(result, dict):
        return result
    spends = {figure.name.removeprefix("spend_"): figure.value for figure in result.figures
              if figure.name.startswith("spend_") and figure.value > 0}
    total = sum(spends.values())
    if total > 0 and set(spends) <= set(CHANNELS):
        shares = {channel: spend / total for channel, spend in spends.items()}
        builder.strategy = builder.strategy.model_copy(update={"shares": shares, "budget": round(total, 2)})
        builder.ctx.strategies[builder.strategy_id] = builder.strategy
    return result


def build_plan(ctx: Context, strategy_id: str, *, registry: dict[str, Tool] | None = None) -> Plan:
    """The plan of a strategy: every part computed by its tool; copy and budget split are taken over when already made
    for it. A part that the data cannot support names the missing table. Raises ToolError(retry) for an unknown id."""
    key, strategy = ctx.strategy(strategy_id)
    ctx.calls += 1
    builder = Builder(ctx, registry or PARTS, key, strategy, _brief_of(ctx, strategy), f"c{ctx.calls}",
                      ctx.workspace.data_hash())
    running = ctx.cache.get("running", "")
    leads = lead_products(ctx.workspace, strategy.products, LEADS)
    for text in ctx.results.get("set_brief", {}).get("notes", []):
        builder.note("brief", text)
    builder.names = [shown for name in leads["name"] for shown in (str(name), display_name(str(name)))]
    allocation = _settle_budget(builder)
    job = copy_job(ctx, next(iter(builder.strategy.shares), "email"), strategy_id=key)
    builder.own("days", strategy.days, "days", model="strategy")
    builder.own("discount", strategy.discount, "fraction", model="strategy")
    price, promised = price_part(builder, leads, job_facts(ctx, job)), forecast_part(builder)
    sections: dict[str, Any] = {
        "audience": audience_part(builder), "price": price,
        "budget": budget_part(builder, allocation), "forecast": promised,
        "experiment": experiment_part(builder), "stock": stock_part(builder, price, promised), "assets": assets_part(builder),
        "evidence": evidence_part(builder),
    }
    variants = {asset["channel"]: [variant["id"] for variant in asset["variants"]] for asset in sections["assets"]}
    calendar, unsent = make_calendar(builder.strategy, variants)
    risks, verdict = risks_and_verdict(builder, sections, unsent)
    ctx.cache["running"] = running
    models = sorted({figure.source.get("model", "") for figure in builder.figures.values()} - {""})
    plan = Plan(
        language=builder.language, created_for=_created_for(ctx), brief=builder.brief, strategy=builder.strategy,
        strategy_id=key, verdict=verdict, calendar=calendar, risks=risks, notes=builder.notes,
        figures=list(builder.figures.values()),
        unsupported=sorted({*builder.unsupported, *(name for name in NEEDED if not ctx.workspace.count(name))}),
        made_with={"data": builder.data, "models": models, "seed": ctx.seed}, **sections,
    )
    return plan.model_copy(update={"plan_hash": plan_hash(plan.model_dump(mode="json"))})


def plan_result(plan: Plan) -> ToolResult:
    """What `finish_plan` gives back for a plan."""
    names = ("budget", "days", "discount", "audience_size", "impressions", "clicks", "orders", "revenue", "profit",
             "roas")
    figures = [figure for figure in (plan.figure(name) for name in names) if figure is not None]
    return ToolResult(
        summary={"plan": plan.plan_hash, "unsupported": plan.unsupported}, figures=figures,
        data={"plan": plan.model_dump(mode="json"), "strategy_id": plan.strategy_id},
        notes=[note["text"] for note in plan.notes])
