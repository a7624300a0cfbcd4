"""Area uplift of the suite `models` on a few thousand of Hillstrom's customers, and our Qini beside scikit-uplift's."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from campaignwright.evals import models_uplift
from campaignwright.evals.bench import table
from campaignwright.models.uplift_learner import qini_auc, uplift_at


def test_every_contrast_stands_beside_its_rivals(shared_data: Path) -> None:
    area = models_uplift.run(shared_data, limit=2)
    measures = {row.measure: row for row in area.rows}
    for contrast in models_uplift.CONTRASTS:
        names = {one.name for one in measures[f"Qini, {contrast}"].rivals}
        assert names == {models_uplift.RECIPE, models_uplift.TREES, models_uplift.RESPONSE, models_uplift.CHANCE}
    assert "best single arm" in {one.name for one in measures["value of personalising (visit rate, SNIPS)"].rivals}
    for row in area.rows:
        assert row.difference is not None and row.difference.low <= row.difference.value <= row.difference.high
        assert all(math.isfinite(one.value) for one in [row.ours, *row.rivals])
    assert "aimed by" in area.rows[-1].data and len(table(area.rows)) > len(area.rows)


@pytest.mark.slow
def test_the_learner_is_no_worse_than_the_plain_recipe_and_personalising_does_not_pay(shared_data: Path) -> None:
    area = models_uplift.run(shared_data)
    rows = {row.measure: row for row in area.rows}
    assert all("loses" not in row.verdict for measure, row in rows.items() if measure.startswith("Qini"))
    assert rows["Qini, women's mail vs none"].ours.value > 0.05
    assert "wins" not in rows["value of personalising (visit rate, SNIPS)"].verdict


def test_intervals_over_splits_are_wider_than_if_splits_were_independent() -> None:
    values = np.random.default_rng(0).normal(1.0, 0.1, 20)
    score = models_uplift.resampled("x", values)
    assert score.high - score.low > 4 * 2 * 0.1 / np.sqrt(20) and score.low < 1 < score.high


def test_qini_and_uplift_at_a_share_are_scikit_uplifts() -> None:
    metrics = pytest.importorskip("sklift.metrics", reason="not installed: pip install campaignwright[bench]")
    rng = np.random.default_rng(0)
    treated = rng.integers(0, 2, 3000)
    lift = np.round(rng.normal(size=3000), 1)  # with ties
    outcome = (rng.random(3000) < 0.2 + 0.1 * treated * (lift > 0)).astype(int)
    assert qini_auc(outcome, lift, treated) == pytest.approx(metrics.qini_auc_score(outcome, lift, treated), abs=1e-9)
    smooth = lift + rng.normal(0, 1e-6, 3000)  # at a share ties would be cut anywhere
    theirs = metrics.uplift_at_k(outcome, smooth, treated, strategy="overall", k=0.3)
    assert uplift_at(outcome, smooth, treated) == pytest.approx(theirs, abs=1e-9)
