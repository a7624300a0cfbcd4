"""How near the shop's price model comes to the simulator's true elasticities, beside what needs no model.

The simulator draws its elasticities around the literature's mean, from which the model's prior is made: there the prior alone is
hard to beat. So shops come in two kinds: as the simulator draws them, and with all price sensitivities scaled so that the shop's
mean elasticity is a draw of N(-2.62, 0.9), the spread between published estimates. Managers react to demand in both.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from campaignwright.market.sim_history import History, draw_history
from campaignwright.market.sim_shoppers import HISTORY_DAYS
from campaignwright.market.simulator import Market
from campaignwright.market.workspace import Workspace
from campaignwright.models.pricing import PRIOR_MEAN, PRIOR_SD, PriceModel

END = dt.date(2026, 11, 23)
FIRST_SEED = 400  # shops from here on were not looked at while the price model was made
OURS = "price model"


def shop(seed: int, *, shifted: bool) -> tuple[Market, History, np.ndarray]:
    """(market, history, true elasticity of each product) of a shop; `shifted`: its mean is a draw of the literature's spread."""
    market = Market.draw(FIRST_SEED + seed)
    if shifted:
        aim = float(np.clip(np.random.default_rng([seed, 3]).normal(PRIOR_MEAN, PRIOR_SD), -5.0, -1.1))
        scale = aim / np.mean([market.elasticity(one) for one in market.catalogue.ids])
        market = replace(market, catalogue=replace(market.catalogue, sensitivity=market.catalogue.sensitivity * scale))
    truth = np.array([market.elasticity(one) for one in market.catalogue.ids])
    return market, draw_history(market, END, seed), truth


def tables(market: Market, history: History) -> dict[str, pd.DataFrame]:
    """The shop's products, weekly prices and stock, as a workspace has them: nothing of the truth."""
    catalogue, (n, weeks) = market.catalogue, history.price.shape
    begin = np.datetime64(history.begin, "D") + 7 * np.arange(weeks).astype("timedelta64[D]")
    out = (np.arange(weeks) * 7 >= HISTORY_DAYS - catalogue.launched[:, None]).ravel()
    ids = np.repeat(catalogue.ids, weeks)
    prices = pd.DataFrame({"product_id": ids, "date": np.tile(begin, n), "units": history.units.ravel(),
                           "price": np.round(history.price * (1 - history.discount), 2).ravel(),
                           "competitor_price": history.competitor.ravel(), "on_promotion": (history.discount > 0).ravel()})  # fmt: skip
    stock = pd.DataFrame({"product_id": ids, "date": np.tile(begin, n), "on_hand": history.on_hand.ravel()})
    products = pd.DataFrame({"product_id": catalogue.ids, "name": catalogue.names, "price": catalogue.price, "cost": catalogue.cost,
                             "category": [catalogue.categories[place].name for place in catalogue.category]})  # fmt: skip
    return {"products": products, "prices": prices[out], "stock": stock[out]}


def naive(prices: pd.DataFrame) -> tuple[pd.Series, float]:
    """Log-log least squares: slope of each product, and of all with product effects."""
    sold = prices[prices["units"] > 0]
    x, y = np.log(sold["price"]), np.log(sold["units"])
    x, y = x - x.groupby(sold["product_id"]).transform("mean"), y - y.groupby(sold["product_id"]).transform("mean")
    own = (x * y).groupby(sold["product_id"]).sum() / (x**2).groupby(sold["product_id"]).sum().clip(lower=1e-9)
    return own, float((x * y).sum() / (x**2).sum())


def errors(seed: int, folder: Path, *, shifted: bool) -> tuple[dict[str, float], float]:
    """(mean absolute error of the products' elasticities by method; share of the model's 80 % intervals that hold the truth)."""
    market, history, truth = shop(seed, shifted=shifted)
    frames = tables(market, history)
    with Workspace.open(folder, create=True) as workspace:
        with workspace.transaction():
            for name, frame in frames.items():
                workspace.insert(name, frame)
        model = PriceModel.fit(workspace)
    table = model.table.loc[market.catalogue.ids]
    own, pooled = naive(frames["prices"])
    guesses = {
        OURS: table["mean"].to_numpy(float),
        "prior alone": np.full(len(truth), PRIOR_MEAN),
        "least squares, a product": own.reindex(market.catalogue.ids).fillna(pooled).to_numpy(float),
        "least squares, pooled": np.full(len(truth), pooled),
    }
    held = np.abs(guesses[OURS] - truth) < 1.2816 * table["sd"].to_numpy(float)
    return {name: float(np.abs(guess - truth).mean()) for name, guess in guesses.items()}, float(held.mean())
