"""Suite `models`: every model beside what a good practitioner would use instead, on real data, one table.

An area is a module evals/models_<area>.py; its rows are written to <out>/<area>.json when it is done, so a run that was
stopped goes on where it was, and `--only` measures areas anew. Data sets stay with their publishers: the environment
variable CAMPAIGNWRIGHT_DATA names the folder that holds them; an area whose data is not there is listed as not measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from campaignwright.evals.bench import Area, Row, table
from campaignwright.evals.data_sets import data_folder
from campaignwright.market.importers import ImportProblem

AREAS = {
    "response": ["click_prediction_small", "online_shoppers_intention", "facebook_ads_kag"],
    "behaviour": ["online_retail"],
    "uplift": ["hillstrom"],
    "pricing": ["dominicks_oj", "bayesm_retail"],
    "budget": ["mmm_robyn_simulated", "mmm_meridian_simulated"],
    "strategy": [],
    "recommender": ["online_retail"],
    "demand": ["completejourney"],
    "off_policy": ["open_bandit"],
    "copy_score": ["upworthy_headline_pairs"],
    "learning": [],
}
OUT = "eval-models"
RESUMED = ("strategy", "learning")  # areas long enough to keep each world measured, in a file beside the others


def _measure(
    area: str, limit: int | None, seed: int, progress: Callable[[float, str], None] | None, out: Path
) -> dict[str, Any]:
    try:
        folder = data_folder() if AREAS[area] else Path()
    except ImportProblem as problem:
        return {"rows": [], "notes": [f"not measured. {problem}"]}
    missing = [name for name in AREAS[area] if not (folder / name).is_dir()]
    if missing:
        return {"rows": [], "notes": [f"not measured: {', '.join(missing)} not found under CAMPAIGNWRIGHT_DATA"]}
    kept = {"lines": out / f"{area}-{seed}.jsonl"} if area in RESUMED else {}
    measure = import_module(f"campaignwright.evals.models_{area}").run
    found: Area = measure(folder, limit=limit, seed=seed, progress=progress, **kept)
    return {"rows": [row.to_json() for row in found.rows], "notes": found.notes}


def run(
    *,
    only: list[str] | None = None,
    out: str | Path = OUT,
    limit: int | None = None,
    seed: int = 0,
    progress: Callable[[float, str], None] | None = None,
    **_: Any,
) -> dict[str, Any]:
    """Measure the areas that have no file in `out` (or those of `only`, anew); write models.md and models.json there.

    Returns {"rows", "summary", "unit", "note", "more"}. `limit`: cases, worlds or rows an area may use, for a quick look."""
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    unknown = set(only or []) - set(AREAS)
    if unknown:
        raise ImportProblem(f"--only: there is no area {', '.join(sorted(unknown))}. Areas: {', '.join(AREAS)}.")
    todo = [area for area in AREAS if (area in only if only else not (out / f"{area}.json").exists())]
    absent: dict[str, list[str]] = {}  # notes of this run, for areas without a row
    for place, area in enumerate(todo):
        def step(share: float, text: str, place: int = place, area: str = area) -> None:
            if progress:
                progress((place + share) / len(todo), f"{area}: {text}")

        step(0.0, "starts")
        found = _measure(area, limit, seed, step, out)
        absent[area] = found["notes"]
        if found["rows"]:
            _write(out / f"{area}.json", json.dumps(found, ensure_ascii=False, indent=1))
    parts = {area: json.loads((out / f"{area}.json").read_text("utf-8")) for area in AREAS if (out / f"{area}.json").exists()}
    rows = [Row.from_json(row) for part in parts.values() for row in part["rows"]]
    more = [*table(rows), ""]
    for area in AREAS:
        notes = parts[area]["notes"] if area in parts else absent.get(area, ["not measured"])
        more += [f"- {area}: {note}" for note in notes]
    report = {"rows": [row.to_json() for row in rows], "summary": {}, "unit": "measure", "note": __doc__.split("\n\n")[0], "more": more}
    _write(out / "models.json", json.dumps(report["rows"], ensure_ascii=False, indent=1))
    _write(out / "models.md", "\n".join(["# Models beside their rivals", "", *more]) + "\n")
    return report


def _write(path: Path, text: str) -> None:
    """Whole or not at all."""
    part = path.with_suffix(path.suffix + ".part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
