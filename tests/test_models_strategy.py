"""The area `strategy` of the suite `models`: every method keeps to its worlds, what was run is learnt, a stopped run goes on."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from campaignwright.evals import models_strategy
from campaignwright.evals.strategy_rivals import Copula, Random
from campaignwright.evals.strategy_worlds import world
from campaignwright.models.forecast import Forecaster
from campaignwright.models.strategy_bayes import Explorer, Surrogate, expected_improvement
from campaignwright.models.strategy_search import Search
from campaignwright.models.strategy_vae import StrategyGenerator

PRESENT = sum(find_spec(package) is not None for package in models_strategy.PACKAGES)


def test_repaired_plans_keep_the_brief_and_a_world_is_repeatable() -> None:
    with world(901, logged=40) as one, world(901, logged=40) as again:
        assert np.array_equal(one.seen, again.seen) and one.brief == again.brief
        for kind in (Random, Copula):
            raw = kind(one, 0).ask()
            plan = one.repair(raw)
            assert one.feasible(plan).all() and plan.shares.sum() == pytest.approx(1.0)
            assert one.value(plan) == again.value(plan)
        assert one.feasible(one.repair(one.log)).all()
        back = one.decode(one.encode(one.repair(one.log)))
        assert np.array_equal(back.offer, one.log.offer) and np.abs(back.discount - one.repair(one.log).discount).max() < 1e-6


def test_expected_improvement_has_the_closed_form_s_limits() -> None:
    sure = expected_improvement(np.array([2.0, 0.0]), np.array([1e-9, 1e-9]), 1.0)
    assert sure == pytest.approx([1.0, 0.0]) and expected_improvement(np.zeros(1), np.ones(1), 0.0)[0] == pytest.approx(0.39894, abs=1e-4)


def test_the_surrogate_learns_a_curve_and_is_unsure_far_away() -> None:
    x = np.linspace(0, 3, 25)[:, None]
    model = Surrogate(np.zeros(0)).fit(x, np.sin(2 * x[:, 0]))
    mean, sd = model.predict(np.array([[1.55], [9.0]]))
    assert mean[0] == pytest.approx(np.sin(3.1), abs=0.05) and sd[1] > 5 * sd[0]


def test_the_explorer_proposes_what_the_brief_allows_and_learns_where_the_forecast_is_wrong() -> None:
    with world(902, logged=40) as one:
        forecaster = Forecaster(one.workspace)
        generator = StrategyGenerator.learn(one.log, np.ones(40, int), one.seen, steps=40)
        search = Search(generator, forecaster, one.brief, [tuple(one.brief.products)], np.random.default_rng(0))
        explorer = Explorer(search, one.repair(one.log), one.log, one.seen)
        for _ in range(12):  # a world in which everything but the first offer is worth nothing
            plan = explorer.ask()
            assert one.feasible(plan).all()
            explorer.tell(plan, one.brief.budget if plan.offer[0] == 0 else -0.9 * one.brief.budget)
        told = explorer.plans.take(np.arange(40, 52))
        believed = explorer.estimate()
        assert (told.offer[6:] == 0).mean() > 0.5 and (told.offer == 0).any()
        assert believed[told.offer == 0].min() > believed[told.offer != 0].max(initial=-np.inf)


@pytest.mark.slow
def test_the_area_reports_every_method_and_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, seen = tmp_path / "lines.jsonl", []
    real = models_strategy._play

    def stopped(*arguments):  # noqa: ANN002, ANN202
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(arguments[1].name)
        return real(*arguments)

    monkeypatch.setattr(models_strategy, "_play", stopped)
    with pytest.raises(KeyboardInterrupt):
        models_strategy.run(limit=1, seed=8, budgets=(3, 6), lines=lines)
    kept = [json.loads(line) for line in lines.read_text().splitlines()]
    assert len(kept) == 4  # the world and three methods
    played = []
    monkeypatch.setattr(models_strategy, "_play", lambda *a: played.append(a[1].name) or real(*a))
    area = models_strategy.run(limit=1, seed=8, budgets=(3, 6), lines=lines)
    assert not lines.exists() and len(played) == 2 * (3 + len(models_strategy.PLAIN) + PRESENT) - 3
    first = area.rows[0]
    assert first.measure == "gap closed after 3 runs" and first.ours.value <= 1.0
    assert {"random", "resampled log", "Gaussian copula", "GP-EI on raw controls"} <= {rival.name for rival in first.rivals}
    feasible = next(row for row in area.rows if row.measure.startswith("feasible"))
    assert feasible.ours.value == 1.0
