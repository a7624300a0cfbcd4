"""Copy: what it may say, how long it may be, and what write_copy does with a writer that gets it wrong."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaignwright.market.words import Brief, Strategy
from campaignwright.tools.base import Context, ToolError, call
from campaignwright.tools.copy_facts import build_facts, display_name, end_text
from campaignwright.tools.copy_format import word_runs
from campaignwright.tools.copy_rules import (
    check_banned,
    check_copy,
    check_facts,
    check_readers,
    fullwidth_length,
    passes,
    placement,
    sms_size,
    table,
    wide_length,
)
from campaignwright.tools.plan_parts import _plan_price
from campaignwright.tools.write_copy import copy_job, job_facts, job_spec, write_copy

TOOLS = {"write_copy": write_copy}
FACTS = {"brand": "Northway", "product": "Trail Runner 4", "price": "$84.15", "was": "$99", "discount": "15%",
         "end": "Sunday", "code": "RUN15"}


class QueueWriter:
    """A writer that answers from a queue of batches and remembers what it was asked."""

    def __init__(self, *batches: list[dict[str, Any]]) -> None:
        self.batches, self.asked = list(batches), []

    def __call__(self, spec: dict[str, Any], n: int, seed: int) -> list[dict[str, Any]]:
        self.asked.append((spec, n, seed))
        return self.batches.pop(0) if self.batches else []


@pytest.fixture
def shop(workspace):
    """Three products, one of them the best seller; a customer who bought."""
    with workspace.transaction():
        workspace.insert("products", pd.DataFrame({
            "product_id": ["p1", "p2", "p3"], "name": ["WATERPROOF TRAIL RUNNER", "Road Runner", "City Pack"],
            "category": ["running shoes", "running shoes", "backpacks"], "price": [99.0, 120.0, 60.0],
            "cost": [50.0, 60.0, 30.0]}))
        workspace.insert("customers", pd.DataFrame({"customer_id": ["c1"], "email_opt_in": [True]}))
        workspace.insert("orders", pd.DataFrame({
            "order_id": ["o1"], "customer_id": ["c1"], "ordered_at": [dt.datetime(2026, 11, 1)], "status": ["paid"]}))
        workspace.insert("order_lines", pd.DataFrame({
            "order_id": ["o1", "o1"], "line": [1, 2], "product_id": ["p1", "p2"], "quantity": [9.0, 2.0]}))
    workspace.set(name="Northway")
    return workspace


def context(shop, writer, **changes):
    plan = dict(audience="lapsed", products=["p1", "p2"], shares={"email": 1.0}, discount=0.15, offer="percent_off",
                days=14, send_hour=10, weekly_frequency=2, angle="value", budget=1000, start=dt.date(2026, 12, 1))
    plans = {"s1": Strategy(**{**plan, **changes})}
    return Context(shop, dt.date(2026, 11, 23), writer=writer, brief=Brief(audience="lapsed"), strategies=plans)


def email(subject="{product} is {discount} off", preheader="Until {end}",
          body="Hi {first_name}, now {price}, was {was}."):
    return {"subject": subject, "preheader": preheader, "body": body}


def test_counting_rules():
    assert wide_length("Hi 跑鞋") == 7
    assert fullwidth_length("abc跑鞋") == 4  # three half-width letters count two
    assert sms_size("a" * 160) == ("GSM-7", 160, 1)
    assert sms_size("a" * 161).segments == 2
    assert sms_size("€" * 80) == ("GSM-7", 160, 1)  # the extension table costs two septets
    assert sms_size("跑" * 70) == ("UCS-2", 70, 1)
    assert sms_size("跑" * 71).segments == 2
    assert sms_size("😀").units == 2


@given(st.text(max_size=400))
def test_sms_segments_hold_the_text(text):
    size = sms_size(text)
    room = (160, 153) if size.encoding == "GSM-7" else (70, 67)
    assert size.segments == 1 and size.units <= room[0] or size.units <= size.segments * room[1]
    assert size.segments == 1 or size.units > (size.segments - 1) * (room[1] - 1)


def test_every_limit_has_rule_source_and_date():
    for name, chosen in table()["placements"].items():
        assert chosen["source"] and chosen["date"], name
        for rule in chosen["fields"].values():
            assert rule["counting"] in ("characters", "google", "fullwidth", "sms")
            assert rule["firmness"] in ("hard", "soft", "cost")


@pytest.mark.parametrize("text, fault", [
    ("Now $84.15 with RUN15 until Sunday", None),
    ("Now $79", "79"),
    ("30% off the Trail Runner 4", "30"),
    ("Use code SAVE20", "SAVE20"),
    ("Half price today", "Half price"),
    ("Last day: Sunday", None),
    ("£ decide", "£"),
    ("A new way to your last day", "last day"),
    ("Free shipping on all", "Free shipping"),
    ("Twenty percent off", "Twenty percent"),
])
def test_only_supplied_facts(text, fault):
    check = check_facts({"text": text}, FACTS, "percent_off", "en")
    assert check.ok is (fault is None)
    assert fault is None or fault in check.detail


@pytest.mark.parametrize("text, fault", [
    ("COMET84.15元", None),  # a name in capitals directly before its price is no code
    ("优惠码RUN15立减", None),
    ("优惠码SAVE立减", "code SAVE"),  # a code may stand right beside a Chinese character
    ("用BUY15下单", "code BUY15"),
    ("一成套更省", None),
    ("便宜三成", "三成"),
])
def test_codes_and_numbers_beside_chinese(text, fault):
    facts = {"product": "COMET", "price": "84.15元", "code": "RUN15", "discount": "15%"}
    check = check_facts({"text": text}, facts, "percent_off", "zh")
    assert check.ok is (fault is None), check.detail
    assert fault is None or fault in check.detail


@pytest.mark.parametrize("language, text", [("en", "Save with code by Sunday"), ("zh", "输入优惠码立享优惠")])
def test_a_code_is_named_only_when_there_is_one(language, text):
    facts = {name: value for name, value in FACTS.items() if name != "code"}
    assert "no code is supplied" in check_facts({"text": text}, facts, "percent_off", language).detail
    assert check_facts({"text": text.replace("code", "code RUN15")}, FACTS, "percent_off", language).ok


@pytest.mark.parametrize("language, text", [
    ("en", "Only 3 left"), ("en", "The best shoe"), ("en", "Guaranteed to fit"), ("en", "Clinically proven"),
    ("en", "Thousands of happy customers"), ("zh", "全网最低价"), ("zh", "国家级品质"), ("zh", "销量第一"),
    ("zh", "仅剩3件"), ("zh", "抗衰老"),
])
def test_banned_claims(language, text):
    assert not check_banned({"text": text}, language).ok


def test_innocent_chinese_passes():
    assert check_banned({"text": "最近天凉，第一次跑步也不怕，第一单就很安心"}, "zh").ok


def test_sms_needs_a_way_out():
    checks = check_copy({"text": "{brand}: {product} {price}"}, FACTS, {}, channel="sms", offer="none", language="en")
    assert [check.name for check in checks if not check.ok] == ["opt_out"]


def test_wechat_allows_no_link_nor_phone_nor_more_than_30():
    def names(text):
        checks = check_copy({"text": text}, {"product": "跑鞋"}, {}, channel="wechat", offer="none", language="zh")
        return [check.name for check in checks if not check.ok]

    assert names("{product}上新") == []
    assert "links" in names("看www.shop.cn")
    assert "links" in names("致电13800138000")
    assert "limits" in names("跑" * 31)
    assert "limits" in names("一\n二\n三\n四\n五")


def test_limits_can_be_configured():
    wide = placement("xiaohongshu", {"copy_limits": {"xiaohongshu": {"title": {"max": 22}}}})
    assert wide["fields"]["title"]["max"] == 22
    with pytest.raises(ValueError, match="expected one of"):
        placement("social", {"placements": {"social": "myspace"}})


def test_facts_come_from_shop_and_strategy(shop):
    facts = build_facts(shop, products=["p1", "p2"], offer="percent_off", discount=0.15, start=dt.date(2026, 12, 1),
                        days=14, language="en")
    assert facts.texts["product"] == "Waterproof Trail Runner"
    assert (facts.texts["price"], facts.texts["was"], facts.texts["discount"]) == ("$84.15", "$99", "15%")
    assert facts.texts["end"] == "Dec 14" and facts.texts["benefit"] == "a waterproof build"
    assert "code" not in facts.texts
    shop.set(discount_code="RUN15")
    coded = build_facts(shop, products=["p1"], offer="percent_off", discount=0.15, start=dt.date(2026, 12, 1), days=5,
                        language="zh")
    assert coded.texts["code"] == "RUN15" and coded.texts["discount_zhe"] == "8.5折" and coded.texts["end"] == "周六"


def test_names_and_ends():
    assert display_name("WHITE  HANGING HEART T-LIGHT HOLDER") == "White Hanging Heart T-Light Holder"
    assert display_name("iPod Case") == "iPod Case"
    assert end_text(dt.date(2026, 12, 1), 14, "en", "GBP") == "14 Dec"


def test_a_bundle_adds_up(shop):
    facts = build_facts(shop, products=["p1", "p2"], offer="bundle", discount=0.1, start=dt.date(2026, 12, 1), days=7,
                        language="en")
    assert facts.texts["was"] == "$219" and facts.texts["price"] == "$197.10" and facts.texts["amount_off"] == "$21.90"


@pytest.fixture
def dear_and_cheap(shop):
    """The best seller costs 112.95, the other product 16.49."""
    shop.query("UPDATE products SET price = CASE product_id WHEN 'p1' THEN 112.95 ELSE 16.49 END")
    return shop


def test_an_amount_off_is_never_deeper_than_the_discount_of_the_cheapest_product(dear_and_cheap):
    ctx = context(dear_and_cheap, None, offer="amount_off")
    ctx.brief = Brief(audience="lapsed", max_discount=0.15)
    facts = job_facts(ctx, copy_job(ctx, "email"))
    assert facts.texts["amount_off"] == "$2" and facts.texts["price"] == "$110.95"
    assert all(price - _plan_price(price, ctx.strategies["s1"], facts) <= 0.15 * price for price in (16.49, 112.95))
    assert copy_job(ctx, "email", offer="$2 off").extra["amount_off"] == 2
    with pytest.raises(ToolError, match="30% is above the brief's maximum of 15%"):
        copy_job(ctx, "email", offer="$5 off")


def test_an_amount_too_small_to_state_becomes_a_share(dear_and_cheap):
    ctx = context(dear_and_cheap, None, offer="amount_off", discount=0.02)
    facts = job_facts(ctx, job := copy_job(ctx, "email"))
    assert facts.texts["discount"] == "2%" and "amount_off" not in facts.texts
    assert job_spec(ctx, job, facts)["offer"] == "percent_off"
    assert [_plan_price(price, ctx.strategies["s1"], facts) for price in (16.49, 112.95)] == [16.17, 110.7]


def test_a_set_is_never_deeper_than_its_discount(dear_and_cheap):
    facts = job_facts(ctx := context(dear_and_cheap, None, offer="bundle"), copy_job(ctx, "email"))
    assert facts.values["amount_off"][0] <= 0.15 * (16.49 + 112.95) < facts.values["amount_off"][0] + 0.01


def test_no_writer_no_copy(shop):
    with pytest.raises(ToolError, match="No copywriter"):
        call(TOOLS, context(shop, None), "write_copy", {"channel": "email"})


def test_variants_are_filled_and_keep_merge_tags(shop):
    writer = QueueWriter([email(), email(subject="Back on the road")])
    result, _ = call(TOOLS, context(shop, writer), "write_copy", {"channel": "email", "n": "2"})
    assert result.for_model() == {"ok": True, "channel": "email", "variants": 2}
    first = next(v for v in result.data["asset"]["variants"] if "off" in v["fields"]["subject"])
    assert first["fields"]["subject"] == "Waterproof Trail Runner is 15% off"
    assert first["fields"]["body"] == "Hi {first_name}, now $84.15, was $99."
    assert "Alexandra" in first["preview"]["body"]
    spec = writer.asked[0][0]
    assert spec["offer"] == "percent_off" and "code" not in spec["slots"] and "first_name" in spec["slots"]
    assert any("discount_code" in note for note in result.notes)


def test_failed_copy_is_asked_again_with_another_seed(shop):
    writer = QueueWriter([email(subject="Only 2 left!")], [email(subject="{nonsense}")], [email()])
    result, _ = call(TOOLS, context(shop, writer), "write_copy", {"channel": "email", "n": "1"})
    assert result.summary["variants"] == 1 and len({seed for _, _, seed in writer.asked}) == 3
    reasons = " ".join(reason for one in result.data["rejected"] for reason in one["reasons"])
    assert "scarcity" in reasons and "{nonsense}" in reasons


def test_too_few_are_returned_and_said(shop):
    writer = QueueWriter([email(), {"subject": "only this"}], [email()], ["junk"])
    result, _ = call(TOOLS, context(shop, writer), "write_copy", {"channel": "email", "n": "3"})
    assert result.summary["variants"] == 1  # a repeat and malformed answers do not count
    assert any("1 of 3" in note for note in result.notes)


def test_search_drops_the_headline_that_is_too_long_and_never_cuts(shop):
    headlines = ["{product}", "Now {price}", "{discount} off", "A headline too long for a search advert", "Now {price}"]
    raw = {"headlines": headlines, "descriptions": ["Was {was}, now {price}.", "Back on the trail by {end}."]}
    result, _ = call(TOOLS, context(shop, QueueWriter([raw])), "write_copy", {"channel": "search", "n": "1"})
    kept = result.data["asset"]["variants"][0]["fields"]["headlines"]
    assert kept == ["Waterproof Trail Runner", "Now $84.15", "15% off"]


def test_a_gift_without_a_name_is_not_promised(shop):
    writer = QueueWriter([email(subject="Meet the {product}", preheader="New in", body="{product}, {price}.")])
    ctx = context(shop, writer, offer="gift", discount=0)
    result, _ = call(TOOLS, ctx, "write_copy", {"channel": "email", "n": "1"})
    assert writer.asked[0][0]["offer"] == "none" and any("`gift`" in note for note in result.notes)
    writer = QueueWriter([email(subject="A {gift} for you", preheader="New in", body="{product}, {price}.")])
    arguments = {"channel": "email", "n": "1", "offer": "a free tote bag"}
    result, _ = call(TOOLS, context(shop, writer), "write_copy", arguments)
    assert result.data["asset"]["variants"][0]["fields"]["subject"] == "A tote bag for you"


def test_ranking_says_what_it_rests_on(shop):
    result, _ = call(TOOLS, context(shop, QueueWriter([email()])), "write_copy", {"channel": "email", "n": "1"})
    assert "headline tests" in (basis := result.data["asset"]["ranked_by"]) and "rules of thumb: 0 past copies" in basis
    words = ["running", "jacket", "coffee", "mug", "boot"]
    with shop.transaction():
        shop.insert("copies", pd.DataFrame({
            "copy_id": [f"x{i}" for i in range(200)], "channel": "email", "language": "en",
            "text": [f"{'Save today on' if i % 2 else 'About our'} {words[i % 5]} {i}" for i in range(200)],
            "impressions": 5000.0, "clicks": [100.0 if i % 2 else 40.0 for i in range(200)]}))
    writer = QueueWriter([email(subject="About our {product}"), email(subject="Save today on {product}")])
    result, _ = call(TOOLS, context(shop, writer), "write_copy", {"channel": "email", "n": "2"})
    assert "200 past copies" in result.data["asset"]["ranked_by"]
    assert result.data["asset"]["variants"][0]["fields"]["subject"].startswith("Save today")


def test_drafts_that_strayed_least_come_first() -> None:
    from campaignwright.agent.copywriter import strayed

    even, slipped = [(0.02, 0.02), (0.9, 0.9)], [(0.9, 0.9), (0.01, 0.95)]
    assert strayed(even) == 0 < strayed(slipped) and strayed([]) == 0


def test_words_that_never_stood_side_by_side_are_not_passed_on() -> None:
    from campaignwright.agent.copywriter import AdapterWriter

    taught = ["Save {discount} on the {product}. Hello, {first_name}.", "The {product} at {price}", "喝点咖啡，歇一歇"]
    writer = AdapterWriter(None, taught=frozenset(run for text in taught for run in word_runs(text)))
    assert writer._known({"title": "Hello, {first_name}. Save {discount} on the {product} at {price}"})
    assert writer._known({"title": "Hello, {product}"}) is None and writer._known({"title": "喝点歇"}) is None
    assert writer._known({"headlines": ["The {price}", "Save {discount}"]}) is None
    good = "Save {discount} on the {product}"
    assert writer._known({"headlines": [good, "The {discount}"]}) == {"headlines": [good]}
    assert writer._untaught({"title": "The {product} at {price}"}) == 0 < writer._untaught({"title": "{price} at the {product}"})


def test_a_draft_about_another_kind_of_product_is_not_passed_on() -> None:
    from campaignwright.agent.backends import load_model
    from campaignwright.agent.copywriter import sound

    topics = load_model().writer.topics
    assert "cook" in topics["cookware"] and "runners" in topics["running shoes"] and "save" not in set().union(*topics.values())
    draft = {"text": "Made for people who love to cook: the {product}."}
    assert sound(draft, "en", topics["running shoes"]) and not sound(draft, "en", topics["cookware"])
    assert not sound({"title": "Good things things start"}, "en")
    assert not sound({"title": "套装得 shop 感谢"}, "zh")
    assert not sound({"title": "It brings {was} to your own {benefit}"}, "en")
    assert not sound({"title": "The set is {price}. {price}."}, "en")
    assert not sound({"title": "Was {was}, {price} and still {price}"}, "en") and not sound({"title": "the set is here"}, "en")
    assert sound({"title": "看看 VIP 专享"}, "zh") and sound({"title": "{brand} 看看"}, "zh")
    assert sound({"title": "A quick look"}, "en") and not sound({"title": "A quick look at the "}, "en")


def test_the_price_of_a_set_stands_beside_words_for_a_set() -> None:
    facts = {"product": "Trail Shoe", "price": "$197.10", "was": "$219"}
    alone = check_facts({"text": "Trail Shoe, now $197.10 instead of $219."}, facts, "bundle", "en")
    assert not alone.ok and "a price of the set" in alone.detail
    assert check_facts({"text": "The Trail Shoe set, now $197.10 instead of $219."}, facts, "bundle", "en").ok
    assert check_facts({"text": "Trail Shoe, now $197.10."}, facts, "percent_off", "en").ok
    assert not check_facts({"text": "Trail Shoe只要$197.10"}, facts, "bundle", "zh").ok
    assert not check_facts({"text": "这件外套只要$197.10"}, facts, "bundle", "zh").ok
    assert not check_facts({"text": "Trail Shoe sets the pace at $197.10"}, facts, "bundle", "en").ok
    named = facts | {"product": "Steel Pan Set"}  # a name is not what the offer is
    assert not check_facts({"text": "Steel Pan Set, now $197.10."}, named, "bundle", "en").ok
    assert check_facts({"text": "Trail Shoe成套$197.10"}, facts, "bundle", "zh").ok


def test_a_slot_stands_apart_from_words_and_no_text_stands_twice() -> None:
    rules = dict(channel="push", offer="percent_off", language="en")
    sent = {"title": "Trail days", "body": "{product}, {discount} off until {end}"}
    assert passes(check_copy(sent, FACTS, {}, **rules))
    glued = {check.name for check in check_copy(sent | {"body": "Tap to{end}"}, FACTS, {}, **rules) if not check.ok}
    assert glued == {"slots"}
    assert not passes(check_copy({"title": "{product} days", "body": "{product} days."}, FACTS, {}, **rules))


def test_an_advertisement_that_anybody_sees_speaks_to_anybody(shop) -> None:
    ctx = context(shop, QueueWriter(), shares={"email": 0.5, "search": 0.5})
    assert copy_job(ctx, "email", strategy_id="s1").audience == "lapsed"
    assert copy_job(ctx, "search", strategy_id="s1").audience == "all"
    assert copy_job(ctx, "search", audience="lapsed", strategy_id="s1").audience == "lapsed"  # asked for: a customer list


@pytest.mark.parametrize(("text", "language", "fits"), [
    ("It's been a while", "en", False), ("A thank you to our regulars", "en", False), ("Good to see you again", "en", False),
    ("Regular fit, in blue", "en", True), ("Have a look", "en", True), ("老顾客专享", "zh", False), ("来看看吧", "zh", True),
])  # fmt: skip
def test_strangers_are_not_spoken_to_as_customers(text, language, fits):
    assert check_readers({"text": text}, "all", language).ok is fits
    assert check_readers({"text": text}, "loyal", language).ok
