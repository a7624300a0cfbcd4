"""Which currency a file is in, and whether it may enter the workspace. There are no exchange rates here."""

from __future__ import annotations

from babel.numbers import list_currencies

from campaignwright.market.formats_base import Sheet
from campaignwright.market.formats_parse import SIGNS
from campaignwright.market.reading_encoding import ImportProblem
from campaignwright.market.workspace import Workspace


def settle_currency(workspace: Workspace, sheet: Sheet, said: str | None) -> str | None:
    """The currency to set for the workspace, or None to leave it.

    Raises ImportProblem: there is no exchange rate here.
    """
    name, fmt = sheet.raw.name, sheet.fmt
    _refuse_unknown(sheet)
    imported = bool(workspace.scalar("SELECT 1 FROM imports LIMIT 1"))  # a killed import may leave the setting alone
    fixed = (imported and workspace.settings.get("currency_stated")) or bool(
        workspace.scalar("SELECT 1 FROM campaigns WHERE source = 'simulator' LIMIT 1")
    )
    stated = _stated(workspace, sheet, said)
    if not stated:
        if any(column.kind == "money" and column.field in sheet.found for column in fmt.columns):
            sheet.warnings.append(f"The file states no currency; its amounts count as {workspace.currency}.")
        return None
    if not fixed:
        if stated != workspace.currency and imported:
            sheet.warnings.append(
                f"The workspace's currency is now {stated}; amounts imported before without a "
                "currency count as such."
            )
        return stated
    if stated != workspace.currency:
        raise ImportProblem(
            f"{name}: is in {stated}, the workspace in {workspace.currency}, and there is no exchange rate here; "
            f"convert the amounts to {workspace.currency} first, or import it into a workspace of its own."
        )
    return None


def _stated(workspace: Workspace, sheet: Sheet, said: str | None) -> str | None:
    """The one currency that the file, its format or the user states; None when nobody does.

    A sign that several currencies share, such as `$`, is the stated one, or the workspace's, if it can be. Raises ImportProblem.
    """
    name = sheet.raw.name
    signs = [mark for mark in sheet.currencies if mark in SIGNS]
    codes = dict.fromkeys(mark for mark in sheet.currencies if mark not in SIGNS)
    codes |= dict.fromkeys(code for code in (sheet.fmt.currency, said and said.upper()) if code)
    code = next(iter(codes), None if not signs else workspace.currency)
    others = [sign for sign in signs if code not in SIGNS[sign]]
    if len(codes) > 1 or (codes and others):
        lines = sheet.currencies
        amounts = sorted([*codes, *others], key=lambda mark: lines.get(mark, 0))
        where = ", ".join(str(lines[mark]) for mark in amounts if mark in lines)
        where = f" (line {where})" if where else ""
        raise ImportProblem(
            f"{name}: holds amounts in {' and '.join(amounts)}; there is no exchange rate here, "
            f"export one currency at a time{where}."
        )
    if others:
        raise ImportProblem(
            f"{name}: line {sheet.currencies[others[0]]} has amounts in '{others[0]}', the workspace is in {code}; "
            f"say which currency it is ({', '.join(SIGNS[others[0]][:4])}), for instance --currency {SIGNS[others[0]][0]}."
        )
    if signs and not codes:
        sheet.warnings.append(
            f"Amounts with '{signs[0]}' count as {code}; if they are in another currency, import into a new workspace with --currency."
        )
    return code


def refuse_unknown(name: str, said: str | None) -> None:
    """Raise ImportProblem for a currency that the user names and that is not ISO 4217."""
    if said and said.upper() not in list_currencies():
        raise ImportProblem(
            f"{name}: '{said.upper()[:20]}' is no known currency; use an ISO code such as USD, EUR, GBP or CNY."
        )


def _refuse_unknown(sheet: Sheet) -> None:
    """Raise ImportProblem for a currency stated in the file that is not ISO 4217."""
    for code, line in sheet.currencies.items():
        if code not in SIGNS and code not in list_currencies():
            raise ImportProblem(
                f"{sheet.raw.name}: line {line} states the unknown currency '{code}'; correct it to an ISO code "
                "such as USD, EUR or GBP."
            )
