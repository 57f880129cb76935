"""The OpenAPI 3.1 description of the JSON API, generated from the rules that it obeys."""

from typing import Any

from directory import pocket, question
from directory.parameters import DEFAULT_RADIUS, METRES, MOST_PER_PAGE, SORTS
from directory.records import KINDS
from directory.schedule import PARTS, WEEKDAYS
from directory.vocabulary import vocabulary


def _parameter(name: str, about: str, schema: dict[str, Any]) -> dict[str, Any]:
    found = {"name": name, "in": "query", "description": about, "schema": schema}
    return found | ({"style": "form", "explode": True} if schema["type"] == "array" else {})


def _any_of(*values: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values)}


def _parameters() -> list[dict[str, Any]]:
    words = f"Words; quotes, OR, -minus, prefix*. At most {question.MOST_TERMS} terms."
    return [
        _parameter("q", words, {"type": "string", "maxLength": question.LONGEST}),
        _parameter("near", "A place in words, such as Denver, CO or 80202.", {"type": "string"}),
        _parameter(
            "lat",
            "WGS 84 degrees; with lon, instead of near.",
            {"type": "number", "minimum": -90, "maximum": 90},
        ),
        _parameter("lon", "WGS 84 degrees.", {"type": "number", "minimum": -180, "maximum": 180}),
        _parameter(
            "radius",
            "How far, inclusive.",
            {"type": "number", "minimum": 0.1, "maximum": 500, "default": DEFAULT_RADIUS},
        ),
        _parameter("unit", "The unit of radius.", _any_of(*METRES)),
        _parameter("kind", "Any of these kinds.", {"type": "array", "items": _any_of(*KINDS)}),
        _parameter(
            "term",
            "Codes of the vocabulary; see match of each facet.",
            {"type": "array", "items": _any_of(*vocabulary().terms)},
        ),
        _parameter("day", "A day in its week.", _any_of(*WEEKDAYS, "today", "tomorrow")),
        _parameter("time", "A part of the day.", _any_of(*PARTS)),
        _parameter("open", "Open at this moment.", _any_of("now")),
        _parameter("attend", "How to attend.", _any_of("in_person", "online")),
        _parameter("literal", "Read q as words only.", _any_of("1")),
        _parameter("explain", "Say of each result why it is where it is.", _any_of("1")),
        _parameter("sort", "Order of the results.", _any_of(*SORTS)),
        _parameter("page", "From 1.", {"type": "integer", "minimum": 1, "maximum": 10_000}),
        _parameter(
            "per_page",
            "Results a page.",
            {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE, "default": 20},
        ),
    ]


def _suggest() -> list[dict[str, Any]]:
    most = {"type": "integer", "minimum": 1, "maximum": pocket.MOST, "default": 8}
    return [
        _parameter("q", "Typed so far.", {"type": "string", "maxLength": pocket.LONGEST}),
        _parameter("limit", "Most suggestions.", most),
    ]


def _box() -> list[dict[str, Any]]:
    edges = (("west", 180), ("south", 90), ("east", 180), ("north", 90))
    return [
        _parameter(
            name,
            "An edge of the box in WGS 84 degrees.",
            {"type": "number", "minimum": -most, "maximum": most},
        )
        | {"required": True}
        for name, most in edges
    ]


def _maybe(kind: str) -> dict[str, Any]:
    return {"type": [kind, "null"]}


def _object(required: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "required": list(required), "properties": required}


_TWIN = ("id", "name", "source")
_MAYBE = (
    *("organization", "description", "eligibility", "fees", "website", "email"),
    *("duplicate_of", "attribution"),
)


def _schemas() -> dict[str, Any]:
    text = {"type": "string"}
    listing: dict[str, Any] = {
        "id": {"type": "string", "format": "uuid"},
        "url": text,
        "kind": _any_of(*KINDS),
        "status": _any_of("active", "suspended", "closed"),
        "name": text,
        "address": {"type": "object"},
        "lat": _maybe("number"),
        "lon": _maybe("number"),
        "precision": _any_of("exact", "street", "approximate", "none"),
        "phones": {"type": "array", "items": {"type": "object"}},
        "terms": {"type": "array", "items": text},
        "timezone": text,
        "sessions": {"type": "array", "items": {"type": "object"}},
        "open_now": _maybe("boolean"),
        "next_session": _maybe("string"),
        "verified_on": _maybe("string"),
        "last_seen": _maybe("string"),
        "source": text,
        "also_listed": {"type": "array", "items": _object(dict.fromkeys(_TWIN, text))},
    }
    listing |= {name: _maybe("string") for name in _MAYBE}
    hit = listing | {
        "distance_m": _maybe("number"),
        "beyond": {"type": "boolean"},
        "highlights": {"type": "object"},
    }
    hits = {"type": "array", "items": {"$ref": "#/components/schemas/Hit"}}
    answer = {
        "question": {"type": "object"},
        "total": {"type": "integer"},
        "total_is_exact": {"type": "boolean"},
        "beyond": {"type": "boolean"},
        "results": hits,
        "online": _object({"total": {"type": "integer"}, "results": hits}),
        "facets": {"type": "object"},
        "facets_are_exact": {"type": "boolean"},
        "links": _object({"self": text, "next": _maybe("string"), "previous": _maybe("string")}),
    }
    problem = {
        "title": text,
        "status": {"type": "integer"},
        "detail": text,
        "parameter": _maybe("string"),
    }
    suggestion = _object({"text": text, "kind": _any_of("term", "place", "name")})
    suggestion["properties"]["code"] = text
    number = {"type": "number"}
    town = {"name": text, "lat": number, "lon": number, "population": {"type": "integer"}}
    return {
        "Towns": _object({"towns": {"type": "array", "items": _object(town)}}),
        "Suggestions": _object({"suggestions": {"type": "array", "items": suggestion}}),
        "Listing": _object(listing),
        "Hit": _object(hit),
        "Answer": _object(answer),
        "Problem": _object(problem),
        "Table": text,
        "Features": _object(
            {
                "type": _any_of("FeatureCollection"),
                "features": {"type": "array", "items": {"type": "object"}},
            }
        ),
        "Vocabulary": _object({"facets": {"type": "array", "items": {"type": "object"}}}),
    }


def _operation(
    name: str,
    summary: str,
    schema: str,
    parameters: list[dict[str, Any]],
    *problems: int,
    content: str = "application/json",
) -> dict[str, Any]:
    def body(kind: str, content: str) -> dict[str, Any]:
        return {content: {"schema": {"$ref": f"#/components/schemas/{kind}"}}}

    responses: dict[str, Any] = {
        "200": {"description": "The answer.", "content": body(schema, content)}
    }
    for status in problems:
        wrong = body("Problem", "application/problem+json")
        responses[str(status)] = {"description": "What is wrong.", "content": wrong}
    return {
        "get": {
            "operationId": name,
            "summary": summary,
            "parameters": parameters,
            "responses": responses,
        }
    }


def openapi_document() -> dict[str, Any]:
    """The description, which any OpenAPI 3.1 validator accepts."""
    by_id = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Recovery Directory",
            "version": "1",
            "summary": "Help for addiction: search by words, place and need.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/api/v1/search": _operation(
                "search", "Search the directory.", "Answer", _parameters(), 400, 503
            ),
            "/api/v1/search.geojson": _operation(
                "searchGeojson",
                "The page of results as GeoJSON.",
                "Features",
                _parameters(),
                400,
                503,
                content="application/geo+json",
            ),
            "/api/v1/search.csv": _operation(
                "searchCsv",
                "The page of results as a table.",
                "Table",
                _parameters(),
                400,
                503,
                content="text/csv",
            ),
            "/api/v1/suggest": _operation(
                "suggest", "What typed words may become.", "Suggestions", _suggest(), 400
            ),
            "/api/v1/towns": _operation(
                "towns", "The largest towns in a box.", "Towns", _box(), 400, 503
            ),
            "/api/v1/listings/{id}": _operation(
                "listing", "One listing.", "Listing", [by_id], 404, 410, 503
            ),
            "/api/v1/vocabulary": _operation(
                "vocabulary", "All facets and terms.", "Vocabulary", []
            ),
        },
        "components": {"schemas": _schemas()},
    }
