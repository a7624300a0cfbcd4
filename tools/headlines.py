"""A general scorer of English headlines: which of two is likelier to be clicked, learnt from real headline tests.

Bradley-Terry (1952): P(a beats b) = 1 / (1 + exp(score(b) - score(a))), a linear score of hashed words, hashed character
pieces and countable traits (`headline_traits`). Weights and card are `data/headlines.*`; `campaignwright.finetune.headlines`
makes them. It knows headlines of a news site, no shop, no facts and no other language.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

from campaignwright.tools.headline_traits import QUOTES, TRAITS, traits

NAME = "headlines"  # of the two files
WORDS, PIECES = 2**15, 2**17  # buckets of the hashes of words and of character pieces: no word of the data set is kept
BUCKETS = WORDS + PIECES


class BrokenScorer(ValueError):
    """The scorer's files are absent or not what this version makes; the message is one line with the remedy."""


@dataclass(frozen=True)
class Headlines:
    """`idf` and `weights`: (BUCKETS,) of the hashed pieces; `traits`: (len(TRAITS),); `card`: how it was made, how good."""

    idf: np.ndarray
    weights: np.ndarray
    traits: np.ndarray
    card: dict[str, Any] = field(default_factory=dict)

    def score(self, texts: Sequence[str]) -> np.ndarray:
        """Log-odds, (len(texts),); only differences mean something."""
        return weighted(counts(texts), self.idf) @ self.weights + traits(texts) @ self.traits

    def strength(self, texts: Sequence[str]) -> np.ndarray:
        """0-1, (len(texts),): P(beats a middling headline of the tests it was learnt from)."""
        return 1 / (1 + np.exp(float(self.card.get("middle", 0.0)) - self.score(texts)))


@cache
def _hashes() -> tuple[HashingVectorizer, HashingVectorizer]:
    """Of single words and marks; of 2-5 characters within a word. Lower case."""
    return (HashingVectorizer(n_features=WORDS, alternate_sign=False, norm=None, token_pattern=r"[\w']+|[.?!,:]"),
            HashingVectorizer(n_features=PIECES, alternate_sign=False, norm=None, analyzer="char_wb", ngram_range=(2, 5)))  # fmt: skip


def counts(texts: Sequence[str]) -> csr_matrix:
    """(len(texts), BUCKETS): 1 + log of how often each hashed word (first WORDS columns) and character piece occurs."""
    plain = [text.translate(QUOTES) for text in texts]
    found = csr_matrix(hstack([one.transform(plain) for one in _hashes()]))
    found.data = 1 + np.log(found.data)
    return found


def weighted(found: csr_matrix, idf: np.ndarray) -> csr_matrix:
    """Counts by their inverse document frequency; the words of a row have length 1, and so have its pieces."""
    rows = found.multiply(idf[None, :]).tocsr()
    return csr_matrix(hstack([normalize(rows[:, :WORDS]), normalize(rows[:, WORDS:])]))


@cache
def shipped() -> Headlines:
    """The scorer that ships with the package. Raises BrokenScorer."""
    return load(Path(str(resources.files("campaignwright.tools").joinpath("data"))))


def load(folder: Path) -> Headlines:
    """The scorer whose two files are in `folder`. Raises BrokenScorer."""
    remedy = f"{folder / NAME}.safetensors: make it again with `campaignwright finetune scorer`, or install the package again"
    try:
        arrays = {name: value.astype(np.float64) for name, value in load_file(folder / f"{NAME}.safetensors").items()}
        found = Headlines(**arrays, card=json.loads((folder / f"{NAME}.json").read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise BrokenScorer(f"No headline scorer in {remedy}.") from error
    except Exception as error:  # safetensors' own error, bad JSON, arrays of other names: all one to the reader
        raise BrokenScorer(f"The headline scorer cannot be read, {remedy}.") from error
    shapes = [value.shape for value in (found.idf, found.weights, found.traits)]
    if shapes != [(BUCKETS,), (BUCKETS,), (len(TRAITS),)] or list(found.card.get("traits", [])) != list(TRAITS):
        raise BrokenScorer(f"The headline scorer is of another version, {remedy}.")
    return found
