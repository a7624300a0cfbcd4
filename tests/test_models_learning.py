"""The area `learning` of the suite `models`: results come back into the workspace, and the report adds up."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaignwright.evals import models_learning
from campaignwright.evals.bench import Row


def _line(world: int, ours: float) -> dict:
    quarters = {"copilot": ours, "past managers' rule": 50.0, "bandit over past strategies": 60.0, "clairvoyant": 100.0,
                "the copilot's first plans, not learning": 55.0}  # fmt: skip
    inside = {name: [True, True, True, True, False] for name in (*models_learning.METRICS, "past spread")}
    return {"world": world, "profit": {name: [value] * 2 for name, value in quarters.items()}, "inside": inside, "spend": 100.0}


def test_the_report_adds_up() -> None:
    area = models_learning.report([_line(1, 80.0), _line(2, 90.0)])
    first = area.rows[0]
    assert first.ours.value == pytest.approx(1.7) and first.best.name == "bandit over past strategies"
    assert first.difference.value == pytest.approx(0.5) and first.verdict == "wins"
    assert [row.ours.value for row in area.rows[1:]] == pytest.approx([0.0] * 4) and all("meets" in row.verdict for row in area.rows[1:])
    assert Row.from_json(first.to_json()) == first


@pytest.mark.slow
def test_two_quarters_are_planned_run_and_learnt_from(tmp_path: Path) -> None:
    area = models_learning.run(limit=1, seed=7, quarters=2, lines=tmp_path / "lines.jsonl")
    assert {rival.name for rival in area.rows[0].rivals} >= {"past managers' rule", "bandit over past strategies"}
    assert area.rows[1].cases == 2 * models_learning.EACH
