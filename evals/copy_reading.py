"""What can be read off the copy of suite `copy`: its audience and offer, by a classifier, and how alike and how learnt by
heart it is. How the figures are named and bounded is said in `evals/copy.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline

from campaignwright.evals.copy_texts import Recall, distinct, self_bleu, tokens
from campaignwright.finetune.copy_lines import CHOICES, lines
from campaignwright.finetune.copywriting import exemplars
from campaignwright.tools.copy_rules import texts

LABELS = ("audience", "offer")
RESAMPLES = 1000
GROUPS = 10  # of the jackknife


def words(fields: dict[str, Any]) -> list[str]:
    """Words and slots of raw copy."""
    return tokens([text for _, text in texts(fields)])


def classifier(language: str) -> Pipeline:
    """Reads a label off a text: words and word pairs, for Chinese characters in ones to threes."""
    kind = {"analyzer": "char", "ngram_range": (1, 3)} if language == "zh" else {"ngram_range": (1, 2)}
    return make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2, **kind), LogisticRegression(C=20, max_iter=2000))


def read(rows: list[dict[str, Any]], language: str, rng: np.random.Generator) -> tuple[dict[str, list[float]], list[str]]:
    """(figures, Markdown lines) of the variants of one language; nothing of none."""
    if not rows:
        return {}, []
    taught = [item for item in exemplars() if item["lang"] == language]
    single = [line for (lang, _), many in lines().items() if lang == language for line in many]
    figures: dict[str, list[float]] = {}
    table: list[str] = []
    for label in LABELS:
        found, told = _recognised(rows, taught, single, label, language, rng)
        figures |= found
        if label == "audience":
            table = _confusion(rows, told, language)
    return figures | _sameness(rows, taught, single, language, rng), table


def _recognised(rows: list[dict[str, Any]], taught: list[dict[str, Any]], single: list[dict[str, Any]], label: str,
                language: str, rng: np.random.Generator) -> tuple[dict[str, list[float]], np.ndarray]:
    """Figures of one label, and what the classifier trained on the exemplars said of each row."""
    written, made = [" ".join(words(item["fields"])) for item in taught], [" ".join(words(row["raw"])) for row in rows]
    truth, wanted = np.array([item[label] for item in taught]), np.array([row[label] for row in rows])
    owned = [line for line in single if len(line.get(label) or ()) == 1]  # a line that suits several tells nothing
    more = written + [" ".join(tokens([line["text"]])) for line in owned]
    shuffled, requests = rng.permutation(wanted), [row["request"] for row in rows]
    told = classifier(language).fit(written, truth).predict(made)
    knowing = classifier(language).fit(more, [*truth, *(line[label][0] for line in owned)]).predict(made)
    name = f"{language}: {label} recognised"
    figures = {}
    for reading, said in (("", told), (", by the lines too", knowing)):
        figures[f"{name}{reading}"] = clustered(said == wanted, requests, rng)
        figures[f"{name}{reading}, labels shuffled"] = clustered(said == shuffled, requests, rng)
    pieces = [_base(item) for item in taught]  # one piece on two channels never stands on both sides
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=0)
    own = cross_val_predict(classifier(language), written, truth, cv=folds, groups=pieces)
    figures[f"{name}, exemplars"] = clustered(own == truth, pieces, rng)
    return figures, told


def _base(item: dict[str, Any]) -> str:
    """The id of the exemplar that an item is, or that it was derived from for another channel."""
    return item["id"].removesuffix(f"-{item['channel']}")


def _confusion(rows: list[dict[str, Any]], told: np.ndarray, language: str) -> list[str]:
    """Markdown: the audience that was asked for against the one that the classifier read."""
    names = CHOICES["audience"]
    counts = confusion_matrix([row["audience"] for row in rows], told, labels=list(names))
    lines_ = [f"## Audience asked for (rows) and read off the copy (columns), {language}", "",
              f"| asked for | {' | '.join(names)} | right |", f"|---|{'---:|' * (len(names) + 1)}"]  # fmt: skip
    for name, row in zip(names, counts, strict=True):
        right = f"{row[names.index(name)] / row.sum():.0%}" if row.sum() else "–"
        lines_.append(f"| {name} | {' | '.join(map(str, row))} | {right} |")
    return [*lines_, ""]


def _sameness(rows: list[dict[str, Any]], taught: list[dict[str, Any]], single: list[dict[str, Any]], language: str,
              rng: np.random.Generator) -> dict[str, list[float]]:
    """Longest run, distinct-2 and self-BLEU of the variants, of template filling and of the exemplars themselves."""
    pieces = [words(item["fields"]) for item in taught]
    recall = Recall([*pieces, *(tokens([line["text"]]) for line in single)])
    family: dict[str, list[int]] = {}
    for number, item in enumerate(taught):
        family.setdefault(_base(item), []).append(number)
    chosen = [rng.choice([i for i, item in enumerate(taught) if item["channel"] == row["channel"]] or [0]) for row in rows]
    first = [numbers[0] for numbers in family.values()]
    made, filled = [words(row["raw"]) for row in rows], [pieces[i] for i in chosen]
    own = [pieces[i] for i in first]
    requests = [row["request"] for row in rows]
    runs = {
        "": clustered([recall.longest(one) for one in made], requests, rng),
        ", template filling": clustered([recall.longest(one) for one in filled], requests, rng),
        ", exemplars": clustered([recall.longest(pieces[i], but=family[_base(taught[i])]) for i in first], first, rng),
    }
    figures = {f"{language}: longest run{name}": value for name, value in runs.items()}
    size = min(len(made), len(own))
    drawn = rng.permutation(len(made))[:size]
    several = {
        "": [made[i] for i in drawn], ", template filling": [filled[i] for i in drawn],
        ", exemplars": [own[i] for i in rng.permutation(len(own))[:size]],
    }  # fmt: skip
    for name, kept in several.items():
        figures[f"{language}: distinct-2{name}"] = jackknife(kept, rng)
        owners = [requests[i] for i in drawn] if not name else range(size)
        figures[f"{language}: self-BLEU{name}"] = clustered(self_bleu(kept), owners, rng)
    return figures


def clustered(values: Any, groups: Any, rng: np.random.Generator) -> list[float]:
    """[mean, low, high, number] of `values`: a 95 % bootstrap interval that draws whole groups, since variants of one request
    are alike. Where all values agree, the rule of three on groups bounds the other side."""
    table = np.asarray(values, dtype=float)
    _, owner = np.unique(np.asarray(list(groups)), return_inverse=True)
    sums, sizes = np.bincount(owner, weights=table), np.bincount(owner)
    drawn = rng.integers(0, len(sizes), (RESAMPLES, len(sizes)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1), [0.025, 0.975])
    mean = float(table.mean())
    if mean in (0.0, 1.0):
        low, high = (0.0, min(3 / len(sizes), 1.0)) if mean == 0.0 else (max(1 - 3 / len(sizes), 0.0), 1.0)
    return [mean, float(min(low, mean)), float(max(high, mean)), len(table)]


def jackknife(several: list[list[str]], rng: np.random.Generator) -> list[float]:
    """Distinct-2 with a jackknife interval over ten groups of texts (a bootstrap repeats texts, which are then no different
    pairs)."""
    group = rng.permutation(len(several)) % GROUPS
    parts = np.array([distinct([text for text, own in zip(several, group, strict=True) if own != left]) for left in range(GROUPS)])
    whole = distinct(several)
    error = 1.96 * float(np.sqrt((1 - 1 / GROUPS) * ((parts - parts.mean()) ** 2).sum()))
    return [whole, whole - error, whole + error, len(several)]
