"""The strategy generator: a conditional variational autoencoder over a strategy's fields.

Encoder: a small Transformer over field and condition tokens (Vaswani et al. 2017), decoder: a feed-forward network on
latent and condition. Loss: reconstruction per field type + λ KL (Kingma & Welling 2014; β-VAE, Higgins et al. 2017).
Good campaigns weigh more in training (Tripp, Daxberger & Hernández-Lobato 2020). Search in the latent space is
`strategy_search`'s.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional

from campaignwright.market.words import ANGLES, OBJECTIVES, OFFERS
from campaignwright.market.workspace import Workspace
from campaignwright.models.strategy_fields import (
    OBJECTIVE_INDEX,
    Condition,
    Levels,
    Tokens,
    condition_of,
    perturbed,
    prior_sample,
    tokens_of,
)
from campaignwright.models.strategy_space import Batch, K, concat, history, objects
from campaignwright.models.strategy_threads import one_thread

LATENT, WIDTH, HEADS, LAYERS = 8, 32, 4, 1
HOURS = 24
KL_WEIGHT = 0.15  # λ: below 1 keeps the fields' detail, the search stays near the prior by itself
ENOUGH = 20  # campaigns below which a prior sample is added
STEPS, BATCH_SIZE, COPIES = 600, 64, 12
SIZES = {"present": K, "share": K, "depth": 1, "often": 1, "offer": len(OFFERS), "hour": HOURS, "angle": len(ANGLES)}


class Network(nn.Module):
    """Encoder and decoder; `audiences`, `categories`: sizes of the condition's vocabularies, unseen included."""

    def __init__(self, audiences: int, categories: int) -> None:
        super().__init__()
        self.kind = nn.Parameter(torch.randn(K + 5 + 4 + 1, WIDTH) * 0.1)  # which field a token is
        self.channel = nn.Linear(2, WIDTH)
        self.number, self.numbers = nn.Linear(1, WIDTH), nn.Linear(4, WIDTH)
        self.offer, self.hour = nn.Embedding(len(OFFERS), WIDTH), nn.Embedding(HOURS, WIDTH)
        self.angle = nn.Embedding(len(ANGLES), WIDTH)
        self.words = nn.ModuleList([nn.Embedding(size, WIDTH) for size in (len(OBJECTIVES), audiences, categories)])
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.attend = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        self.latent = nn.Linear(WIDTH, 2 * LATENT)
        self.decode_in = nn.Sequential(nn.Linear(LATENT + 3 * WIDTH + 4, 96), nn.GELU(), nn.Linear(96, 96), nn.GELU())
        self.heads = nn.ModuleDict({name: nn.Linear(96, size) for name, size in SIZES.items()})

    def encode(self, x: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance, [n, LATENT] each."""
        channels = self.channel(torch.stack([x["present"], x["share"]], dim=-1))
        fields = [
            self.number(x["depth"][:, None, None]),
            self.number(x["often"][:, None, None]),
            self.offer(x["offer"])[:, None],
            self.hour(x["hour"])[:, None],
            self.angle(x["angle"])[:, None],
        ]
        words = [table(x["words"][:, i])[:, None] for i, table in enumerate(self.words)]
        numbers = self.numbers(x["numbers"])[:, None]
        blank = torch.zeros(len(channels), 1, WIDTH)
        tokens = torch.cat([blank, channels, *fields, *words, numbers], dim=1) + self.kind
        mean, log_variance = self.latent(self.attend(tokens)[:, 0]).chunk(2, dim=-1)
        return mean, log_variance.clamp(-8, 4)

    def decode(self, z: torch.Tensor, words: torch.Tensor, numbers: torch.Tensor) -> dict[str, torch.Tensor]:
        """Logits (present, share, offer, hour, angle) and means (depth, often) of latents [n, LATENT]."""
        known = [table(words[:, i]) for i, table in enumerate(self.words)]
        hidden = self.decode_in(torch.cat([z, *known, numbers], dim=-1))
        return {name: head(hidden) for name, head in self.heads.items()}


def _tensors(tokens: Tokens, condition: Condition) -> dict[str, torch.Tensor]:
    """All arrays as tensors of the right type."""
    out = {
        name: torch.as_tensor(getattr(tokens, name), dtype=torch.float32)
        for name in ("present", "share", "depth", "often")
    }
    out |= {name: torch.as_tensor(getattr(tokens, name), dtype=torch.long) for name in ("offer", "hour", "angle")}
    return out | {"words": torch.as_tensor(condition.words), "numbers": torch.as_tensor(condition.numbers)}


def loss_of(
    network: Network, x: dict[str, torch.Tensor], weight: torch.Tensor, kl_weight: float, noise: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(loss, mean reconstruction, mean KL); `weight` [n] of each example, `noise` [n, LATENT] standard normal."""
    mean, log_variance = network.encode(x)
    out = network.decode(mean + noise * (0.5 * log_variance).exp(), x["words"], x["numbers"])
    masked = out["share"].masked_fill(x["present"] < 0.5, -1e4)
    rebuilt = functional.binary_cross_entropy_with_logits(out["present"], x["present"], reduction="none").sum(1)
    rebuilt = rebuilt - 4.0 * (x["share"] * functional.log_softmax(masked, dim=1)).sum(1)
    rebuilt = rebuilt + 2.0 * (out["depth"][:, 0] - x["depth"]) ** 2 + 2.0 * (out["often"][:, 0] - x["often"]) ** 2
    for name in ("offer", "hour", "angle"):
        rebuilt = rebuilt + functional.cross_entropy(out[name], x[name], reduction="none")
    kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(1)
    loss = (weight * (rebuilt + kl_weight * kl)).sum() / weight.sum()
    return loss, rebuilt.mean(), kl.mean()


class StrategyGenerator:
    """The fitted generator. `decode` gives strategies' fields for latents and a condition."""

    NAME = "strategies"
    TABLES: tuple[str, ...] = ()  # without campaigns it learns a stated prior sample
    READS = ("campaign_results", "campaigns", "products")
    SPLIT = "none: the campaigns it learns from"
    VERSION = 2

    def __init__(self, network: Network, levels: Levels, metrics: dict[str, Any], rows: int) -> None:
        self.network, self.levels, self.metrics, self.rows = network.eval(), levels, metrics, rows

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0, steps: int = STEPS) -> StrategyGenerator:
        """Learn from past campaigns and brief-consistent variations; below 20, from a prior sample as well."""
        batch, ids, results = history(workspace)
        named = workspace.query("SELECT campaign_id, objective FROM campaigns").set_index("campaign_id")["objective"]
        objective = np.array([OBJECTIVE_INDEX.get(named.get(key), 0) for key in ids], int)
        usable = np.flatnonzero(batch.shares.sum(axis=1) > 0) if len(batch) else np.array([], int)
        return cls.learn(batch.take(usable), objective[usable], _returns(results, usable), seed=seed, steps=steps)

    @classmethod
    @one_thread()
    def learn(
        cls,
        past: Batch,
        objective: np.ndarray,
        returns: np.ndarray,
        *,
        seed: int = 0,
        kl_weight: float = KL_WEIGHT,
        steps: int = STEPS,
        start: StrategyGenerator | None = None,
    ) -> StrategyGenerator:
        """Train on `past`; `returns` float[n] (revenue a unit of money, NaN unknown) set the weights.

        `start`: a generator to go on from (its vocabularies are kept); it is left as it is."""
        rng = np.random.default_rng([seed, 11])
        categories = tuple(sorted({str(c) for c in past.category if c}))
        own = tuple(sorted({str(a) for a in past.audience} - set(Levels().audiences)))
        levels = Levels(Levels().audiences + own, categories, float(np.median(past.budget)) if len(past) else 1000.0)
        levels = start.levels if start else levels
        data, goals, weight = _training_set(past, objective, returns, rng)
        x = _tensors(tokens_of(data), condition_of(data, goals, levels))
        generator = torch.Generator().manual_seed(seed)
        state = torch.random.get_rng_state()
        torch.manual_seed(seed)
        network = Network(len(levels.audiences) + 1, len(levels.categories) + 1)
        if start:
            network.load_state_dict(start.network.state_dict())
        torch.random.set_rng_state(state)
        rebuilt, kl = _train(network, x, torch.as_tensor(weight, dtype=torch.float32), kl_weight, steps, generator)
        metrics = {
            "campaigns": len(past),
            "examples": len(data),
            "prior_sample": len(past) < ENOUGH,
            "reconstruction": round(rebuilt, 3),
            "kl": round(kl, 3),
            "kl_weight": kl_weight,
            "latent": LATENT,
            "parameters": sum(p.numel() for p in network.parameters()),
        }
        return cls(network, levels, metrics, len(past))

    @torch.no_grad()
    def decode(self, z: np.ndarray, condition: Condition) -> dict[str, np.ndarray]:
        """Head outputs (see `Network.decode`) of latents float[n, LATENT]."""
        out = self.network.decode(
            torch.as_tensor(z, dtype=torch.float32),
            torch.as_tensor(condition.words),
            torch.as_tensor(condition.numbers),
        )
        return {name: value.numpy() for name, value in out.items()}

    @torch.no_grad()
    def encode(self, batch: Batch, condition: Condition) -> np.ndarray:
        """Latent means of strategies, float[n, LATENT]."""
        return self.network.encode(_tensors(tokens_of(batch), condition))[0].numpy()

    def save(self, folder: Path) -> None:
        save_file(self.network.state_dict(), folder / "network.safetensors")
        (folder / "levels.json").write_text(json.dumps(asdict(self.levels)))

    @classmethod
    def load(cls, folder: Path) -> StrategyGenerator:
        saved = json.loads((folder / "levels.json").read_text())
        levels = Levels(tuple(saved["audiences"]), tuple(saved["categories"]), saved["budget"])
        network = Network(len(levels.audiences) + 1, len(levels.categories) + 1)
        network.load_state_dict(load_file(folder / "network.safetensors"))
        return cls(network, levels, {}, 0)


def _returns(results: Any, usable: np.ndarray) -> np.ndarray:
    """Revenue a unit of money of every usable campaign; NaN where unknown."""
    sums = results.groupby("row")[["revenue", "spend"]].sum(min_count=1).reindex(usable)
    return (sums["revenue"] / sums["spend"].where(sums["spend"] > 0)).to_numpy(float)


def _training_set(
    past: Batch, objective: np.ndarray, returns: np.ndarray, rng: np.random.Generator
) -> tuple[Batch, np.ndarray, np.ndarray]:
    """(strategies, objectives, weights): the past, its variations, and below ENOUGH a prior sample."""
    parts, goals, weights = [], [], []
    if len(past):
        copies, source = perturbed(past, COPIES, rng)
        usual = np.nanmedian(returns) if np.isfinite(returns).any() else 0.0
        order = np.argsort(np.argsort(-np.nan_to_num(returns, nan=usual), kind="stable"))
        weight = 1.0 / (0.3 * len(past) + order)  # rank weights of Tripp et al., k = 0.3
        parts += [past, copies]
        goals += [
            objective,
            np.where(rng.random(len(source)) < 0.3, rng.integers(0, len(OBJECTIVES), len(source)), objective[source]),
        ]
        weights += [2.0 * weight / weight.mean(), (weight / weight.mean())[source]]
    if len(past) < ENOUGH:
        sample = prior_sample(600, rng, past if len(past) else blank())
        parts.append(sample)
        goals.append(rng.integers(0, len(OBJECTIVES), 600))
        weights.append(np.ones(600))
    return concat(parts), np.concatenate(goals).astype(int), np.concatenate(weights)


def blank() -> Batch:
    """A few briefs about nothing in particular, to hang a prior sample on."""
    audiences, budgets = np.array(Levels().audiences, dtype=object), np.array([300.0, 1000.0, 3000.0])
    n = len(audiences) * len(budgets)
    return Batch(
        audience=np.repeat(audiences, len(budgets)),
        category=np.array([""] * n, dtype=object),
        products=objects([()] * n),
        shares=np.full((n, K), 1 / K),
        discount=np.zeros(n),
        offer=np.zeros(n, int),
        days=np.full(n, 14.0),
        hour=np.full(n, 10),
        frequency=np.full(n, 2.0),
        angle=np.zeros(n, int),
        budget=np.tile(budgets, len(audiences)),
        start=np.datetime64("2024-01-01") + (np.arange(n) * 61 % 365).astype("timedelta64[D]"),
    )


def _train(
    network: Network,
    x: dict[str, torch.Tensor],
    weight: torch.Tensor,
    kl_weight: float,
    steps: int,
    generator: torch.Generator,
) -> tuple[float, float]:
    """Adam with cosine decay and KL warm-up; returns the last hundred steps' mean reconstruction and KL."""
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=1e-4)
    network.train()
    tail: list[tuple[float, float]] = []
    for step in range(steps):
        pick = torch.randint(len(weight), (BATCH_SIZE,), generator=generator)
        noise = torch.randn(BATCH_SIZE, LATENT, generator=generator)
        warm = kl_weight * min(1.0, (step + 1) / (0.3 * steps))
        loss, rebuilt, kl = loss_of(
            network, {name: value[pick] for name, value in x.items()}, weight[pick], warm, noise
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step >= steps - 100:
            tail.append((rebuilt.item(), kl.item()))
    network.eval()
    return float(np.mean([a for a, _ in tail])), float(np.mean([b for _, b in tail]))
