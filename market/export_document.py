"""A plan as a document: headings, paragraphs, lists and tables, ready for Markdown, Word or a terminal.

Everything printed comes from the plan's JSON; figures are printed by `export_numbers`, words by `export_labels`. The
order is a reader's: the verdict first, sources last.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any

from campaignwright.market.export_labels import figure_label, label
from campaignwright.market.export_numbers import day, fill_figures, money, percent, show, show_range
from campaignwright.market.screen import screened_all
from campaignwright.market.words import OWNED_CHANNELS

PRODUCTS_SHOWN = 5
OFFER_FACTS = {"percent_off": ("discount",), "bundle": ("discount",), "amount_off": ("amount_off",),
               "free_shipping": ("threshold",)}


@dataclass(frozen=True)
class Heading:
    level: int
    text: str


@dataclass(frozen=True)
class Paragraph:
    text: str
    strong: str = ""  # printed bold before the text


@dataclass(frozen=True)
class Bullets:
    items: list[str]


@dataclass(frozen=True)
class Table:
    header: list[str]
    rows: list[list[str]]


Block = Heading | Paragraph | Bullets | Table


class Printer:
    """Prints one plan's figures and words in its language and currency."""

    def __init__(self, plan: dict[str, Any]) -> None:
        self.plan = plan
        self.language: str = plan["language"]
        self.currency: str = plan["created_for"]["currency"]
        self.figures = {figure["id"]: figure for figure in plan["figures"]}

    def word(self, word: str) -> str:
        return label("text", word, self.language)

    def name(self, group: str, word: str) -> str:
        return label(group, word, self.language)

    def figure(self, key: str) -> str:
        """The printed name of the figure with this id."""
        return figure_label(self.figures[key]["name"], self.figures[key]["source"]["tool"], self.language)

    def value(self, ref: dict[str, str] | str | None) -> str:
        """The printed figure of a reference or id; a dash for none."""
        key = ref["figure"] if isinstance(ref, dict) else ref
        return show(self.figures[key], self.language, self.currency) if key else "–"

    def range(self, key: str) -> str:
        return show_range(self.figures[key], self.language, self.currency) or "–"

    def text(self, text: str) -> str:
        return fill_figures(text, self.figures, self.language, self.currency)

    def join(self, items: list[str]) -> str:
        return ("、" if self.language == "zh" else ", ").join(items)

    def named(self, ids: list[str]) -> dict[str, str]:
        """Figure name -> id."""
        return {self.figures[key]["name"]: key for key in ids}

    def dates(self) -> str:
        strategy = self.plan["strategy"]
        start = dt.date.fromisoformat(strategy["start"])
        last = start + dt.timedelta(days=strategy["days"] - 1)
        first, end = (day(date, self.language, self.currency) for date in (start, last))
        return first if start == last else f"{first} – {end}"


def _head(p: Printer) -> list[Block]:
    plan, brief = p.plan, p.plan["brief"]
    title = p.word("title").format(shop=plan["created_for"]["shop"], objective=p.name("objective", brief["objective"]),
                                   dates=p.dates())
    reasons = [p.text(reason) for reason in plan["verdict"]["reasons"]]
    after = ("（" + p.join(reasons) + "）" if p.language == "zh" else f" ({p.join(reasons)})") if reasons else ""
    return [Heading(1, title), Paragraph(after.strip(), strong=p.text(plan["verdict"]["text"]))]


def _products(p: Printer) -> str:
    brief, strategy = p.plan["brief"], p.plan["strategy"]
    leads = [row["name"] for row in p.plan["price"]["products"] if strategy["products"]]
    names = brief["product_names"] or leads
    if not names:
        return p.word("whole_catalogue")
    total = len(names) if brief["product_names"] else len(strategy["products"])
    more = total - len(names[:PRODUCTS_SHOWN])
    shown = p.join(names[:PRODUCTS_SHOWN])
    return f"{shown} {p.word('and_more').format(n=more)}" if more > 0 else shown


def _verdict(p: Printer) -> list[Block]:
    return _head(p)[1:]


def _brief(p: Printer) -> list[Block]:
    brief, strategy = p.plan["brief"], p.plan["strategy"]
    limits = []
    if brief["max_discount"] is not None:
        limits.append(f"{p.word('max_discount')} {percent(brief['max_discount'], p.language)}")
    if brief["min_roas"]:
        limits.append(f"{p.word('min_roas')} {brief['min_roas']:g}")
    rows = [[p.word("objective"), p.name("objective", brief["objective"])], [p.word("products"), _products(p)],
            [p.word("audience"), p.name("audience", strategy["audience"])],
            [p.word("dates"), p.word("length").format(dates=p.dates(), days=p.value(_own(p, "days")))],
            [p.word("budget"), p.value(p.plan["budget"]["total"])],
            [p.word("channels"), p.join([p.name("channel", name) for name in strategy["shares"]])],
            [p.word("tone"), p.name("tone", brief["tone"])]]
    if limits:
        rows.append([p.word("limits"), p.join(limits)])
    return [Heading(2, p.word("brief")), Table(["", ""], rows)]


def _own(p: Printer, name: str) -> str:
    return next(f["id"] for f in p.plan["figures"] if f["name"] == name and f["source"]["tool"] == "finish_plan")


def _figure_rows(p: Printer, ids: list[str]) -> list[list[str]]:
    return [[p.figure(key), p.value(key)] for key in ids]


def _unavailable(section: dict[str, Any]) -> list[Block]:
    return [Paragraph(section["unavailable"])] if "unavailable" in section else []


def _audience(p: Printer) -> list[Block]:
    section = p.plan["audience"]
    table = [Table([p.word("figure"), ""], _figure_rows(p, section["figures"]))] if section["figures"] else []
    title = p.word("audience_is").format(audience=p.name("audience", section["name"]))
    return [Heading(2, title), *table, *_unavailable(section)]


def _price(p: Printer) -> list[Block]:
    section, facts = p.plan["price"], p.plan["price"]["facts"]
    said = [p.name("offer", section["offer"])]
    said += [p.value(facts[slot]) for slot in OFFER_FACTS.get(section["offer"], ()) if slot in facts]
    lead = p.word("offer_is").format(offer=p.join(said), angle=p.name("angle", section["angle"]))
    if len(section["bundle"]) == 2:
        lead += " " + p.word("bundle_of").format(a=section["bundle"][0], b=section["bundle"][1])
        if "price" in facts and "was" in facts:
            lead += f" {p.value(facts['was'])} → {p.value(facts['price'])}."
    advice = ("price", "discount", "elasticity", "breakeven_lift")
    rows = []
    for product in section["products"]:
        found = p.named(product["advice"])
        rows.append([product["name"], p.value(product.get("price")), p.value(product.get("plan_price")),
                     *[p.value(found.get(name)) for name in advice]])
    header = [p.word(name) for name in ("product", "price_now", "plan_price")]
    header += [p.name("figure", name) for name in advice]
    blocks: list[Block] = [Heading(2, p.word("offer_price")), Paragraph(lead)]
    blocks += [Table(header, rows)] if rows else []
    return blocks + [block for product in section["products"][:1] for block in _unavailable(product)]


def _budget(p: Printer) -> list[Block]:
    section, shares = p.plan["budget"], p.plan["strategy"]["shares"]
    rows = [[p.name("channel", row["channel"]), p.value(row["spend"]), percent(shares[row["channel"]], p.language),
             "–" if row["channel"] in OWNED_CHANNELS else p.value(row["daily"])] for row in section["channels"]]
    rows.append([p.word("total"), money(p.plan["strategy"]["budget"], p.currency, p.language), "", ""])
    header = [p.word(name) for name in ("channel", "spend", "share", "a_day")]
    return [Heading(2, p.word("budget")), Table(header, rows), *_unavailable(section)]


def _calendar(p: Printer) -> list[Block]:
    rows = [[day(row["date"], p.language, p.currency), row["at"][11:] if row["at"] else "–",
             p.name("channel", row["channel"]), p.name("kind", row["kind"]), row["asset"] or "–"]
            for row in p.plan["calendar"]]
    header = [p.word(name) for name in ("date", "time", "channel", "what", "asset")]
    return [Heading(2, p.word("calendar")), Table(header, rows)]


def _forecast(p: Printer) -> list[Block]:
    section = p.plan["forecast"]
    rows = [[p.figure(key), p.value(key), p.range(key)] for key in section["figures"]]
    table = [Table([p.word("figure"), p.word("expected"), p.word("range")], rows)] if rows else []
    return [Heading(2, p.word("forecast")), *table, *_unavailable(section)]


def _experiment(p: Printer) -> list[Block]:
    section = p.plan["experiment"]
    arms = [f"{p.value(arm['share'])}: {p.word(arm['name'] + '_arm')}" for arm in section["arms"]]
    figures = [key for key in section["figures"] if p.figures[key]["name"] != "holdout"]
    rows = _figure_rows(p, figures)
    for row, key in zip(rows, figures, strict=True):
        if p.figures[key]["name"] == "audience_size":  # whom the owned channels reach, not the whole audience
            row[0] = p.word("tested")
    said = [*([Bullets(arms)] if arms else []), *([Table([p.word("figure"), ""], rows)] if rows else []), *_unavailable(section)]
    return [Heading(2, p.word("experiment")), *(said or [Paragraph(p.word("no_test"))])]


def _stock(p: Printer) -> list[Block]:
    names = ("stock_units", "demand_units", "stockout_risk", "reorder_units", "reorder_date")
    rows = []
    for row in p.plan["stock"]:
        found = p.named(row["figures"])
        rows.append([row["name"], *[p.value(found.get(name)) for name in names]])
    missing = [block for row in p.plan["stock"][:1] for block in _unavailable(row)]
    header = [p.word("product"), *[p.name("figure", name) for name in names]]
    return [Heading(2, p.word("stock")), *(missing or ([Table(header, rows)] if rows else []))]


def _copy(p: Printer) -> list[Block]:
    blocks: list[Block] = [Heading(2, p.word("copy"))]
    if any(asset["variants"] for asset in p.plan["assets"]):
        tags = any("{" in str(v["fields"]) for asset in p.plan["assets"] for v in asset["variants"])
        blocks.append(Paragraph(p.word("copy_checks") + (" " + p.word("preview") if tags else "")))
    for asset in p.plan["assets"]:
        blocks += [Heading(3, p.name("channel", asset["channel"])), *_unavailable(asset)]
        for variant in asset["variants"]:
            blocks += [Paragraph("", strong=variant["id"]), Bullets(variant_lines(variant, p.language))]
    return blocks


def variant_lines(variant: dict[str, Any], language: str) -> list[str]:
    """A variant of copy as "Subject: …" lines, merge tags with sample values."""
    texts = {name: " | ".join(value) if isinstance(value, list) else value for name, value in variant["preview"].items()}
    return [f"{label('field', name, language)}: {text}" for name, text in texts.items()]


def caveats(plan: dict[str, Any]) -> list[str]:
    """What a summary of the plan must not leave out: a verdict against it, money that it does not spend, assumptions."""
    p = Printer(plan)
    stopped = [p.text(plan["verdict"]["text"])] if plan["verdict"]["code"] == "stop" else []
    unspent = _unspent(p)
    colon, gap = ("：", "；") if p.language == "zh" else (": ", "; ")
    told = gap.join(_assumptions(p))
    return stopped + unspent + _under_limit(p) + ([p.word("assumptions") + colon + told] if told else [])


def _under_limit(p: Printer) -> list[str]:
    """That the plan's discount is a smaller one than the marketer allows, where profit is the aim."""
    brief, strategy = p.plan["brief"], p.plan["strategy"]
    most, taken = brief["max_discount"], strategy["discount"]
    if not most or taken > most - 0.005 or brief["objective"] != "profit":
        return []
    shown = percent(taken, p.language) if taken else p.name("offer", strategy["offer"])
    return [p.word("under_limit").format(most=percent(most, p.language), taken=shown)]


def _unspent(p: Printer) -> list[str]:
    """The sentence on money that the plan does not spend, if it leaves any."""
    return [p.text(risk["text"]) for risk in p.plan["risks"] if risk["code"] == "unspent"]


def _split(p: Printer) -> list[Block]:
    """The budget with what it leaves unspent, and the channels that it had to keep to."""
    names = [p.name("channel", name) for name in p.plan["brief"]["channels"]]
    allowed = [p.word("allowed").format(channels=p.join(names))] if names else []
    return [*_budget(p), *(Paragraph(text) for text in (*_unspent(p), *allowed))]


def _assumptions(p: Printer) -> list[str]:
    """What nobody stated, with the value it got."""
    brief, strategy = p.plan["brief"], p.plan["strategy"]
    values = {"objective": p.name("objective", brief["objective"]), "audience": p.name("audience", strategy["audience"]),
              "start": day(strategy["start"], p.language, p.currency), "days": p.value(_own(p, "days"))}  # fmt: skip
    colon = "：" if p.language == "zh" else ": "
    return [p.name("assumed", name) + (colon + values[name] if name in values else "") for name in brief["assumed"]]


def _evidence(p: Printer) -> list[Block]:
    section = p.plan["evidence"]
    names = ("revenue", "spend", "roas", "discount")
    rows = [[row["name"], row["campaign_id"], *[p.value(row.get(name)) for name in names]]
            for row in section["campaigns"]]
    header = [p.word("past"), "id", *[p.name("figure", name) for name in names[:-1]], p.word("discount")]
    empty = _unavailable(section) or [Paragraph(p.word("none"))]
    return [Heading(2, p.word("evidence")), *([Table(header, rows)] if rows else empty)]


def _risks(p: Printer) -> list[Block]:
    """What may go wrong, what is missing, what was assumed."""
    plan = p.plan
    risks = [p.text(risk["text"]) for risk in plan["risks"]]
    blocks: list[Block] = [Heading(2, p.word("risks")), Bullets(risks) if risks else Paragraph(p.word("none"))]
    if plan["notes"]:
        blocks += [Heading(2, p.word("missing")), Bullets([_note(p, note) for note in plan["notes"]])]
    if plan["brief"]["assumed"]:
        blocks += [Heading(2, p.word("assumptions")), Bullets(_assumptions(p))]
    return blocks


def _sources(p: Printer) -> list[Block]:
    plan = p.plan
    groups: dict[tuple[str, str, int], list[str]] = {}
    for figure in plan["figures"]:
        source = figure["source"]
        key = (source["tool"], source.get("model", ""), int(source.get("rows", 0)))
        names = groups.setdefault(key, [])
        short = re.sub(r"_\d$", "", figure["name"])
        for product in plan["price"]["products"]:
            short = short.removesuffix(f"_{product['product_id']}")
        names += [short] if short not in names else []
    rows = [[tool, p.name("model", model) or "–", f"{count:,}" if count else "–", ", ".join(names)]
            for (tool, model, count), names in groups.items()]
    header = [p.word(name) for name in ("tool", "model", "rows", "figures")]
    made = f"{p.word('hash')} {plan['plan_hash']} · {p.word('data')} {plan['made_with']['data']} · " \
           f"{p.word('seed')} {plan['made_with']['seed']}"
    return [Heading(2, p.word("sources")), Table(header, rows), Paragraph(made), Paragraph(p.word("paused"))]


def _note(p: Printer, note: dict[str, str]) -> str:
    """A tool's sentence after the name of its part (some sentences bring the name themselves)."""
    part = p.name("part", note["part"])
    colon = "：" if p.language == "zh" else ": "
    return note["text"] if note["text"].startswith(part) else part + colon + note["text"]


def document(plan: dict[str, Any]) -> list[Block]:
    """The blocks of a plan, in reading order."""
    p = Printer(plan)
    parts = (_head, _brief, _audience, _price, _budget, _calendar, _forecast, _experiment, _stock, _copy, _evidence,
             _risks, _sources)
    return [screened_all(block) for part in parts for block in part(p)]


def _schedule(p: Printer) -> list[Block]:
    """The calendar, a line a date."""
    lines = []
    for row in p.plan["calendar"]:
        told = [p.name("channel", row["channel"]), p.name("kind", row["kind"]), *([row["asset"]] if row["at"] and row["asset"] else [])]
        at = f" {row['at'][11:]}" if row["at"] else ""
        lines.append(f"{day(row['date'], p.language, p.currency)}{at}{'：' if p.language == 'zh' else ': '}{p.join(told)}")
    return [Heading(2, p.word("calendar")), Bullets(lines)]


PARTS = {"verdict": _verdict, "audience": _audience, "offer": _price, "budget": _split, "calendar": _schedule,
         "forecast": _forecast, "experiment": _experiment, "copy": _copy, "evidence": _evidence, "risks": _risks}  # fmt: skip


def part_lines(plan: dict[str, Any], part: str) -> list[str]:
    """One of a plan's PARTS as lines of a talk: a heading with a colon, a table's row as a bullet."""
    colon, gap = ("：", "；") if plan["language"] == "zh" else (": ", "; ")
    lines: list[str] = []
    for block in (screened_all(block) for block in PARTS[part](Printer(plan))):
        if isinstance(block, Heading):
            lines.append(block.text if colon.strip() in block.text else block.text + colon.strip())
        elif isinstance(block, Paragraph):
            lines.append(f"{block.strong} {block.text}".strip())
        elif isinstance(block, Bullets):
            lines += [f"- {item}" for item in block.items]
        else:
            lines += [f"- {row[0]}{colon}{gap.join(_cells(block.header[1:], row[1:]))}" for row in block.rows]
    return lines


def _cells(header: list[str], row: list[str]) -> list[str]:
    """The cells of a row that hold something, each after its column's name."""
    return [f"{name} {cell}".strip() for name, cell in zip(header, row, strict=True) if cell not in ("", "–")]
