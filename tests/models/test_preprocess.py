"""Every picture becomes the tensor a tower expects, whatever it was stored as."""

from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from caselight.models.preprocess import Preprocess
from caselight.types import Pixels

U8 = NDArray[np.uint8]


def preprocess(**changed: Any) -> Preprocess:
    values = {"size_px": 32, "mean": (0.0,) * 3, "std": (1.0,) * 3, "trim_fraction": 0.0}
    return Preprocess(**{**values, **changed})


def ramp(height: int = 90, width: int = 70) -> U8:
    """A smooth grey picture that uses the whole range, with flat black and white corners."""
    y, x = np.mgrid[0:height, 0:width]
    values = 255 * (y / (height - 1) + x / (width - 1)) / 2
    values[:20, :20], values[-20:, -20:] = 0, 255
    picture: U8 = values.astype(np.uint8)
    return picture


def noise(*shape: int, seed: int = 0) -> U8:
    picture: U8 = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return picture


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 3), (2, 500), (40, 30), (33, 65, 3), (1, 9)])
def test_any_picture_becomes_three_square_planes(shape: tuple[int, ...], dtype: type) -> None:
    for trim, size in product((0.0, 0.06, 0.4), (8, 224)):
        tensor = preprocess(trim_fraction=trim, size_px=size)(noise(*shape).astype(dtype))
        assert tensor.shape == (3, size, size)
        assert tensor.dtype == np.float32
        assert tensor.flags.c_contiguous
        assert np.isfinite(tensor).all()


@pytest.mark.parametrize("factor", [257, 16, 4])
def test_eight_and_sixteen_bits_of_one_picture_look_nearly_the_same(factor: int) -> None:
    picture = ramp()
    deep = picture.astype(np.uint16) * np.uint16(factor)
    difference = np.abs(preprocess()(picture) - preprocess()(deep))
    assert difference.mean() < 0.01
    assert difference.max() < 0.03


@given(st.integers(1, 100), st.integers(0, 30_000))
def test_sixteen_bits_do_not_depend_on_offset_and_range(factor: int, offset: int) -> None:
    deep = ramp().astype(np.uint16) * np.uint16(100)
    moved = (ramp().astype(np.uint32) * factor + offset).astype(np.uint16)
    assert np.abs(preprocess()(deep) - preprocess()(moved)).max() < 1e-3


def test_eight_bits_are_taken_as_they_are() -> None:
    dim = np.full((20, 20), 51, dtype=np.uint8)
    assert np.allclose(preprocess()(dim), 0.2)
    assert not np.allclose(preprocess()(ramp() // 2), preprocess()(ramp()), atol=0.1)


def test_outliers_of_a_sixteen_bit_picture_do_not_set_its_range() -> None:
    deep = ramp(200, 200).astype(np.uint16) * np.uint16(16)
    marked = deep.copy()
    marked[100, 100] = 65535
    difference = np.abs(preprocess()(deep) - preprocess()(marked))
    assert np.quantile(difference, 0.9) < 1e-3


@pytest.mark.parametrize("value", [0, 1, 4095, 65535])
def test_a_flat_sixteen_bit_picture_is_no_division_by_zero(value: int) -> None:
    tensor = preprocess()(np.full((10, 10), value, dtype=np.uint16))
    assert np.isfinite(tensor).all()
    assert np.ptp(tensor) == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("colours", [(), (3,)])
def test_what_is_trimmed_changes_nothing(dtype: type, colours: tuple[int, ...]) -> None:
    picture: Pixels = noise(100, 80, *colours).astype(dtype)
    marked = picture.copy()
    marked[:5], marked[-5:] = np.iinfo(dtype).max, 0
    assert np.array_equal(
        preprocess(trim_fraction=0.05)(picture), preprocess(trim_fraction=0.05)(marked)
    )
    for row in (5, 94):
        touched = picture.copy()
        touched[row] = np.iinfo(dtype).max
        assert not np.array_equal(
            preprocess(trim_fraction=0.05)(picture), preprocess(trim_fraction=0.05)(touched)
        )


def test_without_trimming_the_edges_count() -> None:
    marked = ramp()
    marked[:5] = 255
    assert not np.array_equal(preprocess()(ramp()), preprocess()(marked))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_grey_is_colour_with_equal_channels(dtype: type) -> None:
    grey: Pixels = noise(50, 40).astype(dtype)
    colour: Pixels = np.repeat(grey[..., None], 3, axis=2).astype(dtype)
    normal = preprocess(mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4), trim_fraction=0.1)
    assert np.array_equal(normal(grey), normal(colour))


def test_channels_keep_their_order_and_their_own_normalisation() -> None:
    picture = np.zeros((8, 8, 3), dtype=np.uint8)
    picture[..., 0], picture[..., 1], picture[..., 2] = 51, 102, 255
    tensor = preprocess(mean=(0.1, 0.2, 0.5), std=(0.1, 0.4, 0.25))(picture)
    assert np.allclose(tensor[:, 4, 4], [(0.2 - 0.1) / 0.1, (0.4 - 0.2) / 0.4, (1 - 0.5) / 0.25])


def test_up_stays_up_and_left_stays_left() -> None:
    picture = np.zeros((100, 60), dtype=np.uint8)
    picture[:50, :30] = 255
    tensor = preprocess()(picture)[0]
    assert tensor[:12, :12].min() > 0.9
    assert tensor[20:].max() < 0.1
    assert tensor[:, 20:].max() < 0.1


def test_a_batch_is_its_pictures_one_by_one() -> None:
    pictures: list[Pixels] = [noise(30, 40), noise(20, 20, 3).astype(np.uint16), noise(1, 1)]
    batch = preprocess().batch(pictures)
    assert batch.shape == (3, 3, 32, 32)
    for row, picture in zip(batch, pictures, strict=True):
        assert np.array_equal(row, preprocess()(picture))


def test_the_picture_is_not_changed() -> None:
    picture = noise(30, 40)
    kept = picture.copy()
    preprocess(trim_fraction=0.1)(picture)
    assert np.array_equal(picture, kept)


@pytest.mark.parametrize(
    "changed",
    [{"size_px": 33}, {"mean": (0.1, 0.0, 0.0)}, {"std": (1.0, 1.0, 0.5)}, {"trim_fraction": 0.2}],
)
def test_every_setting_travels_and_changes_the_tensor(changed: dict[str, Any]) -> None:
    one, other = preprocess(), preprocess(**changed)
    assert one.settings() != other.settings()
    assert Preprocess(**other.settings()) == other
    assert not np.array_equal(one(noise(90, 70, 3)), other(noise(90, 70, 3)))
