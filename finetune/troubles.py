"""What the tools say when a brief contradicts itself or a value cannot be used, in the tools' own sentences."""

from __future__ import annotations

import random
from typing import Any

from campaignwright.finetune.compose import Composer
from campaignwright.market.export_labels import label
from campaignwright.market.words import CHANNELS
from campaignwright.tools.brief_texts import say
from campaignwright.tools.normalise_text import problem

CODES = {
    "products": ["unknown_product"],
    "budget": ["rate", "currency", "tiny", "no_money"],
    "start": ["past"],
    "days": ["two_lengths"],
    "audience": ["retain_new"],
    "max_discount": ["no_discount", "deep"],
    "min_roas": ["absurd_roas"],
    "channels": ["none_left"],
}
EXPECTED = {
    "days": ["a length of time such as 10 days, two weeks or 半个月", "one length of time", "1 to 366 days"],
    "budget": ["an amount of money such as 20k, $20,000 or 2万", "an amount of 0 or more", "an amount below 10^12"],
    "start": ["a date or a range of dates such as 1 December, next Monday, Dec 1-7 or 下周一", "a day that exists"],
    "discount": ["a percentage such as 15%, 15% off or 八五折", "a 折 between 1折 and 10折, such as 八五折"],
    "max_discount": ["a percentage such as 15%, 15% off or 八五折", "a change that leaves 0 or more"],
    "min_roas": ["a ratio such as 4, 4x, 4:1 or 400%"],
    "k": ["a whole number from 1 to 20"],
    "n": ["a whole number from 1 to 20"],
}


def conflicts(field: str, args: dict[str, Any], lang: str, composer: Composer) -> list[str]:
    """The `conflicts` of a `set_brief` that asks for `field` again: mostly one sentence, none where it only lacks it."""
    rng: random.Random = composer.rng
    codes = CODES.get(field, [])
    if not codes or rng.random() < (0.1 if field in args else 0.5):
        return []
    said = args.get(field) or composer.value(field, None, lang)[0]
    near = ", ".join(composer.product(lang) for _ in range(3))
    if field == "products":
        names = said if isinstance(said, list) and said else [composer.product(lang)]
        return [say("unknown_product", lang, said=name, near=near) for name in rng.sample(names, rng.randint(1, len(names)))]
    code = rng.choice(codes)
    if code == "retain_new" and args.get("objective") != "retention":
        return []
    slots = {
        "said": rng.choice(["JPY", "INR", "SEK", "GBP"]) if code == "currency" else said,
        "home": rng.choice(["USD", "EUR", "CNY", "GBP"]),
        "budget": said,
        "gone": ("、" if lang == "zh" else ", ").join(label("channel", one, lang) for one in rng.sample(CHANNELS, rng.randint(1, 3))),
        "start": f"2026-0{rng.randint(1, 9)}-1{rng.randint(0, 9)}",
        "today": f"2026-1{rng.randint(0, 2)}-2{rng.randint(0, 8)}",
        "first": rng.randint(2, 10),
        "second": rng.randint(11, 40),
        "discount": f"{rng.choice([91, 93, 95, 97, 99])}%",
        "roas": rng.randint(31, 900),
    }
    return [say(code, lang, **slots)]


def refusal(field: str, said: Any, lang: str, composer: Composer) -> str:
    """The error of a call whose `field` could not be used."""
    rng: random.Random = composer.rng
    names = [composer.product(lang) for _ in range(rng.randint(1, 3))]
    if field in ("product", "products"):
        if rng.random() < 0.5:
            return str(problem(field, f"one product ({rng.randint(2, 40)} fit, such as {'; '.join(names)})", said))
        return f"{field}: " + say("unknown_product", "en", said=said, near=", ".join(names))
    if field == "campaign":
        fit = rng.choice(["several fit", "nearest"])
        return str(problem(field, f"one past campaign by name ({fit}: {'; '.join(names)})", said))
    return str(problem(field, rng.choice(EXPECTED.get(field, ["one value"])), said))
