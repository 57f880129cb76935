"""A feed that repeats what the last good run read: known by its bytes, without reading its rows.

What a good run read is kept with its source (``source.feed``): a digest of each thing that was
opened, of the options and files that say how it is read, and of this software. Where all are the
same, no listing can change, except as time or a geocoder wants: then the feed is read as usual.
Whoever else changes what the next run has to do sets ``source.feed`` to null.
"""

import inspect
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from directory import positions
from directory.archive import Input, Kept
from directory.config import DATA
from directory.guard import Alarm
from directory.importing import importer
from directory.load import STANDING, TOMBSTONE_DAYS
from directory.runs import Report, SourceSpec

MOST_INPUTS = 100
"""Of a feed in more parts than these, none is remembered."""


@dataclass(slots=True)
class Feed:
    """What one run reads, beside what the last good run of its source read.

    settings: the options as the importer gets them. anew: read it whatever it is.
    skips: whether rows that are known need not be read, once ``repeats`` was asked.
    """

    source: SourceSpec
    settings: Mapping[str, str]
    kept: Kept
    anew: bool = False
    skips: bool = False
    _last: dict[str, Any] = field(default_factory=dict)
    _key: str = ""

    def repeats(self, connection: Connection, report: Report) -> bool:
        """Whether the feed is what it was and nothing is due; the report then has the counts of
        the run that read it. FeedError where an address does not answer with data."""
        query = text("SELECT feed FROM source WHERE id = :source")
        self._last = connection.execute(query, {"source": self.source.id}).scalar() or {}
        self._key = _key(self.source, self.settings)
        if self.anew or not self._last:
            return False
        # A row without a point has one now where a geocoder has answered.
        news = positions.answered(connection, self.source.id, self._last["run"])
        self.skips = not news
        if news or self._last["key"] != self._key or self._due(connection):
            return False
        if not self.kept.repeats([Input(**each) for each in self._last["inputs"]]):
            return False
        run, counted = self._last["run"], text("SELECT counts FROM import_run WHERE id = :run")
        report.repeat(run, connection.execute(counted, {"run": run}).scalar_one())
        return True

    def _due(self, connection: Connection) -> bool:
        """Whether a listing that the feed lacks has its day."""
        query = text(f"SELECT CAST(:gone AS date) <= CURRENT_DATE - {TOMBSTONE_DAYS}")
        return bool(connection.execute(query, {"gone": self._last["gone"]}).scalar())

    def row_key(self) -> str:
        """What decides, beside a row itself, what listing is made of it."""
        return _digest(self.source.kind, _options(self.settings), _software(self.source.kind))

    def alarms(self) -> list[Alarm]:
        """What of the feed as a whole is not believable, once it has been read."""
        found, inputs = [], self.kept.inputs()
        now, before = _dated(inputs), self._last.get("dated")
        if now and before and now < before:
            found.append(_older(now, before))
        lined = {each["location"]: each["lined"] for each in self._last.get("inputs", ())}
        if any(lined.get(each.location) and each.lined is False for each in inputs):
            said = "The last line of the feed is not ended; before, it was. See whether it was cut."
            found.append(Alarm("cut", said))
        return found

    def known(self, connection: Connection, report: Report) -> str | None:
        """What is to be kept with the source of this good run, as JSON."""
        inputs = self.kept.inputs()
        if len(inputs) > MOST_INPUTS or not all(each.digest for each in inputs):
            return None
        return json.dumps(
            {
                "run": report.repeats or report.run_id,
                "key": self._key,
                "gone": self._last["gone"] if report.repeats else self._gone(connection),
                "dated": _dated(inputs),
                "inputs": [asdict(each) for each in inputs],
            }
        )

    def _gone(self, connection: Connection) -> str | None:
        """The day when the first of the listings that the feed lacks was last seen."""
        query = text(
            f"SELECT min(last_seen)::text FROM listing WHERE source_id = :source AND {STANDING}"
        )
        return connection.execute(query, {"source": self.source.id}).scalar()


def _key(source: SourceSpec, settings: Mapping[str, str]) -> str:
    """What decides, beside the feed's bytes, what is read from them."""
    where, options = source.location, _options(settings)
    return _digest(source.kind, where, _beside(where), options, _software(source.kind))


def _digest(*parts: Any) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()


def _options(settings: Mapping[str, str]) -> list[Any]:
    return [[name, value, _file(value)] for name, value in sorted(settings.items())]


def _dated(inputs: list[Input]) -> float | None:
    return max((each.dated for each in inputs if each.dated), default=None)


def _older(now: float, before: float) -> Alarm:
    day, live = (f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC" for at in (now, before))
    return Alarm(
        "older",
        f"The feed is of {day} by its own word, older than what is live, of {live}. See whether "
        "its publisher has put an old copy in its place.",
    )


def _file(value: str) -> str | None:
    """A digest of the file that an option names, as mappings are named."""
    for path in (Path(value).expanduser(), DATA / "mappings" / f"{value}.toml"):
        if path.is_file():
            return sha256(path.read_bytes()).hexdigest()
    return None


def _beside(location: str) -> list[str]:
    """The files beside a local feed: some kinds look for theirs by name."""
    path = Path(location).expanduser()
    found = path.parent.iterdir() if path.is_file() else ()
    return sorted(each.name for each in found if each.is_file())


@cache
def _software(kind: str) -> str:
    """A digest of the code and the vocabulary that make listings of a feed's bytes."""
    digest = sha256((DATA / "vocabulary.toml").read_bytes())
    for folder in (Path(__file__).parent, Path(inspect.getfile(importer(kind))).parent):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()
