"""E-mail addresses and telephone numbers are masked in what the marketer types, before anything else sees it."""

from __future__ import annotations

import re

EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
# Chinese mobiles, international numbers with +, and grouped national numbers; not amounts, dates, or plain counts.
PHONE = re.compile(
    r"(?<![A-Za-z0-9_.,$£€¥])(?:"
    r"(?:\+?86[\s-]?)?1[3-9]\d(?:[\s-]?\d{4}){2}"
    r"|\+\d{1,3}(?:[\s.-]?\(?\d{1,4}\)?){2,5}"
    r"|\(\d{2,5}\)[\s-]?\d{3,4}[\s.-]?\d{3,4}"
    r"|\d{3}[\s.-]\d{3}[\s.-]\d{4}"
    r"|0\d{2,4}[\s-]\d{3,4}[\s-]?\d{3,4}"
    r")(?![A-Za-z0-9_%])"
)


def mask(text: str) -> str:
    """`text` with e-mail addresses as [email] and telephone numbers as [phone]."""
    return PHONE.sub("[phone]", EMAIL.sub("[email]", text))
