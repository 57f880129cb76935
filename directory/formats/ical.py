"""A listing's weekly meetings as a calendar file (RFC 5545)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event

from directory.models import Listing

# A calendar is often shared, and shows on a locked screen: nothing in it says what the meeting is.
SUMMARY = "Weekly meeting"


def calendar(listing: Listing, now: datetime) -> bytes:
    """The weekly sessions of ``listing``, each as an event from its next start after ``now`` on.

    Neither the listing's name nor a link is in it, and an address only where it is public.
    ``ValueError`` where no sessions or no time zone are known.
    """
    if not listing.sessions or not listing.timezone:
        raise ValueError("no weekly sessions are known")
    zone = ZoneInfo(listing.timezone)
    found = Calendar()
    found.add("prodid", "-//Recovery Directory//EN")
    found.add("version", "2.0")
    for session in listing.sessions:
        found.add_component(_event(listing, session, zone, now))
    found.add_missing_timezones()
    return bytes(found.to_ical())


def _event(listing: Listing, session: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> Event:
    start = _next_start(session, zone, now)
    event = Event()
    # The same session keeps its id, so that a second download replaces the first.
    event.add("uid", f"{listing.id}-{session['weekday']}-{session['start'].replace(':', '')}")
    event.add("dtstamp", now)
    event.add("dtstart", start)
    event.add("duration", timedelta(minutes=session["minutes"]))
    event.add("rrule", {"freq": "weekly"})
    event.add("summary", SUMMARY)
    event.add("class", "PRIVATE")
    if listing.in_person and listing.address_public:
        parts = (*(listing.street or ()), listing.city, listing.region, listing.postal_code)
        event.add("location", ", ".join(part for part in parts if part))
    return event


def _next_start(session: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> datetime:
    """The next start on the clocks of ``zone``.

    Unlike ``schedule.next_session`` a time that a spring change skips stays as it is written:
    what is repeated is the time on the clock.
    """
    local = now.astimezone(zone)
    hour, minute = int(session["start"][:2]), int(session["start"][3:])
    day = local.date() + timedelta(days=(session["weekday"] - local.weekday()) % 7)
    start = datetime(day.year, day.month, day.day, hour, minute, tzinfo=zone)
    return start if start >= local else start + timedelta(days=7)
