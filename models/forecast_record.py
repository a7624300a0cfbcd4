"""What came of the forecasts that were approved, and how far the next intervals are stretched for it.

A chosen plan is the best of many forecasts, so that its own flatters (the optimizer's curse: Smith and Winkler 2006), and
campaigns of one time share its luck; past campaigns held out by folds (`forecast_calibration`) show neither. The forecasts
frozen at approval beside their results do: of how many half-widths each was off, the 80 % quantile is the factor (split
conformal, Lei et al. 2018), counted together with PRIOR imagined campaigns that fell as the forecast says.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pydantic import ValidationError
from scipy.stats import norm

from campaignwright.market.ledger import Ledger
from campaignwright.market.words import OWNED_CHANNELS, Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.models.forecast_calibration import MEASURED

PRIOR = 8  # imagined campaigns
MOST = 60  # latest approved campaigns that count
LEAST, LARGEST = 0.6, 4.0  # bounds of a factor
SPENT = 0.25  # how far, as a part, the money spent on ads may be from the plan's
LATE = 1  # last days of a plan for which ads may report nothing
CAME = {"impressions": "impressions", "clicks": "clicks", "orders": "conversions", "revenue": "revenue"}
RATIOS = {"ctr": ("clicks", "impressions"), "cvr": ("orders", "clicks")}
ROWS = "SELECT channel, day, impressions, clicks, conversions, revenue, spend FROM campaign_results WHERE list_contains(?, campaign_id)"
UNTIL = "SELECT min(last) FROM (SELECT max(until) AS last FROM coverage WHERE list_contains(?, campaign_id) GROUP BY campaign_id)"


@dataclass(frozen=True)
class Record:
    """`held`: metric -> (results within the promised interval, approved plans with that result); `factor`: metric -> factor
    on an interval's half-widths (log scale)."""

    held: dict[str, tuple[int, int]] = field(default_factory=dict)
    factor: dict[str, float] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Approved plans whose results are in."""
        return max((plans for _, plans in self.held.values()), default=0)


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
        held[metric] = int(((actual >= low) & (actual <= high)).sum()), len(rows)
        gap = np.log(np.maximum(actual, 1e-9) / np.maximum(value, 1e-9))
        side = np.where(gap > 0, width[metric][rows, 1], width[metric][rows, 0])
        factor[metric] = stretch(np.abs(gap) / np.maximum(side, 1e-3))
    return Record(held, factor)


def stretch(scores: np.ndarray) -> float:
    """The factor for `scores`, float[m]: distances from the median in half-widths; 1 for none."""
    if not len(scores):
        return 1.0
    imagined = norm.ppf(0.5 + (np.arange(PRIOR) + 0.5) / PRIOR / 2) / norm.ppf(0.9)
    every = np.concatenate([np.minimum(scores, LARGEST), imagined])
    return float(np.clip(np.quantile(every, min(0.8 * (len(every) + 1) / len(every), 1.0)), LEAST, LARGEST))


def _promised(workspace: Workspace) -> list[tuple[Strategy, dict[str, list[float]], dict[str, float]]]:
    """(strategy, metric -> [value, low, high] as promised, metric -> result) of the latest approved plans that have run."""
    if not (workspace.path / "ledger.sqlite").exists():
        return []
    ledger = Ledger(workspace.path)
    campaigns = workspace.query("SELECT campaign_id, coalesce(name, campaign_id) AS name FROM campaigns")
    ran = ledger.campaigns_of(campaigns.itertuples(index=False, name=None))
    found = []
    for approval in ledger.approvals():
        if approval["plan_hash"] not in ran:
            continue
        said = {
            name: [row["value"], row["low"], row["high"]]
            for name, row in ledger.forecast(approval["plan_hash"]).items()
            if name in MEASURED and None not in (row["value"], row["low"], row["high"])
        }
        try:
            strategy = Strategy.model_validate(approval["plan"]["strategy"])
        except ValidationError:  # of an older version
            continue
        if came := _result(workspace, ran[approval["plan_hash"]], strategy):
            found.append((strategy, said, came))
        if len(found) == MOST:
            break
    return found


def _result(workspace: Workspace, keys: list[str], strategy: Strategy) -> dict[str, float]:
    """What a plan's campaigns brought, metric -> total, those that every row tells; {} while they run, and where they did not
    run as planned."""
    rows = workspace.query(ROWS, [keys])
    if not _as_planned(rows, workspace.scalar(UNTIL, [keys]), strategy):
        return {}
    came = {name: float(rows[column].sum()) for name, column in CAME.items() if rows[column].notna().all()}
    ratios = {name: (came[top], came[base]) for name, (top, base) in RATIOS.items() if top in came and came.get(base)}
    return came | {name: top / base for name, (top, base) in ratios.items()}


def _as_planned(rows: pd.DataFrame, until: dt.date | None, strategy: Strategy) -> bool:
    """Whether every channel of the plan reports and no other, its ads to the end, with about the money planned, and was seen."""
    used = {channel for channel, share in strategy.shares.items() if share > 0}
    if used != set(rows["channel"]) or not rows["impressions"].fillna(1).sum():
        return False
    paid = used - set(OWNED_CHANNELS)
    ads = rows[rows["channel"].isin(paid)]
    if not paid:
        return True
    days = [pd.Timestamp(day) for day in (ads.groupby("channel")["day"].max().min(), until) if day is not None and day == day]
    planned = strategy.budget * sum(strategy.shares[channel] for channel in paid)
    ended = bool(days) and max(days).date() >= strategy.start + dt.timedelta(strategy.days - 1 - LATE)
    return ended and (ads["spend"].isna().all() or abs(ads["spend"].sum() - planned) <= SPENT * planned)
