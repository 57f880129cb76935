"""The federal treatment locator: its codes, its identities, its live answers, its real files."""

import csv
import io
import json
from collections import Counter
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qs, urlsplit

import openpyxl
import pytest

from directory.errors import UsageError
from directory.feed import FeedError, open_feed
from importers import samhsa
from tests.test_importers import records, verdicts


# What public importers of the federal locator got wrong.
@pytest.mark.parametrize(
    ("code", "gives", "not_gives"),
    [
        ("md", "pay:medicaid", "pay:medicare"),
        ("mc", "pay:medicare", "pay:medicaid"),
        ("sf", "pay:self-pay", "pay:sliding-scale"),
        ("tgd", "service:gambling", "who:lgbtq"),
        ("hh", "service:sober-living", "service:hospital"),
        ("ped", "service:eating-disorders", "who:teens"),
        ("relp", "service:relapse-prevention", "service:naltrexone"),
        ("sp", "language:es", "meeting:speaker"),
        ("pi_field", "pay:private-insurance", "access:wheelchair"),
    ],
)
def test_federal_codes_mean_what_they_say(code: str, gives: str, not_gives: str) -> None:
    table = f"name1,city,state,zip,sa,{code}\nA,Denver,CO,80202,1,1\nB,Denver,CO,80202,1,0\n"
    (first, second) = verdicts("samhsa", "x.csv", {}, lambda _: io.BytesIO(table.encode()))
    assert gives in first["record"]["terms"]
    assert not_gives not in first["record"]["terms"]
    assert gives not in second["record"].get("terms", [])


def test_a_use_of_naltrexone_is_no_relapse_prevention() -> None:
    """``rpn`` is "relapse prevention with naltrexone", ``relp`` what families mean."""
    (record,) = records("samhsa", b"name1,city,rpn\nA,Denver,1\n")
    assert "service:relapse-prevention" not in record.get("terms", [])
    assert record["extra"]["services"] == "rpn"


def _sheet(header: list[str], table: list[list[Any]]) -> bytes:
    book, file = openpyxl.Workbook(), io.BytesIO()
    for row in (header, *table):
        book.worksheets[0].append(row)
    book.save(file)
    return file.getvalue()


def test_the_same_table_as_csv_xlsx_and_json_gives_the_samerecords() -> None:
    header = ["name1", "name2", "street1", "city", "state", "zip", "latitude", "longitude", "sa"]
    header += ["acc", "md"]
    table: list[list[Any]] = [
        ["Elm House", None, "1 Elm Street", "Boston", "MA", 2101, 42.358431, -71.059773, 1, 1, 0],
        ["Oak House", "OP", "2 Oak Street", "Denver", "CO", 80202, 39.752861, -104.998123, 1, 0, 1],
    ]
    text = io.StringIO()
    csv.writer(text).writerows([header, *table])
    rows = [dict(zip(header, row, strict=True)) for row in table]
    as_csv = records("samhsa", text.getvalue().encode())
    assert as_csv[0]["postal_code"] == "02101"
    assert records("samhsa", _sheet(header, table)) == as_csv
    assert records("samhsa", json.dumps(rows).encode()) == as_csv
    assert records("samhsa", json.dumps({"page": 1, "rows": rows}).encode()) == as_csv
    named = ["external_id", "kind", "name", "min_age"]
    assert records("csv", _sheet(named, [["a1", "hotline", "Line", 18]])) == [
        {"external_id": "a1", "kind": "hotline", "name": "Line", "min_age": 18, "precision": "none"}
    ]


_PLACE = {"name1": "Elm House, Inc.", "name2": "Outpatient", "street1": "12 North Elm Street"}
_PLACE |= {"street2": "Suite 4", "city": "Boston", "state": "MA", "zip": "02101-1234"}


@pytest.mark.parametrize(
    "change",
    [
        {"name1": "Elm House Inc"},
        {"name1": "ELM HOUSE", "name2": "outpatient "},
        {"street1": "12 N. Elm St."},
        {"street1": "12 N Elm St, Ste. 4", "street2": None},
        {"street2": "#4"},
        {"zip": "2101"},
        {"zip": "02101", "state": "ma"},
        {"phone": "617-555-0100", "frid": "abc", "website": "http://elm.example"},
    ],
)
def test_identity_survives_spelling(change: dict[str, Any]) -> None:
    (before, after) = records("samhsa", json.dumps([_PLACE, _PLACE | change]).encode())
    assert before["external_id"] == after["external_id"]


@pytest.mark.parametrize(
    "change",
    [
        {"name2": "Residential"},
        {"street1": "14 North Elm Street"},
        {"street2": "Suite 5"},
        {"zip": "02102"},
        {"state": "ME"},
        {"typeFacility": "MH"},
    ],
)
def test_another_place_is_another_listing(change: dict[str, Any]) -> None:
    (before, after) = records("samhsa", json.dumps([_PLACE, _PLACE | change]).encode())
    assert before["external_id"] != after["external_id"]


class Locator:
    """Stands in for the live locator: answers in pages and remembers what it was asked."""

    def __init__(self, rows: int, lost: int = 0) -> None:
        self.rows = [{"name1": f"Place {n}", "city": "Denver", "state": "CO"} for n in range(rows)]
        self.lost = lost
        self.asked: list[dict[str, list[str]]] = []

    def open(self, address: str) -> BinaryIO:
        assert address.startswith(f"{samhsa.LIVE}?")
        question = parse_qs(urlsplit(address).query)
        self.asked.append(question)
        page, size = int(question["page"][0]), int(question["pageSize"][0])
        rows = self.rows[(page - 1) * size : page * size]
        pages = -(-len(self.rows) // size)
        answer: dict[str, Any] = {"page": page, "totalPages": pages, "recordCount": len(self.rows)}
        answer |= {"rows": rows[self.lost :]}
        return io.BytesIO(json.dumps(answer).encode())


def test_the_live_locator_is_read_page_by_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samhsa, "PAGE_SIZE", 10)
    locator = Locator(25)
    options = {"near": "39.74,-104.99", "miles": "25", "type": "both"}
    found = list(samhsa.read("live", options, locator.open))
    assert [item.row().fields["name"] for item in found] == [row["name1"] for row in locator.rows]
    assert found[12].where == "page 2, item 2"
    assert [question.pop("page") for question in locator.asked] == [["1"], ["2"], ["3"]]
    assert locator.asked[0] == {
        "sType": ["both"],
        "sAddr": ["39.74,-104.99"],
        "limitType": ["2"],
        "limitValue": ["40234"],
        "pageSize": ["10"],
        "sort": ["0"],
    }


def test_a_live_answer_that_lacks_rows_is_no_feed() -> None:
    with pytest.raises(FeedError, match="counted 30 facilities and sent 29"):
        list(samhsa.read(samhsa.LIVE, {"near": "39.74,-104.99"}, Locator(30, lost=1).open))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "needs a place"),
        ({"near": "Denver"}, "needs a place"),
        ({"near": "39.7,-104.9", "miles": "0"}, "1 to 500"),
        ({"near": "39.7,-104.9", "miles": "far"}, "1 to 500"),
        ({"near": "39.7,-104.9", "miles": "nan"}, "1 to 500"),
        ({"near": "39.7,-104.9", "type": "XX"}, "SA, MH or both"),
    ],
)
def test_wrong_questions_to_the_live_locator(options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        list(samhsa.read("live", options, Locator(1).open))


def test_options_of_the_live_locator_are_not_for_files() -> None:
    with pytest.raises(UsageError, match="for the live locator"):
        samhsa.read("saved.json", {"near": "39.7,-104.9"}, open_feed)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"name,city\nA,B\n", "lacks the column name1"),
        (b"export const x = {page: 1, rows: [{name1: 'A'}]}", "cut off or holds more"),
        (b'export const x = {page: 1, rows: [{name1: "A"}', "cut off or holds more"),
        (b"export default 1", "cut off or holds more"),
        (b'{"message": "Forbidden"}', "no rows"),
        (b"<html>Are you a robot?</html>", "web page"),
    ],
)
def test_what_is_no_answer_of_the_locator(content: bytes, said: str) -> None:
    with pytest.raises(FeedError, match=said):
        records("samhsa", content)


@pytest.fixture
def treatment(shared_data: Path) -> Path:
    return shared_data / "treatment"


def _counted(found: list[dict[str, Any]]) -> Counter[str]:
    return Counter(code for row in found for code in row["notes"])


def _distinct(found: list[dict[str, Any]]) -> int:
    return len({row["record"]["external_id"] for row in found})


def test_all_facilities_of_the_federal_list_of_2020(treatment: Path) -> None:
    path = treatment / "geoda_sut_us_14034.csv"
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = verdicts("samhsa", str(path), {})
    assert len(found) == len(rows) == 14_034
    assert not [row for row in found if row["refused"]]
    assert _counted(found) == {
        "zip_zero": sum(len(row["zip"]) < 5 for row in rows),
        "address_withheld": sum(not row["street1"].strip("- ") for row in rows),
    }
    # Four rows are repeated to the letter, three with another point for the same door.
    assert _distinct(found) == len(rows) - 7
    for row, seen in zip(rows, found, strict=True):
        if row["street1"].strip("- "):
            assert seen["record"]["latitude"] == float(row["latitude"])
            assert seen["record"]["postal_code"] == row["zip"].zfill(5)
        else:
            assert "street" not in seen["record"]
            assert row["zip"] not in json.dumps(seen["record"])


def test_every_wording_of_the_californian_facilities_is_known(treatment: Path) -> None:
    path = treatment / "samhsa_ca_residential_478_fullservices.json"
    rows = json.loads(path.read_text(encoding="utf-8"))
    found = verdicts("samhsa", str(path), {})
    assert [row["record"]["name"] for row in found] == [" ".join(r["name"].split()) for r in rows]
    assert not _counted(found)
    for wording, term in [
        ("Aftercare/continuing care", "service:aftercare"),
        ("Relapse prevention", "service:relapse-prevention"),
        ("Medicaid", "pay:medicaid"),
        ("Medicare", "pay:medicare"),
        ("Spanish", "language:es"),
        ("Treatment for gambling disorder", "service:gambling"),
    ]:
        stated = [wording in [w.strip() for w in r["all_services"].split(";")] for r in rows]
        assert [term in row["record"]["terms"] for row in found] == stated
    # Six rows share name, point and telephone with another: one house, or one door for several.
    assert _distinct(found) == len(rows) - 6


def test_every_code_of_the_philadelphian_facilities_is_known(treatment: Path) -> None:
    path = treatment / "samhsa_philadelphia_140_codecolumns.csv"
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    found = verdicts("samhsa", str(path), {})
    assert len(found) == len(rows) == _distinct(found) == 140
    assert not _counted(found)
    for code, term in [
        ("acc", "service:aftercare"),
        ("relp", "service:relapse-prevention"),
        ("md", "pay:medicaid"),
        ("mc", "pay:medicare"),
        ("sf", "pay:self-pay"),
        ("ss", "pay:sliding-scale"),
        ("hh", "service:sober-living"),
        ("tgd", "service:gambling"),
        ("pi_field", "pay:private-insurance"),
    ]:
        stated = [row[code] in ("True", "1") for row in rows]
        assert [term in row["record"]["terms"] for row in found] == stated, code


def test_a_page_of_the_locator_as_a_module(treatment: Path) -> None:
    path = treatment / "findtreatment_listing_sample_2019.js"
    found = verdicts("samhsa", str(path), {})
    assert len(found) == path.read_text(encoding="utf-8").count("frid:") == 30
    assert not _counted(found)
    assert Counter(row["record"]["kind"] for row in found) == {"counseling": 16, "treatment": 14}
