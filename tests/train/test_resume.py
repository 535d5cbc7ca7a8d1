"""A training that was stopped goes on bit for bit as if it had not been."""

from pathlib import Path
from typing import Any

import pytest

from caselight.train.batches import epoch_batches
from caselight.train.loop import EpochLog
from caselight.train.partial import drop_partial, read_partial
from trainings import EPOCHS, HASH_EPOCHS, MOMENTS, Stopped, fresh, same, stop_at, trained


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

    def counted(*arguments: Any, **named: Any) -> Any:
        begun.append(1)
        return epoch_batches(*arguments, **named)

    monkeypatch.setattr("caselight.train.loop.epoch_batches", counted)
    resumed = trained(partial, start, on_epoch=later.append).state_dict()
    assert same(whole, resumed)
    # The record is that of the whole training ...
    assert later == logs
    # ... and no more is done again than the epochs since the last checkpoint.
    saved = {("float", 2), ("float", EPOCHS), ("hash", 2), ("hash", HASH_EPOCHS)}
    lived = MOMENTS[: MOMENTS.index(moment) + 1]
    n_kept = max((MOMENTS.index(m) + 1 for m in saved & set(lived)), default=0)
    assert len(begun) == len(logs) - n_kept


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
