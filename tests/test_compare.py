"""Two to four places of a list side by side: what differs, and what all of them say."""

import re
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient

from directory.search import Hit
from directory.web.shortlist import differences
from tests.builders import listing
from tests.test_listing_page import TELLING, scanned, shared

NEAR = "near=Denver"


@pytest.fixture
def ids(client: FlaskClient) -> list[str]:
    """Five places to treat people near Denver."""
    found = client.get("/api/v1/search?near=denver&radius=100&kind=treatment&per_page=5").json
    assert found is not None
    return [str(hit["id"]) for hit in found["results"]]


def list_of(ids: list[str], compared: list[str] | None = None) -> str:
    named = [f"compare={each}" for each in compared or ()]
    return "/list?" + "&".join([*(f"id={each}" for each in ids), NEAR, *named])


def rows(html: str) -> dict[str, list[str]]:
    """The table by its row headers: the text of each cell."""
    found = {}
    for row in re.findall(r"<tr.*?</tr>", html[html.index("<tbody") :], re.S):
        head, *cells = (
            " ".join(re.sub(r"<[^>]*>", " ", cell).split())
            for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S)
        )
        found[head] = [unescape(cell) for cell in cells]
    return found


@pytest.mark.parametrize("count", [2, 3, 4])
def test_places_stand_side_by_side_in_the_order_of_the_list(
    client: FlaskClient, ids: list[str], count: int
) -> None:
    compared = ids[:count]
    response = client.get(list_of(ids, compared[::-1]))
    assert response.status_code == 200
    html = response.text
    heads = html[html.index("<thead") : html.index("</thead>")]
    assert re.findall(r"/listing/([0-9a-f-]{36})", heads) == compared
    table = rows(html)
    for head, cells in table.items():
        assert len(cells) == (1 if "the same at all" in head else count), head
    assert all(re.search(r"\d+ mi|about", cell) for cell in table["Where"])
    assert all("555-01" in cell or "No number" in cell for cell in table["Call"])
    assert html.count(' scope="row"') == len(table)
    assert f'href="{list_of(ids).replace("&", "&amp;")}"' in html  # the way back loses none


def test_a_table_has_its_roles_where_it_becomes_blocks(client: FlaskClient, ids: list[str]) -> None:
    html = client.get(list_of(ids, ids[:2])).text
    table = html[html.index("<table") : html.index("</table>")]
    for tag, role in (("<tr", "row"), ("<td", "cell"), ("<th ", "columnheader|rowheader")):
        assert table.count(tag) == len(re.findall(rf'{tag}[^>]* ?role="(?:{role})"', table))


@pytest.mark.parametrize("count", [0, 1, 5])
def test_too_few_or_too_many_are_told_and_the_list_stays(
    client: FlaskClient, ids: list[str], count: int
) -> None:
    response = client.get(list_of(ids, ids[:count] or [""]))
    assert response.status_code == 400
    assert "Tick two to four places" in response.text
    boxes = re.findall(r'name="compare" value="([0-9a-f-]{36})"( checked)?', response.text)
    assert [each for each, _ in boxes] == ids
    assert [each for each, ticked in boxes if ticked] == ids[:count]


def test_a_list_offers_to_compare_what_fits(client: FlaskClient, ids: list[str]) -> None:
    few, many, one = (client.get(list_of(ids[:count])).text for count in (3, 5, 1))
    assert few.count('name="compare"') == 4  # three boxes and the button
    assert few.count(" checked") == 3
    assert many.count(" checked") == 0
    assert 'name="compare"' not in one
    assert 'name="near" value="Denver"' in few


def test_what_differs_stands_apart_from_what_is_the_same() -> None:
    one = listing(terms=["service:detox", "service:cbt", "pay:free"])
    other = listing(terms=["service:detox", "service:emdr"])
    found: Any = {
        each.facet.code: (
            [[t.code for t in own] for own in each.own],
            [t.code for t in each.common],
        )
        for each in differences([Hit(one, None), Hit(other, None)])
    }
    assert found == {
        "pay": ([["pay:free"], []], []),
        "service": ([["service:cbt"], ["service:emdr"]], ["service:detox"]),
    }
    assert list(found) == ["pay", "service"]


@pytest.mark.parametrize("compared", [False, True])
@pytest.mark.parametrize("code", ["", "/es"])
def test_a_list_is_shared_with_its_own_address(
    client: FlaskClient, ids: list[str], compared: bool, code: str
) -> None:
    path = code + list_of(ids, ids[:2] if compared else None)
    html = client.get(path).text
    message, mail, copied = shared(html)
    assert copied == f"http://localhost{path}"
    assert message.endswith(f": {copied}")
    assert mail.endswith(message)
    assert not TELLING.search((message + mail).replace(copied, ""))
    svg = re.search(r"<svg[^>]*class=\"qr\".*?</svg>", html, re.S)
    assert svg
    assert scanned(svg[0]) == copied


def test_a_list_says_what_decides(client: FlaskClient, ids: list[str]) -> None:
    html = client.get(list_of(ids)).text
    assert html.count("<dt>When</dt>") == html.count("<dt>Cost</dt>") == len(ids)
    assert "Listed by Sample data (not real)" in html


def test_an_empty_list_is_nothing_to_share(client: FlaskClient) -> None:
    assert "sms:" not in client.get("/list").text
