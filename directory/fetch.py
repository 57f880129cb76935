"""One safe door to the web for feeds.

Every address of a host is checked after it is resolved, at each redirect, and the connection goes
to the address that was checked: another DNS answer a moment later changes nothing. The standard
library is enough and the smaller: urllib3 offers no hook between resolving and connecting, while
``http.client`` takes a socket that is connected already, and TLS still checks the name.
Messages name no query text, user name or password.
"""

import email.utils
import http.client
import io
import ipaddress
import random
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import UTC
from typing import Any, BinaryIO, cast
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from directory.errors import UsageError

AGENT = "recovery-directory/0.1"
REDIRECTS = 5
LONGEST_WAIT = 31_536_000.0  # a year in seconds: some servers ask for numbers without end
RETRIED = (429, 500, 502, 503, 504)
MOVED = (301, 302, 303, 307, 308)
PAGES = ("text/html", "application/xhtml+xml")
OTHERS = ("image", "audio", "video", "font", "multipart")
_BROKEN = (OSError, http.client.HTTPException)
# IPv4 addresses hide in these: NAT64, its local form, and 6to4 and Teredo tunnels.
_TUNNELS = tuple(
    ipaddress.ip_network(text)
    for text in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)


class FetchError(UsageError):
    """The address does not give data; nothing was imported.

    status: of the answer, 0 where none came. wait: seconds that it asks to wait, where it does.
    """

    def __init__(
        self, message: str, *, status: int = 0, wait: float | None = None, timed_out: bool = False
    ) -> None:
        super().__init__(message)
        self.status, self.wait, self.timed_out = status, wait, timed_out


class NotModifiedError(Exception):
    """The publisher says that nothing changed since the last fetch (304)."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What may be fetched, and for how long. Times are in seconds, sizes in bytes.

    contact: an address or link that publishers see in the User-Agent.
    private: whether addresses of this machine and its network may be fetched.
    wait: the first pause before a retry; later ones double. most_wait caps
        them; a publisher that asks for more is not asked again.
    """

    ports: tuple[int, ...] = (80, 443, 8080, 8443)
    private: bool = False
    contact: str = ""
    connect: float = 15
    total: float = 1800
    largest: int = 2 * 1024**3
    attempts: int = 4
    wait: float = 1
    most_wait: float = 120


@dataclass(slots=True)
class Validators:
    """ETag and Last-Modified of an answer, to ask next time whether anything changed."""

    etag: str | None = None
    modified: str | None = None


@dataclass(slots=True)
class Fetcher:
    """Opens addresses under ``rules``; ``known`` makes requests for ``url`` conditional."""

    rules: Rules = field(default_factory=Rules)
    known: Mapping[str, Validators] = field(default_factory=dict)
    seen: dict[str, Validators] = field(default_factory=dict)

    def open(self, url: str) -> BinaryIO:
        """The bytes that ``url`` answers with, as sent.

        Raises FetchError with a remedy, or NotModifiedError. Reading the answer raises
        OSError where it breaks off or takes longer than the total limit.
        """
        deadline = time.monotonic() + self.rules.total
        for attempt in range(1, self.rules.attempts + 1):
            last = attempt == self.rules.attempts
            asked, status = None, 0
            try:
                answer = self._follow(url, deadline)
                if answer.status not in RETRIED or last:
                    return self._accept(url, answer)
                asked, status = _retry_after(answer.headers.get("Retry-After")), answer.status
                answer.close()
            except _BROKEN as error:
                if last or isinstance(error, ssl.SSLCertVerificationError):
                    raise FetchError(
                        f"{shown(url)} does not answer ({_why(error)}); check the address.",
                        timed_out=isinstance(error, TimeoutError),
                    ) from None
            pause = self._pause(attempt, asked)
            if pause > self.rules.most_wait or time.monotonic() + pause > deadline:
                wait = f"{shown(url)} asks to wait {pause:,.0f} seconds; refresh again later."
                raise FetchError(wait, status=status, wait=asked)
            time.sleep(pause)
        raise FetchError(f"{shown(url)} does not answer; try later.")

    def _pause(self, attempt: int, asked: float | None) -> float:
        """Full jitter on an exponential; what the publisher asks for is the least."""
        longest = min(self.rules.wait * 2 ** (attempt - 1), self.rules.most_wait)
        return max(asked or 0, random.uniform(0, longest))  # noqa: S311

    def _follow(self, url: str, deadline: float) -> http.client.HTTPResponse:
        here, validators = url, self.known.get(url)
        for _ in range(REDIRECTS + 1):
            answer = self._ask(here, validators, deadline)
            if answer.status not in MOVED:
                return answer
            target = answer.headers.get("Location")
            answer.close()
            if not target:
                raise FetchError(f"{shown(here)} redirects to nowhere; check the address.")
            there = urljoin(here, target)
            if urlsplit(here).scheme == "https" and urlsplit(there).scheme == "http":
                raise FetchError(f"{shown(here)} redirects from https to http; ask its publisher.")
            here = there
        raise FetchError(f"{shown(url)} redirects more than {REDIRECTS} times; check the address.")

    def _ask(
        self, url: str, validators: Validators | None, deadline: float
    ) -> http.client.HTTPResponse:
        parts, host, port = self._allowed(url)
        sock = self._connected(host, port, deadline)
        try:
            if parts.scheme == "https":
                sock = ssl.create_default_context().wrap_socket(sock, server_hostname=host)
            connection = http.client.HTTPConnection(host, port)
            connection.sock = sock
            connection.putrequest("GET", _target(parts), skip_host=True, skip_accept_encoding=True)
            for name, value in self._headers(parts, host, port, validators).items():
                connection.putheader(name, value)
            connection.endheaders()
            return _answered(sock, deadline)
        except BaseException:
            sock.close()
            raise

    def _headers(
        self, parts: SplitResult, host: str, port: int, validators: Validators | None
    ) -> dict[str, str]:
        # No Authorization and no cookie are ever sent, and so none to another host.
        name = f"[{host}]" if ":" in host else host
        usual = port == {"http": 80, "https": 443}[parts.scheme]
        contact = f" (+{self.rules.contact})" if self.rules.contact else ""
        headers = {
            "Host": name if usual else f"{name}:{port}",
            "User-Agent": AGENT + contact,
            "Accept": "application/json, text/csv, */*;q=0.5",
            "Accept-Encoding": "gzip",
            "Connection": "close",
        }
        if validators and validators.etag:
            headers["If-None-Match"] = validators.etag
        if validators and validators.modified:
            headers["If-Modified-Since"] = validators.modified
        return headers

    def _allowed(self, url: str) -> tuple[SplitResult, str, int]:
        try:
            parts = urlsplit(url)
            port = parts.port or {"http": 80, "https": 443}[parts.scheme]
            host = (parts.hostname or "").encode("idna").decode() if parts.hostname else ""
        except (ValueError, KeyError):
            raise FetchError(f"{shown(url)}: only http and https can be fetched.") from None
        if not host or any(ord(c) <= 32 for c in url):
            raise FetchError(f"{shown(url)} is not an address; check it.")
        if parts.username is not None:
            raise FetchError(f"{shown(url)} has a user name in it; use an address without.")
        if not self.rules.private and port not in self.rules.ports:
            raise FetchError(
                f"{shown(url)}: port {port} is not allowed; add it to DIRECTORY_FEED_PORTS."
            )
        return parts, host, port

    def _connected(self, host: str, port: int, deadline: float) -> socket.socket:
        """A socket to the first checked address that answers; one bad address refuses all."""
        addresses = _resolved(host, port, _left(deadline, self.rules))
        if not self.rules.private and not all(map(public, addresses)):
            raise FetchError(
                f"{host} is a private address; DIRECTORY_PRIVATE_FEEDS=1 allows such feeds."
            )
        failure: OSError = OSError("no address")
        for address in addresses:
            try:
                return socket.create_connection((address, port), _left(deadline, self.rules))
            except OSError as error:
                failure = error
        raise failure

    def _accept(self, url: str, answer: http.client.HTTPResponse) -> BinaryIO:
        kind, status = answer.headers.get_content_type(), answer.status
        if status == 304 and url in self.known:
            answer.close()
            raise NotModifiedError
        if status != 200 or kind in PAGES or kind.split("/")[0] in OTHERS:
            answer.close()
            what = f"{status} {answer.reason}" if status != 200 else f"a web page ({kind})"
            if status == 200 and kind not in PAGES:
                what = kind
            raise FetchError(
                f"{shown(url)} answered {what}, not data. It may be a sign-in or an error page: "
                "open it in a browser to see, or save the feed and import the file.",
                status=status,
                wait=_retry_after(answer.headers.get("Retry-After")),
            )
        if (answer.length or 0) > self.rules.largest:
            answer.close()
            raise FetchError(f"{shown(url)} is too large; import it in parts.")
        self.seen[url] = Validators(answer.headers["ETag"], answer.headers["Last-Modified"])
        return cast(BinaryIO, _Limited(answer, self.rules.largest))


class _Timed(socket.SocketIO):
    """Reads of a socket that all together end at a deadline, however slowly bytes drip."""

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        super().__init__(sock, "r")
        self._socket = sock
        self._deadline = deadline

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("took too long")
        self._socket.settimeout(min(left, 60))
        return super().readinto(buffer)

    def close(self) -> None:
        super().close()
        self._socket.close()


class _Answer:
    """What HTTPResponse needs of a socket."""

    def __init__(self, reader: BinaryIO) -> None:
        self._reader = reader

    def makefile(self, _mode: str) -> BinaryIO:
        return self._reader


def _answered(sock: socket.socket, deadline: float) -> http.client.HTTPResponse:
    reader = io.BufferedReader(_Timed(sock, deadline), 64 * 1024)
    answer = http.client.HTTPResponse(cast(Any, _Answer(cast(BinaryIO, reader))), method="GET")
    answer.begin()
    return answer


class _Limited(io.RawIOBase):
    """An answer of at most so many bytes."""

    def __init__(self, answer: http.client.HTTPResponse, largest: int) -> None:
        self._answer = answer
        self._left = largest

    def readable(self) -> bool:
        return True

    @property
    def length(self) -> int | None:
        """What the answer still owes of the length that it announced."""
        return self._answer.length

    def readinto(self, buffer: Any) -> int:
        count = self._answer.readinto(buffer)
        self._left -= count
        if self._left < 0:
            raise OSError("too large")
        return count

    def close(self) -> None:
        self._answer.close()
        super().close()


def public(address: str) -> bool:
    """Whether anybody on the internet may have this address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        elif any(ip in network for network in _TUNNELS) or ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def shown(url: str) -> str:
    """An address without what may be secret: user name, password, query and fragment."""
    start, _, _ = url.partition("?")
    scheme, mark, rest = start.partition("#")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"


def _target(parts: SplitResult) -> str:
    # Letters of other scripts; what is quoted already stays.
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    return path + (f"?{quote(parts.query, safe='/?%:@!$&()*+,;=~')}" if parts.query else "")


def _resolved(host: str, port: int, seconds: float) -> list[str]:
    """The addresses of a host. Raises OSError, TimeoutError where none come in time: the system's
    resolver has no limit of its own, so it is left behind in a thread."""
    found: Future[list[str]] = Future()

    def resolve() -> None:
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found.set_result(list(dict.fromkeys(str(entry[4][0]) for entry in entries)))
        except (OSError, UnicodeError) as error:
            found.set_exception(OSError(_why(error)))

    threading.Thread(target=resolve, daemon=True).start()
    return found.result(seconds)


def _left(deadline: float, rules: Rules) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("took too long")
    return min(left, rules.connect)


def _why(error: BaseException) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, of a number or a date; None where it says neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), LONGEST_WAIT)
    try:
        at = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    # "-0000" says UTC without a zone.
    seconds = at.replace(tzinfo=at.tzinfo or UTC).timestamp() - time.time()
    return min(max(0.0, seconds), LONGEST_WAIT)
