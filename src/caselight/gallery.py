"""What is searched: an index, and the studies behind its rows."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from caselight.config import SearchSettings
from caselight.data.filters import COLUMNS, OF_IMAGE, condition
from caselight.data.own import Prints, studies_with
from caselight.data.store import Store
from caselight.data.texts import searched_words
from caselight.errors import IndexMismatch, QueryRefused
from caselight.index.journal import Opens
from caselight.index.manifest import IMAGE, REPORT, OpenIndex, read_index
from caselight.index.parts import WordPart
from caselight.index.standing import Standing, standing
from caselight.types import BoolArray, Image, Pixels, Query, Study

if TYPE_CHECKING:
    from caselight.index.lexical import LexicalIndex

_IntArray = NDArray[np.int64]
_MAX_POSITION = 1 << 20
"""More than a study has images."""


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """An index with N rows, and the studies they are of.

    Of the studies it reads what it is asked for, one kind of fact at a time, and keeps that; whole
    studies are read for hits alone. All of it is of one generation of the store.
    """

    index: OpenIndex
    store: Store
    _facts: dict[str, tuple[list[Any], _IntArray]] = field(default_factory=dict, repr=False)
    """Key of a filter to what rows hold under it: see `_held`."""

    def __len__(self) -> int:
        return len(self.index.rows.study)

    def check(self) -> None:
        """Refuse to go on with studies that came or went since this was opened.

        Raises:
            IndexMismatch: `index.stale`.
        """
        if self.store.generation != self.index.manifest.store:
            raise IndexMismatch(
                "the archive has changed while it was searched; ask again, or run `caselight index "
                f"build --home {self.store.home}`",
                code="index.stale",
            )

    def studies(self, rows: Sequence[int]) -> list[Study]:
        """The studies of rows, in their order.

        Raises:
            IndexMismatch: `index.stale` when studies came or went meanwhile.
        """
        of = self.index.rows.study[np.array(rows, dtype=np.int64)].tolist()
        found = self.store.find(of)
        self.check()
        return [found[study] for study in of]

    def image(self, row: int, study: Study) -> Image | None:
        """The image of a row, or the one its text speaks of, from the row's study."""
        place = int(self.index.rows.position[row])
        return study.images[place] if place >= 0 else None

    def named(self, uids: Sequence[str]) -> dict[str, int]:
        """The rows in the store of studies named by a query.

        Raises:
            QueryRefused: `query.no_such_study`.
        """
        known = self.store.rows_named(uids)
        for uid in uids:
            if uid not in known or known[uid] not in self.index.rows.study:
                raise QueryRefused(
                    f"the home has no study {uid!r} with a picture or a text to be like or "
                    "unlike; name a study as the hits do",
                    code="query.no_such_study",
                )
        return known

    def allowed(self, query: Query) -> BoolArray:
        """bool[N]: rows of the right kind whose study and image pass the filters."""
        kind = self.index.rows.kind
        if query.target == "study":
            allowed = np.ones(len(kind), dtype=np.bool_)
        else:
            allowed = kind == (IMAGE if query.target == "image" else REPORT)
        for key, value in query.filters.items():
            passes = condition(key, value)
            distinct, which = self._held(key)
            allowed &= np.array([passes(held) for held in distinct], dtype=np.bool_)[which]
        return allowed

    def groups(self, query: Query) -> _IntArray:
        """i64[N]: what each row belongs to, of which one row at most is a hit."""
        if query.group == "patient":
            return self._patients
        study = self.index.rows.study
        if query.group == "study":
            return study
        return study * _MAX_POSITION + self.index.rows.position + 1

    def left_out(
        self,
        query: Query,
        pixels: Sequence[Pixels],
        *,
        read: Callable[[str], Pixels],
        settings: SearchSettings,
    ) -> list[tuple[BoolArray, str]]:
        """Rows that bring nothing new to who asks, bool[N], and in words whose they are.

        Args:
            query: its `like` and `unlike` name studies that are here.
            pixels: the query's pictures.
            read: pixels of a stored digest.
            settings: what is a near-duplicate.
        """
        if not pixels and not query.like and not query.unlike:
            return []
        own: set[int] = set()
        for picture in pixels:
            own |= studies_with(
                picture,
                self._prints,
                read=read,
                near_bits=settings.near_bits,
                near_correlation=settings.near_correlation,
            )
        named = self.named((*query.like, *query.unlike))
        unlike = np.isin(self.index.rows.study, [named[uid] for uid in query.unlike])
        return [
            (
                self._of_patients(sorted(own)),
                "the picture's own study, the same patient or near-duplicates",
            ),
            (
                self._of_patients([named[uid] for uid in query.like]),
                "the patients of the studies to be like",
            ),
            (unlike, "the studies to be unlike"),
        ]

    def by_words(self, words: str) -> WordPart:
        """Rank every row by BM25 over its study's words."""
        lexical, which, ties = self._words
        return WordPart(name="words", scores=lexical.scores(words)[which], ties=ties)

    # What was read of the studies ------------------------------------------------------------

    @cached_property
    def _patients(self) -> _IntArray:
        """i64[N]: a number for each patient."""
        return self._of_studies("patient_key")[1]

    def _of_patients(self, studies: Sequence[int]) -> BoolArray:
        """bool[N]: rows of the patients who have any of these studies."""
        patients = self._patients[np.isin(self.index.rows.study, studies)]
        return np.isin(self._patients, patients)

    @cached_property
    def _prints(self) -> Prints:
        """The fingerprints of all pictures."""
        found = self.store.image_facts("digest", "dhash")
        self.check()
        return Prints.of((study, digest, dhash) for study, _, digest, dhash in found)

    @cached_property
    def _words(self) -> tuple["LexicalIndex", _IntArray, _IntArray]:
        """The texts to be searched by words, each row's among them, and the order of ties."""
        from caselight.index.lexical import LexicalIndex  # slow to load, and often not needed

        sections = {
            row: (uid, json.loads(said))
            for row, uid, said in self.store.facts("study_uid", "sections")
        }
        captions = {
            (study, place): caption
            for study, place, caption in self.store.image_facts("caption")
            if caption
        }
        self.check()
        rows = self.index.rows
        places = zip(rows.study.tolist(), rows.position.tolist(), strict=True)
        # A text that several rows of one study share is one text, or it would count as common.
        texts: dict[tuple[int, str], int] = {}
        which = [
            texts.setdefault(
                (study, searched_words(captions.get((study, place)), sections[study][1])),
                len(texts),
            )
            for study, place in places
        ]
        lexical = LexicalIndex([text for _, text in texts])
        by_uid = sorted(sections, key=lambda row: sections[row][0])
        rank = dict(zip(by_uid, range(len(by_uid)), strict=True))
        uids = np.array([rank[study] for study in rows.study.tolist()], dtype=np.int64)
        # A study's report before its pictures; nothing hangs on the order of ingest.
        order = np.lexsort((rows.position, rows.kind != REPORT, uids))
        ties = np.empty(len(self), dtype=np.int64)
        ties[order] = np.arange(len(self))
        return lexical, np.array(which, dtype=np.int64), ties

    def _held(self, key: str) -> tuple[list[Any], _IntArray]:
        """What rows hold under the key of a filter: the distinct, and i64[N], which of them."""
        if key not in self._facts:
            self._facts[key] = self._of_images(key) if key in OF_IMAGE else self._of_studies(key)
        return self._facts[key]

    def _of_studies(self, key: str) -> tuple[list[Any], _IntArray]:
        found = self.store.facts(COLUMNS.get(key, key))
        self.check()
        number: dict[Any, int] = {}
        studies = np.array([study for study, _ in found], dtype=np.int64)
        values = np.array([number.setdefault(v, len(number)) for _, v in found], dtype=np.int64)
        order = np.argsort(studies)
        at = np.searchsorted(studies, self.index.rows.study, sorter=order)
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
        rows, number = self.index.rows, dict[Any, int]()
        which = [
            number.setdefault(
                one[study, place] if place >= 0 else every.get(study, ()), len(number)
            )
            for study, place in zip(rows.study.tolist(), rows.position.tolist(), strict=True)
        ]
        return list(number), np.array(which, dtype=np.int64)


class OpenGallery:
    """The gallery of a home, kept for as long as nothing behind it changes.

    Every query asks again, and what another process did meanwhile (an ingest, an erasure, a build,
    a compaction, a byte changed in a file) is seen by the very next one.
    """

    def __init__(self, store: Store, *, seal: Callable[[], Opens]) -> None:
        """Nothing is opened yet.

        Args:
            store: the open store.
            seal: gives whose signature the index must have.
        """
        self._store = store
        self._seal = seal
        self._kept: tuple[Standing, Gallery] | None = None

    def now(self, *, n_bits: int | None) -> Gallery:
        """The index of the home as it is now, and the studies behind it.

        Args:
            n_bits: the width of codes that is asked for; None takes any.

        Raises:
            IndexMismatch: for an index that is missing, stale, changed, or of another width.
        """
        home, generation = self._store.home, self._store.generation
        # Before it is read: what changes in between is seen next time.
        found = standing(home)
        kept = self._kept
        if kept is None or kept[0] != found or kept[1].index.manifest.store != generation:
            self._kept = None  # not both in memory
            index = read_index(home, store=generation, seal=self._seal())
            kept = self._kept = found, Gallery(index=index, store=self._store)
        gallery = kept[1]
        if n_bits is not None and n_bits != gallery.index.manifest.n_bits:
            raise IndexMismatch(
                f"the index holds {gallery.index.manifest.n_bits}-bit codes and search.n_bits asks "
                f"for {n_bits}; run `caselight index build --home {home} "
                f"--set search.n_bits={n_bits}`, or leave the setting out",
                code="index.bits_mismatch",
            )
        return gallery
