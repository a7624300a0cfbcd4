"""Which format a file has, by its headers; and what to say when it has none."""

from __future__ import annotations

import re
import shlex

import pandas as pd

from campaignwright.market.formats_base import CURRENCY, Format
from campaignwright.market.reading import normalise
from campaignwright.market.reading_encoding import ImportProblem


def find_columns(fmt: Format, headers: list[str]) -> dict[str, str]:
    """field -> header in the file, for the columns of `fmt` that are there, by their aliases, the first that fits.

    A currency in a money header is set aside.
    """
    plain = {normalise(header): header for header in reversed(headers)}
    bare = {normalise(CURRENCY.sub("", header)): header for header in reversed(headers)}
    found = {}
    for column in fmt.columns:
        for alias in column.aliases:
            header = plain.get(normalise(alias)) or (bare.get(normalise(alias)) if column.kind == "money" else None)
            if header is not None:
                found[column.field] = header
                break
    return found


def match(formats: tuple[Format, ...], frame: pd.DataFrame, name: str) -> tuple[Format, dict[str, str]]:
    """The format whose required headers are all there (the one with most of them) and whose cells look like it.

    Raises ImportProblem naming what lacks.
    """
    headers = list(frame.columns)
    best: tuple[float, int, Format, dict[str, str]] | None = None
    for fmt in formats:
        found = find_columns(fmt, headers)
        required = [column.field for column in fmt.columns if column.required]
        share = sum(column in found for column in required) / len(required)
        if share == 1 and fmt.accepts and not fmt.accepts(frame, found):
            continue
        score = (share, len(found), fmt, found)
        if best is None or score[:2] > best[:2]:
            best = score
    share, hits, fmt, found = best
    if share == 1:
        return fmt, found
    missing = [column.aliases[0] for column in fmt.columns if column.required and column.field not in found]
    if share >= 0.6 and hits >= 3:
        plural = "columns" if len(missing) > 1 else "column"
        raise ImportProblem(
            f"{name}: looks like {fmt.title}, but the {plural} {_quoted(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} "
            "missing; add it in the report's column settings and export again."
        )
    near = f" The nearest is {fmt.title}, which also needs {_quoted(missing)}." if share >= 0.3 else ""
    raise ImportProblem(
        f"{name}: no known export has the headers {_quoted(headers[:5])}.{near} Name the table and map its columns, such as: "
        f"{_example(name, headers)} (or in the page under 'A file of another format')."
    )


_LOOKS = {  # in the order in which headers are given away: what is named most plainly first
    "ordered_at": r"date|datum|\btag\b|time|zeit|when|日期|时间",
    "day": r"date|datum|\bday|\btag\b|日期",
    "quantity": r"qty|quantity|menge|anzahl|stück|units|数量",
    "unit_price": r"price|preis|单价|价格",
    "total": r"total|amount|sum|betrag|gesamt|umsatz|金额|总",
    "clicks": r"click|klick|点击",
    "impressions": r"impr|展示|曝光",
    "spend": r"cost|spen[dt]|kosten|betrag|费用|花费|消耗",
    "customer_id": r"mail|customer|kunde|buyer|客户|会员|顾客|买家",
    "product_id": r"sku|product|item|artikel|produkt|商品",
    "campaign_id": r"campaign|kampagne|广告系列|计划",
    "channel": r"channel|kanal|platform|plattform|network|渠道|平台",
    "order_id": r"order|bestell|auftrag|beleg|rechnung|invoice|订单",
}
_EXAMPLES = (  # table, the fields it needs, other useful ones; the last serves when nothing fits
    ("order_lines", ("order_id", "ordered_at", "product_id", "quantity", "unit_price"), ("customer_id",)),
    ("campaign_results", ("campaign_id", "channel"), ("day", "clicks", "impressions", "spend")),
    ("orders", ("order_id", "ordered_at"), ("total", "customer_id")),
)


def _example(name: str, headers: list[str]) -> str:
    """A command that imports the file into the table its headers look like; what no header looks like takes any."""
    for example in _EXAMPLES:
        table, needed, useful = example
        left, chosen = [" ".join(header.split()) for header in headers], {}
        for field in (field for field in _LOOKS if field in needed + useful):
            header = next((header for header in left if re.search(_LOOKS[field], header, re.I)), None)
            if header is not None:
                left.remove(header)
                chosen[field] = header
        if set(needed) <= set(chosen):
            break
    chosen |= dict(zip((field for field in needed if field not in chosen), left, strict=False))
    pairs = " ".join("--map " + _shell(f"{field}=", chosen[field]) for field in needed + useful if field in chosen)
    return f"campaignwright import {_shell('', name)} --table {table} {pairs}"


def _shell(before: str, text: str) -> str:
    """`before` and `text` for a command line, in double quotes, unless they hold what a shell would not keep in them."""
    if re.search(r'["$`\\!]', text):
        return shlex.quote(before + text)
    return f'{before}"{text}"' if before or re.search(r"[^\w.-]", text) else text


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{' '.join(name.split())[:40]}'" for name in names)
