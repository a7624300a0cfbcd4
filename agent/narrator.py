"""From what the model says and the tools return to a Turn: renders text as it streams and sums the turn up."""

from __future__ import annotations

from dataclasses import replace

from campaignwright.agent.listing import listing
from campaignwright.agent.prompting import sentence
from campaignwright.agent.render import NO_PLAN, UNTOLD, Grounds, Rendered, Renderer, figures_line, grounds, render
from campaignwright.agent.said import not_taken
from campaignwright.agent.tools_bridge import Running
from campaignwright.agent.turns import Turn
from campaignwright.market.export_changes import changes
from campaignwright.market.export_document import caveats
from campaignwright.market.screen import screened
from campaignwright.tools.base import Figure


class Narrator:
    """Listens to one turn. `said`: the marketer's messages of this session, whose numbers the text may repeat."""

    def __init__(self, running: Running, said: list[str]) -> None:
        self.running = running
        self.said = said
        self._before = running.ctx.results.get("finish_plan", {}).get("data", {}).get("plan")
        self._renderer: Renderer | None = None
        self._message = ""

    def hear(self, message: str, piece: str) -> None:
        """Take one piece of the text of the model's `message` and emit the sentences that are complete."""
        if not piece or self._silent():
            return
        if self._renderer is None or message != self._message:
            self._close()
            self._renderer, self._message = Renderer(self._grounds()), message
        self._emit(self._renderer.feed(piece))

    def turn(self, final: str, error: str | None) -> Turn:
        """The Turn, given the model's closing text, or with `error` the fixed sentence that ended the turn."""
        self._close()
        running = self.running
        results = [call.result for call in running.calls if call.result]
        plans = [result["data"]["plan"] for result in results if "plan" in result["data"]]
        listed = [*(plans[-1]["figures"] if plans else []), *(one for result in results for one in result["figures"])]
        figures = [Figure.model_validate(one) for one in {one["id"]: one for one in listed}.values()]
        notes = list(dict.fromkeys(note for result in results for note in result["notes"]))
        rendered = Rendered(final) if error else render("" if self._silent() else final, self._grounds())
        parts = [rendered.text] if rendered.text else []
        more = [screened(part) for part in (self._beside(plans[-1]) if plans else self._lists())]
        unfilled = any(reason.startswith(UNTOLD) for _, reason in rendered.dropped) or not (rendered.figures or more)
        if unfilled and rendered.text and not plans:  # what the sentence left out would have said
            rest = figures_line(figures, running.language, running.ctx.workspace.currency, rendered.figures)
            more = [*([rest] if rest else []), *more]
        if error or not rendered.text:
            rendered.dropped = [one for one in rendered.dropped if one[1] != NO_PLAN]  # nothing to explain
            told = bool(more or notes or self._unanswered()) and not rendered.dropped
            parts = parts or self._instead(rendered, figures, bool(plans), told)
            self._emit("\n\n".join(parts))
        self._emit("".join(f"\n\n{part}" for part in more))
        parts += more
        if not plans:  # a plan prints its own notes
            more = [note for note in [*notes, *self._unanswered()] if note not in parts and not error]
            self._emit("".join(f"\n\n{note}" for note in more))
            parts += more
        return Turn(
            text="\n\n".join(parts), session=running.session, language=running.language, tool_calls=running.calls,
            brief=running.ctx.brief, plan=plans[-1] if plans else None, figures=figures, notes=notes,
            dropped=rendered.dropped, error=error,
        )  # fmt: skip

    def _silent(self) -> bool:
        """Whether what the model says is not shown: a question of a tool stands open, or every call was refused with its reason."""
        return bool(self.running.asked) or bool(self.running.calls) and not any(call.result for call in self.running.calls)

    def _beside(self, plan: dict) -> list[str]:
        """What is said beside a plan: what differs from the one before, what a summary must not leave out, how it was read."""
        return [*(changes(self._before, plan) if self._before else []), *caveats(plan), *self._read(), *self._not_taken()]

    def _read(self) -> list[str]:
        """What is said about how this turn's brief was read; it stands in the plan, too."""
        return [note for call in self.running.calls if call.result and call.name == "set_brief" for note in call.result["notes"]]

    def _not_taken(self) -> list[str]:
        """A sentence that names amounts and shares of the request that no tool was told."""
        told = [call.arguments for call in self.running.calls if call.result]
        before = set(not_taken([], "\n".join(self.running.ctx.earlier)))
        left = [one for one in not_taken(told, self.running.ctx.request) if one not in before]
        return [sentence("not_taken", self.running.language, said=", ".join(left))] if left else []

    def _lists(self) -> list[str]:
        """What the tools of this turn found beyond a sentence."""
        currency = self.running.ctx.workspace.currency
        done = [(call.name, call.result) for call in self.running.calls if call.result]
        return [part for name, result in done for part in listing(name, result, self.running.language, currency)]

    def _grounds(self) -> Grounds:
        done = [(call.name, call.result) for call in self.running.calls if call.result]
        plans = [result["data"]["plan"] for _, result in done if "plan" in result["data"]]
        advised = not plans or plans[-1]["verdict"]["code"] != "stop"
        return replace(grounds(self.running.ctx, self.said, done), planned=bool(plans), advised=advised)

    def _instead(self, rendered: Rendered, figures: list[Figure], planned: bool, told: bool) -> list[str]:
        """What to say when nothing of the model's text can be shown. `told`: notes or errors that follow say enough."""
        language = self.running.language
        if planned:
            return [sentence("plan_ready", language)]
        ungrounded = any(not reason.startswith(UNTOLD) for _, reason in rendered.dropped)
        said = [sentence("nothing_grounded" if rendered.dropped else "no_answer", language)]
        if told and not figures:
            return []
        if not figures:
            return said
        line = figures_line(figures, language, self.running.ctx.workspace.currency)
        return [*(said if ungrounded else []), line]

    def _unanswered(self) -> list[str]:
        """Errors of tools that gave no result in this turn."""
        calls = self.running.calls
        answered = {call.name for call in calls if call.result}
        return list(dict.fromkeys(call.error for call in calls if call.error and call.name not in answered))

    def _close(self) -> None:
        if self._renderer is not None:
            self._emit(self._renderer.close())
            self._renderer = None

    def _emit(self, text: str) -> None:
        if text:
            self.running.emit({"type": "text", "text": text})
