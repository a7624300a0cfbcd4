"""Suite `headlines`: which of two headlines of a real test got more clicks? The scorer that ships beside what one would use instead.

One case is a pair of the Upworthy test part (two headlines, a label that says which won); a tie counts half. Beside the scorer
stand two linear models of TF-IDF differences, fitted here on the pairs that the scorer learnt (C by cross-validation on them),
"the longer headline wins" and chance. `without near-duplicates` leaves out pairs with a headline whose 5-grams are more than 0.8
like one of the train or validation part (Jaccard). Intervals: Wilson, 95 %; differences: bootstrap over pairs.
The data set stays with its publisher: the environment variable CAMPAIGNWRIGHT_DATA names the folder that holds
`upworthy_headline_pairs`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegressionCV
from sklearn.model_selection import GroupKFold

from campaignwright.evals.bench import paired
from campaignwright.evals.data_sets import data_set
from campaignwright.finetune.headlines import ADDRESS, Pair, groups, interval, learnt_pairs, near_duplicates, read_pairs, right, texts_of
from campaignwright.tools.headlines import shipped

FOLDER = "upworthy_headline_pairs"
RIVALS = {  # name -> vectoriser, whether hand features stand beside it
    "word TF-IDF": (dict(ngram_range=(1, 2), sublinear_tf=True), False),
    "character TF-IDF + hand features": (dict(analyzer="char_wb", ngram_range=(2, 5), sublinear_tf=True), True),
}
CHOICES = np.array([0.03, 0.1, 0.3, 1.0, 3.0])  # C of the rivals


def hand_features(texts: Sequence[str]) -> np.ndarray:
    """(len(texts), 8): characters, words, letters a word, question and exclamation marks, digits, full stops, quotes."""
    rows = [[len(text), len(text.split()), len(text) / (1 + len(text.split())), text.count("?"), text.count("!"),
             len(re.findall(r"\d", text)), text.count("."), text.count('"')] for text in texts]  # fmt: skip
    return np.array(rows, float)


def rival(learnt: Sequence[Pair], name: str) -> Callable[[Sequence[Pair]], np.ndarray]:
    """Logistic regression on the difference, first minus second, fitted on `learnt`: pairs -> (2 * pairs,) scores."""
    options, with_hand = RIVALS[name]
    vectors = TfidfVectorizer(**options).fit(texts_of(learnt))
    hand = hand_features(texts_of(learnt))
    middle, spread = hand.mean(axis=0), hand.std(axis=0)

    def rows(pairs: Sequence[Pair]) -> csr_matrix:
        blocks = [vectors.transform(texts_of(pairs))]
        if with_hand:
            blocks.append(csr_matrix((hand_features(texts_of(pairs)) - middle) / spread * 0.1))
        return csr_matrix(hstack(blocks))

    found, won = rows(learnt), np.array([pair.first_wins for pair in learnt])
    folds = list(GroupKFold(5, shuffle=True, random_state=0).split(won, groups=groups(learnt)))
    model = LogisticRegressionCV(Cs=CHOICES, cv=folds, fit_intercept=False, solver="liblinear", scoring="neg_log_loss",
                                 l1_ratios=(0.0,), use_legacy_attributes=False)  # fmt: skip
    model.fit(found[0::2] - found[1::2], won)
    return lambda pairs: rows(pairs) @ model.coef_.ravel()


@dataclass(frozen=True)
class Measured:
    """`margins` (pairs,) first minus second; `points` name -> (pairs,), the scorer first; `near` part -> (pairs,) bool."""

    pairs: list[Pair]
    margins: np.ndarray
    points: dict[str, np.ndarray]
    near: dict[str, np.ndarray]
    same_files: bool
    card: dict[str, Any]


def measure(folder: Path, limit: int | None = None) -> Measured:
    """The scorer and its rivals on the first `limit` test pairs of the data set in `folder`. Raises ImportProblem, BrokenScorer."""
    parts, hashes = read_pairs(folder)
    pairs, model = parts["test"][:limit], shipped()
    train, val = learnt_pairs(parts)
    scores = model.score(texts_of(pairs))
    lengths = np.array([len(text) for text in texts_of(pairs)], float)
    points = {
        "scorer": right(scores, pairs),
        **{name: right(rival([*train, *val], name)(pairs), pairs) for name in RIVALS},
        "longer headline": right(lengths, pairs),
        "chance": np.full(len(pairs), 0.5),
    }
    near = {part: near_duplicates(pairs, parts[part]) for part in ("train", "val")}
    same = all(model.card["sha256"].get(name) == value for name, value in hashes.items())
    return Measured(pairs, scores[0::2] - scores[1::2], points, near, same, model.card)


def leak_check(found: Measured) -> str:
    """One sentence: what of the test part was near what is learnt."""
    return (f"Leak check: {int(found.near['train'].sum())} test pairs with a near-duplicate in the train part, "
            f"{int(found.near['val'].sum())} in the validation part; {found.card['left_out_near_test']} learnt pairs near a test headline "
            "were left out of the training.")  # fmt: skip


def run(*, limit: int | None = None, seed: int = 0, **_: Any) -> dict[str, Any]:
    """Score every pair; returns {"rows", "summary", "unit", "note", "more"}. Raises ImportProblem, BrokenScorer."""
    found = measure(data_set(FOLDER, ADDRESS), limit)
    count, ours = len(found.pairs), found.points["scorer"]
    clean = ~(found.near["train"] | found.near["val"])
    summary = {name: [*interval(points), count] for name, points in found.points.items()}
    if clean.any():
        summary["scorer, without near-duplicates"] = [*interval(ours[clean]), int(clean.sum())]
    for name in list(found.points)[1:-1]:
        gap = paired(name, ours, found.points[name], seed=seed)
        summary[f"scorer - {name}"] = [gap.value, gap.low, gap.high, count]
    more = [
        f"- {leak_check(found)}",
        "- The files are those that the scorer was made from." if found.same_files
        else "- These are not the files that the scorer was made from.",
    ]  # fmt: skip
    rows = [{"first": pair.first, "second": pair.second, "first_wins": pair.first_wins, "margin": float(margin)}
            for pair, margin in zip(found.pairs, found.margins, strict=True)]  # fmt: skip
    return {"rows": rows, "summary": summary, "unit": "pairs right", "note": __doc__.split("\n\n")[1], "more": more}
