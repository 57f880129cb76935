"""The same place from two feeds: the rule, links that follow from it, and what people decide."""

import json
import random
import uuid
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from directory import cli, matching
from directory.config import Config
from directory.errors import UsageError
from directory.likeness import Side, compare, side
from directory.load import TOMBSTONE_DAYS
from directory.runs import Report
from directory.undo import undo
from directory.web.app import create_app
from tests.conftest import Loader

HOME: dict[str, Any] = {
    "name": "Harmony Place",
    "street": ["12 Elm Street"],
    "city": "Denver",
    "region": "CO",
    "postal_code": "80202",
    "country": "US",
    "latitude": 39.7392,
    "longitude": -104.9903,
    "precision": "exact",
    "phones": [{"number": "+13035550123"}],
    "in_person": True,
}
MEETING = {
    **HOME,
    "kind": "support_group",
    "name": "Shoulder to Shoulder",
    "terms": ["fellowship:aa"],
    "sessions": [{"weekday": 1, "start": "19:00", "minutes": 60}],
}
# Likely the same as HOME, and not certainly.
LODGE = HOME | {"name": "Harmony Place Lodge", "street": ["20 Elm Street"], "latitude": 39.7397}
LODGE["phones"] = []


@pytest.fixture
def load_rows(load_rows: Loader) -> Loader:
    """As everywhere, and a run that the guard refuses is accepted."""

    def run(*records: dict[str, Any], source: str) -> Report:
        report = load_rows(*records, source=source)
        if report.status == "refused":
            report = load_rows(*records, source=source, accept=report.run_id)
        assert report.status in ("applied", "unchanged")
        return report

    return run


def links(database: Engine) -> dict[str, str]:
    """Each linked listing's source and id, and of which it is the same. No link leads on, and
    only what is shown is named."""
    sql = """SELECT l.source_id || ' ' || l.external_id, d.source_id || ' ' || d.external_id,
             d.listed AND l.status = 'active'
             FROM listing l JOIN listing d ON d.id = l.duplicate_of ORDER BY 1"""
    with database.connect() as connection:
        found = connection.execute(text(sql)).all()
    assert all(row[2] for row in found)
    return {row[0]: row[1] for row in found}


def ids(database: Engine) -> dict[str, uuid.UUID]:
    with database.connect() as connection:
        sql = "SELECT source_id || ' ' || external_id AS key, id FROM listing"
        return {row.key: row.id for row in connection.execute(text(sql))}


def waiting(database: Engine) -> list[dict[str, Any]]:
    with database.connect() as connection:
        return matching.waiting(connection)


def decide(database: Engine, pair: int, decision: str) -> None:
    with database.begin() as connection:
        matching.decide(connection, pair, decision, "test")


def the_pair(database: Engine) -> int:
    with database.connect() as connection:
        return int(connection.execute(text("SELECT id FROM match")).scalar_one())


def compare_anew(database: Engine) -> None:
    with database.begin() as connection:
        matching.match_all(connection)


def test_two_feeds_that_list_one_place_show_it_once(database: Engine, load_rows: Loader) -> None:
    load_rows(HOME, source="one")
    more = {"description": "More is said here.", "name": "Harmony Place, Inc."}
    load_rows(HOME | more, source="two")
    assert links(database) == {"one 1": "two 1"}
    assert waiting(database) == []


def test_a_source_knows_its_own_listings_apart(database: Engine, load_rows: Loader) -> None:
    load_rows(HOME, HOME | {"external_id": "2"}, source="one")
    assert links(database) == {}
    load_rows(HOME, source="two")
    assert len(links(database)) == 1
    assert len(waiting(database)) == 1


@pytest.mark.parametrize(
    "other",
    [
        {"name": "Harmony Place for Men", "phones": []},
        {"name": "Harmony Place Detox", "phones": []},
        {"name": "Open Door", "phones": []},
        {"street": ["20 Elm Street"], "latitude": 39.7400, "phones": []},
        {"kind": "counseling"},
    ],
)
def test_what_only_looks_the_same_is_not_linked(
    database: Engine, load_rows: Loader, other: dict[str, Any]
) -> None:
    load_rows(HOME | {"name": "Harmony Place for Women Outpatient"}, source="one")
    load_rows(HOME | other, source="two")
    assert links(database) == {}


def test_a_place_that_stands_only_about_is_found_by_its_postal_code(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(HOME, source="one")
    about: dict[str, Any] = {
        "latitude": None,
        "longitude": None,
        "phones": [],
        "postal_code": "80202-1234",
    }
    load_rows(HOME | about, source="two")
    assert links(database) == {"two 1": "one 1"}
    load_rows(HOME | about | {"street": ["14 Elm Street"]}, source="two")
    assert links(database) == {}


def test_meetings_need_fellowship_place_and_time(database: Engine, load_rows: Loader) -> None:
    load_rows(MEETING, source="one")
    later = [{"weekday": 1, "start": "20:00", "minutes": 60}]
    load_rows(
        MEETING,
        MEETING | {"external_id": "2", "sessions": later},
        MEETING | {"external_id": "3", "terms": ["fellowship:na"]},
        source="two",
    )
    assert len(links(database)) == 1
    assert not {"two 2", "two 3"} & {*links(database), *links(database).values()}


def test_links_follow_what_the_sources_say(database: Engine, load_rows: Loader) -> None:
    load_rows(HOME | {"description": "More."}, source="one")
    load_rows(HOME, source="two")
    assert links(database) == {"two 1": "one 1"}
    load_rows(HOME | {"status": "suspended"}, source="one")  # the shown one leaves
    assert links(database) == {}
    load_rows(HOME | {"description": "More."}, source="one")
    assert links(database) == {"two 1": "one 1"}
    load_rows(HOME | {"name": "Serenity Club", "phones": []}, source="one")
    assert links(database) == {}


def test_of_two_the_one_that_its_feed_still_has_is_shown(
    database: Engine, load_rows: Loader
) -> None:
    other = {"external_id": "9", "name": "Elsewhere", "latitude": 40.0}
    load_rows(HOME | {"description": "More."}, HOME | other, source="one")
    load_rows(HOME, source="two")
    assert links(database) == {"two 1": "one 1"}
    load_rows(HOME | other, source="one")
    assert links(database) == {"one 1": "two 1"}
    with database.begin() as connection:
        old = f"CURRENT_DATE - {TOMBSTONE_DAYS}"
        connection.execute(
            text(f"UPDATE listing SET last_seen = {old} WHERE last_seen IS NOT NULL")
        )
    load_rows(HOME | other | {"fees": "none"}, source="one")  # it becomes a tombstone
    assert links(database) == {}
    load_rows(HOME | {"description": "More."}, HOME | other, source="one")
    assert links(database) == {"two 1": "one 1"}


def test_an_undone_run_leaves_the_links_that_were(database: Engine, load_rows: Loader) -> None:
    load_rows(HOME | {"external_id": "9", "latitude": 40.0}, source="one")
    load_rows(HOME, source="two")
    load_rows(HOME, source="three")
    before = links(database)
    assert len(before) == 1
    run = load_rows(
        HOME | {"description": "More."},
        HOME | {"external_id": "9", "latitude": 40.0},
        source="one",
    )
    assert links(database) == {"three 1": "one 1", "two 1": "one 1"}
    undo(database, run.run_id)
    assert links(database) == before
    run = load_rows(HOME | {"name": "Serenity Club", "phones": []}, source="two")
    assert links(database) == {}
    undo(database, run.run_id)
    assert links(database) == before
    run = load_rows(HOME | {"description": "More."}, source="four")
    undo(database, run.run_id)
    assert links(database) == before
    with database.connect() as connection:
        sql = "SELECT count(*) FROM match m WHERE NOT EXISTS (SELECT FROM listing WHERE id = m.a)"
        assert connection.execute(text(sql)).scalar() == 0


def test_a_persons_word_outlives_imports(database: Engine, load_rows: Loader) -> None:
    load_rows(HOME, source="one")
    run = load_rows(HOME, source="two")
    pair = the_pair(database)
    decide(database, pair, "different")
    assert links(database) == {}
    undo(database, run.run_id)  # the listing is gone
    load_rows(HOME | {"fees": "free"}, source="two")
    assert links(database) == {}
    assert waiting(database) == []
    compare_anew(database)
    assert links(database) == {}
    assert the_pair(database) == pair
    decide(database, pair, "undecided")
    assert len(links(database)) == 1
    decide(database, pair, "same")
    load_rows(HOME | {"name": "Serenity Club", "phones": []}, source="one")
    assert len(links(database)) == 1
    compare_anew(database)
    assert len(links(database)) == 1
    decide(database, pair, "undecided")  # and the rule says no
    assert links(database) == {}
    with pytest.raises(UsageError):
        decide(database, pair, "same")


def test_of_three_a_person_keeps_one_apart(database: Engine, load_rows: Loader) -> None:
    for source in ("one", "two", "three"):
        load_rows(HOME, source=source)
    assert len(links(database)) == 2
    known = ids(database)
    with database.connect() as connection:
        sql = text("SELECT id FROM match WHERE :one IN (a, b) AND :two IN (a, b)")
        pair = connection.execute(sql, {"one": known["one 1"], "two": known["two 1"]}).scalar_one()
    decide(database, pair, "different")
    (linked,) = links(database).items()
    assert set(linked) != {"one 1", "two 1"}
    assert len(waiting(database)) == 1


def test_an_unchanged_import_compares_nothing(
    database: Engine, load_rows: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_rows(HOME, source="one")
    load_rows(HOME, source="two")
    sql = text("SELECT array_agg(xmin::text ORDER BY id) FROM listing")
    with database.connect() as connection:
        before = connection.execute(sql).scalar()
    compare_anew(database)  # and what is compared to no avail writes no listing
    with monkeypatch.context() as patched:
        patched.setattr(matching, "match", None)
        assert load_rows(HOME, source="one").status == "unchanged"
    with database.connect() as connection:
        assert connection.execute(sql).scalar() == before


def test_the_order_of_imports_does_not_matter(database: Engine, load_rows: Loader) -> None:
    """Nor whether a feed came at once or in parts, nor whether all are compared anew."""
    chance = random.Random(5)
    names = ["Harmony Place", "Harmony Place Inc", "Harmony House", "Harmony Place Center"]
    feeds = {
        source: [
            HOME
            | {"external_id": str(n), "name": chance.choice(names), "description": "x" * n}
            | {"latitude": 39.7392 + chance.choice([0, 0.0002, 0.0009])}
            | {"street": [f"{chance.choice([12, 14])} Elm Street"]}
            | {"phones": [{"number": f"+1303555012{chance.randrange(3)}"}]}
            for n in range(4)
        ]
        for source in ("one", "two", "three")
    }
    seen = set()
    for order in (("one", "two", "three"), ("three", "two", "one"), ("two", "three", "one")):
        with database.begin() as connection:
            connection.execute(text("DELETE FROM source"))
        for source in order:
            load_rows(feeds[source][0], source=source)
        for source in order:
            load_rows(*feeds[source], source=source)
        seen.add(tuple(links(database).items()))
        compare_anew(database)
        seen.add(tuple(links(database).items()))
    assert len(seen) == 1
    assert next(iter(seen))


WORDS = st.sampled_from("harmony place house women men detox recovery center inc ii north".split())


@st.composite
def sides(draw: st.DrawFn) -> Side:
    row = {
        "id": draw(st.uuids()),
        "kind": draw(st.sampled_from(["treatment", "support_group"])),
        "name": draw(st.lists(WORDS, min_size=1, max_size=4).map(" ".join) | st.text(max_size=20)),
        "organization": draw(st.none() | st.lists(WORDS, max_size=3).map(" ".join)),
        "street": draw(
            st.lists(st.sampled_from(["12 Elm St", "14-16 Elm St", "Suite 2"]), max_size=2)
        ),
        "postal_code": draw(st.sampled_from([None, "80202", "80203"])),
        "phones": [{"number": n} for n in draw(st.sets(st.sampled_from(["+1", "+2"]), max_size=2))],
        "terms": ["fellowship:aa"],
        "sessions": [{"weekday": 1, "start": "19:00"}],
    }
    return side(row)


@settings(max_examples=300, deadline=None)
@given(sides(), sides(), st.none() | st.floats(0, 400))
def test_the_rule_is_the_same_both_ways_round(one: Side, other: Side, metres: float | None) -> None:
    verdict = compare(one, other, metres)
    assert verdict == compare(other, one, metres)
    assert verdict.rule in ("certain", "doubtful", "no")
    assert 0 <= verdict.score <= 100


def test_pages_and_the_api_name_both_sources(here: Config, load_rows: Loader) -> None:
    load_rows(HOME | {"description": "More."}, source="one")
    load_rows(HOME, source="two")
    web = create_app(here).test_client()
    found = web.get("/api/v1/search?q=harmony").get_json()
    (result,) = found["results"]
    (twin,) = result["also_listed"]
    assert (found["total"], twin["name"]) == (1, "Harmony Place")
    assert "Also listed by Test source" in web.get("/search?q=harmony").text
    page = web.get(f"/listing/{result['id']}").text
    assert f'Also listed by Test source: <a href="/listing/{twin["id"]}">' in page
    page = web.get(f"/listing/{twin['id']}").text
    assert "The same as" in page
    assert f"/listing/{result['id']}" in page
    document = web.get(f"/api/v1/listings/{twin['id']}").get_json()
    assert (document["duplicate_of"], document["also_listed"]) == (result["id"], [])


def test_the_command_lists_and_decides(
    here: Config, database: Engine, load_rows: Loader, capsys: pytest.CaptureFixture[str]
) -> None:
    load_rows(HOME, source="one")
    load_rows(LODGE, source="two")
    assert cli.main(["matches", "--json"]) == 0
    (pair,) = json.loads(capsys.readouterr().out)
    known = ids(database)
    assert {pair["a"], pair["b"]} == {str(known["one 1"]), str(known["two 1"])}
    number = str(pair["id"])
    assert cli.main(["matches"]) == 0
    assert "Harmony Place Lodge" in capsys.readouterr().out
    assert cli.main(["matches", "--decide", number, "same"]) == 0
    assert len(links(database)) == 1
    assert cli.main(["matches", "--decided", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["decision"] == "same"
    assert cli.main(["matches", "--decide", number, "different", "--anew"]) == 0
    assert links(database) == {}
    assert cli.main(["matches", "--decide", number, "perhaps"]) == 2
    assert cli.main(["matches", "--decide", "x", "same"]) == 2
    assert cli.main(["matches", "--decide", "123456", "same"]) == 2
