"""One shop's data on disk: a directory with `market.duckdb` and a small `workspace.json`.

It opens, reads and writes tables in transactions. It does not read export files (`importers`) nor know any model.
One process writes at a time (DuckDB's lock); a second one gets a clear error.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pandas as pd

from campaignwright.market.schema import TABLES, ddl


class WorkspaceError(Exception):
    """The workspace cannot be opened or changed; the message is one line with the remedy."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader, or a crash, sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with open(temporary, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def _settings(path: Path) -> dict:
    """The settings in `workspace.json`. Raises WorkspaceError, with the remedy, when they are not a workspace's."""
    try:
        settings = json.loads((path / "workspace.json").read_text())
        valid = (
            isinstance(settings["name"], str)
            and re.fullmatch("[A-Z]{3}", settings["currency"])
            and re.fullmatch("(?:[0-9a-f]{2}){8,64}", settings["key"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        valid = False
    if valid:
        return settings
    if (path / "market.duckdb").exists():
        raise WorkspaceError(f"The folder {path} has data but no valid workspace.json; restore it from a backup; nothing was changed.")
    raise WorkspaceError(f"The workspace.json in {path} is not Campaignwright's or is damaged; choose another folder; nothing was changed.")


def require(path: str | Path) -> None:
    """Raise WorkspaceError, with the remedy, when there is no workspace at `path`."""
    if (Path(path) / "workspace.json").exists() or (Path(path) / "market.duckdb").exists():
        _settings(Path(path))
    else:
        raise WorkspaceError(f"There is no workspace at {path}. Import a file to make one, or run `campaignwright demo`.")


class Workspace:
    """An open workspace. Use `Workspace.open`; close it (or use `with`) so that others can open it.

    Settings in `workspace.json`: `currency` (ISO 4217), `name`, `key` (hex secret of the pseudonyms, file mode 0600).
    """

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection, settings: dict) -> None:
        self.path = path
        self.settings = settings
        self._connection = connection
        self._lock = threading.RLock()
        self._stamps: dict[str, str] = {}

    @classmethod
    def open(cls, path: str | Path, *, create: bool = False) -> Workspace:
        """Open the workspace at `path`; `create=True` makes it when absent. Raises WorkspaceError."""
        path = Path(path)
        settings_file = path / "workspace.json"
        if not create or (path / "market.duckdb").exists():
            require(path)
        if not settings_file.exists():
            path.mkdir(parents=True, exist_ok=True)
            settings = {"name": path.resolve().name, "currency": "USD", "key": secrets.token_hex(16)}
            write_atomic(settings_file, json.dumps(settings, indent=1).encode())
            settings_file.chmod(0o600)
        settings = _settings(path)
        try:
            connection = duckdb.connect(str(path / "market.duckdb"))
        except duckdb.IOException as error:
            if "lock" in str(error).lower():
                raise WorkspaceError(f"The workspace {path} is in use by another Campaignwright. Close that one first.") from error
            raise WorkspaceError(f"The workspace {path} cannot be read ({str(error).splitlines()[0]}).") from error
        except duckdb.Error as error:
            raise WorkspaceError(f"The workspace {path} cannot be read ({str(error).splitlines()[0]}).") from error
        for statement in ddl():
            connection.execute(statement)
        return cls(path, connection, settings)

    def close(self) -> None:
        """Close the database; safe to call twice."""
        with self._lock:
            self._connection.close()

    def __enter__(self) -> Workspace:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def currency(self) -> str:
        """ISO 4217 code in which all money columns are kept."""
        return self.settings["currency"]

    def set(self, **settings: object) -> None:
        """Change settings and store them atomically."""
        self.settings.update(settings)
        write_atomic(self.path / "workspace.json", json.dumps(self.settings, indent=1).encode())
        (self.path / "workspace.json").chmod(0o600)

    def query(self, sql: str, params: Sequence | dict = ()) -> pd.DataFrame:
        """Rows of `sql` as a frame. `params` fill `?` or `$name`; never format values into the text."""
        with self._lock:
            return self._connection.execute(sql, params).df()

    def scalar(self, sql: str, params: Sequence | dict = ()) -> object:
        """The first value of the first row, or None."""
        with self._lock:
            rows = self._connection.execute(sql, params).fetchall()  # all: an unfinished result blocks `register`
        return rows[0][0] if rows else None

    def count(self, table: str) -> int:
        """Number of rows of one of the contract's tables."""
        if table not in TABLES:
            raise KeyError(table)
        return int(self.scalar(f"SELECT count(*) FROM {table}"))

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction: all of the block's writes are kept, or none. Yields the connection; not re-entrant."""
        with self._lock:
            self._connection.execute("BEGIN TRANSACTION")
            self._stamps.clear()
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            finally:
                self._stamps.clear()
            self._connection.execute("COMMIT")

    def insert(self, table: str, frame: pd.DataFrame) -> int:
        """Append `frame` (columns by name, missing ones NULL) inside the caller's transaction; returns rows written."""
        columns = [column for column in TABLES[table] if column in frame.columns]
        with self._lock:
            self._connection.register("_incoming", frame[columns])
            try:
                self._connection.execute(f"INSERT INTO {table} BY NAME SELECT {', '.join(columns)} FROM _incoming")
            finally:
                self._connection.unregister("_incoming")
        return len(frame)

    def data_hash(self, tables: Sequence[str] = ()) -> str:
        """Twelve hex digits that change when an import changes the data (rows per table and the imports' hashes); of `tables`
        alone, when a row of them changes."""
        if tables:
            rows = [(one, self._stamp(one)) for one in sorted(tables)]
            return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]
        counts = {table: self.count(table) for table in TABLES if table not in ("rejects", "coverage")}
        hashes = self.query("SELECT sha256 FROM imports ORDER BY sha256")["sha256"].tolist()
        return hashlib.sha256(json.dumps([counts, hashes], sort_keys=True).encode()).hexdigest()[:12]

    def _stamp(self, table: str) -> str:
        """Number of rows and sum of their hashes, kept until something is written. DuckDB's hash may differ between its versions:
        models are then fitted again."""
        with self._lock:
            if table not in self._stamps:
                self._stamps[table] = str(self.scalar(f"SELECT count(*) || ' ' || coalesce(sum(hash({table})), 0) FROM {table}"))
            return self._stamps[table]

    def pseudonym(self, identifier: str) -> str:
        """Keyed hash (BLAKE2b, 64 bits) of a customer identifier; the same input gives the same pseudonym here only."""
        digest = hashlib.blake2b(identifier.strip().lower().encode(), key=bytes.fromhex(self.settings["key"]), digest_size=8)
        return "c" + digest.hexdigest()
