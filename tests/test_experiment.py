"""Test design against the textbook formula and by simulation; read-outs against published intervals and effects."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportions_ztest

from campaignwright.models import experiment


def test_sample_size_is_the_textbook_one() -> None:
    """5 % against 6 % at 5 % two-sided and 80 % power: 8,146 to 8,158 an arm (Fleiss 1981, without correction)."""
    assert experiment.needed(0.05, 0.2, 0.5) / 2 == pytest.approx(8150, rel=0.005)


def test_detectable_lift_is_detected_four_times_in_five() -> None:
    lift = experiment.detectable(0.05, 12_000, 0.3)
    rng = np.random.default_rng(0)
    control, treated = rng.binomial(3600, 0.05, 600), rng.binomial(8400, 0.05 * (1 + lift), 600)
    found = [proportions_ztest([t, c], [8400, 3600])[1] < 0.05 for t, c in zip(treated, control, strict=True)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.05)


def test_design_takes_the_smallest_holdout_then_more_days_then_refuses() -> None:
    easy = experiment.design(200_000, 0.05, 14, 0.2)
    assert easy.possible and easy.holdout == 0.05 and easy.days == 14 and easy.mde <= 0.2
    longer = experiment.design(15_000, 0.02, 14, 0.2)
    assert longer.possible and longer.holdout == 0.5 and 14 < longer.days <= 56
    never = experiment.design(500, 0.02, 14, 0.05)
    assert not never.possible and never.mde > 0.05
    assert experiment.design(0, 0.02, 14, 0.05).mde == float("inf")
    with pytest.raises(ValueError, match="min_effect"):
        experiment.design(500, 0.02, 14, 0.0)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 10**7), rate=st.floats(0, 0.9), days=st.integers(1, 366), effect=st.floats(0.001, 5))
def test_any_design_keeps_its_promise(n: int, rate: float, days: int, effect: float) -> None:
    found = experiment.design(n, rate, days, effect)
    assert found.possible == (found.mde <= effect)
    assert found.days >= days and 0 < found.holdout <= 0.5


def test_newcombe_interval_is_the_published_one() -> None:
    """Newcombe 1998, table II, contrast (a): 56/70 - 48/80 has the 95 % score interval 0.0524 to 0.3339."""
    found = experiment.difference((56, 70), (48, 80), alpha=0.05)
    assert (found["difference_low"], found["difference_high"]) == pytest.approx((0.0524, 0.3339), abs=0.0002)
    assert found["relative"] == pytest.approx(0.8 / 0.6 - 1)


def test_intervals_cover() -> None:
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(400):
        found = experiment.difference((int(rng.binomial(3000, 0.06)), 3000), (int(rng.binomial(1000, 0.05)), 1000))
        inside += found["relative_low"] <= 0.2 <= found["relative_high"]
    assert inside / 400 == pytest.approx(0.8, abs=0.06)


def test_no_buyer_at_all_is_not_an_error() -> None:
    found = experiment.difference((0, 100), (0, 100))
    assert found["difference"] == 0 and found["relative_low"] <= 0 <= found["relative_high"]
    assert experiment.money_a_head(np.zeros(10), np.zeros(10)) == (0.0, 0.0, 0.0)


def test_money_a_head_bootstrap_agrees_with_the_normal_interval() -> None:
    rng = np.random.default_rng(2)
    treated, control = (np.where(rng.random(20_000) < p, rng.gamma(2, 30, 20_000), 0.0) for p in (0.03, 0.02))
    value, low, high = experiment.money_a_head(treated, control)
    error = np.sqrt(treated.var() / 20_000 + control.var() / 20_000)
    assert (low, high) == pytest.approx((value - 1.2816 * error, value + 1.2816 * error), abs=0.25 * error)


def test_read_exposures_needs_both_sides() -> None:
    rows = pd.DataFrame({"arm": ["mail"] * 5, "visit": True, "conversion": False, "spend": 0.0})
    assert experiment.read_exposures(rows) == {}
    both = pd.concat([rows, rows.assign(arm="control", visit=False)])
    assert experiment.read_exposures(both)["all"]["visit"]["difference"] == 1.0


def test_verdict() -> None:
    assert [experiment.verdict(*pair) for pair in ((0.1, 1), (-1, -0.1), (-1, 1))] == ["good", "bad", "inconclusive"]
