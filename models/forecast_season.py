"""The shop's own yearly rhythm per category, from past orders: a week of the year against an average week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from campaignwright.market.words import CHANNELS
from campaignwright.market.workspace import Workspace

WEEKS = 53
STEADY = 4.0  # orders a week and year that a week's own level must outweigh
TREND_DAYS = 550  # below this span growth and season cannot be told apart: no growth is assumed


@dataclass
class Season:
    """`index`: category ("" = the shop) -> log index of the 53 weeks of the year, float[53], about 0 on average."""

    index: dict[str, np.ndarray]

    def log_index(self, category: str, start: np.datetime64, days: float) -> float:
        """Log of the mean index over the days of a campaign; 0 where the shop's past says nothing."""
        profile = self.index.get(category, self.index.get(""))
        if profile is None:
            return 0.0
        day = np.datetime64(start, "D") + np.arange(int(max(days, 1)))
        week = ((day - day.astype("datetime64[Y]")).astype(int) // 7).clip(0, WEEKS - 1)
        return float(np.log(np.mean(np.exp(profile[week]))))


def fit_season(workspace: Workspace) -> Season:
    """Profiles from orders that no campaign channel is credited with, or from all when channels are not recorded."""
    marks = ", ".join("?" for _ in CHANNELS)
    frame = workspace.query(
        f"""SELECT CAST(o.ordered_at AS DATE) AS day, coalesce(p.category, '') AS category, count(*) AS lines,
                   count(*) FILTER (WHERE o.channel IS NULL OR o.channel NOT IN ({marks})) AS unprompted
            FROM orders o JOIN order_lines l USING (order_id) LEFT JOIN products p USING (product_id)
            WHERE l.quantity > 0 AND coalesce(o.status, 'paid') = 'paid' GROUP BY 1, 2 ORDER BY 1, 2""",
        list(CHANNELS),
    )
    if frame.empty:
        return Season({})
    frame["count"] = frame["unprompted"] if frame["unprompted"].sum() >= 0.3 * frame["lines"].sum() else frame["lines"]
    frame["day"] = pd.to_datetime(frame["day"])
    first, last = frame["day"].min(), frame["day"].max()
    if (last - first).days < 180:
        return Season({})
    shop = _profile(frame, first, last, np.zeros(WEEKS))
    named = {str(name): _profile(group, first, last, shop) for name, group in frame.groupby("category") if name}
    return Season({"": shop, **named})


def _profile(frame: pd.DataFrame, first: pd.Timestamp, last: pd.Timestamp, prior: np.ndarray) -> np.ndarray:
    """Log index per week of the year, float[53], shrunk towards `prior` where orders are few."""
    days = pd.date_range(first, last, freq="D")
    count = frame.groupby("day")["count"].sum().reindex(days, fill_value=0).to_numpy(float)
    week = (days.day_of_year.to_numpy() - 1) // 7
    years = np.arange(len(days)) / 365.25
    growth = 0.0
    if len(days) >= TREND_DAYS:
        monthly = pd.DataFrame({"count": count, "week": week, "year": np.floor(years)})
        level = np.log(monthly.groupby(["week", "year"])["count"].mean() + 0.5).unstack()
        if level.shape[1] >= 2:
            growth = float(np.nanmedian(level[1.0] - level[0.0]))
    expected = np.exp(growth * (years - years.mean()))
    expected *= count.sum() / expected.sum()
    seen, usual = np.zeros(WEEKS), np.zeros(WEEKS)
    np.add.at(seen, week, count)
    np.add.at(usual, week, expected)
    kernel = np.array([0.25, 0.5, 0.25])
    seen, usual = (np.convolve(np.concatenate([a[-1:], a, a[:1]]), kernel, "valid") for a in (seen, usual))
    base = usual * np.exp(prior)
    return np.clip(np.log((seen + STEADY * np.exp(prior)) / (usual + STEADY)) if base.sum() > 0 else prior, -2.0, 2.0)
