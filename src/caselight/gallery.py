"""What is searched: an index, and the studies behind its rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caselight.config import SearchSettings
from caselight.data.filters import condition
from caselight.data.own import studies_with
from caselight.data.store import Store
from caselight.errors import IndexMismatch, QueryRefused
from caselight.index.journal import Opens
from caselight.index.manifest import IMAGE, REPORT, OpenIndex, read_index
from caselight.index.parts import WordPart
from caselight.index.standing import Standing, standing
from caselight.study_columns import StudyColumns
from caselight.types import BoolArray, Image, Pixels, Query, Study

_IntArray = NDArray[np.int64]
_MAX_POSITION = 1 << 20
"""More than a study has images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """An index with N rows, and what is known of the studies they are of.

    Whole studies are read for hits alone.
    """

    index: OpenIndex
    columns: StudyColumns

    def __len__(self) -> int:
        return len(self.index.rows.study)

    def studies(self, rows: Sequence[int]) -> list[Study]:
        """The studies of rows, in their order.

        Raises:
            IndexMismatch: `index.stale` when studies came or went meanwhile.
        """
        of = self.index.rows.study[np.array(rows, dtype=np.int64)].tolist()
        found = self.columns.store.find(of)
        self.columns.check()
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
        known = self.columns.store.rows_named(uids)
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
            distinct, which = self.columns.held(key)
            allowed &= np.array([passes(held) for held in distinct], dtype=np.bool_)[which]
        return allowed

    def groups(self, query: Query) -> _IntArray:
        """i64[N]: what each row belongs to, of which one row at most is a hit."""
        if query.group == "patient":
            return self.columns.patients
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
                self.columns.prints,
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
        texts = self.columns.texts
        scores = texts.lexical.scores(words)[texts.which]
        return WordPart(name="words", scores=scores, ties=texts.ties)

    def _of_patients(self, studies: Sequence[int]) -> BoolArray:
        """bool[N]: rows of the patients who have any of these studies."""
        patients = self.columns.patients
        return np.isin(patients, patients[np.isin(self.index.rows.study, studies)])


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
            columns = StudyColumns(store=self._store, generation=generation, rows=index.rows)
            kept = self._kept = found, Gallery(index=index, columns=columns)
        gallery = kept[1]
        if n_bits is not None and n_bits != gallery.index.manifest.n_bits:
            raise IndexMismatch(
                f"the index holds {gallery.index.manifest.n_bits}-bit codes and search.n_bits asks "
                f"for {n_bits}; run `caselight index build --home {home} "
                f"--set search.n_bits={n_bits}`, or leave the setting out",
                code="index.bits_mismatch",
            )
        return gallery
