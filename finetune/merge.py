"""A base and one of its adapters as a single plain model folder, which any server of open models can load.

A server (transformers, vLLM, llama.cpp's converter and others) then needs nothing of ours: the folder holds the weights,
the tokenizer, the chat template and the generation settings. One folder holds one adapter; the grammar under which
`agent.chat_model` decodes stays behind, so a served model's calls are its own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

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
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ValueError(f"{out}: is in use; give a new folder with --out")
    if adapter:
        check_base(adapter, base)
    tokenizer = AutoTokenizer.from_pretrained(str(base))
    model = AutoModelForCausalLM.from_pretrained(str(base), dtype="auto")
    if adapter:
        model = PeftModel.from_pretrained(model, str(adapter)).merge_and_unload(safe_merge=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as place:
        whole = Path(place) / "model"
        model.save_pretrained(whole)
        tokenizer.save_pretrained(whole)
        if (profile := Path(base) / CARD).exists():  # how this base wants to be asked, for `--model OUT` without a server
            shutil.copy(profile, whole / CARD)
        digest = model_hash(whole)
        os.replace(whole, out)
    kind = read_card(adapter).get("adapter") if adapter else None
    return {"out": str(out), "adapter": kind, "base_hash": model_name(base), "hash": digest,
            "parameters": model.num_parameters(), "dtype": str(model.dtype).removeprefix("torch.")}  # fmt: skip
