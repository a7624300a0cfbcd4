"""Grammars for constrained decoding (llguidance, Lark form) and the reading of what was decoded under them.

An assistant's turn is either free text or one tool call, written as `json.dumps(..., ensure_ascii=False)` writes it:
fields in the schema's order, optional ones left out or present. A property with `"x-said": true` admits only whole
words that stand, in a row and on one line, in the given source texts. Whether a value makes sense is for the tools.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

OPEN, CLOSE = "<tool_call>", "</tool_call>"
TEXT_SLOTS = ("audience", "products", "product", "campaign", "channel")  # names that the renderer fills in
FREE_TEXT = 120  # longest free string in a call, in characters
LONGEST_TEXT = 1500  # characters of a turn's text
LIST_ITEMS = 12  # most items of a list whose schema sets no limit
DISTINCT = 3  # words of such a list after which repeats are no longer looked for
FEW = 8  # words of a choice up to which a list of them is spelt out without repeats
SOURCE_LINES = 60  # lines of source text, latest first, that said values may come from

# Numbers with their separators and unit letters ("20k"), words of scripts with spaces, single characters (each Chinese
# character is one). A said value is a run of these.
_LETTERS = r"[^\W\d_\u3040-\u9fff\uac00-\ud7af]"
_WORD = re.compile(rf"\d+(?:,\d{{3}}(?!\d))*(?:\.\d+)?{_LETTERS}*|{_LETTERS}+|.", re.DOTALL)


class GrammarBuilder:
    """Collects the rules of one grammar. Rule names are lower case, terminals upper case, as Lark wants."""

    def __init__(self, sources: Sequence[str] = ()) -> None:
        self.lines: list[str] = []
        self.count = 0
        self.lists: dict[tuple[frozenset[str], frozenset[str]], str] = {}
        self.said = self._said(sources)

    def rule(self, body: str) -> str:
        """Add a rule and return its name."""
        self.count += 1
        name = f"r{self.count}"
        self.lines.append(f"{name}: {body}")
        return name

    def terminal(self, body: str) -> str:
        """Add a terminal and return its name."""
        self.count += 1
        name = f"T{self.count}"
        self.lines.append(f"{name}: {body}")
        return name

    def _said(self, sources: Sequence[str]) -> list[str]:
        """Terminals for runs of words out of the sources, one a line; empty when there is no usable source."""
        return [self._substring(line) for line in source_lines(sources)]

    def _substring(self, line: str) -> str:
        chunks = [json.dumps(word, ensure_ascii=False)[1:-1] for word in _WORD.findall(line)]
        inside = self.terminal("%regex " + json.dumps({"substring_chunks": chunks}, ensure_ascii=False))
        return self.terminal(f"{inside} & /[^ ](.*[^ ])?/")

    def value(self, schema: dict[str, Any], root: dict[str, Any]) -> str:
        """The name of a rule for one JSON value of `schema`. Raises ValueError for a schema it does not know."""
        if "$ref" in schema:
            target: Any = root
            for part in schema["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            return self.value(target, root)
        inside = self._inside(schema)
        if inside:
            return self.rule(f'"\\"" ({" | ".join(dict.fromkeys(inside))}) "\\""')
        if "const" in schema or "enum" in schema:
            options = schema.get("enum", [schema.get("const")])
            return self.rule(" | ".join(literal(json.dumps(option, ensure_ascii=False)) for option in options))
        if "anyOf" in schema or "oneOf" in schema:
            options = [option for option in schema.get("anyOf", schema.get("oneOf")) if option.get("type") != "null"]
            return self.rule(" | ".join(dict.fromkeys(self.value(option, root) for option in options)))
        kind = schema.get("type")
        if kind == "object":
            return self._object(schema, root)
        if kind == "array":
            return self._array(schema, root)
        if kind in ("integer", "number"):
            return self._number(schema)
        if kind in ("boolean", "null"):
            return self.rule('"true" | "false"' if kind == "boolean" else '"null"')
        raise ValueError(f"no grammar for the schema {json.dumps(schema)[:200]}")

    def _inside(self, schema: dict[str, Any]) -> list[str]:
        """What may stand between the quotes of a string of `schema`; empty when it is not (only) a string.

        The quotes are always lexemes of their own: the lexer looks one character ahead, so `"new"` as one lexeme would
        make a copied `"newsletter readers"` impossible.
        """
        options = schema.get("anyOf", schema.get("oneOf"))
        if options is not None:
            parts = [self._inside(option) for option in options if option.get("type") != "null"]
            return [one for part in parts for one in part] if parts and all(parts) else []
        values = schema.get("enum", [schema["const"]] if "const" in schema else [])
        if values:
            strings = all(isinstance(value, str) for value in values)
            return [literal(json.dumps(value, ensure_ascii=False)[1:-1]) for value in values] if strings else []
        if schema.get("type") != "string":
            return []
        if schema.get("x-said") and self.said:
            return self.said
        if pattern := schema.get("pattern"):
            return [f"/{pattern.removeprefix('^').removesuffix('$').replace('/', '[/]')}/"]
        return [self.terminal(plain_text(max(1, schema.get("minLength", 1)), schema.get("maxLength", FREE_TEXT)))]

    def _number(self, schema: dict[str, Any]) -> str:
        """Bounded, and with at most two decimals, so that decoding ends."""
        low = schema.get("minimum", schema.get("exclusiveMinimum", 0))
        high = schema.get("maximum", schema.get("exclusiveMaximum", 1_000_000_000))
        bounds = {"minimum": low, "maximum": high}
        bounds |= {key: schema[key] for key in ("exclusiveMinimum", "exclusiveMaximum") if key in schema}
        step = {} if schema["type"] == "integer" else {"multipleOf": 0.01}
        return self.rule("%json " + json.dumps({"type": schema["type"], **bounds, **step}))

    def _array(self, schema: dict[str, Any], root: dict[str, Any]) -> str:
        choices = frozenset(self._choices(schema["items"], root))
        if 1 < len(choices) <= FEW and "maxItems" not in schema and not schema.get("minItems"):
            return self.rule(f'"[]" | "[" {self._distinct(choices, choices)} "]"')
        item = self.value(schema["items"], root)
        low, high = schema.get("minItems", 0), schema.get("maxItems", LIST_ITEMS)
        more = f'(", " {item}){{{max(low - 1, 0)},{max(high - 1, 0)}}}'
        full = f'"[" {item} {more} "]"'
        return self.rule(full if low else f'"[]" | {full}')

    def _choices(self, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
        """The words that a string of `schema` chooses from, as Lark literals with their quotes; empty for anything else."""
        if "$ref" in schema:
            return self._choices(functools.reduce(lambda at, part: at[part], schema["$ref"].removeprefix("#/").split("/"), root), root)
        words = schema.get("enum", [])
        return [f'"\\"" {one} "\\""' for one in self._inside(schema)] if words and all(isinstance(w, str) for w in words) else []

    def _distinct(self, left: frozenset[str], choices: frozenset[str]) -> str:
        """A rule for a list of the words in `left`, in any order. None is repeated among the first ones: a repeat would
        stand for a word left out (later ones are free, which keeps the grammar small)."""
        if (left, choices) not in self.lists:
            if len(choices) - len(left) < DISTINCT:
                options = [f'{one} (", " {self._distinct(left - {one}, choices)})?' if len(left) > 1 else one for one in sorted(left)]
            else:
                options = [f'({" | ".join(sorted(left))}) (", " ({" | ".join(sorted(choices))})){{0,{LIST_ITEMS}}}']
            self.lists[left, choices] = self.rule(" | ".join(options))
        return self.lists[left, choices]

    def _object(self, schema: dict[str, Any], root: dict[str, Any]) -> str:
        if "properties" not in schema:
            return self._map(schema, root)
        required = set(schema.get("required", ()))
        pairs = [
            (f"{literal(json.dumps(name, ensure_ascii=False) + ': ')} {self.value(inner, root)}", name in required)
            for name, inner in schema["properties"].items()
        ]
        return self.rule(f'"{{" {self._fields(pairs)} "}}"')

    def _fields(self, pairs: list[tuple[str, bool]]) -> str:
        """A rule for the fields in order: from the end, what may follow a written field and what may come first."""
        after, first = '""', '""'
        for pair, needed in reversed(pairs):
            first = self.rule(f"{pair} {after}" if needed else f"{pair} {after} | {first}")
            after = self.rule(f'", " {pair} {after}' if needed else f'", " {pair} {after} | {after}')
        return first

    def _map(self, schema: dict[str, Any], root: dict[str, Any]) -> str:
        """An object with free keys (`propertyNames` restricts them); at most eight entries."""
        key = self.value(schema.get("propertyNames", {"type": "string", "maxLength": 40}), root)
        value = self.value(schema.get("additionalProperties") or {"type": "string"}, root)
        entry = self.rule(f'{key} ": " {value}')
        return self.rule(f'"{{}}" | "{{" {entry} (", " {entry}){{0,7}} "}}"')


def literal(text: str) -> str:
    """`text` as a Lark string."""
    return json.dumps(text, ensure_ascii=False)


def plain_text(low: int, high: int, banned: str = "") -> str:
    """A regular expression for `low` to `high` characters that need no JSON escape and are not in `banned`."""
    outside = "".join("\\" + one if one in "[]^-&~{}|" else one for one in banned)
    return f"/[^\"\\\\\\x00-\\x1f\\x7f {outside}]([^\"\\\\\\x00-\\x1f\\x7f{outside}]){{{low - 1},{high - 1}}}/"


def source_lines(sources: Iterable[str]) -> list[str]:
    """The distinct lines of the source texts, stripped, latest text first; control characters are blanks."""
    lines: dict[str, None] = {}
    for source in reversed(list(sources)):
        for line in source.splitlines():
            if cleaned := re.sub(r"[\x00-\x1f\x7f]+", " ", line).strip():
                lines.setdefault(cleaned[:2000])
    return list(lines)[:SOURCE_LINES]


def free_text(figures: Sequence[str] | None) -> str:
    """A regular expression for the text of a turn; with `figures`, braces hold a known slot or one of these figures.

    The planner does not restrict figures: forced off the one it meant, a model cites another in its place, while a
    sentence with an unknown figure is dropped by the renderer.
    """
    if figures is None:
        return rf"/[^<\s][^<]{{0,{LONGEST_TEXT}}}/"
    names = "|".join(re.escape(name) for name in figures)
    cited = [rf"fig:({names})(_low|_high)?"] if names else []
    slot = rf"\{{({'|'.join([*cited, *TEXT_SLOTS])})\}}"
    return rf"/([^<{{}}\s]|{slot})([^<{{}}]|{slot}){{0,{LONGEST_TEXT}}}/"


def turn_grammar(tools: Sequence[dict[str, Any]], sources: Sequence[str] = (), *, special: bool = False,
                 text: bool = True, calls: bool = True, figures: Sequence[str] | None = None) -> str:
    """Grammar of an assistant's turn. `tools`: OpenAI-style function schemas; `sources`: texts said values come from.

    `special`: `<tool_call>` and `</tool_call>` are special tokens of the model. `text` / `calls`: which of the two
    kinds of turn is allowed. `figures`: the figure names that text may cite (None: any). Raises ValueError when
    neither kind is possible.
    """
    builder = GrammarBuilder(sources)
    options = []
    if text:
        options.append(builder.terminal(free_text(figures)))
    if calls and tools:
        bodies = []
        for tool in tools:
            function = tool["function"]
            arguments = builder.value(function["parameters"], function["parameters"])
            head = literal(f'{{"name": {json.dumps(function["name"])}, "arguments": ')
            bodies.append(f'{head} {arguments} "}}"')
        opening, closing = (OPEN, CLOSE) if special else (literal(OPEN), literal(CLOSE))
        options.append(f'{opening} "\\n" {builder.rule(" | ".join(bodies))} "\\n" {closing}')
    if not options:
        raise ValueError("a turn needs text or calls")
    return f"start: {' | '.join(options)}\n" + "\n".join(builder.lines) + "\n"


def parse_turn(text: str) -> tuple[str, list[tuple[str, dict[str, Any]]]]:
    """(free text, [(tool name, arguments), ...]) of an assistant's turn; a list of words names each once.

    Raises ValueError on a broken call.
    """
    calls = []
    for body in re.findall(f"{OPEN}(.*?)(?:{CLOSE}|$)", text, re.DOTALL):
        call = json.loads(body)
        if not isinstance(call, dict) or not isinstance(call.get("name"), str):
            raise ValueError("a tool call must be an object with `name` and `arguments`")
        arguments = call.get("arguments", {})
        if not isinstance(arguments, dict):
            raise ValueError("the arguments of a tool call must be an object")
        words = {key: one for key, one in arguments.items() if isinstance(one, list) and all(isinstance(w, str) for w in one)}
        calls.append((call["name"], arguments | {key: list(dict.fromkeys(one)) for key, one in words.items()}))
    return re.sub(f"{OPEN}.*?(?:{CLOSE}|$)", "", text, flags=re.DOTALL).strip(), calls


def copy_grammar(schema: dict[str, Any], *, slots: Sequence[str] = (), banned: str = "",
                 limits: dict[str, int] | None = None) -> str:
    """Grammar of one piece of copy: the JSON object of `schema` (`tools.copy_format.output_schema`).

    Strings hold text and, in braces, only the `slots` named; no character of `banned`. `limits`: most characters per
    field, a slot counting as one. Line breaks are allowed in a field called `body` alone.
    """
    limits = limits or {}
    pairs = []
    builder = GrammarBuilder()
    for name, inner in schema["properties"].items():
        many = inner.get("type") == "array"
        piece = builder.rule(f'"\\"" {_copy_text(builder, name, limits.get(name, 200), slots, banned)} "\\""')
        if many:
            low, high = inner.get("minItems", 1), inner.get("maxItems", LIST_ITEMS)
            piece = builder.rule(f'"[" {piece} (", " {piece}){{{max(low - 1, 0)},{high - 1}}} "]"')
        pairs.append((f"{literal(json.dumps(name) + ': ')} {piece}", True))
    fields = builder._fields(pairs)
    return f'start: "{{" {fields} "}}"\n' + "\n".join(builder.lines) + "\n"


def _copy_text(builder: GrammarBuilder, name: str, limit: int, slots: Sequence[str], banned: str) -> str:
    outside = "".join("\\" + one if one in "[]^-&~{}|" else one for one in "{}<>" + banned)
    character = rf'[^"\\\x00-\x1f\x7f{outside}]'
    options = [character, r"\\\"", *(["\\\\n"] if name == "body" else []), *(rf"\{{{slot}\}}" for slot in slots)]
    start = [character.replace("[^", "[^ "), *(rf"\{{{slot}\}}" for slot in slots)]
    return builder.terminal(f"/({'|'.join(start)})({'|'.join(options)}){{0,{max(limit - 1, 0)}}}/")
