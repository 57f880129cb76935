"""HSDS: services in the Human Services Data Specification, as 2-1-1s and councils publish them.

What: HSDS 3 JSON of services, of organizations with their services, or of services at
locations: one document, an array of them, or a page of an API (``{"contents": […]}``). Each
service at each of its locations is one listing; a service without a location is one too.
Whose: each directory belongs to its publisher, whose licence holds. The format is Open Referral's
(docs.openreferral.org, CC BY-SA 4.0). No options.
An ``http`` address of a list is followed to its last page, and each service that a list tells
in short is fetched whole from ``<list>/<id>``. Of a saved page, only that page is read.

Known quirks, and what becomes of them:
- ``extension`` is a number, ``schedule.timezone`` an offset that tells no time zone (it goes
  to ``extra``), ``latitude`` 100 stands in the standard's own example.
- A schedule is weekly only where it repeats each week, on named days, without an end by date
  or count; others become the recurrence note. One that ended is left out.
- Opening at 00:00 and closing at 00:00, 23:59 or 24:00 is a whole day. Opening and closing at
  another same time, or one of them missing, tells nothing, and no hours are claimed.
- "inactive" and "temporarily closed" are kept, not shown; "defunct" is closed. ``assured_date``
  says when a person checked the service; ``last_modified`` does not.
- A place called confidential is concealed. Faxes are no phones. People's names are not read.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from itertools import count
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from directory import addresses, opening
from directory.errors import UsageError
from directory.feed import FeedError, first_bytes, json_items
from directory.records import Item, Note, Refused, items
from directory.vocabulary import vocabulary

Open = Callable[[str], BinaryIO]
Object = Mapping[str, Any]

_STATUS = {"inactive": "suspended", "temporarily closed": "suspended", "defunct": "closed"}
_REMOTE = re.compile(r"\b(?:online|virtual|remote(?:ly)?|video|telehealth|zoom|by phone)\b", re.I)
_SECRET = re.compile(
    r"\b(?:confidential|undisclosed|secret)\s+(?:location|address|site|place|shelter)\b|"
    r"\b(?:location|address|site)\s+(?:is\s+)?"
    r"(?:(?:kept\s+)?confidential|undisclosed|withheld|not\s+(?:disclosed|public|published))",
    re.I,
)
_WHEELCHAIR = re.compile(r"\bwheelchair", re.I)
_DENIED = re.compile(r"\b(?:no|not|without|isn't|limited|unavailable)\b", re.I)
# Kinds by the words of a service's taxonomy terms and name; the first that fits.
_KINDS = (
    ("hotline", r"\b(?:hot|help|crisis|warm) ?lines?\b"),
    (
        "support_group",
        r"\b(?:support|self[- ]help|peer) groups?\b|\bmutual[- ](?:aid|help|support)",
    ),
    ("support_group", r"\b(?:12|twelve)[- ]step|\b(?:alcoholics|narcotics) anonymous|\bal-anon"),
    ("treatment", r"\bdetox|\bsubstance (?:use|abuse|misuse)|\baddiction|\brehab|\boutpatient"),
    ("treatment", r"\bopioid|\bmethadone|\b(?:drug|alcohol|residential|assisted) treatment"),
    ("interventionist", r"\binterventionists?\b"),
    ("counseling", r"\bcounsell?ing|\bcounsell?or|\b(?:psycho)?therap(?:y|ist)|\bmental health"),
)
# A member that tells what an object is that is no service.
_OTHERS = (
    ("openapi_url", "the description of an API"),
    ("services.csv", "a set of tables; save its services as JSON"),
    ("location_type", "a location"),
    ("taxonomy", "a taxonomy term"),
    ("version", "a taxonomy"),
    ("legal_status", "an organization without its services"),
    ("website", "an organization without its services"),
)
# Read into a field, or of no use to a reader.
_READ = {
    "id", "name", "description", "url", "email", "status", "eligibility_description", "fees",
    "fees_description", "minimum_age", "maximum_age", "assured_date", "assurer_email", "alert",
    "application_process", "interpretation_services",
}  # fmt: skip


def read(location: str, options: Mapping[str, str], open_feed: Open) -> Iterator[Item]:
    """The services at ``location``. FeedError where the document is of another kind."""
    if options:
        raise UsageError(f"hsds has no options; leave out {sorted(options)[0]!r}.")
    services = _listings(_documents(location, open_feed), location)
    # A schedule that has ended by today is not shown.
    yield from items(services, _record, beside=date.today().isoformat())


def _documents(location: str, open_feed: Open) -> Iterator[tuple[str, Any]]:
    """The objects of the document; of an API's list, of all its pages."""
    live = urlsplit(location).scheme in ("http", "https")
    page: dict[str, Any] = {"total_pages": None}
    lead = ""
    for following in count(2):
        for where, item in _page(location, open_feed, page):
            short = isinstance(item, dict) and "status" in item and _text(item, "id")
            if live and short and "service_at_locations" not in item:
                item = _fetched(location, item, open_feed)  # noqa: PLW2901
            yield f"{lead}{where}", item
        if not live or not isinstance(page["total_pages"], int) or following > page["total_pages"]:
            return
        parts, lead = urlsplit(location), f"page {following}, "
        query = dict(parse_qsl(parts.query)) | {"page": str(following)}
        location = urlunsplit(parts._replace(query=urlencode(query)))


def _page(location: str, open_feed: Open, page: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    with open_feed(location) as stream:
        head = first_bytes(stream)
        path = "item" if head.startswith(b"[") else "contents.item" * (b'"contents"' in head)
        for where, item in json_items(stream, path, page if "." in path else None):
            yield where if path else "the document", item


def _fetched(location: str, item: Object, open_feed: Open) -> Any:
    """The whole service that a list tells in short."""
    parts = urlsplit(location)
    path = f"{parts.path.rstrip('/')}/{item['id']}"
    with open_feed(urlunsplit(parts._replace(path=path, query=""))) as stream:
        (whole,) = (item for _, item in json_items(stream, ""))  # to the end, or it may be cut
    return whole


def _listings(
    items: Iterator[tuple[str, Any]], location: str
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each service with one of its locations, as the row of a listing.

    A document that starts with something else is another document; later, it is a bad row.
    """
    met = False
    for where, item in items:
        raw: Object = item if isinstance(item, dict) else {}
        if isinstance(raw.get("service"), dict):
            service, at = raw["service"], {key: raw[key] for key in raw if key != "service"}
            yield (
                where,
                {"service": service, "at": at, "organization": _object(service, "organization")},
            )
        elif _list(raw, "services"):
            for n, service in enumerate(_list(raw, "services")):
                yield from _at_each(f"{where}, service {n}", service, raw)
        elif any(key in raw for key in ("status", "service_at_locations", "organization")):
            yield from _at_each(where, raw, _object(raw, "organization"))
        elif met or "services" in raw:
            yield where, {"organization": item}
        else:
            what = next((what for key, what in _OTHERS if key in raw), "something else")
            raise FeedError(
                f"{location}: {where} is no service but {what}. Import the services: the "
                "publisher's /services, or /organizations/ID with its services."
            )
        met = True


def _at_each(where: str, service: Object, organization: Object) -> Iterator[tuple[str, Any]]:
    places = _list(service, "service_at_locations")
    for n, at in enumerate(places or [{}]):
        spot = f"{where}, location {n}" if len(places) > 1 else where
        yield spot, {"service": service, "at": at, "organization": organization}


def _object(raw: Object, key: str) -> Object:
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def _list(raw: Object, key: str) -> list[dict[str, Any]]:
    value = raw.get(key)
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(raw: Object, key: str) -> str:
    value = raw.get(key)
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _record(raw: dict[str, Any], notes: list[Note]) -> dict[str, Any]:
    if "service" not in raw:
        raise Refused("no_service", "no service is described here")
    service, at, organization = raw["service"], raw["at"], raw["organization"]
    if not _text(service, "id"):
        raise Refused("no_id", "the service has no id, so that later imports cannot know it")
    if not _text(service, "name"):
        raise Refused("no_name", "the service has no name")
    place = _object(at, "location")
    schedules = next(filter(None, (_list(each, "schedules") for each in (at, service, place))), [])
    taxonomy = _taxonomy(service, at, place)
    languages = _list(service, "languages") + _list(place, "languages")
    terms, unknown = _terms(place, taxonomy, languages, notes)
    kind = _kind(taxonomy, _text(service, "name"))
    where = _where(service, at, place, schedules)
    where["in_person"] &= bool(place) or not (where["online"] or kind == "hotline")
    identity = [_text(service, "id"), _text(place, "id") or _text(at, "id")]
    found = {
        "taxonomy": taxonomy,
        "languages": sorted({_text(each, "name") for each in languages}),
        "schedule_timezones": sorted({_text(each, "timezone") for each in schedules} - {""}),
        "unknown_codes": unknown,
    }
    return {
        "external_id": ":".join(filter(None, identity)),
        "kind": kind,
        "name": _text(service, "name"),
        "organization": _text(organization, "name"),
        "description": _description(service, at, place if where["address_public"] else {}),
        "eligibility": _text(service, "eligibility_description"),
        "fees": _fees(service),
        "min_age": _age(service, "minimum_age", notes),
        "max_age": _age(service, "maximum_age", notes),
        "status": _STATUS.get(_text(service, "status").lower(), "active"),
        **where,
        **_when(schedules, notes),
        "phones": _phones(service, at, place, organization),
        "website": _text(service, "url") or _text(organization, "website"),
        "email": _text(service, "email") or _text(organization, "email"),
        "terms": terms,
        "verified_on": opening.as_date(_text(service, "assured_date")),
        "extra": _extra(service, place, found),
    }


def _extra(service: Object, place: Object, found: Object) -> dict[str, Any]:
    """What else a listing tells, with what the caller ``found``; nothing empty."""
    plain = {key: service[key] for key in service if key not in _READ and _text(service, key)}
    more = {
        "required_documents": [_text(d, "document") for d in _list(service, "required_documents")],
        "service_areas": [_text(each, "name") for each in _list(service, "service_areas")],
        "program": _text(_object(service, "program"), "name"),
        "accessibility": [_text(each, "description") for each in _list(place, "accessibility")],
        "transportation": _text(place, "transportation"),
    }
    return {key: value for key, value in {**plain, **found, **more}.items() if value}


def _taxonomy(*objects: Object) -> list[str]:
    """The names of the taxonomy terms that ``objects`` carry, each once."""
    terms = (_object(a, "taxonomy_term") for each in objects for a in _list(each, "attributes"))
    return list(dict.fromkeys(filter(None, (_text(term, "name") for term in terms))))


def _terms(
    place: Object, taxonomy: list[str], languages: list[dict[str, Any]], notes: list[Note]
) -> tuple[list[str], list[str]]:
    """The terms of the service, and the languages that the vocabulary lacks."""
    terms = {code for name in taxonomy for code in vocabulary().hsds(name)}
    unknown: dict[str, None] = {}
    for language in languages:
        code = f"language:{_text(language, 'code').lower()}"
        named = [c for c in vocabulary().hsds(_text(language, "name")) if c.startswith("language:")]
        found = [code] if code in vocabulary().terms else named
        terms.update(found)
        if not found:
            unknown[_text(language, "code") or _text(language, "name")] = None
    notes += [Note("terms", "unknown_code", f"language {code!r} is not known") for code in unknown]
    for told in (_text(each, "description") for each in _list(place, "accessibility")):
        phrases = [each for each in re.split(r"[.;\n]", told) if _WHEELCHAIR.search(each)]
        if phrases and not any(map(_DENIED.search, phrases)):
            terms.add("access:wheelchair")
    return sorted(terms), list(unknown)


def _kind(taxonomy: list[str], name: str) -> str:
    """What sort of help it is, by its taxonomy terms before its name."""
    for text in (" | ".join(taxonomy), name):
        for kind, pattern in _KINDS:
            if re.search(pattern, text, re.I):
                return kind
    return "community_program"


def _description(service: Object, at: Object, place: Object) -> str:
    parts = [_text(service, "alert"), _text(service, "description"), _text(at, "description")]
    parts += [_text(service, "application_process"), _text(service, "interpretation_services")]
    parts += [_text(place, "transportation")]
    return "\n".join(dict.fromkeys(filter(None, parts)))


def _fees(service: Object) -> str:
    """What it costs: in words, then each price with the days for which it was told."""
    lines = [_text(service, "fees_description") or _text(service, "fees")]
    for cost in _list(service, "cost_options"):
        price = f"{_text(cost, 'amount')} {_text(cost, 'currency').upper()}".strip()
        told = ": ".join(filter(None, (_text(cost, "option"), price)))
        days = [_text(cost, key) for key in ("valid_from", "valid_to")]
        spell = f"({' to '.join(filter(None, days))})" if any(days) else ""
        lines.append(" ".join(filter(None, (told, _text(cost, "amount_description"), spell))))
    return "\n".join(filter(None, lines))


def _age(service: Object, key: str, notes: list[Note]) -> int | None:
    """Whole years; above 120, as "no limit" is written at times, none."""
    value = service.get(key)
    if not isinstance(value, int | float):
        return None
    if not 0 <= value <= 120:
        notes.append(Note(key, "bad_age", "dropped: no age that people reach"))
        return None
    return int(value)


def _where(
    service: Object, at: Object, place: Object, schedules: list[dict[str, Any]]
) -> dict[str, Any]:
    """Address, point, and whether one can go there or be helped from afar."""
    listed = _list(place, "addresses")
    # A postal address is where letters go; it serves where no other is given.
    listed.sort(key=lambda each: _text(each, "address_type") != "physical")
    address = listed[0] if listed else {}
    country = addresses.country_code(_text(address, "country")) or "US"
    lines = [_text(address, key) for key in ("address_1", "address_2")]
    virtual = _text(place, "location_type").lower() == "virtual"
    ways = " ".join(_text(each, "attending_type") for each in schedules)
    told = [_text(place, "name"), *(_text(each, "description") for each in (service, at, place))]
    secret = _SECRET.search(" | ".join([*told, *lines]))
    return {
        "street": [] if virtual else list(filter(None, (_text(place, "name"), *lines))),
        "city": _text(address, "city"),
        "region": addresses.region_code(_text(address, "state_province"), country),
        "postal_code": _text(address, "postal_code"),
        "country": country,
        "latitude": place.get("latitude"),
        "longitude": place.get("longitude"),
        "precision": "exact" if any(lines) else "approximate",
        "address_public": secret is None,
        "in_person": not virtual,
        "online": virtual or bool(_REMOTE.search(ways)),
        "join_url": _text(place, "url") if virtual else None,
    }


def _when(schedules: list[dict[str, Any]], notes: list[Note]) -> dict[str, Any]:
    sessions, told = opening.hours(schedules, notes)
    zones = [_text(each, "timezone") for each in schedules]
    named = next((zone for zone in zones if "/" in zone), None)
    utc = "UTC" if opening.is_utc(schedules) else None
    return {"sessions": sessions, "recurrence_note": told, "timezone": utc or named}


def _phones(service: Object, at: Object, place: Object, organization: Object) -> list[Any]:
    """The numbers of the service and its place, else of its organization. No person's."""
    listed = [each for raw in (at, place, service) for each in _list(raw, "phones")]
    found = []
    for each in listed or _list(organization, "phones"):
        kind, told = _text(each, "type").lower(), _text(each, "description")
        if kind in ("fax", "pager"):
            continue
        label = kind.upper() if kind in ("tty", "tdd", "sms") else told if len(told) <= 40 else ""
        extension = _text(each, "extension").removesuffix(".0")
        number = _text(each, "number").strip("\"' ")
        found.append({"number": number, "extension": extension or None, "label": label or None})
    return found
