"""Addresses of searches: the question as it stands, with one thing changed.

Pure functions over the request's parameters (name -> texts as sent). Every link on a results
page is made here, so that none loses a part of the question.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from directory.criteria import Search
from directory.parameters import DEFAULT_RADIUS, METRES
from directory.phrases import Part
from directory.search import EXACT_TO, Page
from directory.vocabulary import vocabulary
from directory.web.language import gettext, ngettext, to
from directory.web.wording import code_label, either, kind, number, part_label, quantity

Values = Mapping[str, Sequence[str]]
Change = str | Sequence[str] | None

# The parameters a link keeps, in the order in which it writes them.
NAMES = (
    *("q", "near", "lat", "lon", "radius", "unit", "kind", "term", "attend"),
    *("day", "time", "open", "literal", "sort", "per_page", "page", "keep"),
)
PLACE = ("near", "lat", "lon", "radius")
WIDER = (10.0, 25.0, 50.0, 100.0, 250.0, 500.0)
# Beyond this many words a question is changed by hand more easily than by links.
MOST_WORDS = 4


@dataclass(frozen=True, slots=True)
class Link:
    """A link: what it says and where it leads."""

    text: str
    url: str
    current: bool = False


def search_url(values: Values, **changes: Change) -> str:
    """The address of the search in ``values`` with ``changes``; None takes a parameter out.

    Empty and unknown parameters are left out, and the page starts again from the first
    unless ``page`` is among the changes.
    """
    merged: dict[str, Change] = {**values, "page": None, **changes}
    pairs = []
    for name in NAMES:
        given = merged.get(name)
        texts = [given] if isinstance(given, str) else given or []
        pairs += [(name, text) for text in texts if text.strip()]
    return to(f"/search?{urlencode(pairs)}" if pairs else "/search")


def without(values: Values, name: str, text: str) -> str:
    """The search less one of several values of ``name``."""
    return search_url(values, **{name: [given for given in values.get(name, ()) if given != text]})


def without_place(values: Values) -> str:
    """The search anywhere. An order that needs a place goes with it."""
    changes: dict[str, Change] = dict.fromkeys(PLACE)
    if "distance" in values.get("sort", ()):
        changes["sort"] = None
    return search_url(values, **changes)


def cleared(values: Values) -> str | None:
    """The search with its words and place, and no other choice; None where no other was made."""
    if not any(values.get(name) for name in ("kind", "term", "attend", "day", "time", "open")):
        return None
    kept = ("q", "near", "lat", "lon", "radius", "unit", "keep")
    return search_url({name: texts for name, texts in values.items() if name in kept})


def unit_of(values: Values) -> str:
    """The unit of distances that was asked for."""
    return "km" if "km" in values.get("unit", ()) else "mi"


def radius_of(search: Search, unit: str) -> str:
    """The radius in words, such as "25 miles"."""
    return quantity(round(search.radius_m / METRES[unit], 2), unit)


def chips(search: Search, values: Values) -> list[Link]:
    """Each active part of the question, with the link that takes it away."""
    unit = unit_of(values)
    found = _understood(search, values)
    own = {part.what for part in search.question.parts} if search.question else set()
    if search.place is not None and "place" not in own:
        name, radius = search.place.name, radius_of(search, unit)
        if search.place.kind == "point":
            label = gettext("within %(radius)s, near %(place)s", radius=radius, place=name)
        elif search.near:
            label = gettext("within %(radius)s of %(place)s", radius=radius, place=name)
        else:
            label = gettext("for %(place)s", place=name)
        found.append(Link(label, without_place(values)))
    for code in search.kinds:
        found.append(Link(kind(code).plural, without(values, "kind", code)))
    for code in search.terms:
        found.append(Link(code_label(code), without(values, "term", code)))
    if (when := search.when) and "when" not in own:
        if when.day:
            found.append(Link(code_label(f"day:{when.day}"), search_url(values, day=None)))
        if when.time:
            found.append(Link(code_label(f"time:{when.time}"), search_url(values, time=None)))
        if when.open:
            found.append(Link(code_label("open:now"), search_url(values, open=None)))
    if search.attend and "attend" not in own:
        label = code_label(f"attend:{search.attend}")
        found.append(Link(label, search_url(values, attend=None)))
    return found


def _understood(search: Search, values: Values) -> list[Link]:
    """Each part of the typed question, with the link to the same question without it."""
    asked = search.question
    if asked is None:
        typed = search.words.text if search.words else None
        return [Link(f"“{typed}”", search_url(values, q=None))] if typed else []
    same: dict[str, list[Part]] = {}  # two ways to say one thing are one chip
    for parts in _by_span(asked.parts):
        label = " · ".join(dict.fromkeys(part_label(part) for part in parts))
        same.setdefault(label, []).append(parts[0])
    found = [
        Link(label, search_url(values, q=asked.without(*parts) or None))
        for label, parts in same.items()
    ]
    if asked.rest:
        kept = " ".join(part.source for part, *_ in _by_span(asked.parts))
        found.append(Link(f"“{asked.rest}”", search_url(values, q=kept or None)))
    return found


def _by_span(parts: Sequence[Part]) -> list[list[Part]]:
    """Parts that stand in the same words come and go together."""
    spans: dict[tuple[int, int], list[Part]] = {}
    for part in parts:
        spans.setdefault((part.start, part.end), []).append(part)
    return list(spans.values())


def wanted(search: Search) -> tuple[str, ...]:
    """The terms that were asked for, by boxes or in words; cards show them first."""
    return tuple(code for code in search.wanted if code in vocabulary().terms)


def was_read(search: Search) -> bool:
    """Whether the typed words were understood as more than words."""
    return search.question is not None and bool(search.question.parts)


def sorts(search: Search, values: Values) -> list[Link]:
    """The orders that make sense for this search."""
    labels = {
        "best": gettext("Best match"),
        "distance": gettext("Nearest"),
        "soonest": gettext("Soonest"),
        "name": gettext("Name"),
    }
    if not search.near:
        del labels["distance"]
    return [
        Link(label, search_url(values, sort=None if sort == "best" else sort), sort == search.sort)
        for sort, label in labels.items()
    ]


def last_page(search: Search, page: Page) -> int:
    """The number of the last page that can be asked for."""
    return max(1, -(-min(page.total, EXACT_TO) // search.per_page))


def paging(search: Search, page: Page, values: Values) -> tuple[Link | None, Link | None]:
    """Links to the previous and the next page, where there are such pages."""

    def link(text: str, number_: int) -> Link:
        return Link(text, search_url(values, page=str(number_) if number_ > 1 else None))

    last = last_page(search, page)
    # Past the end, "previous" leads back to where results are.
    before = link(gettext("Previous"), min(search.page - 1, last)) if search.page > 1 else None
    return before, link(gettext("Next"), search.page + 1) if search.page < last else None


def alternatives(search: Search, values: Values) -> list[Link]:
    """Other places of the same name."""
    others = search.place.alternatives[:4] if search.place else ()
    # The other place takes its words' part.
    changes: dict[str, Change] = {"lat": None, "lon": None, "q": placeless(search, values)}
    return [Link(place.name, search_url(values, near=place.name, **changes)) for place in others]


def placeless(search: Search, values: Values) -> str | None:
    """What was typed, less the place in it: to ask the same elsewhere."""
    asked = search.question
    for part in asked.parts if asked else ():
        if asked and part.what == "place":
            return asked.without(part) or None
    return next(iter(values.get("q", ())), None)


def elsewhere(search: Search, values: Values) -> str:
    """The search without its place, which a map adds: lat, lon and radius."""
    changes = dict.fromkeys(PLACE) | {"q": placeless(search, values)}
    return search_url(values, **changes)


def suggestions(search: Search, page: Page, values: Values) -> list[Link]:
    """What to change when little or nothing was found: one link for each part let go.

    A wider radius is offered only where it reaches something: the nearest beyond are known.
    """
    unit, found = unit_of(values), []
    beyond = [hit.distance_m for hit in page.hits if hit.beyond and hit.distance_m is not None]
    reach = [metres / METRES[unit] for metres in beyond]
    for wider in [step for step in WIDER if reach and step >= min(reach)][:2]:
        text = gettext("Look within %(radius)s", radius=quantity(wider, unit))
        found.append(Link(text, search_url(values, radius=f"{wider:g}")))
    own = {part.what for part in search.question.parts} if search.question else set()
    if search.when and "when" not in own:
        changes: dict[str, Change] = {"day": None, "time": None, "open": None}
        found.append(Link(gettext("Any day and time"), search_url(values, **changes)))
    if search.attend and "attend" not in own:
        found.append(Link(gettext("In person or online"), search_url(values, attend=None)))
    found += _fewer_parts(search, values)
    found += _fewer_choices(search, values)
    found += _fewer_words(search, values)
    if search.place and "place" not in own:
        found.append(Link(gettext("Look everywhere"), without_place(values)))
    return found


def _fewer_choices(search: Search, values: Values) -> list[Link]:
    """One link for each choice that narrows; choices of which any may fit go together."""
    together: dict[str, list[str]] = {}
    for code in search.terms:
        facet = vocabulary().facets[vocabulary().terms[code].facet]
        together.setdefault(code if facet.match_all else facet.code, []).append(code)
    found = []
    for codes in together.values():
        labels = either([f"“{code_label(code)}”" for code in codes])
        kept = [code for code in search.terms if code not in codes]
        found.append(Link(gettext("Without %(what)s", what=labels), search_url(values, term=kept)))
    if search.kinds:
        found.append(Link(gettext("Any kind of help"), search_url(values, kind=None)))
    return found


def _without(text: str) -> str:
    return gettext("Without %(what)s", what=f"“{text}”")


def _fewer_parts(search: Search, values: Values) -> list[Link]:
    """One link for each understood part of the question, and for the words beside them."""
    asked = search.question
    if asked is None or not asked.parts:
        return []
    found = []
    for part, *_ in _by_span(asked.parts):
        if rest := asked.without(part):
            found.append(Link(_without(part.source), search_url(values, q=rest)))
    if asked.rest:
        kept = " ".join(part.source for part, *_ in _by_span(asked.parts))
        found.append(Link(_without(asked.rest), search_url(values, q=kept)))
    return found


def _fewer_words(search: Search, values: Values) -> list[Link]:
    if search.words is None or (search.question and search.question.parts):
        return []
    asked = search.words.text.split()
    plain = not any(mark in search.words.text for mark in '"*-') and "OR" not in asked
    found = []
    if plain and 1 < len(asked) <= MOST_WORDS:
        for position, word in enumerate(asked):
            rest = " ".join(asked[:position] + asked[position + 1 :])
            label = gettext("Without the word “%(word)s”", word=word)
            found.append(Link(label, search_url(values, q=rest)))
    if search.place or search.terms or search.kinds:
        found.append(Link(_without(search.words.text), search_url(values, q=None)))
    return found


def count_words(page: Page) -> str:
    """How many were found: "1 result", "More than 10,000 results"."""
    if not page.total_is_exact:
        return gettext("More than %(number)s results", number=number(EXACT_TO))
    found = number(page.total)
    return ngettext("%(number)s result", "%(number)s results", page.total, number=found)


def total_words(search: Search, page: Page, values: Values) -> str:
    """How many were found and where, as a sentence."""
    unit = unit_of(values)
    total = count_words(page) if page.total else gettext("Nothing found")
    if search.attend == "online":
        total = gettext("%(found)s online or by phone", found=total)
    if search.near and search.place:
        radius, place = radius_of(search, unit), search.place.name
        where = {"found": total, "radius": radius, "place": place}
        if search.place.kind == "point":
            return gettext("%(found)s within %(radius)s, near %(place)s", **where)
        return gettext("%(found)s within %(radius)s of %(place)s", **where)
    return total


def radius_choices(values: Values) -> list[str]:
    """The radii that the form offers, the one that was asked for among them."""
    steps = {5.0, *WIDER}
    try:
        asked = float((values.get("radius") or [""])[0])
    except ValueError:
        asked = DEFAULT_RADIUS
    if 0.1 <= asked <= 500:
        steps.add(asked)
    return [f"{step:g}" for step in sorted(steps)]
