"""The documents tell no lies: commands, settings, codes, numbers, links and files are real."""

import ast
import importlib
import importlib.util
import io
import re
import shlex
from importlib.metadata import entry_points
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from directory import accounts, cli, demand, derive, judge, locate, question, reports, search
from directory.config import DATA, ROOT, SETTINGS
from directory.errors import UsageError
from directory.feed import LARGEST
from directory.formats.openapi import openapi_document
from directory.importing import importer
from directory.load import BATCH
from directory.parameters import MOST_PER_PAGE
from directory.runs import MOST_REJECTS, Report
from directory.schedule import PARTS
from directory.web import confirm, security, wording
from importers.csv import read as read_csv

DOCUMENTS = [
    *ROOT.glob("*.md"),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "data").glob("*.md")),
]
every_document = pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: p.name)

# In a shell line, inside "$(…)", or as code in a sentence; what is optional is in brackets.
_COMMAND = re.compile(r'(?:^ +|\$\(|`)(?:\.venv/bin/)?(directory [a-z][^`\n]*?)(?:\)"|`|$)', re.M)
_FILE = re.compile(r"`([\w./-]+\.(?:csv|gz|lock|md|png|py|sh|toml))`")
_FOLDER = re.compile(r"`((?:data|docs|tests|importers|directory|scripts)/[\w./-]*)`")


def read(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def section(document: str, heading: str) -> str:
    """What stands below a heading, up to the next one of any level."""
    _, _, rest = read(document).partition(f"\n{heading}\n")
    assert rest, f"{document} has no {heading}"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.M)[0]


def cells(text: str) -> list[list[str]]:
    """The rows of all tables in ``text``."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows]


@every_document
def test_every_command_is_one(path: Path) -> None:
    for command in _COMMAND.findall(path.read_text(encoding="utf-8")):
        plain = re.sub(r"[\[\]…]", "", command.split("  #")[0]).replace("KIND", "csv")
        options = cli._parser().parse_args(shlex.split(plain)[1:])
        if options.run is cli._import:
            importer(options.kind)  # says so where there is none


def test_commands_are_found_where_they_stand() -> None:
    found = _COMMAND.findall(
        '    .venv/bin/directory db url\n    psql "$(.venv/bin/directory db url)"\n`directory runs`'
    )
    assert found == ["directory db url", "directory db url", "directory runs"]
    assert sum(len(_COMMAND.findall(path.read_text())) for path in DOCUMENTS) > 30


@every_document
def test_every_make_target_exists(path: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.M))
    named = re.findall(r"(?:^ +|`)(?:[A-Z_]+=\S+ )?make ([a-z]+)", path.read_text(), re.M)
    assert set(named) <= targets


@every_document
def test_every_link_and_file_exists(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)]+)\)", source):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        assert (path.parent / name).exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", (path.parent / name).read_text(), re.M)
            assert anchor in [heading.lower().replace(" ", "-") for heading in headings], target
    for name in _FILE.findall(source):
        beside = [folder / name for folder in (ROOT, DATA, path.parent)]
        assert any(each.exists() for each in beside) or name == "directory.conf", name
    for name in _FOLDER.findall(source):
        assert (ROOT / name).exists(), name


@every_document
def test_every_module_exists(path: Path) -> None:
    for name in re.findall(r"-m ((?:importers|tests|directory)[\w.]*)", path.read_text()):
        assert importlib.util.find_spec(name), name
    for name in re.findall(r"[\w/]+\.py\b", path.read_text()):
        assert (ROOT / name).exists(), name


@every_document
def test_addresses_of_the_api_have_its_parameters(path: Path) -> None:
    described = openapi_document()["paths"]["/api/v1/search"]["get"]["parameters"]
    names = {parameter["name"] for parameter in described}
    for address in re.findall(r"https?://127\.0\.0\.1[^\s'`]+", path.read_text()):
        assert set(parse_qs(urlsplit(address).query)) <= names, address


def test_the_settings_are_all_there() -> None:
    rows = cells(section("docs/operating.md", "## Settings"))
    listed = {row[0].strip("`"): (row[1].strip("`"), row[2]) for row in rows[2:]}
    assert listed == SETTINGS


def test_the_exit_codes_are_all_there() -> None:
    rows = cells(section("docs/operating.md", "## Exit codes"))
    listed = {row[1]: int(row[0]) for row in rows[2:]}
    assert listed == {code.name: code.value for code in cli.Exit}


def test_the_parameters_and_the_answer_are_all_there() -> None:
    described = openapi_document()
    rows = cells(read("docs/api.md").partition("## The answer")[0])
    parameters = described["paths"]["/api/v1/search"]["get"]["parameters"]
    assert [row[0].strip("`") for row in rows[2:]] == [p["name"] for p in parameters]
    answer = cells(section("docs/api.md", "## The answer"))[2:]
    wanted = described["components"]["schemas"]["Answer"]["required"]
    assert {row[0].strip("`") for row in answer} == set(wanted)
    for name, (first, last) in PARTS.items():
        assert f"`{name}` ({first // 60} to {last // 60 % 24})" in read("docs/api.md")


def test_the_modules_are_all_there() -> None:
    named = " ".join(row[0] for row in cells(section("docs/architecture.md", "## Modules")))
    found = {path.stem for path in (ROOT / "directory").glob("*.py")} - {"__init__"}
    found |= {path.parent.name for path in (ROOT / "directory").glob("*/__init__.py")}
    assert set(re.findall(r"`(\w+)`", named)) == found


def codes_in_source() -> tuple[set[str], set[str]]:
    """The codes of rejections and of repairs that the code gives."""
    rejected: set[object] = set()
    repaired: set[object] = set()
    files = [*(ROOT / "directory").glob("*.py"), *(ROOT / "importers").glob("*.py")]
    calls = (
        n for f in files for n in ast.walk(ast.parse(f.read_text())) if isinstance(n, ast.Call)
    )
    for call in calls:
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        texts = [arg.value if isinstance(arg, ast.Constant) else None for arg in call.args]
        if name == "Refused":
            rejected.add(texts[0])
        elif name in ("Note", "_note", "reject"):
            (rejected if name == "reject" else repaired).add(texts[1])
    return {str(c) for c in rejected if c}, {str(c) for c in repaired if c}


def test_every_reason_and_repair_is_explained() -> None:
    text = section("docs/importing.md", "## Reasons and repairs")
    first, _, second = text.partition("| repaired |")
    rejected, repaired = (
        {code for row in cells(part) for code in re.findall(r"`(\w+)`", row[0])}
        for part in (first, second)
    )
    assert (rejected, repaired) == codes_in_source()


def test_the_options_of_each_kind_are_all_there() -> None:
    for kind, about in cells(section("docs/importing.md", "## Kinds and their options"))[2:]:
        run = importlib.import_module(f"importers.{kind.strip('`')}").read
        with pytest.raises(UsageError) as refused:
            list(run("feed", {"colour": "blue"}, lambda _: io.BytesIO()))
        _, _, named = refused.value.message.partition("; it has ")
        known = {name for name in re.split(r"[,. ]+", named) if name}
        documented = {name for name in re.findall(r"`([a-z]+)`", about) if name not in VALUES}
        assert documented == known, kind


# Values of options, which stand beside their names.
VALUES = {"both", "aa", "na"}


def test_the_mapping_that_is_shown_works(tmp_path: Path) -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", read("docs/importing.md"), re.S)
    (tmp_path / "mapping.toml").write_text(shown)
    table = (
        b"row_number,license,facility,address_1,address_2,town,zip,tel,setting,expired\n"
        b"1,L1,OPEN DOOR LLC,1 Sample Street,,DAVIS,95616,530-555-0100,RES,false\n"
    )
    mapping = {"mapping": str(tmp_path / "mapping.toml")}
    (item,) = read_csv("table.csv", mapping, lambda _: io.BytesIO(table))
    row = item.row()
    assert (row.refusal, row.notes) == (None, [])
    assert row.fields["name"] == "Open Door LLC"
    assert (row.fields["terms"], row.fields["status"]) == (["service:residential"], "active")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ("docs/ranking.md", f"you asked for | {search.ALL_MET_M / 1000:g} km |"),
        ("docs/ranking.md", f"none of it | {search.NONE_MET_M / 1000:g} km |"),
        ("docs/ranking.md", f"adds up to {search.INCOMPLETE_M / 1000:g} km"),
        ("docs/ranking.md", f"adds {search.CLOSED_M / 1000:g} km"),
        ("docs/ranking.md", f"fewer than {search.FEW} places"),
        ("docs/ranking.md", f"the {search.FEW} nearest outside"),
        ("docs/ranking.md", f"{search.ONLINE_SHOWN} are shown below"),
        ("docs/ranking.md", f"from the {search.ONLINE_CHOSEN_FROM}\n"),
        ("docs/ranking.md", f"number to join | {derive._PHONE} |"),
        ("docs/ranking.md", f"needs none | {derive._PLACE} |"),
        ("docs/ranking.md", f"description | {derive._TEXT} |"),
        ("docs/ranking.md", f"for 15 | {derive._TERMS} |"),
        ("docs/ranking.md", f"hours | {derive._HOURS} |"),
        ("docs/ranking.md", f"website | {derive._WEBSITE} |"),
        ("docs/api.md", f"{question.LONGEST} characters and {question.MOST_TERMS} terms"),
        ("docs/api.md", f"the first {search.EXACT_TO:,} results"),
        ("docs/api.md", f"beyond {search.EXACT_TO:,} matches"),
        ("docs/api.md", f"counted to {search.ONLINE_CHOSEN_FROM:,}"),
        ("docs/api.md", f"at most {MOST_PER_PAGE}, default 20"),
        ("docs/architecture.md", f"up to {search.EXACT_TO:,} are gathered"),
        ("docs/architecture.md", f"the {search.SAMPLE:,} matches"),
        ("docs/architecture.md", f"counted to {search.ONLINE_CHOSEN_FROM:,}"),
        ("docs/architecture.md", f"more than {judge.ALONE * BATCH:,} rows"),
        ("docs/importing.md", f"more than {locate.STRAY_KM:g} km"),
        ("docs/importing.md", f"over {LARGEST // 1024**3} GB"),
        ("docs/importing.md", f"the first {MOST_REJECTS:,} of a run"),
        ("docs/operating.md", f"at least {accounts.SHORTEST}\n"),
        ("docs/operating.md", f"ends {security.HOURS} hours after the last request"),
        ("docs/operating.md", f"Within {accounts.TRIES_MINUTES} minutes an account has"),
        ("docs/operating.md", f"an account has {accounts.TRIES} tries"),
        ("docs/operating.md", f"up to {reports.LONGEST:,} characters"),
        ("docs/operating.md", f"are for all: {reports.WAITING}\nreports that wait"),
        ("docs/operating.md", f"{reports.RECENT} in {reports.RECENT_MINUTES} minutes"),
        ("docs/operating.md", f"and {reports.KEPT_DAYS} days later the report"),
        ("docs/privacy.md", f"and all of it {reports.KEPT_DAYS} days"),
        ("docs/importing.md", f"is good for {confirm.DAYS} days"),
        ("docs/importing.md", f"for {wording.STALE_DAYS} days, the page"),
        ("docs/ranking.md", f"confirmed for {wording.STALE_DAYS} days"),
        ("docs/importing.md", f"it is more than {locate.STRAY_KM:g} km away"),
        ("docs/operating.md", f"looked for in the last {demand.SHOWN_DAYS} days"),
        ("docs/operating.md", f"The {demand.TEN}th search of a day"),
        ("docs/operating.md", f"Rows are deleted after {demand.KEPT_MONTHS} months"),
        ("docs/privacy.md", f"Nothing below {demand.TEN} leaves"),
        ("docs/privacy.md", f"are deleted after {demand.KEPT_MONTHS} months"),
        ("docs/privacy.md", f"first {judge.SAMPLE_LENGTH} characters"),
    ],
)
def test_the_numbers_are_those_of_the_code(document: str, said: str) -> None:
    assert said in read(document)


def test_the_readme_shows_the_commands_the_kinds_and_a_screenshot() -> None:
    source = read("README.md")
    kinds = [row[0].strip("`") for row in cells(section("README.md", "## Import your area"))[2:]]
    importers = entry_points(group="directory.importers")
    assert sorted(filter(None, kinds)) == sorted(entry.name for entry in importers)
    assert "make serve" in source
    assert "make test" in source
    assert (ROOT / "docs" / "screenshot.png").stat().st_size > 20_000


def test_the_shown_run_adds_up() -> None:
    """The report that the README shows has the form of a real one, and its counts agree."""
    (line,) = re.findall(r"^ +(\d+ read, .+)$", read("README.md"), re.M)
    counts = {name: int(count) for count, name in re.findall(r"(\d+) (\w+)", line)}
    report = Report("samhsa")
    for name, count in counts.items():
        setattr(report, name, count)
    assert line == cli._summary(report).splitlines()[1].strip()
    kept = ("added", "changed", "same", "rejected")
    assert counts["read"] == sum(counts[name] for name in kept)
