"""Which language model: `embedded`, a local path, a hub id, or `openai:MODEL@BASE_URL`, by one setting.

Libraries are imported where a model is loaded: a wrong setting is answered at once.
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel

from campaignwright.agent.problems import ModelProblem
from campaignwright.tools.base import CopyWriter

if TYPE_CHECKING:
    from campaignwright.agent.local_model import LocalModel

PLANNER, COPYWRITER = "planner", "copywriter"


@dataclass(frozen=True)
class Backend:
    """A loaded model: what plans and what writes. `name` goes into reports."""

    name: str
    chat: BaseChatModel
    writer: CopyWriter | None


def embedded_path() -> Path:
    """The folder of the shipped model inside the package."""
    return Path(str(resources.files("campaignwright.agent").joinpath("embedded")))


def load_model(spec: str = "embedded", *, adapter: str | None = None, seed: int = 0) -> Backend:
    """Load the model that `spec` names; `adapter`: a PEFT adapter for it (folder or hub id).

    Raises ModelProblem, in one line, with the remedy.
    """
    if not spec or not isinstance(spec, str):
        raise ModelProblem("model: expected embedded, a path, a hub id or openai:MODEL@BASE_URL; received nothing.")
    if spec.startswith("openai:"):
        return _openai(spec, adapter, seed)
    if spec == "embedded":
        if adapter:
            raise ModelProblem("--adapter goes with a path or a hub id; the embedded model brings its own adapters.")
        return _embedded(seed)
    return _transformers(spec, adapter, seed)


@functools.lru_cache(maxsize=1)
def _embedded_local(folder: Path, stamp: float) -> LocalModel:
    """The shipped model, loaded once a process. `stamp`: its weights' modification time."""
    from campaignwright.agent.local_model import LocalModel

    base = folder / "base" if (folder / "base" / "config.json").exists() else folder
    found = [name for name in (PLANNER, COPYWRITER) if (folder / name / "adapter_config.json").exists()]
    return LocalModel.load(base, adapters={name: folder / name for name in found}, local_only=True)


def _embedded(seed: int) -> Backend:
    folder = embedded_path()
    configs = [path for path in (folder / "config.json", folder / "base" / "config.json") if path.exists()]
    if not configs:
        raise ModelProblem("This installation holds no embedded model. Reinstall it, or name one with --model.")
    from campaignwright.agent.copywriter import AdapterWriter

    local = _embedded_local(folder, max(path.stat().st_mtime for path in folder.rglob("*.safetensors")))
    profile = _profile(folder)
    chat = _planner(local, PLANNER if PLANNER in local.adapters else None, seed, profile)
    taught = folder / COPYWRITER / "words.txt"
    words = frozenset(taught.read_text(encoding="utf-8").split()) if taught.exists() else frozenset()
    writer = AdapterWriter(local, COPYWRITER, words=words) if COPYWRITER in local.adapters else _chat_writer(chat)
    return Backend("embedded", chat, writer)


def _planner(local: LocalModel, adapter: str | None, seed: int, profile: dict[str, bool]) -> BaseChatModel:
    from campaignwright.agent.chat_model import CampaignChatModel

    show = {key: profile.get(key, True) for key in ("show_tools", "show_system")}
    return CampaignChatModel(local=local, adapter=adapter, seed=seed, **show)


def _chat_writer(chat: BaseChatModel) -> CopyWriter:
    from campaignwright.agent.copywriter import ChatWriter

    return ChatWriter(chat)


def _profile(folder: Path) -> dict[str, bool]:
    """How a tuned model wants to be asked: `campaignwright.json` beside its weights, {} when there is none."""
    file = folder / "campaignwright.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _transformers(spec: str, adapter: str | None, seed: int) -> Backend:
    path = Path(spec).expanduser()
    looks_local = path.exists() or spec.startswith((".", "/", "~"))
    if looks_local and not (path / "config.json").exists():
        raise ModelProblem(f"There is no model at {spec!r} (no config.json). Check the path, or use --model embedded.")
    from campaignwright.agent.local_model import LocalModel

    offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0", "false")
    adapters = {PLANNER: adapter} if adapter else {}
    local = LocalModel.load(path if looks_local else spec, adapters=adapters, local_only=looks_local or offline)
    chat = _planner(local, PLANNER if adapter else None, seed, _profile(path) if looks_local else {})
    return Backend(spec, chat, _chat_writer(chat.model_copy(update={"adapter": None, "max_new_tokens": 1500})))


def _openai(spec: str, adapter: str | None, seed: int) -> Backend:
    model, _, url = spec.removeprefix("openai:").partition("@")
    parts = urlsplit(url)
    if not model or parts.scheme not in ("http", "https") or not parts.netloc:
        example = "openai:qwen3@http://localhost:8000/v1"
        raise ModelProblem(f"model: expected openai:MODEL@BASE_URL, such as {example}; received {spec!r}.")
    if adapter:
        raise ModelProblem("--adapter: a served model takes none; start the server with it and name it as MODEL.")
    from langchain_openai import ChatOpenAI

    chat = ChatOpenAI(
        model=model, base_url=url, api_key=os.environ.get("OPENAI_API_KEY") or "none", temperature=0, seed=seed,
        timeout=120, max_retries=2,
    )  # fmt: skip
    return Backend(spec, chat, _chat_writer(chat))
