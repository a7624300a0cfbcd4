"""The eval suites by name and how a report is printed. Each suite is one file with a `run(...)` that returns its report."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

SUITES = {
    "planner": "requests of the held-out templates against the language model",
    "copy": "what the copywriter delivers, by channel and language",
    "headlines": "the headline scorer on real headline tests",
    "injection": "attacks in the shop's data, and a planner that does its worst",
    "strategy": "plans against the simulator's truth",
    "models": "every model beside a named rival on real data",
}


def run(suite: str, *, progress: Callable[[float, str], None] | None = None, **options: Any) -> dict[str, Any]:
    """Run a suite of SUITES: {"rows", "summary": name -> [value, low, high, cases], "unit", "note", "more": Markdown lines}.

    `progress(fraction, text)` is called as a suite that takes long goes on."""
    return {"suite": suite, **import_module(f"campaignwright.evals.{suite}").run(progress=progress, **options)}


def render(report: dict[str, Any]) -> str:
    """The report as Markdown."""
    lines = [f"# {report['suite']}", "", report["note"], ""]
    if report["summary"]:
        lines += [f"| {report['unit']} | mean | 95 % interval | cases |", "|---|---:|---|---:|"]
    for name, (value, low, high, *cases) in report["summary"].items():
        lines.append(
            f"| {name} | {value:,.4g} | {low:,.4g} to {high:,.4g} | {cases[0] if cases else len(report['rows'])} |"
        )
    return "\n".join([*lines, "", *report.get("more", [])]).rstrip()
