"""What is searched: an index, and the studies behind its rows."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from caselight.config import SearchSettings
from caselight.data.filters import matches
from caselight.data.own import patients_with
from caselight.data.store import Store
from caselight.data.texts import searched_text
from caselight.errors import IndexMismatch, QueryRefused
from caselight.index.journal import Opens
from caselight.index.manifest import IMAGE, REPORT, OpenIndex, read_index
from caselight.index.parts import WordPart
from caselight.types import BoolArray, Image, Pixels, Query, Study


@dataclass(frozen=True, slots=True, kw_only=True)
class Gallery:
    """An index with N rows, and the studies they are of."""

    index: OpenIndex
    studies: Mapping[int, Study]
    """Row of the store to study."""

    def __len__(self) -> int:
        return len(self.index.rows.study)

    def study(self, row: int) -> Study:
        """The study of a row."""
        return self.studies[int(self.index.rows.study[row])]

    def image(self, row: int) -> Image | None:
        """The image of a row, or the one its text speaks of."""
        place = int(self.index.rows.position[row])
        return self.study(row).images[place] if place >= 0 else None

    def named(self, uids: Sequence[str]) -> dict[str, int]:
        """The rows in the store of studies named by a query.

        Raises:
            QueryRefused: `query.no_such_study`.
        """
        wanted = set(uids)
        known = {s.study_uid: row for row, s in self.studies.items() if s.study_uid in wanted}
        indexed = set(self.index.rows.study.tolist()) if wanted else set()
        for uid in uids:
            if known.get(uid) not in indexed:
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
        if query.filters:
            for row in np.flatnonzero(allowed).tolist():
                allowed[row] = matches(self.study(row), self.image(row), query.filters)
        return allowed

    def groups(self, query: Query) -> list[Hashable]:
        """What each row belongs to, of which one row at most is a hit."""
        rows = range(len(self))
        if query.group == "patient":
            return [self.study(row).patient_key for row in rows]
        if query.group == "study":
            return list(self.index.rows.study.tolist())
        positions = self.index.rows.position.tolist()
        return list(zip(self.index.rows.study.tolist(), positions, strict=True))

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
        of_study = self.index.rows.study
        patients = np.array([self.studies[row].patient_key for row in of_study.tolist()])
        own: set[str] = set()
        for picture in pixels:
            own |= patients_with(
                picture,
                self.studies,
                read=read,
                near_bits=settings.near_bits,
                near_correlation=settings.near_correlation,
            )
        named = self.named((*query.like, *query.unlike))
        liked = {self.studies[named[uid]].patient_key for uid in query.like}
        return [
            (
                np.isin(patients, sorted(own)),
                "the picture's own study, the same patient or near-duplicates",
            ),
            (np.isin(patients, sorted(liked)), "the patients of the studies to be like"),
            (np.isin(of_study, [named[uid] for uid in query.unlike]), "the studies to be unlike"),
        ]

    def by_words(self, words: str) -> WordPart:
        """Rank every row by BM25 over its study's words."""
        from caselight.index.lexical import LexicalIndex  # slow to load, and often not needed

        # A text that several rows of one study share is one text, or it would count as common.
        texts: dict[tuple[int, str], int] = {}
        places = [
            texts.setdefault(
                (int(self.index.rows.study[row]), searched_text(self.study(row), self.image(row))),
                len(texts),
            )
            for row in range(len(self))
        ]
        scores = LexicalIndex([text for _, text in texts]).scores(words)
        kinds, positions = self.index.rows.kind.tolist(), self.index.rows.position.tolist()
        # A study's report before its pictures; nothing hangs on the order of ingest.
        order = sorted(
            range(len(self)),
            key=lambda row: (self.study(row).study_uid, kinds[row] != REPORT, positions[row]),
        )
        ties = np.empty(len(self), dtype=np.int64)
        ties[order] = np.arange(len(self))
        return WordPart(name="words", scores=scores[places], ties=ties)


def open_gallery(store: Store, *, n_bits: int | None, seal: Opens) -> Gallery:
    """Read the index of a home and the studies behind it.

    Args:
        store: the open store.
        n_bits: the width of codes that is asked for; None takes any.
        seal: whose signature the index must have.

    Raises:
        IndexMismatch: for an index that is missing, stale, changed, or of another width.
    """
    index = read_index(store.home, store=store.generation, seal=seal)
    if n_bits is not None and n_bits != index.manifest.n_bits:
        raise IndexMismatch(
            f"the index holds {index.manifest.n_bits}-bit codes and search.n_bits asks for "
            f"{n_bits}; run `caselight index build --home {store.home} "
            f"--set search.n_bits={n_bits}`, or leave the setting out",
            code="index.bits_mismatch",
        )
    studies = dict(store.studies())
    if store.generation != index.manifest.store:
        # An ingest came in between; say so as if it had come before.
        index = read_index(store.home, store=store.generation, seal=seal)
    return Gallery(index=index, studies=studies)
