"""What was approved and what left the house: `ledger.sqlite` of a workspace.

An approval is bound to a plan's hash: change one number, date or word of the plan and it is another plan, not approved.
At approval the forecast is frozen, so that a later read-out compares with what was promised. The ledger never sends,
spends or exports anything itself.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from campaignwright.market.workspace import require

_TABLES = """
CREATE TABLE IF NOT EXISTS approvals (
  approval_id INTEGER PRIMARY KEY, plan_hash TEXT NOT NULL UNIQUE, approved_at TEXT NOT NULL, plan TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS forecasts (
  approval_id INTEGER NOT NULL REFERENCES approvals, plan_hash TEXT NOT NULL, name TEXT NOT NULL, value REAL, low REAL,
  high REAL, unit TEXT, model TEXT);
CREATE TABLE IF NOT EXISTS exports (
  export_id INTEGER PRIMARY KEY, plan_hash TEXT NOT NULL, format TEXT NOT NULL, file_name TEXT NOT NULL,
  sha256 TEXT NOT NULL, exported_at TEXT NOT NULL);
"""


def _stable(value: Any) -> Any:
    """JSON value with floats at ten significant digits, so that the last bits of a sum do not change a hash."""
    if isinstance(value, float):
        return float(f"{value:.10g}")
    if isinstance(value, dict):
        return {key: _stable(item) for key, item in value.items()}
    return [_stable(item) for item in value] if isinstance(value, list) else value


def plan_hash(plan: dict[str, Any]) -> str:
    """16 hex digits of the SHA-256 of what a plan says: brief, strategy, figures' values, calendar, copy, and what it
    was made with (data, models, seed). Ids of calls, timings and the wording around figures are not part of it."""
    figures = sorted(
        ([figure["name"], figure["value"], figure["unit"], figure.get("low"), figure.get("high")]
         for figure in plan["figures"]), key=lambda row: json.dumps(_stable(row), ensure_ascii=False))
    copy = [[asset["channel"], [variant["fields"] for variant in asset["variants"]]] for asset in plan["assets"]]
    said = [plan["brief"], plan["strategy"], figures, plan["calendar"], copy, plan["created_for"], plan["made_with"]]
    text = json.dumps(_stable(said), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


class Ledger:
    """The ledger of one workspace directory. Every method opens, commits and closes: safe beside other processes.

    Raises WorkspaceError where there is no workspace: an approval belongs to a shop, not to a mistyped name.
    """

    def __init__(self, workspace_path: str | Path) -> None:
        require(workspace_path)
        self.path = Path(workspace_path) / "ledger.sqlite"
        with self._open() as connection:
            connection.executescript(_TABLES)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=10)
        try:
            with connection:  # one transaction: all or nothing
                yield connection
        finally:
            connection.close()

    def approve(self, plan: dict[str, Any]) -> int:
        """Approve the plan and freeze its forecast; returns the approval's id, the old one when approved before.

        Raises ValueError when the plan's content does not match its `plan_hash` (it was edited by hand).
        """
        digest = plan["plan_hash"]
        if plan_hash(plan) != digest:
            raise ValueError("The plan was changed by hand after it was made; edit it through Campaignwright instead.")
        known_figures = {figure["id"]: figure for figure in plan["figures"]}
        frozen = [known_figures[key] for key in plan["forecast"].get("figures", []) if key in known_figures]
        with self._open() as connection:
            known = connection.execute("SELECT approval_id FROM approvals WHERE plan_hash = ?", [digest]).fetchone()
            if known:
                return int(known[0])
            cursor = connection.execute(
                "INSERT INTO approvals (plan_hash, approved_at, plan) VALUES (?, ?, ?)",
                [digest, _now(), json.dumps(plan, ensure_ascii=False)])
            connection.executemany(
                "INSERT INTO forecasts VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                [[cursor.lastrowid, digest, one["name"], one["value"], one["low"], one["high"], one["unit"],
                  one["source"].get("model", "")] for one in frozen])
            return int(cursor.lastrowid)

    def approved(self, digest: str) -> bool:
        """Whether the plan of this hash is approved."""
        with self._open() as connection:
            return connection.execute("SELECT 1 FROM approvals WHERE plan_hash = ?", [digest]).fetchone() is not None

    def approvals(self) -> list[dict[str, Any]]:
        """All approvals, latest first: plan_hash, approved_at, plan."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT plan_hash, approved_at, plan FROM approvals ORDER BY approval_id DESC").fetchall()
        return [{"plan_hash": digest, "approved_at": at, "plan": json.loads(plan)} for digest, at, plan in rows]

    def count(self) -> int:
        """How many approvals there are."""
        with self._open() as connection:
            return int(connection.execute("SELECT count(*) FROM approvals").fetchone()[0])

    def forecast(self, digest: str) -> dict[str, dict[str, Any]]:
        """The forecast frozen at approval: name -> {value, low, high, unit, model}; empty when not approved."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT name, value, low, high, unit, model FROM forecasts WHERE plan_hash = ?", [digest]).fetchall()
        return {row[0]: dict(zip(("value", "low", "high", "unit", "model"), row[1:], strict=True)) for row in rows}

    def campaigns_of(self, campaigns: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
        """Approved plan's hash -> ids of the campaigns that ran it (one a platform), out of (id, name): the id is the hash, or
        the name ends with the hash or its first six digits, as `market.exporters` names it."""
        with self._open() as connection:
            known = [digest for (digest,) in connection.execute("SELECT plan_hash FROM approvals ORDER BY approval_id DESC")]
        found: dict[str, list[str]] = {}
        for key, name in campaigns:
            digest = next((one for one in known if key == one or name.strip().lower().endswith((one, one[:6]))), None)
            if digest:
                found.setdefault(digest, []).append(key)
        return found

    def log_export(self, digest: str, format: str, path: Path) -> None:
        """Note that a file left the house."""
        digest_file = hashlib.sha256(path.read_bytes()).hexdigest()
        with self._open() as connection:
            connection.execute(
                "INSERT INTO exports (plan_hash, format, file_name, sha256, exported_at) VALUES (?, ?, ?, ?, ?)",
                [digest, format, path.name, digest_file, _now()])

    def exports(self, digest: str) -> list[dict[str, str]]:
        """The exports of a plan, oldest first."""
        with self._open() as connection:
            rows = connection.execute(
                "SELECT format, file_name, sha256, exported_at FROM exports WHERE plan_hash = ? ORDER BY export_id",
                [digest]).fetchall()
        return [dict(zip(("format", "file_name", "sha256", "exported_at"), row, strict=True)) for row in rows]


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
