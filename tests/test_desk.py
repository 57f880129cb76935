"""The maintainers' desk: what it shows, and that its buttons do what the commands do."""

import html
import re
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from directory import accounts, cli, coverage, db, history, runs
from directory.config import Config
from directory.load import BATCH, load
from directory.records import Item
from directory.runs import SourceSpec
from directory.web import desk
from directory.web.app import create_app
from directory.web.pictures import BAR_WIDTH, HEIGHT, WIDTH, bars, sparkline, tiles
from tests.test_accounts import EMAIL, PASSWORD, sign_in, token
from tests.test_load import fingerprint

HEADER = "external_id,kind,name,fees\n"


def write(folder: Path, first: int, last: int, *more: str, fees: str = "") -> None:
    rows = [f"{n},treatment,Place {n},{fees}\n" for n in range(first, last)]
    (folder / "feed.csv").write_text(HEADER + "".join(rows) + "".join(more))


@pytest.fixture
def keeper(here: Config, database: Engine) -> FlaskClient:
    """A maintainer's browser."""
    accounts.add(database, EMAIL, "maintainer", PASSWORD)
    client = create_app(here).test_client()
    sign_in(client)
    return client


def imported(here: Config, *more: str) -> int:
    """Import the feed; the number of its run."""
    cli.main(["import", "csv", str(here.home / "feed.csv"), "--source", "county", *more])
    with db.writer(here).connect() as connection:
        return int(connection.execute(text("SELECT max(id) FROM import_run")).scalar_one())


def press(client: FlaskClient, path: str, page: str) -> Any:
    form = {"csrf_token": token(client.get(page).text)}
    return client.post(path, data=form, follow_redirects=True)


def test_the_desk_is_empty_at_first(keeper: FlaskClient) -> None:
    page = keeper.get("/maintain").text
    assert "No source has been imported yet." in page
    assert " style=" not in page


def test_sources_say_what_needs_a_person(keeper: FlaskClient, here: Config) -> None:
    write(here.home, 0, 60)
    imported(here)
    page = keeper.get("/maintain").text
    assert "Nothing. Each source" in page
    assert "just now" in page
    assert 'aria-label="Live rows of the last 1 good run: 60"' in page
    write(here.home, 0, 10)
    refused = imported(here)
    page = keeper.get("/maintain").text
    assert f'<h3><a href="/maintain/runs/{refused}">county: run {refused}</a></h3>' in page
    assert "83.3 %" in page
    assert 'aria-label="Live rows of the last 1 good run: 60"' in page


def test_accepting_and_undoing_as_the_commands_do(
    keeper: FlaskClient, here: Config, database: Engine
) -> None:
    write(here.home, 0, 60)
    imported(here)
    before = fingerprint(database)
    write(here.home, 0, 50)
    refused = imported(here)
    page = keeper.get(f"/maintain/runs/{refused}").text
    assert "First listings that it lacks" in page
    assert "Undo this run" not in page
    answer = press(keeper, f"/maintain/runs/{refused}/accept", f"/maintain/runs/{refused}")
    accepted = refused + 1
    assert answer.request.path == f"/maintain/runs/{accepted}"
    assert f"county: applied (run {accepted}" in answer.text
    assert f'did what <a href="/maintain/runs/{refused}">' in answer.text
    assert "Accept this difference" not in answer.text
    assert "Accept this difference" not in keeper.get(f"/maintain/runs/{refused}").text
    assert fingerprint(database) != before
    answer = press(keeper, f"/maintain/runs/{accepted}/undo", f"/maintain/runs/{accepted}")
    assert f"run {accepted} was undone (run {accepted + 1})" in answer.text
    assert fingerprint(database) == before
    assert "undone" in keeper.get("/maintain/sources/county").text
    again = press(keeper, f"/maintain/runs/{accepted}/undo", "/maintain")
    assert f"Run {accepted} has been undone already." in html.unescape(again.text)


def test_another_difference_is_not_accepted(
    keeper: FlaskClient, here: Config, database: Engine
) -> None:
    write(here.home, 0, 60)
    imported(here)
    before = fingerprint(database)
    write(here.home, 0, 50)
    refused = imported(here)
    write(here.home, 0, 40)
    answer = press(keeper, f"/maintain/runs/{refused}/accept", f"/maintain/runs/{refused}")
    assert f"This is not the diff of run {refused}" in answer.text
    assert fingerprint(database) == before


def test_an_import_is_run_again_with_its_options(keeper: FlaskClient, here: Config) -> None:
    (here.home / "own.toml").write_text(
        '[columns]\nexternal_id = "no"\nname = "called"\n[constants]\nkind = "treatment"\n'
    )
    option = f"mapping={here.home / 'own.toml'}"
    feed = here.home / "feed.csv"
    feed.write_text("no,called\n" + "".join(f"{n},Place {n}\n" for n in range(9)))
    imported(here, "--set", option)
    feed.write_text("no,called\n1,Place 1\n")
    refused = imported(here, "--set", option)
    answer = press(keeper, f"/maintain/runs/{refused}/accept", f"/maintain/runs/{refused}")
    assert f"county: applied (run {refused + 1}" in answer.text


def test_a_command_that_takes_long_goes_on(
    keeper: FlaskClient, here: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here.home, 0, 9)
    number = imported(here)
    monkeypatch.setattr(desk, "PATIENCE_SECONDS", 0)
    answer = press(keeper, f"/maintain/runs/{number}/undo", f"/maintain/runs/{number}")
    assert "This is at work." in answer.text
    status = ""
    while status != "undo":
        time.sleep(0.1)
        with db.writer(here).connect() as connection:
            status = history.runs(connection)[0]["status"]
        assert status in ("applied", "running", "undo")


def test_a_run_at_work_says_how_far_it_is(
    keeper: FlaskClient, here: Config, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "TELL_SECONDS", 0)
    spec, pages = SourceSpec("county", "csv", "feed"), []

    def rows(last: int) -> Iterator[Item]:
        for number in range(last):
            if number == 5 * BATCH + 1:  # the first of them has been judged by then
                with database.connect() as connection:
                    (newest,) = history.runs(connection)[:1]
                pages.append(keeper.get(f"/maintain/runs/{newest['id']}").text)
            fields = {"external_id": str(number), "kind": "treatment", "name": f"Place {number}"}
            yield Item(f"row {number}", fields)

    expected = 5 * BATCH + 2
    load(database, spec, rows(expected))
    load(database, spec, rows(expected + 1))
    assert re.search(r"\b[2468],000 rows read</label>", pages[0])
    known = f"{expected:,} that the last good run had"
    assert re.search(rf"\b[2468],000 rows read of {known}", pages[1])
    assert re.search(rf'<progress id="progress" max="{expected}" value="[2468]000">', pages[1])


@pytest.mark.parametrize("action", ["accept", "undo"])
def test_buttons_need_the_token(keeper: FlaskClient, here: Config, action: str) -> None:
    write(here.home, 0, 9)
    number = imported(here)
    path = f"/maintain/runs/{number}/{action}"
    assert keeper.post(path).status_code == 400
    assert keeper.post(path, data={"csrf_token": "x"}).status_code == 400
    assert keeper.get(path).status_code == 405
    guest = create_app(here).test_client()
    assert guest.post(path).headers["Location"] == "/sign-in"
    with db.reader(here).connect() as connection:
        assert len(history.runs(connection)) == 1


def test_a_run_shows_each_field_as_it_was_and_became(keeper: FlaskClient, here: Config) -> None:
    for fees in ("Free", "Ten dollars", "Twenty"):
        write(here.home, 0, 3, fees=fees)
        last = imported(here)
    for number, was, became in ((last - 1, "Free", "Ten dollars"), (last, "Ten dollars", "Twenty")):
        page = keeper.get(f"/maintain/runs/{number}").text
        assert page.count(f"<del>{was}</del> <ins>{became}</ins>") == 3
        assert page.count("<dt>") == 3
    assert "added: 3" in keeper.get(f"/maintain/runs/{last - 2}?action=added").text


def test_a_withheld_address_is_not_shown_as_it_was(keeper: FlaskClient, here: Config) -> None:
    head = "external_id,kind,name,street,address_public\n"
    (here.home / "feed.csv").write_text(head + "1,treatment,Willow House,12 Secret Lane,true\n")
    imported(here)
    (here.home / "feed.csv").write_text(head + "1,treatment,Willow House,12 Secret Lane,false\n")
    number = imported(here, "--limit", "fill=200")
    page = keeper.get(f"/maintain/runs/{number}").text
    assert "<dt>address_public</dt>" in page
    assert "Secret Lane" not in page


def test_rejected_rows_are_shown_escaped_and_found(keeper: FlaskClient, here: Config) -> None:
    bad = '91,casino,"<script>alert(1)</script>",\n', "92,bank,Sunny Side,\n"
    write(here.home, 0, 60, *bad)
    number = imported(here)
    page = keeper.get(f"/maintain/runs/{number}").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "Sunny Side" in page
    assert '<option value="invalid_kind">invalid_kind (2)</option>' in page
    for query, found in (("find=SUNNY", True), ("find=92", True), ("code=no_id", False)):
        page = keeper.get(f"/maintain/runs/{number}?{query}").text
        assert ("<code>" in page, "alert(1)" in page) == (found, False)


def test_repaired_rows_are_shown_when_asked_for(keeper: FlaskClient, here: Config) -> None:
    write(here.home, 0, 3)
    page = f"/maintain/runs/{imported(here)}"
    assert "Repaired, as" not in keeper.get(page).text
    shown = keeper.get(f"{page}?show=repaired&code=no_position&find=place 2").text
    assert "Repaired, as listings stand now: 1</summary>" in shown
    assert "Place 2</a>" in shown


def test_a_listing_leads_maintainers_to_its_runs(
    keeper: FlaskClient, here: Config, database: Engine
) -> None:
    write(here.home, 0, 3)
    number = imported(here)
    with database.connect() as connection:
        listing = connection.execute(text("SELECT id FROM listing LIMIT 1")).scalar()
    page = keeper.get(f"/listing/{listing}").text
    assert 'href="/maintain/sources/county"' in page
    assert f'href="/maintain/listing/{listing}"' in page
    assert f'href="/maintain/runs/{number}"' in keeper.get(f"/maintain/listing/{listing}").text
    press(keeper, "/sign-out", "/maintain")
    assert "/maintain" not in keeper.get(f"/listing/{listing}").text


@pytest.mark.parametrize(
    "path",
    [
        "/maintain/runs/99",
        f"/maintain/runs/{2**70}",
        "/maintain/sources/none",
        "/maintain/sources/%00",
        "/maintain/listing/00000000-0000-0000-0000-000000000000",
    ],
)
def test_what_is_not_there_is_404(keeper: FlaskClient, path: str) -> None:
    assert keeper.get(path).status_code == 404


def test_odd_questions_are_no_error(keeper: FlaskClient, here: Config) -> None:
    write(here.home, 0, 3)
    number = imported(here)
    for value in ("%00", "%25", "%ff", "'", "a" * 5_000):
        for name in ("find", "code", "action", "show"):
            assert keeper.get(f"/maintain/runs/{number}?{name}={value}").status_code == 200


def test_sources_that_cannot_be_read_are_said(
    database: Engine, here: Config, keeper: FlaskClient
) -> None:
    (here.home / "own.toml").write_text("nonsense")
    client = create_app(replace(here, sources=here.home / "own.toml")).test_client()
    sign_in(client)
    page = client.get("/maintain")
    assert page.status_code == 200
    assert "cannot be read as TOML" in page.text


def test_what_is_due_is_said(database: Engine, here: Config, keeper: FlaskClient) -> None:
    write(here.home, 0, 3)
    imported(here)
    table = f'kind = "csv"\nlocation = "{here.home}/feed.csv"\n'
    (here.home / "own.toml").write_text(f"[county]\n{table}[city]\n{table}")
    client = create_app(replace(here, sources=here.home / "own.toml")).test_client()
    sign_in(client)
    page = client.get("/maintain").text
    assert "never imported: city." in page
    assert ">due<" not in page
    with database.begin() as connection:
        connection.execute(text("UPDATE import_run SET started = now() - interval '25 hours'"))
    page = client.get("/maintain").text
    assert ">due<" in page
    assert "1 day ago" in page


@pytest.mark.parametrize("values", [[], [0], [5], [0, 0], [10, 5, 0], list(range(30))])
def test_a_sparkline_stays_in_its_frame_and_starts_at_zero(values: list[int]) -> None:
    points = [tuple(map(float, p.split(","))) for p in sparkline(values).split()]
    assert len(points) == (2 if len(values) == 1 else len(values))
    assert all(2 <= x <= WIDTH - 2 and 2 <= y <= HEIGHT - 2 for x, y in points)
    if values == [10, 5, 0]:
        assert [y for _, y in points] == [2, HEIGHT / 2, HEIGHT - 2]


def test_bars_have_the_length_of_their_counts() -> None:
    assert [(b.label, b.y, b.width) for b in bars([("a", 4), ("b", 1), ("c", 0)])] == [
        ("a", 0, BAR_WIDTH),
        ("b", 28, BAR_WIDTH / 4),
        ("c", 56, 0),
    ]
    assert bars([]) == []


def test_every_state_has_one_tile(database: Engine) -> None:
    """The oracle is the gazetteer: its states of towns, less the territories that have no tile."""
    with database.connect() as connection:
        query = "SELECT DISTINCT region FROM place WHERE country = 'US' AND kind = 'city'"
        states = set(connection.execute(text(query)).scalars()) - {"GU", "VI", "AS", "MP"}
    drawn = tiles({"CO": 10, "TX": 9, "NY": 1_000})
    assert sorted(tile.region for tile in drawn) == sorted(states | {"PR"})
    assert len({(tile.x, tile.y) for tile in drawn}) == len(drawn)
    shades = {tile.region: tile.shade for tile in drawn if tile.count}
    assert shades == {"CO": 2, "TX": 1, "NY": 4}


def test_coverage_counts_what_is_shown(keeper: FlaskClient, here: Config, database: Engine) -> None:
    head = "external_id,kind,name,city,region,postal_code,status,verified_on\n"
    rows = (
        "1,treatment,A,Denver,CO,80202,active,",
        "2,treatment,B,Denver,CO,80202,closed,",
        "3,treatment,C,Austin,TX,78701,active,",
    )
    (here.home / "feed.csv").write_text(head + "\n".join(rows))
    imported(here)
    # Ages are days between dates; a listing that was missing since is as old as that day.
    ages = (0, 1), (1, 1), (2, 7), (7, 7), (8, 30), (90, 90), (91, 365), (366, None)
    with database.begin() as connection:
        for days, _ in ages:
            connection.execute(
                text(f"UPDATE listing SET last_seen = CURRENT_DATE - {days} WHERE region = 'TX'")
            )
            groups = coverage.freshness(connection)
            expected = [0] * 7
            expected[0] += 1
            upto = dict(ages)[days]
            expected[5 if upto is None else coverage.FRESH_DAYS.index(upto)] += 1
            assert groups == expected, days
        connection.execute(text("UPDATE listing SET last_seen = NULL"))
        connection.execute(text("UPDATE source SET seen_on = NULL"))
        assert coverage.freshness(connection) == [0, 0, 0, 0, 0, 0, 2]
    page = keeper.get("/maintain/coverage").text
    assert "CO 1," in page
    assert "TX 1," in page
    assert "NY 0," in page
    assert "not known 2" in page
    assert " style=" not in page
