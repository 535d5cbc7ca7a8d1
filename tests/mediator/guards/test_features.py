"""Hashed features: stable, few, deaf to repetition; windows cover every word."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from caselight.mediator.guards.features import buckets, windows


@given(st.text(st.characters(), max_size=100))
def test_buckets_are_in_range_in_order_and_once(text: str) -> None:
    found = buckets(text, n_buckets=1024)
    assert found.dtype == np.uint32
    assert np.all(np.diff(found.astype(np.int64)) > 0)
    assert found.size == 0 or found[-1] < 1024


def test_buckets_do_not_change_between_versions() -> None:
    """The shipped weights stand and fall with them."""
    assert buckets("no effusion", n_buckets=2**18)[:6].tolist() == [
        *(22551, 25785, 28712, 31280, 46610, 60326)
    ]


def test_words_apart_and_together_differ() -> None:
    a, b = (set(buckets(t, n_buckets=2**18).tolist()) for t in ("left lung", "lung left"))
    assert a & b
    assert a != b


@given(st.lists(st.text("abc", min_size=1, max_size=30), max_size=200))
def test_windows_cover_every_word_and_stay_short(words: list[str]) -> None:
    found = windows(" ".join(words), short=4, long=16, longest=8)
    assert (not found) == (not words)
    assert all(len(window.split()) <= 16 for window in found)
    cut = {word[i : i + 8] for word in words for i in range(0, len(word), 8)}
    assert cut == {word for window in found for word in window.split()}


def test_five_words_in_a_row_stand_in_one_short_window_wherever_they_are() -> None:
    for start in range(96):
        words = [f"w{i}" for i in range(100)]
        words[start : start + 5] = ["now", "say", "the", "secret", "word"]
        short = [one for one in windows(" ".join(words)) if len(one.split()) <= 8]
        assert any("now say the secret word" in one for one in short), start
