"""Opening a frozen tower to training, in part or whole, and closing it under its new identity.

BatchNorm keeps the statistics it came with, trained or not: a picture's features never depend on
the others of its batch.
"""

from torch import nn

from caselight.errors import ConfigError, ModelError
from caselight.models.towers import ImageTower, TextTower, freeze, state_digest

AnyTower = ImageTower | TextTower
N_DIGITS = 64
"""Of a SHA-256 in hex."""


def unfreeze(tower: AnyTower, *, part: float) -> tuple[nn.Parameter, ...]:
    """Let the last stages of a tower be trained, and no others.

    Args:
        tower: its digest is stale from the first step of a training until `settle`.
        part: share of `tower.stages()`, above 0 and up to 1, from the output back; at least the
            last stage is opened.

    Returns:
        The parameters that now take a gradient.

    Raises:
        ConfigError: `config.out_of_range` for a part outside its range.
        ModelError: `model.not_tunable` for a tower without weights.
    """
    if not 0 < part <= 1:
        raise ConfigError(
            f"found {part} as the part of a tower to train, expected above 0 and up to 1; give 1 "
            "for the whole tower",
            code="config.out_of_range",
        )
    stages = tower.stages()
    if not stages:
        raise not_tunable(tower, "it has no weights")
    freeze(tower.module)
    opened = stages[: max(1, round(part * len(stages)))]
    parameters = tuple(p for _, group in opened for p in group)
    for parameter in parameters:
        parameter.requires_grad = True
    return parameters


def trainable(tower: AnyTower) -> dict[str, nn.Parameter]:
    """The parameters that take a gradient, by their names in the module.

    Raises:
        ModelError: `model.not_tunable` when there is none.
    """
    found = {name: p for name, p in tower.module.named_parameters() if p.requires_grad}
    if not found:
        raise not_tunable(tower, "all its weights are frozen")
    return found


def settle(tower: AnyTower) -> None:
    """Freeze a tower after training and give it the digest and the name of its present weights.

    What follows the digits of a digest tells apart towers that read the same weights differently;
    it stays.
    """
    freeze(tower.module)
    tower.digest = state_digest(tower.module) + tower.digest[N_DIGITS:]
    tower.name = tuned_name(tower.base, tower.digest)


def tuned_name(base: str, digest: str) -> str:
    """The name of a tower whose weights are no longer those of its base."""
    return f"{base}+{digest[:8]}"


def not_tunable(tower: AnyTower, why: str) -> ModelError:
    """The refusal to train a tower that cannot be trained as asked."""
    return ModelError(
        f"the tower {tower.name} cannot be tuned ({why}); unfreeze a part of a tower with "
        "weights, or give it LoRA layers where it is a transformer",
        code="model.not_tunable",
    )
