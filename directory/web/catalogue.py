"""The catalogues of translated texts, and what they must hold.

``python -m directory.web.catalogue`` adds texts that are new to each language in
``directory/translations``, takes out those that are gone, and compiles the files that pages are
made with. It changes no translation. With the code of a language as its argument it first makes
an empty catalogue for it.
"""

import csv
import io
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path

from babel import Locale
from babel.messages import Catalog
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from directory.config import DATA, ROOT
from directory.seeds import HOTLINES, SAMPLE
from directory.web.language import FOLDER

# Those of maintainers are in English.
ENGLISH_ONLY = ("desk", "_desk", "sign_in")
# Where what people ask is refused; other errors meet nobody on a page.
REFUSING = ("parameters", "question", "understand", "places", "search")
_MARKS = {"_": None, "gettext": None, "msgid": None, "ngettext": (1, 2)}

Message = str | tuple[str, ...] | list[str]


def messages() -> Iterable[Message]:
    """Every text that a page may say, in a steady order; a pair is one thing and several."""
    for path in sorted((ROOT / "templates").glob("*.html")):
        if not path.stem.startswith(ENGLISH_ONLY):
            yield from _marked("jinja2", path, _MARKS)
    for path in sorted((ROOT / "directory" / "web").glob("*.py")):
        yield from _marked("python", path, _MARKS)
    for name in REFUSING:
        yield from _marked("python", ROOT / "directory" / f"{name}.py", {"UsageError": None})
    document = tomllib.loads((DATA / "vocabulary.toml").read_text(encoding="utf-8"))
    for facet in document["facets"].values():
        yield facet["label"]
    for term in document["terms"].values():
        yield from (term["label"], term["about"])
    yield from (HOTLINES.title or "", SAMPLE.title or "")
    with (DATA / "hotlines.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            yield from (row["name"], row["description"])
            for number in row["phones"].split(";"):
                yield number.strip().lstrip("+0123456789-. ()")


def _marked(method: str, path: Path, marks: Mapping[str, tuple[int, ...] | None]) -> list[Message]:
    options = {"encoding": "utf-8", "trimmed": "true"}
    found = extract_from_file(method, path, keywords=marks, options=options)
    return [message for _, message, _, _ in found]


def file_of(language: str) -> Path:
    """The catalogue of a language; beside it lies the compiled one."""
    return FOLDER / language / "LC_MESSAGES" / "messages.po"


def updated(language: str) -> Catalog:
    """The catalogue of a language with the texts of today; new ones have no translation yet."""
    template = Catalog()
    for message in messages():
        if message:
            template.add(message)
    with file_of(language).open("rb") as file:
        catalog = read_po(file, locale=language)
    catalog.update(template, no_fuzzy_matching=True, update_creation_date=False)
    catalog.obsolete.clear()
    return catalog


def as_text(catalog: Catalog) -> bytes:
    """The bytes of a catalogue, the same for the same texts."""
    file = io.BytesIO()
    write_po(file, catalog, no_location=True, width=100, ignore_obsolete=True)
    return file.getvalue()


def missing(catalog: Catalog) -> list[Message]:
    """What has no translation, or one that nobody has looked at since it changed."""
    return [
        message.id
        for message in catalog
        if message.id and (message.fuzzy or not message.string or not all(message.string))
    ]


def main(new: list[str]) -> None:
    """Bring every catalogue up to date, and say what it lacks."""
    for code in new:
        file_of(code).parent.mkdir(parents=True)
        file_of(code).write_bytes(as_text(Catalog(Locale(code), "Recovery Directory", fuzzy=False)))
    for path in sorted(FOLDER.glob("*/*/messages.po")):
        language = path.parent.parent.name
        catalog = updated(language)
        path.write_bytes(as_text(catalog))
        with path.with_suffix(".mo").open("wb") as file:
            write_mo(file, catalog)
        for message in missing(catalog):
            sys.stdout.write(f"{language} lacks {message!r}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
