"""Refuse results of an advertising campaign that an earlier file holds already, cut another way.

Results of a day add up over ad groups, ages or devices, and a period over its days: the same campaign by day and as one
total, with and without a breakdown, or with and without its number, would count twice. The table `coverage` keeps how
each file cut what; the same cut again restates the results and is welcome.
"""

from __future__ import annotations

import pandas as pd

from campaignwright.market.formats_base import Sheet, Write
from campaignwright.market.reading_encoding import ImportProblem
from campaignwright.market.workspace import Workspace


def coverage_write(rows: pd.DataFrame, source: str, parts: tuple[str, ...], sheet: Sheet, workspace: Workspace) -> Write:
    """What the rows cover: campaign_id, campaign, account, number, channel, day and until of each. `parts`: the breakdowns.

    Raises ImportProblem when an earlier file covers a campaign and period by other rows than these.
    """
    new = rows[["campaign_id", "account", "channel", "number"]].assign(name=rows["campaign"], start=rows["day"], until=rows["until"])
    new = new.drop_duplicates(["campaign_id", "start", "until"])
    new = new.assign(source=source, file_name=sheet.raw.name, numbered=new["number"].notna())
    new["cut"] = new["channel"] + "".join(f" {part}" for part in parts if sheet.has(part))
    stored = workspace.query("SELECT * FROM coverage WHERE source = ?", [source])
    stored = stored[stored["name"].isin(new["name"]) | stored["campaign_id"].isin(new["campaign_id"])]
    for _, mine in new.groupby("campaign_id", sort=False) if len(stored) else ():
        _check(mine, _same_campaign(stored, mine.iloc[0]), sheet.raw.name)
    return Write("coverage", new, "replace", ("campaign_id", "start", "until"))


def _same_campaign(stored: pd.DataFrame, one: pd.Series) -> pd.DataFrame:
    """The stored periods of the same campaign: by its id, or by its name where one side gives no account or no number."""
    account = (stored["account"] == one["account"]) | stored["account"].isna() | pd.isna(one["account"])
    unnumbered = ~stored["numbered"].astype(bool) | (not one["numbered"])
    return stored[(stored["campaign_id"] == one["campaign_id"]) | ((stored["name"] == one["name"]) & account & unnumbered)]


def _check(mine: pd.DataFrame, old: pd.DataFrame, file: str) -> None:
    """Raise ImportProblem for a period of `mine` that overlaps one of `old` without being the same rows."""
    mine_key, old_key = _keys(mine), _keys(old)
    both = pd.concat([_overlaps(mine, old[~old_key.isin(mine_key)]), _overlaps(mine[~mine_key.isin(old_key)], old)])
    if both.empty:
        return
    clash = both.iloc[0]
    start, until = max(clash["start"], clash["start_old"]), min(clash["until"], clash["until_old"])
    raise ImportProblem(
        f"{file}: the campaign '{clash['name'][:60]}' from {start:%Y-%m-%d} to {until:%Y-%m-%d} was imported from "
        f"{clash['file_name_old'][:60]} by other days or columns and would count twice; export it by the same ones as that file."
    )


def _keys(periods: pd.DataFrame) -> pd.Series:
    days = (periods[name].astype("datetime64[us]").dt.strftime("%Y%m%d") for name in ("start", "until"))
    return periods["campaign_id"].str.cat([periods["cut"], *days], sep="|")


def _overlaps(mine: pd.DataFrame, old: pd.DataFrame) -> pd.DataFrame:
    """Pairs of periods that share a day; columns of `old` end in `_old`."""
    if mine.empty or old.empty:
        return pd.DataFrame()
    old = old[(old["start"] <= mine["until"].max()) & (old["until"] >= mine["start"].min())]
    both = mine.merge(old, how="cross", suffixes=("", "_old"))
    return both[(both["start"] <= both["until_old"]) & (both["start_old"] <= both["until"])]
