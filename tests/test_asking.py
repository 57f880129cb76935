"""What a question is asked for next where it finds nothing: names, and other towns of the name."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from directory import db, pocket, seeds
from directory.asking import Answered, ask
from directory.config import Config
from directory.places import load_places
from directory.web.app import create_app
from tests.conftest import NOW, Loader

PHILADELPHIA = {"latitude": 39.95, "longitude": -75.17}
ROWS: list[dict[str, object]] = [
    {"name": "Resources – Morris Home", "terms": ["who:lgbtq"], **PHILADELPHIA},
    {"name": "Rainbow House", "terms": ["who:lgbtq"], **PHILADELPHIA},
    {"name": "Kirkbride Center", **PHILADELPHIA},
    {"name": "Start Street Center", **PHILADELPHIA},
    {"name": "Eagleville Hospital", **PHILADELPHIA},
    {"name": "Recovery Centers of America – Devon", **PHILADELPHIA},
    {"name": "Hope", "description": "People came for detox in Tulsa.", **PHILADELPHIA},
    {"name": "Open Arms", "city": "Tulsa", "latitude": 36.15, "longitude": -95.99},
    {"name": "6:45 Attitude Adjustment", "city": "Newport Beach", "kind": "support_group"},
    {"name": "Attitude Adjustment", "city": "Denver", "kind": "support_group"},
    {
        "name": "Gooden",
        "terms": ["service:sober-living"],
        "latitude": 34.15,
        "longitude": -118.14,
    },
]
Asker = Callable[..., Answered]


@pytest.fixture
def asked(here: Config, database: Engine, load_rows: Loader) -> Asker:
    with database.begin() as connection:
        load_places(connection)
    load_rows(*({"external_id": str(n), **row} for n, row in enumerate(ROWS)))
    pocket.refresh(database, here)

    def run(q: str, near: str = "") -> Answered:
        with db.reader(here).connect() as connection:
            return ask(connection, {"q": [q], "near": [near]}, here, NOW)

    return run


@pytest.mark.parametrize(
    ("typed", "near", "name", "left_out"),
    [
        ("eagleville hosp", "", "Eagleville Hospital", ()),
        ("kirkbride ctr", "", "Kirkbride Center", ()),
        ("RCA devon", "", "Recovery Centers of America – Devon", ()),
        # Words that nobody has go first, then all but the rarest.
        ("kirkbride 49th st", "", "Kirkbride Center", ("49th", "st")),
        ("morris house for trans ppl", "philly", "Resources – Morris Home", ("house",)),
        # The town is a word of the name, and not the one that the gazetteer thinks of.
        ("645 attitude adjustment newport", "", "6:45 Attitude Adjustment", ("645",)),
    ],
)
def test_half_remembered_names(
    asked: Asker, typed: str, near: str, name: str, left_out: tuple[str, ...]
) -> None:
    found = asked(typed, near)
    inside = [hit.listing.name for hit in found.page.hits if not hit.beyond]
    assert inside == [name]
    assert found.left_out == left_out


@pytest.mark.parametrize(
    ("q", "near"), [("sober living", "Pasadena"), ("sober living Pasadena", "")]
)
def test_another_city_of_the_name_has_what_is_asked_for(asked: Asker, q: str, near: str) -> None:
    found = asked(q, near)
    assert found.search.place
    assert found.search.place.name == "Pasadena, CA"
    assert [other.name for other in found.search.place.alternatives] == ["Pasadena, TX"]
    assert [hit.listing.name for hit in found.page.hits] == ["Gooden"]
    assert not found.left_out
    # What nobody has there either is not asked for elsewhere.
    other = asked("methadone", "Pasadena")
    assert other.search.place
    assert other.search.place.name == "Pasadena, TX"


def test_the_page_says_which_city_it_took(asked: Asker, here: Config) -> None:
    assert asked("sober living", "Pasadena").page.total
    html = create_app(here).test_client().get("/search?q=sober+living&near=Pasadena").text
    assert "Nothing that fits is near Pasadena, TX. These are results near" in html
    assert "near=Pasadena%2C+TX" in html
    spanish = create_app(here).test_client().get("/es/search?q=sober+living&near=Pasadena").text
    assert "No hay nada adecuado cerca de Pasadena, TX." in spanish


def test_words_that_nobody_has_are_not_everything_near_a_place(asked: Asker) -> None:
    found = asked("zzyzx qqqzz", "Philadelphia")
    assert found.page.total == 0
    assert found.left_out == ()


def test_a_text_from_elsewhere_is_no_answer_to_a_town(asked: Asker) -> None:
    found = asked("detox in Tulsa")
    assert [hit.listing.name for hit in found.page.hits if not hit.beyond] == ["Open Arms"]
    assert found.unsaid is not None
    assert (found.unsaid.source, found.farther) == ("detox", ())


def test_a_name_farther_off_is_better_than_one_of_its_words_nearby(asked: Asker) -> None:
    found = asked("morris home", "Trenton, NJ")
    assert [hit.listing.name for hit in found.page.hits][:1] == ["Resources – Morris Home"]
    # A word of three is not the name; two of three may be.
    far = asked("attitude adjustment hope", "Philadelphia")
    assert [hit.listing.name for hit in far.page.hits if not hit.beyond] == ["Hope"]


def test_what_nobody_says_is_let_go_together_with_its_day(asked: Asker) -> None:
    """Nobody in the town says that it is residential, and nobody there says when it is open."""
    found = asked("residential tomorrow", "Philadelphia")
    assert found.page.total
    assert found.left_out == ("tomorrow",)
    assert found.unsaid is not None
    assert found.unsaid.source == "residential"


SILENT: list[dict[str, object]] = [
    {"name": "New Season Treatment Center", **PHILADELPHIA},
    {"name": "Northern Clinic", "latitude": 39.96, "longitude": -75.17},
    {"name": "Northern Detox Only", "terms": ["service:detox"], **PHILADELPHIA},
    {"name": "New Season Group", "kind": "support_group", **PHILADELPHIA},
    {
        "name": "Clinic Farther Off",
        "terms": ["service:methadone"],
        "latitude": 40.6,
        "longitude": -75.4,
    },
]


def test_what_a_name_says_counts_where_the_source_says_of_no_service(
    asked: Asker, load_rows: Loader
) -> None:
    """First those that say so, then those that do not say; not those that say something else."""
    load_rows(
        *({"external_id": f"silent-{n}", **row} for n, row in enumerate(SILENT)), source="silent"
    )
    found = asked("methadone clinic", "Philadelphia")
    names = [hit.listing.name for hit in found.page.hits]
    assert names[0] == "New Season Treatment Center"
    assert {"Northern Clinic", "Kirkbride Center"} <= {*names}
    assert not {"Northern Detox Only", "New Season Group"} & {*names}
    assert found.few is not None
    assert found.unsaid is None


def test_who_says_nothing_is_asked_and_the_nearest_that_says_so_is_named(
    asked: Asker, here: Config, load_rows: Loader
) -> None:
    rows = [row for row in SILENT if row["name"] != "New Season Treatment Center"]
    load_rows(
        *({"external_id": f"silent-{n}", **row} for n, row in enumerate(rows)), source="silent"
    )
    found = asked("methadone clinic", "Philadelphia")
    assert found.page.total > 2
    assert found.unsaid is not None
    assert [hit.listing.name for hit in found.farther] == ["Clinic Farther Off"]
    page = create_app(here).test_client().get("/search?q=methadone+clinic&near=Philadelphia")
    assert "None of these places lists “Methadone or Opioid treatment program”" in page.text
    # Where a service is beside words, or beside another, no more is guessed.
    assert not asked("methadone zzyzx", "Philadelphia").few


def test_names_are_found_beside_wishes_that_nobody_meets(
    asked: Asker, here: Config, database: Engine, load_rows: Loader
) -> None:
    load_rows({"name": "Harbor Willow", "city": "Philadelphia", **PHILADELPHIA}, source="silent")
    pocket.refresh(database, here)
    found = asked("harbor willow suboxone program philadelphia")
    assert [hit.listing.name for hit in found.page.hits] == ["Harbor Willow"]
    assert found.left_out == ("suboxone program",)


def test_a_place_abroad_with_no_help_near_leads_to_the_lines_there(
    asked: Asker, database: Engine, here: Config
) -> None:
    """And not to doors across the sea."""
    seeds.plant(database)
    found = asked("mum drinks too much, we are in Leeds")
    assert found.search.place is not None
    assert found.search.place.country == "GB"
    assert not found.page.hits
    assert {hit.listing.served[0] for hit in found.page.online[:4]} == {"GB"}
