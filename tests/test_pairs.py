"""The desk's queue of pairs: what it shows of both, and that its buttons decide."""

import threading

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from directory import accounts, matching
from directory.config import Config
from directory.web import pairs
from directory.web.app import create_app
from tests.conftest import Loader
from tests.test_accounts import EMAIL, PASSWORD, sign_in, token
from tests.test_matching import HOME, LODGE, links, waiting

PAGE = "/maintain/pairs"


@pytest.fixture
def keeper(here: Config, database: Engine, load_rows: Loader) -> FlaskClient:
    """A maintainer's browser, and one pair that waits."""
    load_rows(HOME | {"organization": "Hope & Sons"}, source="one")
    load_rows(LODGE, source="two")
    accounts.add(database, EMAIL, "maintainer", PASSWORD)
    client = create_app(here).test_client()
    sign_in(client)
    return client


def press(client: FlaskClient, pair: int, decision: str) -> str:
    form = {"csrf_token": token(client.get(PAGE + "?show=decided").text), "decision": decision}
    return client.post(f"{PAGE}/{pair}", data=form, follow_redirects=True).text


def test_both_are_side_by_side_and_what_differs_is_marked(keeper: FlaskClient) -> None:
    page = keeper.get(PAGE).text
    assert "1 pair waits" in page
    assert "<mark>12 Elm Street</mark>" in page
    # Where there is no room for columns each value says whose it is.
    assert page.count("<td data-label") == page.count('<td data-label="Test source">') > 2
    assert "<mark>20 Elm Street</mark>" in page
    assert "<div>Denver, CO 80202</div>" in page
    assert "<mark>Hope &amp; Sons</mark>" in page
    assert page.count("not said") == 2  # an organization and a phone
    assert 'aria-label="Map, north above: 56 m apart"' in page
    assert " style=" not in page


def test_a_decision_is_kept_and_can_be_changed(keeper: FlaskClient, database: Engine) -> None:
    pair = waiting(database)[0]["id"]
    page = press(keeper, pair, "same")
    assert "Remembered: the two are the same" in page
    assert "None waits." in page
    assert len(links(database)) == 1
    decided = keeper.get(PAGE + "?show=decided").text
    assert f"{EMAIL} said on" in decided
    press(keeper, pair, "different")
    assert links(database) == {}
    assert waiting(database) == []
    press(keeper, pair, "undecided")
    assert [row["id"] for row in waiting(database)] == [pair]


def test_what_cannot_be_decided(keeper: FlaskClient, database: Engine) -> None:
    pair = waiting(database)[0]["id"]
    assert "A pair is same or different or undecided." in press(keeper, pair, "perhaps")
    assert "There is no pair 123456" in press(keeper, 123456, "same")
    assert "There is no pair" in press(keeper, 2**63, "same")
    assert keeper.post(f"{PAGE}/{pair}", data={"decision": "same"}).status_code == 400
    assert links(database) == {}


def test_nobody_else_decides(keeper: FlaskClient, here: Config, database: Engine) -> None:
    pair = waiting(database)[0]["id"]
    guest = create_app(here).test_client()
    assert "/sign-in" in guest.get(PAGE).headers["Location"]
    assert guest.post(f"{PAGE}/{pair}", data={"decision": "same"}).status_code in (302, 303, 400)
    assert links(database) == {}


def test_a_decision_does_not_wait_long_for_an_import(
    keeper: FlaskClient, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pairs, "PATIENCE_SECONDS", 0.1)
    pair = waiting(database)[0]["id"]
    with database.begin() as importing:
        matching.exclusive(importing)
        assert "An import is being written" in press(keeper, pair, "same")
    assert "Remembered" in press(keeper, pair, "same")


def test_two_imports_at_once_miss_nothing(
    database: Engine, load_rows: Loader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second waits before it writes, and so sees what the first wrote."""
    reached, go = threading.Event(), threading.Event()
    match_run = matching.match_run

    def slow(*given: object) -> None:
        if not reached.is_set():
            reached.set()
            assert go.wait(20)
        match_run(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(matching, "match_run", slow)
    first = threading.Thread(target=lambda: load_rows(HOME, source="one"))
    second = threading.Thread(target=lambda: load_rows(HOME, source="two"))
    first.start()
    assert reached.wait(20)
    second.start()
    asleep = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(text(asleep)).scalar_one():
            assert second.is_alive()
    go.set()
    first.join()
    second.join()
    assert len(links(database)) == 1
