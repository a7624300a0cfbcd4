"""Area budget of the suite `models` on a few instances and histories; curves of known weekly series."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from campaignwright.evals import budget_worlds, models_budget
from campaignwright.evals.bench import table
from campaignwright.models.budget_series import fit_series


def test_splits_stand_beside_their_rivals_and_are_the_best_known() -> None:
    rows, notes = models_budget.known(2, 0, lambda share, text: None)
    assert {one.name for one in rows[0].rivals} == {models_budget.EQUAL, models_budget.LAST, models_budget.SLSQP}
    assert rows[0].ours.value > 99.95 and rows[0].cases == 6
    assert "Marginal returns" in notes[0] and len(table(rows)) > 2


@pytest.mark.parametrize("kind", budget_worlds.KINDS)
def test_bounds_hold_and_free_channels_earn_the_same_at_the_margin(kind: str) -> None:
    for seed in range(3):
        one = budget_worlds.draw_instance(kind, np.random.default_rng([5, seed]))
        money = models_budget.solve(one)
        assert money.sum() == pytest.approx(one.budget, abs=0.005)
        assert (money >= one.low - 0.006).all() and (money <= one.high + 0.006).all()
        free = (money > one.low + 0.02 * one.budget) & (money < one.high - 0.02 * one.budget)
        gain = one.marginal(money)[free]
        assert not free.any() or gain.max() / gain.min() < 1.05


@pytest.mark.slow
def test_curves_of_a_known_series_come_back_within_their_intervals(shared_data: Path) -> None:
    area = models_budget.run(shared_data, limit=3)
    assert len(area.rows) == 6 and len(area.notes) == 3
    assert all(math.isfinite(one.value) for row in area.rows for one in [row.ours, *row.rivals])


def test_returns_of_a_clear_series_are_found() -> None:
    rng = np.random.default_rng(0)
    spend = rng.gamma(1.0, 1000.0, (120, 2)) * (rng.random((120, 2)) < 0.8)
    one = budget_worlds.draw_series(spend, np.random.default_rng(3))
    fit = fit_series(one.revenue, spend)
    low, high = np.quantile(fit.returns(), [0.025, 0.975], axis=0)
    assert (low < one.returns()).all() and (one.returns() < high).all()
    assert fit.fit > 0.5 and (fit.weekly(np.array([[0.0, 0.0]])) == 0).all()


def test_short_or_broken_series_are_refused() -> None:
    with pytest.raises(ValueError, match="52 weeks"):
        fit_series(np.ones(20), np.ones((20, 1)))
    with pytest.raises(ValueError, match="finite"):
        fit_series(np.full(60, np.nan), np.ones((60, 1)))
    with pytest.raises(ValueError, match="some spend"):
        fit_series(np.ones(60), np.zeros((60, 1)))
