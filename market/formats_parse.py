"""Cells to values: numbers, dates, flags, and text without e-mail addresses or phone numbers.

Every function works on the distinct strings of a column, so half a million cells cost as much as their few thousand
distinct values. What cannot be read comes back as missing plus a mask; the caller rejects those rows with a reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd

from campaignwright.market.reading_encoding import EMAIL

NULLS = frozenset({"", "-", "--", "—", "–", "n/a", "na", "null", "none", "nan", "#n/a"})
LARGEST = 1e12  # amounts and counts beyond this are a broken cell
PHONE = re.compile(
    r"(?<![\w.])\+\d[\d\s().-]{6,}\d"  # +44 7700 900123
    r"|(?<![\w.-])\(?0\d{2,4}\)?[\s.-]?\d{3,4}[\s.-]?\d{3,4}(?![\w-])"  # 020 7946 0958
    r"|(?<![\w.-])\(?\d{3}\)?[\s.-]\d{3}[\s.-]\d{4}(?![\w-])"  # (555) 010-4477
    r"|(?<!\d)1[3-9]\d{9}(?!\d)"  # Chinese mobile
)
SIGNS = {  # how amounts name their currency -> the currencies it may be; lower case, no full stop
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP"),
    "us$": ("USD",), "ca$": ("CAD",), "c$": ("CAD",), "au$": ("AUD",), "a$": ("AUD",), "nz$": ("NZD",), "s$": ("SGD",),
    "hk$": ("HKD",), "nt$": ("TWD",), "mx$": ("MXN",), "r$": ("BRL",), "€": ("EUR",), "euro": ("EUR",), "£": ("GBP",),
    "￥": ("CNY",), "元": ("CNY",), "人民币": ("CNY",), "rmb": ("CNY",), "¥": ("CNY", "JPY"), "円": ("JPY",),
    "rs": ("INR", "PKR", "LKR", "NPR", "MUR"), "₹": ("INR",), "kr": ("SEK", "NOK", "DKK", "ISK"), "zł": ("PLN",),
    "kč": ("CZK",), "₺": ("TRY",), "₽": ("RUB",), "₩": ("KRW",), "₪": ("ILS",), "฿": ("THB",), "₫": ("VND",),
}  # fmt: skip
_MARK = "|".join(re.escape(sign) + r"\.?" * sign.isalpha() for sign in sorted(SIGNS, key=len, reverse=True))
_MARK = rf"(?i:{_MARK})|[A-Z]{{3}}"
_NUMBER = re.compile(
    rf"(?P<sign>[+\-−]?)\s*(?P<before>{_MARK})?\s*(?P<sign2>[-−]?)\s*"
    r"(?P<body>[0-9][0-9.,'’ ]*|[.,][0-9]+)"
    rf"(?P<exp>[eE][+-]?[0-9]{{1,3}})?\s*(?P<after>%|{_MARK})?"
)
_FORMULA = re.compile(r'^\s*="([^"]*)"\s*$')  # how Excel is made to keep 0007 as text
_TRUE = {"yes": True, "true": True, "1": True, "y": True, "t": True, "subscribed": True, "是": True}
_FALSE = {
    "no": False,
    "false": False,
    "0": False,
    "n": False,
    "f": False,
    "unsubscribed": False,
    "not subscribed": False,
    "never subscribed": False,
    "否": False,
}
_DATES = ("%Y-%m-%d", "%b %d, %Y", "%B %d, %Y", "%d %b %Y", "%d %b %y", "%d %B %Y", "%a, %b %d, %Y")
_TIMES = (" %H:%M:%S", " %H:%M", "", " %I:%M %p", " %I:%M:%S %p")


def by_value(
    series: pd.Series, function: Callable[[list[str]], list | np.ndarray | pd.Series], dtype: object
) -> pd.Series:
    """`function` applied to the list of distinct strings (`="0007"` is `0007`), spread back over the column."""
    codes, values = pd.factorize(series)
    bare = [_FORMULA.sub(r"\1", value) for value in values]
    result = pd.Series(function(bare), dtype=dtype).to_numpy()
    return pd.Series(result[codes], index=series.index, dtype=dtype)


def is_null(series: pd.Series) -> pd.Series:
    """Mask of the cells that exports use for 'nothing'."""
    return by_value(series, lambda values: [value.strip().casefold() in NULLS for value in values], bool)


def decimal_mark(columns: list[pd.Series], delimiter: str) -> tuple[str, str | None]:
    """`,` or `.`: the decimal mark of the file's number columns, by the cells that can only be read one way.

    Second, where such cells do not decide: a cell that can be read both ways, such as `10.125`.
    """
    votes = {",": 0, ".": 0}
    unclear = None
    for column in columns:
        for value in column.unique():
            core = re.sub(r"^[^0-9.,]+|[^0-9.,]+$", "", plain(value))
            for mark, pattern in _ONE_WAY.items():
                votes[mark] += bool(pattern.fullmatch(core))
            if unclear is None and re.fullmatch(r"[1-9][0-9]{0,2}[.,][0-9]{3}", core):
                unclear = core
    if votes[","] == votes["."]:
        return "," if delimiter == ";" else ".", unclear
    return max(votes, key=votes.get), None


def _one_way(mark: str, group: str) -> re.Pattern:
    """Numbers in which `mark` can only be the decimal mark, or `group` only the mark of thousands."""
    thousands = rf"[0-9]{{1,3}}(?:[{group}'’ ][0-9]{{2,3}})+"
    return re.compile(
        rf"[0-9]*[{mark}](?:[0-9]{{1,2}}|[0-9]{{4,}})|0?[{mark}][0-9]+|[0-9]{{4,}}[{mark}][0-9]{{3}}"
        rf"|{thousands}[{mark}][0-9]+|[0-9]{{1,3}}(?:[{group}][0-9]{{2,3}}){{2,}}"
    )


_ONE_WAY = {",": _one_way(",", "."), ".": _one_way(".", ",")}


def plain(text: str) -> str:
    """`text` with full-width forms and any script's digits in ASCII. Superscripts and the like stay: they are no number."""
    return text if text.isascii() else "".join(map(_ascii, text))


def _ascii(char: str) -> str:
    digit = unicodedata.decimal(char, None)
    if digit is not None:
        return str(digit)
    return unicodedata.normalize("NFKC", char) if "！" <= char <= "～" or char in "￡\u3000" else char  # ￥ is CNY, ¥ is not


def _matched(text: str) -> tuple[re.Match | None, bool]:
    """A cell against the pattern of a number, and whether it stood in brackets (a negative amount)."""
    text = re.sub(r"\s+", " ", plain(text)).strip()
    negative = text.startswith("(") and text.endswith(")")
    return _NUMBER.fullmatch(text[1:-1].strip() if negative else text), negative


def mark_of(text: str) -> str | None:
    """What a currency's name or sign stands for: its code, else the sign that several currencies share (a key of SIGNS)."""
    sign = text.strip().casefold().rstrip(".")
    meant = SIGNS.get(sign, (text.strip().upper(),))
    return meant[0] if len(meant) == 1 else sign


def _stated(match: re.Match) -> str | None:
    """The currency that a number states before or after it, as `mark_of` has it; "" when the two disagree."""
    marks = {mark_of(mark) for mark in (match["before"], match["after"]) if mark and mark != "%"}
    if len(marks) < 2:
        return next(iter(marks), None)
    codes = [mark for mark in marks if mark not in SIGNS]
    return codes[0] if len(codes) == 1 and all(codes[0] in SIGNS[mark] for mark in marks - set(codes)) else ""


def marks(series: pd.Series) -> dict[str, int]:
    """The currencies that the cells of a money column state, each with the position of the first cell that does."""
    codes, values = pd.factorize(series)
    found: dict[str, int] = {}
    for code, value in enumerate(values):
        match = None if re.fullmatch(r"[0-9.,\s-]*", value) else _matched(value)[0]
        mark = _stated(match) if match else None
        if mark and mark not in found:
            found[mark] = int(np.argmax(codes == code))
    return found


def number(text: str, decimal: str = ".") -> float:
    """One cell as a float, NaN when it is not a number.

    Grouping marks, currency signs, `%` (as a fraction) and (1.00) are read.
    """
    match, negative = _matched(text)
    if not match or _stated(match) == "":
        return np.nan
    group = "." if decimal == "," else ","
    body = match["body"].strip()
    whole, _, fraction = body.partition(decimal)
    grouped = re.search(r"[.,'’ ]", whole)
    if grouped and not re.fullmatch(rf"[1-9][0-9]{{0,2}}(?:[{group}'’ ][0-9]{{2,3}})*[{group}'’ ][0-9]{{3}}", whole):
        return np.nan
    if re.search(r"[^0-9]", fraction):
        return np.nan
    value = float(f"{re.sub(r'[^0-9]', '', whole) or '0'}.{fraction or '0'}{match['exp'] or ''}")
    value = value / 100 if match["after"] == "%" else value
    minus = sum((negative, match["sign"] in ("-", "−"), match["sign2"] in ("-", "−"))) % 2 == 1
    return -value if minus else value


def numbers(series: pd.Series, decimal: str) -> tuple[pd.Series, pd.Series]:
    """(float column, mask of cells that are neither empty nor a number below 1e12)."""

    def read(values: list[str]) -> list[float]:
        read = [number(value, decimal) for value in values]
        return [value if abs(value) <= LARGEST else np.nan for value in read]

    parsed = by_value(series, read, float)
    return parsed, parsed.isna() & ~is_null(series)


def flags(series: pd.Series) -> tuple[pd.Series, pd.Series]:
    """(nullable boolean column, mask of cells that are neither empty nor yes/no)."""
    table = _TRUE | _FALSE
    parsed = by_value(series, lambda values: [table.get(value.strip().casefold()) for value in values], "boolean")
    return parsed, parsed.isna() & ~is_null(series)


def day_order(columns: list[pd.Series]) -> bool | None:
    """Whether the file's dates in digits are day first, by those that fit one order only; None when they do not tell.

    Dates with full stops (01.12.2026) are written day first alone.
    """
    votes = 0
    for column in columns:
        for value in column.unique():
            match = re.match(r"\s*(\d{1,2})([./-])(\d{1,2})\2\d{2,4}", value)
            if match and int(match[3]) > 12 >= int(match[1]):
                votes -= 1
            elif match and (int(match[1]) > 12 or match[2] == ".") and int(match[3]) <= 12:
                votes += 1
    return votes > 0 if votes else None


def dates(series: pd.Series, day_first: bool) -> tuple[pd.Series, pd.Series, bool]:
    """(naive local timestamps, mask of unreadable cells, whether day and month could not be told apart).

    Offsets from UTC are dropped: the export's own clock is the shop's. Years outside 1990-2100 are unreadable. When
    every date reads both ways (03/04/2026) the order is `day_first`.
    """
    ambiguous = False

    def read(values: list[str]) -> pd.Series:
        nonlocal ambiguous
        text = pd.Series(values, dtype="object").map(_plain_date)
        parsed, ambiguous = _parse_dates(text, day_first)
        return parsed.where(parsed.dt.year.between(1990, 2100))

    result = by_value(series, read, "datetime64[us]")
    return result, result.isna() & ~is_null(series), ambiguous


_REWRITTEN = (  # ways to write a date -> the way _DATES and _TIMES have it
    (r"\s+", " "),
    (r"^(\d{4})年(\d{1,2})月(\d{1,2})日 ?", r"\1-\2-\3 "),
    (r"^(\d{4})[./-](\d{1,2})[./-](\d{1,2})(?:[T ]|$)", r"\1-\2-\3 "),
    (r"^(\d{4})(\d\d)(\d\d)(?: |$)", r"\1-\2-\3 "),
    (r"^(\d{1,2})[-. ]([A-Za-z]{3,9})[-., ]+(\d{4}|\d\d)(?!\d)", r"\1 \2 \3"),
    (r"(\d{4}), (?=\d)", r"\1 "),
    (r"上午 ?([\d:]+)$", r"\1 AM"),
    (r"下午 ?([\d:]+)$", r"\1 PM"),
    (r"(?i)(?<=\d) ?([ap])\.?m\.?$", r" \1M"),
    (r"(\d\d:\d\d(?::\d\d)?)\.\d+", r"\1"),
    (r"(\d\d:\d\d(?::\d\d)?) ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)$", r"\1"),
)
_REWRITES = [(re.compile(pattern), new) for pattern, new in _REWRITTEN]


def _plain_date(value: str) -> str:
    """A date in one of the forms of `_DATES` and `_TIMES`; Excel's count of days since 1900 becomes a date."""
    value = plain(value).strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d(?::\d\d)?)?", value):
        return value
    if re.fullmatch(r"[2-5]\d{4}(?:[.,]\d+)?", value):
        day = pd.Timestamp("1899-12-30") + pd.Timedelta(days=float(value.replace(",", ".")))
        return f"{day.round('s'):%Y-%m-%d %H:%M:%S}"
    for pattern, new in _REWRITES:
        value = pattern.sub(new, value)
    return value.strip()


def _tried(text: pd.Series, formats: list[str]) -> pd.Series:
    """Each string by the first of `formats` that reads it, NaT where none does."""
    parsed = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    for pattern in formats:
        left = parsed.isna()
        if left.any():
            parsed[left] = pd.to_datetime(text[left], format=pattern, errors="coerce").astype("datetime64[us]")
    return parsed


def _parse_dates(text: pd.Series, day_first: bool) -> tuple[pd.Series, bool]:
    """Distinct date strings to timestamps; also whether both day orders fit all numeric dates."""
    parsed = pd.Series(pd.NaT, index=text.index, dtype="datetime64[us]")
    filled = ~text.str.casefold().isin(NULLS)
    slashed = text.str.replace(r"^(\d{1,2})[./-](\d{1,2})[./-](\d{2,4})", r"\1/\2/\3", regex=True)
    left = filled & slashed.str.match(r"\d{1,2}/\d{1,2}/\d{2,4}")
    parsed[filled & ~left] = _tried(text[filled & ~left], [date + time for date in _DATES for time in _TIMES])
    if not left.any():
        return parsed, False
    orders = {}
    for name, order in (("day", "%d/%m/"), ("month", "%m/%d/")):
        attempt = _tried(slashed[left], [order + year + time for year in ("%Y", "%y") for time in _TIMES])
        orders[name] = attempt.reindex(text.index)
    fits = {name: int(attempt[left].notna().sum()) for name, attempt in orders.items()}
    ambiguous = fits["day"] == fits["month"] and bool((orders["day"][left] != orders["month"][left]).any())
    first = "day" if fits["day"] > fits["month"] or (fits["day"] == fits["month"] and day_first) else "month"
    parsed[left] = orders[first][left]
    return parsed, ambiguous


def scrub(text: str) -> str:
    """`text` without e-mail addresses, phone numbers and control characters."""
    text = PHONE.sub("[phone]", EMAIL.sub("[e-mail]", text)) if re.search(r"@|\d.{0,3}\d", text) else text
    text = text.replace("@", "(at)") if "@" in text else text
    return re.sub(r"[\x00-\x1f\x7f]+", " ", text).strip()


def texts(series: pd.Series) -> pd.Series:
    """Scrubbed text column; null tokens become missing."""
    return by_value(
        series, lambda values: [None if v.strip().casefold() in NULLS else scrub(v) or None for v in values], "object"
    )


def ids(series: pd.Series, pseudonym: Callable[[str], str]) -> pd.Series:
    """Identifier column: kept as it is, except that an e-mail address or phone number used as one becomes its
    pseudonym.
    """

    def read(values: list[str]) -> list[str | None]:
        plain = [" ".join(value.split()) for value in values]
        return [
            None if v.casefold() in NULLS else pseudonym(v) if "@" in v or v.startswith("+") or "\x00" in v else v
            for v in plain
        ]

    return by_value(series, read, "object")


def customers(series: pd.Series, pseudonym: Callable[[str], str]) -> pd.Series:
    """Customer identifiers as pseudonyms; `17850.0` and `'17850`, as spreadsheets write it, are `17850`."""

    def read(values: list[str]) -> list[str | None]:
        plain = [re.sub(r"^'?(\d+)(?:\.0)?$", r"\1", value.strip()) for value in values]
        return [None if value.casefold() in NULLS else pseudonym(value) for value in plain]

    return by_value(series, read, "object")
