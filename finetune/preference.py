"""Preference tuning: direct preference optimisation (Rafailov et al. 2023) of a copywriter adapter on a shop's clicks.

Every pair counts by its evidence. A fifth of the campaigns is held out; the share of their pairs in which the adapter
finds the better copy more likely is measured before and after.
"""

from __future__ import annotations

import random
import shutil
import time
import zlib
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from transformers import AutoTokenizer

from campaignwright.finetune import checkpoint
from campaignwright.finetune.base import STATE, rate
from campaignwright.finetune.clicks import click_pairs, unfinished
from campaignwright.finetune.sft import learner, write_adapter
from campaignwright.market.workspace import Workspace
from campaignwright.tools.adapter_card import read_card

ENOUGH = 30  # pairs below which nothing is tuned
Encoded = tuple[list[int], int]  # token ids of a chat, and where its answer starts


class TooFewPairs(ValueError):
    """The workspace's copies tell too little."""


def tune_on_clicks(
    workspace: Workspace,
    base: str | Path,
    start: str | Path,
    out: str | Path,
    *,
    epochs: int = 3,
    lr: float = 1e-4,
    beta: float = 0.1,
    batch: int = 8,
    seed: int = 0,
    save_minutes: float = 4.0,
    log: Any = print,
) -> dict[str, Any]:
    """Tune the copywriter adapter in `start` into `out`; resumes from out/state.safetensors. `beta`: how closely the
    tuned adapter keeps to the start.

    Returns {"pairs", "held_out", "right_before", "right_after", "steps", "seconds"}; the two shares are of the held-out
    pairs, weighted by evidence, None without any. Raises TooFewPairs, WrongBase.
    """
    pairs = click_pairs(workspace)
    if len(pairs) < ENOUGH:
        raise TooFewPairs(
            f"{len(pairs)} pairs of copies with clearly different clicks, {ENOUGH} needed: import more copies with their "
            "impressions and clicks, several of one campaign and channel."
        )
    torch.manual_seed(seed)
    accelerator = Accelerator()
    tokenizer = AutoTokenizer.from_pretrained(str(base))
    model = learner(base, start, 0, torch.float32 if accelerator.device.type == "cpu" else torch.bfloat16)
    learnt = {name: p for name, p in model.named_parameters() if p.requires_grad}
    adam = torch.optim.AdamW(learnt.values(), lr=lr, weight_decay=0.0)
    model, optimizer = accelerator.prepare(model, adam)
    encoded = [{**pair, "sides": [_encode(tokenizer, pair, side) for side in ("chosen", "rejected")]} for pair in pairs]
    model.eval()  # no dropout: the reference is the start itself
    with torch.no_grad():
        for pair in encoded:
            pair["reference"] = _margin(model, [pair], accelerator.device).item()
    kept = [pair for pair in encoded if zlib.crc32(str(pair["campaign"]).encode()) % 5]
    held = [pair for pair in encoded if not zlib.crc32(str(pair["campaign"]).encode()) % 5]
    before = _right(held, [pair["reference"] for pair in held])
    done = {"steps": 0, "seconds": 0.0}
    Path(out).mkdir(parents=True, exist_ok=True)
    if (state := Path(out) / STATE).exists():
        done |= checkpoint.load(state, learnt, {"adam": adam})
    order = [i for epoch in range(epochs) for i in random.Random(seed + epoch).sample(range(len(kept)), len(kept))]
    began = saved = time.time() - done["seconds"]
    steps = len(order) // batch
    for step in range(int(done["steps"]), steps):
        chosen = [kept[i] for i in order[step * batch : (step + 1) * batch]]
        for group in optimizer.param_groups:
            group["lr"] = lr * rate(step / steps, step, warmup=10, decay=0.8)
        loss = _loss(model, chosen, beta, accelerator.device)
        accelerator.backward(loss)
        optimizer.step(), optimizer.zero_grad()
        done = {"steps": step + 1, "seconds": round(time.time() - began, 1)}
        if done["steps"] % 10 == 0:
            left = done["seconds"] / done["steps"] * (steps - done["steps"])
            log(f"preference step {done['steps']} of {steps} loss {loss.item():.4f}, about {left:.0f} s left")
        if time.time() - saved > save_minutes * 60:
            saved = time.time()
            checkpoint.save(state, learnt, {"adam": adam}, done)
    with torch.no_grad():
        after = _right(held, [_margin(model, [pair], accelerator.device).item() for pair in held])
    report = {"pairs": len(kept), "held_out": len(held), "right_before": before, "right_after": after, **done}
    write_adapter(accelerator.unwrap_model(model), out, {**read_card(start), "tuned_on_clicks": report, "beta": beta})
    if (words := Path(start) / "words.txt").exists():
        shutil.copyfile(words, Path(out) / "words.txt")
    state.unlink(missing_ok=True)
    return report


def _encode(tokenizer: Any, pair: dict[str, Any], side: str) -> Encoded:
    prompt = tokenizer.apply_chat_template(pair["messages"], tokenize=False, add_generation_prompt=True)
    asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    return asked + tokenizer(unfinished(pair[side]), add_special_tokens=False)["input_ids"], len(asked)


def _margin(model: Any, pairs: list[dict[str, Any]], device: torch.device) -> torch.Tensor:
    """log P(chosen) - log P(rejected) of each pair, float[n]."""
    sides = [side for pair in pairs for side in pair["sides"]]
    width = max(len(ids) for ids, _ in sides)
    ids = torch.tensor([row + [0] * (width - len(row)) for row, _ in sides], device=device)
    place = torch.arange(width, device=device)[None]
    length = torch.tensor([len(row) for row, _ in sides], device=device)[:, None]
    answer = (place >= torch.tensor([start for _, start in sides], device=device)[:, None]) & (place < length)
    logits = model(input_ids=ids, attention_mask=(place < length).long()).logits[:, :-1].float()
    chance = logits.log_softmax(-1).gather(-1, ids[:, 1:, None])[..., 0]
    total = (chance * answer[:, 1:]).sum(-1)
    return total[0::2] - total[1::2]


def _loss(model: Any, pairs: list[dict[str, Any]], beta: float, device: torch.device) -> torch.Tensor:
    gain = _margin(model, pairs, device) - torch.tensor([pair["reference"] for pair in pairs], device=device)
    weight = torch.tensor([pair["weight"] for pair in pairs], device=device)
    return -(weight * torch.nn.functional.logsigmoid(beta * gain)).sum() / weight.sum()


def _right(pairs: list[dict[str, Any]], margins: list[float]) -> float | None:
    """Share of the pairs' evidence in which the better copy is the more likely one."""
    total = sum(pair["weight"] for pair in pairs)
    right = sum(pair["weight"] for pair, margin in zip(pairs, margins, strict=True) if margin > 0)
    return round(right / total, 3) if total else None
