"""The raw feeds of the last applied runs, compressed, to read again or to show what was sent.

A run's feed is written beside while it is read, under a name that starts with a dot, and gets
the run's number once the run is applied. Where it cannot be written, the import fails.
"""

import gzip
import io
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from directory.config import Config
from directory.feed import BUFFER, FeedError, open_feed
from directory.runs import Report

KEPT = 5
"""Applied runs of a source whose feeds are kept."""
# Quick rather than small: it must not slow an import.
_LEVEL = 3
_ABANDONED_SECONDS = 24 * 3600


class _Copied(io.RawIOBase):
    """A feed that leaves a compressed copy of what is read of it."""

    def __init__(self, source: BinaryIO, path: Path) -> None:
        self._source = source
        self._path = path
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
        try:
            self._copy.write(chunk)
        except OSError as error:
            raise _unwritable(self._path, error) from error
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
            super().close()
            try:
                self._copy.close()
            except OSError as error:
                raise _unwritable(self._path, error) from error


def _unwritable(path: Path, error: OSError) -> FeedError:
    return FeedError(
        f"The archive {path.parent.parent} cannot be written ({error.strerror or 'no space'}); "
        "make room or mend its permissions."
    )


@dataclass(slots=True)
class Kept:
    """The feed of one run: what ``open`` opened, in order."""

    folder: Path
    opened: list[Path] = field(default_factory=list)

    def open(self, location: str) -> BinaryIO:
        """As ``open_feed``, and keep a copy of all that is read."""
        stream = open_feed(location)
        name = re.sub(r"[^\w.-]+", "-", Path(urlsplit(location).path).name)[-80:].strip(".-")
        name = (name or "feed").removesuffix(".gz")
        path = self.folder / f"{len(self.opened):03d}-{name}.gz"
        self.opened.append(path)
        return io.BufferedReader(_Copied(stream, path), BUFFER)

    def settle(self, report: Report) -> None:
        """Keep the feed of an applied run, and drop what is older than the last ``KEPT``."""
        if report.status != "applied":
            return
        with suppress(OSError):  # the listings are in; a folder that stays is swept up later
            self.folder.rename(self.folder.with_name(str(report.run_id)))
            runs = [p for p in self.folder.parent.iterdir() if p.name.isdecimal()]
            for old in sorted(runs, key=lambda p: int(p.name))[:-KEPT]:
                shutil.rmtree(old)


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
