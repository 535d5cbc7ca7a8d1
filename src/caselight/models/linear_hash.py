"""A linear hash: centre, project, keep the signs. What the classic baselines learn."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from caselight.codes import pack_signs, sign_bits
from caselight.types import Codes


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearHash:
    """Bit b of a vector x is the sign of (x - mean) . projection[:, b]."""

    mean: NDArray[np.float32]
    """f32[D], taken from every vector first."""
    projection: NDArray[np.float32]
    """f32[D, n_bits], one direction a bit."""

    @property
    def n_bits(self) -> int:
        """Bits of a code."""
        return int(self.projection.shape[1])

    def project(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the real values behind the bits, f32[N, n_bits], for x f32[N, D]."""
        if x.ndim != 2 or x.shape[1] != len(self.mean):
            raise ValueError(
                f"features have shape {x.shape} and this hash takes [N, {len(self.mean)}]; give "
                "the features that it was fitted on"
            )
        values: NDArray[np.float32] = (x - self.mean).astype(np.float32) @ self.projection
        return values

    def encode(self, x: NDArray[np.float32]) -> Codes:
        """Make the codes of features.

        Args:
            x: f32[N, D].

        Returns:
            N codes of n_bits.

        Raises:
            ValueError: when x has another width than the features of the fit.
            CodeError: `code.partial_byte` when n_bits is not a multiple of 8.
        """
        return pack_signs(sign_bits(self.project(x)))
