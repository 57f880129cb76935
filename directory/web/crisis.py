"""Help lines for every page, read from the bundled file: they do not need the database."""

import csv
import re
from dataclasses import dataclass
from functools import cache

from directory import clean
from directory.config import DATA

# The number for an ambulance, by country; elsewhere pages say it in words.
EMERGENCY = {"US": "911", "CA": "911", "GB": "999", "IE": "112", "AU": "000", "NZ": "111"}
IN_STRIP = 2

_PHONE = re.compile(r"(?P<number>[+\d][\d\-.() ]*)(?P<label>.*)")


@dataclass(frozen=True, slots=True)
class Number:
    """A number as people read it, the address that calls or texts it, and what to do."""

    shown: str
    url: str
    label: str


@dataclass(frozen=True, slots=True)
class HelpLine:
    """One national line. ``always``: it answers day and night."""

    name: str
    about: str
    country: str
    numbers: tuple[Number, ...]
    website: str
    always: bool


@cache
def help_lines() -> tuple[HelpLine, ...]:
    """All lines of ``data/hotlines.csv``, in its order: the most general ones come first."""
    with (DATA / "hotlines.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            HelpLine(
                name=row["name"],
                about=row["description"],
                country=row["country"],
                numbers=tuple(_number(part, row["country"]) for part in row["phones"].split(";")),
                website=row["website"],
                always=row["sessions"].count("00:00 1440") == 7,
            )
            for row in csv.DictReader(file)
        )


def _number(text: str, country: str) -> Number:
    """ "741741 Text HOME" as a number; a number that only takes messages gets ``sms:``."""
    found = _PHONE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"no phone number in {text!r} of data/hotlines.csv")
    shown, label = found["number"].strip(), found["label"].strip()
    known = clean.phone(shown, country)
    dialled = known[0] if known else re.sub(r"\D", "", shown)
    return Number(shown, f"{'sms' if label.startswith('Text') else 'tel'}:{dialled}", label)


def lines_of(country: str) -> list[HelpLine]:
    """The lines that answer in ``country``; those of all countries where it has none."""
    return [line for line in help_lines() if line.country == country] or list(help_lines())


def by_country(first: str) -> list[tuple[str, list[HelpLine]]]:
    """(country, lines) for all countries, ``first`` first."""
    countries = list(dict.fromkeys(line.country for line in help_lines()))
    countries.sort(key=lambda country: country != first)
    return [(c, [line for line in help_lines() if line.country == c]) for c in countries]
