"""A general scorer of English headlines: which of two is likelier to be clicked, learnt from real headline tests.

Bradley-Terry (1952): P(a beats b) = 1 / (1 + exp(score(b) - score(a))), a linear score of hashed words and character pieces and
of a few countable traits. Weights and card are `data/headlines.*`; `campaignwright.finetune.headlines` makes them. It knows
headlines of a news site, no shop, no facts and no other language.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file
from scipy.sparse import csr_matrix
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.preprocessing import normalize

NAME = "headlines"  # of the two files
BUCKETS = 2**16  # of the hash: no word of the data set is kept
PIECES = {  # trait -> pattern, counted in the text
    "question marks": r"\?", "exclamation marks": r"!", "sentences": r"[.?!]+(?:\s|$)", "commas": ",", "quotes": '"',
    "numbers": r"\d+", "number first": r"^\d", "full stop last": r"\.$", "capitals": r"\b[A-Z]{2,}\b",
    "I": r"(?i)\b(?:i|me|my|i'm|i've)\b", "you": r"(?i)\byou\b|\byou're\b|\byour\b", "he": r"(?i)\b(?:he|his|him)\b",
    "she": r"(?i)\b(?:she|her)\b", "they": r"(?i)\b(?:they|them|their)\b", "we": r"(?i)\b(?:we|our|us)\b",
    "this": r"(?i)\b(?:this|these)\b", "that": r"(?i)\b(?:that|those)\b", "here": r"(?i)\bhere\b",
    "question word first": r"(?i)^(?:what|why|how|who|when|where)\b", "negations": r"(?i)\b(?:not|no|never)\b|n't\b",
    "vague": r"(?i)\b(?:something|things?|someone)\b", "links": r"(?i)\b(?:and|but|so|or)\b",
}  # fmt: skip
_PATTERNS = [re.compile(pattern) for pattern in PIECES.values()]
TRAITS = ("length", "word length", *PIECES)
_QUOTES = str.maketrans("’‘“”", "''\"\"")


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
def _analyzers() -> tuple[Any, Any]:
    pieces = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5)).build_analyzer()
    return pieces, HashingVectorizer(ngram_range=(1, 2), token_pattern=r"[\w']+|[.?!,:]").build_analyzer()


def _analyze(text: str) -> list[str]:
    pieces, words = _analyzers()
    plain = text.translate(_QUOTES)
    return [*pieces(plain), *("word " + word for word in words(plain))]


def counts(texts: Sequence[str]) -> csr_matrix:
    """(len(texts), BUCKETS): 1 + log of how often each hashed piece occurs: word, pair of words, 2-5 characters of a word."""
    found = HashingVectorizer(n_features=BUCKETS, alternate_sign=False, norm=None, analyzer=_analyze).transform(texts)
    found.data = 1 + np.log(found.data)
    return found


def weighted(found: csr_matrix, idf: np.ndarray) -> csr_matrix:
    """Counts by their inverse document frequency, rows of length 1."""
    return normalize(found.multiply(idf[None, :]).tocsr())


def traits(texts: Sequence[str]) -> np.ndarray:
    """(len(texts), len(TRAITS)): log of characters, mean letters a word, then what PIECES counts."""
    rows = []
    for text in texts:
        plain = text.translate(_QUOTES).strip()
        lengths = [len(word) for word in re.findall(r"[\w']+", plain)] or [0]
        rows.append([np.log1p(len(plain)), float(np.mean(lengths)), *(len(one.findall(plain)) for one in _PATTERNS)])
    return np.array(rows, float).reshape(len(rows), len(TRAITS))


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
