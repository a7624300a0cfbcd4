"""The tool `finish_plan`: the chosen strategy becomes the whole plan (see `plan`)."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from campaignwright.tools.base import Context, ToolResult, tool
from campaignwright.tools.plan import build_plan, plan_result


@tool
def finish_plan(
    ctx: Context,
    strategy_id: Annotated[str, Field(description="the strategy to finish, such as s1")],
) -> ToolResult:
    """Put the whole campaign plan together: audience, price, budget, calendar, forecast, test, stock, copy, risks."""
    return plan_result(build_plan(ctx, strategy_id))
