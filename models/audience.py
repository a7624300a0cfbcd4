"""Who the customers are: six audiences by rules that follow the shop's own purchase rhythm, their profile and reachability.

The rules (`g` = median, `q` = 90th percentile of the days between two purchases of the same customer):

- all: every customer known, buyers or not.
- lapsed: has bought, but not for more than `q` days (30-365): nine of ten repeat purchases come sooner than that.
- new: first purchase (or, without one, the account) within the last 2 g days (14-120), not more than two purchases.
- loyal: at least max(3, upper-quartile) purchases, and not lapsed.
- high_value: the fifth of the buyers that brought the most money.
- deal_seekers: at least two purchases, at least half of them on a deal (discounted orders; where no discount is recorded,
  lines at 5 % or more under the product's median price).

Without orders the same words are read from customer traits (see `audience_table.from_traits`); then lapsed means 180 days.
A shop may define more in `workspace.settings["segments"]`: name -> {column: value or [low, high]} over the columns of the
customer table or a trait. Not covered: who will respond to a campaign (`uplift`) or how often (`response`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pandas as pd

from campaignwright.market.words import AUDIENCES, OWNED_CHANNELS
from campaignwright.market.workspace import Workspace
from campaignwright.models import audience_profile, audience_table
from campaignwright.models.churn import fit_churn
from campaignwright.models.store import MissingTable

LAPSED_WITHOUT_RHYTHM = 180.0
OPT_IN = {"email": "email_opt_in", "sms": "sms_opt_in", "push": "push_opt_in"}
WECHAT_COUNTRIES = frozenset(("cn", "china", "hk", "hong kong", "mo", "macao", "sg", "singapore", "中国", "香港", "新加坡"))


def rhythm(bought: pd.DataFrame) -> dict[str, float]:
    """Days: typical_gap (median), lapsed_after (90th percentile, 30-365 and at most half of the history), new_within, span."""
    span = float((bought["day"].max() - bought["day"].min()).days)
    gaps = audience_table.gaps(bought)
    typical = float(np.median(gaps)) if len(gaps) >= 20 else min(60.0, span / 4)
    late = float(np.quantile(gaps, 0.9)) if len(gaps) >= 20 else LAPSED_WITHOUT_RHYTHM
    return {
        "span_days": span, "typical_gap_days": typical,
        "lapsed_after_days": round(min(np.clip(late, 30, 365), max(span / 2, 1))),
        "new_within_days": round(min(np.clip(2 * typical, 14, 120), max(span / 4, 1))),
    }


def rules(frame: pd.DataFrame, days: dict[str, float]) -> dict[str, np.ndarray]:
    """Name -> boolean membership over the rows of the customer table; rows that never bought belong to `all` alone."""
    bought = frame["frequency"].fillna(0) > 0
    lapsed = bought & (frame["recency_days"] > days["lapsed_after_days"])
    young = frame["tenure_days"].fillna(frame["account_days"]) <= days["new_within_days"]
    often = max(3.0, float(frame.loc[bought, "frequency"].quantile(0.75))) if bought.any() else 3.0
    rich = frame.loc[bought, "value"].quantile(0.8) if bought.any() else 0.0
    days["loyal_from_purchases"], days["high_value_from"] = float(often), float(rich)
    return {
        "all": np.ones(len(frame), dtype=bool),
        "new": (young & (frame["frequency"].fillna(0) <= 2)).to_numpy(),
        "loyal": (bought & (frame["frequency"] >= often) & ~lapsed).to_numpy(),
        "lapsed": lapsed.to_numpy(),
        "high_value": (bought & (frame["value"] >= rich) & (frame["value"] > 0)).to_numpy(),
        "deal_seekers": (bought & (frame["frequency"] >= 2) & (frame["deal_share"] >= 0.5)).to_numpy(),
    }


def trait_rules(frame: pd.DataFrame, days: dict[str, float]) -> dict[str, np.ndarray]:
    """The six audiences where only traits are known; a rule whose trait is missing has no members."""
    newbie = frame["newbie"].fillna(0) > 0
    lapsed = frame["recency_days"] > days["lapsed_after_days"]
    rich = frame["value"] >= frame["value"].quantile(0.8)
    often = frame["frequency"] >= 3 if frame["frequency"].notna().any() else frame["value"] >= frame["value"].median()
    return {
        "all": np.ones(len(frame), dtype=bool), "new": newbie.to_numpy(), "loyal": (often & ~newbie & ~lapsed).to_numpy(),
        "lapsed": lapsed.to_numpy(), "high_value": rich.to_numpy(), "deal_seekers": (frame["deal_share"] >= 0.5).to_numpy(),
    }


def segment_mask(frame: pd.DataFrame, traits: pd.DataFrame, rule: dict[str, Any]) -> np.ndarray:
    """Members of a segment the workspace defines. An unknown column is an error that names the segment's rule."""
    mask = np.ones(len(frame), dtype=bool)
    for column, wanted in rule.items():
        if column not in frame.columns and column not in traits.columns:
            raise ValueError(f"workspace.json: a segment asks for {column!r}; known are {', '.join([*frame.columns, *traits.columns])}")
        values = frame[column] if column in frame.columns else traits[column]
        if isinstance(wanted, list) and len(wanted) == 2:
            number = pd.to_numeric(values, errors="coerce")
            low, high = (-np.inf if wanted[0] is None else wanted[0]), (np.inf if wanted[1] is None else wanted[1])
            mask &= ((number >= low) & (number <= high)).to_numpy()
        else:
            mask &= (values.astype(str) == str(wanted)).to_numpy()
    return mask


class AudienceModel:
    """`table`: one row a customer (index customer_id) with the RFM columns, churn (0-1 or NaN) and `in_<audience>` flags."""

    NAME: ClassVar[str] = "audience"
    TABLES: ClassVar[tuple[str, ...]] = ()  # orders, or customers, or exposures: any one is enough
    READS: ClassVar[tuple[str, ...]] = ("campaign_results", "customers", "exposures", "order_lines", "orders", "products")
    SPLIT: ClassVar[str] = "churn: fitted on the horizon before the last, scored on the last"
    VERSION: ClassVar[int] = 2

    def __init__(self, table: pd.DataFrame, days: dict[str, float], profiles: dict[str, dict], metrics: dict, rows: int) -> None:
        self.table, self.days, self.profiles, self.metrics, self.rows = table, days, profiles, metrics, rows

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> Self:
        """Raises MissingTable when neither orders nor customers nor exposures hold anybody."""
        frame = audience_table.known_customers(workspace)
        if frame.empty:
            raise MissingTable(cls.NAME, "customers", "There is no customer yet: import orders, customers or a mailing's exposures.")
        traits = audience_table.parse_traits(frame.pop("traits"))
        bought = audience_table.purchases(workspace)
        metrics: dict[str, float] = {}
        if len(bought):
            frame, days, metrics, members = cls._from_orders(workspace, frame, bought)
        else:
            frame = frame.join(audience_table.from_traits(traits))
            days = {"lapsed_after_days": LAPSED_WITHOUT_RHYTHM}
            frame["churn"] = np.nan
            members = trait_rules(frame, days)
            frame = frame.drop(columns="newbie")
        for name, rule in (workspace.settings.get("segments") or {}).items():
            members[name] = segment_mask(frame, traits, rule)
        frame = frame.assign(**{f"in_{name}": mask for name, mask in members.items()})
        profiles = audience_profile.profiles(workspace, frame, list(members))
        rows = len(frame) + int(bought["orders"].sum())
        return cls(frame, days, profiles, metrics, rows)

    @staticmethod
    def _from_orders(workspace: Workspace, frame: pd.DataFrame, bought: pd.DataFrame) -> tuple:
        as_of = bought["day"].max()
        days: dict[str, Any] = rhythm(bought)
        buyers = audience_table.snapshot(bought, as_of)
        horizon = int(max(min(days["lapsed_after_days"], days["span_days"] / 4), 7))
        churn, metrics = fit_churn(bought, horizon, max(days["typical_gap_days"], 1.0))
        buyers["churn"] = churn.predict(buyers) if churn else np.nan
        returned = workspace.query(audience_table.RETURNS).set_index("customer_id")["returned"]
        buyers["value"] = (buyers["value"] + returned.reindex(buyers.index).fillna(0.0)).clip(lower=0.0)
        frame = frame.join(buyers)
        frame["account_days"] = (as_of - frame["created_on"]).dt.days.astype(float)
        members = rules(frame, days)
        days |= {"churn_horizon_days": horizon, "as_of": as_of.date().isoformat(),
                 "discounts_recorded": bool(bought.attrs["discounts_recorded"])}
        return frame, days, metrics, members

    def names(self) -> list[str]:
        """The six audiences, then the workspace's own segments."""
        own = [column[3:] for column in self.table.columns if column.startswith("in_") and column[3:] not in AUDIENCES]
        return [*AUDIENCES, *own]

    def _mask(self, audience: str) -> np.ndarray:
        if audience not in self.names():
            raise KeyError(audience)
        return self.table[f"in_{audience}"].to_numpy(dtype=bool)

    def size(self, audience: str) -> int:
        """Number of customers. Raises KeyError for an unknown audience (so do all the methods below)."""
        return int(self._mask(audience).sum())

    def members(self, audience: str) -> list[str]:
        """Their pseudonyms, sorted."""
        return self.table.index[self._mask(audience)].tolist()

    def consenting(self, audience: str, channel: str) -> list[str]:
        """Members who agreed to messages on `channel`, sorted; all of them where no consent is recorded or none is needed."""
        column = OPT_IN.get(channel)
        if column is None or not self.opt_in_known(audience, channel):
            return self.members(audience)
        return self.table.index[self._mask(audience) & self.table[column].fillna(False).to_numpy(dtype=bool)].tolist()

    def opt_in_known(self, audience: str, channel: str) -> bool:
        """Whether any member's consent for `channel` is recorded (always true for paid channels)."""
        if channel not in OWNED_CHANNELS:
            return True
        column = OPT_IN.get(channel)
        return column is not None and bool(self.table.loc[self._mask(audience), column].notna().any())

    def reachable(self, audience: str, channel: str) -> float:
        """Share (0-1) of the audience that `channel` can reach; 1.0 for paid channels.

        With opt-ins recorded: the share that opted in (unknown counts as no). Not recorded at all: 1.0 for e-mail, an upper
        bound as every order leaves an address; 0.0 for SMS and push, which need a number or an app nobody told us of.
        WeChat followers are recorded nowhere: the share living where WeChat is usual, an upper bound.
        """
        rows = self.table[self._mask(audience)]
        if channel not in OWNED_CHANNELS:
            return 1.0
        if channel == "wechat":
            return float(rows["country"].fillna("").str.strip().str.lower().isin(WECHAT_COUNTRIES).mean()) if len(rows) else 0.0
        values = rows[OPT_IN[channel]]
        if values.notna().any():
            return float(values.fillna(False).astype(bool).mean())
        return 1.0 if channel == "email" and len(values) else 0.0

    def order_rate(self, audience: str, days: int) -> float | None:
        """Share (0-1) of the audience expected to order within `days` days unprompted, by their churn probabilities at a
        constant hazard; who never bought counts as 0. None where there is no churn model."""
        churn = self.table.loc[self._mask(audience), "churn"]
        if not churn.notna().any():
            return None
        return float((1 - churn.clip(1e-6, 1) ** (days / self.days["churn_horizon_days"])).fillna(0.0).mean())

    def profile(self, audience: str) -> dict[str, Any]:
        """JSON-ready: audience, size, share, buyers, recency_days (median), frequency, value, aov, churn_risk (means), each
        `None` where the data are silent, `<name>_range` (10th and 90th percentile of the members), send_hour, channel,
        channels, categories, words, products, reach (channel -> share), rule thresholds in `days`."""
        mask = self._mask(audience)
        rows = self.table[mask]
        buyers = rows[rows["recency_days"].notna()]
        numbers: dict[str, Any] = {}
        for name, column in (("recency_days", "recency_days"), ("frequency", "frequency"), ("value", "value"), ("churn_risk", "churn")):
            known = buyers[column].dropna()
            centre = known.median() if name == "recency_days" else known.mean()
            numbers[name] = float(centre) if len(known) else None
            numbers[f"{name}_range"] = [float(q) for q in known.quantile([0.1, 0.9])] if len(known) else None
        orders = buyers["orders"].sum()
        aov = float(buyers["value"].sum() / orders) if orders > 0 else None
        return {
            "audience": audience, "size": int(mask.sum()), "share": float(mask.mean()), "buyers": len(buyers), **numbers, "aov": aov,
            **self.profiles[audience], "days": self.days,
            "reach": {channel: self.reachable(audience, channel) for channel in OWNED_CHANNELS},
            "opt_in_known": {channel: self.opt_in_known(audience, channel) for channel in ("email", "sms", "push")},
        }

    def save(self, folder: Path) -> None:
        """`customers.parquet` and `audience.json`."""
        self.table.reset_index().to_parquet(folder / "customers.parquet", index=False)
        (folder / "audience.json").write_text(json.dumps({
            "days": self.days, "profiles": self.profiles, "metrics": self.metrics, "rows": self.rows}, default=float))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote."""
        table = pd.read_parquet(folder / "customers.parquet").set_index("customer_id")
        return cls(table, **json.loads((folder / "audience.json").read_text()))
