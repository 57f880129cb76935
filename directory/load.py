"""Records -> staging -> diff -> one merge transaction. The only writer of listings.

An import is one transaction: killed at any instant it leaves what was there, and the next
run starts afresh. Rows are compared by ``content_hash`` before they are validated, so that an
unchanged feed costs little and changes nothing.
"""

import io
import itertools
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, text

from directory.errors import UsageError
from directory.judge import COLUMNS, STAGED, Batch, identity, judge_all, sample
from directory.records import Row

BATCH = 2_000
# Rejects kept with a sample for each run; all of them are counted.
MOST_REJECTS = 10_000
# Rows changed by one import above which the planner's statistics are made anew at once.
ANALYZE_FROM = 1_000


class LockedError(Exception):
    """Another run of the same source is at work."""


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A source as the command line or a configuration names it."""

    id: str
    kind: str
    location: str
    title: str | None = None
    licence: str | None = None
    origin: str = "feed"


@dataclass(slots=True)
class Report:
    """What a run did. ``read = added + changed + same + rejected`` always holds."""

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
    rejects: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0
    message: str | None = None

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
            found = {"position": where, "code": code, "message": message, "sample": sample}
            self.rejects.append(found)

    def document(self) -> dict[str, Any]:
        """The run as one JSON document."""
        return {
            "run_id": self.run_id,
            "source": self.source,
            "status": self.status,
            **self.counts(),
            "seconds": round(self.seconds, 3),
            "message": self.message,
        }


def load(
    engine: Engine,
    source: SourceSpec,
    rows: Iterable[Row],
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Import ``rows`` as the whole content of ``source``.

    A feed without one good row is refused. A listing that the feed lacks stays, with the day
    it was last seen. Raises ``LockedError`` where another run of the source is at work; an
    error while reading passes through. Both leave every listing as it was.
    """
    started = time.monotonic()
    with _exclusive(engine, source.id) as books:
        report = Report(source.id, _open_run(books, source))
        try:
            with engine.connect() as connection, connection.begin() as transaction:
                _stage(connection, report, rows, progress)
                seen = _diff(connection, report)
                report.status = _verdict(report, seen, dry_run)
                if report.status == "applied":
                    _merge(connection, report, source, seen)
                if report.status in ("applied", "unchanged"):
                    today = "UPDATE source SET seen_on = CURRENT_DATE WHERE id = :source"
                    connection.execute(text(today), {"source": source.id})
                else:
                    transaction.rollback()
        except BaseException as error:
            report.status, report.message = "failed", _reason(error)
            raise
        finally:
            report.seconds = time.monotonic() - started
            _close_run(books, report)
    if report.status == "applied" and report.added + report.changed >= ANALYZE_FROM:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM (ANALYZE) listing"))
    return report


def _reason(error: BaseException) -> str:
    """Why a run failed, without any of the feed's content (a log or page may show it)."""
    return error.message if isinstance(error, UsageError) else type(error).__name__


@contextmanager
def _exclusive(engine: Engine, source: str) -> Iterator[Connection]:
    """A connection in autocommit that holds the source's advisory lock."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        lock = {"key": f"directory:import:{source}"}
        held = text("SELECT pg_try_advisory_lock(hashtextextended(:key, 0))")
        if not connection.execute(held, lock).scalar():
            raise LockedError(f"Another import of {source} is running; try again when it is done.")
        try:
            yield connection
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:key, 0))"), lock)


def _open_run(books: Connection, source: SourceSpec) -> int:
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
    }
    books.execute(
        text(
            "INSERT INTO source (id, kind, location, title, licence, origin) "
            "VALUES (:id, :kind, :location, coalesce(:title, :id), :licence, :origin) "
            "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, location = excluded.location, "
            "title = coalesce(:title, source.title), licence = coalesce(:licence, source.licence)"
        ),
        values,
    )
    books.execute(
        text(
            "UPDATE import_run SET status = 'failed', finished = now(), message = 'was killed' "
            "WHERE source_id = :id AND status = 'running'"
        ),
        {"id": source.id},
    )
    opened = text("INSERT INTO import_run (source_id) VALUES (:id) RETURNING id")
    return int(books.execute(opened, {"id": source.id}).scalar_one())


def _close_run(books: Connection, report: Report) -> None:
    books.execute(
        text(
            "UPDATE import_run SET status = :status, finished = now(), "
            "counts = CAST(:counts AS jsonb), message = :message WHERE id = :run"
        ),
        {
            "status": report.status,
            "counts": json.dumps(report.counts()),
            "message": report.message,
            "run": report.run_id,
        },
    )
    if report.rejects:
        books.execute(
            text(
                "INSERT INTO reject (run_id, position, code, message, sample) "
                "VALUES (:run, :position, :code, :message, :sample)"
            ),
            [{"run": report.run_id, **reject} for reject in report.rejects],
        )


def _stage(
    connection: Connection, report: Report, rows: Iterable[Row], progress: Callable[[int], None]
) -> None:
    """Copy every row of the feed into the temporary table ``staged``, judged."""
    connection.execute(
        text(
            "CREATE TEMP TABLE staged ON COMMIT DROP AS SELECT 0::bigint AS seq, ''::text AS place,"
            f" false AS fresh, false AS refused, {', '.join(COLUMNS)} FROM listing WITH NO DATA"
        )
    )
    cursor = connection.connection.cursor()
    copy = f"COPY staged ({', '.join(STAGED)}) FROM STDIN"
    for batch, judged in judge_all(_batches(connection, report.source, rows), connection):
        cursor.copy_expert(copy, io.StringIO(judged.lines))
        for number, refusal in judged.refused:
            row = batch.rows[number]
            report.reject(row.where, refusal.code, refusal.message, sample(row.raw))
        report.read += judged.read
        progress(report.read)


def _batches(connection: Connection, source: str, rows: Iterable[Row]) -> Iterator[Batch]:
    """The rows in batches, each with what is stored of them."""
    stream, first = iter(rows), 0
    query = text(
        "SELECT external_id, content_hash, repairs FROM listing "
        "WHERE source_id = :source AND external_id = ANY(:ids)"
    )
    while batch := list(itertools.islice(stream, BATCH)):
        ids = [identity(row) for row in batch]
        found = connection.execute(query, {"source": source, "ids": ids})
        known = {row.external_id: (row.content_hash, row.repairs) for row in found}
        yield Batch(source, first, batch, known)
        first += len(batch)


@dataclass(frozen=True, slots=True)
class _Seen:
    """How many listings are back in the feed, and how many are newly gone from it."""

    returned: int
    gone: int


def _diff(connection: Connection, report: Report) -> _Seen:
    """Settle rows that share an id, count what is new, changed, the same, and gone.

    Which of several rows wins depends on their content, not on their order in the feed.
    """
    connection.execute(text("CREATE INDEX ON staged (external_id)"))
    connection.execute(text("ANALYZE staged (external_id, fresh, refused)"))
    repeated = connection.execute(
        text(
            "DELETE FROM staged USING (SELECT seq, row_number() OVER (PARTITION BY external_id "
            "ORDER BY content_hash, seq) AS n FROM staged WHERE NOT refused) AS ranked "
            "WHERE staged.seq = ranked.seq AND n > 1 RETURNING place, staged.external_id"
        )
    ).all()
    for row in repeated:
        message = "another row of this feed has the same id; one of them is kept"
        report.reject(row.place, "duplicate_id", message, row.external_id)
    counted = connection.execute(
        text(
            "SELECT count(*) FILTER (WHERE fresh AND l.id IS NULL) AS added, "
            "count(*) FILTER (WHERE fresh AND l.id IS NOT NULL) AS changed, "
            "count(*) FILTER (WHERE NOT fresh AND NOT refused) AS same, "
            "count(*) FILTER (WHERE s.repairs <> '[]') AS repaired, "
            "count(*) FILTER (WHERE NOT refused AND l.last_seen IS NOT NULL) AS returned "
            "FROM staged s LEFT JOIN listing l "
            "ON l.source_id = :source AND l.external_id = s.external_id"
        ),
        {"source": report.source},
    ).one()
    report.added, report.changed, report.same, report.repaired, returned = counted
    codes = "SELECT note ->> 'code', count(*) FROM staged, jsonb_array_elements(repairs) AS note"
    for code, count in connection.execute(text(f"{codes} GROUP BY 1")):
        report.repairs[code] = count
    gone = connection.execute(
        text(f"SELECT count(*), count(*) FILTER (WHERE last_seen IS NULL) FROM listing l {_GONE}"),
        {"source": report.source},
    )
    report.vanished, newly = gone.one()
    return _Seen(returned, newly)


_GONE = (
    "WHERE l.source_id = :source AND NOT EXISTS "
    "(SELECT FROM staged s WHERE s.external_id = l.external_id)"
)


def _verdict(report: Report, seen: _Seen, dry_run: bool) -> str:
    if report.read == report.rejected:
        report.message = (
            "The feed has no rows; nothing was changed."
            if report.read == 0
            else "Not one row of the feed could be used; nothing was changed."
        )
        return "refused"
    if dry_run:
        return "dry-run"
    news = report.added or report.changed or seen.returned or seen.gone
    return "applied" if news else "unchanged"


def _merge(connection: Connection, report: Report, source: SourceSpec, seen: _Seen) -> None:
    """Write the changed rows; invented listings leave when the first real ones come."""
    columns = [name for name in COLUMNS if name != "id"]
    point = (
        "CASE WHEN longitude IS NOT NULL THEN "
        "ST_SetSRID(ST_MakePoint(longitude, latitude), 4326)::geography END"
    )
    updates = ", ".join(f"{name} = excluded.{name}" for name in [*columns, "position"])
    # Neighbours stand together, so that a search near a place reads few pages. Only places in
    # the staging table are sorted: the rows are wide.
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    connection.execute(
        text(
            f"INSERT INTO listing (id, {', '.join(columns)}, position, first_seen) "
            f"SELECT id, {', '.join(columns)}, {point}, CURRENT_DATE FROM ("
            f"SELECT ctid AS tid FROM staged WHERE fresh ORDER BY CAST({point} AS geometry)"
            ") AS sorted JOIN staged ON staged.ctid = sorted.tid "
            f"ON CONFLICT (id) DO UPDATE SET {updates}"
        )
    )
    if source.origin == "feed":
        connection.execute(text("DELETE FROM source WHERE origin = 'sample'"))
    _mark_seen(connection, report, seen)
    connection.execute(
        text(
            "UPDATE generation SET number = number + 1, samples = EXISTS "
            "(SELECT FROM source JOIN listing ON source_id = source.id WHERE origin = 'sample')"
        )
    )


def _mark_seen(connection: Connection, report: Report, seen: _Seen) -> None:
    """Date the listings that the source no longer has, and clear those that came back."""
    values = {"source": report.source}
    if seen.gone:
        connection.execute(
            text(
                "UPDATE listing l SET last_seen = coalesce((SELECT seen_on FROM source "
                f"WHERE id = :source), CURRENT_DATE) {_GONE} AND last_seen IS NULL"
            ),
            values,
        )
    if seen.returned:
        connection.execute(
            text(
                "UPDATE listing l SET last_seen = NULL FROM staged s WHERE l.source_id = :source "
                "AND l.external_id = s.external_id AND NOT s.refused AND l.last_seen IS NOT NULL"
            ),
            values,
        )
