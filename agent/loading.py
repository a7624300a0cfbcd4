"""Helpers for loading and running a language model: number format, adapters, threads, and quiet libraries."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers

TINY = 50_000_000  # parameters below which one thread is fastest and each adapter gets weights of its own
SMALL = 300_000_000  # parameters up to which float32 is used on a CPU: speed is fine and results repeat across machines


def cpu_dtype(parameters: int) -> torch.dtype:
    """bfloat16 for a large model on a CPU that multiplies it natively, else float32."""
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if native and parameters > SMALL else torch.float32


def tiny(model: Any) -> bool:
    """Whether calling a layer costs more than its arithmetic: then one thread and merged adapters are faster."""
    return sum(weight.numel() for weight in model.parameters()) < TINY


@contextmanager
def threads(number: int) -> Iterator[None]:
    """Use `number` CPU threads in the block."""
    before = torch.get_num_threads()
    if before != number:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        if before != number:
            torch.set_num_threads(before)


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and deprecation notes of the libraries while a model loads."""
    bars = transformers.utils.logging.is_progress_bar_enabled()
    transformers.utils.logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            yield
    finally:
        if bars:
            transformers.utils.logging.enable_progress_bar()


def with_adapters(model: Any, adapters: dict[str, str | Path], local_only: bool) -> Any:
    """Wrap `model` with its PEFT adapters, the first one active. PEFT is imported only when there is one."""
    if not adapters:
        return model
    from peft import PeftModel

    (first, first_path), *others = adapters.items()
    wrapped = PeftModel.from_pretrained(model, str(first_path), adapter_name=first, local_files_only=local_only)
    for name, path in others:
        wrapped.load_adapter(str(path), adapter_name=name, local_files_only=local_only)
    return wrapped


def merged_adapters(model: Any, adapters: dict[str, str | Path], local_only: bool) -> dict[str, Any]:
    """Adapter -> a copy of `model` with the adapter merged into its weights."""
    return {
        name: with_adapters(copy.deepcopy(model), {name: path}, local_only).merge_and_unload().eval()
        for name, path in adapters.items()
    }
