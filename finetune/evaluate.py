"""Development metrics: right tool, whole call exact, each field exact, call or no call, by kind and language.

Requests come from templates and lexicon entries that training never saw (`finetune corpus` writes dev.jsonl). A
field is exact when the tools read the same value from it as from the label: "a single day" is "single day", "from 3 to
9 May" is "3 to 9 May", "double it" is "twice the budget". Words that the tools cannot read must be the same, case and spaces
aside.
"""

from __future__ import annotations

import collections
import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from pydantic import ValidationError
from transformers import AutoModelForCausalLM, AutoTokenizer

from campaignwright.finetune.tokenizer import encode_chat
from campaignwright.tools import normalise
from campaignwright.tools.base import ToolError
from campaignwright.tools.registry import TOOLS

TODAY = dt.date(2026, 1, 5)  # any day does: both readings are of the same one
READERS: dict[str, Callable[[Any], Any]] = {
    "budget": lambda said: normalise.money(said, currency="XTS"),  # a code nobody says: a dropped sign counts
    "max_discount": normalise.fraction,
    "discount": normalise.fraction,
    "min_roas": normalise.ratio,
    "min_margin": normalise.fraction,
    "n": normalise.count,
    "k": normalise.count,
    "days": normalise.duration,
    "start": lambda said: normalise.start_and_days(said, TODAY),
}
CHANGED: dict[str, Callable[[Any], Any]] = {  # read as a change of a value that stands
    "budget": lambda said: normalise.money(said, currency="XTS", current=20_000.0),
    "max_discount": lambda said: normalise.fraction(said, current=0.3),
    "min_roas": lambda said: normalise.ratio(said, current=3.0),
    "days": lambda said: normalise.duration(said, current=21),
    "start": lambda said: normalise.start_and_days(said, TODAY, current=TODAY + dt.timedelta(60)),
}
CALL = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)


def parsed(text: str) -> tuple[str, dict[str, Any]] | None:
    """(tool, arguments) of the first call in `text`; None when there is none; ("", {}) when it is broken."""
    if "<tool_call>" not in text:
        return None
    try:
        found = json.loads(CALL.search(text)[1])
        return found["name"], found["arguments"]
    except (TypeError, KeyError, json.JSONDecodeError):
        return "", {}


def folded(value: Any) -> Any:
    """A label or an answer for comparison: case and spaces do not count, the order of lists does not either."""
    if isinstance(value, dict):
        return {key: folded(item) for key, item in value.items()}
    if isinstance(value, list):
        return sorted(json.dumps(folded(item)) for item in value)
    return re.sub(r"\s+", " ", str(value)).strip().lower()


def cases(path: str | Path) -> list[dict[str, Any]]:
    """Development cases: the messages before the last first-turn answer, and the answer expected."""
    found = []
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        chat = json.loads(line)
        turns = chat["messages"]
        last = max(i for i, message in enumerate(turns) if message["role"] == "user")
        wanted = turns[last + 1]
        calls = wanted.get("tool_calls")
        expected = (calls[0]["function"]["name"], calls[0]["function"]["arguments"]) if calls else None
        found.append(
            {
                "group": chat.get("group", chat["kind"]),
                "kind": chat["kind"],
                "lang": chat["lang"],
                "source": chat["source"],
                "messages": turns[: last + 1],
                "expected": expected,
                "reply": wanted["content"],
            }
        )
    return found


def meaning(name: str, value: Any) -> Any:
    """What the tools read from an argument, as a value or as a change of one; its folded words where they can read neither."""
    if not isinstance(value, str):
        return folded(value)
    for readers in (READERS, CHANGED):
        try:
            return readers[name](value)
        except (KeyError, ToolError):
            continue
    return folded(value)


@torch.inference_mode()
def held_out_loss(model: str | Path, path: str | Path, adapter: str | Path | None = None) -> dict[str, float]:
    """Cross-entropy of the answers in a corpus file: nats a token by language ("en"), each chat with the same weight, and nats
    a whole answer by kind ("plan, an answer"): smooth measures for learning curves. The corpus's own chat format
    (`finetune.tokenizer`), so a base trained on it."""
    tokenizer = AutoTokenizer.from_pretrained(str(model))
    net = AutoModelForCausalLM.from_pretrained(str(model), dtype=torch.float32).eval()
    if adapter:
        net = PeftModel.from_pretrained(net, str(adapter))
    losses: dict[str, list[float]] = collections.defaultdict(list)
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        chat = json.loads(line)
        ids, learnt = encode_chat(tokenizer, chat["messages"])
        found = net(input_ids=torch.tensor([ids])).logits[0, :-1]
        chosen = torch.tensor(learnt[1:])
        loss = float(torch.nn.functional.cross_entropy(found[chosen], torch.tensor(ids[1:])[chosen]))
        losses[chat["lang"]].append(loss)
        losses[f"{chat.get('group', chat['kind'])}, an answer"].append(loss * int(chosen.sum()))
    return {name: sum(values) / len(values) for name, values in sorted(losses.items())}


def valid(call: tuple[str, dict[str, Any]]) -> bool:
    """Whether the tool exists and takes the arguments."""
    try:
        TOOLS[call[0]].arguments.model_validate(call[1])
        return True
    except (KeyError, ValidationError):
        return False


def score(case: dict[str, Any], text: str) -> dict[str, Any]:
    """Counts for one case and what went wrong. `valid`: None without a call, else whether it parses and validates."""
    got, wanted = parsed(text), case["expected"]
    row = {"called": (got is None) == (wanted is None), "tool": 0, "whole": 0, "fields": {}, "call": got,
           "valid": None if got is None else valid(got)}  # fmt: skip
    if wanted is None:
        row["tool"] = row["whole"] = int(got is None)
        return row
    if got and got[0] == wanted[0]:
        row["tool"] = 1
        for name in {*wanted[1], *got[1]}:
            right = name in wanted[1] and name in got[1] and meaning(name, got[1][name]) == meaning(name, wanted[1][name])
            row["fields"][name] = (int(right), int(name in wanted[1]), int(name in got[1]))
        row["whole"] = int(all(right for right, _, _ in row["fields"].values()))
    else:
        row["fields"] = {name: (0, 1, 0) for name in wanted[1]}
    return row


def evaluate(answer: Callable[[list[dict[str, Any]]], str], path: str | Path, *, every: int = 1) -> list[dict[str, Any]]:
    """Run `answer(messages) -> text` over every n-th case; returns the cases, each with its answer `got` and its `score`."""
    rows = []
    for case in cases(path)[::every]:
        got = answer(case["messages"])
        rows.append({**case, "request": case["messages"][-1]["content"], "got": got, **score(case, got)})
    return rows


def report(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Rates by group and by field of what `evaluate` returned."""
    groups: dict[str, collections.Counter] = collections.defaultdict(collections.Counter)
    fields: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0])
    for row in rows:
        right, wanted = (sum(counts[place] for counts in row["fields"].values()) for place in (0, 1))
        for key in (f"{row['group']}/{row['lang']}", f"all/{row['lang']}"):
            groups[key].update(n=1, called=int(row["called"]), tool=row["tool"], whole=row["whole"], right=right, wanted=wanted,
                               broken=int(row["valid"] is False))  # fmt: skip
        for name, counts in row["fields"].items():
            for place, count in enumerate(counts):
                fields[f"{row['lang']}/{name}"][place] += count
    table = {
        key: {
            "n": c["n"],
            "call or not": c["called"] / c["n"],
            "tool": c["tool"] / c["n"],
            "whole": c["whole"] / c["n"],
            "fields": c["right"] / c["wanted"] if c["wanted"] else None,
            "broken": c["broken"],
        }
        for key, c in sorted(groups.items())
    }
    return {
        "groups": table,
        "fields": {
            name: {"recall": r / w if w else None, "precision": r / g if g else None, "n": w}
            for name, (r, w, g) in sorted(fields.items())
        },
    }
