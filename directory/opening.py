"""Opening hours in the terms of iCalendar, as human-services directories write them.

A schedule has ``freq``, ``interval``, ``byday``, ``opens_at``, ``closes_at`` and dates. It is
weekly only where it repeats each week, on named days, without an end by date or count.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from directory import weekly
from directory.records import Note
from directory.schedule import DAY, WEEKDAYS

_BYDAY = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# Members that single out some weeks, or an end.
_BOUNDS = ("count", "until", "valid_to", "byweekno", "bymonthday", "byyearday")
_ZONED = re.compile(r"\s*(Z|[+-]\d{2}:?\d{2})$", re.IGNORECASE)


def hours(
    schedules: Iterable[Mapping[str, Any]], notes: list[Note]
) -> tuple[list[dict[str, Any]], str | None]:
    """The weekly sessions of ``schedules``, and in words what is not weekly.

    A schedule that has ended is left out, with a note. Opening from 00:00 to 00:00, 23:59 or
    24:00 is a whole day; another equal opening and closing, or a missing one, tells nothing.
    """
    sessions, told = [], []
    for schedule in schedules:
        end = as_date(_text(schedule, "until") or _text(schedule, "valid_to"))
        if end and end < date.today():
            notes.append(Note("sessions", "ended", f"left out hours that ended on {end}"))
            continue
        days, start = _days(schedule), _clock(_text(schedule, "opens_at"))
        lasts = _lasts(start, _text(schedule, "closes_at"))
        if days and start and lasts:
            note = _text(schedule, "notes") or _text(schedule, "attending_type")
            sessions += weekly.sessions(days, start, lasts, note or None)
        elif words := _in_words(schedule):
            told.append(words)
    return sessions, "\n".join(dict.fromkeys(told)) or None


def is_utc(schedules: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the hours are told in UTC ("17:00Z")."""
    return any(_text(each, "opens_at").upper().endswith("Z") for each in schedules)


def as_date(text: str) -> date | None:
    """A day from ISO 8601 text, with or without a time; None where it is none."""
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _text(raw: Mapping[str, Any], key: str) -> str:
    value = raw.get(key)
    return "" if value is None else str(value).strip()


def _clock(text: str) -> str | None:
    """The wall-clock time; the offset behind it is that of the place itself."""
    return weekly.clock(_ZONED.sub("", text))


def _days(schedule: Mapping[str, Any]) -> list[int]:
    """The weekdays on which the schedule repeats each week; none where it is not weekly."""
    freq, interval = _text(schedule, "freq").upper(), _text(schedule, "interval")
    if freq not in ("WEEKLY", "") or interval not in ("", "1", "1.0"):
        return []
    if any(_text(schedule, key) for key in _BOUNDS):
        return []
    named = [day.strip().upper() for day in _text(schedule, "byday").split(",") if day.strip()]
    if not all(day in _BYDAY for day in named):
        return []
    first = as_date(_text(schedule, "dtstart"))
    if not named and freq and first:
        return [first.weekday()]
    return [_BYDAY.index(day) for day in named]


def _lasts(start: str | None, closes: str) -> int | None:
    """Minutes until closing, past midnight if need be; None where it cannot be told."""
    closes = _ZONED.sub("", closes)
    end = "00:00" if re.fullmatch(r"24:00(:00)?", closes) else weekly.clock(closes)
    if start is None or end is None:
        return None
    if start == "00:00" and end in ("00:00", "23:59"):
        return DAY
    return (weekly.minutes(end) - weekly.minutes(start)) % DAY or None


def _in_words(schedule: Mapping[str, Any]) -> str:
    """A schedule that is not weekly, as its source describes it, else by its parts."""
    if told := _text(schedule, "description") or _text(schedule, "notes"):
        return told
    named = [day.strip().upper() for day in _text(schedule, "byday").split(",")]
    days = [WEEKDAYS[_BYDAY.index(day)].capitalize() for day in named if day in _BYDAY]
    times = [_clock(_text(schedule, key)) for key in ("opens_at", "closes_at")]
    return ", ".join(filter(None, [_text(schedule, "freq").lower(), *days, *times]))
