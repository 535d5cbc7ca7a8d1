"""From attenuation to film: the beam, the detector and the reading room's grey scale."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from caselight.data.phantoms.anatomy import Anatomy, frontal_chest
from caselight.data.phantoms.findings import Finding
from caselight.data.phantoms.lateral import lateral_shadow
from caselight.data.phantoms.shadows import enlarge_heart, frontal_shadow
from caselight.data.phantoms.shapes import Map, draw_pose, make_field


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """How one site's machine turns a beam into grey."""

    blur: float
    """Standard deviation, as a fraction of the field."""
    centre: float
    """Attenuation shown as middle grey."""
    width: float
    """Attenuation from middle grey to about three quarters; smaller is more contrast."""
    noise: float
    """Deviation of the log signal behind a lung."""


SITES = {
    "site-a": Detector(blur=0.0018, centre=1.62, width=0.50, noise=0.014),
    "site-b": Detector(blur=0.0026, centre=1.72, width=0.58, noise=0.010),
    "site-c": Detector(blur=0.0034, centre=1.55, width=0.46, noise=0.018),
}
"""Site to its machine."""


def render_pa(
    anatomy: Anatomy,
    findings: Sequence[Finding],
    *,
    detector: Detector,
    rng: np.random.Generator,
    size: int,
) -> NDArray[np.uint8]:
    """Draw a frontal film; the patient's left is on the right of the image.

    What `rng` gives (pose, exposure, noise) does not depend on `findings`: with the same
    generator, films with and without a finding differ by its shadow alone.

    Args:
        anatomy: the body.
        findings: what is wrong with it.
        detector: the machine.
        rng: for pose, exposure and noise.
        size: pixels along each side.

    Returns:
        u8[size, size], bright is dense.
    """
    field = make_field(draw_pose(rng), size)
    chest = frontal_chest(enlarge_heart(anatomy, findings), field)
    return _expose(frontal_shadow(chest, findings), detector, rng)


def render_lateral(
    anatomy: Anatomy,
    findings: Sequence[Finding],
    *,
    detector: Detector,
    rng: np.random.Generator,
    size: int,
) -> NDArray[np.uint8]:
    """Draw a film from the side, the breastbone on the left of the image.

    Args:
        anatomy: the body.
        findings: what is wrong with it; both sides lie over each other.
        detector: the machine.
        rng: for pose, exposure and noise.
        size: pixels along each side.

    Returns:
        u8[size, size], bright is dense.
    """
    field = make_field(draw_pose(rng), size)
    shade = lateral_shadow(enlarge_heart(anatomy, findings), findings, field)
    return _expose(shade, detector, rng)


def _expose(shade: Map, detector: Detector, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blur, noise that grows where few photons arrive, and an S-shaped film curve."""
    size = shade.shape[0]
    centre = detector.centre + float(np.clip(rng.normal(0.0, 0.09), -0.2, 0.2))
    width = detector.width * float(np.clip(rng.normal(1.0, 0.06), 0.85, 1.15))
    grain = gaussian_filter(rng.standard_normal(shade.shape, dtype=np.float32), 0.55)
    seen: Map = gaussian_filter(shade, detector.blur * size, truncate=3.0)
    # Photon counts fall by exp(-shade), so the log signal's deviation rises by exp(shade / 2).
    seen = seen + 2.0 * detector.noise * grain * np.exp(0.5 * np.clip(seen, 0.0, 4.0) - 0.4)
    floor = 1.0 / (1.0 + np.exp(centre / width))
    grey = 1.0 / (1.0 + np.exp((centre - seen) / width))
    grey = np.clip((grey - floor) / (1.0 - floor), 0.0, 1.0)
    film: NDArray[np.uint8] = np.round(250.0 * grey).astype(np.uint8)
    return film
