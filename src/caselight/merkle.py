"""The Merkle tree over records: roots, inclusion proofs and consistency proofs.

Source: RFC 6962, "Certificate Transparency", section 2.1, with SHA-256.
"""

import hashlib
from collections.abc import Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_digest(data: bytes) -> bytes:
    """Digest of a leaf, 32 bytes: the prefix keeps leaves and nodes apart."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_digest(left: bytes, right: bytes) -> bytes:
    """Digest of a node, 32 bytes, from those of its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """A tree that only grows: the roots of its full subtrees, largest first; log2(size) digests."""

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != size.bit_count():
            raise ValueError(f"{size} leaves make {size.bit_count()} peaks, found {len(peaks)}")
        self.size = size
        self.peaks = list(peaks)

    def append(self, leaf: bytes) -> None:
        """Add one leaf by its digest."""
        size = self.size
        while size & 1:
            leaf = node_digest(self.peaks.pop(), leaf)
            size >>= 1
        self.peaks.append(leaf)
        self.size += 1

    def root(self) -> bytes:
        """Digest of the whole tree, 32 bytes."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_digest(peak, root)
        return root


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Digest of the tree over digests of leaves, 32 bytes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def inclusion_path(leaves: Sequence[bytes], at: int) -> list[bytes]:
    """The digests that lead from one leaf to the root, lowest first.

    Args:
        leaves: digests of all leaves.
        at: which leaf, 0..len(leaves) - 1.
    """
    if not 0 <= at < len(leaves):
        raise ValueError(f"there is no leaf {at} among {len(leaves)}")
    low, high, path = 0, len(leaves), []
    while high - low > 1:
        middle = low + _split(high - low)
        if at < middle:
            path.append(root_of(leaves[middle:high]))
            high = middle
        else:
            path.append(root_of(leaves[low:middle]))
            low = middle
    return path[::-1]


def includes(leaf: bytes, at: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a path proves that the leaf is number `at` of the tree of that size and root."""
    if not 0 <= at < size:
        return False
    digest, node, last = leaf, at, size - 1
    for sibling in path:
        if last == 0:
            return False
        if node & 1 or node == last:
            digest = node_digest(sibling, digest)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            digest = node_digest(digest, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and digest == root


def consistency_path(leaves: Sequence[bytes], first: int) -> list[bytes]:
    """The digests that prove that the tree of all leaves begins with that of the first ones.

    Args:
        leaves: digests of all leaves.
        first: size of the earlier tree, 1..len(leaves).
    """
    if not 1 <= first <= len(leaves):
        raise ValueError(f"there is no tree of {first} leaves before that of {len(leaves)}")
    low, high, whole, path = 0, len(leaves), True, []
    while high - low != first - low:
        middle = low + _split(high - low)
        if first <= middle:
            path.append(root_of(leaves[middle:high]))
            high = middle
        else:
            path.append(root_of(leaves[low:middle]))
            low, whole = middle, False
    if not whole:
        path.append(root_of(leaves[low:high]))
    return path[::-1]


def consistent(
    first: int, first_root: bytes, second: int, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether a path proves that the second tree begins with the first, by sizes and roots."""
    if first == second:
        return not path and first_root == second_root
    if not 0 < first < second:
        return False
    known = list(path) if first & (first - 1) else [first_root, *path]
    if not known:
        return False
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = known[0]
    for digest in known[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old, new = node_digest(digest, old), node_digest(digest, new)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new = node_digest(new, digest)
        node, last = node >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root


def _split(size: int) -> int:
    """The largest power of two below a size of 2 or more."""
    return 1 << (size - 1).bit_length() - 1
