"""The methods that the area `strategy` compares, each as `ask` (a plan, before any repair) and `tell` (what it brought).

All of them see the same log; the explorer alone uses, beside its profits, the impressions, clicks and orders by channel. Vector
methods work in the unit box of `World.decode`; `GPEI`, `CMAES` and `TPE` start from the log as a practitioner would. One-shot
generators learn the better half of the log and are sampled once a plan.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm

from campaignwright.evals.strategy_worlds import CONTROLS, World
from campaignwright.market.words import ANGLES, CHANNELS, OFFERS
from campaignwright.models.strategy_bayes import FRESH, Surrogate, expected_improvement
from campaignwright.models.strategy_fields import OBJECTIVE_INDEX, condition_of, decoded_plans
from campaignwright.models.strategy_moves import features
from campaignwright.models.strategy_space import Batch, K, concat
from campaignwright.models.strategy_vae import LATENT, StrategyGenerator

RETRAIN, REFRESHED = 25, 60  # latent search: plans between two retrainings, steps each
LOG_NOISE = 0.3  # as the copilot assumes: better for the rivals than 1 (tried on worlds that are not reported)


class Method:
    """`ask` -> a batch of one; `tell(plan as run, profit seen)`; `estimate` float[n]: what the plans told are believed to bring."""

    name = ""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.rng = world, np.random.default_rng([world.seed, seed, 5])
        self.plans: list[Batch] = []
        self.seen: list[float] = []

    def ask(self) -> Batch:
        raise NotImplementedError

    def tell(self, plan: Batch, profit: float) -> None:
        self.plans.append(plan)
        self.seen.append(profit)

    def estimate(self) -> np.ndarray:
        return np.array(self.seen)


class Random(Method):
    """Uniform in the box."""

    name = "random"

    def ask(self) -> Batch:
        return self.world.decode(self.rng.random((1, CONTROLS)))


class Resampled(Method):
    """The log's plans again, best as reported first."""

    name = "resampled log"

    def ask(self) -> Batch:
        order = np.argsort(-self.world.seen, kind="stable")
        return self.world.log.take(order[[len(self.seen) % len(order)]])


def _better(world: World) -> np.ndarray:
    return np.argsort(-world.seen, kind="stable")[: len(world.seen) // 2]


class Copula(Method):
    """Gaussian copula of the box's vectors (Nelsen 2006, 2.3): ranks as normals, their correlation, quantiles back."""

    name = "Gaussian copula"

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        self.points = world.encode(world.log.take(_better(world)))
        jittered = self.points + 1e-6 * self.rng.random(self.points.shape)
        ranks = jittered.argsort(axis=0).argsort(axis=0)
        normals = norm.ppf((ranks + 0.5) / len(ranks))
        self.root = np.linalg.cholesky(np.corrcoef(normals.T) + 1e-6 * np.eye(CONTROLS))

    def ask(self) -> Batch:
        share = norm.cdf(self.root @ self.rng.standard_normal(CONTROLS))
        return self.world.decode(np.array([[np.quantile(self.points[:, i], share[i]) for i in range(CONTROLS)]]))


class TVAE(Method):
    """Tabular VAE (Xu et al. 2019) as published in the package ctgan, at its own settings."""

    name = "TVAE"

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        self.rows = self.samples(world, seed)

    @staticmethod
    @lru_cache(maxsize=1)
    def samples(world: World, seed: int) -> pd.DataFrame:
        """200 plans of a model that learnt the better half of the world's log (kept: with and without noise it is the same)."""
        import torch
        from ctgan import TVAE as Published

        log = world.log.take(_better(world))
        frame = pd.DataFrame(log.shares, columns=list(CHANNELS))
        frame["discount"], frame["frequency"], frame["hour"] = log.discount, log.frequency, log.hour.astype(float)
        frame["offer"], frame["angle"] = log.offer.astype(str), log.angle.astype(str)
        with warnings.catch_warnings(), torch.random.fork_rng():
            warnings.simplefilter("ignore")
            torch.manual_seed(seed)
            state = np.random.get_state()
            np.random.seed(seed)
            model = Published(epochs=300, batch_size=50, enable_gpu=False)
            model.fit(frame, ["offer", "angle"])
            rows = model.sample(200)
            np.random.set_state(state)
        return rows

    def ask(self) -> Batch:
        row = self.rows.iloc[[len(self.seen) % len(self.rows)]]
        shares = np.maximum(row[list(CHANNELS)].to_numpy(float), 0.0)
        shares = np.where(shares < 0.005, 0.0, shares)
        total = shares.sum()
        shares = shares / total if total > 0 else np.full_like(shares, 1 / K)
        return self.world.log.take(np.zeros(1, int)).with_(
            shares=shares, discount=row["discount"].to_numpy(float), offer=row["offer"].to_numpy(int), angle=row["angle"].to_numpy(int),
            hour=np.round(row["hour"].to_numpy(float)).astype(int), frequency=row["frequency"].to_numpy(float),
        )  # fmt: skip


class CMAES(Method):
    """CMA-ES (Hansen 2016, package cma) from the best logged plan, step 0.2 of the box."""

    name = "CMA-ES"

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        import cma

        start = world.encode(world.log.take(_better(world)[:1]))[0]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.es = cma.CMAEvolutionStrategy(start, 0.2, {"bounds": [0, 1], "verbose": -9, "seed": seed + 1})
        self.wait: list[np.ndarray] = []
        self.got: list[tuple[np.ndarray, float]] = []

    def ask(self) -> Batch:
        if not self.wait:
            self.wait = list(self.es.ask())
        return self.world.decode(self.wait[0][None])

    def tell(self, plan: Batch, profit: float) -> None:
        super().tell(plan, profit)
        self.got.append((self.wait.pop(0), -profit))
        if not self.wait:
            self.es.tell(*map(list, zip(*self.got, strict=True)))
            self.got = []


class TPE(Method):
    """Tree-structured Parzen estimator (Bergstra et al. 2011, package optuna), told the log first."""

    name = "Optuna TPE"

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        numbers = {f"x{i}": optuna.distributions.FloatDistribution(0, 1) for i in range(CONTROLS) if i not in (K + 1, K + 4)}
        self.space = numbers | {"offer": optuna.distributions.CategoricalDistribution(list(OFFERS)),
                                "angle": optuna.distributions.CategoricalDistribution(list(ANGLES))}  # fmt: skip
        self.study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
        for point, profit in zip(world.encode(world.log), world.seen, strict=True):
            told = {name: float(point[int(name[1:])]) for name in numbers}
            told |= {"offer": OFFERS[int(point[K + 1] * len(OFFERS))], "angle": ANGLES[int(point[K + 4] * len(ANGLES))]}
            self.study.add_trial(optuna.trial.create_trial(params=told, distributions=self.space, value=float(profit)))

    def ask(self) -> Batch:
        self.trial = self.study.ask(self.space)
        point = np.zeros(CONTROLS)
        for name, value in self.trial.params.items():
            if name[0] == "x":
                point[int(name[1:])] = value
        point[K + 1] = (OFFERS.index(self.trial.params["offer"]) + 0.5) / len(OFFERS)
        point[K + 4] = (ANGLES.index(self.trial.params["angle"]) + 0.5) / len(ANGLES)
        return self.world.decode(point[None])

    def tell(self, plan: Batch, profit: float) -> None:
        super().tell(plan, profit)
        self.study.tell(self.trial, profit)


class _Model(Method):
    """What the two Gaussian-process rivals share: the log of what plans bring before their cost, learnt with the log's plans."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        self.spend, self.left = float(world.brief.budget), 0
        self.surrogate = Surrogate(np.full(len(world.log), LOG_NOISE))

    def points(self, batch: Batch) -> np.ndarray:
        return features(batch)

    def known(self, plans: Batch) -> np.ndarray:
        """Points of `everything`."""
        return self.points(plans)

    def everything(self) -> tuple[Batch, np.ndarray]:
        value = np.concatenate([self.world.seen, self.seen])
        return concat([self.world.log, *self.plans]), np.log(np.maximum(value + self.spend, 0.02 * self.spend))

    def learn(self) -> np.ndarray:
        """Fits, and returns what every plan is believed to bring, in logs."""
        plans, value = self.everything()
        points = self.known(plans)
        self.surrogate.fit(points, value)
        believed = self.surrogate.predict(points)[0]
        own = believed[len(self.world.log) :]
        self.best = float(own.max() if len(own) else believed.max())
        return believed

    def estimate(self) -> np.ndarray:
        return np.exp(self.learn()[len(self.world.log) :]) - self.spend

    def candidates(self, believed: np.ndarray) -> tuple[Batch, np.ndarray]:
        raise NotImplementedError

    def ask(self) -> Batch:
        believed = self.learn()
        if not self.left:
            self.raw, self.at = self.candidates(believed)
            self.used, self.left = np.zeros(len(self.raw), bool), FRESH
        gain = expected_improvement(*self.surrogate.predict(self.at), self.best)
        gain[self.used] = -1.0
        choice = int(gain.argmax())
        self.used[choice], self.left = True, self.left - 1
        return self.raw.take(np.array([choice]))


class GPEI(_Model):
    """Gaussian process with expected improvement on the raw controls, over uniform points and steps from the best plans."""

    name = "GP-EI on raw controls"

    def candidates(self, believed: np.ndarray) -> tuple[Batch, np.ndarray]:
        plans, _ = self.everything()
        leaders = np.repeat(self.world.encode(plans.take(np.argsort(-believed, kind="stable")[:6])), 40, axis=0)
        steps = self.rng.normal(0, 0.15, leaders.shape) * (self.rng.random(leaders.shape) < 0.3)
        jumps = np.where(self.rng.random(leaders.shape) < 0.05, self.rng.random(leaders.shape), leaders + steps)
        raw = self.world.decode(np.vstack([self.rng.random((100, CONTROLS)), jumps]))
        return raw, self.points(self.world.repair(raw))


class LatentBO(_Model):
    """The VAE alone: Gaussian process with expected improvement in its latent space, retrained on everything so far with
    weights by rank (Tripp et al. 2020)."""

    name = "VAE, latent BO, weighted retraining"

    def __init__(self, world: World, seed: int, generator: StrategyGenerator) -> None:
        super().__init__(world, seed)
        self.generator = generator
        self.goal = OBJECTIVE_INDEX[world.brief.objective]
        self.z = np.zeros((0, LATENT))

    def condition(self, n: int) -> Any:
        return condition_of(self.world.log.take(np.zeros(n, int)), np.full(n, self.goal), self.generator.levels)

    def points(self, batch: Batch) -> np.ndarray:
        return self.generator.encode(batch, self.condition(len(batch)))

    def known(self, plans: Batch) -> np.ndarray:
        if len(self.z) < len(plans):  # only what is new is encoded
            self.z = np.vstack([self.z, self.points(plans.take(np.arange(len(self.z), len(plans))))])
        return self.z

    def candidates(self, believed: np.ndarray) -> tuple[Batch, np.ndarray]:
        plans, value = self.everything()
        if self.seen and len(self.seen) % RETRAIN == 0:
            goal = np.full(len(plans), self.goal)
            self.generator = StrategyGenerator.learn(plans, goal, value, seed=len(self.seen), steps=REFRESHED, start=self.generator)
            self.z = self.z[:0]
            believed = self.learn()
        z = self.z[np.argsort(-believed, kind="stable")[:6]]
        z = np.vstack([self.rng.standard_normal((150, LATENT)), np.repeat(z, 30, axis=0) + 0.3 * self.rng.standard_normal((180, LATENT))])
        out = self.generator.decode(z, self.condition(len(z)))
        return decoded_plans(out, self.world.log.take(np.zeros(len(z), int))), z
