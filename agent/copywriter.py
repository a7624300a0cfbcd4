"""Copywriters (`tools.base.CopyWriter`): raw copy with slots, from the tuned adapter or from any chat model.

They only write. Filling the slots, limits, banned claims and ranking belong to `tools.write_copy`, which asks again for
what it rejects.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import HumanMessage

from campaignwright.agent.grammar import copy_grammar
from campaignwright.agent.prompting import prompt
from campaignwright.tools.copy_format import FIELDS, copy_messages, copy_texts, english_words, output_schema, word_runs
from campaignwright.tools.copy_rules import placement

if TYPE_CHECKING:
    from campaignwright.agent.local_model import Chances, LocalModel

LONGEST = 700  # characters of a field whose limit is softer than this
BANNED = {"en": "", "zh": "最"}  # characters that no copy in the language may hold (absolute terms in Chinese law)


def field_limits(channel: str) -> tuple[dict[str, int], dict[str, tuple[int, int]]]:
    """(most characters per field, (least, most) items of list fields) for the default placement of `channel`."""
    rules = placement(channel)["fields"]
    lengths = {name: min(rules.get(name, {}).get("max") or LONGEST, LONGEST) for name in FIELDS[channel]}
    items = {name: (min(rules[name]["items"][0], most), most) for name, most in FIELDS[channel].items() if most}
    return lengths, items


def writing_grammar(spec: dict[str, Any]) -> str:
    """The grammar of one variant for `spec` (channel, language, slots): its fields, within reach of their limits."""
    lengths, items = field_limits(spec["channel"])
    schema = output_schema(spec["channel"])
    for name, (least, most) in items.items():
        schema["properties"][name] |= {"minItems": least, "maxItems": most}
    return copy_grammar(schema, slots=spec.get("slots", ()), banned=BANNED[spec["language"]], limits=lengths)


@dataclass
class AdapterWriter:
    """Writes with a LocalModel and its copywriter adapter: a batch of samples, each under the channel's grammar."""

    local: LocalModel
    adapter: str | None = "copywriter"
    temperature: float = 0.6
    top_p: float = 0.9
    spare: int = 6  # drafts beyond those asked for: a batch costs little more, and those that strayed most are left out
    passed: int = 2  # drafts beyond those asked for that are passed on, since some will be rejected
    small: bool = True  # write_copy then tells the marketer to read every line before using it
    topics: dict[str, frozenset[str]] = field(default_factory=dict)  # English words that only copy of a category holds
    taught: frozenset[str] = frozenset()  # runs of three words of the copy it learnt from

    def __post_init__(self) -> None:
        """The pairs of neighbours that it was taught; any when nothing is known."""
        self.pairs = frozenset(pair for run in self.taught for pair in (run.rsplit(" ", 1)[0], run.split(" ", 1)[1]))

    def __call__(self, spec: dict[str, Any], n: int, seed: int) -> list[dict[str, Any]]:
        """`n` drafts and a few to spare: first those of taught runs of words, then those that strayed least; fewer where drafts
        repeat or were cut off. Without what puts words side by side that it was never taught so: a whole draft, or an item of a
        list. `spec` as in `copy_messages`."""
        chances: list[Chances] = []
        outs = self.local.generate(
            copy_messages(spec), adapter=self.adapter, grammar=writing_grammar(spec), n=n + self.spare, seed=seed,
            temperature=self.temperature, top_p=self.top_p, max_new_tokens=500, chances=chances,
        )  # fmt: skip
        slips = dict(zip(outs, map(strayed, chances), strict=True))
        drafts = [draft for text in sorted(slips, key=slips.__getitem__) if (draft := _parse(text)) is not None]
        foreign = frozenset().union(*(many for name, many in self.topics.items() if name != spec.get("category")))
        foreign |= {"stop"} if spec["channel"] != "sms" else set()  # the way out of text messages
        kept = [one for draft in drafts if (one := self._known(draft)) and sound(one, spec["language"], foreign)]
        return sorted(kept, key=self._untaught)[: n + self.passed]

    def _known(self, draft: dict[str, Any]) -> dict[str, Any] | None:
        """The draft without items of lists that hold an untaught pair of words; None when a text of its own does."""
        if not self.pairs:
            return draft

        def known(text: str) -> bool:
            return word_runs(text, 2) <= self.pairs

        lists = {name: [one for one in value if known(one)] for name, value in draft.items() if isinstance(value, list)}
        whole = all(lists.values()) and all(known(value) for name, value in draft.items() if name not in lists)
        return draft | lists if whole else None

    def _untaught(self, draft: dict[str, Any]) -> int:
        """How many runs of three words it was never taught (0 when nothing is known)."""
        return len({run for text in copy_texts(draft) for run in word_runs(text)} - self.taught) if self.taught else 0


def strayed(chances: Chances) -> float:
    """How far sampling went from what the model holds likely: the mean of log(likeliest / chosen) over tokens, 0 or more.
    A choice among many equal ways to go on does not count, a slip does."""
    return sum(math.log(best / max(chance, 1e-9)) for chance, best in chances) / max(len(chances), 1)


def sound(draft: dict[str, Any], language: str, foreign: frozenset[str] = frozenset()) -> bool:
    """Whether a small model's draft is whole: no Chinese inside English nor the reverse, no word or slot twice in a row, no
    article before a benefit (which has its own), neither the product nor a number of the offer twice in a sentence, no start in
    lower case, nothing stuttered four times, no gap where a word should be, no field that the limit cut off after "the", nothing
    but a code to enter, no `foreign` word, which belongs to another kind of product."""
    parts = copy_texts(draft)
    if any(re.search(r" {2}| [,.!?;:]|[,，、][,，、]|\b[Ee]nter \{(?!code)", part) for part in parts):
        return False
    if any(re.search(r"(?:^|\s)(?:an?|the|and|or|your|our|my|with|at)\s*$", part, re.IGNORECASE) for part in parts):
        return False
    if any(re.search(r"\b(?:your|our|my|own|the|an?) \{benefit\}|(\{\w+\})[^\w{}]{1,4}\1", part, re.IGNORECASE) for part in parts):
        return False
    if any(re.search(r"(\{(?:price|was|discount|amount_off|product)\})[^.!?。！？\n]*\1", part) for part in parts):
        return False
    if language == "en" and any(re.match(r"\s*[a-z]+(?![A-Za-z-])", part) for part in parts):
        return False
    text = re.sub(r"\{[a-z_]+\}", " ", "\n".join(parts))
    if re.search(r"(.{2,12}?)\1{3,}", text) or (language == "en" and re.search(r"[\u3040-\u9fff]", text)):
        return False
    if re.search(r"\b(?!knock)([a-z]{2,}) \1\b(?!-)", text, re.IGNORECASE) or (language == "zh" and re.search("[a-z]{3,}", text)):
        return False
    return not foreign & english_words(text)


@dataclass
class ChatWriter:
    """Writes with any chat model, asked in plain words for a JSON array."""

    model: BaseChatModel

    def __call__(self, spec: dict[str, Any], n: int, seed: int) -> list[dict[str, Any]]:
        """Up to `n` drafts: what the model's answer holds of the asked form. `seed` is not used."""
        values = {key: spec.get(key) or "any" for key in ("channel", "tone", "angle", "audience", "offer", "category")}
        schema = json.dumps(output_schema(spec["channel"]), ensure_ascii=False)
        slots = " ".join(f"{{{name}}}" for name in spec.get("slots", ())) or "-"
        text = prompt("copy", spec["language"], n=n, schema=schema, slots=slots, **values)
        answer = str(self.model.invoke([HumanMessage(text)]).text)
        start, end = answer.find("["), answer.rfind("]")
        drafts = _parse(answer[start : end + 1]) if 0 <= start < end else None
        return [draft for draft in drafts if isinstance(draft, dict)][:n] if isinstance(drafts, list) else []


def _parse(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
