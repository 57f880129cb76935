"""The guides: complete, kind, sourced, and each leads into searches that work."""

import re
import shutil
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient

from directory.config import Config
from directory.records import KINDS
from directory.vocabulary import vocabulary
from directory.web import guides as module
from directory.web.app import create_app
from directory.web.guides import FOLDER, Guide, guides
from tests.reading import blocks_of

GUIDES = list(guides().values())
every_guide = pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.slug)

# Words that blame, and the same words where they are part of a name.
BLAMING = re.compile(
    r"\b(?:addicts?|alcoholics?|junk(?:y|ie)s?|abusers?|substance abuse|drug abuse|dirty|clean)\b"
    r"(?! Anonymous)",
    re.I,
)
# Who may be named as a source, and any office of a government.
OFFICIAL = (".gov", "988lifeline.org", "al-anon.org", "www.law.cornell.edu")


def links(guide: Guide) -> list[str]:
    return [url.replace("&amp;", "&") for url in re.findall(r'href="([^"]+)"', guide.body)]


def test_there_is_a_file_for_each_guide_and_no_other() -> None:
    assert {path.stem for path in (FOLDER / "en").iterdir()} == set(guides())
    assert len(GUIDES) == 12


@every_guide
def test_each_is_short_and_complete(guide: Guide) -> None:
    words = " ".join([guide.about, *blocks_of(guide.body)]).split()
    assert 250 <= len(words) <= 450
    assert guide.title
    assert "\n" not in guide.title + guide.about
    assert len(guide.about) <= 160
    headings = re.findall(r"<h2>(.+?)</h2>", guide.body)
    assert headings[-2:] == ["Find help", "Official sources"]
    assert "<h1" not in guide.body


@every_guide
def test_none_blames(guide: Guide) -> None:
    text = " ".join(blocks_of(f"{guide.title} {guide.about} {guide.body}"))
    assert BLAMING.findall(text.replace("“Are you clean?”", "")) == []


@every_guide
def test_each_names_official_sources(guide: Guide) -> None:
    sources = [url for url in links(guide) if url.startswith("http")]
    assert sources
    for url in sources:
        assert url.startswith("https://")
        assert (urlsplit(url).hostname or "").endswith(OFFICIAL), url
    assert guide.body.count('rel="noreferrer"') == guide.body.count("<a ")


@every_guide
def test_each_leads_into_searches_with_known_codes(client: FlaskClient, guide: Guide) -> None:
    searches = [url for url in links(guide) if url.startswith("/")]
    assert 1 <= len(searches) <= 3
    for url in searches:
        asked = parse_qs(urlsplit(url).query)
        assert set(asked) <= {"kind", "term", "day", "open"}, url
        assert set(asked.get("term", ())) <= set(vocabulary().terms), url
        response = client.get(url)
        assert response.status_code == 200, url
        for code in asked.get("term", ()):
            assert f'value="{code}" checked' in response.text, url


@every_guide
def test_numbers_that_call_are_those_that_are_shown(guide: Guide) -> None:
    for called, shown in re.findall(r'href="tel:([^"]+)"[^>]*>([^<]+)', guide.body):
        assert re.sub(r"\D", "", called) == re.sub(r"\D", "", shown)


def test_topics_are_codes_that_exist() -> None:
    for guide in GUIDES:
        kinds = {code.removeprefix("kind:") for code in guide.codes if code.startswith("kind:")}
        assert kinds <= set(KINDS)
        rest = {code for code in guide.codes if not code.startswith("kind:")}
        assert rest <= set(vocabulary().terms)
        assert all(word == word.lower() for word in guide.words)


@every_guide
def test_the_page(client: FlaskClient, guide: Guide) -> None:
    response = client.get(guide.url)
    assert response.status_code == 200
    assert f"<title>{guide.title} · Recovery Directory</title>" in response.text
    assert f"<h1>{guide.title}</h1>" in response.text
    assert response.text.count("<h1") == 1
    more = response.text[response.text.index('id="more"') :]
    for other in GUIDES:
        assert (f'href="{other.url}"' in more) == (other is not guide)


def test_an_unknown_guide_is_an_error_page(client: FlaskClient) -> None:
    assert client.get("/guides/nothing").status_code == 404
    assert client.get("/guides/../app").status_code == 404


@pytest.mark.parametrize("path", ["/", "/guides"])
def test_all_are_listed(client: FlaskClient, path: str) -> None:
    html = client.get(path).text
    assert all(f'href="{guide.url}"' in html for guide in GUIDES)


def test_other_pages_lead_to_them(client: FlaskClient) -> None:
    assert client.get("/hotlines").text.count('href="/guides/overdose"') == 2
    assert 'href="/guides"' in client.get("/about").text
    assert 'href="/guides/overdose"' in client.get("/nothing").text


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("q=detox", ["detox"]),
        ("q=detox that takes medicaid&near=Denver", ["detox", "paying"]),
        ("term=service:detox&term=pay:medicaid", ["detox", "paying"]),
        ("q=my brother overdosed", ["overdose"]),
        ("q=he is not breathing", ["overdose"]),
        ("q=my toddler ate my suboxone", ["overdose"]),
        ("q=suboxone", ["medicines"]),
        ("kind=interventionist", ["intervention"]),
        ("q=al-anon tonight", ["families"]),
        ("kind=treatment", ["treatment", "asking"]),
        ("kind=treatment&term=who:teens", ["teens", "treatment"]),
        ("near=Denver", []),
        ("q=zebra", []),
    ],
)
def test_results_name_the_guides_that_fit(
    client: FlaskClient, query: str, named: list[str]
) -> None:
    html = client.get(f"/search?{query}").text
    html = html[html.index('id="results"') :]
    assert re.findall(r'href="/guides/([a-z-]+)"', html) == named


def test_an_overdose_comes_before_all_else(client: FlaskClient) -> None:
    html = client.get("/search?q=son overdosing what to do&near=Denver").text
    assert "If it is happening now" in html[: html.index("<h1")]
    assert "If it is happening now" not in client.get("/search?q=detox").text


def test_elsewhere_a_guide_says_whose_numbers_it_has(sample_config: Config) -> None:
    there = create_app(replace(sample_config, country="GB")).test_client()
    assert "those of the United States" in there.get("/guides/overdose").text


def test_a_translation_is_one_file_and_english_stands_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = tmp_path / "guides"
    shutil.copytree(FOLDER, folder)
    shutil.rmtree(folder / "es")
    (folder / "es").mkdir()
    text = "# ¿Qué es la desintoxicación?\n\nUn primer paso.\n\nMás <script>x</script> texto.\n"
    (folder / "es" / "detox.md").write_text(text, encoding="utf-8")
    monkeypatch.setattr(module, "FOLDER", folder)
    found = module.guides.__wrapped__("es")
    assert list(found) == list(guides())
    assert (found["detox"].title, found["detox"].language) == ("¿Qué es la desintoxicación?", "es")
    assert "<script" not in found["detox"].body
    assert found["overdose"].language == "en"
