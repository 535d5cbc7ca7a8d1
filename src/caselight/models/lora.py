"""Low-rank adapters for transformer towers, through the library `peft`; the extra `tune`.

Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022; on every linear
map of every layer, as Dettmers et al., NeurIPS 2023, section 4, found better than on attention
alone.
"""

import math
from typing import Any

import torch
from torch import nn

from caselight.errors import UsageError
from caselight.models.towers import freeze
from caselight.models.transformer_files import layers
from caselight.models.tunable import AnyTower, not_tunable, settle

_ADAPTER = "default"


def add_lora(
    tower: AnyTower, *, rank: int, alpha: float, generator: torch.Generator, dropout: float = 0.0
) -> tuple[nn.Parameter, ...]:
    """Put a low-rank adapter beside every linear map of a transformer's layers; freeze the rest.

    W x becomes W x + alpha / rank * B A x. B begins at zero, so the tower's features do not change
    until it is trained.

    Args:
        tower: a transformer without such adapters.
        rank: of every adapter, at least 1.
        alpha: scale of an adapter's output, times rank.
        generator: draws A, on the CPU; no other source of randomness is touched.
        dropout: chance that an adapter's input is silenced while its module is in training, 0..1.

    Returns:
        The adapters' parameters, the only ones that now take a gradient.

    Raises:
        ModelError: `model.not_tunable` for a tower that is no transformer or has adapters.
        UsageError: `usage.missing_extra` without peft.
    """
    peft = _peft()
    found = layers(tower.module)
    if _adapted(tower.module, peft):
        raise not_tunable(tower, "it has LoRA layers already; merge them first")
    targets = [] if found is None else _linear_maps(*found)
    if not targets:
        raise not_tunable(tower, "LoRA needs a transformer, and it has no layers of linear maps")
    config = peft.LoraConfig(
        r=rank, lora_alpha=alpha, lora_dropout=dropout, target_modules=targets, bias="none"
    )
    freeze(tower.module)
    device = next(tower.module.parameters()).device
    # peft draws first weights from the global generators; they are put back and drawn again here.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        peft.inject_adapter_in_model(config, tower.module, adapter_name=_ADAPTER)
    tower.module.eval()
    for _, layer in _adapted(tower.module, peft):
        down, up = layer.lora_A[_ADAPTER].weight, layer.lora_B[_ADAPTER].weight
        drawn = torch.empty(down.shape)
        nn.init.kaiming_uniform_(drawn, a=math.sqrt(5), generator=generator)
        with torch.no_grad():
            down.copy_(drawn)
            up.zero_()
    return tuple(p for p in tower.module.parameters() if p.requires_grad)


def merge_lora(tower: AnyTower) -> None:
    """Add the adapters into the weights they stand beside, take them out, and settle the tower.

    Raises:
        ModelError: `model.not_tunable` for a tower without adapters.
        UsageError: `usage.missing_extra` without peft.
    """
    adapted = _adapted(tower.module, _peft())
    if not adapted:
        raise not_tunable(tower, "it has no LoRA layers to merge")
    for name, layer in adapted:
        layer.merge(safe_merge=True)
        tower.module.set_submodule(name, layer.get_base_layer())
    del tower.module.peft_config
    settle(tower)


def _linear_maps(prefix: str, stack: nn.ModuleList) -> list[str]:
    return [f"{prefix}.{name}" for name, m in stack.named_modules() if isinstance(m, nn.Linear)]


def _adapted(module: nn.Module, peft: Any) -> list[tuple[str, Any]]:
    kind = peft.tuners.lora.LoraLayer
    return [(name, m) for name, m in module.named_modules() if isinstance(m, kind)]


def _peft() -> Any:
    try:
        import peft
    except ImportError:
        raise UsageError(
            "LoRA needs peft, which is not installed; run `pip install caselight[tune]`, or tune "
            "a part of the tower instead",
            code="usage.missing_extra",
        ) from None
    return peft
