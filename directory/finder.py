"""The place in what a person typed: a postal code, what follows "near", "in" and the like, or a
town that stands alone."""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from sqlalchemy import Connection, text

from directory import words
from directory.errors import UsageError
from directory.phrases import Part, Token, ordinary
from directory.places import (
    WIDE,
    Memo,
    Place,
    find_place,
    is_around,
    is_large,
    misspelled,
    misspelled_in,
    normalise,
    remember,
)

# Before a place; "en" and "cerca de" are Spanish.
_BEFORE_PLACE = re.compile(
    r"\b(?:near|nearby|in|around|close to|next to|at|outside(?: of)?|by|from|mov(?:ed|ing) to"
    r"|cerca de|en)\s+",
    re.I,
)
_POSTCODE = re.compile(r"\b\d{5}(?:-\d{4})?\b|\b[A-Za-z]\d[A-Za-z](?: ?\d[A-Za-z]\d)?\b")
# A place follows these for sure; after others, and alone, a small town's name is more likely
# just a word.
_SURELY = ("near", "close", "next", "outside", "cerca")
# Nearly always, even if no place is called so.
_MOSTLY = (*_SURELY, "in ", "around", "en ")
_TOWN, _CITY, _WELL_KNOWN, _LARGE, _FOREIGN = 500, 5_000, 50_000, 100_000, 1_000_000
# The gazetteer has the postal codes of these.
_LIKE_HOME = ("US", "CA", "GB", "IE", "AU", "NZ")
# Names of towns that nearly always mean something else.
_NO_TOWNS = frozenset(
    "downtown midtown uptown only county university college hospital side street".split()
)
# Words that end names: "Jefferson House" is hardly in a town called Jefferson.
_NAME_ENDS = ("program", "house", "home", "center", "hospital", "university", "college")
_OR = ("or", "and", "y", "o")
_LONGEST_PLACE = 5
_LONGEST_TYPO = 3
# Of a code of a state; small words are written like some of them.
_SHORT = 2


@dataclass(frozen=True, slots=True)
class Finder:
    """Looks for the place in a text whose ``free`` tokens mean nothing else so far."""

    typed: str
    tokens: Sequence[Token]
    free: set[int]
    parts: Sequence[Part]
    connection: Connection
    country: str
    memo: Memo = field(default_factory=dict)

    def place(self) -> tuple[Part, Place] | None:
        """The place and its part: a postal code, after a preposition, or at an end."""
        remember(self.connection, self.typed, self.memo)
        for match in _POSTCODE.finditer(self.typed):
            if where := self._known(match.group()):
                return self._part(*match.span(), where), where
        found = self._after("clear") or self._bare() or self._after("followed")
        found = self._first(*self._beside(*self._within(*found))) if found else None
        # "San Franciso, California" is no search in all of California.
        if found and found[1].kind not in WIDE:
            return found
        return self._nearly(found[0] if found else None) or found

    def _after(self, end: Literal["clear", "followed"]) -> tuple[Part, Place] | None:
        """A place after a preposition, and what follows it means something; or a word does:
        "north philly" is not North, UT, so that the town must then be well known."""
        found = reversed(list(_BEFORE_PLACE.finditer(self.typed)))
        # "Moved to Costa Mesa from Ohio" is about Costa Mesa.
        for match in sorted(found, key=lambda match: match.group().lower().startswith("from")):
            first = next((n for n, t in enumerate(self.tokens) if t.start >= match.end()), None)
            if first is None or self._meant(first):
                continue
            near = match.group().lower().startswith(_SURELY)
            for last in reversed(range(first, min(first + _LONGEST_PLACE, len(self.tokens)))):
                followed = last + 1 in self.free
                # "near me" is not in Maine; "in LA" is.
                nothing = last == first and first not in self.free and not self._shouted(first)
                if nothing or followed != (end == "followed"):
                    continue
                people = _WELL_KNOWN if followed else 0 if near else _TOWN
                if where := self._known(self._text(first, last), people):
                    return self._part(match.start(), self.tokens[last].end, where), where
        return None

    def _bare(self) -> tuple[Part, Place] | None:
        """A place without a preposition: beside what means something else, or a large city."""
        for first, last, people in self._runs():
            if where := self._known(self._text(first, last), people):
                if not is_large(where) and self._begins_name(first, last):
                    continue
                if first == last and last not in self.free and where.kind != "city":
                    continue  # "help ME" is not in Maine; "detox LA" is
                # What stands before an address's town is none of it: "dad is 71, riverside ca".
                start = first
                while "," in self._text(start, last) and self._same(start + 1, last, where):
                    start += 1
                others = set(range(len(self.tokens))) - set(range(start, last + 1))
                if not all(map(self._meant, others)) and is_name(self.typed, self.connection):
                    return None
                return self._part(self.tokens[start].start, self.tokens[last].end, where), where
        return None

    def _within(self, part: Part, where: Place) -> tuple[Part, Place]:
        """The large city that follows at once: Capitol Hill is not only in Washington."""
        after = self._after_part(part)
        for size in range(min(_LONGEST_TYPO, len(after)), 0, -1):
            if where.kind == "city" and after[0] in self.free and after[size - 1] in self.free:
                city = self._known(self._text(after[0], after[size - 1]), _LARGE)
                if city and city.kind == "city" and city.population > where.population:
                    return self._part(part.start, self.tokens[after[size - 1]].end, city), city
        return part, where

    def _beside(self, part: Part, where: Place) -> tuple[Part, Place]:
        """The place of the same name in the state of the next: "Everett or Chelsea, MA"."""
        city = where.name.split(",")[0]
        after = self._after_part(part)
        if (
            where.kind != "city"
            or not part.source.lower().endswith(city.lower())  # its state is named
            or not after
            or self._text(after[0], after[0]).lower() not in _OR
        ):
            return part, where
        for last in after[2:_LONGEST_PLACE]:
            beside = self._known(self._text(after[1], last))
            named = beside and normalise(self._text(after[1], last)) != normalise(
                beside.name.split(",")[0]
            )
            if beside and named and beside.kind == "city" and beside.country == where.country:
                other = self._known(f"{city}, {beside.region}")
                if other and other.kind == "city" and other.region == beside.region:
                    return self._part(part.start, self.tokens[last].end, other), other
        return part, where

    def _first(self, part: Part, where: Place) -> tuple[Part, Place]:
        """The first of two neighbors: "Cambridge or Somerville"."""
        begin = next(n for n, token in enumerate(self.tokens) if token.start >= part.start)
        if where.kind != "city" or begin < 2 or self._text(begin - 1, begin - 1) not in _OR:
            return part, where
        for first in range(max(0, begin - 1 - _LONGEST_TYPO), begin - 1):
            if self.free.issuperset(range(first, begin - 1)):
                other = self._known(self._text(first, begin - 2), _TOWN)
                for meant in (other, *other.alternatives) if other else ():
                    if meant.kind == "city" and is_around(meant, where):
                        return self._part(self.tokens[first].start, part.end, meant), meant
        return part, where

    def _nearly(self, region: Part | None) -> tuple[Part, Place] | None:
        """The place that words would name if they were spelled right: a town before its region,
        else a large city after a preposition or at the end."""
        if region and region.place:
            last = next(n for n, token in enumerate(self.tokens) if token.end > region.start) - 1
            for first in self._ending(last):
                text = self._text(first, last)
                if found := misspelled_in(self.connection, text, region.place):
                    return self._part(self.tokens[first].start, region.end, found), found
        for start, first, last in self._typos():
            text = self._text(first, last)
            if found := misspelled(self.connection, text, self.country, _LARGE):
                return self._part(start, self.tokens[last].end, found), found
        return None

    def _typos(self) -> Iterator[tuple[int, int, int]]:
        """Where a misspelled place may begin, with what stands before it; its first word and its
        last."""
        for match in _BEFORE_PLACE.finditer(self.typed):
            if match.group().lower().startswith(_MOSTLY):
                said = [n for n, token in enumerate(self.tokens) if token.start >= match.end()]
                run = list(itertools.takewhile(self.free.__contains__, said))[:_LONGEST_TYPO]
                for size in range(len(run), 0, -1):
                    yield match.start(), run[0], run[size - 1]
        last = len(self.tokens) - 1
        for first in self._ending(last) if last else ():
            yield self.tokens[first].start, first, last

    def _ending(self, last: int) -> list[int]:
        """Where a name may begin that ends in a token, which nobody else uses as a word."""
        if last not in self.free or not self._is_odd(last):
            return []
        firsts = range(max(0, last - _LONGEST_TYPO + 1), last + 1)
        return [first for first in firsts if self.free.issuperset(range(first, last))]

    def _is_odd(self, number: int) -> bool:
        word = self._text(number, number).lower()
        return word.isalpha() and word not in ordinary() and not is_said(word, self.connection)

    def _runs(self) -> Iterator[tuple[int, int, int]]:
        """The first and the last of tokens in a row that may name a place, and how many people
        must live there: those beside what means something, the longest, the last come first."""
        count, inner = len(self.tokens), []
        for size in range(min(_LONGEST_PLACE, count), 0, -1):
            for first in range(count - size, -1, -1):
                last = first + size - 1
                # A filler may stand in a name ("Los Angeles", "King of Prussia", "Bay Area").
                # What is written like a small word may be a state at the end: "portland me".
                written = self._text(last, last)
                short = len(written) <= _SHORT and (last < count - 1 or written == "us")
                ended = first in self.free and not short
                if last not in self.free and not (ended if size > 1 else self._shouted(last)):
                    continue
                if any(map(self._meant, range(first, last + 1))):
                    continue
                if first - 1 not in self.free or last + 1 not in self.free:
                    yield first, last, _CITY
                else:
                    inner.append((first, last, _LARGE))
        yield from inner

    def _begins_name(self, first: int, last: int) -> bool:
        """Whether a listing is called by what ends in the next word: "Jefferson House"."""
        ended = last + 1 < len(self.tokens) and self._text(last + 1, last + 1).lower() in _NAME_ENDS
        return ended and is_name(self._text(first, last + 1), self.connection)

    def _after_part(self, part: Part) -> list[int]:
        return [n for n, token in enumerate(self.tokens) if token.start >= part.end]

    def _shouted(self, number: int) -> bool:
        """Whether a word, and not the whole text, is in capitals, as initials are."""
        word = self._text(number, number)
        return len(word) > 1 and word.isupper() and not self.typed.isupper()

    def _same(self, first: int, last: int, where: Place) -> bool:
        return first <= last and self._known(self._text(first, last)) == where

    def _meant(self, number: int) -> bool:
        start = self.tokens[number].start
        return any(part.start <= start < part.end for part in self.parts)

    def _text(self, first: int, last: int) -> str:
        return self.typed[self.tokens[first].start : self.tokens[last].end]

    def _part(self, start: int, end: int, where: Place) -> Part:
        return Part("place", (), self.typed[start:end], start, end, place=where)

    def _known(self, name: str, people: int = 0) -> Place | None:
        """The place of a name; of a city, if so many people live there."""
        *before, last = name.lower().split()
        if last in _NO_TOWNS and not (before and last == "county"):
            return None
        try:
            where = find_place(self.connection, name, self.country, self.memo)
        except UsageError:
            return None
        if where.kind == "point" or (where.kind == "country" and not self._is_abroad(name, where)):
            return None
        if where.region and _has_state(name, where):
            people = 0
        # Few mean a town abroad unless they name its region or country; a word of another language
        # may be one in a country far off.
        if where.country != self.country and len(name.split()) == 1:
            people = max(people, _WELL_KNOWN if where.country in _LIKE_HOME else _FOREIGN)
        return None if where.kind == "city" and where.population < people else where

    def _is_abroad(self, name: str, where: Place) -> bool:
        """Whether a country is another one that people write to from home: "uk", "ireland"."""
        called = len(name) > _SHORT or name.lower() == "uk"
        return called and where.country in _LIKE_HOME and where.country != self.country


def is_sure(part: Part, where: Place) -> bool:
    """Whether no more is meant by a part than a place: it has its state, or it is no village and
    follows a word that places nearly always follow."""
    before = _BEFORE_PLACE.match(part.source)
    said = part.source[before.end() :] if before else part.source
    near = bool(before and before.group().lower().startswith(_MOSTLY))
    return _has_state(said, where) or (near and where.population >= _CITY)


def _has_state(said: str, where: Place) -> bool:
    return normalise(said).startswith(f"{normalise(where.name.split(',')[0])} ")


def is_name(typed: str, connection: Connection) -> bool:
    """Whether a listing's name holds all of a text in a row."""
    lexemes = words.lexemes(typed)
    return _is_there(" <-> ".join(f"'name:{lexeme}'" for lexeme in lexemes), connection)


def is_said(word: str, connection: Connection) -> bool:
    """Whether a listing has a word."""
    return _is_there(" & ".join(f"'{lexeme}'" for lexeme in words.lexemes(word)), connection)


def _is_there(tsquery: str, connection: Connection) -> bool:
    some = "SELECT EXISTS (SELECT FROM listing WHERE listed AND search @@ CAST(:q AS tsquery))"
    return bool(connection.execute(text(some), {"q": tsquery}).scalar())
