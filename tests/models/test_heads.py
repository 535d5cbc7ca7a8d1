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


# Nested widths and rotation ------------------------------------------------------------------


def generators(tower: Tower, seed: int = 0) -> dict[int, torch.Generator]:
    return {int(width): draws(seed + int(width)) for width in tower.code}


def test_a_nested_code_is_the_beginning_of_the_widest() -> None:
    fitted = made(bits=(16, 32, 48), nested=True).eval().image
    x = features()
    assert list(fitted.code) == ["48"]
    widest = fitted.values(x, 48)
    for n_bits in (16, 32, 48):
        assert torch.equal(fitted.values(x, n_bits), widest[:, :n_bits])


def test_without_nesting_every_width_has_values_of_its_own() -> None:
    fitted = made().eval().image
    x = features()
    assert not torch.allclose(fitted.values(x, 16), fitted.values(x, 32)[:, :16])


@pytest.mark.parametrize("nested", [True, False])
def test_values_are_the_outputs_without_dropout(nested: bool) -> None:
    fitted = made(nested=nested, hash_dropout=0.0, hash_input_dropout=0.0).eval().image
    x = features()
    outputs = fitted.outputs(x, generators(fitted))
    assert set(outputs) == set(CODE)
    for n_bits, value in outputs.items():
        assert torch.equal(value, fitted.values(x, n_bits))


def test_nested_outputs_have_one_dropout() -> None:
    fitted = made(nested=True).image.train()
    outputs = fitted.outputs(features(), generators(fitted))
    assert torch.equal(outputs[16], outputs[32][:, :16])


def test_a_nested_head_is_the_one_of_its_width() -> None:
    alone, nested = weights(made()), weights(made(nested=True))
    assert set(nested) == {name for name in alone if ".code.16." not in name}
    assert all(torch.equal(alone[name], nested[name]) for name in nested)


def test_a_rotation_begins_by_turning_nothing_and_draws_nothing() -> None:
    plain, turned = made().eval(), made(rotation=True).eval()
    for modality, width in (("image", 12), ("text", 10)):
        x = features(width=width)
        one, other = getattr(plain, modality), getattr(turned, modality)
        assert other.embed.turn is None
        for n_bits in CODE:
            assert torch.allclose(one.values(x, n_bits), other.values(x, n_bits), atol=1e-6)


def test_a_rotation_keeps_lengths_and_angles() -> None:
    head = made(rotation=True, normalise_bits=False).eval().image.code["16"]
    x = features()
    before = head(x)
    with torch.no_grad():
        head.turn.copy_(torch.randn(16, 16, generator=draws(1)))  # type: ignore[union-attr, operator]
    after = head(x)
    assert not torch.allclose(before, after, atol=0.1)
    assert torch.allclose(before @ before.T, after @ after.T, rtol=1e-3, atol=1e-4)


def test_only_the_skew_part_of_a_turn_turns() -> None:
    head = made(rotation=True, normalise_bits=False).eval().image.code["16"]
    x = features()
    before = head(x)
    even = torch.randn((16, 16), generator=draws(1))
    with torch.no_grad():
        head.turn.copy_(even + even.T)  # type: ignore[union-attr, operator]
    assert torch.allclose(before, head(x), atol=1e-6)
