"""Analysis: the same lexemes for listings and questions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from directory import words


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("Women's A.A. meeting", ["womens", "aa", "meeting"]),
        ("Café Ñandú", ["cafe", "nandu"]),
        ("St. Mary’s 24/7", ["st", "marys", "24", "7"]),
        ("co-occurring_disorders", ["co", "occurring", "disorders"]),
        ("日本語 Straße", ["日本語", "straße"]),
        ("S.T.O.P. P.", ["stop", "p"]),
        ("…!?", []),
    ],
)
def test_tokens(text: str, tokens: list[str]) -> None:
    assert words.tokens(text) == tokens


@given(st.text(max_size=100))
def test_tokens_are_letters_and_digits_only(text: str) -> None:
    """So that quoting a lexeme in a tsquery or tsvector is always enough."""
    for token in words.tokens(text):
        assert token.isalnum() or all(c.isalnum() for c in token)
        assert 0 < len(token) <= words.LONGEST_TOKEN


@given(st.text(max_size=60))
def test_spans_lie_on_the_words_they_are_for(text: str) -> None:
    wanted = frozenset(words.lexemes(text)[:1])
    for start, end in words.spans(text, wanted):
        assert wanted.intersection(words.lexemes(text[start:end]))


def test_spans() -> None:
    text = "Women's recovery, A.A. and recovering"
    found = words.spans(text, frozenset(words.lexemes("womens AA recovering")))
    assert [text[a:b] for a, b in found] == ["Women's", "A.A.", "recovering"]
