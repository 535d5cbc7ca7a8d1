"""Schedules count steps: they begin and end where they say, whatever the number of steps."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caselight.train.schedule import learning_rate, sharpness

totals = st.integers(1, 2000)
peaks = st.floats(1e-6, 10)


def rates(*, peak: float, warmup_steps: int, total_steps: int) -> list[float]:
    return [
        learning_rate(step, peak=peak, warmup_steps=warmup_steps, total_steps=total_steps)
        for step in range(total_steps)
    ]


@given(peaks, st.integers(0, 50), totals)
def test_the_rate_lies_above_zero_and_below_its_peak(peak: float, warmup: int, total: int) -> None:
    for rate in rates(peak=peak, warmup_steps=warmup, total_steps=total):
        assert 0 < rate <= peak


@given(peaks, st.integers(100, 3000))
def test_the_last_rate_is_nearly_zero(peak: float, total: int) -> None:
    assert rates(peak=peak, warmup_steps=10, total_steps=total)[-1] < peak * 3 / total**2


@pytest.mark.parametrize("warmup", [0, 1])
def test_without_warmup_the_first_rate_is_the_peak(warmup: int) -> None:
    assert learning_rate(0, peak=0.3, warmup_steps=warmup, total_steps=50) == 0.3


def test_warmup_is_linear_over_its_steps() -> None:
    # So long a training that the cosine has not begun to fall.
    first = rates(peak=1.0, warmup_steps=4, total_steps=1_000_000)[:6]
    assert first == pytest.approx([0.25, 0.5, 0.75, 1, 1, 1], abs=1e-6)


@given(peaks, st.integers(0, 20), st.integers(30, 300))
def test_the_rate_rises_in_warmup_and_falls_ever_after(
    peak: float, warmup: int, total: int
) -> None:
    found = rates(peak=peak, warmup_steps=warmup, total_steps=total)
    start = max(warmup - 1, 0)
    assert found[start:] == sorted(found[start:], reverse=True)


def test_half_way_the_cosine_is_at_half_the_peak() -> None:
    assert learning_rate(500, peak=2.0, warmup_steps=0, total_steps=1000) == pytest.approx(1.0)


@given(st.floats(0.1, 10), st.floats(0.1, 10), st.integers(2, 2000))
def test_sharpness_goes_from_start_to_end(start: float, end: float, total: int) -> None:
    values = [sharpness(s, start=start, end=end, total_steps=total) for s in range(total)]
    assert values[0] == start
    assert values[-1] == pytest.approx(end)
    assert all(min(start, end) * 0.999 <= v <= max(start, end) * 1.001 for v in values)
    assert values == sorted(values, reverse=end < start)


def test_sharpness_grows_by_the_same_factor_each_step() -> None:
    values = [sharpness(s, start=1.0, end=16.0, total_steps=5) for s in range(5)]
    assert values == pytest.approx([1, 2, 4, 8, 16])


def test_a_training_of_one_step_has_the_first_sharpness() -> None:
    assert sharpness(0, start=2.0, end=5.0, total_steps=1) == 2.0
