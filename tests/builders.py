"""Objects for tests, every field with a default, so that a test names only what matters."""

from datetime import date
from typing import Any
from urllib.parse import parse_qs, urlsplit

from directory import schedule
from directory.models import Listing, Source

FEED = Source(id="feed", title="Test source", origin="feed", seen_on=date(2026, 11, 1))


def asked_by(url: str) -> dict[str, list[str]]:
    """The parameters in an address."""
    return parse_qs(urlsplit(url).query)


def listing(**values: Any) -> Listing:
    """A listing in memory with what pages need; ``sessions`` as (weekday, start, minutes)."""
    sessions = [
        {"weekday": day, "start": start, "minutes": minutes, "note": None, "url": None}
        for day, start, minutes in values.pop("sessions", ())
    ]
    defaults: dict[str, Any] = {
        "kind": "treatment",
        "name": "Open Door",
        "status": "active",
        "street": ["1 Main St"],
        "city": "Denver",
        "region": "CO",
        "postal_code": "80202",
        "country": "US",
        "precision": "exact",
        "address_public": True,
        "in_person": True,
        "online": False,
        "served": [],
        "timezone": "America/Denver",
        "terms": [],
        "source": FEED,
    }
    weekly = schedule.weekly(sessions)
    return Listing(**defaults | values | {"sessions": sessions, "weekly": weekly})
