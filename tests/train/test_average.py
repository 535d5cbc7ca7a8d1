"""The running mean is the recurrence that it is named after, and it is what a training saves."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from caselight.train import loop
from caselight.train.average import Average
from trainings import fresh, same, under


def parameters(seed: int) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((3, 2), (4,))]


def by_hand(weights: list[list[Tensor]], keep: float) -> list[Tensor]:
    """From the first weights on, m <- k m + (1 - k) w with k = min(keep, n / (n + 10))."""
    mean = weights[0]
    for n, now in enumerate(weights[1:], start=1):
        share = min(keep, n / (n + 10))
        mean = [share * m + (1 - share) * w for m, w in zip(mean, now, strict=True)]
    return mean


def copies(params: list[nn.Parameter]) -> list[Tensor]:
    return [p.detach().clone() for p in params]


def close(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.allclose(x, y, atol=1e-5) for x, y in zip(a, b, strict=True))


@given(keep=st.floats(0, 0.999), n_steps=st.integers(0, 60), seed=st.integers(0, 99))
def test_the_mean_is_the_recurrence(keep: float, n_steps: int, seed: int) -> None:
    params = parameters(seed)
    average = Average(params, keep=keep)
    generator = torch.Generator().manual_seed(seed + 1)
    weights = [copies(params)]
    for _ in range(n_steps):
        with torch.no_grad():
            for p in params:
                p.add_(torch.randn(p.shape, generator=generator))
        average.step()
        weights.append(copies(params))
    assert close(average.mean, by_hand(weights, keep))
    # The weights themselves are left as they are.
    assert all(torch.equal(a, b) for a, b in zip(copies(params), weights[-1], strict=True))


def test_a_second_swap_brings_both_back() -> None:
    params = parameters(0)
    average = Average(params, keep=0.5)
    with torch.no_grad():
        params[0].add_(1)
    average.step()
    weights, mean = copies(params), [m.clone() for m in average.mean]
    average.swap()
    assert all(torch.equal(a, b) for a, b in zip(params, mean, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(average.mean, weights, strict=True))
    average.swap()
    assert all(torch.equal(a, b) for a, b in zip(params, weights, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(average.mean, mean, strict=True))


def test_a_mean_that_was_put_back_goes_on_as_if_it_had_not_been_away() -> None:
    def moved(params: list[nn.Parameter], average: Average, n: int) -> None:
        for step in range(n):
            with torch.no_grad():
                for p in params:
                    p.add_(step + 1)
            average.step()

    whole = parameters(0)
    one = Average(whole, keep=0.9)
    moved(whole, one, 3)
    kept = {name: t.clone() for name, t in one.state().items()}
    halves = [nn.Parameter(p.detach().clone()) for p in whole]
    other = Average(halves, keep=0.9)
    other.restore(kept, one.n_steps)
    for params, average in ((whole, one), (halves, other)):
        moved(params, average, 5)
    assert all(torch.equal(a, b) for a, b in zip(one.mean, other.mean, strict=True))


def test_the_saved_weights_are_the_mean_of_those_of_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[list[Tensor]]] = []

    class Watched(Average):
        def __init__(self, params: list[nn.Parameter], *, keep: float) -> None:
            super().__init__(params, keep=keep)
            seen.append([copies(self.params)])

        def step(self) -> None:
            super().step()
            seen[-1].append(copies(self.params))

    monkeypatch.setattr(loop, "Average", Watched)
    final = fresh(tmp_path, ("train.ema", 0.8))
    assert [len(weights) for weights in seen] == [1 + 4 * 3, 1 + 3 * 3]
    for word, weights in zip(("embed", "code"), seen, strict=True):
        saved = [t for name, t in under(word, final).items() if name.endswith(("weight", "bias"))]
        assert close(saved, by_hand(weights, 0.8))
        assert not close(saved, weights[-1])


def test_no_mean_is_the_weights_themselves(tmp_path: Path) -> None:
    assert same(fresh(tmp_path), fresh(tmp_path, ("train.ema", 0.0)))
