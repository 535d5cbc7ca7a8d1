"""LoRA layers change nothing until trained, train alone, and merge into plain weights."""

import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from caselight.errors import UsageError
from caselight.models.lora import add_lora, merge_lora
from caselight.models.tower_files import save_tower
from caselight.models.towers import state_digest
from caselight.models.tunable import trainable
from tiny_transformers import tiny_bert, tiny_vit
from towers import TEXTS, image_tower, pixels, refused, text_tower

pytest.importorskip("peft")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        "text": tiny_bert(tmp_path_factory.mktemp("bert")),
        "image": tiny_vit(tmp_path_factory.mktemp("vit")),
    }


def open_tower(folders: dict[str, Path], kind: str) -> Any:
    make: Any = text_tower if kind == "text" else image_tower
    return make(f"transformers:{folders[kind]}")


def features(tower: Any, kind: str) -> torch.Tensor:
    given = TEXTS if kind == "text" else pixels(tower, 3)
    encoded: torch.Tensor = tower.encode(given)
    return encoded


def adapt(tower: Any, *, seed: int = 0) -> tuple[torch.nn.Parameter, ...]:
    generator = torch.Generator().manual_seed(seed)
    return add_lora(tower, rank=2, alpha=4.0, dropout=0.5, generator=generator)


def move(parameters: tuple[torch.nn.Parameter, ...]) -> None:
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in parameters:
            p.add_(torch.randn(p.shape, generator=generator) / 5)


@pytest.mark.parametrize("kind", ["text", "image"])
def test_fresh_adapters_change_no_feature(folders: dict[str, Path], kind: str) -> None:
    tower = open_tower(folders, kind)
    before = features(tower, kind)
    adapt(tower)
    assert torch.equal(features(tower, kind), before)


@pytest.mark.parametrize("kind", ["text", "image"])
def test_every_linear_map_of_every_layer_gets_an_adapter_and_nothing_else_learns(
    folders: dict[str, Path], kind: str
) -> None:
    tower = open_tower(folders, kind)
    n_maps = sum(isinstance(m, torch.nn.Linear) for m in tower.module.modules())
    parameters = adapt(tower)
    assert n_maps == 12  # two layers of query, key, value, output and two of the perceptron
    assert len(parameters) == 2 * n_maps
    assert all("lora_" in name for name in trainable(tower))
    assert sum(p.numel() for p in parameters) < 0.3 * sum(
        p.numel() for p in tower.module.parameters()
    )


@pytest.mark.parametrize("kind", ["text", "image"])
def test_merging_keeps_the_features_and_leaves_plain_weights(
    folders: dict[str, Path], kind: str, tmp_path: Path
) -> None:
    tower = open_tower(folders, kind)
    plain, names, digest = features(tower, kind), list(tower.module.state_dict()), tower.digest
    attributes = set(vars(tower.module))
    move(adapt(tower))
    tuned = features(tower, kind)
    assert not torch.allclose(tuned, plain, atol=1e-2)
    assert refused(lambda: save_tower(tower, tmp_path)).code == "model.not_tunable"
    merge_lora(tower)
    assert torch.allclose(features(tower, kind), tuned, atol=1e-5)
    assert list(tower.module.state_dict()) == names
    assert set(vars(tower.module)) == attributes
    assert tower.digest == state_digest(tower.module) != digest
    assert tower.name == f"{tower.base}+{tower.digest[:8]}"
    assert not any(p.requires_grad for p in tower.module.parameters())
    opened = (text_tower if kind == "text" else image_tower)(f"file:{save_tower(tower, tmp_path)}")
    assert torch.equal(features(opened, kind), features(tower, kind))


def test_only_the_passed_generator_decides(folders: dict[str, Path]) -> None:
    towers = [open_tower(folders, "text") for _ in range(3)]
    torch.manual_seed(1)
    state = torch.get_rng_state()
    adapt(towers[0])
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    adapt(towers[1])
    adapt(towers[2], seed=1)
    digests = [state_digest(tower.module) for tower in towers]
    assert digests[0] == digests[1] != digests[2]


def test_gradients_reach_every_adapter_of_a_trained_start(folders: dict[str, Path]) -> None:
    tower = open_tower(folders, "text")
    parameters = adapt(tower)
    move(parameters)
    tower.forward(*tower.tokenise(TEXTS)).square().sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)


@pytest.mark.parametrize("name", ["toy", "toy-conv", "efficientnet-lite0"])
def test_a_tower_without_layers_of_linear_maps_is_refused(name: str) -> None:
    error = refused(lambda: adapt(image_tower(name)))
    assert error.code == "model.not_tunable"
    assert name in str(error)


def test_adapters_are_not_stacked_or_merged_twice(folders: dict[str, Path]) -> None:
    tower = open_tower(folders, "text")
    assert refused(lambda: merge_lora(tower)).code == "model.not_tunable"
    adapt(tower)
    assert "already" in str(refused(lambda: adapt(tower)))
    merge_lora(tower)
    assert refused(lambda: merge_lora(tower)).code == "model.not_tunable"


def test_without_peft_the_extra_is_named(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(UsageError, match=r"caselight\[tune\]") as caught:
        adapt(open_tower(folders, "text"))
    assert caught.value.code == "usage.missing_extra"
