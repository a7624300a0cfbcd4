"""The floor under `normalise`: one text cleaning, one scanner of numbers in digits, English and Chinese words.

Knows no unit and no currency; the modules beside it give numbers their meaning.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

from campaignwright.tools.base import ToolError
from campaignwright.tools.brief_texts import unreadable

UNITS = {
    "zero": 0,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "seven": 7,
    "eight": 8,
    "nine": 9,
    "ten": 10,
    "eleven": 11,
    "twelve": 12,
    "thirteen": 13,
    "fourteen": 14,
    "fifteen": 15,
    "sixteen": 16,
    "seventeen": 17,
    "eighteen": 18,
    "nineteen": 19,
    "couple": 2,
}
TENS = {
    "twenty": 20,
    "thirty": 30,
    "forty": 40,
    "fourty": 40,
    "fifty": 50,
    "sixty": 60,
    "seventy": 70,
    "eighty": 80,
    "ninety": 90,
}
SCALES = {
    "dozen": 12,
    "hundred": 1e2,
    "thousand": 1e3,
    "grand": 1e3,
    "k": 1e3,
    "million": 1e6,
    "mn": 1e6,
    "m": 1e6,
    "billion": 1e9,
    "bn": 1e9,
    "lakh": 1e5,
    "lac": 1e5,
    "crore": 1e7,
}
ZH_DIGITS = {
    **{c: i for i, c in enumerate("零一二三四五六七八九")},
    "〇": 0,
    "两": 2,
    "俩": 2,
    "仨": 3,
    "壹": 1,
    "贰": 2,
    "叁": 3,
    "肆": 4,
    "伍": 5,
    "陆": 6,
    "柒": 7,
    "捌": 8,
    "玖": 9,
}
ZH_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "w": 10_000, "亿": 100_000_000}

CJK = re.compile(r"[\u3400-\u9fff]")
_DIGITS = r"\d{1,3}(?:[ '\u2009]\d{3})+(?:[.,]\d+)?(?!\d)|\d+(?:[.,]\d+)*"
_WORD = "|".join(sorted([*UNITS, *TENS], key=len, reverse=True))
_SCALE = r"dozen|hundred|thousand|grand|million|billion|lakh|lac|crore|mn|bn|k|m"
_MONEY = "usd|eur|gbp|cny|rmb|yuan|dollar|euro|pound|quid|buck"
_EN = re.compile(
    rf"(?<![a-z])(?:half (?:an? )?(?P<half>{_SCALE})|(?:a )?quarter of a (?P<quarter>{_SCALE})|"
    rf"(?P<words>(?:an? (?=(?:couple|dozen|hundred|thousand|grand|million)\b))?"
    rf"(?:{_WORD}|dozen|hundred|thousand|grand|million)(?:(?:[ -]+(?:and )?|(?=k\b))(?:(?:of )?(?:{_WORD}|{_SCALE}|"
    rf"a half|half))(?!(?!k\b)[a-z]))*))(?!(?!k\b)[a-z])"
)
_ZH = re.compile(
    r"(?:\d+(?:\.\d+)?|[零〇一二两俩仨三四五六七八九壹贰叁肆伍陆柒捌玖十百千万亿])"
    r"(?:\d+(?:\.\d+)?|[零〇一二两俩仨三四五六七八九壹贰叁肆伍陆柒捌玖十百千万亿]|个?w(?![a-z])|"
    r"(?<=[0-9一二两三四五六七八九])个(?=百万|千万|[万亿w]))*"
)
_EN_DIGITS = re.compile(
    rf"(?<![\d.,])({_DIGITS})(?:\s?({_SCALE})(?!(?!{_MONEY})[a-z]))?"
)

_CORRECTION = re.compile(
    r"no,? wait|\bwait,? no\b|\bsorry,? |i mean|\bmake that\b|scratch that|啊?不对|不是|看错[行了]*|说错了?|哦不|，不,"
)


@dataclass(frozen=True)
class Number:
    """A number found in a text: its value, the span [start, end) it was said in, and that span's text."""

    value: float
    start: int
    end: int
    text: str


def clean(said: object) -> str:
    """NFKC, lower case, plain dashes and quotes, single spaces, no wrapping punctuation."""
    text = unicodedata.normalize("NFKC", str(said)).lower()
    text = re.sub(r"[‘’`´]", "'", re.sub(r"[“”„]", '"', re.sub(r"[‐‑‒–—―−〜～]", "-", text)))
    text = re.sub(r"(?<=\d )(thousand|million|billion|lakh|lac|crore)s\b|\b(lakh|crore)s\b", r"\1\2", re.sub(r"\s+", " ", text))
    text = text.strip(" \"'!?.,;:()[]<>。，；：！？、「」『』《》")
    return text


def problem(argument: str, expected: str, said: object) -> ToolError:
    """The one shape of a reading error: argument, expected, received; other words may work."""
    received = str(said)
    received = received if len(received) <= 60 else received[:57] + "..."
    message = f"{argument}: expected {expected}; received {received!r}."
    return ToolError(message, retry=True, argument=argument, chinese=unreadable(argument, received))


def has_cjk(text: str) -> bool:
    """Whether the text holds Chinese characters."""
    return bool(CJK.search(text))


def spoken(text: str, before: str = "en") -> str:
    """The language of a message: zh when it holds at least as many Chinese characters as Latin words, else en; `before`
    when it holds no letters ("10%?")."""
    if not any(character.isalpha() for character in text):
        return before
    chinese, latin = len(CJK.findall(text)), len(re.findall(r"[a-zà-ÿ]+(?:['’][a-z]+)?", text.lower()))
    return "zh" if chinese and chinese >= latin else "en"


def digits_value(token: str) -> float:
    """Value of a digit token with separators: 20,000 | 20.000 | 20 000 | 7.5 | 1.234,50. Three digits behind a single
    separator are thousands ("20.000" is twenty thousand); other counts are decimals. Raises ValueError."""
    token = re.sub(r"[ '\u2009]", "", token)
    if not re.search(r"[.,]", token):
        return float(token)
    last = max(token.rfind("."), token.rfind(","))
    head, tail = token[:last], token[last + 1 :]
    separator, groups = token[last], re.split(r"[.,]", token)
    other = "," if separator == "." else "."
    if other in head:
        if separator in head or not all(len(g) == 3 for g in groups[1:-1]):
            raise ValueError(token)
        return float(re.sub(r"[.,]", "", head) + "." + tail)
    if len(tail) == 3 and all(len(g) == 3 for g in groups[1:]) and 1 <= len(groups[0]) <= 3 and groups[0] != "0":
        return float("".join(groups))
    if separator == "," and all(len(g) == 4 for g in groups[1:]):
        return float("".join(groups))
    if len(groups) > 2:
        raise ValueError(token)
    return float(f"{head}.{tail}")


def english_value(words: str) -> float:
    """Value of English number words: "twenty thousand", "seven thousand five hundred", "three and a half". Raises
    ValueError."""
    total, section, seen, largest = 0.0, 0.0, False, math.inf
    for word in re.findall(rf"half|{_WORD}|{_SCALE}", words):
        if word == "half":
            section += 0.5
        elif word in SCALES:
            scale = SCALES[word]
            if scale <= 100:
                section = (section if seen else 1) * scale
            else:
                amount = section if seen else 1.0
                total = (total + amount) * scale if scale >= largest else total + amount * scale
                section, largest = 0.0, scale
        else:
            section += UNITS[word] if word in UNITS else TENS[word]
        seen = True
    if not seen:
        raise ValueError(words)
    return total + section


def chinese_value(said: str) -> float:
    """Value of Chinese or mixed numerals: 两万, 三万五, 2万5, 3.5万, 十五万, 八千, 八五 (digits one by one). Raises
    ValueError."""
    text = said.replace("个", "")
    tokens = re.findall(r"\d+(?:\.\d+)?|.", text)
    if all(token in ZH_DIGITS for token in tokens):
        return float("".join(str(ZH_DIGITS[token]) for token in tokens))
    total, section, digit, scale, zero = 0.0, 0.0, None, 1.0, False
    for token in tokens:
        if token in ZH_SCALES:
            unit = ZH_SCALES[token]
            if unit >= 10_000:
                section += digit or 0.0
                if section == 0 and digit is None:
                    if total == 0:
                        raise ValueError(said)
                    total *= unit
                else:
                    total, section = total + section * unit, 0.0
            else:
                section += (1.0 if digit is None else digit) * unit
            digit, scale, zero = None, float(unit), False
        else:
            if digit is not None and digit != 0:
                raise ValueError(said)
            zero = zero or token in "零〇"
            digit = float(ZH_DIGITS[token]) if token in ZH_DIGITS else float(token)
    if digit is not None:
        shorthand = scale >= 100 and not zero and digit < 10
        section += digit * scale / 10 if shorthand else digit
    return total + section


def numbers(text: str) -> list[Number]:
    """Every number said in a cleaned text, left to right, multipliers (k, grand, 万, w) included. Unreadable tokens
    are left out."""
    found: list[Number] = []
    position = 0
    while position < len(text):
        candidates = [pattern.search(text, position) for pattern in (_ZH, _EN_DIGITS, _EN)]
        matches = [match for match in candidates if match]
        if not matches:
            break
        match = min(matches, key=lambda m: (m.start(), -m.end(), m.re is _ZH))
        try:
            found.append(Number(_value(match), match.start(), match.end(), match.group()))
        except ValueError:
            pass
        position = max(match.end(), position + 1)
    return found


def _value(match: re.Match) -> float:
    if match.re is _ZH:
        return chinese_value(match.group())
    if match.re is _EN_DIGITS:
        return digits_value(match.group(1)) * SCALES.get(match.group(2) or "", 1.0)
    if match.group("half"):
        return SCALES[match.group("half")] / 2
    if match.group("quarter"):
        return SCALES[match.group("quarter")] / 4
    return english_value(match.group("words"))


def tail(text: str) -> str:
    """What is said after a correction ("5万，不对，3万" -> "3万"); the text itself when there is none."""
    parts = [part for part in _CORRECTION.split(text) if part.strip(" ,，.")]
    return parts[-1] if parts and numbers(parts[-1]) else text
