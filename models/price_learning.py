"""A price that is still being learned: Thompson sampling over logit demand.

Of the visitors who see price p a share P(p) = 1 / (1 + exp(-(a + b (p / p0 - 1)))) buys; p0 is today's price, a the log-odds of
buying there and b (1 - P(p0)) the elasticity there. What is known about (elasticity, a) is a table of probabilities on a grid, so
Bayes' rule is exact. The next price is the best one for a draw from that table (Thompson 1933; for prices Ferreira, Simchi-Levi and
Wang 2018), here for the mean of two draws, which tries a little less: the less is known, the more prices are tried.
"""

from __future__ import annotations

import numpy as np

STEEPEST, FLATTEST = -8.0, -0.05
POINTS = 61  # of the grid, along each side
DRAWS = 2  # chosen on 150 simulated shops that the suite `models` does not use
LOG_ODDS = (float(np.log(0.1 / 0.9)), 0.5)  # of buying, where visitors are not counted: a tenth of those who look, give or take


class PriceLearner:
    """Belief about one product's demand. `table` (POINTS, POINTS): probability of each (elasticity, log-odds), summing to 1."""

    def __init__(
        self,
        price: float,
        cost: float,
        candidates: np.ndarray,
        elasticity: tuple[float, float],
        log_odds: tuple[float, float] = LOG_ODDS,
    ) -> None:
        """`price` today's, `cost` a unit, `candidates` (prices,) that may be set, money; `elasticity` (mean, sd) at `price`, a normal
        cut to -8 ... -0.05; `log_odds` (mean, sd) of a visitor's buying at `price`. Raises ValueError without a candidate above cost.
        """
        self.price, self.cost, self.candidates = price, cost, np.asarray(candidates, float)
        if not price > 0 or not (self.candidates > cost).any():
            raise ValueError("No price to try: every candidate is at or below the cost.")
        (mean, sd), (middle, width) = elasticity, log_odds
        self.elasticity = np.linspace(max(STEEPEST, mean - 4 * sd), min(FLATTEST, mean + 4 * sd), POINTS)
        self.log_odds = np.linspace(middle - 4 * width, middle + 4 * width, POINTS)
        self.logs = -0.5 * (((self.elasticity - mean) / sd) ** 2)[:, None] - 0.5 * (((self.log_odds - middle) / width) ** 2)[None, :]
        gain = (one - cost for one in self.candidates)
        self.profits = np.array([margin * self.chance(one) for margin, one in zip(gain, self.candidates, strict=True)])

    def chance(self, price: float) -> np.ndarray:
        """(POINTS, POINTS) share of visitors who buy at `price`, for each belief."""
        return buying(self.elasticity[:, None], self.log_odds[None, :], price / self.price)

    def observe(self, price: float, visitors: float, buyers: float) -> None:
        """Take in a period: of `visitors` at `price`, `buyers` bought."""
        chance = np.clip(self.chance(price), 1e-12, 1 - 1e-12)
        self.logs = self.logs + buyers * np.log(chance) + (visitors - buyers) * np.log1p(-chance)

    @property
    def table(self) -> np.ndarray:
        weight = np.exp(self.logs - self.logs.max())
        return weight / weight.sum()

    def draw(self, rng: np.random.Generator, draws: int = DRAWS) -> float:
        """The next price to try: the best candidate for the mean of `draws` draws of demand from the belief."""
        ones = rng.choice(POINTS * POINTS, draws, p=self.table.ravel())
        return float(self.candidates[self.profits.reshape(len(self.candidates), -1)[:, ones].mean(axis=1).argmax()])

    def best(self) -> float:
        """The candidate with the highest expected profit: the price when there is nothing left to learn."""
        return float(self.candidates[np.tensordot(self.profits, self.table, axes=2).argmax()])


def buying(elasticity: np.ndarray | float, log_odds: np.ndarray | float, ratio: np.ndarray | float) -> np.ndarray:
    """Share of visitors who buy at `ratio` times today's price; the arguments broadcast."""
    slope = elasticity * (1 + np.exp(log_odds))  # 1 / (1 - P(p0)) = 1 + e^a
    return 1 / (1 + np.exp(-(log_odds + slope * (np.asarray(ratio) - 1))))
