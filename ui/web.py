"""The chat in a browser: Gradio on 127.0.0.1. Presentation only.

Left the conversation with its tool cards as they happen, right the plan (tables, three plots), its files, the import.
No outside request: system fonts, analytics off.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
os.environ.setdefault("HF_HUB_OFFLINE", "1")

import gradio as gr

from campaignwright.market.export_labels import figure_label, label
from campaignwright.market.exporters import render_markdown
from campaignwright.market.formats_generic import NEEDED
from campaignwright.market.ledger import Ledger
from campaignwright.ui import files as plan_files
from campaignwright.ui import plots
from campaignwright.ui.desk import Desk, new_session

CSS = (Path(__file__).parent / "assets" / "web.css").read_text(encoding="utf-8")
EXAMPLES = [
    "Plan a 2-week campaign for running shoes, $20k, ROAS at least 4",
    "Win back lapsed customers by email and SMS next week, $5k, no more than 15% off",
    "给老客户做一个咖啡的活动，预算2万美元，下周一开始，两周",
    "What is the best price for headphones?",
]
EMPTY_PLAN = "*The plan appears here: audience, offer and price, budget, calendar, forecast, test and copy.*"
FONT = ["system-ui", "-apple-system", "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "sans-serif"]
THEME = gr.themes.Soft(primary_hue="teal", neutral_hue="slate", font=FONT, font_mono=["ui-monospace", "monospace"])


def _card(event: dict, currency: str = "") -> gr.ChatMessage:
    """One tool call as a collapsible card: input and, when it has ended, output and time. `currency`: the workspace's."""
    lines = [f"**Input**\n```json\n{json.dumps(event['arguments'], ensure_ascii=False, indent=1)}\n```"]
    finished = event["type"] == "tool_end"
    channel = event["arguments"].get("channel")
    title = event["name"].replace("_", " ") + (f": {channel}" if channel else "")
    metadata = {"title": title, "status": "done" if finished else "pending"}
    if finished:
        metadata["duration"] = round(event["seconds"], 2)
        result = event["result"] or {}
        lines.append(f"**Error:** {event['error']}" if event.get("error") else _result(result, event["language"], currency))
    return gr.ChatMessage(role="assistant", content="\n\n".join(lines), metadata=metadata)


def _result(result: dict, language: str, currency: str) -> str:
    rows = [
        f"| {figure_label(figure['name'], figure['source']['tool'], language)} | {plots.show(figure, language, currency)} "
        f"| {plots.interval(figure, language, currency)} |"
        for figure in result.get("figures", [])
    ]
    head = " | ".join(label("text", word, language) for word in ("figure", "expected", "range"))
    parts = [f"| {head} |\n|---|---|---|\n" + "\n".join(rows)] if rows else []
    parts.append(f"**Output**\n```json\n{json.dumps(result.get('summary', {}), ensure_ascii=False, indent=1)}\n```")
    return "\n\n".join([*parts, *(f"Note: {note}" for note in result.get("notes", []))])


def _session(workspace: str, session: str) -> str:
    """One conversation a browser tab and workspace."""
    return f"{workspace}-{session}"


def _answer(desk: Desk, text: str, history: list, workspace: str, session: str) -> Iterator[tuple]:
    """Stream one turn: yields (history, textbox, plan) as things happen."""
    history = [*history, gr.ChatMessage(role="user", content=text)]
    yield history, gr.update(value="", interactive=False), gr.skip()
    running: int | None = None  # the card, or the text, that is still growing
    plan = gr.skip()
    try:
        copilot = desk.copilot(workspace)
        for event in copilot.stream(text, session=_session(workspace, session)):
            if event["type"] == "tool_start":
                history.append(_card(event))
                running = len(history) - 1
            elif event["type"] == "tool_end":
                history[running] = _card(event, copilot.workspace.currency)
                running = None
            elif event["type"] == "text":
                if running is None:
                    history.append(gr.ChatMessage(role="assistant", content=""))
                    running = len(history) - 1
                history[running].content += event["text"]
            elif event["type"] == "done":
                turn = event["turn"]
                plan = turn.plan or gr.skip()
                history[len(history) if running is None else running :] = [
                    gr.ChatMessage(role="assistant", content=turn.text)
                ]
            else:
                continue
            yield history, gr.update(), plan
    except Exception as error:  # shown to the marketer as one line; the page stays usable
        line = str(error).splitlines()[0] if str(error) else type(error).__name__
        history.append(gr.ChatMessage(role="assistant", content=f"⚠ {line}"))
    yield history, gr.update(interactive=True), plan


def _verdict(plan: dict | None) -> str:
    """The plan's title and verdict."""
    return plan_files.heading(plan) if plan else "There is no plan to approve yet."


def _show_plan(plan: dict | None) -> tuple:
    """The plan's title and verdict, three plots, the rest of its text, and files to download."""
    hidden = gr.update(visible=False)
    if not plan:
        return EMPTY_PLAN, hidden, hidden, hidden, "", hidden
    files = plan_files.documents(plan, Path(tempfile.mkdtemp(prefix="campaignwright-")))
    figures = [plots.forecast(plan), plots.budget(plan), plots.price(plan)]
    shown = [gr.update(value=figure, visible=figure is not None) for figure in figures]
    rest = render_markdown(plan).partition("\n## ")[2]
    return _verdict(plan), *shown, f"## {rest}", gr.update(value=[str(file) for file in files], visible=True)


def _mapping(text: str) -> dict[str, str]:
    """`order_id=Number, ordered_at=Date` (or one a line) as a dict. Raises ValueError. A header may hold a comma."""
    pairs = [pair.split("=", 1) for pair in re.split(r"[,，;\n](?=\s*\w+\s*=)", text) if pair.strip()]
    if any(len(pair) < 2 or not all(part.strip() for part in pair) for pair in pairs):
        raise ValueError("Columns: write column=header, such as order_id=Number, ordered_at=Date.")
    return {column.strip(): header.strip() for column, header in pairs}


def _import(
    desk: Desk,
    files: list[str] | None,
    workspace: str,
    table: str = "",
    mapping: str = "",
    currency: str = "",
    progress=gr.Progress(),  # noqa: B008 (Gradio's way)
) -> str:
    """Import the dropped files and report on each; a bad one changes nothing."""
    if not files:
        return "Choose one or more export files first."
    lines = []
    for file in files:
        name = Path(file).name
        try:
            report = desk.copilot(workspace).import_file(
                file,
                table=table or None,
                mapping=_mapping(mapping or "") or None,
                currency=(currency or "").strip() or None,
                progress=lambda part, text="", name=name: progress(part, desc=f"{name} {text}"),
            )
        except Exception as error:  # one line per bad file
            lines.append(f"**{name}**: ⚠ {str(error).splitlines()[0]}")
            continue
        lines.append(_report(report))
    return "\n\n".join(lines)


def _report(report) -> str:
    if report.unchanged:
        return f"**{report.file_name}**: already imported, nothing changed."
    rows = [
        f"| {name.replace('_', ' ')} | "
        + " | ".join(f"{value[part]:,.2f}".removesuffix(".00") for part in ("file", "kept", "rejected"))
        + " |"
        for name, value in report.totals.items()
    ]
    totals = "\n\n| total | in the file | kept | rejected |\n|---|---|---|---|\n" + "\n".join(rows) if rows else ""
    rejected = "".join(f"\n- line {reject.line}: {reject.reason}" for reject in report.rejected[:5])
    warnings = "".join(f"\n- {warning}" for warning in report.warnings)
    return (
        f"**{report.file_name}** ({report.format}): {report.rows_read:,} rows read, {report.rows_kept:,} kept, "
        f"{report.rows_rejected:,} rejected.{totals}\n{rejected}{warnings}"
    )


def _approve(desk: Desk, plan: dict | None, workspace: str) -> tuple:
    """Approve this version and write the import files, everything in them paused."""
    if not plan:
        return "There is no plan to approve yet.", gr.skip()
    folder = Path(tempfile.mkdtemp(prefix="campaignwright-"))
    files, absent = plan_files.approve_and_export(plan, Ledger(desk.path(workspace)), folder)
    lines = [f"Approved version `{plan['plan_hash']}`. Everything in the files is paused; nothing was sent.",
             plan_files.past_mailings(plan, desk.copilot(workspace).workspace)]  # fmt: skip
    left = "\n".join(plan_files.to_do(plan, plan_files.AD_FORMATS))
    return "\n\n".join([*lines, *absent, left]), gr.update(value=[str(file) for file in files], visible=bool(files))


def build(desk: Desk) -> gr.Blocks:
    """The page."""
    with gr.Blocks(title="Campaignwright", fill_height=True, fill_width=True) as page:
        session = gr.State(new_session)
        plan = gr.State(None)
        with gr.Row(elem_id="head"):
            gr.Markdown(
                "# Campaignwright\nSay what you want to achieve; every number comes from your data.", elem_id="title"
            )
            workspace = gr.Dropdown(
                desk.workspaces(),
                value=desk.first,
                label="Workspace",
                info="Type a name to start a new one",
                allow_custom_value=True,
                elem_id="workspace",
                scale=0,
                min_width=280,
            )
        with gr.Row(equal_height=False, elem_id="body"):
            with gr.Column(scale=5, min_width=380):
                chat = _conversation(desk, workspace, session, plan)
            with gr.Column(scale=6, min_width=420), gr.Tabs(elem_id="side"):
                with gr.Tab("Plan"):
                    _plan_tab(plan)
                with gr.Tab("Import data"):
                    _import_tab(desk, workspace)
                with gr.Tab("Approve and export"):
                    _approve_tab(desk, workspace, plan)
        workspace.change(lambda: ([], None, new_session()), None, [chat, plan, session])
    return page


def _conversation(desk: Desk, workspace: gr.Dropdown, session: gr.State, plan: gr.State) -> gr.Chatbot:
    """The chat, its input and the examples."""
    chat = gr.Chatbot(
        show_label=False,
        height="66vh",
        elem_id="chat",
        group_consecutive_messages=True,
        layout="bubble",
        placeholder="### What should we sell, to whom, by when?\nIn English or Chinese.",
    )
    with gr.Row():
        box = gr.Textbox(
            placeholder="Plan a 2-week campaign for running shoes, $20k, ROAS at least 4",
            show_label=False,
            elem_id="box",
            scale=8,
            autofocus=True,
            max_length=8000,
        )
        send = gr.Button("Ask", variant="primary", elem_id="send", scale=1, min_width=90)
    gr.Examples(EXAMPLES, inputs=box, label="For instance")

    def answer(message: str, history: list, name: str, tab: str):
        if not message.strip():
            yield gr.skip(), gr.skip(), gr.skip()
            return
        yield from _answer(desk, message, history or [], name, tab)

    for event in (send.click, box.submit):
        event(answer, [box, chat, workspace, session], [chat, box, plan], concurrency_limit=1, concurrency_id="turn")
    return chat


def _plan_tab(plan: gr.State) -> None:
    """The plan's verdict, plots, text and files."""
    verdict = gr.Markdown(EMPTY_PLAN, elem_id="verdict")
    drawn = [
        gr.Plot(visible=False, show_label=False, elem_id=name)
        for name in ("plot-forecast", "plot-budget", "plot-price")
    ]
    text = gr.Markdown(elem_id="plan")
    files = gr.File(
        label="Download the plan", visible=False, file_count="multiple", interactive=False, elem_id="files"
    )
    plan.change(_show_plan, [plan], [verdict, *drawn, text, files])


def _import_tab(desk: Desk, workspace: gr.Dropdown) -> None:
    """Files to import, how to read an unknown one, and the report."""
    upload = gr.File(
        label="Drop exports: Google, Meta, Klaviyo, Mailchimp, Shopify, any CSV",
        file_count="multiple",
        type="filepath",
        elem_id="upload",
    )
    with gr.Accordion("A file of another format: name its table and columns", open=False, elem_id="other"):
        table = gr.Dropdown(
            [("Recognise by its headers", ""), *NEEDED], value="", label="Table that the files fill", elem_id="table"
        )
        mapping = gr.Textbox(
            label="Columns",
            info="column of the table = header in the file; those of the same name need no entry",
            placeholder="order_id=Number, ordered_at=Date, total=Amount",
            elem_id="mapping",
        )
        currency = gr.Textbox(
            label="Currency of the amounts, when the file states none",
            placeholder="EUR",
            max_length=3,
            elem_id="currency",
        )
    load = gr.Button("Import", variant="primary", elem_id="import")
    report = gr.Markdown(elem_id="report")
    load.click(
        lambda *given: _import(desk, *given),
        [upload, workspace, table, mapping, currency],
        report,
        concurrency_limit=1,
        concurrency_id="turn",
    )


def _approve_tab(desk: Desk, workspace: gr.Dropdown, plan: gr.State) -> None:
    """Approval of the plan shown, and the files that follow from it."""
    about = gr.Markdown("There is no plan to approve yet.", elem_id="about")
    gr.Markdown("Approval is for exactly this plan. Nothing is sent or spent: you get files, all paused.")
    approve = gr.Button("Approve this plan and write the import files", elem_id="approve")
    approved = gr.Markdown(elem_id="approved")
    exports = gr.File(
        label="Files to import into your ad accounts and mailing tools",
        visible=False,
        file_count="multiple",
        interactive=False,
        elem_id="exports",
    )
    plan.change(_verdict, [plan], [about])
    approve.click(lambda value, name: _approve(desk, value, name), [plan, workspace], [approved, exports])


def launch(
    first: str, *, model: str, adapter: str | None, today: dt.date | None, seed: int, port: int, open_browser: bool
) -> None:
    """Serve the page on 127.0.0.1 until Ctrl-C. The first workspace is opened before the page, so errors come early."""
    desk = Desk(first, model=model, adapter=adapter, today=today, seed=seed)
    desk.copilot(desk.first)
    try:
        build(desk).queue().launch(
            server_name="127.0.0.1",
            server_port=port,
            inbrowser=open_browser,
            theme=THEME,
            css=CSS,
            footer_links=[],
            ssr_mode=False,
        )
    finally:
        desk.close()
