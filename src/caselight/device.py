"""Which device to compute on. Only the doors ask; everything below is told."""

import torch


def best_device() -> torch.device:
    """CUDA where there is a working one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def open_device(name: str | None) -> torch.device:
    """The device of a name, "cpu" or "cuda:1" for instance; the best one where none is named."""
    return best_device() if name is None else torch.device(name)
