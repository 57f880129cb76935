"""Record: what it mends, what it drops, what it refuses."""

from typing import Any

import pytest
from pydantic import ValidationError

from directory import clean
from directory.records import Note, Record
from tests.conftest import DEFAULTS


def record(**fields: Any) -> tuple[Record, list[str]]:
    """A valid record and the codes of its repairs."""
    notes: list[Note] = []
    found = Record.model_validate({**DEFAULTS, **fields}, context=notes)
    return found, [note.code for note in notes]


@pytest.mark.parametrize(
    ("given", "number", "extension"),
    [
        ("(303) 555-0100", "+13035550100", None),
        ("215-568-0860 x3352", "+12155680860", "3352"),
        ("1-800-662-HELP", "+18006624357", None),
        ("303.555.0100 ext. 12", "+13035550100", "12"),
        ("988", "988", None),
        ("+44 20 7946 0018", "+442079460018", None),
    ],
)
def test_phones(given: str, number: str, extension: str | None) -> None:
    found, notes = record(phones=[given])
    assert [(p.number, p.extension) for p in found.phones] == [(number, extension)]
    assert notes == []


@pytest.mark.parametrize("given", ["(999) 999-9999", "none", "12", "call us", "000-000-0000"])
def test_what_is_no_phone_is_dropped_and_noted(given: str) -> None:
    found, notes = record(phones=[given])
    assert (found.phones, notes) == ([], ["bad_phone"])


@pytest.mark.parametrize(
    ("given", "link"),
    [
        ("www.example.org", "https://www.example.org"),
        ("HTTP://Example.org/a?b=c", "http://Example.org/a?b=c"),
        ("http://", None),
        ("", None),
    ],
)
def test_links(given: str, link: str | None) -> None:
    assert record(website=given) == (record(website=link)[0], [])


@pytest.mark.parametrize(
    "given",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        "https://user:pass@example.org",
        "https://example.org/<script>",
        "https://localhost",
        "ftp://example.org",
        "https://exa mple.org",
        "https://[::1",
        "//example.org",
    ],
)
def test_unsafe_links_are_dropped_and_noted(given: str) -> None:
    found, notes = record(website=given, join_url=given)
    assert (found.website, found.join_url, notes) == (None, None, ["bad_link", "bad_link"])


@pytest.mark.parametrize(
    ("lat", "lon", "expected", "codes"),
    [
        ("39.7", "-104.9", (39.7, -104.9), []),
        (-104.9, 39.7, (39.7, -104.9), ["swapped_coordinates"]),
        (float("nan"), 1, (None, None), ["bad_coordinate", "bad_position"]),
        ("inf", "x", (None, None), ["bad_coordinate", "bad_coordinate"]),
        (0, 0, (None, None), ["bad_position"]),
        (39.7, None, (None, None), ["bad_position"]),
        (100, 100, (None, None), ["bad_position"]),
        (None, "", (None, None), []),
    ],
)
def test_coordinates(lat: Any, lon: Any, expected: Any, codes: list[str]) -> None:
    found, notes = record(latitude=lat, longitude=lon)
    assert ((found.latitude, found.longitude), notes) == (expected, codes)
    assert (found.precision == "none") == (found.latitude is None)


def test_text_is_cleaned() -> None:
    found, _ = record(
        name=" <b>Open</b>&amp;  Door\u202e ",
        description="<p>One</p><p>Two\0</p><script>x</script>",
    )
    assert (found.name, found.description) == ("Open& Door", "One\nTwo")


def test_a_hidden_address_hides_everything_that_leads_there() -> None:
    found, _ = record(
        address_public=False,
        street=["1 Secret Way"],
        postal_code="80202",
        latitude=39.73923,
        longitude=-104.99025,
        extra={"address": "1 Secret Way"},
    )
    assert (found.street, found.postal_code, found.extra) == ([], None, {})
    assert (found.latitude, found.longitude, found.precision) == (39.7, -105.0, "approximate")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", " \0 "),
        ("external_id", ""),
        ("kind", "casino"),
        ("terms", ["service:magic"]),
        ("min_age", 999),
        ("country", "USA"),
        ("surprise", 1),
        ("sessions", [{"weekday": 7, "start": "09:00", "minutes": 60}]),
        ("sessions", [{"weekday": 0, "start": "25:00", "minutes": 60}]),
    ],
)
def test_what_cannot_be_a_listing_is_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        record(**{field: value})


def test_too_long_texts_are_cut_and_noted() -> None:
    found, notes = record(name="x" * 400)
    assert (len(found.name), notes) == (300, ["too_long"])


def test_unknown_time_zones_are_dropped_and_noted() -> None:
    assert record(timezone="Mars/Olympus")[1] == ["bad_timezone"]
    assert record(timezone="America/Denver")[0].timezone == "America/Denver"


def test_json_values_hold_nothing_that_the_database_refuses() -> None:
    dirty = {"a\0": ["\ud800x", float("nan"), {"b": "\0"}], "n": 1.5}
    assert clean.json_value(dirty) == {"a": ["x", None, {"b": ""}], "n": 1.5}
