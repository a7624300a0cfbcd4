"""What every tool shares: figures with provenance, results, the two kinds of error, the context, the registry.

A tool is a typed function `name(ctx, **arguments) -> ToolResult` under `@tool`. Its JSON schema comes from the signature
(`Annotated[type, Field(description=...)]`) and its docstring; a missing description fails at import. No model of
language is known here: `write_copy` gets its writer through the context.
"""

from __future__ import annotations

import datetime as dt
import inspect
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError, WithJsonSchema, create_model

from campaignwright.market.words import AUDIENCES, Brief, Strategy
from campaignwright.market.workspace import Workspace
from campaignwright.tools.brief_texts import say, unreadable


def _as_said(value: object) -> object:
    """A number a model passed instead of the words it was said in; `tools.normalise` reads both."""
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else value


# A value in the marketer's own words ("20k", "next Monday", "八五折"): copied by the model, read by `tools.normalise`.
# The grammar of constrained decoding admits only what stands in the marketer's messages for it ("x-said").
Said = Annotated[str, BeforeValidator(_as_said), WithJsonSchema({"type": "string", "x-said": True})]
# An audience: one of the six, or a segment of the workspace in the marketer's words.
AudienceSaid = Annotated[str, WithJsonSchema(
    {"anyOf": [{"type": "string", "enum": list(AUDIENCES)}, {"type": "string", "x-said": True}]})]


class Figure(BaseModel):
    """One number with its origin. `unit`: money | fraction | count | ratio | days | date | hour | units.

    `value`, `low`, `high` (80 % interval) are floats, except that a date is an ISO string. `source` says where it comes
    from: {"tool", "call", "model", "data", "rows"}.
    """

    model_config = ConfigDict(extra="forbid")

    id: str
    name: str
    value: float | str
    unit: str
    low: float | None = None
    high: float | None = None
    source: dict[str, Any]


class ToolResult(BaseModel):
    """What a tool gives back.

    `summary`: short facts for the language model (ids, flags, names; no bulk). `data`: everything a person may want to
    see, JSON-ready. `notes`: plain sentences, in the conversation's language, on what the data cannot support.
    """

    summary: dict[str, Any] = {}
    figures: list[Figure] = []
    data: dict[str, Any] = {}
    notes: list[str] = []

    def for_model(self) -> dict[str, Any]:
        """The tool message the language model reads: summary plus the names of the figures it may cite."""
        message = {"ok": True, **self.summary}
        if self.figures:
            message["figures"] = list(dict.fromkeys(figure.name for figure in self.figures))
        return message


class ToolError(Exception):
    """The call cannot be answered. `retry`: other arguments may work (the message says which); else stop.

    The language model reads the message; `chinese` is what a marketer who writes Chinese reads instead, where it exists.
    """

    def __init__(self, message: str, *, retry: bool = False, argument: str | None = None, chinese: str | None = None) -> None:
        super().__init__(message)
        self.retry = retry
        self.argument = argument
        self.chinese = chinese

    def shown(self, language: str) -> str:
        """The sentence for the marketer."""
        return self.chinese if language == "zh" and self.chinese else str(self)

    def for_model(self) -> dict[str, Any]:
        return {"ok": False, "error": str(self), "retry": self.retry, **({"argument": self.argument} if self.argument else {})}


class OpenQuestion(ToolError):
    """The marketer was asked something that has to be answered first; the message is the question."""


class MissingData(ToolError):
    """A table the tool needs is empty. `still`: code of the sentence on what works without it (`data/brief_texts.json`)."""

    def __init__(self, table: str, still: str) -> None:
        said = {language: say("missing_table", language, table=table, still=say(still, language)) for language in ("en", "zh")}
        super().__init__(said["en"], chinese=said["zh"])
        self.table = table


def refused(code: str, argument: str | None = None, **slots: object) -> ToolError:
    """The refusal `code` (`data/brief_texts.json`); other arguments may work."""
    return ToolError(say(code, "en", **slots), retry=True, argument=argument, chinese=say(code, "zh", **slots))


def invalid(error: ValidationError) -> ToolError:
    """A value that is not of its field's kind: field, expected, received."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return ToolError(f"{where}: {first['msg']}; received {first.get('input')!r}.", retry=True, argument=where,
                     chinese=unreadable(where.split(".")[0], first.get("input")))


class CopyWriter(Protocol):
    """Writes raw copy for one channel: a list of field dictionaries such as {"subject": .., "preheader": .., "body": ..}."""

    def __call__(self, spec: dict[str, Any], n: int, seed: int) -> list[dict[str, Any]]: ...


@dataclass
class Context:
    """What a call may see and change. One per session; `state` is JSON-serialisable and survives a restart."""

    workspace: Workspace
    today: dt.date
    seed: int = 0
    request: str = ""  # the marketer's latest message, word for word
    earlier: list[str] = field(default_factory=list)  # those before it in this session
    language: str = "en"
    writer: CopyWriter | None = None
    brief: Brief | None = None
    strategies: dict[str, Strategy] = field(default_factory=dict)  # id ("s1") -> strategy
    results: dict[str, dict] = field(default_factory=dict)  # tool name -> latest ToolResult as JSON, this brief
    calls: int = 0  # tool calls so far in the session: numbers figure ids
    cache: dict[str, Any] = field(default_factory=dict)  # loaded models and the like; never stored

    def state(self) -> dict[str, Any]:
        """JSON-ready planning state, for the session store."""
        return {
            "brief": self.brief.model_dump(mode="json") if self.brief else None,
            "strategies": {key: value.model_dump(mode="json") for key, value in self.strategies.items()},
            "results": self.results,
            "calls": self.calls,
            "language": self.language,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take over what `state()` gave."""
        self.brief = Brief.model_validate(state["brief"]) if state.get("brief") else None
        self.strategies = {key: Strategy.model_validate(value) for key, value in state.get("strategies", {}).items()}
        self.results = dict(state.get("results", {}))
        self.calls = int(state.get("calls", 0))
        self.language = state.get("language", "en")

    def figure(self, name: str, value: float | str, unit: str, *, low: float | None = None, high: float | None = None,
               model: str = "", rows: int = 0, tool: str = "") -> Figure:
        """A figure of the running call, numbered by it."""
        tool = tool or self.cache.get("running", "")
        source = {"tool": tool, "call": f"c{self.calls}", "model": model, "data": self.cache.get("data_hash", ""), "rows": int(rows)}
        return Figure(id=f"c{self.calls}.{name}", name=name, value=value, unit=unit, low=low, high=high, source=source)

    def strategy(self, strategy_id: str | None) -> tuple[str, Strategy]:
        """The named strategy, or the best one when none is named. Raises ToolError(retry)."""
        if not self.strategies:
            raise refused("no_strategy")
        key = strategy_id or next(iter(self.strategies))
        if key not in self.strategies:
            raise refused("unknown_strategy", "strategy_id", known=", ".join(self.strategies), said=key)
        return key, self.strategies[key]


@dataclass(frozen=True)
class Tool:
    """A registered tool: name, one-paragraph description, argument model, function."""

    name: str
    description: str
    arguments: type[BaseModel]
    function: Callable[..., ToolResult]

    def schema(self) -> dict[str, Any]:
        """OpenAI-style function schema."""
        parameters = self.arguments.model_json_schema()
        parameters.pop("title", None)
        return {"type": "function", "function": {"name": self.name, "description": self.description, "parameters": parameters}}


def tool(function: Callable[..., ToolResult]) -> Tool:
    """Make a Tool of a typed function whose first parameter is the Context. Raises TypeError on a missing description."""
    description = inspect.getdoc(function)
    if not description:
        raise TypeError(f"tool {function.__name__} has no docstring")
    fields: dict[str, Any] = {}
    signature = inspect.signature(function, eval_str=True)
    for parameter in list(signature.parameters.values())[1:]:
        default = ... if parameter.default is inspect.Parameter.empty else parameter.default
        fields[parameter.name] = (parameter.annotation, default)
    arguments = create_model(f"{function.__name__}_arguments", __config__=ConfigDict(extra="forbid"), **fields)
    for name, info in arguments.model_fields.items():
        if not info.description:
            raise TypeError(f"tool {function.__name__}: argument {name} has no description")
    return Tool(function.__name__, description.split("\n\n")[0].replace("\n", " "), arguments, function)


def call(registry: dict[str, Tool], ctx: Context, name: str, arguments: dict[str, Any]) -> tuple[ToolResult, float]:
    """Run one tool call: validate, run, remember the result in `ctx.results`. Returns (result, seconds).

    Raises ToolError with `retry=True` for an unknown tool or wrong arguments, naming parameter, expected and received.
    """
    if name not in registry:
        raise ToolError(f"There is no tool {name!r}. Tools: {', '.join(registry)}.", retry=True)
    chosen = registry[name]
    try:
        parsed = chosen.arguments.model_validate(arguments)
    except ValidationError as error:
        raise invalid(error) from error
    started = time.perf_counter()
    ctx.calls += 1
    ctx.cache["running"] = name
    ctx.cache.setdefault("data_hash", ctx.workspace.data_hash())
    result = chosen.function(ctx, **{key: getattr(parsed, key) for key in chosen.arguments.model_fields})
    ctx.results[name] = result.model_dump(mode="json")
    return result, time.perf_counter() - started
