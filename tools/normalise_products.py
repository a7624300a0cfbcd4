"""Products, categories and past campaigns as marketers name them, resolved against the workspace's own tables."""

from __future__ import annotations

import re
import weakref
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from campaignwright.market.workspace import Workspace
from campaignwright.tools.base import MissingData, ToolError
from campaignwright.tools.brief_texts import say
from campaignwright.tools.normalise_categories import category_alias, words
from campaignwright.tools.normalise_names import aliases, closest, strip_frame
from campaignwright.tools.normalise_text import clean, has_cjk, problem


@dataclass
class ProductMatch:
    """Products that words resolve to. `ids` empty with `everything` True = the whole catalogue. `names`: for display.
    `unknown`: (what was said, the nearest names of this shop) of each that was not found."""

    ids: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    unknown: list[tuple[str, str]] = field(default_factory=list)
    everything: bool = False

    def require(self, argument: str = "products") -> ProductMatch:
        """Itself when all was understood; else raises ToolError(retry) that says what was not."""
        if self.unknown:
            message = f"{argument}: " + " ".join(self.unfound("en"))
            raise ToolError(message, retry=True, argument=argument, chinese="".join(self.unfound("zh")))
        return self

    def unfound(self, language: str) -> list[str]:
        """A sentence for each that was not found: what was said, and the nearest names."""
        return [say("unknown_product", language, said=said, near=near) for said, near in self.unknown]


@dataclass
class _Catalogue:
    """The workspace's products, prepared for matching once per data hash."""

    ids: list[str]
    names: list[str]
    lower: list[str]
    tokens: list[frozenset[str]]  # of name
    wide: list[frozenset[str]]  # of name and category
    categories: dict[str, list[str]]  # as stored -> ids
    canonical: dict[str, str]  # canonical category of the alias table -> as stored


_CACHE: weakref.WeakKeyDictionary[Workspace, tuple[str, _Catalogue]] = weakref.WeakKeyDictionary()


def _catalogue(workspace: Workspace) -> _Catalogue:
    stamp = workspace.data_hash()
    cached = _CACHE.get(workspace)
    if cached and cached[0] == stamp:
        return cached[1]
    frame = workspace.query("SELECT product_id, name, category FROM products ORDER BY product_id")
    if frame.empty:
        raise MissingData("products", "still_whole_shop")
    lower = [clean(name) for name in frame["name"]]
    category = frame["category"].where(frame["category"].notna(), "").astype(str)
    groups = {name: group["product_id"].tolist() for name, group in frame.groupby(category) if name}
    tokens = [words(name) for name in lower]
    wide = [t | words(clean(c)) for t, c in zip(tokens, category, strict=True)]
    canonical = {}
    for name in groups:
        known = category_alias(clean(name))
        if known and (known[0] not in canonical or clean(name) == known[0]):
            canonical[known[0]] = name
    built = _Catalogue(frame["product_id"].tolist(), frame["name"].tolist(), lower, tokens, wide, groups, canonical)
    _CACHE[workspace] = (stamp, built)
    return built


def _is_everything(text: str) -> bool:
    forms = {clean(form) for form in aliases()["whole_catalogue"]}
    return text in forms or strip_frame(text) in forms


def _split(said: object) -> list[str]:
    """Items of a list said in one breath."""
    return [
        part
        for part in (p.strip() for p in re.split(r"[,，、;；\n/+&]|\band\b|\bplus\b|和|以及|还有|跟", str(said)))
        if part
    ]


def products(said: list[str] | str, workspace: Workspace, *, argument: str = "products") -> ProductMatch:
    """Resolve categories and products as said against the catalogue; [] or "everything" is the whole catalogue (ids
    []).

    Never raises for names (see `ProductMatch.unknown`, `.require()`); MissingData when there are no
    products.
    """
    items = [said] if isinstance(said, str) else list(said)
    match = ProductMatch()
    if not items or all(_is_everything(clean(item)) or not clean(item) for item in items):
        match.everything = True
        return match
    catalogue = _catalogue(workspace)
    for item in items:
        found = _resolve(item, catalogue)
        parts = _split(item)
        if found is None and len(parts) > 1:
            pieces = [(part, _resolve(part, catalogue)) for part in parts]
        else:
            pieces = [(item, found)]
        for piece, result in pieces:
            if result is None:
                match.unknown.append((str(piece), _nearest(piece, catalogue)))
            else:
                name, ids = result
                match.names += [] if name in match.names else [name]
                match.ids += [pid for pid in ids if pid not in set(match.ids)]
    return match


def _resolve(said: object, catalogue: _Catalogue) -> tuple[str, list[str]] | None:
    """(display name, ids) of one item, or None."""
    raw, text = str(said).strip(), clean(said)
    bare = strip_frame(text)
    if raw in catalogue.ids:
        return catalogue.names[catalogue.ids.index(raw)], [raw]
    for candidate in (text, bare):
        if candidate in catalogue.lower:
            same = [i for i, name in enumerate(catalogue.lower) if name == candidate]
            return catalogue.names[same[0]], [catalogue.ids[i] for i in same]
    for stored, ids in catalogue.categories.items():
        if words(clean(stored)) and words(clean(stored)) == words(bare):
            return stored, ids
    alias = category_alias(text)
    if alias and alias[0] in catalogue.canonical and not alias[1]:
        stored = catalogue.canonical[alias[0]]
        return stored, catalogue.categories[stored]
    named = _by_words(bare, raw, catalogue)
    if named:
        return named
    if alias and alias[0] in catalogue.canonical:
        stored = catalogue.canonical[alias[0]]
        return stored, catalogue.categories[stored]
    if alias:  # the shop keeps no categories: the category's own words over the product names
        named = _by_words(alias[0], alias[0], catalogue)
        if named:
            return named
    return _by_typo(bare, catalogue)


def _by_words(text: str, raw: str, catalogue: _Catalogue) -> tuple[str, list[str]] | None:
    """Products whose name (else name and category) holds all the words said."""
    wanted = words(text)
    if not wanted:
        return None
    for source in (catalogue.tokens, catalogue.wide):
        hits = [i for i, tokens in enumerate(source) if wanted <= tokens]
        if hits:
            display = catalogue.names[hits[0]] if len(hits) == 1 else strip_frame(clean(raw))
            return display, [catalogue.ids[i] for i in hits]
    if has_cjk(text):
        hits = [i for i, name in enumerate(catalogue.lower) if text in name]
        if hits:
            return (catalogue.names[hits[0]] if len(hits) == 1 else text), [catalogue.ids[i] for i in hits]
    return None


def _by_typo(text: str, catalogue: _Catalogue) -> tuple[str, list[str]] | None:
    """The product or stored category nearest by spelling, when no other is as near."""
    stored = closest(text, {clean(name): name for name in catalogue.categories}, cutoff=86)
    if stored:
        return stored, catalogue.categories[stored]
    if len(text) < 5:
        return None
    hits = process.extract(text, catalogue.lower, scorer=fuzz.ratio, score_cutoff=80, limit=3)
    if hits and hits[0][1] >= 88 and (len(hits) == 1 or hits[0][1] - hits[1][1] >= 4):
        return catalogue.names[hits[0][2]], [catalogue.ids[hits[0][2]]]
    vocabulary = {token for tokens in catalogue.wide for token in tokens if len(token) > 3}
    fixed = []
    for word in words(text):
        near = (
            None
            if word in vocabulary or len(word) < 4
            else process.extractOne(word, vocabulary, scorer=fuzz.ratio, score_cutoff=84)
        )
        fixed.append(near[0] if near else word)
    wanted = frozenset(fixed)
    named = [i for i, tokens in enumerate(catalogue.wide) if wanted <= tokens]
    if named and wanted != words(text):
        return (catalogue.names[named[0]] if len(named) == 1 else " ".join(fixed)), [catalogue.ids[i] for i in named]
    return None


def _nearest(said: object, catalogue: _Catalogue) -> str:
    """The names of this shop that are nearest to what was said."""
    pool = {clean(name): name for name in catalogue.categories} | dict(
        zip(catalogue.lower, catalogue.names, strict=True)
    )
    near = [
        pool[hit[0]] for hit in process.extract(clean(said), pool.keys(), scorer=fuzz.WRatio, limit=3, score_cutoff=62)
    ]
    shown = near or list(catalogue.categories)[:8] or catalogue.names[:3]
    return ", ".join(shown)


def product(said: object, workspace: Workspace, *, argument: str = "product") -> str:
    """One product id. Raises ToolError(retry) when the words name none, or several (the message lists them)."""
    match = products([str(said)], workspace, argument=argument).require(argument)
    if len(match.ids) == 1:
        return match.ids[0]
    catalogue = _catalogue(workspace)
    shown = [name for pid, name in zip(catalogue.ids, catalogue.names, strict=True) if pid in set(match.ids[:200])][
        :5
    ] or catalogue.names[:5]
    raise problem(
        argument, f"one product ({len(match.ids) or len(catalogue.ids)} fit, such as {'; '.join(shown)})", said
    )
