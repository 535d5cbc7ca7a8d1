"""Whose picture it is: the patients of an archive who have a picture, or a copy of it."""

from collections.abc import Callable, Mapping

from caselight.data.fingerprint import dhash_distance, difference_hash, pixel_digest
from caselight.data.near import detail_correlation
from caselight.types import Pixels, Study


def patients_with(
    pixels: Pixels,
    studies: Mapping[int, Study],
    *,
    read: Callable[[str], Pixels],
    near_bits: int,
    near_correlation: float,
) -> set[str]:
    """The keys of all patients who have a picture, or another file of the same picture.

    Args:
        pixels: the picture.
        studies: row to study.
        read: pixels of a stored digest.
        near_bits: difference hashes that differ in no more bits may be of copies ...
        near_correlation: ... and are, when the fine detail correlates at least so much.
    """
    digest, dhash = pixel_digest(pixels), difference_hash(pixels)
    images = [(row, image) for row, study in studies.items() for image in study.images]
    distances = dhash_distance([dhash], [image.dhash for _, image in images])[0] if images else []
    found = set()
    for (row, image), distance in zip(images, distances, strict=True):
        same = image.digest == digest
        if not same and distance <= near_bits:
            same = detail_correlation(pixels, read(image.digest)) >= near_correlation
        if same:
            found.add(studies[row].patient_key)
    return found
