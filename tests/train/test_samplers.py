"""Every sampler lays out one epoch of rows, as its generator decides."""

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from caselight.train.batches import cut
from caselight.train.pairs import Pairs
from caselight.train.samplers import SAMPLERS
from trainings import pairs

sizes = st.integers(2, 60)
batch_sizes = st.integers(2, 20)
seeds = st.integers(0, 2**31)
PAIRS = {n: pairs(n=n) for n in range(2, 61)}


def laid_out(name: str, data: Pairs, batch_size: int, seed: int = 0) -> Tensor:
    return SAMPLERS[name](data, batch_size, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"patients"}))
@given(n=sizes, batch_size=batch_sizes, seed=seeds)
def test_every_pair_is_there_once(name: str, n: int, batch_size: int, seed: int) -> None:
    assert sorted(laid_out(name, PAIRS[n], batch_size, seed).tolist()) == list(range(n))


@pytest.mark.parametrize("name", SAMPLERS)
def test_the_generator_alone_decides_and_the_next_epoch_is_another(name: str) -> None:
    data, before = PAIRS[50], torch.get_rng_state()
    one = laid_out(name, data, 8, seed=1)
    assert torch.equal(one, laid_out(name, data, 8, seed=1))
    assert not torch.equal(one, laid_out(name, data, 8, seed=2))
    generator = torch.Generator().manual_seed(1)
    assert torch.equal(one, SAMPLERS[name](data, 8, generator))
    assert not torch.equal(one, SAMPLERS[name](data, 8, generator))
    assert torch.equal(before, torch.get_rng_state())


@given(owners=st.lists(st.integers(0, 6), min_size=2, max_size=60), seed=seeds)
def test_patients_come_equally_often_and_so_do_the_pairs_of_one(
    owners: list[int], seed: int
) -> None:
    n = len(owners)
    data = dataclasses.replace(PAIRS[n], patient=np.array(owners, dtype=np.int64))
    rows = laid_out("patients", data, 8, seed).tolist()
    assert len(rows) == n
    turns = Counter(owners[row] for row in rows)
    assert max(turns.values()) - min(turns.get(owner, 0) for owner in set(owners)) <= 1
    for owner in set(owners):
        own = [row for row in range(n) if owners[row] == owner]
        seen = Counter(row for row in rows if owners[row] == owner)
        assert max(seen.values(), default=0) - min(seen.get(row, 0) for row in own) <= 1


def test_a_patient_with_many_pairs_does_not_lead_the_epoch() -> None:
    owners = np.array([0] * 40 + list(range(1, 11)), dtype=np.int64)
    data = dataclasses.replace(PAIRS[50], patient=owners)
    turns = Counter(owners[laid_out("patients", data, 8)].tolist())
    assert set(turns) == set(range(11))
    assert set(turns.values()) <= {4, 5}
    # The same pairs shuffled: four of five come from one patient.
    assert Counter(owners[laid_out("shuffle", data, 8)].tolist())[0] == 40


def test_without_patients_every_pair_is_one_of_its_own() -> None:
    data = dataclasses.replace(PAIRS[50], patient=None)
    assert sorted(laid_out("patients", data, 8).tolist()) == list(range(50))


@given(
    places=st.lists(st.integers(0, 3), min_size=2, max_size=60), batch_size=batch_sizes, seed=seeds
)
def test_each_batch_has_every_site_in_its_share(
    places: list[int], batch_size: int, seed: int
) -> None:
    n, site = len(places), np.array(places, dtype=np.int64)
    data = dataclasses.replace(PAIRS[n], site=site)
    for batch in cut(laid_out("sites", data, batch_size, seed), batch_size):
        for one in set(places):
            share = float((site == one).mean())
            here = int((site[batch] == one).sum())
            # Each site's own rows are evenly spaced, which leaves less than one of them; what is
            # left of the others displaces the batch's ends. Of two sites, less than one in all.
            assert abs(here - share * len(batch)) < 1 + share * max(0, len(set(places)) - 2) + 1e-9


def test_a_small_site_is_in_every_batch() -> None:
    site = np.array([0] * 180 + [1] * 60, dtype=np.int64)
    data = dataclasses.replace(pairs(n=240), site=site)
    for seed in range(5):
        batches = cut(laid_out("sites", data, 20, seed), 20)
        assert all(4 <= int((site[batch] == 1).sum()) <= 6 for batch in batches)


def test_one_site_or_none_is_a_shuffle() -> None:
    alone = dataclasses.replace(PAIRS[50], site=np.zeros(50, dtype=np.int64))
    none = dataclasses.replace(PAIRS[50], site=None)
    assert sorted(laid_out("sites", alone, 8).tolist()) == list(range(50))
    assert torch.equal(laid_out("sites", none, 8), laid_out("shuffle", none, 8))


def likeness(data: Pairs, rows: Tensor, batch_size: int) -> float:
    """Mean cosine of a text to the one of its batch that resembles it most."""
    text = F.normalize(torch.from_numpy(data.text[0]), dim=1)
    found = []
    for batch in cut(rows, batch_size):
        table = (text[batch] @ text[batch].T).fill_diagonal_(-1)
        found.append(table.amax(1))
    return float(torch.cat(found).mean())


@pytest.mark.parametrize("batch_size", [4, 8, 16, 64])
def test_hard_batches_are_more_alike_than_shuffled_ones(batch_size: int) -> None:
    data = pairs(n=200)
    for seed in range(3):
        hard, plain = (
            likeness(data, laid_out(name, data, batch_size, seed), batch_size)
            for name in ("hard", "shuffle")
        )
        assert hard > plain + 0.02, (hard, plain)


def test_a_hard_batch_gathers_the_nearest_around_its_first_seed() -> None:
    data = pairs(n=64)
    rows = laid_out("hard", data, 32)
    text = F.normalize(torch.from_numpy(data.text[0]), dim=1)
    # 32 pairs around 8 seeds: a seed, which is nearest to itself, and its three nearest texts.
    nearest = (text @ text[rows[0]]).topk(4).indices
    assert rows[:4].tolist() == nearest.tolist()
