"""A tuned tower comes back from its file as it was, or the file is refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from caselight.config import TowerSettings
from caselight.models.checkpoint import image_identity, text_identity
from caselight.models.tower_files import save_tower
from caselight.models.tunable import settle, unfreeze
from tiny_transformers import tiny_bert
from towers import TEXTS, image_tower, pixels, refused, text_tower


def tuned(name: str, *, shift: float = 0.1, **said: Any) -> Any:
    make: Callable[..., Any] = image_tower if name == "toy-conv" else text_tower
    tower = make(name, **said)
    with torch.no_grad():
        for parameter in unfreeze(tower, part=0.5):
            parameter.add_(shift)
    settle(tower)
    return tower


def said_in(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def rewrite(path: Path, **changes: Any) -> None:
    said = {**json.loads(said_in(path)["tower"]), **changes}
    save_file(load_file(path), path, metadata={"tower": json.dumps(said)})


@pytest.fixture
def conv(tmp_path: Path) -> Path:
    return save_tower(tuned("toy-conv"), tmp_path)


def test_a_tuned_image_tower_comes_back(tmp_path: Path) -> None:
    tower = tuned("toy-conv")
    path = save_tower(tower, tmp_path / "new" / "folder")
    assert path.name == f"image-{tower.digest[:16]}.safetensors"
    opened = image_tower(f"file:{path}")
    batch = pixels(tower, 3)
    assert torch.equal(opened.encode(batch), tower.encode(batch))
    assert not torch.equal(opened.encode(batch), image_tower("toy-conv").encode(batch))
    assert image_identity(opened) == image_identity(tower)
    assert opened.name == f"toy-conv+{tower.digest[:8]}"
    assert not any(p.requires_grad for p in opened.module.parameters())


@pytest.mark.parametrize("name", ["toy-embedding", "bert"])
def test_a_tuned_text_tower_comes_back(name: str, tmp_path: Path) -> None:
    base = name if name != "bert" else f"transformers:{tiny_bert(tmp_path / 'bert')}"
    tower = tuned(base, max_tokens=16)
    path = save_tower(tower, tmp_path)
    opened = text_tower(f"file:{path}", max_tokens=16)
    assert torch.equal(opened.encode(TEXTS), tower.encode(TEXTS))
    assert text_identity(opened) == text_identity(tower)
    assert opened.base == base


def test_the_place_of_a_file_is_no_part_of_its_identity(conv: Path, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere.safetensors"
    moved.write_bytes(conv.read_bytes())
    one, two = image_tower(f"file:{conv}"), image_tower(f"file:{moved}")
    assert image_identity(one) == image_identity(two)
    assert save_tower(two, tmp_path / "again").read_bytes() == conv.read_bytes()
    assert str(tmp_path) not in json.dumps(said_in(conv))


def test_other_weights_are_another_file_and_the_same_are_the_same(tmp_path: Path) -> None:
    one = save_tower(tuned("toy-conv"), tmp_path)
    assert save_tower(tuned("toy-conv"), tmp_path) == one
    two = save_tower(tuned("toy-conv", shift=0.2), tmp_path)
    assert sorted(tmp_path.iterdir()) == sorted([one, two])


def test_a_tower_can_be_tuned_again_from_its_file(conv: Path, tmp_path: Path) -> None:
    tower = image_tower(f"file:{conv}")
    with torch.no_grad():
        unfreeze(tower, part=1.0)[0].add_(1)
    settle(tower)
    again = image_tower(f"file:{save_tower(tower, tmp_path)}")
    assert again.base == "toy-conv"
    assert again.digest == tower.digest


def test_the_settings_still_decide_trimming_and_length(conv: Path, tmp_path: Path) -> None:
    assert image_tower(f"file:{conv}", trim=0.25).preprocess.trim_fraction == 0.25
    text = save_tower(tuned("toy-embedding", max_tokens=9), tmp_path)
    assert text_tower(f"file:{text}", max_tokens=12).max_tokens == 12
    assert TowerSettings(image=f"file:{conv}").image == f"file:{conv}"


def test_a_tower_without_weights_is_not_saved(tmp_path: Path) -> None:
    assert refused(lambda: save_tower(image_tower("toy"), tmp_path)).code == "model.not_tunable"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    error = refused(lambda: image_tower(f"file:{tmp_path / 'none.safetensors'}"))
    assert error.code == "model.tower_missing"
    assert "none.safetensors" in str(error)


@pytest.mark.parametrize("where", [5, 0.5, -1])
def test_a_damaged_file_is_refused(conv: Path, where: float) -> None:
    data = bytearray(conv.read_bytes())
    data[int(where * len(data)) if isinstance(where, float) else int(where)] ^= 64
    conv.write_bytes(data)
    assert refused(lambda: image_tower(f"file:{conv}")).code == "model.weights_mismatch"


def test_a_file_cut_short_is_refused(conv: Path) -> None:
    conv.write_bytes(conv.read_bytes()[:-40])
    assert refused(lambda: image_tower(f"file:{conv}")).code == "model.weights_mismatch"
    conv.write_bytes(b"")
    assert refused(lambda: image_tower(f"file:{conv}")).code == "model.weights_mismatch"


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"weight": torch.ones(2)}, path, metadata={"format": "caselight-model-1"})
    assert "no tower" in str(refused(lambda: image_tower(f"file:{path}")))
    for entry in ("{", "[]", "7", '{"format": "caselight-tower-1"}'):
        save_file({"weight": torch.ones(2)}, path, metadata={"tower": entry})
        assert "no tower" in str(refused(lambda: image_tower(f"file:{path}")))
    save_file({"weight": torch.ones(2)}, path)
    assert refused(lambda: text_tower(f"file:{path}")).code == "model.weights_mismatch"


def test_a_tower_of_the_other_kind_is_refused(conv: Path) -> None:
    error = refused(lambda: text_tower(f"file:{conv}"))
    assert error.code == "model.weights_mismatch"
    assert "kind 'image', expected 'text'" in str(error)


def test_weights_of_another_shape_or_name_are_refused(conv: Path) -> None:
    tensors = load_file(conv)
    tensors["0.weight"] = tensors["0.weight"][:2].contiguous()
    save_file(tensors, conv, metadata=said_in(conv))
    assert "asks for" in str(refused(lambda: image_tower(f"file:{conv}")))
    del tensors["0.weight"]
    save_file(tensors, conv, metadata=said_in(conv))
    assert refused(lambda: image_tower(f"file:{conv}")).code == "model.weights_mismatch"


def test_a_base_that_now_takes_other_input_is_refused(conv: Path) -> None:
    inputs = json.loads(said_in(conv)["tower"])["inputs"]
    rewrite(conv, inputs={**inputs, "size_px": 17})
    assert refused(lambda: image_tower(f"file:{conv}")).code == "model.preprocess_mismatch"


def test_a_file_cannot_name_itself_as_its_base(conv: Path) -> None:
    rewrite(conv, base=f"file:{conv}")
    assert refused(lambda: image_tower(f"file:{conv}")).code == "model.weights_mismatch"


def test_a_base_that_is_unknown_here_is_refused(conv: Path) -> None:
    rewrite(conv, base="toy-convv")
    assert refused(lambda: image_tower(f"file:{conv}")).code == "model.unknown_tower"
