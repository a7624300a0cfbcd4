"""What a unit of money in each channel brought, as the shop's own weekly revenue tells it: `budget_series` on a workspace."""

from __future__ import annotations

import numpy as np
import pandas as pd

from campaignwright.market.workspace import Workspace
from campaignwright.models.budget_series import MIN_WEEKS, fit_series

MIN_ACTIVE = 12  # weeks with spend that a channel needs
WEEKS = """
WITH sold AS (SELECT CAST(date_trunc('week', ordered_at) AS DATE) AS week, sum(total) AS revenue FROM orders
              WHERE coalesce(status, 'paid') = 'paid' AND total > 0 GROUP BY 1),
spent AS (SELECT CAST(date_trunc('week', day) AS DATE) AS week, channel, sum(spend) AS spend FROM campaign_results
          WHERE day IS NOT NULL AND spend > 0 GROUP BY 1, 2)
SELECT week, coalesce(revenue, 0) AS revenue, channel, coalesce(spend, 0) AS spend FROM sold FULL JOIN spent USING (week) ORDER BY week"""


def weekly_returns(workspace: Workspace, *, seed: int = 0) -> dict[str, list[float]]:
    """channel -> [middle, low, high] revenue for a unit spent, 80 % interval; {} with less than 52 full weeks of orders since the
    first spend. A channel needs 12 weeks with spend; money in the others is left out, as all that revenue owes to anything else."""
    frame = workspace.query(WEEKS)
    if frame.empty:
        return {}
    spend = frame[frame["channel"].notna()].pivot_table(index="week", columns="channel", values="spend", aggfunc="sum")
    revenue = frame.groupby("week")["revenue"].first()
    revenue = revenue.reindex(pd.date_range(revenue.index.min(), revenue.index.max(), freq="7D"), fill_value=0.0)  # closed weeks count
    revenue = revenue.iloc[1:-1]  # the first and last week may not be whole
    revenue = revenue[revenue.index >= spend.index.min()] if len(spend) else revenue[:0]
    spend = spend.reindex(revenue.index).fillna(0.0)
    spend = spend.loc[:, (spend > 0).sum() >= MIN_ACTIVE]
    if len(revenue) < MIN_WEEKS or not len(spend.columns):
        return {}
    found = fit_series(revenue.to_numpy(float), spend.to_numpy(float), seed=seed).returns()
    low, middle, high = np.quantile(found, [0.1, 0.5, 0.9], axis=0)
    return {str(name): [float(middle[c]), float(low[c]), float(high[c])] for c, name in enumerate(spend.columns)}
