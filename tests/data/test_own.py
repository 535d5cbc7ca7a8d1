"""A picture's patients are found by its pixels and by copies of it, and by nothing else."""

import numpy as np
import pytest

from caselight.data.fingerprint import difference_hash, pixel_digest
from caselight.data.own import patients_with
from caselight.types import Image, Pixels, Study
from tests.homes import picture


def study(uid: str, patient: str, *pixels: Pixels) -> Study:
    return Study(
        study_uid=uid,
        patient_key=patient,
        images=tuple(
            Image(
                image_uid=f"{uid}-{n}",
                digest=pixel_digest(one),
                dhash=difference_hash(one),
                caption=None,
                view=None,
                modality=None,
            )
            for n, one in enumerate(pixels)
        ),
        sections={},
        labels=(),
        date=None,
        age=None,
        sex=None,
        site=None,
        split="train",
        own_split=False,
    )


FILMS = [picture(seed) for seed in range(4)]
STUDIES = {
    1: study("a", "one", FILMS[0]),
    2: study("b", "one", FILMS[1]),
    3: study("c", "two", FILMS[2], FILMS[3]),
    4: study("d", "three"),
}
READ = {pixel_digest(film): film for film in FILMS}


def owners(pixels: Pixels, *, near_correlation: float = 0.97) -> set[str]:
    return patients_with(
        pixels,
        STUDIES,
        read=READ.__getitem__,
        near_bits=12,
        near_correlation=near_correlation,
    )


@pytest.mark.parametrize(("film", "patient"), [(0, "one"), (1, "one"), (2, "two"), (3, "two")])
def test_the_patient_of_the_very_pixels_is_found(film: int, patient: str) -> None:
    assert owners(FILMS[film]) == {patient}


def test_another_file_of_the_picture_is_found_when_its_detail_agrees() -> None:
    darker = (FILMS[2] // 2).astype(np.uint8)
    assert owners(darker) == {"two"}
    assert owners(darker, near_correlation=1.0) == set()


def test_another_picture_is_nobodys() -> None:
    assert owners(picture(99)) == set()
    assert patients_with(FILMS[0], {}, read=READ.__getitem__, near_bits=12,
                         near_correlation=0.97) == set()  # fmt: skip
