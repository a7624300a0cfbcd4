"""What past campaigns of the simulated shop brought: the truth's response under the weeks' demand shocks, plus noise.

Reports by channel, segment and day (table `campaign_results`), and the extra units that went through the tills.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd

from campaignwright.market.sim_shoppers import HISTORY_DAYS
from campaignwright.market.simulator import ChannelResponse, Market, Response
from campaignwright.market.words import Strategy

DISPERSION = 10.0  # negative binomial: variance = mean + mean^2 / dispersion
CAMPAIGN_LUCK = 0.22  # log sd of what no column explains about a campaign

Columns = dict[str, np.ndarray]


def negative_binomial(rng: np.random.Generator, mean: np.ndarray, dispersion: float) -> np.ndarray:
    """Counts with the given mean and variance mean + mean^2 / dispersion, as a gamma-mixed Poisson; floats."""
    return rng.poisson(mean * rng.gamma(dispersion, 1 / dispersion, np.shape(mean))).astype(float)


def run_campaigns(
    rng: np.random.Generator, market: Market, campaigns: list[dict], begin: dt.date, xi: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(results, extra) of all campaigns. xi: (products, weeks) from `begin`.

    results: rows of `campaign_results`. extra: incremental units by campaign_id, channel, week, product and discount.
    """
    results: list[Columns] = []
    extra: list[Columns] = []
    for campaign in campaigns:
        strategy: Strategy = campaign["strategy"]
        first = (strategy.start - begin).days
        products = market.catalogue.index(strategy.products)
        week = np.arange(first, first + strategy.days) // 7
        shock = np.average(xi[products], axis=0, weights=market.catalogue.sessions[products])[week]
        response = market.respond(strategy, xi=shock)
        luck = float(np.exp(rng.normal(0, CAMPAIGN_LUCK) - CAMPAIGN_LUCK**2 / 2))
        parts = market.segment_shares(strategy.audience, HISTORY_DAYS - first)
        for channel, outcome in response.channels.items():
            label = {"campaign_id": campaign["campaign_id"], "channel": channel}
            report = _report(rng, outcome, luck, parts, strategy)
            results.append(_labelled(report, label))
            orders = np.bincount(np.tile(week, len(report["day"]) // strategy.days), weights=report["conversions"])
            kept = orders * market.channels[channel].incremental
            sold = _till(rng, response, kept)
            extra.append(_labelled({**sold, "discount": np.full(len(sold["units"]), strategy.discount)}, label))
    return _stack(results), _stack(extra)


def _labelled(columns: Columns, label: dict[str, str]) -> Columns:
    length = len(next(iter(columns.values())))
    return {**{name: np.full(length, value, dtype=object) for name, value in label.items()}, **columns}


def _stack(parts: list[Columns]) -> pd.DataFrame:
    return pd.DataFrame({name: np.concatenate([part[name] for part in parts]) for name in parts[0]})


def _till(rng: np.random.Generator, response: Response, orders: np.ndarray) -> Columns:
    """Units of each product by week for the mean number of incremental `orders` a week, shape (weeks,)."""
    total = response.units.sum()
    mix = response.units / total if total else np.full(len(response.products), 1 / len(response.products))
    ratio = total / max(response.total("orders"), 1e-9)
    units = rng.multinomial(rng.poisson(orders * ratio), mix)
    week, place = np.nonzero(units)
    return {"week": week, "product": response.products[place], "units": units[week, place]}


def _report(
    rng: np.random.Generator, outcome: ChannelResponse, luck: float, parts: dict[str, float], strategy: Strategy
) -> Columns:
    """One channel's report by segment and day: noisy counts, spend to the cent, revenue with spread order values."""
    days, segments = strategy.days, [name for name, share in parts.items() if share > 0]
    share = np.array([parts[name] for name in segments])
    mixed = rng.dirichlet(share * 120 + 0.3, days).T  # segments' daily shares wander a little
    clicks_mean, orders_mean = outcome.clicks * luck, outcome.orders * luck
    clicks = negative_binomial(rng, clicks_mean * mixed, 25.0)
    chance = np.divide(orders_mean, clicks_mean, out=np.zeros(days), where=clicks_mean > 0)
    orders = np.minimum(negative_binomial(rng, clicks * chance, DISPERSION), clicks)
    rate = np.divide(outcome.clicks, outcome.impressions, out=np.full(days, 0.01), where=outcome.impressions > 0)
    impressions = clicks + negative_binomial(rng, clicks_mean * mixed * (1 / rate - 1), 60.0)
    value = outcome.revenue.sum() / outcome.orders.sum() if outcome.orders.sum() else 0.0
    revenue = value * rng.gamma(np.maximum(orders, 1e-9) * 5, 1 / 5) * (orders > 0)
    cents = np.round(outcome.spend.sum() * 100 * mixed / days).astype(np.int64)
    cents.flat[np.argmax(cents)] += int(round(outcome.spend.sum() * 100)) - int(cents.sum())
    dates = np.datetime64(strategy.start, "D") + np.arange(days).astype("timedelta64[D]")
    return {
        "segment": np.repeat(np.array(segments, dtype=object), days),
        "day": np.tile(dates, len(segments)),
        "impressions": impressions.ravel(),
        "clicks": clicks.ravel(),
        "conversions": orders.ravel(),
        "spend": cents.ravel() / 100,
        "revenue": np.round(revenue.ravel(), 2),
    }
