"""Two years of the simulated shop: shocks, prices, campaigns with results, weekly sales and stock.

The equations are the truth's (`simulator`, `sim_demand`) plus what a real shop adds: demand shocks xi_jt that managers
react to, negative-binomial noise, stock-outs. Customers' orders are made from these weekly sales by `sim_orders`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from campaignwright.market import sim_demand, sim_media
from campaignwright.market.sim_managers import decide
from campaignwright.market.sim_results import DISPERSION, negative_binomial, run_campaigns
from campaignwright.market.sim_shoppers import HISTORY_DAYS
from campaignwright.market.simulator import Market
from campaignwright.market.words import Strategy

WEEKS = HISTORY_DAYS // 7


@dataclass(frozen=True)
class History:
    """One draw. Week 0 begins `begin`; arrays are (products, weeks). Only the frames go to a workspace: xi is truth.

    price: shelf price (USD). discount: share off it in the week's mean. units: sold without campaigns' extra orders.
    campaign_units: extra units by campaign (rows: campaign, product, week, units, discount, channel).
    """

    begin: dt.date
    xi: np.ndarray
    season: np.ndarray
    price: np.ndarray
    discount: np.ndarray
    competitor: np.ndarray
    units: np.ndarray
    on_hand: np.ndarray
    inbound: np.ndarray
    campaigns: list[dict]
    results: pd.DataFrame
    campaign_units: pd.DataFrame


def draw_history(market: Market, end: dt.date, seed: int) -> History:
    """The history that ends on `end`; equal for equal (market, end, seed)."""
    rng = np.random.default_rng([seed, 11, end.toordinal()])
    begin = end - dt.timedelta(HISTORY_DAYS - 1)
    xi = draw_shocks(rng, market)
    campaigns = decide(rng, market, end, xi)
    results, extra = run_campaigns(rng, market, campaigns, begin, xi)
    price, discount, competitor = _set_prices(rng, market, campaigns, begin, xi)
    season = _weekly_season(market, begin)
    mean = _organic_units(market, season, xi, price * (1 - discount), competitor, discount > 0)
    arrived = np.arange(WEEKS) * 7 >= HISTORY_DAYS - market.catalogue.launched[:, None]
    demand = negative_binomial(rng, np.where(arrived, mean, 0.0), DISPERSION)
    pushed = np.zeros_like(demand)
    np.add.at(pushed, (extra["product"].to_numpy(), extra["week"].to_numpy()), extra["units"].to_numpy())
    units, on_hand, inbound = _keep_stock(rng, market, demand, pushed, arrived)
    return History(begin, xi, season, price, discount, competitor, units, on_hand, inbound, campaigns, results, extra)


def draw_shocks(rng: np.random.Generator, market: Market) -> np.ndarray:
    """xi_jt in logs, shape (products, weeks), E exp(xi) = 1: category (sd 0.2) plus product (0.22) part, both AR(1)."""
    catalogue = market.catalogue

    def autoregressive(rows: int, rho: float, sd: float) -> np.ndarray:
        path = rng.normal(0, sd, (rows, WEEKS))
        for week in range(1, WEEKS):
            path[:, week] = rho * path[:, week - 1] + np.sqrt(1 - rho**2) * path[:, week]
        return path

    shared = autoregressive(len(catalogue.categories), 0.88, 0.2)[catalogue.category]
    return shared + autoregressive(len(catalogue.ids), 0.75, 0.22) - (0.2**2 + 0.22**2) / 2


def _weekly_season(market: Market, begin: dt.date) -> np.ndarray:
    """Season x trend by product and week, shape (products, weeks), the mean over each week's days."""
    days = [begin + dt.timedelta(day) for day in range(HISTORY_DAYS)]
    growth = np.array([sim_media.trend(day) for day in days])
    waves = np.array([sim_media.season(category, days) * growth for category in market.catalogue.categories])
    return waves.reshape(len(waves), WEEKS, 7).mean(axis=2)[market.catalogue.category]


def _set_prices(
    rng: np.random.Generator, market: Market, campaigns: list[dict], begin: dt.date, xi: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Shelf price, discount and competitor price by product and week.

    Managers reprice about every four weeks, upwards when they see demand (a noisy xi), and promote when it is weak:
    both bias a naive elasticity towards zero (endogeneity, Villas-Boas & Winer 1999).
    """
    catalogue, (n, weeks) = market.catalogue, xi.shape
    seen = xi + rng.normal(0, 0.12, xi.shape)
    offset = rng.integers(0, 4, (n, 1))
    last = np.maximum((np.arange(weeks) - offset) // 4 * 4 + offset, 0)
    target = catalogue.price[:, None] * np.exp(0.28 * seen + rng.normal(0, 0.025, xi.shape))
    price = np.take_along_axis(target, last, axis=1)
    price[:, -4:] = catalogue.price[:, None]  # the list price of today
    price = np.where(price >= 20, np.round(price) - 0.05, np.round(price, 1) - 0.01)
    price[:, -4:] = catalogue.price[:, None]
    weak = 1 / (1 + np.exp(3.3 + 3.5 * seen))
    discount = np.where(rng.random(xi.shape) < weak, rng.choice([0.1, 0.15, 0.2, 0.25, 0.3], xi.shape), 0.0)
    for campaign in campaigns:
        strategy: Strategy = campaign["strategy"]
        if strategy.audience not in ("all", "deal_seekers") or strategy.offer not in ("percent_off", "amount_off"):
            continue  # other codes are for their audience only and leave the shelf price alone
        rows = catalogue.index(strategy.products)
        for week, part in _weeks_of(strategy, begin):
            discount[rows, week] = np.maximum(discount[rows, week], strategy.discount * part)
    rival = catalogue.price[:, None] * np.exp(rng.normal(0.0, 0.06, (n, 1)) + 0.12 * xi + rng.normal(0, 0.03, xi.shape))
    return price, np.round(discount, 3), np.round(rival, 2)


def _weeks_of(strategy: Strategy, begin: dt.date) -> list[tuple[int, float]]:
    """The history's weeks a campaign touches, each with the share of the week it covers."""
    first = (strategy.start - begin).days
    days = np.bincount(np.arange(first, first + strategy.days) // 7, minlength=1)
    return [(int(week), float(days[week]) / 7) for week in np.flatnonzero(days)]


def _organic_units(
    market: Market, season: np.ndarray, xi: np.ndarray, paid: np.ndarray, competitor: np.ndarray, promoted: np.ndarray
) -> np.ndarray:
    """Mean units by product and week: sessions x season x exp(xi) x choice at the price paid, a rival's price (cross
    elasticity 0.5) and the dip after promotions."""
    catalogue = market.catalogue
    ratio = paid / catalogue.price[:, None]
    panel = market.panels["all"]
    chance = sim_demand.organic_response(catalogue, market.shoppers, panel[:96], ratio, promoted.astype(float))
    usual = sim_demand.organic_response(
        catalogue, market.shoppers, panel[:96], np.ones((len(ratio), 1)), np.zeros((len(ratio), 1))
    )
    lift = np.where(promoted, np.maximum(np.log(chance / usual), 0.0), 0.0)
    rival = 0.5 * np.log(competitor / catalogue.price[:, None])
    visits = 7 * catalogue.sessions[:, None] * season * np.exp(xi + rival + sim_demand.dip(lift))
    return visits * chance * catalogue.quantity[:, None]


def _keep_stock(
    rng: np.random.Generator, market: Market, demand: np.ndarray, pushed: np.ndarray, arrived: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sales = min(demand, stock) under an order-up-to rule that knows the last eight weeks; stock at each week's end.

    pushed: units that campaigns sell, served first (the campaign's own forecast is capped at stock already).
    Returns (organic units sold, on hand, inbound), each (products, weeks).
    """
    catalogue, (n, weeks) = market.catalogue, demand.shape
    lead = np.maximum(np.ceil(catalogue.lead_days / 7).astype(int), 1)
    usual = 7 * catalogue.sessions * catalogue.odds * catalogue.quantity
    stock, pipeline = np.ceil(usual * catalogue.cover), np.zeros((n, weeks + 6))
    sold, total, on_hand, inbound = (np.zeros((n, weeks)) for _ in range(4))
    for week in range(weeks):
        stock = stock + pipeline[:, week]
        served = np.maximum(np.minimum(demand[:, week] + pushed[:, week], stock), pushed[:, week])
        sold[:, week] = served - pushed[:, week]
        stock = np.maximum(stock - served, 0)
        total[:, week] = served
        recent = total[:, max(0, week - 7) : week + 1].mean(axis=1)
        pace = np.where(arrived[:, max(0, week - 7)], 0.6 * recent + 0.4 * usual, usual)
        coming = pipeline[:, week + 1 :].sum(axis=1)
        order = np.where(
            (stock + coming < pace * (lead + 2)) & (rng.random(n) < 0.85), np.ceil(pace * catalogue.cover), 0.0
        )
        pipeline[np.arange(n), week + lead] += order
        on_hand[:, week], inbound[:, week] = stock, coming + order
    return sold, on_hand, inbound
