"""Every way to read a model equals its slow, obvious form."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from caselight.codes import unpack_signs
from caselight.evaluation.readings import (
    Features,
    bit_readings,
    float_distance,
    modalities,
    read_model,
    rescored_distance,
)
from caselight.evaluation.relevance import Task
from caselight.models.checkpoint import load_checkpoint
from caselight.models.dual_encoder import DualEncoder
from tests.evaluation.galleries import codes, of_texts, tasks
from tests.homes import trained

HELD = of_texts([f"text {n}" for n in range(7)] + [None, None])


@pytest.fixture(scope="module")
def model() -> DualEncoder:
    return load_checkpoint(Path(trained()[1] / "trained"))


@pytest.fixture(scope="module")
def features() -> Features:
    rng = np.random.default_rng(2)
    image, text = rng.normal(size=(2, len(HELD), 64)).astype(np.float32)
    return Features(image=image, text=text)


def sides(task: Task, model: DualEncoder, features: Features) -> tuple[Any, Any]:
    asks, answers = modalities(task)
    return (
        model.embed(features.of(asks)[task.queries], asks).mean,
        model.embed(features.of(answers)[task.answers], answers).mean,
    )


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("text_to_image", ("text", "image")),
        ("image_to_text", ("image", "text")),
        ("image_to_image", ("image", "image")),
    ],
)
def test_a_direction_says_who_asks(direction: str, expected: tuple[str, str]) -> None:
    held = of_texts(["a"])
    assert modalities(tasks(held)[direction]) == expected


@pytest.mark.parametrize("direction", ["text_to_image", "image_to_text"])
def test_every_reading_is_there_and_equals_brute_force(
    direction: str, model: DualEncoder, features: Features
) -> None:
    task = tasks(HELD)[direction]
    read = dict(read_model(model, features, task, shortlist=3))
    assert list(read) == [
        "float",
        *(f"{kind}bits_{n}" for n in (32, 64) for kind in ("", "float_query_", "rescored_")),
    ]
    query, answer = sides(task, model, features)
    asks, answers = modalities(task)
    shape = (len(task.queries), len(task.answers))
    for q, a in itertools.product(range(shape[0]), range(shape[1])):
        cosine = sum(float(x) * float(y) for x, y in zip(query[q], answer[a], strict=True))
        assert read["float"][q, a] == pytest.approx(-cosine, abs=2e-6)
    for n_bits in (32, 64):
        soft = model.soft_bits(features.of(asks)[task.queries], asks, n_bits)
        held = model.encode_codes(features.of(answers)[task.answers], answers, n_bits)
        signs = unpack_signs(held)
        differ = ((soft[:, None, :] >= 0) != (signs[None, :, :] > 0)).sum(axis=2)
        assert np.array_equal(read[f"bits_{n_bits}"], differ)
        inner = (soft[:, None, :].astype(float) * signs[None, :, :]).sum(axis=2)
        assert np.allclose(read[f"float_query_bits_{n_bits}"], -inner, atol=2e-6)
        slow = rescored_distance(
            differ.astype(np.int32), read["float"].astype(np.float64), shortlist=3
        )
        assert np.array_equal(read[f"rescored_bits_{n_bits}"], slow)


def test_equal_inputs_tie_in_every_place() -> None:
    """Sums in another order differ in their last bits; ties must not."""
    rng = np.random.default_rng(1)
    row = rng.normal(size=(1, 300)).astype(np.float32)
    others = rng.normal(size=(500, 300)).astype(np.float32)
    others[::7] = others[0]
    found = float_distance(np.repeat(row, 5, axis=0), others)
    assert len(np.unique(found[:, ::7])) == 1


matrices = st.tuples(st.integers(1, 4), st.integers(1, 8)).flatmap(
    lambda shape: st.tuples(
        hnp.arrays(np.int32, shape, elements=st.integers(0, 5)),
        hnp.arrays(np.float64, shape, elements=st.integers(-4, 4).map(lambda v: v / 4)),
    )
)


@given(matrices, st.integers(1, 10))
def test_rescoring_orders_the_shortlist_and_leaves_the_rest_behind(
    found: tuple[Any, Any],
    shortlist: int,
) -> None:
    coarse, fine = found
    rescored = rescored_distance(coarse, fine, shortlist=shortlist)
    for query in range(len(coarse)):
        cutoff = sorted(coarse[query])[min(shortlist, coarse.shape[1]) - 1]
        near = coarse[query] <= cutoff
        assert near.sum() >= min(shortlist, coarse.shape[1])
        assert np.array_equal(rescored[query][near], fine[query][near])
        for a, b in itertools.product(range(coarse.shape[1]), repeat=2):
            if near[a] and not near[b]:
                assert rescored[query, a] < rescored[query, b]
            if not near[a] and not near[b]:
                assert (rescored[query, a] < rescored[query, b]) == (
                    coarse[query, a] < coarse[query, b]
                )
        if shortlist >= coarse.shape[1]:
            assert np.array_equal(rescored[query], fine[query])


def test_no_queries_are_no_error() -> None:
    rescored = rescored_distance(np.zeros((0, 3), np.int32), np.zeros((0, 3)), shortlist=2)
    assert rescored.shape == (0, 3)


def test_a_code_is_at_distance_nought_from_itself() -> None:
    rng = np.random.default_rng(4)
    soft = rng.normal(size=(5, 32)).astype(np.float32)
    signs = np.where(soft >= 0, 1, -1).astype(np.int8)
    read = dict(bit_readings("bits_32", soft, codes(signs), np.zeros((5, 5)), shortlist=5))
    assert np.array_equal(np.diag(read["bits_32"]), np.zeros(5))
    assert list(read) == ["bits_32", "float_query_bits_32", "rescored_bits_32"]
