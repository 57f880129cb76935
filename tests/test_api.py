"""The JSON API: its answers, its errors, its description, and whatever is thrown at it."""

import json
from typing import Any

import pytest
import schemathesis
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openapi_spec_validator import validate
from schemathesis.specs.openapi.checks import unsupported_method

from directory.config import Config
from directory.formats.openapi import openapi_document
from directory.web.app import HEADERS

CONTRACT_KEYS = {"question", "total", "total_is_exact", "beyond", "results", "online", "facets"}
RESULT_KEYS = """
id url kind name organization description address lat lon precision distance_m phones website
terms timezone sessions open_now next_session verified_on last_seen source highlights
""".split()


def fetch(client: FlaskClient, path: str, **parameters: Any) -> Any:
    response = client.get(path, query_string=parameters or None)
    assert response.status_code == 200, response.text
    return response.json


def search(client: FlaskClient, **parameters: Any) -> Any:
    return fetch(client, "/api/v1/search", **parameters)


def test_an_answer_has_the_shape_that_is_promised(client: FlaskClient) -> None:
    answer = search(client, q="detox", near="Denver", per_page=5)
    assert answer.keys() >= CONTRACT_KEYS
    assert answer["question"]["words"] is None
    (term,) = answer["question"]["terms"]
    assert (term["code"], term["from"]) == ("service:detox", "detox")
    assert answer["question"]["place"]["name"] == "Denver, CO"
    assert answer["question"]["radius_m"] == 40233.6
    assert answer["results"]
    for result in answer["results"]:
        assert set(RESULT_KEYS) <= result.keys()
        assert result["distance_m"] <= 40233.6
        assert set(result["address"]) == {"lines", "city", "region", "postal_code", "country"}
    for counted in answer["facets"]["service"]:
        assert counted["count"] > 0
        assert counted.keys() == {"code", "label", "count"}


def test_units_and_points(client: FlaskClient) -> None:
    km = search(client, near="39.7392,-104.9903", radius=40.2336, unit="km")
    point = search(client, lat=39.7392, lon=-104.9903)
    assert [r["id"] for r in km["results"]] == [r["id"] for r in point["results"]]


def test_links_lead_through_all_pages(client: FlaskClient) -> None:
    answer, seen = search(client, per_page=3, sort="name"), []
    while True:
        seen += [result["id"] for result in answer["results"]]
        if answer["links"]["next"] is None:
            break
        previous = answer["links"]["self"]
        answer = fetch(client, answer["links"]["next"])
        assert answer["links"]["previous"] == previous
    assert len(seen) == len(set(seen)) == answer["total"]


@pytest.mark.parametrize(
    ("parameters", "parameter"),
    [
        ({"q": "x" * 201}, "q"),
        ({"q": "a\0"}, "q"),
        ({"near": "Nowhereville Zzyzx"}, "near"),
        ({"lat": "39"}, "lon"),
        ({"lat": "99", "lon": "0"}, "lat"),
        ({"lat": "nan", "lon": "0"}, "lat"),
        ({"lat": "1", "lon": "1", "near": "Denver"}, "near"),
        ({"radius": "0"}, "radius"),
        ({"radius": "501"}, "radius"),
        ({"radius": "wide"}, "radius"),
        ({"unit": "furlong"}, "unit"),
        ({"kind": "casino"}, "kind"),
        ({"term": "service:magic"}, "term"),
        ({"sort": "paid"}, "sort"),
        ({"sort": "distance"}, "sort"),
        ({"page": "0"}, "page"),
        ({"page": "101", "per_page": "100"}, "page"),
        ({"per_page": "101"}, "per_page"),
        ({"day": "someday"}, "day"),
        ({"time": "teatime"}, "time"),
        ({"open": "yes"}, "open"),
        ({"open": "now", "day": "monday"}, "open"),
        ({"attend": "maybe"}, "attend"),
        ({"literal": "2"}, "literal"),
    ],
)
def test_bad_parameters_are_named_with_what_would_be_right(
    client: FlaskClient, parameters: dict[str, str], parameter: str
) -> None:
    response = client.get("/api/v1/search", query_string=parameters)
    assert response.status_code == 400
    assert response.mimetype == "application/problem+json"
    problem: Any = response.json
    assert problem["parameter"] == parameter
    assert problem["title"]
    assert len(problem["detail"]) > 10


def test_a_listing(client: FlaskClient) -> None:
    first = search(client)["results"][0]
    found = fetch(client, f"/api/v1/listings/{first['id']}")
    assert found["name"] == first["name"]
    assert found["sample"] is True


@pytest.mark.parametrize(
    "listing", ["nothing", "455a3ce5-b9f9-4c16-a251-d6749a8c3d6c", "%00", "1 or 1=1"]
)
def test_no_such_listing(client: FlaskClient, listing: str) -> None:
    response = client.get(f"/api/v1/listings/{listing}")
    assert (response.status_code, response.mimetype) == (404, "application/problem+json")


def test_vocabulary(client: FlaskClient) -> None:
    facets = {f["code"]: f for f in fetch(client, "/api/v1/vocabulary")["facets"]}
    assert facets["service"]["match"] == "all"
    assert facets["pay"]["match"] == "any"
    codes = {term["code"] for facet in facets.values() for term in facet["terms"]}
    assert {"service:aftercare", "service:relapse-prevention", "pay:medicaid"} <= codes


def test_no_cookie_and_every_header(client: FlaskClient) -> None:
    for path in ("/api/v1/search?near=Denver", "/api/v1/search?radius=x", "/nothing", "/"):
        response = client.get(path)
        assert "Set-Cookie" not in response.headers
        for name in HEADERS:
            assert name in response.headers, (path, name)


def test_nothing_asked_reaches_a_log(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        search(client, q="canaryword", near="Denver")
        client.get("/api/v1/search?q=canaryword&near=canaryplace")
        client.get("/search?q=canaryword&near=canaryplace")
    assert "canary" not in caplog.text


def test_the_description_is_valid_openapi() -> None:
    validate(json.loads(json.dumps(openapi_document())))


def test_health(client: FlaskClient) -> None:
    assert fetch(client, "/healthz")["status"] == "ok"


def test_a_database_that_is_away_is_said_kindly(sample_config: Config) -> None:
    from dataclasses import replace

    from directory.web.app import create_app

    away = replace(sample_config, database_url="postgresql://nobody@127.0.0.1:9/none")
    client = create_app(away).test_client()
    for path in ("/api/v1/search", "/healthz", "/search?q=detox"):
        response = client.get(path)
        assert response.status_code == 503, path
    assert "988" in client.get("/search?q=detox").text


_PARAMETERS = """
q near lat lon radius unit kind term day time open attend literal sort page per_page other
""".split()


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(_PARAMETERS),
            st.one_of(
                st.text(max_size=60),
                st.floats().map(str),
                st.integers().map(str),
                st.sampled_from("Denver,80202,today,now,mi,km,name,best,-1,1e9".split(",")),
            ),
        ),
        max_size=6,
    ),
    st.sampled_from(["/api/v1/search", "/search"]),
)
def test_no_question_whatever_breaks_search(
    client: FlaskClient, asked: list[tuple[str, str]], path: str
) -> None:
    response = client.get(path, query_string=asked)
    assert response.status_code in (200, 400), response.text


# A point needs both halves, sorting by distance a place, and a place must exist: rules that
# a schema cannot say, so that what is valid by schema may still be a 400.
_UNSAYABLE = ("positive_data_acceptance", "negative_data_rejection")


def test_the_api_does_what_its_description_says(app: Flask) -> None:
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", app)
    unsayable = [schemathesis.checks.CHECKS.get_one(name) for name in _UNSAYABLE]
    found: Any
    for found in schema.get_all_operations():
        operation = found.ok()

        @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def run(case: Any) -> None:
            # Schemathesis reads answers as they were sent.
            plain = {**(case.headers or {}), "Accept-Encoding": "identity"}
            case.call_and_validate(headers=plain, excluded_checks=[*unsayable, unsupported_method])

        run()


def test_results_say_why_they_are_where_they_are(client: FlaskClient) -> None:
    answer = search(client, q="sample", near="Denver", radius=100, explain=1)
    far = [
        hit["distance_m"] + sum(hit["why"][key] for key in ("words_m", "completeness_m", "open_m"))
        for hit in answer["results"]
        if not hit["beyond"]
    ]
    assert len(far) > 1
    assert far == sorted(far)
    assert "why" not in search(client, q="recovery", near="Denver")["results"][0]
