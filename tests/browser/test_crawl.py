"""Every page that links lead to, from the first page of each language: whole, valid and quiet.

Pages that differ in the values of their parameters alone are one. The browser opens the first page
of each sort; with EVERY_PAGE=1 it opens all of them, and all are checked to be valid HTML.
"""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import parse_qs, urldefrag, urljoin, urlsplit
from xml.etree.ElementTree import Element

import html5lib
import pytest
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

MOST = 250
SCHEMES = {"", "https", "http", "tel", "sms", "geo", "mailto"}
_TAG = re.compile(r"<(?:a|link|script|img|form|source|use)\b[^>]*")
_LINK = re.compile(r'\b(?:href|src|action)="([^"]*)"')
_ID = re.compile(r'\bid="([^"]*)"')
Key = tuple[str, tuple[str, ...]]


@dataclass
class Found:
    """A page that was reached: its address, and its text where it is HTML."""

    url: str
    html: str


def key_of(url: str) -> Key:
    """What tells pages apart: the path and the names of parameters."""
    parts = urlsplit(url)
    return parts.path, tuple(sorted(parse_qs(parts.query, keep_blank_values=True)))


def sort_of(url: str) -> tuple[str, ...]:
    """Pages of one sort have the same template: search with each parameter, one guide of each
    language, some listings."""
    path, names = key_of(url)
    language = "es" if path.startswith("/es/") else ""
    first, *rest = path.removeprefix("/es").strip("/").split("/")
    return language, first, str(len(rest)), *names[:2]


def links_of(html: str, url: str) -> Iterator[str]:
    for tag in _TAG.findall(html):
        for link in _LINK.findall(tag):
            yield urljoin(url, link.replace("&amp;", "&"))


@pytest.fixture(scope="module")
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture(scope="module")
def crawled(client: FlaskClient) -> dict[Key, Found]:
    """Every page, and what is wrong with how they lead to each other, which must be nothing."""
    pages: dict[Key, Found] = {}
    waiting, anchors = ["/", "/es/"], []
    broken: list[tuple[str, object]] = []
    while waiting and len(pages) < MOST:
        url = waiting.pop(0)
        if key_of(url) in pages:
            continue
        answer = client.get(url)
        if answer.status_code not in (200, 303):
            broken.append((url, answer.status_code))
        if "Set-Cookie" in answer.headers:
            broken.append((url, "sets a cookie"))
        html = answer.text if answer.mimetype == "text/html" and answer.status_code == 200 else ""
        pages[key_of(url)] = Found(url, html)
        for link in links_of(html, url):
            plain, anchor = urldefrag(link)
            if urlsplit(link).scheme not in SCHEMES:
                broken.append((url, link))
            elif not urlsplit(link).netloc and urlsplit(link).scheme == "":
                waiting.append(plain)
                anchors.append((url, key_of(plain), anchor))
    for url, key, anchor in anchors:
        held = pages[key].html if key in pages else ""
        if anchor and held and anchor not in _ID.findall(held):
            broken.append((url, f"#{anchor} is not in {pages[key].url}"))
    assert not broken
    assert not waiting or len(pages) == MOST
    return pages


def shown(pages: dict[Key, Found]) -> list[Found]:
    """The pages of HTML: one of each sort, or all."""
    found = [page for page in pages.values() if page.html]
    if os.environ.get("EVERY_PAGE") == "1":
        return found
    return list({sort_of(page.url): page for page in reversed(found)}.values())


def test_no_link_is_broken(crawled: dict[Key, Found]) -> None:
    """What is broken is found while crawling."""
    assert len(crawled) > 100
    paths = {path for path, _ in crawled}
    expected = {"/", "/search", "/list", "/hotlines", "/guides", "/about", "/privacy", "/sources"}
    assert expected <= paths
    assert {f"/es{path}" for path in expected} <= paths
    assert sum(path.startswith("/listing/") for path in paths) > 5


def test_html_is_valid(crawled: dict[Key, Found]) -> None:
    """Parsed without a single error, ids are unique, and labels and references have an end."""
    for page in shown(crawled):
        parser = html5lib.HTMLParser(strict=False, namespaceHTMLElements=False)
        tree = parser.parse(page.html)
        assert parser.errors == [], page.url
        ids = [element.get("id") for element in tree.iter() if element.get("id")]
        assert len(ids) == len(set(ids)), page.url
        for element in tree.iter():
            for name in ("for", "aria-labelledby", "aria-describedby", "aria-controls"):
                assert set(element.get(name, "").split()) <= set(ids), (page.url, element.attrib)
        assert_contents(tree, page.url)


# Elements that hold phrasing content only, and those that may not be in it.
_PHRASING = {"p", "h1", "h2", "h3", "span", "b", "strong", "em", "label", "button", "summary"}
_BLOCKS = {"div", "p", "ul", "ol", "table", "section", "form", "h2", "h3", "dl", "fieldset", "nav"}


def assert_contents(tree: Element, url: str) -> None:
    """The content models that a parser does not check."""
    for element in tree.iter():
        inside = {child.tag for child in element.iter() if child is not element}
        if element.tag in _PHRASING:
            assert not inside & _BLOCKS, (url, element.tag, inside & _BLOCKS)
        if element.tag in ("a", "button"):
            assert not inside & {"a", "button", "input", "select"}, (url, element.attrib)
        if element.tag in ("ul", "ol"):
            assert {child.tag for child in element} <= {"li"}, (url, element.attrib)


def test_nothing_leaves_and_nothing_stays(
    browser: Browser, live_site: str, crawled: dict[Key, Found]
) -> None:
    """No request to another host, no word on the console, no cookie and no storage."""
    context = browser.new_context()
    page = context.new_page()
    hosts: set[str] = set()
    said: list[str] = []
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    page.on("console", lambda message: said.append(f"{page.url}: {message.text}"))
    page.on("pageerror", lambda error: said.append(f"{page.url}: {error}"))
    page.on("response", lambda answer: said.extend([answer.url] if answer.status >= 400 else ()))
    for found in shown(crawled):
        answer = page.goto(live_site + found.url)
        assert answer is not None
        assert answer.status == 200
    stored = "Object.keys(localStorage).length + Object.keys(sessionStorage).length"
    assert page.evaluate(f"{stored} + document.cookie.length") == 0
    assert page.evaluate("indexedDB.databases().then(found => found.length)") == 0
    assert context.cookies() == []
    assert hosts == {urlsplit(live_site).netloc}
    assert said == []
    context.close()
