"""A plan as a Word document, with python-docx's default styles."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

from docx import Document
from docx.oxml.ns import qn
from docx.shared import Pt

from campaignwright.market.export_document import Bullets, Heading, Paragraph, Table, document

_FIXED = dt.datetime(2000, 1, 1)  # the same plan gives the same file


def _table(target: Any, block: Table) -> None:
    rows = ([block.header] if any(block.header) else []) + block.rows
    table = target.add_table(rows=len(rows), cols=len(block.header), style="Light Grid Accent 1")
    for line, row in zip(table.rows, rows, strict=True):
        for cell, text in zip(line.cells, row, strict=True):
            cell.text = text
            for run in cell.paragraphs[0].runs:
                run.font.size = Pt(9)
    target.add_paragraph()


def render_docx(plan: dict[str, Any]) -> bytes:
    """The plan as a .docx file's bytes."""
    target = Document()
    style = target.styles["Normal"]
    style.font.name, style.font.size = "Calibri", Pt(10.5)
    style.element.rPr.rFonts.set(qn("w:eastAsia"), "Microsoft YaHei")  # Chinese text falls back to it
    target.core_properties.author = "Campaignwright"
    target.core_properties.created = target.core_properties.modified = _FIXED
    for block in document(plan):
        if isinstance(block, Heading):
            target.add_heading(block.text, level=block.level)
        elif isinstance(block, Paragraph):
            paragraph = target.add_paragraph()
            if block.strong:
                paragraph.add_run(block.strong + " ").bold = True
            paragraph.add_run(block.text)
        elif isinstance(block, Bullets):
            for item in block.items:
                target.add_paragraph(item, style="List Bullet")
        else:
            _table(target, block)
    buffer = io.BytesIO()
    target.save(buffer)
    return buffer.getvalue()
