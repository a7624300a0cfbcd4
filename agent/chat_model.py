"""LangChain's view of a LocalModel: a chat model whose tool calls are decoded under a grammar.

Messages become the chat template's dictionaries; the marketer's messages, and names in tool answers, are the sources
from which said values may be copied. One turn holds text or one call.
"""

from __future__ import annotations

import itertools
import json
import math
import statistics
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import ConfigDict

from campaignwright.agent.grammar import CLOSE, OPEN, parse_turn, turn_grammar
from campaignwright.agent.local_model import Chances, LocalModel
from campaignwright.agent.problems import ModelProblem
from campaignwright.tools.explain_plan import explain_plan

DOUBTFUL = 0.9  # probability, 0-1, of a call's least likely token below which drafts are drawn
DRAFTING = 0.7  # their temperature
SHOWS = f'{{"name": "{explain_plan.name}"'  # how a call begins that only shows what stands
SENTENCE_ENDS = tuple(".?!。？！…:：)）\"”’'")
FORCED = ("any", "required")  # values of tool_choice that ask for a call
NAMES = ("product", "products", "campaign", "audience")  # keys of tool answers whose text may be copied into a call


class CampaignChatModel(BaseChatModel):
    """A LocalModel as LangChain chat model. `adapter`: the PEFT adapter that plans, None for the bare model.

    `call_confidence`: how sure it must be, 0.5 to below 1, that a call is the answer to a request; else it talks. For models
    whose call marker is one token. `call_evidence`: least log-odds of the call marker plus half those of the tool's name; a call
    below it is kept back, and the turn says that it is not clear what is meant (None: no call is). `text_confidence`: least
    geometric mean, 0-1, of the probabilities of a text's tokens; a text below it, or one that does not end, is kept back, and the
    turn says that it has no answer; 0 lets text stream as it comes. `window`: tokens of a prompt beyond which earlier turns are
    left out (a model trained on short chats is lost in long ones). `latest`: whether one earlier turn at most is shown, the last
    with a brief (see `latest`). `drafts`: where the likeliest call token by token was doubtful somewhere, so many more are drawn
    and the likeliest as a whole is made. `show_tools` / `show_system`: whether the prompt holds the tool schemas and the system
    message; a narrow tuned model knows them and its prompt stays short.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    local: LocalModel
    adapter: str | None = None
    max_new_tokens: int = 400
    temperature: float = 0.0
    seed: int = 0
    call_confidence: float = 0.5
    call_evidence: float | None = None
    text_confidence: float = 0.0
    window: int = 1_000_000
    latest: bool = False
    drafts: int = 0
    show_tools: bool = True
    show_system: bool = True

    @property
    def _llm_type(self) -> str:
        return "campaignwright-local"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"name": self.local.name, "adapter": self.adapter, "temperature": self.temperature, "seed": self.seed}

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Any:
        """Bind the tools' schemas; `tool_choice` "any" forces a call, "none" forbids one."""
        return self.bind(tools=[tool_schema(tool) for tool in tools], **kwargs)

    def _generate(self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None,
                  **kwargs: Any) -> ChatResult:
        whole: AIMessageChunk | None = None
        for chunk in self._stream(messages, stop, run_manager, **kwargs):
            whole = chunk.message if whole is None else whole + chunk.message
        message = AIMessage(content=whole.content if whole else "", tool_calls=whole.tool_calls if whole else [])
        return ChatResult(generations=[ChatGeneration(message=message)])

    def _stream(self, messages: list[BaseMessage], stop: list[str] | None = None, run_manager: Any = None,
                **kwargs: Any) -> Iterator[ChatGenerationChunk]:
        tools = kwargs.get("tools") or []
        ids = self._encode(messages, tools)
        settings = {"adapter": self.adapter, "grammar": self._grammar(messages, tools, kwargs), "seed": self.seed,
                    "max_new_tokens": self.max_new_tokens, "handicap": {}}  # fmt: skip
        if kwargs.get("tool_choice") not in FORCED:
            settings["handicap"] = self._handicap(messages)
        decoding = self.local.decode(ids, temperature=self.temperature, chances=(chances := []), **settings)
        written, shown = "", 0
        with closing(decoding):
            for _, piece in decoding:
                written += piece
                if not self.text_confidence and not OPEN.startswith(written[: len(OPEN)]):  # text, not a call
                    yield ChatGenerationChunk(message=AIMessageChunk(content=written[shown:]))
                    shown = len(written)
        weighed = written.startswith(OPEN) and not written.removeprefix(OPEN).lstrip().startswith(SHOWS)
        if weighed and self._doubted(chances[0], settings["handicap"]):
            written, weighed = "", False
        if weighed and self.drafts and min(chance for chance, _ in chances[0]) < DOUBTFUL:
            written = self._likeliest(written, chances[0], ids, settings)
        calls = _call_chunks(written) if written.startswith(OPEN) else []
        sure = [chance for chance, _ in chances[0][1:]] if chances else []
        endless = bool(self.text_confidence) and not written.rstrip().endswith(SENTENCE_ENDS)  # cut off amid a repetition
        unsure = endless or bool(sure) and statistics.geometric_mean(sure) < self.text_confidence
        rest = "" if calls or unsure else written[shown:]
        yield ChatGenerationChunk(message=AIMessageChunk(content=rest, tool_call_chunks=calls))

    def _doubted(self, chances: Chances, handicap: dict[str, float]) -> bool:
        """Whether a call in answer to the marketer has too little evidence."""
        if self.call_evidence is None or OPEN not in handicap or len(chances) < 2:
            return False
        marker, tool = (math.log(max(chance, 1e-9) / max(1 - chance, 1e-9)) for chance, _ in chances[:2])
        return marker + handicap[OPEN] + tool / 2 < self.call_evidence

    def _likeliest(self, call: str, chances: Chances, ids: list[int], settings: dict[str, Any]) -> str:
        """The call of highest probability among `call` and drafts drawn beside it."""
        drawn, several = [""] * self.drafts, []
        for index, piece in self.local.decode(ids, n=self.drafts, temperature=DRAFTING, chances=several, **settings):
            drawn[index] += piece
        found = [(_log_probability(chances), call)]
        found += [(_log_probability(own), text) for own, text in zip(several, drawn, strict=True) if text.endswith(CLOSE)]
        return max(found)[1]

    def _handicap(self, messages: list[BaseMessage]) -> dict[str, float]:
        """What the call marker loses when the marketer spoke last."""
        asked = bool(messages) and isinstance(messages[-1], HumanMessage) and self.local.is_special(OPEN)
        return {OPEN: math.log(self.call_confidence / (1 - self.call_confidence))} if asked else {}

    def _grammar(self, messages: list[BaseMessage], tools: list[dict[str, Any]], kwargs: dict[str, Any]) -> str:
        choice = kwargs.get("tool_choice")
        ids = known_ids(messages)
        return turn_grammar(
            [with_ids(tool, ids) for tool in tools], said_sources(messages), special=self.local.is_special(OPEN),
            text=choice not in FORCED, calls=choice != "none",
        )  # fmt: skip

    def _encode(self, messages: list[BaseMessage], tools: list[dict[str, Any]]) -> list[int]:
        """The prompt's tokens; earlier turns go first when it does not fit the model's context."""
        chat = [one for one in map(as_chat, messages) if self.show_system or one["role"] != "system"]
        chat = latest(chat) if self.latest else chat
        while True:
            ids = self.local.encode(chat, tools if self.show_tools else None)
            asked = [at for at, one in enumerate(chat) if one["role"] == "user"]
            if len(ids) <= min(self.local.context - self.max_new_tokens, self.window) or len(asked) < 2:
                return ids
            chat = [one for one in chat[: asked[1]] if one["role"] == "system"] + chat[asked[1] :]


def latest(chat: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The conversation with one earlier turn at most: the last that called a tool, else the last if it ended in a question."""
    asked = [at for at, one in enumerate(chat) if one["role"] == "user"]
    turns = [chat[start:end] for start, end in itertools.pairwise(asked)]
    called = [turn for turn in turns if any("tool_calls" in one for one in turn)]
    questions = [turn for turn in turns[-1:] if turn[-1]["content"].rstrip().endswith(("?", "？"))]
    kept = (called or questions or [[]])[-1]
    return chat[: asked[0]] + kept + chat[asked[-1] :] if asked else chat


def _log_probability(chances: Chances) -> float:
    return sum(math.log(max(chance, 1e-9)) for chance, _ in chances)


def tool_schema(tool: Any) -> dict[str, Any]:
    """The OpenAI-style schema of a tool; ours carry it unchanged in their metadata."""
    if isinstance(tool, BaseTool) and "schema" in (tool.metadata or {}):
        return tool.metadata["schema"]
    return convert_to_openai_tool(tool)


def as_chat(message: BaseMessage) -> dict[str, Any]:
    """One LangChain message as a chat template takes it."""
    text = str(message.text)
    if isinstance(message, SystemMessage):
        return {"role": "system", "content": text}
    if isinstance(message, ToolMessage):
        return {"role": "tool", "name": message.name, "content": text}
    if isinstance(message, AIMessage):
        functions = [{"name": call["name"], "arguments": call["args"]} for call in message.tool_calls]
        calls = [{"type": "function", "function": function} for function in functions]
        return {"role": "assistant", "content": text, **({"tool_calls": calls} if calls else {})}
    return {"role": "user", "content": text}


def said_sources(messages: Sequence[BaseMessage]) -> list[str]:
    """Texts that said values may be copied from: names in tool answers, then the marketer's own messages."""
    names: dict[str, None] = {}
    for answer in _answers(messages):
        for key in NAMES:
            values = answer.get(key)
            for value in values if isinstance(values, list) else [values]:
                if isinstance(value, str) and value:
                    names.setdefault(value)
    return [*names, *(as_chat(message)["content"] for message in messages if isinstance(message, HumanMessage))]


def known_ids(messages: Sequence[BaseMessage]) -> list[str]:
    """Ids of strategies that tool answers name."""
    found: dict[str, None] = {}
    for answer in _answers(messages):
        named = answer.get("ids") if isinstance(answer.get("ids"), list) else []
        for one in [answer.get("best"), *named, answer.get("strategy_id")]:
            if isinstance(one, str):
                found.setdefault(one)
    return list(found)


def with_ids(tool: dict[str, Any], ids: list[str]) -> dict[str, Any]:
    """The schema with `strategy_id` restricted to the ids that exist (or to the form of one when none is known)."""
    function = tool["function"]
    properties = function["parameters"].get("properties", {})
    if "strategy_id" not in properties:
        return tool
    known = {"enum": ids} if ids else {"type": "string", "pattern": "^s[1-9]$"}
    parameters = {**function["parameters"], "properties": {**properties, "strategy_id": known}}
    return {**tool, "function": {**function, "parameters": parameters}}


def _answers(messages: Sequence[BaseMessage]) -> Iterator[dict[str, Any]]:
    for message in messages:
        if isinstance(message, ToolMessage):
            try:
                answer = json.loads(str(message.text))
            except ValueError:
                continue
            if isinstance(answer, dict):
                yield answer


def _call_chunks(written: str) -> list[dict[str, Any]]:
    """LangChain's tool call chunks of a decoded turn. Raises ModelProblem when the token limit cut the call off."""
    try:
        _, calls = parse_turn(written)
    except ValueError as error:
        raise ModelProblem("The model's tool call was cut off; ask for less at once.") from error
    return [
        {"name": name, "args": json.dumps(arguments, ensure_ascii=False), "id": f"call_{uuid.uuid4().hex}", "index": at}
        for at, (name, arguments) in enumerate(calls)
    ]
