"""Weekly time: minutes of the week, the next occurrence, open now.

Wall-clock times and zones are stored; instants are computed when asked, so that daylight
saving changes nothing in the data. A missing schedule is unknown, never open.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

DAY = 1_440
WEEK = 7 * DAY
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
# Parts of a day as minutes from midnight; a night runs past it.
PARTS = {
    "morning": (4 * 60, 11 * 60),
    "midday": (11 * 60, 17 * 60),
    "evening": (17 * 60, 21 * 60),
    "night": (21 * 60, 28 * 60),
}

Span = tuple[int, int]


def minute_of_week(weekday: int, start: str) -> int:
    """Minutes from Monday 00:00 to ``start`` ("19:30") on ``weekday`` (0 = Monday)."""
    return weekday * DAY + int(start[:2]) * 60 + int(start[3:])


def wrap(start: int, end: int) -> list[Span]:
    """The minutes from ``start`` to ``end`` as spans within one week, wrapped past Sunday."""
    if end - start >= WEEK:
        return [(0, WEEK)]
    start, end = start % WEEK, start % WEEK + (end - start)
    return [(start, end)] if end <= WEEK else [(start, WEEK), (0, end - WEEK)]


def weekly(sessions: Iterable[Mapping[str, Any]]) -> list[Span] | None:
    """The half-open spans, merged and in order, that ``sessions`` cover; None if unknown."""
    spans: list[Span] = []
    for session in sessions:
        start = minute_of_week(session["weekday"], session["start"])
        spans.extend(wrap(start, start + session["minutes"]))
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged or None


def multirange(spans: Iterable[Span]) -> str:
    """``spans`` in PostgreSQL's int4multirange text form."""
    return "{" + ",".join(f"[{start},{end})" for start, end in spans) + "}"


def local_minute(zone: str, now: datetime) -> int:
    """The minute of the week that clocks in ``zone`` show at the instant ``now``."""
    return _minute(now.astimezone(ZoneInfo(zone)))


def _minute(local: datetime) -> int:
    return local.weekday() * DAY + local.hour * 60 + local.minute


@lru_cache(maxsize=8)
def clocks(now: datetime) -> dict[str, int]:
    """Time zone -> the minute of the week that its clocks show at the instant ``now``.

    Pass ``now`` cut to the minute; the answer for one minute is kept.
    """
    return {name: _minute(now.astimezone(zone)) for name, zone in _zones()}


@cache
def _zones() -> list[tuple[str, ZoneInfo]]:
    """All time zones, kept: Python keeps eight, and reads the files of others again."""
    return [(name, ZoneInfo(name)) for name in sorted(available_timezones())]


@lru_cache(maxsize=8)
def clocks_json(now: datetime) -> str:
    """``clocks`` as a JSON object."""
    return json.dumps(clocks(now), separators=(",", ":"))


def _held(day: int, part: str | None) -> list[Span]:
    """The minutes of the week of a day (0 = Monday), or of a part of it."""
    first, last = PARTS[part] if part else (0, DAY)
    return wrap(day * DAY + first, day * DAY + last)


# How hours are searched: a lexeme for each day, and each part of it, that a session touches.
_LEXEMES = {
    (day, part): (f"at:{name}-{part}" if part else f"at:{name}", _held(day, part))
    for day, name in enumerate(WEEKDAYS)
    for part in (None, *PARTS)
}
ALWAYS = "at:always"


@lru_cache(maxsize=4_096)
def lexemes(spans: tuple[Span, ...], zone: str) -> tuple[str, ...]:
    """What the hours ``spans`` are searched by: the days and parts of days that they touch on
    their own clocks, the hours of the day in which they start, and the hours of the week in
    ``zone``'s standard time (``around``)."""
    if spans == ((0, WEEK),):
        return (ALWAYS,)
    local = [
        lexeme
        for lexeme, held in _LEXEMES.values()
        if any(start < last and first < end for start, end in spans for first, last in held)
    ]
    ahead = _standard_minutes(zone)
    hours = {
        hour % 168
        for start, end in spans
        for hour in range((start - ahead) // 60, -(-(end - ahead) // 60))
    }
    starts = sorted({start % DAY // 60 for start, _ in spans})
    return (*local, *map(starting, starts), *(f"open:{hour}" for hour in sorted(hours)))


def starting(hour: int) -> str:
    """The lexeme of a session that starts in an hour of the day, 0 to 23."""
    return f"start:{hour}"


def part_of_day(hour: int) -> str:
    """The part of the day (a key of ``PARTS``) that an hour, 0 to 23, is in."""
    minutes = (hour * 60, hour * 60 + DAY)
    held = PARTS.items()
    return next(part for part, (a, b) in held if any(a <= minute < b for minute in minutes))


@lru_cache(maxsize=1_024)
def _standard_minutes(zone: str) -> int:
    """How far ``zone`` is ahead of UTC in winter, when clocks are not put forward."""
    info = ZoneInfo(zone)
    winters = (datetime(2026, month, 1, tzinfo=info) for month in (1, 7))
    return min(int((day.utcoffset() or timedelta()).total_seconds()) // 60 for day in winters)


def around(now: datetime) -> list[str]:
    """Lexemes of which whatever is open at ``now`` has one: summer time, or a new rule, is
    within an hour of standard time."""
    utc = now.astimezone(UTC)
    hour = utc.weekday() * 24 + utc.hour
    return [ALWAYS, *(f"open:{(hour + more) % 168}" for more in (-1, 0, 1))]


def on(day: str | None, part: str | None, today: int) -> list[str]:
    """Lexemes of which one is there where a day and a part of the day are meant.

    ``day`` is a weekday, "today" or "tomorrow"; None is any day. ``part`` is a key of
    ``PARTS``; None is the whole day. ``today`` is the weekday that the clocks show.
    """
    if day is None:
        days: Sequence[int] = range(7)
    elif day in ("today", "tomorrow"):
        days = [(today + (day == "tomorrow")) % 7]
    else:
        days = [WEEKDAYS.index(day)]
    return [ALWAYS, *(_LEXEMES[d, part][0] for d in days)]


def open_now(sessions: Sequence[Mapping[str, Any]], zone: str, now: datetime) -> bool | None:
    """Whether a session runs at ``now``; None where no hours are known."""
    spans = weekly(sessions)
    if spans is None:
        return None
    minute = local_minute(zone, now)
    return any(start <= minute < end for start, end in spans)


def next_session(
    sessions: Sequence[Mapping[str, Any]], zone: str, now: datetime
) -> datetime | None:
    """When the next session starts, as an instant with ``zone``'s offset; None if unknown.

    A wall-clock time that a spring change skips is read with the offset before the change,
    as PEP 495 does, and so falls an hour later on the clock.
    """
    info = ZoneInfo(zone)
    local = now.astimezone(info)
    found: list[datetime] = []
    for session in sessions:
        ahead = (session["weekday"] - local.weekday()) % 7
        for days in (ahead, ahead + 7):
            day = local.date() + timedelta(days=days)
            hour, minute = int(session["start"][:2]), int(session["start"][3:])
            start = datetime(day.year, day.month, day.day, hour, minute, tzinfo=info)
            instant = start.astimezone(UTC)
            if instant >= now:
                found.append(instant)
                break
    return min(found).astimezone(info) if found else None
