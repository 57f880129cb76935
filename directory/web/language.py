"""The language of a page: English, or the one that begins its address, as in /es/search.

A text in English is the key to its translations, in ``directory/translations``: a new language is
a folder there with one catalogue, which ``directory.web.catalogue`` makes and keeps up to date.
Outside a page, for the API and on the desk everything is English.
"""

from collections.abc import Iterable, Iterator, MutableMapping
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from gettext import NullTranslations
from itertools import islice
from typing import Any, cast
from urllib.parse import quote

import flask_babel
from babel import Locale, UnknownLocaleError
from babel.support import Translations
from flask import Flask, request
from flask.templating import Environment
from jinja2 import Template
from jinja2.ext import Extension
from jinja2.lexer import Token
from markupsafe import Markup

from directory.config import ROOT
from directory.errors import UsageError

FOLDER = ROOT / "directory" / "translations"
ENGLISH = "en"


@dataclass(frozen=True, slots=True)
class Version:
    """The same page in a language: what the language calls itself, and the address."""

    language: str
    name: str
    url: str


@cache
def languages() -> tuple[str, ...]:
    """English first, then those with a catalogue."""
    return ENGLISH, *sorted(path.parent.parent.name for path in FOLDER.glob("*/*/messages.po"))


def install(app: Flask) -> None:
    """Give the templates of ``app`` texts in the language of the page, and addresses in it."""
    flask_babel.Babel(app, default_translation_directories=str(FOLDER), locale_selector=_of_address)
    app.before_request(_speak)
    app.teardown_request(_fall_silent)
    app.jinja_env.filters["translated"] = translated
    app.jinja_env.globals |= {"to": to, "versions": versions, "language": language}
    # The own ones of the extension take three calls for each text, of which a page has hundreds.
    app.jinja_env.globals |= {"_": _marked, "gettext": _marked, "ngettext": _marked_number}


class Spoken(Environment):
    """Templates, compiled for each language: a page has hundreds of texts, which are looked up
    once, when its template is compiled, and not for each page."""

    spoken: str | None = None

    def get_template(
        self,
        name: str | Template,
        parent: str | None = None,
        globals: MutableMapping[str, Any] | None = None,
    ) -> Template:
        """The template in the language of the page."""
        if self.spoken is None:
            return self._in(language()).get_template(name, parent, globals)
        return super().get_template(name, parent, globals)

    def _in(self, code: str) -> "Spoken":
        known = self.__dict__.setdefault("languages", {})
        if code not in known:
            known[code] = self.overlay(extensions=[_Texts])
            known[code].spoken = code
        return cast(Spoken, known[code])


class _Texts(Extension):
    """``_("a text")`` of a template is its translation, where nothing is to be filled in."""

    def filter_stream(self, stream: Iterable[Token]) -> Iterator[Token]:
        tokens = list(stream)
        texts = _texts(cast(Spoken, self.environment).spoken or ENGLISH)
        rest = iter(range(len(tokens)))
        for n in rest:
            name, *call = tokens[n : n + 4]
            kinds = [token.type for token in call]
            if (
                name.type == "name"
                and name.value == "_"
                and kinds == ["lparen", "string", "rparen"]
            ):
                line = name.lineno
                found = texts.gettext(call[1].value)
                parts = (("lparen", "("), ("string", found), ("pipe", "|"), ("name", "safe"))
                yield from (Token(line, *part) for part in (*parts, ("rparen", ")")))
                next(islice(rest, 2, 3), None)
            else:
                yield name


@cache
def _texts(code: str) -> NullTranslations:
    return NullTranslations() if code == ENGLISH else Translations.load(str(FOLDER), [code])


def language() -> str:
    """The code of the page's language: the first part of its address, else English."""
    return _spoken()[0]


def _spoken() -> tuple[str, NullTranslations]:
    """The page's language and its texts: a page asks a thousand times."""
    return _SPOKEN.get()


def _speak() -> None:
    """Before each request: keep its language for as long as it is answered."""
    _SPOKEN.set((_of_address(), cast(NullTranslations, flask_babel.get_translations())))


def _fall_silent(_: BaseException | None) -> None:
    _SPOKEN.set(_OUTSIDE)


def _of_address() -> str:
    first = request.path.split("/", 2)[1]
    return first if first in languages() else ENGLISH


_OUTSIDE = ENGLISH, NullTranslations()
_SPOKEN: ContextVar[tuple[str, NullTranslations]] = ContextVar("spoken", default=_OUTSIDE)


def locale() -> Locale:
    """How the page writes numbers and dates: as Spanish does in the United States, say."""
    return _locale(language())


@cache
def _locale(code: str) -> Locale:
    try:
        return Locale(code, "US")
    except UnknownLocaleError:
        return Locale(code)


def to(path: str) -> str:
    """The address of one of our pages in the language of this one."""
    return _in(language(), path)


def versions() -> list[Version]:
    """This page in every language with its question kept; none of pages in English only."""
    if request.blueprint not in ("site", "translated"):
        return []
    path = request.path.removeprefix(_in(language(), "/")[:-1])
    asked = f"?{request.query_string.decode('latin-1')}" if request.query_string else ""
    return [
        Version(
            code, (Locale(code).display_name or code).capitalize(), _in(code, quote(path)) + asked
        )
        for code in languages()
    ]


def _in(code: str, path: str) -> str:
    return path if code == ENGLISH else f"/{code}{path}"


def gettext(text: str, **values: object) -> str:
    """``text`` in the language of the page, with its %(name)s filled in."""
    found = _spoken()[1].gettext(text)
    return found % values if values else found


def ngettext(one: str, many: str, count: int, **values: object) -> str:
    """The text for one or for several, whichever ``count`` needs in the language of the page."""
    found = _spoken()[1].ngettext(one, many, count)
    return found % values if values else found


def _marked(text: str, **values: object) -> Markup:
    """``gettext`` for templates: what it fills in is escaped."""
    found = Markup(gettext(text))  # noqa: S704 - texts are ours
    return found % values if values or "%" in found else found


def _marked_number(one: str, many: str, count: int, **values: object) -> Markup:
    """``ngettext`` for templates, where ``num`` is the number."""
    found = Markup(ngettext(one, many, count))  # noqa: S704
    return found % ({"num": count} | values)


def msgid(text: str) -> str:
    """``text`` as it is: a mark that the catalogue has it, for ``translated`` to look up."""
    return text


def translated(text: str) -> str:
    """A text of the catalogue in the language of the page; itself where it has none."""
    return gettext(text) if text else ""


def explained(error: UsageError) -> str:
    """What is wrong, in the language of the page."""
    return gettext(error.template, **error.values) if error.values else gettext(error.template)
