"""Learners of what rows have in common, called in one way: boosted trees (LightGBM), a deep-and-cross network, both blended.

Rows are float[n, p]; columns that are ids are encoded (`response_encode`). `loss` "binary": y is 0 or 1 and `predict` gives
log-odds; "gaussian": y is any number and `predict` gives its mean. Network: two cross layers beside two dense ones (DCN-v2,
Wang et al. 2021) on standardised columns. Which of them is used is for the caller's validation to say.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import lightgbm as lgb
import numpy as np
from safetensors.numpy import load_file, save_file

from campaignwright.models.response_encode import Encoder

Loss = Literal["binary", "gaussian"]
MANY, VERY_MANY = 5000, 20_000  # rows from which larger trees are used, and from which fewer and quicker ones
LARGE = {"num_leaves": 15, "min_data_in_leaf": 50, "feature_fraction_bynode": 0.4, "learning_rate": 0.16}, 42
MEDIUM = {**LARGE[0], "learning_rate": 0.02}, 280
SMALL = {"num_leaves": 7, "min_data_in_leaf": 15, "feature_fraction": 0.6, "lambda_l2": 5.0, "learning_rate": 0.05}, 60
FIXED = {"verbosity": -1, "num_threads": 1, "deterministic": True, "force_row_wise": True}
TREES_SHARE = 0.75  # of the blend; on inner folds of shop sessions: auROC 0.9367, the trees alone 0.9364
WIDTHS, EPOCHS, PATIENCE = (64, 32), 30, 3


@dataclass
class Boosted:
    """Gradient-boosted trees: `text` is LightGBM's own format."""

    encoder: Encoder
    text: str
    _booster: lgb.Booster | None = field(default=None, repr=False)

    NAME: ClassVar[str] = "boosted"

    @classmethod
    def fit(cls, x: np.ndarray, y: np.ndarray, *, ids: tuple[int, ...] = (), loss: Loss = "binary",
            weight: np.ndarray | None = None, seed: int = 0) -> Boosted:  # fmt: skip
        """x float[n, p], y and weight float[n]."""
        encoder, rows = Encoder.fit(x, y, ids, seed)
        shape, rounds = LARGE if len(y) >= VERY_MANY else MEDIUM if len(y) >= MANY else SMALL
        objective = {"binary": "binary", "gaussian": "regression"}[loss]
        booster = lgb.train(FIXED | shape | {"objective": objective, "seed": seed}, lgb.Dataset(rows, y, weight=weight), rounds)
        return cls(encoder, booster.model_to_string(), booster)

    def predict(self, x: np.ndarray, threads: int = 1) -> np.ndarray:
        """Log-odds or mean, float[n]."""
        self._booster = self._booster or lgb.Booster(model_str=self.text)
        return self._booster.predict(self.encoder(x), raw_score=True, num_threads=threads)

    def save(self, folder: Path, name: str) -> None:
        (folder / f"{name}.lgb.txt").write_text(self.text)
        save_file(self.encoder.arrays(), folder / f"{name}.safetensors")

    @classmethod
    def load(cls, folder: Path, name: str) -> Boosted:
        return cls(Encoder.of(load_file(folder / f"{name}.safetensors")), (folder / f"{name}.lgb.txt").read_text())


@dataclass
class Network:
    """A deep-and-cross network as arrays: learnt in torch, applied in numpy. Columns are squeezed to ranks by `grid`."""

    encoder: Encoder
    arrays: dict[str, np.ndarray]

    NAME: ClassVar[str] = "network"

    @classmethod
    def fit(cls, x: np.ndarray, y: np.ndarray, *, ids: tuple[int, ...] = (), loss: Loss = "binary",
            weight: np.ndarray | None = None, seed: int = 0) -> Network:  # fmt: skip
        """As `Boosted.fit`. A tenth of the rows (at least 20) says when to stop; the best epoch's weights are kept."""
        encoder, rows = Encoder.fit(x, y, ids, seed)
        model = cls(encoder, {"grid": np.quantile(rows, np.linspace(0, 1, 65), axis=0).T.copy()})
        model.arrays |= _train(model._ranks(rows), y, np.ones(len(y)) if weight is None else weight, loss, seed)
        return model

    def _ranks(self, rows: np.ndarray) -> np.ndarray:
        """Each column's rank among the learnt rows, float32[n, p], -1 to 1."""
        ranks = [np.interp(column, *_knots(grid)) for column, grid in zip(rows.T, self.arrays["grid"], strict=True)]
        return np.column_stack(ranks).astype(np.float32)

    def predict(self, x: np.ndarray, threads: int = 1) -> np.ndarray:
        """Log-odds or mean, float[n]. `threads` is numpy's affair."""
        start = cross = deep = self._ranks(self.encoder(x))
        a = self.arrays
        for i in range(2):
            cross = start * (cross @ a[f"cross.{i}.weight"].T + a[f"cross.{i}.bias"]) + cross
        for i in (0, 2):
            deep = np.maximum(deep @ a[f"deep.{i}.weight"].T + a[f"deep.{i}.bias"], 0)
        return (np.hstack([cross, deep]) @ a["out.weight"].T + a["out.bias"])[:, 0].astype(float)

    def save(self, folder: Path, name: str) -> None:
        saved = self.encoder.arrays() | {f"network.{key}": np.ascontiguousarray(value) for key, value in self.arrays.items()}
        save_file(saved, folder / f"{name}.safetensors")

    @classmethod
    def load(cls, folder: Path, name: str) -> Network:
        saved = load_file(folder / f"{name}.safetensors")
        mine = {key.removeprefix("network."): value for key, value in saved.items() if key.startswith("network.")}
        return cls(Encoder.of(saved), mine)


@dataclass
class Blend:
    """Both, their log-odds or means averaged: three parts trees, one part network."""

    trees: Boosted
    network: Network

    NAME: ClassVar[str] = "blend"

    @classmethod
    def fit(cls, x: np.ndarray, y: np.ndarray, *, ids: tuple[int, ...] = (), loss: Loss = "binary",
            weight: np.ndarray | None = None, seed: int = 0) -> Blend:  # fmt: skip
        """As `Boosted.fit`."""
        return cls(*(one.fit(x, y, ids=ids, loss=loss, weight=weight, seed=seed) for one in (Boosted, Network)))

    def predict(self, x: np.ndarray, threads: int = 1) -> np.ndarray:
        """Log-odds or mean, float[n]."""
        return TREES_SHARE * self.trees.predict(x, threads) + (1 - TREES_SHARE) * self.network.predict(x, threads)

    def save(self, folder: Path, name: str) -> None:
        self.trees.save(folder, name)
        self.network.save(folder, f"{name}-network")

    @classmethod
    def load(cls, folder: Path, name: str) -> Blend:
        return cls(Boosted.load(folder, name), Network.load(folder, f"{name}-network"))


Learner = Boosted | Network | Blend
LEARNERS: dict[str, type[Learner]] = {one.NAME: one for one in (Boosted, Network, Blend)}


def candidates(rows: int) -> dict[str, type[Learner]]:
    """The learners worth trying on so many rows: no blend of very many, which must be scored a million a second."""
    return {name: one for name, one in LEARNERS.items() if one is not Blend or rows < VERY_MANY}


def _knots(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values of a column's quantiles and the middle rank of each, -1 to 1; an unseen middle is between."""
    values, first, count = np.unique(grid, return_index=True, return_counts=True)
    return values, (first + (count - 1) / 2) / (len(grid) - 1) * 2 - 1


def _train(x: np.ndarray, y: np.ndarray, weight: np.ndarray, loss: Loss, seed: int) -> dict[str, np.ndarray]:
    """The weights of the best epoch; `x` float32[n, p] in -1 to 1."""
    import torch
    from torch import nn
    from torch.nn import functional

    with torch.random.fork_rng():
        torch.manual_seed(seed)
        width = x.shape[1]
        net = nn.ModuleDict({
            "cross": nn.ModuleList([nn.Linear(width, width) for _ in range(2)]),
            "deep": nn.Sequential(nn.Linear(width, WIDTHS[0]), nn.ReLU(), nn.Linear(WIDTHS[0], WIDTHS[1]), nn.ReLU(), nn.Dropout(0.1)),
            "out": nn.Linear(width + WIDTHS[1], 1),
        })  # fmt: skip
        rows, target, heavy = (torch.tensor(a, dtype=torch.float32) for a in (x, y, weight / weight.mean()))

        def error(pick: torch.Tensor) -> torch.Tensor:
            start = cross = rows[pick]
            for layer in net["cross"]:
                cross = start * layer(cross) + cross
            guess = net["out"](torch.cat([cross, net["deep"](start)], 1))[:, 0]
            each = functional.binary_cross_entropy_with_logits if loss == "binary" else functional.mse_loss
            return (each(guess, target[pick], reduction="none") * heavy[pick]).mean()

        order = torch.randperm(len(y))
        held = min(max(20, len(y) // 10), len(y) // 2)
        held, learn = order[:held], order[held:]
        step = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-2)
        best: tuple[float, dict[str, Any]] = (np.inf, {})
        late = 0
        for _ in range(EPOCHS):
            net.train()
            for batch in learn[torch.randperm(len(learn))].split(256 if len(y) >= MANY else 64):
                step.zero_grad()
                error(batch).backward()
                step.step()
            net.eval()
            with torch.no_grad():
                now = float(error(held))
            late = 0 if now < best[0] else late + 1
            if now < best[0]:
                best = now, {name: value.detach().numpy().copy() for name, value in net.state_dict().items()}
            if late >= PATIENCE:
                break
    return best[1]
