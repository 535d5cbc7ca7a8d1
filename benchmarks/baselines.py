"""Canonical correlation analysis as a cross-modal hash: the oldest baseline, at its best ridge."""

import numpy as np
from numpy.typing import NDArray

from caselight.codes import hamming
from caselight.evaluation.figures import score_task
from caselight.evaluation.gallery import Gallery
from caselight.evaluation.readings import Features, modalities
from caselight.evaluation.relevance import Task, make_tasks
from caselight.models.cca import fit_cca
from caselight.types import IntArray

RIDGES = (0.01, 0.1, 1.0, 10.0, 100.0)
"""Tried on the validation split."""


def cca_distance(
    pairs: tuple[NDArray[np.float32], NDArray[np.float32]],
    features: Features,
    task: Task,
    n_bits: int,
    ridge: float,
) -> IntArray:
    """Hamming distances between signs of canonical correlates of standardised features."""
    scale = [(side.mean(axis=0), side.std(axis=0) + 1e-6) for side in pairs]
    image, text = ((side - m) / d for side, (m, d) in zip(pairs, scale, strict=True))
    found = dict(
        zip(
            ("image", "text"),
            zip(fit_cca(image, text, n_bits, ridge=ridge), scale, strict=True),
            strict=True,
        )
    )
    codes = []
    for kind, rows in zip(modalities(task), (task.queries, task.answers), strict=True):
        hashes, (mean, spread) = found[kind]
        codes.append(hashes.encode((features.of(kind)[rows] - mean) / spread))
    return hamming(codes[0], codes[1])


def choose_ridge(
    pairs: tuple[NDArray[np.float32], NDArray[np.float32]], features: Features, gallery: Gallery
) -> float:
    """The ridge whose 128 bits find most on a gallery: the validation split."""
    tasks = make_tasks(gallery)[:2]

    def recall(ridge: float) -> float:
        return sum(
            float(
                score_task(cca_distance(pairs, features, task, 128, ridge), task)
                .strict.recall_at[10]
                .mean()
            )
            for task in tasks
        )

    return max(RIDGES, key=recall)
