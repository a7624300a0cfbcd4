"""The six tools about customers, prices, stock and tests, on the demo shop and on shops that lack tables."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaignwright.market.simulator import Market
from campaignwright.market.words import Brief, Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.models import store
from campaignwright.models.pricing import PriceModel
from campaignwright.tools.base import Context, MissingData, ToolError, ToolResult, call
from campaignwright.tools.check_stock import check_stock
from campaignwright.tools.design_test import design_test
from campaignwright.tools.optimize_price import optimize_price
from campaignwright.tools.profile_audience import profile_audience
from campaignwright.tools.read_out import read_out
from campaignwright.tools.recommend_products import recommend_products

TOOLS = {tool.name: tool for tool in (profile_audience, optimize_price, recommend_products, check_stock, design_test, read_out)}


def run(ctx: Context, name: str, **arguments: object) -> ToolResult:
    """One call; the result must be JSON without NaN and every figure must say where it is from."""
    result, _ = call(TOOLS, ctx, name, arguments)
    json.dumps(result.model_dump(mode="json"), allow_nan=False)
    for figure in result.figures:
        assert figure.source["tool"] == name and figure.source["model"] and figure.source["data"]
        if figure.low is not None:
            assert figure.low <= figure.value <= figure.high
    return result


def values(result: ToolResult) -> dict:
    return {figure.name: figure.value for figure in result.figures}


@pytest.fixture
def ctx(demo: Workspace, today: dt.date) -> Context:
    return Context(demo, today)


@pytest.fixture
def bare(workspace: Workspace, today: dt.date) -> Context:
    return Context(workspace, today)


@pytest.fixture
def small(workspace: Workspace, today: dt.date) -> Context:
    """A shop with nothing but orders of 2011: 300 customers, three products, prices that hardly move."""
    rng = np.random.default_rng(0)
    n = 1500
    orders = pd.DataFrame({"order_id": [f"o{i}" for i in range(n)], "customer_id": [f"c{i}" for i in rng.integers(0, 300, n)],
                           "ordered_at": pd.Timestamp("2011-01-01 13:00") + pd.to_timedelta(rng.integers(0, 340, n), unit="D"),
                           "status": "paid"})
    lines = pd.DataFrame({"order_id": orders["order_id"], "line": 1, "product_id": [f"p{i % 3}" for i in range(n)], "quantity": 2.0,
                          "unit_price": 4.0})
    with workspace.transaction():
        workspace.insert("orders", orders)
        workspace.insert("order_lines", lines)
        workspace.insert("products", pd.DataFrame({"product_id": ["p0", "p1", "p2"], "name": ["Tea mug", "Tin lantern", "Paper star"]}))
    return Context(workspace, today)


def test_profile_of_lapsed_customers(ctx: Context) -> None:
    result = run(ctx, "profile_audience", audience="customers who stopped buying")
    assert result.summary == {"audience": "lapsed"}
    found = values(result)
    assert set(found) == {"audience_size", "recency_days", "frequency", "value", "churn_risk", "aov", "send_hour"}
    everybody = values(run(ctx, "profile_audience", audience="all"))
    assert found["churn_risk"] > everybody["churn_risk"] and found["recency_days"] > 90
    assert result.data["categories"]


def test_elasticities_near_the_truth(ctx: Context) -> None:
    """Nearer the simulator's elasticities than the plain slopes. The bounds are loose: on this shop the estimate was seen to be
    off by 0.68 with 74 % of its 80 % intervals holding; shops not used in development are in `price_spells`' docstring."""
    market, model = Market.draw(0), store.get(ctx.workspace, PriceModel)
    truth = np.array([market.elasticity(product) for product in model.table.index])
    mean, sd = model.table["mean"].to_numpy(), model.table["sd"].to_numpy()
    assert (np.abs(mean - truth) < 1.2816 * sd).mean() > 0.7
    assert np.abs(mean - truth).mean() < 0.8 < np.nanmean(np.abs(model.table["b"].to_numpy() - truth))


def test_price_of_a_product(ctx: Context) -> None:
    result = run(ctx, "optimize_price", product="p001", max_discount="20%")
    assert set(values(result)) >= {"price", "discount", "elasticity", "breakeven_lift", "profit", "margin", "competitor_price"}
    assert values(result)["discount"] <= 0.2 and result.summary["cut"] == (values(result)["discount"] > 0)


def test_price_of_a_category_keeps_the_margin_floor(ctx: Context) -> None:
    result = run(ctx, "optimize_price", product="headphones", min_margin="30%", max_discount="40%")
    assert result.summary["product"] == "headphones" and len(result.data["product_ids"]) > 5
    assert result.data["deepest"] <= 0.4 and values(result)["margin"] >= 0.3 - 1e-6


def test_brief_sets_the_discount_ceiling_and_the_days(ctx: Context) -> None:
    ctx.brief = Brief(max_discount=0.05, days=7)
    result = run(ctx, "optimize_price", product="p010")
    assert values(result)["discount"] <= 0.05 and result.data["days"] == 7
    assert values(run(ctx, "check_stock", product="p010"))["days"] == 7


def test_recommendations_have_reasons(ctx: Context) -> None:
    result = run(ctx, "recommend_products", audience="loyal", k="three")
    assert len(result.summary["products"]) == 3
    assert all("customers" in row["reason"] for row in result.data["recommendations"])
    beside = run(ctx, "recommend_products", product="p001", k=2)
    assert "p001" not in [row["product_id"] for row in beside.data["recommendations"]]


def test_stock_of_a_product_and_of_a_category(ctx: Context) -> None:
    result = run(ctx, "check_stock", product="p001", days="a fortnight", uplift="30%")
    found = values(result)
    assert found["days"] == 14 and found["stock_units"] >= 0 and 0 <= found["stockout_risk"] <= 1
    assert result.summary["risk"] == ("high" if found["stockout_risk"] >= 0.1 else "low")
    plain = values(run(ctx, "check_stock", product="p001", days="14"))
    assert plain["demand_units"] < found["demand_units"] and plain["stockout_risk"] <= found["stockout_risk"]
    group = run(ctx, "check_stock", product="running shoes", days="14")
    assert len(group.data["products"]) > 5 and values(group)["stock_units"] > found["stock_units"]


def test_an_order_that_comes_too_late_is_said_and_no_date_of_the_past_is_named(demo_copy: Path, today: dt.date) -> None:
    with Workspace.open(demo_copy) as shop:
        shop.query("UPDATE stock SET on_hand = 1, inbound = 5, lead_days = 60 WHERE product_id = 'p001'")
        result = run(Context(shop, today), "check_stock", product="p001", days="14")
    assert result.data["products"][0]["late"] and values(result)["reorder_date"] >= today.isoformat()
    notes = " ".join(result.notes)
    assert "a delivery takes 60 days and may come after" in notes and "5 units are on their way" in notes


def test_stock_of_the_planned_products_needs_no_name(ctx: Context) -> None:
    with pytest.raises(ToolError, match="name a product"):
        run(ctx, "check_stock")
    ctx.brief = Brief(products=["p001", "p010"], product_names=["one", "another"], days=7)
    result = run(ctx, "check_stock")
    assert {row["product_id"] for row in result.data["products"]} == {"p001", "p010"} and result.summary["product"] == "one, another"


def test_design_and_refusal(ctx: Context) -> None:
    good = run(ctx, "design_test", min_effect="30%")
    assert good.summary == {"possible": True} and values(good)["mde"] <= 0.3
    refused = run(ctx, "design_test", min_effect="1%")
    assert refused.summary == {"possible": False} and "cannot be detected" in " ".join(refused.notes)
    ctx.strategies["s1"] = Strategy(audience="loyal", products=[], shares={"search": 1.0}, discount=0, offer="none", days=14,
                                    send_hour=9, weekly_frequency=0, angle="value", budget=100, start=ctx.today)
    assert run(ctx, "design_test", strategy_id="s1").summary == {"possible": False}
    with pytest.raises(ToolError) as caught:
        run(ctx, "design_test", strategy_id="s9")
    assert caught.value.retry


def test_read_out_with_chance_without_and_without_control(ctx: Context) -> None:
    groups = ctx.workspace.query("SELECT campaign_id, min(CAST(randomised AS INT)) AS chance FROM exposures GROUP BY 1 ORDER BY 1")
    fair = groups.loc[groups["chance"] == 1, "campaign_id"].iloc[0]
    result = run(ctx, "read_out", campaign=fair)
    assert {"uplift", "actual_revenue", "actual_roas", "spend", "sample_size"} <= set(values(result))
    assert result.summary["verdict"] in ("good", "bad", "inconclusive")
    unfair = groups.loc[groups["chance"] == 0, "campaign_id"]
    if len(unfair):
        compared = run(ctx, "read_out", campaign=unfair.iloc[0])
        assert compared.summary["verdict"] != "good" and "chance" in " ".join(compared.notes)
    alone = ctx.workspace.scalar("SELECT campaign_id FROM campaigns WHERE campaign_id NOT IN (SELECT campaign_id FROM exposures) LIMIT 1")
    without = run(ctx, "read_out", campaign=alone)
    assert "uplift" not in values(without) and without.summary["verdict"] != "good"
    assert "no control group" in " ".join(without.notes)


def test_chinese_notes(ctx: Context) -> None:
    ctx.language = "zh"
    notes = run(ctx, "check_stock", product="p001").notes + run(ctx, "design_test").notes
    assert notes and all(any("\u4e00" <= letter <= "\u9fff" for letter in note) for note in notes)


@pytest.mark.parametrize("name, arguments, table", [
    ("profile_audience", {"audience": "lapsed"}, "customers"), ("optimize_price", {"product": "mug"}, "products"),
    ("recommend_products", {"audience": "all"}, "orders"), ("check_stock", {"product": "mug"}, "order_lines"),
    ("design_test", {}, "customers"), ("read_out", {"campaign": "last"}, "campaigns")])
def test_empty_shop_names_the_table(bare: Context, name: str, arguments: dict, table: str) -> None:
    with pytest.raises(MissingData) as caught:
        run(bare, name, **arguments)
    assert caught.value.table == table and not caught.value.retry


def test_shop_with_orders_only(small: Context) -> None:
    price = run(small, "optimize_price", product="tea mug", max_discount="20%")
    assert "profit" not in values(price) and "cost" in " ".join(price.notes)
    assert all(row["profit"] is None for row in price.data["curve"])
    stock = run(small, "check_stock", product="tin lantern")
    assert stock.summary["risk"] == "unknown" and set(values(stock)) == {"demand_units", "days"}
    assert "`stock`" in " ".join(stock.notes)
    profile = run(small, "profile_audience", audience="all")
    assert "9" not in profile.summary and "not from today" in " ".join(profile.notes)
    assert run(small, "recommend_products", product="paper star").summary["products"]


def test_wrong_words_come_back_with_a_hint(small: Context) -> None:
    for name, arguments in (("optimize_price", {"product": "submarine"}), ("check_stock", {"product": "tea mug", "days": "purple"}),
                            ("recommend_products", {"k": "purple"}), ("profile_audience", {"audience": "martians"})):
        with pytest.raises(ToolError) as caught:
            run(small, name, **arguments)
        assert caught.value.retry and caught.value.argument
