"""Channels, audiences and offers as marketers name them: alias tables (data/aliases.json) first, then typos by
rapidfuzz.

Thresholds are conservative: a name that is close to two meanings, or to none, is reported.
"""

from __future__ import annotations

import functools
import json
import re
from importlib import resources

from rapidfuzz import fuzz, process

from campaignwright.market.words import AUDIENCES, CHANNELS, OFFERS, Channel, Offer
from campaignwright.tools.normalise_numbers import fraction, money, no_discount
from campaignwright.tools.normalise_text import clean, has_cjk, numbers, problem

_LEAD = re.compile(
    r"^(?:(?:only|just|nothing but|both|all|any|for|to|at|by|via|on|in|use|using|through|with|aimed at|"
    r"targeting|our|my|the|a|an|these|those|some)\s+|"
    r"只用|只走|单走|就用|就|用|走|通过|给|针对|面向|发给|对|我们的|咱们的|咱的|那些|这些|所有的)"
)
_TRAIL = re.compile(
    r"(?:\s+(?:only|please|channels?|customers only|campaigns?|segment|audience|ads)|渠道|的人群|的人|的顾客|"
    r"的客户|的用户|的会员|的)$"
)


@functools.cache
def aliases() -> dict:
    """The alias tables, as data."""
    return json.loads(resources.files("campaignwright.tools").joinpath("data/aliases.json").read_text("utf-8"))


@functools.cache
def _table(kind: str) -> dict[str, str]:
    """Surface form -> canonical value for 'channels', 'audiences' or 'offers'."""
    return {
        clean(form): canonical
        for canonical, forms in aliases()[kind].items()
        for form in [canonical, canonical.replace("_", " "), *forms]
    }


def strip_frame(text: str) -> str:
    """The name without determiners, prepositions and "only" around it."""
    previous = None
    while text and text != previous:
        previous = text
        text = _TRAIL.sub("", _LEAD.sub("", text)).strip(" ,")
    return text or (previous or "")


def _lookup(text: str, table: dict[str, str]) -> str | None:
    """Canonical value of a surface form, exact, with or without its frame."""
    for candidate in (text, strip_frame(text), _LEAD.sub("", text).strip(), _TRAIL.sub("", text).strip()):
        if candidate in table:
            return table[candidate]
    return None


def closest(text: str, table: dict[str, str], *, cutoff: float) -> str | None:
    """Canonical value of the nearest form by edit similarity; None when none is near or another value is as near."""
    if len(text) < (2 if has_cjk(text) else 4):
        return None
    hits = process.extract(text, table.keys(), scorer=fuzz.ratio, score_cutoff=cutoff - 8, limit=12)
    if not hits or hits[0][1] < cutoff:
        return None
    hits = [hit for hit in hits if _same_words(text, hit[0])]
    if not hits or hits[0][1] < cutoff:
        return None
    best = table[hits[0][0]]
    rival = max((score for form, score, _ in hits if table[form] != best), default=0.0)
    return best if hits[0][1] - rival >= 4 else None


def _same_words(said: str, form: str) -> bool:
    """Whether two names differ by typing alone: word for word alike, or alike when written as one."""
    left, right = re.split(r"[ -]", said), re.split(r"[ -]", form)
    if len(left) != len(right):
        return fuzz.ratio(said.replace(" ", ""), form.replace(" ", "")) >= 92
    return all(fuzz.ratio(a, b) >= 65 for a, b in zip(left, right, strict=True))


def channel(said: object, *, argument: str = "channel") -> Channel:
    """One channel: "e-mail", "texts", "insta", "公众号", "emial". Raises ToolError(retry)."""
    found = channels(said, argument=argument)
    if len(found) != 1:
        raise problem(argument, f"one of {', '.join(CHANNELS)}", said)
    return found[0]


@functools.cache
def _channel_scan() -> re.Pattern:
    forms = sorted(_table("channels"), key=len, reverse=True)
    parts = [rf"(?<![a-z]){re.escape(form)}(?![a-z])" if not has_cjk(form) else re.escape(form) for form in forms]
    return re.compile("|".join(parts))


def named_channels(text: str) -> list[tuple[int, int, Channel]]:
    """(start, end, channel) of every channel's name in a cleaned text, left to right."""
    return [(match.start(), match.end(), _table("channels")[match.group()]) for match in _channel_scan().finditer(text)]


_JOIN = re.compile(
    r"\b(?:and|or|plus|both|with|a bit of|as well as|also|only|just|nothing but|via|by|on|use|using|through|the|"
    r"our|a|some|ads?|channels?|campaigns?|then|too|marketing)\b|"
    r"[/+&,、;|\-.]|加上|还有|配合|以及|或者?|和|加|跟|与|及|再|只用|只走|单走|就用|就|用|走|通过|渠道|广告|"
    r"一起上|都要|上|发"
)


def channels(said: object | list, *, argument: str = "channels") -> list[Channel]:
    """Channels named in a text or list, in the order said: "email/sms", "邮件和短信", "FB plus the newsletter".

    "You pick", "渠道你定" and the like give []. Raises ToolError(retry) for an unknown name or an exclusion ("no
    texts").
    """
    if isinstance(said, list | tuple):
        return list(dict.fromkeys(name for item in said for name in channels(item, argument=argument)))
    text = clean(said)
    if not text or text in map(clean, aliases()["channel_choice"]):
        return []
    exact = _lookup(text, _table("channels"))
    if exact:
        return [exact]
    if re.search(r"\b(?:no|not|except|without|but not|minus|drop|remove)\b|除了|不要|不用|去掉|别", text):
        raise problem(
            argument, f"the channels to use, out of {', '.join(CHANNELS)} (name them, not those to leave out)", said
        )
    hits = list(_channel_scan().finditer(text))
    rest = _JOIN.sub("\n", _channel_scan().sub("\n", text))
    found = [(match.start(), _table("channels")[match.group()]) for match in hits]
    for leftover in filter(None, (part.strip(" '\"()") for part in rest.split("\n"))):
        name = closest(leftover, _table("channels"), cutoff=74 if not has_cjk(leftover) else 66)
        if name is None:
            raise problem(argument, f"channels out of {', '.join(CHANNELS)} ({leftover!r} is none)", said)
        found.append((text.find(leftover), name))
    if not found:
        raise problem(argument, f"channels out of {', '.join(CHANNELS)}", said)
    return list(dict.fromkeys(name for _, name in sorted(found)))


def audience(said: object, names: list[str] | tuple[str, ...] = AUDIENCES, *, argument: str = "audience") -> str:
    """One of the six audiences or a segment of the workspace (`names`), however it is called. Raises
    ToolError(retry)."""
    text = clean(said)
    own = {clean(name): name for name in [*names, *AUDIENCES]}
    own |= {clean(name.replace("_", " ").replace("-", " ")): name for name in names}
    bare = strip_frame(text)
    for candidate in (text, bare):
        if candidate in own:
            return own[candidate]
    exact = _lookup(text, _table("audiences"))
    if exact:
        return exact
    custom = {form: name for form, name in own.items() if name not in AUDIENCES}
    near = closest(bare, custom, cutoff=86) if custom else None
    near = near or closest(bare, _table("audiences"), cutoff=84 if not has_cjk(bare) else 86)
    if near:
        return near
    meant = {
        name for name, patterns in aliases()["audience_patterns"].items() if any(re.search(p, text) for p in patterns)
    }
    inside = {
        canonical
        for form, canonical in _table("audiences").items()
        if canonical != "all" and len(form) > 3 and form in text and re.search(rf"(?<![a-z]){re.escape(form)}(?![a-z])", text)
    }
    for options in (meant, inside):
        if len(options) == 1:
            return next(iter(options))
    extra = [name for name in names if name not in AUDIENCES]
    raise problem(
        argument,
        f"an audience out of {', '.join([*AUDIENCES, *extra][:20])}"
        + (f" (it fits both {' and '.join(sorted(meant | inside))})" if len(meant | inside) > 1 else ""),
        said,
    )


def places() -> dict[str, dict[str, str]]:
    """as_social (planned as social ads in general) and no_channel (not planned): form -> name of a place to advertise."""
    return aliases()["places"]


_NO_OFFER = re.compile(
    r"\bno (?:freebies|gifts?|rebates?|incentives?|price drops?|special price)\b(?: (?:or|and) \w+)?|"
    r"价格照旧|标价不变|零优惠|不给券|没有券|照价(?:卖)?|吊牌价(?!的)(?:销售)?"
)
_GIFT = re.compile(
    r"(?:free|complimentary|throw in an?|a gift of an?|give (?:them|away) an?|slip an?|gets? an?|bonus|"
    r"surprise them with an?|里放个|免费送|附赠|加赠|下单送|"
    r"买了?就送个?|送个|送|赠送|赠)\s*(.+?)(?: on top| thrown in| with .*)?$"
)
_AMOUNT = re.compile(r"[$€£¥]|\b(?:dollars?|euros?|pounds?|quid|bucks|usd|eur|gbp|cny|rmb|yuan)\b|元|块|镑|欧|刀|美金")
_OVER = re.compile(
    r"(?:orders? (?:over|above|of)|over|above|(?:when (?:you|they) )?spend|on|满额?)\s*([$€£¥]?\s?[\d.,]+\s?k?[^\d减包免送立]{0,4})"
)


def offer(said: object, *, currency: str = "USD", argument: str = "offer") -> tuple[Offer, dict]:
    """(offer type, details) of an offer as said. Details: discount (fraction), amount_off and threshold (money, with
    currency), gift (name), whichever the words hold. Raises ToolError(retry)."""
    text = clean(said)
    canonical = text.replace(" ", "_")
    if canonical in OFFERS:
        return canonical, {}
    exact = _lookup(text, _table("offers"))
    if exact:
        return exact, {}
    details: dict[str, object] = {}
    over = _OVER.search(text)
    if over:
        details["threshold"], details["currency"] = money(
            over[1], currency=currency, argument=argument, rates=True
        )
    rest = text.replace(over[0], " ") if over else text
    if re.search(
        r"(?:free|complimentary|no|zero|waive|cover|drop)\b.{0,10}\b(?:shipping|delivery|postage|p&p)|"
        r"\b(?:free|complimentary)\b.{0,10}\b(?:courier|dispatch)|"
        r"\bship(?:ped)? (?:it )?(?:for )?free|包邮|免邮|"
        r"免运费|运费|邮费|配送费|物流费|快递费|快递免费|包快递|送货(?:上门)?(?:不要钱|免费)",
        text,
    ):
        return "free_shipping", details
    if re.search(
        r"\bbundle|\bbogo\b|\bset\b|\bmulti-?buy|buy \w+ get|\d for \d|for the price of|套装|套餐|组合|第二件|"
        r"买[一二三\d]送[一二三\d]|捆绑|打包|搭|绑一块|入门套",
        text,
    ):
        return "bundle", details
    text, refused = _NO_OFFER.subn(" ", text)  # what stands beside a refusal may still be an offer
    gift = _gift(text)
    if gift is not None:
        return "gift", details | ({"gift": gift} if gift else {})
    if no_discount(text):
        return "none", {}
    if re.search(r"%|percent|per cent|pct|折|成(?!交)|百分|半价|half|个点|\bquarter off|\bfifth off|\bthird off", rest):
        return "percent_off", details | {"discount": fraction(rest, argument=argument, lift=True)}
    if _AMOUNT.search(rest) or re.search(r"减\s*\d", rest):
        if numbers(rest):
            details["amount_off"], details["currency"] = money(
                rest, currency=currency, argument=argument, rates=True
            )
        return "amount_off", details
    if refused:
        return "none", {}
    near = closest(strip_frame(text), _table("offers"), cutoff=85)
    if near:
        return near, details
    raise problem(argument, f"an offer out of {', '.join(OFFERS)}, or words such as '15% off' or '包邮'", said)


def _gift(text: str) -> str | None:
    """The gift named in an offer, '' when it is a gift without a name, None when it is no gift offer."""
    if re.search(r"%|折|[$€£¥]\s?\d.{0,12}\bvoucher|voucher worth|\d\D{0,6}券", text) or re.search(r"shipping|delivery|包邮|运费", text):
        return None
    named = _GIFT.search(text)
    thrown = re.search(r"(?:an? )?(.+?) (?:thrown in|on top|for free)$", text)
    named = named or thrown
    if named and not re.search(r"买[一二]送", text):
        name = named[1].strip(" .。")
        return "" if re.fullmatch(r"gift|礼物|礼品|小礼物|赠品", name) else name
    return "" if re.search(r"\bgift|freebie|present\b|gwp|sample|赠|礼", text) else None
