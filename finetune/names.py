"""Names that marketers say: products of invented shops, audiences, channels, offers, campaigns, segments.

Continues `campaignwright.finetune.surface` (numbers and dates). A label of a closed vocabulary is its canonical value;
a label of an open one is the wording itself.
"""

from __future__ import annotations

import re

from campaignwright.finetune.surface import Surface, read_json
from campaignwright.market.words import CHANNELS, TONES

# objective -> audiences that do not contradict it (lexicon.json, "compatibility")
SUITS = {
    "retention": ("loyal", "lapsed", "high_value", "deal_seekers", "all"),
    "acquisition": ("new", "new", "deal_seekers", "all"),
}
CANONICAL = ("all", "new", "loyal", "lapsed", "high_value", "deal_seekers")


class Names(Surface):
    """Adds names to the sampler of values."""

    # -- products ----------------------------------------------------------------------------------------------------

    def product(self, lang: str, form: str | None = None) -> str:
        """One product, brand or category as said."""
        rng = self.rng
        draw = rng.random()
        if draw < 0.33:
            return self._known(lang, form)
        if draw < 0.75:
            return self._thing(lang)
        return self._brand(lang) if draw < 0.95 else self._sku()

    def _known(self, lang: str, form: str | None) -> str:
        table = self.lexicon["categories"][self.rng.choice(list(self.lexicon["categories"]))][lang]
        lists = {"en": ["plural", "plural", "subtype", "slang"], "zh": ["name", "name", "subtype", "slang"]}[lang]
        name = "sing" if form == "sing" and lang == "en" else self.rng.choice(lists)
        return self.pick(table["typo" if self.rng.random() < 0.04 else name], keep_first=True)

    def _thing(self, lang: str) -> str:
        words, rng = read_json("catalogue.json")[lang], self.rng
        if rng.random() < 0.15:
            return self.pick(words["collections"])
        noun = self._unheard_of(lang) if rng.random() < 0.1 else self.pick(words["nouns"])
        if rng.random() < 0.45:
            return noun
        joint = " " if lang == "en" else ("的" if rng.random() < 0.06 else "")
        lead = self.pick(words["adjectives"])
        if rng.random() < 0.12:
            lead = self.pick(words["adjectives"]) + (" " if lang == "en" else "") + lead
        return lead + joint + noun

    def invented(self) -> str:
        """A brand that does not exist: two or three syllables."""
        syllables = read_json("catalogue.json")["syllables"]
        return "".join(self.rng.choice(syllables) for _ in range(self.rng.choice([2, 2, 3]))).capitalize()

    def _unheard_of(self, lang: str) -> str:
        """A noun that does not exist: what a product is shows in its place in the sentence, for goods nobody listed too."""
        if lang == "zh":
            characters = "".join(read_json("catalogue.json")["zh"]["nouns"])
            return "".join(self.rng.choice(characters) for _ in range(self.rng.choice([2, 2, 3])))
        return self.invented().lower() + self.rng.choice(["s", "s", "ers", "ing", ""])

    def _brand(self, lang: str) -> str:
        rng, words = self.rng, read_json("catalogue.json")[lang]
        brand = (
            rng.choice(read_json("catalogue.json")["zh_brands"])
            if lang == "zh" and rng.random() < 0.6
            else self.invented()
        )
        space = "" if lang == "zh" and not brand.isascii() else " "
        parts = [brand]
        if rng.random() < 0.6:
            parts.append(rng.choice(words["models"]) + (f" {rng.randint(1, 12)}" if rng.random() < 0.3 else ""))
        if rng.random() < 0.5:
            parts.append(self.pick(words["nouns"]))
        return space.join(parts)

    def _sku(self) -> str:
        rng = self.rng
        letters = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(rng.randint(1, 3)))
        return rng.choice(
            [
                f"{letters}-{rng.randint(100, 99999)}",
                f"{letters}{rng.randint(10, 999)}",
                f"{rng.randint(20000, 89999)}{letters[0]}",
            ]
        )

    def products(self, lang: str, form: str | None = None) -> tuple[str, list[str]]:
        """One to three products with a conjunction; the label lists them."""
        rng = self.rng
        count = rng.choices([1, 2, 3], [84, 13, 3])[0]
        names = list(dict.fromkeys(self.product(lang, form) for _ in range(count)))
        if any(a != b and a in b for a in names for b in names):
            names = names[:1]
        if lang == "zh":
            said = rng.choice(["和", "、", "跟", "以及", "+"]).join(names)
        else:
            said = (
                names[0]
                if len(names) == 1
                else ", ".join(names[:-1]) + rng.choice([" and ", " and ", " & ", " plus "]) + names[-1]
            )
        return said, names

    # -- audiences, channels, tones, languages -----------------------------------------------------------------------

    def audience(
        self, lang: str, form: str | None = None, objective: str | None = None, before: str = ""
    ) -> tuple[str, str]:
        """An audience that suits the objective; now and then a segment of the shop's own, labelled as said.

        `before`: the words in front, so that no second determiner follows 'our'.
        """
        rng = self.rng
        if rng.random() < 0.05 and form != "clause":
            name = self.pick(read_json("catalogue.json")["segments"][lang])
            return name, name
        value = rng.choice(SUITS.get(objective or "", CANONICAL))
        table = self.lexicon["audiences"][value][lang]
        form = form if form in ("noun", "clause") else rng.choices(["noun", "clause"], [4, 1])[0]
        if lang == "en" and re.search(r"\b(our|my|the|these|those|your)\s*$", before):
            form = "noun_bare"
        return self.pick(table[form], keep_first=True), value

    def channel(self, lang: str, value: str) -> str:
        """How one channel is called."""
        table = self.lexicon["channels"][value][lang]
        name = self.rng.choices(["name", "platform", "slang", "typo"], [60, 22, 15, 3])[0]
        return self.pick(table[name], keep_first=True)

    def channels(self, lang: str, form: str | None = None, values: list[str] | None = None) -> tuple[str, list[str]]:
        """One to four channels, joined as lists are; English requests name the Chinese ones less often."""
        rng, joins = self.rng, self.lexicon["channel_joins"][lang]
        weights = [6, 5, 3, 5, 5, 3, 1, 1] if lang == "en" else [3, 5, 3, 4, 4, 3, 6, 6]
        if values is None:
            values = []
            while len(values) < rng.choices([1, 2, 3, 4], [30, 45, 20, 5])[0]:
                value = rng.choices(CHANNELS, weights)[0]
                values += [value] if value not in values else []
        said = [self.channel(lang, value) for value in values]
        if len(said) == 1:
            return (self.pick(joins["only"]).format(a=said[0]) if rng.random() < 0.12 else said[0]), values
        if form == "slash" or rng.random() < 0.1:
            return rng.choice(["/", "/", " / "]).join(said), values
        if len(said) == 2:
            patterns = [p for p in joins["list"] if "{c}" not in p]
            return self.pick(patterns).format(a=said[0], b=said[1]), values
        last = {"en": rng.choice([" and ", ", ", ", and ", " & "]), "zh": rng.choice(["和", "、", "还有"])}[lang]
        return (", " if lang == "en" else "、").join(said[:-1]) + last + said[-1], values

    def tone(self, lang: str) -> tuple[str, str]:
        value = self.rng.choice(TONES)
        adjectives = [a for a in self.lexicon["tones"][value][lang]["adj"] if not re.match(r"(a|like|to|don't)\b", a)]
        return self.pick(adjectives, keep_first=True), value

    def tone_sentence(self, lang: str) -> tuple[str, str]:
        """A whole sentence about the tone, and the tone."""
        value = self.rng.choice(TONES)
        return self.pick(self.lexicon["tones"][value][lang]["sentence"]), value

    def language(self, lang: str) -> tuple[str, str]:
        value = self.rng.choice(["en", "zh"])
        return self.rng.choice(read_json("frames.json")["languages"][lang][value]), value

    # -- the rest ----------------------------------------------------------------------------------------------------

    def offer(self, lang: str) -> tuple[str, str]:
        """An offer's noun phrase; the label is the phrase without its article."""
        table = self.lexicon["offers"]
        value = self.rng.choice(list(table))
        slots = {
            "discount": lambda: self.percent(lang, "pct")[0],
            "discount_zhe": lambda: self.percent("zh", "zhe", discount=True)[1],
            "amount_off": lambda: self.money(lang, "full", amount=self.rng.choice([5, 10, 15, 20, 25, 30, 50, 100])),
            "threshold": lambda: self.money(lang, "full", amount=self.rng.choice([40, 50, 60, 75, 99, 100, 150, 200])),
            "gift": lambda: self.pick(self.lexicon["gifts"][lang]),
        }
        phrase = self.pick(table[value][lang]["np"], keep_first=True)
        said = re.sub(r"{(\w+)}", lambda match: slots[match[1]](), phrase)
        return said, re.sub(r"^(an? |the |打(?=[\d一二三四五六七八九]))", "", said)

    def count(self, lang: str) -> str:
        """A small number of things: 3, three, 三."""
        value = self.rng.choice([1, 2, 2, 3, 3, 3, 4, 5, 5, 6, 8, 10, 12])
        words = {
            "en": "zero one two three four five six seven eight nine ten eleven twelve".split(),
            "zh": "零一两三四五六七八九十十一十二".replace("十十一十二", "十"),
        }
        if self.rng.random() < 0.5 or (lang == "zh" and value > 10):
            return str(value)
        return words[lang][value] if lang == "en" else "零一两三四五六七八九十"[value]

    def fixed(self, lang: str) -> tuple[str, dict[str, str]]:
        """Amounts that are decided already: 'search at 5k' -> {'search': '5k'}."""
        labels: dict[str, str] = {}
        said = []
        for value in self.rng.sample(CHANNELS, self.rng.choices([1, 2], [4, 1])[0]):
            name, amount = self.channel(lang, value), self.money(lang, amount=max(50, self.amount() // 8))
            if lang == "zh":
                frame = self.rng.choice(["{c}{a}", "{c}固定{a}", "{c}留{a}", "{a}给{c}", "{c}定死{a}"])
            else:
                frame = self.rng.choice(
                    ["{a} on {c}", "{c} at {a}", "{a} for {c}", "{c} {a}", "{a} in {c}", "{c} = {a}"]
                )
            said.append(frame.format(c=name, a=amount))
            labels[value] = amount
        return {"en": " and ", "zh": "、"}[lang].join(said), {c: labels[c] for c in CHANNELS if c in labels}
