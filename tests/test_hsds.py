"""Human-services data: schedules, document shapes, paging, and the standard's own examples."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from directory import opening
from directory.feed import FeedError, open_feed
from directory.records import Note, Record, Row
from importers import hsds

Item = dict[str, Any]


def _rows(document: Any) -> list[Row]:
    data = json.dumps(document).encode()
    return [item.row() for item in hsds.read("feed", {}, lambda _: io.BytesIO(data))]


def _service(place: Item | None = None, **said: Any) -> Record:
    """The record of one service, at ``place`` if given."""
    at = {} if place is None else {"service_at_locations": [{"id": "s", "location": place}]}
    (row,) = _rows({"id": "v", "name": "A", "status": "active", **at, **said})
    return Record.model_validate(row.fields)


WEEKLY = {"freq": "WEEKLY", "byday": "TU", "opens_at": "09:00", "closes_at": "17:00"}


@pytest.mark.parametrize(
    ("said", "sessions"),
    [
        ({}, [(1, "09:00", 480)]),
        ({"byday": "SU, MO"}, [(0, "09:00", 480), (6, "09:00", 480)]),
        ({"opens_at": "09:00:00", "closes_at": "17:30:00"}, [(1, "09:00", 510)]),
        ({"opens_at": "09:00-07:00", "closes_at": "17:00-07:00"}, [(1, "09:00", 480)]),
        ({"opens_at": "22:00", "closes_at": "06:00"}, [(1, "22:00", 480)]),
        ({"opens_at": "00:00", "closes_at": "00:00"}, [(1, "00:00", 1440)]),
        ({"opens_at": "00:00", "closes_at": "23:59"}, [(1, "00:00", 1440)]),
        ({"opens_at": "00:00", "closes_at": "24:00"}, [(1, "00:00", 1440)]),
        ({"opens_at": "18:00", "closes_at": "24:00"}, [(1, "18:00", 360)]),
        ({"opens_at": "09:00", "closes_at": "09:00"}, []),
        ({"closes_at": None}, []),
        ({"opens_at": "noon"}, []),
        ({"interval": 1}, [(1, "09:00", 480)]),
        ({"interval": 2}, []),
        ({"freq": "MONTHLY", "byday": "2TU"}, []),
        ({"byday": "2TU"}, []),
        ({"byday": None, "dtstart": "2024-05-01"}, [(2, "09:00", 480)]),
        ({"byday": None}, []),
        ({"byweekno": "41,42"}, []),
        ({"count": 3}, []),
        ({"until": "2999-01-01"}, []),
    ],
)
def test_hours(said: Item, sessions: list[tuple[int, str, int]]) -> None:
    found, told = opening.hours([{**WEEKLY, "description": "By day", **said}], [])
    assert [(s["weekday"], s["start"], s["minutes"]) for s in found] == sessions
    assert told == (None if sessions else "By day")


def test_hours_that_have_ended_are_left_out() -> None:
    notes: list[Note] = []
    assert opening.hours([{**WEEKLY, "valid_to": "2005-01-01"}], notes) == ([], None)
    assert [note.code for note in notes] == ["ended"]


def test_hours_without_a_description_are_put_in_words() -> None:
    told = opening.hours([{**WEEKLY, "freq": "MONTHLY", "bymonthday": "1"}], [])[1]
    assert told == "monthly, Tuesday, 09:00, 17:00"


@pytest.mark.parametrize(
    ("zone", "opens", "found"),
    [
        (3, "09:00", None),
        ("-07:00", "09:00", None),
        ("America/Denver", "09:00", "America/Denver"),
        (None, "09:00Z", "UTC"),
    ],
)
def test_an_offset_is_no_time_zone(zone: Any, opens: str, found: str | None) -> None:
    record = _service(schedules=[{**WEEKLY, "timezone": zone, "opens_at": opens}])
    assert record.timezone == found
    assert record.sessions
    assert ("schedule_timezones" in record.extra) == (zone is not None)


@pytest.mark.parametrize(
    ("status", "found"),
    [
        ("active", "active"),
        ("inactive", "suspended"),
        ("temporarily closed", "suspended"),
        ("defunct", "closed"),
        ("", "active"),
    ],
)
def test_status(status: str, found: str) -> None:
    assert _service(status=status).status == found


PLACE = {"id": "l", "location_type": "physical", "latitude": 39.7512, "longitude": -104.9912}
PLACE |= {"addresses": [{"address_1": "1 Elm St", "city": "Denver", "state_province": "Colorado"}]}


@pytest.mark.parametrize(
    ("place", "said", "in_person", "online"),
    [
        (PLACE, {}, True, False),
        ({**PLACE, "location_type": "virtual"}, {}, False, True),
        (PLACE, {"schedules": [{"attending_type": "In person or by video"}]}, True, True),
        (None, {"schedules": [{"attending_type": "Online"}]}, False, True),
        (None, {"name": "Crisis Line"}, False, False),
        (None, {}, True, False),
    ],
)
def test_ways_to_get_help(place: Item | None, said: Item, in_person: bool, online: bool) -> None:
    found = _service(place, **said)
    assert (found.in_person, found.online) == (in_person, online)


@pytest.mark.parametrize(
    "text",
    [
        "A safe house at a confidential location.",
        "The address is confidential.",
        "Undisclosed location",
        "The location is not disclosed to anybody",
    ],
)
def test_a_confidential_place_is_concealed(text: str) -> None:
    for found in (_service(PLACE, description=text), _service({**PLACE, "name": text})):
        assert not found.address_public
        assert (found.street, found.latitude, found.extra) == ([], 39.8, {})
        assert (found.city, found.region) == ("Denver", "CO")


def test_confidential_talks_are_no_confidential_place() -> None:
    assert _service(PLACE, description="Confidential counseling.").address_public


@pytest.mark.parametrize(
    ("told", "stated"),
    [
        ("Wheelchair access on all levels.", True),
        ("There is no lift. The entrance is wheelchair accessible", True),
        ("Not wheelchair accessible", False),
        ("No wheelchair access upstairs", False),
        ("Induction loops", False),
    ],
)
def test_wheelchair(told: str, stated: bool) -> None:
    found = _service({**PLACE, "accessibility": [{"description": told}]})
    assert ("access:wheelchair" in found.terms) == stated


def test_phones_are_those_nearest_to_the_service() -> None:
    office = {"name": "O", "phones": [{"number": "303-555-0100"}]}
    fax = {"number": "303-555-0101", "type": "fax"}
    own = {"number": '"303-555-0102"', "extension": 7.0, "description": "Intake"}
    assert [p.number for p in _service(organization=office).phones] == ["+13035550100"]
    (phone,) = _service(organization=office, phones=[fax, own]).phones
    assert (phone.number, phone.extension, phone.label) == ("+13035550102", "7", "Intake")
    person = {"name": "Ann Persona", "phones": [{"number": "303-555-0103"}]}
    written = _service(contacts=[person]).model_dump_json()
    assert "Persona" not in written
    assert "0103" not in written


@pytest.mark.parametrize(
    ("name", "taxonomy", "kind"),
    [
        ("Sample", [], "community_program"),
        ("Sample", ["Substance Abuse Treatment"], "treatment"),
        ("Detoxification", [], "treatment"),
        ("Parents' Support Group", [], "support_group"),
        ("Individual Counselling", [], "counseling"),
        ("Crisis line", [], "hotline"),
        ("Counseling", ["12-Step"], "support_group"),
    ],
)
def test_kind(name: str, taxonomy: list[str], kind: str) -> None:
    attributes = [{"taxonomy_term": {"name": term}} for term in taxonomy]
    assert _service(name=name, attributes=attributes).kind == kind


@pytest.mark.parametrize("value", [None, 0, True, "x", [], {}, [None], ["x"], -1, "\x00"])
def test_any_value_in_any_field_gets_a_verdict(value: Any) -> None:
    full = Path(__file__).parent / "examples" / "hsds" / "organization.json"
    service = json.loads(full.read_text(encoding="utf-8"))["services"][0]
    for key in service:
        if key not in ("id", "name"):
            for row in _rows([service | {key: value}]):
                Record.model_validate(row.fields)


class Api:
    """Stands in for a live directory: a list in short, in pages of one, and whole services."""

    def __init__(self, services: int) -> None:
        self.services = services
        self.asked: list[str] = []

    def open(self, address: str) -> BinaryIO:
        self.asked.append(address)
        path, _, query = address.partition("?")
        if not path.endswith("/services"):
            return self._answer(self._short(path.rpartition("/")[2]) | {"service_at_locations": []})
        page = int(query.partition("page=")[2] or 1)
        envelope = {"total_pages": self.services, "page_number": page, "last_page": False}
        return self._answer(envelope | {"contents": [self._short(f"v{page}")]})

    def _short(self, name: str) -> Item:
        return {"id": name, "name": name, "status": "active"}

    def _answer(self, document: Mapping[str, Any]) -> BinaryIO:
        return io.BytesIO(json.dumps(document).encode())


def test_a_live_list_is_followed_and_its_services_fetched_whole() -> None:
    api = Api(3)
    found = hsds.read("https://211.example.org/services", {}, api.open)
    rows = [item.row() for item in found]
    assert [row.fields["external_id"] for row in rows] == ["v1", "v2", "v3"]
    assert [row.where for row in rows] == ["item 0", "page 2, item 0", "page 3, item 0"]
    assert api.asked == [
        "https://211.example.org/services",
        "https://211.example.org/services/v1",
        "https://211.example.org/services?page=2",
        "https://211.example.org/services/v2",
        "https://211.example.org/services?page=3",
        "https://211.example.org/services/v3",
    ]


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"version": "3.0", "openapi_url": "x"}, "description of an API"),
        ({"id": "1", "name": "x", "uri": "y", "version": "1"}, "a taxonomy"),
        ({"contents": [{"id": "1", "name": "x", "legal_status": "y"}]}, "without its services"),
        ([{"id": "1", "location_type": "physical"}], "a location"),
        ([1], "something else"),
        ({"contents": []}, "no rows"),
    ],
)
def test_other_documents_say_what_they_are(document: Any, said: str) -> None:
    with pytest.raises(FeedError, match=said):
        _rows(document)


def test_rows_that_are_no_service_are_refused_one_by_one() -> None:
    services = [{"id": "1", "name": "A", "status": "active"}, {"id": "2"}, {"status": "active"}, 7]
    rows = _rows([*services, {"id": "o", "services": []}])
    codes = [row.refusal and row.refusal.code for row in rows]
    assert codes == [None, "no_service", "no_id", "no_service", "no_service"]


@pytest.mark.parametrize(
    ("name", "listings"),
    [
        ("service_full", 1),
        ("service_list", 1),
        ("organization_full", 1),
        ("service_at_location_full", 1),
        ("service_at_location_list", 1),
        ("organization_list", 0),
        ("location", 0),
        ("base", 0),
        ("tabular", 0),
        ("taxonomy", 0),
        ("taxonomy_list", 0),
        ("taxonomy_term", 0),
        ("taxonomy_term_list", 0),
    ],
)
def test_the_examples_of_the_standard(shared_data: Path, name: str, listings: int) -> None:
    path = str(shared_data / "hsds" / "examples" / f"{name}.json")
    if not listings:
        with pytest.raises(FeedError, match="Import the services"):
            list(hsds.read(path, {}, open_feed))
        return
    (item,) = hsds.read(path, {}, open_feed)
    row = item.row()
    record = Record.model_validate(row.fields, context=row.notes)
    assert record.name == "Community Counselling"
    assert (record.kind, record.min_age, record.max_age) == ("counseling", 12, 100)
    # Its schedule ended in 2005 and its point is no place on earth.
    assert (record.sessions, record.latitude) == ([], None)
    if name.endswith("full"):
        (phone,) = record.phones
        assert (phone.number, phone.extension) == ("+441234234567", "100")
        assert {"ended", "bad_position", "unknown_code"} == {note.code for note in row.notes}
