"""Area `copy_score` of the suite `models`: the headline scorer that ships, on the test part of the Upworthy pairs.

The figures are those of the suite `headlines`; how a case is scored and what the rivals are is said there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from campaignwright.evals.bench import Area, Row, Score, paired
from campaignwright.evals.headlines import FOLDER, leak_check, measure
from campaignwright.finetune.headlines import interval

GOAL = 0.673


def run(folder: Path, *, limit: int | None = None, seed: int = 0, progress: Callable[[float, str], None] | None = None) -> Area:
    """Accuracy on the first `limit` test pairs under `folder`/upworthy_headline_pairs. Raises ImportProblem, BrokenScorer."""
    if progress:
        progress(0.1, "fits the rivals")
    found = measure(folder / FOLDER, limit)
    rivals = [Score(name, *interval(points)) for name, points in found.points.items() if name != "scorer"]
    best = max(rivals, key=lambda one: one.value).name
    ours = found.points["scorer"]
    row = Row(
        area="copy_score", data="upworthy_headline_pairs", measure="pairs right", better="higher", ours=Score("scorer", *interval(ours)),
        rivals=rivals, difference=paired(f"scorer - {best}", ours, found.points[best], seed=seed), goal=GOAL, cases=len(found.pairs),
        floor="chance 0.5; label noise limits to 0.77-0.89", note=leak_check(found),
    )  # fmt: skip
    share, low, high = found.card["validation_of_train_only"]
    check = (f"The settings were chosen on the train part ({found.card['learnt_pairs']:,} pairs learnt in the end); learnt from that part "
             f"alone, the scorer gets {share:.3f} ({low:.3f} to {high:.3f}) of the validation pairs right.")  # fmt: skip
    return Area([row], [check])
