"""Search against a brute-force oracle over generated rows, and its rules one by one."""

import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from geopy.distance import geodesic
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from directory import question, walk, words
from directory import search as search_module
from directory.criteria import Search, conditions
from directory.errors import UsageError
from directory.generate import generate
from directory.places import place_at
from directory.question import When, Words
from directory.records import KINDS
from directory.schedule import PARTS, WEEKDAYS
from directory.search import Page, answer
from directory.vocabulary import vocabulary
from tests import brute
from tests.conftest import NOW, Loader, engine_of, fresh_database

DENVER = (39.7392, -104.9903)


@pytest.fixture(scope="module")
def generated(server: Engine, template: str, config: Any) -> Iterator[Engine]:
    """Four thousand generated listings."""
    with fresh_database(server, template) as url, engine_of(config, url) as engine:
        generate(engine, 4_000)
        yield engine


@pytest.fixture(scope="module")
def oracle(generated: Engine) -> brute.Oracle:
    return brute.Oracle(brute.read_rows(generated), NOW)


def run(engine: Engine, search: Search) -> Page:
    with engine.connect() as connection:
        return answer(connection, search, NOW)


def random_search(chance: random.Random, rows: list[brute.Row]) -> tuple[Search, list[Any]]:
    """A search of any shape near a listing, and the meaning of its words."""
    matches: list[brute.Match] = []
    found = Search(per_page=chance.choice([5, 20, 100]), page=chance.choice([1, 1, 2]))
    chosen = chance.random()
    if chosen < 0.15:
        words_, matches = random_wishes(chance, rows)
        found = replace(found, words=words_)
    elif chosen < 0.65:
        typed, matches = brute.random_question(chance, rows)
        found = replace(found, words=question.parse(typed))
    if chance.random() < 0.7:
        spot = chance.choice(rows).values
        if spot["latitude"] is not None:
            place = place_at(spot["latitude"], spot["longitude"])
            radius = chance.choice([1_000.0, 16_093.44, 40_233.6, 400_000.0])
            found = replace(found, place=place, radius_m=radius)
    if chance.random() < 0.3:
        found = replace(found, kinds=tuple(chance.sample(KINDS, chance.randint(1, 2))))
    if chance.random() < 0.5:
        codes = chance.choice(rows).values["terms"] or list(vocabulary().terms)
        found = replace(found, terms=tuple(chance.sample(codes, min(len(codes), 2))))
    if chance.random() < 0.2:
        when = When(chance.choice([*WEEKDAYS, "today", None]), chance.choice([*PARTS, None]))
        found = replace(found, when=chance.choice([when, When(open="now")]))
    if chance.random() < 0.2:
        found = replace(found, attend=chance.choice(["in_person", "online"]))
    sorts: list[Any] = ["best", "name", "soonest"] + (["distance"] if found.place else [])
    return replace(found, sort=chance.choice(sorts)), matches


def random_wishes(chance: random.Random, rows: list[brute.Row]) -> tuple[Words, list[Any]]:
    """Up to four terms that rank and leave out none, and a word of some name."""
    codes = chance.sample(list(vocabulary().terms), 1) + chance.choice(rows).values["terms"]
    wishes = chance.sample(codes, min(len(codes), chance.randint(1, 4)))
    named = words.lexemes(chance.choice(rows).values["name"])[0]
    asked = Words("", "", f"'name:{named}'", tuple(f"'{code}'" for code in wishes), frozenset())
    return asked, [brute.has_wishes(named, wishes)]


def check(search: Search, page: Page, expected: brute.Expected) -> None:
    """The page says what the oracle says."""
    assert page.total_is_exact
    assert page.total == len(expected.ids)
    counts = {facet: dict(found) for facet, found in expected.counts.items()}
    if page.counts_are_exact:
        assert {facet: dict(found) for facet, found in page.counts.items() if found} == counts
    first = (search.page - 1) * search.per_page
    wanted = expected.ids[first : first + search.per_page]
    hits = [hit for hit in page.hits if not hit.beyond]
    assert len(hits) == len(wanted)
    for hit, id_ in zip(hits, wanted, strict=True):
        got = str(hit.listing.id)
        if got != id_:  # only where both stand equally far, to the millimetre
            assert expected.keys[got][0] == pytest.approx(expected.keys[id_][0], abs=1e-3)
        if search.near:
            assert hit.distance_m == pytest.approx(expected.distances[got], abs=1e-3)
        else:
            assert hit.distance_m is None
    beyond = [hit for hit in page.hits if hit.beyond]
    if search.near and search.page == 1 and page.total < 5:
        assert [hit.distance_m for hit in beyond] == pytest.approx(
            [metres for metres, _ in expected.beyond], abs=1e-3
        )
    else:
        assert not beyond
    if search.near and search.page == 1 and search.attend is None:
        assert page.online_total == min(expected.online_total, 50)
        assert [str(hit.listing.id) for hit in page.online] == expected.online


@pytest.mark.parametrize("seed", range(150))
def test_answers_are_those_of_brute_force(
    generated: Engine, oracle: brute.Oracle, seed: int
) -> None:
    search, matches = random_search(random.Random(seed), oracle.rows)
    check(search, run(generated, search), oracle.answer(search, matches))


def test_pages_join_to_the_whole(generated: Engine) -> None:
    search = Search(kinds=("counseling", "interventionist"), per_page=100)
    whole = run(generated, search)
    seen = []
    for number in range(1, whole.total // 17 + 2):
        page = run(generated, replace(search, per_page=17, page=number))
        seen += [hit.listing.id for hit in page.hits]
    assert len(seen) == len(set(seen)) == whole.total
    assert seen[:100] == [hit.listing.id for hit in whole.hits]


@pytest.mark.parametrize(
    ("lat", "lon", "from_lat", "from_lon"),
    [
        (0.0, 179.9, 0.0, -179.9),  # across the antimeridian
        (89.95, 10.0, 89.95, -170.0),  # across the pole
        (-89.99, 0.0, -89.99, 180.0),
        (39.7392, -104.9903, 39.7392, -104.9903),  # its own coordinates
    ],
)
def test_distances_are_geodesic_everywhere(
    database: Engine, load_rows: Loader, lat: float, lon: float, from_lat: float, from_lon: float
) -> None:
    load_rows({"latitude": lat, "longitude": lon})
    true = geodesic((from_lat, from_lon), (lat, lon)).meters
    page = run(database, Search(place=place_at(from_lat, from_lon), radius_m=max(true, 100.0)))
    assert [hit.distance_m for hit in page.hits] == [pytest.approx(true, abs=1e-3)]
    assert page.total == 1


def test_radius_is_inclusive(database: Engine, load_rows: Loader) -> None:
    load_rows({"latitude": 39.75, "longitude": -104.99})
    here = place_at(39.74, -104.99)
    with database.connect() as connection:
        metres = connection.execute(
            text("SELECT ST_Distance(position, 'SRID=4326;POINT(-104.99 39.74)') FROM listing")
        ).scalar_one()
    assert run(database, Search(place=here, radius_m=metres)).total == 1
    outside = run(database, Search(place=here, radius_m=metres - 0.01))
    assert outside.total == 0
    assert outside.beyond


def test_names_come_before_labels_and_labels_before_the_rest(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(
        {"external_id": "rest", "description": "not a detox", "name": "A"},
        {"external_id": "term", "terms": ["service:detox"], "name": "B"},
        {"external_id": "name", "name": "Detox House"},
    )
    page = run(database, Search(words=question.parse("detox")))
    assert [hit.listing.external_id for hit in page.hits] == ["name", "term", "rest"]


@pytest.mark.parametrize(
    "typed", ["open*", "ope*", "nam*", "name*", "kind*", "serv*", "quality*", "qua*"]
)
def test_the_beginning_of_a_word_is_none_of_a_code(
    database: Engine, load_rows: Loader, typed: str
) -> None:
    """Hours, kinds, terms and words of names are among the lexemes, as "open:151"."""
    hours = [{"weekday": 0, "start": "09:00", "minutes": 60}]
    load_rows(
        {"name": "Elm", "sessions": hours, "timezone": "America/Denver", "region": "CO"},
        {"external_id": "2", "name": typed.replace("*", "zzz"), "description": "word"},
    )
    page = run(database, Search(words=question.parse(typed)))
    assert [hit.listing.external_id for hit in page.hits] == ["2"]


def test_a_letter_or_two_stand_for_themselves(database: Engine, load_rows: Loader) -> None:
    load_rows({"name": "Elm"}, {"external_id": "2", "name": "El Paso"})
    page = run(database, Search(words=question.parse("el*")))
    assert [hit.listing.external_id for hit in page.hits] == ["2"]


def test_a_name_that_looks_like_an_exclusion_finds_itself(
    database: Engine, load_rows: Loader
) -> None:
    load_rows(
        {"name": "Mercy Hospital -Saint Mary Campus"},
        {"external_id": "2", "name": "Mercy Hospital Campus"},
        {"external_id": "3", "name": "Mercy Hospital of Saint Mary"},
    )
    typed = "mercy hospital -saint mary campus"
    page = run(database, Search(words=question.parse(typed)))
    assert [hit.listing.external_id for hit in page.hits] == ["1"]
    page = run(database, Search(words=question.parse("mercy hospital -saint")))
    assert [hit.listing.external_id for hit in page.hits] == ["2"]


def test_closed_and_suspended_are_not_found(database: Engine, load_rows: Loader) -> None:
    load_rows({"status": "closed"}, {"external_id": "2", "status": "suspended"})
    assert run(database, Search()).total == 0


def test_a_hidden_address_is_found_only_roughly(database: Engine, load_rows: Loader) -> None:
    exact = {"latitude": 39.7392358, "longitude": -104.990251}
    load_rows({**exact, "address_public": False, "street": ["1 Secret Way"], "extra": {"a": "b"}})
    with database.connect() as connection:
        row = connection.execute(text("SELECT l.*, search::text AS said FROM listing l")).one()
    assert (row.latitude, row.longitude, row.precision) == (39.7, -105.0, "approximate")
    assert "secret" not in str(row._mapping).lower()


def test_more_matches_than_are_gathered(
    generated: Engine, oracle: brute.Oracle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beyond the limit the total is open, the order is true and the counts are estimates."""
    monkeypatch.setattr(search_module, "EXACT_TO", 1_000)
    monkeypatch.setattr(walk, "GATHERED", 1_000)
    expected = oracle.answer(Search())
    page = run(generated, Search())
    assert (page.total, page.total_is_exact) == (1_000, False)
    assert [str(hit.listing.id) for hit in page.hits] == expected.ids[:20]
    for facet, counts in expected.counts.items():
        for code, count in counts.items():
            if count > 1_000:
                # Four standard deviations of one in sixteen.
                assert page.counts[facet][code] == pytest.approx(count, abs=16 * count**0.5)
    for typed in ("sample", "recovery meeting", "family"):
        asked = Search(words=question.parse(typed), page=3)
        matches = [brute.has_word(lexeme) for lexeme in words.lexemes(typed)]
        named = oracle.answer(asked, matches)
        found = run(generated, asked)
        assert [str(hit.listing.id) for hit in found.hits] == named.ids[40:60]
    named = oracle.answer(Search(sort="name"))
    by_name = run(generated, Search(sort="name"))
    assert [str(hit.listing.id) for hit in by_name.hits] == named.ids[:20]
    narrow = Search(kinds=("hotline",))
    few = oracle.answer(narrow)
    page = run(generated, narrow)
    assert (page.total, page.total_is_exact) == (len(few.ids), True)
    assert [str(hit.listing.id) for hit in page.hits] == few.ids[:20]
    assert page.counts["service"] == few.counts.get("service", {})


@pytest.mark.parametrize("guess", [1, 30, 400, 3_000, 250_000])
@pytest.mark.parametrize(
    "typed", ["newcomers", "book study", "family", "sample", "outpatient -detox"]
)
@pytest.mark.parametrize(("sort", "number"), [("best", 1), ("best", 4), ("name", 2)])
def test_no_guess_changes_what_comes_first(
    generated: Engine,
    oracle: brute.Oracle,
    monkeypatch: pytest.MonkeyPatch,
    guess: int,
    typed: str,
    sort: Any,
    number: int,
) -> None:
    """Whichever way a page is looked for, it is the same: words of complete and of less complete
    listings, guessed to be rare or common."""
    monkeypatch.setattr(walk, "guesses", lambda *_: (guess, 250_000))
    monkeypatch.setattr(walk, "GATHERED", 50)
    search = Search(words=question.parse(typed), sort=sort, page=number, per_page=7)
    matches = [
        brute.lacks(brute.has_word(words.stem(word[1:])))
        if word.startswith("-")
        else brute.has_word(words.stem(word))
        for word in typed.split()
    ]
    expected = oracle.answer(search, matches).ids[7 * (number - 1) : 7 * number]
    assert expected
    with generated.connect() as connection:
        found = walk.ordered(connection, search, conditions(search, NOW))
    assert found == expected


@pytest.mark.parametrize("typed", [None, "family", "recovery meeting"])
@pytest.mark.parametrize("sort", ["best", "distance"])
def test_a_crowded_place_is_paged_in_true_order(
    generated: Engine,
    oracle: brute.Oracle,
    monkeypatch: pytest.MonkeyPatch,
    typed: str | None,
    sort: Any,
) -> None:
    """With the total open, the page is still that of brute force."""
    monkeypatch.setattr(search_module, "EXACT_TO", 100)
    monkeypatch.setattr(search_module, "SAMPLE", 50)
    matches = [brute.has_word(lexeme) for lexeme in words.lexemes(typed)] if typed else []
    search = Search(
        words=question.parse(typed) if typed else None,
        place=place_at(40.0, -90.0),
        radius_m=1_500_000.0,
        sort=sort,
        page=3,
    )
    page = run(generated, search)
    assert (page.total, page.total_is_exact, page.counts_are_exact) == (100, False, False)
    expected = oracle.answer(search, matches)
    assert [str(hit.listing.id) for hit in page.hits] == expected.ids[40:60]


def test_nothing_more_is_looked_for_where_only_the_radius_matters(generated: Engine) -> None:
    near = Search(place=place_at(0.0, 0.0), radius_m=1_000.0)
    with generated.connect() as connection:
        assert answer(connection, near, NOW).beyond
        page = answer(connection, near, NOW, whole=False)
    assert (page.hits, page.total, page.online) == ([], 0, [])


def test_no_page_beyond_the_first_ten_thousand(database: Engine) -> None:
    with pytest.raises(UsageError, match="narrow"):
        run(database, Search(page=101, per_page=100))


@given(st.text(max_size=200))
def test_any_text_is_a_question_or_a_clear_error(typed: str) -> None:
    try:
        found = question.parse(typed)
    except UsageError as error:
        assert error.parameter == "q"
    else:
        assert found is None or found.tsquery


@pytest.mark.parametrize(
    ("typed", "name_tsquery"),
    [
        ("detox", "('name:detox')"),
        ("the detox", "('name:detox')"),
        ("Here and Now", "('name:here') & ('name:now')"),
        ("A.A. women's", "('name:aa') & ('name:women')"),
        ("-alcohol x", "!(('alcohol')) & ('name:x')"),
        ('"peer support" OR family', "(('name:peer' <-> 'name:support')) | ('name:famili')"),
        ("recover*", "('name:recover':* | 'name:recov')"),
        ("co-occurring", "('name:co') & ('name:occur')"),
        ("x'y\\z", "('name:xy') & ('name:z')"),
    ],
)
def test_question_language(typed: str, name_tsquery: str) -> None:
    found = question.parse(typed)
    assert found is not None
    plain = re.sub(r" \| '(?!name:)[a-z]+:[a-z-]+'", "", found.name_tsquery)
    assert plain in (name_tsquery, f"({name_tsquery})")


@pytest.mark.parametrize("typed", ["", "!!!", "*", '""', "- -"])
def test_no_words_at_all(typed: str) -> None:
    assert question.parse(typed) is None


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("suboxone", "service:buprenorphine"),
        ("detox", "service:detox"),
        ('"peer support"', "service:peer-support"),
        ("naltrex*", "service:naltrexone"),
        ("therapist", "kind:counseling"),
    ],
)
def test_words_also_mean_the_terms_that_are_called_so(typed: str, code: str) -> None:
    found = question.parse(typed)
    assert found is not None
    assert f"'{code}'" in found.tsquery
    assert f"'{code}'" in found.wishes[0]
    assert f"'{code}'" not in found.name_tsquery


@pytest.mark.parametrize("typed", ["a" * 201, " ".join("bcdefghjklmno"), "nul\0"])
def test_questions_too_long_are_refused(typed: str) -> None:
    with pytest.raises(UsageError):
        question.parse(typed)
