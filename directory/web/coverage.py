"""The desk's pictures of what is listed: how fresh, by state and county, and who lives far away."""

from collections import Counter
from typing import Any

from flask import Blueprint, render_template, request

from directory import coverage
from directory.records import KINDS
from directory.web import pictures, state
from directory.web.desk import reading
from directory.web.security import account, maintainers_only

pages = Blueprint("coverage", __name__, url_prefix="/maintain/coverage")
pages.before_request(maintainers_only)

SHOWN = 100
"""Counties, or towns, that a page shows."""
TOWNS = 5
"""Towns that stand beside a state."""
PEOPLE = (1, 1_000, 10_000, 100_000)
"""People of a town from which its dot is a shade darker and larger."""


@pages.context_processor
def _everywhere() -> dict[str, Any]:
    return {"account": account(), "samples": False, "pictures": pictures}


@pages.get("")
def listed() -> str:
    """Pictures: listings by freshness, by state, and by county, where the country has these."""
    country, region = state().config.country, request.args.get("region", "")
    kind = request.args.get("kind", "")
    kind = kind if kind in KINDS else ""
    with reading() as connection:
        regions = coverage.by_region(connection, country)
        ages = coverage.freshness(connection)
        counties = coverage.by_county(connection, country, kind)
    upto = [f"up to {days} {'day' if days == 1 else 'days'}" for days in coverage.FRESH_DAYS]
    chosen = [county for county in counties if county["region"] == region] or counties
    return render_template(
        "desk_coverage.html",
        map=pictures.tiles(regions) if country == "US" else [],
        regions=pictures.bars(list(regions.items())),
        ages=pictures.bars(list(zip([*upto, "older", "not known"], ages, strict=True))),
        kind=kind,
        region=region,
        states=sorted({county["region"] for county in counties}),
        counties=chosen,
        without=sum(not county["listings"] for county in chosen),
        dots=pictures.dots(
            (c["lat"], c["lon"], c["region"], pictures.shade(c["listings"], pictures.SHADES))
            for c in counties
        ),
        most=SHOWN,
    )


@pages.get("/deserts")
def deserts() -> str:
    """People far from any detox: a picture of their towns, and a table by state."""
    country, region = state().config.country, request.args.get("region", "")
    with reading() as connection:
        found = coverage.deserts(connection, country)
        known = coverage.known(connection, country)
    towns = [town for desert in found for town in desert.towns]
    chosen = [town for town in towns if town.region == region]
    totals: Counter[str] = Counter()
    for desert in found:
        totals += Counter({"people": desert.people, "far": desert.far})
    return render_template(
        "desk_deserts.html",
        deserts=found,
        known=known,
        people=totals["people"],
        far=totals["far"],
        miles=coverage.FAR_MILES,
        region=region if chosen else "",
        towns=sorted(chosen, key=lambda town: (-town.people, town.name))[:SHOWN],
        most=SHOWN,
        beside=TOWNS,
        dots=pictures.dots(
            (town.lat, town.lon, town.region, pictures.shade(town.people, PEOPLE)) for town in towns
        )
        if country == "US"
        else [],
    )
