"""Putting a run back: its source's listings become what they were before it."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from directory import changes, matching
from directory.errors import UsageError
from directory.runs import begin, exclusive, reason, writing


@dataclass(slots=True)
class Undone:
    """What an undo did: listings that it removed, and those that it made what they were."""

    run_id: int
    source: str
    undoes: int
    removed: int
    restored: int
    seconds: float

    def document(self) -> dict[str, Any]:
        """The undo as one JSON document."""
        return {
            "run_id": self.run_id,
            "source": self.source,
            "status": "undo",
            "undoes": self.undoes,
            "removed": self.removed,
            "restored": self.restored,
            "seconds": round(self.seconds, 3),
        }


def undo(engine: Engine, run: int) -> Undone:
    """Put back ``run``, the newest applied one of its source; a run itself in the history.

    UsageError where it is not, or is older than what is kept; LockedError where a run of the
    source is at work. Maintainers' overrides stand, and invented samples do not come back.
    """
    started = time.monotonic()
    with engine.connect() as connection:
        source = _source_of(connection, run)
    with exclusive(engine, source) as books:
        _check(books, source, run)
        own = begin(books, source, undoes=run)
        try:
            with engine.begin() as connection:
                writing(connection, source)
                matching.exclusive(connection)
                removed, restored = changes.put_back(connection, run)
                matching.match_run(connection, run)
                changes.forget(connection, run)
                _enter(connection, source, own, run, {"removed": removed, "restored": restored})
        except BaseException as error:
            failed = "UPDATE import_run SET status = 'failed', finished = now(), message = :why, "
            with suppress(SQLAlchemyError):  # the next run notes it
                books.execute(
                    text(f"{failed} undoes = NULL WHERE id = :run AND status = 'running'"),
                    {"why": reason(error), "run": own},
                )
            raise
    return Undone(own, source, run, removed, restored, time.monotonic() - started)


def _source_of(connection: Connection, run: int) -> str:
    found = connection.execute(
        text("SELECT source_id FROM import_run WHERE id = :run"), {"run": run}
    ).scalar()
    if found is None:
        raise UsageError(f"There is no run {run}; see directory runs.")
    return str(found)


def _check(books: Connection, source: str, run: int) -> None:
    """UsageError unless ``run`` is the newest of the source that can be undone."""
    runs = books.execute(
        text(
            "SELECT id, status, EXISTS (SELECT FROM import_run u WHERE u.undoes = r.id "
            "AND u.status = 'undo') AS undone, EXISTS (SELECT FROM change WHERE run_id = r.id) "
            "AS kept FROM import_run r WHERE source_id = :source AND id >= :run ORDER BY id DESC"
        ),
        {"source": source, "run": run},
    ).all()
    own = runs[-1]
    if own.undone:
        raise UsageError(f"Run {run} has been undone already.")
    if own.status != "applied":
        raise UsageError(f"Run {run} is {own.status} and changed nothing.")
    newest = next(other for other in runs if other.status == "applied" and not other.undone)
    if newest.id != run:
        raise UsageError(
            f"Run {newest.id} of {source} came after run {run}; undo {newest.id} first."
        )
    if not own.kept:
        raise UsageError(
            f"What run {run} changed is no longer kept: only the last {changes.KEPT} applied runs "
            "of a source can be undone. Import an archived feed instead."
        )


def _enter(connection: Connection, source: str, own: int, run: int, counts: dict[str, int]) -> None:
    """Enter the undo in the books, together with the listings."""
    connection.execute(
        text(
            "UPDATE import_run SET status = 'undo', finished = now(), counts = jsonb_build_object("
            "'removed', CAST(:removed AS int), 'restored', CAST(:restored AS int)) WHERE id = :own"
        ),
        {"own": own, **counts},
    )
    # The last good run is again the one before; what was put back is read again if it comes again.
    connection.execute(
        text(
            "UPDATE source SET feed = NULL, seen_on = "
            "(SELECT max(r.started)::date FROM import_run r "
            "WHERE r.source_id = :source AND r.id < :run AND r.status IN ('applied', 'unchanged') "
            "AND NOT EXISTS (SELECT FROM import_run u WHERE u.undoes = r.id "
            "AND u.status = 'undo')) WHERE id = :source"
        ),
        {"source": source, "run": run},
    )
    connection.execute(
        text(
            "UPDATE generation SET number = number + 1, samples = EXISTS "
            "(SELECT FROM source JOIN listing ON source_id = source.id WHERE origin = 'sample')"
        )
    )
