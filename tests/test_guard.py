"""The guard: each limit exactly at its boundary, acceptance of one diff, undo, tombstones."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from directory import changes, edits
from directory.errors import UsageError
from directory.guard import LIMITS, Measured, alarms, checked_limits
from directory.load import TOMBSTONE_DAYS, load
from directory.records import Item
from directory.runs import Report, SourceSpec
from directory.undo import undo
from tests.conftest import DEFAULTS, Loader
from tests.test_load import SOURCE, adds_up, fingerprint

Fields = dict[str, Any]


def feed(count: int, first: int = 0, **fields: Any) -> list[Fields]:
    """Rows that differ in their id and name."""
    return [
        {"external_id": str(n), "name": f"Place {n}", **fields} for n in range(first, first + count)
    ]


def limits_of(report: Report) -> list[str]:
    return [alarm.limit for alarm in report.alarms]


@pytest.mark.parametrize(
    ("live", "missing", "refused"),
    [
        (1000, 99, False),  # 9.9 %
        (1000, 100, True),  # 10 %
        (50, 4, False),
        (50, 5, True),  # from 50 rows on a share
        (49, 4, False),
        (49, 5, True),  # below, a count
        (4, 4, False),
        (51, 5, False),
        (51, 6, True),
    ],
)
def test_missing_rows(live: int, missing: int, refused: bool) -> None:
    good = live - missing + 1
    found = alarms(Measured(good, 0, good, live, missing), {})
    assert [alarm.limit for alarm in found] == ["missing"] * refused


@pytest.mark.parametrize(("live", "refused"), [(49, True), (50, False), (51, False)])
def test_from_fifty_rows_on_a_share_counts(live: int, refused: bool) -> None:
    """With the usual limits, five of fifty are both; with these they are not."""
    found = alarms(Measured(live - 5, 0, live - 5, live, 5), {"missing": 50, "missing_rows": 5})
    assert [alarm.limit for alarm in found] == ["missing"] * refused


@pytest.mark.parametrize(
    ("counts", "limit", "refused"),
    [
        ({"read": 1000, "rejected": 100, "good": 900}, "rejected", False),  # 10 %
        ({"read": 1000, "rejected": 101, "good": 899}, "rejected", True),
        ({"moved": 10}, "moved", False),  # 1 %
        ({"moved": 11}, "moved", True),
        ({"read": 2999, "good": 2999}, "growth", False),
        ({"read": 3000, "good": 3000}, "growth", True),
        ({"stated": {"fees": 500}, "stating": {"fees": 401}}, "fill", False),  # 9.9 points
        ({"stated": {"fees": 500}, "stating": {"fees": 400}}, "fill", True),
        ({"stated": {"fees": 100}, "stating": {"fees": 1000}}, "fill", False),
    ],
)
def test_the_other_limits(counts: Mapping[str, Any], limit: str, refused: bool) -> None:
    usual: dict[str, Any] = {"read": 1000, "rejected": 0, "good": 1000, "live": 1000}
    found = alarms(Measured(**{**usual, **counts}), {})
    assert [alarm.limit for alarm in found] == [limit] * refused


@pytest.mark.parametrize("read", [0, 5])
def test_nothing_that_can_be_used_is_refused_whatever_the_limits(read: int) -> None:
    own = dict.fromkeys(LIMITS, 1e8)
    assert [a.limit for a in alarms(Measured(read, read, 0, 10, 10), own)] == ["nothing"]


def test_a_first_import_has_nothing_to_lose() -> None:
    assert alarms(Measured(10, 9, 1), {}) == []


def test_a_source_has_limits_of_its_own() -> None:
    found = Measured(1000, 0, 600, 1000, 400)
    assert alarms(found, {"missing": 41}) == []
    assert [alarm.limit for alarm in alarms(found, {"missing": 40})] == ["missing"]
    assert "40 %" in alarms(found, {"missing": 40})[0].message


@pytest.mark.parametrize("given", [{"mising": 1}, {"missing": "x"}, {"fill": -1}, {"fill": True}])
def test_limits_are_checked(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        checked_limits(given)


@pytest.mark.parametrize(
    ("before", "after", "limits"),
    [
        (feed(100), feed(91), []),
        (feed(100), feed(90), ["missing"]),
        (feed(49), feed(45), []),
        (feed(49), feed(44), ["missing"]),
        (feed(50), feed(46), []),
        (feed(50), feed(45), ["missing"]),
        (feed(10), feed(29), []),
        (feed(10), feed(30), ["growth"]),
        (feed(90), feed(91) + feed(10, 200, kind="casino"), []),
        (feed(90), feed(91) + feed(11, 200, kind="casino"), ["rejected"]),
        (feed(100, fees="Free"), feed(91, fees="Free") + feed(9, 91), []),
        (feed(100, fees="Free"), feed(90, fees="Free") + feed(10, 90), ["fill"]),
    ],
)
def test_limits_as_measured(
    database: Engine,
    load_rows: Loader,
    before: list[Fields],
    after: list[Fields],
    limits: list[str],
) -> None:
    load_rows(*before)
    was = fingerprint(database)
    rehearsed = load_rows(*after, dry_run=True)
    report = load_rows(*after)
    assert (limits_of(report), report.status) == (limits, "refused" if limits else "applied")
    assert (fingerprint(database) == was) == bool(limits)
    assert adds_up(report)
    assert (rehearsed.status, rehearsed.verdict) == ("dry-run", report.verdict)
    assert rehearsed.counts() == report.counts()
    assert rehearsed.alarms == report.alarms
    assert rehearsed.fingerprint == report.fingerprint


@pytest.mark.parametrize(("moved", "refused"), [(1, False), (2, True)])
def test_moves_over_50_km(load_rows: Loader, moved: int, refused: bool) -> None:
    denver: Fields = {"latitude": 39.7392, "longitude": -104.9903}
    boulder: Fields = {"latitude": 40.015, "longitude": -105.2705}  # 39 km
    springs: Fields = {"latitude": 38.8339, "longitude": -104.8214}  # 101 km
    load_rows(*feed(100, **denver))
    near = feed(60, **boulder) + feed(40, 60, **denver)
    assert load_rows(*near).status == "applied"
    far = feed(60, **boulder) + feed(40 - moved, 60, **denver) + feed(moved, 100 - moved, **springs)
    report = load_rows(*far)
    assert limits_of(report) == ["moved"] * refused


def test_coordinates_that_a_feed_no_longer_has_are_missed(load_rows: Loader) -> None:
    """The middle of the city takes their place, so that no listing loses its position."""
    city: Fields = {"city": "Denver", "region": "CO"}
    load_rows(*feed(60, latitude=39.7392, longitude=-104.9903, **city))
    report = load_rows(*feed(60, **city))
    assert limits_of(report) == ["fill"]
    assert "position" in str(report.message)


def test_shuffled_and_repeated_feeds_change_nothing(database: Engine, load_rows: Loader) -> None:
    rows = feed(60)
    load_rows(*rows)
    was = fingerprint(database)
    assert load_rows(*reversed(rows)).status == "unchanged"
    twice = load_rows(*rows, *rows, *rows)
    assert (twice.status, twice.same, twice.reasons["duplicate_id"]) == ("unchanged", 60, 120)
    assert fingerprint(database) == was


def test_what_is_bundled_or_invented_is_not_guarded(database: Engine) -> None:
    sample = SourceSpec("sample", "csv", "x", origin="sample")
    for rows in (feed(60), feed(10), feed(60)):
        made = [Item(f"line {n}", {**DEFAULTS, **row}) for n, row in enumerate(rows)]
        assert load(database, sample, made).status == "applied"


def test_limits_stay_with_their_source(database: Engine, load_rows: Loader) -> None:
    def run(count: int, limits: dict[str, float] | None) -> str:
        spec = SourceSpec("test", "csv", "test", limits=limits)
        rows = [Item(f"item {n}", {**DEFAULTS, **row}) for n, row in enumerate(feed(count))]
        return load(database, spec, rows).status

    load_rows(*feed(100))
    assert run(80, None) == "refused"
    assert run(80, {"missing": 25}) == "applied"
    assert run(64, None) == "applied"
    with pytest.raises(UsageError):
        run(64, {"misssing": 25})


# --- accept ---------------------------------------------------------------------------------


def test_accept_does_exactly_what_was_refused(database: Engine, load_rows: Loader) -> None:
    load_rows(*feed(100))
    refused = load_rows(*feed(80))
    assert refused.status == "refused"
    assert f"--accept {refused.run_id}" in str(refused.message)
    with database.connect() as connection:
        row = connection.execute(
            text("SELECT counts, diff FROM import_run WHERE id = :id"), {"id": refused.run_id}
        ).one()
    assert row.counts["vanished"] == 20
    assert row.diff["fingerprint"]
    assert [alarm["limit"] for alarm in row.diff["alarms"]] == ["missing"]
    assert len(row.diff["examples"]["missing"]) == 20
    accepted = load_rows(*reversed(feed(80)), accept=refused.run_id)
    assert (accepted.status, accepted.vanished, accepted.accepts) == (
        "applied",
        20,
        refused.run_id,
    )
    assert load_rows(*feed(80)).status == "unchanged"


@pytest.mark.parametrize(
    "other",
    [
        feed(79),
        feed(81),
        feed(80) + feed(1, 500),
        feed(79) + feed(1, 79, name="Renamed"),
        feed(79) + feed(1, 79, name=""),
        feed(99),  # within the limits, and yet not what was accepted
    ],
)
def test_accept_refuses_another_diff(
    database: Engine, load_rows: Loader, other: list[Fields]
) -> None:
    load_rows(*feed(100))
    refused = load_rows(*feed(80))
    was = fingerprint(database)
    report = load_rows(*other, accept=refused.run_id)
    assert report.status == "refused"
    assert limits_of(report)[0] == "accept"
    assert f"--accept {report.run_id}" in str(report.message)
    assert fingerprint(database) == was
    assert load_rows(*other, accept=report.run_id).status == "applied"


def test_accept_refuses_when_the_listings_changed_since(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(*feed(100))
    refused = load_rows(*feed(80))
    load_rows(*feed(80), *feed(20, 80, organization="Hope"))
    assert limits_of(load_rows(*feed(80), accept=refused.run_id))[0] == "accept"


def test_only_a_refused_run_of_the_source_can_be_accepted(load_rows: Loader) -> None:
    first = load_rows(*feed(10))
    other = load_rows(source="other")
    for run, said in ((first.run_id, "only a refused"), (other.run_id, "no run"), (999, "no run")):
        with pytest.raises(UsageError, match=said):
            load_rows(*feed(10), accept=run)


def test_nothing_cannot_be_accepted(database: Engine, load_rows: Loader) -> None:
    load_rows(*feed(10))
    was = fingerprint(database)
    refused = load_rows()
    assert "--accept" not in str(refused.message)
    assert load_rows(accept=refused.run_id).status == "refused"
    assert fingerprint(database) == was


# --- undo -----------------------------------------------------------------------------------

_PLACES: list[Fields] = [
    {"name": "Other name"},
    {"city": "Denver", "region": "CO"},
    {"latitude": 39.7392, "longitude": -104.9903},
    {"terms": ["service:detox", "pay:medicaid"], "website": "https://example.org/é?a=b"},
    {"sessions": [{"weekday": 6, "start": "23:30", "minutes": 90}], "extra": {"a": [1.5, None]}},
    {"description": "Line\n\"quoted\" \\ 'tick' \u202e", "phones": ["303-555-0100"]},
    {"status": "suspended", "verified_on": "2026-01-02", "min_age": 18, "street": ["1 A St", "B"]},
]


def test_undo_puts_back_every_kind_of_change(database: Engine, load_rows: Loader) -> None:
    plain = feed(80)
    load_rows(*plain)
    load_rows(*plain[:-2])
    states = [fingerprint(database)]
    rich = [{**row, **_PLACES[n % len(_PLACES)]} for n, row in enumerate(plain)]
    runs = [load_rows(*rich[2:], *feed(3, 200))]
    states.append(fingerprint(database))
    runs.append(load_rows(*plain, *feed(3, 200), accept=None))
    assert [run.status for run in runs] == ["applied", "refused"]  # fields were emptied
    runs[1] = load_rows(*plain, *feed(3, 200), accept=runs[1].run_id)
    assert runs[1].status == "applied"
    for run, before in reversed(list(zip(runs, states, strict=True))):
        done = undo(database, run.run_id)
        assert fingerprint(database) == before
        assert done.removed + done.restored > 0
    again = load_rows(*rich[2:], *feed(3, 200))
    assert again.status == "applied"
    assert fingerprint(database) == states[1]


def test_undo_of_the_first_import_leaves_nothing(database: Engine, load_rows: Loader) -> None:
    first = load_rows(*feed(5))
    assert undo(database, first.run_id).removed == 5
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM listing")).scalar() == 0
        assert connection.execute(text("SELECT seen_on FROM source")).scalar() is None


def test_only_the_newest_run_can_be_undone_and_only_once(
    database: Engine, load_rows: Loader
) -> None:
    first = load_rows(*feed(5))
    second = load_rows(*feed(6))
    same = load_rows(*feed(6))
    for run, said in (
        (first.run_id, f"undo {second.run_id} first"),
        (same.run_id, "unchanged"),
        (999, "no run"),
    ):
        with pytest.raises(UsageError, match=said):
            undo(database, run)
    own = undo(database, second.run_id)
    with pytest.raises(UsageError, match="already"):
        undo(database, second.run_id)
    with pytest.raises(UsageError, match="is undo"):
        undo(database, own.run_id)
    undo(database, first.run_id)
    with database.connect() as connection:
        runs = connection.execute(text("SELECT status, undoes FROM import_run ORDER BY id"))
        assert [tuple(run) for run in runs][-2:] == [
            ("undo", second.run_id),
            ("undo", first.run_id),
        ]


def test_the_last_runs_can_be_undone_and_no_more(database: Engine, load_rows: Loader) -> None:
    load_rows(*feed(10), source="other")
    states, runs = [], []
    for number in range(changes.KEPT + 2):
        states.append(fingerprint(database))
        runs.append(load_rows(*feed(10, organization=f"Group {number}")).run_id)
    for number in range(changes.KEPT):
        undo(database, runs[-1 - number])
        assert fingerprint(database) == states[-1 - number]
    with pytest.raises(UsageError, match="no longer kept"):
        undo(database, runs[1])


def test_what_maintainers_wrote_outlives_an_undo(database: Engine, load_rows: Loader) -> None:
    load_rows(*feed(5))
    second = load_rows(*feed(5, organization="Hope"))
    with database.begin() as connection:
        for listing in connection.execute(text("SELECT id FROM listing")).scalars().all():
            edits.write(connection, listing, {"name": "Ours"}, "keeper@example.org")
    undo(database, second.run_id)
    with database.connect() as connection:
        row = connection.execute(text("SELECT DISTINCT name, organization FROM listing")).one()
    assert (row.name, row.organization) == ("Ours", None)


# --- tombstones -----------------------------------------------------------------------------


def age(database: Engine, days: int) -> None:
    """Let ``days`` pass for what is missing."""
    with database.begin() as connection:
        connection.execute(
            text("UPDATE listing SET last_seen = last_seen - CAST(:days AS int)"), {"days": days}
        )


def listing(database: Engine, external_id: str) -> Any:
    with database.connect() as connection:
        query = text("SELECT * FROM listing WHERE external_id = :id")
        return connection.execute(query, {"id": external_id}).one()


@pytest.mark.parametrize(
    ("days", "status"), [(TOMBSTONE_DAYS - 1, "active"), (TOMBSTONE_DAYS, "gone")]
)
def test_missing_from_two_good_runs_and_for_14_days(
    database: Engine, load_rows: Loader, days: int, status: str
) -> None:
    load_rows(*feed(60))
    load_rows(*feed(59))
    assert listing(database, "59").listed
    age(database, days)
    report = load_rows(*feed(59))
    assert report.status == ("applied" if status == "gone" else "unchanged")
    found = listing(database, "59")
    assert (found.status, found.listed) == (status, status == "active")
    assert load_rows(*feed(59)).status == "unchanged"


def test_one_good_run_makes_no_tombstone_however_late_it_is(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(*feed(60))
    with database.begin() as connection:
        connection.execute(text("UPDATE source SET seen_on = CURRENT_DATE - 100"))
    load_rows(*feed(59))
    assert listing(database, "59").listed
    load_rows(*feed(59))
    assert not listing(database, "59").listed


def test_refused_runs_count_for_nothing(database: Engine, load_rows: Loader) -> None:
    load_rows(*feed(60))
    load_rows(*feed(59))
    age(database, TOMBSTONE_DAYS)
    assert load_rows(*feed(10)).status == "refused"
    assert listing(database, "59").listed


def test_a_tombstone_comes_back_with_its_source_or_by_undo(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(*feed(60))
    whole = fingerprint(database)
    load_rows(*feed(59))
    age(database, TOMBSTONE_DAYS)
    missing = fingerprint(database)
    buried = load_rows(*feed(59))
    undo(database, buried.run_id)
    assert fingerprint(database) == missing
    load_rows(*feed(59))
    back = load_rows(*feed(60))
    assert (back.status, back.changed) == ("applied", 1)
    assert fingerprint(database) == whole
    undo(database, back.run_id)
    assert not listing(database, "59").listed


# --- everything together --------------------------------------------------------------------

_ROW = st.fixed_dictionaries(
    {"external_id": st.sampled_from("abcdefgh"), "name": st.sampled_from(["", "One", "Two"])},
    optional={
        "organization": st.sampled_from(["Hope", "Harbor"]),
        "fees": st.sampled_from(["Free", "$5"]),
        "latitude": st.sampled_from([39.7, 45.0]),
        "longitude": st.just(-104.9),
        "website": st.just("javascript:x"),
    },
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(feeds=st.lists(st.lists(_ROW, max_size=10), min_size=1, max_size=4))
def test_any_history_can_be_undone(database: Engine, feeds: list[list[Any]]) -> None:
    def run(rows: list[Any], **more: Any) -> Report:
        made = [Item(f"item {n}", {**DEFAULTS, **row}) for n, row in enumerate(rows)]
        return load(database, SOURCE, made, **more)

    with database.begin() as connection:
        connection.execute(text("DELETE FROM source"))
    history = []
    for rows in feeds:
        before = fingerprint(database)
        rehearsed, report = run(rows, dry_run=True), run(rows)
        assert adds_up(report)
        assert rehearsed.counts() == report.counts()
        assert rehearsed.verdict == report.verdict
        if report.status == "refused":
            assert fingerprint(database) == before
            report = run(rows, accept=report.run_id)
            assert report.status == ("applied" if report.read > report.rejected else "refused")
        if report.status == "applied":
            history.append((report.run_id, before))
        else:
            assert fingerprint(database) == before
    for number, before in reversed(history):
        undo(database, number)
        assert fingerprint(database) == before
