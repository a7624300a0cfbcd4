"""Search for good strategies: in the generator's latent space, under the lower bound of the forecast.

Sample latents, decode, repair to the brief, score; resample around the elite (cross-entropy method, Rubinstein 1999, with
antithetic normals); polish the best by single-field moves; pick diverse winners. Deterministic for (data, brief, seed).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaignwright.market.words import ANGLES, CHANNELS, OFFERS, Brief, Strategy
from campaignwright.models.budget import sensible_minimum
from campaignwright.models.forecast import Forecaster
from campaignwright.models.strategy_fields import (
    DISCOUNT_SCALE,
    NONE,
    OBJECTIVE_INDEX,
    PERCENT,
    PRICED,
    condition_of,
    tokens_of,
)
from campaignwright.models.strategy_space import Batch, K, concat, objects, one_category
from campaignwright.models.strategy_threads import one_thread
from campaignwright.models.strategy_vae import LATENT, StrategyGenerator

FIRST, ROUND, ROUNDS, ELITE = 192, 64, 8, 20
DEEPEST = 0.3  # discount when the brief states no limit
POLISHED = 4


@dataclass
class Found:
    """Best first. `feasible`: the ROAS asked for is reached (median); `evaluated`: strategies priced; `gain`: best score
    against the median first sample; `cells`: unrepaired samples that already kept the brief, 0-1."""

    strategies: list[Strategy]
    scores: list[float]
    feasible: list[bool]
    evaluated: int
    kept_brief: float


@one_thread()
def best_strategies(generator: StrategyGenerator, forecaster: Forecaster, brief: Brief, options: list[tuple[str, ...]], *,
                    n: int = 3, diversity: float = 0.3, seed: int = 0) -> Found:
    """The `n` best strategies for `brief`, whose `start`, `budget` and `days` must be set. `options`: product sets to choose from.

    `diversity` 0-1: how far apart they must be.
    """
    search = _Search(generator, forecaster, brief, options, np.random.default_rng([seed, 23]))
    pool, score = search.run()
    order = search.rank(pool, score)
    chosen = diverse(pool, order, n, diversity)
    roas = search.roas[chosen]
    reached = np.ones(len(chosen), bool) if brief.min_roas is None else roas >= brief.min_roas
    strategies = [pool.strategy(int(i)) for i in chosen]
    return Found(strategies, [float(score[i]) for i in chosen], reached.tolist(), search.evaluated, search.kept)


class _Search:
    """State of one search: the brief as arrays, and everything evaluated so far."""

    def __init__(self, generator: StrategyGenerator, forecaster: Forecaster, brief: Brief, options: list[tuple[str, ...]],
                 rng: np.random.Generator) -> None:
        self.generator, self.forecaster, self.brief, self.rng = generator, forecaster, brief, rng
        self.options = options or [()]
        self.categories = [one_category(option, forecaster.categories) for option in self.options]
        self.deepest = DEEPEST if brief.max_discount is None else brief.max_discount
        self.stated = np.array([channel in brief.channels for channel in CHANNELS])
        reach = forecaster.shop.reach(brief.audience)
        self.allowed = self.stated if self.stated.any() else self._worth_trying(reach)
        self.least = self._least()
        self.evaluated, self.kept = 0, 0.0
        self.roas = np.zeros(0)

    def _worth_trying(self, reach: np.ndarray) -> np.ndarray:
        """Channels the copilot may choose: those with results of their own and someone to reach; all when none has."""
        known = (self.forecaster.response.stages["ctr"].counts > 0) & (reach > 0)
        return known if known.any() else reach > 0

    def _least(self) -> np.ndarray:
        """Least share of every channel that the marketer named, float[8] (see `sensible_minimum`)."""
        least, budget = np.zeros(K), float(self.brief.budget or 0.0)
        if self.stated.any() and budget > 0:
            sketch = self.template(1, np.zeros(1, int)).with_(shares=self.stated[None] / self.stated.sum(), frequency=np.full(1, 2.0))
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
            products=objects([self.options[i] for i in option]), shares=np.zeros((n, K)), discount=np.zeros(n),
            offer=np.zeros(n, int), days=np.full(n, float(brief.days)), hour=np.zeros(n, int), frequency=np.ones(n),
            angle=np.zeros(n, int), budget=np.full(n, float(brief.budget or 0.0)),
            start=np.full(n, np.datetime64(brief.start, "D")))

    def decoded(self, z: np.ndarray, option: np.ndarray, *, sample: bool) -> Batch:
        """Strategies of latents, repaired to the brief. `sample`: draw categories instead of taking the likeliest."""
        batch = self.template(len(z), option)
        goal = np.full(len(z), OBJECTIVE_INDEX[self.brief.objective])
        out = self.generator.decode(z, condition_of(batch, goal, self.generator.levels))
        noise = {name: self.rng.gumbel(size=out[name].shape) if sample else 0.0 for name in ("offer", "hour", "angle")}
        present = 1 / (1 + np.exp(-out["present"]))
        chosen = present > (self.rng.random(present.shape) if sample else 0.5)
        shares = np.exp(out["share"] - out["share"].max(axis=1, keepdims=True)) * np.where(chosen, 1.0, 1e-6)
        raw = batch.with_(
            shares=shares / shares.sum(axis=1, keepdims=True), offer=(out["offer"] + noise["offer"]).argmax(axis=1),
            discount=out["depth"][:, 0] * DISCOUNT_SCALE, hour=(out["hour"] + noise["hour"]).argmax(axis=1),
            frequency=np.exp(np.clip(out["often"][:, 0], -2, 1.5)) * 2.0,
            angle=(out["angle"] + noise["angle"]).argmax(axis=1))
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
            shares = np.where(shares >= 0.03 * shares.max(axis=1, keepdims=True), shares, 0.0)
        shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1e-12)
        if self.stated.any():
            shares = np.where(self.stated, self.least + (1 - self.least.sum()) * shares, 0.0)
        offer, depth = batch.offer.copy(), np.round(np.clip(batch.discount, 0.0, self.deepest), 2)
        depth = np.where(depth > self.deepest, np.floor(self.deepest * 100) / 100, depth)
        if self.deepest < 0.01:
            offer[:] = NONE
        depth = np.where(PRICED[offer], depth, 0.0)
        offer = np.where(PRICED[offer] & (depth < 0.01), NONE, offer)
        depth = np.where(offer == NONE, 0.0, depth)
        shares = np.round(shares, 4)
        top = shares.argmax(axis=1)
        shares[np.arange(len(shares)), top] += 1 - shares.sum(axis=1)
        frequency = np.clip(np.round(batch.frequency * 2) / 2, 0.5, 5.0)
        return batch.with_(shares=shares if (self.brief.budget or 0) > 0 else np.zeros_like(shares), offer=offer,
                           discount=depth, hour=np.clip(batch.hour, 7, 22), frequency=frequency)

    def price(self, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
        """(score, median ROAS) of repaired strategies."""
        self.evaluated += len(batch)
        return self.forecaster.score(batch, self.brief.objective)

    def penalised(self, score: np.ndarray, roas: np.ndarray) -> np.ndarray:
        """Score with the ROAS floor as a ramp: below it only the way towards it counts."""
        if self.brief.min_roas is None:
            return score
        spread = np.abs(score).max() + 1.0
        return np.where(roas >= self.brief.min_roas, score, -2 * spread + spread * roas / max(self.brief.min_roas, 1e-9))

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
            z, option, self.roas = np.vstack([z, fresh]), np.concatenate([option, chosen]), np.concatenate([self.roas, ratio])
        return self._polish(pool, score)

    def rank(self, pool: Batch, score: np.ndarray) -> np.ndarray:
        """Indices, best first."""
        return np.argsort(-self.penalised(score, self.roas), kind="stable")

    def _polish(self, pool: Batch, score: np.ndarray) -> tuple[Batch, np.ndarray]:
        """Two sweeps of single-field moves around a few distant leaders."""
        for _ in range(3):
            leaders = diverse(pool, self.rank(pool, score), POLISHED, 0.4)
            moves = self.repair(concat([self._moves(pool.take(np.array([i]))) for i in leaders]))
            value, ratio = self.price(moves)
            pool, score = concat([pool, moves]), np.concatenate([score, value])
            self.roas = np.concatenate([self.roas, ratio])
        return pool, score

    def _moves(self, one: Batch) -> Batch:
        """Neighbours of one strategy: each changes one field (or moves money between two channels)."""
        free = np.flatnonzero(self.allowed)
        shares = []
        for a in free:
            for b in free:
                if a != b and one.shares[0, a] > 0:
                    for part in (0.25, 0.6):
                        moved = one.shares[0].copy()
                        moved[b] += part * moved[a]
                        moved[a] *= 1 - part
                        shares.append(moved)
        depths = [d for d in (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, self.deepest) if d <= self.deepest]
        near = [one.discount[0] + step for step in (-0.02, 0.02)]
        hours, often = range(8, 22, 2), (0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
        offers = [o for o in range(len(OFFERS)) if self.deepest >= 0.01 or o == NONE]
        parts = [one]
        if shares and one.budget[0] > 0:
            parts.append(self._varied(one, len(shares), shares=np.array(shares)))
        priced = one.offer[0] if PRICED[one.offer[0]] else PERCENT
        parts.append(self._varied(one, len(depths) + 2, discount=np.array([*depths, *near]),
                                  offer=np.full(len(depths) + 2, priced)))
        parts.append(self._varied(one, len(hours), hour=np.array(hours)))
        parts.append(self._varied(one, len(often), frequency=np.array(often)))
        parts.append(self._varied(one, len(ANGLES), angle=np.arange(len(ANGLES))))
        parts.append(self._varied(one, len(offers), offer=np.array(offers),
                                  discount=np.full(len(offers), one.discount[0] or min(0.1, self.deepest))))
        return concat(parts)

    @staticmethod
    def _varied(one: Batch, n: int, **fields: np.ndarray) -> Batch:
        return one.take(np.zeros(n, int)).with_(**fields)


def features(batch: Batch) -> np.ndarray:
    """Strategies as points for measuring distance, float[n, p]: shares, discount, offer, angle, hour, frequency."""
    tokens = tokens_of(batch)
    names = [np.asarray(batch.category == name, float) for name in sorted({str(c) for c in batch.category})]
    return np.column_stack([tokens.share, tokens.depth * 0.5, np.eye(len(OFFERS))[batch.offer] * 0.4,
                            np.eye(len(ANGLES))[batch.angle] * 0.4, batch.hour / 24.0, tokens.often * 0.3, *names])


def diverse(pool: Batch, order: np.ndarray, n: int, diversity: float) -> np.ndarray:
    """`n` indices, best first, each at least `diversity` (0-1) from the ones before; the gap shrinks when too few are left."""
    points, gap = features(pool.take(order[:400])), 0.8 * diversity
    chosen: list[int] = []
    while len(chosen) < min(n, len(order)):
        for i in range(len(points)):
            if len(chosen) >= n:
                break
            if i not in chosen and (not chosen or np.linalg.norm(points[chosen] - points[i], axis=1).min() > gap):
                chosen.append(i)
        if gap < 1e-6:
            break
        gap = gap / 2 if gap > 0.02 else -1.0
    return order[np.array(sorted(chosen[:n]))]
