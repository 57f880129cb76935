"""Runs and their books: what a run is of, what it did, and one of a source at a time."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from directory import db
from directory.clean import json_value
from directory.errors import UsageError
from directory.guard import Alarm, checked_limits
from directory.quarantine import field_of, with_remedy

# Rejects kept with a sample for each run; all of them are counted.
MOST_REJECTS = 10_000
TELL_SECONDS = 1


class LockedError(Exception):
    """Another run of the same source is at work."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source as the command line or a configuration names it.

    limits: the guard's limits for this source, in place of those it had; None keeps them.
    options: of its kind, so that the same import can be run again.
    attribution: the credit that its licence wants beside each listing; contact: whom to ask about
    the feed; every: how often it is imported.
    """

    id: str
    kind: str
    location: str
    title: str | None = None
    licence: str | None = None
    origin: str = "feed"
    limits: Mapping[str, float] | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    attribution: str | None = None
    contact: str | None = None
    every: timedelta | None = None


@dataclass(slots=True)
class Report:
    """What a run did. ``read = added + changed + same + rejected`` always holds.

    verdict: what the run is or, of a dry run, would be: applied, unchanged or refused.
    fingerprint: of the diff, where the guard has alarms; accepts: the refused run that was
    accepted. repeats: the run that read the very same feed, where it was not read again.
    """

    source: str
    run_id: int = 0
    status: str = "running"
    read: int = 0
    added: int = 0
    changed: int = 0
    same: int = 0
    rejected: int = 0
    vanished: int = 0
    repaired: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)
    rejects: list[dict[str, str | None]] = field(default_factory=list)
    seconds: float = 0.0
    message: str | None = None
    verdict: str | None = None
    alarms: list[Alarm] = field(default_factory=list)
    fingerprint: str | None = None
    examples: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    accepts: int | None = None
    repeats: int | None = None

    def repeat(self, run: int, counts: Mapping[str, Any]) -> None:
        """Say that the feed is what ``run`` read, with its ``counts``: nothing is new in it."""
        self.repeats, self.verdict = run, "unchanged"
        self.read, self.rejected = counts["read"], counts["rejected"]
        self.same = self.read - self.rejected
        self.vanished, self.repaired = counts["vanished"], counts["repaired"]
        self.reasons, self.repairs = Counter(counts["reasons"]), Counter(counts["repairs"])

    def counts(self) -> dict[str, Any]:
        """The numbers, for the history."""
        names = ("read", "added", "changed", "same", "rejected", "vanished", "repaired")
        counted: dict[str, Any] = {name: getattr(self, name) for name in names}
        return counted | {"reasons": dict(self.reasons), "repairs": dict(self.repairs)}

    def reject(self, where: str, code: str, message: str, sample: str) -> None:
        """Count one refused row and keep where it stands, why, and a sample of it."""
        self.rejected += 1
        self.reasons[code] += 1
        if len(self.rejects) < MOST_REJECTS:
            self.rejects.append(
                {
                    "position": where,
                    "code": code,
                    "message": json_value(with_remedy(code, message)),
                    "sample": sample,
                    "field": field_of(code),
                }
            )

    def diff(self) -> dict[str, Any]:
        """What the guard found, for the history."""
        return {
            "verdict": self.verdict,
            "alarms": [alarm.document() for alarm in self.alarms],
            "fingerprint": self.fingerprint,
            "examples": self.examples,
            "repeats": self.repeats,
        }

    def document(self) -> dict[str, Any]:
        """The run as one JSON document."""
        return {
            "run_id": self.run_id,
            "source": self.source,
            "status": self.status,
            **self.counts(),
            "seconds": round(self.seconds, 3),
            "message": self.message,
            "verdict": self.verdict,
            "alarms": [alarm.document() for alarm in self.alarms],
            "repeats": self.repeats,
        }


def reason(error: BaseException) -> str:
    """Why a run failed, without any of the feed's content (a log or page may show it)."""
    if isinstance(error, UsageError):
        return error.message
    return db.explained(error) if isinstance(error, DBAPIError) else type(error).__name__


@contextmanager
def exclusive(engine: Engine, source: str) -> Iterator[Connection]:
    """A connection in autocommit that holds the source's advisory lock."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        lock = {"key": f"directory:import:{source}"}
        held = text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))")
        if not connection.execute(held, lock).scalar():
            raise LockedError(f"Another import of {source} is running; try again when it is done.")
        try:
            yield connection
        finally:
            unlock = text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))")
            with suppress(SQLAlchemyError):  # a connection that was lost has lost the lock, too
                connection.execute(unlock, lock)


def writing(connection: Connection, source: str) -> None:
    """Wait until no transaction writes the source's listings, such as that of a killed run
    whose server process has not noticed yet; and keep others waiting until this one ends."""
    key = {"key": f"directory:write:{source}"}
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), key)


def open_run(books: Connection, source: SourceSpec) -> int:
    """Enter the source and a run in the books; mark earlier runs that were killed."""
    known = books.execute(
        text("SELECT kind FROM source WHERE id = :id AND seen_on IS NOT NULL"), {"id": source.id}
    )
    kind = known.scalar()
    if kind not in (None, source.kind):
        raise UsageError(
            f"The source {source.id} was imported as {kind}, not {source.kind}; "
            "use another --source name."
        )
    values = {
        "id": source.id,
        "kind": source.kind,
        "location": source.location,
        "title": source.title,
        "licence": source.licence,
        "origin": source.origin,
        "limits": None if source.limits is None else json.dumps(checked_limits(source.limits)),
        "options": json.dumps(dict(source.options)),
        "attribution": source.attribution,
        "contact": source.contact,
        "every": source.every,
    }
    books.execute(
        text(
            "INSERT INTO source (id, kind, location, title, licence, origin, limits, options, "
            "attribution, contact, every) VALUES (:id, :kind, :location, coalesce(:title, :id), "
            ":licence, :origin, coalesce(CAST(:limits AS jsonb), '{}'), CAST(:options AS jsonb), "
            ":attribution, :contact, :every) "
            "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, location = excluded.location, "
            "options = excluded.options, title = coalesce(:title, source.title), "
            f"limits = coalesce(CAST(:limits AS jsonb), source.limits), {_TOLD}"
        ),
        values,
    )
    return begin(books, source.id)


# What a run does not say stays as it was said before.
_TOLD = ", ".join(
    f"{name} = coalesce(excluded.{name}, source.{name})"
    for name in ("licence", "attribution", "contact", "every")
)


def begin(books: Connection, source: str, undoes: int | None = None) -> int:
    """Open a run of the source, and note those that were killed."""
    books.execute(
        text(
            "UPDATE import_run SET status = 'failed', finished = now(), message = 'was killed' "
            "WHERE source_id = :id AND status = 'running'"
        ),
        {"id": source},
    )
    opened = text("INSERT INTO import_run (source_id, undoes) VALUES (:id, :undoes) RETURNING id")
    return int(books.execute(opened, {"id": source, "undoes": undoes}).scalar_one())


def telling(books: Connection, run: int, also: Callable[[int], None]) -> Callable[[int], None]:
    """What enters in the books, now and then, how many rows a run has read so far."""
    told = time.monotonic()
    so_far = text(
        "UPDATE import_run SET counts = jsonb_build_object('read', CAST(:read AS int)) "
        "WHERE id = :run"
    )

    def tell(read: int) -> None:
        nonlocal told
        if time.monotonic() - told >= TELL_SECONDS:
            books.execute(so_far, {"read": read, "run": run})
            told = time.monotonic()
        also(read)

    return tell


def close_run(books: Connection, report: Report) -> None:
    """Enter what the run did; in its own transaction where it wrote listings."""
    books.execute(
        text(
            "UPDATE import_run SET status = :status, finished = now(), "
            "counts = CAST(:counts AS jsonb), message = :message, diff = CAST(:diff AS jsonb), "
            "accepts = :accepts WHERE id = :run"
        ),
        {
            "status": report.status,
            "counts": json.dumps(report.counts()),
            "message": report.message,
            "diff": json.dumps(report.diff()),
            "accepts": report.accepts,
            "run": report.run_id,
        },
    )
    if report.rejects:
        books.execute(
            text(
                "INSERT INTO reject (run_id, position, code, message, sample, field) "
                "VALUES (:run, :position, :code, :message, :sample, :field)"
            ),
            [{"run": report.run_id, **reject} for reject in report.rejects],
        )
    if report.repeats:
        books.execute(
            text(
                "INSERT INTO reject (run_id, position, code, message, sample, field) "
                "SELECT :run, position, code, message, sample, field FROM reject "
                "WHERE run_id = :read ORDER BY id"
            ),
            {"run": report.run_id, "read": report.repeats},
        )


def fail_run(books: Connection, report: Report) -> bool:
    """Enter that the run failed. False where it did not: it was committed, and only the answer
    to that was lost with the connection.

    Where the books cannot be reached, the next run of the source notes the failure.
    """
    status = text("SELECT status FROM import_run WHERE id = :run FOR UPDATE")
    for _ in range(2):  # the second time by a new connection, where the first was lost
        with suppress(SQLAlchemyError):
            # Waits for a commit that is still under way.
            found = books.execute(status, {"run": report.run_id}).scalar()
            if found in ("applied", "unchanged"):
                return False
            close_run(books, report)
            return True
        with suppress(SQLAlchemyError):
            books.rollback()
    return True


def refused_diff(books: Connection, source: str, run: int) -> str:
    """The fingerprint of a refused run's diff; UsageError where it is none of the source."""
    found = books.execute(
        text("SELECT source_id, status, diff ->> 'fingerprint' FROM import_run WHERE id = :run"),
        {"run": run},
    ).one_or_none()
    if found is None or found[0] != source:
        raise UsageError(f"{source} has no run {run}; see directory runs {source}.")
    if found[1] != "refused":
        raise UsageError(f"Run {run} is {found[1]}; only a refused run can be accepted.")
    return str(found[2])
