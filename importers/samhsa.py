"""The US treatment locator (findtreatment.gov) of SAMHSA: live, or its answers and exports.

Licence: works of the US government, public domain; SAMHSA asks to be named as the source.
Options: ``near`` ("39.74,-104.99"), ``miles`` (default 100), ``type`` (SA, MH or both; default
SA) for the live locator; ``encoding`` for CSV. The location of the live locator is "live" or
its address. Files are told apart by what is in them: an answer (``{page, rows: […]}``, also
as the JavaScript module in which some copies come), a JSON array, CSV or XLSX.

Known quirks:
- There is no stable id (``frid`` came and went), so the key is name, street, state and ZIP
  with spelling and punctuation folded; where a file has no street, the point and the phone.
- ``name1`` is the organization and ``name2`` the program, or the second half of one name.
- Coordinates of at most four decimals are the middle of a ZIP area, not an address.
- A street of dashes means that the facility does not publish where it is.
- ZIPs lose leading zeros in spreadsheets; ``http://`` is no website; (999) 999-9999 no phone.
- Services come as code columns of 0/1 or True/False (some renamed ``pi_field``), as one string
  of wordings, or as ``services[{f1 label, f2 category, f3 wordings}]``.
"""

import io
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, BinaryIO
from urllib.parse import urlencode

from directory.errors import UsageError
from directory.feed import FeedError, first_bytes, json_items
from directory.records import Item, Note, Refused, items
from directory.tables import EXCESS, csv_rows, xlsx_rows
from directory.vocabulary import normalise, vocabulary

LIVE = "https://findtreatment.gov/locator/exportsAsJson/v2"
PAGE_SIZE = 2_000
METRES_PER_MILE = 1609.344
OPTIONS = ("encoding", "miles", "near", "type")
# A module holds one page of answers; more than this is something else.
LONGEST_MODULE = 32 * 1024**2

_PHONES = {
    "phone": "Main",
    "intake1": "Intake",
    "intake2": "Intake",
    "hotline1": "Hotline",
    "hotline2": "Hotline",
}
# What is said elsewhere in the record, or says where a row stood in an answer.
_USED = {
    *("name", "name1", "name2", "street1", "street2", "city", "state", "state_usa"),
    *("zip", "zip5", "latitude", "longitude", "website", "typefacility", "type_facility"),
    *("services", "all_services", "_irow", "miles", *_PHONES),
}
# Columns that are no service codes, though their cells may look like those of one.
_OTHERS = {
    *("county", "frid", "intake_prompt", "zip4", "oid", "site_id"),
    *("mat_misc", "mat_avail", "oi", "dvh", "archival_only"),
}
_NOT_CODES = _USED | _OTHERS
_YES = {"1", "true", "t", "yes", "y", "x"}
# Either of these makes a place treatment, and not a home alone.
_TREATS = {"sa", "dt", "substance use treatment", "substance abuse treatment", "detoxification"}

# Words that are written in more than one way, or left out, from one year to the next.
_FOLDED = {
    **{"avenue": "ave", "boulevard": "blvd", "circle": "cir", "court": "ct", "drive": "dr"},
    **{"highway": "hwy", "lane": "ln", "parkway": "pkwy", "place": "pl", "plaza": "plz"},
    **{"road": "rd", "route": "rte", "square": "sq", "street": "st", "terrace": "ter"},
    **{"turnpike": "tpke", "saint": "st", "fort": "ft", "mount": "mt"},
    **{"north": "n", "south": "s", "east": "e", "west": "w", "northeast": "ne"},
    **{"northwest": "nw", "southeast": "se", "southwest": "sw"},
    **{"center": "ctr", "centre": "ctr", "department": "dept", "services": "service"},
    **dict.fromkeys(("and", "the", "inc", "llc", "corp", "incorporated", "dba"), ""),
    **dict.fromkeys(("suite", "suites", "ste", "unit", "apt", "room", "rm", "no"), ""),
    **{"floor": "fl", "building": "bldg"},
}
_GOES_ON = re.compile(r"(?:\b(?:of|on|for|and|the|in|at|to|with|by)|[&,/-])$", re.IGNORECASE)
_TRADE_NAME = re.compile(r"^(?:dba|d/b/a|aka|a/k/a)\b[:. ]*(?=\S)", re.IGNORECASE)


def read(
    location: str, options: Mapping[str, str], open_feed: Callable[[str], BinaryIO]
) -> Iterator[Item]:
    """The facilities at ``location``; see the module for locations and options."""
    if unknown := set(options) - set(OPTIONS):
        raise UsageError(
            f"samhsa has no option {sorted(unknown)[0]!r}; it has {', '.join(OPTIONS)}."
        )
    if location == "live" or location.partition("?")[0] == LIVE:
        return items(_live(options, open_feed), _build)
    if asked := set(options) - {"encoding"}:
        raise UsageError(
            f"The option {sorted(asked)[0]!r} is for the live locator: use the location live."
        )
    return items(_saved(location, options.get("encoding", "utf-8-sig"), open_feed), _build)


def _live(
    options: Mapping[str, str], open_feed: Callable[[str], BinaryIO]
) -> Iterator[tuple[str, Any]]:
    """All pages of the locator's answer; FeedError where it gives fewer rows than it counts."""
    question = _question(options)
    page, pages, count, also = 0, 1, 0, dict[str, Any]()
    while page < pages:
        page += 1
        also = {"totalPages": None, "recordCount": None}
        address = f"{LIVE}?{urlencode({**question, 'page': page})}"
        with open_feed(address) as stream:
            for where, row in json_items(stream, "rows.item", also):
                count += 1
                yield f"page {page}, {where}", row
        pages = also["totalPages"] if isinstance(also["totalPages"], int) else 1
    if isinstance(also.get("recordCount"), int) and count < also["recordCount"]:
        raise FeedError(
            f"The locator counted {also['recordCount']} facilities and sent {count}; try again."
        )


def _question(options: Mapping[str, str]) -> dict[str, str | int]:
    point = re.fullmatch(
        r"\s*(-?\d{1,2}(?:\.\d+)?)\s*,\s*(-?\d{1,3}(?:\.\d+)?)\s*", options.get("near", "")
    )
    if not point:
        raise UsageError('The live locator needs a place: --set near="Denver, CO".', "near")
    try:
        miles = float(options.get("miles", "100"))
    except ValueError:
        miles = 0.0
    if not 1 <= miles <= 500:
        raise UsageError("miles takes a number from 1 to 500.", "miles")
    kind = {"sa": "SA", "mh": "MH", "both": "both"}.get(options.get("type", "SA").lower())
    if kind is None:
        raise UsageError("type takes SA, MH or both.", "type")
    return {
        "sType": kind,
        "sAddr": f"{point[1]},{point[2]}",
        "limitType": 2,
        "limitValue": round(miles * METRES_PER_MILE),
        "pageSize": PAGE_SIZE,
        "sort": 0,
    }


def _saved(
    location: str, encoding: str, open_feed: Callable[[str], BinaryIO]
) -> Iterator[tuple[str, Any]]:
    with open_feed(location) as stream:
        head = first_bytes(stream)
        if head.startswith(b"["):
            yield from json_items(stream)
        elif head.startswith(b"{"):
            yield from json_items(stream, "rows.item")
        elif head.startswith(b"export "):
            yield from _module(stream)
        elif head.startswith(b"PK"):
            yield from xlsx_rows(stream, required=("name1", "city"))
        else:
            yield from csv_rows(stream, encoding, required=("name1", "city"))


_KEY = re.compile(r'"(?:[^"\\]|\\.)*"|([A-Za-z_$][\w$]*)(?=\s*:)')


def _module(stream: BinaryIO) -> Iterator[tuple[str, Any]]:
    """The rows of ``export const x = {page: 1, rows: […]};``: JSON but for its bare names."""
    content = stream.read(LONGEST_MODULE)
    _, _, value = content.decode("utf-8", "replace").partition("=")
    quoted = _KEY.sub(lambda found: f'"{found[1]}"' if found[1] else found[0], value.lstrip())
    try:
        _, end = json.JSONDecoder().raw_decode(quoted)
    except ValueError as error:
        raise FeedError("The JavaScript module is cut off or holds more than data.") from error
    yield from json_items(io.BytesIO(quoted[:end].encode()), "rows.item")


def _build(raw: Any, notes: list[Note]) -> dict[str, Any]:
    """One facility as arguments of ``Record``."""
    if not isinstance(raw, dict):
        raise Refused("not_an_object", "is not an object with names and values")
    if EXCESS in raw:
        raise Refused("too_many_cells", "has more cells than the header has columns")
    row = {str(name).strip().lower(): value for name, value in raw.items()}
    name, organization = _names(_text(row, "name1", "name"), _text(row, "name2"))
    if not name:
        raise Refused("no_name", "has no name")
    terms, stated, services, unknown = _services(row)
    notes.extend(Note("terms", "unknown_code", f"does not know {code}") for code in unknown)
    mental_health = _text(row, "typefacility", "type_facility").upper() == "MH"
    street = [_text(row, "street1"), _text(row, "street2")]
    withheld = bool(street[0]) and not any(map(str.isalnum, street[0]))
    if withheld:
        notes.append(Note("street", "address_withheld", "keeps its address to itself"))
    postal_code = _zip(_text(row, "zip", "zip5"), notes)
    region = _text(row, "state", "state_usa").upper()
    extra = {
        k: v for k, v in row.items() if k not in _USED and not _is_code(k) and v not in ("", None)
    }
    extra |= {"services": services, "unknown_codes": unknown}
    return {
        "external_id": _key(row, region, postal_code, withheld) + ("|mh" if mental_health else ""),
        "kind": "counseling" if mental_health else _kind(terms, stated),
        "name": name,
        "organization": organization,
        "street": [] if withheld else street,
        "city": _text(row, "city"),
        "region": region,
        "postal_code": postal_code,
        "latitude": row.get("latitude"),
        "longitude": row.get("longitude"),
        "precision": "approximate" if _is_rounded(row) else "exact",
        "address_public": not withheld,
        "phones": [
            {"number": _text(row, column), "label": label} for column, label in _PHONES.items()
        ],
        "website": _text(row, "website"),
        "terms": sorted(terms),
        "extra": {k: v for k, v in extra.items() if v},
    }


def _text(row: Mapping[str, Any], *names: str) -> str:
    """The first of ``names`` that says something, as text."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str | int | float) and (text := str(value).strip()):
            return text
    return ""


def _names(name1: str, name2: str) -> tuple[str, str | None]:
    """What the facility is called, and the organization where that is something else."""
    first, second = (f" {normalise(name)} " for name in (name1, name2))
    if not name1 or not name2 or second in first:
        return name1 or name2, None
    split = name1.count("(") > name1.count(")") or name2[0] == "(" or name2[0].islower()
    if split or _GOES_ON.search(name1):
        return f"{name1} {name2}", None
    program = _TRADE_NAME.sub("", name2)
    return (name2 if first in second else f"{name1} – {program}"), name1


def _zip(text: str, notes: list[Note]) -> str:
    """The five digits of a ZIP; zeros that a spreadsheet dropped are put back."""
    found = re.fullmatch(r"(\d{3,5})(?:-?\d{4})?", text)
    if not found:
        return text
    if len(found[1]) < 5:
        notes.append(Note("postal_code", "zip_zero", "put back a leading zero of the ZIP"))
    return found[1].zfill(5)


def _is_rounded(row: Mapping[str, Any]) -> bool:
    parts = (_text(row, name).partition(".")[2] for name in ("latitude", "longitude"))
    return all(len(part) <= 4 for part in parts)


def _fold(text: str) -> str:
    words = (_FOLDED.get(word, word) for word in normalise(text.replace("&", " and ")).split())
    return " ".join(word for word in words if word)


def _key(row: Mapping[str, Any], region: str, postal_code: str, withheld: bool) -> str:
    """Who and where, as folded text: "gaudenzia outpatient|166 w main st 2nd fl|PA|19401".

    A withheld address gives the city in place of street and ZIP.
    """
    name = _fold(f"{_text(row, 'name1', 'name')} {_text(row, 'name2')}")
    place, area = _fold(f"{_text(row, 'street1')} {_text(row, 'street2')}"), postal_code
    if withheld:
        place, area = "", _fold(_text(row, "city"))
    elif not place:
        stated = (_text(row, name) for name in ("latitude", "longitude", "phone"))
        place = " ".join(re.sub(r"[^-.\d]", "", text) for text in stated)
    return f"{name}|{place}|{region}|{area}"[:290]


def _services(row: Mapping[str, Any]) -> tuple[set[str], set[str], Any, list[str]]:
    """Terms; the codes or wordings as stated; the same as the source wrote it; unknown ones."""
    answer = row.get("services")
    kept: Any = {}
    if isinstance(answer, list):
        for group in answer:
            if isinstance(group, dict):
                kept.setdefault(_text(group, "f2", "f1"), []).append(_text(group, "f3"))
        kept = {category: "; ".join(texts) for category, texts in kept.items()}
        wordings = "; ".join(kept.values()).split(";")
    else:
        kept = _text(row, "all_services")
        wordings = kept.split(";")
    known = {wording.strip(): _wording(wording) for wording in wordings if wording.strip()}
    if not known:
        flagged = [name for name, value in row.items() if str(value).strip().lower() in _YES]
        known = {name: _code(name) for name in flagged if name not in _NOT_CODES}
        kept = " ".join(code for code in known if known[code] is not None)
    unknown = [stated for stated, terms in known.items() if terms is None]
    terms = {term for found in known.values() for term in found or ()}
    return terms, set(known), kept, unknown


@lru_cache(maxsize=4096)
def _wording(wording: str) -> tuple[str, ...] | None:
    try:
        return vocabulary().federal_label(wording)
    except KeyError:
        return None


@lru_cache(maxsize=4096)
def _code(name: str) -> tuple[str, ...] | None:
    try:
        return vocabulary().federal(name)
    except KeyError:
        return None


def _is_code(name: str) -> bool:
    return _code(name) is not None


def _kind(terms: set[str], stated: set[str]) -> str:
    """A home for people in recovery that says nothing of treatment is a program, not care."""
    if "service:sober-living" not in terms or _TREATS & {normalise(text) for text in stated}:
        return "treatment"
    return "community_program"
