"""Scan and tables on codes that a trained model really made, against faiss.

A model is trained on phantoms, and its 128-bit head makes the codes: of a gallery that is filled up
to a million by mixing the tower's features of pictures in threes, since no archive of that size is
at hand, and of held-out pictures and texts, which are the queries and are not mixed. Adds rows with
the data "learned" to benchmarks/results/index_learned.json. Takes some ten minutes.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

import caselight
from caselight.data.stacks import pictures
from caselight.data.texts import study_texts
from caselight.index import kernel
from caselight.index.auto import AutoIndex
from caselight.types import Codes
from index_methods import FLAT, METHODS
from machine import commit, machine

RESULTS = Path(__file__).resolve().parent / "results" / "index_learned.json"
N_BITS, K, N_QUERIES, REPEATS = 128, 10, 60, 5
Bytes = NDArray[np.uint8]


def learned(folder: Path, n: int, n_studies: int) -> tuple[Bytes, dict[str, Bytes]]:
    """Gallery u8[n, 16], and queries by what they are."""
    caselight.write_demo_archive(folder / "archive", n_studies=n_studies, seed=0)
    with caselight.Home(folder / "home") as home:
        home.ingest(folder / "archive")
        home.train()
        model = home._load(None)
        engine = home._open_engine(model.config)
        groups: dict[bool, list[tuple[str, ...]]] = {True: [], False: []}
        texts = []
        for study in home.studies():
            held_out = study.split != "train"
            groups[held_out] += [p.digests for p in pictures(study.images, "none")]
            texts += [*study_texts(study, model.config.train.text)] if held_out else []
        features = engine.picture_features(groups[False])
        rng, parts = np.random.default_rng(0), []
        for start in range(0, n, 20_000):
            size = min(20_000, n - start)
            shares = rng.dirichlet((0.5, 0.5, 0.5), size).astype(np.float32)
            three = features[rng.integers(0, len(features), (size, 3))]
            mixed = np.einsum("nk,nkd->nd", shares, three)
            parts.append(model.encode_codes(mixed, "image", N_BITS).packed)
        asked = {
            "pictures": model.encode_codes(
                engine.picture_features(groups[True]), "image", N_BITS
            ).packed,
            "texts": model.encode_codes(engine.text_features(texts), "text", N_BITS).packed,
        }
    queries = {name: np.unique(codes, axis=0)[:N_QUERIES] for name, codes in asked.items()}
    return np.concatenate(parts), queries


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    n, n_studies = (50_000, 60) if quick else (1_000_000, 1_000)
    faiss.omp_set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        codes, queries = learned(Path(folder), n, n_studies)
    wanted = (FLAT, "caselight scan", "caselight tables", "caselight auto")
    built = {m.name: m.build(codes)[0] for m in METHODS if m.name in wanted}
    auto = AutoIndex(N_BITS)
    auto.add(np.arange(n), Codes(packed=codes, n_bits=N_BITS))
    rows = []
    for name, asked in queries.items():
        times = {method: np.zeros((REPEATS, len(asked))) for method in built}
        for repeat in range(REPEATS):
            for at in range(len(asked)):
                for method, search in built.items():
                    start = time.perf_counter()
                    search(asked[at : at + 1], K)
                    times[method][repeat, at] = time.perf_counter() - start
        truth = built[FLAT](asked, K)
        _, told = auto.explain(Codes(packed=asked, n_bits=N_BITS), k=K)
        ms = {method: float(1000 * np.median(own, axis=0).mean()) for method, own in times.items()}
        rows += [
            {
                "n": n,
                "n_bits": N_BITS,
                "data": f"learned, asked by {name}",
                "k": K,
                "method": method,
                "ms_per_query": round(value, 5),
                "recall": float((built[method](asked, K) <= truth[:, -1:]).mean()),
                "ratio_to_faiss_flat": round(ms[FLAT] / value, 2),
                "ratio_to_scan": round(value / ms["caselight scan"], 3),
                "kth_distance": float(truth[:, -1].mean()),
                "fell_back": round(told.work.n_fell_back / len(asked), 3),
                "machine": machine() | {"kernel": kernel.describe()},
                "commit": commit(),
            }
            for method, value in ms.items()
        ]
        for row in rows[-len(ms) :]:
            print({k: v for k, v in row.items() if k not in ("machine", "commit")}, flush=True)
    if not quick:
        RESULTS.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
