"""What a model that is trained further finds in a new home, and still finds in its old one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.config import EvaluateSettings
from caselight.metrics.significance import Interval, cluster_bootstrap, paired_difference
from caselight.models.dual_encoder import DualEncoder
from caselight.train.validation import Validation, recall_of_queries


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalls:
    """The Recall@10 of every query of one validation split, by reading."""

    values: Mapping[str, NDArray[np.float64]]
    """f64[Q], 0..1, images that ask and texts that ask."""
    patients: NDArray[np.int64]
    """i64[Q]: whose query it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What one model finds."""

    new: Recalls
    old: Recalls | None
    """None where the old home is not at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """The model after so many new pairs; all by reading, Recall@10 over both directions, 0..1."""

    asked: int
    """New pairs asked for."""
    n_pairs: int
    """New pairs trained on: those asked for, or all there are."""
    n_replayed: int
    """Pairs of the old home trained on with them."""
    recall: Mapping[str, Interval]
    """Of the new home's validation split."""
    gain: Mapping[str, Interval]
    """That less the recall with 0 pairs, paired."""
    old_recall: Mapping[str, Interval]
    """Of the old home's validation split; empty without one."""
    forgotten: Mapping[str, Interval]
    """The old recall with 0 pairs less this one, paired: above 0 is forgotten."""


def recalls(model: DualEncoder, validation: Validation, readings: Sequence[str]) -> Recalls:
    """Ask a model every query of a validation split, in every reading."""
    return Recalls(
        values={name: recall_of_queries(model, validation, name) for name in readings},
        patients=validation.patients,
    )


def point(
    now: Standing,
    begun: Standing,
    *,
    asked: int,
    n_pairs: int,
    n_replayed: int,
    settings: EvaluateSettings,
) -> Point:
    """Put a model beside the one it was trained further from.

    Args:
        now: the model.
        begun: the one with 0 pairs.
        asked: see `Point`, as the next two.
        n_pairs: trained on.
        n_replayed: trained on with them.
        settings: of the intervals, which resample patients.
    """
    recall, gain = _beside(now.new, begun.new, 1.0, settings)
    old_recall: dict[str, Interval] = {}
    forgotten: dict[str, Interval] = {}
    if now.old is not None and begun.old is not None:
        old_recall, forgotten = _beside(now.old, begun.old, -1.0, settings)
    return Point(
        asked=asked,
        n_pairs=n_pairs,
        n_replayed=n_replayed,
        recall=recall,
        gain=gain,
        old_recall=old_recall,
        forgotten=forgotten,
    )


def _beside(
    now: Recalls, begun: Recalls, sign: float, settings: EvaluateSettings
) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """The mean of every reading, and `sign` times its difference to what it was."""

    def drawn() -> dict[str, Any]:
        return {
            "n_resamples": settings.n_resamples,
            "rng": np.random.default_rng(settings.seed),
            "level": settings.level,
        }

    means, differences = {}, {}
    for name, values in now.values.items():
        means[name] = cluster_bootstrap(values, now.patients, **drawn())
        differences[name] = paired_difference(
            sign * values, sign * begun.values[name], now.patients, **drawn()
        )
    return means, differences
