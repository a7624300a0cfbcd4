"""Write an import's rows into the tables, by the policy of each `Write`, and check the stored sums.

The sums must have grown by exactly the kept totals. Runs inside the caller's transaction; nothing here commits.
"""

from __future__ import annotations

import duckdb
import pyarrow as pa

from campaignwright.market.formats_base import Sheet, Write
from campaignwright.market.reading_encoding import ImportProblem
from campaignwright.market.schema import TABLES
from campaignwright.market.workspace import Workspace


def store(
    connection: duckdb.DuckDBPyConnection, workspace: Workspace, sheet: Sheet, writes: list[Write]
) -> dict[str, int]:
    """Carry out the sheet's pending writes and `writes`; the stored sums must grow by the kept totals.

    Returns rows written per table.
    """
    counts: dict[str, int] = {}

    def carry_out(writes: list[Write]) -> None:
        for write in writes:
            counts[write.table] = counts.get(write.table, 0) + insert(connection, write)

    for write in (*sheet.pending, *writes):
        if write.how == "replace":
            _delete(connection, write)
    carry_out(sheet.pending)  # changes to what is stored already, to which no kept row belongs
    checks = [total for total in sheet.fmt.totals if total.stored]
    before = [_stored_sum(workspace, *total.stored) for total in checks]
    carry_out(writes)
    kept = sheet.kept
    for total, old in zip(checks, before, strict=True):
        grown = _stored_sum(workspace, *total.stored) - old
        expected = float(total.of(kept).astype(float).sum())
        if abs(grown - expected) > 1e-6 * max(1.0, abs(expected), abs(old)):
            raise ImportProblem(
                f"{sheet.raw.name}: {total.name} came to {grown:,.2f} in the workspace but "
                f"{expected:,.2f} in the file; "
                "nothing was changed. Please report this file."
            )
    return {table: count for table, count in counts.items() if count}


def _stored_sum(workspace: Workspace, table: str, expression: str) -> float:
    return float(workspace.scalar(f"SELECT coalesce(sum({expression}), 0) FROM {table}"))


def _arrow(write: Write) -> pa.Table:
    columns = [column for column in TABLES[write.table] if column in write.frame.columns]
    frame = write.frame[columns]
    arrays = [
        pa.array(frame[c].astype("object").where(frame[c].notna(), None), type=pa.string())
        if frame[c].dtype == object
        else pa.array(frame[c], from_pandas=True)
        for c in columns
    ]
    return pa.table(arrays, names=columns)


def _delete(connection: duckdb.DuckDBPyConnection, write: Write) -> None:
    """Remove the rows that share the key columns (NULL equals NULL) with the incoming ones."""
    connection.register("_incoming", _arrow(write))
    given = [key for key in write.key if key in write.frame.columns]
    same = " AND ".join(f"{write.table}.{key} IS NOT DISTINCT FROM k.{key}" for key in given)
    connection.execute(
        f"DELETE FROM {write.table} USING (SELECT DISTINCT {', '.join(given)} FROM _incoming) k WHERE {same}"
    )
    connection.unregister("_incoming")


def insert(connection: duckdb.DuckDBPyConnection, write: Write) -> int:
    """Insert by the write's policy; returns how many rows it brought."""
    rows = _arrow(write)
    columns = rows.column_names
    connection.register("_incoming", rows)
    cast = ", ".join(f"CAST({column} AS {TABLES[write.table][column].split()[0]})" for column in columns)
    sql = f"INSERT INTO {write.table} ({', '.join(columns)}) SELECT {cast} FROM _incoming"
    key = columns[0]
    if write.how == "new":
        sql += " ON CONFLICT DO NOTHING"
    elif write.how in ("fill", "merge"):
        order = "excluded.{0}, {1}.{0}" if write.how == "merge" else "{1}.{0}, excluded.{0}"
        changes = [
            f"{c} = least({order.format(c, write.table)})"
            if (write.table, c) == ("customers", "created_on")
            else f"{c} = coalesce({order.format(c, write.table)})"
            for c in columns[1:]
        ]
        sql += f" ON CONFLICT ({key}) DO " + (f"UPDATE SET {', '.join(changes)}" if changes else "NOTHING")
    connection.execute(sql)
    connection.unregister("_incoming")
    return len(rows)
