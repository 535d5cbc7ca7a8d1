"""From attenuation to film: the beam, its scatter, the detector and the scanner's software."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from caselight.data.phantoms.anatomy import Anatomy
from caselight.data.phantoms.chest import frontal_chest
from caselight.data.phantoms.detectors import Scanner
from caselight.data.phantoms.field import draw_pose, make_field
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.lateral import lateral_chest
from caselight.data.phantoms.lateral_shadows import lateral_shadows
from caselight.data.phantoms.marks import stamp
from caselight.data.phantoms.masks import PixelBox, chest_mask, heart_box, shadow_box
from caselight.data.phantoms.shadows import bend_body, frontal_shadows
from caselight.data.phantoms.shapes import Map
from caselight.data.phantoms.skeleton import skeleton

_COARSE_SIZE = 32
"""Pixels along each side of the chest that scatter and coarse differences are measured on."""
_REACH = 0.07
"""Deviation of what reaches far, a fraction of the film."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """One exposed film, and the truth about it."""

    pixels: NDArray[np.uint16]
    """u16[size, size], the scanner's own levels, bright is dense."""
    boxes: tuple[PixelBox | None, ...]
    """Where each finding is seen, in their order; None where it is not."""
    mask: NDArray[np.uint8] | None
    """u8[size, size], bits of `masks`; None from the side."""


def render_pa(
    anatomy: Anatomy,
    findings: Sequence[Finding],
    *,
    scanner: Scanner,
    rng: np.random.Generator,
    size: int,
) -> Film:
    """Draw a frontal film; the patient's left is on the right of the image.

    What `rng` gives (pose, exposure, noise, marks) does not depend on `findings`: with the same
    generator, films with and without a finding differ by its shadow alone.

    Args:
        anatomy: the body.
        findings: what is wrong with it.
        scanner: the machine.
        rng: for pose, exposure, noise and marks.
        size: pixels along each side.
    """
    pose = draw_pose(rng)
    field, coarse = make_field(pose, size), make_field(pose, _COARSE_SIZE)
    body = bend_body(anatomy, findings)
    chest = frontal_chest(body, field)
    tissue = chest.tissue + skeleton(body, field)
    added, shadows = frontal_shadows(body, chest, findings)
    boxes = tuple(
        heart_box(field, chest.heart)
        if finding.name == "cardiomegaly"
        else shadow_box(field, shadow)
        for finding, shadow in zip(findings, shadows, strict=True)
    )
    healthy = coarse.develop(frontal_chest(anatomy, coarse).tissue)
    pixels = _expose(field.develop(tissue + added), healthy, scanner, rng, lateral=False)
    return Film(pixels=pixels, boxes=boxes, mask=chest_mask(chest))


def render_lateral(
    anatomy: Anatomy,
    findings: Sequence[Finding],
    *,
    scanner: Scanner,
    rng: np.random.Generator,
    size: int,
) -> Film:
    """Draw a film from the side, the breastbone on the left of the image.

    Args:
        anatomy: the body.
        findings: what is wrong with it; both sides lie over each other.
        scanner: the machine.
        rng: for pose, exposure, noise and marks.
        size: pixels along each side.
    """
    pose = draw_pose(rng)
    field, coarse = make_field(pose, size), make_field(pose, _COARSE_SIZE)
    body = bend_body(anatomy, findings)
    view = lateral_chest(body, field)
    added, shadows = lateral_shadows(body, view, findings)
    boxes = tuple(
        heart_box(field, view.heart)
        if finding.name == "cardiomegaly"
        else shadow_box(field, shadow)
        for finding, shadow in zip(findings, shadows, strict=True)
    )
    healthy = coarse.develop(lateral_chest(anatomy, coarse).tissue)
    pixels = _expose(field.develop(view.tissue + added), healthy, scanner, rng, lateral=True)
    return Film(pixels=pixels, boxes=boxes, mask=None)


def _expose(
    shade: Map, healthy: Map, scanner: Scanner, rng: np.random.Generator, *, lateral: bool
) -> NDArray[np.uint16]:
    """Scatter, blur, the scanner's software, noise, an S-shaped curve, the frame and the letter.

    What reaches far (scatter, coarse differences) is measured on the same chest without its
    findings, so that a shadow on one side does not move the grey of the other.

    Args:
        shade: f32[size, size], attenuation in log units.
        healthy: f32[h, w], the same chest without findings, coarser.
        scanner: the machine.
        rng: for exposure, noise, frame and letter.
        lateral: whether the patient is seen from the side.

    Returns:
        u16[size, size], the scanner's own 12-bit levels, bright is dense.
    """
    size = shade.shape[0]
    centre = scanner.centre + float(np.clip(rng.normal(0.0, 0.06), -0.15, 0.15))
    width = scanner.width * float(np.clip(rng.normal(1.0, 0.07), 0.85, 1.2))
    grain = rng.standard_normal(shade.shape, dtype=np.float32)
    grain = gaussian_filter(grain, scanner.grain * max(1.0, size / 256), truncate=2.5)
    coarse = _blurred(np.minimum(healthy, 3.5), size)
    seen: Map = gaussian_filter(shade, scanner.blur * size, truncate=3.0)
    if scanner.sharpen > 0.0:
        seen += scanner.sharpen * (seen - gaussian_filter(seen, 0.008 * size, truncate=2.5))
    # Scatter adds light everywhere: dense parts lose contrast most.
    direct = np.exp(-np.clip(seen, -1.0, 6.0))
    direct += scanner.veil * np.exp(-coarse)
    noise = grain * (2.0 * scanner.noise / np.sqrt(direct + 0.01))
    seen = noise - np.log(direct)
    seen -= scanner.latitude * (coarse - 1.0)
    if lateral:
        centre += 0.25
    grey = 1.0 / (1.0 + np.exp((centre - seen) * np.float32(1.0 / width)))
    floor = 1.0 / (1.0 + math.exp(centre / width))
    grey = np.clip((grey - floor) * np.float32(1.0 / (1.0 - floor)), 0.0, 1.0)
    if scanner.gamma != 1.0:
        grey = grey ** np.float32(scanner.gamma)
    stamp(grey, scanner, rng, lateral=lateral)
    black, white = scanner.levels
    film: NDArray[np.uint16] = np.round(black + (white - black) * grey).astype(np.uint16)
    return film


def _blurred(coarse: Map, size: int) -> Map:
    """A coarse map with all detail taken out, at the size of the film."""
    soft = gaussian_filter(coarse, _REACH * coarse.shape[0])
    return np.asarray(PIL.Image.fromarray(soft).resize((size, size), PIL.Image.Resampling.BICUBIC))
