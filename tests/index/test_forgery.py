"""Who can write the files of an index, and has not its key, cannot have it answer otherwise."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from caselight.index import journal
from caselight.index.manifest import read_snapshot
from caselight.index.segments import LIST, read_arrays
from caselight.index.verify import verify_index
from caselight.index.writer import IndexWriter
from tests.index.damage import blotted, files, journal_of, named, refused, tampered, used
from tests.index.sealed import OTHER_SEAL, SEAL, filled, some


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path / "home" / "index" / "abc-32-1")


def test_a_head_that_was_lost_with_the_power_is_made_again_by_the_next_change(folder: Path) -> None:
    before = read_snapshot(folder, seal=SEAL)[1].row.tolist()
    head = journal_of(folder).with_suffix(journal.HEAD)
    head.write_bytes(b"")
    with IndexWriter(folder, seal=SEAL) as writer:
        assert writer.snapshot.row.tolist() == before
        writer.change(**some(np.random.default_rng(1), 3))
    assert verify_index(folder, seal=SEAL).n_items == len(before) + 3


class Keyless:
    """Whoever can write files and has the public key."""

    open = staticmethod(SEAL.open)

    def seal(self, body: str, /) -> str:
        return OTHER_SEAL.seal(body)


def test_a_frame_that_is_not_signed_is_not_served(folder: Path, tmp_path: Path) -> None:
    """Digests chain frames, and anybody can compute them."""
    before = read_snapshot(folder, seal=SEAL)[1].row.tolist()
    head = journal_of(folder).with_suffix(journal.HEAD).read_bytes()
    path = journal_of(folder)
    for keep_head in (True, False):
        whole = path.read_bytes()
        frames, end = journal.read_journal(folder, path.name, seal=SEAL)
        items = some(np.random.default_rng(1), 3)
        items["embeddings"] = items["embeddings"].astype(np.float16)
        frame = {"row": np.arange(45, 48), **items}
        journal.append_frames(folder, end, [frame], seal=Keyless())
        assert len(path.read_bytes()) > len(whole)
        if not keep_head:
            refused(lambda: used(folder), path.name)
        path.with_suffix(journal.HEAD).write_bytes(head)
        assert read_snapshot(folder, seal=SEAL)[1].row.tolist() == before
        assert journal.read_journal(folder, path.name, seal=SEAL)[1] == end
        assert len(frames) == 3
        path.write_bytes(whole)


def test_what_was_signed_for_one_journal_is_good_for_no_other(folder: Path, tmp_path: Path) -> None:
    """Its home has signed it, for another index of the same number of changes."""
    other = filled(tmp_path / "other", seed=7)
    own = journal_of(folder)
    theirs = journal_of(other)
    for end in ("", journal.HEAD):
        shutil.copy(f"{theirs}{end}", f"{own}{end}")
    refused(lambda: used(folder), own.name)
    verdict = verify_index(folder, seal=SEAL)
    assert {fault.file for fault in verdict.faults} == {own.name}
    for end in ("", journal.HEAD):
        Path(f"{own}{end}").unlink()
        shutil.copy(f"{theirs}{end}", folder)
    refused(lambda: used(folder), own.name)


@pytest.mark.parametrize("end", ["", LIST])
def test_a_header_that_says_more_is_found(folder: Path, end: str) -> None:
    """Not a section is another: what is said of them is."""
    (path,) = [p for p in files(folder) if p.name.startswith("segment") and p.suffix == end]
    whole = path.read_bytes()
    size = int.from_bytes(whole[:8], "little")
    said = {"__metadata__": {"more": "than was written"}, **json.loads(whole[8 : 8 + size])}
    write_header(path, json.dumps(said).encode(), whole[8 + size :])
    refused(lambda: used(folder), path.name)
    assert [(f.file, f.detail) for f in verify_index(folder, seal=SEAL).faults] == [
        (path.name, "its header was changed")
    ]


def write_header(path: Path, header: bytes, rest: bytes) -> None:
    path.write_bytes(len(header).to_bytes(8, "little") + header + rest)


@pytest.mark.parametrize(
    "header",
    [
        b"12",
        b"[]",
        b'"text"',
        b"{}",
        b"[" * 60_000,
        b'{"row": "text"}',
        b'{"row": {"dtype": "I64", "shape": 5, "data_offsets": [0, 40]}}',
        b'{"row": {"dtype": "I64", "shape": [-1], "data_offsets": [8, 0]}}',
        b'{"row": {"dtype": "I64", "shape": [1e400], "data_offsets": [0, 0]}}',
        b'{"row": {"dtype": "I64", "shape": [1], "data_offsets": [0, 1e400]}}',
        b'{"row": {"dtype": "I64", "shape": [4294967296, 4294967296], "data_offsets": [0, 0]}}',
        b'{"row": {"dtype": "I64", "shape": [1%s], "data_offsets": [0, 0]}}' % (b"0" * 30),
        b'{"row": {"dtype": "F99", "shape": [1], "data_offsets": [0, 8]}}',
    ],
    ids=range(13),
)
@pytest.mark.parametrize("end", ["", LIST])
def test_a_header_that_is_none_is_refused_and_costs_nothing(
    folder: Path, header: bytes, end: str
) -> None:
    (path,) = [p for p in files(folder) if p.name.startswith("segment") and p.suffix == end]
    whole = path.read_bytes()
    write_header(path, header, whole[8 + int.from_bytes(whole[:8], "little") :])
    refused(lambda: used(folder), path.name)
    assert {fault.file for fault in verify_index(folder, seal=SEAL).faults} == {path.name}
    path.write_bytes((2**62).to_bytes(8, "little") + whole[8:])
    refused(lambda: used(folder), path.name)


@pytest.mark.parametrize("name", ["codes", "kind", "position", "row", "study", "embeddings"])
@pytest.mark.parametrize(
    "turn",
    [
        lambda array: array.reshape(len(array), -1, 1),
        lambda array: array.reshape(-1).view(np.uint8),
        lambda array: array.astype(np.float16),
        lambda array: array[:0],
        lambda array: array[::-1],
    ],
    ids=["dimensions", "bytes", "type", "empty", "turned"],
)
def test_sections_of_another_kind_are_found_and_not_fallen_over(
    folder: Path, name: str, turn: Callable[[Any], Any]
) -> None:
    def change(arrays: dict[str, Any]) -> None:
        arrays[name] = turn(arrays[name])

    changed = read_arrays(next(folder.glob("segment-??????")))[name]
    if np.array_equal(turn(changed), changed) and turn(changed).dtype == changed.dtype:
        return
    assert tampered(folder, change).faults


def test_an_item_that_was_changed_is_not_signed_anew(folder: Path) -> None:
    """Compaction writes all items once more; it must not make one whole that was not."""
    before = read_snapshot(folder, seal=SEAL)[1].row.tolist()
    blotted(folder)
    with IndexWriter(folder, seal=SEAL) as writer:
        refused(writer.compact, "item 5")
        refused(lambda: (writer.compact_in_background(), writer.wait()), "item 5")
        assert writer.snapshot.row.tolist() == before
    assert named(verify_index(folder, seal=SEAL)) == [("altered", 5)]
