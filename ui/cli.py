"""The command line. Presentation only: it parses, calls the parts below and prints; heavy imports wait until needed.

Exit codes: 0 done, 1 failed, 2 usage, 3 refused, 4 bad input data, 130 stopped (Ctrl-C). An error is one line on standard error.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from campaignwright.ui import cli_finetune
from campaignwright.ui.cli_options import (
    BAD_DATA,
    FAILED,
    REFUSED,
    STOPPED,
    USAGE,
    AdapterOption,
    ModelOption,
    SeedOption,
    Stop,
    TodayOption,
    WorkspaceOption,
    default_workspace,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="A marketing copilot for online shops.",
    pretty_exceptions_enable=False,
)
app.add_typer(cli_finetune.app, name="finetune")


def _day(text: str | None) -> dt.date | None:
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise Stop(f"--today {text}: expected a date like 2026-11-23.", USAGE) from error


def _copilot(workspace: str | None, model: str, adapter: str | None, today: str | None, seed: int):
    from campaignwright.agent import Copilot

    return Copilot.open(workspace or default_workspace(), model=model, adapter=adapter, today=_day(today), seed=seed)


@app.command()
def demo(
    workspace: Annotated[str, typer.Option("--workspace", "-w")] = "demo-shop",
    model: ModelOption = "embedded",
    seed: SeedOption = 0,
) -> None:
    """Make the demo workspace if absent, plan one campaign end to end, print it and say where its files are."""
    from campaignwright.ui import demo as script

    script.run(Path(workspace), model=model, seed=seed)


@app.command()
def ask(
    request: Annotated[str | None, typer.Argument(help="What you want, in English or Chinese")] = None,
    workspace: WorkspaceOption = None,
    model: ModelOption = "embedded",
    adapter: AdapterOption = None,
    today: TodayOption = None,
    seed: SeedOption = 0,
    session: Annotated[
        str | None, typer.Option(help="Continue this conversation; a new one each time if not given")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the whole turn as JSON")] = False,
    requests: Annotated[
        Path | None, typer.Option(help="Batch: JSON lines with id, request and optionally session, today")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Batch: where the turns go, one JSON a line")] = None,
) -> None:
    """Ask once, or a whole file of requests."""
    from campaignwright.ui import terminal

    if (requests is None) == (request is None):
        raise Stop('Give one request ("…") or --requests FILE --out FILE.', USAGE)
    if requests is not None and out is None:
        raise Stop("--requests needs --out FILE.", USAGE)
    with _copilot(workspace, model, adapter, today, seed) as copilot:
        if requests is not None:
            from campaignwright.ui import batch

            if batch.ask_file(copilot, requests, out):
                raise typer.Exit(FAILED)
        elif terminal.ask_once(copilot, request, session=session or terminal.new_session(), as_json=as_json).error:
            raise typer.Exit(FAILED)


@app.command()
def chat(
    workspace: WorkspaceOption = None,
    model: ModelOption = "embedded",
    adapter: AdapterOption = None,
    today: TodayOption = None,
    seed: SeedOption = 0,
    session: Annotated[str | None, typer.Option(help="Continue this conversation")] = None,
) -> None:
    """Talk in the terminal; Ctrl-D ends it."""
    from campaignwright.ui import terminal

    with _copilot(workspace, model, adapter, today, seed) as copilot:
        terminal.chat(copilot, session or terminal.new_session())


@app.command()
def ui(
    workspace: WorkspaceOption = None,
    model: ModelOption = "embedded",
    adapter: AdapterOption = None,
    today: TodayOption = None,
    seed: SeedOption = 0,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1")] = 7860,
    open_browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in a browser")] = True,
) -> None:
    """The chat in a browser, on 127.0.0.1 only."""
    from campaignwright.ui import desk

    place, day = workspace or default_workspace(), _day(today)
    if desk.begin(Path(place), create=workspace is not None):
        typer.echo(f"There was no workspace at {place}: made a new, empty one. Import your data in the page.")
    from campaignwright.ui import web

    web.launch(
        place,
        model=model,
        adapter=adapter,
        today=day,
        seed=seed,
        port=port,
        open_browser=open_browser,
    )


@app.command("import")
def import_files(
    files: Annotated[list[Path], typer.Argument(help="Export files (CSV, TSV, JSON; .gz too)")],
    workspace: Annotated[str, typer.Option("--workspace", "-w", help="Workspace folder; made when absent")] = "my-shop",
    table: Annotated[str | None, typer.Option(help="Generic CSV: the table it fills")] = None,
    mapping: Annotated[
        list[str] | None, typer.Option("--map", help="Generic CSV: table_column=file_column, repeatable")
    ] = None,
    currency: Annotated[str | None, typer.Option(help="Currency of the file when it names none (ISO code)")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each report as one line of JSON")] = False,
) -> None:
    """Import exports into a workspace; each file is kept whole or not at all."""
    from babel.numbers import list_currencies

    from campaignwright.ui import terminal

    pairs = [pair.split("=", 1) for pair in mapping or []]
    if any(len(pair) != 2 for pair in pairs):
        raise Stop("--map expects table_column=file_column, such as --map order_id=Number.", USAGE)
    twice = next((field for n, (field, _) in enumerate(pairs) if field in dict(pairs[:n])), None)
    if twice:
        raise Stop(f"--map names {twice} twice; keep one of them.", USAGE)
    if currency and currency.upper() not in list_currencies():
        raise Stop(f"--currency {currency}: expected an ISO code such as USD, EUR, GBP or CNY.", USAGE)
    terminal.import_files(files, workspace, table=table, mapping=dict(pairs) or None, currency=currency, as_json=as_json)


@app.command()
def train(workspace: WorkspaceOption = None, seed: SeedOption = 0) -> None:
    """Fit every model the workspace's data allow; what is current is skipped."""
    from campaignwright.ui import terminal

    terminal.train(workspace or default_workspace(), seed)


@app.command()
def write(
    channel: Annotated[str, typer.Option(help="email | sms | push | search | social | display | wechat | xiaohongshu")],
    out: Annotated[Path, typer.Option(help="CSV to write")],
    audience: Annotated[str, typer.Option(help="all | new | loyal | lapsed | high_value | deal_seekers")] = "all",
    product: Annotated[
        str | None, typer.Option(help="A product or category; else the plan's, or the shop's leading product")
    ] = None,
    offer: Annotated[str | None, typer.Option(help='In your words: "15% off", "free shipping"')] = None,
    language: Annotated[str, typer.Option(help="en | zh")] = "en",
    tone: Annotated[str, typer.Option(help="neutral | playful | urgent | premium | friendly")] = "friendly",
    n: Annotated[int, typer.Option(min=1, max=20, help="Variants")] = 3,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many customers")] = None,
    holdout: Annotated[float, typer.Option(min=0.0, max=0.9, help="Share that gets nothing, for comparison (0-0.9)")] = 0.0,
    customers: Annotated[
        Path | None, typer.Option(exists=True, help="Your customer list (CSV): its ids or addresses stand in the file, not pseudonyms")
    ] = None,
    workspace: WorkspaceOption = None,
    model: ModelOption = "embedded",
    adapter: AdapterOption = None,
    today: TodayOption = None,
    seed: SeedOption = 0,
) -> None:
    """Copy for a whole audience: one row a customer, variants shared out at random, ready for a mailing tool."""
    from campaignwright.ui import batch

    with _copilot(workspace, model, adapter, today, seed) as copilot:
        batch.write_audience(
            copilot,
            out,
            mailing=batch.Mailing(limit, holdout, customers, seed),
            call={
                "channel": channel,
                "audience": audience,
                "product": product,
                "offer": offer,
                "language": language,
                "tone": tone,
                "n": str(n),
            },
        )


@app.command()
def approve(
    plan: Annotated[Path, typer.Argument(help="The plan's JSON file, or its hash")], workspace: WorkspaceOption = None
) -> None:
    """Approve exactly this version of a plan, so that it can be exported to ad tools."""
    from campaignwright.ui import files

    files.approve(plan, workspace or default_workspace())


@app.command()
def export(
    plan: Annotated[Path, typer.Argument(help="The plan's JSON file, or its hash")],
    format: Annotated[str, typer.Option(help="google-ads | meta | csv | md | docx | json")],
    out: Annotated[Path, typer.Option(help="Folder for the files")] = Path("."),
    workspace: WorkspaceOption = None,
) -> None:
    """Write a plan as files to import elsewhere; everything in them is paused."""
    from campaignwright.ui import files

    if format not in (known := [*files.DOCUMENTS, *files.AD_FORMATS]):
        raise Stop(f"--format {format}: expected one of {', '.join(known)}.", USAGE)
    files.export(plan, format, out, workspace or default_workspace())


@app.command("eval")
def evaluate(
    suite: Annotated[str, typer.Argument(help="planner | copy | headlines | injection | strategy | models")],
    as_json: Annotated[bool, typer.Option("--json")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only so many cases")] = None,
    model: ModelOption = "embedded",
    adapter: AdapterOption = None,
    seed: SeedOption = 0,
    only: Annotated[list[str] | None, typer.Option(help="models: measure this area anew (repeat for more)")] = None,
    out: Annotated[Path, typer.Option(help="models: folder of the table and its parts")] = Path("eval-models"),
) -> None:
    """Run an eval suite and print its report."""
    from campaignwright.evals import suites
    from campaignwright.ui.terminal import progress_bar, reporting

    if suite not in suites.SUITES:
        raise Stop(f"There is no suite {suite!r}. Suites: {', '.join(suites.SUITES)}.", USAGE)
    with progress_bar() as progress:
        options = {"model": model, "adapter": adapter, "limit": limit, "seed": seed}
        if suite == "models":
            options |= {"only": only, "out": out}
        report = suites.run(suite, progress=reporting(progress, suite), **options)
    typer.echo(json.dumps(report, ensure_ascii=False, indent=1) if as_json else suites.render(report))


@app.command()
def doctor(
    workspace: WorkspaceOption = None,
    benchmark: Annotated[bool, typer.Option("--benchmark", help="Measure the demo, an import and a plan")] = False,
) -> None:
    """Check the installation and the workspace; with --benchmark measure speed and memory."""
    from campaignwright.ui import doctor as checks

    raise typer.Exit(checks.run(workspace, benchmark=benchmark))


def _known_errors() -> dict[type[BaseException], int]:
    from campaignwright.agent.problems import ModelProblem
    from campaignwright.agent.sessions import SessionProblem
    from campaignwright.market.exporters import ExportProblem
    from campaignwright.market.importers import ImportProblem
    from campaignwright.market.workspace import WorkspaceError
    from campaignwright.tools.base import ToolError

    return {
        ImportProblem: BAD_DATA,
        WorkspaceError: FAILED,
        ModelProblem: FAILED,
        SessionProblem: FAILED,
        ToolError: FAILED,
        ExportProblem: REFUSED,
    }


def main() -> None:
    """Entry point of the `campaignwright` script."""
    for name, value in {
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "TOKENIZERS_PARALLELISM": "false",
    }.items():
        os.environ.setdefault(name, value)
    try:
        app()
    except Stop as stop:
        typer.echo(f"campaignwright: {stop}", err=True)
        sys.exit(stop.code)
    except SystemExit as end:
        if end.code == STOPPED:  # typer's answer to Ctrl-C
            typer.echo("\ncampaignwright: stopped; what was finished is kept.", err=True)
        raise
    except Exception as error:
        if os.environ.get("CAMPAIGNWRIGHT_DEBUG"):
            raise
        code = next((code for kind, code in _known_errors().items() if isinstance(error, kind)), None)
        known = code is not None or isinstance(error, OSError | ValueError)
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        hint = "" if known else " (set CAMPAIGNWRIGHT_DEBUG=1 for the trace)"
        typer.echo(f"campaignwright: {line}{hint}", err=True)
        sys.exit(code or FAILED)
