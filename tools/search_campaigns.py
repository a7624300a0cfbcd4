"""The tool `search_campaigns`: past campaigns like the words asked for, with what they brought.

Ranking words ("best ROAS", "worst", "cheapest orders", "最好") order what is found by that result; all numbers
are totals of the imported results, so they carry no interval.
"""

from __future__ import annotations

import re
from typing import Annotated

import numpy as np
from pydantic import Field

from campaignwright.market.words import Channel
from campaignwright.retrieval.documents import METRICS
from campaignwright.retrieval.memory import CampaignMemory, Hit
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, Figure, MissingData, Said, ToolResult, tool
from campaignwright.tools.brief_texts import say

DEFAULT_K = 5
_LEAST = r"lowest|smallest|fewest|least|最低|最少"
_MOST = r"highest|most|biggest|largest|最高|最多"
_BAD = r"worst|weakest|flop\w*|bomb(?:ed|s)|went (?:badly|wrong)|fail\w*|poor\w*|disappoint\w*|最差|踩坑|翻车|失败|亏"
_GOOD = r"best|top|strongest|win(?:ner|ning)\w*|worked|success\w*|最好|最佳|最成功|效果好|比较好|爆"
_RANKED = "|".join((_LEAST, _BAD, _MOST, _GOOD))
# (words that name a result, result, whether a low value is the good one)
_RESULTS = (
    (
        r"cheapest (?:orders?|conversions?|sales)|cost per (?:order|conversion|sale|acquisition)|\bcpa\b|"
        r"\bcac\b|orders? (?:in )?the cheapest|获客成本|单均成本",
        "cost_per_order",
        True,
    ),
    (r"roas|return on ad|\broi\b|投产|回报", "roas", False),
    (r"click[ -]?(?:through )?rates?|\bctr\b|点击率", "ctr", False),
    (r"conversion rates?|\bcvr\b|转化率", "cvr", False),
    (
        r"revenue|sales|turnover|takings|earned|(?:most|least|best) money|made .{0,12}money|\bgmv\b|销售额|成交额|"
        r"营收|流水",
        "revenue",
        False,
    ),
    (r"orders|conversions|订单|单量", "conversions", False),
    (r"clicks|点击", "clicks", False),
    (r"impressions|reach|曝光", "impressions", False),
    (r"cheapest|most expensive|costly|spend|spent|\bcost\b|最便宜|花费|最贵|花钱", "spend", True),
    (r"latest|newest|most recent|\blast\b|最近|最新|上一[次场]", "start", False),
)


@tool
def search_campaigns(
    ctx: Context,
    query: Annotated[str, Field(description="what to look for, a few words", max_length=300)],
    channel: Annotated[Channel | None, Field(description="only campaigns on this channel")] = None,
    product: Annotated[Said | None, Field(description="only campaigns about this product or category, as said")] = None,
    k: Annotated[Said | None, Field(description="how many, as said")] = None,
) -> ToolResult:
    """Find past campaigns like the query, with their results; ranking words such as "best ROAS" or "worst" order
    them."""
    memory = _memory(ctx)
    if not len(memory):
        raise MissingData("campaigns", "still_evidence")
    wanted = normalise.count(k, argument="k", high=100) if k else DEFAULT_K
    language = ctx.language
    filters, notes = _filters(ctx, channel, product)
    hits, dropped = _find(memory, query, wanted, filters)
    notes += memory.notes
    if not hits:
        return ToolResult(
            summary={"found": 0}, notes=[*notes, say("nothing", language)], data={"campaigns": [], "query": query}
        )
    if dropped:
        notes.append(say("filtered", language, dropped=", ".join(dropped)))
    figures = _figures(ctx, hits)
    if not any(figure.name == "past_roas" for figure in figures):
        notes.append(say("no_roas", language))
    rows = [{"id": hit.campaign_id, "name": hit.name, "score": round(hit.score, 5), **hit.results} for hit in hits]
    return ToolResult(
        summary={"found": len(hits), "campaign": hits[0].name},
        figures=figures,
        notes=notes,
        data={"query": query, "campaigns": rows, "searched": len(memory)},
    )


def _memory(ctx: Context) -> CampaignMemory:
    """The session's memory, opened once per data hash."""
    stamp = ctx.workspace.data_hash()
    cached = ctx.cache.get("campaign_memory")
    if cached is None or cached[0] != stamp:
        cached = ctx.cache["campaign_memory"] = (stamp, CampaignMemory.open(ctx.workspace))
    return cached[1]


def _filters(ctx: Context, channel: str | None, product: str | None) -> tuple[dict, list[str]]:
    """Filters for the memory. Raises ToolError(retry) for a product that the catalogue does not have."""
    filters: dict = {"channel": channel} if channel else {}
    if product:
        try:
            match = normalise.products([product], ctx.workspace, argument="product").require("product")
        except MissingData as error:
            return filters, [error.shown(ctx.language)]
        if not match.everything:
            filters["product"] = [*match.ids, *match.names]
    return filters, []


def _find(memory: CampaignMemory, query: str, k: int, filters: dict) -> tuple[list[Hit], list[str]]:
    """Hits in order, and the filters that had to be dropped because nothing passed them all (product first, then
    channel)."""
    dropped: list[str] = []
    filters = dict(filters)
    while filters and not memory.mask(**filters).any():
        name = "product" if "product" in filters else "channel"
        filters.pop(name)
        dropped.append(name)
    metric, ascending, rest = ranking(query)
    if metric is None:
        return memory.search(query, k, **filters), dropped
    pool = (
        memory.search(rest, max(12, 4 * k), **filters)
        if re.search(r"[a-z]{3}|[\u3400-\u9fff]", rest)
        else memory.search("", len(memory), **filters)
    )
    known = [(hit, value) for hit in pool if (value := _value(hit, metric)) is not None]
    known.sort(key=lambda pair: pair[1], reverse=not ascending)
    return [hit for hit, _ in known][:k] or pool[:k], dropped


def ranking(query: str) -> tuple[str | None, bool, str]:
    """(result to order by or None, ascending, the query without the ranking words)."""
    text = query.lower()
    least, most, bad, good = (bool(re.search(words, text)) for words in (_LEAST, _MOST, _BAD, _GOOD))
    for pattern, metric, low_is_good in _RESULTS:
        named = re.search(pattern, text)
        if not named or not (
            least
            or most
            or bad
            or good
            or metric in ("start", "cost_per_order")
            or (metric == "spend" and "cheap" in text)
            or "最" in text
        ):
            continue
        if re.search(r"cheap|便宜", text):
            ascending = True
        elif least or most or metric == "spend":
            ascending = least and not most
        else:
            ascending = low_is_good != (bad and not good)
        return metric, ascending, _without(text, pattern)
    if least or most or bad or good:
        return "roas", (least or bad), _without(text, "")
    return None, False, query


def _without(text: str, pattern: str) -> str:
    rest = re.sub((f"{pattern}|" if pattern else "") + _RANKED, " ", text)
    return re.sub(
        r"\b(?:our|the|by|on|with|campaigns?|which|hardest|ever|of all time|performing|rates?|profitable|what|"
        r"ones?)\b|的?活动|哪几?[次场个]|案例",
        " ",
        rest,
    ).strip()


def _value(hit: Hit, metric: str) -> float | str | None:
    if metric == "cost_per_order":
        spend, orders = hit.results["spend"], hit.results["conversions"]
        return spend / orders if spend and orders else None
    return hit.results[metric]


def _figures(ctx: Context, hits: list[Hit]) -> list[Figure]:
    """Count of the campaigns found; ROAS, discount and revenue of the best of them."""
    best = hits[0].results
    places = ", ".join("?" for _ in hits)
    rows = int(
        ctx.workspace.scalar(
            f"SELECT count(*) FROM campaign_results WHERE campaign_id IN ({places})", [hit.campaign_id for hit in hits]
        )
        or 0
    )
    own = int(
        ctx.workspace.scalar("SELECT count(*) FROM campaign_results WHERE campaign_id = ?", [hits[0].campaign_id]) or 0
    )
    figures = [ctx.figure("past_campaigns", len(hits), "count", model="campaign_results", rows=rows)]
    for name, key, unit in (
        ("past_roas", "roas", "ratio"),
        ("past_discount", "discount", "fraction"),
        ("past_revenue", "revenue", "money"),
    ):
        if best[key] is not None and np.isfinite(best[key]):
            figures.append(
                ctx.figure(
                    name,
                    float(best[key]),
                    unit,
                    model="campaign_results" if key in (*METRICS, "roas") else "campaigns",
                    rows=own if key != "discount" else 1,
                )
            )
    return figures
