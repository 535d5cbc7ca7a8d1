"""Invent the patients of an archive: who they are, where they are filmed, what they have.

The sites differ as real ones do: in whom they see, in their scanners and in who reports there.
`SUBGROUPS` is the whole of it. What a patient has is drawn from age and sex as measured against
the patients of the same site (`course.Person`), so that neither a site nor a scanner tells a
finding: whoever learns to look at the scanner learns nothing about the chest.

Age and sex do tell a little. Over the first studies of 25,000 patients, the older half of a site
has cardiomegaly and edema 1.4 times as often as the younger half and pneumothorax 0.7 times;
women have pneumothorax 0.7 times and fractures 0.8 times as often as men. No finding's share
differed between sites by more than chance.
"""

import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from caselight.data.phantoms.anatomy import Anatomy, draw_anatomy
from caselight.data.phantoms.course import Person, draw_course
from caselight.data.phantoms.findings import State
from caselight.data.phantoms.reports import Dictation, dictate


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroup:
    """Whom one site sees, and with what."""

    share: float
    """Of all patients."""
    women: float
    """Share of women among its patients, 0..1."""
    age: float
    """Mean age of its patients at their first study, years."""
    scanners: Mapping[str, float]
    """Scanner to its share of the site's studies."""
    authors: Mapping[str, float]
    """Author of reports to the share of the site's studies."""


SUBGROUPS: dict[str, Subgroup] = {
    "site-a": Subgroup(
        share=0.45,
        women=0.48,
        age=57.0,
        scanners={"site-a/1": 0.6, "site-a/2": 0.4},
        authors={"headed-1": 0.35, "narrative-1": 0.30, "telegraphic-2": 0.20, "templated-1": 0.15},
    ),
    "site-b": Subgroup(
        share=0.33,
        women=0.62,
        age=65.0,
        scanners={"site-b/1": 0.7, "site-b/2": 0.3},
        authors={"headed-1": 0.15, "headed-2": 0.30, "narrative-2": 0.25, "templated-1": 0.30},
    ),
    "site-c": Subgroup(
        share=0.22,
        women=0.36,
        age=49.0,
        scanners={"site-c/1": 1.0},
        authors={"headed-2": 0.15, "telegraphic-1": 0.40, "narrative-1": 0.15, "templated-2": 0.30},
    ),
}
"""Site to its known differences."""

_AGE_SPREAD = 15.0
"""Deviation of the age of a site's patients, years."""

_AGES = (18, 92)
"""Nobody is younger or older at the first study."""

_LATERAL = 0.2
"""Chance that a study has a second image, from the side."""

_STUDIES_OF_A_PATIENT = (0.45, 0.25, 0.18, 0.12)
"""Chance of one to four studies."""

_FIRST_DAY = datetime.date(2015, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One phantom study before its pictures are drawn."""

    patient: int
    """From 0."""
    number: int
    """Place among the studies of its patient, from 0."""
    accession: str
    """What report and pictures are filed under, as "A000123-2": patient and study, from 1."""
    sex: Literal["F", "M"]
    age: int
    """Whole years on the day of the study."""
    site: str
    """A key of `SUBGROUPS`."""
    scanner: str
    """One of the site's."""
    author: str
    """Who reports, a key of `authors.AUTHORS`."""
    date: datetime.date
    anatomy: Anatomy
    state: State
    dictation: Dictation
    views: tuple[Literal["PA", "LATERAL"], ...]

    @property
    def patient_name(self) -> str:
        """A name that is nobody's, as DICOM spells names."""
        return f"Phantom^{self.patient + 1:06d}"


def draw_cases(seed: int) -> Iterator[Case]:
    """Phantom studies without end, patient by patient, each patient's oldest first."""
    patient = 0
    while True:
        yield from draw_patient(seed, patient)
        patient += 1


def draw_patient(seed: int, patient: int) -> list[Case]:
    """Invent one patient: a body that stays, one to four studies months apart at one site."""
    rng = np.random.default_rng([seed, patient])
    site = _choose(rng, {name: group.share for name, group in SUBGROUPS.items()})
    group = SUBGROUPS[site]
    sex: Literal["F", "M"] = "F" if rng.uniform() < group.women else "M"
    deviations = float(np.clip(rng.normal(), -2.0, 2.0))
    age = int(np.clip(group.age + _AGE_SPREAD * deviations, *_AGES))
    person = Person(age=deviations, woman=float(sex == "F") - group.women)
    anatomy = draw_anatomy(rng, sex=sex, age=age)
    date = _FIRST_DAY + datetime.timedelta(days=int(rng.integers(0, 7 * 365)))
    birthday = date - datetime.timedelta(days=age * 365.25 + float(rng.uniform(0.0, 364.0)))
    n_studies = 1 + int(rng.choice(len(_STUDIES_OF_A_PATIENT), p=_STUDIES_OF_A_PATIENT))
    cases: list[Case] = []
    prior: datetime.date | None = None
    for number, state in enumerate(draw_course(rng, person, n_studies=n_studies)):
        if number > 0:
            date += datetime.timedelta(days=int(rng.integers(60, 420)))
        views: tuple[Literal["PA", "LATERAL"], ...] = ("PA",)
        if rng.uniform() < _LATERAL:
            views = ("PA", "LATERAL")
        scanner, author = _choose(rng, group.scanners), _choose(rng, group.authors)
        words = np.random.default_rng([seed, patient, number, 0])
        cases.append(
            Case(
                patient=patient,
                number=number,
                accession=f"A{patient + 1:06d}-{number + 1}",
                sex=sex,
                age=int((date - birthday).days / 365.25),
                site=site,
                scanner=scanner,
                author=author,
                date=date,
                anatomy=anatomy,
                state=state,
                dictation=dictate(state, author=author, n_views=len(views), prior=prior, rng=words),
                views=views,
            )
        )
        prior = date
    return cases


def _choose(rng: np.random.Generator, shares: Mapping[str, float]) -> str:
    """One of the names, by their shares."""
    return tuple(shares)[int(rng.choice(len(shares), p=tuple(shares.values())))]
