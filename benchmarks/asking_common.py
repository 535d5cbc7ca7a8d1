"""What the three parts of results_asking.py share: homes, models, scores and intervals."""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from caselight.composing import Asked
from caselight.config import Config
from caselight.data.store import create_store
from caselight.engine import Engine, open_engine
from caselight.evaluation.figures import plain_interval
from caselight.ingest import ingest
from caselight.metrics.retrieval import QueryScores
from caselight.metrics.significance import cluster_bootstrap, paired_difference
from caselight.models.checkpoint import load_checkpoint
from caselight.models.dual_encoder import DualEncoder, Modality
from caselight.ranking import fuse_ranks
from caselight.recording import Recorder
from caselight.train.run import train
from caselight.types import Codes

N_BITS = 128
KS = (1, 5, 10)
N_RESAMPLES = 1000

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Side:
    """One side of a comparison, queries or gallery rows, as the model reads it."""

    vectors: F32
    soft: F32
    codes: Codes

    def one(self, row: int) -> Asked:
        """One row, to be composed."""
        return Asked(vector=self.vectors[row], soft=self.soft[row])


def read_side(model: DualEncoder, features: F32, modality: Modality) -> Side:
    """Embeddings and codes of features."""
    return Side(
        vectors=model.embed(features, modality).mean,
        soft=model.soft_bits(features, modality, N_BITS),
        codes=model.encode_codes(features, modality, N_BITS),
    )


def joined(*sides: Side) -> Side:
    """Several sides as one, in order."""
    return Side(
        vectors=np.concatenate([side.vectors for side in sides]),
        soft=np.concatenate([side.soft for side in sides]),
        codes=Codes(packed=np.concatenate([s.codes.packed for s in sides]), n_bits=N_BITS),
    )


def config_of(values: Mapping[str, Any]) -> Config:
    """The defaults with one width of codes, and these settings."""
    return Config.from_mapping({**values, "model": {"bits": [N_BITS]}})


@contextmanager
def opened(archive: Path, home: Path, config: Config) -> Iterator[Engine]:
    """A home of an archive, made where it is not there yet."""
    if not (home / "done").is_file():
        with create_store(home) as store:
            receipt = ingest(
                archive,
                store,
                settings=config.ingest,
                mapping={},
                clock=time.perf_counter,
                on_studies=lambda *_: None,
                recorder=Recorder(store, actor="benchmark"),
            )
        print(f"{home.name}: {receipt.accepted} studies, {len(receipt.rejected)} refused")
        (home / "done").touch()
    with open_engine(
        home, config=config, device=torch.device("cpu"), progress=lambda *_: None
    ) as engine:
        yield engine


def trained(engine: Engine, config: Config, out: Path) -> DualEncoder:
    """A model of a home's training split, made where it is not there yet."""
    if not (out / "run.json").is_file():
        train(engine, config=config, out=out, clock=time.perf_counter, on_epoch=lambda _: None)
    return load_checkpoint(out)


def best_of_each(scores: F64 | F32, owner: I64, n_owners: int) -> F64:
    """f64[Q, n_owners]: the highest score of each owner's rows; every owner has a row."""
    order = np.argsort(owner, kind="stable")
    starts = np.searchsorted(owner[order], np.arange(n_owners))
    best: F64 = np.maximum.reduceat(scores[:, order].astype(np.float64), starts, axis=1)
    return np.round(best, 6)


def fused(rankings: Sequence[F64], weights: Sequence[float], *, floor: float = -np.inf) -> F64:
    """Reciprocal rank fusion of score matrices, f64[Q, S]; scores at `floor` are not ranked."""
    out = np.zeros_like(rankings[0])
    for query in range(len(out)):
        ranked = []
        for scores in rankings:
            order = np.argsort(-scores[query], kind="stable")
            kept = [int(item) for item in order if scores[query, item] > floor]
            ranked.append({item: rank for rank, item in enumerate(kept, start=1)})
        for item, score in fuse_ranks(ranked, weights).items():
            out[query, item] = score  # type: ignore[index]
    return out


def figures(scores: QueryScores) -> dict[str, F64]:
    """The numbers that are reported, one value a query."""
    return {
        **{f"recall_at_{k}": scores.recall_at[k] for k in KS},
        "mrr": scores.reciprocal_rank,
        "map_at_r": scores.ap_at_r,
        "ndcg_at_10": scores.ndcg_at_10,
    }


def interval(values: F64, clusters: Sequence[str] | I64) -> dict[str, float | None]:
    """Mean and 95 % interval, patients resampled."""
    return plain_interval(
        cluster_bootstrap(values, clusters, n_resamples=N_RESAMPLES, rng=np.random.default_rng(0))
    )


def difference(a: F64, b: F64, clusters: Sequence[str] | I64) -> dict[str, float | None]:
    """Mean of a minus mean of b with its 95 % interval, patients resampled."""
    return plain_interval(
        paired_difference(a, b, clusters, n_resamples=N_RESAMPLES, rng=np.random.default_rng(0))
    )


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The objects of a JSON Lines file."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]
