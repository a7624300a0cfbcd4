"""The copilot's loop with a scripted model: calls, repair, grounding, sessions, crashes. Numbers are the tools' own."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path
from typing import Annotated

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from pydantic import Field

from campaignwright.agent import Copilot, prompting
from campaignwright.agent.backends import Backend, load_model
from campaignwright.agent.planner import shape
from campaignwright.agent.privacy import mask
from campaignwright.agent.problems import ModelProblem
from campaignwright.agent.prompting import fill, prompt, sentence, slots
from campaignwright.agent.render import Grounds, render
from campaignwright.agent.sessions import Sessions
from campaignwright.agent.text_numbers import numbers
from campaignwright.finetune.surface import read_json
from campaignwright.tools.base import Context, Figure, OpenQuestion, Said, ToolError, ToolResult, tool
from campaignwright.tools.normalise import spoken

# -- a shop in miniature: a few tools, no data -----------------------------------------------------------------


@tool
def price(ctx: Context, product: Annotated[Said, Field(description="product")]) -> ToolResult:
    """Price a product."""
    if "shoe" not in product:
        raise ToolError(f"product: nothing is called {product!r}.", retry=True, argument="product")
    figures = [ctx.figure("price", 49.9, "money", low=45.0, high=55.0), ctx.figure("discount", 0.15, "fraction")]
    return ToolResult(summary={"product": "Trail Shoe 3", "cut": True}, figures=figures, data={"curve": [1, 2]})


@tool
def stock(ctx: Context, product: Annotated[Said, Field(description="product")]) -> ToolResult:
    """Look at the stock."""
    raise ToolError("This needs the table `stock`, which is empty here.", retry=False)


@tool
def broken(ctx: Context) -> ToolResult:
    """Fail."""
    return 1 / 0


@tool
def repriced(ctx: Context) -> ToolResult:
    """Price it at another budget."""
    figures = [ctx.figure("price", 44.9, "money"), ctx.figure("profit", 90.0, "money", low=70.0, high=110.0)]
    return ToolResult(summary={"product": "Trail Shoe 3"}, figures=figures)


@tool
def asked(ctx: Context, product: Annotated[Said | None, Field(description="product")] = None) -> ToolResult:
    """Answer only when the marketer has."""
    if product is None:
        raise OpenQuestion("Which shoe is meant?")
    return ToolResult(summary={"product": product}, figures=[ctx.figure("price", 39.9, "money")])


@tool
def spread(ctx: Context, channel: Annotated[Said | None, Field(description="one channel")] = None) -> ToolResult:
    """Say where the money goes."""
    return ToolResult(summary={"channel": channel} if channel else {"channels": ["search", "wechat"]})


SMALL = {one.name: one for one in (price, stock, broken, repriced, asked, spread)}


@pytest.fixture
def small(workspace, fake_model):
    """A copilot over these tools; the workspace is empty."""
    backend = Backend("fake", fake_model, None)
    return Copilot(workspace, backend, Sessions.open(workspace.path / "sessions.sqlite"), registry=SMALL)


def test_a_tool_answers_and_its_figure_is_printed(small, fake_model):
    fake_model.queue = [("price", {"product": "shoe"}), "{product} at {fig:price} works, {fig:discount} off."]
    turn = small.ask("What price for the shoe?")
    assert turn.text == "Trail Shoe 3 at $49.90 works, 15% off."
    [call] = turn.tool_calls
    assert (call.name, call.arguments, call.error) == ("price", {"product": "shoe"}, None)
    assert call.result["data"] == {"curve": [1, 2]}
    assert [one.id for one in turn.figures] == ["c1.price", "c1.discount"]
    shown = json.loads(fake_model.seen[1][-1].content)
    assert shown == {"ok": True, "product": "Trail Shoe 3", "cut": True, "figures": ["price", "discount"]}
    assert json.loads(turn.to_json())["tool_calls"][0]["name"] == "price"


def test_events_come_in_order_and_make_up_the_turn(small, fake_model):
    fake_model.queue = [("price", {"product": "shoe"}), "It costs {fig:price}. Fine."]
    events = list(small.stream("price?"))
    assert [event["type"] for event in events] == ["tool_start", "tool_end", "text", "text", "done"]
    assert events[1]["language"] == "en"
    assert "".join(event["text"] for event in events if event["type"] == "text").strip() == events[-1]["turn"].text


def test_an_injected_number_is_not_shown(small, fake_model):
    text = "Ask {fig:price}. Profit will rise by 300%. {fig:profit} is sure."
    fake_model.queue = [("price", {"product": "shoe"}), text]
    turn = small.ask("What price for the shoe?")
    assert turn.text.splitlines()[0] == "Ask $49.90." and "300" not in turn.text and len(turn.dropped) == 2


def test_when_nothing_is_grounded_the_figures_speak(small, fake_model):
    fake_model.queue = [("price", {"product": "shoe"}), "Charge 12 dollars!"]
    turn = small.ask("What price for the shoe?")
    assert "12" not in turn.text and "$49.90" in turn.text


def test_an_answer_is_told_with_its_own_figures_not_with_older_ones(small, fake_model):
    fake_model.queue = [("price", {"product": "shoe"}), "{fig:price}, {fig:discount} off."]
    small.ask("What price for the shoe?", session="s")
    fake_model.queue = [("repriced", {}), "With {fig:discount} off. It costs {fig:price}."]
    turn = small.ask("And at another budget?", session="s")
    assert turn.text == "It costs $44.90.\n\nProfit after spend: $90 ($70 to $110)"
    fake_model.queue = ["It stays at {fig:discount} off."]  # a turn without figures of its own may name what stands
    assert small.ask("And the discount?", session="s").text == "It stays at 15% off."


def test_a_slot_without_a_figure_is_no_number_of_the_models(small, fake_model):
    fake_model.queue = [("repriced", {}), "It sells {fig:orders} times."]
    assert small.ask("price?").text == "Price with most profit: $44.90; Profit after spend: $90 ($70 to $110)"


def test_a_question_that_one_tool_has_answered_three_times_is_answered_in_words(small, fake_model):
    fake_model.queue = [*(("price", {"product": f"shoe {n}"}) for n in range(3)), "It costs {fig:price}."]
    assert small.ask("prices?").text == "It costs $49.90."
    assert fake_model.choices == [None, None, None, "none"]


def test_the_channel_that_is_named_is_the_last_answers(small, fake_model):
    fake_model.queue = [("spread", {"channel": "wechat"}), "On {channel}."]
    assert small.ask("what of WeChat?", session="s").text == "On WeChat."
    fake_model.queue = [("spread", {}), "Most goes to {channel}."]
    assert small.ask("and the split?", session="s").text == "Most goes to search ads."


def test_no_sentence_about_results_that_the_model_is_taught_holds_a_number_of_its_own() -> None:
    table = json.dumps({name: told for name, told in read_json("narratives.json").items() if name != "about"}, ensure_ascii=False)
    told = [text for text in re.findall(r'"([^"]*)"', table) if "{" in text]
    assert len(told) > 60
    assert not [text for text in told if numbers(re.sub(r"\{[^{}]*\}", " ", text))]


def test_an_answer_behind_an_open_question_is_shown(small, fake_model):
    fake_model.queue = [("asked", {}), ("asked", {"product": "shoe"}), "It costs {fig:price}."]
    turn = small.ask("price of the shoe?")
    assert turn.text == "It costs $39.90."


def test_an_open_question_is_shown_in_its_own_words(small, fake_model):
    fake_model.queue = [("asked", {}), "I couldn't read that value."]
    events = list(small.stream("What would 10 % off do?"))
    assert events[-1]["turn"].text == "Which shoe is meant?"
    assert "".join(event["text"] for event in events if event["type"] == "text").strip() == "Which shoe is meant?"


def test_the_marketers_own_numbers_may_be_repeated(small, fake_model):
    fake_model.queue = ["您说了$20k、2周、优惠15%。", "So $20,000. Not $30,000."]
    assert small.ask("$20k, two weeks, 八五折").text == "您说了$20k、2周、优惠15%。"
    assert small.ask("ok?").text == "So $20,000."


def test_no_tool_for_small_talk(small, fake_model):
    fake_model.queue = ["I only plan campaigns for your shop."]
    turn = small.ask("What is the capital of France?")
    assert turn.tool_calls == [] and turn.plan is None and turn.error is None


def test_a_refused_call_is_repaired(small, fake_model):
    fake_model.queue = [("price", {"product": "boot"}), ("price", {"product": "shoe"}), "It is {fig:price}."]
    turn = small.ask("price of the shoe or boot")
    assert turn.text == "It is $49.90." and [call.error is None for call in turn.tool_calls] == [False, True]
    error = json.loads(fake_model.seen[1][-1].content)
    assert error["retry"] is True and error["argument"] == "product" and "boot" in error["error"]


def test_repair_ends_after_two_more_tries(small, fake_model):
    fake_model.queue = [("price", {"product": "boot"})] * 3
    turn = small.ask("price of boots")
    assert len(turn.tool_calls) == 3 and turn.error == "repair" and fake_model.queue == []
    assert "nothing is called 'boot'" in turn.text and "same call" not in turn.text
    fake_model.queue = ["Fine."]
    assert small.ask("thanks").text == "Fine."


def test_refusals_of_several_tools_add_up(small, fake_model):
    names = ("price", "send_mail", "call_bank", "price", "send_mail")
    fake_model.queue = [(name, {"product": f"boot {number}"}) for number, name in enumerate(names)]
    assert small.ask("price of boots").error == "repair" and fake_model.queue == []


@pytest.mark.parametrize(
    "wrong", [("price", {}), ("price", {"product": "shoe", "colour": "red"}), ("send_mail", {"to": "all"})]
)
def test_wrong_calls_come_back_as_messages(small, fake_model, wrong):
    fake_model.queue = [wrong, "I could not."]
    turn = small.ask("go")
    assert turn.tool_calls[0].error and turn.error is None
    assert json.loads(fake_model.seen[1][-1].content)["ok"] is False


def test_missing_data_is_said_and_the_turn_goes_on(small, fake_model):
    fake_model.queue = [("stock", {"product": "shoe"}), "I cannot see your stock."]
    turn = small.ask("stock of shoes?")
    assert turn.text == "This needs the table `stock`, which is empty here." and turn.error is None


def test_a_failed_tool_says_so_and_ends_the_turn(small, fake_model, caplog):
    fake_model.queue = [("broken", {})]
    turn = small.ask("go")
    assert turn.error == "tool" and "broken" in turn.text and len(turn.text.splitlines()) == 1
    assert any("broken" in record.message for record in caplog.records)


def test_a_turn_has_a_limit_of_calls(small, fake_model):
    fake_model.queue = [("price", {"product": f"shoe {number}"}) for number in range(25)]
    turn = small.ask("loop")
    assert turn.error == "limit" and len(turn.tool_calls) == 20


def test_a_model_that_repeats_itself_is_stopped(small, fake_model):
    fake_model.queue = [("price", {"product": "shoe"})] * 4
    turn = small.ask("loop")
    assert turn.error == "repair" and [call.error is None for call in turn.tool_calls] == [True, False, False, False]


def test_several_calls_at_once_run_in_order(small, fake_model):
    calls = [{"name": "price", "args": {"product": f"shoe {n}"}, "id": f"x{n}", "type": "tool_call"} for n in range(3)]
    fake_model.queue = [AIMessage("", tool_calls=calls), "Done."]
    assert [call.arguments["product"] for call in small.ask("go").tool_calls] == ["shoe 0", "shoe 1", "shoe 2"]


def test_a_model_that_fails_is_one_line(small, fake_model):
    fake_model.queue = [RuntimeError("connection refused\nmore"), "Back."]
    turn = small.ask("hi")
    assert turn.error == "model" and "connection refused" in turn.text and "\n" not in turn.text
    assert small.ask("hi again").text == "Back."


@pytest.mark.parametrize("text", ["", "  \n ", None, 7, "x" * 100_000, "折" * 100_000])
def test_impossible_requests_get_one_line(small, fake_model, text):
    turn = small.ask(text)
    assert turn.error == "request" and turn.text and "\n" not in turn.text and fake_model.seen == []


def test_chinese_in_chinese_out(small, fake_model):
    fake_model.queue = [("price", {"product": "shoe"}), "建议{fig:discount}优惠。预计增长300%。", ("broken", {})]
    turn = small.ask("跑鞋定价多少？shoe")
    assert turn.language == "zh" and turn.text == "建议15%优惠。"
    assert "你是" in fake_model.seen[0][0].content
    assert "内部出错" in small.ask("10%?").text  # no words: the session stays Chinese


@pytest.mark.parametrize(("text", "language"), [
    ("Plan a campaign for 小米 phones", "en"), ("给 AirPods Pro 做个活动", "zh"), ("小米", "zh"), ("10%?", "fr"), ("", "fr"),
    ("It's ¥20k", "en"), ("8折", "zh"), ("план", "en"),
])  # fmt: skip
def test_the_language_of_a_message_is_that_of_most_of_its_words(text, language):
    assert spoken(text, "fr") == language


def test_personal_data_never_reaches_model_or_store(small, fake_model, caplog):
    caplog.set_level("DEBUG")
    fake_model.queue = ["Noted."]
    small.ask("mail jane.doe@example.com, call 555-123-4567 or 13812345678")
    small.close()
    for message in fake_model.seen[0]:
        assert "jane" not in message.content
    raw = b"".join(path.read_bytes() for path in small.workspace.path.glob("sessions.sqlite*"))
    assert b"jane.doe" not in raw and b"123-4567" not in raw and b"13812345678" not in raw and b"[email]" in raw
    assert "jane.doe" not in caplog.text


# -- sessions --------------------------------------------------------------------------------------------------


def test_history_is_trimmed_to_words_brief_and_closing_text():
    brief = {"name": "set_brief", "args": {"budget": "20k"}, "id": "b", "type": "tool_call"}
    other = {"name": "price", "args": {}, "id": "p", "type": "tool_call"}
    lost = {"name": "price", "args": {}, "id": "q", "type": "tool_call"}
    earlier = [
        HumanMessage("plan"), AIMessage("", tool_calls=[brief]), ToolMessage("{}", tool_call_id="b", status="success"),
        AIMessage("", tool_calls=[other]), ToolMessage("{}", tool_call_id="p"), AIMessage("Here it is."),
    ]  # fmt: skip
    killed = [HumanMessage("and?"), AIMessage("", tool_calls=[lost])]
    now = [HumanMessage("more"), AIMessage("", tool_calls=[other]), ToolMessage("{}", tool_call_id="p")]
    shaped = shape([*earlier, *killed, *now])
    kinds = [(message.type, [one["name"] for one in getattr(message, "tool_calls", [])]) for message in shaped]
    assert kinds == [
        ("human", []), ("ai", ["set_brief"]), ("tool", []), ("ai", []), ("human", []),
        ("human", []), ("ai", ["price"]), ("tool", []),
    ]  # fmt: skip


def test_sessions_resume_in_a_new_copilot(workspace, fake_model):
    store = workspace.path / "sessions.sqlite"
    fake_model.queue = [("price", {"product": "shoe"}), "It is {fig:price}.", "Still {fig:price}.", "New here."]
    first = Copilot(workspace, Backend("fake", fake_model, None), Sessions.open(store), registry=SMALL)
    first.ask("the price of the shoe", session="a.b")
    first.sessions.close()
    second = Copilot(workspace, Backend("fake", fake_model, None), Sessions.open(store), registry=SMALL)
    assert second.ask("and now?", session="a.b").text == "Still $49.90."
    shown = [message.content for message in fake_model.seen[2][1:]]
    assert shown == ["the price of the shoe", "It is {fig:price}.", "and now?"]
    assert second.ask("hi", session="other").text == "New here."
    assert [message.content for message in fake_model.seen[3][1:]] == ["hi"]
    assert [one["request"] for one in second.history("a.b")] == ["the price of the shoe", "and now?"]
    assert {one["session"] for one in second.sessions.names()} == {"a.b", "other"}


def test_a_sessions_turns_beyond_the_most_shown_are_all_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("campaignwright.agent.sessions.MOST_TURNS", 3)
    sessions = Sessions.open(tmp_path / "s.sqlite")
    for number in range(5):
        sessions.add_turn("a", f"request {number}", {"text": str(number)})
    sessions.add_turn("ab", "another", {})
    assert [one["request"] for one in sessions.turns("a")] == ["request 2", "request 3", "request 4"]
    assert {one["session"]: one["title"] for one in sessions.names()} == {"a": "request 0", "ab": "another"}
    monkeypatch.setattr(sessions.store, "search", None)  # one more turn does not read the ones before it
    sessions.add_turn("a", "request 5", {})
    monkeypatch.setattr("campaignwright.agent.sessions.MOST_TURNS", 1000)
    assert [one["request"] for one in sessions.turns("a")] == [f"request {number}" for number in range(6)]
    sessions.close()


def test_a_session_from_before_the_count_goes_on(tmp_path):
    sessions = Sessions.open(tmp_path / "s.sqlite")
    for number in range(2):
        sessions.store.put(("turns", "a"), f"{number:06d}", {"request": str(number), "turn": {}, "at": ""}, index=False)
    sessions.add_turn("a", "2", {})
    assert [one["request"] for one in sessions.turns("a")] == ["0", "1", "2"]
    sessions.close()


def test_checkpoints_do_not_pile_up(small, fake_model):
    fake_model.queue = [("price", {"product": "shoe"}), "Ok."] * 4
    for _ in range(4):
        small.ask("shoe price")
    with sqlite3.connect(small.workspace.path / "sessions.sqlite") as connection:
        assert connection.execute("SELECT count(*) FROM checkpoints").fetchone()[0] <= 2


def test_a_listener_may_leave(small, fake_model):
    fake_model.queue = [("price", {"product": "shoe"}), ("price", {"product": "shoe"}), "Late."]
    events = small.stream("go")
    assert next(events)["type"] == "tool_start"
    events.close()
    deadline = time.monotonic() + 10
    while small._lock.locked() and time.monotonic() < deadline:
        time.sleep(0.01)
    fake_model.queue = ["Here."]
    assert small.ask("still there?").text == "Here."


KILLED = """
    import os, sys, time
    sys.path.insert(0, {tests!r})
    from conftest import FakeChatModel
    import test_agent
    from campaignwright.agent import Copilot, prompting
    from campaignwright.agent.backends import Backend
    from campaignwright.agent.sessions import Sessions
    from campaignwright.market.workspace import Workspace

    def hang(messages):
        time.sleep(60)

    workspace = Workspace.open({shop!r}, create=True)
    model = FakeChatModel(queue=[("price", {{"product": "shoe"}}), hang])
    sessions = Sessions.open(workspace.path / "sessions.sqlite")
    copilot = Copilot(workspace, Backend("fake", model, None), sessions, registry=test_agent.SMALL)
    for event in copilot.stream("the price of the shoe"):
        print(event["type"], flush=True)
"""


def test_kill_9_during_a_turn_loses_nothing_acknowledged(tmp_path, fake_model):
    from campaignwright.market.workspace import Workspace

    code = textwrap.dedent(KILLED.format(tests=str(Path(__file__).parent), shop=str(tmp_path / "shop")))
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    try:
        assert [process.stdout.readline().strip() for _ in range(2)] == ["tool_start", "tool_end"]
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    fake_model.queue = ["It was {fig:price}."]
    with Workspace.open(tmp_path / "shop") as workspace:
        sessions = Sessions.open(workspace.path / "sessions.sqlite")
        copilot = Copilot(workspace, Backend("fake", fake_model, None), sessions, registry=SMALL)
        assert copilot.ask("what was the price?").text == "It was $49.90."


# -- parts -----------------------------------------------------------------------------------------------------


def figure(name: str, value: float, unit: str, low: float | None = None, high: float | None = None) -> Figure:
    return Figure(id=f"c1.{name}", name=name, value=value, unit=unit, low=low, high=high, source={"call": "c1"})


GROUND = Grounds(
    {one.name: one for one in [
        figure("profit", 12345.678, "money", 9000, 15000), figure("roas", 4.123, "ratio"), figure("days", 14, "days"),
        figure("ctr", 0.0123, "fraction"), figure("send_hour", 18, "hour"), figure("audience_size", 900, "count"),
        figure("stock_days", 59.9, "days"),
    ]},
    {"audience": "loyal customers", "product": "Trail 3"}, ["about 500 orders"], None, ["Trail 3"], "en", "GBP",
)  # fmt: skip


def test_a_sentence_is_in_the_conversations_language():
    chinese = Grounds(GROUND.figures, GROUND.names, [], language="zh")
    assert render("The plan keeps the discount at 14 days. 预计利润{fig:profit}。", chinese).text == "预计利润US$12,346。"
    assert render("Meta Ads 和 Google Ads：{fig:days}。", chinese).text.startswith("Meta Ads")


@pytest.mark.parametrize(("text", "shown"), [
    ("{audience} bring {fig:profit}.", "Loyal customers bring £12,346."),
    ("From {fig:profit_low} to {fig:profit_high}.", "From £9,000 to £15,000."),
    ("It runs {fig:days} days at £{fig:profit}, CTR {fig:ctr}%.", "It runs 14 days at £12,346, CTR 1.23%."),
    ("It runs {fig:days}.", "It runs 14 days."), ("Lasts {fig:stock_days} days.", "Lasts 60 days."),
    ("Send at {fig:send_hour} to {audience}.", "Send at 18:00 to loyal customers."),
    ("£12,346 in 14 days at 18:00, ROAS 4.12, CTR 1.23%.", "£12,346 in 14 days at 18:00, ROAS 4.12, CTR 1.23%."),
    ("The Trail 3 in s1 has 500 orders.", "The Trail 3 in s1 has 500 orders."),
    ("£12,345.", ""), ("14%.", ""), ("£14.", ""), ("ROAS 4.", ""), ("501 orders.", ""), ("A dozen.", ""),
    ("Up three times.", ""),
    ("{fig:audience_size} customers in each arm.", ""), ("这是给老顾客的方案。", ""),
    ("{fig:ctr_low} or more.", ""), ("{fig:days_mean}.", ""), ("{campaign} won.", ""), ("{price}.", ""), ("{", ""),
])  # fmt: skip
def test_grounding(text, shown):
    assert render(text, GROUND).text == shown


def test_numbers_are_read_in_both_languages():
    def read(text):
        return [(one.value, one.kind) for one in numbers(text)]

    assert read("$20k, 12.5% and 1,234") == [(20000, "money"), (12.5, "percent"), (1234, "plain")]
    assert read("预算2万元，八五折，两周") == [(20000, "money"), (15, "percent"), (2, "plain")]
    assert read("百分之二十") == [(20, "percent")]
    assert read("twenty-five percent of two thousand") == [(25, "percent"), (2000, "plain")]
    assert read("one of them, 一个, 十分好") == []


def test_masking_leaves_amounts_and_dates():
    assert mask("给zhang@qq.com打13900001111") == "给[email]打[phone]"
    for text in ("$20,000 from 2026-12-01 to 2026-12-07", "1,000,000 or 300-400", "SKU 85123A", "10 000 000 yuan"):
        assert mask(text) == text


def test_prompts_have_the_same_slots_in_both_languages():
    folder = Path(prompting.__file__).parent / "prompts"
    for name in ("system.{}.md", "copy.{}.md"):
        english, chinese = (slots((folder / name.format(one)).read_text("utf-8")) for one in ("en", "zh"))
        assert english == chinese
    tables = [json.loads((folder / f"sentences.{one}.json").read_text("utf-8")) for one in ("en", "zh")]
    english, chinese = ({key: slots(text) for key, text in table.items()} for table in tables)
    assert english == chinese


def test_unknown_and_missing_slots_are_errors():
    with pytest.raises(KeyError, match="missing .*a.*unknown .*b"):
        fill("[[a]]", {"b": 1})
    with pytest.raises(KeyError):
        sentence("no_such_sentence", "en")
    with pytest.raises(KeyError):
        prompt("no_such_prompt", "en")


@pytest.mark.parametrize("spec", ["", "openai:", "openai:gpt", "openai:m@nowhere", "./no-such-model"])
def test_a_wrong_model_setting_is_one_line(spec):
    with pytest.raises(ModelProblem) as problem:
        load_model(spec)
    assert "\n" not in str(problem.value) and len(str(problem.value)) > 20


def test_a_local_model_runs_the_loop(workspace, tiny_model):
    """Random weights under the grammar: the turn ends in text, in a repair or at the limit, never in an exception."""
    from campaignwright.agent.chat_model import CampaignChatModel

    chat = CampaignChatModel(local=tiny_model, temperature=1.0, max_new_tokens=120)
    sessions = Sessions.open(workspace.path / "s.sqlite")
    copilot = Copilot(workspace, Backend("tiny", chat, None), sessions, registry=SMALL)
    for seed in range(3):
        chat.seed = seed
        turn = copilot.ask("Price of the trail shoe?", session=f"s{seed}")
        assert turn.text
        for call in turn.tool_calls:
            assert call.arguments.get("product", "shoe") in "Price of the trail shoe?"


def test_a_model_that_is_not_sure_neither_calls_nor_babbles(tiny_special_model):
    """Random weights are never sure: with a confidence asked for, no call and no text comes, without one either may."""
    from langchain_core.messages import HumanMessage

    from campaignwright.agent.chat_model import CampaignChatModel

    tools = [tool.schema() for tool in SMALL.values()]
    shy = CampaignChatModel(local=tiny_special_model, call_confidence=0.999, text_confidence=0.9, max_new_tokens=20).bind_tools(tools)
    for text in ("Hello?", "Price of the trail shoe?", "你好"):
        answer = shy.invoke([HumanMessage(text)])
        assert answer.tool_calls == [] and answer.text == ""
    free = CampaignChatModel(local=tiny_special_model, max_new_tokens=20).bind_tools(tools, tool_choice="none")
    assert free.invoke([HumanMessage("Hello?")]).text
    hasty = CampaignChatModel(local=tiny_special_model, call_confidence=1e-6)
    wary = CampaignChatModel(local=tiny_special_model, call_confidence=1e-6, call_evidence=50.0)
    assert hasty.bind_tools(tools).invoke([HumanMessage("Hello?")]).tool_calls
    assert wary.bind_tools(tools).invoke([HumanMessage("Hello?")]).tool_calls == []
    assert wary.bind_tools(tools, tool_choice="any").invoke([HumanMessage("Hello?")]).tool_calls


@pytest.mark.parametrize(("earlier", "shown"), [
    ("", ""), ("help: Tell me a product.", ""), ("hi: What shall we plan?", "hi"), ("plan!: Ready.", "plan"),
    ("plan!: Ready. | halve it!: Ready. | who buys?: 300 people. | and now: Which one?", "halve it"),
])  # fmt: skip
def test_a_small_model_is_shown_one_earlier_turn(earlier, shown):
    """`text!: answer` set a brief. The last that did is shown; where none did, the last turn that ended in a question."""
    from campaignwright.agent.chat_model import latest

    chat = [{"role": "system", "content": "s"}]
    for asked, answer in (turn.split(": ") for turn in earlier.split(" | ") if turn):
        chat.append({"role": "user", "content": asked.removesuffix("!")})
        if asked.endswith("!"):
            chat += [{"role": "assistant", "content": "", "tool_calls": [{}]}, {"role": "tool", "content": "{}"}]
        chat.append({"role": "assistant", "content": answer})
    chat.append({"role": "user", "content": "now"})
    assert [one["content"] for one in latest(chat) if one["role"] == "user"] == ([shown] if shown else []) + ["now"]
    assert latest(chat)[0]["role"] == "system"
    running = [*chat, {"role": "assistant", "content": "", "tool_calls": [{}]}, {"role": "tool", "content": "{}"}]
    assert latest(running)[-3:] == running[-3:]


@pytest.mark.parametrize(("written", "kept"), [("Which product?", True), ("好的。", True), ("the rate the rate the", False)])
def test_a_text_that_does_not_end_is_kept_back(tiny_special_model, monkeypatch, written, kept):
    from campaignwright.agent.chat_model import CampaignChatModel

    def decode(ids, *, chances, **_):
        chances.append([(1.0, 1.0)] * 3)
        yield 0, written

    monkeypatch.setattr(tiny_special_model, "decode", decode)
    answer = CampaignChatModel(local=tiny_special_model, text_confidence=0.8).invoke([HumanMessage("Hello?")])
    assert answer.text == (written if kept else "")


def test_the_prefix_is_not_read_twice(tiny_model):
    from campaignwright.agent.local_model import LocalModel

    model = LocalModel(tiny_model.model, tiny_model.tokenizer)
    chat = [{"role": "user", "content": "Plan a campaign for running shoes."}]
    [answer] = model.generate(chat, max_new_tokens=12)
    longer = [*chat, {"role": "assistant", "content": answer}, {"role": "user", "content": "Cheaper."}]
    before = model.statistics["cached_tokens"]
    again = model.generate(longer, max_new_tokens=12)
    assert model.statistics["cached_tokens"] - before >= len(model.encode(chat))
    assert again == LocalModel(tiny_model.model, tiny_model.tokenizer).generate(longer, max_new_tokens=12)
    assert model.generate(chat, n=3, temperature=1.0, seed=5, max_new_tokens=9) == model.generate(
        chat, n=3, temperature=1.0, seed=5, max_new_tokens=9)


@pytest.mark.parametrize(("text", "language"), [("Read it, and approve it if you like it.", "en"), ("文案请过目，没问题就批准。", "zh")])
def test_nobody_is_asked_to_approve_a_plan_that_should_not_run(text, language):
    assert render(text, Grounds(language=language)).text == text
    stopped = render(f"Here it is. {text}", Grounds(advised=False))
    assert "approve" not in stopped.text and "批准" not in stopped.text and stopped.dropped
