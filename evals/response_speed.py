"""How many rows a second our response models score: trees on impressions, and the forecast's stages on campaign rows.

Process seconds of one thread, the quickest of nine turns; two cores are taken as twice that. Encoding of ids is included.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from campaignwright.evals.bench import Row, Score
from campaignwright.market.words import ANGLES, OFFERS
from campaignwright.models.response import Stage
from campaignwright.models.response_features import Features
from campaignwright.models.response_learners import Boosted, Network
from campaignwright.models.response_rows import STAGES
from campaignwright.models.response_shrunk import Posterior
from campaignwright.models.strategy_space import Batch, K, objects

ROWS = 100_000
STRATEGIES = 2_000
GOAL = 1e6


def per_second(score: Callable[[], object], rows: int) -> float:
    """Rows a second on two cores."""
    spent = []
    for _ in range(9):
        start = time.process_time()
        score()
        spent.append(time.process_time() - start)
    return 2 * rows / min(spent)


def row(x: np.ndarray, y: np.ndarray, ids: tuple[int, ...], seed: int) -> Row:
    """Impressions: our trees, beside histogram boosting and our network."""
    many = x[np.random.default_rng(seed).integers(0, len(x), ROWS)]
    trees, network = (cls.fit(x, y, ids=ids, seed=seed) for cls in (Boosted, Network))
    rival = HistGradientBoostingClassifier(learning_rate=0.05, early_stopping=True, max_iter=500, random_state=seed).fit(x, y)
    speed = [per_second(call, ROWS) for call in (lambda: trees.predict(many), lambda: rival.predict_proba(many),
                                                 lambda: network.predict(many))]  # fmt: skip
    bare = trees.encoder(many)
    alone = per_second(lambda: trees._booster.predict(bare, raw_score=True, num_threads=1), ROWS)
    return Row("response", "click_prediction_small", "rows scored a second, two cores", "higher", Score("our trees", speed[0]),
               [Score("histogram boosting", speed[1]), Score("our network", speed[2])], goal=GOAL, cases=ROWS,
               note=f"The trees without the encoding of ids: {alone:,.0f}.")  # fmt: skip


def campaigns(seed: int) -> Row:
    """Campaign rows: strategies as arrays -> the forecast's four shrunk stages on eight channels, each with its sd."""
    rng = np.random.default_rng(seed)
    names = tuple(f"level{i}" for i in range(6))
    features = Features(names, names, "2026-01-01")
    n, p = STRATEGIES, len(features.names)
    pick = [np.array(names, dtype=object)[rng.integers(0, 6, n)] for _ in range(2)]
    batch = Batch(*pick, objects([()] * n), np.full((n, K), 1 / K), rng.uniform(0, 0.3, n), rng.integers(0, len(OFFERS), n),
                  rng.integers(3, 30, n).astype(float), rng.integers(7, 22, n), rng.uniform(0.5, 5, n),
                  rng.integers(0, len(ANGLES), n), rng.uniform(500, 5000, n),
                  np.datetime64("2026-01-01") + rng.integers(0, 90, n))  # fmt: skip
    fitted = Stage(Posterior(rng.normal(0, 0.1, p), np.eye(p) * 0.01, 0.2, 0.1), np.ones(K), np.ones(K, int))
    covariates = np.zeros((n, 3))

    def score() -> None:
        blocks = features.blocks(batch, covariates)
        for _ in STAGES:
            fitted.predict(blocks)

    speed = per_second(score, n * K)
    return Row("response", "simulated strategies", "campaign rows scored a second, two cores", "higher", Score("shrunk rates", speed), [],
               goal=GOAL, cases=n * K,
               note="From the strategies on: reach, click and conversion rate, order value, each with its sd.")  # fmt: skip
