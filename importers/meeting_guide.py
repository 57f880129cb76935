"""Meeting Guide JSON: the feed that most A.A., Al-Anon and other twelve-step sites publish.

What: a JSON array of meetings, one listing each; a meeting on several days has several sessions.
Whose: each feed belongs to the service body that publishes it, and states no licence: ask before
republishing. The format is described at github.com/code4recovery/spec.
Options: ``fellowship`` (default ``aa``), any term of the fellowship facet, such as ``al-anon``.

Known quirks, and what becomes of them:
- ``day`` is 0 for Sunday, may be a list, and is absent for meetings by appointment;
  ``time`` is also written "7:00 PM". Without an end a meeting lasts an hour, as the format
  says; an end that cannot be (more than 12 hours past midnight, or at the start) likewise,
  with a note. 00:00 to 23:59 is a whole day, such as an online marathon.
- "2nd Tuesday" notes: such a meeting has no weekly session, but a recurrence note. Most such
  notes only tell what a weekly meeting does in that week (see ``directory.weekly``).
- Attendance: ``attendance_option`` where given, else as the sites compute it from TC (place
  closed for now), ONL and an address that is only a town. Without its link, an online meeting
  is online still: people ask how to join. "inactive" becomes suspended: kept, not shown. One
  departure: a town for an address alone does not make a meeting inactive.
- Online-only meetings stand on the middle of a county, or at a closed door. Their point is
  passed on as approximate, for the time zone alone (``directory.locate`` drops it then), and
  place and street go to ``extra``.
- Anonymity: names, phones, e-mails and payment handles of members (``contact_*``, ``email``,
  ``phone``, ``author``, ``venmo``, …) are never read. What the group publishes for joining
  (notes, ``conference_*``) is kept.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from directory import addresses, weekly
from directory.errors import UsageError
from directory.feed import json_items
from directory.records import Item, Note, Refused, items
from directory.vocabulary import vocabulary

_DAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_REMOTE = re.compile(r"\b(?:zoom|online|virtual|teleconference|conference call)\b", re.I)
_KEPT = ("types", "attendance_option", "region", "regions", "sub_region", "district", "entity")
_KEPT_ALSO = ("entity_location", "updated", "last_contact")


def read(
    location: str, options: Mapping[str, str], open_feed: Callable[[str], BinaryIO]
) -> Iterator[Item]:
    """The meetings of the feed at ``location``. Raises UsageError for an unknown option."""
    fellowship = _fellowship(options)
    with open_feed(location) as stream:
        meetings = json_items(stream)
        yield from items(meetings, lambda raw, notes: _record(raw, notes, fellowship))


def _fellowship(options: Mapping[str, str]) -> str:
    if unknown := sorted(set(options) - {"fellowship"}):
        raise UsageError(f"meeting_guide has no option {unknown[0]!r}; it has fellowship.")
    name = options.get("fellowship", "aa").strip().lower()
    known = [term.code.split(":")[1] for term in vocabulary().facets["fellowship"].terms]
    if name not in known:
        raise UsageError(f"There is no fellowship {name!r}; there are {', '.join(known)}.")
    return name


def _record(raw: Any, notes: list[Note], fellowship: str) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Refused("not_a_meeting", "a meeting must be a JSON object")
    identity = _text(raw, "slug") or _text(raw, "id")
    name = _text(raw, "name") or _text(raw, "group")
    if not identity:
        raise Refused("no_id", "has neither slug nor id, so that later imports cannot know it")
    if not name:
        raise Refused("no_name", "has neither a name nor a group")
    terms, unknown = _terms(raw, notes, fellowship)
    where = _where(raw, notes)
    rough = _rough(raw, where)
    attendance = _attendance(raw, rough)
    group, link = _text(raw, "group"), _text(raw, "url")
    extra = {key: raw[key] for key in (*_KEPT, *_KEPT_ALSO) if raw.get(key)}
    extra |= {"unknown_codes": unknown} if unknown else {}
    extra |= {"url": link} if link and _text(raw, "website") else {}
    place = _lines(_text(raw, "location"), where["street"])
    if not attendance.get("in_person", True):
        # Nobody should travel to a door that is closed or was never there.
        extra |= {"place": place} if place else {}
        place = []
    return {
        "external_id": identity,
        "kind": "support_group",
        "name": name,
        "organization": group if group.casefold() != name.casefold() else None,
        "description": _description(raw),
        **where,
        "street": place,
        "latitude": raw.get("latitude"),
        "longitude": raw.get("longitude"),
        "precision": "exact" if place and not rough else "approximate",
        **attendance,
        "join_url": _text(raw, "conference_url"),
        "join_phone": _text(raw, "conference_phone") if _dials(raw) else None,
        "timezone": _text(raw, "timezone"),
        **_when(raw, notes, name),
        "phones": _office(raw),
        "website": _text(raw, "website") or link,
        "terms": terms,
        "extra": extra,
    }


def _text(raw: Mapping[str, Any], key: str) -> str:
    """A field as text; "" where it is absent or not a plain value."""
    value = raw.get(key)
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return str(value).strip() if plain else ""


def _codes(raw: Mapping[str, Any]) -> list[str]:
    given = raw.get("types") or []
    listed = given.split(",") if isinstance(given, str) else given
    return [str(code).strip() for code in listed] if isinstance(listed, list) else []


def _terms(
    raw: Mapping[str, Any], notes: list[Note], fellowship: str
) -> tuple[list[str], list[str]]:
    """The terms of the meeting and the type codes that nobody has judged yet."""
    terms, unknown = {f"fellowship:{fellowship}", "pay:free"}, []
    for code in filter(None, _codes(raw)):
        try:
            terms.update(vocabulary().meeting_guide(fellowship, code))
        except KeyError:
            unknown.append(code)
            notes.append(Note("terms", "unknown_code", f"type {code!r} is not known"))
    return sorted(terms), unknown


def _where(raw: Mapping[str, Any], notes: list[Note]) -> addresses.Address:
    """The address from its parts, or from one line; parts win."""
    line, address = _text(raw, "formatted_address"), _text(raw, "address")
    city, state = _text(raw, "city"), _text(raw, "state")
    if not line and not city and not state:
        line, address = address, ""
    found = addresses.split_address(line or ", ".join(filter(None, (city, state))))
    country = addresses.country_code(_text(raw, "country")) or found["country"]
    found["country"] = country
    if address:
        found["street"] = [address]
    if city:
        found["city"] = city
    if state:
        found["region"] = addresses.region_code(state, country)
    postal = _text(raw, "postal_code") or found["postal_code"] or ""
    found["postal_code"] = addresses.postal_code(postal, country, notes)
    return found


def _lines(name: str, street: list[str]) -> list[str]:
    """The name of the place before its street, unless it is the street again."""
    bare = [re.sub(r"\W", "", line).casefold() for line in (name, *street)]
    return [name, *street] if bare[0] and bare[0] not in bare[1:] else street


def _rough(raw: Mapping[str, Any], where: addresses.Address) -> bool:
    """Whether the place is only a town or county: as stated, else by its missing street."""
    stated = str(raw.get("approximate", "")).strip().lower()
    if stated in ("yes", "true"):
        return True
    return stated not in ("no", "false") and not where["street"]


def _dials(raw: Mapping[str, Any]) -> bool:
    return len(re.findall(r"\d", _text(raw, "conference_phone"))) >= 7


def _attendance(raw: Mapping[str, Any], rough: bool) -> dict[str, Any]:
    """Whether one can go, join online or by phone, or neither for now."""
    codes, stated = _codes(raw), _text(raw, "attendance_option").lower()
    joins = bool(_text(raw, "conference_url")) or _dials(raw)
    remote = joins or "ONL" in codes or bool(_text(raw, "conference_url_notes"))
    if rough and not remote:
        remote = bool(_REMOTE.search(f"{_text(raw, 'location')} {_text(raw, 'name')}"))
    closed = "TC" in codes
    if stated in ("in_person", "online", "hybrid"):
        return {"in_person": stated != "online", "online": stated != "in_person" or joins}
    if remote:
        return {"in_person": not (closed or rough or stated == "inactive"), "online": True}
    return {"status": "suspended"} if closed or stated == "inactive" else {}


def _description(raw: Mapping[str, Any]) -> str:
    parts = [_text(raw, key) for key in ("notes", "location_notes", "group_notes")]
    for key, lead in (
        ("conference_url_notes", "To join online: "),
        ("conference_phone_notes", "To join by phone: "),
    ):
        if told := _text(raw, key):
            parts.append(lead + told)
    return "\n".join(dict.fromkeys(filter(None, parts)))


def _when(raw: Mapping[str, Any], notes: list[Note], name: str) -> dict[str, Any]:
    """Weekly sessions, or a recurrence note for a meeting that is not held every week."""
    days, start = _days(raw, notes), weekly.clock(_text(raw, "time"))
    if _text(raw, "time") and start is None:
        notes.append(Note("sessions", "bad_time", f"not a time of day: {_text(raw, 'time')}"))
    texts = [_text(raw, key) for key in ("notes", "location_notes", "group_notes")]
    if sentence := weekly.not_weekly(name, texts, start):
        return {"recurrence_note": weekly.in_words(sentence, days, start)}
    if start is None or not days:
        return {}
    lasts = _minutes(raw, notes, start)
    return {"sessions": weekly.sessions(days, start, lasts, weekly.skipped([name, *texts]))}


def _minutes(raw: Mapping[str, Any], notes: list[Note], start: str) -> int:
    if not (given := _text(raw, "end_time")):
        return weekly.HOUR
    end = weekly.clock(given)
    return (end and weekly.length(start, end)) or weekly.bad_end(notes)


def _days(raw: Mapping[str, Any], notes: list[Note]) -> list[int]:
    """Weekdays from Monday = 0; the feed's own count starts with Sunday."""
    given = raw.get("day")
    days = []
    for value in given if isinstance(given, list) else [given]:
        text = "" if value is None else str(value).strip().lower()
        number = int(text) if re.fullmatch(r"[0-6]", text) else -1
        number = _DAYS.index(text) if text in _DAYS else number
        if number >= 0:
            days.append((number + 6) % 7)
        elif text:
            notes.append(Note("sessions", "bad_day", f"not a day of the week: {text}"))
    return days


def _office(raw: Mapping[str, Any]) -> list[dict[str, str]]:
    """The public number of the service body that answers for the listing."""
    number = _text(raw, "entity_phone")
    return [{"number": number, "label": _text(raw, "entity")}] if number else []
