"""What a turn gives back: the rendered text, the calls that were made, brief, plan and figures. Data only."""

from __future__ import annotations

import json
from typing import Any

from pydantic import BaseModel

from campaignwright.market.words import Brief
from campaignwright.tools.base import Figure


class ToolCall(BaseModel):
    """One tool call. `result`: the ToolResult as JSON, None when it failed; `error`: one line then."""

    name: str
    arguments: dict[str, Any]
    result: dict[str, Any] | None = None
    seconds: float = 0.0
    error: str | None = None


class Turn(BaseModel):
    """One answer to the marketer.

    `text`: what to show; for a plan the caller prints the plan after it. `plan`: the plan made in this turn. `figures`:
    every figure of this turn, with its origin. `notes`: what the data cannot support. `dropped`: sentences of the model
    that were not shown, with the reason. `error`: None, or request | model | tool | repair | limit.
    """

    text: str
    session: str = "default"
    language: str = "en"
    tool_calls: list[ToolCall] = []
    brief: Brief | None = None
    plan: dict[str, Any] | None = None
    figures: list[Figure] = []
    notes: list[str] = []
    dropped: list[tuple[str, str]] = []
    error: str | None = None
    seconds: float = 0.0

    def to_json(self) -> str:
        """The turn as one line of JSON."""
        return json.dumps(self.model_dump(mode="json"), ensure_ascii=False)
