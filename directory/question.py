"""Text -> Words: what a person typed, as a tsquery. The only Whoosh query code.

The language is Whoosh's: words (all must match), "a phrase", OR, -not, prefix*.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from whoosh import query as ast
from whoosh.analysis import STOP_WORDS, Analyzer, Token
from whoosh.fields import TEXT, Schema
from whoosh.qparser import (
    OperatorsPlugin,
    PhrasePlugin,
    PrefixPlugin,
    QueryParser,
    WhitespacePlugin,
)

from directory import words
from directory.errors import UsageError
from directory.vocabulary import vocabulary

LONGEST = 200
MOST_TERMS = 12
# Of tokens; those of other scripts begin no code.
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"

# Small words that say nothing by themselves; they count inside quotes and in names.
SMALL = frozenset(words.stem(word) for word in STOP_WORDS) | {"my", "i", "me", "near", "that"}


@dataclass(frozen=True, slots=True)
class When:
    """A day (or None for any), a part of it (or None), or open at this moment."""

    day: str | None = None
    time: str | None = None
    open: str | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A question's words.

    text: as typed. tsquery: what a listing must match, of quoted lexemes; "" for anything.
    name_tsquery: the same, within the name. wishes: tsqueries of what it asks for one by one,
    within name, terms and kind: the more of them a listing meets, the better.
    lexemes: what is wanted, for highlights.
    name: where something is excluded, the whole text as the key of a name, because names
    such as "Samaritan Hospital -Saint Marys Campus" look like it; else None.
    """

    text: str
    tsquery: str
    name_tsquery: str
    wishes: tuple[str, ...]
    lexemes: frozenset[str]
    name: str | None = None


# Letters of a prefix, at least; a shorter one, which begins most words, stands for itself.
_BEGINNING = 3


class _Analysis(Analyzer):  # type: ignore[misc]  # Whoosh has no types
    """Gives Whoosh the lexemes that listings are stored with; prefixes stay as typed."""

    def __call__(self, value: str, tokenize: bool = True, **_: Any) -> Iterator[Token]:
        token = Token()
        for position, lexeme in enumerate(words.lexemes(value) if tokenize else [value]):
            token.text, token.pos, token.boost, token.stopped = lexeme, position, 1.0, False
            token.startchar = token.endchar = 0
            yield token


def _parser() -> QueryParser:
    operators = OperatorsPlugin(
        And=None,
        Or=r"(?<=\s)OR(?=\s)",
        Not=r"(?:^|(?<=\s))-(?=[\w\"])",
        AndNot=None,
        AndMaybe=None,
        Require=None,
    )
    plugins = [WhitespacePlugin(), PhrasePlugin(), PrefixPlugin(), operators]
    return QueryParser("words", Schema(words=TEXT(analyzer=_Analysis())), plugins)


_PARSER = _parser()


def check(text: str) -> None:
    """Raise UsageError (parameter ``q``) for more than 200 characters, or NUL."""
    if len(text) > LONGEST:
        raise UsageError(
            "The question is too long; use at most %(most)s characters.", "q", most=LONGEST
        )
    if "\0" in text:
        raise UsageError("The question holds a NUL character; please remove it.", "q")


def check_terms(count: int) -> None:
    """Raise UsageError (parameter ``q``) where a search would be for so many words."""
    if count > MOST_TERMS:
        raise UsageError(
            "The question has too many words; use at most %(most)s.", "q", most=MOST_TERMS
        )


def parse(text: str) -> Words | None:
    """The words of ``text``; None where it has none.

    Raises UsageError (parameter ``q``) for more than 200 characters or 12 words, or NUL.
    """
    check(text)
    tree = _PARSER.parse(text)
    leaves = list(_leaves(tree))
    if all(isinstance(leaf, ast.Term) and leaf.text in SMALL for leaf, _ in leaves):
        small: frozenset[str] = frozenset()
    else:
        small = SMALL
    wanted = [w for leaf, negated in leaves if not negated for w in _texts(leaf, small)]
    check_terms(sum(len(_texts(leaf, small)) for leaf, _ in leaves))
    tsquery = _render(tree, small, "")
    if not tsquery:
        return None
    return Words(
        text=text.strip(),
        tsquery=tsquery,
        name_tsquery=_render(tree, small, "name"),
        wishes=(_render(tree, small, "terms"),),
        lexemes=frozenset(wanted),
        name=words.name_key(text) if any(negated for _, negated in leaves) else None,
    )


def _leaves(node: Any, negated: bool = False) -> Iterator[tuple[Any, bool]]:
    if isinstance(node, ast.Not):
        yield from _leaves(node.query, not negated)
    elif isinstance(node, ast.Term | ast.Phrase | ast.Prefix):
        yield node, negated
    else:
        for child in node.children():
            yield from _leaves(child, negated)


def _texts(leaf: Any, small: frozenset[str]) -> list[str]:
    if isinstance(leaf, ast.Phrase):
        return list(leaf.words)
    if isinstance(leaf, ast.Prefix):
        return _prefix(leaf.text)
    return [] if leaf.text in small else [leaf.text]


def _prefix(text: str) -> list[str]:
    """The lexemes of a prefix; its last token is kept as typed."""
    *before, last = words.tokens(text) or [""]
    return [*map(words.stem, before), last] if last else []


def _render(node: Any, small: frozenset[str], within: str) -> str:
    """The AST as tsquery text; "" for nothing. Lexemes are letters and digits only.

    ``within`` is "name", "terms" (name, terms and kind) or "" for anywhere. Besides the words
    themselves, the codes of terms that are called so match; in names there are none.
    """
    if isinstance(node, ast.Not):
        inner = _render(node.query, small, "")
        return f"!({inner})" if inner else ""
    if isinstance(node, ast.Phrase):
        phrase = " <-> ".join(_quoted(w, within) for w in node.words)
        return _any_of(f"({phrase})", within, words.codes_with(tuple(node.words)))
    if isinstance(node, ast.Prefix):
        *before, last = _prefix(node.text) or [""]
        if not last:
            return ""
        if len(last) < _BEGINNING:
            return " & ".join(_word(w, within) for w in (*before, words.stem(last)))
        # Stemming shortens: "recover*" also means "recovering", whose lexeme is "recov".
        stem = words.stem(last)
        begun = [_quoted(last, within, ":*")] if within else _beginning(last)
        ends = " | ".join([*begun, _quoted(stem, within)])
        codes = (*words.codes_with((last,), prefix=True), *words.codes_with((stem,)))
        parts = [*(_word(w, within) for w in before), _any_of(ends, within, codes)]
        return "(" + " & ".join(parts) + ")"
    if isinstance(node, ast.Term):
        return "" if node.text in small else _word(node.text, within)
    parts = [part for child in node.children() if (part := _render(child, small, within))]
    operator = " | " if isinstance(node, ast.Or) else " & "
    return "(" + operator.join(parts) + ")" if parts else ""


def _word(lexeme: str, within: str) -> str:
    return _any_of(_quoted(lexeme, within), within, words.codes_with((lexeme,)))


def _beginning(token: str) -> list[str]:
    """The words that begin so, and none of the codes among the lexemes: "open*" is no hour."""
    if not any(space.startswith(token) for space in _spaces()):
        return [f"'{token}':*"]
    longer = (part for letter in _LETTERS for part in _beginning(token + letter))
    return [f"'{token}'", *longer]


@cache
def _spaces() -> tuple[str, ...]:
    """What stands before the colon of lexemes that are no words (``words.search_vector``)."""
    return (*vocabulary().facets, "kind", "at", "in", "open", "start", "quality", "name")


def _any_of(text: str, within: str, codes: tuple[str, ...]) -> str:
    """``text``, or one of ``codes`` where terms count."""
    if within == "name" or not codes:
        return f"({text})"
    return "(" + " | ".join([text, *(f"'{code}'" for code in codes)]) + ")"


def _quoted(lexeme: str, within: str, end: str = "") -> str:
    """A lexeme anywhere, or ``within`` names; ``end`` is ":*" for the beginning of one."""
    return f"'name:{lexeme}'{end}" if within else f"'{lexeme}'{end}"
