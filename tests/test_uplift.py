"""Uplift: Hillstrom's published effects, a shop where choosing pays and one where it does not, confounded mailings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaignwright.market.workspace import Workspace
from campaignwright.models import store
from campaignwright.models.uplift import UpliftModel
from campaignwright.models.uplift_learner import qini_auc
from campaignwright.models.uplift_study import adjusted_difference


def add_mailing(workspace: Workspace, kind: np.ndarray, treated: np.ndarray, visit: np.ndarray, randomised: bool = True) -> None:
    ids = [f"c{i}" for i in range(len(kind))]
    with workspace.transaction():
        workspace.insert("customers", pd.DataFrame({"customer_id": ids, "traits": [json.dumps({"kind": float(k)}) for k in kind]}))
        workspace.insert("exposures", pd.DataFrame({
            "customer_id": ids, "campaign_id": "m1", "arm": np.where(treated, "mail", "control"), "propensity": 0.5,
            "randomised": randomised, "visit": visit, "conversion": visit, "spend": 10.0 * visit}))


def test_choosing_pays_where_some_are_put_off(workspace: Workspace) -> None:
    rng = np.random.default_rng(0)
    n = 12_000
    kind, treated = rng.integers(0, 2, n), rng.random(n) < 0.5
    visit = rng.random(n) < 0.2 + treated * np.where(kind == 1, 0.15, -0.1)
    add_mailing(workspace, kind, treated, visit)
    study = UpliftModel.fit(workspace).campaigns["m1"]
    assert study["personalising_pays"] and study["gain"] == pytest.approx(0.05, abs=0.02)
    assert study["qini"]["mail"] > 0.1 and study["share_treated"] == pytest.approx(0.5, abs=0.05)


def test_choosing_does_not_pay_where_all_react_alike(workspace: Workspace) -> None:
    rng = np.random.default_rng(1)
    n = 6_000
    kind, treated = rng.integers(0, 2, n), rng.random(n) < 0.5
    add_mailing(workspace, kind, treated, rng.random(n) < 0.1 + 0.05 * kind + 0.06 * treated)
    study = UpliftModel.fit(workspace).campaigns["m1"]
    assert not study["personalising_pays"] and study["best_single"] == "mail"


def test_confounded_mailing_is_adjusted(workspace: Workspace) -> None:
    """The mail does nothing; it went to customers who buy anyway."""
    rng = np.random.default_rng(2)
    n = 10_000
    kind = rng.integers(0, 2, n)
    treated = rng.random(n) < np.where(kind == 1, 0.8, 0.2)
    visit = rng.random(n) < np.where(kind == 1, 0.3, 0.1)
    add_mailing(workspace, kind, treated, visit, randomised=False)
    study = UpliftModel.fit(workspace).campaigns["m1"]
    assert not study["randomised"]
    assert study["rates"]["mail"] - study["rates"]["control"] > 0.1
    adjusted = study["adjusted"]["conversion"]
    assert adjusted["difference_low"] - 0.02 < 0 < adjusted["difference_high"] + 0.02 and abs(adjusted["difference"]) < 0.02


def test_adjusted_difference_recovers_a_known_effect() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=(20_000, 2))
    propensity = 1 / (1 + np.exp(-x[:, 0]))
    treated = (rng.random(20_000) < propensity).astype(float)
    y = 1 + x[:, 0] + 0.5 * treated + rng.normal(size=20_000)
    base, effect, error = adjusted_difference(y, treated, propensity, x, rng.integers(0, 2, 20_000))
    assert abs(effect - 0.5) < 4 * error and base == pytest.approx(1.0, abs=0.1)


def test_qini_of_perfect_and_random_rankings() -> None:
    rng = np.random.default_rng(4)
    treated = rng.integers(0, 2, 4000)
    outcome = (rng.random(4000) < 0.2 + 0.2 * treated).astype(int)
    assert qini_auc(outcome, outcome * treated - outcome * (1 - treated), treated) == pytest.approx(1.0)
    assert abs(qini_auc(outcome, rng.random(4000), treated)) < 0.06


def test_no_control_names_the_table(workspace: Workspace) -> None:
    add_mailing(workspace, np.zeros(500), np.ones(500, dtype=bool), np.zeros(500, dtype=bool))
    with pytest.raises(store.MissingTable, match="control"):
        UpliftModel.fit(workspace)


def test_hillstrom(workspace: Workspace, shared_data: Path) -> None:
    """Published: visits 10.6 % without mail, 18.3 % men's, 15.1 % women's; choosing by customer gains nothing over men's for all."""
    data = pd.read_csv(shared_data / "hillstrom" / "hillstrom.csv.gz")
    ids = [f"h{i}" for i in range(len(data))]
    traits = data[["recency", "history", "mens", "womens", "zip_code", "newbie", "channel"]].to_dict("records")
    arm = data["segment"].map({"No E-Mail": "control", "Mens E-Mail": "mens_email", "Womens E-Mail": "womens_email"})
    with workspace.transaction():
        workspace.insert("customers", pd.DataFrame({"customer_id": ids, "traits": [json.dumps(one) for one in traits]}))
        workspace.insert("exposures", pd.DataFrame({
            "customer_id": ids, "campaign_id": "hillstrom", "arm": arm, "randomised": True, "visit": data["visit"] == 1,
            "conversion": data["conversion"] == 1, "spend": data["spend"]}))
    model = store.get(workspace, UpliftModel)
    study = model.campaigns["hillstrom"]
    assert {name: round(rate, 3) for name, rate in study["rates"].items()} == {
        "control": 0.106, "mens_email": 0.183, "womens_email": 0.151}
    assert study["best_single"] == "mens_email" and not study["personalising_pays"]
    assert study["value_personalised"] == pytest.approx(0.1828, abs=0.003)
    assert 0.04 < study["qini"]["womens_email"] < 0.09
    assert store.get(workspace, UpliftModel).campaigns == model.campaigns
