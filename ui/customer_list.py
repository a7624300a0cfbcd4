"""The marketer's own customer list beside the workspace, which knows addresses by their pseudonyms only."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from campaignwright.market.formats_parse import customers
from campaignwright.market.reading import normalise, parse
from campaignwright.market.reading_encoding import load
from campaignwright.market.workspace import Workspace

HEADERS = frozenset({"email", "emailaddress", "mail", "phone", "customerid", "customeremail", "customer", "id", "邮箱", "手机号"})
FIRST_NAMES = ("firstname", "fname", "givenname", "forename", "vorname", "名字", "名")
PHONE = r"\+[\d ()./-]+"


def identifiers(workspace: Workspace, path: Path, members: list[str]) -> tuple[str, dict[str, str], dict[str, str]]:
    """(header, customer id -> how the list writes it) of the list's column that names the most of `members`, and their first
    names (customer id -> name) where the list has them.

    Raises ImportProblem for a file that is no table, ValueError when no column names one of them.
    """
    frame, wanted = parse(load(path), HEADERS).frame, set(members)
    rows = [(header, _named(workspace, frame[header], wanted)) for header in frame.columns]
    header, found = max(rows, key=lambda one: len(one[1]), default=("", {}))
    if not found:
        raise ValueError(f"{path.name}: no column names a customer of this audience; give the list that the orders came with.")
    names = next((frame[column].fillna("").astype(str).str.strip() for column in frame.columns if normalise(column) in FIRST_NAMES), None)
    first = {} if names is None else {key: name for key, (row, _) in found.items() if (name := names.iloc[row])}
    return header, {key: cell for key, (_, cell) in found.items()}, first


def _named(workspace: Workspace, cells: pd.Series, wanted: set[str]) -> dict[str, tuple[int, str]]:
    """Customer id -> (row, cell) for the cells that are one of `wanted`, as they stand or as the import reads them; a phone
    number without spaces and strokes."""
    plain = cells.fillna("").astype(str).str.strip()
    hidden = customers(plain, workspace.pseudonym)
    bare = plain.where(~plain.str.fullmatch(PHONE), plain.str.replace(r"[ ()./-]", "", regex=True))
    return {key: (row, cell) for keys in (plain, hidden) for row, (key, cell) in enumerate(zip(keys, bare, strict=True)) if key in wanted}
