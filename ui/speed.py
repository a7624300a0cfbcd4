"""How fast the language model decodes here: the shipped one, and one of the same shape with random weights beside it."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from campaignwright.agent.local_model import LocalModel

TURNS = (
    "Plan a 2-week campaign for running shoes, $20k, ROAS at least 4",
    "Make it three weeks and only e-mail and search, please",
    "Who are our best customers?",
    "给老客户做一个咖啡的活动，预算2万美元，下周一开始，两周",
    "At most 15% off, and a playful tone",
)


def measure() -> list[tuple[str, float, float]]:
    """(model, tokens a second, median seconds to the first token with the conversation before it cached)."""
    from campaignwright.agent.backends import load_model

    chat = load_model("embedded").chat
    random = _random_twin(chat.local)
    return [("shipped", *_speed(chat.local, chat.adapter)), ("same shape, random weights", *_speed(random, None))]


def _random_twin(local: LocalModel) -> LocalModel:
    from campaignwright.agent.local_model import LocalModel

    twin = type(local.model)(local.model.config).to(next(local.model.parameters()).dtype)
    return LocalModel(twin, local.tokenizer, name="random")


def _speed(local: LocalModel, adapter: str | None) -> tuple[float, float]:
    """One conversation, every turn answered by the model, each call under the planner's grammar."""
    from campaignwright.agent.grammar import turn_grammar
    from campaignwright.tools.registry import TOOLS

    schemas = [tool.schema() for tool in TOOLS.values()]
    chat: list[dict[str, str]] = []
    waits, tokens, seconds = [], 0, 0.0
    for number, said in enumerate(TURNS):
        chat.append({"role": "user", "content": said})
        grammar = turn_grammar(schemas, [one["content"] for one in chat if one["role"] == "user"], special=local.is_special("<tool_call>"))
        ids, before = local.encode(chat), local.statistics["new_tokens"]
        began, first, answer = time.perf_counter(), 0.0, ""
        for _, piece in local.decode(ids, adapter=adapter, grammar=grammar, max_new_tokens=120):
            first = first or time.perf_counter() - began
            answer += piece
        if number:  # the first turn warms up
            waits.append(first or time.perf_counter() - began)
            seconds += time.perf_counter() - began
            tokens += local.statistics["new_tokens"] - before
        chat.append({"role": "assistant", "content": answer})
    return tokens / seconds, statistics.median(waits)
