"""What changes over the steps of a training. Everything counts steps, never epochs."""

import math


def learning_rate(step: int, *, peak: float, warmup_steps: int, total_steps: int) -> float:
    """Linear warm-up, then half a cosine down to zero.

    Args:
        step: 0..total_steps - 1.
        peak: the highest rate.
        warmup_steps: steps to reach it.
        total_steps: steps of the whole training; the rate after the last one would be 0.
    """
    warmup = min(1.0, (step + 1) / max(1, warmup_steps))
    return peak * warmup * 0.5 * (1 + math.cos(math.pi * step / total_steps))


def sharpness(step: int, *, start: float, end: float, total_steps: int) -> float:
    """Grow geometrically from `start` at the first step to `end` at the last.

    Source: the continuation of HashNet, Cao et al., ICCV 2017, as one smooth curve.
    """
    return float(start * (end / start) ** (step / max(1, total_steps - 1)))
