"""Map tiles out of one file on this server, so that a map with streets asks nobody else.

The file is a PMTiles archive of pictures: https://docs.protomaps.com/pmtiles/
"""

import mmap
from functools import lru_cache
from pathlib import Path
from typing import Any

from pmtiles.reader import Reader
from pmtiles.tile import Compression, TileType

from directory.errors import UsageError

_TYPES = {
    TileType.PNG: "image/png",
    TileType.JPEG: "image/jpeg",
    TileType.WEBP: "image/webp",
    TileType.AVIF: "image/avif",
}


class Archive:
    """The tiles of a file: their media type, and the ``deepest`` zoom that there is.

    Raises UsageError where it is no archive of pictures.
    """

    def __init__(self, path: Path) -> None:
        file = f"{path}, for DIRECTORY_MAP_TILES,"
        try:
            with path.open("rb") as stream:
                self._bytes = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            self._reader: Any = Reader(lambda start, size: self._bytes[start : start + size])
            header = self._reader.header()
        except OSError as error:
            raise UsageError(f"{file} cannot be read: {error}.") from error
        except Exception as error:  # whatever the reader trips over, and an empty file
            raise UsageError(f"{file} is no PMTiles file of version 3.") from error
        if header["tile_type"] not in _TYPES or header["tile_compression"] != Compression.NONE:
            raise UsageError(
                f"{file} does not hold pictures; its tiles have to be PNG, JPEG, WebP or AVIF."
            )
        self.mimetype = _TYPES[header["tile_type"]]
        self.deepest = int(header["max_zoom"])
        # The reader takes the index apart for each tile; neighbours look at the same ones.
        self.tile = lru_cache(maxsize=512)(self._tile)

    def _tile(self, z: int, x: int, y: int) -> bytes | None:
        """A picture, or None where the file has none."""
        if z > self.deepest or max(x, y) >= 2**z:
            return None
        found: bytes | None = self._reader.get(z, x, y)
        return found
