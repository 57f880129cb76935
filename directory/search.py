"""Search (one frozen dataclass) -> SQL -> Page. All search SQL is here.

The statements are put together from fixed fragments; what a person asked travels as bound
parameters. One statement gives the page, the exact total and every facet's counts, because
it gathers the matches once. See docs/architecture.md for the measurements behind the paths.
"""

import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session

from directory import schedule
from directory.errors import UsageError
from directory.models import Listing
from directory.places import Place
from directory.question import Words
from directory.vocabulary import vocabulary

# Totals and counts are exact up to here; beyond, counts come from a sample.
EXACT_TO = 10_000
SAMPLE = 2_000
# Fewer hits than this within the radius: the nearest beyond it are shown too, this many.
FEW = 5
# Online help shown under the results, chosen as the soonest of the most complete.
ONLINE_SHOWN, ONLINE_CHOSEN_FROM = 5, 100
# How many there are is counted up to here.
ONLINE_EXACT_TO = 1_000

# What "best" means near a place: metres are added for words that match only in terms or only
# in the rest, and for an incomplete record; the smallest sum comes first.
TIER_M = (0.0, 5_000.0, 15_000.0)
INCOMPLETE_M = 4_000.0

Sort = Literal["best", "distance", "soonest", "name"]


@dataclass(frozen=True, slots=True)
class When:
    """A day (or None for any), a part of it (or None), or open at this moment."""

    day: str | None = None
    time: str | None = None
    open: str | None = None


@dataclass(frozen=True, slots=True)
class Search:
    """A question from the edge to SQL. ``radius_m`` is in geodesic metres, inclusive.

    ``terms`` hold codes; those of a facet with ``match_all`` must all be there, of another
    facet one of them. ``page`` counts from 1.
    """

    words: Words | None = None
    place: Place | None = None
    radius_m: float = 40_233.6
    kinds: tuple[str, ...] = ()
    terms: tuple[str, ...] = ()
    when: When | None = None
    attend: Literal["in_person", "online"] | None = None
    sort: Sort = "best"
    page: int = 1
    per_page: int = 20

    @property
    def near(self) -> bool:
        """Whether results are doors at a distance (and not help from anywhere)."""
        return self.place is not None and self.attend != "online"


@dataclass(frozen=True, slots=True)
class Hit:
    """One result. ``beyond``: outside the radius, shown because little is inside."""

    listing: Listing
    distance_m: float | None = None
    beyond: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """An answer. ``counts`` are per facet (and "kind"): code -> how many clicking would give.

    Where they are not exact, they are estimates from a sample. ``online_total`` is counted
    up to ``ONLINE_EXACT_TO``.
    """

    hits: list[Hit]
    total: int
    total_is_exact: bool = True
    counts_are_exact: bool = True
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    online: list[Hit] = field(default_factory=list)
    online_total: int = 0

    @property
    def beyond(self) -> bool:
        """Whether the nearest ones outside the radius are shown."""
        return any(hit.beyond for hit in self.hits)


@dataclass(slots=True)
class Filter:
    """SQL conditions: ``always`` hold, ``choices`` are OR filters by facet; with parameters."""

    always: list[str]
    choices: dict[str, str]
    parameters: dict[str, Any]

    def where(self, *more: str) -> str:
        """All conditions as one SQL expression."""
        return " AND ".join([*self.always, *self.choices.values(), *more])


def conditions(search: Search, now: datetime) -> Filter:
    """What a listing must satisfy, leaving aside where it is."""
    found = Filter(["listed"], {}, {})
    if search.words is not None:
        found.always.append(_or_named(search.words, "search @@ CAST(:tsquery AS tsquery)"))
        found.parameters |= {"tsquery": search.words.tsquery, "name": search.words.name}
    if search.kinds:
        found.choices["kind"] = "kind = ANY(:kinds)"
        found.parameters["kinds"] = list(search.kinds)
    chosen: dict[str, list[str]] = defaultdict(list)
    for code in search.terms:
        chosen[vocabulary().terms[code].facet].append(code)
    for facet, codes in chosen.items():
        match_all = vocabulary().facets[facet].match_all
        if search.near:
            # Within a radius the short array is quicker to test than the words.
            found.parameters[f"terms_{facet}"] = codes
            condition = f"terms {'@>' if match_all else '&&'} CAST(:terms_{facet} AS text[])"
        else:
            # A term is a lexeme too, so that one index finds words and terms together.
            lexemes = (f"'{code}'" for code in codes)
            found.parameters[f"terms_{facet}"] = (" & " if match_all else " | ").join(lexemes)
            condition = f"search @@ CAST(:terms_{facet} AS tsquery)"
        if match_all:
            found.always.append(condition)
        else:
            found.choices[facet] = condition
    if search.when is not None:
        found.always.append(_when(search.when, now, found.parameters))
    return found


def _or_named(words: Words, condition: str) -> str:
    """``condition``, or the text is the listing's very name."""
    return condition if words.name is None else f"({condition} OR name_key = :name)"


def _when(when: When, now: datetime, parameters: dict[str, Any]) -> str:
    """Weekly hours that meet ``when`` on each listing's own clocks."""
    groups: dict[str, list[str]] = defaultdict(list)
    for minute, zones in schedule.clocks(now).items():
        if when.open:
            spans = [(minute, minute + 1)]
        else:
            spans = schedule.wanted(when.day, when.time, minute // schedule.DAY)
        groups[schedule.multirange(spans)] += zones
    parts = []
    for number, (spans_text, zones) in enumerate(groups.items()):
        parameters |= {f"zones_{number}": zones, f"minutes_{number}": spans_text}
        parts.append(
            f"timezone = ANY(:zones_{number})"
            f" AND weekly && CAST(:minutes_{number} AS int4multirange)"
        )
    return "(" + " OR ".join(f"({part})" for part in parts) + ")"


def _soon(now: datetime, parameters: dict[str, Any]) -> str:
    """Minutes until a listing's next session starts, on its own clocks; NULL if unknown."""
    cases = []
    for number, (minute, zones) in enumerate(schedule.clocks(now).items()):
        parameters[f"clock_{number}"] = zones
        cases.append(f"WHEN timezone = ANY(:clock_{number}) THEN {minute}")
    return (
        "(SELECT min(((s ->> 'weekday')::int * 1440 + left(s ->> 'start', 2)::int * 60"
        f" + right(s ->> 'start', 2)::int - CASE {' '.join(cases)} END + 10080) % 10080)"
        " FROM jsonb_array_elements(sessions) AS s)"
    )


def _within(search: Search, parameters: dict[str, Any]) -> str:
    """The condition on where a listing is; sets the point and the radius."""
    assert search.place is not None  # noqa: S101 - for the type checker; callers ask ``near``
    parameters["point"] = f"SRID=4326;POINT({search.place.lon!r} {search.place.lat!r})"
    # PostGIS rounds the distances it shows, not those it compares; a micrometre bridges that.
    parameters["radius"] = search.radius_m + 1e-6
    return "in_person AND ST_DWithin(position, CAST(:point AS geography), :radius)"


def order(search: Search) -> str:
    """ORDER BY over the columns of ``hits``; ties by id, so that pages are stable."""
    if search.sort == "name":
        return "name_key, id"
    if search.sort == "soonest":
        return "soon NULLS LAST, distance, quality DESC, id"
    if search.near and search.sort == "distance":
        return "distance, id"
    if search.near:
        tier_m = f"(ARRAY[{', '.join(map(str, TIER_M))}])[tier + 1]"
        return f"distance + {tier_m} + {INCOMPLETE_M} * (1 - quality), id"
    return "tier, quality DESC, id"


def page_statement(
    search: Search, now: datetime, *, limit: int | None = None, narrow: bool = False
) -> tuple[str, dict[str, Any]]:
    """One statement that gathers the matches and answers page, total and counts.

    ``limit`` stops gathering there; ``narrow`` gathers only what meets the OR choices too.
    Columns of its one row: gathered, total, page (JSON: id, distance), terms and kinds
    (JSON: code, the count of all that match, then the counts without each OR choice in turn).
    """
    wanted = conditions(search, now)
    parameters = wanted.parameters
    gather = [wanted.where()] if narrow else list(wanted.always)
    distance = "NULL::float8"
    if search.near:
        gather.append(_within(search, parameters))
        distance = "ST_Distance(position, CAST(:point AS geography))"
    elif search.attend:
        gather.append(search.attend)
    soon = _soon(now, parameters) if search.sort == "soonest" else "NULL::int"
    parameters |= {"limit": search.per_page, "offset": (search.page - 1) * search.per_page}
    sql = f"""
WITH hits AS MATERIALIZED (
  SELECT id, kind, terms, quality, name_key, {distance} AS distance,
         {_tier(search, parameters)} AS tier, {soon} AS soon{_flags(wanted)}
  FROM listing WHERE {" AND ".join(gather)}{f" LIMIT {limit}" if limit else ""}
), page AS (
  SELECT id, distance FROM hits WHERE {_all_but(wanted, None)}
  ORDER BY {order(search)} LIMIT :limit OFFSET :offset
)
SELECT (SELECT count(*) FROM hits) AS gathered,
       (SELECT count(*) FROM hits WHERE {_all_but(wanted, None)}) AS total,
       (SELECT json_agg(json_build_array(id, distance)) FROM page) AS page,
       {_counted(wanted)}"""
    return sql, parameters


def _flags(wanted: Filter) -> str:
    """A column of ``hits`` for each OR choice: whether the row meets it."""
    return "".join(f", {sql} AS ok_{facet}" for facet, sql in wanted.choices.items())


def _counted(wanted: Filter) -> str:
    """The columns terms and kinds over ``hits``: for each code, how many rows meet every OR
    choice, then how many without each choice in turn."""
    skips = [None, *wanted.choices]
    counts = ", ".join(f"count(*) FILTER (WHERE {_all_but(wanted, skip)})" for skip in skips)
    return f"""
  (SELECT json_agg(f) FROM (SELECT json_build_array(code, {counts}) AS f
     FROM hits, unnest(terms) AS code GROUP BY code) AS t) AS terms,
  (SELECT json_agg(f) FROM (SELECT json_build_array(kind, {counts}) AS f
     FROM hits GROUP BY kind) AS k) AS kinds"""


def _all_but(wanted: Filter, skipped: str | None) -> str:
    return " AND ".join(f"ok_{f}" for f in wanted.choices if f != skipped) or "true"


def _tier(search: Search, parameters: dict[str, Any]) -> str:
    """0 where the words match in the name, 1 in name, terms and kind, else 2."""
    if search.words is None:
        return "0"
    parameters["name_tsquery"] = search.words.name_tsquery
    parameters["term_tsquery"] = search.words.term_tsquery
    in_name = _or_named(search.words, _IN_NAME)
    return f"CASE WHEN {in_name} THEN 0 WHEN {_IN_TERMS} THEN 1 ELSE 2 END"


# The same expression as the index of names, which knows how common a word is in names.
_IN_NAME = "ts_filter(search, '{a}') @@ CAST(:name_tsquery AS tsquery)"
_IN_TERMS = "search @@ CAST(:term_tsquery AS tsquery)"


def answer(connection: Connection, search: Search, now: datetime) -> Page:
    """Answer ``search`` as of the instant ``now``.

    Raises UsageError for pages beyond the first 10,000 results.
    """
    if search.page * search.per_page > EXACT_TO:
        raise UsageError(
            f"Only the first {EXACT_TO:,} results can be paged through; please narrow the search.",
            "page",
        )
    now = now.replace(second=0, microsecond=0)
    # Near a place, and where every start time must be compared, all matches are gathered.
    limit = None if search.near or search.sort == "soonest" else EXACT_TO + 1
    row = _one(connection, page_statement(search, now, limit=limit))
    if limit is not None and row.gathered >= limit:
        found = _answer_many(connection, search, now)
    else:
        found = _Found(row.page or [], row.total, True, True, _counts(search, row))
    hits = [(uuid.UUID(id_), distance, False) for id_, distance in found.page]
    online: list[uuid.UUID] = []
    online_total = 0
    if search.near and search.page == 1:
        if found.total < FEW:
            nearest = _beyond(connection, search, now)
            hits += [(id_, distance, True) for id_, distance in nearest]
        if search.attend is None:
            online, online_total = _online(connection, search, now)
    listings = _listings(connection, [id_ for id_, *_ in hits] + online)
    return Page(
        hits=[Hit(listings[i], distance, beyond) for i, distance, beyond in hits],
        total=found.total,
        total_is_exact=found.total_is_exact,
        counts_are_exact=found.counts_are_exact,
        counts=found.counts,
        online=[Hit(listings[i]) for i in online],
        online_total=online_total,
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """Ids and distances in order, the total, and the counts per facet."""

    page: list[tuple[str, float | None]]
    total: int
    total_is_exact: bool
    counts_are_exact: bool
    counts: dict[str, dict[str, int]]


def _one(connection: Connection, statement: tuple[str, dict[str, Any]]) -> Any:
    sql, parameters = statement
    return connection.execute(text(sql), parameters).one()


def _counts(search: Search, row: Any, scale: float = 1.0) -> dict[str, dict[str, int]]:
    """Counts by facet; a facet with OR choices is counted without them."""
    facet_of = {code: term.facet for code, term in vocabulary().terms.items()}
    column = {facet: n for n, facet in enumerate(_choices(search), start=2)}
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for code, *numbers in row.kinds or []:
        counts["kind"][code] = round(numbers[column.get("kind", 1) - 1] * scale)
    for code, *numbers in row.terms or []:
        if facet := facet_of.get(code):
            counts[facet][code] = round(numbers[column.get(facet, 1) - 1] * scale)
    return {facet: {c: n for c, n in found.items() if n} for facet, found in counts.items()}


def _choices(search: Search) -> list[str]:
    """The facets whose OR choices a count leaves aside, in the order of ``conditions``."""
    facets = {vocabulary().terms[code].facet: True for code in search.terms}
    any_of = [facet for facet in facets if not vocabulary().facets[facet].match_all]
    return (["kind"] if search.kinds else []) + any_of


def _answer_many(connection: Connection, search: Search, now: datetime) -> _Found:
    """The path for more matches than are gathered: no place, and words or terms are common.

    With OR choices the matches may still be few enough to gather. Else the page is read in
    the order of an index, and counts are estimated from a sample.
    """
    limit = EXACT_TO + 1
    sampled = _sampled_counts(connection, search, now)
    if _choices(search):
        row = _one(connection, page_statement(search, now, limit=limit, narrow=True))
        if row.gathered < limit:
            exact = _counts(search, row)
            own = {facet: sampled.get(facet, {}) for facet in _choices(search)}
            return _Found(row.page or [], row.total, True, False, exact | own)
    return _Found(_ordered(connection, search, now), EXACT_TO, False, False, sampled)


def _ordered(
    connection: Connection, search: Search, now: datetime
) -> list[tuple[str, float | None]]:
    """One page in index order: tier by tier, so that each part can stop early."""
    wanted = conditions(search, now)
    if search.attend:
        wanted.always.append(search.attend)
    tiers, by = ["true"], "quality DESC, id"
    if search.sort == "name":
        by = "name_key, id"
    elif search.words is not None:
        _tier(search, wanted.parameters)
        in_name = _or_named(search.words, _IN_NAME)
        tiers = [
            in_name,
            f"NOT ({in_name}) AND {_IN_TERMS}",
            f"NOT ({in_name}) AND NOT {_IN_TERMS}",
        ]
    first, last = (search.page - 1) * search.per_page, search.page * search.per_page
    ids: list[str] = []
    for tier in tiers:
        if len(ids) < last:
            sql = f"SELECT id FROM listing WHERE {wanted.where(tier)} ORDER BY {by} LIMIT :limit"
            values = wanted.parameters | {"limit": last - len(ids)}
            ids += [str(row.id) for row in connection.execute(text(sql), values)]
    return [(id_, None) for id_ in ids[first:last]]


def _sampled_counts(
    connection: Connection, search: Search, now: datetime
) -> dict[str, dict[str, int]]:
    """Counts estimated from the matches with the smallest ids.

    Ids are hashes, so these are a uniform sample, and how far into the range of ids it
    reaches says how large a part of all matches it is.
    """
    wanted = conditions(search, now)
    if search.attend:
        wanted.always.append(search.attend)
    sql = f"""
WITH hits AS MATERIALIZED (
  SELECT id, kind, terms{_flags(wanted)} FROM listing
  WHERE {" AND ".join(wanted.always)} ORDER BY id LIMIT {SAMPLE}
)
SELECT (SELECT count(*) FROM hits) AS gathered,
       (SELECT id FROM hits ORDER BY id DESC LIMIT 1) AS last,
       {_counted(wanted)}"""
    row = _one(connection, (sql, wanted.parameters))
    whole = row.gathered < SAMPLE
    return _counts(search, row, 1.0 if whole else 2.0**128 / (row.last.int + 1))


def _beyond(connection: Connection, search: Search, now: datetime) -> list[tuple[uuid.UUID, float]]:
    """The nearest matches outside the radius.

    Few matches anywhere are all measured; of many, the nearest are taken from the index,
    which orders by a sphere, and measured again on the ellipsoid.
    """
    wanted = conditions(search, now)
    inside = _within(search, wanted.parameters)
    filters = wanted.where("in_person", "position IS NOT NULL")
    values = wanted.parameters | {"few": FEW, "most": SAMPLE}
    counted = f"SELECT count(*) FROM (SELECT FROM listing WHERE {filters} LIMIT :most) AS m"
    if connection.execute(text(counted), values).scalar_one() >= SAMPLE:
        nearest = (
            "SELECT ST_Distance(position, CAST(:point AS geography)) FROM listing"
            f" WHERE {filters} AND NOT ({inside})"
            " ORDER BY position <-> CAST(:point AS geography) LIMIT :few"
        )
        # Sphere and ellipsoid differ by less than 0.6 %.
        values["reach"] = max(connection.execute(text(nearest), values).scalars()) * 1.01
        filters += " AND ST_DWithin(position, CAST(:point AS geography), :reach)"
    measured = (
        "SELECT id, ST_Distance(position, CAST(:point AS geography)) AS distance FROM listing"
        f" WHERE {filters} AND NOT ({inside}) ORDER BY distance, id LIMIT :few"
    )
    found = connection.execute(text(measured), values)
    return [(row.id, row.distance) for row in found]


def _online(connection: Connection, search: Search, now: datetime) -> tuple[list[uuid.UUID], int]:
    """Help from anywhere that fits: the soonest of the most complete, and how many there are.

    Listings that name the regions they serve must serve the place; those already among the
    results are left out.
    """
    assert search.place is not None  # noqa: S101 - for the type checker; callers ask ``near``
    wanted = conditions(search, now)
    values = wanted.parameters
    inside = _within(search, values)
    country, region = search.place.country, search.place.region
    values["regions"] = [country, f"{country}-{region}"]
    filters = wanted.where(
        "online",
        "(served = '{}' OR served && CAST(:regions AS text[]))",
        f"NOT coalesce({inside}, false)",
    )
    values |= {"most": ONLINE_EXACT_TO + 1, "shown": ONLINE_SHOWN, "chosen": ONLINE_CHOSEN_FROM}
    soonest = f"""
best AS MATERIALIZED (SELECT id FROM pool ORDER BY quality DESC, id LIMIT :chosen),
soonest AS (
  SELECT id FROM (
    SELECT l.id, l.quality, {_soon(now, values)} AS soon FROM best JOIN listing l USING (id)
  ) AS b ORDER BY soon NULLS LAST, quality DESC, id LIMIT :shown
)
SELECT (SELECT count(*) FROM pool) AS total, (SELECT json_agg(id) FROM soonest) AS ids"""
    # Few matches are gathered by their words or terms; many are read in the order of an index.
    pool = f"SELECT id, quality FROM listing WHERE {filters}"
    row = _one(connection, (f"WITH pool AS MATERIALIZED ({pool} LIMIT :most), {soonest}", values))
    total = row.total
    if total > ONLINE_EXACT_TO:
        pool = f"{pool} ORDER BY quality DESC, id LIMIT :chosen"
        row = _one(connection, (f"WITH pool AS MATERIALIZED ({pool}), {soonest}", values))
    return [uuid.UUID(id_) for id_ in row.ids or []], min(total, ONLINE_EXACT_TO)


def _listings(connection: Connection, ids: list[uuid.UUID]) -> dict[uuid.UUID, Listing]:
    with Session(connection, expire_on_commit=False) as session:
        found = session.scalars(select(Listing).where(Listing.id.in_(ids)))
        return {listing.id: listing for listing in found}
