"""Categories as marketers name them (data/aliases.json), and the stemmed words that names are compared by."""

from __future__ import annotations

import functools
import re

from campaignwright.tools.normalise_names import aliases, closest, strip_frame
from campaignwright.tools.normalise_text import clean, has_cjk

_STOP = {
    "the",
    "a",
    "an",
    "our",
    "my",
    "of",
    "and",
    "for",
    "with",
    "in",
    "new",
    "all",
    "products",
    "product",
    "range",
    "items",
    "item",
    "collection",
    "line",
    "stuff",
    "series",
    "models",
    "model",
}


@functools.lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A light English stem, so that singular and plural meet: mugs -> mug, dishes -> dish, decorations -> decor."""
    for suffix, put in (
        ("ies", "y"),
        ("sses", "ss"),
        ("shes", "sh"),
        ("ches", "ch"),
        ("xes", "x"),
        ("ations", ""),
        ("ation", ""),
        ("ings", ""),
        ("ing", ""),
    ):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            return word[: -len(suffix)] + put
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def words(text: str) -> frozenset[str]:
    """Stemmed content words of a cleaned text."""
    return frozenset(
        stem(w)
        for w in re.findall(r"[a-z0-9]+|[\u3400-\u9fff]+", text.replace("'s", "").replace("-", " "))
        if w not in _STOP
    )


@functools.cache
def _category_forms() -> tuple[dict[str, str], dict[str, str]]:
    """(forms, subtypes): surface form -> canonical category."""
    forms, subtypes = {}, {}
    for canonical, entry in aliases()["categories"].items():
        forms |= {clean(form): canonical for form in [canonical, entry["zh"], *entry["forms"]]}
        subtypes |= {clean(form): canonical for form in entry["subtypes"]}
    return forms, subtypes


def category_alias(text: str) -> tuple[str, bool] | None:
    """(canonical category, is a subtype) for a cleaned name, typos included; None when it names no known category."""
    forms, subtypes = _category_forms()
    bare = re.sub(r"(?:产品|系列|商品|类目|品类|那批货|这批货)$", "", strip_frame(text)) or text
    bare = re.sub(r" (?:range|collection|line|category|products?|stuff|sale)$", "", bare)
    for candidate in (text, strip_frame(text), bare):
        if candidate in forms:
            return forms[candidate], False
        if candidate in subtypes:
            return subtypes[candidate], True
    singular = {
        " ".join(stem(w) for w in form.split()): canonical for form, canonical in forms.items() if not has_cjk(form)
    }
    singular_sub = {
        " ".join(stem(w) for w in form.split()): canonical for form, canonical in subtypes.items() if not has_cjk(form)
    }
    key = " ".join(stem(w) for w in bare.split())
    if key in singular:
        return singular[key], False
    if key in singular_sub:
        return singular_sub[key], True
    if has_cjk(bare):
        known = {**subtypes, **forms}
        scan = re.compile(
            "|".join(
                re.escape(form) for form in sorted(known, key=len, reverse=True) if has_cjk(form) and len(form) >= 2
            )
        )
        inside = {known[form] for form in scan.findall(bare)}
        if len(inside) == 1:
            return inside.pop(), True
        return None
    near = closest(bare, forms, cutoff=86)
    return (near, False) if near else None
