"""What the forecast needs to know of the shop: prices, margins, elasticity per product set; reach per audience.

Thin, cached views over PriceModel and AudienceModel; where one of them cannot be fitted, stated assumptions stand in
and `notes` carry their codes. Nothing is fitted here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from campaignwright.market.words import CHANNELS
from campaignwright.market.workspace import Workspace
from campaignwright.models import response_priors as prior
from campaignwright.models import store
from campaignwright.models.audience import AudienceModel
from campaignwright.models.forecast_season import fit_season
from campaignwright.models.pricing import PRIOR_MEAN, PRIOR_SD, PriceModel
from campaignwright.models.strategy_space import Batch


@dataclass
class Economics:
    """Of one product set: `aov` money an order at full price, `cost_ratio` unit cost / price, elasticity."""

    aov: float
    aov_sd: float  # sd of its log: 0 when orders were seen
    cost_ratio: float
    cost_known: bool
    elasticity: float
    elasticity_sd: float
    price: float = 0.0  # of a unit, 0 when unknown


@dataclass
class Shop:
    """Cached facts of one workspace. `notes`: codes of the assumptions that were needed."""

    workspace: Workspace
    seed: int = 0
    notes: set[str] = field(default_factory=set)
    _economics: dict[tuple, Economics] = field(default_factory=dict)
    _reach: dict[str, np.ndarray] = field(default_factory=dict)
    _weight: dict[tuple, float] = field(default_factory=dict)
    _level: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prices = self._model(PriceModel)
        self.people = self._model(AudienceModel)
        self.season = fit_season(self.workspace)
        self.returned = self._returned()
        self.scale = prior.money_scale(self.workspace.currency)

    def _returned(self) -> float | None:
        """Part of the money ordered that was refunded or cancelled, 0-0.5; None without orders; unpaid orders are left out."""
        share = self.workspace.scalar(
            """SELECT coalesce(sum(abs(total)) FILTER (WHERE coalesce(status, 'paid') <> 'paid'), 0) / nullif(sum(abs(total)), 0)
               FROM orders WHERE coalesce(status, 'paid') <> 'pending'"""
        )
        return None if share is None else float(min(share, 0.5))

    def _model(self, cls: type) -> object | None:
        try:
            return store.get(self.workspace, cls, seed=self.seed)
        except store.MissingTable:
            return None

    def economics(self, products: tuple[str, ...]) -> Economics:
        """Economics of the product set (empty = the whole shop); unknown ids are left out."""
        if products not in self._economics:
            self._economics[products] = self._work_out(products)
        return self._economics[products]

    def _work_out(self, products: tuple[str, ...]) -> Economics:
        assumed = prior.ORDER_VALUE * prior.money_scale(self.workspace.currency)
        if self.prices is None:
            return Economics(assumed, prior.ORDER_VALUE_SD, 1 - prior.MARGIN, False, PRIOR_MEAN, PRIOR_SD)
        known = [product for product in products if product in self.prices.table.index]
        facts = self.prices.economics(known)
        elasticity = float(np.log(self.prices.demand_multiplier(known, 0.2)) / np.log(0.8))
        spread = (
            float(np.mean([self.prices.elasticity(product)[1] for product in known[:50]])) if known else PRIOR_SD / 2
        )
        ratio = facts["cost"] / facts["price"] if facts["cost_known"] and facts["price"] else 1 - prior.MARGIN
        aov, aov_sd = (facts["aov"], 0.0) if facts["aov"] else (assumed, prior.ORDER_VALUE_SD)
        return Economics(
            float(aov),
            aov_sd,
            float(ratio),
            bool(facts["cost_known"]),
            elasticity,
            spread,
            float(facts["price"] or 0.0),
        )

    def table(self, batch: Batch) -> np.ndarray:
        """float[n, 6]: aov, aov_sd, cost_ratio, cost_known, elasticity, elasticity_sd of every strategy's products."""
        rows = {key: self.economics(key) for key in set(batch.products)}
        listed = {
            key: (e.aov, e.aov_sd, e.cost_ratio, float(e.cost_known), e.elasticity, e.elasticity_sd)
            for key, e in rows.items()
        }
        return np.array([listed[key] for key in batch.products]).reshape(-1, 6)

    def order_level(self, audience: str) -> float:
        """Money an order of the audience against that of all buyers, 1/3 to 3; 1 where either is unknown."""
        if audience not in self._level:
            level = 1.0
            if self.people is not None and audience in self.people.names():
                own, whole = self.people.profile(audience)["aov"], self.people.profile("all")["aov"]
                level = float(np.clip(own / whole, 1 / 3, 3)) if own and whole else 1.0
            self._level[audience] = level
        return self._level[audience]

    def usual_hour(self, audience: str) -> int | None:
        """The hour in which the audience orders most, 7-22, where no past campaign says when it was sent; else None."""
        recorded = self.workspace.scalar("SELECT count(*) FROM campaigns WHERE send_hour IS NOT NULL")
        if recorded or self.people is None or audience not in self.people.names():
            return None
        hour = self.people.profile(audience)["send_hour"]
        return None if hour is None else int(np.clip(hour, 7, 22))

    def weight(self, products: tuple[str, ...]) -> float:
        """The product set's part of past sales, 0.002-1; 1 for the whole shop or when nothing was sold."""
        if products not in self._weight:
            share = 1.0
            if products and self.prices is not None and self.prices.table["orders"].clip(lower=0).sum() > 0:
                sold = self.prices.table["orders"].clip(lower=0)
                share = float(sold.reindex([p for p in products if p in sold.index]).sum() / sold.sum())
            self._weight[products] = float(np.clip(share, 0.002, 1.0))
        return self._weight[products]

    def units(self, batch: Batch) -> np.ndarray:
        """Size of the market that money meets, float[n, 8]: curves are homogeneous in it.

        Owned channels: messages a day that can be sent. Paid ones: square root of the products' part of sales (demand
        for a choice of products grows more slowly than the choice). 1 where nothing is known.
        """
        paid = np.sqrt([self.weight(key) for key in batch.products])
        sends = self.cap(batch) / np.maximum(batch.days, 1)[:, None]
        return np.where(prior.OWNED[None, :] & np.isfinite(sends), np.maximum(sends, 1e-3), paid[:, None])

    def covariates(self, batch: Batch) -> np.ndarray:
        """float[n, 3]: log part of sales (about 0 for a tenth), log price against the shop's, log season index."""
        key = (batch.products, batch.category, batch.start, batch.days)
        rows = list(zip(*key, strict=True))
        known = {row: self._covariates(*row) for row in set(rows)}
        return np.array([known[row] for row in rows]).reshape(-1, 3)

    def _covariates(self, products: tuple[str, ...], category: str, start: np.datetime64, days: float) -> tuple:
        level = 0.0
        if products and self.prices is not None:
            whole, part = self.economics(()).price, self.economics(products).price
            level = float(np.log(part / whole)) if whole and part else 0.0
        return (
            np.log(self.weight(products) / 0.1),
            np.clip(level, -2, 2),
            self.season.log_index(category, start, days),
        )

    def knows_reach(self) -> bool:
        """Whether customers are known, so that owned channels are counted in messages."""
        return self.people is not None

    def reach(self, audience: str) -> np.ndarray:
        """People that one message on each channel can reach, float[8]; inf on paid ones and where nobody is known."""
        if audience not in self._reach:
            people = np.full(len(CHANNELS), np.inf)
            if self.people is not None:
                name = audience if audience in self.people.names() else "all"
                size = self.people.size(name)
                share = [self.people.reachable(name, c) if prior.OWNED[i] else np.inf for i, c in enumerate(CHANNELS)]
                people = np.array([size * s if np.isfinite(s) else np.inf for s in share])
            self._reach[audience] = people
        return self._reach[audience]

    def cap(self, batch: Batch) -> np.ndarray:
        """Most messages a strategy can send on each channel: reach x weekly frequency x weeks, as the calendar plans them;
        float[n, 8]."""
        people = np.array([self.reach(str(name)) for name in batch.audience]).reshape(-1, len(CHANNELS))
        sends = np.maximum(batch.frequency * np.maximum(batch.days, 1) / 7.0, 0.0)
        return np.where(np.isfinite(people), people * sends[:, None], np.inf)


def demand_multiplier(economics: np.ndarray, discount: np.ndarray) -> np.ndarray:
    """(1 - d) ** elasticity, float[n]; `economics` from `Shop.table`."""
    return (1.0 - np.clip(discount, 0, 0.9)) ** economics[:, 4]
