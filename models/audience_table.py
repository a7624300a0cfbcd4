"""One row a customer: recency, frequency, value and the facts the audience rules need. No rule and no model is known here.

Recency is counted in days from the shop's last order (`as_of`), not from today, so that an old export reads like it did then.
Frequency is the number of days with a purchase (an order split into three invoices is one purchase). Value is money kept:
paid orders less the negative lines of cancellations.
"""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from campaignwright.market.workspace import Workspace

DEAL_CUT = 0.05  # a line this far under the product's median price counts as bought on a deal, when discounts are not recorded
MONTH_DAYS = 30.44

PURCHASES = """
WITH usual AS (SELECT product_id, median(unit_price) AS usual FROM order_lines WHERE quantity > 0 AND unit_price > 0 GROUP BY 1),
lines AS (
  SELECT l.order_id, sum(l.quantity * l.unit_price) AS money, sum(least(l.quantity * l.unit_price, 0)) AS returned,
         avg(CASE WHEN l.quantity > 0 THEN CAST(l.unit_price < (1 - ?) * u.usual AS DOUBLE) END) AS cheap
  FROM order_lines l LEFT JOIN usual u USING (product_id) GROUP BY 1)
SELECT o.customer_id, CAST(o.ordered_at AS DATE) AS day, count(*) AS orders,
       sum(coalesce(l.money, o.total, 0)) AS money, avg(CAST(coalesce(o.discount, 0) > 0 AS DOUBLE)) AS discounted,
       avg(l.cheap) AS cheap
FROM orders o LEFT JOIN lines l USING (order_id)
WHERE o.customer_id IS NOT NULL AND coalesce(o.status, 'paid') = 'paid' AND coalesce(l.money, o.total, 1) >= 0
GROUP BY 1, 2 ORDER BY 1, 2"""

RETURNS = """
SELECT o.customer_id, sum(least(l.quantity * l.unit_price, 0)) AS returned
FROM orders o JOIN order_lines l USING (order_id)
WHERE o.customer_id IS NOT NULL AND coalesce(o.status, 'paid') <> 'paid' AND l.quantity < 0 GROUP BY 1"""


def purchases(workspace: Workspace) -> pd.DataFrame:
    """One row per customer and purchase day: customer_id, day, orders, money, deal (0-1: how much of it was on a deal)."""
    frame = workspace.query(PURCHASES, [DEAL_CUT])
    frame["day"] = pd.to_datetime(frame["day"])
    recorded = bool((frame["discounted"] > 0).any())
    frame["deal"] = (frame["discounted"] if recorded else frame["cheap"]).astype(float).fillna(0.0)
    frame.attrs["discounts_recorded"] = recorded
    return frame[["customer_id", "day", "orders", "money", "deal"]]


def snapshot(bought: pd.DataFrame, until: pd.Timestamp) -> pd.DataFrame:
    """What was known of each buyer at the end of `until`, indexed by customer_id.

    Columns: first, last (dates), recency_days, tenure_days, frequency (purchase days), orders, value (money), deal_share (0-1),
    own_gap_days (mean days between the customer's purchases; NaN after one purchase).
    """
    seen = bought[bought["day"] <= until]
    grouped = seen.groupby("customer_id", sort=True)
    frame = grouped.agg(first=("day", "min"), last=("day", "max"), frequency=("day", "size"), orders=("orders", "sum"),
                        value=("money", "sum"), deal_share=("deal", "mean"))
    frame["recency_days"] = (until - frame["last"]).dt.days.astype(float)
    frame["tenure_days"] = (until - frame["first"]).dt.days.astype(float)
    gaps = (frame["last"] - frame["first"]).dt.days / (frame["frequency"] - 1).where(frame["frequency"] > 1)
    frame["own_gap_days"] = gaps.astype(float)
    return frame


def gaps(bought: pd.DataFrame) -> np.ndarray:
    """Days between consecutive purchases of the same customer, all customers together."""
    ordered = bought.sort_values(["customer_id", "day"])
    step = ordered["day"].diff().dt.days
    same = ordered["customer_id"].eq(ordered["customer_id"].shift())
    return step[same].to_numpy(dtype=float)


def known_customers(workspace: Workspace) -> pd.DataFrame:
    """Everybody the shop knows, indexed by customer_id: created_on, country, opt-ins (True/False/None), traits (JSON text).

    Subjects of a public test (`traits.source`) are the shop's customers only where the shop has no orders of its own.
    """
    frame = workspace.query(
        """SELECT customer_id, c.created_on, c.country, c.email_opt_in, c.sms_opt_in, c.push_opt_in, CAST(c.traits AS VARCHAR) AS traits
           FROM (SELECT customer_id FROM customers UNION SELECT customer_id FROM exposures WHERE customer_id IS NOT NULL
                 UNION SELECT customer_id FROM orders WHERE customer_id IS NOT NULL) k
           LEFT JOIN customers c USING (customer_id)
           WHERE json_extract_string(c.traits, '$.source') IS NULL OR NOT EXISTS (SELECT 1 FROM orders)
           ORDER BY 1""").set_index("customer_id")
    frame["created_on"] = pd.to_datetime(frame["created_on"])
    return frame


def parse_traits(traits: pd.Series) -> pd.DataFrame:
    """The JSON column as a frame (one column a key); rows without traits are all missing. Broken JSON counts as none."""
    def read(text: object) -> dict:
        try:
            value = json.loads(text) if isinstance(text, str) else {}
        except ValueError:
            return {}
        return value if isinstance(value, dict) else {}

    return pd.DataFrame([read(text) for text in traits], index=traits.index)


def from_traits(traits: pd.DataFrame) -> pd.DataFrame:
    """Recency, frequency and value out of customer traits, for a workspace without orders (Hillstrom's columns among others).

    `recency` is read as months (Hillstrom), `recency_days` as days, `history`/`value`/`total_spent` as money, `frequency`/
    `orders` as purchases, `newbie`/`new` as a flag. What no trait says is missing.
    """
    def pick(*names: str) -> pd.Series:
        for name in names:
            if name in traits.columns:
                return pd.to_numeric(traits[name].replace({True: 1, False: 0, "true": 1, "false": 0}), errors="coerce")
        return pd.Series(np.nan, index=traits.index)

    recency = pick("recency_days") if "recency_days" in traits.columns else pick("recency") * MONTH_DAYS
    return pd.DataFrame({
        "recency_days": recency, "frequency": pick("frequency", "orders"), "orders": pick("orders", "frequency"),
        "value": pick("history", "value", "total_spent"), "newbie": pick("newbie", "new"), "deal_share": pick("deal_share"),
    }, index=traits.index)
