"""The two objectives, each a sum of named terms with a weight: one for each stage.

A term of weight 0 is never computed. Its formula is in `losses`; here is only what it is given.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional as F

from caselight.config import Config
from caselight.losses import (
    RELAXATIONS,
    asymmetric,
    bit_balance,
    bit_independence,
    distillation,
    djsrh,
    greedy_penalty,
    infonce,
    intra_modal,
    jdsh,
    margin,
    margin_scale,
    quantization,
    ucch,
    violation_rate,
)
from caselight.models.heads import Heads, Tower, draw_seed

_DJSRH = partial(djsrh, image_share=0.6, second_order=0.4, stretch=1.5, intra_weight=0.1)
_JDSH = partial(
    jdsh,
    image_share=0.5,
    text_share=0.1,
    unlike_cutoff=2.0,
    alike_cutoff=4.0,
    unlike_weight=0.1,
    alike_weight=0.2,
    stretch=1.4,
    intra_weight=0.1,
)
_UCCH = partial(ucch, temperature=0.9, margin=0.2, shift=1.0, contrast_share=0.9)
# The published objectives with their own constants, as their programs set them.
VIOLATION_MEMORY = 0.9
"""Share that the running violation rate keeps each step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One batch as the terms see it: standardised features, f32[B, dim]."""

    image: Tensor
    text: Tensor
    image_other: Tensor | None
    """Other views of the same pictures; None where no term asks."""
    text_other: Tensor | None
    plain_image: Tensor | None
    """The pictures themselves, whatever view was drawn; for the hash stage alone."""
    plain_text: Tensor | None
    target: Tensor
    """f32[B, B], see `targets`."""
    same: Tensor
    """bool[B, B]: equal texts."""
    loose_image: Tensor
    """f32[M, dim]: images without a text; M may be 0."""
    loose_image_other: Tensor | None
    loose_text: Tensor
    loose_text_other: Tensor | None
    loose_target: Tensor
    """f32[M, L]: agreement of the findings."""


@dataclass(slots=True)
class Violations:
    """The running share of violated margins, by term; it drives the margin's scale."""

    rates: dict[str, float] = field(default_factory=dict)

    def scale(self, name: str, seen: float | None, *, largest: float) -> float:
        """Take a batch's rate in, where it has one, and return the scale of its hinge."""
        before = self.rates.setdefault(name, 1.0)
        if seen is not None:
            self.rates[name] = VIOLATION_MEMORY * before + (1 - VIOLATION_MEMORY) * seen
        return margin_scale(self.rates[name], max_scale=largest)


Objective = Callable[[Seen, float, torch.Generator], dict[str, Tensor]]
"""(batch, sharpness, generator of the dropout) to weighted terms by name."""


def float_objective(heads: Heads, config: Config, violations: Violations) -> Objective:
    """Contrastive alignment of the float embeddings, without any hash term."""
    loss, weights = config.loss, config.float_terms

    def parts(seen: Seen, _sharpness: float, rng: torch.Generator) -> Iterator[tuple[str, Tensor]]:
        image = _embedded(heads.image, seen.image, rng)
        text = _embedded(heads.text, seen.text, rng)
        if weights.infonce:
            found = infonce(image, text, seen.target, temperature=loss.temperature)
            yield "infonce", weights.infonce * found["infonce"]
        if weights.margin:
            yield (
                "margin",
                weights.margin * _margin("margin", image, text, seen, config, violations),
            )
        if weights.intra_image and seen.image_other is not None:
            other = _embedded(heads.image, seen.image_other, rng)
            value = _intra(image, other, seen.same, loss.intra_temperature)
            if seen.loose_image_other is not None and len(seen.loose_image) > 1:
                value = value + _loose_intra(
                    _embedded(heads.image, seen.loose_image, rng),
                    _embedded(heads.image, seen.loose_image_other, rng),
                    loss.intra_temperature,
                )
            yield "intra_image", weights.intra_image * value
        if weights.intra_text and seen.text_other is not None:
            other = _embedded(heads.text, seen.text_other, rng)
            value = _intra(text, other, seen.same, loss.intra_temperature)
            if seen.loose_text_other is not None and len(seen.loose_text) > 1:
                value = value + _loose_intra(
                    _embedded(heads.text, seen.loose_text, rng),
                    _embedded(heads.text, seen.loose_text_other, rng),
                    loss.intra_temperature,
                )
            yield "intra_text", weights.intra_text * value
        if weights.unpaired and bool(seen.loose_target.any()):
            found = infonce(
                _embedded(heads.image, seen.loose_image, rng),
                _embedded(heads.text, seen.loose_text, rng),
                seen.loose_target,
                temperature=loss.temperature,
            )
            yield "unpaired", weights.unpaired * found["infonce"]

    return lambda seen, sharpness, rng: dict(parts(seen, sharpness, rng))


def hash_objective(heads: Heads, config: Config, violations: Violations) -> Objective:
    """For every width the same terms on relaxed codes.

    Two relaxed codes' cosine is their inner product over n_bits, which is 1 - 2 * Hamming / n_bits
    once the bits are signs. Without nesting the widths share no weights, so their sum trains each
    as if alone.
    """
    weights = config.hash_terms
    relax = RELAXATIONS[config.loss.relaxation]

    def terms(seen: Seen, sharpness: float, rng: torch.Generator) -> dict[str, Tensor]:
        base = draw_seed(rng)
        image_out = _outputs(heads.image, seen.image, base)
        text_out = _outputs(heads.text, seen.text, base + 1)
        others: dict[str, dict[int, Tensor]] = {}
        if weights.intra_image and seen.image_other is not None:
            others["intra_image"] = _outputs(heads.image, seen.image_other, base + 2)
        if weights.intra_text and seen.text_other is not None:
            others["intra_text"] = _outputs(heads.text, seen.text_other, base + 3)
        assert seen.plain_image is not None  # noqa: S101 - given to every hash stage
        assert seen.plain_text is not None  # noqa: S101 - likewise
        plain = seen.plain_image, seen.plain_text
        with torch.no_grad():
            teacher = (
                F.normalize(heads.image.embed(plain[0]), dim=1),
                F.normalize(heads.text.embed(plain[1]), dim=1),
            )
        out: dict[str, Tensor] = {}
        for width in config.model.bits:
            values = image_out[width], text_out[width]
            image, text = (relax(value, sharpness) for value in values)
            for name, value in _code_terms(image, text, values, teacher, plain, seen, config):
                out[f"{name}_{width}"] = value
            scale = math.sqrt(width)
            if weights.margin:
                name = f"margin_{width}"
                hinge = _margin(name, image / scale, text / scale, seen, config, violations)
                out[name] = weights.margin * hinge
            for name, outputs in others.items():
                one, weight = (
                    (image, weights.intra_image)
                    if name == "intra_image"
                    else (text, weights.intra_text)
                )
                two = relax(outputs[width], sharpness)
                value = _intra(one / scale, two / scale, seen.same, config.loss.intra_temperature)
                out[f"{name}_{width}"] = weight * value
        return out

    return terms


def _code_terms(
    image: Tensor,
    text: Tensor,
    values: tuple[Tensor, Tensor],
    teacher: tuple[Tensor, Tensor],
    plain: tuple[Tensor, Tensor],
    seen: Seen,
    config: Config,
) -> Iterator[tuple[str, Tensor]]:
    """Yield the weighted terms of one width from relaxed bits f32[B, n_bits] and their values."""
    loss, weights = config.loss, config.hash_terms
    scale = math.sqrt(image.shape[1])
    warm = loss.hash_temperature
    found: dict[str, Callable[[], dict[str, Tensor]]] = {
        "infonce": lambda: infonce(image / scale, text / scale, seen.target, temperature=warm),
        "asymmetric": lambda: asymmetric(image, text, seen.target, temperature=warm),
        "distillation": lambda: distillation(
            image,
            text,
            teacher[0],
            teacher[1],
            temperature=warm,
            teacher_temperature=loss.teacher_temperature,
        ),
        "quantization": lambda: quantization(image, text),
        "greedy_penalty": lambda: greedy_penalty(*values),
        "bit_balance": lambda: bit_balance(image, text),
        "bit_independence": lambda: bit_independence(image, text),
        "djsrh": lambda: _DJSRH(image, text, *plain),
        "jdsh": lambda: _JDSH(image, text, *plain),
        "ucch": lambda: _UCCH(image, text, seen.same),
    }
    for name, compute in found.items():
        weight = getattr(weights, name)
        if weight:
            yield name, weight * compute()[name]


def _embedded(tower: Tower, features: Tensor, generator: torch.Generator) -> Tensor:
    return F.normalize(tower.embed(features, generator), dim=1)


def _outputs(tower: Tower, features: Tensor, base: int) -> dict[int, Tensor]:
    """Head outputs by width; each head has a dropout of its own, whichever others are trained."""
    return tower.outputs(
        features, {int(w): torch.Generator().manual_seed(base + 4 * int(w)) for w in tower.code}
    )


def _margin(
    name: str, image: Tensor, text: Tensor, seen: Seen, config: Config, violations: Violations
) -> Tensor:
    loss = config.loss
    rate = violation_rate(image, text, seen.same, margin=loss.margin)
    scale = violations.scale(name, rate, largest=loss.margin_max_scale)
    return margin(image, text, seen.same, margin=loss.margin, scale=scale)["margin"]


def _intra(one: Tensor, two: Tensor, same: Tensor, temperature: float) -> Tensor:
    return intra_modal(one, two, same, temperature=temperature)["intra_modal"]


def _loose_intra(one: Tensor, two: Tensor, temperature: float) -> Tensor:
    alone = torch.eye(len(one), dtype=torch.bool, device=one.device)
    return _intra(one, two, alone, temperature)
