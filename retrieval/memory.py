"""Campaign memory: hybrid search over past campaigns, kept on disk in the workspace's `index/`.

TF-IDF -> truncated SVD (dense, FAISS flat inner product) and BM25, fused by reciprocal rank (Cormack, Clarke and
Buettcher 2009,
score = sum of 1 / (60 + rank)). An index is a folder named by the data hash, so a new import makes a new one; files
carry
checksums, a damaged one is rebuilt with a note. No pickle.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import bm25s
import faiss
import numpy as np
import pandas as pd
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from campaignwright.market.words import Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.retrieval.documents import METRICS, documents, query_terms, tokens
from campaignwright.retrieval.likeness import agreement, plain

VERSION = 1
DIMENSIONS = 96
RRF = 60


@dataclass(frozen=True)
class Hit:
    """A past campaign found. score: fused rank score, or similarity 0-1 for `nearest`. results: totals and ratios,
    None where unknown."""

    campaign_id: str
    score: float
    text: str
    results: dict[str, Any] = field(default_factory=dict)
    name: str = ""


class CampaignMemory:
    """The index over one workspace's campaigns; `open` it. `notes` says when it had to be rebuilt after damage."""

    def __init__(
        self,
        table: pd.DataFrame,
        index: faiss.Index,
        bm25: bm25s.BM25,
        vocabulary: dict[str, int],
        idf: np.ndarray,
        components: np.ndarray,
    ) -> None:
        self.table, self.index, self.bm25 = table, index, bm25
        self.vocabulary, self.idf, self.components = vocabulary, idf, components
        self.notes: list[str] = []

    def __len__(self) -> int:
        return len(self.table)

    @classmethod
    def open(cls, workspace: Workspace) -> Self:
        """The memory of the workspace's present data, built when absent, outdated or damaged."""
        folder = _folder(workspace)
        if folder.is_dir():
            try:
                return cls._load(folder)
            except Exception as error:  # a damaged index is never worth more than rebuilding it
                bad = folder.with_name(f".bad-{os.getpid()}-{folder.name}")
                shutil.rmtree(bad, ignore_errors=True)
                os.replace(folder, bad)
                shutil.rmtree(bad, ignore_errors=True)
                memory = cls._make(workspace, folder)
                memory.notes.append(f"The search index could not be read ({type(error).__name__}) and was rebuilt.")
                return memory
        return cls._make(workspace, folder)

    @classmethod
    def _make(cls, workspace: Workspace, folder: Path) -> Self:
        memory = cls.build(documents(workspace))
        memory._store(folder)
        return memory

    @classmethod
    def build(cls, table: pd.DataFrame) -> Self:
        """Fit on documents (columns as `documents.COLUMNS`), zero or more of them."""
        texts = table["text"].tolist()
        words = [tokens(text) for text in texts] or [["empty"]]
        vectoriser = TfidfVectorizer(analyzer=_given, sublinear_tf=True, dtype=np.float32)
        matrix = vectoriser.fit_transform(words)
        components = _components(matrix)
        vocabulary = {word: int(place) for word, place in vectoriser.vocabulary_.items()}
        bm25 = bm25s.BM25()
        bm25.index(words, show_progress=False)
        index = faiss.IndexFlatIP(components.shape[0])
        if texts:
            index.add(_unit(matrix @ components.T))
        return cls(
            table.reset_index(drop=True), index, bm25, vocabulary, vectoriser.idf_.astype(np.float32), components
        )

    def _store(self, folder: Path) -> None:
        """Write all files to a temporary folder beside, then rename it into place; older indexes go."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
        try:
            faiss.write_index(self.index, str(temporary / "campaigns.faiss"))
            self.table.to_parquet(temporary / "campaigns.parquet")
            np.savez(temporary / "model.npz", idf=self.idf, components=self.components)
            (temporary / "vocabulary.json").write_text(json.dumps(self.vocabulary, ensure_ascii=False), "utf-8")
            self.bm25.save(str(temporary / "bm25"), allow_pickle=False, show_progress=False)
            sums = {
                str(path.relative_to(temporary)): _sha(path) for path in sorted(temporary.rglob("*")) if path.is_file()
            }
            (temporary / "manifest.json").write_text(
                json.dumps({"version": VERSION, "rows": len(self), "sha256": sums}, indent=1)
            )
            try:
                os.replace(temporary, folder)
            except OSError:  # another process put the same index there first
                if not folder.is_dir():
                    raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        for other in folder.parent.iterdir():
            if other != folder and other.is_dir() and not other.name.startswith(".building-"):
                shutil.rmtree(other, ignore_errors=True)

    @classmethod
    def _load(cls, folder: Path) -> Self:
        """Read a stored index. Raises ValueError when a checksum differs, OSError when a file is missing."""
        manifest = json.loads((folder / "manifest.json").read_text())
        for name, digest in manifest["sha256"].items():
            if _sha(folder / name) != digest:
                raise ValueError(f"checksum of {name}")
        model = np.load(folder / "model.npz", allow_pickle=False)
        return cls(
            pd.read_parquet(folder / "campaigns.parquet"),
            faiss.read_index(str(folder / "campaigns.faiss")),
            bm25s.BM25.load(str(folder / "bm25"), allow_pickle=False, show_progress=False),
            json.loads((folder / "vocabulary.json").read_text("utf-8")),
            model["idf"],
            model["components"],
        )

    def embed(self, text: str) -> np.ndarray:
        """Unit vector of a text, shape (dimensions,), float32; zeros when it shares no word with any campaign."""
        counts = Counter(self.vocabulary[word] for word in query_terms(text, self.vocabulary))
        places = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
        weights = (1 + np.log(np.fromiter(counts.values(), dtype=np.float32, count=len(counts)))) * self.idf[places]
        return _unit((self.components[:, places] @ weights)[None, :])[0]

    def mask(
        self, *, channel: str | None = None, product: str | list[str] | None = None, season: str | None = None
    ) -> np.ndarray:
        """Rows that pass the filters, shape (campaigns,), bool. product: a category, a product id, or ids."""
        keep = np.ones(len(self), dtype=bool)
        if channel:
            keep &= np.array([channel in channels for channels in self.table["channels"]], dtype=bool)
        if season:
            keep &= (self.table["season"] == season).to_numpy()
        if product:
            wanted = {product} if isinstance(product, str) else set(product)
            about = [_about(set(ids), wanted) for ids in self.table["products"]]
            keep &= np.array(about, dtype=bool) | self.table["category"].isin(wanted).to_numpy()
        return keep

    def search(
        self,
        query: str,
        k: int = 5,
        channel: str | None = None,
        product: str | list[str] | None = None,
        season: str | None = None,
    ) -> list[Hit]:
        """The `k` best past campaigns for a query in English or Chinese; a query without known words gives the
        latest."""
        keep = self.mask(channel=channel, product=product, season=season)
        rows = np.flatnonzero(keep)
        if not len(rows) or k < 1:
            return []
        words = query_terms(query, self.vocabulary)
        if not words:
            return [self.hit(row, 0.0) for row in rows[::-1][:k]]
        depth = min(len(rows), max(50, 4 * k))
        chosen = faiss.SearchParameters(sel=faiss.IDSelectorBatch(rows))
        similarity, dense = self.index.search(self.embed(query)[None, :], depth, params=chosen)
        lexical = self.bm25.get_scores(words)
        sparse = rows[np.argsort(-lexical[rows], kind="stable")][:depth]
        fused: Counter[int] = Counter()
        for rank, (row, score) in enumerate(zip(dense[0], similarity[0], strict=True)):
            if row >= 0 and score > 0:
                fused[int(row)] += 1 / (RRF + rank + 1)
        for rank, row in enumerate(sparse):
            if lexical[row] > 0:
                fused[int(row)] += 1 / (RRF + rank + 1)
        best = sorted(fused, key=lambda row: (-fused[row], -row)) or list(rows[::-1])
        return [self.hit(row, fused[row]) for row in best[:k]]

    def nearest(self, strategy: Strategy, k: int = 1) -> list[Hit]:
        """The `k` past campaigns most like a strategy, by the mean agreement of the controls both sides know (0-1)."""
        if not len(self):
            return []
        scores = np.array([agreement(strategy, row) for row in self.table.to_dict("records")])
        return [self.hit(row, float(scores[row])) for row in np.argsort(-scores, kind="stable")[:k]]

    def hit(self, row: int, score: float) -> Hit:
        """The campaign in a row of the table, as a Hit."""
        record = self.table.iloc[int(row)]
        shown = {
            name: plain(record[name])
            for name in (
                *METRICS,
                "roas",
                "ctr",
                "cvr",
                "discount",
                "budget",
                "days",
                "audience",
                "offer",
                "category",
                "season",
                "objective",
                "angle",
            )
        }
        start = record["start"]
        shown |= {
            "channels": [str(channel) for channel in record["channels"]],
            "start": None if pd.isna(start) else pd.Timestamp(start).date().isoformat(),
        }
        return Hit(str(record["campaign_id"]), float(score), str(record["text"]), shown, str(record["name"]))


def _folder(workspace: Workspace) -> Path:
    return workspace.path / "index" / f"campaigns-{workspace.data_hash()}-v{VERSION}"


def _given(words: list[str]) -> list[str]:
    return words


def _sha(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _unit(rows: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1 (zero rows stay zero), float32, contiguous."""
    rows = np.asarray(rows, dtype=np.float32)
    return np.ascontiguousarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12))


def _components(matrix: Any) -> np.ndarray:
    """Right singular vectors of a sparse (documents, words) matrix, shape (dimensions, words), float32."""
    if min(matrix.shape) <= DIMENSIONS + 1:
        return np.linalg.svd(matrix.toarray(), full_matrices=False)[2][:DIMENSIONS].astype(np.float32)
    return TruncatedSVD(DIMENSIONS, random_state=0).fit(matrix).components_.astype(np.float32)


def _about(products: set[str], wanted: set[str]) -> bool:
    """Whether a campaign is about the wanted products: it has the one wanted, or half of its own are wanted."""
    common = len(products & wanted)
    return common > 0 and (len(wanted) == 1 or common >= len(products) / 2)
