"""Readers while listings are published: each answer is of one instant, in all its parts."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Engine, event

from directory import db, question
from directory.config import Config
from directory.criteria import Search
from directory.load import load
from directory.places import place_at
from directory.records import Item
from directory.runs import SourceSpec
from directory.search import Page, answer
from tests.conftest import NOW, settings

DENVER = place_at(39.7392, -104.9903)
SEARCHES = {
    "near": Search(place=DENVER, radius_m=50_000),
    "near, by name": Search(place=DENVER, radius_m=50_000, sort="name"),
    "anywhere": Search(),
    "words": Search(words=question.parse("place")),
    "far": Search(place=place_at(35.0, -110.0), radius_m=50_000),
}


def rows(number: int) -> list[Item]:
    """State ``number``: it is in every name; whether it is odd, say how many are shown and what
    they offer. Their country has no gazetteer, which each import would read."""
    terms = ["service:detox"] if number % 2 else ["service:aftercare"]
    fields: list[dict[str, Any]] = [
        {"external_id": str(n), "kind": "treatment", "name": f"Place S{number}", "terms": terms}
        | {"latitude": 39.7392 + n / 1000, "longitude": -104.9903, "country": "FR"}
        for n in range(21)
    ]
    fields[-1]["status"] = "active" if number % 2 else "suspended"
    return [Item(f"item {n}", row) for n, row in enumerate(fields)]


def publish(engine: Engine, number: int) -> None:
    assert load(engine, SourceSpec("test", "csv", "x"), rows(number)).status == "applied"


def state_of(page: Page) -> int:
    """The one state that all parts of an answer are of."""
    numbers = {int(hit.listing.name.rpartition("S")[2]) for hit in page.hits}
    assert len(numbers) == 1, "rows of several states"
    (number,) = numbers
    if page.beyond:
        return number
    assert page.total == 20 + number % 2
    assert page.counts["kind"]["treatment"] == page.total
    assert page.counts["service"] == {rows(number)[0].raw["terms"][0]: page.total}
    return number


@pytest.fixture
def reader(database: Engine, config: Config) -> Iterator[Engine]:
    """The engine of searches on ``database``."""
    found = db.reader(settings(config, database.url))
    yield found
    found.dispose()


@pytest.mark.parametrize("name", SEARCHES)
def test_an_import_between_two_statements_is_in_no_part_of_the_answer(
    database: Engine, reader: Engine, name: str
) -> None:
    published: list[bool] = []

    def between(*_: Any) -> None:
        publish(database, len(published) + 1)
        published.append(True)

    publish(database, 0)
    event.listen(reader, "before_cursor_execute", between)
    try:
        with reader.connect() as connection:
            page = answer(connection, SEARCHES[name], NOW)
    finally:
        event.remove(reader, "before_cursor_execute", between)
    assert len(published) > 1, "an answer of one statement proves nothing"
    # What was published before the first statement counts, and nothing later.
    assert state_of(page) == 1


def test_no_reader_sees_a_mixture_in_fifty_publishes(database: Engine, reader: Engine) -> None:
    publishes, seen, failures, stop = 50, set(), [], threading.Event()

    def read() -> None:
        try:
            while not stop.is_set():
                for search in SEARCHES.values():
                    with reader.connect() as connection:
                        seen.add(state_of(answer(connection, search, NOW)))
        except BaseException as error:  # told in the test's own thread
            failures.append(error)

    publish(database, 0)
    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, publishes + 1):
        publish(database, number)
    stop.set()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(seen) > 1
