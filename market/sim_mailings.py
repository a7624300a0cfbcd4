"""Customer-level mailings of the simulated shop: randomised ones with arms and a control, and aimed ones.

The outcome without a mailing is what the customer bought anyway; a mailing adds a sale with the chance
p_i (exp(tau_i strength) - 1), larger for engaged and lapsed customers, smaller for members who buy regardless.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from campaignwright.market.sim_history import History
from campaignwright.market.sim_orders import active
from campaignwright.market.sim_shoppers import HISTORY_DAYS
from campaignwright.market.simulator import Market

WINDOW = 14  # days of outcome
# arm -> (propensity, strength on tau); the first is the control
DESIGNS = [
    {"control": (1 / 3, 0.0), "mail_a": (1 / 3, 1.0), "mail_b": (1 / 3, 1.5)},
    {"control": (0.5, 0.0), "mail": (0.5, 1.2)},
    {"control": (0.3, 0.0), "mail": (0.7, 1.0)},
    {"control": (0.2, 0.0), "mail": (0.8, 0.9)},
]
TARGETED = 4


def mail_effect(market: Market, base: np.ndarray, who: np.ndarray, strength: np.ndarray) -> np.ndarray:
    """Added chance of a purchase, shape of `who` (customer indices), from the base chance (0-1) and the arm's
    strength (0 = control)."""
    return np.clip(base * np.expm1(np.maximum(market.shoppers.tau[who], 0.0) * strength), 0, 0.4)


def draw_exposures(
    rng: np.random.Generator, market: Market, history: History, lines: pd.DataFrame, pseudonyms: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """(exposures, extra lines, truth). lines: with `day`. truth: campaign_id, arm, effect (mean added chance over the
    control), n; it stays out of the workspace."""
    randomised, targeted = _pick_campaigns(market, history)
    frames, extra, truth = [], [], []
    for number, campaign in enumerate(randomised + targeted):
        design = DESIGNS[number] if number < len(randomised) else None
        who, base = _population(market, history, campaign, lines)
        if design is None:
            arm, propensity = _target(rng, who, base), np.full(len(who), np.nan)
        else:
            arm = rng.choice(list(design), len(who), p=[share for share, _ in design.values()])
            propensity = np.array([design[name][0] for name in arm])
        strength = np.array(
            [1.0 if name == "mail" and design is None else (design or {}).get(name, (0, 0.0))[1] for name in arm]
        )
        effect = mail_effect(market, base, who, strength)
        frame, added = _outcomes(rng, market, history, campaign, lines, who, arm, effect)
        frames.append(frame.assign(customer_id=pseudonyms[who], propensity=propensity, randomised=design is not None))
        extra.append(added)
        truth.extend(
            (campaign["campaign_id"], name, float(effect[arm == name].mean()), int((arm == name).sum()))
            for name in np.unique(arm)
        )
    truth_frame = pd.DataFrame(truth, columns=["campaign_id", "arm", "effect", "n"])
    return pd.concat(frames, ignore_index=True), pd.concat(extra, ignore_index=True), truth_frame


def _pick_campaigns(market: Market, history: History) -> tuple[list[dict], list[dict]]:
    """Campaigns whose mailing was randomised, and those that were aimed: e-mail ones with a complete outcome window."""
    latest = HISTORY_DAYS - WINDOW - 2
    ready = [
        campaign
        for campaign in history.campaigns
        if "email" in campaign["channels"] and (campaign["strategy"].start - history.begin).days < latest
    ]
    ready.sort(key=lambda campaign: (-len(_recipients(market, history, campaign)), campaign["campaign_id"]))
    chosen = ready[: 3 * 3 : 3]  # three large ones
    small = [
        campaign
        for campaign in ready
        if campaign["strategy"].audience in ("lapsed", "deal_seekers", "loyal") and campaign not in chosen
    ]
    chosen += small[:1]
    return chosen, [campaign for campaign in ready if campaign not in chosen][2 : 2 + TARGETED]


def _recipients(market: Market, history: History, campaign: dict) -> np.ndarray:
    """Customers (indices) of the campaign's audience on its first day who take e-mail."""
    ago = HISTORY_DAYS - 1 - (campaign["strategy"].start - history.begin).days
    return np.flatnonzero(market.shoppers.members(campaign["strategy"].audience, ago) & market.shoppers.opt_in["email"])


def _population(market: Market, history: History, campaign: dict, lines: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Recipients and their chance of buying the campaign's products within the window if they hear nothing.

    A mailing moves the part of it that is not yet decided (30 %), and a floor for those who stopped buying.
    """
    who = _recipients(market, history, campaign)
    products = market.catalogue.index(campaign["strategy"].products)
    day = (campaign["strategy"].start - history.begin).days
    sales = len(_window(lines, products, day))
    categories = np.unique(market.catalogue.category[products])
    weight = active(market.shoppers, day // 7) * market.shoppers.affinity[:, categories].mean(axis=1)
    return who, 0.3 * (1 - np.exp(-sales * weight[who] / weight.sum())) + 0.006 * np.exp(market.shoppers.gamma[who])


def _window(lines: pd.DataFrame, products: np.ndarray, day: int) -> pd.DataFrame:
    """Lines with one of the products in the outcome window that starts on `day`."""
    inside = (lines["day"] >= day) & (lines["day"] < day + WINDOW)
    recent = lines[inside]
    return recent[recent["product"].isin(products)]


def _target(rng: np.random.Generator, who: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Arms of an aimed mailing: the likelier a customer was to buy, the likelier the mail, which flatters it."""
    rank = np.argsort(np.argsort(base + rng.normal(0, base.std(), len(who)))) / len(who)
    return np.where(rng.random(len(who)) < 0.15 + 0.8 * rank, "mail", "control")


def _outcomes(
    rng: np.random.Generator,
    market: Market,
    history: History,
    campaign: dict,
    lines: pd.DataFrame,
    who: np.ndarray,
    arm: np.ndarray,
    effect: np.ndarray,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Visit, conversion and spend of every recipient, and the lines that the mailing added."""
    strategy = campaign["strategy"]
    products, day = market.catalogue.index(strategy.products), (strategy.start - history.begin).days
    added = _added_lines(rng, market, history, campaign, who[rng.random(len(who)) < effect])
    recent = pd.concat([_window(lines, products, day), added])
    paid = history.price[recent["product"], recent["week"]] * (1 - recent["discount"].to_numpy())
    spend = np.bincount(
        recent["customer"],
        weights=np.round(paid, 2) * recent["quantity"].to_numpy(),
        minlength=len(market.shoppers.created),
    )[who]
    converted = spend > 0
    treated = arm != "control"
    interest = 0.09 * np.exp(0.3 * market.shoppers.engagement[who]) + 0.055 * treated * np.exp(
        0.3 * market.shoppers.engagement[who]
    )
    visit = converted | (rng.random(len(who)) < interest)
    frame = pd.DataFrame(
        {
            "campaign_id": campaign["campaign_id"],
            "arm": arm,
            "visit": visit,
            "conversion": converted,
            "spend": np.round(spend, 2),
            "exposed_on": np.datetime64(strategy.start),
        }
    )
    return frame, added


def _added_lines(
    rng: np.random.Generator, market: Market, history: History, campaign: dict, persuaded: np.ndarray
) -> pd.DataFrame:
    """One line for each persuaded customer (index): a product of the campaign, within days of the mailing."""
    strategy = campaign["strategy"]
    products, day = market.catalogue.index(strategy.products), (strategy.start - history.begin).days
    weights = market.catalogue.sessions[products] * market.catalogue.odds[products]
    on = day + rng.geometric(0.3, len(persuaded)).clip(max=WINDOW) - 1
    bought = rng.choice(products, len(persuaded), p=weights / weights.sum())
    cut = np.maximum(history.discount[bought, on // 7], strategy.discount)
    columns = {"product": bought, "quantity": 1, "customer": persuaded, "week": on // 7, "discount": cut, "day": on}
    return pd.DataFrame(columns).assign(channel="email")
