"""Which device to compute on. Only the doors ask; everything below is told."""

import torch


def best_device() -> torch.device:
    """CUDA where there is a working one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
