"""The plan's three plots: forecast with intervals, budget split, price curve. Every number drawn is a figure's."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from campaignwright.market import export_numbers
from campaignwright.market.export_labels import label

INK, ACCENT, SOFT = "#0f766e", "#0d9488", "#99f6e4"
MONEY, COUNTS = ("revenue", "profit"), ("impressions", "clicks", "orders")


def show(figure: dict[str, Any], language: str, currency: str) -> str:
    """A figure as text."""
    return export_numbers.show(figure, language, currency)


def interval(figure: dict[str, Any], language: str, currency: str) -> str:
    """A figure's 80 % interval as text, a dash when it has none."""
    return export_numbers.show_range(figure, language, currency) or "–"


def _layout(figure: go.Figure, title: str, height: int) -> go.Figure:
    figure.update_layout(
        title={"text": title, "x": 0.01, "font": {"size": 15}},
        height=height,
        template="plotly_white",
        showlegend=False,
        margin={"l": 10, "r": 20, "t": 46, "b": 10},
        font={"family": "system-ui, Noto Sans, Noto Sans CJK SC, sans-serif"},
    )
    figure.update_xaxes(automargin=True)
    figure.update_yaxes(automargin=True)
    return figure


def _by_id(plan: dict) -> dict[str, dict]:
    return {figure["id"]: figure for figure in plan["figures"]}


def forecast(plan: dict) -> go.Figure | None:
    """Expected value and 80 % interval of each forecast figure, one row each, since their scales differ."""
    figures, language = _by_id(plan), plan["language"]
    rows = [figures[key] for key in plan["forecast"]["figures"] if figures[key]["low"] is not None]
    order = ("revenue", "profit", "roas", "orders", "clicks", "impressions")
    rows = [figure for name in order for figure in rows if figure["name"] == name]
    if not rows:
        return None
    drawing = make_subplots(rows=len(rows), cols=1, vertical_spacing=0.06)
    for number, figure in enumerate(rows, 1):
        name = label("figure", figure["name"], language)
        currency = plan["brief"]["currency"]
        text = f"{show(figure, language, currency)} ({interval(figure, language, currency)})"
        drawing.add_scatter(
            x=[figure["value"]],
            y=[name],
            row=number,
            col=1,
            mode="markers+text",
            text=[text],
            textposition="top center",
            cliponaxis=False,
            marker={"color": INK, "size": 11},
            hovertemplate=f"{name}: {text}<extra></extra>",
            error_x={
                "type": "data",
                "symmetric": False,
                "array": [figure["high"] - figure["value"]],
                "arrayminus": [figure["value"] - figure["low"]],
                "color": ACCENT,
                "thickness": 5,
                "width": 0,
            },
        )
        edges = [figure["low"], figure["high"], 0.0]
        pad = 0.12 * (max(edges) - min(edges) or 1.0)
        drawing.update_xaxes(
            range=[min(edges) - pad, max(edges) + pad], tickformat="~s", nticks=5, zeroline=True, row=number, col=1
        )
    title = {"en": "Forecast with 80 % intervals", "zh": "预测与80%区间"}[language]
    return _layout(drawing, title, 90 + 74 * len(rows))


def budget(plan: dict) -> go.Figure | None:
    """Spend per channel."""
    figures, language, currency = _by_id(plan), plan["language"], plan["brief"]["currency"]
    rows = [
        (label("channel", row["channel"], language), figures[row["spend"]["figure"]])
        for row in plan["budget"].get("channels", [])
        if row.get("spend")
    ]
    if not rows:
        return None
    rows.sort(key=lambda row: row[1]["value"])
    drawing = go.Figure(
        go.Bar(
            x=[figure["value"] for _, figure in rows],
            y=[name for name, _ in rows],
            orientation="h",
            marker_color=ACCENT,
            cliponaxis=False,
            text=[show(figure, language, currency) for _, figure in rows],
            textposition="outside",
            hovertemplate="%{y}: %{text}<extra></extra>",
        )
    )
    drawing.update_xaxes(range=[0, 1.22 * max(figure["value"] for _, figure in rows) or 1], tickformat="~s")
    return _layout(drawing, {"en": "Budget by channel", "zh": "各渠道预算"}[language], 110 + 38 * len(rows))


def price(plan: dict) -> go.Figure | None:
    """Profit (revenue where no cost is known) of the plan's lead product over the discount, with its 80 % band; the
    plan's discount is marked. None where the plan holds no curve."""
    drawn = plan["price"].get("curve") or {}
    curve = drawn.get("rows", [])
    if len(curve) < 2:
        return None
    name = "profit" if curve[0].get("profit") is not None else "revenue"
    depth = [row["discount"] for row in curve]
    drawing = go.Figure()
    edge = [*(row[f"{name}_high"] for row in curve), *reversed([row[f"{name}_low"] for row in curve])]
    drawing.add_scatter(
        x=depth + depth[::-1], y=edge, fill="toself", fillcolor=SOFT, opacity=0.45, line={"width": 0}, hoverinfo="skip"
    )
    drawing.add_scatter(
        x=depth,
        y=[row[name] for row in curve],
        mode="lines",
        line={"color": INK, "width": 3},
        hovertemplate="%{x:.0%}: %{y:,.0f}<extra></extra>",
    )
    language = plan["language"]
    marked = {"en": "this plan", "zh": "本方案"}[language]
    drawing.add_vline(x=plan["strategy"]["discount"], line={"color": ACCENT, "dash": "dash"}, annotation_text=marked)
    drawing.update_xaxes(tickformat=".0%", title={"en": "discount", "zh": "优惠幅度"}[language])
    drawing.update_yaxes(
        tickformat="~s", rangemode="tozero", title=f"{label('figure', name, language)} ({plan['brief']['currency']})"
    )
    title = {"en": "Price curve with its 80 % band: {}", "zh": "价格曲线与80%区间：{}"}[language]
    return _layout(drawing, title.format(drawn["product"]), 320)
