"""Copywriter examples: copy with the request that would have asked for it, from whole pieces and from single lines.

The facts a text may use are the slots its request lists. In training the list holds what the text uses and some more,
so that the writer learns both to keep to the list and not to use all of it.
"""

from __future__ import annotations

import functools
import json
import random
import re
from typing import Any

from campaignwright.finetune.copy_lines import LineCopy
from campaignwright.finetune.surface import CORPUS, held_out, read_json
from campaignwright.tools.copy_format import FIELDS, SLOTS, copy_answer, copy_messages

# slots that belong to an offer: offered as extras only where the offer would supply them
OF_OFFER = {
    "none": (),
    "percent_off": ("discount", "discount_zhe", "was"),
    "amount_off": ("amount_off", "was"),
    "free_shipping": ("threshold",),
    "bundle": ("discount", "was"),
    "gift": ("gift",),
}
EXEMPLARS = 0.15  # share of copy chats that are whole hand-written pieces; the rest is put together from lines
ALWAYS = ("brand", "product", "price", "code", "end", "days", "benefit", "first_name", "last_product", "category")


def exemplars(*, dev: bool = False) -> list[dict[str, Any]]:
    """The hand-written copy, plus pieces that other channels' copy yields where a channel has none in a language."""
    items = []
    for path in sorted(CORPUS.glob("copy_*.jsonl")):
        items += [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    items += [piece for item in items for piece in derived(item)]
    return [item for item in items if held_out(item["id"].removesuffix(f"-{item['channel']}")) == dev]  # a piece and its kin


def derived(item: dict[str, Any]) -> list[dict[str, Any]]:
    """The same words on a channel that has no exemplars in that language."""
    fields, made = item["fields"], []
    if item["lang"] == "en" and item["channel"] == "push":
        made.append(("wechat", {"text": fields["title"].rstrip(".") + "\n" + fields["body"]}))
    if item["lang"] == "en" and item["channel"] == "email":
        made.append(("xiaohongshu", {"title": fields["subject"], "body": fields["body"]}))
    if item["lang"] == "zh" and item["channel"] == "search" and len(fields["headlines"]) > 1:
        made.append(
            (
                "display",
                {
                    "headline": fields["headlines"][0],
                    "long_headline": fields["descriptions"][0],
                    "description": fields["descriptions"][-1],
                },
            )
        )
    return [{**item, "id": f"{item['id']}-{channel}", "channel": channel, "fields": parts} for channel, parts in made]


def general(item: dict[str, Any]) -> bool:
    """Whether the text names nothing of its category, so that it fits any product."""
    return not _category_words().search(json.dumps(item["fields"], ensure_ascii=False).lower())


@functools.cache
def _category_words() -> re.Pattern[str]:
    """Every name of a known category, in both languages."""
    names = {
        str(word).lower()
        for table in read_json("lexicon.json")["categories"].values()
        for lang in ("en", "zh")
        for words in table[lang].values()
        for word in words
    }
    return re.compile(
        "|".join(rf"\b{re.escape(name)}\b" if name.isascii() else re.escape(name) for name in sorted(names))
    )


def used_slots(fields: dict[str, Any]) -> list[str]:
    """The slots that a piece of copy holds, in order of SLOTS."""
    found = set(re.findall(r"{(\w+)}", json.dumps(fields)))
    return [name for name in SLOTS if name in found]


class Copywriting:
    """Draws copywriter chats from the exemplars and from lines."""

    def __init__(self, rng: random.Random, *, dev: bool = False) -> None:
        self.rng, self.lines, self.dev = rng, LineCopy(rng), dev
        self.items = [{**item, "general": not item.get("category") or general(item)} for item in exemplars(dev=dev)]

    def chat(self) -> dict[str, Any] | None:
        """One request with its answer; None when no lines fit: draw again."""
        return self.exemplar() if self.dev or self.rng.random() < EXEMPLARS else self.lines.chat()

    def exemplar(self) -> dict[str, Any]:
        """A whole hand-written piece as the answer to the request that would have asked for it."""
        rng = self.rng
        item = rng.choice(self.items)
        used = used_slots(item["fields"])
        extras = [name for name in (*ALWAYS, *OF_OFFER[item["offer"]]) if rng.random() < 0.45]
        if item["lang"] != "zh":
            extras = [name for name in extras if name != "discount_zhe"]
        category = item.get("category") if not (item["general"] and rng.random() < 0.6) else None
        fields = dict(item["fields"])
        for name, many in FIELDS[item["channel"]].items():
            if many and len(fields.get(name, ())) > 3 and rng.random() < 0.5:
                fields[name] = rng.sample(fields[name], len(fields[name]))
        spec = {
            "channel": item["channel"],
            "language": item["lang"],
            "angle": item["angle"],
            "tone": item["tone"],
            "audience": item["audience"],
            "offer": item["offer"],
            "category": category,
            "slots": [*used, *extras],
        }
        messages = [*copy_messages(spec), {"role": "assistant", "content": copy_answer(item["channel"], fields)}]
        return {"kind": "copy", "lang": item["lang"], "source": item["id"], "messages": messages}
