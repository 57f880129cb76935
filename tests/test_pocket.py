"""The pocket of words and names: what it knows, spelling, updates, and a broken folder."""

import gc
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from directory import pocket
from directory.config import Config
from tests.conftest import Loader, settings


@pytest.fixture
def home(config: Config, database: Engine, tmp_path: Path) -> Config:
    return replace(settings(config, database.url), home=tmp_path)


def opened(config: Config) -> pocket.Pocket:
    found = pocket.open_pocket(config)
    assert found is not None
    return found


def test_words_names_and_updates(database: Engine, home: Config, load_rows: Loader) -> None:
    assert pocket.open_pocket(home) is None
    gc.collect()  # Whoosh leaves a file that it cannot read to the collector
    rows: list[dict[str, object]] = [
        {"external_id": "1", "name": "House of Hope", "city": "Denver"},
        {"external_id": "2", "name": "Serenity Lodge"},
    ]
    load_rows(*rows)
    assert pocket.refresh(database, home) == 2
    first = opened(home)
    assert first.knows("denver")
    assert not first.knows("boston")
    assert first.names("house of ho", 5) == first.names("ho", 5) == ["House of Hope"]
    assert first.names("ope", 5) == []
    assert first.close("serentiy") == ["serenity"]
    assert first.close("detocks") == ["detox"]  # as it sounds
    assert first.close("medicade")[:2] == ["medicaid", "medicare"]
    assert first.close("narconnon") == []  # whatever it is, it is not Narcan
    assert first.close("subocksone")[:1] == ["suboxone"]
    assert first.close("wemon")[:1] == ["women"]  # two edits, of a word that means something
    assert first.often("house of hope") == 1
    assert first.often("house of zzyzx") == 0
    assert pocket.refresh(database, home) == 0
    assert opened(home) is first
    with database.begin() as connection:
        connection.execute(text("UPDATE listing SET status = 'closed' WHERE external_id = '2'"))
    assert pocket.refresh(database, home) == 1
    assert not opened(home).knows("lodge")
    assert opened(home).names("seren", 5) == []


def test_a_rare_word_beside_a_common_one_is_doubted(
    database: Engine, home: Config, load_rows: Loader
) -> None:
    rows: list[dict[str, object]] = [
        {"external_id": str(n), "name": "Meeting", "city": "Philadelphia"} for n in range(120)
    ]
    load_rows(*rows, {"external_id": "x", "name": "House of Philidelphia, Lodge, detox"})
    pocket.refresh(database, home)
    found = opened(home)
    assert found.knows("philidelphia")
    assert found.doubts("philidelphia")
    assert not any(map(found.doubts, ("philadelphia", "lodge", "detox", "zyzzyva")))


# Whoosh leaves a broken file to the garbage collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
def test_a_broken_index_is_made_anew(database: Engine, home: Config, load_rows: Loader) -> None:
    load_rows({"name": "Open Door"})
    pocket.refresh(database, home)
    for file in pocket.folder_of(home).iterdir():
        file.write_bytes(b"broken")
    pocket._open.clear()
    assert pocket.open_pocket(home) is None
    gc.collect()
    pocket.refresh(database, home)
    assert opened(home).names("open d", 5) == ["Open Door"]


def test_a_quick_refresh_looks_only_where_an_import_was_applied(
    database: Engine, home: Config, load_rows: Loader
) -> None:
    load_rows({"name": "Open Door"})
    assert pocket.refresh(database, home, quick=True) == 1
    with database.begin() as connection:
        connection.execute(text("UPDATE listing SET content_hash = 'other'"))
    assert pocket.refresh(database, home, quick=True) == 0
    assert pocket.refresh(database, home) == 1
    load_rows({"name": "Open House"})
    assert pocket.refresh(database, home, quick=True) == 1
    shutil.rmtree(pocket.folder_of(home))
    assert pocket.refresh(database, home, quick=True) == 1
