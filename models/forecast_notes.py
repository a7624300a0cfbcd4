"""What a forecast had to assume, as codes with arguments: the tools put them into the marketer's language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from campaignwright.market.export_numbers import money
from campaignwright.market.words import CHANNELS, OFFERS
from campaignwright.models import response_priors as prior
from campaignwright.models.forecast_draws import OFFER_COST, RETURNED_RANGE

if TYPE_CHECKING:
    from campaignwright.models.forecast import Forecaster
    from campaignwright.models.strategy_space import Batch

SEVERAL = 3  # approved plans with results from which they are spoken of
WIDER = {"en": {True: "wider", False: "narrower"}, "zh": {True: "放宽", False: "收窄"}}
TEXTS = {
    "en": {
        "prior_rates": "No past results for {channels}: rates are published averages, so the interval is wide.",
        "prior_curve": "No past spend on {channels}: reach per money is a published average.",
        "no_conversions": "Past results of {channels} carry no orders or revenue: averages stand in.",
        "no_cost": "No product cost is known: profit assumes a gross margin of {margin} % ({low}-{high} %).",
        "no_returns": "No orders are known: {share} % of sales are assumed to be sent back ({low}-{high} %).",
        "no_orders": "No orders are known: an order is assumed to be worth {value}.",
        "no_customers": "No customers are known: messages are not limited by the size of the audience.",
        "nobody": "Nobody in this audience can be reached by {channels} (no recorded consent or number).",
        "uncalibrated": "Past campaigns with complete results: {campaigns}. Intervals are checked only from 30 on.",
        "offer_cost": "The offer is assumed to cost {cost} an order.",
        "record": "Of the {count} approved plans that have run, {held} brought revenue within the 80 % interval promised; "
        "the intervals here are {wider} for it.",
        "attributed": "Orders and revenue are as channels report them; some would have come anyway.",
    },
    "zh": {
        "prior_rates": "{channels}没有历史效果数据：点击率和转化率取公开平均值，因此区间较宽。",
        "prior_curve": "{channels}没有历史花费：每单位花费的触达取公开平均值，并非本店数据。",
        "no_conversions": "{channels}的历史数据没有订单或收入：其转化率和客单价取平均值。",
        "no_cost": "没有商品成本数据：利润按毛利率 {margin}% 假设（区间覆盖 {low}–{high}%）。",
        "no_returns": "没有订单数据：假设 {share}% 的销售额会退货（{low}–{high}%）。",
        "no_orders": "没有订单数据：客单价假设为 {value}。",
        "no_customers": "没有客户数据：自有渠道的发送量未按人群规模限制。",
        "nobody": "{channels}无法触达这一人群（没有记录同意或联系方式）。",
        "uncalibrated": "结果完整的历史活动：{campaigns} 个，满 30 个才能校准区间。",
        "offer_cost": "假设该优惠每单成本 {cost}。",
        "record": "已批准并执行完的 {count} 个方案里，有 {held} 个的收入落在当时承诺的 80% 区间内；这里的区间因此{wider}。",
        "attributed": "订单和收入为渠道口径，其中一部分即使不做活动也会发生。",
    },
}


def _note(code: str, **arguments: Any) -> dict[str, Any]:
    return {"code": code, **arguments}


def of(batch: Batch, forecaster: Forecaster) -> list[dict[str, Any]]:
    """Notes on a batch of one strategy."""
    shop, response, curves = forecaster.shop, forecaster.response, forecaster.curves
    calibration, record = forecaster.calibration, forecaster.record
    used = np.flatnonzero(batch.shares[0] > 0)
    notes = []

    def listed(mask: np.ndarray) -> list[str]:
        return [CHANNELS[c] for c in used if mask[c]]

    no_rates = response.stages["ctr"].counts == 0
    if names := listed(no_rates):
        notes.append(_note("prior_rates", channels=names))
    if names := listed((curves.counts == 0) & ~no_rates):
        notes.append(_note("prior_curve", channels=names))
    if names := listed(~no_rates & ((response.stages["cvr"].counts == 0) | (response.stages["aov"].counts == 0))):
        notes.append(_note("no_conversions", channels=names))
    if names := listed(prior.OWNED & (shop.reach(str(batch.audience[0])) <= 0)):
        notes.append(_note("nobody", channels=names))
    if not shop.knows_reach() and prior.OWNED[used].any():
        notes.append(_note("no_customers"))
    if shop.returned is None:
        low, high = RETURNED_RANGE
        notes.append(_note("no_returns", share=f"{50 * (low + high):g}", low=f"{100 * low:g}", high=f"{100 * high:g}"))
    economics = shop.economics(batch.products[0])
    if economics.aov_sd > 0:
        notes.append(_note("no_orders", value=round(economics.aov), currency=shop.workspace.currency))
    cost = OFFER_COST.get(OFFERS[int(batch.offer[0])])
    if cost:
        notes.append(_note("offer_cost", cost=round(cost * shop.scale, 2), currency=shop.workspace.currency))
    if not economics.cost_known:
        notes.append(_note("no_cost", margin=38, low=23, high=53))
    if not calibration.metrics.get("calibrated"):
        notes.append(_note("uncalibrated", campaigns=calibration.metrics.get("campaigns", 0)))
    held, count = record.held.get("revenue", (0, 0))
    if count >= SEVERAL:
        notes.append(_note("record", count=count, held=held, wider=record.factor["revenue"] > 1))
    return notes


def text(note: dict[str, Any], language: str, channel_names: dict[str, str] | None = None) -> str:
    """The sentence of a note in `language` (en | zh)."""
    arguments = dict(note)
    for name in ("value", "cost"):
        if name in note:
            arguments[name] = money(note[name], note["currency"], language)
    if "wider" in note:
        arguments["wider"] = WIDER["zh" if language == "zh" else "en"][note["wider"]]
    names = channel_names or {}
    if "channels" in arguments:
        comma = "、" if language == "zh" else ", "
        arguments["channels"] = comma.join(names.get(channel, channel) for channel in arguments["channels"])
    return TEXTS["zh" if language == "zh" else "en"][note["code"]].format(**arguments)
