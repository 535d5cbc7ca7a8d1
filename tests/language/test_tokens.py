from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.language.tokens import read_tokens, split_sentences


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("No X-ray.", ["no", "x", "ray", "."]),
        ("isn't, can\u2019t, cannot", ["is", "not", ",", "ca", "not", ",", "can", "not"]),
        ("w/o r/o w/ contrast", ["without", "r/o", "with", "contrast"]),
        ("3.5 cm +/- 2,1", ["3.5", "cm", "+/-", "2,1"]),
        ("effusion - none", ["effusion", "-", "none"]),
        ("", []),
    ],
)
def test_words_and_marks(text: str, words: list[str]) -> None:
    assert read_tokens(text).words == words


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("No mass. Clear lungs.", ["No mass.", "Clear lungs."]),
        ("Dr. Weber saw a 3.5 cm mass. No leak.", ["Dr. Weber saw a 3.5 cm mass.", "No leak."]),
        ("Seen e.g. in the rib, vs. the spine.", ["Seen e.g. in the rib, vs. the spine."]),
        ("No evidence of\nPneumothorax.", ["No evidence of\nPneumothorax."]),
        ("No effusion\n\nNodule", ["No effusion", "Nodule"]),
        ("Effusion\nNodule", ["Effusion", "Nodule"]),
        ("- Effusion\n- No mass", ["- Effusion", "- No mass"]),
        ("1. Mass.\n2. No leak.", ["1. Mass.", "2. No leak."]),
        ("Clear.No mass", ["Clear.", "No mass"]),
        ("Mass; no leak", ["Mass;", "no leak"]),
        ("Pain ? fracture", ["Pain ? fracture"]),
        ("Fracture? Pain!", ["Fracture?", "Pain!"]),
        (
            "The lungs are clear of consolidation in the lower lobes\nPleura without effusion",
            ["The lungs are clear of consolidation in the lower lobes\nPleura without effusion"],
        ),
        (" \n ", []),
    ],
)
def test_sentences(text: str, parts: list[str]) -> None:
    assert [text[start:end] for start, end in split_sentences(text)] == parts


@given(st.text())
def test_tokens_and_sentences_lie_in_the_text_in_order(text: str) -> None:
    for spans in (read_tokens(text).spans, list(split_sentences(text))):
        assert all(0 <= start < end <= len(text) for start, end in spans)
        assert all(a[1] <= b[0] for a, b in pairwise(spans))


@given(st.text(alphabet="ab .?!;\n\tDr1,"))
def test_sentences_leave_out_nothing_but_white_space(text: str) -> None:
    kept = "".join(text[start:end] for start, end in split_sentences(text))
    assert "".join(kept.split()) == "".join(text.split())


@given(st.text(), st.integers(0, 50))
def test_a_token_is_found_by_its_place(text: str, place: int) -> None:
    tokens = read_tokens(text)
    slow = next((i for i, (_, end) in enumerate(tokens.spans) if end > place), len(tokens.spans))
    assert tokens.at(place) == slow
