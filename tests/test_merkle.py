"""The tree is that of RFC 6962, and its proofs prove what they should and nothing else."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.merkle import (
    EMPTY_ROOT,
    Frontier,
    consistency_path,
    consistent,
    includes,
    inclusion_path,
    leaf_digest,
    root_of,
)

KNOWN_LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657",
                 "606162636465666768696a6b6c6d6e6f")
]  # fmt: skip
KNOWN_ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
"""Of the first 1 to 8 leaves, as the reference implementation of RFC 6962 tests itself."""


def leaves(n: int) -> list[bytes]:
    return [leaf_digest(str(i).encode()) for i in range(n)]


def slow_root(data: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if not data:
        return hashlib.sha256(b"").digest()
    if len(data) == 1:
        return data[0]
    k = 1
    while 2 * k < len(data):
        k *= 2
    return hashlib.sha256(b"\x01" + slow_root(data[:k]) + slow_root(data[k:])).digest()


@pytest.mark.parametrize("n", range(1, 9))
def test_roots_are_those_of_the_reference_implementation(n: int) -> None:
    assert root_of([leaf_digest(leaf) for leaf in KNOWN_LEAVES[:n]]).hex() == KNOWN_ROOTS[n - 1]


def test_the_root_of_nothing_is_the_digest_of_nothing() -> None:
    assert root_of([]) == EMPTY_ROOT == slow_root([])


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_tree_that_grew_has_the_root_of_one_made_at_once(n: int, cut: int) -> None:
    data = leaves(n)
    first = Frontier()
    for leaf in data[:cut]:
        first.append(leaf)
    onward = Frontier(first.size, first.peaks)
    for leaf in data[cut:]:
        onward.append(leaf)
    assert onward.root() == slow_root(data)
    assert onward.size == n


def test_every_leaf_of_every_small_tree_is_proven_and_no_other() -> None:
    for n in range(1, 33):
        data = leaves(n)
        root = slow_root(data)
        for at in range(n):
            path = inclusion_path(data, at)
            assert includes(data[at], at, n, path, root)
            for wrong in {(at + 1) % n, n - 1 - at} - {at}:
                assert not includes(data[at], wrong, n, path, root)
                assert not includes(data[wrong], at, n, path, root)
            assert not includes(data[at], at, n, [*path, bytes(32)], root)
            assert not includes(data[at], at, n, path[:-1], root) or not path
            assert not includes(data[at], at, n, path, bytes(32))
            assert not includes(data[at], n, n, path, root)


def test_every_growth_of_every_small_tree_is_proven_and_no_other() -> None:
    for n in range(1, 33):
        data = leaves(n)
        root = slow_root(data)
        for first in range(1, n + 1):
            earlier = slow_root(data[:first])
            path = consistency_path(data, first)
            assert consistent(first, earlier, n, root, path)
            assert not consistent(first, bytes(32), n, root, path)
            assert not consistent(first, earlier, n, bytes(32), path)
            assert not consistent(first, earlier, n, root, [*path, bytes(32)])
            if path:
                assert not consistent(first, earlier, n, root, path[:-1])
            if first > 1:
                changed = [bytes(32), *data[1:first]]
                assert not consistent(first, slow_root(changed), n, root, path)


@given(st.integers(2, 80), st.data())
def test_any_other_bit_in_a_proof_proves_nothing(n: int, data: st.DataObject) -> None:
    grown = leaves(n)
    at = data.draw(st.integers(0, n - 1))
    first = data.draw(st.integers(1, n - 1))
    for path, proves in (
        (
            inclusion_path(grown, at),
            lambda path: includes(grown[at], at, n, path, slow_root(grown)),
        ),
        (
            consistency_path(grown, first),
            lambda path: consistent(first, slow_root(grown[:first]), n, slow_root(grown), path),
        ),
    ):
        assert proves(path)
        step = data.draw(st.integers(0, len(path) - 1))
        bit = data.draw(st.integers(0, 255))
        turned = bytearray(path[step])
        turned[bit // 8] ^= 1 << bit % 8
        assert not proves([*path[:step], bytes(turned), *path[step + 1 :]])


@pytest.mark.parametrize(("n", "at"), [(0, 0), (3, 3), (3, -1)])
def test_there_is_no_path_for_a_leaf_that_is_not_there(n: int, at: int) -> None:
    with pytest.raises(ValueError, match="no leaf"):
        inclusion_path(leaves(n), at)


@pytest.mark.parametrize(("n", "first"), [(0, 0), (3, 4), (3, 0)])
def test_there_is_no_path_from_a_tree_that_never_was(n: int, first: int) -> None:
    with pytest.raises(ValueError, match="no tree"):
        consistency_path(leaves(n), first)


def test_peaks_that_do_not_fit_the_size_are_refused() -> None:
    with pytest.raises(ValueError, match="peaks"):
        Frontier(3, [bytes(32)])
