"""Design matrices of campaign x channel rows for the shrunk rate models: channel levels, then campaign effects."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaignwright.market.words import ANGLES, OFFERS
from campaignwright.models import response_priors as prior
from campaignwright.models.strategy_space import Batch, K

COVARIATES = ("weight", "price", "season")  # see Shop.covariates
Block = tuple[np.ndarray, np.ndarray]
IDS = (0, 1, 2)  # columns of `Features.plain` that are ids: channel, audience, category


@dataclass(frozen=True)
class Features:
    """`audiences`, `categories`: the levels seen in the past; unseen ones have no effect. `last`: the latest start.

    Columns are in `names`.
    """

    audiences: tuple[str, ...]
    categories: tuple[str, ...]
    last: str

    @classmethod
    def of(cls, batch: Batch) -> Features:
        """Levels of the past campaigns."""
        last = str(batch.start.max()) if len(batch) else "2020-01-01"
        return cls(
            tuple(sorted({str(a) for a in batch.audience})), tuple(sorted({str(c) for c in batch.category})), last
        )

    @property
    def names(self) -> list[str]:
        """One name per column."""
        shared = [f"audience={a}" for a in self.audiences] + [f"category={c}" for c in self.categories]
        shared += [f"offer={o}" for o in OFFERS] + [f"angle={a}" for a in ANGLES]
        shared += [
            "season_sin",
            "season_cos",
            "season_sin2",
            "season_cos2",
            "log_days",
            "hour_sin",
            "hour_cos",
            "trend",
            "discount",
            *COVARIATES,
        ]
        owned = ["log_frequency", "frequency", "owned:trend", *[f"owned:{name}" for name in COVARIATES]] + [
            f"owned:audience={a}" for a in self.audiences
        ]
        apart = [f"angle={a}" for a in ANGLES] + ["hour_sin", "hour_cos"]
        return [f"level={c}" for c in range(K)] + shared + owned + [f"{c}:{name}" for c in range(K) for name in apart]

    @property
    def shared(self) -> int:
        """Number of columns that act on every channel alike, right after the channel levels."""
        return len(self.audiences) + len(self.categories) + len(OFFERS) + len(ANGLES) + 9 + len(COVARIATES)

    def levels(self) -> np.ndarray:
        """bool[p]: the columns whose prior width is not scaled (channel levels, depth of discount, covariates)."""
        return np.array([name.startswith("level=") or name in ("discount", *COVARIATES) for name in self.names])

    def blocks(self, batch: Batch, covariates: np.ndarray) -> list[Block]:
        """For each channel the columns that can differ from zero, int[q], and their values, float[n, q].

        `covariates` float[n, 3] from `Shop.covariates`."""
        n = len(batch)
        turn = 2 * np.pi * ((batch.start - batch.start.astype("datetime64[Y]")).astype(float) + batch.days / 2) / 365.25
        clock = 2 * np.pi * batch.hour / 24.0
        hour = np.column_stack([np.sin(clock), np.cos(clock)])
        angle = np.eye(len(ANGLES))[batch.angle]
        audience = _one_hot(batch.audience, self.audiences)
        years = (batch.start - np.datetime64(self.last)).astype(float) / 365.25
        trend = np.clip(years, -3.0, 0.25)
        shared = np.column_stack(
            [
                audience,
                _one_hot(batch.category, self.categories),
                np.eye(len(OFFERS))[batch.offer],
                angle,
                np.sin(turn),
                np.cos(turn),
                np.sin(2 * turn),
                np.cos(2 * turn),
                np.log(np.maximum(batch.days, 1) / 14.0),
                hour,
                trend,
                batch.discount,
                covariates,
            ]
        )
        often = np.clip(batch.frequency, 0.25, 14)
        own = np.column_stack([np.log(often / 2.0), often - 2.0, trend, covariates, audience])
        apart = np.column_stack([angle, hour])
        a, b, wide, one = K + shared.shape[1], K + shared.shape[1] + own.shape[1], apart.shape[1], np.ones((n, 1))
        found = []
        for c in range(K):
            columns = [np.array([c]), np.arange(K, b if prior.OWNED[c] else a), np.arange(b + c * wide, b + (c + 1) * wide)]
            found.append((np.concatenate(columns), np.hstack([one, shared, *([own] if prior.OWNED[c] else []), apart])))
        return found

    def matrix(self, batch: Batch, covariates: np.ndarray) -> np.ndarray:
        """float[n, 8, p]: the same, one row per strategy and channel with every column."""
        design = np.zeros((len(batch), K, len(self.names)))
        for c, (columns, values) in enumerate(self.blocks(batch, covariates)):
            design[:, c, columns] = values
        return design

    def plain(self, batch: Batch, covariates: np.ndarray) -> np.ndarray:
        """float[n, 8, 14]: the same strategies uncrossed, for the learners of `response_learners`; ids in columns `IDS`."""
        turn = 2 * np.pi * ((batch.start - batch.start.astype("datetime64[Y]")).astype(float) + batch.days / 2) / 365.25
        own = np.column_stack([_code(batch.audience, self.audiences), _code(batch.category, self.categories), batch.offer, batch.angle,
                               np.sin(turn), np.cos(turn), batch.days, batch.hour, batch.discount, covariates,
                               np.clip(batch.frequency, 0.25, 14)])  # fmt: skip
        rows = np.empty((len(batch), K, 1 + own.shape[1]))
        rows[:, :, 0], rows[:, :, 1:] = np.arange(K), own[:, None, :]
        return rows


def _code(values: np.ndarray, levels: tuple[str, ...]) -> np.ndarray:
    """Place of each value among the levels, float[n]; -1 where it was not seen."""
    place = {level: float(i) for i, level in enumerate(levels)}
    return np.array([place.get(str(value), -1.0) for value in values])


def _one_hot(values: np.ndarray, levels: tuple[str, ...]) -> np.ndarray:
    """float[n, levels]; an unseen value is a row of zeros."""
    return np.array([values == level for level in levels], float).reshape(len(levels), len(values)).T
