"""Item-item weights for the recommender: EASE, item-kNN, what is alike by name, and which of them finds the most later purchases.

EASE: Steck 2019, "Embarrassingly shallow autoencoders for sparse data". Names: cosine of TF-IDF (words; single characters and
pairs in Chinese). Arrays and frames only; no workspace is known here.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

NEIGHBOURS, ALIKE, LIKING = 100, 400, 0.3
LAMBDAS = (100.0, 300.0, 1000.0)
WORDS = r"[a-z]{2,}|[0-9]+|[\u4e00-\u9fff]"


def matrix(bought: pd.DataFrame, items: pd.Index) -> tuple[sparse.csr_matrix, np.ndarray]:
    """Binary customers x items (float32) and the customer of each row."""
    kept = bought[bought["product_id"].isin(items)].drop_duplicates(["customer_id", "product_id"])
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
    weights = gram / np.maximum(np.sqrt(np.outer(count, count)) + shrinkage, 1e-9)
    np.fill_diagonal(weights, 0.0)
    return weights


def strongest(weights: np.ndarray, k: int = NEIGHBOURS) -> sparse.csr_matrix:
    """Each row's k largest weights by size; the rest is zero."""
    k = min(k, weights.shape[1])
    columns = np.sort(np.argpartition(-np.abs(weights), k - 1, axis=1)[:, :k], axis=1)
    rows = np.repeat(np.arange(len(weights)), k)
    values = np.take_along_axis(weights, columns, axis=1).ravel().astype(np.float32)
    return sparse.csr_matrix((values, (rows, columns.ravel())), shape=weights.shape)


def alike(texts: pd.Series, others: pd.Series, k: int = ALIKE) -> sparse.csr_matrix:
    """(texts, others) shares: of each of `others`, the k of `texts` nearest by words, summing to 1 (0 where no word is shared)."""
    nothing = sparse.csr_matrix((len(texts), len(others)), dtype=np.float32)
    if others.empty:
        return nothing
    try:
        vectors = TfidfVectorizer(token_pattern=WORDS, ngram_range=(1, 2), sublinear_tf=True).fit(texts)
    except ValueError:  # not a word in any of them
        return nothing
    near = strongest((vectors.transform(others) @ vectors.transform(texts).T).toarray(), k)
    total = np.asarray(near.sum(axis=1)).ravel()
    return (sparse.diags(1 / np.where(total > 0, total, 1)) @ near).T.tocsr().astype(np.float32)


def with_others(weights: sparse.csr_matrix, texts: pd.Series, others: pd.Series, sold: np.ndarray, new: np.ndarray) -> sparse.csr_matrix:
    """Weights (items + others, items + others) from those of the items; `texts` (items,) and `others`: their words. A product with
    too few buyers leads to what products alike by name lead to, and is suggested, if `new` (others,), to buyers of whatever was
    `sold` (others,) and is alike by name (`LIKING`): on Online Retail that finds more of them than borrowed weights do."""
    if others.empty:
        return weights
    of = strongest((alike(texts, others).T @ weights).toarray())
    place = np.append(np.arange(len(texts)), len(texts) + np.flatnonzero(sold))
    near = alike(pd.concat([texts, others[sold]]), others, k=len(place)).tocoo()
    kept = (place[near.row] != len(texts) + near.col) & new[near.col]  # nothing leads to itself
    cells = (LIKING * near.data[kept], (place[near.row[kept]], near.col[kept]))
    to = sparse.csr_matrix(cells, shape=(weights.shape[0] + len(others), len(others)))
    whole = sparse.csr_matrix(sparse.hstack([sparse.vstack([weights, of]), to], format="csr", dtype=np.float32))
    whole.eliminate_zeros()
    whole.sort_indices()
    return whole


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
        found[name] = hits(np.asarray((history @ strongest(weights.T).T).todense()), history, later)
    first = np.arange(history.shape[0]) % 2 == 0
    best = max(found, key=lambda name: found[name][first].mean())
    metrics = {f"hit10_{name}": float(hit[~first].mean()) for name, hit in found.items()}
    gain = found[best][~first] - found["popularity"][~first]
    return best, metrics | {
        "hit10": metrics[f"hit10_{best}"], "hit10_gain_over_popularity": float(gain.mean()),
        "hit10_gain_se": float(gain.std() / np.sqrt(len(gain))), "validation_customers": float((~first).sum()), "method": best}
