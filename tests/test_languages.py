"""Pages in other languages: complete, linked to one another, and with the question kept."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from html import unescape
from html.parser import HTMLParser

import pytest
from babel.messages.mofile import read_mo
from flask import Flask
from flask.testing import FlaskClient

from directory.search import Hit
from directory.web import hours, wording
from directory.web.catalogue import as_text, file_of, missing, updated
from directory.web.crisis import help_lines
from directory.web.guides import guides
from directory.web.language import ENGLISH, languages, translated
from tests.builders import listing
from tests.reading import blocks_of

OTHERS = languages()[1:]
every_language = pytest.mark.parametrize("code", OTHERS)
NOW = datetime(2026, 11, 23, 16, 30, tzinfo=UTC)

PAGES = (
    *(
        "/",
        "/search",
        "/list",
        "/hotlines",
        "/guides",
        "/about",
        "/privacy",
        "/sources",
        "/nothing",
    ),
    "/search?q=detox&near=Denver",
    "/search?near=Denver&term=pay:medicaid&kind=treatment&day=monday&time=evening&attend=in_person",
    "/search?near=Pueblo,%20CO",
    "/search?near=Portland",
    "/search?near=Nowhereville%20Qq",
    "/search?q=zebra&near=Denver&term=service:detox&open=now",
    "/search?q=overdose",
    "/search?q=not%20aa%20meetings%20tonight",
    "/search?page=99",
    "/search?q=detoxx",
    "/search?radius=9999",
    "/search?kind=zebra",
    *(f"/guides/{slug}" for slug in guides()),
)
# Addresses that every language shares.
SHARED = ("/static/", "/exit", "/api/", "/listing/")


def forms(message: object) -> tuple[str, ...]:
    return (message,) if isinstance(message, str) else tuple(message)  # type: ignore[arg-type]


@every_language
def test_the_catalogue_has_the_texts_of_the_source_and_no_other(code: str) -> None:
    """Where this fails: ``python -m directory.web.catalogue``."""
    assert file_of(code).read_bytes() == as_text(updated(code))


@every_language
def test_no_text_is_missing(code: str) -> None:
    assert missing(updated(code)) == []


@every_language
def test_what_pages_use_is_what_the_catalogue_says(code: str) -> None:
    with file_of(code).with_suffix(".mo").open("rb") as file:
        compiled = {forms(m.id): forms(m.string) for m in read_mo(file) if m.id}
    assert compiled == {forms(m.id): forms(m.string) for m in updated(code) if m.id}


@every_language
def test_translations_have_the_values_and_links_of_the_text(code: str) -> None:
    for message in updated(code):
        for string in forms(message.string) if message.id else ():
            for pattern in (r"%\(\w+\)s", r'href="[^"]*"', r"<(?:b|strong|a|code)\b"):
                said, meant = (
                    sorted(set(re.findall(pattern, text)))
                    for text in (string, forms(message.id)[-1])
                )
                assert said == meant, message.id


@every_language
def test_every_guide_is_translated(code: str) -> None:
    for english, other in zip(guides().values(), guides(code).values(), strict=True):
        assert (other.slug, other.language) == (english.slug, code)
        for pattern in (r"<h2>", r"<li>", r'href="[^"]*"'):
            found = re.findall(pattern, other.body)
            meant = [url.replace('"/', f'"/{code}/') for url in re.findall(pattern, english.body)]
            if pattern != "<li>":
                assert [url for url in found if url not in meant] == []
            assert len(found) == len(meant), (other.slug, pattern)


def words_of(html: str) -> list[str]:
    """What a page says in its language, by block, and what its fields and lists are called."""
    html = re.sub(r'<a class="language".*?</a>', "", html)
    named = re.findall(r'(?:aria-label|placeholder|title|content)="([^"]+)"', html)
    return [*blocks_of(html), *(unescape(text) for text in named)]


@every_language
@pytest.mark.parametrize("path", PAGES)
def test_no_english_is_left(client: FlaskClient, code: str, path: str) -> None:
    """No text of the catalogue stands on the page in English, but where it is the same."""
    html = client.get(f"/{code}{path}").text
    assert f'<html lang="{code}">' in html
    # Listings keep the names that they have at their source, help lines too.
    said = set(words_of(html)) - {line.name for line in help_lines()}
    for message in updated(code):
        for text, string in zip(forms(message.id), forms(message.string), strict=False):
            if text and text != string and "%(" not in text and "<" not in text:
                assert text not in said, text


class Links(HTMLParser):
    """The addresses that a page leads to, with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("a", "form", "link"):
            self.found.append(dict(attrs))


def inner(links: Iterable[dict[str, str | None]]) -> list[str]:
    urls = [
        link.get("href") or link.get("action") or "" for link in links if "hreflang" not in link
    ]
    return [url for url in urls if url.startswith("/")]


@every_language
@pytest.mark.parametrize("path", PAGES)
def test_links_stay_in_the_language(client: FlaskClient, code: str, path: str) -> None:
    urls = inner(Links(client.get(f"/{code}{path}").text).found)
    assert [u for u in urls if not u.startswith((f"/{code}/", "/static/", "/exit", "/api/"))] == []
    for url in {u for u in urls if not re.search(r"/search\?|^/exit|^/static", u)}:
        assert client.get(url).status_code == 200, url


@every_language
@pytest.mark.parametrize("path", PAGES)
def test_pages_name_their_versions_and_keep_the_question(
    client: FlaskClient, code: str, path: str
) -> None:
    for address in (path, f"/{code}{path}"):
        response = client.get(address)
        if response.status_code == 404:
            continue  # there is no such page in any language
        links = Links(response.text).found
        versions = {link["hreflang"]: link["href"] for link in links if "hreflang" in link}
        assert versions == {ENGLISH: path, **{other: f"/{other}{path}" for other in OTHERS}}
        switch = [link for link in links if "hreflang" in link and "lang" in link]
        assert [link["hreflang"] for link in switch] == [
            other
            for other in languages()
            if not address.startswith(f"/{other}/") and (other != ENGLISH or address is not path)
        ]


@every_language
def test_a_listing_has_its_page_in_the_language(client: FlaskClient, code: str) -> None:
    html = client.get(f"/{code}/search?q=Front Range Detox").text
    found = re.search(rf'<h3><a href="(/{code}/listing/[^"]+)"', html)
    assert found
    page = client.get(found[1])
    assert page.status_code == 200
    assert f'<link rel="canonical" href="{found[1]}">' in page.text
    said = words_of(page.text)
    assert "Get in touch" not in said
    assert "Detox" not in said
    urls = inner(Links(page.text).found)
    assert [u for u in urls if not u.startswith((f"/{code}/", *SHARED))] == []


def test_other_addresses_have_no_language(client: FlaskClient) -> None:
    ours = ("/es/api/v1/search", "/es/healthz", "/es/metrics", "/es/maintain", "/es/sign-in")
    for path in (*ours, "/fr/", "/en/"):
        assert client.get(path).status_code == 404, path
    assert client.get("/es").headers["Location"].endswith("/es/")
    assert 'hreflang="es"' not in client.get("/sign-in").text
    assert client.get("/api/v1/search?radius=9999").json["detail"].startswith("Choose how far")  # type: ignore[index]
    assert "Esta página no está aquí" in client.get("/es/nothing").text


def test_the_language_is_that_of_the_address_alone(client: FlaskClient) -> None:
    answer = client.get("/", headers={"Accept-Language": "es"})
    assert '<html lang="en">' in answer.text
    assert "Set-Cookie" not in client.get("/es/").headers


def test_numbers_days_and_times_in_spanish(app: Flask) -> None:
    always = [(day, "00:00", 1440) for day in range(7)]
    with app.test_request_context("/es/search"):
        app.preprocess_request()
        assert wording.long_date(date(2026, 11, 1)) == "1 de noviembre de 2026"
        assert wording.weekday(2) == "Miércoles"
        assert wording.quantity(1, "mi") == "1 milla"
        assert wording.quantity(2500, "mi") == "2,500 millas"
        assert wording.distance(Hit(listing(), 643.7), "mi") == "0.4 mi"
        assert wording.distance(Hit(listing(precision="approximate"), 643.7), "mi") == "unos 5 mi"
        assert (
            wording.clock(19 * 60 + 30).replace("\u202f", " ").replace("\xa0", " ") == "7:30 p.m."
        )
        assert wording.clock(720) == "mediodía"
        assert hours.opening(listing(sessions=always), NOW) == (
            "open", "Abierto las 24 horas, todos los días",
        )  # fmt: skip
        state, said = hours.opening(listing(sessions=[(4, "12:00", 60)]), NOW) or ("", "")
        assert (state, said) == ("next", "Abre: viernes, mediodía")
        state, said = hours.opening(listing(sessions=[(0, "07:00", 60)]), NOW) or ("", "")
        assert said.startswith("Abre: lunes, 30 de noviembre, 7:00")
        assert wording.kind("hotline").plural == "Líneas de ayuda"
        assert translated("") == ""
    assert wording.long_date(date(2026, 11, 1)) == "November 1, 2026"


def test_a_refusal_is_said_in_the_language(client: FlaskClient) -> None:
    html = client.get("/es/search?near=Nowhereville Qq").text
    assert "No conocemos ningún lugar llamado «Nowhereville Qq»" in unescape(html)
    assert 'value="Nowhereville Qq"' in html


# Words that blame, but for the names of fellowships.
BLAMING = re.compile(r"\b(?:drog)?adict[oa]s?\b|\balcohólic[oa]s?\b|\bborrach[oa]s?\b", re.I)
NAMES = re.compile(r"Alcohólicos Anónimos|Adictos al Sexo y al Amor|Hijos Adultos de Alcohólicos")


def test_spanish_blames_nobody() -> None:
    texts = [text for message in updated("es") for text in forms(message.string) if message.id]
    texts += [f"{guide.title} {guide.about} {guide.body}" for guide in guides("es").values()]
    for text in texts:
        assert BLAMING.findall(NAMES.sub("", text)) == [], text


def test_what_was_understood_is_said_in_spanish(client: FlaskClient) -> None:
    html = client.get("/es/search?q=desintoxicaci%C3%B3n+cerca+de+Denver").text
    chips = re.findall(r"<li>(.*?)</li>", html.split('class="chips"')[1].split("</ul>")[0], re.S)
    said = [unescape(re.sub(r"<[^>]*>", " ", chip)) for chip in chips]
    assert any("Desintoxicación" in chip for chip in said)
    assert any("Cerca de Denver, CO" in chip for chip in said)
