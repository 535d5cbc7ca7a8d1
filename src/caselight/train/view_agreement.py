"""Does a tower see that two views show one picture? Measured on pictures it did not learn from."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from caselight.config import EvaluateSettings
from caselight.metrics.retrieval import score_queries
from caselight.metrics.significance import Interval, cluster_bootstrap
from caselight.models.towers import ImageTower
from caselight.models.views import augment, view_generator
from caselight.train.adapting import diverged
from caselight.types import IntArray

_TOGETHER = 32
"""Pictures encoded at a time."""


def view_agreement(
    tower: ImageTower,
    inputs: Tensor,
    digests: Sequence[str],
    patients: IntArray,
    *,
    strength: float,
    settings: EvaluateSettings,
) -> Interval | None:
    """Share of pictures whose second view is the nearest of all second views to the first one.

    By the cosine of the features less their mean, since what all pictures share tells none apart.

    Args:
        tower: the tower to ask.
        inputs: f32[N, 3, S, S], as its preprocessing leaves pictures.
        digests: of the pictures; they decide the views.
        patients: i64[N]; the interval resamples them.
        strength: of the views, 0..1.
        settings: of the interval.

    Returns:
        0..1, chance is 1 / N; None for fewer than two pictures.

    Raises:
        TrainError: `train.non_finite` for a tower that diverged.
    """
    if len(digests) < 2:
        return None
    one, two = (_features(tower, inputs, digests, view, strength) for view in (1, 2))
    distance = -np.round((one @ two.T).double().numpy(), 6)
    own = np.eye(len(digests), dtype=np.bool_)
    return cluster_bootstrap(
        score_queries(distance, own, ks=(1,)).recall_at[1],
        patients,
        n_resamples=settings.n_resamples,
        rng=np.random.default_rng(settings.seed),
        level=settings.level,
    )


def _features(
    tower: ImageTower, inputs: Tensor, digests: Sequence[str], view: int, strength: float
) -> Tensor:
    parts = []
    for start in range(0, len(digests), _TOGETHER):
        drawn = [view_generator(digest, view) for digest in digests[start : start + _TOGETHER]]
        batch = inputs[start : start + _TOGETHER]
        parts.append(tower.encode(augment(batch, strength=strength, generators=drawn)))
    features = torch.cat(parts)
    if not features.isfinite().all():
        raise diverged("the image tower's features of pictures")
    return F.normalize(features - features.mean(dim=0), dim=1)
