"""Suite `copy`: what the copywriter delivers for the demo shop, channel by channel, English and Chinese.

`delivered`: requests that got copy at all; `drafts kept`: drafts that passed every check; `in breach`: delivered variants
that break a limit, state an unknown fact, hold a banned claim or lack the opt-out, checked again from the stored text.
`audience` and `offer`: read off the text by a classifier trained on the hand-written exemplars; beside it the same classifier
on the exemplars (five folds) and on the variants with their labels shuffled. `longest run`: share of a variant's longest run of
words that stands word for word in an exemplar or training line; `distinct-2`: different word pairs among all. Template
filling (an exemplar of the same channel with the shop's facts) stands beside it. Intervals: Wilson, bootstrap or, for
distinct-2, jackknife, 95 %.
"""

from __future__ import annotations

import datetime as dt
import re
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from statsmodels.stats.proportion import proportion_confint

from campaignwright.agent.backends import load_model
from campaignwright.finetune.copy_lines import CHOICES, lines
from campaignwright.finetune.copywriting import exemplars
from campaignwright.market.demo import make_demo
from campaignwright.market.workspace import Workspace
from campaignwright.tools.base import Context
from campaignwright.tools.copy_format import FIELDS
from campaignwright.tools.copy_rules import check_copy, passes, texts
from campaignwright.tools.write_copy import CopyJob, copy_asset

END = dt.date(2026, 11, 22)
LANGUAGES = ("en", "zh")
SETTINGS = {"gift": "travel mug", "free_shipping_over": 60, "discount_code": "HELLO15"}  # so that every offer can be stated
TOKEN = re.compile(r"\{\w+\}|[a-z']+|[\u4e00-\u9fff]", re.IGNORECASE)  # words; Chinese by the character
RESAMPLES = 1000


def words(fields: dict[str, Any]) -> list[str]:
    """Words and slots of raw copy, in lower case."""
    return TOKEN.findall(" . ".join(text for _, text in texts(fields)).lower())


def job(rng: np.random.Generator, workspace: Workspace, channel: str, language: str) -> CopyJob:
    """A request as plans make them: a product of the shop, every other value drawn."""
    products = workspace.query("SELECT product_id FROM products ORDER BY 1")["product_id"].tolist()
    drawn = {name: str(rng.choice(choices)) for name, choices in CHOICES.items()}
    depth = float(rng.choice([0.1, 0.15, 0.2, 0.3])) if drawn["offer"] in ("percent_off", "amount_off", "bundle") else 0.0
    chosen = rng.choice(products, 2 if drawn["offer"] == "bundle" else 1, replace=False).tolist()
    return CopyJob(
        channel=channel, language=language, discount=depth, products=chosen, start=END, days=int(rng.integers(5, 29)),
        extra={}, planned=True, **drawn,
    )  # fmt: skip


def classifier(language: str) -> Pipeline:
    """Reads a label off a text: words and word pairs, for Chinese characters in ones to threes."""
    kind = {"analyzer": "char", "ngram_range": (1, 3)} if language == "zh" else {"ngram_range": (1, 2)}
    return make_pipeline(TfidfVectorizer(sublinear_tf=True, min_df=2, **kind), LogisticRegression(C=20, max_iter=2000))


def longest_run(tokens: list[str], known: set[tuple[str, ...]], most: int = 40) -> float:
    """Share of `tokens` that the longest run found in `known` (all runs up to `most` tokens) covers."""
    best = 0
    for start in range(len(tokens)):
        while start + best < len(tokens) and best < most and tuple(tokens[start : start + best + 1]) in known:
            best += 1
    return best / max(len(tokens), 1)


def runs(taught: list[list[str]], most: int = 40) -> set[tuple[str, ...]]:
    """Every run of up to `most` tokens in `taught`."""
    return {
        tuple(tokens[start : start + size])
        for tokens in taught for start in range(len(tokens)) for size in range(1, min(most, len(tokens) - start) + 1)
    }  # fmt: skip


def run(*, model: str = "embedded", adapter: str | None = None, limit: int | None = None, seed: int = 0) -> dict[str, Any]:
    """Ask for `limit` (20) requests of three variants for each channel and language, and measure what comes."""
    rng = np.random.default_rng(seed)
    writer = load_model(model, adapter=adapter, seed=seed).writer
    summary: dict[str, list[float]] = {}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, make_demo(Path(folder) / "demo", end=END, seed=0) as workspace:
        workspace.settings |= SETTINGS
        cache: dict[str, Any] = {}
        for language in LANGUAGES:
            for channel in FIELDS:
                asked = [_ask(rng, workspace, channel, language, writer, cache, seed) for _ in range(limit or 20)]
                summary |= _channel(f"{channel}/{language}", asked)
                rows += [one for request in asked for one in request["variants"]]
    for language in LANGUAGES:
        summary |= _reading([row for row in rows if row["language"] == language], language, rng)
    return {"rows": rows, "summary": summary, "unit": "share", "note": (__doc__ or "").split("\n\n")[1]}


def _ask(rng: np.random.Generator, workspace: Workspace, channel: str, language: str, writer: Any, cache: dict[str, Any],
         seed: int) -> dict[str, Any]:
    """One request: its variants with their labels, and how many drafts were rejected."""
    ctx = Context(workspace, END, seed=seed, language=language, writer=writer, cache=cache)
    wanted = job(rng, workspace, channel, language)
    asset, rejected, _ = copy_asset(ctx, wanted, 3)
    spec = asset["spec"]
    facts = {name: text for name, text in asset["facts"].items() if name in spec["slots"]}
    rules = {"channel": channel, "offer": spec["offer"], "language": language, "settings": workspace.settings}
    variants = [
        {"channel": channel, "language": language, "audience": spec["audience"], "offer": spec["offer"], "raw": one["raw"],
         "preview": one["preview"], "in breach": not passes(check_copy(one["raw"], facts, asset["samples"], **rules))}
        for one in asset["variants"]
    ]  # fmt: skip
    return {"variants": variants, "rejected": len(rejected)}


def _share(hits: int, count: int) -> list[float]:
    low, high = proportion_confint(hits, count, method="wilson") if count else (0.0, 1.0)
    return [hits / count if count else 0.0, max(float(low), 0.0), min(float(high), 1.0), count]


def _channel(name: str, asked: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Delivery, drafts kept and breaches of one channel and language."""
    variants = [one for request in asked for one in request["variants"]]
    drafts = len(variants) + sum(request["rejected"] for request in asked)
    return {
        f"{name}: delivered": _share(sum(bool(request["variants"]) for request in asked), len(asked)),
        f"{name}: drafts kept": _share(len(variants), drafts),
        f"{name}: in breach": _share(sum(one["in breach"] for one in variants), len(variants)),
    }


def _reading(rows: list[dict[str, Any]], language: str, rng: np.random.Generator) -> dict[str, list[float]]:
    """Whether audience and offer can be told from the text, and how much of it is recalled."""
    taught = [item for item in exemplars() if item["lang"] == language]
    written, made = [" ".join(words(item["fields"])) for item in taught], [" ".join(words(row["raw"])) for row in rows]
    found: dict[str, list[float]] = {}
    for label in ("audience", "offer"):
        wanted, truth = np.array([row[label] for row in rows]), np.array([item[label] for item in taught])
        told = classifier(language).fit(written, truth).predict(made)
        own = cross_val_predict(classifier(language), written, truth, cv=5)
        shuffled = rng.permutation(wanted)
        found[f"{language}: {label} recognised"] = _share(int((told == wanted).sum()), len(rows))
        found[f"{language}: {label} recognised, labels shuffled"] = _share(int((told == shuffled).sum()), len(rows))
        found[f"{language}: {label} recognised, exemplars"] = _share(int((own == truth).sum()), len(taught))
    single = [TOKEN.findall(line["text"].lower()) for (lang, _), many in lines().items() if lang == language for line in many]
    known = runs([text.split() for text in written] + single)
    templates = [rng.choice([i for i, item in enumerate(taught) if item["channel"] == row["channel"]] or [0]) for row in rows]
    for name, several in (("", made), (", template filling", [written[i] for i in templates])):
        tokens = [text.split() for text in several]
        found[f"{language}: longest run{name}"] = _mean([longest_run(one, known) for one in tokens], rng)
        found[f"{language}: distinct-2{name}"] = _distinct(tokens, rng)
    return found


def _mean(values: list[float], rng: np.random.Generator) -> list[float]:
    """Mean and bootstrap interval."""
    table = np.array(values)
    means = table[rng.integers(0, len(table), (RESAMPLES, len(table)))].mean(axis=1)
    return [float(table.mean()), *(float(edge) for edge in np.quantile(means, [0.025, 0.975])), len(table)]


def _distinct(several: list[list[str]], rng: np.random.Generator) -> list[float]:
    """Different word pairs among all word pairs, with a jackknife interval over ten groups of texts (a bootstrap repeats
    texts, which are then no different pairs)."""
    pairs = [list(zip(tokens, tokens[1:], strict=False)) for tokens in several]
    group = rng.permutation(len(pairs)) % 10

    def share(kept: np.ndarray) -> float:
        drawn = [pair for i in np.flatnonzero(kept) for pair in pairs[i]]
        return len(set(drawn)) / max(len(drawn), 1)

    parts = np.array([share(group != number) for number in range(10)])
    whole, error = share(group >= 0), float(np.sqrt(0.9 * ((parts - parts.mean()) ** 2).sum()))
    return [whole, whole - 1.96 * error, whole + 1.96 * error, len(pairs)]


