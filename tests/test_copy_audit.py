"""The independent audit of delivered copy, and the measures that stand beside it."""

from __future__ import annotations

import numpy as np
import pytest

from campaignwright.evals.copy_audit import audit, segments, width
from campaignwright.evals.copy_reading import clustered
from campaignwright.evals.copy_texts import Recall, distinct, self_bleu, tokens

EN = {"brand": "Northway", "product": "TRAIL 4", "price": "$84.15", "was": "$99", "discount": "15%", "end": "Dec 14", "code": "RUN15"}
ZH = {"brand": "北路", "product": "跑鞋", "price": "¥84", "discount": "20%", "discount_zhe": "8折", "end": "12月14日"}


def push(text: str, language: str, offer: str = "percent_off") -> list[str]:
    """Breaches of a push message with this body."""
    facts = EN if language == "en" else ZH
    return audit({"title": facts["product"], "body": text}, facts, channel="push", language=language, offer=offer)


@pytest.mark.parametrize("text", [
    "TRAIL 4$84.15, was $99: 15% off with RUN15 until Dec 14.", "Dec 14 is the last day.", "For slow Sunday mornings.",
])  # fmt: skip
def test_supplied_facts_pass(text: str) -> None:
    assert push(text, "en") == []


@pytest.mark.parametrize("text", ["跑鞋8折，¥84，12月14日截止", "最近天凉，第一单不纠结", "一成套更省", "12月14日是最后一天"])
def test_supplied_facts_pass_in_chinese(text: str) -> None:
    assert push(text, "zh") == []


@pytest.mark.parametrize("language, text, kind", [
    ("en", "Now $15", "fact, number"),  # 15 is a supplied percentage, not a price
    ("en", "99% off", "fact, number"),
    ("en", "$84.15% off", "fact, currency or percent sign"),
    ("en", "Until Sunday", "fact, date"),
    ("en", "Last day!", "fact, date"),
    ("en", "Use code SAVE", "fact, code"),
    ("en", "Twenty percent off", "fact, number in words"),
    ("en", "With free shipping", "fact, offer"),
    ("en", "Our best shoe", "banned, superlative"),
    ("en", "Fit guaranteed", "banned, guarantee"),
    ("en", "Almost gone", "banned, scarcity"),
    ("en", "For {first_name}", "slot"),
    ("zh", "跑鞋20%折", "fact, number in words"),
    ("zh", "打7折", "fact, number"),
    ("zh", "今晚截止", "fact, date"),
    ("zh", "包邮到家", "fact, offer"),
    ("zh", "销量第一", "banned, absolute term"),
    ("zh", "仅剩几双", "banned, scarcity"),
    ("zh", "抗衰老", "banned, health"),
])  # fmt: skip
def test_breaches_are_found(language: str, text: str, kind: str) -> None:
    assert any(breach.startswith(kind + ":") for breach in push(text, language)), push(text, language)


def test_platforms_count_as_they_say() -> None:
    assert width("Hi 跑鞋") == 7
    assert [segments("a" * 160), segments("a" * 161), segments("€" * 81), segments("跑" * 70), segments("跑" * 71)] == [1, 2, 2, 1, 2]
    rules = {"channel": "wechat", "language": "zh", "offer": "none"}
    assert audit({"text": "跑" * 30}, ZH, **rules) == []
    assert [one.split(":")[0] for one in audit({"text": "跑" * 31}, ZH, **rules)] == ["length"]
    assert [one.split(":")[0] for one in audit({"text": "看www.shop.cn"}, ZH, **rules)] == ["link"]
    few = {"headlines": ["跑鞋"] * 2, "descriptions": ["跑鞋"] * 2}
    assert any("2 items" in one for one in audit(few, ZH, channel="search", language="zh", offer="none"))


@pytest.mark.parametrize("language, ending", [("en", "Reply STOP to opt out"), ("zh", "拒收请回复R")])
def test_text_messages_need_a_way_out(language: str, ending: str) -> None:
    rules = {"channel": "sms", "language": language, "offer": "none"}
    facts = EN if language == "en" else ZH
    assert audit({"text": f"{facts['product']} {ending}"}, facts, **rules) == []
    assert audit({"text": facts["product"]}, facts, **rules) == ["opt-out: none"]


def test_sameness() -> None:
    texts = [tokens([text]) for text in ("the shoe is here again", "the shoe is here now", "a quite different line of words")]
    recall = Recall(texts)
    assert recall.longest(texts[0]) == 1 and recall.longest(texts[0], but=[0]) == pytest.approx(4 / 5)
    assert recall.longest(tokens(["now a quite"])) == pytest.approx(2 / 3)  # no run reaches from one text into the next
    assert distinct([texts[0], texts[0]]) == 0.5
    scores = self_bleu(texts)
    assert self_bleu([texts[0], texts[0]]) == pytest.approx([1, 1])
    # by hand: of 5, 4, 3, 2 n-grams the other text has 4, 3, 2, 1
    assert scores[0] == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25) and scores[2] < 0.2


def test_intervals_count_requests_not_their_variants() -> None:
    rng = np.random.default_rng(0)
    values, groups = np.repeat(rng.integers(0, 2, 40), 10), np.repeat(np.arange(40), 10)
    _, low, high, count = clustered(values, groups, rng)
    _, tight, wide, _ = clustered(values, np.arange(400), rng)
    assert high - low > 2 * (wide - tight) and count == 400
