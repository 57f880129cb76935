"""A link by which a listed place says that all of its listing is still right.

A maintainer sends it. It is signed, names one listing, and ends; to use it twice does no harm.
"""

import uuid
from datetime import UTC, datetime

from flask import current_app, make_response, render_template
from flask.typing import ResponseReturnValue
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from sqlalchemy import text
from sqlalchemy.orm import Session

from directory import db, edits
from directory.models import Listing
from directory.web import state
from directory.web.language import gettext, msgid
from directory.web.security import from_here
from directory.web.site import site

DAYS = 30
"""Days that a link can be used."""
PATIENCE_SECONDS = 5
"""How long a confirmation waits for an import that is being written."""
_EXPIRED = (
    msgid("This link has ended"),
    msgid("It was good for %(days)s days. Please ask whoever sent it for a new one."),
)
_BROKEN = (
    msgid("This link is not whole"),
    msgid("A part of it may be missing. Please open it again from the message that it came in."),
)
_LATER = (
    msgid("This cannot be confirmed just now"),
    msgid("Please tell whoever sent you the link."),
)
_GONE = (
    msgid("This listing is gone"),
    msgid("It is not in the directory any more. Please tell whoever sent you the link."),
)


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="confirm-listing")


def link_of(listing: uuid.UUID) -> str:
    """The path of a link that can be used for ``DAYS`` from now."""
    return f"/confirm/{_signer().dumps(listing.hex)}"


def _listing(token: str) -> uuid.UUID:
    """The listing that a link names. Raises ``BadSignature``, ``SignatureExpired`` among it."""
    return uuid.UUID(hex=_signer().loads(token, max_age=DAYS * 86_400))


@site.get("/confirm/<token>")
def confirm(token: str) -> ResponseReturnValue:
    """The facts of a listing, and one button."""
    return _page(token, done=False)


@site.post("/confirm/<token>")
def confirmed(token: str) -> ResponseReturnValue:
    """All is right today. A second time on one day changes nothing."""
    from_here()
    return _page(token, done=True)


def _page(token: str, *, done: bool) -> ResponseReturnValue:
    try:
        listing = _listing(token)
    except SignatureExpired:
        return _sorry(_EXPIRED, 410)
    except BadSignature:
        return _sorry(_BROKEN, 404)
    try:
        return _facts(token, listing, done=done)
    except edits.EditError:
        return _sorry(_LATER, 409)


def _facts(token: str, listing: uuid.UUID, *, done: bool) -> ResponseReturnValue:
    with db.writer(state().config).begin() as connection, Session(connection) as session:
        connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'"))
        found = session.get(Listing, listing)
        if found is None or found.status == "gone":
            return _sorry(_GONE, 410)
        if done:
            edits.verify(connection, listing, edits.LISTED_PLACE)
            session.refresh(found)
        page = render_template(
            "confirm.html",
            samples=False,
            listing=found,
            done=done,
            token=token,
            now=datetime.now(UTC),
        )
    response = make_response(page)
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _sorry(said: tuple[str, str], status: int) -> ResponseReturnValue:
    title, detail = gettext(said[0]), gettext(said[1], days=DAYS)
    return render_template("sorry.html", samples=False, title=title, detail=detail), status
