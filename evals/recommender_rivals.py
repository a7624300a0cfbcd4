"""The recommendation task on UCI Online Retail, its measures, and what a practitioner would use: popularity, item-kNN, EASE, iALS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import pandas as pd
from scipy import sparse

from campaignwright.models.recommender_items import ease, item_knn, matrix

DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Task:
    """`before`: everything bought up to the cut, to learn from. Of each customer of `customers`, who bought on at least one day before
    the last and the last is after the cut: `history`, products bought before the last day, `often`, on how many days, `target`, those
    of the last day, (customers, items) sparse, `unseen` (customers,) targets that nobody had bought before the cut. `past`, `last`:
    the same as lines."""

    before: pd.DataFrame
    past: pd.DataFrame
    last: pd.DataFrame
    customers: pd.Index
    items: pd.Index
    history: sparse.csr_matrix
    often: sparse.csr_matrix
    target: sparse.csr_matrix
    unseen: np.ndarray
    cut: pd.Timestamp


def task(lines: pd.DataFrame, cut: pd.Timestamp, until: pd.Timestamp) -> Task:
    """Leave-last-out by time: the last shopping day in (cut, until] of each customer."""
    lines = lines[lines["day"] <= until]
    known = lines[lines["known"]]
    days = known.groupby("customer_id")["day"]
    last, first = days.transform("max"), days.transform("min")
    asked = (last > cut) & (first < last)
    past, final = known[asked & (known["day"] < last)], known[asked & (known["day"] == last)]
    before = lines[lines["day"] <= cut]
    customers, items = pd.Index(sorted(final["customer_id"].unique())), pd.Index(sorted(before["product_id"].unique()))

    def cells(part: pd.DataFrame) -> sparse.csr_matrix:
        part = part[part["product_id"].isin(items)]
        place = (customers.get_indexer(part["customer_id"]), items.get_indexer(part["product_id"]))
        return sparse.csr_matrix((np.ones(len(part), np.float32), place), shape=(len(customers), len(items)))

    often = cells(past)
    history = often.copy()
    history.data[:] = 1.0
    missed = final[~final["product_id"].isin(items)].groupby("customer_id").size().reindex(customers).fillna(0).to_numpy(int)
    return Task(before, past, final, customers, items, history, often, cells(final), missed, cut)


def at_ten(scores: np.ndarray, wanted: np.ndarray, missed: np.ndarray | int = 0, k: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Recall@10 (found / min(10, targets)) and NDCG@10 (binary) of each customer, NaN for one without a target.

    `scores` (customers, items), -inf: may not be suggested; `wanted` likewise, boolean; `missed` (customers,) targets beside."""
    count = wanted.sum(axis=1) + missed
    top = np.argpartition(-scores, k, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    found = np.take_along_axis(wanted, np.take_along_axis(top, order, axis=1), axis=1)
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.cumsum(discount)[np.clip(count, 1, k) - 1]
    some = np.where(count > 0, 1.0, np.nan)
    return some * found.sum(axis=1) / np.clip(count, 1, k), some * (found * discount).sum(axis=1) / ideal


def judge(scores: np.ndarray, this: Task, repeats: bool) -> tuple[np.ndarray, np.ndarray]:
    """`at_ten` over all products. `repeats`: what was bought before may be suggested and counts; else neither. Targets that nobody
    had bought before the cut count as missed."""
    owned, wanted = this.history.toarray() > 0, this.target.toarray() > 0
    if not repeats:
        scores, wanted = np.where(owned, -np.inf, scores), wanted & ~owned
    return at_ten(scores, wanted, this.unseen)


def popular(this: Task, days: int) -> np.ndarray:
    """(items,) customers of the last `days` days before the cut."""
    late = this.before[this.before["day"] > this.cut - days * DAY]
    return np.asarray(matrix(late, this.items)[0].sum(axis=0)).ravel()


def own_first(this: Task) -> np.ndarray:
    """What the customer bought most often, then what is popular: hard to beat where repeats count."""
    crowd = popular(this, 30)
    return this.often.toarray() + 0.9 * crowd / max(crowd.max(), 1)


def settings(this: Task) -> list[tuple[str, str, Callable[[], np.ndarray]]]:
    """(rival, setting, its scores when called) of every setting tried. iALS is left out where `implicit` is not installed."""
    shape = (len(this.customers), 1)
    bought, _ = matrix(this.before, this.items)
    gram = (bought.T @ bought).toarray()
    found: list[tuple[str, str, Callable[[], np.ndarray]]] = [
        ("random", "", lambda: np.random.default_rng(0).random((len(this.customers), len(this.items))))]  # fmt: skip
    found += [("popularity", f"{days} days", lambda days=days: np.tile(popular(this, days), shape)) for days in (14, 30, 90)]
    found += [("item-kNN", f"shrinkage {by:g}", lambda by=by: this.history @ item_knn(gram, by)) for by in (0.0, 20.0)]
    found += [("EASE", f"lambda {by:g}", lambda by=by: this.history @ ease(gram, by)) for by in (100.0, 300.0, 1000.0)]
    if find_spec("implicit"):
        found += [("iALS", f"{factors} factors, weight {by:g}", lambda factors=factors, by=by: implicit_als(bought, this, factors, by))
                  for factors, by in ((32, 5.0), (64, 5.0), (128, 5.0), (64, 20.0))]  # fmt: skip
    return found


def implicit_als(bought: sparse.csr_matrix, this: Task, factors: int, weight: float, seed: int = 0) -> np.ndarray:
    """Scores of weighted matrix factorisation (Hu, Koren & Volinsky 2008) by the library `implicit`."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(factors=factors, regularization=1.0, alpha=weight, iterations=12, num_threads=1, random_state=seed)
    model.fit(bought, show_progress=False)
    return model.recalculate_user(np.arange(len(this.customers)), this.history) @ model.item_factors.T
