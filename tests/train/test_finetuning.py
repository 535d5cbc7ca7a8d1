"""Towers learn with the heads, are kept with the model, and leave nothing behind in the engine."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional as F

from caselight.config import FinetuneSettings
from caselight.data.store import create_store
from caselight.errors import ConfigError, ModelError, TrainError
from caselight.home import Home
from caselight.models import open_image_tower, open_text_tower
from caselight.models.checkpoint import FILE, TOWERS, load_checkpoint
from caselight.models.image_toy import ToyConv
from caselight.models.towers import state_digest
from caselight.train import finetuning
from caselight.train.collect import find
from caselight.train.finetuning import Tuning, _Images
from caselight.train.run import PARTIAL
from caselight.train.sources import Sources
from filled import N_TRAIN, fill_with_company, learned, opened, put_study, report
from tests.homes import contents
from tiny_transformers import tiny_bert, tiny_vit
from trainings import CPU, Setting, Stopped, config, stop_at

LEARNABLE = (("towers.image", "toy-conv"), ("towers.text", "toy-embedding"))
SHORT = (
    ("train.epochs", 2),
    ("train.hash_epochs", 2),
    ("train.checkpoint_epochs", 1),
    ("finetune.part", 1.0),
    ("finetune.lr", 1e-2),
)
BOTH = (*LEARNABLE, *SHORT, ("finetune.towers", "both"))
VIEWS = (("train.image_views", 1), ("train.text_views", 2))


@pytest.fixture(autouse=True)
def _no_curves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("caselight.train.run.write_curves", lambda *_: None)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_with_company(tmp_path_factory.mktemp("tuning") / "home")


@pytest.fixture(scope="module")
def whole(
    home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., tuple[Path, dict[str, str]]]:
    """The folder and files of a training with some settings, made once."""

    @functools.cache
    def made(*settings: Setting) -> tuple[Path, dict[str, str]]:
        out = tmp_path_factory.mktemp("whole") / "model"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("caselight.train.run.write_curves", lambda *_: None)
            learned(home, out, *settings)
        return out, made_of(out)

    return made


def made_of(folder: Path) -> dict[str, str]:
    """The files of a model with their digests; the model's own file by its fingerprint."""
    # A safetensors file writes what it says of itself in no fixed order.
    fingerprint = load_checkpoint(folder).fingerprint
    return {**contents(folder, without=("run.json",)), FILE: fingerprint}


def base_digests(*settings: Setting) -> tuple[str, str]:
    towers = config(*settings).towers
    return (
        open_image_tower(towers, device=CPU).digest,
        open_text_tower(towers, device=CPU).digest,
    )


def digests(folder: Path) -> tuple[str, str]:
    model = load_checkpoint(folder)
    return model.image_tower.digest, model.text_tower.digest


# What is kept --------------------------------------------------------------------------------


@pytest.mark.parametrize("towers", ["image", "text", "both"])
def test_the_towers_that_are_named_are_tuned_and_no_others(whole: Any, towers: str) -> None:
    out, files = whole(*LEARNABLE, *SHORT, ("finetune.towers", towers))
    base = base_digests(*LEARNABLE)
    tuned = [a != b for a, b in zip(digests(out), base, strict=True)]
    assert tuned == [towers in ("image", "both"), towers in ("text", "both")]
    kept = {name.split("/")[1].split("-")[0] for name in files if name.startswith(TOWERS)}
    assert kept == ({"image", "text"} if towers == "both" else {towers})
    settings = load_checkpoint(out).config.towers
    for name, base_name in (("image", "toy-conv"), ("text", "toy-embedding")):
        said = getattr(settings, name)
        assert said.startswith(f"file:{out}/") if name in kept else said == base_name


def test_the_model_is_that_of_its_towers(whole: Any, home: Path) -> None:
    out, _ = whole(*BOTH)
    model = load_checkpoint(out)
    image = open_image_tower(model.config.towers, device=CPU)
    text = open_text_tower(model.config.towers, device=CPU)
    assert (image.digest, text.digest) == digests(out)
    assert image.name == model.image_tower.name == f"toy-conv+{image.digest[:8]}"
    # The hash stage learned from what these towers say.
    with opened(home, *LEARNABLE) as engine:
        tuned = engine.with_towers(model.config.towers)
        items = find(engine, config(*LEARNABLE)).pairs["train"]
        plain, fresh = (e.picture_features([i.digests for i in items]) for e in (engine, tuned))
    assert not np.allclose(plain, fresh, atol=1e-3)


def test_a_model_with_its_towers_can_be_moved_anywhere(
    whole: Any, home: Path, tmp_path: Path
) -> None:
    own = tmp_path / "home"
    shutil.copytree(home, own)
    made, there = tmp_path / "made", tmp_path / "elsewhere" / "there"
    shutil.copytree(whole(*BOTH)[0], made)
    before = load_checkpoint(made).fingerprint
    shutil.copytree(made, there)
    shutil.rmtree(made)
    with Home(own, device="cpu") as held:
        held.build_index(there)
        # The index has its own copy of the model, towers and all.
        shutil.rmtree(there)
        answer = held.search("a pleural effusion")
    assert answer.hits
    moved = tmp_path / "moved"
    own.rename(moved)
    with Home(moved, device="cpu") as held:
        again = held.search("a pleural effusion")
    assert [hit.study_uid for hit in again.hits] == [hit.study_uid for hit in answer.hits]
    (kept,) = moved.rglob(FILE)
    assert load_checkpoint(kept.parent).fingerprint == before
    assert str(tmp_path) not in kept.read_bytes().decode("latin-1")


def test_the_engine_keeps_the_towers_it_has(home: Path, tmp_path: Path) -> None:
    from caselight.train.run import train

    settings = config(*BOTH)
    with opened(home, *BOTH) as engine:
        before = (engine.towers, engine.image_tower.digest, engine.text_tower.digest)
        features = engine.text_features([report(1)])
        train(
            engine,
            config=settings,
            out=tmp_path / "out",
            clock=lambda: 0.0,
            on_epoch=lambda _: None,
        )
        assert (engine.towers, engine.image_tower.digest, engine.text_tower.digest) == before
        for tower in (engine.image_tower, engine.text_tower):
            assert state_digest(tower.module) == tower.digest
            assert not tower.module.training
            assert not any(p.requires_grad for p in tower.module.parameters())
        assert np.array_equal(engine.text_features([report(1)]), features)


def test_the_part_that_is_not_trained_stays_as_it_was(whole: Any) -> None:
    out, files = whole(*BOTH, ("finetune.part", 0.5))
    (name,) = (n for n in files if "image-" in n)
    tuned = load_file(out / name)
    base = ToyConv(trim_fraction=0.0, device=CPU).module.state_dict()
    changed = {n for n in base if not torch.equal(base[n], tuned[n])}
    assert changed == {"3.weight", "3.bias"}


def test_a_running_mean_is_taken_of_towers_too(whole: Any) -> None:
    plain, mean = (digests(whole(*BOTH, ("train.ema", ema))[0]) for ema in (0.0, 0.9))
    assert plain[0] != mean[0]
    assert plain[1] != mean[1]


# Going on ------------------------------------------------------------------------------------


MOMENTS = [("float", 1), ("float", 2), ("hash", 1), ("hash", 2)]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    "more",
    [(), VIEWS, (("train.ema", 0.5), ("train.patience", 1), ("finetune.towers", "image"))],
    ids=["plain", "views", "mean"],
)
def test_a_training_that_goes_on_is_the_one_that_was_never_stopped(
    whole: Any, home: Path, tmp_path: Path, moment: tuple[str, int], more: tuple[Setting, ...]
) -> None:
    settings = (*BOTH, *more)
    out = tmp_path / "model"
    with pytest.raises(Stopped):
        learned(home, out, *settings, on_epoch=stop_at(moment))
    learned(home, out, *settings)
    # Towers, heads and all; nothing unfinished is left.
    assert made_of(out) == whole(*settings)[1]


def test_a_tower_that_is_lost_between_two_runs_is_missed(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "model"
    with pytest.raises(Stopped):
        learned(home, out, *BOTH, on_epoch=stop_at(("hash", 1)))
    shutil.rmtree(out / TOWERS)
    with pytest.raises(ModelError) as refused:
        learned(home, out, *BOTH)
    assert refused.value.code == "model.tower_missing"


# Features and gradients ----------------------------------------------------------------------


def tuning(engine: Any, out: Path, *settings: Setting) -> Tuning:
    chosen = config(*settings)
    return Tuning(engine, find(engine, chosen), chosen, out)


def test_a_tower_in_training_begins_with_the_features_of_the_cache(
    home: Path, tmp_path: Path
) -> None:
    with opened(home, *BOTH) as engine, torch.no_grad():
        train, val = tuning(engine, tmp_path, *BOTH).open()
        items = find(engine, config(*BOTH)).pairs
        for sources, split in ((train, "train"), (val, "val")):
            rows = torch.arange(len(items[split]))
            image = sources.image.features(rows, torch.zeros_like(rows)).numpy()
            text = sources.text.features(rows, torch.zeros_like(rows)).numpy()
            expected = engine.picture_features([item.digests for item in items[split]])
            # Pictures are kept as half floats.
            assert np.allclose(image, expected, atol=2e-3)
            assert np.allclose(
                text, engine.text_features([item.texts[0] for item in items[split]]), atol=1e-5
            )


def gradients(sources: Sources) -> list[Tensor]:
    """Of a contrastive loss over all rows, each seen as a view of its own number."""
    rows = torch.arange(N_TRAIN)
    image, text = sources.image.features(rows, rows), sources.text.features(rows, rows % 3)
    # Both towers have features of their own width; the texts' are compared with the first ones.
    image, text = F.normalize(image[:, : text.shape[1]], dim=1), F.normalize(text, dim=1)
    (image @ text.T / 0.1).log_softmax(1).diagonal().mean().backward()  # type: ignore[no-untyped-call]
    sources.backward()
    found = [p.grad for p in sources.trainable()]
    assert all(g is not None and bool(g.any()) for g in found)
    return [g for g in found if g is not None]


@pytest.mark.parametrize("chunk", [1, 3])
def test_a_chunk_of_any_size_has_the_gradient_of_the_whole_batch(
    home: Path, tmp_path: Path, chunk: int
) -> None:
    found = []
    for size in (chunk, 64):
        settings = (*BOTH, *VIEWS, ("finetune.chunk", size))
        with opened(home, *settings) as engine:
            found.append(gradients(tuning(engine, tmp_path, *settings).open()[0]))
    for ours, slow in zip(*found, strict=True):
        assert torch.allclose(ours, slow, rtol=1e-3, atol=1e-5 * float(slow.abs().max()))


def test_no_more_than_a_chunk_is_in_a_tower_at_once(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    forward = ToyConv.forward

    def counted(self: ToyConv, pixels: Tensor) -> Tensor:
        if torch.is_grad_enabled() and any(p.requires_grad for p in self.module.parameters()):
            seen.append(len(pixels))
        return forward(self, pixels)

    monkeypatch.setattr(ToyConv, "forward", counted)
    learned(home, tmp_path / "out", *BOTH, ("finetune.chunk", 3))
    assert max(seen) == 3
    # Each of the 16 pictures once an epoch carries a gradient.
    assert sum(seen) == 2 * N_TRAIN


def test_a_picture_is_seen_the_same_in_both_passes_and_otherwise_in_another_view(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inputs: list[Tensor] = []
    forward = ToyConv.forward

    def watched(self: ToyConv, pixels: Tensor) -> Tensor:
        inputs.append(pixels.clone())
        return forward(self, pixels)

    monkeypatch.setattr(ToyConv, "forward", watched)
    with opened(home, *BOTH) as engine:
        items = find(engine, config(*BOTH)).pairs["train"]
        tower = ToyConv(trim_fraction=0.06, device=CPU)
        encode = _Images(engine, tower, [item.digests for item in items], config(*BOTH))
        encode([(0, 0), (1, 7), (0, 7)])
        encode([(0, 0), (1, 7), (0, 7)])
        encode([(0, 7)])
        encode([(0, 8)])
        plain = torch.from_numpy(tower.preprocess(engine.read_stored(items[0].digests[0])))
    assert torch.equal(inputs[0], inputs[1])
    # Whatever else is in the chunk.
    assert torch.equal(inputs[2][0], inputs[0][2])
    assert not torch.equal(inputs[3], inputs[2])
    assert torch.equal(inputs[0][0], plain.half().float())
    assert not torch.equal(inputs[0][2], inputs[0][0])


def test_the_images_of_a_stack_are_pooled_like_those_of_the_cache(home: Path) -> None:
    with opened(home, *BOTH) as engine:
        flat = [item.digests[0] for item in find(engine, config(*BOTH)).pairs["train"]]
        groups = [(flat[0],), (flat[1], flat[2], flat[3])]
        for pool in ("mean", "max"):
            engine.towers = engine.towers.model_copy(update={"stack_pool": pool})
            tower = ToyConv(trim_fraction=0.06, device=CPU)
            encode = _Images(engine, tower, groups, config(*BOTH))
            found = encode([(0, 0), (1, 0)]).numpy()
            assert np.allclose(found, engine.picture_features(groups), atol=2e-3)


def test_every_rendering_of_a_text_is_a_view(home: Path, tmp_path: Path) -> None:
    settings = (*BOTH, ("train.text_views", 2))
    with opened(home, *settings) as engine, torch.no_grad():
        items = find(engine, config(*settings)).pairs["train"]
        train, val = tuning(engine, tmp_path, *settings).open()
        assert (train.text.n_views, val.image.n_views, train.image.n_views) == (3, 1, 1)
        row = torch.tensor([4])
        for view in range(3):
            found = train.text.features(row, torch.tensor([view])).numpy()
            expected = engine.text_features([items[4].texts[view]])
            assert np.allclose(found, expected, atol=1e-5)


# Settings and refusals -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "setting", [("finetune.part", 0.5), ("finetune.lr", 1e-3), ("finetune.precision", "bfloat16")]
)
def test_every_setting_of_the_tuning_is_wired(whole: Any, setting: Setting) -> None:
    plain, turned = digests(whole(*BOTH)[0]), digests(whole(*BOTH, setting)[0])
    assert plain[0] != turned[0]
    assert plain[1] != turned[1]


TESTED = {"towers", "part", "lr", "precision", "chunk", "lora_rank", "lora_alpha"}


def test_every_setting_of_the_tuning_has_its_test() -> None:
    assert set(FinetuneSettings.model_fields) == TESTED


@pytest.mark.timeout(120)
def test_adapters_are_trained_in_transformers_and_merged(home: Path, tmp_path: Path) -> None:
    pytest.importorskip("peft")
    towers = (
        ("towers.image", f"transformers:{tiny_vit(tmp_path / 'vit')}"),
        ("towers.text", f"transformers:{tiny_bert(tmp_path / 'bert')}"),
        ("towers.max_tokens", 24),
    )
    base = base_digests(*towers)
    settings = (*SHORT, *towers, ("finetune.towers", "both"), ("finetune.lora_rank", 2))
    found = [base]
    for number, more in enumerate(((), (("finetune.lora_alpha", 4.0),))):
        out = tmp_path / str(number)
        learned(home, out, *settings, *more)
        assert not any(
            "lora" in name for file in (out / TOWERS).iterdir() for name in load_file(file)
        )
        found.append(digests(out))
    ranked = tmp_path / "stopped"
    with pytest.raises(Stopped):
        learned(home, ranked, *settings, on_epoch=stop_at(("float", 1)))
    learned(home, ranked, *settings)
    assert digests(ranked) == found[1]
    assert len({image for image, _ in found}) == len({text for _, text in found}) == 3


@pytest.mark.parametrize("lora_rank", [0, 2])
@pytest.mark.parametrize("towers", ["image", "text", "both"])
def test_a_tower_without_weights_cannot_be_tuned(
    home: Path, tmp_path: Path, towers: str, lora_rank: int
) -> None:
    if lora_rank:
        pytest.importorskip("peft")
    with pytest.raises(ModelError) as refused:
        learned(
            home, tmp_path / "out", ("finetune.towers", towers), ("finetune.lora_rank", lora_rank)
        )
    assert refused.value.code == "model.not_tunable"
    assert not (tmp_path / "out" / FILE).exists()
    assert not (tmp_path / "out" / PARTIAL).exists()


def test_unpaired_studies_cannot_be_used_while_towers_are_tuned(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"float_terms\.unpaired") as refused:
        learned(home, tmp_path / "out", *BOTH, ("float_terms.unpaired", 1.0))
    assert refused.value.code == "config.out_of_range"


def test_a_tuning_needs_no_validation_pairs(tmp_path: Path) -> None:
    with create_store(tmp_path / "home") as store:
        for number in range(8):
            put_study(store, number)
    receipt = learned(tmp_path / "home", tmp_path / "out", *BOTH)
    assert receipt.n_val_pairs == 0
    assert digests(tmp_path / "out")[0] != base_digests(*BOTH)[0]


def test_towers_that_diverge_name_their_own_rate_too(home: Path, tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"; lower train\.lr or finetune\.lr$"):
        learned(home, tmp_path / "out", *BOTH, ("finetune.lr", 1e25))


def test_the_global_seed_decides_nothing(whole: Any, home: Path, tmp_path: Path) -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    learned(home, tmp_path / "out", *BOTH, *VIEWS)
    assert torch.equal(before, torch.get_rng_state())
    assert made_of(tmp_path / "out") == whole(*BOTH, *VIEWS)[1]


def test_half_precision_is_asked_for_only_where_it_is_set() -> None:
    x = torch.ones(2, 2)
    for setting, expected in (("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        with finetuning.precision(config(("finetune.precision", setting)), CPU):
            assert (x @ x).dtype == expected
