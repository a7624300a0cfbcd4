"""Exports: exact columns, all paused, approved first, safe cells, and a JSON that comes back as the same plan."""

from __future__ import annotations

import csv
import io
import json
import re
import sqlite3
from pathlib import Path

import pytest
from docx import Document
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from campaignwright import tools
from campaignwright.market.export_labels import labels
from campaignwright.market.export_numbers import day, money, percent, show_range, show_value
from campaignwright.market.export_tables import META_COLUMNS, safe_cell, write_csv
from campaignwright.market.exporters import FORMATS, ExportProblem, export, read_plan, render_markdown, to_do
from campaignwright.market.ledger import Ledger, plan_hash
from campaignwright.market.screen import screened
from campaignwright.market.workspace import Workspace, WorkspaceError
from campaignwright.tools import forecast
from campaignwright.ui import files

GOOGLE_HEAD = ["Campaign", "Ad Group", "Ad type", "Labels", "Headline 1", "Headline 1 position"]
GOOGLE_TAIL = ["Description 4", "Description 4 position", "Path 1", "Path 2", "Final URL", "Campaign status", "Budget"]


def figure(id: str, name: str, value, unit: str, low=None, high=None) -> dict:
    source = {
        "tool": "finish_plan" if name in ("days", "discount") else "forecast",
        "call": "c1",
        "model": "m/1",
        "data": "d",
        "rows": 9,
    }
    return {"id": id, "name": name, "value": value, "unit": unit, "low": low, "high": high, "source": source}


def test_every_figure_of_a_tool_has_a_printed_name_in_both_languages() -> None:
    code = "".join(path.read_text(encoding="utf-8") for path in Path(tools.__file__).parent.glob("*.py"))
    names = set(re.findall(r'ctx\.figure\(\s*"(\w+)"', code)) | {*forecast.FIGURES, "profit_before"}
    assert len(names) > 30
    assert not {name for name in names for language in ("en", "zh") if name not in labels()[language]["figure"]}


def variant(id: str, **fields) -> dict:
    preview = {
        name: text if isinstance(text, list) else text.replace("{first_name}", "Alexandra")
        for name, text in fields.items()
    }
    return {"id": id, "angle": "value", "raw": fields, "fields": fields, "preview": preview, "checks": []}


@pytest.fixture
def plan() -> dict:
    """A plan as `finish_plan` stores it, written out by hand."""
    figures = [
        figure("c1.days", "days", 14, "days"),
        figure("c1.discount", "discount", 0.15, "fraction"),
        figure("c1.budget", "budget", 8000.0, "money"),
        figure("c1.profit", "profit", 3200.0, "money", -800.0, 7200.0),
        figure("c1.roas", "roas", 3.0, "ratio", 2.4, 3.8),
        figure("c1.clicks", "clicks", 3100, "count", 2500, 3900),
        *[
            figure(f"c1.{kind}_{name}", f"{kind}_{name}", value, "money")
            for name, spend, daily in (("email", 1000.0, 71.42), ("search", 4000.0, 285.71), ("social", 3000.0, 214.28))
            for kind, value in (("spend", spend), ("daily", daily))
        ],
    ]
    assets = {
        "email": [
            variant(
                "email-1",
                subject="-20% is a lot, {first_name}",
                preheader="Until 14 Dec",
                body="Hi {first_name},\n\nback again?",
            )
        ],
        "search": [
            variant(
                "search-1",
                headlines=["Trail Runner", "=now cheaper", "15% off"],
                descriptions=["Was £99.", "Now £84.15."],
            )
        ],
        "social": [variant("social-1", text="跑起来 from £84.15", headline="Run again", description="15% off")],
    }
    plan = {
        "plan_hash": "",
        "language": "en",
        "strategy_id": "s1",
        "created_for": {"shop": "Northway", "url": "https://northway.example", "currency": "GBP", "country": "GB"},
        "brief": {
            "objective": "retention",
            "products": [],
            "product_names": ["trail shoes"],
            "audience": "lapsed",
            "budget": 8000.0,
            "currency": "GBP",
            "start": "2026-12-01",
            "days": 14,
            "channels": [],
            "max_discount": 0.2,
            "min_roas": 2.5,
            "tone": "friendly",
            "language": "en",
            "assumed": ["tone"],
        },
        "strategy": {
            "audience": "lapsed",
            "products": ["p1"],
            "shares": {"email": 0.125, "search": 0.5, "social": 0.375},
            "discount": 0.15,
            "offer": "percent_off",
            "days": 14,
            "send_hour": 10,
            "weekly_frequency": 2.0,
            "angle": "value",
            "budget": 8000.0,
            "start": "2026-12-01",
        },
        "verdict": {"code": "caution", "text": "Go with care: {fig:c1.profit} ({range:c1.profit}).", "reasons": []},
        "audience": {"name": "lapsed", "figures": []},
        "price": {"offer": "percent_off", "angle": "value", "products": [], "facts": {}, "bundle": []},
        "budget": {
            "total": {"figure": "c1.budget"},
            "marginal_return": None,
            "unspent": None,
            "channels": [
                {"channel": name, "spend": {"figure": f"c1.spend_{name}"}, "daily": {"figure": f"c1.daily_{name}"}}
                for name in assets
            ],
        },
        "calendar": [
            {"date": "2026-12-01", "at": "2026-12-01T10:00", "channel": "email", "kind": "launch", "asset": "email-1"},
            {
                "date": "2026-12-14",
                "at": "2026-12-14T10:00",
                "channel": "email",
                "kind": "last_day",
                "asset": "email-1",
            },
        ],
        "forecast": {"figures": ["c1.clicks", "c1.profit", "c1.roas"]},
        "experiment": {"possible": False, "figures": [], "arms": []},
        "stock": [
            {
                "product_id": "p1",
                "name": "Trail Runner",
                "figures": [],
                "unavailable": "Stock check: not possible, the table `stock` is empty.",
            }
        ],
        "assets": [
            {"channel": name, "language": "en", "ranked_by": "", "variants": variants}
            for name, variants in assets.items()
        ],
        "evidence": {"campaigns": [], "figures": []},
        "figures": figures,
        "risks": [{"code": "roas", "text": "ROAS {fig:c1.roas}"}],
        "notes": [{"part": "stock", "text": "Stock check: not possible, the table `stock` is empty."}],
        "unsupported": ["stock"],
        "made_with": {"data": "abc", "models": ["m/1"], "seed": 0},
    }
    return plan | {"plan_hash": plan_hash(plan)}


def new_ledger(folder) -> Ledger:
    Workspace.open(folder, create=True).close()
    return Ledger(folder)


@pytest.fixture
def ledger(tmp_path, plan) -> Ledger:
    ledger = new_ledger(tmp_path / "shop")
    ledger.approve(plan)
    return ledger


def rows_of(path) -> tuple[list[str], list[dict[str, str]]]:
    reader = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8")))
    rows = list(reader)
    return reader.fieldnames, rows


@pytest.mark.parametrize("format", ["google-ads", "meta", "csv"])
def test_files_for_accounts_need_approval(plan, tmp_path, format):
    fresh = new_ledger(tmp_path / "other")
    for ledger in (None, fresh):
        with pytest.raises(ExportProblem, match="not approved: approve it first"):
            export(plan, format, tmp_path, ledger=ledger)
    assert not list(tmp_path.glob("*.csv"))
    fresh.approve(plan)
    [path] = export(plan, format, tmp_path, ledger=fresh)
    assert path.exists() and fresh.exports(plan["plan_hash"])[0]["file_name"] == path.name


@pytest.mark.parametrize("format", ["md", "docx", "json"])
def test_documents_do_not(plan, tmp_path, format):
    [path] = export(plan, format, tmp_path)
    assert path.stat().st_size > 500


def test_a_file_that_exists_is_not_overwritten(plan, tmp_path):
    (tmp_path / "notes.md").write_text("mine")
    with pytest.raises(ExportProblem, match="notes.md exists already"):
        export(plan, "md", tmp_path / "notes.md")
    assert (tmp_path / "notes.md").read_text() == "mine"
    assert export(plan, "md", tmp_path) == export(plan, "md", tmp_path)  # its own file it may write again


def test_a_mistyped_workspace_is_not_made(plan, tmp_path):
    [path] = export(plan, "json", tmp_path)
    for attempt in (lambda: files.approve(path, tmp_path / "typo"), lambda: files.export(path, "csv", tmp_path, tmp_path / "typo")):
        with pytest.raises(WorkspaceError, match="no workspace at .*typo"):
            attempt()
    files.export(path, "md", tmp_path, tmp_path / "typo")  # a document needs none
    assert list(tmp_path.glob("*.md")) and not (tmp_path / "typo").exists()


def test_a_plan_changed_by_hand_is_neither_approved_nor_exported(plan, tmp_path, ledger):
    plan["figures"][3]["value"] = 99_999.0
    with pytest.raises(ExportProblem, match="changed by hand"):
        export(plan, "google-ads", tmp_path, ledger=ledger)
    with pytest.raises(ValueError, match="changed by hand"):
        new_ledger(tmp_path / "other").approve(plan)


def test_google_ads_editor_file(plan, tmp_path, ledger):
    [path] = export(plan, "google-ads", tmp_path, ledger=ledger)
    columns, rows = rows_of(path)
    assert columns[:6] == GOOGLE_HEAD and columns[-7:] == GOOGLE_TAIL and len(columns) == 4 + 30 + 8 + 5
    assert {row["Campaign status"] for row in rows} == {"Paused"}
    assert rows[0]["Budget"] == "285.71" and rows[0]["Ad type"] == ""
    ad = rows[1]
    assert ad["Ad type"] == "Responsive search ad" and ad["Final URL"] == "https://northway.example"
    assert (ad["Headline 1"], ad["Headline 2"], ad["Headline 4"]) == ("Trail Runner", "'=now cheaper", "")
    assert ad["Description 2"] == "Now £84.15." and ad["Budget"] == ""


def test_meta_file(plan, tmp_path, ledger):
    [path] = export(plan, "meta", tmp_path, ledger=ledger)
    columns, [row] = rows_of(path)
    assert columns == META_COLUMNS and len(columns) == 23
    assert {row["Campaign Status"], row["Ad Set Run Status"], row["Ad Status"]} == {"PAUSED"}
    assert row["Campaign Daily Budget"] == "214.28" and row["Ad Set Daily Budget"] == ""
    assert (
        row["Body"] == "跑起来 from £84.15"
        and row["Countries"] == "GB"
        and row["Ad Set Time Start"] == "12/01/2026 00:00"
    )


def test_asset_file_keeps_merge_tags_and_times(plan, tmp_path, ledger):
    [path] = export(plan, "csv", tmp_path, ledger=ledger)
    _, [row] = rows_of(path)
    assert row["subject"] == "'-20% is a lot, {{first_name}}" and row["body"] == "Hi {{first_name}},\n\nback again?"
    assert row["send_at"] == "2026-12-01T10:00; 2026-12-14T10:00" and row["merge_tags"] == "first_name"
    assert row["status"] == "PAUSED"


def test_a_channel_the_plan_lacks_is_said(plan, tmp_path):
    plan["budget"]["channels"] = plan["budget"]["channels"][:1]
    plan["plan_hash"] = plan_hash(plan)
    ledger = new_ledger(tmp_path / "shop")
    ledger.approve(plan)
    with pytest.raises(ExportProblem, match="no search ads"):
        export(plan, "google-ads", tmp_path, ledger=ledger)
    with pytest.raises(ExportProblem, match="expected one of"):
        export(plan, "pdf", tmp_path)


def test_json_comes_back_as_the_same_plan(plan, tmp_path):
    [path] = export(plan, "json", tmp_path / "mine.json")
    assert read_plan(path) == plan
    path.write_text(path.read_text("utf-8").replace("7200.0", "9200.0"), "utf-8")
    with pytest.raises(ExportProblem, match="changed by hand"):
        read_plan(path)
    path.write_text("[1, 2]", "utf-8")
    with pytest.raises(ExportProblem, match="not a plan"):
        read_plan(path)


def test_markdown_says_the_verdict_first_and_the_rest_after(plan):
    text = render_markdown(plan)
    assert text.splitlines()[2] == "**Go with care: £3,200 (-£800 to £7,200).**"
    assert "{" not in text.replace("{first_name}", "") and "| Clicks | 3,100 | 2,500 to 3,900 |" in text
    order = [
        text.index(f"## {name}")
        for name in (
            "The brief",
            "Audience",
            "Offer and price",
            "Budget",
            "Calendar",
            "Forecast",
            "Experiment",
            "Copy",
            "Evidence",
            "Risks",
            "Assumptions",
            "Where the figures",
        )
    ]
    assert order == sorted(order)
    assert "Hi Alexandra" in text and "table `stock` is empty" in text


def test_docx_holds_what_the_markdown_holds(plan, tmp_path):
    [path] = export(plan, "docx", tmp_path)
    document = Document(str(path))
    words = " ".join(paragraph.text for paragraph in document.paragraphs)
    cells = " ".join(cell.text for table in document.tables for row in table.rows for cell in row.cells)
    assert "Go with care: £3,200" in words and "2,500 to 3,900" in cells


def test_chinese_labels_cover_the_english_ones():
    english, chinese = labels()["en"], labels()["zh"]
    for group, words in english.items():
        assert set(words) <= set(chinese[group]), group


def test_approval_freezes_the_forecast_once(plan, ledger):
    frozen = ledger.forecast(plan["plan_hash"])
    assert frozen["profit"]["low"] == -800.0 and set(frozen) == {"clicks", "profit", "roas"}
    assert ledger.approve(plan) == 1 and len(ledger.approvals()) == 1
    assert not ledger.approved("0" * 16)
    with sqlite3.connect(ledger.path) as connection:
        assert json.loads(connection.execute("SELECT plan FROM approvals").fetchone()[0]) == plan


@given(st.text(max_size=40))
def test_no_cell_starts_a_formula(text):
    written = next(csv.DictReader(io.StringIO(write_csv(["a"], [{"a": text + "x"}]).decode("utf-8"), newline="")))["a"]
    assert written[:1] not in ("=", "+", "-", "@", "\t", "\r")
    assert written.removeprefix("'") == screened(text + "x").removeprefix("'")


@pytest.mark.parametrize("value", ["-5", "-1,250.50", "+3", -7.25, "-20%"])
def test_numbers_survive(value):
    assert safe_cell(value) == str(value)


def test_numbers_are_printed_by_language_and_currency():
    assert money(84.15, "GBP", "en", price=True) == "£84.15" and money(99.0, "USD", "zh", price=True) == "US$99"
    assert money(-8400.4, "USD", "en") == "-$8,400" and money(5.5, "CNY", "zh") == "¥5.50"
    assert percent(0.0123, "en") == "1.23%" and percent(0.15, "en") == "15%"
    assert day("2026-12-14", "en", "GBP") == "14 Dec 2026" and day("2026-12-14", "zh") == "2026年12月14日"
    assert show_value(1, "days", "en", "USD") == "1 day" and show_value(10, "hour", "zh", "USD") == "10:00"
    assert show_range({"low": 0.1, "high": 0.2, "unit": "fraction", "name": "x"}, "zh", "USD") == "10% 至 20%"


def test_what_a_person_must_still_do_is_said(plan):
    assert to_do(plan, "md") == []
    assert "1 Dec 2026 to 14 Dec 2026" in to_do(plan, "google-ads")[0]
    assert to_do(plan, "meta")[0].startswith("Set the end date 14 Dec 2026,")
    assert "{{first_name}}" in to_do(plan, "csv")[0]
    plan["created_for"]["url"] = ""
    assert "`url`" in to_do(plan, "meta")[0]
    plan["language"] = "zh"
    assert [note for format in FORMATS for note in to_do(plan, format)][1:3] == [
        "请在 Google Ads Editor 中添加关键字和地区，并把日期设为2026年12月1日至2026年12月14日。",
        "未设置店铺网址（工作区设置 `url`）：请为每条广告填写最终到达网址。",
    ]
    plan["assets"] = plan["assets"][:1]  # e-mail alone
    assert not to_do(plan, "google-ads") and not to_do(plan, "meta")
    assert set(FORMATS) == {"google-ads", "meta", "csv", "md", "docx", "json"}


def test_what_is_left_to_do_is_printed_after_approval_and_export(plan, tmp_path, monkeypatch):
    screen = io.StringIO()
    monkeypatch.setattr(files, "console", Console(file=screen))
    Workspace.open(tmp_path / "shop", create=True).close()
    [path] = export(plan, "json", tmp_path)
    files.approve(path, tmp_path / "shop")
    assert "Still to do by hand:\n- google-ads: " in screen.getvalue() and "- meta: Set the end date" in screen.getvalue()
    screen.truncate(0)
    files.export(path, "meta", tmp_path, tmp_path / "shop")
    assert "- meta: Set the end date" in screen.getvalue() and "google-ads:" not in screen.getvalue()


def test_what_the_file_cannot_hold_is_named(plan):
    plan["strategy"] |= {"audience": "lapsed", "offer": "bundle"}
    plan["figures"].append({"id": "c9.holdout", "name": "holdout", "value": 0.2, "unit": "fraction"})
    plan["experiment"]["arms"] = [{"name": "control", "share": {"figure": "c9.holdout"}}]
    assert any("lapsed customers" in line for line in to_do(plan, "meta"))
    assert any("Leave 20% of the audience out" in line for line in to_do(plan, "csv"))
    assert all(any("Create the set" in line for line in to_do(plan, one)) for one in ("google-ads", "meta", "csv"))
    plan["strategy"]["audience"] = "new"
    assert any("exclude them" in line for line in to_do(plan, "meta"))
