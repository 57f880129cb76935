"""A question with its answer, respelled where it finds nothing as it was typed."""

from datetime import datetime

from sqlalchemy import Connection

from directory.config import Config
from directory.criteria import Search
from directory.parameters import Values, read_search
from directory.pocket import open_pocket
from directory.search import Page, answer
from directory.understand import respell


def ask(
    connection: Connection, values: Values, config: Config, now: datetime
) -> tuple[Search, Page, str | None]:
    """The search that ``values`` ask for, its answer, and the question as it was respelled.

    A question that finds nothing is asked again with the words that nobody uses respelled; if
    that finds something, it is the answer. ``literal=1`` leaves the spelling alone.
    """
    search = read_search(values, connection, config.country)
    page = answer(connection, search, now)
    if page.total or search.question is None or not search.question.rest or "literal" in values:
        return search, page, None
    spelled = respell(search.question, open_pocket(config))
    if spelled is None:
        return search, page, None
    other = read_search({**values, "q": [spelled]}, connection, config.country)
    better = answer(connection, other, now)
    return (other, better, spelled) if better.total else (search, page, None)
