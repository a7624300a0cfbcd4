"""Reads values in the marketer's own words, English and Chinese, into canonical form: the one module that tools import.

Money, fractions, ratios, counts (normalise_numbers), lengths of time (normalise_duration), dates and ranges of dates
(normalise_dates, normalise_calendar), channels, audiences, offers (normalise_names), products (normalise_products),
campaigns (normalise_campaigns). Canonical values are accepted too. What cannot be read, or has two readings, raises
ToolError(retry=True) naming argument, expected and received; nothing is guessed.
"""

from campaignwright.tools.normalise_calendar import event_period
from campaignwright.tools.normalise_campaigns import campaign
from campaignwright.tools.normalise_dates import assumed_order, day_first, start_and_days
from campaignwright.tools.normalise_duration import duration
from campaignwright.tools.normalise_names import audience, channel, channels, offer
from campaignwright.tools.normalise_numbers import count, fraction, is_rate, money, ratio
from campaignwright.tools.normalise_products import ProductMatch, product, products
from campaignwright.tools.normalise_text import has_cjk, spoken

__all__ = [
    "ProductMatch",
    "assumed_order",
    "audience",
    "campaign",
    "channel",
    "channels",
    "count",
    "day_first",
    "duration",
    "fraction",
    "has_cjk",
    "is_rate",
    "money",
    "offer",
    "product",
    "products",
    "ratio",
    "spoken",
    "event_period",
    "start_and_days",
]
