"""How findings come, grow, heal and stay over the studies of one phantom patient.

What goes together in life goes together here: edema with a large heart, fluid on both sides and
the tubes of intensive care; a drain with the air or fluid of its side, and now and then alone;
wires in the breastbone with a large heart; a broken rib with air or fluid beside it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from caselight.data.phantoms.anatomy import Side
from caselight.data.phantoms.findings import (
    DEVICES,
    MAX_FINDINGS,
    Change,
    Finding,
    State,
    draw_finding,
    place_in_order,
)

Key = tuple[str, str | None]
"""Name and kind of a finding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """What of a patient shifts the chance of a story, and only modestly.

    Both are measured against the patients of the same site, so that a site that sees older
    patients, or more women, does not see more of any finding.
    """

    age: float
    """Deviations from the mean age of the site's patients, about -2..2."""
    woman: float
    """1 for a woman and 0 for a man, less the share of women at the site."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What brings a patient in."""

    share: float
    """Of all stories, for a patient of middling age."""
    main: str
    """What it always shows; a device by its kind."""
    others: tuple[tuple[str, float], ...]
    """What it may show too, with the chance of that; on the side of `main`."""
    older: float = 0.0
    """Logarithm of the odds that one deviation of age adds."""
    woman: float = 0.0
    """Logarithm of the odds that being a woman adds."""


STORIES: tuple[Story, ...] = (
    Story(
        share=0.17,
        main="edema",
        others=(
            ("cardiomegaly", 0.75),
            ("effusion", 0.60),
            ("pacemaker", 0.15),
            ("endotracheal_tube", 0.20),
            ("central_line", 0.15),
            ("sternal_wires", 0.12),
        ),
        older=0.25,
    ),
    Story(
        share=0.18,
        main="consolidation",
        others=(
            ("effusion", 0.30),
            ("atelectasis", 0.15),
            ("endotracheal_tube", 0.15),
            ("central_line", 0.10),
        ),
    ),
    Story(
        share=0.12,
        main="nodule",
        others=(("effusion", 0.12), ("atelectasis", 0.12), ("central_line", 0.12)),
        older=0.15,
    ),
    Story(
        share=0.12,
        main="pneumothorax",
        others=(("chest_drain", 0.35), ("fracture", 0.22), ("atelectasis", 0.20)),
        older=-0.30,
        woman=-0.30,
    ),
    Story(
        share=0.10,
        main="effusion",
        others=(("atelectasis", 0.35), ("chest_drain", 0.22), ("cardiomegaly", 0.15)),
    ),
    Story(
        share=0.08,
        main="cardiomegaly",
        others=(("sternal_wires", 0.30), ("pacemaker", 0.25), ("effusion", 0.20)),
        older=0.30,
        woman=0.15,
    ),
    Story(
        share=0.07,
        main="atelectasis",
        others=(("sternal_wires", 0.12), ("endotracheal_tube", 0.12), ("nasogastric_tube", 0.10)),
    ),
    Story(
        share=0.07,
        main="fracture",
        others=(("pneumothorax", 0.15), ("effusion", 0.15), ("chest_drain", 0.04)),
        older=0.10,
        woman=-0.20,
    ),
    Story(share=0.03, main="pacemaker", others=(("cardiomegaly", 0.35),), older=0.30),
    Story(share=0.02, main="central_line", others=()),
    Story(share=0.02, main="chest_drain", others=()),
    Story(share=0.02, main="nasogastric_tube", others=(("central_line", 0.25),)),
    Story(share=0.02, main="sternal_wires", others=(("atelectasis", 0.20),), older=0.20),
    Story(share=0.015, main="endotracheal_tube", others=(("central_line", 0.30),)),
)

_NORMAL = 0.36
"""Chance that a patient of middling age starts without a finding; about a third of all studies
then have none."""

_NORMAL_OLDER = -0.04
"""What one deviation of age adds to it."""

_BILATERAL = {"edema": 0.65, "cardiomegaly": 0.5}
"""Main finding to the chance that its effusion lies on both sides."""

_FED = 0.65
"""Chance that who is ventilated is also fed by a tube."""

_OLD_FRACTURE = 0.35
"""Share of fractures that were healed before the first film."""

_HEALED = 0.2
"""A fracture does not get smaller than this by much: what has healed stays seen."""

# Between two studies: chance to be gone, and the range of the change of size if it is not.
_COURSE: dict[str, tuple[float, float, float]] = {
    "atelectasis": (0.45, -0.30, 0.20),
    "cardiomegaly": (0.0, -0.05, 0.25),
    "consolidation": (0.55, -0.45, 0.30),
    "edema": (0.40, -0.45, 0.40),
    "effusion": (0.30, -0.45, 0.45),
    "fracture": (0.0, -0.40, -0.15),
    "nodule": (0.08, 0.0, 0.35),
    "pneumothorax": (0.70, -0.50, 0.20),
    "pacemaker": (0.0, 0.0, 0.0),
    "central_line": (0.60, 0.0, 0.0),
    "endotracheal_tube": (0.85, 0.0, 0.0),
    "chest_drain": (0.70, 0.0, 0.0),
    "nasogastric_tube": (0.75, 0.0, 0.0),
    "sternal_wires": (0.0, 0.0, 0.0),
}

_STEADY = 0.3
"""Chance that what does not heal stays as it was."""

_SEEN_CHANGE = 0.1
"""A smaller difference of size is no change."""


def draw_course(rng: np.random.Generator, person: Person, *, n_studies: int) -> list[State]:
    """What a patient's studies show, one after the other.

    Args:
        rng: drawn from in the order of the studies, so fewer studies are a prefix of more.
        person: shifts the chance of each story.
        n_studies: 1 or more.

    Returns:
        One state a study, oldest first.
    """
    found: dict[Key, Finding] = {}
    if rng.uniform() >= float(np.clip(_NORMAL + _NORMAL_OLDER * person.age, 0.2, 0.5)):
        found = _draw_story(rng, person, found, change=None)
    course = [_state(found, {})]
    while len(course) < n_studies:
        before, found = found, {}
        for key, finding in before.items():
            later = _later(rng, finding)
            if later is not None:
                found[key] = later
        if rng.uniform() < (0.12 if found else 0.28):
            # What has just healed does not come back at once, or it would be new and gone.
            begun = _draw_story(rng, person, found, change="new")
            found |= {key: new for key, new in begun.items() if key not in before}
        course.append(_state(found, before))
    return course


def _state(found: Mapping[Key, Finding], before: Mapping[Key, Finding]) -> State:
    gone = [finding for key, finding in before.items() if key not in found]
    return State(
        findings=tuple(sorted(found.values(), key=place_in_order)),
        resolved=tuple(sorted(gone, key=place_in_order)),
    )


def _draw_story(
    rng: np.random.Generator, person: Person, found: Mapping[Key, Finding], *, change: Change | None
) -> dict[Key, Finding]:
    """Add one story to what is there, as far as `MAX_FINDINGS` leaves room."""
    shares = np.array(
        [s.share * np.exp(s.older * person.age + s.woman * person.woman) for s in STORIES]
    )
    told = STORIES[int(rng.choice(len(STORIES), p=shares / shares.sum()))]
    side: Side = "left" if rng.uniform() < 0.5 else "right"
    wanted = [told.main, *(name for name, chance in told.others if rng.uniform() < chance)]
    if "endotracheal_tube" in wanted and rng.uniform() < _FED:
        wanted.append("nasogastric_tube")
    whole = dict(found)
    for name in wanted:
        key: Key = ("device", name) if name in DEVICES else (name, None)
        # Air over fluid has a flat top that the phantoms do not draw.
        clash = {name, *(other for other, _ in whole)} >= {"effusion", "pneumothorax"}
        if key in whole or len(whole) >= MAX_FINDINGS or clash:
            continue
        where = _where(rng, name, side, told.main, whole)
        finding = draw_finding(rng, key[0], side=where, change=change, kind=key[1])
        if name == "fracture":
            finding = _aged(rng, finding)
        whole[key] = finding
    return whole


def _where(
    rng: np.random.Generator, name: str, side: Side, main: str, found: Mapping[Key, Finding]
) -> Side | Literal["bilateral"]:
    """The side of one finding of a story; a drain lies where there is air or fluid."""
    if name == "effusion" and rng.uniform() < _BILATERAL.get(main, 0.08):
        return "bilateral"
    if name == "pacemaker":
        return "left" if rng.uniform() < 0.80 else "right"
    if name == "central_line":
        return "right" if rng.uniform() < 0.70 else "left"
    if name == "chest_drain":
        for other in found.values():
            if other.name in {"effusion", "pneumothorax"} and other.side in {"left", "right"}:
                return "left" if other.side == "left" else "right"
    return side


def _aged(rng: np.random.Generator, fracture: Finding) -> Finding:
    """A third of fractures are old, unless they are new since the last film."""
    if fracture.change != "new" and rng.uniform() < _OLD_FRACTURE:
        return replace(fracture, size=round(float(rng.uniform(0.08, _HEALED)), 3))
    return replace(fracture, size=round(float(rng.uniform(0.34, 1.0)), 3))


def _later(rng: np.random.Generator, finding: Finding) -> Finding | None:
    """The same finding some months on; None when it has healed or was taken out."""
    gone, shrinks, grows = _COURSE[finding.kind or finding.name]
    if rng.uniform() < gone:
        return None
    size = finding.size
    if finding.name == "fracture" and size <= _HEALED:
        return replace(finding, change="unchanged")
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
