"""Features come out of a cache or out of a tower in chunks, and the gradient is the same."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from caselight.train.sources import Cached, Encode, Sources, Tuned
from trainings import CPU

Items = list[tuple[int, int]]


class Learner(nn.Module):
    """Rows with a view of their own each, through one layer."""

    def __init__(self, n_rows: int, width: int, seed: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.rows = torch.randn((n_rows, width), generator=generator, dtype=torch.float64)
        self.weight = nn.Parameter(torch.randn((width, 4), generator=generator).double())
        self.asked: list[Items] = []

    def encode(self, items: Sequence[tuple[int, int]]) -> Tensor:
        self.asked.append(list(items))
        shifted = torch.stack([self.rows[row] * (1 + 0.1 * view) for row, view in items])
        return torch.tanh(shifted @ self.weight)


def tuned(encode: Encode, *, chunk: int, n_rows: int = 9) -> Tuned:
    return Tuned(encode, n_rows=n_rows, n_views=5, chunk=chunk)


def contrast(image: Tensor, text: Tensor, other: Tensor) -> Tensor:
    a, b, c = (F.normalize(x, dim=1) for x in (image, text, other))
    return (a @ b.T / 0.1).log_softmax(1).diagonal().mean() + (a @ c.T).logsumexp(1).mean()


@given(
    n=st.integers(2, 9),
    chunk=st.sampled_from([1, 3, 64]),
    seed=st.integers(0, 99),
)
def test_chunks_have_the_gradient_of_one_pass(n: int, chunk: int, seed: int) -> None:
    rows = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    views, others = rows % 3, rows % 2 + 3
    image, text = Learner(n, 3, seed), Learner(n, 2, seed + 1)
    sources = Sources(tuned(image.encode, chunk=chunk), tuned(text.encode, chunk=chunk))
    loss = contrast(
        sources.image.features(rows, views),
        sources.text.features(rows, views),
        sources.image.features(rows, others),
    )
    loss.backward()  # type: ignore[no-untyped-call]
    assert image.weight.grad is None
    sources.backward()

    whole = Learner(n, 3, seed), Learner(n, 2, seed + 1)
    seen, compared = ([*zip(rows.tolist(), v.tolist(), strict=True)] for v in (views, others))
    expected = contrast(whole[0].encode(seen), whole[1].encode(seen), whole[0].encode(compared))
    expected.backward()  # type: ignore[no-untyped-call]
    assert torch.allclose(loss, expected)
    for ours, slow in zip((image, text), whole, strict=True):
        assert ours.weight.grad is not None
        assert slow.weight.grad is not None
        assert torch.allclose(ours.weight.grad, slow.weight.grad, atol=1e-10)


@pytest.mark.parametrize("chunk", [1, 2, 4, 64])
def test_the_second_pass_asks_for_what_the_first_one_did(chunk: int) -> None:
    learner = Learner(9, 3, 0)
    source = tuned(learner.encode, chunk=chunk)
    source.features(torch.tensor([4, 1, 7, 0]), torch.tensor([0, 3, 1, 4])).sum().backward()  # type: ignore[no-untyped-call]
    first = learner.asked.copy()
    source.backward()
    assert learner.asked == first * 2
    assert [item for part in first for item in part] == [(4, 0), (1, 3), (7, 1), (0, 4)]
    assert max(map(len, first)) <= chunk


def test_what_no_loss_looked_at_is_not_encoded_again() -> None:
    learner = Learner(9, 3, 0)
    source = tuned(learner.encode, chunk=64)
    used = source.features(torch.arange(3), torch.zeros(3, dtype=torch.long))
    source.features(torch.arange(5), torch.ones(5, dtype=torch.long))
    used.sum().backward()  # type: ignore[no-untyped-call]
    source.backward()
    assert [len(part) for part in learner.asked] == [3, 5, 3]


def test_a_second_step_takes_nothing_of_the_first() -> None:
    learner = Learner(9, 3, 0)
    source = tuned(learner.encode, chunk=4)
    zeros = torch.zeros(3, dtype=torch.long)
    gradients = []
    for _ in range(2):
        learner.weight.grad = None
        source.features(torch.arange(3), zeros).sum().backward()  # type: ignore[no-untyped-call]
        source.backward()
        gradients.append(learner.weight.grad)
    assert torch.equal(*gradients)


def test_features_that_are_only_looked_at_leave_nothing_to_carry() -> None:
    learner = Learner(9, 3, 0)
    source = tuned(learner.encode, chunk=4)
    with torch.no_grad():
        found = source.features(torch.arange(3), torch.zeros(3, dtype=torch.long))
    assert not found.requires_grad
    source.backward()
    assert len(learner.asked) == 1
    assert learner.weight.grad is None


def test_the_cache_hands_out_what_it_was_given_and_begins_again_past_the_last_view() -> None:
    views = np.random.default_rng(0).standard_normal((3, 5, 2)).astype(np.float32)
    source = Cached(views, device=CPU)
    assert (source.n_rows, source.n_views) == (5, 3)
    rows, asked = torch.tensor([4, 0, 2, 2]), torch.tensor([0, 2, 3, 7])
    expected = np.stack([views[0, 4], views[2, 0], views[0, 2], views[1, 2]])
    assert np.array_equal(source.features(rows, asked).numpy(), expected)


def test_only_what_takes_a_gradient_is_trained_and_all_of_a_tower_is_saved() -> None:
    tower = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    tower.requires_grad_(requires_grad=False)
    tower[2].requires_grad_(requires_grad=True)
    cached = Cached(np.zeros((1, 3, 2), dtype=np.float32), device=CPU)
    sources = Sources(cached, cached, modules={"image": tower})
    assert {id(p) for p in sources.trainable()} == {id(p) for p in tower[2].parameters()}
    assert set(sources.state_dict()) == {f"towers.image.{name}" for name in tower.state_dict()}
    assert Sources(cached, cached).trainable() == []
