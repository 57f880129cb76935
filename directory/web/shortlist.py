"""A shortlist: the listings that somebody chose, with their ids in the address and nowhere else."""

import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from directory.errors import UsageError
from directory.models import Listing
from directory.parameters import Values
from directory.places import Place, distance_m, find_place
from directory.search import Hit
from directory.towns import named
from directory.web.language import msgid, to

MOST = 20


@dataclass(frozen=True, slots=True)
class Shortlist:
    """The listings in the order chosen, from where their distances are, and how many ids are
    nobody's now."""

    hits: list[Hit]
    near: Place | None
    missing: int


def read(values: Values, connection: Connection, session: Session, country: str) -> Shortlist:
    """The shortlist of an address: ``id`` many times, ``near`` a place in words.

    Raises UsageError for more than ``MOST`` ids, what is no id, and a place that is not known.
    """
    ids = list(dict.fromkeys(_id(text) for text in values.get("id", ())))
    if len(ids) > MOST:
        raise UsageError(msgid("A list takes at most %(most)s places."), "id", most=MOST)
    typed = next((text for text in values.get("near", ()) if text.strip()), None)
    near = named(connection, find_place(connection, typed, country), country) if typed else None
    known = {
        found.id: found for found in session.scalars(select(Listing).where(Listing.id.in_(ids)))
    }
    chosen = [known[i] for i in ids if i in known and known[i].status != "gone"]
    return Shortlist([Hit(it, _distance(it, near)) for it in chosen], near, len(ids) - len(chosen))


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise UsageError(msgid("This list names something that is no place."), "id") from error


def _distance(listing: Listing, near: Place | None) -> float | None:
    if near is None or listing.latitude is None or listing.longitude is None:
        return None
    return distance_m(near.lat, near.lon, listing.latitude, listing.longitude)


def url(found: Shortlist, typed: str, without: Listing | None = None) -> str:
    """The address of a shortlist, less one listing; ``typed`` is the place in words."""
    ids = [("id", str(hit.listing.id)) for hit in found.hits if hit.listing is not without]
    return to(f"/list?{urlencode([*ids, *([('near', typed)] if typed else [])])}")
