"""Suggestions while typing, with and without a database."""

from dataclasses import replace

import pytest
from flask.testing import FlaskClient

from directory.config import Config
from directory.web.app import create_app


def test_terms_then_places(client: FlaskClient) -> None:
    response = client.get("/api/v1/suggest?q=de")
    assert response.headers["Cache-Control"] == "private, no-cache"
    found = response.json["suggestions"]  # type: ignore[index]
    assert {"text": "Denver, CO", "kind": "place"} in found
    kinds = [each["kind"] for each in found]
    assert kinds == sorted(kinds, key=["term", "place", "name"].index)
    assert len(found) <= 8


def test_nothing_typed(client: FlaskClient) -> None:
    assert client.get("/api/v1/suggest?q=").json == {"suggestions": []}


@pytest.mark.parametrize("query", ["q=" + "x" * 201, "q=a%00", "q=a&limit=0", "q=a&limit=x"])
def test_bad_parameters(client: FlaskClient, query: str) -> None:
    response = client.get(f"/api/v1/suggest?{query}")
    assert (response.status_code, response.mimetype) == (400, "application/problem+json")


def test_terms_without_a_database(sample_config: Config) -> None:
    away = replace(sample_config, database_url="postgresql://nobody@127.0.0.1:9/none")
    found = create_app(away).test_client().get("/api/v1/suggest?q=detox").json
    assert found["suggestions"][0]["kind"] == "term"  # type: ignore[index]
