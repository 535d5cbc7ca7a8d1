"""The one writer of an index: adds, removes, folds and compacts, and loses nothing when killed.

A change is a frame of the journal, acknowledged once it is flushed. When many items lie in the
journal they are folded into a segment; when segments are many, or much of them is dead, they are
compacted into one. Both write new files beside the old ones and then put a new signed manifest in
place of the last, in one step; readers that have the old files open keep them.
"""

import contextlib
import fcntl
import json
import os
import threading
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from caselight.errors import IndexMismatch
from caselight.index.journal import HEAD, End, Frame, Seal, append_frames, begin_journal
from caselight.index.journal import read_journal as _read_journal
from caselight.index.manifest import (
    LOCK,
    MANIFEST,
    Version,
    apply_frame,
    flush_folder,
    read_snapshot,
    write_version,
)
from caselight.index.segments import LIST, TABLES, Items, open_segment, write_segment
from caselight.index.snapshot import Part, Snapshot, checked, in_memory, living

FOLD_ITEMS = 16_384
"""Items in the journal that are folded into a segment."""
CHUNK = 4096
"""Items in memory that are laid out together: adding one lays out no more than these again."""
MAX_SEGMENTS = 8
MAX_DEAD = 0.2
"""Share of dead items from which segments are compacted."""


class IndexWriter:
    """Writes one index; there is one a folder at a time. Use it in a `with`, or close it."""

    def __init__(self, folder: Path, *, seal: Seal) -> None:
        """Open an index to be written; `create_index` makes one.

        Raises:
            IndexMismatch: `index.locked` while another writer has it, `index.digest_mismatch`,
                `index.newer_version`.
        """
        self.folder = folder
        self._seal = seal
        self._lock = _locked(folder)
        self._changing = threading.RLock()
        self._compacting: Future[None] | None = None
        self._unsure = False
        """Whether the manifest on the disk may be another than the one here."""
        self._next = 0
        self._end: End
        try:
            self._open()
            self._sweep()
        except BaseException:
            os.close(self._lock)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the index; a compaction in the background comes to its end first.

        Raises like `wait`.
        """
        try:
            self.wait()
        finally:
            os.close(self._lock)

    @property
    def snapshot(self) -> Snapshot:
        """The index as it is now."""
        return self._snapshot

    @property
    def state(self) -> Mapping[str, str]:
        """What it says of itself."""
        return self._state

    @property
    def version(self) -> Version:
        """The manifest as it is now."""
        return self._version

    def change(
        self,
        *,
        remove: NDArray[np.int64] | None = None,
        kind: NDArray[np.uint8] | None = None,
        study: NDArray[np.int64] | None = None,
        position: NDArray[np.int64] | None = None,
        packed: NDArray[np.uint8] | None = None,
        embeddings: NDArray[np.float32] | None = None,
        state: Mapping[str, str] | None = None,
    ) -> NDArray[np.int64]:
        """Remove items, add items, and say what the index is of, all at once or not at all.

        Args:
            remove: i64[M], rows of items to take out; those that are not there are passed over.
            kind: u8[N] of the items to add; None adds none, and then all the following are None.
            study: i64[N], 0s where there are none.
            position: i64[N], -1s where there are none.
            packed: u8[N, n_bits // 8].
            embeddings: f32[N, D]; kept in half precision.
            state: what the index says of itself from now on; None leaves it.

        Returns:
            The rows that the new items were given, i64[N]. All is durable by then.

        Raises:
            IndexMismatch: `index.bits_mismatch` for items of another shape.
            OSError: when it cannot be written; nothing of it is there then.
        """
        with self._certain():
            frame: dict[str, NDArray[np.generic]] = {}
            rows = np.zeros(0, dtype=np.int64)
            if remove is not None and len(remove):
                frame["remove"] = remove.astype(np.int64)
            if kind is not None and len(kind):
                rows = np.arange(self._next, self._next + len(kind), dtype=np.int64)
                self._check(packed, embeddings, len(kind))
                frame |= {"row": rows, "kind": kind, "packed": _given(packed)}
                frame |= {"study": _given(study), "position": _given(position)}
                frame["embeddings"] = _given(embeddings).astype(np.float16)
            if state is not None:
                frame["state"] = _state_bytes(state)
            if frame:
                self._end = append_frames(self.folder, self._end, [frame], seal=self._seal)
                self._take(frame)
                self._next += len(rows)
            return rows

    def remove_studies(
        self, studies: Collection[int], *, state: Mapping[str, str] | None = None
    ) -> int:
        """Take out all items of studies, by the studies' rows in the store; returns how many."""
        with self._certain():
            of = self._snapshot.column("study")
            gone = self._snapshot.row[np.isin(of, np.array(sorted(studies), dtype=np.int64))]
            self.change(remove=gone, state=state)
            return len(gone)

    def tidy(self) -> None:
        """Fold and compact where it is due; raises like `compact`."""
        with self._certain():
            memory = sum(len(part.slots) for part in self._parts if not part.kept)
            if memory >= FOLD_ITEMS:
                self.fold()
            kept = [part for part in self._parts if part.kept]
            n_all = sum(len(part.segment) for part in kept)
            n_dead = n_all - sum(len(part.slots) for part in kept)
            if len(kept) > MAX_SEGMENTS or n_dead > MAX_DEAD * max(1, n_all):
                self.compact()

    def fold(self) -> None:
        """Write what lies in the journal as a segment, and begin a new journal.

        Raises:
            OSError: when it cannot be written; the index is what it was.
        """
        with self._certain():
            self._rewrite([part for part in self._parts if not part.kept])

    def compact(self) -> None:
        """Write all living items as one segment; what was removed is gone from the disk then.

        Raises:
            IndexMismatch: `index.digest_mismatch` for an item that was changed on the disk.
            OSError: when it cannot be written; the index is what it was.
        """
        with self._certain():
            self._rewrite(self._parts)

    def compact_in_background(self) -> None:
        """Compact while changes go on; returns at once, and `wait` when it is done.

        Raises like `compact` what stopped the one before, if nobody has waited for that.
        """
        self.wait()
        with self._certain():
            if self._compacting is not None:
                return  # another thread was first
            self.fold()
            pool = ThreadPoolExecutor(1, thread_name_prefix="compaction")
            self._compacting = pool.submit(self._merge, list(self._parts))
            pool.shutdown(wait=False)

    @property
    def compacting(self) -> bool:
        """Whether a compaction goes on in the background."""
        return self._compacting is not None and not self._compacting.done()

    def wait(self) -> None:
        """Come back when no compaction runs, and what it replaced is gone from the disk.

        Raises:
            IndexMismatch: `index.digest_mismatch` for an item that was changed on the disk.
            OSError: when it could not be written. The index is what it was, in either case.
        """
        if self._compacting is None:
            return
        try:
            self._compacting.result()
        finally:
            with self._changing:
                self._compacting = None
                self._sweep()

    # ----------------------------------------------------------------------------------------

    def _open(self) -> None:
        self._version, items, self._state = read_snapshot(self.folder, seal=self._seal)
        _, self._end = _read_journal(self.folder, self._version.journal, seal=self._seal)
        self._parts = list(items.parts)
        self._snapshot = items
        last = int(items.row[-1]) + 1 if len(items) else 0
        self._next = max(self._version.next_row, last, self._journaled())

    @contextlib.contextmanager
    def _certain(self) -> Iterator[None]:
        """Keep other threads out, and know what is on the disk."""
        with self._changing:
            if self._unsure:
                # A manifest may stand there that was not flushed: nothing is acknowledged on top
                # of it before it is.
                flush_folder(self.folder)
                number = self._version.number
                self._open()
                # A compaction in the background may have taken a number meanwhile.
                self._version = replace(self._version, number=max(number, self._version.number))
                self._unsure = False
                self._sweep()
            yield

    def _journaled(self) -> int:
        """One more than the last row that the journal gave, were it removed since."""
        frames, _ = _read_journal(self.folder, self._version.journal, seal=self._seal)
        return max((int(f["row"][-1]) + 1 for f in frames if "row" in f), default=0)

    def _take(self, frame: Frame) -> None:
        """Have a change that is durable in the snapshot."""
        parts, self._state = apply_frame(self._parts, frame, self._state)
        if len(parts) >= 2 and not parts[-1].kept and not parts[-2].kept:
            last, before = parts[-1], parts[-2]
            if len(last.slots) + len(before.slots) <= CHUNK and len(before.slots):
                parts[-2:] = [in_memory(living([before, last]))]
        self._parts = [part for part in parts if len(part.slots)]
        self._show()

    def _show(self) -> None:
        self._snapshot = Snapshot(tuple(self._parts), self._version.n_bits, self._version.dim)

    def _rewrite(self, merged: list[Part]) -> None:
        """Put one segment in place of some parts; the rest of the journal goes into a new one."""
        number = self._version.number + 1
        kept = [part for part in self._parts if part not in merged]
        merged = [part for part in merged if len(part.slots)]
        if merged:
            info = write_segment(self.folder / f"segment-{number:06d}", *checked(merged))
            kept.append(Part(open_segment(self.folder, info), None, kept=True))
        self._publish(number, kept)

    def _publish(self, number: int, parts: list[Part]) -> None:
        # Of a segment without living items nothing is kept: what was merged twice is one of these.
        parts = [part for part in parts if len(part.slots)]
        parts.sort(key=lambda part: part.segment.info.first)
        end = begin_journal(self.folder, number, seal=self._seal)
        frames = _left_over(parts)
        if frames:
            # The items are those they were, so what was said of them still holds.
            frames[-1] = {**frames[-1], "state": _state_bytes(self._state)}
            end = append_frames(self.folder, end, frames, seal=self._seal)
        flush_folder(self.folder)
        version = replace(
            self._version,
            number=number,
            next_row=self._next,
            journal=end.file,
            segments=tuple(part.segment.info for part in parts if part.kept),
            state=dict(self._state),
        )
        self._unsure = True
        write_version(self.folder, version, seal=self._seal)
        self._unsure = False
        self._version, self._end, self._parts = version, end, parts
        self._show()
        self._sweep()

    def _merge(self, old: list[Part]) -> None:
        """Merge parts into one segment beside all that goes on, then put it in their place."""
        old = [part for part in old if part.kept]
        if not old:
            return
        with self._certain():
            number = self._version.number + 1
            # The number is taken: a fold meanwhile has the next one.
            self._version = replace(self._version, number=number)
        info = write_segment(self.folder / f"segment-{number:06d}", *checked(old))
        merged = Part(open_segment(self.folder, info), None, kept=True)
        with self._certain():
            names = {part.segment.info.file for part in old}
            now = [part for part in self._parts if part.segment.info.file not in names]
            still = [part.row for part in self._parts if part.segment.info.file in names]
            gone = np.setdiff1d(merged.row, np.concatenate([np.zeros(0, np.int64), *still]))
            self._publish(self._version.number + 1, [merged.without(gone), *now])

    def _sweep(self) -> None:
        """Remove files that the manifest does not name: what was replaced, and what a kill left."""
        named = {MANIFEST, LOCK, self._version.journal, f"{self._version.journal}{HEAD}"}
        for info in self._version.segments:
            named |= {info.file, *(f"{info.file}{end}" for end in (LIST, TABLES))}
        if self._unsure or self._compacting is not None:
            return
        for path in self.folder.iterdir():
            if path.name not in named:
                path.unlink(missing_ok=True)

    def _check(
        self,
        packed: NDArray[np.uint8] | None,
        embeddings: NDArray[np.float32] | None,
        n: int,
    ) -> None:
        n_bytes, dim = self._version.n_bits // 8, self._version.dim
        if _given(packed).shape != (n, n_bytes) or _given(embeddings).shape != (n, dim):
            raise IndexMismatch(
                f"found codes of {_given(packed).shape} and embeddings of "
                f"{_given(embeddings).shape} for {n} items, expected {n_bytes} bytes and {dim} "
                "numbers each; use the model the index was built with",
                code="index.bits_mismatch",
            )


def create_index(folder: Path, *, model: str, n_bits: int, dim: int, seal: Seal) -> None:
    """Make an empty index in a new folder."""
    folder.mkdir(parents=True)
    end = begin_journal(folder, 0, seal=seal)
    version = Version(
        model=model,
        n_bits=n_bits,
        dim=dim,
        next_row=0,
        number=0,
        journal=end.file,
        segments=(),
        state={},
    )
    write_version(folder, version, seal=seal)


def _left_over(parts: list[Part]) -> list[Frame]:
    """What a new journal must begin with: items that lie in no segment, and who is dead there."""
    frames: list[Frame] = []
    memory = [part for part in parts if not part.kept]
    if memory:
        items: Items = living(memory)
        frames.append({name: getattr(items, name) for name in Items.__slots__})
    dead = [part.segment.row[~part.alive] for part in parts if part.kept and part.alive is not None]
    if dead:
        frames.append({"remove": np.concatenate(dead)})
    return frames


def _locked(folder: Path) -> int:
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise IndexMismatch(
            "another process is writing to this index; wait for it and try again",
            code="index.locked",
        ) from None
    return descriptor


def _state_bytes(state: Mapping[str, str]) -> NDArray[np.uint8]:
    return np.frombuffer(json.dumps(dict(state)).encode(), np.uint8)


def _given(array: NDArray[Any] | None) -> NDArray[Any]:
    if array is None:
        raise TypeError("items are added whole: kind, study, position, packed and embeddings")
    return array
