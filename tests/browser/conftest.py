"""The browser of these tests."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Request, sync_playwright


def pages_asked(page: Page) -> list[str]:
    """The addresses of pages that are asked for from now on, files of a page left out: its map may
    still be loading outlines."""
    asked: list[str] = []

    def keep(request: Request) -> None:
        if request.is_navigation_request():
            asked.append(request.url)

    page.on("request", keep)
    return asked


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        yield found
        found.close()
