"""One plain model folder out of several: a base with one of its adapters, or the mean of models trained from one start.

A server (transformers, vLLM, llama.cpp's converter and others) then needs nothing of ours: the folder holds the weights,
the tokenizer, the chat template and the generation settings. One folder holds one adapter; the grammar under which
`agent.chat_model` decodes stays behind, so a served model's calls are its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer

from campaignwright.tools.adapter_card import CARD, check_base, model_hash, model_name, read_card


def merge(base: str | Path, adapter: str | Path | None, out: str | Path) -> dict[str, Any]:
    """Write `base` (folder or hub id) with the LoRA weights of the folder `adapter` added to its own into the new folder `out`
    (None: the base alone, without the adapters that lie in its folder).

    The number format stays the base's. Whole or not at all. Returns {"out", "adapter", "base_hash", "hash" (of the merged
    weights), "parameters", "dtype"}. Raises ValueError for a folder that is no adapter of ours or an `out` that is in use,
    WrongBase for an adapter made for another base, OSError where the base cannot be read.

    Low-rank update: W + (alpha / r) B A, Hu et al. 2021, https://arxiv.org/abs/2106.09685, section 4.1.
    """
    adapter, out = Path(adapter) if adapter else None, Path(out)
    if adapter and (not read_card(adapter) or not (adapter / "adapter_config.json").exists()):
        raise ValueError(f"{adapter}: no adapter with a card ({CARD}) lies there; give a folder that finetune sft or preference wrote")
    _free(out)
    if adapter:
        check_base(adapter, base)
    tokenizer = AutoTokenizer.from_pretrained(str(base))
    model = AutoModelForCausalLM.from_pretrained(str(base), dtype="auto")
    if adapter:
        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(safe_merge=True)
    digest = _save(model, tokenizer, base, out)
    kind = read_card(adapter).get("adapter") if adapter else None
    return {"out": str(out), "adapter": kind, "base_hash": model_name(base), "hash": digest,
            "parameters": model.num_parameters(), "dtype": str(model.dtype).removeprefix("torch.")}  # fmt: skip


def average(models: Sequence[str | Path], out: str | Path) -> dict[str, Any]:
    """Write the mean of the weights of `models` (folders) into the new folder `out`, whole or not at all; tokenizer, profile
    and number format are the first one's.

    Returns {"out", "models" (their hashes), "hash", "parameters"}. Raises ValueError for fewer than two models, models of
    different shape or tokenizer, or an `out` that is in use; OSError where one cannot be read.

    Model soups, Wortsman et al. 2022, https://arxiv.org/abs/2203.05482: the mean of models tuned from one start.
    """
    out = Path(out)
    if len(models) < 2:
        raise ValueError(f"models: expected two or more folders, got {len(models)}")
    _free(out)
    tokenizers = [AutoTokenizer.from_pretrained(str(folder)) for folder in models]
    many = [AutoModelForCausalLM.from_pretrained(str(folder), dtype="auto") for folder in models]
    states = [model.state_dict() for model in many]
    for folder, tokenizer, state in zip(models[1:], tokenizers[1:], states[1:], strict=True):
        same = {name: value.shape for name, value in state.items()} == {name: value.shape for name, value in states[0].items()}
        if not same or tokenizer.get_vocab() != tokenizers[0].get_vocab():
            raise ValueError(f"{folder}: another shape or tokenizer than {models[0]}; only models trained from one start average")
    means = {name: torch.stack([state[name].float() for state in states]).mean(0) for name in states[0]}
    many[0].load_state_dict(means)
    digest = _save(many[0], tokenizers[0], models[0], out)
    return {"out": str(out), "models": [model_hash(folder) for folder in models], "hash": digest, "parameters": many[0].num_parameters()}


def _free(out: Path) -> None:
    """Raise ValueError where `out` is in use."""
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ValueError(f"{out}: is in use; give a new folder with --out")


def _save(model: Any, tokenizer: Any, base: str | Path, out: Path) -> str:
    """Write the model into `out`, whole or not at all, with the base's way of being asked; returns its hash."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as place:
        whole = Path(place) / "model"
        model.save_pretrained(whole)
        tokenizer.save_pretrained(whole)
        if (profile := Path(base) / CARD).exists():  # how this base wants to be asked, for `--model OUT` without a server
            shutil.copy(profile, whole / CARD)
        digest = model_hash(whole)
        os.replace(whole, out)
    return digest
