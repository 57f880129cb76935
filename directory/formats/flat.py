"""Search results as GeoJSON (RFC 7946) and as CSV: what is on the page, for maps and tables."""

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from directory.formats.json import hit_document
from directory.models import Listing
from directory.search import Hit

_COLUMNS = (
    *("id", "url", "kind", "status", "name", "organization", "street", "city", "region"),
    *("postal_code", "country", "lat", "lon", "precision", "distance_m", "beyond", "phones"),
    *("website", "email", "terms", "open_now", "next_session", "timezone", "verified_on"),
    *("last_seen", "source", "sample", "attribution"),
)
# A spreadsheet takes a cell that starts like this for a formula, and runs it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_NUMBER = re.compile(r"\+[0-9]+")


def geojson_document(hits: Iterable[Hit], now: datetime) -> dict[str, Any]:
    """A FeatureCollection: ``geometry`` is null where no point is known or may be shown."""
    return {"type": "FeatureCollection", "features": [_feature(hit, now) for hit in hits]}


def on_map(listing: Listing) -> bool:
    """Whether a point is known that anybody may see."""
    known = listing.latitude is not None and listing.longitude is not None
    return known and listing.address_public


def _feature(hit: Hit, now: datetime) -> dict[str, Any]:
    found = hit_document(hit, now)
    lat, lon = found.pop("lat"), found.pop("lon")
    return {
        "type": "Feature",
        "id": found["id"],
        "geometry": {"type": "Point", "coordinates": [lon, lat]} if on_map(hit.listing) else None,
        "properties": found,
    }


def csv_text(hits: Iterable[Hit], now: datetime) -> str:
    """A table with a header (RFC 4180); lists are joined by "; "."""
    out = io.StringIO(newline="")
    table = csv.writer(out)
    table.writerow(_COLUMNS)
    for hit in hits:
        found = _row(hit, now)
        table.writerow([_cell(found[name]) for name in _COLUMNS])
    return out.getvalue()


def _row(hit: Hit, now: datetime) -> dict[str, Any]:
    found = hit_document(hit, now)
    public = found["address_public"]
    address = found["address"]
    return found | {
        "street": address["lines"] if public else None,
        "city": address["city"],
        "region": address["region"],
        "postal_code": address["postal_code"],
        "country": address["country"],
        "lat": found["lat"] if public else None,
        "lon": found["lon"] if public else None,
        "phones": [phone["number"] for phone in found["phones"]],
    }


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        value = "; ".join(str(item) for item in value)
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value
