"""Requests composed of fragments in any order and punctuation, and edits of a standing brief.

Templates (`campaignwright.finetune.requests`) give natural sentences; these give every combination and order of fields.
"""

from __future__ import annotations

import re
from typing import Any

from campaignwright.finetune import locate
from campaignwright.finetune.requests import PLAIN, Writer, in_frame
from campaignwright.finetune.templates import CLOSED, Request
from campaignwright.market.words import CHANNELS, OBJECTIVES

LIKELY = {
    "products": 0.78,
    "audience": 0.36,
    "budget": 0.72,
    "time": 0.72,
    "channels": 0.42,
    "max_discount": 0.36,
    "min_roas": 0.28,
    "objective": 0.55,
    "tone": 0.16,
    "language": 0.1,
}
CHANGES = 0.5  # share of the edits of a field that can change by so much that do
AMOUNTS = (50, 100, 200, 250, 300, 400, 500, 600, 750, 800, 1000, 1200, 1500, 2000, 2500, 3000, 4000, 5000)
LENGTHS = {
    "en": ["a day", "two days", "3 days", "four days", "5 days", "ten days", "a week", "one week", "two weeks", "2 weeks", "a fortnight"],
    "zh": ["一天", "1天", "两天", "三天", "3天", "五天", "十天", "一周", "1周", "两周", "一个星期", "半个月"],
}  # fmt: skip


class Composer(Writer):
    """Composes; everything random comes from the one generator."""

    def composed(self, lang: str) -> Request:
        """A campaign request of fragments: a sentence, a list, telegram style, or lines of 'Key: value'."""
        rng = self.rng
        plain = rng.random() < PLAIN
        names = [name for name, chance in LIKELY.items() if rng.random() < chance * rng.choice([1, 1, 0.5])]
        if plain and len(names) > 4:
            names = rng.sample(names, rng.randint(2, 4))
        if not {"products", "objective", "audience"} & set(names):
            names.append("products")
        objective = rng.choice(OBJECTIVES) if "objective" in names else None
        labels: dict[str, Any] = {"objective": objective} if objective else {}
        keyed = rng.random() < 0.1
        parts: list[str] = []
        if objective:
            parts.append(
                self._keyed("objective", self._goal(lang, objective), lang)
                if keyed
                else self.objective(lang, objective)
            )
        for name in names:
            if name != "objective":
                parts += self._part(name, lang, objective, labels, keyed)
        rng.shuffle(parts)
        if not keyed:
            parts = self._opened(parts, lang, labels)
        if not plain and rng.random() < 0.3:
            parts.insert(rng.randint(0, len(parts)), self.pick(self.lexicon["distractors"][lang])["text"])
        if rng.random() < 0.12:
            parts.append(rng.choice(self.frames["polite"][lang]))
        segments = [(part, True) for part in self._joined(parts, lang, keyed)]
        labels = _capitalised(labels, "".join(part for part, _ in segments))
        text, labels = self.noisy(segments, labels)
        return Request(lang, "plan", text, "set_brief", self.ordered("set_brief", labels), f"composed-{lang}")

    def _goal(self, lang: str, objective: str) -> str:
        if self.rng.random() < 0.4 and lang == "en":
            return objective
        return self.pick(self.lexicon["objectives"][objective][lang]["vp"], keep_first=True)

    def _keyed(self, name: str, said: str, lang: str) -> str:
        return self.rng.choice(self.frames["keys"][lang][name]) + ("：" if lang == "zh" else ": ") + said

    def _part(self, name: str, lang: str, objective: str | None, labels: dict[str, Any], keyed: bool) -> list[str]:
        """The fragments of one field (time may be two), its labels added."""
        rng = self.rng
        if name == "time":
            chosen = rng.choice([["range"], ["start", "days"], ["start", "days"], ["days"], ["start"]])
            return [part for item in chosen for part in self._part(item, lang, objective, labels, keyed)]
        if name == "max_discount" and rng.random() < 0.15:
            said = rng.choice(self.frames["fields"]["no_discount"][lang])
            labels["max_discount"] = locate.share(said, 0.0) or said
            return [said]
        if name == "tone" and not keyed and rng.random() < 0.5:
            said, labels[name] = self.tone_sentence(lang)
            return [said]
        frame = rng.choice(self.frames["fields"][name][lang])
        said, found = self.value(
            name,
            "rel" if name == "start" and rng.random() < 0.3 else None,
            lang,
            objective=objective,
            before=frame.split("{x}")[0],
        )
        labels |= found
        if name == "min_roas" and re.search(r"[$a-z]{3,}", said) and "for every" in said:
            frame = "{x}"
        return [self._keyed(name, said, lang) if keyed else in_frame(frame, said)]

    def _opened(self, parts: list[str], lang: str, labels: dict[str, Any]) -> list[str]:
        rng = self.rng
        if lang == "en" and "days" not in labels and rng.random() < 0.12:
            said, labels["days"] = self.days("en", "adj")
            return [rng.choice(self.frames["openers"]["adj_en"]).replace("{days:adj}", said), *parts]
        if rng.random() < 0.45:
            return [rng.choice(self.frames["openers"][lang]), *parts]
        return parts

    def _joined(self, parts: list[str], lang: str, keyed: bool) -> list[str]:
        """The fragments with one kind of joint, sentences capitalised where they are sentences."""
        rng = self.rng
        if keyed:
            joint = rng.choice(["\n", "\n", "; ", " | "] if lang == "en" else ["\n", "\n", "；", "，"])
        elif lang == "zh":
            joint = rng.choice(["，", "，", "，", "。", " ", "\n", "、"])
        else:
            joint = rng.choice([", ", ", ", ", ", ". ", ". ", " ", " ", "; ", "\n", " / ", " - "])
        if joint.strip() and joint not in (". ", "。"):
            parts = [part.rstrip("。，,.!") for part in parts]
        if joint == ". ":
            parts = [part[0].upper() + part[1:] if part[0].isalpha() else part for part in parts]
            parts = [part.rstrip(".") if i < len(parts) - 1 else part for i, part in enumerate(parts)]
        out: list[str] = []
        for i, part in enumerate(parts):
            out.append(part + (joint if i < len(parts) - 1 else ""))
        return out

    # -- edits -------------------------------------------------------------------------------------------------------

    def edit(self, lang: str, brief: dict[str, Any]) -> Request:
        """One or two changes to a standing brief (the arguments of its call); only changed fields are labelled."""
        rng = self.rng
        frames = self.frames["edits"]
        labels: dict[str, Any] = {}
        parts: list[str] = []
        added = False
        options = list(frames)
        for name in rng.sample(options, rng.choices([1, 2, 3], [72, 23, 5])[0]):
            field, said = self._change(name, lang, brief)
            if field is None or field[0] in labels or ("start" in labels and field[0] == "start"):
                continue
            if name in self.frames["changes"] and rng.random() < CHANGES:
                sentence, labels[name] = self.change(name, lang)
                parts.append(sentence)
                continue
            sentence = in_frame(rng.choice(frames[name][lang]), said)
            labels[field[0]] = locate.share(sentence, 0.0) if name == "no_discount" else field[1]
            added |= name == "add_products"
            parts.append(sentence)
        if not parts:
            said, label = self.budget(lang)
            labels, parts = {"budget": label}, [in_frame(rng.choice(frames["budget"][lang]), said)]
        joint = (
            rng.choice([" and ", ", ", ". ", ", and "])
            if lang == "en"
            else rng.choice(["，", "，", "，另外", "，还有"])
        )
        text, labels = self.noisy([(joint.join(parts), True)], labels)
        if added:
            labels["products"] = [*brief["products"], *labels["products"]]
        return Request(lang, "followup", text, "set_brief", self.ordered("set_brief", labels), f"edit-{lang}")

    def change(self, name: str, lang: str) -> tuple[str, str]:
        """A value of the standing brief changed by so much ("double the budget", "晚三天开始"), and the words that say it."""
        rng, unit = self.rng, " percent" if lang == "en" else "个点"
        slots = {
            "money": lambda: self.money(lang, rng.choice(["short", "full"]), amount=rng.choice(AMOUNTS)),
            "pct": lambda: f"{rng.choice([5, 10, 15, 20, 25, 30, 40, 50])}" + rng.choice(["%", "%", "%", unit]),
            "share": lambda: rng.choice(["half", "a third", "a quarter", "a fifth"]),
            "cheng": lambda: rng.choice("一两三四五六") + rng.choice(["成", "成", "成半"]),
            "length": lambda: rng.choice(LENGTHS[lang]),
            "points": lambda: self.count(lang),
        }
        frame = rng.choice(self.frames["changes"][name][lang])
        said = re.sub(r"{(\w+)}", lambda match: slots[match[1]](), frame)
        return re.sub(r"[\[\]]", "", said), re.search(r"\[(.+)\]", said)[1]

    def _change(self, name: str, lang: str, brief: dict[str, Any]) -> tuple[tuple[str, Any] | None, str]:
        """(field, new value) and its wording; None where the change makes no sense for this brief."""
        rng, standing = self.rng, brief.get("channels") or []
        if name == "no_discount":
            return ("max_discount", None), ""
        if name == "add_channel":
            free = [c for c in CHANNELS if c not in standing]
            value = rng.choice(free)
            return (("channels", [*standing, value]) if standing else None), self.channel(lang, value)
        if name == "drop_channel":
            if not standing:  # the plan's channels are not in the talk: the tool sees from the message that this one goes
                value = rng.choice(CHANNELS)
                return ("channels", [value]), self.channel(lang, value)
            if len(standing) < 2:
                return None, ""
            value = rng.choice(standing)
            return ("channels", [c for c in standing if c != value]), self.channel(lang, value)
        if name == "add_products":
            said = self.product(lang)
            return (("products", [said]) if brief.get("products") else None), said
        if name == "objective":
            value = rng.choice([o for o in OBJECTIVES if o != brief.get("objective")])
            return ("objective", value), self.pick(self.lexicon["objectives"][value][lang]["vp"], keep_first=True)
        said, found = self.value(name, None, lang)
        return next(iter(found.items())), said

    def from_template(self, template: dict[str, Any]) -> tuple[Request, Request] | None:
        """A hand-written follow-up: a first request for its context, and the edit. None if it cannot be copied."""
        lang, context = template["lang"], dict(template["context"])
        context.pop("currency", None)
        segments, found = self.fill(template["text"], lang)
        labels = dict(found)
        for name, value in template["args"].items():
            if name == "products":
                labels[name] = value
            elif name in ("objective", "channels", "tone", "language", "audience"):
                labels[name] = value
            else:
                said = locate.said(template["text"], name, value)
                if said is None:
                    return None
                labels[name] = said
        text, labels = self.noisy(segments, labels)
        args = self.ordered("set_brief", labels)
        if not args and not template.get("reply"):
            return None
        request = Request(
            lang, "followup", text, "set_brief" if args else None, args, template["id"], reply=template.get("reply")
        )
        return self.standing(lang, context), request

    def standing(self, lang: str, context: dict[str, Any]) -> Request:
        """A first request that states what `context` holds (canonical values), said in some way."""
        rng, labels, parts = self.rng, {}, []
        for name, value in context.items():
            if name == "objective":
                labels[name] = value
                parts.append(self.objective(lang, value))
                continue
            if name == "products":
                said, label = (" and " if lang == "en" else "和").join(value), list(value)
            elif name == "budget":
                said = label = self.money(lang, amount=int(value), currency="bare")
            elif name == "channels":
                if not value:
                    continue
                said, label = self.channels(lang, None, list(value))
            elif name == "audience":
                own = value not in self.lexicon["audiences"]  # a segment of the shop's own, said by its name
                said, label = value if own else self.pick(self.lexicon["audiences"][value][lang]["noun"], keep_first=True), value
            elif name == "max_discount" and value:
                said = label = f"{round(value * 100)}%"
            elif name == "tone":
                said, label = self.pick(self.lexicon["tones"][value][lang]["adj"], keep_first=True), value
            elif name == "language":
                said, label = rng.choice(self.frames["languages"][lang][value]), value
            elif name == "days":
                said = label = f"{value} days" if lang == "en" else f"{value}天"
            elif name == "start":
                month, day = int(value[5:7]), int(value[8:10])
                said = label = (
                    f"{'JanFebMarAprMayJunJulAugSepOctNovDec'[3 * month - 3 : 3 * month]} {day}"
                    if lang == "en"
                    else f"{month}月{day}日"
                )
            elif name == "min_roas" and value:
                said = label = str(value)
            else:
                continue
            labels[name] = label
            parts.append(in_frame(rng.choice(self.frames["fields"][name][lang]), said))
        text = "".join(self._joined(self._opened(parts, lang, dict(labels, days=1)), lang, False))
        return Request(lang, "plan", text, "set_brief", self.ordered("set_brief", labels), f"standing-{lang}")


def _capitalised(labels: dict[str, Any], text: str) -> dict[str, Any]:
    """The labels as they stand in `text`, where a fragment that begins with one may have been capitalised."""

    def there(value: Any) -> Any:
        if isinstance(value, list):
            return [there(one) for one in value]
        upper = value[:1].upper() + value[1:] if isinstance(value, str) else value
        return upper if isinstance(value, str) and value not in text and upper in text else value

    return {name: value if name in CLOSED else there(value) for name, value in labels.items()}


def invented_first(composer: Composer, lang: str) -> Request:
    """A first request for a conversation that goes on."""
    request = composer.composed(lang)
    for _ in range(20):
        if request.faithful():
            return request
        request = composer.composed(lang)
    raise RuntimeError("no faithful request in twenty draws: check corpus/frames.json")
