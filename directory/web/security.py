"""Signing in, for those who keep the directory. Nobody else ever gets a cookie."""

import os
import secrets
from contextlib import suppress
from datetime import timedelta
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError

from directory import accounts, db
from directory.accounts import Account
from directory.config import SHORTEST_KEY, Config
from directory.errors import UsageError
from directory.web import state
from directory.web.site import error_page

security = Blueprint("security", __name__)
_logins = LoginManager()
_csrf = CSRFProtect()
# A password takes 64 MB and some 50 ms to check: one at a time, so that tries starve nobody.
_checking = Lock()
HOURS = 12
"""Hours without a request after which a session ends."""


class User(UserMixin):  # type: ignore[misc]
    """An account as Flask-Login knows it; its id names the account and its number of sessions."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def get_id(self) -> str:
        """What the cookie holds: no address, and it ends with the account's other sessions."""
        return f"{self.account.id}.{self.account.sessions}"


class _Sessions(SecureCookieSessionInterface):
    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        """Over https no cookie may leave by http. A proxy's word is enough: who forges it for
        a request of their own gets a cookie that their own browser keeps to itself."""
        return request.is_secure or request.headers.get("X-Forwarded-Proto") == "https"

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Nothing to save, and nothing to say of cookies, where there is and was none."""
        if session or "desk" in request.cookies:
            super().save_session(app, session, response)


def install(app: Flask, config: Config) -> None:
    """Let people sign in to ``app``."""
    app.secret_key = config.secret_key or _own_key(config)
    app.session_interface = _Sessions()
    app.config.update(
        SESSION_COOKIE_NAME="desk",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(hours=HOURS),
        # Only what is behind a sign-in is checked: elsewhere there is no session to abuse.
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session
        WTF_CSRF_SSL_STRICT=False,  # our pages send no Referer; see ``from_here``
    )
    _logins.session_protection = None
    _logins.init_app(app, add_context_processor=False)
    _logins.user_loader(_user)
    _csrf.init_app(app)
    app.register_error_handler(CSRFError, _too_old)
    app.register_blueprint(security)
    app.after_request(_keep_private)


def _own_key(config: Config) -> str:
    """The key that is kept beside the private database, made when it is first needed."""
    path = config.home / "secret-key"
    try:
        config.home.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".secret-key-{secrets.token_hex(8)}")
        if not path.exists():
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(secrets.token_hex(32))
            with suppress(FileExistsError):  # another process was first
                path.hardlink_to(draft)
            draft.unlink()
        key = path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path}, the key that signs sessions, cannot be kept ({error}). "
            "Set DIRECTORY_SECRET_KEY to what this prints: openssl rand -hex 32"
        ) from error
    if len(key) < SHORTEST_KEY:
        raise UsageError(f"{path} holds no key; remove it, and a new one is made.")
    return key


def _user(cookie: str) -> User | None:
    account, _, sessions = cookie.partition(".")
    with db.writer(state().config).connect() as connection:
        found = accounts.signed_in(connection, int(account), int(sessions))
    return User(found) if found else None


def account() -> Account | None:
    """Who is signed in. Without our cookie, the session is not even looked at."""
    if "desk" not in request.cookies or not current_user.is_authenticated:
        return None
    found: Account = current_user.account
    return found


def is_maintainer() -> bool:
    """Whether a maintainer is signed in."""
    found = account()
    return found is not None and found.role == "maintainer"


def maintainers_only() -> ResponseReturnValue | None:
    """Before each request of the desk: to the sign-in, unless a maintainer is signed in."""
    if not is_maintainer():
        target = request.full_path.rstrip("?") if request.method == "GET" else None
        return redirect(url_for("security.sign_in", next=target))
    if request.method != "GET":
        from_here()
        _csrf.protect()
    return None


def from_here() -> None:
    """Refuse a form that another site sent. Browsers say so; what is no browser need not."""
    if request.headers.get("Sec-Fetch-Site", "none") not in ("same-origin", "none"):
        abort(403)


def _too_old(_: CSRFError) -> ResponseReturnValue:
    detail = "Nothing was done. Please load the page again, and press the button once more."
    return error_page(400, "This page was too old", detail)


@security.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The form. It needs no token, and so no cookie: whoever sends it knows the password."""
    return _form(200)


@security.post("/sign-in")
def check() -> ResponseReturnValue:
    """One answer for an unknown address, a wrong password, and too many tries."""
    from_here()
    if not _checking.acquire(blocking=False):
        return _form(429, "Somebody else is signing in just now. Please try again.")
    try:
        engine = db.writer(state().config)
        given = (request.form.get("email", ""), request.form.get("password", ""))
        found = accounts.sign_in(engine, *given)
    finally:
        _checking.release()
    if found is None:
        return _form(
            403,
            "This address and password do not fit, or there were too many tries: "
            f"after {accounts.TRIES}, wait {accounts.TRIES_MINUTES} minutes.",
        )
    session.clear()
    session.permanent = True
    login_user(User(found))
    session.pop("_id", None)  # a hash of the computer's address, which we do not want to know
    return redirect(_local(request.form.get("next", "")), 303)


@security.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End every session of this account, here and on other devices."""
    found = account()
    if found:
        from_here()
        _csrf.protect()
        accounts.sign_out(db.writer(state().config), found.id)
        logout_user()
        session.clear()
    return redirect(url_for("security.sign_in"), 303)


def _form(status: int, wrong: str | None = None) -> ResponseReturnValue:
    found = account()
    values: dict[str, Any] = {
        "samples": False,
        "account": found,
        "wrong": wrong,
        "hours_kept": HOURS,
        "email": request.form.get("email", ""),
        "next": request.values.get("next", ""),
    }
    return render_template("sign_in.html", **values), status


def _local(target: str) -> str:
    """An address of this site, or the desk's: nobody is led elsewhere after the sign-in."""
    parts = urlsplit(target)
    here = target.startswith("/") and not target.startswith("//") and target.isprintable()
    if not here or parts.scheme or parts.netloc or "\\" in target:
        return url_for("desk.sources")
    return target


def _keep_private(response: Response) -> Response:
    """What somebody who is signed in sees is kept by no cache."""
    if "desk" in request.cookies or request.path.startswith(("/sign-", "/maintain")):
        response.headers["Cache-Control"] = "private, no-store"
    return response
