"""Batch work: a file of requests, copy for a whole audience. Resumable: finished lines are kept and skipped."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import random
from pathlib import Path
from typing import Any

from campaignwright.market.export_tables import safe_cell
from campaignwright.market.workspace import write_atomic
from campaignwright.ui.terminal import console, new_session, progress_bar, save_plan


def read_requests(path: Path) -> list[dict]:
    """Lines with `id` and `request` (and optionally `session`, `today`). Raises ValueError naming every bad line."""
    rows, problems, seen = [], [], set()
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").split("\n"), 1):
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


def write_audience(copilot, out: Path, *, call: dict[str, Any], limit: int | None = None, seed: int = 0) -> None:
    """Copy for every member of an audience who agreed to the channel: one CSV row a customer, each with one of the
    variants, drawn at random.

    The merge tag of the last product is filled from the customer's orders; the first name is not known here and stays
    a merge tag. Raises ToolError when nothing could be written; then no file is made.
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
    members = agreed[:limit]
    last = copilot.workspace.query(
        "SELECT customer_id, arg_max(name, ordered_at) AS name FROM orders JOIN order_lines USING (order_id) "
        "JOIN products USING (product_id) WHERE quantity > 0 GROUP BY customer_id"
    )
    bought = dict(zip(last["customer_id"], last["name"], strict=True))
    draw, text = random.Random(seed), io.StringIO()
    names = list(asset["variants"][0]["fields"])
    writer = csv.writer(text)
    writer.writerow(["customer_id", "channel", "language", "variant", *names, "status"])
    skipped = 0
    for member in members:
        fields = _personal(draw.choice(asset["variants"]), bought.get(member))
        if fields is None:
            skipped += 1
            continue
        variant, values = fields
        joined = [" | ".join(value) if isinstance(value, list) else value for value in values.values()]
        writer.writerow([member, asset["channel"], asset["language"], variant, *map(safe_cell, joined), "PAUSED"])
    write_atomic(out, text.getvalue().encode("utf-8-sig"))
    console.print(f"{len(members) - skipped:,} customers, {len(asset['variants'])} variants: {out}", highlight=False)
    if len(agreed) < everyone:
        console.print(f"{everyone - len(agreed):,} left out: they did not agree to this channel.", highlight=False)
    elif not model.opt_in_known(audience, asset["channel"]):
        console.print("No consent is recorded for this channel: send only to those who agreed.", highlight=False)
    if skipped:
        console.print(
            f"{skipped:,} left out: their variant names their last product, and none is known.", highlight=False
        )


def _personal(variant: dict[str, Any], last_product: str | None) -> tuple[str, dict[str, Any]] | None:
    """(variant id, fields) for one customer; None when the variant needs a last product that is not known."""
    text = json.dumps(variant["fields"], ensure_ascii=False)
    if "{last_product}" in text:
        if not last_product:
            return None
        text = text.replace("{last_product}", json.dumps(last_product, ensure_ascii=False)[1:-1])
    return variant["id"], json.loads(text)
