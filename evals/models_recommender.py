"""Area `recommender`: the products of a customer's last shopping day, UCI Online Retail, full ranking of the whole catalogue.

Leave-last-out by time: everybody learns from what was bought up to a cut 60 days before the end; a customer's last day after it
is to be found from what that customer bought before that day. Settings are chosen on the 60 days before the cut, from what
was bought before those. Two readings: products the customer had not bought yet (what the tool suggests), and all, where
buying again counts. Ours is what `recommend_products` serves (models/recommender.py, method chosen by itself before the cut).
A third reading ranks only the products first sold after the cut, whose names the shop is taken to know: what a name is worth.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from campaignwright.evals.bench import Area, Row, Score, bootstrap, paired
from campaignwright.evals.recommender_rivals import DAY, Task, at_ten, judge, own_first, settings, task
from campaignwright.evals.retail import read
from campaignwright.models.behaviour import sequences
from campaignwright.models.behaviour_net import Settings, train
from campaignwright.models.recommender import Recommender
from campaignwright.models.recommender_items import alike

WINDOW = 60  # days
NETWORK = Settings(items_weight=1.0, epochs=20, horizon=WINDOW)
MEASURES = ("Recall@10", "NDCG@10")
READINGS = {False: "first purchases", True: "repeats count"}
Progress = Callable[[float, str], None]


def tool(this: Task, catalogue: pd.DataFrame, seed: int) -> Recommender:
    """What `recommend_products` would serve at the cut: it sees `this.before` and the catalogue."""
    bought = this.before.groupby(["customer_id", "product_id"], as_index=False)["day"].min()
    return Recommender.learn(bought, catalogue, seed=seed)


def scores_of(model: Recommender, this: Task) -> tuple[np.ndarray, np.ndarray]:
    """Scores over `this.items` (those the model leaves out come last) and over the products nobody had bought before the cut."""
    place = this.items.get_indexer(model.items)
    history = sparse.csr_matrix((len(this.customers), len(model.items)), dtype=np.float32).tolil()
    history[:, np.flatnonzero(place >= 0)] = this.history[:, place[place >= 0]]
    every = model.scores(history.tocsr())
    known = np.full((len(this.customers), len(this.items)), -1e9)
    known[:, place[place >= 0]] = every[:, place >= 0]
    return known, every[:, place < 0]


def transformer(this: Task, seed: int, progress: Progress) -> np.ndarray:
    """(customers, items) scores for the next purchase, by the network of models/behaviour_net.py."""
    def steps(lines: pd.DataFrame):
        return sequences(lines.assign(kind="purchase"), this.items, origin)

    learnt = this.before[this.before["known"]]
    origin = learnt["day"].min()
    model = train(steps(learnt), (this.cut - origin).days, NETWORK, seed=seed, progress=progress)
    data = steps(this.past)
    rows = np.searchsorted(data.customers, this.customers.to_numpy(str))
    return model.scores(data, rows, np.diff(data.start)[rows])


def chosen(this: Task) -> dict[tuple[str, bool], str]:
    """(rival, reading) -> the setting with the best NDCG@10 on `this`."""
    best: dict[tuple[str, bool], tuple[float, str]] = {}
    for rival, setting, scores in settings(this):
        made = scores()
        for repeats in READINGS:
            value = float(np.nanmean(judge(made, this, repeats)[1]))
            if value > best.get((rival, repeats), (-1.0, ""))[0]:
                best[rival, repeats] = value, setting
    return {key: setting for key, (_, setting) in best.items()}


def new_products(model: Recommender, scores: np.ndarray, this: Task, catalogue: pd.DataFrame, seed: int) -> dict[str, tuple]:
    """Name -> (Recall, NDCG) among the products nobody had bought before the cut alone: ours, nearest by name, random."""
    new = model.items[this.items.get_indexer(model.items) < 0]
    asked = this.last[this.last["product_id"].isin(new)]
    wanted = np.zeros((len(this.customers), len(new)), bool)
    wanted[this.customers.get_indexer(asked["customer_id"]), new.get_indexer(asked["product_id"])] = True
    words = catalogue["words"].str.lower()
    near = this.history @ alike(words.reindex(this.items), words.reindex(new), k=len(this.items))
    found = {"ours": scores, "nearest names": near.toarray(), "random": np.random.default_rng(seed).random(scores.shape)}
    return {name: at_ten(value, wanted) for name, value in found.items()} if len(new) > 10 else {}


def run(folder: Path, *, limit: int | None = None, seed: int = 0, progress: Progress | None = None) -> Area:
    """`limit`: customers drawn by chance."""
    say = progress or (lambda share, text: None)
    lines = read(folder)
    if limit:
        people = np.random.default_rng(seed).permutation(np.sort(lines.loc[lines["known"], "customer_id"].unique()))[:limit]
        lines = lines[lines["customer_id"].isin(people)]
    end = lines["day"].max()
    say(0.05, "settings on the 60 days before")
    setting = chosen(task(lines, end - 2 * WINDOW * DAY, end - WINDOW * DAY))
    this = task(lines, end - WINDOW * DAY, end)
    say(0.4, "rivals")
    found: dict[bool, dict[str, tuple]] = {False: {}, True: {}}
    for rival, name, scores in settings(this):
        wanted = [repeats for repeats in READINGS if setting[rival, repeats] == name]
        if wanted:
            made = scores()
            for repeats in wanted:
                found[repeats][rival] = judge(made, this, repeats)
    say(0.6, "behaviour Transformer")
    scores = transformer(this, seed, lambda share, text: say(0.6 + 0.3 * share, text))
    catalogue = lines.groupby("product_id").agg(name=("name", "last"), words=("name", "last")).fillna("")
    model = tool(this, catalogue, seed)
    known, new = scores_of(model, this)
    for repeats in READINGS:
        found[repeats] |= {"Transformer": judge(scores, this, repeats), "ours": judge(known, this, repeats)}
    found[True]["own most bought"] = judge(own_first(this), this, True)
    method = str(model.metrics.get("method", "popularity"))
    rows = [_row(found[repeats], place, READINGS[repeats], method, seed) for repeats in READINGS for place in range(2)]
    some = ~np.isnan(found[False]["ours"][1])
    cold = new_products(model, new, this, catalogue, seed)
    rows += [_row(cold, place, "among products without sales", "by name", seed) for place in range(2) if cold]
    chose = ", ".join(f"{rival} {name}" for (rival, repeats), name in setting.items() if name and not repeats)
    notes = [f"chosen before the cut, first purchases: {chose}; the tool chose {method}."]
    each = [f"{name} {paired('', found[False]['ours'][1][some], both[1][some], seed=seed).text()}"
            for name, both in found[False].items() if name not in ("ours", "random")]  # fmt: skip
    notes += [f"ours less each, NDCG@10, first purchases: {'; '.join(each)}.",
              "Where repeats count, what a customer bought most often is the better guess than any model: the tool suggests only what was "
              "not bought yet. Products without sales are placed by the rule of the rival, so the two differ in nothing; how much a name "
              "counts beside what was bought together was chosen before the cut."]
    if ("iALS", False) not in setting:
        notes.append("iALS not measured: implicit is not installed: pip install campaignwright[bench].")
    return Area(rows, notes)


def _row(found: dict[str, tuple], place: int, reading: str, method: str, seed: int) -> Row:
    values = {name: both[place][~np.isnan(both[place])] for name, both in found.items()}
    score = {name: Score(f"ours ({method})" if name == "ours" else name, *bootstrap(value, seed=seed)) for name, value in values.items()}
    floor = f"random {score.pop('random').value:.4f}"
    rivals = [one for name, one in score.items() if name != "ours"]
    best = max(rivals, key=lambda one: one.value).name
    gap = paired(f"ours - {best}", values["ours"], values[best], seed=seed)
    return Row("recommender", "online_retail", f"{MEASURES[place]}, {reading}", "higher", score["ours"], rivals, gap, floor, None,
               len(values["ours"]))  # fmt: skip
