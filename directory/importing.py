"""Importers by kind, found through the ``directory.importers`` entry points."""

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import BinaryIO, cast

from directory.errors import UsageError
from directory.records import Item

Importer = Callable[[str, Mapping[str, str], Callable[[str], BinaryIO]], Iterator[Item]]


def importer(kind: str) -> Importer:
    """The ``read`` function of one importer; UsageError for an unknown kind."""
    known = _known()
    if kind not in known:
        raise UsageError(f"There is no importer {kind!r}; there are {', '.join(sorted(known))}.")
    return cast(Importer, known[kind].load())


@cache
def _known() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="directory.importers")}
