"""The tools as LangChain sees them, and the running of one call: result, refusal or failure as a tool message.

Nothing here spends money or sends anything: the tools only compute, and write files of the workspace.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import ToolMessage
from langchain_core.tools import BaseTool, StructuredTool

from campaignwright.agent.prompting import sentence
from campaignwright.agent.said import check_said
from campaignwright.agent.sessions import Sessions
from campaignwright.agent.turns import ToolCall
from campaignwright.market.screen import screened
from campaignwright.tools.base import Context, MissingData, OpenQuestion, Tool, ToolError, ToolResult, call

LOG = logging.getLogger(__name__)
REPAIRS = 2  # further tries after a refused call of a tool; twice as many when several tools refuse in a row
MOST_CALLS = 20  # calls in one turn


class Cancelled(Exception):
    """The listener of this turn has gone."""


@dataclass
class Running:
    """One turn under way. `stop`: (code, sentence) that ends it, None while it may go on."""

    ctx: Context
    session: str
    sessions: Sessions
    registry: dict[str, Tool]
    emit: Callable[[dict[str, Any]], None]
    calls: list[ToolCall] = field(default_factory=list)
    refusals: dict[str, int] = field(default_factory=dict)  # of each tool since its last result
    in_a_row: int = 0  # refusals since the last result of any tool
    refused: ToolError | None = None  # the last call's refusal
    asked: str = ""  # the tool that found a question open and gave no result since: its words are shown, not the model's
    stop: tuple[str, str] | None = None
    answered: set[str | None] = field(default_factory=set)  # ids of calls that have run
    turnstile: threading.Condition = field(default_factory=threading.Condition)

    @contextmanager
    def turn_of(self, call_id: str | None, order: list[str | None]) -> Iterator[None]:
        """Wait until the calls before `call_id` in `order` have run (LangGraph starts them all at once, in order)."""
        before = set(order[: order.index(call_id)]) if call_id in order else set()
        with self.turnstile:
            self.turnstile.wait_for(lambda: before <= self.answered)
            try:
                yield
            finally:
                self.answered.add(call_id)
                self.turnstile.notify_all()

    @property
    def language(self) -> str:
        return self.ctx.language

    @property
    def repeated(self) -> bool:
        """Whether the last call is the one before once more."""
        return len(self.calls) > 1 and len({json.dumps([one.name, one.arguments], sort_keys=True) for one in self.calls[-2:]}) == 1

    def end(self, code: str, name: str, /, **slots: object) -> None:
        """End the turn with the fixed sentence `name`; the first reason stays."""
        self.stop = self.stop or (code, sentence(name, self.language, **slots))


def langchain_tools(registry: dict[str, Tool]) -> list[BaseTool]:
    """The tools with their own schemas, for binding to a model. They run through `run_call`, never by themselves."""

    def refuse(**_: object) -> str:
        raise RuntimeError("tools run through tools_bridge.run_call")

    found: list[BaseTool] = []
    for one in registry.values():
        schema = one.schema()
        found.append(StructuredTool(
            name=one.name, description=one.description, func=refuse, metadata={"schema": schema},
            args_schema=schema["function"]["parameters"],
        ))  # fmt: skip
    return found


def run_call(running: Running, name: str, arguments: dict[str, Any], call_id: str | None) -> ToolMessage:
    """Run one tool call; the planning state is stored before this returns. Content is what the model reads, as JSON."""
    if running.stop is not None:
        return _message(name, call_id, {"ok": False, "error": "The turn has ended.", "retry": False})
    if len(running.calls) >= MOST_CALLS:
        running.end("limit", "too_many_calls", limit=MOST_CALLS)
        return _message(name, call_id, {"ok": False, "error": "Too many calls.", "retry": False})
    running.emit({"type": "tool_start", "name": name, "arguments": arguments})
    record = ToolCall(name=name, arguments=arguments)
    running.calls.append(record)
    started = time.perf_counter()
    result: ToolResult | None = None
    try:
        if running.repeated:
            raise running.refused or ToolError("The same call was just made; use its answer and go on.", retry=True)
        check_said(running.ctx, name, arguments)
        result, record.seconds = call(running.registry, running.ctx, name, arguments)
        answer = result.for_model()
        record.result = result.model_dump(mode="json") | {"notes": [screened(note) for note in result.notes]}
        running.refusals.pop(name, None)
        running.in_a_row, running.refused = 0, None
        running.asked = "" if running.asked == name else running.asked
    except ToolError as error:
        answer = _refused(running, record, error)
    except Exception as error:  # a defect in a tool: say so, log, stop; the conversation stays usable
        answer = _failed(running, record, error)
    record.seconds = record.seconds or time.perf_counter() - started
    running.sessions.save(running.session, running.ctx)
    running.emit({"type": "tool_end", "language": running.language, **record.model_dump(mode="json")})
    if result is not None and "plan" in result.data:
        running.emit({"type": "plan", "plan": result.data["plan"]})
    # the bulk (`data`) stays in the planning state and the turn: checkpoints repeat every message
    kept = {key: value for key, value in record.result.items() if key != "data"} if record.result else None
    return _message(name, call_id, answer, artifact=kept)


def _message(name: str, call_id: str | None, answer: dict[str, Any], artifact: Any = None) -> ToolMessage:
    content = json.dumps(answer, ensure_ascii=False)
    status = "success" if answer.get("ok") else "error"
    return ToolMessage(content=content, name=name, tool_call_id=call_id or "", artifact=artifact, status=status)


def _refused(running: Running, record: ToolCall, error: ToolError) -> dict[str, Any]:
    """A call that cannot be answered as it is: back to the model, which may repair it a few times."""
    record.error, running.refused = screened(error.shown(running.language)), error
    if isinstance(error, OpenQuestion):
        running.asked = record.name
    if record.name == "set_brief":
        _note_the_rest(running, record.arguments, error)
    if error.retry:
        running.refusals[record.name] = running.refusals.get(record.name, 0) + 1
        running.in_a_row += 1
        if running.refusals[record.name] > REPAIRS or running.in_a_row > 2 * REPAIRS:
            running.end("repair", "repair_failed", reason=record.error)
    return error.for_model()


def _note_the_rest(running: Running, arguments: dict[str, Any], error: ToolError) -> None:
    """Put what a refused `set_brief` said beside the value in question into the brief: it is not to be said again."""
    rest = {name: value for name, value in arguments.items() if name != error.argument}
    if rest and len(rest) < len(arguments):
        try:
            check_said(running.ctx, "set_brief", rest)
            call(running.registry, running.ctx, "set_brief", rest)
        except ToolError as another:
            LOG.info("nothing of a refused brief could be kept: %s", another)


def _failed(running: Running, record: ToolCall, error: Exception) -> dict[str, Any]:
    """An unexpected exception: a missing table is only reported, anything else ends the turn."""
    if getattr(error, "table", None):
        return _refused(running, record, ToolError(str(error), chinese=MissingData(error.table, "still_other").chinese))
    LOG.exception("tool %s failed", record.name)
    record.error = f"{record.name} failed ({type(error).__name__})"
    running.end("tool", "tool_failed", tool=record.name, reason=type(error).__name__)
    return {"ok": False, "error": "The calculation failed.", "retry": False}
