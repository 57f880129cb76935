"""Hours and meeting times in words, on the listing's own clocks. Pure functions."""

from collections import defaultdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_skeleton

from directory import schedule
from directory.models import Listing
from directory.web.language import gettext, locale
from directory.web.wording import clock, weekday


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


def _span(session: dict[str, Any]) -> str:
    start = int(session["start"][:2]) * 60 + int(session["start"][3:])
    end = start + session["minutes"]
    if session["minutes"] == schedule.DAY and start == 0:
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
        shown = {"text": _span(session), "note": session.get("note"), "url": session.get("url")}
        if shown not in week[session["weekday"]]:
            week[session["weekday"]].append(shown)
    return [(weekday(day), week[day]) for day in sorted(week)]


def zone_name(zone: str) -> str:
    """A time zone as people say it: "Denver time (America/Denver)"."""
    if "/" not in zone:
        return zone
    city = zone.rsplit("/", 1)[1].replace("_", " ")
    return gettext("%(city)s time (%(zone)s)", city=city, zone=zone)
