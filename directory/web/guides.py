"""The guides: short pages of ``data/guides``, read once, and which of them fit a search.

A guide is a Markdown file, ``data/guides/LANGUAGE/SLUG.md``: a heading, a paragraph that says
what it is about, and the rest. ``data/guides/topics.toml`` has their order and what leads to
each. So a translation is one more file for each guide, and touches nothing else.
"""

import re
import tomllib
from dataclasses import dataclass
from functools import cache

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

from directory.config import DATA
from directory.criteria import Search
from directory.web.language import ENGLISH, to

FOLDER = DATA / "guides"
# Beside results; more would be in their way.
MOST_FITTING = 2


@dataclass(frozen=True, slots=True)
class Guide:
    """One guide. ``language`` is that of its text: English where a translation is missing.

    codes: terms, and kinds as ``kind:hotline``, whose searches it fits; words: what people type.
    """

    slug: str
    title: str
    about: str
    body: Markup
    language: str
    codes: frozenset[str]
    words: frozenset[str]

    @property
    def url(self) -> str:
        """The address of its page."""
        return to(f"/guides/{self.slug}")


@cache
def guides(language: str = ENGLISH) -> dict[str, Guide]:
    """All guides in their order, by slug."""
    with (FOLDER / "topics.toml").open("rb") as file:
        return {slug: _read(slug, topics, language) for slug, topics in tomllib.load(file).items()}


def _read(slug: str, topics: dict[str, list[str]], language: str) -> Guide:
    written, path = language, FOLDER / language / f"{slug}.md"
    if not path.exists():
        written, path = ENGLISH, FOLDER / ENGLISH / f"{slug}.md"
    heading, about, body = path.read_text(encoding="utf-8").split("\n\n", 2)
    html = MarkdownIt().render(body)
    if language != ENGLISH:  # the pages that it leads to are in the language of the reader
        html = html.replace('href="/', f'href="/{language}/')
    return Guide(
        slug,
        heading.removeprefix("# "),
        about.replace("\n", " "),
        # The text is ours; cleaned all the same, and links tell no other site where from.
        Markup(nh3.clean(html, link_rel="noreferrer")),  # noqa: S704
        written,
        frozenset(topics.get("codes", ())),
        frozenset(topics.get("words", ())),
    )


def fitting(search: Search, typed: str, language: str = ENGLISH) -> list[Guide]:
    """At most two guides for what is asked for: by words, then by terms, then by kinds."""
    words = set(re.findall(r"\w+", typed.lower()))
    parts = search.question.parts if search.question else ()
    codes = {code for part in parts if not part.negated for code in part.codes}
    codes |= {*search.terms, *(f"kind:{kind}" for kind in search.kinds)}
    kinds = {code for code in codes if code.startswith("kind:")}
    found = guides(language).values()
    tiers = [
        *(guide for guide in found if guide.words & words),
        *(guide for guide in found if guide.codes & (codes - kinds)),
        *(guide for guide in found if guide.codes & kinds),
    ]
    return list(dict.fromkeys(tiers))[:MOST_FITTING]
