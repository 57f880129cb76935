"""Rows that come again are known without being read, and nothing is wrong for that."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from directory import cli, positions, repeats
from directory.records import Item, Row
from tests.test_load import fingerprint
from tests.test_repeats import ANSWER, Run, change, here, one, pass_days, run, write

__all__ = ["here", "run"]
DOOR = "{},treatment,Place {},,,,"


@pytest.fixture(autouse=True)
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Where the rows stand that are read, in order."""
    found: list[str] = []
    row = Item.row

    def noted(item: Item) -> Row:
        found.append(item.where)
        return row(item)

    monkeypatch.setattr(Item, "row", noted)
    return found


def test_only_rows_that_are_new_are_read(
    here: Path, run: Run, read: list[str], database: Engine
) -> None:
    write(here, 60, DOOR.format(7, 7), "90,casino,Lucky,,,,")
    first = run()
    assert len(read) == first["read"] == 62
    before = fingerprint(database)
    read.clear()
    write(here, 60, DOOR.format(7, 7), "90,casino,Lucky,,,,", "")  # other bytes
    again = run()
    assert (again["status"], again["repeats"]) == ("unchanged", None)
    assert (again["read"], again["same"], again["reasons"]) == (62, 60, first["reasons"])
    assert fingerprint(database) == before
    assert read == ["line 63"]  # the one that is rejected; the one that is there twice is known
    read.clear()
    lines = [DOOR.format(n, n) for n in range(59, -1, -1)]
    lines[20] = DOOR.format(39, "Renamed")
    write(here, 0, *lines, DOOR.format(61, 61))
    report = run()
    assert (report["changed"], report["added"], report["same"]) == (1, 1, 59)
    assert read == ["line 22", "line 62"]
    assert one(database, "SELECT name FROM listing WHERE external_id = '39'") == "Place Renamed"


def test_a_dry_run_and_one_that_is_refused_teach_nothing(
    here: Path, run: Run, read: list[str], database: Engine
) -> None:
    write(here, 60)
    run()
    known = "SELECT count(*), string_agg(digest::text, ' ' ORDER BY digest) FROM known_row"
    before = one(database, known)
    write(here, 60, DOOR.format(60, 60))
    run("--dry-run")
    write(here, 20)
    run(code=3)
    assert one(database, known) == before
    read.clear()
    write(here, 61)
    assert run()["added"] == 1
    assert read == ["line 62"]


def test_what_else_decides_about_rows_decides_whether_they_are_read(
    here: Path, run: Run, read: list[str], database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def reads() -> int:
        read.clear()
        with (here / "feed.csv").open("a") as file:
            file.write("\n")
        # An answer may come an hour late: what was asked long before a run is no news to it.
        change(database, "UPDATE geocode SET asked = asked - interval '1 day'")
        run()
        return len(read)

    write(here, 3, "9,treatment,Door,1 Main St,Denver,CO,80202")
    assert [reads(), reads()] == [4, 0]
    change(database, ANSWER, query=positions._key("1 Main St, Denver, CO, 80202", "US"))
    read.clear()
    assert (run()["changed"], len(read)) == (1, 4)
    assert [reads(), reads()] == [0, 0]
    monkeypatch.setattr(repeats, "_software", lambda _: "a later version")
    assert [reads(), reads()] == [4, 0]
    # A server that crashed has forgotten.
    change(database, "TRUNCATE known_row")
    assert [reads(), reads()] == [4, 0]
    read.clear()
    run("--anew")
    assert len(read) == 4


def test_what_stands_beside_the_rows_is_part_of_them() -> None:
    item = Item("item 1", {"id": "1"})
    assert item.digest("key") == Item("item 9", {"id": "1"}).digest("key")
    others = [Item("item 1", {"id": 1}), Item("item 1", {"id": "1"}, beside="a format")]
    assert len({item.digest("key"), item.digest("other"), *(o.digest("key") for o in others)}) == 4
    assert Item("item 1", {"\ud800": "\0"}).digest("key")


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("feed"), st.lists(st.integers(0, 2), min_size=6, max_size=6)),
        st.tuples(st.just("undo"), st.none()),
        st.tuples(st.just("days"), st.integers(1, 15)),
        st.tuples(st.just("forget"), st.none()),
    ),
    min_size=2,
    max_size=8,
)


def feed(versions: list[int], chance: random.Random) -> Iterator[str]:
    """Rows in any order: version 0 of one is not in the feed."""
    rows = [(n, version) for n, version in enumerate(versions) if version]
    for number, version in chance.sample(rows, len(rows)):
        yield DOOR.format(number, f"{number} of version {version}")


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(STEPS, st.randoms(use_true_random=False))
def test_a_full_reading_agrees_with_what_is_known(
    here: Path, run: Run, database: Engine, steps: list[tuple[str, Any]], chance: random.Random
) -> None:
    """Whatever came before: fed, put back, gone for long and returned."""
    with database.begin() as connection:
        connection.execute(text("TRUNCATE source, listing, known_row CASCADE"))
    applied: list[int] = []
    write(here, 0, *feed([1] * 6, chance))
    applied.append(run()["run_id"])
    for step, what in steps:
        if step == "feed":
            write(here, 0, *feed([*what[:3], 1, 1, 1], chance))
            report = run()
            applied += [report["run_id"]] * (report["status"] == "applied")
        elif step == "undo" and len(applied) > 1:
            assert cli.main(["undo", str(applied.pop())]) == 0
        elif step == "days":
            pass_days(database, what)
        elif step == "forget":
            change(database, "TRUNCATE known_row")
    write(here, 0, *feed([2, 1, 2, 1, 1, 1], chance))
    run()
    known = fingerprint(database)
    whole = run("--anew")
    assert (whole["status"], whole["same"]) == ("unchanged", 6)
    assert fingerprint(database) == known
