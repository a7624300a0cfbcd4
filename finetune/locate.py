"""Find where a hand-written request says a value that its label gives canonically ("3 -> three", "0.15 -> 八五折").

Seed items label what their own words determine; the tool call copies the wording, so it has to be found. Returns None
where nothing fits: the item is then dropped and counted.
"""

from __future__ import annotations

import re

import cn2an

from campaignwright.finetune.surface import chinese, english, trim

NO_DISCOUNT = re.compile(
    r"(no|zero|without (?:any|a|a single)|w/o (?:a single|any)|not a|never) "
    r"(?:discount(?:s|ing)?(?: at all)?|promo codes|price cuts?|coupons?|markdowns?|promo(?:tion)?|sale|deal)|"
    r"full[ -]price|nothing off|promo-free|none(?=\n|$)|don't do never discounts|"
    r"don't hand me a discount|zero discounting|no promo codes whatsoever|at the price they are|not discounting|"
    r"不要?打折|不要折扣|原价|零折扣|不降价|别降价|不能打折|不做折扣|不适合打折|折扣也不要|正价|折扣取消|别打折|没有折扣|没法打折",
    re.IGNORECASE,
)
OFFERS = {
    "none": r"no (?:discount|offer|deal|promo)\w*|must not mention any promotion|not a word about price|with no deal"
    r"|不提任何优惠|不带折扣信息|不提优惠|不打折",
    "free_shipping": r"free (?:shipping|delivery)|包邮|免邮",
    "gift": r"free gift|gift with purchase|get a present|a present|送小样|买就送|买赠|送礼",
    "bundle": r"bundle|组合装优惠|组合装|套装优惠|套装",
    "amount_off": r"满减",
    "percent_off": r"降价打折|打折",
}
SPECIAL = {
    1.0: ["doubling", "twice as", "doubles", "翻倍", "double"],
    2.0: ["triples", "triple", "翻三倍"],
    0.5: ["half price", "half off", "half again", "by half", "五成", "半价", "half"],
    0.25: ["a quarter", "one quarter", "quarter off", "quarter"],
    0.2: ["a fifth", "fifth"],
    0.0: ["nothing changes"],
}


def _first(text: str, candidates: list[str]) -> str | None:
    """The longest candidate that stands in `text` with word boundaries, in the text's own casing."""
    for candidate in sorted(dict.fromkeys(candidates), key=len, reverse=True):
        edge_left = r"(?<![A-Za-z0-9_.,])" if candidate[0].isascii() and candidate[0].isalnum() else ""
        edge_right = r"(?![A-Za-z0-9_%])(?![.,]\d)" if candidate[-1].isascii() and candidate[-1].isalnum() else ""
        if match := re.search(edge_left + re.escape(candidate) + edge_right, text, re.IGNORECASE):
            return match[0]
    return None


def count(text: str, value: int) -> str | None:
    """A small number: digits, a word, 两."""
    words = [str(value), english(value), chinese(value), cn2an.an2cn(str(value))]
    words += {1: ["一", "1", "a single", "just the best one", "one"], 2: ["俩", "a couple"], 6: ["half a dozen"]}.get(
        value, []
    )
    return _first(text, words)


def days(text: str, value: int) -> str | None:
    """A length of time."""
    forms = [
        f"{value} days",
        f"{value} day",
        f"{value}-day",
        f"{english(value)} days",
        f"{english(value)}-day",
        f"{english(value)} day",
        f"{value}天",
        f"{chinese(value)}天",
    ]
    if value % 7 == 0:
        week = value // 7
        forms += [
            f"{week} weeks",
            f"{english(week)} weeks",
            f"{week}-week",
            f"{english(week)}-week",
            f"{week} week",
            f"{english(week)} week",
            f"{chinese(week)}周",
            f"{week}周",
            f"{chinese(week)}个星期",
        ]
    forms += {
        7: ["a week", "one-week", "1 week", "this coming week", "week"],
        14: ["a fortnight", "fortnight"],
        30: ["一个月", "a month"],
        2: ["48 hours"],
        1: ["一天", "one day", "one-day"],
        28: ["four weeks"],
    }.get(value, [])
    return _first(text, forms)


def money(text: str, value: float) -> str | None:
    """A sum with its currency; 0 is the word that excludes."""
    value = int(value)
    if value == 0:
        return _first(text, ["nothing", "not a cent", "no", "dont", "don't", "zero", "不投", "不要"])
    cores = [str(value), f"{value:,}", english(value)]
    if value >= 1000:
        thousands = trim(value / 1000)
        cores += [f"{thousands}k", f"{thousands}K", f"{thousands} grand", f"{thousands} thousand"]
        if value % 1000 == 0:
            cores += [f"{english(value // 1000)} grand", f"{english(value // 1000)} thousand"]
        cores += [
            trim(value / 1e4) + "万",
            trim(value / 1e4) + "w",
            chinese(value),
            cn2an.an2cn(str(value)),
            f"{thousands}千",
        ]
    found = _first(text, cores)
    if found is None and value >= 10_000:
        found = _first(text, [chinese(value // 10_000) + "万"])
    if found is None:
        return None
    tail = re.search(
        re.escape(found) + r"(块钱|块|元|人民币|美金|美元|刀| (?:euros|eur|gbp|usd|dollars|pounds|rmb|yuan))?",
        text,
        re.IGNORECASE,
    )
    sign = re.search(r"[$£€¥]" + re.escape(found), text)
    return (sign or tail)[0]


def share(text: str, value: float) -> str | None:
    """A fraction: percent, words, 成, 折; 0 is 'no discount'."""
    if value == 0:
        match = NO_DISCOUNT.search(text)
        return match[0] if match else _first(text, SPECIAL[0.0])
    percent = round(value * 100)
    zhe = 100 - percent
    digits = "".join("零一二三四五六七八九"[int(d)] for d in str(zhe).rstrip("0")) if 0 < zhe < 100 else ""
    forms = [
        f"{percent}% off",
        f"{percent} percent off",
        f"{percent}%",
        f"{percent} %",
        f"{percent} percent",
        f"{english(percent)} percent",
        f"{percent} points",
        f"{english(percent)} percent off",
        str(percent),
        english(percent),
    ]
    forms += [digits + "折", str(zhe).rstrip("0") + "折"] if digits else []
    forms += (
        [chinese(percent // 10) + "成", cn2an.an2cn(str(percent // 10)) + "成"]
        if percent % 10 == 0 and percent < 100
        else []
    )
    return _first(text, forms + SPECIAL.get(value, []))


def ratio(text: str, value: float) -> str | None:
    """A return on ad spend; 0 is the phrase that lifts the floor."""
    if value == 0:
        return _first(text, ["no minimum", "不限"])
    return _first(text, [f"{trim(value)}x", f"{trim(value)}:1", f"1:{trim(value)}", trim(value)])


def offer(text: str, value: str) -> str | None:
    """The words of an offer."""
    match = re.search(OFFERS[value], text, re.IGNORECASE)
    return match[0] if match else None


FINDERS = {
    "n": count,
    "k": count,
    "days": days,
    "budget": money,
    "discount": share,
    "max_discount": share,
    "min_margin": share,
    "min_effect": share,
    "uplift": share,
    "min_roas": ratio,
    "offer": offer,
}


def said(text: str, field: str, value: object) -> object | None:
    """The wording of `value` for `field` in `text`, or None. Lists and mappings are located item by item."""
    if isinstance(value, list):
        found = [_first(text, [str(item)]) for item in value]
        return found if all(found) else None
    if isinstance(value, dict):
        parts = {key: money(text, amount) for key, amount in value.items()}
        return parts if all(parts.values()) else None
    if field in FINDERS and (field == "offer" or not isinstance(value, str)):  # other strings are words already
        return FINDERS[field](text, value)
    return _first(text, [str(value)])
