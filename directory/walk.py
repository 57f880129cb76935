"""The first of many matches, in the order of an index: by completeness or by name.

Whether they are met on a walk along the index, or gathered by what they match and sorted, is
chosen by guesses. No guess changes what is found.
"""

import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row

from directory.criteria import Filter, Search, tiers
from directory.db import statement
from directory.derive import quality_from
from directory.models import SAMPLED, SHARE

# Matches that are gathered where few were guessed; where there are more, the guess was wrong.
GATHERED = 10_000


def ordered(connection: Connection, search: Search, wanted: Filter) -> list[str]:
    """One page's ids: tier by tier, so that each part can stop early. Who meets a tier meets
    those that follow, and is left out there."""
    parts, by = ["true"], "quality DESC, id"
    if search.sort == "name":
        by = "name_key, id"
    elif search.words is not None:
        parts = [*tiers(search.words, wanted.parameters), "true"]
    start, last = (search.page - 1) * search.per_page, search.page * search.per_page
    ids: list[str] = []
    for part in parts:
        if len(ids) < last:
            index, need = ("listed", by), last - len(ids)
            # Who has a word in the name has it: as if by chance, both would seem rare.
            likely = guesses(connection, wanted, wanted.where(exact=False), f"listed AND {part}")
            more = [part]
            if ids:
                wanted.parameters["found"] = f"{{{','.join(ids)}}}"
                more.append("id <> ALL(CAST(:found AS uuid[]))")
            ids += [row.key for row in first(connection, wanted, more, likely, index, need)]
    return ids[start:last]


def first(  # noqa: PLR0913, PLR0917 - one question in parts
    connection: Connection,
    wanted: Filter,
    more: list[str],
    likely: tuple[int, int],
    index: tuple[str, str],
    need: int,
    shown: str = "NULL",
) -> list[Row[Any]]:
    """The first ``need`` that meet ``wanted`` and ``more``, in the order of an index (the
    condition on its rows, and its columns): key (the id as text), quality, and ``shown``, an
    expression of timezone and sessions. ``likely``: guesses of how many meet both, and of all.

    A walk along the index meets common matches soon. Others, and those that are less complete than
    most, are gathered by what they match and sorted: all of them, or, where they are not rare,
    those from which completeness on a sample says that there are enough. No guess is trusted: a
    short walk comes first, and as the last all are gathered.
    """
    base, by = index
    condition, (guess, everything) = wanted.where(*more), likely
    columns = "id, quality, name_key" + (", timezone, sessions" if shown != "NULL" else "")

    def gathered(also: str = "true", most: int | None = None) -> Sequence[Row[Any]]:
        sql = f"""
WITH hits AS MATERIALIZED (
  SELECT {columns} FROM listing WHERE {condition} AND {also} LIMIT :most
)
SELECT id::text AS key, quality, {shown} AS shown, (SELECT count(*) FROM hits) AS n
FROM hits ORDER BY {by} LIMIT :need"""
        values = wanted.parameters | {"need": need, "most": most}
        return connection.execute(statement(sql), values).all()

    rare, by_quality = guess <= math.sqrt(need * everything), by.startswith("quality")
    steps = 2 * need * everything // guess
    if rare:
        steps = 5 * need
    elif by_quality:
        steps = min(steps, guess // SHARE)
    walk = f"""
SELECT id::text AS key, quality, {shown} AS shown FROM (
  SELECT {columns}, {condition} AS ok FROM listing WHERE {base} ORDER BY {by} LIMIT :steps
) AS walk WHERE ok LIMIT :need"""
    values = wanted.parameters | {"need": need, "steps": steps}
    found = connection.execute(statement(walk), values).all()
    if len(found) < need and rare:
        found = gathered(most=GATHERED + 1)
        if not found or found[0].n <= GATHERED:
            return [*found]
        found = []
    if len(found) < need and by_quality:
        enough = need / SHARE
        sampled = f"""
SELECT quality FROM listing WHERE {condition} AND {SAMPLED}
ORDER BY quality DESC LIMIT 1 OFFSET :enough"""
        values = wanted.parameters | {"enough": int(enough + 3 * math.sqrt(enough)) + 2}
        least = connection.execute(statement(sampled), values).scalar()
        if least is not None:
            wanted.parameters["quality"] = quality_from(least)
            found = gathered("search @@ CAST(:quality AS tsquery)")
    if len(found) < need:
        found = gathered()
    return [*found]


def guesses(connection: Connection, wanted: Filter, *conditions: str) -> tuple[int, int]:
    """The planner's guesses of how many listings meet the rarest of ``conditions``, and of how
    many there are."""
    each = (f"SELECT 1 FROM listing WHERE {condition}" for condition in (*conditions, "listed"))
    sql = " UNION ALL ".join(each)
    explained = connection.execute(
        statement(f"EXPLAIN (FORMAT JSON) {sql}"), wanted.parameters
    ).scalar_one()
    parts = explained[0]["Plan"].get("Plans", [{}])
    *rows, everything = (max(1, part.get("Plan Rows", 1)) for part in parts)
    return min(rows, default=1), everything
