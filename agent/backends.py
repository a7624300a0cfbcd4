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
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel

from campaignwright.agent.problems import ModelProblem
from campaignwright.tools.adapter_card import WrongBase, check_base, read_card
from campaignwright.tools.base import CopyWriter
from campaignwright.tools.copy_format import TAUGHT

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
    """Load the model that `spec` names; `adapter`: a PEFT adapter for it (folder or hub id), a planner unless its card
    says that it is a copywriter. The embedded model's own adapter of that kind gives way to it.

    Raises ModelProblem, in one line, with the remedy.
    """
    if not spec or not isinstance(spec, str):
        raise ModelProblem("model: expected embedded, a path, a hub id or openai:MODEL@BASE_URL; received nothing.")
    if spec.startswith("openai:"):
        return _openai(spec, adapter, seed)
    if spec == "embedded":
        return _embedded(adapter, seed)
    return _transformers(spec, adapter, seed)


@functools.lru_cache(maxsize=1)
def _embedded_local(folder: Path, adapters: tuple[tuple[str, Path], ...], stamp: float) -> LocalModel:
    """The shipped model, loaded once a process. `stamp`: its weights' modification time."""
    from campaignwright.agent.local_model import LocalModel

    return LocalModel.load(folder, adapters=dict(adapters), local_only=True)


def _embedded(adapter: str | None, seed: int) -> Backend:
    folder = embedded_path()
    if not (folder / "config.json").exists():
        raise ModelProblem("This installation holds no embedded model. Reinstall it, or name one with --model.")
    own = {name: folder / name for name in (PLANNER, COPYWRITER) if (folder / name / "adapter_config.json").exists()}
    adapters = {name: Path(path) for name, path in (own | _adapters(adapter, folder)).items()}
    stamp = max(path.stat().st_mtime for one in {folder, *adapters.values()} for path in one.rglob("*.safetensors"))
    local = _embedded_local(folder, tuple(adapters.items()), stamp)
    chat = _planner(local, PLANNER if PLANNER in adapters else None, seed, _profile(folder))
    return Backend("embedded", chat, _writer(local, adapters, chat))


def _adapters(adapter: str | None, base: str | Path) -> dict[str, str]:
    """{kind: adapter}, {} without one. Raises ModelProblem where its card names another base."""
    if not adapter:
        return {}
    card = read_card(adapter)
    if Path(adapter).is_dir() and card:
        try:
            check_base(adapter, base)
        except WrongBase as error:
            raise ModelProblem(f"--adapter {error}.") from error
    return {card.get("adapter", PLANNER): adapter}


def _writer(local: LocalModel, adapters: dict[str, Path] | dict[str, str], chat: BaseChatModel) -> CopyWriter:
    """The copywriter adapter where there is one, else the model itself, asked in words."""
    if COPYWRITER not in adapters:
        return _chat_writer(chat.model_copy(update={"adapter": None, "max_new_tokens": 1500}))
    from campaignwright.agent.copywriter import AdapterWriter

    taught = Path(adapters[COPYWRITER]) / TAUGHT
    runs = frozenset(taught.read_text(encoding="utf-8").splitlines()) if taught.exists() else frozenset()
    listed = Path(adapters[COPYWRITER]) / "topics.json"
    topics = json.loads(listed.read_text(encoding="utf-8")) if listed.exists() else {}
    return AdapterWriter(local, COPYWRITER, taught=runs, topics={name: frozenset(many) for name, many in topics.items()})


def _planner(local: LocalModel, adapter: str | None, seed: int, profile: dict[str, Any]) -> BaseChatModel:
    from campaignwright.agent.chat_model import CampaignChatModel

    fields = ("show_tools", "show_system", "call_confidence", "call_evidence", "text_confidence", "window", "latest", "drafts")
    known = {key: profile[key] for key in fields if key in profile}
    return CampaignChatModel(local=local, adapter=adapter, seed=seed, **known)


def _chat_writer(chat: BaseChatModel) -> CopyWriter:
    from campaignwright.agent.copywriter import ChatWriter

    return ChatWriter(chat)


def _profile(folder: Path) -> dict[str, Any]:
    """How a tuned model wants to be asked: `campaignwright.json` beside its weights, {} when there is none."""
    file = folder / "campaignwright.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def _transformers(spec: str, adapter: str | None, seed: int) -> Backend:
    path = Path(spec).expanduser()
    looks_local = path.exists() or spec.startswith((".", "/", "~"))
    if looks_local and not (path / "config.json").exists():
        raise ModelProblem(f"There is no model at {spec!r} (no config.json). Check the path, or use --model embedded.")
    import torch

    from campaignwright.agent.local_model import LocalModel

    offline = os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0", "false")
    adapters = _adapters(adapter, path if looks_local else spec)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    local = LocalModel.load(path if looks_local else spec, adapters=adapters, device=device, local_only=looks_local or offline)
    chat = _planner(local, PLANNER if PLANNER in adapters else None, seed, _profile(path) if looks_local else {})
    return Backend(spec, chat, _writer(local, adapters, chat))


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
