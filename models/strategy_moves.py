"""Moves around a strategy, and how far strategies are apart: the small parts of the search."""

from __future__ import annotations

import numpy as np

from campaignwright.market.words import ANGLES, OFFERS
from campaignwright.models.strategy_fields import NONE, PERCENT, PRICED, tokens_of
from campaignwright.models.strategy_space import Batch, concat

DEPTHS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3)


def neighbours(one: Batch, allowed: np.ndarray, deepest: float) -> Batch:
    """A strategy and its neighbours: each changes one field, or moves money between two channels.

    `allowed` bool[8]: channels that may get money; `deepest`: largest discount. Repair is the caller's.
    """
    shares = []
    for a in np.flatnonzero(allowed & (one.shares[0] > 0)):
        for b in np.flatnonzero(allowed):
            for part in (0.25, 0.6) if a != b else ():
                moved = one.shares[0].copy()
                moved[b] += part * moved[a]
                moved[a] *= 1 - part
                shares.append(moved)
    depths = [*[d for d in DEPTHS if d < deepest], deepest, *(one.discount[0] + np.array([-0.02, 0.02]))]
    offers = [o for o in range(len(OFFERS)) if deepest >= 0.01 or o == NONE]
    priced = one.offer[0] if PRICED[one.offer[0]] else PERCENT
    hours, often = np.arange(8, 22, 2), np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
    parts = [one]
    if shares and one.budget[0] > 0:
        parts.append(_varied(one, shares=np.array(shares)))
    parts.append(_varied(one, discount=np.array(depths), offer=np.full(len(depths), priced)))
    parts += [_varied(one, hour=hours), _varied(one, frequency=often), _varied(one, angle=np.arange(len(ANGLES)))]
    depth = one.discount[0] or min(0.1, deepest)
    parts.append(_varied(one, offer=np.array(offers), discount=np.full(len(offers), depth)))
    return concat(parts)


def _varied(one: Batch, **fields: np.ndarray) -> Batch:
    """Copies of one strategy with the given fields."""
    return one.take(np.zeros(len(next(iter(fields.values()))), int)).with_(**fields)


def features(batch: Batch) -> np.ndarray:
    """Strategies as points for measuring distance, float[n, p]: shares, discount, offer, angle, hour, frequency."""
    tokens = tokens_of(batch)
    names = [np.asarray(batch.category == name, float) for name in sorted({str(c) for c in batch.category})]
    return np.column_stack(
        [
            tokens.share,
            tokens.depth * 0.5,
            np.eye(len(OFFERS))[batch.offer] * 0.4,
            np.eye(len(ANGLES))[batch.angle] * 0.4,
            batch.hour / 24.0,
            tokens.often * 0.3,
            *names,
        ]
    )


def diverse(pool: Batch, order: np.ndarray, n: int, diversity: float) -> np.ndarray:
    """`n` indices, best first, each `diversity` (0-1) away from the ones before; less when too few are left."""
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
