"""Prices as shops write them: .99 or .90, in Chinese shops ending in 8 or 9.

Endings of 9 sell a little more than round prices (Anderson and Simester 2003); 8 is the lucky figure of Chinese prices (Simmons and
Schindler 2003). Which ending sells better here is not measured.
"""

from __future__ import annotations

import numpy as np
from babel.numbers import get_currency_precision


def price_tag(price: float, currency: str, *, least: float = 0.0) -> float:
    """The ending nearest to `price` that is at or above `least` (the margin floor), money. CNY: whole yuan from 20 on, tenths below,
    ending in 8 or 9; others: .99 or .90 below 1,000, whole amounts ending in 9 above; a currency without decimals: ending in 8 or 9
    of its hundreds. Raises ValueError for a price of 0 or less."""
    if not price > 0:
        raise ValueError(f"price: expected more than 0; received {price}.")
    if get_currency_precision(currency) == 0:
        step, ends = 100.0, (80.0, 90.0)
    elif currency == "CNY":
        step, ends = (10.0, (8.0, 9.0)) if price >= 20 else (1.0, (0.8, 0.9))
    else:
        step, ends = (10.0, (9.0,)) if price >= 1000 else (1.0, (0.90, 0.99))
    bases = step * (np.floor(max(price, least) / step) + np.arange(-1, 3))
    tags = np.sort(np.round((bases[:, None] + np.array(ends)).ravel(), 2))
    tags = tags[(tags > 0) & (tags >= round(least, 2))]
    return float(tags[np.abs(tags - price).argmin()])
