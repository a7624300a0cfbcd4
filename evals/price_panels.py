"""Elasticities of a panel of stores by four methods: ours, least squares, fixed effects, double machine learning.

A panel is a frame with brand (0, 1, ...), store, week, y (log units), x (log own price), rivals (columns r0, r1, ...: the other
brands' log prices), deal and feat. Every method returns one elasticity a brand with a standard error clustered by store.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from campaignwright.models import price_stores

FOLDS = 5
TREES = {"n_estimators": 120, "learning_rate": 0.1, "num_leaves": 31, "min_child_samples": 40, "n_jobs": 1, "verbose": -1}


def juice(folder: Path, stores: int | None, rng: np.random.Generator) -> pd.DataFrame:
    """The bayesm orange juice panel (11 brands; Montgomery 1997), of `stores` random stores or all 83."""
    frame = pd.read_csv(folder / "bayesm_retail" / "orangeJuice_yx.csv.gz")
    ids = frame["store"].unique()
    if stores is not None and stores < len(ids):
        frame = frame[frame["store"].isin(rng.choice(ids, stores, replace=False))].reset_index(drop=True)
    prices = np.log(frame[[f"price{number}" for number in range(1, 12)]].to_numpy())
    brand = frame["brand"].to_numpy() - 1
    others = np.array([[b for b in range(11) if b != one] for one in range(11)])[brand]
    rivals = np.take_along_axis(prices, others, axis=1)
    panel = frame[["store", "week", "deal", "feat"]].assign(brand=brand, y=frame["logmove"], x=prices[np.arange(len(frame)), brand])
    return pd.concat([panel, pd.DataFrame(rivals, columns=[f"r{place}" for place in range(10)])], axis=1)


def within(panel: pd.DataFrame, values: np.ndarray, *keys: str) -> np.ndarray:
    """`values` (rows,) less the means of every brand-by-key group."""
    return price_stores.within(values, *(panel.groupby(["brand", key]).ngroup().to_numpy() for key in keys))


def by_brand(panel: pd.DataFrame, y: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of y (rows,) on columns (rows, k), a regression a brand; coefficients and standard errors (brands, k), clustered
    by store."""
    brand, store = panel["brand"].to_numpy(), panel["store"].to_numpy()
    found = [price_stores.clustered(y[brand == one], columns[brand == one], store[brand == one]) for one in range(brand.max() + 1)]
    return np.array([one[0] for one in found]), np.array([one[1] for one in found])


def least_squares(panel: pd.DataFrame, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log units on log price and a constant: the textbook regression."""
    coefficients, errors = by_brand(panel, y, np.column_stack([panel["x"], np.ones(len(panel))]))
    return coefficients[:, 0], errors[:, 0]


def fixed_effects(panel: pd.DataFrame, y: np.ndarray, *, rivals: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Brand-store and brand-week effects taken out, deal and feature held fixed. rivals: the other brands' prices too, whose
    coefficients are then returned beside the own one, (brands, 11)."""
    names = ["x", "deal", "feat", *([f"r{place}" for place in range(10)] if rivals else [])]
    columns = np.column_stack([within(panel, panel[name].to_numpy(), "store", "week") for name in names])
    coefficients, errors = by_brand(panel, within(panel, y, "store", "week"), columns)
    keep = [0, *range(3, 13)] if rivals else 0
    return coefficients[:, keep], errors[:, keep]


class DoubleLearning:
    """Partially linear regression with cross-fitted nuisances (Chernozhukov et al. 2018) on deviations from brand-store means (Clarke
    and Polselli 2025); folds are whole stores. What price and demand owe to brand, week, promotion and the other prices is learnt
    by LightGBM on the stores outside the fold; residual demand on residual price gives the elasticity."""

    def __init__(self, panel: pd.DataFrame, seed: int = 0) -> None:
        self.panel = panel
        stores, place = np.unique(panel["store"], return_inverse=True)
        self.fold = np.random.default_rng([seed, 5]).permutation(len(stores))[place] % FOLDS
        names = ["brand", "week", "deal", "feat", *(f"r{number}" for number in range(10))]
        self.features = panel[names].assign(**{name: within(panel, panel[name].to_numpy(), "store") for name in names[4:]})
        self.features["brand"] = self.features["brand"].astype("category")
        self.price = self._left(panel["x"].to_numpy())

    def _left(self, values: np.ndarray) -> np.ndarray:
        from lightgbm import LGBMRegressor

        values, predicted = within(self.panel, values, "store"), np.empty(len(self.panel))
        for one in range(FOLDS):
            out = self.fold == one
            predicted[out] = LGBMRegressor(**TREES).fit(self.features[~out], values[~out]).predict(self.features[out])
        return values - predicted

    def fit(self, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Elasticities and standard errors (brands,) of log units y (rows,)."""
        coefficients, errors = by_brand(self.panel, self._left(y), self.price[:, None])
        return coefficients[:, 0], errors[:, 0]


def ours(panel: pd.DataFrame, y: np.ndarray, folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """What the shop's price model says (mean, sd) of each brand, from a workspace made in `folder` of this panel."""
    from campaignwright.market.workspace import Workspace
    from campaignwright.models.pricing import PriceModel

    rivals = np.exp(panel[[f"r{place}" for place in range(10)]].mean(axis=1))
    dates = pd.Timestamp("1990-01-01") + pd.to_timedelta(7 * panel["week"], unit="D")
    rows = pd.DataFrame({"product_id": "b" + panel["brand"].astype(str).str.zfill(2), "store": panel["store"].astype(str), "date": dates,
                         "price": 100 * np.exp(panel["x"]), "competitor_price": 100 * rivals, "units": np.exp(y),
                         "on_promotion": (panel["deal"] > 0) | (panel["feat"] > 0)})  # fmt: skip
    with Workspace.open(folder, create=True) as workspace:
        with workspace.transaction():
            workspace.insert("prices", rows)
        model = PriceModel.fit(workspace)
    found = np.array([model.elasticity(one) for one in sorted(model.table.index)])
    return found[:, 0], found[:, 1]
