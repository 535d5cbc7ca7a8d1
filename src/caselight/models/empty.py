"""Layers without first weights, which PyTorch would draw from its global generator."""

from typing import TypeVar

import torch
from torch import nn

Layer = TypeVar("Layer", bound=nn.Module)


def with_memory(layer: Layer) -> Layer:
    """Give a layer that was made on the device "meta" memory on the CPU, and no values.

    Not by PyTorch's own `to_empty`: that loads SymPy, which takes longer than a search.
    """
    for name, parameter in list(layer.named_parameters()):
        setattr(layer, name, nn.Parameter(torch.empty(parameter.shape)))
    return layer
