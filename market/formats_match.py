"""Which format a file has, by its headers; and what to say when it has none."""

from __future__ import annotations

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
        f"{name}: no known export has the headers {_quoted(headers[:8])}.{near} Name the table and map its columns, such as "
        "--table orders --map order_id=Number --map ordered_at=Date, or in the page under 'A file of another format'."
    )


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name[:40]}'" for name in names)
