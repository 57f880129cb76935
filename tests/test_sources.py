"""Configured sources, and what refresh does with them."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Engine

from directory.cli import main
from directory.errors import UsageError
from directory.sources import read_sources


def test_the_bundled_file_enables_nothing() -> None:
    assert not any(source.enabled for source in read_sources(None).values())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('[a]\nkind = "csv"\nlocaton = "x"', "did you mean location"),
        ('[a]\nkind = "csv"', "location is missing"),
        ('[a]\nkind = "csv"\nlocation = "x"\nevery = "soon"', "such as 12h"),
        ("a = 1", "is a table"),
        ("[a", "cannot be read"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "s.toml").write_text(content)
    with pytest.raises(UsageError, match=said):
        read_sources(tmp_path / "s.toml")


def test_one_failure_blocks_none(
    database: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "good.csv").write_text("external_id,name,kind\n1,Hope House,treatment\n")
    (tmp_path / "s.toml").write_text(
        f'[a-bad]\nkind = "csv"\nlocation = "{tmp_path}/none.csv"\n'
        f'[b-good]\nkind = "csv"\nlocation = "{tmp_path}/good.csv"\n'
    )
    url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
    monkeypatch.setenv("DIRECTORY_DATABASE_URL", url)
    monkeypatch.setenv("DIRECTORY_HOME", str(tmp_path))
    monkeypatch.setenv("DIRECTORY_SOURCES", str(tmp_path / "s.toml"))
    assert main(["refresh", "--json"]) == 2
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["source"], line["status"]) for line in lines] == [
        ("a-bad", "failed"),
        ("b-good", "applied"),
    ]
    assert main(["refresh", "b-good"]) == 0
    assert main(["refresh", "--json"]) == 2
    assert len(capsys.readouterr().out.splitlines()) == 2
