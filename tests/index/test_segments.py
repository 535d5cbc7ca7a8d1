"""What is computed for many items at once is what each of them says alone."""

import hashlib
import mmap
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.index import segments
from caselight.index.segments import Items, fetch_ahead, leaves
from caselight.index.writer import IndexWriter
from tests.index.sealed import SEAL, new_index, some


def items_of(n: int, n_bits: int, dim: int) -> Items:
    rng = np.random.default_rng(n)
    made = some(rng, n, n_bits=n_bits, dim=dim)
    made["embeddings"] = made["embeddings"].astype(np.float16)
    return Items(row=np.sort(rng.integers(0, 1 << 40, n)), **made)


@pytest.mark.parametrize(("n_bits", "dim"), [(8, 1), (32, 4), (256, 512)])
@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 40])
def test_the_digest_of_an_item_is_of_its_bytes_in_their_order(
    n: int, n_bits: int, dim: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_HASHED_TOGETHER", 8)
    items = items_of(n, n_bits, dim)
    slow = [
        hashlib.sha256(
            b"\x00"
            + struct.pack("<Bqqq", items.kind[i], items.row[i], items.study[i], items.position[i])
            + items.packed[i].tobytes()
            + items.embeddings[i].astype("<f2").tobytes()
        ).digest()
        for i in range(n)
    ]
    assert [leaf.tobytes() for leaf in leaves(items)] == slow
    turned = items.chosen(np.arange(n)[::-1])
    assert [leaf.tobytes() for leaf in leaves(turned)] == slow[::-1]


def test_vectors_of_several_parts_are_those_of_each_in_the_order_asked_for(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with IndexWriter(new_index(tmp_path / "index"), seal=SEAL) as writer:
        kept = []
        for folded in (True, True, False):
            items = some(rng, 30)
            writer.change(**items)
            kept.append(items["embeddings"])
            if folded:
                writer.fold()
        slow = np.concatenate(kept).astype(np.float16).astype(np.float32)
        slow /= np.maximum(np.linalg.norm(slow, axis=1, keepdims=True), 1e-12)
        snapshot = writer.snapshot
    assert len(snapshot.parts) == 3
    for places in (rng.permutation(90), np.arange(5), np.array([89, 0, 89]), np.zeros(0, int)):
        assert np.array_equal(snapshot.vectors(places.astype(np.int64)), slow[places])


@given(st.lists(st.integers(0, 399), max_size=12), st.sampled_from([6, 700, 5000]))
def test_exactly_the_pages_of_the_rows_are_asked_for_ahead(places: list[int], width: int) -> None:
    asked = set()

    class Mapped(mmap.mmap):
        def madvise(self, option: int, start: int = 0, length: int = 0) -> None:
            assert (option, start % mmap.PAGESIZE) == (mmap.MADV_WILLNEED, 0)
            asked.update(range(start // mmap.PAGESIZE, -(-(start + length) // mmap.PAGESIZE)))

    begin, wide = 100, 2 * width
    flat = np.frombuffer(Mapped(-1, begin + 400 * wide), np.uint8)[begin:]
    fetch_ahead(flat.view(np.float16).reshape(400, width), np.array(places, dtype=np.int64))
    assert asked == {
        (begin + byte) // mmap.PAGESIZE
        for place in places
        for byte in range(place * wide, (place + 1) * wide)
    }


def test_what_is_in_memory_or_a_whole_file_is_not_asked_for_ahead() -> None:
    fetch_ahead(np.zeros((5, 4), np.float16), np.arange(5))

    class Mapped(mmap.mmap):
        def madvise(self, *_: int) -> None:
            raise AssertionError("was asked for")

    array = np.frombuffer(Mapped(-1, 40_000), np.float16).reshape(-1, 1)
    fetch_ahead(array, np.arange(len(array)))
