"""Imports: what a run reports, what it changes, and what a failure leaves behind."""

import uuid
from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from directory import derive
from directory.feed import FeedError
from directory.load import load
from directory.records import Item, Note, Refused
from directory.runs import LockedError, Report, SourceSpec, exclusive
from tests.conftest import DEFAULTS, Loader

SOURCE = SourceSpec("test", "csv", "test", title="Test source")


def fingerprint(engine: Engine) -> str:
    """A hash of all listings, to the last column."""
    with engine.connect() as connection:
        rows = "SELECT md5(string_agg(l::text, '|' ORDER BY id)) FROM listing l"
        return str(connection.execute(text(rows)).scalar())


def adds_up(report: Report) -> bool:
    return report.read == report.added + report.changed + report.same + report.rejected


def test_a_first_import_adds_and_a_second_changes_nothing(
    database: Engine, load_rows: Loader
) -> None:
    rows: list[dict[str, object]] = [
        {"external_id": str(n), "name": f"Place {n}"} for n in range(30)
    ]
    first = load_rows(*rows)
    assert (first.status, first.read, first.added) == ("applied", 30, 30)
    before = fingerprint(database)
    second = load_rows(*reversed(rows))
    assert (second.status, second.same, second.repaired) == ("unchanged", 30, first.repaired)
    assert fingerprint(database) == before
    assert adds_up(first)
    assert adds_up(second)


def test_what_changes_is_changed_and_the_rest_is_the_same(
    database: Engine, load_rows: Loader
) -> None:
    load_rows({"external_id": "1"}, {"external_id": "2"})
    report = load_rows({"external_id": "1", "name": "New"}, {"external_id": "2"})
    assert (report.changed, report.same, report.added) == (1, 1, 0)
    with database.connect() as connection:
        name = connection.execute(text("SELECT name FROM listing WHERE external_id = '1'"))
        assert name.scalar() == "New"


def test_each_row_has_a_verdict(load_rows: Loader) -> None:
    report = load_rows(
        {"external_id": "good"},
        {"external_id": "mended", "website": "javascript:alert(1)"},
        {"external_id": "bad", "name": ""},
        {"external_id": "worse", "kind": "casino"},
        {"external_id": "good"},
    )
    assert (report.read, report.added, report.rejected, report.repaired) == (5, 2, 3, 2)
    assert report.reasons == {"invalid_name": 1, "invalid_kind": 1, "duplicate_id": 1}
    assert report.repairs["bad_link"] == 1
    assert adds_up(report)


def test_rejects_are_kept_with_place_reason_and_an_escaped_sample(
    database: Engine, load_rows: Loader
) -> None:
    load_rows({"external_id": "1"}, {"external_id": "2", "name": "", "city": "<b>\n\0é"})
    with database.connect() as connection:
        row = connection.execute(text("SELECT * FROM reject")).one()
    assert (row.position, row.code) == ("item 1", "invalid_name")
    assert "<b>" in row.sample
    assert row.sample.isascii()


def test_which_of_two_rows_wins_does_not_depend_on_their_order(
    database: Engine, load_rows: Loader
) -> None:
    one, two = {"external_id": "1", "name": "One"}, {"external_id": "1", "name": "Two"}
    load_rows(one, two)
    before = fingerprint(database)
    assert load_rows(two, one).status == "unchanged"
    assert fingerprint(database) == before


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("wxyz")), max_size=12))
def test_a_first_import_settles_ids_that_come_again_in_a_later_batch(
    database: Engine, rows: list[tuple[str, str]]
) -> None:
    """They are written before the rest is read. Of one id, the row of the least hash wins."""
    given = [{**DEFAULTS, "external_id": key, "name": name} for key, name in rows]
    won: dict[str, tuple[str, str]] = {}
    for fields in given:
        hashed = (derive.content_hash(fields), str(fields["name"]))
        won[str(fields["external_id"])] = min(won.get(str(fields["external_id"]), hashed), hashed)
    source = SourceSpec(f"again-{uuid.uuid4()}", "csv", "x")
    with patch("directory.load.BATCH", 2), patch("directory.judge.ALONE", 99):
        report = load(database, source, [Item(f"item {n}", row) for n, row in enumerate(given)])
    assert (report.read, report.added, report.changed) == (len(rows), len(won), 0)
    assert adds_up(report)
    query = "SELECT external_id, content_hash, name FROM listing WHERE source_id = :source"
    with database.connect() as connection:
        found = connection.execute(text(query), {"source": source.id}).all()
        changes = connection.execute(
            text("SELECT action FROM change WHERE run_id = :run"), {"run": report.run_id}
        )
        assert changes.scalars().all() == ["added"] * len(won)
    assert {row.external_id: (row.content_hash, row.name) for row in found} == won


def test_a_dry_run_of_a_first_import_writes_no_listings(
    database: Engine, load_rows: Loader
) -> None:
    size = text("SELECT pg_relation_size('listing')")
    with database.connect() as connection:
        before = connection.execute(size).scalar()
        report = load_rows(*({"external_id": str(n)} for n in range(99)), dry_run=True)
        assert (report.status, report.added) == ("dry-run", 99)
        assert connection.execute(size).scalar() == before


def test_a_refused_row_keeps_its_good_predecessor(database: Engine, load_rows: Loader) -> None:
    load_rows({"external_id": "1", "name": "Good"}, {"external_id": "2"})
    report = load_rows({"external_id": "1", "name": ""}, {"external_id": "2"})
    assert (report.rejected, report.same, report.vanished) == (1, 1, 0)
    with database.connect() as connection:
        row = connection.execute(text("SELECT * FROM listing WHERE external_id = '1'")).one()
    assert (row.name, row.last_seen, row.listed) == ("Good", None, True)


def test_what_a_feed_lacks_stays_and_says_when_it_was_last_seen(
    database: Engine, load_rows: Loader
) -> None:
    load_rows({"external_id": "1"}, {"external_id": "2"})
    gone = load_rows({"external_id": "1"})
    assert (gone.status, gone.vanished) == ("applied", 1)
    query = text("SELECT last_seen, listed FROM listing WHERE external_id = '2'")
    with database.connect() as connection:
        row = connection.execute(query).one()
        assert row.last_seen is not None
        assert row.listed
    assert load_rows({"external_id": "1"}).status == "unchanged"
    load_rows({"external_id": "1"}, {"external_id": "2"})
    with database.connect() as connection:
        assert connection.execute(query).one().last_seen is None


@pytest.mark.parametrize("rows", [[], [{"name": ""}]])
def test_a_feed_without_a_good_row_changes_nothing(
    database: Engine, load_rows: Loader, rows: list[dict[str, object]]
) -> None:
    load_rows({"external_id": "1"})
    before = fingerprint(database)
    report = load_rows(*rows)
    assert report.status == "refused"
    assert report.message
    assert fingerprint(database) == before


def test_a_feed_that_breaks_changes_nothing(database: Engine, load_rows: Loader) -> None:
    load_rows({"external_id": "1"})
    before = fingerprint(database)

    def broken() -> Iterator[Item]:
        yield Item("item 0", {**DEFAULTS, "external_id": "2"})
        raise FeedError("The file ends in the middle.")

    with pytest.raises(FeedError):
        load(database, SOURCE, broken())
    assert fingerprint(database) == before
    with database.connect() as connection:
        run = connection.execute(text("SELECT * FROM import_run ORDER BY id DESC")).first()
    assert run is not None
    assert (run.status, run.message) == ("failed", "The file ends in the middle.")


def test_a_dry_run_says_what_would_change_and_changes_nothing(
    database: Engine, load_rows: Loader
) -> None:
    load_rows({"external_id": "1"})
    before = fingerprint(database)
    report = load_rows({"external_id": "1", "name": "New"}, {"external_id": "2"}, dry_run=True)
    assert (report.status, report.changed, report.added) == ("dry-run", 1, 1)
    assert fingerprint(database) == before


def test_one_run_for_a_source_at_a_time(database: Engine, load_rows: Loader) -> None:
    with exclusive(database, "test"), pytest.raises(LockedError):
        load_rows({"external_id": "1"})
    assert load_rows({"external_id": "1"}).status == "applied"


def test_a_source_keeps_its_kind(database: Engine, load_rows: Loader) -> None:
    load_rows({"external_id": "1"})
    with pytest.raises(Exception, match="another --source"):
        load(database, SourceSpec("test", "hsds", "x"), [])


def test_a_run_that_brought_nothing_binds_no_kind(database: Engine, load_rows: Loader) -> None:
    load(database, SourceSpec("test", "hsds", "x"), [])
    load_rows({"external_id": "1"}, dry_run=True)
    assert load_rows({"external_id": "1"}).status == "applied"


def test_samples_leave_when_real_listings_come(database: Engine, load_rows: Loader) -> None:
    sample = SourceSpec("sample", "csv", "x", origin="sample")
    load(database, sample, [Item("line 2", dict(DEFAULTS))])
    flag = text("SELECT samples FROM generation")
    with database.connect() as connection:
        assert connection.execute(flag).scalar() is True
    bundled = SourceSpec("hotlines", "csv", "x", origin="bundled")
    load(database, bundled, [Item("line 2", dict(DEFAULTS))])
    with database.connect() as connection:
        assert connection.execute(flag).scalar() is True
    load_rows({"external_id": "1"})
    with database.connect() as connection:
        assert connection.execute(flag).scalar() is False
        kinds = connection.execute(text("SELECT DISTINCT source_id FROM listing ORDER BY 1"))
        assert list(kinds.scalars()) == ["hotlines", "test"]


def test_new_rules_derive_the_rows_anew(
    database: Engine, load_rows: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_rows({"external_id": "1"})
    monkeypatch.setattr(derive, "rules", lambda: "other")
    assert load_rows({"external_id": "1"}).changed == 1


def test_ids_are_stable_and_apart_for_sources() -> None:
    assert derive.listing_id("a", "1") == derive.listing_id("a", "1")
    assert derive.listing_id("a", "1") != derive.listing_id("b", "1")


def test_refusals_of_importers_are_counted(database: Engine) -> None:
    def refuse(_raw: Any, _notes: list[Note]) -> dict[str, Any]:
        raise Refused("unpublished", "not published by its source")

    items = [Item("item 0", dict(DEFAULTS)), Item("item 1", {}, refuse)]
    report = load(database, SOURCE, items)
    assert report.reasons == {"unpublished": 1}
    assert adds_up(report)


_VALUES: Any = st.one_of(
    st.none(),
    st.text(max_size=40),
    st.floats(),
    st.integers(),
    st.booleans(),
    st.lists(st.text(max_size=8), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
)
_OPTIONAL = """
description street city region postal_code country latitude longitude phones website email
sessions served min_age terms extra timezone join_url online in_person
""".split()
_FIELDS = st.fixed_dictionaries(
    {
        "external_id": st.text(max_size=12),
        "kind": st.just("treatment"),
        "name": st.text(max_size=20),
    },
    optional=dict.fromkeys(_OPTIONAL, _VALUES),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(_FIELDS, min_size=1, max_size=20))
def test_any_rows_whatever_are_accounted_for(database: Engine, feed: list[dict[str, Any]]) -> None:
    rows = [Item(f"item {n}", fields) for n, fields in enumerate(feed)]
    # A source of its own: to the guard, another example's rows would be missing.
    source = SourceSpec(f"any-{uuid.uuid4()}", "csv", "x")
    report = load(database, source, rows)
    assert report.read == len(feed)
    assert adds_up(report)
    again = load(database, source, rows)
    assert again.status in ("unchanged", "refused")
    assert again.same + again.rejected == len(feed)


def test_no_text_breaks_a_line_of_the_copy(load_rows: Loader) -> None:
    """Whatever stands between columns on their way into the database may stand in them too."""
    odd = "a\t\\\x1e\x1f\nb"
    texts = "name organization description eligibility fees city region postal_code join_phone"
    row: dict[str, object] = dict.fromkeys(texts.split(), odd)
    lists = {"street": [odd], "served": [odd], "phones": [{"number": "988", "label": odd}]}
    assert load_rows(row | lists | {"extra": {odd: [odd]}, "recurrence_note": odd}).added == 1


def test_what_a_note_or_a_refusal_quotes_may_be_anything(database: Engine) -> None:
    """A NUL, which PostgreSQL cannot store, fails no import."""

    def build(raw: Any, notes: list[Note]) -> dict[str, Any]:
        notes.append(Note("sessions", "bad_day", "is \0 no day"))
        if not raw:
            raise Refused("odd", "is \0 odd")
        return {**DEFAULTS}

    items = [Item("item 1", True, build), Item("item 2", None, build)]
    report = load(database, SourceSpec("test", "csv", "test"), items)
    assert (report.status, report.added, report.rejected, report.repaired) == ("applied", 1, 1, 1)
