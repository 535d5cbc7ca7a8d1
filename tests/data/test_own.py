"""A picture's studies are found by its pixels and by copies of it, and by nothing else."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.data.fingerprint import difference_hash, pixel_digest
from caselight.data.own import Prints, studies_with
from caselight.types import Pixels
from tests.homes import picture

FILMS = [picture(seed) for seed in range(4)]
PRINTS = Prints.of(
    (study, pixel_digest(FILMS[film]), difference_hash(FILMS[film]))
    for study, film in ((1, 0), (2, 1), (3, 2), (3, 3), (4, 1))
)
READ = {pixel_digest(film): film for film in FILMS}


def having(pixels: Pixels, *, near_bits: int = 12, near_correlation: float = 0.97) -> set[int]:
    return studies_with(
        pixels,
        PRINTS,
        read=READ.__getitem__,
        near_bits=near_bits,
        near_correlation=near_correlation,
    )


@pytest.mark.parametrize(("film", "studies"), [(0, {1}), (1, {2, 4}), (2, {3}), (3, {3})])
def test_the_studies_of_the_very_pixels_are_found(film: int, studies: set[int]) -> None:
    assert having(FILMS[film]) == studies


def test_another_file_of_the_picture_is_found_when_its_detail_agrees() -> None:
    darker = (FILMS[1] // 2).astype(np.uint8)
    assert having(darker) == {2, 4}
    assert having(darker, near_correlation=1.0) == set()


def test_another_picture_is_nobodys() -> None:
    assert having(picture(99)) == set()
    none = Prints.of([])
    assert studies_with(FILMS[0], none, read=READ.__getitem__, near_bits=12,
                        near_correlation=0.97) == set()  # fmt: skip


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_prints_hold_what_they_were_made_of(digest: bytes, dhash: bytes) -> None:
    """Digests that begin or end with zeros, too."""
    prints = Prints.of([(7, digest.hex(), dhash.hex()), (8, "00" * 32, "00" * 32)])
    assert prints.digest[0].tobytes() == digest
    assert prints.dhash[0].tobytes() == dhash
    assert prints.study.tolist() == [7, 8]
