"""Money, fractions, ratios and counts in the marketer's own words, English and Chinese.

Hedges ("up to", "左右") do not change a value. Two different values in one span are reported, not chosen from.
"""

from __future__ import annotations

import functools
import math
import re

from babel.numbers import list_currencies

from campaignwright.tools.normalise_changes import (
    ABSOLUTE,
    PARTS,
    TWICE,
    aside,
    cheng,
    direction,
    factor,
    percents,
    scaled,
    standing,
    unhedged,
    without_limit,
)
from campaignwright.tools.normalise_text import Number, chinese_value, clean, numbers, problem, tail

DOLLARS = ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN")
_YEN = ("CNY", "JPY")
# longest first where one contains another; None = "the workspace's, if it is of that family, else the first of it"
_SIGNS: tuple[tuple[str, str | tuple[str, ...]], ...] = (
    (r"us ?\$|\$ ?usd|us dollars?|美元|美金|美刀|刀(?!具|叉|片)", "USD"),
    (r"hk ?\$|hong kong dollars?|港币|港元", "HKD"),
    (r"nz ?\$|new zealand dollars?", "NZD"),
    (r"s\$|singapore dollars?|新币", "SGD"),
    (r"nt ?\$|新台币", "TWD"),
    (r"a\$|au\$|australian dollars?|澳元|澳币", "AUD"),
    (r"c\$|ca\$|canadian dollars?|加元|加币", "CAD"),
    (r"日元|日币|jpy|yen", "JPY"),
    (r"€|\beuros?|\beur(?![a-z])|欧元|欧", "EUR"),
    (r"£|\bpounds?(?: sterling)?|\bsterling|\bquid|英镑|镑", "GBP"),
    (r"瑞郎|瑞士法郎|swiss francs?", "CHF"),
    (r"人民币|rmb|renminbi|yuan|kuai|块钱|块|元|圆", "CNY"),
    (r"[¥]|円", _YEN),
    (r"\$|dollars?|bucks?", DOLLARS),
)
_BIT = re.compile(r"一[点些下](?![零一二两三四五六七八九\d])")  # "多一点" names no number
_NONE = re.compile(
    r"^(?:don'?t|do not|don'?t spend.*|not a (?:cent|penny|dime|dollar))$|"
    r"^(?:no(?! (?:idea|limit|clue|preference|matter|max))|zero|nil|nothing|none|free(?! (?:hand|rein)))\b|^0$|"
    r"零预算|没有?预算|不花钱|一分不花"
)
_EACH = (
    r"(?:days?|d|nights?|weeks?|wks?|fortnights?|months?|mo|quarters?|years?|yr|hours?|hr|channels?|e-?mails?|mails?|"
    r"messages?|texts?|sms|sends?|posts?|ads?|campaigns?|customers?|clients?|persons?|people|heads?|orders?|clicks?|"
    r"products?|items?)(?![a-z])"
)
_PER = re.compile(  # what makes an amount a rate, wherever it stands
    rf"\bper (?!cent|se\b)|\b(?:each|every|apiece)\b|\b(?:daily|hourly|weekly|fortnightly|monthly|quarterly|yearly)\b|"
    rf"/ ?(?:{_EACH}|天|日|周|星期|礼拜|月|年|渠道|封|条|人|单)|每|各|日均|[日周月]预算|"
    r"(?<![一二三四五六七八九十\d第])[一单]个?(?:天|日|周|星期|礼拜|月)(?=[花投给用]?\d)"
)
_PER_BEHIND = re.compile(  # and what does so right behind it; "a week from Monday" is a date
    r" ?(?!an? (?:e-?mail|mail|sms|text|ad)s? (?:campaign|blast|mailing|promo\w*|newsletter|push|drive|plan)\b)"  # a whole one
    rf"(?:per|an?|each|every) {_EACH}"
    r"(?! (?:from|before|after|later|earlier|ahead|on (?:mon|tue|wed|thu|fri|sat|sun)|out|starting|beginning))|"
    rf" ?/ ?{_EACH}| ?(?:daily|weekly|monthly)\b| ?/ ?(?:天|日|周|星期|礼拜|月)|每(?:天|日|周|星期|礼拜|个?月|个?渠道|封|条)"
)
_MORE_OF = re.compile(r"\b(\w+) more (hundred|thousand|grand|million)\b")  # "one more thousand" is one amount
_COIN = re.compile(r"(?<![a-z])(?:btc|bitcoins?|eth|ether|usdt|usdc|doge|xrp)(?![a-z])|₿")  # money of no country
_SCALE_UNKNOWN = re.compile(r" ?(?:tsd|tausend|mille|mil|mln|mio|mrd|trillion|tn|[a-z]*zillion|b)(?![a-z])")


@functools.cache
def _codes() -> re.Pattern:
    codes = "|".join(code.lower() for code in sorted(list_currencies()) if code not in ("ALL", "TOP"))
    return re.compile(rf"(?<![a-z])({codes})(?![a-z])")


def named_currency(text: str, workspace: str) -> str | None:
    """Currency said in the text, or None; a bare "$" or "¥" is the workspace's when it is of that family."""
    for pattern, meaning in _SIGNS:
        if re.search(pattern, text):
            if isinstance(meaning, str):
                return meaning
            return workspace if workspace in meaning else meaning[0]
    match = _codes().search(text)
    return match.group(1).upper() if match else None


def _single(found: list[Number], said: object, argument: str, expected: str) -> float:
    values = list(dict.fromkeys(number.value for number in found))
    if not values:
        raise problem(argument, expected, said)
    if len(values) > 1:
        shown = " and ".join(number.text for number in found[:3])
        raise problem(argument, f"{expected}, one value (it holds {shown})", said)
    return values[0]


@functools.cache
def _sign() -> str:
    """A pattern of every currency sign, name and code."""
    return "|".join(pattern for pattern, _ in _SIGNS) + "|" + _codes().pattern


def is_rate(said: object, request: str = "") -> bool:
    """Whether the words are an amount per day, channel, message and the like, which is no total: "£500 a day", "每天500元".

    `request`: the message they were taken from, for "500" out of "500 a day".
    """
    text, whole = tail(clean(said)), clean(request)
    behind = re.compile(rf"(?:{_sign()})?(?:{_PER_BEHIND.pattern})")
    if _PER.search(text) or any(behind.match(text[n.end :].lstrip()) for n in numbers(text)):
        return True
    same = re.compile(rf"(?<![a-z\d.,]){re.escape(text)}(?![a-z\d]|[.,]\d)")
    rests = [whole[match.end() :].lstrip() for match in same.finditer(whole)] if numbers(text) else []
    return bool(rests) and all(behind.match(rest) for rest in rests)


def money(
    said: object, *, currency: str, current: float | None = None, argument: str = "budget", rates: bool = False
) -> tuple[float, str]:
    """(amount, ISO currency). No currency said = `currency` (the workspace's). `current` lets "half", "10% more",
    "2k less", "再加5000", "减少两成" be read as changes of it. An amount per day, channel or message is refused unless `rates`
    (an offer, which may be per order; "£5 off" is then an amount). Raises ToolError(retry)."""
    expected = "an amount of money such as 20k, $20,000 or 2万"
    text = _BIT.sub("", without_limit(tail(clean(said))))
    text = _MORE_OF.sub(r"\1 \2 more", text)
    if not rates and is_rate(said) and numbers(text):
        amount = f"{numbers(text)[0].value:g} per day, channel, message or the like is no total"
        raise problem(argument, f"the total for the whole campaign ({amount}; multiply it out)", said)
    code = named_currency(text, currency)
    if code is None and _COIN.search(text):
        raise problem(argument, f"money in {currency} or another currency of a country", said)
    if re.search(r"(?<![\d\w])-\s?[$€£¥]?\d", text) and not re.search(r"\d ?- ?[$€£¥]?\d", text):
        raise problem(argument, "an amount of 0 or more", said)
    changed = None if rates else _changed(text, current, said, argument)
    if changed is not None:
        if code not in (None, currency):
            raise problem(argument, f"a change in {currency}, or the new amount", said)
        return changed, currency
    if percents(text) or re.search("百分之|折", text):
        raise problem(argument, expected, said)
    found = numbers(text)
    if not found and _NONE.search(text):
        return 0.0, code or currency
    near = _near_currency(found, text)
    if any(_SCALE_UNKNOWN.match(text[n.end :]) for n in near):
        raise problem(argument, f"{expected}, with k, million, lakh, crore, 万 or 亿 as the unit", said)
    amount = _single(near, said, argument, expected)
    if not math.isfinite(amount) or amount > 1e12:
        raise problem(argument, "an amount below 10^12", said)
    return round(amount, 2), code or currency


def _near_currency(found: list[Number], text: str) -> list[Number]:
    """The numbers that stand beside a currency sign, when some do; else all."""
    before, after = re.compile(rf"(?:{_sign()})\s?$"), re.compile(rf"\s?(?:(?:of|in) )?(?:{_sign()})")
    near = [n for n in found if before.search(text[: n.start]) or after.match(text[n.end :])]
    return near or found


def _changed(text: str, current: float | None, said: object, argument: str) -> float | None:
    """The new value when the text states a change of `current`, None when it states a value."""
    scale, sign = factor(text), direction(text)
    if scale is not None:
        return round(scaled(current, scale, "an amount", said, argument), 2)
    if sign == 0 or ABSOLUTE.search(text) or percents(text) or not numbers(text):
        return None
    step = _single(_near_currency(numbers(text), text), said, argument, "one amount")
    if aside(text, step, current):
        return None
    return round(_moved(standing(current, "an amount", said, argument), sign * step, said, argument), 2)


def _moved(current: float, step: float, said: object, argument: str) -> float:
    """The standing value after a step. Raises ToolError(retry) below 0."""
    if current + step < -1e-9:
        raise problem(argument, f"a change that leaves 0 or more (it is {current:g} now)", said)
    return current + step


_ZHE = re.compile(r"(\d+(?:\.\d+)?|[零一二三四五六七八九十]{1,2})个?折")
_NO_DISCOUNT = re.compile(
    r"\b(?:no|zero|without|nothing|w/o|not an?|never)\b.{0,12}\b"
    r"(?:discount|markdown|off|promo\w*|deal|reduction|offer|price cut|coupon|voucher|code|sale)s?\b|"
    r"\b(?:skip|drop|forget|scrap|remove|cancel|ditch|lose|leave out)(?: (?:the|any|all|our|that|whole))* "
    r"(?:discount|markdown|offer|price cut|coupon|voucher)s?\b(?!.*\b(?:by|to|half|bit|little|touch)\b)|"
    r"^(?:none|no|nothing|nil)$|full[ -]price|(?:不|别)(?:能|可|想|适合|宜|许|准|得|会)?再?(?:打折|降价)(?!超|低|高|大|太|少|多|过|吗)|"
    r"(?:没法|不会|别)打折(?!吗)|不参加折扣|一分不让|promo-free|at the price they are|not discounting|discounting$|"
    r"don't (?:hand me a|do never) discounts?|原价|零折扣|无折扣|不让利|正价|"
    r"(?:不|没有|没|无|别|取消|去掉)[要用做给带含提设写搞有]?(?:任何|什么)?的?(?:折扣|打折|优惠|促销)(?!超|低|高|大|太|少|多|过)|"
    r"(?:折扣|优惠|打折)(?:这块)?(?:也|都|就)?(?:取消|不要|不用|去掉|免了)[了吧]*$"
)


def no_discount(text: str) -> bool:
    """Whether a cleaned text without a number above 0 says that nothing is taken off: "full price", "不要折扣"."""
    return bool(_NO_DISCOUNT.search(text)) and not any(n.value for n in numbers(text))


_POINTS = re.compile(
    r" ?(?:(?:of|more|extra|further|additional|fewer|less|percentage|percent) )*(?:points?|pp|pts?)\b|个?百分点|个?点"
)
_DEEPER = re.compile(r"deeper|再多?[让打]|(?<![最至顶])多让|加深|再深")
_SHALLOWER = re.compile(r"shallower|off the (?:max(?:imum)? )?discount|少让|收回?")
_PRICE = re.compile(  # no less discount: of the price, or a ceiling
    r"\b(?:cut|reduce|lower|drop|trim|shave)\b(?= (?:the |our )?prices?\b)|\boff\b|[降减]价|[立直满][降减]|"
    r"^(?:[降减]|minus) ?(?=\d+(?:\.\d+)? ?(?:%|per))|(?:最多|至多|顶多)(?:能|可以?|只能?)?[降减让]"
)


def fraction(
    said: object, *, current: float | None = None, argument: str = "max_discount", upper: float = 1.0, lift: bool = False
) -> float:
    """A share, 0 to `upper`: "15% off", "fifteen per cent", "八五折" (0.15: what is taken off), "三成", "half
    price", "0.15".

    A bare number above 1 is percent; a bare 1 is ambiguous. `current` lets "five points deeper", "少三个点", "halve it" be
    read as changes of it. A `lift` is a difference in itself and no change of another. Raises ToolError(retry).
    """
    expected = "a percentage such as 15%, 15% off or 八五折"
    text = _BIT.sub("", tail(clean(said)))
    if no_discount(text):
        return 0.0
    text = _point(text)
    value = None if lift else _changed_share(text, current, said, argument)
    if value is None:
        value = _fraction(text, said, argument, expected)
    if not -1e-9 <= value <= upper + 1e-9:
        raise problem(argument, f"{expected}, between 0 and {upper:.0%}", said)
    return round(max(value, 0.0), 6)


def _point(text: str) -> str:
    """ "half a point" and "a point" in digits."""
    return re.sub(r"\ban? (?=point\b)", "1 ", re.sub(r"\bhalf a (?=point\b)", "0.5 ", text))


def _toward(text: str) -> int:
    """As `direction`, of a share: "deeper" is more, "少让" less, a price cut and a ceiling ("最多降5个点") neither."""
    rest = unhedged(text)
    return -1 if _SHALLOWER.search(rest) else 1 if _DEEPER.search(rest) else direction(_PRICE.sub(" ", text))


def _changed_share(text: str, current: float | None, said: object, argument: str) -> float | None:
    """A share after a change by percentage points, or doubled or halved; None when the text states a value."""
    points = [n for n in numbers(text) if _POINTS.match(text[n.end :])]
    marked, sign = points or percents(text), 0 if ABSOLUTE.search(text) else _toward(text)
    if marked and sign:
        step = _single(marked, said, argument, "one number of points") / 100
        if aside(text, step, current, toward=_toward) or (current is None and sign < 0 and not points):
            return None
        return _moved(standing(current, "a percentage", said, argument), sign * step, said, argument)
    if sign and cheng(text) is not None:
        raise problem(argument, "points, or the new percentage (a tenth of what, nothing is set yet or it is ambiguous)", said)
    scale = factor(text) if sign and not numbers(text) else None
    if scale is not None:
        return scaled(current, scale, "a percentage", said, argument)
    twice = TWICE.search(text) and not numbers(text)
    if twice or re.search(r"\bhalv(?:e|ing)|\bin half\b|[减砍少]掉?一?半", text) or (
        not numbers(text) and re.search(r"\bhalf (?:the discount|that|as (?:deep|much)|of (?:it|that|the discount))\b", text)
    ):
        return standing(current, "a percentage", said, argument) * (2 if TWICE.search(text) else 0.5)
    return None


def _fraction(text: str, said: object, argument: str, expected: str) -> float:
    zhe = [_zhe(token, said, argument) for token in _ZHE.findall(text)]
    if zhe:
        if len(set(zhe)) > 1:
            raise problem(argument, f"{expected}, one value", said)
        return zhe[0]
    if re.search(r"半价|对折|half price|half off|50 ?- ?50 off|打对半", text):
        return 0.5
    tenths = cheng(text)
    if tenths is not None:
        return tenths
    hundredth = re.search(r"百分之(\d+(?:\.\d+)?|[零一二三四五六七八九十百]+)", text)
    if hundredth:
        return numbers(hundredth[1])[0].value / 100
    per_hundred = re.search(r"(.+) off the hundred", text)
    found = numbers(per_hundred[1] if per_hundred else text)
    if not found:
        for pattern, value in PARTS:
            if re.search(pattern, text):
                return value
        if TWICE.search(text):
            return 1.0
        raise problem(argument, expected, said)
    if per_hundred:
        return _single(found, said, argument, expected) / 100
    unit = re.compile(r" ?(?:%|percent|per cent|pct|per-cent|points?|个百分点|个点|点)")
    marked = [n for n in found if unit.match(text[n.end :])]
    if marked and re.search(r"\d ?(?:-|to) ?\d", text):
        marked = found
    if marked:
        return _single(marked, said, argument, expected) / 100
    value = _single(found, said, argument, expected)
    if re.search(r"[$€£¥]|元|块|dollars?|euros?|pounds?|bps", text):
        if "bps" in text:
            return value / 10_000
        raise problem(argument, f"{expected}, not an amount of money", said)
    if value == 1:
        raise problem(argument, "a percentage with its sign (1% or 100%)", said)
    return value / 100 if value > 1 else value


def _zhe(token: str, said: object, argument: str) -> float:
    """Fraction taken off by N折: what is paid is N/10 (one digit or N.N) or N/100 (two digits)."""
    value = numbers(token)[0].value
    paid = value / 100 if value > 10 and "." not in token else value / 10
    if not 0 < paid <= 1:
        raise problem(argument, "a 折 between 1折 and 10折, such as 八五折", said)
    return round(1 - paid, 6)


def ratio(said: object, *, current: float | None = None, argument: str = "min_roas") -> float:
    """Revenue over ad spend as a plain number: "4x", "4:1", "1比4", "400%", "four to one", "投产比不低于4". `current` lets
    "0.5 higher", "降0.5", "halve it" be read as changes of it. Raises ToolError(retry)."""
    expected = "a ratio such as 4, 4x, 4:1 or 400%"
    text = _point(_BIT.sub("", tail(clean(said))))
    if re.search(
        r"no (?:minimum|floor|limit)|forget|没有?(?:要求|下限)|不(?:限|设|要求)|去掉$|取消|^none$|^no$", text
    ) and not numbers(text):
        return 0.0
    text = re.sub(r"(花|投)(?:1|一)(块钱?|元)", r"\1", text)
    text = re.sub(r"([\d一二两三四五六七八九十]+)倍半", lambda m: f"{chinese_value(m[1].replace('两', '二')) + 0.5:g}倍", text)
    text = re.sub(r"[一二两三四五六七八九]点[一二三四五六七八九]", lambda m: f"{chinese_value(m[0][0]):g}.{chinese_value(m[0][2]):g}", text)
    text = re.sub(r"(?:for|per|on) every (?:\$ ?1\b|1\b|one\b|\$)", "for every", text)
    found = numbers(text)
    pair = re.search(r"^(?: ?(?:-?to-?|:|比|for) ?)$", text[found[0].end : found[1].start]) if len(found) == 2 else None
    if pair:
        left, right = found[0].value, found[1].value
        if 1 not in (left, right) and (right == 0 or left < right):
            raise problem(argument, expected, said)
        return round(max(left, right) if 1 in (left, right) else left / right, 4)
    scale, sign = factor(text), 0 if ABSOLUTE.search(text) else direction(text)
    if scale is not None and (sign or not found):
        return round(scaled(current, scale, expected, said, argument), 4)
    value = _single(found, said, argument, expected)
    if re.match(r" ?(?:%|percent|per cent|pct)", text[found[0].end :]) or "百分之" in text:
        value /= 100
    if value > 100:
        raise problem(argument, f"{expected} (is {value:g} a percentage? then write {value:g}%)", said)
    if not sign or aside(text, value, current):
        return round(value, 4)
    return round(_moved(standing(current, expected, said, argument), sign * value, said, argument), 4)


def count(said: object, *, argument: str = "n", low: int = 1, high: int = 1000) -> int:
    """A whole number `low` to `high`: "3", "three", "五条", "a couple", "top ten". Raises ToolError(retry)."""
    expected = f"a whole number from {low} to {high}"
    text = tail(clean(said))
    found = numbers(text)
    if not found and re.search(r"\b(?:a|an|one|single)\b", text):
        return max(1, low)
    value = _single(found, said, argument, expected)
    if value != int(value) or not low <= value <= high:
        raise problem(argument, expected, said)
    return int(value)
