"""Digests are equal exactly when pixels are; difference hashes are near when pictures are."""

import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from caselight.data.fingerprint import _cell_means, dhash_distance, difference_hash, pixel_digest

NEAR = 12


def picture(rng: np.random.Generator, *, height: int = 200, width: int = 240) -> Any:
    """A smooth made-up picture, u8[H, W]."""
    coarse = Image.fromarray(rng.integers(0, 256, (6, 7), dtype=np.uint8))
    return np.array(coarse.resize((width, height), Image.Resampling.BICUBIC))


def one_distance(a: Any, b: Any) -> int:
    return int(dhash_distance([difference_hash(a)], [difference_hash(b)])[0, 0])


def test_a_digest_tells_shape_type_and_every_pixel_apart() -> None:
    base = np.arange(12, dtype=np.uint8).reshape(3, 4)
    changed = base.copy()
    changed[2, 3] ^= 1
    others: list[Any] = [base.reshape(4, 3), base.astype(np.uint16), changed, np.dstack([base] * 3)]
    assert len({pixel_digest(p) for p in [base, *others]}) == 5
    assert pixel_digest(base) == pixel_digest(base.copy())


def test_a_digest_ignores_byte_order_and_memory_layout() -> None:
    base = np.arange(12, dtype="<u2").reshape(3, 4)
    assert pixel_digest(base) == pixel_digest(base.astype(">u2"))
    assert pixel_digest(base) == pixel_digest(np.asfortranarray(base))


def test_a_digest_is_what_it_has_always_been() -> None:
    """Stores keep digests, so a change here would make every archive look new."""
    digest = pixel_digest(np.arange(6, dtype=np.uint8).reshape(2, 3))
    assert digest == "cb1a99bcb564918b3688bc10c9db0d150d0769b92331b80c9015c40b2fdb6524"


@pytest.mark.parametrize("seed", range(5))
def test_depth_brightness_and_contrast_make_no_difference(seed: int) -> None:
    base = picture(np.random.default_rng(seed))
    wide = base.astype(np.uint16) * 257
    dim = (base // 2 + 30).astype(np.uint8)
    assert difference_hash(wide) == difference_hash(base)
    assert difference_hash(np.dstack([base] * 3)) == difference_hash(base)
    assert one_distance(base, dim) <= 4


@pytest.mark.parametrize("seed", range(5))
def test_size_and_compression_keep_a_picture_near(seed: int) -> None:
    base = picture(np.random.default_rng(seed))
    image = Image.fromarray(base)
    smaller = np.array(image.resize((170, 140), Image.Resampling.BICUBIC))
    held = io.BytesIO()
    image.save(held, "JPEG", quality=50)
    saved = np.array(Image.open(held))
    assert one_distance(base, smaller) <= NEAR
    assert one_distance(base, saved) <= NEAR


def test_other_pictures_are_far() -> None:
    hashes = [difference_hash(picture(np.random.default_rng(seed))) for seed in range(12)]
    distance = dhash_distance(hashes, hashes)
    assert distance[~np.eye(12, dtype=bool)].min() > 2 * NEAR


def test_noise_in_an_empty_border_sets_no_bit() -> None:
    rng = np.random.default_rng(3)
    base = np.zeros((160, 170), dtype=np.uint8)
    base[60:100, 60:110] = picture(rng, height=40, width=50)
    noisy = base.copy()
    noisy[:50] += rng.integers(0, 4, (50, 170), dtype=np.uint8)
    assert one_distance(base, noisy) == 0


def test_a_blank_picture_has_no_bit_set_and_a_ramp_has_all() -> None:
    assert difference_hash(np.full((5, 5), 9, dtype=np.uint8)) == "0" * 64
    ramp = np.tile(np.arange(0, 170, dtype=np.uint8), (20, 1))
    assert difference_hash(ramp) == "f" * 64
    assert difference_hash(ramp[:, ::-1].copy()) == "0" * 64


def test_pictures_smaller_than_the_grid_have_a_hash() -> None:
    assert len(difference_hash(np.array([[3]], dtype=np.uint8))) == 64
    assert len(difference_hash(np.arange(6, dtype=np.uint16).reshape(2, 3))) == 64


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=4), st.integers(0, 3))
def test_distances_count_the_bits_that_differ(hashes: list[bytes], n_left: int) -> None:
    names = [code.hex() for code in hashes]
    fast = dhash_distance(names[:n_left], names)
    slow = [[(int(a, 16) ^ int(b, 16)).bit_count() for b in names] for a in names[:n_left]]
    assert fast.shape == (len(names[:n_left]), len(names))
    assert fast.tolist() == slow


@given(st.integers(1, 60), st.integers(1, 20), st.integers(0, 99))
def test_running_sums_average_as_a_matrix_of_weights_does(n: int, cells: int, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 65536, (n, 3)).astype(np.float64)
    edges = np.linspace(0, n, cells + 1)
    start = np.arange(n)
    upper, lower = np.minimum(edges[1:, None], start + 1), np.maximum(edges[:-1, None], start)
    overlap = np.clip(upper - lower, 0, None)
    weights = overlap / overlap.sum(axis=1, keepdims=True)
    assert np.allclose(_cell_means(values, cells), weights @ values)
