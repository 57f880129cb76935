"""A listing on the desk: the form, what its source says beside it, reports and flagged edits."""

import re
import uuid
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from directory import accounts, edits, pocket, reports
from directory.config import Config
from directory.records import Record
from directory.runs import writing
from directory.web import editor, fields, report
from directory.web.app import create_app
from directory.web.fields import FORM
from tests.conftest import DEFAULTS, Loader
from tests.test_accounts import EMAIL, PASSWORD, sign_in, token
from tests.test_overrides import PLACE, one

MEETING = PLACE | {"website": "https://example.org/", "fees": "Free\nfor all"}


@pytest.fixture
def keeper(here: Config, database: Engine, load_rows: Loader) -> FlaskClient:
    """A maintainer's browser, and one listing."""
    load_rows(MEETING)
    accounts.add(database, EMAIL, "maintainer", PASSWORD)
    client = create_app(here).test_client()
    sign_in(client)
    return client


def page_of(database: Engine) -> str:
    return f"/maintain/listing/{one(database)['id']}"


def form_of(html: str) -> dict[str, str]:
    """What a browser sends of the form as it stands."""
    (form,) = re.findall(r'<form class="write".*?</form>', html, re.S)
    found = dict(re.findall(r'<input[^>]*? name="([^"]+)" value="([^"]*)"', form))
    found |= dict(
        re.findall(r'<textarea id="[^"]+" name="([^"]+)"[^>]*>\n(.*?)</textarea>', form, re.S)
    )
    for name, choices in re.findall(
        r'<select id="[^"]+" name="([^"]+)".*?>(.*?)</select>', form, re.S
    ):
        found[name] = re.findall(r"<option selected>(.*?)</option>", choices)[0]
    return {name: unescape(value).replace("\n", "\r\n") for name, value in found.items()}


def save(client: FlaskClient, path: str, **typed: str) -> Any:
    return client.post(path, data=form_of(client.get(path).text) | typed, follow_redirects=True)


def settle(client: FlaskClient, path: str, **named: str) -> str:
    form = {"csrf_token": token(client.get(path).text), **named}
    return client.post(f"{path}/settle", data=form, follow_redirects=True).text


def test_a_form_that_is_sent_as_it_stands_changes_nothing(
    keeper: FlaskClient, database: Engine
) -> None:
    before, path = one(database), page_of(database)
    form = form_of(keeper.get(path).text)
    assert set(FORM) | {f"seen-{name}" for name in FORM} | {"csrf_token"} == set(form)
    assert "Nothing was changed." in save(keeper, path).text
    assert one(database) == before


def test_what_is_saved_is_shown_at_once_beside_what_the_source_says(
    keeper: FlaskClient, database: Engine, load_rows: Loader, here: Config
) -> None:
    path = page_of(database)
    answer = save(
        keeper,
        path,
        name="Harmony House",
        phones="+1 303-555-0144 x5 | Intake\r\n\r\n+1 303 555 0145",
        sessions="monday 9:00-17:00\r\nFriday 22:00-00:30 | Bring ID & card",
        status="suspended",
        terms="service:detox\r\npay:medicaid",
    )
    assert answer.status_code == 200
    assert "Saved: name, phones, sessions, status, terms." in answer.text
    row = one(database)
    assert [(p["number"], p["extension"], p["label"]) for p in row["phones"]] == [
        ("+13035550144", "5", "Intake"), ("+13035550145", None, None),
    ]  # fmt: skip
    assert [(s["weekday"], s["start"], s["minutes"], s["note"]) for s in row["sessions"]] == [
        (0, "09:00", 480, None), (4, "22:00", 150, "Bring ID & card"),
    ]  # fmt: skip
    assert (row["status"], row["listed"]) == ("suspended", False)
    page = keeper.get(path).text
    assert 'The source says: <ins class="said-by">Harmony Place</ins>' in page
    assert f"By {EMAIL}," in page
    assert " style=" not in page
    load_rows(MEETING | {"name": "Harmony Place Inc"})
    assert "Its source changed under an edit" in keeper.get(path).text
    assert "Edits under which a source has changed: 1" in keeper.get("/maintain").text
    assert "<ins>Harmony Place Inc</ins>" in keeper.get("/maintain/edits").text
    assert "name is kept as it was edited." in settle(
        keeper, path, keep="name", **{"from": "edits"}
    )
    assert "None. No source has changed" in keeper.get("/maintain/edits").text
    assert "name is as its source says." in settle(keeper, path, drop="name")
    assert one(database)["name"] == "Harmony Place Inc"
    found = pocket.open_pocket(here)
    assert found is not None
    assert found.names("harmony place i", 5) == []  # suspended, and so not suggested


WRONG: list[tuple[dict[str, str], str]] = [
    ({"website": "javascript:alert(1)", "fees": "Ten"}, "not a safe http or https address"),
    ({"sessions": "Mondays at nine"}, "'Mondays at nine' is not like: Monday 19:30-20:30"),
    ({"sessions": "Monday 25:00-26:00"}, "String should match pattern"),
    ({"latitude": "north"}, "not a number of degrees"),
    ({"min_age": "young"}, "valid integer"),
    ({"name": " "}, "at least 1 character"),
]


def test_what_is_wrong_is_said_above_and_inputs_are_kept(
    keeper: FlaskClient, database: Engine
) -> None:
    before, path = one(database), page_of(database)
    for typed, said in WRONG:
        answer = save(keeper, path, **typed)
        assert answer.status_code == 400
        page = unescape(answer.text)
        summary = page[page.index('role="alert"') : page.index("</section>")]
        assert said in summary
        field = next(iter(typed))
        assert f'<a href="#{field}">' in summary
        assert re.search(rf'id="{field}"[^>]*aria-invalid="true"', page)
        kept = form_of(answer.text)
        assert {name: kept[name] for name in typed} == {n: v.strip() for n, v in typed.items()}
    assert one(database) == before


def test_what_an_import_changed_meanwhile_is_not_overwritten(
    keeper: FlaskClient, database: Engine, load_rows: Loader
) -> None:
    path = page_of(database)
    form = form_of(keeper.get(path).text)
    load_rows(MEETING | {"fees": "Twelve", "organization": "Faith"})
    answer = keeper.post(path, data=form | {"name": "Ours"}, follow_redirects=True)
    assert "Saved: name." in answer.text
    assert (one(database)["fees"], one(database)["organization"]) == ("Twelve", "Faith")
    answer = keeper.post(path, data=form | {"fees": "Ten"})
    assert answer.status_code == 400
    assert "It has changed since you opened this page." in answer.text
    again = form_of(answer.text)
    assert (again["fees"], again["seen-fees"]) == ("Ten", "Twelve")
    assert "Saved: fees." in keeper.post(path, data=again, follow_redirects=True).text


def test_a_report_leads_to_its_fields_and_is_settled_by_saving(
    keeper: FlaskClient, database: Engine
) -> None:
    listing = uuid.UUID(one(database)["id"])
    with database.begin() as connection:
        reports.add(connection, listing, "phone", "It is <b>0199</b>", "me@example.org")
        reports.add(connection, listing, "closed", "", None)
        first, second = (report.id for report in reports.waiting(connection))
    assert "What readers report: 2" in keeper.get("/maintain").text
    queue = keeper.get("/maintain/reports").text
    assert "It is &lt;b&gt;0199" in queue
    assert "me@example.org" in queue
    path = f"/maintain/listing/{listing}?report={first}"
    page = keeper.get(path).text
    order = re.findall(r'<label for="(\w+)">', page)
    assert order[:5] == [*reports.ABOUT["phone"]]
    wrong = keeper.post(path, data=form_of(page) | {"phones": "12"})
    assert wrong.status_code == 400
    assert "me@example.org" in wrong.text
    answer = keeper.post(
        path, data=form_of(page) | {"phones": "+13035550199"}, follow_redirects=True
    )
    assert "Saved: phones." in answer.text
    declined = {"csrf_token": token(queue), "outcome": "declined"}
    for _ in range(2):
        said = keeper.post(f"/maintain/reports/{second}", data=declined, follow_redirects=True).text
    assert f"Report {second} does not wait" in said
    with database.connect() as connection:
        rows = connection.execute(
            text("SELECT outcome, contact, settled_by FROM report ORDER BY id")
        )
        assert rows.all() == [("accepted", None, EMAIL), ("declined", None, EMAIL)]
    assert "None waits." in keeper.get("/maintain/reports").text
    again = keeper.get(path).text
    assert "A reader says" not in again


def test_still_right_in_one_click(keeper: FlaskClient, database: Engine) -> None:
    path = page_of(database)
    form = {"csrf_token": token(keeper.get(path).text)}
    for said in ("Verified today.", "This was verified today already."):
        answer = keeper.post(f"{path}/verify", data=form, follow_redirects=True)
        assert said in answer.text
    (link,) = re.findall(r'href="(/confirm/[^"]+)"', answer.text)
    assert "Harmony Place" in keeper.get(link).text
    assert one(database)["verified_on"] is not None
    settle(keeper, path, drop="verified_on")
    assert one(database)["verified_on"] is None


def test_an_edit_does_not_wait_long_for_an_import(
    keeper: FlaskClient, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editor, "PATIENCE_SECONDS", 0.1)
    path, before = page_of(database), one(database)
    with database.begin() as importing:
        writing(importing, "test")
        assert editor.BUSY in save(keeper, path, name="Ours").text
        assert one(database) == before
    assert "Saved: name." in save(keeper, path, name="Ours").text


def test_what_is_withheld_is_shown_to_nobody(
    keeper: FlaskClient, database: Engine, load_rows: Loader
) -> None:
    path = page_of(database)
    save(keeper, path, street="12 Secret Lane")
    save(keeper, path, address_public="no")
    for page in (path, "/maintain/edits", f"/listing/{one(database)['id']}"):
        shown = keeper.get(page).text
        assert "Secret Lane" not in shown
        assert "Elm Street" not in shown
        assert "-33.8688" not in shown


def test_only_maintainers_and_only_with_a_token(
    keeper: FlaskClient, here: Config, database: Engine
) -> None:
    before, guest = one(database), create_app(here).test_client()
    for path in ("", "/settle", "/verify"):
        address = page_of(database) + path
        assert keeper.post(address, data={"name": "X", "drop": "name"}).status_code == 400
        assert guest.post(address).headers["Location"] == "/sign-in"
    assert "/sign-in" in guest.get("/maintain/reports").headers["Location"]
    assert one(database) == before


def test_what_is_not_there(keeper: FlaskClient, database: Engine) -> None:
    nobody = f"/maintain/listing/{uuid.uuid4()}"
    assert keeper.get(nobody).status_code == 404
    form = {"csrf_token": token(keeper.get("/maintain").text), "outcome": "declined", "drop": "x"}
    for path in ("", "/settle", "/verify"):
        assert keeper.post(nobody + path, data=form).status_code == 404
    said = keeper.post(f"/maintain/reports/{2**70}", data=form, follow_redirects=True)
    assert "does not wait" in said.text
    assert keeper.post("/maintain/reports/1", data=form | {"outcome": "x"}).status_code == 400
    assert keeper.get(page_of(database) + f"?report={'9' * 30}").status_code == 200


def test_every_way_to_be_wrong_is_named_in_both_places() -> None:
    assert list(editor.ABOUT) == list(reports.ABOUT) == list(report.CHOICES)
    assert {name for names in reports.ABOUT.values() for name in names} <= set(FORM)


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=20)
_SESSIONS = st.lists(
    st.fixed_dictionaries(
        {
            "weekday": st.integers(0, 6),
            "start": st.times().map(lambda t: f"{t:%H:%M}"),
            "minutes": st.integers(1, 1440),
            "note": st.none() | _WORDS.filter(lambda word: "|" not in word),
            "url": st.none() | st.just("https://example.org/a"),
        }
    ),
    max_size=3,
)
_PHONES = st.lists(
    st.fixed_dictionaries(
        {
            "number": st.integers(100, 199).map(lambda n: f"+13035550{n}"),
            "extension": st.none() | st.integers(1, 99_999).map(str),
            "label": st.none() | _WORDS.filter(lambda word: "|" not in word),
        }
    ),
    max_size=3,
)


@given(_SESSIONS, _PHONES, _WORDS, st.none() | st.integers(0, 120), st.booleans())
def test_the_form_says_and_reads_the_same(
    sessions: Any, phones: Any, words: str, age: int | None, public: bool
) -> None:
    given = {"sessions": sessions, "phones": phones, "fees": words, "min_age": age}
    given |= {"address_public": public, "latitude": 39.5, "longitude": -104.123456789}
    record = Record.model_validate({**DEFAULTS, **given}).model_dump(mode="json")
    for name in FORM:
        typed = fields.plain(fields.show(name, record[name]).replace("\n", "\r\n"))
        again = Record.model_validate({**record, name: fields.read(name, typed)})
        assert again.model_dump(mode="json")[name] == record[name], name


def test_edits_are_counted_by_no_search(keeper: FlaskClient, database: Engine) -> None:
    """What the source said is found by nobody, and in no answer of the API."""
    save(keeper, page_of(database), name="Zephyrhaven", organization="Ours")
    listing = one(database)["id"]
    assert '"total":0' in keeper.get("/api/v1/search?q=Harmony&literal=1").text.replace(" ", "")
    assert '"total":1' in keeper.get("/api/v1/search?q=Zephyrhaven").text.replace(" ", "")
    answer = keeper.get(f"/api/v1/listings/{listing}").text
    assert "Harmony" not in answer
    assert EMAIL not in answer
    assert edits.LISTED_PLACE not in answer
