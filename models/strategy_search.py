"""Search for good strategies: in the generator's latent space, under the lower bound of the forecast.

Sample latents, decode, repair to the brief, score; resample around the elite (cross-entropy method, Rubinstein 1999,
antithetic normals); polish the best by the exact budget split and single-field moves; pick diverse winners.
Deterministic for (data, brief, seed).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaignwright.market.words import CHANNELS, Brief, Strategy
from campaignwright.models.budget import sensible_minimum
from campaignwright.models.forecast import SEARCH_DRAWS, Forecaster
from campaignwright.models.forecast_draws import DRAWS
from campaignwright.models.forecast_split import best_split, shares_of
from campaignwright.models.strategy_fields import (
    AMOUNT,
    NONE,
    OBJECTIVE_INDEX,
    PERCENT,
    PRICED,
    condition_of,
    decoded_plans,
)
from campaignwright.models.strategy_moves import diverse, neighbours
from campaignwright.models.strategy_space import Batch, K, concat, objects, one_category
from campaignwright.models.strategy_threads import one_thread
from campaignwright.models.strategy_vae import LATENT, StrategyGenerator

FIRST, ROUND, ROUNDS, ELITE = 192, 64, 8, 20
DEEPEST = 0.3  # discount when the brief states no limit
POLISHED = 4
SPARE = 2  # candidates for each strategy wanted that get the exact split and are priced again, with all draws
NOTICED = 0.05  # nobody advertises a smaller discount
USUAL = 0.002  # in favour of a plain percentage where nothing is known of offers
ALIKE = 1.25  # dearest over cheapest price up to which one flat amount off is offered
OFTEN = 3.0  # most messages a customer a week: what more wears out, a campaign's own results do not show
CHANNELS_AT_MOST, FEW = 5, 0.04  # of the copilot's own choice: more would be a plan nobody runs


@dataclass
class Found:
    """Best first. `feasible`: the ROAS asked for is reached (median); `evaluated`: strategies priced; `kept_brief`:
    part of the first samples that kept the brief before any repair, 0-1."""

    strategies: list[Strategy]
    scores: list[float]
    feasible: list[bool]
    evaluated: int
    kept_brief: float


@one_thread()
def best_strategies(
    generator: StrategyGenerator,
    forecaster: Forecaster,
    brief: Brief,
    options: list[tuple[str, ...]],
    *,
    n: int = 3,
    diversity: float = 0.3,
    seed: int = 0,
) -> Found:
    """The `n` best strategies for `brief`, whose `start`, `budget` and `days` must be set.

    `options`: product sets to choose from. `diversity` 0-1: how far apart they must be.
    """
    search = Search(generator, forecaster, brief, options, np.random.default_rng([seed, 23]))
    pool, score = search.run()
    pool = search.split(pool.take(diverse(pool, search.rank(pool, score), SPARE * n, diversity)))
    score, search.roas = search.price(pool, draws=DRAWS)
    order = diverse(pool, _distinct(pool, search.rank(pool, score)), n, diversity)
    reached = np.ones(len(order), bool) if brief.min_roas is None else search.roas[order] >= brief.min_roas
    strategies = [pool.strategy(int(i)) for i in order]
    return Found(strategies, [float(score[i]) for i in order], reached.tolist(), search.evaluated, search.kept)


def _distinct(pool: Batch, order: np.ndarray) -> np.ndarray:
    """`order` without strategies that stand in it before: the exact budget split can make two the same."""
    first: dict[str, int] = {}
    for i in order:
        first.setdefault(repr(pool.strategy(int(i))), int(i))
    return np.array(list(first.values()))


class Search:
    """State of one search: the brief as arrays, and everything evaluated so far."""

    def __init__(
        self,
        generator: StrategyGenerator,
        forecaster: Forecaster,
        brief: Brief,
        options: list[tuple[str, ...]],
        rng: np.random.Generator,
        smallest: float = NOTICED,
    ) -> None:
        """`smallest`: least discount worth an advertisement, 0 to 1; 0: any is."""
        self.generator, self.forecaster, self.brief, self.rng = generator, forecaster, brief, rng
        self.smallest = smallest
        self.options = options or [()]
        self.categories = [one_category(option, forecaster.categories) for option in self.options]
        self.deepest = DEEPEST if brief.max_discount is None else brief.max_discount
        self.stated = np.array([channel in brief.channels for channel in CHANNELS])
        reach = forecaster.shop.reach(brief.audience)
        self.allowed = self.stated if self.stated.any() else self._worth_trying(reach)
        self.least = self._least()
        self.hour = forecaster.shop.usual_hour(brief.audience)
        self.alike = self._alike()
        self.evaluated, self.kept = 0, 0.0
        self.roas = np.zeros(0)

    def _alike(self) -> bool:
        """Whether the products' prices are close enough for one flat amount to be about the same share of each."""
        model = self.forecaster.shop.prices
        if model is None:
            return False
        prices = model.table["price"].reindex(self.brief.products or model.table.index).dropna()
        return bool(len(prices) and prices.max() <= ALIKE * prices.min())

    def _worth_trying(self, reach: np.ndarray) -> np.ndarray:
        """Channels the copilot may choose: those with results of their own and someone to reach; all when none has."""
        known = (self.forecaster.response.stages["ctr"].counts > 0) & (reach > 0)
        return known if known.any() else reach > 0

    def _least(self) -> np.ndarray:
        """Least share of every channel that the marketer named, float[8] (see `sensible_minimum`)."""
        least, budget = np.zeros(K), float(self.brief.budget or 0.0)
        if self.stated.any() and budget > 0:
            sketch = self.template(1, np.zeros(1, int)).with_(
                shares=self.stated[None] / self.stated.sum(), frequency=np.full(1, 2.0)
            )
            worth, _ = self.forecaster.worth(sketch.strategy(0), self.brief.objective)
            for channel, amount in sensible_minimum(worth, budget, list(dict.fromkeys(self.brief.channels))).items():
                least[CHANNELS.index(channel)] = amount / budget
        return least

    def template(self, n: int, option: np.ndarray) -> Batch:
        """n strategies that carry the brief; the free fields are filled by `repair`. `option` int[n]."""
        brief = self.brief
        return Batch(
            audience=np.array([brief.audience] * n, dtype=object),
            category=np.array([self.categories[i] for i in option], dtype=object),
            products=objects([self.options[i] for i in option]),
            shares=np.zeros((n, K)),
            discount=np.zeros(n),
            offer=np.zeros(n, int),
            days=np.full(n, float(brief.days)),
            hour=np.zeros(n, int),
            frequency=np.ones(n),
            angle=np.zeros(n, int),
            budget=np.full(n, float(brief.budget or 0.0)),
            start=np.full(n, np.datetime64(brief.start, "D")),
        )

    def decoded(self, z: np.ndarray, option: np.ndarray, *, sample: bool) -> Batch:
        """Strategies of latents, repaired to the brief. `sample`: draw categories instead of taking the likeliest."""
        batch = self.template(len(z), option)
        goal = np.full(len(z), OBJECTIVE_INDEX[self.brief.objective])
        out = self.generator.decode(z, condition_of(batch, goal, self.generator.levels))
        raw = decoded_plans(out, batch, self.rng if sample else None)
        if sample and not self.evaluated:
            self.kept = float(np.mean(self.keeps(raw)))
        return self.repair(raw)

    def keeps(self, batch: Batch) -> np.ndarray:
        """bool[n]: channels and discount keep the brief before any repair."""
        used = batch.shares >= 0.02
        right = (used == self.stated).all(axis=1) if self.stated.any() else (used & ~self.allowed).sum(axis=1) == 0
        depth = np.where(PRICED[batch.offer], batch.discount, 0.0)
        return right & (depth <= self.deepest + 1e-9) & (depth >= 0)

    def repair(self, batch: Batch) -> Batch:
        """The nearest strategy that keeps the brief's channels, discount and the fields' own rules."""
        shares = np.where(self.allowed, np.maximum(batch.shares, 0.0), 0.0)
        if self.stated.any():
            shares = np.maximum(shares, np.where(self.stated, 1e-6, 0.0))
        else:
            rank = np.argsort(np.argsort(-shares, axis=1, kind="stable"), axis=1, kind="stable")
            floor = np.maximum(FEW * shares.sum(axis=1, keepdims=True), 1e-12)
            shares = np.where((rank < CHANNELS_AT_MOST) & (shares >= floor), shares, 0.0)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
        if self.stated.any():
            shares = np.where(self.stated, self.least + (1 - self.least.sum()) * shares, 0.0)
        offer = batch.offer.copy() if self.alike else np.where(batch.offer == AMOUNT, PERCENT, batch.offer)
        depth = np.round(np.clip(batch.discount, 0.0, self.deepest), 2)
        depth = np.where(depth > self.deepest, np.floor(self.deepest * 100) / 100, depth)
        if self.deepest >= self.smallest:
            depth = np.where(depth < self.smallest / 2, 0.0, np.maximum(depth, self.smallest))
        if self.deepest < 0.01:
            offer[:] = NONE
        depth = np.where(PRICED[offer], depth, 0.0)
        offer = np.where(PRICED[offer] & (depth < 0.01), NONE, offer)
        depth = np.where(offer == NONE, 0.0, depth)
        shares = np.round(shares, 4)
        top = shares.argmax(axis=1)
        shares[np.arange(len(shares)), top] += 1 - shares.sum(axis=1)
        frequency = np.clip(np.round(batch.frequency * 2) / 2, 0.5, OFTEN)
        return batch.with_(
            shares=shares if (self.brief.budget or 0) > 0 else np.zeros_like(shares),
            offer=offer,
            discount=depth,
            hour=np.clip(batch.hour, 7, 22) if self.hour is None else np.full(len(batch), self.hour),
            frequency=frequency,
        )

    def price(self, batch: Batch, *, draws: int = SEARCH_DRAWS) -> tuple[np.ndarray, np.ndarray]:
        """(score, median ROAS) of repaired strategies; with DRAWS, as `Forecaster.predict` reports them."""
        self.evaluated += len(batch)
        score, roas = self.forecaster.score(batch, self.brief.objective, draws=draws)
        return score + USUAL * np.abs(score) * (batch.offer == PERCENT), roas

    def penalised(self, score: np.ndarray, roas: np.ndarray) -> np.ndarray:
        """Score with the ROAS floor as a ramp: below it only the way towards it counts."""
        if self.brief.min_roas is None:
            return score
        spread = np.abs(score).max() + 1.0
        return np.where(
            roas >= self.brief.min_roas, score, -2 * spread + spread * roas / max(self.brief.min_roas, 1e-9)
        )

    def run(self) -> tuple[Batch, np.ndarray]:
        """All rounds; returns everything worth keeping and its scores (`self.roas` aligned)."""
        option = np.arange(FIRST) % len(self.options)
        half = self.rng.standard_normal((FIRST // 2, LATENT))
        z = np.concatenate([half, -half])
        pool = self.decoded(z, option, sample=True)
        score, self.roas = self.price(pool)
        for _ in range(ROUNDS):
            elite = np.argsort(-self.penalised(score, self.roas), kind="stable")[:ELITE]
            centre, spread = z[elite].mean(axis=0), z[elite].std(axis=0) + 0.15
            parent = elite[self.rng.integers(0, max(ELITE // 3, 1), ROUND)]
            fresh = np.where(self.rng.random((ROUND, 1)) < 0.5, z[parent], centre)
            fresh = fresh + spread * self.rng.standard_normal((ROUND, LATENT)) * 0.7
            chosen = option[parent]
            more = self.decoded(fresh, chosen, sample=bool(self.rng.random() < 0.5))
            value, ratio = self.price(more)
            pool, score = concat([pool, more]), np.concatenate([score, value])
            z, option, self.roas = (
                np.vstack([z, fresh]),
                np.concatenate([option, chosen]),
                np.concatenate([self.roas, ratio]),
            )
        return self._polish(pool, score)

    def rank(self, pool: Batch, score: np.ndarray) -> np.ndarray:
        """Indices, best first."""
        return np.argsort(-self.penalised(score, self.roas), kind="stable")

    def _polish(self, pool: Batch, score: np.ndarray) -> tuple[Batch, np.ndarray]:
        """Sweeps around a few distant leaders: the exact budget split, then single-field moves."""
        for _ in range(3):
            leaders = diverse(pool, self.rank(pool, score), POLISHED, 0.4)
            fair = self.split(pool.take(leaders))
            value, ratio = self.price(fair)
            pool, score = concat([pool, fair]), np.concatenate([score, value])
            self.roas = np.concatenate([self.roas, ratio])
            leaders = diverse(pool, self.rank(pool, score), POLISHED, 0.4)
            moves = self.repair(
                concat([neighbours(pool.take(np.array([i])), self.allowed, self.deepest) for i in leaders])
            )
            value, ratio = self.price(moves)
            pool, score = concat([pool, moves]), np.concatenate([score, value])
            self.roas = np.concatenate([self.roas, ratio])
        return pool, score

    def split(self, batch: Batch) -> Batch:
        """The strategies with the exact budget split over their channels."""
        budget = float(self.brief.budget or 0.0)
        if budget <= 0:
            return batch
        shares = np.zeros_like(batch.shares)
        for i in range(len(batch)):
            strategy = batch.strategy(i)
            spend = best_split(self.forecaster, strategy, self.brief.objective, list(strategy.shares), budget).spend
            for channel, share in shares_of(spend).items():
                shares[i, CHANNELS.index(channel)] = share
        return batch.with_(shares=shares)
