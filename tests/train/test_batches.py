"""An epoch sees every pair once, in an order that its generator decides."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from caselight.train.batches import epoch_batches, n_batches

sizes = st.tuples(st.integers(0, 200), st.integers(2, 64))


def drawn(n_pairs: int, batch_size: int, seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [b.tolist() for b in epoch_batches(n_pairs, batch_size, generator=generator)]


@given(sizes)
def test_every_pair_is_seen_once_but_for_a_single_one_left_over(size: tuple[int, int]) -> None:
    n_pairs, batch_size = size
    batches = drawn(*size)
    seen = [row for batch in batches for row in batch]
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(range(n_pairs))
    left_over = n_pairs % batch_size == 1
    assert len(seen) == n_pairs - left_over
    assert all(2 <= len(batch) <= batch_size for batch in batches)
    assert all(len(batch) == batch_size for batch in batches[:-1])


@given(sizes)
def test_the_number_of_batches_is_known_beforehand(size: tuple[int, int]) -> None:
    assert n_batches(*size) == len(drawn(*size))


def test_a_seed_decides_the_order_and_another_gives_another() -> None:
    assert drawn(50, 8, seed=1) == drawn(50, 8, seed=1)
    assert drawn(50, 8, seed=1) != drawn(50, 8, seed=2)
    assert [row for batch in drawn(50, 8) for row in batch] != list(range(50))


def test_the_same_generator_gives_another_order_for_the_next_epoch() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (
        [b.tolist() for b in epoch_batches(50, 8, generator=generator)] for _ in range(2)
    )
    assert first != second


def test_drawing_batches_leaves_the_global_draws_alone() -> None:
    before = torch.get_rng_state()
    drawn(50, 8)
    assert torch.equal(before, torch.get_rng_state())
