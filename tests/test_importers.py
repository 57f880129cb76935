"""Every importer reads its example files into exactly the records that stand beside them.

``tests/examples/<importer>/<case>.<ext>`` is an invented feed in the real shape, and
``<case>.expected.json`` its rows: ``where``, ``record`` (without defaults; null where refused),
``refused`` (a code or null) and ``notes`` (codes of repairs, in order). Options, if any, are in
``<case>.options.json``; a value that starts with "./" is a file beside it.

To see how what an importer makes of a case differs from what is expected, and to accept it
once every difference was read:

    .venv/bin/python -m tests.test_importers samhsa/codes
    .venv/bin/python -m tests.test_importers --write samhsa/codes
"""

import csv
import difflib
import importlib
import io
import json
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from pydantic import ValidationError

from directory.config import DATA, ROOT
from directory.errors import UsageError
from directory.feed import FeedError, open_feed
from directory.records import Record, Row
from importers.csv import read as read_csv

EXAMPLES = ROOT / "tests" / "examples"
CASES = sorted(
    str(path.relative_to(EXAMPLES)).removesuffix(".expected.json")
    for path in EXAMPLES.glob("*/*.expected.json")
)
IMPORTERS = sorted(
    path.stem
    for path in (ROOT / "importers").glob("*.py")
    if "\ndef read(" in path.read_text(encoding="utf-8")
)

Opener = Callable[[str], BinaryIO]


def verdict(row: Row) -> dict[str, Any]:
    """What becomes of one row: its record as JSON, or why it is refused, and its repairs."""
    notes, refused, record = list(row.notes), None, None
    if row.refusal is not None:
        refused = row.refusal.code
    else:
        try:
            found = Record.model_validate(row.fields, context=notes)
            record = found.model_dump(mode="json", exclude_defaults=True)
        except ValidationError as error:
            refused = f"invalid_{error.errors()[0]['loc'][0]}"
    codes = [note.code for note in notes]
    return {"where": row.where, "record": record, "refused": refused, "notes": codes}


def verdicts(
    kind: str, location: str, options: Mapping[str, str], opener: Opener = open_feed
) -> list[dict[str, Any]]:
    """The verdicts on all rows that the importer ``kind`` finds at ``location``."""
    read = importlib.import_module(f"importers.{kind}").read
    return [verdict(item.row()) for item in read(location, options, opener)]


def case_verdicts(case: str) -> list[dict[str, Any]]:
    """The verdicts on the rows of one example, such as "samhsa/codes"."""
    folder, name = (EXAMPLES / case).parent, (EXAMPLES / case).name
    feeds = [p for p in folder.glob(f"{name}.*") if p.stem == name and p.suffix != ".toml"]
    assert len(feeds) == 1, f"{case} needs one feed file, and has {[p.name for p in feeds]}"
    given = folder / f"{name}.options.json"
    options = json.loads(given.read_text(encoding="utf-8")) if given.exists() else {}
    options = {
        key: str(folder / value[2:]) if value.startswith("./") else value
        for key, value in options.items()
    }
    return verdicts(folder.name, str(feeds[0]), options)


@pytest.mark.parametrize("case", CASES)
def test_example(case: str) -> None:
    expected = json.loads((EXAMPLES / f"{case}.expected.json").read_text(encoding="utf-8"))
    found = case_verdicts(case)
    for row, wanted in zip(found, expected, strict=False):
        assert row == wanted
    assert len(found) == len(expected)


@pytest.mark.parametrize("kind", IMPORTERS)
def test_every_importer_has_an_example_and_an_entry_point(kind: str) -> None:
    assert [case for case in CASES if case.startswith(f"{kind}/")]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["directory.importers"][kind] == f"importers.{kind}:read"
    docstring = importlib.import_module(f"importers.{kind}").__doc__ or ""
    assert "icence" in docstring, "says whose the data are and under which licence"


@pytest.mark.parametrize("kind", IMPORTERS)
def test_every_importer_refuses_unknown_options(kind: str) -> None:
    with pytest.raises(UsageError, match="colour"):
        verdicts(kind, str(EXAMPLES), {"colour": "blue"})


def records(kind: str, content: bytes) -> list[Any]:
    """The records of a feed given as bytes; None where a row is refused."""
    found = verdicts(kind, "feed", {}, lambda _: io.BytesIO(content))
    return [row["record"] for row in found]


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (None, "cannot be read"),
        ("columns = [", "not TOML"),
        ("columns = 3", "wrong shape"),
        ("[columns]\nexternal_id = 'a'\nname = 'b'", "says nothing of kind"),
        ("[columns]\nexternal_id = 'a'\nnam = 'b'", "names 'nam'"),
        ("[constants]\nkind='hotline'\nname='x'\n[columns]\nexternal_id='z'", "lacks the column z"),
        (
            "[constants]\nkind='hotline'\nname='x'\nexternal_id='y'\n[terms.a]\nb=['no:term']",
            "no term 'no:term'",
        ),
    ],
)
def test_wrong_mappings_say_so(tmp_path: Path, mapping: str | None, said: str) -> None:
    file = tmp_path / "mapping.toml"
    if mapping is not None:
        file.write_text(mapping, encoding="utf-8")
    with pytest.raises(UsageError, match=said):
        list(read_csv("t.csv", {"mapping": str(file)}, lambda _: io.BytesIO(b"a\n1\n")))


def test_a_table_without_the_needed_columns_says_which() -> None:
    with pytest.raises(FeedError, match="lacks the column external_id, kind; it has name"):
        records("csv", b"name\nA\n")


@pytest.mark.parametrize("path", ["hotlines.csv", "sample/sample.csv"])
def test_bundled_tables_are_read_whole(path: str) -> None:
    """Each row is accepted without a repair: what we write ourselves needs none."""
    found = verdicts("csv", str(DATA / path), {})
    assert found
    assert [row for row in found if row["refused"] or row["notes"]] == []


def test_all_licences_of_california(shared_data: Path) -> None:
    path = shared_data / "treatment" / "ca_dhcs_licenses_2266.csv"
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = verdicts("csv", str(path), {"mapping": "ca_dhcs"})
    assert [row["record"]["external_id"] for row in found] == [r["license_number"] for r in rows]
    assert not [row for row in found if row["notes"]]
    hidden = [row["record"].get("status") == "suspended" for row in found]
    assert hidden == [row["license_expired"] == "true" for row in rows]
    for term, column, values in [
        ("service:residential", "setting_code", {"RES"}),
        ("service:outpatient", "setting_code", {"NON"}),
        ("service:detox", "offers_detox", {"true"}),
        ("who:men", "target_population_code", {"1.2", "1.11"}),
        ("who:women", "target_population_code", {"1.3", "1.4", "1.12", "1.14"}),
    ]:
        stated = [row[column] in values for row in rows]
        assert [term in row["record"].get("terms", []) for row in found] == stated


def _show(case: str, write: bool) -> None:
    """Print how a case differs from what is expected, or make it the expected."""
    path = EXAMPLES / f"{case}.expected.json"
    found = json.dumps(case_verdicts(case), indent=1, ensure_ascii=False) + "\n"
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    expected = json.dumps(before, indent=1, ensure_ascii=False) + "\n"
    lines = difflib.unified_diff(expected.splitlines(), found.splitlines(), case, lineterm="")
    print("\n".join(lines) or f"{case} is as expected")
    if write:
        path.write_text(found, encoding="utf-8")


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        if argument != "--write":
            _show(argument, "--write" in sys.argv)
