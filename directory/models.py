"""The tables. Positions are WGS 84 geography, times are wall-clock with an IANA zone."""

import uuid
from datetime import date, datetime, timedelta
from typing import Any

from geoalchemy2 import Geography, WKBElement
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Computed,
    Date,
    DateTime,
    Float,
    ForeignKey,
    Identity,
    Index,
    MetaData,
    SmallInteger,
    Text,
    UniqueConstraint,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INT4MULTIRANGE, JSONB, TSVECTOR
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, column_property, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from directory.schedule import Span, multirange

LISTED = "status = 'active' AND duplicate_of IS NULL"
# Ids are hashes, so that these are a fair sample: one listing in ``SHARE``.
SHARE = 16
DETOX = "listed AND in_person AND terms @> '{service:detox}'"
SAMPLED = "id < '10000000-0000-0000-0000-000000000000'"
# Rows of the gazetteer that can say where a point is, and where they are.
TOWN = "kind = 'city' AND NOT alias AND population >= 1000"
CITY = f"{TOWN} AND population >= 100000"
TOWN_POINT = "ST_SetSRID(ST_MakePoint(lon, lat), 4326)"


class WeeklyMinutes(TypeDecorator[list[Span]]):
    """Half-open minute spans of a week; psycopg2 knows multiranges only as text."""

    impl = INT4MULTIRANGE
    cache_ok = True

    def process_bind_param(self, value: list[Span] | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """``[(0, 60)]`` as ``{[0,60)}``."""
        return None if value is None else multirange(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> list[Span] | None:  # noqa: ARG002
        """``{[0,60)}`` as ``[(0, 60)]``."""
        if value is None:
            return None
        ends = str(value).strip("{}[)").split("),[")
        return [(int(a), int(b)) for a, b in (e.split(",") for e in ends if e)]


class Base(DeclarativeBase):
    """Names every constraint, so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy reads it as a class attribute
        str: Text,
        list[str]: ARRAY(Text),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        datetime: DateTime(timezone=True),
    }


class Source(Base):
    """Where listings come from. ``origin``: feed, bundled (hotlines) or sample (invented)."""

    __tablename__ = "source"
    id: Mapped[str] = mapped_column(primary_key=True)
    kind: Mapped[str]
    location: Mapped[str]
    title: Mapped[str]
    licence: Mapped[str | None]
    origin: Mapped[str] = mapped_column(server_default="feed")
    seen_on: Mapped[date | None] = mapped_column(comment="day of the last good run")
    limits: Mapped[dict[str, Any]] = mapped_column(
        deferred=True,
        server_default=text("'{}'"),
        comment="the guard's limits where they are this source's own",
    )
    options: Mapped[dict[str, Any]] = mapped_column(
        deferred=True,
        server_default=text("'{}'"),
        comment="of its kind, as its newest run had them",
    )
    attribution: Mapped[str | None] = mapped_column(
        comment="the credit that its licence wants beside each listing"
    )
    contact: Mapped[str | None] = mapped_column(deferred=True, comment="whom to ask about the feed")
    every: Mapped[timedelta | None] = mapped_column(
        deferred=True, comment="how often it is imported"
    )
    feed: Mapped[dict[str, Any] | None] = mapped_column(
        deferred=True, comment="what the last good run read; null: the next one reads anew"
    )
    __table_args__ = (CheckConstraint("origin IN ('feed', 'bundled', 'sample')", name="origin"),)


class ImportRun(Base):
    """One run of an importer: what it did, or why it did nothing."""

    __tablename__ = "import_run"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    source_id: Mapped[str] = mapped_column(ForeignKey("source.id", ondelete="CASCADE"), index=True)
    started: Mapped[datetime] = mapped_column(server_default=func.now())
    finished: Mapped[datetime | None]
    status: Mapped[str] = mapped_column(server_default="running")
    counts: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    message: Mapped[str | None]
    diff: Mapped[dict[str, Any] | None] = mapped_column(
        comment="verdict and alarms of the guard, and what an acceptance is of"
    )
    accepts: Mapped[int | None] = mapped_column(BigInteger, comment="the refused run accepted")
    undoes: Mapped[int | None] = mapped_column(BigInteger, comment="the run that this one put back")
    __table_args__ = (
        CheckConstraint(
            "status IN ('running', 'applied', 'unchanged', 'refused', 'dry-run', 'failed', 'undo')",
            name="status",
        ),
    )


class Reject(Base):
    """A row that was refused: where in the file, why, and an escaped sample of it."""

    __tablename__ = "reject"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("import_run.id", ondelete="CASCADE"), index=True)
    position: Mapped[str] = mapped_column(comment="line or item in the feed")
    code: Mapped[str]
    message: Mapped[str]
    sample: Mapped[str]
    field: Mapped[str | None] = mapped_column(comment="the field at fault, where it is one")


class Listing(Base):
    """The unit of search: one service at one place, one meeting, one professional, one line."""

    __tablename__ = "listing"
    # What a search reads comes first: PostgreSQL finds a column by passing those before it.
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    quality: Mapped[float] = mapped_column(Float(53))
    latitude: Mapped[float | None] = mapped_column(Float(53))
    longitude: Mapped[float | None] = mapped_column(Float(53))
    in_person: Mapped[bool]
    online: Mapped[bool]
    listed: Mapped[bool] = mapped_column(Computed(LISTED, persisted=True))
    position: Mapped[WKBElement | None] = mapped_column(
        Geography("POINT", srid=4326, spatial_index=False), deferred=True
    )
    bits: Mapped[bytes] = mapped_column(deferred=True, comment="kind and terms, to be counted")
    timezone: Mapped[str]
    weekly: Mapped[list[Span] | None] = mapped_column(WeeklyMinutes)
    served: Mapped[list[str]]
    name_key: Mapped[str] = mapped_column(Text(collation="C"), deferred=True)
    search: Mapped[str] = mapped_column(TSVECTOR, deferred=True)

    source_id: Mapped[str] = mapped_column(ForeignKey("source.id", ondelete="CASCADE"))
    external_id: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str]
    organization: Mapped[str | None]
    description: Mapped[str | None]
    eligibility: Mapped[str | None]
    fees: Mapped[str | None]
    min_age: Mapped[int | None] = mapped_column(SmallInteger)
    max_age: Mapped[int | None] = mapped_column(SmallInteger)
    status: Mapped[str]
    terms: Mapped[list[str]]

    street: Mapped[list[str]]
    city: Mapped[str | None]
    region: Mapped[str | None]
    postal_code: Mapped[str | None]
    country: Mapped[str]
    precision: Mapped[str]
    address_public: Mapped[bool]
    join_url: Mapped[str | None]
    join_phone: Mapped[str | None]

    sessions: Mapped[list[dict[str, Any]]]
    recurrence_note: Mapped[str | None]

    phones: Mapped[list[dict[str, Any]]]
    website: Mapped[str | None]
    email: Mapped[str | None]

    first_seen: Mapped[date] = mapped_column(Date)
    last_seen: Mapped[date | None] = mapped_column(
        Date, comment="last good run that had it; null while the newest one does"
    )
    verified_on: Mapped[date | None] = mapped_column(Date)
    content_hash: Mapped[str] = mapped_column(
        deferred=True, comment="of the feed's fields and our rules"
    )
    repairs: Mapped[list[dict[str, Any]]] = mapped_column(deferred=True)
    duplicate_of: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("listing.id", ondelete="SET NULL")
    )
    overrides: Mapped[dict[str, Any]] = mapped_column(
        server_default=text("'{}'"), deferred=True, comment="maintainers' edits by field"
    )
    said: Mapped[dict[str, Any] | None] = mapped_column(
        deferred=True, comment="what an import writes, as the source alone gives it; of edited ones"
    )
    extra: Mapped[dict[str, Any]] = mapped_column(deferred=True)

    source: Mapped[Source] = relationship(lazy="joined", innerjoin=True)
    same_as: Mapped["Listing | None"] = relationship(remote_side=[id])
    also: Mapped[list[dict[str, Any]]] = column_property(
        literal_column(
            "coalesce((SELECT jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, "
            "'source', s.title) ORDER BY s.title, t.id) FROM listing t "
            "JOIN source s ON s.id = t.source_id WHERE t.duplicate_of = listing.id), '[]')",
            JSONB,
        )
    )
    """What other sources list of the same place: id, name, and the source's title."""

    __table_args__ = (
        UniqueConstraint("source_id", "external_id"),
        CheckConstraint("said IS NOT NULL OR overrides = '{}'", name="said"),
        Index("ix_listing_edited", "id", postgresql_where=text("said IS NOT NULL")),
        Index(
            "ix_listing_duplicate_of",
            "duplicate_of",
            postgresql_where=text("duplicate_of IS NOT NULL"),
        ),
        Index(
            "ix_listing_position",
            "position",
            postgresql_using="gist",
            postgresql_where=text("listed AND in_person"),
        ),
        Index(
            "ix_listing_search", "search", postgresql_using="gin", postgresql_where=text("listed")
        ),
        Index(
            "ix_listing_position_sample",
            "position",
            postgresql_using="gist",
            postgresql_where=text(f"listed AND in_person AND {SAMPLED}"),
        ),
        Index(
            "ix_listing_search_sample",
            "search",
            postgresql_using="gin",
            postgresql_where=text(f"listed AND {SAMPLED}"),
        ),
        Index(
            "ix_listing_quality",
            text("quality DESC"),
            "id",
            postgresql_where=text("listed"),
        ),
        Index(
            "ix_listing_online",
            text("quality DESC"),
            "id",
            postgresql_where=text("listed AND online"),
        ),
        # To be counted by kind without reading the rows, which are wide.
        Index("ix_listing_kind", "kind", postgresql_where=text("listed")),
        Index("ix_listing_name", "name_key", "id", postgresql_where=text("listed")),
        # For maintainers, who ask how far everybody lives from the nearest of these.
        Index(
            "ix_listing_position_detox",
            "position",
            postgresql_using="gist",
            postgresql_where=text(DETOX),
        ),
        # For matching: hidden twins are compared too, and places that stand only about.
        Index(
            "ix_listing_position_unlisted",
            "position",
            postgresql_using="gist",
            postgresql_where=text("NOT listed AND in_person"),
        ),
        Index(
            "ix_listing_postal",
            text('"left"(postal_code, 5)'),
            postgresql_where=text("in_person AND kind <> 'support_group'"),
        ),
    )


class PlaceName(Base):
    """The gazetteer: one name of one place. ``key`` is the normalised name."""

    __tablename__ = "place"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str]
    key: Mapped[str]
    name: Mapped[str]
    region: Mapped[str | None]
    region_name: Mapped[str | None]
    country: Mapped[str]
    country_name: Mapped[str]
    lat: Mapped[float] = mapped_column(Float(53))
    lon: Mapped[float] = mapped_column(Float(53))
    population: Mapped[int]
    county: Mapped[str | None] = mapped_column(comment="of a ZIP code, the one it is mostly in")
    alias: Mapped[bool]
    timezone: Mapped[str | None]
    __table_args__ = (
        Index("ix_place_key", "key", postgresql_ops={"key": "text_pattern_ops"}),
        Index(
            "ix_place_town",
            text(TOWN_POINT),
            postgresql_using="gist",
            postgresql_where=text(TOWN),
        ),
        Index("ix_place_city", text("population DESC"), postgresql_where=text(CITY)),
        # Names that are misspelled are looked for among those that are about as long.
        Index(
            "ix_place_alike",
            "country",
            text('"left"(key, 1)'),
            text("length(key)"),
            postgresql_where=text(TOWN),
        ),
    )


class Generation(Base):
    """One row: a number that each applied import raises, so that caches know their age."""

    __tablename__ = "generation"
    id: Mapped[bool] = mapped_column(primary_key=True, server_default=text("true"))
    number: Mapped[int] = mapped_column(BigInteger, server_default=text("1"))
    samples: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="whether any invented listing is shown"
    )
    __table_args__ = (CheckConstraint("id", name="single"),)


class KnownRow(Base):
    """Which listing a row of a feed makes, and of which ``content_hash``, so that one which comes
    again need not be read. A memory only: what it lacks, as after a server's crash, is read."""

    __tablename__ = "known_row"
    source_id: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    external_id: Mapped[str]
    content_hash: Mapped[str]
    __table_args__ = ({"prefixes": ["UNLOGGED"]},)


class Change(Base):
    """What one applied run did to one listing, kept for the last runs of a source.

    ``previous`` holds the columns that changed, as they were; nothing where it was added.
    """

    __tablename__ = "change"
    run_id: Mapped[int] = mapped_column(
        ForeignKey("import_run.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    listing_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    action: Mapped[str]
    previous: Mapped[dict[str, Any] | None]
    __table_args__ = (
        CheckConstraint(
            "action IN ('added', 'changed', 'returned', 'missing', 'gone')", name="action"
        ),
    )


class Edit(Base):
    """What a person did to one field of a listing: wrote it, kept it though the source changed
    underneath, or dropped it for what the source says."""

    __tablename__ = "edit"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    listing_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("listing.id", ondelete="CASCADE"), index=True
    )
    field: Mapped[str]
    action: Mapped[str]
    was: Mapped[Any] = mapped_column(JSONB, comment="what was shown before")
    became: Mapped[Any] = mapped_column(JSONB)
    by: Mapped[str]
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    __table_args__ = (CheckConstraint("action IN ('wrote', 'kept', 'dropped')", name="action"),)


class ReaderReport(Base):
    """What a reader says is wrong with a listing. How to reach them is erased once it is settled,
    and the whole of it a while later."""

    __tablename__ = "report"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    listing_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey("listing.id", ondelete="CASCADE"), index=True
    )
    about: Mapped[str]
    words: Mapped[str]
    contact: Mapped[str | None]
    received: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
    outcome: Mapped[str | None]
    settled: Mapped[datetime | None]
    settled_by: Mapped[str | None]
    __table_args__ = (
        CheckConstraint("outcome IN ('accepted', 'declined')", name="outcome"),
        CheckConstraint("outcome IS NULL OR contact IS NULL", name="contact"),
        CheckConstraint("num_nulls(outcome, settled, settled_by) IN (0, 3)", name="settled"),
    )


class Account(Base):
    """Who keeps the directory, or plans with a family; whoever searches has none."""

    __tablename__ = "account"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    email: Mapped[str] = mapped_column(unique=True, comment="in small letters")
    role: Mapped[str]
    hash: Mapped[str] = mapped_column(comment="of the password, argon2id with its parameters")
    created: Mapped[datetime] = mapped_column(server_default=func.now())
    disabled: Mapped[datetime | None]
    sessions: Mapped[int] = mapped_column(
        server_default=text("0"), comment="sessions that began with another number have ended"
    )
    tries: Mapped[int] = mapped_column(server_default=text("0"))
    tries_since: Mapped[datetime | None]
    __table_args__ = (CheckConstraint("role IN ('interventionist', 'maintainer')", name="role"),)


class Demand(Base):
    """Searches that asked for a term in a region on a day (UTC). They come in whole tens, so that
    what few ask for is in no row."""

    __tablename__ = "demand"
    day: Mapped[date] = mapped_column(primary_key=True)
    region: Mapped[str] = mapped_column(primary_key=True, comment="such as US-CO, or a country")
    term: Mapped[str] = mapped_column(primary_key=True, comment="or a kind, such as kind:hotline")
    searches: Mapped[int]
    __table_args__ = (CheckConstraint("searches >= 10 AND searches % 10 = 0", name="tens"),)


class Geocode(Base):
    """What a geocoder answered, once for each provider and normalised address."""

    __tablename__ = "geocode"
    query: Mapped[str] = mapped_column(primary_key=True, comment="normalised address")
    provider: Mapped[str] = mapped_column(primary_key=True)
    asked: Mapped[datetime]
    again: Mapped[datetime | None] = mapped_column(
        comment="when it may be asked again; null: never, for there is an answer"
    )
    failure: Mapped[str | None]
    latitude: Mapped[float | None] = mapped_column(Float(53))
    longitude: Mapped[float | None] = mapped_column(Float(53))
    precision: Mapped[str | None]
    __table_args__ = (
        CheckConstraint(
            "failure IN ('not_found', 'busy', 'refused', 'timeout', 'error', 'unreadable', "
            "'unanswered')",
            name="failure",
        ),
        CheckConstraint(
            "num_nulls(latitude, longitude, precision) = CASE WHEN failure IS NULL "
            "THEN 0 ELSE 3 END AND (again IS NULL) = (failure IS NULL)",
            name="answer",
        ),
        Index("ix_geocode_asked", "provider", "asked"),
    )


class Match(Base):
    """Two listings that are or may be the same, by the rule and by a person's word.

    The ids are hashes of source and external id, and no foreign keys: a person's decision
    outlives the listings, and holds again when they return.
    """

    __tablename__ = "match"
    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    a: Mapped[uuid.UUID]
    b: Mapped[uuid.UUID] = mapped_column(index=True)
    rule: Mapped[str]
    score: Mapped[float] = mapped_column(Float(53), comment="0 to 100")
    reasons: Mapped[list[str]]
    decision: Mapped[str | None] = mapped_column(comment="of a person")
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    __table_args__ = (
        UniqueConstraint("a", "b"),
        CheckConstraint("a < b", name="ordered"),
        CheckConstraint("rule IN ('certain', 'doubtful', 'no')", name="rule"),
        CheckConstraint("decision IN ('same', 'different')", name="decision"),
    )
