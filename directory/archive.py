"""The raw feeds of the last applied runs, compressed, to read again or to show what was sent.

What an address answers is written here whole before it is read, so that no publisher waits for
us; a file, while it is read. The folder's name starts with a dot, until the run is applied and
gives it its number. Where it cannot be written, the import fails.
"""

import email.utils
import gzip
import hashlib
import io
import re
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path
from typing import Any, BinaryIO, cast
from urllib.parse import urlsplit

from directory.config import Config
from directory.errors import UsageError
from directory.feed import BUFFER, FeedError, is_address, open_feed, web
from directory.fetch import NotModifiedError, Validators
from directory.runs import Report

KEPT = 5
"""Applied runs of a source whose feeds are kept."""
# Quick rather than small: it must not slow an import.
_LEVEL = 1
_ABANDONED_SECONDS = 24 * 3600
# A Last-Modified this near to its fetch may stand for two contents: it asks no question.
_SETTLED_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Input:
    """Something that an import read.

    digest: of its bytes, unpacked; None where it was not read to its end.
    lined: whether the last of its lines is ended; None of JSON and workbooks, which have no lines.
    etag, modified: headers of its answer that ask later whether it has changed.
    dated: when its publisher says that it is of, in seconds since 1970.
    """

    location: str
    digest: str | None = None
    lined: bool | None = None
    etag: str | None = None
    modified: str | None = None
    dated: float | None = None


class _Print:
    """What is known of bytes once they have passed."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._first = self._last = b""
        self.ended = False

    def take(self, chunk: bytes) -> None:
        """The next bytes; none are the end."""
        self._hash.update(chunk)
        self._first = self._first or chunk[:1024].removeprefix(b"\xef\xbb\xbf").lstrip()
        self._last = chunk[-1:] or self._last
        self.ended = self.ended or not chunk

    def input(self, location: str, **answer: Any) -> Input:
        """The bytes as an input."""
        lined = None if self._first.startswith((b"[", b"{", b"PK")) else self._last == b"\n"
        return Input(location, self._hash.hexdigest() if self.ended else None, lined, **answer)


class _Copied(io.RawIOBase):
    """A feed that leaves a compressed copy of what is read of it."""

    def __init__(self, source: BinaryIO, path: Path) -> None:
        self._source = source
        self.path = path
        self.print = _Print()
        try:
            self._copy = gzip.GzipFile(path, "wb", _LEVEL, mtime=0)
        except OSError as error:
            source.close()
            raise _unwritable(path, error) from error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """What the feed has next, kept before it is handed on."""
        chunk = self._source.read(len(buffer))
        self.print.take(chunk)
        try:
            self._copy.write(chunk)
        except OSError as error:
            raise _unwritable(self.path, error) from error
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
            super().close()
            try:
                self._copy.close()
            except OSError as error:
                raise _unwritable(self.path, error) from error


def _unwritable(path: Path, error: OSError) -> FeedError:
    return FeedError(
        f"The archive {path.parent.parent} cannot be written ({error.strerror or 'no space'}); "
        "make room or mend its permissions."
    )


@dataclass(slots=True)
class Kept:
    """The feed of one run: what was opened of it, in order, each with a copy."""

    folder: Path
    _opened: list[tuple[str, _Copied | None]] = field(default_factory=list)
    _fetched: dict[str, tuple[Input, Path]] = field(default_factory=dict)
    _same: list[Input] = field(default_factory=list)
    _copies: int = 0

    def open(self, location: str) -> BinaryIO:
        """As ``open_feed``, and keep a copy; an address is fetched whole first."""
        if is_address(location):
            self._fetch(location)
            self._opened.append((location, None))
            copy = gzip.GzipFile(self._fetched[location][1])
            return io.BufferedReader(cast(io.RawIOBase, copy), BUFFER)
        copied = self._copied(location, open_feed(location))
        self._opened.append((location, copied))
        return io.BufferedReader(copied, BUFFER)

    def inputs(self) -> list[Input]:
        """What was opened, once it has been read; or what ``repeats`` found to be the same."""
        return self._same or [
            copied.print.input(location) if copied else self._fetched[location][0]
            for location, copied in self._opened
        ]

    def repeats(self, before: Sequence[Input]) -> bool:
        """Whether all inputs are byte for byte what they were; stops at the first that is not.

        What was fetched for that is not fetched again by ``open``.
        """
        same = []
        for known in before:
            now = self._now(known)
            if now is None or now.digest is None or now.digest != known.digest:
                return False
            same.append(now)
        self._same = same
        return bool(same)

    def _now(self, known: Input) -> Input | None:
        if is_address(known.location):
            with suppress(NotModifiedError):
                return self._fetch(known.location, known)
            return known
        seen = _Print()
        try:
            with open_feed(known.location) as stream:
                while not seen.ended:
                    seen.take(stream.read(BUFFER))
        except UsageError:  # whoever reads it says so, if it is still read at all
            return None
        return seen.input(known.location)

    def _fetch(self, location: str, known: Input | None = None) -> Input:
        """Bring an address here, once a run. NotModifiedError where it is as ``known``."""
        if location in self._fetched:
            return self._fetched[location][0]
        asks = known and (known.etag or known.modified)
        door = web({location: Validators(known.etag, known.modified)} if known and asks else {})
        with self._copied(location, open_feed(location, door)) as copied:
            while copied.read(BUFFER):
                pass
        path, said = copied.path, door.seen[location]
        found = copied.print.input(location, etag=said.etag, **_dates(said.modified))
        self._fetched[location] = found, path
        return found

    def _copied(self, location: str, stream: BinaryIO) -> _Copied:
        name = re.sub(r"[^\w.-]+", "-", Path(urlsplit(location).path).name)[-80:].strip(".-")
        name = (name or "feed").removesuffix(".gz")
        path = self.folder / f"{self._copies:03d}-{name}.gz"
        self._copies += 1
        return _Copied(stream, path)

    def settle(self, report: Report) -> None:
        """Keep the feed of an applied run, and drop what is older than the last ``KEPT``."""
        if report.status != "applied":
            return
        with suppress(OSError):  # the listings are in; a folder that stays is swept up later
            self.folder.rename(self.folder.with_name(str(report.run_id)))
            runs = [p for p in self.folder.parent.iterdir() if p.name.isdecimal()]
            for old in sorted(runs, key=lambda p: int(p.name))[:-KEPT]:
                shutil.rmtree(old)


def _dates(modified: str | None) -> dict[str, Any]:
    """A Last-Modified as what an ``Input`` keeps of it."""
    try:
        at = email.utils.parsedate_to_datetime(modified or "")
    except ValueError:
        return {}
    now = time.time()
    dated = min(at.replace(tzinfo=at.tzinfo or UTC).timestamp(), now)
    return {"dated": dated} | ({"modified": modified} if now - dated > _SETTLED_SECONDS else {})


@contextmanager
def keeping(config: Config, source: str) -> Iterator[Kept]:
    """A place for the feed of one run; it is gone afterwards unless the run was applied."""
    parent = config.home / "archive" / source
    try:
        parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder = Path(tempfile.mkdtemp(prefix=".", dir=parent))
    except OSError as error:
        raise _unwritable(parent / source, error) from error
    _sweep(parent)
    try:
        yield Kept(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sweep(parent: Path) -> None:
    """Remove what killed runs left a day ago or longer."""
    with suppress(OSError):
        for path in parent.glob(".*"):
            if time.time() - path.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(path, ignore_errors=True)
