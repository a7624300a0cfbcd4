"""The tool `set_brief`: where the marketer's words become the canonical Brief, merged into what was said before.

All values are read before anything changes. What contradicts itself or today is not taken over but reported as a
conflict (`conflicts` for the language model, `notes` for the marketer), and asked for again (`missing`). It forecasts
nothing.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import Field

from campaignwright.market.export_numbers import money
from campaignwright.market.words import (
    AUDIENCES,
    OWNED_CHANNELS,
    Brief,
    Channel,
    Language,
    Objective,
    Tone,
)
from campaignwright.tools import normalise, normalise_sentence
from campaignwright.tools.base import AudienceSaid, Context, MissingData, Said, ToolError, ToolResult, refused, tool
from campaignwright.tools.brief_texts import say
from campaignwright.tools.normalise_calendar import MONTHS
from campaignwright.tools.normalise_left_out import added, left_out, product_left_out, without
from campaignwright.tools.normalise_names import named_channels
from campaignwright.tools.normalise_text import clean, problem

WORDING = {"tone", "language"}  # a change of these leaves the numbers as they are
WORDED = ("write_copy", "finish_plan")
INDEPENDENT = ("set_brief", "read_out", "profile_audience")
ASSUMABLE = ("objective", "products", "audience", "budget", "start", "days")
QUOTED = ("products", "budget", "start", "days", "max_discount", "min_roas")
ABSURD_ROAS = 30.0
ODD_BUDGET = 100  # a budget so many times above or below the usual one is asked about once
_DEADLINE = re.compile(r"\b(?:before|ahead of|in time for|by|until)\b|前", re.IGNORECASE)  # a stretch of which a part is enough


@tool
def set_brief(
    ctx: Context,
    objective: Annotated[Objective | None, Field(description="what the campaign is for")] = None,
    products: Annotated[
        list[Said] | None, Field(description="products or categories as said; [] for the whole catalogue")
    ] = None,
    audience: Annotated[
        AudienceSaid | None,
        Field(description="all, new, loyal, lapsed, high_value, deal_seekers, or a segment as said"),
    ] = None,
    budget: Annotated[Said | None, Field(description="money to spend, as said")] = None,
    start: Annotated[Said | None, Field(description="first day, or the whole range of dates, as said")] = None,
    days: Annotated[Said | None, Field(description="how long it runs, as said")] = None,
    channels: Annotated[list[Channel] | None, Field(description="channels to use; [] for the copilot's choice")] = None,
    max_discount: Annotated[Said | None, Field(description="deepest discount allowed, as said")] = None,
    min_roas: Annotated[Said | None, Field(description="lowest return on ad spend, as said")] = None,
    tone: Annotated[Tone | None, Field(description="how the copy sounds")] = None,
    language: Annotated[Language | None, Field(description="language of the copy")] = None,
) -> ToolResult:
    """Note what the marketer wants, in the marketer's own words; only the fields that are new or change.

    Returns the brief, what is missing, assumed, and contradictory.
    """
    said = {
        "objective": objective,
        "products": products,
        "audience": audience,
        "budget": budget,
        "start": start,
        "days": days,
        "channels": channels,
        "max_discount": max_discount,
        "min_roas": min_roas,
        "tone": tone,
        "language": language,
    }
    said = {name: value for name, value in said.items() if value is not None and not _known(ctx, name, value)}
    for name, whole in (("max_discount", normalise_sentence.limit), ("start", normalise_sentence.day)):
        if isinstance(said.get(name), str):
            said[name] = whole(said[name], ctx.request)
    reader = _Reading(ctx, ctx.brief, said)
    brief = reader.run()
    changed = _changes(ctx.brief, brief)
    _forget(ctx, changed)
    ctx.brief = brief
    return _result(ctx, brief, reader, changed)


def _known(ctx: Context, name: str, value: Any) -> bool:
    """Whether a value only repeats an earlier message although a brief stands and does not wait for it: what that message
    said is in the brief, or could not be read then either."""
    quotes = [str(item).lower() for item in (value if isinstance(value, list) else [value])]
    if ctx.brief is None or name not in QUOTED or not quotes or name in _last(ctx).get("missing", []):
        return False
    before = [message.lower() for message in ctx.earlier]
    return all(quote not in ctx.request.lower() and any(quote in message for message in before) for quote in quotes)


def _last(ctx: Context) -> dict[str, Any]:
    """The summary of the last `set_brief`: what it missed and found contradictory; {} without one."""
    return (ctx.results.get("set_brief") or {}).get("summary") or {}


class _Reading:
    """One call's reading: stated values over the old brief, then assumptions, then contradictions."""

    def __init__(self, ctx: Context, old: Brief | None, said: dict[str, Any]) -> None:
        self.ctx, self.old, self.said = ctx, old, said
        self.values: dict[str, Any] = old.model_dump() if old else {}
        self.conflicts: list[str] = []
        self.notes: list[str] = []
        self.missing: list[str] = []
        self.stated = set(said)  # with what was stated before
        last = _last(ctx) if old else {}
        if waiting := [name for name in last.get("missing", []) if name not in said and not self.values.get(name)]:
            self.missing += waiting  # asked, not answered yet, and without a value that stood before
            self.conflicts += last["conflicts"]
        if old:
            self.stated |= {name for name in ASSUMABLE if name not in old.assumed and getattr(old, name) is not None}

    def run(self) -> Brief:
        """The new brief. Raises ToolError(retry) for a value that cannot be read; nothing has changed then."""
        for name in ("objective", "tone"):
            if name in self.said:
                self.values[name] = self.said[name]
        self._channels()
        if "language" in self.said or not self.old:
            self.values["language"] = self.said.get("language") or normalise.spoken(self.ctx.request, self.ctx.language)
        self._products()
        if "audience" in self.said:
            names = [*AUDIENCES, *(self.ctx.workspace.settings.get("segments") or {})]
            self.values["audience"] = normalise.audience(self.said["audience"], names)
        self._budget()
        self._dates()
        for name, read in (("max_discount", normalise.fraction), ("min_roas", normalise.ratio)):
            if name in self.said:
                self.values[name] = read(self.said[name], current=self.values.get(name))
        self._assume()
        self._contradictions()
        self.values["assumed"] = [
            name for name in ASSUMABLE if name not in self.stated and self.values.get(name, "") is not None
        ]
        return Brief.model_validate(self.values)

    def say(self, code: str, **slots: object) -> str:
        """A sentence for the marketer, in the language of the conversation."""
        return say(code, self.ctx.language, **slots)

    def conflict(self, code: str, field: str, **slots: object) -> None:
        """Report a contradiction; `field` is asked for and back at what it was before, at its default without a brief."""
        self.conflicts.append(self.say(code, **slots))
        self.missing.append(field)
        unset = Brief.model_fields[field].get_default(call_default_factory=True)
        self.values[field] = getattr(self.old, field) if self.old else unset
        if not self.old or field in self.old.assumed or self.values[field] == unset:
            self.stated.discard(field)
        if self.old and self.values[field] != unset and self.say("stays") not in self.notes:
            self.notes.append(self.say("stays"))

    def _channels(self) -> None:
        """The channels as passed, less those the message takes away, however the model passed them; a message that only adds or
        takes away leaves the others as they were."""
        said, old = list(dict.fromkeys(self.said.get("channels") or [])), self.values.get("channels") or []
        planned = _planned(self.ctx)
        spoken_of = [*said, *old, *planned]
        found, more = left_out(self.ctx.request, spoken_of), added(self.ctx.request, spoken_of)
        named = {name for line in self.ctx.request.splitlines() for _, _, name in named_channels(clean(line))}
        if more and said and (old or planned) and named <= {*more, *found.channels}:  # nothing but a change of what stands
            said = list(dict.fromkeys([*without(old or planned, found.channels), *more]))
        if not found.channels:
            if "channels" in self.said:
                self.values["channels"] = said
            return
        wanted = [name for name in said if name not in found.channels] if named - set(found.channels) else []
        kept = without([] if found.everything_else else wanted or old or planned, found.channels)
        gone = ", ".join(found.channels)
        if kept:
            self.values["channels"] = kept
            self.notes.append(self.say("left_out", gone=gone))
        else:
            self.conflicts.append(self.say("none_left", gone=gone))
            self.missing.append("channels")

    def _products(self) -> None:
        if "products" not in self.said:
            return
        named = self.said["products"]
        wanted = [name for name in named if not product_left_out(name, self.ctx.request)]
        if named and not wanted:
            self.notes.append(self.say("left_out_products", gone=", ".join(named)))
            self.stated.discard("products")
            return
        day = clean(str(self.said.get("start") or ""))
        try:
            match = normalise.products(wanted, self.ctx.workspace)
            if day and any(clean(name) in day for name, _ in match.unknown):  # "Black Friday" is the day, not a product
                wanted = [name for name in wanted if clean(name) not in day]
                match = normalise.products(wanted, self.ctx.workspace)
                if not wanted:
                    self.stated.discard("products")
        except MissingData as error:
            self.notes.append(error.shown(self.ctx.language))
            self.values |= {"products": [], "product_names": []}
            return
        self.conflicts += match.unfound(self.ctx.language)
        if match.unknown:  # those that were found are kept
            self.missing.append("products")
        if match.ids or not match.unknown or not self.values.get("products"):
            self.values |= {"products": match.ids, "product_names": match.names}
        else:
            self.notes.append(self.say("stays"))

    def _budget(self) -> None:
        home = self.ctx.workspace.currency
        self.values["currency"] = home
        if "budget" not in self.said:
            return
        if normalise.is_rate(self.said["budget"], self.ctx.request):
            self.conflict("rate", "budget", said=self.said["budget"])
            return
        if negative := _negative(str(self.said["budget"]), self.ctx.request):
            raise problem("budget", "an amount of 0 or more", negative)
        amount, code = normalise.money(self.said["budget"], currency=home, current=self.values.get("budget"))
        rate = 1.0 if code == home else (self.ctx.workspace.settings.get("rates") or {}).get(code)
        if rate is None:
            self.conflict("currency", "budget", said=code, home=home)
            return
        if code != home:
            self.notes.append(self.say("converted", said=code, home=home, rate=f"{rate:g}"))
        self.values["budget"] = round(amount * float(rate), 2)

    def _dates(self) -> None:
        today, old = self.ctx.today, self.old
        day_first = normalise.day_first(self.values["currency"], self.ctx.request)
        length: int | None = None
        if "start" in self.said:
            stretch = None if "days" in self.said else normalise.event_period(self.said["start"], today)
            start, length = stretch or normalise.start_and_days(
                self.said["start"], today, current=old.start if old else None, day_first=day_first
            )
            if start < today:
                self.conflict("past", "start", start=start.isoformat(), today=today.isoformat())
            else:
                self.values["start"] = start
                if (start - today).days > 270:
                    self.notes.append(self.say("far", start=start.isoformat()))
            if length:
                self.values["days"] = length
        if "days" in self.said:
            days = self._days(self.values.get("start"), day_first)
            if length and length != days and length > 1 and not (days < length and _DEADLINE.search(self.said["start"])):
                self.conflict("two_lengths", "days", first=length, second=days)
            else:
                self.values["days"] = days
        for words, day, month in normalise.assumed_order(f"{self.said.get('start')} | {self.said.get('days')}", day_first):
            self.notes.append(self.say("date_read", said=words, date=f"{day} {MONTHS[month - 1].capitalize()}", day=day, month=month))
        if length and "days" not in self.said:
            self.stated.add("days")

    def _days(self, start: dt.date | None, day_first: bool) -> int:
        """Days as a length, or up to an end date ("until the 10th", "ends on 7 December")."""
        words, first = self.said["days"], start or self.ctx.today
        if re.search(
            r"\b(?:until|till|ends?|ending|through|finish\w*)\b|结束|截止|到.+[日号]|[日号节]前$", words
        ) and not re.search(r"\bweekend", words) or re.fullmatch(r"(?:before|ahead of) .*", words.lower()):
            end, length = normalise.start_and_days(
                re.sub(r"\brather than.*|\binstead of.*|而不是.*", "", words), first, argument="days", day_first=day_first
            )
            if length is None and end < first:
                raise refused("end_first", "days", end=end, start=first)
            if length is None or end == first:
                return length or (end - first).days + 1
        try:
            return normalise.duration(words, current=self.old.days if self.old else None)
        except ToolError:
            try:
                day, length = normalise.start_and_days(words, first, argument="days", day_first=day_first)
            except ToolError:
                length = None
            if length is None:
                raise
            self.values.setdefault("start", day)
            return length

    def _assume(self) -> None:
        """Fill what nobody stated."""
        if self.values.get("budget") is None and "budget" not in self.missing:
            if usual := self._usual_budget():
                self.values["budget"] = round(usual, 2)
                self.notes.append(self.say("usual_budget"))
            else:
                self.missing.append("budget")
                self.notes.append(self.say("no_budget"))
                self.values["budget"] = None
        if self.values.get("start") is None and "start" not in self.missing:
            self.values["start"] = self.ctx.today + dt.timedelta(days=7 - self.ctx.today.weekday())

    def _usual_budget(self) -> float:
        """The median budget of past campaigns; 0 without any."""
        return float(self.ctx.workspace.scalar("SELECT median(budget) FROM campaigns WHERE budget > 0") or 0)

    def _contradictions(self) -> None:
        value = self.values.get
        channels, budget, discount = value("channels") or [], value("budget"), value("max_discount")
        if budget == 0 and channels and not set(channels) & set(OWNED_CHANNELS):
            self.conflict("no_money", "budget", channels=", ".join(channels))
        elif budget == 0:
            self.notes.append(self.say("owned_only"))
        elif budget and "budget" in self.said and "budget" not in _last(self.ctx).get("missing", []):  # else it was asked already
            usual, said = self._usual_budget(), money(budget, self.ctx.workspace.currency, self.ctx.language)
            if budget < usual / ODD_BUDGET:  # "3 times the average" is not 3
                self.conflict("tiny", "budget", budget=said)
            elif usual and budget > usual * ODD_BUDGET:
                self.conflict("huge", "budget", budget=said)
        if value("objective") == "retention" and value("audience") == "new":
            self.conflict("retain_new", "audience")
        if discount and "max_discount" in self.said and _refuses_discount(self.ctx.request):
            self.conflict("no_discount", "max_discount", discount=f"{discount:.0%}")
        if discount is not None and discount > 0.9:
            self.conflict("deep", "max_discount", discount=f"{discount:.0%}")
        if (value("min_roas") or 0) > ABSURD_ROAS:
            self.conflict("absurd_roas", "min_roas", roas=f"{value('min_roas'):g}")


def _refuses_discount(request: str) -> bool:
    """Whether the message says that there shall be no discount at all."""
    return bool(
        re.search(
            r"\bno (?:discounts?|markdowns?|price cuts?)\b(?! (?:deeper|over|above|more|beyond|bigger|larger|"
            r"greater))|\bwithout (?:any )?discounts?\b|"
            r"不打折(?!不|就不|的?不买)|不要折扣|不降价(?!不)|原价(?:卖|销售)",
            request.lower(),
        )
    )


def _planned(ctx: Context) -> list[Channel]:
    """The channels of the plan made before; [] without one."""
    key = ((ctx.results.get("finish_plan") or {}).get("data") or {}).get("strategy_id")
    plan = ctx.strategies.get(key) or next(iter(ctx.strategies.values()), None)
    return list(plan.shares) if plan else []


def _negative(said: str, request: str) -> str:
    """The amount as the message writes it where a minus stands directly before it ("-$5000"); '' where none does. A dash
    of a range ("$3k-$5k"), of a list at the start of a line ("- $5000") or behind a word ("budget-5k") is no minus, nor is
    that of a change in percent."""
    bare = re.sub(r"^\s*[-−–﹣－]\s*", "", said).strip()
    if not bare or re.search(r"[%％]|percent|折", bare):
        return ""
    amount = rf"(?<![\d.,]){re.escape(bare)}(?!\d|[.,]\d)"
    minus = re.compile(rf"(?:(?<![\w$€£¥%)])|(?<=[为是成到约]))[$€£¥]?(?:[-−–﹣－]|\bminus |\bnegative |负)[$€£¥]?{amount}", re.IGNORECASE)
    text = request if re.search(amount, request) else said
    found = minus.findall(text)
    return found[0] if found and len(found) == len(re.findall(amount, text)) else ""


def _changes(old: Brief | None, new: Brief) -> set[str]:
    """Names of the fields whose values differ."""
    before, after = (old.model_dump() if old else {}), new.model_dump()
    return {name for name in after if name not in ("assumed",) and before.get(name) != after[name]}


def _forget(ctx: Context, changed: set[str]) -> None:
    """Drop strategies and results that rested on what changed."""
    if not changed:
        return
    if changed <= WORDING:
        for name in WORDED:
            ctx.results.pop(name, None)
        return
    ctx.strategies = {}
    ctx.results = {name: result for name, result in ctx.results.items() if name in INDEPENDENT}


def _result(ctx: Context, brief: Brief, reader: _Reading, changed: set[str]) -> ToolResult:
    total = ctx.workspace.count("products")
    names = (
        ctx.workspace.query(
            "SELECT product_id AS id, name FROM products WHERE list_contains($ids, product_id) ORDER BY 1",
            {"ids": brief.products},
        ).to_dict("records")
        if brief.products
        else []
    )
    summary = {
        "brief": {
            "objective": brief.objective,
            "audience": brief.audience,
            "channels": list(brief.channels),
            "tone": brief.tone,
            "language": brief.language,
        },
        "missing": list(dict.fromkeys(reader.missing)),
        "assumed": [name for name in brief.assumed if name not in reader.missing],
        "conflicts": reader.conflicts,
    }
    data = {
        "brief": brief.model_dump(mode="json"),
        "products": names[:100],
        "counts": {"products": len(brief.products) or total, "catalogue": total},
        "changed": sorted(changed),
        "conflicts": reader.conflicts,
        "missing": summary["missing"],
    }
    return ToolResult(summary=summary, data=data, notes=[*reader.conflicts, *reader.notes])
