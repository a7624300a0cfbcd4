"""What to offer next: EASE, item-kNN or popularity, whichever finds the most later purchases on this shop's own data.

Histories are cut at a date; what a customer first buys after it is to be found among ten suggestions. Half of the customers
choose the method, the other half report its score. EASE: Steck 2019, "Embarrassingly shallow autoencoders for sparse data".
Only the strongest neighbours of each product are kept, so the model stays small. Not covered: products nobody has bought yet.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from scipy import sparse

from campaignwright.market.workspace import Workspace
from campaignwright.models.merchandise import service_lines
from campaignwright.models.store import MissingTable

MAX_ITEMS, MIN_BUYERS, NEIGHBOURS = 1500, 5, 100
LAMBDAS = (200.0, 500.0)

BOUGHT = """
SELECT coalesce(o.customer_id, 'order ' || o.order_id) AS customer_id, l.product_id, min(CAST(o.ordered_at AS DATE)) AS day
FROM orders o JOIN order_lines l USING (order_id)
WHERE l.quantity > 0 AND l.unit_price > 0 AND l.product_id IS NOT NULL AND coalesce(o.status, 'paid') = 'paid'
GROUP BY 1, 2 ORDER BY 1, 2"""


def matrix(bought: pd.DataFrame, items: pd.Index) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Binary customers x items (float32) and the customer of each row."""
    kept = bought[bought["product_id"].isin(items)]
    code, customers = pd.factorize(kept["customer_id"], sort=True)
    cells = (np.ones(len(kept), dtype=np.float32), (code, items.get_indexer(kept["product_id"])))
    return sparse.csr_matrix(cells, shape=(len(customers), len(items))), np.asarray(customers)


def ease(gram: np.ndarray, strength: float) -> np.ndarray:
    """Item-item weights with a zero diagonal from the co-purchase counts `gram` (items, items)."""
    inverse = np.linalg.inv(gram + strength * np.eye(len(gram), dtype=gram.dtype))
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def item_knn(gram: np.ndarray, shrinkage: float = 20.0) -> np.ndarray:
    """Cosine similarity of items, shrunk where few customers bought both; zero diagonal."""
    count = np.diag(gram)
    weights = gram / (np.sqrt(np.outer(count, count)) + shrinkage)
    np.fill_diagonal(weights, 0.0)
    return weights


def strongest(weights: np.ndarray, k: int = NEIGHBOURS) -> sparse.csr_matrix:
    """Each row's k largest weights by size; the rest is zero."""
    k = min(k, weights.shape[1])
    columns = np.sort(np.argpartition(-np.abs(weights), k - 1, axis=1)[:, :k], axis=1)
    rows = np.repeat(np.arange(len(weights)), k)
    values = np.take_along_axis(weights, columns, axis=1).ravel().astype(np.float32)
    return sparse.csr_matrix((values, (rows, columns.ravel())), shape=weights.shape)


def hits(scores: np.ndarray, history: sparse.csr_matrix, later: sparse.csr_matrix, k: int = 10) -> np.ndarray:
    """(customers,) 1 where one of the k best items not in the history is bought later."""
    scores = np.where(history.toarray() > 0, -np.inf, scores)
    best = np.argpartition(-scores, min(k, scores.shape[1] - 1), axis=1)[:, :k]
    return (np.take_along_axis(later.toarray(), best, axis=1).sum(axis=1) > 0).astype(float)


def validate(bought: pd.DataFrame, items: pd.Index, seed: int) -> tuple[str, dict[str, float]]:
    """(best method, metrics): hit@10 of every method on customers who bought something new in the last fifth of the time."""
    cut = bought["day"].quantile(0.8)
    before, after = bought[bought["day"] <= cut], bought[bought["day"] > cut]
    known, customers = matrix(before, items)
    later, buyers = matrix(after, items)
    shared, rows, targets = np.intersect1d(customers, buyers, return_indices=True)
    chosen = np.random.default_rng(seed).permutation(len(shared))[:4000]
    history, later = known[rows[chosen]], later[targets[chosen]]
    if history.shape[0] < 100:
        return "popularity", {"validation_customers": float(history.shape[0])}
    gram = (known.T @ known).toarray()
    popularity = matrix(before[before["day"] > before["day"].max() - pd.Timedelta(days=90)], items)[0].sum(axis=0)
    found = {"popularity": hits(np.repeat(np.asarray(popularity), history.shape[0], axis=0), history, later)}
    for name, weights in [("knn", item_knn(gram)), *((f"ease_{strength:g}", ease(gram, strength)) for strength in LAMBDAS)]:
        found[name] = hits(np.asarray((history @ strongest(weights)).todense()), history, later)
    first = np.arange(history.shape[0]) % 2 == 0
    best = max(found, key=lambda name: found[name][first].mean())
    metrics = {f"hit10_{name}": float(hit[~first].mean()) for name, hit in found.items()}
    gain = found[best][~first] - found["popularity"][~first]
    return best, metrics | {
        "hit10": metrics[f"hit10_{best}"], "hit10_gain_over_popularity": float(gain.mean()),
        "hit10_gain_se": float(gain.std() / np.sqrt(len(gain))), "validation_customers": float((~first).sum()), "method": best}


class Recommender:
    """`items` product ids, `names` beside them, `weights` and `together` (customers who bought both), sparse (items, items);
    `popular` (items,) buyers in the last 90 days, `buyers` (items,) ever."""

    NAME: ClassVar[str] = "recommender"
    TABLES: ClassVar[tuple[str, ...]] = ("orders", "order_lines")
    VERSION: ClassVar[int] = 1

    def __init__(self, items: pd.Index, names: np.ndarray, weights: sparse.csr_matrix, together: sparse.csr_matrix,
                 popular: np.ndarray, buyers: np.ndarray, metrics: dict, rows: int) -> None:
        self.items, self.names, self.weights, self.together = items, names, weights, together
        self.popular, self.buyers, self.metrics, self.rows = popular, buyers, metrics, rows

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> Self:
        """Raises MissingTable when no order line names a product."""
        bought = workspace.query(BOUGHT)
        bought["day"] = pd.to_datetime(bought["day"])
        bought = bought[~bought["product_id"].isin(service_lines(workspace))]
        counts = bought.groupby("product_id")["customer_id"].size()
        counts = counts[counts >= min(MIN_BUYERS, counts.max() if len(counts) else 1)]
        items = pd.Index(sorted(counts.sort_values(ascending=False, kind="stable").index[:MAX_ITEMS]))
        if items.empty:
            raise MissingTable(cls.NAME, "order_lines", "No order line names a product that was bought.")
        method, metrics = validate(bought, items, seed)
        everything, _ = matrix(bought, items)
        gram = (everything.T @ everything).toarray()
        weights = ease(gram, float(method.split("_")[1])) if method.startswith("ease") else item_knn(gram)
        kept = strongest(weights)
        pattern = kept.copy()
        pattern.data[:] = gram[np.repeat(np.arange(len(items)), np.diff(kept.indptr)), kept.indices]
        lately = bought[bought["day"] > bought["day"].max() - pd.Timedelta(days=90)]
        popular = lately.groupby("product_id")["customer_id"].size().reindex(items).fillna(0).to_numpy(dtype=np.float32)
        names = workspace.query("SELECT product_id, name FROM products").set_index("product_id")["name"].reindex(items)
        names = names.fillna(pd.Series(items, index=items)).to_numpy(dtype=str)
        return cls(items, names, kept, pattern, popular, np.diag(gram).copy(), metrics, len(bought))

    def for_product(self, product_id: str, k: int = 5) -> list[dict[str, Any]]:
        """The k products that go best with one, each {product_id, name, score, buyers, because, because_name, together}. A
        product too rare to have neighbours gives the popular ones. Never the product itself."""
        return self.for_products([product_id] if product_id in self.items else [], k)

    def for_products(self, product_ids: list[str], k: int = 5) -> list[dict[str, Any]]:
        """The same for a set of products, such as a category: what goes with any of them and is none of them."""
        rows = [int(self.items.get_loc(product_id)) for product_id in product_ids]
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
            own = np.asarray((part @ self.weights).todense())
            scores += np.where(part.toarray() > 0, 0.0, own).sum(axis=0)
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
