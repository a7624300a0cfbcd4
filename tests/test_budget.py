"""The budget split is exact to the cent and the best one there is; response curves follow their data and their priors."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaignwright.market.words import CHANNELS
from campaignwright.models import response_priors as prior
from campaignwright.models.budget import CELLS, BudgetProblem, allocate, sensible_minimum, split, worth_of
from campaignwright.models.budget_curves import ChannelCurves
from campaignwright.models.budget_shapes import adstock, hill


def curves(slope: float = 1.0, half: float = 200.0, theta: float = 0.2) -> ChannelCurves:
    """Eight channels that differ in their tops only."""
    params = np.array([[np.log(1000.0 * (c + 1)), np.log(half), np.log(slope), theta] for c in range(8)])
    return ChannelCurves(params, np.zeros((8, 4, 4)), np.full(8, 0.3), np.ones(8, int), np.full(8, 100.0), {}, 0)


def test_adstock_keeps_constant_money_and_carries_over() -> None:
    assert adstock(np.full(60, 5.0), 0.4)[-1] == pytest.approx(5.0)
    pulse = adstock(np.array([1.0, 0.0, 0.0]), 0.5)
    assert pulse.tolist() == pytest.approx([0.5, 0.25, 0.125])


def test_hill_is_half_at_half() -> None:
    assert hill(np.array([0.0, 3.0, 3e9]), 3.0, 1.7) == pytest.approx([0.0, 0.5, 1.0])


@given(
    budget=st.integers(1, 5_000_000),
    slope=st.sampled_from([0.7, 1.0, 1.8]),
    channels=st.lists(st.sampled_from(CHANNELS), min_size=1, max_size=8, unique=True),
    part=st.floats(0, 1),
)
@settings(max_examples=40, deadline=None)
def test_every_cent_is_accounted_for(budget: int, slope: float, channels: list[str], part: float) -> None:
    money = budget / 100
    fixed = {channels[0]: round(money * part, 2)} if part < 0.9 else {}
    found = allocate(curves(slope), money, fixed, channels=channels, days=14)
    cents = sum(round(amount * 100) for amount in found.spend.values()) + round(found.unspent * 100)
    assert cents == budget or set(channels) == set(fixed)
    assert all(amount >= 0 for amount in found.spend.values())
    for channel, amount in fixed.items():
        assert found.spend[channel] == amount


def test_equal_marginal_returns_on_concave_curves() -> None:
    found = allocate(curves(1.0), 10_000.0, channels=["email", "search", "social"], days=14)
    gains = np.array(list(found.marginal.values()))
    assert gains.max() / gains.min() < 1.01
    assert found.method == "multiplier"


def test_s_shaped_split_beats_every_random_split() -> None:
    model, channels = curves(2.5, half=400.0), ["email", "search", "social", "push"]
    found = allocate(model, 6_000.0, channels=channels, days=7)
    worth = worth_of(model, 7, np.ones(8), np.ones(8))
    rng = np.random.default_rng(0)
    money = np.zeros((3_000, 8))
    money[:, [CHANNELS.index(c) for c in channels]] = rng.dirichlet(np.full(4, 0.6), 3_000) * 6_000
    assert found.value >= worth(money).sum(axis=1).max() * (1 - 2 / CELLS)
    assert found.method == "dynamic programming"


def test_owned_channels_end_at_their_audience() -> None:
    cap = np.where(prior.OWNED, 500.0, np.inf)
    found = allocate(curves(), 50_000.0, channels=["email", "push"], days=7, cap=cap)
    assert found.unspent > 40_000
    assert set(found.bound) == {"email", "push"}


def test_bounds_are_kept_and_impossible_ones_named() -> None:
    found = allocate(curves(), 1_000.0, channels=["email", "social"], days=7, minimum={"email": 300.0}, maximum={"social": 200.0})
    assert found.spend["social"] <= 200.0 and found.spend["email"] >= 300.0
    with pytest.raises(BudgetProblem, match="more than the budget"):
        allocate(curves(), 1_000.0, {"email": 1_500.0}, channels=["email", "social"], days=7)
    with pytest.raises(BudgetProblem, match="negative"):
        allocate(curves(), 1_000.0, {"email": -1.0}, channels=["email"], days=7)
    with pytest.raises(BudgetProblem, match="zero or more"):
        split(worth_of(curves(), 7, np.ones(8), np.ones(8)), float("nan"), ["email"])


def test_a_named_channel_is_there_in_more_than_name_but_not_wasted_on() -> None:
    model = curves()
    model.params[CHANNELS.index("email"), 1] = np.log(0.5)  # a tiny list: half of it for 50 cents a day
    worth = worth_of(model, 14, np.ones(8), np.ones(8))
    least = sensible_minimum(worth, 20_000.0, ["email", "search"])
    assert least["search"] == pytest.approx(1_000.0)
    assert 0 < least["email"] <= 200.0


def test_without_results_the_priors_stand(workspace) -> None:  # noqa: ANN001
    fitted = ChannelCurves.fit(workspace)
    assert fitted.rows == 0 and not fitted.counts.any()
    assert np.all(fitted.log_sd(np.full((1, 8), 500.0), np.array([14.0]), np.ones((1, 8))) > 0.5)


def test_saved_curves_come_back_the_same(workspace, tmp_path) -> None:  # noqa: ANN001
    fitted = ChannelCurves.fit(workspace)
    fitted.save(tmp_path)
    again = ChannelCurves.load(tmp_path)
    assert np.array_equal(again.params, fitted.params) and np.array_equal(again.cov, fitted.cov)
