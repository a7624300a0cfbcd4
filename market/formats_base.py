"""What a format is: columns with aliases and kinds, totals to check, and a function from rows to tables.

A `Format` is data; `Sheet` holds the converted cells and the verdict on
each row. Storing is in `importers`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from campaignwright.market import formats_parse as parse
from campaignwright.market.reading import RawTable
from campaignwright.market.words import MONTH_FIRST
from campaignwright.market.workspace import Workspace


@dataclass(frozen=True)
class Column:
    """One column of an export.

    `kind`: text | id | customer | number | money | date | time | flag. `required`: the header must be there (it takes
    part in recognising the format). `filled`: a row without a value is rejected. `minimum`: a row below it is
    rejected.
    """

    field: str
    aliases: tuple[str, ...]
    kind: str = "text"
    required: bool = False
    filled: bool = False
    minimum: float | None = None


@dataclass(frozen=True)
class Total:
    """A sum by which a file and what was kept of it are compared: `of(frame)` gives each row's part.

    `stored` names table and expression whose sum grows by exactly the kept part, where there is one.
    """

    name: str
    of: Callable[[pd.DataFrame], pd.Series]
    stored: tuple[str, str] | None = None


@dataclass(frozen=True)
class Write:
    """Rows for one table. `how`: append | new (existing ids stay) | fill (existing gaps are filled) | merge (new values
    win where there are any) | replace (rows with the same `key` columns go first)."""

    table: str
    frame: pd.DataFrame
    how: str = "append"
    key: tuple[str, ...] = ()


@dataclass(frozen=True)
class Format:
    """One kind of file. `build(sheet, workspace)` may reject more rows and returns the writes in order.

    `currency`: the currency of all files of this kind, when the publisher states it. `prepare(sheet)` runs first,
    e.g. to take total rows out. `accepts(frame, found)`: whether the cells fit too, where headers do not tell enough.
    """

    key: str
    title: str
    columns: tuple[Column, ...]
    build: Callable[[Sheet, Workspace], list[Write]]
    totals: tuple[Total, ...] = ()
    currency: str | None = None
    prepare: Callable[[Sheet], None] | None = None
    day_first: bool | None = None
    accepts: Callable[[pd.DataFrame, dict[str, str]], bool] | None = None

    def column(self, name: str) -> Column:
        """The column whose field is `name`."""
        return next(column for column in self.columns if column.field == name)


CURRENCY = re.compile(r"\s*[(（]([A-Z]{3})[)）]\s*$")  # at the end of a money header


def traits(frame: pd.DataFrame, **constants: object) -> list[str]:
    """Each row as a JSON object of its non-missing values, after `constants`."""
    columns = list(frame.columns)
    values = frame.astype("object").where(frame.notna(), None).to_numpy().tolist()
    return [
        json.dumps(constants | {k: v for k, v in zip(columns, row, strict=True) if v is not None}) for row in values
    ]


class NothingKept(Exception):
    """Every row of the sheet is rejected: there is nothing to build from."""


@dataclass
class Sheet:
    """A file's rows after conversion.

    `frame` has one column per field of the format, all NULL when the file lacks it.
    """

    raw: RawTable
    fmt: Format
    found: dict[str, str]
    frame: pd.DataFrame
    reason: pd.Series  # why a row is rejected; missing = kept
    currencies: dict[str, int] = field(default_factory=dict)  # codes, or signs that several share -> the first line
    warnings: list[str] = field(default_factory=list)
    pending: list[Write] = field(default_factory=list)  # writes that need no kept row, such as changes of status
    skipped: int = 0  # total rows and the like: checked, not data

    @property
    def kept(self) -> pd.DataFrame:
        """The rows not rejected so far."""
        return self.frame[self.reason.isna()]

    def rows(self) -> pd.DataFrame:
        """A copy of the rows that are kept, for building tables. Raises NothingKept when there is none."""
        if self.reason.notna().all():
            raise NothingKept
        return self.kept.copy()

    @property
    def line(self) -> pd.Series:
        """Physical line of every row of `frame`."""
        return pd.Series(self.raw.line, index=self.raw.frame.index)[self.frame.index]

    def has(self, name: str) -> bool:
        """Whether the file has a column for this field."""
        return name in self.found

    def cell(self, name: str) -> pd.Series:
        """The unconverted strings of a field's column (must be there)."""
        return self.raw.frame.loc[self.frame.index, self.found[name]]

    def reject(self, mask: pd.Series, reason: str) -> None:
        """Reject the rows in `mask` that are not rejected yet.

        Reasons never quote a cell: it may hold personal data.
        """
        mask = mask.reindex(self.frame.index, fill_value=False).fillna(False).astype(bool)
        self.reason = self.reason.mask(mask & self.reason.isna(), reason)

    def drop(self, mask: pd.Series) -> None:
        """Take rows out altogether (they are not data, such as total rows)."""
        self.skipped += int(mask.sum())
        self.frame, self.reason = self.frame[~mask], self.reason[~mask]

    def reject_repeated(self, fields: list[str], what: str) -> None:
        """Reject the later ones of rows that share `fields`, naming the line of the first."""
        rows = self.kept[fields]
        again = rows.duplicated(keep="first")
        if again.any():
            first = rows.assign(_line=self.line).groupby(fields, dropna=False, sort=False)["_line"].transform("first")
            for index in rows.index[again]:
                self.reason[index] = f"{what} already stands on line {first[index]}"

    def reject_identical(self) -> None:
        """Reject rows that repeat an earlier row cell by cell (an export pasted twice)."""
        cells = self.raw.frame.loc[self.kept.index]
        self.reject(cells.duplicated(keep="first").reindex(self.frame.index), "the same row stands further up")

    def reject_stored(self, workspace: Workspace, table: str, column: str, name: str, reason: str) -> pd.Index:
        """Reject rows whose `name` is already an id in `table`; returns the ids met there."""
        stored = workspace.query(f"SELECT DISTINCT {column} AS id FROM {table} WHERE {column} IS NOT NULL")["id"]
        met = self.kept[name].isin(set(stored))
        ids = pd.Index(self.kept.loc[met, name].unique())
        self.reject(met, reason)
        return ids


def convert(
    raw: RawTable, fmt: Format, found: dict[str, str], pseudonym: Callable[[str], str], currency: str = "USD"
) -> Sheet:
    """Cells to values, column by column; rows with unreadable or missing cells are rejected with the reason.

    `currency`: the one of a file that states none.
    """
    index = raw.frame.index
    sheet = Sheet(raw, fmt, found, pd.DataFrame(index=index), pd.Series(pd.NA, index=index, dtype="object"))
    numeric = [raw.frame[found[c.field]] for c in fmt.columns if c.kind in ("number", "money") and c.field in found]
    decimal, unclear = parse.decimal_mark(numeric, raw.delimiter)
    if unclear:
        sheet.warnings.append(
            f"Nothing in the file shows its decimal mark: numbers such as {unclear} are read as {parse.number(unclear, decimal):g}."
        )
    width = raw.frame.shape[1]
    torn = pd.Series(raw.cells != width, index=index)
    converted, unreadable = {}, []
    for column in fmt.columns:
        if column.field not in found or column.kind in ("date", "time"):
            converted[column.field] = _missing(column.kind, index)
            continue
        cells = raw.frame[found[column.field]]
        converted[column.field], bad = _values(column, cells, decimal, pseudonym)
        unreadable.append((column, bad))
    sheet.frame = pd.DataFrame(converted, index=index)
    _currencies(sheet)
    unreadable += _dates(sheet, decimal, currency)
    if fmt.prepare:
        fmt.prepare(sheet)
    sheet.reject(torn, f"the line has more or fewer cells than the header ({width})")
    for column, bad in unreadable:
        header = found[column.field][:60]
        sheet.reject(bad, f"'{header}' is not a {_SPOKEN.get(column.kind, 'value')}")
        if column.filled:
            sheet.reject(sheet.frame[column.field].isna(), f"'{header}' is empty")
        if column.minimum is not None:
            sheet.reject(sheet.frame[column.field] < column.minimum, f"'{header}' is below {column.minimum:g}")
    return sheet


_SPOKEN = {"number": "number", "money": "number", "date": "date", "time": "date", "flag": "yes or no"}


def _missing(kind: str, index: pd.Index) -> pd.Series:
    dtype = {
        "number": float,
        "money": float,
        "date": "datetime64[us]",
        "time": "datetime64[us]",
        "flag": "boolean",
    }.get(kind, "object")
    return pd.Series(np.nan if dtype is float else pd.NaT if "date" in str(dtype) else pd.NA, index=index, dtype=dtype)


def _values(
    column: Column, cells: pd.Series, decimal: str, pseudonym: Callable[[str], str]
) -> tuple[pd.Series, pd.Series]:
    """(values, unreadable mask) of one column that holds no dates."""
    nothing = pd.Series(False, index=cells.index)
    if column.kind in ("number", "money"):
        return parse.numbers(cells, decimal)
    if column.kind == "flag":
        return parse.flags(cells)
    if column.kind == "customer":
        return parse.customers(cells, pseudonym), nothing
    return (parse.ids(cells, pseudonym) if column.kind == "id" else parse.texts(cells)), nothing


def _dates(sheet: Sheet, decimal: str, currency: str) -> list[tuple[Column, pd.Series]]:
    """Fill in the date columns; returns each with its mask of unreadable cells.

    Day or month first: as the format's files always are, else as some date of the file shows, else by decimal comma and currency.
    """
    fmt, masks = sheet.fmt, []
    columns = [column for column in fmt.columns if column.kind in ("date", "time") and sheet.has(column.field)]
    shown = fmt.day_first if fmt.day_first is not None else parse.day_order([sheet.cell(c.field) for c in columns])
    home = next((code for code in sheet.currencies if re.fullmatch("[A-Z]{3}", code)), fmt.currency or currency.upper())
    day_first = shown if shown is not None else decimal == "," or home not in MONTH_FIRST
    for column in columns:
        values, bad, ambiguous = parse.dates(sheet.cell(column.field), day_first)
        sheet.frame[column.field] = values.dt.normalize() if column.kind == "date" else values
        masks.append((column, bad))
        if ambiguous and shown is None:
            sheet.warnings.append(
                f"'{sheet.found[column.field]}' may be day/month or month/day; it was read as "
                f"{'day/month' if day_first else 'month/day'}, as usual with "
                f"{'a decimal comma' if decimal == ',' else home}. If that is wrong, write its dates as 2026-12-31, or state "
                "the file's currency, and import it into a new workspace."
            )
    return masks


def _currencies(sheet: Sheet) -> None:
    """The currencies the file states: in money headers, in amounts, or in a column named by the format as `currency`."""
    lines = sheet.currencies
    for column in sheet.fmt.columns:
        if column.kind != "money" or column.field not in sheet.found:
            continue
        if code := CURRENCY.search(sheet.found[column.field]):
            lines.setdefault(code[1], sheet.raw.header_line)
        for mark, position in parse.marks(sheet.cell(column.field)).items():
            lines.setdefault(mark, int(sheet.raw.line[position]))
    if sheet.has("currency"):
        for index, mark in sheet.frame["currency"].dropna().drop_duplicates().items():
            lines.setdefault(parse.mark_of(str(mark))[:20], int(sheet.line[index]))
