"""A training that was stopped goes on bit for bit as if it had not been."""

import functools
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from caselight.config import HashTerms
from caselight.train.loop import EpochLog
from caselight.train.pairs import Pairs
from caselight.train.partial import drop_partial, read_partial
from caselight.train.samplers import SAMPLERS
from trainings import EPOCHS, HASH_EPOCHS, MOMENTS, Setting, Stopped, fresh, same, stop_at, trained


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_training_that_goes_on_is_the_training_that_was_never_stopped(
    tmp_path: Path, moment: tuple[str, int], warm: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ("train.warm_start", warm)
    logs: list[EpochLog] = []
    whole = fresh(tmp_path, start, on_epoch=logs.append)
    partial = tmp_path / "unfinished.safetensors"
    with pytest.raises(Stopped):
        trained(partial, start, on_epoch=stop_at(moment))
    later: list[EpochLog] = []
    begun: list[int] = []

    def counted(data: Pairs, batch_size: int, generator: torch.Generator) -> Tensor:
        begun.append(1)
        return SAMPLERS["shuffle"](data, batch_size, generator)

    monkeypatch.setattr("caselight.train.loop.SAMPLERS", {"shuffle": counted})
    resumed = trained(partial, start, on_epoch=later.append).state_dict()
    assert same(whole, resumed)
    # The record is that of the whole training ...
    assert later == logs
    # ... and no more is done again than the epochs since the last checkpoint.
    saved = {("float", 2), ("float", EPOCHS), ("hash", 2), ("hash", HASH_EPOCHS)}
    lived = MOMENTS[: MOMENTS.index(moment) + 1]
    n_kept = max((MOMENTS.index(m) + 1 for m in saved & set(lived)), default=0)
    assert len(begun) == len(logs) - n_kept


VARIANTS: dict[str, tuple[Setting, ...]] = {
    "settled": (("train.settle_epochs", 2),),
    "ema": (("train.ema", 0.7),),
    "part of the way": (("train.hash_mix", 0.4),),
    "part of the way of a mean": (
        ("train.hash_mix", 0.4),
        ("train.ema", 0.7),
        ("train.patience", 2),
    ),
    "patience": (("train.patience", 1),),
    "patience of a mean": (("train.patience", 2), ("train.ema", 0.7)),
    "margin": (("float_terms.margin", 1.0), ("hash_terms.margin", 1.0)),
    "views": tuple(
        (f"{stage}_terms.intra_{name}", 1.0)
        for stage in ("float", "hash")
        for name in ("image", "text")
    ),
    "unpaired": (("float_terms.unpaired", 1.0), ("float_terms.intra_image", 1.0)),
    "hard": (("train.sampler", "hard"),),
    "patients": (("train.sampler", "patients"),),
    "nested": (("model.nested", True), ("model.bits", [16, 32])),
    "rotation": (("model.rotation", True), ("train.hash_layers", "rotation")),
    "straight through": (("loss.relaxation", "straight_through"),),
    "every term": tuple((f"hash_terms.{name}", 0.5) for name in HashTerms.model_fields),
    "findings": (("loss.findings", 0.5), ("loss.soft_targets", 0.2)),
}


KINDS = {("float", 3), ("float", EPOCHS), ("hash", 1), ("hash", HASH_EPOCHS)}


@pytest.fixture(scope="module")
def uninterrupted(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str], tuple[dict[str, Tensor], list[EpochLog]]]:
    """A variant's weights and log, of a training that nobody stopped."""

    @functools.cache
    def whole(variant: str) -> tuple[dict[str, Tensor], list[EpochLog]]:
        logs: list[EpochLog] = []
        folder = tmp_path_factory.mktemp("whole")
        return fresh(folder, *VARIANTS[variant], on_epoch=logs.append), logs

    return whole


@pytest.mark.parametrize(
    "moment",
    [
        # Between two checkpoints, at the end of a stage and at the beginning of the next one.
        moment if moment in KINDS else pytest.param(moment, marks=pytest.mark.slow)
        for moment in MOMENTS
    ],
)
@pytest.mark.parametrize("variant", VARIANTS)
def test_every_way_to_train_goes_on_bit_for_bit(
    tmp_path: Path,
    variant: str,
    moment: tuple[str, int],
    uninterrupted: Callable[[str], tuple[dict[str, Tensor], list[EpochLog]]],
) -> None:
    weights, logs = uninterrupted(variant)
    if moment not in [(log.stage, log.epoch) for log in logs]:
        assert "train.patience" in dict(VARIANTS[variant])  # it stopped before
        return
    partial = tmp_path / "unfinished.safetensors"
    with pytest.raises(Stopped):
        trained(partial, *VARIANTS[variant], on_epoch=stop_at(moment))
    later: list[EpochLog] = []
    assert same(weights, trained(partial, *VARIANTS[variant], on_epoch=later.append).state_dict())
    assert later == logs


def test_a_variant_stops_early_at_all(
    uninterrupted: Callable[[str], tuple[dict[str, Tensor], list[EpochLog]]],
) -> None:
    assert len(uninterrupted("patience")[1]) < len(MOMENTS)


def test_a_training_stopped_again_and_again_is_still_the_same(tmp_path: Path) -> None:
    whole = fresh(tmp_path)
    partial = tmp_path / "unfinished.safetensors"
    for moment in (("float", 3), ("float", 3), ("hash", 1), ("hash", 2), ("hash", 3)):
        with pytest.raises(Stopped):
            trained(partial, on_epoch=stop_at(moment))
    assert same(whole, trained(partial).state_dict())


def test_a_partial_of_another_identity_is_ignored(tmp_path: Path) -> None:
    partial = tmp_path / "unfinished.safetensors"
    with pytest.raises(Stopped):
        trained(partial, ("train.seed", 5), identity="other", on_epoch=stop_at(("hash", 2)))
    assert read_partial(partial, identity="other") is not None
    assert read_partial(partial, identity="same") is None
    assert same(fresh(tmp_path), trained(partial).state_dict())


@pytest.mark.parametrize("kept", [0, 8, 300, -1])
def test_a_partial_that_was_damaged_is_ignored(tmp_path: Path, kept: int) -> None:
    partial = tmp_path / "unfinished.safetensors"
    with pytest.raises(Stopped):
        trained(partial, on_epoch=stop_at(("hash", 2)))
    partial.write_bytes(partial.read_bytes()[:kept])
    assert same(fresh(tmp_path), trained(partial).state_dict())


def test_a_write_that_was_cut_short_leaves_the_last_partial(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = tmp_path / "unfinished.safetensors"
    with pytest.raises(Stopped):
        trained(partial, on_epoch=stop_at(("float", 2)))
    before = partial.read_bytes()

    def killed(*_: object) -> None:
        raise Stopped

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", killed)
        with pytest.raises(Stopped):
            trained(partial)
    assert partial.read_bytes() == before
    assert same(fresh(tmp_path), trained(partial).state_dict())
    drop_partial(partial)
    assert {p.name for p in tmp_path.iterdir()} == {"fresh.safetensors"}


@pytest.mark.parametrize(("every", "found"), [(1, 3), (2, 2), (3, 3), (4, None)])
def test_a_killed_training_goes_on_from_the_last_multiple(
    tmp_path: Path, every: int, found: int | None
) -> None:
    partial = tmp_path / "partial"
    with pytest.raises(Stopped):
        trained(partial, ("train.checkpoint_epochs", every), on_epoch=stop_at(("float", 3)))
    left = read_partial(partial, identity="same")
    assert (left.epoch if left else None) == found
