"""The benchmark compares like with like: opponents give our answers, from the same rows."""

import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from geopy.distance import geodesic
from sqlalchemy import Engine, text

from directory.models import Base
from directory.search import answer
from tests.bench import opponents, rows
from tests.bench.in_sqlite import InSqlite
from tests.bench.in_tantivy import InTantivy
from tests.bench.lines import differences, questions

NOW = datetime(2026, 11, 24, 18, 0, tzinfo=UTC)

LISTING = Base.metadata.tables["listing"]


@pytest.fixture
def filled(database: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """400 imported listings, and 800 copies of them."""
    monkeypatch.setattr(rows, "IMPORTED", 400)
    rows.fill(database, 1_200, tmp_path / "feed.csv")
    return database


def test_opponents_give_our_answers(filled: Engine, tmp_path: Path) -> None:
    found = [
        opponent.build(opponents.documents(filled, NOW), tmp_path, NOW)
        for opponent in (InSqlite, InTantivy)
    ]
    with filled.connect() as connection:
        for question in questions(filled):
            for ask in question.asks[:: len(question.asks) // 5] if question.opposed else ():
                ours = answer(connection, ask.search, NOW)
                for opponent in found:
                    differs = differences(ours, opponent.answer(ask))
                    assert not differs, (opponent.name, question.name, ask.typed)


def test_copies_are_listings_of_their_own(filled: Engine) -> None:
    with filled.connect() as connection:
        counts = connection.execute(
            text(
                "SELECT count(*), count(DISTINCT id), count(position), count(latitude),"
                " count(*) FILTER (WHERE in_person) FROM listing"
            )
        ).one()
        indexes = connection.execute(
            text("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'ix_listing%'")
        ).scalar_one()
    assert tuple(counts[:2]) == (1_200, 1_200)
    assert counts[2] == counts[3] == counts[4] > 900
    assert indexes == len(LISTING.indexes)


def test_distances_are_geodesic() -> None:
    chance = random.Random(3)
    for _ in range(500):
        lat, lon = chance.uniform(15, 70), chance.uniform(-170, -60)
        other = (lat + chance.uniform(-0.7, 0.7), lon + chance.uniform(-0.7, 0.7))
        wanted = geodesic((lat, lon), other).m
        assert opponents.metres_from(lat, lon)(*other) == pytest.approx(wanted, abs=0.002)
        within = opponents.box(lat, lon, wanted)
        assert within.south <= other[0] <= within.north
        assert within.west <= other[1] <= within.east
