"""Configured sources: what ``data/sources.toml`` and the operator's own file say, checked."""

import difflib
import re
import tomllib
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from directory.config import DATA
from directory.errors import UsageError
from directory.guard import checked_limits
from directory.importing import importer
from directory.runs import SourceSpec

_TOLD = ("title", "licence", "attribution", "contact")
_TEXTS = ("kind", "location", "every", *_TOLD)
_KEYS = (*_TEXTS, "enabled", "options", "limits")

_FIRST_PAUSE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Configured:
    """A source as configured. ``every``: how long a good run keeps it from being due."""

    spec: SourceSpec
    every: timedelta
    enabled: bool = True


def read_sources(extra: Path | None) -> dict[str, Configured]:
    """The configured sources by id; ``extra`` adds to the bundled ones or replaces them.

    Raises UsageError that names the file, the source and the key, with near names.
    """
    found = {}
    for path in [DATA / "sources.toml", *([extra] if extra else [])]:
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UsageError(f"{path} cannot be read as TOML: {error}.") from error
        for name, values in tables.items():
            found[name] = _configured(f"{path.name}, [{name}]", name, values)
    return found


def _configured(where: str, name: str, values: Any) -> Configured:
    if not isinstance(values, dict) or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", name):
        raise UsageError(f"{where}: a source is a table named by a-z, 0-9 and hyphens.")
    for key in values:
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, 1)
            hint = f"did you mean {near[0]}" if near else f"known are {', '.join(_KEYS)}"
            raise UsageError(f"{where}: there is no key {key}; {hint}.")
    for key in _TEXTS:
        if not isinstance(values.get(key, ""), str):
            raise UsageError(f"{where}: {key} takes a text.")
    for key in ("kind", "location"):
        if not values.get(key):
            raise UsageError(f"{where}: {key} is missing.")
    options, enabled = values.get("options", {}), values.get("enabled", True)
    limits = values.get("limits", {})
    if not isinstance(options, dict) or not isinstance(enabled, bool):
        raise UsageError(f"{where}: options takes a table, and enabled true or false.")
    try:
        limits = checked_limits(limits)
    except (UsageError, AttributeError) as error:
        said = getattr(error, "message", "limits takes a table.")
        raise UsageError(f"{where}: {said}") from error
    every = re.fullmatch(r"([1-9]\d{0,3})([hd])", values.get("every", "1d"))
    if not every:
        raise UsageError(f"{where}: every takes hours or days, such as 12h or 7d.")
    importer(values["kind"])
    often = timedelta(**{{"h": "hours", "d": "days"}[every[2]]: int(every[1])})
    told: dict[str, Any] = {key: values.get(key) for key in _TOLD}
    spec = SourceSpec(
        name,
        values["kind"],
        values["location"],
        limits=limits,
        options={key: str(value) for key, value in options.items()},
        every=often,
        **told,
    )
    return Configured(spec, often, enabled)


def due(connection: Connection, sources: dict[str, Configured]) -> list[str]:
    """The ids of enabled sources whose last run is long enough ago: ``every`` after a good one;
    after a failed or refused one half an hour, doubled with each more in a row, to ``every``."""
    query = text(
        "SELECT source_id, now() - max(started) AS ago, "
        "count(*) FILTER (WHERE status IN ('failed', 'refused')) AS failures "
        "FROM import_run AS run WHERE status IN ('applied', 'unchanged', 'failed', 'refused') "
        "AND started >= coalesce((SELECT max(started) FROM import_run WHERE "
        "source_id = run.source_id AND status IN ('applied', 'unchanged')), '-infinity') GROUP BY 1"
    )
    runs = {row.source_id: row for row in connection.execute(query)}
    return [
        name
        for name, source in sources.items()
        if source.enabled
        and (name not in runs or runs[name].ago >= pause(runs[name].failures, source.every))
    ]


def pause(failures: int, every: timedelta) -> timedelta:
    """How long a source rests after so many runs in a row that failed or were refused."""
    return min(every, _FIRST_PAUSE * 2 ** min(failures - 1, 16)) if failures else every
