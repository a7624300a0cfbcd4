"""What the logs of past mailings say about a plan, asked when it is approved: does mailing its audience beat what was sent?

A past mailing counts when it was aimed at the plan's audience, chance decided who got it, and the chances were logged. The
answer is one sentence and never stops an approval: the marketer decides, and everything that is exported is paused.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from campaignwright.market import export_numbers
from campaignwright.market.export_labels import label
from campaignwright.market.words import OWNED_CHANNELS
from campaignwright.market.workspace import Workspace
from campaignwright.models.off_policy import MEAN_WEIGHT, MIN_EFFECTIVE, Z95
from campaignwright.models.uplift import UpliftModel
from campaignwright.tools.base import Context
from campaignwright.tools.customer_texts import optional, say


def check(plan: dict[str, Any], workspace: Workspace) -> str:
    """One sentence in the plan's language: passed, not passed and why, or why past mailings cannot tell."""
    ctx = Context(workspace, dt.date.today(), language=plan["language"])
    strategy = plan["strategy"]
    if not any(strategy["shares"].get(channel, 0) > 0 for channel in OWNED_CHANNELS):
        return say(ctx, "check_paid")
    audience = label("audience", strategy["audience"], "zh" if ctx.language == "zh" else "en")
    aimed = workspace.query("SELECT campaign_id FROM campaigns WHERE audience = ?", [strategy["audience"]])["campaign_id"]
    model = optional(ctx, UpliftModel) if len(aimed) else None
    found = [model.campaigns[key]["mail_all"] for key in aimed if key in model.campaigns] if model is not None else []
    found = [one for one in found if one is not None]
    if not found:
        return say(ctx, "check_none", audience=audience)
    pooled = pool(found)
    words = {name: f"{100 * pooled[name]:.2f}" for name in ("gain", "gain_low", "gain_high")}  # orders per 100 customers
    words |= {"audience": audience, "mailings": len(found), "customers": f"{pooled['rows']:,}", "n": f"{pooled['effective']:,.0f}"}
    if pooled["problems"]:
        return say(ctx, "check_failed", why=gate_reasons(ctx, pooled), **words)
    return say(ctx, "check_passed", **words)


def pool(gates: list[dict[str, Any]]) -> dict[str, Any]:
    """The gates of several mailings as one, weighted by their rows; other customers in each, so their errors are independent.

    A customer who was in several counts in each: the interval is then a little too narrow."""
    rows = np.array([one["rows"] for one in gates], float)
    share = rows / rows.sum()

    def mean(name: str) -> float:
        return float(share @ np.array([one[name] for one in gates]))

    errors = np.array([one["gain_high"] - one["gain_low"] for one in gates]) / (2 * Z95)
    gain, error = mean("gain"), float(np.sqrt(((share * errors) ** 2).sum()))
    effective, weight = float(sum(one["effective"] for one in gates)), mean("mean_weight")
    problems = (["few"] if effective < MIN_EFFECTIVE else []) + (["weights"] if abs(weight - 1) > MEAN_WEIGHT else [])
    return {"rows": int(rows.sum()), "gain": gain, "gain_low": gain - Z95 * error, "gain_high": gain + Z95 * error,
            "effective": effective, "mean_weight": weight, "problems": problems + (["gain"] if gain - Z95 * error <= 0 else [])}


def gate_reasons(ctx: Context, found: dict[str, Any]) -> str:
    """Why a gate did not pass, as the end of a sentence."""
    low, high = (export_numbers.percent(found[name], ctx.language) for name in ("gain_low", "gain_high"))
    return say(ctx, "and").join(
        say(ctx, f"gate_{problem}", n=f"{found['effective']:,.0f}", need=f"{MIN_EFFECTIVE:,.0f}", weight=f"{found['mean_weight']:.2f}",
            low=low, high=high) for problem in found["problems"])
