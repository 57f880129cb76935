"""Hours and meeting times in words, on the listing's own clocks. Pure functions."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton

from directory import schedule
from directory.models import Listing
from directory.web.language import ENGLISH, gettext, language, locale
from directory.web.wording import clock, weekday


@dataclass(frozen=True, slots=True)
class Slot:
    """A session on one day in words. ``state`` is "now", "next", "over", or "" for later ones."""

    text: str
    note: str | None
    url: str | None
    state: str


@dataclass(frozen=True, slots=True)
class Day:
    """A day of the coming week: what it is called from today, its date, and its sessions."""

    name: str
    date: str
    slots: list[Slot]


def always_open(listing: Listing) -> bool:
    """Whether its hours cover the whole week."""
    return listing.weekly == [(0, schedule.WEEK)]


def _until(listing: Listing, minute: int) -> str | None:
    """When the span that runs at ``minute`` of the week ends; None where none runs."""
    spans = listing.weekly or []
    running = [last for first, last in spans if first <= minute < last]
    if not running:
        return None
    end = running[0]
    if end == schedule.WEEK and spans[0][0] == 0:
        end += spans[0][1]
    # Midnight ends today, though it is the first minute of tomorrow.
    today = (end - 1) // schedule.DAY == minute // schedule.DAY
    return clock(end) if today else f"{weekday(end // schedule.DAY % 7)}, {clock(end)}"


def opening(listing: Listing, now: datetime) -> tuple[str, str] | None:
    """(state, words) about now: state is "open" or "next"; None where no hours are known."""
    if not listing.sessions:
        return None
    if always_open(listing):
        return "open", gettext("Open 24 hours, every day")
    meeting = listing.kind == "support_group"
    zone = f" {now.astimezone(ZoneInfo(listing.timezone)):%Z}" if listing.online else ""
    if until := _until(listing, schedule.local_minute(listing.timezone, now)):
        until += zone
        if meeting:
            return "open", gettext("Meeting now, until %(time)s", time=until)
        return "open", gettext("Open now, until %(time)s", time=until)
    following = schedule.next_session(listing.sessions, listing.timezone, now)
    if following is None:
        return None
    today = now.astimezone(following.tzinfo).date()
    day = _day(following, (following.date() - today).days)
    at = clock(following.hour * 60 + following.minute) + zone
    if meeting:
        return "next", gettext("Next: %(day)s at %(time)s", day=day, time=at)
    return "next", gettext("Opens %(day)s at %(time)s", day=day, time=at)


def _day(when: datetime, days: int) -> str:
    """A day as seen from ``days`` before it."""
    if days < 2:
        return gettext("tomorrow") if days else gettext("today")
    name = format_date(when, "EEEE", locale=locale())
    return name if days < 7 else f"{name}, {format_skeleton('MMMMd', when, locale=locale())}"


def week(listing: Listing, now: datetime) -> list[Day]:
    """Today and the six days after it on the listing's own clocks, each with its sessions.

    What began yesterday and still runs stands first under today. A session is "next" only while
    none runs. [] where no hours are known.
    """
    if not listing.sessions:
        return []
    zone = ZoneInfo(listing.timezone)
    today = now.astimezone(zone).date()
    runs = schedule.open_now(listing.sessions, listing.timezone, now)
    following = None if runs else schedule.next_session(listing.sessions, listing.timezone, now)
    slots: list[list[Slot]] = [[] for _ in range(7)]
    for session in sorted(listing.sessions, key=lambda session: session["start"]):
        for ahead in range(-1, 7):
            day = today + timedelta(days=ahead)
            if day.weekday() == session["weekday"]:
                slot = _slot(session, day, zone, now, following)
                if ahead < 0:
                    slots[0][:0] = [slot] if slot.state == "now" else []
                elif slot not in slots[ahead]:
                    slots[ahead].append(slot)
    return [
        Day(_name(today + timedelta(days=n), n), _short(today + timedelta(days=n)), found)
        for n, found in enumerate(slots)
    ]


def _slot(
    session: dict[str, Any], day: date, zone: ZoneInfo, now: datetime, following: datetime | None
) -> Slot:
    """``session`` on ``day``; a time that a spring change skips is the one clocks then show."""
    hour, minute = int(session["start"][:2]), int(session["start"][3:])
    start = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone).astimezone(UTC)
    shown = start.astimezone(zone)
    # Doors close by the clock, also in a night in which it is moved.
    last = shown + timedelta(minutes=session["minutes"])
    if last.astimezone(UTC) <= now:
        state = "over"
    elif start <= now:
        state = "now"
    else:
        state = "next" if start == following else ""
    text = _span(shown.hour * 60 + shown.minute, session["minutes"])
    if state == "now" and day < now.astimezone(zone).date():
        text = gettext("until %(time)s", time=clock(last.hour * 60 + last.minute))
    return Slot(text, session.get("note"), session.get("url"), state)


def _name(day: date, ahead: int) -> str:
    if ahead < 2:
        return gettext("Tomorrow") if ahead else gettext("Today")
    return weekday(day.weekday())


def _short(day: date) -> str:
    """ "Nov 1"."""
    if language() == ENGLISH:
        return f"{day:%b} {day.day}"
    return format_skeleton("MMMd", day, locale=locale())


def _span(start: int, minutes: int) -> str:
    end = start + minutes
    if minutes == schedule.DAY and start == 0:
        return gettext("24 hours")
    values = {"start": clock(start), "end": clock(end)}
    if end > schedule.DAY:
        return gettext("%(start)s to %(end)s (next day)", **values)
    return gettext("%(start)s to %(end)s", **values)


def hours(listing: Listing) -> list[tuple[str, list[dict[str, Any]]]]:
    """The week as (weekday, sessions), days without sessions left out.

    A session has ``text``, ``note`` and ``url``.
    """
    week: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for session in sorted(listing.sessions, key=lambda s: (s["weekday"], s["start"])):
        start = int(session["start"][:2]) * 60 + int(session["start"][3:])
        text = _span(start, session["minutes"])
        shown = {"text": text, "note": session.get("note"), "url": session.get("url")}
        if shown not in week[session["weekday"]]:
            week[session["weekday"]].append(shown)
    return [(weekday(day), week[day]) for day in sorted(week)]


def zone_name(zone: str) -> str:
    """A time zone as people say it: "Denver time (America/Denver)"."""
    if "/" not in zone:
        return zone
    city = zone.rsplit("/", 1)[1].replace("_", " ")
    return gettext("%(city)s time (%(zone)s)", city=city, zone=zone)
