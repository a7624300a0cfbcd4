"""`campaignwright doctor`: is everything in place, and with --benchmark how fast and how heavy it is here."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import platform
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table

from campaignwright.ui.terminal import console

if TYPE_CHECKING:
    from campaignwright.agent import Copilot

PACKAGES = (
    "torch",
    "transformers",
    "peft",
    "langchain",
    "langgraph",
    "llguidance",
    "duckdb",
    "faiss-cpu",
    "lightgbm",
    "gradio",
)


def run(workspace: str | None, *, benchmark: bool) -> int:
    """Print the checks; exit code 0 when all that is needed works, else 1."""
    checks = [*_installation(), _embedded_model(), *_workspace(workspace)]
    for good, text in checks:
        console.print(f"{'ok  ' if good else 'FAIL'}  {text}", markup=False, highlight=False, soft_wrap=True)
    planned = _benchmark() if benchmark else True
    return 0 if planned and all(good for good, _ in checks) else 1


def _installation() -> list[tuple[bool, str]]:
    checks = [(sys.version_info >= (3, 11), f"Python {platform.python_version()} (3.11 or newer)")]
    for name in PACKAGES:
        try:
            checks.append((True, f"{name} {importlib.metadata.version(name)}"))
        except importlib.metadata.PackageNotFoundError:
            checks.append((False, f"{name} is not installed: run `make demo` or pip install campaignwright"))
    return checks


def _embedded_model() -> tuple[bool, str]:
    from campaignwright.agent.backends import embedded_path

    files = [file for file in embedded_path().rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 2**20
    present = any(file.name == "model.safetensors" for file in files)
    return (
        present,
        f"embedded language model, {size:.1f} MiB"
        if present
        else "embedded language model: its weights are missing; reinstall the package",
    )


def _workspace(path: str | None) -> list[tuple[bool, str]]:
    from campaignwright.market.workspace import Workspace, WorkspaceError

    if path is None:
        return []
    try:
        with Workspace.open(path) as shop:
            rows = ", ".join(
                f"{table} {shop.count(table):,}"
                for table in ("products", "customers", "orders", "campaigns", "exposures")
            )
            return [(True, f"workspace {path}: {rows}; currency {shop.currency}")]
    except WorkspaceError as error:
        return [(False, str(error))]


def _peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def _benchmark() -> bool:
    """Time an import the size of UCI Online Retail, the demo shop, its training, loading, two plans, and a fit on a million
    order lines, in one process.

    False when a request brought no plan.
    """
    from campaignwright.agent import Copilot
    from campaignwright.market.demo import make_demo
    from campaignwright.market.importers import import_file
    from campaignwright.market.workspace import Workspace
    from campaignwright.models.train import train
    from campaignwright.ui.speed import measure

    table = Table("step", "seconds", "goal", "peak memory so far, GiB")

    def row(name: str, started: float, goal: str) -> None:
        table.add_row(name, f"{time.perf_counter() - started:.1f}", goal, f"{_peak_gib():.2f}")

    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        file, lines = _order_lines(Path(folder))
        made = time.perf_counter()
        with Workspace.open(Path(folder) / "big", create=True) as shop:
            import_file(shop, file)
        row(f"import of {lines:,} order lines", made, "30, below 3 GiB")
        started = time.perf_counter()
        make_demo(Path(folder) / "demo", end=dt.date.today() - dt.timedelta(days=1)).close()
        row("demo workspace", started, "60")
        started = time.perf_counter()
        with Workspace.open(Path(folder) / "demo") as shop:
            train(shop)
        row("train on the demo", started, "")
        started = time.perf_counter()
        with Copilot.open(Path(folder) / "demo") as copilot:
            row("load the language model and the tools", started, "")
            planned = _plans(copilot, row)
        measured = measure()
        file, lines = _order_lines(Path(folder), 1_000_000)
        with Workspace.open(Path(folder) / "million", create=True) as shop:
            import_file(shop, file)
            started = time.perf_counter()
            train(shop)
        row(f"fit all models, {lines:,} order lines", started, "180")
    console.print(table)
    speeds = Table("language model", "tokens a second (goal 100)", "first token, s (goal 0.4)")
    for name, rate, wait in measured:
        speeds.add_row(name, f"{rate:.0f}", f"{wait:.3f}")
    console.print(speeds)
    return planned


def _plans(copilot: Copilot, row: Callable[[str, float, str], None]) -> bool:
    """Time the demo's request twice; says so and gives False when no plan came back, whose time would mean nothing."""
    from campaignwright.ui.demo import REQUEST

    for name in ("first plan", "second plan"):
        started = time.perf_counter()
        turn = copilot.ask(REQUEST, session=name)
        if not turn.plan:
            console.print(f"FAIL  {name}: none came back. {turn.text}", markup=False, highlight=False, soft_wrap=True)
            return False
        row(name, started, "15")
    return True


def _order_lines(folder: Path, lines: int = 541_909) -> tuple[Path, int]:
    """A generated export with the columns, the lines an invoice and a customer, and the number of lines of UCI Online Retail."""
    import numpy as np
    import pandas as pd

    random = np.random.default_rng(0)
    invoices, customers = lines // 21, lines // 124
    invoice = 536_365 + np.sort(random.integers(0, invoices, lines))
    item = random.integers(0, 4_000, lines)
    price = np.round(random.gamma(2.0, 2.0, 4_000) + 0.2, 2)
    frame = pd.DataFrame(
        {
            "InvoiceNo": invoice,
            "StockCode": 20_000 + item,
            "Description": [f"ITEM NUMBER {number}" for number in item],
            "Quantity": random.integers(1, 24, lines),
            "InvoiceDate": pd.Timestamp("2010-12-01") + pd.to_timedelta((invoice - 536_365) * (525_000 / invoices), unit="min"),
            "UnitPrice": price[item],
            "CustomerID": 12_000 + random.integers(0, customers, 536_365 + invoices + 1)[invoice],
            "Country": "United Kingdom",
        }
    )
    file = folder / "orders.csv"
    frame.to_csv(file, index=False)
    return file, lines
