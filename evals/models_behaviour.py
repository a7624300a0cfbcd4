"""Area `behaviour`: who buys within the next 90 days? UCI Online Retail, learnt up to day T, judged on the 90 days after it.

A case is a customer known at T. Ours is what `profile_audience` shows (models/churn.py, fitted on labels that end at T); beside it
the causal Transformer and an LSTM over the customers' steps, boosting on recency, frequency and value, BG/NBD, and rules.
Nothing is chosen after T: the networks and the boosting stop by customers held out before it. Intervals by drawing customers,
the same for both sides. One shop and one window: what another season would say is not in the interval, and log-loss mostly tells
who met the season's level, which differs from that of the 90 days before T.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from campaignwright.evals.behaviour_rivals import DAY, bg_nbd, bg_nbd_fit, boosting, labelled, rule
from campaignwright.evals.bench import Area, Row, Score, bootstrap, paired
from campaignwright.evals.retail import purchase_days, read
from campaignwright.models.audience_table import gaps
from campaignwright.models.behaviour import sequences
from campaignwright.models.behaviour_net import Settings, train
from campaignwright.models.churn import fit_churn

HORIZON = 90
OURS = "logistic on RFM and rhythm (churn)"
MIN_BUYERS = 5
Progress = Callable[[float, str], None]


def auc(label: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve, ties count half."""
    ones = int(label.sum())
    return float((rankdata(score)[label == 1].sum() - ones * (ones + 1) / 2) / (ones * (len(label) - ones)))


def log_losses(label: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """(n,) nats; chances are kept off 0 and 1 by 0.001."""
    chance = np.clip(chance, 1e-3, 1 - 1e-3)
    return -np.where(label == 1, np.log(chance), np.log(1 - chance))


def drawn(label: np.ndarray, chances: dict[str, np.ndarray], draws: int = 1000, seed: int = 0) -> dict[str, np.ndarray]:
    """Name -> (draws,) AUC of the same bootstrap samples of customers."""
    rng, found = np.random.default_rng(seed), {name: np.empty(draws) for name in chances}
    for draw in range(draws):
        pick = rng.integers(0, len(label), len(label))
        for name, chance in chances.items():
            found[name][draw] = auc(label[pick], chance[pick])
    return found


def networks(lines: pd.DataFrame, now: pd.Timestamp, who: pd.Index, seed: int, progress: Progress) -> dict[str, np.ndarray]:
    """Name -> (customers,) chances of the two networks, trained on what was known at the end of `now`."""
    past = lines[lines["known"] & (lines["day"] <= now)].assign(kind="purchase")
    buyers = past.groupby("product_id")["customer_id"].nunique()
    data = sequences(past, pd.Index(sorted(buyers[buyers >= MIN_BUYERS].index)), past["day"].min())
    rows, day, found = np.searchsorted(data.customers, who.to_numpy(str)), (now - data.origin).days, {}
    for place, kind in enumerate(("transformer", "lstm")):
        say = lambda share, text, place=place: progress(0.2 + 0.35 * (place + share), text)  # noqa: E731
        model = train(data, day, Settings(kind=kind, items_weight=0.0, horizon=HORIZON), seed=seed, progress=say)
        found[{"transformer": "Transformer", "lstm": "LSTM"}[kind]] = model.chance(data, rows, np.diff(data.start)[rows], day)
    return found


def chances(lines: pd.DataFrame, seed: int, progress: Progress) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(label, name -> chance of a purchase in the last 90 days of the data), over the customers known before them."""
    bought = purchase_days(lines)
    now = bought["day"].max() - HORIZON * DAY
    frame, label = labelled(bought, now, HORIZON)
    before = bought[bought["day"] <= now]
    typical = float(np.median(gaps(before)))
    churn, _ = fit_churn(before, HORIZON, typical)
    if churn is None:
        raise ValueError("too few customers for a churn model: raise the limit")
    early, early_label = labelled(bought, now - HORIZON * DAY, HORIZON)
    found = {OURS: 1 - churn.predict(frame), "BG/NBD": bg_nbd(frame, bg_nbd_fit(frame), HORIZON)}
    for name, column in (("recency rule", "recency_days"), ("frequency rule", "frequency")):
        found[name] = rule(np.log1p(early[[column]].to_numpy(float)), early_label, np.log1p(frame[[column]].to_numpy(float)))
    cuts = [now - (HORIZON + 14 * back) * DAY for back in range(6)]
    progress(0.1, "boosting")
    found["LightGBM on RFM"] = boosting(before, cuts, now, HORIZON, seed)
    found |= networks(lines, now, frame.index, seed, progress)
    found["share before T"] = np.full(len(label), early_label.mean())
    return label, found


def run(folder: Path, *, limit: int | None = None, seed: int = 0, progress: Progress | None = None) -> Area:
    """`limit`: customers drawn by chance. Raises ValueError where they are too few for a churn model."""
    say = progress or (lambda share, text: None)
    lines = read(folder)
    if limit:
        people = np.sort(lines.loc[lines["known"], "customer_id"].unique())
        lines = lines[lines["customer_id"].isin(np.random.default_rng(seed).permutation(people)[:limit])]
    label, found = chances(lines, seed, say)
    constant = found.pop("share before T")
    say(0.9, "intervals")
    samples = drawn(label, found, seed=seed)
    scores = {name: Score(name, auc(label, chance), *map(float, np.quantile(samples[name], [0.025, 0.975])))
              for name, chance in found.items()}  # fmt: skip
    rivals = [score for name, score in scores.items() if name != OURS]
    best = max(rivals, key=lambda one: one.value).name
    edges = map(float, np.quantile(samples[OURS] - samples[best], [0.025, 0.975]))
    gap = Score(f"ours - {best}", scores[OURS].value - scores[best].value, *edges)
    losses = {name: log_losses(label, chance) for name, chance in (found | {"share before T": constant}).items()}
    nats = {name: Score(name, *bootstrap(loss, seed=seed)) for name, loss in losses.items()}
    least = min((score for name, score in nats.items() if name != OURS), key=lambda one: one.value).name
    rows = [
        Row("behaviour", "online_retail", "AUC, buys in the next 90 days", "higher", scores[OURS], rivals, gap, "chance 0.5", None,
            len(label)),
        Row("behaviour", "online_retail", "log-loss, buys in the next 90 days", "lower", nats[OURS],
            [score for name, score in nats.items() if name != OURS], paired(f"ours - {least}", losses[OURS], losses[least], seed=seed),
            f"share before T {nats['share before T'].value:.3f}", None, len(label)),
    ]  # fmt: skip
    return Area(rows, _notes(label, found, samples))


def _notes(label: np.ndarray, found: dict[str, np.ndarray], samples: dict[str, np.ndarray]) -> list[str]:
    level = ", ".join(f"{name} {chance.mean():.3f}" for name, chance in found.items())
    gaps_of = []
    for name in found:
        low, high = np.quantile(samples["Transformer"] - samples[name], [0.025, 0.975])
        gaps_of.append(f"{name} {auc(label, found['Transformer']) - auc(label, found[name]):+.4f} ({low:+.4f} to {high:+.4f})")
    return [f"{len(label):,} customers, {label.mean():.3f} bought again; mean chance: {level}.",
            f"AUC of the Transformer less that of each: {'; '.join(one for one in gaps_of if not one.startswith('Transformer'))}.",
            "`profile_audience` keeps the logistic regression: it takes a second, a network half a minute of one core to train, twice. "
            "The Transformer's next products are measured in the area recommender."]
