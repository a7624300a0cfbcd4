"""Shared fixtures: a queue-fed chat model, temporary workspaces, the demo shop, the public data.

Nothing here reaches the network or the user's own folders.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from pydantic import Field

from campaignwright.market.workspace import Workspace

TODAY = dt.date(2026, 11, 23)  # a Monday; the demo shop's data ends on it

Answer = str | tuple[str, dict[str, Any]] | AIMessage | Exception | Callable[[list[BaseMessage]], Any]


class FakeChatModel(BaseChatModel):
    """A chat model that answers from a queue and records what it was shown.

    `choices`: the tool choice of each request. A queued item is a text, a `(tool name, arguments)` pair, an AIMessage,
    an exception to raise, or a function of the messages that returns one of these. An empty queue is
    an AssertionError: the loop asked more often than scripted.
    """

    queue: list[Any] = Field(default_factory=list)
    seen: list[list[BaseMessage]] = Field(default_factory=list)
    tools: list[Any] = Field(default_factory=list)
    choices: list[Any] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "fake"

    def bind_tools(self, tools: list[Any], **kwargs: Any) -> Any:
        self.tools = list(tools)
        return self.bind(**kwargs)

    def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        self.seen.append(list(messages))
        assert self.queue, f"the model was asked {len(self.seen)} times, more than scripted"
        item: Answer = self.queue.pop(0)
        if callable(item) and not isinstance(item, AIMessage):
            item = item(messages)
        if isinstance(item, Exception):
            raise item
        if isinstance(item, str):
            return AIMessage(content=item)
        if isinstance(item, tuple):
            name, arguments = item
            call = {"name": name, "args": arguments, "id": f"call-{len(self.seen)}", "type": "tool_call"}
            return AIMessage(content="", tool_calls=[call])
        return item

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=self._answer(messages))])

    def _stream(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> Iterator[ChatGenerationChunk]:
        self.choices.append(kwargs.get("tool_choice"))
        message = self._answer(messages)
        chunks = [
            {"name": one["name"], "args": json.dumps(one["args"], ensure_ascii=False), "id": one["id"], "index": index}
            for index, one in enumerate(message.tool_calls)
        ]
        words = message.content.split(" ") if isinstance(message.content, str) and message.content else []
        for position, word in enumerate(words):
            yield ChatGenerationChunk(message=AIMessageChunk(content=word if position == 0 else " " + word))
        if chunks:
            yield ChatGenerationChunk(message=AIMessageChunk(content="", tool_call_chunks=chunks))


@pytest.fixture
def fake_model() -> FakeChatModel:
    """An empty queue-fed chat model: fill `.queue`."""
    return FakeChatModel()


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """User state goes to a temporary folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def today() -> dt.date:
    """The day the tests play on: a Monday."""
    return TODAY


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """An empty workspace of the test's own."""
    with Workspace.open(tmp_path / "shop", create=True) as opened:
        yield opened


@pytest.fixture(scope="session")
def demo_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo shop with its models, made once a session and never opened: copy it."""
    from campaignwright.market.demo import make_demo
    from campaignwright.models.train import train

    path = tmp_path_factory.mktemp("template") / "demo"
    with make_demo(path, end=TODAY, seed=0) as workspace:
        train(workspace)
    return path


@pytest.fixture(scope="session")
def demo(demo_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """The demo shop, open for the whole session and shared: read it, train on it, do not change its data."""
    path = tmp_path_factory.mktemp("shared") / "demo"
    shutil.copytree(demo_template, path)
    with Workspace.open(path) as opened:
        yield opened


@pytest.fixture
def demo_copy(demo_template: Path, tmp_path: Path) -> Path:
    """The path of a demo shop of the test's own, closed, free to change (or to open in another process)."""
    path = tmp_path / "demo"
    shutil.copytree(demo_template, path)
    return path


CHAT_TEMPLATE = """{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}{% for c in m.tool_calls or [] %}<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def tiny_tokenizer(special: bool = False) -> Any:
    """A byte-level BPE tokenizer of some 700 tokens; `special` makes the tool-call markers special tokens."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    markers = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"] + (["<tool_call>", "</tool_call>"] if special else [])
    texts = [*[path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_*.py")], CHAT_TEMPLATE]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=700, initial_alphabet=alphabet, special_tokens=markers)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.add_tokens(['{"ok": true, ', '"}}'])  # ordinary text that is one token
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", chat_template=CHAT_TEMPLATE
    )


def tiny_weights(tokenizer: Any, seed: int = 0) -> Any:
    """A Qwen3 of two layers with random weights."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer), hidden_size=48, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, head_dim=12, max_position_embeddings=4096, tie_word_embeddings=False,
        eos_token_id=tokenizer.eos_token_id, initializer_range=0.2,
    )  # fmt: skip
    return Qwen3ForCausalLM(config)


@pytest.fixture(scope="session")
def tiny_model() -> Any:
    """A LocalModel with random weights: whatever it says under a grammar must parse."""
    from campaignwright.agent.local_model import LocalModel

    tokenizer = tiny_tokenizer()
    return LocalModel(tiny_weights(tokenizer), tokenizer, name="tiny")


@pytest.fixture(scope="session")
def tiny_special_model() -> Any:
    """The same with tool-call markers that are special tokens."""
    from campaignwright.agent.local_model import LocalModel

    tokenizer = tiny_tokenizer(special=True)
    return LocalModel(tiny_weights(tokenizer), tokenizer, name="tiny")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data sets beside the repository; skips where it is absent."""
    path = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    if not path.is_dir():
        pytest.skip("the public data sets are not beside the repository (../shared/data)")
    return path


def _small_tables(seed: int = 0, campaigns: int = 64) -> dict[str, Any]:
    """Frames of a shop with a truth one can write down: e-mail and search, CTR 2 % and 6 %, CVR 5 % (1 - d)^-2.6, AOV 80."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    products = pd.DataFrame({"product_id": [f"p{i}" for i in range(6)], "name": [f"Mug {i}" for i in range(6)],
                             "category": "mugs", "price": 80.0, "cost": 32.0})  # fmt: skip
    ids = [f"c{i:04d}" for i in range(1500)]
    customers = pd.DataFrame({"customer_id": ids, "created_on": TODAY - dt.timedelta(400), "email_opt_in": rng.random(1500) < 0.6,
                              "sms_opt_in": False, "push_opt_in": False})  # fmt: skip
    days = rng.integers(0, 500, 2500)
    orders = pd.DataFrame({"order_id": [f"o{i}" for i in range(2500)], "customer_id": rng.choice(ids, 2500), "status": "paid",
                           "ordered_at": pd.Timestamp(TODAY) - pd.to_timedelta(days, "D"), "total": 80.0})  # fmt: skip
    lines = pd.DataFrame({"order_id": orders["order_id"], "line": 1, "product_id": rng.choice(products["product_id"], 2500),
                          "quantity": 1.0, "unit_price": 80.0})  # fmt: skip
    plans, results = [], []
    for i in range(campaigns):
        discount = float(rng.choice([0.0, 0.1, 0.2]))
        budget, share, start = float(rng.uniform(500, 5000)), float(rng.uniform(0.1, 0.4)), TODAY - dt.timedelta(int(700 - 10 * i))
        angle = str(rng.choice(["value", "quality"]))
        plans.append({"campaign_id": f"k{i:03d}", "name": f"Campaign {i}", "objective": str(rng.choice(["revenue", "profit"])),
                      "start": start, "days": 14, "audience": "all", "products": products["product_id"].tolist(), "category": "mugs",
                      "shares": json.dumps({"email": share, "search": 1 - share}), "budget": budget, "discount": discount,
                      "offer": "percent_off" if discount else "none", "send_hour": int(rng.integers(8, 20)),
                      "weekly_frequency": 2.0, "angle": angle, "source": "test"})  # fmt: skip
        for channel, part, rate in (("email", share, 0.02), ("search", 1 - share, 0.06)):
            spend = budget * part
            size = 3000 * spend / (spend + 300) if channel == "email" else 60_000 * spend / (spend + 6000)
            shown = size * np.exp(rng.normal(0, 0.15))
            clicks = rng.poisson(shown * rate * np.exp(0.25 * (angle == "quality") + rng.normal(0, 0.1)))
            bought = rng.poisson(clicks * 0.05 * (1 - discount) ** -2.6 * np.exp(rng.normal(0, 0.1)))
            results.append({"campaign_id": f"k{i:03d}", "channel": channel, "segment": "all", "day": start, "spend": spend,
                            "impressions": round(shown), "clicks": float(clicks), "conversions": float(bought),
                            "revenue": float(bought * 80 * (1 - discount))})  # fmt: skip
    return {"products": products, "customers": customers, "orders": orders, "order_lines": lines,
            "campaigns": pd.DataFrame(plans), "campaign_results": pd.DataFrame(results)}  # fmt: skip


@pytest.fixture(scope="session")
def small_shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    """A mug shop with 64 past campaigns by e-mail and search and a known truth; quick to train on. Do not change its data."""
    with Workspace.open(tmp_path_factory.mktemp("small") / "mugs", create=True) as opened:
        with opened.transaction():
            for table, frame in _small_tables().items():
                opened.insert(table, frame)
        yield opened
