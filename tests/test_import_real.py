"""The public data sets as published, imported into one workspace; totals as their sources state them."""

import datetime as dt
import json
from pathlib import Path

import pytest

from campaignwright.agent.copilot import Copilot
from campaignwright.market.importers import import_file
from campaignwright.market.workspace import Workspace
from campaignwright.models.train import train

DATA = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the public data sets are not beside the repository")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    with Workspace.open(tmp_path_factory.mktemp("real") / "shop", create=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def retail(workspace):
    return import_file(workspace, DATA / "online_retail" / "online_retail.csv.gz")


def balanced(report):
    assert report.rows_read == report.rows_kept + report.rows_rejected
    assert all(t["file"] == t["kept"] + t["rejected"] for t in report.totals.values())
    return report


def test_online_retail_accounts_for_every_line_and_pound(workspace, retail):
    report = balanced(retail)
    assert report.rows_read == 541_909 and sum(report.reasons.values()) == report.rows_rejected
    assert round(report.totals["quantity_x_price"]["file"], 2) == 9_747_747.93
    stored = workspace.scalar("SELECT sum(quantity * unit_price) FROM order_lines")
    assert stored == pytest.approx(report.totals["quantity_x_price"]["kept"], abs=0.005)
    assert workspace.count("rejects") == report.rows_rejected and len(report.rejected) == 200
    assert workspace.scalar("SELECT sum(total) FROM orders") == pytest.approx(stored, abs=0.01)
    assert workspace.currency == "GBP" and workspace.count("customers") == 4371


def test_online_retail_products_are_real_ones(workspace, retail):
    top = workspace.query("SELECT name, price, cost FROM products WHERE product_id = '85123A'").iloc[0]
    assert top["name"] == "WHITE HANGING HEART T-LIGHT HOLDER" and 2.5 < top["price"] < 3.5
    codes = set(workspace.query("SELECT product_id FROM products")["product_id"])
    assert not codes & {"POST", "DOT", "M", "D", "S", "C2", "AMAZONFEE", "BANK CHARGES", "CRUK", "B"}
    assert workspace.scalar("SELECT count(*) FROM products WHERE name LIKE '%[phone]%' OR price IS NULL") == 0


def test_online_retail_again_changes_nothing(workspace, retail):
    assert import_file(workspace, DATA / "online_retail" / "online_retail.csv.gz").unchanged
    assert workspace.count("order_lines") == retail.rows_kept


def test_hillstrom_arms_reproduce_the_published_effects(workspace, retail):
    report = balanced(import_file(workspace, DATA / "hillstrom" / "hillstrom.csv.gz"))
    arms = workspace.query(
        "SELECT arm, count(*) AS n, avg(visit::INT) AS visit, avg(conversion::INT) AS conversion, avg(spend) AS spend, "
        "min(propensity) AS p, bool_and(randomised) AS r FROM exposures WHERE campaign_id = 'hillstrom' GROUP BY arm"
    ).set_index("arm")
    assert report.rows_kept == 64_000 and arms["n"].to_dict() == {
        "mens_email": 21307,
        "womens_email": 21387,
        "control": 21306,
    }
    assert arms["visit"].round(4).to_dict() == {"mens_email": 0.1828, "womens_email": 0.1514, "control": 0.1062}
    assert arms["p"].round(6).eq(0.333333).all() and arms["r"].all()
    traits = json.loads(workspace.scalar("SELECT traits FROM customers WHERE traits IS NOT NULL LIMIT 1"))
    assert traits["source"] == "hillstrom" and "recency" in traits and "history" in traits
    assert workspace.scalar("SELECT count(*) FROM campaigns WHERE campaign_id = 'hillstrom'") == 1


def test_kag_totals_and_honest_gaps(workspace, retail):
    report = balanced(import_file(workspace, DATA / "facebook_ads_kag" / "KAG_conversion_data.csv"))
    kept = {name: total["kept"] for name, total in report.totals.items()}
    assert (kept["impressions"], kept["clicks"], kept["conversions"], kept["all_conversions"]) == (
        213_434_828,
        38_165,
        1_079,
        3_264,
    )
    assert round(kept["spend"], 2) == 58_705.23
    rows = workspace.query("SELECT * FROM campaign_results WHERE campaign_id LIKE 'kag-%'")
    assert len(rows) == 1143 and rows["day"].isna().all() and rows["revenue"].isna().all()
    assert "30-34 M" in set(rows["segment"]) and set(rows["channel"]) == {"social"}
    assert any("no dates and no revenue" in warning for warning in report.warnings)
    assert any("count as GBP" in warning for warning in report.warnings)


def test_dominicks_prices(workspace, retail):
    assert balanced(import_file(workspace, DATA / "dominicks_oj" / "oj.csv.gz")).tables["prices"] == 28_947
    brands = workspace.query("SELECT product_id FROM products WHERE category = 'orange juice'")["product_id"]
    assert set(brands) == {"dominicks", "minute.maid", "tropicana"}


def test_upworthy_winners_are_ranks_not_counts(workspace, retail):
    report = balanced(import_file(workspace, DATA / "upworthy_headline_pairs" / "headline_binary_test.json"))
    pairs = workspace.query(
        "SELECT campaign_id, sum(clicks) AS won, count(*) AS n, count(impressions) AS seen FROM copies GROUP BY 1"
    )
    assert (
        report.rows_read == 465 and (pairs["won"] == 1).all() and (pairs["n"] == 2).all() and (pairs["seen"] == 0).all()
    )
    assert any("a rank and no count" in warning for warning in report.warnings)


def test_complete_journey(tmp_path):
    with Workspace.open(tmp_path / "grocer", create=True) as workspace:
        folder = DATA / "completejourney"
        reports = [
            balanced(import_file(workspace, folder / name))
            for name in ("transactions_sample.csv.gz", "products.csv.gz", "campaign_descriptions.csv", "campaigns.csv",
                         "coupon_redemptions.csv", "demographics.csv")
        ]  # fmt: skip
        assert [report.rows_read for report in reports] == [75_000, 92_331, 27, 6_589, 2_102, 801]
        assert workspace.scalar("SELECT sum(total) FROM orders") == pytest.approx(
            reports[0].totals["sales_value"]["kept"]
        )
        assert (
            workspace.scalar(
                "SELECT count(*) FROM order_lines LEFT JOIN products USING (product_id) WHERE name IS NULL"
            )
            == 0
        )
        assert (
            workspace.scalar(
                "SELECT count(*) FROM exposures LEFT JOIN campaigns c USING (campaign_id) WHERE c.days IS NULL"
            )
            == 0
        )
        assert workspace.scalar("SELECT days FROM campaigns WHERE campaign_id = 'journey-1'") == 38


@pytest.mark.slow
def test_a_real_shop_gets_a_complete_plan(tmp_path):
    with Workspace.open(tmp_path / "shop", create=True) as workspace:
        for name in ("online_retail/online_retail.csv.gz", "hillstrom/hillstrom.csv.gz",
                     "facebook_ads_kag/KAG_conversion_data.csv"):  # fmt: skip
            balanced(import_file(workspace, DATA / name))
        train(workspace)
        codes = set(workspace.query("SELECT product_id FROM products")["product_id"])
    with Copilot.open(tmp_path / "shop") as copilot:
        turn = copilot.ask(
            "Win back customers who stopped buying: two weeks from 1 December, £8k, email and search, at most 20% off",
            today=dt.date(2026, 11, 23),
        )
    assert turn.error is None and turn.plan, turn.text
    brief, plan = turn.plan["brief"], turn.plan
    assert (brief["audience"], brief["budget"], brief["start"], brief["days"], brief["max_discount"]) == (
        "lapsed", 8000.0, "2026-12-01", 14, 0.2,
    )  # fmt: skip
    assert set(plan["strategy"]["products"]) <= codes and set(plan["strategy"]["shares"]) <= {"email", "search"}
    assert plan["notes"] and all(plan[part] for part in ("audience", "budget", "calendar", "forecast", "experiment"))
