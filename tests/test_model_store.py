"""Fitted models on disk: an import makes stale what reads it and nothing else; a card says on which rows its metrics rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from campaignwright.market.schema import TABLES
from campaignwright.market.workspace import Workspace
from campaignwright.models import store
from campaignwright.models.train import classes

MODELS = {cls.NAME: cls for cls, _, _ in classes()}


def test_new_results_leave_the_models_of_prices_and_purchases_as_they_are(demo_copy: Path) -> None:
    with Workspace.open(demo_copy) as workspace:
        assert all(store.metadata(workspace, cls) for cls in MODELS.values())
        row = workspace.query("SELECT * FROM campaign_results LIMIT 1").assign(clicks=7.0)
        with workspace.transaction():
            workspace.insert("campaign_results", row)
        current = {name for name, cls in MODELS.items() if store.metadata(workspace, cls)}
        assert current == {"pricing", "recommender", "demand", "uplift"}
        with workspace.transaction() as connection:  # a changed value counts, not only a new row
            connection.execute("UPDATE prices SET price = price + 1 WHERE date = (SELECT max(date) FROM prices)")
        assert {name for name, cls in MODELS.items() if store.metadata(workspace, cls)} == {"recommender", "uplift"}


def test_cards_name_data_tables_and_split(demo: Workspace) -> None:
    for cls in MODELS.values():
        card = store.metadata(demo, cls)
        assert card["data"] == store.data_of(demo, cls) and card["metrics"] and card["split"] and set(card["tables"]) <= set(TABLES)


@pytest.mark.parametrize("name", ["audience", "pricing", "recommender", "demand", "uplift", "curves", "strategies", "response", "forecast"])
def test_a_fit_looks_at_no_table_that_its_model_does_not_name(
    name: str, demo: Workspace, small_shop: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else an import would leave a stale model in use."""
    read: set[str] = set()
    for method in ("query", "scalar"):
        real = getattr(Workspace, method)

        def recorded(self: Workspace, sql: str, params: Any = (), real: Any = real) -> Any:
            read.update(re.findall(r"(?:FROM|JOIN)\s+(\w+)", sql))
            return real(self, sql, params)

        monkeypatch.setattr(Workspace, method, recorded)
    monkeypatch.setattr(Workspace, "data_hash", lambda self, tables=(): "0" * 12)
    monkeypatch.setattr(store, "save_model", lambda *args, **more: None)
    quick = {"steps": 20} if name == "strategies" else {}
    MODELS[name].fit(small_shop if name in ("curves", "strategies", "response", "forecast") else demo, **quick)
    assert read & set(TABLES) <= set(MODELS[name].READS)


def test_the_hash_of_tables_does_not_depend_on_the_order_of_rows(tmp_path: Path) -> None:
    frame = pd.DataFrame({"product_id": ["a", "b"], "name": ["A", "B"]})
    hashes = []
    for number, rows in enumerate((frame, frame.iloc[::-1])):
        with Workspace.open(tmp_path / str(number), create=True) as workspace:
            with workspace.transaction():
                workspace.insert("products", rows)
            hashes.append(workspace.data_hash(["products"]))
            assert workspace.data_hash(["prices"]) != hashes[-1] == workspace.data_hash(["products"])
    assert hashes[0] == hashes[1]
