"""The response models beside their rivals, and the choice between trees and network that a workspace's rows make."""

import numpy as np
import pytest

from campaignwright.evals import models_response, response_ads
from campaignwright.evals.models_response import calibration_error, in_order
from campaignwright.models import response, store
from campaignwright.models.response import ResponseModel
from campaignwright.models.response_encode import Encoder
from campaignwright.models.response_learners import LEARNERS


def rows_with_ids(n=3000, seed=0):
    """An id whose level decides, a number that matters less, and one that does not: x [n, 3], y 0/1 [n], log-odds [n]."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 60, n) * 7919 % 1009, rng.normal(size=n), rng.normal(size=n)]).astype(float)
    level = np.random.default_rng(9).normal(0, 1.5, 1009)
    truth = level[x[:, 0].astype(int)] + 0.5 * x[:, 1]
    return x, (rng.random(n) < 1 / (1 + np.exp(-truth))).astype(float), truth


@pytest.mark.parametrize("name", LEARNERS)
def test_a_learner_finds_what_an_id_means_and_comes_back_from_disk_the_same(name, tmp_path):
    x, y, _ = rows_with_ids()
    model = LEARNERS[name].fit(x, y, ids=(0,), seed=1)
    new, _, truth = rows_with_ids(seed=5)
    assert np.corrcoef(model.predict(new), truth)[0, 1] > 0.8
    unseen = np.full((1, 3), [[5000.0, 0.0, 0.0]])
    assert abs(1 / (1 + np.exp(-model.predict(unseen)[0])) - y.mean()) < 0.3  # an id nobody saw: near the mean
    model.save(tmp_path, "one")
    assert not list(tmp_path.glob("*.pkl"))
    np.testing.assert_allclose(LEARNERS[name].load(tmp_path, "one").predict(new), model.predict(new), rtol=1e-5, atol=1e-5)


def test_a_learnt_row_does_not_see_its_own_outcome():
    y = np.random.default_rng(0).integers(0, 2, 400).astype(float)
    encoder, learnt = Encoder.fit(np.arange(400.0)[:, None], y, (0,))  # every row its own level: nothing to learn
    assert np.all(learnt[:, 1] == 0) and np.allclose(learnt[:, 2], y.mean())
    assert encoder(np.array([[3.0], [999.0]]))[:, 1].tolist() == [1.0, 0.0]


def test_the_card_names_every_candidate_and_the_one_used(demo):
    metrics = store.get(demo, ResponseModel).metrics
    for stage in ("ctr", "cvr"):
        assert set(metrics[stage]["log_error"]) == {"channel_mean", "shrunk", "boosted", "network", "blend"}
        used = metrics[stage]["used"]
        assert used == "shrunk" or metrics[stage]["log_error"][used] < metrics[stage]["log_error"]["shrunk"]


@pytest.mark.parametrize("winner", LEARNERS)
def test_a_correction_that_wins_is_used_and_kept(small_shop, winner, monkeypatch, tmp_path):
    monkeypatch.setattr(response, "CORRECTED_FROM", 50)
    monkeypatch.setattr(response, "GAIN", 99.0)  # any candidate beats the shrunk model
    monkeypatch.setattr(response, "candidates", lambda rows: {winner: LEARNERS[winner]})
    model = ResponseModel.fit(small_shop)
    assert model.metrics["ctr"]["used"] == winner
    model.save(tmp_path)
    again = ResponseModel.load(tmp_path)
    plain = np.zeros((2, 8, 14))
    plain[:, :, 0] = np.arange(8)
    nothing = [(np.array([0]), np.zeros((2, 1)))] * 8
    got, kept = model.stages["ctr"].predict(nothing, plain)[0], again.stages["ctr"].predict(nothing, plain)[0]
    np.testing.assert_allclose(got, kept, atol=1e-5)
    assert np.abs(got).max() > 0  # the design is all zeros: what is left is the correction


def test_measures_on_known_answers():
    y = np.tile([0.0, 0.0, 0.0, 1.0], 100)
    assert calibration_error(y, np.full(400, 0.25)) < 0.03 and calibration_error(y, np.full(400, 0.75)) == pytest.approx(0.5)
    assert response_ads.deviance(np.array([3.0, 0.0]), np.array([3.0, 1.0])).tolist() == [0.0, 2.0]
    [(before, after)] = in_order(np.array([5, 1, 4, 2, 3]), 0.4)
    assert set(before) == {1, 3, 4} and set(after) == {0, 2}


def test_shrunk_rates_of_ads_beat_a_constant(shared_data):
    rows, notes = response_ads.run(shared_data, 300, 0)
    assert rows[0].ours.value < 0.5 * next(one.value for one in rows[0].rivals if one.name == "constant")
    assert rows[0].verdict.endswith("meets 1.21") and "drift" in notes[0]


@pytest.mark.slow
def test_the_area_measures_every_part_beside_its_rivals(shared_data):
    area = models_response.run(shared_data, limit=800)
    assert {row.data for row in area.rows} >= {"click_prediction_small", "online_shoppers_intention", "facebook_ads_kag"}
    assert all(np.isfinite(row.ours.value) for row in area.rows)
    assert sum("ECE" in note for note in area.notes) == 4
