"""A running mean of the weights, and the best state seen."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Average:
    """The exponential mean of some parameters; it begins as the parameters themselves.

    The share kept grows from 0 to `keep`, so that the mean forgets its beginning.

    Source: Polyak and Juditsky 1992; the growing share as in TensorFlow's moving averages.
    """

    def __init__(self, params: Sequence[nn.Parameter], *, keep: float) -> None:
        self.params = list(params)
        self.keep = keep
        self.n_steps = 0
        self.mean = [p.detach().clone() for p in self.params]

    @torch.no_grad()
    def step(self) -> None:
        """Take the present weights in."""
        self.n_steps += 1
        keep = min(self.keep, self.n_steps / (self.n_steps + 10))
        for mean, param in zip(self.mean, self.params, strict=True):
            mean.lerp_(param, 1 - keep)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange weights and mean; a second call brings both back."""
        for mean, param in zip(self.mean, self.params, strict=True):
            kept = param.detach().clone()
            param.copy_(mean)
            mean.copy_(kept)

    def state(self) -> dict[str, Tensor]:
        """The mean, by the parameter's place."""
        return {str(i): mean for i, mean in enumerate(self.mean)}

    def restore(self, state: dict[str, Tensor], n_steps: int) -> None:
        """Put a mean back."""
        self.n_steps = n_steps
        for i, mean in enumerate(self.mean):
            mean.copy_(state[str(i)])
