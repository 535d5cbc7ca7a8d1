"""An index in several shards, asked as one: the answer is the one that a single machine gives.

How a shard is called is a matter of `Calls`: in this process (`InProcess`), or on other machines
(`cluster.py`). A shard that does not answer in time, or is lost, is missing for the rest of the
query, and is told: an answer is never silently that of a part.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from caselight.errors import ClusterError, IndexMismatch
from caselight.index.segments import LEAF_BYTES
from caselight.index.shards import Shard
from caselight.index.snapshot import PartWork, Places, digest_of, nearest_of
from caselight.types import BoolArray, Candidates, Codes, Missing

PATIENCE = 0.25
"""Share of a step's time after which a replica that is silent is not waited for alone."""


class ShardLost(Exception):
    """Who should have had a shard is gone."""


class ShardsMissing(ClusterError):
    """Items are wanted of a shard that does not answer, or no shard answers at all."""

    code = "cluster.shards_lost"


class Calls(Protocol):
    """How replicas of shards are called; a replica is whatever the caller makes of one."""

    def replicas(self, shard: str) -> Sequence[Any]:
        """Who is known to have a shard; whom to ask first comes first."""
        ...

    def sought(self, shard: str, seconds: float | None) -> Sequence[Any]:
        """The same, looked up anew within so many seconds, after all who were known have failed."""
        ...

    def begin(self, replica: Any, method: str, args: tuple[Any, ...]) -> Future[Any]:
        """Ask one as `Shard.answer` is asked; `ShardLost` comes back when it is gone."""
        ...


class InProcess:
    """Shards of this process."""

    def __init__(self, shards: Sequence[Shard], *, threads: int = 1) -> None:
        """Hold open shards; with one thread they are asked in turn, without any."""
        self._shards = {shard.name: shard for shard in shards}
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None

    def replicas(self, shard: str) -> Sequence[Shard]:
        """See `Calls`."""
        return (self._shards[shard],) if shard in self._shards else ()

    def sought(self, shard: str, seconds: float | None) -> Sequence[Shard]:  # noqa: ARG002
        """See `Calls`."""
        return self.replicas(shard)

    def begin(self, replica: Shard, method: str, args: tuple[Any, ...]) -> Future[Any]:
        """See `Calls`."""
        if self._pool is not None:
            return self._pool.submit(replica.answer, method, args)
        done: Future[Any] = Future()
        done.set_result(replica.answer(method, args))
        return done


class Sharded:
    """Shards in order of row, read as a `Snapshot` is; one object for one query.

    The shards have `deadline_s` together, counted from the first that is asked of them. Each step
    of a query takes half of what is left at most, so that something is left for the next.
    """

    def __init__(
        self,
        shards: Mapping[str, int],
        calls: Calls,
        *,
        n_bits: int,
        dim: int,
        deadline_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Read shards as one index.

        Args:
            shards: name to number of items, in order of row.
            calls: how they are asked.
            n_bits: width of their codes.
            dim: numbers of an embedding.
            deadline_s: seconds they have; None waits.
            clock: seconds.
        """
        self.n_bits = n_bits
        self.dim = dim
        self._names = tuple(shards)
        self._sizes = tuple(shards.values())
        self._ends = np.cumsum(np.array(self._sizes, dtype=np.int64))
        self._begins = [0, *self._ends[:-1].tolist()] if shards else []
        self._calls = calls
        self._deadline_s = deadline_s
        self._clock = clock
        self._end: float | None = None
        self._lost: set[int] = set()

    def __len__(self) -> int:
        return sum(self._sizes)

    @property
    def missing(self) -> Missing | None:
        """What did not answer until now; None: nothing."""
        if not self._lost:
            return None
        return Missing(
            shards=len(self._lost),
            of_shards=len(self._names),
            items=sum(self._sizes[i] for i in self._lost),
            of_items=len(self),
        )

    def present(self) -> BoolArray:
        """bool[N]: items of shards that are not missing."""
        here = np.array([i not in self._lost for i in range(len(self._names))], dtype=np.bool_)
        return np.repeat(here, self._sizes)

    # What a snapshot answers --------------------------------------------------------------------

    def search(self, codes: Codes, *, k: int, allowed: BoolArray | None = None) -> Candidates:
        """Find the k nearest items of each query, nearest first, ties in order of row.

        Items of a shard that is missing are not among them; `missing` says so.

        Args:
            codes: Q codes of the index's width.
            k: items wanted, at least 1; fewer come back when fewer are allowed.
            allowed: bool[N], in order of row; None is all.

        Raises:
            IndexMismatch: `index.bits_mismatch` for another width.
            ShardsMissing: when no shard that was asked answers.
        """
        return self.explain(codes, k=k, allowed=allowed)[0]

    def explain(
        self, codes: Codes, *, k: int, allowed: BoolArray | None = None
    ) -> tuple[Candidates, tuple[PartWork, ...]]:
        """Search, and say how each part was searched and why; the arguments are `search`'s."""
        if codes.n_bits != self.n_bits:
            raise IndexMismatch(
                f"the index holds {self.n_bits}-bit codes and these have {codes.n_bits}; use the "
                "model the index was built with, or run `caselight index build` again",
                code="index.bits_mismatch",
            )
        asked: dict[int, tuple[Any, ...]] = {}
        for i, (begin, size) in enumerate(zip(self._begins, self._sizes, strict=True)):
            own = None if allowed is None else allowed[begin : begin + size]
            if i not in self._lost and (own is None or own.any()):
                asked[i] = (codes, k, own)
        answers = self._ask("explain", asked)
        if asked and not answers:
            raise self._none_left()
        found, works = [], []
        n_compared = 0
        for i in sorted(answers):
            near, own_works = answers[i]
            found.append((near.rows + self._begins[i], near.distance))
            works += own_works
            n_compared += near.n_compared
        best = nearest_of(found, n_queries=len(codes), k=k, n_compared=n_compared)
        return best, tuple(works)

    def take(self, places: Places) -> Codes:
        """Codes of items, in the order asked for.

        Raises:
            ShardsMissing: for an item of a shard that is missing.
        """
        out = np.empty((len(places), self.n_bits // 8), dtype=np.uint8)
        for which, found in self._of_places("take", places):
            out[which] = found.packed
        return Codes(packed=out, n_bits=self.n_bits)

    def vectors(self, places: Places) -> NDArray[np.float32]:
        """Embeddings of items, f32[K, D], unit length, in the order asked for.

        Raises:
            ShardsMissing: for an item of a shard that is missing.
            IndexMismatch: `index.digest_mismatch` for an item that was changed on disk.
        """
        out = np.empty((len(places), self.dim), dtype=np.float32)
        for which, found in self._of_places("vectors", places):
            out[which] = found
        return out

    @property
    def row(self) -> NDArray[np.int64]:
        """Rows of all items, i64[N], rising."""
        return np.concatenate([np.zeros(0, np.int64), *self._all("row")])

    def column(self, name: str) -> NDArray[np.int64]:
        """`kind`, `study` or `position` of all items, [N], in order of row."""
        kind = np.uint8 if name == "kind" else np.int64
        return np.concatenate([np.zeros(0, kind), *self._all("column", name)])

    def leaves(self) -> NDArray[np.uint8]:
        """Digests of all items as they were written, u8[N, 32], in order of row."""
        return np.concatenate([np.zeros((0, LEAF_BYTES), np.uint8), *self._all("leaves")])

    def digest(self, model: str) -> str:
        """SHA-256 over all items and the model they are of: that of the `Snapshot`."""
        return digest_of(self.leaves(), model=model, n_bits=self.n_bits, dim=self.dim)

    # Asking -------------------------------------------------------------------------------------

    def _all(self, method: str, *args: Any) -> list[Any]:
        asked = {i: args for i in range(len(self._names)) if i not in self._lost}
        answers = self._ask(method, asked)
        if self._lost:
            raise self._gone()
        return [answers[i] for i in sorted(answers)]

    def _of_places(self, method: str, places: Places) -> list[tuple[NDArray[np.int64], Any]]:
        """Which of the places are a shard's, and what it says of them; one pair a shard."""
        owner = np.searchsorted(self._ends, places, side="right")
        which = {i: np.flatnonzero(owner == i) for i in np.unique(owner).tolist()}
        if not self._lost.isdisjoint(which):
            raise self._gone()
        answers = self._ask(
            method, {i: (places[own] - self._begins[i],) for i, own in which.items()}
        )
        if not self._lost.isdisjoint(which):
            raise self._gone()
        return [(which[i], answer) for i, answer in answers.items()]

    def _ask(self, method: str, asked: Mapping[int, tuple[Any, ...]]) -> dict[int, Any]:
        """Ask shards; who does not answer in time, or is lost, is missing from now on."""
        step = _Step(self._calls, self._names, method, asked, self._clock)
        answers = step.answers(self._seconds())
        for i in asked.keys() - answers.keys():
            if i in step.errors and not isinstance(step.errors[i], ShardLost):
                raise step.errors[i]
        self._lost |= asked.keys() - answers.keys()
        return answers

    def _seconds(self) -> float | None:
        """What the next step may take."""
        if self._deadline_s is None:
            return None
        now = self._clock()
        if self._end is None:
            self._end = now + self._deadline_s
        return max(0.0, self._end - now) / 2

    def _gone(self) -> ShardsMissing:
        return ShardsMissing(
            f"{len(self._lost)} of {len(self._names)} shards do not answer, and items of them are "
            "needed; ask again when `caselight index serve` has brought them back"
        )

    def _none_left(self) -> ShardsMissing:
        within = "" if self._deadline_s is None else f" in {self._deadline_s:g} s"
        return ShardsMissing(
            f"none of the {len(self._names)} shards of the index answers{within}; look at "
            "`caselight index serve`, or search without --ray"
        )


class _Step:
    """One question to several shards: the first replica that answers wins."""

    def __init__(
        self,
        calls: Calls,
        names: Sequence[str],
        method: str,
        asked: Mapping[int, tuple[Any, ...]],
        clock: Callable[[], float],
    ) -> None:
        self.errors: dict[int, BaseException] = {}
        self._calls, self._names, self._clock = calls, names, clock
        self._method, self._asked = method, asked
        self._end: float | None = None
        self._running: dict[Future[Any], int] = {}
        self._since: dict[int, float] = {}
        self._untried = {i: deque(calls.replicas(names[i])) for i in asked}
        self._tried: dict[int, list[Any]] = {i: [] for i in asked}
        self._sought: set[int] = set()

    def answers(self, seconds: float | None) -> dict[int, Any]:
        """What shards answered within so many seconds."""
        found: dict[int, Any] = {}
        self._end = None if seconds is None else self._clock() + seconds
        for i in self._asked:
            self._next(i)
        while any(i not in found for i in self._running.values()):
            done = [future for future in self._running if future.done()]
            if not done:
                left = self._left()
                if left == 0:
                    break
                pause = self._hasten(seconds, found)
                pause = left if pause is None or left is None else min(left, pause)
                done = list(wait(self._running, pause, FIRST_COMPLETED).done)
            for future in done:
                i = self._running.pop(future)
                error = future.exception()
                if error is None:
                    found.setdefault(i, future.result())
                elif i not in found:
                    self.errors[i] = error
                    self._next(i)
        return found

    def _left(self) -> float | None:
        return None if self._end is None else max(0.0, self._end - self._clock())

    def _next(self, i: int) -> None:
        """Ask a replica that was not asked yet, if there is one."""
        if not self._untried[i]:
            self._sought.add(i)
            known = self._tried[i]
            fresh = self._calls.sought(self._names[i], self._left())
            self._untried[i].extend(one for one in fresh if one not in known)
        if self._untried[i]:
            replica = self._untried[i].popleft()
            self._tried[i].append(replica)
            self._since[i] = self._clock()
            self._running[self._calls.begin(replica, self._method, self._asked[i])] = i

    def _hasten(self, seconds: float | None, found: Mapping[int, Any]) -> float | None:
        """Ask others of shards that are silent; seconds until there are more of these."""
        if seconds is None:
            return None
        pauses = []
        for i in set(self._running.values()) - found.keys():
            if self._has_more(i) and self._clock() - self._since[i] >= PATIENCE * seconds:
                self._next(i)
            if self._has_more(i):
                pauses.append(self._since[i] + PATIENCE * seconds - self._clock())
        return max(0.0, min(pauses)) if pauses else None

    def _has_more(self, i: int) -> bool:
        """Whether there are replicas that were not asked yet, or may be."""
        return bool(self._untried[i]) or i not in self._sought
