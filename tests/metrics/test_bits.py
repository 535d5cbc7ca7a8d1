"""Bit statistics: against the slow way, and where the answer is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy.linalg import hadamard

from caselight.codes import sign_bits
from caselight.errors import CodeError
from caselight.metrics.bits import bit_statistics
from caselight.types import BoolArray

codes = arrays.arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 9)))


def slow(ones: BoolArray) -> dict[str, float]:
    """Bit by bit and pair by pair; the participation ratio from the eigenvalues themselves."""
    columns = [ones[:, bit].astype(float) for bit in range(ones.shape[1])]
    alive = [column for column in columns if len(set(column)) == 2]
    table = np.eye(len(alive))
    for i, one in enumerate(alive):
        for j, other in enumerate(alive):
            if i != j:
                table[i, j] = np.corrcoef(one, other)[0, 1]
    spread = np.linalg.eigvalsh(table) if alive else np.zeros(0)
    off = [abs(table[i, j]) for i in range(len(alive)) for j in range(len(alive)) if i != j]
    return {
        "mean_ones": float(ones.mean()),
        "dead_bits": float(len(columns) - len(alive)),
        "mean_abs_correlation": float(np.mean(off)) if off else 0.0,
        "effective_bits": float(spread.sum() ** 2 / (spread**2).sum()) if alive else 0.0,
    }


@given(codes)
def test_the_statistics_are_those_of_the_slow_way(ones: BoolArray) -> None:
    found = bit_statistics(ones)
    worst = found.pop("worst_ones")
    shares = ones.mean(axis=0)
    assert worst in shares
    assert abs(worst - 0.5) == np.abs(shares - 0.5).max()
    assert found == pytest.approx(slow(ones), abs=1e-9)


@given(codes, st.integers(0, 2**32))
def test_the_order_of_rows_and_bits_decides_nothing_and_a_flip_only_the_ones(
    ones: BoolArray, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    turned = ones[rng.permutation(len(ones))][:, rng.permutation(ones.shape[1])]
    one, other = bit_statistics(ones), bit_statistics(turned)
    flipped = bit_statistics(~ones)
    for name in ("mean_ones", "dead_bits", "mean_abs_correlation", "effective_bits"):
        assert other[name] == pytest.approx(one[name])
        if name != "mean_ones":
            assert flipped[name] == pytest.approx(one[name])
    assert flipped["mean_ones"] == pytest.approx(1 - one["mean_ones"])


@given(codes)
def test_everything_stays_in_its_range(ones: BoolArray) -> None:
    n_rows, n_bits = ones.shape
    found = bit_statistics(ones)
    assert all(0 <= found[name] <= 1 for name in ("mean_ones", "worst_ones"))
    assert 0 <= found["mean_abs_correlation"] <= 1 + 1e-12
    assert found["effective_bits"] <= min(n_bits - found["dead_bits"], n_rows - 1) + 1e-9


def test_bits_that_are_orthogonal_all_count() -> None:
    found = bit_statistics(hadamard(16)[:, 1:] > 0)
    assert found == pytest.approx(
        {
            "mean_ones": 0.5,
            "worst_ones": 0.5,
            "dead_bits": 0.0,
            "mean_abs_correlation": 0.0,
            "effective_bits": 15.0,
        }
    )


def test_one_bit_said_many_times_counts_once() -> None:
    bit = np.array([True, False, True, True])
    found = bit_statistics(np.stack([bit, bit, ~bit, bit], axis=1))
    assert found["effective_bits"] == pytest.approx(1.0)
    assert found["mean_abs_correlation"] == pytest.approx(1.0)


def test_codes_that_are_all_the_same_carry_nothing() -> None:
    found = bit_statistics(np.tile([True, False, True], (5, 1)))
    assert (found["dead_bits"], found["effective_bits"]) == (3.0, 0.0)
    assert found["worst_ones"] in (0.0, 1.0)


def test_signs_are_read_as_codes_read_them() -> None:
    values = np.random.default_rng(0).standard_normal((20, 16)).astype(np.float32)
    values[3, 4], values[5, 6] = 0.0, -0.0
    signs = sign_bits(values)
    assert bit_statistics(values) == bit_statistics(signs) == bit_statistics(signs > 0)


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (4,)])
def test_an_array_without_codes_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        bit_statistics(np.zeros(shape, dtype=np.bool_))


def test_a_sign_that_is_no_number_is_refused() -> None:
    with pytest.raises(CodeError):
        bit_statistics(np.array([[1.0, np.nan]]))
