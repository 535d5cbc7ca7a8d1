"""Towers open to training from the output back, and close under the identity of their weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from caselight.errors import ConfigError
from caselight.models import IMAGE_TOWERS, TEXT_TOWERS
from caselight.models.towers import state_digest
from caselight.models.tunable import settle, trainable, unfreeze
from tiny_transformers import tiny_bert, tiny_vit
from towers import TEXTS, image_tower, pixels, refused, text_tower

NAMES = (
    "efficientnet-lite0",
    "efficientnet-lite0-wide",
    "toy-conv",
    "vit",
    "minilm-l6",
    "toy-embedding",
    "bert",
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {
        "bert": tiny_bert(tmp_path_factory.mktemp("bert")),
        "vit": tiny_vit(tmp_path_factory.mktemp("vit")),
    }


def open_tower(name: str, folders: dict[str, Path]) -> Any:
    if name in folders:
        source = f"transformers:{folders[name]}"
        return image_tower(source) if name == "vit" else text_tower(source, max_tokens=24)
    return image_tower(name) if name in IMAGE_TOWERS else text_tower(name, max_tokens=24)


def forward(tower: Any) -> Any:
    if hasattr(tower, "tokenise"):
        return tower.forward(*tower.tokenise(TEXTS))
    return tower.forward(pixels(tower, 3))


def encode(tower: Any) -> Any:
    return tower.encode(TEXTS if hasattr(tower, "tokenise") else pixels(tower, 3))


@pytest.mark.parametrize("name", NAMES)
def test_stages_hold_every_weight_once_from_the_output_back(
    name: str, folders: dict[str, Path]
) -> None:
    tower = open_tower(name, folders)
    stages = tower.stages()
    held = [id(p) for _, group in stages for p in group]
    assert sorted(held) == sorted(id(p) for p in tower.module.parameters())
    assert len({stage for stage, _ in stages}) == len(stages) >= 2
    order = [id(p) for p in tower.module.parameters()]
    first = [min(order.index(id(p)) for p in group) for _, group in stages]
    if not name.startswith("efficientnet"):  # its head is built last, its stem first
        assert first == sorted(first, reverse=True)


def test_the_stages_of_the_built_in_towers_are_these(folders: dict[str, Path]) -> None:
    image = [name for name, _ in image_tower("efficientnet-lite0").stages()]
    assert image == ["head", *(f"blocks-{i}" for i in range(7, 0, -1)), "stem"]
    text = [name for name, _ in text_tower("minilm-l6").stages()]
    assert text == [*(f"layer-{i}" for i in range(6, 0, -1)), "embeddings"]
    vit = [name for name, _ in open_tower("vit", folders).stages()]
    assert vit == ["output", "layer-2", "layer-1", "embeddings"]


@pytest.mark.parametrize("name", NAMES)
def test_gradients_reach_what_is_unfrozen_and_nothing_else(
    name: str, folders: dict[str, Path]
) -> None:
    tower = open_tower(name, folders)
    before = encode(tower)
    stages = tower.stages()
    opened = unfreeze(tower, part=0.5)
    assert 0 < len(opened) < len(list(tower.module.parameters()))
    assert {id(p) for p in opened} == {id(p) for p in trainable(tower).values()}
    assert {id(p) for p in stages[0][1]} <= {id(p) for p in opened}
    features = forward(tower)
    assert torch.allclose(features.detach(), before, atol=1e-6)
    features.square().sum().backward()
    # A key's bias moves all scores of a row alike, which the softmax does not see.
    assert all(p.grad is not None for p in opened)
    assert sum(float(p.grad.abs().sum()) > 0 for p in opened if p.grad is not None) > (
        len(opened) // 2
    )
    assert all(p.grad is None for p in tower.module.parameters() if not p.requires_grad)


@given(part=st.floats(0, 1, exclude_min=True), more=st.floats(0, 1, exclude_min=True))
def test_a_larger_part_holds_the_smaller(part: float, more: float) -> None:
    tower = image_tower("toy-conv")
    less, much = sorted([part, more])
    smaller, larger = unfreeze(tower, part=less), unfreeze(tower, part=much)
    assert {id(p) for p in smaller} <= {id(p) for p in larger}
    assert set(map(id, unfreeze(tower, part=1.0))) == set(map(id, tower.module.parameters()))


def test_a_smaller_part_closes_what_was_open() -> None:
    tower = image_tower("toy-conv")
    unfreeze(tower, part=1.0)
    few = unfreeze(tower, part=0.1)
    assert len(trainable(tower)) == len(few) == 2


def test_batch_statistics_stay_and_the_batch_does_not_matter() -> None:
    tower = image_tower("toy-conv")
    unfreeze(tower, part=1.0)
    buffers = {name: b.clone() for name, b in tower.module.named_buffers()}
    batch = pixels(tower, 4)
    together = tower.forward(batch)
    assert torch.allclose(tower.forward(batch[:1]), together[:1], atol=1e-6)
    assert {"1.running_mean", "1.running_var"} <= set(buffers)
    assert all(torch.equal(b, buffers[name]) for name, b in tower.module.named_buffers())


@pytest.mark.parametrize("name", ["toy-conv", "toy-embedding"])
def test_settling_gives_the_identity_of_the_weights(name: str, folders: dict[str, Path]) -> None:
    tower = open_tower(name, folders)
    frozen = tower.digest
    opened = unfreeze(tower, part=1.0)
    with torch.no_grad():
        opened[0].add_(1)
    settle(tower)
    assert tower.digest == state_digest(tower.module) != frozen
    assert tower.name == f"{name}+{tower.digest[:8]}"
    assert tower.base == name
    assert not forward(tower).requires_grad


def test_two_ways_to_read_the_same_weights_keep_two_digests() -> None:
    one, other = image_tower("toy-conv"), image_tower("toy-conv")
    other.digest += "-wide"
    settle(one)
    settle(other)
    assert other.digest == f"{one.digest}-wide"


@pytest.mark.parametrize("kind", ["image", "text"])
def test_a_tower_without_weights_is_not_tuned(kind: str) -> None:
    tower: Any = image_tower("toy") if kind == "image" else text_tower("toy")
    for ask in (lambda: unfreeze(tower, part=1.0), lambda: trainable(tower)):
        error = refused(ask)
        assert error.code == "model.not_tunable"
        assert "toy" in str(error)


@pytest.mark.parametrize("part", [0.0, -0.1, 1.01, float("nan")])
def test_a_part_outside_its_range_is_refused(part: float) -> None:
    with pytest.raises(ConfigError) as caught:
        unfreeze(image_tower("toy-conv"), part=part)
    assert caught.value.code == "config.out_of_range"


@pytest.mark.parametrize("name", ["minilm-l6", "toy-embedding", "toy"])
def test_tokens_are_cut_padded_and_masked(name: str) -> None:
    assert name in TEXT_TOWERS
    tower = text_tower(name, max_tokens=8)
    ids, mask = tower.tokenise(["heart", "heart " * 30, ""])
    assert ids.shape == mask.shape == (3, int(mask.sum(1).max()))
    assert ids.dtype == mask.dtype == torch.int64
    assert ((mask == 0) | (mask == 1)).all()
    assert (mask.diff(dim=1) <= 0).all()
    assert mask[1].sum() >= 8 > mask[0].sum() > mask[2].sum()
