"""Results as GeoJSON and CSV: the same page as JSON, and no formula."""

import csv
import io
import uuid
from typing import Any

import pytest
from flask.testing import FlaskClient

from directory.formats.flat import csv_text, geojson_document
from directory.models import Listing
from directory.search import Hit
from tests.builders import listing
from tests.conftest import NOW

ID = uuid.UUID("12345678-1234-5678-1234-567812345678")
QUERY = "near=Denver&radius=25&per_page=50"


@pytest.mark.parametrize("query", [QUERY, "q=zzzzqq&literal=1"])
def test_both_have_the_page_of_the_json(client: FlaskClient, query: str) -> None:
    wanted: list[dict[str, Any]] = client.get(f"/api/v1/search?{query}").json["results"]  # type: ignore[index]
    assert bool(wanted) == (query == QUERY)
    features = client.get(f"/api/v1/search.geojson?{query}")
    assert features.mimetype == "application/geo+json"
    found = features.get_json(force=True)
    assert [f["id"] for f in found["features"]] == [r["id"] for r in wanted]
    for feature, result in zip(found["features"], wanted, strict=True):
        if result["address_public"] and result["lat"] is not None:
            assert feature["geometry"]["coordinates"] == [result["lon"], result["lat"]]
        else:
            assert feature["geometry"] is None
    table = client.get(f"/api/v1/search.csv?{query}")
    assert table.mimetype == "text/csv"
    rows = list(csv.DictReader(io.StringIO(table.text, newline="")))
    assert [row["id"] for row in rows] == [r["id"] for r in wanted]
    assert [row["name"] for row in rows] == [r["name"] for r in wanted]


@pytest.mark.parametrize("ending", ["geojson", "csv"])
def test_a_wrong_question_is_a_problem(client: FlaskClient, ending: str) -> None:
    response = client.get(f"/api/v1/search.{ending}?radius=1000")
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"


def made(**values: Any) -> Listing:
    return listing(id=ID, phones=[{"number": "+13035550101"}], first_seen=NOW.date(), **values)


@pytest.mark.parametrize("name", ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(name: str) -> None:
    text = csv_text([Hit(made(name=name))], NOW)
    row = next(csv.DictReader(io.StringIO(text, newline="")))
    assert row["name"] == f"'{name}"
    assert row["phones"] == "+13035550101"


def test_a_private_address_is_in_neither() -> None:
    hit = Hit(made(address_public=False, latitude=39.7, longitude=-105.0))
    assert geojson_document([hit], NOW)["features"][0]["geometry"] is None
    row = next(csv.DictReader(io.StringIO(csv_text([hit], NOW), newline="")))
    assert (row["street"], row["lat"], row["lon"]) == ("", "", "")
