"""Off-policy: estimators against a value one can write down, the gates, and what the marketer reads of them."""

from __future__ import annotations

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from campaignwright.market.workspace import Workspace
from campaignwright.models.off_policy import ESTIMATORS, Log, effective_size, gate, interval
from campaignwright.tools import plan_check
from campaignwright.tools.base import Context, call
from campaignwright.tools.read_out import read_out


def logged(n: int = 8_000, seed: int = 0, claimed: float | None = None) -> tuple[Log, np.ndarray, float]:
    """(log, policy, its value): arm 1 helps only where x > 0 and was given to a fifth there, to most elsewhere; the policy gives it
    where it helps. `claimed`: the propensity of arm 1 that the log says, instead of the one that ran."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    share = np.where(x > 0, 0.2, 0.7)
    arm = (rng.random(n) < share).astype(int)
    chance = np.column_stack([np.full(n, 0.1), np.where(x > 0, 0.3, 0.05)])
    y = (rng.random(n) < chance[np.arange(n), arm]).astype(float)
    said = share if claimed is None else np.full(n, claimed)
    predicted = np.tile([y[arm == 0].mean(), y[arm == 1].mean()], (n, 1))  # reward models that know nothing of x
    policy = np.column_stack([x <= 0, x > 0]).astype(float)
    return Log(y, arm, np.where(arm == 1, said, 1 - said), predicted), policy, 0.2


def test_weighted_estimators_find_the_value_and_the_reward_models_alone_do_not() -> None:
    log, policy, truth = logged()
    for name in ("IPS", "SNIPS", "doubly robust"):
        value, low, high = interval(ESTIMATORS[name](log, policy))
        assert low - 0.005 < truth < high + 0.005 and high - low < 0.05, name
    assert abs(ESTIMATORS["direct method"](log, policy).mean() - truth) > 0.03


def test_what_ran_is_valued_at_what_it_brought() -> None:
    log, _, _ = logged()
    shares = np.tile(np.bincount(log.arm) / len(log.arm), (len(log.arm), 1))
    even = Log(log.outcome, log.arm, shares[np.arange(len(log.arm)), log.arm], log.predicted)
    for name in ("IPS", "SNIPS", "doubly robust"):
        assert ESTIMATORS[name](even, shares).mean() == pytest.approx(log.outcome.mean()), name


def test_gate_passes_a_better_policy_and_says_why_it_stops_others() -> None:
    log, policy, _ = logged()
    found = gate(log, policy)
    assert found.passed and found.gain_low > 0 and found.effective > 1_000 and found.mean_weight == pytest.approx(1, abs=0.05)
    assert "gain" in gate(log, 1 - policy).problems
    assert "few" in gate(*logged(900)[:2]).problems
    assert "weights" in gate(*logged(claimed=0.9)[:2]).problems


def test_a_policy_that_the_log_never_followed_does_not_pass() -> None:
    log, _, _ = logged()
    assert "few" in gate(log, np.column_stack([log.arm == 1, log.arm == 0]).astype(float)).problems


def test_effective_size_and_wrong_propensities() -> None:
    assert effective_size(np.ones(50)) == 50 and effective_size(np.array([1.0, 0, 0])) == 1 and effective_size(np.zeros(3)) == 0
    with pytest.raises(ValueError, match="propensity"):
        Log(np.zeros(2), np.zeros(2, int), np.array([0.5, 0.0]), np.zeros((2, 2)))


def mailed(workspace: Workspace, effect: float, propensity: float | None = 0.5, n: int = 6_000, audience: str = "lapsed") -> None:
    """A mailing by chance to half of `n` customers, that adds `effect` to a rate of orders of 0.1."""
    rng = np.random.default_rng(1)
    treated = rng.random(n) < 0.5
    bought = rng.random(n) < 0.1 + effect * treated
    ids = [f"c{i}" for i in range(n)]
    with workspace.transaction():
        workspace.insert("customers", pd.DataFrame({"customer_id": ids, "traits": [json.dumps({"kind": i % 2}) for i in range(n)]}))
        workspace.insert("campaigns", pd.DataFrame({"campaign_id": ["m1"], "name": ["Winter mail"], "audience": [audience]}))
        workspace.insert("exposures", pd.DataFrame({
            "customer_id": ids, "campaign_id": "m1", "arm": np.where(treated, "mail", "control"), "propensity": propensity,
            "randomised": True, "visit": bought, "conversion": bought, "spend": 10.0 * bought}))  # fmt: skip


def plan_for(audience: str, language: str = "en", **shares: float) -> dict:
    return {"language": language, "strategy": {"audience": audience, "shares": shares}}


def test_approval_says_what_past_mailings_prove(workspace: Workspace) -> None:
    mailed(workspace, 0.05)
    assert plan_check.check(plan_for("lapsed", email=1.0), workspace).startswith("Mailing lapsed customers brought more orders in the past")
    assert "cannot tell" in plan_check.check(plan_for("loyal", email=1.0), workspace)
    assert "no e-mail" in plan_check.check(plan_for("lapsed", search=1.0), workspace)
    assert "带来了更多订单" in plan_check.check(plan_for("lapsed", "zh", email=1.0), workspace)


def test_approval_says_why_past_mailings_do_not_prove_it(workspace: Workspace) -> None:
    mailed(workspace, 0.0)
    said = plan_check.check(plan_for("lapsed", email=1.0), workspace)
    assert "do not prove" in said and "not surely above zero" in said and "holdout" in said


@pytest.mark.parametrize("effect, propensity, n, words", [
    (0.05, 0.5, 6_000, "proved better than what was sent"), (0.05, None, 6_000, "drawn by chance"),
    (0.05, 0.5, 1_500, "worth 7"), (0.05, 0.3, 6_000, "mean weight 1.6"), (0.05, 0.5, 300, "200 customers each")])
def test_read_out_weighs_another_choice(workspace: Workspace, today: dt.date, effect: float, propensity: float | None, n: int,
                                        words: str) -> None:
    mailed(workspace, effect, propensity, n)
    result, _ = call({"read_out": read_out}, Context(workspace, today), "read_out", {"campaign": "m1"})
    assert words in " ".join(result.notes)
    assert n < 400 or "Personalising does not pay here" in " ".join(result.notes)
    json.dumps(result.model_dump(mode="json"), allow_nan=False)
