"""The simulated assortment: 240 products of invented brands, with the hidden parameters of their demand.

The public part (name, price, cost) goes to the workspace; sensitivity, traffic and base odds stay in the truth.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

SHOP_SESSIONS = 9_000.0  # organic sessions a day over the whole shop; about 6-8 M USD a year at 2.4 % conversion


@dataclass(frozen=True)
class Category:
    """One category's constants, from data/catalogue.json (its "about" gives units and sources)."""

    name: str
    zh: str
    returns: float
    quantity: float
    season: tuple[float, float, float]


@dataclass(frozen=True)
class Catalogue:
    """Products as aligned arrays of shape (n,); `group` numbers brands (0-39), `category` indexes `categories`.

    price, cost: USD. sensitivity: b_j, the mean shopper's price coefficient (> 1). sessions: organic sessions a day.
    odds: odds of an order per session at the regular price. cover: weeks of stock held. lead_days: days.
    launched: days before the end of the history on which the product came out (whole weeks).
    """

    ids: list[str]
    names: list[str]
    brands: list[str]
    categories: list[Category]
    category: np.ndarray
    group: np.ndarray
    price: np.ndarray
    cost: np.ndarray
    sensitivity: np.ndarray
    sessions: np.ndarray
    odds: np.ndarray
    quantity: np.ndarray
    returns: np.ndarray
    cover: np.ndarray
    lead_days: np.ndarray
    launched: np.ndarray

    def index(self, ids: list[str]) -> np.ndarray:
        """Positions of product ids; all products when `ids` is empty. Raises ValueError naming an unknown id."""
        if not ids:
            return np.arange(len(self.ids))
        places = {product: place for place, product in enumerate(self.ids)}
        unknown = [product for product in ids if product not in places]
        if unknown:
            raise ValueError(
                f"products: {unknown[0]!r} is not in this market; ids run from {self.ids[0]} to {self.ids[-1]}."
            )
        return np.array(sorted({places[product] for product in ids}))


def specification() -> dict[str, dict]:
    """The categories of data/catalogue.json by name."""
    text = files("campaignwright.market").joinpath("data/catalogue.json").read_text(encoding="utf-8")
    return json.loads(text)["categories"]


def _names(spec: dict[str, dict]) -> dict[str, np.ndarray]:
    """One row per product: name, brand, category and group numbers, median price (USD)."""
    rows: dict[str, list] = {key: [] for key in ("name", "brand", "category", "group", "median")}
    group = 0
    for place, category in enumerate(spec.values()):
        for brand, lines in category["brands"].items():
            for line in lines:
                for kind, factor in category["kinds"]:
                    for key, value in zip(
                        rows, (f"{line} {kind}", brand, place, group, category["price"] * factor), strict=True
                    ):
                        rows[key].append(value)
            group += 1
    return {key: np.array(values) for key, values in rows.items()}


def _charm(price: np.ndarray) -> np.ndarray:
    """Shop prices: whole dollars less five cents above 20 USD, else .49 or .99."""
    small = np.floor(price) + np.where(price % 1 < 0.5, 0.49, 0.99)
    return np.round(np.where(price >= 20, np.round(price) - 0.05, small), 2)


def draw_catalogue(rng: np.random.Generator) -> Catalogue:
    """A catalogue; prices lie near, not at, the best markup (p - c)/p = 1/|elasticity|, off by about 10 %."""
    spec = specification()
    table = _names(spec)
    n, category = len(table["name"]), table["category"]

    def per_product(key: str) -> np.ndarray:
        return np.array([item[key] for item in spec.values()])[category]

    premium = np.exp(rng.normal(0, 0.14, table["group"].max() + 1))[table["group"]]
    price = _charm(table["median"] * premium * np.exp(rng.normal(0, 0.08, n)))
    sensitivity = np.clip(per_product("sensitivity") + rng.normal(0, 0.3, n), 1.4, 4.2)
    cost = np.round(np.minimum(price * (1 - 1 / sensitivity) * np.exp(rng.normal(-0.03, 0.1, n)), 0.85 * price), 2)
    appeal = np.exp(rng.normal(0, 0.65, n)) * (table["median"] / price) ** 0.3
    within = np.bincount(category, weights=appeal)[category]
    conversion = per_product("conversion") * np.exp(rng.normal(0, 0.12, n))
    launched = 7 * np.where(rng.random(n) < 0.1, rng.integers(9, 92, n), rng.integers(106, 230, n))
    return Catalogue(
        ids=[f"p{number:03d}" for number in range(1, n + 1)],
        names=table["name"].tolist(),
        brands=table["brand"].tolist(),
        categories=[
            Category(name, item["zh"], item["returns"], item["quantity"], tuple(item["season"]))
            for name, item in spec.items()
        ],
        category=category,
        group=table["group"],
        price=price,
        cost=cost,
        sensitivity=sensitivity,
        sessions=SHOP_SESSIONS * per_product("traffic") * appeal / within,
        odds=conversion / (1 - conversion),
        quantity=per_product("quantity"),
        returns=per_product("returns"),
        cover=rng.uniform(6, 11, n),
        lead_days=rng.choice([7, 10, 14, 21, 28], n, p=[0.2, 0.2, 0.3, 0.2, 0.1]),
        launched=launched,
    )
