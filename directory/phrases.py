"""What people say and what it means: the labels and synonyms of the vocabulary, the other ways
to say things in ``data/phrases.toml``, and the parts of a question that they make.

Phrases are found on stemmed tokens, the longest first.
"""

import itertools
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from directory import words
from directory.config import DATA
from directory.places import Place
from directory.question import When, Words
from directory.vocabulary import vocabulary

What = Literal["term", "kind", "place", "when", "attend", "words"]
Meaning = tuple[str, ...]


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

    @property
    def facet(self) -> str:
        """What stands before the colon of its codes, such as "pay"; "" of a place."""
        return self.codes[0].partition(":")[0] if self.codes else ""


@dataclass(frozen=True, slots=True)
class Question:
    """What was understood of ``text``. ``rest`` are the words that mean nothing special;
    ``words`` is all but place, time and attendance, as a search for words and terms; ``loose`` the
    same with ``rest`` as a wish, where there is more to go by; ``silent`` the same with treatment
    that does not say what it offers, where a service is asked for; ``dropped`` are words left
    unread because there are too many."""

    text: str
    parts: tuple[Part, ...] = ()
    rest: str = ""
    words: Words | None = None
    loose: Words | None = None
    silent: Words | None = None
    place: Place | None = None
    when: When | None = None
    attend: Literal["in_person", "online"] | None = None
    dropped: str = ""

    def without(self, *parts: Part) -> str:
        """The text with some parts cut out."""
        text = self.text
        for part in sorted(parts, key=lambda part: part.start, reverse=True):
            text = f"{text[: part.start]} {text[part.end :]}"
        return " ".join(text.split())


@dataclass(frozen=True, slots=True)
class Token:
    """A word as typed, where it stands, and its lexemes."""

    start: int
    end: int
    lexemes: tuple[str, ...]


def tokens(typed: str) -> Iterator[Token]:
    """The words of a text in order, where they stand in it."""
    for match in words.WRITTEN.finditer(typed):
        if lexemes := tuple(words.lexemes(match.group())):
            yield Token(match.start(), match.end(), lexemes)


@cache
def _document() -> dict[str, Any]:
    return tomllib.loads((DATA / "phrases.toml").read_text(encoding="utf-8"))


@cache
def phrases() -> dict[str, list[tuple[tuple[str, ...], Meaning]]]:
    """First lexeme -> (lexemes, what they mean), the longest first; fillers mean nothing."""
    found: dict[tuple[str, ...], Meaning] = {}
    for said in _all_spelled_out(_document()["filler"]):
        found[tuple(words.lexemes(said))] = ()
    for term in vocabulary().terms.values():
        for said in (term.label, *term.synonyms):
            lexemes = tuple(words.lexemes(said))
            # What several terms are called means any of them.
            known = [code for codes in found.get(lexemes, ()) for code in codes.split("|")]
            found[lexemes] = ("|".join(dict.fromkeys([*known, term.code])),)
            if said.count(" ") == 1 and said.islower():  # "halfwayhouse"
                found.setdefault(tuple(words.lexemes(said.replace(" ", ""))), found[lexemes])
    for phrase in _document()["phrase"]:
        for said in _all_spelled_out(phrase["says"]):
            found[tuple(words.lexemes(said))] = tuple(phrase["means"])
    by_first: dict[str, list[tuple[tuple[str, ...], Meaning]]] = {}
    for lexemes, means in sorted(found.items(), key=lambda item: -len(item[0])):
        if lexemes:
            by_first.setdefault(lexemes[0], []).append((lexemes, means))
    return by_first


@cache
def ordinary() -> frozenset[str]:
    """Words that are common in English or Spanish: whoever writes one means it."""
    return frozenset((DATA / "ordinary.txt").read_text(encoding="ascii").split())


@cache
def abbreviations() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Lexeme -> all ways to write it, itself among them, as lexemes; of those that are shortened in
    names."""
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for texts in _document()["abbreviations"]:
        ways = tuple(tuple(words.lexemes(text)) for text in texts)
        found |= {way[0]: ways for way in ways if len(way) == 1}
    return found


@cache
def in_names() -> dict[str, tuple[tuple[str, ...], ...]]:
    """Code -> what the names of places say that offer it, as lexemes in a row."""
    found: dict[str, tuple[tuple[str, ...], ...]] = {}
    for names in _document()["in_names"]:
        says = tuple(tuple(words.lexemes(said)) for said in _all_spelled_out(names["says"]))
        found |= {code: found.get(code, ()) + says for code in names["of"]}
    return found


@dataclass(frozen=True, slots=True)
class Sign:
    """Something urgent that many words may say: one of each group, wherever they stand.

    groups: phrases by their first lexeme; unless: others that say that it is none. now: it comes
    before whatever else is asked for; anywhere: only where no place is named; plea: no danger, but
    somebody who asks for nothing else.
    """

    means: Meaning
    groups: tuple[Mapping[str, Sequence[tuple[str, ...]]], ...]
    now: bool
    anywhere: bool
    plea: bool = False
    unless: Mapping[str, Sequence[tuple[str, ...]]] = field(default_factory=dict)


@cache
def _signs() -> tuple[Sign, ...]:
    return tuple(
        Sign(
            tuple(sign["means"]),
            tuple(map(_by_first, sign["of"])),
            sign.get("now", False),
            sign.get("anywhere", False),
            unless=_by_first(sign.get("unless", [])),
        )
        for sign in _document()["sign"]
    )


def _by_first(patterns: list[str]) -> dict[str, list[tuple[str, ...]]]:
    found: dict[str, list[tuple[str, ...]]] = {}
    for said in _all_spelled_out(patterns):
        lexemes = tuple(words.lexemes(said))
        found.setdefault(lexemes[0], []).append(lexemes)
    return found


def sign_in(said: Sequence[Token], *, placed: bool) -> tuple[Sign, int, int] | None:
    """The first sign that the tokens have, and where in the text its words begin and end.

    placed: help is asked for near a place.
    """
    flat, lexemes = _flat(said)
    for sign in _signs():
        spans = [span for group in sign.groups if (span := next(_spans(group, lexemes), None))]
        none = (sign.anywhere and placed) or next(_spans(sign.unless, lexemes), None)
        if len(spans) == len(sign.groups) and not none:
            first, last = min(span[0] for span in spans), max(span[1] for span in spans)
            return sign, said[flat[first]].start, said[flat[last - 1]].end
    return None


@cache
def _pleas() -> tuple[Sign, ...]:
    return tuple(
        Sign(tuple(plea["means"]), (_by_first(plea["says"]),), now=True, anywhere=True, plea=True)
        for plea in _document()["plea"]
    )


def plea_in(said: Sequence[Token], free: set[int]) -> tuple[Sign, int, int] | None:
    """The first plea that the tokens have, and where in the text its words begin and end; None
    where free tokens are in no plea, or somewhere to go is asked for."""
    flat, lexemes = _flat(said)
    found = [(plea, span) for plea in _pleas() for span in _spans(plea.groups[0], lexemes)]
    covered = {flat[n] for _, span in found for n in range(*span)}
    if not found or free - covered or somewhere_in(said):
        return None
    plea, (first, last) = found[0]
    return plea, said[flat[first]].start, said[flat[last - 1]].end


@cache
def _somewhere() -> Mapping[str, Sequence[tuple[str, ...]]]:
    return _by_first(_document()["somewhere"])


def somewhere_in(said: Sequence[Token]) -> tuple[int, int] | None:
    """Where in the text somewhere to go is first asked for."""
    flat, lexemes = _flat(said)
    found = next(_spans(_somewhere(), lexemes), None)
    return (said[flat[found[0]]].start, said[flat[found[1] - 1]].end) if found else None


def _flat(said: Sequence[Token]) -> tuple[list[int], tuple[str, ...]]:
    """The lexemes of tokens, and of which token each is."""
    flat = [(number, lexeme) for number, token in enumerate(said) for lexeme in token.lexemes]
    return [number for number, _ in flat], tuple(lexeme for _, lexeme in flat)


def _spans(
    group: Mapping[str, Sequence[tuple[str, ...]]], lexemes: tuple[str, ...]
) -> Iterator[tuple[int, int]]:
    """Where phrases of a group begin and end among lexemes."""
    for start, first in enumerate(lexemes):
        for phrase in group.get(first, ()):
            if lexemes[start : start + len(phrase)] == phrase:
                yield start, start + len(phrase)


@cache
def _spanish() -> tuple[str, ...]:
    return tuple(f" {' '.join(words.lexemes(said))} " for said in _document()["spanish"])


def is_spanish(text: str) -> bool:
    """Whether a text has what only who writes Spanish says."""
    said = f" {' '.join(words.lexemes(text))} "
    return any(one in said for one in _spanish())


def _all_spelled_out(patterns: list[str]) -> Iterator[str]:
    """Each text that the patterns stand for: "(a|b) c" for "a c" and "b c"."""
    for pattern in patterns:
        parts = [part.split("|") for part in re.split(r"[()]", pattern)]
        yield from map("".join, itertools.product(*parts))


def longest(said: Sequence[Token], number: int) -> tuple[int, Meaning]:
    """How many tokens from ``number`` on are a phrase, and what it means; 0 for none."""
    ahead: list[str] = []
    ends = {}
    for count, token in enumerate(said[number : number + 8], 1):
        ahead += token.lexemes
        ends[len(ahead)] = count
    for lexemes, means in phrases().get(ahead[0], ()):
        if len(lexemes) in ends and tuple(ahead[: len(lexemes)]) == lexemes:
            return ends[len(lexemes)], means
    return 0, ()


_WHAT: dict[str, What] = {
    "kind": "kind",
    "attend": "attend",
    "day": "when",
    "time": "when",
    "open": "when",
    "start": "when",
}


def part_of(meaning: str, typed: str, start: int, end: int, negated: bool = False) -> Part:
    """The part that stands for one meaning; ``!`` before a code turns it around."""
    codes = tuple(meaning.removeprefix("!").split("|"))
    negated = negated != meaning.startswith("!")
    what = _WHAT.get(codes[0].split(":")[0], "term")
    return Part(what, codes, typed[start:end], start, end, negated)
