"""Which products a campaign should feature when the marketer named none: few, sellable, in stock, of the shop's own."""

from __future__ import annotations

import pandas as pd

from campaignwright.market.workspace import Workspace
from campaignwright.models.merchandise import service_lines

FEATURED = 12
RECENT_DAYS = 180


def sales(workspace: Workspace) -> pd.DataFrame:
    """Goods with category, revenue and units of the last 180 days of orders, best revenue first."""
    frame = workspace.query(
        """WITH last AS (SELECT max(ordered_at) AS day FROM orders),
                sold AS (SELECT l.product_id, sum(l.quantity * l.unit_price) AS revenue, sum(l.quantity) AS units,
                                count(DISTINCT l.order_id) AS orders
                         FROM order_lines l JOIN orders o USING (order_id), last
                         WHERE o.ordered_at >= last.day - to_days(CAST(? AS INTEGER)) AND l.quantity > 0
                           AND coalesce(o.status, 'paid') = 'paid' GROUP BY 1)
           SELECT p.product_id, p.name, coalesce(p.category, '') AS category, coalesce(s.revenue, 0) AS revenue,
                  coalesce(s.units, 0) AS units, coalesce(s.orders, 0) AS orders
           FROM products p LEFT JOIN sold s USING (product_id) ORDER BY revenue DESC, p.product_id""",
        [RECENT_DAYS],
    )
    return frame[~frame["product_id"].isin(service_lines(workspace))].reset_index(drop=True)


def in_stock(workspace: Workspace) -> pd.DataFrame:
    """Latest stock per product: product_id, on_hand; empty when no stock was ever imported."""
    return workspace.query("SELECT product_id, arg_max(on_hand, date) AS on_hand FROM stock GROUP BY 1 ORDER BY 1")


def options(workspace: Workspace, objective: str) -> list[tuple[str, ...]]:
    """Product sets worth trying, the shop's best sellers first, then each larger category's; [()] with no products.

    For clearance the products with the longest cover (stock over recent sales) take the best sellers' place.
    """
    frame = sales(workspace)
    if frame.empty:
        return [()]
    stock = in_stock(workspace).set_index("product_id")["on_hand"]
    if len(stock):
        left = frame["product_id"].map(stock)
        frame = frame[left.isna() | (left > 0)].reset_index(drop=True)
        if objective == "clearance":
            cover = frame["product_id"].map(stock).fillna(0.0) / (frame["units"] / RECENT_DAYS * 7 + 0.5)
            frame = frame.iloc[cover.argsort(kind="stable")[::-1]].reset_index(drop=True)
    if objective != "clearance":  # bulk orders of one customer do not make a best seller
        frame = frame[frame["orders"] >= min(5, frame["orders"].max())].reset_index(drop=True)
    sets = [tuple(frame["product_id"].head(FEATURED))]
    for category, group in frame[frame["category"] != ""].groupby("category", sort=True):
        if len(group) >= 6 and category:
            sets.append(tuple(group["product_id"].head(FEATURED)))
    return list(dict.fromkeys(chosen for chosen in sets if chosen)) or [()]
