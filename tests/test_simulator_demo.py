"""The demo workspace: counts, magnitudes, tables that agree, nothing of the truth, the same every time."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from campaignwright.market.demo import draw_world, make_demo
from campaignwright.market.schema import TABLES
from campaignwright.market.simulator import Market
from campaignwright.market.words import CHANNELS, Strategy
from campaignwright.market.workspace import Workspace, WorkspaceError

END = dt.date(2026, 11, 22)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    seen = []
    made = make_demo(
        tmp_path_factory.mktemp("demo") / "shop", end=END, seed=0, progress=lambda share, _: seen.append(share)
    )
    assert seen == sorted(seen) and seen[-1] == 1.0
    yield made
    made.close()


def test_demo_counts_and_magnitudes(workspace):
    assert (workspace.count("customers"), workspace.count("products"), workspace.count("campaigns")) == (
        20_000,
        240,
        150,
    )
    assert workspace.count("events") <= 400_000
    names = workspace.query("SELECT name, category, price, cost FROM products")
    assert names["name"].is_unique and names["category"].nunique() == 8 and (names["cost"] < names["price"]).all()
    revenue = workspace.scalar("SELECT sum(total) FROM orders") / 2
    assert 5e6 < revenue < 15e6
    roas = workspace.query("SELECT sum(revenue) / sum(spend) AS roas FROM campaign_results GROUP BY campaign_id")[
        "roas"
    ]
    assert 1.2 < roas.median() < 4
    used = workspace.query(
        "SELECT channel, count(DISTINCT campaign_id) AS n FROM campaign_results GROUP BY 1"
    ).set_index("channel")["n"]
    assert set(used.index) == set(CHANNELS)
    languages = workspace.query("SELECT DISTINCT channel, language FROM copies")
    assert len(languages) == 16
    cpc = workspace.scalar("SELECT sum(spend) / sum(clicks) FROM campaign_results WHERE channel = 'search'")
    assert 0.5 < cpc < 5


def test_demo_tables_agree_with_each_other(workspace):
    spent = workspace.query(
        "SELECT c.budget, sum(r.spend) AS spend FROM campaigns c JOIN campaign_results r USING (campaign_id)"
        " GROUP BY c.campaign_id, c.budget"
    )
    assert np.allclose(spent["budget"], spent["spend"], atol=0.02)
    units = workspace.query(
        "SELECT (SELECT sum(quantity) FROM order_lines) AS lines, (SELECT sum(units) FROM prices) AS weeks,"
        " (SELECT sum(total) FROM orders) AS totals, (SELECT sum(quantity * unit_price) FROM order_lines) AS values"
    ).iloc[0]
    assert units["lines"] == units["weeks"] and units["totals"] == pytest.approx(units["values"])
    early = "SELECT count(*) FROM orders JOIN customers USING (customer_id) WHERE CAST(ordered_at AS DATE) < created_on"
    assert workspace.scalar(early) == 0
    assert workspace.scalar("SELECT max(CAST(ordered_at AS DATE)) FROM orders") == END
    assert workspace.scalar("SELECT max(start + days) FROM campaigns") <= END + dt.timedelta(1)
    copies = workspace.query("SELECT campaign_id, channel, sum(clicks) AS copied FROM copies GROUP BY 1, 2")
    clicks = workspace.query("SELECT campaign_id, channel, sum(clicks) AS clicks FROM campaign_results GROUP BY 1, 2")
    assert (copies.merge(clicks).eval("copied <= clicks")).all() and copies["copied"].sum() > 0.99 * clicks[
        "clicks"
    ].sum()
    orphans = "SELECT count(*) FROM exposures ANTI JOIN customers USING (customer_id)"
    assert workspace.scalar(orphans) == 0


def test_campaigns_are_strategies(workspace):
    market = Market.draw(0)
    rows = workspace.query("SELECT * FROM campaigns")
    for row in rows.to_dict("records")[:30]:
        fields = {key: row[key] for key in Strategy.model_fields}
        fields["shares"], fields["products"] = json.loads(row["shares"]), list(row["products"])
        fields["start"] = pd.Timestamp(row["start"]).date()
        strategy = Strategy(**fields)
        assert sum(strategy.shares.values()) == pytest.approx(1) and market.expected(strategy)["revenue"] > 0
    assert rows["name"].is_unique and rows["budget"].between(1_000, 60_000).all()


def test_nothing_of_the_truth_is_in_the_workspace(workspace):
    traits = {key for text in workspace.query("SELECT traits FROM customers")["traits"] for key in json.loads(text)}
    assert traits == {"age_band", "device", "member"}
    for table, columns in TABLES.items():
        assert set(workspace.query(f"SELECT * FROM {table} LIMIT 0").columns) == set(columns)
    assert set(workspace.settings) == {"name", "currency", "key"}


def test_demo_is_the_same_when_made_again(workspace):
    tables = draw_world(END, 0).tables
    for table, frame in tables.items():
        stored = workspace.query(f"SELECT * FROM {table}")
        assert len(stored) == len(frame), table
        for column in ("total", "units", "clicks", "spend", "on_hand", "price"):
            if column in frame:
                assert stored[column].sum() == pytest.approx(frame[column].sum()), (table, column)
    assert set(tables["orders"]["customer_id"]) == set(
        workspace.query("SELECT DISTINCT customer_id FROM orders")["customer_id"]
    )
    assert (
        tables["copies"]["text"].tolist()
        == workspace.query("SELECT text FROM copies ORDER BY copy_id")["text"].tolist()
    )


def test_demo_opens_what_stands_and_spares_other_data(workspace, tmp_path):
    path = workspace.path
    workspace.close()
    again = make_demo(path, end=END, seed=0)
    assert again.count("orders") > 0
    again.close()
    with pytest.raises(WorkspaceError, match="holds other data"):
        make_demo(path, end=END, seed=1)
    with Workspace.open(path) as reopened:
        assert reopened.count("customers") == 20_000
