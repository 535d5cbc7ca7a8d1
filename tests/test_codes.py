"""Bits: packing loses nothing, and the distance is a count of the signs that differ."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from caselight.codes import hamming, pack_signs, sign_bits, unpack_signs
from caselight.errors import CodeError
from caselight.types import Codes
from strategies import SignArray, sign_batches, two_batches, widths


def counted(a: SignArray, b: SignArray) -> NDArray[np.int64]:
    """The slow, obvious distance."""
    differ: NDArray[np.int64] = (a[:, None, :] != b[None, :, :]).sum(axis=-1)
    return differ


@given(widths.flatmap(lambda n_bits: sign_batches(n_bits=n_bits)))
def test_unpacking_gives_back_what_was_packed(signs: SignArray) -> None:
    codes = pack_signs(signs)
    assert codes.packed.shape == (len(signs), signs.shape[1] // 8)
    assert codes.packed.dtype == np.uint8
    assert len(codes) == len(signs)
    back = unpack_signs(codes)
    assert back.dtype == np.int8
    assert np.array_equal(back, signs)


def test_the_first_sign_is_the_most_significant_bit() -> None:
    signs = -np.ones((1, 16), dtype=np.int8)
    signs[0, 0] = signs[0, 15] = 1
    assert pack_signs(signs).packed.tolist() == [[0b1000_0000, 0b0000_0001]]


@given(two_batches())
def test_packed_hamming_counts_the_signs_that_differ(pair: tuple[SignArray, SignArray]) -> None:
    a, b = pair
    distance = hamming(pack_signs(a), pack_signs(b))
    assert distance.dtype == np.int32
    assert np.array_equal(distance, counted(a, b))


@pytest.mark.parametrize("n_bits", [8, 16, 24, 32, 40, 48, 64, 72, 96, 128, 136, 256, 504, 512])
def test_opposite_codes_are_n_bits_apart(n_bits: int) -> None:
    signs = np.random.default_rng(n_bits).choice([-1, 1], size=(5, n_bits)).astype(np.int8)
    distance = hamming(pack_signs(signs), pack_signs((-signs).astype(np.int8)))
    assert distance.diagonal().tolist() == [n_bits] * 5
    assert np.array_equal(distance, counted(signs, (-signs).astype(np.int8)))


@given(two_batches())
def test_hamming_is_a_metric(pair: tuple[SignArray, SignArray]) -> None:
    signs = np.concatenate(pair)
    codes = pack_signs(signs)
    d = hamming(codes, codes)
    assert np.array_equal(d == 0, counted(signs, signs) == 0)
    assert np.array_equal(d, d.T)
    assert (d[:, None, :] <= d[:, :, None] + d[None, :, :]).all()


def test_a_search_too_large_for_one_block_gives_the_same_distances() -> None:
    # Three queries against four million codes take two blocks.
    n = 1 << 22
    gallery = Codes(packed=np.arange(n, dtype=np.uint32).astype(np.uint8)[:, None], n_bits=8)
    query = Codes(packed=np.array([[0], [255], [5]], dtype=np.uint8), n_bits=8)
    distance = hamming(query, gallery)
    for row, value in enumerate((0, 255, 5)):
        expected = [(value ^ byte).bit_count() for byte in range(256)]
        assert np.array_equal(distance[row].reshape(-1, 256), np.tile(expected, (n // 256, 1)))


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(max_dims=2),
        elements=st.floats(-4, 4, width=32) | st.sampled_from([0.0, -0.0]),
    )
)
def test_a_sign_is_plus_or_minus_one_and_zero_counts_as_plus(values: NDArray[np.float32]) -> None:
    signs = sign_bits(values)
    assert signs.dtype == np.int8
    assert set(np.unique(signs)) <= {-1, 1}
    assert np.array_equal(signs == 1, values >= 0)


def test_zero_and_negative_zero_are_plus_one() -> None:
    assert sign_bits(np.array([0.0, -0.0])).tolist() == [1, 1]


@pytest.mark.parametrize("value", [0, 2, -2, 127])
def test_values_other_than_signs_are_refused(value: int) -> None:
    signs = np.ones((2, 16), dtype=np.int8)
    signs[1, 3] = value
    with pytest.raises(CodeError) as refused:
        pack_signs(signs)
    assert refused.value.code == "code.not_signs"


@pytest.mark.parametrize("n_bits", [0, 1, 7, 12, 63])
def test_a_width_of_no_whole_bytes_is_refused(n_bits: int) -> None:
    with pytest.raises(CodeError) as refused:
        pack_signs(np.ones((1, n_bits), dtype=np.int8))
    assert refused.value.code == "code.partial_byte"


def test_codes_of_two_widths_have_no_distance() -> None:
    narrow = pack_signs(np.ones((1, 64), dtype=np.int8))
    wide = pack_signs(np.ones((1, 128), dtype=np.int8))
    with pytest.raises(CodeError) as refused:
        hamming(narrow, wide)
    assert refused.value.code == "code.partial_byte"
