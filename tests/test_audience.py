"""Audiences: rules that follow the shop's own rhythm, churn against the recency rule, shops without orders."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaignwright.market.words import AUDIENCES
from campaignwright.market.workspace import Workspace
from campaignwright.models import store
from campaignwright.models.audience import AudienceModel
from campaignwright.models.audience_profile import best_hour

END = pd.Timestamp("2026-11-22 15:00")


def add_orders(workspace: Workspace, rows: list[tuple[str, int, float]], discount: float | None = None) -> None:
    """Orders of one line: (customer, days before the end, money)."""
    orders = pd.DataFrame({
        "order_id": [f"o{i}" for i in range(len(rows))], "customer_id": [row[0] for row in rows],
        "ordered_at": [END - pd.Timedelta(days=row[1]) for row in rows], "status": "paid", "total": [row[2] for row in rows]})
    lines = pd.DataFrame({"order_id": orders["order_id"], "line": 1, "product_id": "p1", "quantity": 1.0, "unit_price": orders["total"]})
    with workspace.transaction():
        workspace.insert("orders", orders.assign(discount=discount))
        workspace.insert("order_lines", lines)


def rhythm_shop(workspace: Workspace, gap: int) -> None:
    """100 customers who buy every `gap` days and are still buying, 20 who stopped 8 gaps ago, 5 who came yesterday."""
    rows = [(f"a{i}", day, 50.0 + i) for i in range(100) for day in range(i % gap, 12 * gap, gap)]
    rows += [(f"gone{i}", day, 40.0) for i in range(20) for day in range(8 * gap, 12 * gap, gap)]
    rows += [(f"fresh{i}", 1, 30.0) for i in range(5)]
    add_orders(workspace, rows)


@pytest.mark.parametrize("gap", [10, 40])
def test_lapsed_follows_the_rhythm_of_the_shop(workspace: Workspace, gap: int) -> None:
    rhythm_shop(workspace, gap)
    model = AudienceModel.fit(workspace)
    assert model.days["typical_gap_days"] == gap
    assert set(model.members("lapsed")) == {f"gone{i}" for i in range(20)}
    assert set(model.members("new")) == {f"fresh{i}" for i in range(5)}
    assert not set(model.members("loyal")) & set(model.members("lapsed"))
    assert model.size("all") == 125
    assert set(model.members("high_value")) <= {f"a{i}" for i in range(100)}


def test_unknown_audience_is_a_key_error(workspace: Workspace) -> None:
    rhythm_shop(workspace, 10)
    model = AudienceModel.fit(workspace)
    for ask in (model.size, model.members, model.profile, lambda name: model.reachable(name, "email")):
        with pytest.raises(KeyError):
            ask("vips")


def test_reach_counts_consent_and_says_when_it_is_unknown(workspace: Workspace) -> None:
    with workspace.transaction():
        workspace.insert("customers", pd.DataFrame({"customer_id": list("abcd"), "email_opt_in": [True, True, False, None],
                                                    "country": ["CN", "GB", "GB", "GB"]}))
    model = AudienceModel.fit(workspace)
    assert model.reachable("all", "email") == 0.5
    assert model.reachable("all", "sms") == 0.0 and not model.opt_in_known("all", "sms")
    assert model.reachable("all", "search") == 1.0
    assert model.reachable("all", "wechat") == 0.25


def test_nobody_known_names_the_table(workspace: Workspace) -> None:
    with pytest.raises(store.MissingTable) as caught:
        AudienceModel.fit(workspace)
    assert caught.value.table == "customers"


def test_traits_stand_in_for_orders(workspace: Workspace) -> None:
    traits = [{"recency": 1 + i % 12, "history": 10.0 * i, "newbie": i % 2} for i in range(100)]
    with workspace.transaction():
        workspace.insert("customers", pd.DataFrame({"customer_id": [f"h{i:03d}" for i in range(100)],
                                                    "traits": [json.dumps(one) for one in traits]}))
    model = AudienceModel.fit(workspace)
    assert model.size("new") == 50
    assert model.size("high_value") == 20
    assert model.profile("lapsed")["recency_days"] > 180
    assert model.profile("all")["churn_risk"] is None


def test_subjects_of_a_public_test_are_not_the_shops_customers(workspace: Workspace) -> None:
    rhythm_shop(workspace, 10)
    with workspace.transaction():
        workspace.insert("customers", pd.DataFrame({"customer_id": ["h1"], "traits": [json.dumps({"source": "hillstrom"})]}))
    assert AudienceModel.fit(workspace).size("all") == 125


def test_segments_of_the_workspace(workspace: Workspace) -> None:
    rhythm_shop(workspace, 10)
    workspace.set(segments={"big_spenders": {"value": [500, None]}})
    model = AudienceModel.fit(workspace)
    assert model.names() == [*AUDIENCES, "big_spenders"]
    assert (model.table.loc[model.members("big_spenders"), "value"] >= 500).all()
    workspace.set(segments={"broken": {"shoe_size": 43}})
    with pytest.raises(ValueError, match="shoe_size"):
        AudienceModel.fit(workspace)


def test_cancellations_lower_value_and_are_no_purchase(workspace: Workspace) -> None:
    add_orders(workspace, [("a", 5, 100.0), ("b", 5, 100.0)])
    with workspace.transaction():
        workspace.insert("orders", pd.DataFrame({"order_id": ["C1"], "customer_id": ["a"], "ordered_at": [END], "status": ["cancelled"],
                                                 "total": [-60.0]}))
        workspace.insert("order_lines", pd.DataFrame({"order_id": ["C1"], "line": [1], "product_id": ["p1"], "quantity": [-1.0],
                                                      "unit_price": [60.0]}))
    table = AudienceModel.fit(workspace).table
    assert table.loc["a", "value"] == 40.0 and table.loc["a", "frequency"] == 1 and table.loc["b", "value"] == 100.0


def test_saved_model_answers_the_same(workspace: Workspace) -> None:
    rhythm_shop(workspace, 10)
    first, second = (store.get(workspace, AudienceModel) for _ in range(2))
    for name in AUDIENCES:
        assert first.profile(name) == second.profile(name)
        assert json.dumps(first.profile(name), allow_nan=False)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.integers(0, 900), st.floats(0, 1e6)), min_size=1, max_size=60))
def test_any_history_gives_nested_audiences(tmp_path_factory: pytest.TempPathFactory, rows: list) -> None:
    with Workspace.open(tmp_path_factory.mktemp("any"), create=True) as workspace:
        add_orders(workspace, rows)
        model = AudienceModel.fit(workspace)
        for name in model.names():
            assert 0 <= model.size(name) <= model.size("all")
            assert set(model.members(name)) <= set(model.members("all"))
            json.dumps(model.profile(name), allow_nan=False)


def test_best_hour_needs_times_of_day() -> None:
    assert best_hour(pd.Series({0: 100})) == (None, None)
    assert best_hour(pd.Series({9: 5, 20: 40, 21: 30}))[0] == 20


def test_churn_ranks_better_than_recency_and_is_calibrated(workspace: Workspace) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(1500):
        gap = rng.choice([7, 60])
        stop = rng.choice([0, rng.integers(50, 400)])
        days = np.arange(rng.integers(0, gap), 500, gap) + rng.integers(0, 5)
        rows += [(f"c{i}", int(day), 20.0) for day in days if day >= stop]
    add_orders(workspace, rows)
    metrics = AudienceModel.fit(workspace).metrics
    assert metrics["churn_auc"] > metrics["churn_auc_recency_rule"] + 0.02
    assert abs(metrics["churn_mean_predicted"] - metrics["churn_mean_actual"]) < 0.1
