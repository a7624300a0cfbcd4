"""What copy may say and how long it may be: counting rules, limits, facts, banned claims, opt-out, links, emoji.

Pure functions over text; the table is `data/copy_limits.json`. A check returns `Check(name, ok, detail)`; names that
end in `_advice` are soft: copy passes with them, at a lower score. Nothing here shortens text: over-limit copy is
rewritten. Legal review stays with people.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any, NamedTuple

from campaignwright.market.words import CUSTOMERS

GSM_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
GSM_EXTENDED = frozenset("^{}[]~\\|€\f")  # an escape septet and the character: 2 each
SLOT = re.compile(r"\{([^{}]*)\}")
SET_PRICES = ("price", "was", "discount", "discount_zhe", "amount_off")  # in a bundle, what the products cost together
OWN_WORDS = ("product", "brand", "category", "gift", "benefit", "last_product")  # slots that hold the shop's words

_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55\u203c\u2049\ufe0f]")
_LINK = re.compile(
    r"https?://|www\.|\b[\w-]+\.(com|cn|net|org|shop|store|io|co|uk)\b|(?<!\d)(\+?\d[\d\s-]{8,}\d)(?!\d)", re.I)
_NUMBER = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?")
_LIST_MARK = re.compile(r"(?m)^\s*\d{1,2}[.、)）](?!\d)")
_HAN_NUMBER = re.compile(
    r"[一二两三四五六七八九十百千半][一二两三四五六七八九十百千万半点]*\s*(?:折|元|块钱|成(?!套)|%)"
    r"|(?:还有|只剩|仅剩|最后)[两三四五六七八九十]+天")
_WORD_NUMBER = re.compile(
    r"\b(?:two|three|four|five|six|seven|eight|nine|ten|fifteen|twenty|thirty|forty|fifty|hundred|thousand)"
    r"[- ](?:per ?cent|percent|dollars?|pounds?|euros?|quid|days? (?:left|only)|hours? (?:left|only))\b", re.I)
_CODE = re.compile(  # borders in ASCII: a Chinese character is a letter too, and codes stand right beside it
    r"(?<![A-Za-z0-9])(?=[A-Z]*\d)(?=\d*[A-Z])[A-Z0-9]{4,}(?![A-Za-z0-9])"
    r"|(?:\bcode|优惠码|折扣码|口令)[ :：]*([A-Z0-9]{3,})(?![A-Za-z0-9])")

_GLUED = re.compile(r"[A-Za-z]\{\w+\}|\{\w+\}[A-Za-z]")
_LAST_DAY = re.compile(r"\b(?:last|final) day\b|最后一天", re.I)  # true beside the date only
_CODE_WORD = re.compile(r"\b(?:promo |discount |voucher )?codes?\b|优惠码|折扣码|优惠口令", re.I) 


class Check(NamedTuple):
    """One rule's verdict. `detail` says what was found, in few words."""

    name: str
    ok: bool
    detail: str

    @property
    def soft(self) -> bool:
        return self.name.endswith("_advice")


class SmsSize(NamedTuple):
    """encoding: GSM-7 | UCS-2; units: septets or UTF-16 units; segments: what is paid for."""

    encoding: str
    units: int
    segments: int


@cache
def table() -> dict[str, Any]:
    """The limits table (`data/copy_limits.json`)."""
    return json.loads(resources.files("campaignwright.tools").joinpath("data/copy_limits.json").read_text("utf-8"))


def wide_length(text: str) -> int:
    """Length in Google's counting: East Asian wide and full-width characters 2, others 1."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def fullwidth_length(text: str) -> int:
    """Length in Chinese platforms' counting: a full-width character 1, two half-width ones 1, rounded up."""
    return math.ceil(wide_length(text) / 2)


def sms_size(text: str) -> SmsSize:
    """Encoding, units and segments of a text message (3GPP TS 23.038/23.040): 160 septets, then 153 a segment; any
    character outside GSM-7 makes it UCS-2: 70 units, then 67. A character is never split over two segments."""
    gsm = all(char in GSM_BASIC or char in GSM_EXTENDED for char in text)
    costs = [1 + (char in GSM_EXTENDED) if gsm else 1 + (ord(char) > 0xFFFF) for char in text]
    single, part = (160, 153) if gsm else (70, 67)
    units = sum(costs)
    if units <= single:
        return SmsSize("GSM-7" if gsm else "UCS-2", units, 1)
    segments, room = 1, part
    for cost in costs:
        if cost > room:
            segments, room = segments + 1, part
        room -= cost
    return SmsSize("GSM-7" if gsm else "UCS-2", units, segments)


def length(text: str, counting: str) -> int:
    """Length of `text` under a counting rule of the table: characters | google | fullwidth | sms (units)."""
    if counting == "sms":
        return sms_size(text).units
    return {"characters": len, "google": wide_length, "fullwidth": fullwidth_length}[counting](text)


def placement(channel: str, settings: dict[str, Any] | None = None) -> dict[str, Any]:
    """The limits that hold for `channel`: the table's default placement, or the workspace's choice and overrides."""
    settings = settings or {}
    name = settings.get("placements", {}).get(channel, table()["defaults"][channel])
    chosen = table()["placements"].get(name)
    if chosen is None:
        known = ", ".join(table()["placements"])
        raise ValueError(f"placements: {channel} is set to {name!r}; expected one of {known}")
    changes = settings.get("copy_limits", {}).get(name, {})
    fields = {field: {**rule, **changes.get(field, {})} for field, rule in chosen["fields"].items()}
    return {**chosen, "name": name, "fields": fields}


def texts(fields: dict[str, Any]) -> list[tuple[str, str]]:
    """(field, text) pairs of raw copy; list fields give one pair an item."""
    return [(name, item) for name, value in fields.items() for item in (value if isinstance(value, list) else [value])]


def over_limit(text: str, rule: dict[str, Any]) -> tuple[str | None, str | None]:
    """(hard fault, advice) for one text under one field rule; None where it fits."""
    if rule["counting"] == "sms":
        size = sms_size(text)
        said = f"{size.segments} segments, {size.units} {size.encoding} units"
        return (said if size.segments > rule["max_segments"] else None,
                said if size.segments > rule["advised_segments"] else None)
    long = length(text, rule["counting"])
    lines = text.count("\n") + 1
    if long > rule.get("max", math.inf):
        return f"{long} of {rule['max']}", None
    if lines > rule.get("max_lines", math.inf):
        return f"{lines} lines of {rule['max_lines']}", None
    return None, f"{long} of {rule['advised']} shown" if long > rule.get("advised", math.inf) else None


def check_limits(fields: dict[str, Any], limits: dict[str, Any]) -> list[Check]:
    """Length of each field, number of items of list fields, no field missing or empty."""
    hard, soft = [], []
    for name, rule in limits["fields"].items():
        if name not in fields:
            continue
        if "items" in rule and not rule["items"][0] <= len(fields[name]) <= rule["items"][1]:
            hard.append(f"{name}: {len(fields[name])} items, needs {rule['items'][0]}-{rule['items'][1]}")
    for name, text in texts(fields):
        if not str(text).strip():
            hard.append(f"{name}: empty")
        fault, advice = over_limit(text, limits["fields"].get(name, {"counting": "characters"}))
        hard += [f"{name}: {fault}"] if fault else []
        soft += [f"{name}: {advice}"] if advice else []
    return [Check("limits", not hard, "; ".join(hard) or "within the limits"),
            Check("limits_advice", not soft, "; ".join(soft) or "nothing folded")]


def _numbers(text: str) -> set[str]:
    """Number tokens of a text, thousands separators and list marks dropped: '£1,250.00' -> {'1250'}."""
    plain = _LIST_MARK.sub(" ", unicodedata.normalize("NFKC", text))
    return {re.sub(r"\.0+$", "", token.replace(",", "")) for token in _NUMBER.findall(plain)}


def check_facts(fields: dict[str, Any], facts: dict[str, str], offer: str, language: str) -> Check:
    """Every number, price, percentage and code of the filled copy is a supplied slot value; no offer but the plan's; a
    price of a set stands beside words for a set."""
    supplied = " ".join(facts.values())
    known, faults = _numbers(supplied), []
    claims = table()["offer_claims"]
    allowed = {"discount"} if offer in ("percent_off", "amount_off", "bundle") else set()
    allowed |= {"half"} if facts.get("discount") == "50%" else set()
    prices = [facts[slot] for slot in SET_PRICES if slot in facts] if offer == "bundle" else []
    for name, text in texts(fields):
        faults += [f"{name}: number {token} is not supplied" for token in sorted(_numbers(text) - known)]
        words = [found.group(0) for pattern in (_HAN_NUMBER, _WORD_NUMBER) for found in pattern.finditer(text)]
        faults += [f"{name}: “{word}” is not supplied" for word in words if word not in supplied]
        codes = (found.group(1) or found.group(0) for found in _CODE.finditer(_without(text, facts, facts, mark="•")))
        faults += [f"{name}: code {code} is not supplied" for code in codes]
        left = _without(text, facts, facts)
        faults += [f"{name}: “{found.group(0)}” with no number that is supplied" for found in re.finditer(r"[$£€¥￥%％]", left)]
        own = _without(text, facts)
        if any(price in text for price in prices) and not says_set(own, language):
            faults.append(f"{name}: a price of the set, and the text does not say that it is a set")
        if (said := _LAST_DAY.search(own)) and (facts.get("end") or "\0") not in text:
            faults.append(f"{name}: “{said.group(0)}” without the date")
        if "code" not in facts and (said := _CODE_WORD.search(own)):
            faults.append(f"{name}: “{said.group(0)}”, but no code is supplied")
        for claim, patterns in claims.items():
            found = None if claim in allowed or claim == offer else re.search(patterns[language], own, re.I)
            faults += [f"{name}: “{found.group(0)}” is not the offer"] if found else []
    return Check("facts", not faults, "; ".join(faults) or "only supplied facts")


def says_set(text: str, language: str) -> bool:
    """Whether the text says that it speaks of a set: a bundle's price must not read as one product's."""
    return bool(re.search(table()["set_words"][language], text, re.I))


def _without(text: str, facts: dict[str, str], names: Iterable[str] = OWN_WORDS, *, mark: str = " ") -> str:
    """`text` with `mark` for the facts called `names`: the shop's own words are not claims of the writer."""
    for value in sorted((facts[name] for name in names if facts.get(name)), key=len, reverse=True):
        text = text.replace(value, mark)
    return text


def check_banned(fields: dict[str, Any], language: str, facts: dict[str, str] | None = None) -> Check:
    """No banned claim of the language's list (both lists for Chinese copy, which mixes in English)."""
    rules = table()["banned"]["en"] + (table()["banned"]["zh"] if language == "zh" else [])
    faults = []
    for name, text in texts(fields):
        own = _without(text, facts or {})
        for label, pattern in rules:
            found = re.search(pattern, own, re.I)
            faults += [f"{name}: {label} “{found.group(0)}”"] if found else []
    return Check("banned", not faults, "; ".join(faults) or "no banned claim")


def check_readers(fields: dict[str, Any], audience: str, language: str) -> Check:
    """People who are not known as customers are not spoken to as if they were."""
    whole = "\n".join(text for _, text in texts(fields))
    found = None if audience in CUSTOMERS else re.search(table()["acquaintance"][language], whole, re.I)
    return Check("readers", not found, f"“{found.group(0)}” is for customers" if found else "fits its readers")


def check_form(fields: dict[str, Any], limits: dict[str, Any], language: str) -> list[Check]:
    """Opt-out text, links and phone numbers, emoji, forbidden marks: what the placement demands beside length. No text twice."""
    whole = "\n".join(text for _, text in texts(fields))
    checks = []
    if "opt_out" in limits:
        found = re.search(limits["opt_out"][language], whole)
        checks.append(Check("opt_out", bool(found), found.group(0) if found else "no opt-out instruction"))
    if not limits.get("links", True):
        found = _LINK.search(whole)
        checks.append(Check("links", not found, f"link or phone number “{found.group(0)}”" if found else "none"))
    emoji = len(_EMOJI.findall(whole.replace("\ufe0f", "")))
    checks.append(Check("emoji", emoji <= limits["emoji"], f"{emoji} of {limits['emoji']}"))
    marks = [f"{name}: “{mark}”" for name, text in texts(fields) for mark in limits.get("punctuation", {}).get(name, "")
             if mark in text.replace("！", "!")]
    checks.append(Check("marks", not marks, "; ".join(marks) or "none"))
    said = [text.strip().rstrip(".!。！").casefold() for _, text in texts(fields)]
    checks.append(Check("repeated", len(set(said)) == len(said), "each text once" if len(set(said)) == len(said) else "a text twice"))
    return checks


def check_slots(fields: dict[str, Any], available: set[str]) -> Check:
    """Every slot that the raw copy (before filling) holds is available and stands apart from words; no stray brace."""
    faults = []
    for name, text in texts(fields):
        faults += [f"{name}: {{{slot}}} has no value" for slot in SLOT.findall(text) if slot not in available]
        faults += [f"{name}: stray brace"] if re.search(r"[{}]", SLOT.sub("", text)) else []
        faults += [f"{name}: “{found.group(0)}” without a space"] if (found := _GLUED.search(text)) else []
    return Check("slots", not faults, "; ".join(faults) or "all filled")


def fill(fields: dict[str, Any], facts: dict[str, str]) -> dict[str, Any]:
    """Copy with its slots filled from `facts`; slots without a value stay as they are."""
    def one(text: str) -> str:
        return SLOT.sub(lambda found: facts.get(found.group(1), found.group(0)), text)

    return {
        name: [one(item) for item in value] if isinstance(value, list) else one(value) for name, value in fields.items()
    }


def check_copy(raw: dict[str, Any], facts: dict[str, str], samples: dict[str, str], *, channel: str, offer: str,
               language: str, audience: str = CUSTOMERS[0], settings: dict[str, Any] | None = None) -> list[Check]:
    """All checks of one variant. `raw` holds slots; `facts` fill them; `samples` stand in for the merge tags; `audience`: who reads
    it, known customers unless told."""
    limits = placement(channel, settings)
    values = {**facts, **samples}
    filled = fill(raw, values)
    return [check_slots(raw, set(values)), *check_limits(filled, limits), check_facts(filled, values, offer, language),
            check_banned(filled, language, values), check_readers(raw, audience, language), *check_form(filled, limits, language)]


def passes(checks: list[Check]) -> bool:
    """Whether no hard check failed."""
    return all(check.ok or check.soft for check in checks)
