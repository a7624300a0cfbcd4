"""Batch work: a file of requests, copy for a whole audience. Resumable: finished lines are kept and skipped."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from campaignwright.market.export_tables import safe_cell
from campaignwright.market.workspace import Workspace, write_atomic
from campaignwright.ui.customer_list import identifiers
from campaignwright.ui.terminal import console, new_session, progress_bar, save_plan

CONTROL = "control"  # the variant of those who are held out


def read_requests(path: Path) -> list[dict]:
    """Lines with `id` and `request` (and optionally `session`, `today`). Raises ValueError naming every bad line."""
    rows, problems, seen = [], [], set()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name}: expected UTF-8 text, one JSON a line with id and request; byte {error.start} is none.") from error
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or not isinstance(row["request"], str):
                raise KeyError("request")
            row["id"] = str(row["id"])
            if "today" in row:
                row["today"] = dt.date.fromisoformat(row["today"])
            if row["id"] in seen:
                raise ValueError(f"id {row['id']!r} stands twice")
        except (ValueError, KeyError, TypeError) as error:
            problems.append(f"line {number} ({error})")
            continue
        seen.add(row["id"])
        rows.append(row)
    if problems:
        raise ValueError(f"{path.name}: each line needs JSON with id and request; wrong: {'; '.join(problems[:5])}.")
    return rows


def done_ids(out: Path) -> set[str]:
    """Ids already answered in `out`. A last line that a kill cut short is taken off, and so are turns that failed for
    want of the model, which are asked again; all else stays as it is."""
    if not out.exists():
        return set()
    *lines, last = out.read_bytes().split(b"\n")
    kept = [line for line in lines if not _failed(line)] + ([last] if _read(last).get("id") and not _failed(last) else [])
    if last or len(kept) < len(lines):
        write_atomic(out, b"".join(line + b"\n" for line in kept))
    return {str(found) for line in kept if (found := _read(line).get("id"))}


def _read(line: bytes) -> dict[str, Any]:
    """An answer of the file, {} for what is none."""
    try:
        answer = json.loads(line)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _failed(line: bytes) -> bool:
    return _read(line).get("error") == "model"


def ask_file(copilot, requests: Path, out: Path) -> int:
    """Answer every request in order; one Turn JSON a line with its `id`. A second run goes on from there and asks again
    what the model failed at. Returns how many turns failed."""
    rows = read_requests(requests)
    finished, failed = done_ids(out), 0
    with progress_bar() as progress, open(out, "a", encoding="utf-8") as file:
        task = progress.add_task("Requests", total=len(rows), completed=sum(row["id"] in finished for row in rows))
        for row in rows:
            if row["id"] in finished:
                continue
            turn = copilot.ask(row["request"], session=row.get("session") or new_session(), today=row.get("today"))
            value = turn.to_json()
            value = json.loads(value) if isinstance(value, str) else value
            file.write(json.dumps({"id": row["id"], **value}, ensure_ascii=False) + "\n")
            file.flush()
            if turn.plan:  # so that it can be approved
                save_plan(turn.plan, copilot.workspace.path)
            failed += turn.error is not None
            progress.advance(task)
    console.print(f"{len(rows)} turns in {out}" + (f", {failed} failed" if failed else ""), highlight=False)
    return failed


@dataclass(frozen=True)
class Mailing:
    """How an audience is written to. limit: customers at most; holdout: share (0-1) that gets nothing, for comparison;
    customers: the marketer's own list, whose ids or addresses the file then holds."""

    limit: int | None = None
    holdout: float = 0.0
    customers: Path | None = None
    seed: int = 0


def write_audience(copilot, out: Path, *, call: dict[str, Any], mailing: Mailing) -> None:
    """Copy for every member of an audience who agreed to the channel: one CSV row a customer, each with one of the
    variants, drawn at random.

    The merge tag of the last product is filled from the customer's orders, that of the first name from the marketer's list; who
    lacks one gets a variant without it. Who is held out has the variant "control" and no text. Raises ToolError when nothing
    could be written; then no file is made.
    """
    from campaignwright.models import store
    from campaignwright.models.audience import AudienceModel

    given = {key: value for key, value in call.items() if value is not None}
    asset = copilot.call("write_copy", given).data["asset"]
    if not asset["variants"]:
        raise ValueError("No copy passed the checks; ask for another product or tone, or for fewer facts.")
    model = store.get(copilot.workspace, AudienceModel)
    audience = asset["written_for"][0]
    agreed, everyone = model.consenting(audience, asset["channel"]), model.size(audience)
    header, shown, names = "customer_id", {member: member for member in agreed}, {}
    if mailing.customers:
        header, shown, names = identifiers(copilot.workspace, mailing.customers, agreed)
    members = [member for member in agreed if member in shown][: mailing.limit]
    rows = list(_rows(asset, members, {"first_name": names, "last_product": _last_products(copilot.workspace)}, mailing))
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([header, "channel", "language", "variant", *asset["variants"][0]["fields"], "status"])
    writer.writerows([safe_cell(shown[member]), *row] for member, row in rows)
    write_atomic(out, text.getvalue().encode("utf-8-sig"))
    held, skipped = sum(row[2] == CONTROL for _, row in rows), len(members) - len(rows)
    told = [f"{len(rows) - held:,} customers, {len(asset['variants'])} variants: {out}"]
    told += [f"{held:,} held out for comparison, drawn at random: send them nothing."] if held else []
    if mailing.customers:
        told += [f"{missed:,} left out: {mailing.customers.name} does not name them."] if (missed := len(agreed) - len(shown)) else []
    elif any(re.fullmatch("c[0-9a-f]{16}", member) for member in members):
        told.append("The ids are this workspace's pseudonyms: --customers YOUR_LIST.csv puts your own ids or addresses in.")
    if len(agreed) < everyone:
        told.append(f"{everyone - len(agreed):,} left out: they did not agree to this channel.")
    elif not model.opt_in_known(audience, asset["channel"]):
        told.append("No consent is recorded for this channel: send only to those who agreed.")
    told += [f"{skipped:,} left out: every variant names them or their last product, and that is not known."] if skipped else []
    for line in told:
        console.print(line, highlight=False)


def _last_products(workspace: Workspace) -> dict[str, str]:
    """Customer id -> name of the product bought last."""
    last = workspace.query(
        "SELECT customer_id, arg_max(name, ordered_at) AS name FROM orders JOIN order_lines USING (order_id) "
        "JOIN products USING (product_id) WHERE quantity > 0 GROUP BY customer_id"
    )
    return dict(zip(last["customer_id"], last["name"], strict=True))


def _rows(
    asset: dict[str, Any], members: list[str], known: dict[str, dict[str, str]], mailing: Mailing
) -> Iterator[tuple[str, list[str]]]:
    """(customer, cells after the id) of everyone who can be written to or is held out. `known`: merge tag -> customer -> value."""
    draw = random.Random(mailing.seed)
    blank = [""] * len(asset["variants"][0]["fields"])
    for member in members:
        own = [fields for one in asset["variants"] if (fields := _personal(one, member, known))]
        fields = draw.choice(own) if own else None
        held = random.Random(f"holdout {mailing.seed} {member}").random() < mailing.holdout  # the same people on every channel
        if fields is None:
            continue
        joined = [" | ".join(value) if isinstance(value, list) else value for value in fields[1].values()]
        cells = [CONTROL, *blank, "DO NOT SEND"] if held else [fields[0], *map(safe_cell, joined), "PAUSED"]
        yield member, [asset["channel"], asset["language"], *cells]


def _personal(variant: dict[str, Any], member: str, known: dict[str, dict[str, str]]) -> tuple[str, dict[str, Any]] | None:
    """(variant id, fields) for one customer; None when a merge tag of the variant is not known of them."""
    text = json.dumps(variant["fields"], ensure_ascii=False)
    for tag, values in known.items():
        if f"{{{tag}}}" in text:
            if member not in values:
                return None
            text = text.replace(f"{{{tag}}}", json.dumps(values[member], ensure_ascii=False)[1:-1])
    return variant["id"], json.loads(text)
