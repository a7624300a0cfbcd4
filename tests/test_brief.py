"""set_brief: the marketer's words become the brief, changes merge, contradictions are asked back, nothing is
guessed."""

from __future__ import annotations

import datetime as dt
import json
import re
from importlib import resources
from typing import Any

import pandas as pd
import pytest

from campaignwright.market.export_labels import label
from campaignwright.market.words import CHANNELS, Brief, Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.tools.base import Context, MissingData, ToolError, ToolResult, call
from campaignwright.tools.forecast_context import brief_of
from campaignwright.tools.set_brief import set_brief
from campaignwright.tools.write_copy import copy_job

WIN_BACK = "Win back customers who stopped buying: two weeks from 1 December, £8k, email and search, at most 20% off"


@pytest.fixture
def ctx(workspace: Workspace, today: dt.date) -> Context:
    """A session of a small British shop with one past campaign."""
    workspace.set(currency="GBP", segments={"marathon_club": {}})
    products = [
        ("p1", "Swift Trail Runner", "running shoes"),
        ("p2", "Swift Road Runner", "running shoes"),
        ("p3", "Blue Mug", "cookware"),
    ]
    with workspace.transaction():
        workspace.insert("products", pd.DataFrame(products, columns=["product_id", "name", "category"]))
        workspace.insert(
            "campaigns", pd.DataFrame({"campaign_id": ["c1", "c2", "c3"], "budget": [1000.0, 3000.0, 9000.0]})
        )
    return Context(workspace, today)


def ask(ctx: Context, request: str = "please", **arguments: Any) -> ToolResult:
    ctx.request = request
    return call({"set_brief": set_brief}, ctx, "set_brief", arguments)[0]


def test_a_whole_request_in_its_own_words(ctx: Context) -> None:
    result = ask(
        ctx,
        WIN_BACK,
        objective="retention",
        audience="customers who stopped buying",
        start="1 December",
        days="two weeks",
        budget="£8k",
        channels=["email", "search"],
        max_discount="at most 20% off",
    )
    assert result.summary == {
        "brief": {
            "objective": "retention",
            "audience": "lapsed",
            "channels": ["email", "search"],
            "tone": "neutral",
            "language": "en",
        },
        "missing": [],
        "assumed": ["products"],
        "conflicts": [],
    }
    brief = ctx.brief
    assert (brief.budget, brief.currency, brief.start, brief.days, brief.max_discount) == (
        8000,
        "GBP",
        dt.date(2026, 12, 1),
        14,
        0.2,
    )
    assert result.data["counts"] == {"products": 3, "catalogue": 3} and not result.figures


def test_a_chinese_request_makes_a_chinese_brief(ctx: Context) -> None:
    ask(
        ctx,
        "给沉睡客户做个跑鞋活动，12月1日到7日，2万5，最低八五折，投产比不低于4",
        objective="retention",
        products=["跑鞋"],
        audience="沉睡客户",
        start="12月1日到7日",
        budget="2万5",
        max_discount="最低八五折",
        min_roas="投产比不低于4",
    )
    brief = ctx.brief
    assert (brief.language, brief.products, brief.audience, brief.start, brief.days) == (
        "zh",
        ["p1", "p2"],
        "lapsed",
        dt.date(2026, 12, 1),
        7,
    )
    assert (brief.budget, brief.max_discount, brief.min_roas) == (25_000, 0.15, 4)


def test_what_is_not_said_is_assumed_and_declared(ctx: Context) -> None:
    result = ask(ctx)
    assert result.summary["assumed"] == ["objective", "products", "audience", "budget", "start", "days"]
    assert (ctx.brief.budget, ctx.brief.start, ctx.brief.days, ctx.brief.audience) == (
        3000,
        dt.date(2026, 11, 30),
        14,
        "all",
    )
    assert any("median" in note for note in result.notes)
    assert "budget" not in ask(ctx, budget="5k").summary["assumed"]


def test_without_past_campaigns_the_budget_is_asked_for(workspace: Workspace, today: dt.date) -> None:
    ctx = Context(workspace, today)
    result = ask(ctx, products=["mugs"])
    assert result.summary["missing"] == ["budget"] and ctx.brief.budget is None
    assert any("products" in note for note in result.notes)


def test_only_what_is_passed_changes_and_old_results_go(ctx: Context, today: dt.date) -> None:
    ask(ctx, budget="£8k", channels=["email"], start="1 December", products=["trainers"])
    strategy = Strategy(
        audience="all",
        products=["p1"],
        shares={"email": 1.0},
        discount=0,
        offer="none",
        days=7,
        send_hour=9,
        weekly_frequency=1,
        angle="value",
        budget=8000,
        start=today,
    )
    ctx.strategies = {"s1": strategy}
    ctx.results |= {name: {} for name in ("generate_strategies", "write_copy", "read_out")}
    ask(ctx, tone="playful")
    assert ctx.strategies and "write_copy" not in ctx.results and "generate_strategies" in ctx.results
    ask(ctx, budget="half the money")
    assert not ctx.strategies and set(ctx.results) == {"read_out", "set_brief"}
    assert (
        ctx.brief.budget == 4000
        and ctx.brief.channels == ["email"]
        and ctx.brief.products == ["p1", "p2"]
        and ctx.brief.tone == "playful"
    )
    ask(ctx, channels=[], products=[])
    assert ctx.brief.channels == [] and ctx.brief.products == []


def test_the_same_brief_again_keeps_the_strategies(ctx: Context) -> None:
    ask(ctx, budget="£8k")
    ctx.strategies = {"s1": None}
    ask(ctx, budget="8000 pounds")
    assert ctx.strategies


@pytest.mark.parametrize(
    ("arguments", "field", "says"),
    [
        ({"start": "yesterday"}, "start", "before today"),
        ({"budget": "$5k"}, "budget", "USD"),
        ({"budget": "0"}, "budget", "pays for nothing"),
        ({"objective": "retention", "audience": "new customers"}, "audience", "new customers"),
        ({"min_roas": "60x"}, "min_roas", "60"),
        ({"start": "Dec 1-7", "days": "two weeks"}, "days", "7 days"),
        ({"products": ["kettles"]}, "products", "kettles"),
        ({"max_discount": "95% off"}, "max_discount", "95%"),
    ],
)
def test_a_contradiction_is_named_and_asked_back(ctx: Context, arguments: dict, field: str, says: str) -> None:
    result = ask(ctx, **arguments)
    assert field in result.summary["missing"]
    assert any(says in conflict for conflict in result.summary["conflicts"])
    assert any(says in note for note in result.notes)  # the marketer reads it too
    assert getattr(ctx.brief, field) == Brief.model_fields[field].get_default(call_default_factory=True)


def test_what_contradicts_is_asked_for_until_answered_and_no_longer_counts_as_stated(ctx: Context) -> None:
    result = ask(ctx, budget="$5k", start="yesterday", days="10 days")
    assert (ctx.brief.budget, ctx.brief.start, ctx.brief.days) == (None, None, 10)
    assert {"budget", "start"} <= set(result.summary["missing"]) and not {"budget", "start"} & set(result.summary["assumed"])
    result = ask(ctx, tone="playful")
    assert ctx.brief.budget is None and {"budget", "start"} <= set(result.summary["missing"])
    result = ask(ctx, budget="£2k", start="2 December")
    assert result.summary["missing"] == [] and ctx.brief.budget == 2000


def test_an_edit_that_contradicts_leaves_what_stood_and_says_so(ctx: Context) -> None:
    ask(ctx, products=["blue mug"], budget="£8k", start="1 December")
    before = ctx.brief
    for said in ({"budget": "$5k"}, {"start": "yesterday"}, {"products": ["kettles"]}):
        result = ask(ctx, **said)
        assert result.summary["missing"] == list(said) and ctx.brief == before
        assert "what stood before stays" in " ".join(result.notes) and result.data["changed"] == []
    result = ask(ctx, "twice the money", budget="twice")  # about something else than the question
    assert result.summary["missing"] == [] and ctx.brief.budget == 16000 and ctx.brief.products == before.products


@pytest.mark.parametrize(("request_", "other"), [
    ("now plan another campaign for blue mugs", True), ("Plan a 2-week campaign for blue mugs, no discount", True),
    ("plan a summer campaign for blue mugs", True), ("再做一场蓝色马克杯的活动", True), ("给蓝色马克杯做个活动，不打折", True),
    ("make the campaign about blue mugs", False), ("another product: blue mugs", False), ("换成蓝色马克杯", False),
    ("更新方案，再加上蓝色马克杯", False), ("再加一个蓝色马克杯到活动里", False), ("make a longer campaign with blue mugs", False),
    ("not another campaign, just swap in blue mugs", False), ("another campaign for blue mugs, same budget", False),
])  # fmt: skip
def test_another_campaign_starts_from_an_empty_brief(ctx: Context, request_: str, other: bool) -> None:
    ask(ctx, budget="£8k", channels=["sms"], max_discount="10%", start="1 December")
    ctx.results["finish_plan"] = {"data": {}}  # a plan stands
    result = ask(ctx, request_, products=["blue mug"])
    assert (ctx.brief.channels == [] and ctx.brief.max_discount is None and ctx.brief.start != dt.date(2026, 12, 1)) == other
    assert ("campaign of its own" in " ".join(result.notes)) == other
    before = ctx.brief  # what the same turn says besides is no campaign of its own
    ask(ctx, request_, products=["blue mug"], tone="playful")
    assert ctx.brief == before.model_copy(update={"tone": "playful"})


def test_an_odd_budget_is_asked_about_once(ctx: Context) -> None:
    with ctx.workspace.transaction():
        ctx.workspace.insert("campaigns", pd.DataFrame({"campaign_id": ["k1"], "name": ["Autumn"], "budget": [5000.0]}))
    for odd, other in (("£10", "£20"), ("£5m", "£9m")):
        ctx.brief, ctx.results = None, {}
        result = ask(ctx, budget=odd)
        assert result.summary["missing"] == ["budget"] and ctx.brief.budget is None
        assert ask(ctx, budget=other).summary["missing"] == ["budget"]  # another one is asked about as well
        assert ask(ctx, budget=other).summary["missing"] == [] and ctx.brief.budget
        assert ask(ctx, tone="playful", budget=other).summary["missing"] == []


def test_of_two_fields_that_contradict_each_other_the_one_just_said_goes(ctx: Context) -> None:
    ask(ctx, objective="acquisition", audience="new")
    result = ask(ctx, objective="retention")
    assert (ctx.brief.objective, ctx.brief.audience) == ("acquisition", "new") and result.summary["missing"] == ["objective"]
    assert ask(ctx, tone="playful").summary["missing"] == []


@pytest.mark.parametrize(
    ("request_", "note"),
    [("email and tiktok please", "TikTok: planned and forecast as social ads"), ("plus radio ads", "radio: not a channel"),
     ("no tiktok", ""), ("no flyers, only sms", ""), ("don't use tiktok", ""), ("everything except TikTok", ""), ("不要抖音", ""),
     ("for frequent flyers", ""), ("不做传单", "")],
)  # fmt: skip
def test_a_place_without_a_file_or_a_channel_of_its_own_is_named(ctx: Context, request_: str, note: str) -> None:
    notes = " ".join(ask(ctx, request_, channels=["social", "email"]).notes)
    assert note in notes and ("planned and forecast" in notes or "not a channel" in notes) == bool(note)
    ctx.brief = None
    assert "planned and forecast" not in " ".join(ask(ctx, request_, channels=["email"]).notes)


def test_a_chinese_budget_without_a_currency_says_how_it_is_read(ctx: Context) -> None:
    ctx.language = "zh"
    assert any("GBP" in note for note in ask(ctx, "预算三万", budget="三万").notes)
    assert not any("没有说币种" in note for note in ask(ctx, "预算减半", budget="减半").notes)
    assert not any("没有说币种" in note for note in ask(ctx, "£8k", budget="£8k").notes)


def test_nothing_goes_on_for_the_whole_shop_while_a_product_is_unknown(ctx: Context) -> None:
    ask(ctx, products=["kettles"], budget="£900")
    for step in (brief_of, lambda ctx: copy_job(ctx, "email")):
        with pytest.raises(ToolError, match="'kettles' is not in this shop's catalogue"):
            step(ctx)
    assert copy_job(ctx, "email", product="blue mug").products  # a question about another product is answered
    ask(ctx, products=["blue mug"])
    assert brief_of(ctx)[0].products == ctx.brief.products


def test_a_question_about_a_first_brief_stays_until_it_is_answered(ctx: Context) -> None:
    for said, field in (({"start": "from 1 to 14 December", "days": "10 days"}, "days"),
                        ({"products": ["blue mug", "kettles"]}, "products"), ({"objective": "retention", "audience": "new"}, "audience")):
        ctx.brief, ctx.results = None, {}
        assert ask(ctx, **said).summary["missing"] == [field]
        assert ask(ctx, tone="playful").summary["missing"] == [field]


def test_a_start_that_is_past_changes_no_length_either(ctx: Context) -> None:
    ask(ctx, start="1 December", days="two weeks")
    ask(ctx, start="20 to 22 November 2026")
    assert (ctx.brief.start, ctx.brief.days) == (dt.date(2026, 12, 1), 14)


def test_one_unknown_product_of_several_is_asked_for_in_the_marketers_language(ctx: Context) -> None:
    ctx.language = "zh"
    result = ask(ctx, products=["blue mug", "kettles"], start="昨天")
    assert result.summary["missing"] == ["products", "start"] and ctx.brief.products == ["p3"]
    assert "店铺目录里没有“kettles”；最接近的是" in result.notes[0] and "早于今天" in result.notes[1]


def test_no_discount_and_a_discount_contradict(ctx: Context) -> None:
    assert ask(ctx, "No discounts, well, 10% at most", max_discount="10%").summary["conflicts"]
    assert not ask(ctx, "no discount deeper than 10%", max_discount="10%").summary["conflicts"]


@pytest.mark.parametrize(("request_", "arguments", "expected"), [
    ("mugs, no discounts over 20%", {"max_discount": "no discounts"}, {"max_discount": 0.2}),
    ("mugs, no discounts, last year we gave 20%", {"max_discount": "no discounts"}, {"max_discount": 0.0}),
    ("shift the mugs before December", {"start": "December"}, {"start": dt.date(2026, 11, 23), "days": 8}),
    ("圣诞前把杯子清掉", {"start": "圣诞"}, {"start": dt.date(2026, 11, 23), "days": 32}),
    ("mugs in December", {"start": "December"}, {"start": dt.date(2026, 12, 1), "days": 31}),
    ("mugs, but nothing before December", {"start": "December"}, {"start": dt.date(2026, 12, 1)}),
    ("mugs, in the week before December", {"start": "December"}, {"start": dt.date(2026, 12, 1)}),
    ("圣诞前不要开始", {"start": "圣诞"}, {"start": dt.date(2026, 12, 25)}),
    ("mugs this weekend", {"start": "this weekend"}, {"start": dt.date(2026, 11, 28), "days": 2}),
    ("mugs, launching this weekend", {"start": "this weekend"}, {"start": dt.date(2026, 11, 28), "days": 14}),
    ("杯子周末开始", {"start": "周末"}, {"start": dt.date(2026, 11, 28), "days": 14}),
])  # fmt: skip
def test_the_words_beside_a_quote_turn_it_round(ctx: Context, request_: str, arguments: dict, expected: dict) -> None:
    ask(ctx, request_, products=["mug"], budget="900", **arguments)
    brief = ctx.brief.model_dump()
    assert {name: brief[name] for name in expected} == expected


def test_a_start_is_moved_to_a_day_and_a_run_ends_on_one(ctx: Context) -> None:
    ask(ctx, start="12月1日", days="7天")
    ask(ctx, "把开始时间推迟到12月10号", start="到12月10号")
    assert (ctx.brief.start, ctx.brief.days) == (dt.date(2026, 12, 10), 7)
    ask(ctx, "做到12月12号", start="到12月12号")
    assert ctx.brief.start == ctx.today


def test_an_end_date_gives_the_days(ctx: Context) -> None:
    ask(ctx, start="1 December", days="7 days")
    ask(ctx, days="can it end on the 10th rather than the 7th")
    assert ctx.brief.days == 10
    ask(ctx, start="8 December")
    for said, days in {"until the 10th": 3, "before the 10th": 2, "到12月15日": 8, "two weeks, before the holidays": 14}.items():
        ask(ctx, days=said)
        assert ctx.brief.days == days, said
    ask(ctx, start="before Christmas", days="two weeks")
    assert (ctx.brief.start, ctx.brief.days) == (ctx.today, 14)
    ask(ctx, start="双十二", days="5天")
    assert (ctx.brief.start, ctx.brief.days) == (dt.date(2026, 12, 12), 5)
    with pytest.raises(ToolError, match="end"):
        ask(ctx, days="until 28 November 2026")


def test_a_rate_of_the_workspace_converts_foreign_money(ctx: Context) -> None:
    ctx.workspace.set(rates={"USD": 0.8})
    result = ask(ctx, budget="$10k")
    assert ctx.brief.budget == 8000 and ctx.brief.currency == "GBP" and "0.8" in " ".join(result.notes)


def test_an_unreadable_value_changes_nothing(ctx: Context) -> None:
    ask(ctx, budget="£8k")
    before = ctx.brief
    with pytest.raises(ToolError) as caught:
        ask(ctx, objective="profit", budget="loads of money")
    assert caught.value.retry and caught.value.argument == "budget" and ctx.brief == before


@pytest.mark.parametrize(
    ("arguments", "chinese"),
    [
        ({"budget": "loads"}, "预算“loads”无法采用"),
        ({"start": "someday"}, "开始日期“someday”无法采用"),
        ({"days": "a while"}, "时长“a while”无法采用"),
        ({"max_discount": "a lot"}, "最大优惠“a lot”无法采用"),
        ({"min_roas": "good"}, "最低投产比“good”无法采用"),
        ({"channels": ["fax"]}, "渠道“fax”无法采用"),
        ({"audience": "martians"}, "人群“martians”无法采用"),
    ],
)
def test_a_refusal_has_a_chinese_sentence_and_an_english_message(ctx: Context, arguments: dict, chinese: str) -> None:
    with pytest.raises(ToolError) as caught:
        ask(ctx, **arguments)
    assert caught.value.shown("zh").startswith(chinese) and caught.value.shown("en") == str(caught.value)
    assert str(caught.value).startswith(next(iter(arguments)))


def test_both_languages_have_the_same_sentences() -> None:
    texts = json.loads(resources.files("campaignwright.tools").joinpath("data/brief_texts.json").read_text("utf-8"))
    assert set(texts["en"]) == {code for code in texts["zh"] if not code.startswith("unreadable_")}


def test_missing_data_and_unknown_strategies_are_said_in_chinese(ctx: Context) -> None:
    missing = MissingData("stock", "still_demand")
    assert "`stock`" in str(missing) and "仍可查询" in missing.shown("zh") and not re.search("[a-z] [a-z]", missing.shown("zh"))
    ctx.strategies = {"s1": None}
    with pytest.raises(ToolError) as caught:
        ctx.strategy("s9")
    assert caught.value.shown("zh") == "没有策略“s9”：请从 s1 中选择。"


def test_a_segment_of_the_shop_is_an_audience(ctx: Context) -> None:
    ask(ctx, audience="the marathon club")
    assert ctx.brief.audience == "marathon_club"


def test_arguments_may_come_canonical(ctx: Context) -> None:
    ask(ctx, budget=8000, max_discount=0.2, min_roas=4, days=10, start="2026-12-01", audience="high_value")
    brief = ctx.brief
    assert (brief.budget, brief.max_discount, brief.min_roas, brief.days, brief.audience) == (
        8000,
        0.2,
        4,
        10,
        "high_value",
    )


def test_the_schema_marks_copied_words(ctx: Context) -> None:
    properties = set_brief.schema()["function"]["parameters"]["properties"]
    assert list(properties) == [
        "objective",
        "products",
        "audience",
        "budget",
        "start",
        "days",
        "channels",
        "max_discount",
        "min_roas",
        "tone",
        "language",
    ]
    assert any(option.get("x-said") for option in properties["budget"]["anyOf"])
    assert ctx.brief is None


def test_a_budget_per_day_is_asked_for_as_a_total(ctx: Context) -> None:
    result = ask(ctx, "Two weeks for trainers, £500 a day", budget="£500", days="Two weeks")
    assert result.summary["missing"] == ["budget"] and "total" in result.summary["conflicts"][0]
    ctx.language = "zh"
    assert "总预算" in ask(ctx, "跑鞋，每天500", budget="每天500").summary["conflicts"][0]
    assert ctx.brief.budget is None and ctx.brief.days == 14


@pytest.mark.parametrize(("home", "start"), [("GBP", dt.date(2026, 12, 1)), ("USD", dt.date(2027, 1, 12))])
def test_a_date_in_digits_is_read_as_the_shop_writes_it_and_said(ctx: Context, home: str, start: dt.date) -> None:
    ctx.workspace.set(currency=home)
    result = ask(ctx, "from 1/12", start="1/12")
    assert ctx.brief.start == start and any(f"1/12 was read as {start:%-d %B}" in note for note in result.notes)


def planned(today: dt.date, *channels: str) -> Strategy:
    return Strategy(audience="all", products=["p1"], shares=dict.fromkeys(channels, 1 / len(channels)), discount=0, offer="none",
                    days=7, send_hour=9, weekly_frequency=1, angle="value", budget=8000, start=today)


@pytest.mark.parametrize(
    ("request_", "gone"),
    [
        ("drop search ads", ["search"]),
        ("drop sms", ["sms"]),
        ("without push", ["push"]),
        ("no sms please", ["sms"]),
        ("skip the emails", ["email"]),
        ("remove Facebook ads", ["social"]),
        ("leave sms out", ["sms"]),
        ("don't use email or sms", ["email", "sms"]),
        ("no sms, email and search", ["sms"]),
        ("去掉短信", ["sms"]),
        ("不要短信", ["sms"]),
        ("别发微信", ["wechat"]),
        ("取消推送", ["push"]),
        ("短信和推送都不要", ["sms", "push"]),
    ],
)
@pytest.mark.parametrize("passed", [True, False])
def test_a_channel_the_message_takes_away_is_taken_away(ctx: Context, today: dt.date, request_: str, gone: list, passed: bool) -> None:
    channels = {"channels": gone} if passed else {}
    result = ask(ctx, request_, **channels)  # nothing before: out of all
    assert ctx.brief.channels == [name for name in CHANNELS if name not in gone]
    named = ", ".join(label("channel", name, "en") for name in gone)
    assert any(named in note for note in result.notes) and not result.summary["conflicts"]
    ctx.brief = None
    ctx.strategies = {"s1": planned(today, "email", "sms", "push", "search", "social", "wechat")}  # out of the plan's
    ask(ctx, request_, **channels)
    assert ctx.brief.channels == [name for name in ("email", "sms", "push", "search", "social", "wechat") if name not in gone]
    ask(ctx, "all of these", channels=["display", *gone])
    ask(ctx, request_, **channels)  # out of the brief's
    assert ctx.brief.channels == ["display"]


@pytest.mark.parametrize("request_", ["everything except email", "all channels but email", "除了邮件都行", "除邮件外都用"])
def test_everything_but_one_channel_is_all_others(ctx: Context, request_: str) -> None:
    ask(ctx, channels=["email", "sms"])
    ask(ctx, request_, channels=["email"])
    assert ctx.brief.channels == [name for name in CHANNELS if name != "email"]


@pytest.mark.parametrize("arguments", [{}, {"channels": ["sms"]}, {"channels": []}])
def test_a_first_request_leaves_a_channel_out(ctx: Context, arguments: dict) -> None:
    ask(ctx, "clear the jackets, £20k, no sms", objective="clearance", budget="£20k", **arguments)
    assert ctx.brief.channels == [name for name in CHANNELS if name != "sms"]


def test_what_the_message_wants_instead_stays(ctx: Context) -> None:
    ask(ctx, "email and search, no sms", channels=["email", "search", "sms"])
    assert ctx.brief.channels == ["email", "search"]


@pytest.mark.parametrize(
    "request_",
    ["only email", "只用邮件", "no more than 3 emails a week", "no later than Friday, email", "don't drop email", "nothing except email",
     "除了邮件都不要", "除了邮件，还要短信", "No, email", "不要只用邮件", "邮件不要超过三条", "no email subject over 50 characters",
     "customers who skip emails", "drop email to 10%", "email, no red jackets", "要不要邮件", "别忘了邮件", "周末别发邮件"],
)
def test_no_channel_is_taken_away_by_other_words(ctx: Context, request_: str) -> None:
    ask(ctx, request_, channels=["email"])
    assert ctx.brief.channels == ["email"]


@pytest.mark.parametrize(
    ("request_", "passed", "left"),
    [("drop social", ["email", "social"], ["search", "email"]), ("不要社交广告了", ["email"], ["search", "email"]),
     ("drop social, use Display", ["display"], ["display"]), ("drop email and add SMS", ["sms"], ["search", "social", "sms"]),
     ("Use only email and add sms", ["email", "sms"], ["email", "sms"]),
     ("add sms instead of email", ["search", "sms"], ["search", "sms"]),
     ("never add sms", ["search", "social", "email"], ["search", "social", "email"]),
     ("add SMS", ["search", "sms"], ["search", "social", "email", "sms"]),
     ("再加上短信", ["sms"], ["search", "social", "email", "sms"]), ("only email now", ["email"], ["email"]),
     ("don't add display", ["search", "social", "email"], ["search", "social", "email"])],
)
def test_a_change_of_one_channel_leaves_the_others(ctx: Context, request_: str, passed: list[str], left: list[str]) -> None:
    ask(ctx, "search, social and email", channels=["search", "social", "email"])
    ask(ctx, request_, channels=passed)
    assert ctx.brief.channels == left


@pytest.mark.parametrize(("language", "says"), [("en", "no channel would be left"), ("zh", "就没有渠道了")])
def test_the_last_channel_taken_away_is_a_conflict(ctx: Context, language: str, says: str) -> None:
    ask(ctx, channels=["sms"])
    ctx.language = language
    result = ask(ctx, "drop sms" if language == "en" else "去掉短信", channels=["sms"])
    assert ctx.brief.channels == ["sms"] and result.summary["missing"] == ["channels"]
    assert says in result.summary["conflicts"][0] and says in result.notes[0]


@pytest.mark.parametrize(
    ("request_", "kept"),
    [("Money is tight but mugs sell well", True), ("除了马克杯，跑鞋也想推 mugs", True), ("除了mugs，跑鞋也想一块推", True),
     ("Everything is slow but mugs sell", True), ("the whole catalogue but mugs", False), ("除了mugs，其他的也都推一下", False),
     ("除了mugs，还剩下的都推", False),
     ("everything in the shop but mugs", False), ("running shoes, but not mugs", False), ("除了mugs都推", False)],
)
def test_a_product_is_left_out_only_where_the_words_leave_it_out(ctx: Context, request_: str, kept: bool) -> None:
    ask(ctx, request_, products=["mugs"], budget="£5k")
    assert bool(ctx.brief.products) is kept


@pytest.mark.parametrize(
    ("request_", "said", "received"),
    [("a budget of -£5000", "£5000", "-£5000"), ("budget: £-5000", "5000", "£-5000"), ("-£5k", "£5k", "-£5k"),
     ("a budget of −£5000", "-£5000", "−£5000"), ("预算为-5000英镑", "5000英镑", "-5000英镑")],
)
def test_a_budget_below_zero_is_refused(ctx: Context, request_: str, said: str, received: str) -> None:
    with pytest.raises(ToolError) as caught:
        ask(ctx, request_, budget=said)
    assert str(caught.value) == f"budget: expected an amount of 0 or more; received {received!r}." and caught.value.retry
    assert caught.value.shown("zh").startswith(f"预算“{received}”无法采用") and ctx.brief is None


@pytest.mark.parametrize(
    "request_", ["- £5000\n- email", "£3k-£5000", "3000-£5000", "budget - £5000", "budget-£5000", "£5000, -5% at most"]
)
def test_a_dash_before_a_budget_is_no_minus(ctx: Context, request_: str) -> None:
    ask(ctx, request_, budget="£5000")
    assert ctx.brief.budget == 5000


def test_what_only_an_earlier_message_says_changes_nothing(ctx: Context) -> None:
    ask(ctx, "backpacks for 5k from 1 December", products=["backpacks"], budget="5k", start="1 December")
    ctx.earlier = ["backpacks for 5k from 1 December"]
    ask(ctx, "make it 10k", budget="10k")
    ctx.earlier.append("make it 10k")
    ask(ctx, "and start a week later", budget="5k", start="a week later", products=["backpacks"])
    assert (ctx.brief.budget, ctx.brief.start) == (10_000, dt.date(2026, 12, 8))
    ask(ctx, "back to 5k please", budget="5k")
    assert ctx.brief.budget == 5_000


def test_what_was_asked_stays_asked(ctx: Context) -> None:
    assert ask(ctx, "8000 CNY", budget="8000 CNY").summary["missing"] == ["budget"]
    ctx.earlier = ["8000 CNY"]
    again = ask(ctx, "by email", channels=["email"])
    assert again.summary["missing"] == ["budget"] and ctx.brief.budget is None and again.notes
    assert ask(ctx, "£900 then", budget="£900").summary["missing"] == [] and ctx.brief.budget == 900


@pytest.mark.parametrize(("request_", "left"), [
    ("everything but mugs, £900", True), ("leave out the mugs", True), ("不要mugs", True),
    ("nothing but mugs", False), ("why not mugs?", False), ("mugs, no discount", False), ("not teapots but plates: mugs", False),
])  # fmt: skip
def test_a_product_named_to_be_left_out_is_not_planned(ctx: Context, request_: str, left: bool) -> None:
    result = ask(ctx, request_, products=["mugs"])
    assert (not ctx.brief.products) == left and any("leave it out" in note for note in result.notes) == left


def test_a_day_that_is_also_named_as_a_product_is_a_day(ctx):
    summary = ask(ctx, "Black Friday campaign, £8,000", products=["Black Friday"], start="Black Friday", budget="£8,000").summary
    assert not summary["conflicts"] and ctx.brief.product_names == [] and ctx.brief.start.month == 11
