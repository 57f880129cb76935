"""The filters beside the results: what can be chosen, and what each choice would leave."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from directory.criteria import Search
from directory.search import Page
from directory.vocabulary import vocabulary
from directory.web.language import gettext, language, translated
from directory.web.wording import kinds, number

# From this share of the results a filter hardly narrows anything, and says so; among few
# results that is plain to see.
NEARLY_ALL, FEW = 0.9, 5


@dataclass(frozen=True, slots=True)
class Option:
    """One box to tick: ``count`` says what choosing it gives."""

    value: str
    label: str
    about: str
    count: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Group:
    """The boxes of one facet. ``parameter`` is what their form fields are called."""

    parameter: str
    label: str
    hint: str | None
    options: list[Option]

    @property
    def chosen(self) -> int:
        """How many of its boxes are ticked."""
        return sum(option.chosen for option in self.options)


def groups(search: Search, page: Page) -> list[Group]:
    """All filters that have something to choose, kinds first.

    A box that would leave nothing is hidden unless it is ticked, so that it can be unticked.
    """
    spoken = language()
    items = [(kind, label.plural, label.about) for kind, label in kinds().items()]
    boxes = _options(page, "kind", items, set(search.kinds), False)
    found = [Group("kind", gettext("Kind of help"), _hint(boxes, False), boxes)]
    for facet in vocabulary().facets.values():
        terms = _terms(facet.code, spoken)
        boxes = _options(page, facet.code, terms, set(search.terms), facet.match_all)
        found.append(Group("term", translated(facet.label), _hint(boxes, facet.match_all), boxes))
    return [group for group in found if group.options]


@cache
def _terms(facet: str, _language: str) -> tuple[tuple[str, str, str], ...]:
    """The (code, label, explanation) of a facet's terms in the language of the page, once each."""
    terms = vocabulary().facets[facet].terms
    return tuple((term.code, translated(term.label), translated(term.about)) for term in terms)


def _hint(boxes: list[Option], narrows: bool) -> str | None:
    """How the boxes of a facet go together. ``narrows``: each must hold; else any may."""
    if len(boxes) < 2:
        return None
    return (
        gettext("All that you tick must fit") if narrows else gettext("Any that you tick may fit")
    )


def _options(
    page: Page, facet: str, items: Iterable[tuple[str, str, str]], ticked: set[str], narrows: bool
) -> list[Option]:
    """The boxes of one facet from its (value, label, explanation) ``items``."""
    counts, shown = page.counts.get(facet, {}), list(items)
    # What the counts of boxes that are not ticked are a part of, where that is known.
    known = narrows or not any(value in ticked for value, _, _ in shown)
    whole = page.total if page.total_is_exact and known and page.total > FEW else 0
    options = []
    for value, name, about in shown:
        count = counts.get(value, 0)
        if count or value in ticked:
            text = _count(count, page.total_is_exact)
            if whole and value not in ticked and count >= whole * NEARLY_ALL:
                nearly = gettext("nearly all: %(count)s", count=text)
                text = gettext("all %(count)s", count=text) if count == whole else nearly
            options.append(Option(value, name, about, text, value in ticked))
    return options


def _count(count: int, exact: bool) -> str:
    if count == 0:
        return gettext("none")
    if exact:
        return number(count)
    return gettext("about %(count)s", count=number(float(f"{count:.2g}")))
