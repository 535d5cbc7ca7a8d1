"""What a training saves: the running mean, which is a recurrence, and its way from the start."""

from collections.abc import Sequence
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


def copies(params: Sequence[Tensor]) -> list[Tensor]:
    return [p.detach().clone() for p in params]


def close(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.allclose(x, y, atol=1e-5) for x, y in zip(a, b, strict=True))


@given(keep=st.floats(0.001, 0.999), n_steps=st.integers(0, 60), seed=st.integers(0, 99))
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


@given(keep=st.sampled_from([0.0, 0.5]), mix=st.floats(0.01, 1), seed=st.integers(0, 99))
def test_what_is_kept_is_part_of_the_way_from_the_first_weights(
    keep: float, mix: float, seed: int
) -> None:
    params = parameters(seed)
    first = copies(params)
    average = Average(params, keep=keep, mix=mix)
    for _ in range(3):
        with torch.no_grad():
            for p in params:
                p.mul_(1.5).add_(1)
        average.step()
    now = copies(params)
    ends = [m.clone() for m in average.mean] or now
    expected = [(1 - mix) * a + mix * b for a, b in zip(first, ends, strict=True)]
    with average.applied():
        assert close(copies(params), expected)
    assert all(torch.equal(a, b) for a, b in zip(copies(params), now, strict=True))
    average.apply()
    assert close(copies(params), expected)


def test_the_weights_come_back_whatever_happens_meanwhile() -> None:
    params = parameters(0)
    average = Average(params, mix=0.5)
    with torch.no_grad():
        params[0].add_(1)
    now = copies(params)
    with pytest.raises(KeyError), average.applied():
        raise KeyError
    assert all(torch.equal(a, b) for a, b in zip(copies(params), now, strict=True))


def test_a_mean_that_was_put_back_goes_on_as_if_it_had_not_been_away() -> None:
    def moved(params: list[nn.Parameter], average: Average, n: int) -> None:
        for step in range(n):
            with torch.no_grad():
                for p in params:
                    p.add_(step + 1)
            average.step()

    whole = parameters(0)
    one = Average(whole, keep=0.9, mix=0.5)
    moved(whole, one, 3)
    kept = {name: t.clone() for name, t in one.state().items()}
    halves = [nn.Parameter(p.detach().clone()) for p in whole]
    other = Average(halves, keep=0.9, mix=0.5)
    other.restore(kept, one.n_steps)
    for params, average in ((whole, one), (halves, other)):
        moved(params, average, 5)
    assert same(one.state(), other.state())
    for average in (one, other):
        average.apply()
    assert all(torch.equal(a, b) for a, b in zip(whole, halves, strict=True))


def test_the_saved_weights_are_the_mean_of_those_of_every_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[list[Tensor]]] = []

    class Watched(Average):
        def __init__(self, tensors: list[Tensor], *, keep: float, mix: float) -> None:
            super().__init__(tensors, keep=keep, mix=mix)
            seen.append([copies(self.tensors)])

        def step(self) -> None:
            super().step()
            seen[-1].append(copies(self.tensors))

    monkeypatch.setattr(loop, "Average", Watched)
    final = fresh(tmp_path, ("train.ema", 0.8), ("train.hash_mix", 1.0))
    assert [len(weights) for weights in seen] == [1 + 4 * 3, 1 + 3 * 3]
    for word, weights in zip(("embed", "code"), seen, strict=True):
        found = under(word, final).items()
        # Parameters first, then what batch normalisation has measured.
        saved = [t for name, t in found if name.endswith(("weight", "bias"))]
        saved += [t for name, t in found if name.endswith(("running_mean", "running_var"))]
        assert close(saved, by_hand(weights, 0.8))
        assert not close(saved, weights[-1])


def test_no_mean_is_the_weights_themselves(tmp_path: Path) -> None:
    assert same(fresh(tmp_path), fresh(tmp_path, ("train.ema", 0.0)))


def test_codes_stand_between_their_warm_start_and_where_the_stage_led(tmp_path: Path) -> None:
    one, half, third = (
        under("code", fresh(tmp_path, ("train.hash_mix", mix))) for mix in (1.0, 0.5, 0.25)
    )
    for name, end in one.items():
        if end.is_floating_point():
            first = 2 * half[name] - end
            assert not torch.equal(first, end)
            assert torch.allclose(third[name], 0.75 * first + 0.25 * end, atol=1e-5)
    # The line begins where ITQ does.
    started = under("code", fresh(tmp_path, ("train.hash_lr", 1e-30), ("train.hash_mix", 1.0)))
    weights = [name for name in one if name.endswith("weight")]
    assert close([2 * half[n] - one[n] for n in weights], [started[n] for n in weights])
    assert not close([one[n] for n in weights], [started[n] for n in weights])


def test_codes_that_begin_at_random_go_all_the_way(tmp_path: Path) -> None:
    cold = ("train.warm_start", False)
    assert same(fresh(tmp_path, cold), fresh(tmp_path, cold, ("train.hash_mix", 0.3)))
