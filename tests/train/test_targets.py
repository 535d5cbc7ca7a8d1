"""Soft positives share one whole in a batch, and a pair is always a positive of its own."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from torch import Tensor

from caselight.config import LossSettings
from caselight.train.targets import SPREAD_TEMPERATURE, agreement, targets

shares = st.floats(0, 1)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    """Ids i64[B], features f32[B, 5], findings f32[B, 4]."""
    n = draw(st.integers(1, 9))
    ids = draw(arrays.arrays(np.int64, n, elements=st.integers(0, 3)))
    features = np.random.default_rng(draw(st.integers(0, 999))).standard_normal((n, 5))
    said = draw(arrays.arrays(np.float32, (n, 4), elements=st.sampled_from([-1.0, 0.0, 1.0])))
    return torch.from_numpy(ids), torch.from_numpy(features).float(), torch.from_numpy(said)


@given(batch=batches(), findings=shares, soft=st.floats(0, 0.99))
def test_rows_sum_to_one_and_a_pair_is_its_own_positive(
    batch: tuple[Tensor, Tensor, Tensor], findings: float, soft: float
) -> None:
    found = targets(*batch, LossSettings(findings=findings, soft_targets=soft))
    assert torch.allclose(found.sum(1), torch.ones(len(found)), atol=1e-5)
    assert (found >= 0).all()
    assert (found.diagonal() > 0).all()


@given(batch=batches())
def test_without_softness_equal_texts_share_the_row(batch: tuple[Tensor, Tensor, Tensor]) -> None:
    ids = batch[0]
    same = ids[:, None] == ids[None, :]
    expected = same / same.sum(1, keepdim=True)
    assert torch.allclose(targets(*batch, LossSettings()), expected)


@given(batch=batches(), soft=st.floats(0.01, 0.99))
def test_so_much_of_the_whole_is_spread_by_the_texts(
    batch: tuple[Tensor, Tensor, Tensor], soft: float
) -> None:
    ids, text, said = batch
    hard = targets(ids, text, said, LossSettings())
    found = targets(ids, text, said, LossSettings(soft_targets=soft))
    unit = text / text.norm(dim=1, keepdim=True)
    spread = (unit @ unit.T / SPREAD_TEMPERATURE).exp()
    spread = spread / spread.sum(1, keepdim=True)
    assert torch.allclose(found, (1 - soft) * hard + soft * spread, atol=1e-4)


@given(batch=batches(), findings=st.floats(0.01, 1))
def test_findings_make_positives_of_those_that_share_them(
    batch: tuple[Tensor, Tensor, Tensor], findings: float
) -> None:
    ids, text, said = batch
    found = targets(ids, text, said, LossSettings(findings=findings))
    for i, row in enumerate(said.tolist()):
        wanted = [
            1.0 if ids[i] == ids[j] else findings * slow_agreement(row, other)
            for j, other in enumerate(said.tolist())
        ]
        assert torch.allclose(found[i], torch.tensor(wanted) / sum(wanted), atol=1e-5)


def test_findings_that_were_not_read_change_nothing() -> None:
    ids, text = torch.tensor([0, 0, 1]), torch.eye(3)
    loss = LossSettings(findings=0.5)
    assert torch.equal(targets(ids, text, None, loss), targets(ids, text, None, LossSettings()))


def slow_agreement(a: list[float], b: list[float]) -> float:
    present = [{k for k, value in enumerate(said) if value > 0} for said in (a, b)]
    absent = [{k for k, value in enumerate(said) if value < 0} for said in (a, b)]
    if present[0] & absent[1] or absent[0] & present[1] or not present[0] | present[1]:
        return 0.0
    return len(present[0] & present[1]) / len(present[0] | present[1])


@given(one=batches(), other=batches())
def test_agreement_is_the_share_of_findings_in_common(
    one: tuple[Tensor, Tensor, Tensor], other: tuple[Tensor, Tensor, Tensor]
) -> None:
    a, b = one[2], other[2]
    found = agreement(a, b)
    assert torch.equal(found.T, agreement(b, a))
    slow = [[slow_agreement(x, y) for y in b.tolist()] for x in a.tolist()]
    assert torch.allclose(found, torch.tensor(slow).reshape(found.shape))


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ([1, 0], [1, 0], 1.0),
        ([1, 1], [1, 0], 0.5),
        ([1, 0], [0, 1], 0.0),
        # One says present what the other denies: no agreement, whatever else they share.
        ([1, 1], [1, -1], 0.0),
        ([1, -1], [1, 1], 0.0),
        # Two denials are no finding in common.
        ([-1, 0], [-1, 0], 0.0),
        ([0, 0], [0, 0], 0.0),
        ([1, -1], [1, -1], 1.0),
    ],
)
def test_agreement_of_two(a: list[float], b: list[float], expected: float) -> None:
    assert float(agreement(torch.tensor([a]).float(), torch.tensor([b]).float())) == expected


def test_agreement_with_nobody_and_about_nothing_has_no_rows_and_no_weight() -> None:
    assert agreement(torch.zeros(0, 3), torch.zeros(2, 3)).shape == (0, 2)
    assert torch.equal(agreement(torch.zeros(2, 0), torch.zeros(3, 0)), torch.zeros(2, 3))
