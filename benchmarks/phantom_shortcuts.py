"""Whether the phantoms can be told apart by what is no part of the chest.

A logistic regression on each shortcut alone guesses each finding of a study; patients are kept
whole in the folds. Chance is 0.5. Age and sex are the control: their difference is known and meant
(`caselight.data.phantoms.patients`), so a check that could not find anything would miss it too.
What needs no picture is measured on more studies, since patients come in few and chance is wide.

    python benchmarks/phantom_shortcuts.py [--studies 2000] [--unseen 20000] [--seed 0] [--out FILE]
"""

import argparse
import itertools
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from caselight.data.phantoms.archive import write_archive
from caselight.data.phantoms.findings import NAMES
from caselight.data.phantoms.patients import Case, draw_cases
from machine import machine

RESULTS = Path(__file__).resolve().parent / "results" / "phantom_shortcuts.json"

SIZE = 256
"""Pixels along each side of a film."""

FRAME = 0.06
"""Width of the border, as a fraction of the film."""

CORNER = 0.16
"""Side of the upper corners, where the marker of the side is set."""

FRAME_CELLS, CORNER_CELLS = 32, 64
"""Cells along a film that the border and the corners are averaged to."""

FOLDS, BOOTSTRAPS = 5, 500

Table = NDArray[np.float64]


def main() -> None:
    """Draw, guess, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--studies", type=int, default=2000, help="studies with pictures")
    parser.add_argument("--unseen", type=int, default=20_000, help="studies without")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as work, threadpool_limits(1):
        archive = Path(work) / "phantoms"
        write_archive(
            archive, n_studies=options.studies, seed=options.seed, size=SIZE, images="png"
        )
        unseen = list(itertools.islice(draw_cases(options.seed), options.unseen))
        by_source = {
            name: measure(unseen, table) for name, table in words_and_sites(unseen).items()
        }
        by_source["border and marker"] = measure(unseen[: options.studies], borders(archive))
    for source, block in by_source.items():
        worst = max(block["by_finding"].items(), key=lambda item: item[1]["auc"])
        print(f"{source}: highest {worst[1]['auc']} ({worst[0]})")
    result = {
        "bench": "phantom_shortcuts",
        "seed": options.seed,
        "metric": "area under the ROC curve, out of fold; 95 % interval over patients",
        "chance": 0.5,
        "by_source": by_source,
        "machine": machine(),
    }
    result["seconds"] = round(time.perf_counter() - start, 1)
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(json.dumps(result, indent=1) + "\n", "utf-8")


def measure(cases: Sequence[Case], table: Table) -> dict[str, Any]:
    """What one source, f64[N, D] in the order of the cases, tells of each finding."""
    patients = np.array([case.patient for case in cases])
    weights = resample(patients, np.random.default_rng(0))
    shown = [{item.name for item in case.state.findings} for case in cases]
    targets = {name: np.array([name in names for names in shown]) for name in NAMES}
    targets["normal"] = np.array([not names for names in shown])
    by_finding: dict[str, dict[str, float]] = {}
    for name, holds in targets.items():
        areas = weighted_areas(guess(table, holds, patients), holds, weights)
        low, high = np.quantile(areas[1:], (0.025, 0.975))
        by_finding[name] = {
            "auc": round(float(areas[0]), 3),
            "low": round(float(low), 3),
            "high": round(float(high), 3),
            "n": int(holds.sum()),
        }
    n_patients = np.unique(patients).size
    return {"n_studies": len(cases), "n_patients": n_patients, "by_finding": by_finding}


def words_and_sites(cases: Sequence[Case]) -> dict[str, Table]:
    """What a guess is made from without a picture: source to f64[N, D]."""
    said = [(case.dictation.findings, case.dictation.impression) for case in cases]
    texts = [" ".join(section for section in sections if section) for sections in said]
    lengths = np.array([(len(text), len(text.split())) for text in texts], dtype=np.float64)
    ages = np.array([case.age for case in cases], dtype=np.float64)
    return {
        "scanner and site": one_hot([case.scanner for case in cases], [c.site for c in cases]),
        "characters of text": lengths[:, :1],
        "words of text": lengths[:, 1:],
        "characters and words of text": lengths,
        "age and sex (control)": np.column_stack(
            [ages, (ages / 50.0) ** 2, [case.sex == "F" for case in cases]]
        ),
    }


def borders(archive: Path) -> Table:
    """Frame and upper corners of the frontal film of each study, f64[N, D]."""
    images: dict[str, str] = {}
    with (archive / "records.jsonl").open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            if row["view"] == "PA":
                images[row["study_id"]] = row["image"]
    return np.stack([edges(archive / image) for image in images.values()])


def one_hot(*columns: Sequence[str]) -> Table:
    """Names as f64[N, K] of zeros and ones."""
    parts = [np.array(column)[:, None] == np.unique(column)[None] for column in columns]
    return np.concatenate(parts, axis=1).astype(np.float64)


def edges(path: Path) -> Table:
    """The outer frame and the two upper corners of a film, as means of cells."""
    with PIL.Image.open(path) as image:
        film = np.asarray(image, dtype=np.float64)
    coarse, fine = shrink(film, FRAME_CELLS), shrink(film, CORNER_CELLS)
    width, side = round(FRAME * FRAME_CELLS), round(CORNER * CORNER_CELLS)
    inside = np.zeros(coarse.shape, dtype=bool)
    inside[width:-width, width:-width] = True
    corners = (fine[:side, :side], fine[:side, -side:])
    return np.concatenate([coarse[~inside], *(corner.ravel() for corner in corners)])


def shrink(film: Table, cells: int) -> Table:
    """Means of square cells."""
    step = film.shape[0] // cells
    whole: Table = film.reshape(cells, step, cells, step).mean(axis=(1, 3))
    return whole


def guess(table: Table, holds: NDArray[np.bool_], patients: NDArray[np.int64]) -> Table:
    """Out-of-fold scores, as ranks within their fold: folds differ in how common a finding is."""
    scores = np.zeros(len(holds))
    # Patients are numbered in the order they are drawn, which says nothing of them.
    folds = patients % FOLDS
    for fold in range(FOLDS):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        raw = model.fit(table[train], holds[train]).decision_function(table[test])
        # The mean rank of equal scores, so that ties stay ties.
        _, place, count = np.unique(raw, return_inverse=True, return_counts=True)
        scores[test] = (np.cumsum(count) - 0.5 * count)[place] / len(test)
    return scores


def resample(patients: NDArray[np.int64], rng: np.random.Generator) -> Table:
    """How often each study counts, f64[1 + BOOTSTRAPS, N]; the first row is one for all."""
    names, place = np.unique(patients, return_inverse=True)
    drawn = rng.multinomial(len(names), np.full(len(names), 1.0 / len(names)), size=BOOTSTRAPS)
    rows: Table = np.concatenate([np.ones((1, len(place))), drawn[:, place]])
    return rows


def weighted_areas(scores: Table, holds: NDArray[np.bool_], weights: Table) -> Table:
    """Area under the ROC curve for each row of weights; equal scores count a half."""
    levels, place = np.unique(scores, return_inverse=True)
    areas = np.zeros(len(weights))
    for n, row in enumerate(weights):
        yes = np.bincount(place, row * holds, len(levels))
        no = np.bincount(place, row * ~holds, len(levels))
        areas[n] = (yes * (np.cumsum(no) - 0.5 * no)).sum() / (yes.sum() * no.sum())
    return areas


if __name__ == "__main__":
    main()
