"""The recommendation task of the suite: what is hidden, what counts, what is never suggested."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaignwright.evals.recommender_rivals import at_ten, judge, task

DAYS = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(100), unit="D")


def lines(rows: list[tuple[str, int, str]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "day", "product_id"])
    return frame.assign(day=DAYS[frame["day"]], known=~frame["customer_id"].str.startswith("order"), name=frame["product_id"])


def test_the_last_day_after_the_cut_is_hidden() -> None:
    this = task(lines([("a", 1, "p1"), ("a", 60, "p2"), ("a", 80, "p1"), ("a", 80, "p3"), ("a", 80, "new"), ("b", 2, "p3"), ("b", 70, "p2"),
                       ("once", 75, "p1"), ("early", 1, "p1"), ("early", 5, "p2"), ("order 9", 3, "p2")]), DAYS[50], DAYS[99])  # fmt: skip
    assert this.customers.tolist() == ["a", "b"] and this.items.tolist() == ["p1", "p2", "p3"]
    assert this.history.toarray().tolist() == [[1, 1, 0], [0, 0, 1]]
    assert this.target.toarray().tolist() == [[1, 0, 1], [0, 1, 0]] and this.unseen.tolist() == [1, 0]
    assert this.before["day"].max() <= DAYS[50] and "order 9" in set(this.before["customer_id"])


def test_recall_and_ndcg_by_hand() -> None:
    scores = np.array([np.arange(12, 0, -1.0)])
    wanted = np.zeros((1, 12), bool)
    wanted[0, [1, 11]] = True
    recall, ndcg = at_ten(scores, wanted)
    assert recall[0] == 0.5 and ndcg[0] == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))
    assert at_ten(scores, wanted, np.array([2]))[0][0] == 0.25
    assert np.isnan(at_ten(scores, np.zeros((1, 12), bool))[0][0])


def test_owned_products_count_only_where_repeats_do() -> None:
    rows = [("a", 1, "p00"), ("a", 80, "p00"), ("a", 80, "p05")] + [("b", 2, f"p{i:02d}") for i in range(12)]
    this = task(lines(rows), DAYS[50], DAYS[99])
    scores = np.array([np.arange(12, 0, -1.0)])
    assert judge(scores, this, repeats=True)[0].tolist() == [1.0]
    assert judge(np.where(np.arange(12) == 5, -1.0, scores), this, repeats=False)[0].tolist() == [0.0]
    assert judge(scores, this, repeats=False)[0].tolist() == [1.0]


@pytest.mark.slow
def test_area_on_a_part_of_the_shop(shared_data: Path) -> None:
    from campaignwright.evals.models_recommender import run

    area = run(shared_data, limit=300)
    first = area.rows[0]
    assert {"EASE", "item-kNN", "popularity", "Transformer"} <= {rival.name for rival in first.rivals}
    assert all(0 <= row.ours.value <= 1 and row.difference for row in area.rows)
