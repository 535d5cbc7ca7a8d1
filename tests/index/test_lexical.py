"""BM25 over texts: which words count, and that equal texts tie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.index.lexical import STOP_WORDS, LexicalIndex, words_of

TEXTS = (
    "Large left-sided pleural effusion.",
    "No effusion. Heart size normal.",
    "Nodule of 2.5 cm in the right upper lobe.",
    "",
    "the and of",
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Left-sided EFFUSION, large", ["left", "sided", "effusion", "large"]),
        ("2.5 cm T2/FLAIR", ["2.5", "cm", "t2", "flair"]),
        ("There is no effusion, not any", ["no", "effusion", "not", "any"]),
        ("patient's _film_", ["patient", "s", "film"]),
        ("Übergröße ÉPANCHEMENT", ["übergrösse", "épanchement"]),
        ("e\u0301panchement", ["épanchement"]),
        ("...", []),
    ],
)
def test_words_are_runs_of_letters_and_digits(text: str, words: list[str]) -> None:
    assert words_of(text) == words


def test_the_text_with_the_words_comes_first() -> None:
    index = LexicalIndex(TEXTS)
    assert np.argsort(-index.scores("left effusion"), kind="stable")[:2].tolist() == [0, 1]
    assert int(index.scores("2.5 CM nodule").argmax()) == 2
    assert index.scores("left effusion")[2:].tolist() == [0, 0, 0]


@pytest.mark.parametrize("query", ["", "the", "unheard", "..."])
def test_words_that_occur_nowhere_score_nothing(query: str) -> None:
    assert LexicalIndex(TEXTS).scores(query).tolist() == [0.0] * len(TEXTS)


@pytest.mark.parametrize("texts", [(), ("",), ("the", "")])
def test_texts_without_words_are_searched_in_vain(texts: tuple[str, ...]) -> None:
    assert LexicalIndex(texts).scores("effusion").tolist() == [0.0] * len(texts)


words = st.sampled_from(["effusion", "nodule", "left", "no", "the", "heart"])


@given(st.lists(st.lists(words).map(" ".join), max_size=6), st.lists(words).map(" ".join))
def test_a_score_is_above_zero_exactly_where_a_word_occurs(texts: list[str], query: str) -> None:
    scores = LexicalIndex(texts).scores(query)
    asked = set(query.split()) - STOP_WORDS
    assert [score > 0 for score in scores] == [bool(asked & set(t.split())) for t in texts]


@given(st.lists(words, min_size=1), st.lists(words, min_size=1), st.randoms())
def test_texts_with_the_same_words_tie(text: list[str], query: list[str], rng: object) -> None:
    other = list(text)
    rng.shuffle(other)  # type: ignore[attr-defined]
    scores = LexicalIndex([" ".join(text), "heart", " ".join(other)]).scores(" ".join(query))
    assert scores[0] == scores[2]
