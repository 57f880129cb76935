"""One analysis of text for listings and for questions, so that both speak the same lexemes.

A lexeme is a lower-case token without accents, stemmed by Whoosh's Porter2 stemmer. No token
is a stop word here: names such as "Here and Now" must be found.
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

from whoosh.lang.porter2 import stem as porter2

from directory.records import Record
from directory.vocabulary import vocabulary

LONGEST_TOKEN = 60
# Positions in a tsvector end at 16383; longer texts are searched up to here.
_LAST_POSITION = 16_000

# What people call each kind; searched like the labels of its terms.
KIND_WORDS = {
    "treatment": ("treatment center", "treatment facility", "treatment program", "rehab"),
    "support_group": ("support group", "meeting"),
    "community_program": ("community program",),
    "counseling": ("counseling", "counselor", "therapy", "therapist"),
    "interventionist": ("interventionist", "intervention"),
    "hotline": ("hotline", "helpline", "phone line"),
}

_REGION = re.compile(r"[A-Za-z]{2}(-[A-Za-z0-9]{1,3})?")
_INITIALS = re.compile(r"\b(?:[^\W\d_]\.){2,}(?:[^\W\d_]\b)?")
_TOKEN = re.compile(r"[^\W_]+")
# A token as people write it, initials and apostrophes included.
WRITTEN = re.compile(r"(?:[^\W\d_]\.){2,}[^\W\d_]?|[^\W_]+(?:['’‘ʼ`´][^\W_]+)*")
_APOSTROPHES = str.maketrans("", "", "’‘ʼ´'`")
# What _TOKEN finds in ASCII, in one pass: letters in lower case, and spaces for what is none.
_ASCII: dict[int, str | None]
_ASCII = {n: chr(n).lower() if chr(n).isalnum() else " " for n in range(128)}
_ASCII |= dict.fromkeys(map(ord, "'`"))


def tokens(text: str) -> list[str]:
    """The tokens of ``text`` in order: lower case, accents and apostrophes dropped.

    Initials are one token: "A.A." is "aa".
    """
    if not text.isascii():
        decomposed = unicodedata.normalize("NFKD", text)
        text = "".join(char for char in decomposed if not unicodedata.combining(char))
        text = text.translate(_APOSTROPHES)
    if "." in text:
        text = _INITIALS.sub(lambda found: found.group().replace(".", ""), text)
    found: list[str]
    found = text.translate(_ASCII).split() if text.isascii() else _TOKEN.findall(text.lower())
    if len(text) > LONGEST_TOKEN and max(map(len, found), default=0) > LONGEST_TOKEN:
        found = [token[:LONGEST_TOKEN] for token in found]
    return found


# The lexeme of a record that says of no service that it offers it.
NO_SERVICE = "service:"


@lru_cache(maxsize=131_072)
def stem(token: str) -> str:
    """The lexeme of one token. Numbers and words in other scripts stand for themselves."""
    return porter2(token) if token.isascii() and token.isalpha() and len(token) > 2 else token


def lexemes(text: str) -> list[str]:
    """The lexemes of ``text`` in order."""
    return list(map(stem, tokens(text)))


def name_key(text: str) -> str:
    """What a name is sorted by: its tokens, in code point order."""
    return " ".join(tokens(text))


def search_vector(record: Record, more: Iterable[str]) -> str:
    """The record's words in PostgreSQL's tsvector text form.

    A word of the name is there twice, as itself and as ``name:word``: so an index knows what
    is in names. A term, the kind, the region and ``more`` (hours, completeness) are one lexeme
    each: what people call a term is looked up when a question is read (``codes_with``). No
    token has a colon: codes and words cannot be mistaken.
    """
    codes = [f"kind:{record.kind}", *record.terms, *more]
    if not any(term.startswith("service:") for term in record.terms):
        codes.append(NO_SERVICE)
    if record.region and record.region.isalnum():
        codes.append(f"in:{record.country}-{record.region}".lower())
    codes += [f"in:{region}".lower() for region in record.served if _REGION.fullmatch(region)]
    named = lexemes(record.name)
    parts = ["'" + "' '".join(codes) + "'"]
    parts += [f"'name:{lexeme}':{n}" for n, lexeme in enumerate(named, 1)]
    found = named
    for text in _texts(record):
        if text:  # a gap takes a position too, so that no phrase spans two texts
            found.append("")
            found.extend(map(stem, tokens(text)))
    parts += [f"'{lexeme}':{n}" for n, lexeme in enumerate(found[:_LAST_POSITION], 1) if lexeme]
    return " ".join(parts)


@cache
def _phrases() -> dict[str, tuple[tuple[str, ...], ...]]:
    """For each code of a term or kind, its label and synonyms as lexemes."""
    texts = {term.code: (term.label, *term.synonyms) for term in vocabulary().terms.values()}
    texts |= {f"kind:{kind}": names for kind, names in KIND_WORDS.items()}
    return {code: tuple(tuple(lexemes(t)) for t in found) for code, found in texts.items()}


@lru_cache(maxsize=4_096)
def codes_with(phrase: tuple[str, ...], prefix: bool = False) -> tuple[str, ...]:
    """The codes whose label or a synonym holds these lexemes in a row.

    With ``prefix`` the one lexeme may also be the beginning of one there.
    """
    size = len(phrase)

    def holds(text: tuple[str, ...]) -> bool:
        if prefix:
            return any(lexeme.startswith(phrase[0]) for lexeme in text)
        return any(text[i : i + size] == phrase for i in range(len(text)))

    return tuple(code for code, texts in _phrases().items() if any(map(holds, texts)))


def _texts(record: Record) -> list[str | None]:
    return [
        record.organization,
        record.city,
        record.description,
        record.eligibility,
        record.fees,
        *record.street,
        record.region,
        record.postal_code,
        record.recurrence_note,
        *(session.note for session in record.sessions),
    ]


def spans(text: str, wanted: frozenset[str]) -> list[tuple[int, int]]:
    """Where ``text`` holds a token whose lexeme is wanted, as (start, end) in characters."""
    found = []
    for match in WRITTEN.finditer(text):
        if wanted.intersection(lexemes(match.group())):
            found.append(match.span())
    return found
