"""A question with its answer: respelled, or with less asked of it, where it finds nothing."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from directory.config import Config
from directory.criteria import Search
from directory.parameters import Values, read_search
from directory.pocket import open_pocket
from directory.search import Page, answer
from directory.understand import Question, respell


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer, and what it is an answer to.

    typed: the question that was answered. corrected: the same, if it was respelled; left_out:
    what of the question was let go.
    """

    search: Search
    page: Page
    typed: str
    corrected: str | None = None
    left_out: tuple[str, ...] = ()


def ask(connection: Connection, values: Values, config: Config, now: datetime) -> Answered:
    """The answer to what ``values`` ask for.

    A question that finds nothing is asked again: with the words that nobody uses respelled,
    then without the words that mean nothing special, without its time, and without both. The
    first that finds something is the answer. ``literal=1`` leaves a question as it is.
    """
    search = read_search(values, connection, config.country)
    page = answer(connection, search, now)
    asked = search.question
    first = Answered(search, page, asked.text if asked else "")
    if page.total or asked is None or not asked.text or "literal" in values:
        return first
    spelled = respell(asked, open_pocket(config)) if asked.rest else None
    tries = [(spelled, spelled, ())] if spelled else []
    for text, corrected, left_out in [*tries, *((t, None, out) for t, out in _less(asked))]:
        other = read_search({**values, "q": [text]}, connection, config.country)
        better = answer(connection, other, now)
        if better.total:
            return Answered(other, better, text, corrected, left_out)
    return first


def _less(asked: Question) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The question with less asked, and what was let go."""
    wishes = [part.source for part in asked.parts if part.what != "when"]
    times = [part.source for part in asked.parts if part.what == "when"]
    words = [asked.rest] if asked.rest else []
    if words and (wishes or times):
        yield _joined([part.source for part in asked.parts]), tuple(words)
    if times and (wishes or words):
        yield _joined([*wishes, *words]), _once(times)
    if words and times and wishes:
        yield _joined(wishes), (*words, *_once(times))


def _once(texts: list[str]) -> tuple[str, ...]:
    """Each text once: one text may mean two things."""
    return tuple(dict.fromkeys(texts))


def _joined(texts: list[str]) -> str:
    return " ".join(_once(texts))
