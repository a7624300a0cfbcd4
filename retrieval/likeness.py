"""How like a strategy a past campaign was, by the controls that both sides know."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from campaignwright.market.words import Strategy
from campaignwright.retrieval.documents import season


def plain(value: Any) -> Any:
    """A table cell as a Python value; None where it is missing."""
    if value is None or (not isinstance(value, list | np.ndarray) and pd.isna(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def agreement(strategy: Strategy, row: dict) -> float:
    """Mean agreement (0-1) of audience, products, channel shares, discount, offer, angle, budget, days and season."""
    shares, ids = json.loads(row["shares"]), set(row["products"])
    parts: list[tuple[float, float]] = []
    if shares and strategy.shares:
        parts.append((2.0, sum(min(share, shares.get(channel, 0.0)) for channel, share in strategy.shares.items())))
    elif len(row["channels"]) and strategy.shares:
        parts.append((2.0, sum(share for channel, share in strategy.shares.items() if channel in row["channels"])))
    if ids and strategy.products:
        parts.append((2.0, len(ids & set(strategy.products)) / len(ids | set(strategy.products))))
    parts += [
        (1.0, float(row[name] == getattr(strategy, name))) for name in ("audience", "offer", "angle") if row[name]
    ]
    for name, scale in (("discount", 0.3),):
        if plain(row[name]) is not None:
            parts.append((1.0, max(0.0, 1 - abs(row[name] - getattr(strategy, name)) / scale)))
    for name in ("budget", "days"):
        value = plain(row[name])
        if value and getattr(strategy, name):
            parts.append((0.7, float(np.exp(-abs(np.log(value / getattr(strategy, name)))))))
    if row["season"]:
        parts.append((0.5, float(row["season"] == season(strategy.start.month))))
    total = sum(weight for weight, _ in parts)
    return sum(weight * value for weight, value in parts) / total if total else 0.0
