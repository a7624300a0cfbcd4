"""`campaignwright demo`: from nothing to a printed plan and its files."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from campaignwright.ui import terminal
from campaignwright.ui.terminal import console

REQUEST = "Plan a 2-week campaign for running shoes, $20k, ROAS at least 4"


def ensure(path: Path, *, seed: int = 0) -> None:
    """Make the demo workspace at `path` and train its models, unless both are there."""
    from campaignwright.market.demo import make_demo
    from campaignwright.market.workspace import Workspace
    from campaignwright.models.train import train

    if not (path / "workspace.json").exists():
        with terminal.progress_bar() as progress:
            report = terminal.reporting(progress, "Making the demo shop")
            make_demo(path, end=dt.date.today() - dt.timedelta(days=1), seed=seed, progress=report).close()
    with Workspace.open(path) as shop, terminal.progress_bar() as progress:
        train(shop, seed=seed, progress=terminal.reporting(progress, "Training the models"))


def run(path: Path, *, model: str = "embedded", seed: int = 0) -> None:
    """Plan one campaign for the demo shop, print it, save it, say where everything is."""
    from campaignwright.agent import Copilot

    ensure(path, seed=seed)
    with Copilot.open(path, model=model, seed=seed) as copilot:
        console.print(f"> {REQUEST}\n", markup=False, highlight=False)
        turn = terminal.show_turn(copilot, terminal.new_session(), REQUEST)
    if not turn.plan:
        raise RuntimeError("the demo request gave no plan; run `campaignwright doctor`")
    console.print(
        f"The shop's data:  {path}/market.duckdb (invented: a simulated shop)", highlight=False, soft_wrap=True
    )
    console.print(f"Open the chat:    .venv/bin/campaignwright ui -w {path}", highlight=False, soft_wrap=True)
