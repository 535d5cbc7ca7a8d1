"""Four machines on this one: a Ray cluster whose nodes are processes, on 127.0.0.1 alone."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from caselight.index.cluster import RayMachines
from caselight.index.director import Director
from caselight.index.journal import Opens
from caselight.index.shards import Published
from caselight.rays import connect

_NODE = {
    "num_cpus": 1,
    "object_store_memory": 80_000_000,
    "node_ip_address": "127.0.0.1",
}


class Nodes:
    """The machines; the first one holds the tests and lives on."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self.address = str(cluster.address)

    def add(self) -> str:
        """Start one more; returns its name."""
        return str(self._cluster.add_node(**_NODE).node_id)

    def names(self) -> list[str]:
        """All but the first."""
        return sorted(str(node.node_id) for node in self._cluster.worker_nodes)

    def kill(self, name: str) -> None:
        """SIGKILL of all its processes at once, as when a machine loses its power."""
        node = next(one for one in self._cluster.worker_nodes if one.node_id == name)
        for started in node.all_processes["raylet"]:
            pid = started.process.pid
            told = Path(f"/proc/{pid}/task/{pid}/children").read_text("utf-8")
            for one in (pid, *map(int, told.split())):
                os.kill(one, signal.SIGKILL)


@contextlib.contextmanager
def four_nodes() -> Iterator[Nodes]:
    """Start them, and end them again."""
    pytest.importorskip("ray", reason="ray is not installed: pip install 'caselight[scale]'")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER", "0")
        patch.setenv("RAY_AUTH_MODE", "disabled")
        import ray
        from ray._private import ray_constants
        from ray.cluster_utils import Cluster

        # Somebody may have imported it before.
        patch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", False)
        cluster = Cluster(
            initialize_head=True, head_node_args={**_NODE, "include_dashboard": False}
        )
        try:
            nodes = Nodes(cluster)
            for _ in range(3):
                nodes.add()
            yield nodes
        finally:
            ray.shutdown()
            cluster.shutdown()


class Served:
    """A published index that a thread keeps served, as `serve` does."""

    def __init__(
        self, nodes: Nodes, published: Published, url: Path | str, *, seal: Opens, replicas: int
    ) -> None:
        ray, address = connect(nodes.address)
        self.machines = RayMachines(ray, url=str(url), seal=seal, address=address)
        self.director = Director(self.machines, replicas=replicas, clock=time.monotonic)
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.director.serve(published)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def serve(self, published: Published) -> None:
        with self._lock:
            self.director.serve(published)

    def placed(self) -> dict[str, list[str]]:
        """Shard to the machines that answer for it."""
        view = self.director.view
        found = {} if view is None else view.replicas
        return {shard: sorted(one.node for one in own) for shard, own in found.items()}

    def wait(self, wanted: Any, *, seconds: float = 60.0) -> float:
        """Seconds until `wanted(self.placed())`."""
        begin = time.monotonic()
        while not wanted(self.placed()):
            assert time.monotonic() - begin < seconds, (self.placed(), self.director.errors)
            time.sleep(0.02)
        return time.monotonic() - begin

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self.director.close()
        self.machines.close()

    def _run(self) -> None:
        while not self._ended.wait(0.1):
            with self._lock:
                self.director.step()
