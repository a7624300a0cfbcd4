"""Fits every model of a workspace in order, with progress: resumable, and safe to kill at any moment.

A model that is current is left alone; one whose tables are missing is skipped with the reason and what still works.
Each model is saved by one rename (`store`), so a killed run goes on where it stopped.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

from campaignwright.market.workspace import Workspace
from campaignwright.models import store

Progress = Callable[[float, str], None]

# module, class, seconds it usually takes (for the estimate), what still works without it
MODELS: tuple[tuple[str, str, float, str], ...] = (
    ("audience", "AudienceModel", 5.0, "Plans still work; audience sizes and owned reach are then unlimited."),
    ("pricing", "PriceModel", 5.0, "Plans still work with a published price elasticity of -2.62."),
    ("recommender", "Recommender", 20.0, "Everything but product recommendations still works."),
    ("demand", "DemandModel", 8.0, "Everything but the stock check still works."),
    ("uplift", "UpliftModel", 8.0, "Everything but who to mail, and the read-out against a control, still works."),
    ("budget_curves", "ChannelCurves", 2.0, ""),
    ("response", "ResponseModel", 8.0, ""),
    ("forecast_calibration", "ForecastCalibration", 10.0, ""),
    ("strategy_vae", "StrategyGenerator", 30.0, ""),
)


def classes() -> list[tuple[type, float, str]]:
    """(model class, usual seconds, what works without it), in the order of training."""
    return [
        (getattr(import_module(f"campaignwright.models.{module}"), name), seconds, still)
        for module, name, seconds, still in MODELS
    ]


def train(workspace: Workspace, *, seed: int = 0, progress: Progress | None = None) -> dict[str, dict[str, Any]]:
    """Fit and save what is not current. Returns name -> {metrics, rows, seconds} or {skipped: reason, table}.

    `progress(share 0-1, text)` is called before and after each model; the text carries the estimate of what is left.
    """
    say = progress or (lambda share, text: None)
    listed = classes()
    total = sum(seconds for _, seconds, _ in listed)
    done, pace, report = 0.0, 1.0, {}
    for cls, usual, still in listed:
        say(done / total, f"{cls.NAME}: about {round((total - done) * pace)} s left")
        started = time.perf_counter()
        report[cls.NAME] = _one(workspace, cls, seed, still)
        took = time.perf_counter() - started
        if "seconds" in report[cls.NAME] and not report[cls.NAME].get("current"):
            pace = 0.5 * pace + 0.5 * min(max(took / usual, 0.05), 20.0)
        done += usual
    say(1.0, "done")
    return report


def _one(workspace: Workspace, cls: type, seed: int, still: str) -> dict[str, Any]:
    """Train one model unless it is current."""
    saved = store.metadata(workspace, cls, seed=seed)
    if saved is not None:
        return {"metrics": saved["metrics"], "rows": saved["rows"], "seconds": saved["seconds"] or 0.0, "current": True}
    started = time.perf_counter()
    try:
        store.check_tables(workspace, cls)
        data_hash = store.data_of(workspace, cls)
        model = cls.fit(workspace, seed=seed)
    except store.MissingTable as error:
        return {"skipped": f"{error} {still}".strip(), "table": error.table}
    seconds = round(time.perf_counter() - started, 2)
    store.save_model(workspace, model, seed=seed, seconds=seconds, data_hash=data_hash)
    return {"metrics": model.metrics, "rows": int(model.rows), "seconds": seconds}
