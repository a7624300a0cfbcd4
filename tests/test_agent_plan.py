"""A whole plan through the real tools on the demo shop, with a scripted model; then talk, an edit and a restart."""

from __future__ import annotations

import json
import re

import pytest

from campaignwright.agent import Copilot
from campaignwright.agent.said import check_said, not_taken
from campaignwright.market.exporters import render_markdown
from campaignwright.tools.base import Context, ToolError
from campaignwright.tools.copy_format import FIELDS

REQUEST = "Plan a 2-week campaign for running shoes, $20k, email and search, from next Monday"
PIECES = ("Light, quiet and ready for the long way home", "The {product} keeps its promise on wet ground",
          "A calm run starts with the right pair", "For the route you know by heart", "Made for slow mornings")  # fmt: skip


@pytest.mark.parametrize(("request_", "arguments", "left"), [
    ("Plan coffee, $8,000, at most 20% off", {"budget": "$8,000"}, ["20%"]),
    ("Plan coffee, $8k, at most 20% off", {"budget": 8000, "max_discount": 0.2}, []),
    ("咖啡活动，预算8000元，最多打八折", {"products": ["咖啡"], "max_discount": "八折"}, ["8000元"]),
    ("Coffee for two weeks, 30 days to return", {"days": "two weeks"}, []),
])  # fmt: skip
def test_a_limit_that_no_tool_was_told_is_named(request_, arguments, left):
    assert not_taken([arguments], request_) == left


@pytest.mark.parametrize(("request_", "quoted"), [("老板说钱减半", "减半"), ("预算翻倍吧", "翻倍"), ("do it for half", "half")])
def test_a_short_word_of_change_is_the_marketers_own(demo, today, request_, quoted):
    ctx = Context(demo, today, request=request_)
    check_said(ctx, "set_brief", {"budget": quoted})
    with pytest.raises(ToolError, match="not in the marketer's words"):
        check_said(ctx, "set_brief", {"budget": "再加倍"})


def writer(spec, n, seed):
    """Plain drafts without an offer: the copywriter itself is tested elsewhere."""
    drafts = []
    for number in range(n):
        texts = [PIECES[(number + step) % len(PIECES)] for step in range(len(PIECES))]
        text = texts[0] + (" Reply STOP to opt out" if spec["channel"] == "sms" else "")
        drafts.append({name: [t[:30].rsplit(" ", 1)[0] for t in texts] if items else text
                       for name, items in FIELDS[spec["channel"]].items()})  # fmt: skip
    return drafts


def script(fake_model):
    """The usual order of a plan; the channels to write for come from the budget's answer."""

    def write_or_finish(messages):
        answers = [json.loads(m.content) for m in messages if m.type == "tool" and m.name == "allocate_budget"]
        done = sum(m.type == "tool" and m.name == "write_copy" for m in messages)
        channels = answers[-1]["channels"]
        if done < len(channels):
            fake_model.queue.insert(0, write_or_finish)
            return ("write_copy", {"channel": channels[done], "strategy_id": "s1"})
        fake_model.queue.insert(0, (
            "It runs {fig:days} days with {fig:budget}, mostly by {channel}. I expect {fig:revenue} in revenue. "
            "Profit doubles to $1,000,000."))  # fmt: skip
        return ("finish_plan", {"strategy_id": "s1"})

    brief = {"objective": "revenue", "products": ["running shoes"], "budget": "$20k", "start": "next Monday",
             "days": "2-week", "channels": ["email", "search"]}  # fmt: skip
    return [
        ("set_brief", brief), ("search_campaigns", {"query": "running shoes"}), ("generate_strategies", {}),
        ("optimize_price", {"product": "running shoes"}), ("allocate_budget", {"strategy_id": "s1"}),
        ("check_stock", {"product": "running shoes"}), ("design_test", {"strategy_id": "s1"}), write_or_finish,
    ]  # fmt: skip


@pytest.fixture
def copilot(demo_copy, fake_model, today):
    with Copilot.open(demo_copy, model=fake_model, today=today, writer=writer) as opened:
        yield opened


def test_a_plan_from_request_to_edit(copilot, fake_model, demo_copy, today):
    fake_model.queue = script(fake_model)
    events = list(copilot.stream(REQUEST, session="s1"))
    turn = events[-1]["turn"]
    assert turn.error is None and [call.error for call in turn.tool_calls if call.error] == []
    assert [call.name for call in turn.tool_calls][0] == "set_brief" and turn.tool_calls[-1].name == "finish_plan"
    assert turn.brief.budget == 20_000 and turn.brief.days == 14 and turn.brief.start.isoformat() == "2026-11-30"
    assert turn.plan == next(event["plan"] for event in events if event["type"] == "plan")
    assert re.match(r"It runs 14 days with \$\d+,\d+, mostly by (e-mail|search ads)\. I expect \$[\d,.]+ in revenue\.\n\n"
                    r"Assumptions: audience: all customers$", turn.text)  # fmt: skip
    assert "1,000,000" in turn.dropped[0][0]
    assert {figure["id"] for figure in turn.plan["figures"]} <= {figure.id for figure in turn.figures}
    assert render_markdown(turn.plan)

    fake_model.queue = [("explain_plan", {"part": "calendar"})]  # the part is the answer: no sentence of the model's beside it
    asked = copilot.ask("when does it start?", session="s1")
    assert asked.plan is None
    assert re.match(r"Calendar:\n- Nov 30, 2026: Search ads, ads start\n.*\n\nDates that you did not name", asked.text, re.DOTALL)

    fake_model.queue = ["You gave me $20,000. It is still {fig:revenue}; tomorrow 7,777."]
    assert re.match(r"You gave me \$20,000\.$", copilot.ask("Remind me of the budget", session="s1").text)

    edited = copilot.edit("s1", budget="10k")
    assert edited.plan["brief"]["budget"] == 10_000 and edited.plan["plan_hash"] != turn.plan["plan_hash"]
    copilot.close()
    with Copilot.open(demo_copy, model=fake_model, today=today, writer=writer) as again:
        assert again.plan("s1")["plan_hash"] == edited.plan["plan_hash"]
        fake_model.queue = script(fake_model)
        assert again.ask(REQUEST, session="s2").plan["plan_hash"] == turn.plan["plan_hash"]


def test_a_brief_that_lacks_something_is_asked_about(copilot, fake_model):
    fake_model.queue = [("set_brief", {"products": ["unicorns"], "budget": "$5k"}), "Which product is it?"]
    turn = copilot.ask("unicorns, $5k")
    assert fake_model.choices[-1] == "none" and turn.plan is None
    assert turn.text.startswith("Which product is it?") and "catalogue" in turn.text


def test_lists_are_printed_whole(copilot, fake_model):
    fake_model.queue = [("recommend_products", {"audience": "high_value", "k": "seven"}), "These fit them."]
    recommended = copilot.ask("seven products for VIPs").text
    assert recommended.startswith("These fit them.") and recommended.count("\n- ") == 7
    fake_model.queue = [("search_campaigns", {"query": "best ROAS", "k": "three"}), "Here they are."]
    found = copilot.ask("three best campaigns by ROAS").text
    assert found.count("ROAS (revenue / spend)") == 3
    fake_model.queue = [("allocate_budget", {"budget": "10000"}), ""]
    split = copilot.ask("split 10000").text
    assert "Search ads: $" in split and "marginal" not in split


def test_the_answer_says_what_a_plan_leaves_unspent(copilot, fake_model):
    brief = {"objective": "profit", "products": ["coffee"], "budget": "$30k", "channels": ["email"]}
    fake_model.queue = [("set_brief", brief), ("generate_strategies", {}),
                        ("finish_plan", {"strategy_id": "s1"}), "Ready."]  # fmt: skip
    turn = copilot.ask("coffee by email, $30k, as much profit as possible")
    assert any(risk["code"] == "unspent" for risk in turn.plan["risks"]) and "left unspent" in turn.text


def test_an_unreadable_value_loses_nothing_else(copilot, fake_model):
    brief = {"products": ["coffee"], "budget": "$5k", "channels": ["email"], "start": "them"}
    fake_model.queue = [("set_brief", brief)] * 3
    turn = copilot.ask("coffee, $5k, email, get rid of them")
    assert turn.error == "repair" and "received 'them'" in turn.text
    assert (turn.brief.budget, turn.brief.channels) == (5_000, ["email"]) and turn.brief.products
