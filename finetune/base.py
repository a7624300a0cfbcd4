"""Pretrain the embedded model on the corpus, from scratch or from earlier weights: a small Qwen3, packed rows, one process
or many.

Only answers are learnt (a request is context), and the output layer runs at those positions alone. The rate is
constant, then falls to zero over the last part of the budget: a number of tokens or of minutes, whichever ends first.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from safetensors.torch import save_file
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from campaignwright.finetune import checkpoint
from campaignwright.finetune.optim import Muon
from campaignwright.finetune.packing import SHAPES, Packer, block_mask, corpus_texts
from campaignwright.finetune.priming import prime
from campaignwright.finetune.tokenizer import save_tokenizer, space_pairs, train_tokenizer

STATE = "state.safetensors"
EMBEDDING = 0.1  # standard deviation of fresh embeddings
SMALL = {
    "hidden_size": 256,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 64,
    "intermediate_size": 768,
}


def make_model(
    tokenizer: PreTrainedTokenizerFast, sizes: dict[str, int] | None = None, seed: int = 0
) -> Qwen3ForCausalLM:
    """A freshly drawn Qwen3; a token and its twin with a space in front start from nearly the same embedding."""
    torch.manual_seed(seed)
    vocabulary = math.ceil(len(tokenizer) / 64) * 64
    config = Qwen3Config(
        vocab_size=vocabulary,
        tie_word_embeddings=True,
        max_position_embeddings=4096,
        rope_theta=10_000.0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        initializer_range=0.02,
        attention_dropout=0.0,
        **(sizes or SMALL),
    )
    model = Qwen3ForCausalLM(config)
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        table.mul_(
            EMBEDDING / config.initializer_range
        )  # large against the optimiser's steps, so that twins stay twins
        space = torch.randn(table.shape[1]) * EMBEDDING
        for spaced, bare in space_pairs(tokenizer):
            table[spaced] = table[bare] + space + 0.3 * table[spaced]
        for layer in model.model.layers:  # residual branches start at zero: deep enough, and stable under Muon
            layer.self_attn.o_proj.weight.mul_(0.1)
            layer.mlp.down_proj.weight.mul_(0.1)
    if config.num_hidden_layers > 1 and config.num_attention_heads == config.num_key_value_heads > 1:
        prime(model, torch.Generator().manual_seed(seed), scale=EMBEDDING)
    return model


def add_dropout(model: Any, share: float) -> None:
    """Dropout, in training alone, on what every attention and feed-forward block adds; no weight is added or renamed."""

    def drop(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
        if isinstance(output, tuple):
            return (torch.nn.functional.dropout(output[0], share, module.training), *output[1:])
        return torch.nn.functional.dropout(output, share, module.training)

    for layer in model.model.layers:
        for block in (layer.self_attn, layer.mlp):
            block.register_forward_hook(drop)


def answer_loss(body: Any, head: torch.nn.Module, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Weighted mean of the cross-entropy over the learnt positions."""
    hidden = body(
        input_ids=batch["ids"],
        position_ids=batch["positions"],
        attention_mask=block_mask(batch["rows"]),
        use_cache=False,
    )
    chosen = batch["labels"] != -100
    logits = head(hidden.last_hidden_state[chosen])
    losses = torch.nn.functional.cross_entropy(logits.float(), batch["labels"][chosen], reduction="none")
    weights = batch["weights"][chosen]
    return (losses * weights).sum() / weights.sum()


def rate(share: float, step: int, *, warmup: int = 40, decay: float = 0.5) -> float:
    """Factor of the learning rate when `share` of the budget is used: warm-up, constant, then straight to zero."""
    return min(1.0, (step + 1) / warmup) * min(1.0, max(0.0, (1 - share) / decay))


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


def _tokenizer(corpus: str | Path, out: Path, vocabulary: int, start: str | Path | None) -> PreTrainedTokenizerFast:
    """The tokenizer of the run in `out`: that of `start`, else trained on the corpus; saved there by the first run."""
    if (out / "tokenizer.json").exists():
        return PreTrainedTokenizerFast.from_pretrained(str(out))
    tokenizer = (
        PreTrainedTokenizerFast.from_pretrained(str(start))
        if start
        else train_tokenizer(corpus_texts(corpus), vocabulary)
    )
    save_tokenizer(tokenizer, out)
    return tokenizer


def _optimizers(model: Any, muon_lr: float, adam_lr: float) -> tuple[Muon, torch.optim.AdamW]:
    """Muon for the layers' matrices, AdamW for the rest."""
    matrices = [p for name, p in model.model.layers.named_parameters() if p.ndim == 2]
    others = [p for p in model.parameters() if not any(p is m for m in matrices)]
    return Muon(matrices, lr=muon_lr), torch.optim.AdamW(others, lr=adam_lr, betas=(0.9, 0.98), weight_decay=0.0)


def _accelerator(minutes: float | None) -> Accelerator:
    accelerator = Accelerator()
    if minutes and accelerator.num_processes > 1:
        raise ValueError("minutes: each process has its own clock; bound a training in several processes by tokens")
    return accelerator


def _line(done: dict[str, Any], share: float, factor: float, rounds: int) -> str:
    """A line of progress. `share`: of the whole training, 0-1; `rounds`: how often the whole corpus has been read."""
    spent = max(done["seconds"], 1)
    time_of = f"{spent / 60:.1f} of about {spent / 60 / max(share, 1e-6):.0f} min, {done['tokens'] / spent:.0f} tok/s"
    return f"step {done['step']} tokens {done['tokens']:,} loss {done['loss']:.4f} rate {factor:.3f} {time_of}, round {rounds}"


def train_base(
    corpus: str | Path,
    out: str | Path,
    *,
    minutes: float | None = None,
    tokens: int = 10_000_000,
    seed: int = 0,
    start: str | Path | None = None,
    sizes: dict[str, int] | None = None,
    vocabulary: int = 6144,
    muon_lr: float = 0.01,
    adam_lr: float = 1.5e-3,
    dropout: float = 0.1,
    compiled: bool = False,
    save_minutes: float = 4.0,
    shapes: tuple[tuple[int, int], ...] = SHAPES,
    log: Any = print,
) -> dict[str, Any]:
    """Train into `out` (resumes from out/state.safetensors when it is there); returns {"tokens", "chats", "seconds", "loss"}.

    `minutes` and `tokens` bound the whole training, resumed parts included; the rate falls with what is nearer.
    `start`: folder of an earlier model whose weights, shape and tokenizer are taken up instead of drawn anew; about 0.6 times
    the default rates suit it. `dropout`: share, 0 to below 1, of what each block adds that is dropped (the corpus repeats its
    templates).
    """
    accelerator = _accelerator(minutes)
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(corpus, out, vocabulary, start)
    model = Qwen3ForCausalLM.from_pretrained(str(start), dtype=torch.float32) if start else make_model(tokenizer, sizes, seed)
    add_dropout(model, dropout)
    muon, adam = _optimizers(model, muon_lr, adam_lr)
    done = {"tokens": 0, "step": 0, "seconds": 0.0, "loss": 0.0}
    optimizers, parameters = {"muon": muon, "adam": adam}, dict(model.named_parameters())
    if (out / STATE).exists():
        done |= checkpoint.load(out / STATE, parameters, optimizers, "base")
    model, muon, adam = accelerator.prepare(model, muon, adam)
    core = accelerator.unwrap_model(model)
    body = torch.compile(core.model, dynamic=False) if compiled else core.model
    packer = Packer(corpus, tokenizer, seed + done["step"], accelerator.process_index, accelerator.num_processes, shapes=shapes)
    before, began, average = done["seconds"], (saved := time.time()), None
    for batch in packer.batches():
        done["seconds"] = before + time.time() - began
        share = max(done["tokens"] / tokens, done["seconds"] / (minutes * 60) if minutes else 0.0)
        if share >= 1:
            break
        factor = rate(share, done["step"])
        _set_rates({muon: muon_lr * factor, adam: adam_lr * factor})
        batch = {name: tensor.to(accelerator.device) for name, tensor in batch.items()}
        short = batch["ids"].shape[1] == shapes[0][0]  # the rare long rows are not worth a compilation
        loss = answer_loss(body if short else core.model, core.lm_head, batch)
        _learn(accelerator, loss, muon, adam)
        done["step"] += 1
        done["tokens"] += int((batch["rows"] > 0).sum()) * accelerator.num_processes
        average = loss.item() if average is None else 0.97 * average + 0.03 * loss.item()
        done["loss"] = average
        if done["step"] % 25 == 0:
            log(_line(done, share, factor, packer.rounds))
        if time.time() - saved > save_minutes * 60 and accelerator.is_main_process:
            saved = time.time()
            checkpoint.save(out / STATE, parameters, optimizers, done, "base")
    if accelerator.is_main_process:
        checkpoint.save(out / STATE, parameters, optimizers, done, "base")
        export(core, tokenizer, out / "export")
    return {**done, "chats": packer.chats}


def _set_rates(rates: dict[torch.optim.Optimizer, float]) -> None:
    for optimizer, learning_rate in rates.items():
        for group in optimizer.param_groups:
            group["lr"] = learning_rate


def _learn(accelerator: Accelerator, loss: torch.Tensor, muon: torch.optim.Optimizer, adam: torch.optim.Optimizer) -> None:
    """One step of both optimisers; the gradient of what AdamW moves is clipped (Muon's steps have one size)."""
    accelerator.backward(loss)
    torch.nn.utils.clip_grad_norm_(adam.param_groups[0]["params"], 1.0)
    for optimizer in (muon, adam):
        optimizer.step()
        optimizer.zero_grad()
