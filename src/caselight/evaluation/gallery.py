"""The studies of one split, laid out for scoring: one entry an image, in a fixed order."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from caselight.config import Pooling, TextField
from caselight.data.filters import check_filters, matches
from caselight.data.stacks import pictures
from caselight.data.store import Store
from caselight.data.texts import normalise_text, other_text, pair_text
from caselight.errors import EvaluationError
from caselight.types import Image, IntArray, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One picture of the split."""

    study: Study
    image: Image
    """The image itself, or the middle one of a stack."""
    digests: tuple[str, ...]
    """The pixel digests of all its images."""
    text: str | None
    """Its paired text, None where it has none."""
    other_text: str | None
    """The study's words besides that text."""


@dataclass(frozen=True)
class Gallery:
    """All images of a split. Text queries are the entries that have a text."""

    entries: tuple[Entry, ...]

    def __len__(self) -> int:
        return len(self.entries)

    @cached_property
    def with_text(self) -> NDArray[np.int64]:
        """i64[T]: the entries that have a text."""
        return np.array([i for i, e in enumerate(self.entries) if e.text is not None], np.int64)

    @cached_property
    def text_ids(self) -> NDArray[np.int64]:
        """i64[N]: equal where texts are equal after folding case and space; -1 without a text."""
        ids: dict[str, int] = {}
        return np.array(
            [
                -1 if e.text is None else ids.setdefault(normalise_text(e.text), len(ids))
                for e in self.entries
            ],
            dtype=np.int64,
        )

    @cached_property
    def study_ids(self) -> IntArray:
        """i64[N]: equal within a study."""
        return _ids([e.study.study_uid for e in self.entries])

    @cached_property
    def patient_ids(self) -> IntArray:
        """i64[N]: equal within a patient."""
        return _ids([e.study.patient_key for e in self.entries])

    @cached_property
    def n_unique_texts(self) -> int:
        """How many distinct texts there are."""
        return len(np.unique(self.text_ids[self.text_ids >= 0]))

    @property
    def texts(self) -> list[str]:
        """The texts, in the order of `with_text`."""
        return [e.text for e in self.entries if e.text is not None]


def read_gallery(
    store: Store,
    *,
    split: str | None,
    text: TextField,
    filters: Mapping[str, str],
    pool: Pooling,
) -> Gallery:
    """Read the images of a split.

    Args:
        store: the open home.
        split: "train", "val" or "test"; None is every study.
        text: which text is paired with an image.
        filters: metadata an image must have.
        pool: which images become one entry.

    Returns:
        Entries in order of study id and place in the study, whatever the order of ingest.

    Raises:
        EvaluationError: `evaluate.no_such_split` or `evaluate.no_pairs`.
    """
    check_filters(filters)
    entries: list[Entry] = []
    splits: set[str] = set()
    for _, study in store.studies():
        splits.add(study.split)
        if split is not None and study.split != split:
            continue
        for picture in pictures(study.images, pool):
            image = study.images[picture.position]
            if matches(study, image, filters):
                entries.append(
                    Entry(
                        study=study,
                        image=image,
                        digests=picture.digests,
                        text=pair_text(study, image, text),
                        other_text=other_text(study, image, text),
                    )
                )
    if not entries:
        raise EvaluationError(
            f"found no images in split {split!r} with these filters, the archive has splits "
            f"{sorted(splits)}; choose one with --split",
            code="evaluate.no_such_split",
        )
    gallery = Gallery(tuple(sorted(entries, key=lambda e: (e.study.study_uid, e.image.image_uid))))
    if len(gallery.with_text) == 0:
        raise EvaluationError(
            f"none of the {len(entries)} images has a {text!r} text; choose another with --text"
        )
    return gallery


def _ids(values: list[str]) -> NDArray[np.int64]:
    # By first appearance: a patient's key differs from home to home, and intervals must not.
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(v, len(numbers)) for v in values], dtype=np.int64)
