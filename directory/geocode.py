"""A geocoder as the operator configured it: an address in, a point and how exact it is out.

geopy knows the providers and reads their answers; the way to the web is ``fetch``'s, so that no
redirect leads inside and an answer that drips ends in time. Whatever goes wrong is a ``Failure``
of a kind that can be kept.
"""

import json
import math
import zlib
from dataclasses import dataclass, replace
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from geopy import exc, geocoders
from geopy.adapters import AdapterHTTPError, BaseSyncAdapter

from directory.config import Config
from directory.errors import UsageError
from directory.fetch import AGENT, Fetcher, FetchError, Rules

TIMEOUT = 10
"""Seconds that an answer may take, to its last byte."""
LARGEST = 1024**2  # bytes of an answer


class Failure(Exception):  # noqa: N818 - an answer, of a sort
    """No point. ``kind``: not_found, busy, refused, timeout, error or unreadable; ``wait``:
    seconds for which the provider asks to be left alone, where it says."""

    def __init__(self, kind: str, wait: float | None = None) -> None:
        super().__init__(kind)
        self.kind, self.wait = kind, wait


@dataclass(slots=True)
class Provider:
    """A geocoder as configured. ``name`` is what its answers are kept under."""

    name: str
    geocoder: Any

    def ask(self, whole: str, country: str) -> tuple[float, float, str]:
        """Latitude, longitude and precision of an address; raises ``Failure``."""
        try:
            location = self.geocoder.geocode(f"{whole}, {country}", timeout=TIMEOUT)
            if location is None:
                raise Failure("not_found")
            lat, lon = float(location.latitude), float(location.longitude)
            precision = _precision(location.raw)
        except Failure:
            raise
        except exc.GeopyError as error:
            kind = next((kind for kinds, kind in _KINDS if isinstance(error, kinds)), "error")
            raise Failure(kind, getattr(error, "retry_after", None)) from None
        except Exception:  # whatever a provider's parser makes of an answer that is none
            raise Failure("unreadable") from None
        if precision is None:
            raise Failure("not_found")
        if not (abs(lat) <= 90 and abs(lon) <= 180) or lat == lon == 0:
            raise Failure("unreadable")
        return lat, lon, precision


_KINDS = (
    (exc.GeocoderQuotaExceeded, "busy"),
    ((exc.GeocoderAuthenticationFailure, exc.GeocoderInsufficientPrivileges), "refused"),
    (exc.GeocoderTimedOut, "timeout"),
    (exc.GeocoderParseError, "unreadable"),
)


def _precision(raw: Any) -> str | None:
    """How exact an answer is; None where it is wider than a town.

    A provider whose answers we cannot read is not trusted to have found the door.
    """
    if isinstance(rank := raw.get("place_rank"), int):  # Nominatim: 30 a house, 26 a street
        floors = ((30, "exact"), (26, "street"), (13, "approximate"))
        return next((name for floor, name in floors if rank >= floor), None)
    kind = raw.get("properties", {}).get("type") or raw.get("geometry", {}).get("location_type")
    if kind in ("county", "state", "country"):
        return None
    return _PRECISIONS.get(kind, "approximate")


# Photon's and Google's words.
_PRECISIONS = {
    "house": "exact",
    "street": "street",
    "ROOFTOP": "exact",
    "RANGE_INTERPOLATED": "street",
}


class _Door(BaseSyncAdapter):  # type: ignore[misc]
    """geopy's way to the web: through ``fetch``, which checks addresses and ends in time."""

    def __init__(self, rules: Rules, **_: Any) -> None:
        super().__init__(proxies=None, ssl_context=None)
        self.rules = rules

    def get_json(self, url: str, *, timeout: float, headers: Any) -> Any:
        """The document that ``url`` answers with."""
        try:
            return json.loads(self.get_text(url, timeout=timeout, headers=headers))
        except (ValueError, RecursionError):
            raise exc.GeocoderParseError("not JSON") from None

    def get_text(self, url: str, *, timeout: float, headers: Any) -> str:  # noqa: ARG002
        """The text that ``url`` answers with; no header but the usual ones is sent."""
        try:
            with Fetcher(replace(self.rules, connect=timeout, total=timeout)).open(url) as stream:
                packed = stream.read()
        except FetchError as error:
            raise _as_geopy(error) from None
        except TimeoutError:
            raise exc.GeocoderTimedOut("took too long") from None
        except OSError:
            raise exc.GeocoderUnavailable("broke off") from None
        if packed[:2] != b"\x1f\x8b":
            return packed.decode()
        try:
            return zlib.decompressobj(31).decompress(packed, LARGEST).decode()
        except zlib.error:
            raise exc.GeocoderParseError("not gzip") from None


def _as_geopy(error: FetchError) -> Any:
    if error.status == 200:
        return exc.GeocoderParseError("a web page")
    if error.status:
        headers = {"retry-after": None if error.wait is None else str(math.ceil(error.wait))}
        return AdapterHTTPError("refused", status_code=error.status, headers=headers, text=None)
    return exc.GeocoderTimedOut("no answer") if error.timed_out else exc.GeocoderUnavailable("")


def provider(config: Config) -> Provider:
    """Whom to ask: ``nominatim https://…``, or a provider of geopy with its options.

    Raises UsageError, which never shows a key, where the setting is empty or makes no sense.
    """
    name, *rest = config.geocoder.split() or [""]
    if not name:
        raise UsageError("No geocoder is configured; see DIRECTORY_GEOCODER in docs/operating.md.")
    if not config.contact:
        raise UsageError("A geocoder wants to know who asks: set DIRECTORY_CONTACT too.")
    options: dict[str, str] = {}
    for part in rest:
        url = urlsplit(part)
        if url.scheme in ("http", "https") and url.netloc:
            options |= {"scheme": url.scheme, "domain": url.netloc + url.path}
        elif "=" in part:
            key, _, value = part.partition("=")
            options[key] = value
        else:
            raise UsageError("DIRECTORY_GEOCODER takes a provider, then an address or KEY=VALUE.")
    rules = Rules(
        config.feed_ports, config.private_feeds, config.contact, largest=LARGEST, attempts=1
    )
    try:
        made = geocoders.get_geocoder_for_service(name)(
            user_agent=f"{AGENT} (+{config.contact})",
            adapter_factory=partial(_Door, rules),
            **options,
        )
    except exc.GeocoderNotFound:
        raise UsageError(f"DIRECTORY_GEOCODER: geopy has no provider {name}.") from None
    except (TypeError, exc.ConfigurationError):
        raise UsageError(f"DIRECTORY_GEOCODER: {name} takes other options; see geopy's.") from None
    return Provider(" ".join([name.lower(), options.get("domain", "")]).strip(), made)
