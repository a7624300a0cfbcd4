"""Whether an order stands: the words that shops' exports use for it, in English, German and Chinese.

Unknown words count as paid. A part of an order that was refunded does not undo the order.
"""

from __future__ import annotations

import pandas as pd

from campaignwright.market.formats_base import Sheet, Write
from campaignwright.market.formats_parse import by_value
from campaignwright.market.workspace import Workspace

UNDONE = ("cancelled", "refunded")
_RANK = {"paid": 0, "pending": 1, "refunded": 2, "cancelled": 3}  # an order is what its best line is
_NAMES = {rank: name for name, rank in _RANK.items()}
_STANDS = r"^(?:not|nicht|non|no|kein\w*)\b|partial|teil|部分"
_WORDS = {
    "pending": r"pending(?!.*(?:fulfil|ship|pick))|on.?hold|unpaid|awaiting.payment|draft|ausstehend|wartestellung|unbezahlt"
    r"|待付款|待支付|未付款|未支付",
    "refunded": r"refunded|^refund$|returned|returning|chargeback|erstattet|retourniert|zurückgesandt|zurückgeschickt"
    r"|已退款|^退款$|退款成功|退款完成|已退货|^退货$",
    "cancelled": r"cancell?ed|void|failed|expired|storniert|annulliert|abgebrochen|fehlgeschlagen|已取消|^取消$|已关闭|交易关闭|交易失败",
}


def order_status(words: pd.Series) -> pd.Series:
    """paid | pending | refunded | cancelled, from the words of an export; empty cells count as paid."""

    def read(values: list[str]) -> pd.Series:
        text = pd.Series(values, dtype="object").str.strip().str.casefold()
        status = pd.Series("paid", index=text.index, dtype="object")
        for name, pattern in _WORDS.items():
            status[text.str.contains(pattern) & ~text.str.contains(_STANDS)] = name
        return status

    return by_value(words.astype("object").fillna(""), read, "object")


def worst(*statuses: pd.Series) -> pd.Series:
    """Row by row the status furthest from paid."""
    ranks = pd.concat([status.map(_RANK) for status in statuses], axis=1)
    return ranks.max(axis=1).map(_NAMES).astype("object")


def best_of_order(status: pd.Series, orders: pd.Series) -> pd.Series:
    """For each line the status of its order: the one nearest to paid among its lines."""
    ranks = status.map(_RANK).astype(float).groupby(orders).transform("min")
    return ranks.map(_NAMES).astype("object")


def status_updates(sheet: Sheet, workspace: Workspace, orders: pd.DataFrame) -> list[Write]:
    """A newer export may say that an order known from an earlier one was cancelled, refunded or paid meanwhile: take that over.

    `orders`: order_id, status and, where it may have changed, total.
    """
    stored = workspace.query("SELECT * FROM orders").set_index("order_id")
    new = orders.drop_duplicates("order_id").set_index("order_id")
    new = new[new.index.isin(stored.index)]
    old = stored.loc[new.index]
    changed = new["status"] != old["status"].fillna("paid")
    if "total" in new:
        changed |= (new["total"] - old["total"]).abs() > 1e-6
    if not changed.any():
        return []
    sheet.warnings.append(f"{int(changed.sum()):,} orders from an earlier file have a new status or total, which was taken over.")
    return [Write("orders", old[changed].assign(**new[changed]).reset_index(), "merge")]
