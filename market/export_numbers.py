"""How numbers, money, dates and percentages are printed: by language and currency, with babel.

One place, so that copy, documents and screens print a figure alike. Rounding is declared here: totals of 1,000 and more
without decimals, fractions below 10 % with one decimal (rates below 2 % with two), ratios with two.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from babel.dates import format_date
from babel.numbers import format_currency, format_decimal, format_percent

LOCALES = {
    ("en", "GBP"): "en_GB", ("en", "EUR"): "en_IE", ("en", "AUD"): "en_AU", ("en", "CAD"): "en_CA",
}  # fmt: skip
FIGURE_SLOT = re.compile(r"\{(fig|range):([^{}]+)\}")
_UNITS = {
    "en": {"days": ("day", "days"), "units": ("unit", "units")},
    "zh": {"days": ("天", "天"), "units": ("件", "件")},
}


def locale_of(language: str, currency: str) -> str:
    """The babel locale: Chinese is zh_CN; English follows the currency's country, en_US by default."""
    return "zh_CN" if language == "zh" else LOCALES.get((language, currency), "en_US")


def money(value: float, currency: str, language: str, *, price: bool = False) -> str:
    """An amount with its sign. `price`: a shelf price, cents kept unless they are 00. Else no cents from 1,000 on."""
    whole = float(value).is_integer() if price else abs(value) >= 1000 or float(value).is_integer()
    locale = locale_of(language, currency)
    if whole:
        return format_currency(value, currency, format="¤#,##0;-¤#,##0", locale=locale, currency_digits=False)
    return format_currency(value, currency, format="¤#,##0.00;-¤#,##0.00", locale=locale)


def percent(value: float, language: str) -> str:
    """A fraction (0-1) as a percentage: two decimals below 2 %, one below 10 % or where it matters, else none."""
    size = abs(value) * 100
    digits = 2 if 0 < size < 2 else 1 if size < 10 or abs(size - round(size)) > 0.05 else 0
    pattern = f"#,##0.{'#' * digits}%" if digits else "#,##0%"
    return format_percent(value, format=pattern, locale=locale_of(language, ""))


def day(value: str | dt.date, language: str, currency: str = "") -> str:
    """A date in medium form."""
    date = dt.date.fromisoformat(value) if isinstance(value, str) else value
    return format_date(date, "medium", locale=locale_of(language, currency))


def zhe(discount: float) -> str:
    """A discount in Chinese notation, which counts what is paid: 0.2 -> 8折, 0.15 -> 8.5折."""
    return f"{round((1 - discount) * 10, 2):g}折"


def show_value(value: float | str, unit: str, language: str, currency: str, name: str = "") -> str:
    """A figure's value as text by its unit (see `tools.base.Figure`)."""
    if unit == "date" or isinstance(value, str):
        return day(value, language, currency) if unit == "date" else str(value)
    if unit == "money":
        return money(value, currency, language, price="price" in name)
    if unit == "fraction":
        return percent(value, language)
    if unit == "hour":
        return f"{int(value):02d}:00"
    locale = locale_of(language, currency)
    if unit == "ratio":
        return format_decimal(round(value, 2), format="#,##0.0#", locale=locale)
    if unit in ("days", "units"):
        shown = round(value, 1) if abs(value) < 10 else round(value)
        one, many = _UNITS[language][unit]
        return f"{format_decimal(shown, format='#,##0.#', locale=locale)} {one if shown == 1 else many}"
    digits = "#,##0" if abs(value) >= 100 or float(value).is_integer() else "#,##0.#"
    return format_decimal(value, format=digits, locale=locale)


def show(figure: dict[str, Any], language: str, currency: str) -> str:
    """A figure's value as text."""
    return show_value(figure["value"], figure["unit"], language, currency, figure["name"])


def show_range(figure: dict[str, Any], language: str, currency: str) -> str:
    """A figure's 80 % interval as text, empty when it has none."""
    if figure.get("low") is None or figure.get("high") is None:
        return ""
    low, high = (show_value(figure[key], figure["unit"], language, currency, figure["name"]) for key in ("low", "high"))
    return f"{low} 至 {high}" if language == "zh" else f"{low} to {high}"


def fill_figures(text: str, figures: dict[str, dict], language: str, currency: str) -> str:
    """`text` with `{fig:ID}` and `{range:ID}` replaced by printed figures. Raises KeyError for an unknown id."""
    def one(found: re.Match[str]) -> str:
        printer = show if found.group(1) == "fig" else show_range
        return printer(figures[found.group(2)], language, currency)

    return FIGURE_SLOT.sub(one, text)
