"""Pictures as inline SVG, drawn by the server: numbers to coordinates."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT = 120, 28


def sparkline(values: Sequence[int]) -> str:
    """The points of a line through ``values`` from left to right, for ``<polyline>``.

    The scale starts at zero, so that a line halfway down is half the rows.
    """
    if not values:
        return ""
    most = max(*values, 1)
    step = (WIDTH - 4) / max(len(values) - 1, 1)
    line = values if len(values) > 1 else (*values, *values)
    ends = [2 + number * (step if len(values) > 1 else WIDTH - 4) for number in range(len(line))]
    heights = [HEIGHT - 2 - (HEIGHT - 4) * value / most for value in line]
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(ends, heights, strict=True))


BAR_HEIGHT, BAR_WIDTH = 28, 188


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar from the left edge: its upper edge, and how long it is."""

    label: str
    count: int
    y: int
    width: float


def bars(counts: Sequence[tuple[str, int]]) -> list[Bar]:
    """Bars below each other, the longest of ``BAR_WIDTH``."""
    most = max((count for _, count in counts), default=0) or 1
    return [
        Bar(label, count, number * BAR_HEIGHT, round(BAR_WIDTH * count / most, 1))
        for number, (label, count) in enumerate(counts)
    ]


# The United States as tiles of one size, each about where it lies: a small state is seen as well.
_TILES = """
AK .. .. .. .. .. .. .. .. .. ME
.. .. .. .. .. .. .. .. .. VT NH
WA ID MT ND MN IL WI MI NY RI MA
OR NV WY SD IA IN OH PA NJ CT ..
CA UT CO NE MO KY WV VA MD DE ..
.. AZ NM KS AR TN NC SC DC .. ..
.. .. .. OK LA MS AL GA .. .. ..
HI .. .. TX .. .. .. .. FL .. PR
"""
TILE = 44
SHADES = (1, 10, 100, 1_000)
"""Counts from which a tile is a shade darker."""


@dataclass(frozen=True, slots=True)
class Tile:
    """A state on the map: its upper left corner, and its shade from 0 (nothing) up."""

    region: str
    count: int
    x: int
    y: int
    shade: int


def tiles(counts: Mapping[str, int]) -> list[Tile]:
    """The map of the United States with a count in each state."""
    found = []
    for row, line in enumerate(_TILES.split("\n")[1:-1]):
        for column, region in enumerate(line.split()):
            if region != "..":
                count = counts.get(region, 0)
                found.append(Tile(region, count, column * TILE, row * TILE, shade(count, SHADES)))
    return found


def shade(count: float, steps: Sequence[float]) -> int:
    """How many of the steps a count reaches."""
    return sum(count >= least for least in steps)


MAP_WIDTH, MAP_HEIGHT = 960, 600
_SCALE = 1_070
# Albers' conic equal-area projection, as maps of the United States mostly are: standard parallels,
# central meridian, the point in the middle of the frame, its scale, and where the frame is.
_FRAMES = {
    "AK": (55.0, 65.0, -154.0, (58.5, -156.0), 0.35, (-0.307, 0.201)),
    "HI": (8.0, 18.0, -157.0, (19.9, -160.0), 1.0, (-0.205, 0.212)),
    "PR": (8.0, 18.0, -66.0, (18.0, -66.0), 1.0, (0.35, 0.224)),
    "": (29.5, 45.5, -96.0, (38.7, -96.6), 1.0, (0.0, 0.0)),
}
_FRAME_OF = {"AK": "AK", "HI": "HI", "PR": "PR", "VI": "PR"}
_NOT_DRAWN = ("GU", "AS", "MP")


def on_map(lat: float, lon: float, region: str) -> tuple[float, float] | None:
    """Where a point of the United States (degrees) is on a map of ``MAP_WIDTH`` by ``MAP_HEIGHT``:
    Alaska, Hawaii and the Caribbean are below. None for the islands of the western Pacific, which
    it leaves out."""
    if region in _NOT_DRAWN:
        return None
    first, second, meridian, middle, scale, (right, down) = _FRAMES[_FRAME_OF.get(region, "")]
    x, y = _albers(lat, lon, first, second, meridian)
    x0, y0 = _albers(*middle, first, second, meridian)
    across = MAP_WIDTH / 2 + _SCALE * (right + scale * (x - x0))
    below = MAP_HEIGHT * 5 / 12 + _SCALE * (down + scale * (y0 - y))
    return (across, below) if 0 <= across <= MAP_WIDTH and 0 <= below <= MAP_HEIGHT else None


def _albers(
    lat: float, lon: float, first: float, second: float, meridian: float
) -> tuple[float, float]:
    """East and north of a point, in radii of the earth."""
    low, high = math.sin(math.radians(first)), math.sin(math.radians(second))
    n = (low + high) / 2
    radius = math.sqrt(1 + low * high - 2 * n * math.sin(math.radians(lat))) / n
    angle = n * math.radians((lon - meridian + 180) % 360 - 180)
    return radius * math.sin(angle), -radius * math.cos(angle)


def dots(points: Iterable[tuple[float, float, str, int]]) -> list[tuple[int, str]]:
    """Points (lat, lon, region, shade) as one path for each shade, the lightest first: lines of no
    length, which round ends make dots of the stroke's width."""
    paths: dict[int, list[str]] = {}
    for lat, lon, region, shade in points:
        if spot := on_map(lat, lon, region):
            paths.setdefault(shade, []).append(f"M{spot[0]:.0f} {spot[1]:.0f}h0")
    return [(shade, "".join(paths[shade])) for shade in sorted(paths)]


PAIR_WIDTH, PAIR_HEIGHT = 240, 150
_MARGIN = 34
_LABELS = 16, PAIR_HEIGHT - 8


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a point is in a picture, and the line of its label."""

    x: float
    y: float
    label: float


def two_points(one: tuple[float, float], other: tuple[float, float]) -> tuple[Spot, Spot]:
    """Two points (lat, lon) as they lie to each other, north above, as large as ``PAIR_WIDTH`` by
    ``PAIR_HEIGHT`` lets them; in one spot, both in the middle."""
    east = (other[1] - one[1] + 180) % 360 - 180
    east *= math.cos(math.radians((one[0] + other[0]) / 2))
    north = other[0] - one[0]
    across = (PAIR_WIDTH - 2 * _MARGIN) / max(abs(east), 1e-9)
    scale = min(across, (PAIR_HEIGHT - 2 * _MARGIN) / max(abs(north), 1e-9)) / 2
    right, up = round(east * scale, 1), round(north * scale, 1)
    x, y = PAIR_WIDTH / 2, PAIR_HEIGHT / 2
    above, below = _LABELS if up <= 0 else reversed(_LABELS)
    return Spot(x - right, y + up, above), Spot(x + right, y - up, below)
