"""What is assumed of a channel before the workspace has shown anything: rates, prices and curve shapes.

Published figures, second-hand: WordStream 2025 for search, Klaviyo for e-mail, Robyn's demo ranges for adstock and
saturation, ECDB 2023 for store conversion; entries marked `assumed` are our own round figures. Money is in USD.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from campaignwright.market.words import CHANNELS, OWNED_CHANNELS


@dataclass(frozen=True)
class ChannelPrior:
    """`cpm`: USD per 1,000 impressions (messages on owned channels); `ctr`, `cvr`: fractions; `theta`: adstock 0-1."""

    cpm: float
    ctr: float
    cvr: float
    theta: float
    source: str


PRIORS: dict[str, ChannelPrior] = {
    "email": ChannelPrior(2.0, 0.013, 0.062, 0.25, "Klaviyo (second-hand): click 1.3 %, order 0.08 %; price assumed"),
    "sms": ChannelPrior(30.0, 0.050, 0.030, 0.15, "assumed"),
    "push": ChannelPrior(1.0, 0.015, 0.024, 0.10, "assumed"),
    "search": ChannelPrior(352.0, 0.067, 0.075, 0.15, "WordStream 2025 (second-hand)"),
    "social": ChannelPrior(12.5, 0.015, 0.024, 0.15, "CTR, CPC second-hand; conversion ECDB 2023"),
    "display": ChannelPrior(4.0, 0.004, 0.010, 0.20, "assumed"),
    "wechat": ChannelPrior(10.0, 0.015, 0.024, 0.15, "assumed"),
    "xiaohongshu": ChannelPrior(9.0, 0.015, 0.015, 0.20, "assumed"),
}

RATE_SD = 0.7  # prior sd of a log rate: shops differ by a factor 2 either way
SLOPE, SLOPE_SD = 1.0, 0.30  # Hill slope (log scale sd); Robyn 0.5-3, Meridian 1
HALF_SD = 0.7  # log scale sd of the half-saturation
THETA_SD = 0.12
ORDER_VALUE = 60.0  # USD, assumed, only where no order was ever seen
ORDER_VALUE_SD = 0.6
MARGIN = 0.38  # best markup (p - c) / p at elasticity -2.62, docs/sources.md

# Rough units of currency per USD: to carry the USD priors over, never to convert the shop's own money.
PER_USD = {"USD": 1.0, "EUR": 0.9, "GBP": 0.78, "CNY": 7.2, "JPY": 150.0, "CAD": 1.37, "AUD": 1.5, "CHF": 0.88}


def money_scale(currency: str) -> float:
    """Units of `currency` per USD, for priors only; 1 for a currency that is not listed."""
    return PER_USD.get(currency, 1.0)


def column(name: str) -> np.ndarray:
    """One field of PRIORS over CHANNELS, float[8]."""
    return np.array([getattr(PRIORS[channel], name) for channel in CHANNELS])


OWNED = np.array([channel in OWNED_CHANNELS for channel in CHANNELS])  # bool[8]
