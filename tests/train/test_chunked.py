"""A loss over a whole batch has the same gradient, however few rows are encoded at a time."""

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from caselight.train.chunked import backward_in_chunks


@given(n=st.integers(2, 9), chunk_size=st.integers(1, 12), seed=st.integers(0, 99))
def test_chunks_change_no_gradient(n: int, chunk_size: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    inputs, start, own = (
        torch.randn(shape, generator=generator, dtype=torch.float64)
        for shape in ((n, 5), (5, 4), (4,))
    )

    def gradients(size: int | None) -> tuple[Tensor, Tensor, float]:
        weight, scale = (t.clone().requires_grad_() for t in (start, own))

        def encode(rows: Tensor) -> Tensor:
            return torch.tanh(inputs[rows] @ weight)

        def terms(features: Tensor) -> dict[str, Tensor]:
            unit = F.normalize(features * scale, dim=1)
            return {
                "near": (unit @ unit.T).logsumexp(dim=1).mean(),
                "far": 0.3 * unit.square().sum(dim=1).cos().sum(),
            }

        if size is None:
            losses = terms(encode(torch.arange(n)))
            total = losses["near"] + losses["far"]
            total.backward()  # type: ignore[no-untyped-call]
            value = float(total.detach())
        else:
            said = backward_in_chunks(encode, torch.arange(n), terms, chunk_size=size)
            assert set(said) == {"near", "far"}
            value = sum(said.values())
        assert weight.grad is not None
        assert scale.grad is not None
        return weight.grad, scale.grad, value

    for ours, slow in zip(gradients(chunk_size), gradients(None), strict=True):
        assert torch.allclose(torch.as_tensor(ours), torch.as_tensor(slow), atol=1e-9)


def test_a_batch_that_fits_is_encoded_once_and_a_larger_one_twice() -> None:
    seen: list[list[int]] = []
    weight = torch.ones(1, requires_grad=True)

    def encode(rows: Tensor) -> Tensor:
        seen.append(rows.tolist())
        return rows[:, None] * weight

    def terms(features: Tensor) -> dict[str, Tensor]:
        return {"sum": features.sum()}

    backward_in_chunks(encode, torch.arange(3), terms, chunk_size=3)
    assert seen == [[0, 1, 2]]
    seen.clear()
    backward_in_chunks(encode, torch.arange(3), terms, chunk_size=2)
    assert seen == [[0, 1], [2], [0, 1], [2]]
    assert weight.grad is not None
    assert float(weight.grad) == 6
