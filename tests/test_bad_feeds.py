"""Bad feeds from start to end: a real server, the real command, a source that is loaded.

Each ends as docs/importing.md says, and leaves every listing as it was.
"""

import gzip
import json
import random
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from sqlalchemy import Engine, text

from directory import cli, feed, fetch
from directory.config import Config, environment
from directory.fetch import Rules, public
from tests.conftest import engine_of, fresh_database, settings
from tests.test_load import fingerprint

ROWS = 80
OFFSETS = 100
MEETINGS: list[dict[str, Any]] = [
    {"slug": f"m{n}", "name": f"Café {n}", "day": n % 7, "time": "19:00"} for n in range(ROWS)
]
AS_JSON = json.dumps(MEETINGS, ensure_ascii=False).encode()
HEADER = "external_id,kind,name,website"
LINES = [f"{n},treatment,Café {n},https://example.org/{n}" for n in range(ROWS)]
LIVE = time.time() - 86_400
LIVE_DATE = formatdate(LIVE, usegmt=True)


def table(*lines: str) -> bytes:
    return "".join(f"{line}\n" for line in (HEADER, *lines)).encode()


@dataclass
class Answer:
    """What the server says. announced: the length that it promises, by default the true one."""

    body: bytes = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    etag: str = ""
    announced: int | None = None
    drips: bool = False


class _Publisher(ThreadingHTTPServer):
    answer = Answer()
    asked: ClassVar[list[dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: _Publisher

    def do_GET(self) -> None:
        answer = self.server.answer
        self.server.asked.append(dict(self.headers))
        self.send_response(answer.status)
        usual = {"Content-Type": "application/json", "Last-Modified": LIVE_DATE}
        if answer.etag:
            usual["ETag"] = answer.etag
        for name, value in (usual | answer.headers).items():
            self.send_header(name, value)
        if not answer.drips:
            length = len(answer.body) if answer.announced is None else answer.announced
            self.send_header("Content-Length", str(length))
        self.end_headers()
        try:
            self.wfile.write(answer.body)
            while answer.drips:
                self.wfile.write(b" ")
                time.sleep(0.02)
        except OSError:
            return

    def log_message(self, *_: Any) -> None:
        pass


@dataclass
class Loaded:
    """Two loaded sources, ``json`` and ``csv``, on a server whose next answer a test sets."""

    publisher: _Publisher
    engine: Engine
    config: Config
    fingerprint: str = ""

    def run(self, kind: str, answer: Answer, *more: str) -> int:
        """Import the source of that kind; its exit code."""
        self.publisher.answer = answer
        self.publisher.asked.clear()
        importer = {"json": "meeting_guide", "csv": "csv"}[kind]
        address = f"{self.publisher.url}/feed.{kind}"
        return cli.main(["import", importer, address, "--source", kind, "--json", *more])


WHOLE = {"json": Answer(AS_JSON, etag='"v1"'), "csv": Answer(table(*LINES), etag='"v1"')}


@pytest.fixture(scope="module", name="publisher")
def _publisher() -> Iterator[_Publisher]:
    with _Publisher(("127.0.0.1", 0), _Handler) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture(scope="module", name="home")
def _home(
    server: Engine,
    template: str,
    config: Config,
    publisher: _Publisher,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Loaded]:
    with fresh_database(server, template) as url, engine_of(config, url) as engine:
        own = replace(
            settings(config, url),
            home=tmp_path_factory.mktemp("bad"),
            private_feeds=False,
            feed_ports=(80, publisher.server_port),
        )
        yield Loaded(publisher, engine, own)


@pytest.fixture
def loaded(home: Loaded, monkeypatch: pytest.MonkeyPatch) -> Loaded:
    """This machine alone counts as public, and nobody is waited for."""
    for name, value in environment(home.config).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(fetch, "public", lambda ip: ip == "127.0.0.1" or public(ip))
    monkeypatch.setattr(feed, "Rules", partial(Rules, wait=0.01))
    if not home.fingerprint:
        assert [home.run(kind, whole) for kind, whole in WHOLE.items()] == [0, 0]
        home.fingerprint = fingerprint(home.engine)
    return home


def shuffled(*lines: Any) -> list[Any]:
    return random.Random(5).sample(lines, len(lines))


def as_json(meetings: list[dict[str, Any]]) -> bytes:
    return json.dumps(meetings, ensure_ascii=False).encode()


PAGE = b"<!doctype html><title>Just a moment</title><p>Checking your browser"
CHALLENGE = {"Content-Type": "text/html; charset=utf-8", "Server": "a shield"}
LONG_AGO = {"Last-Modified": formatdate(LIVE - 86_400, usegmt=True)}
RENAMED = [{**each, "name": f"Group {n}"} for n, each in enumerate(MEETINGS)]


@pytest.mark.parametrize(
    ("kind", "answer", "code", "said"),
    [
        ("json", Answer(b""), 1, "is empty"),
        ("json", Answer(b"{}"), 1, "should be a JSON array"),
        ("json", Answer(b"[]"), 3, "has no rows"),
        ("json", Answer(PAGE), 1, "is a web page"),
        ("json", Answer(PAGE, headers=CHALLENGE), 1, "answered a web page"),
        ("json", Answer(PAGE, 403, CHALLENGE), 1, "answered 403"),
        ("json", Answer(AS_JSON, headers={"Content-Type": "image/png"}), 1, "image/png"),
        ("json", Answer(AS_JSON + b"<!-- 0.2 s -->"), 1, "goes on after the end"),
        ("json", Answer(AS_JSON.decode().encode("utf-16")), 1, "UTF-16"),
        ("json", Answer(AS_JSON.decode().encode("cp1252")), 1, "not UTF-8"),
        ("json", Answer(AS_JSON[:999], announced=len(AS_JSON)), 1, "ended early"),
        ("json", Answer(gzip.compress(AS_JSON)[:-9]), 1, "broke off"),
        ("json", Answer(status=302, headers={"Location": "/feed.json"}), 1, "more than 5 times"),
        ("json", Answer(status=302, headers={"Location": "http://10.0.0.7/"}), 1, "private"),
        ("json", Answer(status=404), 1, "answered 404"),
        ("json", Answer(status=500), 1, "answered 500"),
        ("json", Answer(status=429, headers={"Retry-After": "0"}), 1, "answered 429"),
        ("json", Answer(status=429, headers={"Retry-After": "9999"}), 1, "wait 9,999 seconds"),
        ("json", Answer(as_json(RENAMED), headers=LONG_AGO), 3, "older than what is live"),
        ("json", Answer(as_json(MEETINGS), headers=LONG_AGO), 0, ""),
        ("json", Answer(as_json(shuffled(*MEETINGS))), 0, ""),
        ("json", Answer(as_json(MEETINGS * 2)), 0, ""),
        ("json", Answer(gzip.compress(AS_JSON), headers={"Content-Encoding": "gzip"}), 0, ""),
        ("json", Answer(AS_JSON, headers={"Content-Type": "text/plain"}), 0, ""),
        ("csv", Answer(b""), 1, "is empty"),
        ("csv", Answer(b"[]"), 1, "external_id"),
        ("csv", Answer(PAGE), 1, "is a web page"),
        ("csv", Answer(table()), 3, "has no rows"),
        ("csv", Answer(table(*LINES).decode().encode("cp1252")), 1, "name its encoding"),
        ("csv", Answer(table(*LINES, '80,treatment,"Open')), 1, "not a whole table"),
        ("csv", Answer(gzip.compress(table(*LINES))[:-9]), 1, "broke off"),
        ("csv", Answer(table(*shuffled(*LINES))), 0, ""),
        ("csv", Answer(table(*LINES, *LINES)), 0, ""),
    ],
)
def test_what_a_bad_feed_does(
    loaded: Loaded,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    answer: Answer,
    code: int,
    said: str,
) -> None:
    assert loaded.run(kind, answer) == code
    shown = capsys.readouterr()
    assert fingerprint(loaded.engine) == loaded.fingerprint
    if code == 1:
        assert said in shown.err
        return
    report = json.loads(shown.out)
    assert report["status"] == ("refused" if code else "unchanged")
    assert said in (report["message"] or "")
    counts = [report[name] for name in ("added", "changed", "same", "rejected")]
    assert report["read"] == sum(counts)


def test_a_slow_drip_ends_in_time(
    loaded: Loaded, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIRECTORY_FEED_SECONDS", "1")
    assert loaded.run("json", Answer(AS_JSON[:500], drips=True)) == 1
    assert "broke off" in capsys.readouterr().err
    assert fingerprint(loaded.engine) == loaded.fingerprint


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_cut_anywhere_it_changes_nothing(loaded: Loaded, kind: str) -> None:
    """Also where what is left looks whole: a line of a table may be cut inside its last cell."""
    body = WHOLE[kind].body
    inside = [at for at in range(1, len(body)) if body[at - 1 : at] != b"\n"]
    for at in random.Random(11).sample(inside, OFFSETS):
        assert loaded.run(kind, Answer(body[:at])) in (1, 3), at
    assert fingerprint(loaded.engine) == loaded.fingerprint


def test_what_is_cut_between_two_lines_is_for_the_guard(loaded: Loaded) -> None:
    """Nothing tells it from a feed that lacks a few: they stay, and are back with the next."""
    assert loaded.run("csv", Answer(table(*LINES[:-8]))) == 3
    assert fingerprint(loaded.engine) == loaded.fingerprint
    assert loaded.run("csv", Answer(table(*LINES[:-7]))) == 0
    with loaded.engine.connect() as connection:
        query = "SELECT count(*), count(last_seen) FROM listing WHERE source_id = 'csv' AND listed"
        assert connection.execute(text(query)).one() == (ROWS, 7)
    assert loaded.run("csv", WHOLE["csv"]) == 0
    assert fingerprint(loaded.engine) == loaded.fingerprint


def test_304_is_a_run_that_finds_nothing_new(
    loaded: Loaded, capsys: pytest.CaptureFixture[str]
) -> None:
    assert loaded.run("json", WHOLE["json"], "--anew") == 0
    first = json.loads(capsys.readouterr().out)
    # What a refused run was told is not asked with.
    assert loaded.run("json", Answer(as_json(MEETINGS[:9]), etag='"v2"')) == 3
    capsys.readouterr()
    assert loaded.run("json", Answer(status=304)) == 0
    (asked,) = loaded.publisher.asked
    assert (asked["If-None-Match"], asked["If-Modified-Since"]) == ('"v1"', LIVE_DATE)
    report = json.loads(capsys.readouterr().out)
    assert (report["status"], report["repeats"]) == ("unchanged", first["run_id"])
    assert (report["read"], report["same"]) == (ROWS, ROWS)
    assert fingerprint(loaded.engine) == loaded.fingerprint


def test_an_older_feed_can_be_accepted(loaded: Loaded, capsys: pytest.CaptureFixture[str]) -> None:
    assert loaded.run("json", WHOLE["json"], "--anew") == 0
    capsys.readouterr()
    older = Answer(as_json(RENAMED), headers=LONG_AGO)
    assert loaded.run("json", older, "--dry-run") == 3
    rehearsed = json.loads(capsys.readouterr().out)
    assert loaded.run("json", older) == 3
    refused = json.loads(capsys.readouterr().out)
    assert [alarm["limit"] for alarm in refused["alarms"]] == ["older"]
    assert refused["alarms"] == rehearsed["alarms"]
    assert loaded.run("json", older, "--accept", str(refused["run_id"])) == 0
    accepted = json.loads(capsys.readouterr().out)
    assert (accepted["status"], accepted["changed"]) == ("applied", ROWS)
    assert cli.main(["undo", str(accepted["run_id"])]) == 0
    assert fingerprint(loaded.engine) == loaded.fingerprint
    # What was put back is not taken for what is live.
    assert loaded.run("json", older, "--dry-run", "--json") == 0
    assert "If-None-Match" not in loaded.publisher.asked[0]
    assert loaded.run("json", WHOLE["json"]) == 0
