"""What a home's cache lacks, encoded by a Ray Data job on all the machines of a cluster.

The workers open the same towers and encode the same batches with the same function as one process
does. They read pictures from the home, which every machine must see at the same path; texts are
sent to them. Why so: decision 0035.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from caselight.config import TowerSettings
from caselight.engine import Engine, OpenTowers
from caselight.errors import ClusterError, Error, ModelError, families
from caselight.models.dual_encoder import TowerIdentity
from caselight.models.tower_files import Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a worker must know."""

    kind: Kind
    home: Path
    towers: TowerSettings
    expected: TowerIdentity
    """The tower here, which must be the worker's."""
    device: str
    n_threads: int
    """Of the processor for each worker: another number makes other last bits."""


def encode_on_ray(
    engine: Engine, kind: Kind, batches: Sequence[Sequence[str]]
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Encode batches on the cluster this process is connected to; see `engine.EncodeBatches`.

    Raises:
        ClusterError: `cluster.no_home` when a machine does not see the home, and
            `cluster.failed` when one cannot do its work, or is killed again and again.
            `cluster.too_small` when no machine holds a worker.
        ModelError: when a worker cannot open the tower, or opens another.
        StoreError: `store.damaged` when the home has lost a picture.
    """
    if not batches:
        return
    import ray.data.exceptions
    import ray.exceptions

    job = Job(
        kind=kind,
        home=engine.store.home.resolve(),
        towers=engine.towers,
        expected=engine.identity(kind),
        device=engine.device.type,
        n_threads=torch.get_num_threads(),
    )
    n_workers = min(len(batches), room(job, ray.nodes()))
    _silence(ray.data)
    # A batch is one row and one block: it stays whole, and comes back as soon as it is done.
    rows = [{"number": n, "batch": list(batch)} for n, batch in enumerate(batches)]
    encoded = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
        Worker,
        fn_constructor_args=(job,),
        batch_size=1,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=n_workers, initial_size=n_workers),
        **_needs(job),
    )
    try:
        for row in encoded.iter_rows():
            if row["problem"]:
                raise met(row["problem"])
            vectors = np.frombuffer(row["vectors"], dtype="<f4").astype(np.float32)
            yield row["number"], vectors.reshape(len(batches[row["number"]]), -1)
    except (
        ray.exceptions.RayError,
        ray.data.exceptions.SystemException,
        ray.data.exceptions.ExecutionTimeoutError,
    ) as error:
        raise ClusterError(
            f"the workers on Ray ended or did nothing for long ({type(error).__name__}); install "
            "the same Caselight on every machine, see that they have memory, and build again: "
            "what was encoded is kept",
            code="cluster.failed",
        ) from None


def _needs(job: Job) -> dict[str, int]:
    """What each worker asks of Ray."""
    return {"num_cpus": job.n_threads, "num_gpus": 1 if job.device == "cuda" else 0}


def room(job: Job, nodes: Sequence[Mapping[str, Any]]) -> int:
    """How many workers the machines of the cluster hold, at least 1."""
    needs = _needs(job)
    n_cpus, n_gpus = needs["num_cpus"], needs["num_gpus"]
    room, most = 0, 0
    for node in nodes:
        has = node["Resources"] if node["Alive"] else {}
        cores = int(has.get("CPU", 0))
        most = max(most, cores)
        room += min(cores // n_cpus, int(has.get("GPU", 0)) if n_gpus else cores)
    if room == 0:
        raise ClusterError(
            f"a worker computes with {n_cpus} threads{' and a GPU' if n_gpus else ''}, as this "
            f"process does, and no machine of the cluster has so much (at most {most} cores); "
            "build on a larger cluster, or with OMP_NUM_THREADS=1 for this process",
            code="cluster.too_small",
        )
    return room


class Worker:
    """One process of the cluster, which encodes batches.

    What goes wrong comes back as a row: Ray would write an exception into its logs, and the words
    of a report might be in it.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._towers: OpenTowers | None = None

    def __call__(self, rows: Any) -> dict[str, list[Any]]:
        """Encode a batch: a pyarrow table of one row, its number and its things."""
        vectors, problem = b"", ""
        try:
            vectors = self._encode(rows["batch"][0].as_py()).astype("<f4").tobytes()
        except Error as error:
            problem = json.dumps([type(error).__name__, error.code, str(error)])
        except Exception as error:  # noqa: BLE001 - its kind alone is told, whatever it is
            said = (
                f"a worker on Ray met {type(error).__name__} while it encoded; build without --ray "
                "to see where"
            )
            problem = json.dumps([ClusterError.__name__, "cluster.failed", said])
        return {"number": rows["number"].to_pylist(), "vectors": [vectors], "problem": [problem]}

    def _encode(self, batch: Sequence[str]) -> NDArray[np.float32]:
        job = self._job
        if self._towers is None:
            self._towers = _open(job)
        return self._towers.encode_stored(job.kind, batch, home=job.home)


def _open(job: Job) -> OpenTowers:
    if job.kind == "image" and not (job.home / "pixels").is_dir():
        raise ClusterError(
            f"a worker on Ray finds no home at {job.home}; every machine must see the home's "
            "folder at the same path",
            code="cluster.no_home",
        )
    torch.set_num_threads(job.n_threads)
    towers = OpenTowers(job.towers, device=torch.device(job.device), progress=lambda *_: None)
    found = towers.identity(job.kind)
    if found != job.expected:
        raise ModelError(
            f"a worker on Ray opened the {job.kind} tower {found.name} with weights "
            f"{found.digest[:16]}, expected {job.expected.digest[:16]} and the same handling of "
            "its input; install the same versions on every machine"
        )
    return towers


def met(problem: str) -> Error:
    """The error that a worker met, as if it had been met here."""
    family, code, said = json.loads(problem)
    known = {one.__name__: one for one in families()}
    return known[family](said, code=code)


def _silence(data: Any) -> None:
    """Progress is told by who asked; Ray Data would draw bars of its own and say what it does."""
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    data.DataContext.get_current().enable_progress_bars = False
