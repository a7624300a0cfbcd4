"""Whom a mailing moves: a T-learner on customer-level exposures, one study a campaign (`uplift_study`).

Features are traits and what was known of the customer at the mailing (recency, frequency, value). Policies are compared by
doubly robust value (`off_policy`): where the mailing was randomised the logged propensity is used, else one is estimated and
every answer is labelled as not randomised. The suite `models`, area uplift, sets the learner beside its rivals.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd
from sklearn.preprocessing import StandardScaler

from campaignwright.market.workspace import Workspace
from campaignwright.models import audience_table
from campaignwright.models.store import MissingTable
from campaignwright.models.uplift_learner import cross_fit, qini_auc
from campaignwright.models.uplift_study import MIN_ARM, outcome_of, study, usable

MAX_ROWS = 120_000
HISTORY = ("log_recency", "log_frequency", "log_value", "bought_before")  # of the features, those made from orders

EXPOSURES = """
SELECT e.customer_id, e.campaign_id, e.arm, e.propensity, coalesce(e.randomised, false) AS randomised,
       coalesce(e.visit, false) AS visit, coalesce(e.conversion, false) AS conversion, coalesce(e.spend, 0) AS spend,
       e.exposed_on, CAST(c.traits AS VARCHAR) AS traits
FROM exposures e LEFT JOIN customers c USING (customer_id) WHERE e.arm IS NOT NULL
ORDER BY e.campaign_id, e.customer_id, e.arm"""


def design(rows: pd.DataFrame, bought: pd.DataFrame) -> pd.DataFrame:
    """Numeric features (rows, k): traits as numbers or one-hot (up to 12 levels), recency, frequency and value at the mailing."""
    traits = audience_table.parse_traits(rows["traits"].reset_index(drop=True))
    columns: dict[str, Any] = {}
    for name in sorted(traits.columns.astype(str)):
        number = pd.to_numeric(traits[name], errors="coerce") if not isinstance(traits[name].iloc[0], dict | list) else None
        if number is not None and number.notna().mean() > 0.5:
            columns[name] = number.fillna(number.median()).astype(float)
        elif number is not None and 2 <= traits[name].astype(str).nunique() <= 12:
            for level in sorted(traits[name].astype(str).unique())[1:]:
                columns[f"{name}={level}"] = (traits[name].astype(str) == level).astype(float)
    frame = pd.DataFrame(columns, index=range(len(rows)))
    if len(bought) and rows["exposed_on"].notna().any():
        frame = pd.concat([frame, _history(rows, bought)], axis=1)
    return frame if frame.shape[1] else pd.DataFrame({"constant": np.zeros(len(rows))})


def _history(rows: pd.DataFrame, bought: pd.DataFrame) -> pd.DataFrame:
    """log recency, log frequency, log value and bought-before as they stood the day before each mailing."""
    answer = np.zeros((len(rows), 4))
    for day, index in rows.reset_index(drop=True).groupby("exposed_on").indices.items():
        known = audience_table.snapshot(bought, pd.Timestamp(day) - pd.Timedelta(days=1)).reindex(rows["customer_id"].iloc[index])
        answer[index] = np.column_stack([np.log1p(known["recency_days"].fillna(730)), np.log1p(known["frequency"].fillna(0)),
                                         np.log1p(known["value"].clip(lower=0).fillna(0)), known["frequency"].notna()])
    return pd.DataFrame(answer, columns=list(HISTORY))


class UpliftModel:
    """`campaigns`: campaign_id -> findings of `uplift_study.study`."""

    NAME: ClassVar[str] = "uplift"
    TABLES: ClassVar[tuple[str, ...]] = ("exposures",)
    READS: ClassVar[tuple[str, ...]] = ("customers", "exposures", "order_lines", "orders")
    SPLIT: ClassVar[str] = "two random halves of the customers, each scored by the fit to the other"
    VERSION: ClassVar[int] = 4

    def __init__(self, campaigns: dict[str, dict], metrics: dict, rows: int) -> None:
        self.campaigns, self.metrics, self.rows = campaigns, metrics, rows

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> Self:
        """Raises MissingTable when no mailing has both a treated arm and a control of 200 customers."""
        everything = workspace.query(EXPOSURES)
        everything["exposed_on"] = pd.to_datetime(everything["exposed_on"])
        enough = [frame for _, frame in everything.groupby("campaign_id", sort=True, dropna=False) if usable(frame)]
        if not enough:
            raise MissingTable(cls.NAME, "exposures", "No mailing here has a treated arm and a control arm of at least "
                               f"{MIN_ARM} customers each, so no uplift can be measured.")
        rows = pd.concat(enough, ignore_index=True)
        if len(rows) > MAX_ROWS:
            rows = rows.sample(MAX_ROWS, random_state=seed).sort_index().reset_index(drop=True)
        features = design(rows, audience_table.purchases(workspace))
        x = StandardScaler().fit_transform(features)
        fold = np.random.default_rng(seed).integers(0, 2, len(rows))
        campaigns = {str(name): study(rows.loc[index], features.loc[index], x[index], fold[index])
                     for name, index in rows.groupby("campaign_id", sort=True, dropna=False).indices.items()
                     if usable(rows.loc[index])}
        outcome, treated = outcome_of(rows), (rows["arm"] != "control").to_numpy().astype(int)
        y = rows[outcome].to_numpy(float)
        halves = cross_fit(x, y, treated, 2, fold)
        metrics = {"qini": qini_auc(y, halves[:, 1] - halves[:, 0], treated), "outcome": outcome,
                   "randomised_rows": int(rows["randomised"].sum()),
                   "campaigns": len(campaigns), "personalising_pays": sum(c["personalising_pays"] for c in campaigns.values())}
        return cls(campaigns, metrics, len(rows))

    def save(self, folder: Path) -> None:
        """`uplift.json`."""
        (folder / "uplift.json").write_text(json.dumps({"campaigns": self.campaigns, "metrics": self.metrics, "rows": self.rows}))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        return cls(**json.loads((folder / "uplift.json").read_text()))
