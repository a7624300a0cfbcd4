"""LoRA adapters (PEFT) for any causal language model with a chat template, from the same corpus.

`planner` learns the chats with tools and talk, `copywriter` the copy. Only answers are learnt. An adapter carries its
base's hash and is refused on another base. Several GPUs: start through `accelerate launch`.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from campaignwright.finetune import checkpoint
from campaignwright.finetune.base import STATE, rate
from campaignwright.finetune.copy_lines import topic_words
from campaignwright.finetune.packing import corpus_files
from campaignwright.finetune.tokenizer import last_request
from campaignwright.tools.adapter_card import ADAPTERS, CARD, check_base, model_name
from campaignwright.tools.copy_format import english_words

TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def wants(adapter: str, chat: dict[str, Any]) -> bool:
    """Whether a chat is part of the adapter's corpus."""
    return (chat["kind"] == "copy") == (adapter == "copywriter")


def examples(
    tokenizer: Any, messages: list[dict[str, Any]], tools: list[dict[str, Any]] | None, limit: int
) -> tuple[list[int], list[int]]:
    """Token ids and labels (-100: not learnt) of a chat under the tokenizer's own template, at most `limit`."""
    ids: list[int] = []
    labels: list[int] = []
    done = ""
    asked = last_request(messages)
    for number, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        prompt = tokenizer.apply_chat_template(
            messages[:number], tools=tools, tokenize=False, add_generation_prompt=True
        )
        whole = tokenizer.apply_chat_template(messages[: number + 1], tools=tools, tokenize=False)
        if not (prompt.startswith(done) and whole.startswith(prompt)):
            continue  # the template rewrites the past (hidden thoughts): learn what can be told apart
        for text, learnt in ((prompt[len(done) :], False), (whole[len(prompt) :].rstrip("\n"), number > asked)):
            found = tokenizer(text, add_special_tokens=False)["input_ids"]
            ids += found
            labels += found if learnt else [-100] * len(found)
        done = prompt + whole[len(prompt) :].rstrip("\n")
    return ids[:limit], labels[:limit]


def batches(chats: Iterator[tuple[list[int], list[int]]], tokens: int, pad: int) -> Iterator[dict[str, torch.Tensor]]:
    """Padded batches of about `tokens` tokens, chats of like length together."""
    pool: list[tuple[list[int], list[int]]] = []
    for chat in chats:
        pool.append(chat)
        if sum(len(ids) for ids, _ in pool) < 8 * tokens:
            continue
        pool.sort(key=lambda pair: len(pair[0]))
        groups: list[list[tuple[list[int], list[int]]]] = [[]]
        for pair in pool:
            if groups[-1] and (len(groups[-1]) + 1) * len(pair[0]) > tokens:
                groups.append([])
            groups[-1].append(pair)
        random.Random(len(pool)).shuffle(groups)
        pool = []
        for group in groups:
            width = max(len(ids) for ids, _ in group)
            yield {
                "input_ids": torch.tensor([ids + [pad] * (width - len(ids)) for ids, _ in group]),
                "labels": torch.tensor([labels + [-100] * (width - len(labels)) for _, labels in group]),
                "attention_mask": torch.tensor([[1] * len(ids) + [0] * (width - len(ids)) for ids, _ in group]),
            }


def corpus_chats(corpus: str | Path, adapter: str, seed: int, rank: int, ranks: int) -> Iterator[dict[str, Any]]:
    """The adapter's chats, endless, in a seeded order, one process's part. Raises FileNotFoundError without any."""
    files = corpus_files(corpus)
    rng = random.Random(seed)
    if not any(wants(adapter, json.loads(line)) for path in files for line in path.read_text(encoding="utf-8").splitlines()):
        raise ValueError(f"{corpus}: holds no chats for the {adapter}; write a corpus with finetune corpus")
    while True:
        rng.shuffle(files)
        for path in files:
            lines = path.read_text(encoding="utf-8").splitlines()
            rng.shuffle(lines)
            for line in lines[rank::ranks]:
                chat = json.loads(line)
                if wants(adapter, chat):
                    yield chat


def tool_schemas() -> list[dict[str, Any]]:
    """Schemas of the thirteen tools, for templates that show them."""
    from campaignwright.tools.registry import TOOLS

    return [tool.schema() for tool in TOOLS.values()]


def train_adapter(
    base: str | Path,
    adapter: str,
    corpus: str | Path,
    out: str | Path,
    *,
    minutes: float | None = None,
    tokens: int = 3_000_000,
    rank: int = 16,
    lr: float = 1e-3,
    batch_tokens: int = 3072,
    limit: int = 1024,
    seed: int = 0,
    start: str | Path | None = None,
    save_minutes: float = 4.0,
    log: Any = print,
) -> dict[str, Any]:
    """Train one LoRA adapter into `out`; returns {"tokens", "steps", "seconds", "loss"}.

    Resumes from out/state.safetensors, which stands there until the training has ended. `base`: a local folder or hub
    id; `start`: an adapter folder to go on from (its rank counts). `minutes` and `tokens` bound the whole training.
    Raises ValueError for an unknown adapter, WrongBase for a start on another base.
    """
    if adapter not in ADAPTERS:
        raise ValueError(f"adapter: expected planner or copywriter; received {adapter!r}")
    torch.manual_seed(seed)
    accelerator = Accelerator()
    tokenizer = AutoTokenizer.from_pretrained(str(base))
    model = learner(base, start, rank, torch.float32 if accelerator.device.type == "cpu" else torch.bfloat16)
    learnt = {name: p for name, p in model.named_parameters() if p.requires_grad}
    adam = torch.optim.AdamW(learnt.values(), lr=lr, betas=(0.9, 0.95), weight_decay=0.0)
    done = {"tokens": 0, "steps": 0, "seconds": 0.0, "loss": 0.0}
    Path(out).mkdir(parents=True, exist_ok=True)
    run = f"{adapter} on {model_name(base)}"
    if (state := Path(out) / STATE).exists():
        done |= checkpoint.load(state, learnt, {"adam": adam}, run)
    model, optimizer = accelerator.prepare(model, adam)
    source = corpus_chats(corpus, adapter, seed + done["steps"], accelerator.process_index, accelerator.num_processes)
    tools = tool_schemas() if adapter == "planner" and "tools" in (tokenizer.chat_template or "") else None
    encoded = (examples(tokenizer, chat["messages"], tools, limit) for chat in source)
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    began = saved = time.time() - done["seconds"]
    average = None
    model.train()
    for batch in batches(encoded, batch_tokens, pad):
        spent = time.time() - began
        share = max(done["tokens"] / tokens, spent / (minutes * 60) if minutes else 0.0)
        if share >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = lr * rate(share, done["steps"], warmup=20, decay=0.8)
        batch = {name: tensor.to(accelerator.device) for name, tensor in batch.items()}
        loss = _loss(model, batch)
        accelerator.backward(loss)
        accelerator.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(), optimizer.zero_grad()
        average = loss.item() if average is None else 0.97 * average + 0.03 * loss.item()
        done |= {"steps": done["steps"] + 1, "seconds": round(time.time() - began, 1), "loss": average}
        done["tokens"] += int(batch["attention_mask"].sum()) * accelerator.num_processes
        if done["steps"] % 25 == 0:
            log(f"{adapter} step {done['steps']} tokens {done['tokens']:,} loss {average:.4f} {spent / 60:.1f} min")
        if time.time() - saved > save_minutes * 60 and accelerator.is_main_process:
            saved = time.time()
            checkpoint.save(state, learnt, {"adam": adam}, done, run)
    if accelerator.is_main_process:
        write_adapter(accelerator.unwrap_model(model), out, {"adapter": adapter, "base_hash": model_name(base), "seed": seed, **done})
        if adapter == "copywriter":
            write_vocabulary(out, corpus)
        state.unlink(missing_ok=True)
    return done


def write_vocabulary(out: str | Path, corpus: str | Path) -> None:
    """Beside a copywriter: the words it was taught, and those that belong to one kind of product."""
    (Path(out) / "words.txt").write_text("\n".join(sorted(taught_words(corpus))) + "\n", encoding="utf-8")
    (Path(out) / "topics.json").write_text(json.dumps(topic_words(), indent=0) + "\n", encoding="utf-8")


def learner(base: str | Path, start: str | Path | None, rank: int, dtype: torch.dtype) -> PeftModel:
    """The base with a fresh adapter, or with the one in the folder `start`."""
    model = AutoModelForCausalLM.from_pretrained(str(base), dtype=dtype)
    if start is None:
        return get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=TARGETS, task_type="CAUSAL_LM"))
    check_base(start, base)
    return PeftModel.from_pretrained(model, str(start), is_trainable=True)


def taught_words(corpus: str | Path) -> set[str]:
    """English words of the copy in a corpus, without its slots: a draft with another one is not the writer's own."""
    found: set[str] = set()
    for path in corpus_files(corpus):
        for line in path.read_text(encoding="utf-8").splitlines():
            chat = json.loads(line)
            if chat["kind"] == "copy" and chat["lang"] == "en":
                found |= english_words(re.sub(r"\{\w+\}", " ", chat["messages"][-1]["content"]))
    return found


def _loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Cross-entropy at the learnt positions; the output layer is run there alone where the model lets us."""
    inner = model.module if hasattr(model, "module") else model
    body, head = inner.get_base_model().model, inner.get_base_model().get_output_embeddings()
    hidden = body(
        input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False
    ).last_hidden_state[:, :-1]
    targets = batch["labels"][:, 1:]
    chosen = targets != -100
    return torch.nn.functional.cross_entropy(head(hidden[chosen]).float(), targets[chosen])


def write_adapter(model: Any, out: str | Path, card: dict[str, Any]) -> None:
    """Adapter weights in half precision, PEFT's configuration without local paths, and the card."""
    out = Path(out)
    model.half().save_pretrained(str(out), safe_serialization=True)
    config_file = out / "adapter_config.json"
    config = json.loads(config_file.read_text(encoding="utf-8"))
    config["base_model_name_or_path"] = "campaignwright-base"
    config_file.write_text(json.dumps(config, indent=1), encoding="utf-8")
    (out / "README.md").unlink(missing_ok=True)
    (out / CARD).write_text(json.dumps(card, indent=1), encoding="utf-8")
