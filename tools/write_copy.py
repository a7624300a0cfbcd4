"""The tool `write_copy`: copy for one channel, from the loaded copywriter, filled with supplied facts and checked.

The copywriter gives raw copy with slots; this fills, checks, asks again for what failed (twice at most), ranks and
returns. It never shortens a text and holds no copy of its own. Rules: `copy_rules`; facts: `copy_facts`; ranking:
`copy_score`.
"""

from __future__ import annotations

import datetime as dt
import json
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Annotated, Any

from pydantic import Field

from campaignwright.market.export_labels import label
from campaignwright.market.words import AUDIENCES, CUSTOMERS, OWNED_CHANNELS, Channel, Language, Tone
from campaignwright.tools import normalise
from campaignwright.tools.base import AudienceSaid, Context, Said, ToolError, ToolResult, refused, tool
from campaignwright.tools.brief_reading import ask_first
from campaignwright.tools.copy_facts import CopyFacts, available_slots, build_facts, known_prices
from campaignwright.tools.copy_format import FIELDS, SLOTS
from campaignwright.tools.copy_rules import Check, check_copy, fill, length, passes, placement
from campaignwright.tools.copy_score import CopyScorer, fit_scorer

ROUNDS = 3  # the first try and two more
PRICED = ("percent_off", "amount_off", "bundle")


@cache
def sentences() -> dict[str, dict[str, Any]]:
    """Sentences of plans and copy results by language (`data/plan_texts.json`)."""
    return json.loads(resources.files("campaignwright.tools").joinpath("data/plan_texts.json").read_text("utf-8"))


def sentence(code: str, language: str, /, **slots: object) -> str:
    """The sentence of `code` with its slots filled; figure slots stay for the renderer."""
    text = sentences()[language][code]
    for name, value in slots.items():
        text = text.replace("{" + name + "}", str(value))
    return text


@dataclass(frozen=True)
class CopyJob:
    """What to write: canonical values, all decided."""

    channel: str
    language: str
    tone: str
    angle: str
    audience: str
    offer: str
    discount: float
    products: list[str]
    start: dt.date
    days: int
    extra: dict[str, Any]
    planned: bool


def copy_job(ctx: Context, channel: str, *, audience: str | None = None, product: str | None = None,
             offer: str | None = None, tone: str | None = None, language: str | None = None,
             strategy_id: str | None = None) -> CopyJob:
    """Arguments in the marketer's words, completed by strategy, brief, then defaults. Raises ToolError(retry)."""
    if product is None:
        ask_first(ctx)
    plan = ctx.strategy(strategy_id)[1] if strategy_id or ctx.strategies else None
    brief = ctx.brief
    names = [*AUDIENCES, *(ctx.workspace.settings.get("segments") or {})]
    kind, extra = (plan.offer, {}) if plan else ("none", {})
    discount = plan.discount if plan and plan.offer in PRICED else 0.0
    if offer:
        kind, extra = normalise.offer(offer, currency=ctx.workspace.currency)
        stated = extra.get("discount")
        discount = float(stated) if stated is not None else (discount if kind in PRICED else 0.0)
    ids = normalise.products([product], ctx.workspace).require("product").ids if product else None
    known = plan.products if plan else brief.products if brief else []
    reader = (plan or brief).audience if plan or brief else "all"
    if channel not in OWNED_CHANNELS and reader in CUSTOMERS:  # anybody may see an advertisement
        reader = "all"
    job = CopyJob(
        channel=channel, language=language or (brief.language if brief else ctx.language),
        tone=tone or (brief.tone if brief else "neutral"), angle=plan.angle if plan else "value",
        audience=normalise.audience(audience, names) if audience else reader,
        offer=kind, discount=discount, products=known if ids is None else ids,
        start=plan.start if plan else (brief.start if brief and brief.start else ctx.today),
        days=plan.days if plan else (brief.days if brief else 14), extra=extra, planned=bool(plan or brief),
    )
    if (depth := too_deep(ctx, job)) and brief:
        raise refused("above_maximum", "offer", discount=f"{depth:.0%}", maximum=f"{brief.max_discount:.0%}")
    return job


def too_deep(ctx: Context, job: CopyJob) -> float:
    """The share of the cheapest product's price that an amount stated by the marketer takes off, where that is more than
    the brief allows; else 0."""
    amount, brief = job.extra.get("amount_off"), ctx.brief
    prices = known_prices(ctx.workspace, job.products) if amount and brief and brief.max_discount is not None else []
    depth = amount / float(prices.min()) if len(prices) else 0.0
    return depth if depth and depth > brief.max_discount + 1e-9 else 0.0


def job_facts(ctx: Context, job: CopyJob) -> CopyFacts:
    """The facts that the job's copy may state."""
    return build_facts(ctx.workspace, products=job.products, offer=job.offer, discount=job.discount, start=job.start,
                       days=job.days, language=job.language, extra=job.extra)


def job_spec(ctx: Context, job: CopyJob, facts: CopyFacts) -> dict[str, Any]:
    """What the copywriter is told. An offer that cannot be stated (a gift without a name) is told as none."""
    slots = available_slots(facts, job.channel, job.audience, ctx.workspace)
    unstated = job.offer in PRICED and not {"discount", "amount_off"} & slots
    offer = "none" if unstated or "gift" in facts.missing else facts.offer
    return {
        "channel": job.channel, "language": job.language, "tone": job.tone, "angle": job.angle,
        "audience": job.audience if job.audience in AUDIENCES else "all", "offer": offer,
        "category": facts.category or None,
        "slots": [name for name in SLOTS if name in slots],
    }


def well_formed(channel: str, raw: object) -> bool:
    """Whether a writer's answer has the channel's fields with strings or lists of strings."""
    if not isinstance(raw, dict):
        return False
    for name, items in FIELDS[channel].items():
        value = raw.get(name)
        if not (isinstance(value, list) if items else isinstance(value, str)):
            return False
        if items and not all(isinstance(item, str) for item in value):
            return False
    return True


def judge(raw: dict, job: CopyJob, facts: CopyFacts, spec: dict, settings: dict) -> tuple[dict, list[Check]]:
    """(raw copy, its checks). Of list fields the items that fail or repeat are dropped as long as enough remain."""
    samples = {name: facts.samples[name] for name in ("first_name", "last_product") if name in spec["slots"]}
    rules = dict(channel=job.channel, offer=spec["offer"], language=job.language, audience=spec["audience"], settings=settings)
    values = {name: facts.texts[name] for name in spec["slots"] if name in facts.texts}
    chosen = placement(job.channel, settings)
    limits = chosen["fields"]
    kept = {name: [item.strip() for item in raw[name]] if items else raw[name].strip()
            for name, items in FIELDS[job.channel].items()}
    for name, items in FIELDS[job.channel].items():
        if items:
            alone = {**limits[name], "items": [0, 99]}
            single = {**settings, "copy_limits": {chosen["name"]: {name: alone}}}
            good = [item for item in dict.fromkeys(kept[name])
                    if passes(check_copy({name: [item]}, values, samples, **{**rules, "settings": single}))]
            kept[name] = good[: limits[name]["items"][1]]
    return kept, check_copy(kept, values, samples, **rules)


def make_variant(raw: dict, checks: list[Check], job: CopyJob, facts: CopyFacts, scorer: CopyScorer) -> dict[str, Any]:
    """A variant as stored: `raw` with slots, `fields` for export (merge tags kept), `preview` with sample values."""
    fields = fill(raw, facts.texts)
    preview = fill(fields, facts.samples)
    return {"raw": raw, "fields": fields, "preview": preview, "angle": job.angle,
            "checks": [check._asdict() for check in checks], "score": scorer.score(preview, raw, checks)}


def _ask(ctx: Context, job: CopyJob, facts: CopyFacts, spec: dict[str, Any], want: int) -> tuple[list, list, int]:
    """(variants that pass, rejected ones with reasons, rounds used)."""
    scorer = ctx.cache.get("copy_scorer")
    if scorer is None:
        scorer = ctx.cache["copy_scorer"] = fit_scorer(ctx.workspace, seed=ctx.seed)
    base = zlib.crc32(json.dumps([ctx.seed, spec], sort_keys=True).encode())
    good: list[dict] = []
    bad: list[dict] = []
    seen: set[str] = set()
    rounds = 0
    for rounds in range(1, ROUNDS + 1):
        for raw in ctx.writer(spec, want - len(good), (base + rounds) % 2**31):
            if not well_formed(job.channel, raw):
                bad.append({"raw": raw, "reasons": ["not the fields of the channel"]})
                continue
            kept, checks = judge(raw, job, facts, spec, ctx.workspace.settings)
            key = json.dumps(kept, sort_keys=True)
            if passes(checks) and key not in seen:
                good.append(make_variant(kept, checks, job, facts, scorer))
            else:
                reasons = [f"{check.name}: {check.detail}" for check in checks if not check.ok and not check.soft]
                bad.append({"raw": raw, "reasons": reasons or ["the same as another variant"]})
            seen.add(key)
        if len(good) >= want:
            break
    good.sort(key=lambda variant: -variant["score"])
    return good[:want], bad, rounds


def _notes(language: str, job: CopyJob, facts: CopyFacts, spec: dict, limits: dict, tried: tuple[int, int, int]) -> list[str]:
    """Plain sentences for the person, in their `language` (the copy has its own). `tried`: variants kept, wanted, rounds."""
    kept, want, rounds = tried
    channel = label("channel", job.channel, language)
    alone = "copy_whole_shop" if not job.products else "copy_no_offer" if job.offer == "none" else ""
    notes = [sentence(alone, language)] if alone and not job.planned else []
    if kept < want:
        code = "copy_short" if kept else "copy_none"
        notes.append(sentence(code, language, kept=kept, wanted=want, channel=channel, rounds=rounds))
    product = facts.texts.get("product", "")
    fields = [limits["fields"][name] for name in FIELDS[job.channel] if name in limits["fields"]]
    if any(rule["firmness"] == "hard" and length(product, rule["counting"]) > rule["max"] for rule in fields):
        notes.append(sentence("copy_long_name", language, product=product, channel=channel))
    if spec["offer"] == "bundle" and "price" in facts.texts:
        notes.append(sentence("copy_set", language, product=product, price=facts.texts["price"]))
    if "gift" in facts.missing:
        notes.append(sentence("copy_no_gift", language))
    if job.offer in ("percent_off", "amount_off") and "code" not in spec["slots"]:
        notes.append(sentence("copy_no_code", language))
    return notes


def copy_asset(ctx: Context, job: CopyJob, want: int) -> tuple[dict[str, Any], list[dict], list[str]]:
    """(asset, rejected, notes): the variants of one channel with what they were written from. Raises ToolError."""
    if ctx.writer is None:
        raise ToolError("No copywriter is loaded, so no copy can be written. Choose a model that writes "
                        "(--model embedded).")
    try:
        limits = placement(job.channel, ctx.workspace.settings)
    except ValueError as error:
        raise ToolError(str(error)) from error
    facts = job_facts(ctx, job)
    spec = job_spec(ctx, job, facts)
    variants, rejected, rounds = _ask(ctx, job, facts, spec, want)
    for number, variant in enumerate(variants, 1):
        variant["id"] = f"{job.channel}-{number}"
    asset = {
        "channel": job.channel, "language": job.language, "spec": spec, "variants": variants, "facts": facts.texts,
        "values": {slot: list(value) for slot, value in facts.values.items()}, "samples": facts.samples,
        "products": facts.products, "ranked_by": ctx.cache["copy_scorer"].basis,
        "written_for": [job.audience, job.offer], "extra": job.extra,
    }
    return asset, rejected, _notes(ctx.language, job, facts, spec, limits, (len(variants), want, rounds))


@tool
def write_copy(
    ctx: Context,
    channel: Annotated[Channel, Field(description="the channel to write for")],
    n: Annotated[Said | None, Field(description="how many variants; 3 when not said")] = None,
    audience: Annotated[AudienceSaid | None, Field(description="who reads it; the plan's when not said")] = None,
    product: Annotated[Said | None, Field(description="the product or category; the plan's when not said")] = None,
    offer: Annotated[Said | None, Field(description="the offer as the marketer said it; else the plan's")] = None,
    tone: Annotated[Tone | None, Field(description="tone of voice")] = None,
    language: Annotated[Language | None, Field(description="language of the copy: en or zh")] = None,
    strategy_id: Annotated[str | None, Field(description="the strategy to write for; the best when not said")] = None,
) -> ToolResult:
    """Write copy variants for one channel within its limits, from supplied facts only, each checked and ranked."""
    want = normalise.count(n, low=1, high=10) if n else 3
    job = copy_job(ctx, channel, audience=audience, product=product, offer=offer, tone=tone, language=language,
                   strategy_id=strategy_id)
    asset, rejected, notes = copy_asset(ctx, job, want)
    if getattr(ctx.writer, "small", False):
        notes.append(sentence("copy_small_model", ctx.language))
    assets = {**ctx.results.get("write_copy", {}).get("data", {}).get("assets", {}), channel: asset}
    return ToolResult(
        summary={"channel": channel, "variants": len(asset["variants"])}, notes=notes,
        data={"asset": asset, "rejected": rejected, "assets": assets},
    )
