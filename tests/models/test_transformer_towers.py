"""Any encoder that `transformers` saves opens as a tower, from its folder, or is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from caselight.models.checkpoint import text_identity
from towers import check_image_tower, check_text_tower, image_tower, refused, text_tower

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "no", "effusion", "the", "heart", "is")


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny vision transformer with random weights, as its owner would save it."""
    from transformers import ViTConfig, ViTModel

    folder = tmp_path_factory.mktemp("vit")
    ViTModel(ViTConfig(image_size=32, patch_size=8, **tiny())).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny text transformer with random weights and a vocabulary of ten words."""
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("bert")
    BertModel(BertConfig(max_position_embeddings=24, **tiny_text())).save_pretrained(folder)
    save_tokenizer(folder)
    return folder


def tiny() -> dict[str, Any]:
    return {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }


def tiny_text() -> dict[str, Any]:
    return {**tiny(), "vocab_size": len(WORDS)}


def save_tokenizer(folder: Path, words: tuple[str, ...] = WORDS) -> None:
    from transformers import BertTokenizerFast

    BertTokenizerFast(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)


def test_any_vision_transformer_opens_from_its_folder(vit: Path) -> None:
    tower = image_tower(f"transformers:{vit}", trim=0.1)
    assert (tower.dim, tower.preprocess.size_px) == (32, 32)
    assert tower.preprocess.trim_fraction == 0.1
    assert tower.name == f"transformers:{vit}"
    check_image_tower(tower)


def test_a_vision_transformers_own_normalisation_is_used(vit: Path, tmp_path: Path) -> None:
    shutil.copytree(vit, tmp_path, dirs_exist_ok=True)
    (tmp_path / "preprocessor_config.json").write_text(
        '{"image_mean": [0.1, 0.2, 0.3], "image_std": [0.4, 0.5, 0.6]}'
    )
    ours = image_tower(f"transformers:{tmp_path}").preprocess
    assert (ours.mean, ours.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert image_tower(f"transformers:{vit}").preprocess.mean != ours.mean


def test_any_text_transformer_opens_from_its_folder(bert: Path) -> None:
    tower = text_tower(f"transformers:{bert}")
    assert (tower.dim, tower.max_tokens) == (32, 24)
    check_text_tower(tower)
    assert tower.count_cut(["heart " * 22, "heart " * 23]) == 1
    same = tower.encode(["heart " * 22, "heart " * 60])
    assert torch.allclose(same[0], same[1], atol=1e-5)


def test_the_limit_on_tokens_is_the_smaller_of_ours_and_the_models(bert: Path) -> None:
    assert text_tower(f"transformers:{bert}", max_tokens=8).max_tokens == 8
    assert text_tower(f"transformers:{bert}", max_tokens=8).count_cut(["heart " * 7]) == 1


@pytest.mark.parametrize("which", ["vit", "bert"])
def test_the_digest_follows_the_weights(
    which: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from safetensors.torch import load_file, save_file

    folder: Path = request.getfixturevalue(which)
    make: Callable[[str], Any] = image_tower if which == "vit" else text_tower
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    digest = make(f"transformers:{folder}").digest
    assert make(f"transformers:{tmp_path}").digest == digest
    tensors = load_file(tmp_path / "model.safetensors")
    name = next(n for n in sorted(tensors) if "layer" in n and tensors[n].ndim == 2)
    tensors[name][0, 0] += 1
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert make(f"transformers:{tmp_path}").digest != digest


@pytest.mark.parametrize("which", ["image", "text"])
def test_a_model_saved_for_another_task_has_one_digest(which: str, tmp_path: Path) -> None:
    """Published checkpoints are often classifiers or masked language models, without a pooler."""
    from transformers import BertConfig, BertForMaskedLM, ViTConfig, ViTForImageClassification

    if which == "image":
        config = ViTConfig(image_size=32, patch_size=8, **tiny())
        ViTForImageClassification(config).save_pretrained(tmp_path)
        make: Callable[[str], Any] = image_tower
    else:
        BertForMaskedLM(BertConfig(**tiny_text())).save_pretrained(tmp_path)
        save_tokenizer(tmp_path)
        make = text_tower
    digests = {make(f"transformers:{tmp_path}").digest for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize("which", ["vit", "bert"])
def test_a_folder_that_lacks_weights_of_a_layer_is_refused(
    which: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    from safetensors.torch import load_file, save_file

    folder: Path = request.getfixturevalue(which)
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    tensors = load_file(folder / "model.safetensors")
    kept = {name: tensor for name, tensor in tensors.items() if "layer.1." not in name}
    assert len(kept) < len(tensors)
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    make: Callable[[str], Any] = image_tower if which == "vit" else text_tower
    assert refused(lambda: make(f"transformers:{tmp_path}")).code in (
        "model.weights_mismatch",
        "model.tower_missing",
    )


def test_a_long_text_fits_a_model_whose_positions_begin_late(tmp_path: Path) -> None:
    from transformers import RobertaConfig, RobertaModel

    RobertaModel(
        RobertaConfig(max_position_embeddings=18, pad_token_id=0, **tiny_text())
    ).save_pretrained(tmp_path)
    save_tokenizer(tmp_path)
    tower = text_tower(f"transformers:{tmp_path}")
    assert torch.isfinite(tower.encode(["heart " * 60])).all()


def test_another_tokenizer_is_another_input(bert: Path, tmp_path: Path) -> None:
    shutil.copytree(bert, tmp_path, dirs_exist_ok=True)
    one = text_identity(text_tower(f"transformers:{bert}"))
    save_tokenizer(tmp_path, (*WORDS[:-1], "was"))
    other = text_identity(text_tower(f"transformers:{tmp_path}"))
    assert one.digest == other.digest
    assert one.input_digest != other.input_digest
    assert text_identity(text_tower(f"transformers:{bert}", max_tokens=9)).input_digest != (
        one.input_digest
    )


@pytest.mark.parametrize("kind", ["image", "text"])
@pytest.mark.parametrize("where", ["nowhere", "empty"])
def test_a_folder_without_a_model_is_refused_and_no_network_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, where: str
) -> None:
    tried: list[object] = []
    monkeypatch.setattr("socket.socket.connect", lambda *to: tried.append(to))
    monkeypatch.setattr("socket.getaddrinfo", lambda *to, **_: tried.append(to))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    (tmp_path / "empty").mkdir()
    make: Callable[[str], Any] = image_tower if kind == "image" else text_tower
    error = refused(lambda: make(f"transformers:{tmp_path / where}"))
    assert error.code == "model.tower_missing"
    assert str(tmp_path / where) in str(error)
    assert tried == []


@pytest.mark.parametrize("kind", ["image", "text"])
def test_a_name_that_is_not_here_is_refused_when_offline(kind: str) -> None:
    make: Callable[[str], Any] = image_tower if kind == "image" else text_tower
    assert refused(lambda: make("transformers:nobody/has-this")).code == "model.tower_missing"
