"""The command line as its users run it: output, exit codes, errors with their remedy."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from directory import cli
from directory.config import Config
from directory.runs import exclusive

FEED = "external_id,kind,name,city,region\n1,treatment,Open Door,Denver,CO\n2,casino,No,,\n"


@pytest.fixture
def here(here: Config) -> Path:
    """A folder with a feed; commands use ``database``."""
    (here.home / "feed.csv").write_text(FEED)
    return here.home


def run_import(folder: Path, *more: str) -> int:
    return cli.main(["import", "csv", str(folder / "feed.csv"), "--source", "test", *more])


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_an_import_and_its_document(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_import(here, "--json") == 0
    report = document(capsys)
    assert report["status"] == "applied"
    assert (report["read"], report["added"], report["rejected"]) == (2, 1, 1)
    assert report["reasons"] == {"invalid_kind": 1}
    assert {"run_id", "source", "changed", "same", "vanished", "repaired", "seconds"} <= set(report)
    assert run_import(here) == 0
    assert "unchanged" in capsys.readouterr().out


def test_a_dry_run_changes_nothing(
    here: Path, database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_import(here, "--dry-run", "--json") == 0
    assert document(capsys)["status"] == "dry-run"
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM listing")).scalar() == 0


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("", 1),
        ("<!DOCTYPE html><html></html>", 1),
        ("external_id,kind,name\n", 3),
        ("external_id,kind,name\n1,casino,x\n", 3),
        ('external_id,kind,name\n1,treatment,"cut', 1),
        ("name\nx\n", 1),
    ],
)
def test_feeds_that_are_no_feeds(
    here: Path, capsys: pytest.CaptureFixture[str], content: str, code: int
) -> None:
    assert run_import(here) == 0
    (here / "feed.csv").write_text(content)
    assert run_import(here) == code
    assert len("".join(capsys.readouterr())) > 20
    (here / "feed.csv").write_text(FEED)
    assert run_import(here) == 0
    assert "unchanged" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["import", "magic", "x", "--source", "test"],
        ["import", "csv", "nothing.csv", "--source", "test"],
        ["import", "csv", "x", "--source", "No Slug"],
        ["import", "csv", "x", "--source", "test", "--set", "novalue"],
        ["search", "--near", "Nowhereville Zzyzx"],
        ["search", "--radius", "1000"],
        ["place", "Nowhereville Zzyzx"],
        ["generate", "--rows", "0"],
        ["db", "backup"],
        ["db", "restore", "nothing.dump"],
        ["db", "stop"],
    ],
)
def test_wrong_use_is_said_with_its_remedy(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert cli.main(arguments) == 2
    assert capsys.readouterr().err.startswith("directory: ")


def test_a_second_run_says_locked(here: Path, database: Engine) -> None:
    with exclusive(database, "test"):
        assert run_import(here) == 4


def test_search_place_sources_and_runs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_import(here)
    capsys.readouterr()
    assert cli.main(["search", "open door", "--near", "Denver", "--json"]) == 0
    found = document(capsys)
    assert (found["total"], found["results"][0]["precision"]) == (1, "approximate")
    assert cli.main(["search", "open door", "--near", "Denver"]) == 0
    assert "Open Door" in capsys.readouterr().out
    assert cli.main(["place", "Denver", "--json"]) == 0
    assert document(capsys)["name"] == "Denver, CO"
    assert cli.main(["sources", "--json"]) == 0
    assert document(capsys)[0]["listings"] == 1
    assert cli.main(["runs", "test", "--json"]) == 0
    assert document(capsys)[0]["status"] == "applied"


def test_generate_only_where_nothing_is_real(
    here: Path, database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["generate", "--rows", "50"]) == 0
    run_import(here)
    assert cli.main(["generate", "--rows", "50"]) == 2
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM listing")).scalar() == 1


def test_backup_and_restore(here: Path, database: Engine) -> None:
    run_import(here)
    dump = here / "directory.dump"
    assert cli.main(["db", "backup", str(dump)]) == 0
    with database.begin() as connection:
        connection.execute(text("DELETE FROM listing"))
    assert cli.main(["db", "restore", str(dump)]) == 0
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM listing")).scalar() == 1
    (here / "broken.dump").write_text("no dump")
    assert cli.main(["db", "restore", str(here / "broken.dump")]) == 2


def test_a_database_that_is_away_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIRECTORY_DATABASE_URL", "postgresql://nobody@127.0.0.1:9/none")
    assert cli.main(["sources"]) == 1
    assert "DIRECTORY_DATABASE_URL" in capsys.readouterr().err


def test_the_command_is_installed() -> None:
    command = Path(sys.executable).with_name("directory")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, check=True)
    assert "import" in done.stdout
