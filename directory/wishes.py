"""Parts and words of a question -> Words: what must hold, what is wished for, what must not be.

Most sources do not say whom a place serves or how to pay: to ask for it ranks those that say so
first, and leaves out none.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from directory import question, words
from directory.phrases import Part, abbreviations, in_names
from directory.question import Words
from directory.records import BILLING
from directory.vocabulary import vocabulary

# What must hold. Whom a place serves, how to pay and the like are wishes: few sources say.
HARD = ("kind", "service", "fellowship")
# Who says how to pay, and not what for, looks for one of these.
_BILLING = " | ".join(f"'kind:{kind}'" for kind in BILLING)
# Treatment whose source does not say what it offers, which most do not.
_SILENT = f"('kind:treatment' & '{words.NO_SERVICE}')"
# Wishes that are weighed one by one; the last holds all others.
_MOST_WISHES = 5


@dataclass(slots=True)
class Wishes:
    """tsqueries of what must hold, what is wished for, and what must not be."""

    hard: list[str] = field(default_factory=list)
    services: list[str] = field(default_factory=list)
    soft: dict[str, list[str]] = field(default_factory=dict)
    kinds: list[str] = field(default_factory=list)
    banned: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    region: str | None = None

    def add(self, part: Part) -> None:
        """Take in a term or a kind."""
        codes = [f"'{code}'" for code in part.codes]
        facet = part.facet
        if part.negated:
            self.banned += codes
        elif facet in HARD:
            said = words.lexemes(part.source)
            text_ = " <-> ".join(f"'{lexeme}'" for lexeme in said)
            self.asked.update(codes)
            options = codes
            if facet != "kind":
                options = [f"({text_})", *_called(part), *_by_name(part), *codes]
            among = self.services if facet == "service" else self.hard
            among = self.kinds if facet == "kind" and len(codes) == 1 else among
            among.append(" | ".join(options))
        else:
            said = [w for w in words.lexemes(part.source) if w not in question.SMALL]
            self.soft.setdefault(facet, []).extend([f"({_named(said)})"] if said else [])
            self.soft[facet] += [*codes, *_by_name(part)]

    def words(self, typed: str, rest: list[str], said: list[str], meant: list[str]) -> Words | None:
        """The wishes and the other words as one search; None where there are none.

        Lexemes: ``rest`` of words that mean nothing special, ``said`` of those and of fillers,
        ``meant`` of the wishes. All that was said may be a name.
        """
        required = [_any_way(lexeme) for lexeme in rest]
        return self._words(typed, (rest, said, meant), required, [_named(rest)])

    def silent(
        self, typed: str, rest: list[str], said: list[str], meant: list[str]
    ) -> Words | None:
        """The same where the one service that is asked for is a wish of treatment whose source
        says of none; None where there is more to go by, or less."""
        if len(self.services) != 1 or rest:
            return None
        wider = [f"{self.services[0]} | {_SILENT}"]
        soft = {**self.soft, "service": self.services}
        return replace(self, services=wider, soft=soft).words(typed, rest, said, meant)

    def loose(self, typed: str, rest: list[str], said: list[str], meant: list[str]) -> Words | None:
        """The same with ``rest`` as wishes: that any is in the name, and that all are there.
        Where nothing else is asked, any must be in the name, and the more are, the better."""
        if not rest:
            return None
        if not (self.hard or self.services or self.kinds or self.soft):
            each = [_any_way(lexeme, "name:") for lexeme in dict.fromkeys(rest)]
            return self._words(typed, (rest, said, meant), [" | ".join(each)], each)
        named = " | ".join(_any_way(lexeme, "name:") for lexeme in rest)
        everywhere = _all_of(map(_any_way, rest))
        return self._words(typed, (rest, said, meant), [], [named, everywhere])

    def _weighed(self) -> list[str]:
        """The soft wishes, a facet each, by weight. What somebody takes says little beside whom a
        place takes and who pays, unless it is tobacco alone, for which there is other help; and
        few places take teens."""
        found = {facet: " | ".join(codes) for facet, codes in self.soft.items()}
        others = self.soft.keys() & {"who", "pay", "access"}
        if others and self._codes("substance") != {"'substance:tobacco'"}:
            found.pop("substance", None)
        twice = [found["who"]] if self._codes("who") == {"'who:teens'"} else []
        return [*twice, *found.values()]

    def _codes(self, facet: str) -> set[str]:
        return {code for code in self.soft.get(facet, ()) if code.startswith(f"'{facet}:")}

    def _words(
        self,
        typed: str,
        lexemes: tuple[list[str], list[str], list[str]],
        required: list[str],
        wished: list[str],
    ) -> Words | None:
        rest, said, meant = lexemes
        hard = [*self.hard, *self.services, *([" | ".join(self.kinds)] if self.kinds else [])]
        if not hard and "pay" in self.soft and self._codes("pay") != {"'pay:free'"}:
            required = [*required, _BILLING]
        soft = self._weighed()
        # Secular meetings are of A.A., too.
        but = " | 'meeting:secular'" if self._codes("meeting") & {"'meeting:secular'"} else ""
        banned = [f"!{code}{but}" for code in dict.fromkeys(self.banned) if code not in self.asked]
        if not (hard or soft or rest or banned or self.region):
            return None
        wanted = _all_of([*hard, *required, *banned])
        content = dict.fromkeys(w for w in (*rest, *meant) or said if w not in question.SMALL)
        whole = dict.fromkeys((*said, *meant))
        if wanted and len(whole) > 1 and not banned:
            wanted = f"({wanted}) | ({_named(whole)})"
        if self.region:
            wanted = _all_of([self.region, *([wanted] if wanted else [])])
        wishes = [wish for wish in (*soft, *wished) if wish]
        if hard and not wishes:  # beside wishes, what must hold outweighs nothing
            wishes = [_all_of(hard)]
        others = wishes[_MOST_WISHES - 1 :]
        named = _named(content or whole)
        if soft:  # a word in the name is worth less than all that is wished for
            named = _all_of(filter(None, [named, *soft])) + (
                f" | ({_named(whole)})" if len(whole) > 1 else ""
            )
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


def _by_name(part: Part) -> Iterator[str]:
    """What the names of places say of what is meant, where their source says of no service."""
    for code in part.codes:
        if names := in_names().get(code):
            said = (" <-> ".join(f"'name:{lexeme}'" for lexeme in name) for name in names)
            yield f"('{words.NO_SERVICE}' & !'kind:support_group' & ({' | '.join(said)}))"


def _all_of(parts: Iterable[str]) -> str:
    return " & ".join(f"({part})" for part in parts)


def _named(lexemes: Iterable[str]) -> str:
    return " & ".join(_any_way(lexeme, "name:") for lexeme in lexemes)


def _any_way(lexeme: str, where: str = "") -> str:
    """A lexeme, or what it is short or long for: names say "Hosp" and "Hospital"."""
    ways = " | ".join(
        " & ".join(f"'{where}{each}'" for each in way)
        for way in abbreviations().get(lexeme, ((lexeme,),))
    )
    return f"({ways})" if "|" in ways else ways
