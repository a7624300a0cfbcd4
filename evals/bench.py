"""What an area of the suite `models` returns: rows that set one of our models beside its rivals, and how they print.

A row holds one measure on one data set. A rival is what a good practitioner would use instead, measured in the same run on
the same split. The verdict comes from the paired difference to the best rival: its 95 % interval, not the two values.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from statsmodels.stats.proportion import proportion_confint


@dataclass(frozen=True)
class Score:
    """`value` of the one called `name`, with its 95 % interval where it has one."""

    name: str
    value: float
    low: float | None = None
    high: float | None = None

    def text(self) -> str:
        figure = f"{self.value:,.4g}"
        return figure if self.low is None else f"{figure} ({self.low:,.4g} to {self.high:,.4g})"


@dataclass(frozen=True)
class Row:
    """One measure. `difference`: ours minus the best rival, paired. `floor`: what noise alone gives, or the limit, in words.

    `goal`: a published or agreed figure to reach (same unit; None: only to be compared). `note`: one sentence, or nothing."""

    area: str
    data: str
    measure: str
    better: Literal["higher", "lower"]
    ours: Score
    rivals: list[Score]
    difference: Score | None = None
    floor: str = ""
    goal: float | None = None
    cases: int = 0
    note: str = ""

    @property
    def best(self) -> Score | None:
        pick = max if self.better == "higher" else min
        return pick(self.rivals, key=lambda one: one.value) if self.rivals else None

    @property
    def verdict(self) -> str:
        """wins | level | loses by the paired difference, and whether the goal is met."""
        words = []
        if self.difference is not None and self.difference.low is not None and self.difference.high is not None:
            low, high = self.difference.low, self.difference.high
            up = self.better == "higher"
            words.append("wins" if (low > 0 if up else high < 0) else "loses" if (high < 0 if up else low > 0) else "level")
        if self.goal is not None:
            met = self.ours.value >= self.goal if self.better == "higher" else self.ours.value <= self.goal
            words.append(f"{'meets' if met else 'misses'} {self.goal:,.4g}")
        return ", ".join(words)

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self) | {"verdict": self.verdict}

    @staticmethod
    def from_json(row: dict[str, Any]) -> Row:
        row = {name: value for name, value in row.items() if name != "verdict"}
        return Row(**row | {"ours": Score(**row["ours"]), "rivals": [Score(**one) for one in row["rivals"]],
                            "difference": Score(**row["difference"]) if row["difference"] else None})  # fmt: skip


@dataclass
class Area:
    """What `run(folder, limit, seed, progress)` of a module evals/models_<name>.py returns."""

    rows: list[Row]
    notes: list[str] = field(default_factory=list)  # Markdown lines: calibration, time splits, what the tool does with it


def share(right: Sequence[bool | int]) -> list[float]:
    """[share, low, high, n] of true values, with Wilson's 95 % interval; 0, 0 to 1, of none."""
    low, high = proportion_confint(sum(right), len(right), method="wilson") if len(right) else (0.0, 1.0)
    return [sum(right) / max(len(right), 1), max(float(low), 0.0), min(float(high), 1.0), len(right)]


def bootstrap(values: np.ndarray, *, clusters: np.ndarray | None = None, draws: int = 2000, seed: int = 0) -> tuple[float, float, float]:
    """Mean of (n,) values and its 95 % percentile interval; whole clusters are drawn where cases belong together."""
    values = np.asarray(values, float)
    rng = np.random.default_rng(seed)
    labels, place = np.unique(np.arange(len(values)) if clusters is None else clusters, return_inverse=True)
    sums, sizes = np.bincount(place, values), np.bincount(place).astype(float)
    means = []
    for _ in range(draws):
        pick = rng.integers(0, len(labels), len(labels))
        means.append(sums[pick].sum() / sizes[pick].sum())
    low, high = np.quantile(means, [0.025, 0.975])
    return float(values.mean()), float(low), float(high)


def paired(name: str, ours: np.ndarray, rival: np.ndarray, **options: Any) -> Score:
    """Ours minus `rival`, case by case, with a bootstrap interval."""
    return Score(name, *bootstrap(np.asarray(ours, float) - np.asarray(rival, float), **options))


def table(rows: list[Row]) -> list[str]:
    """Markdown: a line a row, the best rival beside ours; every other rival in a list below it."""
    lines = ["| area | data | measure | ours | best rival | difference | floor or limit | verdict |",
             "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows:
        arrow = "↑" if row.better == "higher" else "↓"
        best = f"{row.best.name} {row.best.text()}" if row.best else ""
        gap = row.difference.text() if row.difference else ""
        cells = [row.area, row.data, f"{row.measure} {arrow}", f"{row.ours.name} {row.ours.text()}", best, gap, row.floor, row.verdict]
        lines.append("| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |")
    lines += ["", "All rivals:", ""]
    for row in rows:
        others = "; ".join(f"{one.name} {one.text()}" for one in row.rivals)
        lines.append(f"- {row.area}, {row.data}, {row.measure}: {others or 'none'}." + (f" {row.note}" if row.note else ""))
    return lines
