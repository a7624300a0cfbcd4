"""Pricing while learning, against a known truth: the policies that the area `pricing` sets beside ours, and the shops they play in.

A shop sees VISITORS a period and buys by logit demand (`models.price_learning`); its elasticity at today's price is a draw of
N(-2.62, 0.9), its log-odds of buying one of N(logit(share), 0.5): both are the belief that every policy starts from. The cost gives
the margin 1 / 2.62. A policy's figure is its expected profit as a share of what a clairvoyant earns on the same 20 prices.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from campaignwright.models.price_learning import FLATTEST, STEEPEST, PriceLearner, buying
from campaignwright.models.pricing import PRIOR_MEAN, PRIOR_SD

VISITORS, PERIODS = 500, 100
PRICES = np.round(np.arange(0.65, 1.601, 0.05), 2)  # today's price is 1
COST = 1 - 1 / abs(PRIOR_MEAN)
KEEP_AWAY = 0.1  # c of controlled variance: the better of 0.1, 0.2 on 40 shops that are not used here
OURS = "Thompson sampling, two draws"
Policy = Callable[[PriceLearner, list[float], np.random.Generator], float]  # belief, prices so far -> price


def never(belief: PriceLearner, past: list[float], rng: np.random.Generator) -> float:
    """The best price of the prior, for good."""
    return past[0] if past else belief.best()


def greedy(belief: PriceLearner, past: list[float], rng: np.random.Generator) -> float:
    """Always the best price of what is known so far."""
    return belief.best()


def controlled_variance(belief: PriceLearner, past: list[float], rng: np.random.Generator) -> float:
    """Greedy, but kept c t^(-1/4) away from the mean of past prices (den Boer and Zwart 2014)."""
    price, mean = belief.best(), float(np.mean(past)) if past else np.inf
    away = KEEP_AWAY * (len(past) + 1) ** -0.25
    if abs(price - mean) >= away:
        return price
    return float(PRICES[np.abs(PRICES - (mean + (away if price >= mean else -away))).argmin()])


POLICIES: dict[str, Policy] = {
    OURS: lambda belief, past, rng: belief.draw(rng),
    "Thompson sampling": lambda belief, past, rng: belief.draw(rng, 1),
    "controlled variance": controlled_variance,
    "greedy": greedy,
    "never learning": never,
    "random prices": lambda belief, past, rng: float(rng.choice(PRICES)),
}


def play(policy: Policy, seed: tuple[int, ...], share: float) -> np.ndarray:
    """(PERIODS,) expected profit of each period in one shop, as a share of the clairvoyant's. `share` of visitors who buy at 1."""
    rng = np.random.default_rng(seed)
    elasticity = 0.0
    while not STEEPEST < elasticity < FLATTEST:
        elasticity = rng.normal(PRIOR_MEAN, PRIOR_SD)
    middle = float(np.log(share / (1 - share)))
    odds = rng.normal(middle, 0.5)
    belief = PriceLearner(1.0, COST, PRICES, (PRIOR_MEAN, PRIOR_SD), (middle, 0.5))
    worth = (PRICES - COST) * buying(elasticity, odds, PRICES)
    past: list[float] = []
    for _ in range(PERIODS):
        past.append(policy(belief, past, rng))
        if policy is not never:
            belief.observe(past[-1], VISITORS, rng.binomial(VISITORS, buying(elasticity, odds, past[-1])))
    return (np.array(past) - COST) * buying(elasticity, odds, np.array(past)) / worth.max()
