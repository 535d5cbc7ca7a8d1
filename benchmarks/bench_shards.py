"""An index in shards: what the cut costs in a process, what Ray adds, what a lost machine does.

Three parts, each of the same items: in process, 1 to 8 shards against a snapshot of the same parts;
through Ray, four machines that are processes of this one; and under load, while one of the four is
killed and another is added, every answer held against NumPy. Writes benchmarks/results/shards.json.
`--quick`: a tenth of the codes.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from caselight.audit.notes import Signer
from caselight.index.cluster import Cluster
from caselight.index.director import View
from caselight.index.manifest import IndexManifest
from caselight.index.places import open_place
from caselight.index.segments import Items
from caselight.index.sharded import InProcess, Sharded, ShardsMissing
from caselight.index.shards import Publication, Shard, open_shard, publish
from caselight.index.snapshot import Snapshot, in_memory
from caselight.types import Codes
from machine import commit, machine
from tests.index.nodes import Nodes, Served, four_nodes

RESULTS = Path(__file__).resolve().parent / "results" / "shards.json"
SEAL = Signer(name="bench", key=Ed25519PrivateKey.generate())
MODEL, N_BITS, DIM, SHORTLIST = "b" * 64, 128, 128, 200
DEADLINE_S = 2.0


def gallery(n: int, rng: np.random.Generator) -> Snapshot:
    """Clustered codes: members of n/50 centres with a sixteenth of their bits flipped."""
    centres = rng.integers(0, 256, (n // 50, N_BITS // 8), dtype=np.uint8)
    packed = near(centres[rng.integers(0, len(centres), n)], rng)
    items = Items(
        row=np.arange(n),
        kind=np.zeros(n, dtype=np.uint8),
        study=np.arange(n),
        position=np.zeros(n, dtype=np.int64),
        packed=packed,
        embeddings=rng.standard_normal((n, DIM)).astype(np.float16),
    )
    return Snapshot((in_memory(items),), N_BITS, DIM)


def near(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The codes with a sixteenth of their bits flipped."""
    flips = np.bitwise_and.reduce(rng.integers(0, 256, (4, *codes.shape), dtype=np.uint8))
    return codes ^ flips


def cut(items: Snapshot, folder: Path, n_shards: int) -> tuple[Publication, list[Shard]]:
    """The items published as so many shards, and these opened."""
    place = open_place(str(folder))
    done = publish(
        place,
        items,
        model=MODEL,
        digest=items.digest(MODEL),
        shard_rows=-(-len(items) // n_shards),
        seal=SEAL,
    )
    return done, [open_shard(place, done.published, one.file) for one in done.published.shards]


def opened(shards: list[Shard]) -> Sharded:
    """The shards as one index of this process."""
    sizes = {shard.name: len(shard.items) for shard in shards}
    return Sharded(sizes, InProcess(shards), n_bits=N_BITS, dim=DIM)


def in_process(items: Snapshot, folder: Path, rng: np.random.Generator, turns: int) -> list[Any]:
    """Milliseconds a query of shards, of a snapshot of the same parts, and of one of one part."""
    indexes: dict[tuple[int, str], Any] = {}
    for n_shards in (1, 2, 4, 8):
        _, shards = cut(items, folder / str(n_shards), n_shards)
        parts = tuple(part for shard in shards for part in shard.items.parts)
        indexes[n_shards, "snapshot"] = Snapshot(parts, N_BITS, DIM)
        indexes[n_shards, "shards"] = opened(shards)
    rows = []
    for k in (10, 100):
        took: dict[tuple[int, str], list[float]] = {name: [] for name in indexes}
        for _ in range(turns):
            query = Codes(
                packed=near(items.take(rng.integers(0, len(items), 1)).packed, rng), n_bits=N_BITS
            )
            answers = []
            # In another order each time: who comes second finds the same codes in the cache.
            for at in rng.permutation(len(indexes)):
                name, index = list(indexes.items())[at]
                begin = time.perf_counter()
                answers.append(index.search(query, k=k))
                took[name].append(1000 * (time.perf_counter() - begin))
            assert all(np.array_equal(one.rows, answers[0].rows) for one in answers)
        for (n_shards, how), times in took.items():
            rows.append(
                {
                    "part": "in process",
                    "n": len(items),
                    "k": k,
                    "shards": n_shards,
                    "how": how,
                    "p50_ms": median(times),
                    "ratio": round(
                        float(np.median(times)) / float(np.median(took[n_shards, "snapshot"])), 3
                    ),
                }
            )
    return rows


def median(times: list[float]) -> float:
    """Of milliseconds."""
    return round(float(np.median(times)), 4)


def manifest_of(done: Publication) -> IndexManifest:
    """What who asks says it wants."""
    return IndexManifest(
        model=MODEL,
        store="",
        n_bits=N_BITS,
        n_images=len(done.published),
        n_reports=0,
        digest=done.published.digest,
    )


def through_ray(
    nodes: Nodes, items: Snapshot, done: Publication, rng: np.random.Generator, turns: int
) -> list[Any]:
    """Milliseconds of a search, and of a search with the embeddings of its shortlist."""
    cluster, rows = Cluster(nodes.address), []
    for what in ("search", "search and rescore"):
        k = 10 if what == "search" else SHORTLIST
        took, local = [], []
        for _ in range(turns):
            packed = near(items.take(rng.integers(0, len(items), 1)).packed, rng)
            query = Codes(packed=packed, n_bits=N_BITS)
            for times, index in (
                (took, cluster.index(manifest_of(done), deadline_s=DEADLINE_S)),
                (local, items),
            ):
                begin = time.perf_counter()
                found = index.search(query, k=k)
                if k == SHORTLIST:
                    index.vectors(found.rows[0])
                times.append(1000 * (time.perf_counter() - begin))
        rows.append(
            {
                "part": "ray",
                "what": what,
                "n": len(items),
                "machines": 4,
                "shards": len(done.published.shards),
                "queries": turns,
                "p50_ms": median(took),
                "p99_ms": round(float(np.percentile(took, 99)), 3),
                "one_machine_p50_ms": median(local),
            }
        )
    return rows


class Load:
    """Two threads that ask without a pause, and hold each answer against NumPy."""

    def __init__(self, nodes: Nodes, items: Snapshot, done: Publication) -> None:
        self.complete = self.incomplete = self.refused = self.wrong = 0
        self.worst_s = 0.0
        self._cluster, self._done, self._items = Cluster(nodes.address), done, items
        packed = items.take(np.arange(len(items))).packed
        self._words = np.ascontiguousarray(packed).view(np.uint64)
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(seed,)) for seed in range(2)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Stop asking."""
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _run(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        while not self._ended.is_set():
            packed = near(self._items.take(rng.integers(0, len(self._items), 1)).packed, rng)
            index = self._cluster.index(manifest_of(self._done), deadline_s=DEADLINE_S)
            begin = time.perf_counter()
            try:
                found = index.search(Codes(packed=packed, n_bits=N_BITS), k=10)
            except ShardsMissing:
                self.refused += 1
                continue
            finally:
                self.worst_s = max(self.worst_s, time.perf_counter() - begin)
            distance = np.bitwise_count(self._words ^ packed.view(np.uint64)).sum(axis=1)
            # Distance, then row, over the shards that answered.
            key = distance.astype(np.int64) * len(distance) + np.arange(len(distance))
            key[~index.present()] = np.iinfo(np.int64).max
            best = np.sort(np.argpartition(key, 10)[:10])
            best = best[np.argsort(key[best])]
            self.wrong += not np.array_equal(found.rows[0], best)
            if index.missing is None:
                self.complete += 1
            else:
                self.incomplete += 1


def under_fire(
    nodes: Nodes, items: Snapshot, done: Publication, url: Path, replicas: int
) -> dict[str, Any]:
    """Kill a machine under load, then add one."""
    served = Served(nodes, done.published, url, seal=SEAL.verifier, replicas=replicas)
    try:
        served.wait(lambda placed: placed and all(len(v) == replicas for v in placed.values()))
        load = Load(nodes, items, done)
        time.sleep(3)
        view = served.director.view
        victim = next(name for name in nodes.names() if holds(view, name))
        nodes.kill(victim)
        restored_s = served.wait(
            lambda placed: all(
                len(own) == replicas and victim not in own for own in placed.values()
            )
        )
        time.sleep(3)
        before = load.incomplete
        begin = time.perf_counter()
        fresh = nodes.add()
        started_s = time.perf_counter() - begin
        served.wait(lambda placed: any(fresh in own for own in placed.values()))
        moved_s = time.perf_counter() - begin - started_s
        time.sleep(2)
        load.end()
        return {
            "part": "killed",
            "n": len(items),
            "machines": 4,
            "shards": len(done.published.shards),
            "replicas": replicas,
            "complete": load.complete,
            "incomplete": load.incomplete,
            "incomplete_while_moving": load.incomplete - before,
            "refused": load.refused,
            "wrong": load.wrong,
            "longest_s": round(load.worst_s, 2),
            "restored_s": round(restored_s, 2),
            "moved_s": round(moved_s, 2),
        }
    finally:
        served.close()


def holds(view: View | None, node: str) -> bool:
    """Whether a machine has a shard."""
    return view is not None and any(
        one.node == node for own in view.replicas.values() for one in own
    )


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    n, turns = (100_000, 40) if quick else (1_000_000, 200)
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        items = gallery(n, rng)
        rows = in_process(items, folder / "in-process", rng, turns)
        url = folder / "published"
        done, shards = cut(items, url, 8)
        one = Snapshot(tuple(part for s in shards for part in s.items.parts), N_BITS, DIM)
        with four_nodes() as nodes:
            served = Served(nodes, done.published, url, seal=SEAL.verifier, replicas=1)
            served.wait(bool)
            rows += through_ray(nodes, one, done, rng, turns)
            served.close()
            for replicas in (1, 2):
                rows.append(under_fire(nodes, one, done, url, replicas))
                print(json.dumps(rows[-1]), flush=True)
    rows = [{**row, "n_bits": N_BITS, "machine": machine(), "commit": commit()} for row in rows]
    for row in rows:
        print(json.dumps({k: v for k, v in row.items() if k != "machine"}))
    if not quick:
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
