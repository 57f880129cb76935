"""The archive of raw feeds, and the commands that accept, undo and list what was rejected."""

import gzip
import os
import time
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from directory import archive, cli, quarantine
from directory.archive import KEPT, keeping
from directory.config import Config, load_config
from directory.feed import FeedError
from directory.runs import Report, exclusive
from tests.test_cli import document

HEADER = "external_id,kind,name,website\n"


@pytest.fixture
def here(here: Config) -> Path:
    """A folder for feeds and the archive; commands use ``database``."""
    return here.home


def write(folder: Path, count: int, *more: str) -> bytes:
    rows = "".join(f"{n},treatment,Place {n},https://example.org/{n}\n" for n in range(count))
    content = (HEADER + rows + "".join(f"{line}\n" for line in more)).encode()
    (folder / "feed.csv").write_bytes(content)
    return content


def run(folder: Path, *more: str) -> int:
    return cli.main(["import", "csv", str(folder / "feed.csv"), "--source", "test", *more])


def archived(folder: Path) -> dict[str, list[Path]]:
    return {run.name: sorted(run.iterdir()) for run in sorted((folder / "archive/test").iterdir())}


def test_refuse_accept_undo(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, 100)
    assert run(here) == 0
    write(here, 80)
    capsys.readouterr()
    assert run(here, "--dry-run", "--json") == 3
    rehearsed = document(capsys)
    assert (rehearsed["status"], rehearsed["verdict"]) == ("dry-run", "refused")
    assert run(here, "--json") == 3
    refused = document(capsys)
    assert refused["status"] == refused["verdict"] == "refused"
    assert refused["alarms"] == rehearsed["alarms"]
    assert run(here, "--accept", str(refused["run_id"]), "--json") == 0
    accepted = document(capsys)
    assert (accepted["status"], accepted["vanished"]) == ("applied", 20)
    assert cli.main(["undo", str(accepted["run_id"]), "--json"]) == 0
    undone = document(capsys)
    assert (undone["status"], undone["undoes"], undone["restored"]) == (
        "undo",
        accepted["run_id"],
        20,
    )
    assert cli.main(["undo", str(accepted["run_id"])]) == 2
    assert "already" in capsys.readouterr().err
    assert cli.main(["runs", "test"]) == 0
    history = capsys.readouterr().out
    assert "undone by run" in history
    assert "dry-run, would be refused" in history
    assert "20 of 100 live listings are missing" in history
    assert cli.main(["runs", "test", "--json"]) == 0
    runs = {found["id"]: found for found in document(capsys)}
    assert runs[accepted["run_id"]]["accepts"] == refused["run_id"]
    assert runs[accepted["run_id"]]["undone_by"] == undone["run_id"]
    assert runs[refused["run_id"]]["alarms"][0]["limit"] == "missing"


def test_undo_waits_for_nobody(
    here: Path, database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, 3)
    assert run(here) == 0
    with exclusive(database, "test"):
        assert cli.main(["undo", "1"]) == 4
        assert run(here) == 4
    assert "running" in capsys.readouterr().err
    assert cli.main(["undo", "1"]) == 0


def test_limits_on_the_command_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, 100)
    assert run(here) == 0
    write(here, 80)
    for wrong, said in (("mising=5", "missing"), ("missing=x", "a number"), ("missing", "--limit")):
        assert run(here, "--limit", wrong) == 2
        assert said in capsys.readouterr().err
    assert run(here, "--limit", "missing=20.5") == 0


def test_each_applied_feed_is_kept_and_can_be_imported(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = write(here, 40)
    assert run(here) == 0
    (feeds,) = archived(here).values()
    assert [gzip.decompress(path.read_bytes()) for path in feeds] == [first]
    assert (here / "archive/test").stat().st_mode & 0o077 == 0
    assert run(here) == 0  # unchanged
    write(here, 45)
    assert run(here, "--dry-run") == 0
    write(here, 1)
    assert run(here) == 3
    (here / "feed.csv").write_text(HEADER + '1,treatment,"cut')
    assert run(here) == 1
    assert list(archived(here)) == ["1"]
    capsys.readouterr()
    assert cli.main(["import", "csv", str(feeds[0]), "--source", "test", "--json"]) == 0
    assert document(capsys)["status"] == "unchanged"


def test_the_archive_is_pruned(here: Path) -> None:
    for count in range(10, 13 + KEPT):
        write(here, count)
        assert run(here) == 0
    assert sorted(map(int, archived(here))) == list(range(4, 4 + KEPT))


def test_an_archive_that_cannot_be_written_changes_nothing(
    here: Path, database: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "archive").write_text("in the way")
    write(here, 3)
    assert run(here) == 1
    assert "archive" in capsys.readouterr().err
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM listing")).scalar() == 0


def test_a_full_disk_changes_nothing(
    here: Path, database: Engine, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    write(here, 3)
    # A device that is always full, in place of the copy.
    full = Path("/dev/full")
    monkeypatch.setattr("directory.archive.gzip.GzipFile", lambda *_, **__: full.open("wb", 0))
    assert run(here) == 1
    assert "No space left" in capsys.readouterr().err
    with database.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM listing")).scalar() == 0


def test_what_killed_runs_left_is_swept_up(here: Path) -> None:
    config: Config = load_config()
    with keeping(config, "test") as kept:
        old, new = kept.folder.with_name(".old"), kept.folder.with_name(".new")
        for folder in (old, new):
            folder.mkdir()
        os.utime(old, (0, 0))
    with keeping(config, "test"):
        assert (old.exists(), new.exists()) == (False, True)


def test_names_of_what_is_kept(here: Path) -> None:
    (here / "a b;c.json.gz").write_bytes(gzip.compress(b"[]"))
    with keeping(load_config(), "test") as kept:
        with kept.open(str(here / "a b;c.json.gz")) as stream:
            assert stream.read() == b"[]"
        with pytest.raises(FeedError):
            kept.open("http://127.0.0.1:1/?key=secret")
        kept.settle(Report("test", run_id=7, status="applied"))
    assert [path.name for path in archived(here)["7"]] == ["000-a-b-c.json.gz"]


def test_rejected_and_repaired_rows_can_be_found(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, 2, "7,casino,Lucky\x1b[31m,", "8,treatment,Mended,javascript:x", "0,treatment,Dup,")

    def rejects(*more: str) -> Any:
        assert cli.main(["runs", "test", "--rejects", "--json", *more]) == 0
        return document(capsys)

    assert run(here) == 0
    capsys.readouterr()
    found = rejects()
    casino = next(row for row in found if row["code"] == "invalid_kind")
    assert (casino["verdict"], casino["position"], casino["field"]) == (
        "rejected",
        "line 4",
        "kind",
    )
    assert "Correct this field at the source" in casino["message"]
    assert casino["sample"].isascii()
    assert casino["sample"].isprintable()
    mended = next(row for row in found if row["code"] == "bad_link")
    assert (mended["verdict"], mended["position"], mended["field"]) == ("repaired", "8", "website")
    assert mended["listing"]
    assert [row["code"] for row in rejects("--code", "bad_link")] == ["bad_link"]
    assert [row["code"] for row in rejects("--find", "LUCKY")] == ["invalid_kind"]
    assert rejects("--find", "100%_") == []
    assert cli.main(["runs", "test", "--rejects", "--find", "lucky"]) == 0
    assert "line 4" in capsys.readouterr().out
    for wrong in (["runs", "--rejects"], ["runs", "test", "--code", "x"], ["runs", "no"]):
        code = cli.main([*wrong, *(["--rejects"] if wrong[-1] == "no" else [])])
        assert code == 2


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("invalid_name", "name"),
        ("invalid_phones.0.number", "phones"),
        ("invalid_row", None),
        ("duplicate_id", "external_id"),
        ("unpublished", None),
    ],
)
def test_the_field_at_fault(code: str, field: str | None) -> None:
    assert quarantine.field_of(code) == field
    assert quarantine.with_remedy(code, "is wrong").startswith("is wrong. ")


def test_what_a_last_modified_is_good_for() -> None:
    now = time.time()
    hour, moment, future = (formatdate(now + s, usegmt=True) for s in (-3600, -5, 3600))
    assert archive._dates(hour) == {"dated": int(now) - 3600, "modified": hour}
    # Within its second the feed may change again: it dates the feed, and asks no question.
    assert archive._dates(moment) == {"dated": int(now) - 5}
    assert now <= archive._dates(future)["dated"] <= time.time()
    assert archive._dates("yesterday") == archive._dates(None) == {}
