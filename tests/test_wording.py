"""What pages say about a listing: distances, hours, numbers, freshness."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import pytest

from directory.models import Source
from directory.search import Hit
from directory.web import hours, wording
from tests.builders import listing

# A Monday, 9:30 in the morning in Denver.
NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("metres", "unit", "values", "expected"),
    [
        (0.0, "mi", {}, "under 0.1 mi"),
        (643.7, "mi", {}, "0.4 mi"),
        (15_900.0, "mi", {}, "9.9 mi"),
        (40_233.6, "mi", {}, "25 mi"),
        (2_500_000.0, "km", {}, "2,500 km"),
        (1_000.0, "km", {}, "1.0 km"),
        (643.7, "mi", {"precision": "approximate"}, "about 5 mi"),
        (19_000.0, "mi", {"precision": "approximate"}, "about 10 mi"),
        (19_000.0, "km", {"address_public": False}, "about 20 km"),
        (643.7, "mi", {"in_person": False, "online": True}, None),
        (None, "mi", {}, None),
    ],
)
def test_a_distance_is_no_more_exact_than_its_place(
    metres: float | None, unit: str, values: dict[str, Any], expected: str | None
) -> None:
    assert wording.distance(Hit(listing(**values), metres), unit) == expected


@pytest.mark.parametrize(
    ("value", "country", "expected"),
    [
        ("+13035550100", "US", "(303) 555-0100"),
        ("+18006624357", "US", "1-800-662-4357"),
        ("+13035550100", "GB", "+1 303-555-0100"),
        ("+611800250015", "AU", "1800 250 015"),
        ("988", "US", "988"),
    ],
)
def test_phone_numbers_read_as_people_write_them(value: str, country: str, expected: str) -> None:
    assert wording.phone(value, country) == expected


@pytest.mark.parametrize(
    ("kind", "sessions", "expected"),
    [
        ("treatment", [], None),
        ("treatment", [(day, "00:00", 1440) for day in range(7)],
         ("open", "Open 24 hours, every day")),
        ("treatment", [(0, "09:00", 480)], ("open", "Open now, until 5 PM")),
        ("treatment", [(0, "09:00", 900)], ("open", "Open now, until midnight")),
        ("treatment", [(0, "09:00", 1000)], ("open", "Open now, until Tuesday, 1:40 AM")),
        ("treatment", [(0, "10:00", 60)], ("next", "Opens today at 10 AM")),
        ("support_group", [(0, "09:00", 60)], ("open", "Meeting now, until 10 AM")),
        ("support_group", [(1, "19:30", 60)], ("next", "Next: tomorrow at 7:30 PM")),
        ("support_group", [(4, "12:00", 60)], ("next", "Next: Friday at noon")),
        # Over for this week: the weekday alone would be taken for today.
        ("support_group", [(0, "07:00", 60)], ("next", "Next: Monday, November 30 at 7 AM")),
    ],
)  # fmt: skip
def test_what_is_said_about_now(
    kind: str, sessions: Sequence[tuple[int, str, int]], expected: tuple[str, str] | None
) -> None:
    assert hours.opening(listing(kind=kind, sessions=sessions), NOW) == expected


def test_a_night_past_sunday_is_one_night() -> None:
    sunday_night = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)
    found = hours.opening(listing(sessions=[(6, "21:00", 300)]), sunday_night)
    assert found == ("open", "Open now, until Monday, 2 AM")


def test_online_times_name_their_zone() -> None:
    found = listing(kind="support_group", online=True, sessions=[(1, "19:30", 60)])
    assert hours.opening(found, NOW) == ("next", "Next: tomorrow at 7:30 PM MST")


def test_hours_by_weekday() -> None:
    found = listing(sessions=[(4, "22:00", 240), (0, "13:00", 60), (0, "09:00", 180)])
    week = [(day, [session["text"] for session in each]) for day, each in hours.hours(found)]
    assert week == [
        ("Monday", ["9 AM to noon", "1 PM to 2 PM"]),
        ("Friday", ["10 PM to 2 AM (next day)"]),
    ]


def test_verified_is_said_only_where_a_person_checked() -> None:
    assert wording.freshness(listing()) == "Listed by Test source, as of November 1, 2026"
    checked = listing(verified_on=date(2026, 10, 3))
    assert wording.freshness(checked) == "Verified on October 3, 2026"
    credited = Source(title="Test source", attribution="Sample County, CC BY 4.0")
    assert wording.freshness(listing(source=credited)) == (
        "Listed by Test source. Credit: Sample County, CC BY 4.0"
    )
    gone = wording.freshness(listing(last_seen=date(2026, 9, 1)))
    assert gone == "No longer listed by Test source; last seen September 1, 2026"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"precision": "street"}, True),
        ({"precision": "approximate"}, False),
        ({"address_public": False}, False),
        ({"in_person": False}, False),
    ],
)
def test_only_a_known_public_door_has_a_map_link(values: dict[str, Any], expected: bool) -> None:
    found = listing(latitude=39.7, longitude=-104.9, **values)
    assert (wording.geo_link(found) == "geo:39.700000,-104.900000") is expected


def test_a_private_address_is_only_a_town() -> None:
    found = listing(address_public=False, street=["7 Hidden Lane"], postal_code=None)
    assert wording.address(found) == ["Denver, CO"]


def test_chosen_terms_come_first_on_a_card() -> None:
    found = listing(terms=["service:aftercare", "service:cbt", "service:detox", "pay:medicaid"])
    codes = [term.code for term in wording.main_terms(found, ("service:cbt", "who:men"))]
    assert codes[0] == "service:cbt"
    assert set(codes) == set(found.terms)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("Open Door", "open-door"), ("  A & B — Été!", "a-b-ete"), ("世界", ""), ("x" * 99, "x" * 60)],
)
def test_slugs(name: str, expected: str) -> None:
    assert wording.slug(name) == expected


@pytest.mark.parametrize(
    ("seen", "last_seen", "verified", "said"),
    [
        (date(2026, 11, 1), None, None, None),
        (date(2026, 5, 27), None, None, None),
        (date(2026, 5, 26), None, None, "Not confirmed since May 26, 2026."),
        (date(2026, 11, 1), date(2026, 1, 5), None, "Not confirmed since January 5, 2026."),
        (date(2026, 1, 5), None, date(2026, 11, 1), None),
        (date(2026, 1, 5), None, date(2026, 2, 1), "Not confirmed since February 1, 2026."),
        (None, None, None, None),
    ],
)
def test_what_nobody_confirmed_for_long_says_so(
    seen: date | None, last_seen: date | None, verified: date | None, said: str | None
) -> None:
    """180 days before November 23 are May 27."""
    source = Source(id="feed", title="Test source", origin="feed", seen_on=seen)
    found = listing(source=source, last_seen=last_seen, verified_on=verified)
    assert wording.unconfirmed(found, NOW) == said
