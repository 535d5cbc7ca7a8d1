"""The settle stage: the float heads alone, with a dropout and a temperature of their own."""

from pathlib import Path

import pytest
import torch

from caselight.errors import TrainError
from caselight.train.loop import EpochLog
from caselight.train.partial import read_partial
from trainings import (
    EPOCHS,
    HASH_EPOCHS,
    Setting,
    Stopped,
    fresh,
    pairs,
    same,
    stop_at,
    trained,
    under,
)

SETTLED: Setting = ("train.settle_epochs", 3)


def test_it_stands_between_the_others_and_is_watched_as_the_float_stage(tmp_path: Path) -> None:
    logs: list[EpochLog] = []
    trained(tmp_path / "partial", SETTLED, on_epoch=logs.append)
    stages = [log.stage for log in logs]
    assert stages == ["float"] * EPOCHS + ["settle"] * 3 + ["hash"] * HASH_EPOCHS
    assert {name for log in logs if log.stage == "settle" for name in log.val_recall_at_10} == {
        "float"
    }
    assert {name for log in logs if log.stage == "settle" for name in log.losses} == {"infonce"}


def test_it_trains_the_float_heads_and_no_others(tmp_path: Path) -> None:
    partial = tmp_path / "partial"
    kept = {}
    for moment in (("settle", 1), ("settle", 3)):
        with pytest.raises(Stopped):
            trained(partial, SETTLED, ("train.checkpoint_epochs", 1), on_epoch=stop_at(moment))
        found = read_partial(partial, identity="same")
        assert found is not None
        kept[moment[1]] = found.weights
    assert not same(under("embed", kept[1]), under("embed", kept[3]))
    assert same(under("code", kept[1]), under("code", kept[3]))


def test_its_dropout_is_not_that_of_the_float_stage(tmp_path: Path) -> None:
    # From one checkpoint on: the hash heads draw theirs from their own setting.
    partial = tmp_path / "partial"
    with pytest.raises(Stopped):
        trained(partial, SETTLED, on_epoch=stop_at(("float", EPOCHS)))
    begun = partial.read_bytes()
    one = trained(partial, SETTLED).state_dict()
    partial.write_bytes(begun)
    other = trained(partial, SETTLED, ("model.dropout", 0.7), ("model.input_dropout", 0.7))
    assert same(under("embed", one), under("embed", other.state_dict()))
    partial.write_bytes(begun)
    third = trained(partial, SETTLED, ("train.settle_dropout", 0.7))
    assert not same(under("embed", one), under("embed", third.state_dict()))


def test_the_hash_heads_start_from_what_has_settled(tmp_path: Path) -> None:
    still = ("train.hash_lr", 1e-30)
    one, other = fresh(tmp_path, still), fresh(tmp_path, still, SETTLED)
    for made in (one, other):
        # A rotation keeps the lengths of what the hidden layer does to every feature.
        embed, code = (made[f"image.{head}.out.weight"] for head in ("embed", "code.16"))
        assert code.shape == (16, 8)
        assert torch.allclose(embed.T @ embed, code[:8].T @ code[:8], atol=1e-4)
    assert not same(under("code", one), under("code", other))


def test_a_stage_that_diverges_names_its_own_rate(tmp_path: Path) -> None:
    with pytest.raises(TrainError, match=r"train\.settle_lr") as refused:
        trained(tmp_path / "partial", SETTLED, ("train.settle_lr", 1e25), data=pairs())
    assert refused.value.code == "train.non_finite"
