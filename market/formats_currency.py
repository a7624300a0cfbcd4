"""Which currency a file is in, and whether it may enter the workspace. There are no exchange rates here."""

from __future__ import annotations

from babel.numbers import list_currencies

from campaignwright.market.formats_base import Sheet
from campaignwright.market.reading_encoding import ImportProblem
from campaignwright.market.workspace import Workspace


def settle_currency(workspace: Workspace, sheet: Sheet, said: str | None) -> str | None:
    """The currency to set for the workspace, or None to leave it.

    Raises ImportProblem: there is no exchange rate here.
    """
    name, fmt = sheet.raw.name, sheet.fmt
    _refuse_unknown(sheet, said)
    stated = list(
        dict.fromkeys([*sheet.currencies, *([fmt.currency] if fmt.currency else []), *([said.upper()] if said else [])])
    )
    if len(stated) > 1:
        raise ImportProblem(
            f"{name}: holds amounts in {' and '.join(stated)}; there is no exchange rate here, export "
            "one currency at a time."
        )
    imported = bool(workspace.scalar("SELECT 1 FROM imports LIMIT 1"))  # a killed import may leave the setting alone
    fixed = (imported and workspace.settings.get("currency_stated")) or bool(
        workspace.scalar("SELECT 1 FROM campaigns WHERE source = 'simulator' LIMIT 1")
    )
    if not stated:
        if any(column.kind == "money" and column.field in sheet.found for column in fmt.columns):
            sheet.warnings.append(f"The file states no currency; its amounts count as {workspace.currency}.")
        return None
    if not fixed:
        if stated[0] != workspace.currency and imported:
            sheet.warnings.append(
                f"The workspace's currency is now {stated[0]}; amounts imported before without a "
                "currency count as such."
            )
        return stated[0]
    if stated[0] != workspace.currency:
        raise ImportProblem(
            f"{name}: is in {stated[0]}, the workspace in {workspace.currency}, and there is no exchange rate here; "
            f"convert the amounts to {workspace.currency} first, or import it into a workspace of its own."
        )
    return None


def _refuse_unknown(sheet: Sheet, said: str | None) -> None:
    """Raise ImportProblem for a currency, said by the user or stated in the file, that is not ISO 4217."""
    name, known = sheet.raw.name, list_currencies()
    for code in [said.upper()] if said else []:
        if code not in known:
            raise ImportProblem(
                f"{name}: '{code[:20]}' is no known currency; use an ISO code such as USD, EUR, GBP or CNY."
            )
    for code in sheet.currencies:
        if code not in known:
            line = (
                sheet.line[sheet.frame["currency"].str.upper() == code].min()
                if sheet.has("currency")
                else sheet.raw.header_line
            )
            raise ImportProblem(
                f"{name}: line {line} states the unknown currency '{code}'; correct it to an ISO code "
                "such as USD, EUR or GBP."
            )
