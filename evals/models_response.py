"""Area `response`: clicks, purchases and campaign results, predicted by our learners and by what else one would use.

Impressions of search ads (Tencent, 5 folds), shop sessions (UCI, 10 folds) and Facebook ads (5 folds). On impressions and
sessions ours are the learners behind the response model's corrections, boosted trees, a deep-and-cross network and, below 20,000
rows, both blended: each is fitted on four fifths of the training part, and the best on the other fifth is fitted on all of it.
Settings were chosen on inner folds of the first fold's training part. No rows are over-sampled. Time: process seconds, one
thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split

from campaignwright.evals import response_ads, response_rivals, response_speed
from campaignwright.evals.bench import Area, Row, Score, bootstrap, paired
from campaignwright.models.response_learners import candidates
from campaignwright.models.strategy_threads import one_thread

NAMES = {"boosted": "our trees", "network": "our network", "blend": "our blend"}
DRAWS = 200
CLICK_IDS = ("url_hash", "ad_id", "advertiser_id", "query_id", "keyword_id", "title_id", "description_id", "user_id")
SHOP_IDS = ("Month", "TrafficType")
MONTHS = ("Feb", "Mar", "May", "June", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Split = list[tuple[np.ndarray, np.ndarray]]


def clicks(folder: Path, limit: int | None, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Impressions of search ads: columns, and whether any was clicked (clicks were over-sampled about 1:5 by the publisher)."""
    rows = pd.read_csv(folder / "click_prediction_small" / "Click_prediction_small.csv.gz")
    rows = rows if limit is None or limit >= len(rows) else rows.sample(limit, random_state=seed)
    return rows.drop(columns="click").astype(float), rows["click"].to_numpy(float)


def sessions(folder: Path, limit: int | None, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Sessions of a shop: columns, and whether something was bought; months are numbered in the year's order."""
    rows = pd.read_csv(folder / "online_shoppers_intention" / "online_shoppers_intention.csv.gz")
    rows = rows if limit is None or limit >= len(rows) else rows.sample(limit, random_state=seed)
    month, visitor = rows["Month"].map(MONTHS.index), rows["VisitorType"].astype("category").cat.codes
    return rows.drop(columns="Revenue").assign(Month=month, VisitorType=visitor).astype(float), rows["Revenue"].to_numpy(float)


def log_loss(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Of each row, float[n]."""
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def calibration_error(y: np.ndarray, p: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over bins of as many rows (Naeini et al. 2015)."""
    parts = np.array_split(np.argsort(p, kind="stable"), bins)
    return float(sum(abs(y[part].mean() - p[part].mean()) * len(part) for part in parts) / len(y))


def ours(x: np.ndarray, y: np.ndarray, new: np.ndarray, ids: tuple[int, ...], seed: int) -> dict[str, tuple[np.ndarray, float]]:
    """Each learner's probabilities float[m] and seconds, and under "choice" those of the one that a fifth of the rows prefers."""
    learn, check = train_test_split(np.arange(len(y)), test_size=0.2, stratify=y, random_state=seed)
    tried, error, found = candidates(len(y)), {}, {}
    start = time.process_time()
    for name, learner in tried.items():
        error[name] = log_loss(y[check], _odds(learner.fit(x[learn], y[learn], ids=ids, seed=seed).predict(x[check]))).mean()
    spent = time.process_time() - start
    for name, learner in tried.items():
        start = time.process_time()
        p = _odds(learner.fit(x, y, ids=ids, seed=seed).predict(new))
        found[name] = (p, time.process_time() - start)
    chosen = found[min(error, key=error.__getitem__)]
    return found | {"choice": (chosen[0], spent + chosen[1])}


def _odds(score: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-score))


class Comparison:
    """Ours and the rivals on one data set: `p` {name: float[n]} for the rows `test`, `seconds` {name: float[folds]}."""

    def __init__(self, x: np.ndarray, y: np.ndarray, ids: tuple[int, ...], split: Split, rivals: dict[str, response_rivals.Rival],
                 seed: int, step: Callable[[float], None]) -> None:  # fmt: skip
        self.p: dict[str, np.ndarray] = {}
        self.seconds: dict[str, list[float]] = {}
        self.y, self.split = y, [test for _, test in split]
        self.test = np.concatenate(self.split)
        for place, (train, test) in enumerate(split):
            step(place / len(split))
            for name, (p, seconds) in ours(x[train], y[train], x[test], ids, seed).items():
                self._keep(NAMES.get(name, name), test, p, seconds)
            for name, rival in rivals.items():
                start = time.process_time()
                self._keep(name, test, rival(x[train], y[train], x[test], ids, seed), time.process_time() - start)

    def _keep(self, name: str, test: np.ndarray, p: np.ndarray, seconds: float) -> None:
        self.p.setdefault(name, np.full(len(self.y), np.nan))[test] = p
        self.seconds.setdefault(name, []).append(seconds)

    def _rivals(self) -> list[str]:
        return [name for name in self.p if name != "choice" and name not in NAMES.values()]

    def _each(self, value: dict[str, float]) -> str:
        return ", ".join(f"{name} {value[name]:.4f}" for name in NAMES.values() if name in value) + "."

    def ranks(self, data: str, label: str, measure: Callable[..., float], goal: float, floor: str, seed: int) -> Row:
        """A measure that is higher for better rankings: mean over folds; interval of ours and of the paired difference to the
        best rival from rows drawn within folds."""
        value = {name: float(np.mean([measure(self.y[test], p[test]) for test in self.split])) for name, p in self.p.items()}
        rivals = [Score(name, value[name]) for name in self._rivals()]
        best = max(rivals, key=lambda one: one.value).name
        trees = NAMES["boosted"]
        rng, draws = np.random.default_rng(seed), np.zeros((DRAWS, 3))
        for test in self.split:
            for draw in range(DRAWS):
                pick = rng.choice(test, len(test))
                draws[draw] += [measure(self.y[pick], self.p[name][pick]) / len(self.split) for name in ("choice", best, trees)]
        own, gap, more = (np.quantile(part, [0.025, 0.975]) for part in (draws[:, 0], *(draws[:, [0]] - draws[:, 1:]).T))
        clean = [measure(self.y[self.split[0]], self.p[name][self.split[0]]) for name in ("choice", best)]
        gain = f"ours less {trees} {value['choice'] - value[trees]:.4g} ({more[0]:.4g} to {more[1]:.4g})"
        note = (f"{self._each(value)} {gain}. First fold alone (with seed 0 no setting was chosen on its test part): "
                f"{clean[0]:.4f}, {best} {clean[1]:.4f}.")  # fmt: skip
        return Row("response", data, label, "higher", Score("chosen by validation", value["choice"], *map(float, own)), rivals,
                   Score(f"ours - {best}", value["choice"] - value[best], *map(float, gap)), floor, goal, len(self.test), note)  # fmt: skip

    def loss(self, data: str, label: str = "log-loss", goal: float | None = None) -> Row:
        """Log-loss a row, paired by row."""
        found = {name: log_loss(self.y[self.test], p[self.test]) for name, p in self.p.items()}
        rivals = [Score(name, float(found[name].mean())) for name in self._rivals()]
        best = min(rivals, key=lambda one: one.value).name
        return Row("response", data, label, "lower", Score("chosen by validation", *bootstrap(found["choice"], draws=500)), rivals,
                   paired(f"ours - {best}", found["choice"], found[best], draws=500), "", goal, len(self.test),
                   self._each({name: float(value.mean()) for name, value in found.items()}))  # fmt: skip

    def cost(self, data: str, rival: str) -> Row:
        """Seconds to learn and to score a fold: the trees alone beside `rival`; the note says what the choice costs."""
        trees = NAMES["boosted"]
        return Row("response", data, "seconds a fold", "lower", Score(trees, float(np.mean(self.seconds[trees]))),
                   [Score(rival, float(np.mean(self.seconds[rival])))],
                   paired("ours - rival", np.array(self.seconds[trees]), np.array(self.seconds[rival])), cases=len(self.split),
                   note=f"With the others tried beside the trees: {np.mean(self.seconds['choice']):.3g} s a fold.")  # fmt: skip

    def calibration(self, label: str) -> str:
        """Drift of the mean prediction and ECE, beside a constant's, as a Markdown line."""
        y, parts = self.y[self.test], []
        for name in ("choice", "constant"):
            p = self.p[name][self.test]
            parts.append(f"{'ours' if name == 'choice' else name} {p.mean() / y.mean() - 1:+.1%} and {calibration_error(y, p):.4f}")
        order = np.array_split(np.argsort(self.p["choice"][self.test], kind="stable"), 5)
        bins = ", ".join(f"{self.p['choice'][self.test][part].mean():.3f} / {y[part].mean():.3f}" for part in order)
        return f"{label}: drift of the mean prediction and ECE: {'; '.join(parts)}. Predicted / seen by fifths: {bins}."


def in_order(rank: np.ndarray, share: float) -> Split:
    """One split: the rows of the last `share` of the order are predicted from those before; ties stay together."""
    cut = np.quantile(rank, 1 - share)
    return [(np.flatnonzero(rank < cut), np.flatnonzero(rank >= cut))]


@one_thread()
def run(folder: Path, *, limit: int | None = None, seed: int = 0, progress: Callable[[float, str], None] | None = None) -> Area:
    """The rows of the area; `limit`: rows a data set may use."""
    say = progress or (lambda share, text: None)
    boosting = {"constant": response_rivals.constant, "histogram boosting": response_rivals.histogram}
    x, y = clicks(folder, limit, seed)
    ids, ads = tuple(x.columns.get_loc(name) for name in CLICK_IDS), boosting | {"logistic, hashed": response_rivals.hashed,
                                                   "LightGBM, target means": response_rivals.target_encoded}  # fmt: skip
    split = list(StratifiedKFold(5, shuffle=True, random_state=seed).split(x, y))
    search = Comparison(x.to_numpy(), y, ids, split, ads, seed, lambda share: say(0.35 * share, "clicks"))
    newest = Comparison(x.to_numpy(), y, ids, in_order(x["ad_id"].to_numpy(), 0.2), ads, seed, lambda share: say(0.4, "newest ads"))
    sold, bought = sessions(folder, limit, seed)
    plain = boosting | {"logistic": response_rivals.logistic}
    split = list(StratifiedKFold(10, shuffle=True, random_state=seed).split(sold, bought))
    codes = tuple(sold.columns.get_loc(name) for name in SHOP_IDS)
    shop = Comparison(sold.to_numpy(), bought, codes, split, plain, seed, lambda share: say(0.45 + 0.35 * share, "sessions"))
    months = sold["Month"].to_numpy()
    late = [(np.flatnonzero(months < 8), np.flatnonzero(months >= 8))]
    winter = Comparison(sold.to_numpy(), bought, codes, late, plain, seed, lambda share: say(0.85, "November and December"))
    say(0.87, "ads")
    ad_rows, ad_notes = response_ads.run(folder, limit, seed)
    say(0.95, "speed")
    data = ("click_prediction_small", "online_shoppers_intention")
    rows = [
        search.ranks(data[0], "AUC", roc_auc_score, 0.7154, "0.5 for a constant", seed),
        search.loss(data[0], goal=0.4078),
        search.cost(data[0], "histogram boosting"),
        newest.loss(data[0], "log-loss, newest fifth of the ads"),
        shop.ranks(data[1], "auROC", roc_auc_score, 0.937, "0.5 for a constant", seed),
        shop.ranks(data[1], "auPR", average_precision_score, 0.754, f"{bought.mean():.3f} for a constant", seed),
        shop.loss(data[1]),
        winter.loss(data[1], "log-loss, November and December from the months before"),
        *ad_rows,
        response_speed.row(x.to_numpy(), y, ids, seed),
        response_speed.campaigns(seed),
    ]
    notes = [search.calibration("clicks, 5 folds"), newest.calibration("clicks, newest fifth of the ads (by ad id: there is no date)"),
             shop.calibration("sessions, 10 folds"), winter.calibration("sessions, November and December"), *ad_notes]  # fmt: skip
    return Area(rows, [*notes, __doc__.split("\n\n")[1].replace("\n", " ")])
