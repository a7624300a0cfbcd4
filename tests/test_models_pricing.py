"""Area pricing of the suite `models` on a few stores, shops and worlds; prices of several stores, learnt prices, price endings."""

from __future__ import annotations

import datetime as dt
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaignwright.evals import models_pricing
from campaignwright.evals.bench import table
from campaignwright.market.workspace import Workspace
from campaignwright.models.price_learning import PriceLearner, buying
from campaignwright.models.price_tag import price_tag
from campaignwright.models.pricing import PriceModel
from campaignwright.tools.base import Context, call
from campaignwright.tools.optimize_price import optimize_price

TODAY = dt.date(2026, 11, 23)


@pytest.mark.slow
def test_every_part_stands_beside_its_rivals(shared_data: Path) -> None:
    area = models_pricing.run(shared_data, limit=1)
    rows = {row.data: row for row in area.rows}
    assert len(rows) == 7 and len(table(area.rows)) > len(area.rows)
    assert {"least squares", "fixed effects", "double machine learning"} <= {
        one.name for one in [*rows["bayesm juice, demand made"].rivals]}
    assert all(math.isfinite(one.value) for row in area.rows for one in [row.ours, *row.rivals])


def test_the_textbook_elasticities(shared_data: Path) -> None:
    row = models_pricing.dominicks(shared_data)
    assert row.ours.value == 0 and row.verdict == "meets 0"


def test_what_all_stores_share_does_not_bias_the_elasticity(workspace: Workspace) -> None:
    rng, stores, weeks = np.random.default_rng(0), 20, 60
    national = rng.normal(0, 0.3, weeks)  # a demand shock that the head office's price follows in every store
    own = rng.normal(0, 0.08, (stores, weeks))
    log_price = np.log(5) + 0.3 * national + own
    units = np.exp(6 - 2.5 * log_price + national + rng.normal(0, 0.1, (stores, weeks)))
    store, week = np.meshgrid(np.arange(stores), np.arange(weeks), indexing="ij")
    with workspace.transaction():
        workspace.insert("prices", pd.DataFrame({
            "product_id": "juice", "store": store.ravel().astype(str), "price": np.exp(log_price).ravel(), "units": units.ravel(),
            "date": pd.Timestamp("2025-01-06") + pd.to_timedelta(7 * week.ravel(), unit="D"), "on_promotion": False}))
    model = PriceModel.fit(workspace)
    assert model.table.loc["juice", "b"] == pytest.approx(-2.5, abs=0.15)
    assert model.metrics["sources"] == {"stores": 1}
    assert model.metrics["pooled_naive"] > -1.5


def test_a_learner_comes_to_the_best_price() -> None:
    prices = np.round(np.arange(0.7, 1.51, 0.05), 2)
    belief, rng = PriceLearner(1.0, 0.6, prices, (-2.62, 0.9)), np.random.default_rng(1)
    for _ in range(150):
        price = belief.draw(rng)
        belief.observe(price, 500, rng.binomial(500, buying(-1.6, np.log(0.1 / 0.9), price)))
    truth = (prices - 0.6) * buying(-1.6, np.log(0.1 / 0.9), prices)
    assert truth[prices == belief.best()][0] > 0.98 * truth.max()
    mean = float((belief.table.sum(axis=1) * belief.elasticity).sum())
    assert mean == pytest.approx(-1.6, abs=0.4)


def test_a_learner_needs_a_price_above_cost() -> None:
    with pytest.raises(ValueError, match="at or below the cost"):
        PriceLearner(10.0, 9.0, np.array([8.0, 9.0]), (-2.6, 0.9))


@pytest.mark.parametrize("price, currency, tag", [
    (33.88, "USD", 33.90), (10.0, "USD", 9.99), (1287.0, "EUR", 1289.0), (33.2, "CNY", 29.0), (126.0, "CNY", 128.0), (9.2, "CNY", 8.9)])
def test_prices_end_as_shops_write_them(price: float, currency: str, tag: float) -> None:
    assert price_tag(price, currency) == tag


def test_an_ending_keeps_the_margin_floor() -> None:
    assert price_tag(10.2, "USD", least=10.1) == 10.90
    assert price_tag(5.0, "USD", least=20.0) == 20.90
    with pytest.raises(ValueError, match="more than 0"):
        price_tag(0.0, "USD")


def test_a_price_that_never_moved_gets_a_test_price_above_the_margin_floor(workspace: Workspace) -> None:
    with workspace.transaction():
        mug = {"product_id": "p1", "name": "Tea mug", "category": "mugs", "price": 20.0, "cost": 12.0}
        workspace.insert("products", pd.DataFrame([mug]))
        workspace.insert("prices", pd.DataFrame({"product_id": "p1", "price": 20.0, "units": 5.0, "on_promotion": False,
                                                 "date": pd.date_range("2026-01-01", periods=60)}))
    ctx = Context(workspace=workspace, today=TODAY)
    one, two = (call({"optimize_price": optimize_price}, ctx, "optimize_price", {"product": "tea mug", "min_margin": "30%"})[0]
                for _ in range(2))  # fmt: skip
    tried = one.data["test_price"]
    assert tried == two.data["test_price"] and tried != 20.0
    assert 12.0 / tried <= 0.7 and round(tried % 1, 2) in (0.9, 0.99)
    assert any(f"{tried:.2f}" in note for note in one.notes)
