"""Options, exit codes and the one-line error that all commands share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

FAILED, USAGE, REFUSED, BAD_DATA, STOPPED = 1, 2, 3, 4, 130


class Stop(Exception):
    """End the command with one line and an exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def default_workspace() -> str:
    """$CAMPAIGNWRIGHT_WORKSPACE, else ./my-shop when it is a workspace, else ./demo-shop."""
    own = Path("my-shop/workspace.json").exists()
    return os.environ.get("CAMPAIGNWRIGHT_WORKSPACE") or ("my-shop" if own else "demo-shop")


WorkspaceOption = Annotated[
    str | None,
    typer.Option("--workspace", "-w", help="Workspace folder [default: my-shop if it exists, else demo-shop]"),
]
ModelOption = Annotated[
    str, typer.Option(help="embedded | local path | hub id | openai:MODEL@BASE_URL", envvar="CAMPAIGNWRIGHT_MODEL")
]
AdapterOption = Annotated[str | None, typer.Option(help="LoRA adapter folder for a model of your own")]
TodayOption = Annotated[str | None, typer.Option(help="Plan as if today were this date (YYYY-MM-DD)")]
SeedOption = Annotated[int, typer.Option(help="Random seed")]
