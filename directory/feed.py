"""Feeds as streams of rows: where they come from, and what a broken one is.

A feed is read once, front to back, in constant memory. Whatever shows that it is not whole
(an error page, a cut, junk, another encoding) raises FeedError, also after good rows, so that
an import which sees it changes nothing. Items carry where they stand ("item 3").
"""

import gzip
import http.client
import io
import re
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, cast

import ijson

from directory.config import load_config
from directory.errors import UsageError
from directory.fetch import Fetcher, FetchError, Rules, Validators, shown

LARGEST = 2 * 1024**3
"""Bytes of a feed, unpacked."""

# A run of opening brackets costs the parser the square of its length in memory.
_DEEP = re.compile(rb'(?:[\[{]\s*(?:"[^"]{0,99}"\s*:\s*)?){200}')
_CHUNK = 16 * 1024
BUFFER = 128 * 1024
_UTF8 = b"\xef\xbb\xbf"
UTF16 = (b"\xff\xfe", b"\xfe\xff")
_UNREADABLE = (OSError, EOFError, zlib.error, http.client.HTTPException)


class FeedError(UsageError):
    """The feed cannot be read as what it should be; nothing was imported."""


class _Whole(io.RawIOBase):
    """A source that fails, rather than ends, where it is cut short or too large."""

    def __init__(self, source: BinaryIO, location: str, packed: BinaryIO | None = None) -> None:
        self._source = source
        self._location = location
        self._packed = packed
        self._count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill ``buffer`` unless the source ends first."""
        view, filled = memoryview(buffer), 0
        try:
            while filled < len(view) and (chunk := self._source.read(len(view) - filled)):
                view[filled : filled + len(chunk)] = chunk
                filled += len(chunk)
        except _UNREADABLE as error:
            raise FeedError(
                f"{self._location} broke off while it was read ({type(error).__name__}); "
                "fetch it again."
            ) from error
        self._count += filled
        if self._count > LARGEST:
            raise FeedError(
                f"{self._location} is larger than {LARGEST // 1024**3} GB; import it in parts."
            )
        # What an HTTP answer still owes of the length that it announced.
        if filled < len(view) and getattr(self._source, "length", None):
            raise FeedError(f"{self._location} ended early: the answer was cut. Try again.")
        return filled

    def close(self) -> None:
        self._source.close()
        if self._packed is not None:
            self._packed.close()
        super().close()


def open_feed(location: str, fetcher: Fetcher | None = None) -> BinaryIO:
    """The bytes of a file or an http(s) address; gzip is unpacked.

    fetcher: how addresses are fetched; by default under the settings. Raises UsageError where
    there is no such file, FeedError where the address does not answer with data, and
    NotModifiedError where ``fetcher`` asked for changes and there are none.
    """
    address = is_address(location)
    source = _open_address(location, fetcher or web()) if address else _open_file(location)
    if address:
        location = shown(location)
    stream = io.BufferedReader(_Whole(source, location), BUFFER)
    if stream.peek(2)[:2] == b"\x1f\x8b":
        unpacked = cast(BinaryIO, gzip.GzipFile(fileobj=stream))
        stream = io.BufferedReader(_Whole(unpacked, location, stream), BUFFER)
    return stream


def is_address(location: str) -> bool:
    """Whether it is an http(s) address, and not a file. UsageError for any other scheme."""
    scheme = re.match(r"([a-z][a-z0-9+.-]+)://", location, re.IGNORECASE)
    if scheme and scheme[1].lower() not in ("http", "https"):
        raise UsageError(f"{location}: only files and http or https addresses can be read.")
    return scheme is not None


def web(known: Mapping[str, Validators] | None = None) -> Fetcher:
    """The way to addresses that the settings allow; it asks for those ``known`` whether they
    have changed."""
    config = load_config()
    rules = Rules(
        config.feed_ports,
        config.private_feeds,
        config.contact,
        total=config.feed_seconds,
        largest=LARGEST,
    )
    return Fetcher(rules, known or {})


def _open_file(location: str) -> BinaryIO:
    path = Path(location).expanduser()
    if path.is_dir():
        raise UsageError(f"{location} is a folder; name a file in it.")
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise UsageError(f"There is no file {location}; check its name.") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be read"
        raise UsageError(f"{location} cannot be opened: {reason}.") from error


def _open_address(location: str, fetcher: Fetcher) -> BinaryIO:
    try:
        return fetcher.open(location)
    except FetchError as error:
        raise FeedError(error.message) from None


def first_bytes(stream: BinaryIO) -> bytes:
    """How the feed starts, without byte order mark and white space; the stream stays there."""
    if isinstance(stream, io.BufferedReader):
        head = stream.peek(1024)
    else:
        at = stream.tell()
        head = stream.read(1024)
        stream.seek(at)
    return head.removeprefix(_UTF8).lstrip()


def check_head(stream: BinaryIO, wanted: str) -> bytes:
    """The first bytes; FeedError where they show something else than ``wanted``."""
    head = first_bytes(stream)
    if not head:
        raise FeedError(f"The feed is empty; it should be {wanted}.")
    if head.startswith(b"<"):
        raise FeedError(f"The feed is a web page or XML; it should be {wanted}.")
    if head.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0", b"%PDF")):
        raise FeedError(f"The feed is a spreadsheet, archive or PDF; it should be {wanted}.")
    return head


def json_items(
    stream: BinaryIO, path: str = "item", also: dict[str, Any] | None = None
) -> Iterator[tuple[str, Any]]:
    """The objects of a JSON array as ("item 0", object), one after another.

    path: "item" for an array, "rows.item" for the array ``rows`` of an object, "" for the
    whole document as one item. also: names beside that array; their values are filled in as
    they are met. Numbers are int or float. Raises FeedError where this is not whole JSON in
    UTF-8, not of that shape, or where an object has no such array or an empty one.
    """
    wanted = f"JSON with an array {path.removesuffix('.item')!r}" if "." in path else "a JSON array"
    head = check_head(stream, wanted if path else "JSON")
    if head.startswith(UTF16):
        raise FeedError("The feed is UTF-16 text; save it as UTF-8.")
    if path and not head.startswith(b"[" if path == "item" else b"{"):
        raise FeedError(f"The feed starts with {_shown(head)}; it should be {wanted}.")
    found = ijson.sendable_list()
    parsers = [ijson.items_coro(found, path, use_float=True)]
    beside = {name: ijson.sendable_list() for name in also or ()}
    parsers += [ijson.items_coro(values, name, use_float=True) for name, values in beside.items()]
    count = 0
    for items in _parsed(stream, parsers, found):
        for name, values in beside.items():
            if values:
                cast(dict[str, Any], also)[name] = values.pop()
        for item in items:
            yield f"item {count}", item
            count += 1
    if not count and path not in ("item", ""):
        raise FeedError(f"The feed has no rows; it should be {wanted}.")


def _parsed(stream: BinaryIO, parsers: list[Any], found: list[Any]) -> Iterator[list[Any]]:
    """Send the stream through the parsers; yield what came to ``found``, chunk by chunk."""
    count = 0
    chunk = stream.read(_CHUNK).removeprefix(_UTF8)
    while True:
        if _DEEP.search(chunk):
            raise FeedError("The feed nests hundreds of arrays in each other; it is no directory.")
        failure = None
        try:
            for parser in parsers:
                _ = parser.send(chunk) if chunk else parser.close()
        except ijson.JSONError as error:
            failure = error
        if found:
            count += len(found)
            yield found.copy()
            found.clear()
        if failure:
            _refuse_json(failure, f"item {count - 1}" if count else "its start")
        if not chunk:
            return
        chunk = stream.read(_CHUNK)


def _refuse_json(error: Exception, after: str) -> NoReturn:
    reason, _, shown = str(error).removeprefix("b'").replace("\\n", "\n").partition("\n")
    if "premature EOF" in reason or "ncomplete JSON" in reason:
        message = f"The feed ends in the middle, after {after}: it was cut off. Fetch it again."
    elif "trailing garbage" in reason or "dditional data" in reason:
        message = "The feed goes on after the end of its JSON; it should be one document."
    elif "UTF8" in reason or "utf-8" in reason:
        message = f"The feed is not UTF-8 after {after}; save it as UTF-8."
    elif "overflow" in reason:
        message = (
            f"The feed has a number that is too large to be read after {after}; ask its publisher "
            "to write it as text."
        )
    elif re.search(r"[:\[,\s](?:NaN?\b|-?I(?:n|$))", shown) or "minus sign" in reason:
        message = f"The feed has NaN or Infinity after {after}, which JSON has not; write null."
    else:
        message = f"The feed is not valid JSON after {after} ({reason}); ask its publisher."
    raise FeedError(message) from error


def _shown(head: bytes) -> str:
    return repr(head[:20].decode("utf-8", "replace"))
