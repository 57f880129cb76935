"""Fetching against real servers on this machine: what is refused, retried and cut."""

import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from directory import fetch
from directory.feed import FeedError, json_items, open_feed
from directory.fetch import Fetcher, FetchError, NotModifiedError, Rules, Validators, public, shown

LOCAL = Rules(private=True, wait=0.01, most_wait=2, total=20)


class _Site(BaseHTTPRequestHandler):
    asked: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def _say(self, status: int, body: bytes = b"[]", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content_Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append((path, dict(self.headers)))
        times = sum(path == each for each, _ in self.asked)
        if path == "/loop":
            self._say(302, Location="/loop")
        elif path == "/metadata":
            self._say(302, Location="http://169.254.169.254/latest")
        elif path == "/moved":
            self._say(301, Location="/feed")
        elif path == "/kept" and self.headers.get("If-None-Match") == '"v1"':
            self._say(304, b"")
        elif path == "/busy" and times == 1:
            self._say(429, Retry_After="1")
        elif path == "/down" and times == 1:
            self._say(503, Retry_After=formatdate(time.time() - 5, usegmt=True))
        elif path == "/later":
            self._say(429, Retry_After="3600")
        elif path == "/always":
            self._say(503)
        elif path == "/picture":
            self._say(200, Content_Type="image/png")
        elif path == "/junk":
            self._say(200, b"[{}] sorry")
        elif path == "/cut":
            self._say(200, gzip.compress(b'[{"a": 1}, {"a": 2}]')[:-9], Content_Encoding="gzip")
        elif path == "/drip":
            self.send_response(200)
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b" ")
                    time.sleep(0.05)
            except OSError:
                return
        else:
            self._say(200, b'[{"a": 1}]', ETag='"v1"')

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(name="site")
def _site() -> Iterator[str]:
    _Site.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _read(url: str, rules: Rules = LOCAL) -> list[Any]:
    with open_feed(url, Fetcher(rules)) as stream:
        return [item for _, item in json_items(stream)]


@pytest.mark.parametrize("path", ["/feed", "/moved", "/busy", "/down"])
def test_what_ends_well(site: str, path: str) -> None:
    started = time.monotonic()
    assert _read(site + path) == [{"a": 1}]
    assert path != "/busy" or time.monotonic() - started >= 1


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/loop", "more than 5 times"),
        ("/always", "answered 503"),
        ("/picture", "image/png"),
        ("/junk", "goes on after"),
        ("/cut", "broke off"),
    ],
)
def test_what_fails_says_why_and_keeps_secrets(site: str, path: str, said: str) -> None:
    with pytest.raises(FeedError, match=said) as failed:
        _read(f"{site}{path}?key=secret")
    assert "secret" not in failed.value.message


def test_letters_of_any_script_are_quoted(site: str) -> None:
    with open_feed(f"{site}/feed/grüße?q=ñ&b=%20", Fetcher(LOCAL)) as stream:
        stream.read()
    assert _Site.asked[-1][0] == "/feed/gr%C3%BC%C3%9Fe"


def test_a_slow_drip_is_cut(site: str) -> None:
    started = time.monotonic()
    with pytest.raises(FeedError, match="broke off"):
        _read(f"{site}/drip", Rules(private=True, total=0.5))
    assert time.monotonic() - started < 5


def test_too_large_is_refused(site: str) -> None:
    with pytest.raises(FeedError, match="too large"):
        _read(f"{site}/feed", Rules(private=True, largest=5))


def test_unchanged_is_said_by_304(site: str) -> None:
    first = Fetcher(LOCAL)
    first.open(f"{site}/kept").close()
    assert first.seen[f"{site}/kept"] == Validators('"v1"', None)
    with pytest.raises(NotModifiedError):
        Fetcher(LOCAL, first.seen).open(f"{site}/kept")


def test_private_addresses_are_refused_without_a_request(site: str) -> None:
    port = int(site.rpartition(":")[2])
    strict = Fetcher(Rules(ports=(port,)))
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"):
        with pytest.raises(FetchError, match="private address"):
            strict.open(f"http://{host}:{port}/feed")
    assert _Site.asked == []


@pytest.mark.parametrize("path", ["/metadata", "/moved"])
def test_a_redirect_is_checked_again_and_the_address_pinned(
    site: str, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first hop looks public; the second resolves to what it should not."""
    port = int(site.rpartition(":")[2])
    real: Callable[..., Any] = socket.create_connection
    answers = iter(["93.184.215.14", "169.254.169.254"])
    dialled = []

    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def dial(address: tuple[str, int], *rest: Any) -> socket.socket:
        dialled.append(address[0])
        monkeypatch.undo()
        opened: socket.socket = real(("127.0.0.1", port), *rest)
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        return opened

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", dial)
    with pytest.raises(FetchError, match="private address"):
        Fetcher(Rules(ports=(80, port))).open(f"http://feeds.example:{port}{path}")
    assert dialled == ["93.184.215.14"]


@pytest.mark.parametrize(
    "address",
    "127.0.0.1 10.1.2.3 169.254.169.254 192.168.0.1 100.64.0.1 0.0.0.0 224.0.0.1 240.0.0.1 ::1 "
    "fe80::1 fd00:ec2::254 ff02::1 ::ffff:10.0.0.1 64:ff9b::a9fe:a9fe 2002:7f00:1:: "
    "2001:0:1::1 ::7f00:1".split(),
)
def test_addresses_that_nobody_else_may_have(address: str) -> None:
    assert not public(address)


def test_public_addresses_and_what_is_shown() -> None:
    assert public("93.184.215.14")
    assert public("2606:4700::1111")
    assert shown("https://me:pw@example.org/a?key=1#x") == "https://example.org/a"


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "http://me:pw@example.org/", "http://example.org:22/", "http://"]
)
def test_addresses_that_are_refused_unasked(url: str) -> None:
    with pytest.raises(FetchError) as failed:
        Fetcher().open(url)
    assert "pw" not in failed.value.message


def test_a_wait_without_end_is_a_year() -> None:
    assert fetch._retry_after("9" * 400) == fetch.LONGEST_WAIT
    assert fetch._retry_after("120") == 120
    assert fetch._retry_after("Wed, 01 Jan 9998 00:00:00 GMT") == fetch.LONGEST_WAIT
    soon = formatdate(time.time() + 100)
    assert soon.endswith("-0000")
    assert 90 < (fetch._retry_after(soon) or 0) <= 100


def test_who_asks_for_a_long_wait_is_not_asked_again(site: str) -> None:
    with pytest.raises(FetchError, match="asks to wait 3,600 seconds") as said:
        Fetcher(LOCAL).open(f"{site}/later")
    assert (said.value.status, said.value.wait) == (429, 3600)
    assert [path for path, _ in _Site.asked] == ["/later"]


def test_a_name_that_is_never_resolved_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [never.wait()][1:])
    with pytest.raises(FetchError, match="does not answer") as said:
        Fetcher(Rules(connect=0.1, attempts=1)).open("http://feeds.example/")
    never.set()
    assert said.value.timed_out
