"""What to offer next: EASE, item-kNN or popularity, whichever finds the most later purchases on this shop's own data.

Histories are cut at a date; what a customer first buys after it is to be found among ten suggestions. Half of the customers
choose the method, the other half report its score. Of what was bought together only each product's strongest neighbours are kept,
so the model stays small. A new product that nobody or hardly anybody has bought yet is placed by its name, category and brand: it is
suggested to buyers of whatever is alike. Suggested is what a customer has not bought yet; not covered: what will be bought again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy import sparse

from campaignwright.market.workspace import Workspace
from campaignwright.models.merchandise import service_lines
from campaignwright.models.recommender_items import ease, item_knn, matrix, strongest, validate, with_others
from campaignwright.models.store import MissingTable

MAX_ITEMS, MAX_OTHERS, MIN_BUYERS, NEW_DAYS = 4000, 3000, 5, 90

BOUGHT = """
SELECT coalesce(o.customer_id, 'order ' || o.order_id) AS customer_id, l.product_id, min(CAST(o.ordered_at AS DATE)) AS day
FROM orders o JOIN order_lines l USING (order_id)
WHERE l.quantity > 0 AND l.unit_price > 0 AND l.product_id IS NOT NULL AND coalesce(o.status, 'paid') = 'paid'
GROUP BY 1, 2 ORDER BY 1, 2"""

CATALOGUE = """
SELECT product_id, name, concat_ws(' ', name, category, brand) AS words FROM products
ORDER BY created_on DESC NULLS LAST, product_id"""


class Recommender:
    """`items` product ids, first those with enough buyers, then the others; `names` beside them, `weights` and `together`
    (customers who bought both; 0 where a name stands in), sparse (items, items); `popular` (items,) buyers in the last 90 days,
    `buyers` (items,) ever."""

    NAME: ClassVar[str] = "recommender"
    TABLES: ClassVar[tuple[str, ...]] = ("orders", "order_lines")
    READS: ClassVar[tuple[str, ...]] = ("order_lines", "orders", "products")
    SPLIT: ClassVar[str] = "by time: fitted on the first four fifths, scored on new purchases of the last fifth"
    VERSION: ClassVar[int] = 4

    def __init__(self, items: pd.Index, names: np.ndarray, weights: sparse.csr_matrix, together: sparse.csr_matrix,
                 popular: np.ndarray, buyers: np.ndarray, metrics: dict, rows: int) -> None:
        self.items, self.names, self.weights, self.together = items, names, weights, together
        self.popular, self.buyers, self.metrics, self.rows = popular, buyers, metrics, rows

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> Self:
        """Raises MissingTable when no order line names a product."""
        bought = workspace.query(BOUGHT)
        bought["day"] = pd.to_datetime(bought["day"])
        catalogue, service = workspace.query(CATALOGUE).set_index("product_id"), service_lines(workspace)
        bought, catalogue = bought[~bought["product_id"].isin(service)], catalogue[~catalogue.index.isin(service)]
        if bought.empty:
            raise MissingTable(cls.NAME, "order_lines", "No order line names a product that was bought.")
        return cls.learn(bought, catalogue, seed=seed)

    @classmethod
    def learn(cls, bought: pd.DataFrame, catalogue: pd.DataFrame, *, seed: int = 0) -> Self:
        """From `bought` (customer_id, product_id, day: a row each) and `catalogue` (index product_id; name, and words to compare)."""
        counts = bought.groupby("product_id")["customer_id"].nunique()
        often = counts[counts >= min(MIN_BUYERS, counts.max())]
        items = pd.Index(sorted(often.sort_values(ascending=False, kind="stable").index[:MAX_ITEMS]))
        others = catalogue.index.difference(items, sort=False)[:MAX_OTHERS]
        method, metrics = validate(bought, items, seed)
        everything, _ = matrix(bought, items)
        gram = (everything.T @ everything).toarray()
        full = ease(gram, float(method.split("_")[1])) if method.startswith("ease") else item_knn(gram)
        kept = strongest(full.T).T.tocsr()
        words = catalogue["words"].fillna("").str.lower()
        first = bought.groupby("product_id")["day"].min().reindex(others)
        new = (first.isna() | (first > bought["day"].max() - pd.Timedelta(days=NEW_DAYS))).to_numpy()
        weights = with_others(kept, words.reindex(items).fillna(""), words.reindex(others), first.notna().to_numpy(), new)
        row, column = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr)), weights.indices
        pattern, sold = weights.copy(), (row < len(items)) & (column < len(items))
        pattern.data[:] = 0.0
        pattern.data[sold] = gram[row[sold], column[sold]]
        items = items.append(others)
        lately = bought[bought["day"] > bought["day"].max() - pd.Timedelta(days=90)]
        popular = lately.groupby("product_id")["customer_id"].size().reindex(items).fillna(0).to_numpy(dtype=np.float32)
        names = catalogue["name"].reindex(items).fillna(pd.Series(items, index=items)).to_numpy(dtype=str)
        buyers = counts.reindex(items).fillna(0).to_numpy(dtype=np.float32)
        return cls(items, names, weights, pattern, popular, buyers, metrics, len(bought))

    def scores(self, history: sparse.csr_matrix) -> np.ndarray:
        """(customers, items) scores from binary `history` (customers, items): the higher, the likelier to be bought next."""
        if self.metrics.get("method", "popularity") == "popularity":
            return np.tile(self.popular, (history.shape[0], 1))
        return np.asarray((history @ self.weights).todense())

    def for_products(self, product_ids: list[str], k: int = 5) -> list[dict[str, Any]]:
        """The k products that go best with any of a set and are none of it, each {product_id, name, score, buyers, because,
        because_name, together}. `together` 0: judged by names. Products like no other give the popular ones."""
        rows = [int(self.items.get_loc(product_id)) for product_id in product_ids if product_id in self.items]
        if not rows:
            return self._ranked(self.popular, k, {}, exclude=set())
        scores = np.asarray(self.weights[rows].sum(axis=0)).ravel()
        scores = np.where(scores > 0, scores, 1e-9 * self.popular / max(self.popular.max(), 1))
        return self._ranked(scores, k, dict.fromkeys(rows, 1.0), exclude=set(rows))

    def for_members(self, workspace: Workspace, members: list[str], k: int = 5, *, only: set[str] | None = None,
                    most: int = 3000) -> list[dict[str, Any]]:
        """The k products (out of `only`) the members are likeliest to buy next, as above. At most `most` members, evenly drawn,
        are scored; who never bought counts as average, so with no purchase at all the answer is what is popular."""
        exclude = set() if only is None else {i for i, item in enumerate(self.items) if item not in only}
        step = max(1, len(members) // most)
        sample = pd.DataFrame({"customer_id": list(members)[::step]})
        bought = workspace.query(BOUGHT)
        bought = bought[bought["customer_id"].isin(sample["customer_id"])]
        history, _ = matrix(bought, self.items)
        if not history.shape[0] or self.metrics.get("method", "popularity") == "popularity":
            return self._ranked(self.popular, k, {}, exclude=exclude)
        scores = np.zeros(len(self.items))
        for start in range(0, history.shape[0], 500):
            part = history[start:start + 500]
            scores += np.where(part.toarray() > 0, 0.0, self.scores(part)).sum(axis=0)
        owned = np.asarray(history.mean(axis=0)).ravel()
        return self._ranked(scores / history.shape[0], k, {int(i): float(owned[i]) for i in np.flatnonzero(owned)}, exclude=exclude)

    def _ranked(self, scores: np.ndarray, k: int, owned: dict[int, float], exclude: set[int]) -> list[dict[str, Any]]:
        answer = []
        weight = np.zeros(len(self.items))
        weight[list(owned)] = list(owned.values())
        columns = self.weights.tocsc()
        for item in np.argsort(-scores, kind="stable"):
            if len(answer) == k or scores[item] <= 0:
                break
            if item in exclude:
                continue
            column = columns[:, [item]].tocoo()
            drive = column.data * weight[column.row]
            row = {"product_id": str(self.items[item]), "name": str(self.names[item]), "score": float(scores[item]),
                   "buyers": int(self.buyers[item]), "because": None, "because_name": None, "together": None}
            if len(drive) and drive.max() > 0:
                cause = int(column.row[drive.argmax()])
                row |= {"because": str(self.items[cause]), "because_name": str(self.names[cause]),
                        "together": int(self.together[cause, item])}
            answer.append(row)
        return answer

    def save(self, folder: Path) -> None:
        """`recommender.npz`."""
        np.savez_compressed(
            folder / "recommender.npz", items=self.items.to_numpy(dtype=str), names=self.names, popular=self.popular,
            buyers=self.buyers, data=self.weights.data, together=self.together.data.astype(np.int32),
            indices=self.weights.indices, indptr=self.weights.indptr, method=np.array(self.metrics.get("method", "popularity")))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote; the store adds metrics and rows."""
        with np.load(folder / "recommender.npz", allow_pickle=False) as file:
            n = len(file["items"])
            weights, together = (sparse.csr_matrix((file[name], file["indices"], file["indptr"]), shape=(n, n))
                                 for name in ("data", "together"))
            return cls(pd.Index(file["items"].astype(object)), file["names"], weights, together, file["popular"],
                       file["buyers"], {"method": str(file["method"])}, 0)
