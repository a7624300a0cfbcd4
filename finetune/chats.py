"""Chats: what the expert does with a request, from the first call to the closing words, and what it does without one.

Requests come from `requests` and `compose`, results from `results`.
"""

from __future__ import annotations

import random
import re
from typing import Any

from campaignwright.finetune.compose import invented_first
from campaignwright.finetune.requests import in_frame
from campaignwright.finetune.results import NEEDS, Results, call, result, says, user
from campaignwright.finetune.surface import held_out
from campaignwright.finetune.templates import SLOT, Request, templates
from campaignwright.finetune.troubles import refusal

KINDS = {"plan": 24, "composed": 8, "single": 25, "followup": 26, "answered": 8, "chain": 3, "talk": 20, "trouble": 5}  # shares of chats
EVERYDAY = 6  # how often more the plainest wordings (files extra_everyday_*) are drawn for training
NEWEST, UNREAD = "xw", 4  # ids of lines that no go has read (none yet), and how often more than other later ones they are drawn
SHOWN = ("set_brief", "explain_plan", "finish_plan")  # calls that the model says nothing after

TALK = {"about": 22, "clarify": 32, "off_topic": 36, "attack": 10}  # shares of the hand-written lines that need no call
BEHIND = {"about": 1.0, "clarify": 0.0}  # share of a kind that stands behind a plan; else 0.15
CHATTER = 0.15  # share of the later requests that begin with a remark
ASKED = ("products", "budget", "start", "days")  # what the copilot asks for
DOUBTED = (*ASKED, "audience", "max_discount", "min_roas", "channels")  # what can contradict today, the shop or itself


class Expert(Results):
    """Writes chats. Deterministic for one generator; `dev` draws held-out templates and lexicon entries only."""

    def __init__(self, rng: random.Random, *, dev: bool = False) -> None:
        super().__init__(rng, dev=dev)
        usable = [item for item in templates() if item["dev"] == dev and not item.get("dropped")]
        self.by_kind = {
            kind: [item for item in usable if item["kind"] == kind] for kind in ("plan", "single", "followup")
        }
        for items in self.by_kind.values():  # ordinary short wordings are what most people write
            later = [item for item in items if item["id"].startswith("x")]
            items += later * 2 + [item for item in later if re.match("xe(?!v)", item["id"]) and not dev] * EVERYDAY
        self.other = [item for item in usable if item["kind"] in ("clarify", "off_topic", "attack", "about")]
        for items in (*self.by_kind.values(), self.other):
            items += [item for item in items if item["id"].startswith(NEWEST) and not dev] * UNREAD

    def chat(self, kind: str | None = None, lang: str | None = None) -> dict[str, Any] | None:
        """One chat {"kind", "lang", "source", "messages"}; None when the draw is not faithful: draw again."""
        kind = kind or self.rng.choices(list(KINDS), list(KINDS.values()))[0]
        lang = lang or self.rng.choices(["en", "zh"], [60, 40])[0]
        return getattr(self, f"_{kind}")(lang)

    def _made(self, request: Request, messages: list[dict[str, Any]], kind: str | None = None) -> dict[str, Any]:
        return {"kind": kind or request.kind, "lang": request.lang, "source": request.source, "messages": messages}

    def _template(self, kind: str, lang: str) -> dict[str, Any]:
        return self.rng.choice([item for item in self.by_kind[kind] if item["lang"] == lang])

    # -- first requests ----------------------------------------------------------------------------------------------

    def _plan(self, lang: str) -> dict[str, Any] | None:
        request = self.composer.plan(self._template("plan", lang))
        if not request.args or not request.faithful():
            return None
        return self._made(request, [user(request.text), call("set_brief", request.args)])

    def _composed(self, lang: str) -> dict[str, Any] | None:
        request = self.composer.composed(lang)
        return (
            self._made(request, [user(request.text), call("set_brief", request.args)]) if request.faithful() else None
        )

    def _single(self, lang: str) -> dict[str, Any] | None:
        request = self.composer.single(self._template("single", lang))
        if not request.faithful():
            return None
        before = self.earlier(invented_first(self.composer, lang)) if request.tool == "explain_plan" else []
        messages = [*before, user(request.text), call(request.tool, request.args)]
        if self.rng.random() < 0.35 and request.tool not in SHOWN:
            messages += self.answered(request.tool, request.args, lang)
        return self._made(request, messages)

    def _chain(self, lang: str) -> dict[str, Any] | None:
        request = (
            self.composer.plan(self._template("plan", lang))
            if self.rng.random() < 0.6
            else self.composer.composed(lang)
        )
        if not request.args or not request.faithful():
            return None
        messages = [user(request.text), call("set_brief", request.args), result(self.brief_of(request.args, lang))]
        return self._made(request, messages + self.steps(request.args, lang), "chain")

    # -- conversations that go on ------------------------------------------------------------------------------------

    def earlier(self, first: Request) -> list[dict[str, Any]]:
        """An earlier turn as the model is shown it: request, set_brief with its result, closing words."""
        told = self.words("finish_plan", first.lang, first.args.get("objective", "any"))
        return [
            user(first.text),
            call("set_brief", first.args),
            result(self.brief_of(first.args, first.lang)),
            says(told),
        ]

    def _followup(self, lang: str) -> dict[str, Any] | None:
        draw = self.rng.random()
        first = invented_first(self.composer, lang)
        if draw < 0.45:
            made = self.composer.from_template(self._template("followup", lang))
            if made is None:
                return None
            first, request = made
        elif draw < 0.75:
            request = self.composer.edit(lang, first.args)
        else:
            request = self.composer.single(self._template("single", lang))
            request.kind = "followup"
        if request is None:
            return None
        if request.tool and not self.dev and self.rng.random() < CHATTER:
            request.text = self.rng.choice(self.composer.frames["chatter"][lang]) + (" " if lang == "en" else "") + request.text
        request.before = self.earlier(first)
        if not (first.faithful() and request.faithful()) or request.tool == "set_brief" and not request.args:
            return None
        last = says(request.reply) if request.tool is None else call(request.tool, request.args)
        messages = [*request.before, user(request.text), last]
        if request.tool == "set_brief" and self.rng.random() < 0.1:
            merged = {**first.args, **request.args}
            messages += [result(self.brief_of(merged, lang)), *self.steps(merged, lang)]
        return self._made(request, messages)

    def _answered(self, lang: str) -> dict[str, Any] | None:
        """What is said to the copilot's question: the field asked for, another change meanwhile, a first brief after a vague
        opening. Only the new message is labelled."""
        rng, composer = self.rng, self.composer
        if rng.random() < 0.3:
            vague, question = self._pair("vague", lang)
            request = composer.composed(lang) if rng.random() < 0.6 else self._field(lang, rng.choice(ASKED))
            request.before = [user(vague), says(question)]
        else:
            first, field = invented_first(composer, lang), rng.choice(ASKED)
            draw = rng.random()
            if draw < 0.15 and not self.dev:  # asked for one thing, the marketer asks something else
                request = composer.single(self._template("single", lang))
            else:
                request = self._field(lang, field) if draw < 0.75 else composer.edit(lang, first.args)
            asked = [says(rng.choice(self.talk["missing"][lang][field]))] if rng.random() < 0.7 else []
            request.before = [user(first.text), call("set_brief", first.args), result(self.brief_of(first.args, lang, [field])), *asked]
        if not request.args or not request.faithful():
            return None
        return self._made(request, [*request.before, user(request.text), call(request.tool, request.args)], "answered")

    def _field(self, lang: str, name: str) -> Request:
        """A message that says one field, in a few words or bare."""
        said, labels = self.composer.value(name, None, lang)
        frame = "{x}" if self.rng.random() < 0.4 else self.rng.choice(self.composer.frames["fields"][name][lang])
        text, labels = self.composer.noisy([(in_frame(frame, said), True)], labels)
        return Request(lang, "answered", text, "set_brief", self.composer.ordered("set_brief", labels), f"field-{name}-{lang}")

    # -- no call -----------------------------------------------------------------------------------------------------

    def _talk(self, lang: str) -> dict[str, Any] | None:
        draw = self.rng.random()
        if draw < (0.45 if self.dev else 0.7):  # the held-out mixture stays, so that versions can be compared
            kind = self.rng.choices(list(TALK), list(TALK.values()))[0]
            item = self.rng.choice([item for item in self.other if item["lang"] == lang and item["kind"] == kind])
            filled = self._filled(item)
            if filled is None:
                return None
            kind, source, (text, reply) = item["kind"], item["id"], filled
            text, _ = self.composer.noisy([(text, False)], {})
        elif draw < 0.78 and not self.dev:
            text, reply = self._elsewhere(lang)
            text, _ = self.composer.noisy([(text, False)], {})
            kind, source = "off_topic", f"elsewhere-{lang}"
        else:
            name = self.rng.choices(["small_talk", "capability", "vague", "off_topic"], [3, 4, 5, 4])[0]
            text, reply = self._pair(name, lang)
            text, _ = self.composer.noisy([(text, False)], {})
            kind, source = {"vague": "clarify"}.get(name, name), f"{name}-{lang}"
        messages = [user(text), says(reply)]
        if self.rng.random() < BEHIND.get(kind, 0.15):
            messages = [*self.earlier(invented_first(self.composer, lang)), *messages]
        return {"kind": kind, "lang": lang, "source": source, "messages": messages}

    def _clarify(self, lang: str) -> dict[str, Any] | None:
        return self._talk_about("clarify", lang)

    def _off_topic(self, lang: str) -> dict[str, Any] | None:
        return self._talk_about("off_topic", lang)

    def _talk_about(self, kind: str, lang: str) -> dict[str, Any] | None:
        chat = self._talk(lang)
        return chat if chat and chat["kind"] == kind else None

    def _pair(self, name: str, lang: str) -> tuple[str, str]:
        """A remark and its answer, of those kept for development or of the others."""
        pairs = [pair for pair in self.talk[name][lang] if (hash_of(pair[0]) == 0) == self.dev]
        return tuple(self.rng.choice(pairs or self.talk[name][lang]))

    def _elsewhere(self, lang: str) -> tuple[str, str]:
        """A composed question about anything but campaigns, and the refusal."""
        words = self.talk["off_topic_frames"][lang]
        values = {name: self.rng.choice(options) for name, options in words.items() if name not in ("ask", "say")}
        numbers = {"a": str(self.rng.randint(2, 999)), "b": str(self.rng.randint(2, 99))}
        return self.rng.choice(words["ask"]).format(**values, **numbers), self.rng.choice(words["say"])

    def _filled(self, item: dict[str, Any]) -> tuple[str, str] | None:
        """Text and reply with the same values in both."""
        values: dict[str, str] = {}
        known = (
            "products",
            "product",
            "audience",
            "budget",
            "start",
            "days",
            "range",
            "channels",
            "channel",
            "max_discount",
            "min_roas",
            "discount",
            "min_margin",
            "tone",
            "language",
            "offer",
            "campaign",
            "n",
            "k",
        )

        def put(match: Any) -> str:
            if match[1] not in known:
                return match[0]
            return values.setdefault(match[0], self.composer.value(match[1], match[2], item["lang"])[0])

        text = SLOT.sub(put, item["text"])
        reply = SLOT.sub(lambda match: values.get(match[0], match[0]), item["reply"])
        return None if SLOT.search(reply) else (text, reply)

    # -- trouble -----------------------------------------------------------------------------------------------------

    def _trouble(self, lang: str) -> dict[str, Any] | None:
        rng = self.rng
        if rng.random() < 0.5:  # something is missing from the brief, or contradicts it
            request = self.composer.composed(lang) if rng.random() < 0.4 else self.composer.plan(self._template("plan", lang))
            stated = [name for name in DOUBTED if name in request.args]
            field = rng.choice(stated if stated and rng.random() < 0.7 else list(DOUBTED))
            tail = [
                result(self.brief_of(request.args, lang, [field])),
                says(rng.choice(self.talk["missing"][lang][field])),
            ]
        else:
            request = self.composer.single(self._template("single", lang))
            tail = self._error(request, lang)
        if tail is None or not request.args or not request.faithful():
            return None
        return self._made(request, [user(request.text), call(request.tool, request.args), *tail], "trouble")

    def _error(self, request: Request, lang: str) -> list[dict[str, Any]] | None:
        rng = self.rng
        if request.tool in NEEDS and rng.random() < 0.5:
            table = NEEDS[request.tool]
            text = rng.choice(self.talk["no_table"][lang]).format(t=self.talk["tables"][table][lang == "zh"])
            return [result(self.empty(table)), says(text)]
        if rng.random() < 0.15:
            return [
                result({"ok": False, "error": "The calculation failed.", "retry": False}),
                says(rng.choice(self.talk["failed"][lang])),
            ]
        copied = [
            name
            for name in request.args
            if name in ("product", "campaign", "days", "budget", "discount", "k", "n", "max_discount")
        ]
        if not copied:
            return None
        name = rng.choice(copied)
        error = refusal(name, request.args[name], lang, self.composer)
        table = self.talk["not_found"][lang]
        return [
            result({"ok": False, "error": error, "retry": True, "argument": name}),
            says(rng.choice(table.get(name, table["other"]))),
        ]


def hash_of(text: str) -> int:
    """0 for the one conversation line in ten that is kept for development."""
    return 0 if held_out(text) else 1
