"""The tool `read_out`: what a finished campaign did, measured against its control where it had one."""

from __future__ import annotations

from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from campaignwright.market import export_numbers
from campaignwright.market.ledger import Ledger
from campaignwright.models import experiment, store
from campaignwright.models.pricing import PriceModel
from campaignwright.models.uplift import HISTORY, UpliftModel
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, Figure, Said, ToolResult, tool
from campaignwright.tools.customer_texts import optional, say
from campaignwright.tools.plan_check import gate_reasons

RESULTS = """
SELECT channel, sum(impressions) AS impressions, sum(clicks) AS clicks, sum(conversions) AS conversions, sum(spend) AS spend,
       sum(revenue) AS revenue, count(*) AS n FROM campaign_results WHERE campaign_id = ? GROUP BY 1 ORDER BY 1"""


@tool
def read_out(
    ctx: Context,
    campaign: Annotated[Said, Field(description="the past campaign, as said")],
) -> ToolResult:
    """Effect of a past campaign with its interval, forecast against actual, and whether it was worth it."""
    key = normalise.campaign(campaign, ctx.workspace, ctx.today)
    about = ctx.workspace.query("SELECT coalesce(name, campaign_id) AS name, source, coalesce(products, []) AS products, "
                                "coalesce(discount, 0) AS discount FROM campaigns WHERE campaign_id = ?", [key]).iloc[0]
    results = ctx.workspace.query(RESULTS, [key])
    rows = ctx.workspace.query("SELECT * FROM exposures WHERE campaign_id = ? ORDER BY customer_id", [key])
    effect = experiment.read_exposures(rows, ctx.seed)
    study = _study(ctx, key)
    chance = bool(len(rows)) and bool(rows["randomised"].fillna(False).all())
    if effect and not chance and study is not None:
        effect["all"] |= study["adjusted"]
    money = _money(ctx, results, rows, effect, about)
    verdict, notes = _judge(ctx, about, effect, money, chance)
    notes += _arm_notes(ctx, study, effect)
    if len(rows):
        notes.append(_off_policy_note(ctx, study, rows))
    notes += _forecast_note(ctx, key, str(about["name"]))
    if effect and not chance:
        notes.append(say(ctx, "not_randomised" if study is not None else "not_adjusted", name=about["name"]))
    if about["source"] == "hillstrom":
        notes.append(say(ctx, "other_shop"))
    if results.empty and rows.empty:
        notes.append(say(ctx, "no_results", name=about["name"]))
    data = {"campaign_id": key, "effect": effect, "money": money, "channels": results.drop(columns="n").to_dict("records"), "study": study}
    figures = _figures(ctx, rows, results, effect, money)
    return ToolResult(summary={"campaign": str(about["name"]), "verdict": verdict}, figures=figures, data=_clean(data), notes=notes)


def _money(ctx: Context, results: pd.DataFrame, rows: pd.DataFrame, effect: dict, about: pd.Series) -> dict[str, Any]:
    """Revenue, spend, margin (None unknown), and against control the incremental revenue with its 80 % interval."""
    prices = optional(ctx, PriceModel)
    known = [one for one in about["products"] if prices is not None and one in prices.table.index]
    facts = prices.economics(known) if prices is not None else {"cost_known": False}
    margin = 1 - facts["cost"] / (facts["price"] * (1 - about["discount"])) if facts["cost_known"] else None
    revenue = float(results["revenue"].sum()) if results["revenue"].notna().any() else None
    spend = float(results["spend"].sum()) if results["spend"].notna().any() else None
    treated = rows[rows["arm"] != "control"]
    if revenue is None and treated["spend"].notna().any():
        revenue = float(treated["spend"].sum())
    money: dict[str, Any] = {"revenue": revenue, "spend": spend, "margin": margin, "incremental": None}
    if effect and "spend_a_head" in effect["all"]:
        money["incremental"] = [value * len(treated) for value in effect["all"]["spend_a_head"]]
        owned = results[results["channel"].isin(("email", "sms", "push", "wechat"))]
        money["spend_on_treated"] = float(owned["spend"].fillna(0).sum())  # ads reached both arms: their money is in neither
    return money


def _profit(money: dict[str, Any]) -> tuple[float, float | None, float | None] | None:
    """(profit, low, high): of the increment where there is a control, else of what the channels report; None without margin."""
    if money["margin"] is None:
        return None
    if money["incremental"]:
        return tuple(value * money["margin"] - money["spend_on_treated"] for value in money["incremental"])
    if money["revenue"] is None or money["spend"] is None:
        return None
    return money["revenue"] * money["margin"] - money["spend"], None, None


def _judge(ctx: Context, about: pd.Series, effect: dict, money: dict[str, Any], chance: bool) -> tuple[str, list[str]]:
    """The verdict and why. Without a control only a campaign that lost even on reported sales can be judged: as bad. Where
    chance did not decide who got it, good is not proved either (managers pick those who would have bought)."""
    profit, notes = _profit(money), []
    if profit is None and (money["revenue"] is not None):
        notes.append(say(ctx, "no_margin"))
    if effect:
        if profit is not None:
            notes.append(say(ctx, "control_profit"))
            found = experiment.verdict(profit[1], profit[2])
        else:
            one = effect["all"].get("conversion") or effect["all"].get("visit")
            found = experiment.verdict(one["difference_low"], one["difference_high"])
        return found if chance or found == "bad" else "inconclusive", notes
    notes.insert(0, say(ctx, "no_control", name=about["name"]))
    earned = profit[0] if profit is not None else (
        money["revenue"] - money["spend"] if money["revenue"] is not None and money["spend"] is not None else 0.0)
    if earned < 0 and money["revenue"]:
        return "bad", [*notes, say(ctx, "surely_lost")]
    return "inconclusive", notes


def _study(ctx: Context, key: str) -> dict[str, Any] | None:
    model = optional(ctx, UpliftModel)
    return model.campaigns.get(key) if model is not None else None


def _arm_notes(ctx: Context, study: dict[str, Any] | None, effect: dict) -> list[str]:
    """Best version, whether choosing by customer pays, whom to leave alone: each with its 95 % interval."""
    if study is None or not effect:
        return []
    arm = _arm(ctx, study["best_single"])
    notes = [say(ctx, "best_arm", arm=arm)] if len(study["arms"]) > 2 else []
    notes.append(say(ctx, "personal" if study["personalising_pays"] else "no_personal", arm=arm,
                     **_percents(ctx, gain=study["gain"], low=study["gain_low"], high=study["gain_high"])))
    last = study["leave_alone"]
    who = [f"{one['feature']} {one['theirs']:,.3g} ({one['others']:,.3g})" for one in last["who"]
           if "=" not in one["feature"] and one["feature"] not in HISTORY]
    notes.append(say(ctx, f"leave_{last['verdict']}", arm=_arm(ctx, last["arm"]), n=f"{last['customers']:,}",
                     **_percents(ctx, effect=last["effect"], low=last["low"], high=last["high"])))
    if who and last["verdict"] != "moved":
        notes.append(say(ctx, "leave_who", who=", ".join(who)))
    return notes


def _off_policy_note(ctx: Context, study: dict[str, Any] | None, rows: pd.DataFrame) -> str:
    """Whether another choice, one version for everyone, is proved better than what was sent; or why that cannot be computed."""
    if study is None:
        return say(ctx, "ope_small" if len(rows) and rows["propensity"].notna().all() else "ope_cannot")
    found = study["off_policy"]
    if found is None:
        return say(ctx, "ope_cannot")
    words = _percents(ctx, gain=found["gain"], low=found["gain_low"], high=found["gain_high"], value=found["value"],
                      incumbent=found["incumbent"]) | {"arm": _arm(ctx, found["arm"])}
    if found["passed"]:
        return say(ctx, "ope_passed", n=f"{found['effective']:,.0f}", **words)
    return say(ctx, "ope_failed", why=gate_reasons(ctx, found), **words)


def _arm(ctx: Context, name: str) -> str:
    return say(ctx, "arm_control") if name == "control" else name.replace("_", " ")


def _percents(ctx: Context, **values: float) -> dict[str, str]:
    return {name: export_numbers.percent(value, ctx.language) for name, value in values.items()}


def _forecast_note(ctx: Context, key: str, name: str) -> list[str]:
    """What was forecast at approval, for a campaign that ran an approved plan."""
    if not (ctx.workspace.path / "ledger.sqlite").exists():
        return []
    ledger = Ledger(ctx.workspace.path)
    for frozen in (ledger.forecast(digest).get("revenue") for digest in ledger.campaigns_of([(key, name)])):
        if frozen:
            printed = [export_numbers.money(float(frozen[part]), ctx.workspace.currency, ctx.language)
                       for part in ("value", "low", "high")]
            return [say(ctx, "forecast_was", value=printed[0], low=printed[1], high=printed[2])]
    return []


def _figures(ctx: Context, rows: pd.DataFrame, results: pd.DataFrame, effect: dict, money: dict[str, Any]) -> list[Figure]:
    source = {"model": f"newcombe, bootstrap; {store.version(PriceModel)}", "rows": len(rows) + int(results["n"].sum())}
    figures = []
    if effect:
        one = effect["all"].get("conversion") or effect["all"].get("visit")
        figures.append(ctx.figure("uplift", round(one["relative"], 4), "fraction", low=round(one["relative_low"], 4),
                                  high=round(one["relative_high"], 4), **source))
    if money["revenue"] is not None:
        figures.append(ctx.figure("actual_revenue", round(money["revenue"], 2), "money", **source))
    profit = _profit(money)
    if profit is not None:
        low, high = (None if value is None else round(value, 2) for value in profit[1:])
        figures.append(ctx.figure("actual_profit", round(profit[0], 2), "money", low=low, high=high, **source))
    if money["revenue"] is not None and money["spend"]:
        figures.append(ctx.figure("actual_roas", round(money["revenue"] / money["spend"], 3), "ratio", **source))
    if money["spend"] is not None:
        figures.append(ctx.figure("spend", round(money["spend"], 2), "money", **source))
    if len(rows):
        figures.append(ctx.figure("sample_size", float(len(rows)), "count", **source))
    return figures


def _clean(value: Any) -> Any:
    """JSON-ready: NaN as None, tuples as lists."""
    if isinstance(value, dict):
        return {key: _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return None if isinstance(value, float) and value != value else value
