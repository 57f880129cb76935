"""The fields of a listing as texts of a form, and back; what is several has a line for each."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args

from directory.overrides import FIELDS
from directory.records import Status
from directory.schedule import WEEKDAYS

DAY = 24 * 60
STATUSES: tuple[str, ...] = get_args(Status)
_SESSION = re.compile(r"(\w+) +(\d\d?:\d\d) *- *(\d\d?:\d\d)")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the form. ``form``: line, text, yesno or status; ``hint``: how to write it."""

    name: str
    label: str
    form: str = "line"
    hint: str = ""


def _line(value: Any) -> str:
    return "" if value is None else str(value)


def _number(text: str) -> Any:
    """A number, or the text, of which ``Record`` says what is wrong."""
    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        return text or None


def _yes(value: Any) -> str:
    return "yes" if value else "no"


def _show_phone(phone: dict[str, Any]) -> str:
    extension = f" ext {phone['extension']}" if phone["extension"] else ""
    return f"{phone['number']}{extension} | {_flat(phone['label'])}".rstrip(" |")


def _read_phone(line: str) -> dict[str, Any]:
    number, _, label = line.partition("|")
    return {"number": number.strip(), "label": label.strip() or None}


def _show_session(session: dict[str, Any]) -> str:
    hour, minute = map(int, session["start"].split(":"))
    end = hour * 60 + minute + session["minutes"]
    end = end if end == DAY else end % DAY
    day = WEEKDAYS[session["weekday"]].capitalize()
    line = f"{day} {session['start']}-{end // 60:02}:{end % 60:02}"
    return " | ".join([line, _flat(session["note"]), session["url"] or ""]).rstrip(" |")


def _flat(text: str | None) -> str:
    """A text that can stand beside others in one line."""
    return (text or "").replace("\n", " ").replace("|", "/")


def _read_session(line: str) -> dict[str, Any]:
    """A session; one that ends when it starts lasts a day. ``ValueError`` where it is none."""
    times, *more = (part.strip() for part in line.split("|"))
    found = _SESSION.fullmatch(times)
    if not found or found[1].lower() not in WEEKDAYS or len(more) > 2:
        raise ValueError(f"{line!r} is not like: {SESSION}")
    start, end = (int(h) * 60 + int(m) for h, m in (t.split(":") for t in found.groups()[1:]))
    note, url = (*more, "", "")[:2]
    return {
        "weekday": WEEKDAYS.index(found[1].lower()),
        "start": f"{start // 60:02}:{start % 60:02}",
        "minutes": (end - start) % DAY or DAY,
        "note": note or None,
        "url": url or None,
    }


def _lines(show: Callable[[Any], str]) -> Callable[[Any], str]:
    return lambda values: "\n".join(map(show, values))


def _each(read: Callable[[str], Any]) -> Callable[[str], Any]:
    return lambda text: [read(line.strip()) for line in text.splitlines() if line.strip()]


SESSION = "Monday 19:30-20:30 | a note | https://example.org"
_NOT_IN_THE_FORM = {"verified_on"}
_TEXTS = {"description", "eligibility", "fees", "recurrence_note"}
_HINTS = {
    "street": "One line for each line of the address.",
    "region": "Two letters, such as CO.",
    "latitude": "In degrees, such as 39.74; empty: the middle of the postal code or town.",
    "address_public": "No: the street and the point are kept to ourselves.",
    "sessions": f"One a line, such as: {SESSION}",
    "recurrence_note": "What is not weekly, such as: second Tuesdays.",
    "phones": "One a line, such as: 303-555-0100 ext 5 | Intake",
    "terms": "One code a line, such as service:detox.",
    "status": "Only active ones are found. One that is gone comes back, if you say active.",
    "timezone": "Such as America/Denver.",
}
_FORMS = {
    "status": "status",
    **dict.fromkeys(("address_public", "in_person", "online"), "yesno"),
    **dict.fromkeys(("street", "sessions", "phones", "terms", *_TEXTS), "text"),
}
FORM = {
    name: Field(
        name, name.replace("_", " ").capitalize(), _FORMS.get(name, "line"), _HINTS.get(name, "")
    )
    for name in FIELDS
    if name not in _NOT_IN_THE_FORM
}
"""The fields of the form, in their order."""

_SHOW: dict[str, Callable[[Any], str]] = {
    **dict.fromkeys(("address_public", "in_person", "online"), _yes),
    **dict.fromkeys(("street", "terms"), _lines(str)),
    "sessions": _lines(_show_session),
    "phones": _lines(_show_phone),
}
_READ: dict[str, Callable[[str], Any]] = {
    **dict.fromkeys(("address_public", "in_person", "online"), lambda text: text == "yes"),
    **dict.fromkeys(("street", "terms"), _each(str)),
    **dict.fromkeys(("min_age", "max_age", "latitude", "longitude"), _number),
    "sessions": _each(_read_session),
    "phones": _each(_read_phone),
}


def show(name: str, value: Any) -> str:
    """A value of a field as its text in the form."""
    return _SHOW.get(name, _line)(value)


def read(name: str, text: str) -> Any:
    """What a text in the form means, for ``Record`` to judge; ``ValueError`` with how to write
    it where it means nothing."""
    text = text.strip()
    empty = "" if name == "name" else None
    return _READ[name](text) if name in _READ else text or empty


def plain(text: str) -> str:
    """A text as two that look alike compare: browsers send line breaks of their own."""
    return "\n".join(text.replace("\0", "").split("\r\n")).strip()
