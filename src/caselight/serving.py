"""Verb: an index served by several machines, until somebody ends it.

What is served is what the home has published, and it follows the home: a change of the index is
published and taken over without a gap, a damaged shard is written anew, a lost one started again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from caselight.errors import ClusterError, IndexMismatch
from caselight.index.cluster import RayMachines
from caselight.index.director import Director
from caselight.index.places import Place
from caselight.index.shards import Publication
from caselight.publishing import index_mark, is_settled, publish_index
from caselight.rays import connect
from caselight.recording import Recorder

STEP_S = 0.25
"""Between two looks at all machines."""
LOOK_S = 1.0
"""Between two looks at the home."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """What a machine has."""

    node: str
    """The name that the cluster gives it."""
    address: str
    shards: int
    items: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeState:
    """What is served now."""

    address: str
    """Of the cluster."""
    index: str | None
    """Digest of the index that answers; None until all shards are open for the first time."""
    shards: int
    items: int
    replicas: int
    """Of each shard, wanted."""
    lost: int
    """Shards that nobody has."""
    moving: int
    """Replicas that are opening their files."""
    nodes: tuple[NodeState, ...]
    notes: tuple[str, ...]


def serve(
    home: Path,
    place: Place,
    *,
    recorder: Recorder,
    address: str,
    replicas: int,
    shard_rows: int | None,
    tell: Callable[[ServeState], None],
    ended: Callable[[float], bool],
    clock: Callable[[], float],
) -> None:
    """Publish the index of a home and serve it until told to end; nothing is left running then.

    Args:
        home: the home.
        place: where its files are published, as all machines reach it.
        recorder: signs, and puts on the record what is published.
        address: of the Ray cluster, or `rays.LOCAL`.
        replicas: of each shard, at least 1.
        shard_rows: see `publish_index`.
        tell: told what is served whenever that changes.
        ended: waits for so many seconds; whether to end.
        clock: seconds.

    Raises:
        ClusterError: `cluster.not_reachable`, `cluster.other_index`, `cluster.bad_place` or
            `cluster.not_ours`.
        IndexMismatch: when there is no index, or it was changed.
        UsageError: `usage.missing_extra` without Ray.
    """
    mark = index_mark(home, seal=recorder.verifier)
    ray, address = connect(address)
    done = publish_index(home, place, recorder=recorder, shard_rows=shard_rows)
    machines = RayMachines(ray, url=place.url, seal=recorder.verifier, address=address)
    director = Director(machines, replicas=replicas, clock=clock)
    told, looked, note = None, clock(), ""
    try:
        director.serve(done.published)
        while True:
            director.step()
            damaged = [s for s, e in director.errors.items() if e.code == "cluster.damaged"]
            if damaged or clock() - looked >= LOOK_S:
                looked = clock()
                try:
                    now = index_mark(home, seal=recorder.verifier)
                    if damaged or (now != mark and is_settled(home, seal=recorder.verifier)):
                        done = publish_index(home, place, recorder=recorder, anew=damaged)
                        director.serve(done.published)
                        mark = now
                    note = ""
                except (IndexMismatch, ClusterError) as error:
                    if error.code == "index.missing":
                        raise
                    # What is served goes on; the next look tries again.
                    note = f"{error.code}: {error}"
            state = _state(director, machines, done, address, replicas, note)
            if state != told:
                tell(state)
                told = state
            if ended(STEP_S):
                return
    finally:
        director.close()
        machines.close()


def _state(
    director: Director,
    machines: RayMachines,
    done: Publication,
    address: str,
    replicas: int,
    note: str,
) -> ServeState:
    view = director.view
    published = done.published if view is None else view.published
    sizes = {info.file: info.n for info in published.shards}
    own: dict[str, list[str]] = {node: [] for node in machines.nodes()}
    for name, there in ({} if view is None else view.replicas).items():
        for replica in there:
            own.setdefault(replica.node, []).append(name)
    notes = [f"{error.code}: {error}" for _, error in sorted(director.errors.items())]
    if 0 < len(own) < replicas:
        notes.append(f"{replicas} replicas are wanted and there are {len(own)} machines")
    return ServeState(
        address=address,
        index=None if view is None else published.digest,
        shards=len(sizes),
        items=len(published),
        replicas=replicas,
        lost=0 if view is None else len(view.lost),
        moving=len(director.moving),
        nodes=tuple(
            NodeState(
                node=node,
                address=machines.address_of(node),
                shards=len(names),
                items=sum(sizes[name] for name in names),
            )
            for node, names in sorted(own.items())
        ),
        notes=tuple([*notes, note] if note else notes),
    )
