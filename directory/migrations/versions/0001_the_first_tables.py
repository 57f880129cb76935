"""The first tables."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geography
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# One listing in sixteen, as ids are hashes.
SAMPLED = "id < '10000000-0000-0000-0000-000000000000'"


def upgrade() -> None:
    """Apply."""
    op.execute("CREATE EXTENSION IF NOT EXISTS postgis")
    op.create_table(
        "generation",
        sa.Column("id", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("number", sa.BigInteger(), server_default=sa.text("1"), nullable=False),
        sa.Column(
            "samples",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="whether any invented listing is shown",
        ),
        sa.CheckConstraint("id", name=op.f("ck_generation_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_generation")),
    )
    op.create_table(
        "place",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("region_name", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("country_name", sa.Text(), nullable=False),
        sa.Column("lat", sa.Float(precision=53), nullable=False),
        sa.Column("lon", sa.Float(precision=53), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column(
            "county",
            sa.Text(),
            nullable=True,
            comment="of a ZIP code, the one it is mostly in",
        ),
        sa.Column("alias", sa.Boolean(), nullable=False),
        sa.Column("timezone", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_place")),
    )
    op.create_index(
        "ix_place_key", "place", ["key"], unique=False, postgresql_ops={"key": "text_pattern_ops"}
    )
    op.create_index(
        "ix_place_town",
        "place",
        [sa.literal_column("ST_SetSRID(ST_MakePoint(lon, lat), 4326)")],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("kind = 'city' AND NOT alias AND population >= 1000"),
    )
    op.create_index(
        "ix_place_city",
        "place",
        [sa.literal_column("population DESC")],
        unique=False,
        postgresql_where=sa.text(
            "kind = 'city' AND NOT alias AND population >= 1000 AND population >= 100000"
        ),
    )
    op.create_index(
        "ix_place_alike",
        "place",
        ["country", sa.literal_column('"left"(key, 1)'), sa.literal_column("length(key)")],
        unique=False,
        postgresql_where=sa.text("kind = 'city' AND NOT alias AND population >= 1000"),
    )
    op.create_table(
        "source",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("licence", sa.Text(), nullable=True),
        sa.Column("origin", sa.Text(), server_default="feed", nullable=False),
        sa.Column("seen_on", sa.Date(), nullable=True, comment="day of the last good run"),
        sa.Column(
            "limits",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="the guard's limits where they are this source's own",
        ),
        sa.Column(
            "options",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="of its kind, as its newest run had them",
        ),
        sa.Column(
            "attribution",
            sa.Text(),
            nullable=True,
            comment="the credit that its licence wants beside each listing",
        ),
        sa.Column("contact", sa.Text(), nullable=True, comment="whom to ask about the feed"),
        sa.Column("every", sa.Interval(), nullable=True, comment="how often it is imported"),
        sa.Column(
            "feed",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what the last good run read; null: the next one reads anew",
        ),
        sa.CheckConstraint(
            "origin IN ('feed', 'bundled', 'sample')", name=op.f("ck_source_origin")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_source")),
    )
    op.create_table(
        "import_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column(
            "started", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.Text(), server_default="running", nullable=False),
        sa.Column(
            "counts",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column(
            "diff",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="verdict and alarms of the guard, and what an acceptance is of",
        ),
        sa.Column("accepts", sa.BigInteger(), nullable=True, comment="the refused run accepted"),
        sa.Column(
            "undoes", sa.BigInteger(), nullable=True, comment="the run that this one put back"
        ),
        sa.CheckConstraint(
            "status IN ('running', 'applied', 'unchanged', 'refused', 'dry-run', 'failed', 'undo')",
            name=op.f("ck_import_run_status"),
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_import_run_source_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_import_run")),
    )
    op.create_index(op.f("ix_import_run_source_id"), "import_run", ["source_id"], unique=False)
    op.create_table(
        "listing",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("quality", sa.Float(precision=53), nullable=False),
        sa.Column("latitude", sa.Float(precision=53), nullable=True),
        sa.Column("longitude", sa.Float(precision=53), nullable=True),
        sa.Column("in_person", sa.Boolean(), nullable=False),
        sa.Column("online", sa.Boolean(), nullable=False),
        sa.Column(
            "listed",
            sa.Boolean(),
            sa.Computed("status = 'active' AND duplicate_of IS NULL", persisted=True),
            nullable=False,
        ),
        sa.Column("position", Geography("POINT", srid=4326, spatial_index=False), nullable=True),
        sa.Column(
            "bits", sa.LargeBinary(), nullable=False, comment="kind and terms, to be counted"
        ),
        sa.Column("timezone", sa.Text(), nullable=False),
        sa.Column("weekly", postgresql.INT4MULTIRANGE(), nullable=True),
        sa.Column("served", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("name_key", sa.Text(collation="C"), nullable=False),
        sa.Column("search", postgresql.TSVECTOR(), nullable=False),
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("organization", sa.Text(), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("eligibility", sa.Text(), nullable=True),
        sa.Column("fees", sa.Text(), nullable=True),
        sa.Column("min_age", sa.SmallInteger(), nullable=True),
        sa.Column("max_age", sa.SmallInteger(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("terms", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("street", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("city", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("postal_code", sa.Text(), nullable=True),
        sa.Column("country", sa.Text(), nullable=False),
        sa.Column("precision", sa.Text(), nullable=False),
        sa.Column("address_public", sa.Boolean(), nullable=False),
        sa.Column("join_url", sa.Text(), nullable=True),
        sa.Column("join_phone", sa.Text(), nullable=True),
        sa.Column("sessions", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("recurrence_note", sa.Text(), nullable=True),
        sa.Column("phones", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("website", sa.Text(), nullable=True),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("first_seen", sa.Date(), nullable=False),
        sa.Column(
            "last_seen",
            sa.Date(),
            nullable=True,
            comment="last good run that had it; null while the newest one does",
        ),
        sa.Column("verified_on", sa.Date(), nullable=True),
        sa.Column(
            "content_hash", sa.Text(), nullable=False, comment="of the feed's fields and our rules"
        ),
        sa.Column("repairs", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("duplicate_of", sa.Uuid(), nullable=True),
        sa.Column(
            "overrides",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="maintainers' edits by field",
        ),
        sa.Column(
            "said",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="what an import writes, as the source alone gives it; of edited ones",
        ),
        sa.Column("extra", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.CheckConstraint("said IS NOT NULL OR overrides = '{}'", name=op.f("ck_listing_said")),
        sa.ForeignKeyConstraint(
            ["duplicate_of"],
            ["listing.id"],
            name=op.f("fk_listing_duplicate_of"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["source_id"], ["source.id"], name=op.f("fk_listing_source_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listing")),
        sa.UniqueConstraint(
            "source_id", "external_id", name=op.f("uq_listing_source_id_external_id")
        ),
    )
    op.create_index(
        "ix_listing_edited",
        "listing",
        ["id"],
        unique=False,
        postgresql_where=sa.text("said IS NOT NULL"),
    )
    op.create_index(
        "ix_listing_duplicate_of",
        "listing",
        ["duplicate_of"],
        unique=False,
        postgresql_where=sa.text("duplicate_of IS NOT NULL"),
    )
    op.create_index(
        "ix_listing_name",
        "listing",
        ["name_key", "id"],
        unique=False,
        postgresql_where=sa.text("listed"),
    )
    op.create_index(
        "ix_listing_online",
        "listing",
        [sa.literal_column("quality DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("listed AND online"),
    )
    op.create_index(
        "ix_listing_position",
        "listing",
        ["position"],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("listed AND in_person"),
    )
    op.create_index(
        "ix_listing_position_sample",
        "listing",
        ["position"],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text(f"listed AND in_person AND {SAMPLED}"),
    )
    op.create_index(
        "ix_listing_quality",
        "listing",
        [sa.literal_column("quality DESC"), "id"],
        unique=False,
        postgresql_where=sa.text("listed"),
    )
    op.create_index(
        "ix_listing_search",
        "listing",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text("listed"),
    )
    op.create_index(
        "ix_listing_search_sample",
        "listing",
        ["search"],
        unique=False,
        postgresql_using="gin",
        postgresql_where=sa.text(f"listed AND {SAMPLED}"),
    )
    op.create_table(
        "reject",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False, comment="line or item in the feed"),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("sample", sa.Text(), nullable=False),
        sa.Column("field", sa.Text(), nullable=True, comment="the field at fault, where it is one"),
        sa.ForeignKeyConstraint(
            ["run_id"], ["import_run.id"], name=op.f("fk_reject_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reject")),
    )
    op.create_index(op.f("ix_reject_run_id"), "reject", ["run_id"], unique=False)
    op.create_table(
        "known_row",
        sa.Column("source_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.Text(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source_id", "digest", name=op.f("pk_known_row")),
        prefixes=["UNLOGGED"],
    )
    op.create_table(
        "change",
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("previous", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.CheckConstraint(
            "action IN ('added', 'changed', 'returned', 'missing', 'gone')",
            name=op.f("ck_change_action"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["import_run.id"], name=op.f("fk_change_run_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "listing_id", name=op.f("pk_change")),
    )
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("email", sa.Text(), nullable=False, comment="in small letters"),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column(
            "hash",
            sa.Text(),
            nullable=False,
            comment="of the password, argon2id with its parameters",
        ),
        sa.Column(
            "created", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("disabled", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "sessions",
            sa.Integer(),
            server_default=sa.text("0"),
            nullable=False,
            comment="sessions that began with another number have ended",
        ),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("tries_since", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint(
            "role IN ('interventionist', 'maintainer')", name=op.f("ck_account_role")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("email", name=op.f("uq_account_email")),
    )
    op.create_table(
        "geocode",
        sa.Column("query", sa.Text(), nullable=False, comment="normalised address"),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("asked", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "again",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="when it may be asked again; null: never, for there is an answer",
        ),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("latitude", sa.Float(precision=53), nullable=True),
        sa.Column("longitude", sa.Float(precision=53), nullable=True),
        sa.Column("precision", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "failure IN ('not_found', 'busy', 'refused', 'timeout', 'error', 'unreadable', "
            "'unanswered')",
            name=op.f("ck_geocode_failure"),
        ),
        sa.CheckConstraint(
            "num_nulls(latitude, longitude, precision) = CASE WHEN failure IS NULL "
            "THEN 0 ELSE 3 END AND (again IS NULL) = (failure IS NULL)",
            name=op.f("ck_geocode_answer"),
        ),
        sa.PrimaryKeyConstraint("query", "provider", name=op.f("pk_geocode")),
    )
    op.create_index("ix_geocode_asked", "geocode", ["provider", "asked"], unique=False)
    op.create_index(
        "ix_listing_position_detox",
        "listing",
        ["position"],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("listed AND in_person AND terms @> '{service:detox}'"),
    )
    op.create_index(
        "ix_listing_position_unlisted",
        "listing",
        ["position"],
        unique=False,
        postgresql_using="gist",
        postgresql_where=sa.text("NOT listed AND in_person"),
    )
    op.create_index(
        "ix_listing_postal",
        "listing",
        [sa.literal_column('"left"(postal_code, 5)')],
        unique=False,
        postgresql_where=sa.text("in_person AND kind <> 'support_group'"),
    )
    op.create_index(
        "ix_listing_kind",
        "listing",
        ["kind"],
        unique=False,
        postgresql_where=sa.text("listed"),
    )
    op.create_table(
        "match",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("a", sa.Uuid(), nullable=False),
        sa.Column("b", sa.Uuid(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("score", sa.Float(precision=53), nullable=False, comment="0 to 100"),
        sa.Column("reasons", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("decision", sa.Text(), nullable=True, comment="of a person"),
        sa.Column("decided_by", sa.Text(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("a < b", name=op.f("ck_match_ordered")),
        sa.CheckConstraint("rule IN ('certain', 'doubtful', 'no')", name=op.f("ck_match_rule")),
        sa.CheckConstraint("decision IN ('same', 'different')", name=op.f("ck_match_decision")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match")),
        sa.UniqueConstraint("a", "b", name=op.f("uq_match_a_b")),
    )
    op.create_index(op.f("ix_match_b"), "match", ["b"], unique=False)
    op.create_table(
        "edit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column(
            "was",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="what was shown before",
        ),
        sa.Column("became", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column(
            "at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("action IN ('wrote', 'kept', 'dropped')", name=op.f("ck_edit_action")),
        sa.ForeignKeyConstraint(
            ["listing_id"],
            ["listing.id"],
            name=op.f("fk_edit_listing_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_edit")),
    )
    op.create_index(op.f("ix_edit_listing_id"), "edit", ["listing_id"], unique=False)
    op.create_table(
        "report",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("listing_id", sa.Uuid(), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("contact", sa.Text(), nullable=True),
        sa.Column(
            "received", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.Column("settled", sa.DateTime(timezone=True), nullable=True),
        sa.Column("settled_by", sa.Text(), nullable=True),
        sa.CheckConstraint("outcome IN ('accepted', 'declined')", name=op.f("ck_report_outcome")),
        sa.CheckConstraint("outcome IS NULL OR contact IS NULL", name=op.f("ck_report_contact")),
        sa.CheckConstraint(
            "num_nulls(outcome, settled, settled_by) IN (0, 3)", name=op.f("ck_report_settled")
        ),
        sa.ForeignKeyConstraint(
            ["listing_id"],
            ["listing.id"],
            name=op.f("fk_report_listing_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_report")),
    )
    op.create_index(op.f("ix_report_listing_id"), "report", ["listing_id"], unique=False)
    op.create_index(op.f("ix_report_received"), "report", ["received"], unique=False)
    op.create_table(
        "demand",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False, comment="such as US-CO, or a country"),
        sa.Column("term", sa.Text(), nullable=False, comment="or a kind, such as kind:hotline"),
        sa.Column("searches", sa.Integer(), nullable=False),
        sa.CheckConstraint("searches >= 10 AND searches % 10 = 0", name=op.f("ck_demand_tens")),
        sa.PrimaryKeyConstraint("day", "region", "term", name=op.f("pk_demand")),
    )
    # Matching reads the words of many rows: they are kept in the row, and as they are.
    op.execute("ALTER TABLE listing SET (toast_tuple_target = 8160)")
    op.execute("INSERT INTO generation DEFAULT VALUES")


def downgrade() -> None:
    """Take back."""
    tables = (
        "demand report edit match geocode account change known_row reject listing import_run "
        "source place generation"
    )
    for table in tables.split():
        op.drop_table(table)
