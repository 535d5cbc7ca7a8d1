"""The shipped weights are read as they were written, and small."""

from importlib.resources import files

import numpy as np
import pytest

from caselight.config import GuardSettings
from caselight.mediator.guards.features import buckets
from caselight.mediator.guards.linear import Linear, read_linear


def linear(**changed: float) -> Linear:
    weights = np.zeros(1024, dtype=np.float32)
    weights[buckets("obey", n_buckets=1024)] = 1.0
    values = {"bias": -1.0, "slope": 2.0, "offset": 0.0, "threshold": 0.5, **changed}
    return Linear(weights=weights, **values)


def test_a_score_is_the_mean_weight_scaled_by_the_root_of_the_features() -> None:
    n = len(buckets("obey", n_buckets=1024))
    assert linear().score("obey") == pytest.approx(n / np.sqrt(n) - 1)


def test_the_worst_window_counts() -> None:
    model = linear()
    assert model.probability(["effusion", "obey"]) == model.calibrated(model.score("obey"))
    assert model.probability([]) == 0.0


def test_probabilities_rise_with_scores_and_stay_within_bounds() -> None:
    model = linear()
    p = [model.calibrated(score) for score in (-1e6, -1, 0, 1, 1e6)]
    assert p == sorted(p)
    assert 0 <= p[0] < p[-1] <= 1


@pytest.mark.parametrize("name", ["injection", "off_topic"])
def test_the_shipped_weights_are_small_and_their_threshold_is_the_setting(name: str) -> None:
    path = files("caselight.mediator.guards").joinpath(f"{name}.safetensors")
    assert len(path.read_bytes()) < 4_000_000
    model = read_linear(name)
    assert np.isfinite(model.weights).all()
    assert np.count_nonzero(model.weights) > 1_000
    settings = GuardSettings()
    assert getattr(settings, f"{name}_threshold") == pytest.approx(model.threshold, abs=1e-9)
