"""What tools answer, as the model sees it, and the expert's steps and words after it.

Results are synthetic but shaped exactly like `ToolResult.for_model` of the real tools; they hold names of figures,
never numbers, so nothing numeric can be learnt from them.
"""

from __future__ import annotations

import json
import random
import re
from typing import Any

from campaignwright.finetune.compose import Composer
from campaignwright.finetune.surface import read_json
from campaignwright.finetune.troubles import conflicts
from campaignwright.market.words import CHANNELS, OBJECTIVES
from campaignwright.tools.brief_texts import say

FIGURES: dict[str, list[str]] = {
    "search_campaigns": ["past_campaigns", "past_roas", "past_discount", "past_revenue"],
    "profile_audience": ["audience_size", "recency_days", "frequency", "value", "churn_risk", "aov", "send_hour"],
    "generate_strategies": ["budget", "discount", "profit", "revenue", "roas", "orders"],
    "forecast": ["impressions", "clicks", "ctr", "cvr", "orders", "revenue", "profit", "roas"],
    "optimize_price": ["price", "discount", "elasticity", "breakeven_lift", "profit", "margin", "competitor_price"],
    "allocate_budget": ["budget", "marginal_return", "budget_unspent"],
    "check_stock": [
        "stock_units",
        "stock_days",
        "demand_units",
        "days",
        "stockout_risk",
        "reorder_units",
        "reorder_date",
        "lead_days",
    ],
    "design_test": ["holdout", "sample_size", "mde", "days", "audience_size", "min_effect"],
    "read_out": ["uplift", "actual_revenue", "actual_profit", "actual_roas", "spend", "sample_size"],
    "finish_plan": [
        "budget",
        "days",
        "discount",
        "audience_size",
        "impressions",
        "clicks",
        "orders",
        "revenue",
        "profit",
        "roas",
    ],
}
NEEDS = {
    "search_campaigns": "campaigns",
    "check_stock": "stock",
    "optimize_price": "prices",
    "read_out": "exposures",
    "profile_audience": "customers",
    "recommend_products": "order_lines",
    "forecast": "campaign_results",
}
STILL = ("still_other", "still_audience", "still_price", "still_products", "still_recommend", "still_demand", "still_evidence")


def call(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """An assistant message that calls one tool."""
    return {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"type": "function", "function": {"name": name, "arguments": arguments}}],
    }


def result(content: dict[str, Any]) -> dict[str, Any]:
    """A tool message."""
    return {"role": "tool", "content": json.dumps(content, ensure_ascii=False)}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def says(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def cited(text: str) -> set[str]:
    """The figures that a text cites, without the ends of their intervals."""
    return {re.sub("_(low|high)$", "", name) for name in re.findall(r"{fig:(\w+)}", text)}


class Results:
    """Draws tool results and the words that are true after them."""

    def __init__(self, rng: random.Random, *, dev: bool = False) -> None:
        self.rng, self.dev = rng, dev
        self.composer = Composer(rng, dev=dev)
        self.told, self.talk = read_json("narratives.json"), read_json("talk_more.json")

    # -- results and words -------------------------------------------------------------------------------------------

    def brief_of(self, args: dict[str, Any], lang: str, missing: list[str] | None = None) -> dict[str, Any]:
        """What set_brief answers."""
        unstated = [
            name for name in ("objective", "products", "audience", "budget", "start", "days") if name not in args
        ]
        brief = {
            "objective": args.get("objective", "revenue"),
            "audience": args.get("audience", "all"),
            "channels": args.get("channels", []),
            "tone": args.get("tone", "neutral"),
            "language": args.get("language", lang),
        }
        missing = missing or []
        return {
            "ok": True,
            "brief": brief,
            "missing": missing,
            "assumed": [name for name in unstated if name not in missing],
            "conflicts": [line for name in missing for line in conflicts(name, args, lang, self.composer)],
        }

    def outcome(self, tool: str, args: dict[str, Any], lang: str) -> tuple[dict[str, Any], str]:
        """A result of `tool` as the model sees it, and the condition for its words."""
        rng = self.rng
        product = args.get("product") or self.composer.product(lang)
        condition, content = "any", {}
        if tool == "search_campaigns":
            found = rng.choice([0, 1, 3, 5, 5])
            content = {
                "found": found,
                "campaign": self.composer.pick(read_json("catalogue.json")["campaigns"][lang]) if found else None,
            }
            condition = "any" if found else "none"
        elif tool == "profile_audience":
            content = {"audience": args.get("audience", "all")}
        elif tool == "generate_strategies":
            ids = [f"s{i}" for i in range(1, rng.choice([3, 3, 4, 5]) + 1)]
            content = {"best": rng.choice(ids[:2]) if rng.random() < 0.3 else "s1", "ids": ids}
        elif tool == "forecast":
            content = {"strategy_id": args.get("strategy_id", "s1")}
            changes = {"discount", "budget", "channels", "audience", "days"} & set(args)
            condition = "discount" if changes == {"discount"} else "changed" if changes else "any"
        elif tool == "optimize_price":
            content = {"product": product, "cut": rng.random() < 0.5}
            condition = "true" if content["cut"] else "false"
        elif tool == "allocate_budget":
            content = {"channels": rng.sample(CHANNELS, rng.randint(1, 4))}
        elif tool == "recommend_products":
            content = {"products": [self.composer.product(lang) for _ in range(rng.randint(2, 3))]}
        elif tool == "check_stock":
            condition = rng.choice(["low", "high"])
            content = {"product": product, "risk": condition}
        elif tool == "design_test":
            content = {"possible": rng.random() < 0.7}
            condition = "true" if content["possible"] else "false"
        elif tool == "read_out":
            condition = rng.choice(["good", "bad", "inconclusive"])
            content = {"campaign": args["campaign"], "verdict": condition}
        elif tool == "write_copy":
            content = {"channel": args.get("channel", "email"), "variants": rng.choice([1, 2, 3, 3, 5])}
        elif tool == "finish_plan":
            content = {
                "plan": f"{rng.getrandbits(48):012x}",
                "unsupported": rng.choice([[], [], [], ["stock"], ["exposures"], ["prices"]]),
            }
        figures = list(FIGURES.get(tool, [])) if not (tool == "search_campaigns" and condition == "none") else []
        if tool == "allocate_budget":
            figures[1:1] = [f"spend_{name}" for name in content["channels"]]
        if tool == "forecast" and condition != "any":
            figures += [*(["discount"] if "discount" in args else []), "profit_before"]
        if rng.random() < 0.15 and tool != "finish_plan":  # the data do not always support every figure
            figures = rng.sample(figures, len(figures) // 2) if rng.random() < 0.5 else []
        return {"ok": True, **content, **({"figures": figures} if figures else {})}, condition

    def words(self, tool: str, lang: str, condition: str, figures: list[str] | None = None) -> str:
        """A short true sentence after a result; with `figures`, it cites only those."""
        table = self.told["plan" if tool == "finish_plan" else tool][lang]
        options = list(table.get(condition, [])) if condition != "any" and self.rng.random() < 0.8 else []
        options = options or table.get("any") or table[condition]
        if figures is not None:
            options = [text for text in options if cited(text) <= set(figures)] or self.told["plain"][lang]
        return self.rng.choice(options)

    def answered(self, tool: str, args: dict[str, Any], lang: str) -> list[dict[str, Any]]:
        """A tool's result and the words about it."""
        content, condition = self.outcome(tool, args, lang)
        return [result(content), says(self.words(tool, lang, condition, content.get("figures", [])))]

    # -- a whole plan ------------------------------------------------------------------------------------------------

    def steps(self, args: dict[str, Any], lang: str) -> list[dict[str, Any]]:
        """From an accepted brief to the closing words, in the usual order of a plan."""
        rng, products = self.rng, args.get("products") or []
        objective = args.get("objective", "revenue")
        messages = self._step(
            "search_campaigns", {"query": ", ".join(products) or f"{objective} {args.get('audience', 'all')}"}, lang
        )
        content, _ = self.outcome("generate_strategies", {}, lang)
        best = content["best"]
        messages += [call("generate_strategies", {}), result(content)]
        if products:
            messages += self._step("optimize_price", {"product": products[0]}, lang)
        content, _ = self.outcome("allocate_budget", {}, lang)
        if args.get("channels"):
            content["channels"] = rng.sample(args["channels"], len(args["channels"]))
            content["figures"] = [
                "budget",
                *(f"spend_{name}" for name in content["channels"]),
                "marginal_return",
                "budget_unspent",
            ]
        messages += [call("allocate_budget", {"strategy_id": best}), result(content)]
        if products:
            messages += self._step("check_stock", {"product": products[0]}, lang)
        messages += self._step("design_test", {"strategy_id": best}, lang)
        for channel in content["channels"][:4]:
            messages += [
                call("write_copy", {"channel": channel, "strategy_id": best}),
                result({"ok": True, "channel": channel, "variants": 3}),
            ]
        done, _ = self.outcome("finish_plan", {}, lang)
        text = self.words("finish_plan", lang, objective if objective in OBJECTIVES else "any")
        if done["unsupported"]:
            named = self.talk["tables"][done["unsupported"][0]][lang == "zh"]
            text += (
                f" There are no {named} in the data, so that part is open."
                if lang == "en"
                else f"数据里没有{named}，这部分没有算。"
            )
        return [*messages, call("finish_plan", {"strategy_id": best}), result(done), says(text)]

    def _step(self, tool: str, args: dict[str, Any], lang: str) -> list[dict[str, Any]]:
        """One call of a plan; now and then its table is empty and the plan goes on without it."""
        if tool in NEEDS and self.rng.random() < 0.05:
            return [call(tool, args), result(self.empty(NEEDS[tool]))]
        return [call(tool, args), result(self.outcome(tool, args, lang)[0])]

    def empty(self, table: str) -> dict[str, Any]:
        """The error of a tool whose table is empty."""
        still = say(self.rng.choice(STILL), "en")
        return {"ok": False, "error": say("missing_table", "en", table=table, still=still), "retry": False}
