"""Embeddings that lie as those of a trained model do, made from a seed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
SPREADS = {"tight": 0.6, "middle": 1.0, "loose": 1.5}
"""Of the members about their centre, where the centres themselves spread by 1."""
RECIPE = (
    "One centre for 100 vectors; each vector is a centre plus noise of the same kind, times 0.6 in "
    "the tight set, 1.0 in the middle one and 1.5 in the loose one, made unit length. Centres and "
    "noise are normal, turned at random, with a standard deviation of i^(-1/2) along axis i of "
    "512, so that a few dozen axes carry most. Queries are members that were held out. Seed 0. In "
    "the tight set the ten nearest are of one cluster that lies apart, which flatters all that is "
    "approximate; in the loose one clusters run into each other. How far they do in the space of a "
    "real model is not known here: read the three as a range. For scale, IVF with 32 probes had "
    "found 0.918 on the vectors of an earlier measurement."
)


@dataclass(frozen=True, kw_only=True)
class Data:
    """What is searched, and what is asked."""

    vectors: Vectors
    """f32[N, D], unit length."""
    sample: Vectors
    """Some of them, to fit on."""
    queries: Vectors
    """f32[Q, D], unit length; none of them is among the vectors."""
    halves: NDArray[np.float16]
    """f16[N, D], the same, mapped from a file."""
    folder: Path
    """For what else goes to disk."""


def make(n: int, dim: int, spread: float, *, n_queries: int, folder: Path) -> Data:
    """Make n vectors and queries by the recipe; the half precision goes to a file in the folder."""
    rng = np.random.default_rng(0)
    scale = np.arange(1, dim + 1, dtype=np.float32) ** -0.5
    scale /= np.linalg.norm(scale)
    turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)

    def drawn(count: int) -> Vectors:
        return (rng.standard_normal((count, dim), dtype=np.float32) * scale) @ turn

    centres = drawn(n // 100)

    def members(count: int) -> Vectors:
        near = centres[rng.integers(0, len(centres), count)]
        return unit(near + np.float32(spread) * drawn(count))

    vectors, queries = members(n), members(n_queries)
    path = folder / "halves.npy"
    np.save(path, vectors.astype(np.float16))
    return Data(
        vectors=vectors,
        sample=vectors[rng.choice(n, min(n, 40_000), replace=False)],
        queries=queries,
        halves=np.load(path, mmap_mode="r"),
        folder=folder,
    )


def unit(vectors: Vectors) -> Vectors:
    """The same, each of unit length, in place."""
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors
