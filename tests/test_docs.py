"""The documents tell no lies: commands, settings, parameters, links and files are real."""

import re
import shlex
from pathlib import Path

import pytest

from directory import cli
from directory.config import ROOT, SETTINGS
from directory.formats.openapi import openapi_document

DOCUMENTS = [
    *ROOT.glob("*.md"),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "data").glob("*.md")),
]


def cells(document: str) -> list[list[str]]:
    """The rows of all tables of a document."""
    lines = (ROOT / document).read_text().splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_command_is_one(path: Path) -> None:
    source = path.read_text()
    written = re.findall(r"^ +(?:\S*/)?(directory .+)$", source, re.M)
    written += re.findall(r"`(directory [a-z].*?)`", source)
    for command in written:
        line = command.split("  #")[0].strip()
        if "KIND" in line or "…" in line or '")"' in line:
            continue
        cli._parser().parse_args(shlex.split(line, comments=True)[1:])


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_make_target_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.M))
    named = re.findall(r"(?:^ +|`)(?:[A-Z]+=\S+ )?make ([a-z]+)", path.read_text(), re.M)
    assert set(named) <= targets


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)
def test_every_link_and_file_exists(path: Path) -> None:
    source = path.read_text()
    for target in re.findall(r"\]\(([^)#]+)\)", source):
        if "://" not in target:
            assert (path.parent / target).exists(), target
    for name in re.findall(r"`((?:data|docs|tests|importers|directory|scripts)/[\w./-]+)`", source):
        assert (ROOT / name).exists(), name


def test_the_settings_are_all_there() -> None:
    listed = {
        row[0].strip("`"): (row[1].strip("`"), row[2])
        for row in cells("docs/operating.md")
        if row[0].startswith("`DIRECTORY_")
    }
    assert listed == SETTINGS


def test_the_exit_codes_are_all_there() -> None:
    listed = {row[1]: int(row[0]) for row in cells("docs/operating.md") if row[0].isdigit()}
    assert listed == {code.name: code.value for code in cli.Exit}


def test_the_parameters_are_all_there() -> None:
    listed = [row[0].strip("`") for row in cells("docs/api.md") if row[0].startswith("`")]
    described = openapi_document()["paths"]["/api/v1/search"]["get"]["parameters"]
    assert listed == [parameter["name"] for parameter in described]


def test_the_modules_are_all_there() -> None:
    named = " ".join(row[0] for row in cells("docs/architecture.md"))
    found = {path.stem for path in (ROOT / "directory").glob("*.py")} - {"__init__"}
    found |= {path.parent.name for path in (ROOT / "directory").glob("*/__init__.py")}
    assert set(re.findall(r"`(\w+)`", named)) == found


def test_the_readme_shows_the_two_commands_and_a_screenshot() -> None:
    source = (ROOT / "README.md").read_text()
    assert "make serve" in source
    assert "make test" in source
    assert (ROOT / "docs" / "screenshot.png").stat().st_size > 20_000
