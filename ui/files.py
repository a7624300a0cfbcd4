"""Plans as files: approval and export, for the command line and the web page."""

from __future__ import annotations

import glob
import json
from collections.abc import Iterable
from pathlib import Path

from campaignwright.market import exporters
from campaignwright.market.export_labels import label
from campaignwright.market.ledger import Ledger
from campaignwright.market.workspace import Workspace, WorkspaceError
from campaignwright.ui.terminal import console

AD_FORMATS = [name for name, (_, _, gated) in exporters.FORMATS.items() if gated]
DOCUMENTS = [name for name, (_, _, gated) in exporters.FORMATS.items() if not gated]


def read_plan(path: Path, workspace: str | None = None) -> dict:
    """A plan from its JSON file, from the JSON of a whole turn (`ask --json`), or by its hash among the plans that
    `workspace` keeps. Raises ExportProblem in one line."""
    kept = sorted((Path(workspace) / "plans").glob(f"plan-{glob.escape(path.name)}*.json")) if workspace else []
    if not path.exists() and len(kept) == 1:
        path = kept[0]
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        value = None
    if isinstance(value, dict) and isinstance(value.get("plan"), dict):
        return value["plan"]
    return exporters.read_plan(path)


def heading(plan: dict) -> str:
    """The plan's title and verdict, in Markdown."""
    return exporters.render_markdown(plan).partition("\n## ")[0].strip()


def approve(path: Path, workspace: str) -> None:
    """Record the approval of exactly this plan in the workspace's ledger, and say its verdict and what past mailings' logs say."""
    plan = read_plan(path, workspace)
    Ledger(Path(workspace)).approve(plan)
    console.print(heading(plan), markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"Approved: plan {plan['plan_hash']}. Exports to ad tools are open for this version only.", highlight=False
    )
    console.print(past_mailings(plan, workspace), markup=False, highlight=False, soft_wrap=True)
    _print_to_do(plan, AD_FORMATS)


def past_mailings(plan: dict, workspace: str | Workspace) -> str:
    """What past mailings' logs say about the plan (see `plan_check`), or in one line why they were not asked."""
    from campaignwright.tools import plan_check

    try:
        if isinstance(workspace, Workspace):
            return plan_check.check(plan, workspace)
        with Workspace.open(workspace) as opened:
            return plan_check.check(plan, opened)
    except WorkspaceError as error:  # in use elsewhere: the approval stands without it
        return f"Past mailings were not asked: {error}"


def export(path: Path, format: str, out: Path, workspace: str) -> None:
    """Write the plan in `format` under `out`; ad formats need the approval, documents not even a workspace."""
    ledger = Ledger(Path(workspace)) if format in AD_FORMATS else None
    plan = read_plan(path, workspace)
    for file in exporters.export(plan, format, out, ledger=ledger):
        console.print(str(file), highlight=False, soft_wrap=True)
    _print_to_do(plan, [format])


def to_do(plan: dict, formats: Iterable[str]) -> list[str]:
    """What is left to do by hand with the files of these formats, as a heading and a list; empty when nothing is."""
    lines = [f"- {format}: {note}" for format in formats for note in exporters.to_do(plan, format)]
    return [label("text", "by_hand", plan["language"]), *lines] if lines else []


def _print_to_do(plan: dict, formats: Iterable[str]) -> None:
    for line in to_do(plan, formats):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def documents(plan: dict, folder: Path) -> list[Path]:
    """The plan as documents (Markdown, Word, JSON) in `folder`, made when absent."""
    folder.mkdir(parents=True, exist_ok=True)
    return [file for format in DOCUMENTS for file in exporters.export(plan, format, folder)]


def approve_and_export(plan: dict, ledger: Ledger, folder: Path) -> tuple[list[Path], list[str]]:
    """Approve the plan and write every import file it has content for; returns the files and why others are absent."""
    ledger.approve(plan)
    folder.mkdir(parents=True, exist_ok=True)
    files, absent = [], []
    for format in AD_FORMATS:
        try:
            files += exporters.export(plan, format, folder, ledger=ledger)
        except exporters.ExportProblem as problem:
            absent.append(str(problem))
    return files, absent
