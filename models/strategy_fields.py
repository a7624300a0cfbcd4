"""A strategy as tokens of mixed type: what the generator's encoder attends over and its decoder gives back.

Free fields: presence and share of eight channels, discount, offer, send hour, weekly frequency, angle. The brief
(objective, audience, category, budget, season, days) is the condition. Nothing is learned here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaignwright.market.words import ANGLES, AUDIENCES, OBJECTIVES, OFFERS
from campaignwright.models.strategy_space import PRICED_OFFERS, Batch, K

PRICED = np.array([offer in PRICED_OFFERS for offer in OFFERS])
NONE, PERCENT, AMOUNT = (OFFERS.index(offer) for offer in ("none", "percent_off", "amount_off"))
DISCOUNT_SCALE = 0.15
STARTS = 0.02  # a share below this is no presence


@dataclass(frozen=True)
class Levels:
    """Vocabularies of the condition; index 0 stands for anything unseen."""

    audiences: tuple[str, ...] = AUDIENCES
    categories: tuple[str, ...] = ()
    budget: float = 1000.0  # median budget a campaign: log budgets are relative to it

    def index(self, values: np.ndarray, known: tuple[str, ...]) -> np.ndarray:
        """int[n]: 1 + position in `known`, 0 if unseen."""
        place = {value: i + 1 for i, value in enumerate(known)}
        return np.array([place.get(str(value), 0) for value in values], int)


@dataclass
class Tokens:
    """Arrays of n strategies. `present` 0/1 [n, 8], `share` [n, 8], `depth` [n] (discount / 0.15), `often` [n] (log of
    frequency / 2), `offer`, `hour`, `angle` int [n]."""

    present: np.ndarray
    share: np.ndarray
    depth: np.ndarray
    often: np.ndarray
    offer: np.ndarray
    hour: np.ndarray
    angle: np.ndarray

    def take(self, index: np.ndarray) -> Tokens:
        """The strategies at `index`."""
        return Tokens(**{name: getattr(self, name)[index] for name in self.__dataclass_fields__})


@dataclass
class Condition:
    """What the brief fixes. `words` int[n, 3]: objective, audience, category; `numbers` float[n, 4]: log budget, season
    (sine, cosine), log days."""

    words: np.ndarray
    numbers: np.ndarray

    def take(self, index: np.ndarray) -> Condition:
        """The rows at `index`."""
        return Condition(self.words[index], self.numbers[index])


def tokens_of(batch: Batch) -> Tokens:
    """Fields of a batch."""
    present = (batch.shares >= STARTS).astype(float)
    kept = batch.shares * present
    total = kept.sum(axis=1, keepdims=True)
    return Tokens(
        present,
        np.divide(kept, total, out=np.zeros_like(kept), where=total > 0),
        batch.discount / DISCOUNT_SCALE,
        np.log(np.clip(batch.frequency, 0.25, 14) / 2.0),
        batch.offer.copy(),
        batch.hour.copy(),
        batch.angle.copy(),
    )


def condition_of(batch: Batch, objective: np.ndarray, levels: Levels) -> Condition:
    """Condition of a batch; `objective` int[n] into OBJECTIVES."""
    turn = 2 * np.pi * (batch.start - batch.start.astype("datetime64[Y]")).astype(float) / 365.25
    words = np.column_stack(
        [objective, levels.index(batch.audience, levels.audiences), levels.index(batch.category, levels.categories)]
    )
    numbers = np.column_stack(
        [
            np.log(np.maximum(batch.budget, 1.0) / levels.budget),
            np.sin(turn),
            np.cos(turn),
            np.log(np.maximum(batch.days, 1) / 14.0),
        ]
    )
    return Condition(words.astype(int), numbers.astype(np.float32))


def decoded_plans(out: dict[str, np.ndarray], template: Batch, rng: np.random.Generator | None = None) -> Batch:
    """`template` with the free fields that the decoder's outputs say (see `StrategyGenerator.decode`), not repaired.

    `rng`: draw channels, offer, hour and angle; without one, the likeliest are taken."""
    noise = {name: rng.gumbel(size=out[name].shape) if rng else 0.0 for name in ("offer", "hour", "angle")}
    present = 1 / (1 + np.exp(-out["present"]))
    chosen = present > (rng.random(present.shape) if rng else 0.5)
    shares = np.exp(out["share"] - out["share"].max(axis=1, keepdims=True)) * np.where(chosen, 1.0, 1e-6)
    return template.with_(
        shares=shares / shares.sum(axis=1, keepdims=True),
        offer=(out["offer"] + noise["offer"]).argmax(axis=1),
        discount=out["depth"][:, 0] * DISCOUNT_SCALE,
        hour=(out["hour"] + noise["hour"]).argmax(axis=1),
        frequency=np.exp(np.clip(out["often"][:, 0], -2, 1.5)) * 2.0,
        angle=(out["angle"] + noise["angle"]).argmax(axis=1),
    )


def prior_sample(n: int, rng: np.random.Generator, template: Batch) -> Batch:
    """n strategies of plain marketing sense, for a shop with hardly any past: two to four channels, Dirichlet shares,
    half of them with 5-30 % off. Audience, products, budget and dates are drawn from `template`'s rows."""
    rows = template.take(rng.integers(0, len(template), n))
    chosen = np.argsort(rng.random((n, K)), axis=1).argsort(axis=1) < rng.integers(2, 5, n)[:, None]
    shares = rng.gamma(1.5, 1.0, (n, K)) * chosen
    priced = rng.random(n) < 0.5
    offer = np.where(priced, rng.choice(np.flatnonzero(PRICED), n), rng.choice(np.flatnonzero(~PRICED), n))
    return rows.with_(
        shares=shares / shares.sum(axis=1, keepdims=True),
        offer=offer,
        discount=np.where(priced, rng.choice([0.05, 0.1, 0.15, 0.2, 0.25, 0.3], n), 0.0),
        hour=np.clip(np.round(rng.normal(13, 4, n)), 7, 22).astype(int),
        frequency=np.clip(np.exp(rng.normal(np.log(1.8), 0.4, n)), 0.5, 7),
        angle=rng.integers(0, len(ANGLES), n),
    )


def perturbed(batch: Batch, copies: int, rng: np.random.Generator) -> tuple[Batch, np.ndarray]:
    """`copies` variations of every strategy that answer the same brief, and the row each came from, int[n * copies]."""
    source = np.repeat(np.arange(len(batch)), copies)
    rows, n = batch.take(source), len(source)
    shares = rows.shares * np.exp(rng.normal(0, 0.35, (n, K)))
    moved = rng.random((n, K)) < 0.06
    shares = np.where(moved, np.where(shares > 0, 0.0, rng.uniform(0.05, 0.4, (n, K))), shares)
    empty = shares.sum(axis=1) <= 0
    shares[empty] = rows.shares[empty] + 1e-9
    offer = np.where(rng.random(n) < 0.15, rng.integers(0, len(OFFERS), n), rows.offer)
    depth = np.clip(np.where(rows.discount > 0, rows.discount, 0.1) + rng.normal(0, 0.04, n), 0.0, 0.6)
    return rows.with_(
        shares=shares / shares.sum(axis=1, keepdims=True),
        offer=offer,
        discount=np.where(PRICED[offer], depth, 0.0),
        hour=np.clip(rows.hour + rng.integers(-2, 3, n), 0, 23),
        frequency=np.clip(rows.frequency * np.exp(rng.normal(0, 0.25, n)), 0.25, 7),
        angle=np.where(rng.random(n) < 0.2, rng.integers(0, len(ANGLES), n), rows.angle),
    ), source


OBJECTIVE_INDEX = {name: i for i, name in enumerate(OBJECTIVES)}
