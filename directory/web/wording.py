"""What pages say about a listing, in words: distances, numbers to call, freshness, terms.

Pure functions, used by the templates. Distances come in geodesic metres and are shown in
miles or kilometres.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache, reduce

import phonenumbers
from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from directory import schedule
from directory.models import Listing
from directory.parameters import METRES
from directory.phrases import Part
from directory.places import WIDE
from directory.schedule import next_session
from directory.search import Hit
from directory.vocabulary import vocabulary
from directory.web.language import (
    ENGLISH,
    gettext,
    language,
    locale,
    msgid,
    ngettext,
    to,
    translated,
)
from directory.words import name_key

# An approximate position is off by up to some miles: its distances are said in steps of five
# miles or ten kilometres.
COARSE = {"mi": 5, "km": 10}
COUNTRIES = {
    "US": msgid("the United States"),
    "CA": msgid("Canada"),
    "GB": msgid("the United Kingdom"),
    "IE": msgid("Ireland"),
    "AU": msgid("Australia"),
    "NZ": msgid("New Zealand"),
}


@dataclass(frozen=True, slots=True)
class KindLabel:
    """A kind of help: one of it, several of it, and what it is."""

    one: str
    plural: str
    about: str


KINDS = {
    "treatment": KindLabel(
        msgid("Treatment"),
        msgid("Treatment"),
        msgid("Detox, clinics and live-in programs with trained staff."),
    ),
    "support_group": KindLabel(
        msgid("Support group"),
        msgid("Support groups"),
        msgid("Meetings of people who help each other. Most are free."),
    ),
    "counseling": KindLabel(
        msgid("Counseling"),
        msgid("Counseling"),
        msgid("Talks with a counselor, alone, as a family or in a group."),
    ),
    "community_program": KindLabel(
        msgid("Community program"),
        msgid("Community programs"),
        msgid("Recovery centers, sober homes and local help for daily life."),
    ),
    "interventionist": KindLabel(
        msgid("Interventionist"),
        msgid("Interventionists"),
        msgid("Professionals who help a family ask someone to accept care."),
    ),
    "hotline": KindLabel(
        msgid("Help line"),
        msgid("Help lines"),
        msgid("People to call or text at once, from anywhere."),
    ),
}


def kind(code: str) -> KindLabel:
    """What a kind of help is called in the language of the page."""
    label = KINDS[code]
    return KindLabel(translated(label.one), translated(label.plural), translated(label.about))


def kinds() -> dict[str, KindLabel]:
    """All kinds of help in the language of the page, by code."""
    return {code: kind(code) for code in KINDS}


def by_name(hits: list[Hit], now: datetime) -> list[tuple[Hit, list[Hit]]]:
    """The results with those of the same kind and name under the first of them: meetings by
    what starts next at the nearest place."""

    def soonest(hit: Hit) -> tuple[int, datetime]:
        row = hit.listing
        start = next_session(row.sessions, row.timezone or "UTC", now)
        return round(hit.distance_m or 0), start or datetime.max.replace(tzinfo=UTC)

    found: dict[tuple[str, str], tuple[Hit, list[Hit]]] = {}
    for hit in hits:
        key = (hit.listing.kind, name_key(hit.listing.name))
        if key in found:
            found[key][1].append(hit)
        else:
            found[key] = (hit, [])
    groups = []
    for first, others in found.values():
        group = [first, *others]
        if others and first.listing.kind == "support_group":
            group.sort(key=soonest)
        groups.append((group[0], group[1:]))
    return groups


def part_label(part: Part) -> str:
    """What was understood of a part of a question, as its chip says it."""
    if part.place and part.place.kind in WIDE:
        return gettext("In %(place)s", place=part.place.name)
    if part.place:
        return gettext("Near %(place)s", place=part.place.name)
    label = either(list(dict.fromkeys(code_label(code) for code in part.codes)))
    return gettext("Not %(label)s", label=label) if part.negated else label


def either(labels: list[str]) -> str:
    """One of several: "A or B"."""
    return reduce(lambda one, other: gettext("%(one)s or %(other)s", one=one, other=other), labels)


def code_label(code: str) -> str:
    """What a code of the vocabulary, of a kind, a time or a way to attend is called."""
    what, _, value = code.partition(":")
    if what == "kind":
        return kind(value).plural
    if what == "day" and value in schedule.WEEKDAYS:
        return weekday(schedule.WEEKDAYS.index(value))
    if what == "start":
        return gettext("Starts about %(time)s", time=clock(int(value) * 60))
    if code in _PLAIN:
        return translated(_PLAIN[code])
    return translated(vocabulary().terms[code].label)


_PLAIN = {
    "open:now": msgid("Open now"),
    "attend:online": msgid("Online or by phone"),
    "attend:in_person": msgid("In person"),
    "day:today": msgid("Today"),
    "day:tomorrow": msgid("Tomorrow"),
    "time:morning": msgid("Morning"),
    "time:midday": msgid("Midday"),
    "time:evening": msgid("Evening"),
    "time:night": msgid("Night"),
}


def number(value: float) -> str:
    """``value`` with thousands separated, without needless decimals."""
    if language() == ENGLISH:
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return format_decimal(value, "#,##0.##", locale=locale())


def _one_decimal(value: float) -> str:
    return (
        f"{value:.1f}" if language() == ENGLISH else format_decimal(value, "0.0", locale=locale())
    )


def quantity(value: float, unit: str) -> str:
    """A length in words: "1 mile", "25 miles", "40 km"."""
    if unit == "km":
        return f"{number(value)} km"
    count = 1 if value == 1 else 2  # half a mile is several, as in "0.5 miles"
    return ngettext("%(number)s mile", "%(number)s miles", count, number=number(value))


def distance(hit: Hit, unit: str) -> str | None:
    """How far a door is, no more exactly than its position is known; None without a door."""
    if hit.distance_m is None or not hit.listing.in_person:
        return None
    value = hit.distance_m / METRES[unit]
    if hit.listing.precision == "approximate" or not hit.listing.address_public:
        step = COARSE[unit]
        length = f"{number(max(step, round(value / step) * step))} {unit}"
        return gettext("about %(length)s", length=length)
    if value < 0.1:
        return gettext("under %(length)s", length=f"{_one_decimal(0.1)} {unit}")
    return f"{_one_decimal(value) if value < 9.95 else number(round(value))} {unit}"


def long_date(day: date) -> str:
    """ "November 1, 2026"."""
    return _long_date(day, language())


@lru_cache(maxsize=1_024)
def _long_date(day: date, code: str) -> str:
    if code == ENGLISH:
        return f"{day:%B} {day.day}, {day.year}"
    return format_date(day, "long", locale=locale())


def clock(minute: int) -> str:
    """A minute of the day or week as clocks show it: "7:30 PM", "8 AM", "noon", "midnight"."""
    hour, rest = divmod(minute % schedule.DAY, 60)
    if rest == 0 and hour in (0, 12):
        return gettext("noon") if hour else gettext("midnight")
    if language() != ENGLISH:
        return format_time(time(hour, rest), "short", locale=locale())
    minutes = f":{rest:02}" if rest else ""
    return f"{(hour - 1) % 12 + 1}{minutes} {'AM' if hour < 12 else 'PM'}"


def weekday(day: int) -> str:
    """The name of a day of the week, 0 for Monday, with a capital letter."""
    return str(locale().days["stand-alone"]["wide"][day]).capitalize()


@lru_cache(maxsize=8_192)
def moment(when: datetime) -> str:
    """A moment for maintainers, to the minute: "November 1, 2026, 07:05 UTC"."""
    utc = when.astimezone(UTC)
    return f"{long_date(utc.date())}, {utc:%H:%M} UTC"


def age(when: datetime, now: datetime) -> str:
    """How long ago: "5 minutes ago", "3 hours ago", "2 days ago"."""
    minutes = max(int((now - when).total_seconds() // 60), 0)
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return "just now"


@lru_cache(maxsize=16_384)
def phone(value: str, country: str) -> str:
    """An E.164 number or short code as people of ``country`` write it."""
    if not value.startswith("+"):
        return value
    try:
        parsed = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return value
    styles = phonenumbers.PhoneNumberFormat
    toll_free = phonenumbers.number_type(parsed) == phonenumbers.PhoneNumberType.TOLL_FREE
    if parsed.country_code == 1 and toll_free:
        return phonenumbers.format_number(parsed, styles.RFC3966).removeprefix("tel:+")
    if parsed.country_code == phonenumbers.country_code_for_region(country):
        return phonenumbers.format_number(parsed, styles.NATIONAL)
    return phonenumbers.format_number(parsed, styles.INTERNATIONAL)


def texting(value: str, label: str | None) -> bool:
    """Whether a number only takes text messages: a short code whose label says so."""
    short = not value.startswith("+") and len(value) >= 5
    return short and bool(label) and str(label).lower().startswith("text")


def address(listing: Listing) -> list[str]:
    """The lines of an address; only the town where the address is confidential."""
    town = " ".join(part for part in (listing.region, listing.postal_code) if part)
    place = ", ".join(part for part in (listing.city, town) if part)
    lines = [line for line in [*listing.street, place] if line]
    return lines if listing.address_public else [line for line in [place] if line]


def geo_link(listing: Listing) -> str | None:
    """A ``geo:`` link (RFC 5870) where the door is known and public, else None."""
    known = listing.precision in ("exact", "street") and listing.latitude is not None
    if not (known and listing.address_public and listing.in_person):
        return None
    return f"geo:{listing.latitude:.6f},{listing.longitude:.6f}"


def freshness(listing: Listing) -> str:
    """Where a listing comes from and how old that is, with the credit that its source wants."""
    credit, said = listing.source.attribution, _freshness(listing)
    return said + ". " + gettext("Credit: %(credit)s", credit=credit) if credit else said


def _freshness(listing: Listing) -> str:
    """ "Verified" only where a person did."""
    if listing.verified_on:
        return gettext("Verified on %(day)s", day=long_date(listing.verified_on))
    source, seen = translated(listing.source.title), listing.source.seen_on
    if listing.last_seen:
        day = long_date(listing.last_seen)
        return gettext("No longer listed by %(source)s; last seen %(day)s", source=source, day=day)
    if seen:
        return gettext("Listed by %(source)s, as of %(day)s", source=source, day=long_date(seen))
    return gettext("Listed by %(source)s", source=source)


STALE_DAYS = 180
"""Days without word from its source or a person after which a listing is said to be unconfirmed."""


def unconfirmed(listing: Listing, now: datetime) -> str | None:
    """Since when nobody has confirmed a listing: neither its source had it, nor a person checked
    it. None where that is not long ago, or not known."""
    days = (listing.verified_on, listing.last_seen or listing.source.seen_on)
    newest = max(filter(None, days), default=None)
    if newest is None or (now.date() - newest).days <= STALE_DAYS:
        return None
    return gettext("Not confirmed since %(day)s.", day=long_date(newest))


def gone(listing: Listing) -> str:
    """What is known of a listing that its source no longer has."""
    day = long_date(listing.last_seen or listing.first_seen)
    return gettext(
        "%(source)s has not listed it since %(day)s.",
        source=translated(listing.source.title),
        day=day,
    )


def served(listing: Listing) -> str | None:
    """The regions it serves without a door, in words."""
    names = []
    for code in listing.served:
        country, _, region = code.partition("-")
        name = translated(COUNTRIES.get(country, country))
        if region:
            name = gettext("%(region)s in %(country)s", region=region, country=name)
        names.append(name)
    return ", ".join(names) or None


def said(listing: Listing, text: str) -> str:
    """A text of a listing as its source has it; of those that come with us, translated."""
    return translated(text) if listing.source.origin == "bundled" else text


def organization(listing: Listing) -> str | None:
    """Who runs it, where its name does not already say so."""
    runs, name = listing.organization or "", listing.name
    return None if not runs or name.casefold().startswith(runs.casefold()) else runs


def slug(name: str) -> str:
    """The readable end of a listing's address: a-z, 0-9 and hyphens; may be empty."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:60].strip("-")


def listing_url(listing: Listing) -> str:
    """The address of a listing's page."""
    end = slug(listing.name)
    return to(f"/listing/{listing.id}/{end}" if end else f"/listing/{listing.id}")


def has_calendar(listing: Listing) -> bool:
    """Whether its weekly meetings can be added to a calendar."""
    weekly = listing.kind == "support_group" and bool(listing.sessions and listing.timezone)
    return weekly and listing.status == "active"
