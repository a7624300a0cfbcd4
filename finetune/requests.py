"""Requests with their calls: templates filled with values, sentences added, and the noise of real typing."""

from __future__ import annotations

import random
import re
from typing import Any

from campaignwright.finetune import locate
from campaignwright.finetune.names import SUITS, Names
from campaignwright.finetune.surface import read_json
from campaignwright.finetune.templates import CLOSED, ORDER, SLOT, Request
from campaignwright.market.words import AUDIENCES, OBJECTIVES

PLAIN = 0.4  # share of requests that say only what they want


def in_frame(frame: str, said: str) -> str:
    """A value in its frame, with the article that fits it."""
    return (re.sub(r"\ba (?={x})", "an ", frame) if re.match("[aeiou]", said) else frame).format(x=said, vp=said)


class Writer(Names):
    """Fills templates and composes requests."""

    def __init__(self, rng: random.Random, *, dev: bool = False) -> None:
        super().__init__(rng, dev=dev)
        self.frames = read_json("frames.json")

    def value(
        self, name: str, form: str | None, lang: str, *, objective: str | None = None, before: str = ""
    ) -> tuple[str, dict[str, Any]]:
        """Surface form and labels of one slot."""
        rng = self.rng
        if name == "products":
            said, label = self.products(lang, form)
        elif name == "product":
            said = label = self.product(lang, form)
        elif name == "audience":
            said, label = self.audience(lang, form, objective, before)
        elif name == "budget":
            said, label = self.budget(lang, form)
        elif name == "start":
            said, label = self.start(lang, form)
        elif name == "range":
            said, label = self.range(lang, form)
            name = "start"
        elif name == "days":
            said, label = self.days(lang, form)
        elif name == "channels":
            said, label = self.channels(lang, form)
        elif name == "channel":
            said, values = self.channels(
                lang,
                None,
                [rng.choice(["email", "sms", "push", "search", "social", "display", "wechat", "xiaohongshu"])],
            )
            label = values[0]
            said = self.channel(lang, label)
        elif name in ("max_discount", "discount"):
            said, label = self.percent(lang, form, discount=True)
        elif name in ("min_margin", "min_effect", "uplift"):
            said, label = self.percent(lang, form)
        elif name == "min_roas":
            said = label = self.roas(lang, form)
        elif name in ("n", "k"):
            said = label = self.count(lang)
        elif name in ("tone", "language", "offer", "fixed"):
            said, label = getattr(self, name)(lang)
        elif name == "strategy":
            label = f"s{rng.randint(1, 5)}"
            said, name = rng.choice([label, label.upper(), label]), "strategy_id"
        else:  # query, campaign
            said = label = self.pick(
                read_json("catalogue.json")[{"query": "queries", "campaign": "campaigns"}[name]][lang]
            )
        if name in ("budget", "days") and rng.random() < 0.04:
            said = self._corrected(name, form, lang, said)
        return said, {name: label}

    def _corrected(self, name: str, form: str | None, lang: str, said: str) -> str:
        """A wrong value first, then the right one."""
        wrong = getattr(self, name)(lang, form)[0]
        if lang == "zh":
            return wrong + self.rng.choice(["，不对，", "，哦不，", "，啊说错了，", "，算了，"]) + said
        return wrong + self.rng.choice([", no, ", ", sorry, ", " - no wait, ", ", I mean ", "... actually "]) + said

    def fill(self, text: str, lang: str, objective: str | None = None) -> tuple[list[tuple[str, bool]], dict[str, Any]]:
        """Segments (text, is a value) and labels of a template."""
        segments: list[tuple[str, bool]] = []
        labels: dict[str, Any] = {}
        position = 0
        for match in SLOT.finditer(text):
            literal = text[position : match.start()]
            said, found = self.value(match[1], match[2], lang, objective=objective, before=literal)
            if lang == "en" and re.search(r"\ba $", literal) and re.match(r"(8|11|18|eight|eleven)", said):
                literal = literal[:-1] + "n "
            segments += [(literal, False), (said, True)]
            labels |= found
            position = match.end()
        tail = text[position:]
        if currency := re.match(r" ?(EUR|euros?|GBP|RMB|人民币|美金)\b", tail):
            if "budget" in labels and segments[-1][0].endswith(labels["budget"]):
                segments[-2:] = [
                    segments[-2],
                    (re.sub(r"[$£€¥]|[a-zA-Z]{3,}", "", labels["budget"]).strip() or labels["budget"], True),
                ]
                labels["budget"] = segments[-1][0] + currency[0]
        segments.append((tail, False))
        return segments, labels

    def noisy(self, segments: list[tuple[str, bool]], labels: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Typos, dropped punctuation and casing; labels follow the casing."""
        rng = self.rng
        if rng.random() < 0.12:
            segments = [(text if value else self._misspell(text), value) for text, value in segments]
        if rng.random() < 0.07:
            segments = [
                (text if value else re.sub(r"[，。！](?=\s|$)", " ", re.sub(r"[,.!;](?=\s|$)", "", text)), value)
                for text, value in segments
            ]
        text = "".join(part for part, _ in segments)
        draw = rng.random()
        if draw < 0.13 or draw > 0.985:
            change = str.lower if draw < 0.13 else str.upper
            text, labels = change(text), {name: self._cased(name, value, change) for name, value in labels.items()}
        if rng.random() < 0.15:
            text = text.rstrip(".!。！")
        return text.strip(), labels

    def _cased(self, name: str, value: Any, change: Any) -> Any:
        if name in CLOSED or (name == "audience" and value in AUDIENCES):
            return value
        if isinstance(value, dict):
            return {key: change(item) for key, item in value.items()}
        return [change(item) for item in value] if isinstance(value, list) else change(value)

    def _misspell(self, text: str) -> str:
        words = text.split(" ")
        for i, word in enumerate(words):
            known = self.frames["typos"].get(word.lower())
            if known and self.rng.random() < 0.5:
                words[i] = self.rng.choice(known)
            elif word.isascii() and word.isalpha() and len(word) > 4 and self.rng.random() < 0.06:
                at = self.rng.randrange(1, len(word) - 2)
                words[i] = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        return " ".join(words)

    def ordered(self, tool: str, labels: dict[str, Any]) -> dict[str, Any]:
        """Labels as the call's arguments, in signature order; what the tool does not take is left out."""
        return {name: labels[name] for name in ORDER[tool] if name in labels}

    # -- whole requests ----------------------------------------------------------------------------------------------

    def plan(self, template: dict[str, Any]) -> Request:
        """A campaign request from a template, with sentences around it that add fields or distract."""
        lang = template["lang"]
        literal = dict(template["labels"])
        objective = literal.get("objective")
        sampled = None
        if objective is None and self.rng.random() < 0.35:
            audience = literal.get("audience")
            fitting = [o for o in OBJECTIVES if audience is None or audience in SUITS.get(o, (audience,))]
            objective = sampled = self.rng.choice(fitting)
        segments, labels = self.fill(template["text"], lang, objective)
        labels = {**literal, **labels}
        if sampled:
            labels["objective"] = sampled
            self._add(segments, self.objective(lang, sampled), lang)
        if self.rng.random() > PLAIN:
            self._extend(segments, labels, lang, template["text"])
        text, labels = self.noisy(segments, labels)
        return Request(lang, "plan", text, "set_brief", self.ordered("set_brief", labels), template["id"])

    def objective(self, lang: str, value: str) -> str:
        """A sentence or a framed verb phrase that states the objective."""
        table = self.lexicon["objectives"][value][lang]
        if self.rng.random() < 0.5:
            return self.pick(table["sentence"])
        return self.rng.choice(self.frames["objective"][lang]).format(vp=self.pick(table["vp"], keep_first=True))

    def _add(self, segments: list[tuple[str, bool]], sentence: str, lang: str, *, first: float = 0.4, said: str = "") -> None:
        """Put a sentence in front of or behind the request; what was `said` in it keeps its case."""
        stop = "。" if lang == "zh" else "."
        gap = "" if lang == "zh" else self.rng.choice([" ", " ", " ", "\n"])
        if lang == "en" and sentence[:1].isalpha() and not (said and sentence.startswith(said)):
            sentence = sentence[0].upper() + sentence[1:]
        sentence = sentence if sentence[-1] in ".!?。！？，," else sentence + stop
        if self.rng.random() < first:
            segments.insert(0, (sentence + gap, True))
        else:
            tail = "".join(part for part, _ in segments).rstrip()
            close = "" if tail[-1:] in ".!?。！？" or "\n" in tail else stop
            segments.append((close + gap + sentence, True))

    def _extend(self, segments: list[tuple[str, bool]], labels: dict[str, Any], lang: str, template: str) -> None:
        """Now and then state a field that the template leaves open, or something beside the point."""
        rng = self.rng
        chances = {
            "audience": 0.12,
            "channels": 0.12,
            "tone": 0.09,
            "language": 0.07,
            "max_discount": 0.1,
            "min_roas": 0.1,
            "budget": 0.15,
            "days": 0.1,
            "products": 0.3,
        }
        for name, chance in chances.items():
            blocked = name in labels or (
                name == "days" and ("range" in template or "start" in labels and rng.random() < 0.5)
            )
            if (
                blocked
                or (name == "max_discount" and re.search("discount|折|price|价", template))
                or rng.random() > chance
            ):
                continue
            if name == "max_discount" and rng.random() < 0.25:
                said = rng.choice(self.frames["fields"]["no_discount"][lang])
                labels[name] = locate.share(said, 0.0) or said
                self._add(segments, said, lang, first=0.2, said=said)
                continue
            if name == "tone" and rng.random() < 0.5:
                said, labels[name] = self.tone_sentence(lang)
                self._add(segments, said, lang, first=0.25)
                continue
            said, found = self.value(name, None, lang, objective=labels.get("objective"))
            labels |= found
            self._add(segments, in_frame(rng.choice(self.frames["fields"][name][lang]), said), lang, first=0.25, said=said)
        if rng.random() < 0.28:
            self._add(segments, self.pick(self.lexicon["distractors"][lang])["text"], lang, first=0.5)
        if rng.random() < 0.12:
            self._add(segments, rng.choice(self.frames["polite"][lang]), lang, first=0.4)

    def single(self, template: dict[str, Any]) -> Request:
        """A question for one tool."""
        lang, tool = template["lang"], template["tool"]
        if tool == "set_brief":
            return self.plan({**template, "labels": template["labels"]})
        segments, labels = self.fill(template["text"], lang)
        labels = {**template["labels"], **labels}
        if tool == "search_campaigns" and "query" not in labels:
            labels["query"] = (
                labels.get("product")
                or (template["args"] or {}).get("query")
                or {"en": "campaigns", "zh": "活动"}[lang]
            )
        if tool == "forecast" and "max_discount" in labels:
            labels["discount"] = labels.pop("max_discount")
        if self.rng.random() < 0.1:
            self._add(segments, self.pick(self.lexicon["distractors"][lang])["text"], lang, first=0.6)
        elif self.rng.random() < 0.08:
            self._add(segments, self.rng.choice(self.frames["polite"][lang]), lang)
        text, labels = self.noisy(segments, labels)
        return Request(lang, "single", text, tool, self.ordered(tool, labels), template["id"])
