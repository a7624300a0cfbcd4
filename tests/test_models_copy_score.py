"""Area `copy_score` of the suite `models`: the same figures as the suite `headlines`, beside rivals that learn."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaignwright.evals import models_copy_score, suites
from campaignwright.tools.headline_traits import TRAITS, traits


def test_the_row_and_the_suite_say_the_same(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (shared_data / "upworthy_headline_pairs").is_dir():
        pytest.skip("the Upworthy headline pairs are not among the public data sets")
    monkeypatch.setenv("CAMPAIGNWRIGHT_DATA", str(shared_data))
    area = models_copy_score.run(shared_data, limit=60)
    (row,) = area.rows
    summary = suites.run("headlines", limit=60)["summary"]
    assert row.cases == 60 and summary["scorer"][:3] == [row.ours.value, row.ours.low, row.ours.high]
    assert {one.name for one in row.rivals} >= {"word TF-IDF", "character TF-IDF + hand features", "longer headline", "chance"}
    assert row.difference.low <= row.ours.value - row.best.value <= row.difference.high
    assert "near-duplicate" in row.note and "validation pairs" in area.notes[0]


def test_traits_count_marks_and_kinds_of_words_up_to_two() -> None:
    found = dict(zip(TRAITS, traits(["Mom, dad and the kids asked: why? Why?? WHY???"])[0], strict=True))
    assert found["question marks"] == 2 and found["family"] == 2 and found["children"] == 1 and found["telling"] == 1
    assert found["capitals"] == 1 and found["question last"] == 1 and found["number first"] == 0
    assert traits([]).shape == (0, len(TRAITS)) and traits(["", "跑鞋"])[:, 2:].sum() == 0
