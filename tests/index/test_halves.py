"""The quick way from half precision gives what NumPy's own gives, to the last bit."""

import numpy as np
import pytest

from caselight.index.halves import unit_vectors, widened

EVERY = np.arange(1 << 16, dtype=np.uint16).view(np.float16)


def bits(array: np.ndarray) -> list[int]:
    return array.ravel().view(np.uint32).tolist()


def test_every_half_comes_out_as_numpy_has_it() -> None:
    with np.errstate(invalid="ignore"):
        finite = EVERY[np.isfinite(EVERY)]
        assert len(finite) == 63_488
        assert bits(widened(finite)) == bits(finite.astype(np.float32))
        for one in EVERY[~np.isfinite(EVERY)]:
            among = np.array([0.5, one, -0.5], dtype=np.float16)
            assert np.array_equal(widened(among), among.astype(np.float32), equal_nan=True)


@pytest.mark.parametrize("shape", [(0, 8), (1, 1), (3, 5), (7,)])
def test_any_shape_and_layout(shape: tuple[int, ...]) -> None:
    halves = np.random.default_rng(0).standard_normal(shape).astype(np.float16)
    for one in (halves, halves.T, halves[::-1], np.asfortranarray(halves)):
        before = one.copy()
        assert widened(one).shape == one.shape
        assert np.array_equal(widened(one), one.astype(np.float32))
        assert np.array_equal(one, before)


def test_vectors_have_unit_length_and_nothing_is_divided_by_nothing() -> None:
    halves = np.random.default_rng(1).standard_normal((50, 33)).astype(np.float16)
    halves[7] = 0
    slow = halves.astype(np.float32)
    slow /= np.maximum(np.linalg.norm(slow, axis=1, keepdims=True), 1e-12)
    found = unit_vectors(halves)
    assert bits(found) == bits(slow)
    assert not found[7].any()
