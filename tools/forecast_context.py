"""What the three strategy tools share: models kept in the context, the brief with its defaults, sentences."""

from __future__ import annotations

import datetime as dt
from typing import TypeVar

from campaignwright.market.export_labels import label
from campaignwright.market.export_numbers import money
from campaignwright.market.ledger import Ledger
from campaignwright.market.words import CHANNELS, Brief
from campaignwright.models import forecast_notes, store
from campaignwright.models.forecast import Forecast, Forecaster
from campaignwright.models.strategy_products import options
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, Figure, ToolError
from campaignwright.tools.brief_reading import ask_first

M = TypeVar("M", bound=store.Model)
UNITS = {
    "impressions": "count",
    "clicks": "count",
    "ctr": "fraction",
    "cvr": "fraction",
    "orders": "count",
    "revenue": "money",
    "profit": "money",
    "roas": "ratio",
}

TEXTS = {
    "en": {
        "no_brief": "No brief yet: this is for {what}, over {days} days from {start}.",
        "budget_assumed": "No budget was stated: {budget}, the median of past campaigns, is assumed.",
        "no_budget": "budget: none is known and there is no past campaign to take one from. Say how much may be spent.",
        "prior_sample": "Only {campaigns} past campaigns: the generator also learned from plain marketing sense.",
        "roas_missed": "No strategy found reaches a ROAS of {asked}; the closest is forecast at {best}.",
        "roas_at": "A ROAS of {asked} would be within reach at a budget of about {budget}.",
        "featured": "No product was named: {n} products are featured, chosen among the shop's best sellers.",
        "cleared": "No product was named: {n} products are featured, chosen among those with the longest stock cover.",
        "loses": "At its best estimate this plan loses money ({profit}).",
        "risky": "The plan may lose money: the low end of the profit is {profit}.",
        "unspent": "{amount} is left over: on {channels} everyone is reached, or one more unit of money would not bring itself back.",
        "weekly_loss": "The shop's weekly revenue shows less than a unit of revenue for a unit spent on {channels} so far.",
        "little_gain": "The last unit of money brings {gain} in revenue: less than it costs.",
        "whole_shop": "the whole shop",
        "currency": "{argument}: expected money in {home}; received {said}, for which no rate is set.",
    },
    "zh": {
        "no_brief": "尚无简报：以下针对{what}，从 {start} 起 {days} 天。",
        "budget_assumed": "未给出预算：假设为历史活动的中位数 {budget}。",
        "no_budget": "budget：没有预算，也没有历史活动可参考。请说明可以花多少钱。",
        "prior_sample": "只有 {campaigns} 个历史活动：生成模型同时参考了一般营销经验，而不仅是本店数据。",
        "roas_missed": "没有找到能达到 ROAS {asked} 的方案；最接近的预测为 {best}。",
        "roas_at": "预算约为 {budget} 时，ROAS {asked} 可以达到。",
        "featured": "没有指定商品：从本店畅销品中选出 {n} 款。",
        "cleared": "没有指定商品：从库存周转最慢的商品中选出 {n} 款。",
        "loses": "按最佳估计，该方案会亏损（{profit}）。",
        "risky": "该方案可能亏损：利润下限为 {profit}。",
        "unspent": "剩余 {amount}：{channels}的人群已全部覆盖，或继续投入收不回成本。",
        "weekly_loss": "从店铺每周收入看，{channels}迄今每花 1 单位带回的收入不足 1 单位。",
        "little_gain": "最后一单位花费只带来 {gain} 的收入，低于其成本。",
        "whole_shop": "全店",
        "currency": "{argument}：应为 {home} 金额；收到 {said}，没有设定汇率。",
    },
}


def language(ctx: Context) -> str:
    """The conversation's language: en or zh. (The brief's is that of the copy.)"""
    return "zh" if ctx.language == "zh" else "en"


def say(ctx: Context, code: str, **slots: object) -> str:
    """A sentence in the conversation's language."""
    return TEXTS[language(ctx)][code].format(**slots)


def cash(ctx: Context, value: float) -> str:
    """An amount as printed in a note."""
    return money(value, ctx.workspace.currency, language(ctx))


def named(ctx: Context, channels: list[str]) -> str:
    """Channel names in the conversation's language."""
    return ("、" if language(ctx) == "zh" else ", ").join(
        label("channel", channel, language(ctx)) for channel in channels
    )


def models_of(ctx: Context, cls: type[M]) -> M:
    """The model of the workspace's present data, loaded or fitted once a session. Raises store.MissingTable."""
    key = f"model {cls.NAME} {ctx.workspace.data_hash()} {ctx.seed}"
    if key not in ctx.cache:
        ctx.cache[key] = store.get(ctx.workspace, cls, seed=ctx.seed)
    return ctx.cache[key]


def forecaster_of(ctx: Context) -> Forecaster:
    """The forecaster of the workspace's present data and approvals, kept in the context."""
    ledger = ctx.workspace.path / "ledger.sqlite"
    approvals = Ledger(ctx.workspace.path).count() if ledger.exists() else 0
    key = f"forecaster {ctx.workspace.data_hash()} {approvals} {ctx.seed}"
    if key not in ctx.cache:
        ctx.cache[key] = Forecaster(ctx.workspace, ctx.seed)
    return ctx.cache[key]


def amount_of(ctx: Context, said: str, *, current: float | None = None, argument: str = "budget") -> float:
    """Money as said, in the workspace's currency. Raises ToolError(retry) for a currency without a rate."""
    home = ctx.workspace.currency
    value, code = normalise.money(said, currency=home, current=current, argument=argument)
    rate = 1.0 if code == home else (ctx.workspace.settings.get("rates") or {}).get(code)
    if rate is None:
        raise ToolError(say(ctx, "currency", argument=argument, said=code, home=home), retry=True, argument=argument)
    return round(value * float(rate), 2)


def brief_of(ctx: Context, budget: float | None = None) -> tuple[Brief, list[str]]:
    """The brief with start and budget (the given one first) filled in, and notes on what was assumed here.

    Raises ToolError without any budget, and while it is open which products are meant.
    """
    ask_first(ctx)
    brief, notes = ctx.brief or Brief(language=language(ctx), currency=ctx.workspace.currency), []
    start = brief.start or ctx.today + dt.timedelta(days=7 - ctx.today.weekday())
    brief = brief.model_copy(update={"start": start})
    if ctx.brief is None:
        notes.append(say(ctx, "no_brief", what=say(ctx, "whole_shop"), days=brief.days, start=start.isoformat()))
    if budget is not None:
        brief = brief.model_copy(update={"budget": budget})
    if brief.budget is None:
        usual = ctx.workspace.scalar("SELECT median(budget) FROM campaigns WHERE budget > 0")
        if not usual:
            raise ToolError(say(ctx, "no_budget"), retry=True, argument="budget")
        brief = brief.model_copy(update={"budget": round(float(usual), 2)})
        notes.append(say(ctx, "budget_assumed", budget=cash(ctx, brief.budget)))
    return brief, notes


def product_options(ctx: Context, brief: Brief) -> list[tuple[str, ...]]:
    """The brief's products, else product sets worth featuring."""
    return [tuple(brief.products)] if brief.products else options(ctx.workspace, brief.objective)


def figures_of(ctx: Context, made: Forecast, names: tuple[str, ...], *, suffix: str = "") -> list[Figure]:
    """Figures of a forecast under their contract names, those that are defined."""
    out = []
    for name in names:
        if name in made.figures:
            value, low, high = (_tidy(number, UNITS[name]) for number in made.figures[name])
            out.append(
                ctx.figure(name + suffix, value, UNITS[name], low=low, high=high, model=made.model, rows=made.rows)
            )
    return out


def _tidy(value: float, unit: str) -> float:
    """Cents, whole counts, four digits of a fraction, two of a ratio."""
    return {"money": round(value, 2), "count": float(round(value)), "fraction": round(value, 5)}.get(
        unit, round(value, 3)
    )


def notes_of(ctx: Context, made: Forecast) -> list[str]:
    """A forecast's assumptions as sentences."""
    names = {channel: label("channel", channel, language(ctx)) for channel in CHANNELS}
    return [forecast_notes.text(note, language(ctx), names) for note in made.notes]


def money_notes(ctx: Context, made: Forecast) -> list[str]:
    """A warning when the plan may lose money."""
    if "profit" not in made.figures:
        return []
    value, low, _ = made.figures["profit"]
    if value < 0:
        return [say(ctx, "loses", profit=cash(ctx, value))]
    return [say(ctx, "risky", profit=cash(ctx, low))] if low < 0 else []
