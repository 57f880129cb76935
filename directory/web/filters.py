"""The filters beside the results: what can be chosen, and what each choice would leave."""

from collections.abc import Iterable
from dataclasses import dataclass

from directory.criteria import Search
from directory.search import Page
from directory.vocabulary import vocabulary
from directory.web.wording import KINDS, number

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
    kinds = [(kind, label.plural, label.about) for kind, label in KINDS.items()]
    boxes = _options(page, "kind", kinds, set(search.kinds), False)
    found = [Group("kind", "Kind of help", _hint(boxes, False), boxes)]
    for facet in vocabulary().facets.values():
        items = [(term.code, term.label, term.about) for term in facet.terms]
        boxes = _options(page, facet.code, items, set(search.terms), facet.match_all)
        found.append(Group("term", facet.label, _hint(boxes, facet.match_all), boxes))
    return [group for group in found if group.options]


def _hint(boxes: list[Option], narrows: bool) -> str | None:
    """How the boxes of a facet go together. ``narrows``: each must hold; else any may."""
    if len(boxes) < 2:
        return None
    return "All that you tick must fit" if narrows else "Any that you tick may fit"


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
                text += ", all" if count == whole else ", nearly all"
            options.append(Option(value, name, about, text, value in ticked))
    return options


def _count(count: int, exact: bool) -> str:
    if count == 0:
        return "none"
    return number(count) if exact else f"about {number(float(f'{count:.2g}'))}"
