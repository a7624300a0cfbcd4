"""Who bought what in the simulated shop: weekly sales are handed to customers, grouped into orders, and browsing is sampled.

A customer's chance follows purchase rate, affinity to the category, taste for the brand and, on promoted goods, promotion
sensitivity; campaigns' extra sales go to members of their audience.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from campaignwright.market.sim_history import WEEKS, History
from campaignwright.market.sim_shoppers import COUNTRIES, HISTORY_DAYS, Shoppers
from campaignwright.market.simulator import Market

EVENT_SAMPLE = 0.04  # share of sessions that the shop's analytics recorded
CART_RATE = 0.11  # ECDB 2023
_HOURS = np.array([2, 1, 1, 1, 1, 2, 4, 6, 8, 10, 11, 11, 12, 11, 10, 10, 10, 11, 13, 16, 18, 16, 10, 5], dtype=float)
_ORGANIC = ("direct", "organic", "email", "referral", "social", "push")


def active(shoppers: Shoppers, week: int) -> np.ndarray:
    """Purchase weight of every customer in a week, shape (n,): rate while active, tripled in the first month."""
    ends, starts = HISTORY_DAYS - 7 * (week + 1), HISTORY_DAYS - 7 * week
    here = (shoppers.created >= ends) & (shoppers.left < starts)
    fresh = (shoppers.created - ends < 30) & here
    return shoppers.rate * here * np.where(fresh, 3.0, 1.0)


class Buyers:
    """Draws customers for sales of one week; the trips of the week are the same for all its sales."""

    def __init__(self, rng: np.random.Generator, market: Market, week: int, weights: np.ndarray) -> None:
        shoppers = market.shoppers
        trip = rng.random(len(weights)) < 0.35
        self.base = weights * np.where(trip, 1.0, 0.02)
        self.taste = weights_by_brand(market)
        self.hunger = np.exp(4.0 * (shoppers.promo - 0.1) + 1.5 * (shoppers.price - 1))

    def pick(self, rng: np.random.Generator, group: int, count: int, promoted: bool = False) -> np.ndarray:
        """`count` customer indices for sales of a brand group, with replacement."""
        weights = self.base * self.taste[:, group]
        sums = np.cumsum(weights * self.hunger if promoted else weights)
        return np.searchsorted(sums, rng.random(count) * sums[-1], side="right").clip(max=len(sums) - 1)


def weights_by_brand(market: Market) -> np.ndarray:
    """Affinity to a brand's category times taste for the brand, shape (customers, brands); cached on the market."""
    cache = market.__dict__.get("_brand_weights")
    if cache is None:
        category = np.zeros(market.shoppers.taste.shape[1], dtype=int)
        category[market.catalogue.group] = market.catalogue.category
        cache = market.shoppers.affinity[:, category] * market.shoppers.taste
        market.__dict__["_brand_weights"] = cache
    return cache


def draw_lines(rng: np.random.Generator, market: Market, history: History) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(lines, views): sales to customers and sampled page views.

    lines: customer, week, product (indices), quantity, discount (share off the shelf price), channel ("" = organic).
    """
    views_mean = EVENT_SAMPLE * 7 * market.catalogue.sessions[:, None] * history.season * np.exp(history.xi)
    views = rng.poisson(views_mean * (history.units.sum(axis=1, keepdims=True) > 0))
    parts, seen = [], []
    for week in range(WEEKS):
        buyers = Buyers(rng, market, week, active(market.shoppers, week))
        sold = _split(rng, history.units[:, week].astype(int), market.catalogue.quantity)
        promoted = history.discount[sold["product"], week] > 0
        group = market.catalogue.group[sold["product"]]
        parts.append(_assign(rng, buyers, sold, group, promoted).assign(week=week, discount=history.discount[sold["product"], week]))
        looked = pd.DataFrame({"product": np.repeat(np.arange(len(views)), views[:, week])})
        seen.append(_assign(rng, buyers, looked, market.catalogue.group[looked["product"]], np.zeros(len(looked), bool)).assign(week=week))
    lines = pd.concat(parts, ignore_index=True).assign(channel="")
    return pd.concat([lines, _campaign_lines(rng, market, history)], ignore_index=True), pd.concat(seen, ignore_index=True)


def _split(rng: np.random.Generator, units: np.ndarray, quantity: np.ndarray) -> pd.DataFrame:
    """Units of each product as order lines of one or more (mean `quantity`): columns product, quantity."""
    count = np.where(units > 0, np.maximum(rng.binomial(units, 1 / quantity), 1), 0)
    product = np.repeat(np.arange(len(units)), count)
    amount = np.ones(len(product), dtype=int)
    extra = np.repeat(np.arange(len(units)), units - count)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    np.add.at(amount, first[extra] + (rng.random(len(extra)) * count[extra]).astype(int), 1)
    return pd.DataFrame({"product": product, "quantity": amount})


def _assign(rng: np.random.Generator, buyers: Buyers, rows: pd.DataFrame, group: np.ndarray, promoted: np.ndarray) -> pd.DataFrame:
    """Give every row a customer."""
    customer = np.zeros(len(rows), dtype=int)
    key = group * 2 + promoted
    order = np.argsort(key, kind="stable")
    kinds, starts = np.unique(key[order], return_index=True)
    for kind, places in zip(kinds, np.split(order, starts[1:]), strict=True):
        customer[places] = buyers.pick(rng, int(kind) // 2, len(places), bool(kind % 2))
    return rows.assign(customer=customer)


def _campaign_lines(rng: np.random.Generator, market: Market, history: History) -> pd.DataFrame:
    """The extra sales of campaigns as lines of members of their audience."""
    by_id = {campaign["campaign_id"]: campaign for campaign in history.campaigns}
    parts = []
    for (campaign_id, week), rows in history.campaign_units.groupby(["campaign_id", "week"], sort=True):
        strategy = by_id[campaign_id]["strategy"]
        week = int(week)
        members = market.shoppers.members(strategy.audience, max(HISTORY_DAYS - 7 * week - 7, 0))
        weights = (active(market.shoppers, week) + 0.15) * members
        weights = weights * (market.shoppers.created >= HISTORY_DAYS - 7 * (week + 1))
        if not weights.sum():
            continue
        product = np.repeat(rows["product"].to_numpy(), rows["units"].to_numpy())
        channel = np.repeat(rows["channel"].to_numpy(), rows["units"].to_numpy())
        sums = np.cumsum(weights * market.shoppers.affinity[:, market.catalogue.category[product[0]]])
        customer = np.searchsorted(sums, rng.random(len(product)) * sums[-1], side="right").clip(max=len(sums) - 1)
        cut = np.maximum(history.discount[product, week], strategy.discount)
        parts.append(pd.DataFrame({"product": product, "quantity": 1, "customer": customer, "week": week, "discount": cut, "channel": channel}))
    return pd.concat(parts, ignore_index=True)


def date_trips(rng: np.random.Generator, market: Market, rows: pd.DataFrame) -> np.ndarray:
    """Day (0 = the first of the history) of each row: one day per customer and week, never before the account."""
    n = len(market.shoppers.created)
    weekday = rng.choice(7, (n, WEEKS), p=np.array([13, 13, 13, 14, 15, 16, 16]) / 100).astype(np.int16)
    customer, week = rows["customer"].to_numpy(), rows["week"].to_numpy()
    born = HISTORY_DAYS - 1 - np.floor(market.shoppers.created[customer])
    return np.clip(np.maximum(7 * week + weekday[customer, week], born), 0, HISTORY_DAYS - 1).astype(int)


def make_orders(rng: np.random.Generator, market: Market, history: History, lines: pd.DataFrame,
                pseudonyms: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:  # fmt: skip
    """The tables `orders` and `order_lines`. lines: as of `draw_lines`, with `day`. About 8 % are sent back or cancelled."""
    lines = lines.sort_values(["day", "customer", "product", "channel"], kind="stable")
    keys = ["day", "customer", "product", "discount"]
    lines = lines.groupby(keys, sort=True, as_index=False).agg(quantity=("quantity", "sum"), channel=("channel", "max"))
    number = lines.groupby(["day", "customer"], sort=False).ngroup().to_numpy()
    product, week = lines["product"].to_numpy(), lines["day"].to_numpy() // 7
    shelf = history.price[product, week]
    paid = np.round(shelf * (1 - lines["discount"].to_numpy()), 2)
    quantity = lines["quantity"].to_numpy(dtype=float)
    order_id = np.array([f"o{place:06d}" for place in range(1, number.max() + 2)], dtype=object)
    first = np.r_[True, number[1:] != number[:-1]]
    line = np.arange(len(number)) - np.flatnonzero(first)[number] + 1
    order_lines = pd.DataFrame({"order_id": order_id[number], "line": line, "product_id": np.array(market.catalogue.ids, dtype=object)[product],
                                "quantity": quantity, "unit_price": paid})  # fmt: skip
    head = lines[first]
    n, customer = len(head), head["customer"].to_numpy()
    from_campaign = lines.groupby(number)["channel"].max().to_numpy()
    organic = rng.choice(_ORGANIC, n, p=[0.34, 0.36, 0.12, 0.08, 0.07, 0.03])
    returned = np.bincount(number, weights=market.catalogue.returns[product]) / np.bincount(number)
    fate = rng.random(n)
    status = np.where(fate < returned, "refunded", np.where(fate > 0.988, "cancelled", "paid"))
    orders = pd.DataFrame({
        "order_id": order_id, "customer_id": pseudonyms[customer], "ordered_at": clock(rng, history, head["day"].to_numpy()),
        "status": status, "total": np.round(np.bincount(number, weights=paid * quantity), 2),
        "discount": np.round(np.bincount(number, weights=(shelf - paid) * quantity), 2),
        "channel": np.where(from_campaign != "", from_campaign, organic), "country": np.array(COUNTRIES)[market.shoppers.country[customer]],
    })  # fmt: skip
    return orders, order_lines


def clock(rng: np.random.Generator, history: History, day: np.ndarray) -> np.ndarray:
    """Timestamps (seconds) on days of the history, at plausible hours of the day."""
    hour = rng.choice(24, len(day), p=_HOURS / _HOURS.sum())
    seconds = day.astype(np.int64) * 86_400 + hour * 3_600 + rng.integers(0, 3_600, len(day))
    return np.datetime64(history.begin, "s") + seconds.astype("timedelta64[s]")


def make_events(rng: np.random.Generator, market: Market, history: History, views: pd.DataFrame, lines: pd.DataFrame,
                pseudonyms: np.ndarray) -> pd.DataFrame:  # fmt: skip
    """The table `events`: sampled views, a cart after 11 % of them, some searches; and those before sampled purchases."""
    ids, n = np.array(market.catalogue.ids, dtype=object), len(views)
    happened = clock(rng, history, date_trips(rng, market, views))
    cart, search = rng.random(n) < CART_RATE, rng.random(n) < 0.08
    bought = lines[rng.random(len(lines)) < EVENT_SAMPLE]
    stamp = clock(rng, history, bought["day"].to_numpy())
    queries = _queries(market)
    wording = queries[views["product"].to_numpy()[search], rng.integers(0, queries.shape[1], int(search.sum()))]
    table = [("view", views["customer"], views["product"], happened), ("cart", views["customer"][cart], views["product"][cart], happened[cart] + np.timedelta64(95, "s")),
             ("view", bought["customer"], bought["product"], stamp - np.timedelta64(900, "s")), ("cart", bought["customer"], bought["product"], stamp - np.timedelta64(240, "s"))]  # fmt: skip
    frames = [pd.DataFrame({"customer_id": pseudonyms[who.to_numpy()], "happened_at": when, "kind": kind, "product_id": ids[what.to_numpy()]})
              for kind, who, what, when in table]  # fmt: skip
    frames.append(pd.DataFrame({"customer_id": pseudonyms[views["customer"].to_numpy()[search]], "kind": "search", "query": wording,
                                "happened_at": happened[search] - np.timedelta64(40, "s")}))  # fmt: skip
    return pd.concat(frames, ignore_index=True).sort_values(["happened_at", "customer_id", "kind"], kind="stable", ignore_index=True)


def _queries(market: Market) -> np.ndarray:
    """What people type when they look for a product, shape (products, 3): its name, its brand, its category."""
    catalogue = market.catalogue
    return np.array([(name.lower(), f"{brand.lower()} {catalogue.categories[place].name}", catalogue.categories[place].name)
                     for name, brand, place in zip(catalogue.names, catalogue.brands, catalogue.category, strict=True)], dtype=object)  # fmt: skip
