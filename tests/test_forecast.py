"""Forecasts: right about a shop whose truth is known, honest where nothing is known, and stored so that a crash harms nothing."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from campaignwright.market.ledger import Ledger, plan_hash
from campaignwright.market.words import Brief, Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.models import store, train
from campaignwright.models.budget_curves import ChannelCurves
from campaignwright.models.forecast import Forecaster
from campaignwright.models.forecast_notes import TEXTS, text
from campaignwright.models.recommender import Recommender
from campaignwright.models.response import ResponseModel
from campaignwright.models.strategy_search import Search
from campaignwright.tools.base import Context
from campaignwright.tools.forecast_sketch import strategy_of

START = dt.date(2026, 12, 1)


def plan(**changes) -> Strategy:  # noqa: ANN003
    """A two-channel strategy of the mug shop."""
    base = {
        "audience": "all", "products": [f"p{i}" for i in range(6)], "shares": {"email": 0.25, "search": 0.75}, "discount": 0.1,
        "offer": "percent_off", "days": 14, "send_hour": 12, "weekly_frequency": 2.0, "angle": "value", "budget": 3000.0,
        "start": START,
    }  # fmt: skip
    return Strategy(**{**base, **changes})


@pytest.fixture(scope="module")
def forecaster(small_shop) -> Forecaster:  # noqa: ANN001
    return Forecaster(small_shop)


def test_it_is_right_about_a_known_truth(forecaster: Forecaster) -> None:
    figures = forecaster.predict(plan()).figures
    clicks = 0.02 * 3000 * 750 / 1050 + 0.06 * 60_000 * 2250 / 8250
    orders = clicks * 0.05 * 0.9**-2.6
    assert figures["clicks"][0] == pytest.approx(clicks, rel=0.25)
    assert figures["orders"][0] == pytest.approx(orders, rel=0.25)
    assert figures["revenue"][0] == pytest.approx(orders * 72, rel=0.25)
    assert figures["profit"][0] == pytest.approx(orders * (72 - 32) - 3000, abs=0.3 * orders * 40)
    assert figures["orders"][1] < orders < figures["orders"][2]


def test_its_intervals_hold_on_later_campaigns_and_beat_the_channel_mean(forecaster: Forecaster) -> None:
    report = forecaster.calibration.metrics
    assert report["calibrated"] and report["held_out_campaigns"] == 16
    for name in ("impressions", "clicks", "orders", "revenue"):
        assert 0.55 <= report["held_out"][name]["coverage"] <= 1.0
    assert report["held_out"]["orders"]["log_error"] < report["held_out"]["orders"]["channel_mean_log_error"]


def test_figures_agree_with_one_another(forecaster: Forecaster) -> None:
    made = forecaster.predict(plan())
    for name, (value, low, high) in made.figures.items():
        assert low <= value <= high, name
    assert made.figures["roas"][0] == pytest.approx(made.figures["revenue"][0] / 3000, rel=1e-6)
    assert sum(row["spend"] for row in made.channels) == pytest.approx(3000, abs=0.01)


def test_money_buys_more_but_ever_less(forecaster: Forecaster) -> None:
    seen = [forecaster.predict(plan(budget=budget)).figures["clicks"][0] for budget in (1500.0, 3000.0, 6000.0)]
    assert seen[0] < seen[1] < seen[2]
    assert seen[2] - seen[1] < 2 * (seen[1] - seen[0]) * 1.05


def test_owned_channels_reach_only_whom_they_may(forecaster: Forecaster) -> None:
    figures = forecaster.predict(plan(shares={"email": 1.0}, budget=100_000.0)).figures
    people = forecaster.shop.reach("all")[0]
    assert figures["impressions"][2] <= people * 2.0 * 2 * forecaster.calibration.headroom[0] * 1.3


def test_without_past_send_hours_the_audiences_own_hour_is_taken(workspace, forecaster: Forecaster) -> None:  # noqa: ANN001
    assert forecaster.shop.usual_hour("all") is None  # the mug shop records when it wrote
    people = [f"c{i}" for i in range(60)]
    with workspace.transaction():
        workspace.insert("customers", pd.DataFrame({"customer_id": people}))
        workspace.insert("orders", pd.DataFrame({
            "order_id": people, "customer_id": people, "status": "paid", "total": 80.0,
            "ordered_at": pd.Timestamp("2026-11-01 19:20") - pd.to_timedelta(range(60), "D")}))
    ctx = Context(workspace, dt.date(2026, 11, 20), brief=Brief(budget=900, channels=["email"]))
    assert strategy_of(ctx, None)[1].send_hour == 19
    brief = Brief(budget=900, channels=["email"], start=START)
    search = Search(None, Forecaster(workspace), brief, [], np.random.default_rng(0))
    assert search.repair(search.template(2, np.zeros(2, int))).hour.tolist() == [19, 19]


def test_owned_channels_work_without_money(forecaster: Forecaster) -> None:
    made = forecaster.predict(plan(shares={"email": 1.0}, budget=0.0))
    assert made.figures["orders"][0] > 0 and "roas" not in made.figures


def test_one_and_many_agree_and_repeat(forecaster: Forecaster, small_shop) -> None:  # noqa: ANN001
    alone = forecaster.predict(plan())
    assert forecaster.predict_many([plan(budget=10.0), plan()])[1] == alone
    assert Forecaster(small_shop).predict(plan()) == alone
    assert forecaster.predict_many([]) == []


def test_without_any_data_it_says_what_it_assumes(workspace) -> None:  # noqa: ANN001
    made = Forecaster(workspace).predict(plan(products=[]))
    codes = {note["code"] for note in made.notes}
    assert {"prior_rates", "no_customers", "no_orders", "no_returns", "no_cost", "uncalibrated"} <= codes
    value, low, high = made.figures["revenue"]
    assert high / low > 10
    for language in ("en", "zh"):
        assert all("{" not in text(note, language) for note in made.notes)
    assert TEXTS["en"].keys() == TEXTS["zh"].keys()


def test_an_unseen_channel_is_wider_than_a_known_one(forecaster: Forecaster) -> None:
    known = forecaster.predict(plan(shares={"search": 1.0})).figures["orders"]
    unseen = forecaster.predict(plan(shares={"display": 1.0}))
    assert unseen.figures["orders"][2] / unseen.figures["orders"][1] > 2 * known[2] / known[1]
    assert unseen.notes[0] == {"code": "prior_rates", "channels": ["display"]}


def test_what_breaks_the_brief_is_named(forecaster: Forecaster) -> None:
    brief = Brief(audience="all", budget=2000.0, start=START, days=7, channels=["email"], max_discount=0.05, min_roas=500)
    broken = forecaster.feasible(plan(), brief)
    assert broken == ["channels", "max_discount", "budget", "days", "min_roas"]
    assert forecaster.feasible(plan(), Brief(audience="all", budget=3000.0, days=14, start=START)) == []


def test_a_damaged_model_is_fitted_again(workspace) -> None:  # noqa: ANN001
    store.get(workspace, ChannelCurves)
    folder = store.folder_of(workspace, ChannelCurves)
    (folder / "curves.npz").write_bytes(b"rubbish")
    assert store.metadata(workspace, ChannelCurves) is None
    assert store.get(workspace, ChannelCurves).params.shape == (8, 4)
    assert store.metadata(workspace, ChannelCurves)["data"] == store.data_of(workspace, ChannelCurves)


def test_what_a_killed_run_left_is_no_model_and_is_cleared(workspace) -> None:  # noqa: ANN001
    stray = workspace.path / "models" / ".tmp-curves-1"
    stray.mkdir(parents=True)
    (stray / "metadata.json").write_text(json.dumps({"files": {}}))
    assert store.metadata(workspace, ChannelCurves) is None
    store.get(workspace, ChannelCurves)
    assert not stray.exists()


def test_kill_9_while_a_model_is_saved_costs_that_model_only(small_shop, tmp_path) -> None:  # noqa: ANN001
    folder = tmp_path / "shop"
    small_shop.query("CHECKPOINT")
    shutil.copytree(small_shop.path, folder, ignore=shutil.ignore_patterns("models"))
    script = textwrap.dedent("""
        import sys, time
        from campaignwright.market.workspace import Workspace
        from campaignwright.models import store, train
        from campaignwright.models.response import ResponseModel

        def slow(model, folder):
            (folder / "half").write_text("written")
            print("saving", flush=True)
            time.sleep(60)

        ResponseModel.save = slow
        train.train(Workspace.open(sys.argv[1]), progress=lambda share, words: None)
    """)
    child = subprocess.Popen([sys.executable, "-c", script, folder], stdout=subprocess.PIPE, text=True)
    try:
        assert child.stdout.readline() == "saving\n"
        child.send_signal(signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    with Workspace.open(folder) as opened:
        assert store.metadata(opened, ChannelCurves) is not None and store.metadata(opened, ResponseModel) is None
        assert opened.count("campaigns") == small_shop.count("campaigns")
        report = train.train(opened)
        assert report["curves"]["current"] and not report["response"].get("current")
        assert not list((folder / "models").glob(".tmp-*"))


def test_a_missing_table_is_named(workspace) -> None:  # noqa: ANN001
    with pytest.raises(store.MissingTable) as caught:
        store.get(workspace, Recommender)
    assert caught.value.table in str(caught.value)


def test_training_skips_with_a_reason_and_goes_on_where_it_stopped(workspace, monkeypatch) -> None:  # noqa: ANN001
    wanted = [row for row in train.MODELS if row[1] in ("Recommender", "ChannelCurves", "ResponseModel")]
    monkeypatch.setattr(train, "MODELS", tuple(wanted))
    steps: list[tuple[float, str]] = []
    first = train.train(workspace, progress=lambda share, words: steps.append((share, words)))
    assert first["recommender"]["table"] in first["recommender"]["skipped"]
    assert "still" in first["recommender"]["skipped"]
    assert [share for share, _ in steps] == sorted(share for share, _ in steps) and steps[-1] == (1.0, "done")
    assert "left" in steps[0][1]
    second = train.train(workspace)
    assert second["curves"]["current"] and second["response"]["current"]


def test_the_season_of_a_shop_is_learned(small_shop) -> None:  # noqa: ANN001
    from campaignwright.models.forecast_season import fit_season

    season = fit_season(small_shop)
    values = [season.log_index("mugs", np.datetime64("2026-01-01") + 30 * i, 14) for i in range(12)]
    assert max(np.abs(values)) < 0.6 and season.log_index("nothing", np.datetime64("2026-05-01"), 14) is not None


def approved(shop: Workspace, number: int) -> tuple[str, dict[str, float]]:
    """(hash, promised medians) of a plan whose forecast is frozen in the ledger."""
    strategy = plan(start=START + dt.timedelta(number))
    made = Forecaster(shop).predict(strategy)
    figures = [{"id": name, "name": name, "value": value, "low": low, "high": high, "unit": "", "source": {}}
               for name, (value, low, high) in made.figures.items()]  # fmt: skip
    whole = {"brief": {}, "strategy": strategy.model_dump(mode="json"), "figures": figures, "calendar": [], "assets": [],
             "created_for": str(number), "made_with": {}, "forecast": {"figures": list(made.figures)}}  # fmt: skip
    whole["plan_hash"] = plan_hash(whole)
    Ledger(shop.path).approve(whole)
    return whole["plan_hash"], {name: value for name, (value, _, _) in made.figures.items()}


def ran(shop: Workspace, key: str, said: dict[str, float], start: dt.date, times: float, *, days: int = 14, spend: float = 1.0,
        channels: tuple[str, ...] = ("email", "search"), **changed: float | None) -> None:  # fmt: skip
    """The approved plan's campaigns, one a platform, `times` the promised medians, told up to the `days`-th day."""
    columns = {"impressions": "impressions", "clicks": "clicks", "orders": "conversions", "revenue": "revenue"}
    came = {column: said[name] * times / 2 for name, column in columns.items()} | changed
    last, planned = start + dt.timedelta(days - 1), plan()
    with shop.transaction():
        for channel in channels:
            one = {"campaign_id": f"{channel}-{key}", "name": f"Mugs {channel} {key[:6]}", "start": start, "days": 14, "source": "test"}
            row = {"campaign_id": one["campaign_id"], "channel": channel, "segment": "all", "day": last, **came}
            row["spend"] = planned.budget * planned.shares[channel] * spend
            shop.insert("campaigns", pd.DataFrame([one]))
            shop.insert("campaign_results", pd.DataFrame([row]))


@pytest.fixture
def approving_shop(small_shop, tmp_path) -> Iterator[tuple[Workspace, list[tuple[str, dict[str, float], dt.date]]]]:  # noqa: ANN001
    shutil.copytree(small_shop.path, tmp_path / "shop")
    with Workspace.open(tmp_path / "shop") as shop:
        yield shop, [(*approved(shop, number), START + dt.timedelta(number)) for number in range(6)]


def test_intervals_learn_from_what_came_of_approved_plans(approving_shop) -> None:  # noqa: ANN001
    shop, plans = approving_shop
    before = Forecaster(shop)
    assert before.record.count == 0
    for promised in plans[:5]:
        ran(shop, *promised, 3.0)
    made = Forecaster(shop)
    assert made.record.held["revenue"] == (0, 5) and made.model != before.model
    assert made.record.factor["revenue"] > 2 and made.width["revenue"] > made.calibration.width["revenue"]
    notes = [text(note, "en") for note in made.predict(plan()).notes]
    assert any("Of the 5 approved plans that have run, 0 brought revenue within" in note and "wider" in note for note in notes)


@pytest.mark.parametrize(
    "what",
    [{"channels": ("search",)}, {"days": 2}, {"spend": 0.5}, {"impressions": 0.0, "clicks": 0.0, "conversions": 0.0, "revenue": 0.0}],
    ids=["a channel is still to report", "still running", "half the money spent", "never switched on"],
)
def test_what_did_not_run_as_planned_teaches_nothing(approving_shop, what) -> None:  # noqa: ANN001
    shop, plans = approving_shop
    ran(shop, *plans[0], 1.0, **what)
    assert Forecaster(shop).record.count == 0


def test_a_figure_that_no_export_tells_is_no_zero(approving_shop) -> None:  # noqa: ANN001
    shop, plans = approving_shop
    ran(shop, *plans[0], 1.0, conversions=None, revenue=None)
    record = Forecaster(shop).record
    assert set(record.held) == {"impressions", "clicks", "ctr"}


def test_one_campaign_that_fell_flat_does_not_set_the_widths(approving_shop) -> None:  # noqa: ANN001
    shop, plans = approving_shop
    ran(shop, *plans[0], 0.001)
    assert Forecaster(shop).record.factor["revenue"] < 2


def test_a_plan_of_another_version_is_passed_over(approving_shop) -> None:  # noqa: ANN001
    shop, plans = approving_shop
    for promised in plans[:2]:
        ran(shop, *promised, 1.0)
    with sqlite3.connect(shop.path / "ledger.sqlite") as ledger:
        ledger.execute("UPDATE approvals SET plan = replace(plan, '\"offer\"', '\"offer_of_old\"') WHERE plan_hash = ?", [plans[0][0]])
    assert Forecaster(shop).record.count == 1


def test_a_shop_that_never_had_a_refund_is_not_told_that_it_has_no_orders(forecaster: Forecaster) -> None:
    assert forecaster.shop.returned == 0
    assert "no_returns" not in {note["code"] for note in forecaster.predict(plan()).notes}
