"""Pure functions that turn what feeds say into what people can use: text, links, phones."""

import html
import math
import re
import unicodedata
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import nh3
import phonenumbers

# Control characters, marks that hide or turn text around, and halves of surrogate pairs.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufeff\u200b\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_SPACES = re.compile(r"[ \t\r\f\v\xa0\u2000-\u200a\u3000]+")
_BREAKS = re.compile(r"<\s*(?:br|/p|/li|/div|/h[1-6])\b[^>]*>", re.IGNORECASE)
_MARKUP = re.compile(r"<[a-zA-Z/!][^>]*>|&(?:#\d+|#x[0-9a-fA-F]+|\w+);")
_EXTENSION = re.compile(r"(?:;ext=|[,;\s]*(?:extension|ext\.?|x|#)\s*[:.]?\s*)(\d{1,8})\s*$", re.I)
# Most addresses: nothing in them can be read in two ways.
_PLAIN_ADDRESS = re.compile(
    r"https?://[a-z0-9]+(?:[.-][a-z0-9]+)*\.[a-z]{2,}(?:/[\w./~%+-]*)?", re.A
)
_LETTERS = re.compile(r"^[+\d][\d\-.() ]*[A-Za-z]")


def plain_text(value: str) -> str:
    """``value`` without markup, control characters and direction overrides, spaces folded.

    Line breaks survive as single newlines. A NUL, which PostgreSQL cannot store, is dropped.
    """
    clean = "<" not in value and "&" not in value and "  " not in value
    if clean and value.isascii() and value.isprintable():
        return value.strip()
    if _MARKUP.search(value):
        value = html.unescape(nh3.clean(_BREAKS.sub("\n", value), tags=set()))
    value = unicodedata.normalize("NFC", _CONTROL.sub("", value))
    lines = (_SPACES.sub(" ", line).strip() for line in value.split("\n"))
    return "\n".join(line for line in lines if line)


def json_value(value: Any) -> Any:
    """A JSON value whose texts hold nothing that PostgreSQL's jsonb refuses."""
    if isinstance(value, str):
        return _CONTROL.sub("", value)
    if isinstance(value, dict):
        return {json_value(str(name)): json_value(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def web_address(value: str) -> str | None:
    """An absolute http(s) URL, or None where ``value`` cannot safely be a link.

    A bare host gets ``https://``. Other schemes (``javascript:``, ``data:``), user
    information, white space and hosts without a dot are refused.
    """
    value = value.strip()
    if _PLAIN_ADDRESS.fullmatch(value):
        return value
    if re.match(r"^[\w-]+(\.[\w-]+)+([/?#:]|$)", value):
        value = f"https://{value}"
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None
    unsafe = re.search(r"[\s<>\"'\\^`{|}]|[\x00-\x1f]", value) or "@" in parts.netloc
    if parts.scheme.lower() not in ("http", "https") or unsafe:
        return None
    if not re.fullmatch(r"[^\W_](?:[\w-]*[^\W_])?(?:\.[^\W_](?:[\w-]*[^\W_])?)+", host):
        return None
    return parts._replace(scheme=parts.scheme.lower()).geturl()


def email_address(value: str) -> str | None:
    """``value`` where it is one plausible e-mail address, else None."""
    value = value.strip().removeprefix("mailto:")
    return value if re.fullmatch(r"[\w.+'-]{1,64}@[\w-]+(\.[\w-]+)+", value) else None


@lru_cache(maxsize=65_536)
def phone(value: str, country: str) -> tuple[str, str | None] | None:
    """``value`` as (E.164 number or short code, extension), or None where it is no phone.

    Vanity letters are read as digits. Placeholders such as (999) 999-9999 are refused.
    Short codes that answer in ``country``, such as 988, are kept as they are.
    """
    text, extension = value.strip(), None
    if found := _EXTENSION.search(text):
        text, extension = text[: found.start()], found.group(1)
    if _LETTERS.match(text):
        text = phonenumbers.convert_alpha_characters_in_number(text)
    try:
        number = phonenumbers.parse(text, country)
    except phonenumbers.NumberParseException:
        return None
    digits = str(number.national_number)
    if len(digits) <= 6:
        # Some ordinary numbers are as short: 13 11 14 in Australia.
        short = phonenumbers.is_valid_short_number_for_region(number, country)
        answers = short or phonenumbers.is_valid_number_for_region(number, country)
        return (digits, extension) if answers else None
    if len(set(digits)) == 1 or not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), extension
