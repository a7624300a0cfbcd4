"""What the customer, price, stock and test tools share: fitted models of the context, and sentences in English and Chinese."""

from __future__ import annotations

import datetime as dt
import json
from functools import cache
from importlib import resources
from typing import Any, TypeVar

import pandas as pd

from campaignwright.market.words import AUDIENCES
from campaignwright.models import store
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, MissingData

M = TypeVar("M", bound=store.Model)


@cache
def _texts() -> dict[str, dict[str, str]]:
    return json.loads(resources.files("campaignwright.tools").joinpath("data/customer_texts.json").read_text("utf-8"))


def say(ctx: Context, code: str, /, **slots: object) -> str:
    """The sentence of `code` in the context's language. Raises KeyError for an unknown code or a missing slot."""
    return _texts()["zh" if ctx.language == "zh" else "en"][code].format(**slots)


def fitted(ctx: Context, cls: type[M], still: str) -> M:
    """The model for the present data, kept in the context. `still`: code of the sentence on what works without it.

    Raises MissingData naming the table that the model lacks.
    """
    key = f"model {cls.NAME} {ctx.workspace.data_hash()} {ctx.seed}"
    if key not in ctx.cache:
        try:
            ctx.cache[key] = store.get(ctx.workspace, cls, seed=ctx.seed)
        except store.MissingTable as error:
            raise MissingData(error.table, still) from error
    return ctx.cache[key]


def optional(ctx: Context, cls: type[M]) -> M | None:
    """The model, or None where the data do not allow one."""
    try:
        return fitted(ctx, cls, "still_other")
    except MissingData:
        return None


def audience_name(ctx: Context, said: str | None) -> str:
    """Canonical audience of an argument, else the brief's, else `all`."""
    if said is None:
        return ctx.brief.audience if ctx.brief else "all"
    return normalise.audience(said, [*AUDIENCES, *(ctx.workspace.settings.get("segments") or {})])


def product_set(ctx: Context, said: str) -> tuple[list[str], str]:
    """(ids, display name) of one product or of a category ("running shoes"), as said. Raises ToolError(retry)."""
    if not ctx.workspace.count("products"):
        raise MissingData("products", "still_products")
    match = normalise.products([said], ctx.workspace).require("product")
    ids = match.ids
    if match.everything:
        return ctx.workspace.query("SELECT product_id FROM products ORDER BY 1")["product_id"].tolist(), say(ctx, "whole_shop")
    if len(ids) == 1:
        return ids, str(ctx.workspace.scalar("SELECT name FROM products WHERE product_id = ?", ids) or ids[0])
    return ids, match.names[0] if len(match.names) == 1 else said


def period(ctx: Context, days: int | None = None) -> tuple[dt.date, int, bool]:
    """(start, days, assumed): of the brief, else from today for two weeks."""
    start = ctx.brief.start if ctx.brief and ctx.brief.start else ctx.today
    if days is not None:
        return start, days, False
    return start, (ctx.brief.days if ctx.brief else 14), ctx.brief is None


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """JSON-ready rows: missing values as None."""
    return [{key: (None if isinstance(value, float) and value != value else value) for key, value in row.items()}
            for row in frame.to_dict("records")]
