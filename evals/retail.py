"""UCI Online Retail as the areas `behaviour` and `recommender` read it: one row a customer, day and product bought.

Left out: cancellations, lines without a price, codes that are no goods (postage, fees: goods begin with five digits).
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

FOLDER = "online_retail"


def read(folder: Path) -> pd.DataFrame:
    """customer_id, known (whether the shop knew who it was; else the invoice stands for a customer), day, product_id, name,
    orders (invoices), quantity, money (GBP)."""
    columns = {"InvoiceNo": "order_id", "StockCode": "product_id", "Description": "name", "Quantity": "quantity", "InvoiceDate": "day",
               "UnitPrice": "price", "CustomerID": "customer_id"}  # fmt: skip
    kinds = {"InvoiceNo": str, "StockCode": str, "Description": str, "CustomerID": str, "Quantity": float, "UnitPrice": float}
    frame = pd.read_csv(folder / FOLDER / "online_retail.csv.gz", usecols=list(columns), dtype=kinds).rename(columns=columns)
    frame["product_id"] = frame["product_id"].str.upper()
    goods = frame["product_id"].str.match(r"\d{5}").fillna(False).astype(bool)
    frame = frame[(frame["quantity"] > 0) & (frame["price"] > 0) & goods]
    frame = frame.assign(known=frame["customer_id"].notna(), customer_id=frame["customer_id"].fillna("order " + frame["order_id"]),
                         day=pd.to_datetime(frame["day"]).dt.normalize(), money=frame["quantity"] * frame["price"])  # fmt: skip
    return frame.groupby(["customer_id", "day", "product_id"]).agg(
        known=("known", "first"), name=("name", "first"), orders=("order_id", "nunique"), quantity=("quantity", "sum"),
        money=("money", "sum")).reset_index()  # fmt: skip


def purchase_days(lines: pd.DataFrame) -> pd.DataFrame:
    """The frame of `audience_table.purchases` for known customers: customer_id, day, orders, money, deal (0: not known here)."""
    known = lines[lines["known"]]
    days = known.groupby(["customer_id", "day"]).agg(orders=("orders", "max"), money=("money", "sum")).reset_index()
    return days.assign(deal=0.0)
