"""Pictures as inline SVG, drawn by the server: numbers to coordinates."""

from collections.abc import Sequence

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
