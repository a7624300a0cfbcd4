"""Behaviour: what a step holds, what a network may see, BG/NBD against its own simulation, the area of the suite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from campaignwright.evals.behaviour_rivals import bg_nbd, bg_nbd_fit
from campaignwright.evals.models_behaviour import auc
from campaignwright.market.workspace import Workspace
from campaignwright.models.behaviour import LONGEST, events, sequences
from campaignwright.models.behaviour_net import Network, Settings, train

START = pd.Timestamp("2026-01-01")


def steps(rows: list[tuple[str, int, str, str]]) -> pd.DataFrame:
    """Events of (customer, day, kind, product), five a purchase."""
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "kind", "product_id"])
    return frame.assign(day=START + pd.to_timedelta(frame["day"], unit="D"), money=np.where(frame["kind"] == "purchase", 5.0, 0.0))


def test_a_step_is_a_day_and_a_kind() -> None:
    data = sequences(steps([("b", 9, "purchase", "p1"), ("a", 3, "view", "p2"), ("a", 3, "purchase", "p1"), ("a", 3, "purchase", "p2"),
                            ("a", 20, "cart", "unknown")]), pd.Index(["p1", "p2"]), START)  # fmt: skip
    assert data.customers.tolist() == ["a", "b"] and data.start.tolist() == [0, 3, 4]
    assert data.day.tolist() == [3, 3, 20, 9] and data.kind.tolist() == [1, 0, 2, 0]
    assert data.items[data.first[1] : data.first[2]].tolist() == [0, 1] and data.first[2] == data.first[3]
    assert np.expm1(data.numbers[1][[1, 2, 3]]).round(3).tolist() == [2, 10, 1]


def test_only_the_latest_steps_are_kept_but_count() -> None:
    data = sequences(steps([("a", day, "purchase", "p1") for day in range(100)]), pd.Index(["p1"]), START)
    assert len(data.day) == LONGEST and data.day[-1] == 99 and round(float(np.expm1(data.numbers[-1, 3]))) == 100


def test_events_of_a_workspace(workspace: Workspace) -> None:
    with workspace.transaction():
        workspace.insert("orders", pd.DataFrame({"order_id": ["o"], "customer_id": ["a"], "ordered_at": [START], "status": ["paid"]}))
        workspace.insert("order_lines", pd.DataFrame({"order_id": ["o"], "line": [1], "product_id": ["p1"], "quantity": [2.0],
                                                      "unit_price": [3.0]}))  # fmt: skip
        workspace.insert("events", pd.DataFrame({"customer_id": ["a"] * 3, "happened_at": [START] * 3, "kind": ["view", "view", "search"],
                                                 "product_id": ["p1", "p1", None]}))  # fmt: skip
    assert events(workspace)[["kind", "product_id", "money"]].values.tolist() == [["purchase", "p1", 6.0], ["view", "p1", 0.0]]


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_a_state_does_not_see_what_comes_later(kind: str) -> None:
    rows = [("a", day, "purchase", f"p{day % 3}") for day in (1, 5, 9, 30)]
    catalogue = pd.Index(["p0", "p1", "p2"])
    long, short = sequences(steps(rows), catalogue, START), sequences(steps(rows[:2]), catalogue, START)
    torch.manual_seed(0)
    network = Network(3, Settings(kind=kind)).eval()
    one = np.array([0])
    with torch.no_grad():
        whole, cut = network(long, one, np.array([4]))[0], network(short, one, np.array([2]))[0]
    assert torch.allclose(whole[:2], cut, atol=1e-5)


@pytest.mark.parametrize("kind", ["transformer", "lstm"])
def test_learns_who_comes_back_and_for_what(kind: str) -> None:
    """Weekly buyers of p0 then p1 in turn come back; buyers of p2 bought once, long ago."""
    rows = [(f"w{i}", day, "purchase", f"p{(day // 7) % 2}") for i in range(80) for day in range(i % 7, 180, 7)]
    rows += [(f"once{i}", i % 90, "purchase", "p2") for i in range(80)]
    data = sequences(steps(rows), pd.Index(["p0", "p1", "p2"]), START)
    model = train(data, 180, Settings(kind=kind, width=16, layers=1, heads=2, epochs=12, batch=24, horizon=30, items_weight=0.3))
    everybody, upto = np.arange(len(data.customers)), np.diff(data.start)
    chance = model.chance(data, everybody, upto, 180)
    weekly = np.char.startswith(data.customers, "w")
    assert chance[weekly].mean() > 0.8 and chance[~weekly].mean() < 0.2
    if kind == "transformer":  # the LSTM is not asked for products
        best = model.scores(data, everybody[weekly], upto[weekly]).argmax(axis=1)
        assert (best == 1 - data.items[data.first[data.start[1:][weekly] - 1]]).mean() > 0.9
    assert model.vectors(data, everybody, upto).shape == (160, 16)


def test_bg_nbd_recovers_the_chances_of_its_own_world() -> None:
    """Rates Gamma(2, 8 weeks), dropout Beta(1, 3) after each purchase: the mean chance is right, and the fit has the rates' mean."""
    rng = np.random.default_rng(0)
    rows, again = [], []
    for rate, drop in zip(rng.gamma(2, 1 / 8, 4000), rng.beta(1, 3, 4000), strict=True):
        times, alive = [0.0], rng.random() >= 0
        while alive and times[-1] < 52 + 13:
            times.append(times[-1] + rng.exponential(1 / rate))
            alive = rng.random() >= drop
        seen = [time for time in times if time <= 52]
        rows.append((len(seen), 52 * 7.0, (52 - seen[-1]) * 7))
        again.append(any(52 < time <= 65 for time in times))
    frame = pd.DataFrame(rows, columns=["frequency", "tenure_days", "recency_days"])
    fitted = bg_nbd_fit(frame)
    chance = bg_nbd(frame, fitted, 13 * 7)
    assert fitted[0] / fitted[1] == pytest.approx(0.25, rel=0.2)
    assert chance.mean() == pytest.approx(np.mean(again), abs=0.02) and auc(np.array(again).astype(int), chance) > 0.8


@pytest.mark.slow
def test_area_on_a_part_of_the_shop(shared_data: Path) -> None:
    from campaignwright.evals.models_behaviour import run

    area = run(shared_data, limit=400)
    assert [row.better for row in area.rows] == ["higher", "lower"]
    assert {"Transformer", "LSTM", "BG/NBD", "LightGBM on RFM"} <= {rival.name for rival in area.rows[0].rivals}
    assert all(row.difference and row.difference.low < row.difference.high and row.verdict for row in area.rows)
