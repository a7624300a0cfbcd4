"""The copy of a plan: what was already written is taken over and refilled, the rest is asked from the copywriter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from campaignwright.tools.copy_facts import available_slots
from campaignwright.tools.copy_rules import passes
from campaignwright.tools.plan_parts import Builder
from campaignwright.tools.write_copy import copy_job, job_facts, judge, make_variant, too_deep, well_formed


class _Unscored:
    """Keeps the order that the variants have."""

    def score(self, *_: object) -> float:
        return 0.0


def refill(builder: Builder, asset: dict[str, Any]) -> dict[str, Any] | None:
    """An earlier asset filled with the present facts: the variants that still pass; None when none does, when it was
    written for another audience or offer, or when it states an amount that the brief no longer allows."""
    ctx, channel = builder.ctx, asset["channel"]
    job = copy_job(ctx, channel, strategy_id=builder.strategy_id, language=asset["language"])
    job = replace(job, extra=asset["extra"])  # what the marketer stated for the copy: a gift, a threshold
    if too_deep(ctx, job):
        return None
    facts = job_facts(ctx, job)
    spec = asset["spec"] | {"slots": sorted(available_slots(facts, channel, job.audience, ctx.workspace))}
    if asset["written_for"] != [job.audience, job.offer] or asset["language"] != builder.brief.language:
        return None
    variants = []
    for old in asset["variants"]:
        if well_formed(channel, old["raw"]):
            raw, checks = judge(old["raw"], job, facts, spec, ctx.workspace.settings)
            if passes(checks):
                variants.append(make_variant(raw, checks, job, facts, _Unscored()) | {"id": old["id"]})
    return asset | {"variants": variants, "facts": facts.texts, "spec": spec} if variants else None


def assets_part(builder: Builder) -> list[dict[str, Any]]:
    """Copy for every channel of the strategy; a channel without any has an empty list of variants."""
    strategy, ctx = builder.strategy, builder.ctx
    assets = []
    for channel in sorted(strategy.shares, key=lambda name: (-strategy.shares[name], name)):
        written = ctx.results.get("write_copy", {}).get("data", {}).get("assets", {}).get(channel)
        asset = refill(builder, written) if written else None
        unavailable = {}
        if asset is None:
            result = builder.ask("copy", "write_copy", channel=channel, strategy_id=builder.strategy_id)
            asset, unavailable = (None, result) if isinstance(result, dict) else (result.data["asset"], {})
        assets.append(_for_plan(channel, builder.brief.language, asset) | unavailable)
    return assets


def _for_plan(channel: str, language: str, asset: dict[str, Any] | None) -> dict[str, Any]:
    """The asset without scores (a rank is an order, not a figure) and without numeric values (those are figures)."""
    if asset is None:
        return {"channel": channel, "language": language, "variants": [], "ranked_by": ""}
    kept = ("id", "angle", "raw", "fields", "preview", "checks")
    return {"channel": channel, "language": asset["language"], "ranked_by": asset["ranked_by"], "spec": asset["spec"],
            "facts": asset["facts"], "samples": asset["samples"],
            "variants": [{name: variant[name] for name in kept} for variant in asset["variants"]]}
