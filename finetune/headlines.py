"""Make the general headline scorer of `campaignwright.tools.headlines` from real headline tests (Upworthy pairs).

Logistic regression without intercept on the difference of a pair's features. Its settings are those with the lowest log-loss
(accuracy moves too little to tell them apart) in repeated five-fold cross-validation on the train part, pairs that share a
headline in one fold. The validation part checks them; then both parts are learnt, and the test part is scored once. Learnt
pairs with a near-duplicate of a test headline are left out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from statsmodels.stats.proportion import proportion_confint

from campaignwright.market.importers import ImportProblem
from campaignwright.market.workspace import write_atomic
from campaignwright.tools.headline_traits import TRAITS, traits
from campaignwright.tools.headlines import BUCKETS, NAME, Headlines, counts, weighted

ADDRESS = "https://github.com/ChicagoHAI/HypoGeniC-datasets (folder headline_binary)"
PARTS = ("train", "val", "test")
# of standardised traits beside rows of length 1 (how little the penalty holds them), and C of the regression: what is tried
SETTINGS = tuple((scale, strength) for scale in (0.03, 0.06, 0.12) for strength in (0.3, 1.0))
REPEATS = 3  # of the cross-validation
NEAR = 0.8  # Jaccard similarity of character 5-grams above which two headlines are near-duplicates


class Pair(NamedTuple):
    """Two headlines of one test."""

    first: str
    second: str
    first_wins: bool


def read_pairs(folder: Path) -> tuple[dict[str, list[Pair]], dict[str, str]]:
    """(part -> pairs, file -> SHA-256) of the data set's folder. Raises ImportProblem with the public address."""
    parts, hashes = {}, {}
    for part in PARTS:
        path = Path(folder) / f"headline_binary_{part}.json"
        if not path.is_file():
            raise ImportProblem(f"{path}: not there. Get the three headline_binary_*.json files from {ADDRESS}.")
        data = path.read_bytes()
        try:
            table = json.loads(data)
            winners = [re.match(r"(?i)headline ([12]) has more", label)[1] for label in table["label"]]
            rows = zip(table["headline_1"], table["headline_2"], winners, strict=True)
            parts[part] = [Pair(first, second, winner == "1") for first, second, winner in rows]
        except (ValueError, KeyError, TypeError) as error:
            raise ImportProblem(f"{path}: not the published file of headline pairs. Get it again from {ADDRESS}.") from error
        hashes[path.name] = hashlib.sha256(data).hexdigest()
    return parts, hashes


def texts_of(pairs: Sequence[Pair]) -> list[str]:
    """The headlines, two a pair, in order."""
    return [text for pair in pairs for text in pair[:2]]


def normalised(text: str) -> str:
    """Lower-case words with single spaces: what two headlines are compared by."""
    return " ".join(re.findall(r"\w+", text.lower()))


def near_duplicates(pairs: Sequence[Pair], others: Sequence[Pair]) -> np.ndarray:
    """(len(pairs),) bool: a headline of the pair has a near-duplicate among `others`."""
    if not pairs or not others:
        return np.zeros(len(pairs), bool)
    grams = CountVectorizer(analyzer="char", ngram_range=(5, 5), binary=True, dtype=np.int32)
    mine, theirs = ([normalised(text).ljust(5, "_") for text in texts_of(group)] for group in (pairs, others))
    grams.fit([*mine, *theirs])
    a, b = grams.transform(mine), grams.transform(theirs)
    common = (a @ b.T).toarray()
    jaccard = common / (a.sum(axis=1) + b.sum(axis=1).T - common)
    return np.asarray(jaccard > NEAR).any(axis=1).reshape(-1, 2).any(axis=1)


def interval(points: np.ndarray) -> list[float]:
    """[share, low, high] of 0/1 (or half) points: 95 %, Wilson."""
    low, high = proportion_confint(float(np.sum(points)), len(points), method="wilson")
    return [round(float(value), 4) for value in (np.mean(points), low, high)]


def right(scores: np.ndarray, pairs: Sequence[Pair]) -> np.ndarray:
    """(len(pairs),) points: 1 where the winner scores higher, 0.5 for a tie. `scores`: two a pair, in order."""
    won = np.array([1 if pair.first_wins else -1 for pair in pairs])
    return (1 + np.sign(scores[0::2] - scores[1::2]) * won) / 2


def groups(pairs: Sequence[Pair]) -> np.ndarray:
    """(len(pairs),) group numbers: pairs that share a headline are in one group."""
    label, seen = np.arange(len(pairs)), {}
    for number, pair in enumerate(pairs):
        for text in map(normalised, pair[:2]):
            other = seen.setdefault(text, number)
            label[label == label[number]] = label[other]
    return label


def fit(found: csr_matrix, known: np.ndarray, pairs: Sequence[Pair], setting: tuple[float, float]) -> Headlines:
    """The scorer of `pairs`, whose counts and traits are the rows of `found` and `known` (two a pair); `setting` of SETTINGS."""
    idf = np.log((1 + found.shape[0]) / (1 + np.bincount(found.indices, minlength=BUCKETS))) + 1
    scale = setting[0] / (known.std(axis=0) + 1e-9)
    rows = csr_matrix(hstack([weighted(found, idf), csr_matrix(known * scale)]))
    model = LogisticRegression(C=setting[1], fit_intercept=False, solver="liblinear", random_state=0)
    model.fit(rows[0::2] - rows[1::2], [pair.first_wins for pair in pairs])
    weights = model.coef_[0]
    return Headlines(idf, weights[:BUCKETS], weights[BUCKETS:] * scale)


def cross_validated(found: csr_matrix, known: np.ndarray, pairs: Sequence[Pair], setting: tuple[float, float],
                    seed: int) -> tuple[float, float]:  # fmt: skip
    """(accuracy, log-loss) on unseen pairs: five folds, drawn REPEATS times."""
    points, losses, same = [], [], groups(pairs)
    for repeat in range(REPEATS):
        for learn, held in GroupKFold(5, shuffle=True, random_state=seed + repeat).split(pairs, groups=same):
            rows, out = (np.stack([2 * part, 2 * part + 1], axis=1).ravel() for part in (learn, held))
            model = fit(found[rows], known[rows], [pairs[i] for i in learn], setting)
            scores = weighted(found[out], model.idf) @ model.weights + known[out] @ model.traits
            unseen = [pairs[i] for i in held]
            points.extend(right(scores, unseen))
            losses.extend(np.logaddexp(0, (scores[1::2] - scores[0::2]) * np.where([pair.first_wins for pair in unseen], 1, -1)))
    return float(np.mean(points)), float(np.mean(losses))


def learnt_pairs(parts: dict[str, list[Pair]]) -> tuple[list[Pair], list[Pair]]:
    """(train, validation) pairs without those that have a near-duplicate of a test headline."""
    near = {part: near_duplicates(parts[part], parts["test"]) for part in ("train", "val")}
    train, val = ([pair for pair, dropped in zip(parts[part], near[part], strict=True) if not dropped] for part in ("train", "val"))
    return train, val


def make_scorer(folder: Path, out: Path, *, seed: int = 0, log: Any = print) -> dict[str, Any]:
    """Choose, fit, test once, and write `headlines.safetensors` and its card into `out`; returns the card.

    Raises ImportProblem for files that are not the data set's.
    """
    parts, hashes = read_pairs(folder)
    train, val = learnt_pairs(parts)
    both = [*train, *val]
    found, known = counts(texts_of(both)), traits(texts_of(both))
    first = slice(2 * len(train))
    tried = {}
    for setting in SETTINGS:
        tried[setting] = cross_validated(found[first], known[first], train, setting, seed)
        log("traits x {:g}, C {:g}: {:.4f} of unseen train pairs right, log-loss {:.4f}".format(*setting, *tried[setting]))
    best = min(tried, key=lambda setting: tried[setting][1])
    early = fit(found[first], known[first], train, best)
    model = fit(found, known, both, best)
    card = {
        "what": "English headline scorer: Bradley-Terry on hashed words, character pieces and traits", "traits": list(TRAITS),
        "data": "Upworthy headline pairs (HypoGeniC headline_binary)", "address": ADDRESS, "sha256": hashes,
        "licence": "pairs: ChicagoHAI, MIT; Upworthy Research Archive: CC BY 4.0 (Matias, Munger, Aubin Le Quere, Ebersole 2021, "
                   "doi 10.1038/s41597-021-00934-7)",
        "command": f"campaignwright finetune scorer --pairs FOLDER --out OUT --seed {seed}", "seed": seed,
        "learnt_pairs": len(both), "left_out_near_test": len(parts["train"]) + len(parts["val"]) - len(both),
        "trait_scale": best[0], "C": best[1],
        "cross_validated_on_train": [{"trait_scale": scale, "C": strength, "right": round(share, 4), "log_loss": round(loss, 4)}
                                     for (scale, strength), (share, loss) in tried.items()],
        "validation_of_train_only": interval(right(early.score(texts_of(val)), val)),
        "middle": round(float(np.median(model.score(texts_of(both)))), 4),
    }  # fmt: skip
    arrays = {"idf": model.idf, "weights": model.weights, "traits": model.traits}
    small = {name: value.astype(np.float32 if name == "traits" else np.float16) for name, value in arrays.items()}
    shipped = Headlines(**{name: value.astype(np.float64) for name, value in small.items()}, card=card)
    card["test"] = figures_on(shipped, parts["test"])
    Path(out).mkdir(parents=True, exist_ok=True)
    write_atomic(Path(out) / f"{NAME}.safetensors", save(small))
    write_atomic(Path(out) / f"{NAME}.json", (json.dumps(card, ensure_ascii=False, indent=1) + "\n").encode())
    return card


def figures_on(model: Headlines, pairs: Sequence[Pair]) -> dict[str, list[float]]:
    """Accuracy on `pairs` as [share, low, high], beside the longer headline and chance."""
    lengths = np.array([len(text) for text in texts_of(pairs)], float)
    return {
        "scorer": interval(right(model.score(texts_of(pairs)), pairs)),
        "longer headline": interval(right(lengths, pairs)),
        "chance": interval(np.full(len(pairs), 0.5)),
    }
