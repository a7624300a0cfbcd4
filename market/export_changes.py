"""What a changed plan does otherwise than the plan before, in one sentence: offer, dates, channels, money, profit."""

from __future__ import annotations

from typing import Any

from campaignwright.market.export_document import Printer
from campaignwright.market.export_numbers import percent, show

FIGURES = ("orders", "profit")


def changes(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    """The sentence; nothing where nothing that it names is different, or where the plans are for other products or another aim.

    `before`, `after`: plans as `finish_plan` returns them.
    """
    if any(before["brief"][name] != after["brief"][name] for name in ("products", "objective", "currency")):
        return []
    old, new = Printer(before), Printer(after)
    old.language = new.language
    pairs = [("offer", _offer(old), _offer(new)), ("dates", old.dates(), new.dates()), ("channels", _channels(old), _channels(new)),
             ("spend", _spend(old), _spend(new))]  # fmt: skip
    named = [(new.word(word), *values) for word, *values in pairs]
    named += [(new.name("figure", name), _figure(old, name), _figure(new, name)) for name in FIGURES]
    moved = [f"{name} {was} → {now}" for name, was, now in named if was != now and was and now]
    gap = "；" if new.language == "zh" else "; "
    return [new.word("compared").format(changes=gap.join(moved))] if moved else []


def _offer(p: Printer) -> str:
    strategy = p.plan["strategy"]
    depth = f" {percent(strategy['discount'], p.language)}" if strategy["discount"] else ""
    return p.name("offer", strategy["offer"]) + depth


def _channels(p: Printer) -> str:
    return p.join(sorted(p.name("channel", name) for name, share in p.plan["strategy"]["shares"].items() if share > 0))


def _spend(p: Printer) -> str:
    return next((show(one, p.language, p.currency) for one in p.plan["figures"]
                 if one["name"] == "spend" and one["source"]["tool"] == "finish_plan"), "")  # fmt: skip


def _figure(p: Printer, name: str) -> str:
    named = p.named(p.plan["forecast"]["figures"])
    return p.value(named[name]) if name in named else ""
