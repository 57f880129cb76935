"""The bundled help lines and the sample: every number answers, every place is marked."""

import csv
import re

import pytest
from flask.testing import FlaskClient

from directory import clean
from directory.config import DATA
from directory.vocabulary import vocabulary
from directory.web import crisis, wording


def read_csv(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_help_line_can_be_called() -> None:
    lines = crisis.help_lines()
    assert len({row["external_id"] for row in read_csv("hotlines.csv")}) == len(lines)
    for line in lines:
        assert line.website.startswith("https://"), line.name
        assert line.numbers, line.name
        assert all(re.fullmatch(r"(tel|sms):\+?\d{3,15}", n.url) for n in line.numbers), line.name


def test_the_first_lines_are_those_of_the_country() -> None:
    assert [line.name for line in crisis.lines_of("US")[: crisis.IN_STRIP]] == [
        "988 Suicide & Crisis Lifeline",
        "SAMHSA National Helpline",
    ]
    assert crisis.lines_of("NZ")[0].numbers[0].url == "tel:1737"
    assert crisis.by_country("IE")[0][0] == "IE"
    # A country without lines of its own still gets some.
    assert crisis.lines_of("FR")


def test_the_sample_is_plainly_invented() -> None:
    rows = read_csv("sample/sample.csv")
    assert {row["kind"] for row in rows} == set(wording.KINDS)
    for row in rows:
        assert "(sample)" in row["name"]
        assert "not a real place" in row["description"]
        for part in filter(None, row["phones"].split(";")):
            assert re.match(r"\s*303-555-01\d\d\b", part), part
        assert set(re.findall(r"https?://([^/]+)", ",".join(row.values()))) <= {"example.org"}


@pytest.mark.parametrize("name", ["hotlines.csv", "sample/sample.csv"])
def test_bundled_terms_are_in_the_vocabulary(name: str) -> None:
    for row in read_csv(name):
        assert set(row["terms"].split()) <= set(vocabulary().terms), row["external_id"]
        for part in filter(None, row["phones"].split(";")):
            number = crisis._number(part.split(" x")[0], row["country"]).shown
            assert clean.phone(number, row["country"]), f"{row['external_id']}: {number}"


def test_everything_bundled_is_listed_once(client: FlaskClient) -> None:
    bundled = len(read_csv("hotlines.csv")) + len(read_csv("sample/sample.csv"))
    assert f"{bundled} results" in client.get("/search").text
