"""A feed that repeats what was read costs no reading, and nothing that is due waits for it."""

import gzip
import json
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from sqlalchemy import Engine, text

from directory import cli, positions, repeats
from directory.config import Config
from directory.load import TOMBSTONE_DAYS
from tests.test_cli import document
from tests.test_load import fingerprint

HEADER = "external_id,kind,name,street,city,region,postal_code"
MAPPING = """
[columns]
external_id = "external_id"
name = "name"
[constants]
kind = "{}"
"""


@pytest.fixture
def here(here: Config) -> Path:
    """A folder for feeds; commands use ``database``."""
    (here.home / "feeds").mkdir()
    return here.home / "feeds"


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Import ``feed.csv`` as ``test``: the report."""

    def imported(*more: str, code: int = 0) -> dict[str, Any]:
        capsys.readouterr()
        command = ["import", "csv", str(here / "feed.csv"), "--source", "test", "--json"]
        assert cli.main([*command, *more]) == code
        found: dict[str, Any] = document(capsys)
        return found

    return imported


def write(folder: Path, count: int, *more: str) -> None:
    rows = [f"{n},treatment,Place {n},,,," for n in range(count)]
    (folder / "feed.csv").write_text("".join(f"{line}\n" for line in (HEADER, *rows, *more)))


def one(database: Engine, query: str) -> Any:
    with database.connect() as connection:
        return connection.execute(text(query)).scalar()


def change(database: Engine, statement: str, **values: Any) -> None:
    with database.begin() as connection:
        connection.execute(text(statement), values)


def test_the_same_bytes_end_at_once_with_the_same_counts(
    here: Path, run: Run, database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, 60, "7,treatment,Twice,,,,", "90,casino,Lucky,,,,", "91,treatment,,,,,")
    first = run()
    before = fingerprint(database)
    change(database, "UPDATE source SET seen_on = seen_on - 3")
    again = run()
    assert (again["status"], again["verdict"]) == ("unchanged", "unchanged")
    assert (first["repeats"], again["repeats"]) == (None, first["run_id"])
    counts = ("read", "added", "changed", "same", "rejected", "vanished", "repaired")
    assert [again[name] for name in counts] == [63, 0, 0, 60, 3, 0, first["repaired"]]
    assert (again["reasons"], again["repairs"]) == (first["reasons"], first["repairs"])
    assert fingerprint(database) == before
    assert one(database, "SELECT seen_on = CURRENT_DATE FROM source")
    # The third knows the run that read it, and its rejected rows can be found all the same.
    assert run()["repeats"] == first["run_id"]
    assert cli.main(["runs", "test", "--rejects", "--code", "invalid_kind", "--json"]) == 0
    assert [row["position"] for row in document(capsys)] == ["line 63"]
    rehearsed = run("--dry-run")
    assert (rehearsed["status"], rehearsed["repeats"]) == ("dry-run", first["run_id"])


def test_packed_it_is_the_same_feed(here: Path, run: Run) -> None:
    write(here, 5)
    run()
    content = (here / "feed.csv").read_bytes()
    (here / "feed.csv").write_bytes(gzip.compress(content))
    assert run()["repeats"]
    (here / "feed.csv").write_bytes(content.replace(b"Place 3", b"House 3"))
    report = run()
    assert (report["repeats"], report["status"], report["changed"]) == (None, "applied", 1)


def test_what_decides_how_it_is_read_decides_too(
    here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(here, 5)
    mapping = here.parent / "mapping.toml"
    mapping.write_text(MAPPING.format("treatment"))
    mapped = f"--set=mapping={mapping}"
    run()
    assert run(mapped)["repeats"] is None
    assert run(mapped)["repeats"]
    mapping.write_text(MAPPING.format("counseling"))
    assert run(mapped)["changed"] == 5
    assert run(mapped)["repeats"]
    assert run(mapped, "--anew")["repeats"] is None
    (here / "other.csv").write_text("a kind may look for files beside its feed")
    assert run(mapped)["repeats"] is None
    monkeypatch.setattr(repeats, "_software", lambda _: "a later version")
    assert run(mapped)["repeats"] is None
    assert run(mapped)["repeats"]


def test_what_was_put_back_or_refused_is_not_what_is_live(
    here: Path, run: Run, database: Engine
) -> None:
    write(here, 60)
    run()
    shutil.copy(here / "feed.csv", here.parent / "first.csv")
    write(here, 60, "60,treatment,New,,,,")
    second = run()
    assert cli.main(["undo", str(second["run_id"])]) == 0
    assert run()["added"] == 1
    assert run()["repeats"]
    write(here, 9)
    assert run(code=3)["repeats"] is None
    assert run(code=3)["repeats"] is None
    write(here, 60, "60,treatment,New,,,,")
    assert run()["repeats"]
    assert one(database, "SELECT count(*) FROM listing WHERE last_seen IS NULL") == 61


def pass_days(database: Engine, days: int) -> None:
    """Let days pass for all that is dated."""
    change(database, "UPDATE listing SET last_seen = last_seen - :days", days=days)
    moved = "to_jsonb((feed ->> 'gone')::date - :days)"
    change(
        database,
        f"UPDATE source SET seen_on = seen_on - :days, feed = jsonb_set(feed, '{{gone}}', {moved})",
        days=days,
    )


def test_what_the_feed_lacks_is_buried_on_its_day(here: Path, run: Run, database: Engine) -> None:
    write(here, 60)
    run()
    write(here, 58)
    assert run()["vanished"] == 2
    assert run()["repeats"]
    pass_days(database, TOMBSTONE_DAYS - 1)
    before = fingerprint(database)
    assert run()["repeats"]
    assert fingerprint(database) == before
    pass_days(database, 1)
    buried = run()
    assert (buried["status"], buried["repeats"], buried["vanished"]) == ("applied", None, 2)
    assert one(database, "SELECT count(*) FROM listing WHERE status = 'gone'") == 2
    again = run()
    assert (again["repeats"], again["vanished"]) == (buried["run_id"], 2)


ANSWER = (
    "INSERT INTO geocode (query, provider, asked, latitude, longitude, precision) "
    "VALUES (:query, 'test', clock_timestamp(), 39.75, -104.999, 'exact')"
)


def test_new_answers_of_a_geocoder_reach_it(here: Path, run: Run, database: Engine) -> None:
    write(here, 3, "9,treatment,Door,1 Main St,Denver,CO,80202")
    run()
    change(database, ANSWER, query=positions._key("2 Other St, Denver, CO", "US"))
    assert run()["repeats"]
    change(database, ANSWER, query=positions._key("1 Main St, Denver, CO, 80202", "US"))
    found = run()
    assert (found["repeats"], found["changed"], found["repairs"]["geocoded"]) == (None, 1, 1)
    change(database, "UPDATE import_run SET started = started + interval '1 hour'")
    assert run()["repeats"] == found["run_id"]


class _RootServer(BaseHTTPRequestHandler):
    """A server of meetings whose three answers have an ETag each."""

    answers: ClassVar[dict[str, Any]] = {}
    asked: ClassVar[list[tuple[str, int]]] = []

    def do_GET(self) -> None:
        what = self.path.rpartition("=Get")[2]
        body = json.dumps(self.answers[what]).encode()
        tag = f'"{hash(body)}"'
        status = 304 if self.headers["If-None-Match"] == tag else 200
        self.asked.append((what, status))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("ETag", tag)
        self.send_header("Content-Length", str(len(body) * (status == 200)))
        self.end_headers()
        if status == 200:
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(name="root")
def _root() -> Iterator[str]:
    meeting = {"meeting_name": "Here and Now", "weekday_tinyint": "2", "start_time": "19:00:00"}
    meetings = [meeting | {"id_bigint": str(n), "service_body_bigint": "1"} for n in range(5)]
    bodies = [{"id": "1", "name": "Sample Area", "helpline": "303-555-0100"}]
    formats = [{"id": "1", "key_string": "O", "world_id": "OPEN"}]
    _RootServer.answers = {
        "SearchResults": meetings,
        "ServiceBodies": bodies,
        "Formats": formats,
    }
    _RootServer.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _RootServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/main_server/"
        server.shutdown()


def test_each_part_of_a_feed_is_asked_whether_it_changed(
    here: Path, root: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def refresh() -> dict[str, Any]:
        _RootServer.asked.clear()
        assert cli.main(["import", "bmlt", root, "--source", "na", "--json"]) == 0
        report: dict[str, Any] = document(capsys)
        return report

    assert refresh()["added"] == 5
    assert [status for _, status in _RootServer.asked] == [200, 200, 200]
    assert refresh()["repeats"]
    assert [status for _, status in _RootServer.asked] == [304, 304, 304]
    _RootServer.answers["ServiceBodies"][0]["helpline"] = "303-555-0101"
    assert refresh()["changed"] == 5
    # What did not change is fetched whole after all; what did, once.
    assert _RootServer.asked == [
        ("Formats", 304),
        ("ServiceBodies", 200),
        ("Formats", 200),
        ("SearchResults", 200),
    ]
    assert refresh()["repeats"]
    folders = here.parent / "archive/na"
    assert sorted(len(list(kept.iterdir())) for kept in folders.iterdir()) == [3, 3]
