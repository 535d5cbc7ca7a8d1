"""What sits in two splits at once: patients, pixels, near-duplicates and texts."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np

from caselight.data.fingerprint import dhash_words, word_distance
from caselight.data.texts import normalise_text
from caselight.types import Study

LeakKind = Literal["patient", "pixels", "near_duplicate", "text"]

_N_EXAMPLES = 5
_BLOCK = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """One kind of overlap between two splits."""

    kind: LeakKind
    splits: tuple[str, str]
    """In the order train, val, test."""
    count: int
    """Patients, distinct pictures or distinct texts shared; for near-duplicates, image pairs."""
    examples: tuple[tuple[str, str], ...]
    """Study uids, one of each split; at most 5 pairs, in order of the archive."""


@dataclass(slots=True, kw_only=True)
class _Split:
    """What one split holds: each thing to the first study it was seen in."""

    patient: dict[Hashable, str] = field(default_factory=dict)
    pixels: dict[Hashable, str] = field(default_factory=dict)
    text: dict[Hashable, str] = field(default_factory=dict)
    dhashes: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    """Study uid of each dhash."""


def scan_leaks(
    studies: Iterable[Study],
    *,
    near_bits: int,
    confirm: Callable[[str, str], bool] | None = None,
) -> tuple[Leak, ...]:
    """Find what two splits share.

    Four kinds, each only between different splits: the same patient; the same pixels; other pixels
    whose 256-bit difference hashes differ by `near_bits` or less and that `confirm` calls copies;
    the same words (a caption,
    findings and impression together, or notes) once case and spacing are ignored.

    Args:
        studies: every study, read once. About 500 bytes an image are held.
        near_bits: 0..256; of three million unrelated pairs measured, the nearest differed by 17.
        confirm: told two pixel digests; None takes the hash's word for it.

    Returns:
        Only leaks with a count, by pair of splits (train-val, train-test, val-test), then kind.
    """
    splits: defaultdict[str, _Split] = defaultdict(_Split)
    for study in studies:
        _note(splits[study.split], study)
    order = [name for name in ("train", "val", "test") if name in splits]
    order += sorted(set(splits) - set(order))
    leaks: list[Leak] = []
    for pair in combinations(order, 2):
        one, other = splits[pair[0]], splits[pair[1]]
        leaks += [
            _shared("patient", pair, one.patient, other.patient),
            _shared("pixels", pair, one.pixels, other.pixels),
            _near(pair, one, other, near_bits=near_bits, confirm=confirm),
            _shared("text", pair, one.text, other.text),
        ]
    return tuple(leak for leak in leaks if leak.count)


def _texts(study: Study) -> tuple[str, ...]:
    """The texts of a study that could give another away, normalised; none empty."""
    sections = study.sections
    report = f"{sections.get('findings', '')} {sections.get('impression', '')}"
    texts = [*(image.caption or "" for image in study.images), report, sections.get("notes", "")]
    normal = (normalise_text(text) for text in texts)
    return tuple(text for text in normal if text)


def _note(split: _Split, study: Study) -> None:
    split.patient.setdefault(study.patient_key, study.study_uid)
    for text in _texts(study):
        split.text.setdefault(text, study.study_uid)
    for image in study.images:
        split.pixels.setdefault(image.digest, study.study_uid)
        split.dhashes.append(image.dhash)
        split.digests.append(image.digest)
        split.owners.append(study.study_uid)


def _shared(
    kind: LeakKind, splits: tuple[str, str], one: dict[Hashable, str], other: dict[Hashable, str]
) -> Leak:
    both = [key for key in one if key in other]
    examples = tuple((one[key], other[key]) for key in both[:_N_EXAMPLES])
    return Leak(kind=kind, splits=splits, count=len(both), examples=examples)


def _near(
    splits: tuple[str, str],
    one: _Split,
    other: _Split,
    *,
    near_bits: int,
    confirm: Callable[[str, str], bool] | None,
) -> Leak:
    words, other_words = dhash_words(one.dhashes), dhash_words(other.dhashes)
    count, examples = 0, list[tuple[str, str]]()
    for start in range(0, len(words), _BLOCK):
        near = word_distance(words[start : start + _BLOCK], other_words) <= near_bits
        for row, column in np.argwhere(near):
            i, j = start + int(row), int(column)
            if one.digests[i] == other.digests[j]:
                continue  # counted as the same pixels
            if confirm is not None and not confirm(one.digests[i], other.digests[j]):
                continue
            count += 1
            pair = (one.owners[i], other.owners[j])
            if len(examples) < _N_EXAMPLES and pair not in examples:
                examples.append(pair)
    return Leak(kind="near_duplicate", splits=splits, count=count, examples=tuple(examples))
