"""Text -> Question: terms, kinds, a place, a time and words in what a person typed.

Names win over wishes: a listing whose name holds all that was typed is always a match, and the
first. See docs/architecture.md.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any, Protocol

from sqlalchemy import Connection

from directory import question, schedule, words
from directory.finder import Finder, is_name, is_sure
from directory.phrases import (
    Part,
    Question,
    Sign,
    Token,
    is_spanish,
    longest,
    ordinary,
    part_of,
    phrases,
    plea_in,
    sign_in,
    somewhere_in,
    tokens,
)
from directory.places import WIDE, Place, holds, is_around
from directory.question import When
from directory.vocabulary import vocabulary
from directory.wishes import HARD, Wishes

_WRITTEN_AGES = {
    word: number
    for number, word in enumerate("twelve thirteen fourteen fifteen sixteen seventeen".split(), 12)
}
_YEARS = rf"(\d{{1,2}}|{'|'.join(_WRITTEN_AGES)})"
_AGE = re.compile(
    rf"\b(?:{_YEARS}\s*(?:-\s*)?(?:y/?o|yrs?|years?|a[nñ]os)\b(?:\s*-?\s*old)?|age[ds]?\s+{_YEARS}\b"
    rf"|(?:is|i'?m|i am|he'?s|she'?s)\s+{_YEARS}\b)"
    r"(?!\s*(?:am|pm|days?|weeks?|months?|sober|clean|ago|on|of|in|using|drinking|smoking|steps?"
    r"|limpi[ao]|sobri[ao])\b)",
    re.I,
)
# An hour of the day, as in "6am", "at 7:30 p.m.".
_HOUR = re.compile(
    r"\b(?:(?:at|around|after|before|by|from)\s+)?(1[0-2]|0?[1-9])(?::?[0-5]\d)?\s?([ap])\.?\s?m\b\.?",
    re.I,
)
_NEGATIONS = frozenset(("no", "not", "non", "without", "sin", "except"))
# And these after others: "one that isn't religious" (but not "isn't it free?"), "doesn't need".
_DENIALS = dict.fromkeys(("isnt", "arent", "aint"), ("that", "which", "it", "there"))
_DENIALS |= {"need": ("dont", "doesnt", "didnt", "not")}
_ARTICLES = frozenset(("a", "an", "any", "the", "un", "una"))
_NAME_LENGTH, _LONG = 5, 7
_TOBACCO = "substance:tobacco"
_SOMEBODY = frozenset("i im ive my we our he hes she shes they mi yo mis nuestro nuestra".split())
# Somebody to talk to: a help line.
_TALK = (("kind:hotline",), ("service:crisis",))


class Speller(Protocol):
    """Knows words, and those that are spelled alike, the likeliest first."""

    def knows(self, token: str) -> bool: ...  # noqa: D102 - said above
    def doubts(self, token: str) -> bool: ...  # noqa: D102
    def close(self, token: str) -> list[str]: ...  # noqa: D102


def respell(asked: Question, speller: Speller | None, *, doubt: bool = False) -> str | None:
    """The text with each word that is unknown, or doubted, replaced by the likeliest known one;
    None where there is nothing to replace."""
    if speller is None:
        return None
    understood = [range(part.start, part.end) for part in asked.parts]
    text_, shift = asked.text, 0
    # Of a story, most words that no listing has are right: only what means something is respelled.
    story = len(words.tokens(asked.text)) > _NAME_LENGTH
    for match in words.WRITTEN.finditer(asked.text):
        token = "".join(words.tokens(match.group()))
        known = speller.knows(token) and not (doubt and speller.doubts(token))
        if known or any(match.start() in span for span in understood):
            continue
        small = any(len(said) == 1 for said, _ in phrases().get(words.stem(token), ()))
        if small or token in ordinary():
            continue  # listings may lack it
        close = speller.close(token)
        if close and not (story and not _means(close[0], token)):
            text_ = text_[: match.start() + shift] + close[0] + text_[match.end() + shift :]
            shift += len(close[0]) - len(match.group())
    return None if text_ == asked.text else text_


def _means(token: str, typed: str) -> bool:
    """Whether a phrase that means something is the token, and no line for one danger, or it is
    long, as names are, and what was typed for it does not end as ordinary words do."""
    meanings = phrases().get(words.stem(token), ())
    named = len(token) >= _LONG and not typed.endswith(("ing", "ed", "ly"))
    return named or any(
        len(said) == 1 and means and not set(means) & set(_special()) for said, means in meanings
    )


def literal(typed: str) -> Question:
    """All of the text as words, in the language of ``question.parse``."""
    found = question.parse(typed)
    return Question(typed, rest=typed.strip() if found else "", words=found)


def understand(
    typed: str,
    connection: Connection,
    country: str,
    *,
    beside: Place | None = None,
    boxes: bool = False,
) -> Question:
    """What ``typed`` asks for. ``beside``: the place that is given beside it, so that one in it
    counts if it is around there, or surely meant; ``boxes``: a kind or a term is asked for, too.

    Quotes, OR, * and a leading minus keep their meaning: such a text is words only. Raises
    UsageError (parameter ``q``) as ``question.parse`` does.
    """
    question.check(typed)
    if not typed.strip():
        return Question("")
    # Who writes all in capitals means no operator.
    if re.search(r'["*]|(?:^|\s)-\w', typed) or (" OR " in typed and not typed.isupper()):
        return literal(typed)
    said = list(tokens(typed))
    parts, free, fillers = _spotted(typed, said)
    found = Question(typed.strip())
    finder = Finder(typed, said, free, parts, connection, country)
    if located := _located(finder, beside):
        part, where = located
        taken = {n for n, t in enumerate(said) if part.start <= t.start < part.end}
        free, fillers = free - taken, fillers | taken
        if beside is None or not holds(where, beside):
            fillers -= taken
            parts.append(part)
            found = replace(found, place=where)
    for pattern, read in ((_HOUR, _hour), (_AGE, _age)):
        for match in pattern.finditer(typed):
            free -= {n for n in free if match.start() <= said[n].start < match.end()}
            parts += read(typed, match, parts)
    if len(said) > 1:  # "n" is written for "and"; "3 weeks" are no words to look for
        short = {n for n in free if _is_short(typed[said[n].start : said[n].end])}
        if len(said) <= _NAME_LENGTH:  # "Tower 11", but a story has numbers of its own
            short = {n for n in short if n - 1 not in free - short or not _is_number(said[n])}
        if free - short or any(part.what != "place" for part in parts):  # "12&12" is a name
            free, fillers = free - short, fillers | short
    hard = [part for part in parts if _is_hard(part)]
    placed = bool(beside or (found.place and found.place.kind != "country"))
    danger = sign_in(said, placed=placed)
    danger = danger or (None if placed or boxes else _plea(typed, said, parts, free, connection))
    means = set(danger[0].means) if danger else set()
    if danger and (danger[0].now or all(means & set(p.codes) or _is_wide(p) for p in hard)):
        sign, start, end = danger
        # A plea is no question of what somebody takes.
        given_up = {"substance"} if sign.plea else set()
        given_up |= {"day", "time", "open"} if sign.now else set()
        parts = [p for p in parts if not (_is_hard(p) or p.codes in _TALK or p.facet in given_up)]
        parts += [part_of(meaning, typed, start, end) for meaning in sign.means]
        free, fillers = set(), free | fillers  # the rest is a story
    # Who asks for more than somebody to talk to wants that first; crisis lines are on every page.
    # "Al-Anon phone number" is one thing, and a line.
    elif hard:
        spans = {(part.start, part.end) for part in parts if _is_hard(part)}
        parts = [p for p in parts if p.codes[:1] not in _TALK or (p.start, p.end) in spans]
    parts.sort(key=lambda part: part.start)
    rest = [said[i] for i in sorted(free)]
    if not rest and not parts and not (parts := _somewhere(typed, said)):
        named = literal(typed)
        return replace(named, loose=named.words and replace(named.words, tsquery="", wishes=()))
    return _put_together(found, country, parts, rest, [said[i] for i in sorted(free | fillers)])


def _spotted(typed: str, said: Sequence[Token]) -> tuple[list[Part], set[int], set[int]]:
    """Parts that phrases mean; and the numbers of tokens that are free, and of fillers."""
    parts: list[Part] = []
    free: set[int] = set()
    fillers: set[int] = set()
    number = 0
    while number < len(said):
        size, means = longest(said, number)
        if not size:
            free.add(number)
            number += 1
            continue
        span = range(number, number + size)
        start, end = said[number].start, said[span[-1]].end
        # "Day 2, no alcohol" is about somebody, not about what help to leave out.
        about = bool(means) and all(meaning.startswith("substance:") for meaning in means)
        before = number - 1
        if before > 0 and said[before].lexemes[0] in _ARTICLES:
            before -= 1
        negated = not about and before >= 0 and _negates(said, before)
        if not means:
            fillers.update(span)
        elif negated:
            start = said[before].start
            free.difference_update(range(before, number))
        parts += [part_of(meaning, typed, start, end, negated) for meaning in means]
        number += size
    # A "no" that negates nothing known says nothing that words could.
    for number in [n for n in free if said[n].lexemes[0] in _NEGATIONS]:
        free.discard(number)
        fillers.add(number)
    return parts, free, fillers


def _located(finder: Finder, beside: Place | None) -> tuple[Part, Place] | None:
    """The place in a text and its part; of those that it may be, one around ``beside``. Another
    counts only where it is said to be one: who looks for "rehab in San Diego" left the rest of the
    form as it was."""
    if beside is None:
        return finder.place()
    if not (finder.free and (located := finder.place())):
        return None
    part, where = located
    for meant in (where, *where.alternatives):
        if is_around(meant, beside):
            return replace(part, place=meant), meant
    return located if is_sure(part, where) and where.kind not in WIDE else None


def _plea(
    typed: str, said: Sequence[Token], parts: list[Part], free: set[int], connection: Connection
) -> tuple[Sign, int, int] | None:
    """The plea in the tokens, where nothing else is asked for; and where it stands.

    Of a story, other words are let go; one about somebody that says what is taken is a plea."""
    story = len(said) > _NAME_LENGTH
    taken = next((part for part in parts if part.facet == "substance"), None)
    asked = {"substance", "who"} if story and taken else {"substance"}
    more = (part for part in parts if part.what not in ("when", "place"))
    if any(part.facet not in asked or _TOBACCO in part.codes for part in more):
        return None
    found = plea_in(said, set() if story else free)
    somebody = any(token.lexemes[0] in _SOMEBODY for token in said)
    if story and not found and taken and somebody and not somewhere_in(said):
        plea = Sign(("kind:hotline",), (), now=True, anywhere=True, plea=True)
        found = plea, taken.start, taken.end
    return None if found and story and is_name(typed, connection) else found


def _somewhere(typed: str, said: Sequence[Token]) -> list[Part]:
    """Treatment, where no more is said than that somewhere to go is looked for."""
    found = somewhere_in(said)
    return [part_of("kind:treatment", typed, *found)] if found else []


def _negates(said: Sequence[Token], number: int) -> bool:
    word, before = said[number].lexemes[0], said[number - 1].lexemes[0] if number else ""
    return word in _NEGATIONS or before in _DENIALS.get(word, ())


def _is_number(token: Token) -> bool:
    return "".join(token.lexemes).isdecimal()


def _is_short(word: str) -> bool:
    return len(word) == 1 or (len(word) == 2 and word.isdecimal())


@cache
def _special() -> tuple[str, ...]:
    """Codes of lines that are for some people or one thing: not the first for others."""
    who = (code for code in vocabulary().terms if code.startswith("who:"))
    others = "domestic-violence sexual-assault child-abuse poison gambling eating-disorders"
    services = (f"service:{other}" for other in others.split())
    return (*(code for code in who if code != "who:families"), *services)


def _is_wide(part: Part) -> bool:
    """Whether treatment is meant, and none in particular."""
    return part.codes == ("kind:treatment",)


def _is_hard(part: Part) -> bool:
    return part.facet in HARD and not part.negated and part.codes not in _TALK


def _hour(typed: str, match: re.Match[str], parts: list[Part]) -> list[Part]:
    """An hour asks for its part of the day, and for what starts then first."""
    hour = int(match[1]) % 12 + (12 if match[2].lower() == "p" else 0)
    known = {part.facet for part in parts if part.what == "when"}
    codes = [schedule.starting(hour)]
    if not known & {"time", "open"}:
        codes.append(f"time:{schedule.part_of_day(hour)}")
    return [part_of(code, typed, *match.span()) for code in codes]


def _age(typed: str, match: re.Match[str], parts: list[Part]) -> list[Part]:
    """An age under 18 asks for help for teens, one from 60 on for help for seniors."""
    said = (match[1] or match[2] or match[3]).lower()
    age = _WRITTEN_AGES.get(said) or int(said)
    known = any("who:teens" in part.codes for part in parts)
    taken = any(part.start < match.end() and match.start() < part.end for part in parts)
    code = "who:teens" if 10 <= age < 18 else "who:seniors" if age >= 60 else None
    if code is None or known or taken:
        return []
    return [part_of(code, typed, *match.span())]


def _put_together(
    found: Question, country: str, parts: list[Part], rest: list[Token], named: list[Token]
) -> Question:
    """The parts and the words as one question."""
    when: dict[str, str] = {}
    attend: Any = None
    wishes = Wishes()
    for part in parts:
        kind, _, value = part.codes[0].partition(":") if part.codes else ("", "", "")
        if kind == "start":  # an hour says more than "before work"
            if len(part.codes) == 1 or "start" not in wishes.soft:
                wishes.soft["start"] = [f"'{code}'" for code in part.codes]
        elif part.what == "when" and not part.negated:
            when[kind] = value
        elif part.what == "attend":
            opposite = {"online": "in_person", "in_person": "online"}
            attend = opposite[value] if part.negated else value
        elif part.what in ("term", "kind"):
            wishes.add(part)
    if when.get("open"):
        when = {"open": "now"}
    if found.place is not None and found.place.kind in WIDE:
        where, region = f"in:{found.place.country}".lower(), (found.place.region or "").lower()
        wishes.region = f"'{where}-{region}' | '{where}'" if region else f"'{where}':*"
    codes = {code for part in parts if not part.negated for code in part.codes}
    attend = _from_afar(wishes, codes, attend, found.place, country)
    if is_spanish(found.text):
        wishes.soft.setdefault("language", ["'language:es'"])
    lexemes = [lexeme for token in rest for lexeme in token.lexemes]
    dropped = ""
    if parts and len(lexemes) > question.MOST_TERMS:
        # Whoever writes so much tells a story; what was understood of it is the question.
        dropped, rest, named, lexemes = _as_typed(found, rest), [], [], []
    question.check_terms(len(lexemes))
    said = [lexeme for token in named for lexeme in token.lexemes]
    spans = dict.fromkeys(part.source for part in parts if part.what in ("term", "kind"))
    meant = [lexeme for source in spans for lexeme in words.lexemes(source)]
    place = found.place if found.place and found.place.kind not in WIDE else None
    return replace(
        found,
        parts=tuple(parts),
        rest=_as_typed(found, rest),
        dropped=dropped,
        words=wishes.words(found.text, lexemes, said, meant),
        loose=wishes.loose(found.text, lexemes, said, meant),
        silent=wishes.silent(found.text, lexemes, said, meant),
        place=place,
        when=When(**when) if when else None,
        attend=attend,
    )


def _from_afar(
    wishes: Wishes, codes: set[str], attend: Any, place: Place | None, country: str
) -> Any:
    """How to attend, where help from afar is meant; of that, what is nearest comes first."""
    country = place.country if place else country
    if attend == "online" and "service:telehealth" in codes:  # it says so itself
        return None
    if "kind:hotline" in codes:  # rings anywhere
        wishes.soft["served"] = [f"'in:{country}'".lower()]
        special = {*_special(), "service:safe-use-line"}
        if "who:families" not in codes:
            special.add("fellowship:al-anon")
        if not codes & special:
            wishes.soft["anyone"] = [
                "(" + " & ".join(f"!'{code}'" for code in sorted(special)) + ")"
            ]
        return attend or "online"
    if attend == "online" and place is not None and place.region:
        wishes.soft["served"] = [f"'in:{country}-{place.region}'".lower()]
    return attend


def _as_typed(found: Question, said: Sequence[Token]) -> str:
    return " ".join(found.text[token.start : token.end] for token in said)
