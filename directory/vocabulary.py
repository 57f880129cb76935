"""The one vocabulary: facets, their terms, and what other vocabularies call each term.

Everything is read from ``data/vocabulary.toml``, whose head explains its parts. Codes of other
vocabularies are looked up by name of that vocabulary, never across them: ``SP`` is Spanish to the
federal locator and a speaker meeting to A.A. A code that is known but has no term gives ``()``;
a code that nobody has judged yet raises KeyError, so that importers can count it.
"""

import functools
import tomllib
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from directory.config import DATA
from directory.errors import UsageError

EVERY_FELLOWSHIP = "any"
"""In the file, the name for meeting types that mean the same wherever a group uses them."""

_LISTS = ("synonyms", "federal", "federal_labels", "bmlt", "bmlt_world", "hsds")
_TERM_KEYS = {"label", "about", "meeting_guide", *_LISTS}


@dataclass(frozen=True, slots=True)
class Term:
    """One thing a family can ask for, such as ``service:aftercare``.

    label: two to four words; about: one plain sentence; synonyms: other words people type,
    brand names included.
    """

    code: str
    facet: str
    label: str
    about: str
    synonyms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facet:
    """A group of terms. ``match_all``: two chosen terms must both hold; else either may."""

    code: str
    label: str
    match_all: bool
    terms: tuple[Term, ...]


def normalise(text: str) -> str:
    """Letters and digits only, in lower case, one space between words: what wordings share.

    >>> normalise("Naltrexone (extended-release,  Vivitrol®)")
    'naltrexone extended release vivitrol'
    """
    plain = unicodedata.normalize("NFKD", text).casefold().replace("'", "").replace("’", "")
    kept = (c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in plain)
    return " ".join("".join(kept).split())


def _federal_key(code: str) -> str:
    """The federal code in lower case; databases rename ``pi`` to ``pi_field`` and the like."""
    return code.strip().lower().removesuffix("_field")


class _Crosswalk:
    """From the codes of one other vocabulary to terms; refuses two terms of one facet."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.terms: dict[str, tuple[str, ...]] = {}

    def add(self, key: str, term: Term) -> None:
        taken = [code for code in self.terms.get(key, ()) if code.split(":")[0] == term.facet]
        if taken:
            raise UsageError(
                f"{self.name} {key!r} is given to {taken[0]} and again to {term.code} of the "
                "same facet in vocabulary.toml; keep one of them."
            )
        self.terms[key] = (*self.terms.get(key, ()), term.code)

    def merge(self, key: str, codes: Iterable[str]) -> None:
        """Add ``codes`` to what ``key`` leads to: two codes may share one wording."""
        self.terms[key] = tuple(dict.fromkeys((*self.terms.get(key, ()), *codes)))

    def hide(self, key: str) -> None:
        if self.terms.get(key):
            raise UsageError(
                f"{self.name} {key!r} is given to {self.terms[key][0]} and also listed as not "
                "shown in vocabulary.toml; keep one of them."
            )
        self.terms[key] = ()


class Vocabulary:
    """All facets and terms, with the ways into them from other vocabularies."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        """Build from the parsed file; raise UsageError naming the term that is malformed."""
        self.terms: Mapping[str, Term] = MappingProxyType(
            {code: _term(code, body) for code, body in document.get("terms", {}).items()}
        )
        self.facets: Mapping[str, Facet] = MappingProxyType(
            _facets(document.get("facets", {}), self.terms.values())
        )
        self._federal = _Crosswalk("Federal code")
        self._labels = _Crosswalk("Federal wording")
        self._bmlt = _Crosswalk("BMLT format")
        self._worlds = _Crosswalk("BMLT world id")
        self._types: dict[str, _Crosswalk] = {}
        for code, body in document.get("terms", {}).items():
            self._read(self.terms[code], body)
        for group in document.get("not_shown", []):
            self._hide(group)
        self._read_wordings(document.get("federal", {}))
        self._hsds = _hsds(document.get("terms", {}), self.terms.values())

    def federal(self, code: str) -> tuple[str, ...]:
        """Terms for a federal service code, in any case, with or without ``_field``.

        ``()`` when the code is known and not shown; KeyError when it is unknown.
        """
        return self._federal.terms[_federal_key(code)]

    def federal_label(self, label: str) -> tuple[str, ...]:
        """Terms for the wording of a federal service, of any year; otherwise as ``federal``."""
        return self._labels.terms[normalise(label)]

    def meeting_guide(self, fellowship: str, type_code: str) -> tuple[str, ...]:
        """Terms for a Meeting Guide type as ``fellowship`` (``aa``, ``al-anon``) uses it.

        A fellowship's own meaning wins over the one shared by all. ``()`` when the type is
        known and not shown; KeyError when it is unknown.
        """
        key = type_code.strip().upper()
        own = self._types.get(fellowship)
        if own is not None and key in own.terms:
            return own.terms[key]
        return self._types[EVERY_FELLOWSHIP].terms[key]

    def bmlt(self, key: str = "", world_id: str = "") -> tuple[str, ...]:
        """Terms for an N.A. meeting format; the world id wins, as keys differ by server.

        ``()`` when the format is known and not shown; KeyError when it is unknown.
        """
        world = world_id.strip().upper()
        if world in self._worlds.terms:
            return self._worlds.terms[world]
        return self._bmlt.terms[key.strip()]

    def hsds(self, name: str) -> tuple[str, ...]:
        """Terms whose label, synonyms or human-services names are ``name``; () where none."""
        return self._hsds.get(normalise(name), ())

    def _read(self, term: Term, body: Mapping[str, Any]) -> None:
        for code in body.get("federal", []):
            self._federal.add(_federal_key(code), term)
        for label in _distinct(body.get("federal_labels", [])):
            self._labels.add(label, term)
        for fellowship, codes in body.get("meeting_guide", {}).items():
            for code in codes:
                self._type(fellowship).add(code.upper(), term)
        for key in body.get("bmlt", []):
            self._bmlt.add(key, term)
        for world in body.get("bmlt_world", []):
            self._worlds.add(world.upper(), term)

    def _hide(self, group: Mapping[str, Any]) -> None:
        if not str(group.get("why", "")).strip():
            raise UsageError("A not_shown group in vocabulary.toml has no why; say why.")
        for code in group.get("federal", []):
            self._federal.hide(_federal_key(code))
        for label in _distinct(group.get("federal_labels", [])):
            self._labels.hide(label)
        for fellowship, codes in group.get("meeting_guide", {}).items():
            for code in codes:
                self._type(fellowship).hide(code.upper())
        for key in group.get("bmlt", []):
            self._bmlt.hide(key)
        for world in group.get("bmlt_world", []):
            self._worlds.hide(world.upper())

    def _read_wordings(self, wordings: Mapping[str, Any]) -> None:
        """Lead each federal wording to the terms of its codes; no code may be forgotten."""
        keys = {_federal_key(code) for code in wordings}
        if astray := sorted(keys ^ self._federal.terms.keys()):
            raise UsageError(
                f"Federal code {astray[0]!r} must be under [federal] in vocabulary.toml, and also "
                "under one term or a not_shown group; it is only in one of the two places."
            )
        for code, labels in wordings.items():
            for label in _distinct(labels):
                self._labels.merge(label, self._federal.terms[_federal_key(code)])

    def _type(self, fellowship: str) -> _Crosswalk:
        name = f"Meeting Guide type ({fellowship})"
        return self._types.setdefault(fellowship, _Crosswalk(name))


def _distinct(labels: Iterable[str]) -> list[str]:
    """The wordings that still differ once normalised."""
    return list(dict.fromkeys(normalise(label) for label in labels))


def _term(code: str, body: Mapping[str, Any]) -> Term:
    facet, _, name = code.partition(":")
    if not name or code != code.lower() or " " in code:
        raise UsageError(f"Term {code!r}: write its code as facet:name, lower case with hyphens.")
    unknown = sorted(set(body) - _TERM_KEYS)
    if unknown:
        raise UsageError(f"Term {code}: {unknown[0]!r} is not one of {sorted(_TERM_KEYS)}.")
    for key in ("label", "about"):
        if not str(body.get(key, "")).strip():
            raise UsageError(f"Term {code} has no {key}; add one in vocabulary.toml.")
    for key in _LISTS:
        values = body.get(key, [])
        if not (isinstance(values, list) and all(isinstance(v, str) and v for v in values)):
            raise UsageError(f"Term {code}: {key} must be a list of words in quotes.")
    return Term(code, facet, body["label"], body["about"], tuple(body.get("synonyms", ())))


def _facets(facets: Mapping[str, Any], terms: Iterable[Term]) -> dict[str, Facet]:
    members: dict[str, list[Term]] = {code: [] for code in facets}
    for term in terms:
        if term.facet not in members:
            raise UsageError(f"Term {term.code}: there is no facet {term.facet!r}; add it first.")
        members[term.facet].append(term)
    for code, body in facets.items():
        if not body.get("label") or body.get("match") not in ("all", "any"):
            raise UsageError(f'Facet {code} needs a label, and match = "all" or "any".')
    return {
        code: Facet(code, body["label"], body["match"] == "all", tuple(members[code]))
        for code, body in facets.items()
    }


def _hsds(bodies: Mapping[str, Any], terms: Iterable[Term]) -> dict[str, tuple[str, ...]]:
    """Normalised names to term codes, in file order."""
    found: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for term in terms:
        for name in (term.label, *term.synonyms, *bodies[term.code].get("hsds", ())):
            found[normalise(name)][term.code] = None
    return {name: tuple(codes) for name, codes in found.items()}


def parse(content: bytes) -> Vocabulary:
    """The vocabulary in the bytes of a TOML file; UsageError where it is malformed."""
    try:
        document = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"vocabulary.toml is not readable TOML: {error}") from error
    return Vocabulary(document)


@functools.cache
def vocabulary() -> Vocabulary:
    """The vocabulary in ``data/vocabulary.toml``, read once in a process."""
    return parse((DATA / "vocabulary.toml").read_bytes())
