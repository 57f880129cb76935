"""Bits of listings, and how often each is there, against counting one by one."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory.bits import bits, tally
from directory.config import DATA
from directory.errors import UsageError
from directory.records import KINDS
from directory.vocabulary import vocabulary

CODES = sorted(vocabulary().terms)
LISTINGS = st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.sets(st.sampled_from(CODES))))


def stored(kind: str, terms: set[str]) -> bytes:
    """What PostgreSQL reads."""
    written = bits(kind, terms)
    assert written.startswith("\\x")
    return bytes.fromhex(written[2:])


@given(LISTINGS, st.integers(1, 40))
def test_counts_are_those_of_counting_one_by_one(
    listings: list[tuple[str, set[str]]], times: int
) -> None:
    expected: Counter[tuple[str, str]] = Counter()
    for kind, terms in listings * times:
        expected["kind", kind] += 1
        expected.update((vocabulary().terms[code].facet, code) for code in terms)
    many = b"".join(stored(*each) for each in listings) * times
    assert tally(many) == expected
    assert tally(memoryview(many)) == expected


def test_every_code_has_a_bit() -> None:
    codes = (DATA / "bits.txt").read_text().split()
    assert {*vocabulary().terms, *(f"kind:{kind}" for kind in KINDS)} <= {*codes}


def test_bits_that_newer_software_wrote_are_left_out() -> None:
    newer = stored("treatment", set())[:-1] + b"\x80"
    assert tally(newer * 3) == {("kind", "treatment"): 3}


def test_a_code_without_a_bit_is_said() -> None:
    with pytest.raises(UsageError, match=r"add it at the end of data/bits\.txt"):
        bits("treatment", ["service:unheard-of"])
