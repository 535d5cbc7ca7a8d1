"""Whether the bits of codes carry anything: balance, independence, and how many are left."""

import numpy as np
from numpy.typing import NDArray

from caselight.codes import sign_bits
from caselight.types import BoolArray, FloatArray, IntArray


def bit_statistics(signs: BoolArray | FloatArray | IntArray) -> dict[str, float]:
    """Say how well the bits of some codes are used.

    A bit is dead when it is the same in every row. Correlations are Pearson's, between bits that
    are not dead; with fewer rows than bits some of it is chance, about 0.8 / sqrt(N) for each pair.

    Args:
        signs: bool[N, n_bits], or numbers [N, n_bits] whose signs are the bits; 0 counts as a one,
            as it does in codes. N and n_bits at least 1.

    Returns:
        mean_ones: share of ones over all bits, 0..1; 0.5 is balanced.
        worst_ones: share of ones of the most one-sided bit, 0..1.
        dead_bits: how many bits never change, 0..n_bits.
        mean_abs_correlation: mean of |r| over the pairs of bits, 0..1; 0 is best, and what is
            given when fewer than two bits live.
        effective_bits: how many uncorrelated bits would spread as much, 0..n_bits and below N; the
            participation ratio (sum of eigenvalues)^2 / (sum of their squares) of the correlation
            matrix.

    Raises:
        ValueError: for an array that is empty or not two-dimensional.
        CodeError: `code.not_signs` for a NaN.

    Source: balance and independence, Weiss, Torralba and Fergus, "Spectral Hashing", NIPS 2008,
    section 2; participation ratio, Gao et al., "A theory of multineuronal dimensionality, dynamics
    and measurement", bioRxiv 214262, 2017.
    """
    if signs.ndim != 2 or signs.size == 0:
        raise ValueError(f"signs have shape {signs.shape}; give [N, n_bits], at least one of each")
    ones = (signs if signs.dtype == np.bool_ else sign_bits(signs.astype(np.float64)) > 0).astype(
        np.float64
    )
    shares = ones.mean(axis=0)
    # The ends are exact: a mean of zeros is 0 and of ones is 1, whatever the order of summation.
    alive = (shares > 0) & (shares < 1)
    n_alive = int(alive.sum())
    squares, absolute = _correlations(ones[:, alive])
    pairs = n_alive * (n_alive - 1)
    return {
        "mean_ones": float(shares.mean()),
        "worst_ones": float(shares[np.abs(shares - 0.5).argmax()]),
        "dead_bits": float(len(shares) - n_alive),
        "mean_abs_correlation": (absolute - n_alive) / pairs if pairs else 0.0,
        "effective_bits": n_alive**2 / squares if n_alive else 0.0,
    }


def _correlations(ones: NDArray[np.float64]) -> tuple[float, float]:
    """Sums of r^2 and of |r| over the whole matrix, its diagonal of ones included."""
    centred = ones - ones.mean(axis=0)
    unit = centred / np.linalg.norm(centred, axis=0)
    table = np.clip(unit.T @ unit, -1.0, 1.0)
    np.fill_diagonal(table, 1.0)
    return float(np.square(table).sum()), float(np.abs(table).sum())
