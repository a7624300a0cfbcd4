"""What may go wrong with a plan, said with its own figures, and the verdict a marketer reads first.

Sentences come from `data/plan_texts.json`; their numbers are figure slots. Thresholds stand here, in the open.
"""

from __future__ import annotations

import math
from typing import Any

from scipy.stats import norm

from campaignwright.market.export_labels import label
from campaignwright.market.export_numbers import day
from campaignwright.market.words import OWNED_CHANNELS
from campaignwright.tools.base import Figure
from campaignwright.tools.plan_parts import Builder
from campaignwright.tools.plan_spend import better_spend, milder_offer
from campaignwright.tools.write_copy import sentence

WORTH_SAYING = 0.1  # a chance below this is not worth a sentence
LIKELY = 0.25  # from this chance on the verdict is "with care"
LITTLE_DATA = 30  # rows behind a forecast
Z80 = float(norm.ppf(0.9))  # half-width of an 80 % interval in standard deviations


def chance_below(floor: float, value: float, low: float, high: float) -> float:
    """P(x < floor) for a quantity with this 80 % interval: log-normal through it when positive, else normal; 0-1."""
    if low > 0 and high > low and floor > 0:
        spread = (math.log(high) - math.log(low)) / (2 * Z80)
        return float(norm.cdf((math.log(floor) - (math.log(low) + math.log(high)) / 2) / spread))
    if high > low:
        return float(norm.cdf((floor - value) / ((high - low) / (2 * Z80))))
    return float(value < floor)


def _said(builder: Builder, code: str, /, figures: dict[str, Figure | None] | None = None, **slots: object) -> dict:
    """A risk: code and sentence whose figure slots name ids."""
    text = sentence(code, builder.language, **slots)
    for name, figure in (figures or {}).items():
        if figure is not None:
            text = text.replace(f"{{fig:{name}}}", f"{{fig:{figure.id}}}")
            text = text.replace(f"{{range:{name}}}", f"{{range:{figure.id}}}")
    return {"code": code.removeprefix("risk_"), "text": text}


def _named(builder: Builder, ids: list[str]) -> dict[str, Figure]:
    return {builder.figures[key].name: builder.figures[key] for key in ids}


def roas_miss(builder: Builder, found: dict[str, Figure]) -> Figure | None:
    """The figure for the chance that ROAS ends under the brief's floor; None without floor or forecast."""
    roas, floor = found.get("roas"), builder.brief.min_roas
    if roas is None or not floor or builder.strategy.budget <= 0:
        return None
    low, high = (roas.value if edge is None else edge for edge in (roas.low, roas.high))
    chance = round(chance_below(floor, roas.value, low, high), 3)
    return builder.own("roas_miss", chance, "fraction", model="log-normal through the forecast's interval",
                       rows=roas.source.get("rows", 0))


def _money_risks(builder: Builder, found: dict[str, Figure], miss: Figure | None) -> list[dict]:
    risks, profit = [], found.get("profit")
    figures = {**found, "roas_miss": miss}
    if profit is not None and profit.value < 0:
        better = better_spend(builder)
        if better:
            figures |= {"better_spend": better[0], "better_profit": better[1]}
        risks.append(_said(builder, "risk_negative_spend" if better else "risk_negative", figures))
    elif profit is not None and profit.low is not None and profit.low < 0:
        risks.append(_said(builder, "risk_loss", figures))
    if profit is not None and (milder := milder_offer(builder, profit.value)):
        figures |= dict(zip(("milder_discount", "milder_profit", "milder_revenue"), milder, strict=True))
        without = sentence("without_bundle" if builder.strategy.offer == "bundle" else "without_discount", builder.language)
        risks.append(_said(builder, "risk_milder" if milder[0].value else "risk_no_offer", figures, without=without))
    if miss is not None and miss.value >= WORTH_SAYING:
        floor = f"{builder.brief.min_roas:g}"
        code = "risk_roas_below" if found["roas"].value < builder.brief.min_roas else "risk_roas"
        risks.append(_said(builder, code, figures, floor=floor))
    rows = min((figure.source.get("rows", 0) for figure in found.values()), default=LITTLE_DATA)
    if found and rows < LITTLE_DATA:
        risks.append(_said(builder, "risk_rows", rows=rows))
    return risks


def _stock_risks(builder: Builder, stock: list[dict]) -> list[dict]:
    risks = []
    for row in stock:
        found = _named(builder, row["figures"])
        risk = found.get("stockout_risk")
        if risk is None or risk.value < WORTH_SAYING:
            continue
        names = {"risk": risk, "stock": found.get("stock_units"), "demand": found.get("demand_units"),
                 "reorder": found.get("reorder_units"), "date": found.get("reorder_date"),
                 "lead": found.get("lead_days")}
        if names["stock"] is None or names["demand"] is None:
            continue
        code = "risk_stock"
        if builder.brief.objective == "clearance":
            code = "risk_stock_clear"
        elif all(names[name] is not None for name in ("reorder", "date", "lead")) and names["reorder"].value > 0:
            code = "risk_stock_late" if row["late"] else "risk_stock_order"
        risks.append(_said(builder, code, names, product=row["name"]))
    return risks


def _price_risks(builder: Builder, price: dict[str, Any]) -> list[dict]:
    if "discount" not in price["facts"]:
        return []
    discount = builder.figures[price["facts"]["discount"]["figure"]]
    for product in price["products"]:
        best = _named(builder, product["advice"]).get("discount")
        if product.get("cut") is False:
            return [_said(builder, "risk_price", product=product["name"])]
        if best is not None and 0 < best.value < discount.value - 0.02:
            return [_said(builder, "risk_deeper", {"discount": discount, "best": best}, product=product["name"])]
    return []


def _channels(builder: Builder, channels: list[str]) -> str:
    names = [label("channel", channel, builder.language) for channel in channels]
    return ("、" if builder.language == "zh" else ", ").join(names)


def _strangers(builder: Builder, audience: dict[str, Any]) -> list[dict]:
    """Paid channels of a plan for known customers: their curves are not limited by the audience's size."""
    strategy, size = builder.strategy, _named(builder, audience["figures"]).get("audience_size")
    paid = [channel for channel in strategy.shares if channel not in OWNED_CHANNELS]
    if size is None or not paid or strategy.budget <= 0 or strategy.audience in ("all", "new"):
        return []
    return [_said(builder, "risk_strangers", {"size": size}, channels=_channels(builder, paid))]


def _other_risks(builder: Builder, sections: dict[str, Any], unsent: list[str]) -> list[dict]:
    risks = _strangers(builder, sections["audience"])
    unspent = (sections["budget"].get("unspent") or {}).get("figure")
    if unspent and builder.figures[unspent].value > 0.01 * builder.strategy.budget:
        risks.append(_said(builder, "risk_unspent", {"unspent": builder.figures[unspent]}))
    if not sections["experiment"]["possible"]:
        risks.append(_said(builder, "risk_experiment"))
    if unsent:
        frequency = f"{builder.strategy.weekly_frequency:g}"
        risks.append(_said(builder, "risk_frequency", frequency=frequency, channels=_channels(builder, unsent)))
    if builder.strategy.start < builder.ctx.today:
        start = day(builder.strategy.start, builder.language, builder.brief.currency)
        risks.append(_said(builder, "risk_past", start=start))
    empty = [asset["channel"] for asset in sections["assets"] if not asset["variants"]]
    if empty:
        risks.append(_said(builder, "risk_copy", channels=_channels(builder, empty)))
    return risks


def risks_and_verdict(builder: Builder, sections: dict[str, Any], unsent: list[str]) -> tuple[list[dict], dict]:
    """(risks, verdict). Stop: a loss is expected, or the ROAS floor is expected to be missed. With care: the interval
    includes a loss, the floor may be missed, or stock may run out. Else go."""
    found = _named(builder, sections["forecast"]["figures"])
    miss = roas_miss(builder, found)
    stock = _stock_risks(builder, sections["stock"])
    risks = [*_money_risks(builder, found, miss), *stock, *_price_risks(builder, sections["price"]),
             *_other_risks(builder, sections, unsent)]
    figures = {**found, "roas_miss": miss}
    profit, roas = found.get("profit"), found.get("roas")
    if profit is None:
        return risks, {**_said(builder, "verdict_unknown"), "code": "unknown", "reasons": []}
    reasons = []
    if profit.low is not None and profit.low < 0 <= profit.value:
        reasons.append(_said(builder, "why_loss")["text"])
    if miss is not None and miss.value >= LIKELY:
        reasons.append(_said(builder, "why_roas", figures)["text"])
    if builder.brief.objective != "clearance" and any(
           builder.figures[key].name == "stockout_risk" and builder.figures[key].value >= LIKELY
           for row in sections["stock"] for key in row["figures"]):
        reasons.append(_said(builder, "why_stock")["text"])
    missed = miss is not None and roas is not None and roas.value < builder.brief.min_roas
    code = "stop" if profit.value < 0 or missed else "caution" if reasons else "go"
    free = roas is None or builder.strategy.budget <= 0
    template = "verdict_no_budget" if free and code != "stop" else f"verdict_{code}"
    return risks, {**_said(builder, template, figures), "code": code, "reasons": reasons}
