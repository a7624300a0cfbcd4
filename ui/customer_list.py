"""The marketer's own customer list beside the workspace, which knows addresses by their pseudonyms only."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from campaignwright.market.formats_parse import customers
from campaignwright.market.reading import parse
from campaignwright.market.reading_encoding import load
from campaignwright.market.workspace import Workspace

HEADERS = frozenset({"email", "emailaddress", "mail", "phone", "customerid", "customeremail", "customer", "id", "邮箱", "手机号"})
PHONE = r"\+[\d ()./-]+"


def identifiers(workspace: Workspace, path: Path, members: list[str]) -> tuple[str, dict[str, str]]:
    """(header, customer id -> how the list writes it) of the list's column that names the most of `members`.

    Raises ImportProblem for a file that is no table, ValueError when no column names one of them.
    """
    frame, wanted = parse(load(path), HEADERS).frame, set(members)
    named = [(header, _named(workspace, frame[header], wanted)) for header in frame.columns]
    header, found = max(named, key=lambda one: len(one[1]), default=("", {}))
    if not found:
        raise ValueError(f"{path.name}: no column names a customer of this audience; give the list that the orders came with.")
    return header, found


def _named(workspace: Workspace, cells: pd.Series, wanted: set[str]) -> dict[str, str]:
    """Customer id -> cell for the cells that are one of `wanted`, as they stand or as the import reads them; a phone number
    without spaces and strokes."""
    plain = cells.fillna("").astype(str).str.strip()
    hidden = customers(plain, workspace.pseudonym)
    bare = plain.where(~plain.str.fullmatch(PHONE), plain.str.replace(r"[ ()./-]", "", regex=True))
    return {key: cell for keys in (plain, hidden) for key, cell in zip(keys, bare, strict=True) if key in wanted}
