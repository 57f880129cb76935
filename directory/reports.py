"""What readers say is wrong with a listing: kept until a maintainer accepts or declines it.

Nobody needs an account for it, and nothing of a computer is kept. How to reach the reader is
erased as soon as the report is settled, and the report itself a while later.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from directory.errors import UsageError

ABOUT: dict[str, tuple[str, ...]] = {
    "phone": ("phones", "website", "email", "join_url", "join_phone"),
    "place": ("street", "city", "region", "postal_code", "latitude", "longitude"),
    "hours": ("sessions", "recurrence_note", "timezone"),
    "closed": ("status",),
    "offers": ("terms", "fees", "eligibility", "description", "min_age", "max_age"),
    "private": ("address_public", "street", "phones", "status"),
    "other": (),
}
"""What may be wrong -> the fields of a listing that it is about."""
LONGEST, LONGEST_CONTACT = 1_000, 200
WAITING = 10
"""Reports of one listing that wait for a maintainer, beyond which no more are taken."""
RECENT, RECENT_MINUTES = 30, 10
"""Reports in so many minutes, of all listings, beyond which no more are taken."""
KEPT_DAYS = 90
"""Days after which a settled report is deleted."""
SHOWN = 50


class TooMany(Exception):  # noqa: N818 - no fault: the reader may come again
    """No more reports are taken now. ``listing``: of this listing, for many wait already."""

    def __init__(self, listing: bool) -> None:
        super().__init__(listing)
        self.listing = listing


@dataclass(frozen=True, slots=True)
class Waiting:
    """A report that waits, and the name of its listing."""

    id: int
    listing: uuid.UUID
    name: str
    about: str
    words: str
    contact: str | None
    received: datetime

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields that it is about."""
        return ABOUT[self.about]


def add(
    connection: Connection, listing: uuid.UUID, about: str, words: str, contact: str | None
) -> None:
    """Keep a report of a listing that exists. Raises ``TooMany``, whoever sends it: no address of
    a computer is kept that would tell people apart."""
    # One at a time, so that many at once are no way around the limits.
    lock = "SELECT pg_advisory_xact_lock(hashtextextended('directory:report', 0))"
    connection.execute(text(lock))
    waiting, recent = connection.execute(
        text(
            "SELECT count(*) FILTER (WHERE outcome IS NULL AND listing_id = :id), count(*) FILTER "
            f"(WHERE received > now() - interval '{RECENT_MINUTES} minutes') FROM report"
        ),
        {"id": listing},
    ).one()
    if waiting >= WAITING or recent >= RECENT:
        raise TooMany(waiting >= WAITING)
    connection.execute(
        text(
            "INSERT INTO report (listing_id, about, words, contact) "
            "VALUES (:id, :about, :words, :contact)"
        ),
        {"id": listing, "about": about, "words": words, "contact": contact or None},
    )


_WAITING = """
SELECT r.id, r.listing_id, l.name, r.about, r.words, r.contact, r.received
FROM report r JOIN listing l ON l.id = r.listing_id WHERE outcome IS NULL"""


def waiting(connection: Connection) -> list[Waiting]:
    """The reports that wait, the oldest first."""
    query = text(f"{_WAITING} ORDER BY r.id LIMIT {SHOWN}")
    return [Waiting(*row) for row in connection.execute(query)]


def number_waiting(connection: Connection) -> int:
    """How many reports wait."""
    query = text("SELECT count(*) FROM report WHERE outcome IS NULL")
    return int(connection.execute(query).scalar_one())


def find(connection: Connection, number: int) -> Waiting | None:
    """A report that waits."""
    query = text(f"{_WAITING} AND r.id = :id")
    row = connection.execute(query, {"id": number}).one_or_none() if number < 2**63 else None
    return Waiting(*row) if row else None


def settle(connection: Connection, number: int, outcome: str, by: str) -> None:
    """Accept or decline a report, and erase how to reach who sent it; old ones are deleted.

    Raises ``UsageError`` where it does not wait.
    """
    settled = connection.execute(
        text(
            "UPDATE report SET outcome = :outcome, settled = now(), settled_by = :by, "
            "contact = NULL WHERE id = :id AND outcome IS NULL"
        ),
        {"id": min(number, 2**63 - 1), "outcome": outcome, "by": by},
    )
    if not settled.rowcount:
        raise UsageError(f"Report {number} does not wait; somebody may have settled it just now.")
    old = f"DELETE FROM report WHERE settled < now() - interval '{KEPT_DAYS} days'"
    connection.execute(text(old))
