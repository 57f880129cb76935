"""Map tiles out of a file: pictures where it has them, and a clear word where it is none."""

import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pmtiles.tile import Compression, TileType, zxy_to_tileid
from pmtiles.writer import write

from directory.config import Config, load_config
from directory.errors import UsageError
from directory.web.app import create_app


def picture(red: int, green: int, blue: int, size: int = 256) -> bytes:
    """A PNG of one colour."""

    def part(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    lines = (b"\0" + bytes((red, green, blue)) * size) * size
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        part(*each) for each in ((b"IHDR", head), (b"IDAT", zlib.compress(lines)), (b"IEND", b""))
    )


def archive(path: Path, deepest: int = 3, kind: TileType = TileType.PNG) -> Path:
    """A file with every tile of the world down to a zoom, but one that is missing."""
    with write(str(path)) as writer:
        for z in range(deepest + 1):
            for number in range(4**z):
                if (z, number) != (2, 0):
                    writer.write_tile(zxy_to_tileid(z, 0, 0) + number, picture(z * 40, 120, 90))
        writer.finalize(
            {
                **{"tile_type": kind, "tile_compression": Compression.NONE, "min_zoom": 0},
                **{"max_zoom": deepest, "min_lon_e7": -1800000000, "min_lat_e7": -850000000},
                **{"max_lon_e7": 1800000000, "max_lat_e7": 850000000, "center_zoom": 0},
                **{"center_lon_e7": 0, "center_lat_e7": 0},
            },
            {},
        )
    return path


def test_tiles_come_from_the_file(sample_config: Config, tmp_path: Path) -> None:
    file = archive(tmp_path / "map.pmtiles")
    client = create_app(replace(sample_config, map_tiles=str(file))).test_client()
    answer = client.get("/tiles/3/1/2")
    assert (answer.status_code, answer.mimetype) == (200, "image/png")
    assert answer.data == picture(120, 120, 90)
    assert answer.headers["Cache-Control"] == "public, max-age=86400"
    for missing in ("2/0/0", "4/0/0", "3/8/0", "3/0/8", "99999999999/0/0"):
        assert client.get(f"/tiles/{missing}").status_code == 404
    html = client.get("/search?near=Denver").text
    assert 'data-tiles="/tiles/{z}/{x}/{y}" data-deepest="3"' in html
    assert "with-map" in html  # nobody else is asked, so that it need not wait
    assert "img-src 'self';" in client.get("/").headers["Content-Security-Policy"]
    assert "no outside fonts or maps" in client.get("/privacy").text


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "cannot be read"),
        (lambda path: path.write_bytes(b""), "no PMTiles file"),
        (lambda path: path.write_bytes(b"<html>" * 99), "no PMTiles file"),
        (lambda path: archive(path, 0, TileType.MVT), "does not hold pictures"),
    ],
)
def test_what_is_no_file_of_pictures_is_said_at_the_start(
    sample_config: Config, tmp_path: Path, make: Callable[[Path], object], said: str
) -> None:
    path = tmp_path / "map.pmtiles"
    make(path)
    with pytest.raises(UsageError, match=said):
        create_app(replace(sample_config, map_tiles=str(path)))


def test_without_a_file_there_are_no_tiles(sample_config: Config) -> None:
    assert create_app(sample_config).test_client().get("/tiles/0/0/0").status_code == 404
    assert load_config({"DIRECTORY_MAP_TILES": "map.pmtiles"}).map_tiles.startswith("/")
