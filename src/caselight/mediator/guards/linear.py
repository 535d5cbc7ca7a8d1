"""A linear model over hashed features, with calibrated answers: what both learned layers are."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

from caselight.mediator.guards.features import buckets


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Linear:
    """Weights of one layer."""

    weights: NDArray[np.float32]
    """f32[n_buckets], n_buckets a power of two."""
    bias: float
    slope: float
    """Of the logistic curve that makes a probability of a score (Platt, 1999)."""
    offset: float
    threshold: float
    """Probability chosen on validation, the default of the setting."""

    def score(self, text: str) -> float:
        """Weigh one window; above 0 is more likely so than not, before calibration."""
        found = buckets(text, n_buckets=len(self.weights))
        return float(self.weights[found].sum() / math.sqrt(len(found))) + self.bias

    def probability(self, windows: Sequence[str]) -> float:
        """Calibrated probability of the window that scores highest, 0..1; 0 for no window."""
        if not windows:
            return 0.0
        return self.calibrated(max(map(self.score, windows)))

    def calibrated(self, score: float) -> float:
        """Probability of a score, 0..1."""
        return 1 / (1 + math.exp(-min(max(self.slope * score + self.offset, -50.0), 50.0)))


@cache
def read_linear(name: str) -> Linear:
    """Read the weights that the package ships, once: `injection` or `off_topic`."""
    path = files("caselight.mediator.guards").joinpath(f"{name}.safetensors")
    with safe_open(str(path), framework="numpy") as stored:
        facts = json.loads(stored.metadata()["linear"])
        weights = stored.get_tensor("weights").astype(np.float32) * np.float32(facts["scale"])
    return Linear(
        weights=weights,
        bias=facts["bias"],
        slope=facts["slope"],
        offset=facts["offset"],
        threshold=facts["threshold"],
    )
