"""The words every part shares (docs/design.md, "Words"): Brief, Strategy and their closed vocabularies.

Fractions are 0-1, a range of dates is inclusive, money is in the workspace's currency unless `currency` says otherwise.
Reading a marketer's own wording ("20k", "next Monday") is not done here but in `campaignwright.tools.normalise`.
"""

from __future__ import annotations

import datetime as dt
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Objective = Literal["revenue", "profit", "acquisition", "retention", "clearance", "awareness"]
Channel = Literal["email", "sms", "push", "search", "social", "display", "wechat", "xiaohongshu"]
Offer = Literal["none", "percent_off", "amount_off", "free_shipping", "bundle", "gift"]
Angle = Literal["value", "novelty", "social_proof", "urgency", "quality"]
Tone = Literal["neutral", "playful", "urgent", "premium", "friendly"]
Language = Literal["en", "zh"]

OBJECTIVES = Objective.__args__
CHANNELS = Channel.__args__
OFFERS = Offer.__args__
ANGLES = Angle.__args__
TONES = Tone.__args__
LANGUAGES = Language.__args__
AUDIENCES = ("all", "new", "loyal", "lapsed", "high_value", "deal_seekers")
OWNED_CHANNELS = ("email", "sms", "push", "wechat")  # reach known customers; the rest reach strangers too
CUSTOMERS = ("loyal", "lapsed", "high_value")  # audiences of people who have bought
MONTH_FIRST = frozenset({"USD", "CNY", "JPY", "KRW", "TWD"})  # where 1/12 is 12 January; elsewhere it is 1 December


class Brief(BaseModel):
    """What the marketer asked, in canonical form. `audience` is one of AUDIENCES or a segment the workspace defines."""

    model_config = ConfigDict(extra="forbid")

    objective: Objective = "profit"
    products: list[str] = Field(default_factory=list, description="product ids; empty = the whole catalogue")
    product_names: list[str] = Field(default_factory=list, description="the products as said, for display")
    audience: str = "all"
    budget: float | None = Field(default=None, ge=0)
    currency: str = "USD"
    start: dt.date | None = None
    days: int = Field(default=14, ge=1, le=366)
    channels: list[Channel] = Field(default_factory=list, description="empty = the copilot's choice")
    max_discount: float | None = Field(default=None, ge=0, le=1)
    min_roas: float | None = Field(default=None, ge=0)
    tone: Tone = "neutral"
    language: Language = "en"
    assumed: list[str] = Field(default_factory=list, description="fields the marketer did not state")


class Strategy(BaseModel):
    """One campaign that could run: what the VAE generates, the forecast prices and the simulator scores.

    `shares` maps channel -> share of `budget`, summing to 1 (empty only when budget is 0). `discount` is a fraction of the
    price; it is 0 unless `offer` is percent_off, amount_off or bundle. `send_hour` is 0-23 local time, `weekly_frequency`
    the messages a customer gets a week on each owned channel.
    """

    model_config = ConfigDict(extra="forbid")

    audience: str
    products: list[str]
    shares: dict[Channel, float]
    discount: float = Field(ge=0, le=0.9)
    offer: Offer
    days: int = Field(ge=1, le=366)
    send_hour: int = Field(ge=0, le=23)
    weekly_frequency: float = Field(ge=0, le=14)
    angle: Angle
    budget: float = Field(ge=0)
    start: dt.date
