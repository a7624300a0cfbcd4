"""Fitted models on disk: `models/<NAME>-<data hash>-v<VERSION>-s<seed>/` with the model's own files and metadata.

A folder appears whole by one rename, so a crash leaves either the old model or the new one. Nothing is pickled: a model
writes safetensors, npz, LightGBM text, JSON or Parquet. What a model computes is not known here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar

from campaignwright.market.schema import TABLES
from campaignwright.market.workspace import Workspace


class Model(Protocol):
    """What the store keeps. `VERSION` (int, default 1) goes up when a change of code makes saved models stale."""

    NAME: ClassVar[str]
    TABLES: ClassVar[tuple[str, ...]]  # what it cannot do without
    READS: ClassVar[tuple[str, ...]]  # what a fit looks at, also through the models it builds on: a change makes it stale
    SPLIT: ClassVar[str]  # which rows the metrics are of, for the card
    metrics: dict[str, Any]
    rows: int

    @classmethod
    def fit(cls, workspace: Workspace, *, seed: int = 0) -> Self: ...

    def save(self, folder: Path) -> None: ...

    @classmethod
    def load(cls, folder: Path) -> Self: ...


M = TypeVar("M", bound=Model)


class MissingTable(Exception):
    """A model cannot be fitted because `table` holds nothing (or too little, then `why` says what)."""

    def __init__(self, model: str, table: str, why: str = "") -> None:
        super().__init__(why or f"{model} needs the table `{table}`, which is empty here.")
        self.model = model
        self.table = table


def check_tables(workspace: Workspace, cls: type[Model]) -> None:
    """Raise MissingTable for the first empty table that `cls` needs."""
    for table in cls.TABLES:
        if table not in TABLES:
            raise KeyError(f"{cls.NAME} asks for the unknown table {table!r}")
        if not workspace.count(table):
            raise MissingTable(cls.NAME, table)


def version(model: Model | type[Model]) -> str:
    """`name/VERSION` of a class, `name/VERSION@data hash` of a model that came from the store: for `Figure.source`."""
    text = f"{model.NAME}/{getattr(model, 'VERSION', 1)}"
    data = getattr(model, "data_hash", "")
    return f"{text}@{data}" if data and not isinstance(model, type) else text


def data_of(workspace: Workspace, cls: type[Model]) -> str:
    """The hash of the data that the model is fitted to."""
    return workspace.data_hash(cls.READS)


def folder_of(workspace: Workspace, cls: type[Model], *, seed: int = 0, data_hash: str | None = None) -> Path:
    """Where the model for the workspace's present data lies, or will lie."""
    data_hash = data_hash or data_of(workspace, cls)
    return workspace.path / "models" / f"{cls.NAME}-{data_hash}-v{getattr(cls, 'VERSION', 1)}-s{seed}"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def metadata(workspace: Workspace, cls: type[Model], *, seed: int = 0) -> dict[str, Any] | None:
    """The saved metadata of a current, undamaged model, else None."""
    folder = folder_of(workspace, cls, seed=seed)
    try:
        saved = json.loads((folder / "metadata.json").read_text())
        whole = all(_digest(folder / name) == digest for name, digest in saved["files"].items())
    except (OSError, ValueError, KeyError):
        return None
    return saved if whole else None


def save_model(
    workspace: Workspace, model: Model, *, seed: int = 0, seconds: float | None = None, data_hash: str | None = None
) -> Path:
    """Save atomically and drop older ones of the same name and seed. `data_hash`: that of the data the fit saw."""
    cls = type(model)
    data_hash = data_hash or data_of(workspace, cls)
    final = folder_of(workspace, cls, seed=seed, data_hash=data_hash)
    temporary = final.with_name(f".tmp-{cls.NAME}-{os.getpid()}")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    model.save(temporary)
    files = {str(path.relative_to(temporary)): _digest(path) for path in sorted(temporary.rglob("*")) if path.is_file()}
    saved = {
        "name": cls.NAME,
        "version": getattr(cls, "VERSION", 1),
        "data": data_hash,
        "tables": sorted(cls.READS),
        "split": cls.SPLIT,
        "seed": seed,
        "rows": int(model.rows),
        "metrics": model.metrics,
        "seconds": seconds,
        "saved_at": dt.datetime.now().isoformat(timespec="seconds"),
        "files": files,
    }
    (temporary / "metadata.json").write_text(json.dumps(saved, indent=1, default=float))
    for path in temporary.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
    if final.exists():  # a damaged one: a whole one would have been loaded
        shutil.rmtree(final)
    os.replace(temporary, final)
    for old in final.parent.glob(f"{cls.NAME}-*-s{seed}"):
        if old != final:
            shutil.rmtree(old, ignore_errors=True)
    for stray in final.parent.glob(".tmp-*"):
        shutil.rmtree(stray, ignore_errors=True)
    model.data_hash = data_hash
    return final


def get(workspace: Workspace, cls: type[M], *, seed: int = 0) -> M:
    """The model for the workspace's present data: loaded when saved, else fitted and saved. Raises MissingTable."""
    saved = metadata(workspace, cls, seed=seed)
    if saved is not None:
        model = cls.load(folder_of(workspace, cls, seed=seed, data_hash=saved["data"]))
        model.metrics, model.rows, model.data_hash = saved["metrics"], saved["rows"], saved["data"]
        return model
    check_tables(workspace, cls)
    data_hash = data_of(workspace, cls)
    started = time.perf_counter()
    model = cls.fit(workspace, seed=seed)
    seconds = round(time.perf_counter() - started, 2)
    save_model(workspace, model, seed=seed, seconds=seconds, data_hash=data_hash)
    return model
