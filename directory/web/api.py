"""The JSON API, and problems as ``application/problem+json`` (RFC 9457)."""

import json
import math
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from directory import pocket
from directory.asking import ask
from directory.criteria import Search
from directory.errors import UsageError
from directory.formats.flat import csv_text, geojson_document
from directory.formats.json import listing_document, search_document, vocabulary_document
from directory.formats.openapi import openapi_document
from directory.parameters import Values
from directory.search import Hit, Page, explain
from directory.towns import Box, largest
from directory.web import count, listing_of, state, wording

api = Blueprint("api", __name__, url_prefix="/api")


def json_response(document: Any, status: int = 200, mimetype: str = "application/json") -> Response:
    """``document`` as a response that keeps non-ASCII text readable."""
    body = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return Response(body, status=status, mimetype=mimetype)


def problem(status: int, title: str, detail: str, parameter: str | None = None) -> Response:
    """An error as a problem document."""
    document = {"title": title, "status": status, "detail": detail, "parameter": parameter}
    return json_response(document, status, "application/problem+json")


@api.get("/v1/search")
def search() -> Response:
    """Search; the parameters are those of ``directory.parameters.read_search``."""
    values = request.args.to_dict(flat=False)
    now = datetime.now(UTC)
    with state().reader.connect() as connection:
        found = ask(connection, values, state().config, now)
        asked = "1" in values.get("explain", ())
        why = explain(connection, found.search, found.page, now) if asked else {}
    urls = _links(values, found.search, found.page)
    document = search_document(found, now, urls)
    for result in document["results"] if why else ():
        result["why"] = why[uuid.UUID(result["id"])]
    return count(_kept_private(json_response(document)), found, now)


@api.get("/v1/search.geojson")
def search_geojson() -> Response:
    """The page of results as GeoJSON; parameters as those of ``search``."""
    hits, now = _hits()
    return _kept_private(json_response(geojson_document(hits, now), 200, "application/geo+json"))


@api.get("/v1/search.csv")
def search_csv() -> Response:
    """The page of results as a table; parameters as those of ``search``."""
    hits, now = _hits()
    response = Response(csv_text(hits, now), mimetype="text/csv")
    response.headers["Content-Disposition"] = 'attachment; filename="results.csv"'
    return _kept_private(response)


def _hits() -> tuple[Sequence[Hit], datetime]:
    now = datetime.now(UTC)
    values = request.args.to_dict(flat=False)
    with state().reader.connect() as connection:
        return ask(connection, values, state().config, now).page.hits, now


def _kept_private(response: Response) -> Response:
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@api.get("/v1/suggest")
def suggest() -> Response:
    """What the words typed so far may become; without a database, terms and names alone."""
    typed, limit = request.args.get("q", ""), request.args.get("limit", "8")
    if len(typed) > pocket.LONGEST or "\0" in typed:
        raise UsageError(f"Use at most {pocket.LONGEST} characters, and no NUL.", "q")
    if not (limit.isascii() and limit.isdecimal() and 1 <= int(limit[:9]) <= pocket.MOST):
        raise UsageError(f"limit takes a whole number from 1 to {pocket.MOST}.", "limit")
    config = state().config
    names = pocket.open_pocket(config)
    try:
        with state().reader.connect() as connection:
            found = pocket.suggest(typed, int(limit), connection, names, config.country)
    except DBAPIError:
        found = pocket.suggest(typed, int(limit), None, names, config.country)
    response = json_response({"suggestions": found})
    response.headers["Cache-Control"] = "private, no-cache"
    return response


@api.get("/v1/towns")
def towns() -> Response:
    """The largest towns in a box of a map."""
    with state().reader.connect() as connection:
        found = largest(connection, _box())
    return _kept_private(json_response({"towns": [asdict(town) for town in found]}))


def _box() -> Box:
    """The edges in the request; UsageError names the one that makes no box."""
    edges = {}
    for name, most in (("west", 180), ("south", 90), ("east", 180), ("north", 90)):
        try:
            edges[name] = float(request.args.get(name, ""))
        except ValueError:
            edges[name] = math.nan
        if not -most <= edges[name] <= most:
            raise UsageError(f"{name} takes a number from -{most} to {most}.", name)
    if edges["west"] >= edges["east"] or edges["south"] >= edges["north"]:
        raise UsageError("west must be below east, and south below north.", "west")
    return Box(**edges)


def _links(values: Values, search: Search, page: Page) -> dict[str, str | None]:
    def link(number: int) -> str:
        query = urlencode({**values, "page": [str(number)]}, doseq=True)
        return f"/api/v1/search?{query}"

    last = min(page.total, 10_000) <= search.page * search.per_page
    return {
        "self": link(search.page),
        "next": None if last and page.total_is_exact else link(search.page + 1),
        "previous": link(search.page - 1) if search.page > 1 else None,
    }


@api.get("/v1/listings/<listing_id>")
def listing(listing_id: str) -> Response:
    """One listing by its id; also one that is closed or suspended, which says so.

    410 is one that its source no longer has."""
    with Session(state().reader) as session:
        found = listing_of(session, listing_id)
        if found.status == "gone":
            return problem(410, "This listing is gone", f"{found.name}: {wording.gone(found)}")
        return json_response(listing_document(found, datetime.now(UTC)))


@api.get("/v1/vocabulary")
def vocabulary() -> Response:
    """All facets and terms."""
    return json_response(vocabulary_document())


@api.get("/openapi.json")
def openapi() -> Response:
    """The description of this API for programs (OpenAPI 3.1)."""
    return json_response(openapi_document())
