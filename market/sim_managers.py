"""Past campaigns as imperfect managers decided them: by noisy forecasts of demand, and by habit.

They spend more when they expect demand to be high, so that comparing campaigns by spend overstates what spend does
(Lewis & Rao 2015). Decides only; outcomes are `sim_history`'s.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from campaignwright.market.sim_media import PAID_POOL
from campaignwright.market.sim_shoppers import HISTORY_DAYS
from campaignwright.market.simulator import Market
from campaignwright.market.words import ANGLES, AUDIENCES, CHANNELS, TONES, Strategy

N_CAMPAIGNS = 150
_OCCASIONS = [
    ((1, 2), "New year"),
    ((1, 20), "Lunar new year"),
    ((2, 10), "Valentine's"),
    ((3, 18), "Spring"),
    ((5, 8), "Mother's day"),
    ((6, 14), "6.18"),
    ((7, 5), "Summer"),
    ((8, 18), "Back to school"),
    ((9, 18), "Autumn"),
    ((10, 25), "Halloween"),
    ((11, 8), "Singles' day"),
    ((11, 23), "Black Friday"),
    ((12, 3), "Christmas"),
]
_AIMS = {
    "new": "acquisition",
    "lapsed": "retention",
    "loyal": "retention",
    "deal_seekers": "clearance",
    "high_value": "profit",
}
_AUDIENCE_NAMES = {
    "all": "",
    "new": "welcome",
    "loyal": "thank-you",
    "lapsed": "win-back",
    "high_value": "VIP",
    "deal_seekers": "deals",
}


@dataclass(frozen=True)
class Manager:
    """One decision maker's habits: channel tastes (8,), mean discount, budget level (USD), favourite hour and angle."""

    channels: np.ndarray
    discount: float
    budget: float
    hour: int
    angle: int


def draw_managers(rng: np.random.Generator, count: int = 6) -> list[Manager]:
    """Managers with habits; wechat and xiaohongshu are rarer than the other channels."""
    common = np.array([1.5, 0.7, 0.7, 1.4, 1.4, 0.7, 0.28, 0.32])
    return [
        Manager(
            rng.gamma(1.6, common),
            float(rng.uniform(0.08, 0.24)),
            float(np.exp(rng.normal(np.log(9000), 0.3))),
            int(rng.integers(8, 21)),
            int(rng.integers(len(ANGLES))),
        )
        for _ in range(count)
    ]


def decide(rng: np.random.Generator, market: Market, end: dt.date, xi: np.ndarray) -> list[dict]:
    """The 150 campaigns, in order of start. xi: log demand shocks, shape (products, weeks), seen with noise.

    Each is a dict: campaign_id, name, strategy (Strategy), objective, category, tone, language, channels, lead (index
    of the product shown), angle, offer, discount. All end before `end`.
    """
    managers = draw_managers(rng)
    durations = rng.choice([5, 7, 10, 14, 21, 28], N_CAMPAIGNS, p=[0.1, 0.25, 0.15, 0.3, 0.12, 0.08])
    starts = np.sort(rng.integers(7, HISTORY_DAYS - 30, N_CAMPAIGNS))
    starts[-6:] = np.sort(rng.integers(HISTORY_DAYS - 45, HISTORY_DAYS - 30, 6))
    begin = end - dt.timedelta(HISTORY_DAYS - 1)
    names: dict[str, int] = {}
    campaigns = []
    for number, (start, days) in enumerate(zip(starts, durations, strict=True), start=1):
        manager = managers[int(rng.integers(len(managers)))]
        campaign = _decide_one(rng, market, manager, begin, int(start), int(days), xi)
        names[campaign["name"]] = names.get(campaign["name"], 0) + 1
        repeat = names[campaign["name"]]
        campaigns.append(
            {
                "campaign_id": f"k{number:03d}",
                **campaign,
                "name": campaign["name"] + (f" ({repeat})" if repeat > 1 else ""),
            }
        )
    return campaigns


def _decide_one(
    rng: np.random.Generator, market: Market, manager: Manager, begin: dt.date, start: int, days: int, xi: np.ndarray
) -> dict:
    """One campaign of one manager, starting `start` days after `begin`."""
    catalogue = market.catalogue
    date = begin + dt.timedelta(start)
    products, label, category = _pick_products(rng, market, HISTORY_DAYS - start)
    expected = xi[products, start // 7].mean() + rng.normal(0, 0.1)
    audience = str(rng.choice(AUDIENCES, p=[0.34, 0.15, 0.13, 0.15, 0.11, 0.12]))
    shares = _pick_shares(rng, manager)
    offer, discount = _pick_offer(rng, manager, audience, expected)
    size = {"one": 0.25, "line": 0.55, "category": 1.1, "shop": 2.4}[label[0]]
    size *= PAID_POOL[audience] ** 0.7
    budget = manager.budget * size * (days / 12) ** 0.7 * np.exp(2.0 * expected + rng.normal(0, 0.45))
    frequency = float(rng.choice([1, 1.5, 2, 3, 4]))
    budget, shares = _fund(rng, market, audience, frequency, days, float(np.clip(budget, 1000, 60_000)), shares)
    angle = ANGLES[manager.angle] if rng.random() < 0.4 else str(rng.choice(ANGLES))
    strategy = Strategy(
        audience=audience,
        products=[catalogue.ids[place] for place in products],
        shares=shares,
        discount=discount,
        offer=offer,
        days=days,
        send_hour=int(np.clip(manager.hour + rng.integers(-2, 3), 6, 22)),
        weekly_frequency=frequency,
        angle=angle,
        budget=budget,
        start=date,
    )
    chinese = 0.75 if {"wechat", "xiaohongshu"} & set(shares) else 0.12
    objective = (
        _AIMS.get(audience, "revenue")
        if rng.random() < 0.6
        else str(rng.choice(["revenue", "profit", "awareness", "acquisition"]))
    )
    weights = catalogue.sessions[products] / catalogue.sessions[products].sum()
    return {
        "name": _name(date, label[1], audience),
        "strategy": strategy,
        "objective": objective,
        "category": category,
        "tone": str(rng.choice(TONES)),
        "language": "zh" if rng.random() < chinese else "en",
        "channels": list(shares),
        "lead": int(rng.choice(products, p=weights)),
        "angle": angle,
        "offer": offer,
        "discount": discount,
    }


def _pick_offer(rng: np.random.Generator, manager: Manager, audience: str, expected: float) -> tuple[str, float]:
    """Offer and discount (0-0.4, in steps of 5 %): deeper when weak demand is expected (log shock)."""
    offer = str(
        rng.choice(
            ["none", "percent_off", "amount_off", "free_shipping", "bundle", "gift"],
            p=[0.16, 0.42, 0.12, 0.14, 0.08, 0.08],
        )
    )
    extra = 0.05 * (audience in ("lapsed", "deal_seekers"))
    depth = manager.discount + extra - 0.25 * expected + rng.normal(0, 0.05)
    discount = (
        round(float(np.clip(np.round(depth * 20) / 20, 0.05, 0.4)), 2)
        if offer in ("percent_off", "amount_off", "bundle")
        else 0.0
    )
    return offer, discount


def _pick_products(
    rng: np.random.Generator, market: Market, ago: int
) -> tuple[np.ndarray, tuple[str, str], str | None]:
    """Products on sale `ago` days before the end: (indices, (scope, label), category or None for the whole shop)."""
    catalogue = market.catalogue
    out = np.flatnonzero(catalogue.launched > ago)
    scope = str(rng.choice(["category", "line", "one", "shop"], p=[0.62, 0.2, 0.08, 0.1]))
    if scope == "shop":
        return out, (scope, "whole shop"), None
    lead = int(rng.choice(out, p=catalogue.sessions[out] / catalogue.sessions[out].sum()))
    place = catalogue.category[lead]
    category = catalogue.categories[place].name
    if scope == "category":
        return out[catalogue.category[out] == place], (scope, category), category
    if scope == "line":
        return (
            out[catalogue.group[out] == catalogue.group[lead]],
            (scope, f"{catalogue.brands[lead]} {category}"),
            category,
        )
    return np.array([lead]), (scope, catalogue.names[lead]), category


def _pick_shares(rng: np.random.Generator, manager: Manager) -> dict[str, float]:
    """One to four channels after the manager's taste, with raw parts of the money that sum to 1."""
    count = int(rng.choice([1, 2, 3, 4], p=[0.15, 0.35, 0.35, 0.15]))
    taste = manager.channels / manager.channels.sum() * 0.85 + 0.15 / len(CHANNELS) * np.array(
        [1, 1, 1, 1, 1, 1, 0.5, 0.5]
    )
    chosen = rng.choice(CHANNELS, count, replace=False, p=taste / taste.sum())
    parts = rng.dirichlet(np.full(count, 4.0))
    return {str(channel): float(part) for channel, part in zip(chosen, parts, strict=True)}


def _fund(
    rng: np.random.Generator,
    market: Market,
    audience: str,
    frequency: float,
    days: int,
    budget: float,
    parts: dict[str, float],
) -> tuple[float, dict[str, float]]:
    """Budget (whole hundreds of USD, 1k-60k) and shares summing to 1, in half per cents.

    Owned channels get about what their messages cost; the rest goes to paid ones. Who has only owned channels and too
    few people to write to adds a paid one.
    """
    costs = {
        channel: market.sending_cost(audience, channel, frequency, days) * np.exp(rng.normal(0.05, 0.35))
        for channel in parts
        if market.channels[channel].owned
    }
    paid = {channel: part for channel, part in parts.items() if channel not in costs}
    if not paid and sum(costs.values()) < 1000:
        paid[str(rng.choice(["search", "social"]))] = 1.0
    owned = {channel: min(cost, 0.6 * budget if paid else cost) for channel, cost in costs.items()}
    total = np.clip(np.round(budget if paid else sum(owned.values()), -2), 1000, 60_000)
    rest = max(total - sum(owned.values()), 0.0)
    spend = {**owned, **{channel: rest * part / sum(paid.values()) for channel, part in paid.items()}}
    cells = {
        channel: max(int(round(200 * amount / max(sum(spend.values()), 1e-9))), 1) for channel, amount in spend.items()
    }
    largest = max(cells, key=cells.get)
    cells[largest] += 200 - sum(cells.values())
    return float(total), {channel: round(cell / 200, 3) for channel, cell in cells.items()}


def _name(date: dt.date, label: str, audience: str) -> str:
    """Such as "Black Friday running shoes 2025" or "Spring coffee win-back 2026"."""
    past = [occasion for (month, day), occasion in _OCCASIONS if (month, day) <= (date.month, date.day)]
    occasion = past[-1] if past else "Christmas"
    year = date.year if past else date.year - 1
    return " ".join(part for part in (occasion, label, _AUDIENCE_NAMES[audience], str(year)) if part)
