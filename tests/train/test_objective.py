"""Every term can be switched off, and switched on it teaches the heads that it is about."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from caselight.config import Config, FloatTerms, HashTerms
from caselight.losses import RELAXATIONS, margin_scale
from caselight.models.heads import Heads, Tower
from caselight.train.loop import EpochLog
from caselight.train.objective import (
    VIOLATION_MEMORY,
    Seen,
    Violations,
    float_objective,
    hash_objective,
)
from caselight.train.pairs import Loose, Pairs
from caselight.train.seeing import Eye
from caselight.train.sources import Cached, Sources
from trainings import CPU, Setting, config, pairs, same, trained

FLOAT = tuple(f"float_terms.{name}" for name in FloatTerms.model_fields)
HASH = tuple(f"hash_terms.{name}" for name in HashTerms.model_fields)
WIDTHS = (16, 32)
ONE_SIDED = {"intra_image": "image", "intra_text": "text"}
"""Terms that concern one modality alone."""


def alone(key: str, *more: Setting, weight: float = 1.0) -> Config:
    """Settings in which one term is the only one of its stage."""
    stage = key.split(".")[0]
    off = [(name, 0.0) for name in (*FLOAT, *HASH) if name.startswith(stage)]
    return config(*off, ("model.bits", list(WIDTHS)), (key, weight), *more)


def heads(settings: Config, seed: int = 0) -> Heads:
    generator = torch.Generator().manual_seed(seed)
    return Heads(12, 10, settings=settings.model, generator=generator).train()


def terms(
    settings: Config,
    model: Heads,
    stage: str,
    *,
    data: Pairs | None = None,
    violations: Violations | None = None,
    sharpness: float = 1.5,
) -> dict[str, Tensor]:
    data = pairs() if data is None else data
    sources = Sources(Cached(data.image, device=CPU), Cached(data.text, device=CPU))
    # Views to compare are drawn whatever the terms are, so that all see the same batch.
    asking = config(*((f"{stage}_terms.{name}", 1.0) for name in ONE_SIDED))
    eye = Eye(data, sources, model, config=asking, stage=stage, device=CPU)
    seen: Seen = eye.see(torch.arange(0, 24, 2), torch.Generator().manual_seed(1))
    make = float_objective if stage == "float" else hash_objective
    objective = make(model, settings, violations or Violations())
    return objective(seen, sharpness, torch.Generator().manual_seed(2))


def gradients(found: dict[str, Tensor], model: Heads) -> dict[str, Tensor]:
    model.zero_grad()
    torch.stack(list(found.values())).sum().backward()  # type: ignore[no-untyped-call]
    return {
        name: p.grad.clone()
        for name, p in model.named_parameters()
        if p.grad is not None and bool(p.grad.any())
    }


def layers(gradient: dict[str, Tensor]) -> set[str]:
    """Heads that a gradient reaches, such as `image.embed` or `text.code.16`."""
    return {name.rsplit(".", 2)[0] for name in gradient}


def companion(key: str) -> Setting:
    """Another term of the same stage."""
    stage = key.split("_")[0]
    return f"{stage}_terms.{'margin' if key.endswith('infonce') else 'infonce'}", 1.0


def names(key: str) -> set[str]:
    stage, name = key.split("_terms.")
    return {name} if stage == "float" else {f"{name}_{width}" for width in WIDTHS}


@pytest.mark.parametrize(
    ("key", "relaxation"),
    [
        (key, relaxation)
        for key in HASH
        for relaxation in RELAXATIONS
        # Bits that are signs have no distance to their signs.
        if (key, relaxation) == ("hash_terms.quantization", "tanh") or "quantiz" not in key
    ],
)
def test_each_hash_term_teaches_the_hash_heads_it_is_about(key: str, relaxation: str) -> None:
    name = key.split(".")[1]
    settings = alone(key, ("loss.relaxation", relaxation))
    model = heads(settings)
    found = terms(settings, model, "hash")
    assert set(found) == names(key)
    sides = [ONE_SIDED[name]] if name in ONE_SIDED else ["image", "text"]
    expected = {f"{side}.code.{width}" for side in sides for width in WIDTHS}
    gradient = gradients(found, model)
    assert layers(gradient) == expected
    assert all(torch.isfinite(g).all() for g in gradient.values())


@pytest.mark.parametrize("key", FLOAT)
def test_each_float_term_teaches_the_float_heads_it_is_about(key: str) -> None:
    settings = alone(key)
    model = heads(settings)
    found = terms(settings, model, "float")
    assert set(found) == names(key)
    name = key.split(".")[1]
    sides = [ONE_SIDED[name]] if name in ONE_SIDED else ["image", "text"]
    gradient = gradients(found, model)
    assert layers(gradient) == {f"{side}.embed" for side in sides}
    assert all(torch.isfinite(g).all() for g in gradient.values())


@pytest.mark.parametrize("key", [*FLOAT, *HASH])
def test_a_term_without_weight_is_not_computed_and_weights_scale(key: str) -> None:
    stage = key.split("_")[0]
    beside = companion(key)
    off, once, twice = (
        terms(settings, heads(settings), stage)
        for settings in (alone(beside[0], (key, weight)) for weight in (0.0, 0.5, 1.0))
    )
    assert not names(key) & set(off)
    assert set(once) == set(twice) == names(key) | names(beside[0])
    for name in names(key):
        assert float(once[name].detach()) != 0
        assert torch.allclose(2 * once[name], twice[name])
    # The switch of one term changes nothing about another.
    for name in names(beside[0]):
        assert torch.equal(off[name], once[name])


@pytest.mark.parametrize("key", [*FLOAT, *HASH])
def test_the_log_holds_the_terms_that_have_a_weight(tmp_path: Path, key: str) -> None:
    logs: list[EpochLog] = []
    stage = key.split("_")[0]
    short = (("train.epochs", 1), ("train.hash_epochs", 1))
    defaults = [(name, 0.0) for name in HASH]
    base = (*short, *defaults, ("hash_terms.infonce", 1.0))
    for weight in (0.0, 0.5):
        settings = (*base, companion(key), (key, weight))
        trained(tmp_path / str(weight), *settings, on_epoch=logs.append)
    off, on = (log.losses for log in logs if log.stage == stage)
    suffix = "" if stage == "float" else "_16"
    term = f"{key.split('.')[1]}{suffix}"
    assert term not in off
    assert on[term] != 0


def test_intra_terms_learn_from_unpaired_company_too() -> None:
    data = pairs()
    without = dataclasses.replace(data, loose=Loose())
    for key in ("float_terms.intra_image", "float_terms.intra_text"):
        settings = alone(key)
        values = [
            float(terms(settings, heads(settings), "float", data=d)[key.split(".")[1]].detach())
            for d in (data, without)
        ]
        assert values[0] > values[1]


def test_unpaired_studies_without_a_common_finding_teach_nothing() -> None:
    settings = alone("float_terms.unpaired")
    data = pairs()
    silent = dataclasses.replace(
        data, loose=dataclasses.replace(data.loose, text_said=0 * data.loose.text_said)
    )
    assert terms(settings, heads(settings), "float", data=silent) == {}


@given(rates=st.lists(st.floats(0, 1), min_size=1, max_size=20), largest=st.floats(1, 10))
def test_the_violation_rate_runs_from_one(rates: list[float], largest: float) -> None:
    violations, running = Violations(), 1.0
    for rate in rates:
        scale = violations.scale("margin", rate, largest=largest)
        running = VIOLATION_MEMORY * running + (1 - VIOLATION_MEMORY) * rate
        assert violations.rates["margin"] == pytest.approx(running)
        assert scale == pytest.approx(margin_scale(running, max_scale=largest))
    assert set(violations.rates) == {"margin"}
    before = dict(violations.rates)
    assert violations.scale("margin", None, largest=largest) == pytest.approx(
        margin_scale(running, max_scale=largest)
    )
    assert violations.rates == before, "a batch with nothing to violate says nothing"


def test_every_width_has_a_violation_rate_of_its_own() -> None:
    settings = alone("hash_terms.margin")
    violations = Violations()
    terms(settings, heads(settings), "hash", violations=violations)
    assert set(violations.rates) == {"margin_16", "margin_32"}
    assert all(0 < rate <= 1 for rate in violations.rates.values())


def test_a_nested_width_teaches_its_own_bits_alone() -> None:
    settings = alone("hash_terms.infonce", ("model.nested", True))
    model = heads(settings)
    found = terms(settings, model, "hash")
    assert set(found) == {"infonce_16", "infonce_32"}
    gradient = gradients({"narrow": found["infonce_16"]}, model)
    assert layers(gradient) == {"image.code.32", "text.code.32"}
    out = gradient["image.code.32.out.weight"]
    assert bool(out[:16].any())
    assert not out[16:].any()


def test_the_rotation_learns_from_a_hash_term() -> None:
    settings = alone("hash_terms.infonce", ("model.rotation", True))
    model = heads(settings)
    gradient = gradients(terms(settings, model, "hash"), model)
    for side in ("image", "text"):
        assert bool(gradient[f"{side}.code.16.turn"].any())


def test_dropout_of_one_width_does_not_depend_on_the_others() -> None:
    key = "hash_terms.infonce"
    both, narrow = alone(key), alone(key, ("model.bits", [16]))
    values = [terms(s, heads(s), "hash")["infonce_16"] for s in (both, narrow)]
    assert torch.equal(*values)


def test_terms_leave_the_weights_and_the_global_draws_alone() -> None:
    settings = config(*((key, 1.0) for key in HASH))
    model = heads(settings)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    draws = torch.get_rng_state()
    terms(settings, model, "hash")
    assert same(before, dict(model.named_parameters()))
    assert torch.equal(draws, torch.get_rng_state())


def test_no_two_heads_and_no_two_views_share_a_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    outputs = Tower.outputs

    def watched(
        self: Tower, features: Tensor, generators: Mapping[int, torch.Generator]
    ) -> dict[int, Tensor]:
        seeds.extend(generator.initial_seed() for generator in generators.values())
        return outputs(self, features, generators)

    monkeypatch.setattr(Tower, "outputs", watched)
    settings = config(
        *((f"hash_terms.{name}", 1.0) for name in ONE_SIDED), ("model.bits", list(WIDTHS))
    )
    terms(settings, heads(settings), "hash")
    # Both sides, each in two views, through the heads of both widths.
    assert len(set(seeds)) == len(seeds) == 2 * 2 * len(WIDTHS)
