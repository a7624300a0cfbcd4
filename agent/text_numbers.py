"""Numbers in running text, English and Chinese: find them, read them, tell their kind. `render` says which may stay."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SCALE = {
    "hundred": 1e2, "k": 1e3, "thousand": 1e3, "grand": 1e3, "m": 1e6, "million": 1e6, "bn": 1e9, "billion": 1e9,
    "百": 1e2, "千": 1e3, "万": 1e4, "w": 1e4, "百万": 1e6, "亿": 1e8,
}  # fmt: skip
_WORDS = {
    "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10, "eleven": 11,
    "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18,
    "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80,
    "ninety": 90, "hundred": 100, "thousand": 1000, "million": 1e6, "billion": 1e9, "dozen": 12, "twice": 2,
    "double": 2, "triple": 3, "half": 0.5,
}  # fmt: skip
_DIGITS = dict(zip("零〇一二两三四五六七八九", (0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9), strict=True))
_WORD = "|".join(sorted(_WORDS, key=len, reverse=True))
_NUMBER = re.compile(
    rf"""(?P<sign>[$€£¥￥]|USD|GBP|EUR|CNY|RMB)?\s?
    (?P<minus>(?<![\w\d])[-−])?
    (?: (?P<digits>\d+(?:[,，]\d{{3}})+(?:\.\d+)?|\d+(?:\.\d+)?)
      | (?<![A-Za-z])(?P<words>(?:{_WORD})(?:[-\s](?:{_WORD}))*)(?![A-Za-z])
      | (?P<zh>[零〇一二两三四五六七八九十百千]+)(?=[折成倍个天周月元块万亿人单件次点%]) )
    (?:\s?(?P<scale>thousand|million|billion|grand|hundred|百万|[kKmM](?![A-Za-z])|bn|[百千万亿]|w(?![A-Za-z])))?
    \s?(?P<tail>%|％|percent|per\ cent|个百分点|折|成|dollars|pounds|euros|yuan|元|块|美元|英镑)?""",
    re.VERBOSE | re.IGNORECASE,
)
_CURRENCY_TAILS = ("dollars", "pounds", "euros", "yuan", "元", "块", "美元", "英镑")


@dataclass(frozen=True)
class Number:
    """A number found in text. `kind`: percent (value 20 is 20 %) | money | plain. `step`: size of its last digit."""

    text: str
    value: float
    kind: str
    step: float


def numbers(text: str) -> list[Number]:
    """The numbers in `text`, in order. "one", 一 and 一块 do not count; a Chinese discount (八五折) reads as its cut."""
    found = []
    for match in _NUMBER.finditer(_plain(text)):
        read = _read(match)
        if read is not None:
            found.append(read)
    return found


def _plain(text: str) -> str:
    """Full-width digits and signs as ordinary ones, 百分之二十 as 二十%."""
    text = text.translate({0xFF10 + digit: str(digit) for digit in range(10)} | {0xFF0E: ".", 0xFF05: "%"})
    return re.sub(r"百分之([\d.]+|[零一二两三四五六七八九十百]+)", r"\1%", text)


def _read(match: re.Match[str]) -> Number | None:
    tail, scale = (match["tail"] or "").lower(), _SCALE.get((match["scale"] or "").lower(), 1.0)
    if match["digits"]:
        plain = match["digits"].replace(",", "").replace("，", "")
        value, step = float(plain), 10.0 ** -len(plain.partition(".")[2])
    elif match["words"]:
        value, step = _spoken(match["words"]), 1.0
    else:
        value, step = _chinese(match["zh"]), 1.0
        if value == 1 and scale == 1 and tail in ("", "元", "块"):
            return None
    value, step = value * scale, step * scale
    if tail == "折":
        paid = value / 10 if value < 10 else value / 100
        return Number(match[0].strip(), round(100 * (1 - paid), 6), "percent", 0.1)
    if tail == "成":
        return Number(match[0].strip(), value * 10, "percent", 1.0)
    if tail in ("%", "percent", "per cent", "个百分点"):
        kind = "percent"
    else:
        kind = "money" if match["sign"] or tail in _CURRENCY_TAILS else "plain"
    return Number(match[0].strip(), -value if match["minus"] else value, kind, step)


def _spoken(words: str) -> float:
    """twenty thousand -> 20000, twenty-five -> 25."""
    total = part = 0.0
    for word in re.split(r"[-\s]+", words.lower()):
        size = _WORDS[word]
        if size >= 100 or word == "dozen":
            part = max(part, 1.0) * size
            if size >= 1000:
                total, part = total + part, 0.0
        else:
            part += size
    return total + part


def _chinese(text: str) -> float:
    """三十五 -> 35, 二百 -> 200, 八五 (as in 八五折) -> 85."""
    if all(character in _DIGITS for character in text):
        return float("".join(str(_DIGITS[character]) for character in text))
    total, digit = 0, 0
    for character in text:
        if character in _DIGITS:
            digit = _DIGITS[character]
        else:
            total += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[character]
            digit = 0
    return float(total + digit)
