"""The copilot: planner loop, chat-model backends, constrained decoding, prompts, sessions, number grounding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from campaignwright.agent.copilot import Copilot
    from campaignwright.agent.turns import ToolCall, Turn

__all__ = ["Copilot", "ToolCall", "Turn"]


def __getattr__(name: str) -> Any:
    """Load the public names on first use: importing a single part of this package stays quick."""
    if name == "Copilot":
        from campaignwright.agent.copilot import Copilot

        return Copilot
    if name in ("Turn", "ToolCall"):
        from campaignwright.agent import turns

        return getattr(turns, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
