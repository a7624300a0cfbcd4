"""What the command line prints: turns, the chat, import reports, training progress. No logic of its own."""

from __future__ import annotations

import contextlib
import json
import secrets
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

console = Console()
stderr = Console(stderr=True)


def new_session() -> str:
    """A session name of its own."""
    return "s" + secrets.token_hex(4)


def progress_bar() -> Progress:
    """A progress display with an estimate, on standard error, gone when done."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=stderr, transient=True)


def reporting(progress: Progress, label: str):
    """A `progress(fraction, text)` callback that drives one bar."""
    task = progress.add_task(label, total=1.0)
    return lambda fraction, text="": progress.update(
        task, completed=min(fraction, 1.0), description=f"{label}: {text}" if text else label
    )


def card(event: dict) -> str:
    """One finished tool call as a line."""
    arguments = ", ".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in event["arguments"].items())
    outcome = f"error: {event['error']}" if event.get("error") else f"{event['seconds']:.1f} s"
    return f"  {event['name']}({arguments})  {outcome}"


def show_turn(copilot, session: str, text: str) -> object:
    """Ask and print as it happens, the plan last; returns the Turn."""
    turn, said = None, ""
    for event in copilot.stream(text, session=session):
        if event["type"] == "text":
            console.out(event["text"], end="", highlight=False)
            said += event["text"]
        elif event["type"] == "tool_end":
            said = _end_line(said)
            stderr.print(card(event), style="dim", markup=False, highlight=False)
        elif event["type"] == "done":
            turn = event["turn"]
    _end_line(said)
    if not _letters(said).endswith(_letters(turn.text)):  # what was streamed is not what the turn came to
        console.out(turn.text, highlight=False)
    if turn.plan:
        show_plan(turn.plan)
        keep_plan(turn.plan, copilot.workspace.path)
    return turn


def _end_line(said: str) -> str:
    """End the line of streamed text, if one is open; returns the text with its line end."""
    if not said or said.endswith("\n"):
        return said
    console.out("", highlight=False)
    return said + "\n"


def _letters(text: str) -> str:
    """The text without white space, to compare."""
    return "".join(text.split())


def show_plan(plan: dict) -> None:
    """The whole plan: formatted on a terminal, else as Markdown."""
    from campaignwright.market.exporters import render_markdown

    body = render_markdown(plan)
    console.print(
        Markdown(body) if console.is_terminal else body,
        **({} if console.is_terminal else {"markup": False, "highlight": False, "soft_wrap": True}),
    )


def save_plan(plan: dict, workspace: Path) -> list[Path]:
    """Save the plan's documents in the workspace."""
    from campaignwright.ui.files import documents

    return documents(plan, workspace / "plans")


def keep_plan(plan: dict, workspace: Path) -> None:
    """Save the plan and say where, and how to go on."""
    from campaignwright.market.export_labels import label

    files, use = save_plan(plan, workspace), "use_against" if plan["verdict"]["code"] == "stop" else "use"
    told = "\n" + label("text", "files", plan["language"]) + ", ".join(map(str, files))
    console.print(told, markup=False, highlight=False, soft_wrap=True)
    command = f"campaignwright approve {plan['plan_hash']} -w {workspace}"
    console.print(f"{label('text', use, plan['language'])} {command}", highlight=False, soft_wrap=True)


def ask_once(copilot, request: str, *, session: str, as_json: bool) -> object:
    """One request; JSON of the whole turn with `as_json`, else text. Returns the Turn."""
    if not as_json:
        return show_turn(copilot, session, request)
    turn = copilot.ask(request, session=session)
    if turn.plan:
        save_plan(turn.plan, copilot.workspace.path)
    print_json(turn.to_json())
    return turn


def print_json(value: object) -> None:
    """JSON on standard output, unwrapped."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
    console.out(text, highlight=False)


def chat(copilot, session: str) -> None:
    """Read requests, one a line, until Ctrl-D; empty lines (of a pasted brief) are passed over."""
    told = len(copilot.sessions.turns(session))
    begun = f"session {session}, {told} turn{'s' if told > 1 else ''} so far" if told else f"a new session, {session}"
    console.print(f"Campaignwright, {begun}. Say what you want to achieve; Ctrl-D ends.", style="dim", highlight=False)
    while True:
        try:
            text = console.input("[bold]> [/bold]").strip()
        except EOFError:
            return
        if text:
            show_turn(copilot, session, text)


def import_files(files: list[Path], workspace: str, *, as_json: bool, **options) -> None:
    """Import each file and print its report at once (`as_json`: as one line); the first bad file stops with its error.

    Earlier files are kept; a workspace made for files of which none could be imported is taken away again.
    """
    from campaignwright.market.importers import import_file
    from campaignwright.market.workspace import Workspace

    path = Path(workspace)
    new, empty = not any((path / name).exists() for name in ("workspace.json", "market.duckdb")), True
    try:
        with Workspace.open(path, create=True) as shop:
            for file in files:
                with progress_bar() as progress:
                    report = import_file(shop, file, progress=reporting(progress, f"Importing {file.name}"), **options)
                empty = False
                print_json(report.model_dump_json()) if as_json else show_report(report)
    except BaseException:
        if new and empty:
            _take_away(path)
        raise
    if not as_json:
        console.print(f"Workspace: {workspace}. Next: campaignwright train -w {workspace}", highlight=False)


def _take_away(path: Path) -> None:
    """Remove a workspace that holds nothing; other files in its folder stay."""
    for name in ("workspace.json", "market.duckdb", "market.duckdb.wal"):
        (path / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # other files are there
        path.rmdir()


def show_report(report) -> None:
    """An import report: rows, totals against the file, the first rejected lines."""
    if report.unchanged:
        console.print(f"{report.file_name}: already imported, nothing changed.", highlight=False)
        return
    console.print(
        f"{report.file_name} ({report.format}): {report.rows_read:,} rows read, {report.rows_kept:,} kept, "
        f"{report.rows_rejected:,} rejected, {report.seconds:.1f} s",
        highlight=False,
    )
    table = Table("total", "in the file", "kept", "rejected")
    for name, total in report.totals.items():
        table.add_row(name, *(f"{total[part]:,.2f}" for part in ("file", "kept", "rejected")))
    if report.totals:
        console.print(table)
    for reject in report.rejected[:5]:
        console.print(f"  line {reject.line}: {reject.reason}", markup=False, highlight=False)
    if report.rows_rejected > 5:
        console.print(f"  … {report.rows_rejected - 5:,} more in the workspace's table `rejects`.", highlight=False)
    for warning in report.warnings:
        console.print(f"  note: {warning}", markup=False, highlight=False)


def train(workspace: str, seed: int) -> None:
    """Train with a bar; then one line a model; what was current has no seconds."""
    from campaignwright.market.workspace import Workspace
    from campaignwright.models.train import train as train_models

    with Workspace.open(workspace) as shop, progress_bar() as progress:
        report = train_models(shop, seed=seed, progress=reporting(progress, "Training"))
    table = Table("model", "rows", "seconds", "quality on held-out data")
    for name, row in report.items():
        if "skipped" in row:
            table.add_row(name, "", "", f"skipped: {row['skipped']}")
            continue
        metrics = ", ".join(
            f"{key} {value:.3g}" for key, value in row["metrics"].items() if isinstance(value, int | float)
        )
        took = "current" if row.get("current") else f"{row['seconds']:.1f}"
        table.add_row(name, f"{row['rows']:,}", took, metrics)
    console.print(table)
