"""A question with its answer: respelled, or with less asked of it, where it finds nothing."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from sqlalchemy import Connection

from directory.config import Config
from directory.criteria import Search
from directory.parameters import Values, read_search
from directory.phrases import Part, Question
from directory.places import WELL_KNOWN
from directory.pocket import Pocket, open_pocket
from directory.question import MOST_TERMS, SMALL
from directory.search import FEW, ONLINE_SHOWN, Hit, Page, answer
from directory.understand import respell
from directory.wishes import HARD
from directory.words import lexemes

# A service whose nearest door is farther is asked for at nearer doors, which may offer it
# although their source does not say so: 30 miles.
FAR_M = 48_280.32
# Who is not taken, or cannot pay, is turned away at the door.
_DECISIVE = ("who", "pay", "access")
# The nearest that do not turn them away: so many, within 100 miles.
_FARTHER, _FARTHEST_M = 3, 160_934.4
# Words of a question that may be little else than a name.
_NAME_LENGTH = 6


class Less(NamedTuple):
    """A question with less asked, what was let go, and parameters beside it. ``called``: it is an
    answer only where a result is called so."""

    text: str
    left_out: tuple[str, ...] = ()
    beside: Values = MappingProxyType({})
    called: bool = False


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and what it is an answer to.

    typed: the question that was answered. corrected: the same, if it was respelled; left_out:
    what of the question was let go. whole: what was asked for before anything was let go, where
    that is not ``search``. unsaid: a wish that decides and that none of the results says it meets,
    with the nearest that do (``farther``), if they are close. few: a service that few of them are
    known for.
    """

    search: Search
    page: Page
    typed: str
    corrected: str | None = None
    left_out: tuple[str, ...] = ()
    whole: Search | None = None
    unsaid: Part | None = None
    few: Part | None = None
    farther: tuple[Hit, ...] = ()


def ask(connection: Connection, values: Values, config: Config, now: datetime) -> Answered:
    """The answer to what ``values`` ask for; where nothing at all fits, with help lines as the
    online help."""
    found = _at_home(_asked(connection, values, config, now))
    if found.page.hits or found.page.online or found.page.total:
        return _with_farther(connection, found, now)
    where = found.search.place
    place = {"lat": [str(where.lat)], "lon": [str(where.lon)]} if where else {}
    lines = read_search({"q": ["help line"], **place}, connection, config.country)
    hits = answer(connection, lines, now).hits[:ONLINE_SHOWN]
    return replace(found, page=replace(found.page, online=hits, online_total=len(hits)))


def _at_home(found: Answered) -> Answered:
    """The answer without doors far off in another country than the place; where none is left,
    without what is online there, too."""
    place, hits = found.search.place, found.page.hits
    kept = [
        hit
        for hit in hits
        if not (hit.beyond and place and hit.listing.country != place.country) or _is_near(hit)
    ]
    if kept == hits:
        return found
    online = found.page.online if kept else []
    return replace(found, page=replace(found.page, hits=kept, online=online))


def _asked(connection: Connection, values: Values, config: Config, now: datetime) -> Answered:
    """The answer, by asking for less if need be.

    A question that finds little is asked again with the words that nobody uses respelled, and with
    those that mean nothing special as a wish. One that finds nothing, however it is spelled, is
    asked at another city of the name; if it is short, without the words that no listing has and
    for the rarest of the others; for names that have some of its words; with treatment that does
    not say what it offers; without any, without its time, without both; and, where the nearest
    that offers a service is far, for any treatment. The first that finds more is the answer.
    ``literal=1`` leaves a question as it is.
    """

    def again(*, beyond: bool = True, **changed: Sequence[str]) -> tuple[Search, Page]:
        other = read_search({**values, **changed}, connection, config.country)
        return other, answer(connection, other, now, whole=beyond)

    def with_silent(other: Search, page: Page) -> tuple[Search, Page]:
        """With treatment that does not say what it offers, where few say that they do."""
        if other.near and page.total < FEW and other.question and other.question.silent:
            wider = replace(other, words=other.question.silent)
            better = answer(connection, wider, now, whole=False)
            if better.total > page.total:
                return wider, better
        return other, page

    def with_less(
        rest: str, candidates: Iterator[Less], *, exactly: bool = False
    ) -> Answered | None:
        for text, left_out, beside, called in candidates:
            other, better = again(beyond=False, q=[text], **beside)
            if not exactly:
                other, better = with_silent(other, better)
            kept = " ".join(word for word in rest.split() if word not in left_out)
            if better.total and (not called or _is_called(better, kept)):
                if whole.place and other.place and other.place.name != whole.place.name:
                    place = replace(other.place, alternatives=(whole.place,))
                    other = replace(other, place=place)
                said = (_as_typed(what, rest, typed) for what in left_out)
                return Answered(other, better, text, left_out=(*dropped, *said), whole=whole)
        return None

    search, page = again()
    asked = search.question
    dropped = (asked.dropped,) if asked and asked.dropped else ()
    whole = search
    first = Answered(search, page, asked.text if asked else "", left_out=dropped)
    if page.total >= FEW or asked is None or not asked.text or "literal" in values:
        return first
    typed, pocket = asked.rest, open_pocket(config)
    named = any(hit.beyond and _is_near(hit) and _is_named(hit, typed) for hit in page.hits)
    if asked.rest and not named and (spelled := respell(asked, pocket, doubt=not page.total)):
        other, better = again(q=[spelled])
        if better.total > page.total:
            return Answered(other, better, spelled, spelled)
        if not page.total and other.question:
            asked, page, whole = other.question, better, other
    looser = replace(search, words=asked.loose) if asked.loose else search
    wishes = any(part.what in ("term", "kind") for part in asked.parts)
    if asked.loose and ((wishes and page.total) or (search.near and not asked.parts)):
        better = answer(connection, looser, now, whole=False)
        if better.total > page.total and not (named and not _is_half_named(better, typed)):
            return Answered(looser, better, asked.text)
    if page.total or named:
        search, page = with_silent(search, page)
        return replace(first, search=search, page=page)
    if len(lexemes(asked.text)) <= MOST_TERMS:
        plain, worded = again(beyond=False, literal=["1"])
        # What has "detox in Tulsa" somewhere in its text may be anywhere; not so a name and a town.
        placed = any(part.what == "place" for part in asked.parts)
        if worded.total and not (placed and not _is_about(worded, asked.text)):
            return Answered(plain, worded, asked.text)
    names = itertools.chain(_elsewhere(whole), _named(asked, pocket))
    if found := with_less(asked.rest, names, exactly=True):
        return found
    if asked.loose and not wishes and (some := answer(connection, looser, now, whole=False)).total:
        return Answered(looser, some, asked.text)
    other, better = with_silent(whole, page)
    if better.total:
        spelled = None if whole is search else asked.text
        return Answered(other, better, asked.text, spelled, left_out=dropped)
    return with_less(asked.rest, _less(asked, page, near=search.near)) or replace(
        first, whole=whole
    )


def _with_farther(connection: Connection, found: Answered, now: datetime) -> Answered:
    """The answer with what matters most and few or none of its results say, and the nearest that
    say it."""
    search, hits, asked = found.search, found.page.hits, found.search.question
    if asked is None or not search.near or search.page > 1:
        return found
    silent = search.words is asked.silent is not None
    for part in asked.parts:
        service = silent and _is_service(part)
        if part.negated or not (service or part.facet in _DECISIVE):
            continue
        if any(_says(hit, part) for hit in hits):
            found = replace(found, few=found.few or (part if service else None))
            continue
        terms = (*search.terms, *(() if service else part.codes))
        saying = replace(search, terms=terms, attend="in_person", per_page=_FARTHER)
        if service:
            saying = replace(saying, words=asked.words)
        nearest = answer(connection, saying, now).hits[:_FARTHER]
        close = tuple(hit for hit in nearest if _is_near(hit))
        if service and close and not close[0].beyond:  # their names say it
            found = replace(found, few=found.few or part)
        elif close or service:
            return replace(found, unsaid=part, farther=close)
    return found


def _says(hit: Hit, part: Part) -> bool:
    """Whether a result is listed with what a part means, or named for it."""
    named = part.source.casefold() in hit.listing.name.casefold()
    return named or not {*part.codes}.isdisjoint(hit.listing.terms)


def _as_typed(what: str, rest: str, typed: str) -> str:
    """What was let go, as it was typed before its words were respelled."""
    return typed if what == rest and len(rest.split()) == len(typed.split()) else what


def _is_near(hit: Hit) -> bool:
    return hit.distance_m is not None and hit.distance_m <= _FARTHEST_M


def _is_named(hit: Hit, text: str) -> bool:
    """Whether a result has all words of a text, which are several, in its name."""
    wanted = _wanted(text)
    return len(wanted) > 1 and wanted <= {*lexemes(hit.listing.name)}


def _is_called(page: Page, text: str) -> bool:
    """Whether a result has all words of a text in its name."""
    wanted = _wanted(text)
    return any(wanted and wanted <= {*lexemes(hit.listing.name)} for hit in page.hits)


def _is_half_named(page: Page, text: str) -> bool:
    """Whether a result within the radius has half of the words of a text in its name."""
    wanted = _wanted(text)
    names = ({*lexemes(hit.listing.name)} for hit in page.hits if not hit.beyond)
    return any(2 * len(wanted & name) >= len(wanted) for name in names)


def _is_about(page: Page, text: str) -> bool:
    """Whether a result has all words of a text in its name and address."""
    rows = [hit.listing for hit in page.hits]
    said = (" ".join(filter(None, (row.name, *row.street, row.city))) for row in rows)
    return any(_wanted(text) <= {*lexemes(each)} for each in said)


def _wanted(text: str) -> set[str]:
    return {lexeme for lexeme in lexemes(text) if lexeme not in SMALL}


def _elsewhere(search: Search) -> Iterator[Less]:
    """The same at the other large cities of the name: sober homes are in Pasadena, CA; and, where
    what is called so is there, at the other towns."""
    asked, place = search.question, search.place
    if asked and place and len(asked.parts) > sum(part.what == "place" for part in asked.parts):
        text = asked.without(*(part for part in asked.parts if part.what == "place"))
        for other in place.alternatives:
            known = other.population >= WELL_KNOWN
            short = asked.rest and len(lexemes(asked.text)) <= _NAME_LENGTH
            if other.country == place.country and (known or short):
                yield Less(text, beside={"near": [other.name]}, called=not known)


def _named(asked: Question, pocket: Pocket | None) -> Iterator[Less]:
    """Without the words that no listing has. Where no help is asked for, the words are likely of
    a name: with the rarest of them alone, and with the place as a word of it."""
    if pocket is None or not asked.rest or len(lexemes(asked.text)) > _NAME_LENGTH:
        return
    said = asked.rest.split()
    known = [word for word in said if pocket.often(word)]
    if not known:  # what is left is no name
        return
    hard = any(part.facet in HARD for part in asked.parts)
    meets = any(part.what == "when" or part.facet == "fellowship" for part in asked.parts)
    kept = [known] if hard else [known, [min(known, key=pocket.often)]]
    parts = [part.source for part in asked.parts]
    towns = [part.source for part in asked.parts if part.what == "place"]
    unknown = [word for word in said if word not in known]
    if unknown and not towns:  # what else was said may be a name: "noon boon aa wetaskiwin"
        text = " ".join(word for word in asked.text.split() if word not in unknown)
        yield Less(text, tuple(unknown), {"literal": ["1"]}, called=True)
    for words in kept:
        if left_out := tuple(word for word in said if word not in words):
            yield Less(_joined([*words, *parts]), left_out)
        if len(towns) == len(parts) > 0 or (len(words) > 1 and not meets):
            wishes = [part for part in parts if part not in towns]
            let_go = (*left_out, *_once(wishes))
            yield Less(_joined([*words, *towns]), let_go, {"literal": ["1"]}, called=True)


# Whoever says one of these near a place looks for help there, whatever else is said.
_HELP = frozenset(lexemes("help addiction addict substance drug ayuda adiccion drogas"))


def _less(asked: Question, page: Page, *, near: bool) -> Iterator[Less]:
    """Without its words, its time, both, or a service whose nearest door is far."""
    wishes = [part.source for part in asked.parts if part.what != "when"]
    times = [part.source for part in asked.parts if part.what == "when"]
    words = [asked.rest] if asked.rest else []
    said = lexemes(asked.without(*asked.parts))
    helped = near and (_HELP & {*said} or len(said) > _NAME_LENGTH)
    if words and (wishes or times or helped):
        yield Less(_joined([part.source for part in asked.parts]), tuple(words))
    if times and (wishes or words):
        yield Less(_joined([*wishes, *words]), _once(times))
    if words and times:
        yield Less(_joined(wishes), (*words, *_once(times)))
    kinds = [part.source for part in asked.parts if part.what == "kind" and not part.negated]
    services = [part.source for part in asked.parts if _is_service(part)]
    if kinds and services:  # "IOP evening groups" are no support groups
        others = [part.source for part in asked.parts if part.source not in kinds]
        yield Less(_joined(others), (*words, *_once(kinds)))
        others = [text for text in wishes if text not in kinds]
        yield Less(_joined(others), (*words, *_once(kinds), *_once(times)))
    nearest = min((hit.distance_m or 0.0 for hit in page.hits), default=math.inf)
    if services and nearest > FAR_M:
        others = [text for text in wishes if text not in services]
        yield Less(
            _joined(others), (*words, *_once(services), *_once(times)), {"kind": ["treatment"]}
        )


def _is_service(part: Part) -> bool:
    return not part.negated and any(code.startswith("service:") for code in part.codes)


def _once(texts: list[str]) -> tuple[str, ...]:
    """Each text once: one text may mean two things."""
    return tuple(dict.fromkeys(texts))


def _joined(texts: list[str]) -> str:
    return " ".join(_once(texts))
