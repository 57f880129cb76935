"""Compiles ``data/ordinary.txt``: words so common that whoever writes one means it.

Build time only; run it as ``python -m importers.ordinary`` with the optional dependency
``ordinary`` installed, which is pinned: wordfreq 3.1.1. Licence and credit are in
``data/SOURCES.md``. No network.
"""

import sys
from importlib import import_module

from directory.config import DATA

# A word in so many at most; rarer ones are names, and misspellings.
RAREST = {"en": 10**5.2, "es": 10**5.0}
SHORTEST = 4  # letters; shorter words are never respelled


def main() -> None:
    """Write the file."""
    wordfreq = import_module("wordfreq")
    found = {
        word
        for language, rarest in RAREST.items()
        for word, share in wordfreq.get_frequency_dict(language, "small").items()
        if round(1 / share) <= round(rarest)
        and word.isascii()
        and word.isalpha()
        and len(word) >= SHORTEST
    }
    (DATA / "ordinary.txt").write_text(
        "".join(f"{word}\n" for word in sorted(found)), encoding="ascii"
    )
    print(f"ordinary.txt: {len(found):,} words", file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    main()
