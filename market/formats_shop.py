"""Shopify-style exports: orders (several rows an order), products (several rows a product) and customers.

People are identified by e-mail address, else by customer number, and only as pseudonyms; names, addresses, notes and
phone numbers are not read at all.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from campaignwright.market.formats_base import Column, Format, Sheet, Total, Write, traits
from campaignwright.market.formats_sales import customers_of, products_of, reject_known_orders
from campaignwright.market.formats_status import order_status, status_updates
from campaignwright.market.workspace import Workspace


def _statuses(orders: pd.DataFrame) -> pd.Series:
    """paid | pending | cancelled | refunded, by Shopify's financial status, cancellation date and refunded amount."""
    status = order_status(orders["financial_status"])
    status[(orders["refunded"] > 0) & (orders["refunded"] >= orders["total"])] = "refunded"
    status[orders["cancelled_at"].notna()] = "cancelled"
    return status


def _net(orders: pd.DataFrame) -> pd.Series:
    """Totals after partial refunds; an order that is undone keeps its total, its status says that it does not count."""
    return orders["total"] - orders["refunded"].fillna(0).where(_statuses(orders) == "paid", 0)


def _refund_lines(orders: pd.DataFrame) -> pd.DataFrame:
    """A line 0 without a product for what was paid back of an order that stands. Expects status and refunded."""
    back = orders[(orders["status"] == "paid") & (orders["refunded"] > 0)]
    return pd.DataFrame({"order_id": back["order_id"], "line": 0, "product_id": None, "quantity": -1.0, "unit_price": back["refunded"]})


def build_orders(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """The first row of an order carries its header; every row carries one line.

    Line prices become after-discount prices; a partial refund is a line of its own.
    """
    head = sheet.frame["total"].notna()
    again = head & sheet.frame["order_id"].where(head).duplicated(keep="first") & sheet.frame["order_id"].notna()
    sheet.reject(again, "a second order with the same id")
    sheet.reject(head & sheet.frame["ordered_at"].isna(), "the order has no date")
    sheet.reject(sheet.frame["quantity"] < 0, "negative quantity outside a cancellation")
    headed = set(sheet.kept.loc[head.reindex(sheet.kept.index), "order_id"])
    sheet.reject(~sheet.frame["order_id"].isin(headed), "a line of an order whose first row is missing or rejected")
    headers = sheet.kept[sheet.kept["total"].notna()].drop_duplicates("order_id")
    headers = headers.assign(status=_statuses(headers), total=_net(headers))
    sheet.pending += status_updates(sheet, workspace, headers[["order_id", "status", "total"]])
    if sheet.pending:
        known = headers[headers["order_id"].isin(sheet.pending[0].frame["order_id"])]
        sheet.pending.append(Write("order_lines", _refund_lines(known), "replace", ("order_id", "line")))
    reject_known_orders(sheet, workspace)
    rows = sheet.rows()
    orders = headers[headers["order_id"].isin(rows["order_id"])].copy()
    orders["customer_id"] = orders["customer_id"].fillna(orders["customer_number"])
    orders["country"] = orders["country"].fillna(orders["billing_country"])
    lines = rows[rows["quantity"].notna() & (rows["quantity"] != 0)].copy()
    lines["product_id"] = lines["product_id"].fillna(lines["name"])
    sheet.warnings += (
        ["Lines without an SKU are known by the product's name."]
        if (rows["product_id"].isna() & rows["name"].notna()).any()
        else []
    )
    value = lines["quantity"] * lines["unit_price"].fillna(0)
    gross = value.groupby(lines["order_id"]).sum()
    discount = orders.set_index("order_id")["discount"].fillna(0)
    share = (1 - discount / gross.reindex(discount.index).replace(0, np.nan)).clip(0, 1).fillna(1)
    lines["unit_price"] = lines["unit_price"] * lines["order_id"].map(share)
    lines["line"] = lines.groupby("order_id", sort=False).cumcount() + 1
    before_discount = lines.assign(unit_price=lines["unit_price"] / lines["order_id"].map(share).replace(0, np.nan))
    lines = pd.concat([lines, _refund_lines(orders)], ignore_index=True)
    return [products_of(before_discount), customers_of(orders), Write("orders", orders), Write("order_lines", lines)]


def build_products(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """One product a variant, known by its SKU (else by the handle), so that order lines find it; stock as of the
    file's date.
    """
    frame = sheet.frame
    for column in ("name", "brand", "category", "type"):
        frame[column] = frame.groupby("handle", sort=False)[column].transform("first").fillna(frame[column])
    sheet.reject(frame["price"].isna() & frame["sku"].isna(), "a row without a variant (an extra picture)")
    option = frame["option"].where(frame["option"].fillna("Default Title") != "Default Title")
    frame["product_id"] = frame["sku"].fillna(frame["handle"] + (" " + option).fillna(""))
    sheet.reject(frame["product_id"].isna(), "neither SKU nor handle")
    sheet.reject_repeated(["product_id"], "this product id")
    rows = sheet.rows()
    rows["name"] = rows["name"].fillna(rows["handle"]).fillna(rows["product_id"]) + (" " + option[rows.index]).fillna(
        ""
    )
    rows["category"] = rows["type"].fillna(rows["category"].str.split(">").str[-1].str.strip())
    writes = [Write("products", rows, "merge")]
    counted = rows[rows["on_hand"].notna()]
    if len(counted):
        stock = counted[["product_id", "on_hand"]].assign(date=pd.Timestamp(sheet.raw.modified))
        writes.append(Write("stock", stock, "replace", ("product_id", "date")))
        sheet.warnings.append(f"Stock levels are dated {sheet.raw.modified}, the file's own date.")
    return writes


def build_customers(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Customers as pseudonyms with opt-ins, country and spend so far."""
    frame = sheet.frame
    frame["customer_id"] = frame["email"].fillna(frame["customer_number"]).fillna(frame["phone"])
    sheet.reject(frame["customer_id"].isna(), "neither e-mail address, customer number nor phone number")
    sheet.reject_repeated(["customer_id"], "this customer")
    rows = sheet.rows()
    rows["traits"] = traits(rows[["total_spent", "total_orders"]])
    return [Write("customers", rows, "merge")]


ORDERS = Format(
    key="shopify_orders",
    title="a Shopify orders export",
    columns=(
        Column("order_id", ("Name",), "id", required=True, filled=True),
        Column("financial_status", ("Financial Status",), required=True),
        Column("ordered_at", ("Created at",), "time", required=True),
        Column("total", ("Total",), "money", required=True),
        Column("quantity", ("Lineitem quantity",), "number", required=True),
        Column("unit_price", ("Lineitem price",), "money", required=True, minimum=0),
        Column("name", ("Lineitem name",), required=True),
        Column("product_id", ("Lineitem sku",), "id"),
        Column("customer_id", ("Email",), "customer"),
        Column("customer_number", ("Customer ID",), "customer"),
        Column("currency", ("Currency",)),
        Column("discount", ("Discount Amount",), "money", minimum=0),
        Column("country", ("Shipping Country",)),
        Column("billing_country", ("Billing Country",)),
        Column("refunded", ("Refunded Amount",), "money", minimum=0),
        Column("cancelled_at", ("Cancelled at",), "time"),
        Column("channel", ("Source",)),
    ),
    build=build_orders,
    totals=(
        Total("quantity_x_price", lambda f: f["quantity"] * f["unit_price"]),
        Total("order_total", lambda f: f["total"]),
        Total("order_total_after_refunds", _net, ("orders", "total")),
        Total("quantity", lambda f: f["quantity"], ("order_lines", "greatest(quantity, 0)")),
    ),
)

PRODUCTS = Format(
    key="shopify_products",
    title="a Shopify products export",
    columns=(
        Column("handle", ("Handle", "URL handle"), "id", required=True),
        Column("name", ("Title",), required=True),
        Column("price", ("Variant Price", "Price"), "money", required=True, minimum=0),
        Column("sku", ("Variant SKU", "SKU"), "id"),
        Column("brand", ("Vendor",)),
        Column("category", ("Product Category", "Standard Product Type")),
        Column("type", ("Type", "Custom Product Type")),
        Column("option", ("Option1 Value",)),
        Column("cost", ("Cost per item",), "money", minimum=0),
        Column("on_hand", ("Variant Inventory Qty", "Inventory quantity"), "number"),
    ),
    build=build_products,
    totals=(Total("price", lambda f: f["price"]), Total("stock_units", lambda f: f["on_hand"])),
)

CUSTOMERS = Format(
    key="shopify_customers",
    title="a Shopify customers export",
    columns=(
        Column("email", ("Email",), "customer", required=True),
        Column("total_spent", ("Total Spent",), "money", required=True),
        Column("total_orders", ("Total Orders", "Orders Count"), "number", required=True),
        Column("email_opt_in", ("Accepts Email Marketing", "Accepts Marketing"), "flag", required=True),
        Column("sms_opt_in", ("Accepts SMS Marketing",), "flag"),
        Column("customer_number", ("Customer ID", "ID"), "customer"),
        Column("phone", ("Phone", "Default Address Phone"), "customer"),
        Column("country", ("Default Address Country Code", "Country Code", "Country")),
        Column("created_on", ("Created At", "Customer since"), "date"),
    ),
    build=build_customers,
    totals=(Total("total_spent", lambda f: f["total_spent"]), Total("total_orders", lambda f: f["total_orders"])),
)

FORMATS = (ORDERS, PRODUCTS, CUSTOMERS)
