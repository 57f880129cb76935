"""What pages say about a listing: distances, hours, numbers, freshness."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from directory.models import Source
from directory.search import Hit
from directory.web import answers, hours, wording
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


def week(now: datetime = NOW, **values: Any) -> list[tuple[str, list[tuple[str, str]]]]:
    """The coming week: (name, date) of each day in one, and (text, state) of its sessions."""
    return [
        (f"{day.name} {day.date}", [(slot.text, slot.state) for slot in day.slots])
        for day in hours.week(listing(**values), now)
    ]


def test_the_coming_week_begins_today() -> None:
    found = week(sessions=[(0, "07:00", 60), (0, "09:00", 60), (0, "19:30", 60), (1, "12:00", 60)])
    assert [day for day, _ in found] == [
        "Today Nov 23", "Tomorrow Nov 24", "Wednesday Nov 25", "Thursday Nov 26",
        "Friday Nov 27", "Saturday Nov 28", "Sunday Nov 29",
    ]  # fmt: skip
    assert found[0][1] == [
        ("7 AM to 8 AM", "over"), ("9 AM to 10 AM", "now"), ("7:30 PM to 8:30 PM", ""),
    ]  # fmt: skip
    assert found[1][1] == [("noon to 1 PM", "")]
    assert [slots for _, slots in found[2:]] == [[]] * 5
    assert week(sessions=[]) == []


def test_only_the_soonest_is_next() -> None:
    found = week(sessions=[(0, "07:00", 60), (2, "18:00", 60), (2, "20:00", 60), (5, "18:00", 60)])
    assert [slot for _, slots in found for slot in slots if slot[1] == "next"] == [
        ("6 PM to 7 PM", "next")
    ]
    assert found[2][1] == [("6 PM to 7 PM", "next"), ("8 PM to 9 PM", "")]


def test_a_night_that_began_yesterday_stands_under_today() -> None:
    """A Monday, 1 in the morning: Sunday night still runs, Monday night is to come."""
    night = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
    found = week(night, sessions=[(6, "22:00", 240), (0, "22:00", 240)])
    assert found[0] == (
        "Today Nov 23", [("until 2 AM", "now"), ("10 PM to 2 AM (next day)", "")]
    )  # fmt: skip
    assert found[6][1] == [("10 PM to 2 AM (next day)", "")]
    ended = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert [text for text, _ in week(ended, sessions=[(6, "22:00", 240)])[0][1]] == []


@pytest.mark.parametrize(
    ("zone", "now", "sessions", "expected"),
    [
        # Clocks go forward at 2 on March 8: what starts at 2:30 starts an hour later that day.
        ("America/Denver", "2026-03-07T19:00+00:00", [(6, "02:30", 60)], "3:30 AM to 4:30 AM"),
        ("America/Phoenix", "2026-03-07T19:00+00:00", [(6, "02:30", 60)], "2:30 AM to 3:30 AM"),
        # A door that closes at 3 closes at 3, though the night is an hour shorter or longer.
        ("America/Denver", "2026-03-08T08:30+00:00", [(5, "23:00", 240)], "until 3 AM"),
        ("America/Denver", "2026-11-01T09:30+00:00", [(5, "23:00", 240)], "until 3 AM"),
    ],
)
def test_the_week_in_nights_when_clocks_change(
    zone: str, now: str, sessions: Sequence[tuple[int, str, int]], expected: str
) -> None:
    found = week(datetime.fromisoformat(now), timezone=zone, sessions=sessions)
    assert expected in [text for _, slots in found[:2] for text, _ in slots]


def test_a_door_is_shut_when_its_clock_says_so() -> None:
    """3:10 by clocks that have gone forward, 3 hours and 10 minutes after a start at 11 PM."""
    after = datetime(2026, 3, 8, 9, 10, tzinfo=UTC)
    assert week(after, sessions=[(5, "23:00", 240)])[0] == ("Today Mar 8", [])


def test_the_week_and_the_line_above_it_agree() -> None:
    sessions = [(day, "21:00", 300) for day in range(7)] + [(2, "02:30", 30), (6, "02:30", 30)]
    for zone in ("America/Denver", "America/Phoenix", "Europe/London"):
        found = listing(kind="support_group", timezone=zone, sessions=sessions)
        for hour in range(0, 24 * 30, 5):
            now = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour)
            state, _ = hours.opening(found, now) or ("", "")
            states = [slot.state for day in hours.week(found, now) for slot in day.slots]
            assert ("now" in states) == (state == "open"), (zone, now)
            assert states.count("next") == (state == "next"), (zone, now)


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
    codes = ["service:aftercare", "service:cbt", "service:detox", "pay:medicaid", "who:men"]
    main, more = answers.main_terms(listing(terms=codes), ("service:cbt", "who:men"))
    assert [term.code for term in main] == ["service:cbt", "service:detox", "service:aftercare"]
    assert more == 0


def test_a_card_says_how_many_more_there_are() -> None:
    many = [f"substance:{name}" for name in ("alcohol", "opioids", "cocaine", "cannabis")]
    main, more = answers.main_terms(listing(terms=[*many, "pay:free"]))
    assert ([term.code for term in main], more) == (many[:2], 2)


def test_what_is_asked_for_stands_first_in_its_line() -> None:
    found = listing(terms=["pay:medicaid", "pay:free", "who:men"])
    codes = [term.code for term in answers.terms_of(found, "pay", ("pay:medicaid",))]
    assert codes == ["pay:medicaid", "pay:free"]


@pytest.mark.parametrize(
    ("values", "some", "not_said"),
    [
        ({}, "a lower price", None),
        ({"terms": ["pay:sliding-scale"]}, "Medicaid", "a lower price"),
        ({"terms": ["pay:medicaid", "pay:private-insurance"]}, "small parts", "Medicaid"),
        ({"kind": "interventionist"}, "in writing", "Medicaid"),
    ],
)
def test_what_is_not_stated_is_to_ask_about(
    values: dict[str, Any], some: str, not_said: str | None
) -> None:
    about = " / ".join(answers.ask_about(listing(**values)))
    assert some in about
    assert not_said is None or not_said not in about


@pytest.mark.parametrize("kind", ["support_group", "hotline"])
def test_nobody_is_told_to_bargain_where_nothing_is_billed(kind: str) -> None:
    assert answers.ask_about(listing(kind=kind)) == []
    assert answers.ask_about(listing(terms=["pay:free"])) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, None),
        ({"min_age": 18}, "Age 18 and older"),
        ({"eligibility": "Adults.", "min_age": 18}, "Adults. Age 18 and older"),
    ],
)
def test_who_can_come_is_one_sentence_of_both(values: dict[str, Any], expected: str | None) -> None:
    assert answers.who_can_come(listing(**values)) == expected


@pytest.mark.parametrize(
    ("runs", "expected"),
    [(None, None), ("Open Door", None), ("OPEN", None), ("Doors Together", "Doors Together")],
)
def test_who_runs_it_is_said_where_the_name_does_not(
    runs: str | None, expected: str | None
) -> None:
    assert wording.organization(listing(organization=runs)) == expected


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
