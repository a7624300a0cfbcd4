"""The shipped model end to end on the demo shop: a Chinese plan, a question for a vague request, a refusal off topic."""

from __future__ import annotations

import datetime as dt
import re
import shutil

import pytest

from campaignwright.agent import Copilot
from campaignwright.market.exporters import render_markdown


@pytest.fixture(scope="module")
def copilot(demo_template, tmp_path_factory):
    path = tmp_path_factory.mktemp("shipped") / "demo"
    shutil.copytree(demo_template, path)
    with Copilot.open(path, today=dt.date(2026, 11, 23)) as opened:
        yield opened


def chinese(text: str) -> float:
    """Share of Chinese characters among letters."""
    letters = [character for character in text if character.isalpha()]
    return sum("\u4e00" <= character <= "\u9fff" for character in letters) / max(len(letters), 1)


def test_a_chinese_request_gets_a_chinese_plan(copilot):
    turn = copilot.ask("给老客户做一个咖啡的活动，预算2万美元，下周一开始，两周", session="zh")
    assert turn.error is None and turn.plan, turn.text
    brief = turn.plan["brief"]
    assert (brief["language"], brief["audience"], brief["budget"], brief["days"]) == ("zh", "loyal", 20_000, 14)
    document = render_markdown(turn.plan)
    titles = re.findall(r"^## (.+)$", document, re.MULTILINE)
    assert chinese(turn.text.replace("US$", "")) > 0.9 and all(chinese(title) > 0.5 for title in titles)
    variants = [variant for asset in turn.plan["assets"] for variant in asset["variants"]]
    texts = [re.sub(r"{\w+}", "", " ".join(map(str, variant["raw"].values()))) for variant in variants]  # names may be Latin
    assert texts and all(chinese(text) > 0.9 for text in texts), texts


@pytest.mark.parametrize("said", ["I want to do some marketing", "我想做推广"])
def test_a_vague_request_gets_a_question(copilot, said):
    turn = copilot.ask(said, session=said)
    assert not turn.tool_calls and re.search(r"[?？]|[Tt]ell me|告诉我", turn.text), turn.text


@pytest.mark.parametrize("said", ["What's the weather in Paris tomorrow?", "Write a poem about the sea", "帮我写一段Python代码"])
def test_an_off_topic_request_gets_a_refusal(copilot, said):
    turn = copilot.ask(said, session=said)
    assert not turn.tool_calls and turn.text and turn.plan is None
    assert re.search(r"I (?:can't|don't|only|have no)|not my field|我(?:不|只)|不(?:会|能|懂)|不是", turn.text), turn.text


def test_one_question_after_another_gets_its_own_answer(copilot):
    """A talk longer than those the model learnt from: no tool is called again because it was called before."""
    said = {
        "What can you do?": None, "what price for the trail shoe": "optimize_price",
        "is there enough stock for a two week promo on running shoes": "check_stock",
        "who are my best customers": "profile_audience", "hi": None, "哪些商品适合新客": "recommend_products",
    }  # fmt: skip
    called = {text: [call.name for call in copilot.ask(text, session="talk").tool_calls] for text in said}
    assert called == {text: [tool] if tool else [] for text, tool in said.items()}


@pytest.mark.parametrize("said", [
    {"Plan a campaign for coffee, $5k, email and search": None, "who gets it?": "audience", "is that profitable?": "verdict",
     "when does it start?": "calendar", "why no sms?": "budget", "what's the risk": "risks"},
    {"给咖啡做个活动，预算5000美元，邮件和搜索": None, "发给谁": "audience", "值得做吗": "verdict"},
])  # fmt: skip
def test_a_question_about_the_plan_is_answered_from_the_plan(copilot, said):
    for text, part in said.items():
        turn = copilot.ask(text, session=f"parts {len(said)}")
        if part is None:
            assert turn.plan, turn.text
        else:
            assert [(call.name, call.arguments) for call in turn.tool_calls] == [("explain_plan", {"part": part})], text
            assert turn.tool_calls[0].result["data"]["lines"][0] in turn.text


def test_the_likeliest_of_several_calls_is_made(monkeypatch):
    """Token by token the first pick looks best; a draft that is likelier as a whole takes its place."""
    from langchain_core.messages import HumanMessage

    from campaignwright.agent.backends import load_model
    from campaignwright.agent.chat_model import CampaignChatModel
    from campaignwright.tools.registry import TOOLS

    chat = load_model("embedded").chat
    assert isinstance(chat, CampaignChatModel) and chat.drafts
    whole = '<tool_call>\n{"name": "profile_audience", "arguments": {"audience": "WHO"}}\n</tool_call>'
    first, better = (whole.replace("WHO", who) for who in ("all", "loyal"))

    def decode(ids, *, n=1, chances, **settings):
        drawn = [first] if n == 1 else [first, better, *["<tool_call>\n{"] * (n - 2)]  # the last ones were cut off
        chances += [[(0.95, 0.95), (0.5, 0.6)], [(0.95, 0.95), (0.8, 0.8)], *[[(1.0, 1.0)]] * n][: len(drawn)]
        yield from enumerate(drawn)

    monkeypatch.setattr(chat.local, "decode", decode)
    bound = chat.bind_tools([tool.schema() for tool in TOOLS.values()])
    assert bound.invoke([HumanMessage("Who are my regulars?")]).tool_calls[0]["args"] == {"audience": "loyal"}
