"""Request parameters -> Search: one reading for pages, API and command line.

Bad values raise UsageError with the parameter's name and what would be right; nothing is
clamped in silence.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection

from directory import schedule
from directory.criteria import Search
from directory.errors import UsageError
from directory.places import Place, place_at, place_meant
from directory.question import When
from directory.records import KINDS
from directory.towns import named
from directory.understand import literal, understand
from directory.vocabulary import vocabulary

METRES = {"mi": 1609.344, "km": 1000.0}
DEFAULT_RADIUS = 25.0
MOST_PER_PAGE = 100
SORTS = ("best", "distance", "soonest", "name")
# More would be no question any more; each is a condition in SQL.
MOST_CHOICES = 60

Values = Mapping[str, Sequence[str]]


def read_search(values: Values, connection: Connection, country: str) -> Search:
    """The search that ``values`` (name -> texts as sent) ask for.

    Names and meanings are those of ``GET /api/v1/search`` in docs/api.md. ``country`` is
    where ambiguous place names are looked for first. Unknown names are left alone.
    """
    typed, place = _one(values, "q"), _place(values, connection, country)
    if _choice(values, "literal", ("1",)):
        asked = literal(typed)
    else:
        # Help lines are for a country: that of the place.
        there = place.country if place else country
        boxes = any(values.get(name) for name in ("kind", "term", "attend"))
        asked = understand(typed, connection, there, beside=place, boxes=boxes)
    if place is not None and asked.place is None:
        place = named(connection, place, country)
    place = asked.place or place
    sort = _choice(values, "sort", SORTS) or "best"
    if sort == "distance" and place is None:
        raise UsageError("Sorting by distance needs a place; give near, or lat and lon.", "sort")
    return Search(
        words=asked.words,
        question=asked,
        place=place,
        radius_m=_radius(values),
        kinds=_several(values, "kind", KINDS),
        terms=_several(values, "term", vocabulary().terms),
        when=_when(values) or asked.when,
        attend=cast(Any, _choice(values, "attend", ("in_person", "online"))) or asked.attend,
        sort=cast(Any, sort),
        page=_whole(values, "page", 1, 10_000, 1),
        per_page=_whole(values, "per_page", 1, MOST_PER_PAGE, 20),
    )


def _one(values: Values, name: str) -> str:
    """The single value of ``name``, trimmed; "" where it is absent."""
    texts = values.get(name, ())
    if len(texts) > 1:
        raise UsageError(
            "%(name)s is given %(times)s times; give it once.", name, name=name, times=len(texts)
        )
    text = texts[0].strip() if texts else ""
    if "\0" in text:
        raise UsageError("%(name)s holds a NUL character; please remove it.", name, name=name)
    return text


def _choice(values: Values, name: str, allowed: Sequence[str]) -> str | None:
    text = _one(values, name)
    if text and text not in allowed:
        raise UsageError(
            "%(name)s can be %(choices)s.", name, name=name, choices=", ".join(allowed)
        )
    return text or None


def _several(values: Values, name: str, allowed: Sequence[str] | Mapping[str, Any]) -> Any:
    texts = tuple(dict.fromkeys(text for text in values.get(name, ()) if text))
    if len(texts) > MOST_CHOICES:
        raise UsageError(
            "%(name)s is given too often; at most %(most)s times.",
            name,
            name=name,
            most=MOST_CHOICES,
        )
    for text in texts:
        if text not in allowed:
            if name == "kind":
                raise UsageError(
                    "There is no such kind; it can be %(kinds)s.", name, kinds=", ".join(allowed)
                )
            raise UsageError(
                "There is no such term; it can be a code listed at /api/v1/vocabulary.", name
            )
    return texts


def _number(values: Values, name: str) -> float | None:
    text = _one(values, name)
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise UsageError("%(name)s takes a number, such as 39.74.", name, name=name)
    return number


def _whole(values: Values, name: str, least: int, most: int, default: int) -> int:
    text = _one(values, name)
    if not text:
        return default
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and least <= int(text) <= most):
        raise UsageError(
            "%(name)s takes a whole number from %(least)s to %(most)s.",
            name,
            name=name,
            least=least,
            most=most,
        )
    return int(text)


def _radius(values: Values) -> float:
    unit = _choice(values, "unit", tuple(METRES)) or "mi"
    radius = _number(values, "radius")
    if radius is None:
        radius = DEFAULT_RADIUS
    if not 0.1 <= radius <= 500:
        raise UsageError("Choose how far to look: 0.1 to 500, in miles or km.", "radius")
    return radius * METRES[unit]


def _place(values: Values, connection: Connection, country: str) -> Place | None:
    near = _one(values, "near")
    lat, lon = _number(values, "lat"), _number(values, "lon")
    if (lat is None) != (lon is None):
        missing = "lat" if lat is None else "lon"
        raise UsageError("A point needs both lat and lon.", missing)
    if lat is not None and lon is not None:
        if near:
            raise UsageError("Give near, or lat and lon, not both.", "near")
        return place_at(lat, lon)
    return place_meant(connection, near, country) if near else None


def _when(values: Values) -> When | None:
    days = (*schedule.WEEKDAYS, "today", "tomorrow")
    when = When(
        day=_choice(values, "day", days),
        time=_choice(values, "time", tuple(schedule.PARTS)),
        open=_choice(values, "open", ("now",)),
    )
    if when.open and (when.day or when.time):
        raise UsageError("open=now cannot go with day or time; leave one out.", "open")
    return when if when != When() else None
