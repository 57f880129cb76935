"""Maintainers' edits: they stand whatever imports and undo do, and are what an import of the
edited row would have made."""

import json
import os
import random
import uuid
from typing import Any

import pytest
from sqlalchemy import Engine, text

from directory import derive, edits, history, pocket, schedule, words
from directory.config import Config
from directory.edits import EditError
from directory.errors import UsageError
from directory.load import TOMBSTONE_DAYS
from directory.locate import Gazetteer, locate
from directory.overrides import FIELDS
from directory.records import Record
from directory.undo import undo
from tests.conftest import DEFAULTS, Loader
from tests.test_guard import age
from tests.test_load import fingerprint
from tests.test_matching import HOME, links

WHO = "keeper@example.org"
PLACE: dict[str, Any] = {
    **HOME,
    # A country with few towns: its gazetteer is read in no time.
    **{"country": "AU", "city": "Sydney", "region": None, "postal_code": "2000"},
    **{"latitude": -33.8688, "longitude": 151.2093},
    "external_id": "1",
    "organization": "Hope & Sons",
    "description": "Tags such as &lt;b&gt; stay as they are.",
    "terms": ["service:detox"],
    "sessions": [{"weekday": 0, "start": "09:00", "minutes": 480, "note": None, "url": None}],
    "extra": {"code": "X1"},
}


def one(database: Engine, external_id: str = "1") -> dict[str, Any]:
    with database.connect() as connection:
        query = text("SELECT to_jsonb(l) FROM listing l WHERE external_id = :id")
        found: dict[str, Any] = connection.execute(query, {"id": external_id}).scalar_one()
        return found


def write(database: Engine, external_id: str = "1", **values: Any) -> set[str]:
    listing = uuid.UUID(one(database, external_id)["id"])
    with database.begin() as connection:
        return edits.write(connection, listing, values, WHO)


def settle(database: Engine, act: str, *fields: str, external_id: str = "1") -> None:
    listing = uuid.UUID(one(database, external_id)["id"])
    with database.begin() as connection:
        getattr(edits, act)(connection, listing, fields, WHO)


def astray(database: Engine) -> list[str]:
    with database.connect() as connection:
        return [row["field"] for row in edits.astray(connection)]


# What can be done to each field, as the source and as a maintainer may say it.
CHOICES: dict[str, list[Any]] = {
    "name": ["Harmony Place", "Harmony House", "Place of Harmony"],
    "description": [None, "Small rooms.", "Tags such as &lt;b&gt; stay as they are."],
    "phones": [
        [],
        [{"number": "+13035550123", "extension": None, "label": None}],
        [{"number": "+13035550144", "extension": "5", "label": "Intake"}],
    ],
    "street": [["12 Elm Street"], ["14 Elm Street", "Suite 2"], []],
    "city": ["Sydney", "Brisbane"],
    "terms": [[], ["service:detox"], ["pay:medicaid", "service:detox"]],
    "status": ["active", "suspended", "closed"],
    "sessions": [
        [],
        PLACE["sessions"],
        [{**PLACE["sessions"][0], "weekday": 5, "note": "Bring ID"}],
    ],
    "website": [None, "https://example.org/", "https://example.org/new"],
}


def expected(database: Engine, source: dict[str, Any], mine: dict[str, Any]) -> dict[str, Any]:
    """What an import would make of the row with the edits in it."""
    record = Record.model_validate({**DEFAULTS, **source, **mine}, context=[])
    with database.connect() as connection:
        locate(record, Gazetteer(connection), [])
    made = derive.columns("test", record, "", [])
    names = ("quality", "bits", "name_key", "weekly")
    shown = record.model_dump(mode="json")
    return {name: shown[name] for name in (*CHOICES, "timezone")} | {n: made[n] for n in names}


def lexemes(database: Engine, search: str) -> str:
    with database.connect() as connection:
        return str(connection.execute(text("SELECT CAST(:v AS tsvector)"), {"v": search}).scalar())


# More of them show no more each day; EVERY_EDIT=1 asks for fifty.
SEEDS = 50 if os.environ.get("EVERY_EDIT") else 2


@pytest.mark.parametrize("seed", range(SEEDS))
def test_any_course_of_imports_edits_and_undo(
    database: Engine, load_rows: Loader, seed: int
) -> None:
    """A model: what the source says and what a maintainer says, each field on its own."""
    chance = random.Random(seed)
    others = [{"external_id": str(n)} for n in range(2, 20)]
    source, mine, was = dict(PLACE), dict[str, Any](), dict[str, Any]()
    past: list[tuple[int, dict[str, Any]]] = [(load_rows(source, *others).run_id, source)]
    for step in range(10):
        field = chance.choice(list(CHOICES))
        act = chance.choice(["import", "import", "write", "write", "drop", "keep", "undo", "same"])
        if act == "import":
            changed_row = source | {field: chance.choice(CHOICES[field])}
            report = load_rows(changed_row, *others)
            if report.status != "refused":  # by the guard: few rows are many per cent
                source = changed_row
            if report.status == "applied":
                past.append((report.run_id, source))
        elif act == "same":
            before = fingerprint(database)
            assert load_rows(source, *others).status == "unchanged"
            assert fingerprint(database) == before
        elif act == "undo" and len(past) > 1:
            undo(database, past.pop()[0])
            source = past[-1][1]
        elif act == "write":
            value = chance.choice(CHOICES[field])
            changed = write(database, **{field: value})
            shown = mine.get(field, source.get(field))
            assert bool(changed) == (_clean(field, value) != _clean(field, shown)), step
            if changed:
                mine[field], was[field] = value, _clean(field, source.get(field))
            if _clean(field, value) == _clean(field, source.get(field)) and changed:
                del mine[field], was[field]
        elif act == "drop":
            settle(database, "drop", field)
            mine.pop(field, None), was.pop(field, None)
        elif act == "keep":
            settle(database, "keep", field)
            was |= {field: _clean(field, source.get(field))} if field in mine else {}
        row = one(database)
        wanted = expected(database, source, mine)
        assert {name: row[name] for name in wanted} == wanted, (step, act)
        assert row["overrides"].keys() == mine.keys()
        assert (row["said"] is None) == (not mine)
        moved = [name for name in mine if was[name] != _clean(name, source.get(name))]
        assert astray(database) == sorted(moved), (step, act)
        record = Record.model_validate({**DEFAULTS, **source, **mine}, context=[])
        hours = schedule.lexemes(
            tuple(schedule.weekly([vars(s) for s in record.sessions]) or ()),
            row["timezone"],
        )
        complete = derive.quality_lexeme(derive.quality(record))
        search = words.search_vector(record, (*hours, complete))
        assert row["search"] == lexemes(database, search), (step, act)


def _clean(field: str, value: Any) -> Any:
    """A value as ``Record`` keeps it."""
    fields = {
        **DEFAULTS,
        **({} if value is None and field in ("name", "status") else {field: value}),
    }
    return Record.model_validate(fields, context=[]).model_dump(mode="json")[field]


ROWS: list[dict[str, Any]] = [
    PLACE,
    PLACE | {"address_public": False},
    PLACE | {"address_public": False, "latitude": None, "longitude": None},
    PLACE | {"latitude": 9.0, "longitude": -10.0},
    PLACE | {"in_person": False, "online": True, "timezone": "America/Phoenix"},
    {"name": "Bare", "country": "AU", "phones": ["13 11 14"], "website": "javascript:x"},
]


def test_an_edit_changes_nothing_else_and_goes_without_a_trace(
    database: Engine, load_rows: Loader
) -> None:
    rows = [row | {"external_id": str(number)} for number, row in enumerate(ROWS)]
    load_rows(*rows)
    before = fingerprint(database)
    for mine in ({"fees": "Free"}, {"verified_on": "2099-01-01"}):
        for number in range(len(rows)):
            shown = one(database, str(number))
            assert write(database, str(number), **mine) == set(mine)
            now = one(database, str(number))
            follows = {*mine, "overrides", "said", "search"}
            assert {n for n in now if now[n] != shown[n]} <= follows
        assert load_rows(*rows).status == "unchanged"
        for number in range(len(rows)):
            settle(database, "drop", *mine, external_id=str(number))
        assert fingerprint(database) == before


def test_an_edit_outlives_an_import_that_changes_its_field(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(PLACE)
    write(database, name="Harmony House")
    assert load_rows(PLACE | {"fees": "Free"}).changed == 1
    assert astray(database) == []
    load_rows(PLACE | {"fees": "Free", "name": "Harmony Place LLC"})
    row = one(database)
    assert (row["name"], row["fees"]) == ("Harmony House", "Free")
    assert "'name:hous'" in row["search"]
    assert "llc" not in row["search"]
    with database.connect() as connection:
        (flag,) = edits.astray(connection)
    assert (flag["was"], flag["says"], flag["ours"]) == (
        "Harmony Place", "Harmony Place LLC", "Harmony House",
    )  # fmt: skip
    settle(database, "keep", "name")
    assert astray(database) == []
    load_rows(PLACE | {"fees": "Free", "name": "Harmony"})
    assert astray(database) == ["name"]
    settle(database, "drop", "name")
    assert one(database)["name"] == "Harmony"
    assert one(database)["overrides"] == {}


@pytest.mark.parametrize("edit_first", [True, False])
def test_undo_puts_back_the_source_and_leaves_the_edit(
    database: Engine, load_rows: Loader, edit_first: bool
) -> None:
    load_rows(PLACE)
    if edit_first:
        write(database, name="Ours", fees="Free")
        before = fingerprint(database)
    second = load_rows(PLACE | {"name": "Theirs", "organization": "New"})
    if not edit_first:
        write(database, name="Ours", fees="Free")
    undo(database, second.run_id)
    row = one(database)
    assert (row["name"], row["fees"], row["organization"]) == ("Ours", "Free", "Hope & Sons")
    if edit_first:
        assert fingerprint(database) == before
    settle(database, "drop", "name", "fees")
    assert (one(database)["name"], one(database)["fees"]) == ("Harmony Place", None)


def test_an_edit_that_was_dropped_does_not_come_back_by_undo(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(PLACE)
    before = fingerprint(database)
    write(database, name="Ours")
    second = load_rows(PLACE | {"name": "Theirs"})
    settle(database, "drop", "name")
    assert one(database)["name"] == "Theirs"
    undo(database, second.run_id)
    assert fingerprint(database) == before


def test_what_a_run_added_and_somebody_edited_waits_for_its_return(
    database: Engine, load_rows: Loader
) -> None:
    others = [{"external_id": str(n)} for n in range(2, 6)]
    load_rows(*others)
    second = load_rows(*others, PLACE)
    write(database, name="Ours")
    undone = undo(database, second.run_id)
    assert (undone.removed, undone.restored) == (1, 0)
    assert (one(database)["status"], one(database)["listed"]) == ("gone", False)
    load_rows(*others, PLACE)
    row = one(database)
    assert (row["name"], row["status"], row["last_seen"]) == ("Ours", "active", None)


def test_a_tombstone_keeps_its_edits_and_a_status_that_was_written(
    database: Engine, load_rows: Loader
) -> None:
    rows = [{"external_id": str(n)} for n in range(1, 61)]
    load_rows(*rows)
    write(database, "1", name="Ours")
    load_rows(*rows[1:])
    age(database, TOMBSTONE_DAYS)
    missing = fingerprint(database)
    buried = load_rows(*rows[1:])
    assert (one(database)["status"], one(database)["name"]) == ("gone", "Ours")
    assert load_rows(*rows[1:]).status == "unchanged"
    undo(database, buried.run_id)
    assert fingerprint(database) == missing
    load_rows(*rows[1:])
    write(database, "1", status="active")
    assert one(database)["listed"]
    assert load_rows(*rows[1:]).status == "unchanged"
    load_rows(*rows)
    assert (one(database)["status"], astray(database)) == ("active", ["status"])
    assert load_rows(*rows).status == "unchanged"


def test_a_moved_town_moves_a_point_that_was_ours_and_no_other(
    database: Engine, load_rows: Loader
) -> None:
    placed = {"external_id": "1", "country": "AU", "city": "Sydney"}
    own = {**placed, "external_id": "2", "latitude": -33.5, "longitude": 151.3}
    load_rows(placed, own)
    sydney = one(database)
    for listing in ("1", "2"):
        write(database, listing, city="Newcastle")
    moved, kept = one(database), one(database, "2")
    assert moved["precision"] == "approximate"
    assert (moved["latitude"], moved["longitude"]) != (sydney["latitude"], sydney["longitude"])
    assert (kept["latitude"], kept["longitude"], kept["precision"]) == (-33.5, 151.3, "exact")
    write(database, city="Perth", fees="Free")
    assert (sydney["timezone"], one(database)["timezone"]) == (
        "Australia/Sydney",
        "Australia/Perth",
    )
    write(database, latitude=-31.95, longitude=115.86)
    assert (one(database)["precision"], one(database)["repairs"]) == ("exact", [])
    settle(database, "drop", "latitude")
    assert one(database)["overrides"].keys() == {"city", "fees"}
    settle(database, "drop", "city")
    assert one(database)["latitude"] == sydney["latitude"]
    with database.connect() as connection:
        at = text("SELECT count(*) FROM listing WHERE ST_Y(position::geometry) = latitude")
        assert connection.execute(at).scalar() == 2


def test_an_address_can_be_hidden_and_one_that_is_withheld_not_shown(
    database: Engine, load_rows: Loader
) -> None:
    others = [{"external_id": str(n)} for n in range(2, 20)]
    load_rows(PLACE, *others)
    write(database, street=["14 Elm Street"])
    write(database, address_public=False)
    row = one(database)
    assert (row["street"], row["postal_code"], row["extra"]) == ([], None, {})
    assert (row["latitude"], row["precision"]) == (-33.9, "approximate")
    assert "elm" not in row["search"]
    with database.connect() as connection:
        hidden = [r for r in edits.astray(connection) if r["field"] == "street"]
    assert [(r["ours"], r["says"], r["idle"]) for r in hidden] == [("withheld", "withheld", True)]
    settle(database, "drop", "address_public")
    assert one(database)["street"] == ["14 Elm Street"]
    assert load_rows(PLACE | {"address_public": False}, *others).status == "applied"
    assert one(database)["street"] == []
    with pytest.raises(EditError, match="keeps the address to itself"):
        write(database, address_public=True)


REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"website": "javascript:alert(1)"}, ["website"]),
    ({"phones": [{"number": "12"}]}, ["phones"]),
    ({"name": ""}, ["name"]),
    ({"email": "nobody", "status": "open"}, ["status"]),
    ({"terms": ["service:nothing"]}, ["terms"]),
    ({"latitude": 10.0, "longitude": 10.0}, ["latitude"]),
    ({"latitude": None}, ["latitude"]),
    ({"max_age": 5, "min_age": 9}, ["min_age"]),
    ({"country": "usa"}, ["country"]),
    ({"timezone": "Mars"}, ["timezone"]),
    ({"sessions": [{"weekday": 9, "start": "09:00", "minutes": 5}]}, ["sessions"]),
    ({"extra": {}}, ["extra"]),
]


def test_what_an_import_would_mend_or_refuse_is_no_edit(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(PLACE)
    before = fingerprint(database)
    for values, fields in REFUSED:
        with pytest.raises(EditError) as refused:
            write(database, **values)
        assert list(refused.value.wrong) == fields
    assert fingerprint(database) == before


def test_an_edit_that_no_longer_fits_costs_no_other_and_is_flagged(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(PLACE)
    write(database, name="Ours", terms=["service:detox", "service:residential"])
    lost = json.dumps(["service:abolished"])
    with database.begin() as connection:
        connection.execute(
            text("UPDATE listing SET overrides = jsonb_set(overrides, '{terms,value}', :lost)"),
            {"lost": lost},
        )
    assert load_rows(PLACE | {"fees": "Free"}).status == "applied"
    row = one(database)
    assert (row["name"], row["terms"], row["fees"]) == ("Ours", ["service:detox"], "Free")
    with database.connect() as connection:
        assert [(r["field"], r["idle"]) for r in edits.astray(connection)] == [("terms", True)]


def test_the_guard_looks_at_what_the_source_says(database: Engine, load_rows: Loader) -> None:
    """Whatever maintainers wrote, moved or emptied: the same feed with one fee is no alarm; and
    a source that moves is one, though its listing was verified."""
    rows = [PLACE | {"external_id": str(n), "name": f"Place {n}"} for n in (1, 2)]
    load_rows(*rows)
    for row in rows:
        write(database, row["external_id"], email="a@example.org", website="https://example.org")
        write(database, row["external_id"], city="Perth", latitude=-31.95, longitude=115.86)
    changed = [row | {"fees": "Free"} for row in rows]
    assert load_rows(*changed).status == "applied"
    there = {"city": "Perth", "postal_code": "6000", "latitude": -31.95, "longitude": 115.86}
    moved = [row | there for row in changed]
    assert [alarm.limit for alarm in load_rows(*moved).alarms] == ["moved"]


def test_the_later_of_two_verifications_counts(database: Engine, load_rows: Loader) -> None:
    load_rows(PLACE)
    listing = uuid.UUID(one(database)["id"])
    with database.begin() as connection:
        assert edits.verify(connection, listing, WHO)
        assert not edits.verify(connection, listing, WHO)
        today = connection.execute(text("SELECT CURRENT_DATE::text")).scalar_one()
    load_rows(PLACE | {"fees": "Free", "verified_on": "2020-02-02"})
    assert one(database)["verified_on"] == today
    load_rows(PLACE | {"fees": "Free", "verified_on": "2999-02-02"})
    assert one(database)["verified_on"] == "2999-02-02"
    assert astray(database) == []


def test_links_follow_an_edit(database: Engine, load_rows: Loader) -> None:
    load_rows(PLACE, source="one")
    load_rows(PLACE | {"external_id": "2", "name": "Sunrise", "organization": "Other",
                       "phones": []}, source="two")  # fmt: skip
    assert links(database) == {}
    write(database, "2", name="Harmony Place")
    assert len(links(database)) == 1
    settle(database, "drop", "name", external_id="2")
    assert links(database) == {}


def test_caches_and_suggestions_know_of_an_edit(
    database: Engine, load_rows: Loader, here: Config
) -> None:
    load_rows(PLACE)
    number = text("SELECT number FROM generation")
    with database.connect() as connection:
        before = connection.execute(number).scalar_one()
    pocket.refresh(database, here)
    write(database, name="Zephyrhaven")
    with database.connect() as connection:
        assert connection.execute(number).scalar_one() == before + 1
    pocket.refresh(database, here)
    found = pocket.open_pocket(here)
    assert found is not None
    assert found.names("zephyrh", 5) == ["Zephyrhaven"]
    assert not write(database, name="Zephyrhaven")
    with database.connect() as connection:
        assert connection.execute(number).scalar_one() == before + 1


def origins(database: Engine) -> dict[str, dict[str, Any]]:
    with database.connect() as connection:
        found = edits.find(connection, uuid.UUID(one(database)["id"]))
        return history.provenance(connection, str(found.id), found.said, found.overrides)


def test_where_each_value_comes_from(database: Engine, load_rows: Loader) -> None:
    first = load_rows(PLACE)
    second = load_rows(PLACE | {"fees": "Free"})
    assert (origins(database)["name"]["run"], origins(database)["name"]["new"]) == (
        first.run_id, True,
    )  # fmt: skip
    fees = origins(database)["fees"]
    assert (fees["run"], fees["was"]) == (second.run_id, None)
    write(database, fees="Ten dollars")
    write(database, fees="Twenty")
    fees = origins(database)["fees"]
    assert (fees["by"], fees["was"]) == (WHO, "Ten dollars")
    third = load_rows(PLACE | {"fees": "Five", "name": "New"})
    assert origins(database)["fees"]["by"] == WHO
    assert origins(database)["name"]["was"] == "Harmony Place"
    settle(database, "drop", "fees")
    fees = origins(database)["fees"]
    assert (fees["by"], fees["was"], one(database)["fees"]) == (WHO, "Twenty", "Five")
    fourth = load_rows(PLACE | {"fees": "Six", "name": "New"})
    fees = origins(database)["fees"]
    assert (fees["run"], fees["was"]) == (fourth.run_id, "Five")
    undo(database, fourth.run_id)
    assert origins(database)["name"]["run"] == third.run_id
    with database.connect() as connection:
        (seen,) = history.changed(connection, "test", third.run_id, "changed")
    assert {f["field"]: f["became"] for f in seen["fields"]}["fees"] == "Five"


def test_there_is_nothing_to_edit(database: Engine) -> None:
    with database.begin() as connection, pytest.raises(UsageError, match="There is no listing"):
        edits.write(connection, uuid.uuid4(), {"name": "X"}, WHO)
    assert set(FIELDS) <= set(Record.model_fields)
