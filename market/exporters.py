"""Writes a plan to files: for Google Ads, Meta, mailing tools (CSV), people (Markdown, Word) and machines (JSON).

Files that can reach an ad account or a customer need the plan's approval in the ledger; documents do not. Every write
is atomic and everything in the files is paused.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from campaignwright.market.export_docx import render_docx
from campaignwright.market.export_markdown import render_markdown
from campaignwright.market.export_tables import ExportProblem, assets, google_ads, meta, to_do
from campaignwright.market.ledger import Ledger, plan_hash
from campaignwright.market.workspace import write_atomic

__all__ = ["FORMATS", "ExportProblem", "export", "read_plan", "render_markdown", "to_do"]


def to_json(plan: dict[str, Any]) -> bytes:
    """The plan itself, readable again by `read_plan`."""
    return (json.dumps(plan, ensure_ascii=False, indent=1) + "\n").encode("utf-8")


# format -> (file suffix, writer, needs approval)
FORMATS: dict[str, tuple[str, Callable[[dict[str, Any]], bytes], bool]] = {
    "google-ads": (".google-ads.csv", google_ads, True),
    "meta": (".meta.csv", meta, True),
    "csv": (".assets.csv", assets, True),
    "md": (".md", lambda plan: render_markdown(plan).encode("utf-8"), False),
    "docx": (".docx", render_docx, False),
    "json": (".json", to_json, False),
}


def export(plan: dict[str, Any], format: str, path: str | Path, *, ledger: Ledger | None = None) -> list[Path]:
    """Write `plan` as `format` to `path`, a file, or a folder that then gets `plan-<hash>` with the format's suffix.

    google-ads, meta and csv need `ledger` with an approval of exactly this plan. Raises ExportProblem: unknown format,
    not approved, edited by hand, nothing to write, or the named file exists.
    """
    if format not in FORMATS:
        raise ExportProblem(f"format: expected one of {', '.join(FORMATS)}; received {format!r}.")
    suffix, writer, gated = FORMATS[format]
    digest = plan["plan_hash"]
    if plan_hash(plan) != digest:
        raise ExportProblem("The plan was changed by hand after it was made; edit it through Campaignwright instead.")
    if gated and (ledger is None or not ledger.approved(digest)):
        raise ExportProblem(f"Plan {digest} is not approved: approve it first, then export it as {format}.")
    path = Path(path)
    if path.is_dir() or not path.suffix:
        path = path / f"plan-{digest}{suffix}"
    elif path.exists():
        raise ExportProblem(f"{path.name} exists already and was left as it is: name another file, or a folder.")
    write_atomic(path, writer(plan))
    if ledger is not None:
        ledger.log_export(digest, format, path)
    return [path]


def read_plan(path: str | Path) -> dict[str, Any]:
    """A plan from its JSON export. Raises ExportProblem when it is not one or was changed by hand."""
    try:
        plan = json.loads(Path(path).read_text("utf-8"))
        whole = plan_hash(plan) == plan["plan_hash"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = "there is no such plan" if isinstance(error, FileNotFoundError) else "this is not a plan"
        raise ExportProblem(f"{Path(path).name}: {what}; give a plan exported as json, or the hash of a plan in the workspace.") from error
    if not whole:
        raise ExportProblem(f"{Path(path).name} was changed by hand; edit the plan through Campaignwright instead.")
    return plan
