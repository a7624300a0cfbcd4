"""How people say values: surface forms of amounts, dates, shares and ratios, sampled from `corpus/lexicon.json`.

Every function returns `(said, label)` pairs or plain strings: `said` is what stands in the request, the label the part
of it that a tool call copies (or the canonical value of a closed vocabulary). Nothing is normalised here.
"""

from __future__ import annotations

import datetime as dt
import functools
import json
import random
import re
import zlib
from pathlib import Path
from typing import Any

import cn2an
from num2words import num2words

from campaignwright.tools.normalise_calendar import event_names

CORPUS = Path(__file__).with_name("corpus")
HOLD_OUT = 10  # one lexicon entry (and one template) in this many is kept for development


@functools.cache
def read_json(name: str) -> Any:
    """A data file of the corpus folder, parsed once."""
    return json.loads((CORPUS / name).read_text(encoding="utf-8"))


@functools.lru_cache(100_000)
def held_out(text: str) -> bool:
    """Whether a template or lexicon entry belongs to the development set (by its bytes, so stable)."""
    return zlib.crc32(text.encode()) % HOLD_OUT == 3


def english(number: int) -> str:
    """20000 -> 'twenty thousand', without hyphens being dropped or 'and'."""
    return num2words(number).replace(",", "").replace(" and ", " ")


def chinese(number: int) -> str:
    """2 -> 两, 14 -> 十四, 32000 -> 三万二; 2 before 万/千/百 is 两."""
    if number == 2:
        return "两"
    text = cn2an.an2cn(str(number))
    text = re.sub(r"^一十", "十", text)
    text = re.sub(r"(万[一二三四五六七八九])千$", r"\1", text)
    return re.sub(r"(?<!十)二(?=[千万百])", "两", text)


def trim(value: float) -> str:
    """4.0 -> '4', 3.5 -> '3.5'."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


class Surface:
    """A seeded sampler of surface forms. `dev` draws held-out lexicon entries (first) instead of leaving them out."""

    def __init__(self, rng: random.Random, *, dev: bool = False) -> None:
        self.rng = rng
        self.dev = dev
        self.lexicon = read_json("lexicon.json")

    # -- picking -----------------------------------------------------------------------------------------------------

    def pick(self, items: list, keep_first: bool = False) -> Any:
        """One item. Lists of six and more keep one in ten for development; `keep_first` never holds out the first."""
        if len(items) < 6:
            return self.rng.choice(items)
        start = 1 if keep_first else 0
        kept = [item for item in items[start:] if held_out(str(item))]
        if self.dev and kept and self.rng.random() < 0.5:
            return self.rng.choice(kept)
        return self.rng.choice([item for item in items if item not in kept] or items)

    def _fits(self, patterns: list[str], values: dict[str, str | None]) -> list[str]:
        """Patterns whose placeholders all have a value."""
        return [p for p in patterns if all(values.get(name) is not None for name in re.findall(r"{(\w+)}", p))]

    def _pattern(self, patterns: list[str], values: dict[str, str | None]) -> str | None:
        usable = self._fits(patterns, values)
        return self.pick(usable).format(**values) if usable else None

    # -- money, shares, ratios ---------------------------------------------------------------------------------------

    def amount(self) -> int:
        """A budget: any magnitude from 150 to 900,000, mostly 1k-80k, rounded as people round."""
        rng, value = self.rng, 10 ** self.rng.gauss(4.05, 0.55)
        value = min(max(value, 150), 900_000)
        step = (
            rng.choice([1, 50, 100, 500, 500, 1000, 1000, 1000])
            if value < 20_000
            else rng.choice([100, 500, 1000, 1000, 5000])
        )
        return max(step, round(value / step) * step)

    def money(self, lang: str, form: str | None = None, amount: int | None = None, currency: str | None = None) -> str:
        """A sum in words or digits; `currency` 'bare' writes none."""
        rng = self.rng
        for _ in range(30):
            value = amount if amount is not None else self.amount()
            code = (
                currency or rng.choices(["USD", "GBP", "EUR", "CNY", "bare"], [5, 4, 3, 6 if lang == "zh" else 1, 4])[0]
            )
            table = self.lexicon["money_bare" if code == "bare" else "money"]
            table = table[lang] if code == "bare" else table[code][lang]
            names = [form] if form in table else [name for name in table if name != "continental" or rng.random() < 0.1]
            said = self._pattern(table[rng.choice(names)], self._money_values(value))
            if said:
                return said
        return f"{amount if amount is not None else 20000:,}"

    def _money_values(self, value: int) -> dict[str, str | None]:
        digits = chinese(value)
        significant = len(str(value).rstrip("0"))
        return {
            "n": f"{value:,}",
            "plain": str(value),
            "dot": f"{value:,}".replace(",", ".") if value >= 10_000 else None,
            "sp": f"{value:,}".replace(",", " ") if value >= 10_000 else None,
            "k": trim(value / 1000) if value >= 1000 and value % 100 == 0 else None,
            "m": trim(value / 1e6) if value >= 500_000 and value % 10_000 == 0 else None,
            "words": english(value) if significant <= 2 else None,
            "kwords": english(value // 1000) if value % 1000 == 0 and significant <= 2 else None,
            "wan": trim(value / 10_000) if value >= 10_000 and value % 100 == 0 else None,
            "zh": digits if significant <= 2 else None,
            "qian": str(value // 1000) if 1000 <= value < 10_000 and value % 1000 == 0 else None,
        }

    def budget(self, lang: str, form: str | None = None, *, hedge: bool = True) -> tuple[str, str]:
        """A budget with now and then a hedge around it; the label is the sum alone."""
        label = said = self.money(lang, form)
        if hedge and self.rng.random() < 0.12:
            if lang == "zh" and self.rng.random() < 0.5:
                said = said + self.pick(self.lexicon["money_hedges"]["zh_after"])
            else:
                said = self.pick(self.lexicon["money_hedges"][lang]) + (" " if lang == "en" else "") + said
        return said, label

    def percent(self, lang: str, form: str | None = None, *, discount: bool = False) -> tuple[str, str]:
        """A share; with `discount` also 'half price' and 八折. The label leaves out articles and verbs."""
        rng, table = self.rng, self.lexicon["percent"][lang]
        value = rng.choice([5, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50]) if rng.random() < 0.6 else rng.randint(1, 70)
        if discount and form is None and rng.random() < 0.06:
            said = rng.choice([phrase for item in table["special"] if item["value"] for phrase in item["say"]])
            return said, re.sub(r"^(a|打) ?", "", said)
        zhe = 100 - value
        tens = chinese(value // 10) if value >= 10 else None
        cheng = None if tens is None or value % 5 else tens
        values = {
            "pct": str(value),
            "pctwords": english(value),
            "pctzh": cn2an.an2cn(str(value)).removeprefix("一") if 10 <= value < 20 else cn2an.an2cn(str(value)),
            "zhe": str(zhe).rstrip("0"),
            "zhedot": trim(zhe / 10),
            "cheng": None if value % 10 else cheng,
            "zhewords": "".join("零一二三四五六七八九"[int(d)] for d in str(zhe).rstrip("0")),
        }
        forms = {"en": ["pct", "off", "words"], "zh": ["pct", "off", "zhe", "words"]}[lang]
        forms = forms if discount else [name for name in forms if name not in ("off", "zhe")]
        values["half"] = cheng if value % 10 == 5 else None
        patterns = {**table, "cheng": ["{cheng}成", "{half}成半"]}
        name = form if form in patterns else rng.choice(forms)
        if lang == "zh" and name == "off" and rng.random() < 0.5:
            name = "zhe"
        options = patterns[name] if discount else [p for p in patterns[name] if "off" not in p]
        said = self._pattern(options, values) or f"{value}%"
        return said, re.sub(r"^(an? |打|降|优惠|减|便宜|让利)", "", said)

    def roas(self, lang: str, form: str | None = None) -> str:
        """The bare ratio: 4x, 3.5, 400%, four to one, 1:4."""
        value = (
            self.rng.choice([1.5, 2, 2.5, 3, 3.5, 4, 5, 6])
            if self.rng.random() < 0.7
            else self.rng.randint(10, 120) / 10
        )
        whole = value == int(value)
        spoken = english(int(value)) + ("" if whole else " and a half") if whole or value % 1 == 0.5 else None
        values = {
            "r": trim(value),
            "rwords": spoken,
            "rzh": chinese(int(value)) if whole and value <= 10 else None,
            "r100": str(round(value * 100)),
        }
        table = self.lexicon["roas"][lang]
        name = (
            form
            if form in ("x", "num", "words", "pct")
            else self.rng.choices(["x", "num", "words", "pct"], [4, 5, 1, 1])[0]
        )
        said = self._pattern(table[name], values) or trim(value)
        return said.removesuffix(".0") if said.count(".") > 1 else said

    # -- time --------------------------------------------------------------------------------------------------------

    def days(self, lang: str, form: str | None = None) -> tuple[str, str]:
        """A length of time; the label leaves out 'the next', 连续 and the like."""
        rng, table = self.rng, self.lexicon["durations"][lang]
        form = {"zhou": "weeks"}.get(form, form) or rng.choice(["num", "weeks", "exact"])
        days = (
            rng.choice([7, 14, 14, 21, 28, 35, 42])
            if form == "weeks"
            else rng.choice([3, 5, 7, 10, 14, 20, 30, rng.randint(2, 45)])
        )
        exact = [phrase for item in table["adj_exact" if form == "adj" else "exact"] for phrase in item["say"]]
        weeks = days // 7 if days % 7 == 0 and days > 7 else None
        values = {
            "d": str(days),
            "dwords": english(days),
            "dzh": chinese(days),
            "w": weeks and str(weeks),
            "wwords": weeks and english(weeks),
            "wzh": weeks and chinese(weeks),
        }
        said = None if form == "exact" or rng.random() < 0.3 else self._pattern(table.get(form, table["num"]), values)
        said = said or self.pick(exact)
        return said, re.sub(
            r"^(a (?=one-day)|the next |just the |连续|一共|为期|就)|( in total| flash|时间|的)$", "", said
        )

    def _date_values(self, first: dt.date, last: dt.date) -> dict[str, str]:
        def ordinal(day: int) -> str:
            return f"{day}{'th' if 10 < day < 14 else {1: 'st', 2: 'nd', 3: 'rd'}.get(day % 10, 'th')}"

        values = {
            "yyyy": str(first.year),
            "yy": str(first.year)[2:],
            "weekday": f"{first:%A}",
            "wd": f"{first:%a}",
            "zhwd": "一二三四五六日"[first.weekday()],
        }
        for tail, day in (("", first), ("2", last)):
            values |= {
                "month" + tail: f"{day:%B}",
                "mon" + tail: f"{day:%b}",
                "m" + tail: str(day.month),
                "mm" + tail: f"{day:%m}",
                "d" + tail: str(day.day),
                "dd" + tail: f"{day:%d}",
                "ord" + tail: ordinal(day.day),
                "ordwords" + tail: num2words(day.day, to="ordinal"),
                "zhm" + tail: chinese(day.month).replace("两", "二"),
                "zhd" + tail: chinese(day.day).replace("两", "二"),
            }
        return values

    def _day(self) -> dt.date:
        return dt.date(2026, 10, 1) + dt.timedelta(days=self.rng.randrange(700))

    def start(self, lang: str, form: str | None = None) -> tuple[str, str]:
        """A first day: a date, a date with its verb (`on`), or relative (`rel`)."""
        form = form if form in ("date", "rel", "on") else self.rng.choice(["date", "date", "rel"])
        values = self._date_values(self._day(), self._day())
        if form == "rel":
            said = self._pattern(self.pick(self.lexicon["relative_dates"][lang])["say"], values)
        else:
            said = self._pattern(self.lexicon["dates"][lang][form], values)
        verbs = (
            r"^(starting( on)?|from|beginning|starts|as of|kicking off|going live on|launching|live from|start date"
            r"|从|自)"
            r" ?(the )?(?=\S)|(开始|起|上线|启动|开跑|开卖)$"
        )
        return said, re.sub(verbs, "", said) if form == "on" else said

    def range(self, lang: str, form: str | None = None) -> tuple[str, str]:
        """A first and a last day, or a named stretch such as Black Friday week; the label is the stretch."""
        if form == "named" or (form is None and self.rng.random() < 0.3):
            entry = self.pick(self.lexicon["named_ranges"]["ranges"])
            forms = entry[lang] if lang == "zh" else [*entry["en"].get("np", []), *entry["en"].get("adv", [])]
            if lang == "en" and form == "named":
                forms = entry["en"].get("adv") or forms
            said = self.rng.choice(forms)
            return said, re.sub(r"^(over|during|for|throughout|across|through|in|on) ", "", said)
        if form is None and self.rng.random() < 0.3:
            return self._feast(lang)
        first = self._day()
        same = self.rng.random() < 0.6
        last = first + dt.timedelta(days=self.rng.randint(2, 24))
        if same and last.month != first.month:
            first, last = first.replace(day=self.rng.randint(1, 10)), first.replace(day=self.rng.randint(12, 28))
        table = self.lexicon["date_ranges"][lang]
        patterns = table["same_month" if first.month == last.month and first.year == last.year else "cross_month"]
        said = self.pick(patterns).format(**self._date_values(first, last))
        return said, said

    def _feast(self, lang: str) -> tuple[str, str]:
        """A feast or a deadline: "for Diwali", "before Christmas", "圣诞前"; the label keeps what the tools need to read it."""
        rng = self.rng
        names = [form for form in event_names() if len(form) > 1 and form.isascii() == (lang == "en")]
        name = rng.choice(names)
        name = re.sub(r"(?<![\w'])[a-z]", lambda first: first[0].upper(), name) if rng.random() < 0.7 else name
        if rng.random() < 0.45:
            frame = rng.choice(["for {x}", "for {x}", "at {x}", "in time for {x}"] if lang == "en" else ["{x}", "{x}", "{x}期间"])
            said = frame.format(x=name)
            return said, re.sub(r"^(for|at) ", "", said)
        if rng.random() < 0.4:
            name = self.start(lang, "date")[0]
        frames = {
            "en": ["before {x}", "before {x}", "until {x}", "till {x}", "by {x}", "from now until {x}", "between now and {x}"],
            "zh": ["{x}前", "{x}之前", "到{x}", "到{x}为止", "从现在到{x}", "{x}以前"],
        }
        said = rng.choice(frames[lang]).format(x=name)
        return said, said
