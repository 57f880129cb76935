"""A word that is asked for in every way is found nowhere afterwards: in no log, table or file."""

import logging
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest
from sqlalchemy import Engine, text

from directory import cluster, postgres
from directory.config import ROOT, Config, environment
from directory.demand import TEN
from directory.web import site
from directory.web.app import create_app
from tests.conftest import Loader

# A word, and coordinates, that nothing else has.
WORD, LAT, LON = "zqxvkanar", "39.7318527", "-104.9273641"
CANARIES = (WORD, LAT, LON)
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
PARAMETERS = (
    "q near radius unit kind term day time open attend literal sort page per_page"
).split()
PATHS = (
    *(f"/search?{name}={WORD}" for name in PARAMETERS),
    f"/search?q={WORD}&near=Denver",
    f"/search?q=%22{WORD}+help%22+-{WORD}+{WORD}*",
    f"/search?q={WORD}%00",
    f"/search?q=%FF{WORD}",
    f"/search?q={WORD * 40}",
    f"/search?near={LAT},{LON}&q={WORD}",
    f"/search?lat={LAT}&lon={LON}",
    f"/list?id={WORD}&near={WORD}",
    f"/es/search?q={WORD}&near=Denver",
    f"/es/search?near={WORD}",
    *(f"/api/v1/search?{name}={WORD}" for name in PARAMETERS),
    f"/api/v1/search?q={WORD}&near={LAT},{LON}&explain=1",
    f"/api/v1/search.geojson?q={WORD}",
    f"/api/v1/search.csv?near={WORD}",
    f"/api/v1/suggest?q={WORD}",
    f"/api/v1/suggest?q={WORD}&limit={WORD}",
    f"/sign-in?next=/{WORD}",
)
LOST = (
    f"/{WORD}",
    f"/es/{WORD}",
    f"/listing/{WORD}",
    f"/listing/{WORD}.ics",
    f"/guides/{WORD}",
    f"/api/{WORD}",
    f"/api/v1/listings/{WORD}",
    f"/static/{WORD}",
)
"""Addresses that nothing is at."""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def served(config: Config, said: Path) -> Iterator[int]:
    """The port of the site, served by the very command of ``make serve``; ``said`` takes all that
    the command says."""
    port = free_port()
    dry = ["make", "--no-print-directory", "-n", "serve", f"PORT={port}"]
    recipe = subprocess.run(dry, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    command = recipe[recipe.index("exec .venv/bin/gunicorn") :]
    env = dict(os.environ) | environment(config)
    with said.open("wb") as out:
        server = subprocess.Popen(
            ["bash", "-c", command], cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            for _ in range(600):
                with socket.socket() as client:
                    if client.connect_ex(("127.0.0.1", port)) == 0:
                        break
                assert server.poll() is None, said.read_text()
                time.sleep(0.1)
            yield port
        finally:
            server.terminate()
            server.wait(60)


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str]:
    """The status and text of an answer, to a client whose every header is telling."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    telling = dict.fromkeys(("User-Agent", "Referer", "Cookie", "X-Forwarded-For"), WORD)
    connection.request(method, path, body, telling | (FORM if body else {}))
    answer = connection.getresponse()
    found = answer.status, answer.read().decode(errors="replace")
    connection.close()
    return found


def shout(port: int, line: bytes) -> None:
    """Send what is no valid HTTP."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(line)
        client.recv(1_000)


def ask_everything(port: int) -> None:
    form = urlencode({"q": WORD, "email": f"{WORD}@example.org", "password": WORD, "what": WORD})
    for path in PATHS:
        status, _ = ask(port, "GET", path)
        assert status in (200, 400), path
    # So often that it is counted, by state and term.
    for _ in range(3 * TEN):
        status, _ = ask(port, "GET", f"/search?q={WORD}+detox&near={LAT},{LON}")
        assert status == 200
    for path in LOST:
        status, page = ask(port, "GET", path)
        shown = re.sub(r'href="[^"]*"', "", page)  # leads to itself in the other language
        assert (status, WORD in shown) == (404, False), path
    for path in ("/", "/search", "/list", "/sign-in", f"/report/{WORD}", f"/maintain/runs/{WORD}"):
        status, page = ask(port, "POST", path, form)
        assert 300 <= status < 500, path
        shown = re.sub(r'(?:href|action)="[^"]*"', "", page)
        assert WORD not in shown or path == "/sign-in"
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", WORD.upper()):
        ask(port, method, f"/search?q={WORD}", form)
    ask(port, "POST", "/sign-in", f"email={WORD * 10_000}")
    shout(port, f"GET /search?q={WORD} HTTP/9.9\r\n\r\n".encode())
    shout(port, f"{WORD}\r\n\r\n".encode())
    shout(port, f"GET /search?q={WORD * 900} HTTP/1.1\r\n\r\n".encode())


def ask_a_database_in_trouble(port: int, database: Engine) -> None:
    """A question that takes too long, one whose connection is cut, and faults that are a 500."""
    with database.connect() as holder:
        holder.execute(text("LOCK TABLE listing IN ACCESS EXCLUSIVE MODE"))
        status, _ = ask(port, "GET", f"/search?q={WORD}&near={LAT},{LON}")
        assert status == 503
        asking = HTTPConnection("127.0.0.1", port, timeout=60)
        asking.request("GET", f"/api/v1/search?q={WORD}")
        cut = text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND wait_event_type = 'Lock'"
        )
        for _ in range(100):
            with database.connect() as other:
                if other.execute(cut).scalar():
                    break
            time.sleep(0.02)
        assert asking.getresponse().status == 503
        asking.close()
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE place RENAME TO place_away"))
    for path in (f"/search?near={WORD}", f"/api/v1/search?q={WORD}&near={WORD}"):
        status, page = ask(port, "GET", path)
        assert status == 500
        assert "Traceback" not in page
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE place_away RENAME TO place"))


def test_what_is_asked_for_is_kept_nowhere(
    here: Config, config: Config, database: Engine, load_rows: Loader, tmp_path: Path
) -> None:
    load_rows({"name": "Unlikely Elm House", "in_person": True, "region": "CO"})
    home = tmp_path / "home"
    said = tmp_path / "said"
    patient = replace(here, home=home, statement_timeout_ms=1_000, lock_timeout_ms=60_000)
    with served(patient, said) as port:
        ask_everything(port)
        ask_a_database_in_trouble(port, database)
    with database.connect() as connection:
        counted = list(connection.execute(text("SELECT DISTINCT region, term FROM demand")))
    assert counted == [("US-CO", "service:detox")]
    kept = {said.name: said.read_text(errors="replace")}
    for path in home.rglob("*"):
        if path.is_file():
            kept[path.name] = path.read_bytes().decode(errors="replace")
    found = postgres.locate(config)
    dump = postgres.programs(found.major()) / "pg_dump"
    kept["database"] = subprocess.run(
        [dump, here.database_url or ""], capture_output=True, text=True, check=True
    ).stdout
    if config.database_url is None:
        for path in found.log.iterdir():
            kept[path.name] = path.read_text(errors="replace")
    # What is looked through is what there is to look through.
    assert "Unlikely Elm House" in kept["database"]
    assert "UndefinedTable" in kept["said"]
    assert config.database_url or any(name.startswith("server-") for name in kept)
    for name, content in kept.items():
        for canary in CANARIES:
            assert canary.lower() not in content.lower(), f"{canary} is in {name}"


def test_a_fault_of_ours_is_logged_without_what_was_asked(
    here: Config, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        try:
            raise KeyError(WORD)
        except KeyError as error:
            raise RuntimeError(f"cannot read {WORD}") from error

    monkeypatch.setattr(site, "ask", broken)
    client = create_app(here).test_client()
    with caplog.at_level(logging.DEBUG):
        answer = client.get(f"/es/search?q={WORD}", headers={"User-Agent": WORD})
    assert answer.status_code == 500
    assert "builtins.RuntimeError" in caplog.text
    assert "builtins.KeyError" in caplog.text
    assert "in broken" in caplog.text
    assert "/search" in caplog.text
    assert WORD not in caplog.text


def test_the_private_server_quotes_nothing() -> None:
    """The settings that keep questions out of its log are all there."""
    for line in (
        "log_statement = none",
        "log_min_duration_statement = -1",
        "log_min_error_statement = panic",
        "log_error_verbosity = terse",
        "log_parameter_max_length = 0",
        "log_parameter_max_length_on_error = 0",
    ):
        assert line in cluster.SETTINGS
