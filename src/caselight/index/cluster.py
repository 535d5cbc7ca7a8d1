"""An index on Ray: an actor a machine with its shards, and who asks them.

Everything is owned by the process that serves: actors end with it, however it ends.
"""

import itertools
import socket
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any

from caselight.errors import ClusterError, UsageError
from caselight.index.director import Replica, State, View
from caselight.index.hosts import Board, Gone, Host, Refused, packed_args
from caselight.index.journal import Opens
from caselight.index.manifest import IndexManifest
from caselight.index.sharded import Sharded, ShardLost
from caselight.rays import LOCAL, connect

_NAMESPACE = "caselight-index"
_BOARD = "board"
_AT_ONCE = 8
"""Questions that a machine answers side by side."""
_BESIDE = {"files": 2, "life": 1}
"""Threads of a machine that open shards, and one that says that it lives: questions do not wait for
files, nor that answer for either."""
_LOOK_S = 1.0
_SEEN_S = 0.1
"""Seconds until the board is looked at again when many shards are sought at once."""
_KNOCK_S = 1.0
"""Seconds that an actor may be silent until its machine is looked at."""
_HUNG_S = 30.0
"""Seconds after which a silent actor is given up, though its machine lives."""
_SHUN_S = 20.0
"""Seconds that a machine is left out after its actor was lost."""


# Serving ---------------------------------------------------------------------------------------


class RayMachines:
    """Nodes of a Ray cluster, for the director."""

    def __init__(self, ray: Any, *, url: str, seal: Opens, address: str) -> None:
        """Take the cluster for one index.

        Args:
            ray: the connected module.
            url: where the published files lie, as every node reaches them.
            seal: whose signature they must have.
            address: of the cluster.

        Raises:
            ClusterError: `cluster.other_index` where another index is served already.
        """
        self._ray, self._url, self._seal = ray, url, seal
        here = ray.get_runtime_context().get_node_id()
        try:
            self._board = self._actor(Board, here, name=_BOARD, namespace=_NAMESPACE)
            ray.get(self._board.view.remote())
        except ValueError:
            raise ClusterError(
                f"another `caselight index serve` runs at {address}; end it first",
                code="cluster.other_index",
            ) from None
        self._alive: dict[str, Any] = {}
        self._shunned: dict[str, float] = {}
        self._hosts: dict[str, Any] = {}
        """Machine to its actor."""
        self._pings: dict[str, tuple[float, Any]] = {}
        self._opening: dict[tuple[str, str], Any] = {}

    def nodes(self) -> Sequence[str]:
        """See `Machines`: without those whose actor was lost just now, unless all were.

        Ray takes a quarter of a minute to find that a machine is dead.
        """
        self._alive = {one["NodeID"]: one for one in self._ray.nodes() if one["Alive"]}
        for node in self._hosts.keys() - self._alive.keys():
            self._drop(node)
        now = time.monotonic()
        well = [node for node in self._alive if now >= self._shunned.get(node, now)]
        return sorted(well or self._alive)

    def address_of(self, node: str) -> str:
        """Under which address a machine is known."""
        return str(self._alive[node]["NodeManagerAddress"]) if node in self._alive else ""

    def start(self, shard: str, node: str) -> Replica:
        """See `Machines`."""
        if node not in self._hosts:
            self._hosts[node] = self._actor(
                Host,
                node,
                self._url,
                self._seal,
                max_concurrency=_AT_ONCE,
                concurrency_groups=dict(_BESIDE),
            )
        host = self._hosts[node]
        opening = host.open.options(concurrency_group="files").remote(shard)
        self._opening[shard, node] = opening
        return Replica(shard=shard, node=node, handle=host)

    def state(self, replica: Replica) -> State:
        """See `Machines`."""
        shard, node = replica.shard, replica.node
        if self._hosts.get(node) is not replica.handle:
            return "lost"
        opening = self._opening.get((shard, node))
        if opening is not None:
            said = self._now(opening)
            if said != "starting":
                del self._opening[shard, node]
        else:
            since, ref = self._pings.pop(node, (0.0, None))
            if ref is None:
                ping = self._hosts[node].ping.options(concurrency_group="life")
                since, ref = time.monotonic(), ping.remote()
            said = self._now(ref)
            if said == "starting":
                self._pings[node] = since, ref
                waited = time.monotonic() - since
                gone = waited > _HUNG_S or (waited > _KNOCK_S and not self._opens(node))
                said = "lost" if gone else "ready"
        if said == "lost":
            self._shunned[node] = time.monotonic() + _SHUN_S
            self._drop(node)
        return said

    def end(self, replica: Replica) -> None:
        """See `Machines`."""
        if self._hosts.get(replica.node) is replica.handle:
            self._opening.pop((replica.shard, replica.node), None)
            self._hosts[replica.node].close.remote(replica.shard)

    def show(self, view: View) -> None:
        """See `Machines`."""
        self._ray.get(self._board.put.remote(view))

    def close(self) -> None:
        """End all that runs on the machines."""
        for node in list(self._hosts):
            self._drop(node)
        self._ray.kill(self._board)

    def _opens(self, node: str) -> bool:
        """Whether the machine's own Ray process takes a connection; it does under any load."""
        said = self._alive[node]
        try:
            at = (said["NodeManagerAddress"], said["NodeManagerPort"])
            socket.create_connection(at, timeout=_KNOCK_S).close()
        except OSError:
            return False
        return True

    def _drop(self, node: str) -> None:
        """End a machine's actor, and begin with another one when it is needed again."""
        self._ray.kill(self._hosts.pop(node))
        self._pings.pop(node, None)
        self._opening = {at: ref for at, ref in self._opening.items() if at[1] != node}

    def _actor(self, kind: type, node: str, *args: Any, **options: Any) -> Any:
        here = self._ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(node, soft=False)
        options = {**options, "num_cpus": 0, "scheduling_strategy": here}
        return self._ray.remote(**options)(kind).remote(*args)

    def _now(self, ref: Any) -> State:
        done, _ = self._ray.wait([ref], timeout=0)
        if not done:
            return "starting"
        try:
            said = self._ray.get(ref)
        except self._ray.exceptions.RayTaskError as error:
            return _met(error)
        except self._ray.exceptions.RayError:
            return "lost"
        return said.error() if isinstance(said, Refused) else "ready"


def _met(error: Any) -> ClusterError:
    """What a machine raised that is none of our errors: its text may be anything."""
    return ClusterError(
        f"a machine of the cluster met {type(error.cause).__name__}; see that it has memory and "
        "the same Caselight, and begin `caselight index serve` again",
        code="cluster.failed",
    )


# Asking ----------------------------------------------------------------------------------------


class Cluster:
    """The index that a cluster serves, for those who ask."""

    def __init__(self, address: str) -> None:
        """Connect.

        Raises:
            ClusterError: `cluster.not_reachable`.
            UsageError: `usage.missing_extra` without Ray, `usage.bad_argument` for no address.
        """
        if address == LOCAL:
            raise UsageError(
                f"found the address {LOCAL}, which starts an empty cluster, expected HOST:PORT as "
                "`caselight index serve` prints it; correct it"
            )
        self._ray, self.address = connect(address)
        self._view: View | None = None
        self._looked = 0.0
        self._turn = itertools.count()

    def index(self, manifest: IndexManifest, *, deadline_s: float | None) -> Sharded:
        """The index for one query, if it is this one.

        Args:
            manifest: of the index that is to be asked.
            deadline_s: seconds that its shards have.

        Raises:
            ClusterError: `cluster.not_served`, `cluster.other_index`, or `cluster.not_reachable`.
        """
        if not self._ray.is_initialized():
            # Somebody ended the connection. Ray would start a cluster of its own, open to all.
            self._ray, self.address = connect(self.address)
            self._view = None
        view = self._view
        if view is None or view.published.digest != manifest.digest:
            view = self._look()
        if view is None:
            raise ClusterError(
                f"no index is served at {self.address} now; run `caselight index serve`, or search "
                "without --ray",
                code="cluster.not_served",
            )
        if view.published.digest != manifest.digest:
            raise ClusterError(
                f"the cluster at {self.address} serves index {view.published.digest[:16]} of model "
                f"{view.published.model[:16]} and the home has {manifest.digest[:16]} of "
                f"{manifest.model[:16]}; wait until `caselight index serve` has taken it over",
                code="cluster.other_index",
            )
        return Sharded(
            {info.file: info.n for info in view.published.shards},
            _Calls(self._ray, view, next(self._turn), seek=self._seek),
            n_bits=view.published.n_bits,
            dim=view.published.dim,
            deadline_s=deadline_s,
        )

    def _look(self, seconds: float = _LOOK_S) -> View | None:
        """Look at the board; where there is none, nothing is served, and what was known stays."""
        try:
            board = self._ray.get_actor(_BOARD, namespace=_NAMESPACE)
            found: View | None = self._ray.get(board.view.remote(), timeout=seconds)
        except (ValueError, self._ray.exceptions.RayError):
            return None
        finally:
            self._looked = time.monotonic()
        self._view = found or self._view
        return found

    def _seek(self, seconds: float | None) -> View | None:
        """Look at the board, where that was not done just now and there is time for it."""
        left = _LOOK_S if seconds is None else min(seconds, _LOOK_S)
        if left == 0 or time.monotonic() - self._looked < _SEEN_S:
            return self._view
        return self._look(left)


class _Calls:
    """How the shards of one view are asked, for one query; a `sharded.Calls`."""

    def __init__(
        self, ray: Any, view: View, turn: int, *, seek: Callable[[float | None], View | None]
    ) -> None:
        self._ray, self._view, self._turn, self._seek = ray, view, turn, seek

    def replicas(self, shard: str) -> Sequence[Replica]:
        """See `sharded.Calls`: for each query another one first, so that all have their share."""
        own = self._view.replicas.get(shard, ())
        first = self._turn % len(own) if own else 0
        return (*own[first:], *own[:first])

    def sought(self, shard: str, seconds: float | None) -> Sequence[Replica]:
        """See `sharded.Calls`."""
        now = self._seek(seconds)
        return () if now is None else now.replicas.get(shard, ())

    def begin(self, replica: Replica, method: str, args: tuple[Any, ...]) -> Future[Any]:
        """See `sharded.Calls`."""
        answer: Future[Any] = Future()

        def settle(said: Future[Any]) -> None:
            error = said.exception()
            if error is None and isinstance(said.result(), Refused):
                error = said.result().error()
            if error is None and isinstance(said.result(), Gone):
                error = ShardLost(replica.shard)
            if isinstance(error, self._ray.exceptions.RayTaskError):
                error = _met(error)
            elif isinstance(error, self._ray.exceptions.RayError):
                error = ShardLost(replica.shard)
            if error is None:
                answer.set_result(said.result())
            else:
                answer.set_exception(error)

        ref = replica.handle.ask.remote(replica.shard, method, packed_args(args))
        ref.future().add_done_callback(settle)
        return answer
