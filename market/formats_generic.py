"""Any other CSV into one named table, with a mapping from the table's columns to the file's headers.

Headers that are called like the table's columns need no mapping. Lists and JSON columns cannot be filled this way.
"""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd

from campaignwright.market.formats_base import Column, Format, Sheet, Total, Write
from campaignwright.market.formats_sales import SALES, customers_of
from campaignwright.market.formats_status import order_status, status_updates
from campaignwright.market.reading_encoding import ImportProblem
from campaignwright.market.schema import TABLES
from campaignwright.market.workspace import Workspace

IDS = {"products": "product_id", "customers": "customer_id", "orders": "order_id", "campaigns": "campaign_id"}
NEEDED = {
    "products": ("product_id", "name"),
    "customers": ("customer_id",),
    "orders": ("order_id", "ordered_at"),
    "order_lines": ("order_id", "product_id", "quantity", "unit_price"),
    "events": ("customer_id", "happened_at", "kind"),
    "campaigns": ("campaign_id", "name"),
    "campaign_results": ("campaign_id", "channel"),
    "exposures": ("customer_id", "campaign_id", "arm"),
    "prices": ("product_id", "price"),
    "stock": ("product_id", "on_hand"),
    "copies": ("text",),
}
REPLACED = {
    "campaign_results": ("campaign_id", "channel", "segment", "day"),
    "prices": ("product_id", "date", "store"),
    "stock": ("product_id", "date"),
    "exposures": ("customer_id", "campaign_id"),
    "order_lines": ("order_id",),
}
MONEY = ("price", "cost", "total", "discount", "unit_price", "budget", "spend", "revenue", "competitor_price")
SIGNED = ("total", "quantity", "unit_price", "inbound", "on_hand")


def _column(table: str, name: str, sql: str) -> Column:
    """The declared column of a table as a Column of a file."""
    kind = {"DOUBLE": "number", "INTEGER": "number", "DATE": "date", "TIMESTAMP": "time", "BOOLEAN": "flag"}.get(
        sql.split()[0], "text"
    )
    if name == "customer_id":
        kind = "customer"
    elif name.endswith("_id"):
        kind = "id"
    elif kind == "number" and name in MONEY and (table, name) != ("campaigns", "discount"):
        kind = "money"
    needed = name in NEEDED[table]
    minimum = 0 if kind in ("number", "money") and name not in SIGNED else None
    return Column(name, (name.replace("_", " "),), kind, needed, needed, minimum)


def generic(table: str) -> Format:
    """The format that fills `table`. Order lines with a date also make orders, products and customers.

    Raises ImportProblem.
    """
    if table not in NEEDED:
        raise ImportProblem(f"There is no table '{table}' to import into; choose one of {', '.join(NEEDED)}.")
    columns = tuple(
        _column(table, name, sql)
        for name, sql in TABLES[table].items()
        if sql not in ("JSON", "VARCHAR[]") and name != "line"
    )
    totals = tuple(
        Total(
            c.field, lambda f, field=c.field: f[field], None if table in IDS or table in REPLACED else (table, c.field)
        )
        for c in columns
        if c.kind in ("number", "money") and c.field not in ("send_hour", "lead_days", "propensity")
    )
    return Format(
        f"generic_{table}",
        f"a file for the table {table}",
        (*columns, Column("currency", ("currency", "currency code"))),
        lambda sheet, workspace: _build(table, sheet, workspace),
        totals,
    )


def mapped(table: str, mapping: dict[str, str], headers: list[str], name: str) -> tuple[Format, dict[str, str]]:
    """Format and field -> header for a file whose columns the user named.

    Raises ImportProblem with the accepted names.
    """
    fmt = generic(table)
    if table == "order_lines" and "ordered_at" in mapping:
        fmt = replace(SALES, key="generic_order_lines")
    fields = [column.field for column in fmt.columns]
    unknown = [key for key in mapping if key not in fields]
    if unknown:
        raise ImportProblem(f"{name}: the table {table} has no column '{unknown[0]}'; it has {', '.join(fields)}.")
    plain = {re.sub(r"\s+", " ", header).strip().casefold(): header for header in headers}
    found = {}
    for key, header in mapping.items():
        actual = plain.get(re.sub(r"\s+", " ", header).strip().casefold())
        if actual is None:
            raise ImportProblem(
                f"{name}: has no header '{header[:40]}' (mapped to {key}); its headers are "
                f"{', '.join(head[:30] for head in headers[:12])}."
            )
        found[key] = actual
    return fmt, found


def _build(table: str, sheet: Sheet, workspace: Workspace) -> list[Write]:
    rows = sheet.frame
    if table in IDS:
        sheet.reject_repeated([IDS[table]], f"this {IDS[table]}")
    if table == "order_lines":
        sheet.reject(rows["quantity"] < 0, "negative quantity outside a cancellation")
    if table == "orders":
        rows["status"] = order_status(rows["status"])
        if sheet.has("status"):
            sheet.pending += status_updates(sheet, workspace, sheet.kept[["order_id", "status"]])
        sheet.reject_stored(
            workspace, "orders", "order_id", "order_id", "the order was already imported from an earlier file"
        )
    if table == "copies":
        rows["copy_id"] = rows["copy_id"].fillna(
            pd.Series([f"{sheet.raw.sha256[:10]}-{line}" for line in sheet.line], index=rows.index)
        )
    if table == "campaigns":
        rows["source"] = rows["source"].fillna("file")
    for name in ("discount", "propensity") if table in ("campaigns", "exposures") else ():
        if name in rows:
            sheet.reject(rows[name] > 1, f"'{name}' is above 1; fractions run from 0 to 1")
    kept = sheet.rows()
    if table == "order_lines":
        kept["line"] = kept.groupby("order_id", sort=False).cumcount() + 1
    if table in REPLACED:
        return [Write(table, kept, "replace", tuple(key for key in REPLACED[table]))]
    if table == "orders":
        return [customers_of(kept), Write("orders", kept)]
    return [Write(table, kept, "merge" if table in IDS else "append")]
