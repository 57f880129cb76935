"""Configured sources, and what refresh does with them."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from directory import history
from directory.cli import main
from directory.config import Config
from directory.errors import UsageError
from directory.sources import due, read_sources
from directory.web.app import create_app


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
    capsys.readouterr()
    # What failed rests too, unless it is named.
    assert main(["refresh", "--json"]) == 0
    assert capsys.readouterr().out == ""
    assert main(["refresh", "a-bad", "--json"]) == 2


def test_what_is_said_of_a_source_reaches_its_readers(here: Config, database: Engine) -> None:
    (here.home / "feed.csv").write_text("external_id,name,kind\n1,Hope House,treatment\n")
    (here.home / "s.toml").write_text(
        f'[county]\nkind = "csv"\nlocation = "{here.home}/feed.csv"\nlicence = "CC BY 4.0"\n'
        'attribution = "Sample County"\ncontact = "feeds@example.org"\nevery = "12h"\n'
    )
    config = replace(here, sources=here.home / "s.toml")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIRECTORY_SOURCES", str(config.sources))
        assert main(["refresh"]) == 0
    with database.connect() as connection:
        (found,) = history.sources(connection)
    told = ("licence", "attribution", "contact", "every_hours")
    assert [found[name] for name in told] == ["CC BY 4.0", "Sample County", "feeds@example.org", 12]
    client = create_app(config).test_client()
    page = client.get("/sources").text
    assert "License: CC BY 4.0" in page
    assert "Credit: Sample County" in page
    assert "feeds@example.org" not in page
    (hit,) = json.loads(client.get("/api/v1/search?q=hope").text)["results"]
    assert hit["attribution"] == "Sample County"
    for address in ("/search?q=hope", hit["url"]):
        assert "Credit: Sample County" in client.get(address, follow_redirects=True).text
    assert "Crédito: Sample County" in client.get("/es/search?q=hope").text
    # An import by hand that says nothing of it leaves it as it is.
    assert main(["import", "csv", f"{here.home}/feed.csv", "--source", "county"]) == 0
    with database.connect() as connection:
        assert history.sources(connection) == [found]


@pytest.mark.parametrize(
    ("runs", "ago", "expected"),
    [
        ([], 0, True),
        (["applied"], 12 * 60 - 1, False),
        (["unchanged"], 12 * 60, True),
        (["failed"], 29, False),
        (["failed"], 30, True),
        (["applied", "failed", "refused"], 59, False),
        (["applied", "failed", "refused"], 60, True),
        (["failed", "failed", "applied", "dry-run"], 12 * 60 - 2, False),
        (["failed"] * 20, 12 * 60 - 1, False),
        (["failed"] * 20, 12 * 60, True),
    ],
)
def test_a_source_that_fails_rests_longer_each_time(
    database: Engine, tmp_path: Path, runs: list[str], ago: int, expected: bool
) -> None:
    """``runs`` of a source imported twice a day, the last of them ``ago`` minutes ago."""
    (tmp_path / "s.toml").write_text('[a]\nkind = "csv"\nlocation = "x.csv"\nevery = "12h"\n')
    sources = {"a": read_sources(tmp_path / "s.toml")["a"]}
    ages = [{"status": status, "ago": ago + len(runs) - 1 - n} for n, status in enumerate(runs)]
    with database.connect() as connection:
        connection.execute(text("INSERT INTO source VALUES ('a', 'csv', 'x', 'A')"))
        for run in ages:
            connection.execute(
                text(
                    "INSERT INTO import_run (source_id, status, started) "
                    "VALUES ('a', :status, now() - make_interval(mins => :ago))"
                ),
                run,
            )
        assert due(connection, sources) == (["a"] if expected else [])
        connection.rollback()
