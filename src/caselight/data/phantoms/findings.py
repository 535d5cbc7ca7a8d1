"""What can be wrong with a phantom chest: the nouns that pictures, words and truth share."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from caselight.data.phantoms.anatomy import Side

Zone = Literal["upper", "middle", "lower"]
Change = Literal["new", "increased", "decreased", "unchanged"]

NAMES = (
    "atelectasis",
    "cardiomegaly",
    "consolidation",
    "device",
    "edema",
    "effusion",
    "fracture",
    "nodule",
    "pneumothorax",
)
"""Every finding, in the order of every list of labels."""

DEVICES = (
    "pacemaker",
    "central_line",
    "endotracheal_tube",
    "chest_drain",
    "nasogastric_tube",
    "sternal_wires",
)
"""Every kind of device, in the order of every list of findings."""

SIDED_DEVICES = ("central_line", "chest_drain", "pacemaker")
"""The kinds that come in from one side; the others lie in the midline."""

ONE_SIDED = ("atelectasis", "consolidation", "effusion", "fracture", "nodule", "pneumothorax")
"""Findings of one side; an effusion may be bilateral instead, and a device is as its kind is."""

IN_A_ZONE = ("atelectasis", "consolidation", "fracture", "nodule")
"""Findings with a lobe; the zone of a fracture is the level of its rib."""

MAX_FINDINGS = 6
"""A study has at most this many, each device counted."""

_WORDS: dict[str, tuple[str, str, str]] = {
    "effusion": ("small", "moderate", "large"),
    "fracture": ("healed", "nondisplaced", "displaced"),
    "nodule": ("small", "moderate", "large"),
    "pneumothorax": ("small", "moderate", "large"),
}
"""Findings that are graded by other words than mild, moderate and severe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with one chest at one time."""

    name: str
    """One of `NAMES`; only "device" may come twice in a study, and then with another kind."""
    side: Side | Literal["bilateral"] | None
    """The patient's own side; None for the heart and for devices of the midline."""
    zone: Zone | None
    """The lobe, or the level of a broken rib; the left lung has no middle lobe. None for the
    rest."""
    kind: str | None
    """One of `DEVICES`, for a device; None for all else."""
    size: float
    """0..1, from barely seen to as large as it gets; a fracture's grows with its step."""
    texture: int
    """Seed of its shape, kept while it lasts."""
    change: Change | None
    """Against the study before; None where there is none."""

    @property
    def severity(self) -> str | None:
        """The third of `size`: "mild", "moderate", "severe", or as `_WORDS`; None for a device."""
        if self.name == "device":
            return None
        words = _WORDS.get(self.name, ("mild", "moderate", "severe"))
        return words[min(2, int(3 * self.size))]

    @property
    def size_mm(self) -> int | None:
        """Diameter of a nodule in millimetres; None for all else."""
        return round(10 + 20 * self.size) if self.name == "nodule" else None

    @property
    def key(self) -> tuple[str, str | None]:
        """Name and kind: what a study has at most once."""
        return (self.name, self.kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What one study of a patient has to show."""

    findings: tuple[Finding, ...]
    """In the order of `NAMES`, devices in that of `DEVICES`; each `key` at most once."""
    resolved: tuple[Finding, ...]
    """What the study before had and this one has not: healed, or taken out."""


def place_in_order(finding: Finding) -> tuple[int, int]:
    """Where a finding stands in every list."""
    kind = -1 if finding.kind is None else DEVICES.index(finding.kind)
    return (NAMES.index(finding.name), kind)


def draw_finding(
    rng: np.random.Generator,
    name: str,
    *,
    side: Side | Literal["bilateral"],
    change: Change | None,
    kind: str | None = None,
) -> Finding:
    """Invent one finding.

    Args:
        rng: for its zone, size and shape.
        name: one of `NAMES`.
        side: where; left aside by what has no side, and "bilateral" is for effusions alone.
        change: against the study before.
        kind: one of `DEVICES`, for a device alone.
    """
    zone: Zone | None = None
    if name in IN_A_ZONE:
        zones: tuple[Zone, ...] = ("upper", "middle", "lower")
        if side == "left" and name != "fracture":
            zones = ("upper", "lower")
        zone = zones[int(rng.integers(len(zones)))]
        if name == "atelectasis" and zone == "upper":
            zone = "lower"
    sided = name in ONE_SIDED or kind in SIDED_DEVICES
    return Finding(
        name=name,
        side=side if sided else "bilateral" if name == "edema" else None,
        zone=zone,
        kind=kind,
        size=round(float(rng.uniform(0.08, 1.0)), 3),
        texture=int(rng.integers(2**31)),
        change=change,
    )
