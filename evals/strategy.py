"""Suite `strategy`: what the chosen strategies truly earn in the simulated market, beside what managers and chance do.

One case is a brief (a category and an objective) for the demo shop; the copilot's tools pick a strategy from the shop's
data alone and `Market.expected` (the truth, unknown to them) scores it. Score: expected profit in the shop's currency.
Beside it, for the same products, budget, days and start: a random feasible strategy, the shop's median past strategy, and
the oracle (the best of the same candidates under the truth). Intervals: bootstrap over briefs of the paired difference.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from campaignwright.market.demo import make_demo
from campaignwright.market.simulator import Market
from campaignwright.market.words import ANGLES, CHANNELS, Brief, Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.tools.base import Context, call
from campaignwright.tools.registry import TOOLS

END = dt.date(2026, 11, 22)
OBJECTIVES = ("profit", "revenue")


def cases(workspace: Workspace, limit: int | None = None) -> list[Brief]:
    """One brief a category and objective, 10,000 in the workspace's currency, two weeks."""
    rows = workspace.query(
        "SELECT category, list(product_id ORDER BY product_id) AS ids FROM products GROUP BY 1 ORDER BY 1"
    )
    briefs = [
        Brief(objective=objective, products=list(ids), product_names=[name], budget=10_000, start=END + dt.timedelta(8),
              days=14, max_discount=0.3, currency=workspace.currency)
        for objective in OBJECTIVES for name, ids in zip(rows["category"], rows["ids"], strict=True)
    ]  # fmt: skip
    return briefs[:limit]


def _random(rng: np.random.Generator, brief: Brief) -> Strategy:
    channels = rng.choice(CHANNELS, size=rng.integers(1, 4), replace=False)
    shares = rng.dirichlet(np.ones(len(channels)))
    discount = float(rng.choice([0.0, 0.1, 0.2, 0.3]))
    return Strategy(
        audience="all", products=brief.products, shares=dict(zip(channels.tolist(), shares.tolist(), strict=True)),
        discount=discount, offer="percent_off" if discount else "none", days=brief.days, send_hour=int(rng.integers(7, 22)),
        weekly_frequency=float(rng.integers(1, 4)), angle=str(rng.choice(ANGLES)), budget=brief.budget, start=brief.start,
    )  # fmt: skip


def _usual(workspace: Workspace, brief: Brief) -> Strategy:
    """What this shop's managers usually did: mean channel shares, median discount, most frequent angle."""
    import json

    past = workspace.query("SELECT shares, discount, angle, send_hour, weekly_frequency FROM campaigns")
    totals: dict[str, float] = {}
    for row in past["shares"]:
        for channel, share in json.loads(row).items():
            totals[channel] = totals.get(channel, 0.0) + share
    whole = sum(totals.values())
    discount = round(float(past["discount"].median()), 2)
    return Strategy(
        audience="all", products=brief.products, shares={channel: value / whole for channel, value in totals.items()},
        discount=discount, offer="percent_off" if discount else "none", days=brief.days,
        send_hour=int(past["send_hour"].median()), weekly_frequency=float(past["weekly_frequency"].median()),
        angle=past["angle"].mode()[0], budget=brief.budget, start=brief.start,
    )  # fmt: skip


def run(*, limit: int | None = None, seed: int = 0, progress: Callable[[float, str], None] | None = None, **_: Any) -> dict[str, Any]:
    """Score every case; returns {"rows", "summary", "unit", "note"}."""
    rng, truth, rows = np.random.default_rng(seed), Market.draw(0), []
    with tempfile.TemporaryDirectory() as folder, make_demo(Path(folder) / "demo", end=END, seed=0) as workspace:
        cache: dict[str, Any] = {}
        briefs = cases(workspace, limit)
        for place, brief in enumerate(briefs):
            if progress:
                progress(place / len(briefs), f"strategy: {brief.product_names[0]}")
            ctx = Context(workspace, END, seed=seed, brief=brief, cache=cache)
            call(TOOLS, ctx, "generate_strategies", {"n": "5"})
            found = [truth.expected(one)["profit"] for one in ctx.strategies.values()]
            rows.append(
                {
                    "case": f"{brief.product_names[0]}, {brief.objective}",
                    "copilot": found[0],
                    "oracle_of_candidates": max(found),
                    "usual": truth.expected(_usual(workspace, brief))["profit"],
                    "random": float(np.mean([truth.expected(_random(rng, brief))["profit"] for _ in range(5)])),
                }
            )
    return {
        "rows": rows,
        "summary": _summary(rows, rng),
        "unit": "expected profit, USD",
        "note": __doc__.split("\n\n")[1],
    }


def _summary(rows: list[dict[str, Any]], rng: np.random.Generator) -> dict[str, list[float]]:
    """Mean and 95 % bootstrap interval of each column and of copilot minus each rival."""
    table = {
        name: np.array([row[name] for row in rows]) for name in ("copilot", "usual", "random", "oracle_of_candidates")
    }
    table |= {
        f"copilot - {name}": table["copilot"] - table[name] for name in ("usual", "random", "oracle_of_candidates")
    }
    picks = rng.integers(0, len(rows), (2000, len(rows)))
    return {
        name: [float(values.mean()), *(float(edge) for edge in np.quantile(values[picks].mean(axis=1), [0.025, 0.975]))]
        for name, values in table.items()
    }
