"""Questions that every engine is asked alike: as our ``Search``, and in neutral parts."""

import re
from dataclasses import dataclass
from typing import Literal

from directory import question, words
from directory.criteria import Search
from directory.places import Place
from directory.vocabulary import vocabulary

MILE_M = 1609.344


@dataclass(frozen=True, slots=True)
class Group:
    """A word or phrase: its lexemes in a row, or one of the codes that are called so."""

    phrase: tuple[str, ...]
    codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ask:
    """A question: words or "phrases" that must all match, a radius in miles around a place,
    codes of terms, and whether it must be open now. Near a place, only doors are wanted."""

    typed: str = ""
    place: Place | None = None
    miles: float = 25
    terms: tuple[str, ...] = ()
    open_now: bool = False
    attend: Literal["in_person"] | None = "in_person"

    @property
    def radius_m(self) -> float:
        """The radius in metres."""
        return self.miles * MILE_M

    @property
    def search(self) -> Search:
        """The question as the product takes it."""
        return Search(
            words=question.parse(self.typed),
            place=self.place,
            radius_m=self.radius_m,
            terms=self.terms,
            when=question.When(open="now") if self.open_now else None,
            attend=self.attend if self.place else None,
        )

    @property
    def groups(self) -> list[Group]:
        """What is typed, analysed as listings are."""
        parts = re.findall(r'"[^"]+"|\S+', self.typed)
        phrases = [tuple(words.lexemes(part)) for part in parts]
        return [Group(phrase, words.codes_with(phrase)) for phrase in phrases]

    @property
    def required(self) -> list[str]:
        """Codes that a listing must all have."""
        return [code for code in self.terms if _match_all(code)]

    @property
    def choices(self) -> dict[str, list[str]]:
        """By facet, codes of which a listing must have one."""
        found: dict[str, list[str]] = {}
        for code in self.terms:
            if not _match_all(code):
                found.setdefault(code.split(":")[0], []).append(code)
        return found


def _match_all(code: str) -> bool:
    return vocabulary().facets[vocabulary().terms[code].facet].match_all
