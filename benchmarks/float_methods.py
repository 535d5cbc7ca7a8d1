"""Ways to search float embeddings behind the same call; a new one is a function and a line."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from caselight.audit.notes import Signer
from caselight.index import kernel, layout
from caselight.index.halves import unit_vectors
from caselight.index.manifest import read_snapshot
from caselight.index.snapshot import Snapshot
from caselight.index.tables import MultiIndex
from caselight.index.writer import IndexWriter, create_index
from caselight.models.itq import fit_itq
from caselight.models.linear_hash import LinearHash
from caselight.ranking import rescore
from caselight.types import Codes
from float_data import Data, Vectors

Rows = NDArray[np.int64]
Search = Callable[[Vectors, int], Rows]
"""(queries f32[Q, D], k) to rows i64[Q, k], best first."""
FLAT = "faiss flat fp32"
SHORTLISTS = (50, 200, 1000)
WIDE, KEPT = 1000, 200
"""Rows that are read by their codes and ordered by soft bits, and how many of them are rescored."""
SOFT = f"{WIDE} by soft bits, {KEPT} rescored"
_SIGNS = 2 * np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) - 1
"""f32[256, 8], the signs of every byte."""
SEAL = Signer(name="benchmark", key=Ed25519PrivateKey.from_private_bytes(bytes(32)))


@dataclass(frozen=True, kw_only=True)
class Way:
    """One way to ask what was built."""

    name: str
    search: Search
    n_bytes: int
    """All of it, in memory and on disk."""
    n_bytes_in_memory: int
    """What every query goes through; the rest is mapped, and a query touches some pages of it."""


@dataclass(frozen=True, kw_only=True)
class Family:
    """What is built together."""

    build: Callable[[Data], Iterator[Way]]
    at_most: int = 10_000_000
    """Vectors it is measured with."""


# faiss ----------------------------------------------------------------------------------------


def _found(index: Any, queries: Vectors, k: int) -> Rows:
    return index.search(queries, k)[1]


def _size(index: Any) -> int:
    return int(faiss.serialize_index(index).nbytes)


def _way(name: str, index: Any) -> Way:
    size = _size(index)
    return Way(name=name, search=partial(_found, index), n_bytes=size, n_bytes_in_memory=size)


def flat(data: Data) -> Iterator[Way]:
    """Exact, single precision."""
    index = faiss.IndexFlatIP(data.vectors.shape[1])
    index.add(data.vectors)
    yield _way(FLAT, index)


def flat_half(data: Data) -> Iterator[Way]:
    """Every vector, half precision."""
    dim = data.vectors.shape[1]
    kind, metric = faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    index = faiss.IndexScalarQuantizer(dim, kind, metric)
    index.train(data.sample)
    index.add(data.vectors)
    yield _way("faiss flat fp16", index)


def _probing(index: Any, n_probes: int, queries: Vectors, k: int) -> Rows:
    inner = faiss.extract_index_ivf(index)
    inner.nprobe = n_probes
    return index.search(queries, k)[1]


def _cells(data: Data, said: str, name: str, metric: int, probes: tuple[int, ...]) -> Iterator[Way]:
    """Cells about 1024 trained centres."""
    index = faiss.index_factory(data.vectors.shape[1], said, metric)
    faiss.extract_index_ivf(index).cp.niter = 10
    index.train(data.sample)
    index.add(data.vectors)
    size = _size(index)
    for n in probes:
        yield Way(
            name=f"{name}, {n} probes",
            search=partial(_probing, index, n),
            n_bytes=size,
            n_bytes_in_memory=size,
        )


def ivf(data: Data) -> Iterator[Way]:
    """As paper 001 has it."""
    metric = faiss.METRIC_INNER_PRODUCT
    yield from _cells(data, "IVF1024,SQfp16", "faiss IVF1024 fp16", metric, (8, 32, 64))


def pca_ivf(data: Data, n: int) -> Iterator[Way]:
    """The same behind PCA, which centres: distances, and not products, stay what they were."""
    said = f"PCA{n},IVF1024,SQfp16"
    yield from _cells(data, said, f"faiss PCA {n}, IVF1024 fp16", faiss.METRIC_L2, (32,))


def pca_flat(data: Data, n: int) -> Iterator[Way]:
    """PCA, then every vector; alone, and as a shortlist that is rescored exactly."""
    index = faiss.index_factory(data.vectors.shape[1], f"PCA{n},SQfp16", faiss.METRIC_L2)
    index.train(data.sample)
    index.add(data.vectors)
    alone = _way(f"faiss PCA {n}, flat fp16", index)
    yield alone

    def near(query: Vectors, count: int) -> Rows:
        return index.search(query[None], count)[1][0]

    yield Way(
        name=f"{alone.name}, 200 rescored",
        search=partial(_rescored, near, data.halves, 200),
        n_bytes=alone.n_bytes + data.halves.nbytes,
        n_bytes_in_memory=alone.n_bytes,
    )


def fast_scan(data: Data) -> Iterator[Way]:
    """Product codes of 256 bits, looked up in registers, and the best rescored."""
    dim = data.vectors.shape[1]
    for count in SHORTLISTS[1:]:
        index = faiss.index_factory(dim, f"PQ{dim // 8}x4fs", faiss.METRIC_INNER_PRODUCT)
        index.train(data.sample)
        index.add(data.vectors)
        size = _size(index)

        def near(query: Vectors, count: int, index: Any = index) -> Rows:
            return index.search(query[None], count)[1][0]

        yield Way(
            name=f"faiss PQ{dim // 8}x4 fast scan, {count} rescored",
            search=partial(_rescored, near, data.halves, count),
            n_bytes=size + data.halves.nbytes,
            n_bytes_in_memory=size,
        )


def _with_effort(index: Any, effort: int, queries: Vectors, k: int) -> Rows:
    index.hnsw.efSearch = effort
    return index.search(queries, k)[1]


def hnsw(data: Data) -> Iterator[Way]:
    """A navigable graph over half precision."""
    dim, half = data.vectors.shape[1], faiss.ScalarQuantizer.QT_fp16
    index = faiss.IndexHNSWSQ(dim, half, 32, faiss.METRIC_INNER_PRODUCT)
    index.train(data.sample)
    index.add(data.vectors)
    size = _size(index)
    for effort in (32, 128):
        yield Way(
            name=f"faiss HNSW 32 fp16, ef {effort}",
            search=partial(_with_effort, index, effort),
            n_bytes=size,
            n_bytes_in_memory=size,
        )


# Ours -----------------------------------------------------------------------------------------


def _rescored(
    near: Callable[[Vectors, int], Rows],
    halves: NDArray[np.float16],
    count: int,
    queries: Vectors,
    k: int,
) -> Rows:
    """A shortlist for each query, ordered by its mapped vectors; nothing is checked."""
    out = []
    for query in queries:
        rows = near(query, count)
        out.append(rescore(query, unit_vectors(halves[rows]), rows)[0][:k])
    return np.stack(out)


def hashed(data: Data, n_bits: int, n_iterations: int) -> tuple[LinearHash, Codes]:
    """A hash fitted on half the sample, and everybody's codes, made a part at a time."""
    rng = np.random.default_rng(n_bits)
    made = fit_itq(data.sample[::2], n_bits, n_iterations=n_iterations, rng=rng)
    parts = np.array_split(data.vectors, -(-len(data.vectors) // 65_536))
    packed = np.concatenate([made.encode(part).packed for part in parts])
    return made, Codes(packed=packed, n_bits=n_bits)


def by_soft_bits(made: LinearHash, query: Vectors, near: Codes) -> Vectors:
    """How well codes fit the real values behind the query's bits, f32[N]; higher is better."""
    values = made.project(query[None])[0].reshape(-1, 8) @ _SIGNS.T
    return values[np.arange(len(values)), near.packed].sum(axis=1)


def codes(data: Data, n_bits: int, fit: str) -> Iterator[Way]:
    """Signs of a rotation by ITQ or at random, scanned; vectors from the map, unchecked."""
    made, all_codes = hashed(data, n_bits, 30 if fit == "ITQ" else 0)
    blocks, n = layout.pack(all_codes.packed), len(all_codes)

    def scanned(query: Vectors, count: int) -> Rows:
        return kernel.scan(blocks, n, n_bits, made.encode(query[None]).packed, count).rows[0]

    for count in SHORTLISTS:
        yield Way(
            name=f"{fit} {n_bits} bit scan, {count} rescored",
            search=partial(_rescored, scanned, data.halves, count),
            n_bytes=blocks.nbytes + data.halves.nbytes,
            n_bytes_in_memory=blocks.nbytes,
        )
    if fit != "ITQ":
        return

    def sifted(query: Vectors, count: int) -> Rows:
        rows = scanned(query, WIDE)
        near = Codes(packed=layout.take(blocks, n, n_bits, rows), n_bits=n_bits)
        return rows[np.argpartition(-by_soft_bits(made, query, near), count)[:count]]

    yield Way(
        name=f"{fit} {n_bits} bit scan, {SOFT}",
        search=partial(_rescored, sifted, data.halves, KEPT),
        n_bytes=blocks.nbytes + data.halves.nbytes,
        n_bytes_in_memory=blocks.nbytes,
    )
    index = MultiIndex(n_bits)
    index.add(np.arange(n), all_codes)

    def looked_up(query: Vectors, count: int) -> Rows:
        return index.search(made.encode(query[None]), k=count).rows[0]

    looked_up(data.vectors[0], 1)
    for count in SHORTLISTS[:2]:
        yield Way(
            name=f"{fit} {n_bits} bit tables, {count} rescored",
            search=partial(_rescored, looked_up, data.halves, count),
            n_bytes=index.n_bytes + data.halves.nbytes,
            n_bytes_in_memory=index.n_bytes,
        )


def on_disk(data: Data, n_bits: int) -> Iterator[Way]:
    """A real index: written, opened, searched as a search does, every vector held to its digest."""
    made, all_codes = hashed(data, n_bits, 30)
    folder, n = data.folder / f"index-{n_bits}", len(all_codes)
    create_index(folder, model="00" * 32, n_bits=n_bits, dim=data.vectors.shape[1], seal=SEAL)
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.change(
            kind=np.zeros(n, np.uint8),
            study=np.arange(n),
            position=np.zeros(n, np.int64),
            packed=all_codes.packed,
            embeddings=data.vectors,
        )
        writer.fold()
    snapshot = read_snapshot(folder, seal=SEAL.verifier)[1]
    snapshot.search(Codes(packed=all_codes.packed[:1], n_bits=n_bits), k=1)  # opens the tables
    size, vectors = on_disk_bytes(folder), data.halves.nbytes

    def unchecked(rows: Rows) -> Vectors:
        return unit_vectors(snapshot.parts[0].segment.embeddings[rows])

    for said, read in (("", snapshot.vectors), (", digests left out", unchecked)):
        for count in SHORTLISTS:
            yield Way(
                name=f"index on disk, {n_bits} bit, {count} rescored{said}",
                search=partial(asked_of, snapshot, made, read, count),
                n_bytes=size,
                n_bytes_in_memory=size - vectors,
            )

    def sifted(queries: Vectors, k: int) -> Rows:
        out = []
        for query in queries:
            rows = snapshot.search(made.encode(query[None]), k=WIDE).rows[0]
            fit = by_soft_bits(made, query, snapshot.take(rows))
            rows = rows[np.argpartition(-fit, KEPT)[:KEPT]]
            out.append(rescore(query, snapshot.vectors(rows), rows)[0][:k])
        return np.stack(out)

    yield Way(
        name=f"index on disk, {n_bits} bit, {SOFT}",
        search=sifted,
        n_bytes=size,
        n_bytes_in_memory=size - vectors,
    )


def on_disk_bytes(folder: Path) -> int:
    """Bytes of the files of an index."""
    return sum(path.stat().st_size for path in folder.iterdir())


def asked_of(
    snapshot: Snapshot,
    made: LinearHash,
    read: Callable[[Rows], Vectors],
    count: int,
    queries: Vectors,
    k: int,
) -> Rows:
    """As `index/parts.py` does it."""
    out = []
    for query in queries:
        rows = snapshot.search(made.encode(query[None]), k=count).rows[0]
        out.append(rescore(query, read(rows), rows)[0][:k])
    return np.stack(out)


FAMILIES = (
    Family(build=flat),
    Family(build=flat_half),
    Family(build=ivf),
    Family(build=partial(pca_flat, n=128)),
    Family(build=partial(pca_flat, n=64)),
    Family(build=partial(pca_ivf, n=128)),
    Family(build=partial(pca_ivf, n=64)),
    Family(build=fast_scan),
    Family(build=hnsw, at_most=1_000_000),
    Family(build=partial(codes, n_bits=128, fit="random")),
    Family(build=partial(codes, n_bits=256, fit="random")),
    Family(build=partial(codes, n_bits=128, fit="ITQ")),
    Family(build=partial(codes, n_bits=256, fit="ITQ")),
    Family(build=partial(on_disk, n_bits=128)),
    Family(build=partial(on_disk, n_bits=256)),
)
