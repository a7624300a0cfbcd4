"""A simple, open score for copy variants: past click-through where there is enough of it, else real headline tests, else rules.

Learned: ridge on character TF-IDF of past copies against their click-through relative to channel and language, used
only with at least 100 rows and when five-fold cross-validation shows that it ranks unseen copies better than chance.
Else, English: the general headline scorer (`headlines`) on subject, title or headlines. Else, and to break ties, rules of
thumb: no soft fault, the product named, the offer named early. The basis is always told.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline

from campaignwright.market.formats_campaigns import language_of
from campaignwright.market.workspace import Workspace
from campaignwright.tools.copy_rules import SLOT, Check, texts
from campaignwright.tools.headlines import BrokenScorer, Headlines, shipped

ENOUGH = 100  # rows of `copies` below which nothing is learned
MIN_CORRELATION = 0.1  # cross-validated rank correlation below which the model is not used
OFFER_SLOTS = {"discount", "discount_zhe", "price", "amount_off", "benefit", "gift", "threshold"}
HEADS = ("subject", "title", "headline", "headlines")  # what is read first; a channel without one is scored on its first text
MAX_ROWS = 6_000  # the copies with most impressions: keeps a fit under about two seconds


@dataclass
class CopyScorer:
    """`model` predicts log(CTR / mean CTR of channel and language); without it `general` scores English, rules of thumb the
    rest. `basis`: which, how good."""

    model: Pipeline | None
    basis: str
    rows: int = 0
    correlation: float = 0.0
    general: Headlines | None = None

    def score(self, filled: dict[str, Any], raw: dict[str, Any], checks: list[Check]) -> float:
        """Higher is better. Learned: predicted CTR as a ratio to the usual (1 = usual). General: chance to beat a middling
        headline, 0-1. Both to 0.01, then a thousandth of the rules' points. Else those points, 0-1."""
        points = rule_of_thumb(raw, checks)
        if self.model is not None:
            return round(float(np.exp(self.model.predict([_joined(filled)])[0])), 2) + points / 1000
        if self.general is not None and language_of(_joined(filled)) != "zh":
            return round(float(self.general.strength(_heads(filled)).mean()), 2) + points / 1000
        return points


def _heads(fields: dict[str, Any]) -> list[str]:
    """The texts read first: subject, title or headlines; where there is none, the first text."""
    found = texts(fields)
    return [text for name, text in found if name in HEADS] or [found[0][1]]


def _joined(fields: dict[str, Any]) -> str:
    return " \n ".join(text for _, text in texts(fields))


def rule_of_thumb(raw: dict[str, Any], checks: list[Check]) -> float:
    """0-1: half for no soft fault, a quarter for naming the product, a quarter for offer, price or benefit early."""
    first = texts(raw)[0][1] + " " + texts(raw)[-1][1][:80]
    slots = set(SLOT.findall(first))
    points = 0.5 * all(check.ok for check in checks)
    points += 0.25 * ("product" in SLOT.findall(_joined(raw)))
    return points + 0.25 * bool(slots & OFFER_SLOTS)


def _past(workspace: Workspace) -> pd.DataFrame:
    """Past copies with their click-through relative to channel and language, smoothed by 200 impressions."""
    frame = workspace.query(
        "SELECT channel, language, text, impressions, clicks FROM copies "
        "WHERE text <> '' AND impressions > 0 AND clicks >= 0 ORDER BY impressions DESC, copy_id LIMIT ?", [MAX_ROWS])
    if frame.empty:
        return frame
    sums = frame.groupby(["channel", "language"], dropna=False)[["clicks", "impressions"]].transform("sum")
    usual = (sums["clicks"] / sums["impressions"]).clip(lower=1e-5)
    smoothed = (frame["clicks"] + 200 * usual) / (frame["impressions"] + 200)
    return frame.assign(lift=np.log(smoothed / usual))


def _unlearned(reason: str, rows: int, correlation: float = 0.0) -> CopyScorer:
    """The scorer of a shop whose copies teach nothing (`reason`): general for English, rules for the rest."""
    rules = f"rules of thumb: {reason}"
    try:
        general = shipped()
    except BrokenScorer as error:
        return CopyScorer(None, f"{rules}. {error}", rows, correlation)
    share, low, high = general.card["test"]["scorer"]
    basis = (f"English: headline tests of a news site ({share:.0%} of unseen pairs right, {low:.0%}-{high:.0%}; not measured on "
             f"shops), then rules of thumb; Chinese: {rules}")  # fmt: skip
    return CopyScorer(None, basis, rows, correlation, general)


def fit_scorer(workspace: Workspace, *, seed: int = 0) -> CopyScorer:
    """The scorer of a workspace: learned where `copies` allows it."""
    frame = _past(workspace)
    if len(frame) < ENOUGH:
        return _unlearned(f"{len(frame)} past copies with clicks, {ENOUGH} needed to learn", len(frame))
    vectors = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), min_df=2, max_features=20_000, sublinear_tf=True)
    model = make_pipeline(vectors, Ridge(alpha=3.0))
    folds = KFold(5, shuffle=True, random_state=seed)
    guessed = cross_val_predict(model, frame["text"].tolist(), frame["lift"], cv=folds)
    correlation = float(np.nan_to_num(spearmanr(guessed, frame["lift"]).statistic))
    if correlation < MIN_CORRELATION:
        reason = f"{len(frame)} past copies do not rank unseen ones (correlation {correlation:.2f})"
        return _unlearned(reason, len(frame), correlation)
    model.fit(frame["text"].tolist(), frame["lift"])
    basis = f"click-through of {len(frame)} past copies (rank correlation {correlation:.2f} on unseen ones), then rules of thumb"
    return CopyScorer(model, basis, len(frame), correlation)
