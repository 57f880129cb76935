"""Links that keep a question, and the words for what was found."""

from dataclasses import replace

import pytest

from directory import question
from directory.criteria import Search
from directory.phrases import Part, Question
from directory.places import Place
from directory.question import When
from directory.search import Hit, Page
from directory.web import filters, links
from tests.builders import asked_by, listing

DENVER = Place("Denver, CO", 39.74, -104.99, "US", "CO", "city", "America/Denver")


@pytest.mark.parametrize(
    ("values", "changes", "expected"),
    [
        ({}, {}, "/search"),
        ({"q": ["detox"]}, {}, "/search?q=detox"),
        ({"near": ["Denver, CO"], "q": ["a b"]}, {}, "/search?q=a+b&near=Denver%2C+CO"),
        ({"q": ["x"], "page": ["3"]}, {}, "/search?q=x"),
        ({"q": ["x"]}, {"page": "2"}, "/search?q=x&page=2"),
        ({"q": ["x"], "near": [""], "utm": ["y"]}, {}, "/search?q=x"),
        ({"q": ["x"], "sort": ["name"]}, {"q": None}, "/search?sort=name"),
        ({"term": ["pay:free", "who:men"]}, {"kind": "treatment"},
         "/search?kind=treatment&term=pay%3Afree&term=who%3Amen"),
        ({"q": ['"<&\'é']}, {}, "/search?q=%22%3C%26%27%C3%A9"),
    ],
)  # fmt: skip
def test_a_link_keeps_the_question(
    values: links.Values, changes: dict[str, links.Change], expected: str
) -> None:
    assert links.search_url(values, **changes) == expected


EVERYTHING = {
    "q": ["detox"],
    "near": ["Denver"],
    "radius": ["10"],
    "unit": ["km"],
    "kind": ["treatment", "counseling"],
    "term": ["pay:medicaid", "service:detox"],
    "attend": ["in_person"],
    "day": ["monday"],
    "time": ["evening"],
    "sort": ["distance"],
    "per_page": ["5"],
}
ASKED = Search(
    words=question.parse("detox"),
    place=DENVER,
    radius_m=10_000,
    kinds=("treatment", "counseling"),
    terms=("pay:medicaid", "service:detox"),
    when=When("monday", "evening"),
    attend="in_person",
    sort="distance",
    per_page=5,
)


def test_each_chip_takes_away_its_own_part_only() -> None:
    removed = {}
    for chip in links.chips(ASKED, EVERYTHING):
        left = asked_by(chip.url)
        gone = {(n, t) for n, ts in EVERYTHING.items() for t in ts if t not in left.get(n, [])}
        removed[chip.text] = gone
    assert removed == {
        "“detox”": {("q", "detox")},
        # An order by distance makes no sense without a place.
        "within 10 km of Denver, CO": {("near", "Denver"), ("radius", "10"), ("sort", "distance")},
        "Treatment": {("kind", "treatment")},
        "Counseling": {("kind", "counseling")},
        "Medicaid": {("term", "pay:medicaid")},
        "Detox": {("term", "service:detox")},
        "Monday": {("day", "monday")},
        "Evening": {("time", "evening")},
        "In person": {("attend", "in_person")},
    }


@pytest.mark.parametrize(
    ("number", "total", "previous", "following"),
    [(1, 3, None, None), (1, 6, None, 2), (2, 6, 1, None), (2, 20, 1, 3), (9, 6, 2, None)],
)
def test_paging(number: int, total: int, previous: int | None, following: int | None) -> None:
    before, after = links.paging(replace(ASKED, page=number), Page([], total), EVERYTHING)
    pages = [link and int(asked_by(link.url).get("page", ["1"])[0]) for link in (before, after)]
    assert pages == [previous, following]
    assert all(asked_by(link.url)["near"] == ["Denver"] for link in (before, after) if link)


def test_a_page_beyond_ten_thousand_is_not_offered() -> None:
    last = replace(ASKED, page=2_000)
    assert links.paging(last, Page([], 10_000, total_is_exact=False), {})[1] is None


@pytest.mark.parametrize(
    ("search", "page", "expected"),
    [
        (Search(), Page([], 12), "12 results"),
        (Search(), Page([], 1), "1 result"),
        (Search(), Page([], 1234), "1,234 results"),
        (Search(place=DENVER), Page([], 12), "12 results within 25 miles of Denver, CO"),
        (Search(place=DENVER, radius_m=1609.344), Page([], 0),
         "Nothing found within 1 mile of Denver, CO"),
        (Search(place=DENVER, attend="online"), Page([], 2), "2 results online or by phone"),
        (Search(), Page([], 10_000, total_is_exact=False), "More than 10,000 results"),
    ],
)  # fmt: skip
def test_the_total_in_words(search: Search, page: Page, expected: str) -> None:
    assert links.total_words(search, page, {}) == expected


def test_when_nothing_is_found_each_part_can_be_let_go() -> None:
    words = replace(ASKED, words=question.parse("quiet detox"))
    far = Page([Hit(listing(), 60_000.0, beyond=True)], 0)
    texts = [link.text for link in links.suggestions(words, far, EVERYTHING)]
    assert texts == [
        "Look within 100 km",
        "Look within 250 km",
        "Any day and time",
        "In person or online",
        "Without “Medicaid”",
        "Without “Detox”",
        "Any kind of help",
        "Without the word “quiet”",
        "Without the word “detox”",
        "Without “quiet detox”",
        "Look everywhere",
    ]


def test_choices_of_which_any_may_fit_are_let_go_together() -> None:
    asked = Search(terms=("pay:free", "service:cbt", "pay:medicaid"))
    values = {"term": list(asked.terms)}
    found = links.suggestions(asked, Page([], 0), values)
    left = {link.text: asked_by(link.url)["term"] for link in found}
    assert left == {
        "Without “Free” or “Medicaid”": ["service:cbt"],
        "Without “CBT”": ["pay:free", "pay:medicaid"],
    }


def test_a_wider_circle_is_not_offered_where_nothing_is() -> None:
    texts = [link.text for link in links.suggestions(ASKED, Page([], 0), EVERYTHING)]
    assert not any("within" in text for text in texts)


@pytest.mark.parametrize("text", ['"a b"', "a OR b", "a -b", "ab*"])
def test_words_with_operators_are_not_taken_apart(text: str) -> None:
    found = links.suggestions(Search(words=question.parse(text)), Page([], 0), {"q": [text]})
    assert found == []


def options(search: Search, page: Page) -> dict[str, tuple[str, bool]]:
    return {o.value: (o.count, o.chosen) for g in filters.groups(search, page) for o in g.options}


def test_filters_say_what_they_would_leave() -> None:
    page = Page(
        [], 100, counts={"service": {"service:detox": 95, "service:cbt": 3, "service:dbt": 100}}
    )
    assert options(Search(terms=("pay:free",)), page) == {
        "service:detox": ("nearly all: 95", False),
        "service:cbt": ("3", False),
        "service:dbt": ("all 100", False),
        "pay:free": ("none", True),
    }


def test_estimated_counts_say_so() -> None:
    page = Page([], 10_000, total_is_exact=False, counts={"pay": {"pay:free": 12_345}})
    assert options(Search(), page) == {"pay:free": ("about 12,000", False)}


def test_what_is_wanted_is_what_was_ticked_or_typed() -> None:
    parts = (
        Part("term", ("service:detox",), "detox", 0, 5),
        Part("term", ("pay:medicaid", "pay:medicare"), "medicaid", 6, 14),
        Part("kind", ("kind:treatment",), "rehab", 15, 20),
        Part("term", ("service:twelve-step",), "12 step", 25, 32, negated=True),
    )
    typed = replace(ASKED, question=Question("", parts), terms=("who:men", "pay:medicaid"))
    assert links.wanted(typed) == ("who:men", "pay:medicaid", "service:detox", "pay:medicare")
    assert links.wanted(replace(ASKED, terms=())) == ()
