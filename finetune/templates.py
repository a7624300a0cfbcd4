"""Labelled requests and the hand-written templates they are made of.

A request's `args` are those of the call in the order of the tool's signature; values that a marketer states are copied
word for word, so every such label is a substring of what was written (checked; what fails the check is not used).
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from typing import Any

from campaignwright.finetune import locate
from campaignwright.finetune.surface import CORPUS, held_out
from campaignwright.market.words import AUDIENCES

ORDER: dict[str, tuple[str, ...]] = {
    "set_brief": (
        "objective",
        "products",
        "audience",
        "budget",
        "start",
        "days",
        "channels",
        "max_discount",
        "min_roas",
        "tone",
        "language",
    ),
    "search_campaigns": ("query", "channel", "product", "k"),
    "profile_audience": ("audience",),
    "generate_strategies": ("n", "diversity"),
    "forecast": ("strategy_id", "discount", "budget", "channels", "audience", "days"),
    "optimize_price": ("product", "min_margin", "max_discount"),
    "allocate_budget": ("budget", "fixed", "strategy_id"),
    "recommend_products": ("audience", "product", "k"),
    "check_stock": ("product", "days", "uplift"),
    "design_test": ("strategy_id", "min_effect"),
    "read_out": ("campaign",),
    "write_copy": ("channel", "n", "audience", "product", "offer", "tone", "language", "strategy_id"),
    "finish_plan": ("strategy_id",),
    "explain_plan": ("part",),
}
CLOSED = ("objective", "channels", "channel", "tone", "language", "strategy_id", "part")  # canonical values, not copied
SLOT = re.compile(r"{(\w+)(?::(\w+))?}")


@dataclasses.dataclass
class Request:
    """One thing a marketer says. `tool` None: no call is right and `reply` is the answer."""

    lang: str
    kind: str
    text: str
    tool: str | None
    args: dict[str, Any]
    source: str
    reply: str | None = None
    before: list[dict[str, Any]] = dataclasses.field(default_factory=list)  # earlier turns, as chat messages
    tables: dict[str, Any] = dataclasses.field(default_factory=dict)

    def copied(self) -> list[str]:
        """The labels that have to stand in the marketer's messages."""
        found: list[str] = []
        for name, value in self.args.items():
            if name in CLOSED or name in ("query", "diversity") or (name == "audience" and value in AUDIENCES):
                continue
            found += list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else [value]
        return [str(item) for item in found]

    def faithful(self) -> bool:
        """Whether every copied label stands in what the marketer wrote, now or before."""
        said = "\n".join([self.text, *(m["content"] for m in self.before if m["role"] == "user")])
        return all(item and item in said for item in self.copied())


@functools.cache
def templates() -> list[dict[str, Any]]:
    """Every request template with located labels; `dev` marks the one in ten kept for development."""
    kept = []
    for path in sorted(CORPUS.glob("requests_*.jsonl")) + sorted(CORPUS.glob("extra_*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            item = json.loads(line)
            item["dev"] = held_out(item["text"])
            if item["kind"] in ("plan", "single"):
                item["labels"] = located(item)
                item["dropped"] = item["labels"] is None
            kept.append(item)
    return kept


def located(item: dict[str, Any]) -> dict[str, Any] | None:
    """The literal labels of a template as words of its text; None when one cannot be found."""
    labels: dict[str, Any] = {}
    raw = {**item.get("brief", {}), **item.get("args", {})}
    raw.pop("currency", None)  # a currency belongs to the amount's wording
    for name, value in raw.items():
        if name in CLOSED or name in ("query", "diversity") or (name == "audience" and value in AUDIENCES):
            labels[name] = value.lower() if name == "strategy_id" else value
            continue
        found = locate.said(SLOT.sub("\u0001", item["text"]), name, value)
        if found is None:
            return None
        labels[name] = found
    return labels
