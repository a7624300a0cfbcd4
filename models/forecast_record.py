"""What came of the forecasts that were approved, and how far the next intervals are stretched for it.

A chosen plan is the best of many forecasts, so that its own flatters (the optimizer's curse: Smith and Winkler 2006), and
campaigns of one time share its luck; past campaigns held out by folds (`forecast_calibration`) show neither. The forecasts
frozen at approval beside their results do: of how many half-widths each was off, the 80 % quantile is the factor (split
conformal, Lei et al. 2018), counted together with PRIOR imagined campaigns that fell as the forecast says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy.stats import norm

from campaignwright.market.ledger import Ledger
from campaignwright.market.words import Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.models.forecast_calibration import MEASURED

PRIOR = 8  # imagined campaigns
MOST = 60  # latest approved campaigns that count
LEAST, LARGEST = 0.6, 4.0  # bounds of a factor
SUMS = """SELECT list(DISTINCT channel) AS channels, sum(impressions) AS impressions, sum(clicks) AS clicks,
sum(conversions) AS orders, sum(revenue) AS revenue FROM campaign_results WHERE campaign_id = ?"""


@dataclass(frozen=True)
class Record:
    """`count`: approved plans whose results are there; `held`: metric -> share of results within the promised interval;
    `factor`: metric -> factor on an interval's half-widths (log scale)."""

    count: int = 0
    held: dict[str, float] = field(default_factory=dict)
    factor: dict[str, float] = field(default_factory=dict)


def track_record(workspace: Workspace, halves: Callable[[list[Strategy]], dict[str, np.ndarray]]) -> Record:
    """From the workspace's ledger and results. `halves`: strategies -> metric -> float[n, 2], the half-widths below and
    above the median, in logs, of the forecast before this record stretches it."""
    promised = _promised(workspace)
    if not promised:
        return Record()
    strategies, forecasts, results = (list(part) for part in zip(*promised, strict=True))
    width = halves(strategies)
    held, factor = {}, {}
    for metric in MEASURED:
        rows = [i for i, (said, came) in enumerate(zip(forecasts, results, strict=True)) if metric in said and metric in came]
        if not rows:
            continue
        value, low, high = np.array([forecasts[i][metric] for i in rows], float).T
        actual = np.array([results[i][metric] for i in rows], float)
        held[metric] = float(np.mean((actual >= low) & (actual <= high)))
        gap = np.log(np.maximum(actual, 1e-9) / np.maximum(value, 1e-9))
        side = np.where(gap > 0, width[metric][rows, 1], width[metric][rows, 0])
        factor[metric] = stretch(np.abs(gap) / np.maximum(side, 1e-3))
    return Record(len(promised), held, factor)


def stretch(scores: np.ndarray) -> float:
    """The factor for `scores`, float[m]: distances from the median in half-widths; 1 for none."""
    if not len(scores):
        return 1.0
    imagined = norm.ppf(0.5 + (np.arange(PRIOR) + 0.5) / PRIOR / 2) / norm.ppf(0.9)
    every = np.concatenate([scores, imagined])
    return float(np.clip(np.quantile(every, min(0.8 * (len(every) + 1) / len(every), 1.0)), LEAST, LARGEST))


def _promised(workspace: Workspace) -> list[tuple[Strategy, dict[str, list[float]], dict[str, float]]]:
    """(strategy, metric -> [value, low, high] as promised, metric -> result) of the latest approved plans that ran."""
    if not (workspace.path / "ledger.sqlite").exists():
        return []
    ledger = Ledger(workspace.path)
    campaigns = workspace.query("SELECT campaign_id, coalesce(name, campaign_id) AS name FROM campaigns")
    ran = ledger.campaigns_of(campaigns.itertuples(index=False, name=None))
    found = []
    for approval in ledger.approvals():
        key = ran.get(approval["plan_hash"])
        if key is None:
            continue
        said = {
            name: [row["value"], row["low"], row["high"]]
            for name, row in ledger.forecast(approval["plan_hash"]).items()
            if name in MEASURED and row["low"] is not None
        }
        strategy = Strategy.model_validate(approval["plan"]["strategy"])
        if came := _result(workspace, key, strategy):
            found.append((strategy, said, came))
        if len(found) == MOST:
            break
    return found


def _result(workspace: Workspace, key: str, strategy: Strategy) -> dict[str, float]:
    """What a campaign brought, metric -> total, those that are known; {} while a channel of its plan is still to report."""
    row = workspace.query(SUMS, [key]).iloc[0]
    if {channel for channel, share in strategy.shares.items() if share > 0} - set(row["channels"] if row["channels"] is not None else []):
        return {}
    came = {name: float(row[name]) for name in ("impressions", "clicks", "orders", "revenue") if row[name] == row[name]}
    for name, top, base in (("ctr", "clicks", "impressions"), ("cvr", "orders", "clicks")):
        if came.get(base):
            came[name] = came.get(top, 0.0) / came[base]
    return came
