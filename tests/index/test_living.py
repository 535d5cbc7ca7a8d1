"""A living index is what it would be had it been made at once, after any history, from any file."""

import multiprocessing
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caselight.errors import IndexMismatch
from caselight.index import writer as writer_module
from caselight.index.manifest import read_snapshot
from caselight.index.snapshot import Snapshot
from caselight.index.substrings import available
from caselight.index.verify import verify_index
from caselight.index.writer import IndexWriter
from caselight.types import Codes
from tests.index.sealed import MODEL, SEAL, Mirror, filled, new_index, some

steps = st.lists(
    st.tuples(
        st.sampled_from(
            ("add", "add", "add", "remove", "update", "study", "fold", "compact", "behind", "open")
        ),
        st.integers(0, 2**32 - 1),
    ),
    max_size=14,
)


def same(snapshot: Snapshot, mirror: Mirror, rng: np.random.Generator) -> None:
    """Check a snapshot against the slow one: rows, columns, codes, vectors, searches."""
    rows = sorted(mirror.items)
    assert snapshot.row.tolist() == rows
    assert len(snapshot) == len(rows)
    if not rows:
        return
    for name in ("kind", "study", "position"):
        assert np.array_equal(snapshot.column(name), mirror.column(name))
    places = np.sort(rng.choice(len(rows), min(len(rows), 6), replace=False)).astype(np.int64)
    assert np.array_equal(snapshot.take(places).packed, mirror.column("packed")[places])
    vectors = mirror.column("embeddings")[places]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert np.abs(snapshot.vectors(places) - vectors).max() < 2e-3
    queries = np.concatenate(
        [rng.integers(0, 256, (1, 4), dtype=np.uint8), mirror.column("packed")[:1]]
    )
    for allowed in (None, rng.uniform(size=len(rows)) < 0.5):
        k = int(rng.integers(1, len(rows) + 3))
        found = snapshot.search(Codes(packed=queries, n_bits=32), k=k, allowed=allowed)
        expected = [mirror.nearest(query, k, allowed) for query in queries]
        pairs = np.stack([found.distance, found.rows], axis=-1).tolist()
        assert pairs == [[list(pair) for pair in one] for one in expected]


@settings(max_examples=40)
@given(steps, st.integers(0, 2**32 - 1))
def test_after_any_history_it_is_the_plain_one(
    tmp_path_factory: pytest.TempPathFactory, history: list[tuple[str, int]], seed: int
) -> None:
    folder = new_index(tmp_path_factory.mktemp("any") / "index")
    rng, mirror = np.random.default_rng(seed), Mirror()
    writer = IndexWriter(folder, seal=SEAL)
    for step, choice in history:
        draw = np.random.default_rng(choice)
        rows = sorted(mirror.items)
        gone = draw.choice(rows, min(len(rows), 4), replace=False) if rows else np.zeros(0, int)
        if step in ("add", "update"):
            items = some(draw, int(draw.integers(1, 30)))
            gone = gone if step == "update" else np.zeros(0, int)
            mirror.remove(gone)
            mirror.add(writer.change(remove=gone.astype(np.int64), **items), items)
        elif step == "remove":
            writer.change(remove=np.concatenate([gone, [10**6]]).astype(np.int64))
            mirror.remove(gone)
        elif step == "study":
            of = {row: int(item["study"]) for row, item in mirror.items.items()}
            chosen = set(draw.integers(0, 20, 3).tolist())
            gone = np.array([row for row, study in of.items() if study in chosen], dtype=np.int64)
            assert writer.remove_studies(chosen) == len(gone)
            mirror.remove(gone)
        elif step == "fold":
            writer.fold()
        elif step == "compact":
            writer.compact()
        elif step == "behind":
            writer.compact_in_background()
        else:
            writer.close()
            writer = IndexWriter(folder, seal=SEAL)
        same(writer.snapshot, mirror, rng)
    same(read_snapshot(folder, seal=SEAL, whole=True)[1], mirror, rng)
    writer.close()
    same(read_snapshot(folder, seal=SEAL, whole=True)[1], mirror, rng)


@pytest.fixture
def _small_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every segment make tables, and every search that wants few items ask them."""
    monkeypatch.setattr("caselight.index.segments.MIN_ROWS", 1)
    monkeypatch.setattr("caselight.index.prices.MIN_ROWS", 1)
    monkeypatch.setattr("caselight.index.prices.ROWS_A_HIT", 4)


@pytest.mark.usefixtures("_small_tables")
@pytest.mark.skipif(not available(), reason="the native extension was not built")
def test_tables_answer_as_the_scan_does(tmp_path: Path) -> None:
    rng, mirror = np.random.default_rng(0), Mirror()
    folder = new_index(tmp_path / "index")
    methods = set()
    with IndexWriter(folder, seal=SEAL) as writer:
        for n in range(12):
            items = some(rng, 60)
            mirror.add(writer.change(**items), items)
            gone = writer.snapshot.row[rng.uniform(size=len(writer.snapshot)) < 0.1]
            writer.change(remove=gone)
            mirror.remove(gone)
            if n % 3 == 2:
                writer.fold()
            if n % 5 == 4:
                writer.compact()
            same(writer.snapshot, mirror, rng)
            for snapshot in (writer.snapshot, read_snapshot(folder, seal=SEAL)[1]):
                query = Codes(packed=mirror.column("packed")[:3], n_bits=32)
                found, works = snapshot.explain(query, k=4)
                methods |= {(work.method, bool(work.file)) for work in works}
                pairs = np.stack([found.distance, found.rows], axis=-1).tolist()
                expected = [mirror.nearest(packed, 4, None) for packed in query.packed]
                assert pairs == [[list(pair) for pair in one] for one in expected]
                assert found.n_compared == sum(w.n_scanned + w.n_candidates for w in works)
    assert {("tables", True), ("scan", False)} <= methods


@pytest.mark.usefixtures("_small_tables")
@pytest.mark.skipif(not available(), reason="the native extension was not built")
@pytest.mark.parametrize("damage", ["flip", "cut", "lost"])
def test_tables_that_were_changed_are_refused_when_they_are_used(
    tmp_path: Path, damage: str
) -> None:
    folder = filled(tmp_path / "index", n=80)
    (path,) = folder.glob("*.tables")
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 1
    if damage == "lost":
        path.unlink()
    else:
        path.write_bytes(whole[:-1] if damage == "cut" else whole)
    assert [fault.file for fault in verify_index(folder, seal=SEAL).faults] == [path.name]
    snapshot = read_snapshot(folder, seal=SEAL)[1]
    with pytest.raises(IndexMismatch, match="tables") as refused:
        snapshot.search(Codes(packed=np.zeros((1, 4), dtype=np.uint8), n_bits=32), k=2)
    assert refused.value.code == "index.digest_mismatch"


@given(st.integers(0, 10**6), st.lists(st.integers(1, 30), min_size=1, max_size=5))
@settings(max_examples=15)
def test_the_digest_does_not_hang_on_how_it_came_to_be(
    tmp_path_factory: pytest.TempPathFactory, seed: int, sizes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("digest")
    items = some(np.random.default_rng(seed), sum(sizes))
    digests = []
    for name, cuts in (("once", [sum(sizes)]), ("pieces", sizes)):
        with IndexWriter(new_index(folder / name), seal=SEAL) as writer:
            begin = 0
            for size in cuts:
                writer.change(**{k: v[begin : begin + size] for k, v in items.items()})
                begin += size
                if name == "pieces":
                    writer.fold()
            digests.append(writer.snapshot.digest(MODEL))
            writer.compact()
            digests.append(writer.snapshot.digest(MODEL))
            other = {**items, "position": items["position"] + 1}
            writer.change(remove=writer.snapshot.row, **other)
            assert writer.snapshot.digest(MODEL) not in digests
    assert len(set(digests)) == 1


def test_rows_are_never_given_twice(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    folder = new_index(tmp_path / "index")
    for n in (3, 4):
        with IndexWriter(folder, seal=SEAL) as writer:
            rows = writer.change(**some(rng, n))
            writer.change(remove=rows)
            if n == 3:
                assert rows.tolist() == [0, 1, 2]
            else:
                assert rows.tolist() == [3, 4, 5, 6]
                writer.compact()
    with IndexWriter(folder, seal=SEAL) as writer:
        assert writer.change(**some(rng, 1)).tolist() == [7]


def test_a_second_writer_is_refused_and_readers_are_not(tmp_path: Path) -> None:
    folder = filled(tmp_path / "index")
    with IndexWriter(folder, seal=SEAL) as writer:
        with pytest.raises(IndexMismatch, match="another process") as refused:
            IndexWriter(folder, seal=SEAL)
        assert refused.value.code == "index.locked"
        assert len(read_snapshot(folder, seal=SEAL)[1]) == len(writer.snapshot)
    IndexWriter(folder, seal=SEAL).close()


def test_what_was_removed_is_gone_from_the_disk_after_compaction(tmp_path: Path) -> None:
    folder = new_index(tmp_path / "index")
    items = some(np.random.default_rng(0), 30)
    items["embeddings"][7] = 7777.0
    needle = np.float16(7777.0).tobytes() * 4
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.change(**items)
        writer.fold()
        writer.change(remove=np.array([7], dtype=np.int64))
        assert any(needle in path.read_bytes() for path in folder.iterdir())
        writer.compact()
    assert not any(needle in path.read_bytes() for path in folder.iterdir())
    assert sorted(path.name.split("-")[0] for path in folder.iterdir()) == [
        *("journal", "journal", "lock", "manifest", "segment", "segment")
    ]


def test_items_are_folded_and_segments_compacted_when_it_is_due(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "FOLD_ITEMS", 50)
    rng, mirror = np.random.default_rng(0), Mirror()
    with IndexWriter(new_index(tmp_path / "index"), seal=SEAL) as writer:
        for _ in range(60):
            items = some(rng, 20)
            mirror.add(writer.change(**items), items)
            writer.tidy()
            assert len(writer.version.segments) <= writer_module.MAX_SEGMENTS
        assert len(writer.version.segments) > 1
        gone = writer.snapshot.row[: len(writer.snapshot) // 2]
        writer.change(remove=gone)
        mirror.remove(gone)
        writer.tidy()
        assert len(writer.version.segments) == 1
        same(writer.snapshot, mirror, rng)


def test_a_snapshot_outlives_what_the_writer_does(tmp_path: Path) -> None:
    folder = filled(tmp_path / "index")
    snapshot = read_snapshot(folder, seal=SEAL)[1]
    before = snapshot.digest(MODEL)
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.change(remove=writer.snapshot.row)
        writer.compact()
    assert snapshot.digest(MODEL) == before
    assert len(snapshot.vectors(np.arange(len(snapshot)))) == len(snapshot) == 43


def test_nothing_of_a_snapshot_can_be_written(tmp_path: Path) -> None:
    folder = filled(tmp_path / "index")
    with IndexWriter(folder, seal=SEAL) as writer:
        for snapshot in (writer.snapshot, read_snapshot(folder, seal=SEAL)[1]):
            names = {name for name in dir(snapshot) if not name.startswith("_")}
            assert names == {
                *("parts", "n_bits", "dim", "row", "column", "search", "take", "vectors"),
                *("leaves", "digest", "explain", "items"),
            }
            for part in snapshot.parts:
                for array in part.segment.arrays.values():
                    assert not array.flags.writeable
                    with pytest.raises(ValueError, match="read-only"):
                        array[...] = 0


def test_readers_see_whole_changes_while_a_writer_writes(tmp_path: Path) -> None:
    folder = new_index(tmp_path / "index")
    stop = threading.Event()
    wrong: list[object] = []

    def read() -> None:
        while not stop.is_set():
            snapshot = read_snapshot(folder, seal=SEAL)[1]
            # Items come and go five at a time, all of one study.
            _, counts = np.unique(snapshot.column("study"), return_counts=True)
            if set(counts.tolist()) - {5}:
                wrong.append(counts)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    rng = np.random.default_rng(0)
    with IndexWriter(folder, seal=SEAL) as writer:
        for n in range(60):
            items = {**some(rng, 5), "study": np.full(5, n)}
            gone = writer.snapshot.row[:5] if n % 3 == 0 and n else None
            writer.change(remove=gone, **items)
            if n % 10 == 9:
                writer.compact()
            elif n % 7 == 6:
                writer.fold()
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong


def _write_until_killed(folder: str, told: Any) -> None:
    rng = np.random.default_rng(os.getpid())
    with IndexWriter(Path(folder), seal=SEAL) as writer:
        for n in range(10**6):
            rows = writer.change(**{**some(rng, 3), "study": np.full(3, n)})
            told.send((n, rows.tolist()))
            if n % 4 == 3:
                gone = writer.snapshot.row[:2]
                writer.change(remove=gone)
                told.send((-1, gone.tolist()))
            if n % 9 == 8:
                writer.fold()
            if n % 25 == 24:
                writer.compact()


def kill_once(folder: Path, after_s: float, kept: set[int], lost: set[int]) -> None:
    """Let a process write, kill it, and check that all it was told of is there."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=_write_until_killed, args=(str(folder), theirs))
    process.start()
    ours.poll(20)
    process.join(after_s)
    process.kill()
    process.join()
    theirs.close()
    try:
        while ours.poll():
            n, rows = ours.recv()
            (lost if n < 0 else kept).update(rows)
    except EOFError:
        pass
    there = set(read_snapshot(folder, seal=SEAL, whole=True)[1].row.tolist())
    with IndexWriter(folder, seal=SEAL) as writer:
        assert set(writer.snapshot.row.tolist()) == there
        # The change that was under way when it was killed may be there whole, and nothing else.
        assert kept - lost - there <= set(sorted(kept - lost)[:2])
        assert len(there & lost) == 0
        assert len(there - kept) in (0, 3)
        kept |= there
        lost |= kept - there
        studies = writer.snapshot.column("study")
        assert len(studies) == len(there)


@pytest.mark.parametrize("seed", range(4))
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path, seed: int) -> None:
    folder = new_index(tmp_path / "index")
    rng = np.random.default_rng(seed)
    kept: set[int] = set()
    lost: set[int] = set()
    for _ in range(2):
        kill_once(folder, float(rng.uniform(0, 0.15)), kept, lost)


@pytest.mark.slow
def test_a_writer_killed_at_two_hundred_moments_loses_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for n in range(20):
        folder = new_index(tmp_path / f"index-{n}")
        kept: set[int] = set()
        lost: set[int] = set()
        for _ in range(10):
            kill_once(folder, float(rng.uniform(0, 0.2)), kept, lost)
