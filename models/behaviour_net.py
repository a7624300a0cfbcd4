"""A small causal network over a customer's steps: who buys again within a horizon, what is bought next, a profile vector.

The Transformer (Vaswani et al. 2017; over purchases as in SASRec, Kang & McAuley 2018) and, beside it, an LSTM (Hochreiter &
Schmidhuber 1997). Each step is the mean of its products' embeddings, its kind and its numbers. After step i the state h_i,
with the days e that have passed without a further step, gives the chance of a purchase within the horizon; h_i against the product
embeddings gives the products of the next purchase (softmax, as many targets as the basket holds).
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from campaignwright.models.behaviour import KINDS, LONGEST, NUMBERS, Sequences
from campaignwright.models.strategy_threads import one_thread

PARTS = 4  # lengths that are padded together
Progress = Callable[[float, str], None]


@dataclass(frozen=True)
class Settings:
    """`kind`: transformer | lstm. `items_weight`: of the next-product loss beside the purchase loss, 0 to 1 (0: not learnt)."""

    kind: str = "transformer"
    width: int = 48
    layers: int = 2
    heads: int = 4
    dropout: float = 0.2
    items_weight: float = 0.1
    epochs: int = 20
    patience: int = 4
    batch: int = 128
    rate: float = 2e-3
    horizon: int = 90  # days
    repeats: bool = True  # whether products bought before count as next products


class Network(nn.Module):
    """States (n, steps, width) of padded sequences, and the two heads on them."""

    def __init__(self, products: int, settings: Settings) -> None:
        super().__init__()
        width = settings.width
        self.settings = settings
        self.item = nn.EmbeddingBag(products + 1, width, mode="mean", padding_idx=products)
        self.kind, self.place = nn.Embedding(len(KINDS), width), nn.Embedding(LONGEST, width)
        self.number, self.drop = nn.Linear(NUMBERS, width), nn.Dropout(settings.dropout)
        if settings.kind == "lstm":
            self.body: nn.Module = nn.LSTM(width, width, settings.layers, batch_first=True,
                                           dropout=settings.dropout if settings.layers > 1 else 0.0)
        else:
            layer = nn.TransformerEncoderLayer(width, settings.heads, 4 * width, settings.dropout, batch_first=True, norm_first=True)
            self.body = nn.TransformerEncoder(layer, settings.layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.back = nn.Sequential(nn.Linear(width + NUMBERS + 3, width), nn.GELU(), nn.Dropout(settings.dropout), nn.Linear(width, 1))
        self.bias = nn.Parameter(torch.zeros(products))
        nn.init.normal_(self.item.weight, std=0.1)

    def forward(self, data: Sequences, rows: np.ndarray, upto: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
        """States (steps, width) of the first `upto` (n,) steps of the customers `rows`, and which steps of `data` they are.

        Customers of like length are padded together; a state sees its own step and those before."""
        states, steps = [], []
        for part in np.array_split(np.argsort(upto, kind="stable"), min(PARTS, len(rows))):
            mask, step, padded = _pad(data, rows[part], upto[part])
            states.append(self._body(padded)[mask])
            steps.append(step)
        return torch.cat(states), np.concatenate(steps)

    def _body(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        n, length = batch["kind"].shape
        bags = torch.zeros(n, length, self.settings.width)
        bags[batch["mask"]] = self.item(batch["items"], batch["first"])
        x = self.drop(bags + self.kind(batch["kind"]) + self.number(batch["numbers"]))
        if self.settings.kind == "lstm":
            return self.body(x)[0]
        ahead = torch.triu(torch.ones(length, length, dtype=torch.bool), 1)
        return self.body(x + self.place(torch.arange(length)), mask=ahead)

    def returns(self, state: torch.Tensor, numbers: torch.Tensor, elapsed: torch.Tensor) -> torch.Tensor:
        """(m,) logits of a purchase within the horizon, of states (m, width), their numbers (m, 7), days (m,) since then."""
        gap = torch.expm1(numbers[:, 6]).clamp(min=1)
        waited = torch.stack([torch.log1p(elapsed), elapsed / 90, torch.log1p(elapsed / gap)], dim=1)
        return self.back(torch.cat([state, numbers, waited], dim=1))[:, 0]

    def products(self, state: torch.Tensor) -> torch.Tensor:
        """(m, products) scores of states (m, width)."""
        return state @ self.item.weight[:-1].T + self.bias


def _pad(data: Sequences, rows: np.ndarray, upto: np.ndarray) -> tuple[torch.Tensor, np.ndarray, dict[str, torch.Tensor]]:
    mask = np.arange(upto.max())[None, :] < upto[:, None]
    step = (data.start[rows][:, None] + np.arange(mask.shape[1]))[mask]
    width = np.diff(data.first)[step]
    filled = np.where(width == 0, 1, width)  # a step without a known product holds the padding product
    first = np.cumsum(filled) - filled
    where = np.repeat(data.first[step] - first, filled) + np.arange(filled.sum())
    flat = np.where(np.repeat(width == 0, filled), len(data.catalogue), data.items[np.minimum(where, len(data.items) - 1)])
    kind = np.zeros(mask.shape, np.int64)
    numbers = np.zeros((*mask.shape, NUMBERS), np.float32)
    kind[mask], numbers[mask] = data.kind[step], data.numbers[step]
    tensors = {"mask": mask, "kind": kind, "numbers": numbers, "items": flat.astype(np.int64), "first": first.astype(np.int64)}
    return torch.from_numpy(mask), step, {name: torch.from_numpy(value) for name, value in tensors.items()}


@dataclass(frozen=True)
class Targets:
    """Of every step: `next_day` (inf: none seen) of the customer's next purchase and of the `next_step` of any kind; `known_until`:
    the day up to which purchases are known; `basket`: (steps,) step of the next purchase, -1 if none."""

    next_day: np.ndarray
    next_step: np.ndarray
    basket: np.ndarray
    known_until: float


def targets(data: Sequences, known_until: float) -> Targets:
    """What came after each step, up to the day `known_until`."""
    steps = len(data.day)
    next_day, next_step, basket = np.full(steps, np.inf), np.full(steps, np.inf), np.full(steps, -1)
    for a, b in zip(data.start[:-1], data.start[1:], strict=True):
        upcoming, day = -1, np.inf
        for step in range(b - 1, a - 1, -1):
            next_day[step], basket[step] = day, upcoming
            next_step[step] = data.day[step + 1] if step + 1 < b else np.inf
            if data.kind[step] == 0:
                upcoming, day = step, data.day[step]
    return Targets(next_day, next_step, basket, known_until)


class Behaviour:
    """A trained network; `chance`, `scores` and `vectors` read it."""

    def __init__(self, network: Network, data: Sequences) -> None:
        self.network, self.data = network.eval(), data

    def _states(self, data: Sequences, rows: np.ndarray, upto: np.ndarray) -> torch.Tensor:
        """Last state (n, width) of the customers `rows` after `upto` steps."""
        found = torch.zeros(len(rows), self.network.settings.width)
        with torch.no_grad(), one_thread():
            for part in np.array_split(np.arange(len(rows)), len(rows) // 512 + 1):
                states, steps = self.network(data, rows[part], upto[part])
                place = np.zeros(len(data.day), np.int64)
                place[steps] = np.arange(len(steps))
                found[part] = states[place[data.start[rows[part]] + upto[part] - 1]]
        return found

    def chance(self, data: Sequences, rows: np.ndarray, upto: np.ndarray, now: float) -> np.ndarray:
        """(n,) probability of a purchase within the horizon after day `now`."""
        last = data.start[rows] + upto - 1
        waited = torch.from_numpy((now - data.day[last]).astype(np.float32))
        with torch.no_grad():
            logit = self.network.returns(self._states(data, rows, upto), torch.from_numpy(data.numbers[last]), waited)
        return torch.sigmoid(logit).numpy().astype(float)

    def scores(self, data: Sequences, rows: np.ndarray, upto: np.ndarray) -> np.ndarray:
        """(n, products) scores of the next purchase."""
        with torch.no_grad():
            return self.network.products(self._states(data, rows, upto)).numpy()

    def vectors(self, data: Sequences, rows: np.ndarray, upto: np.ndarray) -> np.ndarray:
        """(n, width) profile vectors: the last state."""
        return self._states(data, rows, upto).numpy()


def _loss(network: Network, data: Sequences, aims: Targets, rows: np.ndarray, rng: np.random.Generator) -> tuple[torch.Tensor, float]:
    """The loss of a batch of customers, and its purchase part (weighted by days) alone."""
    settings = network.settings
    state, step = network(data, rows, np.diff(data.start)[rows])
    open_days = np.minimum(aims.next_step[step], aims.known_until - settings.horizon + 1) - data.day[step]
    weight = np.maximum(open_days, 0.0)
    elapsed = np.floor(rng.random(len(step)) * weight)
    label = aims.next_day[step] <= data.day[step] + elapsed + settings.horizon
    logit = network.returns(state, torch.from_numpy(data.numbers[step]), torch.from_numpy(elapsed.astype(np.float32)))
    each = functional.binary_cross_entropy_with_logits(logit, torch.from_numpy(label.astype(np.float32)), reduction="none")
    weights = torch.from_numpy(weight.astype(np.float32))
    returns = (each * weights).sum() / weights.sum().clamp(min=1)
    total = (1 - settings.items_weight) * returns
    if settings.items_weight:
        total = total + settings.items_weight * _items_loss(network, data, aims, step, state)
    return total, float(returns.detach())


def _items_loss(network: Network, data: Sequences, aims: Targets, step: np.ndarray, state: torch.Tensor) -> torch.Tensor:
    basket = aims.basket[step]
    pick = np.flatnonzero((basket >= 0) & (np.diff(data.first)[basket] > 0))
    if not len(pick):
        return state.sum() * 0
    logs = functional.log_softmax(network.products(state[pick]), dim=1)
    first, size = data.first[basket[pick]], np.diff(data.first)[basket[pick]]
    row = np.repeat(np.arange(len(pick)), size)
    flat = data.items[np.repeat(first, size) + np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)]
    share = torch.from_numpy((1 / size[row]).astype(np.float32))
    return -(logs[torch.from_numpy(row), torch.from_numpy(flat)] * share).sum() / len(pick)


def train(data: Sequences, known_until: float, settings: Settings, *, seed: int = 0, progress: Progress | None = None) -> Behaviour:
    """Adam on batches of customers; a seventh of them are held out and say when to stop. `data` must end at `known_until`."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    aims, network = targets(data, known_until), Network(len(data.catalogue), settings)
    order = rng.permutation(len(data.customers))
    held, learn = order[: len(order) // 7], order[len(order) // 7:]
    optimiser = torch.optim.AdamW(network.parameters(), lr=settings.rate, weight_decay=0.01)
    steps = settings.epochs * (len(learn) // settings.batch + 1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, total_steps=steps, pct_start=0.1)
    best, kept, worse = np.inf, copy.deepcopy(network.state_dict()), 0
    with one_thread():
        for epoch in range(settings.epochs):
            network.train()
            for part in np.array_split(rng.permutation(learn), len(learn) // settings.batch + 1):
                loss, _ = _loss(network, data, aims, part, rng)
                optimiser.zero_grad()
                loss.backward()
                nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimiser.step()
                schedule.step()
            network.eval()
            with torch.no_grad():
                judged = [_loss(network, data, aims, part, np.random.default_rng(draw))
                          for draw in range(4) for part in np.array_split(held, len(held) // 512 + 1)]
            now = float(np.mean([float(loss) for loss, _ in judged]))
            if progress:
                progress((epoch + 1) / settings.epochs, f"{settings.kind}, epoch {epoch + 1}: {now:.4f} on held-out customers")
            worse = 0 if now < best else worse + 1
            if now < best:
                best, kept = now, copy.deepcopy(network.state_dict())
            if worse >= settings.patience:
                break
    network.load_state_dict(kept)
    return Behaviour(network, data)
