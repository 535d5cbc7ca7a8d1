"""A text tower learns the reports of a home, and what a "no" or a side does to them.

Four terms: two renderings of one text lie together (two dropouts, where a text has one rendering);
a text lies nearer to its paraphrase than to its opposite; the cosines between plain texts stay near
those of the tower as it was, so that what it knew is kept; and, where asked, hidden words are
guessed.

Source: Gao et al., "SimCSE", EMNLP 2021 (dropout views, and opposites as hard negatives); the
third term is relational distillation, Park et al., CVPR 2019, from the tower to itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from caselight.data.texts import normalise_text
from caselight.losses.intra_modal import intra_modal
from caselight.models.heads import draw_seed
from caselight.models.towers import TextTower
from caselight.models.tunable import settle, trainable
from caselight.train.adapting import Adaptation, StepLog, check_enough, dropout, run_steps, seeded
from caselight.train.chunked import backward_in_chunks
from caselight.train.masked_words import MaskedWords

PADDED_TOGETHER = 32
"""Texts brought to one length; fewer would leave the processor idle."""
Triplet = tuple[str, str, str]
"""A text, another of the same meaning, and one of the opposite meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextAdaptation(Adaptation):
    """How a text tower is adapted."""

    batch_triplets: int
    """Triplets a step, as far as there are."""
    opposites: float
    """Weight of telling a paraphrase from the opposite."""
    keep: float
    """Weight of the squared change of the cosines between plain texts."""
    masked: float
    """Weight of guessing hidden words; 0 for a tower that has no token for them."""


def adapt_texts(
    tower: TextTower,
    texts: Sequence[Sequence[str]],
    triplets: Sequence[Triplet],
    *,
    settings: TextAdaptation,
    partial: Path,
    identity: str,
    on_step: Callable[[StepLog], None],
) -> None:
    """Train what is open of a tower on texts, in place, and settle it.

    Args:
        tower: opened by `unfreeze` or `add_lora`; its present features are what is kept.
        texts: the renderings of each text, the plain one first; one is enough.
        triplets: see `Triplet`; may be empty.
        settings: see `TextAdaptation`.
        partial: where an unfinished adaptation is kept; see `run_steps`.
        identity: digest of tower, settings, texts and triplets.
        on_step: told after every step.

    Raises:
        ModelError: `model.not_tunable` when nothing is open, or no word can be hidden.
        TrainError: `train.too_few_pairs` or `train.non_finite`.
    """
    check_enough(len(texts), "texts")
    weights = {f"tower.{name}": p for name, p in trainable(tower).items()}
    device = next(iter(weights.values())).device
    plain = [renderings[0] for renderings in texts]
    known = _unit_features(tower, plain, settings.chunk_size).to(device)
    numbers: dict[str, int] = {}
    text_id = torch.tensor([numbers.setdefault(normalise_text(t), len(numbers)) for t in plain])
    guesser = MaskedWords(tower).to(device) if settings.masked > 0 else None
    if guesser is not None:
        weights |= {f"guesser.{name}": p for name, p in guesser.named_parameters()}

    def step(rows: Tensor, _epoch: int, now: int) -> dict[str, float]:
        generator = seeded(settings.seed, "texts", now)
        seed = draw_seed(generator)
        taken = torch.randperm(len(triplets), generator=generator)[: settings.batch_triplets]
        chosen = [triplets[i] for i in taken.tolist()]
        two = [_other(texts[row], generator) for row in rows.tolist()]
        said = [plain[row] for row in rows.tolist()] + two
        said += [text for part in range(3) for text in (triplet[part] for triplet in chosen)]
        # Texts of like length are encoded together, so that they are padded little.
        order = torch.tensor(sorted(range(len(said)), key=lambda i: len(said[i])))
        back = order.argsort()
        mine = text_id[rows]
        same = (mine[:, None] == mine[None, :]).to(device)

        def encode(jobs: Tensor) -> Tensor:
            with (
                dropout(tower.module, generator=seeded(seed, int(jobs[0]))),
                torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16),
            ):
                parts = [
                    tower.forward(*tower.tokenise([said[i] for i in part.tolist()])).float()
                    for part in torch.split(jobs, PADDED_TOGETHER)
                ]
            return torch.cat(parts)

        def terms(features: Tensor) -> dict[str, Tensor]:
            unit = F.normalize(features[back], dim=1)
            one, two = unit[: 2 * len(rows)].chunk(2)
            out = intra_modal(one, two, same, temperature=settings.temperature)
            if chosen and settings.opposites > 0:
                text, like, opposite = unit[2 * len(rows) :].chunk(3)
                ahead = (text * (like - opposite)).sum(dim=1) / settings.temperature
                out["opposites"] = settings.opposites * F.softplus(-ahead).mean()
            if settings.keep > 0:
                before = known[rows.to(device)]
                change = (one @ one.T - before @ before.T).square()
                others = len(rows) * (len(rows) - 1)
                out["keep"] = settings.keep * change.fill_diagonal_(0.0).sum() / others
            return out

        losses = backward_in_chunks(encode, order, terms, chunk_size=settings.chunk_size)
        if guesser is not None:
            losses["masked"] = _guess(tower, guesser, said[: len(rows)], settings, generator)
        return losses

    run_steps(
        weights,
        len(texts),
        step,
        settings=settings,
        partial=partial,
        identity=identity,
        on_step=on_step,
    )
    settle(tower)


def _guess(
    tower: TextTower,
    guesser: MaskedWords,
    said: Sequence[str],
    settings: TextAdaptation,
    generator: torch.Generator,
) -> float:
    """Add the gradient of the hidden words of a batch, chunk by chunk; returns the term."""
    device = next(guesser.parameters()).device
    total = 0.0
    for start in range(0, len(said), settings.chunk_size):
        part = said[start : start + settings.chunk_size]
        ids, mask = tower.tokenise(part)
        with (
            dropout(tower.module, generator=seeded(draw_seed(generator))),
            torch.autocast(device.type, torch.bfloat16, enabled=settings.bf16),
        ):
            loss: Tensor = guesser(ids, mask, generator=generator)
        weighted = loss * (settings.masked * len(part) / len(said))
        torch.autograd.backward(weighted)
        total += float(weighted.detach())
    return total


def _other(renderings: Sequence[str], generator: torch.Generator) -> str:
    """A rendering besides the plain one, where there is one."""
    if len(renderings) == 1:
        return renderings[0]
    return renderings[int(torch.randint(1, len(renderings), (1,), generator=generator))]


def _unit_features(tower: TextTower, texts: Sequence[str], size: int) -> Tensor:
    """f32[N, dim] of unit length, as the tower now stands."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    parts = [
        tower.encode([texts[i] for i in order[start : start + size]])
        for start in range(0, len(order), size)
    ]
    unit = F.normalize(torch.cat(parts), dim=1)
    # A copy, because tensors of inference mode take no part in a gradient.
    return unit[torch.tensor(order).argsort()].clone()
