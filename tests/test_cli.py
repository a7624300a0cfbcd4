"""The command line as a person uses it: exit codes, one-line errors, a plan from the shipped model, files."""

from __future__ import annotations

import csv
import functools
import io
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from campaignwright.agent.turns import Turn
from campaignwright.market.importers import import_file
from campaignwright.market.workspace import Workspace

SCRIPT = "from campaignwright.ui.cli import main; main()"
REQUEST = "Plan a 2-week campaign for running shoes, $20k, ROAS at least 4"


def run(*arguments: object, folder: Path, timeout: int = 300, typed: str = "") -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout, input=typed)


def one_line(process: subprocess.CompletedProcess[str], code: int) -> str:
    assert process.returncode == code, process.stderr
    lines = [line for line in process.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("campaignwright: "), process.stderr
    return lines[0]


def test_an_empty_line_in_a_pasted_message_does_not_end_the_chat(demo_copy: Path, tmp_path: Path) -> None:
    said = run("chat", "-w", demo_copy, folder=tmp_path, typed="hello\n\nwhat can you do?\n")
    assert said.returncode == 0 and "campaign" in said.stdout.partition("> ")[2].partition("> ")[2]
    session = said.stdout.partition("a new session, ")[2].partition(".")[0]
    again = run("chat", "-w", demo_copy, "--session", session, folder=tmp_path, typed="")
    assert f"session {session}, 2 turns so far" in " ".join(again.stdout.split())


def test_wrong_usage_is_said_in_one_line(tmp_path: Path) -> None:
    assert "--requests" in one_line(run("ask", folder=tmp_path), 2)
    assert "2026-11-23" in one_line(run("ask", "hello", "--today", "soon", folder=tmp_path), 2)
    assert "strategy" in one_line(run("eval", "everything", folder=tmp_path), 2)


def test_no_workspace_is_said_with_the_remedy(tmp_path: Path) -> None:
    assert "campaignwright demo" in one_line(run("ask", "hello", folder=tmp_path), 1)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.csv", b""),
        ("book.csv", b"PK\x03\x04" + b"\0" * 500),
        ("odd.csv", b"who,what\n1,2\n"),
        ("header.csv", b"InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"),
    ],
)
def test_a_wrong_file_changes_nothing(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    assert name in one_line(run("import", name, "-w", "shop", folder=tmp_path), 4)
    assert not (tmp_path / "shop").exists()


def test_earlier_files_are_kept_and_reported(tmp_path: Path) -> None:
    (tmp_path / "stock.csv").write_text("product_id,on_hand\np1,5\n")
    (tmp_path / "odd.csv").write_text("who,what\n1,2\n")
    done = run("import", "stock.csv", "odd.csv", "-w", "shop", "--table", "stock", "--json", folder=tmp_path)
    assert "odd.csv" in one_line(done, 4)
    assert [json.loads(line)["rows_kept"] for line in done.stdout.splitlines()] == [1]
    assert (tmp_path / "shop" / "workspace.json").exists()


def test_the_page_starts_a_workspace_only_by_name_and_where_nothing_is(tmp_path: Path, monkeypatch) -> None:
    from campaignwright.market.workspace import WorkspaceError
    from campaignwright.ui import cli, desk

    assert "campaignwright demo" in one_line(run("ui", folder=tmp_path), 1)
    assert not list(tmp_path.iterdir())
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my-shop").mkdir()
    assert cli.default_workspace() == "demo-shop"
    assert desk.begin(Path("my-shop")) and not desk.begin(Path("my-shop")) and cli.default_workspace() == "my-shop"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "one.jpg").write_text("x")
    with pytest.raises(WorkspaceError, match="photos holds other files"):
        desk.begin(Path("photos"))


class Scripted:
    """A copilot that gives the events it was made with."""

    def __init__(self, *events: dict) -> None:
        self.events = events

    def __enter__(self) -> Scripted:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stream(self, text: str, session: str) -> Iterator[dict]:
        yield from self.events

    def ask(self, text: str, session: str) -> Turn:
        return self.events[-1]["turn"]


@pytest.mark.parametrize("options", [[], ["--json"]])
@pytest.mark.parametrize(("error", "code"), [(None, 0), ("model", 1)])
def test_a_failed_turn_is_an_exit_code(monkeypatch, error: str | None, code: int, options: list[str]) -> None:
    from campaignwright.ui import cli

    turn = Turn(text="The model does not answer.", error=error)
    monkeypatch.setattr(cli, "_copilot", lambda *_: Scripted({"type": "done", "turn": turn}))
    assert CliRunner().invoke(cli.app, ["ask", "hello", *options]).exit_code == code


def test_ctrl_c_is_said(monkeypatch, capsys) -> None:
    from campaignwright.ui import cli

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_copilot", stop)
    monkeypatch.setattr(sys, "argv", ["campaignwright", "ask", "hello"])
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 130 and "stopped; what was finished is kept" in capsys.readouterr().err


@pytest.mark.parametrize("final", ["It costs $5.\n\nA note.", "Only this was left."])
def test_text_is_printed_as_it_comes_and_once(monkeypatch, final: str) -> None:
    from campaignwright.ui import terminal

    screen = io.StringIO()
    monkeypatch.setattr(terminal, "console", Console(file=screen))
    monkeypatch.setattr(terminal, "stderr", Console(file=screen))
    seen = []

    class Watched(Scripted):
        def stream(self, text: str, session: str) -> Iterator[dict]:
            for event in self.events:
                seen.append(screen.getvalue())
                yield event

    card = {"type": "tool_end", "name": "price", "arguments": {}, "seconds": 1.0}
    said = [{"type": "text", "text": part} for part in ("It costs ", "$5. ", "\n\nA note.")]
    terminal.show_turn(Watched({"type": "text", "text": "Let me see."}, card, *said, {"type": "done", "turn": Turn(text=final)}), "s", "?")
    assert seen[-2].splitlines() == ["Let me see.", "  price()  1.0 s", "It costs $5. "]
    assert screen.getvalue().count("A note.") == 1 and screen.getvalue().endswith(final.splitlines()[-1] + "\n")
    assert ("Only" in final) == ("Only" in screen.getvalue())


def test_plan_approve_export(demo_copy: Path, tmp_path: Path) -> None:
    asked = run("ask", REQUEST, "--json", "--today", "2026-11-23", "-w", demo_copy, folder=tmp_path)
    assert asked.returncode == 0, asked.stderr
    turn = json.loads(asked.stdout)
    assert turn["plan"] and turn["plan"]["brief"]["budget"] == 20_000 and turn["plan"]["brief"]["days"] == 14
    (tmp_path / "turn.json").write_text(asked.stdout)
    assert "not approved" in one_line(
        run("export", "turn.json", "--format", "csv", "-w", demo_copy, folder=tmp_path), 3
    )
    assert "no-such" in one_line(run("approve", "no-such", "-w", demo_copy, folder=tmp_path), 3)
    approved = run("approve", turn["plan"]["plan_hash"], "-w", demo_copy, folder=tmp_path)  # it was kept
    assert approved.returncode == 0 and turn["plan"]["verdict"]["text"].split(":")[0] in approved.stdout
    assert run("export", "turn.json", "--format", "csv", "-w", demo_copy, folder=tmp_path).returncode in (0, 3)
    assert run("export", "turn.json", "--format", "md", "-w", demo_copy, folder=tmp_path).returncode == 0
    assert list(tmp_path.glob("*.md"))


def test_write_leaves_out_who_did_not_agree(demo_copy: Path, tmp_path: Path) -> None:
    asked = ("write", "--channel", "sms", "--audience", "loyal", "--out", "copy.csv", "-w", demo_copy)
    wrote = run(*asked, folder=tmp_path)
    assert wrote.returncode == 0 and "did not agree" in wrote.stdout, wrote.stderr
    with Workspace.open(demo_copy) as shop:
        agreed = set(shop.query("SELECT customer_id FROM customers WHERE sms_opt_in")["customer_id"])
    rows = (tmp_path / "copy.csv").read_text("utf-8-sig").splitlines()[1:]
    assert rows and {row.split(",")[0] for row in rows} <= agreed


def test_finished_answers_stay_whatever_stands_in_them(tmp_path: Path) -> None:
    from campaignwright.ui.batch import done_ids, read_requests

    out, odd = tmp_path / "out.jsonl", "one\u2028two\u0085three"
    kept = "".join(json.dumps({"id": name, "text": odd}, ensure_ascii=False) + "\n" for name in "ab") + "not an answer\n"
    whole = json.dumps({"id": "c", "text": "咖啡"}, ensure_ascii=False)
    out.write_bytes((kept + whole).encode()[:-4])  # killed in the middle of a character
    assert done_ids(out) == {"a", "b"} and out.read_bytes().decode() == kept
    out.write_bytes((kept + whole).encode())  # killed before the line's end
    assert done_ids(out) == {"a", "b", "c"} and out.read_bytes().decode() == kept + whole + "\n"
    out.write_text(kept + json.dumps({"id": "d", "error": "model"}) + "\n", encoding="utf-8")
    assert done_ids(out) == {"a", "b"} and out.read_bytes().decode() == kept  # asked again
    assert not list(tmp_path.glob(".*"))
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": 1, "request": odd}, ensure_ascii=False) + "\r\n\n", encoding="utf-8")
    assert read_requests(tmp_path / "in.jsonl") == [{"id": "1", "request": odd}]


class OneShop:
    """A desk with one workspace and no language model: `copilot` gives a scripted one."""

    first = "shop"

    def __init__(self, workspace: Workspace, *events: dict) -> None:
        self.open = Scripted(*events)
        self.open.workspace, self.open.import_file = workspace, functools.partial(import_file, workspace)

    def workspaces(self) -> list[str]:
        return [self.first]

    def copilot(self, name: str) -> Scripted:
        return self.open


@pytest.mark.parametrize(
    ("language", "shown"), [("en", "| Revenue | £1,234 | £1,000 to £2,000 |"), ("zh", "| 销售额 | £1,234 | £1,000 至 £2,000 |")]
)
def test_a_tool_card_is_in_the_shops_currency_and_the_turns_language(workspace: Workspace, language: str, shown: str) -> None:
    from campaignwright.ui import web

    workspace.set(currency="GBP")
    figure = {"id": "f1", "name": "revenue", "value": 1234.0, "unit": "money", "low": 1000.0, "high": 2000.0}
    figure |= {"source": {"tool": "forecast"}}
    start = {"type": "tool_start", "name": "forecast", "arguments": {}}
    end = {**start, "type": "tool_end", "language": language, "seconds": 1.0, "result": {"figures": [figure]}}
    desk = OneShop(workspace, start, end, {"type": "done", "turn": Turn(text="Done.")})
    *_, (history, _, _) = web._answer(desk, "?", [], "shop", "s1")
    assert shown in history[1].content and history[2].content == "Done."


def test_the_page_imports_a_file_of_no_known_format(workspace: Workspace, tmp_path: Path) -> None:
    from campaignwright.ui import web

    desk, path = OneShop(workspace), tmp_path / "mine.csv"
    path.write_text('Number,"Date, local",Amount\n1,2026-11-01,9.50\n')
    told = web._import(desk, [str(path)], "shop")
    assert "A file of another format" in told and '--table orders --map order_id="Number"' in told
    assert "order_id=Number" in web._import(desk, [str(path)], "shop", "orders", "order_id", "EUR")
    told = web._import(desk, [str(path)], "shop", "orders", "order_id=Number, ordered_at = Date, local\ntotal=Amount", "eur")
    assert "1 rows read, 1 kept" in told and workspace.currency == "EUR"
    labels = [getattr(block, "label", None) for block in web.build(desk).blocks.values()]
    assert "A file of another format: name its table and columns" in labels


def test_batch_goes_on_where_it_stopped(demo_copy: Path, tmp_path: Path) -> None:
    rows = [{"id": "a", "request": "hello"}, {"id": "b", "request": "What is the capital of France?"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "out.jsonl").write_text('{"id": "a", "text": "kept"}\n{"id": "b", "te')
    done = run("ask", "--requests", "in.jsonl", "--out", "out.jsonl", "-w", demo_copy, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    turns = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [turn["id"] for turn in turns] == ["a", "b"] and turns[0]["text"] == "kept" and not turns[1]["tool_calls"]


def test_a_customer_list_gives_back_the_addresses_that_the_workspace_hides(workspace: Workspace, tmp_path: Path) -> None:
    from campaignwright.ui.customer_list import identifiers

    ada, path = workspace.pseudonym("ada@example.com"), tmp_path / "list.csv"
    path.write_text("First Name;Email\nAda; Ada@Example.com \nBob;bob@example.com\n")
    assert identifiers(workspace, path, [ada, "c17"]) == ("Email", {ada: "Ada@Example.com"}, {ada: "Ada"})
    number, phone = workspace.pseudonym("17850"), workspace.pseudonym("+44 7700 900123")
    path.write_text("Customer ID,Phone\n17850.0,+44 7700 900123\n")
    assert identifiers(workspace, path, [number]) == ("Customer ID", {number: "17850.0"}, {})
    assert identifiers(workspace, path, [phone]) == ("Phone", {phone: "+447700900123"}, {})
    path.write_text("Customer ID,Total\nc17,5\n")
    assert identifiers(workspace, path, [ada, "c17"]) == ("Customer ID", {"c17": "c17"}, {})
    with pytest.raises(ValueError, match="list.csv: no column names a customer"):
        identifiers(workspace, path, [ada])


def test_who_is_held_out_does_not_depend_on_who_else_is_written_to() -> None:
    from campaignwright.ui.batch import CONTROL, Mailing, _rows

    asset = {"channel": "sms", "language": "en", "variants": [{"id": "sms-1", "fields": {"text": "hi"}}]}
    everyone = [f"c{i}" for i in range(300)]
    held = {member for member, row in _rows(asset, everyone, {}, Mailing(holdout=0.3)) if row[2] == CONTROL}
    some = {member for member, row in _rows(asset, everyone[7::2], {}, Mailing(holdout=0.3)) if row[2] == CONTROL}
    assert 60 < len(held) < 120 and some == held & set(everyone[7::2])


def test_nobody_gets_a_merge_tag_that_is_not_filled() -> None:
    from campaignwright.ui.batch import Mailing, _rows

    variants = [{"id": "e1", "fields": {"subject": "Hi {first_name}"}}, {"id": "e2", "fields": {"subject": "{last_product} again?"}},
                {"id": "e3", "fields": {"subject": "Hello"}}]  # fmt: skip
    asset = {"channel": "email", "language": "en", "variants": variants}
    known = {"first_name": {"c1": 'Ann "Annie"'}, "last_product": {"c2": "Mug"}}
    members = ["c1", "c2", "c3"] * 20
    got = {(member, row[3]) for member, row in _rows(asset, members, known, Mailing())}
    assert got == {("c1", 'Hi Ann "Annie"'), ("c1", "Hello"), ("c2", "Mug again?"), ("c2", "Hello"), ("c3", "Hello")}
    assert not list(_rows(asset | {"variants": variants[:2]}, ["c3"], known, Mailing()))


def test_copy_for_an_audience_leaves_a_group_out_at_random(demo_copy: Path, tmp_path: Path) -> None:
    done = run("write", "--channel", "sms", "--out", "out.csv", "--limit", 200, "--holdout", 0.4, "-w", demo_copy, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    with open(tmp_path / "out.csv", encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    held = [row for row in rows if row["variant"] == "control"]
    assert len(rows) == 200 and 50 < len(held) < 110 and f"{len(held)} held out" in done.stdout
    assert {(row["text"], row["status"]) for row in held} == {("", "DO NOT SEND")}


@pytest.mark.parametrize(("plan", "rows"), [({"plan_hash": "x"}, ["first plan", "second plan"]), (None, [])])
def test_the_benchmark_times_only_plans_that_came_back(plan: dict | None, rows: list[str]) -> None:
    from campaignwright.ui import doctor

    timed = []
    copilot = Scripted({"type": "done", "turn": Turn(text="I could not.", plan=plan)})
    assert doctor._plans(copilot, lambda name, *_: timed.append(name)) == bool(rows) and timed == rows


def test_doctor_finds_everything_in_place(demo_copy: Path, tmp_path: Path) -> None:
    checked = run("doctor", "-w", demo_copy, folder=tmp_path)
    assert checked.returncode == 0 and "FAIL" not in checked.stdout, checked.stdout


@pytest.mark.slow
def test_kill_9_during_training_loses_nothing(demo_copy: Path) -> None:
    with Workspace.open(demo_copy) as shop:
        before = shop.data_hash()
    shutil.rmtree(demo_copy / "models", ignore_errors=True)
    for seconds in (4, 9):  # early and in the middle
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, "train", "-w", str(demo_copy)],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip
        time.sleep(seconds)
        assert process.poll() is None
        process.kill()
        process.wait(20)
        with Workspace.open(demo_copy) as shop:
            assert shop.data_hash() == before
    assert run("train", "-w", demo_copy, folder=demo_copy.parent).returncode == 0
    again = run("train", "-w", demo_copy, folder=demo_copy.parent)
    assert again.returncode == 0 and "current" in again.stdout + again.stderr
