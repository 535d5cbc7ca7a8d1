"""A writer that the system refuses something loses nothing it acknowledged, and says so."""

import errno
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight.errors import IndexMismatch
from caselight.index import verify
from caselight.index import writer as writer_module
from caselight.index.manifest import (
    POINTER,
    current_folder,
    make_current,
    read_index,
    read_snapshot,
)
from caselight.index.segments import write_segment
from caselight.index.verify import verify_index
from caselight.index.writer import IndexWriter
from tests.index.sealed import SEAL, filled, new_index, some

CALLS = (
    *((os, name) for name in ("fsync", "fdatasync", "ftruncate", "write", "open")),
    *((Path, name) for name in ("replace", "unlink", "open")),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "home" / "index" / "abc-32-1")


@contextmanager
def failing(step: int, *, what: int, ever_after: bool) -> Iterator[list[int]]:
    """Have one call that reaches the disk fail, or all from that one on."""
    left = [step]

    def counted(real: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] == -1 or (ever_after and left[0] < 0):
                raise OSError(what, os.strerror(what))
            return real(*args, **options)

        return call

    with pytest.MonkeyPatch.context() as patched:
        for place, name in CALLS:
            patched.setattr(place, name, counted(getattr(place, name)))
        yield left


def acts(act: str, writer: IndexWriter) -> None:
    if act == "change":
        writer.change(remove=writer.snapshot.row[:1], **some(np.random.default_rng(1), 3))
    elif act == "behind":
        writer.compact_in_background()
        writer.wait()
    else:
        getattr(writer, act)()


@pytest.mark.parametrize("ever_after", [False, True], ids=["once", "ever after"])
@pytest.mark.parametrize("what", [errno.ENOSPC, errno.EIO], ids=["full", "broken"])
@pytest.mark.parametrize("act", ["change", "fold", "compact", "behind"])
def test_after_any_call_that_failed_the_same_writer_goes_on_and_loses_nothing(
    tmp_path: Path, act: str, what: int, ever_after: bool
) -> None:
    n_failed = 0
    for step in range(60):
        folder = filled(tmp_path / f"index-{step}")
        with IndexWriter(folder, seal=SEAL) as writer:
            before = writer.snapshot.row.tolist()
            # What is read again to be checked is refused as damaged.
            with (
                failing(step, what=what, ever_after=ever_after) as left,
                suppress(OSError, IndexMismatch),
            ):
                acts(act, writer)
                assert left[0] >= 0 or act != "change", "it failed, and nobody was told"
            if left[0] >= 0:
                break
            n_failed += 1
            rows = writer.change(**some(np.random.default_rng(2), 2)).tolist()
            there = read_snapshot(folder, seal=SEAL)[1].row.tolist()
            assert there == writer.snapshot.row.tolist()
            assert there[-2:] == rows
            # All of a change is there, or nothing of it.
            assert there[:-2] in (before, [*before[1:], *range(45, 48)])
            writer.fold()
            writer.compact()
        assert read_snapshot(folder, seal=SEAL)[1].row.tolist() == there
        assert verify_index(folder, seal=SEAL).ok
    assert n_failed > 4


def test_a_compaction_in_the_background_that_failed_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            return write_segment(*args)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = read_snapshot(folder, seal=SEAL)[1].row.tolist()
    tellers: list[Callable[[IndexWriter], None]] = [
        IndexWriter.wait,
        IndexWriter.compact_in_background,
        IndexWriter.close,
    ]
    for teller in tellers:
        writer = IndexWriter(folder, seal=SEAL)
        with monkeypatch.context() as patched:
            patched.setattr(writer_module, "write_segment", full)
            writer.compact_in_background()
            with pytest.raises(OSError, match="No space"):
                teller(writer)
        # Once: then it goes on as if it had not been.
        if teller is not IndexWriter.close:
            writer.compact_in_background()
            writer.close()
        assert read_snapshot(folder, seal=SEAL)[1].row.tolist() == before
        assert verify_index(folder, seal=SEAL).ok
        IndexWriter(folder, seal=SEAL).close()  # whoever failed has let go


def test_what_a_compaction_in_the_background_replaced_is_gone_when_it_is_done(
    folder: Path,
) -> None:
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.change(remove=writer.snapshot.row[:20])
        writer.compact_in_background()
        writer.wait()
        assert len([path for path in folder.glob("segment-*") if not path.suffix]) == 1
        assert verify_index(folder, seal=SEAL).ok


def test_threads_change_fold_and_compact_at_once_and_nothing_is_lost(tmp_path: Path) -> None:
    folder = new_index(tmp_path / "index")
    kept: set[int] = set()
    lost: set[int] = set()
    failed: list[BaseException] = []
    with IndexWriter(folder, seal=SEAL) as writer:

        def work(seed: int) -> None:
            rng = np.random.default_rng(seed)
            try:
                for n in range(20):
                    own = writer.change(**some(rng, 4)).tolist()
                    writer.change(remove=np.array(own[:1]))
                    kept.update(own[1:])
                    lost.update(own[:1])
                    if n % 5 == seed:
                        (writer.fold, writer.compact, writer.tidy)[n % 3]()
                    if seed == 0 and n % 4 == 1 and not writer.compacting:
                        writer.compact_in_background()
            except BaseException as error:  # noqa: BLE001 - told by the thread that waits
                failed.append(error)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failed
        writer.wait()
        assert set(writer.snapshot.row.tolist()) == kept
    assert set(read_snapshot(folder, seal=SEAL, whole=True)[1].row.tolist()) == kept
    assert not kept & lost
    assert verify_index(folder, seal=SEAL).ok


# Readers beside a writer ----------------------------------------------------------------------


def test_who_opened_an_index_before_a_compaction_has_its_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("segments", "prices"):
        monkeypatch.setattr(f"caselight.index.{place}.MIN_ROWS", 1)
    monkeypatch.setattr("caselight.index.prices.ROWS_A_HIT", 4)
    folder = filled(tmp_path / "index", n=200)
    snapshot = read_snapshot(folder, seal=SEAL)[1]
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.compact()
    places = np.arange(3, dtype=np.int64)
    found = snapshot.search(snapshot.take(places), k=1)
    assert (found.distance == 0).all()


def test_an_index_that_is_verified_while_a_writer_writes_is_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """New files lie there before they are named, and old ones go when they no longer are."""
    with IndexWriter(folder, seal=SEAL) as writer:
        (folder / "segment-000009").write_bytes(b"begun")
        assert verify_index(folder, seal=SEAL).ok
        real, times = verify.read_journal, [0]

        def read(*args: Any, **options: Any) -> Any:
            times[0] += 1
            if times[0] == 1:
                writer.compact()
            return real(*args, **options)

        monkeypatch.setattr(verify, "read_journal", read)
        assert verify_index(folder, seal=SEAL).ok
        assert times[0] == 2
    (folder / "segment-000009").write_bytes(b"left")
    assert not verify_index(folder, seal=SEAL).ok


def test_a_reader_whose_index_is_replaced_as_it_opens_it_has_the_new_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, home = folder.parent, folder.parent.parent
    make_current(folder)
    other = new_index(root / "abc-32-2")
    with IndexWriter(other, seal=SEAL) as writer:
        writer.change(**some(np.random.default_rng(5), 7), state={"store": "s:9"})
    from caselight.index import manifest

    real, times = manifest.read_snapshot, [0]

    def read(*args: Any, **options: Any) -> Any:
        times[0] += 1
        if times[0] == 1:
            make_current(other)
        return real(*args, **options)

    monkeypatch.setattr(manifest, "read_snapshot", read)
    assert len(read_index(home, store="s:9", seal=SEAL).items) == 7
    assert not folder.exists()
    (other / "manifest").write_text("something else")
    assert (root / POINTER).is_file()
    with pytest.raises(IndexMismatch):
        read_index(home, store="s:9", seal=SEAL)
    assert current_folder(home) == other
