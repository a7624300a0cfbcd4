"""Area off_policy of the suite `models`: a world a setting, a few bootstrap draws; and the worlds' truth itself."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from campaignwright.evals import models_off_policy
from campaignwright.evals.off_policy_worlds import draw
from campaignwright.models.off_policy import ESTIMATORS, interval, ips


def test_all_estimators_are_ranked_on_known_values_and_on_open_bandit(shared_data: Path) -> None:
    area = models_off_policy.run(shared_data, limit=1)
    assert {row.data for row in area.rows} == {"synthetic truth", "Open Bandit, random to bts", "Open Bandit, bts to random"}
    for row in area.rows:
        assert {row.ours.name, *(one.name for one in row.rivals)} >= set(ESTIMATORS)
        assert all(math.isfinite(one.value) for one in [row.ours, *row.rivals]) and row.difference is not None
        assert "bootstrap" in row.floor or row.data == "synthetic truth"
    assert any("gate not passed" in note for note in area.notes)


def test_a_worlds_value_is_what_its_log_shows_where_chance_logged() -> None:
    world = draw(np.random.default_rng(5), 2, 40_000, "by chance", "all traits seen")
    value, low, high = interval(ips(world.log, world.policy), z=3.5)
    assert low < world.truth < high and high - low < 0.03
    assert world.log.outcome.mean() == pytest.approx(world.incumbent, abs=0.01)


def test_shares_by_position_are_a_policy(shared_data: Path) -> None:
    log = models_off_policy.read(shared_data, "bts", "men")
    policy = models_off_policy._policy(log, log, 34)
    assert policy.shape == (len(log), 34) and np.allclose(policy.sum(axis=1), 1)
