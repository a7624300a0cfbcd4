"""Observations for price elasticities: one row per product, store and period with price, demand and controls.

From `prices` where it holds the product (its own rows, whatever their grain), else from `order_lines` by week: there the price
is the median line's and the demand is the number of lines, since quantity discounts tie units to price mechanically.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from campaignwright.market.workspace import Workspace

FROM_PRICES = """
SELECT product_id, coalesce(store, '') AS store, date, avg(price) AS price, sum(units) AS units,
       avg(CAST(coalesce(on_promotion, false) AS DOUBLE)) AS promotion, avg(competitor_price) AS competitor,
       max(CAST(on_hand <= 0 AS DOUBLE)) AS sold_out
FROM (SELECT *, CASE WHEN date IS NULL THEN row_number() OVER () END AS alone FROM prices WHERE price > 0 AND units >= 0)
LEFT JOIN (SELECT product_id, date, sum(on_hand) AS on_hand FROM stock GROUP BY 1, 2) USING (product_id, date)
GROUP BY product_id, store, date, alone ORDER BY 1, 2, 3"""

FROM_LINES = """
SELECT l.product_id, '' AS store, CAST(date_trunc('week', o.ordered_at) AS DATE) AS date, median(l.unit_price) AS price,
       CAST(count(*) AS DOUBLE) AS units, 0.0 AS promotion, CAST(NULL AS DOUBLE) AS competitor, CAST(NULL AS DOUBLE) AS sold_out
FROM order_lines l JOIN orders o USING (order_id)
WHERE l.quantity > 0 AND l.unit_price > 0 AND coalesce(o.status, 'paid') = 'paid'
  AND l.product_id IN (SELECT product_id FROM order_lines WHERE quantity > 0 GROUP BY 1 HAVING count(*) >= 20)
  AND NOT EXISTS (SELECT 1 FROM prices p WHERE p.product_id = l.product_id AND p.units IS NOT NULL)
GROUP BY 1, 2, 3 ORDER BY 1, 3"""

CATALOGUE = """
WITH sold AS (
  SELECT l.product_id, l.quantity, l.unit_price, o.ordered_at, o.order_id, max(o.ordered_at) OVER () AS as_of
  FROM order_lines l JOIN orders o USING (order_id)
  WHERE l.quantity > 0 AND l.unit_price > 0 AND coalesce(o.status, 'paid') = 'paid'),
money AS (SELECT order_id, sum(quantity * unit_price) AS total FROM sold GROUP BY 1),
lines AS (
  SELECT product_id, median(unit_price) AS paid,
         median(unit_price) FILTER (ordered_at > as_of - INTERVAL 56 DAY) AS paid_lately,
         sum(quantity) FILTER (ordered_at > as_of - INTERVAL 56 DAY) / 56.0 AS units_per_day,
         sum(quantity * unit_price) AS revenue FROM sold GROUP BY 1),
held AS (SELECT DISTINCT product_id, order_id FROM sold),
baskets AS (  -- an order counts once over all its products: else large baskets would speak for each of them
  SELECT product_id, sum(total / items) / sum(1 / items) AS aov, count(*) AS orders
  FROM held JOIN money USING (order_id) JOIN (SELECT order_id, count(*) AS items FROM held GROUP BY 1) USING (order_id)
  GROUP BY 1),
dated AS (SELECT *, max(date) OVER () AS as_of FROM prices WHERE price > 0),
listed AS (
  SELECT product_id, median(price) FILTER (NOT coalesce(on_promotion, false)) AS listed,
         median(price) FILTER (NOT coalesce(on_promotion, false) AND date > as_of - INTERVAL 56 DAY) AS listed_lately,
         arg_max(competitor_price, date) FILTER (competitor_price IS NOT NULL) AS competitor_price,
         sum(units) FILTER (date > as_of - INTERVAL 56 DAY) / 56.0 AS listed_units_per_day, sum(price * units) AS listed_revenue
  FROM dated GROUP BY 1)
SELECT k.product_id, p.name, coalesce(p.category, '') AS category,
       coalesce(listed_lately, p.price, listed, paid_lately, paid) AS price, p.cost, competitor_price,
       coalesce(l.units_per_day, listed_units_per_day) AS units_per_day, coalesce(l.revenue, listed_revenue, 0) AS revenue,
       b.aov, coalesce(b.orders, 0) AS orders
FROM (SELECT product_id FROM products UNION SELECT product_id FROM prices WHERE product_id IS NOT NULL
      UNION SELECT product_id FROM lines WHERE product_id IS NOT NULL) k
LEFT JOIN products p USING (product_id) LEFT JOIN lines l USING (product_id)
LEFT JOIN baskets b USING (product_id) LEFT JOIN listed USING (product_id) ORDER BY 1"""


def catalogue(workspace: Workspace) -> pd.DataFrame:
    """One row a product, indexed by product_id: name, category, price now, cost, competitor_price, units_per_day, revenue, aov."""
    return workspace.query(CATALOGUE).set_index("product_id")


def _fill_weeks(lines: pd.DataFrame) -> pd.DataFrame:
    """Add the weeks without a sale between a product's first and last, at the price last seen."""
    if lines.empty:
        return lines
    weeks = pd.date_range(lines["date"].min(), lines["date"].max(), freq="7D")
    number = (lines["date"] - weeks[0]).dt.days // 7
    code, ids = pd.factorize(lines["product_id"], sort=True)
    price = np.full((len(ids), len(weeks)), np.nan)
    units = np.zeros_like(price)
    price[code, number] = lines["price"]
    units[code, number] = lines["units"]
    seen = ~np.isnan(price)
    index = np.maximum.accumulate(np.where(seen, np.arange(len(weeks)), -1), axis=1)
    alive = (index >= 0) & (np.maximum.accumulate(seen[:, ::-1], axis=1)[:, ::-1])
    row, column = np.nonzero(alive)
    return pd.DataFrame({"product_id": ids[row], "store": "", "date": weeks[column], "price": price[row, index[row, column]],
                         "units": units[row, column], "promotion": 0.0, "competitor": np.nan, "sold_out": np.nan})


def panel(workspace: Workspace, categories: pd.Series) -> pd.DataFrame:
    """All observations, sorted by product: product_id, category, group (product and store), source, date, price, units, and
    the controls sold_out (0/1, NaN unknown), promotion (0-1), competitor (log, centred), shop (log index of the other
    categories' sales), trend, sin, cos.
    """
    parts = []
    for source, frame in (("prices", workspace.query(FROM_PRICES)), ("order_lines", workspace.query(FROM_LINES))):
        frame["date"] = pd.to_datetime(frame["date"])
        frame = _fill_weeks(frame) if source == "order_lines" else frame
        if len(frame):
            frame["stock_known"] = frame["sold_out"].notna()
            parts.append(_controls(frame.assign(source=source, category=frame["product_id"].map(categories).fillna(""))))
    if not parts:
        return pd.DataFrame()
    return pd.concat(parts, ignore_index=True).sort_values("product_id", kind="stable", ignore_index=True)


def _controls(frame: pd.DataFrame) -> pd.DataFrame:
    frame["group"] = frame["product_id"] + "\x1f" + frame["store"]
    log_rival = np.log(frame["competitor"].where(frame["competitor"] > 0))
    centred = log_rival - log_rival.groupby(frame["group"]).transform("mean")
    frame["competitor"] = centred.fillna(0.0)
    frame["shop"] = _shop_index(frame)
    day = (frame["date"] - frame["date"].min()).dt.days.fillna(0).to_numpy(dtype=float)
    year = 2 * np.pi * day / 365.25
    long_enough = day.max() >= 540  # a season is told from a trend only with more than a year of history
    frame["trend"] = (day - day.mean()) / 365.25
    frame["sin"], frame["cos"] = (np.sin(year), np.cos(year)) if long_enough else (0.0, 0.0)
    return frame


def _shop_index(frame: pd.DataFrame) -> pd.Series:
    """Log of how much the *other* categories sold that day against their mean (other products, where there is one category)."""
    if frame["date"].isna().all():
        return pd.Series(0.0, index=frame.index)
    relative = frame["units"] / frame.groupby("group")["units"].transform("mean").clip(lower=1e-9)
    total = relative.groupby(frame["date"]).transform("sum")
    count = relative.groupby(frame["date"]).transform("size")
    key = [frame["date"], frame["category"] if frame["category"].nunique() > 1 else frame["group"]]
    others = count - relative.groupby(key).transform("size")
    index = (total - relative.groupby(key).transform("sum")) / others.where(others >= 3)
    return np.log(index.clip(0.05, 20)).fillna(0.0)
