"""Towers give the same features for the same input, and refuse weights that are not theirs."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from caselight.models import IMAGE_TOWERS, TEXT_TOWERS
from caselight.models import image_efficientnet as efficientnet_module
from caselight.models import text_minilm as minilm_module
from caselight.models.towers import (
    ImageTower,
    TextTower,
    file_digest,
    freeze,
    state_digest,
    verify_file,
)
from towers import check_image_tower, check_text_tower, image_tower, refused, text_tower


@pytest.fixture(scope="module")
def efficientnet() -> ImageTower:
    return image_tower("efficientnet-lite0")


@pytest.fixture(scope="module")
def minilm() -> TextTower:
    return text_tower("minilm-l6", max_tokens=16)


def test_the_toy_towers_keep_what_towers_promise() -> None:
    for name in ("toy", "toy-conv"):
        check_image_tower(image_tower(name))
    for name in ("toy", "toy-embedding"):
        check_text_tower(text_tower(name))


def test_the_toy_towers_with_weights_draw_the_same_ones_each_time() -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    one, two = image_tower("toy-conv"), image_tower("toy-conv")
    assert one.digest == two.digest == state_digest(one.module)
    assert text_tower("toy-embedding").digest == text_tower("toy-embedding").digest
    assert torch.equal(torch.get_rng_state(), state)


def test_the_toy_image_tower_sees_light_where_it_is() -> None:
    tower = image_tower("toy")
    picture = np.zeros((64, 64), dtype=np.uint8)
    picture[:32] = 255
    features = tower.encode(torch.from_numpy(tower.preprocess.batch([picture])))[0].view(8, 8)
    assert features[:3].min() > 0.9
    assert features[5:].max() < -0.9


def test_the_toy_text_tower_counts_words_up_to_its_limit() -> None:
    tower = text_tower("toy", max_tokens=8)
    one, order, cut = tower.encode(["a b a", "A a, b.", "a b a x x x x x q"])
    assert torch.equal(one, order)
    assert int(one.sum()) == 3
    assert int(cut.sum()) == 8
    assert tower.count_cut(["a " * 8, "a " * 9, ""]) == 1


@pytest.mark.parametrize("name", IMAGE_TOWERS)
def test_image_towers_in_the_table_open_under_their_name(name: str) -> None:
    tower = image_tower(name, trim=0.25)
    assert tower.name == name
    assert tower.preprocess.trim_fraction == 0.25


@pytest.mark.parametrize("name", TEXT_TOWERS)
def test_text_towers_in_the_table_open_under_their_name(name: str) -> None:
    tower = text_tower(name, max_tokens=99)
    assert (tower.name, tower.max_tokens) == (name, 99)


@pytest.mark.parametrize(
    ("typo", "meant"), [("efficientnet-lite1", "efficientnet-lite0"), ("toyy", "toy")]
)
def test_an_unknown_image_tower_is_refused_with_the_nearest_name(typo: str, meant: str) -> None:
    error = refused(lambda: image_tower(typo))
    assert error.code == "model.unknown_tower"
    assert f"did you mean '{meant}'" in str(error)


def test_an_unknown_text_tower_is_refused_with_the_nearest_name_or_all() -> None:
    error = refused(lambda: text_tower("minilm"))
    assert error.code == "model.unknown_tower"
    assert "did you mean 'minilm-l6'" in str(error)
    error = refused(lambda: text_tower("?"))
    assert all(name in str(error) for name in TEXT_TOWERS)


def test_efficientnet_has_1280_features_and_the_pinned_weights(efficientnet: ImageTower) -> None:
    assert efficientnet.dim == 1280
    assert efficientnet.digest == file_digest(efficientnet_module.weights_path())
    check_image_tower(efficientnet)


def test_minilm_does_not_mind_its_batch(minilm: TextTower) -> None:
    assert minilm.dim == 384
    assert minilm.digest == file_digest(minilm_module.weights_folder() / "model.safetensors")
    check_text_tower(minilm)


def test_minilm_knows_what_sounds_alike(minilm: TextTower) -> None:
    one, like, unlike = torch.nn.functional.normalize(
        minilm.encode(["large pleural effusion", "big pleural effusions", "broken left ankle"])
    )
    assert one @ like > 0.8 > one @ unlike + 0.3


def test_a_long_text_is_cut_and_counted(minilm: TextTower) -> None:
    # Sixteen tokens are fourteen words, an opening and a closing token.
    fits, cut = "heart " * 14, "heart " * 14 + "and lungs"
    assert minilm.count_cut([fits, cut, "", cut]) == 2
    features = minilm.encode([fits, cut])
    assert torch.allclose(features[0], features[1], atol=1e-5)


@pytest.mark.parametrize("name", ["efficientnet-lite0", "toy-conv", "minilm-l6", "toy-embedding"])
def test_towers_are_frozen(name: str) -> None:
    tower: Any = image_tower(name) if name in IMAGE_TOWERS else text_tower(name)
    assert not any(m.training for m in tower.module.modules())
    assert not any(p.requires_grad for p in tower.module.parameters())


def test_a_file_is_verified_against_its_digest(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    error = refused(lambda: verify_file(path, "0" * 64, name="x"))
    assert error.code == "model.tower_missing"
    path.write_bytes(b"weights")
    digest = file_digest(path)
    verify_file(path, digest, name="x")
    path.write_bytes(b"weightt")
    error = refused(lambda: verify_file(path, digest, name="x"))
    assert error.code == "model.weights_mismatch"


def test_changed_efficientnet_weights_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pth"
    data = bytearray(efficientnet_module.weights_path().read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(efficientnet_module, "weights_path", lambda: path)
    assert refused(lambda: image_tower("efficientnet-lite0")).code == "model.weights_mismatch"
    path.unlink()
    assert refused(lambda: image_tower("efficientnet-lite0")).code == "model.tower_missing"


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_changed_minilm_files_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    for path in minilm_module.weights_folder().iterdir():
        (tmp_path / path.name).symlink_to(path)
    data = bytearray((tmp_path / name).read_bytes())
    data[-1] ^= 1
    (tmp_path / name).unlink()
    (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(minilm_module, "weights_folder", lambda: tmp_path)
    assert refused(lambda: text_tower("minilm-l6")).code == "model.weights_mismatch"
    (tmp_path / name).unlink()
    assert refused(lambda: text_tower("minilm-l6")).code == "model.tower_missing"


def test_state_digest_covers_names_shapes_and_values() -> None:
    def digest(change: Callable[[torch.nn.Linear], object] = lambda _: None) -> str:
        layer = torch.nn.Linear(3, 3)
        torch.nn.init.ones_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
        change(layer)
        return state_digest(layer)

    assert digest() == digest()
    assert digest(lambda m: m.weight.data.__setitem__((0, 0), 2.0)) != digest()
    assert digest(lambda m: m.half()) != digest()
    assert state_digest(torch.nn.Sequential(torch.nn.Linear(3, 3))) != digest()


def test_freezing_stops_learning_and_dropout() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Dropout(0.5))
    frozen = freeze(module)
    x = torch.ones(1, 3)
    assert torch.equal(frozen(x), frozen(x))
    assert not frozen(x).requires_grad
