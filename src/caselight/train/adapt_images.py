"""An image tower learns the pictures of a home without any label or text.

Two views of a picture should lie nearer each other than those of any other picture. Negatives come
from the batch, which `chunked.py` lets grow beyond memory; nothing can collapse and there is no
second network to keep, unlike in self-distillation.

Source: Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations", ICML
2020; the projection head is theirs and is thrown away.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional as F

from caselight.config import ModelSettings
from caselight.errors import ModelError
from caselight.losses.intra_modal import intra_modal
from caselight.models.heads import Head
from caselight.models.preprocess import Preprocess
from caselight.models.towers import ImageTower
from caselight.models.tunable import settle, trainable
from caselight.train.adapting import Adaptation, StepLog, check_enough, run_steps, seeded
from caselight.train.chunked import backward_in_chunks


class Augment(Protocol):
    """Makes one view of each picture, each from its own generator, as `models/views.py` does."""

    def __call__(
        self, pixels: Tensor, *, strength: float, generators: Sequence[torch.Generator]
    ) -> Tensor:
        """pixels: f32[B, 3, S, S], a tower's input; returns the same shape."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageAdaptation(Adaptation):
    """How an image tower is adapted."""

    strength: float
    """Of the views, 0..1."""
    project_dim: int
    """Width of the space in which views are compared, at least 8."""


def adapt_images(
    tower: ImageTower,
    pictures: Tensor,
    groups: Tensor,
    *,
    augment: Augment,
    settings: ImageAdaptation,
    partial: Path,
    identity: str,
    on_step: Callable[[StepLog], None],
) -> None:
    """Train what is open of a tower on unlabelled pictures, in place, and settle it.

    Args:
        tower: opened by `unfreeze` or `add_lora`.
        pictures: u8[N, 1 or 3, S, S], 0..255, of the tower's size, or f32[N, 3, S, S] as its
            preprocessing leaves them; may be a memory map.
        groups: i64[N]; pictures of one group (the slices of a stack, say) are no negatives of each
            other.
        augment: makes the views.
        settings: see `ImageAdaptation`.
        partial: where an unfinished adaptation is kept; see `run_steps`.
        identity: digest of tower, settings and pictures.
        on_step: told after every step.

    Raises:
        ModelError: `model.not_tunable` when nothing is open, `model.preprocess_mismatch` for
            pictures of another size.
        TrainError: `train.too_few_pairs` or `train.non_finite`.
    """
    check_enough(len(pictures), "pictures")
    weights = trainable(tower)
    size = tower.preprocess.size_px
    if tuple(pictures.shape[2:]) != (size, size):
        raise ModelError(
            f"found pictures of {tuple(pictures.shape[2:])} pixels, expected {size} by {size} for "
            f"{tower.name}; bring them to that size",
            code="model.preprocess_mismatch",
        )
    device = next(iter(weights.values())).device
    head = Head(
        tower.dim,
        settings.project_dim,
        settings=ModelSettings(hidden_dim=max(8, tower.dim), dropout=0.0, input_dropout=0.0),
        # What all pictures share would else drown what tells them apart, and all cosines be 1.
        normalise=True,
        generator=seeded(settings.seed, "projection"),
    ).to(device)

    def step(rows: Tensor, epoch: int, _step: int) -> dict[str, float]:
        def encode(jobs: Tensor) -> Tensor:
            taken, views = jobs.unbind(1)
            inputs = _inputs(pictures[taken], tower.preprocess).to(device)
            drawn = [
                seeded(settings.seed, "view", epoch, row, view)
                for row, view in zip(taken.tolist(), views.tolist(), strict=True)
            ]
            seen = augment(inputs, strength=settings.strength, generators=drawn)
            with torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16):
                features = tower.forward(seen)
            return features.float()

        def terms(features: Tensor) -> dict[str, Tensor]:
            one, two = F.normalize(head(features), dim=1).chunk(2)
            return intra_modal(one, two, same, temperature=settings.temperature)

        mine = groups[rows]
        same = (mine[:, None] == mine[None, :]).to(device)
        views = torch.arange(2).repeat_interleave(len(rows))
        jobs = torch.stack([rows.repeat(2), views], dim=1)
        return backward_in_chunks(encode, jobs, terms, chunk_size=settings.chunk_size)

    run_steps(
        {f"tower.{name}": p for name, p in weights.items()}
        | {f"head.{name}": p for name, p in head.named_parameters()},
        len(pictures),
        step,
        settings=settings,
        partial=partial,
        identity=identity,
        on_step=on_step,
    )
    settle(tower)


def _inputs(pictures: Tensor, preprocess: Preprocess) -> Tensor:
    """f32[B, 3, S, S] as the tower takes it."""
    if pictures.dtype != torch.uint8:
        return pictures
    mean = torch.tensor(preprocess.mean)[:, None, None]
    std = torch.tensor(preprocess.std)[:, None, None]
    return (pictures.float() / 255 - mean) / std
