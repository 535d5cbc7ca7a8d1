"""Heads are decided by the generators passed in, and by nothing else."""

from typing import Any

import pytest
import torch
from torch import Tensor

from caselight.config import ModelSettings
from caselight.models.heads import Heads, Tower

CODE = (16, 32)


def settings(**changed: Any) -> ModelSettings:
    values = {"embed_dim": 8, "hidden_dim": 16, "bits": CODE, "dropout": 0.3, "input_dropout": 0.1}
    return ModelSettings(**{**values, **changed})


def made(seed: int = 0, **changed: Any) -> Heads:
    return Heads(12, 10, settings=settings(**changed), generator=draws(seed))


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def features(n: int = 20, width: int = 12) -> Tensor:
    return torch.randn((n, width), generator=draws(99))


def weights(heads: Heads) -> dict[str, Tensor]:
    return dict(heads.state_dict())


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def test_initial_weights_follow_the_generator_alone() -> None:
    torch.manual_seed(1)
    one = weights(made(5))
    torch.manual_seed(2)
    assert same(one, weights(made(5)))
    other = weights(made(6))
    for name, parameter in made(5).named_parameters():
        assert not torch.equal(parameter, other[name]), name


def test_making_heads_leaves_the_global_draws_alone() -> None:
    before = torch.get_rng_state()
    made()
    assert torch.equal(before, torch.get_rng_state())


def test_dropout_leaves_the_global_draws_alone() -> None:
    head = made().image.embed
    before = torch.get_rng_state()
    head(features(), draws(1))
    assert torch.equal(before, torch.get_rng_state())


def test_every_head_starts_on_its_own() -> None:
    parameters = [p for p in made().parameters() if p.ndim == 2]
    for i, one in enumerate(parameters):
        for other in parameters[i + 1 :]:
            assert one.shape != other.shape or not torch.equal(one, other)


@pytest.mark.parametrize("training", [True, False])
def test_dropout_happens_exactly_when_a_generator_is_given(training: bool) -> None:
    head = made().image.embed.train(training)
    x = features()
    still = head(x)
    assert torch.equal(still, head(x))
    assert torch.equal(head(x, draws(3)), head(x, draws(3)))
    assert not torch.equal(head(x, draws(3)), still)
    assert not torch.equal(head(x, draws(3)), head(x, draws(4)))


@pytest.mark.parametrize("kind", ["dropout", "input_dropout"])
def test_each_dropout_is_wired(kind: str) -> None:
    x = features()
    none = made(dropout=0.0, input_dropout=0.0).image.embed
    assert torch.equal(none(x, draws(3)), none(x))
    one: dict[str, Any] = {"dropout": 0.0, "input_dropout": 0.0, kind: 0.5}
    head = made(**one).image.embed
    assert not torch.equal(head(x, draws(3)), head(x))


def test_dropout_keeps_the_mean() -> None:
    head = made(dropout=0.0, input_dropout=0.4).image.embed
    # Seen through the first layer alone, which is linear.
    x = features(1).expand(40_000, -1)
    seen: list[Tensor] = []
    head.hidden.register_forward_hook(lambda _m, inputs, _o: seen.append(inputs[0]))
    head(x, draws(0))
    assert torch.allclose(seen[0].mean(0), x[0], atol=0.05)
    assert float((seen[0] == 0).float().mean()) == pytest.approx(0.4, abs=0.01)


def test_there_is_a_head_for_each_width_and_one_float_head() -> None:
    heads = made().eval()
    for tower, width in ((heads.image, 12), (heads.text, 10)):
        x = features(width=width)
        assert tower.embed(x).shape == (20, 8)
        assert {n_bits: head(x).shape[1] for n_bits, head in tower.code.items()} == {
            "16": 16,
            "32": 32,
        }
        assert tower.embed.norm is None
        assert tower.embed.hidden.out_features == 16


def test_bits_are_balanced_over_a_training_batch() -> None:
    head = made().image.code["16"].train()
    out = head(features(200))
    assert torch.allclose(out.mean(0), torch.zeros(16), atol=1e-5)
    assert torch.allclose(out.std(0), torch.ones(16), atol=0.02)


def test_outside_training_a_code_does_not_depend_on_the_batch() -> None:
    head = made().image.code["16"].train()
    head(features(200))
    head.eval()
    x = features()
    assert torch.allclose(head(x)[:1], head(x[:1]), atol=1e-6)


def tower() -> Tower:
    return made().image


def test_features_are_brought_to_mean_zero_and_spread_one() -> None:
    fitted = tower()
    x = features(500) * torch.arange(1, 13) + 7
    fitted.fit_scale(x)
    out = fitted.standardise(x)
    assert torch.allclose(out.mean(0), torch.zeros(12), atol=1e-5)
    assert torch.allclose(out.std(0), torch.ones(12), atol=1e-4)


def test_the_scale_is_part_of_the_weights() -> None:
    heads = made()
    heads.image.fit_scale(features(50) + 3)
    assert torch.equal(heads.state_dict()["image.mean"], heads.image.mean)
    other = made(1)
    other.load_state_dict(heads.state_dict(), strict=True)
    assert torch.equal(other.image.standardise(features()), heads.image.standardise(features()))


def test_a_feature_that_never_varied_stays_finite() -> None:
    fitted = tower()
    x = features(50)
    x[:, 3] = 2.0
    fitted.fit_scale(x)
    assert torch.isfinite(fitted.standardise(x)).all()
    assert float(fitted.standardise(x)[:, 3].abs().max()) < 1


def test_a_feature_that_never_varied_in_training_does_not_drown_the_others() -> None:
    fitted = tower()
    x = features(50)
    x[:, 3] = 0.0
    fitted.fit_scale(x)
    new = features(1)
    new[:, 3] = 1.0
    assert float(fitted.standardise(new).abs().max()) < 1000
