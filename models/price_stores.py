"""Elasticities of products that several stores sell: what all stores share in a period is taken out.

Seasons, national promotions and head office's reactions to demand move price and sales of all stores at once. With product-store and
product-period effects removed, only price differences between stores are left (the within estimator; Wooldridge 2010, chapter 10), with
standard errors clustered by store. On the orange juice panel with known elasticities it errs less than double machine learning
(suite `models`, area `pricing`). Not covered: stores that set their own price by their own demand.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import statsmodels.api as sm

MIN_STORES, MIN_ROWS = 5, 100


def within(values: np.ndarray, *codes: np.ndarray) -> np.ndarray:
    """`values` (rows,) less the means of each grouping (`codes`: (rows,) int from 0), by turns until nothing moves."""
    left = np.asarray(values, float).copy()
    counts = [np.maximum(np.bincount(code), 1) for code in codes]
    for _ in range(50 if len(codes) > 1 else 1):
        start = left.copy()
        for code, count in zip(codes, counts, strict=True):
            left -= (np.bincount(code, left) / count)[code]
        if np.abs(left - start).max() < 1e-6:
            break
    return left


def clustered(y: np.ndarray, columns: np.ndarray, cluster: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of y (rows,) on columns (rows, k): coefficients and standard errors clustered by `cluster` (rows,), (k,) each."""
    fit = sm.OLS(y, columns).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    return np.asarray(fit.params), np.asarray(fit.bse)


def store_slopes(panel: pd.DataFrame) -> pd.DataFrame:
    """b and se of every product with at least 5 stores and 100 sales dated like those of another store, indexed by product_id; empty
    where there is none. `panel`: as `price_panel.panel` gives it."""
    dated = panel[(panel["source"] == "prices") & panel["date"].notna() & (panel["units"] > 0)]
    shared = dated.groupby(["product_id", "date"])["group"].transform("size") > 1
    rows = dated[shared & (dated.groupby("product_id")["group"].transform("nunique") >= MIN_STORES)]
    rows = rows[rows.groupby("product_id")["units"].transform("size") >= MIN_ROWS].reset_index(drop=True)
    codes = [rows.groupby(keys).ngroup().to_numpy() for keys in ("group", ["product_id", "date"])]
    names = {"y": np.log(rows["units"]), "x": np.log(rows["price"]), "promotion": rows["promotion"], "competitor": rows["competitor"]}
    left = {name: within(values, *codes) if len(rows) else np.zeros(0) for name, values in names.items()}
    columns = np.column_stack([left["x"], left["promotion"], left["competitor"]])
    found = {}
    for product, places in rows.groupby("product_id").indices.items():
        if left["x"][places].std() > 0.01:
            moving = columns[places].std(axis=0) > 1e-9
            b, se = clustered(left["y"][places], columns[places][:, moving], codes[0][places])
            found[product] = (float(b[0]), float(se[0]))
    return pd.DataFrame.from_dict(found, orient="index", columns=["b", "se"])
