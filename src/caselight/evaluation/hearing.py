"""What the probes say of a text tower, as one row of numbers."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.config import EvaluateSettings
from caselight.data.probe_texts import Probe
from caselight.evaluation.probes import probe
from caselight.metrics.significance import Interval


def heard(
    encode: Callable[[Sequence[str]], NDArray[Any]],
    probes: Sequence[Probe],
    *,
    settings: EvaluateSettings,
) -> dict[str, Interval]:
    """Ask an encoder some probes.

    Args:
        encode: N texts to features, N rows.
        probes: what is asked.
        settings: of the intervals, which resample findings.

    Returns:
        `negation_minimal`, `negation_reworded`, `laterality_minimal` and `laterality_reworded` to
        the accuracies of `probes.Hearing`, 0..1; a kind of which there is no probe is left out.
    """
    report = probe(
        encode,
        rng=np.random.default_rng(settings.seed),
        probes=probes,
        n_resamples=settings.n_resamples,
    )
    found = {}
    for kind, hearing in (("negation", report.negation), ("laterality", report.laterality)):
        if hearing is not None:
            found[f"{kind}_minimal"] = hearing.minimal_accuracy
            found[f"{kind}_reworded"] = hearing.reworded_accuracy
    return found
