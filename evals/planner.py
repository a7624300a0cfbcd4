"""Suite `planner`: does the language model make the right call, with the right words, or rightly none?

Requests come from templates and lexicon entries held out of training, English and Chinese. `whole` counts a request whose
call and every argument are exact; `fields` the stated values; `call or not` whether it called when it should, and only
then. Intervals: Wilson, 95 %. Beside it stands a keyword rule, the simple thing one would write instead.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from statsmodels.stats.proportion import proportion_confint

from campaignwright.agent.backends import load_model
from campaignwright.finetune.corpus import dev_chats
from campaignwright.finetune.evaluate import evaluate
from campaignwright.tools.registry import TOOLS

KEYWORDS = {
    "write_copy": "write|copy|headline|subject line|文案|写", "check_stock": "stock|inventory|库存|备货",
    "optimize_price": "price|discount for|价格|定价", "read_out": "how did|result|效果", "search_campaigns": "past|similar|以前|类似",
    "allocate_budget": "split|allocate|分配", "profile_audience": "who are|profile|画像", "recommend_products": "recommend|推荐",
    "design_test": "test|实验|测试", "forecast": "forecast|what if|预测", "set_brief": "campaign|plan|budget|活动|方案|预算",
}  # fmt: skip


def to_messages(chat: list[dict[str, Any]]) -> list[BaseMessage]:
    """The corpus's messages as LangChain's."""
    found: list[BaseMessage] = []
    for number, message in enumerate(chat):
        if message["role"] == "user":
            found.append(HumanMessage(message["content"]))
        elif message["role"] == "tool":
            found.append(ToolMessage(message["content"], tool_call_id=f"call-{number - 1}"))
        elif message["role"] == "assistant":
            calls = [
                {"name": call["function"]["name"], "args": call["function"]["arguments"], "id": f"call-{number}"}
                for call in message.get("tool_calls") or []
            ]
            found.append(AIMessage(message["content"] or "", tool_calls=calls))
    return found


def as_text(answer: AIMessage) -> str:
    """An answer as the scorer reads it."""
    if not answer.tool_calls:
        return str(answer.text)
    call = {"name": answer.tool_calls[0]["name"], "arguments": answer.tool_calls[0]["args"]}
    return f"<tool_call>\n{json.dumps(call, ensure_ascii=False)}\n</tool_call>"


def keyword_rule(messages: list[dict[str, Any]]) -> str:
    """The rival: the first tool whose keyword stands in the request, money and days by regular expression."""
    said = messages[-1]["content"]
    name = next((tool for tool, words in KEYWORDS.items() if re.search(words, said, re.IGNORECASE)), None)
    if name is None:
        return "?"
    arguments: dict[str, Any] = {}
    if name == "set_brief":
        patterns = {
            "budget": r"[$£€¥]\s?[\d.,]+k?|\d+\s?(?:k|万)", "days": r"\d+ (?:days|weeks)|\d+天|[一两三]周",
            "max_discount": r"\d+ ?%(?: off)?",
        }  # fmt: skip
        arguments = {field: found[0] for field, pattern in patterns.items() if (found := re.search(pattern, said))}
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments}, ensure_ascii=False)}\n</tool_call>"


def run(*, model: str = "embedded", adapter: str | None = None, limit: int | None = None, seed: int = 0) -> dict[str, Any]:
    """Score `model` and the keyword rule on the same held-out requests."""
    chat = load_model(model, adapter=adapter, seed=seed).chat.bind_tools([tool.schema() for tool in TOOLS.values()])
    rivals: dict[str, Callable] = {
        model: lambda messages: as_text(chat.invoke(to_messages(messages))), "keyword rule": keyword_rule,
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dev.jsonl"
        chats = dev_chats(0)
        step = max(1, len(chats) // limit) if limit else 1
        file.write_text("".join(json.dumps(chat, ensure_ascii=False) + "\n" for chat in chats[::step]), encoding="utf-8")
        reports = {name: evaluate(answer, file) for name, answer in rivals.items()}
    summary = {f"{name}: {row}": values for name, report in reports.items() for row, values in _rates(report).items()}
    note = (__doc__ or "").split("\n\n")[1]
    return {"rows": reports[model]["failures"], "summary": summary, "unit": "share", "note": note}


def _rates(report: dict[str, Any]) -> dict[str, list[float]]:
    """[share, low, high, n] of every group's measures."""
    rates = {}
    for group, row in report["groups"].items():
        for measure in ("call or not", "whole"):
            hits = round(row[measure] * row["n"])
            low, high = proportion_confint(hits, row["n"], method="wilson")
            rates[f"{group}, {measure}"] = [row[measure], float(low), float(high), row["n"]]
    return rates
