"""Our own English is plain: a Flesch-Kincaid grade of at most 7, for each page as a whole."""

import csv

import pytest
from flask.testing import FlaskClient

from directory.config import DATA
from directory.vocabulary import vocabulary
from directory.web.guides import guides
from directory.web.site import ERRORS
from directory.web.wording import KINDS
from tests.reading import Counts, blocks_of, counts, syllables

LIMIT = 7.0
PAGES = (
    *("/", "/hotlines", "/about", "/privacy", "/sources", "/guides", "/nothing"),
    *("/search", "/search?q=detox&near=Denver", "/search?q=zebra&near=Denver&term=service:detox"),
    *("/search?near=Nowhereville Qq", "/search?near=Pueblo, CO", "/search?near=Portland"),
    *(f"/guides/{slug}" for slug in guides()),
)
LISTINGS = ("Front Range Detox", "Online Newcomers", "Willow House", "Early Birds", "988")

# What the CMU pronouncing dictionary says of words that are common here, and of hard ones.
SPOKEN = {
    1: "breathe call called care eye learned lines scared source stopped takes through tries week",
    2: "being business client clinic detox diet doing evening fluid little needed patient "
    "places poem private quiet safely sessions someone statement treatment",
    3: "addiction alcohol area behavior counselor created everyone everything heroin idea "
    "medicine methadone overdose previous radio reaction recover serious suicide",
    4: "behavioral buprenorphine community emergency facilities experience information medication "
    "psychiatrist recovery",
    5: "interventionist possibility",
}


@pytest.mark.parametrize("number", SPOKEN)
def test_syllables_are_those_of_a_dictionary(number: int) -> None:
    words = SPOKEN[number].split()
    assert {word: syllables(word) for word in words} == dict.fromkeys(words, number)


def test_abbreviations_are_spoken_by_letters() -> None:
    assert [syllables(word) for word in ("AA", "IOP", "FTC", "W", "NIDA")] == [2, 3, 3, 1, 2]


def test_the_formula_gives_published_figures() -> None:
    """Those of the encyclopedia's article on the test, and of Green Eggs and Ham."""
    assert round(Counts(13, 1, 24).grade, 1) == 11.3
    assert round(Counts(5700, 1000, 5814).grade, 1) == -1.3
    assert round(Counts(100, 100, 100).grade, 2) == -3.40


@pytest.mark.parametrize(
    ("text", "ease"),
    [
        ("The cat sat on the mat.", 116),
        (
            "This sentence, taken as a reading passage unto itself, is being used to prove a "
            "point.",
            69,
        ),
    ],
)
def test_counting_gives_published_figures(text: str, ease: int) -> None:
    """They are published as reading ease, which is made of the same three counts."""
    found = counts([text])
    per_word = found.syllables / found.words
    assert round(206.835 - 1.015 * found.words / found.sentences - 84.6 * per_word) == ease


def test_sentences_and_blocks() -> None:
    assert counts(["One two. Three (four)!", "A label", "Ask A.A. today?"]).sentences == 3
    assert counts(["A label", ""]) == Counts(0, 0, 0)
    html = "<nav>Home.</nav><p>Call <b>now</b>.</p><ul><li>One.<li>Two</ul><script>x.</script>"
    assert blocks_of(html) == ["Call now.", "One.", "Two"]


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_plain(client: FlaskClient, path: str) -> None:
    assert counts(blocks_of(client.get(path).text)).grade <= LIMIT


@pytest.mark.parametrize("name", LISTINGS)
def test_pages_of_listings_are_plain(client: FlaskClient, name: str) -> None:
    html = client.get(f"/search?q={name}").text
    path = html[html.index('href="/listing/') + 6 :].partition('"')[0]
    assert counts(blocks_of(client.get(path).text)).grade <= LIMIT


@pytest.mark.parametrize("slug", guides())
def test_guides_are_plain(slug: str) -> None:
    """Alone, without what stands around them."""
    guide = guides()[slug]
    found = counts([guide.about, *blocks_of(guide.body)])
    assert found.grade <= LIMIT
    assert found.words > 200


def test_explanations_of_terms_are_plain() -> None:
    for facet in vocabulary().facets.values():
        assert counts([term.about for term in facet.terms]).grade <= LIMIT, facet.code


def test_kinds_and_errors_are_plain() -> None:
    assert counts([kind.about for kind in KINDS.values()]).grade <= LIMIT
    assert counts([detail for _, detail in ERRORS.values()]).grade <= LIMIT


def test_what_is_said_of_help_lines_is_plain() -> None:
    with (DATA / "hotlines.csv").open(encoding="utf-8", newline="") as file:
        said = [row["description"] for row in csv.DictReader(file)]
    assert counts(said).grade <= LIMIT
