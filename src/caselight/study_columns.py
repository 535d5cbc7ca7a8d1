"""What is known of the studies behind the rows of an index, one kind of fact at a time."""

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from caselight.data.filters import COLUMNS, OF_IMAGE
from caselight.data.own import Prints
from caselight.data.store import Store
from caselight.data.texts import searched_words
from caselight.errors import IndexMismatch
from caselight.index.manifest import REPORT, Rows

if TYPE_CHECKING:
    from caselight.index.lexical import LexicalIndex

_IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The words of N rows, ready to be searched."""

    lexical: "LexicalIndex"
    which: _IntArray
    """i64[N]: the text of each row."""
    ties: _IntArray
    """i64[N]: the order of rows whose scores are equal; lower is first."""


@dataclass(frozen=True, kw_only=True)
class StudyColumns:
    """Facts of N rows, each read from the store when it is first asked for, and kept.

    All are of one generation of the store; once there is another they are refused.
    """

    store: Store
    generation: str
    rows: Rows
    _held: dict[str, tuple[list[Any], _IntArray]] = field(default_factory=dict, repr=False)

    def check(self) -> None:
        """Refuse to go on when studies came or went.

        Raises:
            IndexMismatch: `index.stale`.
        """
        if self.store.generation != self.generation:
            raise IndexMismatch(
                "the archive has changed while it was searched; ask again, or run `caselight index "
                f"build --home {self.store.home}`",
                code="index.stale",
            )

    def held(self, key: str) -> tuple[list[Any], _IntArray]:
        """What rows hold under the key of a filter: the distinct, and i64[N], which of them."""
        if key not in self._held:
            self._held[key] = self._of_images(key) if key in OF_IMAGE else self._of_studies(key)
        return self._held[key]

    @cached_property
    def patients(self) -> _IntArray:
        """i64[N]: a number for each patient."""
        return self._of_studies("patient_key")[1]

    @cached_property
    def prints(self) -> Prints:
        """The fingerprints of all pictures of the home."""
        found = self.store.image_facts("digest", "dhash")
        self.check()
        return Prints.of((study, digest, dhash) for study, _, digest, dhash in found)

    @cached_property
    def texts(self) -> Texts:
        """The texts that a search by words looks in."""
        from caselight.index.lexical import LexicalIndex  # slow to load, and often not needed

        of = self.store.facts("study_uid", "sections")
        sections = {study: json.loads(said) for study, _, said in of}
        rank = {study: n for n, (study, _, _) in enumerate(sorted(of, key=lambda one: one[1]))}
        captions = {
            (study, place): caption
            for study, place, caption in self.store.image_facts("caption")
            if caption
        }
        self.check()
        studies, places = self.rows.study.tolist(), self.rows.position.tolist()
        # A text that several rows of one study share is one text, or it would count as common.
        texts: dict[tuple[int, str], int] = {}
        which = [
            texts.setdefault(
                (study, searched_words(captions.get((study, place)), sections[study])), len(texts)
            )
            for study, place in zip(studies, places, strict=True)
        ]
        # A study's report before its pictures; nothing hangs on the order of ingest.
        by_uid = np.array([rank[study] for study in studies], dtype=np.int64)
        order = np.lexsort((self.rows.position, self.rows.kind != REPORT, by_uid))
        ties = np.empty(len(order), dtype=np.int64)
        ties[order] = np.arange(len(order))
        return Texts(
            lexical=LexicalIndex([text for _, text in texts]),
            which=np.array(which, dtype=np.int64),
            ties=ties,
        )

    def _of_studies(self, key: str) -> tuple[list[Any], _IntArray]:
        found = self.store.facts(COLUMNS.get(key, key))
        self.check()
        number: dict[Any, int] = {}
        studies = np.array([study for study, _ in found], dtype=np.int64)
        values = np.array([number.setdefault(v, len(number)) for _, v in found], dtype=np.int64)
        order = np.argsort(studies)
        at = np.searchsorted(studies, self.rows.study, sorter=order)
        distinct = [json.loads(v) if key == "label" else (v,) for v in number]
        return distinct, values[order][at]

    def _of_images(self, key: str) -> tuple[list[Any], _IntArray]:
        """As of studies; a row without an image holds what the images of its study do."""
        found = self.store.image_facts(key)
        self.check()
        one = {(study, place): (value,) for study, place, value in found}
        every: dict[int, tuple[Any, ...]] = {}
        for study, _, value in found:
            every[study] = (*every.get(study, ()), value)
        number: dict[tuple[Any, ...], int] = {}
        which = [
            number.setdefault(
                one[study, place] if place >= 0 else every.get(study, ()), len(number)
            )
            for study, place in zip(
                self.rows.study.tolist(), self.rows.position.tolist(), strict=True
            )
        ]
        return list(number), np.array(which, dtype=np.int64)
