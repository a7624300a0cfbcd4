"""From the model's text to what is shown: figures and names in place of slots, sentences with foreign numbers left out.

A number in model-written text is shown only as `{fig:NAME}` (printed from the figure), as a figure's value at the
precision in which figures are printed, or when it stands in the marketer's own words. A sentence that breaks this is
dropped; when nothing is left the caller prints an honest sentence instead. How a value is printed is `export_numbers`.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from campaignwright.agent.prompting import sentence
from campaignwright.agent.screen import reason_to_hide
from campaignwright.agent.text_numbers import Number, numbers
from campaignwright.market.export_labels import figure_label, label
from campaignwright.market.export_numbers import show, show_range, show_value
from campaignwright.market.screen import screened
from campaignwright.market.words import Brief
from campaignwright.tools.base import Context, Figure

SLOT = re.compile(r"[$£€¥￥]?\{(?:fig:(?P<figure>[^{}]*)|(?P<name>[a-z_]+))\}[%％]?")
_ENDS = re.compile(r"(?<=[.!?])\s+|(?<=[。！？；])|\n+")
_COUNTED = re.compile(r"[\s-]*(?:days?|天|日|units?|件|个)", re.IGNORECASE)
_LOWER = ("email", "push", "search", "social", "display")  # channels whose English name is no proper noun
LONGEST_NAME = 80
SUGGESTED = 2  # products of a recommendation that a sentence names; the list under it holds all


@dataclass
class Grounds:
    """What text may refer to. `figures`: latest by name; `names`: slot -> display text; `said`: marketer's messages."""

    figures: dict[str, Figure] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    brief: Brief | None = None
    known_names: list[str] = field(default_factory=list)  # names with digits in them that text may hold as they are
    language: str = "en"
    currency: str = "USD"
    planned: bool = True  # whether a plan was made in this turn: else none is ready
    advised: bool = True  # whether that plan's verdict is not against it: else nobody is asked to approve it


NO_FIGURE = "there is no figure"
NO_PLAN = "a plan that was not made in this turn"
NOT_ADVISED = "an invitation to approve a plan that should not run"
BOTH_ARMS = "a number of both arms together as one arm's"
_ONE_ARM = re.compile(r"\b(?:per|each|every) (?:arm|group)\b|每组|每一组|每个组", re.IGNORECASE)
FOREIGN = "a sentence in another language than the conversation's"
UNTOLD = (NO_FIGURE, BOTH_ARMS, FOREIGN)  # left out, and yet no number of the model's own: the figures can be given instead
_APPROVE = re.compile(r"(?<!not )\bapprov|\bsign off\b|\bgreen light\b|(?<!不)(?<!不要)(?<!不建议)(?:批准|审批)", re.IGNORECASE)
_READY = re.compile(r"\bplan(?:'s| is) (?:now )?(?:ready|done|complete|finished)\b|方案(?:已?完成|已?做好|好了|已就绪)", re.IGNORECASE)


@dataclass
class Rendered:
    """Text to show, what was left out (sentence, reason), and the figures that were printed."""

    text: str = ""
    dropped: list[tuple[str, str]] = field(default_factory=list)
    figures: list[Figure] = field(default_factory=list)


class _Ungrounded(Exception):
    """Why a sentence cannot be shown."""


def grounds(ctx: Context, said: list[str], turn: Sequence[tuple[str, dict]] = ()) -> Grounds:
    """What text may refer to: figures of this turn's results (`turn`: tool name and result, in order), of the session's where
    they have none; names of all of them, this turn's before older ones, a plan's before those of its parts; and numbers in the
    marketer's messages `said`."""
    language, brief = ctx.language, ctx.brief
    older = sorted(ctx.results.items(), key=lambda item: item[0] == "finish_plan")
    results = [*older, *turn]
    fresh = any(result.get("figures") for _, result in turn)  # an answer with figures of its own is told with those alone
    cited = turn if fresh else results
    figures = [Figure.model_validate(one) for _, result in cited for one in result.get("figures", [])]
    summaries = [result.get("summary", {}) for _, result in reversed(results)]
    closing = turn[-1] if turn else (older[-1] if older else ("", {}))
    strategy = closing[1].get("data", {}).get("plan", {}).get("strategy") if closing[0] == "finish_plan" else None

    def latest(key: str) -> str | None:
        return next((summary[key] for summary in summaries if isinstance(summary.get(key), str)), None)

    products = list(brief.product_names) if brief else []
    suggested = closing[1].get("summary", {}).get("products", [])[:SUGGESTED] if closing[0] == "recommend_products" else []
    spoken_of = (summary["channel"] if summary.get("channel") else summary.get("channels", [None])[0] for summary in summaries
                 if summary.get("channel") or summary.get("channels"))  # fmt: skip
    shares = strategy["shares"] if strategy else {}
    channel = max(shares, key=shares.get) if shares else next(spoken_of, None)
    audience = strategy["audience"] if strategy else latest("audience") or (brief.audience if brief else "all")
    names = {
        "audience": label("audience", audience, language),
        "products": sentence("and", language).join(suggested or products) or sentence("everything", language),
        "product": (products[0] if strategy and products else None) or latest("product") or next(iter(products), None),
        "campaign": latest("campaign"),
        "channel": _channel(channel, language) if channel else None,
    }
    known = [*products, *(value for value in (latest("product"), latest("campaign")) if value)]
    for summary in summaries:
        known += [value for value in summary.get("products", []) if isinstance(value, str)]
    shown = {key: screened(" ".join(value.split()))[:LONGEST_NAME] for key, value in names.items() if value}
    latest_figures = {figure.name: figure for figure in figures}
    if strategy and "spend" in latest_figures:  # a plan may leave some of the budget unspent
        latest_figures["budget"] = latest_figures["spend"]
    return Grounds(latest_figures, shown, said, brief, known, language, ctx.workspace.currency)


def _channel(channel: str, language: str) -> str:
    name = label("channel", channel, language)
    return name[0].lower() + name[1:] if language == "en" and channel in _LOWER else name


class Renderer:
    """Renders text as it streams: `feed` gives back the sentences that are complete, `close` the rest."""

    def __init__(self, ground: Grounds) -> None:
        self.ground = ground
        self.record = Rendered()
        self._waiting = ""

    def feed(self, piece: str) -> str:
        """Text that can be shown now, given one more piece of the model's text."""
        self._waiting += piece
        cuts = [match.end() for match in _ENDS.finditer(self._waiting)]
        if not cuts:
            return ""
        ready, self._waiting = self._waiting[: cuts[-1]], self._waiting[cuts[-1] :]
        return self._render(ready)

    def close(self) -> str:
        """The rest of the text."""
        ready, self._waiting = self._waiting, ""
        return self._render(ready)

    def _render(self, text: str) -> str:
        shown = ""
        position = 0
        for match in [*_ENDS.finditer(text), None]:
            end = match.start() if match else len(text)
            space = match[0] if match else ""
            one = text[position:end]
            position = match.end() if match else end
            if not one.strip():
                continue
            try:
                shown += render_sentence(one, self.ground, self.record.figures) + space
            except _Ungrounded as reason:
                self.record.dropped.append((one.strip(), str(reason)))
        self.record.text += shown
        return shown


def render(text: str, ground: Grounds) -> Rendered:
    """The whole `text` rendered at once."""
    renderer = Renderer(ground)
    renderer.feed(text)
    renderer.close()
    renderer.record.text = renderer.record.text.strip()
    return renderer.record


def figures_line(figures: list[Figure], language: str, currency: str, printed: Sequence[Figure] = ()) -> str:
    """The latest figures that are not among the `printed` ones as "label: value (low to high)" on one line."""
    latest = {figure.name: figure for figure in figures}
    parts = []
    for figure in latest.values():
        if figure in printed:
            continue
        one = figure.model_dump(mode="json")
        interval = show_range(one, language, currency)
        shown = show(one, language, currency) + (f" ({interval})" if interval else "")
        name = figure_label(figure.name, figure.source.get("tool", ""), language)
        parts.append(f"{name}{'：' if language == 'zh' else ': '}{shown}")
    return ("；" if language == "zh" else "; ").join(parts)


def render_sentence(text: str, ground: Grounds, printed: list[Figure]) -> str:
    """One sentence with its slots filled. Raises _Ungrounded for an unknown slot or a number that nothing supports."""
    if reason := reason_to_hide(text):
        raise _Ungrounded(reason)
    if _foreign(SLOT.sub("", text), ground.language):
        raise _Ungrounded(FOREIGN)
    if _ONE_ARM.search(text) and re.search(r"\{fig:(?:sample_size|audience_size)\}", text):
        raise _Ungrounded(BOTH_ARMS)
    if not ground.planned and _READY.search(text):
        raise _Ungrounded(NO_PLAN)
    if not ground.advised and _APPROVE.search(text):
        raise _Ungrounded(NOT_ADVISED)
    bare = SLOT.sub(" ", text)
    for name in sorted(ground.known_names, key=len, reverse=True):
        bare = bare.replace(name, " ")
    bare = re.sub(r"(?<![A-Za-z0-9])s\d+\b(?!\.\d)", " ", bare)  # ids of strategies
    for number in numbers(bare):
        if not supported(number, ground):
            raise _Ungrounded(f"the number {number.text!r} is neither a figure nor the marketer's")
    if "{" in bare or "}" in bare:
        raise _Ungrounded("a slot that does not exist")
    used: list[Figure] = []

    def fill(match: re.Match[str]) -> str:
        if match["figure"] is not None:
            return _figure(match, text[match.end() :], ground, used)
        value = ground.names.get(match["name"])
        if value is None:
            raise _Ungrounded(f"there is no {match['name']} to name")
        return value

    shown = SLOT.sub(fill, text)
    printed.extend(used)
    lead = len(shown) - len(shown.lstrip())
    if text.lstrip().startswith("{") and ground.language == "en":
        shown = shown[:lead] + shown[lead : lead + 1].upper() + shown[lead + 1 :]
    return shown


def _foreign(text: str, language: str) -> bool:
    """Whether a sentence is in the other language: names may be, so some words of it must be."""
    chinese = len(re.findall(r"[\u4e00-\u9fff]", text))
    return not chinese and len(re.findall(r"[a-z]{2,}", text)) > 4 if language == "zh" else chinese > 4 and not re.search(r"[a-z]{2}", text)


def _figure(match: re.Match[str], following: str, ground: Grounds, used: list[Figure]) -> str:
    """The printed figure of a `{fig:NAME}` slot; a unit that the text writes itself is not printed twice."""
    name = match["figure"].strip()
    figure, value = _lookup(name, ground)
    used.append(figure)
    if figure.unit not in ("days", "units") or not _COUNTED.match(following):
        return show_value(value, figure.unit, ground.language, ground.currency, figure.name)
    value = round(value) if isinstance(value, float) and abs(value) >= 10 else value  # as with its unit
    return show_value(value, "count", ground.language, ground.currency, figure.name)


def _lookup(name: str, ground: Grounds) -> tuple[Figure, float | str]:
    for figure in (ground.figures.get(name), _stated(name, ground.brief)):
        if figure is not None:
            return figure, figure.value
    stem, _, side = name.rpartition("_")
    figure = ground.figures.get(stem)
    bound = getattr(figure, side, None) if figure and side in ("low", "high") else None
    if bound is None:
        raise _Ungrounded(f"{NO_FIGURE} {name!r}")
    return figure, bound


def _stated(name: str, brief: Brief | None) -> Figure | None:
    """A field of the brief as a figure, when it has a value."""
    units = {"budget": "money", "days": "days", "max_discount": "fraction", "min_roas": "ratio", "start": "date"}
    value = getattr(brief, name, None) if brief and name in units else None
    if value is None:
        return None
    value = value.isoformat() if isinstance(value, dt.date) else float(value)
    return Figure(id=f"brief.{name}", name=name, value=value, unit=units[name], source={"tool": "set_brief"})


def supported(number: Number, ground: Grounds) -> bool:
    """Whether a number may stand in text: a figure's value or bound, the brief's, or the marketer's own."""
    brief = [_stated(name, ground.brief) for name in ("budget", "days", "max_discount", "min_roas", "start")]
    figures = [figure for figure in (*ground.figures.values(), *brief) if figure]
    if any(_equals(number, figure, ground.currency) for figure in figures):
        return True
    for message in ground.said:
        for own in numbers(message):
            kinds = {number.kind, own.kind}
            if abs(own.value - number.value) < 1e-9 and (len(kinds) == 1 or "percent" not in kinds):
                return True
    return False


def _equals(number: Number, figure: Figure, currency: str) -> bool:
    """Whether `number` is the figure's value or a bound: exactly, or as it is printed."""
    if figure.unit == "date":
        return _in_date(number, str(figure.value))
    if (number.kind == "percent") != (figure.unit == "fraction"):
        return False
    if number.kind == "money" and figure.unit != "money":
        return False
    scale = 100 if figure.unit == "fraction" else 1
    for value in (figure.value, figure.low, figure.high):
        if isinstance(value, int | float):
            printed = numbers(show_value(value, figure.unit, "en", currency, figure.name))
            if any(abs(one - number.value) < 1e-9 for one in (value * scale, *(p.value for p in printed))):
                return True
    return False


def _in_date(number: Number, iso: str) -> bool:
    try:
        date = dt.date.fromisoformat(iso)
    except ValueError:
        return False
    return number.kind == "plain" and number.value in (date.day, date.month, date.year)
