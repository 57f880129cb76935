"""A question with its answer: respelled, or with less asked of it, where it finds nothing."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from directory.config import Config
from directory.criteria import Search
from directory.parameters import Values, read_search
from directory.phrases import Part, Question
from directory.pocket import open_pocket
from directory.question import MOST_TERMS
from directory.search import FEW, ONLINE_SHOWN, Hit, Page, answer
from directory.understand import respell
from directory.words import lexemes

# A service whose nearest door is farther is asked for at nearer doors, which may offer it
# although their source does not say so: 30 miles.
FAR_M = 48_280.32
# Who is not taken, or cannot pay, is turned away at the door.
_DECISIVE = ("who", "pay", "access")
# The nearest that do not turn them away: so many, within 100 miles.
_FARTHER, _FARTHEST_M = 3, 160_934.4


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and what it is an answer to.

    typed: the question that was answered. corrected: the same, if it was respelled; left_out:
    what of the question was let go. whole: what was asked for before anything was let go, where
    that is not ``search``. unsaid: a wish that decides and that none of the results says it meets,
    with the nearest that do (``farther``).
    """

    search: Search
    page: Page
    typed: str
    corrected: str | None = None
    left_out: tuple[str, ...] = ()
    whole: Search | None = None
    unsaid: Part | None = None
    farther: tuple[Hit, ...] = ()


def ask(connection: Connection, values: Values, config: Config, now: datetime) -> Answered:
    """The answer to what ``values`` ask for; where nothing at all fits, with help lines as the
    online help."""
    found = _asked(connection, values, config, now)
    if found.page.hits or found.page.online or found.page.total:
        return _with_farther(connection, found, now)
    place = {name: values[name] for name in ("near", "lat", "lon") if name in values}
    lines = read_search({"q": ["help line"], **place}, connection, config.country)
    hits = answer(connection, lines, now).hits[:ONLINE_SHOWN]
    return replace(found, page=replace(found.page, online=hits, online_total=len(hits)))


def _asked(connection: Connection, values: Values, config: Config, now: datetime) -> Answered:
    """The answer, by asking for less if need be.

    A question that finds little is asked again with the words that nobody uses respelled, and with
    those that mean nothing special as a wish. One that finds nothing, however it is spelled, is
    asked for names that have some of those words, without those words, without its time, without
    both, and, where the nearest that offers a service is far, for treatment that does not say so.
    The first that finds more is the answer. ``literal=1`` leaves a question as it is.
    """
    search = read_search(values, connection, config.country)
    page = answer(connection, search, now)
    asked = search.question
    dropped = (asked.dropped,) if asked and asked.dropped else ()
    whole = search
    first = Answered(search, page, asked.text if asked else "", left_out=dropped)
    if page.total >= FEW or asked is None or not asked.text or "literal" in values:
        return first
    typed = asked.rest
    if asked.rest and (spelled := respell(asked, open_pocket(config), doubt=not page.total)):
        other = read_search({**values, "q": [spelled]}, connection, config.country)
        better = answer(connection, other, now)
        if better.total > page.total:
            return Answered(other, better, spelled, spelled)
        if not page.total and other.question:
            asked, page, whole = other.question, better, other
    looser = replace(search, words=asked.loose) if asked.loose else search
    wishes = any(part.what in ("term", "kind") for part in asked.parts)
    if asked.loose and ((wishes and page.total) or (search.near and not asked.parts)):
        better = answer(connection, looser, now)
        if better.total > page.total:
            return Answered(looser, better, asked.text)
    if page.total:
        return first
    if len(lexemes(asked.text)) <= MOST_TERMS:
        plain = read_search({**values, "literal": ["1"]}, connection, config.country)
        if (worded := answer(connection, plain, now)).total:
            return Answered(plain, worded, asked.text)
    if asked.loose and not wishes and (named := answer(connection, looser, now)).total:
        return Answered(looser, named, asked.text)
    for text, left_out, more in _less(asked, page):
        other = read_search({**values, "q": [text], **more}, connection, config.country)
        better = answer(connection, other, now)
        if better.total:
            said = (_as_typed(what, asked.rest, typed) for what in left_out)
            return Answered(other, better, text, left_out=(*dropped, *said), whole=whole)
    return replace(first, whole=whole)


def _with_farther(connection: Connection, found: Answered, now: datetime) -> Answered:
    """The answer with the nearest that say what matters most and none of its results says."""
    search, hits = found.search, found.page.hits
    parts = search.question.parts if search.near and search.page == 1 and search.question else ()
    for part in parts:
        if part.negated or part.facet not in _DECISIVE or any(_says(hit, part) for hit in hits):
            continue
        terms = (*search.terms, *part.codes)
        saying = replace(search, terms=terms, attend="in_person", per_page=_FARTHER)
        nearest = answer(connection, saying, now).hits[:_FARTHER]
        if close := tuple(hit for hit in nearest if (hit.distance_m or 0.0) <= _FARTHEST_M):
            return replace(found, unsaid=part, farther=close)
    return found


def _says(hit: Hit, part: Part) -> bool:
    """Whether a result is listed with what a part means, or named for it."""
    named = part.source.casefold() in hit.listing.name.casefold()
    return named or not {*part.codes}.isdisjoint(hit.listing.terms)


def _as_typed(what: str, rest: str, typed: str) -> str:
    """What was let go, as it was typed before its words were respelled."""
    return typed if what == rest and len(rest.split()) == len(typed.split()) else what


def _less(asked: Question, page: Page) -> Iterator[tuple[str, tuple[str, ...], Values]]:
    """The question with less asked, what was let go, and parameters beside it."""
    wishes = [part.source for part in asked.parts if part.what != "when"]
    times = [part.source for part in asked.parts if part.what == "when"]
    words = [asked.rest] if asked.rest else []
    if words and (wishes or times):
        yield _joined([part.source for part in asked.parts]), tuple(words), {}
    if times and (wishes or words):
        yield _joined([*wishes, *words]), _once(times), {}
    if words and times and wishes:
        yield _joined(wishes), (*words, *_once(times)), {}
    services = [part.source for part in asked.parts if _is_service(part)]
    nearest = min((hit.distance_m or 0.0 for hit in page.hits), default=math.inf)
    if services and nearest > FAR_M:
        others = [part.source for part in asked.parts if part.source not in services]
        yield _joined(others), (*words, *_once(services), *_once(times)), {"kind": ["treatment"]}


def _is_service(part: Part) -> bool:
    return not part.negated and any(code.startswith("service:") for code in part.codes)


def _once(texts: list[str]) -> tuple[str, ...]:
    """Each text once: one text may mean two things."""
    return tuple(dict.fromkeys(texts))


def _joined(texts: list[str]) -> str:
    return " ".join(_once(texts))
