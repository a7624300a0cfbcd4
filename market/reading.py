"""From a file's content to a table of strings with physical line numbers, or one clear line on why not.

Covers comma, semicolon, tab or bar as delimiter, preamble lines, quoted line breaks, JSON records; encodings are
found in `reading_encoding`. It knows no format and converts no cell: that is `formats_base`.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pyarrow as pa

from campaignwright.market.reading_encoding import ImportProblem, Source, encoding_of

MAX_CELL = 131_072  # characters; a longer cell is a quotation mark that was never closed, or not a table
DELIMITERS = (",", ";", "\t", "|")
CHUNK = 50_000


@dataclass
class RawTable:
    """Cells as strings (empty = ""), one row a record. `line` is the physical line (or record, for JSON) it starts on.

    `cells` is the number of cells the line really had: another number than the header's marks a torn line.
    """

    name: str
    sha256: str
    modified: dt.date
    frame: pd.DataFrame
    line: np.ndarray
    cells: np.ndarray
    header_line: int = 1
    delimiter: str = ","
    encoding: str = "utf-8"
    warnings: list[str] = field(default_factory=list)


def normalise(header: str) -> str:
    """A header for comparing: case, spacing and punctuation ignored."""
    return re.sub(r"[\W_]+", "", header.casefold())


def parse(source: Source, known: frozenset[str]) -> RawTable:
    """The table in `source`. `known` are normalised headers by which the header line is found. Raises ImportProblem."""
    data, name = source.data, source.name
    encoding, warnings = encoding_of(data, name)
    base = {
        "name": name,
        "sha256": source.sha256,
        "modified": source.modified,
        "encoding": encoding,
        "warnings": warnings,
    }
    if _decoded(data[:64], encoding).lstrip("\ufeff \r\n\t")[:1] in ("{", "["):
        columns, rows = _json_records(data, encoding, name)
        frame = pd.DataFrame(rows, columns=columns, dtype="str")
        line = np.arange(1, len(frame) + 1)
        return RawTable(**base, frame=frame, line=line, cells=np.full(len(frame), len(columns)), header_line=0)
    delimiter, skip = _layout(data, encoding, known)
    frame, line, cells, header_line = _cells(data, encoding, delimiter, skip, name)
    if frame.empty:
        raise ImportProblem(
            f"{name}: there is a header on line {header_line} but no row under it; "
            "export again with a date range that has data."
        )
    return RawTable(**base, frame=frame, line=line, cells=cells, header_line=header_line, delimiter=delimiter)


def _decoded(data: bytes, encoding: str) -> str:
    return data.decode(encoding, errors="ignore")


def _reader(data: bytes, encoding: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline=""), delimiter=delimiter)


def _limited(function: Callable[[], object], name: str, where: Callable[[], int]) -> object:
    """Run `function` under the cell limit (a process-wide setting of `csv`, restored afterwards)."""
    before = csv.field_size_limit(MAX_CELL)
    try:
        return function()
    except csv.Error as error:
        if "field larger" in str(error):
            raise ImportProblem(
                f"{name}: line {where()} has a cell of more than {MAX_CELL:,} characters; look there for a "
                "quotation mark that is never closed."
            ) from error
        raise ImportProblem(f"{name}: line {where()} is not CSV ({error}); export it again.") from error
    finally:
        csv.field_size_limit(before)


def _layout(data: bytes, encoding: str, known: frozenset[str]) -> tuple[str, int]:
    """Delimiter and number of records before the header: where most known headers stand; else the widest first line."""
    head = data[:262_144]
    if encoding.startswith("utf-16"):
        head = head[: len(head) // 2 * 2]
    text = _decoded(head, encoding).lstrip("\ufeff")
    best = (0, 0, 0, ",")
    widest = (1, 0, ",")
    for delimiter in DELIMITERS:
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))[:40]
        except csv.Error:
            continue  # a huge cell: reported with its line when the file is read in full
        for number, row in enumerate(rows):
            hits = len({normalise(re.sub(r"[(（][A-Z]{3}[)）]\s*$", "", cell)) for cell in row} & known)
            best = max(best, (hits, len(row), -number, delimiter))
        first = next((number for number, row in enumerate(rows) if any(cell.strip() for cell in row)), 0)
        if rows:
            widest = max(widest, (len(rows[first]), -first, delimiter))
    return (best[3], -best[2]) if best[0] >= 2 or (best[0] == 1 and best[1] <= 2) else (widest[2], -widest[1])


def _cells(
    data: bytes, encoding: str, delimiter: str, skip: int, name: str
) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, int]:
    """All rows under the header: frame, line numbers, cell counts, header line. Blank lines are passed over."""
    reader = _reader(data, encoding, delimiter)
    previous = 0  # lines before the row being read

    def run() -> tuple[pd.DataFrame, np.ndarray, np.ndarray, int]:
        nonlocal previous
        for _ in range(skip):
            next(reader)
            previous = reader.line_num
        header_line = reader.line_num + 1
        columns = _unique([cell.strip().lstrip("\ufeff").strip() for cell in next(reader)])
        previous = reader.line_num
        width, lines, cells, chunks, rows = len(columns), [], [], [], []
        for row in reader:
            if any(row):
                lines.append(previous + 1)
                cells.append(len(row) if any(row[width:]) else min(len(row), width))  # trailing commas are no cells
                rows.append(row if len(row) == width else (row + [""] * width)[:width])
                if len(rows) == CHUNK:
                    chunks.append(_arrow(rows, columns))
                    rows = []
            previous = reader.line_num
        if cells and cells[-1] != width and reader.line_num - lines[-1] > 0:
            raise ImportProblem(
                f"{name}: line {lines[-1]}: a quotation mark opened there is never closed; mend it or export again."
            )
        chunks.append(_arrow(rows, columns))
        frame = pa.concat_tables(chunks).to_pandas()
        counts = np.array(cells, dtype=np.int64)
        short = counts == width - 1  # the last column is empty in every row, and in some its comma is left out
        if short.any() and (frame.iloc[:, -1] == "").all() and (short.all() or data.endswith((b"\n", b"\r"))):
            counts[short] = width
        return frame, np.array(lines, dtype=np.int64), counts, header_line

    return _limited(run, name, lambda: previous + 1)


def _arrow(rows: list[list[str]], columns: list[str]) -> pa.Table:
    values = zip(*rows, strict=True) if rows else [()] * len(columns)
    return pa.table([pa.array(list(column), type=pa.large_string()) for column in values], names=columns)


def _unique(names: list[str]) -> list[str]:
    """Column names without blanks or repeats."""
    seen: dict[str, int] = {}
    result = []
    for position, name in enumerate(names, 1):
        name = name or f"column {position}"
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return result


def _json_records(data: bytes, encoding: str, name: str) -> tuple[list[str], list[list[str]]]:
    """Columns and rows of a JSON list of records, or of a record of equally long lists."""
    try:
        content = json.loads(data.decode(encoding))
    except (ValueError, RecursionError) as error:
        raise ImportProblem(f"{name}: is not valid JSON ({str(error)[:80]}); export it again.") from error
    if isinstance(content, dict) and content and all(isinstance(value, list) for value in content.values()):
        if len({len(value) for value in content.values()}) != 1:
            raise ImportProblem(f"{name}: its lists differ in length ({', '.join(content)}); export it again.")
        columns = list(content)
        rows = [list(row) for row in zip(*content.values(), strict=True)]
    elif isinstance(content, list) and content and all(isinstance(record, dict) for record in content):
        columns = list(dict.fromkeys(key for record in content for key in record))
        rows = [[record.get(column, "") for column in columns] for record in content]
    else:
        raise ImportProblem(
            f"{name}: holds JSON, but not a table (a list of records, or lists by column); import a CSV."
        )
    if not rows:
        raise ImportProblem(f"{name}: has column names but no row; export it again.")
    text = [
        ["" if cell is None else cell if isinstance(cell, str) else json.dumps(cell) for cell in row] for row in rows
    ]
    for number, row in enumerate(text, 1):
        if max(map(len, row)) > MAX_CELL:
            raise ImportProblem(f"{name}: record {number} has a cell of more than {MAX_CELL:,} characters; shorten it.")
    return columns, text
