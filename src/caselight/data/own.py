"""Whose picture it is: the studies of an archive that have a picture, or a copy of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from caselight.data.fingerprint import (
    dhash_words,
    difference_hash,
    pixel_digest,
    word_distance,
)
from caselight.types import Pixels


@dataclass(frozen=True, slots=True, kw_only=True)
class Prints:
    """The fingerprints of M stored pictures."""

    study: NDArray[np.int64]
    """i64[M]: row of the study that has it."""
    digest: NDArray[np.void]
    """V32[M]: the digest of its pixels, as bytes."""
    dhash: NDArray[np.uint64]
    """u64[M, 4]: its difference hash."""

    @classmethod
    def of(cls, pictures: Iterable[tuple[int, str, str]]) -> Self:
        """Of (row of the study, digest, difference hash) of each."""
        found = list(pictures)
        digests = bytes.fromhex("".join(digest for _, digest, _ in found))
        return cls(
            study=np.array([study for study, _, _ in found], dtype=np.int64),
            digest=np.frombuffer(digests, dtype="V32"),
            dhash=dhash_words([dhash for _, _, dhash in found]),
        )


def studies_with(
    pixels: Pixels,
    prints: Prints,
    *,
    read: Callable[[str], Pixels],
    near_bits: int,
    near_correlation: float,
) -> set[int]:
    """The rows of all studies that have a picture, or another file of the same picture.

    Args:
        pixels: the picture.
        prints: of the stored pictures.
        read: pixels of a stored digest.
        near_bits: difference hashes that differ in no more bits may be of copies ...
        near_correlation: ... and are, when the fine detail correlates at least so much.
    """
    from caselight.data.near import detail_correlation  # slow to load, and often not needed

    own = bytes.fromhex(pixel_digest(pixels))
    distance = word_distance(dhash_words([difference_hash(pixels)]), prints.dhash)[0]
    same = prints.digest == np.void(own)
    for digest in np.unique(prints.digest[~same & (distance <= near_bits)]):
        if detail_correlation(pixels, read(digest.tobytes().hex())) >= near_correlation:
            same |= prints.digest == digest
    return set(prints.study[same].tolist())
