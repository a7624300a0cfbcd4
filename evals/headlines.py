"""Suite `headlines`: which of two headlines of a real test got more clicks? The scorer that ships against simple rules.

One case is a pair of the Upworthy test part (two headlines, a label that says which won); a tie counts half. Beside the
scorer stand "the longer headline wins" and chance. `without near-duplicates` leaves out pairs with a headline whose
5-grams are more than 0.8 like one of the train or validation part (Jaccard). Intervals: Wilson, 95 %; difference: bootstrap.
The data set stays with its publisher: the environment variable CAMPAIGNWRIGHT_DATA names the folder that holds
`upworthy_headline_pairs`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from campaignwright.evals.data_sets import data_set
from campaignwright.finetune.headlines import ADDRESS, figures_on, interval, near_duplicates, read_pairs, right, texts_of
from campaignwright.tools.headlines import shipped

FOLDER = "upworthy_headline_pairs"


def run(*, limit: int | None = None, seed: int = 0, **_: Any) -> dict[str, Any]:
    """Score every pair; returns {"rows", "summary", "unit", "note", "more"}. Raises ImportProblem, BrokenScorer."""
    parts, hashes = read_pairs(data_set(FOLDER, ADDRESS))
    pairs, model = parts["test"][:limit], shipped()
    scores = model.score(texts_of(pairs))
    points = right(scores, pairs)
    lengths = right(np.array([len(text) for text in texts_of(pairs)], float), pairs)
    near = {part: near_duplicates(pairs, parts[part]) for part in ("train", "val")}
    clean = ~(near["train"] | near["val"])
    picks = np.random.default_rng(seed).integers(0, len(pairs), (2000, len(pairs)))
    gain = points - lengths
    edges = np.quantile(gain[picks].mean(axis=1), [0.025, 0.975])
    summary = {name: [*figures, len(pairs)] for name, figures in figures_on(model, pairs).items()}
    if clean.any():
        summary["scorer, without near-duplicates"] = [*interval(points[clean]), int(clean.sum())]
    summary["scorer - longer headline"] = [float(gain.mean()), *map(float, edges), len(pairs)]
    same = all(model.card["sha256"].get(name) == value for name, value in hashes.items())
    more = [
        f"- Leak check: {int(near['train'].sum())} test pairs with a near-duplicate in the train part, {int(near['val'].sum())} in the "
        f"validation part; {model.card['left_out_near_test']} learnt pairs near a test headline were left out of the training.",
        "- The files are those that the scorer was made from." if same else "- These are not the files that the scorer was made from.",
    ]
    rows = [{"first": pair.first, "second": pair.second, "first_wins": pair.first_wins, "margin": float(margin)}
            for pair, margin in zip(pairs, scores[0::2] - scores[1::2], strict=True)]  # fmt: skip
    return {"rows": rows, "summary": summary, "unit": "pairs right", "note": __doc__.split("\n\n")[1], "more": more}
