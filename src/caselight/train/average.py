"""What is scored and kept of a training: a mean over its steps, part of the way from its start."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


class Average:
    """The running mean of some weights, mixed with those that the training began with.

    The share that the mean keeps of itself grows from 0 to `keep`, so that it forgets its
    beginning. The mixture is on the straight line between two sets of weights of one basin, whose
    errors differ: it does better on what was not trained on than either end.

    Args:
        tensors: the weights, and statistics that belong to them; read when this is made, too.
        keep: of the mean, each step; 0 is no mean but the weights themselves.
        mix: how far from the first weights (0) to that mean (1).

    Source: Polyak and Juditsky 1992; the growing share as in TensorFlow's moving averages; the
    mixture is that of Wortsman et al., CVPR 2022 (WiSE-FT).
    """

    def __init__(self, tensors: Sequence[Tensor], *, keep: float = 0.0, mix: float = 1.0) -> None:
        self.tensors = [t.detach() for t in tensors] if keep or mix < 1 else []
        self.keep, self.mix = keep, mix
        self.n_steps = 0
        self.mean = _copies(self.tensors) if keep else []
        self.first = _copies(self.tensors) if mix < 1 else []

    @torch.no_grad()
    def step(self) -> None:
        """Take the present weights in."""
        self.n_steps += 1
        keep = min(self.keep, self.n_steps / (self.n_steps + 10))
        for mean, now in zip(self.mean, self.tensors, strict=False):
            mean.lerp_(now, 1 - keep)

    @torch.no_grad()
    def apply(self) -> None:
        """Put what is kept in the place of the weights."""
        ends = self.mean or self.tensors
        mixed = [a.lerp(b, self.mix) for a, b in zip(self.first, ends, strict=False)] or ends
        for now, kept in zip(self.tensors, mixed, strict=True):
            now.copy_(kept)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The same for a while; then the training goes on from the weights as they were."""
        held = _copies(self.tensors)
        self.apply()
        try:
            yield
        finally:
            with torch.no_grad():
                for now, before in zip(self.tensors, held, strict=True):
                    now.copy_(before)

    def state(self) -> dict[str, Tensor]:
        """All that the weights themselves do not tell, by the weight's place."""
        groups = {"mean": self.mean, "first": self.first}
        return {f"{kind}.{i}": t for kind, group in groups.items() for i, t in enumerate(group)}

    def restore(self, state: dict[str, Tensor], n_steps: int) -> None:
        """Put such a state back."""
        self.n_steps = n_steps
        for name, tensor in self.state().items():
            tensor.copy_(state[name])


def _copies(tensors: Sequence[Tensor]) -> list[Tensor]:
    return [t.detach().clone() for t in tensors]
