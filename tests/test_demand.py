"""What is looked for: counted in tens, and nothing of who looks, with which words, or where."""

import logging
import threading
from collections import Counter
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as told
from hypothesis import strategies as st
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import IntegrityError

from directory import accounts, demand, pocket
from directory.asking import ask as answered
from directory.config import Config, load_config
from directory.criteria import Search
from directory.demand import MOST, TEN, Tens
from directory.errors import UsageError
from directory.phrases import Question, part_of
from directory.places import Place, place_at
from directory.web.app import create_app
from tests.conftest import NOW, Loader
from tests.test_accounts import EMAIL, PASSWORD, sign_in

Rows = dict[tuple[date, str, str], int]
DAY = NOW.date()
DENVER = replace(place_at(39.74, -104.99), region="CO")
CASPER = replace(place_at(42.85, -106.32), region="WY")
DETOX, FREE = "service:detox", "pay:free"


def asks(*codes: str, place: Place | None = DENVER, page: int = 1) -> Search:
    return Search(terms=codes, place=place, page=page)


def stored(engine: Engine) -> Rows:
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT day, region, term, searches FROM demand"))
        return {(row.day, row.region, row.term): row.searches for row in rows}


def count(tens: Tens, search: Search, times: int = 1, now: datetime = NOW) -> None:
    for _ in range(times):
        if tens.add(search, now):
            tens.write()


_PLACES = {"US-CO": DENVER, "US-WY": CASPER, "": None}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from([*_PLACES]),
            st.sets(st.sampled_from([DETOX, FREE, "service:aftercare"])),
            st.integers(1, 25),
            st.integers(0, 1),
        ),
        max_size=30,
    )
)
@told(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_whole_tens_are_stored_and_never_too_many(
    database: Engine, asked: list[tuple[int, str, set[str], int, int]]
) -> None:
    """Whatever is asked of however many processes: each ten was asked of one of them in a day."""
    with database.begin() as connection:
        connection.execute(text("TRUNCATE demand"))
    workers = [Tens(database) for _ in range(3)]
    true: Counter[tuple[date, str, str]] = Counter()
    of_each = [Counter[tuple[date, str, str]]() for _ in workers]
    # The clock never goes back.
    for worker, region, codes, times, days in sorted(asked, key=lambda one: one[4]):
        now = NOW + timedelta(days=days)
        count(workers[worker], asks(*codes, place=_PLACES[region]), times, now)
        for code in codes if region else ():
            true[now.date(), region, code] += times
            of_each[worker][now.date(), region, code] += times
    found = stored(database)
    assert all(searches % TEN == 0 and searches >= TEN for searches in found.values())
    assert all(searches <= true[key] for key, searches in found.items())
    expected: Counter[tuple[date, str, str]] = Counter()
    for counted in of_each:
        expected += Counter({key: times - times % TEN for key, times in counted.items()})
    assert found == +expected


def test_the_ninth_is_nowhere_and_the_tenth_is_ten(database: Engine) -> None:
    tens = Tens(database)
    count(tens, asks(DETOX), 9)
    assert stored(database) == {}
    count(tens, asks(DETOX, FREE))
    assert stored(database) == {(DAY, "US-CO", DETOX): 10}
    count(tens, asks(DETOX), 19)
    assert stored(database) == {(DAY, "US-CO", DETOX): 20}


def test_the_table_takes_nothing_but_tens(database: Engine) -> None:
    for searches in (0, 1, 9, 15, -10):
        with pytest.raises(IntegrityError), database.begin() as connection:
            values = f"(CURRENT_DATE, 'US-CO', 'service:detox', {searches})"
            connection.execute(text(f"INSERT INTO demand VALUES {values}"))


def test_threads_lose_nothing(database: Engine) -> None:
    tens, codes = Tens(database), ("service:aftercare", DETOX, FREE)

    def work(first: int) -> None:
        count(tens, asks(*codes[first:], *codes[:first]), 100)

    threads = [threading.Thread(target=work, args=(n % 3,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    tens.write()  # what was taken up while somebody else was writing
    assert stored(database) == {(DAY, "US-CO", code): 800 for code in codes}


def test_processes_that_write_at_once_wait_for_each_other_in_order(database: Engine) -> None:
    codes = [f"service:{n}" for n in range(30)]

    def work(number: int) -> None:
        count(Tens(database), asks(*codes[number:], *codes[:number]), 50)

    threads = [threading.Thread(target=work, args=(n * 7,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored(database) == {(DAY, "US-CO", code): 200 for code in codes}


def test_what_is_left_of_a_day_is_forgotten(database: Engine) -> None:
    tens = Tens(database)
    late = datetime(2026, 11, 22, 23, 59, tzinfo=UTC)
    count(tens, asks(DETOX), 9, late)
    count(tens, asks(DETOX), 9, late + timedelta(minutes=2))
    assert stored(database) == {}
    count(tens, asks(DETOX), 1, late + timedelta(minutes=2))
    assert stored(database) == {(date(2026, 11, 23), "US-CO", DETOX): 10}


def test_memory_has_an_end(database: Engine) -> None:
    tens = Tens(database)
    many = [f"service:{n}" for n in range(MOST + 5)]
    count(tens, asks(*many))
    assert len(tens._counts) == MOST
    count(tens, asks(many[0], many[-1]), 9)
    assert stored(database) == {(DAY, "US-CO", many[0]): 10}


def test_old_rows_go_with_a_new_one_and_with_an_import(database: Engine, load_rows: Loader) -> None:
    old = (
        "INSERT INTO demand SELECT (CURRENT_DATE - interval '13 months')::date - n, 'US-CO', "
        "'service:detox', 10 FROM generate_series(0, 1) n"
    )
    today = datetime.now(UTC)
    for act in (lambda: count(Tens(database), asks(FREE), 10, today), lambda: load_rows({})):
        with database.begin() as connection:
            connection.execute(text("TRUNCATE demand"))
            connection.execute(text(old))
        act()
        days = [day for day, _, code in stored(database) if code == DETOX]
        assert len(days) == 1


def question(*parts: tuple[str, bool], place: Place | None = None) -> Question:
    found = [part_of(code, code, 0, 9, negated) for code, negated in parts]
    if place:
        found.append(replace(part_of("x", "x", 0, 1), what="place", codes=(), place=place))
    return Question("", parts=tuple(found))


@pytest.mark.parametrize(
    ("search", "region", "codes"),
    [
        (asks(DETOX, FREE), "US-CO", (DETOX, FREE)),
        (asks(DETOX, place=None), None, (DETOX,)),
        (asks(DETOX, place=place_at(0.0, -150.0)), None, (DETOX,)),
        (asks(DETOX, place=place_at(48.85, 2.35)), "FR", (DETOX,)),
        (Search(kinds=("hotline",), place=DENVER), "US-CO", ("kind:hotline",)),
        (
            Search(
                question=question(
                    (DETOX, False),
                    (FREE, True),
                    ("time:evening", False),
                    ("attend:online", False),
                    ("fellowship:aa|fellowship:na", False),
                    ("kind:support_group", False),
                    place=CASPER,
                ),
                terms=(DETOX,),
            ),
            "US-WY",
            (DETOX, "fellowship:aa", "fellowship:na", "kind:support_group"),
        ),
    ],
)
def test_what_of_a_search_is_counted(
    search: Search, region: str | None, codes: tuple[str, ...]
) -> None:
    assert (demand.region_of(search), search.wanted) == (region, codes)


DOOR: dict[str, object] = {
    **{"in_person": True, "region": "CO", "terms": ["pay:free"]},
    **{"latitude": 39.74, "longitude": -104.99},
}


@pytest.fixture
def browser(here: Config, database: Engine, load_rows: Loader) -> FlaskClient:
    """A searcher's, of a directory with one listing that knows how words are spelled."""
    load_rows(DOOR)
    pocket.refresh(database, here)
    return create_app(here).test_client()


def ask(browser: FlaskClient, path: str, times: int = TEN, status: int = 200) -> None:
    for _ in range(times):
        # The answer is closed, as a server closes it when it is sent.
        assert browser.get(path, buffered=True).status_code == status


def terms(engine: Engine) -> dict[tuple[str, str], int]:
    return {(region, term): searches for (_, region, term), searches in stored(engine).items()}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/search?q=detox&near=Denver", {("US-CO", DETOX)}),
        ("/es/search?q=desintoxicacion+en+Denver", {("US-CO", DETOX)}),
        ("/search?q=detox+in+Colorado", {("US-CO", DETOX)}),
        ("/search?q=detox&near=Wyoming", {("US-WY", DETOX)}),
        ("/search?lat=39.74&lon=-104.99&term=pay:free", {("US-CO", FREE)}),
        ("/search?kind=hotline&near=80202", {("US-CO", "kind:hotline")}),
        ("/api/v1/search?q=detox&near=Denver", {("US-CO", DETOX)}),
        # What nobody offers is counted too, also where the answer is to less, or to a respelling.
        ("/search?q=detox+unicorns&near=Denver", {("US-CO", DETOX)}),
        ("/search?q=detoxx&near=Denver", {("US-CO", DETOX)}),
        ("/search?q=detox+tonight&near=Honolulu", {("US-HI", DETOX)}),
        ("/search?q=detox", set()),
        ("/search?near=Denver", set()),
        ("/search?q=unicorns&near=Denver", set()),
        ("/search?q=detox&near=Denver&page=2", set()),
        ("/api/v1/search?q=detox&near=Denver&page=2", set()),
        ("/api/v1/search.geojson?q=detox&near=Denver", set()),
        ("/api/v1/search.csv?q=detox&near=Denver", set()),
        ("/api/v1/suggest?q=detox", set()),
        ("/list?near=Denver", set()),
    ],
)
def test_which_requests_count(
    browser: FlaskClient, database: Engine, path: str, found: set[tuple[str, str]]
) -> None:
    ask(browser, path)
    assert terms(database) == dict.fromkeys(found, 10)


def test_what_is_let_go_for_lack_of_results_is_counted_all_the_same(
    here: Config, browser: FlaskClient, database: Engine
) -> None:
    """A gap is what is looked for and not there."""
    values = {"q": ["detox aftercare"], "near": ["Denver"]}
    with database.connect() as connection:
        found = answered(connection, values, here, NOW)
    assert found.left_out == ("detox", "aftercare")
    assert found.search.wanted == ("kind:treatment",)
    assert found.whole is not None
    assert found.whole.wanted == (DETOX, "service:aftercare")
    assert demand.region_of(found.whole) == "US-CO"


def test_a_refused_question_counts_nothing(browser: FlaskClient, database: Engine) -> None:
    ask(browser, "/search?q=detox&near=Denver&radius=1000", status=400)
    assert stored(database) == {}


def test_it_can_be_switched_off(here: Config, database: Engine) -> None:
    off = create_app(replace(here, count_searches=False)).test_client()
    ask(off, "/search?q=detox&near=Denver")
    assert stored(database) == {}
    assert load_config({"DIRECTORY_COUNT_SEARCHES": "0"}).count_searches is False
    with pytest.raises(UsageError, match="DIRECTORY_COUNT_SEARCHES"):
        load_config({"DIRECTORY_COUNT_SEARCHES": "yes"})
    for path in ("/privacy", "/es/privacy"):
        assert 'id="counts"' not in off.get(path).text


def test_a_database_that_is_away_costs_the_counts_alone(
    database: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    tens = Tens(create_engine("postgresql+psycopg2://nobody@127.0.0.1:9/none"))
    with caplog.at_level(logging.DEBUG):
        count(tens, asks(DETOX), 20)
    (record,) = caplog.records  # it is not tried again at once
    assert record.getMessage() == "Counts of searches were lost: OperationalError"
    tens._engine, tens._rest_until = database, 0.0
    count(tens, asks(DETOX), 10)
    assert stored(database) == {(DAY, "US-CO", DETOX): 10}


def test_no_search_fails_where_counts_cannot_be_written(
    browser: FlaskClient,
    database: Engine,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(demand, "REST_S", 0)
    path = f"/search?q=detox&near=Denver&term={FREE}"
    with database.connect() as holder:
        holder.execute(text("LOCK TABLE demand IN ACCESS EXCLUSIVE MODE"))
        ask(browser, path)
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE demand RENAME TO demand_away"))
    ask(browser, path)
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE demand_away RENAME TO demand"))
    assert stored(database) == {}
    lost = [record.getMessage() for record in caplog.records]
    assert lost == [
        f"Counts of searches were lost: {e}Error" for e in ("Operational", "Programming")
    ]
    for word in (DETOX, FREE, "US-CO", "Denver"):
        assert word not in caplog.text
    ask(browser, path)
    assert terms(database) == {("US-CO", DETOX): 10, ("US-CO", FREE): 10}


def test_the_privacy_page_says_it(browser: FlaskClient) -> None:
    page = browser.get("/privacy").text
    assert (
        "We count how many searches on one day ask for one kind of help in one state or country, "
        f"such as “detox in Colorado”, and we write a count down only in steps of {TEN}." in page
    )
    assert f"What fewer than {TEN} searches ask for is never written down." in page
    assert "No count holds your words, your town, or who you are." in page
    assert f"delete them after {demand.KEPT_MONTHS} months" in page
    page = browser.get("/es/privacy").text
    assert f"anotamos la cuenta solo de {TEN} en {TEN}." in page
    assert f"después de {demand.KEPT_MONTHS} meses" in page


def test_the_page_of_the_desk(here: Config, database: Engine) -> None:
    accounts.add(database, EMAIL, "maintainer", PASSWORD)
    keeper = create_app(here).test_client()
    assert "/sign-in" in keeper.get("/maintain/demand").headers["Location"]
    sign_in(keeper)
    assert "Nothing yet." in keeper.get("/maintain/demand").text
    rows = [
        (0, "US-CO", DETOX, 20),
        (1, "US-CO", DETOX, 1_400),
        (1, "US-WY", DETOX, 30),
        (1, "US-WY", "kind:hotline", 50),
        (2, "US-WY", "service:of-an-older-version", 10),
        (demand.SHOWN_DAYS, "US-TX", FREE, 90),
    ]
    with database.begin() as connection:
        for ago, *values in rows:
            one = ", ".join(repr(value) for value in values)
            connection.execute(text(f"INSERT INTO demand VALUES (CURRENT_DATE - {ago}, {one})"))
        assert demand.by_term(connection) == [
            demand.Wanted("", DETOX, 1_450, 1_430),
            demand.Wanted("", "kind:hotline", 50, 50),
            demand.Wanted("", "service:of-an-older-version", 10, 10),
        ]
        assert demand.by_region(connection)[0] == demand.Wanted("US-CO", DETOX, 1_420, 1_400)
        assert demand.regions(connection) == ["US-CO", "US-WY"]
    page = keeper.get("/maintain/demand").text
    assert '<td class="num" data-label="Searches">1,450</td>' in page
    assert '<th scope="row">US-CO</th><td data-label="Looked for">Detox' in page
    assert "Help lines" in page
    assert "service:of-an-older-version" in page
    assert "Counts are in tens" in page
    assert "Counting is off" not in page
    assert '<a href="/maintain/demand" aria-current="page">' in page
    page = keeper.get("/maintain/demand?region=US-WY").text
    assert '<th scope="row">US-WY</th>' in page
    assert '<th scope="row">US-CO</th>' not in page
    for odd in ("%00", "'", "%ff", "zz"):
        assert keeper.get(f"/maintain/demand?region={odd}").status_code == 200
    off = create_app(replace(here, count_searches=False)).test_client()
    sign_in(off)
    assert "Counting is off" in off.get("/maintain/demand").text
