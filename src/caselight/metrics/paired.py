"""Whether two ways of answering the same queries differ, and how small a difference could be seen.

Queries of one patient resemble each other, so what is flipped and what is summed here are whole
clusters (patients), never queries one by one.

Sources: Smucker, Allan and Carterette, "A Comparison of Statistical Significance Tests for
Information Retrieval Evaluation", CIKM 2007 (the paired randomisation test); Holm, "A Simple
Sequentially Rejective Multiple Test Procedure", Scandinavian Journal of Statistics 1979.
"""

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from caselight.types import IntArray

_F64 = NDArray[np.float64]

_BLOCK_CELLS = 1 << 22
"""Signs held at once, so that memory stays bounded whatever the number of flips."""


def cluster_sums(differences: _F64, clusters: IntArray, *, n_clusters: int) -> _F64:
    """Sum the differences of every cluster, f64[n_clusters]; NaN (an unjudged query) adds nothing.

    Args:
        differences: f64[Q].
        clusters: int[Q], 0..n_clusters - 1.
        n_clusters: how many there are, those without a query included.
    """
    known = ~np.isnan(differences)
    sums = np.bincount(clusters[known], weights=differences[known], minlength=n_clusters)
    return sums.astype(np.float64)


def sign_flip_p(sums: _F64, *, n_flips: int, rng: np.random.Generator) -> _F64:
    """Two-sided p-values of "which of the two is which does not matter", one for each column.

    Were both ways equally good, each cluster's sum of differences could as well have the other
    sign. Every draw flips whole clusters and looks whether the total lies as far from zero as the
    one that was found; the found one counts as a draw itself, so p is never 0 and never too small.

    Args:
        sums: f64[C, R], for each cluster its sum of differences in each of R comparisons, as
            `cluster_sums` makes it; all columns see the same flips.
        n_flips: draws, at least 1; the least p-value is 1 / (1 + n_flips).
        rng: the source of the draws.

    Returns:
        f64[R], 0..1 exclusive of 0. A column of zeros gives 1.
    """
    n_clusters, n_rows = sums.shape
    found = np.abs(sums.sum(axis=0))
    # Sums in another order differ in the last digits, and a tie must count as one.
    bar = found - 1e-9 * np.abs(sums).sum(axis=0)
    as_far = np.zeros(n_rows, dtype=np.int64)
    step = max(1, _BLOCK_CELLS // max(1, n_clusters))
    for start in range(0, n_flips, step):
        n_here = min(step, n_flips - start)
        signs = 2.0 * rng.integers(0, 2, size=(n_here, n_clusters), dtype=np.int8) - 1.0
        as_far += (np.abs(signs @ sums) >= bar).sum(axis=0)
    share: _F64 = (1 + as_far) / (1 + n_flips)
    return share


def holm(p: _F64) -> _F64:
    """Correct p-values for how many were looked at, f64[R], in their order.

    Calling a difference shown where the corrected value is below 0.05 calls one wrongly, anywhere
    among them, in at most 5 % of all such tables, however the rows depend on each other.
    """
    order = np.argsort(p, kind="stable")
    steps = (len(p) - np.arange(len(p))) * p[order]
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return corrected


def clustered_standard_error(differences: _F64, clusters: IntArray) -> float:
    """Standard error of the mean difference over queries, with clusters drawn and not queries.

    NaN is dropped. With fewer than two clusters there is no spread to see: NaN.

    Source: Cochran, "Sampling Techniques", 1977, ch. 9.7 (a ratio over clusters of unequal size).
    """
    known = ~np.isnan(differences)
    kept = differences[known]
    _, member = np.unique(clusters[known], return_inverse=True)
    n_clusters = int(member.max(initial=-1)) + 1
    if n_clusters < 2:
        return float("nan")
    off = np.bincount(member, weights=kept - kept.mean())
    return float(np.sqrt(n_clusters / (n_clusters - 1) * np.square(off).sum()) / len(kept))


def detectable_difference(
    standard_error: float, *, level: float, n_rows: int = 1, power: float = 0.8
) -> float:
    """The least true difference that such a table would show with the given power.

    Smaller ones are missed more often than `1 - power`. The level is shared among the rows as in
    Holm's first step, which is the hardest.

    Args:
        standard_error: of the difference, as `clustered_standard_error` gives it.
        level: coverage of the intervals, 0..1, for example 0.95.
        n_rows: differences that are looked at together.
        power: chance to be shown, 0..1.

    Source: Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, ch. 2, with
    normal quantiles.
    """
    normal = NormalDist()
    return standard_error * (normal.inv_cdf(1 - (1 - level) / (2 * n_rows)) + normal.inv_cdf(power))
