"""Order lines, one a row, and what follows from them: orders, products, customers. UCI Online Retail and its like.

Decisions for Online Retail: cancellations (invoice `C...`) are orders with status cancelled and negative quantities;
a line without a customer is kept without one; repeated identical lines are real lines; postage, carriage, manual
entries, discounts, samples and vouchers are money of the order but no product (`product_id` NULL); the shop's own
fees and bad-debt entries are not sales and are rejected, as are lines without a price (stock corrections).
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from campaignwright.market.formats_base import Column, Format, Sheet, Total, Write
from campaignwright.market.formats_status import UNDONE, best_of_order, order_status, status_updates, worst
from campaignwright.market.reading import normalise
from campaignwright.market.workspace import Workspace

NOT_PRODUCTS = r"(?:POST|DOT|C2|M|D|S|GIFT_\d.*)"  # postage, carriage, manual, discount, samples, vouchers
NOT_SALES = r"(?:AMAZONFEE|BANK CHARGES|CRUK|B)"  # fees, commission, bad debt

QUANTITY_TIMES_PRICE = Total(
    "quantity_x_price", lambda f: f["quantity"] * f["unit_price"], ("order_lines", "quantity * unit_price")
)
QUANTITY = Total("quantity", lambda f: f["quantity"], ("order_lines", "quantity"))


def most_frequent(frame: pd.DataFrame, key: str, value: str) -> pd.Series:
    """For each `key` its most frequent `value` (ties: the first in alphabetical order)."""
    counts = frame[[key, value]].dropna().value_counts(sort=False).reset_index()
    counts = counts.sort_values([key, "count", value], ascending=[True, False, True])
    return counts.drop_duplicates(key).set_index(key)[value]


def products_of(lines: pd.DataFrame) -> Write:
    """Catalogue from lines (`product_id`, `name`, `unit_price`): most frequent name, median positive price, no cost."""
    sold = lines[lines["product_id"].notna()]
    names = most_frequent(sold, "product_id", "name")
    products = pd.DataFrame({"product_id": sold["product_id"].unique()})
    products["name"] = products["product_id"].map(names).astype("object").fillna(products["product_id"])
    paid = sold[sold["unit_price"] > 0]
    products["price"] = products["product_id"].map(paid.groupby("product_id")["unit_price"].median())
    return Write("products", products, "fill")


def customers_of(orders: pd.DataFrame) -> Write:
    """Customers from orders: first order date, most frequent country."""
    known = orders[orders["customer_id"].notna()]
    first = (
        known.groupby("customer_id", sort=True)["ordered_at"].min().dt.normalize().rename("created_on").reset_index()
    )
    first["country"] = first["customer_id"].map(most_frequent(known, "customer_id", "country"))
    return Write("customers", first, "fill")


def _first(frame: pd.DataFrame, column: str, by: str) -> pd.Series:
    rows = frame[[by, column]].dropna().drop_duplicates(by)
    return rows.set_index(by)[column]


def tables(lines: pd.DataFrame) -> list[Write]:
    """Writes for lines with order_id, product_id, name, quantity, unit_price, ordered_at, customer_id, country,
    status.
    """
    lines = lines.assign(line=lines.groupby("order_id", sort=False).cumcount() + 1)
    value = lines["quantity"] * lines["unit_price"]
    orders = pd.DataFrame(
        {
            "ordered_at": lines.groupby("order_id", sort=False)["ordered_at"].min(),
            "total": value.groupby(lines["order_id"], sort=False).sum().round(6),
        }
    )
    for column in ("customer_id", "country", "status", "channel", "discount"):
        if column in lines:
            orders[column] = orders.index.map(_first(lines, column, "order_id"))
    orders = orders.reset_index()
    return [products_of(lines), customers_of(orders), Write("orders", orders), Write("order_lines", lines)]


def _reject_bad_lines(sheet: Sheet, cancelled: pd.Series) -> None:
    """Checks of every list of order lines; `cancelled` masks the lines of cancellations."""
    frame = sheet.frame
    sheet.reject((frame["quantity"] < 0) & ~cancelled, "negative quantity outside a cancellation")
    sheet.reject(frame["quantity"] == 0, "the quantity is 0")
    sheet.reject(frame["unit_price"] < 0, "negative price: an accounting entry, not a sale")
    sheet.reject(frame["unit_price"] == 0, "the price is 0: a stock correction or gift, not a sale")


def reject_known_orders(sheet: Sheet, workspace: Workspace) -> None:
    """Lines of orders that an earlier file brought are counted as rejected; the order stays as it is."""
    sheet.reject_stored(
        workspace, "orders", "order_id", "order_id", "the order was already imported from an earlier file"
    )


def build_online_retail(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """See the module's docstring."""
    code = sheet.frame["product_id"] = sheet.frame["product_id"].astype("str").str.upper()
    sheet.reject(code.str.fullmatch(NOT_SALES), "a fee, commission or bad debt of the shop, not a sale")
    cancelled = sheet.frame["order_id"].astype("str").str.match(r"[Cc]\d").fillna(False).astype(bool)
    _reject_bad_lines(sheet, cancelled)
    sheet.reject(cancelled & (sheet.frame["quantity"] > 0), "positive quantity in a cancellation")
    reject_known_orders(sheet, workspace)
    lines = sheet.rows()
    lines["status"] = cancelled[lines.index].map({True: "cancelled", False: "paid"})
    extra = lines["product_id"].str.fullmatch(NOT_PRODUCTS).fillna(False).astype(bool)
    if extra.any():
        sheet.warnings.append(
            f"{int(extra.sum()):,} lines are postage, manual entries, discounts, samples or vouchers: kept as "
            "money of their orders, not as products."
        )
        lines.loc[extra, "product_id"] = None
    nobody = lines["customer_id"].isna().sum()
    if nobody:
        sheet.warnings.append(
            f"{int(nobody):,} lines name no customer; they count for products and revenue, not for audiences."
        )
    sheet.warnings.append(
        "The file has no categories and no costs: profit needs a cost, from a products file or said in the chat."
    )
    return tables(lines)


def _retail_invoices(frame: pd.DataFrame, found: dict[str, str]) -> bool:
    """Whether the invoice numbers are those of UCI Online Retail, six digits, so that its rules for codes hold."""
    cells = frame[found["order_id"]].str.strip()
    return bool(cells[cells != ""].str.fullmatch(r"[ACac]?\d{6}").mean() > 0.5)


def _of_order(frame: pd.DataFrame, name: str) -> pd.Series:
    """A column whose empty cells take the first value among the lines of their order."""
    return frame[name].fillna(frame.groupby("order_id")[name].transform("first"))


def build_sales(sheet: Sheet, workspace: Workspace) -> list[Write]:
    """Order lines of any shop: nothing is known about its codes. A status column tells which orders do not stand."""
    frame = sheet.frame
    status = worst(*(order_status(_of_order(frame, name)) for name in ("status", "payment_status")))
    undone = status.isin(UNDONE)
    _reject_bad_lines(sheet, undone)
    frame["order_status"] = best_of_order(status.where(sheet.reason.isna()), frame["order_id"])
    stands = ~frame["order_status"].isin(UNDONE)
    sheet.reject(undone & stands & (frame["quantity"] > 0), "a cancelled or refunded line of an order that stands otherwise")
    if sheet.has("status") or sheet.has("payment_status"):
        sheet.pending += status_updates(sheet, workspace, sheet.kept[["order_id"]].assign(status=frame["order_status"]))
    reject_known_orders(sheet, workspace)
    lines = sheet.rows()
    lines["status"] = lines["order_status"]
    return tables(lines)


ONLINE_RETAIL = Format(
    key="online_retail",
    title="UCI Online Retail",
    columns=(
        Column("order_id", ("InvoiceNo", "Invoice"), "id", required=True, filled=True),
        Column("product_id", ("StockCode",), "id", required=True, filled=True),
        Column("name", ("Description",), required=True),
        Column("quantity", ("Quantity",), "number", required=True, filled=True),
        Column("ordered_at", ("InvoiceDate",), "time", required=True, filled=True),
        Column("unit_price", ("UnitPrice", "Price"), "money", required=True, filled=True),
        Column("customer_id", ("CustomerID", "Customer ID"), "customer", required=True),
        Column("country", ("Country",), required=True),
    ),
    build=build_online_retail,
    totals=(QUANTITY_TIMES_PRICE, QUANTITY),
    currency="GBP",
    day_first=False,
    accepts=_retail_invoices,
)

SALES = Format(
    key="sales_lines",
    title="a list of order lines",
    columns=(
        Column(
            "order_id",
            ("Order ID", "Order number", "Order no", "Order", "Invoice number", "Invoice no", "Invoice", "Bestellnummer")
            + ("订单号", "订单编号"),
            "id",
            True,
            True,
        ),
        Column(
            "product_id",
            ("Product ID", "SKU", "Item number", "Stock code", "Artikelnummer", "商品编号", "商品ID"),
            "id", True, True,
        ),
        Column(
            "quantity",
            ("Quantity", "Qty", "Quantity (- Refund)", "Quantity purchased", "Menge", "Anzahl", "数量"),
            "number", True, True,
        ),
        Column(
            "unit_price",
            ("Unit price", "Item price", "Item cost", "Price", "Einzelpreis", "Preis", "单价"),
            "money", True, True,
        ),
        Column(
            "ordered_at",
            ("Order date", "Ordered at", "Date", "Invoice date", "Purchase date", "Bestelldatum", "下单时间", "订单时间"),
            "time", True, True,
        ),
        Column("name", ("Product name", "Product", "Item name", "Description", "Title", "Artikelname", "Artikel", "商品名称")),
        Column(
            "customer_id",
            ("Customer ID", "Customer", "Customer number", "Customer email", "Email", "Email (Billing)", "Kundennummer")
            + ("客户ID", "会员ID"),
            "customer",
        ),
        Column("country", ("Country", "Shipping country", "国家")),
        Column("channel", ("Channel", "Sales channel")),
        Column("status", ("Order status", "Status", "Item status", "Bestellstatus", "Auftragsstatus", "订单状态", "状态")),
        Column("payment_status", ("Payment status", "Financial status", "Zahlungsstatus", "付款状态", "支付状态")),
        Column("currency", ("Currency", "Currency code", "币种")),
    ),
    build=build_sales,
    totals=(QUANTITY_TIMES_PRICE, QUANTITY),
    accepts=lambda frame, found: [normalise(found[name]) for name in ("unit_price", "ordered_at")] != ["itemprice", "purchasedate"],
)



def _whole_lines(sheet: Sheet) -> None:
    """Amazon's item-price is what the whole line cost: divide it by the quantity."""
    sheet.frame["unit_price"] = sheet.frame["unit_price"] / sheet.frame["quantity"].where(sheet.frame["quantity"] != 0)
    sheet.warnings.append("Amazon's item-price counts as the price of the whole line, as its documentation says.")


_AMAZON = {
    "order_id": ("order-id", "amazon-order-id"), "product_id": ("sku",), "quantity": ("quantity-purchased", "quantity"),
    "unit_price": ("item-price",), "ordered_at": ("purchase-date",), "name": ("product-name", "item-name"),
    "customer_id": ("buyer-email",), "country": ("ship-country",),
}  # fmt: skip
AMAZON = replace(
    SALES,
    key="amazon_orders",
    title="an Amazon order report",
    columns=tuple(replace(column, aliases=_AMAZON.get(column.field, column.aliases)) for column in SALES.columns),
    prepare=_whole_lines,
    accepts=None,
)
FORMATS = (ONLINE_RETAIL, AMAZON, SALES)
