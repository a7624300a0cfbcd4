"""The calendar of a plan: dated sends of owned channels and flights of paid ones, inside the inclusive range of dates.

The weekly frequency is what a customer gets on each owned channel, as in the forecast and the budget: every message
that is paid for has its date. Which copy goes out is said by variant; sending is done elsewhere, by people.
"""

from __future__ import annotations

import datetime as dt

from campaignwright.market.words import OWNED_CHANNELS, Strategy


def send_days(days: int, frequency: float) -> list[int]:
    """Days (0 = first) of one channel's sends, evenly from the first day to the last.

    As many as frequency x weeks, rounded and at least one, yet never closer than 7 / frequency days, nor two a day: no
    seven days hold more than the frequency, rounded up. None at frequency 0.
    """
    if frequency <= 0:
        return []
    room = 1 + int((days - 1) * min(frequency, 7) / 7 + 1e-9)
    sends = min(max(round(frequency * days / 7), 1), room)
    return [0] if sends == 1 else [step * (days - 1) // (sends - 1) for step in range(sends)]


def make_calendar(strategy: Strategy, variants: dict[str, list[str]]) -> tuple[list[dict], list[str]]:
    """(rows, owned channels without a send). A row: date, at (ISO local time, None for a flight), channel, kind, asset.

    `variants`: channel -> ids of its copy variants, best first; launch takes the first, later sends the next ones.
    """
    channels = sorted(strategy.shares, key=lambda channel: (-strategy.shares[channel], channel))
    sends = send_days(strategy.days, strategy.weekly_frequency)
    rows = []
    for channel in channels:
        ids = variants.get(channel) or [None]
        if channel in OWNED_CHANNELS:
            kinds = ["launch", *["reminder"] * (len(sends) - 2), "last_day"]
            planned = [(day, kind, ids[n % len(ids)]) for n, (day, kind) in enumerate(zip(sends, kinds, strict=False))]
        else:
            planned = [(0, "flight_start", ids[0]), (strategy.days - 1, "flight_end", ids[0])]
        for day, kind, asset in planned:
            date = strategy.start + dt.timedelta(days=day)
            at = dt.datetime.combine(date, dt.time(strategy.send_hour)).isoformat(timespec="minutes")
            rows.append({"date": date.isoformat(), "at": at if channel in OWNED_CHANNELS else None, "channel": channel,
                         "kind": kind, "asset": asset})
    rows.sort(key=lambda row: (row["date"], row["kind"] == "flight_end", channels.index(row["channel"])))
    return rows, [channel for channel in channels if channel in OWNED_CHANNELS and not sends]
