"""Every setting: its name in the environment, its default and its meaning.

``docs/operating.md`` lists the same settings; a test holds the two together.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from directory.errors import UsageError

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"
SHORTEST_KEY = 32
# Printable ASCII without what would end the address in a header: the host goes into one.
_TILES = re.compile(
    r"https?://[a-z0-9.-]+(?::\d+)?/(?=\S*\{z\})(?=\S*\{x\})(?=\S*\{y\})[!-~]+", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Config:
    """The settings of one process.

    database_url: a libpq or SQLAlchemy URL of a PostGIS server; None uses the private cluster.
    read_url: where searches read, such as a replica; None reads from ``database_url``.
    home: the folder for everything that is made at run time.
    country: ISO 3166-1 code whose places win where a name alone is ambiguous.
    statement_timeout_ms, lock_timeout_ms: what one search may take in the database.
    contact: an address or link by which publishers of feeds can reach the operator.
    feed_ports: ports from which feeds are fetched; private_feeds: whether also from private
        addresses, and then from any port.
    feed_seconds: the longest that fetching one address may take, with all retries.
    sources: the operator's own file of sources, beside the bundled one.
    secret_key: signs the sessions of those who sign in; None keeps one of its own in ``home``.
    geocoder: who is asked where an address is, as ``directory.geocode`` reads it; "" is nobody.
    exit_to: where somebody who leaves fast is taken.
    map_tiles: the address of map tiles with {z}, {x} and {y}, from elsewhere, or the path of a
        PMTiles file; "" draws outlines.
    map_credit: whom the map names for its tiles.
    count_searches: whether it is counted what is looked for, as ``directory.demand`` says.
    """

    database_url: str | None
    read_url: str | None
    home: Path
    country: str
    statement_timeout_ms: int
    lock_timeout_ms: int
    contact: str
    feed_ports: tuple[int, ...]
    private_feeds: bool
    sources: Path | None
    secret_key: str | None = field(default=None, repr=False)
    geocoder: str = ""
    exit_to: str = "https://www.weather.gov/"
    feed_seconds: int = 1800
    map_tiles: str = ""
    map_credit: str = ""
    count_searches: bool = True


SETTINGS: dict[str, tuple[str, str]] = {
    "DIRECTORY_DATABASE_URL": ("", "PostGIS server to use instead of the private one"),
    "DIRECTORY_READ_URL": ("", "where searches read, such as a replica; empty: the same server"),
    "DIRECTORY_HOME": ("var", "folder for the private database and other run-time files"),
    "DIRECTORY_COUNTRY": ("US", "country whose places win where a name alone is ambiguous"),
    "DIRECTORY_STATEMENT_TIMEOUT_MS": ("5000", "longest a search may run in the database"),
    "DIRECTORY_LOCK_TIMEOUT_MS": ("1000", "longest a search may wait for a lock"),
    "DIRECTORY_CONTACT": ("", "address or link that publishers of feeds see as who asks"),
    "DIRECTORY_FEED_PORTS": ("80,443,8080,8443", "ports from which feeds are fetched"),
    "DIRECTORY_PRIVATE_FEEDS": ("0", "1: fetch feeds from private addresses too, on any port"),
    "DIRECTORY_FEED_SECONDS": ("1800", "longest that one feed may take to arrive"),
    "DIRECTORY_SOURCES": ("", "file of your own sources, like data/sources.toml"),
    "DIRECTORY_SECRET_KEY": ("", "signs sessions; empty: one made and kept in DIRECTORY_HOME"),
    "DIRECTORY_EXIT": ("https://www.weather.gov/", "where those who leave fast are taken"),
    "DIRECTORY_MAP_TILES": (
        "",
        "a .pmtiles file, or an address with {z}, {x}, {y}; empty: outlines",
    ),
    "DIRECTORY_MAP_CREDIT": ("", "whom the map names as the source of those tiles"),
    "DIRECTORY_COUNT_SEARCHES": (
        "1",
        "0: no counts, by day, state and term and in tens, of what is looked for",
    ),
    "DIRECTORY_GEOCODER": ("", "who `directory geocode` asks where addresses are; empty: nobody"),
}


def _milliseconds(name: str, text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 600_000:
        raise UsageError(f"{name} is {text!r}; it takes whole milliseconds from 1 to 600000.")
    return int(text)


def _ports(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and 1 <= int(part) <= 65535 for part in parts):
        raise UsageError(f"DIRECTORY_FEED_PORTS is {text!r}; it takes ports such as 80,443.")
    return tuple(map(int, parts))


def load_config(environ: Mapping[str, str] = os.environ) -> Config:
    """Read the settings from ``environ``; raise UsageError where one makes no sense."""
    value = {name: environ.get(name, "").strip() or SETTINGS[name][0] for name in SETTINGS}
    country = value["DIRECTORY_COUNTRY"].upper()
    if not (len(country) == 2 and country.isalpha()):
        raise UsageError(f"DIRECTORY_COUNTRY is {country!r}; it takes two letters, such as US.")
    timeouts = ("DIRECTORY_STATEMENT_TIMEOUT_MS", "DIRECTORY_LOCK_TIMEOUT_MS")
    statement, lock = (_milliseconds(name, value[name]) for name in timeouts)
    contact = value["DIRECTORY_CONTACT"]
    if not (contact.isascii() and contact.isprintable()):
        raise UsageError("DIRECTORY_CONTACT takes an e-mail address or a link in plain letters.")
    for name in ("DIRECTORY_PRIVATE_FEEDS", "DIRECTORY_COUNT_SEARCHES"):
        if value[name] not in ("0", "1"):
            raise UsageError(f"{name} is {value[name]!r}; it takes 0 or 1.")
    seconds = value["DIRECTORY_FEED_SECONDS"]
    if not (seconds.isdecimal() and 1 <= int(seconds) <= 86_400):
        raise UsageError(f"DIRECTORY_FEED_SECONDS is {seconds!r}; it takes 1 to 86400.")
    secret = value["DIRECTORY_SECRET_KEY"]
    if secret and len(secret) < SHORTEST_KEY:
        raise UsageError(
            f"DIRECTORY_SECRET_KEY takes {SHORTEST_KEY} characters or more, such as those that "
            "this prints: openssl rand -hex 32"
        )
    leave = value["DIRECTORY_EXIT"]
    if not (leave.startswith(("https://", "http://")) and leave.isascii() and leave.isprintable()):
        raise UsageError(f"DIRECTORY_EXIT is {leave!r}; it takes a link to a harmless page.")
    tiles = value["DIRECTORY_MAP_TILES"]
    if tiles and not (_TILES.fullmatch(tiles) or tiles.endswith(".pmtiles")):
        raise UsageError(
            f"DIRECTORY_MAP_TILES is {tiles!r}; it takes a file such as map.pmtiles, or an address "
            "such as https://tiles.example.org/{z}/{x}/{y}.png, on one host."
        )
    return Config(
        database_url=value["DIRECTORY_DATABASE_URL"] or None,
        read_url=value["DIRECTORY_READ_URL"] or None,
        home=(ROOT / value["DIRECTORY_HOME"]).resolve(),
        country=country,
        statement_timeout_ms=statement,
        lock_timeout_ms=lock,
        contact=contact,
        feed_ports=_ports(value["DIRECTORY_FEED_PORTS"]),
        private_feeds=value["DIRECTORY_PRIVATE_FEEDS"] == "1",
        sources=Path(value["DIRECTORY_SOURCES"]).resolve() if value["DIRECTORY_SOURCES"] else None,
        secret_key=secret or None,
        geocoder=value["DIRECTORY_GEOCODER"],
        exit_to=leave,
        feed_seconds=int(seconds),
        map_tiles=str(Path(tiles).resolve()) if tiles.endswith(".pmtiles") else tiles,
        map_credit=value["DIRECTORY_MAP_CREDIT"],
        count_searches=value["DIRECTORY_COUNT_SEARCHES"] == "1",
    )


def environment(config: Config) -> dict[str, str]:
    """What ``load_config`` reads ``config`` from: for a command that is run in another process."""
    return {
        "DIRECTORY_DATABASE_URL": config.database_url or "",
        "DIRECTORY_READ_URL": config.read_url or "",
        "DIRECTORY_HOME": str(config.home),
        "DIRECTORY_COUNTRY": config.country,
        "DIRECTORY_STATEMENT_TIMEOUT_MS": str(config.statement_timeout_ms),
        "DIRECTORY_LOCK_TIMEOUT_MS": str(config.lock_timeout_ms),
        "DIRECTORY_CONTACT": config.contact,
        "DIRECTORY_FEED_PORTS": ",".join(map(str, config.feed_ports)),
        "DIRECTORY_PRIVATE_FEEDS": str(int(config.private_feeds)),
        "DIRECTORY_FEED_SECONDS": str(config.feed_seconds),
        "DIRECTORY_SOURCES": str(config.sources or ""),
        "DIRECTORY_SECRET_KEY": config.secret_key or "",
        "DIRECTORY_GEOCODER": config.geocoder,
        "DIRECTORY_EXIT": config.exit_to,
        "DIRECTORY_MAP_TILES": config.map_tiles,
        "DIRECTORY_MAP_CREDIT": config.map_credit,
        "DIRECTORY_COUNT_SEARCHES": str(int(config.count_searches)),
    }
