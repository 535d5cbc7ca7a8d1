"""Whatever happens to the files of an index is found, named and refused, or was never promised."""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight.index import journal, manifest
from caselight.index.manifest import (
    POINTER,
    current_folder,
    index_folders,
    make_current,
    open_index,
    read_index,
    read_manifest,
    read_snapshot,
    read_version,
)
from caselight.index.verify import verify_index
from caselight.index.writer import IndexWriter
from tests.index.damage import blotted, files, journal_of, named, refused, tampered, used
from tests.index.sealed import MODEL, OTHER_SEAL, SEAL, filled, new_index, some


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "home" / "index" / "abc-32-1")


# Bytes ----------------------------------------------------------------------------------------


def test_a_whole_index_is_whole(folder: Path) -> None:
    used(folder)
    verdict = verify_index(folder, seal=SEAL)
    assert (verdict.ok, verdict.n_items, verdict.n_files) == (True, 43, 6)
    assert verdict.digest == read_snapshot(folder, seal=SEAL)[2]["digest"]


def test_every_byte_that_is_flipped_in_any_file_is_found_and_refused(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for path in files(folder):
        whole = path.read_bytes()
        places = rng.choice(len(whole), min(len(whole), 150), replace=False)
        for place in {*places.tolist(), 0, len(whole) - 1}:
            changed = bytearray(whole)
            changed[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(changed)
            said = verify_index(folder, seal=SEAL)
            assert not said.ok, (path.name, place)
            assert any(fault.file.startswith(path.name.split(".")[0]) for fault in said.faults)
            refused(lambda: used(folder))
        path.write_bytes(whole)
    used(folder)


@pytest.mark.parametrize("how", ["cut", "dropped", "appended", "swapped", "empty", "lost", "zeros"])
def test_every_file_that_is_damaged_is_named_and_refused(folder: Path, how: str) -> None:
    for path in files(folder):
        whole = path.read_bytes()
        middle = len(whole) // 2
        damaged = {
            "cut": whole[:-1],
            "dropped": whole[:middle] + whole[middle + 1 :],
            "appended": whole + b"\0",
            "swapped": whole[middle:] + whole[:middle],
            "empty": b"",
            "zeros": bytes(len(whole)),
        }
        if how == "lost":
            path.unlink()
        else:
            path.write_bytes(damaged[how])
        if how == "appended" and path.name.startswith("journal") and not path.suffix:
            # A part of a frame behind the signed end: a killed writer leaves that.
            used(folder)
            assert verify_index(folder, seal=SEAL).ok
        elif how in ("empty", "zeros") and path.suffix == journal.HEAD:
            # A loss of power leaves that, for the head is not flushed: each frame is signed.
            used(folder)
            assert [fault.file for fault in verify_index(folder, seal=SEAL).faults] == [path.name]
        else:
            refused(lambda: used(folder))
            said = verify_index(folder, seal=SEAL)
            names = [fault.file for fault in said.faults]
            assert any(name.startswith(path.name.split(".")[0]) for name in names), names
        path.write_bytes(whole)
    used(folder)


def test_files_that_changed_places_are_refused(folder: Path) -> None:
    for one in files(folder):
        for other in files(folder):
            if one < other:
                both = one.read_bytes(), other.read_bytes()
                one.write_bytes(both[1])
                other.write_bytes(both[0])
                refused(lambda: used(folder))
                assert not verify_index(folder, seal=SEAL).ok
                one.write_bytes(both[0])
                other.write_bytes(both[1])


def test_a_file_that_nobody_named_is_found(folder: Path) -> None:
    (folder / "segment-000009").write_bytes(b"")
    assert [fault.file for fault in verify_index(folder, seal=SEAL).faults] == ["segment-000009"]


def test_an_index_that_another_home_signed_is_refused(folder: Path) -> None:
    refused(lambda: read_snapshot(folder, seal=OTHER_SEAL), "manifest")


def test_older_files_of_the_same_index_are_refused(folder: Path, tmp_path: Path) -> None:
    """Each file was signed once; only together are they the index."""
    before = shutil.copytree(folder, tmp_path / "before")
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.change(**some(np.random.default_rng(9), 4))
    for name in (journal_of(folder).name,):
        now = (folder / name).read_bytes()
        shutil.copy(before / name, folder / name)
        refused(lambda: used(folder), name)
        (folder / name).write_bytes(now)
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.compact()
    now = (folder / "manifest").read_bytes()
    shutil.copy(before / "manifest", folder / "manifest")
    refused(lambda: used(folder))
    (folder / "manifest").write_bytes(now)
    used(folder)


# Items ----------------------------------------------------------------------------------------


def test_an_item_that_was_altered_is_named(folder: Path) -> None:
    def change(arrays: dict[str, Any]) -> None:
        arrays["embeddings"][11] += 1
        arrays["study"][23] += 1

    verdict = tampered(folder, change)
    assert named(verdict) == [("altered", 11), ("altered", 23)]
    assert verdict.faults[0].study is not None


def test_items_that_changed_places_are_named(folder: Path) -> None:
    def change(arrays: dict[str, Any]) -> None:
        arrays["embeddings"][[4, 30]] = arrays["embeddings"][[30, 4]]

    verdict = tampered(folder, change)
    assert named(verdict) == [("swapped", 4), ("swapped", 30)]
    assert "item 30" in verdict.faults[0].detail


def dropped(arrays: dict[str, Any]) -> None:
    from caselight.index.layout import pack, unpack

    packed = unpack(arrays["codes"], 40, 32)
    for name in ("embeddings", "kind", "position", "row", "study"):
        arrays[name] = np.delete(arrays[name], 8, axis=0)
    arrays["codes"] = pack(np.delete(packed, 8, axis=0))


def test_an_item_that_was_dropped_is_named(folder: Path) -> None:
    assert named(tampered(folder, dropped)) == [("dropped", 8)]


def test_an_item_that_was_added_is_named(folder: Path) -> None:
    from caselight.index.layout import pack, unpack

    def change(arrays: dict[str, Any]) -> None:
        packed = unpack(arrays["codes"], 40, 32)
        for name in ("embeddings", "kind", "position", "study"):
            arrays[name] = np.concatenate([arrays[name], arrays[name][:1]])
        arrays["row"] = np.append(arrays["row"], 99)
        arrays["codes"] = pack(np.concatenate([packed, packed[:1]]))

    assert named(tampered(folder, change)) == [("added", 99)]


def test_an_embedding_that_was_changed_is_refused_when_it_is_used(folder: Path) -> None:
    """It is too much to look at when the index is opened."""
    blotted(folder)
    snapshot = read_snapshot(folder, seal=SEAL)[1]
    place = snapshot.row.tolist().index(5)
    snapshot.vectors(np.array([place - 1, place + 1]))
    refused(lambda: snapshot.vectors(np.array([place])), "item 5")


# Writing --------------------------------------------------------------------------------------


class Killed(Exception):
    """Stands for the process's end."""


@pytest.mark.parametrize("step", range(14))
@pytest.mark.parametrize("act", ["change", "fold", "compact"])
def test_a_writer_that_ends_at_any_step_leaves_the_old_or_the_new(
    folder: Path, monkeypatch: pytest.MonkeyPatch, act: str, step: int
) -> None:
    """Every call that reaches the disk is the last one, in turn."""
    before = read_snapshot(folder, seal=SEAL)[1].row.tolist()
    left = [step]

    def counted(real: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return real(*args, **options)

        return call

    writer = IndexWriter(folder, seal=SEAL)
    with monkeypatch.context() as patched:
        for name in ("fsync", "fdatasync", "ftruncate", "write"):
            patched.setattr(os, name, counted(getattr(os, name)))
        patched.setattr(Path, "replace", counted(Path.replace))
        patched.setattr(Path, "unlink", counted(Path.unlink))
        try:
            if act == "change":
                writer.change(remove=np.array([0]), **some(np.random.default_rng(1), 3))
            else:
                getattr(writer, act)()
        except Killed:
            pass
    os.close(writer._lock)
    after = read_snapshot(folder, seal=SEAL, whole=True)[1].row.tolist()
    changed = [*before[1:], 45, 46, 47]
    assert after in ((before, changed) if act == "change" else (before,))
    with IndexWriter(folder, seal=SEAL) as again:
        again.change(**some(np.random.default_rng(2), 2))
    assert len(read_snapshot(folder, seal=SEAL)[1]) == len(after) + 2
    assert verify_index(folder, seal=SEAL).ok


@pytest.mark.parametrize("seed", range(30))
def test_a_journal_whose_last_write_was_torn_or_reordered_is_the_old_one(
    folder: Path, seed: int
) -> None:
    """Blocks of a write that was not flushed may reach the disk in part, in any order."""
    rng = np.random.default_rng(seed)
    path = journal_of(folder)
    heads = path.with_name(f"{path.name}{journal.HEAD}")
    old, head = path.read_bytes(), heads.read_bytes()
    before = read_snapshot(folder, seal=SEAL)[1].row.tolist()
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.change(**some(rng, 20))
    new = bytearray(path.read_bytes())
    size = int(rng.choice([1, 64, 512]))
    blocks = range(len(old), len(new), size)
    lost = rng.choice(len(blocks), max(1, len(blocks) // 2), replace=False)
    for block in lost.tolist():
        begin = blocks[block]
        new[begin : begin + size] = bytes(len(new[begin : begin + size]))
    path.write_bytes(new[: int(rng.integers(len(old), len(new)))] if seed % 2 else new)
    heads.write_bytes(head)
    assert read_snapshot(folder, seal=SEAL)[1].row.tolist() == before
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.change(**some(rng, 1))
    assert len(read_snapshot(folder, seal=SEAL)[1]) == len(before) + 1
    used(folder)


@pytest.mark.parametrize("act", ["change", "fold", "compact"])
def test_a_full_disk_leaves_the_old_index_and_goes_on_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch, act: str
) -> None:
    before = read_snapshot(folder, seal=SEAL)[1].row.tolist()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with IndexWriter(folder, seal=SEAL) as writer:
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            patched.setattr(os, "fdatasync", full)
            items = some(np.random.default_rng(1), 3) if act == "change" else {}
            with pytest.raises(OSError, match="No space"):
                getattr(writer, act)(**items)
        assert read_snapshot(folder, seal=SEAL)[1].row.tolist() == before
        assert writer.snapshot.row.tolist() == before
        writer.change(**some(np.random.default_rng(1), 3))
        writer.compact()
    assert len(read_snapshot(folder, seal=SEAL)[1]) == len(before) + 3
    assert verify_index(folder, seal=SEAL).ok


def test_items_of_another_shape_are_refused_and_nothing_is_added(folder: Path) -> None:
    with IndexWriter(folder, seal=SEAL) as writer:
        n = len(writer.snapshot)
        for wrong in ({"n_bits": 64}, {"dim": 5}):
            items = some(np.random.default_rng(0), 3, **wrong)
            refused(lambda items=items: writer.change(**items), code="index.bits_mismatch")  # type: ignore[misc]
        assert len(writer.snapshot) == n


# The home's -----------------------------------------------------------------------------------


def test_an_index_is_of_a_store_and_a_model(folder: Path) -> None:
    home = folder.parent.parent
    refused(lambda: read_manifest(home, seal=SEAL), "index build", code="index.missing")
    make_current(folder)
    found = read_index(home, store="s:1", seal=SEAL)
    assert found.manifest == read_manifest(home, seal=SEAL)
    assert (found.manifest.model, found.manifest.n_bits) == (MODEL, 32)
    assert found.manifest.n_images + found.manifest.n_reports == len(found.items) == 43
    assert found.manifest.digest == found.items.digest(MODEL)
    refused(lambda: read_index(home, store="s:2", seal=SEAL), "index build", code="index.stale")


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"..", b"nothing", b"abc-32-1/..", b"/tmp"])
def test_a_broken_pointer_is_refused(folder: Path, content: bytes) -> None:
    home = folder.parent.parent
    make_current(folder)
    (home / "index" / POINTER).write_bytes(content)
    refused(lambda: current_folder(home))


def test_the_index_of_another_model_is_kept_until_a_third_comes(folder: Path) -> None:
    root = folder.parent
    make_current(folder)
    for name in ("abc-32-2", "def-32-1", "def-32-2", "ghi-32-1"):
        new_index(root / name)
        make_current(root / name)
        assert current_folder(root.parent).name == name
        assert index_folders(root.parent)[0].name == name
    assert sorted(path.name for path in root.iterdir()) == ["current", "def-32-2", "ghi-32-1"]


def test_an_index_of_a_newer_format_is_left_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (folder / "manifest").read_text("utf-8")
    said = json.loads(SEAL.open(text))
    body = json.dumps({**said, "format": manifest.FORMAT + 1, "colour": "red"})
    (folder / "manifest").write_text(SEAL.seal(f"{body}\n"), "utf-8")
    for act in (lambda: read_version(folder, seal=SEAL), lambda: open_index(folder, seal=SEAL)):
        refused(act, "upgrade", code="index.newer_version")
    refused(lambda: IndexWriter(folder, seal=SEAL), code="index.newer_version")


def test_an_index_of_an_earlier_caselight_is_to_be_built_again(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    refused(lambda: open_index(tmp_path, seal=SEAL), "index build", code="index.stale")
