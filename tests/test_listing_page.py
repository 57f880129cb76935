"""A listing answers in the order of a caller, and is shared in words that tell nothing."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
import zxingcpp
from flask import Flask
from flask.testing import FlaskClient

from directory.vocabulary import vocabulary
from directory.web.sharing import qr, share
from tests.test_languages import words_of

# One sample of each kind of help, with a question to ask it and what to bring.
KINDS = {
    "Front Range Detox": ("Do you have room now?", "An insurance card|a list of all medicines"),
    "Early Birds": ("You can just listen.", "You need no papers"),
    "Cherry Creek Counseling": ("Are you taking new people?", "An insurance card"),
    "Bridge to Care Interventions": ("paid by any treatment center", "A short list of what"),
    "Boulder Harm Reduction": ("Can I just come", "Letters or papers"),
    "Front Range Warm Line": ("Say what worries you most.", "A pen, paper"),
}
ORDER = ("help", "when", "cost", "reach", "bring", "ask-them", "keep-it", "trust")
# What a message may not say: what the page is about, or that anybody needs help.
TELLING = re.compile(
    r"addict|recover|detox|treat|rehab|alcohol|drug|drogas|sober|meeting|help|adicci|ayuda"
    r"|reuni|sample|denver",
    re.I,
)


def address_of(client: FlaskClient, name: str) -> str:
    found = client.get("/api/v1/search", query_string={"q": f"{name} sample"}).json
    assert found is not None
    hits = [*found["results"], *found["online"]["results"]]
    return next(str(hit["url"]) for hit in hits if hit["name"].startswith(name))


@pytest.fixture(params=KINDS)
def page(client: FlaskClient, request: pytest.FixtureRequest) -> tuple[str, str]:
    """A listing of each kind: its name and its page."""
    return request.param, client.get(address_of(client, request.param)).text


def test_the_order_is_that_of_a_caller(page: tuple[str, str]) -> None:
    assert tuple(re.findall(r'<h2 id="([\w-]+)"', page[1])) == ORDER


def test_each_kind_has_its_own_questions_and_things_to_bring(page: tuple[str, str]) -> None:
    name, html = page
    for other, (question, bring) in KINDS.items():
        assert (question in html) == (other == name), question
        if other == name:
            assert re.search(bring, html, re.I)


def test_the_number_stays_in_reach(page: tuple[str, str]) -> None:
    bar = re.search(r'<p class="call-bar">.*?href="(tel:[^"]+)"', page[1], re.S)
    first = re.search(r'class="first-number">.*?href="(tel:[^"]+)"', page[1], re.S)
    assert bar
    assert first
    assert bar[1] == first[1]


def test_each_term_is_there_with_what_it_means(page: tuple[str, str], client: FlaskClient) -> None:
    listing = re.search(r"/api/v1/listings/[0-9a-f-]{36}", page[1])
    assert listing
    found = client.get(listing[0]).json
    assert found is not None
    said = unescape(page[1])
    for code in found["terms"]:
        term = vocabulary().terms[code]
        assert term.label in said
        assert term.about in said or term.facet in ("language", "substance")


def test_many_services_stand_as_words_with_their_meanings_behind(client: FlaskClient) -> None:
    html = client.get(address_of(client, "Front Range Detox")).text
    services = html[html.index('id="facet-service"') :].partition("<h3")[0]
    assert services.index('<ul class="terms"') < services.index("<details")
    assert services.index("<details") < services.index(vocabulary().terms["service:detox"].about)


# Sharing


def shared(html: str) -> tuple[str, str, str]:
    """The texts of the message and the mail of a page, and the address it shows to copy."""
    sms = re.search(r'href="(sms:[^"]+)"', html)
    mail = re.search(r'href="(mailto:\?[^"]+)"', html)
    copy = re.search(r'<code class="copy">([^<]+)</code>', html)
    assert sms
    assert mail
    assert copy
    text = parse_qs(urlsplit(unescape(sms[1])).query)
    letter = parse_qs(urlsplit(unescape(mail[1])).query)
    return text["body"][0], f"{letter['subject'][0]}: {letter['body'][0]}", unescape(copy[1])


def scanned(svg: str) -> str:
    """What a camera reads from a QR code, drawn from the runs of its SVG at 4 px a square."""
    size, scale = int(re.search(r'viewBox="0 0 (\d+)', svg)[1]), 4  # type: ignore[index]
    runs = re.search(r'stroke="#000" d="([^"]+)"', svg)
    assert runs
    dark, x, y = set(), 0.0, 0.0
    for step, first, second in re.findall(r"([Mmh])(-?[\d.]+)(?: (-?[\d.]+))?", runs[1]):
        if step == "h":
            dark |= {(int(x) + n, int(y)) for n in range(int(first))}
            x += float(first)
        else:
            x, y = (0.0, 0.0) if step == "M" else (x, y)
            x, y = x + float(first), y + float(second)
    edge = range(size * scale)
    pixels = bytes(0 if (x // scale, y // scale) in dark else 255 for y in edge for x in edge)
    picture = memoryview(pixels).cast("B", (len(edge), len(edge)))
    (found,) = zxingcpp.read_barcodes(
        picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    )
    return found.text


def test_a_page_is_shared_in_words_that_tell_nothing(page: tuple[str, str]) -> None:
    message, mail, copied = shared(page[1])
    assert copied.startswith("http://localhost/listing/")
    assert message == f"I want to share this page with you: {copied}"
    assert mail == f"A page for you: {message}"
    assert not TELLING.search(message + mail)


def test_the_code_leads_to_the_page_itself(page: tuple[str, str], client: FlaskClient) -> None:
    svg = re.search(r"<svg[^>]*class=\"qr\".*?</svg>", page[1], re.S)
    assert svg
    address = scanned(svg[0])
    assert address == shared(page[1])[2]
    again = client.get(urlsplit(address).path)
    assert re.search(r"<h1>.*", again.text)[0] == re.search(r"<h1>.*", page[1])[0]  # type: ignore[index]


@pytest.mark.parametrize("length", [20, 120, 900])
def test_a_camera_reads_every_length(length: int) -> None:
    text = "https://example.org/list?" + "id=0f3a&" * (length // 8)
    assert scanned(str(qr(text))) == text


def test_behind_a_proxy_the_address_is_the_public_one(app: Flask) -> None:
    secure = {"X-Forwarded-Proto": "https"}
    with app.test_request_context("/", base_url="http://help.example.org", headers=secure):
        assert share("/list").url == "https://help.example.org/list"


def test_spanish_pages_are_shared_in_spanish(client: FlaskClient) -> None:
    html = client.get("/es" + address_of(client, "Front Range Detox")).text
    message, mail, copied = shared(html)
    assert copied.startswith("http://localhost/es/listing/")
    assert message == f"Quiero compartir esta página con usted: {copied}"
    assert mail.startswith("Una página para usted: ")
    assert not TELLING.search(message + mail)
    said = words_of(html)
    for text in ("¿Pueden ayudar?", "¿Cuándo?", "¿Cuánto cuesta?", "Cómo entrar", "Qué llevar"):
        assert text in said


@pytest.mark.parametrize("name", KINDS)
def test_no_english_is_left_on_a_page_of_any_kind(client: FlaskClient, name: str) -> None:
    own = r"<title>.*?</title>|<h1>.*?</h1>|<a class=\"language\".*?</a>"
    english, spanish = (
        {text for text in words_of(re.sub(own, "", client.get(f"{code}{address}").text)) if text}
        for address in [address_of(client, name)]
        for code in ("", "/es")
    )
    ours = {message for message in english & spanish if message.endswith((".", "?"))}
    # What its source wrote stays as it is.
    record = client.get("/api/v1" + address_of(client, name).replace("listing", "listings")).json
    assert record is not None
    assert not {text for text in ours if text not in str(record) and "555-01" not in text}
