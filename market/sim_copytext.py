"""Past copy of the simulated shop: texts put together from data/copy_parts.json, and their impressions and clicks.

Fields of a text are separated by line breaks (e-mail: subject, preheader; push and xiaohongshu: title, body; search and
display: headline, description). The clicks of a campaign's channel are shared out by true copy score.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd

from campaignwright.market.simulator import Market
from campaignwright.market.words import TONES


@cache
def parts() -> dict:
    """The contents of data/copy_parts.json."""
    text = files("campaignwright.market").joinpath("data/copy_parts.json").read_text(encoding="utf-8")
    return json.loads(text)


def compose(rng: np.random.Generator, market: Market, campaign: dict, channel: str, language: str, tone: str) -> str:
    """One text for a campaign (keys: lead, the index of the product it shows; angle, offer, discount) on a channel."""
    catalogue, lead, table = market.catalogue, campaign["lead"], parts()
    category = catalogue.categories[catalogue.category[lead]]
    discount = campaign["discount"]
    slots = {
        "product": catalogue.names[lead],
        "brand": catalogue.brands[lead],
        "category": category.zh if language == "zh" else category.name,
        "benefit": str(rng.choice(table["benefits"][category.name][language])),
        "discount": f"{discount:.0%}",
        "amount_off": f"{max(1, round(catalogue.price[lead] * discount))}",
        "zhe": f"{10 * (1 - discount):.1f}".removesuffix(".0"),
    }

    def pick(options: list[str]) -> str:
        return str(rng.choice(options)).format(**slots)

    hook = pick(table["hooks"][language][campaign["angle"]])
    body = pick(table["bodies"][language][tone])
    offer = table["offers"][language][campaign["offer"]].format(**slots)
    return _lay_out(
        channel, language, _sentences(hook), _sentences(body), offer, slots["brand"], bool(rng.random() < 0.5)
    )


def _sentences(text: str) -> str:
    """`text` with a capital at the start of each sentence."""
    return re.sub(r"(^|[.!?] )([a-z])", lambda found: found.group(1) + found.group(2).upper(), text)


def _lay_out(channel: str, language: str, hook: str, body: str, offer: str, brand: str, offer_first: bool) -> str:
    """Put hook, body and offer into the channel's fields."""
    comma, stop = ("，", "。") if language == "zh" else (", ", ". ")
    if channel == "sms":
        ending = "拒收请回复R" if language == "zh" else "Reply STOP to end"
        label = f"【{brand}】" if language == "zh" else f"{brand}: "
        said = [part if part[-1] in "。.！!？?" else part + stop.strip() for part in (hook, offer, body) if part]
        return label + ("" if language == "zh" else " ").join([*said, ending])
    if channel == "wechat":
        return (hook + (comma + offer if offer else ""))[:40] if language == "zh" else hook
    title = f"{offer}{comma}{hook}" if offer and offer_first and channel != "search" else hook
    rest = f"{offer}{stop}{body}" if offer and title == hook else body
    return f"{title}\n{rest}"


def draw_copies(rng: np.random.Generator, market: Market, campaigns: list[dict], totals: pd.DataFrame) -> pd.DataFrame:
    """The table `copies`: 2-4 texts per campaign and channel, whose impressions and clicks sum to the channel's.

    campaigns: as `compose` needs, with campaign_id, channels, language, tone. totals: impressions and clicks
    by (campaign_id, channel).
    """
    rows = []
    for campaign in campaigns:
        for channel in campaign["channels"]:
            if (campaign["campaign_id"], channel) not in totals.index:
                continue
            total = totals.loc[(campaign["campaign_id"], channel)]
            texts = _variants(rng, market, campaign, channel)
            impressions = rng.multinomial(int(total.impressions), rng.dirichlet(np.full(len(texts), 8.0)))
            category = int(market.catalogue.category[campaign["lead"]])
            scores = [
                market.copy.score(text, channel, angle=campaign["angle"], tone=tone, category=category)
                for text, _, tone in texts
            ]
            clicks = _share_clicks(rng, impressions, np.array(scores), int(total.clicks))
            for (text, language, tone), shown, clicked in zip(texts, impressions, clicks, strict=True):
                rows.append(
                    (
                        f"t{len(rows) + 1:05d}",
                        campaign["campaign_id"],
                        channel,
                        language,
                        text,
                        float(shown),
                        float(clicked),
                        campaign["angle"],
                        tone,
                    )
                )
    return pd.DataFrame(
        rows,
        columns=["copy_id", "campaign_id", "channel", "language", "text", "impressions", "clicks", "angle", "tone"],
    )


def _variants(rng: np.random.Generator, market: Market, campaign: dict, channel: str) -> list[tuple[str, str, str]]:
    """Distinct (text, language, tone) of one campaign and channel; four in ten also run the other language."""
    other = "en" if campaign["language"] == "zh" else "zh"
    languages = [campaign["language"]] * int(rng.integers(2, 4)) + [other] * int(rng.random() < 0.4)
    chosen: dict[str, tuple[str, str, str]] = {}
    for language in languages:
        tone = campaign["tone"] if rng.random() < 0.7 else str(rng.choice(TONES))
        text = compose(rng, market, campaign, channel, language, tone)
        chosen[text] = (text, language, tone)
    return list(chosen.values())


def _share_clicks(rng: np.random.Generator, impressions: np.ndarray, scores: np.ndarray, clicks: int) -> np.ndarray:
    """Clicks by text: multinomial with weights impressions x exp(score), never more than the impressions."""
    weights = impressions * np.exp(scores)
    if not weights.sum():
        return np.zeros(len(impressions), dtype=int)
    return np.minimum(rng.multinomial(clicks, weights / weights.sum()), impressions)
