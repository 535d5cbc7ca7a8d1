"""Hash heads begin as the float heads, turned so that their signs keep the most."""

import hashlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch.nn import functional as F

from caselight.models.heads import Heads
from caselight.models.itq import fit_itq
from caselight.train.warm import N_ITERATIONS, rotation, warm_start
from trainings import config, pairs, same

DIM = 8


def centred(seed: int = 0, *, n: int = 60, dim: int = DIM) -> NDArray[np.float32]:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, dim)) @ rng.standard_normal((dim, dim))
    return (x - x.mean(0)).astype(np.float32)


def itq(x: NDArray[np.float32], n_bits: int, *, width: int, done: int, seed: int = 0) -> object:
    digest = hashlib.sha256(f"{seed}:itq:{width}:{done}".encode()).digest()
    rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    return fit_itq(x, n_bits, n_iterations=N_ITERATIONS, rng=rng).projection


@given(
    n_bits=st.integers(1, 40),
    steps=st.lists(st.integers(1, 40), max_size=4),
    seed=st.integers(0, 50),
)
def test_directions_are_orthonormal_within_each_block_of_the_space(
    n_bits: int, steps: list[int], seed: int
) -> None:
    turn = rotation(centred(seed), n_bits, seed=seed, steps=sorted(steps))
    assert turn.shape == (DIM, n_bits)
    assert turn.dtype == np.float32
    for start in range(0, n_bits, DIM):
        block = turn[:, start : start + DIM]
        assert np.allclose(block.T @ block, np.eye(block.shape[1]), atol=1e-4)


@given(n_bits=st.integers(1, 40), steps=st.lists(st.integers(1, 40), max_size=4))
def test_the_first_step_is_that_of_itq(n_bits: int, steps: list[int]) -> None:
    x = centred()
    turn = rotation(x, n_bits, seed=0, steps=sorted(steps))
    first = min(n_bits, DIM, *(step for step in steps), 10**6)
    assert np.array_equal(turn[:, :first], itq(x, first, width=n_bits, done=0))


def test_each_step_keeps_the_most_of_what_is_left() -> None:
    x = centred()
    turn = rotation(x, DIM, seed=0, steps=[2, 5])
    variance = [float((x @ turn[:, :n]).var(0).sum()) for n in (2, 5, 8)]
    # The first directions span the space of most variance: no other two keep more.
    spread = np.sort(np.linalg.eigvalsh(np.cov(x.T, bias=True)))[::-1]
    assert variance == pytest.approx([spread[:n].sum() for n in (2, 5, 8)], rel=1e-3)


def test_every_block_begins_with_the_most_variance_again() -> None:
    x = centred()
    turn = rotation(x, 2 * DIM, seed=0, steps=[3, DIM + 3])
    spread = np.sort(np.linalg.eigvalsh(np.cov(x.T, bias=True)))[::-1]
    for start in (0, DIM):
        kept = float((x @ turn[:, start : start + 3]).var(0).sum())
        assert kept == pytest.approx(spread[:3].sum(), rel=1e-3)


def test_a_code_wider_than_the_space_has_other_directions_in_every_block() -> None:
    turn = rotation(centred(), 3 * DIM, seed=0)
    blocks = [turn[:, i * DIM : (i + 1) * DIM] for i in range(3)]
    assert not np.allclose(blocks[0], blocks[1], atol=0.1)
    assert not np.allclose(blocks[1], blocks[2], atol=0.1)


def test_the_seed_decides_the_rotation() -> None:
    x = centred()
    assert np.array_equal(rotation(x, 16, seed=1), rotation(x, 16, seed=1))
    assert not np.allclose(rotation(x, 16, seed=1), rotation(x, 16, seed=2), atol=0.1)


@pytest.mark.parametrize("normalise", [True, False])
@pytest.mark.parametrize("nested", [True, False])
def test_a_started_head_is_the_turned_float_head_about_its_mean(
    nested: bool, normalise: bool
) -> None:
    settings = config(
        ("model.nested", nested),
        ("model.normalise_bits", normalise),
        ("model.bits", [16, 32]),
        # Wider than either code, so that the narrower one is the better half of it.
        ("model.embed_dim", 40),
    ).model
    heads = Heads(12, 10, settings=settings, generator=torch.Generator().manual_seed(0))
    data = pairs(n=60)
    image, text = torch.from_numpy(data.image[0]), torch.from_numpy(data.text[0])
    warm_start(heads, image, text, seed=0)
    heads.eval()
    spaces = [F.normalize(t.embed(x), dim=1) for t, x in ((heads.image, image), (heads.text, text))]
    both = torch.cat([space - space.mean(0) for space in spaces]).detach().numpy()
    for width in (16, 32):
        made = 32 if nested else width
        steps = [16, 32] if nested else []
        turn = torch.from_numpy(rotation(both, made, seed=0, steps=steps))[:, :width]
        for tower, x in ((heads.image, image), (heads.text, text)):
            turned = tower.embed(x) @ turn
            values = tower.values(x, width)
            expected = turned - turned.mean(0)
            if normalise:
                expected = expected / (turned.var(0) + 1e-5).sqrt()
            assert torch.allclose(values, expected, atol=1e-3)
            # So every bit is about the mean of the training pairs.
            assert float(values.mean(0).abs().max().detach()) < 1e-3


def test_a_start_forgets_the_rotation_that_a_head_had_learned() -> None:
    settings = config(("model.rotation", True)).model
    heads = Heads(12, 10, settings=settings, generator=torch.Generator().manual_seed(0))
    data = pairs(n=60)
    image, text = torch.from_numpy(data.image[0]), torch.from_numpy(data.text[0])
    warm_start(heads, image, text, seed=0)
    once = {name: t.clone() for name, t in heads.state_dict().items()}
    with torch.no_grad():
        for tower in (heads.image, heads.text):
            tower.code["16"].turn.normal_(generator=torch.Generator().manual_seed(1))
    warm_start(heads, image, text, seed=0)
    assert same(once, heads.state_dict())


def test_a_start_leaves_the_float_heads_alone() -> None:
    heads = Heads(12, 10, settings=config().model, generator=torch.Generator().manual_seed(0))
    before = {name: t.clone() for name, t in heads.state_dict().items() if ".embed." in name}
    data = pairs()
    warm_start(heads, torch.from_numpy(data.image[0]), torch.from_numpy(data.text[0]), seed=0)
    after = heads.state_dict()
    assert all(torch.equal(t, after[name]) for name, t in before.items())
