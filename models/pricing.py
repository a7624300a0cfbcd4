"""Price elasticity of every product, shrunk towards its category and the literature, and what a price change would earn.

Demand is log-linear, log E[units] = a_i + b_i log price + controls (promotion, competitor's price, the shop's other sales,
trend, season), by Poisson pseudo-likelihood where zeros are common and by least squares on logs where they are not
(Santos Silva and Tenreyro 2006). Each b_i is combined with its category's mean and the prior N(-2.62, 0.9): the mean of 1,851
published elasticities (Bijmolt, van Heerde and Pieters 2005). These are observational data: managers set prices by the demand
they see. Where several stores sell a product, what they share in a period is taken out (`price_stores`). Where prices stand still
for spells, that bias is measured (`price_spells`) and taken out of every slope; elsewhere a common bias of unknown sign
(`COMMON_SD`), which no amount of rows removes, weakens the data against the prior.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from campaignwright.market.workspace import Workspace
from campaignwright.models import price_panel, price_spells, price_stores
from campaignwright.models.store import MissingTable

PRIOR_MEAN, PRIOR_SD = -2.62, 0.9
COMMON_SD = {"prices": 0.5, "stores": 0.3, "order_lines": 1.0, "none": 0.0}  # judgement: paid prices vary with who buys, not only offers
CONTROLS = ("promotion", "competitor", "shop", "trend", "sin", "cos")
RIDGE = np.array([1e-6, 1e-4, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])  # prior precisions: constant, log price, then the controls
STEEPEST, FLATTEST = -8.0, -0.05


def grouped_slopes(y: np.ndarray, x: np.ndarray, starts: np.ndarray, *, poisson: bool) -> tuple[np.ndarray, np.ndarray]:
    """Separate regressions of consecutive row blocks, all at once.

    `y` (rows,), `x` (rows, 8) with a constant and log price first, `starts` first row of each block. Returns slope and
    heteroskedasticity-robust standard error of log price, each (blocks,). Poisson with log link, or least squares.
    """
    blocks = np.repeat(np.arange(len(starts)), np.diff(np.append(starts, len(y))))
    beta = np.zeros((len(starts), x.shape[1]))
    mean = np.add.reduceat(y, starts) / np.bincount(blocks)
    beta[:, 0] = np.log(np.maximum(mean, 1e-9)) if poisson else mean
    inverse = None
    for _ in range(30 if poisson else 2):
        eta = np.einsum("rk,rk->r", x, beta[blocks])
        fitted = np.exp(np.clip(eta, -20, 20)) if poisson else eta
        weight = fitted if poisson else np.ones_like(y)
        gram = np.add.reduceat((x * weight[:, None])[:, :, None] * x[:, None, :], starts, axis=0) + np.diag(RIDGE)
        pull = RIDGE * np.where(np.arange(x.shape[1]) == 0, 0.0, beta)
        score = np.add.reduceat(x * (y - fitted)[:, None], starts, axis=0) - pull
        inverse = np.linalg.inv(gram)
        step = np.clip(np.einsum("bij,bj->bi", inverse, score), -3, 3)
        beta += step
        if np.abs(step).max() < 1e-6:
            break
    residual = y - (np.exp(np.clip(np.einsum("rk,rk->r", x, beta[blocks]), -20, 20)) if poisson
                    else np.einsum("rk,rk->r", x, beta[blocks]))
    leverage = np.einsum("bj,bjk->bk", inverse[:, 1, :], np.swapaxes(np.eye(x.shape[1])[None].repeat(len(starts), 0), 1, 2))
    influence = np.einsum("rk,rk->r", x, leverage[blocks]) * residual
    count = np.bincount(blocks)
    variance = np.add.reduceat(influence**2, starts) * count / np.maximum(count - x.shape[1], 1)
    return beta[:, 1], np.sqrt(np.maximum(variance, inverse[:, 1, 1] * (1.0 if poisson else 0.0)))


def random_effects(b: np.ndarray, se: np.ndarray, low: float, high: float) -> float:
    """Between-unit standard deviation by DerSimonian and Laird (1986), held within [low, high]."""
    if len(b) < 2:
        return (low + high) / 2
    w = 1 / se**2
    centre = np.sum(w * b) / w.sum()
    spread = (np.sum(w * (b - centre) ** 2) - (len(b) - 1)) / max(w.sum() - np.sum(w**2) / w.sum(), 1e-12)
    return float(np.clip(np.sqrt(max(spread, 0.0)), low, high))


def shrink(b: np.ndarray, se: np.ndarray, category: np.ndarray, bias_sd: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict]:
    """Posterior mean and sd of each product's elasticity; NaN slopes get their category's.

    Slope b_i = e_i + bias + noise; e_i ~ N(category mean, between); category mean ~ the literature's prior; bias ~ N(0, bias_sd).
    All arrays (products,). Returns (mean, sd, facts).
    """
    known = np.isfinite(b) & np.isfinite(se) & (se < 20) & (np.abs(b) < 15)
    between = random_effects(b[known], se[known], 0.2, 1.2)
    mean, sd = np.empty(len(b)), np.empty(len(b))
    for name in np.unique(category):
        inside = category == name
        use = inside & known
        precision = 1 / (se[use] ** 2 + between**2)
        bias = float(np.mean(bias_sd[use] ** 2)) if use.any() else 0.0
        total = precision.sum() + 1e-6
        pooled = np.sum(precision * b[use]) / total if use.any() else PRIOR_MEAN
        trust = 1 / (1 / total + bias)  # precision of the pooled slope as a statement about the category
        variance = 1 / (trust + 1 / PRIOR_SD**2)
        centre = variance * (trust * pooled + PRIOR_MEAN / PRIOR_SD**2)
        own = np.where(known[inside], 1 / np.where(known[inside], se[inside], 1.0) ** 2, 0.0)
        deviation = own * np.where(known[inside], b[inside] - pooled, 0.0) / (1 / between**2 + own)
        mean[inside] = centre + deviation
        sd[inside] = np.sqrt(variance + 1 / (1 / between**2 + own))
    return mean, sd, {"between_products_sd": between, "products_identified": float((known & (se < 1)).sum())}


def pooled_naive(panel: pd.DataFrame) -> tuple[float, float]:
    """(slope, standard error) of log units on log price with product effects alone: the textbook number, confounded."""
    sold = panel[panel["units"] > 0]
    x, y = np.log(sold["price"]), np.log(sold["units"])
    x, y = x - x.groupby(sold["product_id"]).transform("mean"), y - y.groupby(sold["product_id"]).transform("mean")
    slope = float((x * y).sum() / max((x**2).sum(), 1e-12))
    spare = max(len(sold) - sold["product_id"].nunique() - 1, 1)
    return slope, float(np.sqrt(((y - slope * x) ** 2).sum() / spare / max((x**2).sum(), 1e-12)))


def slopes(panel: pd.DataFrame) -> pd.DataFrame:
    """Own slope and standard error per product (NaN where the price hardly moved), indexed by product_id."""
    log_price = np.log(panel["price"])
    centred = log_price - log_price.groupby(panel["group"]).transform("mean")
    about = panel.assign(centred=centred).groupby("product_id", sort=True).agg(
        rows=("units", "size"), units=("units", "mean"), zeros=("units", lambda u: float((u == 0).mean())),
        price_sd=("centred", "std"), source=("source", "first"))
    usable = about[(about["rows"] >= 20) & (about["price_sd"] > 0.01) & (about["units"] > 0)]
    about["b"], about["se"] = np.nan, np.nan
    counts = (usable["zeros"] > 0.02) | (usable["units"] < 10)
    scale = panel.groupby("group")["units"].transform("mean") / panel.groupby("product_id")["units"].transform("mean")
    for poisson, ids in ((True, usable.index[counts]), (False, usable.index[~counts])):
        chosen = panel["product_id"].isin(ids) & (scale > 0)
        if not poisson:
            chosen &= panel["units"] > 0
        for part in np.array_split(ids, max(1, int(chosen.sum() // 300_000) + 1)):
            rows = panel[chosen & panel["product_id"].isin(part)]
            if rows.empty:
                continue
            x = np.column_stack([np.ones(len(rows)), centred[rows.index], rows[list(CONTROLS)].to_numpy(dtype=float)])
            relative = rows["units"] / scale[rows.index]
            y = relative.to_numpy(dtype=float) if poisson else np.log(relative).to_numpy(dtype=float)
            names, starts = np.unique(rows["product_id"].to_numpy(dtype=str), return_index=True)
            about.loc[names, "b"], about.loc[names, "se"] = grouped_slopes(y, x, starts, poisson=poisson)
    shared = price_stores.store_slopes(panel)
    about.loc[shared.index, ["b", "se"]] = shared
    about.loc[shared.index, "source"] = "stores"
    return about


def unbias(table: pd.DataFrame, panel: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """(slopes less the measured common bias, sd of the bias that is left, findings), per row of the product table."""
    slope, bias = table["b"].to_numpy(float), table["source"].map(COMMON_SD).to_numpy(float)
    priced = (table["source"] == "prices").to_numpy() & np.isfinite(slope) & (table["se"].to_numpy(float) < 20)
    found = price_spells.spell_elasticity(panel, (PRIOR_MEAN, PRIOR_SD)) if priced.any() else None
    if found is None or found[1] > 2:
        return slope, bias, {}
    point, error, pairs = found
    plain = float(np.average(slope[priced], weights=1 / (table["se"].to_numpy(float)[priced] ** 2 + 0.25)))
    slope = np.where(priced, slope + point - plain, slope)
    bias = np.where(table["source"] == "prices", error, bias)
    return slope, bias, {"spell_elasticity": point, "spell_se": error, "spell_pairs": float(pairs), "plain_elasticity": plain}


class PriceModel:
    """`table`: one row a product with catalogue facts, own slope (b, se), posterior mean and sd, rows and source."""

    NAME: ClassVar[str] = "pricing"
    TABLES: ClassVar[tuple[str, ...]] = ()  # prices or order_lines; with neither, the literature's prior is all there is
    READS: ClassVar[tuple[str, ...]] = ("order_lines", "orders", "prices", "products", "stock")
    SPLIT: ClassVar[str] = "none: slopes of all sales, shrunk by their standard errors"
    VERSION: ClassVar[int] = 6

    def __init__(self, table: pd.DataFrame, metrics: dict, rows: int, aov: float | None) -> None:
        self.table, self.metrics, self.rows, self.aov = table, metrics, rows, aov

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> Self:
        """Raises MissingTable when no product is known."""
        table = price_panel.catalogue(workspace)
        if table.empty:
            raise MissingTable(cls.NAME, "products", "There is no product yet: import orders, products or prices.")
        panel = price_panel.panel(workspace, table["category"])
        metrics: dict = {}
        if len(panel):
            table = table.join(slopes(panel)[["b", "se", "rows", "price_sd", "source"]])
            metrics["pooled_naive"], metrics["pooled_naive_se"] = pooled_naive(panel)
        else:
            table = table.assign(b=np.nan, se=np.nan, rows=0, price_sd=np.nan, source="none")
        table["rows"] = table["rows"].fillna(0).astype(int)
        table["source"] = table["source"].fillna("none")
        slope, bias, found = unbias(table, panel)
        mean, sd, facts = shrink(slope, table["se"].to_numpy(float), table["category"].to_numpy(str), bias)
        table["mean"], table["sd"] = np.clip(mean, STEEPEST, FLATTEST), sd
        metrics |= facts | found
        metrics["pooled"] = float(np.average(table["mean"], weights=table["revenue"].clip(lower=0) + 1e-9))
        metrics["sources"] = table["source"].value_counts().to_dict()
        total = workspace.scalar("SELECT avg(money) FROM (SELECT sum(quantity * unit_price) AS money FROM order_lines JOIN orders "
                                 "USING (order_id) WHERE quantity > 0 AND coalesce(status, 'paid') = 'paid' GROUP BY order_id)")
        return cls(table, metrics, int(len(panel)), float(total) if total is not None else None)

    def _row(self, product_id: str) -> pd.Series:
        if product_id not in self.table.index:
            raise KeyError(product_id)
        return self.table.loc[product_id]

    def _chosen(self, product_ids: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
        """Rows of the products (the whole catalogue for an empty list) and their revenue weights, summing to 1."""
        for product_id in product_ids:
            self._row(product_id)
        rows = self.table.loc[list(product_ids)] if product_ids else self.table
        weight = rows["revenue"].clip(lower=0).to_numpy(float)
        weight = weight if weight.sum() > 0 else np.ones(len(rows))
        return rows, weight / weight.sum()

    def elasticity(self, product_id: str) -> tuple[float, float]:
        """(mean < 0, sd) of the own-price elasticity. Raises KeyError for an unknown product (so do the methods below)."""
        row = self._row(product_id)
        return float(row["mean"]), float(row["sd"])

    def demand_multiplier(self, product_ids: list[str], discount: float) -> float:
        """Demand at `discount` (0-0.9) relative to full price: (1 - d) ** revenue-weighted mean elasticity."""
        rows, weight = self._chosen(product_ids)
        return float((1 - discount) ** float(np.dot(weight, rows["mean"])))

    def economics(self, product_ids: list[str]) -> dict:
        """Revenue-weighted {price, cost (None when unknown), aov (money an order with them), cost_known}."""
        rows, weight = self._chosen(product_ids)

        def average(column: str) -> float | None:
            known = rows[column].notna().to_numpy()
            total = weight[known].sum()
            return float(np.dot(weight[known], rows[column].to_numpy(float)[known]) / total) if total > 0 else None

        price, cost = average("price"), average("cost")
        if cost is not None and price is not None and rows["cost"].isna().any():  # keep the margin of those that are known
            known = rows["cost"].notna() & rows["price"].notna()
            cost = price * float(rows.loc[known, "cost"].sum() / rows.loc[known, "price"].sum())
        orders = rows["orders"].to_numpy(float) * rows["aov"].notna()
        aov = float(np.dot(orders, rows["aov"].fillna(0.0)) / orders.sum()) if product_ids and orders.sum() > 0 else self.aov
        return {"price": price, "cost": cost, "aov": aov or price, "cost_known": cost is not None}

    def save(self, folder: Path) -> None:
        """`products.parquet` and `pricing.json`."""
        self.table.reset_index().to_parquet(folder / "products.parquet", index=False)
        (folder / "pricing.json").write_text(json.dumps({"metrics": self.metrics, "rows": self.rows, "aov": self.aov}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        table = pd.read_parquet(folder / "products.parquet").set_index("product_id")
        return cls(table, **json.loads((folder / "pricing.json").read_text()))
