"""The copilot: a workspace, a language model and a session store, behind `ask` and `stream`.

`stream` runs the one loop (`planner`) in a thread of its own and yields events; `ask` drains it. Events are dicts with
a `type`: tool_start, tool_end (a ToolCall, with the turn's `language`), plan, text (rendered, sentence by sentence), done (the Turn).
"""

from __future__ import annotations

import datetime as dt
import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langgraph.errors import GraphRecursionError

from campaignwright.agent.backends import Backend, load_model
from campaignwright.agent.narrator import Narrator
from campaignwright.agent.planner import config, make_planner
from campaignwright.agent.privacy import mask
from campaignwright.agent.problems import ModelProblem
from campaignwright.agent.prompting import sentence
from campaignwright.agent.sessions import Sessions
from campaignwright.agent.tools_bridge import MOST_CALLS, Cancelled, Running
from campaignwright.agent.turns import ToolCall, Turn
from campaignwright.market.importers import ImportReport, import_file
from campaignwright.market.workspace import Workspace
from campaignwright.tools.base import Context, CopyWriter, Figure, Tool, ToolResult, call
from campaignwright.tools.normalise import spoken

LOG = logging.getLogger(__name__)
LONGEST_REQUEST = 20_000  # characters
SESSIONS_URL = "CAMPAIGNWRIGHT_SESSIONS"  # a postgresql:// URL here moves the sessions there


class Copilot:
    """An open copilot; use `Copilot.open`, and close it (or use `with`). Turns of all sessions take turns."""

    def __init__(self, workspace: Workspace, backend: Backend, sessions: Sessions, *, today: dt.date | None = None,
                 seed: int = 0, registry: dict[str, Tool] | None = None) -> None:
        self.workspace = workspace
        self.backend = backend
        self.sessions = sessions
        self.today = today
        self.seed = seed
        self.registry = registry or _all_tools()
        self._planner = make_planner(backend.chat, self.registry, sessions)
        self._contexts: dict[str, Context] = {}
        self._cache: dict[str, Any] = {}  # loaded models, shared by the sessions
        self._lock = threading.Lock()  # not re-entrant: taken and given back by each turn's own thread

    @classmethod
    def open(cls, workspace_path: str | Path, model: str | BaseChatModel = "embedded", adapter: str | None = None,
             today: dt.date | None = None, seed: int = 0, *, writer: CopyWriter | None = None) -> Copilot:
        """Open the workspace at `workspace_path` with `model`: embedded, a path, a hub id, openai:MODEL@BASE_URL, or a
        chat model object. `today`: the day to plan on (the real one by default). `writer`: another copywriter.

        Raises WorkspaceError, ModelProblem or SessionProblem, each one line with the remedy.
        """
        workspace = Workspace.open(workspace_path)
        try:
            given = isinstance(model, BaseChatModel)
            backend = Backend("given", model, None) if given else load_model(model, adapter=adapter, seed=seed)
            backend = Backend(backend.name, backend.chat, writer or backend.writer)
            where = os.environ.get(SESSIONS_URL) or workspace.path / "sessions.sqlite"
            return cls(workspace, backend, Sessions.open(where), today=today, seed=seed)
        except BaseException:
            workspace.close()
            raise

    def close(self) -> None:
        """Close the workspace and the sessions; waits for a turn under way."""
        with self._lock:
            self.sessions.close()
            self.workspace.close()

    def __enter__(self) -> Copilot:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def ask(self, text: str, session: str = "default", *, today: dt.date | None = None) -> Turn:
        """Answer one message of a session."""
        for event in self.stream(text, session, today=today):
            if event["type"] == "done":
                return event["turn"]
        raise RuntimeError("a turn ended without an answer")

    def stream(self, text: str, session: str = "default", *, today: dt.date | None = None) -> Iterator[dict[str, Any]]:
        """Answer one message, yielding events as things happen; the last one is `done` with the Turn.

        A listener that stops early ends the turn at its next step; what was stored stays.
        """
        refusal = _refusal(text)
        if refusal:
            yield {"type": "text", "text": refusal}
            yield {"type": "done", "turn": Turn(text=refusal, session=str(session), error="request")}
            return
        events: queue.Queue[Any] = queue.Queue()
        gone = threading.Event()

        def emit(event: dict[str, Any]) -> None:
            if gone.is_set():
                raise Cancelled
            events.put(event)

        def work() -> None:
            try:
                with self._lock:
                    self._turn(mask(text.strip()), session, today or self.today or dt.date.today(), emit)
            except Cancelled:
                LOG.info("a turn was left before its end")
            except BaseException as error:  # handed to the listener
                events.put(error)
            events.put(None)

        threading.Thread(target=work, name="campaignwright-turn", daemon=True).start()
        try:
            while (event := events.get()) is not None:
                if isinstance(event, BaseException):
                    raise event
                yield event
        finally:
            gone.set()

    def _turn(self, text: str, session: str, today: dt.date, emit: Any) -> None:
        """Run the loop for one message and emit its events, `done` last. The finished turn is stored before that."""
        started = time.perf_counter()
        ctx = self._context(session)
        ctx.earlier = [one["request"] for one in self.sessions.turns(session)]
        ctx.today, ctx.request = today, text
        ctx.language = spoken(text, ctx.language)
        running = Running(ctx, session, self.sessions, self.registry, emit)
        error, final, narrator = None, "", Narrator(running, [*ctx.earlier, text])
        try:
            self._run(text, session, running, narrator)
            final = self._final(session)
        except ModelProblem as problem:
            error, final = "model", sentence("model_failed", ctx.language, reason=str(problem))
        except GraphRecursionError:
            running.end("limit", "too_many_calls", limit=MOST_CALLS)
        if running.stop:
            error, final = running.stop
        turn = narrator.turn(final, error)
        turn.seconds = time.perf_counter() - started
        self.sessions.save(session, ctx)
        self.sessions.add_turn(session, text, turn.model_dump(mode="json"))
        self.sessions.prune(session)
        emit({"type": "done", "turn": turn})

    def _run(self, text: str, session: str, running: Running, narrator: Narrator) -> None:
        message = HumanMessage(text, id=str(uuid.uuid4()))
        modes = ["messages"]
        for _, (chunk, about) in self._planner.stream(
            {"messages": [message]}, config(session), context=running, stream_mode=modes, durability="sync",
        ):  # fmt: skip
            if isinstance(chunk, AIMessageChunk) and about.get("langgraph_node") == "model":
                narrator.hear(str(chunk.id), str(chunk.text))

    def _final(self, session: str) -> str:
        """The text of the last message that the model wrote in this turn."""
        messages = self._planner.get_state(config(session)).values.get("messages", [])
        last = messages[-1] if messages else None
        return str(last.text) if isinstance(last, AIMessage) and not last.tool_calls else ""

    def _context(self, session: str) -> Context:
        """The session's planning context, restored from the store the first time."""
        if session not in self._contexts:
            ctx = Context(self.workspace, self.today or dt.date.today(), seed=self.seed, writer=self.backend.writer)
            ctx.cache = self._cache
            self.sessions.restore(session, ctx)
            self._contexts[session] = ctx
        return self._contexts[session]

    def edit(self, session: str = "default", **changes: Any) -> Turn:
        """Change fields of the session's plan; the tools recompute what depends on them, no language model is asked.

        Raises ToolError for an unknown field, a value that cannot be read, or when there is no plan yet.
        """
        from campaignwright.tools.plan_edit import edit_plan

        with self._lock:
            ctx = self._context(session)
            started = time.perf_counter()
            first = ctx.calls
            plan = edit_plan(ctx, **changes).model_dump(mode="json")
            self.sessions.save(session, ctx)
            result = ctx.results["finish_plan"]
            figures = [Figure.model_validate(one) for one in plan["figures"]]
            seconds = time.perf_counter() - started
            record = ToolCall(name="edit_plan", arguments={key: str(value) for key, value in changes.items()},
                              result=result, seconds=seconds)  # fmt: skip
            turn = Turn(text=sentence("plan_ready", ctx.language), session=session, language=ctx.language,
                        tool_calls=[record], brief=ctx.brief, plan=plan, figures=figures,
                        notes=result.get("notes", []), seconds=seconds)  # fmt: skip
            LOG.info("plan edited with %d tool calls", ctx.calls - first)
            return turn

    def import_file(self, path: str | Path, **options: Any) -> ImportReport:
        """Import an export file into the workspace (see `market.importers.import_file`); sessions use the new data."""
        with self._lock:
            report = import_file(self.workspace, path, **options)
            self._cache.clear()
            return report

    def call(self, tool: str, arguments: dict[str, Any], session: str = "direct") -> ToolResult:
        """Run one tool of the registry, without the language model. Raises ToolError."""
        with self._lock:
            ctx = self._context(session)
            result, _ = call(self.registry, ctx, tool, arguments)
            self.sessions.save(session, ctx)
            return result

    def result(self, tool: str, session: str = "default") -> dict[str, Any] | None:
        """The latest result of a tool for the session's brief, JSON-ready, or None."""
        with self._lock:
            return self._context(session).results.get(tool)

    def plan(self, session: str = "default") -> dict[str, Any] | None:
        """The session's latest plan, JSON-ready, or None."""
        with self._lock:
            return self._context(session).results.get("finish_plan", {}).get("data", {}).get("plan")

    def history(self, session: str = "default") -> list[dict[str, Any]]:
        """The session's finished turns in order: {"request", "turn", "at"}."""
        return self.sessions.turns(session)


def _all_tools() -> dict[str, Tool]:
    """The registry; with it come the models' libraries, seconds of import."""
    from campaignwright.tools.registry import TOOLS

    return TOOLS


def _refusal(text: object) -> str | None:
    """Why a message cannot be taken, in one line; None when it can."""
    if not isinstance(text, str):
        return sentence("not_text", "en", kind=type(text).__name__)
    language = spoken(text[:2000])
    if not text.strip():
        return sentence("empty_request", language)
    if len(text) > LONGEST_REQUEST:
        return sentence("too_long", language, size=f"{len(text):,}", limit=f"{LONGEST_REQUEST:,}")
    return None
