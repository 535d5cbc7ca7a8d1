"""Indexes of nothing in particular, and who signs them, for the tests of the living index."""

from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from caselight.audit.notes import Signer
from caselight.index.canaries import settle
from caselight.index.writer import IndexWriter, create_index

SEAL = Signer(name="home-1", key=Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
OTHER_SEAL = Signer(name="home-2", key=Ed25519PrivateKey.from_private_bytes(bytes(32)))
MODEL = "ab" * 32


def new_index(folder: Path, *, n_bits: int = 32, dim: int = 4) -> Path:
    create_index(folder, model=MODEL, n_bits=n_bits, dim=dim, seal=SEAL)
    return folder


def some(rng: np.random.Generator, n: int, *, n_bits: int = 32, dim: int = 4) -> dict[str, Any]:
    """Items to add: few codes, so that many tie."""
    few = rng.integers(0, 256, (8, n_bits // 8), dtype=np.uint8)
    return {
        "kind": rng.integers(0, 2, n).astype(np.uint8),
        "study": rng.integers(0, 20, n).astype(np.int64),
        "position": rng.integers(-1, 3, n).astype(np.int64),
        "packed": few[rng.integers(0, 8, n)],
        "embeddings": rng.standard_normal((n, dim)).astype(np.float32),
    }


def filled(folder: Path, *, n: int = 40, seed: int = 0) -> Path:
    """An index with a segment, a few items in the journal, and some removed."""
    rng = np.random.default_rng(seed)
    with IndexWriter(new_index(folder), seal=SEAL) as writer:
        writer.change(**some(rng, n), state={"store": "s:1"})
        writer.fold()
        writer.change(**some(rng, 5))
        writer.change(remove=np.array([3, 17], dtype=np.int64))
        settle(writer, store="s:1")
    return folder


class Mirror:
    """What an index should hold, kept the slow way."""

    def __init__(self) -> None:
        self.items: dict[int, dict[str, Any]] = {}

    def add(self, rows: NDArray[np.int64], items: dict[str, Any]) -> None:
        for i, row in enumerate(rows.tolist()):
            self.items[row] = {name: array[i] for name, array in items.items()}

    def remove(self, rows: NDArray[np.int64]) -> None:
        for row in rows.tolist():
            self.items.pop(row, None)

    def column(self, name: str) -> NDArray[Any]:
        return np.array([self.items[row][name] for row in sorted(self.items)])

    def nearest(
        self, query: NDArray[np.uint8], k: int, allowed: NDArray[np.bool_] | None
    ) -> list[tuple[int, int]]:
        """(distance, place) of the k nearest places."""
        found = [
            (int(np.bitwise_count(item["packed"] ^ query).sum()), place)
            for place, (_, item) in enumerate(sorted(self.items.items()))
            if allowed is None or allowed[place]
        ]
        return sorted(found)[:k]
