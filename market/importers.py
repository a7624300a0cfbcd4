"""Import one export file into a workspace: recognise, convert, check, store in one transaction, report.

A file is imported as a whole or not at all. Every row is accounted for as kept or rejected with a reason, and the
totals of kept and rejected rows make the file's. The same file again changes nothing. Formats are described in
`formats_*`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
from pydantic import BaseModel

from campaignwright.market import (
    formats_ads,
    formats_journey,
    formats_mail,
    formats_public,
    formats_sales,
    formats_shop,
)
from campaignwright.market.formats_base import Format, NothingKept, Sheet, Write, convert
from campaignwright.market.formats_currency import refuse_unknown, settle_currency
from campaignwright.market.formats_generic import generic, mapped
from campaignwright.market.formats_match import find_columns, match
from campaignwright.market.formats_store import insert, store
from campaignwright.market.reading import RawTable, normalise, parse
from campaignwright.market.reading_encoding import ImportProblem, Source, load
from campaignwright.market.workspace import Workspace

__all__ = ["FORMATS", "ImportProblem", "ImportReport", "Reject", "import_file", "recognise"]

FORMATS: tuple[Format, ...] = (
    *formats_ads.FORMATS,
    *formats_mail.FORMATS,
    *formats_shop.FORMATS,
    *formats_sales.FORMATS,
    *formats_public.FORMATS,
    *formats_journey.FORMATS,
)
SHOWN_REJECTS = 200
_MICRO = 1e6  # totals are summed in whole millionths, so that kept + rejected = file exactly

Progress = Callable[[float, str], None]


class Reject(BaseModel):
    """A row that was not imported: its physical line in the file (record number in JSON) and why."""

    line: int
    reason: str


class ImportReport(BaseModel):
    """What an import did. `rejected` holds the first 200 rejects, table `rejects` all; `reasons` counts them by reason.

    `totals`: name -> {"file", "kept", "rejected"}. `tables`: rows written per table. `unchanged`: the file had been
    imported before and nothing was touched.
    """

    file_name: str
    format: str
    rows_read: int
    rows_kept: int
    rows_rejected: int
    rejected: list[Reject] = []
    reasons: dict[str, int] = {}
    totals: dict[str, dict[str, float]] = {}
    tables: dict[str, int] = {}
    unchanged: bool = False
    warnings: list[str] = []
    seconds: float = 0.0


def _known_headers(formats: tuple[Format, ...], mapping: dict[str, str] | None) -> frozenset[str]:
    aliases = {normalise(alias) for fmt in formats for column in fmt.columns for alias in column.aliases}
    return frozenset(aliases | {normalise(header) for header in (mapping or {}).values()})


def _recognised(raw: RawTable, mapping: dict[str, str] | None, table: str | None) -> tuple[Format, dict[str, str]]:
    """Format and field -> header, by the user's table and mapping or by the headers."""
    headers = list(raw.frame.columns)
    if table is None and mapping:
        raise ImportProblem(
            f"{raw.name}: a column mapping needs the name of the table to fill, such as orders or campaign_results."
        )
    if table is None:
        return match(FORMATS, raw.frame, raw.name)
    fmt, chosen = mapped(table, mapping or {}, headers, raw.name)
    found = {**find_columns(fmt, headers), **chosen}
    missing = [column.field for column in fmt.columns if column.required and column.field not in found]
    if missing:
        raise ImportProblem(
            f"{raw.name}: the table {table} needs {', '.join(missing)}; map {missing[0]} to one of the headers "
            f"{', '.join(header[:30] for header in headers[:12])}."
        )
    return fmt, found


def recognise(path: str | Path) -> str:
    """The key of the format that the file's headers show. Raises ImportProblem."""
    raw = parse(load(path), _known_headers(FORMATS, None))
    return _recognised(raw, None, None)[0].key


def import_file(
    workspace: Workspace,
    path: str | Path,
    *,
    mapping: dict[str, str] | None = None,
    table: str | None = None,
    currency: str | None = None,
    progress: Progress | None = None,
) -> ImportReport:
    """Import the file at `path`.

    `table` and `mapping` (table column -> header) are for files of no known format; `currency` (ISO 4217) states the
    currency of a file that does not. `progress(share 0-1, what)` is called as it goes.

    Raises ImportProblem, one line with file, place and remedy, and then nothing has changed.
    """
    started = time.perf_counter()
    tell = progress or (lambda share, what: None)
    tell(0.02, "reading")
    source = load(path)
    refuse_unknown(source.name, currency)
    before = _earlier(workspace, source, table)
    if before:
        _refuse_other_currency(workspace, source, currency)
        tell(1.0, "imported before")
        return before
    raw = parse(source, _known_headers((*FORMATS, *((generic(table),) if table else ())), mapping))
    fmt, found = _recognised(raw, mapping, table)
    tell(0.3, "converting")
    sheet = convert(raw, fmt, found, workspace.pseudonym, currency or workspace.currency)
    report = _stored(workspace, source, table, sheet, currency, tell)
    report.seconds = round(time.perf_counter() - started, 3)
    tell(1.0, "done")
    return report


def _stored(
    workspace: Workspace, source: Source, table: str | None, sheet: Sheet, currency: str | None, tell: Progress
) -> ImportReport:
    """Build and write the sheet's rows in one transaction; all of it happens or nothing."""
    settings = dict(workspace.settings)
    try:
        with workspace.transaction() as connection:
            before = _earlier(workspace, source, table)  # another thread may have been quicker
            if before:
                _refuse_other_currency(workspace, source, currency)
                return before
            code = settle_currency(workspace, sheet, currency)
            tell(0.5, "arranging")
            writes = _build(sheet, workspace)
            report = _report(sheet)
            tell(0.65, "storing")
            report.tables = store(connection, workspace, sheet, writes)
            _log(connection, report, sheet)
            tell(0.95, "committing")
            if code:
                workspace.set(currency=code, currency_stated=True)
    except duckdb.Error as error:
        _restore(workspace, settings)
        raise ImportProblem(
            f"{source.name}: could not be stored ({str(error).splitlines()[0][:160]}); nothing was changed."
        ) from error
    except BaseException:
        _restore(workspace, settings)
        raise
    return report


def _build(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """The writes that the format makes of the sheet; without a kept row only the pending ones remain."""
    try:
        return sheet.fmt.build(sheet, workspace)
    except NothingKept:
        return []


def _restore(workspace: Workspace, settings: dict) -> None:
    """Undo a change of currency when the transaction did not go through."""
    if workspace.settings != settings:
        workspace.settings.clear()
        workspace.set(**settings)


def _earlier(workspace: Workspace, source: Source, table: str | None) -> ImportReport | None:
    """The report of an earlier import of the same content into the same table (or by its own headers), or None."""
    found = workspace.query(
        "SELECT * FROM imports WHERE sha256 = ? AND starts_with(format, 'generic_') = ?", [source.sha256, bool(table)]
    )
    found = found[found["format"] == f"generic_{table}"] if table else found
    if found.empty:
        return None
    row = found.iloc[0]
    rejects = workspace.query("SELECT line, reason FROM rejects WHERE import_id = ? ORDER BY line", [row["import_id"]])
    return ImportReport(
        file_name=source.name,
        format=row["format"],
        rows_read=int(row["rows_read"]),
        rows_kept=int(row["rows_kept"]),
        rows_rejected=int(row["rows_rejected"]),
        rejected=_rejects(rejects),
        reasons=_reasons(rejects["reason"]),
        totals=json.loads(row["totals"]),
        unchanged=True,
        warnings=[f"This file was imported before, on {row['imported_at']:%Y-%m-%d %H:%M}; nothing was changed."],
    )


def _refuse_other_currency(workspace: Workspace, source: Source, currency: str | None) -> None:
    """Raise ImportProblem when a file that was imported before is to be in another currency now: stored amounts stay."""
    if currency and currency.upper() != workspace.currency:
        raise ImportProblem(
            f"{source.name}: was imported before and its amounts count as {workspace.currency}; {currency.upper()} was not "
            f"applied. Import all files again into a new workspace, this one with --currency {currency.upper()}."
        )


def _report(sheet: Sheet) -> ImportReport:
    """Counts and totals of a sheet that has been through `build`.

    Raises ImportProblem when nothing of it can be used.
    """
    rejected = sheet.reason.notna()
    lines = pd.DataFrame({"line": sheet.line, "reason": sheet.reason})[rejected].sort_values("line")
    kept = int((~rejected).sum())
    if not kept and (lines.empty or not lines["reason"].str.contains("already imported").all()):
        first = f" (line {lines['line'].iloc[0]}: {lines['reason'].iloc[0]})" if len(lines) else ""
        raise ImportProblem(
            f"{sheet.raw.name}: none of its {len(sheet.frame):,} rows can be used{first}; nothing was changed."
        )
    totals = {}
    for total in sheet.fmt.totals:
        parts = np.rint(total.of(sheet.frame).astype(float).fillna(0).to_numpy() * _MICRO)
        part = {"kept": _exact(parts[~rejected.to_numpy()]), "rejected": _exact(parts[rejected.to_numpy()])}
        if part["kept"] + part["rejected"] != _exact(parts):
            raise ImportProblem(f"{sheet.raw.name}: the totals of {total.name} do not add up; nothing was changed.")
        amounts = {name: value / _MICRO for name, value in part.items()}
        totals[total.name] = {"file": amounts["kept"] + amounts["rejected"], **amounts}
    return ImportReport(
        file_name=sheet.raw.name,
        format=sheet.fmt.key,
        rows_read=len(sheet.frame),
        rows_kept=kept,
        rows_rejected=len(lines),
        rejected=_rejects(lines),
        reasons=_reasons(lines["reason"]),
        totals=totals,
        warnings=[*sheet.raw.warnings, *sheet.warnings],
    )


def _exact(parts: np.ndarray) -> int:
    """Exact sum of whole-valued floats."""
    if len(parts) == 0:
        return 0
    if np.abs(parts).max() * len(parts) < 2**62:
        return int(parts.astype(np.int64).sum())
    return sum(int(part) for part in parts)


def _rejects(lines: pd.DataFrame) -> list[Reject]:
    return [Reject(line=int(row.line), reason=row.reason) for row in lines.head(SHOWN_REJECTS).itertuples()]


def _reasons(reasons: pd.Series) -> dict[str, int]:
    """Rejects by reason, most frequent first; line numbers in a reason do not count as a difference."""
    counts = reasons.astype(str).str.replace(r" on line \d+$", " on an earlier line", regex=True).value_counts()
    return {reason: int(count) for reason, count in counts.items()}


def _log(connection: duckdb.DuckDBPyConnection, report: ImportReport, sheet: Sheet) -> None:
    """Write the import and all its rejects."""
    import_id = hashlib.sha256(f"{sheet.raw.sha256} {report.format}".encode()).hexdigest()[:16]
    connection.execute(
        "INSERT INTO imports VALUES (?, ?, ?, ?, ?, ?, ?, ?, now()::TIMESTAMP)",
        [
            import_id,
            report.file_name,
            sheet.raw.sha256,
            report.format,
            report.rows_read,
            report.rows_kept,
            report.rows_rejected,
            json.dumps(report.totals),
        ],
    )
    rejected = sheet.reason.notna()
    rejects = pd.DataFrame({"line": sheet.line[rejected], "reason": sheet.reason[rejected]}).assign(import_id=import_id)
    insert(connection, Write("rejects", rejects))
