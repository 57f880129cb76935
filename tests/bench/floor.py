"""The floor of a search: SQL tuned by hand for one question and sent straight through psycopg2.

It gives the same rows, total and counts as the product on the same data. What the floor takes is
what PostgreSQL takes at least; the rest is ours.
"""

import json
from datetime import datetime
from typing import Any

from directory import question, schedule
from directory.bits import tally
from directory.places import Place
from tests.bench.asks import MILE_M, Ask

_COUNTS = "(SELECT count(*) FROM hits), (SELECT string_agg(bits, '') FROM hits)"
_ROWS = "SELECT (SELECT json_agg(l) FROM listing l JOIN page USING (id)),"
_BY_QUALITY = "d + 4000 * (1 - quality) + CASE WHEN open THEN 0 ELSE 2000 END"


def near(place: Place, metres: float, extra: str, order: str, now: datetime) -> str:
    """A search near a place; ``extra`` and ``order`` are its own."""
    minute = f"('{json.dumps(schedule.clocks(now))}'::jsonb ->> timezone)::int"
    around = _literal(" | ".join(f"'{lexeme}'" for lexeme in schedule.around(now)))
    point = f"'SRID=4326;POINT({place.lon!r} {place.lat!r})'::geography"
    return f"""
WITH hits AS MATERIALIZED (SELECT id, bits, quality, ST_Distance(position, {point}) AS d,
    search @@ {around} AND coalesce(weekly @> {minute}, false) AS open, search
  FROM listing WHERE listed AND in_person AND ST_DWithin(position, {point}, {metres}) {extra}),
page AS (SELECT id FROM hits ORDER BY {order}, id LIMIT 20)
{_ROWS} {_COUNTS}"""


def statement(ask: Ask, now: datetime) -> str:
    """The floor of a question of words and terms; without a place its matches must be few."""
    words = question.parse(ask.typed)
    extra = "".join(f" AND terms @> '{{{code}}}'" for code in ask.required)
    order = _BY_QUALITY
    if words is not None:
        extra += f" AND search @@ {_literal(words.tsquery)}"
        order += (
            f" + CASE WHEN search @@ {_literal(words.name_tsquery)} THEN 0"
            f" WHEN search @@ {_literal(words.wishes[0])} THEN 5000 ELSE 40000 END"
        )
    if ask.place is not None:
        return near(ask.place, ask.miles * MILE_M, extra, order, now)
    return f"""
WITH hits AS MATERIALIZED (SELECT id, bits, quality FROM listing WHERE listed {extra}),
page AS (SELECT id FROM hits ORDER BY quality DESC, id LIMIT 20)
{_ROWS} {_COUNTS}"""


def ask_floor(cursor: Any, ask: Ask, now: datetime) -> None:
    """Ask, and count the bits of the answer."""
    cursor.execute(statement(ask, now))
    ((_, _, bits),) = cursor.fetchall()
    tally(bits or b"")


def _literal(tsquery: str) -> str:
    doubled = tsquery.replace("'", "''")
    return f"'{doubled}'::tsquery"
