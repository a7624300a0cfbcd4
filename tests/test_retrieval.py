"""Campaign memory: found in both languages, ordered by results when asked, on disk whole or rebuilt, honest when
empty."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaignwright.market.words import Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.retrieval.documents import COLUMNS, documents, season, tokens
from campaignwright.retrieval.memory import CampaignMemory
from campaignwright.tools.base import Context, MissingData, ToolError, ToolResult, call
from campaignwright.tools.search_campaigns import ranking, search_campaigns

CATEGORIES = ("running shoes", "coffee", "toys")
PAIRS = (("email", "search"), ("sms", "push"), ("social", "wechat"))


@pytest.fixture
def shop(workspace: Workspace) -> Workspace:
    """Eighteen campaigns: three categories by three channel pairs by summer and Christmas; ROAS known for each."""
    products = [(f"p{i}", f"{name.title()} No {i}", name) for i, name in enumerate(CATEGORIES * 2)]
    campaigns, results = [], []
    for number in range(18):
        category, pair, winter = CATEGORIES[number % 3], PAIRS[number // 3 % 3], number >= 9
        start = dt.date(2025, 12, 8) if winter else dt.date(2025, 7, 7)
        campaigns.append({
            "campaign_id": f"c{number:02}", "name": f"{'Christmas' if winter else 'Summer'} {category} "
                f"{number}", "objective": "revenue", "start": start,
            "days": 7, "audience": "lapsed" if winter else "loyal", "category": category,
            "products": [p[0] for p in products if p[2] == category],
            "shares": json.dumps({pair[0]: 0.6, pair[1]: 0.4}), "budget": 1000.0, "discount": 0.2 if winter else 0.0,
            "offer": "percent_off" if winter else "free_shipping", "angle": "value",
        })  # fmt: skip
        results += [
            {
                "campaign_id": f"c{number:02}",
                "channel": channel,
                "day": start,
                "impressions": 1000.0,
                "clicks": 10.0 + number,
                "conversions": 5.0,
                "spend": 500.0,
                "revenue": 500.0 * (1 + number % 7),
            }
            for channel in pair
        ]
    with workspace.transaction():
        workspace.insert("products", pd.DataFrame(products, columns=["product_id", "name", "category"]))
        workspace.insert("campaigns", pd.DataFrame(campaigns))
        workspace.insert("campaign_results", pd.DataFrame(results))
    return workspace


def ask(ctx: Context, **arguments: Any) -> ToolResult:
    return call({"search_campaigns": search_campaigns}, ctx, "search_campaigns", arguments)[0]


@pytest.fixture
def ctx(shop: Workspace, today: dt.date) -> Context:
    return Context(shop, today)


@pytest.mark.parametrize(
    "query",
    ["running shoe e-mail campaigns", "跑鞋 邮件", "runing shoes emial", "trainers newsletter", "运动鞋的邮件活动"],
)
def test_both_languages_and_typos_find_the_same_campaigns(shop: Workspace, query: str) -> None:
    hits = CampaignMemory.open(shop).search(query, k=2)
    assert {hit.campaign_id for hit in hits} == {"c00", "c09"}
    assert all(hit.results["category"] == "running shoes" and "email" in hit.results["channels"] for hit in hits)


def test_words_of_season_audience_and_offer_count(shop: Workspace) -> None:
    memory = CampaignMemory.open(shop)
    assert all(hit.results["audience"] == "lapsed" for hit in memory.search("win-back 沉睡客户", k=5))
    assert all(hit.results["season"] == "winter" for hit in memory.search("圣诞", k=5))
    assert all(hit.results["offer"] == "free_shipping" for hit in memory.search("free delivery", k=5))


def test_filters_hold(shop: Workspace) -> None:
    memory = CampaignMemory.open(shop)
    hits = memory.search("email", k=20, channel="wechat", product="toys", season="summer")
    assert [hit.campaign_id for hit in hits] == ["c08"]
    assert {hit.results["category"] for hit in memory.search("sale", k=20, product=["p0", "p3"])} == {"running shoes"}
    assert memory.search("coffee", channel="display") == []


def test_results_are_the_sums_of_the_table(shop: Workspace) -> None:
    hit = next(hit for hit in CampaignMemory.open(shop).search("coffee", k=18) if hit.campaign_id == "c04")
    revenue = shop.scalar("SELECT sum(revenue) FROM campaign_results WHERE campaign_id = 'c04'")
    assert hit.results["revenue"] == revenue and hit.results["roas"] == pytest.approx(revenue / 1000)
    assert hit.results["ctr"] == pytest.approx(28 / 2000) and hit.results["start"] == "2025-07-07"


def test_the_nearest_campaign_of_a_strategy_is_its_own(shop: Workspace) -> None:
    strategy = Strategy(
        audience="lapsed",
        products=["p1", "p4"],
        shares={"sms": 0.6, "push": 0.4},
        discount=0.2,
        offer="percent_off",
        days=7,
        send_hour=9,
        weekly_frequency=1,
        angle="value",
        budget=1000,
        start=dt.date(2026, 12, 7),
    )
    nearest = CampaignMemory.open(shop).nearest(strategy, k=2)
    assert nearest[0].campaign_id == "c13" and nearest[0].score == pytest.approx(1.0)
    assert nearest[1].score < 1


def test_the_index_is_kept_until_the_data_changes(shop: Workspace) -> None:
    CampaignMemory.open(shop)
    folders = list((shop.path / "index").iterdir())
    stamp = (folders[0] / "manifest.json").stat().st_mtime_ns
    again = CampaignMemory.open(shop)
    assert len(folders) == 1 and (folders[0] / "manifest.json").stat().st_mtime_ns == stamp and not again.notes
    first = [(hit.campaign_id, hit.score) for hit in again.search("christmas coffee sms", k=9)]
    shutil.rmtree(shop.path / "index")
    built = CampaignMemory.open(shop)
    assert first == [(hit.campaign_id, hit.score) for hit in built.search("christmas coffee sms", k=9)]
    with shop.transaction():
        shop.insert(
            "campaigns",
            pd.DataFrame(
                {"campaign_id": ["c99"], "name": ["Halloween pumpkin push"], "start": [dt.date(2026, 10, 26)]}
            ),
        )
    assert CampaignMemory.open(shop).search("pumpkin")[0].campaign_id == "c99"
    assert len(list((shop.path / "index").iterdir())) == 1


@pytest.mark.parametrize(
    "damage",
    [
        "campaigns.faiss",
        "campaigns.parquet",
        "vocabulary.json",
        "model.npz",
        "manifest.json",
        "bm25/data.csc.index.npy",
    ],
)
def test_a_damaged_file_is_rebuilt_with_a_note(shop: Workspace, damage: str) -> None:
    CampaignMemory.open(shop)
    (file,) = (shop.path / "index").glob(f"*/{damage}")
    file.write_bytes(file.read_bytes()[:-7] + b"garbage")
    memory = CampaignMemory.open(shop)
    assert memory.notes and "rebuilt" in memory.notes[0]
    assert memory.search("跑鞋")[0].results["category"] == "running shoes"
    assert not CampaignMemory.open(shop).notes


def test_a_lost_file_and_a_dead_build_do_no_harm(shop: Workspace) -> None:
    CampaignMemory.open(shop)
    next((shop.path / "index").glob("*/campaigns.faiss")).unlink()
    (shop.path / "index" / ".building-dead").mkdir()
    assert CampaignMemory.open(shop).search("coffee")


def test_nothing_is_pickled(shop: Workspace) -> None:
    CampaignMemory.open(shop)
    files = [file for file in (shop.path / "index").rglob("*") if file.is_file()]
    assert {file.suffix for file in files} <= {".faiss", ".parquet", ".npz", ".npy", ".json"}
    for file in files:
        if file.suffix in (".npz", ".npy"):
            np.load(file, allow_pickle=False)


def test_the_tool_ranks_by_the_result_that_is_named(ctx: Context) -> None:
    rows = ask(ctx, query="best ROAS", k="five").data["campaigns"]
    assert (
        len(rows) == 5
        and [row["roas"] for row in rows] == sorted((row["roas"] for row in rows), reverse=True)
        and rows[0]["roas"] == 7
    )
    worst = ask(ctx, query="which campaigns flopped the hardest", product="trainers").data["campaigns"]
    assert worst[0]["roas"] == min(row["roas"] for row in worst) and {row["category"] for row in worst} == {
        "running shoes"
    }
    assert ask(ctx, query="highest click rate", k="1").data["campaigns"][0]["id"] == "c17"
    assert ranking("lowest cost per order")[:2] == ("cost_per_order", True)
    assert ranking("worst cost per order")[:2] == ("cost_per_order", False)
    assert ranking("which made the most money") == ("revenue", False, "")
    assert ask(ctx, query="效果最好的跑鞋活动", k="1").data["campaigns"][0]["category"] == "running shoes"


def test_the_tools_summary_and_figures(ctx: Context) -> None:
    result = ask(ctx, query="christmas coffee text messages", channel="sms", k="两个")
    assert result.for_model() == {
        "ok": True,
        "found": 2,
        "campaign": "Christmas coffee 13",
        "figures": ["past_campaigns", "past_roas", "past_discount", "past_revenue"],
    }
    value = {figure.name: figure.value for figure in result.figures}
    best = result.data["campaigns"][0]
    assert value == {
        "past_campaigns": 2,
        "past_roas": best["roas"],
        "past_discount": 0.2,
        "past_revenue": best["revenue"],
    }
    assert all(figure.source["tool"] == "search_campaigns" and figure.source["rows"] for figure in result.figures)


def test_a_filter_nothing_passes_is_dropped_and_said(ctx: Context) -> None:
    result = ask(ctx, query="coffee", channel="display")
    assert result.summary["found"] and any("channel" in note for note in result.notes)


def test_an_unknown_product_is_reported(ctx: Context) -> None:
    with pytest.raises(ToolError) as caught:
        ask(ctx, query="sale", product="kettles")
    assert caught.value.retry and caught.value.argument == "product"


def test_no_campaigns_is_said_with_what_still_works(workspace: Workspace, today: dt.date) -> None:
    assert list(documents(workspace).columns) == COLUMNS and CampaignMemory.open(workspace).search("coffee") == []
    with pytest.raises(MissingData, match="campaigns.*plan can still be made"):
        ask(Context(workspace, today), query="coffee")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_shop_with_hardly_any_campaigns_can_search(workspace: Workspace, count: int) -> None:
    with workspace.transaction():
        workspace.insert(
            "campaign_results",
            pd.DataFrame({"campaign_id": [f"ad {i}" for i in range(count)], "channel": "social", "clicks": 5.0}),
        )
    hits = CampaignMemory.open(workspace).search("facebook")
    assert len(hits) == count and hits[0].results["roas"] is None and hits[0].results["start"] is None


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=80))
def test_any_text_makes_terms(text: str) -> None:
    assert all(isinstance(term, str) and term for term in tokens(text))


def test_seasons_follow_the_calendar() -> None:
    assert [season(month) for month in (12, 1, 3, 6, 9, 11)] == [
        "winter",
        "winter",
        "spring",
        "summer",
        "autumn",
        "autumn",
    ]
