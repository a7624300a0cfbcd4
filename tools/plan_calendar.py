"""The calendar of a plan: dated sends of owned channels and flights of paid ones, inside the inclusive range of dates.

A customer gets at most the strategy's weekly frequency over all owned channels together. Which copy goes out is said by
variant; sending is done elsewhere, by people.
"""

from __future__ import annotations

import datetime as dt

from campaignwright.market.words import OWNED_CHANNELS, Strategy


def fits(sends: list[int], day: int, frequency: float) -> bool:
    """Whether one more send on `day` (0 = first day) keeps every seven days within `frequency` messages."""
    if frequency <= 0:
        return False
    if frequency < 1:
        return all(abs(day - other) * frequency >= 7 for other in sends)
    planned = sorted([*sends, day])
    return all(sum(first <= other < first + 7 for other in planned) <= int(frequency) for first in planned)


def place_sends(channels: list[str], days: int, frequency: float) -> list[tuple[int, str, str]]:
    """(day, channel, kind) of the sends, in date order. Most important first: every channel's launch, the main
    channel's last day, weekly reminders, the other channels' last day."""
    placed: list[tuple[int, str, str]] = []

    def put(channel: str, kind: str, wanted: range) -> bool:
        for day in wanted:
            taken = {(when, where) for when, where, _ in placed}
            if (day, channel) not in taken and fits([when for when, _, _ in placed], day, frequency):
                placed.append((day, channel, kind))
                return True
        return False

    last = days - 1
    for channel in channels:
        put(channel, "launch", range(0, days))
    for channel in channels[:1]:
        if days >= 3:
            put(channel, "last_day", range(last, last + 1))
    for week in range(1, max(2, days // 7)):
        middle = 7 * week if days >= 14 else days // 2
        for channel in channels:
            if days >= 5 and put(channel, "reminder", range(middle, min(middle + 6, last))):
                break
    for channel in channels[1:]:
        if days >= 3:
            put(channel, "last_day", range(last, last + 1))
    return sorted(placed, key=lambda row: (row[0], channels.index(row[1])))


def make_calendar(strategy: Strategy, variants: dict[str, list[str]]) -> tuple[list[dict], list[str]]:
    """(rows, owned channels without a send). A row: date, at (ISO local time, None for a flight), channel, kind, asset.

    `variants`: channel -> ids of its copy variants, best first; launch takes the first, later sends the next ones.
    """
    channels = sorted(strategy.shares, key=lambda channel: (-strategy.shares[channel], channel))
    owned = [channel for channel in channels if channel in OWNED_CHANNELS]
    last = strategy.start + dt.timedelta(days=strategy.days - 1)
    rows, counts = [], dict.fromkeys(owned, 0)
    for day, channel, kind in place_sends(owned, strategy.days, strategy.weekly_frequency):
        ids = variants.get(channel, [])
        date = strategy.start + dt.timedelta(days=day)
        at = dt.datetime.combine(date, dt.time(strategy.send_hour)).isoformat(timespec="minutes")
        asset = ids[counts[channel] % len(ids)] if ids else None
        counts[channel] += 1
        rows.append({"date": date.isoformat(), "at": at, "channel": channel, "kind": kind, "asset": asset})
    for channel in channels:
        if channel not in OWNED_CHANNELS:
            asset = next(iter(variants.get(channel, [])), None)
            for date, kind in ((strategy.start, "flight_start"), (last, "flight_end")):
                rows.append({"date": date.isoformat(), "at": None, "channel": channel, "kind": kind, "asset": asset})
    rows.sort(key=lambda row: (row["date"], row["kind"] == "flight_end", channels.index(row["channel"])))
    return rows, [channel for channel in owned if not counts[channel]]
