"""Elasticities: textbook numbers on Dominick's, truth of simulated demand, wide when the data say little; profit curves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaignwright.market.workspace import Workspace
from campaignwright.models import price_curve, store
from campaignwright.models.price_curve import Goods
from campaignwright.models.price_spells import spell_elasticity
from campaignwright.models.pricing import PRIOR_MEAN, PriceModel, grouped_slopes


def add_prices(workspace: Workspace, truth: float, *, products: int = 20, weeks: int = 104, reaction: float = 0.0, seed: int = 0,
               cost: float | None = 6.0) -> None:
    """Weekly prices around 10, reset every four weeks, and Poisson units; `reaction` lets the price follow the demand shock."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(products):
        shock = np.zeros(weeks)
        for t in range(1, weeks):
            shock[t] = 0.75 * shock[t - 1] + 0.2 * rng.normal()
        target = 0.05 * rng.normal(size=weeks) + reaction * shock
        log_price = target[np.arange(weeks) // 4 * 4]
        units = rng.poisson(60 * np.exp(truth * log_price + shock))
        rows.append(pd.DataFrame({"product_id": f"p{i}", "price": np.round(10 * np.exp(log_price), 3), "units": units.astype(float),
                                  "date": pd.date_range("2024-01-01", periods=weeks, freq="7D"), "on_promotion": False}))
    with workspace.transaction():
        workspace.insert("prices", pd.concat(rows))
        workspace.insert("products", pd.DataFrame({
            "product_id": [f"p{i}" for i in range(products)], "name": [f"Mug {i}" for i in range(products)],
            "category": [("mugs", "cups")[i % 2] for i in range(products)], "price": 10.0, "cost": cost}))


def test_dominicks_gives_the_textbook_elasticities(workspace: Workspace, shared_data: Path) -> None:
    data = pd.read_csv(shared_data / "dominicks_oj" / "oj.csv.gz")
    with workspace.transaction():
        workspace.insert("prices", pd.DataFrame({"product_id": data["brand"], "price": data["price"], "units": data["sales"],
                                                 "on_promotion": data["feat"] == 1}))
    model = PriceModel.fit(workspace)
    assert model.metrics["pooled_naive"] == pytest.approx(-3.139, abs=0.001)
    assert model.metrics["pooled_naive_se"] == pytest.approx(0.023, abs=0.001)
    published = {"dominicks": -2.90, "minute.maid": -2.37, "tropicana": -2.29}  # with the promotion held fixed
    assert model.table["b"].round(2).to_dict() == published
    for brand, value in published.items():
        mean, sd = model.elasticity(brand)
        assert mean == pytest.approx(value, abs=0.15)
        assert 0.3 < sd < 0.7  # neither week nor store is known: promotion timing cannot be told from price


def test_managers_who_react_to_demand_bias_the_plain_slope_and_not_ours(workspace: Workspace) -> None:
    add_prices(workspace, -2.0, reaction=0.3, products=60)
    model = PriceModel.fit(workspace)
    assert model.metrics["plain_elasticity"] > -1.5
    assert abs(model.metrics["spell_elasticity"] + 2.0) < 1.5 * model.metrics["spell_se"]
    means = np.array([model.elasticity(f"p{i}")[0] for i in range(60)])
    assert abs(means.mean() + 2.0) < 0.7


def test_price_that_never_moved_is_left_to_the_prior(workspace: Workspace) -> None:
    dates = pd.date_range("2026-01-01", periods=60)
    with workspace.transaction():
        workspace.insert("prices", pd.DataFrame({"product_id": "p1", "price": 9.0, "units": 5.0, "date": dates}))
    mean, sd = PriceModel.fit(workspace).elasticity("p1")
    assert mean == pytest.approx(PRIOR_MEAN, abs=0.01) and sd > 0.9


def test_prices_paid_on_orders_stay_wide(workspace: Workspace) -> None:
    rng = np.random.default_rng(1)
    n = 3000
    price = np.exp(0.2 * rng.normal(size=n)) * 5
    orders = pd.DataFrame({"order_id": [f"o{i}" for i in range(n)], "customer_id": "c", "status": "paid",
                           "ordered_at": pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 364, n), unit="D")})
    lines = pd.DataFrame({"order_id": orders["order_id"], "line": 1, "product_id": [f"p{i % 5}" for i in range(n)], "quantity": 1.0,
                          "unit_price": price})
    with workspace.transaction():
        workspace.insert("orders", orders)
        workspace.insert("order_lines", lines)
    model = PriceModel.fit(workspace)
    assert model.metrics["sources"] == {"order_lines": 5}
    assert all(model.elasticity(f"p{i}")[1] > 0.5 for i in range(5))


def test_economics_and_multiplier(workspace: Workspace) -> None:
    add_prices(workspace, -2.5)
    model = PriceModel.fit(workspace)
    facts = model.economics(["p0", "p1"])
    assert facts["cost_known"] and facts["cost"] == pytest.approx(6.0) and facts["price"] == pytest.approx(10, rel=0.2)
    mean, _ = model.elasticity("p3")
    assert model.demand_multiplier(["p3"], 0.2) == pytest.approx(0.8**mean)
    assert model.demand_multiplier([], 0.0) == 1.0
    with pytest.raises(KeyError):
        model.elasticity("nothing")
    again = store.get(workspace, PriceModel)
    assert store.get(workspace, PriceModel).elasticity("p3") == again.elasticity("p3")


def test_no_product_at_all(workspace: Workspace) -> None:
    with pytest.raises(store.MissingTable):
        PriceModel.fit(workspace)


def test_grouped_slopes_agree_with_one_regression_at_a_time() -> None:
    rng = np.random.default_rng(2)
    x = np.column_stack([np.ones(400), rng.normal(0, 0.3, 400), np.zeros((400, 6))])
    y = rng.poisson(np.exp(3 - 2 * x[:, 1])).astype(float)
    together, _ = grouped_slopes(y, x, np.array([0, 200]), poisson=True)
    alone = [grouped_slopes(y[part], x[part], np.array([0]), poisson=True)[0][0] for part in (slice(0, 200), slice(200, 400))]
    assert together == pytest.approx(alone, abs=1e-6)
    assert together == pytest.approx([-2, -2], abs=0.15)


def test_spells_need_dates() -> None:
    panel = pd.DataFrame({"product_id": ["a"], "group": ["a"], "date": [pd.NaT], "price": [1.0], "units": [1.0], "source": ["prices"],
                          "promotion": [0.0], "category": [""], "sold_out": [0.0]})
    assert spell_elasticity(panel, (-2.62, 0.9)) is None


def one(price: float, cost: float, mean: float, sd: float = 0.05, units: float = 100.0) -> Goods:
    return Goods(*(np.array([value]) for value in (price, cost, units, mean, sd)))


def test_best_discount_follows_the_markup_rule() -> None:
    """(p - c) / p = 1 / |e|: at cost 5 and e = -2.5 the best price is 8.33."""
    depth, chance = price_curve.best(one(10.0, 5.0, -2.5), 0.5)
    assert 10 * (1 - depth) == pytest.approx(25 / 3, abs=0.1)
    assert chance > 0.95
    assert price_curve.best(one(10.0, 5.0, -1.5), 0.5)[0] == 0.0


@settings(max_examples=40, deadline=None)
@given(price=st.floats(1, 1e4), share=st.floats(0.05, 0.95), mean=st.floats(-7, -0.2), sd=st.floats(0.05, 1.5), deepest=st.floats(0, 0.9))
def test_curves_are_ordered_and_start_at_today(price: float, share: float, mean: float, sd: float, deepest: float) -> None:
    goods = one(price, price * share, mean, sd)
    frame = price_curve.curve(goods, deepest)
    assert frame["units"].iloc[0] == pytest.approx(100) and frame["discount"].iloc[-1] <= deepest + 0.0051
    for name in ("units", "revenue", "profit"):
        assert (frame[f"{name}_low"] <= frame[f"{name}_high"] + 1e-6).all()
    assert price_curve.best(goods, deepest)[0] <= deepest + 0.0051


def test_breakeven_and_margin_floor() -> None:
    assert price_curve.breakeven_lift(0.4, 0.2) == pytest.approx(1.0)
    assert price_curve.breakeven_lift(0.2, 0.3) == float("inf")
    assert price_curve.deepest_for_margin(10, 6, 0.25) == pytest.approx(0.2)
    assert price_curve.deepest_for_margin(10, 9, 0.5) == 0.0
