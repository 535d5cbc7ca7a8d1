"""Iterative quantization: PCA, then the rotation whose signs lose least. No labels, no network.

Source: Gong and Lazebnik, "Iterative Quantization: A Procrustean Approach to Learning Binary
Codes", CVPR 2011.
"""

import numpy as np
from numpy.typing import NDArray

from caselight.codes import sign_bits
from caselight.models.linear_hash import LinearHash


def fit_itq(
    x: NDArray[np.float32], n_bits: int, *, n_iterations: int, rng: np.random.Generator
) -> LinearHash:
    """Fit a hash to the features of one view.

    V holds the first n_bits principal components of x. Starting at a random rotation R, two steps
    alternate, neither of which can raise |B - V R|^2 (the paper's Q): B = sign(V R), then
    R = U W' from the singular value decomposition V' B = U S W'.

    Args:
        x: f32[N, D], features of the gallery or the training split; N at least 1.
        n_bits: 1..D; a multiple of 8 where codes are to be packed.
        n_iterations: alternations, at least 0; the paper uses 50. With 0 the rotation is random.
        rng: draws the first rotation.

    Returns:
        A hash whose projection has orthonormal columns.

    Raises:
        ValueError: when n_bits exceeds D, x is empty, or a number lies outside its range.
    """
    if x.ndim != 2 or len(x) == 0:
        raise ValueError(f"features have shape {x.shape} and need [N, D] with N > 0; give some")
    if not 1 <= n_bits <= x.shape[1]:
        raise ValueError(
            f"ITQ makes 1 to {x.shape[1]} bits from {x.shape[1]} features and was asked for "
            f"{n_bits} bits; ask for fewer bits or give wider features"
        )
    if n_iterations < 0:
        raise ValueError(f"ITQ was asked for {n_iterations} iterations; give 0 or more")
    mean = x.mean(axis=0, dtype=np.float64)
    centred = x.astype(np.float64) - mean
    # eigh sorts its values upwards: the last columns carry the most variance.
    components = np.linalg.eigh(centred.T @ centred)[1][:, ::-1][:, :n_bits]
    values = centred @ components
    rotation = np.linalg.qr(rng.standard_normal((n_bits, n_bits)))[0]
    for _ in range(n_iterations):
        signs = sign_bits(values @ rotation).astype(np.float64)
        left, _singular, right = np.linalg.svd(values.T @ signs)
        rotation = left @ right
    return LinearHash(
        mean=mean.astype(np.float32), projection=(components @ rotation).astype(np.float32)
    )
