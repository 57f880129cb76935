"""What a new database starts with: the gazetteer, the hotlines and a marked sample."""

from sqlalchemy import Engine, text

from directory import db
from directory.config import DATA
from directory.feed import open_feed
from directory.importing import importer
from directory.load import load
from directory.places import load_places
from directory.runs import SourceSpec

HOTLINES = SourceSpec(
    id="hotlines",
    kind="csv",
    location=str(DATA / "hotlines.csv"),
    title="National crisis and help lines",
    origin="bundled",
)
SAMPLE = SourceSpec(
    id="sample",
    kind="csv",
    location=str(DATA / "sample" / "sample.csv"),
    title="Sample data (not real)",
    origin="sample",
)


def plant(engine: Engine) -> None:
    """Migrate, then load what is bundled; the sample only while no feed was imported."""
    db.migrate(engine)
    with engine.begin() as connection:
        load_places(connection)
        feeds = connection.execute(
            text("SELECT count(*) FROM source WHERE origin = 'feed' AND seen_on IS NOT NULL")
        ).scalar_one()
    for source in [HOTLINES] if feeds else [HOTLINES, SAMPLE]:
        load(engine, source, importer(source.kind)(source.location, {}, open_feed))
