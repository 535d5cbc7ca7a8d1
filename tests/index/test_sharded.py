"""An index in shards answers as the whole one does, or says what of it did not answer."""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from caselight.errors import IndexMismatch
from caselight.index.places import open_place
from caselight.index.sharded import InProcess, Sharded, ShardLost, ShardsMissing
from caselight.index.shards import Shard, open_shard, publish
from caselight.index.snapshot import Snapshot
from caselight.index.writer import IndexWriter
from caselight.types import Codes
from tests.index.sealed import MODEL, SEAL, Mirror, new_index, some


def shards_of(items: Snapshot, folder: Path, *, shard_rows: int) -> list[Shard]:
    place = open_place(str(folder))
    said = publish(
        place, items, model=MODEL, digest=items.digest(MODEL), shard_rows=shard_rows, seal=SEAL
    )
    return [open_shard(place, said.published, info.file) for info in said.published.shards]


def whole(shards: Sequence[Shard], calls: Any = None, **options: Any) -> Sharded:
    sizes = {shard.name: len(shard.items) for shard in shards}
    calls = calls or InProcess(shards, threads=options.pop("threads", 1))
    return Sharded(sizes, calls, n_bits=32, dim=4, **options)


def grown(folder: Path, seed: int, *, n_steps: int) -> tuple[Snapshot, Mirror]:
    """An index with a history of adding, removing and folding, and the slow one of it."""
    rng, mirror = np.random.default_rng(seed), Mirror()
    with IndexWriter(new_index(folder), seal=SEAL) as writer:
        for _ in range(n_steps):
            items = some(rng, int(rng.integers(1, 25)))
            rows = sorted(mirror.items)
            gone = (
                rng.choice(rows, min(len(rows), 5), replace=False) if rows else rng.permutation(0)
            )
            mirror.remove(gone)
            mirror.add(writer.change(remove=gone.astype(np.int64), **items), items)
            if rng.uniform() < 0.5:
                (writer.fold if rng.uniform() < 0.6 else writer.compact)()
        return writer.snapshot, mirror


@settings(max_examples=20, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 6),
    st.integers(5, 80),
    st.sampled_from((1, 3)),
)
def test_any_split_answers_as_the_whole_index_and_as_the_plain_one(
    tmp_path_factory: pytest.TempPathFactory, seed: int, n_steps: int, shard_rows: int, threads: int
) -> None:
    folder = tmp_path_factory.mktemp("split")
    items, mirror = grown(folder / "index", seed, n_steps=n_steps)
    rng = np.random.default_rng(seed)
    shards = shards_of(items, folder / "shards", shard_rows=shard_rows)
    index = whole(shards, threads=threads)
    assert len(index) == len(items)
    assert len(shards) == len(np.unique(items.row // shard_rows))
    assert np.array_equal(index.row, items.row)
    for name in ("kind", "study", "position"):
        assert np.array_equal(index.column(name), items.column(name))
    assert index.digest(MODEL) == items.digest(MODEL)
    queries = rng.integers(0, 256, (3, 4), dtype=np.uint8)
    queries[0] = mirror.column("packed")[0]
    codes = Codes(packed=queries, n_bits=32)
    for share in (None, 0.5, 0.02, 0.0):
        allowed = None if share is None else rng.uniform(size=len(items)) < share
        k = int(rng.integers(1, len(items) + 3))
        found, same = (
            index.search(codes, k=k, allowed=allowed),
            items.search(codes, k=k, allowed=allowed),
        )
        assert np.array_equal(found.rows, same.rows)
        assert np.array_equal(found.distance, same.distance)
        plain = [mirror.nearest(query, k, allowed) for query in queries]
        pairs = np.stack([found.distance, found.rows], axis=-1).tolist()
        assert pairs == [[list(pair) for pair in one] for one in plain]
    places = rng.permutation(len(items))[:7].astype(np.int64)
    assert np.array_equal(index.take(places).packed, items.take(places).packed)
    assert np.array_equal(index.vectors(places), items.vectors(places))
    assert index.missing is None


# Shards that are slow or lost ---------------------------------------------------------------


class Replicas:
    """Several replicas of each shard; each answers, is lost, or is silent for ever."""

    def __init__(self, shards: Sequence[Shard], states: Sequence[Sequence[str]]) -> None:
        self._shards = {one.name: one for one in shards}
        self._states = {one.name: own for one, own in zip(shards, states, strict=True)}
        self.asked: list[tuple[str, int]] = []
        self.found: dict[str, int] = {}
        """Replicas that are there when somebody looks again."""
        self.seconds: list[float | None] = []
        """What each look might take."""

    def replicas(self, shard: str) -> list[tuple[str, int]]:
        return [(shard, i) for i in range(len(self._states[shard]))]

    def sought(self, shard: str, seconds: float | None) -> list[tuple[str, int]]:
        self.seconds.append(seconds)
        return [*self.replicas(shard), *((shard, 100 + i) for i in range(self.found.get(shard, 0)))]

    def begin(self, replica: tuple[str, int], method: str, args: tuple[Any, ...]) -> Future[Any]:
        shard, i = replica
        self.asked.append(replica)
        state = "well" if i >= 100 else self._states[shard][i]
        future: Future[Any] = Future()
        if state == "lost":
            future.set_exception(ShardLost(shard))
        elif state == "damaged":
            future.set_exception(IndexMismatch("an item", code="index.digest_mismatch"))
        elif state == "well":
            future.set_result(self._shards[shard].answer(method, args))
        elif state == "late":
            answer = self._shards[shard].answer(method, args)
            threading.Timer(0.05, future.set_result, [answer]).start()
        return future


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> tuple[Snapshot, list[Shard]]:
    folder = tmp_path_factory.mktemp("four")
    with IndexWriter(new_index(folder / "index"), seal=SEAL) as writer:
        writer.change(**some(np.random.default_rng(5), 40))
        items = writer.snapshot
    return items, shards_of(items, folder / "shards", shard_rows=10)


def query() -> Codes:
    return Codes(packed=np.array([[1, 2, 3, 4]], dtype=np.uint8), n_bits=32)


def nearest_of(items: Snapshot, present: NDArray[np.bool_], k: int) -> NDArray[np.int64]:
    return items.search(query(), k=k, allowed=present).rows


@given(
    st.lists(
        st.lists(st.sampled_from(("well", "lost", "silent")), min_size=0, max_size=3),
        min_size=4,
        max_size=4,
    ).filter(lambda states: any("well" in own for own in states))
)
@settings(max_examples=25, deadline=None)
def test_the_answer_is_that_of_the_shards_that_answer_and_says_which_do_not(
    four: tuple[Snapshot, list[Shard]], states: list[list[str]]
) -> None:
    items, shards = four
    index = whole(shards, Replicas(shards, states), deadline_s=0.2)
    found = index.search(query(), k=12)
    well = ["well" in own for own in states]
    present = np.repeat(np.array(well), 10)
    assert np.array_equal(index.present(), present)
    assert np.array_equal(found.rows, nearest_of(items, present, 12))
    n_lost = well.count(False)
    if n_lost == 0:
        assert index.missing is None
    else:
        assert index.missing is not None
        said = index.missing
        assert (said.shards, said.of_shards, said.items, said.of_items) == (
            *(n_lost, 4, 10 * n_lost, 40),
        )


def test_the_first_replica_that_answers_wins(four: tuple[Snapshot, list[Shard]]) -> None:
    items, shards = four
    calls = Replicas(shards, [["silent", "well"], ["lost", "well"], ["well"], ["late", "well"]])
    index = whole(shards, calls, deadline_s=4.0)
    found = index.search(query(), k=40)
    assert np.array_equal(found.rows, items.search(query(), k=40).rows)
    assert index.missing is None
    # The late one answered before its time was over, so nobody else was asked.
    assert (shards[3].name, 1) not in calls.asked


def test_a_replica_that_has_come_since_is_found(four: tuple[Snapshot, list[Shard]]) -> None:
    items, shards = four
    calls = Replicas(shards, [["lost"], [], ["well"], ["well"]])
    calls.found = {shards[0].name: 1, shards[1].name: 1}
    index = whole(shards, calls, deadline_s=4.0)
    assert np.array_equal(index.search(query(), k=40).rows, items.search(query(), k=40).rows)
    assert index.missing is None


def test_a_replica_that_came_for_one_that_is_silent_is_found(
    four: tuple[Snapshot, list[Shard]],
) -> None:
    items, shards = four
    calls = Replicas(shards, [["silent"], ["late"], ["well"], ["well"]])
    calls.found = {shards[0].name: 1}
    index = whole(shards, calls, deadline_s=4.0)
    assert np.array_equal(index.search(query(), k=40).rows, items.search(query(), k=40).rows)
    assert index.missing is None
    # Nobody looks for others before the time of those who are known.
    (left,) = calls.seconds
    assert left is not None
    # A busy machine may have lost some of the time that was left.
    assert 0.5 < left <= 1.5


def test_looking_for_replicas_takes_no_longer_than_is_left(
    four: tuple[Snapshot, list[Shard]],
) -> None:
    _, shards = four
    calls = Replicas(shards, [["lost"], [], ["silent"], ["well"]])
    index = whole(shards, calls, deadline_s=0.2)
    index.search(query(), k=3)
    assert index.missing is not None
    assert calls.seconds
    assert all(0.0 <= (seconds or 0.0) <= 0.1 for seconds in calls.seconds)
    assert None not in calls.seconds


def test_what_is_wanted_of_a_lost_shard_is_refused(four: tuple[Snapshot, list[Shard]]) -> None:
    _, shards = four
    index = whole(shards, Replicas(shards, [["well"], ["lost"], ["well"], ["well"]]))
    assert len(index.vectors(np.array([0, 25]))) == 2
    for read in (index.vectors, index.take):
        with pytest.raises(ShardsMissing, match="1 of 4 shards") as caught:
            read(np.array([0, 15]))
        assert caught.value.code == "cluster.shards_lost"
    with pytest.raises(ShardsMissing):
        index.leaves()


def test_no_shard_at_all_is_refused(four: tuple[Snapshot, list[Shard]]) -> None:
    _, shards = four
    index = whole(shards, Replicas(shards, [["lost"], [], ["silent"], ["lost"]]), deadline_s=0.1)
    with pytest.raises(ShardsMissing, match="none of the 4 shards"):
        index.search(query(), k=3)


def test_a_shard_that_finds_itself_damaged_is_refused_unless_another_is_whole(
    four: tuple[Snapshot, list[Shard]],
) -> None:
    _, shards = four
    well = [["well"], ["well"], ["well"]]
    index = whole(shards, Replicas(shards, [["damaged", "well"], *well]))
    assert index.search(query(), k=3).rows.shape == (1, 3)
    with pytest.raises(IndexMismatch) as caught:
        whole(shards, Replicas(shards, [["damaged"], *well])).search(query(), k=3)
    assert caught.value.code == "index.digest_mismatch"


def test_a_query_ends_by_its_deadline_whatever_is_asked(
    four: tuple[Snapshot, list[Shard]],
) -> None:
    _, shards = four
    clock = time.monotonic
    index = whole(
        shards,
        Replicas(shards, [["silent"], ["well"], ["well"], ["well"]]),
        deadline_s=0.4,
    )
    begin = clock()
    index.search(query(), k=3)
    assert index.missing is not None
    for _ in range(20):
        index.vectors(np.array([10, 20, 30]))
        index.search(query(), k=30)
    assert clock() - begin < 0.4


def test_codes_of_another_width_are_refused(four: tuple[Snapshot, list[Shard]]) -> None:
    _, shards = four
    with pytest.raises(IndexMismatch) as caught:
        whole(shards).search(Codes(packed=np.zeros((1, 8), np.uint8), n_bits=64), k=1)
    assert caught.value.code == "index.bits_mismatch"


def test_no_shards_are_an_empty_index() -> None:
    index = whole([])
    assert len(index) == 0
    assert index.search(query(), k=3).rows.shape == (1, 0)
    assert index.leaves().shape == (0, 32)
