"""The exact index answers like a sorted list, and its digest knows only what it holds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from caselight.codes import pack_signs
from caselight.errors import IndexMismatch
from caselight.index import INDEXES
from caselight.index.flat import FlatIndex
from caselight.protocols import Index
from caselight.types import Codes
from strategies import SignArray, galleries, sign_batches

Gallery = tuple[NDArray[np.int64], SignArray]
queries = sign_batches(n_bits=16, min_rows=1, max_rows=4)


def filled(rows: NDArray[np.int64], signs: SignArray) -> FlatIndex:
    index = FlatIndex(16)
    index.add(rows, pack_signs(signs))
    return index


def brute_force(query: SignArray, rows: NDArray[np.int64], signs: SignArray) -> list[list[int]]:
    """(distance, row) of every row, nearest first, ties in order of row."""
    found = [[int((query != code).sum()), int(row)] for row, code in zip(rows, signs, strict=True)]
    return sorted(found)


@given(galleries(), queries, st.integers(1, 25))
def test_a_search_equals_sorting_every_distance(gallery: Gallery, asked: SignArray, k: int) -> None:
    found = filled(*gallery).search(pack_signs(asked), k=k)
    expected = [brute_force(query, *gallery)[:k] for query in asked]
    pairs = np.stack([found.distance, found.rows], axis=-1)
    assert pairs.tolist() == expected
    assert found.n_compared == len(asked) * len(gallery[0])
    assert found.rows.dtype == np.int64
    assert found.distance.dtype == np.int32


@given(galleries(), queries, st.integers(1, 25), st.data())
def test_masking_rows_is_like_not_having_them(
    gallery: Gallery, asked: SignArray, k: int, data: st.DataObject
) -> None:
    rows, signs = gallery
    keep = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), dtype=bool
    )
    in_row_order = np.argsort(rows)
    masked = filled(rows, signs).search(pack_signs(asked), k=k, allowed=keep[in_row_order])
    without = filled(rows[keep], signs[keep]).search(pack_signs(asked), k=k)
    assert np.array_equal(masked.rows, without.rows)
    assert np.array_equal(masked.distance, without.distance)
    assert masked.n_compared == without.n_compared == len(asked) * keep.sum()


def test_ties_stay_in_order_of_row_whatever_the_order_of_adding() -> None:
    rows = np.array([7, 2, 900, 0, 5], dtype=np.int64)
    index = filled(rows, np.ones((5, 16), dtype=np.int8))
    found = index.search(pack_signs(-np.ones((1, 16), dtype=np.int8)), k=3)
    assert found.rows.tolist() == [[0, 2, 5]]
    assert found.distance.tolist() == [[16, 16, 16]]


@given(galleries(min_rows=1), queries)
def test_asking_for_more_than_there_is_gives_all(gallery: Gallery, asked: SignArray) -> None:
    found = filled(*gallery).search(pack_signs(asked), k=10_000)
    for answered in found.rows:
        assert sorted(answered.tolist()) == sorted(gallery[0].tolist())


@given(galleries(min_rows=1), st.data())
def test_adding_and_removing_is_like_never_having_added(
    gallery: Gallery, data: st.DataObject
) -> None:
    rows, signs = gallery
    n_kept = data.draw(st.integers(0, len(rows)))
    index = filled(rows, signs)
    before = filled(rows[:n_kept], signs[:n_kept])
    if n_kept < len(rows):
        assert index.digest() != before.digest()
    index.remove(rows[n_kept:])
    index.remove(rows[n_kept:])
    assert index.digest() == before.digest()
    assert len(index) == n_kept
    index.add(rows[n_kept:], pack_signs(signs[n_kept:]))
    assert index.digest() == filled(rows, signs).digest()


@given(galleries(), st.integers(0, 20))
def test_the_digest_does_not_depend_on_the_order_of_adding(gallery: Gallery, cut: int) -> None:
    rows, signs = gallery
    order = np.random.default_rng(cut).permutation(len(rows))
    index = FlatIndex(16)
    for part in (order[:cut], order[cut:]):
        index.add(rows[part], pack_signs(signs[part]))
    assert index.digest() == filled(rows, signs).digest()
    assert index.rows.tolist() == sorted(rows.tolist())


@given(galleries(min_rows=1), st.data())
def test_any_other_bit_or_row_gives_another_digest(gallery: Gallery, data: st.DataObject) -> None:
    rows, signs = gallery
    digest = filled(rows, signs).digest()
    turned = signs.copy()
    turned[data.draw(st.integers(0, len(rows) - 1)), data.draw(st.integers(0, 15))] *= -1
    assert filled(rows, turned).digest() != digest
    assert filled(rows + 1, signs).digest() != digest


def test_an_empty_index_of_another_width_has_another_digest() -> None:
    assert FlatIndex(16).digest() != FlatIndex(32).digest()


def test_an_empty_index_answers_nothing() -> None:
    found = FlatIndex(16).search(pack_signs(np.ones((2, 16), dtype=np.int8)), k=5)
    assert found.rows.shape == found.distance.shape == (2, 0)
    assert found.n_compared == 0


def test_codes_of_another_width_are_refused() -> None:
    wide = pack_signs(np.ones((1, 32), dtype=np.int8))
    index = FlatIndex(16)
    for refuse in (
        lambda: index.add(np.array([0], dtype=np.int64), wide),
        lambda: index.search(wide, k=1),
    ):
        with pytest.raises(IndexMismatch) as refused:
            refuse()
        assert refused.value.code == "index.bits_mismatch"
    assert len(index) == 0


@pytest.mark.parametrize("rows", [[3, 3], [1, 4]])
def test_a_row_cannot_be_added_twice(rows: list[int]) -> None:
    codes = pack_signs(np.ones((2, 16), dtype=np.int8))
    index = FlatIndex(16)
    index.add(np.array([4], dtype=np.int64), Codes(packed=codes.packed[:1], n_bits=16))
    before = index.digest()
    with pytest.raises(ValueError, match="added twice"):
        index.add(np.array(rows, dtype=np.int64), codes)
    assert index.digest() == before


@pytest.mark.parametrize("n_rows", [1, 3])
def test_rows_and_codes_of_two_lengths_are_refused_and_nothing_is_added(n_rows: int) -> None:
    index = FlatIndex(16)
    with pytest.raises(ValueError, match="row"):
        index.add(np.arange(n_rows, dtype=np.int64), pack_signs(np.ones((2, 16), dtype=np.int8)))
    assert len(index) == len(index.codes) == 0


@pytest.mark.parametrize("name", sorted(INDEXES.keys() - {"milvus"}))  # which needs an address
def test_every_index_in_the_table_fills_the_protocol(name: str) -> None:
    index: Index = INDEXES[name](16)  # type: ignore[call-arg]
    index.add(np.array([5], dtype=np.int64), pack_signs(np.ones((1, 16), dtype=np.int8)))
    found = index.search(pack_signs(np.ones((1, 16), dtype=np.int8)), k=1)
    assert (len(index), index.n_bits, found.rows.tolist()) == (1, 16, [[5]])
