"""Columns that are ids, as numbers a model can learn from: how often a level was seen, and what happened there.

The mean of a level is shrunk to the overall mean by `WEIGHT` rows (Micci-Barreca 2001). On the rows that are learnt from,
a row never sees itself: its counts leave it out, its means come from the other parts of the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

WEIGHT = 20.0  # rows that the overall mean counts for in a level's mean
PARTS = 4


@dataclass
class Encoder:
    """What is known of each level of each id column: `levels` (sorted), `counts`, `means`, one array a column."""

    ids: tuple[int, ...]
    levels: list[np.ndarray]
    counts: list[np.ndarray]
    means: list[np.ndarray]
    overall: float

    @classmethod
    def fit(cls, x: np.ndarray, y: np.ndarray, ids: tuple[int, ...], seed: int = 0) -> tuple[Encoder, np.ndarray]:
        """The encoder, and the rows it was made from, encoded: x float[n, p], y float[n] -> float[n, p + 2 ids]."""
        found = cls(tuple(ids), [], [], [], float(y.mean()))
        part = np.random.default_rng(seed).integers(0, PARTS, len(y))
        counts, means = [], []
        for column in ids:
            levels, place, count = np.unique(x[:, column], return_inverse=True, return_counts=True)
            total, own = np.bincount(place, y), np.empty(len(y))
            for one in range(PARTS):
                here = place[part == one]
                left = count - np.bincount(here, minlength=len(levels))
                rest = total - np.bincount(here, y[part == one], minlength=len(levels))
                own[part == one] = found._shrunk(rest, left)[here]
            found.levels.append(levels)
            found.counts.append(count.astype(float))
            found.means.append(found._shrunk(total, count))
            counts.append(count[place] - 1.0)
            means.append(own)
        return found, np.column_stack([x, *counts, *means])

    def _shrunk(self, total: np.ndarray, count: np.ndarray) -> np.ndarray:
        return (total + WEIGHT * self.overall) / (count + WEIGHT)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """New rows, float[n, p] -> float[n, p + 2 ids]; a level that was not seen has count 0 and the overall mean."""
        counts, means = [], []
        for column, levels, count, mean in zip(self.ids, self.levels, self.counts, self.means, strict=True):
            place = pd.Index(levels).get_indexer(x[:, column])  # -1, the last entry below, where it was not seen
            counts.append(np.append(count, 0.0)[place])
            means.append(np.append(mean, self.overall)[place])
        return np.column_stack([x, *counts, *means])

    def arrays(self) -> dict[str, np.ndarray]:
        """For safetensors; `of` is the inverse."""
        saved = {"ids": np.array(self.ids, np.int64), "overall": np.array([self.overall])}
        for i, column in enumerate(self.ids):
            saved |= {f"levels{column}": self.levels[i], f"counts{column}": self.counts[i], f"means{column}": self.means[i]}
        return saved

    @classmethod
    def of(cls, saved: dict[str, np.ndarray]) -> Encoder:
        ids = tuple(int(column) for column in saved["ids"])
        names = ("levels", "counts", "means")
        return cls(ids, *([saved[f"{name}{column}"] for column in ids] for name in names), overall=float(saved["overall"][0]))
