"""Four machines answer as one does, whatever happens to one of them."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from caselight.errors import ClusterError
from caselight.index.cluster import Cluster
from caselight.index.manifest import IndexManifest
from caselight.index.places import open_place
from caselight.index.shards import Publication, publish
from caselight.index.snapshot import Snapshot
from caselight.index.writer import IndexWriter
from caselight.types import Codes
from tests.index.nodes import Nodes, Served, four_nodes
from tests.index.sealed import MODEL, SEAL, new_index, some

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
N, SHARD_ROWS, K = 16_000, 2_000, 20


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    with four_nodes() as found:
        yield found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = new_index(tmp_path_factory.mktemp("cluster") / "index", n_bits=64, dim=8)
    with IndexWriter(folder, seal=SEAL) as writer:
        writer.change(**_uniform(N))
    return folder


def _uniform(n: int) -> dict[str, NDArray[np.generic]]:
    rng = np.random.default_rng(n)
    packed = rng.integers(0, 256, (n, 8), dtype=np.uint8)
    return {**some(rng, n, n_bits=64, dim=8), "packed": packed}


def published(folder: Path) -> tuple[Snapshot, Publication]:
    with IndexWriter(folder, seal=SEAL) as writer:
        items = writer.snapshot
    said = publish(
        open_place(str(folder.parent / "shards")),
        items,
        model=MODEL,
        digest=items.digest(MODEL),
        shard_rows=SHARD_ROWS,
        seal=SEAL,
    )
    return items, said


def manifest_of(said: Publication) -> IndexManifest:
    return IndexManifest(
        model=MODEL,
        store="",
        n_bits=64,
        n_images=0,
        n_reports=len(said.published),
        digest=said.published.digest,
    )


class Load:
    """Threads that ask without a pause, and hold every answer against NumPy."""

    def __init__(self, cluster: Cluster, items: Snapshot, said: Publication) -> None:
        self.complete = self.incomplete = self.refused = 0
        self.wrong: list[str] = []
        self._cluster, self._manifest = cluster, manifest_of(said)
        self._words = items.take(np.arange(len(items))).packed.view(np.uint64)[:, 0]
        self._items = items
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(seed,)) for seed in range(3)]
        for thread in self._threads:
            thread.start()

    def more(self, n: int = 20) -> None:
        """Wait for so many more whole answers."""
        wanted, begin = self.complete + n, time.monotonic()
        while self.complete < wanted:
            assert time.monotonic() - begin < 60
            time.sleep(0.02)

    def end(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        assert self.wrong == []
        assert self.complete > 0

    def _run(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        while not self._ended.is_set():
            query = rng.integers(0, 256, (1, 8), dtype=np.uint8)
            allowed = rng.uniform(size=len(self._words)) < 0.7
            index = self._cluster.index(self._manifest, deadline_s=4.0)
            try:
                found = index.search(Codes(packed=query, n_bits=64), k=K, allowed=allowed)
                vectors = index.vectors(found.rows[0][:5])
            except ClusterError as error:
                assert error.code == "cluster.shards_lost"  # noqa: PT017 - in a thread
                self.refused += 1
                continue
            present = index.present()
            if index.missing is None:
                self.complete += 1
                assert present.all()
            else:
                self.incomplete += 1
                assert not present.all()
            distance = np.bitwise_count(self._words ^ query.view(np.uint64)[0, 0]).astype(np.int64)
            # A shard that was lost behind the search is missing, and its items were found before.
            after = [allowed & present, allowed]
            plain = [
                np.lexsort((np.arange(len(distance)), np.where(own, distance, 99)))[:K]
                for own in after
            ]
            if not any(np.array_equal(found.rows[0], rows) for rows in plain):
                self.wrong.append(f"other items, {index.missing}")
            if not np.array_equal(vectors, self._items.vectors(found.rows[0][:5])):
                self.wrong.append("other embeddings")


Wanted = Callable[[dict[str, list[str]]], bool]


def whole(copies: int, *, without: str = "", on: str = "") -> Wanted:
    def wanted(placed: dict[str, list[str]]) -> bool:
        everywhere = [node for own in placed.values() for node in own]
        return (
            len(placed) > 0
            and all(len(set(own)) == len(own) == copies for own in placed.values())
            and without not in everywhere
            and (not on or on in everywhere)
        )

    return wanted


def test_a_killed_machine_is_replaced_and_a_new_one_takes_its_share(
    nodes: Nodes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items, said = published(folder)
    assert len(said.published.shards) == 8
    served = Served(nodes, said.published, folder.parent / "shards", seal=SEAL.verifier, replicas=2)
    try:
        served.wait(whole(2))
        load = Load(Cluster(nodes.address), items, said)
        load.more()
        victim = next(name for name in nodes.names() if name in str(served.placed()))
        nodes.kill(victim)
        restored_s = served.wait(whole(2, without=victim))
        load.more()
        begin = time.monotonic()
        fresh = nodes.add()
        served.wait(whole(2, on=fresh))
        moved_s = time.monotonic() - begin
        load.more()
        load.end()
        # Another machine had every shard, so no answer lacked anything.
        assert load.incomplete == load.refused == 0
    finally:
        served.close()
    with capsys.disabled():
        print(f"\nback in {restored_s:.1f} s, moved in {moved_s:.1f} s")  # noqa: T201


def test_a_shard_on_one_machine_alone_is_said_to_be_missing_until_it_is_back(
    nodes: Nodes, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items, said = published(folder)
    served = Served(nodes, said.published, folder.parent / "shards", seal=SEAL.verifier, replicas=1)
    try:
        served.wait(whole(1))
        load = Load(Cluster(nodes.address), items, said)
        load.more()
        victim = next(name for name in nodes.names() if name in str(served.placed()))
        nodes.kill(victim)
        restored_s = served.wait(whole(1, without=victim))
        load.more()
        load.end()
        assert load.incomplete > 0
    finally:
        served.close()
    with capsys.disabled():
        print(  # noqa: T201
            f"\nback in {restored_s:.1f} s; {load.complete} whole, {load.incomplete} not"
        )


def test_a_new_version_is_taken_over_without_a_gap(nodes: Nodes, folder: Path) -> None:
    items, said = published(folder)
    served = Served(nodes, said.published, folder.parent / "shards", seal=SEAL.verifier, replicas=1)
    cluster = Cluster(nodes.address)
    try:
        served.wait(whole(1))
        query = Codes(packed=np.full((1, 8), 7, dtype=np.uint8), n_bits=64)
        before = cluster.index(manifest_of(said), deadline_s=200.0)
        assert np.array_equal(before.search(query, k=K).rows, items.search(query, k=K).rows)
        with IndexWriter(folder, seal=SEAL) as writer:
            writer.change(remove=np.arange(5, 900, 7, dtype=np.int64), **_uniform(500))
        changed, again = published(folder)
        assert again.n_written == 2
        with pytest.raises(ClusterError) as caught:
            cluster.index(manifest_of(again), deadline_s=4.0)
        assert caught.value.code == "cluster.other_index"
        served.serve(again.published)
        served.wait(lambda placed: {info.file for info in again.published.shards} == set(placed))
        after = cluster.index(manifest_of(again), deadline_s=4.0)
        assert np.array_equal(after.search(query, k=K).rows, changed.search(query, k=K).rows)
        assert after.missing is None
        assert after.digest(MODEL) == again.published.digest
        # Who asked of the version before still has its answer.
        assert np.array_equal(before.search(query, k=K).rows, items.search(query, k=K).rows)
        assert before.missing is None
    finally:
        served.close()


def test_a_machine_that_opens_files_answers_meanwhile(nodes: Nodes, folder: Path) -> None:
    class Slowly:
        """Takes a second to look at a manifest."""

        def open(self, note: str) -> str:
            time.sleep(1.0)
            return seal.open(note)

    seal = SEAL.verifier
    items, said = published(folder)
    served = Served(nodes, said.published, folder.parent / "shards", seal=Slowly(), replicas=1)
    try:
        served.wait(whole(1))
        for shard, (node,) in served.placed().items():
            for _ in range(12):
                served.machines.start(shard, node)
        query = Codes(packed=np.full((1, 8), 7, dtype=np.uint8), n_bits=64)
        index = Cluster(nodes.address).index(manifest_of(said), deadline_s=2.0)
        assert np.array_equal(index.search(query, k=K).rows, items.search(query, k=K).rows)
        assert index.missing is None
    finally:
        served.close()


def test_what_cannot_be_asked_is_refused_by_name(nodes: Nodes, folder: Path) -> None:
    _, said = published(folder)
    with pytest.raises(ClusterError) as caught:
        Cluster(nodes.address).index(manifest_of(said), deadline_s=1.0)
    assert caught.value.code == "cluster.not_served"
    with pytest.raises(ClusterError, match="is connected to") as caught:
        Cluster("127.0.0.1:1")
    assert caught.value.code == "cluster.not_reachable"
    served = Served(nodes, said.published, folder.parent / "shards", seal=SEAL.verifier, replicas=1)
    try:
        with pytest.raises(ClusterError, match="end it first") as caught:
            Served(nodes, said.published, "elsewhere", seal=SEAL.verifier, replicas=1)
        assert caught.value.code == "cluster.other_index"
    finally:
        served.close()
