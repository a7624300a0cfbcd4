"""Write the training corpus: chats of the planner and the copywriter as JSONL, a development set, a data card.

Deterministic for a seed and a size, free of duplicates, counted. The development set is made of templates, lexicon
entries and copy that the training set never sees.
"""

from __future__ import annotations

import collections
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from campaignwright.finetune.chats import Expert
from campaignwright.finetune.copywriting import Copywriting
from campaignwright.finetune.templates import templates

COPY_SHARE = 0.25
DEV_PLAN = {  # kind -> development requests, English and Chinese
    "plan": (120, 80),
    "composed": (40, 30),
    "single": (100, 60),
    "followup": (70, 50),
    "answered": (25, 20),
    "clarify": (50, 40),
    "off_topic": (50, 40),
    "talk": (40, 30),
}


def chats(seed: int, size: int) -> Iterator[dict[str, Any]]:
    """`size` distinct training chats. Planner requests never repeat; copy repeats its exemplars with other facts."""
    rng = random.Random(seed)
    expert, copywriting = Expert(rng), Copywriting(rng)
    seen: set[str] = set()
    made = 0
    while made < size:
        chat = copywriting.chat() if rng.random() < COPY_SHARE else expert.chat()
        if chat is None:
            continue
        key = json.dumps(chat["messages"], ensure_ascii=False)
        if key in seen and chat["kind"] not in ("small_talk", "capability", "clarify", "off_topic", "attack", "about"):
            continue
        seen.add(key)
        made += 1
        yield chat


def dev_chats(seed: int) -> list[dict[str, Any]]:
    """The development requests, from held-out templates and entries only."""
    expert = Expert(random.Random(seed + 7919), dev=True)
    kept, seen = [], set()
    plan = [(kind, lang, wanted) for kind, both in DEV_PLAN.items() for lang, wanted in zip(("en", "zh"), both, strict=True)]
    for kind, lang, wanted in plan:
        found = tries = 0
        while found < wanted and tries < wanted * 60:
            tries += 1
            chat = expert.chat(kind, lang)
            key = json.dumps(chat["messages"], ensure_ascii=False) if chat else ""
            if chat and key not in seen:
                seen.add(key)
                kept.append({**chat, "group": kind})
                found += 1
    return kept


def write_corpus(
    folder: str | Path, seed: int = 0, size: int = 120_000, progress: Callable[[float, str], None] | None = None
) -> dict[str, Any]:
    """Write train.jsonl, dev.jsonl and card.json into `folder`; returns the card (counts by kind and language)."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    counts: collections.Counter[str] = collections.Counter()
    temporary = folder / "train.jsonl.part"
    with temporary.open("w", encoding="utf-8") as file:
        for number, chat in enumerate(chats(seed, size)):
            file.write(json.dumps(chat, ensure_ascii=False) + "\n")
            counts[f"{chat['kind']}/{chat['lang']}"] += 1
            if progress and number % 2000 == 0:
                progress(number / size, f"{number:,} of {size:,} chats")
    temporary.replace(folder / "train.jsonl")
    dev = dev_chats(seed)
    (folder / "dev.jsonl").write_text(
        "".join(json.dumps(chat, ensure_ascii=False) + "\n" for chat in dev), encoding="utf-8"
    )
    items = templates()
    card = {
        "seed": seed,
        "train": size,
        "dev": len(dev),
        "train_by_kind": dict(sorted(counts.items())),
        "dev_by_kind": dict(sorted(collections.Counter(f"{c['group']}/{c['lang']}" for c in dev).items())),
        "templates": len(items),
        "templates_held_out": sum(item["dev"] for item in items),
        "templates_dropped": sum(bool(item.get("dropped")) for item in items),
        "sources": "hand-written for this project (Apache-2.0); no third-party text",
    }
    (folder / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False), encoding="utf-8")
    return card
