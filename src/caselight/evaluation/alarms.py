"""Numbers that cannot be right, and numbers that need no model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.config import EvaluateSettings
from caselight.data.leaks import Leak
from caselight.evaluation.figures import FIGURES, KS, Scored, per_query
from caselight.metrics.significance import paired_difference

SLACK = 1e-6
"""Rounding that a ceiling forgives."""


def leak_alarms(leaks: tuple[Leak, ...]) -> list[str]:
    """One sentence a leak between splits."""
    what = {
        "patient": "patients",
        "pixels": "pictures with identical pixels",
        "near_duplicate": "near-duplicate pictures",
        "text": "identical texts",
    }
    return [
        f"leak: {leak.count} {what[leak.kind]} in both {leak.splits[0]} and {leak.splits[1]}; "
        "scores on the later split are too high, split by patient and drop the copies"
        for leak in leaks
    ]


def ceiling_alarms(direction: str, reading: str, block: Mapping[str, Any]) -> list[str]:
    """One sentence for each figure with a recall above what equal texts allow."""
    found = []
    for figure in FIGURES:
        for k in KS:
            value = block[figure][f"recall_at_{k}"]["value"]
            ceiling = block[figure]["ceiling"][f"recall_at_{k}"]
            if value is not None and ceiling is not None and value > ceiling + SLACK:
                found.append(
                    f"above the ceiling: {direction} {reading} {figure} Recall@{k} is "
                    f"{value:.3f} and equal texts allow {ceiling:.3f}; the query knows its answer "
                    "by something other than its content"
                )
                break
    return found


def metadata_alarm(
    direction: str,
    model: Scored,
    metadata: Scored,
    clusters: NDArray[np.int64],
    settings: EvaluateSettings,
) -> list[str]:
    """A sentence when the float reading finds no more than the metadata do.

    Judged by mAP@R of the multi-positive figure, paired by query, resampling patients.
    """
    ours = per_query(model.multi_positive)["map_at_r"]
    theirs = per_query(metadata.multi_positive)["map_at_r"]
    if np.isnan(ours).all():
        return []
    gap = paired_difference(
        ours,
        theirs,
        clusters,
        n_resamples=settings.n_resamples,
        rng=np.random.default_rng(settings.seed),
        level=settings.level,
    )
    if gap.low > 0 or np.isnan(gap.low):
        return []  # better than the metadata, or one patient alone, who cannot tell
    return [
        f"no better than metadata: {direction} float mAP@R less that of a match on modality, view "
        f"and site is {gap.value:.3f} ({gap.low:.3f} to {gap.high:.3f}); to someone who knows "
        "these three of the query, the model adds nothing that shows here"
    ]
