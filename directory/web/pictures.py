"""Pictures as inline SVG, drawn by the server: numbers to coordinates."""

from collections.abc import Mapping, Sequence
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
                shade = sum(count >= least for least in SHADES)
                found.append(Tile(region, count, column * TILE, row * TILE, shade))
    return found
