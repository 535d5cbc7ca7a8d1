"""What stands in for the sign while a hash head learns.

Every one maps real values to -1..1 and has a gradient, unlike the sign itself. To add one, write
its function and name it in `RELAXATIONS`.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import torch
from torch import Tensor

Relaxation = Callable[[Tensor, float], Tensor]
"""(real values f32[...], sharpness above 0) to relaxed bits f32[...], -1..1."""


def signs(value: Tensor) -> Tensor:
    """The bits themselves, +1 and -1 in the dtype of `value`, without a gradient; 0 gives +1.

    As `codes.sign_bits`, for numbers.
    """
    one = torch.ones_like(value)
    return torch.where(value >= 0, one, -one)


def tanh(value: Tensor, sharpness: float) -> Tensor:
    """The hyperbolic tangent of sharpness * x; the loop lets it grow and the bits harden.

    Source: HashNet, Cao et al., ICCV 2017, section 3.2.
    """
    return torch.tanh(sharpness * value)


def straight_through(value: Tensor, _sharpness: float) -> Tensor:
    """The signs forwards; backwards, the gradient passes where -1 <= x <= 1 and stops beyond.

    Source: Bengio et al. 2013, with the hard tanh of Courbariaux et al. 2016, eq. 4.
    """
    return _with_gradient(signs(value), value.clamp(-1, 1))


def greedy_hash(value: Tensor, _sharpness: float) -> Tensor:
    """The signs forwards; backwards, the gradient passes everywhere unchanged.

    Nothing here keeps the values near their signs: `greedy_penalty` does.

    Source: Greedy Hash, Su et al., NeurIPS 2018, section 3.
    """
    return _with_gradient(signs(value), value)


RELAXATIONS: Final[Mapping[str, Relaxation]] = MappingProxyType(
    {"tanh": tanh, "straight_through": straight_through, "greedy_hash": greedy_hash}
)


def _with_gradient(value: Tensor, surrogate: Tensor) -> Tensor:
    # The difference is an exact zero, so the signs stay exact, where adding their gap would round;
    # and it is no number where the value is none, so that a training that has come apart shows.
    return value + (surrogate - surrogate.detach())
