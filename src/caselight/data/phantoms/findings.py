"""What can be wrong with a phantom chest, and how it comes, grows, heals and stays."""

from dataclasses import dataclass, replace
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
    "nodule",
    "pneumothorax",
)
"""Every finding, in the order of every list of labels."""

ONE_SIDED = ("atelectasis", "consolidation", "device", "effusion", "nodule", "pneumothorax")
IN_A_ZONE = ("atelectasis", "consolidation", "nodule")

MAX_FINDINGS = 3
"""A study has at most this many."""

_NORMAL = 0.36
"""Chance that a patient starts without a finding; about 35 % of all studies then have none."""

_VOLUMES = ("effusion", "nodule", "pneumothorax")
"""Findings that are small or large rather than mild or severe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong with one chest at one time."""

    name: str
    """One of `NAMES`."""
    side: Side | Literal["bilateral"] | None
    """The patient's own side; None for the heart."""
    zone: Zone | None
    """The lobe; the left lung has no middle one. None for what fills no lobe."""
    size: float
    """0..1, from barely seen to as large as it gets."""
    texture: int
    """Seed of its shape, kept while it lasts."""
    change: Change | None
    """Against the study before; None where there is none."""

    @property
    def severity(self) -> str:
        """One of "mild", "moderate" and "severe"; for volumes "small", "moderate", "large"."""
        words = ("small", "moderate", "large") if self.name in _VOLUMES else _DEGREES
        return words[min(2, int(3 * self.size))]

    @property
    def size_mm(self) -> int | None:
        """Diameter of a nodule in millimetres; None for all else."""
        return round(10 + 20 * self.size) if self.name == "nodule" else None


_DEGREES = ("mild", "moderate", "severe")


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What one study of a patient has to show."""

    findings: tuple[Finding, ...]
    """In the order of `NAMES`, each name at most once."""
    resolved: tuple[Finding, ...]
    """What the study before had and this one has not."""


# A story is what brings a patient in: its share, what it always shows, and what it may show too
# with the chance of that. What may come too takes the side of what is always there.
_STORIES: tuple[tuple[float, str, tuple[tuple[str, float], ...]], ...] = (
    (0.17, "edema", (("cardiomegaly", 0.85), ("effusion", 0.60), ("device", 0.20))),
    (0.20, "consolidation", (("effusion", 0.30), ("atelectasis", 0.15))),
    (0.14, "nodule", (("effusion", 0.12), ("atelectasis", 0.12))),
    (0.13, "pneumothorax", (("atelectasis", 0.25),)),
    (0.11, "effusion", (("atelectasis", 0.40), ("cardiomegaly", 0.15))),
    (0.09, "cardiomegaly", (("device", 0.30), ("effusion", 0.20))),
    (0.08, "atelectasis", ()),
    (0.08, "device", (("cardiomegaly", 0.35), ("edema", 0.15))),
)

# Between two studies: chance to heal, and the range of the change of size if it does not.
_COURSE: dict[str, tuple[float, float, float]] = {
    "atelectasis": (0.45, -0.30, 0.20),
    "cardiomegaly": (0.0, -0.05, 0.25),
    "consolidation": (0.55, -0.45, 0.30),
    "device": (0.0, 0.0, 0.0),
    "edema": (0.40, -0.45, 0.40),
    "effusion": (0.30, -0.45, 0.45),
    "nodule": (0.08, 0.0, 0.35),
    "pneumothorax": (0.70, -0.50, 0.20),
}

_STEADY = 0.3
"""Chance that what does not heal stays as it was."""

_SEEN_CHANGE = 0.1
"""A smaller difference of size is no change."""


def draw_course(rng: np.random.Generator, *, n_studies: int) -> list[State]:
    """What a patient's studies show, one after the other.

    Args:
        rng: drawn from in the order of the studies, so fewer studies are a prefix of more.
        n_studies: 1 or more.

    Returns:
        One state a study, oldest first.
    """
    found: dict[str, Finding] = {}
    if rng.uniform() >= _NORMAL:
        found = _draw_story(rng, found, change=None)
    course = [_state(found, {})]
    while len(course) < n_studies:
        before, found = found, {}
        for name, finding in before.items():
            later = _later(rng, finding)
            if later is not None:
                found[name] = later
        if rng.uniform() < (0.12 if found else 0.28):
            # What has just healed does not come back at once, or it would be new and gone.
            begun = _draw_story(rng, found, change="new")
            found |= {name: new for name, new in begun.items() if name not in before}
        course.append(_state(found, before))
    return course


def _state(found: dict[str, Finding], before: dict[str, Finding]) -> State:
    return State(
        findings=tuple(found[name] for name in NAMES if name in found),
        resolved=tuple(before[name] for name in NAMES if name in before and name not in found),
    )


def _draw_story(
    rng: np.random.Generator, found: dict[str, Finding], *, change: Change | None
) -> dict[str, Finding]:
    """Add one story to what is there, as far as `MAX_FINDINGS` leaves room."""
    shares = np.array([share for share, _, _ in _STORIES])
    _, main, others = _STORIES[int(rng.choice(len(_STORIES), p=shares / shares.sum()))]
    side: Side = "left" if rng.uniform() < 0.5 else "right"
    names = [main, *(name for name, chance in others if rng.uniform() < chance)]
    story = dict(found)
    for name in names:
        # Air over fluid has a flat top that the phantoms do not draw.
        clash = {name, *found} >= {"effusion", "pneumothorax"}
        if name not in story and len(story) < MAX_FINDINGS and not clash:
            story[name] = draw_finding(rng, name, side=side, change=change)
    return story


def draw_finding(
    rng: np.random.Generator, name: str, *, side: Side, change: Change | None
) -> Finding:
    """Invent one finding; `side` is left aside by what has none."""
    zone: Zone | None = None
    if name in IN_A_ZONE:
        zones: tuple[Zone, ...] = ("upper", "middle", "lower")
        if side == "left":
            zones = ("upper", "lower")
        zone = zones[int(rng.integers(len(zones)))]
        if name == "atelectasis" and zone == "upper":
            zone = "lower"
    lean: Side = side
    if name == "device":
        lean = "left" if rng.uniform() < 0.75 else "right"
    return Finding(
        name=name,
        side=lean if name in ONE_SIDED else "bilateral" if name == "edema" else None,
        zone=zone,
        size=round(float(rng.uniform(0.08, 1.0)), 3),
        texture=int(rng.integers(2**31)),
        change=change,
    )


def _later(rng: np.random.Generator, finding: Finding) -> Finding | None:
    """The same finding some months on; None when it has healed."""
    heals, shrinks, grows = _COURSE[finding.name]
    if rng.uniform() < heals:
        return None
    size = finding.size
    if rng.uniform() >= _STEADY:
        size = round(float(np.clip(size + rng.uniform(shrinks, grows), 0.08, 1.0)), 3)
    difference = size - finding.size
    change: Change = "unchanged"
    if abs(difference) >= _SEEN_CHANGE:
        change = "increased" if difference > 0 else "decreased"
    else:
        # A drift too small to be seen is no drift: the report and the size must agree.
        size = finding.size
    return replace(finding, size=size, change=change)
