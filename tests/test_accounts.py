"""Accounts and signing in: what is kept, what is said, and that searchers get no cookie."""

import io
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import Engine, text

from directory import accounts, cli, db
from directory.config import Config, environment, load_config
from directory.errors import UsageError
from directory.web import security
from directory.web.app import create_app
from tests.conftest import settings

EMAIL, PASSWORD = "keeper@example.org", "three small words"


@pytest.fixture
def here(database: Engine, config: Config, tmp_path: Path) -> Iterator[Config]:
    """The settings of ``database`` with a home of its own and one maintainer."""
    found = replace(settings(config, database.url), home=tmp_path)
    accounts.add(database, EMAIL, "maintainer", PASSWORD)
    yield found
    db.reader(found).dispose()


@pytest.fixture
def guest(here: Config) -> FlaskClient:
    """A browser that has not signed in."""
    return create_app(here).test_client()


def sign_in(client: FlaskClient, password: str = PASSWORD, email: str = EMAIL, **more: Any) -> Any:
    form = {"email": email, "password": password, "next": more.pop("next", "")}
    return client.post("/sign-in", data=form, **more)


def token(html: str) -> str:
    (found, *_) = re.findall(r'name="csrf_token" value="([^"]+)"', html)
    return str(found)


def test_passwords_are_kept_as_argon2id(here: Config, database: Engine) -> None:
    with database.connect() as connection:
        (kept,) = connection.execute(text("SELECT hash FROM account")).scalars()
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert PASSWORD not in kept


@pytest.mark.parametrize(
    ("email", "password"),
    [(EMAIL, PASSWORD), (" Keeper@Example.ORG ", PASSWORD), ("x", PASSWORD), ("a@b.c", "short")],
)
def test_accounts_that_cannot_be(here: Config, database: Engine, email: str, password: str) -> None:
    with pytest.raises(UsageError):
        accounts.add(database, email, "maintainer", password)


def test_a_password_fits_however_it_is_composed(here: Config, database: Engine) -> None:
    accounts.add(database, "b@example.org", "maintainer", "se\u0301ance tenante")
    assert accounts.sign_in(database, "B@example.org", "s\u00e9ance tenante")


def test_the_commands(
    here: Config,
    database: Engine,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment(here).items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, given: str = "") -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        return cli.main(["account", *arguments])

    new = ("add", "new@example.org", "--role", "interventionist", "--password-stdin")
    assert run(*new, given="a few plain words\n") == 0
    assert run(*new, given="a few plain words\n") == 2
    assert "has an account" in capsys.readouterr().err
    assert run("add", "c@example.org", "--password-stdin", given="a few plain words") == 2
    assert run("add", "c@example.org", "--role", "maintainer") == 2
    assert "--password-stdin" in capsys.readouterr().err
    found = accounts.sign_in(database, "new@example.org", "a few plain words")
    assert found
    assert found.role == "interventionist"
    assert run("disable", "new@example.org") == 0
    assert accounts.sign_in(database, "new@example.org", "a few plain words") is None
    assert run("list") == 0
    listed = capsys.readouterr().out
    assert re.search(r"new@example.org  interventionist  since \S+, disabled", listed)
    assert run("password", "new@example.org", "--password-stdin", given="other plain words") == 0
    assert accounts.sign_in(database, "new@example.org", "other plain words")
    assert run("disable", "nobody@example.org") == 2


def test_too_many_tries_are_refused_whatever_the_password(here: Config, database: Engine) -> None:
    for _ in range(accounts.TRIES):
        assert accounts.sign_in(database, EMAIL, "wrong") is None
    assert accounts.sign_in(database, EMAIL, PASSWORD) is None
    earlier = f"now() - interval '{accounts.TRIES_MINUTES} minutes 1 second'"
    with database.begin() as connection:
        connection.execute(text(f"UPDATE account SET tries_since = {earlier}"))
    assert accounts.sign_in(database, EMAIL, PASSWORD)


def test_tries_start_anew_after_a_right_one(here: Config, database: Engine) -> None:
    for _ in range(2):
        for _ in range(accounts.TRIES - 1):
            accounts.sign_in(database, EMAIL, "wrong")
        assert accounts.sign_in(database, EMAIL, PASSWORD)


def test_a_new_password_lets_a_locked_account_in(here: Config, database: Engine) -> None:
    for _ in range(accounts.TRIES):
        accounts.sign_in(database, EMAIL, "wrong")
    accounts.set_password(database, EMAIL, "another few words")
    assert accounts.sign_in(database, EMAIL, "another few words")


@pytest.mark.parametrize("email", ["a\0b@example.org", "\ud800", "x" * 10_000, "' OR 1=1 --"])
def test_odd_input_is_only_wrong(here: Config, database: Engine, email: str) -> None:
    assert accounts.sign_in(database, email, "\ud800\0" + "p" * 2_000) is None


def test_signing_in_and_out(guest: FlaskClient) -> None:
    response = guest.get("/maintain/runs/7?code=no_id")
    assert (response.status_code, response.headers["Location"]) == (
        302,
        "/sign-in?next=/maintain/runs/7?code%3Dno_id",
    )
    response = sign_in(guest, next="/maintain")
    assert (response.status_code, response.headers["Location"]) == (303, "/maintain")
    (cookie,) = response.headers.getlist("Set-Cookie")
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    page = guest.get("/maintain")
    assert page.status_code == 200
    assert page.headers["Cache-Control"] == "private, no-store"
    stolen = guest.get_cookie("desk")
    assert stolen
    response = guest.post("/sign-out", data={"csrf_token": token(page.text)})
    assert response.headers["Location"] == "/sign-in"
    assert guest.get_cookie("desk") is None
    guest.set_cookie("desk", stolen.value)  # the session itself has ended
    assert guest.get("/maintain").status_code == 302


def test_the_cookie_holds_no_address_of_a_person_or_computer(guest: FlaskClient) -> None:
    sign_in(guest)
    with guest.session_transaction() as session:
        assert set(session) <= {"_user_id", "_fresh", "_permanent"}
        assert re.fullmatch(r"\d+\.0", session["_user_id"])


@pytest.mark.parametrize(
    "secure", [{"base_url": "https://localhost"}, {"headers": {"X-Forwarded-Proto": "https"}}]
)
def test_the_cookie_of_https_never_leaves_by_http(
    guest: FlaskClient, secure: dict[str, Any]
) -> None:
    assert "Secure" in sign_in(guest, **secure).headers["Set-Cookie"].split("; ")


def test_one_answer_for_every_failure(guest: FlaskClient, database: Engine) -> None:
    accounts.add(database, "gone@example.org", "maintainer", PASSWORD)
    accounts.disable(database, "gone@example.org")
    answers = [
        sign_in(guest, "wrong password"),
        sign_in(guest, PASSWORD, "nobody@example.org"),
        sign_in(guest, PASSWORD, "gone@example.org"),
    ]
    for _ in range(accounts.TRIES):
        accounts.sign_in(database, EMAIL, "wrong")
    answers.append(sign_in(guest, PASSWORD))
    said = {re.sub(r'value="\S+@example.org"', "", answer.text) for answer in answers}
    assert len(said) == 1
    assert {answer.status_code for answer in answers} == {403}
    assert not any("Set-Cookie" in answer.headers for answer in answers)


def test_one_password_is_checked_at_a_time(guest: FlaskClient) -> None:
    with security._checking:
        assert sign_in(guest).status_code == 429
    assert sign_in(guest).status_code == 303


@pytest.mark.parametrize(
    ("target", "location"),
    [
        ("/maintain/sources/x", "/maintain/sources/x"),
        ("", "/maintain"),
        ("https://example.org/", "/maintain"),
        ("//example.org/", "/maintain"),
        ("/\\example.org/", "/maintain"),
        ("/\t/example.org", "/maintain"),
        ("javascript:alert(1)", "/maintain"),
    ],
)
def test_nobody_is_led_elsewhere(guest: FlaskClient, target: str, location: str) -> None:
    assert sign_in(guest, next=target).headers["Location"] == location


def test_the_desk_is_for_maintainers(guest: FlaskClient, database: Engine) -> None:
    accounts.add(database, "i@example.org", "interventionist", PASSWORD)
    assert sign_in(guest, email="i@example.org").status_code == 303
    response = guest.get("/maintain", follow_redirects=True)
    assert response.request.path == "/sign-in"
    assert "the desk is for maintainers" in response.text


def test_sessions_end_with_the_account_and_its_password(
    guest: FlaskClient, database: Engine
) -> None:
    sign_in(guest)
    assert guest.get("/maintain").status_code == 200
    accounts.set_password(database, EMAIL, PASSWORD)
    assert guest.get("/maintain").status_code == 302
    sign_in(guest)
    accounts.disable(database, EMAIL)
    assert guest.get("/maintain").status_code == 302


def test_forms_need_a_token_and_come_from_here(guest: FlaskClient) -> None:
    sign_in(guest)
    page = guest.get("/maintain")
    refused = guest.post("/sign-out")
    assert refused.status_code == 400
    assert "This page was too old" in refused.text
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    sent = guest.post("/sign-out", data={"csrf_token": token(page.text)}, headers=elsewhere)
    assert sent.status_code == 403
    assert guest.get("/maintain").status_code == 200
    assert sign_in(guest, headers=elsewhere).status_code == 403


PAGES = ("/", "/search?q=detox", "/hotlines", "/about", "/privacy", "/sources", "/nothing")


@pytest.mark.parametrize(
    "path", [*PAGES, "/sign-in", "/maintain", "/api/v1/search?q=detox", "/healthz", "/metrics"]
)
def test_who_has_not_signed_in_gets_no_cookie(guest: FlaskClient, path: str) -> None:
    response = guest.get(path)
    assert "Set-Cookie" not in response.headers
    assert "Cookie" not in response.headers.get("Vary", "")


@pytest.mark.parametrize("cookie", ["", "x", "eyJfdXNlcl9pZCI6IjEuMCJ9.Zz.x", "é"])
def test_a_forged_cookie_is_nobody(guest: FlaskClient, cookie: str) -> None:
    guest.set_cookie("desk", cookie)
    assert guest.get("/maintain").status_code == 302
    assert guest.get("/").status_code == 200


def test_the_key_is_made_once_and_kept_to_its_owner(here: Config) -> None:
    first, again = (create_app(here).secret_key for _ in range(2))
    path = here.home / "secret-key"
    assert first == again == path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in here.home.glob("*secret*")] == ["secret-key"]
    given = replace(here, secret_key="k" * 32)
    assert create_app(given).secret_key == "k" * 32


def test_a_key_that_cannot_be_kept_says_what_to_do(here: Config, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="Set DIRECTORY_SECRET_KEY"):
        create_app(replace(here, home=tmp_path / "file"))
    (tmp_path / "secret-key").write_text("")
    with pytest.raises(UsageError, match="remove it"):
        create_app(here)
    with pytest.raises(UsageError, match="openssl rand"):
        load_config({"DIRECTORY_SECRET_KEY": "short"})


def test_the_environment_of_a_command_gives_the_same_settings(here: Config) -> None:
    full = replace(here, sources=here.home / "own.toml", secret_key="k" * 40, contact="a@b.org")
    for each in (here, full):
        assert load_config(environment(each)) == each
        assert "k" * 40 not in repr(each)
