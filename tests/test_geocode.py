"""Geocoding ahead of imports, against a server on this machine that answers like Nominatim."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import Engine, text

from directory import cli, geocode, positions
from directory.config import Config
from directory.errors import UsageError
from directory.positions import Asked, address, ask
from tests.conftest import Loader, settings

HOUSE = {
    "lat": "39.7500",
    "lon": "-104.9990",
    "place_rank": 30,
    "type": "house",
    "display_name": "1, Main Street, Denver, Colorado, 80202, United States",
}
PLACE: dict[str, object] = {
    "street": ["1 Main St", "Suite 200"],
    "city": "Denver",
    "region": "CO",
    "postal_code": "80202",
}


class _Nominatim(BaseHTTPRequestHandler):
    asked: ClassVar[list[str]] = []
    agents: ClassVar[set[str]] = set()
    status = 200
    body: ClassVar[bytes] = b"[]"
    headers_too: ClassVar[dict[str, str]] = {}
    slow = threading.Event()

    def do_GET(self) -> None:
        self.asked.append(parse_qs(urlsplit(self.path).query)["q"][0])
        self.agents.add(str(self.headers["User-Agent"]))
        self.slow.wait(30)
        self.send_response(self.status)
        kind = {"Content-Type": "application/json", "Content-Length": str(len(self.body))}
        for name, value in (kind | self.headers_too).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(name="site")
def _site(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Nominatim]]:
    """The stub, answering with a house at once; it is not asked slowly."""
    _Nominatim.asked, _Nominatim.agents, _Nominatim.headers_too = [], set(), {}
    answer(_Nominatim, [HOUSE])
    _Nominatim.slow.set()
    monkeypatch.setattr(positions, "PAUSE", 0.0)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Nominatim) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        _Nominatim.port = server.server_port  # type: ignore[attr-defined]
        yield _Nominatim
        _Nominatim.slow.set()
        server.shutdown()


def answer(site: type[_Nominatim], body: Any, status: int = 200, **headers: str) -> None:
    site.body = body if isinstance(body, bytes) else json.dumps(body).encode()
    site.status, site.headers_too = status, headers


Asks = Callable[..., Asked]


@pytest.fixture(name="run")
def _run(site: Any, database: Engine, config: Config) -> Asks:
    def run(most: int = 100, *sources: str) -> Asked:
        setting = f"nominatim http://127.0.0.1:{site.port}"
        own = replace(settings(config, database.url), geocoder=setting, contact="me@example.org")
        return ask(database, geocode.provider(own), sources, most)

    return run


def stored(database: Engine, columns: str, table: str = "listing") -> list[Any]:
    with database.connect() as connection:
        return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM {table}"))]


def later(database: Engine, hours: float) -> None:
    with database.begin() as connection:
        passed = text("UPDATE geocode SET again = again - :h * interval '1 hour'")
        connection.execute(passed, {"h": hours})


def test_the_next_import_applies_what_was_found(
    load_rows: Loader, database: Engine, run: Asks, site: type[_Nominatim]
) -> None:
    load_rows(PLACE)
    assert stored(database, "precision") == [("approximate",)]
    assert run().counts == {"exact": 1}
    assert site.asked == ["1 Main St, Denver, CO, 80202, United States"]
    assert "me@example.org" in site.agents.pop()
    report = load_rows(PLACE)
    assert (report.status, report.changed, report.repairs) == ("applied", 1, {"geocoded": 1})
    found = stored(database, "latitude, longitude, precision, ST_X(position::geometry)")
    assert found == [(39.75, -104.999, "exact", -104.999)]
    assert load_rows(PLACE).status == "unchanged"
    assert run().counts == {}
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    "row",
    [
        {"latitude": 39.7, "longitude": -104.9},
        {"latitude": "39.7", "longitude": "-104.9", "precision": "approximate"},
        {"latitude": -104.9, "longitude": 39.7},  # swapped
        {"latitude": 10.0, "longitude": 10.0},  # stray
        {"address_public": False},
        {"in_person": False, "online": True},
        {"status": "closed"},
        {"street": []},
        {"street": ["PO Box 12"]},
        {"street": ["!!"]},
        {"street": ["1 Main St " * 40]},
        {"street": ["\ufdfa" * 100]},
    ],
    ids=lambda row: str(row)[:40].encode("ascii", "replace").decode(),
)
def test_what_is_never_asked(
    load_rows: Loader, run: Asks, site: type[_Nominatim], row: dict[str, object]
) -> None:
    load_rows({**PLACE, **row})
    assert run().counts == {}
    assert not site.asked


def test_an_address_that_became_confidential_meanwhile_is_not_asked(
    load_rows: Loader, database: Engine, run: Asks, site: type[_Nominatim]
) -> None:
    """The list of what to ask is made once; each row is looked at again before its question."""
    load_rows(PLACE)
    with database.begin() as connection:
        listing = connection.execute(text("SELECT id FROM listing")).scalar()
        connection.execute(text("UPDATE listing SET address_public = false"))
    provider = geocode.Provider("test", None)  # would fail where it was asked
    with database.connect() as connection:
        assert positions._ask_one(connection, provider, listing) is None
    assert run().counts == {}
    assert not site.asked


def test_a_confidential_row_gets_no_point_of_a_public_one(
    load_rows: Loader, database: Engine, run: Asks
) -> None:
    load_rows(PLACE)
    run()
    report = load_rows({**PLACE, "address_public": False, "external_id": "2"}, source="other")
    assert "geocoded" not in report.repairs


def test_zero_zero_is_no_point(load_rows: Loader, run: Asks) -> None:
    row = {**PLACE, "latitude": 0, "longitude": "0.0"}
    load_rows(row)
    assert run().counts == {"exact": 1}
    assert load_rows(row).repairs == {"geocoded": 1}


@pytest.mark.parametrize(
    ("body", "status", "kind", "hours"),
    [
        ([], 200, "not_found", 90 * 24),
        ([{**HOUSE, "place_rank": 8}], 200, "not_found", 90 * 24),  # Colorado
        ({"error": "Bandwidth"}, 200, "error", 1),
        ([], 500, "error", 1),
        ([], 503, "timeout", 1),
        ([], 403, "refused", 1),
        ([], 429, "busy", 1),
        (b"[{", 200, "unreadable", 1),
        (b"\xff\xfe", 200, "unreadable", 1),
        (b"\x1f\x8bjunk", 200, "unreadable", 1),
        (b"[" * 100_000, 200, "unreadable", 1),
        ([7], 200, "unreadable", 1),
        ([{"lat": "here", "lon": "there"}], 200, "unreadable", 1),
        ([{**HOUSE, "lat": "0", "lon": "0"}], 200, "unreadable", 1),
        ([{**HOUSE, "lat": "91", "lon": "0"}], 200, "unreadable", 1),
        ([{**HOUSE, "lat": "nan"}], 200, "unreadable", 1),
    ],
    ids=lambda value: str(value)[:20],
)
def test_failures_are_kept_and_asked_again_when_they_should_be(
    load_rows: Loader,
    database: Engine,
    run: Asks,
    site: type[_Nominatim],
    body: Any,
    status: int,
    kind: str,
    hours: int,
) -> None:
    load_rows(PLACE)
    answer(site, body, status)
    assert run().counts == {kind: 1}
    assert stored(database, "failure, latitude", "geocode") == [(kind, None)]
    assert load_rows(PLACE).status == "unchanged"
    answer(site, [HOUSE])
    later(database, hours - 0.1)
    assert run().counts == {}
    later(database, 0.2)
    assert run().counts == {"exact": 1}


def rows(count: int) -> list[dict[str, object]]:
    return [{**PLACE, "external_id": str(n), "street": [f"{n + 1} Oak Ave"]} for n in range(count)]


def test_retry_after_holds_for_all_addresses(
    load_rows: Loader, database: Engine, run: Asks, site: type[_Nominatim]
) -> None:
    load_rows(*rows(3))
    answer(site, [], 429, **{"Retry-After": "7200"})
    asked = run()
    assert (asked.counts, bool(asked.stopped)) == ({"busy": 1}, True)
    answer(site, [HOUSE])
    later(database, 1.9)
    assert run().counts == {}
    assert len(site.asked) == 1
    later(database, 0.2)
    assert run().counts == {"exact": 3}


def test_a_provider_that_fails_is_left_alone(
    load_rows: Loader, run: Asks, site: type[_Nominatim]
) -> None:
    load_rows(*rows(5))
    answer(site, [], 500)
    asked = run()
    assert (asked.counts, bool(asked.stopped)) == ({"error": 3}, True)


def test_a_slow_answer_is_a_timeout(
    load_rows: Loader, run: Asks, site: type[_Nominatim], monkeypatch: pytest.MonkeyPatch
) -> None:
    load_rows(PLACE)
    monkeypatch.setattr(geocode, "TIMEOUT", 0.2)
    site.slow.clear()
    assert run().counts == {"timeout": 1}


def test_most_and_sources(load_rows: Loader, run: Asks) -> None:
    load_rows(*rows(3))
    load_rows({**PLACE, "street": ["9 Elm St"]}, source="other")
    assert run(2, "test").counts.total() == 2
    assert run(100, "test").counts.total() == 1
    assert run().counts.total() == 1


def test_precision_is_kept(load_rows: Loader, run: Asks, site: type[_Nominatim]) -> None:
    load_rows(PLACE, {"external_id": "2", **PLACE, "postal_code": None})
    answer(site, [{**HOUSE, "place_rank": 26}])
    assert run(1).counts == {"street": 1}
    answer(site, [{**HOUSE, "place_rank": 16}])
    assert run().counts == {"approximate": 1}


def test_all_processes_together_ask_one_a_second(
    load_rows: Loader, database: Engine, run: Asks, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_rows(*rows(4))
    monkeypatch.setattr(positions, "PAUSE", 0.5)
    started = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(run) for _ in range(2)]
    assert time.monotonic() - started >= 1.5
    assert sum(each.result().counts.total() for each in both) == 4
    times = sorted(row[0] for row in stored(database, "asked", "geocode"))
    gaps = [(b - a).total_seconds() for a, b in pairwise(times)]
    assert min(gaps) >= 0.5


@pytest.mark.parametrize(
    ("setting", "contact", "said"),
    [
        ("", "me@example.org", "No geocoder"),
        ("nominatim", "", "DIRECTORY_CONTACT"),
        ("nosuch", "me@example.org", "no provider"),
        ("nominatim secret=1", "me@example.org", "other options"),
        ("nominatim what", "me@example.org", "KEY=VALUE"),
    ],
)
def test_settings_that_make_no_sense(config: Config, setting: str, contact: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        geocode.provider(replace(config, geocoder=setting, contact=contact))


def test_a_private_address_is_refused_unless_allowed(config: Config, site: Any) -> None:
    setting = f"nominatim http://127.0.0.1:{site.port}"
    own = replace(config, geocoder=setting, contact="me@example.org", private_feeds=False)
    with pytest.raises(geocode.Failure):
        geocode.provider(own).ask("1 Main St, Denver", "United States")
    assert not site.asked


@pytest.mark.parametrize(
    ("lines", "asked"),
    [
        (["1 Main St", "Suite 200"], "1 Main St, Denver"),
        (["1 Main St #4B"], "1 Main St, Denver"),
        (["1 Main St, 2nd Floor"], "1 Main St, Denver"),
        (["12 Ste. Genevieve Ave"], "12 Ste. Genevieve Ave, Denver"),
        (["Apt Road 5"], "Apt Road 5, Denver"),
    ],
)
def test_what_is_inside_the_building_is_left_out(lines: list[str], asked: str) -> None:
    assert address({"street": lines, "city": "Denver"}) == asked


def test_the_command_says_what_it_did(
    load_rows: Loader,
    database: Engine,
    config: Config,
    site: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    load_rows(*rows(2))
    assert cli.main(["geocode"]) == cli.Exit.USAGE
    url = settings(config, database.url).database_url
    monkeypatch.setenv("DIRECTORY_DATABASE_URL", str(url))
    monkeypatch.setenv("DIRECTORY_GEOCODER", f"nominatim http://127.0.0.1:{site.port}")
    monkeypatch.setenv("DIRECTORY_CONTACT", "me@example.org")
    assert cli.main(["geocode", "--most", "0"]) == cli.Exit.USAGE
    assert cli.main(["geocode", "--most", "1"]) == cli.Exit.DONE
    assert capsys.readouterr().out == "1 addresses asked, 1 exact\n"
    answer(site, [], 403)
    assert cli.main(["geocode", "test", "--json"]) == cli.Exit.FAILED
    said = capsys.readouterr()
    assert json.loads(said.out)["refused"] == 1
    assert "Oak" not in said.err
