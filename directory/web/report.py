"""Readers say what is wrong with a listing. No account, no cookie, and nothing of it in a log."""

from flask import abort, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import text
from sqlalchemy.orm import Session

from directory import clean, db, reports
from directory.models import Listing
from directory.reports import ABOUT, LONGEST, LONGEST_CONTACT
from directory.web import listing_of, state
from directory.web.language import gettext, msgid, to
from directory.web.security import from_here
from directory.web.site import site

PATIENCE_SECONDS = 5
"""How long a report waits for others that are being kept."""
CHOICES = {
    "phone": msgid("A phone number or link is wrong"),
    "place": msgid("The address or map is wrong"),
    "hours": msgid("The hours or meeting times are wrong"),
    "closed": msgid("It has closed or moved"),
    "offers": msgid("What it offers, or the cost, is wrong"),
    "private": msgid("It shows something private"),
    "other": msgid("Something else"),
}
"""What a reader may choose, in the order of the form; the codes are those of ``ABOUT``."""


@site.get("/report/<listing_id>")
def report(listing_id: str) -> ResponseReturnValue:
    """The form. It needs no token, and so no cookie: what it does, anybody may do."""
    return _form(listing_id, {}, 200)


@site.post("/report/<listing_id>")
def send(listing_id: str) -> ResponseReturnValue:
    """Keep what a reader says, or give the form back as it was with what is wrong."""
    from_here()
    about = request.form.get("about", "")
    words, contact = (clean.plain_text(request.form.get(name, "")) for name in ("words", "contact"))
    wrong = _wrong(about, words, contact)
    if wrong:
        return _form(listing_id, wrong, 400)
    with db.writer(state().config).begin() as connection, Session(connection) as session:
        connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'"))
        found = _shown(session, listing_id)
        try:
            reports.add(connection, found.id, about, words, contact)
        except reports.TooMany as many:
            listing = many.listing
        else:
            return redirect(to(f"/report/{found.id}/thanks"), 303)
    return _form(listing_id, {"": gettext(_MANY if listing else _BUSY)}, 429)


_MANY = msgid("Others have told us about this place. We will look at it soon. Thank you.")
_BUSY = msgid("We are getting many notes just now. Please try again in a few minutes.")


def _wrong(about: str, words: str, contact: str) -> dict[str, str]:
    """What is wrong with a report: the field, and what would be right."""
    found = {}
    if about not in ABOUT:
        found["about"] = gettext("Choose what is wrong.")
    if about == "other" and not words:
        found["words"] = gettext("Say what is wrong in a few words.")
    for name, typed, most in (("words", words, LONGEST), ("contact", contact, LONGEST_CONTACT)):
        if len(typed) > most:
            found[name] = gettext("Please use at most %(most)s characters here.", most=most)
    return found


def _shown(session: Session, listing_id: str) -> Listing:
    found = listing_of(session, listing_id)
    if found.status == "gone":
        abort(410)
    return found


def _form(listing_id: str, wrong: dict[str, str], status: int) -> ResponseReturnValue:
    with db.reader(state().config).connect() as connection, Session(connection) as session:
        page = render_template(
            "report.html",
            samples=False,
            listing=_shown(session, listing_id),
            wrong=wrong,
            choices=CHOICES,
            chosen=request.form.get("about", ""),
            words=request.form.get("words", ""),
            contact=request.form.get("contact", ""),
            most=LONGEST,
            most_contact=LONGEST_CONTACT,
            kept_days=reports.KEPT_DAYS,
        )
    response = make_response(page, status)
    response.headers["Cache-Control"] = "private, no-store"
    return response


@site.get("/report/<listing_id>/thanks")
def thanks(listing_id: str) -> ResponseReturnValue:
    """Thank you, and back to the listing."""
    with db.reader(state().config).connect() as connection, Session(connection) as session:
        return render_template(
            "thanks.html", samples=False, listing=listing_of(session, listing_id)
        )
