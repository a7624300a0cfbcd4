"""Copy put together from single hand-written lines: the plain half of what the copywriter learns.

The exemplars show what good copy can be; a small model cannot learn their wit from a thousand pieces. It can learn plain
sentences that recur in ever new company: an opening for the audience, a line about the product, the offer, a call to act.
"""

from __future__ import annotations

import collections
import functools
import json
import math
import random
import re
from typing import Any

from campaignwright.finetune.surface import CORPUS
from campaignwright.tools.copy_format import FIELDS, SLOTS, copy_answer, copy_messages, english_words
from campaignwright.tools.copy_rules import SET_PRICES, says_set

LABELS = ("audience", "tone", "offer", "angle")
CHOICES = {
    "audience": ("all", "new", "loyal", "lapsed", "high_value", "deal_seekers"),
    "tone": ("neutral", "premium", "urgent", "friendly", "playful"),
    "offer": ("none", "percent_off", "amount_off", "free_shipping", "bundle", "gift"),
    "angle": ("quality", "value", "urgency", "novelty", "social_proof"),
}
CATEGORIES = (
    "running shoes", "outdoor jackets", "backpacks", "skincare", "coffee", "headphones", "cookware", "toys",
)  # fmt: skip
# share of requests that offer a slot, and the slots that an offer supplies
SUPPLIED = {
    "brand": 0.9, "product": 1.0, "category": 0.7, "price": 0.85, "code": 0.35, "end": 0.85, "days": 0.6,
    "first_name": 0.3, "last_product": 0.2, "benefit": 0.4,
}  # fmt: skip
OF_OFFER = {
    "none": (), "percent_off": ("discount", "was"), "amount_off": ("amount_off", "was"),
    "free_shipping": ("threshold",), "bundle": ("discount", "was"), "gift": ("gift",),
}  # fmt: skip
# a line is so many times likelier for each of its labels that names what was asked for: a reader shall tell the audience
PREFER = {"audience": 8.0, "tone": 3.0, "offer": 4.0, "angle": 3.0, "category": 4.0}
SMS_LENGTH = {"en": 100, "zh": 34}  # characters of the lines of a text message, slots unfilled


@functools.cache
def lines() -> dict[tuple[str, str], list[dict[str, Any]]]:
    """(language, role) -> its lines with the slots that each needs."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = collections.defaultdict(list)
    for path in sorted(CORPUS.glob("lines_*.jsonl")):
        for text in path.read_text(encoding="utf-8").splitlines():
            item = json.loads(text)
            item["slots"] = set(re.findall(r"{(\w+)}", item["text"]))
            found[item["lang"], item["role"]].append(item)
    return found


def _labels(item: dict[str, Any]) -> list[str | None]:
    """The categories that a line or exemplar is for; [None] for any."""
    found = item.get("category")
    return found if isinstance(found, list) and found else [found or None]


def topic_words(least: int = 3, share: float = 0.8) -> dict[str, list[str]]:
    """Category -> the English words that stand, `least` times or more and for `share` of their texts, in copy of it alone."""
    seen: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    texts = [(item["text"], _labels(item)) for (lang, _), many in lines().items() if lang == "en" for item in many]
    for path in sorted(CORPUS.glob("copy_en*.jsonl")):
        for item in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            parts = [part for value in item["fields"].values() for part in ([value] if isinstance(value, str) else value)]
            texts.append((" ".join(parts), _labels(item)))
    for text, categories in texts:
        for word in set(english_words(re.sub(r"{\w+}", " ", text))):
            seen[word].update(categories)
    found: dict[str, list[str]] = collections.defaultdict(list)
    for word, counts in sorted(seen.items()):
        category, count = counts.most_common(1)[0]
        if category and len(word) > 3 and counts.total() >= least and count >= share * counts.total():
            found[category].append(word)
    return dict(found)


class LineCopy:
    """Draws copywriter chats from the lines."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def chat(self) -> dict[str, Any] | None:
        """One request with its answer; None when no line fits a part: draw again."""
        spec = self.spec()
        fields = Draft(self.rng, spec).fields()
        if fields is None:
            return None
        messages = [*copy_messages(spec), {"role": "assistant", "content": copy_answer(spec["channel"], fields)}]
        return {"kind": "copy", "lang": spec["language"], "source": "lines", "messages": messages}

    def spec(self) -> dict[str, Any]:
        """A request as `copy_messages` takes it, its slots as a shop would supply them."""
        rng = self.rng
        spec: dict[str, Any] = {name: rng.choice(choices) for name, choices in CHOICES.items()}
        spec["channel"] = rng.choices(list(FIELDS), [4, 3, 3, 3, 3, 2, 2, 2])[0]
        chinese = {"wechat": 0.85, "xiaohongshu": 0.85}.get(spec["channel"], 0.4)
        spec["language"] = "zh" if rng.random() < chinese else "en"
        spec["category"] = rng.choice(CATEGORIES) if rng.random() < 0.6 else None
        slots = {name for name, share in SUPPLIED.items() if rng.random() < share}
        slots |= {name for name in OF_OFFER[spec["offer"]] if name != "was" or rng.random() < 0.7}
        if spec["language"] == "zh" and "discount" in slots:
            slots.add("discount_zhe")
        spec["slots"] = [name for name in SLOTS if name in slots]
        return spec


class Draft:
    """One piece of copy for a request; no line is used twice in it."""

    def __init__(self, rng: random.Random, spec: dict[str, Any]) -> None:
        self.rng, self.spec, self.used = rng, spec, set()
        self.slots = set(spec["slots"])

    def fields(self) -> dict[str, Any] | None:
        """The channel's fields; None when a part has no line."""
        try:
            return getattr(self, f"_{self.spec['channel']}")()
        except LookupError:
            return None

    def fits(self, line: dict[str, Any]) -> bool:
        """Whether the line may be said here: its labels name the request's values and its slots are supplied."""
        named = all(self.spec[label] in line[label] for label in LABELS if label in line)
        offered = line["role"] == "deal" or set(line.get("offer", ())) == {"free_shipping"}
        if offered and "threshold" in self.slots - line["slots"]:
            return False  # free shipping from an amount must name it
        if self.spec["offer"] == "bundle" and line["slots"] & set(SET_PRICES) and not says_set(line["text"], self.spec["language"]):
            return False
        return named and line["slots"] <= self.slots and line.get("category") in (None, self.spec["category"])

    def line(self, role: str, longest: int = 1000) -> str:
        """A line of `role`, likelier the more of the request it answers. Raises LookupError without any."""
        known = lines()[self.spec["language"], role]
        usable = [x for x in known if x["text"] not in self.used and len(x["text"]) <= longest and self.fits(x)]
        if not usable:
            raise LookupError(role)
        weights = [math.prod(times for label, times in PREFER.items() if label in line) for line in usable]
        text = self.rng.choices(usable, weights)[0]["text"]
        self.used.add(text)
        return text

    def joined(self, *parts: str, gap: str | None = None) -> str:
        """Sentences side by side as the language writes them."""
        return ("" if self.spec["language"] == "zh" else " ").join(parts) if gap is None else gap.join(parts)

    def several(self, role: str, least: int, most: int) -> list[str]:
        """Between `least` and `most` different lines. Raises LookupError when there are fewer than `least`."""
        found: list[str] = []
        while len(found) < most:
            try:
                found.append(self.line(role))
            except LookupError:
                if len(found) < least:
                    raise
                break
        return found

    def _body(self) -> str:
        """Paragraphs: who it speaks to and the product, the offer, the call."""
        first = self.joined(self.line("opening"), self.line("about"))
        offer = self.line("deal") if self.rng.random() < 0.7 else self.joined(self.line("deal"), self.line("about"))
        gap = "\n" if self.spec["language"] == "zh" else "\n\n"
        return self.joined(first, offer, self.line("closing"), gap=gap)

    def _email(self) -> dict[str, Any]:
        return {"subject": self.line("subject"), "preheader": self.line("preheader"), "body": self._body()}

    def _xiaohongshu(self) -> dict[str, Any]:
        return {"title": self.line("xhstitle"), "body": self._body()}

    def _sms(self) -> dict[str, Any]:
        zh = self.spec["language"] == "zh"
        room = SMS_LENGTH["zh" if zh else "en"]
        hook = self.line("smsline")
        text = self.joined(hook, self.line("deal", room - len(hook)))
        if "brand" not in self.slots:
            return {"text": text + "拒收请回复R" if zh else text + " Reply STOP to end"}
        return {"text": f"【{{brand}}】{text}拒收请回复R" if zh else f"{{brand}}: {text} Reply STOP to end"}

    def _push(self) -> dict[str, Any]:
        body = [self.line("deal")] if self.rng.random() < 0.5 else [self.line("smsline"), self.line("deal")]
        return {"title": self.line("title"), "body": self.joined(*body)}

    def _search(self) -> dict[str, Any]:
        return {
            "headlines": self.several("headline", 4, self.rng.randint(5, FIELDS["search"]["headlines"])),
            "descriptions": self.several("description", 2, self.rng.randint(2, FIELDS["search"]["descriptions"])),
        }

    def _social(self) -> dict[str, Any]:
        first = self.line("opening" if self.rng.random() < 0.6 else "about")
        return {
            "text": self.joined(first, self.line("deal")),
            "headline": self.line("adhead"),
            "description": self.line("adnote"),
        }

    def _display(self) -> dict[str, Any]:
        return {
            "headline": self.line("headline"),
            "long_headline": self.line("longline"),
            "description": self.line("description"),
        }

    def _wechat(self) -> dict[str, Any]:
        return {"text": self.line("moments")}
