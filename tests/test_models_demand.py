"""Area `demand` of the suite `models`: three rows on real tills, and the losses that they are made of."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from campaignwright.evals import models_demand
from campaignwright.evals.models_demand_rivals import RIVALS, last_week, with_errors


def test_three_rows_beside_the_rivals_that_are_installed(shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if not (shared_data / models_demand.FOLDER).is_dir():
        pytest.skip("Complete Journey is not among the public data sets")
    monkeypatch.setitem(sys.modules, "statsforecast", None)  # as if it were not installed
    monkeypatch.setattr(models_demand, "ORIGINS", (32, 48))
    monkeypatch.setattr(models_demand, "RIVALS", {name: RIVALS[name] for name in ("naive", "seasonal naive (4 weeks)", "AutoETS")})
    area = models_demand.run(shared_data, limit=30)
    assert [row.measure.split(" (")[0] for row in area.rows] == ["MASE", "pinball loss", "stock cost"]
    for row in area.rows:
        assert row.cases == 30 * 2 * 4 and row.verdict in ("wins", "level") and len(row.rivals) == 2
        assert float(row.floor.split(",")[0]) < row.ours.value
    assert any("AutoETS: not installed: pip install campaignwright[bench]" in note for note in area.notes)


def test_losses_of_a_forecast_that_is_too_low_or_too_high() -> None:
    actual, one = np.array([[10.0]]), np.array([[1.0]])
    low = models_demand.losses(actual, {"point": 8 * one, 0.1: 8 * one, 0.5: 8 * one, 0.8: 8 * one, 0.9: 8 * one}, 2 * one, 3 * one)
    high = models_demand.losses(actual, {"point": 14 * one, 0.1: 10 * one, 0.5: 10 * one, 0.8: 14 * one, 0.9: 10 * one}, 2 * one, 3 * one)
    assert low["MASE"].item() == 1 and high["MASE"].item() == 2 and high["pinball loss"].item() == 0
    assert low["pinball loss"].item() == pytest.approx((0.1 + 0.5 + 0.9) * 2 / 2 / 3)
    assert low["stock cost"].item() == pytest.approx(2 * 3 * 0.4) and high["stock cost"].item() == pytest.approx(4 * 3 * 0.1)


def test_a_rules_quantiles_are_ordered_and_not_negative() -> None:
    history = np.random.default_rng(0).poisson(1.5, (20, 30)).astype(float)
    found = with_errors(last_week, history, 4)
    assert (found[0.1] >= 0).all() and (found[0.1] <= found[0.5]).all() and (found[0.5] <= found[0.9]).all()
    assert (found["point"] == history[:, -1:]).all()
