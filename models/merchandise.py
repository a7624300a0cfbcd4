"""Which product codes are goods: order exports also carry postage, fees and manual corrections as lines."""

from __future__ import annotations

from campaignwright.market.workspace import Workspace

NAMES = r"^(postage|dotcom postage|shipping.*|delivery.*|carriage|manual|discount|bank charges?|.*\bfees?|adjust.*|gift ?cards?|运费|邮费)$"


def service_lines(workspace: Workspace) -> set[str]:
    """Codes that are not goods, by name; and codes without a digit where nineteen in twenty of the shop's codes have one."""
    frame = workspace.query(
        """SELECT product_id, regexp_matches(lower(trim(name)), ?) AS named, regexp_matches(product_id, '[0-9]') AS digit
           FROM products""", [NAMES])
    if frame.empty:
        return set()
    odd = ~frame["digit"] if frame["digit"].mean() >= 0.95 else frame["digit"] & False
    return set(frame.loc[frame["named"].fillna(False).astype(bool) | odd.astype(bool), "product_id"])
