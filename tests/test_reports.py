"""Readers' reports: the form, what is kept and erased, its limits; and a listed place's link."""

import re
import threading
import uuid
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from itsdangerous import TimestampSigner
from sqlalchemy import Engine, text

from directory import db, reports
from directory.config import Config
from directory.reports import ABOUT, LONGEST, LONGEST_CONTACT, RECENT, WAITING, TooMany
from directory.runs import writing
from directory.web import confirm
from directory.web.app import create_app
from directory.web.catalogue import updated
from directory.web.report import CHOICES
from tests.conftest import Loader
from tests.reading import blocks_of, counts
from tests.test_languages import words_of
from tests.test_reading import LIMIT

SAYS = {"about": "phone", "words": "It is 303-555-0199 <now>.", "contact": "me@example.org"}


@pytest.fixture
def listing(database: Engine, load_rows: Loader) -> uuid.UUID:
    """A listing."""
    load_rows({"external_id": "1", "name": "Open Door", "phones": ["303-555-0101"]})
    with database.connect() as connection:
        return uuid.UUID(str(connection.execute(text("SELECT id FROM listing")).scalar_one()))


@pytest.fixture
def guest(here: Config) -> FlaskClient:
    """A reader's browser."""
    return create_app(here).test_client()


def kept(database: Engine) -> list[Any]:
    with database.connect() as connection:
        return list(connection.execute(text("SELECT * FROM report ORDER BY id")).all())


def row(database: Engine) -> Any:
    with database.connect() as connection:
        return connection.execute(text("SELECT *, CURRENT_DATE AS today FROM listing")).one()


@pytest.mark.parametrize("prefix", ["", "/es"])
def test_a_report_is_sent_without_a_cookie(
    guest: FlaskClient, listing: uuid.UUID, database: Engine, prefix: str
) -> None:
    page = guest.get(f"{prefix}/listing/{listing}")
    assert f'href="{prefix}/report/{listing}"' in page.text
    form = guest.get(f"{prefix}/report/{listing}")
    sent = guest.post(f"{prefix}/report/{listing}", data=SAYS)
    assert (sent.status_code, sent.headers["Location"]) == (
        303, f"{prefix}/report/{listing}/thanks",
    )  # fmt: skip
    thanks = guest.get(sent.headers["Location"])
    assert thanks.status_code == 200
    assert f'href="{prefix}/listing/{listing}/' in thanks.text
    for answer in (page, form, sent, thanks):
        assert "Set-Cookie" not in answer.headers
    assert "no-store" in form.headers["Cache-Control"]
    (report,) = kept(database)
    assert (report.listing_id, report.about, report.contact) == (listing, "phone", SAYS["contact"])
    assert report.words == "It is 303-555-0199 ."
    assert report.outcome is None


def test_the_form_is_plain_and_offers_what_can_be_kept(
    guest: FlaskClient, listing: uuid.UUID
) -> None:
    form = guest.get(f"/report/{listing}").text
    assert re.findall(r'name="about" value="(\w+)"', form) == list(CHOICES) == list(ABOUT)
    assert counts(blocks_of(form)).grade <= LIMIT
    assert counts(blocks_of(guest.get(f"/report/{listing}/thanks").text)).grade <= LIMIT


WRONG: list[tuple[dict[str, str], str, str]] = [
    ({"about": ""}, "about", "Choose what is wrong."),
    ({"about": "nonsense"}, "about", "Choose what is wrong."),
    ({"about": "other", "words": " \0 "}, "words", "Say what is wrong in a few words."),
    ({"words": "x" * (LONGEST + 1)}, "words", "at most 1000 characters"),
    ({"contact": "x" * (LONGEST_CONTACT + 1)}, "contact", "at most 200 characters"),
]


def test_what_is_wrong_is_said_and_what_was_typed_is_kept(
    guest: FlaskClient, listing: uuid.UUID, database: Engine
) -> None:
    for change, field, said in WRONG:
        sent = SAYS | change
        answer = guest.post(f"/report/{listing}", data=sent)
        page = unescape(answer.text)
        assert answer.status_code == 400
        assert said in page
        assert 'role="alert"' in page
        assert "<title>Nothing was sent yet. " in page  # what a screen reader says first
        # The summary leads to the field, and the same words stand at it.
        assert re.findall(r'<span class="why" id="(\w+)-wrong">', page) == [field]
        assert f'<a href="#{field}' in page
        assert f">{sent['words']}</textarea>" in page or "\0" in sent["words"]
        assert f'value="{sent["contact"]}"' in page
        assert (f'value="{sent["about"]}" required checked' in page) == (sent["about"] in ABOUT)
    assert kept(database) == []


def test_the_longest_that_is_taken(
    guest: FlaskClient, listing: uuid.UUID, database: Engine
) -> None:
    sent = {"about": "other", "words": "x" * LONGEST, "contact": ""}
    assert guest.post(f"/report/{listing}", data=sent).status_code == 303
    assert (kept(database)[0].words, kept(database)[0].contact) == ("x" * LONGEST, None)


def test_a_form_of_another_site_is_refused(
    guest: FlaskClient, listing: uuid.UUID, database: Engine
) -> None:
    link = confirm_link(guest, listing)
    for site in ("cross-site", "same-site"):
        for path in (f"/report/{listing}", link):
            answer = guest.post(path, data=SAYS, headers={"Sec-Fetch-Site": site})
            assert answer.status_code == 403
            assert "This came from another site" in answer.text
    assert kept(database) == []
    assert row(database).verified_on is None
    assert (
        "Esto llegó desde otro sitio"
        in guest.post(
            f"/es/report/{listing}", data=SAYS, headers={"Sec-Fetch-Site": "cross-site"}
        ).text
    )


def test_there_is_no_such_listing(guest: FlaskClient) -> None:
    for path in ("/report/x", f"/report/{uuid.uuid4()}", "/report/%00"):
        for answer in (guest.get(path), guest.post(path, data=SAYS)):
            assert answer.status_code == 404


def test_what_is_gone_takes_no_report(
    guest: FlaskClient, listing: uuid.UUID, database: Engine
) -> None:
    link = confirm_link(guest, listing)
    with database.begin() as connection:
        connection.execute(text("UPDATE listing SET status = 'gone'"))
    assert guest.get(f"/report/{listing}").status_code == 410
    assert guest.post(f"/report/{listing}", data=SAYS).status_code == 410
    assert guest.get(link).status_code == 410
    assert kept(database) == []


def add(database: Engine, listing: uuid.UUID) -> None:
    with database.begin() as connection:
        reports.add(connection, listing, "other", "words", "contact")


def test_a_listing_has_so_many_reports_that_wait(
    guest: FlaskClient, listing: uuid.UUID, database: Engine
) -> None:
    for _ in range(WAITING - 1):
        add(database, listing)
    assert guest.post(f"/report/{listing}", data=SAYS).status_code == 303
    answer = guest.post(f"/report/{listing}", data=SAYS)
    assert answer.status_code == 429
    assert "Others have told us about this place." in answer.text
    assert SAYS["contact"] in answer.text
    with database.begin() as connection:
        reports.settle(connection, kept(database)[0].id, "declined", "x")
    assert guest.post(f"/report/{listing}", data=SAYS).status_code == 303


def test_so_many_are_taken_in_ten_minutes_however_many_come_at_once(
    guest: FlaskClient, listing: uuid.UUID, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "WAITING", 1_000)
    refused: list[bool] = []

    def send() -> None:
        for _ in range(RECENT // 2):
            try:
                add(database, listing)
            except TooMany as many:
                refused.append(many.listing)

    senders = [threading.Thread(target=send) for _ in range(4)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert len(kept(database)) == RECENT
    assert refused == [False] * RECENT
    answer = guest.post(f"/report/{listing}", data=SAYS)
    assert (answer.status_code, "Please try again in a few minutes." in answer.text) == (429, True)
    with database.begin() as connection:
        connection.execute(text("UPDATE report SET received = received - interval '10 minutes'"))
    assert guest.post(f"/report/{listing}", data=SAYS).status_code == 303


def test_settled_reports_keep_no_contact_and_go_after_a_while(
    listing: uuid.UUID, database: Engine
) -> None:
    for _ in range(3):
        add(database, listing)
    numbers = [report.id for report in kept(database)]
    with database.begin() as connection:
        reports.settle(connection, numbers[0], "accepted", "x")
        reports.settle(connection, numbers[1], "declined", "x")
    assert [(r.outcome, r.contact) for r in kept(database)] == [
        ("accepted", None), ("declined", None), (None, "contact"),
    ]  # fmt: skip
    with database.begin() as connection:
        old = f"UPDATE report SET settled = now() - interval '{reports.KEPT_DAYS} days 1 second'"
        connection.execute(text(f"{old} WHERE id = :id"), {"id": numbers[0]})
        reports.settle(connection, numbers[2], "declined", "x")
    assert [report.id for report in kept(database)] == numbers[1:]


def test_nothing_of_a_report_reaches_a_log(
    guest: FlaskClient,
    listing: uuid.UUID,
    database: Engine,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE report ADD CONSTRAINT broken CHECK (about = 'none')"))
    guest.application.testing = False
    guest.application.config["PROPAGATE_EXCEPTIONS"] = False
    answer = guest.post(f"/report/{listing}", data=SAYS | {"words": "Zebrafish"})
    with database.begin() as connection:
        connection.execute(text("ALTER TABLE report DROP CONSTRAINT broken"))
    assert answer.status_code == 500
    said = caplog.text + "".join(capfd.readouterr())
    assert "/report/" in said  # a fault of ours is told
    for secret in ("Zebrafish", SAYS["contact"]):
        assert secret not in said
        assert secret not in answer.text


def test_nothing_is_left_in_english(guest: FlaskClient, listing: uuid.UUID) -> None:
    pages = [
        guest.get(f"/es/report/{listing}"),
        guest.post(f"/es/report/{listing}", data={"words": "x" * (LONGEST + 1)}),
        guest.get(f"/es/report/{listing}/thanks"),
        guest.get(f"/es{confirm_link(guest, listing)}"),
        guest.post(f"/es{confirm_link(guest, listing)}"),
        guest.get("/es/confirm/broken"),
    ]
    texts = {
        message.id
        for message in updated("es")
        if message.id and isinstance(message.id, str) and message.id != message.string
    }
    for page in pages:
        assert texts & set(words_of(page.text)) == set()


# --- the link of a listed place -------------------------------------------------------------


def confirm_link(client: FlaskClient, listing: uuid.UUID) -> str:
    with client.application.test_request_context():
        return confirm.link_of(listing)


@pytest.mark.parametrize("prefix", ["", "/es"])
def test_a_place_confirms_its_listing_once_a_day(
    guest: FlaskClient, listing: uuid.UUID, database: Engine, load_rows: Loader, prefix: str
) -> None:
    link = prefix + confirm_link(guest, listing)
    page = guest.get(link)
    assert "Open Door" in page.text
    assert "(303) 555-0101" in page.text
    assert row(database).verified_on is None
    for _ in range(2):
        done = guest.post(link)
        assert done.status_code == 200
        assert "Set-Cookie" not in done.headers
        assert done.headers["Cache-Control"] == "private, no-store"
    now = row(database)
    assert now.verified_on == now.today
    with database.connect() as connection:
        edits = connection.execute(text('SELECT field, "by" FROM edit')).all()
    assert edits == [("verified_on", "the listed place")]
    if not prefix:
        assert "Verified on" in guest.get(f"/listing/{listing}").text
        assert counts(blocks_of(page.text)).grade <= LIMIT
        assert counts(blocks_of(done.text)).grade <= LIMIT


def test_links_that_are_forged_or_of_another_listing_or_key(
    guest: FlaskClient, listing: uuid.UUID, database: Engine
) -> None:
    link = confirm_link(guest, listing)
    with guest.application.test_request_context():
        other = confirm.link_of(uuid.uuid4())
    guest.application.secret_key, key = (
        "another key of thirty-two letters!",
        guest.application.secret_key,
    )
    foreign = confirm_link(guest, listing)
    guest.application.secret_key = key
    payload, *rest = link.rsplit("/", 1)[1].split(".")
    swapped = f"/confirm/{other.rsplit('/', 1)[1].split('.')[0]}.{'.'.join(rest)}"
    for path in (foreign, swapped, link[:-1], link + "x", f"/confirm/{payload}"):
        for answer in (guest.get(path), guest.post(path)):
            assert answer.status_code == 404, path
            assert "This link is not whole" in answer.text
    for answer in (guest.get(other), guest.post(other)):
        assert (answer.status_code, "This listing is gone" in answer.text) == (410, True)
    assert row(database).verified_on is None


def test_a_link_ends_after_thirty_days(
    guest: FlaskClient, listing: uuid.UUID, database: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, made = confirm_link(guest, listing), TimestampSigner.get_timestamp
    days = confirm.DAYS * 86_400

    def later(seconds: int) -> None:
        monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda it: made(it) + seconds)

    later(days + 5)
    for answer in (guest.get(link), guest.post(link)):
        assert answer.status_code == 410
        assert "It was good for 30 days." in answer.text
    assert "Este enlace ha caducado" in guest.get(f"/es{link}").text
    assert row(database).verified_on is None
    later(days - 60)
    assert guest.post(link).status_code == 200
    assert row(database).verified_on is not None


def test_while_an_import_is_at_work_a_confirmation_is_asked_to_wait(
    guest: FlaskClient,
    listing: uuid.UUID,
    database: Engine,
    monkeypatch: pytest.MonkeyPatch,
    here: Config,
) -> None:
    monkeypatch.setattr(confirm, "PATIENCE_SECONDS", 0.1)
    link = confirm_link(guest, listing)
    with db.writer(here).begin() as importing:
        writing(importing, "test")
        answer = guest.post(link)
        assert (answer.status_code, "try again in a minute" in answer.text) == (503, True)
        assert guest.get(link).status_code == 200
    assert guest.post(link).status_code == 200


def test_a_hidden_address_is_not_on_the_page_of_a_link(
    guest: FlaskClient, load_rows: Loader, database: Engine
) -> None:
    load_rows(
        {"external_id": "1", "street": ["12 Secret Lane"], "city": "X", "address_public": False}
    )
    with database.connect() as connection:
        listing = connection.execute(text("SELECT id FROM listing")).scalar_one()
    page = guest.get(confirm_link(guest, listing)).text
    assert "Secret" not in page
    assert "The address is private." in page
