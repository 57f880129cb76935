"""Any table, CSV or XLSX, whose columns a small mapping file explains.

Whose and which licence: as the table says. Options: ``mapping`` (a file, or the name of one in
data/mappings without ``.toml``) and ``encoding`` (default UTF-8).

Without a mapping, columns are named like the fields of ``Record`` (``external_id``, ``kind`` and
``name`` must be there) and a cell is written like this:

- ``street``, ``served``: parts separated by ";"
- ``terms``: codes separated by spaces or ";"
- ``phones``: "303-555-0100 Intake; 303-555-0101 x5 Office", number and then label
- ``sessions``: "mon 19:30 60; tue 07:00 90 Bring a chair": day, start, minutes and a note
- yes or no as true or false; an empty cell says nothing; other columns are kept in ``extra``.

A mapping is TOML. All parts but ``columns`` may be left out:

    drop = ["row_number"]              # columns that are not even kept in extra
    [columns]                          # field = column, or columns to join
    external_id = "license"
    street = ["address_1", "address_2"]
    [constants]                        # field = value, the same for every row
    kind = "treatment"
    [phones]                           # column = label
    tel = "Main"
    [terms.setting]                    # for each cell of column "setting": terms
    RES = ["service:residential"]
    OTHER = []                         # known, and no term
    [status.expired]                   # likewise for any other field: one value
    true = "suspended"
    false = "active"
    [title_case]                       # fields written ALL IN CAPITALS
    fields = ["name", "city"]
    keep = ["LLC", "IOP"]              # words that stay in capitals

Cells that a [terms.…] or other such part does not list are counted as ``unknown_code``.
"""

import re
import tomllib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from directory.addresses import postal_code, region_code
from directory.config import DATA
from directory.errors import UsageError
from directory.feed import first_bytes
from directory.records import Item, Note, Record, Refused, items
from directory.tables import EXCESS, csv_rows, xlsx_rows
from directory.vocabulary import vocabulary

OPTIONS = ("encoding", "mapping")
NEEDED = ("external_id", "kind", "name")
FIELDS = frozenset(Record.model_fields) - {"extra"}

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SESSION = re.compile(r"([A-Za-z]{3})[a-z]*\s+(\d{1,2}):(\d{2})\s+(\d+)(?:\s+(.+))?")
_PHONE = re.compile(r"([+(]?\d[-\d().\s]*(?:(?<=-)[A-Z]+\b)?(?:\s*(?:x|ext\.?)\s*\d+)?):?\s*(.*)")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_SHORT = frozenset("BLVD CT DR FT HWY LN MR MRS MT PKWY PL RD ST".split())
_LISTS = frozenset(["street", "served", "terms", "phones", "sessions"])
_SMALL = frozenset("and at by for from in of on or the to with".split())


@dataclass(frozen=True, slots=True)
class _Mapping:
    columns: Mapping[str, list[str]]
    constants: Mapping[str, Any] = field(default_factory=dict)
    phones: Mapping[str, str] = field(default_factory=dict)
    # field -> column -> folded cell -> value
    cells: Mapping[str, Mapping[str, Mapping[str, Any]]] = field(default_factory=dict)
    title_case: Collection[str] = ()
    keep: Collection[str] = ()
    drop: Collection[str] = ()

    def used(self) -> set[str]:
        """The columns that the table must have."""
        named = {name for names in self.columns.values() for name in names}
        return named | set(self.phones) | {name for by in self.cells.values() for name in by}


def read(
    location: str, options: Mapping[str, str], open_feed: Callable[[str], BinaryIO]
) -> Iterator[Item]:
    """The rows of the table at ``location``; see the module for options and mappings."""
    if unknown := set(options) - set(OPTIONS):
        raise UsageError(f"csv has no option {sorted(unknown)[0]!r}; it has {', '.join(OPTIONS)}.")
    mapping = _read_mapping(options["mapping"]) if "mapping" in options else None
    required = sorted(mapping.used()) if mapping else NEEDED
    table = _table(location, options.get("encoding", "utf-8-sig"), required, open_feed)
    found = mapping or _Mapping({name: [name] for name in FIELDS})
    known = found.used() | set(found.drop)
    return items(table, lambda raw, notes: _build(raw, notes, found, known))


def _table(
    location: str, encoding: str, required: Collection[str], open_feed: Callable[[str], BinaryIO]
) -> Iterator[tuple[str, dict[str, str]]]:
    with open_feed(location) as stream:
        if first_bytes(stream).startswith(b"PK"):
            yield from xlsx_rows(stream, required)
        else:
            yield from csv_rows(stream, encoding, required)


def _read_mapping(name: str) -> _Mapping:
    path = Path(name).expanduser()
    bundled = DATA / "mappings" / f"{name}.toml"
    if not path.is_file() and re.fullmatch(r"[\w-]+", name) and bundled.is_file():
        path = bundled
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The mapping {name} cannot be read; check its name.", "mapping"
        ) from error
    except ValueError as error:
        raise UsageError(f"The mapping {name} is not TOML: {error}.", "mapping") from error
    try:
        return _mapping(document)
    except (AttributeError, TypeError) as error:
        message = f"A part of the mapping {name} has the wrong shape; see importers/csv.py."
        raise UsageError(message, "mapping") from error


def _mapping(document: dict[str, Any]) -> _Mapping:
    """The mapping of a parsed file; UsageError where it names what there is not."""
    drop, titles = document.pop("drop", []), document.pop("title_case", {})
    phones, constants = document.pop("phones", {}), document.pop("constants", {})
    columns = {
        name: [column] if isinstance(column, str) else list(column)
        for name, column in document.pop("columns", {}).items()
    }
    cells = {
        name: {
            column: {_fold(cell): value for cell, value in by_cell.items()}
            for column, by_cell in by_column.items()
        }
        for name, by_column in document.items()
    }
    if unknown := {*columns, *constants, *cells, *titles.get("fields", [])} - FIELDS:
        raise UsageError(
            f"The mapping names {sorted(unknown)[0]!r}; fields are {', '.join(sorted(FIELDS))}.",
            "mapping",
        )
    if missing := [name for name in NEEDED if name not in {*columns, *constants, *cells}]:
        raise UsageError(f"The mapping says nothing of {', '.join(missing)}.", "mapping")
    terms = [*constants.get("terms", [])]
    terms += [
        term for by in cells.get("terms", {}).values() for codes in by.values() for term in codes
    ]
    if strange := set(terms) - set(vocabulary().terms):
        raise UsageError(f"The vocabulary has no term {sorted(strange)[0]!r}.", "mapping")
    keep = frozenset(titles.get("keep", []))
    return _Mapping(columns, constants, phones, cells, titles.get("fields", []), keep, drop)


def _build(
    raw: dict[str, str], notes: list[Note], mapping: _Mapping, known: Collection[str]
) -> dict[str, Any]:
    """One row as arguments of ``Record``; columns that are not ``known`` are kept as extra."""
    if EXCESS in raw:
        raise Refused("too_many_cells", "has more cells than the header has columns")
    found: dict[str, Any] = dict(mapping.constants)
    given = {column: cell for column, value in raw.items() if (cell := value.strip())}
    for name, columns in mapping.columns.items():
        if given.keys().isdisjoint(columns):  # as most are: most cells of most tables are empty
            continue
        cells = [given[column] for column in columns if column in given]
        if name in mapping.title_case:
            cells = [_titled(cell, mapping.keep) for cell in cells]
        found[name] = _value(name, cells, notes) if name in _LISTS else " ".join(cells)
    unknown = _look_up(given, mapping, found)
    notes.extend(Note("extra", "unknown_code", f"does not know {code}") for code in unknown)
    for column, label in mapping.phones.items():
        if number := given.get(column):
            found["phones"] = [*found.get("phones", []), {"number": number, "label": label}]
    for name, code in (("external_id", "no_id"), ("name", "no_name")):
        if not found.get(name):
            raise Refused(code, f"has nothing for {name}")
    country = str(found.get("country") or "US")
    if region := found.get("region"):
        found["region"] = region_code(region, country)
    if postal := found.get("postal_code"):
        found["postal_code"] = postal_code(postal, country, notes)
    extra: dict[str, Any] = {column: cell for column, cell in given.items() if column not in known}
    return found | {"extra": extra | ({"unknown_codes": unknown} if unknown else {})}


def _look_up(given: Mapping[str, str], mapping: _Mapping, found: dict[str, Any]) -> list[str]:
    """Put the values of listed cells into ``found``; give the cells that are not listed."""
    unknown = []
    for name, by_column in mapping.cells.items():
        for column, values in by_column.items():
            cell = given.get(column, "")
            if _fold(cell) in values:
                value = values[_fold(cell)]
                found[name] = [*found.get(name, []), *value] if name == "terms" else value
            elif cell:
                unknown.append(f"{column}={cell}")
    return unknown


def _fold(cell: str) -> str:
    return " ".join(cell.split()).casefold()


def _value(name: str, cells: list[str], notes: list[Note]) -> Any:
    """The cells of a field of ``_LISTS`` in the shape that ``Record`` takes."""
    parts = [part for cell in cells for p in cell.split(";") if (part := p.strip())]
    if name in ("street", "served"):
        return parts
    if name == "terms":
        return [code for part in parts for code in part.split()]
    if name == "phones":
        return [_phone(part) for part in parts]
    sessions = [_session(part) for part in parts]
    bad = [part for part, session in zip(parts, sessions, strict=True) if session is None]
    message = "is not a day, a start and minutes: "
    notes.extend(Note("sessions", "bad_session", message + part[:80]) for part in bad)
    return [session for session in sessions if session]


def _phone(text: str) -> dict[str, str | None]:
    found = _PHONE.fullmatch(text)
    return {"number": found[1], "label": found[2] or None} if found else {"number": text}


def _session(text: str) -> dict[str, Any] | None:
    found = _SESSION.fullmatch(text)
    if not found or found[1].lower() not in _DAYS:
        return None
    hour, minute, length = int(found[2]), int(found[3]), int(found[4])
    if hour > 23 or minute > 59 or not 1 <= length <= 1440:
        return None
    start = f"{hour:02}:{minute:02}"
    return {
        "weekday": _DAYS.index(found[1].lower()),
        "start": start,
        "minutes": length,
        "note": found[5],
    }


def _titled(text: str, keep: Collection[str]) -> str:
    """``text`` with Capitals at its Words, where it was all in capitals.

    Words without a vowel are taken for initials and stay, as do those in ``keep``.
    """
    if text != text.upper():
        return text

    def word(found: re.Match[str]) -> str:
        written = found.group()
        if re.fullmatch(r"\d+(?:ST|ND|RD|TH)", written):
            return written.lower()
        if written in keep or written[0].isdigit() or len(written) == 1:
            return written
        if written.lower() in _SMALL and found.start():
            return written.lower()
        if len(written) < 5 and not re.search("[AEIOUY]", written) and written not in _SHORT:
            return written
        name = re.fullmatch(r"([A-Z])(['’])([A-Z]{2,})", written)
        return f"{name[1]}{name[2]}{name[3].capitalize()}" if name else written.capitalize()

    return _WORD.sub(word, text)
