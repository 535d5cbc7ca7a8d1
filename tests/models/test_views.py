"""Views of a picture show the same thing: never mirrored, never out of range, never another's."""

import hashlib
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from caselight.models.views import (
    LARGEST_ASPECT,
    LARGEST_ROTATION_DEG,
    SMALLEST_AREA,
    affine_maps,
    augment,
    view_generator,
)

SIDE = 48
seeds = st.integers(0, 2**32 - 1)
strengths = st.floats(0.0, 1.0)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def pictures(n: int, *, seed: int = 0, side: int = SIDE) -> Tensor:
    """Grey pictures with structure, f32[n, 3, side, side], normalised by another mean a channel."""
    coarse = torch.rand(n, 1, 6, 6, generator=generator(seed))
    grey = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    mean, std = torch.tensor([0.4, 0.5, 0.6])[:, None, None], torch.tensor([0.2, 0.3, 0.25])
    return (grey - mean) / std[:, None, None]


def view(pixels: Tensor, *, strength: float, seed: int = 0) -> Tensor:
    generators = [generator(seed + n) for n in range(len(pixels))]
    return augment(pixels, strength=strength, generators=generators)


def test_no_strength_is_no_change() -> None:
    pixels = pictures(3)
    assert torch.equal(view(pixels, strength=0.0), pixels)


def test_a_view_differs_from_the_picture_and_from_other_views() -> None:
    pixels = pictures(1).expand(8, 3, SIDE, SIDE)
    seen = [pixels[0], *view(pixels, strength=0.5)]
    for n, one in enumerate(seen):
        for other in seen[:n]:
            assert (one - other).abs().mean() > 0.01


def test_a_generator_decides_its_view_whatever_the_batch() -> None:
    pixels = pictures(7)
    together = view(pixels, strength=0.8, seed=5)
    alone = [view(pixels[n : n + 1], strength=0.8, seed=5 + n) for n in range(7)]
    assert torch.equal(together, torch.cat(alone))


def test_a_generator_goes_on_equally_far_at_every_strength() -> None:
    after = []
    for strength in (0.1, 1.0):
        drawing = generator(3)
        augment(pictures(1), strength=strength, generators=[drawing])
        after.append(torch.rand(4, generator=drawing))
    assert torch.equal(*after)


def test_every_picture_needs_its_generator() -> None:
    with pytest.raises(ValueError, match="zip"):
        augment(pictures(3), strength=0.5, generators=[generator(0)] * 2)


@given(st.lists(st.floats(0.0, 1.0, width=32), min_size=5, max_size=5), strengths)
def test_a_map_turns_little_keeps_most_and_never_mirrors(
    draws: list[float], strength: float
) -> None:
    (matrix,) = affine_maps(torch.tensor([draws]), strength=strength)
    area = float(torch.linalg.det(matrix[:, :2]))
    assert 1.0 - strength * (1.0 - SMALLEST_AREA) - 1e-5 <= area <= 1.0 + 1e-5
    turned = math.degrees(math.atan2(matrix[1, 0], matrix[0, 0]))
    assert abs(turned) <= LARGEST_ROTATION_DEG * strength + 1e-3
    wide, high = matrix[:, :2].norm(dim=0).tolist()
    aspect = math.exp(abs(math.log(wide / high)))
    assert aspect <= LARGEST_ASPECT**strength + 1e-4
    # Turned back, the crop lies inside the picture wherever it is smaller than that.
    for shift, extent in zip(matrix[:, 2].tolist(), (wide, high), strict=True):
        assert abs(shift) <= max(0.0, 1.0 - extent) + 1e-5


@given(seeds, strengths)
def test_a_marker_on_the_left_stays_on_the_left(seed: int, strength: float) -> None:
    pixels = torch.zeros(1, 3, SIDE, SIDE)
    pixels[..., 18:30, 6:14] = 1.0
    (seen,) = view(pixels, strength=strength, seed=seed).mean(dim=1)
    weight = (seen - seen.median()).clamp(min=0)
    columns = torch.arange(SIDE, dtype=torch.float32)
    assert float((weight * columns).sum() / weight.sum()) < SIDE / 2 - 2
    assert float((weight.T * columns).sum() / weight.sum()) == pytest.approx(SIDE / 2, abs=14)


@given(seeds)
def test_values_stay_in_each_channels_range_and_grey_stays_grey(seed: int) -> None:
    pixels = pictures(2, seed=seed)
    seen = view(pixels, strength=1.0, seed=seed)
    low, high = pixels.amin(dim=(2, 3)), pixels.amax(dim=(2, 3))
    assert (seen.amin(dim=(2, 3)) >= low - 1e-5).all()
    assert (seen.amax(dim=(2, 3)) <= high + 1e-5).all()
    std, mean = torch.tensor([0.2, 0.3, 0.25]), torch.tensor([0.4, 0.5, 0.6])
    grey = seen * std[:, None, None] + mean[:, None, None]
    assert torch.allclose(grey[:, 0], grey[:, 1], atol=1e-5)
    assert torch.allclose(grey[:, 0], grey[:, 2], atol=1e-5)


def test_a_picture_of_one_value_stays_as_it_is() -> None:
    pixels = torch.full((2, 3, SIDE, SIDE), 0.3)
    assert torch.equal(view(pixels, strength=1.0), pixels)


def test_more_strength_is_further_away() -> None:
    pixels = pictures(24)
    gaps = [
        float((view(pixels, strength=strength) - pixels).abs().mean())
        for strength in (0.1, 0.3, 0.6, 1.0)
    ]
    assert gaps == sorted(gaps)
    assert gaps[0] < 0.5 * gaps[-1]


def test_blur_and_noise_are_among_the_changes() -> None:
    checks = (torch.arange(224)[:, None] + torch.arange(224)) % 2
    edge = torch.zeros(224, 224)
    edge[:, 112:] = 1.0
    fine = view(checks.float().expand(24, 3, 224, 224), strength=1.0)
    flat = view(edge.expand(24, 3, 224, 224), strength=1.0)[:, 0, 100:124, 150:170]
    # A view that is blurred most has lost the finest pattern, one that is blurred least has not.
    assert fine.std(dim=(1, 2, 3)).min() < 0.1 < fine.std(dim=(1, 2, 3)).max()
    assert flat.std(dim=(1, 2)).max() > 0.005


def test_the_generator_of_a_view_is_pinned() -> None:
    seed = hashlib.sha256(b"abc:2").digest()[:8]
    assert view_generator("abc", 2).initial_seed() == int.from_bytes(seed, "big")
    drawn = [
        tuple(torch.rand(3, generator=view_generator(digest, number)).tolist())
        for digest in ("abc", "xyz")
        for number in (1, 2)
    ]
    assert len(set(drawn)) == 4
    again = torch.rand(3, generator=view_generator("abc", 1))
    assert tuple(again.tolist()) == drawn[0]


def test_pixels_stay_on_their_device() -> None:
    # The "meta" device computes nothing and refuses to mix with the CPU, as an accelerator does.
    seen = view(torch.zeros(2, 3, SIDE, SIDE, device="meta"), strength=1.0)
    assert (seen.device.type, tuple(seen.shape)) == ("meta", (2, 3, SIDE, SIDE))
