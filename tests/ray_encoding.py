"""What the tests of `--ray` run in a process of its own, where sockets are open. Prints JSON."""

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

# Before Ray is imported: its servers listen on 127.0.0.1 alone.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import psutil

from caselight import Home
from caselight.data.store import open_store
from caselight.errors import Error

N_NODES = 4


def features(home: Path) -> list[Any]:
    """All that the cache holds."""
    with closing(sqlite3.connect(home / "features.sqlite")) as db:
        return db.execute("SELECT tower, key, vector FROM features ORDER BY tower, key").fetchall()


def built(home: Path, ray: str | None, told: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """Build the whole index with what the cache has, and say what came out."""
    encoded = 0

    def progress(_: str, n_done: int, __: int) -> None:
        nonlocal encoded
        encoded += n_done
        told()

    with Home(home, progress=progress) as place:
        digest = place.build_index(fresh=True, ray=ray).manifest.digest
    made = hashlib.sha256(repr(features(home)).encode()).hexdigest()
    return {"digest": digest, "features": made, "encoded": encoded}


@contextmanager
def copied(home: Path) -> Iterator[Path]:
    """A copy of a home, without features."""
    copy = home.with_name("copy")
    shutil.copytree(home, copy)
    (copy / "features.sqlite").unlink(missing_ok=True)
    yield copy
    shutil.rmtree(copy)


def kill_one_worker() -> bool:
    """Kill a process of ours that encodes; whether there was one."""
    for process in psutil.Process().children(recursive=True):
        if "MapWorker" in " ".join(process.cmdline()):
            process.kill()
            return True
    return False


def nodes(home: Path, word: str) -> dict[str, Any]:
    """Four nodes on this machine: a worker is killed, then a picture is lost."""
    from ray.cluster_utils import Cluster

    with copied(home) as copy:
        said: dict[str, Any] = {"here": built(copy, None)}
    cluster = Cluster()
    for _ in range(N_NODES):
        cluster.add_node(num_cpus=1, include_dashboard=False, object_store_memory=10**8)
    said["nodes"] = len(cluster.list_all_nodes())
    logs = Path(cluster.head_node.get_session_dir_path()) / "logs"
    with copied(home) as copy:
        killed: list[bool] = []
        said["after_a_kill"] = built(
            copy, cluster.address, lambda: None if killed else killed.append(kill_one_worker())
        )
        said["killed"] = killed[0]
    with copied(home) as copy:
        with open_store(copy) as store:
            lost = [image.digest for _, study in store.studies() for image in study.images][-1]
            store.pixels_path(lost).unlink()
        try:
            built(copy, cluster.address)
        except Error as error:
            said["lost"] = error.code
    written = [path for path in logs.rglob("*") if path.is_file()]
    said["logs"] = len(written)
    said["logs_with_the_word"] = [p.name for p in written if word.encode() in p.read_bytes()]
    cluster.shutdown()
    return said


def until(home: Path, n: int) -> None:
    """Build on Ray, and be killed when so many batches are back."""
    back = 0

    def told() -> None:
        nonlocal back
        back += 1
        if back == n:
            say({"batches": back, "kept": len(features(home))})
            os.kill(os.getpid(), signal.SIGKILL)

    built(home, "local", told)


def say(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")
    sys.stdout.flush()


def main() -> None:
    what, home = sys.argv[1], Path(sys.argv[2])
    if what == "nodes":
        say(nodes(home, sys.argv[3]))
    elif what == "until":
        until(home, int(sys.argv[3]))
    elif what == "here":
        with copied(home) as copy:
            say(built(copy, None))
    else:
        say(built(home, "local"))


if __name__ == "__main__":
    main()
