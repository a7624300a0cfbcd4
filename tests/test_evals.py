"""The eval suites as a marketer runs them: they end, they stand beside their baselines, their table prints."""

from __future__ import annotations

import math
import re

import pytest

from campaignwright.evals import planner, suites
from campaignwright.finetune.templates import templates


def run(name: str, limit: int) -> dict:
    """A suite's report; every measure has a value inside its interval."""
    report = suites.run(name, limit=limit)
    assert report["summary"] and report["suite"] == name
    for measure, (value, low, high, *_) in report["summary"].items():
        assert math.isfinite(value) and low <= value + 1e-9 and value <= high + 1e-9, measure
    table = suites.render(report)
    assert all(measure in table for measure in report["summary"])
    return report


def test_the_planner_suite_stands_beside_a_keyword_rule() -> None:
    report = run("planner", 8)
    assert report["summary"]["valid, zh: embedded"][0] == 1.0  # by construction: calls are decoded under their schema
    assert {name.split(": ")[1] for name in report["summary"]} == {"embedded", "keyword rule"}
    assert "## Failures by kind" in suites.render(report)


def test_no_request_written_for_the_suite_stands_in_the_corpus() -> None:
    def words(text: str) -> str:
        return re.sub(r"\W+", " ", text.lower()).strip()

    known = {words(item["text"]) for item in templates()}
    chats = [chat for name in planner.WRITTEN for chat in planner.written_chats(name)]
    asked = [[one for one in chat["messages"] if one["role"] == "user"][-1]["content"] for chat in chats]
    assert len(asked) == 243 + 200 and not [text for text in asked if words(text) in known]


def test_the_strategy_suite_stands_beside_the_shops_habit() -> None:
    assert len(run("strategy", 1)["summary"]) >= 3


@pytest.mark.slow
def test_the_copy_suite_finds_no_breach() -> None:
    summary = run("copy", 1)["summary"]
    assert all(value == 0 for name, (value, *_) in summary.items() if "in breach" in name)
    assert any("template filling" in name for name in summary)
