"""The demo workspace: one draw of the simulated market as a shop's data, with nothing of the truth in it.

20,000 customers, 240 products, 150 campaigns, two years to `end`. Made whole or not at all; made again it is the same.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from campaignwright.market.schema import TABLES
from campaignwright.market.sim_copytext import draw_copies
from campaignwright.market.sim_history import WEEKS, History, draw_history
from campaignwright.market.sim_mailings import draw_exposures
from campaignwright.market.sim_orders import date_trips, draw_lines, make_events, make_orders
from campaignwright.market.sim_shoppers import AGE_BANDS, COUNTRIES, HISTORY_DAYS
from campaignwright.market.simulator import Market
from campaignwright.market.workspace import Workspace, WorkspaceError

VERSION = 1  # raise when the same seed gives other data
Progress = Callable[[float, str], None]


def make_demo(path: str | Path, *, end: dt.date, seed: int = 0, progress: Progress | None = None) -> Workspace:
    """Make (or, if it stands already, open) the demo workspace at `path`, with data up to and including `end`.

    progress: called with the share done (0-1) and a word on what is being made. Takes about 20 s. Raises WorkspaceError
    when `path` holds other data.
    """
    say = progress or (lambda share, what: None)
    workspace = Workspace.open(path, create=True)
    try:
        if _standing(workspace, end, seed):
            say(1.0, "demo shop is there")
            return workspace
        frames = draw_world(end, seed, say).tables
        say(0.9, "writing the workspace")
        with workspace.transaction():
            for table, frame in frames.items():
                workspace.insert(table, frame)
        workspace.set(name="Demo shop", currency="USD")
    except BaseException:
        workspace.close()
        raise
    say(1.0, "demo shop made")
    return workspace


def _stamp(end: dt.date, seed: int) -> str:
    """What stands for the file hash of this demo in the table `imports`."""
    return hashlib.sha256(json.dumps(["demo", VERSION, end.isoformat(), seed]).encode()).hexdigest()


def _standing(workspace: Workspace, end: dt.date, seed: int) -> bool:
    """Does the workspace hold this very demo? Raises WorkspaceError when it holds anything else."""
    if workspace.scalar("SELECT count(*) FROM imports WHERE sha256 = ?", [_stamp(end, seed)]):
        return True
    filled = [table for table in TABLES if table != "rejects" and workspace.count(table)]
    if filled:
        raise WorkspaceError(
            f"The workspace {workspace.path} holds other data ({filled[0]}). Choose an empty folder for the demo."
        )
    return False


@dataclass(frozen=True)
class World:
    """One draw with its truth, for tests and evaluations; only `tables` (by name) go to a workspace.

    mailings: true effect of each arm of each mailing, as of `draw_exposures`.
    """

    market: Market
    history: History
    mailings: pd.DataFrame
    tables: dict[str, pd.DataFrame]


def draw_world(end: dt.date, seed: int, say: Progress = lambda share, what: None) -> World:
    """The demo shop that ends on `end`; equal for equal (end, seed)."""
    say(0.0, "drawing the market")
    market = Market.draw(seed)
    rng = np.random.default_rng([seed, 12, end.toordinal()])
    names = pseudonyms(seed, len(market.shoppers.created))
    say(0.05, "two years of prices, stock and campaigns")
    history = draw_history(market, end, seed)
    say(0.35, "orders of 20,000 customers")
    lines, views = draw_lines(rng, market, history)
    lines["day"] = date_trips(rng, market, lines)
    exposures, added, mailings = draw_exposures(rng, market, history, lines, names)
    lines = pd.concat([lines, added], ignore_index=True)
    orders, order_lines = make_orders(rng, market, history, lines, names)
    say(0.7, "browsing and copy")
    events = make_events(rng, market, history, views, lines, names)
    totals = history.results.groupby(["campaign_id", "channel"])[["impressions", "clicks"]].sum()
    tables = {
        "products": _products(market, end),
        "customers": _customers(market, end, names),
        "orders": orders,
        "order_lines": order_lines,
        "events": events,
        "campaigns": _campaigns(history),
        "campaign_results": history.results,
        "exposures": exposures,
        "prices": _prices(market, history, lines),
        "stock": _stock(market, history),
        "copies": draw_copies(rng, market, history.campaigns, totals),
    }
    rows = sum(map(len, tables.values()))
    tables["imports"] = pd.DataFrame(
        [
            {
                "import_id": "demo",
                "file_name": "demo shop (simulated)",
                "sha256": _stamp(end, seed),
                "format": "simulator",
                "rows_read": rows,
                "rows_kept": rows,
                "rows_rejected": 0,
                "totals": json.dumps({"orders": round(float(orders["total"].sum()), 2)}),
                "imported_at": pd.Timestamp(end),
            }
        ]
    )
    return World(market, history, mailings, tables)


def pseudonyms(seed: int, count: int) -> np.ndarray:
    """Pseudonyms of the simulated customers, under a key of their own, not the workspace's: a seed repeats them."""
    key = f"demo {seed}".encode()
    return np.array(
        ["c" + hashlib.blake2b(str(place).encode(), key=key, digest_size=8).hexdigest() for place in range(count)],
        dtype=object,
    )


def _days_ago(end: dt.date, days: np.ndarray) -> np.ndarray:
    return np.datetime64(end, "D") - np.floor(days).astype("timedelta64[D]")


def _products(market: Market, end: dt.date) -> pd.DataFrame:
    catalogue = market.catalogue
    return pd.DataFrame(
        {
            "product_id": catalogue.ids,
            "name": catalogue.names,
            "category": [catalogue.categories[place].name for place in catalogue.category],
            "price": catalogue.price,
            "cost": catalogue.cost,
            "brand": catalogue.brands,
            "created_on": _days_ago(end, catalogue.launched),
        }
    )


def _customers(market: Market, end: dt.date, names: np.ndarray) -> pd.DataFrame:
    """Observed traits only: age band, device, membership."""
    shoppers = market.shoppers
    traits = [
        json.dumps({"age_band": AGE_BANDS[age], "device": "mobile" if mobile else "desktop", "member": bool(member)})
        for age, mobile, member in zip(shoppers.age, shoppers.mobile, shoppers.member, strict=True)
    ]
    return pd.DataFrame(
        {
            "customer_id": names,
            "created_on": _days_ago(end, shoppers.created),
            "country": np.array(COUNTRIES)[shoppers.country],
            "email_opt_in": shoppers.opt_in["email"],
            "sms_opt_in": shoppers.opt_in["sms"],
            "push_opt_in": shoppers.opt_in["push"],
            "traits": traits,
        }
    )


def _campaigns(history: History) -> pd.DataFrame:
    rows = []
    for campaign in history.campaigns:
        fields = campaign["strategy"].model_dump()
        shares = json.dumps(fields.pop("shares"))
        kept = {key: campaign[key] for key in ("campaign_id", "name", "objective", "category", "tone", "language")}
        rows.append({**fields, **kept, "shares": shares, "source": "simulator"})
    return pd.DataFrame(rows)


def _week_starts(history: History) -> np.ndarray:
    return np.datetime64(history.begin, "D") + 7 * np.arange(WEEKS).astype("timedelta64[D]")


def _prices(market: Market, history: History, lines: pd.DataFrame) -> pd.DataFrame:
    """Weekly rows from a product's first week: price paid on the shelf, the competitor's, all units sold, promotion."""
    n = len(market.catalogue.ids)
    units = np.zeros((n, WEEKS))
    np.add.at(units, (lines["product"].to_numpy(), lines["day"].to_numpy() // 7), lines["quantity"].to_numpy())
    frame = pd.DataFrame(
        {
            "product_id": np.repeat(market.catalogue.ids, WEEKS),
            "date": np.tile(_week_starts(history), n),
            "price": np.round(history.price * (1 - history.discount), 2).ravel(),
            "competitor_price": history.competitor.ravel(),
            "units": units.ravel(),
            "on_promotion": (history.discount > 0).ravel(),
        }
    )
    return frame[_arrived(market).ravel()].reset_index(drop=True)


def _arrived(market: Market) -> np.ndarray:
    """Mask (products, weeks): is the product out?"""
    return np.arange(WEEKS) * 7 >= HISTORY_DAYS - market.catalogue.launched[:, None]


def _stock(market: Market, history: History) -> pd.DataFrame:
    """On hand and on order at the end of each week, by product."""
    n = len(market.catalogue.ids)
    frame = pd.DataFrame(
        {
            "product_id": np.repeat(market.catalogue.ids, WEEKS),
            "date": np.tile(_week_starts(history) + np.timedelta64(6, "D"), n),
            "on_hand": history.on_hand.ravel(),
            "inbound": history.inbound.ravel(),
            "lead_days": np.repeat(market.catalogue.lead_days, WEEKS),
        }
    )
    return frame[_arrived(market).ravel()].reset_index(drop=True)
