"""Near-equal texts: fast against slow, and the words that part two texts however alike."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.data.findings import read_findings
from caselight.data.similar_texts import near_equal, same_claims, shingles
from caselight.data.turning_words import turning_words, words_of

WORDS = (
    *("heart", "size", "normal", "lungs", "clear", "there", "is", "effusion", "nodule", "stable"),
    *("in", "the", "lobe", "upper", "no", "left", "right", "2", "mm", "pneumothorax", "scar"),
)
SENTENCES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


def always_near(texts: list[str]) -> np.ndarray:
    """Features of an encoder that hears nothing: every text is the same."""
    return np.ones((len(texts), 3), dtype=np.float32)


def pairs_of(*texts: str, jaccard: float = 0.0, cosine: float = 0.9) -> list[tuple[int, int]]:
    return near_equal(texts, always_near(list(texts)), jaccard=jaccard, cosine=cosine)


@given(st.lists(SENTENCES, min_size=2, max_size=12), st.integers(0, 2**32 - 1))
def test_near_equal_is_what_comparing_every_pair_finds(texts: list[str], seed: int) -> None:
    features = np.random.default_rng(seed).normal(size=(len(texts), 3)).astype(np.float32)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    slow = []
    for i, one in enumerate(texts):
        for j in range(i + 1, len(texts)):
            a, b = shingles(one), shingles(texts[j])
            said = read_findings(one) and read_findings(texts[j])
            near = len(a & b) / len(a | b) >= 0.4 or (said and unit[i] @ unit[j] >= 0.5)
            if near and same_claims(one, texts[j]):
                slow.append((i, j))
    assert near_equal(texts, features, jaccard=0.4, cosine=0.5) == slow


@given(SENTENCES, st.data())
def test_one_denial_side_or_number_more_is_never_near_equal(text: str, data: st.DataObject) -> None:
    words = text.split()
    at = data.draw(st.integers(0, len(words)))
    word = data.draw(st.sampled_from(["no", "not", "without", "left", "bilateral", "3", "two"]))
    assert pairs_of(text, " ".join([*words[:at], word, *words[at:]])) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("nodule in the left lung", "nodule in the right lung"),
        ("left effusion and right nodule", "right effusion and left nodule"),
        ("stenosis of the internal carotid", "stenosis of the r internal carotid"),
        ("lesion of 3 cm", "lesion of 4 cm"),
        ("fracture of t11", "fracture of t12"),
        ("one nodule is seen", "two nodules are seen"),
        ("it doesn't enhance", "it does enhance"),
        ("upper lobe opacity", "lower lobe opacity"),
        ("increased signal in the cord", "decreased signal in the cord"),
        ("acute infarct", "chronic infarct"),
        ("heart size normal", "heart size normal. xxxx of the spine"),
        ("nonenhancing lesion", "enhancing lesion"),
        ("the lungs are clear", "the lungs are clear. calcified granuloma"),
        ("no effusion. possible pneumonia", "no effusion. pneumonia"),
    ],
)
def test_texts_with_other_claims_are_apart(one: str, other: str) -> None:
    assert not same_claims(one, other)
    assert pairs_of(one, other) == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1. No pneumothorax. 2. Clear lungs.", "no pneumothorax. clear lungs"),
        ("axial CT shows pulmonary emboli", "coronal CT shows pulmonary emboli."),
        ("left-sided pleural effusion", "LEFT sided   pleural effusion"),
        ("mild atelectasis at the left base", "minimal atelectasis at the left base"),
        ("l5 spondylosis", "L5 spondylosis"),
    ],
)
def test_the_same_in_nearly_the_same_words_is_found(one: str, other: str) -> None:
    assert pairs_of(one, other) == [(0, 1)]


def test_the_encoder_is_not_asked_about_texts_that_name_no_finding() -> None:
    assert pairs_of("axial t2 of the head", "coronal t2 of the neck", jaccard=0.8) == []
    assert pairs_of("axial flair", "axial flair.", jaccard=0.8) == [(0, 1)]


def test_features_need_no_length_and_may_be_zero() -> None:
    texts = ["left pleural effusion", "pleural effusion left side", "effusion on the left"]
    features = np.array([[3.0, 0], [0.1, 0], [0, 0]], dtype=np.float32)
    assert near_equal(texts, features, jaccard=2.0, cosine=0.99) == [(0, 1)]


def test_nothing_is_near_nothing() -> None:
    assert pairs_of() == []
    assert pairs_of("", "   ", "...") == []


def test_texts_and_features_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="2 texts and 3 features"):
        near_equal(["a", "b"], np.ones((3, 2), dtype=np.float32), jaccard=0.5, cosine=0.5)


@given(SENTENCES)
def test_a_text_is_near_equal_to_itself_in_capitals(text: str) -> None:
    assert pairs_of(text, text.upper(), jaccard=1.0, cosine=2.0) == [(0, 1)]


def test_shingles_are_runs_of_two_words_and_the_ends() -> None:
    assert shingles("Clear lungs.") == {" clear", "clear lungs", "lungs "}
    assert shingles("...") == frozenset()


def test_turning_words_keep_order_and_join_meanings() -> None:
    order, meanings = turning_words("1. No left effusion; 2 mm superior RIGHT nodule, tiny")
    assert order == ("no", "left", "2", "right")
    assert meanings == {"upper", "mild"}
    assert words_of("w/o non-displaced L5 ___") == ["w/o", "non", "displaced", "l", "5", "___"]
    assert turning_words("w/o non-displaced L5 ___")[0] == ("w/o", "non", "5", "masked")
