"""Area `strategy` of the suite `models`: which method finds the best campaign plan in few runs? In the simulator, where it is known.

One world is a market, a brief, and 100 logged plans with noisy reports (`strategy_worlds`); a method proposes plan after plan,
each is repaired, run, and its profit told: exactly, or with the luck of the simulator's campaigns. Score: the true expected
profit of the plan that a method then believes best, on a scale of 0 (the managers' usual plan) to 1 (the best known). Paired:
all methods see the same worlds. Every world and method is a line of a JSON file, so a stopped run goes on.
"""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from campaignwright.evals import strategy_rivals as rivals
from campaignwright.evals.bench import Area, Row, Score, bootstrap, paired
from campaignwright.evals.strategy_worlds import World, world
from campaignwright.models.forecast import Forecaster
from campaignwright.models.strategy_bayes import APART, NAMED, Explorer
from campaignwright.models.strategy_fields import OBJECTIVE_INDEX
from campaignwright.models.strategy_moves import diverse, features
from campaignwright.models.strategy_search import Search
from campaignwright.models.strategy_space import Batch, concat
from campaignwright.models.strategy_threads import one_thread
from campaignwright.models.strategy_vae import StrategyGenerator

WORLDS, BUDGETS = 60, (50, 100, 200)
OURS = "explorer: forecast + GP, decoder's proposals"
PACKAGES = {"cma": rivals.CMAES, "optuna": rivals.TPE, "ctgan": rivals.TVAE}
PLAIN = (rivals.GPEI, rivals.Copula, rivals.Resampled, rivals.Random)
STEPS = 200  # of the generator's training: one shop's hundred plans
Progress = Callable[[float, str], None]


class Copilot(rivals.Method):
    """The explorer: the forecast learnt from the log, corrected by what was run. (The copilot refits its forecast instead.)"""

    name, kind = OURS, Explorer

    def __init__(self, world: World, seed: int, search: Search, pool: Batch) -> None:
        super().__init__(world, seed)
        mine = copy.copy(search)
        mine.rng = self.rng
        self.explorer = self.kind(mine, pool, world.log, world.seen)

    def ask(self) -> Batch:
        return self.explorer.ask()

    def tell(self, plan: Batch, profit: float) -> None:
        super().tell(plan, profit)
        self.explorer.tell(plan, profit)

    def estimate(self) -> np.ndarray:
        return self.explorer.estimate()


class _Undecoded(Explorer):
    """The explorer with moves and small variations alone."""

    def _decoded(self, elite: Batch) -> list[Batch]:
        return []


class Undecoded(Copilot):
    """What the decoder's proposals add is the difference to this."""

    name, kind = "explorer without the decoder", _Undecoded


def _play(one: World, method: rivals.Method, noise: bool, budgets: tuple[int, ...], seed: int) -> dict[str, Any]:
    """The measures of one method in one world."""
    luck = np.random.default_rng([one.seed, seed, 7])  # the same for every method
    truth, plans, kept = [], [], []
    found, more = {}, {}
    for n in range(1, budgets[-1] + 1):
        raw = method.ask()
        kept.append(bool(one.feasible(raw)[0]))
        plan = one.repair(raw)
        plans.append(plan)
        truth.append(one.value(plan))
        method.tell(plan, one.observed(truth[-1], luck) if noise else truth[-1])
        if n in budgets:
            believed = method.estimate()
            found[str(n)] = truth[int(believed.argmax())]
            if n == budgets[0]:
                more = _named(one, concat(plans), believed, np.array(truth)) | {"feasible": float(np.mean(kept))}
    return {"world": one.seed, "noise": noise, "method": method.name, "found": found, "most": max(truth), **more}


def _named(one: World, plans: Batch, believed: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Of five plans kept apart by one rule for all methods: mean distance between two, mean true profit; and the distance of
    the plan believed best to the nearest logged one."""
    order = np.argsort(-believed, kind="stable")
    five = diverse(plans, order, NAMED, APART)
    points = features(concat([plans, one.log]))
    near = points[: len(plans)]
    between = lambda rows: float(np.mean([np.linalg.norm(near[a] - near[b]) for a in rows for b in rows if a < b]))  # noqa: E731
    first = _different(near, order)
    return {"spread": between(first), "five": float(truth[five].mean()), "five_spread": between(five),
            "novelty": float(np.linalg.norm(points[len(plans) :] - near[order[0]], axis=1).min())}  # fmt: skip


def _different(points: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The five best that are not the same plan twice (as many as there are)."""
    kept: list[int] = []
    for i in order:
        if len(kept) < NAMED and (not kept or np.linalg.norm(points[kept] - points[i], axis=1).min() > 1e-6):
            kept.append(int(i))
    return np.array(kept if len(kept) > 1 else [kept[0], kept[0]])


@one_thread()
def _world(seed: int, done: set, write: Callable[[dict], None], budgets: tuple[int, ...], say: Callable[[str], None]) -> None:
    """All methods in one world; what `done` holds is left out."""
    classes = [*PLAIN, *(method for package, method in PACKAGES.items() if find_spec(package))]
    names = [OURS, Undecoded.name, rivals.LatentBO.name, *(method.name for method in classes)]
    missing = [(noise, name) for noise in (False, True) for name in names if (seed, noise, name) not in done]
    if not missing and (seed, None, None) in done:
        return
    with world(seed) as one:
        if (seed, None, None) not in done:
            _, best = one.best(np.random.default_rng([seed, 3]))
            write({"world": seed, "noise": None, "method": None, "default": one.value(one.usual()), "best": best})
        forecaster = Forecaster(one.workspace)
        goal = np.full(len(one.log), OBJECTIVE_INDEX[one.brief.objective])
        generator = StrategyGenerator.learn(one.log, goal, one.seen, steps=STEPS)
        search = Search(generator, forecaster, one.brief, [tuple(one.brief.products)], np.random.default_rng([seed, 23]),
                        smallest=0.0)  # no rival is bound to the copilot's least discount either  # fmt: skip
        pool, _ = search.run()
        made = {method.name: (lambda method=method: method(one, 0)) for method in classes}
        made |= {kind.name: (lambda kind=kind: kind(one, 0, search, pool)) for kind in (Copilot, Undecoded)}
        made[rivals.LatentBO.name] = lambda: rivals.LatentBO(one, 0, generator)
        for noise, name in missing:
            started = time.process_time()
            line = _play(one, made[name](), noise, budgets, 0)
            write(line | {"seconds": round(time.process_time() - started, 2)})
            say(f"{name}{', noisy' if noise else ''}")


def run(
    folder: Path | None = None,
    *,
    lines: Path,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    budgets: tuple[int, ...] = BUDGETS,
) -> Area:
    """`limit`: worlds, 60 without. `lines`: the JSON lines of a run that may go on; kept until all worlds are measured."""
    worlds = [1_000 * (seed + 1) + number for number in range(limit or WORLDS)]
    lines.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in lines.read_text("utf-8").splitlines()] if lines.exists() else []
    done = {(row["world"], row["noise"], row["method"]) for row in rows}
    started = time.monotonic()
    with lines.open("a", encoding="utf-8") as file:
        def write(row: dict) -> None:
            rows.append(row)
            file.write(json.dumps(row) + "\n")
            file.flush()

        for place, number in enumerate(worlds):
            def say(text: str, place: int = place) -> None:
                if progress:
                    took = time.monotonic() - started
                    left = took / (place + 1) * (len(worlds) - place - 1) / 60
                    progress(place / len(worlds), f"world {place + 1} of {len(worlds)}, {text}; about {left:.0f} min left")

            _world(number, done, write, budgets, say)
    area = report([row for row in rows if row["world"] in set(worlds)], budgets)
    lines.unlink()
    return area


def _scaled(rows: list[dict]) -> dict[tuple[bool, str], dict[str, np.ndarray]]:
    """(noise, method) -> measure -> float[worlds]; profits as gap closed: 0 the default plan, 1 the best that anyone found."""
    worlds = {row["world"]: row for row in rows if row["method"] is None}
    for row in rows:
        if row["method"] is not None:
            worlds[row["world"]] = worlds[row["world"]] | {"best": max(worlds[row["world"]]["best"], row["most"])}
    out: dict[tuple[bool, str], dict[str, list[float]]] = {}
    for row in sorted((row for row in rows if row["method"] is not None), key=lambda row: row["world"]):
        one = worlds[row["world"]]
        gap = lambda profit, one=one: (profit - one["default"]) / max(one["best"] - one["default"], 1e-9)  # noqa: E731
        measures = {f"gap {n}": gap(value) for n, value in row["found"].items()}
        measures |= {"five": gap(row["five"])} | {name: row[name] for name in ("feasible", "spread", "five_spread", "novelty", "seconds")}
        for name, value in measures.items():
            out.setdefault((row["noise"], row["method"]), {}).setdefault(name, []).append(value)
    return {key: {name: np.array(values) for name, values in measures.items()} for key, measures in out.items()}


def _row(table: dict, noise: bool, key: str, measure: str, better: str = "higher", **extra: Any) -> Row:
    of = {name: measures[key] for (noisy, name), measures in table.items() if noisy == noise}
    mine, _ = of.pop(OURS), of.pop(Undecoded.name, None)  # an ablation is no rival: the notes have it
    others = {name: Score(name, *bootstrap(values)) for name, values in of.items()}
    row = Row("strategy", f"simulated markets, {'noisy' if noise else 'exact'} profits", measure, better, Score(OURS, *bootstrap(mine)),
              list(others.values()), cases=len(mine), **extra)  # fmt: skip
    difference = paired(f"minus {row.best.name}", mine, of[row.best.name])
    return Row(**{name: getattr(row, name) for name in row.__dataclass_fields__} | {"difference": difference})


def report(lines: list[dict], budgets: tuple[int, ...] = BUDGETS) -> Area:
    """Rows and notes of the JSON lines."""
    table, first = _scaled(lines), budgets[0]
    rows, notes = [], []
    for noise in (False, True):
        chance = table[noise, rivals.Random.name]
        for n in budgets:
            floor = f"0 default plan, 1 best known; random {chance[f'gap {n}'].mean():.2f}"
            rows.append(_row(table, noise, f"gap {n}", f"gap closed after {n} runs", floor=floor))
        feasible = _row(table, noise, "feasible", f"feasible before repair, first {first} proposals", floor="1 is all",
                        note="No verdict: the explorer repairs its proposals before it ranks them.")  # fmt: skip
        rows.append(replace(feasible, difference=None))
        rows.append(_row(table, noise, "five", f"gap closed by five plans kept apart, {first} runs", floor="1 best known",
                         note="One rule picks the five from what each method ran."))  # fmt: skip
        rows.append(_row(table, noise, "spread", f"distance between the five best plans, {first} runs",
                         note="Bad plans are far apart: read it with the gap closed."))  # fmt: skip
        rows.append(_row(table, noise, "novelty", f"distance of the best plan to the nearest logged one, {first} runs", "lower",
                         floor="0 is a logged plan"))  # fmt: skip
        mine = table[noise, OURS][f"gap {first}"]
        parts = [f"{name} {paired('', mine, measures[f'gap {first}']).text()}"
                 for (noisy, name), measures in table.items() if noisy == noise and name != OURS]  # fmt: skip
        notes.append(f"explorer minus each rival, gap closed after {first} runs, {'noisy' if noise else 'exact'}: {'; '.join(parts)}.")
    seconds = "; ".join(f"{name} {measures['seconds'].mean():.1f}" for (noisy, name), measures in table.items() if not noisy)
    notes.append(f"seconds of one core for {budgets[-1]} runs: {seconds}.")
    notes += [f"{method.name} not measured: not installed: pip install {package}" for package, method in PACKAGES.items()
              if not find_spec(package)]  # fmt: skip
    return Area(rows, notes)
