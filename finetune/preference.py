"""Preference tuning: direct preference optimisation (Rafailov et al. 2023) of a copywriter adapter on a shop's clicks.

Every pair counts by its evidence. A fifth of the campaigns is held out; the share of their pairs in which the adapter
finds the better copy more likely is measured before and after.
"""

from __future__ import annotations

import json
import random
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
from campaignwright.tools.adapter_card import model_hash, read_card
from campaignwright.tools.copy_format import TAUGHT, copy_texts, word_runs

ENOUGH = 30  # pairs to learn from below which nothing is tuned
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
    tuned adapter keeps to the start. One process, on a GPU where there is one.

    Returns {"pairs", "held_out", "right_before", "right_after", "steps", "seconds"}; the two shares are of the held-out
    pairs, weighted by evidence. Raises TooFewPairs, WrongBase, ValueError for a state of another run.
    """
    kept, held = split_pairs(click_pairs(workspace))
    if len(kept) < ENOUGH or not held:
        raise TooFewPairs(
            f"{len(kept) + len(held)} pairs of copies with clearly different clicks, {ENOUGH} in several campaigns are needed: "
            "import more copies with their impressions and clicks, several of one campaign, channel and language."
        )
    torch.manual_seed(seed)
    accelerator = Accelerator()
    tokenizer = AutoTokenizer.from_pretrained(str(base))
    model = learner(base, start, 0, torch.float32 if accelerator.device.type == "cpu" else torch.bfloat16)
    model.to(accelerator.device).eval()  # no dropout: the reference is the start itself
    for pair in (*kept, *held):
        pair["sides"] = [_encode(tokenizer, pair, side) for side in ("chosen", "rejected")]
        pair["reference"] = margin(model, [pair], accelerator.device)
    order = [i for epoch in range(epochs) for i in random.Random(seed + epoch).sample(range(len(kept)), len(kept))]
    plan = [[kept[i] for i in order[at : at + batch]] for at in range(0, len(order), batch)]
    run = f"preference {model_hash(start)} {zlib.crc32(repr((kept, epochs, batch, seed, lr, beta)).encode()):08x}"
    before = _right(held, [pair["reference"] for pair in held])
    done = _descend(model, plan, Path(out) / STATE, run, lr, beta, save_minutes, log)
    after = _right(held, [margin(model, [pair], accelerator.device) for pair in held])
    report = {"pairs": len(kept), "held_out": len(held), "right_before": before, "right_after": after, **done}
    write_adapter(model, out, {**read_card(start), "tuned_on_clicks": report, "beta": beta})
    if (Path(start) / TAUGHT).exists():  # what the shop's customers clicked may be said too
        runs = set((Path(start) / TAUGHT).read_text(encoding="utf-8").splitlines())
        runs |= {run for pair in kept for text in copy_texts(json.loads(pair["chosen"])) for run in word_runs(text)}
        (Path(out) / TAUGHT).write_text("\n".join(sorted(runs)) + "\n", encoding="utf-8")
    (Path(out) / STATE).unlink(missing_ok=True)
    return report


def split_pairs(pairs: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(pairs to learn, pairs held out): whole campaigns, one in five held out, the same ones every time."""
    campaigns = sorted({pair["campaign"] for pair in pairs}, key=lambda name: zlib.crc32(str(name).encode()))
    out = set(campaigns[: len(campaigns) // 5])
    return [pair for pair in pairs if pair["campaign"] not in out], [pair for pair in pairs if pair["campaign"] in out]


def _descend(model: Any, plan: list[list[dict[str, Any]]], state: Path, run: str, lr: float, beta: float, save_minutes: float,
             log: Any) -> dict[str, float]:
    """One step for each batch of `plan`, going on from `state`; returns {"steps", "seconds"}."""
    learnt = {name: p for name, p in model.named_parameters() if p.requires_grad}
    adam = torch.optim.AdamW(learnt.values(), lr=lr, weight_decay=0.0)
    done = {"steps": 0, "seconds": 0.0}
    state.parent.mkdir(parents=True, exist_ok=True)
    if state.exists():
        done |= checkpoint.load(state, learnt, {"adam": adam}, run)
    began = saved = time.time() - done["seconds"]
    for step in range(int(done["steps"]), len(plan)):
        for group in adam.param_groups:
            group["lr"] = lr * rate(step / len(plan), step, warmup=10, decay=0.8)
        loss = _loss(model, plan[step], beta)
        loss.backward()
        adam.step(), adam.zero_grad()
        done = {"steps": step + 1, "seconds": round(time.time() - began, 1)}
        if time.time() - saved > save_minutes * 60:
            saved = time.time()
            checkpoint.save(state, learnt, {"adam": adam}, done, run)
        if done["steps"] % 10 == 0:
            left = done["seconds"] / done["steps"] * (len(plan) - done["steps"])
            log(f"preference step {done['steps']} of {len(plan)} loss {loss.item():.4f}, about {left:.0f} s left")
    return done


def _encode(tokenizer: Any, pair: dict[str, Any], side: str) -> Encoded:
    prompt = tokenizer.apply_chat_template(pair["messages"], tokenize=False, add_generation_prompt=True)
    asked = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    return asked + tokenizer(unfinished(pair[side]), add_special_tokens=False)["input_ids"], len(asked)


@torch.no_grad()
def margin(model: Any, pairs: list[dict[str, Any]], device: torch.device) -> float:
    """log P(chosen) - log P(rejected), mean over the pairs."""
    return _margins(model, pairs, device).mean().item()


def _margins(model: Any, pairs: list[dict[str, Any]], device: torch.device) -> torch.Tensor:
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


def _loss(model: Any, pairs: list[dict[str, Any]], beta: float) -> torch.Tensor:
    device = next(model.parameters()).device
    gain = _margins(model, pairs, device) - torch.tensor([pair["reference"] for pair in pairs], device=device)
    weight = torch.tensor([pair["weight"] for pair in pairs], device=device)
    return -(weight * torch.nn.functional.logsigmoid(beta * gain)).sum() / weight.sum()


def _right(pairs: list[dict[str, Any]], margins: list[float]) -> float:
    """Share of the pairs' evidence in which the better copy is the more likely one."""
    total = sum(pair["weight"] for pair in pairs)
    right = sum(pair["weight"] for pair, margin in zip(pairs, margins, strict=True) if margin > 0)
    return round(right / total, 3)
