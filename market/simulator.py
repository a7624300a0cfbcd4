"""A market with a known truth: draw it, then ask what any strategy is expected to bring, exactly.

`Market.draw(seed)` fixes catalogue, shoppers, channels and copy tastes; `expected(strategy)` is a pure function of that
truth and the strategy. Histories drawn from the same equations, with shocks and noise, are `sim_history`'s work. The
equations and their literature ranges are in docs/sources.md, "Simulator"; media response is in `sim_media`, choice in
`sim_demand`.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from campaignwright.market import sim_demand, sim_media
from campaignwright.market.sim_catalogue import Catalogue, draw_catalogue
from campaignwright.market.sim_copy import CopyTruth, draw_copy
from campaignwright.market.sim_media import PAID_POOL, TAIL_DAYS, ChannelTruth
from campaignwright.market.sim_shoppers import PANEL, SEGMENTS, Shoppers, draw_shoppers
from campaignwright.market.words import AUDIENCES, Strategy

_INTEREST = 0.75  # interest in a set of products grows with its share of traffic to this power


@dataclass(frozen=True)
class ChannelResponse:
    """Expected outcome of one channel by day, each array of shape (days,). revenue, spend in USD."""

    impressions: np.ndarray
    clicks: np.ndarray
    orders: np.ndarray
    revenue: np.ndarray
    spend: np.ndarray


@dataclass(frozen=True)
class Response:
    """Expected outcome of a strategy. units: by product of `products` (indices into the catalogue), all channels.

    incremental: share of the orders that would not have come anyway. paid: mean share of the regular price paid.
    """

    channels: dict[str, ChannelResponse]
    products: np.ndarray
    units: np.ndarray
    margin: float
    dip: float
    incremental: float
    paid: float

    def total(self, name: str) -> float:
        """Sum of one quantity over channels and days."""
        return float(sum(getattr(channel, name).sum() for channel in self.channels.values()))


@dataclass(frozen=True)
class Market:
    """The truth of one simulated market; use `Market.draw`. Immutable, and equal for equal seeds."""

    seed: int
    catalogue: Catalogue
    shoppers: Shoppers
    channels: dict[str, ChannelTruth]
    copy: CopyTruth

    @classmethod
    def draw(cls, seed: int = 0) -> Market:
        """The market of `seed`: 240 products, 20,000 shoppers, eight channels."""
        streams = [np.random.default_rng([seed, number]) for number in range(4)]
        catalogue = draw_catalogue(streams[0])
        return cls(
            seed, catalogue, draw_shoppers(streams[1]), sim_media.draw_channels(streams[2]), draw_copy(streams[3])
        )

    @cached_property
    def panels(self) -> dict[str, np.ndarray]:
        """For each audience, the shoppers (indices, at most 256) that stand for it in every expectation."""
        rng = np.random.default_rng([self.seed, 9])
        chosen = {}
        for audience in (*AUDIENCES, "regular"):
            members = np.flatnonzero(self.shoppers.members(audience))
            chosen[audience] = np.sort(rng.choice(members, min(PANEL, len(members)), replace=False))
        return chosen

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Members of each audience."""
        return {audience: int(self.shoppers.members(audience).sum()) for audience in self.panels}

    @cached_property
    def _reach(self) -> dict[tuple[str, str], float]:
        """Members of (audience, owned channel) that may be written to."""
        owned = self.shoppers.opt_in
        return {
            (audience, channel): float((self.shoppers.members(audience) & owned[channel]).sum())
            for audience in self.panels
            for channel in owned
        }

    def expected(self, strategy: Strategy) -> dict[str, float]:
        """What `strategy` brings on average, over all channels; a pure function of the truth and the strategy.

        impressions, clicks, orders, revenue (USD, as reports attribute it), spend, profit (margin of those orders less
        returns, offer costs, forward buying and spend), roas, conversion, incremental_orders, incremental_revenue,
        incremental_profit (against doing nothing: orders that would have come anyway at full price are taken off).
        Raises ValueError on an unknown product, audience or channel.
        """
        response = self.respond(strategy)
        totals = {name: response.total(name) for name in ("impressions", "clicks", "orders", "revenue", "spend")}
        kept, lost = response.incremental, 1 - response.incremental
        subsidy = lost * response.margin + lost * totals["revenue"] * (1 / response.paid - 1)
        profit = response.margin - response.dip - totals["spend"]
        result = {
            **totals,
            "profit": profit,
            "roas": totals["revenue"] / totals["spend"] if totals["spend"] else 0.0,
            "conversion": totals["orders"] / totals["clicks"] if totals["clicks"] else 0.0,
            "incremental_orders": kept * totals["orders"],
            "incremental_revenue": kept * totals["revenue"],
            "incremental_profit": profit - subsidy,
        }
        return {name: float(value) for name, value in result.items()}

    def by_channel(self, strategy: Strategy) -> dict[str, dict[str, float]]:
        """The same totals for each channel: impressions, clicks, orders, revenue, spend."""
        names = ("impressions", "clicks", "orders", "revenue", "spend")
        return {
            channel: {name: float(getattr(response, name).sum()) for name in names}
            for channel, response in self.respond(strategy).channels.items()
        }

    def respond(self, strategy: Strategy, *, xi: np.ndarray | float = 0.0) -> Response:
        """Expected response by channel and day. `xi`: log demand shock, a number or one a day, shape (days,)."""
        if strategy.audience not in self.panels:
            raise ValueError(
                f"audience: {strategy.audience!r} is unknown to the market; use one of {', '.join(AUDIENCES)}."
            )
        products = self.catalogue.index(strategy.products)
        clicks = self._clicks(strategy, products, xi)
        choices = {owned: self._choice(strategy, products, owned) for owned in (True, False)}
        channels, units, kept, margin = {}, np.zeros(len(products)), 0.0, 0.0
        orders_total = promoted = paid = 0.0
        worth = self.shoppers.basket[self.panels[strategy.audience]]
        for channel, (impressions, visits, spend) in clicks.items():
            truth = self.channels[channel]
            choice = choices[truth.owned]
            probability = choice.probability(truth.intent)
            visit = (self.catalogue, products, worth, choice, probability, strategy.offer)
            orders = visits * probability.sum(axis=1).mean()
            sold, value, plain = sim_demand.basket(*visit)
            channels[channel] = ChannelResponse(impressions, visits, orders, visits * value, spend)
            units += visits.sum() * sold
            kept += orders.sum() * truth.incremental
            margin += visits.sum() * sim_demand.margin(*visit)
            promoted += visits.sum() * (value - plain)
            paid += visits.sum() * (probability * choice.paid).sum(axis=1).mean()
            orders_total += orders.sum()
        response = Response(
            channels,
            products,
            units,
            margin,
            0.0,
            kept / orders_total if orders_total else 0.0,
            paid / orders_total if orders_total else 1.0,
        )
        return self._settle(response, strategy, max(promoted, 0.0))

    def _choice(self, strategy: Strategy, products: np.ndarray, owned: bool) -> sim_demand.Choice:
        """What a visitor of the audience does; on owned channels the mailing itself persuades."""
        return sim_demand.choose(
            self.catalogue,
            self.shoppers,
            self.panels[strategy.audience],
            products,
            discount=strategy.discount,
            offer=strategy.offer,
            days=strategy.days,
            mail=sim_media.fatigue(strategy.weekly_frequency, 5.0) if owned else 0.0,
            copy=0.5 * self.angle_fit(strategy.angle, products, strategy.audience),
        )

    def angle_fit(self, angle: str, products: np.ndarray, audience: str) -> float:
        """Copy score of an angle for these products and this audience, in logs of the click rate."""
        share = np.bincount(self.catalogue.category[products], weights=self.catalogue.sessions[products], minlength=8)
        return self.copy.angle_fit(angle, share / share.sum(), audience)

    def _clicks(self, strategy: Strategy, products: np.ndarray, xi: np.ndarray | float) -> dict[str, tuple]:
        """Per funded channel: impressions, visits and spend by day; what comes after the last day counts on it.

        Traffic is interest x season x trend x exp(sum beta_c h_c); its gain over no campaign is split by beta_c h_c.
        """
        days = strategy.days
        dates = [strategy.start + dt.timedelta(day) for day in range(days + TAIL_DAYS)]
        shop = self.catalogue.sessions.sum()
        interest = shop * (self.catalogue.sessions[products].sum() / shop) ** _INTEREST
        rhythm = self._rhythm(products, dates) * sim_media.trend(strategy.start)
        rhythm = rhythm * np.exp(np.pad(np.broadcast_to(xi, days), (0, TAIL_DAYS), mode="edge"))
        push, rates, spends = {}, {}, {}
        for channel, share in strategy.shares.items():
            if channel not in self.channels:
                raise ValueError(
                    f"shares: {channel!r} is no channel of this market; use one of {', '.join(self.channels)}."
                )
            daily = np.zeros(days + TAIL_DAYS)
            daily[:days] = spends[channel] = np.full(days, share * strategy.budget / days)
            push[channel], rates[channel] = self._push(channel, daily, strategy, products, interest)
        summed = sum(push.values(), np.zeros(days + TAIL_DAYS))
        gain = np.divide(np.expm1(summed), summed, out=np.ones_like(summed), where=summed > 1e-12)
        result = {}
        for channel, amount in push.items():
            visits = _fold(interest * rhythm * gain * amount, days)
            result[channel] = (visits / rates[channel], visits, spends[channel])
        return result

    def _push(
        self, channel: str, daily: np.ndarray, strategy: Strategy, products: np.ndarray, interest: float
    ) -> tuple[np.ndarray, float]:
        """beta_c h_c by day for `daily` USD on a channel, and the click rate an impression."""
        truth = self.channels[channel]
        appeal = np.exp(self.angle_fit(strategy.angle, products, strategy.audience))
        appeal *= sim_media.hour_effect(strategy.send_hour, truth.hour)
        drift = np.exp(truth.drift * sim_media.years_since_epoch(strategy.start))
        kept = sim_media.adstock(daily, truth.theta) * (1 - truth.theta)
        if truth.owned:
            messages = self._reach[strategy.audience, channel] * strategy.weekly_frequency / 7
            rate = truth.ctr * appeal * sim_media.fatigue(strategy.weekly_frequency, truth.peak) * np.e**0.5
            beta, scale = messages * rate / interest, truth.cost * messages
        else:
            value = float(np.average(self.catalogue.price[products], weights=self.catalogue.sessions[products]))
            rate, pool = truth.ctr * appeal, PAID_POOL[strategy.audience]
            beta = truth.beta * pool * appeal
            scale = truth.cost * (value / 100) ** 0.7 * truth.beta * pool * interest / truth.kappa / 2
        return beta * sim_media.hill(kept, truth.kappa * scale * drift, truth.slope), float(rate)

    def sending_cost(self, audience: str, channel: str, frequency: float, days: int) -> float:
        """USD of writing `frequency` times a week to all of an audience who may be written to; 0 on paid channels."""
        truth = self.channels[channel]
        return truth.cost * self._reach[audience, channel] * frequency * days / 7 if truth.owned else 0.0

    def _rhythm(self, products: np.ndarray, dates: list[dt.date]) -> np.ndarray:
        """Season of a set of products by day: the mean of their categories', weighted by sessions."""
        share = np.bincount(self.catalogue.category[products], weights=self.catalogue.sessions[products], minlength=8)
        active = np.flatnonzero(share)
        waves = np.array([sim_media.season(self.catalogue.categories[place], dates) for place in active])
        return (share[active] / share.sum()) @ waves

    def _settle(self, response: Response, strategy: Strategy, promoted: float) -> Response:
        """Cap sales at stock (sales = min(demand, stock)) and charge forward buying on what the promotion added.

        `promoted` USD of the revenue is due to discount and offer; the dip takes DIP_SHARE of its margin.
        """
        weekly = self.catalogue.sessions * self.catalogue.odds * self.catalogue.quantity * 7
        weeks = strategy.days / 7
        free = weekly[response.products] * np.maximum(
            self.catalogue.cover[response.products] - 0.5 * weeks, 1.0 + 0.5 * weeks
        )
        sold = np.minimum(response.units, free)
        price = self.catalogue.price[response.products]
        served = float((sold * price).sum() / (response.units * price).sum()) if response.units.any() else 1.0
        revenue = response.total("revenue")
        channels = {
            name: replace(channel, orders=channel.orders * served, revenue=channel.revenue * served)
            for name, channel in response.channels.items()
        }
        forward = sim_demand.DIP_SHARE * promoted / revenue * max(response.margin, 0.0) if revenue else 0.0
        return replace(response, channels=channels, units=sold, margin=response.margin * served, dip=forward * served)

    def elasticity(self, product_id: str) -> float:
        """True own-price elasticity at the regular price (negative), of organic demand over all shoppers."""
        place = self.catalogue.index([product_id])
        panel = self.panels["all"]
        choice = sim_demand.choose(self.catalogue, self.shoppers, panel, place, discount=0, offer="none", days=7)
        chance = choice.probability()[:, 0]
        slope = self.shoppers.price[panel] * self.catalogue.sensitivity[place]
        return float(-(slope * chance * (1 - chance)).sum() / chance.sum())

    def segment_shares(self, audience: str, ago: float = 0.0) -> dict[str, float]:
        """How an audience splits into new, loyal, lapsed and regular customers, weighted by their odds; sums to 1."""
        members = self.shoppers.members(audience, ago)
        weight = np.exp(self.shoppers.gamma) * members
        parts = {segment: float((weight * self.shoppers.members(segment, ago)).sum()) for segment in SEGMENTS}
        total = sum(parts.values())
        return {segment: part / total for segment, part in parts.items()} if total else {"new": 1.0}


def _fold(series: np.ndarray, days: int) -> np.ndarray:
    """Count what comes after the last day on that day: shape (days + tail,) -> (days,)."""
    folded = series[:days].copy()
    folded[-1] += series[days:].sum()
    return folded
