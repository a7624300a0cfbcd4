"""Area `learning` of the suite `models`: does the copilot earn more as results come in, and do its forecasts hold?

One world is a simulated shop with 40 past campaigns for one brief (`strategy_worlds`). For 12 quarters the copilot plans four
campaigns from the data so far, the simulator draws their results (demand shocks, luck, counting noise), they are imported, and
what they change is fitted again. The same quarters are planned by the past managers' rule, by a bandit over the past plans,
by the copilot's first plans without learning, by its first forecast corrected by a Gaussian process, and by a clairvoyant
(the best plan of a long search with the truth for the first quarter). Score: profit as reported, summed. All share the shocks.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from campaignwright.evals.bench import Area, Row, Score, bootstrap, paired
from campaignwright.evals.strategy_worlds import World, add_campaigns, reported, world
from campaignwright.market.ledger import Ledger, plan_hash
from campaignwright.market.sim_history import draw_shocks
from campaignwright.market.sim_results import run_campaigns
from campaignwright.market.words import Brief, Strategy
from campaignwright.models.forecast import Forecast, Forecaster
from campaignwright.models.strategy_bayes import Explorer
from campaignwright.models.strategy_search import Search, best_strategies
from campaignwright.models.strategy_space import batch_of, concat
from campaignwright.models.strategy_threads import one_thread
from campaignwright.models.strategy_vae import StrategyGenerator

WORLDS, QUARTERS, EACH, LOGGED = 6, 12, 4, 40
METRICS = ("clicks", "orders", "revenue", "profit")
OURS = "copilot"
STEPS = 200  # of the generator's training, anew every fourth quarter: it says what plans look like, not what they bring
Progress = Callable[[float, str], None]


def _start(one: World, quarter: int) -> dt.date:
    return one.brief.start + dt.timedelta(91 * quarter)


def _draw(one: World, plans: list[Strategy], quarter: int, keys: list[str]) -> tuple[list[dict], Any, list[dict[str, float]]]:
    """(campaigns, results, actuals) of plans that run in `quarter`; every policy meets the same shocks and luck."""
    xi = draw_shocks(np.random.default_rng([one.seed, quarter, 1]), one.market)
    campaigns, results, actual = [], [], []
    for slot, (plan, key) in enumerate(zip(plans, keys, strict=True)):
        campaign = {"campaign_id": key, "name": key, "strategy": plan, "objective": one.brief.objective,
                    "category": one.brief.product_names[0], "tone": "neutral", "language": "en"}  # fmt: skip
        rng = np.random.default_rng([one.seed, quarter, slot, 2])
        found, _ = run_campaigns(rng, one.market, [campaign], plan.start - dt.timedelta(7), xi)
        sums = {"clicks": found["clicks"].sum(), "orders": found["conversions"].sum(), "revenue": found["revenue"].sum()}
        actual.append({key: float(value) for key, value in sums.items()} | {"profit": reported(one.market, plan, float(sums["revenue"]))})
        campaigns.append(campaign)
        results.append(found)
    return campaigns, results, actual


class _Bandit:
    """Thompson sampling over the logged plans (Thompson 1933; normal model of the log of what a plan brings before its cost)."""

    def __init__(self, one: World) -> None:
        self.spend, self.rng = float(one.brief.budget), np.random.default_rng([one.seed, 8])
        self.plans = [one.log.strategy(i) for i in range(len(one.log))]
        self.values = [[self.log(value)] for value in one.seen]
        self.centre, self.spread = np.mean([v[0] for v in self.values]), np.var([v[0] for v in self.values])
        self.noise = 0.5 * self.spread

    def log(self, profit: float) -> float:
        return float(np.log(max(profit + self.spend, 0.02 * self.spend)))

    def choose(self) -> np.ndarray:
        n = np.array([len(values) for values in self.values])
        weight = n / self.noise
        variance = 1 / (weight + 1 / (self.spread - self.noise))
        mean = variance * (weight * np.array([np.mean(values) for values in self.values]) + self.centre / (self.spread - self.noise))
        return np.argsort(-(mean + np.sqrt(variance) * self.rng.standard_normal(len(n))))[:EACH]


def _approve(one: World, brief: Brief, quarter: int, slot: int, made: tuple[Strategy, Forecast]) -> str:
    """Freeze a forecast in the workspace's ledger as an approved plan's; returns the plan's hash, which its campaign bears."""
    strategy, forecast = made
    figures = [{"id": name, "name": name, "value": value, "low": low, "high": high, "unit": "", "source": {"model": forecast.model}}
               for name, (value, low, high) in forecast.figures.items()]  # fmt: skip
    plan = {"brief": brief.model_dump(mode="json"), "strategy": strategy.model_dump(mode="json"), "figures": figures, "calendar": [],
            "assets": [], "created_for": f"{quarter}-{slot}", "made_with": {}, "forecast": {"figures": list(forecast.figures)}}  # fmt: skip
    plan["plan_hash"] = plan_hash(plan)
    Ledger(one.workspace.path).approve(plan)
    return plan["plan_hash"]


def _at(plans: list[Strategy], start: dt.date) -> list[Strategy]:
    return [plan.model_copy(update={"start": start}) for plan in plans]


class _Corrected:
    """The first forecast, never fitted again, corrected by a Gaussian process on what was run (`strategy_bayes`)."""

    def __init__(self, one: World, forecaster: Forecaster, generator: StrategyGenerator) -> None:
        self.one, self.forecaster, self.generator = one, forecaster, generator
        self.plans, self.seen = one.log, one.seen

    def choose(self, brief: Brief, quarter: int) -> list[Strategy]:
        rng = np.random.default_rng([self.one.seed, quarter, 4])
        search = Search(self.generator, self.forecaster, brief, [tuple(brief.products)], rng)
        explorer = Explorer(search, search.run()[0], self.plans, self.seen)
        return [explorer.ask().strategy(0) for _ in range(EACH)]

    def tell(self, plans: list[Strategy], profit: list[float]) -> None:
        batch = batch_of(plans, dict.fromkeys(self.one.brief.products, self.one.brief.product_names[0]))
        self.plans, self.seen = concat([self.plans, batch]), np.append(self.seen, profit)


@one_thread()
def _world(seed: int, quarters: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Profit of every policy by quarter, and whether each forecast's 80 % interval held what came."""
    with world(seed, logged=LOGGED, spread=True) as one:
        bandit, first, generator, corrected = _Bandit(one), None, None, None
        clairvoyant, _ = one.best(np.random.default_rng([seed, 3]))
        naive = [float(edge) for edge in np.quantile(one.seen, [0.1, 0.9])]
        profit: dict[str, list[float]] = {}
        inside: dict[str, list[bool]] = {name: [] for name in (*METRICS, "past spread")}
        for quarter in range(quarters):
            start = _start(one, quarter)
            brief = one.brief.model_copy(update={"start": start})
            forecaster = Forecaster(one.workspace)
            if quarter % 4 == 0:
                generator = StrategyGenerator.fit(one.workspace, steps=STEPS)
            plans = best_strategies(generator, forecaster, brief, [tuple(brief.products)], n=EACH, seed=quarter).strategies
            forecasts = forecaster.predict_many(plans)
            approved = [_approve(one, brief, quarter, *both) for both in enumerate(zip(plans, forecasts, strict=True))]
            first = first or plans
            corrected = corrected or _Corrected(one, forecaster, generator)
            arms = bandit.choose()
            choices = {
                OURS: plans,
                "the copilot's first plans, not learning": first,
                "first forecast + GP, not refitted": corrected.choose(brief, quarter),
                "past managers' rule": one.later[EACH * quarter : EACH * (quarter + 1)],
                "bandit over past strategies": [bandit.plans[i] for i in arms],
                "clairvoyant": [clairvoyant.strategy(0)] * EACH,
            }
            for name, chosen in choices.items():
                keys = approved if name == OURS else [f"q{quarter:02d}{slot}" for slot in range(EACH)]
                campaigns, results, actual = _draw(one, _at(chosen, start), quarter, keys)
                profit.setdefault(name, []).append(sum(row["profit"] for row in actual))
                if name == OURS:
                    with one.workspace.transaction():
                        for campaign, result in zip(campaigns, results, strict=True):
                            add_campaigns(one.workspace, [campaign], result)
                    for row, forecast in zip(actual, forecasts, strict=True):
                        for metric in METRICS:
                            inside[metric].append(forecast.figures[metric][1] <= row[metric] <= forecast.figures[metric][2])
                        inside["past spread"].append(naive[0] <= row["profit"] <= naive[1])
                if name.startswith("first forecast"):
                    corrected.tell(_at(chosen, start), [row["profit"] for row in actual])
                if name.startswith("bandit"):
                    for arm, row in zip(arms, actual, strict=True):
                        bandit.values[arm].append(bandit.log(row["profit"]))
            say(f"quarter {quarter + 1} of {quarters}")
    return {"world": seed, "profit": profit, "inside": inside, "spend": float(one.brief.budget) * EACH * quarters}


def run(
    folder: Path | None = None,
    *,
    lines: Path,
    limit: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    quarters: int = QUARTERS,
) -> Area:
    """`limit`: worlds, 6 without. `lines`: the JSON lines of a run that may go on; kept until all worlds are measured."""
    worlds = [1_000 * (seed + 1) + 500 + number for number in range(limit or WORLDS)]
    lines.parent.mkdir(parents=True, exist_ok=True)
    rows = [json.loads(line) for line in lines.read_text("utf-8").splitlines()] if lines.exists() else []
    started = time.monotonic()
    for place, number in enumerate(worlds):
        if any(row["world"] == number for row in rows):
            continue

        def say(text: str, place: int = place) -> None:
            if progress:
                took = (time.monotonic() - started) / 60
                progress(place / len(worlds), f"world {place + 1} of {len(worlds)}, {text}; {took:.0f} min so far")

        rows.append(_world(number, quarters, say))
        with lines.open("a", encoding="utf-8") as file:
            file.write(json.dumps(rows[-1]) + "\n")
    area = report([row for row in rows if row["world"] in set(worlds)])
    lines.unlink()
    return area


def report(lines: list[dict[str, Any]]) -> Area:
    """Rows and notes of the JSON lines."""
    quarters = len(lines[0]["profit"][OURS])
    totals = {name: np.array([sum(line["profit"][name]) / line["spend"] for line in lines]) for name in lines[0]["profit"]}
    clairvoyant = totals.pop("clairvoyant")
    mine = totals.pop(OURS)
    scores = [Score(name, *bootstrap(values)) for name, values in totals.items()]
    best = max(totals, key=lambda name: totals[name].mean())
    name = f"simulated shops, {quarters} quarters"
    rows = [Row("learning", name, "profit as a part of spend", "higher", Score(OURS, *bootstrap(mine)), scores,
                paired(f"minus {best}", mine, totals[best]), f"clairvoyant {Score('', *bootstrap(clairvoyant)).text()}",
                cases=len(lines))]  # fmt: skip
    clusters = np.repeat(np.arange(len(lines)), [len(line["inside"]["profit"]) for line in lines])
    notes = []
    naive = _coverage(lines, "past spread", clusters)
    for metric in METRICS:
        value, low, high = _coverage(lines, metric, clusters)
        gap = abs(value - 0.8)
        rivals = [Score("10-90 % of past profits", abs(naive[0] - 0.8))] if metric == "profit" else []
        rows.append(Row("learning", name, f"coverage of 80 % intervals, distance from 0.8, {metric}", "lower",
                        Score("forecast", gap), rivals, goal=0.05, cases=len(clusters),
                        floor=f"counting noise {np.sqrt(0.16 / len(clusters)):.3f}",
                        note=f"Coverage {value:.3f} ({low:.3f} to {high:.3f}), forecasts of the plans that were chosen."))  # fmt: skip
    gap = (mine - totals["past managers' rule"]) / np.maximum(clairvoyant - totals["past managers' rule"], 1e-9)
    notes.append(f"between the managers' rule (0) and the clairvoyant (1) the copilot earned {Score('', *bootstrap(gap)).text()}.")
    mine_by_quarter, best_by_quarter = (sum(np.array(line["profit"][name]) for line in lines) for name in (OURS, "clairvoyant"))
    notes.append("share of the clairvoyant's profit by quarter: "
                 + ", ".join(f"{value:.2f}" for value in mine_by_quarter / best_by_quarter) + ".")  # fmt: skip
    for rival, values in totals.items():
        notes.append(f"copilot minus {rival}: {paired('', mine, values).text()} of spend.")
    return Area(rows, notes)


def _coverage(lines: list[dict[str, Any]], metric: str, clusters: np.ndarray) -> tuple[float, float, float]:
    return bootstrap(np.concatenate([line["inside"][metric] for line in lines]).astype(float), clusters=clusters)
