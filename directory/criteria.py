"""What is asked for (one frozen dataclass) -> what a listing must satisfy, as SQL.

Words, terms, kinds and hours of a listing are lexemes of one tsvector, so that one index finds
them together. The SQL is put together from fixed fragments; what a person asked travels as
bound parameters.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Any, Literal

from directory import schedule
from directory.phrases import Question
from directory.places import Place
from directory.question import When, Words
from directory.vocabulary import vocabulary

Sort = Literal["best", "distance", "soonest", "name"]

# The point that distances are measured from.
POINT = "CAST(:point AS geography)"
DISTANCE = f"ST_Distance(position, {POINT})"
# The minute of the week that a listing's own clocks show.
CLOCK = "(CAST(:clocks AS jsonb) ->> timezone)::int"


@dataclass(frozen=True, slots=True)
class Search:
    """A question from the edge to SQL. ``radius_m`` is in geodesic metres, inclusive.

    ``terms`` hold codes; those of a facet with ``match_all`` must all be there, of another
    facet one of them. ``page`` counts from 1.
    """

    words: Words | None = None
    question: Question | None = None
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

    @property
    def wanted(self) -> tuple[str, ...]:
        """Codes of the terms and kinds that are asked for, by boxes or in words, each once."""
        parts = self.question.parts if self.question else ()
        typed = [part.codes for part in parts if part.what in ("term", "kind") and not part.negated]
        chosen = [*self.terms, *(f"kind:{kind}" for kind in self.kinds)]
        return tuple(dict.fromkeys([*chosen, *(code for codes in typed for code in codes)]))


@dataclass(slots=True)
class Filter:
    """What a listing must satisfy, leaving aside where it is.

    always: tsqueries that must all match. choices: by facet (or "kind"), a tsquery of which a
    count leaves out that facet's own. others: more SQL conditions. exact: conditions that only
    make exact what the tsqueries say nearly, which a guess leaves out. parameters: values.
    """

    always: list[str] = field(default_factory=list)
    choices: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    exact: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)

    def where(self, *more: str, choices: bool = True, exact: bool = True) -> str:
        """All conditions as one SQL expression, or without the OR choices, or ``exact`` ones."""
        wanted = [*self.always, *(self.choices.values() if choices else ())]
        parts = ["listed", *self.others, *more, *(self.exact if exact else ())]
        if wanted:
            name = "wanted" if choices else "wanted_always"
            self.parameters[name] = " & ".join(f"({part})" for part in wanted)
            parts.insert(1, f"search @@ CAST(:{name} AS tsquery)")
        return " AND ".join(parts)

    def flags(self) -> str:
        """A further column for each OR choice: whether the row meets it."""
        for facet, tsquery in self.choices.items():
            self.parameters[f"ok_{facet}"] = tsquery
        return "".join(
            f", search @@ CAST(:ok_{facet} AS tsquery) AS ok_{facet}" for facet in self.choices
        )

    def flag_names(self) -> list[str]:
        """The names of the columns that ``flags`` adds."""
        return [f"ok_{facet}" for facet in self.choices]


def conditions(search: Search, now: datetime) -> Filter:
    """What a listing must satisfy to be an answer as of ``now``."""
    found = Filter()
    if search.words is not None and search.words.name is None:
        if search.words.tsquery:
            found.always.append(search.words.tsquery)
    elif search.words is not None:
        found.others.append(_or_named(search.words, "search @@ CAST(:words AS tsquery)"))
        found.parameters |= {"words": search.words.tsquery, "name": search.words.name}
    if search.kinds:
        found.choices["kind"] = " | ".join(f"'kind:{kind}'" for kind in search.kinds)
    chosen: dict[str, list[str]] = defaultdict(list)
    for code in search.terms:
        chosen[vocabulary().terms[code].facet].append(f"'{code}'")
    for facet, lexemes in chosen.items():
        if vocabulary().facets[facet].match_all:
            found.always += lexemes
        else:
            found.choices[facet] = " | ".join(lexemes)
    if search.when is not None:
        _add_when(found, search.when, now)
    if search.attend and not search.near:
        found.others.append(search.attend)
    return found


def _or_named(words: Words, condition: str) -> str:
    """``condition``, or the text is the listing's very name."""
    return condition if words.name is None else f"({condition} OR name_key = :name)"


def tiers(words: Words, parameters: dict[str, Any]) -> list[str]:
    """Conditions from the best to the least: that words match in the name, that all wishes
    are met, all but one, and so on to one. Whoever meets one meets those that follow it."""
    parameters |= {"in_name": words.name_tsquery}
    found = [_or_named(words, "search @@ CAST(:in_name AS tsquery)")]
    for count in range(len(words.wishes), 0, -1):
        parameters[f"met_{count}"] = " | ".join(
            "(" + " & ".join(f"({wish})" for wish in some) + ")"
            for some in combinations(words.wishes, count)
        )
        found.append(f"search @@ CAST(:met_{count} AS tsquery)")
    return found


def open_now(now: datetime, parameters: dict[str, Any]) -> str:
    """The condition that a session runs now; hours that are not known are not open."""
    set_clocks(parameters, now)
    parameters["open_now"] = _any_of(schedule.around(now))
    return f"coalesce(search @@ CAST(:open_now AS tsquery) AND weekly @> {CLOCK}, false)"


def _add_when(found: Filter, when: When, now: datetime) -> None:
    """Hours that meet ``when`` on each listing's own clocks."""
    clocks = schedule.clocks(now)
    if when.open:
        found.always.append(_any_of(schedule.around(now)))
        found.exact.append(f"weekly @> {CLOCK}")
        set_clocks(found.parameters, now)
        return
    # Where today is differs by clock; a day or a part of it is then one lexeme.
    by_today = {
        today: _any_of(schedule.on(when.day, when.time, today))
        for today in sorted({minute // schedule.DAY for minute in clocks.values()})
    }
    found.always.append(_any_of(by_today.values(), quoted=True))
    if when.day in ("today", "tomorrow"):
        set_clocks(found.parameters, now)
        parts = []
        for today, tsquery in by_today.items():
            found.parameters[f"today_{today}"] = tsquery
            parts.append(
                f"({CLOCK} / {schedule.DAY} = {today}"
                f" AND search @@ CAST(:today_{today} AS tsquery))"
            )
        found.exact.append(f"({' OR '.join(parts)})")


def _any_of(lexemes: Any, *, quoted: bool = False) -> str:
    return " | ".join(sorted(set(lexemes) if quoted else {f"'{lexeme}'" for lexeme in lexemes}))


def set_clocks(parameters: dict[str, Any], now: datetime) -> None:
    """Give ``CLOCK`` the minute that clocks show at ``now``."""
    parameters["clocks"] = schedule.clocks_json(now)


def soon(now: datetime, parameters: dict[str, Any]) -> str:
    """Minutes until a listing's next session starts, on its own clocks; NULL if unknown."""
    set_clocks(parameters, now)
    return (
        "(SELECT min(((s ->> 'weekday')::int * 1440 + left(s ->> 'start', 2)::int * 60"
        f" + right(s ->> 'start', 2)::int - {CLOCK} + 10080) % 10080)"
        " FROM jsonb_array_elements(sessions) AS s)"
    )


def within(search: Search, parameters: dict[str, Any]) -> str:
    """The condition on where a listing is; sets the point and the radius."""
    assert search.place is not None  # noqa: S101 - for the type checker; callers ask ``near``
    parameters["point"] = f"SRID=4326;POINT({search.place.lon!r} {search.place.lat!r})"
    # PostGIS rounds the distances it shows, not those it compares; a micrometre bridges that.
    parameters["radius"] = search.radius_m + 1e-6
    return f"in_person AND ST_DWithin(position, {POINT}, :radius)"
