"""A served model: a base, or an adapter merged into it, as a plain folder, `transformers serve`, our `openai:MODEL@URL` backend."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from langchain_core.messages import HumanMessage
from peft import PeftModel
from transformers import AutoModelForCausalLM
from typer.testing import CliRunner

from campaignwright.agent import Copilot
from campaignwright.agent.backends import embedded_path, load_model
from campaignwright.finetune.merge import merge
from campaignwright.tools.adapter_card import WrongBase
from campaignwright.tools.registry import TOOLS
from campaignwright.ui.cli import app

REQUEST = "Plan a 2-week campaign for running shoes, $20k, ROAS at least 4"
NAME = "shop-planner"
START = 300  # seconds that the server may take to load the model


@pytest.fixture(scope="module")
def merged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The embedded planner as one plain folder, made with the command."""
    out = tmp_path_factory.mktemp("merged") / NAME
    done = CliRunner().invoke(app, ["finetune", "merge", "--out", str(out)])
    assert done.exit_code == 0 and '"adapter": null' in done.output, done.output
    return out


@pytest.fixture(scope="module")
def url(merged: Path) -> Iterator[str]:
    """The address of a running server of the merged folder; it is stopped whatever happens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", NAME, "--host", "127.0.0.1", "--port", str(port),
               "--device", "cpu"]  # fmt: skip
    log = merged.parent / "serve.log"
    settings = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("wb") as sink, subprocess.Popen(command, cwd=merged.parent, env=settings, stdout=sink, stderr=sink) as server:
        try:
            wait(server, f"http://127.0.0.1:{port}/health", log)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()


def wait(server: subprocess.Popen[bytes], address: str, log: Path) -> None:
    """Return when the server answers; fail with its log when it ends or stays silent."""
    until = time.monotonic() + START
    while server.poll() is None and time.monotonic() < until:
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    pytest.fail(f"the server did not start:\n{log.read_text('utf-8')[-2000:]}")


def served(url: str):
    """The served model through our backend, with all tools bound."""
    return load_model(f"openai:{NAME}@{url}").chat.bind_tools([tool.schema() for tool in TOOLS.values()])


def test_a_merged_adapter_is_in_the_weights(tmp_path: Path) -> None:
    out = tmp_path / "writer"
    done = CliRunner().invoke(app, ["finetune", "merge", "--adapter", "copywriter", "--out", str(out)])
    assert done.exit_code == 0 and '"adapter": "copywriter"' in done.output, done.output
    base = AutoModelForCausalLM.from_pretrained(embedded_path(), dtype="auto")
    ids = torch.arange(300, 340)[None]
    with torch.inference_mode():
        plain = base(input_ids=ids).logits
        adapted = PeftModel.from_pretrained(base, str(embedded_path() / "copywriter"))(input_ids=ids).logits
        merged = AutoModelForCausalLM.from_pretrained(out, dtype="auto")(input_ids=ids).logits
    assert (merged - adapted).abs().max() < 0.1 < (merged - plain).abs().max()
    with pytest.raises(WrongBase, match="made for the base"):
        merge(out, embedded_path() / "copywriter", tmp_path / "again")


def test_a_merged_folder_answers_as_the_embedded_model(merged: Path) -> None:
    assert not list(merged.glob("adapter*")) and (merged / "generation_config.json").exists()
    tools = [tool.schema() for tool in TOOLS.values()]
    for said in (REQUEST, "给老客户做一个咖啡的活动，预算2万美元，下周一开始，两周", "What's the weather in Paris tomorrow?"):
        got, wanted = (load_model(spec).chat.bind_tools(tools).invoke([HumanMessage(said)]) for spec in (str(merged), "embedded"))
        shown = [[(call["name"], call["args"]) for call in one.tool_calls] for one in (got, wanted)]
        assert got.content == wanted.content and shown[0] == shown[1]


def test_what_cannot_be_merged_is_refused_and_nothing_is_written(merged: Path, tmp_path: Path) -> None:
    copywriter = embedded_path() / "copywriter"
    with pytest.raises(ValueError, match="no adapter with a card"):
        merge(embedded_path(), tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(ValueError, match="is in use"):
        merge(embedded_path(), copywriter, merged)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_served_model_calls_a_tool(url: str) -> None:
    answer = served(url).invoke([HumanMessage(REQUEST)])
    (call,) = answer.tool_calls
    assert call["name"] == "set_brief" and not answer.invalid_tool_calls and not answer.content
    assert call["args"]["products"] == ["running shoes"] and "20k" in call["args"]["budget"] and "4" in call["args"]["min_roas"]


@pytest.mark.slow
def test_a_served_model_streams_text_and_calls(url: str) -> None:
    model = served(url)
    pieces = [chunk for chunk in model.stream([HumanMessage("What's the weather in Paris tomorrow?")]) if chunk.content]
    assert len(pieces) > 5 and "".join(str(chunk.content) for chunk in pieces).endswith((".", "?"))
    first, *rest = model.stream([HumanMessage(REQUEST)])
    whole = sum(rest, first)
    assert rest and [call["name"] for call in whole.tool_calls] == ["set_brief"] and "<tool_call>" not in str(whole.content)


@pytest.mark.slow
def test_a_served_model_plans_a_campaign(url: str, demo_copy: Path, today) -> None:
    """The folder holds the planner alone, so the embedded copywriter writes."""
    writer = load_model("embedded").writer
    with Copilot.open(demo_copy, model=f"openai:{NAME}@{url}", today=today, writer=writer) as copilot:
        turn = copilot.ask("Plan a campaign for coffee, 10 days from 1 December, $5k, email and search", session="served")
    assert turn.error is None and turn.plan, turn.text
    called = [call.name for call in turn.tool_calls]
    assert called[0] == "set_brief" and called[-1] == "finish_plan" and "generate_strategies" in called
    brief = turn.plan["brief"]
    assert (brief["budget"], brief["days"], brief["start"], brief["channels"]) == (5000, 10, "2026-12-01", ["email", "search"])
    assert "$" in turn.text and {asset["channel"] for asset in turn.plan["assets"]} == {"email", "search"}


@pytest.mark.slow
def test_a_name_that_the_server_does_not_have_ends_the_turn_in_one_sentence(url: str, demo_copy: Path, today) -> None:
    with Copilot.open(demo_copy, model=f"openai:another@{url}", today=today) as copilot:
        turn = copilot.ask(REQUEST, session="wrong")
    assert turn.error == "model" and turn.text and "\n" not in turn.text and not turn.tool_calls
