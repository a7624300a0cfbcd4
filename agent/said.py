"""Limits that only the marketer sets. Whatever model calls, money or a discount that no message of the marketer holds goes
back to it, and so does a channel outside those that the marketer named with an "only". Constrained decoding admits nothing
else for the built-in model; here the rule holds for every model. Amounts and shares that a model passes to no tool are
named beside the plan (`not_taken`).
"""

from __future__ import annotations

import re
from typing import Any

from campaignwright.agent.render import grounds, supported
from campaignwright.agent.text_numbers import numbers
from campaignwright.market.words import CHANNELS
from campaignwright.tools import normalise
from campaignwright.tools.base import Context, ToolError
from campaignwright.tools.normalise_left_out import left_out
from campaignwright.tools.normalise_names import named_channels
from campaignwright.tools.normalise_numbers import no_discount
from campaignwright.tools.normalise_text import clean, has_cjk

LONGEST = 200  # characters of one value
_ONLY = re.compile(r"\b(?:only|solely|nothing but|exclusively)\b|[只仅]", re.IGNORECASE)


def check_said(ctx: Context, name: str, arguments: dict[str, Any]) -> None:
    """Raise ToolError(retry) for a limit among a call's `arguments` that no message of the marketer holds."""
    messages = [*ctx.earlier, ctx.request]
    for field, stated in (("budget", _money), ("max_discount", _discount)):
        value = arguments.get(field)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and not stated(ctx, f"{value}", messages):
            raise _unsaid(field, f"{value}")
    offer = arguments.get("offer")
    if isinstance(offer, str) and not all(supported(number, grounds(ctx, messages)) for number in numbers(offer)):
        raise _unsaid("offer", offer)
    wanted = arguments.get("channels") if name == "set_brief" else None
    named = _channels(messages) if any(map(_ONLY.search, messages)) else set()
    if named and isinstance(wanted, list) and (beyond := [one for one in wanted if one in CHANNELS and one not in named]):
        raise ToolError(f"channels: the marketer named {', '.join(sorted(named))}, not {', '.join(beyond)}.", retry=True,
                        argument="channels", chinese=f"channels：您没有提到 {'、'.join(beyond)}。")  # fmt: skip


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        value = list(value.values())
    return [one for many in value for one in _flat(many)] if isinstance(value, list) else [value]


def not_taken(arguments: list[dict[str, Any]], request: str) -> list[str]:
    """Amounts of money and shares in the marketer's request, as written, that none of the calls' `arguments` holds."""
    given = [one for many in arguments for value in many.values() for one in _flat(value)]
    taken = {number.value for one in given if isinstance(one, str) for number in numbers(one)}
    taken |= {one for one in given if isinstance(one, int | float)}
    taken |= {100 * one for one in taken}  # "4" for 400 %, 0.2 for 20 %
    said = [one for one in numbers(request) if one.kind in ("money", "percent")]
    return list(dict.fromkeys(one.text for one in said if not any(abs(one.value - value) < 0.005 for value in taken)))


def _unsaid(field: str, value: str) -> ToolError:
    return ToolError(f"{field}: {value[:60]!r} is not in the marketer's words; copy them or leave it out.", retry=True,
                     argument=field, chinese=f"{field}：“{value[:60]}”不是您说过的内容。")  # fmt: skip


def _quoted(value: str, messages: list[str]) -> bool:
    """Whether the words stand in a message, not as part of a longer number or word."""
    if not value.strip() or len(value) > LONGEST:
        return False
    before = r"(?<![\d.,])" if value.strip()[0].isdigit() else r"(?<![^\W\d_])" if value.strip()[0].isascii() else ""
    whole = re.compile(rf"{before}{re.escape(value.strip())}(?![.,]?\d)(?![a-z])", re.IGNORECASE)
    return any(whole.search(message) for message in messages) and bool(
        numbers(value) or len(value.strip()) > (1 if has_cjk(value) else 3)  # "half", "减半"
    )


def _money(ctx: Context, value: str, messages: list[str]) -> bool:
    """The words themselves, or another writing of an amount in a message ("8000" for "£8k")."""
    if _quoted(value, messages):
        return True
    try:
        amount, _ = normalise.money(value, currency=ctx.workspace.currency, rates=True)
    except ToolError:
        return False
    said = [number for one in messages for number in numbers(one) if number.kind != "percent"]
    signs = re.findall(r"[$€£¥]|\b[A-Z]{3}\b", value)
    return all(any(sign in one for one in messages) for sign in signs) and any(abs(one.value - amount) < 0.005 for one in said)


def _discount(ctx: Context, value: str, messages: list[str]) -> bool:
    """The words themselves where they say a share, or another writing of one in a message ("0.2" for "20% off")."""
    try:
        share = normalise.fraction(value)
    except ToolError:
        return _quoted(value, messages)  # "half of that" is read with what stands
    if share == 0:
        return any(no_discount(clean(one)) for one in messages) or _quoted(value, messages)
    shares = [number.value for one in messages for number in numbers(one) if number.kind == "percent"]
    bare = re.fullmatch(r"[\d.,\s]+", value)
    return any(abs(one - share * 100) < 1e-6 for one in shares) or not bare and _quoted(value, messages)


def _channels(messages: list[str]) -> set[str]:
    """Channels that the messages name and do not take away."""
    text = clean("\n".join(messages))
    return {channel for *_, channel in named_channels(text)} - set(left_out(text, list(CHANNELS)).channels)
