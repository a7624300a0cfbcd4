"""The card beside a LoRA adapter: what it is for and which base it fits. Shared by whoever trains and whoever loads."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

CARD = "campaignwright.json"
ADAPTERS = ("planner", "copywriter")


class WrongBase(ValueError):
    """The adapter was trained on another base."""


def model_hash(folder: str | Path) -> str:
    """Short hash of a base's weights: adapters carry it and refuse another base."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).glob("*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def model_name(base: str | Path) -> str:
    """How a card names a base: the hash of a folder's weights, a hub id by itself."""
    return model_hash(base) if Path(base).is_dir() else str(base)


def read_card(adapter: str | Path) -> dict[str, Any]:
    """The adapter's card; {} for an adapter that was not made here."""
    file = Path(adapter) / CARD
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def check_base(adapter: str | Path, base: str | Path) -> None:
    """Raise WrongBase unless the adapter in `adapter` was made for `base`: a folder's weights, or a hub id by name."""
    found = model_name(base)
    made_for = read_card(adapter).get("base_hash")
    if made_for != found:
        raise WrongBase(f"{adapter}: made for the base {made_for}, this one is {found}; train it again with finetune sft")
