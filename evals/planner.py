"""Suite `planner`: does the language model make the right call, with the right words, or rightly none?

Requests come from templates and lexicon entries held out of training, English and Chinese. `brief`: a campaign request,
right when every stated field is exact and none is invented; `brief, fields`: stated fields that are exact; `one tool`: tool
and arguments exact; `edit`: only what changes changes; `vague` and `off topic`: no call is made; `must call`: a call is
made where one is right; `valid`: calls that parse and validate; `everyday`: the whole answer right, of 243 plain requests, and
`behind a plan`: of 200 messages that follow a finished plan (questions about it, changes, what-ifs, thanks), all written for this
test alone, by somebody who knew the labels' conventions but not the training lines. Intervals: Wilson,
95 %. Beside it stand a keyword rule, the simple thing one would write instead, and the model without its `--adapter` where
one is named.
"""

from __future__ import annotations

import itertools
import json
import random
import re
import tempfile
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from campaignwright.agent.backends import load_model
from campaignwright.evals.bench import share
from campaignwright.finetune.chats import Expert
from campaignwright.finetune.corpus import dev_chats
from campaignwright.finetune.evaluate import evaluate, report
from campaignwright.finetune.results import call, says, user
from campaignwright.tools.registry import TOOLS

BRIEFS = ("plan", "composed", "answered")
WRITTEN = {"everyday": "everyday", "behind": "behind a plan"}  # test sets of their own, and the names of their rows
KEYWORDS = {
    "write_copy": "write|copy|headline|subject line|文案|写", "check_stock": "stock|inventory|库存|备货",
    "optimize_price": "price|discount for|价格|定价", "read_out": "how did|result|效果", "search_campaigns": "past|similar|以前|类似",
    "allocate_budget": "split|allocate|分配", "profile_audience": "who are|profile|画像", "recommend_products": "recommend|推荐",
    "design_test": "test|实验|测试", "forecast": "forecast|what if|预测",
    "explain_plan": "worth|risk|why|who gets|how sure|值得|风险|为什么|发给谁|把握",
    "set_brief": "campaign|plan|budget|活动|方案|预算",
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


def chooser(model: str, adapter: str | None, seed: int) -> Callable[[list[dict[str, Any]]], str]:
    """The model as the copilot runs it, as a function from messages to the text of its answer."""
    chat = load_model(model, adapter=adapter, seed=seed).chat.bind_tools([tool.schema() for tool in TOOLS.values()])
    return lambda messages: as_text(chat.invoke(to_messages(messages)))


def written_chats(name: str) -> list[dict[str, Any]]:
    """The requests of data/NAME.jsonl ("everyday", "behind") as chats in the corpus's form; what has a context stands behind a composed
    first request."""
    expert, found = Expert(random.Random(0), dev=True), []
    for line in resources.files("campaignwright.evals").joinpath(f"data/{name}.jsonl").read_text("utf-8").splitlines():
        item = json.loads(line)
        before = expert.earlier(expert.composer.standing(item["lang"], item["context"])) if "context" in item else []
        arguments = item.get("args", item.get("brief"))
        answer = says(item["reply"]) if arguments is None else call(item.get("tool", "set_brief"), arguments)
        found.append({"kind": item["kind"], "lang": item["lang"], "source": item["id"], "group": name,
                      "messages": [*before, user(item["text"]), answer]})  # fmt: skip
    return found


def run(*, model: str = "embedded", adapter: str | None = None, limit: int | None = None, seed: int = 0,
        progress: Callable[[float, str], None] | None = None) -> dict[str, Any]:
    """Score `model`, the model without its adapter and the keyword rule on the same held-out requests."""
    rivals = {model: chooser(model, adapter, seed), "keyword rule": keyword_rule}
    if adapter:
        rivals["without adapter"] = chooser(model, None, seed)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "dev.jsonl"
        chats = [*dev_chats(0), *(chat for name in WRITTEN for chat in written_chats(name))]
        step = max(1, len(chats) // limit) if limit else 1
        file.write_text("".join(json.dumps(chat, ensure_ascii=False) + "\n" for chat in chats[::step]), encoding="utf-8")
        total, done = len(rivals) * len(chats[::step]), itertools.count(1)

        def counted(name: str) -> Callable[[list[dict[str, Any]]], str]:
            def answer(messages: list[dict[str, Any]]) -> str:
                if progress:
                    progress(next(done) / total, f"planner: {name}")
                return rivals[name](messages)

            return answer

        rows = {name: evaluate(counted(name), file) for name in rivals}
    summary = {f"{measure}: {name}": share for name, many in rows.items() for measure, share in goals(many).items()}
    note = (__doc__ or "").split("\n\n")[1]
    return {"rows": rows[model], "summary": dict(sorted(summary.items())), "unit": "share", "note": note,
            "more": [*tables(rows[model]), *failures(rows[model])]}  # fmt: skip


def goals(rows: list[dict[str, Any]]) -> dict[str, list[float]]:
    """[share, low, high, n] of every measure and language that the rows can tell."""
    found: dict[str, list[float]] = {}
    for lang in ("en", "zh"):
        here = [row for row in rows if row["lang"] == lang and row["group"] not in WRITTEN]
        called = [row for row in here if row["expected"]]
        brief = [row for row in called if row["group"] in BRIEFS and row["expected"][0] == "set_brief"]
        fields = [counts for row in brief for counts in row["fields"].values() if counts[1]]
        hits = {
            "brief": [row["whole"] for row in brief],
            "brief, fields": [counts[0] for counts in fields],
            "one tool": [row["whole"] for row in called if row["group"] == "single"],
            "edit": [row["whole"] for row in called if row["group"] == "followup" and row["expected"][0] == "set_brief"],
            "vague": [row["called"] for row in here if row["kind"] == "clarify"],
            "off topic": [row["called"] for row in here if row["kind"] == "off_topic"],
            "must call": [row["called"] for row in called],
            "valid": [row["valid"] for row in here if row["valid"] is not None],
            **{told: [row["whole"] for row in rows if (row["lang"], row["group"]) == (lang, name)] for name, told in WRITTEN.items()},
        }
        found |= {f"{measure}, {lang}": share(values) for measure, values in hits.items() if values}
    return found


def tables(rows: list[dict[str, Any]]) -> list[str]:
    """Markdown lines: rates by kind of request, then by field of a call."""
    found = report(rows)
    lines = ["## By kind and field", "", "| request | n | call or none | tool | whole | fields |", "|---|---:|---:|---:|---:|---:|"]
    for name, row in found["groups"].items():
        shown = " | ".join("" if row[key] is None else f"{row[key]:.2f}" for key in ("call or not", "tool", "whole", "fields"))
        lines.append(f"| {name} | {row['n']} | {shown} |")
    lines += ["", "| field | stated | found right | right of those given |", "|---|---:|---:|---:|"]
    for name, row in found["fields"].items():
        shown = " | ".join("" if row[key] is None else f"{row[key]:.2f}" for key in ("recall", "precision"))
        lines.append(f"| {name} | {row['n']} | {shown} |")
    return [*lines, ""]


def kind_of(row: dict[str, Any]) -> str:
    """What went wrong in a row, in a few words."""
    if row["expected"] is None:
        return "a call where none is right"
    if row["call"] is None:
        return f"no call for {row['expected'][0]}"
    if not row["tool"]:
        return f"{row['call'][0] or 'a broken call'} for {row['expected'][0]}"
    wrong = [(name, wanted, got) for name, (right, wanted, got) in sorted(row["fields"].items()) if not right]
    return "; ".join(f"{name} {'wrong' if wanted and got else 'left out' if wanted else 'invented'}" for name, wanted, got in wrong[:1])


def failures(rows: list[dict[str, Any]], examples: int = 2) -> list[str]:
    """Markdown lines: what went wrong, how often, with examples."""
    kinds: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if not row["whole"]:
            kinds.setdefault(kind_of(row), []).append(row)
    lines = ["## Failures by kind", "", f"{sum(map(len, kinds.values()))} of {len(rows)} requests; the first fault of each counts.", ""]
    for kind, many in sorted(kinds.items(), key=lambda pair: -len(pair[1])):
        lines += [f"- **{kind}**: {len(many)}"]
        for row in many[:examples]:
            said = " ".join(row["request"].split())[:200]
            wanted, got = (json.dumps(call[1], ensure_ascii=False) if call else "no call" for call in (row["expected"], row["call"]))
            lines.append(f"  - \"{said}\": expected {wanted}, got {got}")
    return lines
