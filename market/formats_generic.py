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
from campaignwright.market.reading import normalise
from campaignwright.market.reading_encoding import ImportProblem
from campaignwright.market.schema import TABLES
from campaignwright.market.words import CHANNELS
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
CLOSED = {
    ("campaign_results", "channel"): CHANNELS,
    ("copies", "channel"): CHANNELS,
    ("events", "kind"): ("view", "cart", "search"),
}
SPELLINGS = {  # without spaces and punctuation -> the word of the closed vocabulary
    "newsletter": "email", "邮件": "email", "电子邮件": "email", "text": "sms", "textmessage": "sms", "短信": "sms",
    "pushnotification": "push", "paidsearch": "search", "sem": "search", "paidsocial": "social", "facebook": "social",
    "instagram": "social", "tiktok": "social", "banner": "display", "微信": "wechat", "小红书": "xiaohongshu",
    "rednote": "xiaohongshu", "xhs": "xiaohongshu", "pageview": "view", "productview": "view", "addtocart": "cart",
}  # fmt: skip
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
    minimum = 1 if name == "days" else 0 if kind in ("number", "money") and name not in SIGNED else None
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
        taken = next((field for field, header in found.items() if header == actual), None)
        if taken:
            raise ImportProblem(f"{name}: the header '{actual[:40]}' is mapped to {taken} and to {key}; map it to one of them.")
        found[key] = actual
    return fmt, found


def _close(table: str, sheet: Sheet) -> None:
    """Words of a closed vocabulary get their one spelling; rows with any other word are rejected."""
    for (where, name), words in CLOSED.items():
        if where == table and sheet.has(name):
            said = sheet.frame[name].map(normalise, na_action="ignore").replace(SPELLINGS)
            sheet.frame[name] = said
            sheet.reject(said.notna() & ~said.isin(words), f"'{sheet.found[name][:60]}' is not one of {', '.join(words)}")


def _one_arm(sheet: Sheet) -> None:
    """A customer is in one arm of a campaign and counts once; who stands in two says nothing about either."""
    pair = ["customer_id", "campaign_id"]
    sheet.frame["arm"] = sheet.frame["arm"].str.casefold()
    arms = sheet.kept.groupby(pair)["arm"].transform("nunique")
    sheet.reject(arms > 1, "the customer stands in more than one arm of this campaign")
    sheet.reject_repeated(pair, "this customer in this campaign")


def _build(table: str, sheet: Sheet, workspace: Workspace) -> list[Write]:
    rows = sheet.frame
    _close(table, sheet)
    if table == "campaign_results":
        sheet.reject_identical()
    if table == "exposures":
        _one_arm(sheet)
    if table in ("prices", "stock"):
        sheet.reject_repeated(list(REPLACED[table]), f"this {', '.join(REPLACED[table]).replace('_', ' ')}")
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
    if table == "campaigns":
        sheet.reject(rows["send_hour"] > 23, "'send_hour' is above 23")
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
