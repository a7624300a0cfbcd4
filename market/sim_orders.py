"""Who bought what in the simulated shop: weekly sales go to customers and become orders; browsing is sampled.

A customer's chance follows purchase rate, affinity to the category, taste for the brand and, on promoted goods,
promotion sensitivity; campaigns' extra sales go to members of their audience.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from campaignwright.market.sim_history import WEEKS, History
from campaignwright.market.sim_shoppers import COUNTRIES, HISTORY_DAYS, Shoppers
from campaignwright.market.simulator import Market

EVENT_SAMPLE = 0.04  # share of sessions that the shop's analytics recorded
TRIP_RATE = 0.35  # share of customers who shop at all in a week: what they buy then makes one order
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
    """Draws customers for the sales of one week; its shopping trips are the same for all of them.

    taste: affinity to a brand's category times taste for the brand, shape (brands, customers).
    """

    def __init__(self, rng: np.random.Generator, shoppers: Shoppers, week: int, taste: np.ndarray) -> None:
        weights = active(shoppers, week)
        trip = rng.random(len(weights)) < TRIP_RATE
        self.people = np.flatnonzero(weights * trip)
        self.base = weights[self.people]
        self.taste = taste[:, self.people]
        self.hunger = np.exp(4.0 * (shoppers.promo - 0.1) + 1.5 * (shoppers.price - 1))[self.people]

    def pick(self, rng: np.random.Generator, group: np.ndarray, promoted: np.ndarray) -> np.ndarray:
        """A customer index for each sale, given its brand group and whether it is promoted; with replacement."""
        customer = np.zeros(len(group), dtype=int)
        key = group * 2 + promoted
        order = np.argsort(key, kind="stable")
        kinds, starts = np.unique(key[order], return_index=True)
        for kind, places in zip(kinds, np.split(order, starts[1:]), strict=True):
            weights = self.base * self.taste[kind // 2]
            sums = np.cumsum(weights * self.hunger if kind % 2 else weights)
            found = np.searchsorted(sums, rng.random(len(places)) * sums[-1], side="right")
            customer[places] = self.people[np.minimum(found, len(sums) - 1)]
        return customer


def brand_taste(market: Market) -> np.ndarray:
    """Affinity to a brand's category times taste for the brand, shape (brands, customers)."""
    category = np.zeros(market.shoppers.taste.shape[1], dtype=int)
    category[market.catalogue.group] = market.catalogue.category
    return np.ascontiguousarray((market.shoppers.affinity[:, category] * market.shoppers.taste).T)


def draw_lines(rng: np.random.Generator, market: Market, history: History) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(lines, views): sales to customers and sampled page views.

    lines: customer, week, product (indices), quantity, discount (share off the shelf price), channel ("" = organic).
    """
    catalogue, taste = market.catalogue, brand_taste(market)
    views_mean = EVENT_SAMPLE * 7 * catalogue.sessions[:, None] * history.season * np.exp(history.xi)
    views = rng.poisson(views_mean * (history.units.sum(axis=1, keepdims=True) > 0))
    lines, seen = [], []
    for week in range(WEEKS):
        buyers = Buyers(rng, market.shoppers, week, taste)
        product, quantity = _split(rng, history.units[:, week].astype(int), catalogue.quantity)
        cut = history.discount[product, week]
        customer = buyers.pick(rng, catalogue.group[product], cut > 0)
        lines.append((product, quantity, customer, np.full(len(product), week), cut))
        looked = np.repeat(np.arange(len(views)), views[:, week])
        viewer = buyers.pick(rng, catalogue.group[looked], np.zeros(len(looked), bool))
        seen.append((looked, viewer, np.full(len(looked), week)))
    names = ("product", "quantity", "customer", "week", "discount")
    organic = pd.DataFrame(dict(zip(names, map(np.concatenate, zip(*lines, strict=True)), strict=True)))
    browsed = dict(zip(("product", "customer", "week"), map(np.concatenate, zip(*seen, strict=True)), strict=True))
    sold = pd.concat([organic.assign(channel=""), _campaign_lines(rng, market, history)], ignore_index=True)
    return sold, pd.DataFrame(browsed)


def _split(rng: np.random.Generator, units: np.ndarray, quantity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Units of each product as order lines of one or more (mean `quantity`): (product, quantity) of each line."""
    count = np.where(units > 0, np.maximum(rng.binomial(units, 1 / quantity), 1), 0)
    product = np.repeat(np.arange(len(units)), count)
    amount = np.ones(len(product), dtype=int)
    extra = np.repeat(np.arange(len(units)), units - count)
    first = np.concatenate([[0], np.cumsum(count)[:-1]])
    np.add.at(amount, first[extra] + (rng.random(len(extra)) * count[extra]).astype(int), 1)
    return product, amount


def _campaign_lines(rng: np.random.Generator, market: Market, history: History) -> pd.DataFrame:
    """The extra sales of campaigns as lines of members of their audience as it stood in the campaign's first week."""
    shoppers, parts = market.shoppers, []
    by_id = {campaign["campaign_id"]: campaign["strategy"] for campaign in history.campaigns}
    for campaign_id, rows in history.campaign_units.groupby("campaign_id", sort=True):
        strategy = by_id[campaign_id]
        weeks, units = rows["week"].to_numpy(), rows["units"].to_numpy()
        members = shoppers.members(strategy.audience, HISTORY_DAYS - 7 * int(weeks.min()) - 7)
        for week in np.unique(weeks):
            here = weeks == week
            product = np.repeat(rows["product"].to_numpy()[here], units[here])
            channel = np.repeat(rows["channel"].to_numpy(dtype=object)[here], units[here])
            affinity = shoppers.affinity[:, market.catalogue.category[product[0]]]
            sums = np.cumsum((active(shoppers, week) + 0.15) * members * affinity)
            found = np.searchsorted(sums, rng.random(len(product)) * sums[-1], side="right")
            cut = np.maximum(history.discount[product, week], strategy.discount)
            parts.append((product, found.clip(max=len(sums) - 1), np.full(len(product), week), cut, channel))
    names = ("product", "customer", "week", "discount", "channel")
    columns = dict(zip(names, map(np.concatenate, zip(*parts, strict=True)), strict=True))
    return pd.DataFrame(columns).assign(quantity=1)


def date_trips(rng: np.random.Generator, market: Market, rows: pd.DataFrame) -> np.ndarray:
    """Day (0 = the first of the history) of each row: one day per customer and week, never before the account."""
    n = len(market.shoppers.created)
    weekday = rng.choice(7, (n, WEEKS), p=np.array([13, 13, 13, 14, 15, 16, 16]) / 100).astype(np.int16)
    customer, week = rows["customer"].to_numpy(), rows["week"].to_numpy()
    born = HISTORY_DAYS - 1 - np.floor(market.shoppers.created[customer])
    return np.clip(np.maximum(7 * week + weekday[customer, week], born), 0, HISTORY_DAYS - 1).astype(int)


def make_orders(
    rng: np.random.Generator, market: Market, history: History, lines: pd.DataFrame, pseudonyms: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables `orders` and `order_lines`. lines: as of `draw_lines`, with `day`. About 11 % are sent back."""
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
    order_lines = pd.DataFrame(
        {
            "order_id": order_id[number],
            "line": line,
            "product_id": np.array(market.catalogue.ids, dtype=object)[product],
            "quantity": quantity,
            "unit_price": paid,
        }
    )
    head = lines[first]
    n, customer = len(head), head["customer"].to_numpy()
    from_campaign = lines.groupby(number)["channel"].max().to_numpy()
    organic = rng.choice(_ORGANIC, n, p=[0.34, 0.36, 0.12, 0.08, 0.07, 0.03])
    returned = np.bincount(number, weights=market.catalogue.returns[product]) / np.bincount(number)
    fate = rng.random(n)
    status = np.where(fate < returned, "refunded", np.where(fate > 0.988, "cancelled", "paid"))
    orders = pd.DataFrame(
        {
            "order_id": order_id,
            "customer_id": pseudonyms[customer],
            "ordered_at": clock(rng, history, head["day"].to_numpy()),
            "status": status,
            "total": np.round(np.bincount(number, weights=paid * quantity), 2),
            "discount": np.round(np.bincount(number, weights=(shelf - paid) * quantity), 2),
            "channel": np.where(from_campaign != "", from_campaign, organic),
            "country": np.array(COUNTRIES)[market.shoppers.country[customer]],
        }
    )
    return orders, order_lines


def clock(rng: np.random.Generator, history: History, day: np.ndarray) -> np.ndarray:
    """Timestamps (seconds) on days of the history, at plausible hours of the day."""
    hour = rng.choice(24, len(day), p=_HOURS / _HOURS.sum())
    seconds = day.astype(np.int64) * 86_400 + hour * 3_600 + rng.integers(0, 3_600, len(day))
    return np.datetime64(history.begin, "s") + seconds.astype("timedelta64[s]")


def make_events(
    rng: np.random.Generator,
    market: Market,
    history: History,
    views: pd.DataFrame,
    lines: pd.DataFrame,
    pseudonyms: np.ndarray,
) -> pd.DataFrame:
    """The table `events`: sampled views, a cart after 11 % of them, searches; the same before purchases."""
    ids, n = np.array(market.catalogue.ids, dtype=object), len(views)
    happened = clock(rng, history, date_trips(rng, market, views))
    cart, search = rng.random(n) < CART_RATE, rng.random(n) < 0.08
    bought = lines[rng.random(len(lines)) < EVENT_SAMPLE]
    stamp = clock(rng, history, bought["day"].to_numpy())
    queries = _queries(market)
    wording = queries[views["product"].to_numpy()[search], rng.integers(0, queries.shape[1], int(search.sum()))]
    table = [
        ("view", views["customer"], views["product"], happened),
        ("cart", views["customer"][cart], views["product"][cart], happened[cart] + np.timedelta64(95, "s")),
        ("view", bought["customer"], bought["product"], stamp - np.timedelta64(900, "s")),
        ("cart", bought["customer"], bought["product"], stamp - np.timedelta64(240, "s")),
    ]
    frames = [
        pd.DataFrame(
            {
                "customer_id": pseudonyms[who.to_numpy()],
                "happened_at": when,
                "kind": kind,
                "product_id": ids[what.to_numpy()],
            }
        )
        for kind, who, what, when in table
    ]
    frames.append(
        pd.DataFrame(
            {
                "customer_id": pseudonyms[views["customer"].to_numpy()[search]],
                "kind": "search",
                "query": wording,
                "happened_at": happened[search] - np.timedelta64(40, "s"),
            }
        )
    )
    return pd.concat(frames, ignore_index=True).sort_values(
        ["happened_at", "customer_id", "kind"], kind="stable", ignore_index=True
    )


def _queries(market: Market) -> np.ndarray:
    """What people type when they look for a product, shape (products, 3): its name, its brand, its category."""
    catalogue = market.catalogue
    return np.array(
        [
            (name.lower(), f"{brand.lower()} {catalogue.categories[place].name}", catalogue.categories[place].name)
            for name, brand, place in zip(catalogue.names, catalogue.brands, catalogue.category, strict=True)
        ],
        dtype=object,
    )
