"""Does an encoder hear one "no" and one side? Accuracy on texts that differ in nothing else.

The measure of before and after: a sentence encoder that calls "no pneumothorax" and "pneumothorax"
the same is right in few of the probes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from caselight.data.probe_texts import Probe, ProbeKind, built_in_probes
from caselight.metrics.significance import Interval, cluster_bootstrap

_DECIMALS = 6
"""Distances closer than this are a tie: what is left of a difference is rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """How well an encoder hears one kind of word."""

    n: int
    minimal_accuracy: Interval
    """Share of probes whose text is nearer to its paraphrase than to the text with that one word
    changed, 0..1; a tie counts half. An encoder that goes by shared words is near 0."""
    reworded_accuracy: Interval
    """The same against the changed paraphrase; chance is 0.5, what an encoder deaf to the word
    gets."""
    paraphrase_distance: float
    """Mean over the probes, in the unit of the distance given."""
    opposite_distance: float
    reworded_opposite_distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeReport:
    """What the probes say; None for a kind of which there was none."""

    negation: Hearing | None
    laterality: Hearing | None


def cosine_distance(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """1 - cosine, row by row: f[N, D] and f[N, D] of any length but zero to f64[N], 0..2."""
    left, right = a.astype(np.float64), b.astype(np.float64)
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    distance: NDArray[np.float64] = 1 - (left * right).sum(axis=1) / lengths
    return distance


def bit_distance(a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float64]:
    """Bits that differ, row by row: packed codes u8[N, n_bits // 8] to f64[N]."""
    counts: NDArray[np.float64] = np.bitwise_count(a ^ b).sum(axis=1).astype(np.float64)
    return counts


def probe(
    encode: Callable[[Sequence[str]], NDArray[Any]],
    *,
    rng: np.random.Generator,
    probes: Sequence[Probe] | None = None,
    distance: Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float64]] = cosine_distance,
    n_resamples: int = 1000,
) -> ProbeReport:
    """Ask an encoder every probe.

    Args:
        encode: N texts to an array of N rows: features, or packed codes with `bit_distance`. It is
            called once, with each distinct text once.
        rng: draws the resamples of the intervals.
        probes: None for the built-in ones.
        distance: of equal rows of two such arrays, f64[N]; lower is nearer.
        n_resamples: of the intervals, which draw whole names (every probe of one finding).

    Returns:
        The report, negation and laterality apart.
    """
    asked = built_in_probes() if probes is None else tuple(probes)
    if not asked:
        return ProbeReport(negation=None, laterality=None)
    row = {text: i for i, text in enumerate(dict.fromkeys(t for p in asked for t in _texts_of(p)))}
    rows = encode(tuple(row))
    places = np.array([[row[text] for text in _texts_of(p)] for p in asked])
    apart = np.stack([distance(rows[places[:, 0]], rows[places[:, i]]) for i in (1, 2, 3)], axis=1)

    def hearing(kind: ProbeKind) -> Hearing | None:
        of_kind = np.array([p.kind == kind for p in asked])
        if not of_kind.any():
            return None
        same, opposite, reworded = apart[of_kind].T
        names = [p.name for p in asked if p.kind == kind]

        def accuracy(other: NDArray[np.float64]) -> Interval:
            gap = np.round(other - same, _DECIMALS)
            right = (np.sign(gap) + 1) / 2
            return cluster_bootstrap(right, names, n_resamples=n_resamples, rng=rng)

        return Hearing(
            n=len(names),
            minimal_accuracy=accuracy(opposite),
            reworded_accuracy=accuracy(reworded),
            paraphrase_distance=float(same.mean()),
            opposite_distance=float(opposite.mean()),
            reworded_opposite_distance=float(reworded.mean()),
        )

    return ProbeReport(negation=hearing("negation"), laterality=hearing("laterality"))


def _texts_of(asked: Probe) -> tuple[str, str, str, str]:
    return asked.text, asked.paraphrase, asked.opposite, asked.reworded_opposite
