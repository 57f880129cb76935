"""A shortlist: the listings that somebody chose, with their ids in the address and nowhere else."""

import uuid
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from directory.errors import UsageError
from directory.models import Listing
from directory.parameters import Values
from directory.places import Place, distance_m, place_meant
from directory.search import Hit
from directory.towns import named
from directory.vocabulary import Facet, Term, vocabulary
from directory.web.answers import terms_of
from directory.web.language import msgid, to

MOST = 20
_BROKEN = msgid("The address of this list is not whole. Please open it again where you kept it.")
SIDE_BY_SIDE = (2, 4)
"""The fewest and the most places that are compared at once."""
# What a caller asks first; the other facets follow as the vocabulary has them.
_FIRST = ("who", "pay")


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
    near = named(connection, place_meant(connection, typed, country), country) if typed else None
    known = {
        found.id: found for found in session.scalars(select(Listing).where(Listing.id.in_(ids)))
    }
    chosen = [known[i] for i in ids if i in known and known[i].status != "gone"]
    return Shortlist([Hit(it, _distance(it, near)) for it in chosen], near, len(ids) - len(chosen))


def _id(text: str) -> uuid.UUID:
    try:
        return uuid.UUID(text)
    except ValueError as error:
        raise UsageError(_BROKEN, "id") from error


def _distance(listing: Listing, near: Place | None) -> float | None:
    if near is None or listing.latitude is None or listing.longitude is None:
        return None
    return distance_m(near.lat, near.lon, listing.latitude, listing.longitude)


def url(found: Shortlist, typed: str, without: Listing | None = None) -> str:
    """The address of a shortlist, less one listing; ``typed`` is the place in words."""
    ids = [("id", str(hit.listing.id)) for hit in found.hits if hit.listing is not without]
    return to(f"/list?{urlencode([*ids, *([('near', typed)] if typed else [])])}")


def picked(found: Shortlist, values: Values) -> Shortlist:
    """Those of a shortlist that ``compare`` names, in the order of the list."""
    names = set(values.get("compare", ()))
    hits = [hit for hit in found.hits if str(hit.listing.id) in names]
    return Shortlist(hits, found.near, 0)


@dataclass(frozen=True, slots=True)
class Difference:
    """What several listings say of one facet: what each has alone or with some others, and what
    all of them have."""

    facet: Facet
    own: list[list[Term]]
    common: list[Term]


def differences(hits: list[Hit]) -> list[Difference]:
    """The facets of which any of the listings says something, what a caller asks first on top."""
    found = []
    for facet in sorted(vocabulary().facets.values(), key=lambda facet: facet.code not in _FIRST):
        said = [terms_of(hit.listing, facet.code) for hit in hits]
        if any(said):
            common = [term for term in said[0] if all(term in terms for terms in said)]
            own = [[term for term in terms if term not in common] for terms in said]
            found.append(Difference(facet, own, common))
    return found
