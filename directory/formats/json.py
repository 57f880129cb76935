"""Search answers and listings as JSON documents, as docs/api.md describes them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from directory import schedule, words
from directory.asking import Answered
from directory.criteria import Search
from directory.models import Listing
from directory.places import Place
from directory.question import Words
from directory.search import Hit, Page
from directory.vocabulary import vocabulary

_HIGHLIGHTED = ("name", "organization", "description")


def search_document(
    found: Answered, now: datetime, links: Mapping[str, str | None]
) -> dict[str, Any]:
    """The whole answer. ``links`` has self, next and previous."""
    search, page = found.search, found.page
    asked = {
        "corrected": found.corrected,
        "left_out": list(found.left_out),
        "few": found.few and found.few.source,
        "unsaid": found.unsaid and found.unsaid.source,
    }
    return {
        "question": question_document(search) | asked,
        "total": page.total,
        "total_is_exact": page.total_is_exact,
        "beyond": page.beyond,
        "results": [hit_document(hit, now, search.words) for hit in page.hits],
        "online": {
            "total": page.online_total,
            "results": [hit_document(hit, now, search.words) for hit in page.online],
        },
        "facets": _facets(page),
        "facets_are_exact": page.counts_are_exact,
        "links": links,
    }


def question_document(search: Search) -> dict[str, Any]:
    """What was understood of the question."""
    terms = vocabulary().terms
    asked = search.question
    parts = asked.parts if asked else ()
    understood = [
        {"code": code, "label": terms[code].label, "from": part.source}
        for part in parts
        if part.what == "term" and not part.negated
        for code in part.codes
    ]
    chosen = [{"code": c, "label": terms[c].label, "from": None} for c in search.terms]
    kinds = [c for p in parts if p.what == "kind" and not p.negated for c in p.codes]
    return {
        "words": (asked.rest if asked else search.words and search.words.text) or None,
        "kinds": [*search.kinds, *(c.removeprefix("kind:") for c in kinds if c[:5] == "kind:")],
        "terms": [*understood, *chosen],
        "excluded": [c for p in parts if p.negated for c in p.codes],
        "parts": [
            {"what": p.what, "codes": list(p.codes), "from": p.source, "negated": p.negated}
            for p in parts
        ],
        "place": search.place and place_document(search.place),
        "radius_m": search.radius_m if search.near else None,
        "when": search.when
        and {"day": search.when.day, "time": search.when.time, "open": search.when.open},
        "attend": search.attend,
        "sort": search.sort,
    }


def place_document(place: Place) -> dict[str, Any]:
    """A place with its alternatives, and what was typed for it where that is misspelled."""
    return {
        "name": place.name,
        "lat": place.lat,
        "lon": place.lon,
        "alternatives": [
            {"name": other.name, "lat": other.lat, "lon": other.lon} for other in place.alternatives
        ],
        "instead_of": place.instead_of,
    }


def hit_document(hit: Hit, now: datetime, asked: Words | None = None) -> dict[str, Any]:
    """One result: the listing, its distance in metres, and where the words stand in it."""
    found = {
        name: words.spans(text, asked.lexemes)
        for name in _HIGHLIGHTED
        if asked and (text := getattr(hit.listing, name))
    }
    return listing_document(hit.listing, now) | {
        "distance_m": hit.distance_m,
        "beyond": hit.beyond,
        "highlights": {name: spans for name, spans in found.items() if spans},
    }


def listing_document(listing: Listing, now: datetime) -> dict[str, Any]:
    """Everything a listing shows to anybody."""
    zone, sessions = listing.timezone, listing.sessions
    following = schedule.next_session(sessions, zone, now)
    seen = listing.last_seen or listing.source.seen_on
    return {
        "id": str(listing.id),
        "url": f"/listing/{listing.id}",
        "kind": listing.kind,
        "status": listing.status,
        "name": listing.name,
        "organization": listing.organization,
        "description": listing.description,
        "eligibility": listing.eligibility,
        "fees": listing.fees,
        "min_age": listing.min_age,
        "max_age": listing.max_age,
        "address": {
            "lines": listing.street,
            "city": listing.city,
            "region": listing.region,
            "postal_code": listing.postal_code,
            "country": listing.country,
        },
        "address_public": listing.address_public,
        "lat": listing.latitude,
        "lon": listing.longitude,
        "precision": listing.precision,
        "in_person": listing.in_person,
        "online": listing.online,
        "join_url": listing.join_url,
        "join_phone": listing.join_phone,
        "served": listing.served,
        "phones": listing.phones,
        "website": listing.website,
        "email": listing.email,
        "terms": listing.terms,
        "timezone": zone,
        "sessions": sessions,
        "recurrence_note": listing.recurrence_note,
        "open_now": schedule.open_now(sessions, zone, now),
        "next_session": following and following.isoformat(),
        "verified_on": listing.verified_on and listing.verified_on.isoformat(),
        "first_seen": listing.first_seen.isoformat(),
        "last_seen": seen and seen.isoformat(),
        "source": listing.source.title,
        "attribution": listing.source.attribution,
        "sample": listing.source.origin == "sample",
        "also_listed": listing.also,
        "duplicate_of": listing.duplicate_of and str(listing.duplicate_of),
    }


def _facets(page: Page) -> dict[str, list[dict[str, Any]]]:
    """Counts by facet, in the vocabulary's order; what no match has is left out."""
    facets = {
        facet.code: [
            {"code": term.code, "label": term.label, "count": counts[term.code]}
            for term in facet.terms
            if term.code in counts
        ]
        for facet in vocabulary().facets.values()
        if (counts := page.counts.get(facet.code))
    }
    if kinds := page.counts.get("kind"):
        labels = {kind: kind.replace("_", " ").capitalize() for kind in kinds}
        facets["kind"] = [
            {"code": kind, "label": labels[kind], "count": kinds[kind]} for kind in kinds
        ]
    return facets


def vocabulary_document() -> dict[str, Any]:
    """The facets and terms, with labels, explanations and synonyms."""
    return {
        "facets": [
            {
                "code": facet.code,
                "label": facet.label,
                "match": "all" if facet.match_all else "any",
                "terms": [
                    {
                        "code": term.code,
                        "label": term.label,
                        "about": term.about,
                        "synonyms": list(term.synonyms),
                    }
                    for term in facet.terms
                ],
            }
            for facet in vocabulary().facets.values()
        ]
    }
