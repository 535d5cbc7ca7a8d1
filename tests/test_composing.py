"""A composed query lies between its parts, and reaches each of them at the end of the scale."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from caselight.composing import Asked, feedback, mean_of, unit, weigh

DIM, BITS = 4, 16
values = st.floats(-1, 1, width=32)


@st.composite
def readings(draw: st.DrawFn) -> Asked:
    vector = draw(arrays.arrays(np.float32, DIM, elements=values))
    assume(np.linalg.norm(vector) > 0.1)
    soft = draw(arrays.arrays(np.float32, BITS, elements=values))
    return Asked(vector=unit(vector), soft=soft)


weights = st.floats(0, 1)


def same(one: Asked, other: Asked) -> bool:
    return bool(np.array_equal(one.vector, other.vector) and np.array_equal(one.soft, other.soft))


def nearly(one: Asked, other: Asked) -> bool:
    return bool(
        np.allclose(one.vector, other.vector, atol=1e-4)
        and np.allclose(one.soft, other.soft, atol=1e-5)
    )


@given(readings(), readings())
def test_the_ends_of_the_scale_are_the_parts_themselves(image: Asked, text: Asked) -> None:
    assert same(weigh(image, text, image_weight=1.0), image)
    assert same(weigh(image, text, image_weight=0.0), text)


@given(readings(), readings(), weights)
def test_a_mean_has_unit_length_and_bits_between_its_parts(
    image: Asked, text: Asked, weight: float
) -> None:
    assume(float(image.vector @ text.vector) > -0.9)
    mixed = weigh(image, text, image_weight=weight)
    assert np.linalg.norm(mixed.vector) == pytest.approx(1.0, abs=1e-5)
    both = np.stack([image.soft, text.soft])
    assert (mixed.soft >= both.min(axis=0) - 1e-6).all()
    assert (mixed.soft <= both.max(axis=0) + 1e-6).all()
    # Where both signs agree, so does the code.
    agree = (both > 1e-3).all(axis=0)
    assert (mixed.soft[agree] > 0).all()


@given(readings(), readings())
def test_more_weight_brings_a_query_nearer_to_the_picture(image: Asked, text: Asked) -> None:
    assume(float(image.vector @ text.vector) > -0.9)
    cosines = [
        float(weigh(image, text, image_weight=w).vector @ image.vector)
        for w in (0.0, 0.25, 0.5, 0.75, 1.0)
    ]
    assert all(a <= b + 1e-5 for a, b in itertools.pairwise(cosines))


@given(readings(), readings(), st.floats(0, 2))
def test_to_like_and_unlike_the_same_by_the_same_weight_changes_nothing(
    asked: Asked, study: Asked, weight: float
) -> None:
    back = feedback(asked, like=[study], unlike=[study], like_weight=weight, unlike_weight=weight)
    assert nearly(back, asked)


@given(readings(), readings(), readings())
def test_feedback_pulls_towards_what_is_liked_whatever_the_order(
    asked: Asked, one: Asked, other: Asked
) -> None:
    assume(min(asked.vector @ one.vector, asked.vector @ other.vector) > -0.5)
    weights = {"like_weight": 0.75, "unlike_weight": 0.15}
    pulled = feedback(asked, like=[one], unlike=[], **weights)
    assert pulled.vector @ one.vector >= asked.vector @ one.vector - 1e-5
    pushed = feedback(asked, like=[], unlike=[one], **weights)
    assert pushed.vector @ one.vector <= asked.vector @ one.vector + 1e-5
    assume(np.linalg.norm(asked.vector + 0.375 * (one.vector + other.vector)) > 0.1)
    assert nearly(
        feedback(asked, like=[one, other], unlike=[], **weights),
        feedback(asked, like=[other, one], unlike=[], **weights),
    )


def test_a_study_alone_is_asked_for_by_itself() -> None:
    vectors = np.eye(DIM, dtype=np.float32)[:2]
    signs = np.array([[1, 1, -1], [1, -1, -1]], dtype=np.int8)
    study = mean_of(vectors, signs)
    assert study.vector == pytest.approx([np.sqrt(0.5), np.sqrt(0.5), 0, 0])
    assert study.soft.tolist() == [1.0, 0.0, -1.0]
    alone = feedback(None, like=[study], unlike=[], like_weight=0.75, unlike_weight=0.15)
    assert alone.vector == pytest.approx(study.vector)
    assert np.array_equal(np.sign(alone.soft), np.sign(study.soft))


def test_a_query_that_cancels_itself_out_is_refused() -> None:
    one = mean_of(np.eye(DIM, dtype=np.float32)[:1], np.ones((1, BITS), np.int8))
    for like_weight in (0.0, 1.0):
        with pytest.raises(ValueError, match="cancel"):
            feedback(None, like=[one], unlike=[one], like_weight=like_weight,
                     unlike_weight=like_weight)  # fmt: skip
    with pytest.raises(ValueError, match="needs something"):
        feedback(None, like=[], unlike=[], like_weight=1.0, unlike_weight=1.0)
