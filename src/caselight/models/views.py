"""Other views of a picture that show the same: another crop, exposure, sharpness and noise.

Never a mirror image: which side is left is part of what a radiograph says.
"""

import hashlib
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

VIEWS_VERSION = 1
"""Counts the recipes: whatever changes a view raises it, so that no stored view is mistaken."""

SMALLEST_AREA = 0.7
"""Of the picture's area, the least that a crop keeps."""
LARGEST_ASPECT = 1.1
"""The most that a crop is wider than high, or higher than wide."""
LARGEST_ROTATION_DEG = 8.0
LARGEST_GAIN = 0.2
"""The most that contrast grows or shrinks; 1 is the picture's own range, here and below."""
LARGEST_OFFSET = 0.1
LARGEST_GAMMA = 1.35
"""The highest exponent; the lowest is its inverse."""
LARGEST_BLUR = 0.005
"""Standard deviation of the Gaussian, of the picture's side."""
LARGEST_NOISE = 0.03
"""Standard deviation."""

_N_DRAWS = 10


def view_generator(digest: str, view: int) -> torch.Generator:
    """What draws one view of one picture: the same on every run, whatever else is drawn.

    Args:
        digest: of the picture.
        view: which of its views.
    """
    seed = hashlib.sha256(f"{digest}:{view}".encode()).digest()[:8]
    return torch.Generator().manual_seed(int.from_bytes(seed, "big"))


def augment(pixels: Tensor, *, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
    """One view of each picture, from its own generator: the rest of the batch changes nothing.

    A crop of any place and slightly other shape, turned a little (one affine map of positive
    determinant, so never mirrored; the border is repeated); then blur; then noise, gamma, gain and
    offset in the range of the picture's own values, a channel each, so grey stays grey.

    Args:
        pixels: f32[B, 3, S, S], normalised as a tower takes it, on any device.
        strength: 0..1; shrinks the range that every parameter is drawn from. 0 changes nothing.
        generators: B, on the CPU; each is advanced by the same number of draws, whatever the
            strength, unless that is 0.

    Returns:
        f32[B, 3, S, S] on the same device, within each channel's lowest and highest value.

    Source: the recipe of Chen et al., "A Simple Framework for Contrastive Learning of Visual
    Representations", ICML 2020, appendix A, without flips and colour, with milder crops.
    """
    if strength == 0:
        return pixels.clone()
    side = pixels.shape[-1]
    drawn = [
        (torch.rand(_N_DRAWS, generator=generator), torch.randn(side, side, generator=generator))
        for _, generator in zip(pixels, generators, strict=True)
    ]
    draws = torch.stack([uniform for uniform, _ in drawn])
    noise = torch.stack([normal for _, normal in drawn])[:, None].to(pixels.device)
    maps = affine_maps(draws[:, :5], strength=strength)
    grid = F.affine_grid(maps.to(pixels.device), list(pixels.shape), align_corners=False)
    values = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    gain, offset, gamma, sigma, grain = draws[:, 5:, None, None, None].to(pixels.device).unbind(1)
    values = _blurred(values, sigma * strength * LARGEST_BLUR * side)
    low, high = pixels.amin(dim=(2, 3), keepdim=True), pixels.amax(dim=(2, 3), keepdim=True)
    # A channel of one value has no range; dividing by the smallest number leaves it as it is.
    unit = (values - low) / (high - low).clamp(min=torch.finfo(pixels.dtype).tiny)
    unit = (unit + noise * (grain * strength * LARGEST_NOISE)).clamp(0.0, 1.0)
    unit = unit ** torch.exp((2 * gamma - 1) * strength * math.log(LARGEST_GAMMA))
    contrast = 1.0 + (2 * gain - 1) * strength * LARGEST_GAIN
    unit = (unit - 0.5) * contrast + 0.5 + (2 * offset - 1) * strength * LARGEST_OFFSET
    return unit.clamp(0.0, 1.0) * (high - low) + low


def affine_maps(draws: Tensor, *, strength: float) -> Tensor:
    """Maps from a view's places to the picture's, both -1..1 across; their determinant is positive.

    Args:
        draws: f32[B, 5], 0..1: area, aspect, rotation, and where the crop lies, across and down.
        strength: 0..1.

    Returns:
        f32[B, 2, 3], as `affine_grid` takes them.
    """
    area, aspect, turn, across, down = draws.unbind(1)
    scale = torch.sqrt(1.0 - area * strength * (1.0 - SMALLEST_AREA))
    stretch = torch.exp((2 * aspect - 1) * strength * 0.5 * math.log(LARGEST_ASPECT))
    angle = (2 * turn - 1) * strength * math.radians(LARGEST_ROTATION_DEG)
    wide, high = scale * stretch, scale / stretch
    left = (2 * across - 1) * (1.0 - wide).clamp(min=0.0)
    top = (2 * down - 1) * (1.0 - high).clamp(min=0.0)
    rows = [
        torch.stack([angle.cos() * wide, -angle.sin() * high, left], dim=1),
        torch.stack([angle.sin() * wide, angle.cos() * high, top], dim=1),
    ]
    return torch.stack(rows, dim=1)


def _blurred(pixels: Tensor, sigma: Tensor) -> Tensor:
    """Convolve each picture with a Gaussian of its own; sigma: f32[B, 1, 1, 1], in pixels.

    Sums of shifted copies, not a convolution, whose rounding depends on the size of the batch.
    """
    reach = math.ceil(2.5 * LARGEST_BLUR * pixels.shape[-1])
    steps = torch.arange(-reach, reach + 1, device=pixels.device)
    weights = torch.exp(-0.5 * (steps / sigma.clamp(min=1e-3)) ** 2)
    weights = weights / weights.sum(dim=-1, keepdim=True)
    for dim, pad in ((3, (reach, reach, 0, 0)), (2, (0, 0, reach, reach))):
        padded = F.pad(pixels, pad, mode="replicate")
        size = pixels.shape[dim]
        total = padded.narrow(dim, reach, size) * weights[..., reach : reach + 1]
        for k in range(reach):
            both = padded.narrow(dim, k, size) + padded.narrow(dim, 2 * reach - k, size)
            total = total.addcmul(both, weights[..., k : k + 1])
        pixels = total
    return pixels
