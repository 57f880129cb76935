"""Pairs that may be the same place or meeting: side by side, for a maintainer to decide."""

import uuid
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from directory import db, matching
from directory.errors import UsageError
from directory.models import Listing
from directory.places import distance_m
from directory.web import answers, hours, pictures, state
from directory.web.security import account, maintainers_only

pairs = Blueprint("pairs", __name__, url_prefix="/maintain/pairs")
pairs.before_request(maintainers_only)

SHOWN = 20
"""Pairs that a page shows."""
PATIENCE_SECONDS = 5
"""How long a decision waits for an import that is being written."""


@pairs.context_processor
def _everywhere() -> dict[str, Any]:
    return {"account": account(), "samples": False}


@pairs.get("")
def queue() -> str:
    """The pairs that wait, the likeliest first; with show=decided what was decided."""
    decided = request.args.get("show") == "decided"
    with db.writer(state().config).connect() as connection, Session(connection) as session:
        connection.execute(text("SET TRANSACTION READ ONLY; SET LOCAL statement_timeout = '30s'"))
        found = (matching.decided if decided else matching.waiting)(connection)
        shown = found[:SHOWN]
        ids = {uuid.UUID(pair[end]) for pair in shown for end in "ab"}
        listings = {
            str(listing.id): listing
            for listing in session.scalars(select(Listing).where(Listing.id.in_(ids)))
        }
        return render_template(
            "desk_pairs.html",
            decided=decided,
            pictures=pictures,
            number=len(found),
            pairs=[
                pair
                | {"rows": side_by_side(listings[pair["a"]], listings[pair["b"]])}
                | _map(listings[pair["a"]], listings[pair["b"]])
                for pair in shown
            ],
        )


def side_by_side(one: Listing, other: Listing) -> list[tuple[str, list[str], list[str]]]:
    """What is said of both: a label, the lines of one, the lines of the other; where neither says
    anything, nothing."""
    both = zip(_said(one), _said(other), strict=True)
    return [(label, mine, theirs) for (label, mine), (_, theirs) in both if mine or theirs]


def _map(one: Listing, other: Listing) -> dict[str, Any]:
    """``map`` and ``apart`` where both have a point: a picture of the two, and how far in words."""
    ends = [(end.latitude, end.longitude) for end in (one, other)]
    points = [(lat, lon) for lat, lon in ends if lat is not None and lon is not None]
    if len(points) < 2:
        return {}
    metres = distance_m(*points[0], *points[1])
    far = f"{metres:,.0f} m" if metres < 1_000 else f"{metres / 1_000:,.1f} km"
    apart = "both at one point" if metres < 1 else f"{far} apart"
    return {"map": pictures.two_points(points[0], points[1]), "apart": apart}


def _said(it: Listing) -> list[tuple[str, list[str]]]:
    place = " ".join(part for part in (it.region, it.postal_code) if part)
    return [
        ("Name", _lines(it.name)),
        ("Organization", _lines(it.organization)),
        ("Street", list(it.street)),
        ("Town", _lines(", ".join(part for part in (it.city, place) if part))),
        ("Point", _lines(it.position is not None and f"{it.latitude:.5f}, {it.longitude:.5f}")),
        ("Precision", _lines(it.precision)),
        ("Phones", [phone["number"] for phone in it.phones]),
        ("Website", _lines(it.website)),
        ("Times", [f"{day} {s['text']}" for day, held in hours.hours(it) for s in held]),
        ("Terms", [term.label for _, terms in answers.terms_by_facet(it) for term in terms]),
        ("About", _lines(it.description)),
    ]


def _lines(value: str | bool | None) -> list[str]:
    return str(value).splitlines() if value else []


@pairs.post("/<int:number>")
def decide(number: int) -> ResponseReturnValue:
    """Remember what somebody says of a pair."""
    decision, who = request.form.get("decision", ""), account()
    if decision not in matching.DECISIONS or who is None:
        raise UsageError(f"A pair is {' or '.join(matching.DECISIONS)}.", "decision")
    try:
        with db.writer(state().config).begin() as connection:
            connection.execute(text(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'"))
            matching.decide(connection, number, decision, who.email)
        flash("Remembered: " + _SAID[decision])
    except UsageError as error:
        flash(error.message)
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
            raise
        flash("An import is being written. Please try again in a minute.")
    return redirect(url_for("pairs.queue"), 303)


_LOCK_NOT_AVAILABLE = "55P03"
_SAID = {
    "same": "the two are the same, and searches show one.",
    "different": "the two are different, and searches show both.",
    "undecided": "nobody has decided about the two.",
}
