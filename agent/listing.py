"""What a tool found that a sentence cannot hold, as lists for the marketer: copy, products, campaigns, strategies, spends."""

from __future__ import annotations

from typing import Any

from campaignwright.market.export_document import variant_lines
from campaignwright.market.export_labels import label
from campaignwright.market.export_numbers import show_value

MOST = 10  # products listed
RESULTS = (("revenue", "money"), ("spend", "money"), ("roas", "ratio"))


def listing(name: str, result: dict[str, Any], language: str, currency: str) -> list[str]:
    """The paragraphs of one tool's result (as JSON); [] for a tool whose answer fits a sentence."""
    data = result["data"]
    if name == "write_copy" and "asset" in data:
        return [
            "\n".join([variant["id"], *(f"- {line}" for line in variant_lines(variant, language))])
            for variant in data["asset"]["variants"]
        ]
    if name == "explain_plan":
        return ["\n".join(data["lines"])]
    if name == "recommend_products":
        return _bullets([f"{row['name']}: {row['reason']}" for row in data["recommendations"]])
    if name == "search_campaigns":
        return _bullets([_campaign(row, language, currency) for row in data["campaigns"]])
    if name == "generate_strategies":
        return _bullets([_strategy(row, language, currency) for row in data["strategies"]])
    if name == "check_stock":
        return _bullets([_stock(row, language, currency) for row in data["products"][:MOST]])
    if name == "allocate_budget":
        return _bullets([
            f"{label('channel', row['channel'], language)}: {show_value(row['spend'], 'money', language, currency)}"
            f" ({show_value(row['share'], 'fraction', language, currency)})" for row in data["channels"]
        ])  # fmt: skip
    return []


def _bullets(lines: list[str]) -> list[str]:
    return ["\n".join(f"- {line}" for line in lines)] if lines else []


def _campaign(row: dict[str, Any], language: str, currency: str) -> str:
    """A past campaign with what it brought."""
    values = [
        f"{label('figure', name, language)} {show_value(row[name], unit, language, currency)}"
        for name, unit in RESULTS if row.get(name) is not None
    ]  # fmt: skip
    return f"{row['name']} ({row['id']})" + (": " + ", ".join(values) if values else "")


def _stock(row: dict[str, Any], language: str, currency: str) -> str:
    """A product's stock against its expected demand."""
    found = (("stock_units", "on_hand", "units"), ("demand_units", "demand", "units"), ("stockout_risk", "stockout_risk", "fraction"))
    shown = [
        f"{label('figure', name, language)} {show_value(row[key], unit, language, currency)}"
        for name, key, unit in found if row.get(key) is not None
    ]  # fmt: skip
    return f"{row['name']}: " + ", ".join(shown)


def _strategy(row: dict[str, Any], language: str, currency: str) -> str:
    """A strategy: offer, channels, expected revenue and profit with their 80 % intervals."""
    strategy = row["strategy"]
    offer = label("offer", strategy["offer"], language)
    depth = f" {show_value(strategy['discount'], 'fraction', language, currency)}" if strategy["discount"] else ""
    channels = ", ".join(label("channel", name, language) for name in strategy["shares"])
    values = []
    for name in ("revenue", "profit"):
        if name in row["forecast"]:
            middle, low, high = (show_value(value, "money", language, currency) for value in row["forecast"][name])
            values.append(f"{label('figure', name, language)} {middle} ({low} – {high})")
    return f"{row['id']}: {offer}{depth}; {channels}; " + "; ".join(values)
