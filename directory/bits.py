"""A listing's kind and terms as bits, one for each code, which are quick to count.

Counting the filters beside a page of results is most of a search's work; bits are taken from the
database whole and counted here, thousands of listings in half a millisecond.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cache

from directory.config import DATA
from directory.errors import UsageError

# Bytes of each listing: as many bits as there may ever be codes.
WIDTH = 32


@cache
def _numbers() -> dict[str, int]:
    """Code -> its bit: its line in ``data/bits.txt``. Stored rows keep to it, so that codes are
    only ever added, at the end."""
    codes = (DATA / "bits.txt").read_text(encoding="utf-8").split()
    if len(set(codes)) < len(codes) or len(codes) > WIDTH * 8:
        raise UsageError(
            f"data/bits.txt takes {WIDTH * 8} codes at most, each once; it has {len(codes)}."
        )
    return {code: number for number, code in enumerate(codes)}


@cache
def _counted() -> list[tuple[str, str]]:
    """What is counted of each code, (facet or "kind", code), from the last bit to the first."""
    codes = [code.partition(":") for code in _numbers()]
    return [
        (facet, name if facet == "kind" else f"{facet}:{name}")
        for facet, _, name in reversed(codes)
    ]


def bits(kind: str, terms: Iterable[str]) -> str:
    """The bits of a listing as PostgreSQL writes a bytea.

    Raises UsageError for a code that has none.
    """
    numbers, found = _numbers(), 0
    for code in (f"kind:{kind}", *terms):
        if code not in numbers:
            raise UsageError(f"{code} has no bit; add it at the end of data/bits.txt.")
        found |= 1 << numbers[code]
    return f"\\x{found.to_bytes(WIDTH, 'little').hex()}"


def tally(many: bytes | memoryview) -> Counter[tuple[str, str]]:
    """How often each (facet or "kind", code) is there in the bits of many listings, one after
    another.

    All listings are added at once: half of them to the other half, and so on to one. The sums are
    written across numbers: their ones are the bits of the first, their twos of the second.
    """
    rows, sums = len(many) // WIDTH, [int.from_bytes(many, "little")]
    while rows > 1:
        rows = (rows + 1) // 2
        half = rows * WIDTH * 8
        low, carried, added = (1 << half) - 1, 0, []
        for number in sums:
            one, other = number & low, number >> half
            differ = one ^ other
            added.append(differ ^ carried)
            carried = (one & other) | (differ & carried)
        sums = [*added, carried] if carried else added
    # Written out from the last bit to the first: of each code, its binary digits.
    # Those of newer software, which writes to the same database, are left out.
    width = len(_counted())
    known = [number & ((1 << width) - 1) for number in reversed(sums)]
    digits = zip(*(f"{number:0{width}b}" for number in known), strict=True)
    counts = (int("".join(each), 2) for each in digits)
    return Counter({key: n for key, n in zip(_counted(), counts, strict=True) if n})
