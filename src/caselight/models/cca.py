"""Cross-view hashing by canonical correlation analysis: paired views, shared directions, signs.

Sources: Hotelling, "Relations Between Two Sets of Variates", Biometrika 1936; Rasiwasia et al.,
"A New Approach to Cross-Modal Multimedia Retrieval", ACM MM 2010; the CCA baseline of Gong and
Lazebnik, CVPR 2011.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from caselight.models.linear_hash import LinearHash

_F64 = NDArray[np.float64]


def fit_cca(
    x: NDArray[np.float32], y: NDArray[np.float32], n_bits: int, *, ridge: float
) -> tuple[LinearHash, LinearHash]:
    """Fit one hash a view, so that the two views of a pair get similar codes.

    Each covariance C becomes C + ridge * trace(C) / D * I = L L', so `ridge` means the same at
    every scale and width of features. The singular vectors of Lx^-1 Cxy Ly^-T, taken back through
    L^-T, are the canonical directions, the most correlated first: the first b bits are the hash
    of b bits.

    Args:
        x: f32[N, Dx], image features; row i belongs to row i of y.
        y: f32[N, Dy], text features.
        n_bits: 1..min(Dx, Dy); a multiple of 8 where codes are to be packed.
        ridge: share of the mean variance added to every variance, above 0; raise it when there
            are few pairs for the width.

    Returns:
        The hash of x and the hash of y.

    Raises:
        ValueError: when rows do not pair, n_bits exceeds the narrower view, a view does not vary,
            or the ridge is too small to invert a covariance.
    """
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or len(x) < 2:
        raise ValueError(
            f"views have shapes {x.shape} and {y.shape} and need [N, Dx] and [N, Dy] with N > 1; "
            "give one row of each for every pair"
        )
    most = min(x.shape[1], y.shape[1])
    if not 1 <= n_bits <= most:
        raise ValueError(
            f"CCA makes 1 to {most} bits from views of {x.shape[1]} and {y.shape[1]} features "
            f"and was asked for {n_bits} bits; ask for fewer bits or give wider features"
        )
    if not ridge > 0:
        raise ValueError(f"ridge is {ridge} and must lie above 0; try 0.01")
    x_mean, y_mean = x.mean(axis=0, dtype=np.float64), y.mean(axis=0, dtype=np.float64)
    x_centred, y_centred = x.astype(np.float64) - x_mean, y.astype(np.float64) - y_mean
    x_factor, y_factor = _factor(x_centred, ridge), _factor(y_centred, ridge)
    half = solve_triangular(x_factor, x_centred.T @ y_centred / len(x), lower=True)
    shared = solve_triangular(y_factor, half.T, lower=True).T
    left, _correlations, right = np.linalg.svd(shared, full_matrices=False)
    return (
        _hash(x_mean, x_factor, left[:, :n_bits]),
        _hash(y_mean, y_factor, right[:n_bits].T),
    )


def _factor(centred: _F64, ridge: float) -> _F64:
    """Return the lower Cholesky factor of the regularised covariance, f64[D, D]."""
    covariance = centred.T @ centred / len(centred)
    mean_variance = float(np.trace(covariance)) / len(covariance)
    if not mean_variance > 0:
        raise ValueError("a view is the same in every row, so nothing correlates; check the rows")
    try:
        factor = np.linalg.cholesky(covariance + ridge * mean_variance * np.eye(len(covariance)))
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"a covariance cannot be inverted at ridge {ridge}; give a larger ridge"
        ) from error
    return factor.astype(np.float64)


def _hash(mean: _F64, factor: _F64, directions: _F64) -> LinearHash:
    """Take whitened directions back to the features."""
    projection = solve_triangular(factor, directions, lower=True, trans="T")
    return LinearHash(mean=mean.astype(np.float32), projection=projection.astype(np.float32))
