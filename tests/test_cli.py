"""The command line as a person uses it: exit codes, one-line errors, a plan from the shipped model, files."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = "from campaignwright.ui.cli import main; main()"
REQUEST = "Plan a 2-week campaign for running shoes, $20k, ROAS at least 4"


def run(*arguments: object, folder: Path, timeout: int = 300) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", SCRIPT, *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=timeout)


def one_line(process: subprocess.CompletedProcess[str], code: int) -> str:
    assert process.returncode == code, process.stderr
    lines = [line for line in process.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("campaignwright: "), process.stderr
    return lines[0]


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


def test_plan_approve_export(demo_copy: Path, tmp_path: Path) -> None:
    asked = run("ask", REQUEST, "--json", "--today", "2026-11-23", "-w", demo_copy, folder=tmp_path)
    assert asked.returncode == 0, asked.stderr
    turn = json.loads(asked.stdout)
    assert turn["plan"] and turn["plan"]["brief"]["budget"] == 20_000 and turn["plan"]["brief"]["days"] == 14
    (tmp_path / "turn.json").write_text(asked.stdout)
    assert "not approved" in one_line(
        run("export", "turn.json", "--format", "csv", "-w", demo_copy, folder=tmp_path), 3
    )
    assert run("approve", "turn.json", "-w", demo_copy, folder=tmp_path).returncode == 0
    assert run("export", "turn.json", "--format", "csv", "-w", demo_copy, folder=tmp_path).returncode in (0, 3)
    assert run("export", "turn.json", "--format", "md", "-w", demo_copy, folder=tmp_path).returncode == 0
    assert list(tmp_path.glob("*.md"))


def test_finished_answers_stay_whatever_stands_in_them(tmp_path: Path) -> None:
    from campaignwright.ui.batch import done_ids, read_requests

    out, odd = tmp_path / "out.jsonl", "one\u2028two\u0085three"
    kept = "".join(json.dumps({"id": name, "text": odd}, ensure_ascii=False) + "\n" for name in "ab") + "not an answer\n"
    whole = json.dumps({"id": "c", "text": "咖啡"}, ensure_ascii=False)
    out.write_bytes((kept + whole).encode()[:-4])  # killed in the middle of a character
    assert done_ids(out) == {"a", "b"} and out.read_bytes().decode() == kept
    out.write_bytes((kept + whole).encode())  # killed before the line's end
    assert done_ids(out) == {"a", "b", "c"} and out.read_bytes().decode() == kept + whole + "\n"
    assert not list(tmp_path.glob(".*"))
    (tmp_path / "in.jsonl").write_text(json.dumps({"id": 1, "request": odd}, ensure_ascii=False) + "\r\n\n", encoding="utf-8")
    assert read_requests(tmp_path / "in.jsonl") == [{"id": "1", "request": odd}]


def test_batch_goes_on_where_it_stopped(demo_copy: Path, tmp_path: Path) -> None:
    rows = [{"id": "a", "request": "hello"}, {"id": "b", "request": "What is the capital of France?"}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "out.jsonl").write_text('{"id": "a", "text": "kept"}\n{"id": "b", "te')
    done = run("ask", "--requests", "in.jsonl", "--out", "out.jsonl", "-w", demo_copy, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    turns = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [turn["id"] for turn in turns] == ["a", "b"] and turns[0]["text"] == "kept" and not turns[1]["tool_calls"]


def test_doctor_finds_everything_in_place(demo_copy: Path, tmp_path: Path) -> None:
    checked = run("doctor", "-w", demo_copy, folder=tmp_path)
    assert checked.returncode == 0 and "FAIL" not in checked.stdout, checked.stdout
