"""Record: what an importer yields for one listing. It validates itself, once.

A value that can be mended is mended and noted (a *repair*); one that cannot be shown safely
is dropped and noted; a row without what a listing needs (an id, a kind, a name) is refused.
Coordinates are WGS 84 degrees, times are wall-clock in the record's own zone.
"""

import math
import zoneinfo
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from hashlib import blake2b
from typing import Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from directory import clean
from directory.vocabulary import vocabulary

Kind = Literal[
    "treatment",
    "support_group",
    "community_program",
    "counseling",
    "interventionist",
    "hotline",
]
KINDS: tuple[Kind, ...] = get_args(Kind)
# Those that send a bill; the others ask for nothing, or for a gift.
BILLING: tuple[Kind, ...] = ("treatment", "counseling", "community_program", "interventionist")
Status = Literal["active", "suspended", "closed"]
Precision = Literal["exact", "street", "approximate", "none"]

LONGEST = {"name": 300, "organization": 300, "description": 10_000}
LONGEST_OTHER = 4_000


@dataclass(frozen=True, slots=True)
class Note:
    """One repair: the field, a code that can be counted, and what was done in words."""

    field: str
    code: str
    message: str


class Refused(Exception):  # noqa: N818 - a verdict on one row, not a failure of the import
    """An importer cannot make a listing of this row. ``code`` can be counted."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


@dataclass(slots=True)
class Row:
    """One row of a feed: where it stands, what it says, and its verdict so far.

    where: as of its ``Item``.
    fields: the arguments of ``Record``, unvalidated; empty where ``refusal`` is set.
    raw: as of its ``Item``, for the list of rejects.
    notes: repairs that the importer made.
    """

    where: str
    fields: dict[str, Any]
    raw: Any
    notes: list[Note] = field(default_factory=list)
    refusal: Refused | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A row goes to judging processes without ``raw``: rejects are listed where it came in."""
        return Row, (self.where, self.fields, None, self.notes, self.refusal)


Build = Callable[[Any, list[Note]], dict[str, Any]]


def _as_it_is(raw: Any, _notes: list[Note]) -> dict[str, Any]:
    """The fields of a row that is written as ``Record`` takes it."""
    return cast(dict[str, Any], raw)


@dataclass(slots=True)
class Item:
    """What an importer reads: one row as it stands in a feed, and how fields are made of it.

    where: "line 12", "item 3"; for people who look into the file.
    raw: the row as the source wrote it.
    build: gives the fields, and notes what it repaired; it may raise ``Refused``.
    beside: whatever else it makes them of, but for options and files, as text.
    """

    where: str
    raw: Any
    build: Build = _as_it_is
    beside: str = ""

    def digest(self, key: str) -> str:
        """A digest, 32 hexadecimal digits, of all that decides about this row's listing.

        key: what is the same for all rows of a feed, such as options and our software.
        """
        text = f"{key}{self.beside}{self.raw!r}"
        return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def row(self) -> Row:
        """The row with its fields; a ``Refused`` becomes its verdict."""
        notes: list[Note] = []
        try:
            return Row(self.where, self.build(self.raw, notes), self.raw, notes)
        except Refused as refusal:
            return Row(self.where, {}, self.raw, notes, refusal)


def items(feed: Iterable[tuple[str, Any]], build: Build, beside: str = "") -> Iterator[Item]:
    """The (where, raw) of a feed as items of one importer."""
    return (Item(where, raw, build, beside) for where, raw in feed)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)


class Phone(_Strict):
    """A phone number: E.164 (or a short code such as 988), extension and label as text."""

    number: str
    extension: str | None = None
    label: str | None = None

    @field_validator("extension", "label", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return clean.plain_text(value)[:200] or None if isinstance(value, str) else value


class Session(_Strict):
    """A weekly session: ``weekday`` 0 is Monday, ``start`` is HH:MM wall-clock."""

    weekday: int = Field(ge=0, le=6)
    start: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    minutes: int = Field(ge=1, le=1440)
    note: str | None = None
    url: str | None = None

    @field_validator("note", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return clean.plain_text(value)[:LONGEST_OTHER] or None if isinstance(value, str) else value

    @field_validator("url", mode="before")
    @classmethod
    def _link(cls, value: Any) -> Any:
        return clean.web_address(value) if isinstance(value, str) else value


@cache
def _zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def _note(info: ValidationInfo, code: str, message: str, name: str | None = None) -> None:
    notes: list[Note] = info.context if info.context is not None else []
    notes.append(Note(name or info.field_name or "", code, message))


class Record(_Strict):
    """One service at one place, one meeting, one professional or one hotline.

    Pass ``context=[]`` to ``model_validate`` to collect the repairs as ``Note``.
    """

    external_id: str = Field(min_length=1, max_length=300)
    kind: Kind
    name: str = Field(min_length=1)
    organization: str | None = None
    description: str | None = None
    eligibility: str | None = None
    fees: str | None = None
    min_age: int | None = Field(default=None, ge=0, le=120)
    max_age: int | None = Field(default=None, ge=0, le=120)
    status: Status = "active"

    country: str = Field(default="US", pattern=r"^[A-Z]{2}$")
    street: list[str] = Field(default_factory=list)
    city: str | None = None
    region: str | None = None
    postal_code: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    precision: Precision = "exact"
    address_public: bool = True
    in_person: bool = True
    online: bool = False
    join_url: str | None = None
    join_phone: str | None = None
    served: list[str] = Field(default_factory=list)

    timezone: str | None = None
    sessions: list[Session] = Field(default_factory=list)
    recurrence_note: str | None = None

    phones: list[Phone] = Field(default_factory=list)
    website: str | None = None
    email: str | None = None
    terms: list[str] = Field(default_factory=list)
    verified_on: date | None = None
    extra: dict[str, Any] = Field(default_factory=dict)

    @field_validator(
        "name",
        "organization",
        "description",
        "eligibility",
        "fees",
        "city",
        "region",
        "postal_code",
        "join_phone",
        "recurrence_note",
        mode="before",
    )
    @classmethod
    def _text(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str):
            return value
        text = clean.plain_text(value)
        longest = LONGEST.get(info.field_name or "", LONGEST_OTHER)
        if len(text) > longest:
            _note(info, "too_long", f"cut after {longest} characters")
            text = text[: longest - 1].rstrip() + "…"
        return text or (None if info.field_name != "name" else "")

    @field_validator("external_id", mode="before")
    @classmethod
    def _identity(cls, value: Any) -> Any:
        return clean.plain_text(value) if isinstance(value, str) else value

    @field_validator("extra", mode="before")
    @classmethod
    def _extra(cls, value: Any) -> Any:
        return clean.json_value(value)

    @field_validator("street", "served", mode="before")
    @classmethod
    def _lines(cls, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        lines = (clean.plain_text(line) if isinstance(line, str) else line for line in value)
        return [line for line in lines if line]

    @field_validator("website", "join_url", mode="before")
    @classmethod
    def _link(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or value.strip().lower() in ("", "http://", "https://"):
            return None if not value or isinstance(value, str) else value
        link = clean.web_address(value)
        if link is None:
            _note(info, "bad_link", "dropped: not a safe http or https address")
        return link

    @field_validator("email", mode="before")
    @classmethod
    def _mail(cls, value: Any, info: ValidationInfo) -> Any:
        if not isinstance(value, str) or not value.strip():
            return None if not value or isinstance(value, str) else value
        email = clean.email_address(value)
        if email is None:
            _note(info, "bad_email", "dropped: not one e-mail address")
        return email

    @field_validator("phones", mode="before")
    @classmethod
    def _phones(cls, value: Any, info: ValidationInfo) -> Any:
        """Clean each ``{"number": text, "label": …}`` or plain text; drop what is no phone."""
        if not isinstance(value, list):
            return value
        kept: dict[tuple[str, str | None], dict[str, str | None]] = {}
        for item in value:
            given = item if isinstance(item, dict) else {"number": item}
            text = str(given.get("number") or "").strip()
            found = clean.phone(text, info.data.get("country", "US")) if text else None
            if found is None:
                if text:
                    _note(info, "bad_phone", "dropped a number that no phone has")
                continue
            extension = given.get("extension") or found[1]
            given = {**given, "number": found[0], "extension": extension and str(extension)}
            kept.setdefault((found[0], given["extension"]), given)
        return list(kept.values())

    @field_validator("latitude", "longitude", mode="before")
    @classmethod
    def _degrees(cls, value: Any, info: ValidationInfo) -> float | None:
        if value is None or value == "":
            return None
        try:
            degrees = float(value)
        except (TypeError, ValueError):
            degrees = math.nan
        if not math.isfinite(degrees) or abs(degrees) > 180:
            _note(info, "bad_coordinate", "dropped: not a number of degrees")
            return None
        return degrees

    @field_validator("timezone", mode="before")
    @classmethod
    def _zone(cls, value: Any, info: ValidationInfo) -> Any:
        if not value:
            return None
        if isinstance(value, str) and value not in _zones():
            _note(info, "bad_timezone", "dropped: not a name of the IANA time zone database")
            return None
        return value

    @field_validator("terms", mode="after")
    @classmethod
    def _terms(cls, value: list[str]) -> list[str]:
        known, codes = vocabulary().terms, sorted(set(value))
        if unknown := [code for code in codes if code not in known]:
            raise ValueError(f"no such term in the vocabulary: {', '.join(unknown)}")
        return codes

    @model_validator(mode="after")
    def _where(self, info: ValidationInfo) -> "Record":
        """Make position, precision and privacy agree."""
        lat, lon = self.latitude, self.longitude
        if lat is not None and lon is not None and abs(lat) > 90 >= abs(lon):
            _note(info, "swapped_coordinates", "latitude and longitude changed places", "latitude")
            lat, lon = lon, lat
        if lat is None or lon is None or abs(lat) > 90 or (lat == 0 and lon == 0):
            if lat is not None or lon is not None:
                _note(info, "bad_position", "dropped: half a point, or 0/0", "latitude")
            lat = lon = None
        if not self.address_public:
            self._conceal()
            # A tenth of a degree, about 11 km: near enough to help, too far to find the door.
            lat, lon = (None if d is None else round(d, 1) for d in (lat, lon))
        self.latitude, self.longitude = lat, lon
        if lat is None:
            self.precision = "none"
        if self.min_age is not None and self.max_age is not None and self.min_age > self.max_age:
            _note(info, "ages_swapped", "dropped: the youngest age is over the oldest", "min_age")
            self.min_age = self.max_age = None
        return self

    def _conceal(self) -> None:
        self.street, self.postal_code, self.extra = [], None, {}
        self.precision = "approximate"
