"""What a caller asks of a listing, answered: whom it is for, what it offers, what it costs.

Pure functions, used by the templates. What a listing does not say is unknown, never a no.
"""

from collections import Counter
from functools import cache

from markupsafe import Markup, escape

from directory.models import Listing
from directory.records import BILLING
from directory.vocabulary import Facet, Term, vocabulary
from directory.web.language import gettext, translated

MAIN_TERMS, MAIN_PER_FACET, FEW = 6, 2, 3
_ORDER = ("fellowship", "service", "meeting", "language", "substance", "access", "pay", "who")
# What a card says beside the chips, in lines of their own.
_IN_LINES = ("pay", "who")


@cache
def _order() -> dict[str, tuple[int, int]]:
    """Where a card shows each term: by facet, then as the vocabulary has it."""
    terms = vocabulary().terms.values()
    return {t.code: (_ORDER.index(t.facet), n) for n, t in enumerate(terms)}


def main_terms(listing: Listing, chosen: tuple[str, ...] = ()) -> tuple[list[Term], int]:
    """Up to six terms for the chips of a card, and how many more there are: chosen ones first,
    then the first two of each facet. Whom it is for and how to pay are not among them."""
    terms = vocabulary().terms
    may = [code for code in listing.terms if terms[code].facet not in _IN_LINES]
    has = [code for code in chosen if code in may]
    shown = Counter[str]()
    for code in sorted(may, key=_order().__getitem__):
        facet = terms[code].facet
        if code not in has and code != "language:en" and shown[facet] < MAIN_PER_FACET:
            shown[facet] += 1
            has.append(code)
    main = has[: max(MAIN_TERMS, len(chosen))]
    return [terms[code] for code in main], len(may) - len(main)


def terms_of(listing: Listing, facet: str, chosen: tuple[str, ...] = ()) -> list[Term]:
    """Its terms of one facet in the vocabulary's order, chosen ones first."""
    order, place = _order(), _ORDER.index(facet)
    found = [code for code in listing.terms if order[code][0] == place]
    found.sort(key=lambda code: (code not in chosen, order[code]))
    terms = vocabulary().terms
    return [terms[code] for code in found]


def few(terms: list[Term], chosen: tuple[str, ...]) -> Markup:
    """The first of some terms in a row, the chosen ones marked; then how many more there are."""
    labels = [(str(escape(translated(term.label))), term.code in chosen) for term in terms[:FEW]]
    said = ", ".join(f"<b>{label}</b>" if marked else label for label, marked in labels)
    if (more := len(terms) - FEW) > 0:
        said += " " + gettext("and %(count)s more", count=more)
    return Markup(said)  # noqa: S704 - each label is escaped


def terms_by_facet(listing: Listing) -> list[tuple[Facet, list[Term]]]:
    """All its terms in the vocabulary's order, by facet."""
    found = []
    for facet in vocabulary().facets.values():
        if mine := [term for term in facet.terms if term.code in listing.terms]:
            found.append((facet, mine))
    return found


def ages(listing: Listing) -> str | None:
    """Whom it takes by age, or None where it does not say."""
    if listing.min_age is not None and listing.max_age is not None:
        return gettext("Ages %(least)s to %(most)s", least=listing.min_age, most=listing.max_age)
    if listing.min_age is not None:
        return gettext("Age %(least)s and older", least=listing.min_age)
    if listing.max_age is None:
        return None
    return gettext("Up to age %(most)s", most=listing.max_age)


def who_can_come(listing: Listing) -> str | None:
    """Whom it takes, in its own words and by age; None where it does not say."""
    said = [text.rstrip(".") for text in (listing.eligibility, ages(listing)) if text]
    return ". ".join(said) or None


def ask_about(listing: Listing) -> list[str]:
    """What may make it cheaper and is not stated: to ask about, each as the end of a sentence."""
    if listing.kind not in BILLING or "pay:free" in listing.terms:
        return []
    if listing.kind == "interventionist":
        return [
            gettext("the whole price in writing, with travel"),
            gettext("what you pay if the person says no"),
        ]
    found = []
    if not {"pay:sliding-scale", "pay:assistance"} & set(listing.terms):
        found.append(gettext("a lower price for people with little money"))
    if not {"pay:medicaid", "pay:public-funds", "pay:state-insurance"} & set(listing.terms):
        found.append(gettext("Medicaid, or a place that the state pays for"))
    if "pay:private-insurance" not in listing.terms:
        found.append(gettext("your insurance, and if they are in its network"))
    found.append(gettext("paying in small parts"))
    return found
