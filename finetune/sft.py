"""LoRA adapters (PEFT, TRL) for any causal language model with a chat template, from the same corpus.

`planner` learns the chats with tools and talk, `copywriter` the copy. Only answers are learnt. An adapter carries its
base's hash and is refused on another base. Several GPUs: start through `accelerate launch`.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from datasets import IterableDataset
from peft import LoraConfig, PeftModel, get_peft_model
from torch.optim.lr_scheduler import LambdaLR
from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback, TrainerCallback
from trl import SFTConfig, SFTTrainer

from campaignwright.finetune import checkpoint
from campaignwright.finetune.base import STATE, rate
from campaignwright.finetune.copy_lines import topic_words
from campaignwright.finetune.packing import corpus_files
from campaignwright.finetune.tokenizer import last_request
from campaignwright.tools.adapter_card import ADAPTERS, CARD, check_base, model_name
from campaignwright.tools.copy_format import TAUGHT, copy_texts, word_runs

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


def alike(chats: Iterator[tuple[list[int], list[int]]], batch: int, rng: random.Random) -> Iterator[dict[str, list[int]]]:
    """The chats with those of like length behind each other, so that a batch of `batch` holds little padding."""
    pool: list[tuple[list[int], list[int]]] = []
    for chat in chats:
        pool.append(chat)
        if len(pool) < 32 * batch:
            continue
        pool.sort(key=lambda pair: len(pair[0]))
        groups = [pool[at : at + batch] for at in range(0, len(pool), batch)]
        rng.shuffle(groups)
        pool = []
        for ids, labels in (pair for group in groups for pair in group):
            yield {"input_ids": ids, "labels": labels}


def corpus_chats(corpus: str | Path, adapter: str, seed: int) -> Iterator[dict[str, Any]]:
    """The adapter's chats, endless, in a seeded order. Raises FileNotFoundError without any."""
    files = corpus_files(corpus)
    rng = random.Random(seed)
    if not any(wants(adapter, json.loads(line)) for path in files for line in path.read_text(encoding="utf-8").splitlines()):
        raise ValueError(f"{corpus}: holds no chats for the {adapter}; write a corpus with finetune corpus")
    while True:
        rng.shuffle(files)
        for path in files:
            lines = path.read_text(encoding="utf-8").splitlines()
            rng.shuffle(lines)
            yield from (chat for chat in map(json.loads, lines) if wants(adapter, chat))


def tool_schemas() -> list[dict[str, Any]]:
    """Schemas of the tools, for templates that show them."""
    from campaignwright.tools.registry import TOOLS

    return [tool.schema() for tool in TOOLS.values()]


class Budget(TrainerCallback):
    """What a training may use, what it has used, its report and its saves."""

    def __init__(self, adapter: str, minutes: float | None, tokens: int, state: Path, run: str, save_minutes: float, log: Any) -> None:
        self.adapter, self.minutes, self.tokens, self.file, self.run, self.log = adapter, minutes, tokens, state, run, log
        self.done = {"tokens": 0, "steps": 0, "seconds": 0.0, "loss": 0.0}
        self.pause, self.learnt, self.adam = save_minutes * 60, {}, None
        self.before, self.began, self.saved = self.done, time.time(), time.time()

    def share(self) -> float:
        """Share of the budget that is used, 0-1 and beyond."""
        return max(self.done["tokens"] / self.tokens, self.done["seconds"] / (self.minutes * 60) if self.minutes else 0.0)

    def resume(self, learnt: dict[str, torch.nn.Parameter], adam: torch.optim.Optimizer) -> None:
        """Take up a state that a stopped training left."""
        self.learnt, self.adam = learnt, adam
        if self.file.exists():
            self.done |= checkpoint.load(self.file, learnt, {"adam": adam}, self.run)
        self.before = dict(self.done)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Count, save now and then, stop when the budget is used."""
        before = self.before
        self.done |= {"steps": before["steps"] + state.global_step, "tokens": before["tokens"] + int(state.num_input_tokens_seen),
                      "seconds": round(before["seconds"] + time.time() - self.began, 1)}  # fmt: skip
        control.should_training_stop = self.share() >= 1
        if time.time() - self.saved > self.pause and state.is_world_process_zero:
            self.saved = time.time()
            checkpoint.save(self.file, self.learnt, {"adam": self.adam}, self.done, self.run)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **_: Any) -> None:
        """One line every few steps."""
        if "loss" not in logs:
            return
        self.done["loss"] = float(logs["loss"])
        if state.is_world_process_zero:
            left = self.done["seconds"] * (1 / max(self.share(), 1e-9) - 1) / 60
            self.log(f"{self.adapter} step {self.done['steps']} tokens {self.done['tokens']:,} loss {self.done['loss']:.4f} "
                     f"{self.done['seconds'] / 60:.1f} min, about {left:.0f} min left")  # fmt: skip


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
    batch: int = 16,
    limit: int = 1024,
    seed: int = 0,
    start: str | Path | None = None,
    save_minutes: float = 4.0,
    log: Any = print,
) -> dict[str, Any]:
    """Train one LoRA adapter into `out` with TRL; returns {"tokens", "steps", "seconds", "loss"}.

    Resumes from out/state.safetensors, which stands there until the training has ended. `base`: a local folder or hub
    id; `start`: an adapter folder to go on from (its rank counts); `batch`: chats a step and device. `minutes` and
    `tokens` bound the whole training. Raises ValueError for an unknown adapter, WrongBase for a start on another base.
    """
    if adapter not in ADAPTERS:
        raise ValueError(f"adapter: expected planner or copywriter; received {adapter!r}")
    gpu = torch.cuda.is_available()
    Path(out).mkdir(parents=True, exist_ok=True)
    settings = SFTConfig(
        output_dir=str(out), max_steps=10**9, per_device_train_batch_size=batch, max_length=None, seed=seed, bf16=gpu,
        activation_checkpointing=gpu, max_grad_norm=1.0, logging_steps=10, include_num_input_tokens_seen="non_padding",
        save_strategy="no", report_to="none", disable_tqdm=True, dataset_kwargs={"skip_prepare_dataset": True},
        dataloader_pin_memory=gpu, use_cpu=not torch.accelerator.is_available(),
    )  # fmt: skip
    if minutes and settings.world_size > 1:
        raise ValueError("minutes: each process has its own clock; bound a training in several processes by tokens")
    tokenizer = AutoTokenizer.from_pretrained(str(base))
    torch.manual_seed(seed)
    model = learner(base, start, rank, torch.bfloat16 if gpu else torch.float32).to(settings.device)
    budget = Budget(adapter, minutes, tokens, Path(out) / STATE, f"{adapter} on {model_name(base)}", save_minutes, log)
    learnt = {name: p for name, p in model.named_parameters() if p.requires_grad}
    adam = torch.optim.AdamW(learnt.values(), lr=lr, betas=(0.9, 0.95), weight_decay=0.0)
    budget.resume(learnt, adam)
    tools = tool_schemas() if adapter == "planner" and "tools" in (tokenizer.chat_template or "") else None

    def chats() -> Iterator[dict[str, list[int]]]:
        order = seed + budget.before["steps"]
        source = corpus_chats(corpus, adapter, order)
        return alike((examples(tokenizer, chat["messages"], tools, limit) for chat in source), batch, random.Random(order))

    if budget.share() < 1:
        falling = LambdaLR(adam, lambda step: rate(budget.share(), budget.before["steps"] + step, warmup=20, decay=0.8))
        trainer = SFTTrainer(model, settings, train_dataset=IterableDataset.from_generator(chats), processing_class=tokenizer,
                             optimizers=(adam, falling), callbacks=[budget])  # fmt: skip
        trainer.remove_callback(PrinterCallback)
        trainer.train()
    if settings.process_index == 0:
        write_adapter(model, out, {"adapter": adapter, "base_hash": model_name(base), "seed": seed, **budget.done})
        if adapter == "copywriter":
            write_vocabulary(out, corpus)
        budget.file.unlink(missing_ok=True)
    return budget.done


def write_vocabulary(out: str | Path, corpus: str | Path) -> None:
    """Beside a copywriter: the runs of three words it was taught, and the words that belong to one kind of product."""
    (Path(out) / TAUGHT).write_text("\n".join(sorted(taught_runs(corpus))) + "\n", encoding="utf-8")
    (Path(out) / "topics.json").write_text(json.dumps(topic_words(), indent=0) + "\n", encoding="utf-8")


def learner(base: str | Path, start: str | Path | None, rank: int, dtype: torch.dtype) -> PeftModel:
    """The base with a fresh adapter, or with the one in the folder `start`."""
    model = AutoModelForCausalLM.from_pretrained(str(base), dtype=dtype)
    if start is None:
        return get_peft_model(model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=TARGETS, task_type="CAUSAL_LM"))
    check_base(start, base)
    return PeftModel.from_pretrained(model, str(start), is_trainable=True)


def taught_runs(corpus: str | Path) -> set[str]:
    """Runs of three words in the copy of a corpus: a draft that puts words side by side that never stood so is not passed on."""
    found: set[str] = set()
    for path in corpus_files(corpus):
        for line in path.read_text(encoding="utf-8").splitlines():
            chat = json.loads(line)
            if chat["kind"] == "copy":
                found |= {run for text in copy_texts(json.loads(chat["messages"][-1]["content"])) for run in word_runs(text)}
    return found


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
