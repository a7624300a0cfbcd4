"""The form of raw copy that a language model writes: fields per channel, the request line, the output's JSON schema.

Shared by whoever trains the copywriter (`campaignwright.finetune`) and whoever runs it (`campaignwright.agent`).
Limits and banned claims are in `campaignwright.tools.copy_rules`; filling the slots is the caller's.
"""

from __future__ import annotations

import json
import re
from typing import Any

# channel -> field -> number of items (0: one string; n: a list of up to n strings). Order = order in the output.
FIELDS: dict[str, dict[str, int]] = {
    "email": {"subject": 0, "preheader": 0, "body": 0},
    "sms": {"text": 0},
    "push": {"title": 0, "body": 0},
    "search": {"headlines": 8, "descriptions": 4},
    "social": {"text": 0, "headline": 0, "description": 0},
    "display": {"headline": 0, "long_headline": 0, "description": 0},
    "wechat": {"text": 0},
    "xiaohongshu": {"title": 0, "body": 0},
}

# Slots that copy may hold in braces, in the order in which a request lists them.
SLOTS: tuple[str, ...] = (
    "brand", "product", "category", "discount", "discount_zhe", "price", "was", "amount_off", "code", "end", "days",
    "first_name", "last_product", "benefit", "gift", "threshold",
)  # fmt: skip

TAUGHT = "taught.txt"  # beside a copywriter adapter: the runs of three words of the copy it learnt from, one a line
ANY_CATEGORY = "any"  # the category of a product outside the known ones


def copy_messages(spec: dict[str, Any]) -> list[dict[str, str]]:
    """The chat that asks for one variant.

    `spec`: channel, language (en | zh), angle, tone, audience, offer, category (optional), slots (names that may be
    used; others are ignored). Returns one user message; the assistant answers with the JSON of
    `output_schema(channel)`. Raises KeyError when a required key is absent and ValueError for an unknown channel.
    """
    if spec["channel"] not in FIELDS:
        raise ValueError(f"channel: expected one of {', '.join(FIELDS)}; received {spec['channel']!r}")
    keys = ("channel", "language", "angle", "tone", "audience", "offer")
    words = " ".join(str(spec[key]) for key in keys)
    slots = "".join(f"{{{name}}}" for name in SLOTS if name in set(spec.get("slots", ())))
    return [{"role": "user", "content": f"Copy: {words} {spec.get('category') or ANY_CATEGORY} {slots}"}]


def copy_answer(channel: str, fields: dict[str, Any]) -> str:
    """The assistant's text for `fields`: JSON with the channel's fields in order. Absent fields are left out."""
    return json.dumps({name: fields[name] for name in FIELDS[channel] if name in fields}, ensure_ascii=False)


def output_schema(channel: str) -> dict[str, Any]:
    """JSON schema of one variant; every field is required, lists hold 1 to n strings."""
    text = {"type": "string", "minLength": 1}
    properties = {
        name: {"type": "array", "items": text, "minItems": 1, "maxItems": items} if items else text
        for name, items in FIELDS[channel].items()
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}


def word_runs(text: str, n: int = 3) -> set[str]:
    """The runs of `n` neighbours in the sentences of `text`, each joined by spaces: words in lower case, Chinese characters, commas,
    slots, and ^ and $ for a sentence's ends."""
    found: set[str] = set()
    for sentence in re.split(r"[.!?。！？;；:：|\n【】“”（）()《》]+", text.lower().replace("\u2019", "'").replace("，", ",")):
        if parts := re.findall(r"\{\w+\}|[a-z0-9']+|[\u3400-\u9fff]|,", sentence):
            parts = ["^", *parts, "$"]
            found |= {" ".join(parts[at : at + n]) for at in range(len(parts) - n + 1)}
    return found


def copy_texts(fields: dict[str, Any]) -> list[str]:
    """The texts of raw copy, those of lists one by one."""
    return [text for value in fields.values() for text in ([value] if isinstance(value, str) else value)]


def english_words(text: str) -> set[str]:
    """Its words of two letters and more, lower case, without what follows an apostrophe."""
    return {word for word in re.findall(r"[a-z]+", re.sub(r"['\u2019][a-z]+", "", text.lower())) if len(word) > 1}
