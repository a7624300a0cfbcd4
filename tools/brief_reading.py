"""How `set_brief` reads what a marketer stated: over the brief that stands, then assumptions, then contradictions.

What contradicts itself or today is not taken over but reported as a conflict and asked for again; what stood before stays.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from campaignwright.market.export_labels import label
from campaignwright.market.export_numbers import money
from campaignwright.market.words import AUDIENCES, Brief, Channel
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, MissingData, OpenQuestion, ToolError, refused
from campaignwright.tools.brief_texts import say
from campaignwright.tools.normalise_calendar import MONTHS
from campaignwright.tools.normalise_left_out import added, left_out, product_left_out, without
from campaignwright.tools.normalise_names import named_channels, places
from campaignwright.tools.normalise_numbers import named_currency
from campaignwright.tools.normalise_text import clean, problem

ASSUMABLE = ("objective", "products", "audience", "budget", "start", "days")
ABSURD_ROAS = 30.0
ODD_BUDGET = 100  # a budget so many times above or below the usual one is asked about once
_REFUSED = re.compile(r"(?:\b(?:no|not|never|without|skip|except|avoid|frequent)\b|n't|不|别|除)[^.;,，。；]{0,15}$")
_MOVED = re.compile(r"(?:推迟|推后|延后|延迟|延期|顺延|提前|提早|改|挪|移|换|调整?)(?:时间|日期|档期)?$")
_DEADLINE = re.compile(r"\b(?:before|ahead of|in time for|by|until)\b|前", re.IGNORECASE)  # a stretch of which a part is enough


def last_data(ctx: Context) -> dict[str, Any]:
    """The data of the last `set_brief`: what it missed, found contradictory, kept and doubted; {} without one."""
    return (ctx.results.get("set_brief") or {}).get("data") or {}


def ask_first(ctx: Context) -> None:
    """Raises OpenQuestion where the marketer named products that this shop does not have and none
    stands instead: to go on with the whole shop would answer another question."""
    last = last_data(ctx)
    if ctx.brief and not ctx.brief.products and "products" in last.get("missing", []):
        raise OpenQuestion(" ".join(last["conflicts"]), argument="products")


class Reading:
    """One call's reading: stated values over the old brief, then assumptions, then contradictions."""

    def __init__(self, ctx: Context, old: Brief | None, said: dict[str, Any]) -> None:
        self.ctx, self.old, self.said = ctx, old, said
        self.values: dict[str, Any] = old.model_dump() if old else {}
        self.conflicts: list[str] = []
        self.notes: list[str] = []
        self.missing: list[str] = []
        self.stated = set(said)  # with what was stated before
        self.kept: list[str] = []  # fields asked for that have a value of before meanwhile
        self.last = last_data(ctx) if old else {}
        self.doubted: float | None = None  # a budget that was asked about because it is so odd
        if waiting := [name for name in self.last.get("missing", []) if name not in (*said, *self.last.get("kept", []))]:
            self.missing += waiting  # asked and not answered yet
            self.conflicts += self.last["conflicts"]
        if old:
            self.stated |= {name for name in ASSUMABLE if name not in old.assumed and getattr(old, name) is not None}

    def run(self) -> Brief:
        """The new brief. Raises ToolError(retry) for a value that cannot be read; nothing has changed then."""
        for name in ("objective", "tone"):
            if name in self.said:
                self.values[name] = self.said[name]
        self._channels()
        self._places()
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
        if self.values[field] == unset:
            self.stated.discard(field)
        else:
            self._keep(field)

    def _keep(self, field: str) -> None:
        """`field` stays as it was until it is answered; a message about something else does not wait for the answer."""
        self.kept.append(field)
        if self.old and field in self.old.assumed:
            self.stated.discard(field)
        if self.say("stays") not in self.notes:
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
        gone = ("、" if self.ctx.language == "zh" else ", ").join(label("channel", name, self.ctx.language) for name in found.channels)
        if kept:
            self.values["channels"] = kept
            self.notes.append(self.say("left_out", gone=gone))
        else:
            self.conflicts.append(self.say("none_left", gone=gone))
            self.missing.append("channels")

    def _places(self) -> None:
        """Says which places the message asks for that are planned as social ads in general, and which are not planned at all."""
        text = clean(self.ctx.request)
        channels = [(start, end) for start, end, _ in named_channels(text)]
        for code, names in places().items():
            if code == "as_social" and "social" not in (self.values.get("channels") or []):
                continue
            free = [] if code == "as_social" else channels  # a word inside a channel's name is that channel
            found = dict.fromkeys(name for form, name in names.items() if _asked_for(form, text, free))
            if found:
                self.notes.append(self.say(code, places=("、" if self.ctx.language == "zh" else ", ").join(found)))

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
        if match.unknown:
            self.missing.append("products")
        if match.unknown and self.old and self.old.products:
            self._keep("products")
        else:  # of a first brief, those that were found
            self.values |= {"products": match.ids, "product_names": match.names}

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
        elif self.ctx.language == "zh" and home != "CNY" and not self.values.get("budget") and not named_currency(
            clean(f"{self.said['budget']} {self.ctx.request}"), home
        ):
            self.notes.append(self.say("home_currency", home=home))
        self.values["budget"] = round(amount * float(rate), 2)

    def _dates(self) -> None:
        today, old = self.ctx.today, self.old
        day_first = normalise.day_first(self.values["currency"], self.ctx.request)
        length: int | None = None
        if "start" in self.said:
            words = self._moved_to(str(self.said["start"]))
            stretch = None if "days" in self.said else normalise.event_period(words, today)
            start, length = stretch or normalise.start_and_days(
                words, today, current=old.start if old else None, day_first=day_first
            )
            if start < today:
                self.conflict("past", "start", start=start.isoformat(), today=today.isoformat())
                length = None
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

    def _moved_to(self, words: str) -> str:
        """The day alone where the request moves the start to it: 推迟到12月10号 begins then, 做到12月10号 ends then."""
        if words[:1] not in ("到", "至"):
            return words
        before = self.ctx.request[: max(self.ctx.request.find(words), 0)]
        return words[1:] if _MOVED.search(before) else words

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
        budget, discount = value("budget"), value("max_discount")
        if budget == 0 and "budget" in self.said:
            self.conflict("no_money", "budget")
        elif budget and "budget" in self.said:
            self._odd_budget(budget)
        if value("objective") == "retention" and value("audience") == "new":
            self.conflict("retain_new", self._said("audience", "objective"))
        if discount and "max_discount" in self.said and _refuses_discount(self.ctx.request):
            self.conflict("no_discount", "max_discount", discount=f"{discount:.0%}")
        if discount is not None and discount > 0.9:
            self.conflict("deep", "max_discount", discount=f"{discount:.0%}")
        if (value("min_roas") or 0) > ABSURD_ROAS:
            self.conflict("absurd_roas", "min_roas", roas=f"{value('min_roas'):g}")

    def _said(self, first: str, second: str) -> str:
        """Of two fields that contradict each other the one that this message changed; the first when it is both, or a first brief."""
        return second if self.old and first not in self.said else first

    def _odd_budget(self, budget: float) -> None:
        """Ask about a budget far from the usual one, unless it stands or is the answer ("3 times the average" is not 3)."""
        usual, said = self._usual_budget(), money(budget, self.ctx.workspace.currency, self.ctx.language)
        if not usual or budget in (self.last.get("doubted"), self.old and self.old.budget):
            return
        if code := "tiny" if budget < usual / ODD_BUDGET else "huge" if budget > usual * ODD_BUDGET else "":
            self.doubted = budget
            self.conflict(code, "budget", budget=said)


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


def _asked_for(form: str, text: str, taken: list[tuple[int, int]]) -> bool:
    """Whether `form` stands in the text as a word of its own, outside the spans `taken`, and is not refused."""
    for found in re.finditer(rf"(?<![a-z]){re.escape(form)}(?![a-z])", text):
        if not _REFUSED.search(text[: found.start()]) and not any(start < found.end() and found.start() < end for start, end in taken):
            return True
    return False


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
