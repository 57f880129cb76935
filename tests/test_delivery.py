"""How answers travel: pressed text, files kept for good, and no token in the length of a page."""

import gzip
import re
from collections.abc import Iterator
from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient

TAKES = {"Accept-Encoding": "gzip, br"}


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    """A client that closes the files it was sent."""
    with app.test_client() as found:
        found.get = partial(found.get, buffered=True)  # type: ignore[method-assign]
        yield found


@pytest.mark.parametrize(
    "path", ["/search?near=Denver", "/static/site.css", "/api/v1/vocabulary", "/static/icons.svg"]
)
def test_text_is_pressed_for_whoever_takes_it(client: FlaskClient, path: str) -> None:
    plain, pressed = client.get(path), client.get(path, headers=TAKES)
    assert "Content-Encoding" not in plain.headers
    assert pressed.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(pressed.data) == plain.data
    assert int(pressed.headers["Content-Length"]) == len(pressed.data) < len(plain.data)
    for answer in (plain, pressed):
        assert "Accept-Encoding" in answer.vary


@pytest.mark.parametrize("refusal", ["gzip;q=0", "identity", "br", ""])
def test_nobody_gets_what_they_cannot_read(client: FlaskClient, refusal: str) -> None:
    answer = client.get("/", headers={"Accept-Encoding": refusal})
    assert b"<!doctype html>" in answer.data


def test_a_token_does_not_show_in_the_length(client: FlaskClient) -> None:
    client.set_cookie("desk", "any")
    assert "Content-Encoding" not in client.get("/sign-in", headers=TAKES).headers


def test_a_file_is_asked_for_once(client: FlaskClient) -> None:
    page = client.get("/search?near=Denver").text
    files = set(re.findall(r"/static/[^\s\"#]+\.[^\s\"#]+", page))
    assert len(files) >= 12
    for path in files:
        assert re.search(r"\?v=[0-9a-f]{12}$", path), path
        assert "immutable" in client.get(path).headers["Cache-Control"]
        stale = client.get(re.sub("v=.*", "v=0123456789ab", path))
        assert stale.headers["Cache-Control"] == "no-cache"
    assert client.get("/static/nothing.css").headers["Cache-Control"] == "no-cache"


def test_a_file_without_its_version_is_asked_about(client: FlaskClient) -> None:
    first = client.get("/static/site.css", headers=TAKES)
    again = client.get("/static/site.css", headers=TAKES | {"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    plain = client.get("/static/site.css", headers={"If-None-Match": first.headers["ETag"]})
    assert plain.status_code == 304
