"""An image tower learns from views alone, repeats exactly, and goes on where it was killed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from caselight.errors import ModelError, TrainError
from caselight.models.towers import ImageTower, state_digest
from caselight.models.tunable import unfreeze
from caselight.train.adapt_images import ImageAdaptation, adapt_images
from caselight.train.adapting import StepLog, run_steps
from towers import image_tower

SETTINGS = ImageAdaptation(
    epochs=3,
    batch_size=8,
    chunk_size=32,
    lr=1e-2,
    weight_decay=1e-2,
    warmup_steps=2,
    checkpoint_steps=4,
    temperature=0.2,
    bf16=False,
    seed=0,
    strength=0.5,
    project_dim=16,
)
N = 20


class Killed(Exception):
    pass


def pictures() -> Tensor:
    generator = torch.Generator().manual_seed(5)
    coarse = torch.randint(0, 256, (N, 3, 4, 4), generator=generator, dtype=torch.uint8)
    return coarse.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)


def noisy(pixels: Tensor, *, strength: float, generators: Sequence[torch.Generator]) -> Tensor:
    noise = [torch.randn(pixels.shape[1:], generator=generator) for generator in generators]
    return pixels + strength * torch.stack(noise)


def opened(part: float = 1.0) -> ImageTower:
    tower = image_tower("toy-conv")
    unfreeze(tower, part=part)
    return tower


def adapt(
    tower: ImageTower,
    partial: Path,
    *,
    settings: ImageAdaptation = SETTINGS,
    given: Tensor | None = None,
    groups: Tensor | None = None,
    identity: str = "x",
    kill_at: int | None = None,
) -> list[StepLog]:
    logs: list[StepLog] = []

    def on_step(log: StepLog) -> None:
        logs.append(log)
        if log.step == kill_at:
            raise Killed

    shown = pictures() if given is None else given
    adapt_images(
        tower,
        shown,
        torch.arange(len(shown)) if groups is None else groups,
        augment=noisy,
        settings=settings,
        partial=partial,
        identity=identity,
        on_step=on_step,
    )
    return logs


def test_views_of_one_picture_come_together(tmp_path: Path) -> None:
    def agreement(tower: ImageTower) -> float:
        """How much nearer the views of one picture lie than those of two, in standard scores."""
        shown = pictures() / 127.5 - 1
        generators = [torch.Generator().manual_seed(900 + i) for i in range(N)]
        other = noisy(shown, strength=1.0, generators=generators)
        one, two = (F.normalize(tower.encode(x)) for x in (shown, other))
        scores = one @ two.T
        return float((scores.diag().mean() - scores.mean()) / scores.std())

    tower = opened()
    before = agreement(tower)
    logs = adapt(tower, tmp_path / "p", settings=replace(SETTINGS, epochs=20, strength=1.0))
    losses = [log.losses["intra_modal"] for log in logs]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert agreement(tower) > before + 0.1


def test_the_tower_is_settled_and_only_the_open_part_moved(tmp_path: Path) -> None:
    before = {k: v.clone() for k, v in image_tower("toy-conv").module.state_dict().items()}
    tower = opened(part=0.5)
    adapt(tower, tmp_path / "p")
    after = tower.module.state_dict()
    moved = {name for name in after if not torch.equal(after[name], before[name])}
    assert moved == {"3.weight", "3.bias"}
    assert tower.digest == state_digest(tower.module)
    assert tower.name == f"toy-conv+{tower.digest[:8]}"
    assert not any(p.requires_grad for p in tower.module.parameters())


def test_steps_are_logged_with_a_cosine(tmp_path: Path) -> None:
    logs = adapt(opened(), tmp_path / "p")
    assert [log.step for log in logs] == list(range(1, 10))
    assert {log.n_steps for log in logs} == {9}
    rates = [log.lr for log in logs]
    assert max(rates) <= 1e-2
    assert rates[2:] == sorted(rates[2:], reverse=True)
    assert all(log.losses["intra_modal"] > 0 for log in logs)


def test_chunks_change_nothing_but_rounding(tmp_path: Path) -> None:
    whole, small = opened(), opened()
    adapt(whole, tmp_path / "a")
    adapt(small, tmp_path / "b", settings=replace(SETTINGS, chunk_size=3))
    for one, two in zip(whole.module.parameters(), small.module.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-4)


def test_same_seed_same_weights_and_no_global_randomness(tmp_path: Path) -> None:
    towers = [opened() for _ in range(3)]
    state = torch.get_rng_state()
    adapt(towers[0], tmp_path / "a")
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(77)
    adapt(towers[1], tmp_path / "b")
    adapt(towers[2], tmp_path / "c", settings=replace(SETTINGS, seed=1))
    digests = [tower.digest for tower in towers]
    assert digests[0] == digests[1] != digests[2]


@pytest.mark.parametrize("kill_at", [1, 5, 8, 9])
def test_a_killed_adaptation_goes_on_bit_for_bit(tmp_path: Path, kill_at: int) -> None:
    whole, second = opened(), opened()
    logs = adapt(whole, tmp_path / "whole")
    with pytest.raises(Killed):
        adapt(opened(), tmp_path / "p", kill_at=kill_at)
    again = adapt(second, tmp_path / "p")
    assert second.digest == whole.digest
    assert again == logs[-len(again) :] if again else kill_at == 9
    assert len(again) == 9 - (9 if kill_at == 9 else kill_at // 4 * 4)


def test_a_partial_file_of_other_settings_or_none_is_ignored(tmp_path: Path) -> None:
    whole, second, third = opened(), opened(), opened()
    adapt(whole, tmp_path / "whole")
    with pytest.raises(Killed):
        adapt(opened(), tmp_path / "p", kill_at=5, identity="y")
    assert len(adapt(second, tmp_path / "p")) == 9
    (tmp_path / "p").write_bytes(b"no tensors")
    assert len(adapt(third, tmp_path / "p")) == 9
    assert whole.digest == second.digest == third.digest


def test_pictures_of_one_group_are_no_negatives(tmp_path: Path) -> None:
    logs = adapt(opened(), tmp_path / "p", groups=torch.zeros(N, dtype=torch.long))
    assert all(abs(log.losses["intra_modal"]) < 1e-5 for log in logs)
    pairs = adapt(opened(), tmp_path / "q", groups=torch.arange(N) // 2)
    alone = adapt(opened(), tmp_path / "r")
    assert pairs[0].losses["intra_modal"] < alone[0].losses["intra_modal"]


def test_bytes_are_brought_to_what_the_tower_takes(tmp_path: Path) -> None:
    from_bytes, from_floats, from_grey, from_three = (opened() for _ in range(4))
    adapt(from_bytes, tmp_path / "a")
    adapt(from_floats, tmp_path / "b", given=(pictures().float() / 255 - 0.5) / 0.5)
    assert from_bytes.digest == from_floats.digest
    grey = pictures()[:, :1]
    adapt(from_grey, tmp_path / "c", given=grey)
    adapt(from_three, tmp_path / "d", given=grey.expand(-1, 3, -1, -1))
    assert from_grey.digest == from_three.digest


def test_bfloat16_encodes_coarser_and_keeps_float_weights(tmp_path: Path) -> None:
    tower, coarse = opened(), opened()
    exact = adapt(tower, tmp_path / "a")[0].losses["intra_modal"]
    rough = adapt(coarse, tmp_path / "b", settings=replace(SETTINGS, bf16=True))[0].losses
    assert rough["intra_modal"] == pytest.approx(exact, rel=0.05)
    assert rough["intra_modal"] != exact
    assert all(p.dtype == torch.float32 for p in coarse.module.parameters())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"given": pictures()[:1]}, "train.too_few_pairs"),
        ({"given": pictures()[:, :, :8]}, "model.preprocess_mismatch"),
        ({"given": torch.full((N, 3, 16, 16), torch.nan)}, "train.non_finite"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    with pytest.raises((ModelError, TrainError)) as caught:
        adapt(opened(), tmp_path / "p", **change)
    assert caught.value.code == code


def test_what_the_last_step_did_is_looked_at(tmp_path: Path) -> None:
    once = replace(SETTINGS, epochs=1, batch_size=100, warmup_steps=0, lr=1e30)
    with pytest.raises(TrainError, match=r"finetune\.lr") as caught:
        adapt(opened(), tmp_path / "p", settings=once)
    assert caught.value.code == "train.non_finite"
    assert not (tmp_path / "p").exists()


def test_weights_that_no_loss_tells_of_are_looked_at_before_they_are_kept(tmp_path: Path) -> None:
    weight = torch.nn.Parameter(torch.zeros(2))

    def step(*_: Any) -> dict[str, float]:
        weight.grad = torch.full((2,), torch.inf)
        return {"loss": 1.0}

    with pytest.raises(TrainError) as caught:
        run_steps(
            {"w": weight},
            N,
            step,
            settings=SETTINGS,
            partial=tmp_path / "p",
            identity="x",
            on_step=lambda _: None,
        )
    assert caught.value.code == "train.non_finite"
    assert not (tmp_path / "p").exists()


def test_a_frozen_tower_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="frozen") as caught:
        adapt(image_tower("toy-conv"), tmp_path / "p")
    assert caught.value.code == "model.not_tunable"
