"""Demand: level and season are found, intervals cover, stock arithmetic, erratic sellers stay uncertain."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaignwright.market.workspace import Workspace
from campaignwright.models import store
from campaignwright.models.demand import DemandModel, candidates, mase, season_of, tame
from campaignwright.models.demand_spread import exceeds, quantile

END = pd.Timestamp("2026-11-22")


def add_sales(workspace: Workspace, rates: np.ndarray, seed: int = 0) -> np.ndarray:
    """Daily Poisson sales as `prices` rows with units; rates (products, days), the last day is END. Returns the units."""
    units = np.random.default_rng(seed).poisson(rates)
    days = pd.date_range(end=END, periods=rates.shape[1])
    frame = pd.DataFrame({"product_id": np.repeat([f"p{i}" for i in range(len(rates))], rates.shape[1]), "price": 9.0,
                          "date": np.tile(days, len(rates)), "units": units.ravel().astype(float)})
    with workspace.transaction():
        workspace.insert("prices", frame)
        workspace.insert("products", pd.DataFrame({"product_id": [f"p{i}" for i in range(len(rates))],
                                                   "name": [f"Pan {i}" for i in range(len(rates))], "category": "pans"}))
    return units


def test_level_and_interval(workspace: Workspace) -> None:
    rates = np.linspace(0.5, 8, 40)[:, None] * np.ones((1, 400))
    add_sales(workspace, rates)
    model = DemandModel.fit(workspace)
    start = dt.date(2026, 11, 23)
    expected = rates[:, 0] * 14
    found = np.array([model.demand(f"p{i}", start, 14) for i in range(40)])
    assert np.abs(found[:, 0] / expected - 1).mean() < 0.15
    truth = np.random.default_rng(9).poisson(expected[:, None], (40, 200))
    inside = ((truth >= found[:, 1:2]) & (truth <= found[:, 2:])).mean()
    assert 0.7 < inside < 0.97
    assert model.metrics["mase"] < model.metrics["mase_naive"]


def test_season_of_two_years_is_used(workspace: Workspace) -> None:
    day = np.arange(728)
    rates = 6 * (1 + 0.6 * np.cos(2 * np.pi * (day - 727) / 364))[None, :] * np.ones((25, 1))
    add_sales(workspace, rates)
    model = DemandModel.fit(workspace)
    winter, summer = model.mean("p0", dt.date(2026, 11, 23), 14), model.mean("p0", dt.date(2027, 5, 24), 14)
    assert winter > 1.3 * summer


def test_uplift_scales_demand(workspace: Workspace) -> None:
    add_sales(workspace, np.full((3, 100), 2.0))
    model = DemandModel.fit(workspace)
    start = dt.date(2026, 12, 1)
    assert model.demand("p0", start, 7, 0.5)[0] == pytest.approx(1.5 * model.demand("p0", start, 7)[0])
    assert model.mean("p0", start, 14) == pytest.approx(model.mean("p0", start, 7) + model.mean("p0", start + dt.timedelta(7), 7))
    assert model.mean("p0", dt.date(2031, 1, 1), 14) > 0
    with pytest.raises(KeyError):
        model.mean("unknown", start, 7)


def test_stock_plan_is_ordered(workspace: Workspace) -> None:
    add_sales(workspace, np.full((30, 200), 3.0))
    model = DemandModel.fit(workspace)
    start = dt.date(2026, 12, 1)
    plans = [model.stock_plan("p0", start, 14, stock, 0.0, 10) for stock in (0, 20, 60, 200)]
    risks, orders = [plan["stockout_risk"] for plan in plans], [plan["reorder_units"] for plan in plans]
    assert risks == sorted(risks, reverse=True) and orders == sorted(orders, reverse=True)
    assert risks[0] == 1.0 and risks[-1] < 0.01 and orders[-1] == 0
    dates = [plan["reorder_date"] for plan in plans]
    assert dates == sorted(dates) and dates[0] <= start - dt.timedelta(days=10) and dates[-1] > start  # 10 days to deliver
    assert plans[2]["stock_days"] == pytest.approx(20, rel=0.2)
    late = model.stock_plan("p0", start, 14, 20, 60.0, 30)
    soon = model.stock_plan("p0", start, 14, 20, 60.0, 5)
    assert late["stockout_risk"] > soon["stockout_risk"]  # what arrives after the campaign does not help it


def test_orders_come_first_and_saved_model_answers_the_same(workspace: Workspace) -> None:
    days = pd.date_range(end=END, periods=60)
    with workspace.transaction():
        workspace.insert("orders", pd.DataFrame({"order_id": [f"o{i}" for i in range(60)], "ordered_at": days, "status": "paid"}))
        workspace.insert("order_lines", pd.DataFrame({"order_id": [f"o{i}" for i in range(60)], "line": 1, "product_id": "mug",
                                                      "quantity": 2.0, "unit_price": 4.0}))
    first, second = (store.get(workspace, DemandModel) for _ in range(2))
    start = dt.date(2026, 12, 1)
    assert first.demand("mug", start, 7)[0] == pytest.approx(14, rel=0.1)
    assert first.demand("mug", start, 7) == second.demand("mug", start, 7)


def test_no_sale_at_all(workspace: Workspace) -> None:
    with pytest.raises(store.MissingTable):
        DemandModel.fit(workspace)


def test_one_huge_order_is_tamed() -> None:
    history = np.array([[4.0, 5, 6, 5, 80_000, 5]])
    assert tame(history).max() == 50
    assert tame(np.zeros((2, 5))).tolist() == np.zeros((2, 5)).tolist()


def test_mase_of_the_naive_forecast_is_about_one() -> None:
    history = np.random.default_rng(0).poisson(20, (200, 60)).astype(float)
    repeat = np.repeat(history[:, -9:-8], 8, axis=1)
    assert mase(history[:, -8:], repeat, history[:, :-8]) == pytest.approx(1.0, abs=0.1)
    assert season_of(history, np.array(["a"] * 200)) is None
    assert all(forecast.shape == (200, 53) for forecast in candidates(history, np.array(["a"] * 200), 53).values())


@settings(max_examples=50, deadline=None)
@given(mean=st.floats(0.01, 1e6), phi=st.floats(1, 100), level=st.floats(0, 1.5))
def test_quantiles_are_ordered(mean: float, phi: float, level: float) -> None:
    values = [quantile(mean, phi, level, q) for q in (0.05, 0.5, 0.95)]
    assert values == sorted(values) and values[0] >= 0
    assert exceeds(values[2], mean, phi, level) <= 0.05 + 1e-6
    assert quantile(0.0, phi, level, 0.9) == 0


def test_a_slow_seller_has_whole_units_and_a_median_below_its_mean() -> None:
    assert quantile(np.array([0.4, 1.2]), 1.5, 0.3, 0.5).tolist() == [0.0, 1.0]
    draws = np.random.default_rng(0).negative_binomial(2, 0.25, 100_000)  # mean 6, variance 24
    assert np.mean(draws > 8) == pytest.approx(float(exceeds(8, 6.0, 4.0, 0.0)), abs=0.01)


def test_a_rare_sellers_interval_holds_its_mean(workspace: Workspace) -> None:
    add_sales(workspace, np.full((20, 200), 0.02))
    mean, low, high = DemandModel.fit(workspace).demand("p0", dt.date(2026, 11, 23), 7)
    assert 0 <= low <= mean <= high


def test_half_a_year_is_too_short_to_choose_on_and_the_mean_of_all_is_used() -> None:
    history = np.random.default_rng(0).poisson(4, (30, 24)).astype(float)
    model = DemandModel.from_history(pd.Index([f"p{i}" for i in range(30)]), history, np.array(["a"] * 30), dt.date(2026, 11, 22))
    assert model.metrics["method"] == "average_26" and model.weekly[:, 0] == pytest.approx(history.mean(axis=1))
