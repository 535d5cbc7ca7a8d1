"""Verb: an index served by several machines, until somebody ends it.

What is served is what the home has published, and it follows the home: a change of the index is
published and taken over without a gap, a damaged shard is written anew, a lost one started again.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from caselight.errors import ClusterError, IndexMismatch, UsageError
from caselight.index.cluster import RayMachines
from caselight.index.director import Director
from caselight.index.journal import Opens
from caselight.index.places import Place
from caselight.index.shards import Publication, open_shard, read_published
from caselight.publishing import index_mark, is_settled, publish_index
from caselight.rays import connected
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
        ClusterError: `cluster.not_reachable`, `cluster.other_index`, `cluster.bad_place`,
            `cluster.not_ours`, or `cluster.failed`.
        IndexMismatch: when there is no index, or it was changed.
        UsageError: `usage.missing_extra` without Ray, and for an address or a number that is none.
    """
    if replicas < 1:
        raise UsageError(f"found {replicas} replicas, expected 1 or more; correct it")
    mark = index_mark(home, seal=recorder.verifier)
    with connected(address) as (ray, address):
        done = publish_index(home, place, recorder=recorder, shard_rows=shard_rows)
        machines = RayMachines(ray, url=place.url, seal=recorder.verifier, address=address)
        director = Director(machines, replicas=replicas, clock=clock)
        try:
            director.serve(done.published)
            told, looked, note = None, clock(), ""
            whole: set[str] = set()
            while True:
                director.step()
                if clock() - looked >= LOOK_S:
                    looked = clock()
                    try:
                        now = index_mark(home, seal=recorder.verifier)
                        damaged = _damaged(director, place, whole, seal=recorder.verifier)
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
                notes = [*_notes(director, place, whole), *([note] if note else [])]
                state = _state(director, machines, done, address, replicas, notes)
                if state != told:
                    tell(state)
                    told = state
                if ended(STEP_S):
                    return
        finally:
            director.close()
            machines.close()


def _damaged(director: Director, place: Place, whole: set[str], *, seal: Opens) -> list[str]:
    """Shards that other machines find damaged, and this one too.

    What this one finds whole is not written again: the other machine sees another place under the
    same name.

    Args:
        director: has tried to open them.
        place: where they lie.
        whole: those that were found to be whole here, which are not read again; it is kept up.
        seal: whose signature they must have.
    """
    told = {name for name, said in director.errors.items() if said.code == "cluster.damaged"}
    whole &= told
    damaged = []
    for name in sorted(told - whole):
        try:
            open_shard(place, read_published(place, seal=seal), name)
        except ClusterError as error:
            if error.code != "cluster.damaged":
                raise
            damaged.append(name)
        else:
            whole.add(name)
    return damaged


def _notes(director: Director, place: Place, whole: Collection[str]) -> list[str]:
    """Why shards could not be opened, each reason once."""
    elsewhere = (
        f"cluster.bad_place: a machine of the cluster does not find at {place.url} what lies "
        "there; see that every machine reaches the same place by this name"
    )
    told = sorted(director.errors.items())
    found = [elsewhere if name in whole else f"{one.code}: {one}" for name, one in told]
    return list(dict.fromkeys(found))


def _state(
    director: Director,
    machines: RayMachines,
    done: Publication,
    address: str,
    replicas: int,
    notes: list[str],
) -> ServeState:
    view = director.view
    published = done.published if view is None else view.published
    sizes = {info.file: info.n for info in published.shards}
    own: dict[str, list[str]] = {node: [] for node in machines.nodes()}
    for name, there in ({} if view is None else view.replicas).items():
        for replica in there:
            own.setdefault(replica.node, []).append(name)
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
        notes=tuple(notes),
    )
