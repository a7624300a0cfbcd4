"""Recommendations: what belongs together is found, the method is chosen on later purchases, fees are not goods."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from campaignwright.market.workspace import Workspace
from campaignwright.models import store
from campaignwright.models.merchandise import service_lines
from campaignwright.models.recommender import Recommender
from campaignwright.models.recommender_items import alike, ease, hits, strongest, with_others


def add_baskets(workspace: Workspace, baskets: list[tuple[str, int, list[str]]], names: dict[str, str] | None = None) -> None:
    """Orders of (customer, day, products)."""
    products = sorted({product for *_, items in baskets for product in items})
    orders = pd.DataFrame({"order_id": [f"o{i}" for i in range(len(baskets))], "customer_id": [b[0] for b in baskets], "status": "paid",
                           "ordered_at": [pd.Timestamp("2026-01-01") + pd.Timedelta(days=b[1]) for b in baskets]})
    lines = pd.DataFrame([{"order_id": f"o{i}", "line": j, "product_id": product, "quantity": 1.0, "unit_price": 5.0}
                          for i, basket in enumerate(baskets) for j, product in enumerate(basket[2])])
    with workspace.transaction():
        workspace.insert("orders", orders)
        workspace.insert("order_lines", lines)
        workspace.insert("products", pd.DataFrame({"product_id": products, "name": [(names or {}).get(p, f"Thing {p}") for p in products]}))


def two_worlds(workspace: Workspace) -> None:
    """600 customers of tea (t0-t11) or coffee (k0-k11), each buying three of their world before day 80 and two after."""
    rng = np.random.default_rng(0)
    baskets = []
    for i in range(600):
        own = [f"{'tk'[i % 2]}{j}" for j in rng.choice(12, 5, replace=False)]
        baskets += [(f"c{i}", int(rng.integers(0, 78)), own[:3]), (f"c{i}", int(rng.integers(82, 100)), own[3:])]
    add_baskets(workspace, baskets)


def test_finds_what_belongs_together(workspace: Workspace) -> None:
    two_worlds(workspace)
    model = Recommender.fit(workspace)
    rows = model.for_products(["t3"], 5)
    assert len(rows) == 5 and all(row["product_id"].startswith("t") and row["product_id"] != "t3" for row in rows)
    assert rows[0]["because"] == "t3" and rows[0]["together"] > 0
    members = [f"c{i}" for i in range(1, 600, 2)]
    assert all(row["product_id"].startswith("k") for row in model.for_members(workspace, members, 5))
    assert model.metrics["hit10"] >= model.metrics["hit10_popularity"]
    only = model.for_members(workspace, members, 5, only={"k1", "k2"})
    assert {row["product_id"] for row in only} <= {"k1", "k2"}


def test_strangers_get_what_is_popular(workspace: Workspace) -> None:
    two_worlds(workspace)
    model = Recommender.fit(workspace)
    popular = [row["product_id"] for row in model.for_members(workspace, ["nobody"], 3)]
    assert popular == [row["product_id"] for row in model.for_products(["never sold"], 3)]
    assert len(popular) == 3


def test_saved_model_answers_the_same(workspace: Workspace) -> None:
    two_worlds(workspace)
    first, second = (store.get(workspace, Recommender) for _ in range(2))
    assert first.for_products(["k2"], 4) == second.for_products(["k2"], 4)
    assert second.metrics["method"] == first.metrics["method"]


def test_a_product_without_sales_is_placed_by_its_name(workspace: Workspace) -> None:
    rng = np.random.default_rng(0)
    baskets = []
    for i in range(400):
        own = [f"{'tk'[i % 2]}{j}" for j in rng.choice(12, 5, replace=False)]
        baskets += [(f"c{i}", int(rng.integers(0, 78)), own[:3]), (f"c{i}", int(rng.integers(82, 100)), own[3:])]
    add_baskets(workspace, baskets, {f"{w}{j}": f"{'green tea' if w == 't' else 'roast coffee'} {j}" for w in "tk" for j in range(12)})
    with workspace.transaction():
        workspace.insert("products", pd.DataFrame({"product_id": ["new-t", "new-k", "odd"],
                                                   "name": ["Tea, first flush", "Coffee cold", "Rope"]}))
    model = Recommender.fit(workspace)
    tea, both = [f"c{i}" for i in range(0, 400, 2)], {"new-t", "new-k", "odd"}
    rows = model.for_members(workspace, tea, 3, only=both)
    assert rows[0]["product_id"] == "new-t" and rows[0]["together"] == 0 and rows[0]["because"].startswith("t")
    assert "odd" not in [row["product_id"] for row in rows]
    beside = model.for_products(["new-k"], 3)
    assert all(row["product_id"].startswith("k") and row["because"] == "new-k" for row in beside)
    assert not any(row["because"] for row in model.for_products(["odd"], 3))


def test_alike_shares_sum_to_one_and_read_chinese() -> None:
    shares = alike(pd.Series(["green tea", "茶杯", "rope"]), pd.Series(["tea cup", "茶壶", "metal"]), k=2).toarray()
    assert np.allclose(shares.sum(axis=0), [1, 1, 0]) and shares[0, 0] == 1 and shares[1, 1] == 1


def test_needs_orders(workspace: Workspace) -> None:
    with pytest.raises(store.MissingTable):
        store.get(workspace, Recommender)


def test_fees_are_not_goods(workspace: Workspace) -> None:
    ids = [f"A{i}" for i in range(60)]
    add_baskets(workspace, [(f"c{i}", i, ["POST", "A60", *ids]) for i in range(8)], {"POST": "POSTAGE", "A60": "Bank Charges"})
    assert service_lines(workspace) == {"POST", "A60"}
    assert not {"POST", "A60"} & set(Recommender.fit(workspace).items)


def test_ease_has_a_zero_diagonal_and_solves_its_problem() -> None:
    """EASE minimises |X - XB|^2 + l |B|^2 under diag(B) = 0: no small step off the diagonal does better."""
    rng = np.random.default_rng(1)
    x = (rng.random((80, 12)) < 0.3).astype(float)
    weights = ease(x.T @ x, 5.0)
    assert np.allclose(np.diag(weights), 0)

    def loss(b: np.ndarray) -> float:
        return float(((x - x @ b) ** 2).sum() + 5.0 * (b**2).sum())

    for _ in range(20):
        step = rng.normal(0, 1e-3, weights.shape)
        np.fill_diagonal(step, 0)
        assert loss(weights + step) >= loss(weights)


def test_hits_ignores_what_is_already_owned() -> None:
    history, later = sparse.csr_matrix([[1, 0, 0.0]]), sparse.csr_matrix([[1, 0, 1.0]])
    assert hits(np.array([[9.0, 2.0, 1.0]]), history, later, k=1).tolist() == [0.0]
    assert hits(np.array([[9.0, 1.0, 2.0]]), history, later, k=1).tolist() == [1.0]
    assert strongest(np.array([[0.1, -3.0, 2.0]]), 2).toarray().tolist() == [[0.0, -3.0, 2.0]]


@pytest.mark.slow
def test_beats_popularity_on_a_real_shop(workspace: Workspace, shared_data: Path) -> None:
    from campaignwright.market.importers import import_file

    import_file(workspace, shared_data / "online_retail" / "online_retail.csv.gz")
    metrics = Recommender.fit(workspace).metrics
    assert metrics["method"].startswith("ease")
    assert metrics["hit10_gain_over_popularity"] > 2 * metrics["hit10_gain_se"]


def test_a_new_product_is_suggested_to_buyers_of_what_sold_once_and_is_alike() -> None:
    often, others = pd.Series(["green tea", "hemp rope"]), pd.Series(["tin kettle", "tin kettle blue", "paper lamp"])
    sold, new = np.array([True, False, False]), np.array([False, True, True])
    weights = with_others(sparse.csr_matrix((2, 2), dtype=np.float32), often, others, sold, new).toarray()
    assert weights.shape == (5, 5) and not weights.diagonal().any()
    assert weights[2, 3] > 0 and not weights[:, 4].any()  # the kettle leads to the blue one; nothing sold is like the lamp
    assert not weights[:, 2].any()  # an old product that hardly sells is suggested to nobody
