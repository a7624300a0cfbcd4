"""Pretrain the embedded model from scratch on the corpus: a small Qwen3, packed rows, one process or many.

Only answers are learnt (a request is context), and the output layer runs at those positions alone. The rate is constant,
then falls to zero over the last part of the budget, which is a number of tokens or of minutes, whichever ends first.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import load_file, save_file
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from campaignwright.finetune.optim import Muon
from campaignwright.finetune.priming import prime
from campaignwright.finetune.tokenizer import encode_chat, save_tokenizer, space_pairs, train_tokenizer

SHAPES = ((256, 12), (768, 4))  # (row length, rows a step): chats that fit the first go there
THIN = {"chain": 0.4, "followup": 0.6}  # share of these chats that is kept: they are long and easy
EMBEDDING = 0.1  # standard deviation of fresh embeddings
SMALL = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 64,
         "intermediate_size": 768}  # fmt: skip


def make_model(
    tokenizer: PreTrainedTokenizerFast, sizes: dict[str, int] | None = None, seed: int = 0
) -> Qwen3ForCausalLM:
    """A freshly drawn Qwen3; a token and its twin with a space in front start from nearly the same embedding."""
    torch.manual_seed(seed)
    vocabulary = math.ceil(len(tokenizer) / 64) * 64
    config = Qwen3Config(vocab_size=vocabulary, tie_word_embeddings=True, max_position_embeddings=4096, rope_theta=10_000.0,
                         eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
                         initializer_range=0.02, attention_dropout=0.0, **(sizes or SMALL))  # fmt: skip
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        table.mul_(EMBEDDING / config.initializer_range)  # large against the optimiser's steps, so that twins stay twins
        space = torch.randn(table.shape[1]) * EMBEDDING
        for spaced, bare in space_pairs(tokenizer):
            table[spaced] = table[bare] + space + 0.3 * table[spaced]
        for layer in model.model.layers:  # residual branches start at zero: deep enough, and stable under Muon
            layer.self_attn.o_proj.weight.mul_(0.1)
            layer.mlp.down_proj.weight.mul_(0.1)
    if config.num_hidden_layers > 1 and config.num_attention_heads == config.num_key_value_heads > 1:
        prime(model, torch.Generator().manual_seed(seed), scale=EMBEDDING)
    return model


def model_hash(folder: str | Path) -> str:
    """Short hash of a base's weights: adapters carry it and refuse another base."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).glob("*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def corpus_files(folder: str | Path) -> list[Path]:
    """The train*.jsonl files of a corpus folder, at any depth, in order. Raises FileNotFoundError when there is none."""
    files = sorted(Path(folder).glob("**/train*.jsonl"))
    if not files:
        raise FileNotFoundError(f"{folder}: no train*.jsonl; write a corpus first (campaignwright finetune corpus)")
    return files


class Packer:
    """Rows of whole chats from a corpus folder's train*.jsonl (any depth), endless; a new file is read when one is used up."""

    def __init__(self, folder: str | Path, tokenizer: PreTrainedTokenizerFast, seed: int = 0, rank: int = 0, ranks: int = 1,
                 kinds: set[str] | None = None, shapes: tuple[tuple[int, int], ...] = SHAPES) -> None:  # fmt: skip
        self.folder, self.tokenizer, self.shapes, self.kinds = Path(folder), tokenizer, shapes, kinds
        self.rng, self.rank, self.ranks, self.chats, self.rounds = random.Random(seed), rank, ranks, 0, 0

    def _lines(self) -> Iterator[str]:
        used: set[Path] = set()
        while True:
            files = sorted(self.folder.glob("**/train*.jsonl"))
            fresh = [path for path in files if path not in used]
            if not files:
                raise FileNotFoundError(
                    f"{self.folder}: no train*.jsonl; write a corpus first (campaignwright finetune corpus)"
                )
            if not fresh:
                self.rounds += 1
                used, fresh = set(), files
            path = fresh[0]
            used.add(path)
            lines = path.read_text(encoding="utf-8").splitlines()
            self.rng.shuffle(lines)
            yield from lines[self.rank :: self.ranks] or lines

    def batches(self) -> Iterator[dict[str, torch.Tensor]]:
        """Batches {ids, labels, positions, rows}: (rows, length) each; `rows` numbers the chats of a row from 1 (0: padding)."""
        waiting: dict[int, list[list[tuple[list[int], list[bool]]]]] = {length: [] for length, _ in self.shapes}
        for line in self._lines():
            chat = json.loads(line)
            if self.kinds and chat["kind"] not in self.kinds or self.rng.random() > THIN.get(chat["kind"], 1.0):
                continue
            ids, learnt = encode_chat(self.tokenizer, chat["messages"])
            length = next((length for length, _ in self.shapes if len(ids) <= length), None)
            if length is None:
                continue
            self.chats += 1
            rows = waiting[length]
            for row in rows:
                if sum(len(item[0]) for item in row) + len(ids) <= length:
                    row.append((ids, learnt))
                    break
            else:
                rows.append([(ids, learnt)])
            count = dict(self.shapes)[length]
            if len(rows) > count + 2:
                rows.sort(key=lambda row: -sum(len(item[0]) for item in row))
                yield self._batch(rows[:count], length)
                del rows[:count]

    def _batch(self, rows: list[list[tuple[list[int], list[bool]]]], length: int) -> dict[str, torch.Tensor]:
        shape = (len(rows), length)
        batch = {"ids": torch.full(shape, self.tokenizer.pad_token_id), "labels": torch.full(shape, -100),
                 "positions": torch.zeros(shape, dtype=torch.long), "rows": torch.zeros(shape, dtype=torch.long)}  # fmt: skip
        for r, row in enumerate(rows):
            at = 0
            for number, (ids, learnt) in enumerate(row, 1):
                end = at + len(ids)
                batch["ids"][r, at:end] = torch.tensor(ids)
                batch["positions"][r, at:end] = torch.arange(len(ids))
                batch["rows"][r, at:end] = number
                targets = torch.tensor([token if flag else -100 for token, flag in zip(ids, learnt, strict=True)])
                batch["labels"][r, at : end - 1] = targets[1:]
                at = end
        return batch


def block_mask(rows: torch.Tensor) -> torch.Tensor:
    """Additive attention mask (rows, 1, length, length): causal, within one chat; padding sees itself."""
    same = rows[:, :, None] == rows[:, None, :]
    causal = torch.ones(rows.shape[1], rows.shape[1], dtype=torch.bool, device=rows.device).tril()
    return torch.zeros(same.shape, device=rows.device).masked_fill(~(same & causal), -1e9)[:, None]


def answer_loss(body: Any, head: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Mean cross-entropy over the learnt positions."""
    hidden = body(
        input_ids=batch["ids"],
        position_ids=batch["positions"],
        attention_mask=block_mask(batch["rows"]),
        use_cache=False,
    )
    chosen = batch["labels"] != -100
    logits = head(hidden.last_hidden_state[chosen])
    return torch.nn.functional.cross_entropy(logits.float(), batch["labels"][chosen])


def rate(share: float, step: int, *, warmup: int = 40, decay: float = 0.5) -> float:
    """Factor of the learning rate when `share` of the budget is used: warm-up, constant, then straight to zero."""
    return min(1.0, (step + 1) / warmup) * min(1.0, max(0.0, (1 - share) / decay))


def corpus_texts(folder: str | Path, limit: int = 16_000) -> Iterator[str]:
    """Texts of the first `limit` chats, for the tokenizer."""
    with corpus_files(folder)[0].open(encoding="utf-8") as file:
        for number, line in enumerate(file):
            if number >= limit:
                return
            for message in json.loads(line)["messages"]:
                yield message["content"]
                for call in message.get("tool_calls", []):
                    yield json.dumps(call["function"]["arguments"], ensure_ascii=False)


def export(
    model: Any, tokenizer: PreTrainedTokenizerFast, folder: str | Path, dtype: torch.dtype = torch.float16
) -> None:
    """Write config, weights and tokenizer as transformers load them."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    config = model.config
    config.dtype = str(dtype).removeprefix("torch.")
    config.architectures = ["Qwen3ForCausalLM"]
    config.save_pretrained(folder)
    state = {
        name: tensor.detach().to("cpu", dtype).contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    save_file(state, str(Path(folder) / "model.safetensors"), metadata={"format": "pt"})
    save_tokenizer(tokenizer, folder)


def train_base(corpus: str | Path, out: str | Path, *, minutes: float | None = None, tokens: int = 10_000_000, seed: int = 0,
               sizes: dict[str, int] | None = None, vocabulary: int = 6144, muon_lr: float = 0.01, adam_lr: float = 1.5e-3,
               compiled: bool = False, save_minutes: float = 4.0, shapes: tuple[tuple[int, int], ...] = SHAPES,
               log: Any = print) -> dict[str, Any]:  # fmt: skip
    """Train into `out` (resumes from out/state.pt when it is there); returns {"tokens", "chats", "seconds", "loss"}.

    `minutes` and `tokens` bound the whole training, resumed parts included; the rate falls with what is nearer.
    """
    accelerator = Accelerator()
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    if (out / "tokenizer.json").exists():
        tokenizer = PreTrainedTokenizerFast.from_pretrained(str(out))
    else:
        tokenizer = train_tokenizer(corpus_texts(corpus), vocabulary)
        save_tokenizer(tokenizer, out)
    model = make_model(tokenizer, sizes, seed)
    matrices = [p for name, p in model.model.layers.named_parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if not any(p is m for m in matrices)]
    muon, adam = Muon(matrices, lr=muon_lr), torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.98), weight_decay=0.0)
    done = {"tokens": 0, "step": 0, "seconds": 0.0, "loss": 0.0}
    if (out / "state.pt").exists():
        model.load_state_dict(load_file(str(out / "weights.safetensors")), strict=False)
        state = torch.load(out / "state.pt", weights_only=True)
        done = state["done"]
        muon.load_state_dict(state["muon"]), adam.load_state_dict(state["adam"])
    model, muon, adam = accelerator.prepare(model, muon, adam)
    core = accelerator.unwrap_model(model)
    body = torch.compile(core.model, dynamic=False) if compiled else core.model
    packer = Packer(
        corpus, tokenizer, seed + done["step"], accelerator.process_index, accelerator.num_processes, shapes=shapes
    )
    began = saved = time.time()
    average = None
    for batch in packer.batches():
        spent = done["seconds"] + time.time() - began
        share = max(done["tokens"] / tokens, spent / (minutes * 60) if minutes else 0.0)
        factor = rate(share, done["step"])
        if share >= 1:
            break
        for optimizer, top in ((muon, muon_lr), (adam, adam_lr)):
            for group in optimizer.param_groups:
                group["lr"] = top * factor
        batch = {name: tensor.to(accelerator.device) for name, tensor in batch.items()}
        short = batch["ids"].shape[1] == shapes[0][0]  # the rare long rows are not worth a compilation
        loss = answer_loss(body if short else core.model, core.lm_head, batch)
        accelerator.backward(loss)
        torch.nn.utils.clip_grad_norm_(others, 1.0)
        muon.step(), adam.step()
        muon.zero_grad(), adam.zero_grad()
        done["step"] += 1
        done["tokens"] += int((batch["rows"] > 0).sum()) * accelerator.num_processes
        average = loss.item() if average is None else 0.97 * average + 0.03 * loss.item()
        if done["step"] % 25 == 0:
            log(f"step {done['step']} tokens {done['tokens']:,} loss {average:.4f} rate {factor:.3f} "
                f"{done['tokens'] / max(spent, 1):.0f} tok/s {spent / 60:.1f} min round {packer.rounds}")  # fmt: skip
        if time.time() - saved > save_minutes * 60 and accelerator.is_main_process:
            saved = time.time()
            _save(out, core, muon, adam, {**done, "seconds": done["seconds"] + saved - began, "loss": average})
    done |= {"seconds": done["seconds"] + time.time() - began, "loss": average or done["loss"]}
    if accelerator.is_main_process:
        _save(out, core, muon, adam, done)
        export(core, tokenizer, out / "export")
    return {**done, "chats": packer.chats}


def _save(out: Path, model: Any, muon: Any, adam: Any, done: dict[str, Any]) -> None:
    """Weights and optimiser state, each replaced in one step."""
    state = {
        name: tensor.detach().cpu().contiguous()
        for name, tensor in model.state_dict().items()
        if name != "lm_head.weight"
    }
    save_file(state, str(out / "weights.part"))
    (out / "weights.part").replace(out / "weights.safetensors")
    torch.save({"done": done, "muon": muon.state_dict(), "adam": adam.state_dict()}, out / "state.part")
    (out / "state.part").replace(out / "state.pt")
