"""Records -> staging -> diff -> one merge transaction. The only writer of listings.

An import is one transaction: killed at any instant it leaves what was there, and the next
run starts afresh. Rows that came before are known by their digest (``directory.known``); others
are compared by ``content_hash`` before they are validated, so that an unchanged feed costs little
and changes nothing. Where a source has no listings yet there is nothing to compare with: its
rows are written while others are still judged, and who searches sees them when all is done.
"""

import contextlib
import io
import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from directory import changes, db, demand, guard, known, matching, overrides, positions
from directory.judge import COLUMNS, STAGED, Batch, identity, judge_all, sample
from directory.known import News
from directory.records import Item
from directory.runs import (
    Report,
    SourceSpec,
    close_run,
    exclusive,
    fail_run,
    open_run,
    reason,
    refused_diff,
    telling,
    writing,
)

BATCH = 2_000
# Rows that are read ahead: more would take memory that an import has not.
AHEAD = 500
# Rows changed by one import above which the planner's statistics are made anew at once.
ANALYZE_FROM = 1_000
TOMBSTONE_DAYS = 14
"""Days after which a listing that at least two good runs lacked is shown no more."""


Tell = Callable[[int], None]


class Feed(Protocol):
    """What a run asks of the feed as a whole; ``directory.repeats`` has it."""

    @property
    def skips(self) -> bool:
        """Whether rows that are known need not be read; said once it was asked for repeats."""

    def repeats(self, connection: Connection, report: Report) -> bool:
        """Whether it need not be read: nothing can have changed, and the report says what is."""

    def row_key(self) -> str:
        """What decides, beside a row itself, what listing is made of it."""

    def alarms(self) -> list[guard.Alarm]:
        """What of it is not believable, once it has been read."""

    def known(self, connection: Connection, report: Report) -> str | None:
        """What to keep with the source of a good run, as JSON, for the next one."""


def load(  # noqa: PLR0913 - what a run is of, and four keywords
    engine: Engine,
    source: SourceSpec,
    items: Iterable[Item],
    *,
    dry_run: bool = False,
    accept: int | None = None,
    progress: Tell = lambda _: None,
    feed: Feed | None = None,
) -> Report:
    """Import ``items`` as the whole content of ``source``.

    accept: a refused run; this one may do exactly what that one would have done. What passes
    the guard's limits otherwise is refused. A listing that the feed lacks stays, with the day
    it was last seen, for ``TOMBSTONE_DAYS``. Raises ``LockedError`` where another run of the
    source is at work; an error while reading passes through. Both leave every listing as it was.
    """
    started = time.monotonic()
    with exclusive(engine, source.id) as books:
        accepted = None if accept is None else (accept, refused_diff(books, source.id, accept))
        report, written = Report(source.id, open_run(books, source)), False
        try:
            with engine.connect() as connection, connection.begin() as transaction:
                writing(connection, source.id)
                seen, first = _Seen(), False
                if feed is None or not feed.repeats(connection, report):
                    tell = telling(books, report.run_id, progress)
                    first = not dry_run and _is_first(connection, source.id)
                    _prepare(connection, source.id, first)
                    for span in _stage(connection, report, items, feed, tell):
                        if first:
                            _write(connection, "fresh AND seq BETWEEN :a AND :b", span, _KEPT)
                    seen = _diff(connection, report)
                    report.alarms = feed.alarms() if feed else []
                    _judge(connection, report, source, seen, accepted)
                report.status = "dry-run" if dry_run else str(report.verdict)
                if report.status == "applied":
                    matching.exclusive(connection)
                    _merge(connection, report, source, seen, first)
                    matching.match_run(connection, report.run_id)
                if report.status in ("applied", "unchanged"):
                    _remember(connection, report, feed)
                    connection.execute(text("DROP VIEW IF EXISTS before"))
                    demand.forget(connection)  # here too, for where nothing is counted any more
                    # With the listings, or a kill in between would leave the books wrong.
                    close_run(connection, report)
                    transaction.commit()
                    written = True
                else:
                    transaction.rollback()
        except BaseException as error:
            judged = report.status, report.message
            report.status, report.message = "failed", reason(error)
            if fail_run(books, report):
                raise
            report.status, report.message = judged
        else:
            if not written:
                close_run(books, report)
        report.seconds = time.monotonic() - started
    if report.status == "applied" and report.added + report.changed >= ANALYZE_FROM:
        _tidy(engine)
    return report


def _tidy(engine: Engine) -> None:
    """New statistics for the planner. Without them the server makes its own, in some minutes."""
    with (
        contextlib.suppress(DBAPIError),  # what was imported stays imported
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        connection.execute(text("VACUUM (ANALYZE) listing"))


def _remember(connection: Connection, report: Report, feed: Feed | None) -> None:
    """Note with the source that it was read today, and what was."""
    if report.repeats is None:
        known.remember(connection, report.source)
    what = feed.known(connection, report) if feed else None
    today = "UPDATE source SET seen_on = CURRENT_DATE, feed = CAST(:known AS jsonb) WHERE id = :id"
    connection.execute(text(today), {"known": what, "id": report.source})


def _is_first(connection: Connection, source: str) -> bool:
    """Whether the source has no listings at all."""
    any_of_it = text("SELECT EXISTS (SELECT FROM listing WHERE source_id = :source)")
    return not connection.execute(any_of_it, {"source": source}).scalar()


def _prepare(connection: Connection, source: str, first: bool) -> None:
    """Make the temporary table ``staged``, for every row of the feed, and the view ``before``, of
    what the source had when the run began."""
    # What a search by words reads through beside its index; it is emptied at the end.
    connection.execute(text("SET LOCAL gin_pending_list_limit = '1MB'"))
    connection.execute(text("SET LOCAL work_mem = '64MB'"))
    connection.execute(
        text(
            # Rows whole, as in ``listing``: to compress wide ones took longer than to write them.
            "CREATE TEMP TABLE staged WITH (toast_tuple_target = 8160) ON COMMIT DROP AS "
            "SELECT 0::bigint AS seq, ''::text AS place,"
            " CAST(NULL AS uuid) AS digest, true AS known, false AS fresh, false AS refused, "
            f"{', '.join(COLUMNS)} FROM listing WITH NO DATA"
        )
    )
    if first:
        connection.execute(text("CREATE INDEX ON staged (seq)"))
    connection.execute(
        text(
            "CREATE TEMP VIEW before AS SELECT * FROM listing "
            f"WHERE source_id = :source AND {not first}"
        ),
        {"source": source},
    )


def _stage(
    connection: Connection, report: Report, items: Iterable[Item], feed: Feed | None, tell: Tell
) -> Iterator[dict[str, int]]:
    """Put every row of the feed into ``staged``: as known, or judged. Yields, for each batch that
    was judged, the numbers of its first row and of its last one as ``a`` and ``b``."""
    cursor = connection.connection.cursor()
    copy = f"COPY staged ({', '.join(STAGED)}) FROM STDIN (ENCODING 'UTF8')"
    news = _news(connection, report, items, feed, tell)
    for batch, judged in judge_all(_batches(connection, report.source, news), connection):
        with db.driver_errors():
            cursor.copy_expert(copy, io.BytesIO(judged.lines))
        for number, refusal in judged.refused:
            row = batch.rows[number]
            report.reject(row.where, refusal.code, refusal.message, sample(row.raw))
        report.read += judged.read
        tell(report.read)
        yield {"a": batch.marks[0][0], "b": batch.marks[-1][0]}


def _news(
    connection: Connection, report: Report, items: Iterable[Item], feed: Feed | None, tell: Tell
) -> Iterator[News]:
    """The items that must be read; those that are known are staged at once."""
    for chunk in _ahead(_chunks(items, feed.row_key() if feed else None)):
        found: set[int] = set()
        if feed and feed.skips:
            found = known.stage(connection, report.source, chunk)
            report.read += len(found)
            tell(report.read)
        yield from (news for news in chunk if news[0] not in found)


def _chunks(items: Iterable[Item], key: str | None) -> Iterator[list[News]]:
    numbered = enumerate(items)
    while chunk := list(itertools.islice(numbered, AHEAD)):
        yield [(seq, item.digest(key) if key else None, item) for seq, item in chunk]


def _ahead(chunks: Iterator[list[News]]) -> Iterator[list[News]]:
    """The chunks, each but the first read while the one before it is at work in the database."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        coming = reader.submit(next, chunks, None)
        while chunk := coming.result():
            coming = reader.submit(next, chunks, None)
            yield chunk


def _batches(connection: Connection, source: str, news: Iterator[News]) -> Iterator[Batch]:
    """The rows in batches, each with what is stored of them."""
    query = text(
        "SELECT external_id, content_hash, repairs FROM listing "
        "WHERE source_id = :source AND external_id = ANY(:ids)"
    )
    while batch := list(itertools.islice(news, BATCH)):
        rows = positions.located(connection, [item.row() for _, _, item in batch])
        found = connection.execute(query, {"source": source, "ids": [*map(identity, rows)]})
        stored = {row.external_id: (row.content_hash, row.repairs) for row in found}
        marks = [(seq, digest) for seq, digest, _ in batch]
        yield Batch(source, marks, rows, stored)


@dataclass(frozen=True, slots=True)
class _Seen:
    """How many listings are back in the feed, newly missing from it, and missing for long."""

    returned: int = 0
    gone: int = 0
    buried: int = 0


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
            "FROM staged s LEFT JOIN before l ON l.external_id = s.external_id"
        )
    ).one()
    report.added, report.changed, report.same, report.repaired, returned = counted
    codes = "SELECT note ->> 'code', count(*) FROM staged, jsonb_array_elements(repairs) AS note"
    for code, count in connection.execute(text(f"{codes} GROUP BY 1")):
        report.repairs[code] = count
    gone = connection.execute(
        text(
            "SELECT count(*), count(*) FILTER (WHERE last_seen IS NULL), "
            f"count(*) FILTER (WHERE {_LONG_GONE}) FROM before l WHERE {_GONE}"
        ),
        {"source": report.source},
    )
    report.vanished, newly, buried = gone.one()
    return _Seen(returned, newly, buried)


_GONE = (
    "l.source_id = :source AND NOT EXISTS "
    "(SELECT FROM staged s WHERE s.external_id = l.external_id)"
)
STANDING = "coalesce(said ->> 'status', status) <> 'gone'"
"""Of listings that are no tombstones yet."""
# Where the day is set, a good run before this one lacked the listing too.
_LONG_GONE = f"last_seen <= CURRENT_DATE - {TOMBSTONE_DAYS} AND {STANDING}"


def _judge(
    connection: Connection,
    report: Report,
    source: SourceSpec,
    seen: _Seen,
    accepted: tuple[int, str] | None,
) -> None:
    """Say what the run is: with nothing to write there is nothing to guard."""
    good = report.added + report.changed + report.same
    news = report.added or report.changed or seen.returned or seen.gone or seen.buried
    if good and not news:
        report.alarms, report.verdict = [], "unchanged"
        return
    if good and source.origin == "feed":
        found = guard.measure(connection, report.read, report.rejected)
        own = text("SELECT limits FROM source WHERE id = :source")
        limits = connection.execute(own, {"source": source.id}).scalar_one()
        report.alarms += guard.alarms(found, limits)
    elif not good:
        report.alarms = guard.alarms(guard.Measured(report.read, report.rejected, 0), {})
    if not report.alarms and accepted is None:
        report.verdict = "applied"
        return
    report.fingerprint = guard.fingerprint(connection)
    report.examples = guard.examples(connection)
    if good and accepted and accepted[1] == report.fingerprint:
        report.verdict, report.accepts = "applied", accepted[0]
        report.message = f"Accepted as run {accepted[0]} was refused."
        return
    if accepted and good:
        report.alarms.insert(0, guard.not_that_diff(accepted[0]))
    report.verdict = "refused"
    said = [*(alarm.message for alarm in report.alarms), "Nothing was changed."]
    if good:
        said.append(f"If all this is right, run the import again with --accept {report.run_id}.")
    report.message = " ".join(said)


_POINT = changes.POINT.format("staged")
_FROM_STAGED = [name for name in COLUMNS if name != "id"]
_KEPT = "NOTHING"
_REPLACED = "UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in [*_FROM_STAGED, "position"]
)


def _write(connection: Connection, which: str, values: Mapping[str, int], there: str) -> None:
    """Make listings of the rows of ``staged`` that a condition is true of; ``there`` says what
    happens to those that are there (``_KEPT``, ``_REPLACED``)."""
    # Neighbours (of a first import, those of a batch) stand together, so that a search near a
    # place reads few pages. Only places in the staging table are sorted: the rows are wide.
    names = ", ".join(_FROM_STAGED)
    connection.execute(
        text(
            f"INSERT INTO listing (id, {names}, position, first_seen) "
            f"SELECT id, {names}, {_POINT}, CURRENT_DATE FROM ("
            f"SELECT ctid AS tid FROM staged WHERE {which} ORDER BY CAST({_POINT} AS geometry)"
            ") AS sorted JOIN staged ON staged.ctid = sorted.tid "
            f"ON CONFLICT (id) DO {there}"
        ),
        values,
    )


def _merge(
    connection: Connection, report: Report, source: SourceSpec, seen: _Seen, first: bool
) -> None:
    """Write the changed rows; invented listings leave when the first real ones come."""
    lost = f"{_GONE} AND (last_seen IS NULL OR {_LONG_GONE})"
    gone = lost if seen.gone or seen.buried else None
    changes.record(connection, source.id, report.run_id, gone)
    if not first:
        _write(connection, "fresh", {}, _REPLACED)
    elif report.reasons["duplicate_id"]:
        # Of rows that share an id, the one that was read first is there already.
        other = "l.id = staged.id AND l.content_hash <> staged.content_hash"
        _write(connection, f"fresh AND EXISTS (SELECT FROM listing l WHERE {other})", {}, _REPLACED)
    overrides.renew(connection)
    if source.origin == "feed":
        connection.execute(
            text(
                "WITH gone AS (DELETE FROM source WHERE origin = 'sample' RETURNING id) "
                "DELETE FROM known_row USING gone WHERE source_id = gone.id"
            )
        )
    _mark_seen(connection, report, seen)
    for index in ("ix_listing_search", "ix_listing_search_sample"):
        connection.execute(text(f"SELECT gin_clean_pending_list('{index}')"))
    connection.execute(
        text(
            "UPDATE generation SET number = number + 1, samples = EXISTS "
            "(SELECT FROM source JOIN listing ON source_id = source.id WHERE origin = 'sample')"
        )
    )


def _mark_seen(connection: Connection, report: Report, seen: _Seen) -> None:
    """Date the listings that the source no longer has, bury old ones, clear those that returned."""
    values = {"source": report.source}
    if seen.buried:
        # Without its hash it is derived anew, and so comes back as it is, when the feed has it.
        # One of which a maintainer wrote the status keeps that.
        connection.execute(
            text(
                "UPDATE listing l SET content_hash = '', "
                "status = CASE WHEN overrides ? 'status' THEN status ELSE 'gone' END, "
                """said = said || '{"status": "gone", "content_hash": ""}' """
                f"WHERE {_GONE} AND {_LONG_GONE}"
            ),
            values,
        )
    if seen.gone:
        connection.execute(
            text(
                "UPDATE listing l SET last_seen = coalesce((SELECT seen_on FROM source "
                f"WHERE id = :source), CURRENT_DATE) WHERE {_GONE} AND last_seen IS NULL"
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
