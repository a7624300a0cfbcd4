"""Suite `copy`: what the copywriter delivers for the demo shop, channel by channel, English and Chinese.

`delivered`: requests, of three variants each (of twenty where 400 variants or more are wanted), that got copy at all; `drafts
kept`: drafts that passed every check; `in breach`: delivered variants that break a limit, state an unknown fact, hold a banned
claim or lack the opt-out, by the tool's own checks and, `by audit`, by a second, independent reading (`evals/copy_audit.py`).
`audience` and `offer`: read off the text by a classifier trained on the hand-written exemplars; beside it the exemplars in five
folds and the variants with their labels shuffled; `by the lines too`: the classifier also saw the single lines that the
copywriter was taught, so it knows the copywriter's own words. `longest run`: share of a text's longest run of words that stands
word for word in another exemplar or in a taught line; `distinct-2` and `self-BLEU` on sets of one size; beside them the
exemplars' own and template filling (an exemplar of the same channel with the shop's facts). Intervals, 95 %: Wilson for
delivery, drafts and breaches (as if variants of one request were independent); a bootstrap of whole requests for what is read
off several variants of one; a jackknife for distinct-2.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from campaignwright.agent.backends import load_model
from campaignwright.evals import copy_reading
from campaignwright.evals.bench import share
from campaignwright.evals.copy_audit import audit
from campaignwright.finetune.copy_lines import CHOICES
from campaignwright.market.demo import make_demo
from campaignwright.market.workspace import Workspace
from campaignwright.tools.base import Context
from campaignwright.tools.copy_format import FIELDS
from campaignwright.tools.copy_rules import check_copy, passes
from campaignwright.tools.write_copy import CopyJob, copy_asset

END = dt.date(2026, 11, 22)
LANGUAGES = ("en", "zh")
SETTINGS = {"gift": "travel mug", "free_shipping_over": 60, "discount_code": "HELLO15"}  # so that every offer can be stated
VARIANTS = 60  # delivered for each channel and language unless `limit` says otherwise
REQUESTS = 20  # at least, for each channel and language: variants of one request are alike
ASKED = (3, 20)  # variants that a request asks for, least (what a plan asks for) and most: many in one batch cost far less each
PATIENCE = 4  # times the requests that would do if each delivered all it was asked for

Progress = Callable[[float, str], None]


def job(rng: np.random.Generator, workspace: Workspace, channel: str, language: str) -> CopyJob:
    """A request as plans make them: a product of the shop, every other value drawn."""
    products = workspace.query("SELECT product_id FROM products ORDER BY 1")["product_id"].tolist()
    drawn = {name: str(rng.choice(choices)) for name, choices in CHOICES.items()}
    depth = float(rng.choice([0.1, 0.15, 0.2, 0.3])) if drawn["offer"] in ("percent_off", "amount_off", "bundle") else 0.0
    chosen = rng.choice(products, 2 if drawn["offer"] == "bundle" else 1, replace=False).tolist()
    return CopyJob(
        channel=channel, language=language, discount=depth, products=chosen, start=END, days=int(rng.integers(5, 29)),
        extra={}, planned=True, **drawn,
    )  # fmt: skip


def run(*, model: str = "embedded", adapter: str | None = None, limit: int | None = None, seed: int = 0,
        progress: Progress | None = None) -> dict[str, Any]:
    """Have `limit` (60) variants delivered for each channel and language, and measure them; 1,000 take about half an hour on
    one core. Stops asking a channel after four times the requests that should do. `progress(fraction, text)` is called after every
    request."""
    rng, wanted = np.random.default_rng(seed), limit or VARIANTS
    batch = min(max(-(-wanted // REQUESTS), ASKED[0]), ASKED[1])
    writer = load_model(model, adapter=adapter, seed=seed).writer
    summary: dict[str, list[float]] = {}
    rows: list[dict[str, Any]] = []
    cells = [(channel, language) for language in LANGUAGES for channel in FIELDS]
    with tempfile.TemporaryDirectory() as folder, make_demo(Path(folder) / "demo", end=END, seed=0) as workspace:
        workspace.settings |= SETTINGS
        cache: dict[str, Any] = {}
        for number, (channel, language) in enumerate(cells):
            ctx = Context(workspace, END, seed=seed, language=language, writer=writer, cache=cache)
            asked: list[dict[str, Any]] = []
            while (have := sum(len(one["variants"]) for one in asked)) < wanted and len(asked) < PATIENCE * -(-wanted // batch):
                asked.append(_ask(rng, ctx, channel, min(batch, wanted - have), f"{channel}/{language}/{len(asked)}"))
                if progress:
                    progress((number + min((have + batch) / wanted, 1.0)) / len(cells), f"{channel}, {language}")
            summary |= _channel(f"{channel}/{language}", asked)
            rows += [one for request in asked for one in request["variants"]]
    more = _breaches(rows)
    for language in LANGUAGES:
        figures, lines = copy_reading.read([row for row in rows if row["language"] == language], language, rng)
        summary, more = summary | figures, more + lines
    note = (__doc__ or "").split("\n\n")[1]
    return {"rows": rows, "summary": summary, "unit": "share", "note": note, "more": more}


def _ask(rng: np.random.Generator, ctx: Context, channel: str, want: int, name: str) -> dict[str, Any]:
    """One request: its variants with their labels and breaches, and how many drafts were rejected."""
    ctx.seed = int(rng.integers(2**31))  # another request in the same words gets other copy
    asset, rejected, _ = copy_asset(ctx, job(rng, ctx.workspace, channel, ctx.language), want)
    spec = asset["spec"]
    labels = {"channel": channel, "language": ctx.language, "offer": spec["offer"]}
    settings = ctx.workspace.settings
    facts = {slot: text for slot, text in asset["facts"].items() if slot in spec["slots"]}
    samples = {slot: text for slot, text in asset["samples"].items() if slot in spec["slots"]}
    variants = [
        {**labels, "request": name, "audience": spec["audience"], "raw": one["raw"], "preview": one["preview"],
         "in breach": not passes(check_copy(one["raw"], facts, samples, **labels, audience=spec["audience"], settings=settings)),
         "breaches": audit(one["preview"], facts | samples, **labels)}
        for one in asset["variants"]
    ]  # fmt: skip
    return {"variants": variants, "rejected": len(rejected)}


def _channel(name: str, asked: list[dict[str, Any]]) -> dict[str, list[float]]:
    """Delivery, drafts kept and breaches of one channel and language."""
    variants = [one for request in asked for one in request["variants"]]
    drafts = len(variants) + sum(request["rejected"] for request in asked)
    return {
        f"{name}: delivered": share([bool(request["variants"]) for request in asked]),
        f"{name}: drafts kept": share([True] * len(variants) + [False] * (drafts - len(variants))),
        f"{name}: in breach": share([one["in breach"] for one in variants]),
        f"{name}: in breach, by audit": share([bool(one["breaches"]) for one in variants]),
    }


def _breaches(rows: list[dict[str, Any]], examples: int = 2) -> list[str]:
    """Markdown lines: what the audit found, how often, with examples."""
    found = [(breach.split(":")[0], f"{row['channel']}, {row['language']}: {breach}") for row in rows for breach in row["breaches"]]
    lines = ["## Breaches by the audit", "", f"{sum(bool(row['breaches']) for row in rows)} of {len(rows)} delivered variants.", ""]
    for kind, count in Counter(kind for kind, _ in found).most_common():
        lines += [f"- **{kind}**: {count}", *(f"  - {text}" for text in [text for one, text in found if one == kind][:examples])]
    return [*lines, ""]
