"""The facts that copy may state: slot values of one campaign, from the workspace, the strategy and nothing else.

What is not known is left out: no code unless the workspace sets `discount_code`, no gift unless it sets `gift`, no
threshold unless it sets `free_shipping_over`, no benefit unless name or category says one. No count of days either: "14
days left" would be untrue in the reminder, the last day is true in every send. Writing and checking are elsewhere.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from babel.dates import format_date

from campaignwright.market.export_labels import label
from campaignwright.market.export_numbers import locale_of, money, percent, zhe
from campaignwright.market.workspace import Workspace
from campaignwright.tools.copy_rules import table, wide_length

SAMPLE_NAME = {"en": "Alexandra", "zh": "小林"}
PERCENT_BELOW = 100.0  # under this price a share looks larger than the money saved (the retailers' "rule of 100")
LEAST_AMOUNT = 0.5  # an amount off under this says nothing; the offer is stated as a share then
LEADS = 3  # products that lead a plan: price advice, stock check, copy
SHORT_NAME = 25  # characters of a name that leaves room for words in a 30-character headline
RECENT_DAYS = 91  # demand of the last quarter of the data decides which products lead
_LEADS = """
WITH last AS (SELECT max(ordered_at) AS at FROM orders),
sold AS (
  SELECT product_id, sum(quantity) AS units FROM order_lines JOIN orders USING (order_id), last
  WHERE (coalesce(status, 'paid') = 'paid' OR quantity < 0) AND ordered_at > last.at - INTERVAL (?) DAY
  GROUP BY product_id),
held AS (SELECT product_id, arg_max(on_hand, date) AS on_hand FROM stock GROUP BY product_id),
listed AS (SELECT product_id, arg_max(price, date) AS price FROM prices WHERE price > 0 GROUP BY product_id)
SELECT p.product_id, p.name, p.category, p.brand, coalesce(p.price, listed.price) AS price, p.cost,
  greatest(coalesce(sold.units, 0), 0) AS units, held.on_hand
FROM products p LEFT JOIN sold USING (product_id) LEFT JOIN held USING (product_id) LEFT JOIN listed USING (product_id)
WHERE ? OR list_contains(?, p.product_id)
ORDER BY least(greatest(coalesce(sold.units, 0), 0), coalesce(held.on_hand, 1e12)) * coalesce(p.price, listed.price, 0)
  DESC, p.product_id LIMIT ?
"""


@dataclass
class CopyFacts:
    """`texts`: slot -> what copy prints; `values`: slot -> (number, unit) of numeric slots; `samples`: stand-ins
    for the merge tags; `missing`: what the offer needs and the workspace does not say."""

    texts: dict[str, str]
    values: dict[str, tuple[float, str]]
    samples: dict[str, str]
    products: list[str]
    category: str = ""
    offer: str = "none"
    missing: list[str] = field(default_factory=list)


def lead_products(workspace: Workspace, products: list[str], k: int) -> pd.DataFrame:
    """The `k` products (of `products`, or of all when empty) that can earn most: recent units, at most what is in
    stock, times price. Columns product_id, name, category, brand, price, cost, units, on_hand (NaN: not known)."""
    return workspace.query(_LEADS, [RECENT_DAYS, not products, list(products), k])


def display_name(name: str) -> str:
    """A product name fit to print: single spaces, and not in capitals throughout (as stock systems write them)."""
    name = re.sub(r"\s+([,.])", r"\1", re.sub(r"\s+", " ", name)).strip(" .,")
    if not name.isupper():
        return name
    return re.sub(r"[A-Za-z0-9]+('[A-Za-z]+)?", lambda found: found.group(0).capitalize(), name)


def end_text(start: dt.date, days: int, language: str, currency: str) -> str:
    """The last day as copy says it: the weekday within a week ("Sunday"), else day and month ("Dec 14", "14 Dec")."""
    last = start + dt.timedelta(days=days - 1)
    locale = locale_of(language, currency)
    if days <= 7:
        return format_date(last, "ccc" if language == "zh" else "EEEE", locale=locale)
    return format_date(last, "M月d日" if language == "zh" else "d MMM" if locale == "en_GB" else "MMM d", locale=locale)


def known_benefit(name: str, category: str, language: str) -> str | None:
    """A noun phrase for what the product's own name states ("waterproof" -> "a waterproof build"), else for what its
    category is there for, else None: nothing about a product is made up."""
    tables, side = table(), 1 if language == "zh" else 0
    for word, phrase in tables["name_facts"].items():
        if re.search(rf"\b{re.escape(word)}\b", name, re.I):
            return phrase[side]
    phrase = tables["category_facts"].get(category.lower())
    return phrase[side] if phrase else None


def round_amount(amount: float) -> float:
    """An amount off as shops state it, never above `amount`: whole from 20 on, halves from 1 on, cents below."""
    step = 1.0 if amount >= 20 else 0.5 if amount >= 1 else 0.01
    return round(math.floor(amount / step + 1e-9) * step, 2)


def share_off(price: float, discount: float) -> float:
    """What a share takes off a price: rounded down to cents, so that it is never deeper than `discount`."""
    return math.floor(price * discount * 100 + 1e-6) / 100


def known_prices(workspace: Workspace, products: list[str]) -> pd.Series:
    """The prices of `products` (of all when empty) that have one."""
    prices = lead_products(workspace, products, 2**31)["price"]
    return prices[prices > 0]


def flat_amount(prices: pd.Series, discount: float) -> float | None:
    """The amount that may come off every one of `prices`: at most `discount` of the cheapest, as shops state it. None
    when no price is known or too little is left to be stated: a share is said instead."""
    amount = round_amount(float(prices.min()) * discount) if len(prices) else 0.0
    return amount if amount >= LEAST_AMOUNT else None


def _offer_values(facts: CopyFacts, leads: pd.DataFrame, discount: float, extra: dict, settings: dict) -> None:
    """Numbers of the offer: price, was, discount, amount_off, threshold."""
    price = leads["price"].iloc[0] if len(leads) else None
    if facts.offer == "bundle" and price is not None and not pd.isna(price):
        second = leads["price"].iloc[1] if len(leads) > 1 else price
        price = None if pd.isna(second) else price + second
    known = price is not None and not pd.isna(price) and price > 0
    amount = extra.get("amount_off")
    if facts.offer in ("percent_off", "bundle") and discount > 0:
        facts.values["discount"] = (discount, "fraction")
    if facts.offer in ("percent_off", "bundle", "amount_off") and known:
        off = amount if facts.offer == "amount_off" else share_off(price, discount)
        if 0 < off < price:
            facts.values["was"] = (round(price, 2), "money")
            if facts.offer != "percent_off" or price >= PERCENT_BELOW:
                facts.values["amount_off"] = (off, "money")
        price = price - off if off < price else price
    elif amount:
        facts.values["amount_off"] = (amount, "money")
    if known:
        facts.values["price"] = (round(float(price), 2), "money")
    threshold = extra.get("threshold", settings.get("free_shipping_over"))
    if facts.offer == "free_shipping" and threshold:
        facts.values["threshold"] = (float(threshold), "money")


def _hero_first(leads: pd.DataFrame) -> pd.DataFrame:
    """The lead products with the strongest whose name fits an advert in front (the strongest when none does)."""
    fits = leads["name"].map(lambda name: wide_length(display_name(str(name))) <= SHORT_NAME)
    hero = int(fits.to_numpy().argmax()) if fits.any() else 0
    return leads.iloc[[hero, *[row for row in range(len(leads)) if row != hero]]] if len(leads) else leads


def build_facts(workspace: Workspace, *, products: list[str], offer: str, discount: float, start: dt.date, days: int,
                language: str, extra: dict[str, Any] | None = None) -> CopyFacts:
    """Slot values for a campaign on `products` (ids; empty = all). `extra`: amount_off, threshold, gift as the marketer
    stated them. Copy names the strongest lead product with a short name; a bundle pairs it with the next. `offer` of the
    result is percent_off where no amount off suits all the products."""
    extra, settings, currency = extra or {}, workspace.settings, workspace.currency
    leads = _hero_first(lead_products(workspace, products, LEADS))
    category = str(leads["category"].iloc[0] or "") if len(leads) else ""
    facts = CopyFacts({}, {}, {}, leads["product_id"].tolist()[:2], category, offer)
    facts.texts["brand"] = str(settings.get("brand") or settings["name"])
    if len(leads):
        name = str(leads["name"].iloc[0])
        facts.texts["product"] = display_name(name)
        own = settings.get("benefits", {}).get(leads["product_id"].iloc[0])
        benefit = own or known_benefit(name, category, language)
        if benefit:
            facts.texts["benefit"] = benefit
    if category:
        facts.texts["category"] = label("category", category, language)
    if offer == "amount_off" and extra.get("amount_off") is None:
        amount = flat_amount(known_prices(workspace, products), discount)
        facts.offer, extra = ("percent_off", extra) if amount is None else (offer, extra | {"amount_off": amount})
    _offer_values(facts, leads, discount, extra, settings)
    if facts.offer != offer:  # what the share saves on the first product is no amount off for all
        facts.values.pop("amount_off", None)
    for slot, (value, unit) in facts.values.items():
        printed = percent(value, language) if unit == "fraction" else money(value, currency, language, price=True)
        facts.texts[slot] = printed
    if "discount" in facts.values and language == "zh":
        facts.texts["discount_zhe"] = zhe(discount)
    gift = extra.get("gift") or settings.get("gift")
    if offer == "gift":
        facts.texts |= {"gift": str(gift)} if gift else {}
        facts.missing += [] if gift else ["gift"]
    if settings.get("discount_code") and offer in ("percent_off", "amount_off"):
        facts.texts["code"] = str(settings["discount_code"])
    facts.texts["end"] = end_text(start, days, language, currency)
    facts.samples = _samples(workspace, leads, category, language)
    return facts


def _samples(workspace: Workspace, leads: pd.DataFrame, category: str, language: str) -> dict[str, str]:
    """Sample values of the merge tags, for previews and for counting length."""
    samples = {"first_name": SAMPLE_NAME[language]}
    own = leads["product_id"].tolist()[:1]
    other = workspace.query(
        "SELECT name FROM products WHERE coalesce(category, '') = ? AND NOT list_contains(?, product_id) "
        "ORDER BY product_id LIMIT 1", [category, own])
    if len(other):
        samples["last_product"] = display_name(str(other["name"].iloc[0]))
    return samples


def available_slots(facts: CopyFacts, channel: str, audience: str, workspace: Workspace) -> set[str]:
    """Slots that copy for `channel` may use: the known facts, and merge tags where one customer is addressed."""
    slots = set(facts.texts)
    if channel in ("email", "sms", "push") and workspace.count("customers"):
        slots.add("first_name")
        if audience != "new" and "last_product" in facts.samples and workspace.count("order_lines"):
            slots.add("last_product")
    return slots
