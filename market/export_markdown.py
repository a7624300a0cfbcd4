"""A plan as Markdown: what the command line and the chat print."""

from __future__ import annotations

import re
from typing import Any

from campaignwright.market.export_document import Block, Bullets, Heading, Paragraph, Table, document


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _inline(text: str) -> str:
    """Text that Markdown will not read as its own marks."""
    return re.sub(r"([*<])", r"\\\1", text)


def _block(block: Block) -> str:
    if isinstance(block, Heading):
        return f"{'#' * block.level} {_inline(block.text)}"
    if isinstance(block, Paragraph):
        strong = f"**{_inline(block.strong)}**" if block.strong else ""
        return f"{strong} {_inline(block.text)}".strip()
    if isinstance(block, Bullets):
        return "\n".join("- " + _inline(item).replace("\n\n", "\n").replace("\n", "  \n  ") for item in block.items)
    assert isinstance(block, Table)
    rows = [block.header, ["---"] * len(block.header), *block.rows]
    return "\n".join("| " + " | ".join(_cell(cell) if n == 1 else _cell(_inline(cell)) for cell in row) + " |"
                     for n, row in enumerate(rows))


def render_markdown(plan: dict[str, Any]) -> str:
    """The plan in Markdown, in its own language."""
    return "\n\n".join(_block(block) for block in document(plan)) + "\n"
