"""A saved model comes back bit for bit, or not at all."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from caselight.config import TRAINED, Config, TowerSettings
from caselight.errors import ModelError
from caselight.models import open_image_tower, open_text_tower
from caselight.models.checkpoint import (
    FILE,
    carry_towers,
    check_towers,
    load_checkpoint,
    save_checkpoint,
)
from caselight.models.dual_encoder import DualEncoder
from caselight.models.heads import Heads
from caselight.models.image_toy import ToyImage
from caselight.models.text_toy import ToyText
from caselight.models.tower_files import save_tower

CPU = torch.device("cpu")


def config(**model: Any) -> Config:
    sizes = {"embed_dim": 8, "hidden_dim": 8, "bits": [16, 32]}
    return Config.from_mapping({"model": {**sizes, **model}, "towers": {"image": "toy"}})


def image_tower(*, trim: float = 0.06) -> ToyImage:
    return ToyImage(trim_fraction=trim, device=CPU)


def text_tower(*, max_tokens: int = 256) -> ToyText:
    return ToyText(max_tokens=max_tokens, device=CPU)


def heads(seed: int = 0, settings: Config | None = None) -> Heads:
    """Heads that have seen one batch, so that every buffer has a value of its own."""
    generator = torch.Generator().manual_seed(seed)
    made = Heads(64, 64, settings=(settings or config()).model, generator=generator)
    for tower in (made.image, made.text):
        x = torch.randn((40, 64), generator=generator)
        tower.fit_scale(x)
        for head in tower.code.values():
            head(tower.standardise(x))
    return made


def save(folder: Path, seed: int = 0) -> DualEncoder:
    return save_checkpoint(folder, heads(seed), config(), image=image_tower(), text=text_tower())


def features(seed: int = 5) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((7, 64)).astype(np.float32)


def refusal(folder: Path) -> ModelError:
    with pytest.raises(ModelError) as refused:
        load_checkpoint(folder)
    return refused.value


def test_a_model_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    saved = save(tmp_path)
    for place in (tmp_path, tmp_path / FILE):
        loaded = load_checkpoint(place)
        assert loaded.fingerprint == saved.fingerprint
        assert loaded.config == saved.config == config()
        assert loaded.image_tower == saved.image_tower
        assert loaded.text_tower == saved.text_tower
        assert loaded.bits == (16, 32)
        for modality in ("image", "text"):
            a, b = (m.embed(features(), modality).mean for m in (saved, loaded))
            assert np.array_equal(a, b)
            for n_bits in (16, 32):
                codes = [m.encode_codes(features(), modality, n_bits) for m in (saved, loaded)]
                assert np.array_equal(codes[0].packed, codes[1].packed)


def test_the_file_carries_settings_preprocessing_and_tokenizer(tmp_path: Path) -> None:
    save(tmp_path)
    with safe_open(tmp_path / FILE, framework="pt") as file:
        said = {key: value for key, value in file.metadata().items() if key != "fingerprint"}
    assert json.loads(said["config"]) == config().model_dump(mode="json", include=set(TRAINED))
    assert json.loads(said["tokenizer"]) == text_tower().tokenizer_json
    preprocess = image_tower().preprocess.settings()
    assert json.loads(said["preprocess"]) == json.loads(json.dumps(preprocess))


def test_loading_leaves_nothing_to_train_and_nothing_random(tmp_path: Path) -> None:
    save(tmp_path)
    model = load_checkpoint(tmp_path)
    assert not model.heads.training
    assert not any(p.requires_grad for p in model.heads.parameters())
    first = model.soft_bits(features(), "image", 16)
    assert np.array_equal(first, model.soft_bits(features(), "image", 16))
    one = model.soft_bits(features()[:1], "image", 16)
    assert np.allclose(one, first[:1], atol=1e-6)


def test_embeddings_have_unit_length_and_codes_are_the_signs_of_soft_bits(tmp_path: Path) -> None:
    model = save(tmp_path)
    mean = model.embed(features(), "text").mean
    assert mean.shape == (7, 8)
    assert mean.dtype == np.float32
    assert np.allclose(np.linalg.norm(mean, axis=1), 1, atol=1e-6)
    soft = model.soft_bits(features(), "text", 32)
    assert np.abs(soft).max() <= 1
    codes = model.encode_codes(features(), "text", 32)
    assert codes.n_bits == 32
    assert np.array_equal(np.unpackbits(codes.packed, axis=1) == 1, soft >= 0)


def test_the_two_modalities_have_heads_of_their_own(tmp_path: Path) -> None:
    model = save(tmp_path)
    image, text = (model.embed(features(), m).mean for m in ("image", "text"))
    assert not np.allclose(image, text, atol=0.01)


def test_no_pictures_and_no_texts_give_no_rows(tmp_path: Path) -> None:
    model = save(tmp_path)
    none = np.zeros((0, 64), dtype=np.float32)
    assert model.embed(none, "image").mean.shape == (0, 8)
    assert model.encode_codes(none, "text", 16).packed.shape == (0, 2)


@pytest.mark.parametrize("n_bits", [8, 48, 64])
def test_a_width_without_a_head_is_refused(tmp_path: Path, n_bits: int) -> None:
    model = save(tmp_path)
    for ask in (model.soft_bits, model.encode_codes):
        with pytest.raises(ModelError, match="16, 32") as refused:
            ask(features(), "image", n_bits)
        assert refused.value.code == "model.no_such_bits"


def test_the_fingerprint_is_of_weights_settings_and_towers(tmp_path: Path) -> None:
    def fingerprint(made: Heads, settings: Config, image: ToyImage, text: ToyText) -> str:
        return save_checkpoint(tmp_path, made, settings, image=image, text=text).fingerprint

    base = (heads(), config(), image_tower(), text_tower())
    assert fingerprint(*base) == fingerprint(*base)
    bent = heads()
    bent.image.code["16"].norm.running_var[3] += 1e-3  # type: ignore[index, operator, union-attr]
    other_weights, other_text = image_tower(), text_tower()
    other_weights.digest = "other"
    other_text.tokenizer_json = '{"other": 1}'
    variants = [
        (heads(1), *base[1:]),
        (bent, *base[1:]),
        (base[0], config(dropout=0.2), *base[2:]),
        (*base[:2], image_tower(trim=0.1), base[3]),
        (*base[:2], other_weights, base[3]),
        (*base[:3], text_tower(max_tokens=9)),
        (*base[:3], other_text),
    ]
    prints = [fingerprint(*variant) for variant in variants]
    assert len({fingerprint(*base), *prints}) == len(variants) + 1


def test_any_changed_bit_of_a_model_is_found(tmp_path: Path) -> None:
    save(tmp_path)
    path = tmp_path / FILE
    whole = path.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    draws = np.random.default_rng(0)
    some = [*draws.integers(8, header, 300), *draws.integers(header, len(whole), 100)]
    for position in (*range(8), *map(int, some), len(whole) - 1):
        bit = 1 << (position % 8)
        path.write_bytes(whole[:position] + bytes([whole[position] ^ bit]) + whole[position + 1 :])
        assert refusal(tmp_path).code == "model.weights_mismatch", position
    path.write_bytes(whole)
    load_checkpoint(tmp_path)


@pytest.mark.parametrize("kept", [0, 8, 500, -1])
def test_a_truncated_model_is_found(tmp_path: Path, kept: int) -> None:
    save(tmp_path)
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:kept])
    assert refusal(tmp_path).code == "model.weights_mismatch"


def rewrite(path: Path, **said: object) -> None:
    """Write the model again with other words in its header."""
    with safe_open(path, framework="pt") as file:
        metadata = dict(file.metadata())
    for key, value in said.items():
        if value is None:
            del metadata[key]
        else:
            metadata[key] = json.dumps(value, sort_keys=True)
    save_file(load_file(path), path, metadata=metadata)


def test_writing_a_model_again_unchanged_is_no_damage(tmp_path: Path) -> None:
    fingerprint = save(tmp_path).fingerprint
    rewrite(tmp_path / FILE)
    assert load_checkpoint(tmp_path).fingerprint == fingerprint


@pytest.mark.parametrize(
    "said",
    [
        {"config": config(dropout=0.0).model_dump(mode="json")},
        {"preprocess": {}},
        {"tokenizer": "[]"},
        {"image_tower": {"name": "toy", "digest": "x", "dim": 64, "input_digest": "y"}},
        {"fingerprint": "0" * 64},
        {"fingerprint": None},
        {"config": None},
        {"format": "caselight-model-2"},
        {"format": None},
        {"more": 1},
    ],
)
def test_other_words_in_the_header_are_refused(tmp_path: Path, said: dict[str, object]) -> None:
    save(tmp_path)
    rewrite(tmp_path / FILE, **said)
    assert refusal(tmp_path).code == "model.weights_mismatch"


@pytest.mark.parametrize(
    "settings",
    [config(bits=[16]), config(bits=[16, 32, 48]), config(embed_dim=16), config(hidden_dim=16)],
)
def test_weights_other_than_the_settings_ask_for_are_refused(
    tmp_path: Path, settings: Config
) -> None:
    save_checkpoint(tmp_path, heads(), settings, image=image_tower(), text=text_tower())
    error = refusal(tmp_path)
    assert error.code == "model.weights_mismatch"
    assert "other weights than its settings ask for" in str(error)


def test_a_safetensors_file_of_something_else_is_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(2)}, tmp_path / FILE)
    assert refusal(tmp_path).code == "model.weights_mismatch"
    save_file({"x": torch.zeros(2)}, tmp_path / FILE, metadata={"format": "pt"})
    assert refusal(tmp_path).code == "model.weights_mismatch"


@pytest.mark.parametrize("name", ["", "nowhere"])
def test_a_folder_without_a_model_is_refused(tmp_path: Path, name: str) -> None:
    assert refusal(tmp_path / name).code == "model.not_found"


def test_an_interrupted_save_leaves_the_old_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fingerprint = save(tmp_path).fingerprint

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        with pytest.raises(KeyboardInterrupt):
            save(tmp_path, 1)
    assert load_checkpoint(tmp_path).fingerprint == fingerprint
    assert save(tmp_path, 1).fingerprint == load_checkpoint(tmp_path).fingerprint != fingerprint


def test_the_towers_it_was_trained_on_are_accepted(tmp_path: Path) -> None:
    save(tmp_path)
    settings = Config.from_mapping({"towers": {"image": "toy", "text": "toy"}}).towers
    check_towers(
        load_checkpoint(tmp_path),
        image=open_image_tower(settings, device=CPU),
        text=open_text_tower(settings, device=CPU),
    )


@pytest.mark.parametrize(
    ("side", "attribute", "value", "code"),
    [
        ("image", "digest", "other", "model.weights_mismatch"),
        ("image", "dim", 63, "model.weights_mismatch"),
        ("text", "digest", "other", "model.weights_mismatch"),
        ("text", "dim", 63, "model.weights_mismatch"),
        ("image", "preprocess", image_tower(trim=0.1).preprocess, "model.preprocess_mismatch"),
        ("text", "max_tokens", 100, "model.preprocess_mismatch"),
        ("text", "tokenizer_json", "[]", "model.preprocess_mismatch"),
    ],
)
def test_other_towers_are_refused(
    tmp_path: Path, side: str, attribute: str, value: object, code: str
) -> None:
    model = save(tmp_path)
    towers: dict[str, Any] = {"image": image_tower(), "text": text_tower()}
    setattr(towers[side], attribute, value)
    with pytest.raises(ModelError) as refused:
        check_towers(model, **towers)
    assert refused.value.code == code


# Nested widths, and towers that were trained for the model ------------------------------------


def test_nested_codes_come_back_as_they_were_saved(tmp_path: Path) -> None:
    settings = config(nested=True, rotation=True)
    saved = save_checkpoint(
        tmp_path, heads(settings=settings), settings, image=image_tower(), text=text_tower()
    )
    loaded = load_checkpoint(tmp_path)
    assert loaded.bits == (16, 32)
    for modality in ("image", "text"):
        narrow, wide = (loaded.encode_codes(features(), modality, n).packed for n in (16, 32))
        assert np.array_equal(narrow, wide[:, :2])
        assert np.array_equal(wide, saved.encode_codes(features(), modality, 32).packed)


def tuned_model(folder: Path, towers: Path) -> tuple[DualEncoder, Path]:
    """A model over towers in files of another folder, one of them with weights of its own."""
    image = open_image_tower(TowerSettings(image="toy-conv"), device=CPU)
    with torch.no_grad():
        next(image.module.parameters()).add_(1)
    path = save_tower(image, towers)
    values = {"image": f"file:{path}", "text": "toy"}
    settings = config().model_copy(update={"towers": TowerSettings(**values)})
    opened = open_image_tower(settings.towers, device=CPU)
    return save_checkpoint(folder, heads(), settings, image=opened, text=text_tower()), path


def test_towers_in_files_are_carried_into_the_folder(tmp_path: Path) -> None:
    saved, path = tuned_model(tmp_path / "model", tmp_path / "towers")
    carried = tmp_path / "model" / "towers" / path.name
    assert carried.read_bytes() == path.read_bytes()
    with safe_open(tmp_path / "model" / FILE, framework="pt") as file:
        said = json.loads(file.metadata()["config"])
    # By a path inside the folder, so that it may be anywhere.
    assert said["towers"]["image"] == f"file:towers/{path.name}"
    shutil.rmtree(tmp_path / "towers")
    (tmp_path / "model").rename(tmp_path / "moved")
    loaded = load_checkpoint(tmp_path / "moved")
    assert loaded.fingerprint == saved.fingerprint
    towers = loaded.config.towers
    assert towers.image == f"file:{tmp_path / 'moved' / 'towers' / path.name}"
    check_towers(loaded, image=open_image_tower(towers, device=CPU), text=text_tower())


def test_the_folder_decides_nothing_about_a_model(tmp_path: Path) -> None:
    one, other = (tuned_model(tmp_path / n, tmp_path / f"{n}-towers")[0] for n in ("a", "b"))
    assert one.fingerprint == other.fingerprint


def test_a_model_is_saved_again_where_it_lies_and_elsewhere(tmp_path: Path) -> None:
    saved, path = tuned_model(tmp_path / "model", tmp_path / "towers")
    image = open_image_tower(saved.config.towers, device=CPU)
    for folder in (tmp_path / "model", tmp_path / "copy"):
        again = save_checkpoint(
            folder, saved.heads, load_checkpoint(tmp_path / "model").config, image=image,
            text=text_tower(),
        )  # fmt: skip
        assert again.fingerprint == saved.fingerprint
        assert [p.name for p in (folder / "towers").iterdir()] == [path.name]


def test_a_tower_that_is_not_there_is_missed(tmp_path: Path) -> None:
    settings = config().model_copy(
        update={"towers": TowerSettings(image=f"file:{tmp_path / 'gone.safetensors'}", text="toy")}
    )
    with pytest.raises(ModelError) as refused:
        carry_towers(settings, tmp_path / "model")
    assert refused.value.code == "model.tower_missing"
    assert not (tmp_path / "model" / FILE).exists()


def test_towers_with_a_name_are_left_as_they_are(tmp_path: Path) -> None:
    assert carry_towers(config(), tmp_path) == config()
    assert not list(tmp_path.iterdir())


def test_an_interrupted_copy_leaves_no_half_tower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(source: Path, target: Path) -> None:
        target.write_bytes(source.read_bytes()[:100])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("shutil.copyfile", killed)
        with pytest.raises(KeyboardInterrupt):
            tuned_model(tmp_path / "model", tmp_path / "towers")
    assert not (tmp_path / "model" / FILE).exists()
    saved, path = tuned_model(tmp_path / "model", tmp_path / "towers")
    carried = tmp_path / "model" / "towers" / path.name
    assert carried.read_bytes() == path.read_bytes()
    assert load_checkpoint(tmp_path / "model").fingerprint == saved.fingerprint
