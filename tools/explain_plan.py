"""The tool `explain_plan`: one part of the plan that stands, as the document prints it, and the reason for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from campaignwright.market.export_document import part_lines
from campaignwright.tools.base import Context, ToolError, ToolResult, tool
from campaignwright.tools.brief_texts import say

Part = Literal["verdict", "audience", "offer", "budget", "calendar", "forecast", "experiment", "copy", "evidence", "risks"]


@tool
def explain_plan(ctx: Context, part: Annotated[Part, Field(description="the part of the plan that is asked about")]) -> ToolResult:
    """Read out one part of the plan that stands, and why it is so, for a question about it.

    `data`: `part` and its `lines`. Raises ToolError when no plan stands.
    """
    plan = ctx.results.get("finish_plan", {}).get("data", {}).get("plan")
    if plan is None:
        raise ToolError(say("no_plan", "en"), chinese=say("no_plan", "zh"))
    return ToolResult(
        summary={"part": part}, data={"part": part, "lines": part_lines(plan, part)}, notes=[say(f"why_{part}", plan["language"])]
    )
