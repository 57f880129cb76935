"""The pages for families: thin views that parse, ask and render.

No page needs JavaScript, sets a cookie or loads anything from another site.
"""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Blueprint, abort, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from directory import demand
from directory.asking import Answered, ask
from directory.formats.flat import on_map
from directory.formats.ical import calendar
from directory.models import Generation, Listing, Source
from directory.parameters import read_search
from directory.places import Place
from directory.schedule import PARTS, WEEKDAYS
from directory.search import answer
from directory.vocabulary import vocabulary
from directory.web import (
    answers,
    count,
    crisis,
    filters,
    guides,
    hours,
    links,
    listing_of,
    state,
    wording,
)
from directory.web import shortlist as chosen
from directory.web.language import language, msgid, to, translated
from directory.web.sharing import share

site = Blueprint("site", __name__)

# Ways out of an empty page that are tried; each is a search.
WAYS_OUT = 8

# What an error page says in place of the protocol's own words.
ERRORS = {
    403: (
        msgid("This came from another site"),
        msgid("Please open the page here, and try again."),
    ),
    404: (
        msgid("This page is not here"),
        msgid(
            "The address may be mistyped, or the place may have left the directory. "
            "A new search may find it."
        ),
    ),
    410: (
        msgid("This listing is gone"),
        msgid("Its source no longer has it. A new search finds others."),
    ),
    405: (msgid("This page cannot do that"), msgid("Please start again from the first page.")),
    413: (msgid("That was too much to send"), msgid("Please ask with fewer words.")),
    429: (msgid("Too many searches at once"), msgid("Please wait a minute, then try again.")),
    500: (
        msgid("Something went wrong on our side"),
        msgid(
            "It is not your fault. Please try again in a minute, or call one of the lines below."
        ),
    ),
}


@site.url_value_preprocessor
def _without_language(_endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Views take no language: texts and addresses know the one that the address begins with."""
    if values:
        values.pop("language", None)


def everywhere() -> dict[str, Any]:
    """What every template may use; the crisis lines need no database."""
    country = state().config.country
    return {
        "crisis_lines": crisis.lines_of(country)[: crisis.IN_STRIP],
        "emergency": crisis.EMERGENCY.get(country),
        "wording": wording,
        "hours": hours,
        "answers": answers,
        "facets": vocabulary().facets,
        "values": request.args.to_dict(flat=False),
        "radii": links.radius_choices(request.args.to_dict(flat=False)),
        "days": ("today", "tomorrow", *WEEKDAYS),
        "parts": tuple(PARTS),
    }


_SAMPLES = select(Generation.samples)


def _samples(connection: Connection) -> bool:
    """Whether any listing is invented; every page says so then."""
    return bool(connection.execute(_SAMPLES).scalar())


def _page(template: str, **values: Any) -> str:
    """A page that can do without the database."""
    try:
        with state().reader.connect() as connection:
            samples = _samples(connection)
    except SQLAlchemyError:
        samples = False
    return render_template(template, samples=samples, **values)


@site.get("/")
def home() -> str:
    """One question, one place, and the kinds of help."""
    return _page("home.html", kinds=wording.kinds(), guides=guides.guides(language()))


@site.get("/search")
def search() -> ResponseReturnValue:
    """The results; parameters are those of ``directory.parameters.read_search``."""
    values = request.args.to_dict(flat=False)
    now = datetime.now(UTC)
    with state().reader.connect() as connection:
        found = ask(connection, values, state().config, now)
        asked, page = found.search, found.page
        as_typed = links.search_url(values, literal="1")
        values |= {"q": [found.typed]} if found.corrected or found.left_out else {}
        samples = _samples(connection)
        ways_out = links.suggestions(asked, page, values)
        if not page.total:
            ways_out = _counted(connection, ways_out, now)
    before, after = links.paging(asked, page, values)
    hits = [hit for hit in page.hits if not hit.beyond]
    best = asked.sort == "best"
    inside = wording.by_name(hits, now) if best else [(hit, []) for hit in hits]
    body = render_template(
        "search.html",
        samples=samples,
        now=now,
        asked=asked,
        page=page,
        inside=inside,
        outside=[hit for hit in page.hits if hit.beyond],
        unit=links.unit_of(values),
        radius=links.radius_of(asked, links.unit_of(values)),
        total=links.total_words(asked, page, values),
        wanted=links.wanted(asked),
        chips=links.chips(asked, values),
        sorts=links.sorts(asked, values),
        groups=filters.groups(asked, page),
        alternatives=links.alternatives(asked, values),
        suggestions=ways_out,
        corrected=found.corrected,
        left_out=found.left_out,
        first_place=_first_place(found),
        unsaid=found.unsaid,
        few=found.few,
        farther=found.farther,
        guides=guides.fitting(asked, " ".join(values.get("q", ())), language()),
        exactly=as_typed if links.was_read(asked) or found.corrected else None,
        before=before,
        after=after,
        last=links.last_page(asked, page),
        online_url=links.search_url(values, attend="online", sort=None),
        clear_url=links.cleared(values),
        placeless=links.placeless(asked, values),
        elsewhere=links.elsewhere(asked, values),
        tiles=state().tiles,
        tile_host=state().tile_host,
        deepest=archive.deepest if (archive := state().archive) else None,
        tiles_credit=state().config.map_credit,
        mapped=[hit.listing for hit in page.hits if on_map(hit.listing)],
    )
    response = make_response(body)
    response.headers["Cache-Control"] = "private, no-cache"
    return count(response, found, now)


def _first_place(found: Answered) -> Place | None:
    """The place that was asked for, where the answer is of another one of its name."""
    first, taken = found.whole and found.whole.place, found.search.place
    return first if first and taken and first.name != taken.name else None


def _counted(connection: Connection, ways_out: list[links.Link], now: datetime) -> list[links.Link]:
    """The links that lead to results, with how many; all of them where none does."""
    found = []
    for link in ways_out[:WAYS_OUT]:
        values = parse_qs(urlsplit(link.url).query)
        asked = read_search(values, connection, state().config.country)
        page = answer(connection, replace(asked, per_page=1), now, whole=False)
        if page.total:
            found.append(replace(link, text=f"{link.text}: {links.count_words(page)}"))
    return found or ways_out


@site.get("/listing/<listing_id>")
@site.get("/listing/<listing_id>/<slug>")
def listing(listing_id: str, slug: str = "") -> ResponseReturnValue:  # noqa: ARG001 - for readers
    """Everything known of one listing, also of one that is closed or suspended.

    Of one that its source no longer has, only that (410): its number may be somebody else's now.
    """
    with state().reader.connect() as connection, Session(connection) as session:
        found = listing_of(session, listing_id)
        if found.status == "gone":
            return _gone(found, _samples(connection)), 410
        return render_template(
            "listing.html",
            samples=_samples(connection),
            listing=found,
            now=datetime.now(UTC),
            phones=found.phones,
            share=share(to(f"/listing/{found.id}")),
        )


@site.get("/listing/<listing_id>.ics")
def listing_calendar(listing_id: str) -> ResponseReturnValue:
    """The weekly meetings of a support group for a calendar; 404 where none are known."""
    with state().reader.connect() as connection, Session(connection) as session:
        found = listing_of(session, listing_id)
        if found.status == "gone":
            abort(410)
        if not wording.has_calendar(found):
            abort(404)
        response = make_response(calendar(found, datetime.now(UTC)))
    response.headers["Content-Type"] = "text/calendar; charset=utf-8"
    response.headers["Content-Disposition"] = 'attachment; filename="meeting.ics"'
    return response


def _gone(found: Listing, samples: bool) -> str:
    where = ", ".join(part for part in (found.city, found.region) if part)
    near = links.search_url({}, kind=found.kind, near=where) if found.city else None
    return render_template("gone.html", samples=samples, listing=found, near=near)


@site.get("/list")
def shortlist() -> ResponseReturnValue:
    """The chosen listings to print, to share, to take along; their ids are in the address.

    With ``compare`` those that it names stand side by side.
    """
    typed = request.args.get("near", "").strip()
    values = request.args.to_dict(flat=False)
    with state().reader.connect() as connection, Session(connection) as session:
        found = chosen.read(values, connection, session, state().config.country)
        side = chosen.picked(found, values)
        fewest, most = chosen.SIDE_BY_SIDE
        common = {
            "samples": _samples(connection),
            "now": datetime.now(UTC),
            "unit": links.unit_of(values),
        }
        if fewest <= len(side.hits) <= most:
            return _side_by_side(side, chosen.url(found, typed), common)
        wrong = "compare" in values and bool(found.hits)
        ids = [str(hit.listing.id) for hit in found.hits]
        body = render_template(
            "list.html",
            found=found,
            typed=typed,
            wrong=wrong,
            picked=[hit.listing.id for hit in (side if wrong else found).hits],
            less=[chosen.url(found, typed, hit.listing) for hit in found.hits],
            more=links.search_url({"keep": ids}, near=typed or None),
            share=share(chosen.url(found, typed)),
            **common,
        )
    return body, 400 if wrong else 200


def _side_by_side(side: chosen.Shortlist, whole: str, common: dict[str, Any]) -> str:
    """Some places of the list whose address is ``whole``, in columns."""
    names = urlencode([("compare", hit.listing.id) for hit in side.hits])
    return render_template(
        "compare.html",
        found=side,
        whole=whole,
        who=[answers.who_can_come(hit.listing) for hit in side.hits],
        differences=chosen.differences(side.hits),
        share=share(f"{whole}&{names}"),
        **common,
    )


@site.get("/exit")
def leave() -> ResponseReturnValue:
    """Away at once, to a harmless page. The browser forgets what it stored of this site, but not
    its history, which no site can clear."""
    response = redirect(state().config.exit_to, 303)
    response.headers["Clear-Site-Data"] = '"cache", "cookies", "storage"'
    response.headers["Cache-Control"] = "no-store"
    return response


@site.get("/hotlines")
def hotlines() -> str:
    """National lines by country, from the bundled file."""
    groups = crisis.by_country(state().config.country)
    return _page("hotlines.html", groups=groups, emergencies=crisis.EMERGENCY)


@site.get("/guides")
def guide_list() -> str:
    """All guides, each in a sentence."""
    return _page("guides.html", guides=guides.guides(language()))


@site.get("/guides/<slug>")
def guide(slug: str) -> str:
    """One guide."""
    found = guides.guides(language())
    if slug not in found:
        abort(404)
    others = [other for other in found.values() if other.slug != slug]
    return _page("guide.html", guide=found[slug], others=others, country=state().config.country)


@site.get("/about")
def about() -> str:
    """What this is, how results are ordered, and what it cannot do."""
    return _page("about.html")


@site.get("/privacy")
def privacy() -> str:
    """What is kept about readers, in plain words."""
    counts = {"counted": state().tens is not None, "ten": demand.TEN, "months": demand.KEPT_MONTHS}
    return _page("privacy.html", tile_host=urlsplit(state().tile_host).netloc, **counts)


@site.get("/sources")
def sources() -> str:
    """Where the listings come from, how many there are, and how old they are."""
    listings = (
        select(func.count())
        .where(Listing.source_id == Source.id, Listing.status == "active")
        .correlate(Source)
        .scalar_subquery()
    )
    columns = (Source.title, Source.licence, Source.attribution, Source.origin, Source.seen_on)
    query = select(*columns, listings.label("listings"))
    with state().reader.connect() as connection:
        found = connection.execute(query.order_by(Source.origin, Source.title)).all()
        return render_template("sources.html", samples=_samples(connection), sources=found)


def error_page(
    status: int, title: str, detail: str, parameter: str | None = None
) -> ResponseReturnValue:
    """An error as a page: what to do next, what was typed, and the crisis lines.

    ``parameter`` names the field at fault. Where the database is away the page does not ask it.
    """
    if status in ERRORS:
        title, detail = map(translated, ERRORS[status])
    values = {"status": status, "title": title, "detail": detail, "parameter": parameter}
    if status >= 500:
        return render_template("error.html", samples=False, **values), status
    return _page("error.html", **values), status
