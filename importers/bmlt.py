"""BMLT: the meeting lists of Narcotics Anonymous.

What: the answers of a root server of the Basic Meeting List Toolbox, one listing per meeting:
GetSearchResults, with GetFormats (what format keys mean) and GetServiceBodies (who answers).
Whose: each server belongs to its service bodies, and states no licence: ask before republishing.
bmlt.app describes the software and lists servers.
Location: a root server ("https://…/main_server/"), or a saved GetSearchResults answer; the
other two are then read from ``formats=FILE`` and ``bodies=FILE``, or from files beside it
whose names contain GetFormats and GetServiceBodies. Option ``fellowship`` (default ``na``).

Known quirks, and what becomes of them:
- every value is a string; ``weekday_tinyint`` 1 is Sunday; ``published`` 0 means that the
  source itself does not show the meeting, so the row is refused.
- Format keys repeat and mean other things on other servers: ids are looked up first, then
  keys, and the world id of a format decides before its key.
- ``venue_type`` is 1 in person, 2 virtual, 3 hybrid; older servers say it by formats.
- Some values carry their label, "Bus Lines#@-@#Bus 59", even twice.
- Lengths of zero or above six hours are slips ("Nooner" at 20:30 for 12 hours): an hour is
  assumed, with a note.
- Names, phones and e-mails of contacts are members' own, and are never read. The helpline and
  site shown are the service body's, or of the one above it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urljoin

from directory import addresses, weekly
from directory.errors import UsageError
from directory.feed import json_items
from directory.records import Item, Note, Refused, items
from directory.vocabulary import vocabulary

Open = Callable[[str], BinaryIO]

_OPTIONS = ("formats", "bodies", "fellowship")
_LONGEST = 6 * 60
_IN_PERSON, _VIRTUAL, _HYBRID = "1", "2", "3"
# Formats that say where a meeting is held, by world id or key.
_VIRTUAL_FORMATS, _HYBRID_FORMATS = {"VM", "WEB"}, {"HY", "HYBR"}
_CLOSED_FORMATS = {"TC"}
_KEPT = ("worldid_mixed", "lang_enum", "location_neighborhood", "location_sub_province")


@dataclass
class _Server:
    """What a server's other answers say: formats by id and by key, service bodies by id."""

    fellowship: str
    formats: dict[str, dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)


def read(location: str, options: Mapping[str, str], open_feed: Open) -> Iterator[Item]:
    """The meetings of a root server or a saved answer. UsageError for an unknown option."""
    if unknown := sorted(set(options) - set(_OPTIONS)):
        raise UsageError(f"bmlt has no option {unknown[0]!r}; it has {', '.join(_OPTIONS)}.")
    server = _Server(_fellowship(options))
    meetings, formats, bodies = _addresses(location, options)
    for each in _all(formats, open_feed):
        server.formats[_text(each, "id")] = each
        server.keys.setdefault(_text(each, "key_string"), each)
    for each in _all(bodies, open_feed):
        server.bodies[_text(each, "id")] = each
    with open_feed(meetings) as stream:
        beside = sha256(repr(server).encode("utf-8", "surrogatepass")).hexdigest()
        found = json_items(stream)
        yield from items(found, lambda raw, notes: _record(raw, notes, server), beside)


def _fellowship(options: Mapping[str, str]) -> str:
    name = options.get("fellowship", "na").strip().lower()
    known = [term.code.split(":")[1] for term in vocabulary().facets["fellowship"].terms]
    if name not in known:
        raise UsageError(f"There is no fellowship {name!r}; there are {', '.join(known)}.")
    return name


def _addresses(location: str, options: Mapping[str, str]) -> tuple[str, str | None, str | None]:
    """Where meetings, formats and service bodies are read from."""
    if re.match(r"https?://", location, re.I):
        root = location.partition("client_interface/")[0].partition("?")[0]
        api = urljoin(root if root.endswith("/") else f"{root}/", "client_interface/json/")
        asked = [f"{api}?switcher=Get{what}" for what in ("SearchResults", "Formats")]
        meetings = location if "switcher=" in location else asked[0]
        bodies = f"{api}?switcher=GetServiceBodies"
        return meetings, options.get("formats", asked[1]), options.get("bodies", bodies)
    beside = Path(location).expanduser().parent
    found = [
        options.get(name) or next(map(str, sorted(beside.glob(f"*{what}*.json*"))), None)
        for name, what in (("formats", "GetFormats"), ("bodies", "GetServiceBodies"))
    ]
    return location, found[0], found[1]


def _all(location: str | None, open_feed: Open) -> list[dict[str, Any]]:
    """A short answer as a whole; a server has some hundreds of formats and service bodies."""
    if location is None:
        return []
    with open_feed(location) as stream:
        return [item for _, item in json_items(stream) if isinstance(item, dict)]


def _text(raw: Mapping[str, Any], key: str) -> str:
    """A field as text without its label."""
    value = raw.get(key)
    return "" if value is None else str(value).rpartition("#@-@#")[2].strip()


def _record(raw: Any, notes: list[Note], server: _Server) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Refused("not_a_meeting", "a meeting must be a JSON object")
    if _text(raw, "published") == "0":
        raise Refused("unpublished", "the source itself does not publish this meeting")
    identity, name = _text(raw, "id_bigint"), _text(raw, "meeting_name")
    if not identity:
        raise Refused("no_id", "has no id_bigint, so that later imports cannot know it")
    if not name:
        raise Refused("no_name", "has no meeting_name")
    formats = _formats(raw, server)
    terms, unknown = _terms(formats, notes, server)
    organization, phones, site = _body(raw, server)
    extra: dict[str, Any] = {key: value for key in _KEPT if (value := _text(raw, key))}
    where, attendance = _where(raw, notes), _attendance(raw, formats)
    if not attendance["in_person"]:
        # Nobody should travel to a door that is closed or was never there.
        extra |= {"place": where["street"]} if where["street"] else {}
        where |= {"street": [], "precision": "approximate"}
    extra["formats"] = [str(each.get("key_string") or "") for each in formats]
    extra |= {"unknown_codes": unknown} if unknown else {}
    return {
        "external_id": identity,
        "kind": "support_group",
        "name": name,
        "organization": organization,
        "description": _description(raw),
        **where,
        **attendance,
        "join_url": _text(raw, "virtual_meeting_link"),
        "join_phone": _text(raw, "phone_meeting_number"),
        "timezone": _text(raw, "time_zone"),
        **_when(raw, notes, formats),
        "phones": phones,
        "website": site,
        "terms": terms,
        "extra": extra,
    }


def _formats(raw: Mapping[str, Any], server: _Server) -> list[dict[str, Any]]:
    """The meeting's formats, each once: by id where the server told them, else by key."""
    listed = _text(raw, "format_shared_id_list").split(",")
    ids = dict.fromkeys(i.strip() for i in listed if i.strip())
    if ids and all(i in server.formats for i in ids):
        return [server.formats[i] for i in ids]
    keys = dict.fromkeys(key.strip() for key in _text(raw, "formats").split(",") if key.strip())
    return [server.keys.get(key, {"key_string": key}) for key in keys]


def _terms(
    formats: list[dict[str, Any]], notes: list[Note], server: _Server
) -> tuple[list[str], list[str]]:
    """The terms of the meeting and the format keys that nobody has judged yet."""
    terms, unknown = {f"fellowship:{server.fellowship}", "pay:free"}, []
    for each in formats:
        key = _text(each, "key_string")
        try:
            terms.update(vocabulary().bmlt(key=key, world_id=_text(each, "world_id")))
        except KeyError:
            unknown.append(key)
            notes.append(Note("terms", "unknown_code", f"format {key!r} is not known"))
    return sorted(terms), unknown


def _body(raw: Mapping[str, Any], server: _Server) -> tuple[str | None, list[dict[str, str]], str]:
    """Name of the service body; helpline and site of it, or of the nearest one above it."""
    body = server.bodies.get(_text(raw, "service_body_bigint"), {})
    name, site = _text(body, "name") or None, ""
    phones: list[dict[str, str]] = []
    met: set[str] = set()
    while body and _text(body, "id") not in met:
        met.add(_text(body, "id"))
        if not phones and (number := _text(body, "helpline")):
            phones = [{"number": number, "label": _text(body, "name")}]
        site = site or _text(body, "url")
        body = server.bodies.get(_text(body, "parent_id"), {})
    return name, phones, site


def _where(raw: Mapping[str, Any], notes: list[Note]) -> dict[str, Any]:
    country = addresses.country_code(_text(raw, "location_nation")) or "US"
    postal = _text(raw, "location_postal_code_1")
    # "NY" and "USA" stand here at times.
    postal = postal if re.search(r"\d", postal) else ""
    street = _text(raw, "location_street")
    place = _text(raw, "location_text")
    # A borough is the city of its own addresses: Brooklyn, NY 11223.
    city = _text(raw, "location_city_subsection") or _text(raw, "location_municipality")
    return {
        "street": [line for line in (place, street) if line],
        "city": city,
        "region": addresses.region_code(_text(raw, "location_province"), country),
        "postal_code": addresses.postal_code(postal, country, notes),
        "country": country,
        "latitude": _text(raw, "latitude"),
        "longitude": _text(raw, "longitude"),
        "precision": "exact" if street or re.match(r"\d", place) else "approximate",
    }


def _attendance(raw: Mapping[str, Any], formats: list[dict[str, Any]]) -> dict[str, Any]:
    """Whether one can go, join online or by phone, or neither for now."""
    codes = {_text(each, key) for each in formats for key in ("key_string", "world_id")}
    joins = bool(_text(raw, "virtual_meeting_link") or _text(raw, "phone_meeting_number"))
    closed, hybrid = bool(codes & _CLOSED_FORMATS), bool(codes & _HYBRID_FORMATS)
    online = joins or hybrid or bool(codes & _VIRTUAL_FORMATS)
    venue = _text(raw, "venue_type")
    if venue not in (_IN_PERSON, _VIRTUAL, _HYBRID):
        only = closed or (bool(codes & _VIRTUAL_FORMATS) and not hybrid)
        venue = _VIRTUAL if online and only else _HYBRID if online else _IN_PERSON
    if closed and venue == _HYBRID:
        venue = _VIRTUAL
    suspended = {"status": "suspended"} if closed and venue == _IN_PERSON else {}
    return {"in_person": venue != _VIRTUAL, "online": venue != _IN_PERSON or joins} | suspended


def _description(raw: Mapping[str, Any]) -> str:
    parts = [_text(raw, "comments"), _text(raw, "location_info")]
    for key, lead in (
        ("virtual_meeting_additional_info", "To join online: "),
        ("bus_lines", "Bus: "),
        ("train_lines", "Train: "),
    ):
        if told := _text(raw, key):
            parts.append(lead + told)
    return "\n".join(filter(None, parts))


def _when(
    raw: Mapping[str, Any], notes: list[Note], formats: list[dict[str, Any]]
) -> dict[str, Any]:
    """The weekly session, or a recurrence note for a meeting that is not held every week."""
    start = weekly.clock(_text(raw, "start_time"))
    weekday = _text(raw, "weekday_tinyint")
    # 1 is Sunday there; Monday is 0 here.
    days = [(int(weekday) + 5) % 7] if re.fullmatch(r"[1-7]", weekday) else []
    if start is None or not days:
        notes.append(Note("sessions", "bad_time", "has no day of the week or no time of day"))
    name = _text(raw, "meeting_name")
    texts = [_text(raw, "comments"), _text(raw, "location_info")]
    texts += [_text(each, "description_string") for each in formats]
    if sentence := weekly.not_weekly(name, texts, start):
        return {"recurrence_note": weekly.in_words(sentence, days, start)}
    if start is None or not days:
        return {}
    lasts = _minutes(raw, notes)
    return {"sessions": weekly.sessions(days, start, lasts, weekly.skipped([name, *texts]))}


def _minutes(raw: Mapping[str, Any], notes: list[Note]) -> int:
    """The length; the usual hour, with a note, where none a meeting could have is given."""
    found = re.fullmatch(r"(\d{1,2}):([0-5]\d)(?::\d{2})?", _text(raw, "duration_time"))
    lasts = int(found[1]) * 60 + int(found[2]) if found else 0
    return lasts if 0 < lasts <= _LONGEST else weekly.bad_end(notes)
