"""Postal addresses as feeds write them, split into the parts of a Record.

Split from the right, and only where a part is recognised: what is not stays in ``street``.
Regions of the United States, Canada and Australia become their postal codes ("PA").
"""

import re
from typing import TypedDict

from directory.records import Note

_US = """AL Alabama|AK Alaska|AZ Arizona|AR Arkansas|CA California|CO Colorado|CT Connecticut|
DE Delaware|DC District of Columbia|FL Florida|GA Georgia|HI Hawaii|ID Idaho|IL Illinois|
IN Indiana|IA Iowa|KS Kansas|KY Kentucky|LA Louisiana|ME Maine|MD Maryland|MA Massachusetts|
MI Michigan|MN Minnesota|MS Mississippi|MO Missouri|MT Montana|NE Nebraska|NV Nevada|
NH New Hampshire|NJ New Jersey|NM New Mexico|NY New York|NC North Carolina|ND North Dakota|
OH Ohio|OK Oklahoma|OR Oregon|PA Pennsylvania|RI Rhode Island|SC South Carolina|
SD South Dakota|TN Tennessee|TX Texas|UT Utah|VT Vermont|VA Virginia|WA Washington|
WV West Virginia|WI Wisconsin|WY Wyoming|AS American Samoa|GU Guam|
MP Northern Mariana Islands|PR Puerto Rico|VI Virgin Islands"""
_CA = """AB Alberta|BC British Columbia|MB Manitoba|NB New Brunswick|
NL Newfoundland and Labrador|NS Nova Scotia|NT Northwest Territories|NU Nunavut|ON Ontario|
PE Prince Edward Island|QC Quebec|SK Saskatchewan|YT Yukon"""
_AU = """ACT Australian Capital Territory|NSW New South Wales|NT Northern Territory|
QLD Queensland|SA South Australia|TAS Tasmania|VIC Victoria|WA Western Australia"""
_COUNTRIES = """US usa|US us|US united states|US united states of america|CA canada|CA can|
GB uk|GB united kingdom|GB great britain|GB england|GB scotland|GB wales|GB northern ireland|
IE ireland|AU australia|AU aus|NZ new zealand|MX mexico|MX méxico|DE germany|FR france|ES spain|
ES españa|IT italy|NL netherlands|BE belgium|CH switzerland|AT austria|SE sweden|NO norway|
DK denmark|FI finland|IS iceland|PT portugal|PL poland|CZ czechia|CZ czech republic|HU hungary|
RO romania|GR greece|HR croatia|MT malta|CY cyprus|RU russia|UA ukraine|TR turkey|IL israel|
AE united arab emirates|QA qatar|EG egypt|KE kenya|NG nigeria|GH ghana|ZA south africa|IN india|
NP nepal|LK sri lanka|TH thailand|VN vietnam|KH cambodia|MY malaysia|SG singapore|ID indonesia|
PH philippines|HK hong kong|TW taiwan|CN china|JP japan|KR south korea|BM bermuda|BS bahamas|
BB barbados|JM jamaica|TT trinidad and tobago|KY cayman islands|DO dominican republic|
GT guatemala|BZ belize|SV el salvador|HN honduras|NI nicaragua|CR costa rica|PA panama|
CO colombia|VE venezuela|EC ecuador|PE peru|BO bolivia|CL chile|AR argentina|UY uruguay|
PY paraguay|BR brazil"""


class Address(TypedDict):
    """The address fields of a Record."""

    street: list[str]
    city: str | None
    region: str | None
    postal_code: str | None
    country: str


def _table(text: str) -> dict[str, str]:
    """Both the code and the name of each entry, folded -> the code."""
    found = {}
    for entry in text.replace("\n", "").split("|"):
        code, _, name = entry.partition(" ")
        found[_fold(code)] = found[_fold(name)] = code
    return found


def _fold(text: str) -> str:
    return " ".join(text.replace(".", "").lower().replace("québec", "quebec").split())


_REGIONS = {"US": _table(_US), "CA": _table(_CA), "AU": _table(_AU)}
_NAMED = {
    _fold(name): code
    for code, _, name in (e.partition(" ") for e in _COUNTRIES.replace("\n", "").split("|"))
}
_POSTAL = {
    "US": re.compile(r"(?:(?:^|\s)(?=\d{5})|(?<=[A-Z]{2})\s+)(\d{4,5}(?:-\d{4})?)$"),
    "CA": re.compile(r"(?:^|\s)([A-Za-z]\d[A-Za-z][ -]?\d[A-Za-z]\d)$"),
    "AU": re.compile(r"(?:^|\s)(\d{4})$"),
    "NZ": re.compile(r"(?:^|\s)(\d{4})$"),
    "GB": re.compile(r"(?:^|\s)([A-Za-z]{1,2}\d[A-Za-z\d]?\s*\d[A-Za-z]{2})$"),
    "IE": re.compile(r"(?:^|\s)([A-Za-z]\d[\dW]\s*[A-Za-z\d]{4})$"),
}
# "PA 19061 United States": a country after the postal code, without a comma.
_TRAILING = re.compile(r"^(.*\d\S*)\s+((?:USA|U\.S\.A\.|United States|Canada)(?: of America)?)$")


def country_code(name: str) -> str | None:
    """The ISO 3166 code of a country's English name or code; None where it is not known."""
    code = name.strip().upper()
    return _NAMED.get(_fold(name)) or (code if re.fullmatch(r"[A-Z]{2}", code) else None)


def region_code(name: str, country: str) -> str | None:
    """The postal code of a region ("Alberta" -> "AB"); other names as they are, "" as None."""
    return _REGIONS.get(country, {}).get(_fold(name)) or name.strip() or None


def postal_code(code: str, country: str, notes: list[Note]) -> str | None:
    """``code``; a US ZIP that lost its leading zeros gets them back, with a note."""
    code = code.strip()
    if country == "US" and re.fullmatch(r"\d{3,4}", code):
        notes.append(Note("postal_code", "zip_zero", "leading zeros of the ZIP put back"))
        return code.zfill(5)
    return code or None


def split_address(text: str) -> Address:
    """The parts of one line such as "1 Elm St, Woodlyn, PA 19094, USA".

    Without a country, it is taken from the region or the postal code, else it is US.
    """
    parts = [part for part in (p.strip() for p in text.split(",")) if part]
    if parts and (found := _TRAILING.match(parts[-1])):
        parts[-1:] = [found[1].strip(), found[2]]
    stated = _NAMED.get(_fold(parts[-1])) if parts else None
    if stated:
        parts.pop()
    country = stated or _country_of(parts)
    postal = _pop_postal(parts, country)
    region = _pop_region(parts, country)
    # A city starts with no house number: "325 Cherry St. Philadelphia" cannot be told apart.
    known = stated or region or postal or (len(parts) == 1 and not re.search(r"\d", parts[0]))
    city = parts.pop() if parts and known and not re.match(r"#?\d", parts[-1]) else None
    repeated = {_fold(city or ""), _fold(country)}
    street = [
        part
        for part in parts
        if _fold(part) not in repeated
        and _NAMED.get(_fold(part)) is None
        and (region is None or _REGIONS[country].get(_fold(part)) != region)
    ]
    return {
        "street": [", ".join(street)] if street else [],
        "city": city,
        "region": region,
        "postal_code": postal,
        "country": country,
    }


def _country_of(parts: list[str]) -> str:
    """The country that the last part's postal code or region shows, else US."""
    last = parts[-1] if parts else ""
    if _POSTAL["CA"].search(last):
        return "CA"
    shown = _fold(_POSTAL["US"].sub("", last))
    return "CA" if shown in _REGIONS["CA"] and shown not in _REGIONS["US"] else "US"


def _pop_postal(parts: list[str], country: str) -> str | None:
    """Take the postal code off the last part."""
    pattern = _POSTAL.get(country)
    found = pattern.search(parts[-1]) if parts and pattern else None
    if found is None:
        return None
    rest = parts[-1][: found.start()].strip()
    parts[-1:] = [rest] if rest else []
    return found[1].upper() if country != "US" else found[1]


def _pop_region(parts: list[str], country: str) -> str | None:
    """Take the region off: the last part, or the code at the end of it ("Boston MA")."""
    if not parts:
        return None
    known = _REGIONS.get(country, {})
    if code := known.get(_fold(parts[-1])):
        parts.pop()
        return code
    found = re.fullmatch(r"(.*[^\s,])\s+([A-Z]{2,3})", parts[-1])
    if found and (code := known.get(_fold(found[2]))):
        parts[-1] = found[1]
        return code
    return None
