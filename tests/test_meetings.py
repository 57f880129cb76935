"""Meeting feeds: the traps of their formats, and the real feeds against independent reading."""

import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
from sqlalchemy import Connection

from directory import weekly
from directory.addresses import split_address
from directory.errors import UsageError
from directory.feed import FeedError, open_feed
from directory.locate import Gazetteer, locate
from directory.records import Record
from directory.schedule import next_session
from importers import bmlt, meeting_guide

Item = dict[str, Any]
SEPIA, ORANGE = "mg-sepia-pa.json", "tsml-orange-county-ca.json"
ALANON, EDMONTON = "tsml-alanon-ma.json", "mg-edmonton-ab.json"


def _fed(content: Any) -> Callable[[str], BinaryIO]:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda _: io.BytesIO(data)


def _meeting(**said: Any) -> Record:
    """The record of one Meeting Guide meeting on an exact address."""
    raw = {"slug": "a", "name": "A", "formatted_address": "1 Elm St, Exampleton, PA 19094, USA"}
    (item,) = meeting_guide.read("feed", {}, _fed([raw | said]))
    return Record.model_validate(item.row().fields)


def _na(**said: str) -> Record:
    """The record of one BMLT meeting, with nothing known of its server."""
    raw = {"id_bigint": "1", "meeting_name": "A", "weekday_tinyint": "1", "start_time": "19:00:00"}
    raw |= {"published": "1", "duration_time": "01:00:00", "location_street": "1 Elm St"}
    answers = {"SearchResults": [raw | said], "Formats": [], "ServiceBodies": []}

    def answer(address: str) -> BinaryIO:
        return io.BytesIO(json.dumps(answers[address.rpartition("Get")[2]]).encode())

    (item,) = bmlt.read("https://na.example.org/main_server/", {}, answer)
    return Record.model_validate(item.row().fields)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("19:00", "19:00"),
        ("19:00:00", "19:00"),
        ("9:05", "09:05"),
        ("7:00 PM", "19:00"),
        ("7pm", "19:00"),
        ("12:00 AM", "00:00"),
        ("12:30 p.m.", "12:30"),
        ("24:00", None),
        ("13:00 PM", None),
        ("7", None),
        ("TBD", None),
        ("", None),
    ],
)
def test_clock(text: str, time: str | None) -> None:
    assert weekly.clock(text) == time


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("19:00", "20:30", 90),
        ("23:00", "00:00", 60),
        ("23:59", "01:00", 61),
        ("22:00", "10:00", 720),
        ("22:00", "10:01", None),
        ("12:15", "01:15", None),
        ("17:30", "16:30", None),
        ("10:00", "10:00", None),
        ("00:00", "23:59", 1440),
        ("00:00", "00:00", 1440),
    ],
)
def test_length(start: str, end: str, minutes: int | None) -> None:
    assert weekly.length(start, end) == minutes


@pytest.mark.parametrize(
    "text",
    [
        "2nd Tuesday",
        "2nd Tuesday at 7:30 PM",
        "1st & 3rd Tuesday of the month",
        "Only meets 1st Saturday of the Month.  Meeting is in the basement.",
        "1st Saturday of the month only/to 3:15 pm/Convent",
        "This meeting is held on the first Sunday of each month only.\nAsk for Room 4",
        "Meets every other week",
        "Every other Thursday",
        "Masks. Meets monthly.",
        "Meetings are held on the last Friday of every month",
    ],
)
def test_what_is_not_weekly(text: str) -> None:
    assert weekly.not_weekly("A", [text], "19:30")


@pytest.mark.parametrize(
    "text",
    [
        "Last Tuesday of month / Step Meeting",
        "Last wk Trad",
        "1st/3rd Topic Disc/2nd/4th Spkr",
        "Open meeting is 1st Thursday of the month only",
        "3rd Friday of the month 9:30 PM",
        "Meets at a residence on the last Thursday of the month.",
        "Business meeting is held every 1st Monday of the month following the meeting.",
        "1st Thursday is a step meeting. Every other Thursday is a topic.",
        "2nd Floor",
        "Enter on 2nd Sunday Street",
        "No meeting 2nd Thursday of the month.",
        "",
    ],
)
def test_what_a_weekly_meeting_does_in_some_weeks(text: str) -> None:
    assert weekly.not_weekly("First Things First", [text], "19:30") is None


def test_names_that_tell_how_often() -> None:
    assert weekly.not_weekly("Workshop (2nd Sat)", [], None) == "2nd Sat"
    assert weekly.not_weekly("District 9 Monthly Meeting", [], None)
    assert weekly.not_weekly("Step of the Month Club", [], None) is None


def test_hostile_notes_take_no_time() -> None:
    text = "this meeting is held on the every each " * 2_000 + "1st , & / " * 2_000
    assert weekly.not_weekly(text, [text], None) is None


@pytest.mark.parametrize(
    ("line", "street", "rest"),
    [
        ("1 Elm St, Woodlyn, PA 19094, USA", ["1 Elm St"], "Woodlyn PA 19094 US"),
        ("979 Line Rd, Hatboro, PA, 19040, USA", ["979 Line Rd"], "Hatboro PA 19040 US"),
        ("Elm Hall, 5 Elm St, Lansdowne, PA, USA", ["Elm Hall, 5 Elm St"], "Lansdowne PA None US"),
        ("3 Oak St, Boston MA 02134", ["3 Oak St"], "Boston MA 02134 US"),
        ("3 Oak Rd, Chester, PA  19061 United States", ["3 Oak Rd"], "Chester PA 19061 US"),
        ("3 Oak St. Philadelphia, PA 19106", ["3 Oak St. Philadelphia"], "None PA 19106 US"),
        ("Philadelphia, PA, USA", [], "Philadelphia PA None US"),
        ("California, USA", [], "None CA None US"),
        ("8 St, Edmonton, Alberta, T6E 4E8, Canada", ["8 St"], "Edmonton AB T6E 4E8 CA"),
        ("Edmonton, Alberta, Canada, Edmonton, Alberta, Canada", [], "Edmonton AB None CA"),
        ("Toronto, ON M5V 2T6", [], "Toronto ON M5V 2T6 CA"),
        ("1 George St, Sydney NSW 2000, Australia", ["1 George St"], "Sydney NSW 2000 AU"),
        ("10 High St, London SW1A 2AA, UK", ["10 High St"], "London None SW1A 2AA GB"),
        ("5700 Main, Durham", ["5700 Main, Durham"], "None None None US"),
        ("Bogota, Colombia", [], "Bogota None None CO"),
        ("", [], "None None None US"),
    ],
)
def test_split_address(line: str, street: list[str], rest: str) -> None:
    found = split_address(line)
    parts = (found[key] for key in ("city", "region", "postal_code", "country"))
    assert (found["street"], " ".join(map(str, parts))) == (street, rest)


LINK = {"conference_url": "https://zoom.example.com/j/5550100"}
ROUGH = {"formatted_address": "Exampleton, PA, USA"}


@pytest.mark.parametrize(
    ("said", "in_person", "online", "status"),
    [
        ({}, True, False, "active"),
        (LINK, True, True, "active"),
        ({"types": ["ONL"]}, True, True, "active"),
        ({"types": ["TC"]}, True, False, "suspended"),
        ({"types": ["TC", "ONL"]}, False, True, "active"),
        ({"types": ["TC"], **LINK}, False, True, "active"),
        ({"types": ["ONL"], **ROUGH}, False, True, "active"),
        ({"conference_phone": "+1 215-555-0100", **ROUGH}, False, True, "active"),
        ({"approximate": "yes", **LINK}, False, True, "active"),
        ({"approximate": "no", **ROUGH, **LINK}, True, True, "active"),
        (ROUGH, True, False, "active"),
        ({"attendance_option": "in_person"}, True, False, "active"),
        ({"attendance_option": "online"}, False, True, "active"),
        ({"attendance_option": "hybrid"}, True, True, "active"),
        ({"attendance_option": "inactive"}, True, False, "suspended"),
        ({"attendance_option": "inactive", "types": ["ONL"]}, False, True, "active"),
        ({"attendance_option": "inactive", "location": "Zoom", **ROUGH}, False, True, "active"),
    ],
)
def test_attendance(said: Item, in_person: bool, online: bool, status: str) -> None:
    found = _meeting(**said)
    assert (found.in_person, found.online, found.status) == (in_person, online, status)


@pytest.mark.parametrize(
    ("said", "in_person", "online", "status"),
    [
        ({}, True, False, "active"),
        ({"venue_type": "2"}, False, True, "active"),
        ({"venue_type": "3"}, True, True, "active"),
        ({"formats": "VM"}, False, True, "active"),
        ({"formats": "HY"}, True, True, "active"),
        ({"formats": "TC"}, True, False, "suspended"),
        ({"formats": "TC,VM"}, False, True, "active"),
        ({"formats": "HY,TC"}, False, True, "active"),
        ({"venue_type": "3", "formats": "TC"}, False, True, "active"),
        ({"virtual_meeting_link": "https://zoom.example.com/j/1"}, True, True, "active"),
    ],
)
def test_venues(said: dict[str, str], in_person: bool, online: bool, status: str) -> None:
    found = _na(**said)
    assert (found.in_person, found.online, found.status) == (in_person, online, status)


def test_sunday_is_the_first_day_of_both_formats() -> None:
    days = [_meeting(day=day, time="19:00").sessions[0].weekday for day in range(7)]
    assert days == [6, 0, 1, 2, 3, 4, 5]
    days = [_na(weekday_tinyint=str(day)).sessions[0].weekday for day in range(1, 8)]
    assert days == [6, 0, 1, 2, 3, 4, 5]


def test_the_next_meeting_is_on_the_day_that_the_feed_says() -> None:
    found = _meeting(day=0, time="7:00 PM", timezone="America/Denver")
    sessions = [session.model_dump() for session in found.sessions]
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    following = next_session(sessions, str(found.timezone), now)
    assert following is not None
    assert following.strftime("%A %H:%M") == "Sunday 19:00"


def test_nothing_of_a_members_own_is_read() -> None:
    private = {
        f"contact_{n}_{what}": f"secret {what}" for n in (1, 2) for what in ("name", "email")
    }
    private |= {"contact_1_phone": "secret", "email": "secret@example.org", "phone": "secret"}
    private |= {"author": "secret", "venmo": "@secret", "paypal": "secret", "square": "secret"}
    assert "secret" not in _meeting(**private, notes="Ring the bell").model_dump_json()
    private = {f"contact_{what}_1": f"secret {what}" for what in ("name", "email", "phone")}
    private |= {"email_contact": "secret@example.org"}
    assert "secret" not in _na(**private).model_dump_json()


def test_an_unsafe_link_is_dropped() -> None:
    assert _meeting(conference_url="javascript:alert(1)", types=["ONL"]).join_url is None
    assert _meeting(conference_url="https://evilzoom.example/j/1").join_url


def test_online_meetings_keep_their_clocks_and_lose_their_point() -> None:
    said = {"latitude": "39.95", "longitude": "-75.16", "types": ["ONL"], **ROUGH, **LINK}
    found = _meeting(**said, location="Virtual Only")
    nowhere = {("US", "postcode"), ("US", "city")}
    gazetteer = Gazetteer(cast(Connection, None), whole=nowhere)
    locate(found, gazetteer, [])
    assert (found.latitude, found.precision) == (None, "none")
    assert (found.timezone, found.street) == ("America/New_York", [])


@pytest.mark.parametrize("kind", [meeting_guide, bmlt])
def test_an_unknown_fellowship_is_refused(kind: Any) -> None:
    with pytest.raises(UsageError, match="there are aa"):
        list(kind.read("feed", {"fellowship": "xyz"}, _fed([])))


@pytest.mark.parametrize("content", [b"", b"<html>", b'[{"slug": "a", "name": "A"}', b"{}"])
def test_what_is_no_meeting_feed(content: bytes) -> None:
    with pytest.raises(FeedError):
        list(meeting_guide.read("feed", {}, _fed(content)))


@pytest.mark.parametrize(
    "value", [None, 0, True, "", [], {}, "x" * 9_000, "\x00", [None], -1, 1e308, {"a": [1]}]
)
def test_any_value_in_any_field_gets_a_verdict(value: Any) -> None:
    keys = "day time end_time types notes latitude formatted_address approximate group url timezone"
    keys += (
        " attendance_option location conference_url conference_phone postal_code country regions"
    )
    for key in keys.split():
        assert _meeting(**{key: value}).name == "A"
    keys = "weekday_tinyint start_time duration_time formats format_shared_id_list venue_type"
    keys += " latitude time_zone location_nation location_province location_postal_code_1 comments"
    for key in keys.split():
        assert _na(**{key: value}).name == "A"


@pytest.mark.parametrize(
    "address",
    [
        "https://na.example.org/main_server/",
        "https://na.example.org/main_server",
        "https://na.example.org/main_server/client_interface/json/?switcher=GetSearchResults",
    ],
)
def test_a_root_server_is_asked_three_questions(address: str) -> None:
    asked: list[str] = []

    def answer(location: str) -> BinaryIO:
        asked.append(location)
        return io.BytesIO(b"[]")

    assert list(bmlt.read(address, {}, answer)) == []
    api = "https://na.example.org/main_server/client_interface/json/?switcher=Get"
    assert sorted(asked) == [f"{api}{w}" for w in ("Formats", "SearchResults", "ServiceBodies")]


def test_a_service_body_that_is_its_own_parent_ends() -> None:
    bodies = {"1": {"id": "1", "name": "A", "parent_id": "2"}, "2": {"id": "2", "parent_id": "1"}}
    server = bmlt._Server("na", bodies=bodies)
    assert bmlt._body({"service_body_bigint": "1"}, server) == ("A", [], "")


@pytest.fixture
def meetings(shared_data: Path) -> Path:
    return shared_data / "meetings"


def _raw(folder: Path, name: str) -> list[Item]:
    return cast(list[Item], json.loads((folder / name).read_text(encoding="utf-8")))


def _read(folder: Path, name: str, **options: str) -> tuple[list[Record], Counter[str]]:
    """The records of a real Meeting Guide feed, none refused, and its repairs by code."""
    records, codes = [], Counter[str]()
    for item in meeting_guide.read(str(folder / name), options, open_feed):
        row = item.row()
        assert row.refusal is None
        records.append(Record.model_validate(row.fields, context=row.notes))
        codes.update(note.code for note in row.notes)
    return records, codes


def _hours(text: str) -> int:
    """Minutes after midnight, read another way than the importer does."""
    form = "%I:%M %p" if text.upper().endswith("M") else "%H:%M"
    time = datetime.strptime(text, form)
    return time.hour * 60 + time.minute


@pytest.mark.parametrize("name", [SEPIA, ORANGE, ALANON, EDMONTON])
def test_every_session_is_when_the_feed_says(meetings: Path, name: str) -> None:
    raw = _raw(meetings, name)
    records, _ = _read(meetings, name)
    assert [record.external_id for record in records] == [str(each["slug"]) for each in raw]
    weekly_only = [pair for pair in zip(raw, records, strict=True) if pair[1].sessions]
    for each, record in weekly_only:
        days = each["day"] if isinstance(each["day"], list) else [each["day"]]
        wanted = {(6 if day == 0 else day - 1, _hours(each["time"])) for day in days}
        assert {(s.weekday, _hours(s.start)) for s in record.sessions} == wanted
        if each.get("end_time") and 0 < _hours(each["end_time"]) - _hours(each["time"]) <= 720:
            lasts = _hours(each["end_time"]) - _hours(each["time"])
            assert {s.minutes for s in record.sessions} == {lasts}
    silent = [record for record in records if not record.sessions]
    assert all(r.recurrence_note for r in silent) == (name != ORANGE)
    assert len(silent) == {SEPIA: 2, ORANGE: 3, ALANON: 13, EDMONTON: 0}[name]


@pytest.mark.parametrize("name", [SEPIA, ORANGE, ALANON, EDMONTON])
def test_no_type_is_unknown_and_terms_agree(meetings: Path, name: str) -> None:
    raw = _raw(meetings, name)
    records, codes = _read(meetings, name, fellowship="al-anon" if name == ALANON else "aa")
    assert codes == ({"assumed_hour": 5} if name == SEPIA else {})
    for code, term in (("X", "access:wheelchair"), ("W", "who:women"), ("S", "language:es")):
        stated = [code in each.get("types", []) for each in raw]
        assert [term in record.terms for record in records] == stated


def test_attendance_is_what_the_sites_compute(meetings: Path) -> None:
    """Where a feed states its attendance, and where only its types and addresses tell it."""
    for name in (ORANGE, ALANON):
        records, _ = _read(meetings, name)
        for each, record in zip(_raw(meetings, name), records, strict=True):
            stated = each["attendance_option"]
            if stated == "inactive":
                online = each["location"] == "ZOOM"
                assert (record.online, record.status == "active") == (online, online)
            else:
                assert record.in_person == (stated != "online")
                assert record.online == (stated != "in_person")
    records, _ = _read(meetings, SEPIA)
    for each, record in zip(_raw(meetings, SEPIA), records, strict=True):
        types, town = each["types"], each["formatted_address"].count(",") == 2
        town = town and not each["formatted_address"][0].isdigit()
        joins = bool(each["conference_url"] or each["conference_phone"] or "ONL" in types or town)
        assert record.online == joins
        assert record.in_person == (not joins or not ("TC" in types or town))
        assert (record.status == "suspended") == ("TC" in types and not joins)
    centre = [r for r in records if r.latitude == 39.9525839]
    assert len(centre) == 214
    assert not any(r.in_person or r.street for r in centre)


def test_places_of_the_real_feeds(meetings: Path) -> None:
    for name, country, regions in (
        (SEPIA, "US", {"PA"}),
        (ORANGE, "US", {"CA"}),
        (ALANON, "US", {"MA", "VA"}),
        (EDMONTON, "CA", {"AB"}),
    ):
        records, _ = _read(meetings, name)
        assert {record.country for record in records} == {country}
        assert {record.region for record in records} == regions
        for each, record in zip(_raw(meetings, name), records, strict=True):
            line = each.get("formatted_address") or each["address"]
            assert (record.city or "") in line
            assert (record.postal_code or "") in line
            if "latitude" in each:
                assert record.latitude == float(each["latitude"])


def test_small_feeds(meetings: Path) -> None:
    (appointment, weekly_one), _ = _read(meetings, "small-appointment.json")
    assert (appointment.sessions, appointment.recurrence_note) == ([], None)
    assert (weekly_one.in_person, weekly_one.sessions[0].weekday) == (False, 3)
    (west, east), _ = _read(meetings, "small-timezones.json")
    assert (west.timezone, east.timezone) == ("America/Los_Angeles", "America/New_York")


def test_all_meetings_of_new_york(meetings: Path) -> None:
    name = "bmlt-GetSearchResults-ny.json"
    raw = _raw(meetings, name)
    names = {each["id"]: each["name"] for each in _raw(meetings, "bmlt-GetServiceBodies.json")}
    rows = [item.row() for item in bmlt.read(str(meetings / name), {}, open_feed)]
    codes: Counter[str] = Counter()
    assert len(rows) == len(raw) == 1_555
    for each, row in zip(raw, rows, strict=True):
        assert (row.refusal is not None) == (each["published"] == "0")
        if row.refusal is not None:
            assert row.refusal.code == "unpublished"
            continue
        record = Record.model_validate(row.fields, context=row.notes)
        codes.update(note.code for note in row.notes)
        (session,) = record.sessions
        sunday_first = (session.weekday + 1) % 7 + 1
        assert (str(sunday_first), f"{session.start}:00") == (
            each["weekday_tinyint"],
            each["start_time"],
        )
        if each["id_bigint"] not in ("2582", "2676"):  # said to last 7 and 12 hours
            hours, minutes, _ = map(int, each["duration_time"].split(":"))
            assert session.minutes == hours * 60 + minutes
        assert record.organization == names[each["service_body_bigint"]]
        for key, term in (("W", "who:women"), ("WC", "access:wheelchair"), ("O", "meeting:open")):
            assert (term in record.terms) == (key in each["formats"].split(","))
        written = record.model_dump_json()
        for private in ("contact_name_1", "contact_phone_1", "contact_email_2"):
            assert not each[private] or each[private] not in written
        assert "#@-@#" not in written
    # A service body whose site is written "http:/…", and whose helpline no phone has.
    assert codes == {"assumed_hour": 2, "bad_link": 7, "bad_phone": 7}
