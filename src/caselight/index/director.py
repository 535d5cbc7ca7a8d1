"""Keeps every shard where it belongs: starts what is lost again, moves shards to new machines.

Nothing here knows Ray; what machines can do is `Machines`, which `cluster.py` fills. All is done in
steps that never wait: who calls `step` again and again sees the shards come to where they belong.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from caselight.errors import Error
from caselight.index.placement import place_shards
from caselight.index.shards import Published

GRACE_S = 5.0
"""Seconds between the moment when nobody is told of a replica any more and its end: who knew of it
has got its answer by then."""
AGAIN_S = 2.0
"""Seconds until a shard that could not be opened is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """A shard on a machine."""

    shard: str
    node: str
    handle: Any = field(repr=False)
    """How it is called; equal for the same replica."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is served now, as those who ask are told."""

    published: Published
    replicas: Mapping[str, tuple[Replica, ...]]
    """Shard to who has it; empty for one that is lost."""

    @property
    def lost(self) -> tuple[str, ...]:
        """Shards that nobody has."""
        return tuple(name for name, own in self.replicas.items() if not own)


State = Literal["starting", "ready", "lost"] | Error
"""Of a replica; the error is why its files could not be opened."""


class Machines(Protocol):
    """What the director can do with machines."""

    def nodes(self) -> Sequence[str]:
        """Machines that are alive."""
        ...

    def start(self, shard: str, node: str) -> Replica:
        """Begin to open a shard on a machine; comes back at once."""
        ...

    def state(self, replica: Replica) -> State:
        """How a replica does; comes back at once."""
        ...

    def end(self, replica: Replica) -> None:
        """End a replica, whatever it does."""
        ...

    def show(self, view: View) -> None:
        """Tell all who ask."""
        ...


class Director:
    """Serves one published version after another from the machines that are there."""

    def __init__(self, machines: Machines, *, replicas: int, clock: Callable[[], float]) -> None:
        """Serve nothing yet; see `serve`.

        Args:
            machines: where shards run.
            replicas: of each shard, at least 1.
            clock: seconds.
        """
        self.view: View | None = None
        self.errors: dict[str, Error] = {}
        """Why shards of the version to serve could not be opened, until all their replicas are."""
        self._machines = machines
        self._replicas = replicas
        self._clock = clock
        self._target: Published | None = None
        self._running: list[Replica] = []
        self._ready: list[Replica] = []
        self._leaving: list[tuple[float, Replica]] = []
        self._again: dict[str, float] = {}

    def serve(self, published: Published) -> None:
        """Serve this version from now on; what was served before is, until this one is there."""
        self._target = published
        self.errors.clear()
        self._again.clear()

    def step(self) -> None:
        """Look at all machines and do what can be done now."""
        if self._target is None:
            return
        self._look(self._machines.nodes())
        # Asked again: who was just found to be lost is not begun with anew.
        nodes = self._machines.nodes()
        names = [info.file for info in self._target.shards]
        wanted = place_shards(names, nodes, replicas=self._replicas)
        self._begin(wanted)
        self._settle(wanted)
        self._end_late()

    def close(self) -> None:
        """End all replicas."""
        for replica in [*self._running, *(one for _, one in self._leaving)]:
            self._machines.end(replica)
        self._running, self._ready, self._leaving = [], [], []

    @property
    def moving(self) -> tuple[Replica, ...]:
        """Replicas that are opening their files."""
        return tuple(one for one in self._running if one not in self._ready)

    # ----------------------------------------------------------------------------------------

    def _look(self, nodes: Sequence[str]) -> None:
        """Learn who is ready, and let go of who is lost."""
        running, ready = [], []
        for replica in self._running:
            state = self._machines.state(replica) if replica.node in nodes else "lost"
            if state in ("starting", "ready"):
                running.append(replica)
                ready += [replica] if state == "ready" else []
                continue
            if isinstance(state, Error):
                self.errors[replica.shard] = state
                self._again[replica.shard] = self._clock() + AGAIN_S
            self._machines.end(replica)
        self._running, self._ready = running, ready

    def _begin(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Start what should run and does not; what was to end is kept, for it is still open."""
        belong = {(shard, node) for shard, nodes in wanted.items() for node in nodes}
        back = [one for _, one in self._leaving if (one.shard, one.node) in belong]
        self._leaving = [(late, one) for late, one in self._leaving if one not in back]
        self._running += back
        there = {(one.shard, one.node) for one in self._running}
        now = self._clock()
        for shard, nodes in wanted.items():
            if now >= self._again.get(shard, now):
                self._running += [
                    self._machines.start(shard, node)
                    for node in nodes
                    if (shard, node) not in there
                ]

    def _settle(self, wanted: Mapping[str, Sequence[str]]) -> None:
        """Tell who has what, and let go of replicas whose place others have taken."""
        target = self._target
        assert target is not None  # noqa: S101 - `step` has looked
        by_shard: dict[str, list[Replica]] = {}
        for replica in self._ready:
            by_shard.setdefault(replica.shard, []).append(replica)
        for shard, own in by_shard.items():
            if {one.node for one in own}.issuperset(wanted.get(shard, ())):
                self.errors.pop(shard, None)
        changed = self.view is None or self.view.published != target
        if changed and not all(info.file in by_shard for info in target.shards):
            # The version before goes on, with whoever has it.
            if self.view is not None:
                self._show(self.view.published, by_shard)
            return
        for shard, own in by_shard.items():
            at_home = [one for one in own if one.node in wanted.get(shard, ())]
            if len(at_home) == len(wanted.get(shard, ())):
                for replica in own:
                    if replica not in at_home:
                        self._running.remove(replica)
                        self._leaving.append((self._clock() + GRACE_S, replica))
                by_shard[shard] = at_home
        self._show(target, by_shard)

    def _show(self, published: Published, by_shard: Mapping[str, Sequence[Replica]]) -> None:
        names = [info.file for info in published.shards]
        view = View(
            published=published,
            replicas={name: tuple(by_shard.get(name, ())) for name in names},
        )
        if view != self.view:
            self.view = view
            self._machines.show(view)

    def _end_late(self) -> None:
        now = self._clock()
        for late, replica in self._leaving:
            if now >= late:
                self._machines.end(replica)
        self._leaving = [(late, one) for late, one in self._leaving if now < late]
