"""A listing on the desk: what its source says, edits that outlive imports, readers' reports."""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from directory import db, edits, history, pocket, reports
from directory.edits import Edited, EditError
from directory.errors import UsageError
from directory.overrides import FIELDS
from directory.web import fields, state
from directory.web.confirm import DAYS, link_of
from directory.web.fields import FORM, Field
from directory.web.security import account, maintainers_only

editor = Blueprint("editor", __name__, url_prefix="/maintain")
editor.before_request(maintainers_only)

PATIENCE_SECONDS = 5
"""How long an edit waits for an import that is being written."""
BUSY = "An import of its source is at work. Please try again when it is done."
_LOCK_NOT_AVAILABLE = "55P03"
_AGAIN = "It has changed since you opened this page. See what it says now, then save again."


@dataclass(frozen=True, slots=True)
class Shown:
    """A field on the page: its text, the text that it had when the form was made, what is wrong
    with it, what the source says where that differs, and where the value comes from."""

    field: Field
    text: str
    seen: str
    wrong: str | None
    says: str | None
    override: Mapping[str, Any] | None
    origin: Mapping[str, Any] | None
    before: str | None


@editor.context_processor
def _everywhere() -> dict[str, Any]:
    return {"account": account(), "samples": False}


@editor.get("/listing/<uuid:listing>")
def form(listing: uuid.UUID) -> ResponseReturnValue:
    """The form of one listing, with where each field comes from."""
    return _page(listing, {}, {})


def _page(
    listing: uuid.UUID, typed: Mapping[str, str], wrong: Mapping[str, str], status: int = 200
) -> ResponseReturnValue:
    number = request.values.get("report", "", type=str)
    with db.writer(state().config).connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '30s'"))
        found = _found(connection, listing)
        report = reports.find(connection, int(number)) if number.isdecimal() else None
        shown = _shown(connection, found, typed, wrong)
        astray = edits.astray(connection, listing)
        newest = history.last_change(connection, found.source, str(listing))
    if report and report.listing != listing:
        report = None
    about = {name: place for place, name in enumerate(report.fields if report else ())}
    page = render_template(
        "desk_listing.html",
        listing=found,
        live=found.live,
        rows=sorted(shown, key=lambda row: about.get(row.field.name, len(about))),
        wrong=[(FORM.get(name), why) for name, why in wrong.items()],
        astray=astray,
        newest=newest,
        report=report,
        about=ABOUT,
        statuses=fields.STATUSES,
        days=DAYS,
        link=link_of(listing),
    )
    return page, status


def _found(connection: Connection, listing: uuid.UUID) -> Edited:
    try:
        return edits.find(connection, listing)
    except UsageError:
        abort(404)


def _shown(
    connection: Connection, found: Edited, typed: Mapping[str, str], wrong: Mapping[str, str]
) -> list[Shown]:
    origins = history.provenance(connection, str(found.id), found.said, found.overrides)
    public = found.live["address_public"] and found.said["address_public"]
    rows = []
    for name, field in FORM.items():
        live, says = (fields.show(name, each[name]) for each in (found.live, found.said))
        origin, mine = origins.get(name), found.overrides.get(name)
        hidden = name in edits.WITHHELD and not public
        before = fields.show(name, origin["was"]) if origin and origin["was"] is not None else ""
        rows.append(
            Shown(
                field,
                typed.get(name, live),
                live,
                wrong.get(name),
                ("withheld" if hidden else says) if mine else None,
                mine,
                origin,
                "withheld" if hidden and before else before,
            )
        )
    return rows


def _typed() -> dict[str, str]:
    """The texts of the form that somebody changed."""
    sent = {name: fields.plain(request.form[name]) for name in FORM if name in request.form}
    seen = {name: fields.plain(request.form.get(f"seen-{name}", "")) for name in sent}
    return {name: value for name, value in sent.items() if value != seen[name]}


@editor.post("/listing/<uuid:listing>")
def save(listing: uuid.UUID) -> ResponseReturnValue:
    """Store what was changed as edits; all of it, or with what is wrong nothing."""
    typed = _typed()
    values: dict[str, Any] = {}
    wrong: dict[str, str] = {}
    for name, value in typed.items():
        try:
            values[name] = fields.read(name, value)
        except ValueError as error:
            wrong[name] = str(error)
    if wrong:
        return _page(listing, typed, wrong, 400)

    def write(connection: Connection, by: str) -> str:
        now = _found(connection, listing).live
        seen = {name: fields.plain(request.form.get(f"seen-{name}", "")) for name in typed}
        stale = [name for name in typed if fields.plain(fields.show(name, now[name])) != seen[name]]
        if stale:
            raise EditError(dict.fromkeys(stale, _AGAIN))
        changed = edits.write(connection, listing, values, by)
        number = request.form.get("report", "")
        if number.isdecimal():
            reports.settle(connection, int(number), "accepted", by)
        return f"Saved: {', '.join(sorted(changed))}." if changed else "Nothing was changed."

    try:
        _act(write)
    except EditError as error:
        return _page(listing, typed, error.wrong, 400)
    _refresh_pocket()
    return redirect(url_for("editor.form", listing=listing), 303)


def _act(act: Callable[[Connection, str], str]) -> None:
    """Do something in the name of who is signed in, and say what came of it."""
    who = account()
    try:
        with db.writer(state().config).begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'"))
            flash(act(connection, who.email if who else ""))
    except EditError:
        raise
    except UsageError as error:
        flash(error.message)
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise
        flash(BUSY)


def _refresh_pocket() -> None:
    """New words can be spelled and suggested; where that fails, the next import does it."""
    config = state().config
    try:
        pocket.refresh(db.writer(config), config)
    except Exception:
        flash("Suggestions are still the old ones; the next import tries again.")


@editor.post("/listing/<uuid:listing>/settle")
def settle(listing: uuid.UUID) -> ResponseReturnValue:
    """Drop an edit for what the source says, or keep it for good although that has changed."""
    dropped, kept = (_named(request.form.getlist(name)) for name in ("drop", "keep"))

    def act(connection: Connection, by: str) -> str:
        _found(connection, listing)
        edits.drop(connection, listing, dropped, by)
        edits.keep(connection, listing, kept, by)
        said = [f"{name} is as its source says" for name in dropped]
        return "; ".join([*said, *(f"{name} is kept as it was edited" for name in kept)]) + "."

    _act(act)
    if dropped:
        _refresh_pocket()
    if request.form.get("from") == "edits":
        return redirect(url_for("editor.astray"), 303)
    return redirect(url_for("editor.form", listing=listing), 303)


def _named(given: Iterable[str]) -> list[str]:
    return [name for name in given if name in FIELDS]


@editor.post("/listing/<uuid:listing>/verify")
def verify(listing: uuid.UUID) -> ResponseReturnValue:
    """One click: all of it is still right today."""

    def act(connection: Connection, by: str) -> str:
        _found(connection, listing)
        new = edits.verify(connection, listing, by)
        return "Verified today." if new else "This was verified today already."

    _act(act)
    return redirect(url_for("editor.form", listing=listing), 303)


@editor.get("/edits")
def astray() -> str:
    """Edits under which the source has changed, to keep or drop."""
    with db.writer(state().config).connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '30s'"))
        rows = edits.astray(connection)
    return render_template("desk_edits.html", rows=rows, most=edits.SHOWN)


ABOUT = {
    "phone": "a phone number or link",
    "place": "the address or the point",
    "hours": "the hours or meeting times",
    "closed": "it has closed or moved away",
    "offers": "what it offers, for whom, or the cost",
    "private": "something that should not be public",
    "other": "something else",
}


@editor.get("/reports")
def waiting() -> str:
    """What readers say is wrong, the oldest first."""
    with db.writer(state().config).connect() as connection:
        connection.execute(text("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '30s'"))
        rows = reports.waiting(connection)
    return render_template("desk_reports.html", reports=rows, about=ABOUT, most=reports.SHOWN)


@editor.post("/reports/<int:number>")
def decide(number: int) -> ResponseReturnValue:
    """Decline a report, or accept one that needs no edit here."""
    outcome = request.form.get("outcome", "")
    if outcome not in ("accepted", "declined"):
        raise UsageError("A report is accepted or declined.", "outcome")

    def act(connection: Connection, by: str) -> str:
        reports.settle(connection, number, outcome, by)
        return f"Report {number} was {outcome}."

    _act(act)
    return redirect(url_for("editor.waiting"), 303)
