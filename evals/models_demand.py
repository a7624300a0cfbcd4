"""Area `demand` of the suite `models`: weekly units of product types on Complete Journey (dunnhumby), against usual forecasts.

One case is a week of a product type: forecast from five origins (32 to 48 weeks of history), one to four weeks ahead. Product
types with 24 units in the first 20 weeks are scored, fuel and sundries left out. Measures: absolute error over the one-week naive
error within the history (MASE, Hyndman and Koehler 2006; the point forecast is each method's median); pinball loss, mean of the
quantiles 0.1, 0.5 and 0.9, over the same scale; cost of stock by the newsvendor's rule: every week the quantile 0.8 is put on the
shelf, a unit short costs 40 % of its price (margin), a unit left over 10 % (waste). Our settings were chosen on origins of at most
28 weeks. Not covered: a yearly season, since the data are one year; promotions and prices, which no method here is told.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from campaignwright.evals.bench import Area, Row, Score, bootstrap, paired
from campaignwright.evals.models_demand_rivals import QUANTILES, RIVALS, Forecast
from campaignwright.models.demand import DemandModel
from campaignwright.models.demand_spread import quantile

FOLDER = "completejourney"
ORIGINS = (32, 36, 40, 44, 48)  # whole weeks of history
AHEAD = 4  # weeks
SHORT, OVER = 0.4, 0.1  # cost of a unit short and of a unit left over, shares of its price
SERVICE = SHORT / (SHORT + OVER)  # 0.8, one of QUANTILES
DAY = dt.date(2017, 12, 31)  # of the last week; any date would do


def series(folder: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(units (series, 52 weeks), department (series,), price of a unit in dollars (series,)) of the product types to score."""
    sales = pd.read_csv(folder / "transactions_sample.csv.gz", usecols=["product_id", "quantity", "sales_value", "week"])
    products = pd.read_csv(folder / "products.csv.gz", usecols=["product_id", "department", "product_type"])
    sales = sales.merge(products, on="product_id")
    sales = sales[(sales["quantity"] > 0) & ~sales["department"].isin(["FUEL", "MISCELLANEOUS"]) & (sales["week"] >= 2)]  # 1 is one day
    units = sales.pivot_table(index="product_type", columns="week", values="quantity", aggfunc="sum", fill_value=0)
    units = units.reindex(columns=range(2, 54), fill_value=0)
    units = units[units.iloc[:, :20].sum(axis=1) >= 24]
    known = sales[sales["week"] < 2 + ORIGINS[0]].groupby("product_type")
    price = (known["sales_value"].sum() / known["quantity"].sum()).reindex(units.index).fillna(1.0)
    department = known["department"].first().reindex(units.index).fillna("").to_numpy(dtype=str)
    return units.to_numpy(float), department, price.to_numpy()


def ours(history: np.ndarray, category: np.ndarray) -> tuple[Forecast, DemandModel]:
    """The forecast that the tools use, from (series, weeks) units."""
    model = DemandModel.from_history(pd.RangeIndex(len(history)), history, category, DAY)
    mean, phi, level = model.weekly[:, :AHEAD], model.phi[:, None], model.level_sd[:, None]
    found: Forecast = {q: quantile(mean, phi, level, q) for q in QUANTILES}
    return {"point": found[0.5], "mean": mean, **found}, model


def pinball(actual: np.ndarray, forecast: np.ndarray, q: float) -> np.ndarray:
    """Koenker and Bassett 1978: q for a unit too low, 1 - q for a unit too high."""
    return np.maximum(q * (actual - forecast), (q - 1) * (actual - forecast))


def losses(actual: np.ndarray, found: Forecast, scale: np.ndarray, price: np.ndarray) -> dict[str, np.ndarray]:
    """measure -> (series, weeks); `scale` and `price` are (series, 1)."""
    return {
        "MASE": np.abs(actual - found["point"]) / scale,
        "pinball loss": np.mean([pinball(actual, found[q], q) for q in (0.1, 0.5, 0.9)], axis=0) / scale,
        "stock cost": price * (SHORT + OVER) * pinball(actual, found[SERVICE], SERVICE),
    }


def forecasts(units: np.ndarray, department: np.ndarray, step: Callable[[float, str], None]) -> tuple[list[dict[str, Forecast]], list[str]]:
    """(an origin each: name -> forecast, ours first; notes)."""
    found, notes, methods = [], [], []
    for place, origin in enumerate(ORIGINS):
        history = units[:, :origin]
        mine, model = ours(history, department)
        methods.append(model.metrics["method"])
        one = {"demand model": mine}
        for name, rival in RIVALS.items():
            step((place + len(one) / (1 + len(RIVALS))) / len(ORIGINS), f"{name}, {origin} weeks of history")
            try:
                one[name] = rival(history, AHEAD)
            except ImportError:
                notes.append(f"{name}: not installed: pip install campaignwright[bench]")
        found.append(one)
    return found, [f"The model's own choice at the five origins: {', '.join(methods)}.", *sorted(set(notes))]


def run(folder: Path, *, limit: int | None = None, seed: int = 0, progress: Callable[[float, str], None] | None = None) -> Area:
    """Three rows from `folder`/completejourney; `limit`: product types. Intervals are drawn over product types."""
    units, department, price = series(folder / FOLDER)
    units, department, price = units[:limit], department[:limit], price[:limit, None]
    origins, notes = forecasts(units, department, progress or (lambda share, text: None))
    rng = np.random.default_rng(seed)
    parts: dict[str, dict[str, list[np.ndarray]]] = {}
    inside, by_mean = {name: [] for name in origins[0]}, []
    for origin, found in zip(ORIGINS, origins, strict=True):
        actual = units[:, origin:origin + AHEAD]
        scale = np.maximum(np.abs(np.diff(units[:, :origin], axis=1)).mean(axis=1, keepdims=True), 1e-9)
        mine = found["demand model"]
        known: Forecast = {q: stats.poisson.ppf(q, mine["mean"]) for q in QUANTILES}
        luck = losses(rng.poisson(mine["mean"]), known | {"point": known[0.5]}, scale, price)
        for name, one in [*((name, losses(actual, one, scale, price)) for name, one in found.items()), ("floor", luck)]:
            for measure, values in one.items():
                parts.setdefault(measure, {}).setdefault(name, []).append(values)
        for name, one in found.items():
            inside[name].append((actual >= one[0.1]) & (actual <= one[0.9]))
        by_mean.append(np.abs(actual - mine["mean"]) / scale)
    clusters = np.repeat(np.arange(len(units)), AHEAD * len(ORIGINS))
    rows = [_row(measure, {name: np.concatenate(values, axis=1).ravel() for name, values in table.items()}, clusters, seed)
            for measure, table in parts.items()]  # fmt: skip
    notes.insert(0, "Weeks within the 80 % interval: " + ", ".join(f"{name} {np.mean(hits):.1%}" for name, hits in inside.items()) + ".")
    notes.insert(1, f"With its mean instead of its median as point forecast, the demand model's MASE is {np.mean(by_mean):.3f}.")
    return Area(rows, notes)


def _row(measure: str, table: dict[str, np.ndarray], clusters: np.ndarray, seed: int) -> Row:
    """`table`: name -> (cases,) losses, "demand model" and "floor" among them."""
    luck = float(table.pop("floor").mean())
    scores = {name: Score(name, *bootstrap(values, clusters=clusters, seed=seed)) for name, values in table.items()}
    mine = scores.pop("demand model")
    best = min(scores.values(), key=lambda one: one.value).name
    gap = paired(f"demand model - {best}", table["demand model"], table[best], clusters=clusters, seed=seed)
    others = (paired(name, table["demand model"], table[name], clusters=clusters, seed=seed) for name in scores if name != best)
    note = "Demand model minus each, paired: " + "; ".join(f"{one.name} {one.text()}" for one in others) + "."
    unit = {"stock cost": " ($ a product type and week)"}.get(measure, "")
    return Row(area="demand", data=FOLDER, measure=measure + unit, better="lower", ours=mine, rivals=list(scores.values()), difference=gap,
               floor=f"{luck:.3g}, were our mean the truth and units Poisson", cases=len(clusters), note=note)  # fmt: skip
