"""Text -> Question: terms, kinds, a place, a time and words in what a person typed.

Labels and synonyms of the vocabulary, and the other ways to say things in
``data/phrases.toml``, are found on stemmed tokens, the longest first. Names win over wishes: a
listing whose name holds all that was typed is always a match, and the first. See
docs/architecture.md.
"""

import itertools
import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, Protocol

from sqlalchemy import Connection, text

from directory import question, words
from directory.config import DATA
from directory.errors import UsageError
from directory.places import Memo, Place, find_place, remember
from directory.question import When, Words
from directory.vocabulary import vocabulary

What = Literal["term", "kind", "place", "when", "attend", "words"]

# Before a place; "en" and "cerca de" are Spanish.
_BEFORE_PLACE = re.compile(
    r"\b(?:near|nearby|in|around|close to|next to|at|outside(?: of)?|by|from|mov(?:ed|ing) to"
    r"|cerca de|en)\s+",
    re.I,
)
_POSTCODE = re.compile(r"\b\d{5}(?:-\d{4})?\b|\b[A-Za-z]\d[A-Za-z](?: ?\d[A-Za-z]\d)?\b")
_AGE = re.compile(
    r"\b(?:(\d{1,2})\s*(?:-\s*)?(?:y/?o|yrs?|years?)\b(?:\s*-?\s*old)?|age[ds]?\s+(\d{1,2})\b"
    r"|(?:is|i'?m|i am|he'?s|she'?s)\s+(\d{1,2})\b)"
    r"(?!\s*(?:am|pm|days?|weeks?|months?|sober|clean)\b)",
    re.I,
)
_NEGATIONS = frozenset(("no", "not", "non", "without", "sin", "except"))
_ARTICLES = frozenset(("a", "an", "any", "the", "un", "una"))
# What must hold. Whom a place serves, how to pay and the like are wishes: few sources say.
_HARD = ("kind", "service", "fellowship")
# Somebody to talk to: a help line.
_TALK = (("kind:hotline",), ("service:crisis",))
# A place follows these for sure; after others, and alone, a small town's name is more likely
# just a word.
_SURELY = ("near", "close", "next", "outside", "cerca")
_TOWN, _CITY, _WELL_KNOWN = 500, 5_000, 50_000
_LONGEST_PLACE = 4
# Wishes that are weighed one by one; the last holds all others.
_MOST_WISHES = 5


@dataclass(frozen=True, slots=True)
class Part:
    """One thing understood: ``source`` stands at ``start``:``end`` of the text.

    codes: what it means, such as ("pay:medicaid",): any of them; place: what was
    understood as a place.
    """

    what: What
    codes: tuple[str, ...]
    source: str
    start: int
    end: int
    negated: bool = False
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """What was understood of ``text``. ``rest`` are the words that mean nothing special;
    ``words`` is all but place, time and attendance, as a search for words and terms; ``dropped``
    are words left unread because there are too many."""

    text: str
    parts: tuple[Part, ...] = ()
    rest: str = ""
    words: Words | None = None
    place: Place | None = None
    when: When | None = None
    attend: Literal["in_person", "online"] | None = None
    dropped: str = ""

    def without(self, part: Part) -> str:
        """The text with a part cut out."""
        return " ".join((self.text[: part.start] + " " + self.text[part.end :]).split())


@dataclass(frozen=True, slots=True)
class _Token:
    """A word as typed, where it stands, and its lexemes."""

    start: int
    end: int
    lexemes: tuple[str, ...]


Meaning = tuple[str, ...]


@cache
def _phrases() -> dict[str, list[tuple[tuple[str, ...], Meaning]]]:
    """First lexeme -> (lexemes, what they mean), the longest first; fillers mean nothing."""
    document = tomllib.loads((DATA / "phrases.toml").read_text(encoding="utf-8"))
    found: dict[tuple[str, ...], Meaning] = {}
    for said in document["filler"]:
        found[tuple(words.lexemes(said))] = ()
    for term in vocabulary().terms.values():
        for said in (term.label, *term.synonyms):
            lexemes = tuple(words.lexemes(said))
            # What several terms are called means any of them.
            known = found.get(lexemes, ())
            found[lexemes] = (f"{known[0]}|{term.code}",) if known else (term.code,)
    for phrase in document["phrase"]:
        for said in (text_ for pattern in phrase["says"] for text_ in _spelled_out(pattern)):
            found[tuple(words.lexemes(said))] = tuple(phrase["means"])
    by_first: dict[str, list[tuple[tuple[str, ...], Meaning]]] = {}
    for lexemes, means in sorted(found.items(), key=lambda item: -len(item[0])):
        if lexemes:
            by_first.setdefault(lexemes[0], []).append((lexemes, means))
    return by_first


def _spelled_out(pattern: str) -> Iterator[str]:
    """Each text that ``pattern`` stands for: "(a|b) c" for "a c" and "b c"."""
    parts = [part.split("|") for part in re.split(r"[()]", pattern)]
    return map("".join, itertools.product(*parts))


class Speller(Protocol):
    """Knows words, and those that are spelled alike, the likeliest first."""

    def knows(self, token: str) -> bool: ...  # noqa: D102 - said above
    def close(self, token: str) -> list[str]: ...  # noqa: D102


def respell(asked: Question, speller: Speller | None) -> str | None:
    """The text with each word that is unknown replaced by the likeliest known one; None where
    there is nothing to replace."""
    if speller is None:
        return None
    understood = [range(part.start, part.end) for part in asked.parts]
    text_, shift = asked.text, 0
    for match in words.WRITTEN.finditer(asked.text):
        token = "".join(words.tokens(match.group()))
        if any(match.start() in span for span in understood) or speller.knows(token):
            continue
        if known := speller.close(token):
            text_ = text_[: match.start() + shift] + known[0] + text_[match.end() + shift :]
            shift += len(known[0]) - len(match.group())
    return None if text_ == asked.text else text_


def literal(typed: str) -> Question:
    """All of the text as words, in the language of ``question.parse``."""
    found = question.parse(typed)
    return Question(typed, rest=typed.strip() if found else "", words=found)


def understand(typed: str, connection: Connection, country: str, *, place: bool = True) -> Question:
    """What ``typed`` asks for; with ``place`` off, no place is looked for in it.

    Quotes, OR, * and a leading minus keep their meaning: such a text is words only. Raises
    UsageError (parameter ``q``) as ``question.parse`` does.
    """
    question.check(typed)
    if not typed.strip():
        return Question("")
    if re.search(r'["*]|(?:^|\s)-\w|\sOR\s', typed):
        return literal(typed)
    tokens = list(_tokens(typed))
    parts, free, fillers = _spotted(typed, tokens)
    found = Question(typed.strip())
    if place:
        finder = _Finder(typed, tokens, free, parts, connection, country)
        if located := finder.place():
            part, where = located
            taken = {n for n, t in enumerate(tokens) if part.start <= t.start < part.end}
            free, fillers = free - taken, fillers - taken
            parts.append(part)
            found = replace(found, place=where)
    for match in _AGE.finditer(typed):
        free -= {n for n in free if match.start() <= tokens[n].start < match.end()}
        parts += _age(typed, match, parts)
    parts.sort(key=lambda part: part.start)
    rest = [tokens[i] for i in sorted(free)]
    if not rest and not parts:
        return literal(typed)
    # Who asks for more than somebody to talk to wants that first; crisis lines are on every page.
    if any(_is_hard(part) for part in parts):
        parts = [part for part in parts if part.codes[:1] not in _TALK]
    return _put_together(found, country, parts, rest, [tokens[i] for i in sorted(free | fillers)])


def _tokens(typed: str) -> Iterator[_Token]:
    for match in words.WRITTEN.finditer(typed):
        if lexemes := tuple(words.lexemes(match.group())):
            yield _Token(match.start(), match.end(), lexemes)


def _spotted(typed: str, tokens: list[_Token]) -> tuple[list[Part], set[int], set[int]]:
    """Parts that phrases mean; and the numbers of tokens that are free, and of fillers."""
    parts: list[Part] = []
    free: set[int] = set()
    fillers: set[int] = set()
    number = 0
    while number < len(tokens):
        size, means = _longest(tokens, number)
        if not size:
            free.add(number)
            number += 1
            continue
        span = range(number, number + size)
        start, end = tokens[number].start, tokens[span[-1]].end
        # "Day 2, no alcohol" is about somebody, not about what help to leave out.
        about = bool(means) and all(meaning.startswith("substance:") for meaning in means)
        before = number - 1
        if before > 0 and tokens[before].lexemes[0] in _ARTICLES:
            before -= 1
        negated = not about and before >= 0 and tokens[before].lexemes[0] in _NEGATIONS
        if not means:
            fillers.update(span)
        elif negated:
            start = tokens[before].start
            free.difference_update(range(before, number))
        parts += [_part(meaning, typed, start, end, negated) for meaning in means]
        number += size
    # A "no" that negates nothing known says nothing that words could.
    for number in [n for n in free if tokens[n].lexemes[0] in _NEGATIONS]:
        free.discard(number)
        fillers.add(number)
    return parts, free, fillers


def _longest(tokens: list[_Token], number: int) -> tuple[int, Meaning]:
    """How many tokens from ``number`` on are a phrase, and what it means; 0 for none."""
    ahead: list[str] = []
    ends = {}
    for count, token in enumerate(tokens[number : number + 8], 1):
        ahead += token.lexemes
        ends[len(ahead)] = count
    for lexemes, means in _phrases().get(ahead[0], ()):
        if len(lexemes) in ends and tuple(ahead[: len(lexemes)]) == lexemes:
            return ends[len(lexemes)], means
    return 0, ()


_WHAT: dict[str, What] = {
    "kind": "kind",
    "attend": "attend",
    "day": "when",
    "time": "when",
    "open": "when",
}


def _part(meaning: str, typed: str, start: int, end: int, negated: bool) -> Part:
    codes = tuple(meaning.removeprefix("!").split("|"))
    negated = negated != meaning.startswith("!")
    what = _WHAT.get(codes[0].split(":")[0], "term")
    return Part(what, codes, typed[start:end], start, end, negated)


@cache
def _special() -> tuple[str, ...]:
    """Codes of lines that are for some people or one thing: not the first for others."""
    who = (code for code in vocabulary().terms if code.startswith("who:"))
    others = ("service:domestic-violence", "service:gambling", "service:eating-disorders")
    return (*(code for code in who if code != "who:families"), *others)


def _is_hard(part: Part) -> bool:
    facet = part.codes[0].split(":")[0] if part.codes else ""
    return facet in _HARD and not part.negated and part.codes not in _TALK


def _age(typed: str, match: re.Match[str], parts: list[Part]) -> list[Part]:
    """An age under 18 asks for help for teens, one from 60 on for help for seniors."""
    age = int(match[1] or match[2] or match[3])
    known = any("who:teens" in part.codes for part in parts)
    taken = any(part.start < match.end() and match.start() < part.end for part in parts)
    code = "who:teens" if 10 <= age < 18 else "who:seniors" if age >= 60 else None
    if code is None or known or taken:
        return []
    return [_part(code, typed, *match.span(), negated=False)]


@dataclass(frozen=True, slots=True)
class _Finder:
    """Looks for the place in a text whose ``free`` tokens mean nothing else so far."""

    typed: str
    tokens: list[_Token]
    free: set[int]
    parts: list[Part]
    connection: Connection
    country: str
    memo: Memo = field(default_factory=dict)

    def place(self) -> tuple[Part, Place] | None:
        """The place and its part: a postal code, after a preposition, or at an end."""
        remember(self.connection, self.typed, self.memo)
        for match in _POSTCODE.finditer(self.typed):
            if where := self._known(match.group()):
                return self._part(*match.span(), where), where
        return self._after("clear") or self._bare() or self._after("followed")

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
                alone = self._text(first, last)
                shouted = alone.isupper() and len(alone) > 1 and not self.typed.isupper()
                nothing = last == first and first not in self.free and not shouted
                if nothing or followed != (end == "followed"):
                    continue
                people = _WELL_KNOWN if followed else 0 if near else _TOWN
                if where := self._known(self._text(first, last), people):
                    return self._part(match.start(), self.tokens[last].end, where), where
        return None

    def _bare(self) -> tuple[Part, Place] | None:
        """A place without a preposition, beside what means something else."""
        count = len(self.tokens)
        for size in range(min(_LONGEST_PLACE, count), 0, -1):
            for first in range(count - size, -1, -1):
                last = first + size - 1
                run = set(range(first, last + 1))
                at_end = first - 1 not in self.free or last + 1 not in self.free
                # A filler may stand in a name ("Los Angeles", "King of Prussia").
                known = last in self.free and not any(self._meant(number) for number in run)
                if not (at_end and known):
                    continue
                if where := self._known(self._text(first, last), _CITY):
                    if self.free - run and self._is_name():
                        return None
                    return self._part(self.tokens[first].start, self.tokens[last].end, where), where
        return None

    def _meant(self, number: int) -> bool:
        start = self.tokens[number].start
        return any(part.start <= start < part.end for part in self.parts)

    def _text(self, first: int, last: int) -> str:
        return self.typed[self.tokens[first].start : self.tokens[last].end]

    def _part(self, start: int, end: int, where: Place) -> Part:
        return Part("place", (), self.typed[start:end], start, end, place=where)

    def _known(self, name: str, people: int = 0) -> Place | None:
        """The place of a name; of a city, if so many people live there."""
        try:
            where = find_place(self.connection, name, self.country, self.memo)
        except UsageError:
            return None
        if where.kind in ("country", "point"):
            return None
        if where.region and name.lower().split()[-1] == where.region.lower():
            people = 0
        # Few mean a small town abroad unless they name its region or country.
        if where.country != self.country and len(name.split()) == 1:
            people = max(people, _WELL_KNOWN)
        return None if where.kind == "city" and where.population < people else where

    def _is_name(self) -> bool:
        """Whether a listing's name holds all of the text in a row."""
        phrase = " <-> ".join(f"'name:{lexeme}'" for lexeme in words.lexemes(self.typed))
        named = "SELECT EXISTS (SELECT FROM listing WHERE listed AND search @@ CAST(:q AS tsquery))"
        return bool(self.connection.execute(text(named), {"q": phrase}).scalar())


def _put_together(
    found: Question, country: str, parts: list[Part], rest: list[_Token], named: list[_Token]
) -> Question:
    """The parts and the words as one question."""
    when: dict[str, str] = {}
    attend: Any = None
    wishes = _Wishes()
    for part in parts:
        kind, _, value = part.codes[0].partition(":") if part.codes else ("", "", "")
        if part.what == "when" and not part.negated:
            when[kind] = value
        elif part.what == "attend":
            opposite = {"online": "in_person", "in_person": "online"}
            attend = opposite[value] if part.negated else value
        elif part.what in ("term", "kind"):
            wishes.add(part)
    if when.get("open"):
        when = {"open": "now"}
    if found.place is not None and found.place.kind == "region":
        where = f"in:{found.place.country}".lower()
        wishes.region = f"'{where}-{found.place.region}' | '{where}'".lower()
    country = found.place.country if found.place else country
    codes = {code for part in parts if not part.negated for code in part.codes}
    if "kind:hotline" in codes:  # rings anywhere
        attend = attend or "online"
    # Help from afar is what telehealth is; of other help from afar, what is nearest comes first.
    if attend == "online" and "service:telehealth" in codes:
        attend = None
    elif "kind:hotline" in codes:
        wishes.soft["served"] = [f"'in:{country}'".lower()]
        if not codes & set(_special()):
            wishes.soft["anyone"] = ["(" + " & ".join(f"!'{code}'" for code in _special()) + ")"]
    elif attend == "online" and found.place is not None and found.place.region:
        wishes.soft["served"] = [f"'in:{country}-{found.place.region}'".lower()]
    lexemes = [lexeme for token in rest for lexeme in token.lexemes]
    dropped = ""
    if parts and len(lexemes) > question.MOST_TERMS:
        # Whoever writes so much tells a story; what was understood of it is the question.
        dropped, rest, named, lexemes = _as_typed(found, rest), [], [], []
    question.check_terms(len(lexemes))
    said = [lexeme for token in named for lexeme in token.lexemes]
    spans = dict.fromkeys(part.source for part in parts if part.what in ("term", "kind"))
    meant = [lexeme for source in spans for lexeme in words.lexemes(source)]
    place = found.place if found.place and found.place.kind != "region" else None
    return replace(
        found,
        parts=tuple(parts),
        rest=_as_typed(found, rest),
        dropped=dropped,
        words=wishes.words(found.text, lexemes, said, meant),
        place=place,
        when=When(**when) if when else None,
        attend=attend,
    )


def _as_typed(found: Question, tokens: list[_Token]) -> str:
    return " ".join(found.text[token.start : token.end] for token in tokens)


@dataclass(slots=True)
class _Wishes:
    """tsqueries of what must hold, what is wished for, and what must not be.

    Most sources do not say whom a place serves or how to pay: to ask for it ranks those that
    say so first, and leaves out none.
    """

    hard: list[str] = field(default_factory=list)
    soft: dict[str, list[str]] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    banned: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    region: str | None = None

    def add(self, part: Part) -> None:
        """Take in a term or a kind."""
        codes = [f"'{code}'" for code in part.codes]
        facet = part.codes[0].split(":")[0]
        if part.negated:
            self.banned += codes
        elif facet in _HARD:
            said = words.lexemes(part.source)
            text_ = " <-> ".join(f"'{lexeme}'" for lexeme in said)
            self.asked.update(codes)
            options = codes if facet == "kind" else [f"({text_})", *_called(part), *codes]
            (self.kinds if facet == "kind" and len(codes) == 1 else self.hard).append(
                " | ".join(options)
            )
        else:
            said = [w for w in words.lexemes(part.source) if w not in question.SMALL]
            self.soft.setdefault(facet, []).extend([f"({_named(said)})"] if said else [])
            self.soft[facet] += codes

    def words(self, typed: str, rest: list[str], said: list[str], meant: list[str]) -> Words | None:
        """The wishes and the other words as one search; None where there are none.

        Lexemes: ``rest`` of words that mean nothing special, ``said`` of those and of fillers,
        ``meant`` of the wishes. All that was said may be a name.
        """
        hard = [*self.hard, *([" | ".join(self.kinds)] if self.kinds else [])]
        soft = [" | ".join(codes) for codes in self.soft.values()]
        banned = [f"!{code}" for code in dict.fromkeys(self.banned) if code not in self.asked]
        if not (hard or soft or rest or banned or self.region):
            return None
        wanted = _all_of([*hard, *(f"'{lexeme}'" for lexeme in rest), *banned])
        content = dict.fromkeys(w for w in (*rest, *meant) or said if w not in question.SMALL)
        whole = dict.fromkeys((*said, *meant))
        if wanted and len(whole) > 1 and not banned:
            wanted = f"({wanted}) | ({_named(whole)})"
        if self.region:
            wanted = _all_of([self.region, *([wanted] if wanted else [])])
        wishes = [wish for wish in (_all_of(hard), *soft, _named(rest)) if wish]
        others = wishes[_MOST_WISHES - 1 :]
        named = _named(content or whole)
        if soft:  # a word in the name is worth less than all that is wished for
            named = _all_of([named, *soft]) + (f" | ({_named(whole)})" if len(whole) > 1 else "")
        return Words(
            text=typed,
            tsquery=wanted,
            name_tsquery=named,
            wishes=(*wishes[: _MOST_WISHES - 1], *filter(None, [_all_of(others)])),
            lexemes=frozenset(content),
        )


def _called(part: Part) -> Iterator[str]:
    """What the codes are called in one word, where that is not what was typed: names say
    "methadone", whatever the language of the question."""
    for code in part.codes:
        label = words.lexemes(vocabulary().terms[code].label)
        if len(label) == 1 and label != words.lexemes(part.source):
            yield f"'{label[0]}'"


def _all_of(parts: Iterable[str]) -> str:
    return " & ".join(f"({part})" for part in parts)


def _named(lexemes: Iterable[str]) -> str:
    return " & ".join(f"'name:{lexeme}'" for lexeme in lexemes)
