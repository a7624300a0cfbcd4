"""Paired worlds for the area `strategy`: a simulated market, one brief, and a log of what its managers did with that brief.

A world is cheap: a small product set and only the tables that the forecast of a campaign needs. The truth (`World.value`) is
the market's expected profit; the log holds noisy reports of plans made by habit. Every method sees the same log.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from campaignwright.market.sim_history import WEEKS, draw_shocks
from campaignwright.market.sim_managers import decide
from campaignwright.market.sim_results import CAMPAIGN_LUCK, run_campaigns
from campaignwright.market.sim_shoppers import HISTORY_DAYS
from campaignwright.market.simulator import Market
from campaignwright.market.words import ANGLES, OFFERS, Brief, Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.models.strategy_fields import PRICED, perturbed
from campaignwright.models.strategy_space import Batch, K, batch_of, concat

END = dt.date(2026, 11, 22)
LOGGED = 100  # plans of the log
PRODUCTS = 6  # the largest product set: the truth costs time a product
HOURS, FREQUENCIES = (7, 22), (0.5, 3.0)
CHANNELS_AT_MOST, FEW = 5, 0.04  # a plan that somebody runs
CONTROLS = K + 5  # channels, discount, offer, hour, frequency, angle


@dataclass(eq=False)
class World:
    """`log`: plans of the past for this brief; `seen` float[n]: their profit as reported (noisy); `later`: what the managers
    would run next. Money in USD."""

    seed: int
    market: Market
    brief: Brief
    log: Batch
    seen: np.ndarray
    workspace: Workspace
    later: list[Strategy]

    def value(self, plan: Batch) -> float:
        """Expected profit of a batch of one under the truth."""
        return self.market.expected(plan.strategy(0))["profit"]

    def observed(self, profit: float, rng: np.random.Generator) -> float:
        """Profit of one run: what campaigns bring before spend has the simulator's luck (lognormal, mean 1)."""
        spend = float(self.brief.budget)
        return (profit + spend) * float(np.exp(rng.normal(0, CAMPAIGN_LUCK) - CAMPAIGN_LUCK**2 / 2)) - spend

    def decode(self, points: np.ndarray) -> Batch:
        """Plans of vectors in the unit box, [n, 13]: a channel below 0.5 gets nothing; categories are equal bins."""
        points = np.clip(np.asarray(points, float), 0.0, 1.0)
        n = len(points)
        amounts = np.maximum(points[:, :K] - 0.5, 0.0)
        amounts[np.arange(n), points[:, :K].argmax(axis=1)] += 1e-3
        offer = np.minimum((points[:, K + 1] * len(OFFERS)).astype(int), len(OFFERS) - 1)
        depth = np.where(PRICED[offer], points[:, K] * self.brief.max_discount, 0.0)
        return self.log.take(np.zeros(n, int)).with_(
            shares=amounts / amounts.sum(axis=1, keepdims=True),
            discount=depth,
            offer=offer,
            hour=np.round(HOURS[0] + points[:, K + 2] * (HOURS[1] - HOURS[0])).astype(int),
            frequency=FREQUENCIES[0] + points[:, K + 3] * (FREQUENCIES[1] - FREQUENCIES[0]),
            angle=np.minimum((points[:, K + 4] * len(ANGLES)).astype(int), len(ANGLES) - 1),
        )

    def encode(self, batch: Batch) -> np.ndarray:
        """Vectors in the unit box that `decode` makes plans like these of, [n, 13]."""
        top = batch.shares.max(axis=1, keepdims=True)
        return np.clip(np.column_stack([
            np.where(batch.shares > 0, 0.5 + 0.5 * batch.shares / top, 0.25),
            batch.discount / self.brief.max_discount,
            (batch.offer + 0.5) / len(OFFERS),
            (batch.hour - HOURS[0]) / (HOURS[1] - HOURS[0]),
            (batch.frequency - FREQUENCIES[0]) / (FREQUENCIES[1] - FREQUENCIES[0]),
            (batch.angle + 0.5) / len(ANGLES),
        ]), 0.0, 1.0)  # fmt: skip

    def feasible(self, batch: Batch) -> np.ndarray:
        """bool[n]: at most five channels, none with a sliver below 4 %, discount within the brief and only where it is one."""
        used = batch.shares > 0.001
        channels = (used.sum(axis=1) <= CHANNELS_AT_MOST) & ~(used & (batch.shares < FEW - 1e-3)).any(axis=1)
        priced = PRICED[batch.offer]
        depth = (batch.discount >= 0) & (batch.discount <= self.brief.max_discount + 1e-3) & (priced | (batch.discount < 0.005))
        return channels & depth & (batch.frequency >= FREQUENCIES[0] - 1e-3) & (batch.frequency <= FREQUENCIES[1] + 1e-3)

    def repair(self, batch: Batch) -> Batch:
        """The nearest plans that keep the rules of `feasible`."""
        rank = np.argsort(np.argsort(-batch.shares, axis=1, kind="stable"), axis=1, kind="stable")
        shares = np.where((rank < CHANNELS_AT_MOST) & (batch.shares >= FEW), np.maximum(batch.shares, 0.0), 0.0)
        empty = shares.sum(axis=1) <= 0
        shares[empty, batch.shares[empty].argmax(axis=1)] = 1.0
        depth = np.where(PRICED[batch.offer], np.clip(batch.discount, 0.0, self.brief.max_discount), 0.0)
        return batch.with_(
            shares=shares / shares.sum(axis=1, keepdims=True), discount=depth,
            hour=np.clip(np.round(batch.hour), *HOURS).astype(int), frequency=np.clip(batch.frequency, *FREQUENCIES),
        )  # fmt: skip

    def usual(self) -> Batch:
        """The default plan: the managers' mean shares, median discount, hour and frequency, commonest angle."""
        log, commonest = self.log, np.bincount(self.log.angle).argmax()
        depth = round(float(np.median(log.discount)), 2)
        return self.repair(log.take(np.zeros(1, int)).with_(
            shares=log.shares.mean(axis=0, keepdims=True), discount=np.full(1, depth),
            offer=np.full(1, OFFERS.index("percent_off" if depth else "none")), angle=np.full(1, commonest),
            hour=np.full(1, int(np.median(log.hour))), frequency=np.full(1, float(np.median(log.frequency))),
        ))  # fmt: skip

    def best(self, rng: np.random.Generator, rounds: int = 20, each: int = 40) -> tuple[Batch, float]:
        """The best plan, and its expected profit, that a long search with the truth finds: an evolution of varied elites."""
        pool = concat([self.log, self.usual()])
        worth = np.array([self.value(pool.take(np.array([i]))) for i in range(len(pool))])
        for _ in range(rounds):
            elite = np.argsort(-worth)[:8]
            copies, _ = perturbed(pool.take(elite), each // len(elite), rng)
            fresh = self.repair(copies)
            pool, worth = concat([pool, fresh]), np.append(worth, [self.value(fresh.take(np.array([i]))) for i in range(len(fresh))])
        return pool.take(worth.argmax(keepdims=True)), float(worth.max())


def _brief(market: Market, rng: np.random.Generator) -> Brief:
    catalogue = market.catalogue
    old = np.flatnonzero(catalogue.launched > 200)
    place = catalogue.category[int(rng.choice(old))]
    few = old[catalogue.category[old] == place]
    few = few[np.argsort(-catalogue.sessions[few], kind="stable")][:PRODUCTS]
    return Brief(
        objective="profit", products=[catalogue.ids[i] for i in few], product_names=[catalogue.categories[place].name],
        budget=float(rng.choice([4000, 6000, 9000])), start=END + dt.timedelta(8), days=14, max_discount=float(rng.choice([0.2, 0.3])),
    )  # fmt: skip


@contextmanager
def world(seed: int, *, logged: int = LOGGED, spread: bool = False) -> Iterator[World]:
    """The world of `seed`; its workspace lives in a temporary folder while the block runs.

    `logged`: plans of the log, at most 150, the rest are `World.later`. `spread`: the log keeps its dates (two years of
    seasons and demand shocks); else all of it ran when the brief starts, without shocks, as if the past were corrected for both.
    """
    market, rng = Market.draw(seed), np.random.default_rng([seed, 61])
    brief = _brief(market, rng)
    xi = np.zeros((len(market.catalogue.ids), WEEKS))
    begin = brief.start - dt.timedelta(7)
    if spread:
        xi, begin = draw_shocks(rng, market), END - dt.timedelta(HISTORY_DAYS - 1)
    campaigns = [_put(one, brief, one["strategy"].start if spread else brief.start) for one in decide(rng, market, END, xi)]
    first = rng.permutation(len(campaigns))[:logged] if spread else np.arange(logged)
    later = [campaigns[i]["strategy"] for i in np.setdiff1d(np.arange(len(campaigns)), first)]
    campaigns = [campaigns[i] for i in np.sort(first)]
    results, _ = run_campaigns(rng, market, campaigns, begin, xi)
    sums = results.groupby("campaign_id")["revenue"].sum()
    seen = np.array([reported(market, one["strategy"], float(sums[one["campaign_id"]])) for one in campaigns])
    log = batch_of([one["strategy"] for one in campaigns], dict.fromkeys(brief.products, brief.product_names[0]))
    with TemporaryDirectory() as folder, Workspace.open(Path(folder) / "shop", create=True) as workspace:
        with workspace.transaction():
            workspace.insert("products", _products(market, brief))
            add_campaigns(workspace, campaigns, results)
        workspace.set(name="Simulated shop", currency="USD")
        yield World(seed, market, brief, log, seen, workspace, later)


def _put(campaign: dict, brief: Brief, start: dt.date) -> dict:
    """A manager's plan put to the brief: habits kept, what the brief fixes replaced."""
    old: Strategy = campaign["strategy"]
    fixed = {"audience": brief.audience, "products": brief.products, "days": brief.days, "budget": brief.budget, "start": start,
             "discount": min(old.discount, brief.max_discount), "weekly_frequency": min(old.weekly_frequency, FREQUENCIES[1]),
             "send_hour": int(np.clip(old.send_hour, *HOURS))}  # fmt: skip
    return campaign | {"strategy": old.model_copy(update=fixed), "objective": brief.objective, "category": brief.product_names[0]}


def reported(market: Market, strategy: Strategy, revenue: float) -> float:
    """Profit that the books show for `revenue` reported: margin and offer costs in the proportion of the truth."""
    truth = market.expected(strategy)
    return (truth["profit"] + truth["spend"]) * revenue / max(truth["revenue"], 1e-9) - truth["spend"]


def _products(market: Market, brief: Brief) -> pd.DataFrame:
    catalogue = market.catalogue
    index = catalogue.index(brief.products)
    return pd.DataFrame({"product_id": brief.products, "name": [catalogue.names[i] for i in index], "category": brief.product_names[0],
                         "price": catalogue.price[index], "cost": catalogue.cost[index]})  # fmt: skip


def add_campaigns(workspace: Workspace, campaigns: list[dict], results: pd.DataFrame) -> None:
    """Campaigns as `decide` makes them, with their results, into the workspace."""
    rows = []
    for one in campaigns:
        fields = one["strategy"].model_dump()
        kept = {key: one[key] for key in ("campaign_id", "name", "objective", "category", "tone", "language")}
        rows.append({**fields, **kept, "shares": json.dumps(fields["shares"]), "source": "simulator"})
    workspace.insert("campaigns", pd.DataFrame(rows))
    workspace.insert("campaign_results", results)
