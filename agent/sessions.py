"""Where conversations live: LangGraph's checkpoints, the planning state and the finished turns, in one store.

SQLite in the workspace by default; a `postgresql://` URL swaps both halves for LangGraph's Postgres ones. What is saved
has been written through before the call returns, so a killed process loses nothing that was acknowledged.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.store.base import BaseStore, GetOp, PutOp
from langgraph.store.sqlite import SqliteStore

from campaignwright.agent.problems import SessionProblem
from campaignwright.tools.base import Context

PLANNING, TURNS, COUNTS = "planning", "turns", "turn_counts"
MOST_TURNS = 1000  # turns of a session that `turns` gives back: the latest


def _label(session: str) -> str:
    """A session's name as a namespace label, which may hold no period."""
    return quote(session, safe="").replace(".", "%2E")


def _key(number: int) -> str:
    """The key of a session's turn."""
    return f"{number:06d}"


class Sessions:
    """The open session store of one workspace."""

    def __init__(self, saver: BaseCheckpointSaver, store: BaseStore, closing: contextlib.ExitStack) -> None:
        self.saver = saver
        self.store = store
        self._closing = closing
        self._lock = threading.Lock()

    @classmethod
    def open(cls, where: str | Path) -> Sessions:
        """Open the SQLite file `where` (made when absent) or the Postgres database at a URL. Raises SessionProblem."""
        if str(where).startswith(("postgres://", "postgresql://")):
            return cls._postgres(str(where))
        closing = contextlib.ExitStack()
        try:
            connections = [sqlite3.connect(where, check_same_thread=False, timeout=30) for _ in range(2)]
            for connection in connections:
                closing.callback(connection.close)
            connections[1].isolation_level = None  # the store writes its own BEGIN and COMMIT
            saver = SqliteSaver(connections[0], serde=JsonPlusSerializer(allowed_msgpack_modules=None))
            saver.setup()
            store = SqliteStore(connections[1])
            store.setup()
        except sqlite3.Error as error:
            closing.close()
            raise SessionProblem(
                f"The sessions in {where} cannot be read ({error}). Move the file away to start afresh."
            ) from error
        return cls(saver, store, closing)

    @classmethod
    def _postgres(cls, url: str) -> Sessions:
        try:
            from langgraph.checkpoint.postgres import PostgresSaver
            from langgraph.store.postgres import PostgresStore
        except ImportError as error:
            raise SessionProblem("Sessions in Postgres need the package langgraph-checkpoint-postgres.") from error
        closing = contextlib.ExitStack()
        try:
            saver = closing.enter_context(PostgresSaver.from_conn_string(url))
            store = closing.enter_context(PostgresStore.from_conn_string(url))
            saver.setup()
            store.setup()
        except Exception as error:
            closing.close()
            reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
            raise SessionProblem(f"The session database cannot be reached ({reason}). Check its URL.") from error
        return cls(saver, store, closing)

    def save(self, session: str, ctx: Context) -> None:
        """Write the planning state through."""
        self.store.put((PLANNING,), session, ctx.state(), index=False)

    def restore(self, session: str, ctx: Context) -> bool:
        """Load the planning state into `ctx`; False when the session is new."""
        item = self.store.get((PLANNING,), session)
        if item is None:
            return False
        ctx.restore(item.value)
        return True

    def add_turn(self, session: str, request: str, turn: dict[str, Any]) -> None:
        """Append a finished turn; it and the session's count of turns are written together."""
        with self._lock:
            number = self._count(session)
            value = {"request": request, "turn": turn, "at": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}
            self.store.batch([
                PutOp((TURNS, _label(session)), _key(number), value, index=False),
                PutOp((COUNTS,), session, {"turns": number + 1}, index=False),
            ])  # fmt: skip

    def turns(self, session: str) -> list[dict[str, Any]]:
        """The latest finished turns in order: {"request", "turn", "at"}."""
        count = self._count(session)
        return self._some(session, range(max(0, count - MOST_TURNS), count))

    def names(self) -> list[dict[str, Any]]:
        """Sessions, the latest first: {"session", "title" (first request), "at"}."""
        found = []
        for _, name in self.store.list_namespaces(prefix=(TURNS,), max_depth=2, limit=MOST_TURNS):
            session = unquote(name)
            first, last = self._some(session, (0, self._count(session) - 1))
            found.append({"session": session, "title": first["request"][:80], "at": last["at"]})
        return sorted(found, key=lambda one: one["at"], reverse=True)

    def _count(self, session: str) -> int:
        """How many turns are stored; counted once for a session that was written before there was a count."""
        item = self.store.get((COUNTS,), session)
        return item.value["turns"] if item else len(self.store.search((TURNS, _label(session)), limit=MOST_TURNS))

    def _some(self, session: str, numbers: Iterable[int]) -> list[dict[str, Any]]:
        found = self.store.batch([GetOp((TURNS, _label(session)), _key(number)) for number in numbers])
        return [item.value for item in found if item is not None]

    def prune(self, session: str) -> None:
        """Forget a session's older checkpoints: the latest alone is needed to go on, and each holds every message."""
        if not isinstance(self.saver, SqliteSaver):
            return
        with self.saver.cursor() as cursor:
            for table in ("checkpoints", "writes"):
                cursor.execute(
                    f"DELETE FROM {table} WHERE thread_id = ? AND checkpoint_id < "
                    "(SELECT max(checkpoint_id) FROM checkpoints WHERE thread_id = ? AND checkpoint_ns = '')",
                    (session, session),
                )

    def close(self) -> None:
        """Close the store; safe to call twice."""
        self._closing.close()
