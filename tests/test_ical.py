"""Meetings in a calendar: the times that ``schedule`` gives, and nothing that tells on anybody."""

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from dateutil.rrule import rrulestr
from flask.testing import FlaskClient
from icalendar import Calendar
from sqlalchemy.orm import Session

from directory import db
from directory.config import Config
from directory.formats.ical import calendar
from directory.models import Listing
from directory.schedule import next_session
from tests.builders import listing
from tests.conftest import NOW

ID = uuid.UUID("12345678-1234-5678-1234-567812345678")
SESSIONS = ((1, "19:30", 60), (6, "12:00", 90), (6, "23:30", 60))


@pytest.mark.parametrize("zone", ["America/Denver", "America/Phoenix", "Europe/London"])
def test_a_year_of_occurrences_is_what_the_schedule_says(zone: str) -> None:
    group = listing(id=ID, kind="support_group", timezone=zone, sessions=SESSIONS)
    last = NOW + timedelta(days=366)
    expected, at = [], NOW
    while (start := next_session(group.sessions, zone, at)) and start < last:
        expected.append(start.astimezone(UTC))
        at = start.astimezone(UTC) + timedelta(minutes=1)
    found = []
    for event in Calendar.from_ical(calendar(group, NOW)).walk("VEVENT"):
        text = event["RRULE"].to_ical()
        assert isinstance(text, bytes)
        rule = rrulestr(text.decode(), dtstart=event.decoded("DTSTART"))
        found += [day.astimezone(UTC) for day in rule.between(NOW, last, inc=True)]
    assert len(expected) > 150
    assert sorted(found) == expected


def test_the_zone_is_in_the_file_and_ids_stay() -> None:
    group = listing(id=ID, kind="support_group", sessions=SESSIONS)
    one, later = (
        Calendar.from_ical(calendar(group, now)) for now in (NOW, NOW + timedelta(days=40))
    )
    assert [str(zone["TZID"]) for zone in one.walk("VTIMEZONE")] == ["America/Denver"]
    ids = [str(event["UID"]) for event in one.walk("VEVENT")]
    assert ids == [str(event["UID"]) for event in later.walk("VEVENT")]
    assert len(set(ids)) == 3


def test_nothing_says_what_the_meeting_is() -> None:
    group = listing(id=ID, kind="support_group", name="Sober AA", sessions=SESSIONS)
    assert b"Sober" not in calendar(group, NOW)
    assert b"1 Main St" in calendar(group, NOW)
    group.address_public = False
    assert b"LOCATION" not in calendar(group, NOW)


def test_without_times_there_is_no_calendar() -> None:
    with pytest.raises(ValueError, match="no weekly sessions"):
        calendar(listing(id=ID), datetime.now(UTC))


def test_a_meeting_page_offers_its_calendar(client: FlaskClient, sample_config: Config) -> None:
    with Session(db.reader(sample_config)) as session:
        groups = sa.select(Listing).where(Listing.kind == "support_group", Listing.listed)
        group = next(found.id for found in session.scalars(groups) if found.sessions)
        other = session.scalars(
            sa.select(Listing.id).where(Listing.kind == "treatment", Listing.listed)
        ).first()
    assert f'href="/listing/{group}.ics"' in client.get(f"/listing/{group}").text
    response = client.get(f"/listing/{group}.ics")
    assert response.status_code == 200
    assert response.mimetype == "text/calendar"
    assert "Set-Cookie" not in response.headers
    assert Calendar.from_ical(response.data).walk("VEVENT")
    assert client.get(f"/listing/{other}.ics").status_code == 404
    assert client.get("/listing/nonsense.ics").status_code == 404
